"""A treatment inside fit, and probabilities that survive it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from counterpoise.calibrate import correct_prior
from counterpoise.errors import (
    CounterpoiseWarning,
    InputError,
    NotApplicable,
    OptionError,
    TypeOfInputError,
)
from counterpoise.learn import BoostingClassifier, LinearLearner, LogisticClassifier, Treated, make_candidate
from counterpoise.learn.boosting import growth_for
from counterpoise.resample import RandomOverSampler, RandomUnderSampler


def _rare(seed: int, n: int = 3000, shift: float = 3.0, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(n, d))
    return X, (draw.random(n) < expit(1.5 * X[:, 0] - shift)).astype(int)


class _Counting(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted on, and predicts the base rate."""

    fits: list[tuple[int, int]] = []  # noqa: RUF012 - shared on purpose: clones report here

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Counting:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.share_ = counts / counts.sum()
        type(self).fits.append((len(y), int(counts[-1])))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.tile(self.share_, (len(X), 1))


# --- treatments against their definition ------------------------------------------------------------------------


def test_class_weight_is_the_weights_by_hand(seed: int) -> None:
    X, y = _rare(seed)
    ours = Treated(LogisticRegression(), "class_weight", recalibrate=None).fit(X, y)
    weights = (len(y) / (2 * np.bincount(y)))[y]
    by_hand = LogisticRegression().fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours.predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)


def test_prior_is_the_closed_form_of_the_rates(seed: int) -> None:
    X, y = _rare(seed)
    raw = Treated(LogisticRegression(), "class_weight", recalibrate=None).fit(X, y).predict_proba(X)
    put_back = Treated(LogisticRegression(), "class_weight", recalibrate="prior").fit(X, y)
    rates = len(y) / (2 * np.bincount(y))
    np.testing.assert_allclose(put_back.rates_, rates)
    np.testing.assert_allclose(put_back.predict_proba(X), correct_prior(raw, rates), rtol=1e-9)


def test_repeats_become_weights_and_that_changes_nothing(seed: int) -> None:
    X, y = _rare(seed, 800)
    sampler = RandomOverSampler(random_state=seed)
    by_weight = Treated(LogisticRegression(tol=1e-9), sampler, recalibrate="prior").fit(X, y)
    X2, y2 = sampler.fit_resample(X, y)
    by_copies = LogisticRegression(tol=1e-9).fit(X2, y2)
    raw = by_weight.learner_.predict_proba(X)
    np.testing.assert_allclose(raw, by_copies.predict_proba(X), atol=1e-5)
    assert by_weight.rates_[1] > 1


def test_a_learner_without_weights_gets_copies(seed: int) -> None:
    X, y = _rare(seed, 400, shift=2.0)
    model = Treated(KNeighborsClassifier(), "random_over", recalibrate="prior", random_state=seed).fit(X, y)
    assert len(model.learner_._fit_X) == 2 * np.bincount(y).max()


def test_under_sampling_fits_fewer_rows_and_names_its_rates(seed: int) -> None:
    X, y = _rare(seed)
    _Counting.fits.clear()
    model = Treated(_Counting(), RandomUnderSampler(random_state=0), recalibrate="prior").fit(X, y)
    assert _Counting.fits == [(2 * y.sum(), y.sum())]
    np.testing.assert_allclose(model.rates_, [y.sum() / (y == 0).sum(), 1.0])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean())


def test_cost_weight_weighs_rows_by_their_cost(seed: int) -> None:
    X, y = _rare(seed)
    cost = np.random.default_rng(seed).gamma(2.0, size=len(y))
    model = Treated(LogisticRegression(), "cost_weight", costs={1: 10.0}, recalibrate=None)
    model.fit(X, y, row_cost=cost)
    weights = cost * np.where(y == 1, 10.0, 1.0)
    by_hand = LogisticRegression().fit(X, y, sample_weight=weights / weights.mean())
    np.testing.assert_allclose(model.predict_proba(X), by_hand.predict_proba(X), rtol=1e-9)


