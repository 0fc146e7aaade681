"""Strictly nested lines: folds inside the training part of a fold, so that no row has any part in what judges it.

Without nesting a fold's line is drawn on the out-of-fold scores of the other folds. The line has not seen the rows
that it judges, but the models behind those scores have been trained with them. Nested, each training part is split
once more, the candidate is fitted on every inner training part too, and calibration and line come from these inner
out-of-fold scores alone. It takes one more fit for each inner fold.

Folds in time need none of it: the scores that a line is drawn on come from models of the past.

Source: S. Varma and R. Simon, "Bias in error estimation when using cross-validation for model selection", BMC
Bioinformatics 7:91, 2006; G. Cawley and N. Talbot, Journal of Machine Learning Research 11, 2010.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoise.chance import Streams
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.evaluate.candidates import Candidate
from counterpoise.split import Fold, Folds, grouped_folds, stratified_folds
from counterpoise.split.copies import equal_rows
from counterpoise.table.frames import take
from counterpoise.table.table import Table

__all__ = ["INNER_FOLDS", "Inner", "inner_folds", "is_nested"]

INNER_FOLDS = 3
"""Inner folds, at most: each costs one more fit of every fold."""

_NESTED_ROWS, _NESTED_POSITIVES, _NESTED_COST = 1_500, 100, 60.0
"""Nested by default up to so many rows and positives, where all candidates together cost no more than so many
logistic regressions."""

Inner = tuple[tuple[np.ndarray, np.ndarray], ...]
"""Pairs of inner training and test rows, as positions in the training part."""


def is_nested(asked: bool | None, table: Table, folds: Folds, candidates: Sequence[Candidate]) -> bool:
    """Decide whether lines are nested.

    Parameters
    ----------
    asked : bool or None
        What was asked for; None nests small tables with few positives and cheap candidates.
    table : Table
        What is learned from.
    folds : Folds
        How it is split.
    candidates : sequence of Candidate
        What is compared.

    Returns
    -------
    bool
        False for folds in time, whose lines are of the past whatever was asked for.

    Raises
    ------
    OptionError
        If `asked` is neither a truth nor None.
    """
    if asked is not None and not isinstance(asked, bool):
        raise OptionError(
            f"nested={asked!r} was given.",
            expected="Expected True, False or None.",
            why="It says whether lines are drawn on folds inside each training part.",
            hint="Use nested=True.",
        )
    if folds.kind == "time" or asked is False:
        return False
    if asked:
        return True
    cost = sum(candidate.cost for candidate in candidates)
    small = table.n_rows <= _NESTED_ROWS and table.n_positive < _NESTED_POSITIVES
    return small and cost <= _NESTED_COST and table.is_binary


def inner_folds(table: Table, fold: Fold, *, seed: int, number: int) -> Inner:
    """Split the training part of a fold once more.

    Parameters
    ----------
    table : Table
        What is learned from.
    fold : Fold
        Whose training part is split.
    seed : int
        Seeds the deal.
    number : int
        Which fold it is, for a deal of its own.

    Returns
    -------
    tuple of pairs of ndarray
        Inner training and test rows, as positions in ``fold.train``; empty where the training part holds too few
        positives, so that its line is drawn on the other folds after all.
    """
    streams = Streams.of(seed).child("inner", number)
    y, groups = table.y[fold.train], table.groups
    try:
        if groups is None:
            copies = equal_rows(take(table.X, fold.train))
            split = stratified_folds(y, INNER_FOLDS, copies=copies, random_state=streams.seed())
        else:
            codes = np.unique(groups[fold.train], return_inverse=True)[1]
            split = grouped_folds(y, codes, INNER_FOLDS, random_state=streams.seed())
    except NotApplicable:
        return ()
    return tuple((inner.train, inner.test) for inner in split.folds)
