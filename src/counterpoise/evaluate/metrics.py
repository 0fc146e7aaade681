"""How good decisions, rankings and probabilities are, with weights, and with a reason where a figure is undefined.

Every function takes the outcome first, then decisions (0/1), scores or probabilities, then weights, as
scikit-learn's do, and equals scikit-learn's or imbalanced-learn's where they have one. What is undefined is NaN
and not 0; `why_undefined` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from counterpoise.decide import confusion as cells
from counterpoise.decide.inputs import (
    as_numbers,
    as_outcome,
    as_probabilities,
    as_scores,
    as_weights,
    same_length,
)
from counterpoise.errors import InputError, OptionError, nearest_names

__all__ = [
    "Confusion",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "card_precision_at_k",
    "confusion",
    "daily_card_precision",
    "expected_cost",
    "f_beta",
    "false_positive_rate",
    "g_mean",
    "index_balanced_accuracy",
    "lift",
    "log_loss",
    "mcc",
    "mean_ratio",
    "partial_auc",
    "precision",
    "precision_at_k",
    "realised_cost",
    "recall",
    "recall_at_fpr",
    "recall_at_k",
    "roc_auc",
    "savings",
    "specificity",
    "why_undefined",
]

_LEAST = float(np.finfo(np.float64).eps)


class Confusion(NamedTuple):
    """Weighted confusion counts.

    Attributes
    ----------
    tp : float
        Positives alerted.
    fp : float
        Negatives alerted.
    fn : float
        Positives missed.
    tn : float
        Negatives left alone.
    """

    tp: float
    fp: float
    fn: float
    tn: float


# --- decisions ---------------------------------------------------------------------------------------------


def confusion(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Confusion:
    """Count decisions against outcomes.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome: 0/1, -1/1 or boolean.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    Confusion
        ``tp, fp, fn, tn``.

    Raises
    ------
    InputError
        If lengths differ, or a decision is not 0 or 1.

    Examples
    --------
    >>> confusion([1, 1, 0, 0], [1, 0, 1, 0])
    Confusion(tp=1.0, fp=1.0, fn=1.0, tn=1.0)
    """
    outcome, alerted = as_outcome(y_true), as_outcome(y_pred)
    same_length(outcome.shape[0], y_pred=alerted)
    weights = as_weights(sample_weight, outcome.shape[0])
    counts = np.bincount(2 * outcome.astype(np.int8) + alerted, weights=weights, minlength=4)
    return Confusion(*(float(counts[cell]) for cell in (3, 1, 2, 0)))


def precision(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Share of the alerts that are positive.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The share; NaN without alerts.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.precision(*confusion(y_true, y_pred, sample_weight)))


def recall(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Share of the positives that are alerted.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The share; NaN without positives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.recall(*confusion(y_true, y_pred, sample_weight)))


def specificity(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Share of the negatives that are not alerted.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The share; NaN without negatives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.specificity(*confusion(y_true, y_pred, sample_weight)))


def false_positive_rate(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Share of the negatives that are alerted.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The share; NaN without negatives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.false_positive_rate(*confusion(y_true, y_pred, sample_weight)))


def accuracy(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Share of the rows that are decided rightly.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The share.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.accuracy(*confusion(y_true, y_pred, sample_weight)))


def f_beta(y_true: Any, y_pred: Any, sample_weight: Any = None, *, beta: float = 1.0) -> float:
    """Weighted harmonic mean of precision and recall.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    beta : float, default=1.0
        How many times as important recall is as precision.

    Returns
    -------
    float
        The figure; NaN with neither positives nor alerts.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.f_beta(*confusion(y_true, y_pred, sample_weight), beta))


def mcc(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Matthews correlation coefficient.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        Between -1 and 1; NaN with one class, or where everybody or nobody is alerted.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.mcc(*confusion(y_true, y_pred, sample_weight)))


def g_mean(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Geometric mean of recall and specificity.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The figure; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.g_mean(*confusion(y_true, y_pred, sample_weight)))


