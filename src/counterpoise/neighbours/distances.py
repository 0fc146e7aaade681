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

from typing import Any

import numpy as np

__all__ = [
    "CELL_BYTES",
    "Scratch",
    "centred",
    "pair_distances",
    "product",
    "product_type",
    "rounding",
    "squared_norms",
]

_LARGEST_FLOAT32 = 1e16  # beyond this, squares and their sums may leave the range of float32

CELL_BYTES = 1 << 19
"""Size of the scratch of one batch of pairs: half a megabyte stays in a core's own cache."""


def product_type(*tables: Any) -> type:
    """Say in which precision products of some tables may be computed.

    Parameters
    ----------
    *tables : ndarray or CSR matrix
        Numbers, none missing.

    Returns
    -------
    type
        float32; float64 where squares could leave its range.
    """
    largest = max(_largest(table) for table in tables)
    return np.float32 if largest < _LARGEST_FLOAT32 else np.float64


def _largest(table: Any) -> float:
    values = table if isinstance(table, np.ndarray) else table.data
    return max(float(values.max()), -float(values.min())) if values.size else 0.0


class Scratch:
    """Memory that products write to, kept from one to the next: fresh pages cost more than the sums in them."""

    def __init__(self) -> None:
        self._parts: dict[str, np.ndarray] = {}

    def matrix(self, name: str, n_rows: int, n_columns: int, dtype: np.dtype) -> np.ndarray:
        """Give a matrix of undefined content; the last one of that name is overwritten.

        Parameters
        ----------
        name : str
            What it is for.
        n_rows, n_columns : int
            Its shape.
        dtype : dtype
            Its type.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
            Contiguous.
        """
        size = n_rows * n_columns
        part = self._parts.get(name)
        if part is None or len(part) < size or part.dtype != dtype:
            part = self._parts[name] = np.empty(size + size // 4, dtype=dtype)
        return part[:size].reshape(n_rows, n_columns)


def product(
    left: np.ndarray,
    weights: np.ndarray,
    right: np.ndarray,
    scratch: Scratch | None = None,
    name: str = "product",
) -> np.ndarray:
    """Estimate |l|² - 2 l·r for all pairs, with given weights in place of |l|².

    Parameters
    ----------
    left : ndarray of shape (m, d), float32 or float64
        Rows.
    weights : ndarray of shape (m,)
        What stands for |l|².
    right : ndarray of shape (n, d)
        Rows, of the same type.
    scratch : Scratch, optional
        Where to write; overwritten by the next product of that name.
    name : str
        Of the product in `scratch`.

    Returns
    -------
    ndarray of shape (m, n)
        In the type of the rows.
    """
    scratch, d = scratch or Scratch(), left.shape[1]
    extended = scratch.matrix(name + " left", len(left), d + 1, left.dtype)
    np.multiply(left, -2, out=extended[:, :-1])
    extended[:, -1] = weights
    lengthened = scratch.matrix(name + " right", d + 1, len(right), left.dtype)
    lengthened[:-1] = right.T
    lengthened[-1] = 1
    out = scratch.matrix(name, len(left), len(right), left.dtype)
    np.matmul(extended, lengthened, out=out)
    return out


def centred(X: np.ndarray, rows: np.ndarray, centre: np.ndarray, dtype: type) -> np.ndarray:
    """Take rows, subtract a centre in float64, and round.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.
    rows : ndarray of shape (m,), int64
        Which.
    centre : ndarray of shape (d,), float64
        What is subtracted.
    dtype : type
        float32 or float64.

    Returns
    -------
    ndarray of shape (m, d)
        Of that type.
    """
    out: np.ndarray = np.empty((len(rows), X.shape[1]), dtype=dtype)
    step = max(64, CELL_BYTES // (8 * max(1, X.shape[1])))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        np.subtract(X[rows[part]], centre, out=out[part], dtype=np.float64, casting="same_kind")
    return out


def squared_norms(X: np.ndarray) -> np.ndarray:
    """Square the length of each row.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows.

    Returns
    -------
    ndarray of shape (n,), float64
        ``Σ_j X_ij²``, summed in the type of X; `rounding` has room for its error.
    """
    norms: np.ndarray = np.einsum("ij,ij->i", X, X)
    return norms.astype(np.float64)


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
        c such that ``|estimate - d²(a, b)| <= c (|a|² + |b|²)``, for rows rounded to `dtype` first. Two for each
        column, and room for the roundings of rows, norms and a few sums and comparisons of estimates.
    """
    return float((2 * n_columns + 32) * np.finfo(dtype).eps)


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
