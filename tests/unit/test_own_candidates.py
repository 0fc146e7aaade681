"""Estimators and samplers of the user's own in the trial."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from imblearn.over_sampling import SMOTE, SMOTENC
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import counterpoise as cp
from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.evaluate.watch import WatchedSampler, without_samplers

PLAIN = {"workers": 0, "repeats": 1, "nested": False, "budget": None}


def rows(n=500, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.15).astype(int)
    return pl.DataFrame(
        {
            "a": rng.normal(size=n) + 1.5 * y,
            "b": rng.normal(size=n),
            "kind": rng.choice(["x", "y", "z"], n),
            "y": y,
        }
    )


NUMBERS = rows().drop("kind")


def trial(frame=NUMBERS, **options):
    return cp.compare(
        cp.read(frame, target="y"), **{"treatments": ["none"], "learners": ["logistic"], **PLAIN, **options}
    )


def board(found):
    return {row["candidate"]: row for row in found.leaderboard().to_dicts()}


class Steps(ClassifierMixin, BaseEstimator):
    """Scores by a column; may forget rows where it predicts."""

    def __init__(self, forgets=0):
        self.forgets = forgets

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X["a"].to_numpy()))
        return np.column_stack([1 - p, p])[self.forgets :]


class Twice:
    """A sampler without parameters that repeats the positives, for polars frames."""

    def fit_resample(self, X, y):
        again = np.concatenate([np.arange(len(y)), np.flatnonzero(y == 1)])
        return X[again], y[again]


# --- what works --------------------------------------------------------------------------------------------------


def test_a_pipeline_of_scikit_learn_with_our_treatments(tmp_path):
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), (StandardScaler(), ["a", "b"])
    )
    mine = make_pipeline(columns, LogisticRegression())
    found = trial(
        rows(), learners={"mine": mine}, treatments=["none", "class_weight", "smote", "random_under"]
    )
    assert {row["status"] for row in board(found).values()} == {"run"}
    assert board(found)["mine"]["roc_auc"] > 0.75
    assert board(found)["mine + smote"]["mean_ratio"] == pytest.approx(1, abs=0.1)
    assert cp.load(found.champion.save(tmp_path / "m")).decide(rows()).equals(found.champion.decide(rows()))


def test_a_pipeline_of_imbalanced_learn_ships_without_its_sampler(tmp_path):
    mine = make_imblearn_pipeline(StandardScaler(), SMOTE(random_state=0), LogisticRegression())
    found = trial(learners={"mine": mine})
    assert [name for name, _ in found.champion.learner.steps] == ["standardscaler", "logisticregression"]
    assert type(found.champion.learner).__module__.startswith("sklearn")
    assert cp.load(found.champion.save(tmp_path / "m")).decide(NUMBERS).equals(found.champion.decide(NUMBERS))
    assert board(found)["mine"]["mean_ratio"] == pytest.approx(1, abs=0.1)  # put back on rows of other folds


def test_samplers_of_others():
    samplers = {
        "theirs": SMOTE(random_state=0),
        "fewer": RandomUnderSampler(random_state=0),
        "twice": Twice(),
    }
    found = board(trial(treatments=samplers))
    assert set(found) == {"logistic", "logistic + theirs", "logistic + fewer", "logistic + twice"}
    for row in found.values():
        assert row["status"] == "run"
        assert row["mean_ratio"] == pytest.approx(1, abs=0.1)


def test_samplers_of_others_with_categories():
    found = board(trial(rows(), treatments={"theirs": SMOTENC("auto", random_state=0)}))
    assert found["logistic + theirs"]["status"] == "run"


def test_a_classifier_with_margins_only(tmp_path):
    found = trial(learners={"svc": make_pipeline(StandardScaler(), LinearSVC(random_state=0))})
    row = board(found)["svc"]
    assert row["roc_auc"] > 0.75
    assert row["mean_ratio"] == pytest.approx(1, abs=0.1)
    loaded = cp.load(found.champion.save(tmp_path / "m"))
    assert loaded.predict_proba(NUMBERS)[:, 1].mean() == pytest.approx(NUMBERS["y"].mean(), rel=0.15)


def test_one_name_without_a_list():
    assert list(board(trial(learners="logistic", treatments="class_weight"))) != []


def test_what_was_fitted_is_left_alone():
    scaler = StandardScaler().fit(NUMBERS.select("a"))
    plain = make_pipeline(scaler, LogisticRegression())
    assert without_samplers(plain) is plain
    assert without_samplers(scaler) is scaler


def test_a_sampler_is_cloned_in_each_fold():
    sampler = SMOTE(random_state=0)
    again = [
        WatchedSampler(sampler).fit_resample(NUMBERS.drop("y"), NUMBERS["y"].to_numpy())[0] for _ in range(2)
    ]
    assert again[0].equals(again[1])
    assert not hasattr(sampler, "sampling_strategy_")
    assert again[0].columns == ["a", "b"]


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        (Ridge(), "predict_proba or decision_function"),
        (KMeans(), "predict_proba or decision_function"),
        (IsolationForest(), "predict_proba or decision_function"),
        (LogisticRegression, "the class LogisticRegression itself"),
        (len, "Expected a classifier"),
        (3.5, "Expected a classifier"),
    ],
    ids=str,
)
def test_what_is_no_classifier(learner, said):
    with pytest.raises(TypeOfInputError, match=said):
        trial(learners={"mine": learner})


def test_a_classifier_that_cannot_be_cloned():
    class Bare:
        fit = predict_proba = None

    with pytest.raises(TypeOfInputError, match=r"sklearn\.base"):
        trial(learners={"mine": Bare()})


@pytest.mark.parametrize("sampler", [StandardScaler(), SMOTE, 3], ids=str)
def test_what_is_no_sampler(sampler):
    with pytest.raises(TypeOfInputError, match="sampler with fit_resample"):
        trial(treatments={"mine": sampler})


@pytest.mark.parametrize("what", ["treatments", "learners"])
def test_nothing_to_compare(what):
    with pytest.raises(OptionError, match="at least one"):
        trial(**{what: []})


def test_a_classifier_that_forgets_rows_is_not_judged():
    found = board(trial(learners={"mine": Steps(), "short": Steps(3), "logistic": None}))
    assert found["mine"]["status"] == "run"
    assert found["short"]["status"] == "not run"
    assert "97 scores for 100 rows" in found["short"]["reason"]
