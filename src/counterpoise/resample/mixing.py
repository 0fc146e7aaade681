"""Invented rows: the mathematics, and how it is written into tables of every kind.

An invented row is described by row numbers only (`Invention`): it lies on the segment from a base row to a
neighbour, at a fraction ``gap`` of the way,

    x = x_base + gap (x_neighbour - x_base),

as in Chawla et al., "SMOTE: synthetic minority over-sampling technique", JAIR 16, 2002; or it is the mean of a
group of rows (cluster centroids); either may carry Gaussian noise (Menardi and Torelli, "Training and assessing
classification rules with imbalanced data", DMKD 28, 2014).

Where one end of a segment is missing, there is no number in between: the row takes the value, or its absence, of
the nearer end (the base below a gap of one half), so that values go missing as often as before. A category is the
most frequent one among the donors of the base row (ties: the one whose first donor is nearest), or the nearer end's
where there are no donors. Integral columns are rounded and stay within the values seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.chance import Streams
from counterpoise.errors import NotApplicable
from counterpoise.neighbours.workers import shared, writers
from counterpoise.table import frames

__all__ = [
    "Groups",
    "Invention",
    "Noise",
    "interpolate",
    "invented_numbers",
    "invented_table",
    "join",
    "kinds_of",
    "vote",
]

_CHUNK = 2048
"""Rows interpolated at a time: a few hundred kilobytes, so that they stay in the cache."""

_GROUP_CELLS = 8_000_000
"""Cells of group members gathered at a time, 64 MB of doubles."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Groups of rows whose mean is a new row, in compressed form.

    Attributes
    ----------
    members : ndarray, int64
        Row numbers, group after group.
    starts : ndarray of shape (n_invented + 1,), int64
        Where each group begins; an empty group means that the row is not a mean.
    """

    members: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """Gaussian noise on the numbers of invented rows, as a seed and scales.

    Attributes
    ----------
    seed : int
        Root of the stream of draws.
    scales : ndarray of shape (n_scales, n_numeric), float64
        Standard deviation for each column.
    which : ndarray of shape (n_invented,), int32
        The scale of each invented row; negative for none.
    position : ndarray of shape (n_invented,), int64
        Where in the stream each row's draws are.
    """

    seed: int
    scales: np.ndarray
    which: np.ndarray
    position: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Invention:
    """Rows that do not exist yet, as row numbers.

    Attributes
    ----------
    base, neighbour : ndarray of shape (s,), int64
        Ends of each segment.
    gap : ndarray of shape (s,), float64
        Position between them: 0 at the base, 1 at the neighbour.
    donors : ndarray of shape (n_sets, k), int64, or None
        Rows that vote on categories, nearest first, padded with -1.
    donor_set : ndarray of shape (s,), int32, or None
        The set of donors of each row; negative for none.
    groups : Groups or None
        Groups whose mean is taken.
    noise : Noise or None
        Noise that is added.
    categories : ndarray of int64, or None
        Columns that are categories although their type does not say so.
    """

    base: np.ndarray
    neighbour: np.ndarray
    gap: np.ndarray
    donors: np.ndarray | None = None
    donor_set: np.ndarray | None = None
    groups: Groups | None = None
    noise: Noise | None = None
    categories: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.base)

    def part(self, rows: np.ndarray | slice) -> Invention:
        """Take some of the invented rows.

        Parameters
        ----------
        rows : ndarray or slice
            Which.

        Returns
        -------
        Invention
            Those only, with their own donors and the same noise.
        """
        return Invention(
            self.base[rows],
            self.neighbour[rows],
            self.gap[rows],
            *_some_donors(self.donors, self.donor_set, rows),
            None if self.groups is None else _some_groups(self.groups, np.arange(len(self))[rows]),
            None if self.noise is None else _some_noise(self.noise, rows),
            self.categories,
        )

    def references(self) -> np.ndarray:
        """Give the highest row number that each invented row refers to.

        Returns
        -------
        ndarray of shape (s,), int64
            One number a row.
        """
        highest: np.ndarray = np.maximum(self.base, self.neighbour)
        if self.donors is not None and self.donor_set is not None and len(self.donors):
            per_set = np.append(self.donors.max(axis=1), -1)
            highest = np.maximum(highest, per_set[self.donor_set])
        if self.groups is not None:
            for i in np.flatnonzero(np.diff(self.groups.starts)):
                members = self.groups.members[self.groups.starts[i] : self.groups.starts[i + 1]]
                highest[i] = max(highest[i], members.max())
        return highest

    def renumbered(self, change: Callable[[np.ndarray], np.ndarray]) -> Invention:
        """Give every row number a new meaning.

        Parameters
        ----------
        change : callable
            Takes and returns row numbers; negative ones are padding and stay.

        Returns
        -------
        Invention
            The same rows under the new numbers.
        """
        donors = self.donors
        if donors is not None:
            donors = np.where(donors < 0, -1, change(np.maximum(donors, 0)))
        groups = self.groups
        if groups is not None:
            groups = Groups(change(groups.members), groups.starts)
        return replace(
            self, base=change(self.base), neighbour=change(self.neighbour), donors=donors, groups=groups
        )


def _some_donors(
    donors: np.ndarray | None, donor_set: np.ndarray | None, rows: np.ndarray | slice
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Take the donors of some rows, and leave out sets that none of them asks."""
    if donors is None or donor_set is None:
        return None, None
    used, new = np.unique(donor_set[rows], return_inverse=True)
    n_without = int((used < 0).sum())
    return donors[used[n_without:]], (new.reshape(-1) - n_without).astype(np.int32)


