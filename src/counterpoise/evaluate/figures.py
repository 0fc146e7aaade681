"""The figures of all candidates on common resamples, and the small records that pictures are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counterpoise.calibrate import odds_histogram
from counterpoise.chance import Streams
from counterpoise.decide import Constraint, Goal, ThresholdCurve
from counterpoise.decide.plots import spread_lines
from counterpoise.evaluate import intervals
from counterpoise.evaluate.candidates import UNTREATED
from counterpoise.evaluate.daily import Days, daily_figures
from counterpoise.evaluate.intervals import Draws, Interval
from counterpoise.evaluate.judging import Case, Judged
from counterpoise.evaluate.leaderboard import METRICS
from counterpoise.evaluate.limits import drawn_within_limits
from counterpoise.evaluate.records import CurveRecord, DayRecord, Estimate, HistogramRecord
from counterpoise.evaluate.verdict import Contender

__all__ = [
    "Figures",
    "curve_record",
    "goal_costs",
    "goal_figure",
    "resampling",
    "score_histogram",
    "untreated_of",
]

_DRAWS, _FEWER_DRAWS, _MANY_ROWS = 2000, 500, 300_000
_CURVE_POINTS = 600


@dataclass(frozen=True)
class Figures:
    """Figures with intervals, all from the same random weights of the rows.

    Attributes
    ----------
    draws : Draws
        Values and their resamples, by candidate.
    metric : str
        The goal's own figure.
    untreated_of : mapping of str to str
        For each candidate the untreated one of the same learner, where it was judged.
    counts : mapping of str to dict
        Weighted confusion counts of each candidate.
    by_fold : mapping of str to list
        The goal's figure in each fold.
    n_positive : int
        Positives that judged.
    n_draws : int
        Resamples.
    n_days : float
        Days that the judged rows span; 1 without a time.
    confidence : float
        Of all intervals.
    by_day : mapping of str to tuple
        Figures by day and a record a day, of each candidate, where rows have a time.
    within_limits : Draws or None
        The goal's figure at the line that just keeps its limits, where it has some: what candidates are compared by.
    """

    draws: Draws
    metric: str
    untreated_of: Mapping[str, str]
    counts: Mapping[str, dict[str, float]]
    by_fold: Mapping[str, list[float | None]]
    n_positive: int
    n_draws: int
    n_days: float = 1.0
    confidence: float = 0.95
    by_day: Mapping[str, tuple[dict[str, Estimate], list[DayRecord]]] = field(default_factory=dict)
    within_limits: Draws | None = None

    @classmethod
    def of(
        cls,
        case: Case,
        judged: Mapping[str, Judged],
        contenders: Sequence[Contender] = (),
        *,
        groups: np.ndarray | None = None,
        seed: int = 0,
    ) -> Figures:
        """Resample once for all candidates.

        Parameters
        ----------
        case : Case
            What is the same for all.
        judged : mapping of str to Judged
            By candidate.
        contenders : sequence of Contender, default=()
            Says which candidates share a learner.
        groups : ndarray of shape (n,), optional
            Rows of one group are resampled together.
        seed : int, default=0
            Seeds the resamples.

        Returns
        -------
        Figures
            Values, intervals and differences.
        """
        rows = case.judging
        n_draws = _DRAWS if rows.sum() <= _MANY_ROWS else _FEWER_DRAWS
        said = {
            name: intervals.Judged(each.proba[rows], each.alerts[rows], each.proba[rows])
            for name, each in judged.items()
        }
        options = {
            **resampling(rows, groups, n_draws, seed),
            "costs": goal_costs(case, rows),
            "betas": tuple({1.0, 2.0, case.goal.objective.beta}),
        }
        draws = intervals.draw(
            case.y[rows],
            said,
            None if case.weights is None else case.weights[rows],
            fold=case.fold_of[rows],
            **options,
        )
        return cls(
            draws=draws,
            metric=goal_figure(case.goal),
            untreated_of=untreated_of(contenders),
            counts={name: _counts(case, rows, each) for name, each in judged.items()},
            by_fold={name: _by_fold(case, rows, each) for name, each in judged.items()},
            n_positive=int(case.y[rows].sum()) // case.n_repeats,
            n_draws=n_draws,
            n_days=case.days_of(rows) or 1.0,
            by_day=_by_day(case, rows, judged, groups),
            within_limits=_within_limits(case, judged, options, draws.n_positive),
        )

    def value(self, candidate: str) -> float | None:
        """Give the goal's figure of a candidate.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        float or None
            None where it is undefined.
        """
        return _or_none(self.draws.values[candidate][self.metric])

    def estimates(self, candidate: str) -> dict[str, Estimate]:
        """Give the figures of the leaderboard, and the goal's own as "goal".

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        dict of str to Estimate
            With intervals; what is undefined says why.
        """
        names = dict.fromkeys((*METRICS, self.metric))
        found = {name: self._estimate(candidate, name) for name in names}
        by_day = self.by_day[candidate][0] if candidate in self.by_day else {}
        return {"goal": found[self.metric], **found, **by_day}

    def _estimate(self, candidate: str, metric: str) -> Estimate:
        interval = self.draws.interval(candidate, metric, self.confidence)
        if np.isnan(interval.value):
            return Estimate(value=None, why_undefined=self._why_undefined(candidate, metric))
        return _as_estimate(interval)

    def _why_undefined(self, candidate: str, metric: str) -> str:
        return _why_undefined(metric, self.counts[candidate])

    @property
    def counted(self) -> str:
        """What limits how much can be shown."""
        return "positives"

    def difference_to_untreated(self, candidate: str) -> Estimate | None:
        """Give the paired difference of the goal's figure to the untreated model of the same learner.

        The intervals of all treatments, of all learners, hold together.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        Estimate or None
            None for an untreated model.
        """
        others = {name: other for name, other in self.untreated_of.items() if other != name}
        if candidate not in others:
            return None
        return _as_estimate(self._differences(others)[candidate])

    def _differences(self, others: Mapping[str, str]) -> Mapping[str, Interval]:
        """Give differences of the goal's figure: at the same limit, where the goal has limits."""
        draws = self.draws if self.within_limits is None else self.within_limits
        return draws.joint_differences(others, self.metric, self.confidence)

    def simultaneous(self, candidates: Sequence[str], baseline: str) -> dict[str, Estimate]:
        """Give paired differences of the goal's figure whose intervals hold together.

        Parameters
        ----------
        candidates : sequence of str
            Whose differences are asked for.
        baseline : str
            What is subtracted.

        Returns
        -------
        dict of str to Estimate
            By candidate, without the baseline.
        """
        found = self._differences({name: baseline for name in candidates if name != baseline})
        return {name: _as_estimate(each) for name, each in found.items()}

    def limited(self, candidate: str, metric: str) -> float:
        """Give what a goal limits, as the cross-fitted lines reached it.

        Parameters
        ----------
        candidate : str
            Its name.
        metric : str
            ``recall``, ``precision``, ``specificity``, ``fpr`` or ``alerts``.

        Returns
        -------
        float
            The figure; for alerts their number. Precision without alerts counts as 1: no alert was false.
        """
        counts = self.counts[candidate]
        alerts = counts["tp"] + counts["fp"]
        if metric == "alerts":
            return alerts
        return 1.0 if metric == "precision" and alerts == 0 else self.draws.values[candidate][metric]

    def limited_at_best(self, candidate: str, limit: Constraint) -> float:
        """Give the end of the interval of what a goal limits that keeps the limit best.

        Parameters
        ----------
        candidate : str
            Its name.
        limit : Constraint
            A limit of the goal.

        Returns
        -------
        float
            In the units of `limited`; the number of alerts has Poisson's spread.
        """
        reached = self.limited(candidate, limit.metric)
        if limit.metric == "alerts":
            return float(reached - 2.0 * np.sqrt(reached))
        found = self.draws.interval(candidate, limit.metric, self.confidence)
        end = found.upper if limit.sign == ">=" else found.lower
        return reached if np.isnan(end) else end

    def bound(self, limit: Constraint) -> float:
        """Give a limit in the units of `limited`.

        Parameters
        ----------
        limit : Constraint
            A limit of the goal.

        Returns
        -------
        float
            The limit; alerts a day or a row are turned into alerts on all judged rows.
        """
        per = {"table": 1.0, "day": self.n_days, "row": sum(next(iter(self.counts.values())).values())}
        return limit.limit * (per[limit.per] if limit.metric == "alerts" else 1.0)

    def confusion(self, candidate: str) -> dict[str, float]:
        """Give the confusion counts of the cross-fitted decisions.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        dict of str to float
            ``tp``, ``fp``, ``fn``, ``tn``, weighted.
        """
        return self.counts[candidate]

    def fold_values(self, candidate: str) -> list[float | None]:
        """Give the goal's figure in each fold.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        list of float or None
            None where it is undefined.
        """
        return self.by_fold[candidate]

    def days_of(self, candidate: str) -> list[DayRecord]:
        """Give the decisions day by day.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        list of DayRecord
            Empty where rows have no time.
        """
        return self.by_day[candidate][1] if candidate in self.by_day else []


