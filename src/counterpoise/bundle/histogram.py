"""How often values fell where, at a bounded size: what a bundle remembers of its training rows for a monitor."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

__all__ = ["MOST_BINS", "NO_BIN", "Histogram"]

MOST_BINS = 20
"""Most bins of a feature, beside the one of what is missing."""

NO_BIN = 255
"""Code where a feature has no histogram; bins are numbered in one byte."""

SCORE_SHARES = (*np.arange(1, 10) / 10, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
"""Shares of the rows below each edge between scores: dense at the top, where a rare class is called."""

LEAST_ABOVE = 5
"""Rows above the highest edge between scores."""


class Histogram(BaseModel):
    """Counts of numbers between edges, or of levels; the last count is of what is missing.

    Attributes
    ----------
    edges : list of float
        Rising; a number is in the bin whose position is the count of edges below it. Empty for levels.
    levels : list of str
        Levels with a bin of their own; others share the bin after them. Empty for numbers.
    counts : list of float
        Rows in each bin: one more than edges (or levels), then the missing ones.
    """

    model_config = ConfigDict(frozen=True)

    edges: list[float] = []
    levels: list[str] = []
    counts: list[float]

    @classmethod
    def of_numbers(cls, values: np.ndarray, weights: np.ndarray | None = None) -> Histogram:
        """Count numbers between quantiles, or each value for itself where they are few.

        Parameters
        ----------
        values : ndarray of shape (n_rows,), float64
            NaN where missing.
        weights : ndarray of shape (n_rows,), optional
            How many rows each stands for.

        Returns
        -------
        Histogram
            At most `MOST_BINS` bins.
        """
        known = values[np.isfinite(values)]
        distinct = np.unique(known)
        if len(distinct) <= MOST_BINS:
            edges = distinct[:-1] / 2 + distinct[1:] / 2
        else:
            shares = np.arange(1, MOST_BINS) / MOST_BINS
            edges = np.unique(np.quantile(known, shares, method="higher"))
        return cls._filled(edges[edges < distinct[-1]] if len(distinct) else edges, values, weights)

    @classmethod
    def of_scores(cls, scores: np.ndarray, threshold: float, weights: np.ndarray | None = None) -> Histogram:
        """Count probabilities, with an edge at the line and fine bins at the top.

        Parameters
        ----------
        scores : ndarray of shape (n_rows,), float64
            Probabilities of the positive class.
        threshold : float
            The line: a score of at least this is an alert.
        weights : ndarray of shape (n_rows,), optional
            How many rows each stands for.

        Returns
        -------
        Histogram
            The count of alerts is exact.
        """
        ordered = np.sort(scores[np.isfinite(scores)])
        shares = [share for share in SCORE_SHARES if (1 - share) * len(ordered) >= LEAST_ABOVE]
        edges = np.quantile(ordered, shares, method="higher") if len(shares) else np.empty(0)
        edges = np.unique(np.append(edges, below_line(threshold)))
        return cls._filled(edges, scores, weights)

    @classmethod
    def of_levels(cls, values: pl.Series, weights: np.ndarray | None = None) -> Histogram:
        """Count levels, the most frequent ones for themselves.

        Parameters
        ----------
        values : polars.Series of str or bool
            Null where missing.
        weights : ndarray of shape (n_rows,), optional
            How many rows each stands for.

        Returns
        -------
        Histogram
            At most `MOST_BINS` levels.
        """
        text = values.cast(pl.String)
        most = text.drop_nulls().value_counts(sort=True)[:, 0].head(MOST_BINS).sort().to_list()
        empty = cls(levels=most, counts=[0.0] * (len(most) + 2))
        return empty._with_counts(empty.codes(text), weights)

    @classmethod
    def _filled(cls, edges: np.ndarray, values: np.ndarray, weights: np.ndarray | None) -> Histogram:
        empty = cls(edges=edges.tolist(), counts=[0.0] * (len(edges) + 2))
        return empty._with_counts(empty.codes(values), weights)

    def _with_counts(self, codes: np.ndarray, weights: np.ndarray | None) -> Histogram:
        mass = None if weights is None else weights * (len(weights) / weights.sum())
        counts = np.bincount(codes, weights=mass, minlength=len(self.counts))
        return self.model_copy(update={"counts": counts.astype(float).tolist()})

    @property
    def names(self) -> list[str]:
        """What each bin holds, in words; the last is of missing values."""
        if self.levels:
            return [*self.levels, "other", "missing"]
        ends = [f"{edge:.4g}" for edge in self.edges]
        if not ends:
            return ["any", "missing"]
        between = [f"{low} to {high}" for low, high in pairwise(ends)]
        return [f"up to {ends[0]}", *between, f"above {ends[-1]}", "missing"]

    def codes(self, values: Any) -> np.ndarray:
        """Say in which bin each value falls.

        Parameters
        ----------
        values : ndarray of float64, or polars.Series
            Numbers where the histogram has edges, text or booleans where it has levels.

        Returns
        -------
        ndarray of shape (n_rows,), uint8
            Positions in `counts`.
        """
        last = len(self.counts) - 1
        if isinstance(values, pl.Series) and (self.levels or not values.dtype.is_numeric()):
            found = [self._places.get(each, last - 1) for each in values.cast(pl.String).to_list()]
            return np.array(found, dtype=np.uint8)
        numbers = np.asarray(values, dtype=np.float64)
        places = np.searchsorted(np.asarray(self.edges), numbers, side="left")
        return np.where(np.isnan(numbers), last, places).astype(np.uint8)

    def code(self, value: Any) -> int:
        """Say in which bin one value falls, as `codes` does: for a row or two without the cost of arrays.

        Parameters
        ----------
        value : float, str, bool or None
            A number where the histogram has edges, text or a boolean where it has levels.

        Returns
        -------
        int
            Position in `counts`.
        """
        last = len(self.counts) - 1
        if value is None or value != value:
            return last
        if isinstance(value, bool | str):
            return self._places.get(value if isinstance(value, str) else str(value).lower(), last - 1)
        return bisect_left(self.edges, value)

    @cached_property
    def _places(self) -> dict[str | None, int]:
        return {None: len(self.counts) - 1, **{level: k for k, level in enumerate(self.levels)}}


def below_line(threshold: float) -> float:
    """Give the edge that has alerts, and only alerts, above it.

    Parameters
    ----------
    threshold : float
        A score of at least this is an alert.

    Returns
    -------
    float
        The largest number below the line.
    """
    return float(np.nextafter(threshold, -np.inf))
