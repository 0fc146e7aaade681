"""One vocabulary for tables of every kind: arrays, sparse matrices, polars, pandas, pyarrow.

The rest of the library never touches a frame's own methods: it asks for columns as numbers and codes
(`features`), takes rows (`take`), stacks (`concat`), and writes numbers back in the column's own type
(`with_column`). What comes out is of the kind that went in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v1 as nw
import numpy as np
import polars as pl
from scipy import sparse

from counterpoise.errors import TypeOfInputError

__all__ = [
    "MISSING",
    "UNKNOWN",
    "ColumnKind",
    "Features",
    "column",
    "column_kinds",
    "column_names",
    "concat",
    "features",
    "float_blocks",
    "float_columns",
    "integer_bounds",
    "is_frame",
    "n_columns",
    "n_rows",
    "rebuild",
    "row_bytes",
    "select",
    "take",
    "with_column",
]

ColumnKind = Literal["number", "boolean", "date", "category"]

MISSING = -1
"""Code of a missing category."""

UNKNOWN = -2
"""Code of a category that is not among the given levels."""


@dataclass(frozen=True)
class Features:
    """The columns of a feature table as numbers and category codes.

    Attributes
    ----------
    names : tuple of str
        All column names in order; ``"0"``, ``"1"``, ... where the input has none.
    kinds : tuple of str
        For each column ``"number"``, ``"boolean"``, ``"date"`` or ``"category"``.
    numeric : ndarray of shape (n_rows, n_numeric), float32 or float64
        Numbers, and dates as seconds since 1970; NaN where missing. float32 only where every number is float32.
    numeric_columns : ndarray of shape (n_numeric,), int64
        Positions of those columns in the input.
    codes : ndarray of shape (n_rows, n_coded), int32
        Categories and booleans as positions in `levels`; `MISSING` and `UNKNOWN` are negative.
    coded_columns : ndarray of shape (n_coded,), int64
        Positions of those columns in the input.
    levels : tuple of tuple
        For each coded column its levels, sorted.
    """

    names: tuple[str, ...]
    kinds: tuple[ColumnKind, ...]
    numeric: np.ndarray
    numeric_columns: np.ndarray
    codes: np.ndarray
    coded_columns: np.ndarray
    levels: tuple[tuple[Any, ...], ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.numeric.shape[0])


# --- what kind of table ------------------------------------------------------------------------------------


def is_frame(X: Any) -> bool:
    """Say whether X is a data frame (polars, pandas, pyarrow, ...) and not an array.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    bool
        True for an eager frame that narwhals knows.
    """
    is_array = isinstance(X, np.ndarray) or sparse.issparse(X)
    return not is_array and isinstance(nw.from_native(X, eager_only=True, pass_through=True), nw.DataFrame)


def _frame(X: Any) -> nw.DataFrame[Any]:
    return nw.from_native(X, eager_only=True)


def n_rows(X: Any) -> int:
    """Count the rows of a table, or the entries of a column.

    Parameters
    ----------
    X : array-like, sparse matrix, frame or series
        The table or the column.

    Returns
    -------
    int
        Number of rows.
    """
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape is not None and not isinstance(X, pl.LazyFrame) else len(X)


def n_columns(X: Any) -> int:
    """Count the columns of a table.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table, with two dimensions.

    Returns
    -------
    int
        Number of columns.
    """
    return int(X.shape[1])


def column_names(X: Any) -> tuple[str, ...] | None:
    """Give the column names of a frame.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table.

    Returns
    -------
    tuple of str or None
        None where the table has no names.
    """
    return tuple(str(name) for name in _frame(X).columns) if is_frame(X) else None


def column_kinds(X: Any) -> tuple[ColumnKind, ...]:
    """Say of each column whether it holds numbers, booleans, dates or categories.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table. Columns of an object array are numbers where every value present is one.

    Returns
    -------
    tuple of str
        One kind a column.

    Raises
    ------
    TypeOfInputError
        If a column is of a type that is none of these (lists, structs, binary).
    """
    if is_frame(X):
        frame = _frame(X)
        return tuple(_series_kind(frame[:, j]) for j in range(len(frame.columns)))
    if sparse.issparse(X) or X.dtype.kind in "fiu":
        return _all_of("number", X)
    if X.dtype.kind == "b":
        return _all_of("boolean", X)
    if X.dtype.kind == "M":
        return _all_of("date", X)
    return tuple(_object_kind(X[:, j]) for j in range(n_columns(X)))


def _all_of(kind: ColumnKind, X: Any) -> tuple[ColumnKind, ...]:
    return (kind,) * n_columns(X)


def _series_kind(series: nw.Series[Any]) -> ColumnKind:
    dtype = series.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == nw.Boolean:
        return "boolean"
    if dtype in (nw.Date, nw.Datetime, nw.Duration, nw.Time):
        return "date"
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return "category"
    if dtype in (nw.Object, nw.Unknown):
        return _object_kind(series.to_numpy())
    raise TypeOfInputError(
        f"Column {series.name!r} is of type {dtype}.",
        expected="Expected numbers, booleans, dates, or categories (strings).",
        why="No distance, bin or weight is defined for other types.",
        hint="Drop the column, or turn it into one of those types.",
    )


def _object_kind(values: np.ndarray) -> ColumnKind:
    present = [v for v in values.tolist() if not _is_missing(v)]
    if present and all(isinstance(v, bool | np.bool_) for v in present):
        return "boolean"
    if all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in present):
        return "number"
    return "category"


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


# --- columns as numbers and codes --------------------------------------------------------------------------


def features(
    X: Any,
    *,
    kinds: Sequence[ColumnKind] | None = None,
    levels: Sequence[Sequence[Any]] | None = None,
) -> Features:
    """See a table as numbers and category codes.

    Parameters
    ----------
    X : ndarray, CSR/CSC matrix or frame of shape (n_rows, n_columns)
        The table. Sparse input is not converted here: use it as it is.
    kinds : sequence of str, optional
        Kind of each column, where it is not to be read off the types. ``"category"`` may be asked of any column.
    levels : sequence of sequence, optional
        Levels of each coded column, from an earlier call; others become `UNKNOWN`.

    Returns
    -------
    Features
        A view where the input is a numeric array, a copy otherwise.

    Raises
    ------
    TypeOfInputError
        If a column's type is none of numbers, booleans, dates, categories.
    """
    kinds = tuple(kinds) if kinds is not None else column_kinds(X)
    names = column_names(X) or tuple(str(j) for j in range(n_columns(X)))
    numeric_columns = np.array([j for j, k in enumerate(kinds) if k in ("number", "date")], dtype=np.int64)
    coded_columns = np.array([j for j, k in enumerate(kinds) if k in ("boolean", "category")], dtype=np.int64)
    numeric = _numeric_block(X, numeric_columns)
    codes = np.empty((n_rows(X), len(coded_columns)), dtype=np.int32)
    found: list[tuple[Any, ...]] = []
    for position, j in enumerate(coded_columns):
        known = tuple(levels[position]) if levels is not None else None
        codes[:, position], used = _encode(X, int(j), kinds[j], known)
        found.append(used)
    return Features(names, kinds, numeric, numeric_columns, codes, coded_columns, tuple(found))


def _numeric_block(X: Any, columns: np.ndarray) -> np.ndarray:
    if isinstance(X, np.ndarray) and X.dtype.kind in "fiu":
        block = X if len(columns) == X.shape[1] else X[:, columns]
        return block if block.dtype in (np.float32, np.float64) else block.astype(np.float64)
    parts = [_numbers(X, int(j)) for j in columns]
    single = bool(parts) and all(part.dtype == np.float32 for part in parts)
    out = np.empty((n_rows(X), len(parts)), dtype=np.float32 if single else np.float64)
    for j, part in enumerate(parts):
        out[:, j] = part
    return out


def _numbers(X: Any, j: int) -> np.ndarray:
    if isinstance(X, np.ndarray):
        if X.dtype.kind == "M":
            return _seconds(X[:, j])
        return np.array([np.nan if _is_missing(v) else float(v) for v in X[:, j].tolist()], dtype=np.float64)
    series = _frame(X)[:, j]
    if series.dtype == nw.Float32:
        return np.asarray(series.to_numpy(), dtype=np.float32)
    if series.dtype.is_numeric():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if series.dtype in (nw.Object, nw.Unknown):
        return np.array([np.nan if _is_missing(v) else float(v) for v in series.to_list()], dtype=np.float64)
    if series.dtype == nw.Date:
        series = series.cast(nw.Datetime("us"))
    if series.dtype == nw.Time:
        seconds = [None if t is None else t.hour * 3600 + t.minute * 60 + t.second for t in series.to_list()]
        return np.array([np.nan if s is None else s for s in seconds], dtype=np.float64)
    return _seconds(np.asarray(series.to_numpy()))


def _seconds(values: np.ndarray) -> np.ndarray:
    """Turn numpy datetimes or durations into seconds, NaT into NaN."""
    unit = "timedelta64[us]" if values.dtype.kind == "m" else "datetime64[us]"
    values = values.astype(unit)
    seconds: np.ndarray = values.view(np.int64) / 1e6
    seconds[np.isnat(values)] = np.nan
    return seconds


def _encode(
    X: Any, j: int, kind: ColumnKind, levels: tuple[Any, ...] | None
) -> tuple[np.ndarray, tuple[Any, ...]]:
    column = X[:, j] if isinstance(X, np.ndarray) else _frame(X)[:, j]
    if kind == "boolean":
        levels = ("False", "True")
    if _is_numeric(column):
        values, missing = _numbers_of(column)
        distinct, which = np.unique(values[~missing], return_inverse=True)
        known, levels = _encode_strings(_number_strings(distinct), levels)
        codes = np.full(len(values), MISSING, dtype=np.int32)
        codes[~missing] = known[which.reshape(-1)]
        return codes, levels
    return _encode_strings(_as_strings(column, kind), levels)


def _encode_strings(series: pl.Series, levels: tuple[Any, ...] | None) -> tuple[np.ndarray, tuple[Any, ...]]:
    if levels is None:
        levels = tuple(series.drop_nulls().unique().sort().to_list())
    texts = [str(level) for level in levels]
    if not texts:
        codes = np.full(len(series), UNKNOWN, dtype=np.int32)
    else:
        codes = series.replace_strict(
            texts, np.arange(len(texts), dtype=np.int32), default=UNKNOWN, return_dtype=pl.Int32
        ).to_numpy()
    return np.where(series.is_null().to_numpy(), MISSING, codes), tuple(levels)


def _is_numeric(column: Any) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind in "fiu"
    return bool(column.dtype.is_numeric())


def _numbers_of(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Give numbers as they are, integers not through floats, and where they are missing."""
    if isinstance(column, np.ndarray):
        return column, np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=bool)
    if column.dtype.is_integer():
        gone = np.asarray(column.is_null().to_numpy(), dtype=bool)
        filled = column.fill_null(0) if gone.any() else column
        return np.asarray(filled.to_numpy()), gone
    values = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
    return values, np.isnan(values)


