"""How near the nearest of a few points is, for very many rows: bounds from one product."""

from __future__ import annotations

import numpy as np

from counterpoise.neighbours.distances import Scratch, product, product_type, rounding, squared_norms
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.space import Space
from counterpoise.neighbours.workers import each, runs_of

__all__ = ["nearer_to", "nearest_bounds"]

_ROWS = 1024  # rows of one product
_POINTS = 1024  # points of one product


def nearest_bounds(
    queries: Space, points: Space, *, n_jobs: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the squared distance from each query to its nearest point.

    Parameters
    ----------
    queries, points : Space
        Both of the same columns; at least one point.
    n_jobs : int or None
        Threads.

    Returns
    -------
    low, high : ndarray of shape (n_queries,), float64
        The squared distance lies between them.
    """
    if points.codes is not None:
        exact = Index(points, n_jobs=n_jobs).nearest(queries, 1)[0][:, 0]
        return exact, exact
    few = points.dense(slice(None)).astype(np.float64)
    centre = few.mean(axis=0)
    dtype = product_type(queries.numbers, few)
    right = (few - centre).astype(dtype)
    weights, bound = squared_norms(right), rounding(right.shape[1] + 1, dtype)
    low, high = np.empty(len(queries)), np.empty(len(queries))

    def _run(starts: np.ndarray) -> None:
        """Bound some blocks of queries; each writes to rows of its own."""
        scratch = Scratch()
        for start in starts.tolist():
            part = slice(start, min(start + _ROWS, len(queries)))
            left = (queries.dense(part) - centre).astype(dtype)
            norms = squared_norms(left)
            low[part] = _least(left, right, weights * (1 - bound), scratch) + norms * (1 - bound)
            high[part] = low[part] + 2 * bound * (norms + weights.max())

    each(_run, runs_of(np.arange(0, len(queries), _ROWS), n_jobs), n_jobs)
    return np.maximum(low, 0, out=low), np.maximum(high, 0, out=high)


def _least(left: np.ndarray, right: np.ndarray, weights: np.ndarray, scratch: Scratch) -> np.ndarray:
    least = np.full(len(left), np.inf, dtype=left.dtype)
    for start in range(0, len(right), _POINTS):
        part = slice(start, start + _POINTS)
        estimates = product(right[part], weights[part], left, scratch)
        np.minimum(least, estimates.min(axis=0), out=least)
    return least


def nearer_to(queries: Space, one: Space, other: Space, *, n_jobs: int | None = None) -> np.ndarray:
    """Say which queries are surely nearer to the one set of points than to the other.

    Parameters
    ----------
    queries, one, other : Space
        All of the same columns; at least one point in each set.
    n_jobs : int or None
        Threads.

    Returns
    -------
    ndarray of shape (n_queries,), bool
        True where the nearest point of `one` is strictly nearer than the nearest of `other`, by exact distances.
    """
    low_one, high_one = nearest_bounds(queries, one, n_jobs=n_jobs)
    low_other, high_other = nearest_bounds(queries, other, n_jobs=n_jobs)
    nearer = high_one < low_other
    unclear = np.flatnonzero(~nearer & (low_one <= high_other))
    if len(unclear):
        part = queries.take(unclear)
        exact = [Index(points, n_jobs=n_jobs).nearest(part, 1)[0][:, 0] for points in (one, other)]
        nearer[unclear] = exact[0] < exact[1]
    return nearer
