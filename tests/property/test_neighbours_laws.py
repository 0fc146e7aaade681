"""Laws of the neighbour search: one definition, whatever the way, the order, the blocks and the threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from counterpoise.neighbours import (
    Index,
    Segments,
    Space,
    agreeing,
    condensed,
    kneighbors,
    nearer_to,
    nearest_bounds,
    tomek_links,
)
from counterpoise.neighbours import blocks as blocks_module
from counterpoise.neighbours import certificates as certificates_module
from counterpoise.neighbours import editing as editing_module
from counterpoise.neighbours import search as search_module
from counterpoise.neighbours import segments as segments_module
from counterpoise.neighbours.blocks import by_blocks
from counterpoise.neighbours.cells import Cells
from counterpoise.neighbours.distances import pair_distances, product, product_type, rounding, squared_norms
from counterpoise.neighbours.duplicates import distinct_rows
from counterpoise.neighbours.trees import Tree

MODERATE = settings(max_examples=25, deadline=None)


def full_search(space: Space, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Every distance by the definition, sorted by (distance, number)."""
    n = len(space)
    codes = None if space.codes is None else (space.codes, space.codes)
    squared = np.stack(
        [
            pair_distances(
                space.numbers, space.numbers, np.full(n, i), np.arange(n), codes=codes, penalty=space.penalty
            )
            for i in rows
        ]
    )
    squared[np.arange(len(rows)), rows] = np.inf
    order = np.lexsort((np.broadcast_to(np.arange(n), squared.shape), squared), axis=-1)[:, :k]
    return np.take_along_axis(squared, order, axis=1), order


def drawn(seed: int, n: int, d: int, kind: str) -> np.ndarray:
    draw = np.random.default_rng(seed)
    X = draw.standard_t(3, size=(n, d))
    if kind == "grid":
        return np.round(X)
    if kind == "repeats":
        return X[draw.integers(0, max(1, n // 9), n)]
    if kind == "huge":
        return X * 1e30
    if kind == "offset":
        return X * 1e-3 + 1e6
    if kind == "units":
        return X * 10.0 ** draw.integers(-6, 7, d)
    return X.astype(np.float32) if kind == "single" else X


KINDS = st.sampled_from(["plain", "grid", "repeats", "offset", "units", "single", "huge"])


@MODERATE
@given(st.integers(0, 10**6), st.integers(8, 400), st.integers(1, 20), st.integers(1, 6), KINDS)
def test_every_way_gives_the_full_search(seed: int, n: int, d: int, k: int, kind: str) -> None:
    X = drawn(seed, n, d, kind)
    space, rows = Space.of(X), np.arange(0, len(X), 3)
    expected = full_search(space, rows, k)
    for found in (
        by_blocks(space.take(rows), space, k, rows),
        by_blocks(space.take(rows), space, k, rows, working_memory=1, n_jobs=2),
        Tree(X).kneighbors(X[rows], k, rows),
        Index(X).nearest_rows(rows, k),
    ):
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(found[0], expected[0])


@MODERATE
@given(st.integers(0, 10**6), st.integers(20, 300), st.integers(1, 4), st.integers(1, 3))
def test_categories_count_with_their_penalty(seed: int, n: int, c: int, k: int) -> None:
    draw = np.random.default_rng(seed)
    space = Space(np.round(draw.normal(size=(n, 2)), 1), draw.integers(0, 4, (n, c)).astype(np.int32), 0.7)
    rows = np.arange(0, n, 4)
    found = by_blocks(space.take(rows), space, k, rows)
    expected = full_search(space, rows, k)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@MODERATE
@given(st.integers(0, 10**6), KINDS, st.booleans())
def test_block_width_and_distinct_rows_change_nothing(seed: int, kind: str, distinct: bool) -> None:
    X = drawn(seed, 300, 3, kind)
    rows = np.arange(0, len(X), 5)
    expected = full_search(Space.of(X), rows, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "_WIDTHS", ((0, 4),))
        patch.setattr(blocks_module, "_BLOCK", 32)
        patch.setattr(search_module, "_TREE_POINTS", 10)
        patch.setattr(search_module, "_TREE_QUERIES", 1 if seed % 2 else 10**9)
        patch.setattr(search_module, "_REPEATS", 0 if distinct else 10**9)
        found = Index(X).nearest_rows(rows, 3)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])


@MODERATE
@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(1, 5), KINDS)
def test_distinct_rows_are_those_of_numpy(seed: int, n: int, d: int, kind: str) -> None:
    X = drawn(seed, n, d, kind)
    found = distinct_rows(X)
    values, inverse = np.unique(X, axis=0, return_inverse=True)
    assert len(found) == len(values)
    assert (np.diff(found.first) > 0).all()
    for g in range(len(found)):
        members = found.order[found.start[g] : found.start[g + 1]]
        assert (np.diff(members) > 0).all()
        assert len(set(inverse.reshape(-1)[members].tolist())) == 1
        assert (found.group[members] == g).all()


