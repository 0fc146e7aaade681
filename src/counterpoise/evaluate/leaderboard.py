"""The leaderboard: one row a candidate, from the record alone."""

from __future__ import annotations

import statistics
from typing import Any

import polars as pl

from counterpoise.evaluate.daily import DAILY_METRICS
from counterpoise.evaluate.records import CandidateRecord, Estimate, TrialRecord

__all__ = ["METRICS", "leaderboard"]

METRICS = (
    "average_precision",
    "roc_auc",
    "precision",
    "recall",
    "f1",
    "mcc",
    "brier",
    "log_loss",
    "mean_ratio",
)
"""Figures with their intervals, in the order of the columns."""

_NOTHING = Estimate(value=None)


def leaderboard(record: TrialRecord) -> pl.DataFrame:
    """Lay a trial out as a table.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    polars.DataFrame
        Best first by the goal's figure; candidates that were not run last, with nulls. Figures by day where rows have
        a time, card precision where they have groups, too.
    """
    by_day = [name for name in DAILY_METRICS if any(name in each.metrics for each in record.candidates)]
    names = (*METRICS, *by_day)
    rows = [_row(candidate, record.goal, names) for candidate in record.candidates]
    return pl.DataFrame(rows, schema=_schema(names), orient="row")


def _schema(names: tuple[str, ...]) -> dict[str, Any]:
    text, number = pl.String, pl.Float64
    metrics = {f"{name}{end}": number for name in names for end in ("", "_lower", "_upper")}
    return {
        "candidate": text,
        "treatment": text,
        "learner": text,
        "status": text,
        "goal": text,
        **dict.fromkeys(("value", "lower", "upper"), number),
        **dict.fromkeys(("difference", "difference_lower", "difference_upper"), number),
        **metrics,
        "threshold": number,
        "n_positive": pl.Int64,
        "fit_seconds": number,
        "predict_seconds": number,
        "peak_bytes": pl.Int64,
        "is_champion": pl.Boolean,
        "is_baseline": pl.Boolean,
        "goal_met": pl.Boolean,
        "predicted_seconds": number,
        "predicted_bytes": pl.Int64,
        **dict.fromkeys(("leader_difference", "leader_difference_lower", "leader_difference_upper"), number),
        "repeats": pl.Int64,
        "repeat_spread": number,
        "led_share": number,
        "reason": text,
    }


def _row(candidate: CandidateRecord, goal: str, names: tuple[str, ...]) -> dict[str, Any]:
    point = candidate.operating_point or {}
    row: dict[str, Any] = {
        "candidate": candidate.candidate,
        "treatment": candidate.treatment,
        "learner": candidate.learner,
        "status": candidate.status,
        "goal": goal,
        **_figure("value", "", candidate.metrics.get("goal", _NOTHING)),
        **_figure("difference", "difference_", candidate.difference or _NOTHING),
        "threshold": point.get("threshold"),
        "n_positive": point.get("n_positive"),
        "fit_seconds": candidate.fit_seconds,
        "predict_seconds": candidate.predict_seconds,
        "peak_bytes": candidate.peak_bytes,
        "is_champion": candidate.is_champion,
        "is_baseline": candidate.is_baseline,
        "goal_met": point.get("met"),
        "predicted_seconds": candidate.predicted_seconds,
        "predicted_bytes": candidate.predicted_bytes,
        **_figure("leader_difference", "leader_difference_", candidate.leader_difference or _NOTHING),
        "repeats": candidate.repeats if candidate.status == "run" else None,
        "repeat_spread": _spread(candidate.repeat_values),
        "led_share": candidate.led_share,
        "reason": candidate.reason,
    }
    for name in names:
        row |= _figure(name, f"{name}_", candidate.metrics.get(name, _NOTHING))
    return row


def _spread(values: list[float | None]) -> float | None:
    """Give the standard deviation over the repeats; nothing where there is one, or a figure is undefined."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None


def _figure(name: str, prefix: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{prefix}lower": estimate.lower, f"{prefix}upper": estimate.upper}
