"""More than two classes, from the trial to the bundle."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

import counterpoise as cp
from counterpoise.cli.main import run
from counterpoise.decide import ClassGoal, ClassRule, CostMatrix, Goal
from counterpoise.decide.rule import class_costs
from counterpoise.errors import GoalError, ModelError, NotApplicable
from counterpoise.evaluate import evaluate_model
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.intervals import Judged, draw, draw_sums
from counterpoise.evaluate.records import TrialRecord
from counterpoise.learn import BlendClassifier
from counterpoise.report import render

LABELS = ["fine", "worn", "torn", "burnt"]
COSTS = [[0, 1, 1, 1], [5, 0, 1, 2], [20, 5, 0, 5], [50, 10, 5, 0]]


def faults(n=900, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(4, n, p=[0.7, 0.15, 0.1, 0.05])
    centres = np.array([[0, 0], [2, 0], [0, 2], [2.5, 2.5]])
    x = centres[y] + rng.normal(size=(n, 2))
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "z": x[:, 1],
            "site": rng.choice(["a", "b"], n),
            "machine": rng.integers(0, 60, n),
            "at": pl.from_epoch(pl.Series(1_700_000_000 + np.sort(rng.integers(0, 60 * 86400, n)))),
            "fault": [LABELS[k] for k in y],
        }
    )


CHOSEN = {
    "treatments": ["none", "smote"],
    "learners": ["logistic"],
    "workers": 0,
    "repeats": 1,
    "nested": False,
}


@pytest.fixture(scope="module")
def table():
    return cp.read(faults(), target="fault", drop=["machine", "at"])


@pytest.fixture(scope="module")
def trial(table):
    return cp.compare(table, **CHOSEN)


def champion(trial):
    return next(each for each in trial.record.candidates if each.is_champion)


def truth_and_decisions(trial, table):
    evidence = trial.champion.evidence
    proba = evidence.select(f"probability_{label}" for label in table.labels).to_numpy()
    return evidence["outcome"].to_numpy(), evidence["decided"].to_numpy(), proba, evidence["fold"].to_numpy()


# --- figures -----------------------------------------------------------------------------------------------------


def test_figures_over_all_classes_agree_with_scikit_learn(trial, table):
    y, decided, proba, fold = truth_and_decisions(trial, table)
    found = {name: estimate.value for name, estimate in champion(trial).metrics.items()}
    assert found["macro_f1"] == found["f1"] == pytest.approx(sk.f1_score(y, decided, average="macro"))
    assert found["goal"] == found["macro_f1"]
    assert found["precision"] == pytest.approx(sk.precision_score(y, decided, average="macro"))
    assert found["recall"] == pytest.approx(sk.balanced_accuracy_score(y, decided))
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(y, decided))
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, proba))
    assert found["brier"] == pytest.approx(((proba - np.eye(4)[y]) ** 2).sum(axis=1).mean())
    auc = [
        np.average(
            [sk.roc_auc_score(y[fold == k] == c, proba[fold == k, c]) for k in range(5)],
            weights=[(y[fold == k] == c).sum() for k in range(5)],
        )
        for c in range(4)
    ]
    assert found["roc_auc"] == pytest.approx(np.mean(auc))
    for estimate in champion(trial).metrics.values():
        assert estimate.lower <= estimate.value <= estimate.upper


def test_figures_of_each_class(trial, table):
    y, decided, _, _ = truth_and_decisions(trial, table)
    classes = champion(trial).classes
    assert [each.label for each in classes] == [str(label) for label in table.labels]
    matrix = sk.confusion_matrix(y, decided)
    for c, each in enumerate(classes):
        assert each.n == (y == c).sum()
        assert each.n_decided == (decided == c).sum()
        assert each.decided_as == matrix[c].tolist()
        assert each.metrics["f1"].value == pytest.approx(sk.f1_score(y == c, decided == c))
        assert each.metrics["recall"].lower < each.metrics["recall"].value < each.metrics["recall"].upper


def test_probabilities_keep_the_base_rate_of_each_class(trial, table):
    y, _, proba, _ = truth_and_decisions(trial, table)
    assert proba.sum(axis=1) == pytest.approx(1.0)
    assert proba.mean(axis=0) == pytest.approx(np.bincount(y) / len(y), rel=0.1)


def test_sums_have_the_weights_of_the_draws():
    rng = np.random.default_rng(0)
    y, decided = rng.random(400) < 0.3, rng.random(400) < 0.4
    groups, weights = rng.integers(0, 90, 400), rng.random(400)
    options = {"groups": groups, "n_draws": 50, "random_state": 3}
    drawn = draw(y, {"it": Judged(rng.random(400), decided)}, weights, **options)
    sums, draws = draw_sums(np.column_stack([y & decided, y]).astype(float), weights, **options)
    assert sums == pytest.approx([weights[y & decided].sum(), weights[y].sum()])
    assert draws[0] / draws[1] == pytest.approx(drawn.drawn["it"]["recall"], rel=1e-5)


def test_the_verdict_and_the_leaderboard(trial):
    assert trial.verdict.outcome in ("better", "no difference shown", "worse")
    assert "macro f1" in trial.verdict.sentence
    assert any("the rarest class" in each for each in trial.verdict.details)
    board = trial.leaderboard()
    assert board["candidate"].to_list().count("logistic + smote") == 1
    assert board["value"].is_sorted(descending=True)
    assert board["f1"].null_count() == 0


# --- goals and rules ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", ["f2", "balanced_accuracy", "gmean", "accuracy"])
def test_other_goals(table, goal):
    found = cp.compare(table, goal, **{**CHOSEN, "treatments": ["none"]})
    y, decided, _, _ = truth_and_decisions(found, table)
    recalls = sk.recall_score(y, decided, average=None)
    expected = {
        "f2": sk.fbeta_score(y, decided, beta=2, average="macro"),
        "balanced_accuracy": recalls.mean(),
        "gmean": recalls.prod() ** 0.25,
        "accuracy": (y == decided).mean(),
    }[goal]
    assert found.leaderboard()["value"][0] == pytest.approx(expected)
    values = champion(found).fold_values
    assert len(values) == 5
    assert min(values) <= expected <= max(values)


def test_a_cost_matrix_in_any_order_of_its_labels(table):
    matrix = CostMatrix(COSTS, LABELS)
    found = cp.compare(table, matrix, **{**CHOSEN, "treatments": ["none"]})
    y, decided, _, _ = truth_and_decisions(found, table)
    truth, label = [table.labels[k] for k in y], [table.labels[k] for k in decided]
    cost = np.mean([COSTS[LABELS.index(t)][LABELS.index(d)] for t, d in zip(truth, label, strict=True)])
    assert champion(found).metrics["goal"].value == pytest.approx(cost)
    assert not found.record.goal_greater_is_better
    assert found.champion.rule.costs is not None
    proba = found.champion.predict_proba(table.frame[:50])
    expected = (
        proba @ CostMatrix(COSTS, LABELS).costs[np.ix_(*[[LABELS.index(x) for x in table.labels]] * 2)]
    ).argmin(1)
    assert found.champion.predict(table.frame[:50]).tolist() == [table.labels[k] for k in expected]


@pytest.mark.parametrize("goal", ["recall>=0.9", "cost(fn=10, fp=1)", "alerts<=10", "mcc"])
def test_goals_of_one_positive_class_are_refused(table, goal):
    with pytest.raises(NotApplicable, match="more than two classes"):
        cp.compare(table, goal, **CHOSEN)


def test_a_matrix_of_other_classes_is_refused(table):
    with pytest.raises(GoalError, match="fine, worn, torn"):
        cp.compare(table, CostMatrix(np.array(COSTS)[:3, :3], LABELS[:3]), **CHOSEN)


def test_a_cost_matrix_of_two_classes_is_a_goal_too():
    rows = faults().with_columns(fault=pl.col("fault") == "fine").drop("machine", "at")
    matrix = CostMatrix([[0, 3], [7, 0]])
    found = cp.compare(
        cp.read(rows, target="fault", positive=True), matrix, **{**CHOSEN, "treatments": ["none"]}
    )
    assert "fn=7" in found.record.goal
    assert "fp=3" in found.record.goal


def test_a_rule_survives_its_record():
    rule = ClassRule("f1", (1.0, 2.5, 0.4))
    assert ClassRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    priced = ClassGoal(matrix=CostMatrix([[0, 1], [2, 0]])).rule(np.array([0, 1]), np.full((2, 2), 0.5))
    assert ClassRule.from_dict(json.loads(json.dumps(priced.to_dict()))) == priced
    with pytest.raises(ModelError, match="rule"):
        ClassRule.from_dict({"goal": "f1"})


def test_a_rule_helps_the_rare_classes():
    rng = np.random.default_rng(1)
    codes = rng.choice(3, 9000, p=[0.9, 0.06, 0.04])
    odds = np.log([0.9, 0.06, 0.04]) + 1.5 * np.eye(3)[codes] + rng.normal(size=(9000, 3))
    proba = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    drawn, fresh = slice(0, 5000), slice(5000, None)
    rule = ClassGoal(Goal("f1")).rule(codes[drawn], proba[drawn])
    ours = sk.f1_score(codes[fresh], rule.decide(proba[fresh]), average="macro")
    assert ours > sk.f1_score(codes[fresh], proba[fresh].argmax(axis=1), average="macro") + 0.01


# --- splits ------------------------------------------------------------------------------------------------------


def test_time_and_groups():
    for roles in ({"time": "at", "drop": ["machine"]}, {"group": "machine", "drop": ["at"]}):
        rows = cp.read(faults(1200), target="fault", **roles)
        found = cp.compare(rows, folds=3, **{**CHOSEN, "treatments": ["none"]})
        assert found.record.candidates[0].metrics["macro_f1"].value > 0.5


def test_a_class_that_is_not_there_to_learn_from_is_refused():
    frame = (
        faults(900)
        .with_columns(
            fault=pl.when(pl.int_range(pl.len()) > 600).then(pl.col("fault")).otherwise(pl.lit("fine"))
        )
        .with_columns(
            fault=pl.when(pl.int_range(pl.len()) % 90 == 0).then(pl.lit("worn")).otherwise(pl.col("fault"))
        )
    )
    with pytest.raises(NotApplicable, match="does not occur in the training part"):
        cp.compare(cp.read(frame, target="fault", time="at", drop=["machine"]), **CHOSEN)


def test_too_few_rows_of_a_class_are_refused():
    frame = faults().with_columns(
        fault=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("odd")).otherwise("fault")
    )
    with pytest.raises(NotApplicable, match="rarest class"):
        cp.compare(cp.read(frame, target="fault", drop=["machine", "at"]), **CHOSEN)


# --- the model ---------------------------------------------------------------------------------------------------


def test_the_bundle_decides_the_same(trial, table, tmp_path):
    model = cp.load(trial.champion.save(tmp_path / "model"))
    decided = model.decide(table.frame)
    assert decided.equals(trial.champion.decide(table.frame))
    assert decided.columns == [
        "row",
        *(f"probability_{label}" for label in table.labels),
        "label",
        "goal",
        "version",
    ]
    assert model.rule == trial.champion.rule
    assert (model.predict(table.frame) == decided["label"].to_numpy()).all()
    assert "Weights" in (tmp_path / "model" / "card.md").read_text()
    with pytest.raises(NotApplicable, match="4 classes"):
        model.with_threshold(0.5)


def test_numbers_as_labels(tmp_path):
    frame = faults().with_columns(fault=pl.col("fault").replace_strict(LABELS, [3, 1, 2, 9]), site=None)
    found = cp.compare(
        cp.read(frame.drop("machine", "at", "site"), target="fault"), **{**CHOSEN, "treatments": ["none"]}
    )
    assert set(cp.load(found.champion.save(tmp_path / "m")).predict(frame)) <= {1, 2, 3, 9}


def test_known_rows_are_judged_by_models_that_had_not_seen_them(trial, table):
    found = evaluate_model(trial.champion, table)
    assert "had not seen" in found["basis"]
    assert found["figures"]["macro_f1"]["value"] == champion(trial).metrics["macro_f1"].value
    fresh = evaluate_model(trial.champion, cp.read(faults(700, 9), target="fault"))
    assert fresh["basis"].startswith("new rows")
    assert fresh["figures"]["macro_f1"]["value"] > 0.5
    assert [each["label"] for each in fresh["classes"]] == [str(label) for label in table.labels]
    with pytest.raises(ModelError, match="lost"):
        evaluate_model(
            trial.champion,
            cp.read(faults().with_columns(fault=pl.col("fault").replace("torn", "lost")), target="fault"),
        )


def test_the_report_shows_each_class(trial):
    page = render(TrialRecord.model_validate_json(trial.record.model_dump_json()))
    assert 'id="classes"' in page
    assert page.count("as <bdi>burnt</bdi>") == 1
    assert 'id="line"' not in page


# --- the command line --------------------------------------------------------------------------------------------


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def test_from_the_command_line(tmp_path, capsys):
    table, costs, out = tmp_path / "faults.csv", tmp_path / "costs.csv", tmp_path / "out"
    faults().drop("at", "machine").write_csv(table)
    pl.DataFrame({"truth": LABELS, **dict(zip(LABELS, np.array(COSTS).T.tolist(), strict=True))}).write_csv(
        costs
    )
    words = ["--treatments", "none", "--learners", "logistic", "--workers", 0, "--repeats", 1]
    code, said, _ = call(
        capsys, "compare", table, "--target", "fault", "--cost-matrix", costs, "--out", out, *words
    )
    assert code == 0
    assert "class by class" in said
    assert "burnt" in said
    code, said, _ = call(
        capsys, "predict", out / "model", table, "--out", tmp_path / "p.csv", "--out-of-fold"
    )
    assert code == 0
    scored = pl.read_csv(tmp_path / "p.csv")
    assert scored["out_of_fold"].all()
    assert {f"probability_{label}" for label in LABELS} < set(scored.columns)
    code, said, _ = call(capsys, "evaluate", out / "model", table, "--target", "fault")
    assert code == 0
    assert "cost" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be used"),
        ("t,a,b\na,0,1\nc,1,0", "its rows are a, c"),
        ("t,a,b\na,0,x\nb,1,0", "cannot be used"),
    ],
)
def test_a_wrong_cost_matrix_is_refused(tmp_path, capsys, text, said):
    table, costs = tmp_path / "faults.csv", tmp_path / "costs.csv"
    faults(200).drop("at", "machine").write_csv(table)
    costs.write_text(text)
    code, _, error = call(
        capsys, "compare", table, "--target", "fault", "--cost-matrix", costs, "--out", tmp_path / "out"
    )
    assert code == 2
    assert said in error


# --- costs as weights --------------------------------------------------------------------------------------------


def test_costs_of_the_goal_weigh_the_rows(table):
    found = cp.compare(table, CostMatrix(COSTS, LABELS), **{**CHOSEN, "treatments": ["none", "cost_weight"]})
    weighed = next(each for each in found.record.candidates if each.treatment == "cost_weight")
    assert weighed.status == "run"
    assert weighed.metrics["mean_ratio"].value == pytest.approx(1, abs=0.15)


def test_costs_by_class():
    assert class_costs(Goal("cost(fn=100, fp=1)")) == (1.0, 100.0)
    assert class_costs(Goal("cost(fn=100, fp=1, tp=-5)")) == (1.0, 105.0)
    assert class_costs(Goal("cost(fn=amount, fp=1)")) is None
    assert class_costs(Goal("f1")) is None
    assert class_costs(ClassGoal(Goal("f1"))) is None
    assert class_costs(ClassGoal(matrix=CostMatrix([[0, 2, 4], [1, 0, 1], [9, 9, 0]]))) == (3.0, 1.0, 9.0)


def test_other_costs_are_another_candidate():
    keys = {Candidate("cost_weight", "logistic", costs=costs).key for costs in (None, (1.0, 2.0), (1.0, 3.0))}
    assert len(keys) == 3


def test_the_blend_joins_in(table, monkeypatch):
    monkeypatch.setattr(
        "counterpoise.evaluate.candidates.default_learners", lambda: ("logistic", "balanced_forest", "forest")
    )
    found = cp.compare(table, **{**CHOSEN, "treatments": ["none"], "learners": None})
    board = {row["candidate"]: row for row in found.leaderboard().to_dicts()}
    assert board["blend"]["status"] == "run"
    assert board["blend"]["log_loss"] < max(board["logistic"]["log_loss"], board["forest"]["log_loss"])


def test_a_blend_that_ships_mixes_its_members():
    rng = np.random.default_rng(0)
    members = [_Fixed(rng.dirichlet(np.ones(3), 5)) for _ in range(2)]
    blend = BlendClassifier.of(members, ["a", "b"], np.array([0.3, 0.7]), np.array([0.0, 0.2, -0.1]))
    expected = np.exp(0.3 * np.log(members[0].proba) + 0.7 * np.log(members[1].proba) + [0.0, 0.2, -0.1])
    scores = blend.predict_proba(np.zeros((5, 1)))
    assert scores == pytest.approx(expected / expected.sum(axis=1, keepdims=True))


class _Fixed:
    n_features_in_ = 1
    classes_ = np.arange(3)

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, X):
        return self.proba
