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

from counterpoise.neighbours.cells import CELL, Cells
from counterpoise.neighbours.certificates import without_certificate
from counterpoise.neighbours.distances import Scratch, centred, product, rounding, squared_norms
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.segments import Lines, Segments, least_on_lines
from counterpoise.neighbours.workers import each, runs_of

__all__ = ["Agreement", "agreeing", "foreign_candidates"]

Agreement = Literal["all", "mode"]

_SMALL_CLASS = 2048  # rows of a class below which a search of all of them is a matter of milliseconds
_WAVES = (3, 12, 48, 160)  # cells around a row that it meets, wave by wave
_CELL = CELL  # rows of a cell
_FOREIGN = 1024  # foreign rows of one product
_LINES = 256  # foreign segments looked at together
_BYTES_OF_A_CELL = 24  # scratch for each number of the table: two float64 copies and what comes with them
_PAIRS = 1 << 22  # pairs of row and centre looked at in one go


def agreeing(
    index: Index,
    y: np.ndarray,
    classes: Sequence[int],
    k: int,
    kind: Agreement = "all",
    segments: Segments | None = None,
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
    segments : Segments, optional
        Rows that were invented, and between which they lie. The answer is the same without; it only takes longer.

    Returns
    -------
    ndarray of shape (n,), bool
        True where the row agrees, and for rows of other classes.
    """
    keep = np.ones(len(y), dtype=bool)
    found = foreign_candidates(index, y, classes, k, segments)
    rows = np.concatenate([np.empty(0, np.int64), *found.values()])
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


def foreign_candidates(
    index: Index, y: np.ndarray, classes: Sequence[int], k: int, segments: Segments | None = None
) -> dict[int, np.ndarray]:
    """Give the rows whose k nearest may include a row of another class; all others surely do not.

    Parameters
    ----------
    index : Index
        The rows, as points.
    y : ndarray of shape (n,), int64
        Class codes.
    classes : sequence of int
        The classes that are asked about.
    k : int
        How many neighbours.
    segments : Segments, optional
        Rows that were invented.

    Returns
    -------
    dict of int to ndarray of shape (m,), int64
        For each class its row numbers, ascending.
    """
    lines = _lines_of(index, y, k, segments)
    asked = {label: np.flatnonzero(y == label) for label in classes}
    swept = {label: _is_worth_a_sweep(index, y, label, lines) for label in set(y.tolist())}
    low = {label: np.full(len(each_line), np.inf) for label, each_line in lines.items()}
    out: dict[int, np.ndarray] = {}
    for label in sorted(swept):
        others = {c: each_line for c, each_line in lines.items() if c != label}
        needs_own = label in asked and label not in lines and swept[label]
        if not needs_own and not any(c in asked for c in others):
            continue
        if not index.points.is_plain:
            out[label] = without_certificate(index, asked[label], np.flatnonzero(y != label), k)
            continue
        found = _swept(index, y, label, k, others, low, needs_own)
        if needs_own:
            out[label] = found
    for label, rows in asked.items():
        if label in lines:
            out[label] = lines[label].uncertain(low[label], rows)
        elif label not in out:
            out[label] = rows if len(rows) < len(y) else rows[:0]
    return out


def _lines_of(index: Index, y: np.ndarray, k: int, segments: Segments | None) -> dict[int, Lines]:
    """Gather the segments of each class, where there are many rows on them."""
    if segments is None or not index.points.is_plain:
        return {}
    out = {}
    for label in np.unique(y[segments.rows]).tolist():
        part = segments.of_class(y, label)
        if part is not None and len(part.rows) >= _SMALL_CLASS:
            out[label] = Lines.of(index.points.numbers, part, k)
    return out


def _is_worth_a_sweep(index: Index, y: np.ndarray, label: int, lines: dict[int, Lines]) -> bool:
    """Say whether certificates for a class are likely cheaper than a search of all its rows."""
    own = int(np.count_nonzero(y == label))
    others = len(y) - own - sum(len(np.unique(each_line.row)) for c, each_line in lines.items() if c != label)
    return own > _SMALL_CLASS and own >= others


def _swept(
    index: Index,
    y: np.ndarray,
    label: int,
    k: int,
    lines: dict[int, Lines],
    low: dict[int, np.ndarray],
    needs_own: bool,
) -> np.ndarray:
    """Sweep over a class, in parts that fit into the working memory; give its rows without a certificate."""
    own = np.flatnonzero(y == label)
    n_parts = max(1, -(-len(own) * index.points.n_columns * _BYTES_OF_A_CELL // index.working_memory))
    found = []
    for part in range(n_parts):
        rows = own[part::n_parts]
        for dtype in (index.product_type, np.float64):
            field = _Field.of(index, y, label, rows, lines, k if needs_own else 0, dtype)
            is_open = _open_rows(field, lines, low, index.n_jobs)
            if np.count_nonzero(is_open) <= len(rows) // 2:
                break
        found.append(rows[is_open])
    return np.sort(np.concatenate(found))


@dataclass(frozen=True)
class _Field:
    """Rows of one class in cells, and what is foreign to them, ready for products.

    Foreign are the segments of other classes, by their ends, and rows of other classes on no segment, which are
    segments whose ends are the same.
    """

    cells: Cells
    norms: np.ndarray
    ends: np.ndarray
    end_norms: np.ndarray
    first: np.ndarray
    second: np.ndarray
    squared_length: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reach: np.ndarray
    error: float
    bound: float
    k: int

    @classmethod
    def of(
        cls,
        index: Index,
        y: np.ndarray,
        label: int,
        rows: np.ndarray,
        lines: dict[int, Lines],
        k: int,
        dtype: type,
    ) -> _Field:
        """Prepare a sweep; with k = 0 only over the segments, for their sake."""
        numbers = index.points.numbers
        pairs = [(each_line.first, each_line.second) for each_line in lines.values()]
        on_lines = np.unique(np.concatenate([np.empty(0, np.int64), *(each.row for each in lines.values())]))
        lone = np.setdiff1d(np.flatnonzero(y != label), on_lines) if k else np.empty(0, np.int64)
        first = np.concatenate([*(p for p, _ in pairs), lone])
        second = np.concatenate([*(q for _, q in pairs), lone])
        used, place = np.unique(np.concatenate([first, second]), return_inverse=True)
        centre = numbers[used].mean(axis=0, dtype=np.float64)
        ends = centred(numbers, used, centre, dtype)
        first, second = place.reshape(-1)[: len(first)], place.reshape(-1)[len(first) :]
        cells = Cells.of(centred(numbers, rows, centre, dtype), _CELL)
        lengths = [each_line.squared_length for each_line in lines.values()]
        reach = [each_line.longest_reach() for each_line in lines.values()]
        return cls(
            cells=cells,
            norms=squared_norms(cells.rows),
            ends=ends,
            end_norms=squared_norms(ends),
            first=first,
            second=second,
            squared_length=np.concatenate([*lengths, np.zeros(len(lone))]),
            low=np.minimum(ends[first], ends[second]),
            high=np.maximum(ends[first], ends[second]),
            reach=np.concatenate([*reach, np.zeros(len(lone))]),
            error=max((each_line.error for each_line in lines.values()), default=0.0),
            bound=rounding(ends.shape[1] + (17 if lines else 1), dtype),
            k=k,
        )

    @property
    def has_lines(self) -> bool:
        """Whether there are segments, and not only rows."""
        return bool((self.first != self.second).any())


@dataclass(frozen=True)
class _Tally:
    """What is known so far.

    For each row, in the order of the cells, `limit` bounds d² to the nearest foreign row from below, and `count` rows
    of the class are surely nearer. For each foreign segment, `least` bounds d² to the nearest row from below.
    """

    limit: np.ndarray
    count: np.ndarray
    least: np.ndarray

    @classmethod
    def of(cls, field: _Field) -> _Tally:
        """Begin with nothing known."""
        n = len(field.norms)
        return cls(np.full(n, np.inf), np.zeros(n, dtype=np.int64), np.full(len(field.first), np.inf))


def _open_rows(
    field: _Field, lines: dict[int, Lines], low: dict[int, np.ndarray], n_jobs: int | None
) -> np.ndarray:
    """Say which rows no certificate covers, and note how near the rows come to each segment."""
    tally = _Tally.of(field)

    def own_cells(run: np.ndarray) -> np.ndarray:
        scratch, least = Scratch(), np.full(len(field.first), np.inf)
        for cell in run.tolist():
            _meet_itself(field, cell, tally, least, scratch)
        return least

    for least in each(own_cells, runs_of(np.arange(len(field.cells)), n_jobs), n_jobs):
        np.minimum(tally.least, least, out=tally.least)
    at = 0
    for label, each_line in lines.items():
        np.minimum(low[label], tally.least[at : at + len(each_line)], out=low[label])
        at += len(each_line)
    if field.k:
        _meet_around(field, tally, n_jobs)
    is_open = np.zeros(len(field.norms), dtype=bool)
    is_open[field.cells.order] = tally.count < field.k
    return is_open


def _meet_itself(field: _Field, cell: int, tally: _Tally, least: np.ndarray, scratch: Scratch) -> None:
    """Cap the k-th distance within a cell, and bound the distance to what is foreign and lies under that cap."""
    span = field.cells.span(cell)
    rows, norms = field.cells.rows[span], field.norms[span]
    shift = norms * (1 + field.bound)
    cap = np.full(len(rows), np.inf if field.k else -np.inf)
    estimates = None
    if 0 < field.k < len(rows):
        estimates = product(rows, shift, rows, scratch, "own")
        np.fill_diagonal(estimates, np.inf)
        cap = _cap(estimates, field.k) + shift
    near = _under(field, cell, float(cap.max()), float(norms.max()))
    if not len(near):
        tally.count[span] = field.k
        return
    limit = _nearest_foreign(field, rows, norms, near, least, scratch)
    tally.limit[span] = limit
    if estimates is None:
        return
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
    """Give what is foreign and may be nearer than a cap on d² to some row of a cell, or matters to its own rows."""
    outside = np.maximum(field.cells.low[cell] - field.high, field.low - field.cells.high[cell])
    np.maximum(outside, 0, out=outside)
    squared = np.einsum("ij,ij->i", outside, outside).astype(np.float64)
    norms = np.maximum(field.end_norms[field.first], field.end_norms[field.second])
    squared = np.maximum(squared - field.bound * (norms + largest), 0)
    squared = np.maximum(np.sqrt(squared) - field.error, 0) ** 2
    return np.flatnonzero(squared <= np.maximum(cap, field.reach))


def _nearest_foreign(
    field: _Field, rows: np.ndarray, norms: np.ndarray, near: np.ndarray, least: np.ndarray, scratch: Scratch
) -> np.ndarray:
    """Bound the squared distance to the nearest foreign row from below."""
    if field.has_lines:
        return _nearest_on_lines(field, rows, norms, near, least, scratch)
    limit = np.full(len(rows), np.inf, dtype=rows.dtype)
    is_most = 2 * len(near) > len(field.first)
    chosen = np.arange(len(field.first)) if is_most else near
    for start in range(0, len(chosen), _FOREIGN):
        part = field.first[chosen[start : start + _FOREIGN]]
        weights = field.end_norms[part] * (1 - field.bound)
        estimates = product(field.ends[part], weights, rows, scratch, "foreign")
        np.minimum(limit, estimates.min(axis=0), out=limit)
    return np.asarray(limit + norms * (1 - field.bound))


def _nearest_on_lines(
    field: _Field, rows: np.ndarray, norms: np.ndarray, near: np.ndarray, least: np.ndarray, scratch: Scratch
) -> np.ndarray:
    """The same where some of what is foreign are segments; notes how near the rows come to each."""
    limit = np.full(len(rows), np.inf, dtype=rows.dtype)
    first, second = field.first[near], field.second[near]
    ends = np.zeros(len(field.ends), dtype=bool)
    ends[first] = ends[second] = True
    place = np.cumsum(ends) - 1
    weights = field.end_norms[ends] * (1 - field.bound)
    squared = product(field.ends[ends], weights, rows, scratch, "foreign")
    squared += (norms * (1 - field.bound)).astype(rows.dtype)
    for start in range(0, len(near), _LINES):
        part = slice(start, start + _LINES)
        found = least_on_lines(
            squared[place[first[part]]], squared[place[second[part]]], field.squared_length[near[part]]
        )
        least[near[part]] = np.minimum(least[near[part]], found.min(axis=1))
        np.minimum(limit, found.min(axis=0), out=limit)
    free = np.sqrt(np.maximum(limit.astype(np.float64), 0)) - field.error
    return np.asarray(np.maximum(free, 0) ** 2)


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
