"""The leakage guard: every planted leak is found, clean tables raise no alarm."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline

import counterpoise as cp
from counterpoise.errors import LeakError, OptionError
from counterpoise.evaluate.candidates import candidates_for
from counterpoise.evaluate.guard import LEAKS, check_allowed, findings_of, inspect, refuse, sets_aside
from counterpoise.evaluate.watch import WatchedSampler
from counterpoise.learn import BoostingClassifier, LinearLearner, Treated
from counterpoise.learn.validating import ValidatingClassifier
from counterpoise.resample import SMOTE
from counterpoise.split import equal_rows, is_telling, make_folds, stratified_folds
from counterpoise.table.hashing import row_keys


def clean(n=600, n_positive=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.zeros(n, dtype=int)
    y[rng.choice(n, n_positive, replace=False)] = 1
    columns = {f"x{j}": rng.normal(size=n) + (0.8 * y if j < 2 else 0) for j in range(4)}
    return pl.DataFrame(
        {
            **columns,
            "kind": rng.choice(["a", "b", "c"], n),
            "card": rng.integers(0, 60, n),
            "at": pl.from_epoch(pl.Series(1_700_000_000 + np.sort(rng.integers(0, 90 * 86400, n)))),
            "y": y,
        }
    )


def status(frame, folds=5, learners=("logistic",), treatments=("none",), **roles):
    roles.setdefault("drop", [c for c in ("card", "at") if c in frame.columns and c not in roles.values()])
    table = cp.read(frame, target="y", **roles)
    candidates = candidates_for(table, treatments, learners)
    found = inspect(table, cp.profile(table), make_folds(table, folds), candidates)
    return {each.code: each for each in found}


def failed(found):
    return [code for code, each in found.items() if each.status == "failed"]


# --- clean tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roles", [{}, {"group": "card"}, {"time": "at"}, {"time": "at", "group": "card"}])
def test_a_clean_table_raises_no_alarm(roles):
    found = status(clean(), **roles)
    assert not failed(found)
    assert list(found) == list(LEAKS)


def test_few_distinct_values_are_no_leak():
    rng = np.random.default_rng(1)
    y = (rng.random(500) < 0.2).astype(int)
    frame = pl.DataFrame({"a": rng.choice(["x", "y"], 500), "b": rng.integers(0, 3, 500), "y": y})
    found = status(frame)
    assert not failed(found)
    assert found["same-row"].status == "noted"


@pytest.mark.parametrize(
    "name", ["keel_flare_F", "adbench_thyroid", "promise_kc1", "uci_hypothyroid", "adbench_mammography"]
)
def test_real_tables_raise_no_alarm(shared_table, name):
    frame = shared_table(name).rename({"label": "y"})
    assert not failed(status(frame))


# --- the same row ------------------------------------------------------------------------------------------------


def with_copies(frame, n=40):
    positives = frame.filter(pl.col("y") == 1).head(n)
    return pl.concat([frame, positives, positives, positives])


def test_copies_are_kept_on_one_side_where_rows_are_drawn():
    frame = with_copies(clean().drop("card", "at"))
    assert status(frame)["same-row"].status == "passed"
    table = cp.read(frame, target="y")
    copies = equal_rows(table.X)
    for fold in make_folds(table).folds:
        assert not np.intersect1d(copies[fold.train][copies[fold.train] >= 0], copies[fold.test]).size


def test_copies_on_both_sides_of_a_given_split_are_found():
    frame = with_copies(clean().drop("card", "at"))
    found = status(frame, folds=StratifiedKFold(5, shuffle=True, random_state=0))
    assert failed(found) == ["same-row"]
    assert "copies" in found["same-row"].sentence


def test_copies_under_other_groups_are_found():
    frame = with_copies(clean())
    frame = frame.with_columns(card=pl.int_range(pl.len()) % 97)
    assert failed(status(frame, group="card")) == ["same-row"]


def test_a_row_in_both_parts_is_found():
    rows = np.arange(600)
    parts = [(rows[:400], rows[300:]), (rows[300:], rows[:300])]
    assert failed(status(clean(), folds=parts)) == ["same-row"]


def test_a_row_is_telling_by_a_value_of_its_own():
    X = pl.DataFrame({"a": [1.5, 1.5, 2.0, 2.0, 2.0, 2.0], "b": [0, 0, 1, 1, 2, 3]})
    copies = equal_rows(X)
    assert copies.tolist() == [0, 0, 1, 1, -1, -1]
    assert is_telling(X, copies).tolist() == [True, True, True, True, False, False]
    shared = pl.DataFrame({"a": [1, 1, 1, 2], "b": [5, 5, 6, 5]})
    assert not is_telling(shared, equal_rows(shared)).any()


def test_folds_stay_even_with_copies_in_them():
    rng = np.random.default_rng(3)
    y = (np.arange(1000) < 120).astype(np.int8)
    copies = np.where(rng.random(1000) < 0.4, rng.integers(0, 60, 1000), -1)
    copies = np.where(copies >= 0, copies * 2 + y, -1)
    folds = stratified_folds(y, 5, copies=copies)
    for label in (0, 1):
        sizes = [int((y[fold.test] == label).sum()) for fold in folds.folds]
        assert max(sizes) - min(sizes) <= 1
    assert np.array_equal(np.sort(np.concatenate([f.test for f in folds.folds])), np.arange(1000))


# --- groups and time ---------------------------------------------------------------------------------------------


def test_a_split_group_is_found():
    found = status(clean(), folds=KFold(5), group="card")
    assert failed(found) == ["same-group"]
    assert not failed(status(clean(), folds=GroupKFold(5), group="card"))


def test_the_future_before_the_past_is_found():
    found = status(clean(), folds=KFold(5), time="at")
    assert failed(found) == ["future"]


def test_a_date_that_folds_do_not_follow_is_noted():
    found = status(clean(), drop=["card"])
    assert found["future"].status == "noted"
    assert "--time at" in found["future"].sentence


# --- resampled rows that judge -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "learner",
    [
        HistGradientBoostingClassifier(early_stopping=True),
        GradientBoostingClassifier(n_iter_no_change=5),
        SGDClassifier(loss="log_loss", early_stopping=True),
        LogisticRegressionCV(),
        GridSearchCV(LogisticRegression(), {"C": [1, 10]}),
        Treated(LogisticRegression(), "none"),
        Pipeline([("inner", HistGradientBoostingClassifier(early_stopping=True))]),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_rows_set_aside_after_sampling_are_found(learner):
    assert failed(status(clean(), learners={"mine": learner}, treatments=["smote"])) == [
        "resampled-validation"
    ]
    assert not failed(status(clean(), learners={"mine": learner}))


def test_rows_set_aside_after_sampling_inside_a_pipeline_are_found():
    from imblearn.pipeline import Pipeline as ImbPipeline

    early = HistGradientBoostingClassifier(early_stopping=True)
    leaking = ImbPipeline([("smote", SMOTE()), ("learn", early)])
    honest = ImbPipeline([("smote", SMOTE()), ("learn", LogisticRegression())])
    assert failed(status(clean(), learners={"mine": leaking})) == ["resampled-validation"]
    assert not failed(status(clean(), learners={"mine": honest}))
    outside = GridSearchCV(honest, {"learn__C": [1, 10]})  # samples inside each of its own folds
    assert not failed(status(clean(), learners={"mine": outside}))


def test_what_sets_rows_aside():
    assert not sets_aside(HistGradientBoostingClassifier(), 9_000)
    assert sets_aside(HistGradientBoostingClassifier(), 11_000)
    assert not sets_aside(LogisticRegression(), 11_000)
    assert not sets_aside(Treated(recalibrate="prior"), 11_000)


class Remembers(BaseEstimator):
    """A sampler that gives back rows of another table."""

    def __init__(self, rows, labels):
        self.rows, self.labels = rows, labels

    def fit_resample(self, X, y):
        return self.rows, self.labels


def test_a_sampler_may_not_give_back_rows_that_judge():
    X = clean().select("x0", "x1")
    train, test = X[:400], X[400:]
    sampler = WatchedSampler(Remembers(X, np.zeros(600)), test)
    with pytest.raises(LeakError, match="200 rows of the test part"):
        sampler.fit_resample(train, np.zeros(400))
    rows, _ = WatchedSampler(Remembers(train, np.zeros(400)), test).fit_resample(train, np.zeros(400))
    assert rows.equals(train)


# --- columns -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        pl.col("y") * 2 + 1,
        pl.when(pl.col("y") == 1).then(pl.lit("bad")).otherwise(pl.lit("good")),
        pl.when(pl.col("y") == 1).then(pl.lit(3.0)),
        pl.col("y") + pl.col("x0") / 1000,
        pl.when(pl.col("y") == 1).then(pl.col("x3").round(0) + 20).otherwise(0.0),
    ],
    ids=["scaled", "renamed", "missing", "noisy", "scenario"],
)
def test_a_column_that_gives_the_answer_away_is_found(answer):
    found = status(clean().with_columns(answer=answer))
    assert failed(found) == ["answer"]
    assert "'answer'" in found["answer"].sentence
    assert "--drop" in found["answer"].hint


def test_a_strong_column_is_no_answer():
    assert not failed(status(clean().with_columns(strong=pl.col("x0") + 3 * pl.col("y"))))


def test_a_copy_of_several_classes_is_found():
    frame = (
        clean().with_columns(y=pl.Series(np.arange(600) % 3)).with_columns(other=pl.col("y").cast(str) + "!")
    )
    assert failed(status(frame)) == ["answer"]


@pytest.mark.parametrize("added", [0.0, 10.0])
def test_a_share_of_the_outcome_over_all_rows_is_found(added):
    rng = np.random.default_rng(5)
    frame = clean(1000, 200).with_columns(city=pl.Series(rng.integers(0, 40, 1000)))
    mean = (pl.col("y").sum().over("city") + added * 0.2) / (pl.len().over("city") + added)
    frame = frame.with_columns(encoded=mean)
    assert failed(status(frame)) == ["outside-fold"]
    frequency = pl.len().over("city") / 1000
    assert not failed(status(frame.drop("encoded").with_columns(frequency=frequency)))


def test_a_candidate_that_is_fitted_for_good_is_found():
    frame = clean()
    fitted = FrozenEstimator(LogisticRegression().fit(frame.select("x0").to_numpy(), frame["y"].to_numpy()))
    assert failed(status(frame, learners={"mine": fitted})) == ["outside-fold"]
    assert failed(status(frame, learners={"mine": Pipeline([("m", fitted)])})) == ["outside-fold"]


# --- the end of the run ------------------------------------------------------------------------------------------


def test_a_leak_ends_the_run_and_leaves_a_record(tmp_path):
    table = cp.read(clean().drop("card", "at").with_columns(answer=pl.col("y") * 5), target="y")
    with pytest.raises(LeakError, match="'answer' alone tells"):
        cp.compare(table, treatments=["none"], learners=["logistic"], workers=0, out=tmp_path)
    record = json.loads((tmp_path / "trial.json").read_text())
    assert record["verdict"]["outcome"] == "refused"
    assert [each["code"] for each in record["guard"] if each["status"] == "failed"] == ["answer"]
    assert "Nothing was trained" in (tmp_path / "report.html").read_text()


def test_a_leak_that_is_allowed_is_a_warning():
    table = cp.read(clean().drop("card", "at").with_columns(answer=pl.col("y") * 5), target="y")
    trial = cp.compare(table, treatments=["none"], learners=["logistic"], workers=0, allow=["answer"])
    assert [each.code for each in trial.record.guard if each.status == "allowed"] == ["answer"]
    assert any(f.code == "leak-answer" and f.severity == "warning" for f in trial.record.findings)


def test_only_what_is_allowed_is_allowed():
    found = list(status(clean(), folds=KFold(5), time="at", group="card").values())
    assert [each.code for each in found if each.status == "failed"] == ["same-group", "future"]
    with pytest.raises(LeakError, match="later"):
        refuse(found, {"same-group"})
    assert {f.severity for f in findings_of(refuse(found, check_allowed("all")))} == {"warning"}
    with pytest.raises(OptionError, match="Did you mean 'future'"):
        check_allowed(["futur"])


# --- our own learners, by row keys -------------------------------------------------------------------------------


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers, over all clones, which rows it was fitted on and which it was then asked about."""

    seen: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.rate_, self.fitted_ = np.unique(y), np.mean(y), row_keys(X)
        return self

    def predict_proba(self, X):
        self.seen.append((self.fitted_, row_keys(X)))
        return np.column_stack([np.full(len(X), 1 - self.rate_), np.full(len(X), self.rate_)])


