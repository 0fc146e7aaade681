"""Laws of calibration maps: order, level, closed forms that undo each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from counterpoise.calibrate import InterceptMap, PlattMap, change_prior, correct_prior, fit_map
from counterpoise.calibrate.odds import pull_in, shift_odds

inner = hnp.arrays(np.float64, st.integers(3, 60), elements=st.floats(1e-6, 1 - 1e-6))
anywhere = hnp.arrays(np.float64, st.integers(3, 60), elements=st.floats(0, 1))


@settings(max_examples=80, deadline=None)
@given(anywhere, st.floats(-20, 20))
def test_shift_never_reverses(p: np.ndarray, shift: float) -> None:
    order = np.argsort(p)
    found = shift_odds(p, shift)
    assert (np.diff(found[order]) >= 0).all()
    inside = (p > 0) & (p < 1)
    assert ((found[inside] > 0) & (found[inside] < 1)).all()
    assert (found[~inside] == p[~inside]).all()


@settings(max_examples=80, deadline=None)
@given(anywhere, st.floats(0, 0.4), st.floats(0.6, 1))
def test_ends_are_pulled_in_in_order(p: np.ndarray, low: float, high: float) -> None:
    found = pull_in(p, low, high)
    order = np.argsort(p)
    assert (np.diff(found[order]) >= 0).all()
    assert ((found >= 0.5 * low) & (found <= 0.5 * (1 + high))).all()


@settings(max_examples=60, deadline=None)
@given(inner, st.integers(0, 2**32 - 1))
def test_level_and_order_for_any_scores(p: np.ndarray, seed: int) -> None:
    y = np.random.default_rng(seed).random(p.shape[0]) < 0.4
    if y.all() or not y.any():
        return
    for kind in (InterceptMap, PlattMap):
        found = kind.fit(y, p).apply(p)
        assert found.mean() == pytest.approx(y.mean(), rel=1e-6, abs=1e-9)
        gaps = np.diff(np.sort(p)) > 1e-9
        assert (np.diff(found[np.argsort(p)]) >= 0).all()
        if kind is InterceptMap:
            assert (np.diff(found[np.argsort(p)])[gaps] > 0).all()


@settings(max_examples=60, deadline=None)
@given(inner, st.floats(1e-4, 1 - 1e-4), st.floats(1e-4, 1 - 1e-4))
def test_changes_of_prior_undo_each_other(p: np.ndarray, old: float, new: float) -> None:
    back = change_prior(change_prior(p, old, new), new, old)
    assert back == pytest.approx(p, rel=1e-6)
    assert change_prior([old], old, new)[0] == pytest.approx(new)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]))
def test_order_of_classes_does_not_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    p, rates = rng.dirichlet([1, 1, 1], 30), rng.uniform(0.1, 3, 3)
    assert correct_prior(p[:, order], rates[order]) == pytest.approx(correct_prior(p, rates)[:, order])
    y = rng.integers(0, 3, 30)
    found = fit_map("intercept", y, p).apply(p)
    renamed = fit_map("intercept", np.argsort(order)[y], p[:, order]).apply(p[:, order])
    if np.unique(y).shape[0] == 3:
        assert renamed == pytest.approx(found[:, order], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(inner, st.integers(0, 2**32 - 1))
def test_order_of_rows_does_not_matter(p: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, order = rng.random(p.shape[0]) < 0.5, rng.permutation(p.shape[0])
    if y.all() or not y.any():
        return
    for kind in ("intercept", "platt"):
        assert fit_map(kind, y[order], p[order]).apply(p) == pytest.approx(
            fit_map(kind, y, p).apply(p), rel=1e-6
        )
