"""What clients send, taken apart: CSV, JSON in five forms, JSON lines; any of them as named columns.

Forms: Amazon SageMaker, "Common data formats for inference" (https://docs.aws.amazon.com/sagemaker/latest/dg/
cdf-inference.html); MLflow, "Scoring protocol" (https://mlflow.org/docs/latest/ml/deployment/).
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from pydantic_core import from_json

from counterpoise.errors import nearest_names
from counterpoise.serve.refusals import Refused

__all__ = [
    "LARGEST",
    "MEDIA",
    "Body",
    "at_once",
    "matrix_at_once",
    "media_type",
    "parsed",
    "refuse_twice",
    "refuse_twice_in_json",
]

MEDIA = ("text/csv", "application/json", "application/jsonlines")
"""What a body can be."""

LARGEST = 3.4028234663852886e38
"""The largest number of single precision, in which trees compare."""

SAME_AS = {
    "application/x-ndjson": MEDIA[2],
    "application/x-jsonlines": MEDIA[2],
    "application/ndjson": MEDIA[2],
}

FORMS = ("instances", "dataframe_split", "dataframe_records", "inputs")
"""Keys of a JSON object that hold rows."""

BESIDE = ("ids", "params")
"""Keys that may stand beside them."""


NOT_OF_NUMBERS = (b'"', b"{", b"t", b"f")
"""Text, objects, true and false: what a list of numbers and nulls does not hold."""

HERE = "the rows stand here"
"""Holds the place of the rows of a document while the rest of it is read."""


@dataclass(frozen=True)
class Body:
    """Columns, as the client named them.

    Attributes
    ----------
    columns : mapping of str to sequence
        Values by name, of equal lengths.
    ids : sequence or None
        Names of the rows, where they stood beside the rows.
    is_text : bool, default=False
        Whether every value is text that stands for something: CSV.
    """

    columns: Mapping[str, Any]
    ids: Sequence[Any] | None = None
    is_text: bool = False


def media_type(content_type: str) -> tuple[str, Mapping[str, str]]:
    """Understand a Content-Type.

    Parameters
    ----------
    content_type : str
        As the header says.

    Returns
    -------
    media : str
        One of `MEDIA`.
    parameters : mapping
        What stands after it, such as ``header=present``.

    Raises
    ------
    Refused
        415, if it is none of them.
    """
    name, *rest = (part.strip().lower() for part in content_type.split(";"))
    media = SAME_AS.get(name, name)
    if media not in MEDIA:
        raise Refused(
            f"Content-Type {content_type[:100]!r} was sent." if content_type else "No Content-Type was sent.",
            status=415,
            expected=f"Expected one of {', '.join(MEDIA)}.",
            why="The same bytes mean other rows in another format.",
            hint="Set the header Content-Type (boto3: ContentType=).",
        )
    return media, dict(part.split("=", 1) for part in rest if "=" in part)


def parsed(body: bytes, content_type: str, names: Sequence[str]) -> Body:
    """Take a body apart.

    Parameters
    ----------
    body : bytes
        What was sent.
    content_type : str
        What it is.
    names : sequence of str
        The columns in order, for rows without names.

    Returns
    -------
    Body
        At least one row.

    Raises
    ------
    Refused
        400, naming the row; 415, if the content type is unknown.
    """
    media, parameters = media_type(content_type)
    if not body.strip():
        raise _no_rows("The body is empty.")
    if media == "text/csv":
        return _from_csv(_text(body), names, parameters.get("header"))
    if media == "application/json":
        document = _json(body)
        if _may_say_twice(body, document):
            refuse_twice_in_json(body)
        return _from_json(document, names)
    lines = [line for line in body.splitlines() if line.strip()]
    rows = [_json(line, row) for row, line in enumerate(lines)]
    if _may_say_twice(body, rows):
        for row, line in enumerate(lines):
            refuse_twice_in_json(line, row)
    return _from_rows(rows, names, None)


def _no_rows(given: str) -> Refused:
    return Refused(
        given, expected="Expected at least one row.", hint="Send one row a line, or a list of instances."
    )


# --- CSV ------------------------------------------------------------------------------------------------------


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            f"The body is not UTF-8 text: byte {error.start} is 0x{body[error.start]:02x}.",
            expected="Expected CSV in UTF-8.",
            hint="Encode it as UTF-8, without compression.",
        ) from error


def _from_csv(text: str, names: Sequence[str], header: str | None) -> Body:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise Refused(f"The body is not CSV: {error}.", expected="Expected one row a line.") from error
    if rows and is_header(rows[0], names, header):
        names, rows = [cell.strip() for cell in rows[0]], rows[1:]
        refuse_twice(names)
    if not rows:
        raise _no_rows("The body has no row.")
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise _wrong_width(number, len(row), names)
    return Body(dict(zip(names, zip(*rows, strict=True), strict=True)), is_text=True)


def is_header(cells: Sequence[str], names: Sequence[str], told: str | None) -> bool:
    """Say whether the first line of a CSV holds names: as the client says, or if most names are there.

    Parameters
    ----------
    cells : sequence of str
        The first line.
    names : sequence of str
        The names that a header would hold.
    told : str or None
        ``present`` or ``absent``, where the Content-Type says ``header=`` (RFC 4180).

    Returns
    -------
    bool
        True where the line is no row.
    """
    if told in ("present", "absent"):
        return told == "present"
    return len(set(names) & {cell.strip() for cell in cells}) > len(names) / 2


def refuse_twice(names: Sequence[str]) -> None:
    """Refuse columns that share a name.

    Parameters
    ----------
    names : sequence of str
        The columns' names.

    Raises
    ------
    Refused
        Naming the first that is there twice.
    """
    twice = _first_twice(names)
    if twice is not None:
        raise Refused(
            f"Column {twice[:80]!r} is there twice.",
            field=twice[:80],
            expected="Expected it once.",
            why="Which of its values is meant cannot be told.",
            hint="Leave out the one that is not meant.",
        )


def _first_twice(names: Sequence[str]) -> str | None:
    return next((name for name, n in Counter(names).items() if n > 1), None)


def _wrong_width(row: int, n: int, names: Sequence[str]) -> Refused:
    return Refused(
        f"Row {row} has {n} values.",
        row=row,
        expected=f"Expected {len(names)}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}.",
        why="Without names, only the order says which value is which.",
        hint="Send every column in this order, or send the names too (a CSV header, or JSON records).",
    )


def at_once(body: bytes, names: Sequence[str], numbers: Collection[str], header: str | None) -> Body | None:
    """Take a CSV apart by columns, where it is so plain that nothing can be misread; it is a matter of speed only.

    Parameters
    ----------
    body : bytes
        What was sent.
    names : sequence of str
        The columns in order.
    numbers : collection of str
        Those that hold numbers.
    header : str or None
        ``present`` or ``absent``, where the client says.

    Returns
    -------
    Body or None
        None where a row is not plain, or wrong: then `parsed` finds out where.
    """
    lines = body.rstrip(b"\r\n")
    first, _, rest = lines.partition(b"\n")
    if b'"' in lines or not first.isascii():
        return None
    cells = [cell.strip() for cell in first.decode().split(",")]
    if is_header(cells, names, header):
        names, lines = cells, rest
    letters = np.frombuffer(lines, dtype=np.uint8)  # counted in a tenth of the time of bytes.count
    n_rows = np.count_nonzero(letters == ord("\n")) + 1
    if len(set(names)) < len(names) or np.count_nonzero(letters == ord(",")) != n_rows * (len(names) - 1):
        return None
    if len(names) == 1 and _has_blank_line(lines):  # no row: among several columns, its commas are missed
        return None
    if b"\r" in lines and lines.count(b"\r") != lines.count(b"\r\n"):  # alone, it ends a line, too
        return None
    schema = {name: pl.Float64 if name in numbers else pl.String for name in names}
    try:
        frame = pl.read_csv(lines, has_header=False, schema=schema)
    except pl.exceptions.PolarsError:
        return None
    columns = {
        column.name: column.to_numpy() if column.dtype == pl.Float64 else column.fill_null("").to_list()
        for column in frame
    }  # polars calls an empty cell null; whether one is missing or a level is not said here
    if frame.height != n_rows or any(_is_odd(values, frame[name]) for name, values in columns.items()):
        return None
    return Body(columns, is_text=True)


def _has_blank_line(lines: bytes) -> bool:
    return lines.startswith((b"\n", b"\r\n")) or b"\n\n" in lines or b"\n\r\n" in lines


def _is_odd(values: np.ndarray | list[Any], column: pl.Series) -> bool:
    """Say whether a column holds a number that none may be, infinite or called NaN: null is missing, too."""
    if isinstance(values, list):
        return False
    return bool((np.abs(values) > LARGEST).any()) or np.isnan(values).sum() > column.null_count()


def matrix_at_once(body: bytes, names: Sequence[str], numbers: Collection[str]) -> Body | None:
    """Take a JSON document apart whose rows are lists of numbers and nulls alone; it is a matter of speed only.

    Parameters
    ----------
    body : bytes
        What was sent.
    names : sequence of str
        The columns in order.
    numbers : collection of str
        Those that hold numbers.

    Returns
    -------
    Body or None
        None where it holds anything else, or is wrong: then `parsed` finds out where.
    """
    first, end = body.find(b"[["), body.find(b"]]")
    first_end = body.find(b"]", first)
    if not 0 <= first < first_end < end:
        return None
    matrix, before, after = body[first : end + 2], body[:first], body[end + 2 :]
    is_hidden = any(part in before + after for part in (b"\\", HERE.encode()))
    if is_hidden or any(letter in matrix for letter in NOT_OF_NUMBERS):
        return None
    held = [[HERE] * (1 + body.count(b",", first, first_end))]  # one row, as wide as the first
    try:
        shape = parsed(before + json.dumps(held).encode() + after, MEDIA[1], names)
        if not shape.columns.keys() <= set(numbers) or any(
            list(values) != [HERE] for values in shape.columns.values()
        ):  # the rows are others: these lists stand for something else, such as an index
            return None
        rows = pl.Series([matrix.decode("ascii")]).str.json_decode(pl.List(pl.List(pl.Float64))).explode()
    except (Refused, UnicodeDecodeError, pl.exceptions.PolarsError):
        return None
    width = len(shape.columns)
    if len(rows) + 1 != matrix.count(b"[") or rows.has_nulls() or not (rows.list.len() == width).all():
        return None
    values = np.asfortranarray(rows.explode().to_numpy().reshape(-1, width))
    if not (np.isnan(values) | (np.abs(values) <= LARGEST)).all():
        return None
    return Body(dict(zip(shape.columns, values.T, strict=True)), shape.ids)


# --- JSON -----------------------------------------------------------------------------------------------------


def _json(body: bytes, row: int | None = None) -> Any:
    try:
        return from_json(
            body, cache_strings="keys"
        )  # NaN and Infinity are refused where their field is known
    except ValueError as error:
        raise Refused(
            f"{'The body' if row is None else f'Line {row}'} is not JSON: {error}.",
            row=row,
            expected="Expected JSON in UTF-8.",
            hint="Send null for a missing value.",
        ) from error


def _may_say_twice(body: bytes, document: Any) -> bool:
    """Say whether more pairs may have been sent than were kept: of two that share a key, the reader keeps the last.

    Pairs are counted by the colons that follow a quote or a space: never too few, and more only where text looks like
    that or where a value is an object.
    """
    letters = np.frombuffer(body, dtype=np.uint8)
    before = letters[np.flatnonzero(letters == ord(":")) - 1]
    n_sent = np.count_nonzero((before == ord('"')) | (before <= ord(" ")))
    return bool(n_sent != _n_pairs(document))


def _n_pairs(document: Any) -> int:
    """Count the pairs of a document's objects, down to those that are rows."""
    if isinstance(document, dict):
        return len(document) + sum(map(_n_pairs, document.values()))
    if isinstance(document, list) and document and isinstance(document[0], dict):
        return sum(map(_n_pairs_of_row, document))
    return 0