def _number_strings(distinct: np.ndarray) -> pl.Series:
    """Write numbers as strings; a whole number reads the same whatever the type of its column."""
    whole = [int(v) if isinstance(v, float) and v.is_integer() else v for v in distinct.tolist()]
    return pl.Series([str(v) for v in whole], dtype=pl.String)


def _as_strings(column: Any, kind: ColumnKind) -> pl.Series:
    """Give a column as polars strings; booleans as "False" and "True"."""
    native = column.to_native() if isinstance(column, nw.Series) else column
    if isinstance(native, pl.Series) and kind == "category" and native.dtype not in (pl.Boolean, pl.Object):
        return native.cast(pl.String)
    values = column.to_list() if isinstance(column, nw.Series) else column.tolist()
    if kind == "boolean":
        return pl.Series([None if _is_missing(v) else str(bool(v)) for v in values], dtype=pl.String)
    return pl.Series([None if _is_missing(v) else str(v) for v in values], dtype=pl.String)


# --- rows and columns, in the kind that went in ---------------------------------------------------------------


def take(X: Any, rows: np.ndarray) -> Any:
    """Take rows by number, in any order and as often as asked.

    Parameters
    ----------
    X : array-like, sparse matrix, frame or series
        The table or the column.
    rows : ndarray of shape (m,), int64
        Row numbers.

    Returns
    -------
    object
        Of the same kind, m rows. A pandas index follows its rows.
    """
    if isinstance(X, pl.DataFrame | pl.Series):
        return X[rows] if len(rows) else X.clear()
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if sparse.issparse(X):
        return X.tocsr()[rows]
    if isinstance(X, np.ndarray):
        return X[rows]
    if hasattr(X, "take"):
        return X.take(rows)
    return [X[int(i)] for i in rows]