def _by_day(
    case: Case, rows: np.ndarray, judged: Mapping[str, Judged], groups: np.ndarray | None
) -> dict[str, tuple[dict[str, Estimate], list[DayRecord]]]:
    if case.seconds is None:
        return {}
    days = Days(
        case.y[rows], case.seconds[rows], case.fold_of[rows], None if groups is None else groups[rows]
    )
    return {name: daily_figures(days, each.proba[rows], each.alerts[rows]) for name, each in judged.items()}


def resampling(rows: np.ndarray, groups: np.ndarray | None, n_draws: int, seed: int) -> dict[str, Any]:
    """Say how rows are resampled, for all figures of a trial alike.

    Parameters
    ----------
    rows : ndarray
        Those that judge.
    groups : ndarray of shape (n,) or None
        What is resampled together.
    n_draws : int
        Resamples.
    seed : int
        The trial's.

    Returns
    -------
    dict
        ``groups``, ``n_draws`` and ``random_state`` of `counterpoise.evaluate.intervals.draw`.
    """
    return {
        "groups": None if groups is None else groups[rows],
        "n_draws": n_draws,
        "random_state": Streams.of(seed).child("figures").seed(),
    }


def goal_figure(goal: Goal) -> str:
    """Name the figure that a goal is judged by.

    Parameters
    ----------
    goal : Goal
        The goal.

    Returns
    -------
    str
        A figure of `Draws`; the worst cost is judged by the cost itself.
    """
    return "cost" if goal.objective.costs else goal.metric


