"""What a number of positives can show, said before any model is trained.

Two figures need no model. The exact interval of a share of the positives, such as recall, is widest at one half: that
is how wide to expect intervals to be. And of two candidates on the same positives, one is shown to find more only
where enough positives are found by it alone: with b of them and none the other way the sign test gives
:math:`2 \\cdot 2^{-b}`, so the smallest difference that could be shown is b over the positives, for the least b that
stays below the level, shared among the comparisons.

Sources: C. Clopper and E. Pearson, Biometrika 26, 1934; Q. McNemar, Psychometrika 12, 1947 (its exact form);
C. Bonferroni's inequality for several comparisons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from counterpoise.decide import Constraint, Goal
from counterpoise.decide.bounds import two_sided
from counterpoise.evaluate.records import FindingRecord

__all__ = [
    "FEW_POSITIVES",
    "Feasibility",
    "feasibility",
    "independent_positives",
    "limit_findings",
    "positives_for_limit",
]

FEW_POSITIVES = 100
"""Below this an interval of a share of the positives is wider than 0.2."""

_VERY_FEW_POSITIVES = 30
"""Below this it is wider than 0.37."""


@dataclass(frozen=True)
class Feasibility:
    """What a number of positives can show.

    Attributes
    ----------
    n_positive : int
        Positives that judge, counted as independent ones.
    n_comparisons : int
        Treatments that are held against an untreated model.
    confidence : float
        Of the interval, and of all comparisons together.
    lower, upper : float
        Exact interval of a share of the positives when half of them are found.
    smallest_difference : float or None
        Smallest difference of that share that could be shown; None where none could be.
    """

    n_positive: int
    n_comparisons: int
    confidence: float
    lower: float
    upper: float
    smallest_difference: float | None

    @property
    def sentence(self) -> str:
        """What to expect, in words."""
        half = self.n_positive // 2
        found = (
            f"With {self.n_positive} positives to judge by, a recall of {half}/{self.n_positive} has a "
            f"{100 * self.confidence:g} % interval from {self.lower:.2f} to {self.upper:.2f}"
        )
        versus = "one treatment" if self.n_comparisons == 1 else f"{self.n_comparisons} treatments"
        if self.n_comparisons == 0:
            return f"{found}."
        if self.smallest_difference is None:
            return (
                f"{found}; with {versus} to compare, no difference in recall could be shown, however large."
            )
        return (
            f"{found}; with {versus} to compare, a difference in recall of less than "
            f"{self.smallest_difference:.2f} cannot be shown."
        )

    def finding(self) -> FindingRecord:
        """Give it as a finding, the graver the fewer positives there are.

        Returns
        -------
        FindingRecord
            With the numbers in its sentence.
        """
        severity = "info" if self.n_positive >= FEW_POSITIVES else "advice"
        if self.n_positive < _VERY_FEW_POSITIVES or (self.n_comparisons and self.smallest_difference is None):
            severity = "warning"
        return FindingRecord(
            code="feasibility",
            title="What so many positives can show",
            severity=severity,  # type: ignore[arg-type]  # one of the words above
            sentence=self.sentence,
            source="Clopper and Pearson 1934; exact McNemar test with Bonferroni's inequality",
        )


def feasibility(n_positive: int, n_comparisons: int, confidence: float = 0.95) -> Feasibility:
    """Say what a number of positives can show.

    Parameters
    ----------
    n_positive : int
        Positives that judge, at least 1.
    n_comparisons : int
        Treatments that are held against an untreated model.
    confidence : float, default=0.95
        Of the interval, and of all comparisons together.

    Returns
    -------
    Feasibility
        The interval to expect and the smallest difference that could be shown.

    Examples
    --------
    >>> found = feasibility(30, 4)
    >>> round(found.lower, 2), round(found.upper, 2), round(found.smallest_difference, 2)
    (0.31, 0.69, 0.27)
    >>> feasibility(6, 4).smallest_difference is None
    True
    """
    half = n_positive // 2
    lower, upper = two_sided(half, n_positive, confidence)
    level = (1.0 - confidence) / max(n_comparisons, 1)
    needed = math.ceil(1.0 - math.log2(level))
    smallest = needed / n_positive if needed <= n_positive else None
    return Feasibility(n_positive, n_comparisons, confidence, float(lower), float(upper), smallest)


def independent_positives(y: np.ndarray, groups: np.ndarray | None = None) -> int:
    """Count positives that are independent of each other.

    Parameters
    ----------
    y : ndarray of shape (n,)
        1 is positive.
    groups : ndarray of shape (n,), optional
        Rows of one group count once.

    Returns
    -------
    int
        Positives, or groups that hold some.
    """
    positive = np.asarray(y) == 1
    return int(positive.sum()) if groups is None else len(np.unique(groups[positive]))


def positives_for_limit(limit: Constraint, confidence: float) -> int | None:
    """Say how many positives it takes to show that recall keeps a limit, when every one of them is found.

    Parameters
    ----------
    limit : Constraint
        A limit of a goal.
    confidence : float
        With which it must hold.

    Returns
    -------
    int or None
        The least n with limit to the n-th power at most one minus the confidence; None for other limits.
    """
    if limit.metric != "recall" or limit.sign != ">=" or not 0.0 < limit.limit < 1.0:
        return None
    return math.ceil(math.log(1.0 - confidence) / math.log(limit.limit))


def limit_findings(goal: Goal, n_positive: int) -> list[FindingRecord]:
    """Name the limits of a goal that so few positives can never show to be kept.

    Parameters
    ----------
    goal : Goal
        With the confidence with which its limits must hold; without one there is nothing to show.
    n_positive : int
        Positives that judge.

    Returns
    -------
    list of FindingRecord
        One a limit.
    """
    if goal.confidence is None:
        return []
    needed = [(limit, positives_for_limit(limit, goal.confidence)) for limit in goal.constraints]
    return [
        FindingRecord(
            code="limit_out_of_reach",
            title="A limit that cannot be shown",
            severity="warning",
            sentence=f"{limit} at {100 * goal.confidence:g} % confidence takes {least} positives, all of them found; "
            f"{n_positive} judge.",
            source="exact binomial bound",
        )
        for limit, least in needed
        if least is not None and least > n_positive
    ]