def _some_groups(groups: Groups, rows: np.ndarray) -> Groups:
    sizes = np.diff(groups.starts)[rows]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    offset = np.repeat(groups.starts[:-1][rows] - starts[:-1], sizes)
    return Groups(groups.members[np.arange(starts[-1]) + offset], starts)


def _some_noise(noise: Noise, rows: np.ndarray | slice) -> Noise:
    return Noise(noise.seed, noise.scales, noise.which[rows], noise.position[rows])


# --- rows behind rows ---------------------------------------------------------------------------------------


def join(a: Invention, b: Invention) -> Invention:
    """Put invented rows behind others.

    Parameters
    ----------
    a, b : Invention
        Rows under the same numbers.

    Returns
    -------
    Invention
        Those of a, then those of b.
    """
    if not len(b):
        return a
    if not len(a):
        return b
    donors, donor_set = _joined_donors(a, b)
    return Invention(
        np.concatenate((a.base, b.base)),
        np.concatenate((a.neighbour, b.neighbour)),
        np.concatenate((a.gap, b.gap)),
        donors,
        donor_set,
        _joined_groups(a, b),
        _joined_noise(a, b),
        _joined_categories(a, b),
    )


def _joined_donors(a: Invention, b: Invention) -> tuple[np.ndarray | None, np.ndarray | None]:
    if a.donors is None and b.donors is None:
        return None, None
    sets = [np.empty((0, 0), dtype=np.int64) if i.donors is None else i.donors for i in (a, b)]
    width = max(each.shape[1] for each in sets)
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=-1) for each in sets]
    which = [np.full(len(i), -1, dtype=np.int32) if i.donor_set is None else i.donor_set for i in (a, b)]
    moved = np.where(which[1] < 0, -1, which[1] + len(sets[0]))
    return np.concatenate(padded), np.concatenate((which[0], moved))


def _joined_groups(a: Invention, b: Invention) -> Groups | None:
    if a.groups is None and b.groups is None:
        return None
    one, two = (
        Groups(np.empty(0, dtype=np.int64), np.zeros(len(i) + 1, dtype=np.int64))
        if i.groups is None
        else i.groups
        for i in (a, b)
    )
    starts = np.concatenate((one.starts, two.starts[1:] + len(one.members)))
    return Groups(np.concatenate((one.members, two.members)), starts)


def _joined_categories(a: Invention, b: Invention) -> np.ndarray | None:
    declared = [i.categories for i in (a, b) if i.categories is not None]
    return np.unique(np.concatenate(declared)) if declared else None


