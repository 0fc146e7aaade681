"""What a model takes: every column in its type, or an answer that names the field and the row that is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from hashlib import blake2b
from itertools import compress
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import FeatureSchema, Schema
from counterpoise.errors import nearest_names
from counterpoise.serve.bodies import LARGEST, Body, at_once, matrix_at_once, media_type, parsed
from counterpoise.serve.refusals import Refused

__all__ = ["Contract", "Rows"]

MANY_BYTES = 4096
"""Length of a body from which on reading it by columns is quicker than setting that up."""

MOST_NAMED = 20
"""Wrong fields that one answer names."""

DIGEST_BYTES = 16
"""Of a row: two rows of one id never share it by chance."""

LONGEST_ID = 200
"""Letters of an id, as wide as the store's column."""

WORDS = {"true": True, "false": False, "1": True, "0": False}
"""Text that stands for a truth value in CSV."""


Column = np.ndarray | list[Any]
"""Numbers as float64, NaN where missing; other kinds as a list, None where missing."""


@dataclass(frozen=True)
class Rows:
    """Rows that a model can score.

    Attributes
    ----------
    features : sequence of FeatureSchema
        The features in order.
    columns : sequence of Column
        Their values.
    ids : list of str or None
        The rows' ids, where the caller named them.
    """

    features: Sequence[FeatureSchema]
    columns: Sequence[Column]
    ids: list[str] | None = None

    @property
    def n_rows(self) -> int:
        """How many."""
        return len(self.columns[0])

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The features in the model's types."""
        pairs = zip(self.features, self.columns, strict=True)
        return pl.DataFrame(
            [pl.Series(f.name, column, dtype=_dtype(f), nan_to_null=True) for f, column in pairs]
        )

    @cached_property
    def encoded(self) -> tuple[np.ndarray, dict[int, list[str]]]:
        """The features as numbers, and what the codes of categories stand for."""
        values = np.empty((self.n_rows, len(self.columns)), order="F")
        levels: dict[int, list[str]] = {}
        for j, (feature, column) in enumerate(zip(self.features, self.columns, strict=True)):
            if feature.kind == "category":
                own = [level for level in dict.fromkeys(column) if level is not None]
                places = {level: place for place, level in enumerate(own)}
                column = [places.get(value, math.nan) for value in column]
                levels[j] = own
            elif feature.kind == "date":
                column = as_seconds(column)
            values[:, j] = np.asarray(column, dtype=np.float64)
        return values, levels

    @cached_property
    def contents(self) -> list[bytes]:
        """A digest of each row: equal for equal rows in whatever form they were sent."""
        values, levels = self.encoded
        numbers = (
            np.ascontiguousarray(np.delete(values, list(levels), axis=1)) + 0.0
        )  # 0 and -0 are one number
        numbers[np.isnan(numbers)] = math.nan
        texts = zip(*(self.columns[j] for j in levels), strict=True) if levels else [()] * self.n_rows
        return [
            blake2b(row.tobytes() + json.dumps(own).encode(), digest_size=DIGEST_BYTES).digest()
            for row, own in zip(numbers, texts, strict=True)
        ]

    def take(self, rows: np.ndarray) -> Rows:
        """Take some of the rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,), bool
            Which.

        Returns
        -------
        Rows
            Those, in their order.
        """
        columns = [
            column[rows] if isinstance(column, np.ndarray) else list(compress(column, rows))
            for column in self.columns
        ]
        return Rows(self.features, columns, None if self.ids is None else list(compress(self.ids, rows)))


def _dtype(feature: FeatureSchema) -> pl.DataType:
    kinds: dict[str, pl.DataType] = {"number": pl.Float64(), "boolean": pl.Boolean(), "category": pl.String()}
    return kinds.get(feature.kind) or _reading(feature.dtype)[1]


