"""Probabilities on the scale of log-odds, and back, without losing the order.

Calibration that keeps the ranking is a strictly increasing function of the log-odds. In floating point three
things can break the order: the ends (0 and 1 have infinite log-odds), rounding in `log` and `exp`, and results so
near to 1 that two of them become the same number. The functions here work on odds where that is exact, and move
the ends inside by a fixed, increasing rule.
"""

from __future__ import annotations

import numpy as np

__all__ = ["inner_ends", "log_odds", "odds_histogram", "probability", "pull_in", "shift_odds"]

_SMALLEST = float(np.finfo(np.float64).tiny)
_LARGEST = float(np.nextafter(1.0, 0.0))


def log_odds(p: np.ndarray) -> np.ndarray:
    r"""Give the log-odds :math:`\log(p / (1 - p))` of probabilities.

    Parameters
    ----------
    p : ndarray, float64
        Probabilities in [0, 1]; 0 gives minus infinity, 1 gives infinity.

    Returns
    -------
    ndarray, float64
        The log-odds.

    Examples
    --------
    >>> import numpy as np
    >>> log_odds(np.array([0.5, 0.75])).round(4).tolist()
    [0.0, 1.0986]
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p) - np.log1p(-p))


def probability(z: np.ndarray) -> np.ndarray:
    r"""Give the probability :math:`1 / (1 + e^{-z})` of log-odds.

    Parameters
    ----------
    z : ndarray, float64
        Log-odds; infinities give exactly 0 and 1.

    Returns
    -------
    ndarray, float64
        Probabilities; finite log-odds stay strictly between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> probability(np.array([0.0, -np.inf])).tolist()
    [0.5, 0.0]
    """
    with np.errstate(over="ignore", under="ignore"):
        inside = np.clip(1.0 / (1.0 + np.exp(-np.asarray(z, dtype=np.float64))), _SMALLEST, _LARGEST)
    return np.where(np.isfinite(z), inside, (np.asarray(z) > 0).astype(np.float64))


def shift_odds(p: np.ndarray, shift: float) -> np.ndarray:
    r"""Multiply the odds of probabilities by :math:`e^{shift}`.

    Each step of the computation is correctly rounded and monotone, so the order of two probabilities is never
    reversed; 0 stays 0, 1 stays 1, and what lies between stays between.

    Parameters
    ----------
    p : ndarray, float64
        Probabilities in [0, 1].
    shift : float
        What is added to the log-odds.

    Returns
    -------
    ndarray, float64
        The shifted probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> shift_odds(np.array([0.5]), -np.log(99.0)).round(4).tolist()
    [0.01]
    """
    factor = float(np.exp(np.clip(shift, -700.0, 700.0)))
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        moved = np.clip(1.0 / (1.0 + ((1.0 - p) / p) / factor), _SMALLEST, _LARGEST)
    return np.where((p > 0.0) & (p < 1.0), moved, p)


def odds_histogram(
    y: np.ndarray, proba: np.ndarray, weights: np.ndarray | None = None, n_bins: int = 60
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count log-odds by class.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome, 0 or 1.
    proba : ndarray of shape (n,), float64
        Probabilities; log-odds beyond -16 and 16 count at these ends.
    weights : ndarray of shape (n,), optional
        Weight of each row.
    n_bins : int, default=60
        Bins of equal width from the smallest to the largest.

    Returns
    -------
    edges : ndarray of shape (n_bins + 1,), float64
        Ends of the bins.
    negative, positive : ndarray of shape (n_bins,), float64
        Rows of each class.
    """
    odds = np.clip(log_odds(proba), -16.0, 16.0)
    edges = np.linspace(odds.min(), max(odds.max(), odds.min() + 1e-6), n_bins + 1)
    negative, positive = (
        np.histogram(odds[y == c], edges, weights=None if weights is None else weights[y == c])[0]
        for c in (0, 1)
    )
    return edges, negative.astype(np.float64), positive.astype(np.float64)


def inner_ends(p: np.ndarray) -> tuple[float, float]:
    """Find where to put exact zeros and ones that a model gave.

    Forests and isotonic maps give exactly 0 and 1, whose log-odds are infinite. They are placed at half the
    distance of the innermost value seen from its end. Without exact zeros (ones) the end stays where it is.

    Parameters
    ----------
    p : ndarray of shape (n_rows,), float64
        Probabilities that a calibration is fitted on.

    Returns
    -------
    low : float
        Values below it are pulled in by `pull_in`; 0.0 where there was no exact zero.
    high : float
        Values above it are pulled in; 1.0 where there was no exact one.
    """
    inside = p[(p > 0.0) & (p < 1.0)]
    least = float(inside.min()) if inside.size else 1.0 / (2.0 * max(p.size, 1) + 2.0)
    most = float(inside.max()) if inside.size else 1.0 - 1.0 / (2.0 * max(p.size, 1) + 2.0)
    low = least if (p <= 0.0).any() else 0.0
    high = most if (p >= 1.0).any() else 1.0
    return max(low, 2 * _SMALLEST) if low else 0.0, min(high, 1.0 - 2.0**-51) if high < 1.0 else 1.0


def pull_in(p: np.ndarray, low: float, high: float) -> np.ndarray:
    """Move probabilities beyond two marks half-way inside, keeping the order.

    Parameters
    ----------
    p : ndarray, float64
        Probabilities in [0, 1].
    low : float
        Values in [0, low] go to [low / 2, low].
    high : float
        Values in [high, 1] go to [high, (1 + high) / 2].

    Returns
    -------
    ndarray, float64
        Probabilities; the same array where both marks are at the ends.
    """
    if low <= 0.0 and high >= 1.0:
        return p
    inside = np.where(p < low, 0.5 * (p + low), p)
    return np.where(p > high, 0.5 * (p + high), inside)
