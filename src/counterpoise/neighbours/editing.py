"""Which rows agree with their neighbours: Wilson's rule at the cost of the minority.

A row of a large class needs a search only where rows of other classes may be near. Let d be the distance to its
nearest row of another class: if k rows of its own class are nearer than that, all its k nearest are of its class, and
nothing else matters. So

1. rows of the class are gathered in cells (`cells`), and a product of a cell with itself caps each row's k-th
   distance; where no foreign row lies within that cap of the cell's box, the cell is done;
2. elsewhere, a product with the foreign rows near the box bounds d below, and rows of the cell that are surely nearer
   are counted;
3. what is left meets the cells around it, in growing numbers;
4. what is still left, most of it rows that do have foreign neighbours, gets an exact search (`search.Index`).

Products carry their error bound (`distances.rounding`) and only certify; every row that is not certified is decided
by exact distances, so the answer is that of a full search.

Source of the rule: D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE Transactions
on Systems, Man, and Cybernetics 2(3), 1972.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from counterpoise.neighbours.cells import Cells
from counterpoise.neighbours.distances import Scratch, centred, product, rounding, squared_norms
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.workers import each, runs_of

__all__ = ["Agreement", "agreeing", "foreign_candidates"]

Agreement = Literal["all", "mode"]

_SMALL_CLASS = 2048  # rows of a class below which a search of all of them is a matter of milliseconds
_WAVES = (3, 12, 48)  # cells around a row that it meets, wave by wave
_FOREIGN = 1024  # foreign rows of one product
_PAIRS = 1 << 22  # pairs of row and centre looked at in one go


def agreeing(
    index: Index, y: np.ndarray, classes: Sequence[int], k: int, kind: Agreement = "all"
) -> np.ndarray:
    """Say which rows have neighbours of their own class.

    Parameters
    ----------
    index : Index
        The rows, as points.
    y : ndarray of shape (n,), int64
        Class codes, from 0.
    classes : sequence of int
        The classes that are asked about.
    k : int
        How many neighbours vote.
    kind : {"all", "mode"}, default="all"
        Whether all neighbours must be of the row's class, or the most frequent class must be (of classes equally
        frequent, the one with the smallest code).

    Returns
    -------
    ndarray of shape (n,), bool
        True where the row agrees, and for rows of other classes.
    """
    keep = np.ones(len(y), dtype=bool)
    rows = np.concatenate([np.empty(0, np.int64), *(foreign_candidates(index, y, c, k) for c in classes)])
    if len(rows):
        _, near = index.nearest_rows(rows, k)
        keep[rows] = _agrees(y[near], y[rows], kind)
    return keep


def _agrees(near: np.ndarray, own: np.ndarray, kind: Agreement) -> np.ndarray:
    if kind == "all":
        unanimous: np.ndarray = (near == own[:, None]).all(axis=1)
        return unanimous
    votes = np.stack([(near == label).sum(axis=1) for label in range(int(near.max()) + 1)], axis=1)
    return np.asarray(votes.argmax(axis=1) == own)


def foreign_candidates(index: Index, y: np.ndarray, label: int, k: int) -> np.ndarray:
    """Give the rows of a class whose k nearest may include a row of another class; all others surely do not.

    Parameters
    ----------
    index : Index
        The rows, as points.
    y : ndarray of shape (n,), int64
        Class codes.
    label : int
        The class.
    k : int
        How many neighbours.

    Returns
    -------
    ndarray of shape (m,), int64
        Row numbers, ascending.
    """
    own, others = np.flatnonzero(y == label), np.flatnonzero(y != label)
    if not len(others):
        return own[:0]
    if len(own) <= max(_SMALL_CLASS, k + 1) or len(own) < len(others) or not index.points.is_plain:
        return own
    open_rows = _open_rows(index, own, others, k, np.float32)
    if len(open_rows) > len(own) // 2:
        open_rows = _open_rows(index, own, others, k, np.float64)
    return np.sort(own[open_rows])


@dataclass(frozen=True)
class _Field:
    """Rows of one class in cells, and the rows of the others, ready for products."""

    cells: Cells
    norms: np.ndarray
    others: np.ndarray
    other_norms: np.ndarray
    bound: float
    k: int


@dataclass(frozen=True)
class _Tally:
    """What is known of each row, in the order of the cells.

    `limit` bounds d² to the nearest foreign row from below; `count` rows of the class are surely nearer.
    """

    limit: np.ndarray
    count: np.ndarray


def _open_rows(index: Index, own: np.ndarray, others: np.ndarray, k: int, dtype: type) -> np.ndarray:
    """Give positions in `own` that no certificate covers."""
    numbers = index.points.numbers
    centre = numbers[others].mean(axis=0, dtype=np.float64)
    cells = Cells.of(centred(numbers, own, centre, dtype))
    foreign = centred(numbers, others, centre, dtype)
    bound = rounding(foreign.shape[1] + 1, dtype)
    field = _Field(cells, squared_norms(cells.rows), foreign, squared_norms(foreign), bound, k)
    tally = _Tally(np.full(len(own), np.inf), np.zeros(len(own), dtype=np.int64))

    def own_cells(run: np.ndarray) -> None:
        scratch = Scratch()
        for cell in run.tolist():
            _meet_itself(field, cell, tally, scratch)

    each(own_cells, runs_of(np.arange(len(cells)), index.n_jobs), index.n_jobs)
    _meet_around(field, tally, index.n_jobs)
    return cells.order[tally.count < k]


def _meet_itself(field: _Field, cell: int, tally: _Tally, scratch: Scratch) -> None:
    """Cap the k-th distance within a cell, and bound the distance to foreign rows that lie under that cap."""
    span = field.cells.span(cell)
    rows, norms = field.cells.rows[span], field.norms[span]
    if len(rows) <= field.k:
        foreign, weights = field.others, field.other_norms
        tally.limit[span] = _nearest_foreign(rows, norms, foreign, weights, field.bound, scratch)
        return
    estimates = product(rows, norms * (1 + field.bound), rows, scratch, "own")
    np.fill_diagonal(estimates, np.inf)
    shift = norms * (1 + field.bound)
    cap = _cap(estimates, field.k) + shift
    near = _under(field, cell, float(cap.max()), float(norms.max()))
    if not near.any():
        tally.count[span] = field.k
        return
    foreign, weights = _chosen(field, near)
    limit = _nearest_foreign(rows, norms, foreign, weights, field.bound, scratch)
    tally.limit[span] = limit
    is_open = np.flatnonzero(limit <= cap)
    counted = np.full(len(rows), field.k)
    below = estimates[:, is_open] < (limit - shift)[is_open].astype(rows.dtype)
    counted[is_open] = _true_in_columns(below)
    tally.count[span] = counted


def _cap(estimates: np.ndarray, k: int) -> np.ndarray:
    """Bound the k-th least of each column from above: the largest of the least of k parts."""
    cuts = [len(estimates) * part // k for part in range(k + 1)]
    cap = estimates[: cuts[1]].min(axis=0)
    for begin, end in pairwise(cuts[1:]):
        np.maximum(cap, estimates[begin:end].min(axis=0), out=cap)
    return np.asarray(cap, dtype=np.float64)


def _under(field: _Field, cell: int, cap: float, largest: float) -> np.ndarray:
    """Say which foreign rows may be nearer than a cap on d² to some row of a cell, by the cell's box."""
    outside = np.maximum(field.cells.low[cell] - field.others, field.others - field.cells.high[cell])
    np.maximum(outside, 0, out=outside)
    squared = np.einsum("ij,ij->i", outside, outside)
    return np.asarray(squared - field.bound * (field.other_norms + largest) <= cap)


