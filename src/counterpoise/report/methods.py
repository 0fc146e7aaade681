"""How a trial was done, in words, from its record."""

from __future__ import annotations

from counterpoise.evaluate.records import TrialRecord
from counterpoise.report.words import share

__all__ = ["methods_of"]

_KINDS = {
    "time": "ordered in time: each fold is judged on rows later than those it learned from",
    "grouped": "of whole groups: no group is on both sides of a fold",
    "stratified": "drawn at random within each class, so that every fold has its share of the positives",
}


def methods_of(record: TrialRecord) -> list[str]:
    """Describe how the trial was done.

    Parameters
    ----------
    record : TrialRecord
        The trial.

    Returns
    -------
    list of str
        Paragraphs.
    """
    several = any(candidate.classes for candidate in record.candidates)
    return [
        _folds(record),
        "Every candidate learned from the same rows and was judged on the same rows. Treatments touch only the rows "
        "learned from. Probabilities are put back to the natural rate of positives and calibrated on rows that the "
        "model had not seen.",
        _rules(record) if several else _lines(record),
        f"Intervals hold with {share(record.verdict.confidence)} confidence. Differences are paired: both models on "
        "the same rows.",
    ]


def _lines(record: TrialRecord) -> str:
    return (
        f"The line was drawn for the goal {record.goal}. A line is never judged by the rows that drew it: the figures "
        "come from decisions of which each fold had no part in its own line. The curves and the interactive line use "
        "all out-of-fold rows."
    )


def _rules(record: TrialRecord) -> str:
    return (
        f"One of several classes is chosen by a rule found for the goal {record.goal}: a weight on each probability, "
        "or the least expected cost. A rule is never judged by the rows that it was found on. Figures over all classes "
        "are means over the classes, each against the rest; log loss, accuracy, cost and the correlation look at all "
        "at once, the Brier score is a sum, and the ratio to the base rate is the rarest class's."
    )


def _folds(record: TrialRecord) -> str:
    folds = record.folds
    kind = next((words for key, words in _KINDS.items() if key in folds.kind.lower()), folds.kind)
    fewer = ""
    if folds.reason:
        fewer = f" {folds.requested} were asked for: {folds.reason.rstrip('.')}."
    return f"The table was split into {len(folds.folds)} folds {kind}.{fewer}"
