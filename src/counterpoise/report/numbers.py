"""The numbers behind every chart of a trial, as frames, from its records alone."""

from __future__ import annotations

from typing import Any

import polars as pl

from counterpoise.errors import NotApplicable, OptionError, nearest_names
from counterpoise.evaluate.records import CandidateRecord, TrialRecord

__all__ = [
    "boundary_frame",
    "candidate_of",
    "confusion_frame",
    "curve_frame",
    "feature_frame",
    "fold_frame",
    "forest_frame",
    "history_frame",
    "plane_frame",
    "reliability_frame",
    "score_frame",
]

CLASSES = ("negative", "positive")


def candidate_of(record: TrialRecord, name: str | None) -> CandidateRecord:
    """Find a candidate that was run.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    name : str or None
        Its name; the champion, or else the best, where it is None.

    Returns
    -------
    CandidateRecord
        The candidate.

    Raises
    ------
    OptionError
        If there is none of that name.
    NotApplicable
        If none was run.
    """
    run = [c for c in record.candidates if c.status == "run"]
    if not run:
        raise NotApplicable(
            "No candidate of this trial was run.",
            expected="Expected at least one.",
            why="There is nothing to draw.",
            hint="See the verdict for the reason.",
        )
    if name is None:
        return next((c for c in run if c.is_champion), run[0])
    found = next((c for c in run if c.candidate == name), None)
    if found is None:
        names = [c.candidate for c in run]
        raise OptionError(
            f"A candidate {name!r} was asked for.",
            expected=f"Expected one of {', '.join(names)}.",
            why="These are the candidates that were run.",
            hint=nearest_names(name, names),
        )
    return found


def _role(candidate: CandidateRecord) -> str:
    if candidate.is_champion:
        return "champion"
    return "baseline" if candidate.is_baseline else "other"


def curve_frame(record: TrialRecord, *, fn: float = 100.0, fp: float = 1.0) -> pl.DataFrame:
    """Give every point of every candidate's threshold curve, with what it means.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    fn, fp : float, default=100 and 1
        What a missed positive and a false alarm cost.

    Returns
    -------
    polars.DataFrame
        ``candidate, role, threshold, tp, fp, fn, tn, recall, precision, fpr, alerted, lift, cost`` (per 1,000 rows);
        undefined figures are null.
    """
    parts = [_curve(c) for c in record.candidates if c.status == "run" and c.curve is not None]
    if not parts:
        return pl.DataFrame()
    rows = pl.col("tp") + pl.col("fp") + pl.col("fn") + pl.col("tn")
    alerts = pl.col("tp") + pl.col("fp")
    precision = pl.when(alerts > 0).then(pl.col("tp") / alerts)
    return pl.concat(parts).with_columns(
        recall=pl.col("tp") / (pl.col("tp") + pl.col("fn")),
        precision=precision,
        fpr=pl.col("fp") / (pl.col("fp") + pl.col("tn")),
        alerted=alerts / rows,
        lift=precision / ((pl.col("tp") + pl.col("fn")) / rows),
        cost=1000 * (fn * pl.col("fn") + fp * pl.col("fp")) / rows,
    )


def _curve(c: CandidateRecord) -> pl.DataFrame:
    assert c.curve is not None  # selected by the caller
    return pl.DataFrame(
        {
            "threshold": [None if t is None or t > 1 else t for t in c.curve.thresholds],
            "tp": c.curve.tp,
            "fp": c.curve.fp,
        },
        schema={"threshold": pl.Float64, "tp": pl.Float64, "fp": pl.Float64},
    ).select(
        pl.lit(c.candidate).alias("candidate"),
        pl.lit(_role(c)).alias("role"),
        "threshold",
        "tp",
        "fp",
        (c.curve.n_positive - pl.col("tp")).alias("fn"),
        (c.curve.n_negative - pl.col("fp")).alias("tn"),
    )


def forest_frame(record: TrialRecord) -> pl.DataFrame:
    """Give the paired difference of every candidate to the untreated model of its learner.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        ``candidate, role, value, lower, upper``; untreated models are left out.
    """
    rows = [
        (c.candidate, _role(c), c.difference.value, c.difference.lower, c.difference.upper)
        for c in record.candidates
        if c.difference is not None and c.difference.value is not None
    ]
    names = {
        "candidate": pl.String,
        "role": pl.String,
        "value": pl.Float64,
        "lower": pl.Float64,
        "upper": pl.Float64,
    }
    return pl.DataFrame(rows, names, orient="row")


def fold_frame(record: TrialRecord) -> pl.DataFrame:
    """Give the goal's figure of every candidate by fold.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        ``candidate, role, fold, value``.
    """
    rows = [
        (c.candidate, _role(c), fold + 1, value)
        for c in record.candidates
        for fold, value in enumerate(c.fold_values)
        if value is not None
    ]
    names = {"candidate": pl.String, "role": pl.String, "fold": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, names, orient="row")


def score_frame(record: TrialRecord, candidate: str | None = None) -> pl.DataFrame:
    """Give the histogram of a candidate's log-odds by class.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    candidate : str, optional
        Its name; the champion where left out.

    Returns
    -------
    polars.DataFrame
        ``class, log_odds, log_odds_to, rows``.
    """
    h = candidate_of(record, candidate).scores
    rows = (
        []
        if h is None
        else [
            (name, h.edges[i], h.edges[i + 1], n) for name in CLASSES for i, n in enumerate(getattr(h, name))
        ]
    )
    names = {"class": pl.String, "log_odds": pl.Float64, "log_odds_to": pl.Float64, "rows": pl.Float64}
    return pl.DataFrame(rows, names, orient="row")


