"""Mini-batches of a resampled table that is never there.

An epoch is a list of row numbers and fresh gaps, 16 bytes a row; a batch is made when it is asked for. Classes are
spread evenly over the epoch, so that each batch has the plan's proportions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError
from counterpoise.resample.target import read_target

if TYPE_CHECKING:
    from counterpoise.resample.plan import Plan

__all__ = ["Batches"]


class Batches:
    """An iterable of mini-batches; each time round is a fresh epoch.

    Parameters
    ----------
    plan : Plan
        What to draw.
    X : ndarray, CSR matrix or frame of shape (n_rows, n_columns)
        The table that the plan was made for.
    y : array-like of shape (n_rows,)
        Labels.
    size : int, default=2048
        Rows of a batch.
    seed : int, Generator, RandomState or None, default=0
        Seed of the draws.

    Attributes
    ----------
    n_epoch : int
        Rows of an epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import RandomUnderSampler
    >>> X, y = np.arange(200.0).reshape(100, 2), np.repeat([0, 1], [90, 10])
    >>> batches = RandomUnderSampler(random_state=0).plan(X, y).batches(X, y, size=8)
    >>> len(batches), [int(b[1].sum()) for b in batches]
    (3, [4, 4, 2])
    """

    def __init__(self, plan: Plan, X: Any, y: Any, size: int = 2048, seed: Seed = 0) -> None:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise OptionError(
                f"size={size!r} was given.", expected="Expected a whole number of rows, at least 1."
            )
        self.plan, self.X, self.y, self.size = plan, X, y, int(size)
        self._streams = Streams.of(seed).child("batches")
        self._epochs_begun = 0
        self._classes = _class_entries(plan, read_target(y).codes)
        self.n_epoch = sum(entry.n_kept + len(entry.invented) for entry in self._classes)

    def __len__(self) -> int:
        return (self.n_epoch + self.size - 1) // self.size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        epoch = self._epochs_begun
        self._epochs_begun += 1
        return self.epoch(epoch)

    def epoch(self, number: int) -> Iterator[tuple[Any, Any]]:
        """Draw one epoch by its number; the same number gives the same batches.

        Parameters
        ----------
        number : int
            0 for the first.

        Yields
        ------
        X, y : object
            At most `size` rows, of the kinds that went in.
        """
        numbers, gaps = self._draw(number)
        for start in range(0, len(numbers), self.size):
            rows = slice(start, start + self.size)
            shuffle = (
                self._streams.child("shuffle", number, start).generator().permutation(len(numbers[rows]))
            )
            yield self._make(numbers[rows][shuffle], gaps[rows][shuffle], (number, start))

    def _draw(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the row numbers of an epoch, and a gap for each, classes evenly spread."""
        numbers, gaps, places = [], [], []
        for code, entry in enumerate(self._classes):
            draw = self._streams.child("epoch", epoch, self.plan.classes[code]).generator()
            kept = _spread_draw(entry.pool, entry.n_kept, draw)
            fresh = draw.random(len(entry.invented)) * entry.reach
            mixed = draw.permutation(len(kept) + len(fresh))
            numbers.append(np.concatenate((kept, entry.invented))[mixed])
            gaps.append(np.concatenate((np.zeros(len(kept)), fresh))[mixed])
            places.append((np.arange(len(mixed)) + draw.random()) / max(1, len(mixed)))
        order = np.argsort(np.concatenate(places), kind="stable")
        return np.concatenate(numbers)[order], np.concatenate(gaps)[order]

    def _make(self, numbers: np.ndarray, gaps: np.ndarray, batch: tuple[int, int]) -> tuple[Any, Any]:
        plan = self.plan.picked(numbers, gaps)
        if plan.noise is not None:
            seed = self._streams.child("noise", *batch).seed()
            fresh = replace(plan.noise, seed=seed, position=np.arange(len(plan.base)))
            plan = replace(plan, noise=fresh)
        made: tuple[Any, Any] = plan.rows(self.X, self.y)
        return made


class _ClassEntry:
    """What an epoch draws for one class."""

    __slots__ = ("invented", "n_kept", "pool", "reach")

    def __init__(self, pool: np.ndarray, n_kept: int, invented: np.ndarray, reach: np.ndarray) -> None:
        self.pool, self.n_kept, self.invented, self.reach = pool, n_kept, invented, reach


def _class_entries(plan: Plan, codes: np.ndarray) -> list[_ClassEntry]:
    numbers, sources = plan.numbers, plan.sources
    invented = numbers >= plan.n_rows
    reach = np.ones(len(plan.base)) if plan.reach is None else plan.reach
    pool = np.unique(plan.kept) if plan.pool is None else plan.pool
    entries = []
    for code in range(len(plan.classes)):
        mine = codes[sources] == code
        made = numbers[mine & invented]
        candidates = pool[codes[pool] == code]
        n_kept = int((mine & ~invented).sum())
        if plan.row_weights is not None:
            n_kept = round(float(plan.share[code] * plan.counts[code])) - len(made) if len(candidates) else 0
        entries.append(_ClassEntry(candidates, max(0, n_kept), made, reach[made - plan.n_rows]))
    return entries


def _spread_draw(pool: np.ndarray, n: int, draw: np.random.Generator) -> np.ndarray:
    """Draw n rows from a pool, each as often as any other up to one."""
    if n == 0:
        return pool[:0]
    times, rest = divmod(n, len(pool))
    return np.concatenate((np.tile(pool, times), pool[draw.choice(len(pool), rest, replace=False)]))
