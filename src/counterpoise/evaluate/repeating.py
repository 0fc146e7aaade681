"""Repeated folds: the same candidates through other deals of the same rows, until the answer is as sharp as it gets.

One deal of the rows into folds is one draw of luck. Where positives are few, candidates are put through further deals,
and each row's part in a figure is its mean over the repeats. That takes the luck of the deal out, and narrows the
intervals as far as the candidates' decisions differed between deals; the luck of the rows themselves stays, so
intervals are still drawn over rows (or groups), never over repeats. Dealing stops when the leader's interval is narrow
enough, or when another repeat no longer narrows it.

Source: J. Kim, "Estimating classification error rate: repeated cross-validation, repeated hold-out and bootstrap",
Computational Statistics & Data Analysis 53, 2009; C. Nadeau and Y. Bengio, "Inference for the generalization error",
Machine Learning 52, 2003 (why repeats do not count as new rows).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from counterpoise.chance import Streams
from counterpoise.decide import ClassGoal
from counterpoise.errors import OptionError
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.feasibility import FEW_POSITIVES
from counterpoise.evaluate.figures import goal_figure
from counterpoise.evaluate.intervals import Draws
from counterpoise.evaluate.judging import Case
from counterpoise.evaluate.racing import drawn_goal
from counterpoise.evaluate.running import Run
from counterpoise.evaluate.several import ClassJudged, drawn_class_goal
from counterpoise.split import Fold, Folds
from counterpoise.table.table import Table

__all__ = [
    "Repeat",
    "RepeatRule",
    "Stability",
    "dealt_again",
    "repeat_rule",
    "stability",
    "stacked",
    "typical",
]

_MOST_REPEATS = 5
"""By itself; as many as are asked for otherwise."""

_AUTO_WORK = 250_000
"""Rows times the cost of all candidates in logistic regressions, up to which repeats are made unasked."""

_NARROW = 0.2
"""Width of the leader's interval that is narrow enough: a tenth to each side; of costs, relative to the cost."""

_GAIN = 0.05
"""Share of its width by which a repeat must narrow the leader's interval for another to be made."""

_WIDTH_DRAWS = 1000


@dataclass
class Repeat:
    """One deal of the rows, and what became of the candidates.

    Attributes
    ----------
    case : Case
        With the folds of this repeat.
    runs : list of Run
        One a candidate.
    judged : dict of str to Judged or ClassJudged
        By candidate, of those that were finished.
    members : list of Run
        What the blend was made of.
    """

    case: Case
    runs: list[Run] = field(default_factory=list)
    judged: dict[str, Any] = field(default_factory=dict)
    members: list[Run] = field(default_factory=list)


@dataclass(frozen=True)
class RepeatRule:
    """How often the rows are dealt.

    Attributes
    ----------
    most : int
        At most.
    is_auto : bool
        Whether dealing stops when it no longer helps.
    """

    most: int
    is_auto: bool

    def why_stop(
        self, repeats: Sequence[Repeat], widths: list[float], groups: np.ndarray | None = None
    ) -> str:
        """Say why no further repeat is made.

        Parameters
        ----------
        repeats : sequence of Repeat
            Those that are there.
        widths : list of float
            Widths of the leader's interval after each repeat; the newest is added.
        groups : ndarray of shape (n,), optional
            Rows of one group are resampled together.

        Returns
        -------
        str
            Empty where another is wanted.
        """
        if len(repeats) >= self.most:
            return "as many as were asked for" if not self.is_auto else "as many as are made unasked"
        if not self.is_auto:
            return ""
        widths.append(_leader_width(repeats, groups))
        if not widths[-1] > _NARROW:
            return f"the leader's interval is {widths[-1]:.2f} wide"
        if len(widths) > 1 and widths[-1] > (1.0 - _GAIN) * widths[-2]:
            return f"another no longer narrows the leader's interval, {widths[-1]:.2f} wide"
        return ""


