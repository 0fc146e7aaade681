"""Cleaning where the majority does not fit in memory: the minority does, so passes over chunks answer exactly.

A row of the largest class can only be removed if a row of another class is among its nearest. The minority and a
sample of the majority stay in memory; a pass certifies every majority row that has as many of the sample nearer than
its nearest minority row. The few that are left meet all rows in one more pass. Distances and ties are those of
`Index`, so the answer is that of the whole table in memory, bit for bit, whatever the chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counterpoise.errors import NotApplicable
from counterpoise.neighbours.search import Index

__all__ = ["Pass", "edited_in_passes", "nearest_in_passes", "tomek_links_in_passes"]

Pass = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]
"""Gives the table anew each time: chunk after chunk its points, (m, d) float64, and whether each is of the minority."""

_SAMPLE = 4096
"""Majority rows that certificates rest on."""


@dataclass
class _Minority:
    """What one pass keeps: the rows that are few, and a spread of those that are many."""

    points: list[np.ndarray] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    sample: list[np.ndarray] = field(default_factory=list)
    sample_rows: list[np.ndarray] = field(default_factory=list)
    n_rows: int = 0

    def add(self, X: np.ndarray, is_minority: np.ndarray, stride: int) -> None:
        """Keep the minority of a chunk, and every stride-th row of the rest."""
        numbers = np.arange(self.n_rows, self.n_rows + len(X))
        some = ~is_minority & (numbers % stride == 0)
        self.points.append(X[is_minority])
        self.rows.append(numbers[is_minority])
        self.sample.append(X[some])
        self.sample_rows.append(numbers[some])
        self.n_rows += len(X)

    def joined(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Give points and row numbers of the minority, and of the sample."""
        if not self.points or not any(len(part) for part in self.points):
            raise NotApplicable(
                "No row is of the minority.",
                expected="Expected rows of both classes.",
                why="Cleaning looks at rows whose neighbours are of another class.",
                hint="Check the target and the positive label.",
            )
        parts = (self.points, self.rows, self.sample, self.sample_rows)
        return tuple(np.concatenate(part) for part in parts)  # type: ignore[return-value]  # four of them


def nearest_in_passes(
    table: Pass, queries: np.ndarray, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the k nearest other rows of some rows, in one pass.

    Parameters
    ----------
    table : callable
        Gives the chunks.
    queries : ndarray of shape (m, d), float64
        The points asked about.
    rows : ndarray of shape (m,), int64
        Their row numbers.
    k : int
        How many.

    Returns
    -------
    distances : ndarray of shape (m, k), float64
        Squared distances, ascending; infinite where there are fewer other rows.
    near : ndarray of shape (m, k), int64
        Row numbers; of equal distances the smaller first; -1 where there are fewer.
    is_minority : ndarray of shape (m, k), bool
        Whether each of them is of the minority.
    """
    best = np.full((len(rows), k), np.inf)
    near, minority = np.full((len(rows), k), -1, dtype=np.int64), np.zeros((len(rows), k), dtype=bool)
    start = 0
    for X, is_minority in table():
        width = min(k + 1, len(X))  # one more: a row may be its own nearest
        if width:
            distance, found = Index(X).nearest(queries, width)
            numbers = found + start
            distance = np.where(numbers == rows[:, None], np.inf, distance)
            best, near, minority = _k_best(
                np.hstack([best, distance]),
                np.hstack([near, numbers]),
                np.hstack([minority, is_minority[found]]),
                k,
            )
        start += len(X)
    near[np.isinf(best)] = -1
    return best, near, minority


def _k_best(
    distance: np.ndarray, numbers: np.ndarray, minority: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.lexsort((numbers, distance), axis=1)[:, :k]
    return tuple(np.take_along_axis(part, order, axis=1) for part in (distance, numbers, minority))  # type: ignore[return-value]


def edited_in_passes(table: Pass, k: int = 3, *, kind: str = "all") -> np.ndarray:
    """Find the majority rows whose neighbours are not of their class (Wilson's rule).

    Parameters
    ----------
    table : callable
        Gives the chunks; it is asked three times.
    k : int, default=3
        Neighbours that vote.
    kind : {"all", "mode"}, default="all"
        Remove a row unless all of them, or unless most of them, are of the majority.

    Returns
    -------
    ndarray of shape (m,), int64
        Row numbers to be removed, ascending.

    Raises
    ------
    NotApplicable
        If no row is of the minority.

    Notes
    -----
    D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE Transactions on Systems, Man,
    and Cybernetics 2, 1972.
    """
    few, _, sample, sample_rows = _first_pass(table)
    asked, rows = _uncertified(table, Index(few), Index(sample), sample_rows, k)
    _, near, minority = nearest_in_passes(table, asked, rows, k)
    others, present = (minority & (near >= 0)).sum(axis=1), (near >= 0).sum(axis=1)
    removed = others > 0 if kind == "all" else 2 * others > present
    return np.sort(rows[removed])


def _first_pass(table: Pass) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n_rows = sum(len(X) for X, _ in table())
    kept, stride = _Minority(), max(1, n_rows // _SAMPLE)
    for X, is_minority in table():
        kept.add(X, is_minority, stride)
    return kept.joined()


def _uncertified(
    table: Pass, few: Any, sample: Any, sample_rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Give the majority rows that a minority row may be among the k nearest of, with their row numbers."""
    points, numbers, start = [], [], 0
    for X, is_minority in table():
        rows = np.flatnonzero(~is_minority)
        queries = X[rows]
        to_few = few.nearest(queries, 1)[0][:, 0] if len(rows) else np.empty(0)
        width = min(k + 1, len(sample_rows))
        to_sample, which = sample.nearest(queries, width) if len(rows) else (np.empty((0, width)),) * 2
        nearer = (to_sample < to_few[:, None]) & (
            sample_rows[which.astype(np.int64)] != (rows + start)[:, None]
        )
        open_rows = nearer.sum(axis=1) < k
        points.append(queries[open_rows])
        numbers.append(rows[open_rows] + start)
        start += len(X)
    return np.concatenate(points), np.concatenate(numbers)


def tomek_links_in_passes(table: Pass) -> np.ndarray:
    """Find the Tomek links between the minority and the majority.

    Parameters
    ----------
    table : callable
        Gives the chunks; it is asked four times.

    Returns
    -------
    ndarray of shape (m, 2), int64
        Row numbers of each link, of the minority first; sorted.

    Raises
    ------
    NotApplicable
        If no row is of the minority.
    """
    few, few_rows, _, _ = _first_pass(table)
    _, near, minority = nearest_in_passes(table, few, few_rows, 1)
    hopeful = np.flatnonzero((near[:, 0] >= 0) & ~minority[:, 0])
    asked = np.unique(near[hopeful, 0])
    _, back, _ = nearest_in_passes(table, _taken(table, asked), asked, 1)
    nearest = dict(zip(asked.tolist(), back[:, 0].tolist(), strict=True))
    links = [
        (row, other)
        for row, other in zip(few_rows[hopeful], near[hopeful, 0], strict=True)
        if nearest[other] == row
    ]
    return np.array(sorted(links), dtype=np.int64).reshape(-1, 2)


def _taken(table: Pass, rows: np.ndarray) -> np.ndarray:
    """Take some rows in one pass."""
    parts, start = [], 0
    for X, _ in table():
        inside = rows[(rows >= start) & (rows < start + len(X))]
        parts.append(X[inside - start])
        start += len(X)
    return np.concatenate(parts)
