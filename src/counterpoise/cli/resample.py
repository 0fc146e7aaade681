"""``counterpoise resample``: a treated copy of a table, with where each row came from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from counterpoise.cli import options as o

__all__ = ["action", "register"]

PROVENANCE = "provenance"
"""Prefix of the columns that say where a row came from."""


def action(table: Any, sampler: str, out: Path, *, seed: int = 0) -> pl.DataFrame:
    """Resample a table into a file.

    Parameters
    ----------
    table : Table
        What to resample.
    sampler : str
        A sampler of the catalogue, such as ``"smote"``.
    out : Path
        Parquet, CSV, TSV, Arrow IPC or JSON lines, by its ending.
    seed : int, default=0
        Seeds every draw.

    Returns
    -------
    polars.DataFrame
        Every column of the table; invented rows take what is no feature (time, group, id, ...) from the row they
        were invented from. The columns ``provenance_*`` say what each row is and which rows it came from.

    Raises
    ------
    OptionError
        If there is no such sampler.
    TableError
        If the output cannot be written.
    """
    from counterpoise.resample import make_sampler
    from counterpoise.table.files import check_output, write_frame

    check_output(out)
    plan = make_sampler(sampler, random_state=seed).plan(table.X, table.y)
    others = table.frame.drop(table.features)
    features, _, *rest = plan.rows(table.X, table.y, others)
    provenance = plan.provenance
    came = pl.DataFrame({f"{PROVENANCE}_{name}": provenance[name] for name in provenance.columns})
    whole = pl.concat([rest[0], features], how="horizontal").select(table.frame.columns)
    treated: pl.DataFrame = pl.concat([whole, came], how="horizontal")
    write_frame(treated, out)
    return treated


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("resample")
    def _resample(
        table: o.TableArgument,
        target: o.Target,
        sampler: Annotated[
            str, typer.Option("--with", metavar="NAME", help="Such as smote, random_under, tomek.")
        ],
        out: o.Out,
        positive: o.Positive = None,
        time: o.Time = None,
        group: o.Group = None,
        weight: o.Weight = None,
        amount: o.Amount = None,
        id: o.Id = None,  # noqa: A002 - the option's name
        drop: o.Drop = None,
        rows: o.Rows = None,
        thin: o.Thin = None,
        stratify: o.Stratify = None,
        seed: o.Seed = 0,
    ) -> None:
        """Write a resampled copy of a table, with the provenance of every row."""
        from counterpoise.cli.progress import spinner

        read = o.read_table(
            table,
            target,
            positive,
            drop,
            rows=rows,
            thin=thin,
            stratify=stratify,
            time=time,
            group=group,
            weight=weight,
            amount=amount,
            id=id,
        )
        with spinner(f"{sampler} on {read.n_rows} rows"):
            treated = action(read, sampler, out, seed=seed)
        counts = treated[read.target].value_counts(sort=True)
        told = ", ".join(f"{count} x {label}" for label, count in counts.iter_rows())
        sys.stdout.write(f"{treated.height} rows ({told}) written to {out}\n")
