"""``counterpoise predict``: score a table with a saved model, in pieces of bounded size."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from counterpoise.cli import options as o

__all__ = ["action", "register"]

ROWS_AT_ONCE = 200_000
"""Rows that are in memory at the same time."""


def action(model: str | Path, table: list[str], out: Path, *, rows_at_once: int = ROWS_AT_ONCE) -> int:
    """Score files into a file.

    Parameters
    ----------
    model : str or Path
        A bundle.
    table : list of str
        Files or patterns.
    out : Path
        Parquet, CSV, TSV, Arrow IPC or JSON lines, by its ending: the id (or row number), ``probability`` (several
        classes: one ``probability_<class>`` each) and ``label``.
    rows_at_once : int, default=200_000
        Rows in memory at the same time.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ModelError
        If there is no model, or the table does not fit it.
    TableError
        If the table cannot be read, or the output cannot be written.
    """
    from counterpoise.bundle import load
    from counterpoise.table.files import check_output, write_frame

    check_output(out)
    loaded = load(model)
    parts, start = [], 0
    for piece in _pieces(table, rows_at_once):
        parts.append(_scored(loaded, piece, start))
        start += piece.height
    write_frame(pl.concat(parts), out)
    return start


def _pieces(table: list[str], rows_at_once: int) -> Iterator[pl.DataFrame]:
    from counterpoise.table.files import read_pieces

    yield from read_pieces(table if len(table) > 1 else table[0], rows_at_once)


def _scored(model: Any, piece: pl.DataFrame, start: int) -> pl.DataFrame:
    decided = model.decide(piece).drop("threshold", "goal", "version", strict=False)
    return decided.with_columns(pl.col("row") + start) if "row" in decided.columns else decided


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("predict")
    def _predict(
        model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder that compare wrote.")],
        table: o.TableArgument,
        out: o.Out,
    ) -> None:
        """Score a table with a saved model: id, probability, label."""
        n = action(model, table, out)
        sys.stdout.write(f"{n} rows scored into {out}\n")
