"""Easy ensemble (X.-Y. Liu, J. Wu, Z.-H. Zhou, "Exploratory undersampling for class-imbalance learning", IEEE Trans.
SMC B 39(2), 2009).
"""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from counterpoise.chance import Seed
from counterpoise.learn.ensemble import BalancedEnsemble
from counterpoise.learn.ensemble_stumps import StumpBooster

__all__ = ["EasyEnsembleClassifier"]


class EasyEnsembleClassifier(BalancedEnsemble):
    """Boosted ensembles, each on all rare rows and a fresh draw of the common ones.

    Parameters
    ----------
    n_estimators : int, default=10
        Members.
    estimator : classifier or None, default=None
        What a member is; None is 50 rounds of AdaBoost with confidence-rated stumps (`StumpBooster`).
    sampling_strategy : str, float, mapping or callable, default="auto"
        Rows that a member keeps of each class; ``"auto"`` cuts all classes to the size of the rarest.
    replacement : bool, default=False
        Draw with replacement from the classes that are cut.
    warm_start : bool, default=False
        Keep the members there are and add more.
    calibrate : {"platt", "intercept", "isotonic", "prior", "none"}, default="platt"
        How mean votes become probabilities; every member has seen every rare row, so the map is fitted on votes of
        ensembles trained on two thirds of the rows.
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
    calibration_ : dict
        The map from mean votes to probabilities, as plain values.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn import EasyEnsembleClassifier
    >>> X, y = make_classification(1000, weights=[0.95], random_state=0)
    >>> model = EasyEnsembleClassifier(random_state=0).fit(X, y)
    >>> len(model.estimators_)
    10
    """

    def __init__(
        self,
        n_estimators: int = 10,
        estimator: Any = None,
        *,
        sampling_strategy: Any = "auto",
        replacement: bool = False,
        warm_start: bool = False,
        calibrate: str = "platt",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.estimator = estimator
        self.sampling_strategy = sampling_strategy
        self.replacement = replacement
        self.warm_start = warm_start
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _member(self) -> Any:
        return StumpBooster() if self.estimator is None else clone(self.estimator)
