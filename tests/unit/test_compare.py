"""The trial from end to end on small tables."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score

import counterpoise as cp
from counterpoise.errors import GoalError, InputError, NotApplicable, OptionError, TypeOfInputError
from counterpoise.evaluate import evaluate_model, known_rows
from counterpoise.evaluate.candidates import candidates_for
from counterpoise.evaluate.records import TrialRecord

LEADERBOARD = [
    "candidate", "treatment", "learner", "status", "goal", "value", "lower", "upper",
    "difference", "difference_lower", "difference_upper",
    *(f"{name}{end}"
      for name in ("average_precision", "roc_auc", "precision", "recall", "f1", "mcc", "brier", "log_loss")
      for end in ("", "_lower", "_upper")),
    "mean_ratio", "threshold", "n_positive", "fit_seconds", "predict_seconds", "peak_bytes",
]  # fmt: skip


def payments(n=900, seed=0, share=0.1):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    start = dt.datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "uid": [f"p{k}" for k in range(n)],
            "at": [start + dt.timedelta(hours=3 * k) for k in range(n)],
            "card": rng.integers(0, 90, n),
            "eur": np.round(np.exp(rng.normal(3, 1, n)), 2),
            "x": pl.Series(rng.normal(size=n) + 1.6 * y).set(pl.Series(rng.random(n) < 0.05), None),
            "kind": np.where(rng.random(n) < 0.7 - 0.4 * y, "shop", "web"),
            "w": rng.integers(1, 3, n).astype(float),
            "fraud": y,
        }
    )


def quick(table, **options):
    options = {
        "treatments": ["none", "class_weight", "random_under"],
        "learners": ["logistic"],
        "workers": 0,
        "repeats": 1,
        "nested": False,
        **options,
    }
    return cp.compare(table, **options)


@pytest.fixture(scope="module")
def trial():
    return quick(cp.read(payments(), target="fraud", id="uid", drop=["at", "card", "w"]), goal="f1", seed=1)


def test_the_leaderboard_has_the_columns_it_promises_best_first(trial):
    board = trial.leaderboard()
    assert [name for name in board.columns if name in LEADERBOARD] == LEADERBOARD
    values = board.filter(pl.col("status") == "run")["value"].to_list()
    assert values == sorted(values, reverse=True)
    assert (board["lower"] <= board["value"]).all()
    assert (board["value"] <= board["upper"]).all()


def test_the_untreated_model_is_there_even_when_it_was_not_asked_for():
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    board = quick(table, treatments=["random_under"]).leaderboard()
    assert set(board["treatment"]) == {"none", "random_under"}


def test_probabilities_of_every_candidate_mean_what_they_say(trial):
    assert trial.leaderboard()["mean_ratio"].is_between(0.9, 1.1).all()


def test_the_champion_is_not_below_the_best_untreated_model(trial):
    board = trial.leaderboard()
    champion = board.filter("is_champion").row(0, named=True)
    assert champion["value"] >= board.filter(pl.col("treatment") == "none")["value"].max()
    assert trial.verdict.champion == champion["candidate"]


def test_figures_are_those_of_rows_the_models_had_not_seen(trial):
    """The evidence alone gives the leaderboard's figures, by scikit-learn."""
    evidence, board = trial.champion.evidence, trial.leaderboard().filter("is_champion").row(0, named=True)
    table = cp.read(payments(), target="fraud", id="uid", drop=["at", "card", "w"])
    y = table.y[np.argsort(np.argsort(np.arange(table.n_rows)))]
    assert f1_score(y, evidence["alert"]) == pytest.approx(board["f1"])
    folds = evidence.with_columns(y=pl.Series(y)).partition_by("fold")
    of_fold = [average_precision_score(f["y"], f["probability"]) for f in folds]
    assert np.average(of_fold, weights=[f["y"].sum() for f in folds]) == pytest.approx(
        board["average_precision"]
    )


