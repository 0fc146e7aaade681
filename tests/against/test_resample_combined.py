"""SMOTE followed by cleaning: the quick way keeps the rows of the plain way, and of imbalanced-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.under_sampling import EditedNearestNeighbours as TheirENN
from imblearn.under_sampling import TomekLinks as TheirTomek

from counterpoise.resample import SMOTE, SMOTEENN, EditedNearestNeighbours, SMOTETomek, TomekLinks
from counterpoise.resample.cleaning import segments_of


def table(seed: int, n: int, n_minority: int, d: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat([0, 1], [n - n_minority, n_minority]))
    return draw.standard_t(5, size=(n, d)) + shift * y[:, None], y


def plain(X: np.ndarray, y: np.ndarray, seed: int, clean: Any) -> tuple[np.ndarray, np.ndarray]:
    X1, y1 = SMOTE(random_state=seed).fit_resample(X, y)
    made: tuple[np.ndarray, np.ndarray] = clean.fit_resample(X1, y1)
    return made


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shift", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("kind", ["all", "mode"])
def test_smote_enn_keeps_the_same_rows_either_way(shift: float, kind: Any, dtype: type) -> None:
    for seed in range(3):
        X, y = table(seed, 1500, 40, 4 + seed, shift)
        X = X.astype(dtype)
        enn = EditedNearestNeighbours(sampling_strategy="all", kind_sel=kind)
        made, labels = SMOTEENN(random_state=seed, enn=enn).fit_resample(X, y)
        expected, expected_labels = plain(X, y, seed, enn)
        assert np.array_equal(made, expected)
        assert np.array_equal(labels, expected_labels)


@pytest.mark.parametrize("shift", [0.0, 1.0, 4.0])
def test_smote_tomek_keeps_the_same_rows_either_way(shift: float) -> None:
    for seed in range(3):
        X, y = table(seed, 1500, 40, 4 + seed, shift)
        made, labels = SMOTETomek(random_state=seed).fit_resample(X, y)
        expected, expected_labels = plain(X, y, seed, TomekLinks(sampling_strategy="all"))
        assert np.array_equal(made, expected)
        assert np.array_equal(labels, expected_labels)


def test_the_rows_are_those_of_imbalanced_learn() -> None:
    X, y = table(5, 6000, 60, 6, 1.5)
    X1, y1 = SMOTE(random_state=0).fit_resample(X, y)
    for ours, theirs in ((SMOTEENN, TheirENN), (SMOTETomek, TheirTomek)):
        kept = theirs(sampling_strategy="all")
        kept.fit_resample(X1, y1)
        made, _ = ours(random_state=0).fit_resample(X, y)
        assert np.array_equal(made, X1[np.sort(kept.sample_indices_)])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_minority=st.integers(2, 30),
    d=st.integers(1, 6),
    shift=st.sampled_from([0.0, 0.5, 3.0]),
    k=st.integers(1, 5),
    grid=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
def test_knowing_where_rows_lie_changes_nothing(
    seed: int, n_minority: int, d: int, shift: float, k: int, grid: bool
) -> None:
    X, y = table(seed, 400, n_minority, d, shift)
    X = np.rint(X) if grid else X
    plan = SMOTE(random_state=seed).plan(X, y)
    X1, y1 = plan.rows(X, y)
    for clean in (
        EditedNearestNeighbours(sampling_strategy="all", n_neighbors=k),
        TomekLinks(sampling_strategy="all"),
    ):
        known = clean.plan_invented(X1, y1, segments_of(plan))
        assert np.array_equal(known.kept, clean.plan(X1, y1).kept)


def test_where_the_plan_allows_no_shortcut_the_plain_way_is_taken() -> None:
    draw = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [300, 40, 30])
    X = draw.normal(size=(370, 3)) + y[:, None]
    made, labels = SMOTEENN(random_state=0).fit_resample(X, y)
    expected, expected_labels = plain(X, y, 0, EditedNearestNeighbours(sampling_strategy="all"))
    assert np.array_equal(made, expected)
    assert np.array_equal(labels, expected_labels)
