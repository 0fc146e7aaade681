"""A table as points in a space: numbers, categories, and what a missing value means.

* A number counts in its own unit, as given: scale columns first where their units differ.
* A boolean is 0 or 1. A date is its seconds since 1970.
* A differing category adds a constant to d², the `penalty`: the median over the numeric columns of the variance within
  the smallest class (N. Chawla et al., "SMOTE", JAIR 16, 2002, section 6.1), and 1 where no number varies. No column
  of zeros and ones is ever made.
* A missing number sits at the mean of its column: two rows that both lack it do not differ there. A missing category
  is a category of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.table.frames import Features, features

__all__ = ["Space", "category_penalty", "filled"]


@dataclass(frozen=True)
class Space:
    """Rows that distances can be asked of.

    Attributes
    ----------
    numbers : ndarray or CSR matrix of shape (n, d), float32 or float64
        Coordinates, none missing.
    codes : ndarray of shape (n, c), int32, or None
        Category codes; None where there are no categories.
    penalty : float or ndarray of shape (c,)
        What a differing category adds to the squared distance.
    """

    numbers: Any
    codes: np.ndarray | None = None
    penalty: float | np.ndarray = 0.0

    @classmethod
    def of(cls, X: Any, minority: np.ndarray | None = None) -> Space:
        """See a table of any kind as points.

        Parameters
        ----------
        X : ndarray, sparse matrix, frame or Space
            The table.
        minority : ndarray of shape (n,), bool, optional
            The rows whose spread sets the penalty of a differing category; all rows where it is not given.

        Returns
        -------
        Space
            A view where X is a float array without missing values.
        """
        if isinstance(X, Space):
            return X
        if sparse.issparse(X):
            return cls(_sparse_numbers(X))
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiub" and X.ndim == 2:
            return cls(filled(_as_floats(X)))
        return _mixed(features(X), minority)

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of numeric coordinates."""
        return int(self.numbers.shape[1])

    @property
    def is_plain(self) -> bool:
        """Whether the space is a dense matrix of numbers and nothing else."""
        return self.codes is None and isinstance(self.numbers, np.ndarray)

    def take(self, rows: np.ndarray | slice) -> Space:
        """Take some of the rows.

        Parameters
        ----------
        rows : ndarray of int64, or slice
            Row numbers.

        Returns
        -------
        Space
            The same space with those rows only.
        """
        codes = None if self.codes is None else self.codes[rows]
        return Space(self.numbers[rows], codes, self.penalty)

    def stacked(self, other: Space) -> Space:
        """Put the rows of another part of the same space behind these.

        Parameters
        ----------
        other : Space
            Of the same columns.

        Returns
        -------
        Space
            All rows of both.
        """
        both = (self.numbers, other.numbers)
        numbers = (
            np.concatenate(both)
            if isinstance(self.numbers, np.ndarray)
            else sparse.vstack(both, format="csr")
        )
        codes = (
            None if self.codes is None or other.codes is None else np.concatenate([self.codes, other.codes])
        )
        return Space(numbers, codes, self.penalty)

    def dense(self, rows: np.ndarray | slice) -> np.ndarray:
        """Give the coordinates of some rows as a dense matrix.

        Parameters
        ----------
        rows : ndarray of int64, or slice
            Row numbers.

        Returns
        -------
        ndarray of shape (m, d)
            Coordinates.
        """
        part = self.numbers[rows]
        dense: np.ndarray = part.toarray() if sparse.issparse(part) else part
        return dense


def filled(numbers: np.ndarray) -> np.ndarray:
    """Put missing numbers at the mean of their column.

    Parameters
    ----------
    numbers : ndarray of shape (n, d), float32 or float64
        Coordinates, NaN where missing.

    Returns
    -------
    ndarray of shape (n, d)
        The same array where nothing is missing, a copy otherwise; a column without any number is 0.
    """
    if not numbers.size or np.isfinite(numbers.sum()):
        return numbers
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers
    present = np.maximum((~missing).sum(axis=0), 1)
    means = np.where(missing, 0.0, numbers).sum(axis=0, dtype=np.float64) / present
    return np.where(missing, means.astype(numbers.dtype), numbers)


def category_penalty(numbers: np.ndarray) -> float:
    """Say what a differing category adds to the squared distance.

    Parameters
    ----------
    numbers : ndarray of shape (n, d)
        Coordinates of the rows whose spread counts, NaN where missing.

    Returns
    -------
    float
        The squared median of the columns' standard deviations (Chawla et al. 2002); 1.0 where it is zero.
    """
    present = ~np.isnan(numbers)
    counts = np.maximum(present.sum(axis=0), 1)
    values = np.where(present, numbers, 0.0).astype(np.float64)
    means = values.sum(axis=0) / counts
    spread = np.sqrt((np.where(present, values - means, 0.0) ** 2).sum(axis=0) / counts)
    penalty = float(np.median(spread) ** 2) if spread.size else 0.0
    return penalty if penalty > 0 else 1.0


def _as_floats(X: np.ndarray) -> np.ndarray:
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def _sparse_numbers(X: Any) -> Any:
    rows = X.tocsr()
    rows = rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)
    if np.isfinite(rows.data.sum()) or not np.isnan(rows.data).any():
        return rows
    rows = rows.copy()
    gone = np.isnan(rows.data)
    column = rows.indices[gone]
    sums = np.bincount(rows.indices, np.where(gone, 0.0, rows.data), minlength=rows.shape[1])
    present = rows.shape[0] - np.bincount(column, minlength=rows.shape[1])
    rows.data[gone] = (sums / np.maximum(present, 1))[column]
    return rows


def _mixed(table: Features, minority: np.ndarray | None) -> Space:
    is_flag = np.array([table.kinds[j] == "boolean" for j in table.coded_columns], dtype=bool)
    numbers = table.numeric
    if is_flag.any():
        flags = np.where(table.codes[:, is_flag] < 0, np.nan, table.codes[:, is_flag])
        numbers = np.hstack([numbers, flags.astype(np.float64)])
    codes = np.ascontiguousarray(table.codes[:, ~is_flag])
    if not codes.shape[1]:
        return Space(filled(numbers))
    penalty = category_penalty(table.numeric if minority is None else table.numeric[minority])
    return Space(filled(numbers), codes, penalty)
