"""What samplers accept, return and refuse."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

import counterpoise.resample as resample
from counterpoise.errors import InputError, NotApplicable, OptionError, TypeOfInputError
from counterpoise.resample import (
    ADASYN,
    SAMPLERS,
    SMOTE,
    SMOTENC,
    SVMSMOTE,
    BorderlineSMOTE,
    ClusterCentroids,
    EditedNearestNeighbours,
    InstanceHardnessThreshold,
    KMeansSMOTE,
    NeighbourFilter,
    RandomOverSampler,
    RandomUnderSampler,
    make_sampler,
)

DRAW = np.random.default_rng(0)
Y = DRAW.permutation(np.repeat([0, 1], [60, 20]))
X = DRAW.normal(size=(80, 4)) + 0.8 * Y[:, None]
NAMES = sorted(SAMPLERS)

pytestmark = pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")


def mixed_frame() -> pl.DataFrame:
    """A frame of every kind of column, most with missing values."""
    draw = np.random.default_rng(1)

    def holes(values: Any) -> list[Any]:
        return [None if gone else value for value, gone in zip(values, draw.random(80) < 0.1, strict=True)]

    return pl.DataFrame(
        {
            "f32": pl.Series(X[:, 0].astype(np.float32)),
            "f64": pl.Series(holes(X[:, 1].tolist())),
            "i8": pl.Series(holes(np.rint(5 * X[:, 2]).astype(int).tolist()), dtype=pl.Int8),
            "u64": pl.Series((1000 + 10 * X[:, 3]).astype(int).tolist(), dtype=pl.UInt64),
            "flag": pl.Series(holes((X[:, 0] > 0).tolist()), dtype=pl.Boolean),
            "word": pl.Series(holes(draw.choice(["a", "b", "c"], 80).tolist())),
            "level": pl.Series(draw.choice(["low", "high"], 80).tolist(), dtype=pl.Enum(["low", "high"])),
            "kind": pl.Series(holes(draw.choice(["p", "q"], 80).tolist()), dtype=pl.Categorical),
            "day": pl.Series(holes((19_000 + np.rint(30 * X[:, 1])).astype(int).tolist())).cast(pl.Date),
            "at": pl.Series(((19_000 * 86_400 + np.rint(1e4 * X[:, 2])) * 1e6).astype(np.int64)).cast(
                pl.Datetime("us")
            ),
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_gives_back_a_frame_of_the_same_kind(name: str) -> None:
    frame = mixed_frame()
    labels = pl.Series("y", np.where(Y == 1, "yes", "no"))
    made, out = make_sampler(name, random_state=0).fit_resample(frame, labels)
    assert made.schema == frame.schema
    assert out.dtype == labels.dtype
    assert made.height == len(out)
    pandas = frame.to_pandas().convert_dtypes()
    made, out = make_sampler(name, random_state=0).fit_resample(pandas, labels.to_pandas())
    assert made.dtypes.equals(pandas.dtypes)
    assert made.index.equals(out.index)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_keeps_single_precision_and_lists(name: str) -> None:
    made, out = make_sampler(name, random_state=0).fit_resample(X.astype(np.float32), Y.astype(np.int8))
    assert made.dtype == np.float32
    assert out.dtype == np.int8
    rows, labels = make_sampler(name, random_state=0).fit_resample(X.tolist(), Y.tolist())
    assert isinstance(rows, list)
    assert isinstance(labels, list)


@pytest.mark.parametrize("name", NAMES)
def test_further_arrays_follow_through_every_sampler(name: str) -> None:
    ids = np.arange(80)
    sampler = make_sampler(name, random_state=0)
    made, out, numbers, weight = sampler.fit_resample(X, Y, ids=ids, weight=pl.Series(ids / 2))
    assert len(made) == len(out) == len(numbers) == len(weight)
    assert np.array_equal(Y[numbers], out)
    assert np.array_equal(weight.to_numpy(), numbers / 2)
    assert np.array_equal(numbers, sampler.plan_.sources)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("smoten", "smotenc")])
def test_sparse_input_gives_the_rows_of_dense_input(name: str) -> None:
    sampler = make_sampler(name, random_state=0)
    if name == "cluster_centroids":
        sampler.set_params(voting="soft")
    thin = np.where(np.abs(X) < 0.4, 0.0, X)
    dense, labels = sampler.fit_resample(thin, Y)
    for form in (sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array):
        made, out = sampler.fit_resample(form(thin), Y)
        assert made.format == form(thin).format
        assert np.allclose(made.toarray(), dense)
        assert np.array_equal(out, labels)


@pytest.mark.parametrize("name", NAMES)
def test_infinite_values_are_refused_where_values_count(name: str) -> None:
    sampler = make_sampler(name, random_state=0)
    bad = X.copy()
    bad[3, 1] = np.inf
    if name.startswith("random"):
        assert len(sampler.fit_resample(bad, Y)[0])
        return
    for given in (bad, pl.DataFrame(bad)):
        with pytest.raises(InputError, match="infinity"):
            sampler.fit_resample(given, Y)


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_is_cloned_pickled_and_planned(name: str) -> None:
    sampler = make_sampler(name, random_state=3)
    plan = sampler.plan(X, Y)
    again = pickle.loads(pickle.dumps(clone(sampler))).plan(X, Y)
    assert plan == again
    made, out = sampler.fit_resample(X, Y)
    assert np.array_equal(plan.rows(X), made)
    assert plan.n_out == len(out)


def bad_targets() -> list[Any]:
    gone = np.where(Y == 1, 1.0, np.nan)
    several = np.random.default_rng(0).integers(0, 2, size=(80, 3))
    words = pl.Series([None, *["a", "b"] * 39, "a"])
    mixed = np.array([1, "a"] * 40, dtype=object)
    return [
        X[:, 0],
        gone,
        several,
        None,
        words,
        mixed,
        sparse.csr_matrix(several),
        pd.Series(words.to_list()),
    ]


@pytest.mark.parametrize("target", bad_targets(), ids=lambda t: type(t).__name__)
def test_targets_that_are_no_classes_are_refused(target: Any) -> None:
    with pytest.raises(InputError):
        SMOTE().fit_resample(X, target)


def test_one_class_alone_is_refused_with_the_reason() -> None:
    for y in (np.zeros(80), ["a"] * 80):
        with pytest.raises(NotApplicable, match="more than 1 class"):
            RandomOverSampler().fit_resample(X, y)


@pytest.mark.parametrize(
    "table",
    [
        X[:, 0],
        X[:50],
        X[:, :0],
        X.astype(complex),
        pl.DataFrame(X).lazy(),
        X.astype("U8"),
        [[1, 2], [3]] * 40,
    ],
    ids=["1d", "short", "no columns", "complex", "lazy", "text", "ragged"],
)
def test_tables_that_cannot_be_used_are_refused(table: Any) -> None:
    with pytest.raises(InputError):
        SMOTE().fit_resample(table, Y)


@pytest.mark.parametrize(
    "sampler",
    [
        SMOTE(k_neighbors=0),
        SMOTE(k_neighbors=2.5),
        SMOTE(neighbour_space="row"),
        SMOTE(filter="enn"),
        SMOTE(filter=RandomOverSampler(shrinkage=1.0)),
        SMOTENC([7]),
        SMOTENC(["a"]),
        SMOTENC(3),
        BorderlineSMOTE(kind="borderline-3"),
        BorderlineSMOTE(m_neighbors=-1),
        SVMSMOTE(out_step=2.0),
        SVMSMOTE(svm_estimator=LogisticRegression()),
        KMeansSMOTE(density_exponent="x"),
        KMeansSMOTE(kmeans_estimator="k"),
        ClusterCentroids(voting="loud"),
        ClusterCentroids(estimator=LogisticRegression()),
        RandomOverSampler(shrinkage=-1.0),
        RandomOverSampler(shrinkage={0: 1.0}),
        RandomUnderSampler(replacement="yes"),
        InstanceHardnessThreshold(estimator=KMeans()),
        InstanceHardnessThreshold(cv=1),
        resample.SMOTEENN(smote=RandomOverSampler()),
        resample.SMOTETomek(tomek=SMOTE()),
        SMOTE(random_state="seed"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(sampler: Any) -> None:
    with pytest.raises((OptionError, TypeOfInputError)) as caught:
        sampler.fit_resample(X, Y)
    assert caught.value.expected


def test_adasyn_refuses_classes_that_do_not_meet() -> None:
    with pytest.raises(NotApplicable, match="SMOTE"):
        ADASYN().fit_resample(X + 100 * Y[:, None], Y)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(OptionError, match="borderline_smote"):
        make_sampler("borderlin_smote")
    assert isinstance(make_sampler("repeated_enn"), resample.RepeatedEditedNearestNeighbours)
    assert isinstance(make_sampler("neighbour_filter_smote"), SMOTE)


def test_a_filter_first_is_the_filter_and_then_smote() -> None:
    for leave_out in (NeighbourFilter(), EditedNearestNeighbours()):
        filtered = SMOTE(filter=leave_out, random_state=0).fit_resample(X, Y)
        X1, y1 = clone(leave_out).fit_resample(X, Y)
        chained = clone(leave_out).plan(X, Y).then(SMOTE(random_state=0), X, Y).rows(X, Y)
        expected = SMOTE(random_state=0).fit_resample(X1, y1)
        for made in (filtered, chained):
            assert np.allclose(made[0], expected[0])
            assert np.array_equal(made[1], expected[1])


def test_a_search_of_ones_own_finds_the_same_neighbours() -> None:
    own = NearestNeighbors(n_neighbors=6, algorithm="ball_tree")
    one = SMOTE(random_state=0, k_neighbors=own).plan(X, Y)
    assert one == SMOTE(random_state=0).plan(X, Y)
    with pytest.raises(NotApplicable, match="categories"):
        SMOTE(k_neighbors=own).fit_resample(mixed_frame(), Y)


def test_columns_are_named_by_position_name_or_mask() -> None:
    frame = pl.DataFrame(np.column_stack([X, np.arange(80) % 3]), schema=list("abcde"))
    found = [
        SMOTENC(c, random_state=0).fit_resample(frame, Y)[0] for c in (["e"], [4], [-1], [False] * 4 + [True])
    ]
    assert all(made.equals(found[0]) for made in found)
    assert set(found[0]["e"].unique()) == {0.0, 1.0, 2.0}
    assert set(SMOTE(random_state=0).fit_resample(frame, Y)[0]["e"].unique()) != {0.0, 1.0, 2.0}


def test_smotenc_says_what_it_took_for_categories() -> None:
    sampler = SMOTENC(["i8"], random_state=0)
    sampler.fit_resample(mixed_frame(), Y)
    assert sampler.categorical_features_.tolist() == [2, 4, 5, 6, 7]
    assert sampler.continuous_features_.tolist() == [0, 1, 3, 8, 9]


def test_a_smoothed_bootstrap_spreads_as_its_shrinkage_says() -> None:
    y = np.repeat([0, 1], [4000, 50])
    table = np.random.default_rng(0).normal(size=(4050, 2)) * [1.0, 10.0]
    plan = RandomOverSampler(random_state=0, shrinkage=2.0).plan(table, y)
    made = plan.rows(table)[len(plan.kept) :]
    noise = made - table[plan.base]
    width = 2.0 * (4 / (4 * 4050)) ** (1 / 6)
    assert np.allclose(noise.std(axis=0), width * table[y == 1].std(axis=0), rtol=0.05)
    assert np.allclose(noise.mean(axis=0), 0, atol=0.05 * noise.std(axis=0).max())


def test_one_versus_all_targets_come_back_as_such() -> None:
    three = np.arange(80) % 3
    encoded = np.eye(3, dtype=int)[three]
    made, out = RandomUnderSampler(random_state=0).fit_resample(X, encoded)
    assert out.shape == (len(made), 3)
    assert np.array_equal(out.argmax(axis=1), RandomUnderSampler(random_state=0).fit_resample(X, three)[1])


def test_object_arrays_hold_numbers_words_and_gaps() -> None:
    table = np.empty((80, 3), dtype=object)
    table[:, 0], table[:, 1] = X[:, 0], np.where(X[:, 1] > 0, "up", "down")
    table[:, 2] = np.arange(80)
    table[3, 1] = None
    made, out = SMOTE(random_state=0).fit_resample(table, Y)
    assert made.dtype == object
    assert {type(v) for v in made[:, 2]} == {int}
    assert set(made[:, 1]) <= {"up", "down", None}
    assert np.bincount(out).tolist() == [60, 60]


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_nothing_comes_back_as_nothing(name: str) -> None:
    frame = pl.DataFrame({"a": X[:, 0], "none": pl.Series([None] * len(X), dtype=pl.Null), "b": X[:, 1]})
    made, labels = make_sampler(name, random_state=0).fit_resample(frame, Y)
    assert made.schema == frame.schema
    assert made["none"].null_count() == len(made) == len(labels)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("random")])
@pytest.mark.parametrize("kind", ["array", "frame", "csr"])
def test_numbers_that_cannot_be_squared_are_refused_by_column_and_row(name: str, kind: str) -> None:
    large = X.copy()
    large[7:9, 2], large[9, 2], large[11, 1] = -1e160, np.nan, 1e150
    tables = {
        "array": large,
        "frame": pl.DataFrame(large, schema=list("abcd")),
        "csr": sparse.csr_array(large),
    }
    sampler = make_sampler(name)
    if kind == "csr" and not sampler.__sklearn_tags__().input_tags.sparse:
        pytest.skip("takes no sparse input")
    named = "Column 'c'" if kind == "frame" else "Column 2"
    with pytest.raises(InputError, match=rf"{named} holds -1e\+160 in row 7 .*such numbers: 2\.") as caught:
        sampler.fit_resample(tables[kind], Y)
    assert caught.value.hint
