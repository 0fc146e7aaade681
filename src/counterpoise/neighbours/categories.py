"""The value difference metric: two categories are near when they go with the classes alike.

    d(a, b) = Σ_j (Σ_c |P(class c | feature j = a_j) - P(class c | feature j = b_j)|)²

Source: C. Stanfill and D. Waltz, "Toward memory-based reasoning", CACM 29(12), 1986; S. Cost and S. Salzberg, "A
weighted nearest neighbor algorithm for learning with symbolic features", Machine Learning 10, 1993. A missing
category is a category of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import OptionError
from counterpoise.neighbours.workers import WORKING_MEMORY, each

__all__ = ["ValueDifferences"]

_LARGEST_TABLE = (
    1 << 20
)  # entries of a table level x level; features of more levels are computed pair by pair


@dataclass(frozen=True)
class ValueDifferences:
    """How differently each level of each feature goes with the classes.

    Attributes
    ----------
    shares : tuple of ndarray of shape (n_levels_j + 1, n_classes)
        P(class | level) of each feature; the last row is the missing level.
    """

    shares: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, codes: np.ndarray, y: np.ndarray) -> ValueDifferences:
        """Count how the levels go with the classes.

        Parameters
        ----------
        codes : ndarray of shape (n, c), int
            Category codes; negative means missing.
        y : ndarray of shape (n,), int
            Class codes, from 0.

        Returns
        -------
        ValueDifferences
            The metric.
        """
        n_classes = int(y.max(initial=0)) + 1
        return cls(tuple(_shares(codes[:, j], y, n_classes) for j in range(codes.shape[1])))

    def between(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Compute all distances between two sets of rows.

        Parameters
        ----------
        left, right : ndarray of shape (m, c) and (n, c), int
            Category codes; levels never counted are taken as missing.

        Returns
        -------
        ndarray of shape (m, n), float64
            The sum over features; its terms are squares already, and no root is taken.
        """
        total = np.zeros((len(left), len(right)))
        for j, share in enumerate(self.shares):
            a, b = _known(left[:, j], len(share) - 1), _known(right[:, j], len(share) - 1)
            if len(share) ** 2 <= _LARGEST_TABLE:
                total += _table(share)[a[:, None], b[None, :]]
            else:
                total += _squared(np.abs(share[a][:, None] - share[b][None]))
        return total

    def kneighbors(
        self,
        queries: np.ndarray,
        points: np.ndarray,
        k: int,
        *,
        rows: np.ndarray | None = None,
        working_memory: int = WORKING_MEMORY,
        n_jobs: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest points of each query in this metric.

        Parameters
        ----------
        queries, points : ndarray of shape (m, c) and (n, c), int
            Category codes.
        k : int
            How many neighbours.
        rows : ndarray of shape (m,), int64, optional
            The point that each query is, left out of its own neighbours.
        working_memory : int, default=256 MB
            Budget of scratch memory, bytes.
        n_jobs : int or None, default=None
            Threads.

        Returns
        -------
        distances : ndarray of shape (m, k), float64
            Ascending.
        indices : ndarray of shape (m, k), int64
            Point numbers; of equal distances the smaller number first.

        Raises
        ------
        OptionError
            If k is less than 1 or more than there are points.
        """
        available = len(points) - (rows is not None)
        if not 1 <= k <= available:
            raise OptionError(
                f"{k} nearest neighbours were asked among {available} other rows.",
                expected=f"Expected a number from 1 to {available}.",
                why="A row cannot have more neighbours than there are other rows.",
                hint="Ask for fewer neighbours, or give more rows.",
            )
        step = int(np.clip(working_memory // (64 * max(1, len(points))), 1, 1024))
        parts = [slice(i, min(i + step, len(queries))) for i in range(0, len(queries), step)]

        def _nearest(part: slice) -> tuple[np.ndarray, np.ndarray]:
            """Search for some of the queries."""
            distances = self.between(queries[part], points)
            if rows is not None:
                distances[np.arange(len(distances)), rows[part]] = np.inf
            return first_of_each(distances, k)

        found = each(_nearest, parts, n_jobs)
        if not found:
            return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
        return np.concatenate([d for d, _ in found]), np.concatenate([i for _, i in found])


def first_of_each(distances: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Take the k least of each row, ties by column number.

    Parameters
    ----------
    distances : ndarray of shape (m, n)
        Distances.
    k : int
        At most n.

    Returns
    -------
    distances : ndarray of shape (m, k)
        Ascending.
    indices : ndarray of shape (m, k), int64
        Column numbers.
    """
    cap = np.partition(distances, k - 1, axis=1)[:, k - 1 : k]
    query, point = np.nonzero(distances <= cap)
    value = distances[query, point]
    order = np.lexsort((point, value, query))
    start = np.searchsorted(query, np.arange(len(distances)))
    places = order[start[:, None] + np.arange(k)]
    return value[places], point[places]


def _shares(codes: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    n_levels = int(codes.max(initial=-1)) + 1
    level = np.where(codes < 0, n_levels, codes).astype(np.int64)
    counts = np.bincount(level * n_classes + y, minlength=(n_levels + 1) * n_classes)
    table = counts.reshape(n_levels + 1, n_classes).astype(np.float64)
    shares: np.ndarray = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return shares


def _known(codes: np.ndarray, n_levels: int) -> np.ndarray:
    return np.where((codes < 0) | (codes >= n_levels), n_levels, codes)


def _table(share: np.ndarray) -> np.ndarray:
    return _squared(np.abs(share[:, None] - share[None]))


def _squared(gaps: np.ndarray) -> np.ndarray:
    total = np.zeros(gaps.shape[:-1])
    for c in range(gaps.shape[-1]):
        total += gaps[..., c]
    total *= total
    return total
