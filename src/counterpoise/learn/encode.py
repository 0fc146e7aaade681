"""A table of any kind as one block of numbers, the same block whatever the kind.

Numbers stay, dates become seconds since 1970, booleans 0 and 1, categories their position among the levels seen
in `fit`. Missing values are NaN. A category that was not seen in `fit` tells the model nothing: it is treated as
missing, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from counterpoise.errors import InputError, ModelError
from counterpoise.learn.inputs import check_table
from counterpoise.table.frames import Features, column_kinds, column_names, features, select

__all__ = ["Encoded", "TableEncoder"]


@dataclass(frozen=True)
class Encoded:
    """Rows that were taken apart before: a server reads them as numbers, without making a frame of each request.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns), float64
        Numbers, dates as seconds since 1970, booleans as 0 and 1, categories as positions in `levels`; NaN where
        missing.
    kinds : tuple of str
        Kind of each column, as `TableEncoder.kinds_`.
    levels : mapping of int to sequence of str
        By column, the levels of each category.
    """

    values: np.ndarray
    kinds: tuple[str, ...]
    levels: Mapping[int, Sequence[str]]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]


class TableEncoder(TransformerMixin, BaseEstimator):
    """Turn frames and arrays into a block of numbers with fixed category codes.

    Columns keep their order and number. A frame of another library with the same columns gives the same block.

    Attributes
    ----------
    kinds_ : list of str
        Kind of each column: ``"number"``, ``"boolean"``, ``"date"`` or ``"category"``.
    levels_ : list of list of str
        Levels of each boolean or category column, in the order of those columns.
    categorical_ : ndarray of shape (n_columns,), bool
        Which columns hold category codes (booleans count as numbers 0 and 1).
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import polars as pl
    >>> from counterpoise.learn import TableEncoder
    >>> table = pl.DataFrame({"amount": [1.5, None, 2.0], "shop": ["b", "a", None]})
    >>> encoder = TableEncoder().fit(table)
    >>> encoder.transform(table)
    array([[1.5, 1. ],
           [nan, 0. ],
           [2. , nan]])
    >>> encoder.transform(pl.DataFrame({"amount": [3.0], "shop": ["new"]}))
    array([[ 3., nan]])
    """

    def fit(self, X: Any, y: Any = None) -> TableEncoder:
        """Learn the kinds of the columns and the levels of the categories.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        y : object, default=None
            Not used.

        Returns
        -------
        TableEncoder
            The encoder itself.

        Raises
        ------
        InputError
            If the table is empty or holds infinite numbers.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Learn the columns and give the block, in one pass.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        y : object, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Numbers and category codes, NaN where missing; stored by columns.
        """
        return self.fit_block(X)

    def fit_block(self, X: Any) -> np.ndarray:
        """Do as `fit_transform`, always giving an array whatever `set_output` says.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Numbers and category codes, NaN where missing; stored by columns.
        """
        return _block(self._fit(X))

    def _fit(self, X: Any) -> Features:
        X = check_table(self, X, reset=True)
        seen = features(X)
        _check_finite(seen)
        self.kinds_ = list(seen.kinds)
        self.levels_ = [[str(level) for level in levels] for levels in seen.levels]
        self.categorical_ = np.array([kind == "category" for kind in seen.kinds], dtype=bool)
        return seen

    def transform(self, X: Any) -> np.ndarray:
        """Give the block of a table with the same columns.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Numbers and category codes, NaN where missing or not seen in `fit`; stored by columns.

        Raises
        ------
        ModelError
            If a column is of another kind than in `fit`.
        InputError
            If a number is infinite.
        """
        check_is_fitted(self)
        return self.block(X)

    def block(self, X: Any) -> np.ndarray:
        """Do as `transform`, always giving an array whatever `set_output` says.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Numbers and category codes, NaN where missing or not seen in `fit`; stored by columns.

        Raises
        ------
        ModelError
            If a column is of another kind than in `fit`.
        InputError
            If a number is infinite.
        """
        if isinstance(X, Encoded):
            return self._recoded(X)
        X = check_table(self, X, reset=False)
        kinds = self._agreed_kinds(X)
        levels = iter(self.levels_)
        used = []
        for fitted, agreed in zip(self.kinds_, kinds, strict=True):
            own = next(levels) if fitted in ("boolean", "category") else []
            if agreed in ("boolean", "category"):
                used.append(own)
        seen = features(X, kinds=kinds, levels=used)
        _check_finite(seen)
        return _block(seen)

    def _recoded(self, X: Encoded) -> np.ndarray:
        """Give the block of rows whose categories are numbered otherwise."""
        if list(X.kinds) != self.kinds_:
            raise ModelError(
                "The rows' columns are of other kinds.",
                expected="Expected the kinds seen in fit, in their order.",
            )
        block = np.array(X.values, order="F")
        known = iter(self.levels_)
        for j, kind in enumerate(self.kinds_):
            own = next(known) if kind in ("boolean", "category") else []
            if kind == "category":
                block[:, j] = _renumbered(block[:, j], X.levels[j], own)
        return block

    def _agreed_kinds(self, X: Any) -> list[Any]:
        """Say as which kind each column is read, given its kind in `fit` and its kind now."""
        now = column_kinds(X)
        names = column_names(X) or tuple(str(j) for j in range(len(now)))
        kinds: list[Any] = []
        wrong = []
        for j, (fitted, kind) in enumerate(zip(self.kinds_, now, strict=True)):
            agreed = _agree(fitted, kind)
            if agreed is None and not _all_missing(X, j):
                wrong.append(f"{names[j]!r} ({fitted} in fit, {kind} now)")
            kinds.append(agreed or kind)
        if wrong:
            raise ModelError(
                f"Columns changed their type: {', '.join(wrong[:5])}.",
                expected="Expected the types seen in fit.",
                why="A value of another type has no place among the values learnt.",
                hint="Read or cast those columns as they were in training.",
            )
        return kinds

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of the block: the input's names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names to use where the table had none.

        Returns
        -------
        ndarray of shape (n_columns,), object
            One name a column.
        """
        check_is_fitted(self)
        return names_out(self, input_features)

    def __sklearn_tags__(self) -> Tags:
        """Say what the encoder takes.

        Returns
        -------
        Tags
            scikit-learn's description: missing values, strings and categories are welcome.
        """
        return table_tags(super().__sklearn_tags__())


