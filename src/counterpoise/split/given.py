"""Folds that the caller made: row numbers, or a splitter of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from counterpoise.errors import NotApplicable, OptionError, TypeOfInputError
from counterpoise.split.folds import MIN_POSITIVES, Fold, Folds

__all__ = ["given_folds"]


def given_folds(
    y: np.ndarray, split: Any, seconds: np.ndarray | None = None, groups: np.ndarray | None = None
) -> Folds:
    """Take the caller's own split.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Classes from 0; all but the commonest count as positive.
    split : splitter, or iterable of (train, test)
        Has ``split(X, y, groups)``, or gives pairs of row numbers.
    seconds : ndarray of shape (n,), float64, optional
        When each row happened: the line of a fold is then drawn on folds whose rows are all earlier.
    groups : ndarray of shape (n,), int64, optional
        Group of each row, for the splitter.

    Returns
    -------
    Folds
        In the order given. Whether they leak is for the guard to say.

    Raises
    ------
    TypeOfInputError
        If there is neither a splitter nor pairs of row numbers.
    OptionError
        If there are fewer than two folds, a row number is out of range, or a row is tested twice.
    NotApplicable
        If a part has too few positives.
    """
    pairs = [_pair(pair, len(y)) for pair in _pairs(y, split, groups)]
    tested = np.bincount(np.concatenate([test for _, test in pairs]), minlength=len(y)) if pairs else y[:0]
    if len(pairs) < 2 or tested.max() > 1:
        raise OptionError(
            f"{len(pairs)} folds were given, in whose test parts some rows occur {int(tested.max(initial=0))} times.",
            expected="Expected two folds or more, each row in one test part at most.",
            why="A row's line is drawn on the test parts of other folds.",
            hint="Use a KFold, GroupKFold or TimeSeriesSplit, not a repeated or shuffled split.",
        )
    rare = y != np.bincount(y).argmax()
    for k, pair in enumerate(pairs):
        _check(k, pair, rare)
    folds = tuple(Fold(*pair, _lines(k, pairs, seconds)) for k, pair in enumerate(pairs))
    return Folds(folds, "given", len(folds))


def _pairs(y: np.ndarray, split: Any, groups: np.ndarray | None) -> list[Any]:
    if hasattr(split, "split"):
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # that it ignores groups: the guard says what comes of it
            return list(split.split(np.zeros((len(y), 1)), y, groups))
    if not isinstance(split, Iterable):
        raise _no_split(split)
    return list(split)


def _pair(pair: Any, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        train, test = (np.unique(np.asarray(part)) for part in pair)
    except (TypeError, ValueError) as error:
        raise _no_split(pair) from error
    for part in (train, test):
        if part.dtype.kind not in "iu" or not len(part) or part[0] < 0 or part[-1] >= n_rows:
            raise OptionError(
                f"A fold with rows {part[:3].tolist()} to {part[-1:].tolist()} was given.",
                expected=f"Expected row numbers from 0 to {n_rows - 1}, and some in each part.",
                why="They say which rows train and which judge.",
                hint="Pass numbers, not a mask: numpy.flatnonzero(mask).",
            )
    return train.astype(np.int64), test.astype(np.int64)


def _no_split(given: Any) -> TypeOfInputError:
    return TypeOfInputError(
        f"folds={given!r} was given.",
        expected="Expected a number, windows in words, a splitter, or pairs of row numbers (train, test).",
        why="It says which rows train and which judge.",
        hint="For example folds=5, or folds=sklearn.model_selection.GroupKFold(5).",
    )


def _check(k: int, pair: tuple[np.ndarray, np.ndarray], rare: np.ndarray) -> None:
    for part, rows in zip(("training", "test"), pair, strict=True):
        n = int(rare[rows].sum())
        if min(n, len(rows) - n) < MIN_POSITIVES:
            raise NotApplicable(
                f"The {part} part of fold {k} has {n} positives among {len(rows)} rows.",
                expected=f"Expected at least {MIN_POSITIVES} rows of each side.",
                why="A figure that rests on one row says nothing.",
                hint="Use fewer folds, or a stratified split.",
            )


def _lines(k: int, pairs: list[tuple[np.ndarray, np.ndarray]], seconds: np.ndarray | None) -> tuple[int, ...]:
    others = (j for j in range(len(pairs)) if j != k)
    if seconds is None:
        return tuple(others)
    opening = seconds[pairs[k][1]].min()
    return tuple(j for j in others if seconds[pairs[j][1]].max() < opening)
