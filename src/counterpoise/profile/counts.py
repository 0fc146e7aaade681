"""Counting: classes, groups, periods, missing values, repeated rows."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import stats

from counterpoise.profile.records import Duplicates, Groups, Missing, Period, Rate, Times
from counterpoise.table import Table

__all__ = [
    "binomial_interval",
    "count_duplicates",
    "count_groups",
    "count_missing",
    "count_times",
    "missing_of",
    "rate_of",
]

MAX_PERIODS = 60
"""More bars than this cannot be told apart."""

_STEPS = (
    ("1h", "1 hour", 3_600),
    ("6h", "6 hours", 21_600),
    ("1d", "1 day", 86_400),
    ("1w", "1 week", 7 * 86_400),
    ("1mo", "1 month", 30 * 86_400),
    ("1q", "1 quarter", 91 * 86_400),
    ("1y", "1 year", 365 * 86_400),
)
_EXPECTED = 5.0  # positives expected in each cell of a chi-square test (Cochran, Biometrics 10, 1954)


def binomial_interval(n_hits: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Give the exact interval of a share.

    The bounds are quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k).

    Parameters
    ----------
    n_hits : float
        Successes, 0 to n.
    n : float
        Trials, positive.
    confidence : float, default=0.95
        Coverage, at least.

    Returns
    -------
    tuple of float
        Lower and upper bound.

    References
    ----------
    C. Clopper, E. Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934.
    """
    tail = (1 - confidence) / 2
    lower = 0.0 if n_hits <= 0 else float(stats.beta.ppf(tail, n_hits, n - n_hits + 1))
    upper = 1.0 if n_hits >= n else float(stats.beta.ppf(1 - tail, n_hits + 1, n - n_hits))
    return lower, upper


def rate_of(n_positive: int, n_rows: int) -> Rate:
    """Give the share of positives with its interval.

    Parameters
    ----------
    n_positive, n_rows : int
        Counts.

    Returns
    -------
    Rate
        Share and 95 % interval.
    """
    lower, upper = binomial_interval(n_positive, n_rows)
    return Rate(value=n_positive / n_rows, lower=lower, upper=upper)


def count_groups(table: Table, y: np.ndarray) -> Groups | None:
    """Count rows and positives by group.

    Parameters
    ----------
    table : Table
        The table.
    y : ndarray of shape (n_rows,), bool
        Positives.

    Returns
    -------
    Groups or None
        None where no column has the role.
    """
    codes = table.groups
    if codes is None or table.roles.group is None:
        return None
    sizes = np.bincount(codes)
    positives = np.bincount(codes, weights=y)
    return Groups(
        column=table.roles.group,
        n_groups=len(sizes),
        n_with_positive=int((positives > 0).sum()),
        largest=int(sizes.max()),
        median=float(np.median(sizes)),
        n_mixed=int(((positives > 0) & (positives < sizes)).sum()),
    )


def count_times(table: Table, y: np.ndarray) -> Times | None:
    """Count rows and positives by period, and test whether the rate is one and the same.

    Parameters
    ----------
    table : Table
        The table.
    y : ndarray of shape (n_rows,), bool
        Positives.

    Returns
    -------
    Times or None
        None where no column has the role.
    """
    name = table.roles.time
    if name is None:
        return None
    column = table.frame[name]
    rows = pl.Series("n", np.ones(len(column), dtype=np.int64))
    if table.thinning is not None and table.thinning.days:  # counted in full while the rows were chosen
        days = table.thinning.days
        column = pl.Series(list(days)).str.to_date()
        rows = pl.Series([n for n, _ in days.values()])
        y = np.array([p for _, p in days.values()])
    starts, every = _starts_of_numbers(column) if column.dtype.is_numeric() else _starts_of_dates(column)
    counted = (
        pl.DataFrame({"start": starts, "n": rows, "y": pl.Series(y).cast(pl.Int64)})
        .group_by("start")
        .agg(pl.col("n").sum(), pl.col("y").sum())
        .sort("start")
    )
    periods = tuple(
        Period(start=str(start), n_rows=n, n_positive=int(p)) for start, n, p in counted.iter_rows()
    )
    return Times(
        column=name,
        first=str(column.min()),
        last=str(column.max()),
        every=every,
        periods=periods,
        drift_p_value=_one_rate([p.n_rows for p in periods], [p.n_positive for p in periods]),
    )


def _starts_of_dates(column: pl.Series) -> tuple[pl.Series, str]:
    stamps = column.cast(pl.Datetime("us"))
    first, last = stamps.min(), stamps.max()
    seconds = (last - first).total_seconds()  # type: ignore[operator,union-attr]
    code, words, _ = next((s for s in _STEPS if seconds / s[2] <= MAX_PERIODS), _STEPS[-1])
    starts = stamps.dt.truncate(code)
    return (starts if code.endswith("h") else starts.cast(pl.Date)), words


