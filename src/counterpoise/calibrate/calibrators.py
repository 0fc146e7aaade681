"""Classifiers around a classifier whose probabilities are right.

All of them take a classifier and give one: cross-fitted (`cv=5`: the map is fitted on out-of-fold probabilities, the
classifier then on all rows), or prefit (`cv="prefit"`, or a `sklearn.frozen.FrozenEstimator`: `fit` takes rows that
the classifier has not seen, at their natural class balance, and fits the map only).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from counterpoise.calibrate.crossfit import class_probabilities, out_of_fold, params_for
from counterpoise.calibrate.inputs import as_weights, same_length
from counterpoise.calibrate.maps import CalibrationMap, fit_map
from counterpoise.calibrate.prior import PriorMap, as_prior, as_rates
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.table.frames import n_rows

__all__ = ["InterceptCalibrator", "IsotonicCalibrator", "PlattCalibrator", "PriorCorrection"]


class _Calibrated(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """What all calibrated classifiers share: the inner classifier, the map, the routing."""

    estimator: Any
    cv: Any
    estimator_: Any
    map_: CalibrationMap
    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give calibrated probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Probabilities, in the order of `classes_`.
        """
        check_is_fitted(self)
        return np.asarray(self.map_.apply(class_probabilities(self.estimator_, X, self.classes_)))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable class.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        proba = self.predict_proba(X)
        return np.asarray(self.classes_[proba.argmax(axis=1)])

    @property
    def n_features_in_(self) -> int:
        """Number of features of the inner classifier."""
        return int(self._inner("n_features_in_"))

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features of the inner classifier."""
        return np.asarray(self._inner("feature_names_in_"))

    def _inner(self, name: str) -> Any:
        if "estimator_" not in self.__dict__ or not hasattr(self.estimator_, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.estimator_, name)

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which arguments of fit go where.

        Returns
        -------
        MetadataRouter
            Routing of scikit-learn.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=type(self).__name__)
            .add_self_request(self)
            .add(estimator=self._classifier(), method_mapping=mapping)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._classifier())
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags

    def _classifier(self) -> Any:
        return LogisticRegression() if self.estimator is None else self.estimator

    def _is_prefit(self) -> bool:
        return isinstance(self.cv, str) and self.cv == "prefit"

    def _labels(self, X: Any, y: Any) -> np.ndarray:
        if y is None:
            raise NotApplicable(
                "No outcome was given (y is None).",
                expected="This estimator requires y to be passed, but the target y is None.",
                why="Probabilities are compared with what happened.",
                hint="Call fit(X, y).",
            )
        check_classification_targets(y)
        labels = np.asarray(column_or_1d(y, warn=True))
        same_length(n_rows(X) if hasattr(X, "shape") else len(X), y=labels)
        return labels

    def _inner_fitted(self, X: Any, y: np.ndarray, params: dict[str, Any]) -> Any:
        if self._is_prefit():
            check_is_fitted(self.estimator)
            return self.estimator
        return clone(self._classifier()).fit(X, y, **params)


class _MapCalibrator(_Calibrated):
    """A calibrated classifier whose map is fitted on rows that the classifier has not seen."""

    _kind: ClassVar[str]

    def __init__(self, estimator: Any = None, *, cv: Any = 5, random_state: Any = 0) -> None:
        self.estimator = estimator
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, groups: Any = None, **params: Any) -> Self:
        """Fit the classifier and the map.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), optional
            Weights, used by the map, and by the classifier where its fit takes them.
        groups : array-like of shape (n_rows,), optional
            Rows of one group stay on one side of a fold.
        **params : object
            Further arguments of the classifier's fit.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        NotApplicable
            If one class only is present.
        InputError
            If an input cannot be used.
        """
        X = X if hasattr(X, "shape") else np.asarray(X)
        labels = self._labels(X, y)
        weights = as_weights(sample_weight, labels.shape[0])
        inner = params_for(self, self._classifier(), weights, params)
        self.classes_ = np.unique(labels)
        if self._is_prefit():
            self.estimator_ = self._inner_fitted(X, labels, inner)
            self.classes_ = np.asarray(self.estimator_.classes_)
            proba, rows = (
                class_probabilities(self.estimator_, X, self.classes_),
                np.ones(labels.shape[0], bool),
            )
        else:
            proba, rows = out_of_fold(
                self._classifier(),
                X,
                labels,
                cv=self.cv,
                groups=groups,
                params=inner,
                random_state=self.random_state,
            )
            self.estimator_ = self._inner_fitted(X, labels, inner)
        codes = _codes(labels[rows], self.classes_)
        self.map_ = fit_map(self._kind, codes, proba[rows], None if weights is None else weights[rows])
        return self


def _codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    codes = np.clip(np.searchsorted(classes, labels), 0, classes.shape[0] - 1)
    unknown = classes[codes] != labels
    if unknown.any():
        raise NotApplicable(
            f"{int(unknown.sum())} row(s) have a label that the classifier has not seen, for example "
            f"{labels[unknown][0]!r}.",
            expected=f"Expected labels among {classes.tolist()}.",
            why="There is no probability to calibrate for a class that the classifier does not know.",
            hint="Leave these rows out, or fit the classifier on all classes.",
        )
    return np.asarray(codes)


class InterceptCalibrator(_MapCalibrator):
    """Shift the log-odds so that the mean probability is the base rate.

    The first choice after any treatment of an imbalance, and the only one with fewer than some fifty positives:
    one parameter, the ranking unchanged (`counterpoise.calibrate.InterceptMap`).

    Parameters
    ----------
    estimator : classifier, optional
        What gives the probabilities; logistic regression by default.
    cv : int, splitter, iterable or "prefit", default=5
        Folds for out-of-fold probabilities; "prefit" takes the classifier as fitted.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the folds; fixed, so that the same rows give the same probabilities.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    map_ : InterceptMap
        The fitted map.
    classes_ : ndarray of shape (n_classes,)
        Labels.

    See Also
    --------
    PlattCalibrator : Corrects the slope as well.

    References
    ----------
    D. Cox, "Two further applications of a model for binary regression", Biometrika 45, 1958.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2)); y = (X[:, 0] + rng.normal(size=2000) > 2.5).astype(int)
    >>> model = InterceptCalibrator(LogisticRegression(class_weight="balanced")).fit(X, y)
    >>> bool(0.9 < model.predict_proba(X)[:, 1].mean() / y.mean() < 1.1)
    True
    """

    _kind = "intercept"


class PlattCalibrator(_MapCalibrator):
    """Correct slope and intercept of the log-odds (Platt scaling), the ranking unchanged.

    Parameters
    ----------
    estimator : classifier, optional
        What gives the probabilities; logistic regression by default.
    cv : int, splitter, iterable or "prefit", default=5
        Folds for out-of-fold probabilities; "prefit" takes the classifier as fitted.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the folds; fixed, so that the same rows give the same probabilities.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    map_ : PlattMap
        The fitted map.
    classes_ : ndarray of shape (n_classes,)
        Labels.

    References
    ----------
    J. Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2)); y = (X[:, 0] + rng.normal(size=2000) > 2.5).astype(int)
    >>> PlattCalibrator(GaussianNB()).fit(X, y).predict_proba(X).shape
    (2000, 2)
    """

    _kind = "platt"


class IsotonicCalibrator(_MapCalibrator):
    """Map probabilities through an increasing curve of any shape, without tying rows.

    Falls back to Platt scaling, with a warning, where the rarer class has fewer than 100 rows.

    Parameters
    ----------
    estimator : classifier, optional
        What gives the probabilities; logistic regression by default.
    cv : int, splitter, iterable or "prefit", default=5
        Folds for out-of-fold probabilities; "prefit" takes the classifier as fitted.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the folds; fixed, so that the same rows give the same probabilities.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    map_ : IsotonicMap or PlattMap
        The fitted map.
    classes_ : ndarray of shape (n_classes,)
        Labels.

    References
    ----------
    B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD
    2002; A. Oron and N. Flournoy, "Centered isotonic regression", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2)); y = (X[:, 0] + rng.normal(size=2000) > 1.5).astype(int)
    >>> IsotonicCalibrator(GaussianNB()).fit(X, y).predict_proba(X).shape
    (2000, 2)
    """

    _kind = "isotonic"


class PriorCorrection(_Calibrated):
    """Put the class balance back that sampling or weighting took away, in closed form.

    Right for a classifier whose probabilities fit the treated rows, such as logistic regression; boosted trees on
    few or repeated rows are often off by a factor of three after it, for which `InterceptCalibrator` is the remedy.

    Parameters
    ----------
    estimator : classifier, optional
        What gives the probabilities; logistic regression by default.
    rates : array-like of shape (n_classes,) or dict, optional
        How often a row of each class counts in the rows that `fit` is given (or that a prefit classifier was given):
        in the order of the sorted labels, or by label.
    prior : float or array-like of shape (n_classes,), optional
        Share of each class where the model is used, instead of `rates`; a number is the share of the second of two
        classes. The rates are then the shares in `y` over these.
    cv : None or "prefit", default=None
        "prefit" takes the classifier as fitted.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on all rows.
    map_ : PriorMap
        The closed form.
    classes_ : ndarray of shape (n_classes,)
        Labels.

    References
    ----------
    G. King and L. Zeng, "Logistic regression in rare events data", 2001; C. Elkan, "The foundations of
    cost-sensitive learning", 2001; M. Saerens et al., "Adjusting the outputs of a classifier", 2002.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    >>> model = PriorCorrection(prior=0.01).fit(X, y)
    >>> model.predict_proba(X)[:, 1].round(3).tolist()
    [0.01, 0.01, 0.01, 0.01]
    """

    def __init__(
        self, estimator: Any = None, *, rates: Any = None, prior: Any = None, cv: Any = None
    ) -> None:
        self.estimator = estimator
        self.rates = rates
        self.prior = prior
        self.cv = cv

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit the classifier and derive the map.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.
        y : array-like of shape (n_rows,)
            Labels of the treated rows.
        sample_weight : array-like of shape (n_rows,), optional
            Weights, which count towards the shares in `y`.
        **params : object
            Further arguments of the classifier's fit.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        OptionError
            If rates and prior are both given.
        InputError
            If they do not fit the classes.
        """
        X = X if hasattr(X, "shape") else np.asarray(X)
        labels = self._labels(X, y)
        weights = as_weights(sample_weight, labels.shape[0])
        self.estimator_ = self._inner_fitted(X, labels, params_for(self, self._classifier(), weights, params))
        self.classes_ = np.asarray(self.estimator_.classes_)
        rates = self._rates(_codes(labels, self.classes_), weights)
        self.map_ = PriorMap.of(as_rates(rates, self.classes_.shape[0], "rates"))
        return self

    def _rates(self, codes: np.ndarray, weights: np.ndarray | None) -> Any:
        if self.rates is not None and self.prior is not None:
            raise OptionError(
                "Both rates and prior were given.",
                expected="Expected one of them.",
                why="Each says by itself how to put the balance back.",
                hint="Pass rates where the treatment is known, prior where the true shares are.",
            )
        if self.prior is not None:
            shares = np.bincount(codes, weights=weights, minlength=self.classes_.shape[0])
            return shares / shares.sum() / as_prior(self.prior, "prior")
        if isinstance(self.rates, dict):
            missing = [label for label in self.classes_.tolist() if label not in self.rates]
            if missing:
                raise OptionError(
                    f"rates has no entry for the class(es) {missing}.",
                    expected=f"Expected one for each of {self.classes_.tolist()}.",
                    why="Each class is scaled back by its own rate.",
                    hint="A class kept whole has the rate 1.",
                )
            return [self.rates[label] for label in self.classes_.tolist()]
        return np.ones(self.classes_.shape[0]) if self.rates is None else self.rates
