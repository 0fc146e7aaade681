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

__all__ = ["EXPERIMENTS", "Experiment", "experiment"]

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
        """
        path = Path(path)
        if path.suffix not in (".png", ".svg", ".html", ".json"):
            raise OptionError(
                f"A picture {path.name!r} was asked for.",
                expected="Expected a name that ends in .png, .svg, .html or .json.",
                why="The ending says what to write.",
                hint=f"For example {path.stem}.svg.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        inline = {"inline": True} if path.suffix == ".html" else {}
        self.chart().save(path, **inline)
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