def goal_costs(case: Case, rows: np.ndarray) -> dict[str, Any] | None:
    """Give the costs of a goal for some rows.

    Parameters
    ----------
    case : Case
        With the goal and its columns.
    rows : ndarray of shape (n,), bool
        Which rows.

    Returns
    -------
    dict or None
        ``fn``, ``fp`` ...: numbers, or one a row; None where the goal names no costs.
    """
    if not case.goal.objective.costs:
        return None
    return {
        cell: cost.factor if cost.column is None else cost.factor * case.row_costs[cost.column][rows]
        for cell, cost in case.goal.objective.costs
    }


def untreated_of(contenders: Sequence[Contender]) -> dict[str, str]:
    """Say which untreated candidate shares each candidate's learner.

    Parameters
    ----------
    contenders : sequence of Contender
        Those that were judged.

    Returns
    -------
    dict of str to str
        From a candidate to the untreated one; those without are left out.
    """
    untreated = {c.learner: c.name for c in contenders if c.treatment == UNTREATED}  # of the same learner
    return {c.name: untreated[c.learner] for c in contenders if c.learner in untreated}


def _within_limits(
    case: Case, judged: Mapping[str, Judged], options: Mapping[str, Any], n_positive: float
) -> Draws | None:
    if not case.goal.constraints or len(judged) < 2:
        return None
    shared = {name: options[name] for name in ("costs", "groups", "n_draws", "random_state")}
    return drawn_within_limits(case, judged, goal_figure(case.goal), n_positive=n_positive, **shared)


