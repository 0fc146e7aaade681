"""Classes of a target as small whole numbers, found in one pass and without sorting where that is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from counterpoise.errors import InputError, NotApplicable, TypeOfInputError
from counterpoise.table import frames

__all__ = ["Target", "read_target"]

_SMALL_RANGE = 4096
"""Integer labels within this range of each other are counted, not sorted."""


@dataclass(frozen=True, slots=True)
class Target:
    """The classes of a target and the class of each row.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.
    codes : ndarray of shape (n_rows,), integer
        Position in `classes` of each row's label.
    counts : ndarray of shape (n_classes,), int64
        Rows of each class.
    """

    classes: np.ndarray
    codes: np.ndarray
    counts: np.ndarray

    @property
    def labels(self) -> list[Any]:
        """The labels as Python values."""
        return list(self.classes.tolist())


def read_target(y: Any) -> Target:
    """Read a target of any accepted kind.

    Parameters
    ----------
    y : array-like or series of shape (n_rows,), or 0/1 array of shape (n_rows, n_classes)
        Labels: integers, whole floats, booleans, strings or categories. Two dimensions are either one column, or
        one-vs-all encoded classes with a single 1 a row.

    Returns
    -------
    Target
        The labels and each row's class.

    Raises
    ------
    InputError
        If a label is missing, the target is continuous, or a row has several labels.
    NotApplicable
        If there are fewer than two classes.
    """
    values = _as_array(y)
    if values.ndim == 2:
        values = _one_dimension(values)
    if values.ndim != 1:
        raise TypeOfInputError(
            f"The target y has {values.ndim} dimensions.",
            expected="Expected one label a row.",
            why="Samplers count rows by class.",
            hint="Pass a column of labels.",
        )
    target = _count(values)
    if len(target.classes) < 2:
        raise NotApplicable(
            f"The target 'y' has {len(target.classes)} class.",
            expected="Expected more than 1 class.",
            why="Sampler can't balance when only one class is present.",
            hint="Check that the target column is the one you meant and that no split left a class out.",
        )
    return target


def _as_array(y: Any) -> np.ndarray:
    if y is None:
        raise InputError(
            "y=None was given: the sampler requires y to be passed, but the target y is None.",
            expected="Expected one label a row.",
            why="Samplers count rows by class.",
            hint="Pass the target column as y.",
        )
    if sparse.issparse(y):
        raise TypeOfInputError(
            "The target y is a sparse matrix.",
            expected="Expected one label a row.",
            why="A class must be known for every row.",
            hint="Pass y.toarray().",
        )
    if isinstance(y, pl.Series) or (hasattr(y, "iloc") and not frames.is_frame(y)):
        return _series_values(y)
    if frames.is_frame(y):
        if frames.n_columns(y) == 1:
            return _series_values(frames.column(y, 0))
        return np.asarray(y.to_numpy())
    array = np.asarray(y)
    if array.dtype.kind == "O" and array.ndim == 1 and len(array) and isinstance(array[0], list | tuple):
        raise _multilabel()
    return array


def _series_values(y: Any) -> np.ndarray:
    if isinstance(y, pl.Series):
        if y.null_count():
            raise _missing_labels(y.null_count())
        if y.dtype in (pl.Categorical, pl.Enum):
            y = y.cast(pl.String)
        return np.asarray(y.to_numpy())
    if y.isna().any():
        raise _missing_labels(int(y.isna().sum()))
    values = y.to_numpy()
    return np.asarray(y.tolist()) if values.dtype.kind == "O" else values


def _one_dimension(values: np.ndarray) -> np.ndarray:
    if values.shape[1] == 1:
        return values[:, 0]
    is_indicator = values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
    if not is_indicator or np.any(values.sum(axis=1) > 1):
        raise _multilabel()
    return np.asarray(values.argmax(axis=1))


def _count(values: np.ndarray) -> Target:
    if values.dtype.kind == "f":
        whole = _count(_whole(values).astype(np.int64))
        return Target(whole.classes.astype(values.dtype), whole.codes, whole.counts)
    if values.dtype.kind == "b":
        is_true: np.ndarray = values.view(np.int8)
        counts = np.array([len(values) - np.count_nonzero(values), np.count_nonzero(values)])
        return _present(np.array([False, True]), is_true, counts)
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < _SMALL_RANGE:
            codes = values if low == 0 else values - values.dtype.type(low)
            counts = _counts(codes, high - low + 1)
            return _present(np.arange(low, high + 1).astype(values.dtype), codes, counts)
    if values.dtype.kind == "O":
        values = _plain_labels(values)
    classes, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return Target(classes, codes.reshape(-1), counts.astype(np.int64))


def _counts(codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Count codes; of two, by comparing, which takes a tenth of the time of counting all."""
    if n_classes != 2:
        return np.bincount(codes, minlength=n_classes)
    second = np.count_nonzero(codes == 1)
    return np.array([len(codes) - second, second])


def _present(classes: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> Target:
    """Drop labels that no row has."""
    there = np.flatnonzero(counts)
    if len(there) == len(counts):
        return Target(classes, codes, counts.astype(np.int64))
    renumber = np.zeros(len(counts), dtype=np.int32)
    renumber[there] = np.arange(len(there))
    return Target(classes[there], renumber[codes], counts[there].astype(np.int64))


def _whole(values: np.ndarray) -> np.ndarray:
    if np.isnan(values).any():
        raise _missing_labels(int(np.isnan(values).sum()))
    if not np.isfinite(values).all() or np.any(values != np.rint(values)):
        raise InputError(
            "Unknown label type: continuous. The target y has values that are not whole numbers.",
            expected="Expected one of a few labels for each row.",
            why="Samplers change the number of rows of each class.",
            hint="Pass class labels; for a number as outcome, cut it into classes first.",
        )
    return values


def _plain_labels(values: np.ndarray) -> np.ndarray:
    n_missing = sum(v is None or v != v for v in values.tolist())
    if n_missing:
        raise _missing_labels(n_missing)
    plain = np.asarray(values.tolist())
    if plain.ndim != 1:
        raise _multilabel()
    kinds = {type(v) for v in values.tolist()}
    if len(kinds) > 1 and str in kinds:
        raise InputError(
            "Unknown label type: unknown. The target y mixes strings with other labels.",
            expected="Expected labels of one kind.",
            why="Labels that cannot be compared have no order.",
            hint="Turn all labels into strings.",
        )
    return _whole(plain) if plain.dtype.kind == "f" else plain


def _missing_labels(n: int) -> InputError:
    return InputError(
        f"The target y contains NaN or missing labels: {n} of them.",
        expected="Expected a label for every row.",
        why="A row without a class can be neither kept nor left out on purpose.",
        hint="Drop those rows before resampling.",
    )


def _multilabel() -> InputError:
    return InputError(
        "The target y has several labels a row.",
        expected="Expected binary, multiclass or one-vs-all encoded labels.",
        why="Multilabel and multioutput targets are not supported.",
        hint="Resample for one label at a time.",
    )
