"""``counterpoise predict``: score a table with a saved model, in pieces of bounded size."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from counterpoise.cli import options as o

if TYPE_CHECKING:
    from counterpoise.bundle import Model

__all__ = ["action", "register"]

ROWS_AT_ONCE = 200_000
"""Rows that are in memory at the same time."""


def action(
    model: str | Path,
    table: list[str],
    out: Path,
    *,
    out_of_fold: bool = False,
    rows_at_once: int = ROWS_AT_ONCE,
) -> int:
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
    out_of_fold : bool, default=False
        Give rows that the model was trained on the probability of a model that had not seen them, as the trial
        judged them; a column ``out_of_fold`` says which they are.
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
    parts: list[pl.DataFrame] = []
    before, start = pl.Series(dtype=pl.UInt64), 0
    for piece in _pieces(table, rows_at_once):
        scored = _scored(loaded, piece, start)
        if out_of_fold:
            scored, keys = _as_in_the_trial(loaded, piece, scored, before)
            before = pl.concat([before, keys])
        parts.append(scored)
        start += piece.height
    write_frame(pl.concat(parts), out)
    return start


def _pieces(table: list[str], rows_at_once: int) -> Iterator[pl.DataFrame]:
    from counterpoise.table.files import read_pieces

    yield from read_pieces(table if len(table) > 1 else table[0], rows_at_once)


def _scored(model: Model, piece: pl.DataFrame, start: int) -> pl.DataFrame:
    decided = model.decide(piece).drop("threshold", "goal", "version", strict=False)
    return decided.with_columns(pl.col("row") + start) if "row" in decided.columns else decided


def _as_in_the_trial(
    model: Model, piece: pl.DataFrame, scored: pl.DataFrame, before: pl.Series
) -> tuple[pl.DataFrame, pl.Series]:
    """Replace what is said of training rows by what models said that had not seen them."""
    from counterpoise.evaluate import known_rows

    known = known_rows(model, model.schema.conform(piece), before)
    found = known["fold"].is_not_null()
    labels = pl.Series(model.classes_[known["alert"].fill_null(False).to_numpy().astype(int)].tolist())
    return scored.with_columns(
        probability=pl.when(found).then(known["probability"]).otherwise(pl.col("probability")),
        label=pl.when(found).then(labels).otherwise(pl.col("label")),
        out_of_fold=found,
    ), known["key"]


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
        out_of_fold: Annotated[
            bool, typer.Option("--out-of-fold", help="Judge training rows by models that had not seen them.")
        ] = False,
    ) -> None:
        """Score a table with a saved model: id, probability, label."""
        n = action(model, table, out, out_of_fold=out_of_fold)
        sys.stdout.write(f"{n} rows scored into {out}\n")