def seconds(value: datetime | time | timedelta) -> float:
    """Give a date, a time of day or a duration as a number.

    Parameters
    ----------
    value : datetime, time or timedelta
        Without a zone.

    Returns
    -------
    float
        Seconds since 1970, since midnight, or as long as it lasts.
    """
    if isinstance(value, time):
        return float(value.hour * 3600 + value.minute * 60 + value.second)
    lasted = value if isinstance(value, timedelta) else value - datetime(1970, 1, 1)
    return (lasted // timedelta(microseconds=1)) / 1e6


def as_seconds(column: Column) -> np.ndarray:
    """Give a column of dates, times of day or durations as numbers.

    Parameters
    ----------
    column : list of datetime, time or timedelta
        None where missing.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        As `seconds` gives each; NaN where missing.
    """
    return np.array([math.nan if value is None else seconds(value) for value in column], dtype=np.float64)


@dataclass(frozen=True)
class Contract:
    """What the rows of a request must be.

    Attributes
    ----------
    schema : Schema
        Of the model.
    is_lenient : bool, default=False
        Ignore columns that the model does not know, and let it take levels that it has not seen as missing.
    """

    schema: Schema
    is_lenient: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Features in order."""
        return tuple(self.schema.names)

    @cached_property
    def id_column(self) -> str | None:
        """The column that named rows in training, unless it is a feature."""
        name = self.schema.roles.get("id")
        return None if name in self.names else name

    @cached_property
    def _besides(self) -> frozenset[str]:
        """Columns that a training table has beside its features: they may come along."""
        return frozenset(self.schema.roles.values()) - frozenset(self.names)

    def rows(self, body: bytes, content_type: str) -> Rows:
        """Read a request.

        Parameters
        ----------
        body : bytes
            What was sent.
        content_type : str
            What it is.

        Returns
        -------
        Rows
            Ready to be scored.

        Raises
        ------
        Refused
            Naming the field and the row.
        """
        found = self._at_once(body, content_type) if len(body) > MANY_BYTES else None
        return self.conform(parsed(body, content_type, self.names) if found is None else found)

    def _at_once(self, body: bytes, content_type: str) -> Body | None:
        media, parameters = media_type(content_type)
        if media == "text/csv":
            return at_once(body, self.names, self._numbers, parameters.get("header"))
        return matrix_at_once(body, self.names, self._numbers) if media == "application/json" else None

    @cached_property
    def _numbers(self) -> frozenset[str]:
        return frozenset(feature.name for feature in self.schema.features if feature.kind == "number")

    def conform(self, body: Body) -> Rows:
        """Bring columns to the model's types.

        Parameters
        ----------
        body : Body
            As the client sent it.

        Returns
        -------
        Rows
            Ready to be scored.

        Raises
        ------
        Refused
            Naming the fields and rows that are wrong.
        """
        self._check_names(body.columns)
        wrong: list[Refused] = []
        columns = []
        for feature in self.schema.features:
            try:
                columns.append(self._typed(feature, body.columns[feature.name], body.is_text))
            except Refused as refused:
                wrong.append(refused)
        if wrong:
            first, *others = wrong[:MOST_NAMED]
            first.more = others
            raise first
        return Rows(self.schema.features, columns, self._ids(body, len(columns[0])))

    def _check_names(self, given: Any) -> None:
        missing = [name for name in self.names if name not in given]
        if missing:
            others = [name for name in given if name not in self.names]
            raise _named([_missing(name, others) for name in missing])
        strangers = [name for name in given if name not in self.names and name not in self._besides]
        if strangers and not self.is_lenient:
            raise _named([_unknown(name[:80], self.names) for name in strangers])

    def _typed(self, feature: FeatureSchema, values: Sequence[Any], is_text: bool) -> Column:
        if feature.kind == "number":
            return numbers(feature.name, values, is_text)
        if feature.kind == "boolean":
            return booleans(feature.name, values, is_text)
        if feature.kind == "date":
            return dates(feature.name, values, feature.dtype)
        known = self._levels[feature.name]
        return levels(feature.name, values, known, is_text=is_text, is_lenient=self.is_lenient)

    @cached_property
    def _levels(self) -> dict[str, frozenset[str] | None]:
        return {
            feature.name: None if feature.levels is None else frozenset(feature.levels)
            for feature in self.schema.features
            if feature.kind == "category"
        }

    def _ids(self, body: Body, n_rows: int) -> list[str] | None:
        column = body.columns.get(self.id_column or "")
        if body.ids is None:
            return None if column is None else row_names(column, n_rows)
        found = row_names(body.ids, n_rows)
        if column is not None:
            pairs = zip(found, column, strict=True)
            others = [name if value is None else str(value) for name, value in pairs]  # null names nothing
            refuse_other_names(found, "'ids'", others, f"column {self.id_column!r}")
        return found


def row_names(given: Sequence[Any], n_rows: int) -> list[str]:
    """Check the ids of rows.

    Parameters
    ----------
    given : sequence
        Text or whole numbers.
    n_rows : int
        How many rows there are.

    Returns
    -------
    list of str
        One id a row.

    Raises
    ------
    Refused
        If there are more or fewer, one is no id, or one is there twice.
    """
    if len(given) != n_rows:
        raise Refused(f"There are {len(given)} ids.", field="ids", expected=f"Expected {n_rows}, one a row.")
    seen: set[str] = set()
    for row, value in enumerate(given):
        name = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not is_id(name):
            raise Refused(
                f"The id of row {row} is {_shown(value)}.",
                field="ids",
                row=row,
                expected=f"Expected text or a whole number, 1 to {LONGEST_ID} letters that can be printed.",
                why="Labels find their prediction by it.",
            )
        if name in seen:
            raise Refused(
                f"The id {_shown(value)} is there twice.",
                field="ids",
                row=row,
                expected="Expected each row to have its own.",
                why="A label could not say which of them it means.",
            )
        seen.add(name)
    return list(map(str, given))


def refuse_other_names(names: Sequence[str], place: str, others: Sequence[str], other_place: str) -> None:
    """Refuse rows that are named in two ways.

    Parameters
    ----------
    names : sequence of str
        The rows' ids.
    place : str
        Where they stand, in words.
    others : sequence of str
        Ids of the same rows.
    other_place : str
        Where those stand, in words.

    Raises
    ------
    Refused
        Naming both ids of the first row that has two.
    """
    pairs = enumerate(zip(names, others, strict=True))
    different = next((row for row, (name, other) in pairs if name != other), None)
    if different is not None:
        raise Refused(
            f"The id of row {different} is {_shown(names[different])} in {place} and "
            f"{_shown(others[different])} in {other_place}.",
            field="ids",
            row=different,
            expected="Expected one id a row.",
            why="Labels find their prediction by it.",
            hint="Leave one of them out, or send the same in both.",
        )


def is_id(name: str) -> bool:
    """Say whether text can name a prediction.

    Parameters
    ----------
    name : str
        The text.

    Returns
    -------
    bool
        True for 1 to 200 letters that can be printed.
    """
    return 0 < len(name) <= LONGEST_ID and name.isprintable()


def _named(wrong: list[Refused]) -> Refused:
    first, *others = wrong[:MOST_NAMED]
    first.more = others
    return first


def _missing(name: str, others: list[str]) -> Refused:
    return Refused(
        f"Column {name!r} is missing.",
        field=name,
        expected="Expected every feature that the model was trained on.",
        why="A score without it would mean nothing.",
        hint=nearest_names(name, [other[:80] for other in others[:100]], 1)
        or "Send null where a value is missing.",
    )


def _unknown(name: str, names: Sequence[str]) -> Refused:
    return Refused(
        f"Column {name!r} is unknown.",
        field=name,
        expected=f"Expected {', '.join(map(repr, names[:8]))}{', ...' if len(names) > 8 else ''}.",
        why="The model would ignore it without a word.",
        hint=nearest_names(name, list(names), 1) or "Leave it out, or serve with --lenient.",
    )


# --- one column -----------------------------------------------------------------------------------------------


def numbers(name: str, values: Sequence[Any] | np.ndarray, is_text: bool) -> np.ndarray:
    """Read a column of numbers; missing is null, or an empty cell.

    Parameters
    ----------
    name : str
        The field.
    values : sequence
        Numbers, or text where it comes from CSV; an array was read already.
    is_text : bool
        Whether they are text.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        NaN where missing.

    Raises
    ------
    Refused
        Naming the first row that is wrong.
    """
    if isinstance(values, np.ndarray):
        return values
    if not is_text and {*map(type, values)} <= {float, int, type(None)}:
        try:
            found = np.array(values, dtype=np.float64)
        except OverflowError:
            found = np.array([math.inf])
        if not (np.abs(found) > LARGEST).any() and np.isnan(found).sum() == values.count(None):
            return found
    read = [_number(value, is_text) for value in values]
    wrong = next((row for row, x in enumerate(read) if x is not None and not abs(x) <= LARGEST), None)
    if wrong is not None:
        raise _not_a_number(name, wrong, values[wrong])
    return np.array(read, dtype=np.float64)


def _number(value: Any, is_text: bool) -> float | None:
    """Give the number, None where it is missing, NaN where it is none."""
    if value is None or (is_text and not value.strip()):
        return None
    if (
        isinstance(value, bool)
        or isinstance(value, str) != is_text
        or not isinstance(value, str | int | float)
    ):
        return math.nan
    if isinstance(value, str) and "_" in value:  # Python reads 1_000; no other program does
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _not_a_number(name: str, row: int, value: Any) -> Refused:
    return Refused(
        f"{name!r} of row {row} is {_shown(value)}.",
        field=name,
        row=row,
        expected=f"Expected a finite number of at most {LARGEST:.3g}, or a missing value (null, an empty cell).",
        why="No bin, weight or distance is defined for anything else.",
    )


def booleans(name: str, values: Sequence[Any], is_text: bool) -> list[bool | None]:
    """Read a column of truth values.

    Parameters
    ----------
    name : str
        The field.
    values : sequence
        true, false, 1, 0 or missing.
    is_text : bool
        Whether they are text.

    Returns
    -------
    list of bool or None
        None where missing.

    Raises
    ------
    Refused
        Naming the first row that is wrong.
    """
    found: list[bool | None] = []
    for row, value in enumerate(values):
        if value is None or (is_text and not value.strip()):
            found.append(None)
        elif is_text and value.strip().lower() in WORDS:
            found.append(WORDS[value.strip().lower()])
        elif not is_text and isinstance(value, int | float) and value in (0, 1):
            found.append(bool(value))
        else:
            raise _not(name, row, value, "true or false (or 1 or 0)")
    return found


def levels(
    name: str,
    values: Sequence[Any],
    known: frozenset[str] | None,
    *,
    is_text: bool = False,
    is_lenient: bool = False,
) -> list[str | None]:
    """Read a column of categories.

    Parameters
    ----------
    name : str
        The field.
    values : sequence
        Text, whole numbers or truth values; missing is null, or empty text where that is no level.
    known : frozenset of str or None
        The levels seen in training; None: too many to be listed.
    is_text : bool, default=False
        Whether they come from CSV: where levels are not listed, an empty cell is missing, not a level.
    is_lenient : bool, default=False
        Let levels in that were not seen.

    Returns
    -------
    list of str or None
        None where missing.

    Raises
    ------
    Refused
        Naming the first row that is wrong.
    """
    found = [value if type(value) is str else _level(name, row, value) for row, value in enumerate(values)]
    if is_text if known is None else "" not in known:
        found = [value or None for value in found]
    if known is not None and not is_lenient and not (set(found) - {None}) <= known:
        row = next(row for row, value in enumerate(found) if value is not None and value not in known)
        raise _unknown_level(name, row, found[row], known)
    return found


def _level(name: str, row: int, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    raise _not(name, row, value, "text")


def _unknown_level(name: str, row: int, value: Any, known: frozenset[str]) -> Refused:
    some = sorted(known)[:8]
    return Refused(
        f"{name!r} of row {row} is {_shown(value)}, a level that the model has not seen.",
        field=name,
        row=row,
        expected=f"Expected one of {', '.join(map(repr, some))}{', ...' if len(known) > 8 else ''}.",
        why="It has learnt nothing about it.",
        hint=nearest_names(str(value)[:80], list(known), 1) or "Send null, or serve with --lenient.",
    )


def dates(name: str, values: Sequence[Any], dtype: str = "Datetime") -> list[Any]:
    """Read a column of dates, times of day or durations.

    Parameters
    ----------
    name : str
        The field.
    values : sequence
        ISO 8601 text (durations: seconds); missing is null or an empty cell.
    dtype : str, default="Datetime"
        The column's type when the model was trained.

    Returns
    -------
    list of datetime, time or timedelta
        Without a zone: in UTC where a value names one; None where missing.

    Raises
    ------
    Refused
        Naming the first row that is wrong.
    """
    read, _, example = _reading(dtype)
    found: list[Any] = []
    for row, value in enumerate(values):
        try:
            found.append(None if value is None or value == "" else read(value))
        except (ValueError, TypeError, OverflowError) as error:
            raise _not(name, row, value, example) from error
    return found


def _reading(dtype: str) -> tuple[Callable[[Any], Any], pl.DataType, str]:
    if dtype == "Time":
        return time.fromisoformat, pl.Time(), "a time of day as text, 12:30:00"
    if dtype.startswith("Duration"):
        return lambda value: timedelta(seconds=float(value)), pl.Duration("us"), "a number of seconds"
    return _date, pl.Datetime("us"), "a date as text, 2026-01-31T12:00:00"


def _date(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _not(name: str, row: int, value: Any, expected: str) -> Refused:
    return Refused(
        f"{name!r} of row {row} is {_shown(value)}.",
        field=name,
        row=row,
        expected=f"Expected {expected}, or a missing value (null, an empty cell).",
        why="A value of another type would be read as something else.",
    )


def _shown(value: Any) -> str:
    """Show what was sent, at a bounded length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