def _chosen(field: _Field, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if 2 * np.count_nonzero(near) > len(near):
        return field.others, field.other_norms
    return field.others[near], field.other_norms[near]


def _nearest_foreign(
    rows: np.ndarray,
    norms: np.ndarray,
    foreign: np.ndarray,
    foreign_norms: np.ndarray,
    bound: float,
    scratch: Scratch,
) -> np.ndarray:
    """Bound the squared distance to the nearest foreign row from below."""
    least = np.full(len(rows), np.inf, dtype=rows.dtype)
    for start in range(0, len(foreign), _FOREIGN):
        part = slice(start, start + _FOREIGN)
        estimates = product(foreign[part], foreign_norms[part] * (1 - bound), rows, scratch, "foreign")
        np.minimum(least, estimates.min(axis=0), out=least)
    return np.asarray(least + norms * (1 - bound))


def _nearer(
    rows: np.ndarray,
    norms: np.ndarray,
    limit: np.ndarray,
    among: np.ndarray,
    among_norms: np.ndarray,
    bound: float,
    scratch: Scratch,
) -> np.ndarray:
    """Count, for each row, rows of another set that are surely nearer than a limit on d²."""
    estimates = product(among, among_norms * (1 + bound), rows, scratch, "own")
    return _true_in_columns(estimates < (limit - norms * (1 + bound)).astype(rows.dtype))


def _true_in_columns(flags: np.ndarray) -> np.ndarray:
    """Count True in each column, in bytes: up to 255 rows at a time."""
    total = np.zeros(flags.shape[1], dtype=np.int64)
    for start in range(0, len(flags), 255):
        total += np.add.reduce(flags[start : start + 255].view(np.uint8), axis=0, dtype=np.uint8)
    return total


def _meet_around(field: _Field, tally: _Tally, n_jobs: int | None) -> None:
    """Let rows that are still open meet the cells around them, wave by wave."""
    met, home = 0, np.repeat(np.arange(len(field.cells)), np.diff(field.cells.start))
    for wave in _WAVES:
        rows = np.flatnonzero((tally.count < field.k) & (tally.limit > 0))
        stop = min(wave, len(field.cells) - 1)
        if not len(rows) or stop <= met:
            return
        step = max(1, _PAIRS // len(field.cells))
        parts = [rows[start : start + step] for start in range(0, len(rows), step)]
        pairs = each(lambda part: _around(field, part, home[part], met, stop), parts, n_jobs)  # noqa: B023
        _meet(
            field, np.concatenate([p for p, _ in pairs]), np.concatenate([c for _, c in pairs]), tally, n_jobs
        )
        met = stop


def _around(
    field: _Field, rows: np.ndarray, home: np.ndarray, met: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pair rows with the cells from the (met + 1)-th to the stop-th nearest centre, their own left out."""
    centres = field.cells.centre
    far = product(field.cells.rows[rows], np.zeros(len(rows)), centres) + squared_norms(centres).astype(
        centres.dtype
    )
    far[np.arange(len(rows)), home] = np.inf
    caps = np.partition(far, [met - 1, stop - 1] if met else [stop - 1], axis=1)
    chosen = far <= caps[:, stop - 1 : stop]
    if met:
        chosen &= far > caps[:, met - 1 : met]
    row, cell = np.nonzero(chosen)
    return rows[row], cell


def _meet(field: _Field, rows: np.ndarray, cells: np.ndarray, tally: _Tally, n_jobs: int | None) -> None:
    """Count, for pairs of row and cell, the rows of the cell that are nearer than the row's limit."""
    order = np.argsort(cells, kind="stable")
    rows, cells = rows[order], cells[order]
    start = np.searchsorted(cells, np.arange(len(field.cells) + 1))
    found = np.zeros(len(rows), dtype=np.int64)

    def run_of_cells(run: np.ndarray) -> None:
        scratch = Scratch()
        for cell in run.tolist():
            pairs, span = slice(int(start[cell]), int(start[cell + 1])), field.cells.span(cell)
            who = rows[pairs]
            mine = field.cells.rows[who], field.norms[who], tally.limit[who]
            found[pairs] = _nearer(*mine, field.cells.rows[span], field.norms[span], field.bound, scratch)

    each(run_of_cells, runs_of(np.flatnonzero(np.diff(start)), n_jobs), n_jobs)
    tally.count[:] += np.bincount(rows, found, minlength=len(tally.count)).astype(np.int64)