def concat(parts: Sequence[Any]) -> Any:
    """Stack tables or columns of one kind.

    Parameters
    ----------
    parts : sequence of array, sparse matrix, frame or series
        At least one; same columns, same types.

    Returns
    -------
    object
        Of the same kind; a pandas index is numbered anew when there is more than one part.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    if sparse.issparse(first):
        return sparse.vstack(parts, format="csr")
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, list):
        return [item for part in parts for item in part]
    if isinstance(first, pl.DataFrame | pl.Series):
        return pl.concat(parts)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    return nw.to_native(nw.concat([_frame(part) for part in parts]))


def select(X: Any, columns: Sequence[int]) -> Any:
    """Take columns by position.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table.
    columns : sequence of int
        Positions.

    Returns
    -------
    object
        Of the same kind.
    """
    if is_frame(X):
        return _frame(X)[:, [int(j) for j in columns]].to_native()
    return X[:, list(columns)]


def column(X: Any, j: int) -> Any:
    """Take one column as a series, or as an array of one dimension.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table.
    j : int
        Position.

    Returns
    -------
    object
        A series of the frame's own kind, or an array.
    """
    if is_frame(X):
        return _frame(X)[:, j].to_native()
    return X[:, [j]].toarray()[:, 0] if sparse.issparse(X) else X[:, j]


def float_columns(X: Any) -> list[np.ndarray]:
    """Give the columns of floating point numbers of a frame.

    Parameters
    ----------
    X : frame
        The table.

    Returns
    -------
    list of ndarray
        One a column, NaN where missing; a view where the frame allows it.
    """
    frame = _frame(X)
    columns = [frame[:, j] for j in range(len(frame.columns))]
    chosen = [column for column in columns if column.dtype.is_float()]
    return [np.asarray(series.to_numpy(), dtype=np.float64) for series in chosen]


def float_blocks(X: Any) -> list[np.ndarray]:
    """Give the floating point numbers of a table, in as few arrays as it holds them.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table.

    Returns
    -------
    list of ndarray
        Of a sparse matrix what is stored; NaN where missing.
    """
    if sparse.issparse(X):
        return [X.data] if X.dtype.kind == "f" else []
    if isinstance(X, np.ndarray):
        return [X] if X.dtype.kind == "f" else []
    return float_columns(X)


def row_bytes(X: Any) -> float:
    """Estimate what one row takes in memory.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame
        The table.

    Returns
    -------
    float
        Bytes a row, on average.
    """
    n = max(1, n_rows(X))
    if isinstance(X, np.ndarray):
        return X.nbytes / n
    if sparse.issparse(X):
        X = X.tocsr()
        return float(X.data.nbytes + X.indices.nbytes + X.indptr.nbytes) / n
    return float(_frame(X).estimated_size()) / n


def integer_bounds(X: Any, j: int) -> tuple[float, float] | None:
    """Give the least and the greatest value of a column of integers.

    Parameters
    ----------
    X : ndarray or frame
        The table.
    j : int
        Position of a column of numbers or dates.

    Returns
    -------
    tuple of float, or None
        None where the column is not integral, or has no value.
    """
    if isinstance(X, np.ndarray):
        if X.dtype.kind == "O":
            present = [v for v in X[:, j].tolist() if not _is_missing(v)]
            whole = bool(present) and all(isinstance(v, int | np.integer) for v in present)
            return (float(min(present)), float(max(present))) if whole else None
        return (float(X[:, j].min()), float(X[:, j].max())) if X.dtype.kind in "iu" and len(X) else None
    series = _frame(X)[:, j]
    if not series.dtype.is_integer() or series.is_null().all():
        return None
    return float(series.min()), float(series.max())


def rebuild(
    X: Any, rows: np.ndarray, numbers: Mapping[int, np.ndarray], choices: Mapping[int, np.ndarray]
) -> Any:
    """Take rows, and write some of their columns anew.

    Parameters
    ----------
    X : frame or ndarray
        The table.
    rows : ndarray of shape (m,), int64
        The rows that the new ones start from.
    numbers : mapping of int to ndarray of shape (m,), float64
        New values of columns of numbers and dates; NaN becomes missing. Integral columns are rounded.
    choices : mapping of int to ndarray of shape (m,), int64
        For other columns, the row of X that each new row copies its value from.

    Returns
    -------
    object
        A table of the same kind, columns and types, with m rows; a pandas index is numbered anew.
    """
    if isinstance(X, np.ndarray):
        return _rebuild_array(X, rows, numbers, choices)
    start = _plain_index(take(X, rows))
    written = []
    for j, values in numbers.items():
        like = start[:, j]
        written.append(_numbers_like(like, values))
    for j, chosen in choices.items():
        taken = _plain_index(take(select(X, [j]), chosen))
        written.append(taken[:, 0])
    return start.with_columns(*written).to_native() if written else start.to_native()


def _plain_index(native: Any) -> nw.DataFrame[Any]:
    return _frame(native.reset_index(drop=True) if hasattr(native, "iloc") else native)


def _rebuild_array(
    X: np.ndarray, rows: np.ndarray, numbers: Mapping[int, np.ndarray], choices: Mapping[int, np.ndarray]
) -> np.ndarray:
    out: np.ndarray = X[rows]
    for j, values in numbers.items():
        out[:, j] = _object_numbers(X[:, j], values) if X.dtype.kind == "O" else _array_numbers(X, values)
    for j, chosen in choices.items():
        out[:, j] = X[chosen, j]
    return out


def _array_numbers(X: np.ndarray, values: np.ndarray) -> np.ndarray:
    if X.dtype.kind != "M":
        return values
    stamps: np.ndarray = np.rint(np.nan_to_num(values) * 1e6).astype(np.int64).view("datetime64[us]")
    stamps[np.isnan(values)] = np.datetime64("NaT")
    return np.asarray(stamps.astype(X.dtype))


def _object_numbers(column: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give numbers as objects, integers where all present values of the column are integers."""
    present = [v for v in column.tolist() if not _is_missing(v)]
    blank = next((v for v in column.tolist() if _is_missing(v)), np.nan)
    if present and all(isinstance(v, int | np.integer) for v in present):
        values = np.rint(values)
        plain: list[Any] = [blank if v != v else int(v) for v in values.tolist()]
    else:
        plain = [blank if v != v else v for v in values.tolist()]
    out = np.empty(len(plain), dtype=object)
    out[:] = plain
    return out