def repeat_rule(
    asked: int | str, table: Table, folds: Folds, candidates: Sequence[Candidate], *, n_fits: int = 1
) -> RepeatRule:
    """Decide how often the rows are dealt.

    Parameters
    ----------
    asked : int or str
        A number from 1, or ``"auto"``: once for tables with 100 positives (rows of the rarest class) or more, or where
        a repeat is costly.
    table : Table
        What is learned from.
    folds : Folds
        Its first deal.
    candidates : sequence of Candidate
        What is compared.
    n_fits : int, default=1
        Fits of a fold; more where lines are nested.

    Returns
    -------
    RepeatRule
        It depends on sizes only, never on measured times, so that a resumed trial does the same.

    Raises
    ------
    OptionError
        If it is neither a number from 1 nor "auto", or folds that cannot be dealt anew are to be repeated.
    """
    can_be_dealt = folds.kind in ("stratified", "grouped")
    if str(asked).strip().lower() == "auto":
        work = (
            table.n_rows * n_fits * sum(candidate.cost for candidate in candidates) * (len(table.labels) - 1)
        )
        pays = can_be_dealt and table.class_counts.min() < FEW_POSITIVES and work <= _AUTO_WORK
        return RepeatRule(_MOST_REPEATS if pays else 1, True)
    if isinstance(asked, bool) or not str(asked).strip().isdigit() or int(asked) < 1:
        raise OptionError(
            f"repeats={asked!r} was given.",
            expected="Expected a number from 1, or auto.",
            why="It says how often the rows are dealt into folds.",
            hint="Use repeats='auto'.",
        )
    if int(asked) > 1 and not can_be_dealt:
        raise OptionError(
            f"repeats={asked} was given for folds of the kind {folds.kind!r}.",
            expected="Expected 1.",
            why="Folds in time, and folds that were given, can be laid in one way.",
            hint="Leave repeats out.",
        )
    return RepeatRule(int(asked), False)


def _leader_width(repeats: Sequence[Repeat], groups: np.ndarray | None) -> float:
    case, judged, units = stacked(repeats, groups)
    metric, sign = _metric(case), 1.0 if case.goal.greater_is_better else -1.0
    values = {name: each[metric] for name, each in _drawn(case, judged, 2, units).values.items()}
    leader = max(values, key=lambda name: -np.inf if np.isnan(values[name]) else sign * values[name])
    found = _drawn(case, {leader: judged[leader]}, _WIDTH_DRAWS, units).interval(leader, metric)
    scale = abs(found.value) if metric == "cost" and found.value else 1.0
    return (found.upper - found.lower) / scale


def _metric(case: Case) -> str:
    goal: Any = case.goal
    return goal.metric if isinstance(goal, ClassGoal) else goal_figure(goal)


def _drawn(case: Case, judged: Mapping[str, Any], n_draws: int, groups: np.ndarray | None = None) -> Draws:
    """Resample the goal's figure, of two classes or of several."""
    goal: Any = case.goal
    draw: Any = drawn_class_goal if isinstance(goal, ClassGoal) else drawn_goal
    found: Draws = draw(case, judged, n_draws, groups)
    return found


def stacked(
    repeats: Sequence[Repeat], groups: np.ndarray | None = None
) -> tuple[Case, dict[str, Any], np.ndarray | None]:
    """Lay the repeats under each other, for figures of all of them together.

    Parameters
    ----------
    repeats : sequence of Repeat
        At least one.
    groups : ndarray of shape (n,), optional
        Group of each row.

    Returns
    -------
    case : Case
        Every row once a repeat, with its weight divided by the repeats.
    judged : dict of str to Judged or ClassJudged
        By candidate that is in all repeats.
    units : ndarray or None
        What is resampled together: all appearances of a row, or of a group.
    """
    n, times = len(repeats[0].case.y), len(repeats)
    if times == 1:
        return repeats[0].case, repeats[0].judged, groups
    first = repeats[0].case
    weights = np.ones(n) if first.weights is None else first.weights
    case = replace(
        first,
        y=np.tile(first.y, times),
        folds=_stacked_folds([repeat.case.folds for repeat in repeats], n),
        weights=np.tile(weights / times, times),
        seconds=None if first.seconds is None else np.tile(first.seconds, times),
        row_costs={name: np.tile(costs, times) for name, costs in first.row_costs.items()},
        n_repeats=times,
    )
    names = [name for name in repeats[0].judged if all(name in repeat.judged for repeat in repeats)]
    judged = {name: _stacked_judged([repeat.judged[name] for repeat in repeats]) for name in names}
    return case, judged, np.tile(np.arange(n) if groups is None else groups, times)