def test_the_saved_model_gives_the_trials_figures_again(trial, tmp_path):
    loaded = cp.load(trial.champion.save(tmp_path / "model"))
    table = cp.read(payments(), target="fraud", id="uid")
    found = evaluate_model(loaded, table)
    board = trial.leaderboard().filter("is_champion").row(0, named=True)
    assert "had not seen" in found["basis"]
    for name in ("f1", "average_precision", "roc_auc", "brier", "mean_ratio"):
        assert found["figures"][name]["value"] == pytest.approx(board[name])
        assert found["figures"][name]["lower"] == pytest.approx(board[f"{name}_lower"])


def test_new_rows_are_judged_by_the_model_itself(trial):
    fresh = payments(n=800, seed=7)
    found = evaluate_model(trial.champion, cp.read(fresh, target="fraud"))
    decided = trial.champion.decide(fresh)
    assert found["basis"].startswith("new rows")
    assert found["figures"]["f1"]["value"] == pytest.approx(f1_score(fresh["fraud"], decided["label"]))


def test_known_rows_are_found_piece_by_piece_too(trial):
    features = trial.champion.schema.conform(payments())
    features = pl.concat([features, features[:5]])  # a sixth of the same content is not known twice
    whole = known_rows(trial.champion, features)
    first = known_rows(trial.champion, features[:700])
    second = known_rows(trial.champion, features[700:], first["key"])
    assert pl.concat([first, second]).equals(whole)
    assert whole["fold"][-5:].null_count() == 5


def test_the_record_survives_json(trial):
    again = TrialRecord.model_validate_json(trial.record.model_dump_json())
    assert again == trial.record
    json.loads(trial.record.model_dump_json())  # no NaN, no infinity


def test_the_number_of_workers_changes_nothing():
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    boards = [quick(table, workers=n, seed=3).leaderboard() for n in (0, 2)]
    columns = [c for c in LEADERBOARD if not c.endswith(("seconds", "bytes"))]
    assert boards[0].select(columns).equals(boards[1].select(columns))


def test_what_is_finished_is_not_done_again(tmp_path):
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    first, second = [], []
    board = quick(table, out=tmp_path, on_progress=first.append).leaderboard()
    again = quick(table, out=tmp_path, on_progress=second.append).leaderboard()
    assert len(first) == 15
    assert not second
    assert board.equals(again)


def test_another_goal_uses_the_same_folds(tmp_path):
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    quick(table, out=tmp_path)
    told = []
    trial = quick(table, out=tmp_path, goal="recall>=0.8", on_progress=told.append)
    assert not told
    assert trial.champion.operating_point.recall >= 0.8


