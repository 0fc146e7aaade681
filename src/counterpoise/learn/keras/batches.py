"""Batches with as many rows of each class, drawn anew in every epoch, for any Keras model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError
from counterpoise.learn.keras.backend import keras_on_jax
from counterpoise.resample.plan import Plan
from counterpoise.resample.target import read_target
from counterpoise.table.frames import n_rows

__all__ = ["balanced_batches", "balanced_plan", "epoch_rows"]

MOST_STEPS = 20
"""Steps of an epoch at most: a long balanced epoch repeats the rare rows hundreds of times before anyone looks at the
validation rows (TensorFlow's tutorial on imbalanced data sets 20 for that reason)."""


def balanced_plan(y: Any, size: int = 2048, steps: int | None = None) -> Plan:
    """Plan epochs in which all classes have as many rows.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels.
    size : int, default=2048
        Rows of a batch.
    steps : int or None, default=None
        Batches of an epoch; None takes 20, or fewer where that shows every row of the largest class once.

    Returns
    -------
    Plan
        Its `batches` draw the rows anew in each epoch; no row of a class comes twice before all have come once.

    Raises
    ------
    OptionError
        If size or steps is not a positive int.
    """
    target = read_target(y)
    n_classes = len(target.classes)
    for name, value in (("size", size), ("steps", 1 if steps is None else steps)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise OptionError(f"{name}={value!r} was given.", expected="Expected an int of at least 1.")
    whole = -(-n_classes * int(target.counts.max()) // size)
    n_epoch = size * (min(MOST_STEPS, whole) if steps is None else int(steps))
    each = max(1, n_epoch // n_classes)
    kept = [np.resize(np.flatnonzero(target.codes == code), each) for code in range(n_classes)]
    return Plan.keep(target, np.concatenate(kept), pool=np.arange(len(target.codes)))


def epoch_rows(plan: Plan, y: Any, size: int, seed: Seed, epoch: int) -> Iterator[np.ndarray]:
    """Give the row numbers of each batch of an epoch of a plan that invents nothing.

    Parameters
    ----------
    plan : Plan
        The plan.
    y : array-like of shape (n_rows,)
        Labels.
    size : int
        Rows of a batch.
    seed : int
        Seed of the draws.
    epoch : int
        Number of the epoch.

    Yields
    ------
    ndarray of int64
        Row numbers.
    """
    numbers = np.arange(plan.n_rows, dtype=np.int64)[:, None]
    for batch, _ in plan.batches(numbers, y, size=size, seed=seed).epoch(epoch):
        yield np.asarray(batch)[:, 0].astype(np.int64)


def balanced_batches(
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    batch_size: int = 2048,
    steps: int | None = None,
    random_state: Seed = 0,
) -> Any:
    """Give batches for ``keras.Model.fit`` with as many rows of each class and a fresh draw in every epoch.

    The table is not copied: a batch takes its rows when it is asked for.

    Parameters
    ----------
    X : ndarray of shape (n_rows, ...)
        Inputs.
    y : array-like of shape (n_rows,)
        Labels.
    sample_weight : array-like of shape (n_rows,), default=None
        Weights of rows.
    batch_size : int, default=2048
        Rows of a batch.
    steps : int or None, default=None
        Batches of an epoch; None takes 20, or fewer where that shows every row of the largest class once.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the draws.

    Returns
    -------
    keras.utils.PyDataset
        Pass it as ``model.fit(batches)``; its length is the number of steps.

    Raises
    ------
    MissingExtra
        If Keras or JAX is not installed.
    OptionError
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn.keras import balanced_batches
    >>> X, y = np.random.default_rng(0).normal(size=(500, 3)), np.repeat([0, 1], [480, 20])
    >>> batches = balanced_batches(X, y, batch_size=64)  # doctest: +SKIP
    >>> float(batches[0][1].mean())  # doctest: +SKIP
    0.5
    """
    keras, _ = keras_on_jax()
    X, labels = np.asarray(X), np.asarray(y)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float32)
    plan = balanced_plan(labels, batch_size, steps)
    seed = Streams.of(random_state).child("balanced_batches").seed()
    if n_rows(X) != len(labels):
        raise OptionError(f"X has {n_rows(X)} rows and y {len(labels)}.", expected="Expected as many.")

    class BalancedBatches(keras.utils.PyDataset):  # type: ignore[name-defined]
        """Batches of one epoch; the next epoch draws anew."""

        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self._rows = list(epoch_rows(plan, labels, batch_size, seed, 0))

        def __len__(self) -> int:
            return len(self._rows)

        def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
            rows = self._rows[index]
            parts: tuple[np.ndarray, ...] = (X[rows], labels[rows])
            return parts if weights is None else (*parts, weights[rows])

        def on_epoch_end(self) -> None:  # numpydoc ignore=GL08
            self.epoch += 1
            self._rows = list(epoch_rows(plan, labels, batch_size, seed, self.epoch))

    return BalancedBatches()
