"""Cleaning samplers keep the rows that imbalanced-learn keeps, and that a full search keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imblearn.under_sampling as peer
import numpy as np
import polars as pl
import pytest
from imblearn.metrics.pairwise import ValueDifferenceMetric
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

import counterpoise.resample as ours
from counterpoise.neighbours import Space, ValueDifferences, kneighbors
from counterpoise.resample.condensed import _Condensing

SAMPLERS: list[tuple[str, dict[str, Any]]] = [
    ("TomekLinks", {}),
    ("TomekLinks", {"sampling_strategy": "all"}),
    ("EditedNearestNeighbours", {}),
    ("EditedNearestNeighbours", {"kind_sel": "mode", "n_neighbors": 5}),
    ("EditedNearestNeighbours", {"sampling_strategy": "all", "n_neighbors": 4}),
    ("RepeatedEditedNearestNeighbours", {}),
    ("RepeatedEditedNearestNeighbours", {"kind_sel": "mode", "max_iter": 2}),
    ("AllKNN", {}),
    ("AllKNN", {"allow_minority": True, "n_neighbors": 5, "kind_sel": "mode"}),
    ("NeighbourhoodCleaningRule", {}),
    ("NeighbourhoodCleaningRule", {"n_neighbors": 4, "threshold_cleaning": 1.5}),
    ("NearMiss", {}),
    ("NearMiss", {"version": 2, "n_neighbors": 4}),
    ("NearMiss", {"version": 3, "n_neighbors_ver3": 5}),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in given.items())}" for name, given in SAMPLERS]
FEW_TIES = "ignore:The number of the samples to be selected is larger"


def both(name: str, given: dict[str, Any], X: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = []
    for room in (ours, peer):
        sampler = getattr(room, name)(**given)
        sampler.fit_resample(X, y)
        kept.append(np.sort(sampler.sample_indices_))
    return kept[0], kept[1]


def numbers_of(table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table.drop("label").to_numpy().astype(np.float64), table["label"].to_numpy().astype(np.int64)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given"), SAMPLERS, ids=IDS)
def test_same_rows_on_a_table_as_it_is(
    name: str, given: dict[str, Any], shared_table: Callable[[str], pl.DataFrame]
) -> None:
    X, y = numbers_of(shared_table("adbench_satimage_2"))
    mine, theirs = both(name, given, X, y)
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("table", ["keel_yeast4", "promise_kc1"])
@pytest.mark.parametrize(("name", "given"), SAMPLERS, ids=IDS)
def test_same_rows_where_nothing_ties(
    name: str, given: dict[str, Any], table: str, shared_table: Callable[[str], pl.DataFrame], seed: int
) -> None:
    """Real tables, each value moved by a hair so that no two rows are equal and no two distances tie."""
    X, y = numbers_of(shared_table(table).sample(1000, seed=seed))
    X = X + np.random.default_rng(seed).normal(0, 1e-4, X.shape) * X.std(axis=0)
    mine, theirs = both(name, given, X, y)
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given"), SAMPLERS, ids=IDS)
@pytest.mark.parametrize("columns", [3, 20])
def test_same_rows_with_four_classes(name: str, given: dict[str, Any], columns: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2, 3], [700, 200, 80, 40])
    X = draw.normal(size=(len(y), columns)) + draw.normal(size=(4, columns))[y] * 1.5
    mine, theirs = both(name, given, X, y)
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given"), SAMPLERS, ids=IDS)
def test_same_rows_of_a_sparse_table(name: str, given: dict[str, Any], seed: int) -> None:
    draw = np.random.default_rng(seed)
    X = sparse.random(600, 40, 0.2, format="csr", random_state=seed)
    y = (draw.random(600) < 0.15).astype(int)
    mine, theirs = both(name, given, X, y)
    np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(mine, both(name, given, X.toarray(), y)[0])


@pytest.mark.parametrize("columns", [2, 6, 30])
@pytest.mark.parametrize("name", ["CondensedNearestNeighbour", "OneSidedSelection"])
@pytest.mark.parametrize("given", [{}, {"n_neighbors": 3, "n_seeds_S": 4}])
def test_condensing_keeps_the_same_rows_for_the_same_seeds(
    name: str, given: dict[str, Any], columns: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer mixes up row numbers of the table and of the class, so the class comes first in the table."""
    draw = np.random.default_rng(seed)
    y = np.repeat([0, 1], [500, 60])
    X = draw.normal(size=(len(y), columns))
    X[y == 1] += 0.8
    theirs = getattr(peer, name)(random_state=seed, **given)
    theirs.fit_resample(X, y)
    drawn = np.random.RandomState(seed).randint(0, 500, given.get("n_seeds_S", 1))
    monkeypatch.setattr(_Condensing, "_seeds", lambda self, data, code: drawn)
    mine = getattr(ours, name)(**given)
    mine.fit_resample(X, y)
    np.testing.assert_array_equal(mine.sample_indices_, np.unique(theirs.sample_indices_))


