"""``counterpoise lab``: five questions of the textbooks, put to one's own table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoise.cli import options as o
from counterpoise.errors import RoleError

if TYPE_CHECKING:
    from counterpoise.lab import Experiment
    from counterpoise.table import Table

__all__ = ["action", "register"]


def action(name: str, table: Table | None, out: Path, **options: Any) -> Experiment:
    """Run an experiment and write its picture.

    Parameters
    ----------
    name : str
        The experiment.
    table : Table or None
        The user's; None for Gaussian blobs.
    out : Path
        Gets the picture.
    **options : object
        As the experiment takes them.

    Returns
    -------
    Experiment
        Numbers, sentence, picture.
    """
    from counterpoise.cli.progress import spinner
    from counterpoise.lab import experiment
    from counterpoise.lab.experiment import check_picture

    check_picture(out)
    with spinner(f"running {name}"):
        found = experiment(name, table, **options)
        found.save(out)
    return found


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("lab")
    def _lab(
        name: Annotated[
            str, typer.Argument(metavar="imbalance|smote|costs|calibration|bagging", help="What to ask.")
        ],
        table: Annotated[
            list[str] | None,
            typer.Argument(metavar="[TABLE]", help="Files; Gaussian blobs where left out."),
        ] = None,
        target: Annotated[
            str | None, typer.Option("--target", metavar="COL", help="The column with the outcome.")
        ] = None,
        positive: o.Positive = None,
        group: o.Group = None,
        drop: o.Drop = None,
        learner: Annotated[
            str | None, typer.Option("--learner", metavar="NAME", help="What learns; by default logistic.")
        ] = None,
        repeats: Annotated[
            int | None, typer.Option("--repeats", min=1, metavar="N", help="Runs, each on a fresh split.")
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="The picture: .svg, .png, .html or .json."),
        ] = None,
        as_json: o.Json = False,
        seed: o.Seed = 0,
    ) -> None:
        """Run an experiment on imbalance: what SMOTE, costs, calibration and bagging do to your own table."""
        given = {"learner": learner, "repeats": repeats}
        options = {key: value for key, value in given.items() if value is not None}
        path = out or Path(f"lab-{name}.svg")
        found = action(name, _table(table, target, positive, drop, group), path, random_state=seed, **options)
        if as_json:
            sys.stdout.write(
                json.dumps({"finding": found.sentence, "runs": found.runs.to_dicts()}, indent=1) + "\n"
            )
        else:
            sys.stdout.write(f"{found.sentence}\nPicture: {path}\n")


def _table(
    paths: list[str] | None,
    target: str | None,
    positive: str | None,
    drop: list[str] | None,
    group: str | None,
) -> Table | None:
    if not paths:
        return None
    if target is None:
        raise RoleError(
            "A table was given without its target.",
            expected="Expected --target COL.",
            why="Without it there is nothing to predict.",
            hint="Name the column with the outcome, or leave the table out to use Gaussian blobs.",
        )
    read: Table = o.read_table(paths, target, positive, drop, group=group)
    return read
