"""Where imbalanced-learn leaves nothing to chance, we agree with it; where it draws, we draw from the same set."""

from __future__ import annotations

from typing import Any

import imblearn.over_sampling as their_over
import imblearn.under_sampling as their_under
import numpy as np
import polars as pl
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

from counterpoise.resample import (
    ADASYN,
    SMOTE,
    SMOTEENN,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    ClusterCentroids,
    InstanceHardnessThreshold,
    RandomOverSampler,
    RandomUnderSampler,
    TomekLinks,
)

TABLES = ("keel_yeast4", "keel_abalone19", "uci_satimage_4", "adbench_thyroid")


def made_table(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    y = draw.permutation(np.repeat([0, 1, 2], [300, 60, 30]))
    return draw.normal(size=(390, 4)) + 0.9 * y[:, None], y


def real_table(shared_table: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    frame = shared_table(name)
    numbers = frame.drop("label").select(pl.selectors.numeric())
    return numbers.to_numpy().astype(float), frame["label"].to_numpy().astype(int)


def in_danger_agree(X: np.ndarray, y: np.ndarray) -> None:
    ours = BorderlineSMOTE(neighbour_space="raw", random_state=0)
    theirs = their_over.BorderlineSMOTE(random_state=0)
    ours.fit_resample(X, y)
    theirs.fit_resample(X, y)
    assert ours.in_danger_indices.keys() == theirs.in_danger_indices.keys()
    distance, _ = NearestNeighbors(n_neighbors=12).fit(X).kneighbors(X)
    ties = np.flatnonzero(np.isclose(distance[:, 10], distance[:, 11], rtol=1e-9))
    for label, rows in ours.in_danger_indices.items():
        differ = np.setxor1d(rows, theirs.in_danger_indices[label])
        assert np.isin(differ, ties).all()
        assert len(differ) <= 0.02 * len(rows)


def test_rows_in_danger_are_the_same() -> None:
    for seed in range(3):
        in_danger_agree(*made_table(seed))


@pytest.mark.data
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
def test_rows_in_danger_are_the_same_on_real_tables(shared_table: Any, name: str) -> None:
    X, y = real_table(shared_table, name)
    if len(np.unique(X, axis=0)) < len(X):
        pytest.skip(
            "rows repeat: imbalanced-learn takes the first neighbour for the row itself, which may be a twin"
        )
    in_danger_agree(X, y)


@pytest.mark.data
@pytest.mark.parametrize("name", TABLES)
def test_synthetic_rows_lie_between_rows_that_imbalanced_learn_would_join(
    shared_table: Any, name: str
) -> None:
    X, y = real_table(shared_table, name)
    plan = SMOTE(neighbour_space="raw", random_state=0).plan(X, y)
    rows = np.flatnonzero(y == 1)
    search = NearestNeighbors(n_neighbors=6).fit(X[rows])
    distance, _ = search.kneighbors(X[plan.base])
    ours = np.linalg.norm(X[plan.base] - X[plan.neighbour], axis=1)
    assert np.all(ours <= distance[:, 5] * (1 + 1e-9) + 1e-12)
    assert set(y[plan.neighbour]) == {1}
    made, _ = plan.rows(X, y)
    theirs, _ = their_over.SMOTE(random_state=0).fit_resample(X, y)
    assert made.shape == theirs.shape
    assert np.all(made[len(y) :] >= X[rows].min(axis=0) - 1e-9)
    assert np.all(made[len(y) :] <= X[rows].max(axis=0) + 1e-9)


def test_adasyn_gives_each_row_as_many_up_to_rounding() -> None:
    X, y = made_table()
    plan = ADASYN(neighbour_space="raw", random_state=0).plan(X, y)
    near = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(X, return_distance=False)[:, 1:]
    for label in (1, 2):
        rows = np.flatnonzero(y == label)
        share = (y[near[rows]] != label).sum(axis=1)
        asked = 300 - len(rows)
        ours = np.bincount(plan.base[y[plan.base] == label], minlength=len(y))[rows]
        assert ours.sum() == asked
        assert np.all(np.abs(ours - share / share.sum() * asked) < 1)


def test_support_vectors_are_those_of_the_given_machine() -> None:
    X, y = made_table()
    y = np.minimum(y, 1)
    machine = SVC(gamma=0.3, C=2.0)
    sampler = SVMSMOTE(neighbour_space="raw", svm_estimator=machine, random_state=0)
    plan = sampler.plan(X, y)
    support = machine.fit(X, y).support_
    assert np.isin(plan.base, support[y[support] == 1]).all()
    assert np.array_equal(sampler.svm_estimator_.support_, support)
    beyond = plan.gap < 0
    near = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X[plan.base], return_distance=False)[:, 1:]
    foreign = (y[near] != 1).sum(axis=1)
    assert np.array_equal(beyond, foreign < 5)
    assert np.all(foreign < 10)
    assert plan.gap.min() >= -0.5


def test_the_machine_sees_no_more_rows_than_it_may() -> None:
    X, y = made_table()
    y = np.minimum(y, 1)
    sampler = SVMSMOTE(svm_rows=120, random_state=0)
    sampler.fit_resample(X, y)
    assert sampler.svm_estimator_.shape_fit_[0] == 120


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_centroids_of_a_given_clustering_are_the_same(voting: Any) -> None:
    X, y = made_table()
    kmeans = KMeans(random_state=3, n_init=2, tol=0, max_iter=500)
    ours = ClusterCentroids(estimator=kmeans, voting=voting, neighbour_space="raw").fit_resample(X, y)
    theirs = their_under.ClusterCentroids(estimator=kmeans, voting=voting).fit_resample(X, y)
    for label in np.unique(y):
        mine, other = ours[0][ours[1] == label], theirs[0][theirs[1] == label]
        assert np.allclose(mine[np.lexsort(mine.T)], other[np.lexsort(other.T)])


def test_hard_rows_go_first_as_there() -> None:
    X, y = made_table()
    y = np.minimum(y, 1)
    judge = LogisticRegression()
    ours = InstanceHardnessThreshold(estimator=judge, cv=5, random_state=0)
    theirs = their_under.InstanceHardnessThreshold(estimator=judge, cv=5, random_state=0)
    ours.fit_resample(X, y)
    theirs.fit_resample(X, y)
    both = np.intersect1d(ours.sample_indices_, theirs.sample_indices_)
    assert len(both) >= 0.9 * len(ours.sample_indices_)
    kept, gone = np.split(np.argsort(ours.hardness_[y == 0], kind="stable"), [90])
    assert set(np.flatnonzero(y == 0)[kept]) | set(np.flatnonzero(y == 1)) == set(ours.sample_indices_)
    assert len(gone) == 210


def test_the_default_forest_ranks_rows_as_cross_validation_does() -> None:
    X, y = made_table()
    y = np.minimum(y, 1)
    quick, slow = InstanceHardnessThreshold(random_state=0), InstanceHardnessThreshold(random_state=0, cv=5)
    quick.fit_resample(X, y)
    slow.fit_resample(X, y)
    assert np.corrcoef(quick.hardness_, slow.hardness_)[0, 1] > 0.9


def test_categories_are_voted_for_as_there() -> None:
    """One base, all neighbours alike in a column: both must give that category."""
    draw = np.random.default_rng(0)
    X = np.column_stack([draw.normal(size=(200, 2)), draw.integers(0, 4, 200)])
    y = np.repeat([0, 1], [180, 20])
    X[y == 1, 2] = (X[y == 1, 0] > 0) * 2.0
    X[y == 1, 0] *= 50
    ours, _ = SMOTENC([2], random_state=0).fit_resample(X, y)
    theirs, _ = their_over.SMOTENC([2], random_state=0).fit_resample(X, y)
    assert set(ours[200:, 2]) == set(theirs[200:, 2]) == {0.0, 2.0}
    far = np.abs(ours[200:, 0]) > 40
    assert np.array_equal(ours[200:][far, 2] > 0, ours[200:][far, 0] > 0)


@pytest.mark.parametrize(
    "sampler",
    [SMOTE(random_state=0), RandomUnderSampler(random_state=0), TomekLinks(), SMOTEENN(random_state=0)],
    ids=lambda s: type(s).__name__,
)
def test_samplers_work_inside_the_pipeline_of_imbalanced_learn(sampler: Any) -> None:
    X, y = made_table()
    frame = pl.DataFrame(X)
    piped = make_pipeline(sampler, LogisticRegression(max_iter=500)).fit(X, y)
    by_hand = LogisticRegression(max_iter=500).fit(*sampler.fit_resample(X, y))
    assert np.allclose(piped.predict_proba(X), by_hand.predict_proba(X))
    assert np.allclose(
        make_pipeline(sampler, LogisticRegression(max_iter=500)).fit(frame, y).predict_proba(frame),
        by_hand.predict_proba(X),
    )


def test_random_samplers_take_what_theirs_takes() -> None:
    X, y = made_table()
    for ours, theirs in (
        (RandomOverSampler(random_state=0), their_over.RandomOverSampler(random_state=0)),
        (RandomUnderSampler(random_state=0), their_under.RandomUnderSampler(random_state=0)),
    ):
        made, labels = ours.fit_resample(X, y)
        other, their_labels = theirs.fit_resample(X, y)
        assert made.shape == other.shape
        assert np.array_equal(np.bincount(labels), np.bincount(their_labels))
        assert np.array_equal(made, X[ours.sample_indices_])
        assert dict(ours.sampling_strategy_) == dict(theirs.sampling_strategy_)
