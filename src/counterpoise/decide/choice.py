"""The line that serves a goal best, among all lines of a curve.

Figures that can only get worse when more negatives are alerted for the same positives have their best line right
below a positive; then only those lines are looked at. Limits that must hold with confidence use the exact bounds of
`counterpoise.decide.bounds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from counterpoise.chance import Streams
from counterpoise.decide.bounds import (
    certified_by_fallback,
    lower_bound,
    miss_probability,
    sizes_to_test,
    two_sided,
    upper_bound,
)
from counterpoise.decide.confusion import f_beta, figure
from counterpoise.decide.curve import ThresholdCurve
from counterpoise.decide.goal import Constraint, Cost, Goal, Objective
from counterpoise.decide.point import ConstraintFigure, OperatingPoint
from counterpoise.errors import InputError, NotApplicable

__all__ = ["best_line", "named_costs", "point_at"]

_SLACK = 1e-12
_N_DRAWS = 2000
_MOST_TIMES = 1e4
_N_RESAMPLED = 100
_MOST_STEADIED = 20_000
_PROPORTIONS = ("recall", "precision", "specificity", "accuracy")


@dataclass(frozen=True)
class _Lines:
    """Some lines of a curve, from the strictest, with their confusion counts."""

    index: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.tp, self.fp, self.fn, self.tn

    def only(self, chosen: np.ndarray) -> _Lines:
        return _Lines(self.index[chosen], *(cell[chosen] for cell in self.cells))


def named_costs(goal: Goal, row_costs: Any) -> dict[str, Any]:
    """Match costs of rows to the columns that a goal names.

    Parameters
    ----------
    goal : Goal
        The goal.
    row_costs : array-like, mapping or frame
        An array where the goal names one column; else something that gives an array for each name.

    Returns
    -------
    dict of str to array-like
        The columns by name; empty where the goal names none.

    Raises
    ------
    InputError
        If a named column is not there.
    """
    if not goal.columns:
        return {}
    if isinstance(row_costs, Mapping) or hasattr(row_costs, "columns"):
        names = list(row_costs.keys() if isinstance(row_costs, Mapping) else row_costs.columns)
        missing = [name for name in goal.columns if name not in names]
        if missing:
            raise InputError(
                f"row_costs has the columns {names}, not {missing}.",
                expected=f"Expected {', '.join(goal.columns)}.",
                why=f"The goal {goal.name!r} names them.",
                hint="Pass a mapping from each name to one amount a row.",
            )
        return {name: np.asarray(row_costs[name]) for name in goal.columns}
    if len(goal.columns) > 1:
        raise InputError(
            f"One array of row costs was given for the columns {', '.join(goal.columns)}.",
            expected="Expected an array for each.",
            why="The goal names several columns.",
            hint="Pass row_costs as a mapping from name to array.",
        )
    return {goal.columns[0]: row_costs}


def best_line(
    curve: ThresholdCurve,
    goal: Goal,
    *,
    n_days: float | None,
    nearest: bool,
    interval: float,
    steady: bool = False,
) -> OperatingPoint:
    """Draw the line that serves a goal best; see `ThresholdCurve.best`.

    Parameters
    ----------
    curve : ThresholdCurve
        All lines.
    goal : Goal
        What good means.
    n_days : float or None
        Days that the rows span.
    nearest : bool
        Whether a line that misses the goal is better than none.
    interval : float
        Confidence of the interval of the value.
    steady : bool, default=False
        Take the mean line of resampled rows instead of the best of these.

    Returns
    -------
    OperatingPoint
        The line.

    Raises
    ------
    NotApplicable
        If the goal cannot be reached.
    InputError
        If days or columns are missing.
    """
    _need_both_classes(curve, goal)
    days = _days(goal, n_days)
    lines = _candidates(curve, goal)
    fits = _fits(curve, lines, goal, days)
    if fits.any():
        lines = lines.only(fits)
        chosen = _best_of(curve, lines, goal.objective, goal.confidence)
        if steady and _can_be_steadied(goal, lines):
            chosen = _steady_of(curve, lines, goal.objective)
        return _point(curve, lines, chosen, goal, days, interval)
    reason = _why_not(curve, goal, days)
    if not nearest:
        raise reason
    lines = _corners(curve)
    return _point(curve, lines, _nearest(curve, lines, goal, days), goal, days, interval, str(reason))


def point_at(
    curve: ThresholdCurve,
    threshold: float,
    goal: Goal,
    *,
    n_days: float | None = None,
    interval: float = 0.95,
) -> OperatingPoint:
    """Describe a line that was fixed beforehand, as the goal sees it.

    Parameters
    ----------
    curve : ThresholdCurve
        All lines.
    threshold : float
        The line.
    goal : Goal
        What good means; its limits are judged for this one line, so no allowance for choosing is made.
    n_days : float, optional
        Days that the rows span.
    interval : float, default=0.95
        Confidence of the interval of the value.

    Returns
    -------
    OperatingPoint
        The line, with `met` saying whether the limits hold.

    Raises
    ------
    NotApplicable
        If one class only is present.
    InputError
        If days or columns are missing.
    """
    _need_both_classes(curve, goal)
    lines = _all(curve)
    line = int(np.searchsorted(-curve.thresholds, -threshold, side="right")) - 1
    found = _point(curve, lines, line, goal, _days(goal, n_days), interval)
    met = all(limit.met for limit in found.constraints)
    return replace(found, threshold=float(threshold), met=met)


def _need_both_classes(curve: ThresholdCurve, goal: Goal) -> None:
    positives, negatives = curve.n_effective_positive, curve.n_effective_negative
    if positives <= 0 or negatives <= 0:
        raise NotApplicable(
            f"{curve.n_positive} positives in {curve.n_rows} rows were given.",
            expected="Expected rows of both classes (with positive weight).",
            why=f"No line can be drawn for {goal.name!r} where there is nothing to tell apart.",
            hint="Draw the line on rows that hold both classes.",
        )


def _days(goal: Goal, n_days: float | None) -> float:
    if not goal.needs_days:
        return np.nan
    if n_days is None or not np.isfinite(n_days) or n_days <= 0:
        raise InputError(
            f"n_days={n_days} was given for the goal {goal.name!r}.",
            expected="Expected the number of days that the rows span, above 0.",
            why="Alerts are counted per day.",
            hint="Pass n_days, name a time column, or write alerts<=100 for the whole table.",
        )
    return float(n_days)


# --- which lines -------------------------------------------------------------------------------------------


def _all(curve: ThresholdCurve) -> _Lines:
    return _Lines(np.arange(curve.tp.shape[0]), curve.tp, curve.fp, curve.fn, curve.tn)


def _corners(curve: ThresholdCurve) -> _Lines:
    """Give the lines right below a positive, and the one that alerts nobody."""
    index = curve.corners
    return _Lines(index, *curve.cells_at(index))


def _candidates(curve: ThresholdCurve, goal: Goal) -> _Lines:
    objective = goal.objective
    if goal.confidence is not None and any(each.metric == "precision" for each in goal.constraints):
        return _sizes(curve, next(each for each in goal.constraints if each.metric == "precision"))
    if objective.name == "mcc" or (objective.costs and not _fp_is_worse(objective)):
        return _all(curve)
    return _corners(curve)


def _fp_is_worse(objective: Objective) -> bool:
    fp, tn = objective.cost("fp"), objective.cost("tn")
    return tn.factor <= 0.0 or (tn.column == fp.column and tn.factor <= fp.factor)


def _sizes(curve: ThresholdCurve, limit: Constraint) -> _Lines:
    """Give the lines that alert a number of rows fixed beforehand."""
    size = np.maximum.accumulate(curve.n_effective_alerts())
    largest = min(curve.n_effective_positive / limit.limit, float(size[-1]))
    index = np.unique(np.searchsorted(size, sizes_to_test(largest) - _SLACK))
    index = index[(index > 0) & (index < size.shape[0])]
    return _Lines(index, *curve.cells_at(index))


# --- limits ------------------------------------------------------------------------------------------------


def _fits(curve: ThresholdCurve, lines: _Lines, goal: Goal, days: float) -> np.ndarray:
    fits = np.ones(lines.index.shape[0], dtype=bool)
    each = _confidence_each(goal)
    for limit in goal.constraints:
        if limit.metric == "precision" and each is not None:
            fits &= _certified(curve, lines, limit, 1.0 - each)
        else:
            fits &= _keeps(_bound(curve, lines, limit, each, days), limit)
    if goal.constraints and goal.objective.name == "recall":
        fits &= lines.tp > 0
    return fits


def _confidence_each(goal: Goal) -> float | None:
    """Share the chance of a miss out among the limits that chance decides."""
    uncertain = sum(limit.metric != "alerts" for limit in goal.constraints)
    return None if goal.confidence is None else 1.0 - (1.0 - goal.confidence) / max(uncertain, 1)


def _keeps(bound: np.ndarray, limit: Constraint) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        if limit.sign == ">=":
            return np.asarray(bound >= limit.limit - _SLACK)
        return np.asarray(bound <= limit.limit * (1.0 + _SLACK))


def _value(lines: _Lines, limit: Constraint, days: float) -> np.ndarray:
    if limit.metric != "alerts":
        return np.asarray(figure(limit.metric)(*lines.cells))
    alerts = lines.tp + lines.fp
    scale = {"table": 1.0, "day": days, "row": float(lines.tp[0] + lines.fp[0] + lines.fn[0] + lines.tn[0])}
    return np.asarray(alerts / scale[limit.per])


def _bound(
    curve: ThresholdCurve,
    lines: _Lines,
    limit: Constraint,
    confidence: float | None,
    days: float,
    times: float = 1.0,
) -> np.ndarray:
    """Give the figure that is held against a limit, as if there were `times` as many rows."""
    value = _value(lines, limit, days)
    if confidence is None or limit.metric == "alerts":
        return value
    trials = times * _trials(curve, lines, limit.metric)
    bound = upper_bound if limit.sign == "<=" else lower_bound
    return np.where(np.isnan(value), np.nan, bound(np.nan_to_num(value) * trials, trials, confidence))


def _trials(curve: ThresholdCurve, lines: _Lines, metric: str) -> Any:
    if metric == "recall":
        return curve.n_effective_positive
    if metric in ("fpr", "specificity"):
        return curve.n_effective_negative
    if metric == "precision":
        return curve.n_effective_alerts_at(lines.index)
    return curve.n_effective_positive + curve.n_effective_negative


def _certified(curve: ThresholdCurve, lines: _Lines, limit: Constraint, level: float) -> np.ndarray:
    trials = curve.n_effective_alerts_at(lines.index)
    value = np.nan_to_num(figure("precision")(*lines.cells))
    p_values = miss_probability(value * trials, trials, limit.limit)
    largest = curve.n_effective_positive / limit.limit
    return certified_by_fallback(p_values, trials, largest, level)


# --- the best ----------------------------------------------------------------------------------------------


def _best_of(curve: ThresholdCurve, lines: _Lines, objective: Objective, confidence: float | None) -> int:
    value = _objective(curve, lines, objective, confidence)
    value = np.where(np.isnan(value), -np.inf, value if objective.greater_is_better else -value)
    most = value.max()
    best = (
        np.flatnonzero(value >= most - _SLACK * max(abs(most), 1.0)) if np.isfinite(most) else np.array([0])
    )
    return int(best[-1] if objective.name == "precision" else best[0])


def _can_be_steadied(goal: Goal, lines: _Lines) -> bool:
    """Say whether a mean line has a meaning (limits need theirs) and a use (many positives need none)."""
    is_free = not goal.constraints and not goal.columns and goal.objective.name != "worst_cost"
    return is_free and goal.objective.name not in ("precision", "recall", "specificity") and _is_few(lines)


def _is_few(lines: _Lines) -> bool:
    return bool(3 <= lines.index.shape[0] <= _MOST_STEADIED)


def _steady_of(curve: ThresholdCurve, lines: _Lines, objective: Objective) -> int:
    """Give the line that alerts as many rows as the best lines of resampled rows do in the (geometric) mean.

    The best of many nearly equal lines is as much luck as merit; bagging (L. Breiman, 1996) halves what the luck
    costs on new rows. Resampled counts between lines are Gamma variables, the Bayesian bootstrap of their rows.
    """
    generator = Streams.of(0).child("steady line").generator()
    tp = _resampled(lines.tp, lines.tp[0] + lines.fn[0], curve.n_effective_positive, generator)
    fp = _resampled(lines.fp, lines.fp[0] + lines.tn[0], curve.n_effective_negative, generator)
    drawn = _Lines(lines.index, tp[:-1], fp[:-1], tp[-1] - tp[:-1], fp[-1] - fp[:-1])
    value = (
        _mean_cost(curve, drawn, objective) if objective.costs else _objective(curve, drawn, objective, None)
    )
    value = np.where(np.isnan(value), -np.inf, value if objective.greater_is_better else -value)
    alerts = lines.tp + lines.fp
    mean = float(np.exp(np.log(np.maximum(alerts[value.argmax(axis=0)], 0.5)).mean()))
    return int(np.argmin(np.abs(np.log(np.maximum(alerts, 0.5)) - np.log(mean))))


def _resampled(
    above: np.ndarray, total: float, n_effective: float, generator: np.random.Generator
) -> np.ndarray:
    steps = np.diff(np.append(above, total), prepend=0.0) * (n_effective / total)
    drawn = generator.standard_gamma(np.repeat(np.maximum(steps, 0.0)[:, None], _N_RESAMPLED, axis=1))
    return np.asarray(np.cumsum(drawn, axis=0) * (total / n_effective))


def _objective(
    curve: ThresholdCurve, lines: _Lines, objective: Objective, confidence: float | None
) -> np.ndarray:
    if objective.name == "f_beta":
        return np.asarray(f_beta(*lines.cells, objective.beta))
    if objective.name == "cost":
        return _mean_cost(curve, lines, objective)
    if objective.name == "worst_cost":
        return _worst_cost(curve, lines, objective, 0.95 if confidence is None else confidence)
    return np.asarray(figure(objective.name)(*lines.cells))


def _mean_cost(curve: ThresholdCurve, lines: _Lines, objective: Objective) -> np.ndarray:
    total = sum(_cell_cost(curve, lines, cell, objective.cost(cell)) for cell in ("tp", "fp", "fn", "tn"))
    return np.asarray(total / _mass(lines))


def _cell_cost(curve: ThresholdCurve, lines: _Lines, cell: str, cost: Cost) -> Any:
    if cost.factor == 0.0:
        return 0.0
    if cost.column is None:
        return cost.factor * getattr(lines, cell)
    above = curve.column_sums(cost.column, positive=cell in ("tp", "fn"))
    amounts = above if cell in ("tp", "fp") else above[-1] - above
    return cost.factor * amounts[lines.index]


def _worst_cost(curve: ThresholdCurve, lines: _Lines, objective: Objective, confidence: float) -> np.ndarray:
    trials = curve.n_effective_positive + curve.n_effective_negative
    each, mass = 0.5 + confidence / 2.0, _mass(lines)
    missed = upper_bound(lines.fn / mass * trials, trials, each)
    false = upper_bound(lines.fp / mass * trials, trials, each)
    return objective.cost("fn").factor * missed + objective.cost("fp").factor * false


def _mass(lines: _Lines) -> Any:
    mass = lines.tp[0] + lines.fp[0] + lines.fn[0] + lines.tn[0]
    return mass if np.ndim(mass) else float(mass)


# --- the point ---------------------------------------------------------------------------------------------


def _point(
    curve: ThresholdCurve,
    lines: _Lines,
    chosen: int,
    goal: Goal,
    days: float,
    interval: float,
    reason: str = "",
) -> OperatingPoint:
    one = lines.only(np.array([chosen]))
    value = float(_objective(curve, one, goal.objective, goal.confidence)[0])
    lower, upper = _interval(curve, one, goal, value, interval)
    each = _confidence_each(goal)
    return OperatingPoint(
        threshold=curve.between(int(one.index[0])),
        value=value,
        lower=lower,
        upper=upper,
        n_positive=curve.n_positive,
        n_rows=curve.n_rows,
        goal=goal.name,
        confidence=goal.confidence,
        metric=goal.metric,
        tp=float(one.tp[0]),
        fp=float(one.fp[0]),
        fn=float(one.fn[0]),
        tn=float(one.tn[0]),
        constraints=tuple(_limit_figure(curve, one, limit, each, days) for limit in goal.constraints),
        met=not reason,
        reason=reason,
        fingerprint=curve.fingerprint,
    )


def _limit_figure(
    curve: ThresholdCurve, one: _Lines, limit: Constraint, each: float | None, days: float
) -> ConstraintFigure:
    bound = _bound(curve, one, limit, each, days)
    met = bool(_keeps(bound, limit)[0])
    return ConstraintFigure(str(limit), float(_value(one, limit, days)[0]), float(bound[0]), met)


def _interval(
    curve: ThresholdCurve, one: _Lines, goal: Goal, value: float, level: float
) -> tuple[float, float]:
    if np.isnan(value):
        return np.nan, np.nan
    name = goal.objective.name
    if name in _PROPORTIONS:
        trials = np.atleast_1d(np.asarray(_trials(curve, one, name), dtype=np.float64))
        ends = two_sided(value * trials, trials, level)
        return float(ends[0][0]), float(ends[1][0])
    drawn = _drawn_cells(curve, one)
    figures = _drawn_objective(curve, one, drawn, goal.objective)
    lower, upper = np.nanquantile(figures, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return min(float(lower), value), max(float(upper), value)


def _drawn_cells(curve: ThresholdCurve, one: _Lines) -> _Lines:
    """Draw confusion matrices from the posterior under Jeffreys' prior (L. Brown et al., 2001)."""
    generator = np.random.default_rng(0)
    n_positive, n_negative = curve.n_effective_positive, curve.n_effective_negative
    found = float(one.tp[0] / (one.tp[0] + one.fn[0]))
    kept = float(one.tn[0] / (one.tn[0] + one.fp[0]))
    recall = generator.beta(found * n_positive + 0.5, (1.0 - found) * n_positive + 0.5, _N_DRAWS)
    specificity = generator.beta(kept * n_negative + 0.5, (1.0 - kept) * n_negative + 0.5, _N_DRAWS)
    mass = _mass(one)
    share = float(one.tp[0] + one.fn[0]) / mass
    n_rows = n_positive + n_negative
    positive = mass * generator.beta(share * n_rows + 0.5, (1.0 - share) * n_rows + 0.5, _N_DRAWS)
    negative = mass - positive
    cells = (positive * recall, negative * (1 - specificity), positive * (1 - recall), negative * specificity)
    return _Lines(np.zeros(_N_DRAWS, dtype=np.int64), *cells)