def _stacked_folds(folds: Sequence[Folds], n_rows: int) -> Folds:
    found: list[Fold] = []
    for number, each in enumerate(folds):
        start, shift = len(found), number * n_rows
        found += [
            Fold(fold.train + shift, fold.test + shift, tuple(start + j for j in fold.lines))
            for fold in each.folds
        ]
    return Folds(tuple(found), folds[0].kind, folds[0].requested, folds[0].reason)


def _stacked_judged(parts: Sequence[Any]) -> Any:
    """Lay what each repeat said of the rows under each other; line, or rule, and calibration are the middle one's."""
    names = ("proba", "decided") if isinstance(parts[0], ClassJudged) else ("proba", "alerts", "thresholds")
    rows = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(parts[_middle(parts)], **rows)


def _middle(parts: Sequence[Any]) -> int:
    """Number the repeat whose line, or of several classes whose figure, is the middle one (the lower of two)."""
    found = [p.point.value if isinstance(p, ClassJudged) else p.point.threshold for p in parts]
    order = np.argsort(found, kind="stable")
    return int(order[(len(order) - 1) // 2])


def typical(repeats: Sequence[Repeat], candidate: str) -> Repeat:
    """Give the repeat whose line for a candidate is the middle one: its line, calibration and scores are shipped.

    Parameters
    ----------
    repeats : sequence of Repeat
        At least one.
    candidate : str
        A candidate of all of them.

    Returns
    -------
    Repeat
        One of them, so that the figures behind the line are those of whole rows.
    """
    return repeats[_middle([repeat.judged[candidate] for repeat in repeats])]


@dataclass(frozen=True)
class Stability:
    """How a candidate did from repeat to repeat.

    Attributes
    ----------
    values : tuple of float
        The goal's figure in each repeat; NaN where undefined.
    led_share : float
        Share of the repeats in which no candidate did better.
    """

    values: tuple[float, ...]
    led_share: float


def stability(repeats: Sequence[Repeat]) -> dict[str, Stability]:
    """Say how steadily each candidate did.

    Parameters
    ----------
    repeats : sequence of Repeat
        At least one.

    Returns
    -------
    dict of str to Stability
        By candidate that is in all repeats; empty where there is one repeat, which says nothing of steadiness.
    """
    if len(repeats) < 2:
        return {}
    metric = _metric(repeats[0].case)
    sign = 1.0 if repeats[0].case.goal.greater_is_better else -1.0
    found = [_drawn(repeat.case, repeat.judged, 2).values for repeat in repeats]
    names = [name for name in found[0] if all(name in each for each in found)]
    values = np.array([[each[name][metric] for each in found] for name in names])
    ranked = np.where(np.isnan(values), -np.inf, sign * values)
    led = ranked == ranked.max(axis=0)
    return {name: Stability(tuple(values[j].tolist()), float(led[j].mean())) for j, name in enumerate(names)}


def dealt_again(seed: int, number: int) -> int:
    """Seed the deal of a repeat.

    Parameters
    ----------
    seed : int
        The trial's.
    number : int
        Which repeat; 0 is dealt with the trial's own seed.

    Returns
    -------
    int
        A seed of its own.
    """
    return Streams.of(seed).child("repeat", number).seed() if number else seed
