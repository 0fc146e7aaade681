"""Which rows can have a neighbour of the other class after SMOTE: few, and found without looking at all pairs.

After SMOTE half of the rows lie on known segments between rows of the minority. Two facts then replace nearly every
comparison of a new row with a row of the majority:

* the distance from a row to a segment bounds its distance to everything on it from below. With |x - a|² and |x - b|²
  at hand (one product with the minority's own rows) it costs a few operations: with ``w = |x-a|² - |x-b|² + |b-a|²``
  and ``t = clip(w / 2|b-a|², 0, 1)`` it is ``d² = |x-a|² - t w + t² |b-a|²``;
* the neighbours of a new row on its own segment are found by sorting the gaps.

A row of the majority with k rows of its own nearer than the nearest segment, and a new row with k rows of its own
segment nearer than any row of the majority can be, have neighbours of their own class only. All others are *open*, and
get an exact search. Bounds carry the error of products in single precision, so that nothing is certified wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.neighbours import Index
from counterpoise.neighbours.cells import Cells
from counterpoise.neighbours.distances import rounding, squared_norms
from counterpoise.neighbours.workers import each
from counterpoise.resample.plan import Plan

__all__ = ["is_worthwhile", "open_rows"]

_COLUMNS = 512
"""Rows of the majority that meet the segments at a time."""

_SEGMENTS = 64
"""Segments that they meet at a time: blocks of 128 kB, a few of which stay in a core's cache."""

_MOST_WORK = 6_000_000_000
"""Pairs of a row and a segment up to which this way is taken."""

_FEWEST_ROWS = 4096
"""Below so many new rows a plain search takes a moment."""

_MOST_PAIRS = 4_000_000
"""Pairs of a row and a segment that are looked at one by one; where there are more, the classes overlap too much."""

_BYTE = 255
"""Truth values that are counted in one byte."""

_WAVES = (4, 16, 64)
"""Cells around its own that a row meets."""


@dataclass(frozen=True, slots=True)
class _Segments:
    """Distinct segments between rows of the minority, and where on them each new row lies.

    `first`, `second` are positions in `ends`; new rows are sorted by segment and position along it, with the two
    ends of each segment among them (`row` is -1 there).
    """

    ends: np.ndarray
    first: np.ndarray
    second: np.ndarray
    squared: np.ndarray
    segment: np.ndarray
    place: np.ndarray
    row: np.ndarray


@dataclass(slots=True)
class _Bounds:
    """What is known after rows of the majority have met the segments."""

    nearest: np.ndarray
    pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def is_worthwhile(plan: Plan, index: Index, codes: np.ndarray) -> bool:
    """Say whether the rows of a plan allow this way, and gain by it.

    Parameters
    ----------
    plan : Plan
        A plan of SMOTE: all rows kept, others invented behind them.
    index : Index
        The rows it gives, as points.
    codes : ndarray of shape (n_out,), integer
        Their classes.

    Returns
    -------
    bool
        True for two classes of numbers, of which one is invented on segments.
    """
    plain = plan.order is None and len(plan.kept) == plan.n_rows and len(plan.base) >= _FEWEST_ROWS
    on_segments = plan.donors is None and plan.groups is None and plan.noise is None
    if not (plain and on_segments and index.points.is_plain and len(plan.classes) == 2):
        return False
    if not bool(((plan.gap >= 0) & (plan.gap <= 1)).all()) or int(plan.neighbour.max()) >= plan.n_rows:
        return False
    minority = codes[plan.base]
    pairs = len(
        np.unique(np.minimum(plan.base, plan.neighbour) * plan.n_rows + np.maximum(plan.base, plan.neighbour))
    )
    n_majority = int((codes[: plan.n_rows] != minority[0]).sum())
    same = bool((minority == minority[0]).all() and (codes[plan.neighbour] == minority[0]).all())
    return same and n_majority * pairs <= _MOST_WORK