def _drawn_objective(curve: ThresholdCurve, one: _Lines, drawn: _Lines, objective: Objective) -> np.ndarray:
    if not objective.costs:
        return _objective(curve, drawn, objective, None)
    total = np.zeros(_N_DRAWS)
    for cell in ("tp", "fp", "fn", "tn"):
        count = float(getattr(one, cell)[0])
        cost = np.asarray(_cell_cost(curve, one, cell, objective.cost(cell)), dtype=np.float64)
        factor = float(cost.reshape(-1)[0]) / count if count > 0 else objective.cost(cell).factor
        total = total + factor * getattr(drawn, cell)
    return np.asarray(total / _mass(one))


# --- goals out of reach ------------------------------------------------------------------------------------


def _nearest(curve: ThresholdCurve, lines: _Lines, goal: Goal, days: float) -> int:
    gap = _gap(curve, lines, goal, days)
    value = _objective(curve, lines, goal.objective, goal.confidence)
    value = np.where(np.isnan(value), -np.inf, value if goal.greater_is_better else -value)
    best = np.flatnonzero(gap <= np.nanmin(gap) + _SLACK)
    return int(best[np.argmax(value[best])])


def _gap(curve: ThresholdCurve, lines: _Lines, goal: Goal, days: float) -> np.ndarray:
    """Give how far each line stays from the limits, each gap relative to its limit."""
    gap = np.zeros(lines.index.shape[0])
    for limit in goal.constraints:
        bound = _bound(curve, lines, limit, _confidence_each(goal), days)
        scale = max(limit.limit, 1e-6)
        short = (limit.limit - bound) if limit.sign == ">=" else (bound - limit.limit)
        gap += np.maximum(np.where(np.isnan(short), np.inf, short) / scale, 0.0)
    return np.where(lines.tp > 0, gap, np.inf)


