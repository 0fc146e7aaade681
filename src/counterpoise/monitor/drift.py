r"""How far rows are from those of training: distances of histograms, and evidence that they left a tolerated range.

The population stability index :math:`\sum_k (q_k - p_k) \log(q_k / p_k)` is never 0 by chance: with B bins, n rows now
and m in training it is about a :math:`\chi^2_{B-1}` variable times :math:`1/n + 1/m` when nothing has changed
(B. Yurdakul, J. Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation
14, 2020). Kolmogorov's distance is the largest difference of cumulated shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from counterpoise.evaluate.intervals import proportion
from counterpoise.monitor.evidence import mean_evidence, over_starts, rate_evidence
from counterpoise.monitor.records import Bins, FeatureReport, Reference, Rules

__all__ = [
    "Marks",
    "feature_marks",
    "feature_report",
    "ks",
    "marks_evidence",
    "psi",
    "psi_by_chance",
    "score_marks",
]

LEAST_SHARE = 1e-4
"""Empty bins count as this share in the index, which would be infinite."""

REFERENCE_CONFIDENCE = 0.99
"""The training histogram is itself an estimate: tolerated ranges are widened by intervals of this confidence."""

LOWEST_SCORE = 0.1
"""Scores below this share of the base rate are all the same to a decision; how they lie is not watched."""


def psi(reference: np.ndarray, counts: np.ndarray) -> float:
    """Give the population stability index of two histograms.

    Parameters
    ----------
    reference : ndarray of shape (n_bins,)
        Rows of training.
    counts : ndarray of shape (n_bins,)
        Rows of now.

    Returns
    -------
    float
        0 where the shares are equal; NaN without rows.
    """
    if reference.sum() <= 0 or counts.sum() <= 0:
        return float("nan")
    used = (reference > 0) | (counts > 0)
    p, q = (np.maximum(each[used] / each.sum(), LEAST_SHARE) for each in (reference, counts))
    return float(((q - p) * np.log(q / p)).sum())


def psi_by_chance(reference: np.ndarray, counts: np.ndarray, confidence: float = 0.95) -> float:
    """Give what the index reaches by chance alone.

    Parameters
    ----------
    reference : ndarray of shape (n_bins,)
        Rows of training.
    counts : ndarray of shape (n_bins,)
        Rows of now.
    confidence : float, default=0.95
        Of staying below.

    Returns
    -------
    float
        A quantile; NaN without rows.
    """
    if reference.sum() <= 0 or counts.sum() <= 0:
        return float("nan")
    freedom = max(1, int((reference > 0).sum()) - 1)
    return float(chi2.ppf(confidence, freedom) * (1.0 / reference.sum() + 1.0 / counts.sum()))


def ks(reference: np.ndarray, counts: np.ndarray, *, is_ordered: bool = True) -> float:
    """Give Kolmogorov's distance, or the total variation distance where bins have no order.

    Parameters
    ----------
    reference : ndarray of shape (n_bins,)
        Rows of training.
    counts : ndarray of shape (n_bins,)
        Rows of now.
    is_ordered : bool, default=True
        Whether bins follow each other.

    Returns
    -------
    float
        Between 0 and 1; NaN without rows.
    """
    if reference.sum() <= 0 or counts.sum() <= 0:
        return float("nan")
    apart = counts / counts.sum() - reference / reference.sum()
    return float(np.abs(np.cumsum(apart)).max() if is_ordered else np.abs(apart).sum() / 2)


# --- evidence ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Marks:
    """Sets of bins whose share is watched, each with the range in which it may lie.

    Attributes
    ----------
    members : ndarray of shape (n_marks, n_bins), bool
        Which bins belong to each set.
    low, high : ndarray of shape (n_marks,), float64
        Tolerated shares.
    """

    members: np.ndarray
    low: np.ndarray
    high: np.ndarray


def feature_marks(bins: Bins, rules: Rules) -> Marks:
    """Watch the cumulated shares of a feature of numbers, the share of each level, and what is missing.

    Parameters
    ----------
    bins : Bins
        Of training.
    rules : Rules
        With the tolerated shift.

    Returns
    -------
    Marks
        One for each edge or level, and one for missing values.
    """
    n = len(bins.counts)
    if bins.levels:
        members = np.eye(n, dtype=bool)
    else:
        cumulated = np.tril(np.ones((n - 2, n), dtype=bool))
        members = np.concatenate([cumulated, np.eye(n, dtype=bool)[-1:]])
    low, high = _widened(members, np.asarray(bins.counts))
    return Marks(members, np.maximum(low - rules.shift, 0.0), np.minimum(high + rules.shift, 1.0))


def score_marks(reference: Reference, before: np.ndarray, rules: Rules) -> Marks | None:
    """Watch the share of rows above each edge between scores that matters to a decision.

    Parameters
    ----------
    reference : Reference
        With the edges between the scores of training.
    before : ndarray of shape (n_bins,)
        Rows in each bin that scores are held against.
    rules : Rules
        With the tolerated factor, on the odds of each share.

    Returns
    -------
    Marks or None
        None where the scores of training are not known.
    """
    if reference.scores is None:
        return None
    edges, n = np.asarray(reference.scores.edges), len(reference.scores.counts)
    which = np.flatnonzero(edges >= LOWEST_SCORE * reference.base_rate)
    members = np.zeros((len(which), n), dtype=bool)
    for row, edge in enumerate(which):
        members[row, edge + 1 : n - 1] = True
    low, high = _widened(members, before)
    return Marks(members, _scaled(low, 1 / rules.factor), _scaled(high, rules.factor))


def _scaled(share: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the odds of shares."""
    return np.asarray(share * factor / (1 - share + share * factor))


