"""The columns that a linear model of a table weighs.

A number is standardised and, where it takes many values, has a second, bent column: the inverse hyperbolic sine of
its distance to the median in units of the interquartile range, which is linear near the median and logarithmic in
the tails. A rare class lives in the tails, and a few huge values otherwise set the scale for all others (J. Burbidge,
L. Magee, A. Robb, "Alternative transformations to handle extreme values", JASA 83, 1988). A missing number is the
median and raises a flag; a category has a column for each level that is frequent enough, and one for the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

from counterpoise.learn.encode import TableEncoder, names_out

__all__ = ["TableDesign", "weighted_quantiles"]

MANY_VALUES = 10
"""Distinct values from which a number has a bent column."""

ROWS_AT_ONCE = 4096
"""Rows whose columns are computed together: so many stay in the processor's cache."""

SPARSE_FROM = 6
"""Times as many columns as a row fills, from which on products of sparse columns are the quicker ones."""

LEAST_ROWS = 3
"""Rows (or weight) that a level or a flag must have for a column of its own: one row teaches only itself."""


class TableDesign(BaseEstimator):
    """Turn a table into the columns of a linear model.

    Parameters
    ----------
    is_bent : bool, default=True
        Give numbers of many values a second, bent column.

    Attributes
    ----------
    encoder_ : TableEncoder
        Kinds and levels of the table's columns.
    names_ : list of str
        Name of each column of the design: ``"amount"``, ``"amount (bent)"``, ``"amount missing"``,
        ``"shop = a"``, ``"shop = (other)"``.
    """

    def __init__(self, is_bent: bool = True) -> None:
        self.is_bent = is_bent

    def fit_block(self, X: Any, weights: np.ndarray | None) -> np.ndarray | csr_array:
        """Learn the columns from a table and give them.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        weights : ndarray of shape (n_rows,), float64, or None
            Positive weights; a row of weight 2 counts as two rows.

        Returns
        -------
        ndarray or csr_array of shape (n_rows, n_design), float64
            The columns; sparse where categories have many levels.
        """
        self.encoder_ = TableEncoder()
        block = self.encoder_.fit_block(X)
        mass = np.ones(len(block)) if weights is None else weights
        p = block.shape[1]
        self.middle_, self.spread_ = np.zeros(p), np.ones(p)
        self.mean_, self.scale_ = np.zeros((p, 2)), np.ones((p, 2))
        self.has_flag_, self.has_bent_ = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
        self.is_used_, self.has_other_ = np.zeros(p, dtype=bool), np.zeros(p, dtype=bool)
        self.levels_: list[np.ndarray] = [np.empty(0, dtype=np.int64) for _ in range(p)]
        for j in range(p):
            column = block[:, j]
            missing = np.isnan(column)
            self.has_flag_[j] = mass[missing].sum() >= LEAST_ROWS and bool((~missing).any())
            if self.encoder_.categorical_[j]:
                self._learn_levels(j, column[~missing].astype(np.int64), mass[~missing])
            else:
                self._learn_number(j, column, missing, mass)
        self.names_ = self._names()
        return self._columns(block)

    def _learn_levels(self, j: int, codes: np.ndarray, mass: np.ndarray) -> None:
        counts = np.bincount(codes, weights=mass)
        self.levels_[j] = np.flatnonzero(counts >= LEAST_ROWS)
        self.has_other_[j] = ((counts > 0) & (counts < LEAST_ROWS)).any() and len(self.levels_[j]) > 0

    def _learn_number(self, j: int, column: np.ndarray, missing: np.ndarray, mass: np.ndarray) -> None:
        values, weights = column[~missing], mass[~missing]
        if len(values) == 0 or values.min() == values.max():
            return
        self.is_used_[j] = True
        low, middle, high = weighted_quantiles(values, weights, np.array([0.25, 0.5, 0.75]))
        filled = np.where(missing, middle, column)
        self.middle_[j] = middle
        self.mean_[j, 0], self.scale_[j, 0] = _mean_and_scale(filled, mass)
        self.spread_[j] = high - low if high > low else self.scale_[j, 0]
        self.has_bent_[j] = self.is_bent and len(np.unique(values)) > MANY_VALUES
        if self.has_bent_[j]:
            self.mean_[j, 1], self.scale_[j, 1] = _mean_and_scale(self._bend(j, filled), mass)

    def _bend(self, j: int | np.ndarray, filled: np.ndarray) -> np.ndarray:
        return np.asarray(np.arcsinh((filled - self.middle_[j]) / self.spread_[j]))

    def block(self, X: Any) -> np.ndarray | csr_array:
        """Give the columns of a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            A table with the columns of `fit_block`.

        Returns
        -------
        ndarray or csr_array of shape (n_rows, n_design), float64
            The columns; sparse where categories have many levels.
        """
        return self._columns(self.encoder_.block(X))

    def _columns(self, block: np.ndarray) -> np.ndarray | csr_array:
        n_levels = np.array([len(own) for own in self.levels_])
        of_number = self.is_used_.astype(np.int64) + self.has_bent_
        n_own = np.where(self.encoder_.categorical_, n_levels + self.has_other_, of_number)
        starts = np.cumsum(n_own + self.has_flag_) - n_own - self.has_flag_
        in_row = np.where(self.encoder_.categorical_, n_own + self.has_flag_ > 0, n_own + self.has_flag_)
        is_sparse = 0 < SPARSE_FROM * in_row.sum() <= len(self.names_)
        write = self._sparse if is_sparse else self._dense
        return write(block, starts, n_own, in_row)

    def _sparse(
        self, block: np.ndarray, starts: np.ndarray, n_own: np.ndarray, in_row: np.ndarray
    ) -> csr_array:
        """Write what may differ from zero: every number, and of each category the one column of the row's level."""
        n_rows, at = len(block), np.cumsum(in_row) - in_row
        data, where = np.ones((n_rows, in_row.sum())), np.empty((n_rows, in_row.sum()), dtype=np.int32)
        for j in np.flatnonzero(in_row).tolist():
            first, last = at[j], at[j] + in_row[j]
            if self.encoder_.categorical_[j]:
                place = self._places(j, block[:, j])
                missing = n_own[j] if self.has_flag_[j] else -1
                place[np.isnan(block[:, j])] = missing
                data[:, first] = place >= 0
                where[:, first] = starts[j] + np.maximum(place, 0)
            else:
                where[:, first:last] = starts[j] + np.arange(in_row[j])
                data[:, last - 1] = np.isnan(
                    block[:, j]
                )  # the flag, where there is one; else it is written over
        for first in range(0, n_rows, ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            self._write_numbers(block[some], data[some], at)
        ends = np.arange(n_rows + 1, dtype=np.int64) * in_row.sum()
        return csr_array((data.ravel(), where.ravel(), ends), shape=(n_rows, len(self.names_)))

    def _dense(
        self, block: np.ndarray, starts: np.ndarray, n_own: np.ndarray, in_row: np.ndarray
    ) -> np.ndarray:
        out = np.zeros((len(block), max(1, len(self.names_))))
        flagged = np.flatnonzero(self.has_flag_)
        for first in range(0, len(block), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            self._write_numbers(block[some], out[some], starts)
            for j in np.flatnonzero(self.encoder_.categorical_).tolist():
                place = self._places(j, block[some, j])
                known = np.flatnonzero(place >= 0)
                out[first + known, starts[j] + place[known]] = 1.0
            out[some, (starts + n_own)[flagged]] = np.isnan(block[some, flagged])
        return out

    def _write_numbers(self, block: np.ndarray, out: np.ndarray, starts: np.ndarray) -> None:
        used = np.flatnonzero(self.is_used_)
        values = block[:, used]
        filled = np.where(np.isnan(values), self.middle_[used], values)
        out[:, starts[used]] = (filled - self.mean_[used, 0]) / self.scale_[used, 0]
        bent = self.has_bent_[used]
        if bent.any():
            which = used[bent]
            curved = self._bend(which, filled[:, bent])
            out[:, starts[which] + 1] = (curved - self.mean_[which, 1]) / self.scale_[which, 1]

    def _places(self, j: int, column: np.ndarray) -> np.ndarray:
        """Give the place of each row's level among the category's columns; -1 where it has none."""
        levels = self.levels_[j]
        known = ~np.isnan(column)
        codes = np.where(known, column, -1.0).astype(np.int64)
        places = np.searchsorted(levels, codes)
        is_own = np.append(levels, -1)[places] == codes
        return np.where(known & is_own, places, np.where(known & self.has_other_[j], len(levels), -1))

    def _names(self) -> list[str]:
        names: list[str] = []
        texts = iter(self.encoder_.levels_)
        for j, name in enumerate(names_out(self.encoder_, None)):
            own = next(texts) if self.encoder_.kinds_[j] in ("boolean", "category") else []
            if self.encoder_.categorical_[j]:
                names += [f"{name} = {own[level]}" for level in self.levels_[j]]
                names += [f"{name} = (other)"] * bool(self.has_other_[j])
            else:
                names += [name] * bool(self.is_used_[j]) + [f"{name} (bent)"] * bool(self.has_bent_[j])
            names += [f"{name} missing"] * bool(self.has_flag_[j])
        return [str(name) for name in names]


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Give quantiles where a value of weight 2 counts as two values.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The values, without NaN.
    weights : ndarray of shape (n,)
        Positive weights.
    shares : ndarray of shape (m,)
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (m,)
        For each share the smallest value up to which at least that share of the weight lies.
    """
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    places = np.searchsorted(cumulated, shares * cumulated[-1] * (1 - 1e-12))
    return np.asarray(values[order][np.minimum(places, len(values) - 1)])


def _mean_and_scale(values: np.ndarray, mass: np.ndarray) -> tuple[float, float]:
    mean = float(np.average(values, weights=mass))
    scale = float(np.sqrt(np.average((values - mean) ** 2, weights=mass)))
    return mean, scale if scale > 0 else 1.0
