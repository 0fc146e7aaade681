"""Bagging on balanced draws (S. Hido, H. Kashima, Y. Takahashi, "Roughly balanced bagging", Stat. Anal. Data Min. 2009;
B. Wallace, K. Small, C. Brodley, T. Trikalinos, "Class imbalance, redux", ICDM 2011).
"""

from __future__ import annotations

from typing import Any

from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier

from counterpoise.chance import Seed
from counterpoise.learn.ensemble import BalancedEnsemble

__all__ = ["BalancedBaggingClassifier"]


class BalancedBaggingClassifier(BalancedEnsemble):
    """Members that each see a bootstrap of the rare rows and a fresh draw of the common ones.

    Parameters
    ----------
    estimator : classifier or None, default=None
        What a member is; None is a decision tree grown to the end.
    n_estimators : int, default=50
        Members.
    sampling_strategy : str, float, mapping or callable, default="auto"
        Rows that a member keeps of each class; ``"auto"`` cuts all classes to the size of the rarest.
    replacement : bool, default=False
        Draw with replacement from the classes that are cut.
    bootstrap : bool, default=True
        Draw with replacement from the others; False lets each member see all of them.
    oob_score : bool, default=False
        Compute `oob_score_` and `oob_decision_function_`.
    warm_start : bool, default=False
        Keep the members there are and add more.
    calibrate : {"platt", "intercept", "isotonic", "prior", "none"}, default="platt"
        How mean votes become probabilities at the base rate: by the sampling rates, then (but for ``"prior"``) a
        map fitted on out-of-bag votes. ``"none"`` leaves the votes, at the balance of the members' rows.
    n_jobs : int or None, default=None
        Threads; None and -1 use all. The result does not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    estimators_ : list of classifier
        The members, trained on numbers and class positions.
    estimators_samples_ : list of ndarray of int64
        Rows that each member has seen.
    oob_decision_function_ : ndarray of shape (n_rows, n_classes)
        Probabilities by the members that have not seen the row; NaN where all have.
    oob_score_ : float
        Average precision of those; for several classes minus their log loss.
    calibration_ : dict
        The map from mean votes to probabilities, as plain values.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn import BalancedBaggingClassifier
    >>> X, y = make_classification(2000, weights=[0.97], random_state=0)
    >>> model = BalancedBaggingClassifier(oob_score=True, random_state=0).fit(X, y)
    >>> bool(0.8 < model.predict_proba(X)[:, 1].mean() / y.mean() < 2)
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 50,
        *,
        sampling_strategy: Any = "auto",
        replacement: bool = False,
        bootstrap: bool = True,
        oob_score: bool = False,
        warm_start: bool = False,
        calibrate: str = "platt",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.sampling_strategy = sampling_strategy
        self.replacement = replacement
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.warm_start = warm_start
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _member(self) -> Any:
        return DecisionTreeClassifier() if self.estimator is None else clone(self.estimator)
