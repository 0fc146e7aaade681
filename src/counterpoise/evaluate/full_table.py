"""Training on every row of a table that does not fit in memory.

A thinned table says what to learn from (features, labels, categories, how long to grow); the passes here then learn
from every row: a linear family piece by piece, edges of bins from counts of all values by class, boosted trees on a
Dask cluster, and balanced batches for a network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl

from counterpoise.chance import Seed, Streams
from counterpoise.errors import MissingExtra, NotApplicable
from counterpoise.learn import LinearLearner
from counterpoise.learn.binner import ClassAwareBinner, class_aware_edges
from counterpoise.learn.lightgbm import LightGBMClassifier, LightGBMTrees
from counterpoise.scale import Engine, Step, ValueCounts, run_pass
from counterpoise.table.chunks import Chunk, Chunks
from counterpoise.table.table import Table

__all__ = ["balanced_batches_of", "bins_of", "count_values", "fit_boosting", "fit_linear", "full_binner"]

_MOST_VALUES = 20_000
"""Distinct values of a feature that edges are placed by; beyond that, neighbours share one."""

_LEAST_OF_A_CLASS = 2


def fit_linear(
    chunks: Chunks,
    table: Table,
    learner: LinearLearner | None = None,
    *,
    on_step: Callable[[Step], None] | None = None,
) -> LinearLearner:
    """Fit a linear family on every row, piece by piece.

    Parameters
    ----------
    chunks : Chunks
        Every row.
    table : Table
        A part of it, as `counterpoise.scale.read_thinned` gives it: says target, positive label and features.
    learner : LinearLearner, optional
        Unfitted; by default one with its defaults, seeded by 0.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    LinearLearner
        Fitted with `LinearLearner.partial_fit`.

    Raises
    ------
    NotApplicable
        If there are more than 160 columns.
    """
    fitted = learner or LinearLearner(random_state=0)
    held: list[tuple[pl.DataFrame, np.ndarray]] = []
    for chunk in chunks:
        held.append(_part(chunk, table))
        counts = np.bincount(np.concatenate([y for _, y in held]), minlength=2)
        if counts.min() >= _LEAST_OF_A_CLASS:  # the first piece must show both classes
            fitted.partial_fit(pl.concat([X for X, _ in held]), np.concatenate([y for _, y in held]))
            held = []
        if on_step is not None:
            on_step(Step(chunk.start + chunk.n_rows, chunks.n_rows))
    if held:
        fitted.partial_fit(pl.concat([X for X, _ in held]), np.concatenate([y for _, y in held]))
    return fitted


def _part(chunk: Chunk, table: Table) -> tuple[pl.DataFrame, np.ndarray]:
    rows = chunk.read([*table.features, table.target])
    return rows.select(table.features), (rows[table.target] == table.positive).to_numpy().astype(np.int64)


# --- bins --------------------------------------------------------------------------------------------------------


def full_binner(
    chunks: Chunks,
    table: Table,
    binner: ClassAwareBinner,
    *,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> ClassAwareBinner:
    """Place the edges of bins by the values of every row, counted by class in one pass.

    Parameters
    ----------
    chunks : Chunks
        Every row.
    table : Table
        The part of it that the binner was fitted on.
    binner : ClassAwareBinner
        Fitted; knows the categories.
    engine : Engine, optional
        Where the pass runs.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    ClassAwareBinner
        With edges from all rows: those of a fit in memory, where a feature has at most 20,000 distinct values.
    """
    arguments = {"table": _without_rows(table), "binner": binner}
    function, total = "counterpoise.evaluate.full_table:count_values", None
    for _, found in run_pass(chunks, function, arguments, engine=engine, on_step=on_step):
        total = found if total is None else _merged(total, found)
    placed = deepcopy(binner)
    for j, counts in enumerate(total or []):
        if counts is not None and counts.n_rows:
            placed.edges_[j] = _edges(counts, binner)
    return placed


def _without_rows(table: Table) -> Table:
    """Keep what a table knows of its columns, for workers."""
    return table.take(np.empty(0, dtype=np.int64))


def count_values(chunk: Chunk, table: Table, binner: ClassAwareBinner) -> list[ValueCounts | None]:
    """Count the values of every feature of numbers by class.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    table : Table
        Says features, target and positive label.
    binner : ClassAwareBinner
        Turns rows into numbers.

    Returns
    -------
    list of ValueCounts or None
        One for each feature; None for categories.
    """
    X, y = _part(chunk, table)
    block = binner.encoder_.block(X)
    found: list[ValueCounts | None] = []
    for j, is_category in enumerate(binner.categorical_):
        present = ~np.isnan(block[:, j])
        counts = ValueCounts.of(block[present, j], y[present] == 1, most=_MOST_VALUES)
        found.append(None if is_category else counts)
    return found


def _merged(one: list[ValueCounts | None], other: list[ValueCounts | None]) -> list[ValueCounts | None]:
    return [
        None if a is None or b is None else ValueCounts.merged([a, b])
        for a, b in zip(one, other, strict=True)
    ]


def _edges(counts: ValueCounts, binner: ClassAwareBinner) -> np.ndarray:
    masses = [counts.mass("negative"), counts.mass("positive")]
    column = np.concatenate([counts.values[mass > 0] for mass in masses])
    codes = np.repeat([0, 1], [(mass > 0).sum() for mass in masses])
    weights = np.concatenate([mass[mass > 0] for mass in masses])
    return class_aware_edges(
        column, codes, weights, n_edges=binner.max_bins - 1, rare_share=binner.rare_share
    )


# --- boosting ----------------------------------------------------------------------------------------------------


def fit_boosting(
    chunks: Chunks, table: Table, client: Any, *, random_state: Seed = 0, engine: Engine | None = None
) -> LightGBMClassifier:
    """Grow boosted trees on every row, on a Dask cluster.

    How trees grow and how many there are is chosen on the thinned table; bins and trees come from all rows. Each
    worker holds its share of the rows as one byte a value.

    Parameters
    ----------
    chunks : Chunks
        Every row, of a format that says how many there are (Parquet, Arrow).
    table : Table
        A part of it, as `counterpoise.scale.read_thinned` gives it.
    client : distributed.Client
        Of the cluster, whose workers see the files.
    random_state : int, Generator, RandomState or None, default=0
        Seed.
    engine : Engine, optional
        Where values are counted.

    Returns
    -------
    LightGBMClassifier
        Fitted.

    Raises
    ------
    MissingExtra
        If LightGBM or Dask is not installed.
    NotApplicable
        If the number of rows is not known before they are read.
    """
    for library, extra in (("lightgbm", "lightgbm"), ("dask", "dask")):
        if find_spec(library) is None:
            raise MissingExtra.of(library, extra)
    if chunks.n_rows is None:
        raise NotApplicable(
            f"The rows of {chunks.words} are not known before they are read.",
            expected="Expected Parquet or Arrow files.",
            why="Workers share rows out by their number.",
            hint="Convert the files first.",
        )
    import dask
    import dask.array as da
    from lightgbm.dask import DaskLGBMClassifier

    fitted = LightGBMClassifier(random_state=Streams.of(random_state).child("boosting").seed())
    fitted.fit(table.X, table.y, sample_weight=table.weights)
    fitted.binner_ = full_binner(chunks, table, fitted.binner_, engine=engine)
    known = client.scatter((_without_rows(table), fitted.binner_), broadcast=True)
    parts = [(chunk, dask.delayed(bins_of)(chunk, known)) for chunk in chunks]
    n_columns = len(fitted.binner_.categorical_) + 1
    blocks = [da.from_delayed(part, (chunk.n_rows, n_columns), dtype=np.float32) for chunk, part in parts]
    rows = client.persist(da.concatenate(blocks))
    options = fitted._options(fitted.binner_.categorical_, Streams.of(random_state).seed(), is_small=False)
    grown = DaskLGBMClassifier(
        client=client,
        n_estimators=fitted.n_iter_,
        max_bin=fitted.binner_.max_bins,
        tree_learner="data",
        **options,
    )
    categorical = np.flatnonzero(fitted.binner_.categorical_).tolist()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter .* will be ignored")  # threads are the cluster's
        grown.fit(rows[:, :-1], rows[:, -1], categorical_feature=categorical or "auto")
    fitted.booster_ = LightGBMTrees(grown.booster_.model_to_string(), 2)
    return fitted


def bins_of(chunk: Chunk, known: tuple[Table, ClassAwareBinner]) -> np.ndarray:
    """Bin a chunk on a worker.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    known : tuple of Table and ClassAwareBinner
        What a table knows of its columns, and the bins.

    Returns
    -------
    ndarray of shape (n_rows, n_features + 1), float32
        Bin numbers, NaN where missing; the last column is the class.
    """
    table, binner = known
    X, y = _part(chunk, table)
    return np.column_stack([binner.bins(X), y]).astype(np.float32)


# --- batches -----------------------------------------------------------------------------------------------------


def balanced_batches_of(
    chunks: Chunks, table: Table, *, size: int = 2048, random_state: Seed = 0, epoch: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give batches with as many rows of each class, straight from files.

    Every negative comes once an epoch, in chunks of a random order and in a random order within each; beside them
    positives, of which each comes as often as any other, give or take one.

    Parameters
    ----------
    chunks : Chunks
        Every row.
    table : Table
        A part of it that holds every positive, as `counterpoise.scale.read_thinned` gives it; its features must be
        numbers.
    size : int, default=2048
        Rows of a batch.
    random_state : int, Generator, RandomState or None, default=0
        Seed.
    epoch : int, default=0
        Its number; each has an order of its own.

    Yields
    ------
    X : ndarray of shape (size, n_features), float32
        Rows.
    y : ndarray of shape (size,), float32
        Classes.
    """
    streams = Streams.of(random_state).child("balanced_batches", epoch)
    positive = _numbers(table.X.filter(table.y == 1))
    every, half, turn = list(chunks), size // 2, 0
    order = streams.child("chunks").generator().permutation(len(every))
    deal = streams.child("positives").generator().permutation(len(positive))
    for number in order:
        X, y = _part(every[number], table)
        negative = _numbers(X.filter(y == 0))
        negative = negative[streams.child("chunk", int(number)).generator().permutation(len(negative))]
        for start in range(0, len(negative), half):
            some = negative[start : start + half]
            beside = positive[deal[(turn + np.arange(len(some))) % len(positive)]]
            turn += len(some)
            yield np.concatenate([some, beside]), np.repeat(np.array([0, 1], dtype=np.float32), len(some))


def _numbers(frame: pl.DataFrame) -> np.ndarray:
    return frame.cast(pl.Float32).to_numpy()