@pytest.mark.parametrize(
    "treatment", ["smote", "random_over", "random_under", "smote_enn", SMOTE(random_state=0)]
)
def test_nothing_resampled_calibrates(treatment):
    X, y = clean().select("x0", "x1", "x2"), clean()["y"].to_numpy()
    Recorder.seen.clear()
    Treated(Recorder(), treatment, random_state=0).fit(X, y)
    table = row_keys(X)
    assert len(Recorder.seen) >= 10  # one a fold
    for fitted, asked in Recorder.seen:
        assert np.isin(asked, table).all()  # nothing invented calibrates
        assert not np.isin(asked, fitted).any()
        assert len(np.unique(asked)) == len(asked)


@pytest.mark.parametrize("treatment", ["smote", "random_over", "class_weight"])
@pytest.mark.parametrize("learner", [BoostingClassifier(early_stopping=True, max_iter=20), LinearLearner()])
def test_nothing_resampled_stops_or_chooses(monkeypatch, learner, treatment):
    X, y = clean().select("x0", "x1", "x2"), clean()["y"].to_numpy()
    table, parts = row_keys(X), []
    learned_from = ValidatingClassifier._learned_from

    def watched(self, X, codes, weights, rows=None):
        treated = learned_from(self, X, codes, weights, rows)
        parts.append((rows, treated[0]))
        return treated

    monkeypatch.setattr(ValidatingClassifier, "_learned_from", watched)
    Treated(learner, treatment, recalibrate="prior", random_state=0).fit(X, y)
    judged = [(rows, treated) for rows, treated in parts if rows is not None]
    assert judged
    for rows, treated in judged:
        apart = np.delete(table, rows)
        assert len(apart)
        assert not np.isin(apart, row_keys(pl.DataFrame(treated))).any()


def test_our_own_learners_under_a_treatment_are_no_leak():
    for learner in (BoostingClassifier(early_stopping=True), LinearLearner()):
        assert not failed(status(clean(), learners={"mine": learner}, treatments=["smote"]))
