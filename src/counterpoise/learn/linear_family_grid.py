"""Which members a family has: strengths and kinds of regularisation, and weights of the positive rows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from counterpoise.errors import OptionError
from counterpoise.learn.linear_family import Members

__all__ = ["choices", "grid", "strongest_l1"]

L2_RANGE = (1e-3, 1e2)
"""Strengths of l2 as scikit-learn's C, from hardly any freedom to hardly any penalty."""

L1_RANGE = (0.5, 1e-3)
"""Strengths of l1 as shares of the least one that leaves no column (Friedman, Hastie, Tibshirani, 2010)."""

L1_RATIO = 0.95
"""Share of l1 along its path; the rest is l2, so that columns that say the same share their coefficient."""

LEAST_FOR_L1 = 8
"""Members of one positive weight from which on half of them use l1."""


def choices(name: str, value: Any) -> list[float] | None:
    """Read an option that is ``"auto"``, a number, or several.

    Parameters
    ----------
    name : str
        Its name, for the message.
    value : {"auto"}, float or sequence of float
        The option.

    Returns
    -------
    list of float or None
        The numbers; None for ``"auto"``.

    Raises
    ------
    OptionError
        If it is none of these, or a number is negative or not finite.
    """
    if isinstance(value, str) and value == "auto":
        return None
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64)).ravel().tolist()
    except (TypeError, ValueError):
        numbers = []
    if not numbers or not all(np.isfinite(number) and number >= 0 for number in numbers):
        raise OptionError(
            f"{name}={value!r} was given.",
            expected='Expected "auto", a number that is not negative, or several.',
            why="It is the weight of a penalty.",
            hint=f'Pass {name}="auto" to try several.',
        )
    return [float(number) for number in numbers]


def strongest_l1(
    X: np.ndarray, is_positive: np.ndarray, weight: np.ndarray, positive_weight: float, l1_scale: np.ndarray
) -> float:
    """Give the least l1 at which no column has a coefficient.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns), float64
        Standardised rows.
    is_positive : ndarray of shape (n,), bool
        Which rows are positive.
    weight : ndarray of shape (n,), float64
        Sample weights.
    positive_weight : float
        How often a positive row counts.
    l1_scale : ndarray of shape (n_columns,), float64
        Factor of each column in the penalty.

    Returns
    -------
    float
        ``max_j |gradient_j| / q_j`` of the mean logistic loss at the best constant; above 0.
    """
    mass = weight * np.where(is_positive, positive_weight, 1.0)
    share = mass[is_positive].sum() / mass.sum()
    gradient = X.T @ (mass * (share - is_positive)) / mass.sum()
    return float(max(np.max(np.abs(gradient) / l1_scale, initial=0.0), 1e-12))


def grid(
    n: int,
    positive_weights: list[float],
    l1: list[float] | None,
    wd: list[float] | None,
    totals: np.ndarray,
    strongest: list[float],
    *,
    with_l1: bool = True,
) -> Members:
    """Lay out the members of a family.

    Parameters
    ----------
    n : int
        Most members.
    positive_weights : list of float
        Weights of the positive rows to try.
    l1, wd : list of float, or None
        Penalties to try; None chooses.
    totals : ndarray of shape (n_weights,), float64
        Total weight that a member of each positive weight sees.
    strongest : list of float
        For each positive weight the least l1 that leaves no column.
    with_l1 : bool, default=True
        Whether None for both penalties lays half of the members along an l1 path.

    Returns
    -------
    Members
        At most n, by positive weight, then by penalty, the strongest first.
    """
    each = max(1, n // len(positive_weights))
    rows: list[tuple[float, float, float]] = []
    for weight, total, most in zip(positive_weights, totals, strongest, strict=True):
        rows += [(a, b, weight) for a, b in _penalties(each, l1, wd, float(total), most, with_l1)[:each]]
    table = np.array(rows)
    return Members(table[:, 0], table[:, 1], table[:, 2])


def _penalties(
    n: int, l1: list[float] | None, wd: list[float] | None, total: float, strongest: float, with_l1: bool
) -> list[tuple[float, float]]:
    if l1 is not None and wd is not None:
        return list(product(l1, wd))
    if l1 is not None:
        return list(product(l1, _l2_strengths(max(1, n // len(l1)), total)))
    if wd is not None:
        path = [0.0] if n // len(wd) < 2 else [*_geometric(L1_RANGE, n // len(wd) - 1, strongest), 0.0]
        return list(product(path, wd))
    n_l1 = n // 2 if with_l1 and n >= LEAST_FOR_L1 else 0
    plain = [(0.0, strength) for strength in _l2_strengths(n - n_l1, total)]
    return plain + [
        (L1_RATIO * strength, (1 - L1_RATIO) * strength) for strength in _geometric(L1_RANGE, n_l1, strongest)
    ]


def _l2_strengths(n: int, total: float) -> list[float]:
    return [1.0 / total] if n == 1 else _geometric((1 / L2_RANGE[0], 1 / L2_RANGE[1]), n, 1.0 / total)


def _geometric(ends: tuple[float, float], n: int, unit: float) -> list[float]:
    return [float(strength * unit) for strength in np.geomspace(ends[0], ends[1], n)] if n else []
