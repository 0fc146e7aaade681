"""Write a made table to a file or a folder: the action behind `counterpoise simulate`.

Payments are made and written some days at a time, so that their number is bounded by the disk, not by the memory; what
is finished is kept, and a killed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from counterpoise.chance import Seed, Streams
from counterpoise.datasets.blobs import gaussian_blobs
from counterpoise.datasets.defaults import card_defaults
from counterpoise.datasets.payments import payment_chunks
from counterpoise.errors import OptionError, TableError, nearest_names
from counterpoise.table.files import SUFFIXES, format_of, write_frame
from counterpoise.table.writing import Parts, write_part

__all__ = ["KINDS", "simulate"]

ROWS_AT_ONCE = 1_000_000
"""Payments that are in memory at the same time, beside what their windows reach back to."""

KINDS = ("blobs", "cards", "defaults")
"""What `simulate` can make."""


def simulate(
    kind: str,
    out: str | Path,
    *,
    rows: int | None = None,
    days: int = 120,
    scenario: bool = False,
    wide: bool = False,
    random_state: Seed = 0,
    rows_at_once: int = ROWS_AT_ONCE,
    on_rows: Callable[[int, int], None] | None = None,
) -> Path:
    """Make a table and write it.

    Parameters
    ----------
    kind : {"cards", "defaults", "blobs"}
        Which table: `card_payments`, `card_defaults` or `gaussian_blobs`.
    out : str or Path
        Where to; the ending says how: .parquet, .csv, .tsv, .arrow or .jsonl. Missing folders are made. For payments
        also a folder (without an ending), which gets one Parquet file for some days.
    rows : int, optional
        Number of rows: 100,000 payments, 1,000 blob rows (one in twenty of the minority) where left out. Card
        defaults always are 374.
    days : int, default=120
        Length of the record of payments, in days.
    scenario : bool, default=False
        Also write the scenario of each payment, which gives the label away.
    wide : bool, default=False
        Also write the ten more columns of payments, thirty in all.
    random_state : int, Generator, RandomState or None, default=0
        Seed.
    rows_at_once : int, default=1_000_000
        Payments in memory at the same time, beside the 37 days that windows reach back.
    on_rows : callable, optional
        Called with the rows that are written and the rows in all, after each part of the payments.

    Returns
    -------
    Path
        The file or folder that was written.

    Raises
    ------
    OptionError
        If the kind, the ending or the number of rows is not offered, or the place cannot be written to.
    """
    path = Path(out)
    if kind == "cards":
        _check_ending(path, may_be_folder=True)
        _write_payments(
            path, 100_000 if rows is None else rows, days, scenario, wide, random_state, rows_at_once, on_rows
        )
        return path
    frame = _make(kind, rows, random_state)
    _check_ending(path, may_be_folder=False)
    with _refused_as_option():
        write_frame(frame, path)
    return path


def _write_payments(
    path: Path,
    rows: int,
    days: int,
    scenario: bool,
    wide: bool,
    random_state: Seed,
    rows_at_once: int,
    on_rows: Callable[[int, int], None] | None,
) -> None:
    spec = {"rows": rows, "days": days, "scenario": scenario, "wide": wide, "rows_at_once": rows_at_once}
    seed = Streams.of(random_state).entropy
    chunks = payment_chunks(
        rows, days=days, random_state=seed, scenario=scenario, wide=wide, rows_at_once=rows_at_once
    )
    with _refused_as_option(), Parts(path, {**spec, "seed": seed}) as parts:
        for number, make in enumerate(chunks):
            if not parts.has(number):
                write_part(make(), parts.path(number))
            if on_rows is not None:
                on_rows(rows * (number + 1) // len(chunks), rows)
        parts.finish(len(chunks))


@contextmanager
def _refused_as_option() -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise OptionError(error.given, expected=error.expected, why=error.why, hint=error.hint) from error


def _check_ending(path: Path, *, may_be_folder: bool) -> None:
    if format_of(path) in SUFFIXES or (may_be_folder and not path.suffix):
        return
    raise OptionError(
        f"The file {path.name!r} ends in {path.suffix or 'nothing'!r}.",
        expected=f"Expected one of {', '.join(sorted(SUFFIXES))}{', or a folder' if may_be_folder else ''}.",
        why="The ending says in which format to write.",
        hint="For example payments.parquet.",
    )


def _make(kind: str, rows: int | None, random_state: Seed) -> pl.DataFrame:
    if kind == "defaults":
        _only_374(rows)
        return card_defaults(random_state)
    if kind == "blobs":
        n = 1_000 if rows is None else rows
        n_minority = max(1, n // 20)
        return gaussian_blobs(n - n_minority, n_minority, random_state=random_state)
    raise OptionError(
        f"kind={kind!r} was given.",
        expected=f"Expected one of {', '.join(KINDS)}.",
        why="These are the tables that can be made.",
        hint=nearest_names(kind, list(KINDS)),
    )


def _only_374(rows: int | None) -> None:
    if rows not in (None, 374):
        raise OptionError(
            f"rows={rows} was given for the card defaults.",
            expected="Expected 374 or nothing.",
            why="That table has one size: 350 honest cards and 24 defaults.",
            hint="Use kind 'cards' or 'blobs' for tables of any size.",
        )
