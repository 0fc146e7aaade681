r"""Decisions among more than two classes, by a weight on each probability.

The class with the largest :math:`w_c p_c` is chosen. The weights are found by coordinate ascent: with all others
fixed, raising the weight of one class flips rows to it one after the other, in an order that one sort gives, so the
figure is known at every flip and the best is exact for that coordinate.

Sources: N. Ye et al., "Optimizing F-measures: a tale of two approaches", ICML 2012 (plug-in rules); A. Menon et al.,
"Long-tail learning via logit adjustment", ICLR 2021 (weights 1/prior for balanced error).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from counterpoise.decide.goal import Goal, Objective
from counterpoise.errors import NotApplicable

__all__ = ["class_weights_for", "decide_classes", "macro_figure"]

_ROUNDS = 20


def decide_classes(proba: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Choose the class of the largest weighted probability.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    weights : ndarray of shape (n_classes,), float64
        Weights of the classes.

    Returns
    -------
    ndarray of shape (n_rows,), int64
        Class numbers; the first of several equal ones.
    """
    return np.asarray((proba * weights).argmax(axis=1))


def class_weights_for(
    goal: Goal, codes: np.ndarray, proba: np.ndarray, sample_weight: np.ndarray | None = None
) -> np.ndarray:
    """Find the weights of the classes that serve a goal best.

    Parameters
    ----------
    goal : Goal
        ``f<beta>`` (mean over classes), ``balanced_accuracy``, ``gmean`` or ``accuracy``, without limits.
    codes : ndarray of shape (n_rows,), int64
        True class numbers.
    proba : ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    sample_weight : ndarray of shape (n_rows,), float64, optional
        Weights of the rows.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        Weights, with geometric mean 1.

    Raises
    ------
    NotApplicable
        If the goal has no meaning for more than two classes.
    """
    figure = macro_figure(goal)
    w = np.ones(codes.shape[0]) if sample_weight is None else sample_weight
    n_classes = proba.shape[1]
    prior = np.bincount(codes, w, n_classes) / w.sum()
    starts = [np.ones(n_classes), 1.0 / np.maximum(prior, 1.0 / codes.shape[0])]
    found = [_ascend(figure, codes, proba, w, start) for start in starts]
    weights = max(found, key=lambda each: each[0])[1]
    return np.asarray(weights / np.exp(np.log(weights).mean()))


def macro_figure(goal: Goal) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Give the figure of a goal for several classes.

    Parameters
    ----------
    goal : Goal
        The goal.

    Returns
    -------
    callable
        Takes hits, true totals and decided totals of each class, shapes (..., n_classes), and gives the figure.

    Raises
    ------
    NotApplicable
        If the goal has no meaning for more than two classes.
    """
    name = goal.objective.name
    if goal.constraints or name not in ("f_beta", "balanced_accuracy", "gmean", "accuracy"):
        raise NotApplicable(
            f"The goal {goal.name!r} was given for more than two classes.",
            expected="Expected f<beta>, balanced_accuracy, gmean, accuracy, or a CostMatrix.",
            why="Recall, precision and alerts are meant for one positive class.",
            hint="Decide one class against the rest (--positive LABEL), or say what errors cost (--cost-matrix FILE).",
        )
    return lambda hits, true, decided: _macro(goal.objective, hits, true, decided)


def _macro(objective: Objective, hits: np.ndarray, true: np.ndarray, decided: np.ndarray) -> np.ndarray:
    if objective.name == "accuracy":
        return np.asarray(hits.sum(axis=-1) / true.sum(axis=-1))
    if objective.name == "f_beta":
        square = objective.beta**2
        return np.asarray(((1 + square) * hits / np.maximum(square * true + decided, 1e-300)).mean(axis=-1))
    recalls = hits / np.maximum(true, 1e-300)
    if objective.name == "gmean":
        return np.asarray(recalls.prod(axis=-1) ** (1.0 / recalls.shape[-1]))
    return np.asarray(recalls.mean(axis=-1))


def _ascend(
    figure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    codes: np.ndarray,
    proba: np.ndarray,
    w: np.ndarray,
    start: np.ndarray,
) -> tuple[float, np.ndarray]:
    weights, best = start.copy(), -np.inf
    for _ in range(_ROUNDS):
        before = best
        for c in range(proba.shape[1]):
            value, weight = _sweep(figure, codes, proba, w, weights, c)
            if value > best + 1e-12:
                best, weights[c] = value, weight
        if best <= before + 1e-12:
            break
    return best, weights


def _sweep(
    figure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    codes: np.ndarray,
    proba: np.ndarray,
    w: np.ndarray,
    weights: np.ndarray,
    c: int,
) -> tuple[float, float]:
    """Try every weight of one class."""
    n_classes = proba.shape[1]
    others = proba * weights
    others[:, c] = -1.0
    rival = others.argmax(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        flips_at = np.where(proba[:, c] > 0, others[np.arange(len(rival)), rival] / proba[:, c], np.inf)
    order = np.argsort(flips_at, kind="stable")
    flips_at, truth, loser, mass = flips_at[order], codes[order], rival[order], w[order]
    true = np.bincount(codes, w, n_classes)
    hits = np.zeros((order.shape[0] + 1, n_classes))
    hits[0] = np.bincount(truth[truth == loser], mass[truth == loser], n_classes)
    decided = np.zeros_like(hits)
    decided[0] = np.bincount(loser, mass, n_classes)
    step_hits, step_decided = np.zeros((order.shape[0], n_classes)), np.zeros((order.shape[0], n_classes))
    rows = np.arange(order.shape[0])
    step_hits[rows, c] += mass * (truth == c)
    step_hits[rows, loser] -= mass * (truth == loser)
    step_decided[rows, c] += mass
    step_decided[rows, loser] -= mass
    hits[1:], decided[1:] = hits[0] + step_hits.cumsum(axis=0), decided[0] + step_decided.cumsum(axis=0)
    values = figure(hits, true, decided)
    possible = np.concatenate([[True], np.isfinite(flips_at)])
    possible[1:-1] &= flips_at[1:] > flips_at[:-1]
    at = int(np.argmax(np.where(possible, values, -np.inf)))
    return float(values[at]), _between(flips_at, at)


def _between(flips_at: np.ndarray, at: int) -> float:
    """Give a weight after `at` rows have flipped and before the next does."""
    finite = flips_at[np.isfinite(flips_at)]
    if at == 0:
        return max(float(finite[0]) * 0.5, 1e-12) if finite.size else 1.0
    if at >= finite.shape[0]:
        return max(float(finite[-1]) * 2.0, 1e-12)
    return max(0.5 * (float(finite[at - 1]) + float(finite[at])), 1e-12)
