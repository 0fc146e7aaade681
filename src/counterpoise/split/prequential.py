"""Prequential folds: windows of training, of waiting for labels, and of testing, moved through time.

Each fold trains on a window, waits until its labels are known, and tests on the window after. What a fold may know
when it draws its line is what was labelled by then: the test windows of folds that ended a whole delay earlier. Groups
that are known to be compromised (a card with a fraud whose label has arrived) can be left out of the test part, as a
bank would have blocked them.

Source: Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible machine learning for credit card fraud detection",
Université libre de Bruxelles, 2022, chapter 5; Gama, Sebastiao, Rodrigues, Machine Learning 90, 2013.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

import numpy as np

from counterpoise.errors import NotApplicable, OptionError
from counterpoise.split.folds import MIN_POSITIVES, Fold, Folds

__all__ = ["Prequential", "prequential_folds"]

_DAY = 86400.0
_GRAMMAR = "train=7d, delay=7d, test=7d, folds=4, with start=2018-08-15 and known=drop where wanted"
_SPAN = re.compile(r"(\d+)\s*(d|w)?")


@dataclass(frozen=True)
class Prequential:
    """How windows are laid.

    Attributes
    ----------
    train, delay, test : int
        Lengths in days.
    folds : int
        Windows that judge.
    start : date or None
        First day of the last fold's training window; by default the latest that leaves a whole test window.
    drop_known : bool
        Leave rows of groups out of the test part whose positive label had arrived.
    """

    train: int
    delay: int
    test: int
    folds: int = 4
    start: date | None = None
    drop_known: bool = False

    @classmethod
    def parse(cls, text: str) -> Prequential:
        """Read windows from words.

        Parameters
        ----------
        text : str
            Such as ``"train=7d, delay=7d, test=7d, folds=4, start=2018-08-15, known=drop"``; d days, w weeks.

        Returns
        -------
        Prequential
            The windows.

        Raises
        ------
        OptionError
            If a word is unknown, a window is missing or a number is not above 0 (the delay may be 0).
        """
        words = dict(_word(part, text) for part in text.split(","))
        unknown = set(words) - {"train", "delay", "test", "folds", "start", "known"}
        if (
            unknown
            or not {"train", "test"} <= set(words)
            or words.get("known", "keep") not in ("keep", "drop")
        ):
            raise _wrong(text)
        try:
            start = date.fromisoformat(words["start"]) if "start" in words else None
        except ValueError as error:
            raise _wrong(text) from error
        found = cls(
            _days(words["train"], text),
            _days(words.get("delay", "0"), text),
            _days(words["test"], text),
            _days(words.get("folds", "4"), text),
            start,
            words.get("known") == "drop",
        )
        if min(found.train, found.test, found.folds) < 1:
            raise _wrong(text)
        return found


def _word(part: str, text: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals:
        raise _wrong(text)
    return name.strip().lower(), value.strip().lower()


def _days(value: str, text: str) -> int:
    match = _SPAN.fullmatch(value)
    if not match:
        raise _wrong(text)
    return int(match[1]) * (7 if match[2] == "w" else 1)


def _wrong(text: str) -> OptionError:
    return OptionError(
        f"The folds {text!r} were given.",
        expected=f"Expected a number, or windows such as: {_GRAMMAR}.",
        why="They say which rows train, which labels are waited for, and which rows judge.",
        hint="For example --folds 5.",
    )


def prequential_folds(
    y: np.ndarray, seconds: np.ndarray, windows: Prequential, groups: np.ndarray | None = None
) -> Folds:
    """Lay windows over a table.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Classes from 0; all but the commonest count as positive.
    seconds : ndarray of shape (n,), float64
        When each row happened; days begin at midnight.
    windows : Prequential
        How to lay them.
    groups : ndarray of shape (n,), int64, optional
        Group of each row; needed where known groups are to be left out.

    Returns
    -------
    Folds
        Oldest first. Folds before the first that judges are there to draw lines on.

    Raises
    ------
    OptionError
        If known groups are to be left out and there are no groups.
    NotApplicable
        If the table is too short, or a window has too few positives.
    """
    if windows.drop_known and groups is None:
        raise OptionError(
            "known=drop was given without a group.",
            expected="Expected a group column, such as the card.",
            why="It says whose later rows are left out once a positive of theirs is known.",
            hint="Name it with --group, or leave known=drop out.",
        )
    rare = y != np.bincount(y).argmax()
    day = np.floor(seconds / _DAY).astype(np.int64)
    last = _last_start(day, windows)
    warm = -(-(windows.test + windows.delay) // windows.test)
    starts = [last - k * windows.test for k in range(windows.folds + warm)]
    starts = [start for start in starts if start >= day.min()][::-1]
    judging = min(windows.folds, len(starts) - 1)
    if judging < 1 or last + windows.train + windows.delay + windows.test - 1 > day.max():
        raise _too_short(day, windows)
    folds = [_fold(k, starts, day, rare, windows, groups) for k in range(len(starts))]
    folds = _silenced(folds, len(folds) - judging)
    for k, fold in enumerate(folds):
        _check(k, fold, rare)
    reason = (
        ""
        if judging == windows.folds
        else f"the table is long enough for {judging} of {windows.folds} windows"
    )
    return Folds(tuple(folds), "time", windows.folds, reason)


def _last_start(day: np.ndarray, windows: Prequential) -> int:
    if windows.start is not None:
        return (windows.start - date(1970, 1, 1)).days
    return int(day.max()) - windows.train - windows.delay - windows.test + 1


def _fold(
    k: int,
    starts: list[int],
    day: np.ndarray,
    rare: np.ndarray,
    windows: Prequential,
    groups: np.ndarray | None,
) -> Fold:
    start = starts[k]
    opening = start + windows.train + windows.delay
    train = np.flatnonzero((day >= start) & (day < start + windows.train))
    test = np.flatnonzero((day >= opening) & (day < opening + windows.test))
    if windows.drop_known and groups is not None:
        test = test[~_is_known(test, start, day, rare, windows.delay, groups)]
    lines = tuple(j for j in range(k) if starts[j] + windows.test <= start - windows.delay)
    return Fold(train, test, lines)


def _is_known(
    test: np.ndarray, start: int, day: np.ndarray, rare: np.ndarray, delay: int, groups: np.ndarray
) -> np.ndarray:
    """Say of each test row whether its group had a positive, since the training began, whose label had arrived."""
    seen = np.flatnonzero(rare & (day >= start))
    first = np.full(int(groups.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, groups[seen], day[seen])
    return np.asarray(first[groups[test]] < day[test] - delay)


def _silenced(folds: list[Fold], n_warm: int) -> list[Fold]:
    """Let the oldest folds judge nobody: they are there to draw lines on."""
    return [Fold(f.train, f.test, () if k < n_warm else f.lines) for k, f in enumerate(folds)]


def _check(k: int, fold: Fold, rare: np.ndarray) -> None:
    for part, rows in (("training", fold.train), ("test", fold.test)):
        if int(rare[rows].sum()) < MIN_POSITIVES:
            raise NotApplicable(
                f"The {part} window of fold {k} (oldest first) has {int(rare[rows].sum())} positives.",
                expected=f"Expected at least {MIN_POSITIVES}.",
                why="A figure that rests on one row says nothing.",
                hint="Use longer windows or fewer folds.",
            )


def _too_short(day: np.ndarray, windows: Prequential) -> NotApplicable:
    needed = windows.train + windows.delay + 2 * windows.test
    return NotApplicable(
        f"The table spans {int(day.max() - day.min()) + 1} days.",
        expected=f"Expected at least {needed}, from the training window's start to the test window's end, twice.",
        why="A fold before the first that judges is needed to draw its line on.",
        hint="Use shorter windows, an earlier start, or --folds 5.",
    )
