"""``counterpoise resample``: a treated copy of a table, with where each row came from."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from counterpoise.cli import options as o

__all__ = ["action", "action_plan", "register"]

PROVENANCE = "provenance"
"""Prefix of the columns that say where a row came from."""

EARLIER = "earlier"
"""Prefix of those that an earlier resampling wrote, where its output is resampled again."""

_COLUMNS = ("kind", "base", "neighbour", "gap")
"""What `counterpoise.resample.Plan.provenance` says of a row."""


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


def _with_provenance_set_aside(table: Any) -> Any:
    """Rename what an earlier resampling wrote, and take it from the features: it says which rows were invented."""
    from counterpoise.errors import TableError

    ours = [f"{PROVENANCE}_{name}" for name in _COLUMNS]
    met = [name for name in ours if name in table.frame.columns]
    if not met:
        return table
    taken = set(table.roles.used().values())
    if len(met) < len(ours) or taken.intersection(met):
        raise TableError(
            f"The table has the columns {', '.join(met)}.",
            expected=f"Expected other names, or all of {', '.join(ours)}, none with a role, as resample writes.",
            why="Under these names resample writes where each row came from.",
            hint="Rename them.",
        )
    new = {name: f"{EARLIER}_{name}" for name in table.frame.columns if _is_provenance(name, ours)}
    sys.stderr.write(
        "The table was resampled before: what that says of each row is kept as "
        f"{', '.join(new.values())}, and no sampler looks at it.\n"
    )
    features = tuple(name for name in table.features if name not in new)
    return replace(
        table,
        frame=table.frame.rename(new),
        features=features,
        kinds={name: table.kinds[name] for name in features},
        left_out={name: why for name, why in table.left_out.items() if name not in new}
        | dict.fromkeys(new.values(), "says where the row came from"),
    )


def _is_provenance(name: str, ours: list[str]) -> bool:
    """Say whether a column is one of ours, of whichever resampling."""
    while name.startswith(f"{EARLIER}_"):
        name = name.removeprefix(f"{EARLIER}_")
    return name in ours


def action_plan(table: Any, paths: list[str], sampler: str, out: Path, *, seed: int = 0) -> Any:
    """Write what a sampler would do as a plan: row numbers, not rows.

    Parameters
    ----------
    table : Table
        What to resample; where rows of it were left out, the plan is made of the full table, in passes over its files.
    paths : list of str
        Files, patterns, folders or addresses of the table.
    sampler : str
        A sampler of the catalogue; for a table that does not fit one of enn, random_over, random_under, smote, tomek.
    out : Path
        Ends in ``.npz``; `counterpoise.resample.Plan.load` reads it.
    seed : int, default=0
        Seeds every draw.

    Returns
    -------
    Plan
        What was written.

    Raises
    ------
    OptionError
        If there is no such sampler, or not for a table of this size.
    NotApplicable
        If columns are no numbers, where distances to rows out of memory are asked for.
    TableError
        If the output cannot be written.
    """
    from counterpoise.resample import make_sampler
    from counterpoise.resample.in_chunks import plan_in_chunks
    from counterpoise.table.chunks import chunks_of
    from counterpoise.table.files import written_whole

    if table.thinning is None:
        plan = make_sampler(sampler, random_state=seed).plan(table.X, table.y)
    else:
        plan = plan_in_chunks(
            sampler,
            chunks_of(paths if len(paths) > 1 else paths[0]),
            table.target,
            positive=table.positive,
            features=table.features,
            random_state=seed,
        )
    with written_whole(out) as partial:
        plan.save(partial)
    return plan


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
        """Write a resampled copy of a table, with the provenance of every row; or the plan, where FILE ends in .npz."""
        from counterpoise.cli.progress import passes_bar
        from counterpoise.table.files import refuse_input

        refuse_input(out, table)
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
        read = _with_provenance_set_aside(read)
        if out.suffix == ".npz":
            with passes_bar(f"planning {sampler}"):
                plan = action_plan(read, table, sampler, out, seed=seed)
            sys.stdout.write(f"a plan of {plan.n_out} rows from {plan.n_rows} written to {out}\n")
            return
        with passes_bar(f"{sampler} on {read.n_rows} rows"):
            treated = action(read, sampler, out, seed=seed)
        counts = treated[read.target].value_counts(sort=True)
        told = ", ".join(f"{count} x {label}" for label, count in counts.iter_rows())
        sys.stdout.write(f"{treated.height} rows ({told}) written to {out}\n")
