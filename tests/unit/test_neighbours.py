"""The neighbour search: tables as points, and what is refused."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.neighbours import Index, Space, ValueDifferences, category_penalty, kneighbors
from counterpoise.neighbours.workers import each, n_workers, runs_of


def test_ties_go_to_the_smaller_number() -> None:
    X = np.array([[0.0], [1.0], [-1.0], [1.0]])
    distances, indices = kneighbors(X, X, 3, rows=np.arange(4))
    assert indices[0].tolist() == [1, 2, 3]
    assert indices[1].tolist() == [3, 0, 2]
    assert distances[1].tolist() == [0.0, 1.0, 2.0]


def test_a_missing_number_sits_at_the_mean_of_its_column() -> None:
    X = np.array([[1.0, np.nan], [3.0, 4.0], [np.nan, 8.0]])
    np.testing.assert_array_equal(Space.of(X).numbers, [[1.0, 6.0], [3.0, 4.0], [2.0, 8.0]])
    assert Space.of(X.astype(np.float32)).numbers.dtype == np.float32
    nothing = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    np.testing.assert_array_equal(Space.of(nothing).numbers[:, 0], [0.0, 0.0])


def test_a_sparse_table_with_gaps() -> None:
    dense = np.array([[1.0, 0.0], [np.nan, 2.0], [0.0, 0.0]])
    found = Space.of(sparse.csr_matrix(dense)).numbers.toarray()
    np.testing.assert_array_equal(found, [[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]])


def test_a_table_without_gaps_is_not_copied() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    assert Space.of(X).numbers is X


def test_flags_are_numbers_and_categories_are_codes() -> None:
    frame = pl.DataFrame({"x": [0.0, 2.0, 4.0], "flag": [True, None, False], "c": ["a", None, "b"]})
    space = Space.of(frame)
    assert space.numbers.shape == (3, 2)
    np.testing.assert_array_equal(space.numbers[:, 1], [1.0, 0.5, 0.0])
    assert space.codes is not None
    assert len(set(space.codes[:, 0].tolist())) == 3
    assert space.penalty == pytest.approx(np.std([0.0, 2.0, 4.0]) ** 2)
    by_class = Space.of(frame, minority=np.array([True, True, False]))
    assert by_class.penalty == pytest.approx(1.0)


def test_the_penalty_is_one_where_no_number_varies() -> None:
    assert category_penalty(np.ones((4, 2))) == 1.0
    assert category_penalty(np.empty((4, 0))) == 1.0
    assert category_penalty(np.array([[1.0], [np.nan], [3.0]])) == 1.0


def test_only_categories() -> None:
    frame = pl.DataFrame({"a": ["x", "x", "y", "y"], "b": ["p", "q", "p", "p"]})
    space = Space.of(frame)
    distances, indices = kneighbors(space, space, 1, rows=np.arange(4))
    assert indices[:, 0].tolist() == [1, 0, 3, 2]
    assert distances[:, 0].tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("k", [0, 4])
def test_more_neighbours_than_rows(k: int) -> None:
    X = np.arange(4.0)[:, None]
    with pytest.raises(OptionError, match="from 1 to 3"):
        kneighbors(X, X, k, rows=np.arange(4))


def test_other_columns() -> None:
    with pytest.raises(TypeOfInputError, match="same columns"):
        kneighbors(np.ones((2, 3)), np.ones((5, 2)), 1)
    with pytest.raises(OptionError):
        ValueDifferences.of(np.zeros((3, 1), int), np.array([0, 1, 0])).kneighbors(
            np.zeros((1, 1), int), np.zeros((3, 1), int), 5
        )


def test_no_query_at_all() -> None:
    distances, indices = kneighbors(np.empty((0, 2)), np.ones((3, 2)), 2)
    assert distances.shape == indices.shape == (0, 2)


def test_values_too_large_for_single_precision() -> None:
    X = np.array([[0.0], [1e30], [1.5e30], [4e30]])
    assert kneighbors(X, X, 1, rows=np.arange(4))[1][:, 0].tolist() == [1, 2, 1, 2]


def test_an_index_answers_for_rows_and_for_strangers() -> None:
    X = np.repeat(np.random.default_rng(1).normal(size=(40, 2)), 100, axis=0)
    index = Index(X)
    assert index.distinct is not None
    squared, near = index.nearest_rows(np.array([250]), 3)
    assert near[0].tolist() == [200, 201, 202]
    assert squared[0].tolist() == [0.0, 0.0, 0.0]
    assert index.nearest(X[250:251], 3)[1][0].tolist() == [200, 201, 202]


def test_threads_keep_the_order_of_answers() -> None:
    assert each(lambda i: i * i, range(20), n_jobs=4) == [i * i for i in range(20)]
    assert each(lambda i: i, [], n_jobs=2) == []
    assert n_workers(3) == 3
    assert n_workers(-1) == n_workers(None)
    assert n_workers(-1000) == 1
    assert np.concatenate(runs_of(np.arange(7), 2)).tolist() == list(range(7))
