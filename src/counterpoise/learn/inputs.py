"""What every learner asks of its input before it learns.

A table is a frame of any kind or an array; its names and width are kept by scikit-learn's own rules
(`feature_names_in_`, `n_features_in_`). Labels become positions in the sorted `classes_`. Weights are
non-negative numbers. What cannot be used is refused here, with one message.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from counterpoise.errors import InputError, OptionError, TypeOfInputError
from counterpoise.table.frames import is_frame, n_columns, n_rows

__all__ = [
    "balanced_weights",
    "check_labels",
    "check_rows",
    "check_table",
    "check_weights",
    "class_weights",
]


def check_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check a table, and keep (or compare) its column names and width.

    Parameters
    ----------
    estimator : estimator
        Where `n_features_in_` and `feature_names_in_` are kept.
    X : array-like or frame of shape (n_rows, n_columns)
        The table. Missing values are welcome, infinite ones are not.
    reset : bool
        True in `fit`, False afterwards.

    Returns
    -------
    ndarray or frame
        The table as it was given; a list becomes an array.

    Raises
    ------
    InputError
        If the table is empty or holds infinite numbers.
    TypeOfInputError
        If it is sparse or lazy.
    """
    if sparse.issparse(X):
        raise TypeOfInputError(
            f"A sparse {type(X).__name__} was given.",
            expected="Expected a dense array or a frame; sparse input is not supported.",
            why="Bins, categories and missing values are read column by column.",
            hint="Pass X.toarray(), or reduce the columns first (for example with TruncatedSVD).",
        )
    if isinstance(X, pl.LazyFrame):
        raise TypeOfInputError(
            "A LazyFrame was given.",
            expected="Expected rows that are already in memory.",
            why="A learner passes over them many times.",
            hint="Call .collect() first.",
        )
    if not is_frame(X):
        return validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
    _check_not_empty(X)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return X


def _check_not_empty(X: Any) -> None:
    if n_rows(X) == 0 or n_columns(X) == 0:
        raise InputError(
            f"The table has {n_rows(X)} sample(s) and {n_columns(X)} feature(s).",
            expected="Expected at least one row and one column.",
            why="There is nothing to learn from or to score.",
            hint="Check the filter or the columns that were selected.",
        )


def check_rows(X: Any, *others: Any) -> None:
    """Check that a table and its columns have the same number of rows.

    Parameters
    ----------
    X : ndarray or frame
        The table.
    *others : array-like or None
        Labels, weights, ...

    Raises
    ------
    ValueError
        If two of them differ in length.
    """
    check_consistent_length(np.empty(n_rows(X)), *others)


def check_labels(estimator: Any, y: Any, *, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Turn labels into positions among the sorted classes.

    Parameters
    ----------
    estimator : estimator
        Named in messages.
    y : array-like of shape (n_rows,)
        Labels of any type that can be sorted.
    least : int, default=2
        Least number of classes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    codes : ndarray of shape (n_rows,), int64
        Position of each label in `classes`.

    Raises
    ------
    InputError
        If there is one class only.
    """
    name = type(estimator).__name__
    if y is None:
        raise InputError(
            f"{name} requires y to be passed, but the target y is None.",
            hint="Pass the labels as the second argument.",
        )
    y = column_or_1d(np.asarray(y) if not hasattr(y, "iloc") else y, warn=True)
    assert_all_finite(y, estimator_name=name, input_name="y")
    if y.dtype == object and any(value is None for value in y.tolist()):
        raise InputError(
            "Input y contains NaN.",
            expected="Expected a label in each row.",
            why="A row without a label says nothing about the outcome.",
            hint="Drop the rows whose label is missing.",
        )
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < least:
        raise InputError(
            f"{name} was given one class only: {classes.tolist()}.",
            expected="Expected rows of at least two classes.",
            why="With one class there is nothing to tell apart.",
            hint="Check the filter, the label column, or the split.",
        )
    return classes, codes.astype(np.int64)


def check_weights(sample_weight: Any, n: int, codes: np.ndarray | None = None) -> np.ndarray | None:
    """Check weights of rows.

    Parameters
    ----------
    sample_weight : float or array-like of shape (n_rows,), or None
        The weights.
    n : int
        Number of rows.
    codes : ndarray of shape (n_rows,), int64, optional
        Class codes; then each class must have some weight.

    Returns
    -------
    ndarray of shape (n_rows,), float64, or None
        The weights; None stays None.

    Raises
    ------
    InputError
        If a weight is negative or not finite, the lengths differ, or a class has no weight at all.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n, float(weights))
    if weights.ndim != 1:
        raise InputError(
            f"sample_weight has {weights.ndim} dimensions.",
            expected="Sample weights must be 1D array or scalar.",
            hint="Pass one weight for each row.",
        )
    if weights.shape != (n,):
        raise InputError(
            f"sample_weight.shape == {weights.shape}, expected {(n,)}!",
            hint="Pass one weight for each row.",
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        wrong = int((~np.isfinite(weights) | (weights < 0)).sum())
        raise InputError(
            f"sample_weight holds {wrong} negative, missing or infinite values.",
            expected="Expected non-negative numbers.",
            why="A weight is how many rows this row stands for.",
            hint="Correct those weights, or drop those rows.",
        )
    if codes is not None and (np.bincount(codes, weights=weights) <= 0).any():
        raise InputError(
            "All rows of one class have weight zero.",
            expected="Expected some weight in each class.",
            why="A class without weight is not there at all: only one class or fewer classes would be learnt.",
            hint="Raise those weights, or drop the class from the labels.",
        )
    return weights


def balanced_weights(codes: np.ndarray, sample_weight: np.ndarray | None, n_classes: int) -> np.ndarray:
    """Give the weight of each class that makes all classes count alike.

    `n / (n_classes n_c)` with weighted counts, as scikit-learn's ``"balanced"``.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights of rows.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        One weight a class.
    """
    counts = np.bincount(codes, weights=sample_weight, minlength=n_classes).astype(np.float64)
    balanced: np.ndarray = counts.sum() / (n_classes * counts)
    return balanced


def class_weights(
    class_weight: Any, classes: np.ndarray, codes: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray:
    """Turn a `class_weight` option into one weight a class.

    Parameters
    ----------
    class_weight : {"balanced"}, dict of label to float, or None
        The option; a class missing from the dict weighs 1.
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights of rows.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        One weight a class.

    Raises
    ------
    OptionError
        If the option is of another kind or names a class that is not there.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        return balanced_weights(codes, sample_weight, len(classes))
    if not isinstance(class_weight, dict):
        raise OptionError(
            f"class_weight={class_weight!r} was given.",
            expected='Expected "balanced", a dict of label to weight, or None.',
            why="It says how much a row of each class counts.",
            hint='Pass class_weight="balanced".',
        )
    unknown = [label for label in class_weight if label not in classes.tolist()]
    if unknown:
        raise OptionError(
            f"class_weight names {unknown!r}, which are not in the labels.",
            expected=f"Expected labels among {classes.tolist()}.",
            why="A weight for a class that is not there is a slip of the pen.",
            hint="Use the labels as they are in y.",
        )
    return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])
