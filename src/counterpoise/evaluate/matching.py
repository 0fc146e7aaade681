"""Differences under a goal with a limit: two candidates are held against each other where they reach the same.

Where the goal is precision at a recall of 0.9, each candidate's line lands a little beside 0.9 on rows that it was not
drawn on. Whoever lands below gains precision by it, and that difference is real, but it is luck of the line and no
merit of the treatment. So the other's line is moved, by one shift of all its lines on the scale of log-odds, until it
reaches what this one does, and the decisions are compared there. Without this, one trial in three finds a treatment
"better" where nothing is (`bench/verdicts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counterpoise.calibrate import log_odds
from counterpoise.decide import Constraint
from counterpoise.evaluate import intervals
from counterpoise.evaluate.judging import Case, Judged

__all__ = ["Matching", "matched_alerts"]


def matched_alerts(
    case: Case, moved: Judged, beside: Judged, limit: Constraint, rows: np.ndarray
) -> np.ndarray:
    """Move the lines of one candidate until it reaches what another one does.

    Parameters
    ----------
    case : Case
        What is the same for both.
    moved : Judged
        Whose lines are moved, all by the same shift in log-odds.
    beside : Judged
        What is to be reached.
    limit : Constraint
        Of which figure it is to be reached: recall, false-positive rate or specificity, alerts, or precision.
    rows : ndarray of shape (n_judging,), int64
        The rows that judge.

    Returns
    -------
    ndarray of shape (n_judging,), bool
        Alerts of the moved lines; of all lines that reach at least as much, those that alert fewest rows (for
        precision, those that alert most).
    """
    y = case.y[rows] == 1
    mass = np.ones(len(rows)) if case.weights is None else case.weights[rows]
    lines = np.clip(moved.thresholds[case.fold_of[rows]], 0.0, 1.0)
    margin = _finite(log_odds(moved.proba[rows])) - _finite(log_odds(lines))
    order = np.argsort(-margin, kind="stable")
    alerted = np.cumsum(mass[order])
    hits = np.cumsum((mass * y)[order])
    ends = np.append(
        np.flatnonzero(np.diff(margin[order])), len(order) - 1
    )  # lines fall between distinct margins
    theirs = beside.alerts[rows]
    reached, of_lines = {
        "recall": ((mass * y)[theirs].sum(), hits),
        "alerts": (mass[theirs].sum(), alerted),
        "fpr": ((mass * ~y)[theirs].sum(), alerted - hits),
        "specificity": ((mass * ~y)[theirs].sum(), alerted - hits),
        "precision": ((mass * y)[theirs].sum() / max(mass[theirs].sum(), 1e-300), hits / alerted),
    }[limit.metric]
    enough = ends[of_lines[ends] >= reached * (1.0 - 1e-12)]
    alerts = np.zeros(len(rows), dtype=bool)
    if reached > 0 and len(enough):
        last = enough[-1] if limit.metric == "precision" else enough[0]
        alerts[order[: last + 1]] = True
    return alerts


def _finite(odds: np.ndarray) -> np.ndarray:
    return np.clip(odds, -40.0, 40.0)


@dataclass(frozen=True)
class Matching:
    """Paired differences of a goal's figure where both candidates reach the same.

    Attributes
    ----------
    case : Case
        With a goal that has limits.
    judged : mapping of str to Judged
        By candidate.
    metric : str
        The goal's own figure.
    options : mapping
        Of `counterpoise.evaluate.intervals.draw`: groups, costs, n_draws, random_state.
    """

    case: Case
    judged: Mapping[str, Judged]
    metric: str
    options: Mapping[str, Any]
    _known: dict[tuple[tuple[str, str], ...], dict[str, intervals.Interval]] = field(default_factory=dict)

    def differences(self, others: Mapping[str, str], confidence: float) -> dict[str, intervals.Interval]:
        """Give the differences of candidates, each to another one at the same limit; the intervals hold together.

        Parameters
        ----------
        others : mapping of str to str
            From a candidate to the one whose lines are moved and that is subtracted.
        confidence : float
            Confidence for all together.

        Returns
        -------
        dict of str to Interval
            By candidate; with several limits the difference that is least in its favour.
        """
        asked = tuple(sorted(others.items()))
        if asked not in self._known:
            self._known[asked] = self._drawn(others, confidence)
        return self._known[asked]

    def _drawn(self, others: Mapping[str, str], confidence: float) -> dict[str, intervals.Interval]:
        case, rows, limits = self.case, np.flatnonzero(self.case.judging), self.case.goal.constraints
        said = {name: _decided(self.judged[name].alerts[rows]) for name in others}
        pairs = {}
        for name, other in others.items():
            for number, limit in enumerate(limits):
                alerts = matched_alerts(case, self.judged[other], self.judged[name], limit, rows)
                said[f"{name}\0{number}"] = _decided(alerts)
                pairs[f"{name}\0{number}"] = name
        weights = None if case.weights is None else case.weights[rows]
        draws = intervals.draw(case.y[rows], said, weights, fold=case.fold_of[rows], **self.options)
        found = draws.joint_differences(pairs, self.metric, confidence)
        return {name: self._least([found[f"{name}\0{k}"] for k in range(len(limits))]) for name in others}

    def _least(self, differences: list[intervals.Interval]) -> intervals.Interval:
        """Turn moved less candidate into candidate less moved, and give the one least in the candidate's favour."""
        turned = [intervals.Interval(-each.value, -each.upper, -each.lower) for each in differences]
        sign = 1.0 if self.case.goal.greater_is_better else -1.0
        return min(turned, key=lambda each: sign * each.value)


def _decided(alerts: np.ndarray) -> intervals.Judged:
    """Rank by the decision alone: the figures that are asked for are those of decisions."""
    return intervals.Judged(alerts.astype(np.float64), alerts)