def _n_pairs_of_row(row: Any) -> int:
    if not isinstance(row, dict):
        return 0
    if len(row) > 1:
        return len(row)
    return len(row) + sum(map(_n_pairs_of_row, row.values()))  # a wrapping holds one value


@dataclass(frozen=True)
class _Twice:
    """An object that holds a key twice."""

    key: str


def refuse_twice_in_json(body: bytes, row: int | None = None) -> None:
    """Refuse JSON in which an object holds a key twice.

    Parameters
    ----------
    body : bytes
        JSON that can be read.
    row : int, optional
        The row that it is, where it is one; else the place in the first list around the object counts.

    Raises
    ------
    Refused
        Naming the key, and the row where it is in one.
    """
    try:
        document = json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)
        _refuse_what_is_twice(document, row)
    except RecursionError as error:
        raise Refused(
            "The body holds lists in lists, too deep to be read.",
            row=row,
            expected="Expected rows of plain values.",
        ) from error


def _once(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    twice = None if len(found) == len(pairs) else _first_twice([key for key, _ in pairs])
    return found if twice is None else _Twice(twice)


def _refuse_what_is_twice(value: Any, row: int | None) -> None:
    if isinstance(value, _Twice):
        raise Refused(
            f"{value.key[:80]!r}{'' if row is None else f' of row {row}'} is there twice.",
            field=value.key[:80],
            row=row,
            expected="Expected it once.",
            why="Which of its values is meant cannot be told.",
            hint="Leave out the one that is not meant.",
        )
    if isinstance(value, dict):
        for each in value.values():
            _refuse_what_is_twice(each, row)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            _refuse_what_is_twice(each, number if row is None else row)


def _from_json(document: Any, names: Sequence[str]) -> Body:
    if isinstance(document, list):
        return _from_rows(document, names, None)
    if not isinstance(document, dict):
        raise _wrong_form(f"The body is {_kind(document)}.")
    found = [form for form in FORMS if form in document and form not in names]
    if not found and set(document) & set(names):
        return _from_rows([document], names, None)
    strangers = [key for key in document if key not in FORMS + BESIDE]
    if len(found) != 1 or strangers:
        given = ", ".join(repr(key[:80]) for key in list(document)[:8]) or "nothing"
        near = nearest_names(strangers[0][:80], list(FORMS), 1) if strangers else ""
        raise _wrong_form(f"The body's object holds {given}.", near)
    if document.get("params"):
        raise Refused(
            "The body holds 'params'.", field="params", expected="Expected none: the model takes none."
        )
    return _from_form(found[0], document[found[0]], names, document.get("ids"))


def _from_form(form: str, rows: Any, names: Sequence[str], ids: Any) -> Body:
    if ids is not None and not isinstance(ids, list):
        raise Refused(f"'ids' is {_kind(ids)}.", field="ids", expected="Expected a list, one id a row.")
    if form == "dataframe_split":
        return _from_split(rows, names, ids)
    if form == "inputs" and isinstance(rows, dict):
        return _from_columns(rows, ids)
    if not isinstance(rows, list):
        raise _wrong_form(f"{form!r} is {_kind(rows)}.")
    return _from_rows(rows, names, ids)


def _from_split(split: Any, names: Sequence[str], ids: Any) -> Body:
    if not isinstance(split, dict) or not isinstance(split.get("data"), list):
        raise _wrong_form("'dataframe_split' holds no list 'data'.")
    strangers = set(split) - {"columns", "data", "index"}
    if strangers:
        raise _wrong_form(f"'dataframe_split' holds {min(strangers)[:80]!r}.")
    columns = split.get("columns", names)
    if not isinstance(columns, list | tuple) or not all(isinstance(name, str) for name in columns):
        raise _wrong_form("'columns' of 'dataframe_split' is not a list of names.")
    refuse_twice(columns)
    return _from_rows(split["data"], columns, ids, only_lists=True)


def _from_columns(columns: dict[str, Any], ids: Any) -> Body:
    for name, values in columns.items():
        if not isinstance(values, list):
            raise Refused(
                f"Column {name[:80]!r} is {_kind(values)}.",
                field=name[:80],
                expected="Expected a list of values.",
            )
    lengths = {name: len(values) for name, values in columns.items()}
    most = max(lengths.values(), default=0)
    if most == 0:
        raise _no_rows("'inputs' holds no row.")
    short = next((name for name, n in lengths.items() if n != most), None)
    if short is not None:
        raise Refused(
            f"Column {short[:80]!r} has {lengths[short]} values.",
            field=short[:80],
            expected=f"Expected {most}, as the longest column has.",
        )
    return Body(columns, ids)


def _from_rows(rows: list[Any], names: Sequence[str], ids: Any, *, only_lists: bool = False) -> Body:
    if not rows:
        raise _no_rows("There is no row in the body.")
    rows = [_unwrapped(row, names) for row in rows] if isinstance(rows[0], dict) and not only_lists else rows
    kind = dict if isinstance(rows[0], dict) and not only_lists else list
    other = next((number for number, row in enumerate(rows) if not isinstance(row, kind)), None)
    if other is not None:
        raise Refused(
            f"Row {other} is {_kind(rows[other])}.",
            row=other,
            expected=f"Expected {'an object, as row 0 is' if kind is dict else 'a list of values'}.",
            hint='For example {"features": [1.5, 2]} or {"amount": 1.5, "hour": 2}.',
        )
    return Body(_from_records(rows) if kind is dict else _from_lists(rows, names), ids)


def _unwrapped(row: Any, names: Sequence[str]) -> Any:
    """Take the values out of SageMaker's wrappings: {"features": [...]}, {"data": {"features": {"values": [...]}}}."""
    for wrapping in ("data", "features", "values"):
        if isinstance(row, dict) and len(row) == 1 and wrapping in row and wrapping not in names:
            row = row[wrapping]
    return row


def _from_lists(rows: list[list[Any]], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    if set(map(len, rows)) != {len(names)}:
        wrong = next(number for number, row in enumerate(rows) if len(row) != len(names))
        raise _wrong_width(wrong, len(rows[wrong]), names)
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _from_records(rows: list[dict[str, Any]]) -> dict[str, Sequence[Any]]:
    names = rows[0].keys()
    for number, row in enumerate(rows):
        if row.keys() != names:
            field = min(row.keys() ^ names)
            raise Refused(
                f"Row {number} {'lacks' if field in names else 'has'} {field[:80]!r}, unlike row 0.",
                field=field[:80],
                row=number,
                expected="Expected the same fields in every row.",
                hint="Send null for a missing value.",
            )
    return {name: [row[name] for row in rows] for name in names}


def _wrong_form(given: str, hint: str = "") -> Refused:
    return Refused(
        given,
        expected=f"Expected rows: a list, or an object with one of {', '.join(map(repr, FORMS))}.",
        hint=hint or 'For example {"instances": [{"features": [1.5, 2]}]}.',
    )


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
