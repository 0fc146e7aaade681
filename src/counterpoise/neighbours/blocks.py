"""Exact nearest neighbours by matrix products, block by block.

Points are taken in blocks; one product estimates the squared distances of many queries to a block, and only the least
estimate of each small group of points is kept. With the bound on rounding (`distances.rounding`) the k-th least of
"least plus error" caps the k-th distance; every group whose "least minus error" lies under that cap is looked at again
in float64, by the definition. Nothing is decided by an estimate that could be wrong, and the answer depends on
neither block size nor thread count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoise.neighbours.distances import pair_distances, product_type, rounding, squared_norms
from counterpoise.neighbours.space import Space
from counterpoise.neighbours.workers import WORKING_MEMORY, each

__all__ = ["by_blocks", "centre_of", "least_of_each"]

_WIDTHS = (
    (8192, 64),
    (2048, 32),
    (0, 8),
)  # from how many points on, points of a group: a second look costs k groups
_BLOCK = 4096  # points of a block
_QUERIES = 128  # queries of one product: 128 x 4096 estimates of 4 bytes stay in a core's cache
_UNEVEN = 4  # times as many cells as pairs above which pairs are sorted as they are
_TOO_MANY = 48  # groups to look at again, per query and neighbour, above which float64 estimates pay


class _Estimates(NamedTuple):
    """Least estimate of each group of points, for some queries."""

    least: np.ndarray
    error: np.ndarray
    members: np.ndarray
    query_error: np.ndarray


def by_blocks(
    queries: Space,
    points: Space,
    k: int,
    rows: np.ndarray | None = None,
    *,
    working_memory: int = WORKING_MEMORY,
    n_jobs: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest points of each query by products.

    Parameters
    ----------
    queries, points : Space
        Both of the same columns.
    k : int
        How many; at most the number of points, less one where `rows` is given.
    rows : ndarray of shape (n_queries,), int64, optional
        The point that each query is; it does not count among its own neighbours.
    working_memory : int
        Budget of scratch memory, bytes.
    n_jobs : int or None
        Threads.

    Returns
    -------
    distances : ndarray of shape (n_queries, k), float64
        Squared distances, ascending.
    indices : ndarray of shape (n_queries, k), int64
        Point numbers; of equal distances the smaller number first.
    """
    distances = np.empty((len(queries), k), dtype=np.float64)
    indices = np.empty((len(queries), k), dtype=np.int64)
    centre = centre_of(points)
    dtype = product_type(queries.numbers, points.numbers)
    n_groups = -(-len(points) // _width(len(points))) + 1
    step = int(np.clip(working_memory // (32 * n_groups), 16, 1 << 16))
    for start in range(0, len(queries), step):
        part = slice(start, min(start + step, len(queries)))
        own = None if rows is None else rows[part]
        found = _nearest(queries.take(part), points, k, own, centre, dtype, working_memory, n_jobs)
        distances[part], indices[part] = found
    return distances, indices


def _width(n_points: int) -> int:
    return next(width for least, width in _WIDTHS if n_points >= least)


def centre_of(points: Space) -> np.ndarray:
    """Give a middle of some points, to be subtracted before products; zeros where they are sparse.

    Parameters
    ----------
    points : Space
        The points.

    Returns
    -------
    ndarray of shape (d,), float64
        The mean of some thousand of them.
    """
    if not isinstance(points.numbers, np.ndarray):
        return np.zeros(points.n_columns)
    sample = points.numbers[:: max(1, len(points) // 4096)]
    middle: np.ndarray = sample.mean(axis=0, dtype=np.float64)
    return middle


def _nearest(
    queries: Space,
    points: Space,
    k: int,
    rows: np.ndarray | None,
    centre: np.ndarray,
    dtype: type,
    working_memory: int,
    n_jobs: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    wanted = k if rows is None else k + 1
    estimates = least_of_each(queries, points, centre, dtype, n_jobs=n_jobs)
    candidates = _candidate_groups(estimates, wanted)
    if dtype is np.float32 and len(candidates[0]) > _TOO_MANY * wanted * len(queries):
        return _nearest(queries, points, k, rows, centre, np.float64, working_memory, n_jobs)
    return _decide(queries, points, k, rows, estimates.members, candidates, working_memory, n_jobs)


def least_of_each(
    queries: Space, points: Space, centre: np.ndarray, dtype: type, *, n_jobs: int | None = None
) -> _Estimates:
    """Estimate the least squared distance from each query to each group of points.

    Parameters
    ----------
    queries, points : Space
        Both of the same columns.
    centre : ndarray of shape (d,)
        Subtracted from both before rounding.
    dtype : type
        float32 or float64.
    n_jobs : int or None
        Threads.

    Returns
    -------
    tuple
        Least estimates (n_queries, n_groups), error of each group (n_groups,), members of the groups (n_groups,
        width), -1 where there is none, and error of each query (n_queries,).
    """
    left = (queries.dense(slice(None)) - centre).astype(dtype)
    norms = squared_norms(left)
    left = np.hstack([left, np.ones((len(left), 1), dtype=dtype)])
    bound = rounding(points.n_columns + 1, dtype)
    starts = list(range(0, len(points), _BLOCK))
    width = _width(len(points))
    layouts = [_layout(start, min(_BLOCK, len(points) - start), width) for start in starts]
    offsets = np.concatenate([[0], np.cumsum([len(layout) for layout in layouts])])
    least = np.empty((len(queries), offsets[-1]), dtype=dtype)
    error = np.empty(offsets[-1], dtype=np.float64)
    fixed = _fixed_error(points, dtype)

    def _one_block(number: int) -> None:
        """Estimate one block of points; each writes to columns of its own."""
        rows = slice(starts[number], min(starts[number] + _BLOCK, len(points)))
        places = slice(int(offsets[number]), int(offsets[number + 1]))
        error[places] = fixed + bound * _estimate(
            queries, left, norms, points, rows, centre, least[:, places], width
        )

    each(_one_block, range(len(starts)), n_jobs)
    members = np.concatenate(layouts) if layouts else np.empty((0, width), dtype=np.int64)
    return _Estimates(least, error, members, bound * norms)


def _layout(start: int, size: int, width: int) -> np.ndarray:
    """Deal the points of a block into groups: point i to group i modulo the number of groups."""
    n_groups = -(-size // width)
    members = np.arange(n_groups * width).reshape(width, n_groups).T
    return np.where(members < size, members + start, -1)


def _fixed_error(points: Space, dtype: type) -> float:
    if points.codes is None:
        return 0.0
    total = float(np.broadcast_to(points.penalty, points.codes.shape[1:]).sum())
    return float(4 * (points.codes.shape[1] + 1) * np.finfo(dtype).eps * total)


def _estimate(
    queries: Space,
    left: np.ndarray,
    norms: np.ndarray,
    points: Space,
    rows: slice,
    centre: np.ndarray,
    out: np.ndarray,
    width: int,
) -> np.ndarray:
    """Write the least estimates of a block's groups; return the largest squared norm of each group."""
    block = (points.dense(rows) - centre).astype(left.dtype)
    lengths = squared_norms(block)
    n_groups = out.shape[1]
    right = np.zeros((n_groups * width, left.shape[1]), dtype=left.dtype)
    right[: len(block), :-1] = -2 * block
    right[:, -1] = np.inf
    right[: len(block), -1] = lengths
    turned = right.T
    estimates = np.empty((min(_QUERIES, len(left)), len(right)), dtype=left.dtype)
    for start in range(0, len(left), _QUERIES):
        part = slice(start, min(start + _QUERIES, len(left)))
        part_of = np.matmul(left[part], turned, out=estimates[: part.stop - start])
        _add_penalties(part_of, queries, part, points, rows)
        np.minimum.reduce(part_of.reshape(-1, width, n_groups), axis=1, out=out[part])
        out[part] += norms[part, None]
    padded = np.zeros(n_groups * width)
    padded[: len(block)] = lengths
    largest: np.ndarray = padded.reshape(width, n_groups).max(axis=0)
    return largest


def _add_penalties(estimates: np.ndarray, queries: Space, part: slice, points: Space, rows: slice) -> None:
    if points.codes is None or queries.codes is None:
        return
    penalties = np.broadcast_to(points.penalty, points.codes.shape[1:]).astype(estimates.dtype)
    theirs, size = points.codes[rows], rows.stop - rows.start
    for j in range(points.codes.shape[1]):
        differs = queries.codes[part, j, None] != theirs[None, :, j]
        estimates[:, :size] += penalties[j] * differs


def _candidate_groups(estimates: _Estimates, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    least = estimates.least
    error = estimates.error.astype(least.dtype)
    if wanted <= least.shape[1]:
        cap = np.partition(least + error, wanted - 1, axis=1)[:, wanted - 1]
    else:
        cap = np.full(len(least), np.inf, dtype=least.dtype)
    cap = cap + 2 * estimates.query_error.astype(least.dtype)
    query, group = np.nonzero(least - error <= cap[:, None])
    return query, group


def _decide(
    queries: Space,
    points: Space,
    k: int,
    rows: np.ndarray | None,
    members: np.ndarray,
    candidates: tuple[np.ndarray, np.ndarray],
    working_memory: int,
    n_jobs: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    distances = np.empty((len(queries), k), dtype=np.float64)
    indices = np.empty((len(queries), k), dtype=np.int64)
    ends = np.searchsorted(candidates[0], np.arange(len(queries) + 1))
    width = members.shape[1]
    per_chunk = max(1, working_memory // (64 * width * 4))
    chunks = _chunks(ends, per_chunk)

    def _decide_run(chunk: slice) -> None:
        """Decide a run of queries; each writes to rows of its own."""
        groups = slice(int(ends[chunk.start]), int(ends[chunk.stop]))
        query = np.repeat(candidates[0][groups], width)
        point = members[candidates[1][groups]].ravel()
        real = point >= 0
        if rows is not None:
            real &= point != rows[query]
        query, point = query[real], point[real]
        found = between(queries, points, query, point)
        distances[chunk], indices[chunk] = _first(query - chunk.start, point, found, chunk, k)

    each(_decide_run, chunks, n_jobs)
    return distances, indices


def _chunks(ends: np.ndarray, per_chunk: int) -> list[slice]:
    """Cut queries into runs of about `per_chunk` candidate groups."""
    cuts, start, n = [], 0, len(ends) - 1
    while start < n:
        stop = int(np.searchsorted(ends, ends[start] + per_chunk, side="right")) - 1
        stop = min(n, max(start + 1, stop))
        cuts.append(slice(start, stop))
        start = stop
    return cuts


def between(queries: Space, points: Space, query: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Compute d² between queries and points, pair by pair, by the definition.

    Parameters
    ----------
    queries, points : Space
        Both of the same columns.
    query, point : ndarray of shape (m,), int64
        Row numbers of the pairs.

    Returns
    -------
    ndarray of shape (m,), float64
        Squared distances.
    """
    if isinstance(queries.numbers, np.ndarray) and isinstance(points.numbers, np.ndarray):
        codes = None if queries.codes is None or points.codes is None else (queries.codes, points.codes)
        return pair_distances(
            queries.numbers, points.numbers, query, point, codes=codes, penalty=points.penalty
        )
    total = np.empty(len(query), dtype=np.float64)
    step = max(64, (1 << 22) // max(1, points.n_columns))
    for start in range(0, len(query), step):
        part = slice(start, start + step)
        left, right = queries.dense(query[part]), points.dense(point[part])
        each_pair = np.arange(len(left))
        total[part] = pair_distances(left, right, each_pair, each_pair)
    return total


def _first(
    query: np.ndarray, point: np.ndarray, found: np.ndarray, chunk: slice, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of the pairs of each query, which follow each other, the k first by (distance, point number)."""
    n = chunk.stop - chunk.start
    start = np.searchsorted(query, np.arange(n + 1))
    near = np.flatnonzero(found <= _kth_least(query, found, start, k)[query])
    query, point, found = query[near], point[near], found[near]
    order = np.lexsort((point, found, query))
    places = order[np.searchsorted(query, np.arange(n))[:, None] + np.arange(k)]
    return found[places], point[places]


def _kth_least(query: np.ndarray, found: np.ndarray, start: np.ndarray, k: int) -> np.ndarray:
    """Find the k-th least distance of each query, or something above it where rows of a matrix would be too uneven."""
    lengths = np.diff(start)
    width = int(lengths.max(initial=0))
    if width * len(lengths) > _UNEVEN * len(found):
        return np.full(len(lengths), np.inf)
    even = np.full((len(lengths), width), np.inf)
    even[query, np.arange(len(found)) - start[query]] = found
    return np.asarray(np.partition(even, k - 1, axis=1)[:, k - 1])
