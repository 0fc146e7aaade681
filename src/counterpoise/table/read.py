"""From anything that holds rows to a checked `Table`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import polars as pl
from scipy import sparse

from counterpoise.errors import RoleError, TableError, TypeOfInputError, nearest_names
from counterpoise.table.delimited import DAY_OR_MONTH_FIRST, month_first_too
from counterpoise.table.files import read_frame, refuse_repeated
from counterpoise.table.frames import ColumnKind, column_kinds, is_frame
from counterpoise.table.table import ROLES, Roles, Table

__all__ = ["counts_up", "labels_among", "missing_target", "read"]

_MANY_CLASSES = 20
"""More values than this in a target, and most of them rare, look like a number to be predicted, not a class."""

Source = Any


def read(
    source: Source,
    *,
    target: str | None = None,
    positive: Any = None,
    time: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    amount: str | None = None,
    id: str | None = None,  # noqa: A002 - the role's name
    drop: Sequence[str] = (),
) -> Table:
    """Read a table with a rare outcome and check that it can be learned from.

    Parameters
    ----------
    source : str, Path, list of them, frame, or tuple (X, y)
        CSV, TSV, Parquet, Arrow IPC or JSON-lines files (one, several, a pattern, a folder); a polars, pandas or
        pyarrow frame; or features of shape (n_rows, n_features) with the outcome of shape (n_rows,).
    target : str
        The column with the outcome. May be left out for ``(X, y)``.
    positive : object, optional
        The label of the positive class. By default the rarer of two; with more than two labels, naming one makes
        all others negative.
    time, group, weight, amount, id : str, optional
        Columns with a role. Only the amount is a feature as well. Times are dates, datetimes, texts of either, whole
        numbers of which each is a date in eight digits (20261120), or numbers of seconds.
    drop : sequence of str, default=()
        Columns to leave out.

    Returns
    -------
    Table
        Rows, roles, types, and which columns were left out and why.

    Raises
    ------
    TableError
        If the source cannot be read, is empty, repeats a column name, or holds infinite values.
    RoleError
        If a role names no column, a column twice, or one whose values do not fit; or the target has missing values,
        one class only, fewer than two positives, or as many values as rows.
    TypeOfInputError
        If the source is none of these, or a column is named by anything but its name.

    Examples
    --------
    >>> import counterpoise as cp
    >>> table = cp.read(([[0.0], [1.0], [2.0], [3.0], [5.0]], [0, 0, 0, 1, 1]))
    >>> table.n_rows, table.n_positive, table.positive
    (5, 2, 1)
    """
    asked = dict(zip(ROLES, (target, time, group, weight, amount, id), strict=True))
    _refuse_other_names(asked, drop)
    frame, words = _frame_of(source, target)
    if target is None:
        asked["target"] = _default_target(source)
    _refuse_empty(frame, words)
    roles = _checked_roles(frame, asked, drop)
    frame = _with_parsed_time(frame, roles.time)
    _refuse_infinite(frame, [name for name in frame.columns if name not in set(drop)])
    labels, y = _classes(frame[roles.target], positive)
    _check_role_values(frame, roles)
    features, kinds, left_out = _features(frame, roles, drop)
    return Table(frame, roles, labels, y, features, kinds, left_out, words)


# --- sources -------------------------------------------------------------------------------------------------


def _frame_of(source: Source, target: str | None) -> tuple[pl.DataFrame, str]:
    if isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], str | Path):
        return _from_arrays(*source, target=target or "target"), "arrays (X, y)"
    if isinstance(source, str | Path) or (isinstance(source, list) and source):
        return read_frame(source)
    if isinstance(source, pl.LazyFrame):
        return pl.DataFrame(source.collect()), "a lazy frame"
    refuse_repeated([str(name) for name in _names(source)], "The frame")
    if is_frame(source):
        return _to_polars(source), f"a {type(source).__module__.split('.')[0]} frame"
    raise TypeOfInputError(
        f"The source is a {type(source).__name__}.",
        expected="Expected a path, a list of paths, a polars, pandas or pyarrow frame, or a tuple (X, y).",
        why="Rows must come from somewhere.",
        hint="For example: counterpoise.read('tx.parquet', target='is_fraud').",
    )


def _names(source: Any) -> list[Any]:
    names = getattr(source, "column_names", getattr(source, "columns", ()))
    return list(names)


def _to_polars(source: Any) -> pl.DataFrame:
    if isinstance(source, pl.DataFrame):
        return source
    try:
        converted: pl.DataFrame = nw.from_native(source, eager_only=True).to_polars()
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise TableError(
            f"The {type(source).__module__.split('.')[0]} frame cannot be taken over ({error}).",
            expected="Expected columns of one type each.",
            why="A column of mixed types has no single meaning.",
            hint="Convert such columns to numbers or to strings.",
        ) from error
    return converted


def _from_arrays(X: Any, y: Any, *, target: str) -> pl.DataFrame:
    if sparse.issparse(X):
        X = X.toarray()
    if not is_frame(X):
        X = np.asarray(X)
        if X.ndim != 2:
            raise TableError(
                f"X has {X.ndim} dimension(s).",
                expected="Expected two: rows and features.",
                why="A model learns from several features of each row.",
                hint="Use X.reshape(-1, 1) for a single feature.",
            )
        X = pl.DataFrame({f"x{j}": _column(X[:, j]) for j in range(X.shape[1])})
    frame = _to_polars(X)
    outcome = _column(np.asarray(y))
    if len(outcome) != frame.height:
        raise TableError(
            f"X has {frame.height} rows and y has {len(outcome)}.",
            expected="Expected one outcome for each row.",
            why="Otherwise outcomes would belong to other rows.",
            hint="Check how X and y were made.",
        )
    return frame.with_columns(outcome.alias(target))


def _column(values: np.ndarray) -> pl.Series:
    return pl.Series(values.tolist(), strict=False) if values.dtype.kind in "OUS" else pl.Series(values)


def _default_target(source: Source) -> str:
    if isinstance(source, tuple):
        return "target"
    raise RoleError(
        "No target was given.",
        expected="Expected the name of the column with the outcome.",
        why="Without it there is nothing to predict.",
        hint="Pass target='...', or --target on the command line.",
    )


def _refuse_empty(frame: pl.DataFrame, words: str) -> None:
    if frame.height == 0 or frame.width == 0:
        raise TableError(
            f"{words} has {frame.height} rows and {frame.width} columns.",
            expected="Expected rows of both classes.",
            why="There is nothing to learn from.",
            hint="Check how the table was made.",
        )


# --- roles ---------------------------------------------------------------------------------------------------


def _refuse_other_names(asked: Mapping[str, Any], drop: Any) -> None:
    is_list = not isinstance(drop, str | bytes) and isinstance(drop, Iterable)
    named = [*asked.items(), *(("drop", name) for name in (drop if is_list else ()))]
    wrong = [f"{role}={name!r}" for role, name in named if not isinstance(name, str | None)]
    if not is_list:
        wrong.append(f"drop={drop!r}")
    if wrong:
        raise TypeOfInputError(
            f"Columns were named by {', '.join(wrong)}.",
            expected="Expected one name, a string, for each role, and a list of names to drop.",
            why="Columns are known by their names; numbers that stand for names in pandas become text.",
            hint="For example: target='y', drop=['h', '3'].",
        )


def _checked_roles(frame: pl.DataFrame, asked: Mapping[str, str | None], drop: Sequence[str]) -> Roles:
    for role, name in [*asked.items(), *(("drop", name) for name in drop)]:
        if name is not None and name not in frame.columns:
            raise RoleError(
                f"There is no column {name!r} for {role}.",
                expected=f"Expected one of {_some(frame.columns)}.",
                why=f"The {role} column must be in the table."
                if role != "drop"
                else "It cannot be left out.",
                hint=nearest_names(name, frame.columns) or "Check the spelling.",
            )
    played = Counter(name for name in asked.values() if name is not None)
    for name, times in played.items():
        if times > 1:
            both = [role for role, column in asked.items() if column == name]
            raise RoleError(
                f"Column {name!r} was named as {' and as '.join(both)}.",
                expected="Expected each column to have one role.",
                why="A column with two roles would be used twice, or leak the outcome.",
                hint="Name another column, or leave one of the roles out.",
            )
    return Roles(**asked)  # type: ignore[arg-type]  # the target is there: checked above


def _some(names: Sequence[str], n: int = 12) -> str:
    more = f" and {len(names) - n} more" if len(names) > n else ""
    return ", ".join(repr(name) for name in names[:n]) + more


def _with_parsed_time(frame: pl.DataFrame, name: str | None) -> pl.DataFrame:
    if name is None:
        return frame
    series = frame[name]
    if series.dtype == pl.String:
        try:
            parsed = series.str.to_datetime(strict=False)
        except pl.exceptions.ComputeError:
            parsed = pl.Series(name, [None] * len(series), dtype=pl.Datetime)
        if parsed.null_count() == series.null_count():
            _refuse_two_readings(series, parsed)
            series = parsed
    elif series.dtype.is_integer():
        series = _dates_in_digits(series)
    if not (series.dtype in (pl.Date, pl.Datetime) or series.dtype.is_numeric()):
        raise RoleError(
            f"The time column {name!r} is of type {frame[name].dtype}, for example {frame[name][0]!r}.",
            expected="Expected dates, datetimes, or numbers of seconds.",
            why="Rows are put in order by it, so that no model sees the future.",
            hint="Convert it, for example to ISO 8601 (2026-11-20T12:00:00).",
        )
    if series.null_count():
        raise _missing_in("time", name, series)
    return frame.with_columns(series.alias(name))


def _dates_in_digits(series: pl.Series) -> pl.Series:
    """Take whole numbers of which each is a date in eight digits as dates: as seconds they would lie in 1970."""
    if series.is_empty() or series.null_count() or not series.is_between(19000101, 21001231).all():
        return series
    days = series.cast(pl.String).str.to_date("%Y%m%d", strict=False)
    return days if days.null_count() == 0 else series


def _refuse_two_readings(written: pl.Series, parsed: pl.Series) -> None:
    """Refuse dates that could be 3 April as well as 4 March: polars takes the first."""
    answer = pl.DataFrame({"day": parsed}).select(month_first_too("day")).item()
    if answer != 1 or not written.drop_nulls().head(1).str.contains(DAY_OR_MONTH_FIRST).any():
        return
    row = int((parsed.dt.day() != parsed.dt.month()).arg_true()[0])
    first, second = parsed[row], parsed[row].replace(day=parsed[row].month, month=parsed[row].day)
    raise RoleError(
        f"The time column {written.name!r} can be read in two ways: {written[row]!r} is {first:%Y-%m-%d} day first and "
        f"{second:%Y-%m-%d} month first, and no value says which.",
        expected="Expected dates with the year first.",
        why="Rows are put in order by it: the wrong reading would scramble past and future.",
        hint="Write it as ISO 8601 (2026-11-20T12:00:00).",
    )


def _missing_in(role: str, name: str, series: pl.Series) -> RoleError:
    rows = series.is_null().arg_true()
    return RoleError(
        f"The {role} column {name!r} has {len(rows)} missing values, first in rows {_first(rows)} (counted from 0).",
        expected="Expected a value in every row.",
        why=f"A row without its {role} cannot be used, and dropping it in silence would bias the figures.",
        hint="Fill the values in, or remove those rows.",
    )


def _first(rows: pl.Series, n: int = 5) -> str:
    return ", ".join(map(str, rows.head(n))) + (", ..." if len(rows) > n else "")


def _check_role_values(frame: pl.DataFrame, roles: Roles) -> None:
    for role in ("weight", "amount"):
        name = getattr(roles, role)
        if name is None:
            continue
        series = frame[name]
        if not series.dtype.is_numeric():
            raise RoleError(
                f"The {role} column {name!r} is of type {series.dtype}.",
                expected="Expected numbers.",
                why=f"The {role} enters sums.",
                hint="Convert it, or name another column.",
            )
        if series.null_count():
            raise _missing_in(role, name, series)
        if role == "weight":
            _check_weights(name, series)
    if roles.group is not None and frame[roles.group].null_count():
        raise _missing_in("group", roles.group, frame[roles.group])


def _check_weights(name: str, series: pl.Series) -> None:
    negative = (series < 0).arg_true()
    if len(negative):
        raise RoleError(
            f"The weight column {name!r} has {len(negative)} negative values, first in rows {_first(negative)}.",
            expected="Expected weights of 0 or more.",
            why="A negative weight would reward a model for being wrong.",
            hint="Fix the weights, or leave the role out.",
        )
    if not float(series.sum()) > 0:
        raise RoleError(
            f"The weights in {name!r} sum to 0.",
            expected="Expected at least one positive weight.",
            why="Nothing would count.",
            hint="Fix the weights, or leave the role out.",
        )


# --- values --------------------------------------------------------------------------------------------------


def _refuse_infinite(frame: pl.DataFrame, names: Sequence[str]) -> None:
    floats = [name for name in names if frame.schema[name].is_float()]
    if not floats:
        return
    counts = frame.select(pl.col(floats).is_infinite().sum()).row(0)
    found = [f"{name!r} ({count})" for name, count in zip(floats, counts, strict=True) if count]
    if found:
        raise TableError(
            f"There are infinite values in {', '.join(found)}.",
            expected="Expected finite numbers or missing values.",
            why="Means, scales and distances of a column with an infinite value are undefined.",
            hint="Replace them by a large number or by missing, whichever they mean, or leave the column out.",
        )


def _classes(series: pl.Series, positive: Any) -> tuple[tuple[Any, ...], np.ndarray]:
    if series.dtype.is_float():
        series = series.fill_nan(None)
    if series.null_count():
        raise _missing_in("target", series.name, series)
    counts = series.value_counts(sort=True)
    values, sizes = counts[series.name].to_list(), counts["count"].to_list()
    _check_values(series, values)
    if positive is not None:
        found = _find_label(values, positive, series.name)
        negative = [value for value in values if value != found]
        labels: tuple[Any, ...] = (negative[0] if len(negative) == 1 else f"not {found}", found)
        y = (series == found).to_numpy().astype(np.int8)
    elif len(values) == 2:
        labels = _two_labels(values, sizes)
        y = (series == labels[1]).to_numpy().astype(np.int8)
    else:
        labels = tuple(values)  # commonest first
        order = pl.Series(np.arange(len(values), dtype=np.int8))
        y = series.replace_strict(values, order, return_dtype=pl.Int8).to_numpy()
    _check_sizes(labels, np.bincount(y, minlength=len(labels)), series.name)
    return labels, np.ascontiguousarray(y)


def _two_labels(values: list[Any], sizes: list[int]) -> tuple[Any, Any]:
    """Put the rarer of two last; of two equally common ones, the greater."""
    if sizes[0] == sizes[1]:
        values = sorted(values, key=lambda v: (str(type(v)), v))
    return values[0], values[1]


def labels_among(name: str, sizes: Mapping[Any, int], positive: Any = None) -> tuple[Any, Any]:
    """Choose the labels of a target of which only the sizes of its classes are known.

    Parameters
    ----------
    name : str
        The column.
    sizes : mapping of label to int
        Rows of each label, commonest first.
    positive : object, optional
        The positive label, or its text; by default the rarer of two.

    Returns
    -------
    negative, positive : object
        The labels; for several others the negative one is said in words.

    Raises
    ------
    RoleError
        If there is one label only, several without one named, the one named is not among them, or a class has one
        row.
    """
    values = list(sizes)
    if len(values) == 1:
        raise _one_value(name, values[0], sum(sizes.values()))
    if positive is None and len(values) > 2:
        raise RoleError(
            f"The target {name!r} has {len(values)} classes: {_some([str(value) for value in values])}.",
            expected="Expected two, or one of them named.",
            why="Rows are kept by whether they are of the positive class.",
            hint=f"Name one, for example --positive {values[-1]}.",
        )
    if positive is None:
        labels = _two_labels(values, list(sizes.values()))
    else:
        found = _find_label(values, positive, name)
        others = [value for value in values if value != found]
        labels = (others[0] if len(others) == 1 else f"not {found}", found)
    n_positive = sizes[labels[1]]
    _check_sizes(labels, np.array([sum(sizes.values()) - n_positive, n_positive]), name)
    return labels


def missing_target(name: str, n_missing: int, file: str) -> RoleError:
    """Say that a target has missing values.

    Parameters
    ----------
    name : str
        The column.
    n_missing : int
        How many.
    file : str
        Where.

    Returns
    -------
    RoleError
        To be raised.
    """
    return RoleError(
        f"The target column {name!r} has {n_missing} missing values in a chunk of {file!r}.",
        expected="Expected a value in every row.",
        why="A row without its outcome cannot be used, and dropping it in silence would bias the figures.",
        hint="Fill the values in, or remove those rows.",
    )


def _one_value(name: str, value: Any, n_rows: int) -> RoleError:
    return RoleError(
        f"The target {name!r} is {value!r} in all {n_rows} rows.",
        expected="Expected two classes.",
        why="What never varies cannot be predicted.",
        hint="Check that this is the target, and that rows of the rare class were not filtered out.",
    )


def _check_values(series: pl.Series, values: list[Any]) -> None:
    if len(values) == 1:
        raise _one_value(series.name, values[0], len(series))
    if len(values) == len(series) and len(series) > 2:
        raise RoleError(
            f"The target {series.name!r} has as many values ({len(values)}) as rows.",
            expected="Expected a few classes, each in several rows.",
            why="It looks like an id or a measured number, and no class can be learned from one row.",
            hint="Name the column with the outcome, or cut the number into classes.",
        )
    if len(values) > _MANY_CLASSES and (series.dtype.is_float() or len(values) > len(series) / 10):
        raise RoleError(
            f"The target {series.name!r} has {len(values)} different values in {len(series)} rows.",
            expected="Expected a few classes.",
            why="counterpoise predicts classes, not numbers.",
            hint="Cut the number into classes, or name one label with positive=...",
        )


def _find_label(values: list[Any], positive: Any, name: str) -> Any:
    """Find the positive label by value, or by its text, as a command line gives it."""
    for value in values:
        if value == positive and isinstance(value, bool) == isinstance(positive, bool):
            return value
    for value in values:
        if str(value) == str(positive) or _same_number(value, positive):
            return value
    raise RoleError(
        f"The positive label {positive!r} is not in the target {name!r}.",
        expected=f"Expected one of {_some([str(v) for v in values])}.",
        why="The positive class is the one to be found.",
        hint=nearest_names(str(positive), [str(value) for value in values]) or "Name one of those labels.",
    )


def _same_number(value: Any, text: Any) -> bool:
    try:
        return not isinstance(value, str) and float(value) == float(text)
    except (TypeError, ValueError):
        return False


def _check_sizes(labels: tuple[Any, ...], sizes: np.ndarray, name: str) -> None:
    rarest = int(sizes.argmin())
    if sizes[rarest] < 2:
        raise RoleError(
            f"The target {name!r} has {sizes[rarest]} row of {labels[rarest]!r} among {sizes.sum()}.",
            expected="Expected at least 2 rows of each class.",
            why="One row is needed to learn from and another to judge by.",
            hint="Collect more rows of that class, or merge it with another.",
        )


# --- features ------------------------------------------------------------------------------------------------


def _features(
    frame: pl.DataFrame, roles: Roles, drop: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, ColumnKind], dict[str, str]]:
    taken = {name for role, name in roles.used().items() if role != "amount"}
    left_out = dict.fromkeys(drop, "asked to be left out")
    kinds: dict[str, ColumnKind] = {}
    for name in frame.columns:
        if name in taken or name in left_out:
            continue
        if frame.schema[name].is_nested() or frame.schema[name] in (pl.Binary, pl.Object):
            left_out[name] = f"of type {frame.schema[name]}: neither number, date nor category"
            continue
        (kind,) = column_kinds(frame.select(name)) if frame.schema[name] != pl.Null else ("category",)
        reason = _why_uninformative(frame[name], kind)
        if reason:
            left_out[name] = reason
        else:
            kinds[name] = kind
    if not kinds:
        raise TableError(
            f"No column is left to learn from; left out: {left_out or 'none, the table has only role columns'}.",
            expected="Expected at least one feature that varies.",
            why="A model needs something to tell the classes apart by.",
            hint="Add features, or give a role column back by not naming its role.",
        )
    return tuple(kinds), kinds, left_out


def _why_uninformative(series: pl.Series, kind: ColumnKind) -> str:
    if series.null_count() == len(series) or (
        series.dtype.is_float() and series.fill_nan(None).null_count() == len(series)
    ):
        return "all values are missing"
    n_values = series.drop_nulls().n_unique()
    if n_values == 1 and series.null_count() == 0:
        return "constant"
    if n_values == len(series) and len(series) > 2:
        if kind == "category":
            return "an id: unique in each row"
        if series.dtype.is_integer() and counts_up(series):
            return "a row number: goes up by one from row to row"
    return ""


def counts_up(series: pl.Series) -> bool:
    """Say whether whole numbers go up by one from row to row.

    Parameters
    ----------
    series : polars.Series
        Whole numbers.

    Returns
    -------
    bool
        True for row numbers.
    """
    first, last = series.min(), series.max()
    if first is None or int(last) - int(first) > len(series):  # type: ignore[arg-type]  # whole numbers
        return False
    shifted = (
        series.to_frame().select(pl.all() - pl.all().min()).to_series()
    )  # may lie beyond what Int64 holds
    steps = shifted.cast(pl.Int64).diff().drop_nulls()
    return bool((steps == 1).all())
