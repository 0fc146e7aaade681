"""Sums that come out the same in whatever order the parts are added.

Floating-point addition is not associative, so a curve counted in chunks would differ in the last digits from the
curve of the whole. Counts are therefore integers, and weights and amounts are rounded once to multiples of
2**-46 (7e-15 absolutely) and added as two integers. Sums are exact, merging is associative, whole equals parts.
"""

from __future__ import annotations

import numpy as np

from counterpoise.errors import InputError

__all__ = ["carry", "check_sum", "limbs_of", "value_of", "widen"]

HIGH_BITS = 10
LOW_BITS = 36
_HIGH_UNIT = float(2**HIGH_BITS)
_LOW_UNIT = float(2**LOW_BITS)
_LOW_MASK = 2**LOW_BITS - 1
_LARGEST_SUM = 2.0**52


def limbs_of(amounts: np.ndarray, name: str = "sample_weight") -> np.ndarray:
    """Split amounts into two integers each.

    Parameters
    ----------
    amounts : ndarray of shape (n,), float64
        Finite amounts of at least 0.
    name : str, default="sample_weight"
        What they are, for the message.

    Returns
    -------
    ndarray of shape (2, n), int64
        Multiples of 2**-10, and what is left in multiples of 2**-46.

    Raises
    ------
    InputError
        If their sum is too large to be held exactly.
    """
    check_sum(float(amounts.sum()), name)
    scaled = amounts * _HIGH_UNIT
    high = np.floor(scaled)
    scaled -= high
    scaled *= _LOW_UNIT
    return carry(np.stack([high, np.rint(scaled, out=scaled)]).astype(np.int64))


def check_sum(total: float, name: str) -> None:
    """Refuse a sum that cannot be held exactly.

    Parameters
    ----------
    total : float
        The sum of all amounts.
    name : str
        What they are, for the message.

    Raises
    ------
    InputError
        If it is too large.
    """
    if total > _LARGEST_SUM:
        raise InputError(
            f"{name} with the sum {total:.4g} was given.",
            expected=f"Expected a sum of at most {_LARGEST_SUM:.4g}.",
            why="Sums are held exactly, so that parts and whole agree.",
            hint=f"Divide {name} by a power of ten.",
        )


def carry(limbs: np.ndarray) -> np.ndarray:
    """Bring sums into their one normal form.

    Parameters
    ----------
    limbs : ndarray of shape (1 or 2, n), int64
        Counts, or two integers an amount.

    Returns
    -------
    ndarray of the same shape, int64
        The same amounts, the lower part below one unit of the higher.
    """
    if limbs.shape[0] == 1:
        return limbs
    return np.stack([limbs[0] + (limbs[1] >> LOW_BITS), limbs[1] & _LOW_MASK])


def widen(counts: np.ndarray) -> np.ndarray:
    """Write counts as weighted sums.

    Parameters
    ----------
    counts : ndarray of shape (1 or 2, n), int64
        Counts, or what is already weighted.

    Returns
    -------
    ndarray of shape (2, n), int64
        Two integers each.
    """
    if counts.shape[0] == 2:
        return counts
    return np.stack([counts[0] << HIGH_BITS, np.zeros_like(counts[0])])


def value_of(limbs: np.ndarray) -> np.ndarray:
    """Read sums as numbers.

    Parameters
    ----------
    limbs : ndarray of shape (1 or 2, n), int64
        Counts, or two integers an amount.

    Returns
    -------
    ndarray of shape (n,), float64
        The sums.
    """
    if limbs.shape[0] == 1:
        return np.asarray(limbs[0], dtype=np.float64)
    return np.asarray(limbs[0] / _HIGH_UNIT + limbs[1] / (_HIGH_UNIT * _LOW_UNIT))
