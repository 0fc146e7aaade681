"""From a table to its profile."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.chance import Seed, Streams
from counterpoise.errors import TypeOfInputError
from counterpoise.profile.advice import advise
from counterpoise.profile.card import Profile
from counterpoise.profile.counts import (
    count_duplicates,
    count_groups,
    count_missing,
    count_times,
    rate_of,
)
from counterpoise.profile.distributions import distribution_of_codes, distribution_of_numbers, plane
from counterpoise.profile.minority import judge_minority
from counterpoise.profile.records import Feature, Plane
from counterpoise.profile.separation import separation_of_codes, separation_of_numbers
from counterpoise.profile.thinned import finding_of, in_full
from counterpoise.table import Table
from counterpoise.table.frames import Features, features
from counterpoise.table.large import refuse_too_large

__all__ = ["profile"]

MOST_NEGATIVES = 200_000
"""Negatives that single columns are judged on; every positive is."""

N_SHOWN = 12
"""Features whose distribution is kept, the most telling first."""

N_IN_PLANES = 4
"""Numbers of which each pair's density is kept, the most telling first."""


def profile(table: Table, *, random_state: Seed = 0) -> Profile:
    """Say what the imbalance of a table looks like, and what is known to work on such tables.

    Parameters
    ----------
    table : Table
        From `counterpoise.read`. Of several classes, the commonest is one side and all others are the other.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the samples that large tables are judged on, and of the halves that columns are judged across.

    Returns
    -------
    Profile
        Counts, rate with interval, groups, periods, missing values, repeated rows, how far single columns separate
        the classes, what surrounds the positives, and findings with their sources.

    Raises
    ------
    TypeOfInputError
        If `table` is not a `Table`.
    InputError
        If a number is above 1e150 or below -1e150: it cannot be squared.

    Examples
    --------
    >>> import counterpoise as cp
    >>> from counterpoise.datasets import gaussian_blobs
    >>> found = cp.profile(cp.read(gaussian_blobs(), target="label"))
    >>> found.n_positive, found.ratio
    (50, 19.0)
    """
    if not isinstance(table, Table):
        raise TypeOfInputError(
            f"A {type(table).__name__} was given.",
            expected="Expected a Table.",
            why="A profile needs to know which column is the outcome.",
            hint="Make one with counterpoise.read(source, target=...).",
        )
    refuse_too_large(table.X)
    streams = Streams.of(random_state).child("profile")
    counts = table.class_counts
    positive = table.y == 1 if table.is_binary else table.y != int(counts.argmax())
    seen = features(table.X)
    described, planes = _describe(seen, positive, streams)
    found = Profile(
        source=table.source,
        target=table.target,
        positive=str(table.positive) if table.is_binary else f"not {table.labels[int(counts.argmax())]}",
        n_rows=table.n_rows,
        n_positive=int(positive.sum()),
        rate=rate_of(int(positive.sum()), table.n_rows),
        classes={str(label): int(n) for label, n in zip(table.labels, counts, strict=True)},
        n_features=len(table.features),
        kinds=dict(table.kinds),
        n_levels={f.name: f.n_levels for f in described if f.n_levels is not None},
        roles=table.roles.used(),
        left_out=dict(table.left_out),
        fingerprint=table.fingerprint,
        groups=count_groups(table, positive),
        times=count_times(table, positive),
        missing=count_missing(table.X, positive),
        duplicates=count_duplicates(table.X, table.y),
        minority=judge_minority(seen, positive, streams),
        features=described,
        planes=planes,
    )
    found = in_full(found, table)
    said = [finding_of(table.thinning)] if table.thinning is not None else []
    return found.model_copy(update={"findings": (*said, *advise(found))})


def _describe(
    seen: Features, positive: np.ndarray, streams: Streams
) -> tuple[tuple[Feature, ...], tuple[Plane, ...]]:
    """Judge each feature alone, and keep the distributions of the most telling ones."""
    rows, weight = _rows_to_look_at(positive, streams)
    y = positive[rows]
    half = _halves(y, streams)
    judged = sorted(
        (_judge(seen, j, rows, y, half, weight) for j in range(len(seen.names))),
        key=lambda pair: (-pair[1].separation, pair[0]),
    )
    shown = [
        feature.model_copy(update=_shape(seen, j, rows, y, weight)) if place < N_SHOWN else feature
        for place, (j, feature) in enumerate(judged)
    ]
    numbers = [j for j, feature in judged if feature.kind == "number"][:N_IN_PLANES]
    pairs = [(a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :]]
    planes = [
        plane((seen.names[a], seen.names[b]), _numbers(seen, a, rows), _numbers(seen, b, rows), y, weight)
        for a, b in pairs
    ]
    return tuple(shown), tuple(p for p in planes if p is not None)


def _rows_to_look_at(positive: np.ndarray, streams: Streams) -> tuple[np.ndarray, float]:
    """Take every positive, and the negatives or a sample of them; give the rows each of those stands for."""
    negatives = np.flatnonzero(~positive)
    most = max(MOST_NEGATIVES, int(positive.sum()))
    if len(negatives) <= most:
        return np.arange(len(positive)), 1.0
    chosen = streams.child("negatives").generator().choice(negatives, most, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(positive), chosen])), len(negatives) / most


def _halves(y: np.ndarray, streams: Streams) -> np.ndarray:
    """Split the rows of each class into two halves at random."""
    half = np.empty(len(y), dtype=bool)
    for label in (False, True):
        rows = np.flatnonzero(y == label)
        half[rows] = streams.child("halves", label).generator().permutation(len(rows)) % 2 == 0
    return half


def _numbers(seen: Features, j: int, rows: np.ndarray) -> np.ndarray:
    place = int(np.searchsorted(seen.numeric_columns, j))
    numbers: np.ndarray = seen.numeric[rows, place].astype(np.float64)
    return numbers


def _coded(seen: Features, j: int, rows: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    place = int(np.searchsorted(seen.coded_columns, j))
    return seen.codes[rows, place], tuple(str(level) for level in seen.levels[place])


def _judge(
    seen: Features, j: int, rows: np.ndarray, y: np.ndarray, half: np.ndarray, weight: float
) -> tuple[int, Feature]:
    n_levels = None
    if seen.kinds[j] in ("number", "date"):
        values = _numbers(seen, j, rows)
        found, missing = separation_of_numbers(values, y, half, weight), np.isnan(values)
    else:
        codes, levels = _coded(seen, j, rows)
        found, missing, n_levels = separation_of_codes(codes, y, half, weight), codes < 0, len(levels)
    share = np.average(missing, weights=np.where(y, 1.0, weight))
    return j, Feature(
        name=seen.names[j],
        kind=seen.kinds[j],
        separation=found.auc,
        lower=found.lower,
        average_precision=found.average_precision,
        n_levels=n_levels,
        missing_share=float(share),
    )


def _shape(seen: Features, j: int, rows: np.ndarray, y: np.ndarray, weight: float) -> dict[str, Any]:
    if seen.kinds[j] in ("number", "date"):
        return {"distribution": distribution_of_numbers(_numbers(seen, j, rows), y, weight)}
    found, names = distribution_of_codes(*_coded(seen, j, rows), y, weight)
    return {"distribution": found, "levels": names}