@MODERATE
@given(st.integers(0, 10**6), st.integers(1, 30), KINDS, st.sampled_from([np.float32, np.float64]))
def test_estimates_stay_within_their_bound(seed: int, d: int, kind: str, dtype: type) -> None:
    X = drawn(seed, 60, d, kind).astype(np.float64)
    X = X - X.mean(axis=0)
    rounded = X.astype(max(dtype, product_type(X), key=lambda kind: np.dtype(kind).itemsize))
    dtype = rounded.dtype
    norms = squared_norms(rounded)
    estimates = product(rounded, norms, rounded).astype(np.float64) + norms
    n = len(X)
    exact = np.stack([pair_distances(X, X, np.full(n, i), np.arange(n)) for i in range(n)])
    allowed = rounding(d + 1, dtype) * (norms[:, None] + norms[None])
    assert (np.abs(estimates - exact) <= allowed).all()


@MODERATE
@given(st.integers(0, 10**6), st.integers(1, 2000), st.integers(1, 12), KINDS, st.integers(2, 64))
def test_cells_hold_each_row_once(seed: int, n: int, d: int, kind: str, size: int) -> None:
    X = drawn(seed, n, d, kind)
    cells = Cells.of(X, size)
    np.testing.assert_array_equal(np.sort(cells.order), np.arange(len(X)))
    np.testing.assert_array_equal(cells.rows, X[cells.order])
    assert (np.diff(cells.start) > 0).all()
    for cell in range(len(cells)):
        rows = cells.rows[cells.span(cell)]
        assert (rows >= cells.low[cell]).all()
        assert (rows <= cells.high[cell]).all()


