"""Two Gaussian blobs of unequal size: the smallest picture of an imbalanced problem."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError

__all__ = ["gaussian_blobs"]


def gaussian_blobs(
    n_majority: int = 950,
    n_minority: int = 50,
    *,
    distance: float = 2.5,
    spread: float = 0.8,
    random_state: Seed = 0,
) -> pl.DataFrame:
    """Draw a large round blob at the origin and a small one beside it.

    The majority is N(0, I); the minority is N((d, d), s^2 I). The two overlap, so that no line is perfect.

    Parameters
    ----------
    n_majority : int, default=950
        Rows of the majority, at least 1.
    n_minority : int, default=50
        Rows of the minority, at least 1; 50 of 1,000 is the usual textbook case.
    distance : float, default=2.5
        Both coordinates of the minority's centre, in standard deviations of the majority.
    spread : float, default=0.8
        Standard deviation of the minority, positive.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    polars.DataFrame
        Columns ``x1``, ``x2`` (float64) and ``label`` (int8, 1 for the minority), in random order.

    Raises
    ------
    OptionError
        If a size or the spread is not positive.

    Examples
    --------
    >>> from counterpoise.datasets import gaussian_blobs
    >>> gaussian_blobs()["label"].sum()
    50
    """
    if n_majority < 1 or n_minority < 1 or not spread > 0:
        raise OptionError(
            f"n_majority={n_majority}, n_minority={n_minority}, spread={spread} were given.",
            expected="Expected at least one row of each class and a positive spread.",
            why="A class without rows, or without extent, is no blob.",
            hint="For example gaussian_blobs(950, 50, spread=0.8).",
        )
    streams = Streams.of(random_state).child("blobs")
    majority = streams.child("majority").generator().standard_normal((n_majority, 2))
    minority = distance + spread * streams.child("minority").generator().standard_normal((n_minority, 2))
    X = np.concatenate([majority, minority])
    y = np.repeat(np.array([0, 1], dtype=np.int8), [n_majority, n_minority])
    order = streams.child("order").generator().permutation(len(y))
    return pl.DataFrame({"x1": X[order, 0], "x2": X[order, 1], "label": y[order]})
