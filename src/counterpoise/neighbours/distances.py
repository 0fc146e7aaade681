"""The distance, once and for all: what two rows are apart, and how far a fast estimate can be off.

Every answer of this room rests on one definition, evaluated in float64 column by column in order::

    d²(a, b) = Σ_j (a_j - b_j)²                                        numbers
    d²(a, b) = Σ_j (a_j - b_j)² + penalty · #{j : code_aj ≠ code_bj}     numbers and categories

The order of the sum is fixed, so d(a, b) = d(b, a) to the last bit and the value does not depend on how rows are
grouped into blocks. Matrix products estimate it as |a|² + |b|² - 2a·b; `rounding` bounds the estimate's error
(N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, section 3.1), so that an estimate decides
only what it can prove.
"""

from __future__ import annotations

import numpy as np

__all__ = ["CELL_BYTES", "pair_distances", "rounding", "squared_norms"]

CELL_BYTES = 1 << 19
"""Size of the scratch of one batch of pairs: half a megabyte stays in a core's own cache."""


def squared_norms(X: np.ndarray) -> np.ndarray:
    """Square the length of each row.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.

    Returns
    -------
    ndarray of shape (n,), float64
        ``Σ_j X_ij²``.
    """
    norms: np.ndarray = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    return norms


def rounding(n_columns: int, dtype: np.dtype | type) -> float:
    """Bound the relative error of a distance estimated by a matrix product.

    Parameters
    ----------
    n_columns : int
        Number of columns of the product.
    dtype : dtype
        float32 or float64, in which the product is computed.

    Returns
    -------
    float
        c such that ``|estimate - d²(a, b)| <= c (|a|² + |b|²)``, for rows rounded to `dtype` first.
    """
    return float((2 * n_columns + 16) * np.finfo(dtype).eps)


def pair_distances(
    A: np.ndarray,
    B: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    *,
    codes: tuple[np.ndarray, np.ndarray] | None = None,
    penalty: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Compute d² of pairs of rows, by the definition.

    Parameters
    ----------
    A, B : ndarray of shape (n_a, d) and (n_b, d)
        Rows.
    a, b : ndarray of shape (m,), int64
        Row numbers of the pairs.
    codes : tuple of two ndarrays of shape (n_a, c) and (n_b, c), optional
        Category codes of the rows.
    penalty : float or ndarray of shape (c,), default=0.0
        What a differing category adds to d².

    Returns
    -------
    ndarray of shape (m,), float64
        Squared distances.
    """
    total = np.zeros(len(a), dtype=np.float64)
    step = max(64, CELL_BYTES // (8 * max(1, A.shape[1])))
    for start in range(0, len(a), step):
        part = slice(start, start + step)
        _add_numbers(total[part], A[a[part]], B[b[part]])
        if codes is not None:
            _add_categories(total[part], codes[0][a[part]], codes[1][b[part]], penalty)
    return total


def _add_numbers(total: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    gap = np.subtract(left, right, dtype=np.float64)
    gap *= gap
    for j in range(gap.shape[1]):
        total += gap[:, j]


def _add_categories(
    total: np.ndarray, left: np.ndarray, right: np.ndarray, penalty: float | np.ndarray
) -> None:
    penalties = np.broadcast_to(np.asarray(penalty, dtype=np.float64), left.shape[1:])
    for j in range(left.shape[1]):
        total += penalties[j] * (left[:, j] != right[:, j])
