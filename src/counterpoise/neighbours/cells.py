"""Rows gathered into cells of near neighbours, by splitting at medians.

A cell is a run of rows in the new order, so that one matrix product compares a cell with anything. Splits follow the
widest column (J. Friedman, J. Bentley, R. Finkel, "An algorithm for finding best matches in logarithmic expected
time", ACM TOMS 3(3), 1977). Cells only ever save time: no answer depends on where they are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CELL", "Cells"]

CELL = 256
"""Rows of a cell, about: a product of two cells is 64 k estimates, small enough for a core's cache."""

_GLANCE = 512  # rows looked at to find the widest columns of a part, and their medians
_BITS = 5  # columns split at once: 32 parts


@dataclass(frozen=True)
class Cells:
    """Rows in an order where near rows stand together.

    Attributes
    ----------
    order : ndarray of shape (n,), int64
        Row numbers, cell after cell.
    start : ndarray of shape (n_cells + 1,), int64
        Where each cell begins in `order`.
    rows : ndarray of shape (n, d), float32 or float64
        The rows in that order.
    centre : ndarray of shape (n_cells, d)
        Mean of each cell.
    low, high : ndarray of shape (n_cells, d)
        The box around each cell.
    """

    order: np.ndarray
    start: np.ndarray
    rows: np.ndarray
    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, size: int = CELL) -> Cells:
        """Gather rows into cells.

        Parameters
        ----------
        X : ndarray of shape (n, d), float32 or float64
            Rows, at least one.
        size : int
            Rows of a cell, about; at most twice as many.

        Returns
        -------
        Cells
            Cells of size / 2 to 2 size rows, but for a few.
        """
        order, start = _split(X, size)
        rows = X[order]
        columns, cuts = np.ascontiguousarray(rows.T), start[:-1]  # reductions run along memory
        centre, low, high = (
            np.ascontiguousarray(pick.reduceat(columns, cuts, axis=1).T)
            for pick in (np.add, np.minimum, np.maximum)
        )
        centre /= np.diff(start)[:, None].astype(X.dtype)
        return cls(order, start, rows, centre, low, high)

    def __len__(self) -> int:
        return len(self.centre)

    def span(self, cell: int) -> slice:
        """Say where a cell stands in the order.

        Parameters
        ----------
        cell : int
            Its number.

        Returns
        -------
        slice
            Of `rows` and `order`.
        """
        return slice(int(self.start[cell]), int(self.start[cell + 1]))


def _split(X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    done: list[np.ndarray] = []
    parts = [np.arange(len(X))]
    while parts:
        rows = parts.pop()
        if len(rows) <= 2 * size:
            done.append(rows)
        else:
            parts.extend(_dealt(X, rows, size)[::-1])
    return np.concatenate(done), np.concatenate([[0], np.cumsum([len(rows) for rows in done])])


def _dealt(X: np.ndarray, rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Deal rows by the side of the median on which they lie in the widest columns."""
    part = X if len(rows) == len(X) else X[rows]
    glance = part[:: max(1, len(part) // _GLANCE)]
    n_bits = min(_BITS, X.shape[1], max(1, int(np.log2(len(rows) / size))))
    widest = np.argpartition(-glance.var(axis=0), n_bits - 1)[:n_bits]
    side = part[:, widest] > np.median(glance[:, widest], axis=0)
    code = np.zeros(len(rows), dtype=np.uint8)
    for bit in range(n_bits):
        code |= side[:, bit].view(np.uint8) << np.uint8(bit)
    order = rows[np.argsort(code, kind="stable")]
    sizes = np.bincount(code, minlength=2**n_bits)
    cuts = _cuts(sizes, size // 2)
    return np.split(order, cuts) if cuts else np.array_split(order, -(-len(rows) // size))


def _cuts(sizes: np.ndarray, least: int) -> list[int]:
    """Places to cut, so that no part has fewer than `least` rows."""
    cuts, begin, total = [], 0, int(sizes.sum())
    for end in np.cumsum(sizes)[:-1].tolist():
        if end - begin >= least and total - end >= least:
            cuts.append(end)
            begin = end
    return cuts
