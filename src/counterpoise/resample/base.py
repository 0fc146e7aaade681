"""What all samplers share: reading a table, resolving the strategy, and turning a plan into rows.

A sampler is a scikit-learn estimator whose one step of its own is `_plan`: given a checked table with its classes
(`Labelled`), say which rows to keep and which to invent (`Plan`). Everything else - kinds of input, types, further
arrays, lists, tags - is done here, once.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import InputTags, Tags, check_array
from sklearn.utils.validation import validate_data

from counterpoise.chance import Streams
from counterpoise.errors import InputError, OptionError, TypeOfInputError
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.strategy import SamplingKind, resolve_strategy
from counterpoise.resample.target import Target, read_target
from counterpoise.table import frames
from counterpoise.table.large import refuse_too_large

__all__ = ["BaseSampler", "SamplerTags", "require_choice", "require_integer", "require_real"]


@dataclass(slots=True)
class SamplerInputTags(InputTags):
    """Tags of the input of a sampler.

    Parameters
    ----------
    dataframe : bool, default=True
        Whether data frames come back as data frames.
    """

    dataframe: bool = True


@dataclass(slots=True)
class SamplerOutputTags:
    """Tags of the output of a sampler.

    Parameters
    ----------
    sample_indices : bool, default=False
        Whether every output row is a row of the input, numbered by ``sample_indices_``.
    """

    sample_indices: bool = False


@dataclass(slots=True)
class SamplerTags(Tags):
    """Tags of a sampler, in the form that scikit-learn and imbalanced-learn ask for.

    Parameters
    ----------
    sampler_tags : SamplerOutputTags
        Tags of the output.
    """

    sampler_tags: SamplerOutputTags = field(default_factory=SamplerOutputTags)


class BaseSampler(OneToOneFeatureMixin, BaseEstimator, ABC):
    """Base of all samplers.

    A subclass sets `_sampling_type`, stores its parameters in ``__init__`` (among them ``sampling_strategy``), and
    writes `_plan`. Where every output row is a row of the input, it sets `_keeps_rows`, and ``sample_indices_``
    comes by itself. `_check_parameters` is the place to look at parameters.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add (over-sampling), to keep (under-sampling), or to the minority's size (cleaning).
    plan_ : Plan
        The plan of the last call.
    n_features_in_ : int
        Columns of the table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where the table has names.
    """

    _sampling_type: ClassVar[SamplingKind] = "over-sampling"
    _keeps_rows: ClassVar[bool] = False
    _takes_sparse: ClassVar[bool] = True
    _looks_at_values: ClassVar[bool] = True
    _estimator_type = "sampler"

    def fit(self, X: Any, y: Any) -> BaseSampler:
        """Check the input and resolve the sampling strategy; `plan` and `fit_resample` do the work.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Labels.

        Returns
        -------
        BaseSampler
            This sampler.
        """
        self._read(X, y)
        return self

    def plan(self, X: Any, y: Any) -> Plan:
        """Say which rows to keep and which to invent, without making any.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Labels.

        Returns
        -------
        Plan
            Row numbers only.

        Raises
        ------
        InputError
            If the table, the labels or a parameter cannot be used.
        NotApplicable
            If there is no honest answer for sound input, with the reason.
        """
        return self._planned(self._read(X, y)).remember(X, y)

    def fit_resample(self, X: Any, y: Any, **row_arrays: Any) -> tuple[Any, ...]:
        """Resample a table.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Labels.
        **row_arrays : array-like of shape (n_rows, ...)
            Anything with one entry a row: weights, times, groups, ids. An invented row has its base row's entry.

        Returns
        -------
        X2 : object
            The resampled table, of the same kind, columns and types as X.
        y2 : object
            Its labels.
        *row_arrays2 : object
            Each further array, resampled, in the order given.

        Raises
        ------
        InputError
            If the table, the labels or a parameter cannot be used.
        NotApplicable
            If there is no honest answer for sound input, with the reason.
        """
        data = self._read(X, y)
        plan = self._planned(data)
        flat = _flat_labels(y)
        made, *others = plan.rows(data.X, flat, *row_arrays.values())
        return (_as_given(made, X), *others)

    def _planned(self, data: Labelled) -> Plan:
        self.plan_ = self._plan(data)
        if self._keeps_rows:
            self.sample_indices_ = self.plan_.sources
        return self.plan_

    @abstractmethod
    def _plan(self, data: Labelled) -> Plan:
        """Decide on the rows.

        Parameters
        ----------
        data : Labelled
            The checked table with its classes and what is asked of them.

        Returns
        -------
        Plan
            What to keep and what to invent.
        """

    def _check_parameters(self) -> None:
        """Refuse parameters outside what is offered."""

    def _read(self, X: Any, y: Any) -> Labelled:
        self._check_parameters()
        target = read_target(y)
        native = self._read_table(X, target)
        validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
        asked = resolve_strategy(self.sampling_strategy, target.labels, target.counts, self._sampling_type, y)
        self.sampling_strategy_ = asked
        position = {label: code for code, label in enumerate(target.labels)}
        wanted = {position[label]: n for label, n in asked.items()}
        streams = Streams.of(getattr(self, "random_state", None)).child("resample")
        return Labelled(native, y, target, wanted, streams)

    def _read_table(self, X: Any, target: Target) -> Any:
        X = as_table(X)
        if sparse.issparse(X) and not self._takes_sparse:
            raise TypeOfInputError(
                "X is a sparse matrix.",
                expected=f"Expected a dense array or a frame for {type(self).__name__}.",
                why="Its rows are compared by category or averaged, which leaves nothing sparse.",
                hint="Pass X.toarray() where that fits into memory.",
            )
        if frames.n_rows(X) != len(target.codes):
            raise InputError(
                f"Found input variables with inconsistent numbers of samples: X has {frames.n_rows(X)} rows, y has "
                f"{len(target.codes)}.",
                expected="Expected one label a row.",
                why="Each row belongs to one class.",
            )
        if self._looks_at_values:
            check_finite(X)
            refuse_too_large(X)
        return X

    def __sklearn_tags__(self) -> SamplerTags:
        inherited = super().__sklearn_tags__()
        plain = {f.name: getattr(inherited, f.name) for f in fields(inherited) if f.name != "input_tags"}
        tags = SamplerTags(**plain, sampler_tags=SamplerOutputTags(self._keeps_rows))
        tags.estimator_type = "sampler"
        tags.target_tags.required = True
        tags.input_tags = SamplerInputTags(
            sparse=self._takes_sparse, categorical=True, string=True, allow_nan=True, dataframe=True
        )
        return tags


# --- reading a table -----------------------------------------------------------------------------------------


def as_table(X: Any) -> Any:
    """Take a table of any accepted kind.

    Parameters
    ----------
    X : array-like, sparse matrix or frame
        The table.

    Returns
    -------
    ndarray, CSR matrix or frame
        The same object where it is one of these.

    Raises
    ------
    InputError
        If it has not two dimensions, no row, or no column.
    TypeOfInputError
        If it is lazy, or of numbers with no order.
    """
    if isinstance(X, pl.LazyFrame):
        raise TypeOfInputError(
            "X is a lazy frame.",
            expected="Expected the rows themselves.",
            why="Neighbours are found among rows in memory.",
            hint="Pass X.collect().",
        )
    if sparse.issparse(X):
        X = X.tocsr()
    elif not frames.is_frame(X):
        X = X if isinstance(X, np.ndarray) else _array_of(X)
        if X.ndim != 2:
            raise InputError(
                f"Expected 2D array, got {X.ndim}D array instead.",
                expected="Expected rows and columns.",
                why="Each row is one case.",
                hint="Reshape your data with X.reshape(-1, 1) for one column, or X.reshape(1, -1) for one row.",
            )
    _refuse_complex(X)
    if frames.n_columns(X) < 1:
        raise InputError(
            f"0 feature(s) (shape={X.shape}) while a minimum of 1 is required.",
            expected="Expected at least one column.",
            why="There is nothing to compare rows by.",
        )
    return X


def _array_of(X: Any) -> np.ndarray:
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise InputError(
            "X is a list of rows of unequal length.",
            expected="Expected rows and columns.",
            why="Each row is one case with the same columns.",
        ) from error
    if array.dtype.kind in "US":
        array = np.asarray(X, dtype=object)
    return array


def _refuse_complex(X: Any) -> None:
    dtype = getattr(X, "dtype", None)
    kind = getattr(dtype, "kind", "")
    if kind == "c":
        raise InputError(
            "Complex data not supported: X holds complex numbers.",
            expected="Expected real numbers, booleans, dates or categories.",
            why="Complex numbers have no order, and no distance between them is agreed on.",
            hint="Pass real and imaginary parts as columns of their own.",
        )
    if kind and kind in "USV":
        raise TypeOfInputError(
            f"X is an array of type {dtype}.",
            expected="Expected numbers, or an object array where there are strings.",
            why="Numbers written as text are categories here, which may not be meant.",
            hint="Pass X.astype(object) for categories, X.astype(float) for numbers.",
        )
    if kind == "O":
        _refuse_containers(X)


def _refuse_containers(X: np.ndarray) -> None:
    odd = next((v for v in X.ravel().tolist() if isinstance(v, dict | list | set | tuple | complex)), None)
    if odd is not None:
        raise TypeOfInputError(
            f"X holds {odd!r}: the argument must be a string or a real number.",
            expected="Expected numbers, booleans or strings in an object array.",
            why="No distance is defined between containers.",
        )


def check_finite(X: Any) -> None:
    """Refuse infinite numbers; NaN means missing.

    Parameters
    ----------
    X : ndarray, CSR matrix or frame
        The table.

    Raises
    ------
    InputError
        If a number is infinite.
    """
    for block in frames.float_blocks(X):
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(np.sum(block))
        if not np.isfinite(total) and np.isinf(block).any():
            raise InputError(
                f"X contains infinity or a value too large for {block.dtype}.",
                expected="Expected finite numbers; NaN where a value is missing.",
                why="An infinite value is infinitely far from every row.",
                hint="Clip it, or mark it as missing.",
            )


# --- writing it back -----------------------------------------------------------------------------------------


def _flat_labels(y: Any) -> Any:
    """Give a column of labels one dimension, as scikit-learn does."""
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    return y


def _as_given(made: Any, X: Any) -> Any:
    if sparse.issparse(X):
        return made.asformat(X.format)
    if isinstance(X, np.ndarray) or frames.is_frame(X):
        return made
    return made.tolist() if isinstance(X, list | tuple) else made


# --- parameters ----------------------------------------------------------------------------------------------


def require_integer(name: str, value: Any, minimum: int, *, meaning: str = "") -> int:
    """Take a parameter that counts something.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    minimum : int
        The least that makes sense.
    meaning : str, default=""
        What it counts, as a sentence.

    Returns
    -------
    int
        The value.

    Raises
    ------
    OptionError
        If it is not a whole number of at least `minimum`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < minimum:
        raise OptionError(
            f"{name}={value!r} was given.",
            expected=f"Expected a whole number of at least {minimum}.",
            why=meaning,
        )
    return int(value)


