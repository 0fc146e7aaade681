"""Plans for tables that do not fit in memory: the rows that are few are held, the rest passes by.

A plan speaks of row numbers, so it is as small as what it names, and it is the plan that the sampler would make of the
whole table, number for number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from counterpoise.chance import Seed
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.neighbours.chunked import edited_in_passes, tomek_links_in_passes
from counterpoise.resample.catalogue import make_sampler
from counterpoise.resample.plan import Plan
from counterpoise.resample.target import Target, read_target
from counterpoise.table.chunks import Chunk, Chunks

__all__ = ["IN_CHUNKS", "plan_in_chunks"]

IN_CHUNKS = ("enn", "random_over", "random_under", "smote", "tomek")
"""Samplers whose plan can be made in passes."""


def plan_in_chunks(
    sampler: str,
    chunks: Chunks,
    target: str,
    *,
    positive: Any,
    features: Sequence[str],
    random_state: Seed = 0,
) -> Plan:
    """Plan the resampling of a table that does not fit in memory.

    Parameters
    ----------
    sampler : {"enn", "random_over", "random_under", "smote", "tomek"}
        Which one, with its defaults.
    chunks : Chunks
        The table. The positives and one byte a row must fit.
    target : str
        The column with the outcome.
    positive : object
        The positive label, whose rows are fewer.
    features : sequence of str
        The columns to go by: numbers, none missing (nothing is looked at for random ones).
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Plan
        Equal to the sampler's plan of the whole table.

    Raises
    ------
    OptionError
        If the sampler is another.
    NotApplicable
        If a feature is no number or lacks values, or the positives are not fewer.
    """
    if sampler not in IN_CHUNKS:
        raise OptionError(
            f"{sampler!r} was asked for on a table that does not fit in memory.",
            expected=f"Expected one of {', '.join(IN_CHUNKS)}.",
            why="The others need the majority at hand.",
            hint="Use one of these, or keep fewer rows with --rows.",
        )
    labels = np.concatenate([_is_positive(chunk, target, positive) for chunk in chunks]).astype(np.int8)
    aimed = read_target(labels)
    if aimed.counts[1] >= aimed.counts[0]:
        raise NotApplicable(
            f"{aimed.counts[1]} of {len(labels)} rows are {positive!r}.",
            expected="Expected fewer positives than negatives.",
            why="The rarer class is held in memory.",
            hint="Name the rarer label with --positive.",
        )
    if sampler.startswith("random"):
        return make_sampler(sampler, random_state=random_state).plan(labels[:, None], labels)
    table = _Table(chunks, target, positive, tuple(features))
    if sampler == "smote":
        return _smote(table, aimed, random_state)
    removed = (
        edited_in_passes(table.passes) if sampler == "enn" else tomek_links_in_passes(table.passes)[:, 1]
    )
    return Plan.keep(aimed, np.setdiff1d(np.arange(len(labels)), removed))


def _is_positive(chunk: Chunk, target: str, positive: Any) -> np.ndarray:
    return np.asarray((chunk.read([target])[target] == positive).fill_null(False))


@dataclass(frozen=True)
class _Table:
    """Points of a table, chunk by chunk."""

    chunks: Chunks
    target: str
    positive: Any
    features: tuple[str, ...]

    def passes(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give points and positives of each chunk."""
        for chunk in self.chunks:
            rows = chunk.read([*self.features, self.target])
            y = (rows[self.target] == self.positive).fill_null(False).to_numpy()
            yield self._points(rows.select(self.features), chunk.file), y

    def _points(self, rows: pl.DataFrame, file: str) -> np.ndarray:
        for column in rows.iter_columns():
            absent = (
                column.null_count() if not column.dtype.is_float() else column.fill_nan(None).null_count()
            )
            if absent or not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
                raise NotApplicable(
                    f"{column.name!r} is of type {column.dtype} and lacks {absent} values in a chunk of {file!r}.",
                    expected="Expected numbers in every row.",
                    why="Distances to rows out of memory are those of numbers.",
                    hint="Leave the column out with --drop, or keep fewer rows with --rows.",
                )
        return np.ascontiguousarray(rows.cast(pl.Float64).to_numpy())


def _smote(table: _Table, aimed: Target, random_state: Seed) -> Plan:
    """Invent between positives alone, and give the row numbers of the whole table."""
    points = np.concatenate([X[y] for X, y in table.passes()])
    numbers = np.flatnonzero(aimed.codes == 1)
    some = np.zeros((2, points.shape[1]))  # SMOTE looks at no row of the other class
    small_labels = np.concatenate([[0, 0], np.ones(len(points), dtype=np.int64)])
    sampler = make_sampler("smote", random_state=random_state)
    sampler.set_params(sampling_strategy={1: int(aimed.counts[0])})
    small = sampler.plan(np.concatenate([some, points]), small_labels)
    of = np.concatenate([[-1, -1], numbers])
    invention = replace(small.invention, base=of[small.base], neighbour=of[small.neighbour])
    return Plan.invent(aimed, np.arange(len(aimed.codes)), invention, reach=small.reach)
