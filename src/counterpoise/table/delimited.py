"""What stands in a CSV or TSV file, seen before it is read: its separator, its names, and whether its lines are whole.

Readers fill a line that is too short with missing values, take a name with a doubled quote as it is written, and
guess that a date is written day first. Each would be a wrong table without a word.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from counterpoise.errors import TableError

__all__ = [
    "DAY_OR_MONTH_FIRST",
    "NULLS",
    "Layout",
    "has_gaps_at_the_end",
    "is_day_or_month_first",
    "layout_of",
    "month_first_too",
    "not_utf8",
    "refuse_short_lines",
    "written_name",
]

NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""What stands for a missing value."""

DAY_OR_MONTH_FIRST = r"^\s*\d{1,2}[-/]\d{1,2}[-/]\d{2,4}(\D|$)"
"""Dates that begin with a day or a month; where points stand between, the day is first everywhere."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_HEAD = 1 << 16  # characters looked at behind the header
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_WHOLE = re.compile(r"\s*[-+]?\d*\s*")


class Layout(NamedTuple):
    """How a file of separated values is laid out.

    Attributes
    ----------
    separator : str
        What stands between fields.
    names : tuple of str
        The header, unquoted.
    has_rows : bool
        Whether anything follows it.
    """

    separator: str
    names: tuple[str, ...]
    has_rows: bool


def layout_of(path: Path, separator: str) -> Layout:
    """Look at the beginning of a file.

    Parameters
    ----------
    path : Path
        The file, perhaps compressed with gzip.
    separator : str
        What its ending promises.

    Returns
    -------
    Layout
        With another separator where the header is one name for this one and several for the other, and rows agree.

    Raises
    ------
    TableError
        If header and rows do not agree on that other separator, numbers are written with decimal commas, or the
        beginning is not UTF-8.
    """
    try:
        header, head, is_whole = _beginning(path, separator)
    except UnicodeDecodeError:
        raise not_utf8(path) from None
    if "\0" in head:
        raise not_utf8(path)
    if len(header) == 1 and separator == ",":
        others = [other for other in _SEPARATORS if other in header[0]]
        if others:
            separator = _agreed(path, head, others, is_whole)
            header, *rows = _fields(head, separator, is_whole)
            _refuse_decimal_commas(path, separator, header, rows)
    return Layout(separator, tuple(header), not is_whole or len(_fields(head, separator, is_whole)) > 1)


def _beginning(path: Path, separator: str) -> tuple[list[str], str, bool]:
    """Give the header in fields, the text up to some lines behind it, and whether that is the whole file."""
    with _opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        seen: list[str] = []
        header = next(filter(None, csv.reader(_noted(text, seen), delimiter=separator)), [])
        head = "".join(seen) + text.read(_HEAD)
        return header, head, not text.read(1)


def _noted(lines: Iterable[str], seen: list[str]) -> Iterator[str]:
    for line in lines:
        seen.append(line)
        yield line


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _fields(head: str, separator: str, is_whole: bool) -> list[list[str]]:
    """Split the beginning of a file; its last line may be cut where the file goes on."""
    rows = [row for row in csv.reader(io.StringIO(head, newline=""), delimiter=separator) if row]
    return rows if is_whole or len(rows) < 2 else rows[:-1]


def _agreed(path: Path, head: str, others: Sequence[str], is_whole: bool) -> str:
    for other in others:
        if len({len(row) for row in _fields(head, other, is_whole)}) == 1:
            return other
    words = " or ".join(_SEPARATORS[other] for other in others)
    raise TableError(
        f"The header of {str(path)!r} has {words} instead of commas, and its rows have other numbers of fields.",
        expected="Expected commas, or one other separator that gives every row as many fields as the header.",
        why="A field in the wrong column is a wrong value.",
        hint="Write the file with commas, and quotes around fields that hold one.",
    )


def _refuse_decimal_commas(path: Path, separator: str, header: Sequence[str], rows: list[list[str]]) -> None:
    found = []
    for name, values in zip(header, zip(*rows, strict=True), strict=False):
        written = [value for value in values if _DECIMAL_COMMA.fullmatch(value)]
        if written and all(_DECIMAL_COMMA.fullmatch(value) or _WHOLE.fullmatch(value) for value in values):
            found.append(f"{name!r} (for example {written[0].strip()})")
    if found:
        raise TableError(
            f"{str(path)!r} is separated by {_SEPARATORS[separator]} and has decimal commas in {', '.join(found)}.",
            expected="Expected decimal points.",
            why="A number with a comma is read as text, and every value becomes a category of its own.",
            hint="Write the file with decimal points, or read it with pandas (sep, decimal=',') and pass the frame.",
        )


# --- short lines ---------------------------------------------------------------------------------------------


def has_gaps_at_the_end(path: Path, layout: Layout) -> bool:
    """Say whether a value of the last column is missing, as in every line that is cut short.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        From `layout_of`.

    Returns
    -------
    bool
        False where there are no rows.
    """
    if not layout.has_rows:
        return False
    return bool(_texts(path, layout).select(pl.last().is_null().any()).collect().item())


def _texts(path: Path, layout: Layout) -> pl.LazyFrame:
    """Open a file without guessing types, which for many rows takes longer than reading them."""
    return pl.scan_csv(path, separator=layout.separator, infer_schema=False, null_values=list(NULLS))


def refuse_short_lines(path: Path, layout: Layout) -> None:
    """Refuse a file in which a line has fewer fields than the header.

    Such a line leaves the last column missing, so only a file with gaps there needs to be asked.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        From `layout_of`.

    Raises
    ------
    TableError
        If there is such a line; the first is named.
    """
    if len(layout.names) < 2:
        return
    line, n_fields = _first_short(path, layout)
    if line:
        raise TableError(
            f"Line {line} of {str(path)!r} has {n_fields} of {len(layout.names)} fields.",
            expected="Expected as many fields in every line as in the header.",
            why="A line that is cut short loses values, and may hold a part of one.",
            hint="Write the file again, or remove that line; a missing value is an empty field between separators.",
        )


def _first_short(path: Path, layout: Layout) -> tuple[int, int]:
    """Give line and fields of the first short line, 0 and 0 where there is none; without quotes, counting is enough."""
    separator, least = layout.separator.encode(), len(layout.names) - 1
    begun = False
    with _opened(path) as lines:
        for number, line in enumerate(lines, start=1):
            if b'"' in line:
                return _first_short_quoted(path, layout)
            if line.count(separator) < least and (begun or line.strip(b"\xef\xbb\xbf\r\n")):
                return number, line.count(separator) + 1 if line.strip() else 0
            begun = begun or bool(line.strip())
    return 0, 0


def _first_short_quoted(path: Path, layout: Layout) -> tuple[int, int]:
    with _opened(path) as binary, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as text:
        rows, end, begun = csv.reader(text, delimiter=layout.separator), 0, False
        for row in rows:
            if len(row) < len(layout.names) and (begun or row):
                return end + 1, len(row)
            end, begun = rows.line_num, begun or bool(row)
    return 0, 0


# --- encodings -----------------------------------------------------------------------------------------------


def not_utf8(path: Path) -> TableError:
    """Say how a file that is not UTF-8 seems to be written.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    TableError
        To be raised.
    """
    written, python = _encoding_of(path)
    return TableError(
        f"{str(path)!r} is not UTF-8 text; it looks like {written}.",
        expected="Expected UTF-8.",
        why="Names and categories would be other words than those that were written.",
        hint=f"Save it as UTF-8, or read it with pandas (encoding={python!r}) and pass the frame.",
    )


def _encoding_of(path: Path) -> tuple[str, str]:
    with _opened(path) as lines:
        start = lines.read(512)
        if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(0) > len(start) // 4:
            return "UTF-16", "utf-16"
        lines.seek(0)
        for number, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                shown = line[max(0, error.start - 8) : error.start + 8].decode("cp1252", errors="replace")
                return f"Latin-1 or Windows-1252 (line {number} has {shown.strip()!r})", "cp1252"
    return "another encoding", "..."


# --- dates ---------------------------------------------------------------------------------------------------


def month_first_too(name: str) -> pl.Expr:
    """Ask whether dates that were read day first would be others, and dates still, if they were read month first.

    Parameters
    ----------
    name : str
        A column of dates or datetimes.

    Returns
    -------
    polars.Expr
        The largest over the rows: 2 for a day above 12, which is no month; 1 for one that is not its month's number;
        0 for what is the same either way. So 1 means yes.
    """
    day, month = pl.col(name).dt.day(), pl.col(name).dt.month()
    return pl.when(day > 12).then(2).when(day != month).then(1).otherwise(0).max().alias(name)


def is_day_or_month_first(path: Path, layout: Layout, name: str) -> bool:
    """Say whether the first date of a column is written with its day or month first.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        From `layout_of`.
    name : str
        A column of dates.

    Returns
    -------
    bool
        False where nothing is written.
    """
    first = _texts(path, layout).select(pl.col(written_name(name))).drop_nulls().head(1).collect().to_series()
    return bool(first.str.contains(DAY_OR_MONTH_FIRST).any())


def written_name(name: str) -> str:
    """Give a name as polars reads it off a header: a quote in it stays doubled.

    Parameters
    ----------
    name : str
        The column.

    Returns
    -------
    str
        With doubled quotes.
    """
    return name.replace('"', '""')
