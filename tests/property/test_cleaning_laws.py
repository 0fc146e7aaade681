"""Laws of the cleaning samplers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import counterpoise.resample as resample
from counterpoise.resample.cleaning import segments_of
from counterpoise.resample.plan import Plan

CLEANERS: dict[str, dict[str, Any]] = {
    "TomekLinks": {},
    "EditedNearestNeighbours": {},
    "RepeatedEditedNearestNeighbours": {"kind_sel": "mode"},
    "AllKNN": {},
    "NeighbourhoodCleaningRule": {},
    "NearMiss": {},
    "NeighbourFilter": {"threshold": 0.1},
    "CondensedNearestNeighbour": {"random_state": 0},
    "OneSidedSelection": {"random_state": 0},
}
ORDERLY = [name for name in CLEANERS if name not in ("CondensedNearestNeighbour", "OneSidedSelection")]
FEW = settings(max_examples=12, deadline=None)
pytestmark = pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")


def blobs(seed: int, n: int = 300, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [n, n // 5, n // 10])
    order = draw.permutation(len(y))
    X = draw.normal(size=(len(y), d)) + draw.normal(size=(3, d))[y]
    return X[order], y[order]


def kept(name: str, X: Any, y: Any, **given: Any) -> np.ndarray:
    sampler = getattr(resample, name)(**{**CLEANERS[name], **given})
    sampler.fit_resample(X, y)
    return np.asarray(sampler.sample_indices_)


@FEW
@given(st.integers(0, 10**6), st.sampled_from(ORDERLY))
def test_order_of_rows_does_not_matter_where_nothing_ties(seed: int, name: str) -> None:
    X, y = blobs(seed)
    order = np.random.default_rng(seed).permutation(len(y))
    np.testing.assert_array_equal(np.sort(order[kept(name, X[order], y[order])]), kept(name, X, y))


@FEW
@given(st.integers(0, 10**6), st.sampled_from(sorted(CLEANERS)))
def test_order_of_columns_shift_and_unit_do_not_matter(seed: int, name: str) -> None:
    X, y = blobs(seed)
    expected = kept(name, X, y)
    np.testing.assert_array_equal(kept(name, X[:, ::-1], y), expected)
    np.testing.assert_array_equal(kept(name, 4.0 * X, y), expected)
    np.testing.assert_array_equal(kept(name, X + 7.5, y), expected)


@FEW
@given(st.integers(0, 10**6), st.sampled_from(sorted(CLEANERS)))
def test_threads_and_memory_do_not_matter(seed: int, name: str) -> None:
    X, y = blobs(seed, n=2500)
    expected = kept(name, X, y, n_jobs=1)
    np.testing.assert_array_equal(kept(name, X, y, n_jobs=2), expected)
    np.testing.assert_array_equal(kept(name, X, y, n_jobs=3, working_memory=1 << 16), expected)


@FEW
@given(st.integers(0, 10**6), st.sampled_from(sorted(CLEANERS)))
def test_a_standardised_space_is_a_standardised_table(seed: int, name: str) -> None:
    X, y = blobs(seed)
    X = X * [1.0, 100.0, 1e-3, 5.0]
    Z = X / X.std(axis=0)
    standardised, raw = {"neighbour_space": "standardised"}, {"neighbour_space": "raw"}
    np.testing.assert_array_equal(kept(name, X, y, **standardised), kept(name, Z, y, **raw))


@FEW
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_a_table_that_repeats_itself_disagrees_only_with_itself(seed: int, times: int) -> None:
    """Each row has its twins at distance 0: with no more neighbours asked than twins, nothing is removed."""
    X, y = blobs(seed, n=120)
    X, y = np.tile(X, (times, 1)), np.tile(y, times)
    assert len(kept("EditedNearestNeighbours", X, y, n_neighbors=times - 1)) == len(y)
    assert len(kept("TomekLinks", X, y)) == len(y)


@FEW
@given(st.integers(0, 10**6), st.sampled_from(["TomekLinks", "EditedNearestNeighbours"]))
def test_what_is_kept_once_cleaned_comes_from_the_table(seed: int, name: str) -> None:
    X, y = blobs(seed)
    sampler = getattr(resample, name)()
    X2, y2 = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X2, X[sampler.sample_indices_])
    np.testing.assert_array_equal(y2, y[sampler.sample_indices_])
    assert (np.bincount(y2, minlength=3)[2] == np.bincount(y)[2]).all()


@FEW
@given(st.integers(0, 10**6), st.sampled_from(["TomekLinks", "EditedNearestNeighbours"]))
def test_knowing_the_segments_changes_nothing(seed: int, name: str) -> None:
    X, y = blobs(seed, n=2600)
    plan: Plan = resample.SMOTE(random_state=seed, k_neighbors=3).plan(X, y)
    X2, y2 = plan.rows(X, y)
    cleaner = getattr(resample, name)(sampling_strategy="all")
    data = cleaner._read(X2, y2)
    np.testing.assert_array_equal(cleaner.kept_rows(data, segments_of(plan)), cleaner.kept_rows(data))


@FEW
@given(st.integers(0, 10**6))
def test_the_first_neighbours_of_all_knn_are_one_round_of_editing(seed: int) -> None:
    X, y = blobs(seed)
    one = kept("EditedNearestNeighbours", X, y, n_neighbors=1)
    np.testing.assert_array_equal(kept("AllKNN", X, y, n_neighbors=1), one)
    np.testing.assert_array_equal(
        kept("RepeatedEditedNearestNeighbours", X, y, max_iter=1, kind_sel="all"),
        kept("EditedNearestNeighbours", X, y),
    )


@FEW
@given(st.integers(0, 10**6), st.floats(0, 0.9))
def test_a_higher_threshold_filters_more(seed: int, threshold: float) -> None:
    X, y = blobs(seed)
    loose = kept("NeighbourFilter", X, y, threshold=threshold)
    strict = kept("NeighbourFilter", X, y, threshold=min(1.0, threshold + 0.34))
    best = resample.NeighbourFilter(threshold=threshold)
    best.fit_resample(X, y)
    if np.nanmax(best.shares_) > threshold + 0.34:
        assert set(strict.tolist()) <= set(loose.tolist())