def open_rows(plan: Plan, index: Index, codes: np.ndarray, k: int) -> np.ndarray | None:
    """Find the rows whose k nearest may include a row of the other class; all others surely do not.

    Parameters
    ----------
    plan : Plan
        A plan for which `is_worthwhile` says so.
    index : Index
        The rows it gives, as points.
    codes : ndarray of shape (n_out,), integer
        Their classes.
    k : int
        How many neighbours.

    Returns
    -------
    ndarray of shape (m,), int64, or None
        Row numbers of the output, ascending; None where the classes overlap so much that a plain search is better.
    """
    n = plan.n_rows
    numbers = index.points.numbers
    label = codes[plan.base[0]]
    own, others = np.flatnonzero(codes[:n] == label), np.flatnonzero(codes[:n] != label)
    centre = numbers[own].mean(axis=0, dtype=np.float64)
    segments = _segments(plan, numbers, own)
    slack = 8 * np.finfo(numbers.dtype).eps * float(np.abs(numbers).max()) * np.sqrt(numbers.shape[1])
    reach = _own_reach(segments, k) + slack
    cells = Cells.of((numbers[others] - centre).astype(np.float32))
    ends = (segments.ends - centre).astype(np.float32)
    met = _meet_segments(cells.rows, ends, segments, _widest(segments, reach), index.n_jobs)
    if met is None:
        return None
    limit = np.maximum(np.sqrt(np.maximum(met.nearest, 0)) - slack, 0) ** 2
    far = cells.order[_open_cells(cells, limit, k, index.n_jobs)]
    new = n + _open_new(segments, reach + slack, met)
    return np.sort(np.concatenate((others[far], own, new)))


# --- new rows on their segments ------------------------------------------------------------------------------


def _segments(plan: Plan, numbers: np.ndarray, own: np.ndarray) -> _Segments:
    start, stop = np.searchsorted(own, plan.base), np.searchsorted(own, plan.neighbour)
    place = np.where(start <= stop, plan.gap, 1.0 - plan.gap)
    key = np.minimum(start, stop) * len(own) + np.maximum(start, stop)
    distinct, segment = np.unique(key, return_inverse=True)
    first, second = np.divmod(distinct, len(own))
    ends = numbers[own].astype(np.float64)
    squared = ((ends[first] - ends[second]) ** 2).sum(axis=1)
    m = len(distinct)
    all_segments = np.concatenate((segment.reshape(-1), np.arange(m), np.arange(m)))
    all_places = np.concatenate((place, np.zeros(m), np.ones(m)))
    all_rows = np.concatenate((np.arange(len(place)), np.full(2 * m, -1)))
    order = np.lexsort((all_places, all_segments))
    return _Segments(ends, first, second, squared, all_segments[order], all_places[order], all_rows[order])


def _own_reach(segments: _Segments, k: int) -> np.ndarray:
    """Compute how far the k-th nearest row on the same segment is, infinite where there are fewer."""
    n = len(segments.place)
    far = np.full((n, 2 * k), np.inf)
    for step in range(1, min(k, n - 1) + 1):
        gap = segments.place[step:] - segments.place[:-step]
        gap[segments.segment[step:] != segments.segment[:-step]] = np.inf
        far[step:, step - 1] = gap
        far[:-step, k + step - 1] = gap
    kth = np.partition(far, k - 1, axis=1)[:, k - 1]
    length = np.sqrt(segments.squared)[segments.segment]
    return np.asarray(np.multiply(kth, length, out=np.full(n, np.inf), where=np.isfinite(kth)))


def _widest(segments: _Segments, reach: np.ndarray) -> np.ndarray:
    """Give the largest reach of the new rows on each segment."""
    widest = np.zeros(len(segments.squared))
    is_new = segments.row >= 0
    np.maximum.at(widest, segments.segment[is_new], reach[is_new])
    return widest


def _open_new(segments: _Segments, reach: np.ndarray, met: _Bounds) -> np.ndarray:
    """Find new rows that a row of the majority may be as near to as their k-th neighbour on the segment."""
    is_open = np.isinf(reach) & (segments.row >= 0)
    start = np.searchsorted(segments.segment, np.arange(len(segments.squared) + 1))
    for which, place, squared in met.pairs:
        length2 = segments.squared[which]
        size = start[which + 1] - start[which]
        begin = np.repeat(start[which] - np.concatenate(([0], np.cumsum(size)[:-1])), size)
        at = begin + np.arange(int(size.sum()))
        along = (segments.place[at] - np.repeat(place, size)) ** 2 * np.repeat(length2, size)
        is_open[at[along + np.repeat(squared, size) <= reach[at] ** 2]] = True
    return np.asarray(segments.row[is_open & (segments.row >= 0)])


# --- rows of the majority and the segments -------------------------------------------------------------------


