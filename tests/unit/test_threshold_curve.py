"""The threshold curve: counts, lines, limits with confidence, and what is said where none holds."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from scipy.stats import binom, norm

from counterpoise.decide import (
    Goal,
    OperatingPoint,
    ThresholdCurve,
    point_at,
    reweighted,
    with_costs,
    with_prior,
)
from counterpoise.errors import InputError, NotApplicable


def rare(seed: int, n: int = 4000, rate: float = 0.03) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < rate
    return y.astype(int), 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * y - 4)))


def test_counts_of_a_small_table() -> None:
    curve = ThresholdCurve.from_scores([0, 0, 1, 1, 0], [0.1, 0.4, 0.35, 0.8, 0.8])
    assert curve.thresholds.tolist() == [np.inf, 0.8, 0.4, 0.35, 0.1]
    assert curve.tp.tolist() == [0, 1, 1, 2, 2]
    assert curve.fp.tolist() == [0, 1, 2, 2, 3]
    assert curve.fn.tolist() == [2, 1, 1, 0, 0]
    assert curve.tn.tolist() == [3, 2, 1, 1, 0]
    assert curve.at(0.5) == {"tp": 1, "fp": 1, "fn": 1, "tn": 2}
    assert curve.at(-1.0) == {"tp": 2, "fp": 3, "fn": 0, "tn": 0}
    assert curve.at(np.inf) == {"tp": 0, "fp": 0, "fn": 2, "tn": 3}


def test_infinite_scores_are_lines_and_nobody_is_still_nobody() -> None:
    curve = ThresholdCurve.from_scores([1, 0, 1, 0], [np.inf, np.inf, 0.0, -np.inf])
    assert curve.tp.tolist() == [0, 1, 2, 2]
    assert curve.fp.tolist() == [0, 1, 1, 2]


def test_undefined_figures_are_nan(seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    assert np.isnan(curve.precision()[0])
    assert np.isnan(curve.mcc()[[0, -1]]).all()
    assert curve.f_beta(2.0)[0] == 0.0
    assert curve.recall()[[0, -1]].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("goal", ["f1", "f2", "f0.5", "mcc", "gmean", "balanced_accuracy", "accuracy"])
def test_best_line_is_the_best_of_all(goal: str, seed: int) -> None:
    y, s = rare(seed)
    curve = ThresholdCurve.from_scores(y, np.round(s, 2))
    point = curve.best(goal)
    assert point.value == pytest.approx(np.nanmax(curve.metric(goal)), abs=1e-12)
    assert point.lower <= point.value <= point.upper
    counts = curve.at(point.threshold)
    assert counts == {"tp": point.tp, "fp": point.fp, "fn": point.fn, "tn": point.tn}


@pytest.mark.parametrize(("limit", "objective"), [("recall>=0.7", "precision"), ("precision>=0.3", "recall")])
def test_limit_at_face_value_is_the_best_allowed_line(limit: str, objective: str, seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    metric, least = limit.split(">=")
    allowed = curve.metric(metric) >= float(least)
    assert curve.best(limit).value == pytest.approx(np.nanmax(curve.metric(objective)[allowed]))


def test_alert_budgets(seed: int) -> None:
    y, s = rare(seed)
    curve = ThresholdCurve.from_scores(y, s)
    assert curve.best("alerts<=50").tp + curve.best("alerts<=50").fp <= 50
    assert curve.best("alerts<=50/day", n_days=3).tp == curve.best("alerts<=150").tp
    assert curve.best("alerts<=1%").tp == curve.best("alerts<=40").tp
    with pytest.raises(InputError, match="n_days"):
        curve.best("alerts<=50/day")
    with pytest.raises(InputError, match=r"n_days=-1\.0 was given"):
        curve.best("alerts<=50/day", n_days=np.float64(-1))


def test_objective_under_several_limits(seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    point = curve.best("f2 | precision>=0.2, alerts<=200")
    assert point.metric == "f2"
    assert [limit.met for limit in point.constraints] == [True, True]
    assert point.precision >= 0.2
    assert point.tp + point.fp <= 200


def test_line_has_room_for_rounding(seed: int) -> None:
    y, s = rare(seed)
    point = ThresholdCurve.from_scores(y, s).best("f1")
    alerted = s >= point.threshold
    assert (alerted == (s * (1 - 1e-12) >= point.threshold)).all()
    assert alerted.sum() == point.tp + point.fp


def test_no_line_where_floats_touch() -> None:
    low = 0.5
    high = np.nextafter(low, 1)
    point = ThresholdCurve.from_scores([0, 0, 1], [low, low, high]).best("f1")
    assert point.threshold == high


@pytest.mark.parametrize("goal", ["f1", "cost(fn=30, fp=1)"])
def test_steady_line_does_better_on_new_rows(goal: str, seed: int) -> None:
    rng, gained = np.random.default_rng(seed), []
    y = np.r_[np.ones(40, int), np.zeros(3000, int)]
    far = ThresholdCurve.from_scores(*(lambda v: (v, rng.normal(size=v.size) + 2.5 * v))(np.tile(y, 50)))
    for _ in range(60):
        curve = ThresholdCurve.from_scores(y, rng.normal(size=y.shape[0]) + 2.5 * y)
        lines = [curve.best(goal, steady=steady).threshold for steady in (False, True)]
        exact, steady = (point_at(far, line, Goal(goal)).value for line in lines)
        gained.append((steady - exact) * (1 if goal == "f1" else -1))
    assert np.mean(gained) > 0


def test_steady_line_is_as_weighted_and_leaves_limits_alone(seed: int) -> None:
    y, s = rare(seed)
    curve, doubled = (
        ThresholdCurve.from_scores(y, s),
        ThresholdCurve.from_scores(y, s, np.full(y.shape[0], 2.0)),
    )
    assert curve.best("f1", steady=True).threshold == doubled.best("f1", steady=True).threshold
    assert curve.best("recall>=0.8", steady=True) == curve.best("recall>=0.8")
    again = curve.best("f1", steady=True)
    assert again == curve.best("f1", steady=True)
    assert again.value <= curve.best("f1").value


# --- confidence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_positive", [20, 50, 100, 500])
def test_recall_line_is_the_exact_order_statistic(n_positive: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    s = np.r_[rng.random(n_positive), np.full(50, -1.0)]
    y = np.r_[np.ones(n_positive, int), np.zeros(50, int)]
    point = ThresholdCurve.from_scores(y, s).best(Goal("recall>=0.8", confidence=0.95))
    least = next(k for k in range(n_positive + 1) if binom.sf(k - 1, n_positive, 0.8) <= 0.05)
    assert point.tp >= least
    assert point.constraints[0].bound >= 0.8


@pytest.mark.parametrize(
    ("goal", "n_positive", "n_negative"),
    [
        ("recall>=0.8", 20, 500),
        ("recall>=0.8", 100, 500),
        ("fpr<=0.02", 30, 400),
        ("precision>=0.5", 400, 8000),
    ],
)
def test_goal_holds_with_its_confidence(goal: str, n_positive: int, n_negative: int, seed: int) -> None:
    rng, draws, missed, answered = np.random.default_rng(seed + 7), 300, 0, 0
    y = np.r_[np.ones(n_positive, int), np.zeros(n_negative, int)]
    for _ in range(draws):
        s = rng.normal(size=y.shape[0]) + 2.2 * y
        try:
            line = ThresholdCurve.from_scores(y, s).best(goal, confidence=0.95).threshold
        except NotApplicable:
            continue
        answered += 1
        recall, fpr = norm.sf(line - 2.2), norm.sf(line)
        share = n_positive * recall / (n_positive * recall + n_negative * fpr)
        missed += {"r": recall < 0.8, "f": fpr > 0.02, "p": share < 0.5}[goal[0]]
    assert answered > 0.5 * draws
    assert missed <= binom.ppf(0.9999, draws, 0.05)


def test_face_value_misses_far_more_often(seed: int) -> None:
    rng, missed = np.random.default_rng(seed), 0
    y = np.r_[np.ones(50, int), np.zeros(500, int)]
    for _ in range(100):
        line = ThresholdCurve.from_scores(y, rng.normal(size=550) + 2.2 * y).best("recall>=0.8").threshold
        missed += norm.sf(line - 2.2) < 0.8
    assert missed > 30


def test_worst_cost_is_at_least_the_cost(seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    worst, plain = curve.best("worst_cost(fn=50, fp=1)", confidence=0.95), curve.best("cost(fn=50, fp=1)")
    assert worst.value > plain.value
    assert worst.threshold <= plain.threshold


# --- out of reach ------------------------------------------------------------------------------------------


def test_too_few_positives_says_how_many_would_do() -> None:
    curve = ThresholdCurve.from_scores([1] * 10 + [0] * 50, np.arange(60)[::-1])
    with pytest.raises(NotApplicable) as caught:
        curve.best(Goal("recall>=0.8", confidence=0.95))
    assert "10 positives" in caught.value.given
    needed = int(re.search(r"about (\d+) positives", caught.value.hint)[1])  # type: ignore[index]
    assert needed == 14  # the least n with 0.8 ** n <= 0.05


def test_goal_no_line_reaches_says_so(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = (rng.random(2000) < 0.05).astype(int)
    with pytest.raises(NotApplicable, match="More rows would not help"):
        ThresholdCurve.from_scores(y, np.round(rng.random(2000), 1)).best("precision>=0.9")


def test_nearest_line_is_flagged() -> None:
    curve = ThresholdCurve.from_scores([1] * 10 + [0] * 50, np.arange(60)[::-1])
    point = curve.best(Goal("recall>=0.8", confidence=0.95), nearest=True)
    assert not point.met
    assert point.reason
    assert point.recall == 1.0
    assert not point.constraints[0].met


@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_one_class_has_no_line(y: list[int]) -> None:
    with pytest.raises(NotApplicable, match="both classes"):
        ThresholdCurve.from_scores(y, [0.1, 0.2, 0.3]).best("f1")


# --- costs of rows -----------------------------------------------------------------------------------------


def test_costs_of_rows_are_summed_exactly(seed: int) -> None:
    y, s = rare(seed, n=800)
    amount = np.random.default_rng(seed).exponential(100, 800)
    point = ThresholdCurve.from_scores(y, s).best("cost(fn=amount, fp=5, tp=1)", row_costs=amount)
    lines = np.r_[np.inf, np.unique(s)]
    cost = [np.where(y == 1, np.where(s >= t, 1, amount), np.where(s >= t, 5, 0)).mean() for t in lines]
    assert point.value == pytest.approx(min(cost))
    same = ThresholdCurve.from_scores(y, s, columns={"amount": amount}).best("cost(fn=amount, fp=5, tp=1)")
    assert same == point


@pytest.mark.parametrize(
    ("row_costs", "match"),
    [(None, "amount"), ({"other": [1.0] * 800}, "amount"), ([1.0] * 3, "800"), (-np.ones(800), "negative")],
)
def test_costs_of_rows_that_do_not_fit(row_costs: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        ThresholdCurve.from_scores(*rare(0, n=800)).best("cost(fn=amount, fp=5)", row_costs=row_costs)


# --- records -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", ["f1", "cost(fn=1, fp=1000)", "recall>=0.5"])
def test_point_survives_json(goal: str, seed: int) -> None:
    point = ThresholdCurve.from_scores(*rare(seed, n=500)).best(goal)
    record = json.loads(json.dumps(point.to_dict(), allow_nan=False))
    assert OperatingPoint.from_dict(record) == point or np.isinf(point.threshold)
    assert OperatingPoint.from_dict(record).threshold == point.threshold


def test_fingerprint_follows_the_data(seed: int) -> None:
    y, s = rare(seed, n=500)
    first = ThresholdCurve.from_scores(y, s).best("f1").fingerprint
    order = np.random.default_rng(seed).permutation(500)
    assert ThresholdCurve.from_scores(y[order], s[order]).best("mcc").fingerprint == first
    s[3] += 0.001
    assert ThresholdCurve.from_scores(y, s).best("f1").fingerprint != first


def test_fixed_line_is_judged(seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    strict = point_at(curve, 0.9, Goal("recall>=0.8"))
    assert strict.threshold == 0.9
    assert not strict.met
    assert point_at(curve, 0.001, Goal("recall>=0.8")).met


# --- moves -------------------------------------------------------------------------------------------------


def test_line_moves_with_the_prior(seed: int) -> None:
    y, s = rare(seed)
    curve = ThresholdCurve.from_scores(y, s)
    old = float(y.mean())
    cost = curve.best("cost(fn=20, fp=1)")
    assert with_prior(cost, old, 0.2).threshold == cost.threshold
    recall = with_prior(curve.best("recall>=0.8"), old, 0.2)
    from counterpoise.calibrate import change_prior

    moved = change_prior(s, old, 0.2)
    assert ((moved >= recall.threshold) == (s >= curve.best("recall>=0.8").threshold)).all()
    f1 = with_prior(curve.best("f1"), old, 0.2, curve=curve)
    assert (f1.version, len(f1.history)) == (1, 1)
    share = reweighted(curve, 0.2)
    assert share.tp[-1] / (share.tp[-1] + share.fp[-1]) == pytest.approx(0.2)
    assert f1.value == pytest.approx(np.nanmax(share.f_beta(1.0)))
    with pytest.raises(NotApplicable, match="curve"):
        with_prior(curve.best("f1"), old, 0.2)


def test_line_moves_with_the_costs(seed: int) -> None:
    curve = ThresholdCurve.from_scores(*rare(seed))
    point = curve.best("f1")
    assert with_costs(point, fn=99, fp=1).threshold == pytest.approx(0.01)
    assert with_costs(point, np.float64(99), np.int64(1)) == with_costs(point, 99, 1)
    drawn = with_costs(point, fn=99, fp=1, curve=curve)
    assert drawn.value == curve.best("cost(fn=99, fp=1)").value
    assert drawn.goal == "cost(fn=99, fp=1)"
