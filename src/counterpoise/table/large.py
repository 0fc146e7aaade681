"""Numbers so large that their squares are infinite: distances and spreads of such columns are no numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.errors import InputError
from counterpoise.table import frames

__all__ = ["LARGEST", "refuse_too_large"]

LARGEST = 1e150
"""Largest number that is taken: the squares of ten million of them still have a sum."""


def refuse_too_large(X: Any) -> None:
    """Refuse numbers that cannot be squared; NaN and infinite ones are not looked for here.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame of shape (n_rows, n_columns)
        The table.

    Raises
    ------
    InputError
        If a number is above 1e150 or below -1e150; the first column and row are named.
    """
    if all(_is_small(block) for block in frames.float_blocks(X)):
        return
    for j, column in _columns(X):
        found = np.flatnonzero(np.isfinite(column) & (np.abs(column) > LARGEST))
        if len(found):
            raise _too_large(X, j, column, found)


def _is_small(block: np.ndarray) -> bool:
    if block.size == 0 or block.dtype != np.float64:  # single precision ends at 3e38
        return True
    return bool(np.fmin.reduce(block, axis=None) >= -LARGEST and np.fmax.reduce(block, axis=None) <= LARGEST)


def _columns(X: Any) -> Iterator[tuple[int, np.ndarray]]:
    if sparse.issparse(X):
        X = X.tocsc()
        yield from ((j, X[:, [j]].toarray()[:, 0]) for j in range(X.shape[1]))
    else:
        seen = frames.features(X)
        yield from ((int(j), seen.numeric[:, place]) for place, j in enumerate(seen.numeric_columns))


def _too_large(X: Any, j: int, column: np.ndarray, found: np.ndarray) -> InputError:
    names = frames.column_names(X)
    named = f"Column {names[j]!r}" if names is not None else f"Column {j}"
    return InputError(
        f"{named} holds {column[found[0]]:.4g} in row {found[0]} (counted from 0); such numbers: {len(found)}.",
        expected=f"Expected numbers between -{LARGEST:g} and {LARGEST:g}.",
        why="Distances and spreads are sums of squares, and the square of a larger number is infinite.",
        hint="Divide the column, take its logarithm, mark such values as missing, or leave the column out.",
    )
