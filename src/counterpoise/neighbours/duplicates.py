"""Rows that repeat: found in one sort, whatever the number of columns.

Real tables repeat (an intrusion log: six rows in ten). Equal rows are equally near to everything, so a search over the
distinct rows, widened again to row numbers, is exact and does not drown in ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Distinct", "distinct_rows"]

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Knuth, TAOCP vol. 3, section 6.4


@dataclass(frozen=True)
class Distinct:
    """The distinct rows of a table, and where each occurs.

    Attributes
    ----------
    group : ndarray of shape (n,), int64
        For each row the number of its distinct row.
    first : ndarray of shape (n_distinct,), int64
        The first row of each group, ascending.
    order : ndarray of shape (n,), int64
        Rows sorted by group, ascending within a group.
    start : ndarray of shape (n_distinct + 1,), int64
        Where each group begins in `order`.
    """

    group: np.ndarray
    first: np.ndarray
    order: np.ndarray
    start: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """Number of rows of each group."""
        return np.diff(self.start)

    def __len__(self) -> int:
        return len(self.first)


def distinct_rows(X: np.ndarray, codes: np.ndarray | None = None) -> Distinct:
    """Find the distinct rows.

    Rows are hashed, sorted by hash and compared with the row before; where two different rows share a hash (about once
    in 2^64 pairs) they are sorted by value instead, so the answer never rests on the hash.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32 or float64
        Rows, without missing values.
    codes : ndarray of shape (n, c), optional
        Category codes that must agree too.

    Returns
    -------
    Distinct
        Groups of equal rows; 0.0 equals -0.0.
    """
    keys = _hashes(X, codes)
    order = np.argsort(keys, kind="stable")
    same_key = keys[order[1:]] == keys[order[:-1]]
    suspects = np.flatnonzero(same_key)
    same = _equal(X, codes, order[suspects], order[suspects + 1])
    if not same.all():
        columns = [*X.T, *(codes.T if codes is not None else ())]
        order = np.lexsort(columns[::-1])
        suspects = np.arange(len(order) - 1)
        same = _equal(X, codes, order[:-1], order[1:])
    new = np.ones(len(order), dtype=bool)
    new[suspects[same] + 1] = False
    return _numbered(order, np.flatnonzero(new))


def _numbered(order: np.ndarray, begin: np.ndarray) -> Distinct:
    """Number groups by their first row, so that of two the one with the smaller number has the smaller rows first."""
    n, sizes = len(order), np.diff(begin, append=len(order))
    first = order[begin]
    rank = np.argsort(first, kind="stable")
    start = np.concatenate([[0], np.cumsum(sizes[rank])])
    moved = np.repeat(begin[rank] - start[:-1], sizes[rank]) + np.arange(n)
    order = order[moved]
    group = np.empty(n, dtype=np.int64)
    group[order] = np.repeat(np.arange(len(begin)), sizes[rank])
    return Distinct(group, first[rank], order, start)


def _equal(X: np.ndarray, codes: np.ndarray | None, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    same = np.ones(len(a), dtype=bool)
    for j in range(X.shape[1]):
        same &= X[a, j] == X[b, j]
    if codes is not None:
        same &= (codes[a] == codes[b]).all(axis=1)
    return same


def _hashes(X: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
    keys = np.zeros(len(X), dtype=np.uint64)
    for j in range(X.shape[1]):
        _mix(keys, (X[:, j].astype(np.float64) + 0.0).view(np.uint64))
    for j in range(codes.shape[1] if codes is not None else 0):
        _mix(keys, codes[:, j].astype(np.int64).view(np.uint64))  # type: ignore[index]
    return keys


def _mix(keys: np.ndarray, word: np.ndarray) -> None:
    keys ^= word
    keys *= _ODD
    keys ^= keys >> np.uint64(29)
