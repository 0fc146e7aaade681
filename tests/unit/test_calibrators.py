"""Calibrated classifiers: prefit and cross-fitted, with weights, frames, several classes, and pipelines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from counterpoise.calibrate import (
    InterceptCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    PriorCorrection,
    out_of_fold,
)
from counterpoise.errors import CounterpoiseError, InputError, NotApplicable, OptionError

ALL = [InterceptCalibrator, PlattCalibrator, IsotonicCalibrator]


def rare(seed: int, n: int = 4000, line: float = 2.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n) > line).astype(int)


@pytest.mark.parametrize("calibrator", ALL)
@pytest.mark.parametrize(
    "learner",
    [
        LogisticRegression(class_weight="balanced"),
        GaussianNB(priors=[0.5, 0.5]),
    ],
)
def test_weighted_learner_is_put_right(calibrator: type, learner: object, seed: int) -> None:
    X, y = rare(seed)
    Z, v = rare(seed + 1)
    raw = clone(learner).fit(X, y).predict_proba(Z)[:, 1]
    model = calibrator(learner).fit(X, y)
    found = model.predict_proba(Z)
    assert raw.mean() / v.mean() > 1.5
    assert 0.8 < found[:, 1].mean() / v.mean() < 1.2
    assert roc_auc_score(v, found[:, 1]) == pytest.approx(roc_auc_score(v, raw), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("calibrator", ALL)
def test_prefit_and_frozen_fit_the_map_only(calibrator: type, seed: int) -> None:
    X, y = rare(seed)
    inner = LogisticRegression(class_weight="balanced").fit(X[:2000], y[:2000])
    prefit = calibrator(inner, cv="prefit").fit(X[2000:], y[2000:])
    frozen = calibrator(FrozenEstimator(inner)).fit(X[2000:], y[2000:])
    assert prefit.estimator_ is inner
    assert frozen.predict_proba(X) == pytest.approx(prefit.predict_proba(X))
    assert prefit.predict_proba(X[2000:])[:, 1].mean() == pytest.approx(y[2000:].mean(), rel=1e-3)


def test_out_of_fold_probabilities_come_from_models_without_the_row(seed: int) -> None:
    X, y = rare(seed, n=300, line=1.0)
    memory = RandomForestClassifier(n_estimators=10, bootstrap=False, random_state=0)
    assert memory.fit(X, y).score(X, y) == 1.0
    proba, is_tested = out_of_fold(memory, X, y)
    assert is_tested.all()
    assert (proba.argmax(axis=1) == y).mean() < 0.99


def test_order_of_rows_and_seed(seed: int) -> None:
    X, y = rare(seed, n=600, line=1.0)
    a, b = (InterceptCalibrator(LogisticRegression()).fit(X, y).map_ for _ in range(2))
    assert a == b
    other = InterceptCalibrator(LogisticRegression(), random_state=1).fit(X, y).map_
    assert other != a
    assert other.shift[0] == pytest.approx(a.shift[0], abs=0.3)


def test_frames_and_names(seed: int) -> None:
    X, y = rare(seed, n=600, line=1.0)
    names = ["a", "b", "c", "d"]
    base = InterceptCalibrator(LogisticRegression()).fit(X, y).predict_proba(X)
    pandas = pd.DataFrame(X, columns=names)
    model = InterceptCalibrator(make_pipeline(StandardScaler(), LogisticRegression())).fit(
        pandas, pd.Series(y)
    )
    assert model.feature_names_in_.tolist() == names
    assert model.n_features_in_ == 4
    frame = pl.DataFrame(X, schema=names)
    found = InterceptCalibrator(LogisticRegression()).fit(frame, y).predict_proba(frame)
    assert found == pytest.approx(base)


def test_labels_of_any_kind(seed: int) -> None:
    X, y = rare(seed, n=600, line=1.0)
    words = np.array(["fine", "fraud"])[y]
    model = PlattCalibrator(LogisticRegression()).fit(X, words)
    assert model.classes_.tolist() == ["fine", "fraud"]
    assert set(model.predict(X)) <= {"fine", "fraud"}


@pytest.mark.parametrize("calibrator", ALL)
def test_several_classes_with_one_absent_from_a_fold(calibrator: type, seed: int) -> None:
    X, y = rare(seed, n=3000, line=0.5)
    y = y + (X[:, 0] > 1.5)
    y[0] = 7
    if calibrator is IsotonicCalibrator:
        with pytest.warns(UserWarning, match="needs 100"):
            model = calibrator(LogisticRegression(max_iter=500)).fit(X, y)
    else:
        model = calibrator(LogisticRegression(max_iter=500)).fit(X, y)
    found = model.predict_proba(X)
    assert found.shape == (3000, 4)
    assert found[:, :3].mean(axis=0) == pytest.approx(np.bincount(y)[:3] / 3000, abs=0.01)


def test_weights_reach_the_map_and_the_learner(seed: int) -> None:
    X, y = rare(seed)
    w = np.where(y == 1, 1.0, 5.0)
    model = InterceptCalibrator(LogisticRegression()).fit(X, y, w)
    proba, _ = out_of_fold(LogisticRegression(), X, y, params={"sample_weight": w})
    expected = np.average(y, weights=w)
    assert np.average(model.map_.apply(proba)[:, 1], weights=w) == pytest.approx(expected, rel=1e-6)
    without = make_pipeline(StandardScaler(), LogisticRegression())  # a pipeline's fit takes no sample_weight
    assert InterceptCalibrator(without).fit(X, y, w).predict_proba(X)[:, 1].mean() < y.mean()


def test_metadata_routing_decides(seed: int) -> None:
    X, y = rare(seed, n=800, line=1.0)
    w = np.random.default_rng(seed).exponential(size=800)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        model = (
            InterceptCalibrator(inner)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=False)
        )
        search = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=3)
        search.fit(X, y, sample_weight=w)
        assert search.best_estimator_.predict_proba(X).shape == (800, 2)


def test_folds_of_every_kind(seed: int) -> None:
    X, y = rare(seed, n=900, line=1.0)
    groups = np.arange(900) // 3
    for cv in (3, GroupKFold(3), TimeSeriesSplit(3), [(np.arange(450), np.arange(450, 900))]):
        grouped = {"groups": groups} if isinstance(cv, int | GroupKFold) else {}
        model = InterceptCalibrator(LogisticRegression(), cv=cv).fit(X, y, **grouped)
        assert 0.8 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.2


def test_margins_serve_where_there_are_no_probabilities(seed: int) -> None:
    X, y = rare(seed)
    model = PlattCalibrator(RidgeClassifier()).fit(X, y)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.05)


def test_prior_correction_by_rates_and_by_prior(seed: int) -> None:
    X, y = rare(seed, n=20_000)
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero((y == 1) | (rng.random(20_000) < 0.05))
    by_rate = PriorCorrection(LogisticRegression(), rates={0: 0.05, 1: 1.0}).fit(X[kept], y[kept])
    by_prior = PriorCorrection(LogisticRegression(), prior=y.mean()).fit(X[kept], y[kept])
    for model in (by_rate, by_prior):
        assert 0.9 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.1
    prefit = LogisticRegression().fit(X[kept], y[kept])
    again = PriorCorrection(prefit, rates=[0.05, 1.0], cv="prefit").fit(X, y)
    assert again.predict_proba(X) == pytest.approx(by_rate.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (PriorCorrection(rates=[1, 1], prior=0.1), OptionError, "Both"),
        (PriorCorrection(rates={0: 1.0}), OptionError, "no entry"),
        (PriorCorrection(rates=[1, 1, 1]), InputError, "shape"),
        (PriorCorrection(prior=1.5), InputError, "prior"),
        (InterceptCalibrator(cv="fold"), OptionError, "cv="),
        (InterceptCalibrator(cv=1), OptionError, "cv="),
    ],
)
def test_options_that_do_not_fit(model: object, error: type, match: str, seed: int) -> None:
    X, y = rare(seed, n=200, line=1.0)
    with pytest.raises(error, match=match):
        model.fit(X, y)  # type: ignore[attr-defined]


def test_too_few_rows_of_a_class() -> None:
    X, y = np.arange(20.0)[:, None], np.r_[np.zeros(19, int), 1]
    with pytest.raises(NotApplicable, match="single row"):
        InterceptCalibrator(LogisticRegression()).fit(X, y)
    with pytest.raises(NotApplicable):
        InterceptCalibrator(LogisticRegression()).fit(X, np.zeros(20, int))
    inner = LogisticRegression().fit(X, np.arange(20) > 10)
    with pytest.raises(CounterpoiseError, match="has not seen"):
        InterceptCalibrator(inner, cv="prefit").fit(X, np.arange(20))
