"""Files into frames: CSV, TSV, Parquet, Arrow IPC and JSON lines; one, several, or a pattern."""

from __future__ import annotations

import csv
import glob
import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from counterpoise.errors import TableError, nearest_names

__all__ = [
    "SUFFIXES",
    "check_output",
    "expand",
    "read_frame",
    "read_pieces",
    "refuse_repeated",
    "write_frame",
]

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
    _refuse_unreadable(path)
    with _explained(path):
        return _READERS[_format(path)](path)


def _refuse_unreadable(path: Path) -> None:
    if _format(path) not in _READERS:
        raise TableError(
            f"{str(path)!r} ends in {_format(path)!r}.",
            expected=f"Expected one of {', '.join(SUFFIXES)}.",
            why="The ending says how to read the file.",
            hint="Rename the file, or convert it.",
        )
    if path.stat().st_size == 0:
        raise _empty(str(path))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what polars and the system say about a file into one message."""
    try:
        yield
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


_SCANNERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".csv": lambda path: _scan_csv(path, ","),
    ".tsv": lambda path: _scan_csv(path, "\t"),
    ".parquet": pl.scan_parquet,
    ".pq": pl.scan_parquet,
    ".arrow": pl.scan_ipc,
    ".ipc": pl.scan_ipc,
    ".feather": pl.scan_ipc,
    ".jsonl": pl.scan_ndjson,
    ".ndjson": pl.scan_ndjson,
}


def _scan_csv(path: Path, separator: str) -> pl.LazyFrame:
    _refuse_repeated_names(path, separator)
    return pl.scan_csv(
        path, separator=separator, null_values=_NULLS, infer_schema_length=None, try_parse_dates=True
    )


def read_pieces(source: str | Path | Sequence[str | Path], rows_at_once: int) -> Iterator[pl.DataFrame]:
    """Read files piece by piece, in order.

    Parameters
    ----------
    source : str, Path or sequence of them
        As for `read_frame`.
    rows_at_once : int
        Rows of a piece, about.

    Yields
    ------
    polars.DataFrame
        The next rows; at least one piece, which may be empty.

    Raises
    ------
    TableError
        If a file is absent, empty, damaged or of an unknown format.
    """
    for path in expand(source):
        with _explained(path):
            _refuse_unreadable(path)
            pieces = _SCANNERS[_format(path)](path).collect_batches(
                chunk_size=rows_at_once, maintain_order=True
            )
        while True:
            with _explained(path):
                piece = next(pieces, None)
            if piece is None:
                break
            yield from piece.iter_slices(rows_at_once)


def column_names_of(source: str | Path | Sequence[str | Path]) -> list[str]:
    """Read the column names of files without their rows.

    Parameters
    ----------
    source : str, Path or sequence of them
        As for `read_frame`.

    Returns
    -------
    list of str
        Names of the first file.

    Raises
    ------
    TableError
        If it is absent, empty, damaged or of an unknown format.
    """
    path = expand(source)[0]
    _refuse_unreadable(path)
    with _explained(path):
        return _SCANNERS[_format(path)](path).collect_schema().names()


_WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".pq": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".arrow": lambda frame, path: frame.write_ipc(path),
    ".ipc": lambda frame, path: frame.write_ipc(path),
    ".feather": lambda frame, path: frame.write_ipc(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
}


def check_output(path: Path) -> None:
    """Refuse an output that could not be written, before any work is done.

    Parameters
    ----------
    path : Path
        Where to write.

    Raises
    ------
    TableError
        If the ending names no format, or the path is a folder.
    """
    if _format(path) not in _WRITERS or path.is_dir():
        raise TableError(
            f"The output {str(path)!r} {'is a folder' if path.is_dir() else f'ends in {_format(path)!r}'}.",
            expected=f"Expected a file that ends in one of {', '.join(_WRITERS)}.",
            why="The ending says what to write.",
            hint="For example: --out predictions.parquet",
        )


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
        If the ending is another, or the file cannot be written.
    """
    check_output(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _WRITERS[_format(path)](frame, partial)
        partial.replace(path)
    except OSError as error:
        raise TableError(
            f"{str(path)!r} cannot be written ({_first_line(error)}).",
            expected="Expected a folder with room and the right to write.",
            why="The result would be lost.",
            hint="Choose another place with --out.",
        ) from error
    finally:
        if partial.exists():
            partial.unlink()
