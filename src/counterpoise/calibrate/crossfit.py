"""Probabilities for rows that the model which gives them has not seen.

Calibration and lines are fitted on such out-of-fold probabilities. A class that is absent from the training part of
a fold gets the probability 0 there, in its own column, so that columns always mean the same class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import has_fit_parameter

from counterpoise.calibrate.odds import probability
from counterpoise.chance import Streams
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.table.frames import n_rows, take

__all__ = ["class_probabilities", "fold_pairs", "fold_params", "out_of_fold", "params_for", "scores_of"]


def out_of_fold(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    *,
    cv: Any = 5,
    groups: Any = None,
    params: dict[str, Any] | None = None,
    random_state: Any = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Give each row a probability from a model that was fitted without it.

    Parameters
    ----------
    estimator : classifier
        It is cloned for each fold; a `sklearn.frozen.FrozenEstimator` stays as it is.
    X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
        Features.
    y : ndarray of shape (n_rows,)
        Labels.
    cv : int, splitter or iterable of (train, test), default=5
        Folds; an int makes stratified folds, fewer where the rarest class has fewer rows.
    groups : array-like of shape (n_rows,), optional
        Rows of one group stay on one side.
    params : dict, optional
        Arguments of the estimator's fit; those with one entry a row are cut to the fold.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the folds.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes), float64
        Probabilities, in the order of the sorted labels; NaN for rows that no fold tests.
    is_tested : ndarray of shape (n_rows,), bool
        True for the rows with probabilities.

    Raises
    ------
    NotApplicable
        If there is one class only, or a class of two has fewer than two rows.
    OptionError
        If `cv` is no way to split.
    """
    classes = np.unique(y)
    total = np.zeros((y.shape[0], classes.shape[0]))
    count = np.zeros(y.shape[0])
    for train, test in fold_pairs(X, y, cv, groups=groups, random_state=random_state):
        fitted = clone(estimator).fit(take(X, train), y[train], **fold_params(params, train, y.shape[0]))
        total[test] += class_probabilities(fitted, take(X, test), classes)
        count[test] += 1
    with np.errstate(invalid="ignore"):
        return total / count[:, None], count > 0