@pytest.mark.data
@pytest.mark.parametrize("name", ["adbench_mammography", "keel_winequality_red_4", "promise_kc1"])
@pytest.mark.filterwarnings("ignore")
def test_repeated_rows_are_decided_by_row_number(
    name: str, shared_table: Callable[[str], pl.DataFrame]
) -> None:
    """A row that occurs again has its twins as neighbours, itself never: by a full search in NumPy."""
    X, y = numbers_of(shared_table(name).head(4000))
    keep = np.ones(len(y), dtype=bool)
    for start in range(0, len(X), 256):
        rows = np.arange(start, min(start + 256, len(X)))
        squared = np.zeros((len(rows), len(X)))
        for j in range(X.shape[1]):
            squared += (X[rows, j][:, None] - X[None, :, j]) ** 2
        squared[np.arange(len(rows)), rows] = np.inf
        near = np.argsort(squared, axis=1, kind="stable")[:, :3]
        keep[rows] = (y[near] == y[rows][:, None]).all(axis=1) | (y[rows] == 1)
    sampler = ours.EditedNearestNeighbours()
    sampler.fit_resample(X, y)
    np.testing.assert_array_equal(sampler.sample_indices_, np.flatnonzero(keep))


@pytest.mark.parametrize("columns", [2, 8, 25])
def test_neighbours_of_scikit_learn(columns: int, seed: int) -> None:
    X = np.random.default_rng(seed).normal(size=(3000, columns))
    distance, near = kneighbors(X[:200], X, 7, rows=np.arange(200))
    expected = NearestNeighbors(n_neighbors=8, algorithm="brute").fit(X).kneighbors(X[:200])
    np.testing.assert_array_equal(near, expected[1][:, 1:])
    np.testing.assert_allclose(distance, expected[0][:, 1:], rtol=1e-6)


def test_value_difference_metric_of_imbalanced_learn(seed: int) -> None:
    draw = np.random.default_rng(seed)
    codes, y = draw.integers(0, 6, (300, 4)), draw.integers(0, 3, 300)
    expected = ValueDifferenceMetric().fit(codes, y).pairwise(codes)
    metric = ValueDifferences.of(codes, y)
    np.testing.assert_allclose(metric.between(codes, codes), expected, atol=1e-12)
    near = metric.kneighbors(codes[:40], codes, 5, rows=np.arange(40), working_memory=1)[1]
    np.fill_diagonal(expected, np.inf)
    taken = np.take_along_axis(expected[:40], near, axis=1)
    np.testing.assert_allclose(taken, np.sort(expected[:40], axis=1)[:, :5], atol=1e-12)


def test_categories_lie_as_far_apart_as_one_hot_columns_would(seed: int) -> None:
    draw = np.random.default_rng(seed)
    numbers, codes = draw.normal(size=(400, 3)), draw.integers(0, 5, (400, 2)).astype(np.int32)
    penalty = 0.8
    one_hot = np.hstack([numbers, *(np.sqrt(penalty / 2) * np.eye(5)[codes[:, j]] for j in range(2))])
    space = Space(numbers, codes, penalty)
    distance, near = kneighbors(space, space, 4, rows=np.arange(400))
    expected = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(one_hot).kneighbors(one_hot)
    np.testing.assert_allclose(distance, expected[0][:, 1:], rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(near, expected[1][:, 1:])
