"""Laws that hold for every plan, whatever made it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.resample import SMOTE, ClusterCentroids, Plan, RandomOverSampler, RandomUnderSampler
from counterpoise.resample.target import read_target

SEEDS = st.integers(0, 2**32 - 1)


def blobs(seed: int, counts: list[int], d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat(np.arange(len(counts)), counts))
    return draw.normal(size=(len(y), d)) + y[:, None], y


def samplers(seed: int) -> list[Any]:
    return [
        SMOTE(k_neighbors=2, random_state=seed),
        RandomOverSampler(random_state=seed),
        RandomOverSampler(random_state=seed, shrinkage=0.5),
        RandomUnderSampler(random_state=seed),
        ClusterCentroids(random_state=seed),
    ]


COUNTS = st.lists(st.integers(4, 14), min_size=2, max_size=3)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, counts=COUNTS, which=st.integers(0, 4))
def test_equal_seeds_give_equal_plans_and_saving_keeps_them(seed: int, counts: list[int], which: int) -> None:
    X, y = blobs(seed, counts)
    plan, again = (samplers(seed)[which].plan(X, y) for _ in range(2))
    assert plan == again
    assert Plan.from_arrays(plan.arrays()) == plan
    assert np.array_equal(Plan.from_arrays(plan.arrays()).rows(X), plan.rows(X))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, counts=COUNTS, first=st.integers(0, 4), second=st.integers(0, 4))
def test_composition_is_doing_one_after_the_other(
    seed: int, counts: list[int], first: int, second: int
) -> None:
    X, y = blobs(seed, counts)
    one, two = samplers(seed)[first], samplers(seed + 1)[second]
    X1, y1 = one.fit_resample(X, y)
    expected_X, expected_y = two.fit_resample(X1, y1)
    plan = one.plan(X, y).then(two, X, y)
    made_X, made_y = plan.rows(X, y)
    assert np.array_equal(made_y, expected_y)
    assert np.allclose(made_X, expected_X, rtol=1e-12, atol=1e-12)
    after = dict(zip(*np.unique(made_y, return_counts=True), strict=True))
    assert {c: round(rate * (y == c).sum()) for c, rate in plan.rates.items()} == after


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS, chain=st.lists(st.sampled_from([0, 1, 3, 4]), min_size=3, max_size=3))
def test_composition_is_associative_in_its_rows(seed: int, counts: list[int], chain: list[int]) -> None:
    X, y = blobs(seed, counts)
    made = [samplers(seed + i)[which] for i, which in enumerate(chain)]
    a = made[0].plan(X, y)
    X1, y1 = a.rows(X, y)
    b = made[1].plan(X1, y1)
    X2, y2 = b.rows(X1, y1)
    c = made[2].plan(X2, y2)
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert np.array_equal(left.sources, right.sources)
    assert np.allclose(left.rows(X), right.rows(X), rtol=1e-12, atol=1e-12)
    assert np.allclose(left.rows(X), c.rows(X2), rtol=1e-12, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_weights_have_the_mass_of_the_output(seed: int, counts: list[int]) -> None:
    X, y = blobs(seed, counts)
    for sampler in (RandomOverSampler(random_state=seed), RandomUnderSampler(random_state=seed)):
        plan = sampler.plan(X, y)
        weights = plan.weights()
        assert weights.sum() == plan.n_out
        for label, rate in plan.rates.items():
            assert weights[y == label].sum() == pytest.approx(rate * (y == label).sum())


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=4))
def test_balanced_weights_give_each_class_the_same_mass(counts: list[int]) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    plan = Plan.class_weights(y)
    weights = plan.weights()
    assert weights.sum() == pytest.approx(len(y))
    assert np.allclose(np.bincount(y, weights), len(y) / len(counts))
    assert plan.n_out == len(y)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, counts=COUNTS, which=st.integers(0, 4), size=st.integers(1, 40))
def test_every_epoch_has_the_classes_of_the_plan(seed: int, counts: list[int], which: int, size: int) -> None:
    X, y = blobs(seed, counts)
    plan = samplers(seed)[which].plan(X, y)
    batches = plan.batches(X, y, size=size, seed=seed)
    expected = np.bincount(plan.rows(X, y)[1], minlength=len(counts))
    shares = expected / expected.sum()
    for _ in range(2):
        epoch = list(batches)
        assert len(epoch) == len(batches)
        total = np.zeros(len(counts), dtype=int)
        for Xb, yb in epoch:
            assert len(Xb) == len(yb) <= size
            found = np.bincount(yb, minlength=len(counts))
            assert np.all(np.abs(found - shares * len(yb)) <= 2)
            total += found
        assert np.array_equal(total, expected)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS, size=st.integers(3, 30))
def test_batches_of_invented_rows_lie_between_their_ends(seed: int, counts: list[int], size: int) -> None:
    X, y = blobs(seed, counts)
    plan = SMOTE(k_neighbors=2, random_state=seed).plan(X, y)
    low, high = (np.array([f(X[y == c], axis=0) for c in range(len(counts))]) for f in (np.min, np.max))
    for Xb, yb in plan.batches(X, y, size=size, seed=seed):
        assert np.all(Xb >= low[yb] - 1e-9)
        assert np.all(Xb <= high[yb] + 1e-9)


def test_each_epoch_is_fresh_and_can_be_asked_for_by_number() -> None:
    X, y = blobs(0, [61, 10])
    for sampler in samplers(0)[:4]:
        batches = sampler.plan(X, y).batches(X, y, size=16, seed=3)
        one, two = (np.concatenate([b[0] for b in batches]) for _ in range(2))
        assert not np.array_equal(np.sort(one, axis=0), np.sort(two, axis=0))
        assert np.array_equal(np.concatenate([b[0] for b in batches.epoch(1)]), two)


def test_an_epoch_of_undersampling_draws_from_all_rows() -> None:
    X, y = blobs(0, [400, 10])
    batches = RandomUnderSampler(random_state=0).plan(X, y).batches(X, y, size=8)
    seen = {tuple(row) for _ in range(200) for Xb, yb in batches for row in Xb[yb == 0]}
    assert len(seen) > 350


def test_an_epoch_of_class_weights_draws_in_proportion() -> None:
    y = np.repeat([0, 1], [90, 10])
    X = np.arange(100.0)[:, None]
    batches = Plan.class_weights(y).batches(X, y, size=10)
    drawn = np.concatenate([yb for _, yb in batches])
    assert np.bincount(drawn).tolist() == [50, 50]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, counts=COUNTS)
def test_frames_and_arrays_give_the_same_rows(seed: int, counts: list[int]) -> None:
    X, y = blobs(seed, counts)
    for sampler in samplers(seed):
        made, labels = sampler.fit_resample(X, y)
        frame, series = sampler.fit_resample(pl.DataFrame(X), pl.Series(y))
        assert isinstance(frame, pl.DataFrame)
        assert np.allclose(frame.to_numpy(), made)
        assert np.array_equal(series.to_numpy(), labels)


def test_provenance_tells_the_three_kinds_apart() -> None:
    X, y = blobs(1, [9, 3])
    more = RandomOverSampler(sampling_strategy={0: 12}, random_state=0)
    plan = SMOTE(k_neighbors=2, random_state=0).plan(X, y).then(more, X, y)
    table = plan.provenance
    assert dict(table["kind"].value_counts().rows()) == {"kept": 12, "invented": 6, "repeated": 3}
    kept = table.filter(pl.col("kind") != "invented")
    assert kept["neighbour"].null_count() == len(kept) == kept["gap"].null_count()
    made = table.filter(pl.col("kind") == "invented")
    assert made["gap"].is_between(0, 1).all()
    rows = plan.rows(X)
    invented = (table["kind"] == "invented").to_numpy()
    base, neighbour = X[made["base"].to_numpy()], X[made["neighbour"].to_numpy()]
    assert np.allclose(rows[invented], base + made["gap"].to_numpy()[:, None] * (neighbour - base))


def test_what_a_plan_keeps_is_locked() -> None:
    y = np.repeat([0, 1], [5, 3])
    plan = Plan.keep(read_target(y), np.arange(4))
    with pytest.raises(ValueError, match="read-only"):
        plan.kept[0] = 3
    with pytest.raises(AttributeError):
        plan.n_rows = 4  # type: ignore[misc]
