r"""The share of positives, without labels.

Where only the balance of the classes changes, from :math:`\pi_0` to :math:`\pi`, the density of a row changes by
:math:`\pi p / \pi_0 + (1 - \pi)(1 - p) / (1 - \pi_0)`, with p its calibrated probability. The likelihood of
:math:`\pi` is the product over the rows: concave in :math:`\pi`, and its maximum is the estimate of M. Saerens, P.
Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14,
2002. Its interval is Wilks's; see also S. Garg, Y. Wu, S. Balakrishnan, Z. Lipton, "A unified view of label shift
estimation", NeurIPS 2020. It assumes that the probabilities were calibrated and that the classes look as they did.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2

from counterpoise.evaluate.intervals import proportion
from counterpoise.monitor.drift import REFERENCE_CONFIDENCE
from counterpoise.monitor.records import Figure, Reference, Rules

__all__ = ["STEPS", "balance_ratios", "estimate", "shift_range"]

STEPS = np.array([1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0])
"""Factors on the odds of the tolerated ends: the shifts against which evidence is gathered."""

SMALLEST = 1e-9


def estimate(p: np.ndarray, base_rate: float, confidence: float = 0.95) -> Figure:
    """Estimate the share of positives among rows without labels.

    Parameters
    ----------
    p : ndarray of shape (n,), float64
        Probabilities, calibrated for the base rate.
    base_rate : float
        Share of positives where they are calibrated.
    confidence : float, default=0.95
        Of the interval.

    Returns
    -------
    Figure
        The share, with its likelihood-ratio interval.
    """
    if len(p) == 0 or not 0 < base_rate < 1:
        return Figure(note="no rows" if len(p) == 0 else "the model's base rate is not known")
    slope = p / base_rate - (1 - p) / (1 - base_rate)
    level = (1 - p) / (1 - base_rate)

    def score(share: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give the derivative of the log-likelihood."""
        return float((slope / (level + share * slope)).sum())

    low, high = SMALLEST, 1 - SMALLEST
    best = (
        low if score(low) <= 0 else high if score(high) >= 0 else float(brentq(score, low, high, xtol=1e-12))
    )
    top = float(np.log(level + best * slope).sum())
    drop = float(chi2.ppf(confidence, 1)) / 2

    def above(share: float) -> float:  # numpydoc ignore=PR01,RT01
        """Say how far the log-likelihood is above the interval's line."""
        return float(np.log(level + share * slope).sum()) - top + drop

    lower = low if best <= low or above(low) >= 0 else float(brentq(above, low, best, xtol=1e-12))
    upper = high if best >= high or above(high) >= 0 else float(brentq(above, best, high, xtol=1e-12))
    return Figure(value=_rounded(best), lower=_rounded(lower), upper=_rounded(upper))


def _rounded(share: float) -> float:
    return 0.0 if share <= SMALLEST else 1.0 if share >= 1 - SMALLEST else share


def shift_range(reference: Reference, rules: Rules) -> tuple[float, float]:
    """Give the shares of positives that are tolerated.

    Parameters
    ----------
    reference : Reference
        With the base rate and the positives behind it.
    rules : Rules
        With the tolerated factor.

    Returns
    -------
    low, high : float
        The base rate's own interval, widened by the factor.
    """
    rows = reference.n_positive / reference.base_rate
    own = proportion(min(reference.n_positive, rows), rows, REFERENCE_CONFIDENCE)
    return own.lower / rules.factor, min(own.upper * rules.factor, 0.5 + own.upper / 2)


def balance_ratios(p: np.ndarray, base_rate: float, low: float, high: float) -> np.ndarray:
    """Give the log-likelihood ratios of shares beyond a tolerated range to its nearer end.

    Parameters
    ----------
    p : ndarray of shape (n,), float64
        Probabilities, calibrated for the base rate.
    base_rate : float
        Share of positives where they are calibrated.
    low, high : float
        The tolerated range.

    Returns
    -------
    ndarray of shape (2, len(STEPS)), float64
        Sums over the rows, above the range and below it.
    """
    slope = p / base_rate - (1 - p) / (1 - base_rate)
    level = (1 - p) / (1 - base_rate)

    def likelihood(share: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give the log-likelihood of a share."""
        return float(np.log(np.maximum(level + share * slope, np.finfo(float).tiny)).sum())

    sums = []
    for end, factors in ((high, STEPS), (low, 1 / STEPS)):
        odds = end / (1 - end) * factors
        at_end = likelihood(end)
        sums.append([likelihood(float(each)) - at_end for each in odds / (1 + odds)])
    return np.array(sums)