def reliability_frame(record: TrialRecord, candidate: str | None = None) -> pl.DataFrame:
    """Give the bins of a candidate's reliability curve.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    candidate : str, optional
        Its name; the champion where left out.

    Returns
    -------
    polars.DataFrame
        ``mean_probability, rate, lower, upper, n_rows, n_positive``.
    """
    found = candidate_of(record, candidate).reliability or {}
    names = ("mean_probability", "rate", "lower", "upper", "n_rows", "n_positive")
    rows = [tuple(each.get(name) for name in names) for each in found.get("bins") or ()]
    return pl.DataFrame(rows, dict.fromkeys(names, pl.Float64), orient="row")


def confusion_frame(record: TrialRecord) -> pl.DataFrame:
    """Give the confusion counts of every candidate at its own line.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        ``candidate, actual, decision, rows, share`` (of the actual class).
    """
    cells = (("tp", "positive", "alerted"), ("fn", "positive", "not alerted"), ("fp", "negative", "alerted"))
    rows: list[tuple[Any, ...]] = []
    for c in record.candidates:
        counts = c.confusion
        if not counts:
            continue
        totals = {"positive": counts["tp"] + counts["fn"], "negative": counts["fp"] + counts["tn"]}
        for cell, actual, decision in (*cells, ("tn", "negative", "not alerted")):
            rows.append((c.candidate, actual, decision, counts[cell], counts[cell] / (totals[actual] or 1.0)))
    names = {
        "candidate": pl.String,
        "actual": pl.String,
        "decision": pl.String,
        "rows": pl.Float64,
        "share": pl.Float64,
    }
    return pl.DataFrame(rows, names, orient="row")


def feature_frame(record: TrialRecord, n: int = 6) -> pl.DataFrame:
    """Give the distribution of the most telling features by class.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    n : int, default=6
        How many features.

    Returns
    -------
    polars.DataFrame
        ``feature, bin, middle, class, rows, share`` (of the class).
    """
    rows: list[tuple[Any, ...]] = []
    for f in [f for f in record.features if f.histogram is not None][:n]:
        h = f.histogram
        assert h is not None  # selected above
        for name in CLASSES:
            counts = getattr(h, name)
            total = sum(counts) or 1.0
            for i, count in enumerate(counts):
                low, high = h.edges[i], h.edges[i + 1]
                words = f.levels[i] if f.levels else f"{low:.4g} to {high:.4g}"
                rows.append((f.name, words, (low + high) / 2, name, count, count / total))
    names = {
        "feature": pl.String,
        "bin": pl.String,
        "middle": pl.Float64,
        "class": pl.String,
        "rows": pl.Float64,
        "share": pl.Float64,
    }
    return pl.DataFrame(rows, names, orient="row")


def plane_frame(record: TrialRecord, pair: int = 0) -> pl.DataFrame:
    """Give the density of two features by class.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    pair : int, default=0
        Which pair of the record.

    Returns
    -------
    polars.DataFrame
        ``class, x, x_to, y, y_to, rows``; empty cells are left out.
    """
    one = record.planes[pair] if pair < len(record.planes) else None
    rows = (
        []
        if one is None
        else [
            (name, one.x_edges[j], one.x_edges[j + 1], one.y_edges[i], one.y_edges[i + 1], n)
            for name in CLASSES
            for i, line in enumerate(getattr(one, name))
            for j, n in enumerate(line)
            if n
        ]
    )
    names = {"class": pl.String, **dict.fromkeys(("x", "x_to", "y", "y_to", "rows"), pl.Float64)}
    return pl.DataFrame(rows, names, orient="row")


def history_frame(record: TrialRecord) -> pl.DataFrame:
    """Give what neural candidates reported by epoch.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        ``candidate, epoch, part`` (training or validation), ``metric, value``.
    """
    rows: list[tuple[Any, ...]] = []
    for c in record.candidates:
        for name, values in (c.history or {}).items():
            if name == "epoch":
                continue
            part = "validation" if name.startswith("val_") else "training"
            epochs = (c.history or {}).get("epoch") or range(1, len(values) + 1)
            rows.extend(
                (c.candidate, epoch, part, name.removeprefix("val_"), value)
                for epoch, value in zip(epochs, values, strict=False)
                if value is not None
            )
    names = {
        "candidate": pl.String,
        "epoch": pl.Float64,
        "part": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
    }
    return pl.DataFrame(rows, names, orient="row", strict=False)


def boundary_frame(record: TrialRecord) -> pl.DataFrame:
    """Give the cells of every decision boundary.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        ``candidate, x, x_to, y, y_to, probability, alerted``.
    """
    rows = [
        (b.candidate, b.x_edges[j], b.x_edges[j + 1], b.y_edges[i], b.y_edges[i + 1], p, p >= b.threshold)
        for b in record.boundaries
        for i, line in enumerate(b.probability)
        for j, p in enumerate(line)
    ]
    names = {
        "candidate": pl.String,
        **dict.fromkeys(("x", "x_to", "y", "y_to", "probability"), pl.Float64),
        "alerted": pl.Boolean,
    }
    return pl.DataFrame(rows, names, orient="row")