def _meet_segments(
    rows: np.ndarray, ends: np.ndarray, segments: _Segments, widest: np.ndarray, n_jobs: int | None
) -> _Bounds | None:
    """Bound the squared distance of each row to its nearest segment, and keep the pairs that are near."""
    out = _Bounds(np.empty(len(rows), dtype=np.float64), [])
    error = 6 * rounding(rows.shape[1] + 1, np.float32)
    norms, end_norms = squared_norms(rows), squared_norms(ends)
    largest = float(end_norms.max(initial=0))
    squared = segments.squared.astype(np.float32)
    half = np.divide(0.5, squared, out=np.zeros_like(squared), where=squared > 0)
    near2 = np.where(np.isinf(widest), 0.0, widest) ** 2

    def one_block(start: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        part = slice(start, min(start + _COLUMNS, len(rows)))
        to_ends = -2.0 * (ends @ rows[part].T)
        to_ends += end_norms[:, None]
        to_ends += norms[part]
        off = error * (norms[part] + largest)
        nearest = to_ends.min(axis=0)
        pairs = []
        for begin in range(0, len(squared), _SEGMENTS):
            block = slice(begin, min(begin + _SEGMENTS, len(squared)))
            far, place = _to_segments(to_ends, segments, squared[block], half[block], block)
            np.minimum(nearest, far.min(axis=0), out=nearest)
            bound = near2[block] + float(off.max())
            some = np.flatnonzero(far.min(axis=1) <= bound)
            if len(some):
                which, column = np.nonzero(far[some] <= bound[some, None])
                low = np.maximum(far[some[which], column] - off[column], 0).astype(np.float64)
                pairs.append((begin + some[which], place[some[which], column].astype(np.float64), low))
        out.nearest[part] = nearest - off
        return pairs

    n_pairs = 0
    step = 16 * _COLUMNS
    for start in range(0, len(rows), step):
        for pairs in each(one_block, range(start, min(start + step, len(rows)), _COLUMNS), n_jobs):
            out.pairs += pairs
            n_pairs += sum(len(which) for which, _, _ in pairs)
        if n_pairs > _MOST_PAIRS:
            return None
    return out


def _to_segments(
    to_ends: np.ndarray, segments: _Segments, squared: np.ndarray, half: np.ndarray, block: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Compute squared distances to some segments, and where on them the nearest points are."""
    far = to_ends[segments.first[block]]
    w = far - to_ends[segments.second[block]]
    w += squared[:, None]
    place = w * half[:, None]
    np.clip(place, 0.0, 1.0, out=place)
    w -= place * squared[:, None]
    w *= place
    far -= w
    return far, place


# --- rows of the majority among themselves -------------------------------------------------------------------


def _open_cells(cells: Cells, limit: np.ndarray, k: int, n_jobs: int | None) -> np.ndarray:
    """Find rows without k rows of their own class nearer than a limit on the squared distance.

    Rows meet their own cell, then growing numbers of the cells around it.
    """
    pairing = _Pairing.of(cells.rows, limit)
    centre_norms = squared_norms(cells.centre)
    count = np.zeros(len(limit), dtype=np.int64)

    def one_cell(cell: int) -> None:
        span = cells.span(cell)
        own = np.arange(span.start, span.stop)
        count[span] = pairing.nearer(own, span) - (limit[span] > 0)
        rows = own[(count[span] < k) & (limit[span] > 0)]
        around, met = _cells_around(cells, centre_norms, cell), 0
        for wave in _WAVES:
            spans = [np.arange(cells.start[c], cells.start[c + 1]) for c in around[met:wave]]
            if not len(rows) or not spans:
                return
            count[rows] += pairing.nearer(rows, np.concatenate(spans))
            rows, met = rows[count[rows] < k], wave

    each(one_cell, range(len(cells)), n_jobs)
    return np.flatnonzero(count < k)


def _cells_around(cells: Cells, centre_norms: np.ndarray, cell: int) -> np.ndarray:
    far = centre_norms - 2 * (cells.centre @ cells.centre[cell])
    far[cell] = np.inf
    n = min(_WAVES[-1], len(far) - 1)
    near = np.argpartition(far, n - 1)[:n] if n else np.empty(0, dtype=np.int64)
    return np.asarray(near[np.argsort(far[near])])


@dataclass(frozen=True, slots=True)
class _Pairing:
    """Rows ready for products that compare their distances with limits.

    |x - z|² < limit is read off as -2 x·z + |z|² < limit - |x|², the left side by one product with one more column.
    """

    left: np.ndarray
    right: np.ndarray
    most: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, limit: np.ndarray) -> _Pairing:
        bound = rounding(rows.shape[1] + 1, np.float32)
        norms = squared_norms(rows)
        left = np.column_stack((rows, norms * np.float32(1 + bound)))
        right = np.column_stack((-2 * rows, np.ones(len(rows), dtype=np.float32)))
        return cls(left, right, (limit - norms * (1 + bound)).astype(np.float32))

    def nearer(self, rows: np.ndarray, among: slice | np.ndarray) -> np.ndarray:
        """Count, for each row, those of some others that are surely nearer than its limit."""
        below = self.left[among] @ self.right[rows].T < self.most[rows]
        total = np.zeros(len(rows), dtype=np.int64)
        for start in range(0, len(below), _BYTE):
            total += np.add.reduce(below[start : start + _BYTE].view(np.uint8), axis=0, dtype=np.uint8)
        return total
