"""k nearest neighbours: the one question, and which way answers it.

In few columns a tree skips most points; in many it skips none, and products win. Both give the same answer to the
last bit, so the choice is a matter of time only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.neighbours.blocks import by_blocks
from counterpoise.neighbours.space import Space
from counterpoise.neighbours.trees import Tree
from counterpoise.neighbours.workers import WORKING_MEMORY

__all__ = ["kneighbors"]

_TREE_COLUMNS = 12  # measured: above about a dozen columns products win on every table of ours
_TREE_POINTS = 2000  # fewer points are one block


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
    squared, indices = squared_kneighbors(
        queries, points, k, rows=rows, working_memory=working_memory, n_jobs=n_jobs
    )
    return np.sqrt(squared), indices


def squared_kneighbors(
    queries: Any,
    points: Any,
    k: int,
    *,
    rows: np.ndarray | None = None,
    working_memory: int = WORKING_MEMORY,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest points of each query, with squared distances.

    Parameters
    ----------
    queries, points : Space, ndarray, sparse matrix or frame
        See `kneighbors`.
    k : int
        How many.
    rows : ndarray of shape (m,), int64, optional
        The point that each query is.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.
    n_jobs : int or None, default=None
        Threads.

    Returns
    -------
    distances : ndarray of shape (m, k), float64
        Squared distances, ascending.
    indices : ndarray of shape (m, k), int64
        Point numbers.
    """
    points = Space.of(points)
    queries = Space.of(queries)
    _check(queries, points, k, rows)
    if not len(queries):
        return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
    if _tree_wins(queries, points):
        return Tree(points.numbers).kneighbors(queries.numbers, k, rows, n_jobs=n_jobs)
    return by_blocks(queries, points, k, rows, working_memory=working_memory, n_jobs=n_jobs)


def _tree_wins(queries: Space, points: Space) -> bool:
    few_columns = 0 < points.n_columns <= _TREE_COLUMNS
    return points.is_plain and few_columns and len(points) >= _TREE_POINTS and len(queries) >= 64


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
