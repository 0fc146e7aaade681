"""Balanced ensembles: what they promise their user."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from counterpoise.errors import CounterpoiseWarning, InputError, OptionError, TypeOfInputError
from counterpoise.learn import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    LinearLearner,
    RUSBoostClassifier,
    SelfPacedEnsembleClassifier,
)
from counterpoise.learn.ensemble_stumps import StumpBooster
from counterpoise.learn.self_paced import paced_quota

ALL: list[Any] = [
    BalancedBaggingClassifier(n_estimators=12, random_state=0),
    BalancedRandomForestClassifier(n_estimators=20, random_state=0),
    EasyEnsembleClassifier(n_estimators=4, random_state=0),
    RUSBoostClassifier(n_estimators=15, random_state=0),
    SelfPacedEnsembleClassifier(n_estimators=8, random_state=0),
]
NAMES = [type(model).__name__ for model in ALL]


def fresh(model: Any, **options: object) -> Any:
    return type(model)(**{**model.get_params(), **options})


def table(n: int = 3000, seed: int = 0, **kwargs: object) -> tuple[np.ndarray, np.ndarray]:
    options = {"n_features": 6, "n_informative": 4, "n_redundant": 0, "weights": [0.95], "random_state": seed}
    return make_classification(n, **{**options, **kwargs})


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_probabilities_have_the_base_rate_on_new_rows(model: Any) -> None:
    X, y = table(8000)
    p = fresh(model).fit(X[:4000], y[:4000]).predict_proba(X[4000:])[:, 1]
    assert p.mean() == pytest.approx(y[:4000].mean(), rel=0.2)
    assert average_precision_score(y[4000:], p) > 4 * y.mean()


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_without_calibration_votes_are_at_the_balance_of_the_draws(model: Any) -> None:
    X, y = table(2000)
    raw = fresh(model, calibrate="none").fit(X, y).predict_proba(X)[:, 1]
    prior = fresh(model, calibrate="prior").fit(X, y).predict_proba(X)[:, 1]
    assert raw.mean() > 2 * y.mean()
    assert prior.mean() < raw.mean()
    inside = (raw > 0) & (raw < 1)
    shift = np.log(raw[inside] / (1 - raw[inside])) - np.log(prior[inside] / (1 - prior[inside]))
    np.testing.assert_allclose(shift, np.log((y == 0).sum() / (y == 1).sum()), rtol=1e-6)


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_threads_change_nothing(model: Any) -> None:
    X, y = table(1000)
    one, three = (fresh(model, n_jobs=n).fit(X, y).predict_proba(X) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_seeds_repeat_and_differ(model: Any) -> None:
    X, y = table(1000)
    first, again, other = (fresh(model, random_state=s).fit(X, y).predict_proba(X) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_saved_and_loaded_it_is_the_same(model: Any) -> None:
    X, y = table(600)
    fitted = fresh(model).fit(X, y)
    blob = skops.io.dumps(fitted)
    loaded = skops.io.loads(blob, trusted=skops.io.get_untrusted_types(data=blob))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_frames_with_gaps_and_categories(model: Any) -> None:
    X, y = table(1500)
    frame = pl.DataFrame(X[:, :4], schema=list("abcd")).with_columns(
        pl.Series("kind", np.where(X[:, 4] > 0, "up", "down")),
        pl.Series("a", np.where(X[:, 5] > 1, np.nan, X[:, 0])).fill_nan(None),
    )
    fitted = fresh(model).fit(frame, y)
    p = fitted.predict_proba(frame)
    assert np.isfinite(p).all()
    assert list(fitted.feature_names_in_) == frame.columns
    assert fitted.feature_importances_.shape == (5,)
    np.testing.assert_allclose(fresh(model).fit(frame.to_pandas(), y).predict_proba(frame.to_pandas()), p)


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_several_classes(model: Any) -> None:
    X, y = table(3000, n_classes=3, weights=[0.9, 0.07])
    labels = np.array(["a", "b", "c"])[y]
    p = fresh(model).fit(X, labels).predict_proba(X)
    assert p.shape == (3000, 3)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert (p.mean(axis=0) / (np.bincount(y) / len(y)) < 3).all()


@pytest.mark.parametrize("model", ALL, ids=NAMES)
def test_weights_reach_the_members(model: Any) -> None:
    X, y = table(1000)
    weight = np.where(X[:, 0] > 0, 5.0, 0.2)
    plain, weighed = (fresh(model).fit(X, y, sample_weight=w).predict_proba(X) for w in (None, weight))
    assert not np.array_equal(plain, weighed)


def test_each_member_sees_the_rare_rows_and_a_fresh_draw() -> None:
    X, y = table(1000)
    model = EasyEnsembleClassifier(n_estimators=5, random_state=0).fit(X, y)
    rare = np.flatnonzero(y == 1)
    common = []
    for sample in model.estimators_samples_:
        assert set(sample[y[sample] == 1]) == set(rare)
        own = sample[y[sample] == 0]
        assert len(np.unique(own)) == len(own) == len(rare)
        common.append(frozenset(own.tolist()))
    assert len(set(common)) == 5


def test_bootstrapped_members_leave_rare_rows_out() -> None:
    X, y = table(2000)
    model = BalancedBaggingClassifier(n_estimators=4, random_state=0).fit(X, y)
    seen = [len(set(sample[y[sample] == 1])) / (y == 1).sum() for sample in model.estimators_samples_]
    assert np.mean(seen) == pytest.approx(1 - np.exp(-1), abs=0.08)


def test_a_members_rows_do_not_depend_on_the_names_of_the_classes() -> None:
    X, y = table(1000)
    a = EasyEnsembleClassifier(n_estimators=2, random_state=0).fit(X, y)
    b = EasyEnsembleClassifier(n_estimators=2, random_state=0, sampling_strategy={0: (y == 1).sum()}).fit(
        X, y
    )
    for one, other in zip(a.estimators_samples_, b.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", [BalancedBaggingClassifier, BalancedRandomForestClassifier])
def test_out_of_bag_scores_are_honest(kind: Any) -> None:
    X, y = table(6000)
    model = kind(n_estimators=40, oob_score=True, random_state=0).fit(X[:3000], y[:3000])
    assert model.oob_decision_function_.shape == (3000, 2)
    new = average_precision_score(y[3000:], model.predict_proba(X[3000:])[:, 1])
    seen = average_precision_score(y[:3000], model.predict_proba(X[:3000])[:, 1])
    assert abs(model.oob_score_ - new) < 0.15
    assert model.oob_score_ < seen


def test_noise_has_no_out_of_bag_score() -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(4000, 4)), (draw.random(4000) < 0.05).astype(int)
    model = BalancedBaggingClassifier(n_estimators=30, oob_score=True, random_state=0).fit(X, y)
    assert model.oob_score_ < 0.1
    assert model.predict_proba(draw.normal(size=(1000, 4)))[:, 1].mean() == pytest.approx(0.05, rel=0.25)


def test_warm_start_adds_the_same_members() -> None:
    X, y = table(1000)
    whole = BalancedBaggingClassifier(n_estimators=8, random_state=0).fit(X, y)
    grown = BalancedBaggingClassifier(n_estimators=3, random_state=0, warm_start=True).fit(X, y)
    grown.set_params(n_estimators=8).fit(X, y)
    np.testing.assert_array_equal(grown.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(OptionError, match="warm_start"):
        grown.set_params(n_estimators=2).fit(X, y)


@pytest.mark.parametrize(
    "kind", [BalancedBaggingClassifier, EasyEnsembleClassifier, SelfPacedEnsembleClassifier]
)
def test_any_learner_may_be_a_member(kind: Any) -> None:
    X, y = table(800)
    for member in (LogisticRegression(), LinearLearner(num_models=1, validation=2), KNeighborsClassifier()):
        p = kind(estimator=member, n_estimators=3, random_state=0).fit(X, y).predict_proba(X)
        assert average_precision_score(y, p[:, 1]) > 3 * y.mean()


def test_a_member_that_takes_tables_is_given_tables() -> None:
    X, y = table(800)
    frame = pl.DataFrame(X, schema=list("abcdef"))
    model = BalancedBaggingClassifier(
        LinearLearner(num_models=1, validation=2), n_estimators=2, random_state=0
    )
    assert list(model.fit(frame, y).estimators_[0].feature_names_in_) == frame.columns


def test_what_cannot_be_done_is_refused() -> None:
    X, y = table(400)
    gaps = X.copy()
    gaps[0, 0] = np.nan
    with pytest.raises(InputError, match="missing"):
        BalancedBaggingClassifier(LogisticRegression()).fit(gaps, y)
    with pytest.raises(TypeOfInputError, match="sample_weight"):
        BalancedBaggingClassifier(KNeighborsClassifier()).fit(X, y, sample_weight=np.ones(len(y)))
    with pytest.raises(TypeOfInputError, match="sample_weight"):
        RUSBoostClassifier(KNeighborsClassifier()).fit(X, y)
    with pytest.raises(TypeOfInputError, match="probabilities"):
        BalancedBaggingClassifier(LinearSVC()).fit(X, y)
    with pytest.raises(OptionError, match="bootstrap"):
        BalancedBaggingClassifier(bootstrap=False, oob_score=True).fit(X, y)
    with pytest.raises(OptionError, match="calibrate"):
        BalancedBaggingClassifier(calibrate="plat").fit(X, y)
    with pytest.raises(OptionError, match="n_estimators"):
        BalancedBaggingClassifier(n_estimators=0).fit(X, y)
    with pytest.raises(OptionError, match="k_bins"):
        SelfPacedEnsembleClassifier(k_bins=0).fit(X, y)
    with pytest.raises(InputError, match="one class"):
        EasyEnsembleClassifier().fit(X, np.zeros(len(y)))


def test_one_rare_row_is_said() -> None:
    X, y = table(200)
    y = np.zeros(len(y), dtype=int)
    y[7] = 1
    with pytest.warns(CounterpoiseWarning, match="1 row"):
        EasyEnsembleClassifier(n_estimators=2, random_state=0).fit(X, y)


def test_hard_rows_are_drawn_more_and_more() -> None:
    hardness = np.concatenate([np.full(900, 0.01), np.full(100, 0.9)])
    early, late = (paced_quota(hardness, 60, 5, pace) for pace in (0.0, 1e9))
    assert early.sum() == late.sum() == 60
    assert late[-1] in (29, 30)
    assert early[-1] < 5
    assert paced_quota(hardness, 950, 5, 1e9).tolist() == [850, 0, 0, 0, 100]


def test_stumps_find_a_step_and_put_missing_values_where_they_belong() -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(500, 3))
    y = (X[:, 1] > 0.5).astype(int)
    X[y == 1, 2] = np.where(draw.random((y == 1).sum()) < 0.5, np.nan, X[y == 1, 2])
    model = StumpBooster(20).fit(X[:, [1]], y)
    assert (model.predict(X[:, [1]]) == y).mean() > 0.99
    missing = StumpBooster(20).fit(X[:, [2]], y).predict_proba(np.array([[np.nan], [0.0]]))[:, 1]
    assert missing[0] > 0.8 > missing[1]