# --- probabilities ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("treatment", ["none", "class_weight", "random_over", "random_under", "smote"])
@pytest.mark.parametrize("recalibrate", ["intercept", "platt", "isotonic"])
def test_the_mean_probability_is_the_base_rate(treatment: str, recalibrate: str, seed: int) -> None:
    X, y = _rare(seed, 6000)
    half = len(y) // 2
    learner = BoostingClassifier(max_iter=30, early_stopping=False, random_state=0, n_threads=1)
    if recalibrate != "intercept":
        learner = LogisticClassifier()
    model = Treated(learner, treatment, recalibrate=recalibrate, random_state=seed).fit(X[:half], y[:half])
    proba = model.predict_proba(X[half:])
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert 0.75 < proba[:, 1].mean() / y[half:].mean() < 1.33


def test_the_level_of_a_small_draw_is_read_off_the_rows_it_left_out(seed: int) -> None:
    X, y = _rare(seed, 30_000, shift=7.0, d=20)  # some 40 positives: each draw has a level of its own
    half = len(y) // 2
    ratios = []
    for draw in range(4):
        model = Treated(LogisticRegression(max_iter=500), "random_under", random_state=draw)
        proba = model.fit(X[:half], y[:half]).predict_proba(X)[:, 1]
        ratios.append(proba[half:].mean() / y[:half].mean())
    assert max(ratios) / min(ratios) < 1.35


def test_an_intercept_is_joined_by_a_slope_where_few_rows_made_the_odds_too_wide(seed: int) -> None:
    X, y = _rare(seed, 20_000, shift=6.0, d=20)
    half = len(y) // 2
    few = Treated(LogisticRegression(C=100, max_iter=2000), "random_under", random_state=seed)
    few.fit(X[:half], y[:half])
    base = y[:half].mean()
    assert log_loss(y[half:], few.predict_proba(X[half:])) < log_loss(y[half:], np.full(half, base))
    many = Treated(LogisticRegression(), "class_weight", random_state=seed).fit(X[:half], y[:half])
    assert [part.kind for part in many.map_.maps] == ["prior", "intercept"]


def test_several_classes_are_put_back_too(seed: int) -> None:
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(4000, 3))
    odds = np.column_stack([np.zeros(4000), X[:, 0] - 2.5, X[:, 1] - 3.5])
    y = np.array(["none", "leak", "break"])[(odds + draw.gumbel(size=odds.shape)).argmax(axis=1)]
    for treatment in ("class_weight", "random_under", "smote"):
        model = Treated(LogisticClassifier(), treatment, random_state=seed).fit(X, y)
        share = np.array([(y == c).mean() for c in model.classes_])
        np.testing.assert_allclose(model.predict_proba(X).mean(axis=0), share, rtol=0.15)
        assert model.classes_.tolist() == ["break", "leak", "none"]


def test_prior_costs_one_fit_and_a_map_one_more_a_fold(seed: int) -> None:
    X, y = _rare(seed, 500)
    for recalibrate, fits in (("prior", 1), (None, 1), ("intercept", 4)):
        _Counting.fits.clear()
        Treated(_Counting(), None, recalibrate=recalibrate, cv=3).fit(X, y)
        assert len(_Counting.fits) == fits


def test_the_map_sees_no_row_of_its_models(seed: int) -> None:
    X, y = _rare(seed, 400)
    X[:, 0] = np.arange(400)  # each row is known by its first value
    seen: list[tuple[set[float], set[float]]] = []

    class Watching(_Counting):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Counting:
            self.rows_ = set(X[:, 0].tolist())
            return super().fit(X, y)

        def predict_proba(self, X: Any) -> np.ndarray:
            seen.append((self.rows_, set(X[:, 0].tolist())))
            return super().predict_proba(X)

    Treated(Watching(), "random_over", cv=4, random_state=seed).fit(X, y)
    assert len(seen) == 4
    assert all(not fitted & scored for fitted, scored in seen)
    assert set().union(*(scored for _, scored in seen)) == set(X[:, 0].tolist())


def test_few_positives_mean_fewer_folds_and_one_means_the_closed_form(seed: int) -> None:
    X, y = _rare(seed, 300)
    y = np.zeros(300, int)
    y[:3] = 1
    _Counting.fits.clear()
    Treated(_Counting(), None, cv=5).fit(X, y)
    assert len(_Counting.fits) == 3 + 1
    y[1:3] = 0
    with pytest.warns(CounterpoiseWarning, match="single row"):
        Treated(LogisticRegression(), "class_weight").fit(X, y)


