"""Files into frames: CSV, TSV, Parquet, Arrow IPC and JSON lines; one, several, or a pattern."""

from __future__ import annotations

import csv
import glob
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from counterpoise.errors import TableError, nearest_names

__all__ = ["SUFFIXES", "expand", "read_frame", "write_frame"]

_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
_INFER_ROWS = 10_000


def _read_csv(path: Path, separator: str) -> pl.DataFrame:
    _refuse_repeated_names(path, separator)
    try:
        return _csv(path, separator, _INFER_ROWS)
    except (
        pl.exceptions.ComputeError
    ):  # a later row did not fit the type guessed from the first: look at all rows
        return _csv(path, separator, None)


def _csv(path: Path, separator: str, infer_rows: int | None) -> pl.DataFrame:
    return pl.read_csv(
        path, separator=separator, null_values=_NULLS, infer_schema_length=infer_rows, try_parse_dates=True
    )


def _refuse_repeated_names(path: Path, separator: str) -> None:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(newline="", encoding="utf-8") as lines:
        header = next(csv.reader(lines, delimiter=separator), [])
    refuse_repeated(header, str(path))


def refuse_repeated(names: Sequence[str], source: str) -> None:
    """Refuse a header in which a name stands twice.

    Parameters
    ----------
    names : sequence of str
        Column names.
    source : str
        Where they were read.

    Raises
    ------
    TableError
        If a name repeats.
    """
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise TableError(
            f"{source} has more than one column named {', '.join(map(repr, repeated))}.",
            expected="Expected every column name once.",
            why="A name that stands twice cannot say which column is meant.",
            hint="Rename or remove the repeated columns.",
        )


_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": lambda path: _read_csv(path, ","),
    ".tsv": lambda path: _read_csv(path, "\t"),
    ".parquet": pl.read_parquet,
    ".pq": pl.read_parquet,
    ".arrow": pl.read_ipc,
    ".ipc": pl.read_ipc,
    ".feather": pl.read_ipc,
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=_INFER_ROWS),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=_INFER_ROWS),
}

SUFFIXES = tuple(_READERS)
"""File name endings that can be read; .csv and .tsv also with .gz behind."""


def read_frame(source: str | Path | Sequence[str | Path]) -> tuple[pl.DataFrame, str]:
    """Read one file, several, or all that match a pattern.

    Parameters
    ----------
    source : str, Path or sequence of them
        A path, a pattern such as ``"part-*.parquet"``, or a list of paths. The suffix says the format.

    Returns
    -------
    frame : polars.DataFrame
        The rows of all files in the order of their names.
    source : str
        The files, in words.

    Raises
    ------
    TableError
        If a file is absent, empty, cut short, of an unknown format, or has other columns than the first.
    """
    paths = expand(source)
    frames = [_read_one(path) for path in paths]
    words = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files, {paths[0]} to {paths[-1]}"
    return (frames[0] if len(frames) == 1 else _stack(frames, paths)), words


def expand(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Find the files that a path, a pattern or a list of paths names.

    Parameters
    ----------
    source : str, Path or sequence of them
        What to look for. A folder means the files in it that can be read.

    Returns
    -------
    list of Path
        At least one, each existing, sorted within a pattern.

    Raises
    ------
    TableError
        If nothing is found.
    """
    given = [source] if isinstance(source, str | Path) else list(source)
    paths = [path for one in given for path in _expand_one(str(one))]
    if not paths:
        raise TableError(
            f"{given!r} names no file.",
            expected="Expected at least one file.",
            why="There is nothing to read.",
            hint="Check the pattern.",
        )
    return paths


def _expand_one(text: str) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.is_file() and _format(p) in _READERS)
    elif path.exists():
        yield path
    elif glob.has_magic(text):
        yield from sorted(Path(found) for found in glob.glob(text, recursive=True))  # noqa: PTH207 - absolute patterns
    else:
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TableError(
            f"There is no file {text!r}.",
            expected="Expected the path of a table.",
            why="There is nothing to read.",
            hint=nearest_names(path.name, siblings) or "Check the path.",
        )


def _format(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] == ".gz":
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _read_one(path: Path) -> pl.DataFrame:
    reader = _READERS.get(_format(path))
    if reader is None:
        raise TableError(
            f"{str(path)!r} ends in {_format(path)!r}.",
            expected=f"Expected one of {', '.join(SUFFIXES)}.",
            why="The ending says how to read the file.",
            hint="Rename the file, or convert it.",
        )
    if path.stat().st_size == 0:
        raise _empty(str(path))
    try:
        return reader(path)
    except pl.exceptions.NoDataError:
        raise _empty(str(path)) from None
    except pl.exceptions.DuplicateError as error:
        raise TableError(
            f"{str(path)!r} has a repeated column name ({_first_line(error)}).",
            expected="Expected every column name once.",
            why="A name that stands twice cannot say which column is meant.",
            hint="Rename or remove the repeated columns.",
        ) from error
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise TableError(
            f"{str(path)!r} cannot be read ({_first_line(error)}).",
            expected=f"Expected a whole {_format(path)[1:]} file.",
            why="A file that is damaged or cut short would lose rows without a word.",
            hint="Write the file again, or check that its ending says what it is.",
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _empty(source: str) -> TableError:
    return TableError(
        f"{source} is empty.",
        expected="Expected a header and rows.",
        why="There is nothing to learn from.",
        hint="Check how the file was written.",
    )


def _stack(frames: list[pl.DataFrame], paths: list[Path]) -> pl.DataFrame:
    first = frames[0]
    for frame, path in zip(frames[1:], paths[1:], strict=True):
        if frame.columns != first.columns:
            raise TableError(
                f"{str(path)!r} has the columns {_differing(frame, first)}.",
                expected=f"Expected the columns of {str(paths[0])!r}.",
                why="Files of one table must agree on what a row is.",
                hint="Make the headers equal, or read the files apart.",
            )
    return pl.concat(frames, how="vertical_relaxed")


def _differing(frame: pl.DataFrame, first: pl.DataFrame) -> str:
    more, fewer = (
        sorted(set(frame.columns) - set(first.columns)),
        sorted(set(first.columns) - set(frame.columns)),
    )
    parts = [f"{', '.join(more)} in addition"] * bool(more) + [f"not {', '.join(fewer)}"] * bool(fewer)
    return " and ".join(parts) or "in another order"


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame, whole or not at all.

    Parameters
    ----------
    frame : polars.DataFrame
        What to write.
    path : Path
        Ends in .parquet, .csv, .tsv, .arrow, .ipc, .feather, .jsonl or .ndjson.

    Raises
    ------
    TableError
        If the ending is another.
    """
    suffix = _format(path)
    writers: dict[str, Callable[[Path], object]] = {
        ".parquet": frame.write_parquet,
        ".pq": frame.write_parquet,
        ".csv": frame.write_csv,
        ".tsv": lambda to: frame.write_csv(to, separator="\t"),
        ".arrow": frame.write_ipc,
        ".ipc": frame.write_ipc,
        ".feather": frame.write_ipc,
        ".jsonl": frame.write_ndjson,
        ".ndjson": frame.write_ndjson,
    }
    if suffix not in writers:
        raise TableError(
            f"The output {str(path)!r} ends in {suffix!r}.",
            expected=f"Expected one of {', '.join(writers)}.",
            why="The ending says what to write.",
            hint="For example: --out predictions.parquet",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        writers[suffix](partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
