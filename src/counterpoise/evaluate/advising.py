"""What was advised before anything was trained, and whether the trial confirmed it.

Advice comes from the profile, with its source. Each piece that makes a claim about treatments or learners is held
against what the trial measured: it is *confirmed* or *contradicted* where an interval says so, *not shown* where none
does, and *not tested* where no candidate could tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterpoise.evaluate.candidates import UNTREATED
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.records import AdviceRecord, CandidateRecord, Estimate, VerdictRecord
from counterpoise.profile import Finding
from counterpoise.profile.advice import customary_treatments

__all__ = ["confirm_advice"]

_Said = tuple[str, str]
"""An outcome, and the evidence in a sentence."""


@dataclass(frozen=True)
class _Trial:
    """What the trial measured."""

    done: Sequence[CandidateRecord]
    figures: Figures
    verdict: VerdictRecord
    greater_is_better: bool
    rate: float

    def treated(self, *treatments: str) -> list[CandidateRecord]:
        return [each for each in self.done if each.treatment in treatments and each.difference is not None]

    def is_better(self, difference: Estimate) -> bool:
        end = difference.lower if self.greater_is_better else difference.upper
        return end is not None and (end > 0 if self.greater_is_better else end < 0)

    def is_worse(self, difference: Estimate) -> bool:
        end = difference.upper if self.greater_is_better else difference.lower
        return end is not None and (end < 0 if self.greater_is_better else end > 0)

    def between(self, one: str, other: str) -> Estimate:
        """Give the paired difference of the goal's figure, the first less the second."""
        return self.figures.simultaneous([one], other)[one]


def confirm_advice(
    advice: Sequence[Finding],
    candidates: Sequence[CandidateRecord],
    figures: Figures,
    verdict: VerdictRecord,
    *,
    greater_is_better: bool,
    rate: float,
) -> list[AdviceRecord]:
    """Hold the profile's advice against the trial.

    Parameters
    ----------
    advice : sequence of Finding
        Of the profile.
    candidates : sequence of CandidateRecord
        All of the trial.
    figures : Figures
        Of those that were run.
    verdict : VerdictRecord
        What was found.
    greater_is_better : bool
        Of the goal's figure.
    rate : float
        Share of positives.

    Returns
    -------
    list of AdviceRecord
        One for each finding that makes a claim a trial can test, in the order of the findings.
    """
    done = [each for each in candidates if each.status == "run"]
    trial = _Trial(done, figures, verdict, greater_is_better, rate)
    found = []
    for finding in advice:
        if finding.code in CLAIMS:
            outcome, evidence = CLAIMS[finding.code](trial)
            found.append(
                AdviceRecord.model_validate(
                    {**finding.model_dump(), "outcome": outcome, "evidence": evidence}
                )
            )
    return found


# --- claims ----------------------------------------------------------------------------------------------------


def _nothing_to_gain(trial: _Trial) -> _Said:
    """No treatment beats the untreated model with its own line."""
    if not any(each.difference is not None for each in trial.done) or trial.verdict.difference is None:
        return "not tested", "No treatment was tried."
    gap = _say(trial.verdict.difference)
    if trial.verdict.outcome == "better":
        return "contradicted", f"{trial.verdict.champion} beats {trial.verdict.baseline} by {gap}."
    return "confirmed", f"No treatment is shown to beat {trial.verdict.baseline}; the best differs by {gap}."


def _too_few_to_tell(trial: _Trial) -> _Said:
    """Small differences cannot be shown."""
    if trial.verdict.difference is None:
        return "not tested", "No treatment was tried."
    if trial.verdict.outcome == "no difference shown":
        return (
            "confirmed",
            f"The best treatment differs by {_say(trial.verdict.difference)}: nothing is shown.",
        )
    return "contradicted", f"A difference was large enough to be shown: {_say(trial.verdict.difference)}."


