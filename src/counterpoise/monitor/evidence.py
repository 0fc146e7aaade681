r"""Evidence that may be looked at as often as one likes: e-processes for rates and for likelihoods.

An e-process is a non-negative quantity whose expectation, at whatever moment one looks, is at most 1 while nothing
has changed; the chance that it ever reaches :math:`1/\alpha` is then at most :math:`\alpha` (J. Ville, 1939). Rates
are tested by mixing likelihood ratios over all rates outside a tolerated range: for a Bernoulli stream each ratio to
the range's nearer end is a supermartingale as long as the rate of the next row, given all before, lies inside. That
holds whatever the order of the rows, and however the rate wanders inside the range.

A change may begin at any window, so evidence is gathered from every start and mixed with weights that sum to 1:
the mixture is an e-process, too, and costs the logarithm of a weight only.

Sources: A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, "Game-theoretic statistics and safe anytime-valid inference",
Statistical Science 38, 2023; H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41, 1970 (mixtures); J. Shin, A. Ramdas, A. Rinaldo, "E-detectors", New England Journal of
Statistics in Data Science, 2023 (starts); R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS B 84,
2022 (many streams, whatever their dependence).
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaincc, betaln, logsumexp

__all__ = ["excess_evidence", "fired", "mean_evidence", "over_starts", "rate_evidence", "start_weights"]

NEAREST = 1e-12
"""A tolerated range that ends nearer than this to 0 or 1 has no rate beyond that end."""

EXCESSES = np.array([1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0])
"""By how much events may exceed what is allowed: the evidence is sharpest near these factors."""


def rate_evidence(
    hits: np.ndarray, trials: np.ndarray, low: np.ndarray | float, high: np.ndarray | float
) -> np.ndarray:
    """Give the evidence that a rate has left a range.

    Parameters
    ----------
    hits : ndarray
        Rows that have the mark.
    trials : ndarray
        All rows.
    low, high : float or ndarray
        Ends of the tolerated range, ``0 <= low <= high <= 1``.

    Returns
    -------
    ndarray, float64
        Logarithm of the e-value: mean of the evidence that it is above and that it is below.

    Examples
    --------
    >>> bool(rate_evidence(np.array(50), np.array(1000), 0.01, 0.02) > np.log(1000))
    True
    >>> bool(rate_evidence(np.array(15), np.array(1000), 0.01, 0.02) < 0)
    True
    """
    k, n = np.asarray(hits, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    above = _above(k, n, np.asarray(high, dtype=np.float64))
    below = _above(n - k, n, 1.0 - np.asarray(low, dtype=np.float64))
    return np.asarray(np.logaddexp(above, below) - np.log(2.0))


def _above(k: np.ndarray, n: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Mix likelihood ratios to the end over Beta-distributed rates beyond it; the prior's mean is the end."""
    inside = np.clip(end, NEAREST, 1.0 - NEAREST)
    a, b = np.maximum(1.0, inside / (1.0 - inside)), np.maximum(1.0, (1.0 - inside) / inside)
    with np.errstate(divide="ignore"):
        posterior = betaln(a + k, b + n - k) + np.log(betaincc(a + k, b + n - k, inside))
        prior = betaln(a, b) + np.log(betaincc(a, b, inside))
    at_end = k * np.log(inside) + (n - k) * np.log1p(-inside)
    return np.where(end < 1.0 - NEAREST, posterior - prior - at_end, 0.0)


def excess_evidence(counts: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    r"""Give the evidence that events come more often than allowed.

    For a Poisson rate that never exceeds the allowed one, :math:`\theta^k e^{-(\theta - 1) \mu}` is a supermartingale
    for every :math:`\theta > 1`, with k events where at most :math:`\mu` are expected; their mean over several is one.

    Parameters
    ----------
    counts : ndarray
        Events.
    allowed : ndarray
        Most events that are expected in the same time.

    Returns
    -------
    ndarray, float64
        Logarithm of the e-value.

    Examples
    --------
    >>> bool(excess_evidence(np.array(150), np.array(100.0)) > np.log(1000))
    True
    >>> bool(excess_evidence(np.array(105), np.array(100.0)) < np.log(2))
    True
    """
    k, most = np.asarray(counts, dtype=np.float64), np.asarray(allowed, dtype=np.float64)
    each = k[..., None] * np.log(EXCESSES) - (EXCESSES - 1.0) * most[..., None]
    return mean_evidence(each)


def start_weights(n: int) -> np.ndarray:
    """Give the weights of the windows from which a change may count.

    Parameters
    ----------
    n : int
        Windows so far.

    Returns
    -------
    ndarray of shape (n,), float64
        ``1 / (j (j + 1))``; together with ``1 / (n + 1)`` for the starts to come they sum to 1.
    """
    j = np.arange(1, n + 1, dtype=np.float64)
    return np.asarray(1.0 / (j * (j + 1.0)))


def over_starts(from_start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mix evidence over the windows in which a change may have begun.

    Parameters
    ----------
    from_start : ndarray of shape (n_windows, ...)
        Logarithm of the e-value of the rows from each window's beginning to the present.

    Returns
    -------
    evidence : ndarray of shape (...), float64
        Logarithm of the mixture.
    start : ndarray of shape (...), int64
        The window from which the evidence weighs most; the first one where there is none.
    """
    n = len(from_start)
    if n == 0:
        return np.zeros(from_start.shape[1:]), np.zeros(from_start.shape[1:], dtype=np.int64)
    weights = np.log(start_weights(n)).reshape(n, *[1] * (from_start.ndim - 1))
    weighed = from_start + weights
    rest = np.full((1, *from_start.shape[1:]), -np.log(n + 1.0))
    mixed = np.asarray(logsumexp(np.concatenate([weighed, rest]), axis=0))
    return mixed, np.where(mixed > 0, weighed.argmax(axis=0), 0)


def mean_evidence(parts: np.ndarray, axis: int = -1) -> np.ndarray:
    """Average evidence over several streams; an average of e-processes is one, whatever their dependence.

    Parameters
    ----------
    parts : ndarray
        Logarithms of e-values.
    axis : int, default=-1
        Along which to average.

    Returns
    -------
    ndarray, float64
        Logarithm of the mean e-value; 0 of none.
    """
    if parts.shape[axis] == 0:
        return np.zeros(np.delete(parts.shape, axis))
    return np.asarray(logsumexp(parts, axis=axis) - np.log(parts.shape[axis]))


def fired(evidence: np.ndarray, weights: np.ndarray, alpha: float) -> np.ndarray:
    """Say which of many streams raise an alarm, so that while none has changed the chance of any stays small.

    The weighted e-BH procedure: the k streams of most weighted evidence fire, for the largest k whose evidence
    reaches ``1 / (alpha k)``. While nothing has changed the first alarm needs a weighted mean of ``1 / alpha``, which
    is an e-process, so the chance that any alarm is ever raised is at most alpha.

    Parameters
    ----------
    evidence : ndarray of shape (n,), float64
        Logarithms of e-values.
    weights : ndarray of shape (n,), float64
        Non-negative, of sum 1.
    alpha : float
        Tolerated chance of a false alarm.

    Returns
    -------
    ndarray of shape (n,), bool
        True for those that fire.
    """
    with np.errstate(divide="ignore"):
        weighed = evidence + np.log(weights)
    order = np.argsort(-weighed, kind="stable")
    reached = weighed[order] >= -np.log(alpha * np.arange(1, len(order) + 1))
    out = np.zeros(len(order), dtype=bool)
    if reached.any():
        out[order[: int(np.flatnonzero(reached)[-1]) + 1]] = True
    return out
