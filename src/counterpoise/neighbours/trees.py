"""Exact nearest neighbours by a k-d tree over the distinct rows, where columns are few.

The tree proposes; the definition in `distances` decides. Distinct rows keep a table full of repeats from drowning the
tree in ties, and a query whose last proposal could tie with an unseen row asks again for twice as many.

Source: J. Bentley, "Multidimensional binary search trees used for associative searching", CACM 18(9), 1975.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from counterpoise.neighbours.distances import pair_distances
from counterpoise.neighbours.duplicates import Distinct, distinct_rows
from counterpoise.neighbours.workers import n_workers

__all__ = ["Tree"]

_SLACK = 1e-9  # relative; far above the tree's own rounding


class Tree:
    """A k-d tree over the distinct rows of a matrix.

    Parameters
    ----------
    points : ndarray of shape (n, d), float32 or float64
        Rows, none missing.
    """

    def __init__(self, points: np.ndarray) -> None:
        self.distinct: Distinct = distinct_rows(points)
        self.points = points
        self._places = np.ascontiguousarray(points[self.distinct.first], dtype=np.float64)
        self._tree = cKDTree(self._places, leafsize=24, balanced_tree=False, compact_nodes=False)

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
        open_queries, width = np.arange(len(queries)), min(k + 2, len(self.distinct))
        while len(open_queries):
            own = None if rows is None else rows[open_queries]
            found = self._ask(places[open_queries], width, k, own, n_jobs)
            done = found[2]
            distances[open_queries[done]], indices[open_queries[done]] = found[0][done], found[1][done]
            open_queries, width = open_queries[~done], min(2 * width, len(self.distinct))
        return distances, indices

    def _ask(
        self, places: np.ndarray, width: int, k: int, rows: np.ndarray | None, n_jobs: int | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Give distances, indices and whether they are proven, looking at `width` distinct rows."""
        reach, group = self._tree.query(places, k=np.arange(1, width + 1), workers=n_workers(n_jobs))
        each_pair = np.repeat(np.arange(len(places)), width)
        exact = pair_distances(places, self._places, each_pair, group.ravel()).reshape(group.shape)
        distance, point = _widened(self.distinct, exact, group, k, rows)
        if width == len(self.distinct):
            return distance[:, :k], point[:, :k], np.ones(len(places), dtype=bool)
        proven = distance[:, k - 1] < reach[:, -1] ** 2 * (1 - _SLACK)
        return distance[:, :k], point[:, :k], proven


def _widened(
    distinct: Distinct, exact: np.ndarray, group: np.ndarray, k: int, rows: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Turn distinct rows back into row numbers, the first few of each, sorted by (distance, number)."""
    each_group = min(k + 1, int(distinct.counts.max()))
    place = distinct.start[group][:, :, None] + np.arange(each_group)
    is_real = place < distinct.start[group + 1][:, :, None]
    point = np.where(is_real, distinct.order[np.where(is_real, place, 0)], len(distinct.order))
    if rows is not None:
        is_real &= point != rows[:, None, None]
    distance = np.where(is_real, exact[:, :, None], np.inf).reshape(len(group), -1)
    point = point.reshape(len(group), -1)
    if distance.shape[1] < k:
        lack = ((0, 0), (0, k - distance.shape[1]))
        distance, point = np.pad(distance, lack, constant_values=np.inf), np.pad(point, lack)
    order = np.lexsort((point, distance), axis=-1)
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(point, order, axis=1)
