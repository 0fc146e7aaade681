"""Certificates where there are no cells: tables with categories, and sparse ones.

A row whose k nearest could only be of its own class needs no search. The distance to its nearest row of another
class, from below, takes one product with the minority; then the row meets a few hundred rows of its own class, drawn
at random, and those left over meet ever larger draws. As soon as k of them are surely nearer than anything foreign,
the row is certified. Estimates carry their error bound (`distances.rounding`), so nothing is certified that an exact
search would decide otherwise.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from counterpoise.neighbours.blocks import centre_of, least_of_each
from counterpoise.neighbours.search import Index
from counterpoise.neighbours.space import Space
from counterpoise.neighbours.workers import each

__all__ = ["without_certificate"]

_DRAWS = (512, 4096, 32768)  # rows of its own class that a row meets, one draw after the other
_PART = 4096  # rows of one task, where the working memory has room for them
_BYTES_OF_A_PAIR = 2  # scratch for a row and a point: a few numbers for each group of points


def without_certificate(index: Index, rows: np.ndarray, foreign: np.ndarray, k: int) -> np.ndarray:
    """Give the rows of a class whose k nearest may include a foreign row; all others surely do not.

    Parameters
    ----------
    index : Index
        The table, as points of any kind.
    rows : ndarray of shape (m,), int64
        All rows of the class.
    foreign : ndarray of shape (f,), int64
        All rows of other classes; at least one.
    k : int
        How many neighbours.

    Returns
    -------
    ndarray, int64
        Some of `rows`, ascending.
    """
    if index.product_type is not np.float32:
        return rows
    points, centre = index.points, centre_of(index.points)
    cuts = np.cumsum((0, *_DRAWS))
    drawn = np.random.default_rng(len(rows)).permutation(rows)[: cuts[-1]]
    draws = [points.take(drawn[a:b]) for a, b in pairwise(cuts.tolist()) if a < len(drawn)]
    others = points.take(foreign)

    def _open_of(part: np.ndarray) -> np.ndarray:
        """Give the rows of a part that no draw certifies."""
        limit = _at_least(points.take(part), others, centre)
        for draw in draws:
            certified = (
                _surely_nearer(points.take(part), draw, limit, centre) > k
            )  # one may be the row itself
            part, limit = part[~certified], limit[~certified]
        return part

    most = max(len(foreign), _DRAWS[-1]) * _BYTES_OF_A_PAIR
    step = int(np.clip(index.working_memory // most, 64, _PART))
    parts = [rows[start : start + step] for start in range(0, len(rows), step)]
    return np.concatenate([rows[:0], *each(_open_of, parts, index.n_jobs)])


def _at_least(queries: Space, points: Space, centre: np.ndarray) -> np.ndarray:
    """Bound the squared distance from each query to its nearest point from below."""
    found = least_of_each(queries, points, centre, np.float32, n_jobs=1)
    return np.asarray((found.least - found.error).min(axis=1) - found.query_error)


def _surely_nearer(queries: Space, points: Space, limit: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Count, for each query, groups of points with one that is surely nearer than a limit on d²."""
    if not len(queries):
        return np.empty(0, dtype=np.int64)
    found = least_of_each(queries, points, centre, np.float32, n_jobs=1)
    return np.asarray((found.least + found.error < (limit - found.query_error)[:, None]).sum(axis=1))
