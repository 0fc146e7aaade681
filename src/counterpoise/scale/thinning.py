"""Thinning: every positive, and a share of the negatives that is the same wherever and whenever it is drawn.

What a table knows about a rare class lies in its positives; of the negatives a share is nearly as good as all. With m
negatives for each positive, fitted coefficients have (1 + 1/m) times the variance that any number of negatives would
leave (Ury, "Efficiency of case-control studies with multiple controls per case", Biometrics 31, 1975; for logistic
regression Fithian and Hastie, "Local case-control sampling", Annals of Statistics 42, 2014): 20 for each positive
lose 5 %.

Which negatives stay is decided by a keyed hash of the row's id, or of its whole content: the rows with the smallest
hashes stay (bottom-k sampling: Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007). So the same
rows are kept in any chunks, in any order, on any cluster, on another day. Each carries the weight that puts the
total of its stratum back exactly, so that probabilities and lines refer to the full table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from counterpoise.decide.tally import carry, limbs_of, value_of
from counterpoise.errors import NotApplicable, OptionError, RoleError
from counterpoise.scale.engine import Engine
from counterpoise.scale.passes import Step, run_pass
from counterpoise.table.chunks import Chunk, Chunks
from counterpoise.table.hashing import row_keys
from counterpoise.table.read import counts_up, labels_among, missing_target, read
from counterpoise.table.table import Table, Thinning

__all__ = ["WEIGHT", "Thinned", "class_sizes", "read_thinned", "thin"]

WEIGHT = "thinning_weight"
"""Name of the column that holds the weights."""

_KEY, _STRATUM, _NUMBER = "__key", "__stratum", "__number"
_WORDS = 2.0**64
_SPREADS = 6.0
"""Standard deviations by which the first threshold is raised, so that one pass finds enough rows."""

_LEAST_OF_STRATUM = 5
_FEWEST_A_POSITIVE = 1.0


@dataclass(frozen=True)
class Thinned:
    """What is left of a table.

    Attributes
    ----------
    frame : polars.DataFrame
        Every positive and the negatives kept, in their order, all columns; the column `weight` says how much each
        row counts.
    weight : str
        Name of that column.
    positive : object
        The positive label.
    facts : Thinning
        Sizes, rate and what is lost, as plain values.
    """

    frame: pl.DataFrame
    weight: str
    positive: Any
    facts: Thinning


def thin(
    chunks: Chunks,
    target: str,
    *,
    positive: Any = None,
    rate: float | None = None,
    rows: int | None = None,
    id: str | None = None,  # noqa: A002 - the role's name
    weight: str | None = None,
    by: str | None = None,
    time: str | None = None,
    key: int = 0,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Thinned:
    """Keep every positive and a share of the negatives.

    Parameters
    ----------
    chunks : Chunks
        The table.
    target : str
        The column with the outcome.
    positive : object, optional
        The positive label; by default the rarer of two.
    rate : float, optional
        Share of the negatives to keep, above 0, at most 1.
    rows : int, optional
        Rows to keep in all, where no rate is given.
    id : str, optional
        The column that names a row. Without it rows are told apart by their whole content, and equal rows are kept
        or left together.
    weight : str, optional
        The column of weights that rows have already; each is multiplied.
    by : str, optional
        A column to stratify by; of a date or a time, its day. Of each stratum at least 5 negatives are kept, and its
        total is put back exactly.
    time : str, optional
        A column of dates or times, whose days are counted on the way.
    key : int, default=0
        Another key keeps other, independent rows.
    engine : Engine, optional
        Where the passes run; by default here.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    Thinned
        Rows, weights and what is lost.

    Raises
    ------
    OptionError
        If neither or both of `rate` and `rows` are given, or one is out of range.
    RoleError
        If a column is missing, ids repeat, or the target does not fit.
    NotApplicable
        If there is no room for as many negatives as there are positives.

    Examples
    --------
    >>> from counterpoise.table.chunks import chunks_of
    >>> chunks = chunks_of("payments.parquet")                       # doctest: +SKIP
    >>> thin(chunks, "is_fraud", rows=300_000, id="tx_id").frame     # doctest: +SKIP
    """
    _check(rate, rows)
    chunks.require([name for name in (target, id, weight, by, time) if name is not None])
    labels, n_positive, n_negative = _labels(chunks, target, positive, engine)
    wanted = _wanted(rate, rows, n_positive, n_negative)
    rule = _Rule(target, labels[-1], id, weight, by, time, key)
    share = 1.0 if rate == 1.0 else _first_share(wanted, n_negative, is_exact=rate is None)
    while True:
        found = _collect(chunks, rule, rate or share, engine, on_step)
        if rate is not None or len(found.keys) >= wanted or share >= 1.0:
            break
        share = min(1.0, 2.0 * share)
    chosen = found if rate is not None else found.lowest(wanted)
    _refuse_repeated_ids(chosen.frame(), id, chosen.n_kept / max(1, n_negative))
    return _thinned(chunks, rule, chosen, (n_positive, n_negative))


def read_thinned(
    chunks: Chunks,
    *,
    target: str,
    positive: Any = None,
    time: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    amount: str | None = None,
    id: str | None = None,  # noqa: A002 - the role's name
    drop: Sequence[str] = (),
    rate: float | None = None,
    rows: int | None = None,
    by: str | None = None,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Table:
    """Read every positive and a share of the negatives of a table that is too large, ready to be compared.

    Parameters
    ----------
    chunks : Chunks
        The table.
    target : str
        The column with the outcome.
    positive : object, optional
        The positive label; by default the rarer of two.
    time, group, weight, amount, id : str, optional
        Columns with a role.
    drop : sequence of str, default=()
        Columns to leave out.
    rate : float, optional
        Share of the negatives to keep.
    rows : int, optional
        Rows to keep in all, where no rate is given.
    by : str, optional
        A column to stratify by.
    engine : Engine, optional
        Where the passes run; by default here.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    Table
        With the weights as its weight role, and `Table.thinning`.

    Raises
    ------
    InputError
        If a column, a value or an option does not fit.
    NotApplicable
        If there is no room for as many negatives as positives.
    """
    chunks.require([name for name in (time, group, amount, *drop) if name is not None])
    kept = thin(
        chunks,
        target,
        positive=positive,
        rate=rate,
        rows=rows,
        id=id,
        weight=weight,
        by=by,
        time=time,
        engine=engine,
        on_step=on_step,
    )
    counting = _row_numbers(chunks, {target, time, group, weight, amount, id, *drop})
    table = read(
        kept.frame,
        target=target,
        positive=kept.positive,
        time=time,
        group=group,
        weight=kept.weight,
        amount=amount,
        id=id,
        drop=[*drop, *counting],
    )
    return replace(
        table,
        source=chunks.words,
        thinning=kept.facts,
        left_out={
            **table.left_out,
            **dict.fromkeys(counting, "a row number: goes up by one from row to row"),
        },
    )


def _row_numbers(chunks: Chunks, taken: set[str | None]) -> list[str]:
    """Find columns that count rows, which the rows kept no longer show."""
    whole = [name for name, dtype in chunks.schema.items() if dtype.is_integer() and name not in taken]
    first = next(iter(chunks)).read(whole)
    return [name for name in whole if first.height > 2 and counts_up(first[name])]


def _check(rate: float | None, rows: int | None) -> None:
    if (rate is None) == (rows is None):
        raise OptionError(
            f"rate={rate!r} and rows={rows!r} were given.",
            expected="Expected one of them.",
            why="Either says how many negatives stay.",
            hint="For example rows=300_000.",
        )
    if (rate is not None and not 0 < rate <= 1) or (rows is not None and rows < 2):
        raise OptionError(
            f"rate={rate!r}, rows={rows!r} were given.",
            expected="Expected a rate above 0 and at most 1, or at least 2 rows.",
            why="It is the share of the negatives, or the number of all rows, to be kept.",
            hint="For example rate=0.05.",
        )


def _wanted(rate: float | None, rows: int | None, n_positive: int, n_negative: int) -> int:
    if rate is not None or rows is None:
        return n_negative
    wanted = min(n_negative, rows - n_positive)
    if wanted < _FEWEST_A_POSITIVE * n_positive:
        raise NotApplicable(
            f"Room for {rows} rows was given, and {n_positive} are positive.",
            expected=f"Expected room for at least {2 * n_positive}.",
            why="Every positive is kept; with fewer negatives than positives too much would be lost.",
            hint=f"Give --rows {2 * n_positive} or more, or more memory.",
        )
    return wanted


def _first_share(wanted: int, n_negative: int, *, is_exact: bool) -> float:
    """Give a share that surely brings the rows wanted: the expected one, and some spreads more."""
    if not is_exact:
        return 1.0
    return min(1.0, (wanted + _SPREADS * math.sqrt(wanted) + _SPREADS**2) / max(1, n_negative))


# --- counting ------------------------------------------------------------------------------------------------


def class_sizes(
    chunks: Chunks,
    target: str,
    *,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> dict[Any, int]:
    """Count the rows of each label, reading nothing but the target.

    Parameters
    ----------
    chunks : Chunks
        The table.
    target : str
        The column with the outcome.
    engine : Engine, optional
        Where the pass runs.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    dict of label to int
        Commonest first.

    Raises
    ------
    RoleError
        If there is no such column, or it has missing values.
    """
    chunks.require([target])
    sizes: dict[Any, int] = {}
    function = "counterpoise.scale.thinning:count_labels"
    passed = run_pass(chunks, function, {"target": target}, columns=[target], engine=engine, on_step=on_step)
    for chunk, found in passed:
        if None in found:
            raise missing_target(target, found[None], chunk.file)
        for label, n in found.items():
            sizes[label] = sizes.get(label, 0) + n
    return dict(sorted(sizes.items(), key=lambda pair: (-pair[1], str(pair[0]))))


def count_labels(chunk: Chunk, target: str) -> dict[Any, int]:
    """Count the labels of a chunk.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    target : str
        The column with the outcome.

    Returns
    -------
    dict of label to int
        None stands for missing.
    """
    series = chunk.read([target])[target]
    if series.dtype.is_float():
        series = series.fill_nan(None)
    return dict(series.value_counts().iter_rows())


def _labels(
    chunks: Chunks, target: str, positive: Any, engine: Engine | None
) -> tuple[tuple[Any, ...], int, int]:
    sizes = class_sizes(chunks, target, engine=engine)
    labels = labels_among(target, sizes, positive)
    n_positive = sizes[labels[-1]]
    return labels, n_positive, sum(sizes.values()) - n_positive


# --- keeping -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """What decides about a row."""

    target: str
    positive: Any
    id: str | None
    weight: str | None
    by: str | None
    time: str | None
    key: int


@dataclass(frozen=True)
class _Found:
    """Rows of some chunks that may stay, the totals of their strata, and what was counted on the way."""

    positive: pl.DataFrame
    negative: pl.DataFrame
    totals: dict[Any, np.ndarray]
    missing: Counter[tuple[str, bool]]
    days: Counter[tuple[Any, bool]]

    @property
    def keys(self) -> pl.Series:
        """Hashes of the negatives."""
        return self.negative[_KEY]

    @property
    def n_kept(self) -> int:
        """Number of negatives."""
        return self.negative.height

    def frame(self) -> pl.DataFrame:
        """All rows, in their order."""
        return pl.concat([self.positive, self.negative])

    def lowest(self, n: int) -> _Found:
        """Keep the n negatives with the smallest hashes, and the few smallest of each stratum."""
        rank = pl.col(_KEY).rank("ordinal")
        stays = (rank <= n) | ((rank.over(_STRATUM) <= _LEAST_OF_STRATUM) & pl.lit(len(self.totals) > 1))
        return replace(self, negative=self.negative.filter(stays))


def keep_rows(chunk: Chunk, rule: _Rule, share: float) -> _Found:
    """Take the rows of a chunk that may stay.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    rule : _Rule
        What decides.
    share : float
        Share of the negatives to take, by their hash.

    Returns
    -------
    _Found
        Positives, negatives with small hashes, and the total of each stratum.
    """
    rows = chunk.read()
    is_positive = (rows[rule.target] == rule.positive).fill_null(False)
    positive = is_positive.to_numpy()
    keys = row_keys(rows, [rule.id] if rule.id is not None else None, key=rule.key)
    strata = _strata(rows, rule.by)
    stays = positive | (True if share >= 1.0 else keys < np.uint64(int(share * _WORDS)))
    if rule.by is not None:
        stays |= _least_of_strata(keys, strata, positive)
    places = np.flatnonzero(stays)
    marks = [pl.Series(_KEY, keys[places]), strata[places], pl.Series(_NUMBER, chunk.start + places)]
    kept = rows[places].hstack(marks)
    return _Found(
        kept.filter(is_positive[places]),
        kept.filter(~is_positive[places]),
        _totals(rows, strata, ~positive, rule),
        _missing(rows, is_positive),
        _days(rows, is_positive, rule.time),
    )


def _least_of_strata(keys: np.ndarray, strata: pl.Series, positive: np.ndarray) -> np.ndarray:
    """Mark the few negatives of each stratum with the smallest hashes."""
    marked = pl.DataFrame([pl.Series(_KEY, keys), strata, pl.Series("positive", positive)])
    rank = pl.col(_KEY).rank("ordinal").over(_STRATUM, "positive")
    return marked.select((rank <= _LEAST_OF_STRATUM) & ~pl.col("positive")).to_series().to_numpy()


def _missing(rows: pl.DataFrame, is_positive: pl.Series) -> Counter[tuple[str, bool]]:
    """Count the missing values of each column and class."""
    found: Counter[tuple[str, bool]] = Counter()
    for column in rows.iter_columns():
        is_float = column.dtype.is_float()
        if column.null_count() or (is_float and math.isnan(column.sum())):  # a sum with NaN is NaN
            absent = (column.fill_nan(None) if is_float else column).is_null()
            of_positive = int((absent & is_positive).sum())
            found.update(
                {(column.name, True): of_positive, (column.name, False): int(absent.sum()) - of_positive}
            )
    return found


def _days(rows: pl.DataFrame, is_positive: pl.Series, time: str | None) -> Counter[tuple[Any, bool]]:
    """Count the rows of each day and class, where the time is a date."""
    if time is None or not rows[time].dtype.is_temporal():
        return Counter()
    day = rows[time].cast(pl.Date)
    found: Counter[tuple[Any, bool]] = Counter()
    for of_class in (False, True):
        counts = day.filter(is_positive if of_class else ~is_positive).value_counts()
        found.update({(each, of_class): n for each, n in counts.iter_rows()})
    return found


def _strata(rows: pl.DataFrame, by: str | None) -> pl.Series:
    if by is None:
        return pl.Series(_STRATUM, np.zeros(rows.height, dtype=np.int8))
    series = rows[by]
    return (
        (series.dt.truncate("1d") if series.dtype.is_temporal() else series).cast(pl.String).alias(_STRATUM)
    )


def _totals(
    rows: pl.DataFrame, strata: pl.Series, negative: np.ndarray, rule: _Rule
) -> dict[Any, np.ndarray]:
    """Add up the negatives of each stratum, in integers, so that the order of chunks makes no difference."""
    if rule.by is None and rule.weight is None:
        n_negative = np.count_nonzero(negative)
        return {0: np.array([[n_negative]])} if n_negative else {}
    places = np.flatnonzero(negative)
    if rule.weight is None:
        counts = strata[places].value_counts()
        return {stratum: np.array([[n]], dtype=np.int64) for stratum, n in counts.iter_rows()}
    weighed = pl.DataFrame([rows[rule.weight][places], strata[places].alias(_STRATUM)])
    parts = weighed.partition_by(_STRATUM, as_dict=True)
    return {
        stratum[0]: carry(limbs_of(_numbers(part, rule.weight), rule.weight).sum(axis=1, keepdims=True))
        for stratum, part in parts.items()
    }


def _numbers(rows: pl.DataFrame, name: str) -> np.ndarray:
    if not rows[name].dtype.is_numeric() or rows[name].null_count():
        raise RoleError(
            f"The weight column {name!r} is of type {rows[name].dtype}, with {rows[name].null_count()} missing.",
            expected="Expected a number in every row.",
            why="It enters sums.",
            hint="Convert it, fill it in, or leave the role out.",
        )
    return rows[name].cast(pl.Float64).to_numpy()


def _collect(
    chunks: Chunks,
    rule: _Rule,
    share: float,
    engine: Engine | None,
    on_step: Callable[[Step], None] | None,
) -> _Found:
    positives, negatives = [], []
    totals: dict[Any, np.ndarray] = {}
    missing: Counter[tuple[str, bool]] = Counter()
    days: Counter[tuple[Any, bool]] = Counter()
    function = "counterpoise.scale.thinning:keep_rows"
    arguments = {"rule": rule, "share": share}
    for _, found in run_pass(chunks, function, arguments, engine=engine, on_step=on_step):
        positives.append(found.positive)
        negatives.append(found.negative)
        for stratum, total in found.totals.items():
            totals[stratum] = carry(totals[stratum] + total) if stratum in totals else total
        missing.update(found.missing)
        days.update(found.days)
    whole = _Found(pl.concat(positives), pl.concat(negatives), totals, missing, days)
    if rule.by is None:
        return whole
    rank = pl.col(_KEY).rank("ordinal").over(_STRATUM)
    below = pl.col(_KEY) < int(min(share, 1.0) * _WORDS) if share < 1.0 else pl.lit(True)
    return replace(whole, negative=whole.negative.filter(below | (rank <= _LEAST_OF_STRATUM)))


def _refuse_repeated_ids(kept: pl.DataFrame, id: str | None, rate: float) -> None:  # noqa: A002
    """Rows of one id share its hash, so an id that repeats among all negatives repeats among those kept."""
    if id is None:
        return
    repeated = kept[id].filter(kept[id].is_duplicated())
    if len(repeated):
        shown = ", ".join(map(repr, repeated.unique(maintain_order=True).head(3).to_list()))
        about = f", about {round(repeated.n_unique() / rate):,} in the whole table" if rate < 1 else ""
        raise RoleError(
            f"The id column {id!r} repeats: {repeated.n_unique():,} of the ids kept stand in several rows{about}; "
            f"for example {shown}.",
            expected="Expected every id once.",
            why="Rows of one id would be kept or left together, and count as one.",
            hint=f"If {id!r} names a card or a patient, use it as --group; leave --id out to go by content.",
        )


# --- weights and words ---------------------------------------------------------------------------------------


def _thinned(chunks: Chunks, rule: _Rule, chosen: _Found, sizes: tuple[int, int]) -> Thinned:
    n_positive, n_negative = sizes
    name = rule.weight or WEIGHT
    old = pl.col(rule.weight).cast(pl.Float64) if rule.weight is not None else pl.lit(1.0)
    factors = _factors(chosen, rule)
    factor = pl.col(_STRATUM).replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    frame = (
        pl.concat(
            [
                chosen.positive.with_columns(old.alias(name)),
                chosen.negative.with_columns((old * factor).alias(name)),
            ]
        )
        .sort(_NUMBER)
        .drop(_KEY, _STRATUM, _NUMBER)
    )
    facts = Thinning(
        source=chunks.words,
        n_rows=n_positive + n_negative,
        n_positive=n_positive,
        n_kept=chosen.n_kept,
        by=rule.by,
        told_apart_by=rule.id,
        n_strata=len(chosen.totals),
        missing={
            name: (chosen.missing[name, False], chosen.missing[name, True]) for name, _ in chosen.missing
        },
        days={
            str(day): (chosen.days[day, False] + chosen.days[day, True], chosen.days[day, True])
            for day in sorted({day for day, _ in chosen.days})
        },
    )
    return Thinned(frame, name, rule.positive, facts)


def _factors(chosen: _Found, rule: _Rule) -> dict[Any, float]:
    negative = chosen.negative
    kept = _totals(negative, negative[_STRATUM], np.ones(negative.height, bool), rule)
    return {
        stratum: float(value_of(total)[0]) / float(value_of(kept[stratum])[0])
        for stratum, total in chosen.totals.items()
        if stratum in kept and float(value_of(kept[stratum])[0]) > 0
    }
