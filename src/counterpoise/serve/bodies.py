"""What clients send, taken apart: CSV, JSON in five forms, JSON lines; any of them as named columns.

Forms: Amazon SageMaker, "Common data formats for inference" (https://docs.aws.amazon.com/sagemaker/latest/dg/
cdf-inference.html); MLflow, "Scoring protocol" (https://mlflow.org/docs/latest/ml/deployment/).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from pydantic_core import from_json

from counterpoise.errors import nearest_names
from counterpoise.serve.refusals import Refused

__all__ = ["LARGEST", "MEDIA", "Body", "at_once", "matrix_at_once", "media_type", "parsed"]

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
        return _from_json(_json(body), names)
    lines = [line for line in body.splitlines() if line.strip()]
    return _from_rows([_json(line, row) for row, line in enumerate(lines)], names, None)


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
        _refuse_twice(names)
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


def _refuse_twice(names: Sequence[str]) -> None:
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise Refused(
            f"Column {twice[:80]!r} is there twice.", field=twice[:80], expected="Expected it once."
        )


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
    schema = {name: pl.Float64 if name in numbers else pl.String for name in names}
    try:
        frame = pl.read_csv(lines, has_header=False, schema=schema)
    except pl.exceptions.PolarsError:
        return None
    columns = {
        column.name: column.to_numpy() if column.dtype == pl.Float64 else column.to_list() for column in frame
    }
    if frame.height != n_rows or any(_is_odd(values, frame[name]) for name, values in columns.items()):
        return None
    return Body(columns, is_text=True)


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
    matrix, around = body[first : end + 2], body[:first] + body[end + 2 :]
    is_said_twice = b"\\" in around or any(around.count(f'"{key}"'.encode()) > 1 for key in (*FORMS, "data"))
    if is_said_twice or any(letter in matrix for letter in NOT_OF_NUMBERS):
        return None
    try:
        shape = parsed(
            body[:first_end] + body[end:], MEDIA[1], names
        )  # the document, with its first row alone
        if not shape.columns.keys() <= set(numbers):
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
    _refuse_twice(columns)
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