# --- rows that carry more ----------------------------------------------------------------------------------------


def test_weights_follow_their_rows(seed: int) -> None:
    X, y = _rare(seed, 1500)
    copies = np.random.default_rng(seed).integers(1, 4, len(y))
    rows = np.repeat(np.arange(len(y)), copies)
    for treatment in ("none", "class_weight"):
        weighted = Treated(LogisticRegression(tol=1e-9), treatment, recalibrate="prior")
        weighted.fit(X, y, sample_weight=copies)
        repeated = Treated(LogisticRegression(tol=1e-9), treatment, recalibrate="prior").fit(X[rows], y[rows])
        np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    invented = Treated(LogisticRegression(), "smote", recalibrate="prior", random_state=0)
    invented.fit(X, y, sample_weight=copies)
    assert invented.rates_[1] > 1


def test_groups_stay_on_one_side_of_a_fold(seed: int) -> None:
    X, y = _rare(seed, 400, shift=1.5)
    groups = np.arange(400) // 10
    X[:, 0] = groups
    seen: list[tuple[set[float], set[float]]] = []

    class Watching(_Counting):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Counting:
            self.rows_ = set(X[:, 0].tolist())
            return super().fit(X, y)

        def predict_proba(self, X: Any) -> np.ndarray:
            seen.append((self.rows_, set(X[:, 0].tolist())))
            return super().predict_proba(X)

    Treated(Watching(), None, cv=4).fit(X, y, groups=groups)
    assert seen
    assert all(not fitted & scored for fitted, scored in seen)


def test_a_pipeline_gets_its_weights_at_the_last_step(seed: int) -> None:
    X, y = _rare(seed)
    piped = Treated(make_pipeline(StandardScaler(), LogisticRegression()), "class_weight", recalibrate=None)
    weights = (len(y) / (2 * np.bincount(y)))[y]
    by_hand = LogisticRegression().fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
    expected = by_hand.predict_proba(StandardScaler().fit_transform(X))
    np.testing.assert_allclose(piped.fit(X, y).predict_proba(X), expected, rtol=1e-9)


def test_metadata_routing_reaches_the_treated_learner(seed: int) -> None:
    X, y = _rare(seed, 600)
    with config_context(enable_metadata_routing=True):
        learner = LogisticRegression().set_fit_request(sample_weight=True)
        model = Treated(learner, "class_weight", recalibrate="prior").set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model)
        pipeline.fit(X, y, sample_weight=np.ones(len(y)))
        assert pipeline.predict_proba(X).shape == (600, 2)


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_with_gaps_and_categories_go_through(kind: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    X, y = _rare(seed, 1200)
    shop = np.where(draw.random(1200) < 0.1, None, draw.choice(["a", "b", "c"], 1200))
    table = pl.DataFrame({"x": X[:, 0], "z": X[:, 1], "shop": shop})
    table = table.with_columns(pl.when(pl.col("z") > 1.5).then(None).otherwise(pl.col("z")).alias("z"))
    given = table if kind == "polars" else table.to_pandas()
    other = table.to_pandas() if kind == "polars" else table
    for treatment in ("smote", "random_under", "class_weight"):
        model = make_candidate(treatment, "logistic", 0, recalibrate="prior").fit(given, pl.Series(y))
        assert model.feature_names_in_.tolist() == ["x", "z", "shop"]
        np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(given))


def test_a_sampler_of_another_library_serves(seed: int) -> None:
    imblearn = pytest.importorskip("imblearn.under_sampling")
    X, y = _rare(seed)
    model = Treated(LogisticRegression(), imblearn.RandomUnderSampler(random_state=0)).fit(X, y)
    assert 0.9 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.1
    with pytest.raises(NotApplicable, match="has no plan"):
        clone(model).fit(X, y, sample_weight=np.ones(len(y)))


def test_equal_seeds_give_equal_models(seed: int) -> None:
    X, y = _rare(seed, 600)
    for treatment in ("random_under", "smote"):
        a, b, c = (
            Treated(LogisticRegression(), treatment, random_state=s).fit(X, y).predict_proba(X)
            for s in (1, 1, 2)
        )
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


