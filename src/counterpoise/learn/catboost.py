"""CatBoost, with its own handling of categories, kept as bytes of its own format.

L. Prokhorenkova et al., "CatBoost: unbiased boosting with categorical features", NeurIPS 2018.
"""

from __future__ import annotations

import base64
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from counterpoise.chance import Streams
from counterpoise.errors import MissingExtra
from counterpoise.learn.classifier import TableClassifier
from counterpoise.learn.encode import TableEncoder

__all__ = ["CatBoostClassifier"]


class CatBoostClassifier(TableClassifier):
    """CatBoost on tables with missing values and categories.

    Parameters
    ----------
    n_estimators : int, default=300
        Number of trees.
    learning_rate : float, default=None
        Step of each tree; None leaves it to CatBoost, which looks at the number of rows and trees.
    depth : int, default=6
        Depth of the symmetric trees.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    n_threads : int or None, default=None
        Most threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    encoder_ : TableEncoder
        Turns a table into numbers and category codes.
    model_ : str
        The model in CatBoost's own format, base 64.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Raises
    ------
    MissingExtra
        In `fit` and `predict`, if CatBoost is not installed.
    """

    def __init__(
        self,
        n_estimators: int = 300,
        learning_rate: float | None = None,
        depth: int = 6,
        class_weight: Any = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.depth = depth
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_threads = n_threads

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        catboost = _library()
        self.encoder_ = TableEncoder()
        pool = self._pool(catboost, self.encoder_.fit_block(X), codes, weights)
        options: dict[str, Any] = {
            "iterations": self.n_estimators,
            "depth": self.depth,
            "loss_function": "Logloss" if len(self.classes_) == 2 else "MultiClass",
            "random_seed": Streams.of(self.random_state).child("trees").seed(),
            "allow_writing_files": False,
            "verbose": False,
        }
        if self.learning_rate is not None:
            options["learning_rate"] = self.learning_rate
        if self.n_threads is not None:
            options["thread_count"] = self.n_threads
        model = catboost.CatBoost(options).fit(pool)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.cbm"
            model.save_model(str(path), format="cbm")
            self.model_ = base64.b64encode(path.read_bytes()).decode("ascii")

    def _pool(
        self, catboost: Any, block: np.ndarray, codes: np.ndarray | None, weights: np.ndarray | None
    ) -> Any:
        """Give CatBoost numbers as numbers and categories as texts; a missing category is a level of its own."""
        categorical = np.flatnonzero(self.encoder_.categorical_)
        if len(categorical) == 0:
            return catboost.Pool(np.ascontiguousarray(block), label=codes, weight=weights)
        numeric = np.flatnonzero(~self.encoder_.categorical_)
        levels = np.nan_to_num(block[:, categorical], nan=-1.0).astype(np.int64)
        data = catboost.FeaturesData(
            num_feature_data=np.ascontiguousarray(block[:, numeric], dtype=np.float32)
            if len(numeric)
            else None,
            cat_feature_data=levels.astype("S").astype(object),
        )
        return catboost.Pool(data, label=codes, weight=weights)

    def _score(self, X: Any) -> np.ndarray:
        catboost = _library()
        model = catboost.CatBoost().load_model(blob=base64.b64decode(self.model_))
        pool = self._pool(catboost, self.encoder_.block(X), None, None)
        return np.asarray(model.predict(pool, prediction_type="RawFormulaVal"), dtype=np.float64)


def _library() -> Any:
    if find_spec("catboost") is None:
        raise MissingExtra.of("catboost", "catboost")
    import catboost

    return catboost
