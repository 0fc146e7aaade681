"""What mathematics says of every sampler, by Hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.errors import CounterpoiseWarning, NotApplicable
from counterpoise.resample import (
    ADASYN,
    SMOTE,
    SMOTEN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    ClusterCentroids,
    InstanceHardnessThreshold,
    KMeansSMOTE,
    RandomOverSampler,
    RandomUnderSampler,
)

pytestmark = pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")

SEEDS = st.integers(0, 2**31 - 1)
COUNTS = st.lists(st.integers(6, 25), min_size=2, max_size=4)
OVER = (SMOTE, SMOTENC, SMOTEN, BorderlineSMOTE, ADASYN, KMeansSMOTE, SVMSMOTE, RandomOverSampler)
INTERPOLATING = (SMOTE, SMOTENC, BorderlineSMOTE, ADASYN, KMeansSMOTE)


def overlapping(seed: int, counts: list[int], d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    return draw.normal(size=(len(y), d)) + 0.7 * y[:, None], y


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, counts=COUNTS, kind=st.sampled_from(INTERPOLATING))
def test_each_invented_row_is_on_its_segment_within_its_class(
    seed: int, counts: list[int], kind: Any
) -> None:
    X, y = overlapping(seed, counts)
    try:
        plan = kind(random_state=seed).plan(X, y)
    except NotApplicable:
        return
    made = plan.rows(X)[len(plan.kept) :]
    assert np.allclose(made, X[plan.base] + plan.gap[:, None] * (X[plan.neighbour] - X[plan.base]))
    assert np.all((plan.gap >= 0) & (plan.gap < 1))
    assert np.array_equal(y[plan.base], y[plan.neighbour])
    assert np.array_equal(plan.kept[: len(y)], np.arange(len(y)))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS, data=st.data(), kind=st.sampled_from(OVER))
def test_classes_have_as_many_rows_as_asked(
    seed: int, counts: list[int], data: st.DataObject, kind: Any
) -> None:
    X, y = overlapping(seed, counts)
    asked = {c: n + data.draw(st.integers(0, 12)) for c, n in enumerate(counts)}
    try:
        sampler = kind(random_state=seed, sampling_strategy=asked)
        found = np.bincount(sampler.fit_resample(X, y)[1])
    except NotApplicable:
        return
    in_danger = getattr(sampler, "in_danger_indices_", asked)
    expected = [
        asked[c] if c in in_danger or asked[c] == counts[c] else counts[c] for c in range(len(counts))
    ]
    assert found.tolist() == expected


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, counts=COUNTS, data=st.data())
def test_undersampling_leaves_as_many_rows_as_asked(
    seed: int, counts: list[int], data: st.DataObject
) -> None:
    X, y = overlapping(seed, counts)
    asked = {c: data.draw(st.integers(1, n)) for c, n in enumerate(counts)}
    for sampler in (
        RandomUnderSampler(random_state=seed, sampling_strategy=asked),
        RandomUnderSampler(random_state=seed, sampling_strategy=asked, replacement=True),
        ClusterCentroids(random_state=seed, sampling_strategy=asked),
        ClusterCentroids(random_state=seed, sampling_strategy=asked, voting="hard"),
    ):
        assert np.bincount(sampler.fit_resample(X, y)[1]).tolist() == list(asked.values())


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS, scale=st.floats(1e-3, 1e3), column=st.integers(0, 2))
def test_a_change_of_units_changes_nothing_but_the_units(
    seed: int, counts: list[int], scale: float, column: int
) -> None:
    X, y = overlapping(seed, counts)
    factor = np.ones(3)
    factor[column] = 2.0 ** np.round(np.log2(scale))
    for kind in (SMOTE, BorderlineSMOTE):
        one = kind(random_state=seed).fit_resample(X, y)[0]
        other = kind(random_state=seed).fit_resample(X * factor, y)[0]
        assert np.allclose(one * factor, other)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_columns_in_another_order_give_the_same_rows(seed: int, counts: list[int]) -> None:
    X, y = overlapping(seed, counts)
    order = [2, 0, 1]
    for kind in (SMOTE, SMOTENC, SMOTEN, BorderlineSMOTE, RandomOverSampler):
        one = kind(random_state=seed).fit_resample(X, y)[0]
        assert np.allclose(one[:, order], kind(random_state=seed).fit_resample(X[:, order], y)[0])


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS, shift=st.integers(1, 5))
def test_classes_draw_from_streams_of_their_own(seed: int, counts: list[int], shift: int) -> None:
    """What one class receives does not depend on how many rows another asks for."""
    X, y = overlapping(seed, counts)
    top = max(counts)
    for kind in (SMOTE, RandomOverSampler, SMOTEN):
        alone = kind(random_state=seed, sampling_strategy={0: top + 5}).plan(X, y)
        beside = kind(random_state=seed, sampling_strategy={0: top + 5, 1: top + shift}).plan(X, y)
        first = alone.provenance.slice(len(y))
        both = beside.provenance.slice(len(y))
        mine = both.filter(pl.Series(y[both["base"].to_numpy()] == 0))
        assert first.equals(mine)


def test_classes_of_equal_rows_do_not_replay_the_same_draws() -> None:
    draw = np.random.default_rng(0)
    part = draw.normal(size=(20, 3))
    X, y = np.concatenate([part, part, draw.normal(size=(60, 3))]), np.repeat([0, 1, 2], [20, 20, 60])
    plan = SMOTE(random_state=0).plan(X, y)
    first, second = plan.gap[y[plan.base] == 0], plan.gap[y[plan.base] == 1]
    assert len(first) == len(second) == 40
    assert not np.intersect1d(first, second).size


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_names_of_classes_do_not_change_what_is_drawn_within_them(seed: int, counts: list[int]) -> None:
    X, y = overlapping(seed, counts)
    names = np.array(["d", "c", "b", "a"])
    one = SMOTE(random_state=seed).plan(X, names[y])
    again = SMOTE(random_state=seed).plan(X, pl.Series(names[y]))
    assert one == again
    assert one.rates == {
        str(names[c]): rate
        for c, rate in sorted(SMOTE(random_state=seed).plan(X, y).rates.items(), reverse=True)
    }


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, counts=COUNTS, kind=st.sampled_from((SMOTE, ADASYN, BorderlineSMOTE)))
def test_missing_values_stay_where_a_nearer_end_lacks_them(seed: int, counts: list[int], kind: Any) -> None:
    X, y = overlapping(seed, counts)
    X[np.random.default_rng(seed).random(X.shape) < 0.2] = np.nan
    try:
        plan = kind(random_state=seed).plan(X, y)
    except NotApplicable:
        return
    made = plan.rows(X)[len(plan.kept) :]
    base, neighbour = X[plan.base], X[plan.neighbour]
    whole = ~(np.isnan(base) | np.isnan(neighbour))
    assert np.allclose(made[whole], (base + plan.gap[:, None] * (neighbour - base))[whole])
    nearer = np.where(plan.gap[:, None] < 0.5, base, neighbour)
    assert np.array_equal(made[~whole], nearer[~whole], equal_nan=True)


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, n=st.integers(12, 40), n_minority=st.integers(1, 6))
def test_however_few_rows_a_class_has_something_sound_happens(seed: int, n: int, n_minority: int) -> None:
    X, y = overlapping(seed, [n, n_minority])
    kinds = (*OVER, RandomUnderSampler, ClusterCentroids, InstanceHardnessThreshold)
    for kind in kinds:
        try:
            made, labels = kind(random_state=seed).fit_resample(X, y)
        except NotApplicable:
            continue
        assert len(made) == len(labels)
        assert np.isfinite(made).all()
        assert (labels == 1).sum() >= n_minority


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_integers_stay_integers_within_their_bounds(seed: int, counts: list[int]) -> None:
    X, y = overlapping(seed, counts)
    whole = np.rint(10 * X).astype(np.int32)
    for kind in (SMOTE, SVMSMOTE, BorderlineSMOTE, ClusterCentroids):
        try:
            made = kind(random_state=seed).fit_resample(whole, y)[0]
            frame = kind(random_state=seed).fit_resample(pl.DataFrame(whole), y)[0]
        except NotApplicable:
            continue
        assert made.dtype == np.int32
        assert np.all(made >= whole.min(axis=0))
        assert np.all(made <= whole.max(axis=0))
        assert set(frame.dtypes) == {pl.Int32}
        assert np.array_equal(frame.to_numpy(), made)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_categories_are_always_ones_that_donors_have(seed: int, counts: list[int]) -> None:
    X, y = overlapping(seed, counts)
    draw = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "a": X[:, 0],
            "c": draw.choice(np.array(["x", "y", None], dtype=object), len(y)).tolist(),
            "b": draw.random(len(y)) < 0.3,
            "n": pl.Series(draw.integers(0, 9, len(y)), dtype=pl.Int16),
        }
    )
    plan = SMOTE(random_state=seed, k_neighbors=3).plan(frame, y)
    made = plan.rows(frame)
    assert made.schema == frame.schema
    if not len(plan.base):
        return
    assert plan.donors is not None
    assert plan.donor_set is not None
    donors = plan.donors[plan.donor_set]
    for name in ("c", "b"):
        column = np.array(frame[name].to_list(), dtype=object)
        new = np.array(made[name].to_list(), dtype=object)[len(plan.kept) :]
        votes = (column[donors] == new[:, None]) | ((column[donors] == None) & (new[:, None] == None))  # noqa: E711
        most = [max(list(map(row.tolist().count, row.tolist()))) for row in column[donors]]
        assert np.array_equal(votes.sum(axis=1), most)


def test_a_warning_says_what_was_done_instead() -> None:
    X, y = overlapping(0, [20, 3])
    with pytest.warns(CounterpoiseWarning, match="2 neighbours are used"):
        SMOTE(random_state=0).fit_resample(X, y)
    X, y = overlapping(0, [20, 1])
    with pytest.warns(CounterpoiseWarning, match="repeated as it is"):
        made, labels = SMOTE(random_state=0).fit_resample(X, y)
    assert np.bincount(labels).tolist() == [20, 20]
    assert len(np.unique(made[labels == 1], axis=0)) == 1
