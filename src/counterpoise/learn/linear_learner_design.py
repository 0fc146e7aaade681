"""The columns of a linear model: numbers, a column for each level of a category, and flags of what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from counterpoise.learn.encode import TableEncoder

__all__ = ["LinearDesign"]

MAX_LEVELS = 64
"""Levels of a category with a column of their own, most frequent first; the rest share one."""


class LinearDesign(BaseEstimator):
    """Turn a table into the columns that a linear model weighs.

    A number keeps its column; where it was missing in `fit` it has a second one that flags it, and the gap is filled
    with the mean. A category has a column for each level; missing and unknown ones have zeros in all of them, and a
    flag where values were missing in `fit`.

    Attributes
    ----------
    encoder_ : TableEncoder
        Kinds and levels of the input's columns.
    names_ : list of str
        One name for each column of the design.
    fill_ : ndarray of shape (n_columns,), float64
        Mean of each numeric input column, used where it is missing.
    """

    def fit_block(self, X: Any, weight: np.ndarray) -> np.ndarray:
        """Learn the columns and give them.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        weight : ndarray of shape (n_rows,), float64
            Weights of rows, for means and frequencies.

        Returns
        -------
        ndarray of shape (n_rows, n_design), float64
            The columns.
        """
        self.encoder_ = TableEncoder()
        block = self.encoder_.fit_block(X)
        self.fill_ = weight @ block / weight.sum()
        self.flagged_ = np.isnan(self.fill_)
        for j in np.flatnonzero(self.flagged_):
            known = ~np.isnan(block[:, j])
            self.fill_[j] = np.average(block[known, j], weights=weight[known]) if known.any() else 0.0
        self.own_ = [
            _frequent(block[:, j], weight) if is_category else np.empty(0, dtype=np.int64)
            for j, is_category in enumerate(self.encoder_.categorical_)
        ]
        self.names_ = self._names()
        return self._columns(block)

    def block(self, X: Any) -> np.ndarray:
        """Give the columns of a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_design), float64
            The columns.
        """
        return self._columns(self.encoder_.block(X))

    def _columns(self, block: np.ndarray) -> np.ndarray:
        if not self.flagged_.any() and not self.encoder_.categorical_.any():
            gaps = np.isnan(block)
            return np.where(gaps, self.fill_, block) if gaps.any() else block
        parts = []
        for j, is_category in enumerate(self.encoder_.categorical_):
            column = block[:, j]
            gap = np.isnan(column)
            parts.extend(
                _one_hot(column, self.own_[j]) if is_category else [np.where(gap, self.fill_[j], column)]
            )
            if self.flagged_[j]:
                parts.append(gap.astype(np.float64))
        return np.column_stack(parts)

    def _names(self) -> list[str]:
        inputs = self.encoder_.get_feature_names_out()
        coded = [j for j, kind in enumerate(self.encoder_.kinds_) if kind in ("boolean", "category")]
        levels = dict(zip(coded, self.encoder_.levels_, strict=True))
        names: list[str] = []
        for j, name in enumerate(inputs):
            if self.encoder_.categorical_[j]:
                names += [f"{name}={levels[j][code]}" for code in self.own_[j]] + [f"{name}=other"]
            else:
                names.append(str(name))
            if self.flagged_[j]:
                names.append(f"{name} is missing")
        return names


def _frequent(codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    known = ~np.isnan(codes)
    mass = np.bincount(codes[known].astype(np.int64), weights=weight[known])
    kept = np.argsort(-mass, kind="stable")[:MAX_LEVELS]
    return np.asarray(np.sort(kept))


def _one_hot(codes: np.ndarray, own: np.ndarray) -> list[np.ndarray]:
    columns = [(codes == code).astype(np.float64) for code in own]
    return [*columns, (~np.isnan(codes) & ~np.isin(codes, own)).astype(np.float64)]
