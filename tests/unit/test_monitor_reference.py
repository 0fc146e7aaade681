"""What the monitor takes from a bundle: costs, budget, and how well training's probabilities held."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.monitor import Bins, Reference, Rules, reference_from
from counterpoise.monitor.prevalence import shift_range
from counterpoise.monitor.reference import odds_range

SCHEMA = {
    "features": [
        {"name": "amount", "histogram": {"edges": [1.0], "levels": [], "counts": [5.0, 5.0, 0.0]}},
        {"name": "day", "histogram": None},
    ],
    "scores": {"edges": [0.1, float(np.nextafter(0.5, 0))], "levels": [], "counts": [900.0, 80.0, 20.0, 0.0]},
}


def point(goal, **more):
    return {
        "threshold": 0.5,
        "goal": goal,
        "n_positive": 30,
        "tp": 15.0,
        "fp": 5.0,
        "fn": 15.0,
        "tn": 965.0,
    } | more


@pytest.mark.parametrize(
    ("goal", "costs", "budget"),
    [
        ("f1", None, None),
        ("cost(fn=100, fp=1)", {"fn": 100.0, "fp": 1.0}, None),
        ("cost(fn=amount, fp=1)", None, None),
        ("alerts<=40/day", None, 40.0),
        ("alerts<=40", None, None),
        ("line=0.2", None, None),
    ],
)
def test_costs_and_budget_are_those_of_the_goal(goal, costs, budget):
    reference = reference_from(SCHEMA, point(goal), 0.03)
    assert reference.costs == costs
    assert reference.alerts_a_day == budget


def test_figures_of_training_are_read_and_absent_ones_are_absent():
    reference = reference_from(SCHEMA, point("f1"), 0.03)
    assert (reference.recall, reference.precision, reference.alert_rate) == (0.5, 0.75, 0.02)
    assert reference.features["day"] is None
    assert reference.features["amount"] == Bins(edges=[1.0], counts=[5.0, 5.0, 0.0])
    moved = reference_from(SCHEMA | {"scores": None}, point("f1", tp=None, fp=None, fn=None, tn=None), 0.03)
    assert (moved.recall, moved.precision, moved.alert_rate) == (None, None, None)


def test_probabilities_that_held_leave_a_narrow_range_around_one(seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 20, 200_000)
    low, high = odds_range(p, rng.random(len(p)) < p)
    assert 0.9 < low <= 1.0 <= high < 1.1


def test_probabilities_that_were_half_of_the_truth_are_known_to_be(seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 40, 200_000)
    low, high = odds_range(p, rng.random(len(p)) < 2 * p)
    assert low == 1.0
    assert 1.9 < high < 2.4


def test_few_positives_leave_a_wide_range_and_none_an_open_one():
    p = np.full(1000, 0.003)
    y = np.zeros(1000)
    assert odds_range(p, y)[0] == pytest.approx(1e-3)
    assert 1.5 < odds_range(p, y)[1] < 2.0  # none seen, 3 foretold: up to 5.3 may have been meant
    y[:3] = 1
    low, high = odds_range(p, y)
    assert low < 0.2
    assert high > 3
    assert odds_range(p[:0], y[:0]) == (1.0, 1.0)


def test_the_tolerated_share_of_positives_holds_the_base_rate():
    for n in (1, 3, 50, 5000):
        low, high = shift_range(Reference(base_rate=0.01, n_positive=n, threshold=0.5), Rules())
        assert 0 <= low < 0.01 < high < 1


def test_bins_are_named_by_what_they_hold():
    names = Bins(edges=[0.0, 1.5], counts=[1, 1, 1, 0]).names
    assert names == ["up to 0", "0 to 1.5", "above 1.5", "missing"]
    assert Bins(levels=["a"], counts=[1, 1, 0]).names == ["a", "other", "missing"]
    assert Bins(counts=[3, 0]).names == ["any", "missing"]