def classes(X: np.ndarray, seed: int, n_classes: int) -> np.ndarray:
    draw = np.random.default_rng(seed + 1)
    y = np.zeros(len(X), dtype=np.int64)
    for label in range(1, n_classes):
        y[draw.choice(len(X), max(1, len(X) // 25), replace=False)] = label
    return y


def vote(X: np.ndarray | Space, y: np.ndarray, asked: list[int], k: int, kind: str) -> np.ndarray:
    near = y[full_search(Space.of(X), np.arange(len(X)), k)[1]]
    if kind == "all":
        agrees = (near == y[:, None]).all(axis=1)
    else:
        counts = np.stack([(near == c).sum(axis=1) for c in range(int(y.max()) + 1)], axis=1)
        agrees = counts.argmax(axis=1) == y
    return agrees | ~np.isin(y, asked)


def small_certificates(patch: pytest.MonkeyPatch, size: int) -> None:
    """Make certificates work on tables small enough for a full search."""
    patch.setattr(editing_module, "_SMALL_CLASS", 1)
    patch.setattr(editing_module, "_CELL", size)
    patch.setattr(editing_module, "_FOREIGN", 7)
    patch.setattr(editing_module, "_LINES", 5)
    patch.setattr(certificates_module, "_DRAWS", (size, 2 * size, 4 * size))
    patch.setattr(certificates_module, "_PART", 64)


@MODERATE
@given(
    st.integers(0, 10**6),
    st.integers(60, 500),
    st.integers(1, 12),
    st.integers(1, 5),
    KINDS,
    st.integers(2, 4),
    st.sampled_from(["all", "mode"]),
    st.sampled_from([1, 2**28]),
)
def test_certificates_decide_as_a_full_search(
    seed: int, n: int, d: int, k: int, kind: str, n_classes: int, how: str, memory: int
) -> None:
    X = drawn(seed, n, d, kind)
    y = classes(X, seed, n_classes)
    with pytest.MonkeyPatch.context() as patch:
        small_certificates(patch, 16)
        found = agreeing(Index(X, working_memory=max(memory, len(X) * d * 8)), y, [0, 1], k, how)
    np.testing.assert_array_equal(found, vote(X, y, [0, 1], k, how))


@MODERATE
@given(
    st.integers(0, 10**6),
    st.integers(60, 400),
    st.integers(1, 6),
    st.integers(0, 3),
    st.integers(1, 5),
    KINDS,
    st.sampled_from(["all", "mode"]),
)
def test_certificates_decide_among_categories_and_sparse_rows_alike(
    seed: int, n: int, d: int, c: int, k: int, kind: str, how: str
) -> None:
    X, draw = drawn(seed, n, d, kind), np.random.default_rng(seed)
    y = classes(X, seed, 3)
    codes = draw.integers(0, 4, (n, c)).astype(np.int32)
    dense = Space(X, codes, np.linspace(0.3, 2.0, c)) if c else Space(X)
    space = dense if c else Space(sparse.csr_matrix(X))
    with pytest.MonkeyPatch.context() as patch:
        small_certificates(patch, 16)
        found = agreeing(Index(space), y, [0, 1], k, how)
    assert np.array_equal(found, vote(dense, y, [0, 1], k, how))


@pytest.mark.parametrize("n_columns", [0, 3])
def test_most_rows_far_from_the_other_class_are_certified(n_columns: int) -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(6000, 4)), (np.arange(6000) < 100).astype(int)
    X[y == 1] += 6.0
    codes = draw.integers(0, 3, (6000, n_columns)).astype(np.int32)
    space = Space(X, codes, 0.5) if n_columns else Space(sparse.csr_matrix(X))
    assert len(editing_module.foreign_candidates(Index(space), y, [0], 3)[0]) < 600


def mutual(X: np.ndarray, y: np.ndarray) -> set[tuple[int, int]]:
    near = full_search(Space.of(X), np.arange(len(X)), 1)[1][:, 0]
    rows = np.flatnonzero((near[near] == np.arange(len(X))) & (y[near] != y))
    return {(min(i, near[i]), max(i, near[i])) for i in rows.tolist()}


@MODERATE
@given(st.integers(0, 10**6), st.integers(4, 400), st.integers(1, 12), KINDS, st.integers(2, 4))
def test_links_are_mutual_nearest_neighbours(seed: int, n: int, d: int, kind: str, n_classes: int) -> None:
    X = drawn(seed, n, d, kind)
    y = classes(X, seed, n_classes)
    assert set(map(tuple, tomek_links(Index(X), y).tolist())) == mutual(X, y)


@MODERATE
@given(
    st.integers(0, 10**6),
    st.integers(40, 150),
    st.integers(1, 8),
    st.integers(1, 4),
    st.sampled_from(["plain", "grid", "repeats", "units", "single"]),
    st.integers(2, 3),
    st.booleans(),
)
def test_segments_save_time_and_change_nothing(
    seed: int, n: int, d: int, k: int, kind: str, n_classes: int, rounded: bool
) -> None:
    X = drawn(seed, n, d, kind).astype(np.float64)
    y = classes(X, seed, n_classes)
    y[: 4 * (n_classes - 1)] = np.repeat(np.arange(1, n_classes), 4)
    draw = np.random.default_rng(seed)
    base = np.concatenate([draw.choice(np.flatnonzero(y == c), 60) for c in range(1, n_classes)])
    neighbour = np.concatenate([draw.choice(np.flatnonzero(y == c), 60) for c in range(1, n_classes)])
    gap = draw.random(len(base))
    invented = X[base] + gap[:, None] * (X[neighbour] - X[base])
    whole = np.vstack([X, np.rint(invented) if rounded else invented])
    labels = np.concatenate([y, y[base]])
    segments = Segments(np.arange(len(X), len(whole)), base, neighbour, gap)
    asked = list(range(n_classes))
    with pytest.MonkeyPatch.context() as patch:
        small_certificates(patch, 16)
        found = agreeing(Index(whole), labels, asked, k, "all", segments)
        links = tomek_links(Index(whole), labels, segments)
    np.testing.assert_array_equal(found, vote(whole, labels, asked, k, "all"))
    assert set(map(tuple, links.tolist())) == mutual(whole, labels)


@MODERATE
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4))
def test_distances_to_segments_are_the_least_along_them(seed: int, d: int, n_lines: int) -> None:
    draw = np.random.default_rng(seed)
    p, q, x = draw.normal(size=(n_lines, d)), draw.normal(size=(n_lines, d)), draw.normal(size=(5, d))
    a = ((p[:, None] - x[None]) ** 2).sum(axis=2)
    b = ((q[:, None] - x[None]) ** 2).sum(axis=2)
    length = ((p - q) ** 2).sum(axis=1)
    found = segments_module.least_on_lines(a.copy(), b.copy(), length)
    t = np.linspace(0, 1, 2001)
    along = p[:, None] + t[None, :, None] * (q - p)[:, None]
    dense = ((along[:, :, None] - x[None, None]) ** 2).sum(axis=3).min(axis=1)
    assert (found <= dense + 1e-12).all()
    np.testing.assert_allclose(found, dense, atol=1e-5 * (1 + length.max()))


