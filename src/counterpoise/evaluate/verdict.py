"""The verdict: whether any treatment is better than treating nothing, in a sentence that may say no.

A treatment is called better only where the simultaneous interval of its paired difference to the best untreated
model lies wholly on the better side, and its lines keep the goal's limits at least as well. Simultaneous: the
intervals of all treatments together hold with the stated confidence, so that trying many does not find something by
luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoise.decide import Goal
from counterpoise.evaluate.candidates import UNTREATED
from counterpoise.evaluate.records import Estimate, VerdictRecord

if TYPE_CHECKING:
    from counterpoise.evaluate.figures import Figures

__all__ = ["Contender", "reach_verdict"]


@dataclass(frozen=True)
class Contender:
    """A candidate that was judged.

    Attributes
    ----------
    name, treatment, learner : str
        What it is.
    cost : float
        Relative time to fit, for "simplest".
    is_untreated : bool
        Whether treatment and learner leave the imbalance alone.
    """

    name: str
    treatment: str
    learner: str
    cost: float
    is_untreated: bool


def reach_verdict(contenders: list[Contender], figures: Figures, goal: Goal) -> VerdictRecord:
    """Compare every treatment with the best untreated model.

    Parameters
    ----------
    contenders : list of Contender
        At least one of them untreated.
    figures : Figures
        Their figures on common resamples.
    goal : Goal
        What good means.

    Returns
    -------
    VerdictRecord
        Champion, baseline, difference, and a sentence.
    """
    untreated = [c for c in contenders if c.is_untreated]
    treated = [c for c in contenders if not c.is_untreated]
    baseline = _best(untreated, figures, goal)
    differences = figures.simultaneous([c.name for c in treated], baseline.name)
    winners = [
        c
        for c in treated
        if _is_better(differences[c.name], goal) and _keeps_limits(c.name, baseline.name, figures, goal)
    ]
    shown: Contender | None
    if winners:
        champion = shown = _best(winners, figures, goal)
        outcome = "better"
    else:
        champion = baseline
        shown = _best(treated, figures, goal) if treated else None
        all_worse = bool(treated) and all(_is_worse(differences[c.name], goal) for c in treated)
        outcome = "worse" if all_worse else "no difference shown"
    difference = differences[shown.name] if shown is not None else None
    needed = _needed(difference, figures, goal) if outcome == "no difference shown" else None
    sentence = _sentence(outcome, baseline, shown, difference, needed, figures, goal)
    return VerdictRecord(
        outcome=outcome,  # type: ignore[arg-type]  # one of the three words above
        champion=champion.name,
        baseline=baseline.name,
        difference=difference,
        confidence=figures.confidence,
        sentence=sentence,
        details=_details(needed, figures, goal),
        positives_needed=None if needed is None else needed.n_positive,
        difference_to_show=None if needed is None else needed.difference,
    )


def _best(contenders: list[Contender], figures: Figures, goal: Goal) -> Contender:
    sign = 1.0 if goal.greater_is_better else -1.0

    def rank(contender: Contender) -> tuple[float, float]:
        value = figures.value(contender.name)
        return (-math.inf if value is None or math.isnan(value) else sign * value, -contender.cost)

    return max(contenders, key=rank)


def _keeps_limits(candidate: str, baseline: str, figures: Figures, goal: Goal) -> bool:
    """Say whether a candidate's own lines may keep every limit of the goal, or keep it as well as the baseline's.

    A line that has slipped below a limit by no more than luck explains is no reason against the candidate: the
    difference is taken where the limit is just kept. One that is shown to miss it is.
    """
    for limit in goal.constraints:
        sign = 1.0 if limit.sign == ">=" else -1.0
        reached, of_baseline = (figures.limited(name, limit.metric) for name in (candidate, baseline))
        reach = sign * figures.limited_at_best(candidate, limit)
        if max(sign * reached, reach) < min(sign * figures.bound(limit), sign * of_baseline):
            return False
    return True


def _is_better(difference: Estimate, goal: Goal) -> bool:
    edge = difference.lower if goal.greater_is_better else difference.upper
    return edge is not None and (edge > 0 if goal.greater_is_better else edge < 0)


def _is_worse(difference: Estimate, goal: Goal) -> bool:
    edge = difference.upper if goal.greater_is_better else difference.lower
    return edge is not None and (edge < 0 if goal.greater_is_better else edge > 0)


# --- words ---------------------------------------------------------------------------------------------------


def _sentence(
    outcome: str,
    baseline: Contender,
    shown: Contender | None,
    difference: Estimate | None,
    needed: _Needed | None,
    figures: Figures,
    goal: Goal,
) -> str:
    measure = _measure(goal)
    of_baseline = (
        f"{baseline.name}, untreated, with its own line ({measure} {_say(figures.value(baseline.name))})"
    )
    if shown is None or difference is None:
        return f"Treat nothing: only untreated models were tried, and the best is {of_baseline}."
    gap = f"{_signed(difference.value)} ({_signed(difference.lower)} to {_signed(difference.upper)})"
    if outcome == "better":
        helper = shown.learner if shown.treatment == UNTREATED else shown.treatment
        return (
            f"{helper} helps: {shown.name} reaches {measure} {_say(figures.value(shown.name))}, "
            f"{gap} against {of_baseline}."
        )
    if outcome == "worse":
        return (
            f"Treat nothing: every treatment is worse than {of_baseline}; the best, {shown.name}, by {gap}."
        )
    return (
        f"Treat nothing: no treatment is shown to be better than {of_baseline}; "
        f"the best, {shown.name}, differs by {gap}." + ("" if needed is None else f" {needed.sentence}")
    )


def _details(needed: _Needed | None, figures: Figures, goal: Goal) -> list[str]:
    details = [
        f"Differences are paired: the same rows, resampled {figures.n_draws} times; intervals hold together for all "
        f"treatments at {100 * figures.confidence:g} % confidence.",
        f"{figures.n_positive} {figures.counted} judged.",
    ]
    if goal.constraints:
        details.append(
            "Differences are those at the goal's limits: each candidate at the line that just keeps them, drawn anew "
            "in every resample, so that none gains by where its line fell."
        )
    return details if needed is None else [*details, needed.sentence]


@dataclass(frozen=True)
class _Needed:
    """How many positives it would take to show a difference."""

    n_positive: int
    difference: float
    sentence: str


def _needed(difference: Estimate | None, figures: Figures, goal: Goal) -> _Needed | None:
    """Say how many positives would make the interval as narrow as a difference is large.

    The width goes with one over the root of the positives. The difference is the one that was seen, where it is a
    gain; else half of the smallest gain that this trial would have shown.
    """
    if difference is None or difference.value is None or difference.lower is None or difference.upper is None:
        return None
    sign = 1.0 if goal.greater_is_better else -1.0
    gain = sign * difference.value
    reach = (
        difference.value - difference.lower if goal.greater_is_better else difference.upper - difference.value
    )
    if not reach > 0:
        return None
    sought = gain if gain > 0 else reach / 2
    n = _rounded(figures.n_positive * (reach / sought) ** 2)
    counted = figures.counted
    if gain > 0:
        said = f"If it really differs by {_signed(difference.value)}, about {n:,} {counted} would be needed to show it."
    else:
        said = (
            f"A gain of {_signed(sign * reach)} would have been shown; for one of {_signed(sign * sought)} about "
            f"{n:,} {counted} would be needed."
        )
    return _Needed(n, sign * sought, said)


def _rounded(n: float) -> int:
    """Round up to two digits: more would pretend to know."""
    step: int = 10 ** max(0, math.ceil(math.log10(max(n, 1.0))) - 2)
    return int(math.ceil(n / step) * step)


def _measure(goal: Goal) -> str:
    name = goal.metric.replace("_", " ")
    return f"{name} at {goal.name}" if goal.constraints else name


def _say(value: float | None) -> str:
    return (
        "undefined"
        if value is None or math.isnan(value)
        else f"{value:.3f}"
        if abs(value) < 100
        else f"{value:,.0f}"
    )


def _signed(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:+.3f}"
