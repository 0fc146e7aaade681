"""The spaces in which the samplers of this room look for neighbours.

Columns of a table have units of their own, so neighbours are found, by default, after each number is divided by its
standard deviation: within the class that is over-sampled where only its own rows are searched (as the spread of the
minority sets the weight of a category in Chawla et al., "SMOTE", JAIR 16, 2002, section 6.1), within the whole table
where all rows are. Points are still interpolated in the original units. ``"raw"`` leaves the numbers as they are,
which is what imbalanced-learn does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.base import clone

from counterpoise.errors import NotApplicable
from counterpoise.neighbours import Space, category_penalty, kneighbors
from counterpoise.neighbours.workers import shared
from counterpoise.resample import few
from counterpoise.resample.base import require_choice
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.mixing import kinds_of
from counterpoise.table import frames

__all__ = [
    "NeighbourSpace",
    "WholeTable",
    "check_neighbour_space",
    "class_space",
    "design_matrix",
    "neighbours_of",
    "spread",
    "whole_space",
]

NeighbourSpace = Literal["standardised", "raw"]

_DENSE_CELLS = 16_000_000
"""Cells up to which one-hot categories are written densely, 128 MB."""

_CHUNK = 4096
"""Rows summed at a time: about a megabyte, so that they stay in the cache."""

_SHARED = 65_536
"""Rows from which several threads share the sums; each chunk has its own, so their number changes nothing."""


def check_neighbour_space(value: Any) -> None:
    """Refuse anything but the two words.

    Parameters
    ----------
    value : object
        What was given.
    """
    require_choice(
        "neighbour_space",
        value,
        ("standardised", "raw"),
        meaning="It says whether columns are divided by their spread before rows are compared.",
    )


def class_space(
    data: Labelled, rows: np.ndarray, kind: NeighbourSpace, categories: np.ndarray | None = None
) -> Space:
    """See the rows of one class as points, by their own spread.

    Parameters
    ----------
    data : Labelled
        The table.
    rows : ndarray, int64
        The rows of the class.
    kind : {"standardised", "raw"}
        Whether to divide by the standard deviation.
    categories : ndarray of int64, optional
        Columns that are categories whatever their type.

    Returns
    -------
    Space
        One point for each of the rows.
    """
    part = frames.take(data.X, rows)
    return _scaled(_space(part, categories), kind)


def whole_space(data: Labelled, kind: NeighbourSpace, categories: np.ndarray | None = None) -> Space:
    """See the whole table as points.

    Parameters
    ----------
    data : Labelled
        The table.
    kind : {"standardised", "raw"}
        Whether to divide by the standard deviation.
    categories : ndarray of int64, optional
        Columns that are categories whatever their type.

    Returns
    -------
    Space
        One point a row.
    """
    return _scaled(_space(data.X, categories), kind)


class WholeTable:
    """The whole table as points, standardised only where that is needed.

    Parameters
    ----------
    data : Labelled
        The table.
    kind : {"standardised", "raw"}
        Whether to divide by the standard deviation.
    """

    def __init__(self, data: Labelled, kind: NeighbourSpace) -> None:
        self._data, self._kind = data, kind

    @cached_property
    def space(self) -> Space:
        """All rows, as points."""
        return whole_space(self._data, self._kind)

    def neighbours(self, rows: np.ndarray, k: int, finder: Any = None) -> np.ndarray:
        """Find the nearest other rows of some rows.

        Parameters
        ----------
        rows : ndarray of shape (m,), int64
            Row numbers.
        k : int
            How many neighbours.
        finder : estimator, optional
            A search of the user's own.

        Returns
        -------
        ndarray of shape (m, k), int64
            Row numbers, nearest first.
        """
        X = self._data.X
        quick = finder is None and self._kind == "standardised" and "space" not in self.__dict__
        if quick and isinstance(X, np.ndarray) and few.is_worthwhile(len(rows), X):
            width = spread(X)
            if not np.isnan(width).any():
                width[width == 0] = 1.0
                return few.nearest(X, width, rows, k)
        return neighbours_of(self.space, rows, k, finder)


def _space(X: Any, categories: np.ndarray | None) -> Space:
    if categories is None or sparse.issparse(X):
        return Space.of(X)
    kinds = kinds_of(X, categories)
    seen = frames.features(X, kinds=kinds)
    is_flag = np.array([kinds[j] == "boolean" for j in seen.coded_columns], dtype=bool)
    flags = np.where(seen.codes[:, is_flag] < 0, np.nan, seen.codes[:, is_flag])
    numbers = Space.of(np.hstack([seen.numeric, flags.astype(seen.numeric.dtype)])).numbers
    codes = np.ascontiguousarray(seen.codes[:, ~is_flag])
    return Space(numbers, codes, category_penalty(numbers)) if codes.shape[1] else Space(numbers)


def _scaled(space: Space, kind: NeighbourSpace) -> Space:
    if kind == "raw" or not space.n_columns or not len(space):
        return space
    width = spread(space.numbers)
    width[width == 0] = 1.0
    if sparse.issparse(space.numbers):
        numbers = space.numbers.copy()
        numbers.data = (numbers.data / width[numbers.indices]).astype(numbers.dtype)
        return Space(numbers)
    numbers = space.numbers / width.astype(space.numbers.dtype)
    if space.codes is None:
        return Space(numbers)
    return Space(numbers, space.codes, category_penalty(numbers))


def spread(X: Any) -> np.ndarray:
    """Compute the standard deviation of each column in one pass over the rows.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, d), float
        Numbers, none missing.

    Returns
    -------
    ndarray of shape (d,), float64
        Population standard deviations; those that rounding alone could make are 0.
    """
    n = X.shape[0]
    if sparse.issparse(X):
        mean = np.asarray(X.mean(axis=0)).ravel()
        square = np.asarray(X.multiply(X).mean(axis=0)).ravel()
        return _root(square - mean**2, square)
    shift = X[0].astype(np.float64)

    def _sums(start: int) -> tuple[np.ndarray, np.ndarray]:
        """Sum a chunk and its squares."""
        part = X[start : start + _CHUNK] - shift
        return np.einsum("ij->j", part), np.einsum("ij,ij->j", part, part)

    sums = shared(_sums, range(0, n, _CHUNK), None if n > _SHARED else 1)
    total, square = (np.sum(one, axis=0) for one in zip(*sums, strict=True))
    return _root(square / n - (total / n) ** 2, square / n)


def _root(variance: np.ndarray, square: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.where(variance > square * 1e-14, variance, 0.0)))


def neighbours_of(
    space: Space, queries: np.ndarray | None, k: int, finder: Any = None, n_jobs: int | None = None
) -> np.ndarray:
    """Find the nearest other points of some points.

    Parameters
    ----------
    space : Space
        All points.
    queries : ndarray, int64, or None
        The points whose neighbours are asked, by number; None for all.
    k : int
        How many; at most one less than there are points.
    finder : estimator, optional
        One with ``fit`` and ``kneighbors`` to use instead of the exact search of this library. It is asked for
        k + 1 neighbours, and the point itself is left out.
    n_jobs : int or None, default=None
        Threads.

    Returns
    -------
    ndarray of shape (n_queries, k), int64
        Point numbers, nearest first.
    """
    rows = np.arange(len(space)) if queries is None else queries
    if finder is None:
        asked = space if queries is None else space.take(queries)
        return kneighbors(asked, space, k, rows=rows, n_jobs=n_jobs)[1]
    if space.codes is not None:
        raise NotApplicable(
            f"{type(finder).__name__} was given for a table with categories.",
            expected="Expected a table of numbers for a neighbour search of your own.",
            why="It knows no distance between categories.",
            hint="Pass the number of neighbours as an int.",
        )
    found = clone(finder).fit(space.numbers).kneighbors(space.numbers[rows], n_neighbors=k + 1)[1]
    return _without_self(np.asarray(found, dtype=np.int64), rows)


def _without_self(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Drop each query from its own neighbours, or the last one where it was not found."""
    is_self = found == rows[:, None]
    is_self[:, -1] |= ~is_self.any(axis=1)
    return np.asarray(found[~is_self].reshape(len(found), -1))


def design_matrix(space: Space) -> Any:
    """Write points as numbers for estimators of other libraries, a category as a column of its own.

    Parameters
    ----------
    space : Space
        The points.

    Returns
    -------
    ndarray or CSR matrix of shape (n, d)
        Squared Euclidean distances are those of the space: a differing category adds its penalty.
    """
    if space.codes is None:
        return space.numbers
    penalty = np.broadcast_to(np.asarray(space.penalty, dtype=np.float64), space.codes.shape[1:])
    blocks = [sparse.csr_matrix(space.numbers)]
    for j in range(space.codes.shape[1]):
        levels, code = np.unique(space.codes[:, j], return_inverse=True)
        height = np.full(len(code), np.sqrt(penalty[j] / 2.0))
        where = (height, (np.arange(len(code)), code))
        blocks.append(sparse.csr_matrix(where, shape=(len(code), len(levels))))
    stacked = sparse.hstack(blocks, format="csr")
    small = stacked.shape[0] * stacked.shape[1] <= _DENSE_CELLS
    return stacked.toarray() if small else stacked
