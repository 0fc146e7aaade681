"""What scikit-learn and this library ask of every learner."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.errors import InputError, MissingExtra, OptionError, TypeOfInputError
from counterpoise.learn import (
    LEARNERS,
    TREATMENTS,
    BlendClassifier,
    BoostingClassifier,
    CatBoostClassifier,
    ClassAwareBinner,
    ForestClassifier,
    LightGBMClassifier,
    LogisticClassifier,
    TableEncoder,
    Treated,
    default_learners,
    make_candidate,
    make_learner,
)
from counterpoise.learn.blend import blend_weights
from counterpoise.learn.design import TableDesign, weighted_quantiles
from counterpoise.learn.forest import leaf_size, thinned_rows

_WEIGHTS = "check_sample_weight_equivalence_on_dense_data"

_EXPECTED = {
    "BoostingClassifier": {
        _WEIGHTS: "the fewest rows of a leaf count rows, as in scikit-learn's own boosting"
    },
    "LightGBMClassifier": {_WEIGHTS: "the fewest rows of a leaf count rows"},
    "ForestClassifier": {_WEIGHTS: "bootstrap samples draw rows, as in scikit-learn's own forest"},
    "CatBoostClassifier": {_WEIGHTS: "bootstrap weights are drawn for rows"},
    "BlendClassifier": {_WEIGHTS: "folds are dealt by rows"},
}


def _expected(estimator: Any) -> dict[str, str]:
    if isinstance(estimator, Treated) and estimator.treatment == "smote":
        return {_WEIGHTS: "synthetic rows are drawn from rows, not from their weights"}
    return _EXPECTED.get(type(estimator).__name__, {})


_CHECKED: list[Any] = [
    TableEncoder(),
    ClassAwareBinner(),
    LogisticClassifier(),
    BoostingClassifier(max_iter=10, min_samples_leaf=3, n_threads=1),
    ForestClassifier(n_estimators=10, n_threads=1),
    BlendClassifier(("logistic",), n_folds=2),
    Treated(LogisticRegression()),
    Treated(LogisticRegression(), "class_weight", recalibrate="prior"),
    Treated(LogisticClassifier(), "smote", recalibrate="prior", random_state=0),
]
if find_spec("lightgbm"):
    _CHECKED.append(LightGBMClassifier(max_iter=10, n_threads=1))
if find_spec("catboost"):
    _CHECKED.append(CatBoostClassifier(10, n_threads=1))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings(
    "ignore::counterpoise.errors.CounterpoiseWarning"
)  # checks with two rows of a class
@parametrize_with_checks(_CHECKED, expected_failed_checks=_expected)
def test_scikit_learn_contract(estimator: Any, check: Any) -> None:
    check(estimator)


# --- what every learner of ours does --------------------------------------------------------------------------------


def _mixed(seed: int, n: int = 600) -> tuple[pl.DataFrame, np.ndarray]:
    draw = np.random.default_rng(seed)
    x, shop = draw.normal(size=n), draw.choice(["a", "b", "c"], n)
    table = pl.DataFrame(
        {
            "x": np.where(draw.random(n) < 0.1, np.nan, x),
            "n": draw.integers(0, 5, n),
            "shop": pl.Series(shop),
            "is_new": draw.random(n) < 0.5,
        }
    ).with_columns(
        pl.col("x").fill_nan(None), shop=pl.when(pl.col("n") == 4).then(None).otherwise(pl.col("shop"))
    )
    y = ((x + (shop == "b") + draw.normal(size=n)) > 2.2).astype(int)
    return table, y


def _ours() -> list[Any]:
    made = [
        LogisticClassifier(),
        BoostingClassifier(max_iter=15, random_state=0, n_threads=1),
        ForestClassifier(n_estimators=15, random_state=0, n_threads=1),
        BlendClassifier(("logistic", "boosting"), n_folds=2, random_state=0, n_threads=1),
    ]
    if find_spec("lightgbm"):
        made.append(LightGBMClassifier(max_iter=15, random_state=0, n_threads=1))
    if find_spec("catboost"):
        made.append(CatBoostClassifier(15, random_state=0, n_threads=1))
    return made


@pytest.fixture(params=_ours(), ids=lambda learner: type(learner).__name__)
def learner(request: pytest.FixtureRequest) -> Any:
    return clone(request.param)


def test_any_kind_of_frame_goes_in_and_names_are_kept(learner: Any, seed: int) -> None:
    table, y = _mixed(seed)
    learner.fit(table, y)
    proba = learner.predict_proba(table)
    assert learner.feature_names_in_.tolist() == table.columns
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    for other in (table.to_pandas(), table.to_arrow()):
        np.testing.assert_array_equal(learner.predict_proba(other), proba)
    unknown = table.with_columns(shop=pl.lit("never seen"))
    assert np.isfinite(learner.predict_proba(unknown)).all()


def test_saved_without_pickle_and_equal_after_loading(learner: Any, seed: int) -> None:
    table, y = _mixed(seed)
    learner.fit(table, y)
    data = skops.io.dumps(learner)
    untrusted = skops.io.get_untrusted_types(data=data)
    allowed = ("counterpoise.", "sklearn.", "functools.partial")  # partial: inside scikit-learn's boosting
    assert all(name.startswith(allowed) for name in untrusted)
    again = skops.io.loads(data, trusted=untrusted)
    np.testing.assert_array_equal(again.predict_proba(table), learner.predict_proba(table))
    assert again.classes_.tolist() == learner.classes_.tolist()


def test_several_classes_with_labels_of_any_type(learner: Any, seed: int) -> None:
    table, _ = _mixed(seed)
    y = np.where(table["n"].to_numpy() == 0, "zero", np.where(table["n"].to_numpy() == 1, "one", "more"))
    learner.fit(table, y)
    assert learner.classes_.tolist() == ["more", "one", "zero"]
    assert learner.predict_proba(table).shape == (600, 3)
    assert (learner.predict(table) == y).mean() > 0.8


def test_equal_seeds_give_equal_models(learner: Any, seed: int) -> None:
    table, y = _mixed(seed)
    a = clone(learner).fit(table, y).predict_proba(table)
    b = clone(learner).fit(table, y).predict_proba(table)
    np.testing.assert_array_equal(a, b)


def test_weights_and_class_weights_raise_the_rare_class(learner: Any, seed: int) -> None:
    table, y = _mixed(seed)
    plain = learner.fit(table, y).predict_proba(table)[:, 1].mean()
    heavy = clone(learner).fit(table, y, sample_weight=np.where(y == 1, 10.0, 1.0)).predict_proba(table)
    balanced = clone(learner).set_params(class_weight="balanced").fit(table, y).predict_proba(table)
    assert heavy[:, 1].mean() > 1.5 * plain
    assert balanced[:, 1].mean() > 1.5 * plain


def test_refusals_are_one_clear_message(learner: Any, seed: int) -> None:
    table, y = _mixed(seed)
    with pytest.raises(InputError, match="one class only"):
        learner.fit(table, np.zeros(600))
    with pytest.raises(TypeOfInputError, match="LazyFrame"):
        learner.fit(table.lazy(), y)
    with pytest.raises(InputError, match="infinity"):
        learner.fit(table.with_columns(x=pl.lit(np.inf)), y)
    with pytest.raises(InputError, match="negative"):
        learner.fit(table, y, sample_weight=np.full(600, -1.0))
    with pytest.raises(InputError, match="weight zero"):
        learner.fit(table, y, sample_weight=1.0 - y)
    with pytest.raises(OptionError, match="class_weight names"):
        clone(learner).set_params(class_weight={7: 2.0}).fit(table, y)


# --- the catalogue -----------------------------------------------------------------------------------------------


def test_the_catalogue_names_what_design_names() -> None:
    assert list(LEARNERS) == [
        "logistic",
        "linear_learner",
        "boosting",
        "forest",
        "lightgbm",
        "catboost",
        "mlp",
        "blend",
        "balanced_bagging",
        "balanced_forest",
        "easy_ensemble",
        "rusboost",
        "self_paced",
    ]
    assert {"none", "class_weight", "cost_weight", "random_over", "smote", "enn"} <= set(TREATMENTS)
    assert set(default_learners()) <= set(LEARNERS)
    assert default_learners()[0] == "logistic"
    assert all(spec.summary and spec.relative_cost > 0 for spec in LEARNERS.values())


def test_names_are_made_and_near_names_are_offered() -> None:
    made = make_candidate("class_weight", "boosting", 3, recalibrate="prior", n_threads=1)
    assert made.learner.random_state == 3
    assert made.learner.n_threads == 1
    with pytest.raises(OptionError, match="Did you mean 'boosting'"):
        make_learner("bosting")
    with pytest.raises(OptionError, match="Did you mean 'smote'"):
        make_candidate("smoot", "logistic")


def test_an_absent_library_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoise.learn.catalogue.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "counterpoise\[catboost\]"'):
        make_learner("catboost")
    assert "mlp" not in default_learners()


# --- pieces -------------------------------------------------------------------------------------------------------


def test_the_design_flags_gaps_groups_rare_levels_and_bends_tails() -> None:
    table = pl.DataFrame(
        {
            "x": [None, None, None] + [float(v) for v in range(17)],
            "shop": ["a"] * 9 + ["b"] * 9 + ["c", "d"],
            "same": [1.0] * 20,
        }
    )
    design = TableDesign()
    columns = design.fit_block(table, None)
    assert design.names_ == ["x", "x (bent)", "x missing", "shop = a", "shop = b", "shop = (other)"]
    assert columns.shape == (20, 6)
    np.testing.assert_allclose(columns[:, :2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(columns[:, :2].std(axis=0), 1)
    assert columns[:, 2].tolist() == [1.0] * 3 + [0.0] * 17
    assert columns[18:, 5].tolist() == [1.0, 1.0]


def test_logistic_is_scikit_learns_on_its_design(seed: int) -> None:
    table, y = _mixed(seed)
    model = LogisticClassifier(C=0.5).fit(table, y)
    columns = model.design_.block(table)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=2000).fit(columns, y)
    np.testing.assert_allclose(model.predict_proba(table), peer.predict_proba(columns), atol=1e-3)


def test_weighted_quantiles_count_copies(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values, copies = draw.normal(size=50), draw.integers(1, 5, 50)
    shares = np.array([0.1, 0.25, 0.5, 0.9])
    expected = np.quantile(np.repeat(values, copies), shares, method="inverted_cdf")
    np.testing.assert_array_equal(weighted_quantiles(values, copies.astype(float), shares), expected)


def test_thinning_keeps_the_rare_class_whole_and_weighs_the_rest(seed: int) -> None:
    codes = np.r_[np.zeros(10_000, int), np.ones(40, int)]
    rows, weights = thinned_rows(codes, 1000, np.random.default_rng(seed))
    assert rows is not None
    assert weights is not None
    assert (codes[rows] == 1).sum() == 40
    assert len(rows) == 1000
    np.testing.assert_allclose(np.bincount(codes[rows], weights=weights), [10_000, 40])
    assert thinned_rows(codes, 20_000, np.random.default_rng(seed)) == (None, None)
    assert [leaf_size(n) for n in (5, 400, 100_000)] == [1, 2, 20]


def test_a_thinned_forest_keeps_the_level(seed: int) -> None:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(6000, 2))
    y = (X[:, 0] + draw.normal(size=6000) > 2.5).astype(int)
    model = ForestClassifier(30, max_rows=2000, min_samples_leaf=10, random_state=seed, n_threads=1).fit(X, y)
    assert len(model.forests_) == 3
    assert 0.7 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.4


def test_blend_weights_find_the_learner_that_knows(seed: int) -> None:
    draw = np.random.default_rng(seed)
    z = draw.normal(size=4000) * 2
    codes = (draw.random(4000) < 1 / (1 + np.exp(-z))).astype(int)
    weights, intercept = blend_weights(codes, [z, draw.normal(size=4000), -z])
    assert weights[0] > 0.9
    assert weights[1] < 0.1
    assert (weights >= 0).all()
    assert abs(intercept[0]) < 0.2
    three = np.column_stack([np.zeros(4000), z, -z])
    wide, shifts = blend_weights(codes, [three, draw.normal(size=(4000, 3))])
    assert wide[0] > wide[1]
    assert shifts.shape == (3,)


def test_a_blend_is_no_worse_than_its_members(seed: int) -> None:
    table, y = _mixed(seed, 1500)
    model = BlendClassifier(("logistic", "boosting"), n_folds=3, random_state=seed, n_threads=1).fit(table, y)
    assert (model.weights_ >= 0).all()
    assert set(model.names_) <= {"logistic", "boosting"}
    assert 0.8 < model.predict_proba(table)[:, 1].mean() / y.mean() < 1.25
    with pytest.raises(OptionError, match="learners="):
        BlendClassifier("logistic").fit(table, y)