def balanced_accuracy(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Mean of recall and specificity.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The figure; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.balanced_accuracy(*confusion(y_true, y_pred, sample_weight)))


def index_balanced_accuracy(
    y_true: Any, y_pred: Any, sample_weight: Any = None, *, alpha: float = 0.1
) -> float:
    """Squared geometric mean of recall and specificity, tilted by their difference.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    alpha : float, default=0.1
        Weight of the difference.

    Returns
    -------
    float
        The figure; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.index_balanced_accuracy(*confusion(y_true, y_pred, sample_weight), alpha))


def lift(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Precision over base rate.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The figure; NaN without alerts or positives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(cells.lift(*confusion(y_true, y_pred, sample_weight)))


# --- rankings ----------------------------------------------------------------------------------------------


def _ranked(y_true: Any, scores: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give the weighted positives and negatives at or above every distinct score, from the highest."""
    outcome, values = as_outcome(y_true), as_scores(scores)
    same_length(outcome.shape[0], scores=values)
    weights = as_weights(sample_weight, outcome.shape[0])
    order = np.argsort(-values, kind="stable")
    values, outcome = values[order], outcome[order]
    w = np.ones(order.shape[0]) if weights is None else weights[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    return np.cumsum(w * outcome)[ends], np.cumsum(w * ~outcome)[ends]


def average_precision(y_true: Any, scores: Any, sample_weight: Any = None) -> float:
    r"""Area under the precision-recall steps, :math:`\sum_k (R_k - R_{k-1}) P_k`.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The area; NaN without positives.

    Raises
    ------
    InputError
        If an input cannot be used.

    Examples
    --------
    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    tp, fp = _ranked(y_true, scores, sample_weight)
    if tp[-1] <= 0.0:
        return np.nan
    return float(np.diff(tp, prepend=0.0) @ (tp / np.maximum(tp + fp, _TINY))) / float(tp[-1])


_TINY = float(np.finfo(np.float64).tiny)


def roc_auc(y_true: Any, scores: Any, sample_weight: Any = None) -> float:
    """Chance that a positive scores above a negative, ties counting half.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The chance; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.

    Examples
    --------
    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    tp, fp = _ranked(y_true, scores, sample_weight)
    if tp[-1] <= 0.0 or fp[-1] <= 0.0:
        return np.nan
    heights = 0.5 * (tp + np.concatenate([[0.0], tp[:-1]]))
    return float(np.diff(fp, prepend=0.0) @ heights) / float(tp[-1] * fp[-1])


def partial_auc(
    y_true: Any, scores: Any, sample_weight: Any = None, *, max_fpr: float = 0.01, standardised: bool = True
) -> float:
    """Area under the ROC curve up to a false-positive rate.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    max_fpr : float, default=0.01
        Largest false-positive rate, above 0 and at most 1.
    standardised : bool, default=True
        Scale to 0.5 for chance and 1 for perfection (D. McClish, 1989), as scikit-learn does; else the mean recall
        up to that rate.

    Returns
    -------
    float
        The area; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    _share(max_fpr, "max_fpr")
    tp, fp = _ranked(y_true, scores, sample_weight)
    if tp[-1] <= 0.0 or fp[-1] <= 0.0:
        return np.nan
    recall_, rate = np.append(0.0, tp / tp[-1]), np.append(0.0, fp / fp[-1])
    stop = int(np.searchsorted(rate, max_fpr, side="right"))
    edge = _at_rate(rate, recall_, stop, max_fpr)
    rate, recall_ = np.append(rate[:stop], max_fpr), np.append(recall_[:stop], edge)
    area = float(np.trapezoid(recall_, rate))
    if not standardised:
        return area / max_fpr
    if max_fpr >= 1.0:
        return area
    least = 0.5 * max_fpr * max_fpr
    return 0.5 * (1.0 + (area - least) / (max_fpr - least))


def _at_rate(rate: np.ndarray, recall_: np.ndarray, stop: int, max_fpr: float) -> float:
    if stop >= rate.shape[0]:
        return float(recall_[-1])
    return float(np.interp(max_fpr, rate[stop - 1 : stop + 1], recall_[stop - 1 : stop + 1]))


def recall_at_fpr(y_true: Any, scores: Any, sample_weight: Any = None, *, max_fpr: float = 0.01) -> float:
    """Recall of the loosest line whose false-positive rate is within a limit.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    max_fpr : float, default=0.01
        Largest false-positive rate.

    Returns
    -------
    float
        The recall; NaN with one class only.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    _share(max_fpr, "max_fpr")
    tp, fp = _ranked(y_true, scores, sample_weight)
    if tp[-1] <= 0.0 or fp[-1] <= 0.0:
        return np.nan
    within = np.flatnonzero(fp <= max_fpr * fp[-1] * (1.0 + 1e-12))
    return float(tp[within[-1]] / tp[-1]) if within.size else 0.0


def precision_at_k(
    y_true: Any, scores: Any, sample_weight: Any = None, *, k: float = 100, days: Any = None
) -> float:
    """Share of positives among the `k` highest scores, of the table or of each day.

    Rows tied at the k-th score share the places that are left.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights; `k` is then an amount of weight.
    k : float, default=100
        Alerts, of the table or a day; the whole day where it has fewer rows.
    days : array-like of shape (n_rows,), optional
        Day of each row; the mean over days is given.

    Returns
    -------
    float
        The share.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    caught, alerts, _ = _top(y_true, scores, sample_weight, k, days)
    return float(np.mean(caught / alerts))


def recall_at_k(
    y_true: Any, scores: Any, sample_weight: Any = None, *, k: float = 100, days: Any = None
) -> float:
    """Share of the positives that are among the `k` highest scores, of the table or of each day.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights; `k` is then an amount of weight.
    k : float, default=100
        Alerts, of the table or a day.
    days : array-like of shape (n_rows,), optional
        Day of each row; caught positives of all days are divided by all positives.

    Returns
    -------
    float
        The share; NaN without positives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    caught, _, positives = _top(y_true, scores, sample_weight, k, days)
    return float(caught.sum() / positives.sum()) if positives.sum() > 0 else np.nan


def _top(
    y_true: Any, scores: Any, sample_weight: Any, k: float, days: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not (np.isfinite(k) and k > 0):
        raise _out_of_range("k", k, "a number of alerts above 0")
    outcome, values = as_outcome(y_true), as_scores(scores)
    same_length(outcome.shape[0], scores=values)
    weights = as_weights(sample_weight, outcome.shape[0])
    if days is None:
        parts = [np.arange(outcome.shape[0])]
    else:
        of_day = np.unique(np.asarray(days), return_inverse=True)[1]
        same_length(outcome.shape[0], days=of_day)
        order = np.argsort(of_day, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(of_day[order])) + 1)
    found = [_top_of(outcome[p], values[p], None if weights is None else weights[p], k) for p in parts]
    caught, alerts, positives = np.array([each for each in found if each[1] > 0]).T
    return caught, alerts, positives


def _top_of(
    outcome: np.ndarray, values: np.ndarray, weights: np.ndarray | None, k: float
) -> tuple[float, float, float]:
    tp, fp = _ranked(outcome, values, weights)
    alerts = tp + fp
    room = min(float(k), float(alerts[-1]))
    return float(np.interp(room, np.append(0.0, alerts), np.append(0.0, tp))), room, float(tp[-1])


def card_precision_at_k(y_true: Any, scores: Any, *, days: Any, cards: Any, k: int = 100) -> float:
    """Mean daily share of compromised cards among the `k` cards with the highest scores.

    The protocol of the Fraud Detection Handbook (Le Borgne et al., 2022): a card's score and label of a day are the
    highest of its rows; a compromised card that was caught does not count on later days.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    days : array-like of shape (n_rows,)
        Day of each row, in an order that can be sorted.
    cards : array-like of shape (n_rows,)
        Card (customer) of each row.
    k : int, default=100
        Cards that can be looked at in a day.

    Returns
    -------
    float
        Mean over the days of caught cards over `k`.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    return float(np.mean(daily_card_precision(y_true, scores, days=days, cards=cards, k=k)))


def daily_card_precision(y_true: Any, scores: Any, *, days: Any, cards: Any, k: int = 100) -> np.ndarray:
    """Share of compromised cards among the `k` cards with the highest scores, day by day.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores or probabilities.
    days : array-like of shape (n_rows,)
        Day of each row, in an order that can be sorted.
    cards : array-like of shape (n_rows,)
        Card (customer) of each row.
    k : int, default=100
        Cards that can be looked at in a day.

    Returns
    -------
    ndarray of shape (n_days,), float64
        As `card_precision_at_k` averages them, in the order of the days.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    if not (np.isfinite(k) and k >= 1):
        raise _out_of_range("k", k, "a number of cards of at least 1")
    outcome, values = as_outcome(y_true), as_scores(scores)
    day = np.unique(np.asarray(days), return_inverse=True)[1]
    card = np.unique(np.asarray(cards), return_inverse=True)[1]
    same_length(outcome.shape[0], scores=values, days=day, cards=card)
    caught_before = np.zeros(int(card.max()) + 1, dtype=bool)
    shares = np.empty(int(day.max()) + 1)
    for each in range(len(shares)):
        rows = (day == each) & ~caught_before[card]
        caught = _caught_cards(card[rows], values[rows], outcome[rows], int(k))
        caught_before[caught] = True
        shares[each] = caught.shape[0] / k
    return shares


def _caught_cards(card: np.ndarray, values: np.ndarray, outcome: np.ndarray, k: int) -> np.ndarray:
    names, of = np.unique(card, return_inverse=True)
    best, label = np.full(names.shape[0], -np.inf), np.zeros(names.shape[0], dtype=bool)
    np.maximum.at(best, of, values)
    np.logical_or.at(label, of, outcome)
    top = np.argsort(-best, kind="stable")[:k]
    return np.asarray(names[top[label[top]]])


# --- probabilities -----------------------------------------------------------------------------------------


def _with_probabilities(
    y_true: Any, proba: Any, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    outcome, p = as_outcome(y_true), as_probabilities(proba)
    p = p if p.ndim == 1 else p[:, -1]
    same_length(outcome.shape[0], proba=p)
    weights = as_weights(sample_weight, outcome.shape[0])
    return outcome, p, np.ones(p.shape[0]) if weights is None else weights


def brier(y_true: Any, proba: Any, sample_weight: Any = None) -> float:
    """Mean squared difference of probability and outcome (G. Brier, 1950).

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    proba : array-like of shape (n_rows,)
        Probabilities of the positive class.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The mean; 0 is perfect.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    outcome, p, w = _with_probabilities(y_true, proba, sample_weight)
    return float(w @ (p - outcome) ** 2 / w.sum())


def log_loss(y_true: Any, proba: Any, sample_weight: Any = None) -> float:
    """Mean negative log-likelihood.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    proba : array-like of shape (n_rows,)
        Probabilities of the positive class; moved 2.2e-16 away from 0 and 1, as in scikit-learn.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The mean in nats; 0 is perfect.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    outcome, p, w = _with_probabilities(y_true, proba, sample_weight)
    return float(w @ row_log_loss(outcome, p) / w.sum())


def row_log_loss(outcome: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Give the negative log-likelihood of each row.

    Parameters
    ----------
    outcome : ndarray of shape (n_rows,), bool
        Outcome.
    p : ndarray of shape (n_rows,), float64
        Probabilities.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        The losses in nats.
    """
    inside = np.clip(p, _LEAST, 1.0 - _LEAST)
    return np.asarray(-np.where(outcome, np.log(inside), np.log1p(-inside)))


def mean_ratio(y_true: Any, proba: Any, sample_weight: Any = None) -> float:
    """Mean probability over base rate: 1 where probabilities are right on the whole.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    proba : array-like of shape (n_rows,)
        Probabilities of the positive class.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The ratio; NaN without positives.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    outcome, p, w = _with_probabilities(y_true, proba, sample_weight)
    positives = float(w @ outcome)
    return float(w @ p) / positives if positives > 0 else np.nan


# --- costs -------------------------------------------------------------------------------------------------


def realised_cost(
    y_true: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    fn: Any,
    fp: Any,
    tp: Any = 0.0,
    tn: Any = 0.0,
    total: bool = False,
) -> float:
    """What decisions have cost, a row or in total.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    fn, fp : float or array-like of shape (n_rows,)
        Cost of a missed positive and of a false alert, the same for all or of each row; at least 0.
    tp, tn : float or array-like of shape (n_rows,), default=0.0
        Cost of a right decision; negative for a gain.
    total : bool, default=False
        Give the sum instead of the mean over rows.

    Returns
    -------
    float
        The cost.

    Raises
    ------
    InputError
        If an input cannot be used, or an error's cost is negative.
    """
    outcome, alerted = as_outcome(y_true), as_outcome(y_pred)
    same_length(outcome.shape[0], y_pred=alerted)
    weights = as_weights(sample_weight, outcome.shape[0])
    cost = row_costs(outcome, alerted, fn=fn, fp=fp, tp=tp, tn=tn)
    w = np.ones(cost.shape[0]) if weights is None else weights
    return float(w @ cost) if total else float(w @ cost / w.sum())


def row_costs(
    outcome: np.ndarray, alerted: np.ndarray, *, fn: Any, fp: Any, tp: Any = 0.0, tn: Any = 0.0
) -> np.ndarray:
    """Give what each decision has cost.

    Parameters
    ----------
    outcome : ndarray of shape (n_rows,), bool
        Outcome.
    alerted : ndarray of shape (n_rows,), bool
        Decision.
    fn, fp : float or array-like of shape (n_rows,)
        Cost of errors, at least 0.
    tp, tn : float or array-like of shape (n_rows,), default=0.0
        Cost of right decisions.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        The costs.

    Raises
    ------
    InputError
        If a cost is not a number, is negative for an error, or has another length.
    """
    n = outcome.shape[0]
    missed, false = _row_cost(fn, "fn", n, least=0.0), _row_cost(fp, "fp", n, least=0.0)
    caught, left = _row_cost(tp, "tp", n), _row_cost(tn, "tn", n)
    return np.where(outcome, np.where(alerted, caught, missed), np.where(alerted, false, left))


def _row_cost(cost: Any, name: str, n_rows: int, least: float = -np.inf) -> np.ndarray:
    values = as_numbers(cost, name)
    if values.ndim:
        same_length(n_rows, **{name: values})
    fits = np.isfinite(values) & (values >= least)
    if not fits.all():
        kind = "finite costs" + (" of at least 0" if least == 0 else "")
        raise _out_of_range(name, float(values[~fits].flat[0]), kind)
    return values


def expected_cost(
    proba: Any,
    y_pred: Any,
    sample_weight: Any = None,
    *,
    fn: Any,
    fp: Any,
    tp: Any = 0.0,
    tn: Any = 0.0,
    total: bool = False,
) -> float:
    """What decisions can be expected to cost, from probabilities alone, a row or in total.

    Parameters
    ----------
    proba : array-like of shape (n_rows,)
        Calibrated probabilities of the positive class.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    fn, fp : float or array-like of shape (n_rows,)
        Cost of a missed positive and of a false alert; at least 0.
    tp, tn : float or array-like of shape (n_rows,), default=0.0
        Cost of a right decision; negative for a gain.
    total : bool, default=False
        Give the sum instead of the mean over rows.

    Returns
    -------
    float
        The expected cost.

    Raises
    ------
    InputError
        If an input cannot be used, or an error's cost is negative.
    """
    alerted, p, w = _with_probabilities(y_pred, proba, sample_weight)
    is_positive, is_negative = np.ones(p.shape[0], dtype=bool), np.zeros(p.shape[0], dtype=bool)
    costs = {"fn": fn, "fp": fp, "tp": tp, "tn": tn}
    cost = p * row_costs(is_positive, alerted, **costs) + (1.0 - p) * row_costs(is_negative, alerted, **costs)
    return float(w @ cost) if total else float(w @ cost / w.sum())


def savings(
    y_true: Any, y_pred: Any, sample_weight: Any = None, *, fn: Any, fp: Any, tp: Any = 0.0, tn: Any = 0.0
) -> float:
    """Share of the cost of alerting nobody that the decisions save.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decision, 1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    fn, fp : float or array-like of shape (n_rows,)
        Cost of a missed positive and of a false alert; at least 0.
    tp, tn : float or array-like of shape (n_rows,), default=0.0
        Cost of a right decision; negative for a gain.

    Returns
    -------
    float
        1 where all is saved, 0 where nothing is, below 0 where doing nothing is cheaper; NaN where doing nothing
        costs nothing.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    costs = {"fn": fn, "fp": fp, "tp": tp, "tn": tn}
    idle = realised_cost(y_true, np.zeros(len(y_true), dtype=bool), sample_weight, total=True, **costs)
    spent = realised_cost(y_true, y_pred, sample_weight, total=True, **costs)
    return 1.0 - spent / idle if idle > 0 else np.nan


# --- reasons -----------------------------------------------------------------------------------------------


_RANKINGS: dict[str, Callable[..., float]] = {
    "average_precision": average_precision,
    "roc_auc": roc_auc,
    "partial_auc": partial_auc,
    "recall_at_fpr": recall_at_fpr,
    "recall_at_k": recall_at_k,
    "mean_ratio": mean_ratio,
}


def why_undefined(name: str, y_true: Any, y_pred: Any, sample_weight: Any = None) -> str:
    """Say why a figure is NaN.

    Parameters
    ----------
    name : str
        Name of the figure: ``precision``, ``f1``, ``average_precision``, ``roc_auc``, ...
    y_true : array-like of shape (n_rows,)
        Outcome.
    y_pred : array-like of shape (n_rows,)
        Decisions, or scores for a ranking figure.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    str
        The reason as a sentence; empty where the figure is defined.

    Raises
    ------
    OptionError
        If there is no such figure.

    Examples
    --------
    >>> why_undefined("precision", [0, 1], [0, 0])
    'precision is undefined: no row is alerted.'
    """
    if name in _RANKINGS:
        if not np.isnan(_RANKINGS[name](y_true, y_pred, sample_weight)):
            return ""
        missing = "positive" if not as_outcome(y_true).any() else "negative"
        return f"{name} is undefined: there are no {missing} rows."
    if name in ("brier", "log_loss", "accuracy"):
        return ""
    try:
        return cells.why_undefined(name, *confusion(y_true, y_pred, sample_weight))
    except OptionError as error:
        known = [*_RANKINGS, *cells.FIGURES, "f1", "brier", "log_loss"]
        raise OptionError(
            error.given,
            expected=f"Expected f<beta> or one of {', '.join(known)}.",
            why=error.why,
            hint=nearest_names(name, known),
        ) from error


def _share(value: float, name: str) -> None:
    if not (np.isfinite(value) and 0.0 < value <= 1.0):
        raise _out_of_range(name, value, "a share above 0 and at most 1")


def _out_of_range(name: str, value: Any, expected: str) -> InputError:
    return InputError(
        f"{name}={value!r} was given.",
        expected=f"Expected {expected}.",
        why="The figure is defined for such values only.",
        hint=f"Change {name}.",
    )
