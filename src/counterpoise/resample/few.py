"""The nearest rows of a few rows in a large table, without a standardised copy of the table.

The minority has a few hundred rows, the table hundreds of thousands. One pass over the table is enough: a block of it
is standardised in the core's cache, one product in single precision gives lower bounds of its distances to all the
few, and whatever is not surely farther than the k nearest so far is kept. What is left at the end, some dozens of
candidates a row, goes to the exact search; the answer is that of a search among all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.neighbours.distances import Scratch, pair_distances, rounding, squared_norms
from counterpoise.neighbours.workers import each, one_thread_products

__all__ = ["candidates", "is_worthwhile", "nearest"]

_BLOCK = 512
"""Rows of the table standardised at a time: their distances to 320 rows take 650 kB."""

_FIRST = 2048
"""Rows of the first look, which sets the first bound; it is tightened whenever as many rows again were seen."""

_RUNS = 8
"""Tasks that a round is divided into."""

_MOST_QUERIES = 1024
_FEWEST_ROWS = 16_384
_FEWEST_COLUMNS = 6
"""In fewer columns trees are faster."""


def is_worthwhile(n_queries: int, X: np.ndarray) -> bool:
    """Say whether one pass over the table is the way to go.

    Parameters
    ----------
    n_queries : int
        Rows whose neighbours are asked.
    X : ndarray of shape (n, d)
        The table.

    Returns
    -------
    bool
        True for few rows of a large table of several columns, in double precision.
    """
    return (
        X.dtype == np.float64
        and n_queries <= _MOST_QUERIES
        and len(X) >= _FEWEST_ROWS
        and X.shape[1] >= _FEWEST_COLUMNS
    )


@dataclass(slots=True)
class _Few:
    """The few rows, ready for products, and the best pairs so far."""

    centre: np.ndarray
    inverse: np.ndarray
    left: np.ndarray
    norms: np.ndarray
    slack: float
    limit: np.ndarray

    def bounds(self, block: np.ndarray, scratch: Scratch) -> tuple[np.ndarray, np.ndarray]:
        """Bound the squared distances to the rows of a block from below, less the queries' norms; and give norms."""
        n, d = block.shape
        moved = scratch.matrix("moved", n, d, np.dtype(np.float64))
        right = scratch.matrix("right", n, d + 1, np.dtype(np.float32))
        np.subtract(block, self.centre, out=moved)
        np.multiply(moved, self.inverse, out=right[:, :d], casting="same_kind")
        norms = np.einsum("ij,ij->i", right[:, :d], right[:, :d])
        np.multiply(norms, np.float32(1 - self.slack), out=right[:, d])
        low = scratch.matrix("low", n, len(self.left), np.dtype(np.float32))
        return np.matmul(right, self.left.T, out=low), norms


def nearest(X: np.ndarray, scale: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Find the nearest other rows of a few rows, by the exact distance of the standardised table.

    Parameters
    ----------
    X : ndarray of shape (n, d), float, none missing
        The table.
    scale : ndarray of shape (d,), float64, positive
        What each column is divided by.
    rows : ndarray of shape (m,), int64
        The few.
    k : int
        How many neighbours.

    Returns
    -------
    ndarray of shape (m, k), int64
        Row numbers, nearest first; of equal distances the smaller number first.
    """
    with one_thread_products():
        which, near = candidates(X, scale, rows, k)
    is_other = near != rows[which]
    which, near = which[is_other], near[is_other]
    points, place = np.unique(near, return_inverse=True)
    exact = pair_distances(X[rows] / scale, X[points] / scale, which, place)
    order = np.lexsort((near, exact, which))
    start = np.searchsorted(which[order], np.arange(len(rows)))
    return np.asarray(near[order[start[:, None] + np.arange(k)]])


def candidates(X: np.ndarray, scale: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs among which the k nearest of each of a few rows surely are.

    Parameters
    ----------
    X : ndarray of shape (n, d), float, none missing
        The table.
    scale : ndarray of shape (d,), float64, positive
        What each column is divided by.
    rows : ndarray of shape (m,), int64
        The few.
    k : int
        How many neighbours, besides the row itself.

    Returns
    -------
    which : ndarray, int64
        Places in `rows`, ascending.
    near : ndarray, int64
        Row numbers of the table.
    """
    few = _few(X, scale, rows)
    which, near, far = _first_look(few, X, k)
    seen = _FIRST
    while seen < len(X):
        runs = np.array_split(np.arange(seen, min(2 * seen, len(X)), _BLOCK), _RUNS)
        seen = min(2 * seen, len(X))
        found = [pairs for run in each(lambda run: _kept(few, X, run), runs) for pairs in run]
        which = np.concatenate((which, *(f[0] for f in found)))
        near = np.concatenate((near, *(f[1] for f in found)))
        far = np.concatenate((far, *(f[2] for f in found)))
        which, near, far = _tightened(few, which, near, far, k)
    return which, near


def _few(X: np.ndarray, scale: np.ndarray, rows: np.ndarray) -> _Few:
    centre, inverse = X[rows].mean(axis=0, dtype=np.float64).astype(X.dtype), (1.0 / scale).astype(X.dtype)
    queries = ((X[rows] - centre) * inverse).astype(np.float32)
    slack = 4 * rounding(X.shape[1] + 1, np.float32)
    norms = squared_norms(queries)
    left = np.column_stack((-2 * queries, np.ones(len(rows), dtype=np.float32)))
    return _Few(centre, inverse, left, norms * np.float32(1 - slack), slack, np.full(len(rows), np.inf))


def _first_look(few: _Few, X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    turned, norms = few.bounds(X[:_FIRST], Scratch())
    low = np.ascontiguousarray(turned.T)
    width = min(k + 1, low.shape[1])
    near = np.argpartition(low, width - 1, axis=1)[:, :width].ravel()
    which = np.repeat(np.arange(len(low)), width)
    far = _upper(few, low[which, near], norms[near], which)
    few.limit = far.reshape(len(low), width).max(axis=1)
    again, row = np.nonzero(low + few.norms[:, None] <= few.limit[:, None].astype(np.float32))
    return again, row, _upper(few, low[again, row], norms[row], again)


def _upper(few: _Few, low: np.ndarray, norms: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Turn lower bounds (less the query's norm) into upper bounds."""
    own = few.norms[which]
    return np.asarray((low + own + 3 * few.slack * (norms + own)).astype(np.float64))


def _kept(few: _Few, X: np.ndarray, starts: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Keep the pairs of some blocks that are not surely farther than the limit."""
    scratch, found = Scratch(), []
    most = (few.limit - few.norms).astype(np.float32)
    for start in starts.tolist():
        low, norms = few.bounds(X[start : start + _BLOCK], scratch)
        flat = np.flatnonzero(low <= most)
        row, which = np.divmod(flat, low.shape[1])
        found.append((which, row + start, _upper(few, low.ravel()[flat], norms[row], which)))
    return found


def _tightened(
    few: _Few, which: np.ndarray, near: np.ndarray, far: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower the limit to the (k + 1)-th nearest so far, and drop what is surely farther."""
    order = np.lexsort((far, which))
    which, near, far = which[order], near[order], far[order]
    start = np.searchsorted(which, np.arange(len(few.limit)))
    enough = np.bincount(which, minlength=len(few.limit)) > k
    few.limit[enough] = np.minimum(few.limit[enough], far[start[enough] + k])
    keep = far * (1 - 12 * few.slack) - 12 * few.slack * few.norms[which] <= few.limit[which]
    return which[keep], near[keep], far[keep]
