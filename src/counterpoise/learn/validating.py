"""Classifiers that keep rows apart to choose by, and how a treatment passes those rows by.

A learner that stops early, or chooses among models, judges by rows of its own training table. Were the whole table
treated before it is handed over, copies and inventions of training rows would sit among the rows that judge, at a
balance that is nobody's. So such a learner is given the untouched table and the treatment as a function, keeps rows
apart first, and treats the others (M. Santos et al., "Cross-validation for imbalanced datasets", IEEE Computational
Intelligence Magazine 13(4), 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from counterpoise.learn.classifier import TableClassifier
from counterpoise.learn.inputs import check_table
from counterpoise.table.frames import take

__all__ = ["TreatedRows", "Treatment", "ValidatingClassifier"]


@dataclass(frozen=True)
class TreatedRows:
    """What a learner is given instead of the table.

    Attributes
    ----------
    X : array-like or frame
        Rows.
    y : ndarray of shape (n,)
        Their labels.
    sample_weight : ndarray of shape (n,), float64, or None
        Their weights.
    rows : ndarray of shape (n,), int64, or None
        The table's row behind each, None where all rows are there in order.
    rates : ndarray of shape (n_classes,), float64
        Mass of each class after the treatment over its mass before.
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None
    rows: np.ndarray | None
    rates: np.ndarray


Treatment = Callable[[np.ndarray | None], TreatedRows]
"""Treats some rows of the table that was handed over, by number, or all of them (None)."""


class ValidatingClassifier(TableClassifier):
    """A table classifier that judges by rows of its own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    rates_ : ndarray of shape (n_classes,), float64
        Mass of each class at which the probabilities are right, over its mass in the table: that of the treated
        rows, or 1 where the learner puts the balance back itself.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, treat: Treatment | None = None) -> Self:
        """Learn from a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table; missing values, booleans, dates and categories are welcome.
        y : array-like of shape (n_rows,)
            Class labels, at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows; a row of weight 0 is left out (with `treat`, none may be 0).
        treat : callable, default=None
            Treats rows by number, for the parts that are learned from; rows kept apart stay as they are. `Treated`
            passes it.

        Returns
        -------
        object
            The classifier itself.

        Raises
        ------
        InputError
            If there is one class only, a number is infinite, a weight is negative, or lengths differ.
        """
        self._treat = treat
        try:
            return super().fit(X, y, sample_weight)
        finally:
            del self._treat

    def settled(self) -> Self:
        """Give an unfitted copy with nothing left to choose: what the fitted classifier chose is set.

        Copies on parts of the table are then models of the same kind, at the same level, and cost no choosing.

        Returns
        -------
        object
            The copy.
        """
        copy: Self = clone(self)
        return copy

    def _with_class_weight(self, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        return weights if self._treat is not None else self._class_weighted(codes, weights)

    def _class_weighted(self, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        """Weigh the rows that are learned from by their class, where the learner is asked to."""
        return super()._with_class_weight(codes, weights)

    def _learned_from(
        self, X: Any, codes: np.ndarray, weights: np.ndarray | None, rows: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Give the rows to learn from, treated: some of the table, or all."""
        if self._treat is None:
            self.rates_ = np.ones(len(self.classes_))
            if rows is None:
                return X, codes, weights
            return take(X, rows), codes[rows], None if weights is None else weights[rows]
        treated = self._treat(rows)
        self.rates_ = treated.rates
        X = check_table(self, treated.X, reset=False)
        codes = np.searchsorted(self.classes_, treated.y)
        return X, codes, self._class_weighted(codes, treated.sample_weight)
