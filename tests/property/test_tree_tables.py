"""Trees looked up in tables give what walking down each of them gives, to the last bit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.learn import BlendClassifier, BoostingClassifier
from counterpoise.learn.encode import Encoded
from counterpoise.learn.grown_trees import boosted_trees
from counterpoise.learn.lightgbm import LightGBMClassifier
from counterpoise.learn.quick import QuickBoosting, quick_form
from counterpoise.learn.tree_tables import TreeTables

LEVELS = [f"c{k}" for k in range(300)]


def table(n, seed, n_levels):
    """Numbers, few values, a truth value, a category; a tenth of everything is missing."""
    draw = np.random.default_rng(seed)
    columns = {
        "number": draw.normal(size=n),
        "tail": np.exp(3 * draw.normal(size=n)),
        "few": draw.integers(0, 4, n).astype(float),
        "flag": draw.random(n) < 0.3,
        "level": np.array(LEVELS)[(draw.random(n) ** 2 * n_levels).astype(int)],
    }
    gone = {name: draw.random(n) < 0.1 for name in columns}
    frame = pl.DataFrame(columns)
    return frame.with_columns(
        pl.when(pl.Series(gone[name])).then(None).otherwise(pl.col(name)).alias(name) for name in columns
    )


def outcome(frame, n_classes, seed):
    score = (
        frame["number"].fill_null(0.5).to_numpy()
        + frame["flag"].fill_null(False).to_numpy()
        + np.random.default_rng(seed).normal(size=frame.height)
    )
    edges = np.quantile(score, [0.85, 0.95][: n_classes - 1])
    return np.searchsorted(edges, score)


def encoded(fitted, frame, extra):
    """Take rows apart as a server does: its own numbering of levels, with levels that training had not."""
    own = [*LEVELS[::-1], "stranger"]
    places = {level: float(k) for k, level in enumerate(own)}
    level = [np.nan if v is None else places[v] for v in frame["level"].to_list()]
    names = ["number", "tail", "few", "flag"]
    numbers = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in names]
    values = np.column_stack([*numbers, level])
    return Encoded(np.vstack([values, extra]), tuple(fitted.binner_.encoder_.kinds_), {4: own})


EXTREMES = st.lists(
    st.tuples(
        *[st.sampled_from([np.nan, -np.inf, np.inf, 0.0, -0.0, 1e300, 5e-324, 1.0, 0.5]) | st.floats(-3, 3)]
        * 4,
        st.sampled_from([np.nan, 0.0, 150.0, 299.0, 300.0]),
    ),
    max_size=4,
)


@pytest.mark.parametrize("max_leaf_nodes", [4, 16, 31, 60])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("library", [BoostingClassifier, LightGBMClassifier])
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**20), n_levels=st.sampled_from([1, 9, 300]), extremes=EXTREMES)
def test_the_sums_are_those_of_the_trees(library, max_leaf_nodes, n_classes, seed, n_levels, extremes):
    frame = table(300, seed, n_levels)
    if library is LightGBMClassifier:
        pytest.importorskip("lightgbm")
    grown = library(
        max_iter=12, max_leaf_nodes=max_leaf_nodes, min_samples_leaf=3, learning_rate=0.3, random_state=seed,
        n_threads=1,
    )  # fmt: skip
    grown.fit(frame, outcome(frame, n_classes, seed))
    quick = quick_form(grown)
    assert isinstance(quick, QuickBoosting)
    rows = encoded(grown, frame, np.array(extremes, dtype=np.float64).reshape(-1, 5))
    np.testing.assert_array_equal(quick.decision_function(rows), grown.decision_function(rows))
    alone = Encoded(rows.values[-1:], rows.kinds, rows.levels)
    np.testing.assert_array_equal(quick.predict_proba(alone), grown.predict_proba(alone))


def test_more_rows_than_are_looked_up_at_once():
    frame = table(3000, 1, 9)
    grown = BoostingClassifier(random_state=0).fit(frame, outcome(frame, 2, 1))
    rows = encoded(grown, frame, np.empty((0, 5)))
    np.testing.assert_array_equal(quick_form(grown).decision_function(rows), grown.decision_function(rows))


def test_values_on_an_edge_go_left_in_both():
    frame = table(400, 3, 9)
    grown = BoostingClassifier(max_iter=10, random_state=0).fit(frame, outcome(frame, 2, 3))
    edges = np.unique(np.concatenate(grown.binner_.edges_[:2]))
    on = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
    values = np.column_stack([on, on, np.zeros(len(on)), np.ones(len(on)), np.zeros(len(on))])
    rows = Encoded(values, tuple(grown.binner_.encoder_.kinds_), {4: LEVELS})
    np.testing.assert_array_equal(quick_form(grown).decision_function(rows), grown.decision_function(rows))


def test_a_blend_asks_the_quick_form_of_its_members():
    frame = table(600, 5, 9)
    y = outcome(frame, 2, 5)
    blend = BlendClassifier(learners=("logistic", "boosting"), n_folds=2, random_state=0).fit(frame, y)
    quick = quick_form(blend)
    assert any(isinstance(member, QuickBoosting) for member in quick.members_)
    assert not any(isinstance(member, QuickBoosting) for member in blend.members_)
    boosted = next(member for member in blend.members_ if isinstance(member, BoostingClassifier))
    rows = encoded(boosted, frame, np.empty((0, 5)))
    np.testing.assert_array_equal(quick.predict_proba(rows), blend.predict_proba(rows))


def test_trees_of_too_many_leaves_are_walked(monkeypatch):
    frame = table(600, 6, 9)
    grown = BoostingClassifier(max_iter=3, random_state=0).fit(frame, outcome(frame, 2, 6))
    assert quick_form(grown) is not grown
    monkeypatch.setattr("counterpoise.learn.quick.MOST_LEAVES", 2)
    assert quick_form(grown) is grown


def test_a_tree_of_one_leaf_adds_its_value():
    frame = table(40, 7, 9)
    grown = BoostingClassifier(max_iter=3, min_samples_leaf=40, random_state=0).fit(
        frame, outcome(frame, 2, 7)
    )
    read = boosted_trees(grown)
    rows = encoded(grown, frame, np.empty((0, 5)))
    assert all(tree.is_leaf.all() for tree in read.trees)
    found = TreeTables(read.trees, read.start).sums(rows.values)[:, 0]
    np.testing.assert_array_equal(found, grown.decision_function(rows))


@pytest.mark.parametrize("library", [BoostingClassifier, LightGBMClassifier])
def test_what_is_missing_now_and_never_was_goes_where_the_library_sends_it(library):
    if library is LightGBMClassifier:
        pytest.importorskip("lightgbm")
    frame = table(900, 8, 9).drop_nulls()
    grown = library(max_iter=20, random_state=0).fit(frame, outcome(frame, 2, 8))
    rows = encoded(grown, table(400, 9, 12), np.full((1, 5), np.nan))
    np.testing.assert_array_equal(quick_form(grown).decision_function(rows), grown.decision_function(rows))


def test_frames_are_looked_up_as_they_are_walked():
    frame, strange = table(3000, 5, 40), table(9000, 6, 300)
    grown = BoostingClassifier(max_iter=15, random_state=0).fit(frame, outcome(frame, 2, 5))
    np.testing.assert_array_equal(quick_form(grown).predict_proba(strange), grown.predict_proba(strange))