def with_column(X: Any, j: int, values: np.ndarray) -> Any:
    """Write numbers into one column, in that column's own type.

    Parameters
    ----------
    X : ndarray or frame
        The table; a frame is not changed, an array is written in place.
    j : int
        Position of a column of numbers or dates.
    values : ndarray of shape (n_rows,), float64
        The new values; NaN becomes missing. Rounded to the nearest integer where the column is integral.

    Returns
    -------
    object
        The table with the column replaced.
    """
    if isinstance(X, np.ndarray):
        X[:, j] = np.rint(values) if X.dtype.kind in "iu" else values
        return X
    frame = _frame(X)
    series = frame[:, j]
    replaced = frame.with_columns(_numbers_like(series, values))
    return replaced.to_native()


def _numbers_like(series: nw.Series[Any], values: np.ndarray) -> nw.Series[Any]:
    dtype, missing = series.dtype, np.isnan(values)
    if dtype in (nw.Date, nw.Datetime, nw.Duration, nw.Time):
        return _dates_like(series, values)
    if dtype.is_integer():
        values = np.rint(values)
    native = series.to_native()
    if isinstance(native, pl.Series) and native.dtype == pl.Null:
        return nw.from_native(pl.Series(native.name, [None] * len(values), dtype=pl.Null), series_only=True)
    if hasattr(native, "iloc"):
        return _pandas_like(native, values if not missing.any() else _with_none(values, missing))
    backend = nw.get_native_namespace(series)
    if not missing.any():
        return nw.new_series(series.name, values, backend=backend).cast(dtype)
    return nw.new_series(series.name, _with_none(values, missing), nw.Float64, backend=backend).cast(dtype)


