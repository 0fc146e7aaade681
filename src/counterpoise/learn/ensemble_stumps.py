"""Boosted stumps on few rows, fast: the member of an easy ensemble.

Real AdaBoost (R. Schapire, Y. Singer, "Improved boosting algorithms using confidence-rated predictions", Machine
Learning 37, 1999; for several classes SAMME.R, J. Zhu, H. Zou, S. Rosset, T. Hastie, Statistics and Its Interface 2,
2009). Values are put into bins once; a round is then two counts over all columns. The model is a sum of functions of
one column each, so predicting is one look-up a column, however many rounds there were.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

__all__ = ["StumpBooster"]

MOST_BINS = 128
"""Most bins of a column; a member has few rows, half of them positive."""

LEAST_SHARE = 1e-3
"""Share of a leaf's mass, beside that of its rows, that is spread over the classes: no leaf is certain."""


class StumpBooster(ClassifierMixin, BaseEstimator):
    """AdaBoost with confidence-rated stumps, for arrays of numbers; missing values have a bin of their own.

    Parameters
    ----------
    n_estimators : int, default=50
        Rounds.
    learning_rate : float, default=1.0
        Factor on each stump.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    cuts_ : list of ndarray of float64
        For each column the values at which its function steps, rising; a value goes left of the cuts above it.
    steps_ : list of ndarray of shape (n_cuts + 1, n_classes), float64
        For each column the value of its function between the cuts.
    feature_importances_ : ndarray of shape (n_columns,)
        Share of the fall in impurity due to each column.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn.ensemble_stumps import StumpBooster
    >>> X = np.linspace(0, 1, 50)[:, None]
    >>> model = StumpBooster().fit(X, (X[:, 0] > 0.3).astype(int))
    >>> model.predict(np.array([[0.2], [0.4]])).tolist()
    [0, 1]
    """

    def __init__(self, n_estimators: int = 50, learning_rate: float = 1.0) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate

    def fit(self, X: np.ndarray, y: Any, sample_weight: np.ndarray | None = None) -> Self:
        """Boost stumps.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Numbers; NaN where missing.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : ndarray of shape (n_rows,), default=None
            Weights.

        Returns
        -------
        StumpBooster
            The classifier itself.
        """
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self.n_features_in_ = X.shape[1]
        edges = [_edges(X[:, j]) for j in range(X.shape[1])]
        width = max((len(cuts) for cuts in edges), default=0) + 1
        bins = np.stack([_bins(X[:, j], cuts) for j, cuts in enumerate(edges)], axis=1)
        flat = bins + width * np.arange(X.shape[1])
        weight = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        rounds = self._boost(codes, weight / weight.sum(), bins, flat, width)
        self._keep(rounds, edges)
        return self

    def _boost(
        self, codes: np.ndarray, weight: np.ndarray, bins: np.ndarray, flat: np.ndarray, width: int
    ) -> list[tuple[int, int, np.ndarray, np.ndarray, float]]:
        """Give column, bin, scores left and right, and fall in impurity of each stump."""
        n_classes, d = len(self.classes_), bins.shape[1]
        factor = (n_classes - 1) / n_classes
        members = [np.flatnonzero(codes == code) for code in range(n_classes)]
        places = [flat[own].ravel() for own in members]
        rounds = []
        for _ in range(self.n_estimators):
            below = np.empty((n_classes, d, width))
            for code, own in enumerate(members):
                mass = np.repeat(weight[own], d)
                below[code] = np.bincount(places[code], weights=mass, minlength=d * width).reshape(d, width)
            np.cumsum(below, axis=2, out=below)
            column, cut, gain = _best_cut(below)
            if gain <= 0:
                break
            total = below[:, 0, -1]
            left = below[:, column, cut]
            sides = [_scores(side, self.learning_rate) for side in (left, total - left)]
            rounds.append((column, cut, sides[0], sides[1], gain))
            is_left = bins[:, column] <= cut
            weight = weight * np.exp(-factor * np.where(is_left, sides[0][codes], sides[1][codes]))
            weight = weight / weight.sum()
        return rounds

    def _keep(
        self, rounds: list[tuple[int, int, np.ndarray, np.ndarray, float]], edges: list[np.ndarray]
    ) -> None:
        n_classes, d = len(self.classes_), self.n_features_in_
        self.cuts_, self.steps_, gains = [], [], np.zeros(d)
        for j in range(d):
            own = sorted((r for r in rounds if r[0] == j), key=lambda r: r[1])
            left = np.array([r[2] for r in own]).reshape(-1, n_classes)
            right = np.array([r[3] for r in own]).reshape(-1, n_classes)
            zero = np.zeros((1, n_classes))
            passed = np.concatenate([zero, np.cumsum(right, axis=0)])
            ahead = np.concatenate([np.cumsum(left[::-1], axis=0)[::-1], zero])
            self.cuts_.append(edges[j][[r[1] for r in own]].astype(np.float64))
            self.steps_.append(passed + ahead)
            gains[j] = sum(r[4] for r in own)
        self.feature_importances_ = gains / gains.sum() if gains.sum() > 0 else gains

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Numbers.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Softmax of the mean votes.
        """
        check_is_fitted(self)
        scores = np.zeros((len(X), len(self.classes_)))
        for j, (cuts, steps) in enumerate(zip(self.cuts_, self.steps_, strict=True)):
            if len(cuts):
                scores += steps[np.searchsorted(cuts, X[:, j], side="left")]
        return np.asarray(
            softmax(scores / (len(self.classes_) - 1) if len(self.classes_) > 1 else scores, axis=1)
        )

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Give the most probable class.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Numbers.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def __sklearn_tags__(self) -> Tags:
        """Say that missing values are welcome.

        Returns
        -------
        Tags
            scikit-learn's description.
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _edges(values: np.ndarray) -> np.ndarray:
    """Give cuts between values, at most `MOST_BINS`; infinity, which only missing values pass, where there are any."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) > MOST_BINS:
        known = known[np.linspace(0, len(known) - 1, MOST_BINS).round().astype(np.int64)]
    distinct = known[np.append(True, known[1:] != known[:-1])] if len(known) else known
    middle = 0.5 * (distinct[1:].astype(np.float64) + distinct[:-1])
    return np.append(middle, np.inf) if np.isnan(values).any() else middle


def _bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.searchsorted(edges, values, side="left")


def _best_cut(below: np.ndarray) -> tuple[int, int, float]:
    """Find the cut that lets the Gini impurity fall most; below is (n_classes, n_columns, n_bins), cumulated."""
    total = below[:, :1, -1:]
    above = total - below
    left, right = below.sum(axis=0), above.sum(axis=0)
    purity = np.einsum("kdb,kdb->db", below, below) / np.maximum(left, TINY)
    purity += np.einsum("kdb,kdb->db", above, above) / np.maximum(right, TINY)
    purity[np.minimum(left, right) <= TINY] = -np.inf
    best = int(purity.argmax())
    column, cut = divmod(best, below.shape[2])
    return column, cut, float(purity.flat[best] - (total**2).sum() / total.sum())


TINY = 1e-12
"""Share of the mass that an empty leaf has by rounding."""


def _scores(mass: np.ndarray, rate: float) -> np.ndarray:
    share = np.maximum(mass, 0.0) + LEAST_SHARE / len(mass)
    logs = np.log(share / share.sum())
    return np.asarray(rate * (len(mass) - 1) * (logs - logs.mean()))
