"""Hart's condensed nearest neighbour rule, a block of rows at a time.

Whether a row joins the store depends on the rows that joined before it, so rows are taken in order. But what the
store held at the beginning of a block is met by all rows of the block at once; only rows that joined within the block
are met one by one, by the rest of the block.

Source: P. Hart, "The condensed nearest neighbor rule", IEEE Transactions on Information Theory 14(3), 1968.
"""

from __future__ import annotations

import numpy as np

from counterpoise.neighbours.blocks import between
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.space import Space

__all__ = ["condensed"]

_BLOCK = 1024  # rows that meet the store at once


def condensed(
    own: Space, others: Space, seeds: np.ndarray, k: int, *, own_first: bool, n_jobs: int | None = None
) -> np.ndarray:
    """Say which rows of a class join the store.

    Parameters
    ----------
    own : Space
        The rows of the class, in order.
    others : Space
        Rows of the other class; all of them are in the store from the beginning.
    seeds : ndarray of shape (s,), int64
        Rows of the class that are in the store from the beginning.
    k : int
        How many rows of the store vote.
    own_first : bool
        Whether the class wins where votes are equal.
    n_jobs : int or None
        Threads.

    Returns
    -------
    ndarray of shape (n_own,), bool
        True for the seeds, and for each row that the store voted against when its turn came. Of equally near rows
        of the store those of its own class come first, so that a row which the store holds never joins again.
    """
    keep = np.zeros(len(own), dtype=bool)
    keep[seeds] = True
    joined = [np.asarray(seeds, dtype=np.int64)]
    for start in range(0, len(own), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(own)))
        members = np.concatenate(joined)
        store = own.take(members).stacked(others)
        width = min(k, len(store))
        distance, near = Index(store, n_jobs=n_jobs).nearest(own.take(rows), width)
        is_own = near < len(members)
        new = _join(own, rows, distance, is_own, keep, k, own_first)
        joined.append(new)
    return keep


def _join(
    own: Space,
    rows: np.ndarray,
    distance: np.ndarray,
    is_own: np.ndarray,
    keep: np.ndarray,
    k: int,
    own_first: bool,
) -> np.ndarray:
    """Let rows of a block join in order, each meeting those that joined before it; give those that joined."""
    new: list[int] = []
    part, at = own.take(rows), 0
    while True:
        votes = is_own[at:].sum(axis=1)
        against = 2 * votes < is_own.shape[1] if own_first else 2 * votes <= is_own.shape[1]
        wrong = np.flatnonzero(against & ~keep[rows[at:]])
        if not len(wrong):
            return rows[new]
        at += int(wrong[0])
        new.append(at)
        keep[rows[at]] = True
        at += 1
        if at == len(rows):
            return rows[new]
        later = np.arange(at, len(rows))
        gap = between(part, part, later, np.full(len(later), at - 1))
        distance, is_own = _inserted(distance, is_own, later, gap, k)


def _inserted(
    distance: np.ndarray, is_own: np.ndarray, rows: np.ndarray, gap: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Put a new member of the store before all of the other class that are as far, and keep the first k."""
    if distance.shape[1] < k:
        lack = ((0, 0), (0, 1))
        distance = np.pad(distance, lack, constant_values=np.inf)
        is_own = np.pad(is_own, lack)
    last = distance[rows, -1]
    enters = (gap < last) | ((gap == last) & ~is_own[rows, -1])
    nearer = rows[enters]
    if len(nearer):
        moved = np.column_stack([distance[nearer], gap[enters]])
        flags = np.column_stack([is_own[nearer], np.ones(len(nearer), dtype=bool)])
        order = np.lexsort((~flags, moved), axis=-1)[:, : distance.shape[1]]
        distance[nearer] = np.take_along_axis(moved, order, axis=1)
        is_own[nearer] = np.take_along_axis(flags, order, axis=1)
    return distance, is_own