def _with_none(values: np.ndarray, missing: np.ndarray) -> list[float | None]:
    return [None if gone else value for gone, value in zip(missing, values.tolist(), strict=True)]


def _pandas_like(native: Any, values: Any) -> nw.Series[Any]:
    column = type(native)(values, index=native.index, name=native.name).astype(native.dtype)
    return nw.from_native(column, series_only=True)


def _dates_like(series: nw.Series[Any], values: np.ndarray) -> nw.Series[Any]:
    micros = pl.Series(series.name, np.rint(np.nan_to_num(values) * 1e6).astype(np.int64))
    micros = micros.set(pl.Series(np.isnan(values)), None)
    native = series.to_native()
    if isinstance(native, pl.Series):
        if native.dtype == pl.Date:
            return nw.from_native(micros.cast(pl.Datetime("us")).cast(pl.Date), series_only=True)
        if native.dtype == pl.Time:
            return nw.from_native((micros * 1000).cast(pl.Time), series_only=True)
        plain = pl.Duration("us") if isinstance(native.dtype, pl.Duration) else pl.Datetime("us")
        return nw.from_native(micros.cast(plain).cast(native.dtype), series_only=True)
    kind = "timedelta64[us]" if series.dtype == nw.Duration else "datetime64[us]"
    stamps = np.rint(np.nan_to_num(values) * 1e6).astype(np.int64).view(kind)
    stamps[np.isnan(values)] = np.timedelta64("NaT") if kind.startswith("timedelta") else np.datetime64("NaT")
    if hasattr(native, "iloc"):
        return _pandas_like(native, stamps)
    return nw.new_series(series.name, stamps, backend=nw.get_native_namespace(series)).cast(series.dtype)
