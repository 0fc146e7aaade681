"""Rows that are equal in all features: which they are, so that folds can keep them on one side.

A random split puts copies of a row on both sides, and a model that remembers is taken for one that has understood.
Rows may also be equal because their columns take few values; such rows are cases of their own, and where one of them
makes up much of its class, keeping all of them together would leave a fold without that class.

Source: Kapoor, Narayanan, "Leakage and the reproducibility crisis in machine-learning-based science", Patterns 4(9),
2023 (duplicates across the split).
"""

from __future__ import annotations

import numpy as np
import polars as pl

__all__ = ["equal_rows", "is_telling"]


def equal_rows(X: pl.DataFrame) -> np.ndarray:
    """Number the rows that are equal to another row.

    Parameters
    ----------
    X : polars.DataFrame of n rows
        The columns in which rows may be equal.

    Returns
    -------
    ndarray of shape (n,), int64
        The same number, from 0, for equal rows, in the order in which they first occur; -1 for a row that is like no
        other.
    """
    keys = X.hash_rows(seed=0) if X.width else pl.Series(np.zeros(X.height, dtype=np.uint64))
    repeated = keys.is_duplicated().to_numpy()
    codes = np.full(X.height, -1, dtype=np.int64)
    if repeated.any():
        _, first, number = np.unique(keys.to_numpy()[repeated], return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first, kind="stable")] = np.arange(len(first))
        codes[repeated] = place[number]
    return codes


def is_telling(X: pl.DataFrame, copies: np.ndarray) -> np.ndarray:
    """Say of each repeated row whether it must be a copy: it holds a value that no other distinct row holds.

    Where every value of a row also occurs in other rows, rows may be equal by coincidence.

    Parameters
    ----------
    X : polars.DataFrame of n rows
        The columns in which rows are equal.
    copies : ndarray of shape (n,), int64
        As `equal_rows` gives it.

    Returns
    -------
    ndarray of shape (n,), bool
        False for rows that are like no other.
    """
    found = np.zeros(X.height, dtype=bool)
    repeated = copies >= 0
    if not repeated.any():
        return found
    numbers, first = np.unique(copies[repeated], return_index=True)
    chosen = np.concatenate([np.flatnonzero(repeated)[first], np.flatnonzero(~repeated)])
    distinct = X[chosen]
    rare = np.zeros(len(numbers), dtype=bool)
    for column in distinct.iter_columns():
        if column.dtype.is_float() or column.dtype.is_integer() or column.dtype.is_temporal():
            unique = column.is_unique() & column.is_not_null()
            rare |= unique.to_numpy()[: len(numbers)]
    found[repeated] = rare[copies[repeated]]
    return found
