"""``counterpoise predict``: score tables of any size with a saved model, chunk by chunk, at a fixed memory.

Each finished chunk is kept beside the output until all are there, so a killed run goes on where it was: run the same
command again. The output itself is whole or absent.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer

from counterpoise.cli import options as o

if TYPE_CHECKING:
    from counterpoise.bundle import Model
    from counterpoise.table.chunks import Chunk, Chunks

__all__ = ["action", "register", "score_chunk"]

ROWS_AT_ONCE = 200_000
"""Rows that are in memory at the same time."""


def action(
    model: str | Path,
    table: list[str],
    out: Path,
    *,
    out_of_fold: bool = False,
    rows_at_once: int = ROWS_AT_ONCE,
    engine: str = "local",
    workers: int = 0,
) -> int:
    """Score files into a file.

    Parameters
    ----------
    model : str or Path
        A bundle.
    table : list of str
        Files, patterns, folders or addresses.
    out : Path
        Parquet, CSV, TSV, Arrow IPC or JSON lines, by its ending, or a folder of Parquet files: the id (or row
        number), ``probability`` (several classes: one ``probability_<class>`` each) and ``label``.
    out_of_fold : bool, default=False
        Give rows that the model was trained on the probability of a model that had not seen them, as the trial
        judged them; a column ``out_of_fold`` says which they are.
    rows_at_once : int, default=200_000
        Rows in memory at the same time.
    engine : str, default="local"
        Where chunks are scored: ``"local"``, ``"dask"`` or ``"dask://HOST:PORT"``; workers elsewhere must see the
        model, the table and the folder of the output under the same names.
    workers : int, default=0
        Processes at the same time; 0 scores in this one, with all its threads.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ModelError
        If there is no model, or the table does not fit it.
    TableError
        If the table cannot be read, or the output cannot be written or is an input; what is finished is kept.
    """
    from counterpoise import __version__
    from counterpoise.bundle import load
    from counterpoise.cli.progress import rows_bar
    from counterpoise.table.chunks import chunks_of
    from counterpoise.table.files import folders_for, refuse_input
    from counterpoise.table.writing import Parts

    loaded = load(model)
    chunks = chunks_of(table if len(table) > 1 else table[0], rows_at_once)
    refuse_input(out, chunks.files)
    asked = {"out_of_fold": out_of_fold, "rows_at_once": rows_at_once, "counterpoise": __version__}
    of_model = {"model": loaded.version, "threshold": loaded.threshold}
    spec = {"files": chunks.identity(), **of_model, **asked}
    with folders_for(out), Parts(out, spec) as parts, rows_bar("scoring") as tell:
        if out_of_fold:
            n_parts = _score_in_order(loaded, chunks, parts, tell)
        else:
            n_parts = _score(str(model), chunks, parts, engine, workers, tell)
        return parts.finish(n_parts)


def _score(model: str, chunks: Chunks, parts: Any, engine: str, workers: int, tell: Any) -> int:
    from counterpoise.scale import make_engine, run_pass

    numbers = []
    arguments = {"model": model, "folder": str(parts.folder)}
    with make_engine(engine, workers or (None if engine != "local" else 0)) as running:
        for chunk, _ in run_pass(
            chunks, "counterpoise.cli.predict:score_chunk", arguments, engine=running, on_step=tell
        ):
            numbers.append(chunk.number)
    return len(numbers) or _nothing(model, chunks, parts)


def score_chunk(chunk: Chunk, model: str, folder: str) -> None:
    """Score a chunk into its part, where that is not finished.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    model : str
        A bundle.
    folder : str
        Where the parts are kept.
    """
    from counterpoise.table.writing import part_path, write_part

    path = part_path(Path(folder), chunk.number)
    if not path.is_file():
        write_part(_scored(_model(model), chunk.read(), chunk.start), path)


@lru_cache(maxsize=1)
def _model(path: str) -> Model:
    from counterpoise.bundle import load

    return load(path)


def _nothing(model: str, chunks: Chunks, parts: Any) -> int:
    """Write the one part of a table without rows."""
    from counterpoise.table.writing import write_part

    write_part(_scored(_model(model), pl.DataFrame(schema=chunks.schema), 0), parts.path(0))
    return 1


def _score_in_order(model: Model, chunks: Chunks, parts: Any, tell: Any) -> int:
    """Score chunk after chunk, counting the training rows met, which equal rows need."""
    from counterpoise.scale import Step
    from counterpoise.table.writing import write_part

    known = model.evidence["key"].unique() if model.evidence is not None else pl.Series(dtype=pl.UInt64)
    before, n_parts = pl.Series(dtype=pl.UInt64), 0
    for chunk in chunks:
        rows = chunk.read()
        scored, keys = _as_in_the_trial(model, rows, _scored(model, rows, chunk.start), before)
        before = pl.concat([before, keys.filter(keys.is_in(known.implode()))])
        if not parts.has(chunk.number):
            write_part(scored, parts.path(chunk.number))
        tell(Step(chunk.start + chunk.n_rows, chunks.n_rows))
        n_parts = chunk.number + 1
    return n_parts


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
    decided = known["alert"].fill_null(False) if "alert" in known.columns else known["decided"].fill_null(0)
    labels = pl.Series(model.classes_[decided.to_numpy().astype(int)].tolist())
    said = [name for name in known.columns if name.startswith("probability")]
    return scored.with_columns(
        *(pl.when(found).then(known[name]).otherwise(pl.col(name)).alias(name) for name in said),
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
        engine: o.Engine = "local",
        workers: Annotated[
            int,
            typer.Option(
                "--workers", min=0, help="Processes at the same time; 0: this one, all its threads."
            ),
        ] = 0,
    ) -> None:
        """Score a table of any size with a saved model: id, probability, label. Run it again after a kill."""
        n = action(model, table, out, out_of_fold=out_of_fold, engine=engine, workers=workers)
        sys.stdout.write(f"{n} rows scored into {out}\n")
