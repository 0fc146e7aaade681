"""Logistic regression for a table as it is: the plain model that every other one has to beat.

Ridge-penalised maximum likelihood (S. le Cessie and J. van Houwelingen, "Ridge estimators in logistic regression",
Applied Statistics 41, 1992), fitted by Newton steps where the columns are few and by L-BFGS where they are many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from counterpoise.learn.classifier import TableClassifier
from counterpoise.learn.design import TableDesign

__all__ = ["LogisticClassifier"]

MOST_NEWTON = 600
"""Coefficients up to which a Newton step (cubic in their number) is the faster one."""


class LogisticClassifier(TableClassifier):
    """Logistic regression on imputed, scaled, bent and one-hot columns.

    Parameters
    ----------
    C : float, default=1.0
        Inverse of the penalty, as in scikit-learn; columns have unit variance, so 1 is mild, and enough to keep
        coefficients finite where few positives separate perfectly.
    is_bent : bool, default=True
        Give numbers of many values a second column that is logarithmic in the tails.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    max_iter : int, default=500
        Most steps of the solver.
    n_threads : int or None, default=None
        Most threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    design_ : TableDesign
        Turns a table into the model's columns; `names_` are their names.
    coef_ : ndarray of shape (1 or n_classes, n_design), float64
        Coefficients of those columns.
    intercept_ : ndarray of shape (1 or n_classes,), float64
        Intercepts.
    n_iter_ : int
        Steps of the solver.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import polars as pl
    >>> from counterpoise.learn import LogisticClassifier
    >>> table = pl.DataFrame({"amount": [1.0, 2.0, None, 9.0] * 5, "shop": ["a", "b", "a", "b"] * 5})
    >>> model = LogisticClassifier().fit(table, [0, 0, 0, 1] * 5)
    >>> model.design_.names_
    ['amount', 'amount missing', 'shop = a', 'shop = b']
    """

    def __init__(
        self,
        C: float = 1.0,
        is_bent: bool = True,
        class_weight: Any = None,
        max_iter: int = 500,
        n_threads: int | None = None,
    ) -> None:
        self.C = C
        self.is_bent = is_bent
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.n_threads = n_threads

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        self.design_ = TableDesign(self.is_bent)
        columns = self.design_.fit_block(X, weights)
        n_coefficients = columns.shape[1] * (1 if len(self.classes_) == 2 else len(self.classes_))
        solver = "newton-cholesky" if n_coefficients <= MOST_NEWTON else "lbfgs"
        model = LogisticRegression(C=self.C, solver=solver, max_iter=self.max_iter)
        model.fit(columns, codes, sample_weight=weights)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        self.n_iter_ = int(np.max(model.n_iter_))

    def _score(self, X: Any) -> np.ndarray:
        scores: np.ndarray = self.design_.block(X) @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores
