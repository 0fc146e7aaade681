"""Distributions of features by class: bins for one, a grid for two."""

from __future__ import annotations

import numpy as np

from counterpoise.profile.records import Distribution, Plane

__all__ = ["distribution_of_codes", "distribution_of_numbers", "plane"]

N_BINS = 32
"""Bars of a histogram."""

N_CELLS = 32
"""Cells of a grid in each direction."""

N_LEVELS = 12
"""Levels of a category that are shown; the rest is one bar."""

_TAIL = 0.005  # share of either end that shares the outermost bars


def distribution_of_numbers(
    values: np.ndarray, y: np.ndarray, negative_weight: float = 1.0
) -> Distribution | None:
    """Count a number by class in bins that hold the middle 99 % of each class; what lies outside is in the last bins.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), float
        Numbers, NaN where missing.
    y : ndarray of shape (n_rows,), bool
        Positives.
    negative_weight : float, default=1.0
        Rows that each negative stands for.

    Returns
    -------
    Distribution or None
        None where every value is missing.
    """
    present = ~np.isnan(values)
    values, y = values[present], y[present]
    if not len(values):
        return None
    edges = _edges(values, y)
    inside = np.clip(values, edges[0], edges[-1])
    return Distribution(
        edges=tuple(edges.tolist()),
        negative=tuple((np.histogram(inside[~y], edges)[0] * negative_weight).tolist()),
        positive=tuple(np.histogram(inside[y], edges)[0].astype(float).tolist()),
    )


def _edges(values: np.ndarray, y: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    distinct = np.unique(values[:10_000])
    if len(distinct) <= n_bins:
        distinct = np.unique(values)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    if len(distinct) <= n_bins:
        return _around(distinct)
    parts = [part for part in (values[y], values[~y]) if len(part)]
    low = min(float(np.quantile(part, _TAIL)) for part in parts)
    high = max(float(np.quantile(part, 1 - _TAIL)) for part in parts)
    if high <= low:
        low, high, n_bins = low - 0.5, low + 0.5, 1
    edges: np.ndarray = np.linspace(low, high, n_bins + 1)
    return edges


def _around(distinct: np.ndarray) -> np.ndarray:
    """Give edges half-way between the values, and as far outside the first and the last."""
    middle = (distinct[1:] + distinct[:-1]) / 2
    edges: np.ndarray = np.r_[2 * distinct[0] - middle[0], middle, 2 * distinct[-1] - middle[-1]]
    return edges


def distribution_of_codes(
    codes: np.ndarray, levels: tuple[str, ...], y: np.ndarray, negative_weight: float = 1.0
) -> tuple[Distribution, tuple[str, ...]]:
    """Count a category by class: the levels with most rows, the others as one, the missing as one.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), integer
        Positions in `levels`; negative where missing.
    levels : tuple of str
        Names.
    y : ndarray of shape (n_rows,), bool
        Positives.
    negative_weight : float, default=1.0
        Rows that each negative stands for.

    Returns
    -------
    tuple
        The distribution, whose bins are numbered from 0, and the names of the bins.
    """
    known = codes >= 0
    positive = np.bincount(codes[known & y], minlength=len(levels)).astype(float)
    negative = np.bincount(codes[known & ~y], minlength=len(levels)) * negative_weight
    order = np.argsort(-(positive + negative), kind="stable")
    shown, rest = order[:N_LEVELS], order[N_LEVELS:]
    names = [levels[i] for i in shown]
    bars = [(negative[i], positive[i]) for i in shown]
    if len(rest):
        names.append(f"({len(rest)} others)")
        bars.append((negative[rest].sum(), positive[rest].sum()))
    if not known.all():
        names.append("(missing)")
        bars.append(((~known & ~y).sum() * negative_weight, float((~known & y).sum())))
    return (
        Distribution(
            edges=tuple(float(i) for i in range(len(bars) + 1)),
            negative=tuple(float(n) for n, _ in bars),
            positive=tuple(float(p) for _, p in bars),
        ),
        tuple(names),
    )


def plane(
    names: tuple[str, str],
    x: np.ndarray,
    y: np.ndarray,
    is_positive: np.ndarray,
    negative_weight: float = 1.0,
) -> Plane | None:
    """Count two numbers by class on a grid; rows that lack either are left out.

    Parameters
    ----------
    names : tuple of str
        Names of both features.
    x, y : ndarray of shape (n_rows,), float
        Their values, NaN where missing.
    is_positive : ndarray of shape (n_rows,), bool
        Positives.
    negative_weight : float, default=1.0
        Rows that each negative stands for.

    Returns
    -------
    Plane or None
        None where no row has both.
    """
    present = ~(np.isnan(x) | np.isnan(y))
    x, y, is_positive = x[present], y[present], is_positive[present]
    if not len(x):
        return None
    x_edges, y_edges = _edges(x, is_positive, N_CELLS), _edges(y, is_positive, N_CELLS)
    x, y = np.clip(x, x_edges[0], x_edges[-1]), np.clip(y, y_edges[0], y_edges[-1])
    counts = [np.histogram2d(y[c], x[c], (y_edges, x_edges))[0] for c in (~is_positive, is_positive)]
    return Plane(
        x=names[0],
        y=names[1],
        x_edges=tuple(x_edges.tolist()),
        y_edges=tuple(y_edges.tolist()),
        negative=tuple(tuple(row) for row in (counts[0] * negative_weight).tolist()),
        positive=tuple(tuple(row) for row in counts[1].tolist()),
    )
