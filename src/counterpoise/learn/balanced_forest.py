"""Balanced random forest (C. Chen, A. Liaw, L. Breiman, "Using random forest to learn imbalanced data", Berkeley
technical report 666, 2004).
"""

from __future__ import annotations

from typing import Any

from sklearn.tree import DecisionTreeClassifier

from counterpoise.chance import Seed
from counterpoise.learn.ensemble import BalancedEnsemble

__all__ = ["BalancedRandomForestClassifier"]


class BalancedRandomForestClassifier(BalancedEnsemble):
    """A random forest whose trees each see a balanced draw of the rows.

    Parameters
    ----------
    n_estimators : int, default=100
        Trees.
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
        What a split is judged by.
    max_depth : int or None, default=None
        Deepest level; None grows to the end.
    min_samples_split : int or float, default=2
        Fewest rows of a node that is split.
    min_samples_leaf : int or float, default=1
        Fewest rows of a leaf.
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
        Columns that a split chooses from.
    max_leaf_nodes : int or None, default=None
        Most leaves.
    sampling_strategy : str, float, mapping or callable, default="all"
        Rows that a tree draws of each class; ``"all"`` draws as many of each as the rarest has.
    replacement : bool, default=True
        Draw with replacement: a bootstrap of the rare rows.
    bootstrap : bool, default=False
        The same for classes that `sampling_strategy` leaves whole.
    oob_score : bool, default=False
        Compute `oob_score_` and `oob_decision_function_`.
    warm_start : bool, default=False
        Keep the trees there are and add more.
    calibrate : {"platt", "intercept", "isotonic", "prior", "none"}, default="platt"
        How mean votes become probabilities; see `BalancedBaggingClassifier`.
    n_jobs : int or None, default=None
        Threads; None and -1 use all. The result does not depend on it.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    estimators_ : list of DecisionTreeClassifier
        The trees, on numbers and class positions.
    estimators_samples_ : list of ndarray of int64
        Rows that each tree has seen.
    oob_decision_function_ : ndarray of shape (n_rows, n_classes)
        Probabilities by the trees that have not seen the row; NaN where all have.
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
    >>> from counterpoise.learn import BalancedRandomForestClassifier
    >>> X, y = make_classification(1000, weights=[0.95], random_state=0)
    >>> model = BalancedRandomForestClassifier(20, random_state=0).fit(X, y)
    >>> model.feature_importances_.shape
    (20,)
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        max_features: Any = "sqrt",
        max_leaf_nodes: int | None = None,
        sampling_strategy: Any = "all",
        replacement: bool = True,
        bootstrap: bool = False,
        oob_score: bool = False,
        warm_start: bool = False,
        calibrate: str = "platt",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.sampling_strategy = sampling_strategy
        self.replacement = replacement
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.warm_start = warm_start
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _member(self) -> Any:
        return DecisionTreeClassifier(
            criterion=self.criterion,
            max_depth=self.max_depth,
            min_samples_split=self.min_samples_split,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_leaf_nodes=self.max_leaf_nodes,
        )
