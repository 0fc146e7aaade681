"""Goals: what the grammar reads, and what its errors say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from counterpoise.decide import GRAMMAR, Goal
from counterpoise.errors import GoalError


@pytest.mark.parametrize(
    ("text", "name", "metric", "greater"),
    [
        ("f1", "f1", "f1", True),
        (" F2 ", "f2", "f2", True),
        ("f_beta0.5".replace("_beta", "_"), "f0.5", "f0.5", True),
        ("mcc", "mcc", "mcc", True),
        ("g_mean", "gmean", "gmean", True),
        ("balanced_accuracy", "balanced_accuracy", "balanced_accuracy", True),
        ("recall >= 90%", "recall>=0.9", "precision", True),
        ("recall≥0.9", "recall>=0.9", "precision", True),
        ("precision>=.8", "precision>=0.8", "recall", True),
        ("fpr<=0.01", "fpr<=0.01", "recall", True),
        ("specificity>=0.99", "specificity>=0.99", "recall", True),
        ("alerts<=100/day", "alerts<=100/day", "recall", True),
        ("alerts<=100", "alerts<=100", "recall", True),
        ("alerts<=1%", "alerts<=1%", "recall", True),
        ("cost(fn=100,fp=1)", "cost(fn=100, fp=1)", "cost", False),
        ("cost(fp=5, fn=0.8*amount)", "cost(fn=0.8*amount, fp=5)", "cost", False),
        ("worst_cost(fn=100, fp=1)", "worst_cost(fn=100, fp=1)", "worst_cost", False),
        ("precision | recall>=0.9", "recall>=0.9", "precision", True),
        ("f1 | recall>=0.5 and alerts<=50/day", "f1 | recall>=0.5, alerts<=50/day", "f1", True),
    ],
)
def test_goal_is_read(text: str, name: str, metric: str, greater: bool) -> None:
    goal = Goal(text)
    assert (goal.name, goal.metric, goal.greater_is_better) == (name, metric, greater)
    assert Goal(goal.name) == goal
    assert Goal.from_dict(json.loads(json.dumps(goal.to_dict()))) == goal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "rcall>=0.8",
        "recall<=0.8",
        "recall>=0",
        "recall>=1.2",
        "recall>=nan",
        "recall>=80",
        "precision>=-0.1",
        "fpr<=1",
        "fpr<=-0.01",
        "alerts<=0",
        "alerts<=0.5",
        "alerts<=100/week",
        "alerts<=100%",
        "f0",
        "f-1",
        "cost(fn=1)",
        "cost(fn=0, fp=0)",
        "cost(fn=-1, fp=1)",
        "cost(fn=1, fp=1, fp=2)",
        "cost(fn=1, fp=1, xx=2)",
        "cost(fn=amount*amount, fp=1)",
        "cost(fn=inf, fp=1)",
        "worst_cost(fn=amount, fp=1)",
        "f1 |",
        "| recall>=0.9",
        "recall>=0.8, recall>=0.9",
        "f1, mcc",
        None,
        3,
    ],
)
def test_wrong_goal_shows_the_grammar(text: object) -> None:
    with pytest.raises(GoalError) as caught:
        Goal(text)  # type: ignore[arg-type]
    assert GRAMMAR in caught.value.expected
    assert all((caught.value.given, caught.value.expected, caught.value.why, caught.value.hint))


def test_typo_gets_the_nearest_name() -> None:
    with pytest.raises(GoalError, match="Did you mean 'recall'"):
        Goal("recal>=0.8")


@pytest.mark.parametrize("confidence", [0, 1, 1.5, -0.1, 95, "0.9", True, float("nan")])
def test_confidence_outside_its_range(confidence: object) -> None:
    with pytest.raises(GoalError, match="confidence"):
        Goal("recall>=0.8", confidence=confidence)  # type: ignore[arg-type]
    with pytest.raises(GoalError, match=r"The confidence 1\.5 was given"):
        Goal("recall>=0.8", confidence=np.float64(1.5))


def test_goal_knows_what_it_needs() -> None:
    assert Goal("cost(fn=amount, fp=0.1*fee)").columns == ("amount", "fee")
    assert Goal("alerts<=5/day").needs_days
    assert not Goal("alerts<=5").needs_days
    assert Goal("recall>=0.8").with_confidence(0.9).confidence == 0.9
    assert Goal.parse(Goal("f1"), 0.9).confidence == 0.9
    assert len({Goal("f1"), Goal("f1"), Goal("f1", 0.9)}) == 2
    assert repr(Goal("f1", 0.9)) == "Goal('f1', confidence=0.9)"