def require_real(
    name: str, value: Any, low: float, high: float = np.inf, *, open_low: bool = False, meaning: str = ""
) -> float:
    """Take a parameter that measures something.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    low, high : float
        The range, ends included.
    open_low : bool, default=False
        Whether `low` itself is outside.
    meaning : str, default=""
        What it measures, as a sentence.

    Returns
    -------
    float
        The value.

    Raises
    ------
    OptionError
        If it is not a number in the range.
    """
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_real or not low <= float(value) <= high or (open_low and float(value) == low):
        raise OptionError(
            f"{name}={value!r} was given.",
            expected=f"Expected a number {'above' if open_low else 'from'} {low} to {high}.",
            why=meaning,
        )
    return float(value)


def require_choice(name: str, value: Any, choices: tuple[Any, ...], *, meaning: str = "") -> Any:
    """Take a parameter that is one of a few words.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    choices : tuple
        What is offered.
    meaning : str, default=""
        What it chooses, as a sentence.

    Returns
    -------
    object
        The value.

    Raises
    ------
    OptionError
        If it is none of them.
    """
    if isinstance(value, str) or value is None or isinstance(value, bool):
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return value
    raise OptionError(
        f"{name}={value!r} was given.",
        expected=f"Expected one of {', '.join(map(repr, choices))}.",
        why=meaning,
    )


def check_numbers(X: Any) -> np.ndarray:
    """Take a table that must be of numbers only, with nothing missing, for another library's estimator.

    Parameters
    ----------
    X : ndarray or frame
        The table.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float
        The numbers.
    """
    return np.asarray(check_array(X, dtype=[np.float64, np.float32]))
