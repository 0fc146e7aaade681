"""What a model said of itself when it was trained, from the plain parts of its bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from counterpoise.decide import Goal
from counterpoise.errors import GoalError
from counterpoise.monitor.records import Bins, Reference

__all__ = ["features_of", "odds_range", "reference_from", "reference_of_class"]

CONFIDENCE = 0.99
"""Of what training could tell about its own probabilities."""

MOST_SCALE = 1e3
"""Odds are not thought to be off by more."""


def reference_from(
    schema: Mapping[str, Any],
    point: Mapping[str, Any],
    base_rate: float,
    evidence: Mapping[str, np.ndarray] | None = None,
) -> Reference:
    """Read what the monitor needs from a bundle's parts.

    Parameters
    ----------
    schema : mapping
        ``Schema.model_dump()``: features with their histograms, and the scores.
    point : mapping
        ``OperatingPoint.to_dict()``.
    base_rate : float
        Share of positives that the probabilities refer to.
    evidence : mapping of str to ndarray, optional
        ``probability``, ``outcome`` and ``weight`` of the rows that judged the model, where they are known.

    Returns
    -------
    Reference
        Histograms, line, base rate, and how well the probabilities held for alerts and for other rows.
    """
    numbers = {name: point.get(name) for name in ("tp", "fp", "fn", "tn")}
    tp, fp, fn, _ = (float(n) if n is not None else float("nan") for n in numbers.values())
    threshold = float(point["threshold"])
    called, passed = _ranges(evidence, threshold)
    return Reference(
        base_rate=float(base_rate),
        n_positive=max(float(point.get("n_positive") or 0.0), 1.0),
        threshold=threshold,
        goal=str(point.get("goal", "")),
        scores=None if schema.get("scores") is None else Bins.model_validate(schema["scores"]),
        features=features_of(schema),
        recall=_share(tp, tp + fn),
        precision=_share(tp, tp + fp),
        called=called,
        passed=passed,
        **_of_goal(str(point.get("goal", ""))),
    )


def features_of(schema: Mapping[str, Any]) -> dict[str, Bins | None]:
    """Read the histograms of a bundle's features.

    Parameters
    ----------
    schema : mapping
        ``Schema.model_dump()``.

    Returns
    -------
    dict of str to Bins or None
        In the model's order.
    """
    return {
        each["name"]: None if each.get("histogram") is None else Bins.model_validate(each["histogram"])
        for each in schema["features"]
    }


def reference_of_class(
    p: np.ndarray,
    y: np.ndarray,
    chosen: np.ndarray,
    scores: Mapping[str, Any],
    weight: np.ndarray | None = None,
    **facts: Any,
) -> Reference:
    """Say of one class against all others what the monitor needs: no line decides for it, but a choice among several.

    Parameters
    ----------
    p : ndarray of shape (n,), float64
        Its probability, on the rows that judged the model.
    y : ndarray of shape (n,), bool
        Which rows are of the class.
    chosen : ndarray of shape (n,), bool
        For which rows it is chosen.
    scores : mapping
        The histogram of `p`.
    weight : ndarray of shape (n,), optional
        Weights of the rows.
    **facts : object
        More of `Reference`'s fields: ``goal``, ``features``.

    Returns
    -------
    Reference
        As of two classes; `calls` stands for a line.
    """
    w = np.ones(len(p)) if weight is None else weight * (len(weight) / weight.sum())
    positives, called, caught = (float(w[which].sum()) for which in (y, chosen, y & chosen))
    passed = ~chosen
    return Reference(
        base_rate=positives / len(p),
        n_positive=max(positives, 1.0),
        threshold=float("nan"),
        scores=Bins.model_validate(scores),
        recall=_share(caught, positives),
        precision=_share(caught, called),
        called=odds_range(p[chosen], y[chosen], w[chosen]),
        passed=odds_range(p[passed], y[passed], w[passed]),
        calls=(called, float(len(p))),
        **facts,
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if np.isfinite(whole) and whole > 0 else None


def _of_goal(text: str) -> dict[str, Any]:
    """Read costs and budget out of a goal; a line drawn by hand has neither."""
    try:
        goal = Goal.parse(text)
    except GoalError:
        return {}
    found: dict[str, Any] = {}
    costs = dict(goal.objective.costs) if goal.objective.name == "cost" else {}
    if costs and all(cost.column is None for cost in costs.values()):
        found["costs"] = {cell: cost.factor for cell, cost in costs.items()}
    for limit in goal.constraints:
        if limit.metric == "alerts" and limit.per == "day":
            found["alerts_a_day"] = float(limit.limit)
    return found


def _ranges(
    evidence: Mapping[str, np.ndarray] | None, threshold: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Say by what factors training's own probabilities may have been off, for alerts and for other rows."""
    if evidence is None or not {"probability", "outcome"} <= set(evidence):
        return (1.0, 1.0), (1.0, 1.0)
    p, y = np.asarray(evidence["probability"], dtype=np.float64), np.asarray(evidence["outcome"])
    w = np.asarray(evidence.get("weight", np.ones(len(p))), dtype=np.float64)
    alert = p >= threshold
    return odds_range(p[alert], y[alert], w[alert]), odds_range(p[~alert], y[~alert], w[~alert])


def odds_range(p: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Give the factors on the odds with which the outcomes agree.

    Parameters
    ----------
    p : ndarray of shape (n,), float64
        Probabilities.
    y : ndarray of shape (n,)
        Outcomes, 0 or 1.
    weight : ndarray of shape (n,), optional
        Weights of the rows.

    Returns
    -------
    low, high : float
        With these factors the expected positives are the ends of the exact Poisson interval of those observed; 1
        always lies between them.
    """
    w = np.ones(len(p)) if weight is None else weight
    hits, mass = float((w * y).sum()), float(w.sum())
    if mass <= 0:
        return 1.0, 1.0
    unit = float((w**2).sum()) / mass  # rows that weigh 5 each tell as much as a fifth of them
    tail = (1 - CONFIDENCE) / 2
    n = hits / unit
    low = chi2.ppf(tail, 2 * n) / 2 * unit if n > 0 else 0.0
    high = chi2.ppf(1 - tail, 2 * n + 2) / 2 * unit
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    odds = inside / (1 - inside)

    def excess(log_scale: float, target: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give expected positives less those aimed at."""
        scaled = odds * np.exp(log_scale)
        return float((w * scaled / (1 + scaled)).sum()) - target

    ends = []
    for target in (low, high):
        most = float(np.log(MOST_SCALE))
        if excess(-most, target) >= 0:
            ends.append(1 / MOST_SCALE)
        elif excess(most, target) <= 0:
            ends.append(MOST_SCALE)
        else:
            ends.append(float(np.exp(brentq(excess, -most, most, args=(target,)))))
    return min(ends[0], 1.0), max(ends[1], 1.0)