# --- refusals ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_done_is_refused_in_one_message(seed: int) -> None:
    X, y = _rare(seed, 200)
    with pytest.raises(InputError, match="one class only"):
        Treated(LogisticRegression()).fit(X, np.zeros(200))
    with pytest.raises(OptionError, match="Did you mean 'platt'"):
        Treated(LogisticRegression(), recalibrate="plat").fit(X, y)
    with pytest.raises(OptionError, match="smoot"):
        Treated(LogisticRegression(), "smoot").fit(X, y)
    with pytest.raises(TypeOfInputError, match="treatment="):
        Treated(LogisticRegression(), 3).fit(X, y)
    with pytest.raises(TypeOfInputError, match="as an instance"):
        Treated(LogisticRegression).fit(X, y)
    with pytest.raises(NotApplicable, match="takes no sample_weight"):
        Treated(KNeighborsClassifier(), "class_weight").fit(X, y)
    with pytest.raises(NotApplicable, match="without any cost"):
        Treated(LogisticRegression(), "cost_weight").fit(X, y)
    with pytest.raises(InputError, match="negative"):
        Treated(LogisticRegression()).fit(X, y, sample_weight=-np.ones(200))


# --- rows that judge are never treated ---------------------------------------------------------------------------


class Watched(RandomOverSampler):
    """Remembers the rows that it was given, by their first column."""

    given: ClassVar[list[set[float]]] = []

    def plan(self, X, y):
        Watched.given.append(set(np.asarray(X)[:, 0].tolist()))
        return super().plan(X, y)


@pytest.mark.parametrize(
    ("learner", "n_parts", "share"),
    [
        (BoostingClassifier(early_stopping=True, max_iter=20, random_state=0), 1, 0.85),
        (LinearLearner(num_models=4, validation=0.25, random_state=0), 1, 0.75),
        (LinearLearner(num_models=4, validation=4, random_state=0), 4, 0.75),
    ],
)
def test_a_learner_that_keeps_rows_apart_treats_only_the_others(learner, n_parts, share):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1200, 3))
    y = (X[:, 0] + rng.normal(size=1200) > 2.2).astype(int)
    Watched.given.clear()
    model = Treated(learner, Watched(random_state=0), recalibrate=None, random_state=0).fit(X, y)
    parts = [rows for rows in Watched.given if len(rows) < 1200]
    assert len(parts) == n_parts
    assert all(abs(len(rows) / 1200 - share) < 0.02 for rows in parts)
    assert any(len(rows) == 1200 for rows in Watched.given)  # what is kept is learned from all rows
    assert model.learner_.rates_.shape == (2,)


def test_trees_grow_by_the_positives_there_are_and_not_by_those_invented():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(3000, 3))
    y = (X[:, 0] > np.quantile(X[:, 0], 1 - 50 / 3000)).astype(int)
    model = Treated(BoostingClassifier(random_state=0), "smote", recalibrate="prior", random_state=0).fit(
        X, y
    )
    assert model.learner_.growth_ == growth_for(int(y.sum()), 3000)
    assert not len(model.learner_.validation_scores_)


@pytest.mark.parametrize("treatment", ["class_weight", "random_over", "smote"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_linear_learner_puts_the_balance_back_itself(treatment, n_classes):
    rng = np.random.default_rng(7)
    X = rng.normal(size=(4000, 3))
    y = np.digitize(X[:, 0] + 0.8 * rng.normal(size=4000), [1.6, 2.4][: n_classes - 1])
    learner = LinearLearner(num_models=4, validation=0.25, random_state=0)
    proba = Treated(learner, treatment, recalibrate=None, random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.mean(axis=0), np.bincount(y) / 4000, rtol=0.05)


@pytest.mark.parametrize(
    "learner",
    [
        BoostingClassifier(early_stopping=True, max_iter=60, random_state=0),
        LinearLearner(num_models=8, validation=0.25, random_state=0),
    ],
)
def test_learners_of_the_folds_take_over_what_the_final_one_chose(learner):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(2000, 3))
    y = (X[:, 0] + rng.normal(size=2000) > 2.0).astype(int)
    fitted = clone(learner).fit(X, y)
    again = fitted.settled().fit(X, y)
    np.testing.assert_allclose(again.predict_proba(X), fitted.predict_proba(X), atol=2e-3)
    if isinstance(learner, LinearLearner):
        assert len(again.family_) == 1
    else:
        assert again.n_iter_ == fitted.n_iter_
        assert not len(again.validation_scores_)
