r"""A line moved without training again: another base rate, other costs.

Where only the balance of the classes changes, probabilities move in closed form (`calibrate.change_prior`), recall
and false-positive rate of a line stay, and every count of the curve is scaled by the change of its class. Sources: C.
Elkan, IJCAI 2001, theorem 2; M. Saerens et al., Neural Computation 14, 2002.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from counterpoise.calibrate.prior import change_prior
from counterpoise.decide.costs import cost_threshold
from counterpoise.decide.curve import ThresholdCurve
from counterpoise.decide.goal import Goal
from counterpoise.decide.point import OperatingPoint
from counterpoise.errors import NotApplicable

__all__ = ["reweighted", "with_costs", "with_prior"]

_UNMOVED = ("gmean", "balanced_accuracy")
_RATES = ("recall", "fpr", "specificity")


def reweighted(curve: ThresholdCurve, prior: float) -> ThresholdCurve:
    """Give the curve that the same scores would have at another base rate.

    Parameters
    ----------
    curve : ThresholdCurve
        The curve.
    prior : float
        The base rate, strictly between 0 and 1.

    Returns
    -------
    ThresholdCurve
        The curve with positives and negatives scaled to that rate; the total weight stays.

    Raises
    ------
    InputError
        If the base rate is outside its range.
    NotApplicable
        If the curve has one class only.
    """
    change_prior([0.5], 0.5, prior)
    positive, negative = float(curve.tp[-1]), float(curve.fp[-1])
    if positive <= 0.0 or negative <= 0.0:
        raise NotApplicable(
            "A curve of one class was given.",
            expected="Expected positives and negatives.",
            why="One class cannot be scaled against another.",
            hint="Draw the curve on rows that hold both classes.",
        )
    total = positive + negative
    return curve.scaled(prior * total / positive, (1.0 - prior) * total / negative)


def with_prior(
    point: OperatingPoint,
    old: float,
    new: float,
    *,
    curve: ThresholdCurve | None = None,
    n_days: float | None = None,
) -> OperatingPoint:
    """Move a line to another base rate, on probabilities that are moved along.

    The new threshold is for ``change_prior(proba, old, new)``. With the curve the line is drawn anew for the goal at
    the new rate. Without it: a cost line stays where it is on the new probabilities; a line for recall, specificity,
    false-positive rate, G-mean or balanced accuracy alerts the same rows as before.

    Parameters
    ----------
    point : OperatingPoint
        The line, on probabilities that are right at the old rate.
    old : float
        Base rate for which the probabilities are right.
    new : float
        Base rate where the model is used now.
    curve : ThresholdCurve, optional
        The curve that the line was drawn on.
    n_days : float, optional
        Days that the curve's rows span, for alerts per day.

    Returns
    -------
    OperatingPoint
        The moved line, its version one higher, its history one sentence longer.

    Raises
    ------
    NotApplicable
        If the goal needs the curve, which was not given.
    InputError
        If a base rate is outside its range.

    Examples
    --------
    >>> curve = ThresholdCurve.from_scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> point = curve.best("cost(fn=9, fp=1)")
    >>> with_prior(point, 0.5, 0.1).threshold == point.threshold
    True
    """
    moved_line = _moved(point.threshold, old, new)
    why = f"prior {old:.6g} -> {new:.6g}"
    goal = point.as_goal()
    if curve is not None:
        found = reweighted(curve, new).best(goal, n_days=n_days, nearest=True)
        return _carry_over(point, found, _moved(found.threshold, old, new), why)
    if goal.objective.name == "cost" and not goal.constraints:
        return point.moved(point.threshold, why)
    if goal.constraints:
        stays = all(limit.metric in _RATES for limit in goal.constraints)
    else:
        stays = goal.objective.name in _UNMOVED
    if stays:
        return point.moved(moved_line, why)
    raise NotApplicable(
        f"The line for {goal.name!r} was to be moved to the base rate {new:g} without its curve.",
        expected="Expected the curve that the line was drawn on.",
        why="Where this goal's best line lies depends on the balance of the classes at every line.",
        hint="Pass curve=, or use a goal of recall, false-positive rate or cost.",
    )


def with_costs(
    point: OperatingPoint,
    fn: float,
    fp: float,
    *,
    tp: float = 0.0,
    tn: float = 0.0,
    curve: ThresholdCurve | None = None,
) -> OperatingPoint:
    """Move a line to other costs of errors.

    Parameters
    ----------
    point : OperatingPoint
        The line, on calibrated probabilities.
    fn : float
        Cost of a missed positive.
    fp : float
        Cost of a false alert.
    tp : float, default=0.0
        Cost of a caught positive; negative for a gain.
    tn : float, default=0.0
        Cost of a negative left alone.
    curve : ThresholdCurve, optional
        The curve that the line was drawn on; with it the line is the best on its rows, without it Elkan's line on
        the probability.

    Returns
    -------
    OperatingPoint
        The moved line with its new goal, its version one higher.

    Raises
    ------
    InputError
        If an error costs less than the right decision.
    GoalError
        If a cost is negative.
    """
    line = float(cost_threshold(fn, fp, tp, tn))
    fn, fp, tp, tn = float(fn), float(fp), float(tp), float(tn)  # NumPy writes its numbers with their type
    goal = (
        Goal(f"cost(fn={fn!r}, fp={fp!r}, tp={tp!r}, tn={tn!r})")
        if tp or tn
        else Goal(f"cost(fn={fn!r}, fp={fp!r})")
    )
    why = goal.name
    if curve is not None:
        return _carry_over(point, curve.best(goal), None, why)
    moved = point.moved(line, why)
    return replace(
        moved,
        goal=goal.name,
        metric="cost",
        confidence=None,
        constraints=(),
        value=np.nan,
        lower=np.nan,
        upper=np.nan,
        tp=np.nan,
        fp=np.nan,
        fn=np.nan,
        tn=np.nan,
    )


def _moved(threshold: float, old: float, new: float) -> float:
    if not 0.0 <= threshold <= 1.0:
        change_prior([0.5], old, new)
        return threshold
    return float(change_prior(np.array([threshold]), old, new)[0])


def _carry_over(
    point: OperatingPoint, found: OperatingPoint, threshold: float | None, why: str
) -> OperatingPoint:
    earlier = replace(found, version=point.version, history=point.history)
    return earlier.moved(found.threshold if threshold is None else threshold, why)