def _widened(members: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = counts.sum()
    found = [
        proportion(float(np.clip(hits, 0.0, total)), float(total), REFERENCE_CONFIDENCE)
        for hits in members @ counts
    ]
    return np.array([each.lower for each in found]), np.array([each.upper for each in found])


def marks_evidence(marks: Marks, counts: np.ndarray) -> tuple[float, int]:
    """Give the evidence that any watched share has left its range.

    Parameters
    ----------
    marks : Marks
        What is watched.
    counts : ndarray of shape (n_windows, n_bins)
        Rows of each window.

    Returns
    -------
    evidence : float
        Logarithm of the e-value: the mean over the marks, mixed over the windows where a change may have begun.
    start : int
        The window from which most of it comes.
    """
    if len(counts) == 0 or len(marks.low) == 0:
        return 0.0, 0
    since = np.cumsum(counts[::-1], axis=0)[::-1].astype(np.float64)
    trials = np.broadcast_to(since.sum(axis=1)[:, None], (len(since), len(marks.low)))
    each = rate_evidence(since @ marks.members.T.astype(np.float64), trials, marks.low, marks.high)
    mixed, start = over_starts(mean_evidence(each))
    return float(mixed), int(start)


def feature_report(name: str, bins: Bins, counts: np.ndarray) -> FeatureReport:
    """Say how far a feature is from training.

    Parameters
    ----------
    name : str
        The feature.
    bins : Bins
        Of training.
    counts : ndarray of shape (n_bins,)
        Rows of now.

    Returns
    -------
    FeatureReport
        Distances, and the bin that moved most.
    """
    before = np.asarray(bins.counts)
    p, q = before / max(before.sum(), 1.0), counts / max(counts.sum(), 1.0)
    most = int(np.abs(q - p).argmax())
    return FeatureReport(
        name=name,
        psi=psi(before, counts),
        ks=ks(before, counts, is_ordered=not bins.levels),
        psi_by_chance=psi_by_chance(before, counts),
        missing=float(q[-1]),
        missing_in_training=float(p[-1]),
        largest=f"{bins.names[most]}: {p[most]:.1%} in training, {q[most]:.1%} now",
    )
