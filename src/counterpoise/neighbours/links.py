"""Tomek links: pairs of rows of different classes that are each other's nearest.

One end of a link is never of the largest class, so only the nearest neighbour of each other row is needed, and then
that of the neighbours found: twice the minority's number of searches, whatever the size of the table. A neighbour
that has some row nearer to it than the link is dropped at first sight, by a product with a part of the table.

Source: I. Tomek, "Two modifications of CNN", IEEE Transactions on Systems, Man, and Cybernetics 6, 1976.
"""

from __future__ import annotations

import numpy as np

from counterpoise.neighbours.distances import product, rounding, squared_norms
from counterpoise.neighbours.editing import foreign_candidates
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.segments import Segments

__all__ = ["tomek_links"]

_GLANCE = 8192  # rows that a neighbour meets before it gets a full search


def tomek_links(index: Index, y: np.ndarray, segments: Segments | None = None) -> np.ndarray:
    """Find all Tomek links.

    Parameters
    ----------
    index : Index
        The rows, as points; at least two.
    y : ndarray of shape (n,), int64
        Class codes, from 0.
    segments : Segments, optional
        Rows that were invented, and between which they lie. The answer is the same without; it only takes longer.

    Returns
    -------
    ndarray of shape (m, 2), int64
        Row numbers of each link, the smaller first. Of equally near rows the one with the smaller number counts as
        the nearest.
    """
    rows = _one_end_of_each(index, y, segments)
    if not len(rows):
        return np.empty((0, 2), dtype=np.int64)
    distance, near = (found[:, 0] for found in index.nearest_rows(rows, 1))
    nearest = np.full(len(y), -1, dtype=np.int64)
    nearest[rows] = near
    differs = y[near] != y[rows]
    rows, near, distance = rows[differs], near[differs], distance[differs]
    unknown = nearest[near] < 0
    hopeful = np.flatnonzero(unknown)[_unbeaten(index, near[unknown], distance[unknown])]
    asked = np.unique(near[hopeful])
    if len(asked):
        nearest[asked] = index.nearest_rows(asked, 1)[1][:, 0]
    is_link = nearest[near] == rows
    links = np.sort(np.stack([rows[is_link], near[is_link]], axis=1), axis=1)
    return np.unique(links, axis=0)


def _one_end_of_each(index: Index, y: np.ndarray, segments: Segments | None) -> np.ndarray:
    """Give rows among which is at least one end of every link: all classes but one, less what is proven."""
    counts = np.bincount(y)
    if segments is not None:
        counts = counts - np.bincount(y[segments.rows], minlength=len(counts))
    spared = int(counts.argmax())
    classes = [c for c in np.flatnonzero(np.bincount(y)).tolist() if c != spared]
    if segments is None:
        return np.flatnonzero(y != spared)
    found = foreign_candidates(index, y, classes, 1, segments)
    return np.sort(np.concatenate([np.empty(0, np.int64), *found.values()]))


def _unbeaten(index: Index, rows: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Say of which rows no point of a part of the table is surely nearer than a squared distance."""
    points = index.points
    if not points.is_plain or not len(rows) or index.product_type is not np.float32:
        return np.ones(len(rows), dtype=bool)
    part = np.arange(0, len(points), max(1, len(points) // _GLANCE))
    centre = points.numbers[rows].mean(axis=0, dtype=np.float64)
    left = (points.numbers[part] - centre).astype(np.float32)
    right = (points.numbers[rows] - centre).astype(np.float32)
    bound = rounding(left.shape[1] + 1, np.float32)
    estimates = product(left, squared_norms(left) * (1 + bound), right)
    estimates[np.searchsorted(part, rows) % len(part), np.arange(len(rows))] = np.inf
    least = estimates.min(axis=0) + squared_norms(right) * (1 + bound)
    return np.asarray(~(least < distance))
