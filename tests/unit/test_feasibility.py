"""What a number of positives can show, said before any model is trained."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from counterpoise.decide import Constraint, Goal
from counterpoise.evaluate.feasibility import (
    feasibility,
    independent_positives,
    limit_findings,
    positives_for_limit,
)


@pytest.mark.parametrize("n", [4, 6, 30, 179])
def test_the_interval_is_clopper_and_pearsons(n):
    found, exact = feasibility(n, 0), binomtest(n // 2, n).proportion_ci(0.95)
    assert (found.lower, found.upper) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("n_comparisons", [1, 4, 20])
def test_the_smallest_difference_is_the_first_that_the_sign_test_shows(n_comparisons):
    n = 40
    found = round(feasibility(n, n_comparisons).smallest_difference * n)
    level = 0.05 / n_comparisons
    assert binomtest(found, found).pvalue <= level
    assert binomtest(found - 1, found - 1).pvalue > level


def test_six_positives_show_no_difference_between_several_treatments():
    found = feasibility(6, 4)
    assert found.smallest_difference is None
    assert "however large" in found.sentence
    assert found.finding().severity == "warning"


def test_many_positives_are_information_only():
    assert feasibility(5000, 4).finding().severity == "info"
    assert feasibility(60, 4).finding().severity == "advice"


def test_positives_of_one_group_count_once():
    y, groups = np.array([1, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 0])
    assert independent_positives(y) == 4
    assert independent_positives(y, groups) == 2


def test_a_recall_takes_as_many_positives_as_its_power_says():
    [limit] = Goal("recall>=0.95").constraints
    assert positives_for_limit(limit, 0.95) == 59  # 0.95 ** 59 is the first below 0.05
    [other] = Goal("precision>=0.9").constraints
    assert isinstance(other, Constraint)
    assert positives_for_limit(other, 0.95) is None


def test_a_limit_out_of_reach_is_found_and_one_within_reach_is_not():
    assert "59 positives" in limit_findings(Goal("recall>=0.95", 0.95), 30)[0].sentence
    assert limit_findings(Goal("recall>=0.95", 0.95), 60) == []
    assert limit_findings(Goal("recall>=0.95"), 30) == []
