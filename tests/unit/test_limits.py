"""The goal's figure at the best line within its limits, against the exact curve."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.decide import Goal, ThresholdCurve
from counterpoise.decide.goal import _LIMITS, _OBJECTIVES
from counterpoise.evaluate.figures import Figures, goal_costs, goal_figure
from counterpoise.evaluate.judging import Case, Judged
from counterpoise.evaluate.limits import drawn_within_limits
from counterpoise.evaluate.racing import drawn_goal
from counterpoise.split import stratified_folds

GOALS = [
    "recall>=0.8",
    "precision>=0.5",
    "fpr<=0.1",
    "specificity>=0.9",
    "alerts<=60",
    "alerts<=5%",
    "f1 | recall>=0.7",
    "recall | precision>=0.4, alerts<=200",
    "cost(fn=20, fp=1) | recall>=0.6",
]


def drawn(goal, seed=0, weights=None, n_draws=20):
    rng = np.random.default_rng(seed)
    y = (rng.random(900) < 0.1).astype(np.int8)
    proba = 1 / (1 + np.exp(-(1.7 * y + rng.normal(size=900) - 2)))
    case = Case(y, stratified_folds(y, 5), Goal(goal), weights)
    judged = {"it": Judged(proba, proba > 0.5, np.full(5, 0.5), None, None)}
    found = drawn_within_limits(
        case,
        judged,
        goal_figure(case.goal),
        costs=goal_costs(case, case.judging),
        n_positive=float(y.sum()),
        groups=None,
        n_draws=n_draws,
        random_state=0,
    )
    return found, y, proba, case.goal


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_the_best_point_of_the_exact_curve(goal, weighted):
    weights = np.random.default_rng(1).integers(1, 4, 900).astype(float) if weighted else None
    found, y, proba, parsed = drawn(goal, weights=weights)
    best = ThresholdCurve.from_scores(y, proba, weights).best(parsed)
    assert found.values["it"][goal_figure(parsed)] == pytest.approx(best.value)


@pytest.mark.parametrize("goal", GOALS)
def test_every_draw_is_that_of_its_own_weights(goal):
    """The spread over draws is about that over new samples: the line is drawn anew each time."""
    found, _, _, parsed = drawn(goal, n_draws=400)
    over_samples = [
        drawn(goal, seed=k, n_draws=2)[0].values["it"][goal_figure(parsed)] for k in range(1, 120)
    ]
    spread = found.drawn["it"][goal_figure(parsed)].std()
    assert 0.4 * np.std(over_samples) < spread < 2.5 * np.std(over_samples)


OF_EACH_KIND = [
    *_OBJECTIVES,
    *(f"{name}{sign}{40 if name == 'alerts' else 0.5}" for name, sign in _LIMITS.items()),
    "f1",
    "f0.5",
    "f3",
    "cost(fn=20, fp=1)",
    "worst_cost(fn=20, fp=1)",
]


@pytest.mark.parametrize("goal", OF_EACH_KIND)
def test_every_goal_has_its_figure_with_an_interval(goal):
    """Whatever a goal names is drawn, for the leaderboard and for the race: nothing is known by name only once."""
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.2).astype(np.int8)
    proba = 1 / (1 + np.exp(-(1.7 * y + rng.normal(size=400) - 2)))
    case = Case(y, stratified_folds(y, 5), Goal(goal))
    found = Figures.of(case, {"it": Judged(proba, proba > 0.3, np.full(5, 0.3), None, None)}).estimates("it")[
        "goal"
    ]
    assert found.lower <= found.value <= found.upper
    metric = goal_figure(case.goal)
    assert drawn_goal(case, {"it": Judged(proba, proba > 0.3, np.full(5, 0.3), None, None)}, 2).values["it"][
        metric
    ] == pytest.approx(found.value)
