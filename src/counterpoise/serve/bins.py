"""Bins of features, packed: a byte a value for a few rows, counts for many.

The first byte says which. ``0``: what follows is a byte a value, row by row. ``1``: what follows is zlib-compressed
counts, uint32, little-endian, 256 a feature.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

__all__ = ["N_BINS", "counts", "packed"]

N_BINS = 256
"""Bins of a feature that a byte can number."""

MOST_ROWS_AS_CODES = 32
"""Rows from which counts take less room."""


def packed(codes: np.ndarray) -> bytes:
    """Pack the bins of rows.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_features), uint8
        The bin of each value.

    Returns
    -------
    bytes
        To be kept.
    """
    if len(codes) <= MOST_ROWS_AS_CODES:
        return b"\0" + np.ascontiguousarray(codes, dtype=np.uint8).tobytes()
    return b"\1" + zlib.compress(_counted(codes).astype("<u4").tobytes(), level=1)


def _counted(codes: np.ndarray) -> np.ndarray:
    columns = [np.bincount(codes[:, j], minlength=N_BINS) for j in range(codes.shape[1])]
    return np.array(columns, dtype=np.int64).reshape(codes.shape[1], N_BINS)


def counts(kept: Iterable[bytes | None], n_features: int) -> np.ndarray:
    """Add up the bins of requests.

    Parameters
    ----------
    kept : iterable of bytes or None
        What `packed` gave; None counts nothing.
    n_features : int
        Features of the version that answered them.

    Returns
    -------
    ndarray of shape (n_features, 256), int64
        Values in each bin of each feature.
    """
    total = np.zeros((n_features, N_BINS), dtype=np.int64)
    few = bytearray()
    for each in kept:
        if each is None:
            continue
        if each[0] == 0:
            few += each[1:]
        else:
            total += np.frombuffer(zlib.decompress(each[1:]), dtype="<u4").reshape(n_features, N_BINS)
    all_of_few = _counted(np.frombuffer(bytes(few), dtype=np.uint8).reshape(-1, n_features))
    summed: np.ndarray = total + all_of_few
    return summed
