"""The one question - which points are nearest - and which way answers it.

In few columns a tree skips most points; in many it skips none, and products win. Where rows repeat, the search is
among distinct rows, and row numbers are put back afterwards. All ways give the same answer to the last bit, so the
choice is a matter of time only.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.neighbours.blocks import by_blocks
from counterpoise.neighbours.distances import product_type
from counterpoise.neighbours.duplicates import Distinct, distinct_rows
from counterpoise.neighbours.space import Space
from counterpoise.neighbours.trees import Tree
from counterpoise.neighbours.workers import WORKING_MEMORY

__all__ = ["Index", "kneighbors"]

_TREE_COLUMNS = 12  # measured: above about a dozen columns products win on every table of ours
_TREE_POINTS = 2000  # fewer points are one block
_TREE_QUERIES = 256  # fewer queries cost less by products than building the tree does
_SAMPLE = 2048  # rows looked at to tell whether a table repeats itself
_REPEATS = 16  # repeats in that sample that make distinct rows worth finding: clumps of about 1 % of the rows


class Index:
    """Points that nearest neighbours are asked of, more than once.

    Parameters
    ----------
    points : Space, ndarray, sparse matrix or frame of shape (n, d)
        The points.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    """

    def __init__(
        self, points: Any, *, working_memory: int = WORKING_MEMORY, n_jobs: int | None = None
    ) -> None:
        self.points = Space.of(points)
        self.working_memory, self.n_jobs = working_memory, n_jobs

    @cached_property
    def distinct(self) -> Distinct | None:
        """The distinct rows, where a sample shows that rows repeat."""
        if not isinstance(self.points.numbers, np.ndarray) or len(self.points) < _TREE_POINTS:
            return None
        sample = self.points.take(_spread(len(self.points), _SAMPLE))
        if len(sample) - len(distinct_rows(sample.numbers, sample.codes)) < _REPEATS:
            return None
        return distinct_rows(self.points.numbers, self.points.codes)

    @cached_property
    def product_type(self) -> type:
        """Precision in which products of the points may be computed."""
        return product_type(self.points.numbers)

    @cached_property
    def _places(self) -> Space:
        return self.points if self.distinct is None else self.points.take(self.distinct.first)

    @cached_property
    def _tree(self) -> Tree | None:
        few_columns = 0 < self._places.n_columns <= _TREE_COLUMNS
        if not (self._places.is_plain and few_columns and len(self._places) >= _TREE_POINTS):
            return None
        return Tree(self._places.numbers)

    def nearest_rows(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest other points of some of the points.

        Parameters
        ----------
        rows : ndarray of shape (m,), int64
            Point numbers.
        k : int
            How many.

        Returns
        -------
        distances : ndarray of shape (m, k), float64
            Squared distances, ascending.
        indices : ndarray of shape (m, k), int64
            Point numbers; of equal distances the smaller number first.
        """
        if self.distinct is None:
            return self._search(self.points.take(rows), k, rows)
        group, which = np.unique(self.distinct.group[rows], return_inverse=True)
        width = min(k + 1, len(self.distinct))
        distance, near = self._search(self._places.take(group), width, None)
        return _widened(self.distinct, distance[which], near[which], k, rows)

    def nearest(self, queries: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest points of any queries.

        Parameters
        ----------
        queries : Space, ndarray, sparse matrix or frame of shape (m, d)
            Rows of the same columns.
        k : int
            How many.

        Returns
        -------
        distances : ndarray of shape (m, k), float64
            Squared distances, ascending.
        indices : ndarray of shape (m, k), int64
            Point numbers; of equal distances the smaller number first.
        """
        queries = Space.of(queries)
        if self.distinct is None:
            return self._search(queries, k, None)
        distance, near = self._search(queries, min(k, len(self.distinct)), None)
        return _widened(self.distinct, distance, near, k, None)

    def _search(self, queries: Space, k: int, rows: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if (len(queries) >= _TREE_QUERIES or "_tree" in self.__dict__) and self._tree is not None:
            return self._tree.kneighbors(queries.numbers, k, rows, n_jobs=self.n_jobs)
        return by_blocks(
            queries, self._places, k, rows, working_memory=self.working_memory, n_jobs=self.n_jobs
        )


def kneighbors(
    queries: Any,
    points: Any,
    k: int,
    *,
    rows: np.ndarray | None = None,
    working_memory: int = WORKING_MEMORY,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest points of each query, exactly.

    Parameters
    ----------
    queries, points : Space, ndarray, sparse matrix or frame of shape (m, d) and (n, d)
        Rows. Of frames with categories make one `Space` for both and take rows from it.
    k : int
        How many neighbours, at least 1.
    rows : ndarray of shape (m,), int64, optional
        Where queries are themselves points: the point that each query is. It is left out of its own neighbours, by
        number and not by distance, so a repeated row has its twin as neighbour at distance 0.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.
    n_jobs : int or None, default=None
        Threads; None means all cores. The answer is the same for any number.

    Returns
    -------
    distances : ndarray of shape (m, k), float64
        Distances (not squared), ascending.
    indices : ndarray of shape (m, k), int64
        Point numbers. Of equal distances the smaller number comes first.

    Raises
    ------
    OptionError
        If k is less than 1 or more than there are points (other than the query itself).
    TypeOfInputError
        If queries and points do not have the same columns.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [3.0], [1.0]])
    >>> distances, indices = kneighbors(X, X, 2, rows=np.arange(4))
    >>> indices.tolist()
    [[1, 3], [3, 0], [1, 3], [1, 0]]
    """
    index = Index(points, working_memory=working_memory, n_jobs=n_jobs)
    queries = Space.of(queries)
    _check(queries, index.points, k, rows)
    if not len(queries):
        return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
    squared, indices = index.nearest(queries, k) if rows is None else index.nearest_rows(rows, k)
    return np.sqrt(squared), indices


def _spread(n: int, size: int) -> np.ndarray:
    """Row numbers spread over a table as if at random, the same for every call."""
    if n <= size:
        return np.arange(n)
    return np.random.default_rng(n).choice(n, size, replace=False)


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
    order = np.lexsort((point, distance), axis=-1)[:, :k]
    return np.take_along_axis(distance, order, axis=1), np.take_along_axis(point, order, axis=1)


def _check(queries: Space, points: Space, k: int, rows: np.ndarray | None) -> None:
    if queries.n_columns != points.n_columns or (queries.codes is None) != (points.codes is None):
        raise TypeOfInputError(
            f"Queries of {queries.n_columns} numeric columns were asked among points of {points.n_columns}.",
            expected="Expected the same columns in both.",
            why="A distance compares column with column.",
            hint="Make one Space of the whole table and take the rows of both from it.",
        )
    available = len(points) - (rows is not None)
    if not 1 <= k <= available:
        raise OptionError(
            f"{k} nearest neighbours were asked among {available} other rows.",
            expected=f"Expected a number from 1 to {available}.",
            why="A row cannot have more neighbours than there are other rows.",
            hint="Ask for fewer neighbours, or give more rows.",
        )
