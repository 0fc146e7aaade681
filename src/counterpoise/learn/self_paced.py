"""Self-paced ensemble (Z. Liu et al., "Self-paced ensemble for highly imbalanced massive data classification", ICDE
2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError
from counterpoise.learn.ensemble import BalancedEnsemble, Draws, Rows

__all__ = ["SelfPacedEnsembleClassifier"]


class SelfPacedEnsembleClassifier(BalancedEnsemble):
    """Members on all rare rows and on common rows drawn by how hard they are.

    The common rows are put into bins of hardness, the gap between the members' mean vote and the truth. Member i
    draws from bin b in proportion to ``1 / (h_b + tan(i pi / 2n))``, with ``h_b`` the bin's mean hardness: at first
    each bin contributes the same hardness, at last each bin the same number of rows.

    Parameters
    ----------
    estimator : classifier or None, default=None
        What a member is; None is a decision tree grown to the end.
    n_estimators : int, default=50
        Members.
    k_bins : int, default=5
        Bins of hardness.
    sampling_strategy : str, float, mapping or callable, default="auto"
        Rows that a member keeps of each class; ``"auto"`` cuts all classes to the size of the rarest.
    calibrate : {"platt", "intercept", "isotonic", "prior", "none"}, default="platt"
        How mean votes become probabilities; the map is fitted on votes of ensembles trained on two thirds of the
        rows.
    n_jobs : int or None, default=None
        Threads for voting; members follow each other.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    estimators_ : list of classifier
        The members, trained on numbers and class positions.
    estimators_samples_ : list of ndarray of int64
        Rows that each member has seen.
    calibration_ : dict
        The map from mean votes to probabilities, as plain values.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn import SelfPacedEnsembleClassifier
    >>> X, y = make_classification(1000, weights=[0.95], random_state=0)
    >>> SelfPacedEnsembleClassifier(n_estimators=10, random_state=0).fit(X, y).predict_proba(X).shape
    (1000, 2)
    """

    replacement = False

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        k_bins: int = 5,
        sampling_strategy: Any = "auto",
        calibrate: str = "platt",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.k_bins = k_bins
        self.sampling_strategy = sampling_strategy
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _member(self) -> Any:
        return DecisionTreeClassifier() if self.estimator is None else clone(self.estimator)

    def _smaller(self) -> Any:
        return clone(self)

    def _grow(self, rows: Rows, draws: Draws, stream: Streams, kept: int) -> None:
        if isinstance(self.k_bins, bool) or not isinstance(self.k_bins, int | np.integer) or self.k_bins < 1:
            raise OptionError(f"k_bins={self.k_bins!r} was given.", expected="Expected an int of at least 1.")
        votes = np.zeros((len(rows.codes), rows.n_classes))
        n = self.n_estimators
        for k in range(n):
            pace = np.tan(k / max(n - 1, 1) * np.pi / 2)
            chance = stream.child("draw", k)
            sample = draws.draw(chance) if k == 0 else self._paced(rows, draws, votes / k, pace, chance)
            self.estimators_.append(self._trained(rows, sample, stream.child("member", k)))
            self.estimators_samples_.append(sample)
            if k + 1 < n:
                votes += self._mean_votes(self.estimators_[-1:], rows.table)

    def _paced(self, rows: Rows, draws: Draws, mean: np.ndarray, pace: float, stream: Streams) -> np.ndarray:
        parts = []
        for code, (name, own, size) in enumerate(zip(draws.names, draws.rows, draws.sizes, strict=True)):
            if size == len(own):
                parts.append(own)
                continue
            hardness = 1.0 - mean[own, code]
            quota = paced_quota(hardness, size, int(self.k_bins), pace)
            which = hardness_bins(hardness, int(self.k_bins))
            draw = stream.child(name).generator()
            for b, wanted in enumerate(quota):
                members = own[which == b]
                parts.append(draw.choice(members, int(wanted), replace=False, shuffle=False))
        return np.concatenate(parts)


def hardness_bins(hardness: np.ndarray, n: int) -> np.ndarray:
    """Put rows into bins of equal width of hardness.

    Parameters
    ----------
    hardness : ndarray of shape (n_rows,), float64
        Between 0 and 1.
    n : int
        Bins.

    Returns
    -------
    ndarray of shape (n_rows,), int64
        The bin of each row; all in the first where all are equally hard.
    """
    low, high = float(hardness.min()), float(hardness.max())
    if high <= low:
        return np.zeros(len(hardness), dtype=np.int64)
    return np.minimum(((hardness - low) / (high - low) * n).astype(np.int64), n - 1)


def paced_quota(hardness: np.ndarray, size: int, n: int, pace: float) -> np.ndarray:
    """Say how many rows are drawn from each bin of hardness.

    Parameters
    ----------
    hardness : ndarray of shape (n_rows,), float64
        Between 0 and 1.
    size : int
        Rows to draw, at most n_rows.
    n : int
        Bins.
    pace : float
        At 0 each bin contributes the same hardness; the larger, the more alike the bins' numbers of rows.

    Returns
    -------
    ndarray of shape (n_bins,), int64
        Sums to size; at most the rows of each bin.
    """
    which = hardness_bins(hardness, n)
    counts = np.bincount(which, minlength=n)
    mean = np.bincount(which, weights=hardness, minlength=n) / np.maximum(counts, 1)
    wish = np.where(counts > 0, 1.0 / (mean + pace + 1e-9), 0.0)
    quota, left = np.zeros(n, dtype=np.int64), size
    while left:  # what a bin cannot give, the others give in the same proportions
        room = counts - quota
        share = np.where(room > 0, wish, 0.0)
        more = np.minimum(np.floor(left * share / share.sum()).astype(np.int64), room)
        if not more.any():
            order = np.argsort(-share, kind="stable")
            more[order[room[order] > 0][:left]] = 1
        quota += more
        left = size - int(quota.sum())
    return quota
