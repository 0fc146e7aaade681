"""Cleaning samplers: what they refuse, what they warn of, and tables of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from counterpoise.errors import CounterpoiseWarning, InputError, NotApplicable, OptionError, TypeOfInputError
from counterpoise.resample import (
    AllKNN,
    CondensedNearestNeighbour,
    EditedNearestNeighbours,
    NearMiss,
    NeighbourFilter,
    NeighbourhoodCleaningRule,
    OneSidedSelection,
    RepeatedEditedNearestNeighbours,
    TomekLinks,
)

ALL = [
    AllKNN,
    CondensedNearestNeighbour,
    EditedNearestNeighbours,
    NearMiss,
    NeighbourFilter,
    NeighbourhoodCleaningRule,
    OneSidedSelection,
    RepeatedEditedNearestNeighbours,
    TomekLinks,
]


def mixed() -> tuple[pl.DataFrame, pl.Series]:
    draw = np.random.default_rng(0)
    n = 200
    y = (np.arange(n) % 8 == 0).astype(int)
    age = (draw.normal(40, 9, n) + 12 * y).tolist()
    age[3] = age[11] = None
    colour = draw.choice(["red", "green", "blue"], n).tolist()
    colour[5] = None
    flag = (draw.random(n) < 0.3).tolist()
    flag[9] = None
    return pl.DataFrame(
        {"age": age, "count": draw.integers(0, 9, n), "colour": colour, "flag": flag}
    ), pl.Series("label", np.where(y == 1, "yes", "no"))


@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
@pytest.mark.parametrize("sampler", ALL)
@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
def test_frames_with_categories_flags_and_gaps(sampler: Any, kind: str) -> None:
    X, y = mixed()
    table = {"polars": X, "pandas": X.to_pandas().convert_dtypes(), "pyarrow": X.to_arrow()}[kind]
    made = sampler()
    X2, y2 = made.fit_resample(table, y)
    assert type(X2) is type(table)
    assert len(X2) == len(y2) == len(made.sample_indices_) < len(y)
    if isinstance(X2, pl.DataFrame):
        assert X2.equals(X[made.sample_indices_])
    if isinstance(X2, pd.DataFrame):
        pd.testing.assert_frame_equal(
            X2.reset_index(drop=True), table.iloc[made.sample_indices_].reset_index(drop=True)
        )


def test_rows_that_lack_the_same_value_do_not_differ_there() -> None:
    X = np.array([[np.nan, 0.0], [np.nan, 0.1], [5.0, 0.05], [-5.0, 3.0], [0.0, 9.0], [0.0, 9.1]])
    y = np.array([0, 0, 1, 1, 0, 0])
    kept = EditedNearestNeighbours(n_neighbors=1, sampling_strategy=[0])
    kept.fit_resample(X, y)
    np.testing.assert_array_equal(kept.sample_indices_, np.arange(6))


def test_links_of_each_class_that_is_cleaned() -> None:
    X, y = np.array([[0.0], [1.0], [2.0], [2.1], [5.0]]), np.array([0, 0, 0, 1, 1])
    for strategy, expected in (("auto", [0, 1, 3, 4]), ([1], [0, 1, 2, 4]), ("all", [0, 1, 4])):
        sampler = TomekLinks(sampling_strategy=strategy)
        sampler.fit_resample(X, y)
        assert sampler.sample_indices_.tolist() == expected


def test_a_nearest_row_among_equals_is_the_one_with_the_smallest_number() -> None:
    X = np.array([[0.0], [1.0], [-1.0], [9.0], [10.0]])
    for y, linked in ((np.array([1, 0, 0, 0, 0]), 1), (np.array([1, 1, 0, 0, 0]), None)):
        sampler = TomekLinks(sampling_strategy=[0])
        sampler.fit_resample(X, y)
        gone = sorted(set(range(5)) - set(sampler.sample_indices_.tolist()))
        assert gone == ([] if linked is None else [linked])


def test_equal_votes_go_to_the_first_class() -> None:
    X, y = np.array([[0.0], [0.1], [0.2], [8.0], [8.1]]), np.array([1, 0, 1, 0, 0])
    sampler = EditedNearestNeighbours(n_neighbors=2, kind_sel="mode", sampling_strategy="all")
    with pytest.warns(CounterpoiseWarning, match="class 1"):
        sampler.fit_resample(X, y)
    assert 1 not in sampler.sample_indices_.tolist()
    assert 0 not in sampler.sample_indices_.tolist()


@pytest.mark.parametrize(
    ("sampler", "given"),
    [
        (EditedNearestNeighbours, {"n_neighbors": 0}),
        (EditedNearestNeighbours, {"n_neighbors": 2.5}),
        (EditedNearestNeighbours, {"kind_sel": "most"}),
        (EditedNearestNeighbours, {"neighbour_space": "metric"}),
        (EditedNearestNeighbours, {"working_memory": 0}),
        (EditedNearestNeighbours, {"sampling_strategy": {0: 10}}),
        (RepeatedEditedNearestNeighbours, {"max_iter": 0}),
        (NeighbourhoodCleaningRule, {"threshold_cleaning": 0.0}),
        (NeighbourhoodCleaningRule, {"edited_nearest_neighbours": 3}),
        (NearMiss, {"version": 4}),
        (NearMiss, {"n_neighbors_ver3": 0}),
        (CondensedNearestNeighbour, {"n_seeds_S": 0}),
        (OneSidedSelection, {"n_neighbors": "three"}),
        (NeighbourFilter, {"threshold": 1.5}),
    ],
)
def test_parameters_outside_what_is_offered(sampler: Any, given: dict[str, Any]) -> None:
    X, y = np.arange(20.0).reshape(10, 2), np.array([0] * 7 + [1] * 3)
    with pytest.raises((OptionError, TypeOfInputError)) as raised:
        sampler(**given).fit_resample(X, y)
    assert isinstance(raised.value, InputError)
    assert str(next(iter(given.values()))) in str(raised.value)


def test_too_few_rows_for_the_neighbours_asked() -> None:
    X, y = np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1])
    with pytest.warns(CounterpoiseWarning, match="2 are used instead"):
        EditedNearestNeighbours(n_neighbors=5, kind_sel="mode").fit_resample(X, y)
    with pytest.warns(CounterpoiseWarning, match="1 are used instead"):
        NearMiss(n_neighbors=3).fit_resample(X, y)


def test_a_class_that_is_gone_is_named() -> None:
    X, y = np.array([[0.0], [1.0], [0.5], [1.5], [2.0]]), np.array(["a", "a", "b", "b", "b"])
    with pytest.warns(CounterpoiseWarning, match="No row of class"):
        EditedNearestNeighbours(sampling_strategy="all", n_neighbors=3).fit_resample(X, y)


def test_a_filter_keeps_the_best_rows_rather_than_none() -> None:
    X, y = np.arange(12.0)[:, None], np.tile([0, 0, 0, 1], 3)
    with pytest.warns(CounterpoiseWarning, match="highest share"):
        _, y2 = NeighbourFilter(n_neighbors=2).fit_resample(X, y)
    assert (y2 == 1).sum() >= 1


def test_a_filter_drops_lonely_rows_of_the_minority_only() -> None:
    draw = np.random.default_rng(3)
    X = np.vstack([draw.normal(size=(60, 2)), draw.normal(8, 0.3, (10, 2)), [[0.0, 0.0]]])
    y = np.repeat([0, 1], [60, 11])
    sampler = NeighbourFilter()
    sampler.fit_resample(X, y)
    np.testing.assert_array_equal(sampler.sample_indices_, np.arange(70))
    assert np.isnan(sampler.shares_[:60]).all()
    assert sampler.sampling_strategy_ == {1: 11}


def test_a_search_of_the_users_own() -> None:
    draw = np.random.default_rng(5)
    X = draw.normal(size=(400, 3))
    y = (draw.random(400) < 0.2).astype(int)
    for sampler in (
        EditedNearestNeighbours,
        RepeatedEditedNearestNeighbours,
        AllKNN,
        NeighbourhoodCleaningRule,
    ):
        by_number, by_search = sampler(), sampler(n_neighbors=NearestNeighbors(n_neighbors=4))
        by_number.fit_resample(X, y)
        by_search.fit_resample(X, y)
        np.testing.assert_array_equal(by_number.sample_indices_, by_search.sample_indices_)
    city = EditedNearestNeighbours(n_neighbors=NearestNeighbors(n_neighbors=4, metric="cityblock"))
    city.fit_resample(X, y)
    near = NearestNeighbors(n_neighbors=4, metric="cityblock").fit(X).kneighbors(X)[1][:, 1:]
    keep = (y[near] == y[:, None]).all(axis=1) | (y == 1)
    np.testing.assert_array_equal(city.sample_indices_, np.flatnonzero(keep))
    given = CondensedNearestNeighbour(n_neighbors=KNeighborsClassifier(n_neighbors=1), random_state=0)
    plain = CondensedNearestNeighbour(random_state=0)
    given.fit_resample(X, y)
    plain.fit_resample(X, y)
    np.testing.assert_array_equal(given.sample_indices_, plain.sample_indices_)
    with pytest.raises(NotApplicable):
        EditedNearestNeighbours(n_neighbors=NearestNeighbors(n_neighbors=4)).fit_resample(*mixed())


def test_an_editor_of_the_users_own_does_the_first_step() -> None:
    draw = np.random.default_rng(6)
    X, y = draw.normal(size=(300, 2)), (draw.random(300) < 0.2).astype(int)
    given = NeighbourhoodCleaningRule(edited_nearest_neighbours=EditedNearestNeighbours(kind_sel="mode"))
    plain = NeighbourhoodCleaningRule()
    given.fit_resample(X, y)
    plain.fit_resample(X, y)
    np.testing.assert_array_equal(given.sample_indices_, plain.sample_indices_)
    assert plain.classes_to_clean_ == [0]


def test_near_miss_three_says_when_too_few_rows_are_near() -> None:
    X, y = np.array([[float(i)] for i in range(20)] + [[50.0]] * 6), np.array([0] * 20 + [1] * 6)
    sampler = NearMiss(version=3)
    with pytest.warns(CounterpoiseWarning, match="n_neighbors_ver3"):
        sampler.fit_resample(X, y)
    assert (y[sampler.sample_indices_] == 0).sum() == 3


def test_seeds_repeat_and_classes_draw_apart() -> None:
    draw = np.random.default_rng(7)
    X, y = draw.normal(size=(500, 2)), np.repeat([0, 1, 2], [220, 220, 60])
    first, again, other = (OneSidedSelection(random_state=s, n_seeds_S=5) for s in (0, 0, 1))
    for sampler in (first, again, other):
        sampler.fit_resample(X, y)
    np.testing.assert_array_equal(first.sample_indices_, again.sample_indices_)
    assert set(first.sample_indices_.tolist()) != set(other.sample_indices_.tolist())