def _custom_helps(trial: _Trial) -> _Said:
    """What textbooks say beats no treatment."""
    names = customary_treatments(trial.rate)
    tried = trial.treated(*names)
    if not tried:
        return "not tested", f"None of {', '.join(names)} was tried."
    better = [each for each in tried if each.difference is not None and trial.is_better(each.difference)]
    worse = [each for each in tried if each.difference is not None and trial.is_worse(each.difference)]
    if better:
        return "confirmed", f"{_listed(better)} beat the untreated model of the same learner."
    if len(worse) == len(tried):
        return "contradicted", f"{_listed(worse)} are worse than the untreated model of the same learner."
    words = f"; {len(worse)} of them are worse" if worse else ""
    return (
        "not shown",
        f"None of {len(tried)} candidates with {', '.join(names)} beats the untreated model{words}.",
    )


def _thinning_costs_little(trial: _Trial) -> _Said:
    """Learning from a share of the negatives is hardly worse."""
    tried = trial.treated("random_under")
    if not tried:
        return "not tested", "random_under was not tried."
    worse = [each for each in tried if each.difference is not None and trial.is_worse(each.difference)]
    if worse:
        return (
            "contradicted",
            f"{_listed(worse)}: worse than with all negatives, by {_say(worse[0].difference)}.",
        )
    return "confirmed", f"{_listed(tried)}: not shown to be worse than with all negatives."


def _filter_beats_smote(trial: _Trial) -> _Said:
    """Weights, or a filter before SMOTE, do better than SMOTE."""
    pairs = [
        (one, other)
        for other in trial.treated("smote")
        for one in trial.treated("class_weight", "neighbour_filter_smote")
        if one.learner == other.learner
    ]
    if not pairs:
        return "not tested", "SMOTE and an alternative were not tried with the same learner."
    gaps = [(one, other, trial.between(one.candidate, other.candidate)) for one, other in pairs]
    better = [gap for gap in gaps if trial.is_better(gap[2])]
    worse = [gap for gap in gaps if trial.is_worse(gap[2])]
    if bool(better) == bool(worse):
        one, other, gap = gaps[0]
        return "not shown", f"{one.candidate} differs from {other.candidate} by {_say(gap)}."
    one, other, gap = (better or worse)[0]
    words = "beats" if better else "is worse than"
    return (
        "confirmed" if better else "contradicted",
        f"{one.candidate} {words} {other.candidate}: {_say(gap)}.",
    )


def _simple_learners_do(trial: _Trial) -> _Said:
    """The simplest learner does as well as the best."""
    plain = [each for each in trial.done if each.treatment == UNTREATED and each.fit_seconds is not None]
    if len(plain) < 2:
        return "not tested", "Only one untreated learner was tried."
    best, simple = plain[0], min(plain, key=lambda each: each.fit_seconds or 0.0)
    if best is simple:
        return "confirmed", f"{simple.candidate}, the fastest, is the best of the untreated learners."
    gap = trial.between(simple.candidate, best.candidate)
    if trial.is_worse(gap):
        return "contradicted", f"{simple.candidate}, the fastest, is behind {best.candidate}: {_say(gap)}."
    return (
        "confirmed",
        f"{simple.candidate}, the fastest, is not shown to be behind {best.candidate}: {_say(gap)}.",
    )


CLAIMS: dict[str, Callable[[_Trial], _Said]] = {
    "few-positives": _too_few_to_tell,
    "line-before-treatment": _nothing_to_gain,
    "mild-imbalance": _nothing_to_gain,
    "textbook-treatment": _custom_helps,
    "thin-negatives": _thinning_costs_little,
    "hard-minority": _filter_beats_smote,
    "safe-minority": _simple_learners_do,
}
"""The test of each finding that makes a claim, by its code."""


def _say(difference: Estimate | None) -> str:
    if difference is None or difference.value is None:
        return "an undefined difference"
    ends = "" if difference.lower is None else f" ({difference.lower:+.3g} to {difference.upper:+.3g})"
    return f"{difference.value:+.3g}{ends}"


def _listed(candidates: Sequence[CandidateRecord]) -> str:
    names = [each.candidate for each in candidates]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
