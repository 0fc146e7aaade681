"""Options that several verbs share, written once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "Amount",
    "Drop",
    "Engine",
    "Group",
    "Id",
    "Json",
    "Out",
    "Positive",
    "Rows",
    "Seed",
    "Stratify",
    "TableArgument",
    "Target",
    "Thin",
    "Time",
    "Weight",
    "names",
    "read_table",
]

TableArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE", help="CSV, TSV, Parquet, Arrow IPC or JSON lines: a file, several, or a pattern."
    ),
]
Target = Annotated[str, typer.Option("--target", metavar="COL", help="The column with the outcome.")]
Positive = Annotated[
    str | None,
    typer.Option("--positive", metavar="V", help="The positive label; by default the rarer of two."),
]
Time = Annotated[
    str | None, typer.Option("--time", metavar="COL", help="When a row happened: later rows judge.")
]
Group = Annotated[
    str | None, typer.Option("--group", metavar="COL", help="What a row belongs to: groups stay whole.")
]
Weight = Annotated[str | None, typer.Option("--weight", metavar="COL", help="How much a row counts.")]
Amount = Annotated[str | None, typer.Option("--amount", metavar="COL", help="What is at stake in a row.")]
Id = Annotated[str | None, typer.Option("--id", metavar="COL", help="What names a row.")]
Drop = Annotated[
    list[str] | None, typer.Option("--drop", metavar="COL", help="A column to leave out; may be repeated.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seeds every draw.")]
Engine = Annotated[
    str,
    typer.Option("--engine", metavar="E", help="Where the work runs: local, dask or dask://HOST:PORT."),
]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write.")]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows",
        min=2,
        metavar="N",
        help="Keep at most N rows: all positives and a weighted share of the rest.",
    ),
]
Thin = Annotated[
    float | None,
    typer.Option(
        "--thin", metavar="RATE", help="Keep this share of the negatives, weighted, and all positives."
    ),
]
Stratify = Annotated[
    str | None,
    typer.Option("--stratify", metavar="COL", help="Where rows are left out: evenly by this column."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def names(text: str | None) -> list[str] | None:
    """Split a list of names.

    Parameters
    ----------
    text : str or None
        Names with commas between them.

    Returns
    -------
    list of str or None
        None where nothing was given.
    """
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def read_table(
    paths: list[str],
    target: str,
    positive: str | None = None,
    drop: list[str] | None = None,
    *,
    rows: int | None = None,
    thin: float | None = None,
    stratify: str | None = None,
    memory: int | None = None,
    engine: str = "local",
    **roles: Any,
) -> Any:
    """Read the table that a command names; of one that is too large every positive and a share of the rest.

    Parameters
    ----------
    paths : list of str
        Files, patterns, folders or addresses.
    target : str
        The column with the outcome.
    positive : str, optional
        The positive label, as text.
    drop : list of str, optional
        Columns to leave out.
    rows : int, optional
        Rows to keep at most.
    thin : float, optional
        Share of the negatives to keep.
    stratify : str, optional
        Column by which rows are left out evenly.
    memory : int, optional
        Bytes to stay within, where neither is given; by default what is available.
    engine : str, default="local"
        Where passes over a table that is too large run: in this process, or on a Dask cluster.
    **roles : str or None
        Columns with a role.

    Returns
    -------
    Table
        Checked.

    Raises
    ------
    OptionError
        If both `rows` and `thin` are given.
    """
    from counterpoise.cli.progress import rows_bar
    from counterpoise.scale import chunks_to_thin, make_engine, read_thinned
    from counterpoise.table import read

    source = paths[0] if len(paths) == 1 else paths
    too_large = chunks_to_thin(source, rows=rows, rate=thin, memory=memory)
    if too_large is None:
        return read(source, target=target, positive=positive, drop=drop or (), **roles)
    chunks, share = too_large
    with rows_bar("reading") as tell, make_engine(engine, None if engine != "local" else 0) as running:
        kept = read_thinned(
            chunks,
            target=target,
            positive=positive,
            drop=drop or (),
            by=stratify,
            engine=running,
            on_step=tell,
            **share,
            **roles,
        )
    if kept.thinning is not None:
        sys.stderr.write(f"{kept.thinning.sentence}\n")
    return kept
