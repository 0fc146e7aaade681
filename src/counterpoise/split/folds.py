"""Folds that are honest about a rare class: enough positives in each, groups whole, time in order.

References
----------
Kohavi, "A study of cross-validation and bootstrap for accuracy estimation and model selection", IJCAI 1995
(stratification); Gama, Sebastiao, Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90, 2013
(prequential evaluation); Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible machine learning for credit card
fraud detection", 2022 (train, delay, test windows).
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapreplace
from typing import Literal

import numpy as np

from counterpoise.chance import Seed, Streams
from counterpoise.errors import NotApplicable

__all__ = ["MIN_POSITIVES", "Fold", "Folds", "grouped_folds", "stratified_folds", "time_folds"]

MIN_POSITIVES = 2
"""Fewest positives in a test part: with one, every figure of the fold rests on a single row."""

_DAY = 86400.0

Kind = Literal["stratified", "grouped", "time", "given"]


@dataclass(frozen=True)
class Fold:
    """One split.

    Attributes
    ----------
    train, test : ndarray, int64
        Row numbers, sorted, without a row in common.
    lines : tuple of int
        Numbers of the folds whose test parts this fold's line and calibration may be drawn on. Empty where nothing
        was known yet: such a fold judges nobody.
    """

    train: np.ndarray
    test: np.ndarray
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Folds:
    """All splits of a table.

    Attributes
    ----------
    folds : tuple of Fold
        At least two.
    kind : str
        ``"stratified"``, ``"grouped"``, ``"time"``, or ``"given"`` where the caller split.
    requested : int
        How many were asked for.
    reason : str
        Why there are fewer, or an empty string.
    """

    folds: tuple[Fold, ...]
    kind: Kind
    requested: int
    reason: str = ""

    def __len__(self) -> int:
        return len(self.folds)


def stratified_folds(
    y: np.ndarray, n_folds: int, *, copies: np.ndarray | None = None, random_state: Seed = 0
) -> Folds:
    """Deal the rows of each class evenly into folds, copies of a row into one fold.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Classes from 0.
    n_folds : int
        How many folds, at most.
    copies : ndarray of shape (n,), int64, optional
        Number of the row's copies, -1 for a row that is like no other (`equal_rows`). Copies of one class stay
        together, unless they are more than a fold's share of their class: then they are dealt evenly.
    random_state : int, Generator, RandomState or None, default=0
        Seeds the shuffle within each class.

    Returns
    -------
    Folds
        Sizes of a class differ by at most one between folds, where copies do not forbid it.

    Raises
    ------
    NotApplicable
        If the rarest class has fewer than twice `MIN_POSITIVES` rows.
    """
    streams = Streams.of(random_state)
    rarest = int(np.bincount(y).min())
    usable, reason = _usable(n_folds, rarest, "rows of the rarest class")
    dealt = np.empty(len(y), dtype=np.int64)
    for label in np.unique(y):
        rows = streams.child("folds", int(label)).generator().permutation(np.flatnonzero(y == label))
        counts = np.zeros(usable, dtype=np.int64)
        if copies is not None:
            together = _kept_together(copies[rows], len(rows) / usable)
            dealt[rows[together]] = _deal_copies(copies[rows[together]], usable, counts)
            rows = rows[~together]
        dealt[rows] = _deal_evenly(len(rows), counts, up=bool(label))
    return Folds(_from_assignment(dealt, usable), "stratified", n_folds, reason)


def _kept_together(copies: np.ndarray, share: float) -> np.ndarray:
    """Say of each row of a class whether its copies stay together: there are some, and no more than a fold's share."""
    sizes = np.bincount(copies[copies >= 0], minlength=1)
    size = np.where(copies >= 0, sizes[np.maximum(copies, 0)], 0)
    return np.asarray((size > 1) & (size <= share))


def _deal_copies(copies: np.ndarray, n_folds: int, counts: np.ndarray) -> np.ndarray:
    """Deal whole sets of copies, the largest first, each to the emptiest fold; `counts` is brought up to date."""
    names, first, number = np.unique(copies, return_index=True, return_inverse=True)
    sizes = np.bincount(number, minlength=len(names))
    fold = np.empty(len(names), dtype=np.int64)
    heap = [(0, k) for k in range(n_folds)]
    for j in np.lexsort((first, -sizes)):
        filled, k = heap[0]
        fold[j] = k
        heapreplace(heap, (filled + int(sizes[j]), k))
    counts += np.bincount(fold, sizes, n_folds).astype(np.int64)
    return fold[number]


