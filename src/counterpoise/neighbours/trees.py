"""Exact nearest neighbours by a k-d tree, where columns are few.

The tree proposes; the definition in `distances` decides. A query whose last proposal could tie with a point not yet
proposed asks again for twice as many.

Source: J. Bentley, "Multidimensional binary search trees used for associative searching", CACM 18(9), 1975.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from counterpoise.neighbours.distances import pair_distances
from counterpoise.neighbours.workers import n_workers

__all__ = ["Tree"]

_SLACK = 1e-9  # relative; far above the tree's own rounding
_LEAF = 32  # rows of a leaf; measured, flat between 16 and 64


class Tree:
    """A k-d tree over a matrix without many repeated rows.

    Parameters
    ----------
    points : ndarray of shape (n, d), float32 or float64
        Rows, none missing.
    """

    def __init__(self, points: np.ndarray) -> None:
        self.points = np.ascontiguousarray(points, dtype=np.float64)
        self._tree = cKDTree(self.points, leafsize=_LEAF, balanced_tree=False, compact_nodes=False)

    def kneighbors(
        self, queries: np.ndarray, k: int, rows: np.ndarray | None = None, *, n_jobs: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest points of each query.

        Parameters
        ----------
        queries : ndarray of shape (m, d)
            Rows.
        k : int
            How many; at most the number of points, less one where `rows` is given.
        rows : ndarray of shape (m,), int64, optional
            The point that each query is, not counted among its own neighbours.
        n_jobs : int or None
            Threads.

        Returns
        -------
        distances : ndarray of shape (m, k), float64
            Squared distances, ascending.
        indices : ndarray of shape (m, k), int64
            Point numbers; of equal distances the smaller number first.
        """
        distances = np.empty((len(queries), k), dtype=np.float64)
        indices = np.empty((len(queries), k), dtype=np.int64)
        places = np.ascontiguousarray(queries, dtype=np.float64)
        still, width = np.arange(len(queries)), min(k + 2, len(self.points))
        while len(still):
            own = None if rows is None else rows[still]
            distance, point, is_proven = self._ask(places[still], width, k, own, n_jobs)
            done = still[is_proven]
            distances[done], indices[done] = distance[is_proven], point[is_proven]
            still, width = still[~is_proven], min(2 * width, len(self.points))
        return distances, indices

    def _ask(
        self, places: np.ndarray, width: int, k: int, rows: np.ndarray | None, n_jobs: int | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give distances, numbers and whether they are proven, looking at `width` points a query."""
        reach, point = self._tree.query(places, k=np.arange(1, width + 1), workers=n_workers(n_jobs))
        query = np.repeat(np.arange(len(places)), width)
        exact = pair_distances(places, self.points, query, point.ravel()).reshape(point.shape)
        if rows is not None:
            exact[point == rows[:, None]] = np.inf
        order = np.lexsort((point, exact), axis=-1)[:, :k]
        distance = np.take_along_axis(exact, order, axis=1)
        is_all = width == len(self.points)
        proven = is_all | (distance[:, -1] < reach[:, -1] ** 2 * (1 - _SLACK))
        return distance, np.take_along_axis(point, order, axis=1), proven