def _counts(case: Case, rows: np.ndarray, judged: Judged) -> dict[str, float]:
    y, alerts = case.y[rows] == 1, judged.alerts[rows]
    weights = np.ones(len(y)) if case.weights is None else case.weights[rows]
    cells = {"tp": y & alerts, "fp": ~y & alerts, "fn": y & ~alerts, "tn": ~y & ~alerts}
    return {name: float(weights[cell].sum()) for name, cell in cells.items()}


def _by_fold(case: Case, rows: np.ndarray, judged: Judged) -> list[float | None]:
    fold_of, found = case.fold_of, []
    for k in np.unique(fold_of[rows]):
        here = rows & (fold_of == k)
        if case.goal.objective.costs:
            continue
        weights = None if case.weights is None else case.weights[here]
        curve = ThresholdCurve.from_scores(case.y[here], judged.alerts[here].astype(float), weights)
        found.append(_or_none(float(curve.metric(case.goal.metric)[curve.thresholds <= 1.0][0])))
    return found


def _why_undefined(metric: str, counts: Mapping[str, float]) -> str:
    if counts["tp"] + counts["fn"] == 0:
        return "no positive was judged"
    if counts["tp"] + counts["fp"] == 0:
        return "nothing was alerted"
    return "the figure does not exist for these decisions"


def _as_estimate(interval: Interval) -> Estimate:
    return Estimate(
        value=_or_none(interval.value), lower=_or_none(interval.lower), upper=_or_none(interval.upper)
    )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


# --- for pictures --------------------------------------------------------------------------------------------


def curve_record(y: np.ndarray, proba: np.ndarray, weights: np.ndarray | None) -> CurveRecord:
    """Thin a threshold curve to what an eye can tell apart.

    Parameters
    ----------
    y : ndarray of shape (n,), int8
        Outcome.
    proba : ndarray of shape (n,)
        Calibrated probabilities.
    weights : ndarray of shape (n,) or None
        Weight of each row.

    Returns
    -------
    CurveRecord
        Points evenly spread over recall, over the false-positive rate and over its logarithm.
    """
    curve = ThresholdCurve.from_scores(y, proba, weights)
    chosen = spread_lines(curve, _CURVE_POINTS)
    thresholds = curve.thresholds[chosen]
    return CurveRecord(
        thresholds=np.where(np.isfinite(thresholds), thresholds, 1.0 + 1e-9).tolist(),
        tp=curve.tp[chosen].tolist(),
        fp=curve.fp[chosen].tolist(),
        n_positive=float(curve.tp[-1]),
        n_negative=float(curve.fp[-1]),
    )


def score_histogram(y: np.ndarray, proba: np.ndarray, weights: np.ndarray | None) -> HistogramRecord:
    """Count log-odds by class.

    Parameters
    ----------
    y : ndarray of shape (n,), int8
        Outcome.
    proba : ndarray of shape (n,)
        Calibrated probabilities.
    weights : ndarray of shape (n,) or None
        Weight of each row.

    Returns
    -------
    HistogramRecord
        Bins of equal width from the smallest to the largest.
    """
    edges, negative, positive = odds_histogram(y, proba, weights)
    return HistogramRecord(edges=edges.tolist(), negative=negative.tolist(), positive=positive.tolist())
