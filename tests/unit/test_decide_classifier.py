"""The Decider: lines from out-of-fold probabilities, fixed lines, costs of rows, several classes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from counterpoise.calibrate import out_of_fold
from counterpoise.decide import CostMatrix, Decider, Goal, ThresholdCurve
from counterpoise.errors import CounterpoiseError, InputError, NotApplicable, OptionError


def rare(seed: int, n: int = 4000, line: float = 2.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=n) > line).astype(int)


@pytest.mark.parametrize("goal", ["f1", "mcc", "recall>=0.8", "cost(fn=20, fp=1)", "alerts<=5%"])
def test_line_is_the_best_out_of_fold(goal: str, seed: int) -> None:
    X, y = rare(seed)
    model = Decider(LogisticRegression(), goal, steady=False).fit(X, y)
    proba, _ = out_of_fold(LogisticRegression(), X, y)
    assert model.operating_point_ == ThresholdCurve.from_scores(y, proba[:, 1]).best(goal)
    assert (model.predict(X) == (model.predict_proba(X)[:, 1] >= model.threshold_)).all()


def test_better_than_one_half_on_new_rows(seed: int) -> None:
    X, y = rare(seed)
    Z, v = rare(seed + 1)
    plain = f1_score(v, LogisticRegression().fit(X, y).predict(Z))
    assert f1_score(v, Decider(LogisticRegression(), "f1").fit(X, y).predict(Z)) > plain


def test_confidence_moves_the_line_down(seed: int) -> None:
    X, y = rare(seed)
    sure = Decider(LogisticRegression(), "recall>=0.8", confidence=0.95).fit(X, y)
    hopeful = Decider(LogisticRegression(), "recall>=0.8").fit(X, y)
    assert sure.threshold_ < hopeful.threshold_
    assert sure.operating_point_.constraints[0].bound >= 0.8


def test_fixed_line_and_prefit(seed: int) -> None:
    X, y = rare(seed)
    fixed = Decider(LogisticRegression(), threshold=0.2).fit(X, y)
    assert fixed.threshold_ == 0.2
    inner = LogisticRegression().fit(X[:2000], y[:2000])
    prefit = Decider(inner, "f1", cv="prefit").fit(X[2000:], y[2000:])
    frozen = Decider(FrozenEstimator(inner), "f1").fit(X[2000:], y[2000:])
    assert prefit.classifier_ is inner
    assert prefit.threshold_ == frozen.threshold_


def test_positive_label_of_any_kind(seed: int) -> None:
    X, y = rare(seed)
    words = np.array(["a_fraud", "fine"])[1 - y]
    model = Decider(LogisticRegression(), "recall>=0.8", positive="a_fraud").fit(X, words)
    same = Decider(LogisticRegression(), "recall>=0.8").fit(X, y)
    assert model.threshold_ == pytest.approx(same.threshold_, rel=1e-4)
    assert ((model.predict(X) == "a_fraud") == (same.predict(X) == 1)).all()
    with pytest.raises(OptionError, match="positive='other' was given"):
        Decider(LogisticRegression(), positive=np.str_("other")).fit(X, words)


def test_costs_of_rows(seed: int) -> None:
    X, y = rare(seed)
    amount = np.random.default_rng(seed).exponential(100, y.shape[0])
    model = Decider(LogisticRegression(), "cost(fn=amount, fp=5)").fit(X, y, row_costs=amount)
    one_line = np.where(y == 1, amount * (model.predict(X) == 0), 5.0 * model.predict(X)).mean()
    own = model.predict(X, row_costs={"amount": amount})
    own_lines = np.where(y == 1, amount * (own == 0), 5.0 * own).mean()
    assert own_lines < one_line
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "amount": amount})
    assert (
        Decider(LogisticRegression(), "cost(fn=amount, fp=5)").fit(frame, y).operating_point_.metric == "cost"
    )
    with pytest.raises(InputError, match="amount"):
        Decider(LogisticRegression(), "cost(fn=amount, fp=5)").fit(X, y)
    with pytest.raises(InputError, match="no column"):
        Decider(LogisticRegression(), "f1").fit(X, y).predict(X, row_costs=amount)


def test_costs_of_rows_are_routed(seed: int) -> None:
    X, y = rare(seed, n=1500, line=1.5)
    amount = np.random.default_rng(seed).exponential(100, 1500)
    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            Decider(LogisticRegression(), "cost(fn=amount, fp=5)")
            .set_fit_request(row_costs=True)
            .set_score_request(sample_weight=False)
        )
        search = GridSearchCV(model, {"classifier__C": [0.1, 1.0]}, cv=3).fit(X, y, row_costs=amount)
        assert search.best_estimator_.operating_point_.value > 0
        direct = Decider(LogisticRegression(C=search.best_params_["classifier__C"]), "cost(fn=amount, fp=5)")
        direct.set_fit_request(row_costs=True).fit(X, y, row_costs=amount)
        assert direct.threshold_ == search.best_estimator_.threshold_


def test_cost_matrix_of_two_classes_is_the_cost_goal(seed: int) -> None:
    X, y = rare(seed)
    matrix = Decider(LogisticRegression(), CostMatrix.binary(fn=20, fp=1)).fit(X, y)
    goal = Decider(LogisticRegression(), "cost(fn=20, fp=1)").fit(X, y)
    assert matrix.threshold_ == goal.threshold_
    gains = Decider(LogisticRegression(), CostMatrix([[0, 1], [-5, -25]])).fit(X, y)
    assert gains.threshold_ == goal.threshold_


def test_alerts_per_day_need_days(seed: int) -> None:
    X, y = rare(seed)
    days = np.arange(4000) // 400
    model = Decider(LogisticRegression(), "alerts<=20/day").fit(X, y, days=days)
    point = model.operating_point_
    assert point.tp + point.fp <= 200
    with pytest.raises(InputError, match="n_days"):
        Decider(LogisticRegression(), "alerts<=20/day").fit(X, y)


def test_unreachable_goal_raises_or_comes_near(seed: int) -> None:
    X, y = rare(seed, n=600)
    with pytest.raises(NotApplicable, match="cannot be reached"):
        Decider(LogisticRegression(), "precision>=0.99", confidence=0.99).fit(X, y)
    near = Decider(LogisticRegression(), "precision>=0.99", confidence=0.99, nearest=True).fit(X, y)
    assert not near.operating_point_.met


# --- several classes ---------------------------------------------------------------------------------------


def three(seed: int, n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, np.digitize(X[:, 0] + 0.7 * rng.normal(size=n), [1.0, 2.0])


@pytest.mark.parametrize(
    ("goal", "score"),
    [("f1", lambda y, d: f1_score(y, d, average="macro")), ("balanced_accuracy", balanced_accuracy_score)],
)
def test_several_classes_serve_a_macro_figure(goal: str, score: object, seed: int) -> None:
    X, y = three(seed)
    Z, v = three(seed + 1)
    plain = score(v, LogisticRegression().fit(X, y).predict(Z))  # type: ignore[operator]
    assert score(v, Decider(LogisticRegression(), goal).fit(X, y).predict(Z)) > plain  # type: ignore[operator]


def test_sweep_finds_what_a_grid_finds(seed: int) -> None:
    from counterpoise.decide.classes import class_weights_for, decide_classes

    rng = np.random.default_rng(seed)
    p = rng.dirichlet([4, 1, 1], 300)
    y = np.array([rng.choice(3, p=row) for row in p])
    weights = class_weights_for(Goal("f1"), y, p)
    ours = f1_score(y, decide_classes(p, weights), average="macro")
    grid = [(1.0, a, b) for a in np.geomspace(0.1, 10, 12) for b in np.geomspace(0.1, 10, 12)]
    best = max(f1_score(y, decide_classes(p, np.array(w)), average="macro") for w in grid)
    assert ours >= best - 0.02


def test_cost_matrix_of_several_classes(seed: int) -> None:
    X, y = three(seed)
    costs = np.array([[0, 1, 1], [5, 0, 1], [50, 10, 0]])
    model = Decider(LogisticRegression(), CostMatrix(costs)).fit(X, y)
    plain = LogisticRegression().fit(X, y).predict(X)
    assert costs[y, model.predict(X)].mean() < costs[y, plain].mean()


def test_class_absent_from_a_fold(seed: int) -> None:
    X, y = three(seed)
    y = y.copy()
    y[0] = 9
    model = Decider(LogisticRegression(), "f1").fit(X, y)
    assert model.class_weights_.shape == (4,)
    assert set(model.predict(X)) <= {0, 1, 2, 9}


@pytest.mark.parametrize("goal", ["recall>=0.8", "mcc", "cost(fn=1, fp=1)", "f1 | precision>=0.5"])
def test_goals_of_two_classes_only(goal: str, seed: int) -> None:
    X, y = three(seed, n=400)
    with pytest.raises(NotApplicable, match="more than two classes"):
        Decider(LogisticRegression(), goal).fit(X, y)
    with pytest.raises(NotApplicable, match="two classes"):
        Decider(LogisticRegression(), "f1", threshold=0.3).fit(X, y)


# --- in company --------------------------------------------------------------------------------------------


def test_works_inside_scikit_learn(seed: int) -> None:
    X, y = rare(seed, n=1500, line=1.2)
    model = Decider(LogisticRegression(), "f1")
    assert cross_val_score(model, X, y, cv=3, scoring="f1").min() > 0.3
    assert clone(model).get_params()["goal"] == "f1"
    w = np.where(y == 1, 3.0, 1.0)
    assert model.fit(X, y, w).operating_point_.tp > 0


@pytest.mark.parametrize("y", [np.zeros(100, int), np.r_[np.zeros(99, int), 1]])
def test_one_class_or_a_single_positive(y: np.ndarray) -> None:
    with pytest.raises(CounterpoiseError):
        Decider(LogisticRegression()).fit(np.arange(100.0)[:, None], y)
