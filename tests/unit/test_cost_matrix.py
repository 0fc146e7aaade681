"""Cost matrices and decisions row by row."""

from __future__ import annotations

import json

import numpy as np
import pytest

from counterpoise.decide import CostMatrix, cost_threshold, decide_rows
from counterpoise.errors import InputError, NotApplicable


@pytest.mark.parametrize("ratio", [10, 100, 1000])
def test_line_of_usual_ratios(ratio: int) -> None:
    assert cost_threshold(fn=ratio, fp=1) == pytest.approx(1 / (1 + ratio))
    assert CostMatrix.binary(fn=ratio, fp=1).threshold == pytest.approx(1 / (1 + ratio))
    assert CostMatrix.of_goal(f"cost(fn={ratio}, fp=1)") == CostMatrix.binary(fn=ratio, fp=1)


def test_least_expected_cost_of_several_classes(seed: int) -> None:
    p = np.random.default_rng(seed).dirichlet([1, 1, 1], 200)
    costs = np.array([[-1.0, 1, 2], [10, 0, 5], [100, 50, -20]])
    matrix = CostMatrix(costs, classes=("a", "b", "c"))
    brute = np.array([[sum(row[i] * costs[i, j] for i in range(3)) for j in range(3)] for row in p])
    assert matrix.expected(p) == pytest.approx(brute)
    assert matrix.decide(p).tolist() == [("a", "b", "c")[j] for j in brute.argmin(axis=1)]
    assert matrix.realised(["a", "c"], ["b", "c"]) == pytest.approx((1 - 20) / 2)
    assert CostMatrix.from_dict(json.loads(json.dumps(matrix.to_dict()))) == matrix


@pytest.mark.parametrize(
    "costs",
    [
        [0, 1],
        [[0, 1, 2], [1, 0, 2]],
        [[0.0]],
        [[0, np.nan], [1, 0]],
        [[0, np.inf], [1, 0]],
        [[0, -1], [1, 0]],
        [[0, 1], [1, 2]],
        [[0, 0], [1, 0]],
        [["a", "b"], ["c", "d"]],
    ],
)
def test_matrix_that_makes_no_sense(costs: object) -> None:
    with pytest.raises(InputError) as caught:
        CostMatrix(costs)
    assert all((caught.value.given, caught.value.expected, caught.value.why, caught.value.hint))


def test_matrix_of_other_classes() -> None:
    with pytest.raises(InputError, match="3"):
        CostMatrix.binary(fn=1, fp=1).decide([[0.2, 0.3, 0.5]])
    with pytest.raises(InputError, match="classes"):
        CostMatrix([[0, 1], [1, 0]], classes=("a", "b", "c"))
    with pytest.raises(NotApplicable, match="two classes"):
        _ = CostMatrix(1 - np.eye(3)).threshold
    with pytest.raises(NotApplicable):
        CostMatrix.of_goal("cost(fn=amount, fp=1)")


def test_rows_are_decided_by_their_own_costs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, amount = rng.random(300), 2.0 + rng.exponential(100, 300)
    alert, leave = p * 1.0 + (1 - p) * 5.0, p * amount
    assert (decide_rows(p, fn=amount, fp=5.0, tp=1.0) == (alert <= leave)).all()


def test_costs_that_cannot_be() -> None:
    with pytest.raises(InputError, match="fn - tp down to -1 and fp - tn down to 1 "):
        cost_threshold(fn=-1, fp=1)
    with pytest.raises(InputError, match=r"The label 7 was given\. Expected one of \[0, 1\]"):
        CostMatrix.binary(fn=1, fp=1).realised(np.array([7]), np.array([1]))
    with pytest.raises(InputError):
        cost_threshold(fn=0, fp=0)
    with pytest.raises(InputError, match="rows"):
        decide_rows([0.1, 0.2], fn=[1.0, 2.0, 3.0], fp=1)
    with pytest.raises(InputError):
        decide_rows([0.1, 1.2], fn=1, fp=1)