def _deal_evenly(n: int, counts: np.ndarray, *, up: bool) -> np.ndarray:
    """Deal rows one by one so that folds that hold `counts` rows end as even as they can."""
    n_folds = len(counts)
    if not counts.any():
        return np.asarray((np.arange(n) + (0 if up else n)) % n_folds)
    total = n + int(counts.sum())
    order = np.arange(n_folds) if up else np.arange(n_folds)[::-1]
    wanted = np.full(n_folds, total // n_folds)
    wanted[order[: total % n_folds]] += 1
    room = np.maximum(wanted - counts, 0)
    while room.sum() > n:  # a fold that copies filled beyond its share leaves less for the others
        room[room.argmax()] -= 1
    return np.repeat(np.arange(n_folds), room)


def grouped_folds(y: np.ndarray, groups: np.ndarray, n_folds: int, *, random_state: Seed = 0) -> Folds:
    """Deal whole groups into folds, evening out positives first and rows second.

    Groups are taken in order of their positives, then their rows, the largest first (ties in a random order); each
    goes to the fold that has the fewest positives so far, then the fewest rows (Graham's greedy rule for
    scheduling, 1969).

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Classes from 0; all but the commonest count as positive.
    groups : ndarray of shape (n,), int64
        Group of each row, from 0.
    n_folds : int
        How many folds, at most.
    random_state : int, Generator, RandomState or None, default=0
        Seeds the order of equal groups.

    Returns
    -------
    Folds
        No group on both sides of any fold.

    Raises
    ------
    NotApplicable
        If fewer than two folds can hold `MIN_POSITIVES` positives each.
    """
    rare = (y != np.bincount(y).argmax()).astype(np.int64)
    n_groups = int(groups.max()) + 1
    positives, rows = np.bincount(groups, rare, n_groups), np.bincount(groups, minlength=n_groups)
    with_positives = int((positives > 0).sum())
    usable, reason = _usable(
        n_folds, min(int(rare.sum()), MIN_POSITIVES * with_positives), "positives in groups"
    )
    noise = Streams.of(random_state).child("groups").generator().random(n_groups)
    order = np.lexsort((noise, -rows, -positives))
    while usable >= 2:
        assigned = _deal_groups(order, positives, rows, usable)
        if np.bincount(assigned[groups], rare, usable).min() >= MIN_POSITIVES:
            return Folds(_from_assignment(assigned[groups], usable), "grouped", n_folds, reason)
        usable -= 1
        reason = f"only {with_positives} groups hold positives, unevenly: {usable} folds instead of {n_folds}"
    raise _too_few(int(rare.sum()), "positives outside one single group")


def _deal_groups(order: np.ndarray, positives: np.ndarray, rows: np.ndarray, n_folds: int) -> np.ndarray:
    fold_positives, fold_rows = np.zeros(n_folds), np.zeros(n_folds)
    assigned = np.empty(len(order), dtype=np.int64)
    for group in order:
        emptiest = np.lexsort((fold_rows, fold_positives))[0] if positives[group] else fold_rows.argmin()
        fold = int(emptiest)
        assigned[group] = fold
        fold_positives[fold] += positives[group]
        fold_rows[fold] += rows[group]
    return assigned


def time_folds(y: np.ndarray, seconds: np.ndarray, n_folds: int) -> Folds:
    """Train on the past, judge by what follows; the training part grows.

    The rows in order of time are cut into ``n_folds + 1`` windows that hold equal shares of the positives (so that
    each judges equally well), never between rows of one instant. Window k judges a model of windows 0 to k - 1.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Classes from 0; all but the commonest count as positive.
    seconds : ndarray of shape (n,), float64
        When each row happened.
    n_folds : int
        How many folds, at most.

    Returns
    -------
    Folds
        Every training row is earlier than every test row.

    Raises
    ------
    NotApplicable
        If two folds cannot be made.
    """
    rare = y != np.bincount(y).argmax()
    usable, reason = _usable(n_folds, int(rare.sum()) - MIN_POSITIVES, "positives after the first window")
    while usable >= 2:
        edges = np.quantile(seconds[rare], np.arange(1, usable + 1) / (usable + 1), method="inverted_cdf")
        window = np.searchsorted(edges, seconds, side="left")
        counts = np.array([(rare & (window == k)).sum() for k in range(usable + 1)])
        if counts.min() >= MIN_POSITIVES and all((~rare & (window == k)).any() for k in range(usable + 1)):
            folds = tuple(
                Fold(np.flatnonzero(window < k), np.flatnonzero(window == k), tuple(range(k - 1)))
                for k in range(1, usable + 1)
            )
            return Folds(folds, "time", n_folds, reason)
        usable -= 1
        reason = f"the positives share too few instants for {n_folds} folds in time: {usable} instead"
    raise _too_few(int(rare.sum()), "positives spread over time")


def _usable(requested: int, n_positive: int, what: str) -> tuple[int, str]:
    usable = min(requested, n_positive // MIN_POSITIVES)
    if usable < 2:
        raise _too_few(n_positive, what)
    if usable == requested:
        return usable, ""
    return usable, (
        f"{n_positive} {what} allow {usable} folds with {MIN_POSITIVES} each, not the {requested} asked for"
    )


def _too_few(n_positive: int, what: str) -> NotApplicable:
    return NotApplicable(
        f"There are {n_positive} {what}.",
        expected=f"Expected at least {2 * MIN_POSITIVES}: {MIN_POSITIVES} to learn from, {MIN_POSITIVES} to judge by.",
        why="With fewer, a single row decides every figure, and no comparison would be honest.",
        hint="Collect more rows of the rare class.",
    )


def _from_assignment(assigned: np.ndarray, n_folds: int) -> tuple[Fold, ...]:
    return tuple(
        Fold(
            np.flatnonzero(assigned != k),
            np.flatnonzero(assigned == k),
            tuple(j for j in range(n_folds) if j != k),
        )
        for k in range(n_folds)
    )