def fold_pairs(
    X: Any, y: np.ndarray, cv: Any, *, groups: Any = None, random_state: Any = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give the training and test rows of each fold.

    Parameters
    ----------
    X : array-like, sparse matrix or frame
        Features; only its length counts for stratified folds.
    y : ndarray of shape (n_rows,)
        Labels.
    cv : int, splitter, or iterable of (train, test)
        Folds.
    groups : array-like of shape (n_rows,), optional
        Rows of one group stay on one side.
    random_state : int, Generator, RandomState or None, default=0
        Seed of stratified folds.

    Yields
    ------
    train : ndarray of int64
        Rows to fit on.
    test : ndarray of int64
        Rows to give probabilities for.

    Raises
    ------
    NotApplicable
        If the classes cannot be split.
    OptionError
        If `cv` is no way to split.
    """
    if hasattr(cv, "split") and not isinstance(cv, str):
        pairs = cv.split(X, y, groups)
    elif isinstance(cv, int | np.integer) and not isinstance(cv, bool) and cv >= 2:
        pairs = _stratified(y, _n_folds(y, int(cv)), groups, random_state)
    elif hasattr(cv, "__iter__") and not isinstance(cv, str):
        pairs = iter(cv)
    else:
        raise OptionError(
            f"cv={cv!r} was given.",
            expected="Expected an int of at least 2, a splitter, or pairs of training and test rows.",
            why="Rows must be judged by models that were fitted without them.",
            hint="Pass cv=5, or cv='prefit' with a fitted classifier.",
        )
    for train, test in pairs:
        yield np.asarray(train), np.asarray(test)


def _n_folds(y: np.ndarray, wanted: int) -> int:
    counts = np.unique(y, return_counts=True)[1]
    repeated = counts[counts >= 2]
    if counts.shape[0] < 2 or repeated.shape[0] < min(2, counts.shape[0]):
        raise NotApplicable(
            f"Classes with {', '.join(str(c) for c in counts.tolist())} rows were given; one class has a single "
            "row, or there is one class only.",
            expected="Expected two classes with at least 2 rows each.",
            why="A class must be seen on both sides of a fold to be learned and judged.",
            hint="Collect more rows of the rare class, or pass a fitted classifier with cv='prefit'.",
        )
    return max(2, min(wanted, int(repeated.min())))


def _stratified(
    y: np.ndarray, n_folds: int, groups: Any, random_state: Any
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if groups is not None:
        n_groups = np.unique(np.asarray(groups)).shape[0]
        splitter = StratifiedGroupKFold(max(2, min(n_folds, n_groups)))
        yield from splitter.split(np.zeros((y.shape[0], 1)), y, groups)
        return
    noise = np.asarray(Streams.of(random_state).child("folds").generator().random(y.shape[0]))
    _, first, codes = np.unique(y, return_index=True, return_inverse=True)
    fold: np.ndarray = np.empty(y.shape[0], dtype=np.int64)
    start = 0
    for label in np.argsort(first).tolist():  # in the order in which they appear, whatever they are called
        rows = np.flatnonzero(codes == label)
        rows = rows[np.argsort(noise[rows])]
        fold[rows] = (np.arange(rows.shape[0]) + start) % n_folds
        start += rows.shape[0]
    for k in range(n_folds):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def fold_params(params: dict[str, Any] | None, rows: np.ndarray, n: int) -> dict[str, Any]:
    """Cut the arguments that have one entry a row to some rows.

    Parameters
    ----------
    params : dict or None
        Arguments by name.
    rows : ndarray of int64
        The rows.
    n : int
        How many rows there are.

    Returns
    -------
    dict
        The arguments for these rows.
    """
    return {name: _cut(value, rows, n) for name, value in (params or {}).items()}


def _cut(value: Any, rows: np.ndarray, n: int) -> Any:
    if isinstance(value, list | tuple) and len(value) == n:
        return np.asarray(value)[rows]
    if hasattr(value, "shape") and len(value.shape) >= 1 and n_rows(value) == n:
        return take(value, rows)
    return value


def params_for(owner: Any, estimator: Any, sample_weight: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Find which arguments go to the fit of an inner estimator.

    With scikit-learn's metadata routing switched on the requests decide; without it everything is passed on, and
    `sample_weight` where the estimator's fit has it.

    Parameters
    ----------
    owner : estimator
        The outer estimator, which has `get_metadata_routing`.
    estimator : estimator
        The inner one.
    sample_weight : array-like or None
        Weights of the rows.
    params : dict
        Further arguments of the outer fit.

    Returns
    -------
    dict
        Arguments of the inner fit.
    """
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    if get_config()["enable_metadata_routing"]:
        return dict(process_routing(owner, "fit", **weights, **params).estimator.fit)
    return {**(weights if has_fit_parameter(estimator, "sample_weight") else {}), **params}


def class_probabilities(fitted: Any, X: Any, classes: np.ndarray) -> np.ndarray:
    """Give a fitted classifier's probabilities in the columns of given classes.

    Parameters
    ----------
    fitted : classifier
        With `predict_proba`, or `decision_function`, whose values are taken as log-odds.
    X : array-like, sparse matrix or frame
        Features.
    classes : ndarray of shape (n_classes,)
        Sorted labels; a class that the classifier has not seen gets 0.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    """
    proba = scores_of(fitted, X)
    own = np.asarray(fitted.classes_)
    if own.shape == classes.shape and (own == classes).all():
        return proba
    wide = np.zeros((proba.shape[0], classes.shape[0]))
    wide[:, np.searchsorted(classes, own)] = proba
    return wide


def scores_of(fitted: Any, X: Any) -> np.ndarray:
    """Give probabilities, or margins taken as log-odds where there are none.

    Parameters
    ----------
    fitted : classifier
        A fitted classifier.
    X : array-like, sparse matrix or frame
        Features.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        One column a class of the classifier.
    """
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(X), dtype=np.float64)
    margin = np.asarray(fitted.decision_function(X), dtype=np.float64)
    if margin.ndim == 1:
        positive = probability(margin)
        return np.column_stack([1.0 - positive, positive])
    scaled = np.exp(margin - margin.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))
