"""LightGBM behind the same bins, the same settings and the same choice of length as `BoostingClassifier`.

It is kept as text, not as an object of the library: a saved model holds no code, and is loaded where LightGBM is.
G. Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from counterpoise.errors import MissingExtra
from counterpoise.learn.binner import MOST_BINS, ClassAwareBinner
from counterpoise.learn.boosting import BoostingClassifier

__all__ = ["LightGBMClassifier", "LightGBMTrees"]


class LightGBMTrees:
    """Fitted trees of LightGBM on bin numbers, held as their text.

    Parameters
    ----------
    text : str
        LightGBM's own text form of the model.
    n_classes : int
        Number of classes.
    """

    def __init__(self, text: str, n_classes: int) -> None:
        self.text = text
        self.n_classes = n_classes
        self.n_iter_ = self._booster().num_trees() // (1 if n_classes == 2 else n_classes)

    def _booster(self) -> Any:
        if find_spec("lightgbm") is None:
            raise MissingExtra.of("lightgbm", "lightgbm")
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def decision_function(self, bins: np.ndarray) -> np.ndarray:
        """Score rows on the scale of log-odds.

        Parameters
        ----------
        bins : ndarray of shape (n_rows, n_columns)
            Bin numbers.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            Log-odds, or one score a class.
        """
        return np.asarray(self._booster().predict(bins, raw_score=True), dtype=np.float64)

    def staged_decision_function(self, bins: np.ndarray) -> Iterator[np.ndarray]:
        """Score rows with 1, 2, ... trees.

        Parameters
        ----------
        bins : ndarray of shape (n_rows, n_columns)
            Bin numbers.

        Yields
        ------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            Scores of one more tree.
        """
        booster = self._booster()
        total = np.zeros(len(bins) if self.n_classes == 2 else (len(bins), self.n_classes))
        for i in range(self.n_iter_):
            part = booster.predict(bins, raw_score=True, start_iteration=i, num_iteration=1)
            total = total + np.asarray(part, dtype=np.float64)
            yield total


class LightGBMClassifier(BoostingClassifier):
    """LightGBM behind class-aware bins, with the parameters of `BoostingClassifier`.

    Parameters
    ----------
    learning_rate : float or {"auto"}, default="auto"
        Step of each tree; ``"auto"`` as in `BoostingClassifier`, here and below.
    max_iter : int or {"auto"}, default="auto"
        Most trees (for several classes: for each class).
    max_leaf_nodes : int or {"auto"}, default="auto"
        Most leaves of a tree.
    min_samples_leaf : int or {"auto"}, default="auto"
        Fewest rows of a leaf.
    l2_regularization : float or {"auto"}, default="auto"
        Penalty on leaf values, in units of the hessian.
    max_features : float, default=1.0
        Share of the columns that each split may choose from.
    early_stopping : bool or {"auto"}, default="auto"
        Choose the number of trees by average precision on rows kept apart.
    validation_fraction : float, default=0.15
        Share of the rows kept apart, stratified.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    monotonic_constraints : dict of str or int to {-1, 0, 1}, or array-like of int, default=None
        Columns in which the score may only rise (1) or fall (-1).
    rare_share : float, default=0.5
        Share of the bin edges placed by the rarer classes.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    n_threads : int or None, default=None
        Most threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    booster_ : LightGBMTrees
        The trees.
    n_iter_ : int
        Number of trees grown (for several classes: for each class).
    feature_importances_ : ndarray of shape (n_columns,)
        Loss of average precision when a column is shuffled.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Raises
    ------
    MissingExtra
        In `fit` and `predict`, if LightGBM is not installed.
    """

    def _grow(
        self,
        binner: ClassAwareBinner,
        bins: np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray | None,
        n_iter: int,
        seed: int,
    ) -> LightGBMTrees:
        if find_spec("lightgbm") is None:
            raise MissingExtra.of("lightgbm", "lightgbm")
        import lightgbm

        categorical = np.flatnonzero(binner.categorical_).tolist()
        data = lightgbm.Dataset(
            bins,
            codes,
            weight=weights,
            categorical_feature=categorical,
            params={"max_bin": MOST_BINS, "min_data_in_bin": 1, "bin_construct_sample_cnt": len(bins)},
        )
        booster = lightgbm.train(
            self._options(binner.categorical_, seed, is_small=len(bins) < 2 * self.growth_.min_samples_leaf),
            data,
            num_boost_round=n_iter,
        )
        return LightGBMTrees(booster.model_to_string(), len(self.classes_))

    def _options(self, categorical: np.ndarray, seed: int, *, is_small: bool) -> dict[str, Any]:
        growth, n_classes = self.growth_, len(self.classes_)
        options: dict[str, Any] = {
            "objective": "binary" if n_classes == 2 else "multiclass",
            "learning_rate": growth.learning_rate,
            "num_leaves": growth.max_leaf_nodes,
            "min_data_in_leaf": 1 if is_small else growth.min_samples_leaf,
            "min_sum_hessian_in_leaf": 1e-6,
            "lambda_l2": growth.l2_regularization,
            "feature_fraction_bynode": self.max_features,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if n_classes > 2:
            options["num_class"] = n_classes
        if self.n_threads is not None:
            options["num_threads"] = self.n_threads
        signs = self._monotonic(categorical)
        if signs is not None:
            options["monotone_constraints"] = signs.tolist()
        return options
