"""Platt scaling after SMOTE: the ranking stays as it was, and the probabilities begin to mean something.

Source: J. Platt, "Probabilistic outputs for support vector machines", 1999.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from counterpoise.calibrate import PlattMap, reliability
from counterpoise.chance import Seed
from counterpoise.evaluate import metrics
from counterpoise.lab.experiment import Experiment
from counterpoise.lab.runs import Judged, blobs, judged, of_two_classes, three_parts
from counterpoise.table import Table

__all__ = ["calibration"]

_AS_IT_IS, _SCALED = "after SMOTE", "after SMOTE and Platt scaling"
_BINS = 8


def calibration(
    table: Table | None = None, *, learner: Any = "logistic", repeats: int = 5, random_state: Seed = 0
) -> Experiment:
    """Scale the probabilities of a model trained on SMOTE's rows, on rows that neither trained nor judge it.

    Parameters
    ----------
    table : Table, optional
        The caller's; blobs of 3,800 and 200 rows where left out.
    learner : str or classifier, default="logistic"
        What learns.
    repeats : int, default=5
        Runs, each on a fresh split.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Experiment
        Average precision, mean probability over base rate and Brier score before and after; the picture shows
        observed against predicted rates of the first run.

    Examples
    --------
    >>> from counterpoise.lab import calibration
    >>> found = calibration(repeats=1)
    >>> before, after = found.runs["average_precision"]
    >>> bool(abs(before - after) < 1e-12)
    True
    """
    at = blobs(3_800, 200, random_state=random_state) if table is None else of_two_classes(table)
    rows, drawn = [], []
    for k, parts in enumerate(three_parts(at, repeats, random_state)):
        scored = judged(parts, "smote", learner)
        scaled = PlattMap.fit(scored.line_y, scored.line_p).apply(scored.p)
        for way, p in ((_AS_IT_IS, scored.p), (_SCALED, scaled)):
            rows.append({"run": k, "way": way, **_figures(scored, p)})
            drawn += _bins(scored, p, way) if k == 0 else []
    runs = pl.DataFrame(rows)
    return Experiment("calibration", _sentence(runs), runs, pl.DataFrame(drawn), _draw)


def _figures(scored: Judged, p: Any) -> dict[str, float]:
    return {
        "average_precision": metrics.average_precision(scored.y, p),
        "mean_ratio": metrics.mean_ratio(scored.y, p),
        "brier": metrics.brier(scored.y, p),
    }


def _bins(scored: Judged, p: Any, way: str) -> list[dict[str, Any]]:
    bins = reliability(scored.y, p, n_bins=_BINS).bins
    return [
        {"way": way, "predicted": b.mean_probability, "observed": b.rate, "low": b.lower, "high": b.upper}
        for b in bins
    ]


def _sentence(runs: pl.DataFrame) -> str:
    means = {row["way"]: row for row in runs.group_by("way").mean().iter_rows(named=True)}
    before, after = means[_AS_IT_IS], means[_SCALED]
    return (
        f"SMOTE makes probabilities {before['mean_ratio']:.1f} times the base rate; Platt scaling brings them to "
        f"{after['mean_ratio']:.2f} times and the Brier score from {before['brier']:.4f} to {after['brier']:.4f}, "
        f"while the ranking stays (average precision {before['average_precision']:.3f} and "
        f"{after['average_precision']:.3f})."
    )


def _draw(bins: pl.DataFrame) -> Any:
    import altair as alt

    base = alt.Chart(bins).encode(
        x=alt.X("predicted:Q", title="mean probability", axis=alt.Axis(format="~%")),
        color=alt.Color("way:N", title=None, sort=None),
    )
    lines = base.mark_line(point=True).encode(
        y=alt.Y("observed:Q", title="share of positives", axis=alt.Axis(format="~%"))
    )
    ends = pl.DataFrame({"predicted": [0.0, 1.0], "observed": [0.0, 1.0]})
    even = alt.Chart(ends).mark_line(color="grey", strokeDash=[4, 3]).encode(x="predicted:Q", y="observed:Q")
    return (even + base.mark_rule(opacity=0.4).encode(y="low:Q", y2="high:Q") + lines).properties(
        width=380, height=320
    )