@MODERATE
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 40), KINDS)
def test_bounds_hold_and_decide(seed: int, n: int, m: int, kind: str) -> None:
    X = drawn(seed, n + m + 3, 5, kind)
    m = min(m, len(X) - 3)
    few, other, queries = Space.of(X[:m]), Space.of(X[m : m + 1]), Space.of(X[m + 1 :])
    exact = Index(few).nearest(queries, 1)[0][:, 0]
    low, high = nearest_bounds(queries, few)
    assert (low <= exact).all()
    assert (exact <= high).all()
    expected = exact < Index(other).nearest(queries, 1)[0][:, 0]
    np.testing.assert_array_equal(nearer_to(queries, few, other), expected)


def one_by_one(own: np.ndarray, others: np.ndarray, seeds: np.ndarray, k: int, own_first: bool) -> np.ndarray:
    store = [*others, *own[seeds]]
    is_own = [False] * len(others) + [True] * len(seeds)
    keep = np.zeros(len(own), dtype=bool)
    keep[seeds] = True
    for i, row in enumerate(own):
        if keep[i]:
            continue
        members = np.array(store)
        gaps = pair_distances(members, row[None], np.arange(len(members)), np.zeros(len(members), np.int64))
        votes = np.array(is_own)[np.lexsort((~np.array(is_own), gaps))[:k]]
        wins = 2 * votes.sum() >= len(votes) if own_first else 2 * votes.sum() > len(votes)
        if not wins:
            keep[i] = True
            store.append(row)
            is_own.append(True)
    return keep


@MODERATE
@given(st.integers(0, 10**6), st.integers(5, 120), KINDS, st.integers(1, 4), st.booleans())
def test_condensing_in_blocks_is_condensing_one_by_one(
    seed: int, n: int, kind: str, k: int, own_first: bool
) -> None:
    X = drawn(seed, n + 10, 3, kind)
    others, own = X[:8], X[8:]
    seeds = np.random.default_rng(seed).integers(0, len(own), 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("counterpoise.neighbours.condensing._BLOCK", 16)
        found = condensed(Space.of(own), Space.of(others), seeds, k, own_first=own_first)
    expected = one_by_one(own.astype(np.float64), others.astype(np.float64), seeds, k, own_first)
    np.testing.assert_array_equal(found, expected)


@MODERATE
@given(st.integers(0, 10**6), st.integers(-8, 8))
def test_a_change_of_all_units_by_a_power_of_two_changes_no_neighbour(seed: int, power: int) -> None:
    X = drawn(seed, 200, 4, "plain")
    rows = np.arange(len(X))
    before, after = kneighbors(X, X, 4, rows=rows), kneighbors(X * 2.0**power, X * 2.0**power, 4, rows=rows)
    np.testing.assert_array_equal(before[1], after[1])
    np.testing.assert_array_equal(before[0] * 2.0**power, after[0])


@MODERATE
@given(st.integers(0, 10**6))
def test_order_of_rows_changes_no_answer_where_nothing_ties(seed: int) -> None:
    X = drawn(seed, 250, 4, "plain")
    y = classes(X, seed, 3)
    order = np.random.default_rng(seed).permutation(len(X))
    before, after = agreeing(Index(X), y, [0, 1], 3), agreeing(Index(X[order]), y[order], [0, 1], 3)
    np.testing.assert_array_equal(before[order], after)
    links = {tuple(sorted(pair)) for pair in order[tomek_links(Index(X[order]), y[order])].tolist()}
    assert links == set(map(tuple, tomek_links(Index(X), y).tolist()))
