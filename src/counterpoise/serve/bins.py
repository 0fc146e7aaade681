"""Bins of features, packed: a byte a value for a few rows, counts for many.

The first byte says which. ``0``: what follows is a byte a value, row by row. ``1``: what follows is zlib-compressed
counts, uint32, little-endian, 256 a feature.
"""

from __future__ import annotations

import time
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from counterpoise.bundle import FeatureSchema, Histogram
from counterpoise.bundle.histogram import NO_BIN
from counterpoise.serve.contract import as_seconds

__all__ = ["N_BINS", "Binner", "counts", "packed"]

N_BINS = 256
"""Bins of a feature that a byte can number."""

MOST_ROWS_AS_CODES = 32
"""Rows from which counts take less room."""


class Binner:
    """Says in which bins of the training histograms values fall, as `Schema.bins` does of frames.

    Parameters
    ----------
    features : sequence of FeatureSchema
        The features in order.
    """

    def __init__(self, features: Sequence[FeatureSchema]) -> None:
        self._histograms = [feature.histogram for feature in features]
        self._edges = [[] if h is None else h.edges for h in self._histograms]
        self._sorted = [np.append(edges, np.inf) for edges in self._edges]  # NaN is sorted behind infinity
        self._last = [NO_BIN if h is None else len(h.counts) - 1 for h in self._histograms]
        self._dates = {j: each for j, each in enumerate(features) if each.kind == "date" and each.histogram}
        self._places = [_places(feature, h) for feature, h in zip(features, self._histograms, strict=True)]

    def packed(self, columns: Sequence[np.ndarray | list[Any]]) -> bytes:
        """Say into which bins the values of rows fall, as it is kept.

        Parameters
        ----------
        columns : sequence of ndarray or list
            As `Rows` holds them.

        Returns
        -------
        bytes
            What `counts` unpacks.
        """
        if len(columns[0]) <= MOST_ROWS_AS_CODES:
            return packed(self.codes(columns))
        return _packed_counts(np.array([self._counted(j, column) for j, column in enumerate(columns)]))

    def codes(self, columns: Sequence[np.ndarray | list[Any]]) -> np.ndarray:
        """Give the bin of each value.

        Parameters
        ----------
        columns : sequence of ndarray or list
            As `Rows` holds them.

        Returns
        -------
        ndarray of shape (n_rows, n_features), uint8
            Positions in the histogram's counts; 255 for a feature that has none.
        """
        if len(columns[0]) == 1:
            return np.array([[self._one(j, column[0]) for j, column in enumerate(columns)]], dtype=np.uint8)
        return np.column_stack([self._many(j, column) for j, column in enumerate(columns)])

    def _one(self, j: int, value: Any) -> int:
        if j in self._dates:
            return int(self._many(j, [value])[0])
        places, last = self._places[j], self._last[j]
        if places is not None:
            return places.get(value, last - 1)
        return (
            last if last == NO_BIN or value is None or value != value else bisect_left(self._edges[j], value)
        )

    def _counted(self, j: int, column: np.ndarray | list[Any]) -> np.ndarray:
        """Count a feature's values by bin; of numbers, by how many lie above each edge: quicker than one by one."""
        edges = self._edges[j]
        if self._places[j] is not None or j in self._dates or self._last[j] == NO_BIN:
            return np.bincount(self._many(j, column), minlength=N_BINS)
        values = np.asarray(column, dtype=np.float64)
        above = [np.count_nonzero(values > edge) for edge in edges]  # NaN is above none
        missing = np.count_nonzero(np.isnan(values))
        found = np.zeros(N_BINS, dtype=np.int64)
        found[: len(edges) + 2] = np.append(-np.diff([len(values) - missing, *above, 0]), missing)
        return found

    def _many(self, j: int, column: np.ndarray | list[Any]) -> np.ndarray:
        if j in self._dates:
            return self._dates[j].date_codes(as_seconds(column), time.time())
        places, last = self._places[j], self._last[j]
        if places is not None:
            return np.array([places.get(value, last - 1) for value in column], dtype=np.uint8)
        if last == NO_BIN:
            return np.full(len(column), NO_BIN, dtype=np.uint8)
        return self._sorted[j].searchsorted(np.asarray(column, dtype=np.float64)).astype(np.uint8)


def _places(feature: FeatureSchema, histogram: Histogram | None) -> dict[Any, int] | None:
    """Give the bin of each level; None for numbers."""
    if histogram is None or feature.kind not in ("boolean", "category"):
        return None
    is_text = feature.kind == "category"
    known = {level if is_text else level == "true": place for place, level in enumerate(histogram.levels)}
    return {**known, None: len(histogram.counts) - 1}


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
    return _packed_counts(_counted(codes))


def _packed_counts(found: np.ndarray) -> bytes:
    return b"\1" + zlib.compress(found.astype("<u4").tobytes(), level=1)


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
