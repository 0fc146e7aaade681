"""What a plan says and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

import counterpoise.resample.plan as plan_module
from counterpoise.errors import InputError, NotApplicable, OptionError
from counterpoise.resample import SMOTE, SMOTENC, Plan, RandomOverSampler, RandomUnderSampler
from counterpoise.resample.mixing import Groups, Invention, Noise, interpolate, vote
from counterpoise.resample.target import read_target

Y = np.repeat([0, 1], [5, 3])
X = np.arange(16.0).reshape(8, 2)


def invented(**more: Any) -> Plan:
    """Two invented rows behind all kept ones."""
    ends = Invention(np.array([5, 6]), np.array([6, 7]), np.array([0.25, 0.5]), **more)
    return Plan.invent(read_target(Y), np.arange(8), ends)


def test_invented_rows_lie_where_the_gap_says() -> None:
    made, labels = invented().rows(X, Y)
    assert np.allclose(made[8:], [X[5] + 0.25 * (X[6] - X[5]), X[6] + 0.5 * (X[7] - X[6])])
    assert labels[8:].tolist() == [1, 1]
    assert invented().rates == {0: 1.0, 1: 5 / 3}


def test_means_of_groups_leave_missing_values_out() -> None:
    members = Groups(np.array([0, 1, 2]), np.array([0, 3, 3]))
    table = X.copy()
    table[1, 0] = np.nan
    made = invented(groups=members).rows(table)
    assert made[8].tolist() == [(0 + 4) / 2, 3.0]
    assert np.allclose(made[9], X[6] + 0.5 * (X[7] - X[6]))


def test_the_nearer_end_decides_where_a_value_is_missing() -> None:
    base, neighbour = np.array([[1.0], [1.0], [np.nan]]), np.array([[np.nan], [np.nan], [2.0]])
    found = interpolate(base, neighbour, np.array([0.2, 0.8, 0.8]))
    assert np.array_equal(found, [[1.0], [np.nan], [2.0]], equal_nan=True)


def test_a_vote_goes_to_the_most_frequent_and_then_to_the_first() -> None:
    assert vote(np.array([[2, 1, 1], [3, 2, 1], [1, 2, 2]])).tolist() == [1, 0, 1]


def test_noise_is_the_same_whole_or_in_parts() -> None:
    n = 5000
    y = np.repeat([0, 1], [n, 10])
    table = np.zeros((n + 10, 2))
    drawn = np.full(n, n)
    noise = Noise(3, np.array([[1.0, 2.0]]), np.zeros(n, dtype=np.int32), np.arange(n))
    plan = Plan.invent(read_target(y), np.arange(n + 10), Invention(drawn, drawn, np.zeros(n), noise=noise))
    whole = plan.rows(table)[n + 10 :]
    some = np.array([4999, 0, 2047, 2048])
    assert np.array_equal(plan.picked(n + 10 + some).rows(table), whole[some])
    assert np.allclose(whole.std(axis=0), [1.0, 2.0], rtol=0.1)


def test_two_smoothed_bootstraps_do_not_chain() -> None:
    first = RandomOverSampler(random_state=0, shrinkage=0.5).plan(X, Y)
    again = RandomOverSampler(sampling_strategy={0: 9}, random_state=0, shrinkage=0.5)
    with pytest.raises(NotApplicable, match="noise"):
        first.then(again, X, Y)


def test_weights_are_refused_with_the_reason_where_rows_were_invented() -> None:
    with pytest.raises(NotApplicable, match="invents 2 rows"):
        invented().weights()


def test_class_weights_follow_a_mapping_and_refuse_nonsense() -> None:
    assert Plan.class_weights(Y, {1: 10.0}).weights().tolist() == [1.0] * 5 + [10.0] * 3
    for bad in ({2: 1.0}, {0: -1.0}, {0: np.nan}, "balance"):
        with pytest.raises(OptionError):
            Plan.class_weights(Y, bad)


def test_further_arrays_follow_their_rows() -> None:
    plan = invented()
    ids = np.arange(8)
    table, labels, names, times = plan.rows(X, Y, ids, pl.Series("t", ids * 2))
    assert len(table) == len(labels) == 10
    assert names.tolist() == [*range(8), 5, 6]
    assert times.to_list() == [*range(0, 16, 2), 10, 12]


def test_another_number_of_rows_is_refused() -> None:
    with pytest.raises(InputError, match="7 rows"):
        invented().rows(X[:7])
    with pytest.raises(InputError, match="follows is for"):
        invented().then(invented())


def test_a_sampler_can_follow_while_the_table_is_there() -> None:
    sampler = RandomUnderSampler(random_state=0)
    plan = RandomOverSampler(random_state=0).plan(X, Y)
    assert plan.then(sampler) == plan.then(sampler, X, Y)
    forgotten = Plan.from_arrays(plan.arrays())
    with pytest.raises(InputError, match="without X and y"):
        forgotten.then(sampler)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True]), np.array([0.0, 1.0])])
def test_a_saved_plan_comes_back_equal(tmp_path: Path, labels: np.ndarray) -> None:
    draw = np.random.default_rng(0)
    table = np.column_stack([draw.normal(size=30), draw.integers(0, 3, 30)])
    y = labels[np.repeat([0, 1], [22, 8])]
    plan = (
        SMOTENC([1], k_neighbors=3, random_state=0)
        .plan(table, y)
        .then(RandomOverSampler(random_state=0, shrinkage=0.1), table, y)
    )
    plan.save(tmp_path / "plan.npz")
    loaded = Plan.load(tmp_path / "plan.npz")
    assert loaded == plan
    assert loaded.rates == plan.rates
    assert np.array_equal(loaded.rows(table), plan.rows(table))


def test_predicted_bytes_are_what_is_made() -> None:
    plan = invented()
    assert plan.predicted_bytes(X) == plan.rows(X).nbytes
    assert plan.predicted_bytes(X.astype(np.float32)) == plan.rows(X).nbytes // 2
    frame = pl.DataFrame(X)
    assert plan.predicted_bytes(frame) == pytest.approx(plan.rows(frame).estimated_size(), rel=0.2)
    assert plan.predicted_bytes(sparse.csr_matrix(X)) > 0


def test_a_pandas_index_follows_rows_that_are_kept_and_is_new_otherwise() -> None:
    frame = pd.DataFrame(X, index=list("abcdefgh"))
    kept = Plan.keep(read_target(Y), np.array([6, 1]))
    assert kept.rows(frame).index.tolist() == ["g", "b"]
    assert invented().rows(frame).index.tolist() == list(range(10))
    assert Plan.keep(read_target(Y), np.array([6, 6])).rows(frame).index.tolist() == [0, 1]


def test_plans_that_differ_are_not_equal() -> None:
    target = read_target(Y)
    one = Plan.keep(target, np.arange(4))
    assert one != Plan.keep(target, np.arange(5))
    assert one != "a plan"
    assert "8 rows -> 4" in repr(one)


def test_a_chain_drops_invented_rows_that_nobody_needs() -> None:
    first = invented()
    assert len(first.then(Plan.keep(read_target(first.rows(X, Y)[1]), np.array([0, 5, 9]))).base) == 1


def test_a_chain_keeps_what_later_rows_are_made_from() -> None:
    first = invented()
    labels = first.rows(X, Y)[1]
    middle = Plan.invent(
        read_target(labels), np.array([0, 5]), Invention(np.array([8]), np.array([9]), np.array([0.5]))
    )
    both = first.then(middle)
    assert both.n_out == 3
    assert len(both.base) == 3
    halfway = first.rows(X)[8:].mean(axis=0)
    assert np.allclose(both.rows(X)[2], halfway)
    assert np.allclose(np.concatenate([b for b, _ in both.batches(X, Y, size=2)]).shape, (3, 2))


def test_smote_of_smote_works_on_frames() -> None:
    frame = pl.DataFrame({"a": X[:, 0], "n": np.arange(8), "c": list("xyxyxyxy")})
    sampler = SMOTE(k_neighbors=1, random_state=0, sampling_strategy={1: 5})
    plan = sampler.plan(frame, Y)
    more = plan.then(SMOTE(k_neighbors=2, random_state=1, sampling_strategy={1: 9}), frame, Y)
    made = more.rows(frame)
    assert made.schema == frame.schema
    assert made.height == 14


@pytest.mark.parametrize("many", [False, True])
def test_rows_are_gathered_the_same_by_runs_and_one_by_one(many: bool) -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(5000, 3))
    dropped = draw.choice(5000, 2500 if many else 7, replace=False)
    kept = np.setdiff1d(np.arange(5000), dropped)
    rows = np.concatenate([kept, draw.integers(0, 5000, 100)])
    out = np.empty((len(rows), 3))
    plan_module._take_into(X, rows, out)
    assert np.array_equal(out, X[rows])
    plan_module._take_into(X, rows[:0], out[:0])
