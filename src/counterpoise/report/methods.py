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
    return [
        _folds(record),
        "Every candidate learned from the same rows and was judged on the same rows. Treatments touch only the rows "
        "learned from. Probabilities are put back to the natural rate of positives and calibrated on rows that the "
        "model had not seen.",
        f"The line was drawn for the goal {record.goal}. A line is never judged by the rows that drew it: the figures "
        "come from decisions of which each fold had no part in its own line. The curves and the interactive line use "
        "all out-of-fold rows.",
        f"Intervals hold with {share(record.verdict.confidence)} confidence. Differences are paired: both models on "
        "the same rows.",
    ]


def _folds(record: TrialRecord) -> str:
    folds = record.folds
    kind = next((words for key, words in _KINDS.items() if key in folds.kind.lower()), folds.kind)
    fewer = ""
    if folds.reason:
        fewer = f" {folds.requested} were asked for: {folds.reason.rstrip('.')}."
    return f"The table was split into {len(folds.folds)} folds {kind}.{fewer}"