def _why_not(curve: ThresholdCurve, goal: Goal, days: float) -> NotApplicable:
    lines = _corners(curve)
    near = lines.only(np.array([_nearest(curve, lines, goal, days)]))
    each = _confidence_each(goal)
    reached = ", ".join(
        _reached(limit, _value(near, limit, days), _bound(curve, near, limit, each, days), each)
        for limit in goal.constraints
    )
    return NotApplicable(
        f"The goal {goal} cannot be reached on {curve.n_positive} positives and "
        f"{curve.n_rows - curve.n_positive} negatives.",
        expected=f"The nearest line has {reached}.",
        why="No line keeps all limits" + ("" if goal.confidence is None else " with that confidence") + ".",
        hint=_what_would(curve, lines, goal, days),
    )


def _reached(limit: Constraint, value: np.ndarray, bound: np.ndarray, each: float | None) -> str:
    shown = f"{limit.metric} {float(value[0]):.4g}"
    if each is None or limit.metric == "alerts":
        return shown
    word = "at least" if limit.sign == ">=" else "at most"
    return f"{shown} ({word} {float(bound[0]):.4g} with {100 * each:.4g} % confidence)"


def _what_would(curve: ThresholdCurve, lines: _Lines, goal: Goal, days: float) -> str:
    def within(times: float, each: float | None) -> bool:
        fits = lines.tp > 0
        for limit in goal.constraints:
            fits = fits & _keeps(_bound(curve, lines, limit, each, days, times), limit)
        return bool(fits.any())

    each = _confidence_each(goal)
    if not within(1.0, None):
        return "More rows would not help, no line reaches it at face value: lower the limit or improve the model."
    if not within(_MOST_TIMES, each):
        return "The best line only just reaches it at face value: lower the limit a little."
    low, high = 1.0, _MOST_TIMES
    while high / low > 1.01:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if within(middle, each) else (middle, high)
    needed = int(np.ceil(high * curve.n_effective_positive))
    return f"With the same scores it would be reachable with about {needed} positives; or lower the limit."
