"""What surrounds the positives: safe, borderline, rare or outlier.

Of the five nearest neighbours of a positive, four or five positives make it safe, two or three borderline, one rare,
none an outlier: K. Napierala, J. Stefanowski, "Types of minority class examples and their influence on learning
classifiers from imbalanced data", Journal of Intelligent Information Systems 46, 2016, section 3.
"""

from __future__ import annotations

import numpy as np

from counterpoise.chance import Streams
from counterpoise.neighbours import Space, category_penalty, kneighbors
from counterpoise.profile.records import Minority
from counterpoise.table.frames import Features

__all__ = ["N_NEIGHBOURS", "judge_minority", "standard_space", "types_of"]

N_NEIGHBOURS = 5
"""Neighbours asked, as in the paper."""

N_PRODUCTS = 2e9
"""Coordinates compared at most: positives judged x rows x columns. A couple of seconds on two cores."""

_FEWEST = 200  # positives judged whatever the size
_LARGE = 20_000_000  # numbers above which single precision is used


def judge_minority(features: Features, y: np.ndarray, streams: Streams) -> Minority | None:
    """Judge the positives, or a sample of them where the table is large, against all rows.

    Parameters
    ----------
    features : Features
        The feature columns.
    y : ndarray of shape (n_rows,), bool
        Positives.
    streams : Streams
        For the sample.

    Returns
    -------
    Minority or None
        None where there are fewer rows than neighbours.
    """
    if features.n_rows <= N_NEIGHBOURS:
        return None
    space = standard_space(features, y)
    rows = np.flatnonzero(y)
    width = space.n_columns + (0 if space.codes is None else space.codes.shape[1])
    most = max(_FEWEST, int(N_PRODUCTS / (features.n_rows * max(width, 1))))
    note = ""
    if len(rows) > most:
        note = f"{most:,} of {len(rows):,} positives, drawn at random, against all rows"
        rows = np.sort(streams.child("minority").generator().choice(rows, most, replace=False))
    _, neighbours = kneighbors(space.take(rows), space, N_NEIGHBOURS, rows=rows)
    types = types_of(y[neighbours].sum(axis=1))
    counts = np.bincount(types, minlength=4)
    return Minority(
        safe=int(counts[0]),
        borderline=int(counts[1]),
        rare=int(counts[2]),
        outlier=int(counts[3]),
        n_judged=len(rows),
        n_neighbours=N_NEIGHBOURS,
        note=note,
    )


def types_of(n_positive_neighbours: np.ndarray) -> np.ndarray:
    """Turn the number of positives among five neighbours into a type.

    Parameters
    ----------
    n_positive_neighbours : ndarray of shape (n,), integer
        0 to 5.

    Returns
    -------
    ndarray of shape (n,), int64
        0 safe, 1 borderline, 2 rare, 3 outlier.
    """
    types: np.ndarray = np.array([3, 2, 1, 1, 0, 0])[n_positive_neighbours]
    return types


def standard_space(features: Features, y: np.ndarray) -> Space:
    """See the features as points: numbers in standard deviations, missing ones at the mean, categories as codes.

    Parameters
    ----------
    features : Features
        The feature columns.
    y : ndarray of shape (n_rows,), bool
        Positives, whose spread sets what a differing category counts.

    Returns
    -------
    Space
        float32 where the table is large.
    """
    single = features.numeric.size > _LARGE
    numbers = np.empty(features.numeric.shape, dtype=np.float32 if single else np.float64)
    for j in range(len(features.numeric_columns)):
        numbers[:, j] = _standardised(features.numeric[:, j].astype(np.float64))
    if not len(features.coded_columns):
        return Space(numbers)
    penalty = category_penalty(numbers[y]) if len(features.numeric_columns) else 1.0
    return Space(numbers, np.ascontiguousarray(features.codes), penalty)


def _standardised(values: np.ndarray) -> np.ndarray:
    present = ~np.isnan(values)
    if not present.any():
        return np.zeros_like(values)
    mean, spread = values[present].mean(), values[present].std()
    scaled: np.ndarray = np.where(present, (values - mean) / (spread if spread > 0 else 1.0), 0.0)
    return scaled
