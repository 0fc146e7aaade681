"""The split that a table's roles demand."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.chance import Seed
from counterpoise.errors import OptionError
from counterpoise.split.copies import equal_rows
from counterpoise.split.folds import Folds, grouped_folds, stratified_folds, time_folds
from counterpoise.split.given import given_folds
from counterpoise.split.prequential import Prequential, prequential_folds
from counterpoise.table.table import Table

__all__ = ["make_folds"]


def make_folds(table: Table, folds: Any = 5, *, random_state: Seed = 0) -> Folds:
    """Split a table as its roles demand.

    Parameters
    ----------
    table : Table
        With a time, later rows judge earlier ones; with a group (and no time), groups stay whole; else each fold
        holds its share of every class, and copies of a row stay together.
    folds : int, str, Prequential, splitter or iterable of (train, test), default=5
        How many folds judge; fewer are made where the rare class is too small, and the reason is given. Or windows
        in words, such as ``"train=7d, delay=7d, test=7d, folds=4"``, for a table with a time. Or the caller's own
        split: a splitter of scikit-learn, or row numbers.
    random_state : int, Generator, RandomState or None, default=0
        Seeds the shuffle; time-ordered folds draw nothing.

    Returns
    -------
    Folds
        Each with at least `MIN_POSITIVES` positives in the test part and as many in the training part.

    Raises
    ------
    OptionError
        If fewer than two folds are asked for, or windows cannot be read or need a time.
    NotApplicable
        If not even two folds can be made.
    """
    seconds, groups = table.seconds, table.groups
    if isinstance(folds, str) and not folds.strip().isdigit():
        folds = Prequential.parse(folds)
    if isinstance(folds, Prequential):
        return prequential_folds(table.y, _needed(seconds), folds, groups)
    if not isinstance(folds, int | np.integer | str):
        return given_folds(table.y, folds, seconds, groups)
    n_folds = int(folds)
    if n_folds < 2:
        raise OptionError(
            f"folds={n_folds} was given.",
            expected="Expected 2 or more.",
            why="A model must be judged by rows that it has not seen.",
            hint="Use folds=5.",
        )
    if seconds is not None:
        return time_folds(table.y, seconds, n_folds + 1)  # the first only draws the line of the second
    if groups is not None:
        return grouped_folds(table.y, groups, n_folds, random_state=random_state)
    return stratified_folds(table.y, n_folds, copies=equal_rows(table.X), random_state=random_state)


def _needed(seconds: np.ndarray | None) -> np.ndarray:
    if seconds is None:
        raise OptionError(
            "Windows of time were given, and the table has no time.",
            expected="Expected a time column.",
            why="Windows are laid by it.",
            hint="Name it with --time, or use --folds 5.",
        )
    return seconds
