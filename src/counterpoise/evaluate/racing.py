"""Weak candidates, dropped before they have been through all folds, where time does not suffice for everything.

On the folds that a candidate has finished it is judged as the leader is, each line drawn on the finished folds only,
and its paired difference to the leader is taken with an interval. It is dropped where the interval lies wholly on the
worse side at a confidence so high that looking after every fold, at every candidate, finds next to none by luck. A
candidate that is dropped can no longer be called better, so dropping makes the verdict more cautious, never less.

Source: O. Maron and A. Moore, "The racing algorithm", Artificial Intelligence Review 11, 1997.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from counterpoise.chance import Streams
from counterpoise.evaluate import intervals
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.figures import goal_costs, goal_figure
from counterpoise.evaluate.intervals import Draws
from counterpoise.evaluate.judging import Case, Judged, judge
from counterpoise.evaluate.running import Run
from counterpoise.split import Folds

__all__ = ["Race", "drawn_goal", "on_folds"]

_DRAWS = 200
_CONFIDENCE = 0.998
"""Of the interval that drops a candidate: three standard errors."""


class Race:
    """Knows the leader, and says who is clearly behind it.

    Parameters
    ----------
    case : Case
        What is the same for all candidates.
    groups : ndarray of shape (n,), optional
        Rows of one group are resampled together.
    seed : int, default=0
        Seeds the resamples.
    """

    def __init__(self, case: Case, groups: np.ndarray | None = None, seed: int = 0) -> None:
        self.case, self.groups, self.seed = case, groups, seed
        self.leader: Run | None = None
        self._best = -np.inf
        self._untreated: dict[str, float] = {}

    def finished(self, run: Run, judged: Judged) -> None:
        """Take note of a candidate that has been through all folds.

        Parameters
        ----------
        run : Run
            Which one.
        judged : Judged
            What it said.
        """
        metric = goal_figure(self.case.goal)
        value = drawn_goal(self.case, {"it": judged}, 2).values["it"][metric]
        score = value if self.case.goal.greater_is_better else -value
        if score > self._best:
            self.leader, self._best = run, score
        if run.candidate.is_untreated:
            self._untreated[run.candidate.learner] = score

    def promise(self, candidate: Candidate) -> float:
        """Say how good a treated candidate may be: as good as its learner is untreated.

        A treatment is held against the best untreated model, so the treatments of its learner tell most. Learners that
        balance by themselves come after them.

        Parameters
        ----------
        candidate : Candidate
            Which one.

        Returns
        -------
        float
            The more, the sooner it is worth trying.
        """
        if candidate.is_self_balancing:
            return float(np.nextafter(max(self._untreated.values(), default=0.0), -np.inf))
        return self._untreated.get(candidate.learner, -np.inf)

    def weakness(self, run: Run) -> str:
        """Say why a candidate is to be dropped.

        Parameters
        ----------
        run : Run
            With some folds finished.

        Returns
        -------
        str
            Empty where it is not clearly behind the leader, or there is none yet.
        """
        done = [k for k, fold in enumerate(run.folds) if fold is not None]
        part = on_folds(self.case, done)
        if self.leader is None or not any(fold.lines for fold in part.folds.folds):
            return ""
        of_leader = [fold for k, fold in enumerate(self.leader.finished()) if k in done]
        judged = {"it": judge(part, run.finished()), "leader": judge(part, of_leader)}
        metric, sign = goal_figure(self.case.goal), 1.0 if self.case.goal.greater_is_better else -1.0
        found = drawn_goal(part, judged, _DRAWS, self.groups, self.seed)
        gap = found.difference("it", "leader", metric, _CONFIDENCE)
        ends = sorted((-sign * gap.lower, -sign * gap.upper))
        if not ends[0] > 0.0:  # also where it is undefined
            return ""
        return (
            f"after {len(done)} of {len(run.folds)} folds its {metric.replace('_', ' ')} was behind that of "
            f"{self.leader.candidate.name} by {-sign * gap.value:.3f} ({ends[0]:.3f} to {ends[1]:.3f}), "
            "and the budget had no room for all"
        )


def on_folds(case: Case, numbers: list[int]) -> Case:
    """Give a case in which only some folds are there.

    Parameters
    ----------
    case : Case
        With all folds.
    numbers : list of int
        Which folds to keep.

    Returns
    -------
    Case
        Lines are drawn on the folds that are kept.
    """
    place = {k: j for j, k in enumerate(numbers)}
    kept = tuple(
        replace(fold, lines=tuple(place[j] for j in fold.lines if j in place))
        for fold in (case.folds.folds[k] for k in numbers)
    )
    return replace(case, folds=Folds(kept, case.folds.kind, case.folds.requested))


def drawn_goal(
    case: Case,
    judged: Mapping[str, Judged],
    n_draws: int,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Draws:
    """Resample the figures of candidates, for the goal's own.

    Parameters
    ----------
    case : Case
        What is the same for all.
    judged : mapping of str to Judged
        By candidate.
    n_draws : int
        Resamples.
    groups : ndarray of shape (n,), optional
        Rows of one group are resampled together.
    seed : int, default=0
        Seeds the resamples.

    Returns
    -------
    Draws
        Values and resamples.
    """
    rows = case.judging
    return intervals.draw(
        case.y[rows],
        {name: intervals.Judged(each.proba[rows], each.alerts[rows]) for name, each in judged.items()},
        None if case.weights is None else case.weights[rows],
        fold=case.fold_of[rows],
        groups=None if groups is None else groups[rows],
        costs=goal_costs(case, rows),
        betas=(case.goal.objective.beta,),
        n_draws=n_draws,
        random_state=Streams.of(seed).child("race").seed(),
    )