GOALS = ["f2", "mcc", "gmean", "balanced_accuracy", "precision>=0.5", "fpr<=0.05", "cost(fn=50, fp=1)",
         "cost(fn=eur, fp=5)", "alerts<=40", "alerts<=1/day", "precision | recall>=0.6"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("goals")


@pytest.mark.parametrize("goal", GOALS)
def test_every_goal_ends_in_a_verdict(goal, folder):
    table = cp.read(payments(), target="fraud", time="at", group="card", amount="eur", id="uid", weight="w")
    trial = quick(table, goal=goal, treatments=["none"], out=folder)
    assert trial.verdict.sentence
    assert trial.record.folds.kind == "time"
    assert trial.leaderboard()["value"][0] is not None
    assert trial.record.goal_greater_is_better == (not goal.startswith("cost"))


def test_groups_stay_whole_and_widen_the_intervals():
    frame = payments().with_columns(card=pl.int_range(900) % 60)
    trial = quick(cp.read(frame, target="fraud", group="card", drop=["uid", "at"]), treatments=["none"])
    assert trial.record.folds.kind == "grouped"


def test_own_samplers_and_classifiers_take_part():
    class Doubling:
        def fit_resample(self, X, y):
            positive = np.flatnonzero(np.asarray(y) == 1)
            rows = np.concatenate([np.arange(len(y)), positive])
            return X[rows], np.asarray(y)[rows]

    frame = payments().select("eur", "w", "fraud")
    trial = quick(
        cp.read(frame, target="fraud"),
        treatments={"doubling": Doubling()},
        learners={"mine": LogisticRegression(max_iter=500)},
    )
    assert set(trial.leaderboard()["candidate"]) == {"mine", "mine + doubling"}
    assert trial.leaderboard()["mean_ratio"].is_between(0.9, 1.1).all()


def test_a_candidate_that_fails_is_listed_with_its_reason():
    class Broken:
        def fit_resample(self, X, y):
            raise RuntimeError("no luck")

    trial = quick(cp.read(payments(), target="fraud", drop=["uid", "at"]), treatments={"broken": Broken()})
    row = trial.leaderboard().filter(pl.col("treatment") == "broken").row(0, named=True)
    assert row["status"] == "not run"
    assert "no luck" in row["reason"]
    assert any("no luck" in finding.sentence for finding in trial.record.findings)


def test_too_few_positives_give_fewer_folds_or_a_refusal():
    frame = payments(n=120, share=0.0).with_columns(fraud=(pl.int_range(120) < 6).cast(pl.Int8))
    trial = quick(cp.read(frame, target="fraud", drop=["uid", "at"]), treatments=["none"])
    assert len(trial.record.folds.folds) == 3
    frame = frame.with_columns(fraud=(pl.int_range(120) < 3).cast(pl.Int8))
    with pytest.raises(NotApplicable, match="Collect more"):
        quick(cp.read(frame, target="fraud", drop=["uid", "at"]))


WRONG = [
    ({"goal": "recal>=0.9"}, GoalError, "recall"),
    ({"goal": "recall>=1.9"}, GoalError, "share"),
    ({"goal": "alerts<=5/day"}, GoalError, "time"),
    ({"goal": "cost(fn=euros, fp=1)"}, GoalError, "euros"),
    ({"treatments": ["smoot"]}, OptionError, "smote"),
    ({"learners": ["bosting"]}, OptionError, "boosting"),
    ({"treatments": ["none", "none"]}, OptionError, "twice"),
    ({"treatments": {"x": 3}}, TypeOfInputError, "sampler"),
    ({"folds": 1}, OptionError, "2 or more"),
    ({"budget": "soon"}, OptionError, "duration"),
]


@pytest.mark.parametrize(("options", "kind", "words"), WRONG)
def test_a_wrong_option_is_refused_before_anything_runs(options, kind, words, tmp_path):
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    with pytest.raises(kind, match=words):
        quick(table, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_frame_is_not_a_table():
    with pytest.raises(TypeOfInputError, match=r"counterpoise\.read"):
        cp.compare(payments())


def test_learners_that_balance_by_themselves_are_treatments():
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    pairs = candidates_for(table, None, ["balanced_bagging"])
    assert [(c.learner, c.treatment, c.is_untreated) for c in pairs] == [
        ("logistic", "none", True),
        ("balanced_bagging", "none", False),
    ]


def test_a_blend_of_the_untreated_is_judged_like_any_other(monkeypatch):
    from counterpoise.evaluate import candidates

    monkeypatch.setattr(candidates, "default_learners", lambda: ("logistic", "linear_learner"))
    table = cp.read(payments(), target="fraud", id="uid", drop=["at", "card", "w"])
    trial = cp.compare(table, treatments=["none"], workers=0)
    board = trial.leaderboard()
    assert set(board["candidate"]) == {"logistic", "linear_learner", "blend"}
    assert board["mean_ratio"].is_between(0.9, 1.1).all()


def test_a_blend_of_fitted_members_is_their_weighted_log_odds_and_survives_the_bundle(trial, tmp_path):
    from dataclasses import replace

    from counterpoise.learn import BlendClassifier, LogisticClassifier

    table = cp.read(payments(), target="fraud", id="uid", drop=["at", "card", "w"])
    members = [LogisticClassifier(C=c).fit(table.X, table.y) for c in (0.01, 1.0)]
    blend = BlendClassifier.of(members, ["a", "b"], np.array([0.25, 0.75]), np.array([0.1]))
    expected = (
        0.25 * members[0].decision_function(table.X) + 0.75 * members[1].decision_function(table.X) + 0.1
    )
    assert blend.decision_function(table.X) == pytest.approx(expected, abs=1e-4)
    loaded = cp.load(replace(trial.champion, learner=blend).save(tmp_path / "m"))
    assert np.array_equal(loaded.learner.predict_proba(table.X), blend.predict_proba(table.X))


def test_untreated_candidates_come_first():
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    order = [c.treatment for c in candidates_for(table, ["smote", "class_weight"], ["logistic", "boosting"])]
    assert order[:2] == ["none", "none"]
    assert len(order) == 6


# --- where it is kept, and how it runs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": -2}, "workers=-2"),
        ({"workers": True}, "workers=True"),
        ({"workers": 1.5}, "workers=1.5"),
        ({"engine": 3}, "engine=3"),
        ({"out": 3}, "out=3"),
    ],
)
def test_how_it_runs_and_where_it_is_kept_is_said_in_kind(options, words):
    table = cp.read(payments(), target="fraud")
    with pytest.raises(InputError, match=words):
        quick(table, **options)


