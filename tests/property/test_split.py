"""Folds: what must hold for every table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.errors import NotApplicable, OptionError
from counterpoise.split import MIN_POSITIVES, grouped_folds, make_folds, stratified_folds, time_folds


def outcomes(n, n_positive, seed):
    y = np.zeros(n, dtype=np.int8)
    y[np.random.default_rng(seed).choice(n, n_positive, replace=False)] = 1
    return y


def check(folds, y):
    for fold in folds.folds:
        assert not np.intersect1d(fold.train, fold.test).size
        assert y[fold.test].sum() >= MIN_POSITIVES
        assert y[fold.train].sum() >= MIN_POSITIVES


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 300), st.integers(4, 20), st.integers(2, 8), st.integers(0, 99))
def test_stratified_folds_share_each_class_evenly(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    folds = stratified_folds(y, n_folds, random_state=seed)
    check(folds, y)
    assert np.array_equal(np.sort(np.concatenate([f.test for f in folds.folds])), np.arange(n))
    for label in (0, 1):
        sizes = [int((y[f.test] == label).sum()) for f in folds.folds]
        assert max(sizes) - min(sizes) <= 1
    assert (len(folds) < n_folds) == bool(folds.reason)


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 300), st.integers(8, 30), st.integers(2, 6), st.integers(0, 99))
def test_groups_stay_whole(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    groups = np.unique(np.random.default_rng(seed + 1).integers(0, n // 3, n), return_inverse=True)[1]
    folds = grouped_folds(y, groups, n_folds, random_state=seed)
    check(folds, y)
    for fold in folds.folds:
        assert not np.intersect1d(groups[fold.train], groups[fold.test]).size


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 300), st.integers(10, 30), st.integers(2, 6), st.integers(0, 99))
def test_the_past_judges_by_the_future(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    seconds = np.random.default_rng(seed + 1).integers(0, n, n).astype(float)  # with ties
    try:
        folds = time_folds(y, seconds, n_folds)
    except NotApplicable:
        return
    check(folds, y)
    for fold in folds.folds:
        assert seconds[fold.train].max() < seconds[fold.test].min()
    for earlier, later in zip(folds.folds, folds.folds[1:], strict=False):
        assert set(earlier.train) | set(earlier.test) == set(later.train)


def test_the_same_seed_gives_the_same_folds_and_another_others(seed):
    y = outcomes(200, 20, seed)
    first, again, other = (stratified_folds(y, 5, random_state=s) for s in (seed, seed, seed + 1))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first.folds, again.folds, strict=True))
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(first.folds, other.folds, strict=True))


def test_six_positives_give_three_folds_and_the_reason(seed):
    folds = stratified_folds(outcomes(150, 6, seed), 5, random_state=seed)
    assert len(folds) == 3
    assert "6 rows of the rarest class allow 3 folds" in folds.reason


def test_three_positives_are_refused_with_the_reason(seed):
    with pytest.raises(NotApplicable, match="Collect more rows"):
        stratified_folds(outcomes(150, 3, seed), 5)
    with pytest.raises(NotApplicable):
        grouped_folds(outcomes(150, 30, seed), outcomes(150, 30, seed).astype(np.int64), 5)


def test_one_fold_is_refused():
    import counterpoise as cp

    with pytest.raises(OptionError, match="2 or more"):
        make_folds(cp.read((np.arange(8.0).reshape(-1, 1) ** 2, [0, 0, 0, 0, 1, 1, 1, 1])), 1)