def _starts_of_numbers(column: pl.Series) -> tuple[pl.Series, str]:
    values = column.cast(pl.Float64).to_numpy()
    low, high = float(values.min()), float(values.max())
    step = (high - low) / 20 or 1.0
    at = np.minimum(((values - low) / step).astype(np.int64), 19)
    return pl.Series(np.round(low + at * step, 6)), f"{step:.4g} units"


def _one_rate(rows: list[int], positives: list[int]) -> float | None:
    """Test whether all periods share one rate; neighbours are joined until each expects five positives."""
    rate = sum(positives) / sum(rows)
    joined: list[list[int]] = []
    for n, hits in zip(rows, positives, strict=True):
        if joined and joined[-1][0] * rate < _EXPECTED:
            joined[-1][0] += n
            joined[-1][1] += hits
        else:
            joined.append([n, hits])
    if len(joined) > 1 and joined[-1][0] * rate < _EXPECTED:
        n, hits = joined.pop()
        joined[-1][0] += n
        joined[-1][1] += hits
    if len(joined) < 2:
        return None
    n, hits = np.array(joined, dtype=np.float64).T
    expected = n * rate
    statistic = float((((hits - expected) ** 2) / (expected * (1 - rate))).sum())
    return float(stats.chi2.sf(statistic, len(joined) - 1))


def count_missing(X: pl.DataFrame, y: np.ndarray) -> tuple[Missing, ...]:
    """Count missing values of each feature by class; features that lack none are left out.

    Parameters
    ----------
    X : polars.DataFrame
        Features.
    y : ndarray of shape (n_rows,), bool
        Positives.

    Returns
    -------
    tuple of Missing
        The most often missing first.
    """
    found = []
    for column in X.iter_columns():
        gone = is_missing(column)
        if gone.any():
            found.append(_missing(column.name, gone, y))
    return tuple(sorted(found, key=lambda m: (-m.n, m.column)))


def is_missing(column: pl.Series) -> np.ndarray:
    """Say of each value whether it is missing (null, or NaN).

    Parameters
    ----------
    column : polars.Series
        Values.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        True where missing.
    """
    gone = column.is_null()
    if column.dtype.is_float():
        gone = gone | column.is_nan().fill_null(True)
    return gone.to_numpy()


def _missing(name: str, gone: np.ndarray, y: np.ndarray) -> Missing:
    n_positive, in_positive = int(y.sum()), int((gone & y).sum())
    return missing_of(name, int(gone.sum()) - in_positive, in_positive, len(y) - n_positive, n_positive)


def missing_of(name: str, in_negative: int, in_positive: int, n_negative: int, n_positive: int) -> Missing:
    """Describe the missing values of a feature from counts.

    Parameters
    ----------
    name : str
        The feature.
    in_negative, in_positive : int
        Rows of each class that lack it.
    n_negative, n_positive : int
        Rows of each class.

    Returns
    -------
    Missing
        Shares, and the test that both classes lack it equally often.
    """
    n = in_negative + in_positive
    return Missing(
        column=name,
        n=n,
        share=n / (n_negative + n_positive),
        share_positive=in_positive / n_positive,
        share_negative=in_negative / n_negative,
        p_value=_equal_shares(in_positive, n_positive, in_negative, n_negative),
    )


def _equal_shares(a: int, n_a: int, b: int, n_b: int) -> float:
    both = (a + b) / (n_a + n_b)
    if both in (0.0, 1.0):
        return 1.0
    if min(n_a, n_b) * min(both, 1 - both) < _EXPECTED:
        return float(stats.fisher_exact([[a, n_a - a], [b, n_b - b]]).pvalue)
    z = (a / n_a - b / n_b) / np.sqrt(both * (1 - both) * (1 / n_a + 1 / n_b))
    return float(2 * stats.norm.sf(abs(z)))


def count_duplicates(X: pl.DataFrame, y: np.ndarray) -> Duplicates:
    """Count rows whose features repeat an earlier row's, and those that then disagree about the label.

    Rows are hashed; only those whose hash repeats are compared value by value.

    Parameters
    ----------
    X : polars.DataFrame
        Features.
    y : ndarray of shape (n_rows,), integer
        Labels.

    Returns
    -------
    Duplicates
        Counts.
    """
    label = pl.Series("__label__", np.asarray(y, dtype=np.int64))
    repeated = X.hash_rows(seed=0).is_duplicated()
    some = X.filter(repeated).with_columns(label.filter(repeated))
    if not some.height:
        return Duplicates(n_repeats=0, n_conflicting=0, n_positive_repeats=0)
    per_row = some.group_by(X.columns).agg(
        pl.len(),
        pl.col("__label__").n_unique().alias("__labels__"),
        (pl.col("__label__") > 0).sum().alias("__positive__"),
    )
    return Duplicates(
        n_repeats=int(per_row["len"].sum() - per_row.height),
        n_conflicting=int(per_row.filter(pl.col("__labels__") > 1)["len"].sum()),
        n_positive_repeats=int((per_row["__positive__"].cast(pl.Int64) - 1).clip(0).sum()),
    )
