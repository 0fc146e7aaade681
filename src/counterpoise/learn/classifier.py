"""What all classifiers of this room share: a table in, probabilities out.

A learner of its own says how it learns from checked rows (`_learn`) and how it scores checked rows (`_score`);
everything that must be alike for all - names, labels, weights, refusals, `predict` - is written once, here.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Self

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import ThreadpoolController

from counterpoise.learn.encode import Encoded, table_tags
from counterpoise.learn.inputs import check_labels, check_rows, check_table, check_weights, class_weights
from counterpoise.table.frames import n_columns, n_rows, take

__all__ = ["TableClassifier", "log_odds", "probabilities", "threads"]

LEAST_SHARED = 200_000
"""Values of a table from which several threads are worth their start."""


class TableClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that takes frames and arrays with missing values and categories.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table; missing values, booleans, dates and categories are welcome.
        y : array-like of shape (n_rows,)
            Class labels, at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows; a row of weight 0 is left out.

        Returns
        -------
        object
            The classifier itself.

        Raises
        ------
        InputError
            If there is one class only, a number is infinite, a weight is negative, or lengths differ.
        """
        X = check_table(self, X, reset=True)
        self.classes_, codes = check_labels(self, y)
        check_rows(X, codes)
        weights = check_weights(sample_weight, n_rows(X), codes)
        if weights is not None and not weights.all():
            kept = np.flatnonzero(weights)
            X, codes, weights = take(X, kept), codes[kept], weights[kept]
        with threads(self._threads_for(X)):
            self._learn(X, codes, self._with_class_weight(codes, weights))
        return self

    def _threads_for(self, X: Any) -> int | None:
        """Use one thread where there is too little to share: starting and waiting would cost more."""
        asked: int | None = getattr(self, "n_threads", None)
        return 1 if asked is None and n_rows(X) * n_columns(X) < LEAST_SHARED else asked

    def _with_class_weight(self, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        class_weight = getattr(self, "class_weight", None)
        if class_weight is None:
            return weights
        by_class: np.ndarray = class_weights(class_weight, self.classes_, codes, weights)[codes]
        return by_class if weights is None else by_class * weights

    @abstractmethod
    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        """Learn from checked rows; all weights are positive."""

    @abstractmethod
    def _score(self, X: Any) -> np.ndarray:
        """Give the log-odds of checked rows: one column for two classes, else one for each class."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Score rows on the scale of log-odds.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            Log-odds of the second class, or one score for each of several classes.
        """
        check_is_fitted(self)
        if isinstance(X, Encoded):
            return self._score(X)
        X = check_table(self, X, reset=False)
        with threads(self._threads_for(X)):
            return self._score(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Each row sums to 1; columns as in `classes_`.
        """
        return probabilities(self.decision_function(X))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable class of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels among `classes_`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def __sklearn_tags__(self) -> Tags:
        """Say what the classifier takes.

        Returns
        -------
        Tags
            scikit-learn's description: missing values, strings and categories are welcome.
        """
        return table_tags(super().__sklearn_tags__())


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Turn log-odds into probabilities.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Log-odds of the second of two classes, or one score a class.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        ``expit`` for two classes, ``softmax`` for more.
    """
    if scores.ndim == 1:
        return np.column_stack([expit(-scores), expit(scores)])
    return np.asarray(softmax(scores, axis=1))


def log_odds(proba: np.ndarray, least: float = 1e-15) -> np.ndarray:
    """Turn probabilities into log-odds.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, n_classes)
        Probabilities.
    least : float, default=1e-15
        Probabilities nearer than this to 0 or 1 are moved there, so that the result is finite.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes), float64
        The inverse of `probabilities`, up to a constant for several classes.
    """
    clipped = np.log(np.clip(proba, least, 1.0))
    return np.asarray(clipped[:, 1] - clipped[:, 0] if proba.shape[1] == 2 else clipped)


def threads(n_threads: int | None) -> AbstractContextManager[Any]:
    """Limit the threads of compiled code for a while.

    Parameters
    ----------
    n_threads : int or None
        Most threads; None leaves them as they are.

    Returns
    -------
    context manager
        The limit holds inside of it.
    """
    if n_threads is None:
        return nullcontext()
    limits: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(limits=n_threads)
    return limits


@lru_cache(maxsize=1)
def _controller(n_modules: int) -> ThreadpoolController:
    """Find the libraries that have threads: it takes milliseconds, and only an import can bring more of them."""
    return ThreadpoolController()
