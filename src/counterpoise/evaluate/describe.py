"""What the report shows of the table: each telling feature by class, and two features together."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from counterpoise.evaluate.records import FeatureRecord, HistogramRecord
from counterpoise.table.frames import MISSING, features
from counterpoise.table.table import Table

__all__ = ["describe_features", "separation"]

_MOST_FEATURES = 12
_MOST_LEVELS = 12
_N_BINS = 40
_MOST_ROWS = 200_000
"""Negatives beyond this are thinned for the pictures of features (every positive is kept)."""


def separation(values: np.ndarray, y: np.ndarray) -> float:
    """Say how well a column alone separates the classes.

    Parameters
    ----------
    values : ndarray of shape (n,), float
        Numbers; NaN takes part as a value below all others.
    y : ndarray of shape (n,), int
        1 is positive.

    Returns
    -------
    float
        Area under the ROC curve (the Mann-Whitney statistic), folded to 0.5 to 1.
    """
    positive = y == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(np.where(np.isnan(values), -np.inf, values))
    area = (ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    return float(max(area, 1 - area))


def describe_features(table: Table, *, seed: int = 0) -> list[FeatureRecord]:
    """Describe the features that separate the classes best, best first.

    Parameters
    ----------
    table : Table
        Two classes.
    seed : int, default=0
        Seeds the thinning of large tables.

    Returns
    -------
    list of FeatureRecord
        Twelve at most.
    """
    rows, y = _thinned(table, seed)
    seen = features(table.X[rows])
    found: list[FeatureRecord] = []
    for position, j in enumerate(seen.numeric_columns):
        found.append(_number_record(seen.names[j], seen.kinds[j], seen.numeric[:, position], y))
    for position, j in enumerate(seen.coded_columns):
        found.append(
            _category_record(seen.names[j], seen.kinds[j], seen.codes[:, position], seen.levels[position], y)
        )
    found.sort(key=lambda record: -(record.separation or 0.0))
    return found[:_MOST_FEATURES]


def _thinned(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give rows, and 1 for those of the positive class (of all but the commonest, where there are several)."""
    y = (table.y if table.is_binary else table.y != table.class_counts.argmax()).astype(np.int64)
    negative = np.flatnonzero(y == 0)
    if len(negative) <= _MOST_ROWS:
        return np.arange(len(y)), y
    chosen = np.random.default_rng(seed).choice(negative, _MOST_ROWS, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(y != 0), chosen]))
    return rows, y[rows]


def _number_record(name: str, kind: str, values: np.ndarray, y: np.ndarray) -> FeatureRecord:
    values = values.astype(np.float64)
    present = ~np.isnan(values)
    edges = _edges(values[present], y[present])
    counts = [np.histogram(values[present & (y == c)], edges)[0].astype(float).tolist() for c in (0, 1)]
    return FeatureRecord(
        name=name,
        kind=kind,
        separation=separation(values, y),
        missing_share=float(1 - present.mean()),
        histogram=HistogramRecord(edges=edges.tolist(), negative=counts[0], positive=counts[1]),
    )


def _edges(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bins over the middle 99.8 % of either class, the rest in the outermost bins."""
    if not len(values):
        return np.array([0.0, 1.0])
    parts = [values[y == c] for c in (0, 1) if (y == c).any()]
    lower = min(float(np.quantile(part, 0.001)) for part in parts)
    upper = max(float(np.quantile(part, 0.999)) for part in parts)
    if not upper > lower:
        lower, upper = lower - 0.5, upper + 0.5
    edges = np.linspace(lower, upper, _N_BINS + 1)
    edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
    return edges


def _category_record(
    name: str, kind: str, codes: np.ndarray, levels: tuple[str, ...], y: np.ndarray
) -> FeatureRecord:
    counts = [
        np.bincount(codes[(y == c) & (codes >= 0)], minlength=len(levels)).astype(float) for c in (0, 1)
    ]
    order = np.argsort(-(counts[0] + counts[1]), kind="stable")
    shown, other = order[:_MOST_LEVELS], order[_MOST_LEVELS:]
    named = [str(levels[k]) for k in shown] + (["(all others)"] if len(other) else [])
    tallies = [
        [*count[shown].tolist(), *([float(count[other].sum())] if len(other) else [])] for count in counts
    ]
    rate = np.divide(counts[1] + 0.5, counts[0] + counts[1] + 1.0)
    telling = np.where(codes >= 0, rate[np.maximum(codes, 0)] if len(levels) else 0.0, -1.0)
    return FeatureRecord(
        name=name,
        kind=kind,
        separation=separation(telling, y),
        missing_share=float((codes == MISSING).mean()),
        histogram=HistogramRecord(
            edges=[float(k) for k in range(len(named) + 1)], negative=tallies[0], positive=tallies[1]
        ),
        levels=named,
    )
