"""What a treatment does to a table, as row numbers.

A `Plan` says which rows are kept and how often, and which rows are invented and from which others. It holds no
values: the same plan can be turned into rows (`Plan.rows`), into sample weights (`Plan.weights`, when nothing is
invented) or into a stream of mini-batches (`Plan.batches`) without the resampled table ever being there. Every
other column - weight, amount, time, group, id - follows through it, and provenance comes for free.

Rows have numbers. From 0 to ``n_rows - 1`` they are the rows of the table that the plan was made for; from
``n_rows`` on they are the rows that the plan itself invents, in order. An invented row may be made from invented
rows with lower numbers, which is how plans compose.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoise.chance import Seed
from counterpoise.errors import InputError, NotApplicable, OptionError
from counterpoise.neighbours.workers import shared, writers
from counterpoise.resample.batches import Batches
from counterpoise.resample.mixing import Groups, Invention, Noise, invented_numbers, invented_table, join
from counterpoise.resample.target import Target, read_target
from counterpoise.table import frames

if TYPE_CHECKING:
    from counterpoise.resample.base import BaseSampler

__all__ = ["Plan"]

_KINDS = ("kept", "repeated", "invented")

_NO_ROWS = np.empty(0, dtype=np.int64)
_NO_GAPS = np.empty(0, dtype=np.float64)


def _locked(values: Any, dtype: Any) -> np.ndarray:
    array = np.ascontiguousarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Which rows are kept, how often, and which are invented.

    Plans come from a sampler's ``plan(X, y)``, or from `Plan.keep`, `Plan.invent` and `Plan.class_weights`.

    Attributes
    ----------
    n_rows : int
        Rows of the table the plan was made for.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    counts : ndarray of shape (n_classes,), int64
        Rows of each class before.
    share : ndarray of shape (n_classes,), float64
        Rows (or weight) of each class after, over `counts`; `rates` is the same as a mapping.
    kept : ndarray of shape (m,), int64
        Numbers of the rows that are kept, repeated where a row is drawn several times.
    base, neighbour : ndarray of shape (s,), int64
        Ends of the segment on which each invented row lies.
    gap : ndarray of shape (s,), float64
        Its position: 0 at the base, 1 at the neighbour; negative or above 1 where it lies outside.
    reach : ndarray of shape (s,), float64, or None
        The gap was drawn uniformly between 0 and this; None for 1.
    donors : ndarray of shape (n_sets, k), int64, or None
        Rows that vote on the categories of invented rows, nearest first, padded with -1.
    donor_set : ndarray of shape (s,), int32, or None
        Which donors each invented row asks.
    groups : Groups or None
        Invented rows that are means of groups of rows.
    noise : Noise or None
        Gaussian noise on invented rows, as a seed and scales.
    categories : ndarray, int64, or None
        Columns of which invented rows copy a donor's value although their type says number.
    order : ndarray of shape (n_out,), int64, or None
        Output row i is entry ``order[i]`` of the kept rows followed by the invented ones; None: all, in that order.
    pool : ndarray, int64, or None
        Rows that a fresh draw of the kept rows is made from (see `batches`); None: the kept rows themselves.
    row_weights : ndarray of shape (n_rows,), float64, or None
        Factor on each row's weight; None for 1.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import RandomOverSampler
    >>> X, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 0, 1, 1])
    >>> plan = RandomOverSampler(random_state=0).plan(X, y)
    >>> plan.n_out, plan.rates
    (8, {0: 1.0, 1: 2.0})
    >>> bool(plan.weights().sum() == 8)
    True
    """

    n_rows: int
    classes: np.ndarray
    counts: np.ndarray
    share: np.ndarray
    kept: np.ndarray
    base: np.ndarray = field(default_factory=lambda: _NO_ROWS)
    neighbour: np.ndarray = field(default_factory=lambda: _NO_ROWS)
    gap: np.ndarray = field(default_factory=lambda: _NO_GAPS)
    reach: np.ndarray | None = None
    donors: np.ndarray | None = None
    donor_set: np.ndarray | None = None
    groups: Groups | None = None
    noise: Noise | None = None
    categories: np.ndarray | None = None
    order: np.ndarray | None = None
    pool: np.ndarray | None = None
    row_weights: np.ndarray | None = None
    _source: tuple[Any, Any] | None = None

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _locked(value, dtype))
        if not len(self.base) == len(self.neighbour) == len(self.gap):
            raise InputError(
                f"base, neighbour and gap have {len(self.base)}, {len(self.neighbour)} and {len(self.gap)} entries.",
                expected="Expected as many of each.",
                why="Together they say where each invented row lies.",
            )

    # --- how plans are made ----------------------------------------------------------------------------------

    @classmethod
    def keep(
        cls,
        target: Target,
        rows: np.ndarray,
        *,
        pool: np.ndarray | None = None,
        after: np.ndarray | None = None,
    ) -> Plan:
        """Plan to keep some rows.

        Parameters
        ----------
        target : Target
            Classes and codes of all rows, as `counterpoise.resample.target.read_target` gives them.
        rows : ndarray of shape (m,), int64
            Row numbers in the order of the output, repeated as often as asked.
        pool : ndarray, int64, optional
            Rows to draw from anew in each epoch of `batches`, where the choice was random.
        after : ndarray of shape (n_classes,), int64, optional
            Rows of each class in the output, where they are known; counted otherwise.

        Returns
        -------
        Plan
            One that invents nothing.
        """
        if after is None:
            after = np.bincount(target.codes[rows], minlength=len(target.classes))
        return cls(
            n_rows=len(target.codes),
            classes=target.classes,
            counts=target.counts,
            share=after / target.counts,
            kept=rows,
            pool=pool,
        )

    @classmethod
    def invent(
        cls,
        target: Target,
        rows: np.ndarray,
        invention: Invention,
        *,
        reach: np.ndarray | None = None,
        pool: np.ndarray | None = None,
    ) -> Plan:
        """Plan to keep some rows and to invent others.

        Parameters
        ----------
        target : Target
            Classes and codes of all rows.
        rows : ndarray of shape (m,), int64
            Rows to keep.
        invention : Invention
            Rows to invent, from rows of the table; each is of the class of its base.
        reach : ndarray of shape (s,), float64, optional
            What each gap was drawn up to; 1 by default.
        pool : ndarray, int64, optional
            Rows to draw the kept ones from anew.

        Returns
        -------
        Plan
            Kept rows first, then the invented ones.
        """
        n_classes = len(target.classes)
        after = np.bincount(target.codes[rows], minlength=n_classes)
        after = after + np.bincount(target.codes[invention.base], minlength=n_classes)
        return cls(
            n_rows=len(target.codes),
            classes=target.classes,
            counts=target.counts,
            share=after / target.counts,
            kept=rows,
            base=invention.base,
            neighbour=invention.neighbour,
            gap=invention.gap,
            reach=reach,
            donors=invention.donors,
            donor_set=invention.donor_set,
            groups=invention.groups,
            noise=invention.noise,
            categories=invention.categories,
            pool=pool,
        )

    @classmethod
    def class_weights(cls, y: Any, weights: str | Mapping[Any, float] = "balanced") -> Plan:
        """Plan to weigh rows by class and to change nothing else.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Labels.
        weights : "balanced" or mapping of label to weight, default="balanced"
            ``"balanced"`` gives class c the weight ``n_rows / (n_classes n_c)``, so that the weights of all rows
            sum to ``n_rows`` and each class has the same mass. Classes that a mapping leaves out have weight 1.

        Returns
        -------
        Plan
            All rows once; `weights` gives each row's class weight and `rates` the same by class.

        Raises
        ------
        OptionError
            If the word is unknown, a label is absent, or a weight is negative or not finite.

        Examples
        --------
        >>> from counterpoise.resample import Plan
        >>> Plan.class_weights([0, 0, 0, 1]).rates
        {0: 0.6666666666666666, 1: 2.0}
        """
        target = read_target(y)
        share = _class_shares(target, weights)
        return cls(
            n_rows=len(target.codes),
            classes=target.classes,
            counts=target.counts,
            share=share,
            kept=np.arange(len(target.codes)),
            row_weights=share[target.codes],
        )

    # --- what a plan says ------------------------------------------------------------------------------------

    @property
    def rates(self) -> dict[Any, float]:
        """Rows of each class after, over rows before."""
        return dict(zip(self.classes.tolist(), self.share.tolist(), strict=True))

    @property
    def invents(self) -> bool:
        """Whether there are invented rows in the output."""
        return (
            self.n_out > len(self.kept) if self.order is None else bool((self.order >= len(self.kept)).any())
        )

    @property
    def n_out(self) -> int:
        """Rows of the output."""
        return len(self.kept) + len(self.base) if self.order is None else len(self.order)

    @property
    def invention(self) -> Invention:
        """The rows that are invented."""
        return Invention(
            self.base,
            self.neighbour,
            self.gap,
            self.donors,
            self.donor_set,
            self.groups,
            self.noise,
            self.categories,
        )

    @property
    def numbers(self) -> np.ndarray:
        """The number of each output row: below `n_rows` it is kept, else invented."""
        stacked = np.concatenate((self.kept, self.n_rows + np.arange(len(self.base))))
        return stacked if self.order is None else stacked[self.order]

    @property
    def sources(self) -> np.ndarray:
        """The row of the table that each output row's class, and any further array, follows.

        For an invented row it is its base (through all plans, where plans were composed).
        """
        stacked = np.concatenate((self.kept, self._roots())) if len(self.base) else self.kept
        return stacked if self.order is None else stacked[self.order]

    def _roots(self) -> np.ndarray:
        roots = self.base
        while len(roots) and (deeper := roots >= self.n_rows).any():
            roots = roots.copy()
            roots[deeper] = self.base[roots[deeper] - self.n_rows]
        return roots

    @property
    def provenance(self) -> pl.DataFrame:
        """Where each output row comes from.

        Columns: ``kind`` (``"kept"``; ``"repeated"`` from a kept row's second copy on; ``"invented"``), ``base``
        (the row's number, or the base of an invented one), ``neighbour`` and ``gap`` (null for kept rows).
        """
        numbers = self.numbers
        invented = numbers >= self.n_rows
        which = np.where(invented, numbers - self.n_rows, 0)
        first = np.zeros(len(numbers), dtype=bool)
        first[np.unique(numbers, return_index=True)[1]] = True
        kind = np.where(invented, 2, np.where(first, 0, 1))
        padded = {"base": self.base, "neighbour": self.neighbour, "gap": self.gap}
        found = {
            name: (values[which] if len(values) else np.zeros(len(which), values.dtype))
            for name, values in padded.items()
        }
        gone = pl.Series(~invented)
        return pl.DataFrame(
            {
                "kind": pl.Series(np.asarray(_KINDS, dtype=object)[kind], dtype=pl.Enum(_KINDS)),
                "base": np.where(invented, found["base"], numbers),
                "neighbour": pl.Series(found["neighbour"]).set(gone, None),
                "gap": pl.Series(found["gap"]).set(gone, None),
            }
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        mine, others = self.arrays(), other.arrays()
        return mine.keys() == others.keys() and all(
            np.array_equal(a, others[name]) and a.dtype == others[name].dtype for name, a in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        rates = ", ".join(f"{label!r}: {rate:.4g}" for label, rate in self.rates.items())
        return f"Plan({self.n_rows} rows -> {self.n_out}, {len(self.base)} invented, rates {{{rates}}})"

    # --- what a plan becomes ---------------------------------------------------------------------------------

    def rows(self, X: Any, y: Any = None, *arrays: Any) -> Any:
        """Make the rows.

        Parameters
        ----------
        X : ndarray, sparse matrix or frame of shape (n_rows, n_columns)
            The table that the plan was made for.
        y : array-like of shape (n_rows,), optional
            Labels.
        *arrays : array-like of shape (n_rows, ...)
            Anything else with one entry a row. An invented row has its base row's entry.

        Returns
        -------
        X2 : object
            `n_out` rows, of the same kind, columns and types as X.
        y2, *arrays2 : object
            The same for the others; a tuple where more than X was given.

        Raises
        ------
        InputError
            If something has another number of rows than the plan.
        """
        for given in (X, y, *arrays):
            self._check_rows(given)
        made = self._table(X)
        if y is None and not arrays:
            return made
        return (made, *self.follow(y, *arrays))

    def follow(self, *arrays: Any) -> tuple[Any, ...]:
        """Carry arrays with one entry a row through the plan.

        Parameters
        ----------
        *arrays : array-like of shape (n_rows, ...) or None
            Labels, weights, times, ids; an invented row has its base row's entry.

        Returns
        -------
        tuple
            Each of the same kind, with `n_out` entries.
        """
        for given in arrays:
            self._check_rows(given)
        sources = self.sources
        anew = self._numbered_anew()
        return tuple(None if a is None else _fresh_index(frames.take(a, sources), anew) for a in arrays)

    def _check_rows(self, given: Any) -> None:
        if given is not None and frames.n_rows(given) != self.n_rows:
            raise InputError(
                f"An array with {frames.n_rows(given)} rows was given.",
                expected=f"Expected the {self.n_rows} rows of the table that the plan was made for.",
                why="A plan speaks of row numbers.",
                hint="Give the same rows in the same order, or make a new plan.",
            )

    def _numbered_anew(self) -> bool:
        """Say whether an index could not stay unique."""
        return (
            self.invents
            or len(self.kept) > self.n_rows
            or bool(np.bincount(self.kept, minlength=1).max() > 1)
        )

    def _table(self, X: Any) -> Any:
        if (
            isinstance(X, np.ndarray)
            and X.dtype.kind in "fiu"
            and self.categories is None
            and not self._blocks()[1:]
        ):
            return self._numeric_table(X)
        parts = [X]
        for block in self._blocks():
            known = frames.concat([_fresh_index(part, True) for part in parts])
            parts.append(invented_table(known, self.invention.part(block)))
        invented = parts[1:]
        kept = frames.take(X, self.kept)
        made = frames.concat([kept, *invented]) if invented else kept
        if self.order is not None:
            made = frames.take(made, self.order)
        return _fresh_index(made, self._numbered_anew())

    def _numeric_table(self, X: np.ndarray) -> np.ndarray:
        m = len(self.kept)
        stacked = np.empty((m + len(self.base), X.shape[1]), dtype=X.dtype)
        _take_into(X, self.kept, stacked[:m])
        if len(self.base):
            invented_numbers(X, self.invention, stacked[m:])
        return stacked if self.order is None else stacked[self.order]

    def _blocks(self) -> list[slice]:
        """Cut the inventions into runs that refer to earlier runs only."""
        if not len(self.base):
            return []
        last = self.invention.references() - self.n_rows
        blocks, start = [], 0
        while start < len(last):
            later = np.flatnonzero(last[start:] >= start)
            stop = start + int(later[0]) if len(later) else len(last)
            blocks.append(slice(start, stop))
            start = stop
        return blocks

    def weights(self) -> np.ndarray:
        """Say how often each row is kept, as sample weights.

        Returns
        -------
        ndarray of shape (n_rows,), float64
            Their sum is `n_out` (for class weights: the total weight).

        Raises
        ------
        NotApplicable
            If rows were invented: they are no multiple of any row.
        """
        if self.invents:
            raise NotApplicable(
                f"This plan invents {len(self.base)} rows.",
                expected="Weights exist only for plans that keep or repeat rows.",
                why="An invented row is not a multiple of an existing one.",
                hint="Use rows(X, y) or batches(X, y) instead.",
            )
        kept = self.kept if self.order is None else self.kept[self.order]
        out = np.bincount(kept, minlength=self.n_rows).astype(np.float64)
        return out if self.row_weights is None else out * self.row_weights

    def batches(self, X: Any, y: Any, size: int = 2048, seed: Seed = 0) -> Batches:
        """Stream mini-batches without ever holding the resampled table.

        Each epoch is drawn anew: kept rows from the `pool` of their class, invented rows with fresh gaps. Every
        batch has the classes in the proportions of the whole plan, up to one row.

        Parameters
        ----------
        X : ndarray, CSR matrix or frame of shape (n_rows, n_columns)
            The table that the plan was made for; it is not copied.
        y : array-like of shape (n_rows,)
            Labels.
        size : int, default=2048
            Rows of a batch; the last one of an epoch may be smaller.
        seed : int, Generator, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        Batches
            An iterable of (X, y); ``len`` is the number of steps of an epoch.
        """
        self._check_rows(X)
        return Batches(self, X, y, size, seed)

    def picked(self, numbers: np.ndarray, gaps: np.ndarray | None = None) -> Plan:
        """Plan for some of the rows that this plan knows, kept or invented.

        Parameters
        ----------
        numbers : ndarray of shape (m,), int64
            Row numbers: below `n_rows` a row of the table, else an invented one.
        gaps : ndarray of shape (m,), float64, optional
            New gaps for those that are invented.

        Returns
        -------
        Plan
            One that gives exactly those rows, in that order.
        """
        invented = np.flatnonzero(numbers >= self.n_rows)
        which = numbers[invented] - self.n_rows
        made = self.invention.part(which)
        if not len(which) or int(made.references().max()) < self.n_rows:
            positions = numbers.copy()
            positions[invented] = self.n_rows + np.arange(len(which))
        else:
            made, positions = self.invention, numbers
        if gaps is not None:
            fresh = made.gap.copy()
            fresh[positions[invented] - self.n_rows] = gaps[invented]
            made = replace(made, gap=fresh)
        return self._of(*_pruned(made, None, positions, self.n_rows))

    def _of(self, invention: Invention, reach: np.ndarray | None, output: np.ndarray) -> Plan:
        """Give a plan for the same table with other rows in the output."""
        kept, order = _kept_and_order(output, len(invention), self.n_rows)
        return replace(
            self,
            kept=kept,
            base=invention.base,
            neighbour=invention.neighbour,
            gap=invention.gap,
            reach=reach,
            donors=invention.donors,
            donor_set=invention.donor_set,
            groups=invention.groups,
            noise=invention.noise,
            categories=invention.categories,
            order=order,
            pool=None,
        )

    def then(self, other: Plan | BaseSampler, X: Any = None, y: Any = None) -> Plan:
        """Do something to the output of this plan.

        Parameters
        ----------
        other : Plan or sampler
            A plan made for the output of this one, or a sampler that is to make it.
        X, y : object, optional
            The table and labels of *this* plan, needed for a sampler. Those that the plan was made from are used
            where they are still in memory.

        Returns
        -------
        Plan
            One plan for the table of this one, with the same rows, in the same order, as doing the two in turn.

        Raises
        ------
        InputError
            If the other plan is for another number of rows, or X and y are needed and not known.
        """
        if not isinstance(other, Plan):
            X, y = self._remembered(X, y)
            other = other.plan(*self.rows(X, y))
        if other.n_rows != self.n_out:
            raise InputError(
                f"The plan that follows is for {other.n_rows} rows.",
                expected=f"Expected a plan for the {self.n_out} rows that this one gives.",
                why="It speaks of this plan's output by row number.",
            )
        return _composed(self, other)

    def _remembered(self, X: Any, y: Any) -> tuple[Any, Any]:
        if X is None and self._source is not None:
            X, y = (reference() for reference in self._source)
        if X is None or y is None:
            raise InputError(
                "then(sampler) was called without X and y.",
                expected="Expected the table and the labels that this plan was made for.",
                why="A plan holds row numbers only, and a sampler has to see the rows.",
                hint="Call plan.then(sampler, X, y).",
            )
        return X, y

    def remember(self, X: Any, y: Any) -> Plan:
        """Remember, weakly, what the plan was made from, so that `then` finds it while it is in memory.

        Parameters
        ----------
        X, y : object
            Table and labels.

        Returns
        -------
        Plan
            The same plan.
        """
        try:
            source = (weakref.ref(X), weakref.ref(y))
        except TypeError:
            return self
        return replace(self, _source=source)

    def predicted_bytes(self, X: Any) -> int:
        """Predict what `rows` will take, before anything is made.

        Parameters
        ----------
        X : ndarray, sparse matrix or frame
            The table that the plan was made for.

        Returns
        -------
        int
            Bytes of the resampled table: rows of the output times the average row of X.
        """
        return round(frames.row_bytes(X) * self.n_out)

    # --- to keep a plan --------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the plan as named arrays.

        Returns
        -------
        dict of str to ndarray
            No objects among them; `Plan.from_arrays` reads them back.
        """
        out: dict[str, np.ndarray] = {"n_rows": np.asarray(self.n_rows)}
        for name in ("classes", *_ARRAYS):
            value = getattr(self, name)
            if value is not None:
                out[name] = value
        if self.groups is not None:
            out["groups_members"], out["groups_starts"] = self.groups.members, self.groups.starts
        if self.noise is not None:
            out["noise_seed"] = np.asarray(json.dumps(self.noise.seed))
            out["noise_scales"], out["noise_which"] = self.noise.scales, self.noise.which
            out["noise_position"] = self.noise.position
        return out

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Plan:
        """Read a plan back from named arrays.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            As `arrays` gives them.

        Returns
        -------
        Plan
            An equal plan.
        """
        known = {f.name for f in fields(cls)} - {"n_rows", "groups", "noise", "_source"}
        values: dict[str, Any] = {name: arrays[name] for name in known if name in arrays}
        if "groups_members" in arrays:
            values["groups"] = Groups(arrays["groups_members"], arrays["groups_starts"])
        if "noise_seed" in arrays:
            seed = int(json.loads(str(arrays["noise_seed"])))
            scales, which, position = (arrays[f"noise_{name}"] for name in ("scales", "which", "position"))
            values["noise"] = Noise(seed, scales, which, position)
        return cls(n_rows=int(arrays["n_rows"]), **values)

    def save(self, path: str | Path) -> None:
        """Save the plan as an ``.npz`` file without pickle.

        Parameters
        ----------
        path : str or Path
            Where.
        """
        with Path(path).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self.arrays())

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Load a plan that was saved.

        Parameters
        ----------
        path : str or Path
            Where.

        Returns
        -------
        Plan
            An equal plan.
        """
        with np.load(path, allow_pickle=False) as arrays:
            return cls.from_arrays(arrays)


_ARRAYS: dict[str, Any] = {
    "counts": np.int64,
    "share": np.float64,
    "kept": np.int64,
    "base": np.int64,
    "neighbour": np.int64,
    "gap": np.float64,
    "reach": np.float64,
    "donors": np.int64,
    "donor_set": np.int32,
    "categories": np.int64,
    "order": np.int64,
    "pool": np.int64,
    "row_weights": np.float64,
}


def _class_shares(target: Target, weights: str | Mapping[Any, float]) -> np.ndarray:
    if isinstance(weights, str):
        if weights != "balanced":
            raise OptionError(
                f"weights={weights!r} was given.",
                expected="Expected 'balanced' or a mapping from label to weight.",
                why="They say what a row of each class counts.",
            )
        return np.asarray(target.counts.sum() / (len(target.classes) * target.counts), dtype=np.float64)
    labels = target.labels
    bad = [c for c, w in weights.items() if c not in labels or not np.isfinite(w) or w < 0]
    if bad:
        raise OptionError(
            f"weights={dict(weights)!r} was given.",
            expected=f"Expected finite weights, not negative, for labels among {labels}; look at {bad}.",
            why="They say what a row of each class counts.",
        )
    return np.array([float(weights.get(c, 1.0)) for c in labels])


_LEAST_RUN, _MOST_SHORT_RUNS = 32, 64
"""Runs shorter than this cost more than taking their rows; after so many of them, rows are taken one by one."""

_PIECE = 1 << 14
"""Rows that one thread copies at a time."""


def _take_into(X: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Gather rows; leading rows that follow each other are copied run by run, the rest is taken one by one."""
    starts = np.flatnonzero(np.diff(rows, prepend=rows[:1] - 2) != 1)
    lengths = np.diff(np.append(starts, len(rows)))
    short = np.flatnonzero(lengths < _LEAST_RUN)
    n_runs = int(short[_MOST_SHORT_RUNS]) if len(short) > _MOST_SHORT_RUNS else len(starts)
    runs = [slice(a, a + n) for a, n in zip(starts[:n_runs].tolist(), lengths[:n_runs].tolist(), strict=True)]
    rest = int(starts[n_runs]) if n_runs < len(starts) else len(rows)

    def _copy(part: slice) -> None:
        """Copy rows that follow each other."""
        first = int(rows[part.start])
        out[part] = X[first : first + part.stop - part.start]

    def _gather(part: slice) -> None:
        """Take rows one by one."""
        np.take(X, rows[part], axis=0, out=out[part], mode="clip")

    tasks = [(_copy, piece) for run in runs for piece in _pieces(run)]
    tasks += [(_gather, piece) for piece in _pieces(slice(rest, len(rows)))]
    shared(lambda task: task[0](task[1]), tasks, writers(out.nbytes))


def _pieces(rows: slice) -> list[slice]:
    """Cut a run of rows so that several threads can share it."""
    return [slice(a, min(a + _PIECE, rows.stop)) for a in range(rows.start, rows.stop, _PIECE)]


def _fresh_index(native: Any, anew: bool) -> Any:
    return native.reset_index(drop=True) if anew and hasattr(native, "iloc") else native


# --- composition ---------------------------------------------------------------------------------------------


def _composed(first: Plan, second: Plan) -> Plan:
    numbers = first.numbers
    n, s = first.n_rows, len(first.base)

    def change(rows: np.ndarray) -> np.ndarray:
        """Turn numbers of the second plan into numbers of the composed one."""
        inside = rows < second.n_rows
        return np.where(inside, numbers[np.where(inside, rows, 0)], rows - second.n_rows + n + s)

    both = join(first.invention, second.invention.renumbered(change))
    output = change(second.numbers)
    reach = _joined_reach(first, second)
    both, reach, output = _pruned(both, reach, output, n)
    pool = None
    if second.pool is not None:
        candidates = change(second.pool)
        pool = np.unique(candidates[candidates < n])
    made = first._of(both, reach, output)
    return replace(
        made, share=_composed_share(first, second), pool=pool, row_weights=_composed_weights(first, second)
    )


def _kept_and_order(output: np.ndarray, n_invented: int, n: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Split output row numbers into the kept ones and an order, None where that is kept, then invented."""
    is_kept = output < n
    kept = output[is_kept]
    order = np.where(is_kept, np.cumsum(is_kept) - 1, len(kept) + output - n)
    is_plain = len(order) == len(kept) + n_invented and bool((order == np.arange(len(order))).all())
    return kept, None if is_plain else order


def _composed_share(first: Plan, second: Plan) -> np.ndarray:
    later = second.rates
    return np.array([rate * later.get(label, 0.0) for label, rate in first.rates.items()])


def _composed_weights(first: Plan, second: Plan) -> np.ndarray | None:
    if second.row_weights is None:
        return first.row_weights
    factor = np.ones(first.n_rows)
    factor[first.sources] = second.row_weights
    return factor if first.row_weights is None else factor * first.row_weights


def _joined_reach(first: Plan, second: Plan) -> np.ndarray | None:
    if first.reach is None and second.reach is None:
        return None
    parts = [np.ones(len(p.base)) if p.reach is None else p.reach for p in (first, second)]
    return np.concatenate(parts)


def _pruned(
    invention: Invention, reach: np.ndarray | None, output: np.ndarray, n: int
) -> tuple[Invention, np.ndarray | None, np.ndarray]:
    """Leave out invented rows that neither appear nor are needed by others."""
    s = len(invention)
    if not s:
        return invention, reach, output
    needed = np.zeros(s, dtype=bool)
    needed[output[output >= n] - n] = True
    while True:
        referred = _referred(invention, needed)
        more = needed.copy()
        more[referred[referred >= n] - n] = True
        if (more == needed).all():
            break
        needed = more
    if needed.all():
        return invention, reach, output
    new = np.cumsum(needed) - 1

    def change(rows: np.ndarray) -> np.ndarray:
        return np.where(rows < n, rows, n + new[np.maximum(rows - n, 0)])

    left = invention.part(np.flatnonzero(needed)).renumbered(change)
    return left, None if reach is None else reach[needed], change(output)


def _referred(invention: Invention, among: np.ndarray) -> np.ndarray:
    part = invention.part(np.flatnonzero(among))
    parts = [part.base, part.neighbour]
    if part.donors is not None and part.donor_set is not None:
        parts.append(part.donors.ravel())
    if part.groups is not None:
        parts.append(part.groups.members)
    return np.concatenate(parts)