def _joined_noise(a: Invention, b: Invention) -> Noise | None:
    if a.noise is None and b.noise is None:
        return None
    if a.noise is not None and b.noise is not None:
        raise NotApplicable(
            "Both plans add Gaussian noise to the rows they invent.",
            expected="Expected at most one smoothed bootstrap in a chain of plans.",
            why="The noise of a plan is one seed.",
            hint="Make the rows of the first plan, and resample those.",
        )
    return _late_noise(len(a), b.noise) if a.noise is None else _early_noise(a.noise, len(b))


def _early_noise(noise: Noise, n_after: int) -> Noise:
    none = np.full(n_after, -1, dtype=np.int32)
    which, position = np.concatenate((noise.which, none)), np.concatenate((noise.position, none))
    return Noise(noise.seed, noise.scales, which, position)


def _late_noise(n_before: int, noise: Noise | None) -> Noise | None:
    if noise is None:
        return None
    none = np.full(n_before, -1, dtype=np.int32)
    which, position = np.concatenate((none, noise.which)), np.concatenate((none, noise.position))
    return Noise(noise.seed, noise.scales, which, position)


# --- pure mathematics ----------------------------------------------------------------------------------------


def interpolate(base: np.ndarray, neighbour: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Put points on segments; where an end is missing, take the nearer end.

    Parameters
    ----------
    base, neighbour : ndarray of shape (s, ...), float
        The ends.
    gap : ndarray of shape (s,), float64
        Position between them.

    Returns
    -------
    ndarray of shape (s, ...)
        ``base + gap (neighbour - base)``, in the type of `base`.
    """
    share = gap.astype(base.dtype, copy=False).reshape(-1, *([1] * (base.ndim - 1)))
    out = neighbour - base
    out *= share
    out += base
    if np.isnan(out).any():
        nearer = np.where(share < 0.5, base, neighbour)
        hole = np.isnan(base) | np.isnan(neighbour)
        out[hole] = nearer[hole]
    return np.asarray(out)


def vote(codes: np.ndarray) -> np.ndarray:
    """Choose, in each row, the position of the most frequent code.

    Parameters
    ----------
    codes : ndarray of shape (n, k), integer
        Codes in order of preference.

    Returns
    -------
    ndarray of shape (n,), int64
        Position of the first code among those that occur most often.
    """
    votes = np.zeros(codes.shape, dtype=np.int32)
    for j in range(codes.shape[1]):
        votes += codes == codes[:, j : j + 1]
    return np.asarray(votes.argmax(axis=1), dtype=np.int64)


def group_means(X: np.ndarray, groups: Groups) -> np.ndarray:
    """Average groups of rows, leaving missing values out.

    Parameters
    ----------
    X : ndarray of shape (n, d), float
        The rows.
    groups : Groups
        Which rows belong together; none empty.

    Returns
    -------
    ndarray of shape (n_groups, d), float64
        Means; NaN where every member's value is missing.
    """
    sizes = np.diff(groups.starts)
    out = np.empty((len(sizes), X.shape[1]), dtype=np.float64)
    rows_at_a_time = max(1, _GROUP_CELLS // max(1, X.shape[1]))
    cuts = np.searchsorted(groups.starts, np.arange(0, len(groups.members), rows_at_a_time))
    edges = np.unique(np.concatenate((cuts, [len(sizes)])))
    for a, b in itertools.pairwise(edges):
        first = groups.starts[a]
        rows = X[groups.members[first : groups.starts[b]]].astype(np.float64)
        starts = groups.starts[a:b] - first
        missing = np.isnan(rows)
        if not missing.any():
            out[a:b] = np.add.reduceat(rows, starts, axis=0) / sizes[a:b, None]
            continue
        sums = np.add.reduceat(np.where(missing, 0.0, rows), starts, axis=0)
        present = np.add.reduceat((~missing).astype(np.float64), starts, axis=0)
        out[a:b] = np.divide(sums, present, out=np.full_like(sums, np.nan), where=present > 0)
    return out


def _draw_noise(noise: Noise, rows: slice) -> np.ndarray:
    """Draw the noise of some rows; each run of `_CHUNK` positions has its own stream."""
    position, which = noise.position[rows], noise.which[rows]
    out = np.zeros((len(position), noise.scales.shape[1]))
    for block in np.unique(position // _CHUNK):
        stream = Streams(noise.seed).child("noise", int(block)).generator()
        draws = stream.standard_normal((_CHUNK, noise.scales.shape[1]))
        here = (position // _CHUNK == block) & (which >= 0)
        out[here] = draws[position[here] % _CHUNK] * noise.scales[which[here]]
    return out


# --- arrays of numbers ---------------------------------------------------------------------------------------


def invented_numbers(X: np.ndarray, invention: Invention, out: np.ndarray | None = None) -> np.ndarray:
    """Write invented rows of an array of numbers.

    Parameters
    ----------
    X : ndarray of shape (n, d), float or integer
        The rows referred to.
    invention : Invention
        What to make of them.
    out : ndarray of shape (s, d), optional
        Where to write; of X's type.

    Returns
    -------
    ndarray of shape (s, d)
        The new rows, in X's type.
    """
    out = np.empty((len(invention), X.shape[1]), dtype=X.dtype) if out is None else out
    is_integral = X.dtype.kind in "iu"
    bounds = _seen_bounds(X, invention) if is_integral else None

    def _write(start: int) -> None:
        """Write a chunk; each has rows of its own."""
        rows = slice(start, min(start + _CHUNK, len(invention)))
        if not is_integral and invention.noise is None:
            _interpolate_into(X, invention, rows, out[rows])
        else:
            out[rows] = _computed(X, invention, rows, bounds)

    shared(_write, range(0, len(invention), _CHUNK), writers(out.nbytes))
    if invention.groups is not None:
        is_mean = np.flatnonzero(np.diff(invention.groups.starts))
        means = group_means(X, _some_groups(invention.groups, is_mean))
        out[is_mean] = np.rint(means) if is_integral else means
    for j in () if invention.categories is None else invention.categories:
        _, codes = np.unique(X[:, j], return_inverse=True)
        out[:, j] = X[_chosen(codes, invention), j]
    return out


def _seen_bounds(X: np.ndarray, invention: Invention) -> tuple[np.ndarray, np.ndarray] | None:
    """Give the least and the greatest values where invented ones could lie beyond them."""
    return None if _is_between(invention) or not len(X) else (X.min(axis=0), X.max(axis=0))


def _is_between(invention: Invention) -> bool:
    """Say whether all rows lie between their ends."""
    return invention.noise is None and bool(((invention.gap >= 0) & (invention.gap <= 1)).all())


def _interpolate_into(X: np.ndarray, invention: Invention, rows: slice, out: np.ndarray) -> None:
    base, neighbour = X[invention.base[rows]], X[invention.neighbour[rows]]
    gap = invention.gap[rows]
    np.subtract(neighbour, base, out=out)
    out *= gap.astype(X.dtype, copy=False)[:, None]
    out += base
    if np.isnan(out).any():
        out[...] = interpolate(base, neighbour, gap)


def _computed(
    X: np.ndarray, invention: Invention, rows: slice, bounds: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    base, neighbour = X[invention.base[rows]], X[invention.neighbour[rows]]
    values = interpolate(base.astype(np.float64), neighbour.astype(np.float64), invention.gap[rows])
    if invention.noise is not None:
        values += _draw_noise(invention.noise, rows)
    if X.dtype.kind in "iu":
        np.rint(values, out=values)
    return values if bounds is None else np.clip(values, *bounds)


# --- tables of every kind --------------------------------------------------------------------------------------


def invented_table(X: Any, invention: Invention) -> Any:
    """Write invented rows of a table of any kind.

    Parameters
    ----------
    X : ndarray, CSR matrix or frame
        The rows referred to.
    invention : Invention
        What to make of them.

    Returns
    -------
    object
        The new rows, of the same kind, with the same columns and types.
    """
    if sparse.issparse(X):
        return _invented_sparse(X, invention)
    if isinstance(X, np.ndarray) and X.dtype.kind in "fiu":
        if invention.categories is None:
            return invented_numbers(X, invention)
        rows, local = _referred(invention)
        return invented_numbers(X[rows], local)
    return _invented_frame(X, invention)


def kinds_of(X: Any, categories: np.ndarray | None) -> tuple[frames.ColumnKind, ...]:
    """Say of each column what it holds, some being declared categories.

    Parameters
    ----------
    X : ndarray or frame
        The table.
    categories : ndarray of int64, or None
        Columns that are categories whatever their type.

    Returns
    -------
    tuple of str
        One kind a column.
    """
    declared = frozenset(() if categories is None else categories.tolist())
    everything: frames.ColumnKind = "category"
    if len(declared) == frames.n_columns(X):
        return (everything,) * len(declared)
    found = frames.column_kinds(X)
    return tuple(everything if j in declared else found[j] for j in range(len(found)))


def _invented_sparse(X: Any, invention: Invention) -> Any:
    X = X.tocsr()
    s = len(invention)
    on_segment = np.ones(s, dtype=bool)
    if invention.groups is not None:
        on_segment = np.diff(invention.groups.starts) == 0
    at = np.flatnonzero(on_segment)
    share = invention.gap[at]
    entries = [(at, invention.base[at], 1.0 - share), (at, invention.neighbour[at], share)]
    if invention.groups is not None:
        sizes = np.diff(invention.groups.starts)
        rows = np.repeat(np.arange(s), sizes)
        entries.append((rows, invention.groups.members, 1.0 / sizes[rows]))
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    mixer = sparse.csr_matrix((value, (row, column)), shape=(s, X.shape[0]))
    made = mixer @ X
    if invention.noise is not None:
        made = sparse.csr_matrix(made.toarray() + _draw_noise(invention.noise, slice(0, s)))
    made.eliminate_zeros()
    made.sort_indices()
    if X.dtype.kind in "iu":
        made.data = np.rint(made.data)
    return type(X)(made.astype(X.dtype))


def _invented_frame(X: Any, invention: Invention) -> Any:
    rows, local = _referred(invention)
    near = frames.take(X, rows)
    seen = frames.features(near, kinds=kinds_of(near, invention.categories))
    values = invented_numbers(seen.numeric.astype(np.float64, copy=False), replace(local, categories=None))
    numbers = {int(j): values[:, i] for i, j in enumerate(seen.numeric_columns)}
    if not _is_between(invention):
        numbers = {j: _bounded(v, frames.integer_bounds(X, j)) for j, v in numbers.items()}
    choices = {int(j): _chosen(seen.codes[:, i], local) for i, j in enumerate(seen.coded_columns)}
    return frames.rebuild(near, local.base, numbers, choices)


def _bounded(values: np.ndarray, bounds: tuple[float, float] | None) -> np.ndarray:
    return values if bounds is None else np.clip(np.rint(values), *bounds)


def _referred(invention: Invention) -> tuple[np.ndarray, Invention]:
    """Number the rows that are referred to anew, from 0."""
    parts = [invention.base, invention.neighbour]
    if invention.donors is not None:
        parts.append(invention.donors[invention.donors >= 0])
    if invention.groups is not None:
        parts.append(invention.groups.members)
    rows = np.unique(np.concatenate(parts))
    return rows, invention.renumbered(lambda numbers: np.searchsorted(rows, numbers))


def _chosen(codes: np.ndarray, invention: Invention) -> np.ndarray:
    """Choose the row that each invented row takes its category from."""
    nearer: np.ndarray = np.where(invention.gap < 0.5, invention.base, invention.neighbour)
    if invention.donors is not None and invention.donor_set is not None and len(invention.donors):
        winner = _winners(codes, invention.donors)
        nearer = np.where(invention.donor_set >= 0, winner[invention.donor_set], nearer)
    if invention.groups is not None:
        for i in np.flatnonzero(np.diff(invention.groups.starts)):
            members = invention.groups.members[invention.groups.starts[i] : invention.groups.starts[i + 1]]
            _, first, counts = np.unique(codes[members], return_index=True, return_counts=True)
            nearer[i] = members[first[counts.argmax()]]
    return nearer


def _winners(codes: np.ndarray, donors: np.ndarray) -> np.ndarray:
    padded = np.where(
        donors < 0, np.iinfo(np.int64).min + np.arange(donors.shape[1]), codes[np.maximum(donors, 0)]
    )
    return np.asarray(np.take_along_axis(donors, vote(padded)[:, None], axis=1)[:, 0])
