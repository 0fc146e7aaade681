"""Boosting behind class-aware bins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from counterpoise.errors import InputError, OptionError
from counterpoise.learn import BoostingClassifier
from counterpoise.learn.boosting import average_precision, best_length, growth_for


def _tail(seed: int, n: int = 8000) -> tuple[np.ndarray, np.ndarray]:
    """Positives live in a sliver of the tail of the first column; the second is noise."""
    draw = np.random.default_rng(seed)
    X = draw.standard_t(4, size=(n, 3))
    y = ((X[:, 0] > 4.5) & (draw.random(n) < 0.7)) | (draw.random(n) < 0.001)
    return X, y.astype(int)


def test_the_trees_are_those_of_scikit_learn_on_our_bins(seed: int) -> None:
    X, y = _tail(seed)
    model = BoostingClassifier(max_iter=20, early_stopping=False, random_state=0, n_threads=1).fit(X, y)
    growth = model.growth_
    peer = HistGradientBoostingClassifier(
        learning_rate=growth.learning_rate,
        max_iter=20,
        max_leaf_nodes=growth.max_leaf_nodes,
        min_samples_leaf=growth.min_samples_leaf,
        l2_regularization=growth.l2_regularization,
        early_stopping=False,
    ).fit(model.binner_.transform(X), y)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(model.binner_.transform(X)))


def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    X, y = _tail(seed, 2000)
    order = np.random.default_rng(seed).permutation(len(y))
    a = BoostingClassifier(max_iter=15, early_stopping=False, n_threads=1).fit(X, y)
    b = BoostingClassifier(max_iter=15, early_stopping=False, n_threads=1).fit(X[order], y[order])
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), rtol=1e-6)


def test_class_weight_is_sample_weight(seed: int) -> None:
    X, y = _tail(seed, 3000)
    settings = {"max_iter": 15, "early_stopping": False, "n_threads": 1}
    balanced = BoostingClassifier(class_weight="balanced", **settings).fit(X, y)
    weights = (len(y) / (2 * np.bincount(y)))[y]
    by_hand = BoostingClassifier(**settings).fit(X, y, sample_weight=weights)
    by_dict = BoostingClassifier(class_weight=dict(enumerate(len(y) / (2 * np.bincount(y)))), **settings)
    np.testing.assert_array_equal(balanced.predict_proba(X), by_hand.predict_proba(X))
    np.testing.assert_allclose(by_dict.fit(X, y).predict_proba(X), by_hand.predict_proba(X))


def test_a_weight_of_zero_is_no_row(seed: int) -> None:
    X, y = _tail(seed, 3000)
    weights = (np.random.default_rng(seed).random(len(y)) < 0.7).astype(float)
    kept = weights > 0
    settings = {"max_iter": 15, "early_stopping": False, "n_threads": 1}
    a = BoostingClassifier(**settings).fit(X, y, sample_weight=weights)
    b = BoostingClassifier(**settings).fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))


def test_early_stopping_looks_at_rows_kept_apart_and_grows_on_all(seed: int) -> None:
    X, y = _tail(seed, 6000)
    model = BoostingClassifier(max_iter=40, early_stopping=True, random_state=seed, n_threads=1).fit(X, y)
    assert len(model.validation_scores_) == 8
    positives_apart = round(0.15 * y.sum())
    assert model.n_iter_ in {
        best_length(model.validation_scores_, 5, tolerance=min(1 / n, 0.1))
        for n in range(positives_apart - 1, positives_apart + 2)
        if n > 0
    }
    again = BoostingClassifier(
        max_iter=model.n_iter_, early_stopping=False, random_state=seed, n_threads=1
    ).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))


def test_few_positives_keep_no_rows_apart(seed: int) -> None:
    X, y = _tail(seed, 3000)
    model = BoostingClassifier(random_state=0, n_threads=1).fit(X, y)
    assert len(model.validation_scores_) == 0
    assert model.growth_ == growth_for(int(y.sum()), len(y))


def test_the_penalty_bounds_the_step_whatever_the_base_rate() -> None:
    for rate in (0.0005, 0.0016, 0.01, 0.02):
        growth = growth_for(int(rate * 100_000) if rate < 0.004 else 399, int(399 / rate))
        p, m = (399 / (399 / rate)), growth.min_samples_leaf
        assert m / (m * p + growth.l2_regularization) < 40


def test_best_length_smooths_and_prefers_fewer_trees() -> None:
    plateau = np.r_[np.linspace(0.2, 0.8, 20), np.full(40, 0.801)]
    assert best_length(plateau, 5) < 150
    spike = np.full(40, 0.5)
    spike[3] = 0.51
    assert best_length(spike, 5, tolerance=0.0) <= 40
    assert best_length(np.array([0.1]), 5) == 5


def test_monotonic_constraints_hold_by_name_and_position(seed: int) -> None:
    X, y = _tail(seed, 3000)
    grid = np.zeros((200, 3))
    grid[:, 0] = np.linspace(-8, 8, 200)
    for constraints in ({0: -1}, [-1, 0, 0]):
        model = BoostingClassifier(
            max_iter=30, early_stopping=False, monotonic_constraints=constraints, n_threads=1
        )
        assert (np.diff(model.fit(X, y).decision_function(grid)) <= 1e-9).all()
    table = pl.DataFrame(X, schema=["a", "b", "c"])
    named = BoostingClassifier(max_iter=30, early_stopping=False, monotonic_constraints={"a": 1}, n_threads=1)
    named.fit(table, y)
    assert (np.diff(named.decision_function(pl.DataFrame(grid, schema=["a", "b", "c"]))) >= -1e-9).all()
    with pytest.raises(OptionError, match="'d': 1"):
        BoostingClassifier(monotonic_constraints={"d": 1}).fit(table, y)
    shop = table.with_columns(b=pl.when(pl.col("b") > 0).then(pl.lit("x")).otherwise(pl.lit("y")))
    with pytest.raises(OptionError, match="a column of categories"):
        BoostingClassifier(monotonic_constraints={"b": 1}).fit(shop, y)


def test_importances_name_the_column_that_matters(seed: int) -> None:
    X, y = _tail(seed)
    model = BoostingClassifier(max_iter=30, random_state=seed, n_threads=1).fit(X, y)
    assert model.feature_importances_.shape == (3,)
    assert model.feature_importances_.argmax() == 0
    assert model.feature_importances_[0] > 0.1


def test_missing_values_and_categories_inform(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = 4000
    shop = draw.choice([f"s{k}" for k in range(300)], n)
    is_odd = np.array([int(s[1:]) % 7 == 0 for s in shop])
    gap = draw.random(n) < 0.2
    y = (is_odd & gap).astype(int)
    table = pl.DataFrame(
        {"shop": shop, "x": pl.Series(np.where(gap, np.nan, draw.normal(size=n))).fill_nan(None)}
    )
    model = BoostingClassifier(random_state=0, n_threads=1).fit(table, y)
    assert average_precision_score(y, model.predict_proba(table)[:, 1]) > 0.9


def test_several_classes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(3000, 2))
    y = np.where(X[:, 0] > 1.8, "high", np.where(X[:, 1] > 1.8, "odd", "usual"))
    model = BoostingClassifier(max_iter=30, random_state=0, n_threads=1).fit(X, y)
    assert model.classes_.tolist() == ["high", "odd", "usual"]
    assert (model.predict(X) == y).mean() > 0.97
    assert model.decision_function(X).shape == (3000, 3)
    codes = np.searchsorted(model.classes_, y)
    assert average_precision(codes, model.decision_function(X)) > 0.95


@pytest.mark.data
def test_no_worse_than_plain_where_plain_collapses(shared_table: Callable[[str], pl.DataFrame]) -> None:
    table = shared_table("ulb_creditcard_40pct_truncated")
    y = table["label"].to_numpy()
    train, test = train_test_split(np.arange(len(y)), test_size=0.4, stratify=y, random_state=0)
    X = table.drop("label")
    model = BoostingClassifier(random_state=0).fit(X[train], y[train])
    assert average_precision_score(y[test], model.predict_proba(X[test])[:, 1]) > 0.72  # plain: 0.41


def test_what_cannot_be_done_is_refused(seed: int) -> None:
    X, y = _tail(seed, 500)
    with pytest.raises(InputError, match="one class only"):
        BoostingClassifier().fit(X, np.zeros(500))
    y = np.zeros(500, int)
    y[:3] = 1
    with pytest.raises(OptionError, match="rarest class has 3 rows"):
        BoostingClassifier(early_stopping=True).fit(X, y)
    with pytest.raises(OptionError, match="learning_rate='fast'"):
        BoostingClassifier(learning_rate="fast").fit(X, y)
    with pytest.raises(OptionError, match="early_stopping='maybe'"):
        BoostingClassifier(early_stopping="maybe").fit(X, y)


@pytest.mark.parametrize("dtype", [pl.Null, pl.Float64, pl.String])
def test_a_column_of_nothing_is_as_if_it_were_not_there(dtype: pl.DataType) -> None:
    X, y = _tail(0, 600)
    frame = pl.DataFrame(X, schema=list("abc"))
    plain = BoostingClassifier(max_iter=20, max_features=1.0, random_state=0).fit(frame, y)
    with_nothing = frame.with_columns(none=pl.lit(None, dtype))
    model = BoostingClassifier(max_iter=20, max_features=1.0, random_state=0).fit(with_nothing, y)
    np.testing.assert_allclose(model.predict_proba(with_nothing), plain.predict_proba(frame))
