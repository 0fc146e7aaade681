"""How well one column alone tells the classes apart.

A number is judged twice: by its ranks (area under the ROC curve, Mann and Whitney, Ann. Math. Stat. 18, 1947), and by
the share of positives in its bins, which also sees what is not monotone. A category is judged by the share of positives
of its levels. Shares are learned on one half of the rows and judged on the other, so that a column with a level for
every row earns nothing by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from counterpoise.profile.counts import binomial_interval

__all__ = ["Separation", "rank_auc", "separation_of_codes", "separation_of_numbers"]

N_BINS = 64
"""Bins of a number; half of their edges are quantiles of the positives, so that a rare class is seen."""

_PRIOR_ROWS = 1.0  # rows of the overall rate that each level starts with


@dataclass(frozen=True)
class Separation:
    """What a column alone achieves.

    Attributes
    ----------
    auc : float
        Area under the ROC curve, 0.5 to 1.
    average_precision : float
        Area under the precision-recall curve.
    lower : float
        Lower end of the 95 % interval of the area, from the size of the smaller class alone: an exact binomial bound,
        which stays below 1 also where a few positives are separated perfectly.
    """

    auc: float
    average_precision: float
    lower: float


def rank_auc(values: np.ndarray, y: np.ndarray) -> float:
    """Give the area under the ROC curve of a number taken as a score, missing values lowest.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), float
        Numbers, NaN where missing.
    y : ndarray of shape (n_rows,), bool
        Positives, at least one and not all.

    Returns
    -------
    float
        0 to 1; ties count half.
    """
    ranks = stats.rankdata(np.where(np.isnan(values), -np.inf, values))
    n_positive = int(y.sum())
    n_negative = len(y) - n_positive
    return float((ranks[y].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def separation_of_numbers(
    values: np.ndarray, y: np.ndarray, half: np.ndarray, negative_weight: float = 1.0
) -> Separation:
    """Judge a column of numbers.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), float
        Numbers, NaN where missing.
    y : ndarray of shape (n_rows,), bool
        Positives.
    half : ndarray of shape (n_rows,), bool
        Which half each row is in.
    negative_weight : float, default=1.0
        Rows that each negative stands for, where only some were looked at.

    Returns
    -------
    Separation
        The better of the two judgements.
    """
    missing = np.isnan(values)
    by_rank = rank_auc(values, y)
    if missing.any():
        by_rank = max(by_rank, 1 - by_rank, rank_auc(-values, y), key=lambda auc: max(auc, 1 - auc))
    codes = np.where(missing, N_BINS + 1, np.searchsorted(_edges(values[~missing], y[~missing]), values))
    by_bins = separation_of_codes(codes, y, half, negative_weight)
    auc = max(by_rank, 1 - by_rank, by_bins.auc)
    return Separation(auc, by_bins.average_precision, _lower(auc, y))


def _edges(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    share = np.linspace(0, 1, N_BINS // 2 + 1)[1:-1]
    edges = [np.quantile(part, share, method="lower") for part in (values, values[y]) if len(part)]
    return np.unique(np.concatenate(edges)) if edges else np.empty(0)


def separation_of_codes(
    codes: np.ndarray, y: np.ndarray, half: np.ndarray, negative_weight: float = 1.0
) -> Separation:
    """Judge a column of categories or bins.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), integer
        Levels; negative codes (missing, unknown) are levels too.
    y : ndarray of shape (n_rows,), bool
        Positives.
    half : ndarray of shape (n_rows,), bool
        Which half each row is in.
    negative_weight : float, default=1.0
        Rows that each negative stands for.

    Returns
    -------
    Separation
        Mean over both halves, each judged by what the other one taught.
    """
    codes = codes.astype(np.int64) - int(codes.min())
    width = int(codes.max()) + 1
    counts = np.bincount((half * 2 + y) * width + codes, minlength=4 * width).reshape(2, 2, width)
    positive, negative = counts[:, 1].astype(np.float64), counts[:, 0] * negative_weight
    judged = [
        _judge(_shares(positive[1 - side], negative[1 - side]), positive[side], negative[side])
        for side in (0, 1)
        if positive[side].sum() and negative[side].sum() and positive[1 - side].sum()
    ]
    if not judged:
        return Separation(0.5, float(y.mean()), 0.0)
    auc, precision = np.mean(judged, axis=0)
    return Separation(max(float(auc), 0.5), float(precision), _lower(max(float(auc), 0.5), y))


def _shares(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    rate = positive.sum() / (positive.sum() + negative.sum())
    shares: np.ndarray = (positive + _PRIOR_ROWS * rate) / (positive + negative + _PRIOR_ROWS)
    return shares


def _judge(share: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> tuple[float, float]:
    """Give area under ROC and average precision of levels ordered by share; equal shares are one step."""
    _, step = np.unique(-share, return_inverse=True)
    tp, fp = np.cumsum(np.bincount(step, positive)), np.cumsum(np.bincount(step, negative))
    recall, false_alarms = tp / tp[-1], fp / fp[-1]
    auc = np.trapezoid(np.r_[0, recall], np.r_[0, false_alarms])
    precision = tp / np.maximum(tp + fp, 1e-300)
    return float(auc), float((np.diff(np.r_[0, recall]) * precision).sum())


def _lower(auc: float, y: np.ndarray) -> float:
    smaller = int(min(y.sum(), len(y) - y.sum()))
    return binomial_interval(auc * smaller, smaller)[0]
