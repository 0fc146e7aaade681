"""Where the class-aware edges lie, whatever the values."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpoise.errors import OptionError
from counterpoise.learn import ClassAwareBinner
from counterpoise.learn.binner import class_aware_edges, weighted_quantile_edges

_VALUES = hnp.arrays(
    np.float64,
    st.integers(1, 80),
    elements=st.one_of(st.floats(-1e300, 1e300), st.integers(-5, 5).map(float), st.just(np.nan)),
)


@settings(max_examples=150, deadline=None)
@given(_VALUES, st.integers(1, 20), st.integers(0, 2**31), st.integers(2, 4))
def test_edges_rise_keep_to_their_number_and_part_values(
    values: np.ndarray, n_edges: int, seed: int, n_classes: int
) -> None:
    codes = np.random.default_rng(seed).integers(0, n_classes, len(values))
    edges = class_aware_edges(values, codes, None, n_edges=n_edges)
    present = np.unique(values[~np.isnan(values)])
    assert len(edges) <= n_edges
    assert (np.diff(edges) > 0).all()
    if len(present):
        assert ((edges >= present[0]) & (edges < present[-1])).all()
    if len(present) <= n_edges + 1:  # each distinct value has a bin of its own
        assert len(np.unique(np.searchsorted(edges, present))) == len(present)


@settings(max_examples=60, deadline=None)
@given(_VALUES, st.integers(1, 20), st.integers(0, 2**31))
def test_edges_do_not_depend_on_the_order_of_rows(values: np.ndarray, n_edges: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, 3, len(values))
    order = draw.permutation(len(values))
    np.testing.assert_array_equal(
        class_aware_edges(values, codes, None, n_edges=n_edges),
        class_aware_edges(values[order], codes[order], None, n_edges=n_edges),
    )


@settings(max_examples=60, deadline=None)
@given(_VALUES, st.integers(1, 12), st.integers(0, 2**31))
def test_a_weight_is_a_number_of_copies(values: np.ndarray, n_edges: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, 2, len(values))
    copies = draw.integers(0, 4, len(values))
    rows = np.repeat(np.arange(len(values)), copies)
    if len(np.unique(codes[rows])) < 2 or len(set(np.bincount(codes, weights=copies))) < 2:
        return  # which class is the largest is then a matter of ties
    np.testing.assert_array_equal(
        class_aware_edges(values, codes, copies.astype(float), n_edges=n_edges),
        class_aware_edges(values[rows], codes[rows], None, n_edges=n_edges),
    )


def test_half_of_the_edges_lie_where_the_rare_class_lives(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = np.r_[draw.normal(size=20_000), draw.normal(5, 0.3, size=400)]
    y = np.r_[np.zeros(20_000, int), np.ones(400, int)]
    usual, aware = weighted_quantile_edges(x, None, 254), class_aware_edges(x, y, None, n_edges=254)
    assert (aware > 4).sum() >= 100
    assert (usual > 4).sum() < 10


def test_every_rare_class_of_several_gets_its_share(seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = np.r_[draw.normal(size=9000), draw.normal(8, 0.2, 200), draw.normal(-8, 0.2, 200)]
    y = np.r_[np.zeros(9000, int), np.ones(200, int), np.full(200, 2)]
    edges = class_aware_edges(x, y, None, n_edges=200)
    assert (edges > 6).sum() >= 40
    assert (edges < -6).sum() >= 40


def test_bins_are_counts_of_edges_below_and_missing_stays_missing(seed: int) -> None:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(3000, 2))
    X[::7, 1] = np.nan
    y = (draw.random(3000) < 0.05).astype(int)
    binner = ClassAwareBinner(max_bins=32).fit(X, y)
    bins = binner.transform(X)
    np.testing.assert_array_equal(np.isnan(bins), np.isnan(X))
    brute = (X[:, [0]] > binner.edges_[0]).sum(axis=1)
    np.testing.assert_array_equal(bins[:, 0], brute)
    assert np.nanmax(bins) <= 31


def test_too_many_levels_keep_those_of_either_class_and_share_a_bin(seed: int) -> None:
    draw = np.random.default_rng(seed)
    level = np.r_[draw.integers(0, 600, 20_000), np.full(30, 600)]
    y = np.r_[np.zeros(20_000, int), np.ones(30, int)]
    table = pl.DataFrame({"shop": [f"s{v:04d}" for v in level]})
    binner = ClassAwareBinner().fit(table, y)
    bins = binner.transform(table)[:, 0]
    assert len(np.unique(bins)) == 255
    assert len(np.unique(bins[y == 1])) == 1
    assert (bins == bins[-1]).sum() == 30  # the level that only positives have is not merged
    unseen = binner.transform(pl.DataFrame({"shop": ["never"]}))
    assert np.isnan(unseen).all()


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(OptionError, match="max_bins=1000"):
        ClassAwareBinner(max_bins=1000).fit(np.ones((2, 1)))
    with pytest.raises(OptionError, match=r"rare_share=1\.5"):
        ClassAwareBinner(rare_share=1.5).fit(np.ones((2, 1)))
