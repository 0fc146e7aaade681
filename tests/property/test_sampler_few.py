"""Neighbours of few rows of a large table: one pass finds what a full search finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import counterpoise.resample.few as few
from counterpoise.neighbours import Space, kneighbors
from counterpoise.resample.spaces import spread


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(40, 3000),
    d=st.integers(1, 8),
    m=st.integers(1, 30),
    k=st.integers(1, 9),
    grid=st.booleans(),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
)
def test_one_pass_finds_what_a_search_among_all_rows_finds(
    seed: int, n: int, d: int, m: int, k: int, grid: bool, offset: float
) -> None:
    draw = np.random.default_rng(seed)
    X = draw.standard_t(3, size=(n, d)) * draw.uniform(0.01, 100, d)
    X = (np.rint(X) if grid else X) + offset
    rows = np.sort(draw.choice(n, min(m, n), replace=False))
    width = np.where(spread(X) > 0, spread(X), 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(few, "_FIRST", 32)
        patch.setattr(few, "_BLOCK", 16)
        found = few.nearest(X, width, rows, k)
    space = Space(X / width)
    assert np.array_equal(found, kneighbors(space.take(rows), space, k, rows=rows)[1])


def test_few_candidates_are_left() -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(20_000, 10))
    rows = np.arange(50)
    assert len(few.candidates(X, np.ones(10), rows, 5)[0]) < 1000


def test_a_spread_is_the_standard_deviation() -> None:
    X = np.random.default_rng(0).normal(size=(9000, 3)) * [1, 50, 0] + [1e6, 0, 3]
    assert np.allclose(spread(X), X.std(axis=0), rtol=1e-9)
