r"""Exact bounds for a line that was chosen on the data it is judged by.

Recall, specificity and the false-positive rate along a curve change only where a row of one class is passed, so
the line at the k-th highest positive has a true recall distributed as Beta(k, n - k + 1) whatever the scores are:
an order statistic. Clopper and Pearson's bound at that line is therefore exact for the *chosen* line, and by
monotony for every line below (above) it.

Precision is not monotone. Lines that alert a given number of rows, not lines that end at a positive, are tested one
after the other from the top, each at the level left by the ones before (the fallback procedure), so that the
chance that any certified line misses the target stays below one minus the confidence.

Sources: C. Clopper and E. Pearson, Biometrika 26, 1934; A. Angelopoulos et al., "Learn then test", 2021
(arXiv:2110.01052), section 2.2; B. Wiens and A. Dmitrienko, "The fallback procedure for evaluating a single family
of hypotheses", 2005; L. Kish, "Survey Sampling", 1965 (effective number of weighted rows).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv

__all__ = [
    "certified_by_fallback",
    "effective",
    "lower_bound",
    "miss_probability",
    "sizes_to_test",
    "two_sided",
    "upper_bound",
]

GROWTH = 1.05
"""Each tested line alerts at least this many times as many rows as the one before."""

STARTS = (0.06, 0.15)
"""Where the level is spent at first: shares of the largest number of alerts at which the target can be met."""


def lower_bound(successes: Any, trials: Any, confidence: float) -> np.ndarray:
    r"""Give Clopper and Pearson's one-sided lower bound of a proportion.

    Parameters
    ----------
    successes : float or ndarray
        Successes k.
    trials : float or ndarray
        Trials n.
    confidence : float
        One-sided confidence.

    Returns
    -------
    ndarray, float64
        Quantile :math:`1 - confidence` of Beta(k, n - k + 1); 0 without successes.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    inside = betaincinv(np.maximum(k, 1e-12), np.maximum(n - k, 0.0) + 1.0, 1.0 - confidence)
    return np.where(k > 0.0, inside, 0.0)


def upper_bound(successes: Any, trials: Any, confidence: float) -> np.ndarray:
    r"""Give Clopper and Pearson's one-sided upper bound of a proportion.

    Parameters
    ----------
    successes : float or ndarray
        Successes k.
    trials : float or ndarray
        Trials n.
    confidence : float
        One-sided confidence.

    Returns
    -------
    ndarray, float64
        Quantile `confidence` of Beta(k + 1, n - k); 1 without failures.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return 1.0 - lower_bound(np.maximum(n - k, 0.0), n, confidence)


def two_sided(successes: Any, trials: Any, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Give Clopper and Pearson's two-sided interval of a proportion.

    Parameters
    ----------
    successes : float or ndarray
        Successes; with weights an effective number.
    trials : float or ndarray
        Trials; NaN ends where there are none.
    confidence : float
        Two-sided confidence.

    Returns
    -------
    lower : ndarray, float64
        Lower end.
    upper : ndarray, float64
        Upper end.
    """
    each = 0.5 + confidence / 2.0
    some = np.asarray(trials, dtype=np.float64) > 0.0
    lower = np.where(some, lower_bound(successes, trials, each), np.nan)
    return lower, np.where(some, upper_bound(successes, trials, each), np.nan)


def miss_probability(successes: Any, trials: Any, target: float) -> np.ndarray:
    """Give the chance of so many successes or more if the proportion were the target.

    Parameters
    ----------
    successes : float or ndarray
        Successes k.
    trials : float or ndarray
        Trials n.
    target : float
        The proportion.

    Returns
    -------
    ndarray, float64
        P(Binomial(n, target) >= k); 1 for k = 0.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    inside = betainc(np.maximum(k, 1e-12), np.maximum(n - k, 0.0) + 1.0, target)
    return np.where(k > 0.0, inside, 1.0)


def effective(total: Any, squares: Any) -> Any:
    """Give Kish's effective number of weighted rows, ``(sum w)^2 / sum w^2``.

    Parameters
    ----------
    total : float or ndarray
        Sum of the weights.
    squares : float or ndarray
        Sum of their squares.

    Returns
    -------
    float or ndarray
        The number; 0 without weight.
    """
    total, squares = np.asarray(total, dtype=np.float64), np.asarray(squares, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(squares > 0.0, total * total / squares, 0.0)
    return found if found.ndim else float(found)


def sizes_to_test(largest: float, smallest: float = 1.0) -> np.ndarray:
    """Give the numbers of alerts whose lines are tested, in order.

    Parameters
    ----------
    largest : float
        The last number of alerts.
    smallest : float, default=1.0
        The first.

    Returns
    -------
    ndarray of int64
        Each at least one more and about 5 % more than the one before.
    """
    sizes = [max(int(np.ceil(smallest)), 1)]
    while sizes[-1] < largest:
        sizes.append(max(sizes[-1] + 1, int(sizes[-1] * GROWTH)))
    return np.minimum(np.array(sizes, dtype=np.int64), max(int(largest), sizes[0]))


def certified_by_fallback(
    p_values: np.ndarray, sizes: np.ndarray, largest: float, level: float
) -> np.ndarray:
    """Say which lines are certified by the fallback procedure.

    Parameters
    ----------
    p_values : ndarray of shape (n_lines,), float64
        P-value of each line's hypothesis that it misses the target, in the order of testing.
    sizes : ndarray of shape (n_lines,), int64
        Alerts of each line.
    largest : float
        Largest number of alerts at which the target could be met.
    level : float
        Chance of certifying any line that misses the target, at most.

    Returns
    -------
    ndarray of shape (n_lines,), bool
        True for certified lines.
    """
    own = np.zeros(p_values.shape[0])
    starts = np.searchsorted(sizes, np.array(STARTS) * largest)
    np.add.at(own, np.minimum(starts, p_values.shape[0] - 1), level / len(STARTS))
    certified, carried = np.zeros(p_values.shape[0], dtype=bool), 0.0
    for line in range(p_values.shape[0]):
        spent = carried + own[line]
        certified[line] = spent > 0.0 and p_values[line] <= spent
        carried = spent if certified[line] else 0.0
    return certified
