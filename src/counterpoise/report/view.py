"""What the page's script needs of a record: short lists of numbers, thinned for the eye."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from counterpoise.evaluate.records import CandidateRecord, CurveRecord, TrialRecord

__all__ = ["MAX_POINTS", "page_data", "thinned"]

MAX_POINTS = 1_200
"""Points of a curve; a screen is hardly wider."""

_DIGITS = 9
_DEFAULT_COSTS = {"fn": 100.0, "fp": 1.0, "tp": 0.0, "tn": 0.0}


def page_data(record: TrialRecord) -> dict[str, Any]:
    """Give what the page's script draws.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    dict
        Plain JSON values.
    """
    run = [candidate for candidate in record.candidates if candidate.status == "run"]
    return {
        "goal": record.goal,
        "metric": record.goal_metric,
        "beta": _beta(record.goal),
        "costs": _costs(record.goal),
        "target": record.table.target,
        "positive": record.table.positive,
        "n_rows": record.table.n_rows,
        "n_days": record.table.n_days,
        "candidates": [_candidate(candidate) for candidate in run],
        "features": [_feature(feature) for feature in record.features],
        "planes": [plane.model_dump() for plane in record.planes] or _profile_part(record, "planes"),
        "boundaries": [boundary.model_dump() for boundary in record.boundaries],
        "times": (record.profile or {}).get("times"),
    }


def _profile_part(record: TrialRecord, name: str) -> list[Any]:
    return list((record.profile or {}).get(name) or [])


def _beta(goal: str) -> float:
    found = re.match(r"\s*f_?(\d*\.?\d+)", goal)
    return float(found.group(1)) if found else 1.0


def _costs(goal: str) -> dict[str, float]:
    """Read costs that the goal states as numbers; where it names columns, or none, the usual 100 to 1."""
    found = dict(re.findall(r"\b(fn|fp|tp|tn)\s*=\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?=[,)])", goal))
    return {**_DEFAULT_COSTS, **{cell: float(value) for cell, value in found.items()}}


def _candidate(candidate: CandidateRecord) -> dict[str, Any]:
    curve = _with_point(candidate)
    return {
        "name": candidate.candidate,
        "champion": candidate.is_champion,
        "baseline": candidate.is_baseline,
        "curve": curve,
        "point": _point(candidate.operating_point),
        "scores": None if candidate.scores is None else candidate.scores.model_dump(),
        "reliability": _reliability(candidate.reliability),
        "confusion": candidate.confusion,
        "history": candidate.history,
        "ap": _value(candidate, "average_precision"),
        "auc": _value(candidate, "roc_auc"),
    }


def _point(point: dict[str, Any] | None) -> dict[str, Any] | None:
    names = ("metric", "value", "lower", "upper", "n_positive")
    return None if point is None else {name: point.get(name) for name in names}


def _value(candidate: CandidateRecord, name: str) -> float | None:
    estimate = candidate.metrics.get(name)
    return None if estimate is None else estimate.value


def _with_point(candidate: CandidateRecord) -> dict[str, Any] | None:
    """Give the curve with the goal's own line among its points, and say which one that is."""
    if candidate.curve is None:
        return None
    points = _points(candidate.curve)
    keep = thinned(points, candidate.curve.n_positive, candidate.curve.n_negative)
    points = [points[i] for i in keep]
    at = None
    goal = _goal_point(candidate.operating_point)
    if goal is not None:
        at = next((i for i, point in enumerate(points) if _same_cells(point, goal)), None)
        if at is None:
            at = next((i for i, point in enumerate(points) if point[0] < goal[0]), len(points))
            points.insert(at, goal)
        points[at] = goal
    return {
        "t": [_rounded(point[0]) for point in points],
        "tp": [_rounded(point[1]) for point in points],
        "fp": [_rounded(point[2]) for point in points],
        "P": candidate.curve.n_positive,
        "N": candidate.curve.n_negative,
        "goal": at,
    }


def _points(curve: CurveRecord) -> list[tuple[float, float, float]]:
    thresholds = [math.inf if t is None or t > 1 else t for t in curve.thresholds]  # nobody is that probable
    return sorted(
        zip(thresholds, curve.tp, curve.fp, strict=True), key=lambda point: (-point[0], point[1], point[2])
    )


def _goal_point(point: dict[str, Any] | None) -> tuple[float, float, float] | None:
    parts = [] if point is None else [point.get(name) for name in ("threshold", "tp", "fp")]
    if not parts or None in parts:
        return None
    threshold, tp, fp = (float(part) for part in parts if part is not None)
    return threshold, tp, fp


def _same_cells(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in zip(one[1:], other[1:], strict=True)
    )


def _rounded(value: float) -> float | int | None:
    """Round to nine digits: far below what can be seen, and half the bytes. None stands for infinity."""
    if not math.isfinite(value):
        return None
    if value == round(value) and abs(value) < 1e15:
        return round(value)
    return float(f"{value:.{_DIGITS}g}")


def thinned(
    points: list[tuple[float, float, float]], n_positive: float, n_negative: float, most: int = MAX_POINTS
) -> list[int]:
    """Choose the points of a threshold curve that the eye can tell apart.

    A point is kept where it enters another cell of a grid over recall, the logarithm of false alarms and precision; the
    cells grow until few enough are left. First and last always stay.

    Parameters
    ----------
    points : list of tuple
        Threshold, true positives, false positives; thresholds descending.
    n_positive, n_negative : float
        Totals.
    most : int, default=1200
        Points to keep at most.

    Returns
    -------
    list of int
        Positions, ascending.
    """
    if len(points) <= most:
        return list(range(len(points)))
    places = _places(np.array([point[1:] for point in points]), n_positive, n_negative)
    step = 1.0 / most
    while True:
        cell = np.floor(places / step)
        moved = np.flatnonzero((cell[1:] != cell[:-1]).any(axis=1)) + 1
        kept = np.unique(np.concatenate([[0], moved, [len(points) - 1]]))
        if len(kept) <= most:
            return [int(i) for i in kept]
        step *= 1.3


def _places(cells: np.ndarray, n_positive: float, n_negative: float) -> np.ndarray:
    """Place points by recall, by the logarithm of false alarms, and by precision, each from 0 to 1."""
    tp, fp = cells.T
    decades = np.log10(np.maximum(fp, 0.5)) / max(np.log10(max(n_negative, 10.0)), 1.0)
    precision = tp / np.maximum(tp + fp, 1e-300)
    return np.column_stack([tp / max(n_positive, 1e-300), decades, precision])


def _reliability(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if not found or not found.get("bins"):
        return None
    names = ("mean_probability", "rate", "lower", "upper", "n_rows", "n_positive")
    return {
        "bins": [{name: each.get(name) for name in names} for each in found["bins"]],
        "sentence": (found.get("finding") or {}).get("sentence", ""),
    }


def _feature(feature: Any) -> dict[str, Any]:
    return {
        "name": feature.name,
        "kind": feature.kind,
        "separation": feature.separation,
        "missing": feature.missing_share,
        "levels": feature.levels,
        "histogram": None if feature.histogram is None else feature.histogram.model_dump(),
    }