def table_tags(tags: Tags) -> Tags:
    """Say that an estimator takes missing values, strings and categories.

    Parameters
    ----------
    tags : Tags
        The tags so far.

    Returns
    -------
    Tags
        The same object, changed.
    """
    tags.input_tags.allow_nan = True
    tags.input_tags.string = True
    tags.input_tags.categorical = True
    tags.input_tags.sparse = False
    return tags


def names_out(estimator: Any, input_features: Any) -> np.ndarray:
    """Give the names of columns that keep their number and order.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator.
    input_features : array-like of str or None
        Names to use where the fitted table had none.

    Returns
    -------
    ndarray of shape (n_columns,), object
        One name a column.

    Raises
    ------
    InputError
        If other names, or another number of them, are given.
    """
    known = getattr(estimator, "feature_names_in_", None)
    if input_features is None:
        if known is not None:
            return np.asarray(known, dtype=object)
        return np.array([f"x{j}" for j in range(estimator.n_features_in_)], dtype=object)
    given = np.asarray(input_features, dtype=object)
    if known is not None and not np.array_equal(given, known):
        raise InputError("input_features is not equal to feature_names_in_", hint="Pass None to use them.")
    if len(given) != estimator.n_features_in_:
        raise InputError(
            "input_features should have length equal to number of features "
            f"({estimator.n_features_in_}), got {len(given)}.",
        )
    return given


def _renumbered(codes: np.ndarray, levels: Sequence[str], own: Sequence[str]) -> np.ndarray:
    places = {level: place for place, level in enumerate(own)}
    table = np.array([places.get(level, np.nan) for level in levels] + [np.nan])
    return table[np.where(np.isnan(codes), len(levels), codes).astype(np.int64)]


def _agree(fitted: str, now: str) -> str | None:
    """Give the kind to read a column as, or None where the kinds exclude each other."""
    if now == fitted or fitted == "category":
        return fitted
    return now if {fitted, now} == {"boolean", "number"} else None


def _all_missing(X: Any, j: int) -> bool:
    seen = features(select(X, [j]))
    return bool(np.isnan(seen.numeric).all() and (seen.codes < 0).all())


def _check_finite(seen: Features) -> None:
    if np.isfinite(seen.numeric.sum()):
        return
    wrong = np.isinf(seen.numeric)
    if wrong.any():
        column = int(np.flatnonzero(wrong.any(axis=0))[0])
        name = seen.names[seen.numeric_columns[column]]
        raise InputError(
            f"Column {name!r} contains infinity in {int(wrong[:, column].sum())} rows.",
            expected="Expected finite numbers, or missing values.",
            why="No distance, bin or weight is defined for an infinite value.",
            hint="Set those values to missing, or to a large finite number.",
        )


def _block(seen: Features) -> np.ndarray:
    """Put numbers and codes back in the order of the columns."""
    block = np.empty((seen.n_rows, len(seen.kinds)), dtype=np.float64, order="F")
    for position, j in enumerate(seen.numeric_columns):
        block[:, j] = seen.numeric[:, position]
    for position, j in enumerate(seen.coded_columns):
        codes = seen.codes[:, position]
        block[:, j] = np.where(codes < 0, np.nan, codes)
    return block
