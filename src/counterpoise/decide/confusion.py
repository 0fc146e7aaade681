"""Figures of a confusion matrix, for one line or for all lines at once.

Every function takes the four cells as numbers or arrays of one shape and gives figures of that shape. What is
undefined (nothing alerted, no positives) is NaN, not 0: a figure that does not exist must not look like a bad one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from counterpoise.errors import OptionError, nearest_names

__all__ = [
    "FIGURES",
    "accuracy",
    "alert_rate",
    "balanced_accuracy",
    "f_beta",
    "false_positive_rate",
    "figure",
    "g_mean",
    "index_balanced_accuracy",
    "lift",
    "mcc",
    "precision",
    "recall",
    "specificity",
    "why_undefined",
]


def _ratio(numerator: Any, denominator: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(numerator, denominator, dtype=np.float64)
    found = np.where(np.asarray(denominator) > 0, ratio, np.nan)
    return found if found.ndim else float(found)


def recall(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the positives that are alerted, ``tp / (tp + fn)``.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without positives.
    """
    return _ratio(tp, np.add(tp, fn))


def precision(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the alerts that are positive, ``tp / (tp + fp)``.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without alerts.
    """
    return _ratio(tp, np.add(tp, fp))


def specificity(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the negatives that are not alerted, ``tn / (tn + fp)``.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without negatives.
    """
    return _ratio(tn, np.add(tn, fp))


def false_positive_rate(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the negatives that are alerted, ``fp / (fp + tn)``.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without negatives.
    """
    return _ratio(fp, np.add(tn, fp))


def accuracy(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the rows that are decided rightly.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without rows.
    """
    right = np.add(tp, tn)
    return _ratio(right, np.add(right, np.add(fp, fn)))


def alert_rate(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Share of the rows that are alerted.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The share; NaN without rows.
    """
    alerts = np.add(tp, fp)
    return _ratio(alerts, np.add(alerts, np.add(fn, tn)))


def f_beta(tp: Any, fp: Any, fn: Any, tn: Any, beta: float = 1.0) -> Any:
    r"""Weighted harmonic mean of precision and recall.

    :math:`F_\beta = (1 + \beta^2) tp / ((1 + \beta^2) tp + \beta^2 fn + fp)` (C. van Rijsbergen, 1979).

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.
    beta : float, default=1.0
        How many times as important recall is as precision.

    Returns
    -------
    float or ndarray
        The figure; 0 where positives exist and none is found, NaN with neither positives nor alerts.
    """
    square = beta * beta
    twice = np.multiply(1.0 + square, tp)
    return _ratio(twice, twice + np.multiply(square, fn) + fp)


def mcc(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Matthews correlation coefficient of decision and outcome (B. Matthews, 1975).

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        Between -1 and 1; NaN where a row or column of the matrix is empty.
    """
    tp, fp, fn, tn = (np.asarray(cell, dtype=np.float64) for cell in (tp, fp, fn, tn))
    alerts, rest, positives, negatives = tp + fp, tn + fn, tp + fn, tn + fp
    spread = np.sqrt(alerts) * np.sqrt(rest) * np.sqrt(positives) * np.sqrt(negatives)
    return _ratio(tp * tn - fp * fn, spread)


def g_mean(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Geometric mean of recall and specificity (M. Kubat and S. Matwin, 1997).

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The figure; NaN with one class only.
    """
    return np.sqrt(recall(tp, fp, fn, tn) * specificity(tp, fp, fn, tn))


def balanced_accuracy(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Mean of recall and specificity.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The figure; NaN with one class only.
    """
    return 0.5 * (recall(tp, fp, fn, tn) + specificity(tp, fp, fn, tn))


def index_balanced_accuracy(tp: Any, fp: Any, fn: Any, tn: Any, alpha: float = 0.1) -> Any:
    r"""Squared geometric mean, tilted towards the class that is done better by the dominance.

    :math:`(1 + \alpha (recall - specificity))\, recall \cdot specificity` (V. García, R. Mollineda and J. Sánchez,
    IbPRIA 2009), as imbalanced-learn's `make_index_balanced_accuracy` of the geometric mean.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.
    alpha : float, default=0.1
        Weight of the dominance.

    Returns
    -------
    float or ndarray
        The figure; NaN with one class only.
    """
    found, kept = recall(tp, fp, fn, tn), specificity(tp, fp, fn, tn)
    return (1.0 + alpha * (found - kept)) * found * kept


def lift(tp: Any, fp: Any, fn: Any, tn: Any) -> Any:
    """Precision over base rate: how many times as many positives as in as many rows by chance.

    Parameters
    ----------
    tp, fp, fn, tn : float or ndarray
        Cells of the confusion matrix.

    Returns
    -------
    float or ndarray
        The figure; NaN without alerts or positives.
    """
    positives = np.add(tp, fn)
    return _ratio(precision(tp, fp, fn, tn), _ratio(positives, positives + np.add(fp, tn)))


FIGURES: dict[str, Callable[..., Any]] = {
    "accuracy": accuracy,
    "alert_rate": alert_rate,
    "balanced_accuracy": balanced_accuracy,
    "fpr": false_positive_rate,
    "gmean": g_mean,
    "index_balanced_accuracy": index_balanced_accuracy,
    "lift": lift,
    "mcc": mcc,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
}
"""The figures by name; ``f<beta>`` is understood by `figure` as well."""


def figure(name: str) -> Callable[..., Any]:
    """Find a figure by its name.

    Parameters
    ----------
    name : str
        A key of `FIGURES`, or ``f1``, ``f2``, ``f0.5``, ...

    Returns
    -------
    callable
        Takes ``(tp, fp, fn, tn)``.

    Raises
    ------
    OptionError
        If there is no such figure.
    """
    if name in FIGURES:
        return FIGURES[name]
    beta = name[1:].lstrip("_") if name.startswith("f") else ""
    if beta.replace(".", "", 1).isdigit() and float(beta) > 0:
        return lambda tp, fp, fn, tn: f_beta(tp, fp, fn, tn, float(beta))
    raise OptionError(
        f"The figure {name!r} was asked for.",
        expected=f"Expected f<beta> or one of {', '.join(FIGURES)}.",
        why="Each is computed from the four cells of the confusion matrix.",
        hint=nearest_names(name, [*FIGURES, "f1", "f2"])
        or "Ranking figures are in counterpoise.evaluate.metrics.",
    )


def why_undefined(name: str, tp: float, fp: float, fn: float, tn: float) -> str:
    """Say why a figure of a confusion matrix is NaN.

    Parameters
    ----------
    name : str
        Name of the figure, as for `figure`.
    tp, fp, fn, tn : float
        Cells of the confusion matrix.

    Returns
    -------
    str
        The reason as a sentence; empty where the figure is defined.
    """
    if not np.isnan(figure(name)(tp, fp, fn, tn)):
        return ""
    if tp + fn == 0:
        return f"{name} is undefined: there are no positive rows."
    if tn + fp == 0:
        return f"{name} is undefined: there are no negative rows."
    if tp + fp == 0:
        return f"{name} is undefined: no row is alerted."
    return f"{name} is undefined: every row is alerted."
