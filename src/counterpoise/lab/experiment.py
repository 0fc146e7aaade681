"""The record of an experiment: numbers, a sentence, and a picture of both."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from counterpoise.errors import OptionError, nearest_names
from counterpoise.table import Table
from counterpoise.table.files import check_folder, writing_explained, written_whole

__all__ = ["EXPERIMENTS", "Experiment", "check_picture", "experiment"]

EXPERIMENTS = ("imbalance", "smote", "costs", "calibration", "bagging")
"""Names of the experiments."""


@dataclass(frozen=True)
class Experiment:
    """What an experiment found.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    sentence : str
        The finding, with its figures.
    runs : polars.DataFrame
        One row a run and setting.
    drawn : polars.DataFrame
        What the picture shows.
    draw : callable
        Makes the picture of `drawn`.
    """

    name: str
    sentence: str
    runs: pl.DataFrame
    drawn: pl.DataFrame
    draw: Callable[[pl.DataFrame], Any]

    def chart(self) -> Any:
        """Draw the picture.

        Returns
        -------
        altair.Chart
            The chart.
        """
        return self.draw(self.drawn)

    def save(self, path: str | Path) -> Path:
        """Write the picture.

        Parameters
        ----------
        path : str or Path
            Ending in .png, .svg, .html or .json.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        OptionError
            If the ending is another one.
        TableError
            If it cannot be written; nothing is left there.
        """
        path = check_picture(path)
        inline = {"inline": True} if path.suffix == ".html" else {}
        with written_whole(path) as partial:
            self.chart().save(partial, format=path.suffix.lower().removeprefix("."), **inline)
        return path


def check_picture(path: str | Path) -> Path:
    """Refuse a picture that could not be written, before any work is done.

    Parameters
    ----------
    path : str or Path
        Where to write.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    OptionError
        If its ending says no format, or it is a folder.
    TableError
        If nothing can be written there.
    """
    path = Path(path)
    with writing_explained(path):
        is_folder = path.is_dir()
    if path.suffix not in (".png", ".svg", ".html", ".json") or is_folder:
        raise OptionError(
            f"A picture {path.name!r} was asked for{', which is a folder' if is_folder else ''}.",
            expected="Expected a name that ends in .png, .svg, .html or .json.",
            why="The ending says what to write.",
            hint=f"For example {path.stem}.svg.",
        )
    check_folder(path.parent)
    return path


def experiment(name: str, table: Table | None = None, **options: Any) -> Experiment:
    """Run an experiment by name.

    Parameters
    ----------
    name : str
        One of `EXPERIMENTS`.
    table : Table, optional
        The caller's; Gaussian blobs where left out.
    **options : object
        ``repeats``, ``learner``, ``random_state``, as each takes them.

    Returns
    -------
    Experiment
        Numbers, sentence, picture.

    Raises
    ------
    OptionError
        If there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise OptionError(
            f"There is no experiment {name!r}.",
            expected=f"Expected one of {', '.join(EXPERIMENTS)}.",
            why="Each asks one question.",
            hint=nearest_names(str(name), list(EXPERIMENTS)),
        )
    run = getattr(importlib.import_module(f"counterpoise.lab.{name}"), name)
    found: Experiment = run(table, **options)
    return found