def test_folds_of_the_users_own_are_refused_and_stay(tmp_path):
    own = tmp_path / "folds"
    own.mkdir()
    (own / "y.npy").write_bytes(b"mine")  # a name of ours, in a folder that is not
    with pytest.raises(OptionError, match=r"what no trial wrote: y\.npy"):
        quick(cp.read(payments(), target="fraud"), out=tmp_path)
    assert (own / "y.npy").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["folds"]


def test_what_lies_among_finished_folds_is_never_removed(tmp_path):
    table = cp.read(payments(), target="fraud", drop=["uid", "at"])
    quick(table, treatments=["none"], repeats=2, out=tmp_path)
    folds = tmp_path / "folds"
    (folds / ".DS_Store").touch()
    quick(table, treatments=["none"], repeats=2, out=tmp_path, seed=1)  # other folds: ours are replaced
    assert (folds / ".DS_Store").exists()
    for note in (folds / "notes.txt", folds / "repeat1" / "notes.txt", folds / "old" / "notes.txt"):
        note.parent.mkdir(exist_ok=True)
        note.write_text("mine")
        before = sorted(folds.rglob("*"))
        with pytest.raises(OptionError, match=r"notes\.txt|old"):
            quick(table, treatments=["none"], repeats=2, out=tmp_path, seed=2)
        assert sorted(folds.rglob("*")) == before
        note.unlink()


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("counterpoise.evaluate.trial.make_engine", lambda *a, **k: pytest.fail("it started"))
    with pytest.raises(InputError, match="is a file"):
        quick(cp.read(payments(), target="fraud"), out=tmp_path / "file" / "x")
    with pytest.raises(InputError, match="cannot be written"):
        quick(cp.read(payments(), target="fraud"), out=tmp_path / ("x" * 300))


def test_a_report_that_cannot_be_written_leaves_nothing(trial, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match="is a folder"):
        trial.report(folder)
    with pytest.raises(InputError, match="cannot be written"):
        trial.report(tmp_path / "file" / "report.html")
    with pytest.raises(InputError, match="cannot be written"):
        trial.report(tmp_path / "new" / f"{'x' * 300}.html")
    with pytest.raises(InputError, match="cannot be written"):
        trial.save(tmp_path / "file")
    with pytest.raises(TypeOfInputError, match="path=None"):
        trial.report(None)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    (folder / "trial.json").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        trial.save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["leaderboard.parquet", "trial.json"]
