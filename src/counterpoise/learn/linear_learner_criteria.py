"""What makes one member of a family better than another, and where its line is drawn.

One sort of the validation scores gives every line that can be drawn between two distinct scores, with its counts;
each criterion is a function of those counts. Nothing is searched on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.errors import OptionError, nearest_names

__all__ = ["CRITERIA", "Counts", "Criterion", "best_line", "counts_at_lines", "cross_entropy"]

CRITERIA = (
    "accuracy",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "cross_entropy_loss",
)
"""Amazon's names of the criteria."""


@dataclass(frozen=True)
class Criterion:
    """What a family is judged by.

    Attributes
    ----------
    name : str
        One of `CRITERIA`.
    target_recall, target_precision : float
        Targets of the two criteria with one, between 0 and 1.
    beta : float
        Weight of recall in ``f_beta``.
    """

    name: str
    target_recall: float = 0.8
    target_precision: float = 0.8
    beta: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in CRITERIA:
            raise OptionError(
                f"binary_classifier_model_selection_criteria={self.name!r} was given.",
                expected=f"Expected one of {', '.join(CRITERIA)}.",
                why="The family is judged by it.",
                hint=nearest_names(str(self.name), list(CRITERIA)),
            )
        for name, value in (
            ("target_recall", self.target_recall),
            ("target_precision", self.target_precision),
        ):
            if not 0 < value <= 1:
                raise OptionError(
                    f"{name}={value!r} was given.", expected="Expected a share above 0, at most 1."
                )
        if not self.beta > 0:
            raise OptionError(f"f_beta_score={self.beta!r} was given.", expected="Expected a number above 0.")

    @property
    def is_loss(self) -> bool:
        """Whether less is better."""
        return self.name == "cross_entropy_loss"


@dataclass(frozen=True)
class Counts:
    """Weighted counts at every line that can be drawn, from the highest score down.

    Attributes
    ----------
    line : ndarray of shape (n_lines,), float64
        Rows that score at least this are called positive; the first line calls none.
    tp, fp : ndarray of shape (n_lines,), float64
        True and false positives.
    """

    line: np.ndarray
    tp: np.ndarray
    fp: np.ndarray


def counts_at_lines(is_positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> Counts:
    """Count at every line between two distinct scores.

    Parameters
    ----------
    is_positive : ndarray of shape (n,), bool
        Which rows are positive.
    score : ndarray of shape (n,), float64
        Scores, finite.
    weight : ndarray of shape (n,), float64
        Weights.

    Returns
    -------
    Counts
        The lines lie half-way between neighbouring scores; the last one calls every row positive.
    """
    order = np.argsort(-score, kind="stable")
    ranked, mass = score[order], weight[order]
    hit = np.where(is_positive[order], mass, 0.0)
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    below = np.append(ranked[last[:-1] + 1], 2 * ranked[-1] - ranked[0] - 1.0)
    middle = 0.5 * (ranked[last] + below)
    line = np.concatenate([[ranked[0] + 1.0], np.where(middle > below, middle, ranked[last])])
    tp = np.concatenate([[0.0], np.cumsum(hit)[last]])
    fp = np.concatenate([[0.0], np.cumsum(mass - hit)[last]])
    return Counts(line, tp, fp)


def best_line(criterion: Criterion, counts: Counts) -> tuple[float, float]:
    """Draw the line that serves a criterion best.

    Parameters
    ----------
    criterion : Criterion
        Any but ``cross_entropy_loss``.
    counts : Counts
        From `counts_at_lines`.

    Returns
    -------
    value : float
        The criterion there; -1 where no line reaches a target.
    line : float
        The line; of equals the one that finds more positives. Where no line reaches the target precision, the
        one of the highest precision.
    """
    tp, fp = counts.tp, counts.fp
    positives, negatives = tp[-1], fp[-1]
    called = np.where(tp + fp > 0, tp + fp, 1.0)
    precision, recall = tp / called, tp / positives
    if criterion.name == "accuracy":
        value = (tp + negatives - fp) / (positives + negatives)
    elif criterion.name == "f_beta":
        square = criterion.beta**2
        value = (1 + square) * tp / (square * positives + tp + fp)
    elif criterion.name == "precision_at_target_recall":
        value = np.where(recall >= criterion.target_recall * (1 - 1e-12), precision, -1.0)
    else:
        value = np.where((precision >= criterion.target_precision) & (tp > 0), recall, -1.0)
    if value.max() < 0:
        best = int(np.lexsort((tp, precision))[-1])
        return -1.0, float(counts.line[best])
    best = int(np.lexsort((tp, value))[-1])
    return float(value[best]), float(counts.line[best])


def cross_entropy(is_positive: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Give the mean log loss of log-odds.

    Parameters
    ----------
    is_positive : ndarray of shape (n,), bool
        Which rows are positive.
    score : ndarray of shape (n,), float64
        Log-odds.
    weight : ndarray of shape (n,), float64
        Weights.

    Returns
    -------
    float
        In nats, at least 0.
    """
    wrong = np.where(is_positive, -score, score)
    return float(weight @ (np.maximum(wrong, 0.0) + np.log1p(np.exp(-np.abs(wrong)))) / weight.sum())
