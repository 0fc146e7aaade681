"""Files into frames: CSV, TSV, Parquet, Arrow IPC and JSON lines; one, several, a folder, a pattern, an address."""

from __future__ import annotations

import csv
import glob
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from counterpoise.errors import TableError, nearest_names
from counterpoise.table.addresses import is_address, listed, opened
from counterpoise.table.delimited import (
    NULLS,
    Layout,
    has_gaps_at_the_end,
    is_day_or_month_first,
    layout_of,
    month_first_too,
    not_utf8,
    refuse_short_lines,
    written_name,
)

__all__ = [
    "SUFFIXES",
    "Source",
    "check_folder",
    "check_output",
    "expand",
    "explained",
    "folders_for",
    "format_of",
    "read_frame",
    "refuse_cut",
    "refuse_input",
    "refuse_other",
    "refuse_repeated",
    "scan",
    "unclear_dates",
    "with_folder_columns",
    "write_frame",
    "writing_explained",
    "written_whole",
]

Source = str | Path | Sequence[str | Path]
"""A path, a pattern, a folder, an address, or several of them."""

_INFER_ROWS = 10_000
_UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,  # what the readers do at some damage
    OSError,
    UnicodeDecodeError,
    EOFError,
    csv.Error,
)


def _read_csv(path: Path, separator: str, texts: Sequence[str] = ()) -> pl.DataFrame:
    layout = _layout(path, separator)
    if not layout.has_rows:
        return _without_rows(layout)
    try:
        frame = _csv(path, layout, _INFER_ROWS, texts)
    except (
        pl.exceptions.ComputeError
    ):  # a later row did not fit the type guessed from the first: look at all rows
        frame = _csv(path, layout, None, texts)
    if frame.width and frame[:, -1].null_count():
        refuse_short_lines(path, layout)
    return frame.rename(_unquoted(frame.columns, layout))


def _csv(path: Path, layout: Layout, infer_rows: int | None, texts: Sequence[str]) -> pl.DataFrame:
    return pl.read_csv(
        path,
        separator=layout.separator,
        null_values=list(NULLS),
        infer_schema_length=infer_rows,
        try_parse_dates=True,
        schema_overrides={written_name(name): pl.String for name in texts},
    )


def _layout(path: Path, separator: str) -> Layout:
    layout = layout_of(path, separator)
    refuse_repeated(layout.names, str(path))
    return layout


def _without_rows(layout: Layout) -> pl.DataFrame:
    """Give columns that go with any type: nothing stands in them."""
    return pl.DataFrame(schema=dict.fromkeys(layout.names, pl.Null))


def _unquoted(written: Sequence[str], layout: Layout) -> dict[str, str]:
    """Map names in which polars left quotes doubled to what they mean."""
    pairs = zip(written, layout.names, strict=False)
    return {old: new for old, new in pairs if old != new and old == written_name(new)}


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


_SEPARATORS = {".csv": ",", ".tsv": "\t"}

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


def read_frame(source: Source) -> tuple[pl.DataFrame, str]:
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
    words = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files, {paths[0]} to {paths[-1]}"
    frame = _stack([_read_one(path) for path in paths], paths)
    texts = unclear_dates(paths, frame.schema, frame.select)
    return (_stack([_read_one(path, texts) for path in paths], paths) if texts else frame), words


def unclear_dates(
    files: Sequence[str], schema: pl.Schema, ask: Callable[[list[pl.Expr]], pl.DataFrame]
) -> list[str]:
    """Name the columns whose dates can be read day first as well as month first: their text says no date.

    Parameters
    ----------
    files : sequence of str
        Where the rows were read, day first.
    schema : polars.Schema
        Columns and types.
    ask : callable
        Takes expressions over all rows and gives rows of answers, of which the largest counts.

    Returns
    -------
    list of str
        Columns of CSV and TSV files in which no day is above 12 and one is not its month's number.
    """
    texts = [file for file in files if format_of(file) in _SEPARATORS]
    dated = [name for name, dtype in schema.items() if dtype in (pl.Date, pl.Datetime)]
    if not texts or not dated:
        return []
    asked = [name for name in dated if any(_is_day_or_month_first(file, name) for file in texts)]
    if not asked:
        return []
    answers = ask([month_first_too(name) for name in asked])
    return [name for name in asked if answers[name].max() == 1]


def _is_day_or_month_first(file: str, name: str) -> bool:
    path = opened(file)
    with explained(file):
        layout = layout_of(path, _SEPARATORS[format_of(file)])
        return name in layout.names and is_day_or_month_first(path, layout, name)


def expand(source: Source) -> list[str]:
    """Find the files that a path, a pattern or a list of paths names.

    Parameters
    ----------
    source : str, Path or sequence of them
        What to look for. A folder means the files in it that can be read; with a scheme (``s3://``) an address.

    Returns
    -------
    list of str
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


def _expand_one(text: str) -> Iterator[str]:
    path = Path(text)
    if is_address(text):
        found = listed(text)
        yield from _sorted_naturally([name for name in found if format_of(name) in _READERS] or found)
    elif path.is_dir():
        yield from _sorted_naturally([str(p) for p in path.rglob("*") if p.is_file() and _is_part(p)])
    elif path.exists():
        yield text
    elif glob.has_magic(text):
        yield from _sorted_naturally(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute patterns
    else:
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TableError(
            f"There is no file {text!r}.",
            expected="Expected the path of a table.",
            why="There is nothing to read.",
            hint=nearest_names(path.name, siblings) or "Check the path.",
        )


def _sorted_naturally(names: Sequence[str]) -> list[str]:
    """Sort names so that part-10 comes after part-9."""
    parts = {name: re.split(r"(\d+)", name) for name in names}
    return sorted(names, key=lambda name: [(len(t), t) if t.isdigit() else (0, t) for t in parts[name]])


def _is_part(path: Path) -> bool:
    """Say whether a file in a folder holds rows: hidden ones and those that begin with _ are others' notes."""
    return format_of(path) in _READERS and not path.name.startswith((".", "_"))


def format_of(path: str | Path) -> str:
    """Give the ending that says how a file is read.

    Parameters
    ----------
    path : str or Path
        A path or an address.

    Returns
    -------
    str
        Such as ``".parquet"``, in lower case; without the ``.gz`` behind it.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if len(suffixes) > 1 and suffixes[-1] == ".gz":
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _read_one(name: str, texts: Sequence[str] = ()) -> pl.DataFrame:
    path, ending = _readable(name), format_of(name)
    with explained(name):
        if texts and ending in _SEPARATORS:
            return with_folder_columns(_read_csv(path, _SEPARATORS[ending], texts), name)
        return with_folder_columns(_READERS[ending](path), name)


def _readable(name: str) -> Path:
    if format_of(name) not in _READERS:
        raise TableError(
            f"{name!r} ends in {format_of(name)!r}.",
            expected=f"Expected one of {', '.join(SUFFIXES)}.",
            why="The ending says how to read the file.",
            hint="Rename the file, or convert it.",
        )
    path = opened(name)
    if path.stat().st_size == 0:
        raise _empty(name)
    return path


def with_folder_columns(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add the columns that folders named ``column=value`` stand for, as Spark, Hive and Dask write them.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of the file.
    name : str
        Its path or address.

    Returns
    -------
    polars.DataFrame
        With one more column for each such folder, whole numbers where they are; columns of the file win.
    """
    pairs = [part.split("=", 1) for part in Path(name).parent.parts if part.count("=") == 1]
    more = {column: value for column, value in pairs if column and column not in frame.columns}
    return frame.with_columns(
        **{
            column: pl.lit(int(v), pl.Int64) if v.lstrip("-").isdigit() else pl.lit(v)
            for column, v in more.items()
        }
    )


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what polars and the system say about a file into one message.

    Parameters
    ----------
    name : str
        The file.

    Yields
    ------
    None
        While it is read.

    Raises
    ------
    TableError
        If it cannot be read.
    """
    try:
        yield
    except pl.exceptions.NoDataError:
        raise _empty(name) from None
    except pl.exceptions.DuplicateError as error:
        raise TableError(
            f"{name!r} has a repeated column name ({_first_line(error)}).",
            expected="Expected every column name once.",
            why="A name that stands twice cannot say which column is meant.",
            hint="Rename or remove the repeated columns.",
        ) from error
    except _UNREADABLE as error:
        if format_of(name) in _SEPARATORS and "utf-8" in str(error).lower():
            raise not_utf8(opened(name)) from None
        raise TableError(
            f"{name!r} cannot be read ({_first_line(error)}).",
            expected=f"Expected a whole {format_of(name)[1:]} file.",
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


def _stack(frames: list[pl.DataFrame], paths: list[str]) -> pl.DataFrame:
    if len(frames) == 1:
        return frames[0]
    for frame, path in zip(frames[1:], paths[1:], strict=True):
        refuse_other(path, frame.schema, paths[0], frames[0].schema)
    return pl.concat(frames, how="vertical_relaxed")


def refuse_other(path: str, schema: pl.Schema, first: str, expected: pl.Schema) -> None:
    """Refuse a file whose columns or types do not go with the first one's.

    Parameters
    ----------
    path : str
        The file.
    schema : polars.Schema
        Its columns and types.
    first : str
        The first file.
    expected : polars.Schema
        Columns and types of that.

    Raises
    ------
    TableError
        If columns are more, fewer or in another order, or one has a type that does not go with the first one's.
    """
    if schema.names() != expected.names():
        raise TableError(
            f"{path!r} has the columns {_differing(schema.names(), expected.names())}.",
            expected=f"Expected the columns of {first!r}.",
            why="Files of one table must agree on what a row is.",
            hint="Make the headers equal, or read the files apart.",
        )
    for column, dtype in schema.items():
        if not _go_together(dtype, expected[column]):
            raise TableError(
                f"{path!r} has {column!r} as {dtype}.",
                expected=f"Expected {expected[column]}, as in {first!r}.",
                why="Files of one table must agree on what a value means.",
                hint="Convert the column in that file, or leave the file out.",
            )


def _go_together(one: pl.DataType, other: pl.DataType) -> bool:
    """Say whether values of two types can stand in one column."""
    texts = (pl.String, pl.Categorical, pl.Enum)
    days = (pl.Date, pl.Datetime)
    return bool(
        one == other
        or pl.Null in (one, other)
        or (one.is_numeric() and other.is_numeric())
        or (one in texts and other in texts)
        or (one in days and other in days)
    )


def _differing(columns: Sequence[str], expected: Sequence[str]) -> str:
    more, fewer = sorted(set(columns) - set(expected)), sorted(set(expected) - set(columns))
    parts = [f"{', '.join(more)} in addition"] * bool(more) + [f"not {', '.join(fewer)}"] * bool(fewer)
    return " and ".join(parts) or "in another order"


_SCANNERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".csv": lambda path: _scan_csv(path, ","),
    ".tsv": lambda path: _scan_csv(path, "\t"),
    ".parquet": lambda path: pl.scan_parquet(path, hive_partitioning=False),
    ".pq": lambda path: pl.scan_parquet(path, hive_partitioning=False),
    ".arrow": lambda path: pl.scan_ipc(path, hive_partitioning=False),
    ".ipc": lambda path: pl.scan_ipc(path, hive_partitioning=False),
    ".feather": lambda path: pl.scan_ipc(path, hive_partitioning=False),
    ".jsonl": pl.scan_ndjson,
    ".ndjson": pl.scan_ndjson,
}


def _scan_csv(path: Path, separator: str, texts: Sequence[str] = ()) -> pl.LazyFrame:
    layout = _layout(path, separator)
    if not layout.has_rows:
        return _without_rows(layout).lazy()
    rows = pl.scan_csv(
        path,
        separator=layout.separator,
        null_values=list(NULLS),
        infer_schema_length=None,
        try_parse_dates=True,
        schema_overrides={written_name(name): pl.String for name in texts},
    )
    if any('"' in name for name in layout.names):
        return rows.rename(_unquoted(rows.collect_schema().names(), layout))
    return rows


def scan(name: str, texts: Sequence[str] = ()) -> pl.LazyFrame:
    """Open a file without reading its rows.

    Parameters
    ----------
    name : str
        A path or an address.
    texts : sequence of str, default=()
        Columns of a CSV or TSV file that stay text.

    Returns
    -------
    polars.LazyFrame
        The rows to be.

    Raises
    ------
    TableError
        If it is absent, empty, of an unknown format, or repeats a column name.
    """
    path, ending = _readable(name), format_of(name)
    with explained(name):
        if texts and ending in _SEPARATORS:
            return _scan_csv(path, _SEPARATORS[ending], texts)
        return _SCANNERS[ending](path)


def refuse_cut(name: str) -> None:
    """Refuse a CSV or TSV file in which a line has fewer fields than the header.

    Parameters
    ----------
    name : str
        A path or an address; other formats have no lines.

    Raises
    ------
    TableError
        If there is such a line; the first is named.
    """
    if format_of(name) not in _SEPARATORS:
        return
    path = opened(name)
    with explained(name):
        layout = layout_of(path, _SEPARATORS[format_of(name)])
        if has_gaps_at_the_end(path, layout):
            refuse_short_lines(path, layout)


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
        If the ending names no format or says that it is compressed, or the path is a folder.
    """
    with writing_explained(path):
        is_folder = path.is_dir()
    if format_of(path) not in _WRITERS or is_folder:
        raise TableError(
            f"The output {str(path)!r} {'is a folder' if is_folder else f'ends in {format_of(path)!r}'}.",
            expected=f"Expected a file that ends in one of {', '.join(_WRITERS)}.",
            why="The ending says what to write.",
            hint="For example: --out predictions.parquet",
        )
    if path.suffix.lower() == ".gz":
        raise TableError(
            f"The output {str(path)!r} ends in '.gz'.",
            expected=f"Expected a file that ends in one of {', '.join(_WRITERS)}.",
            why="Tables are written uncompressed or as Parquet, and by that name a plain file would not open.",
            hint=f"Choose {path.name.partition('.')[0]}.parquet, which is compressed, or run gzip on "
            f"{path.stem} afterwards.",
        )


def refuse_input(out: Path, inputs: Source) -> None:
    """Refuse an output that is one of the inputs, before it is lost.

    Parameters
    ----------
    out : Path
        Where to write.
    inputs : str, Path or sequence of them
        What is read: files, patterns, folders or addresses.

    Raises
    ------
    TableError
        If the output is an input, under this name, another or by a link; or an input is not there.
    """
    with writing_explained(out):
        is_there = out.exists()
    for name in expand(inputs) if is_there else ():
        if not is_address(name) and Path(name).exists() and out.samefile(name):
            same = "" if str(out) == name else f", which is {name!r}"
            raise TableError(
                f"The output {str(out)!r} is an input{same}.",
                expected="Expected another name than those of the table's files.",
                why="The table that is read would be replaced, and what the output leaves out would be lost.",
                hint="Choose another name with --out.",
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
    with written_whole(path) as partial:
        _WRITERS[format_of(path)](frame, partial)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Have a file written beside its place, and put there once it is whole; where that fails, nothing is left.

    Parameters
    ----------
    path : Path
        Where to write; what stands there is replaced.

    Yields
    ------
    Path
        Where to write meanwhile.

    Raises
    ------
    TableError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    with folders_for(path), writing_explained(path):
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def folders_for(path: Path) -> Iterator[None]:
    """Make the folders that an output needs, and take those back that are left empty.

    Parameters
    ----------
    path : Path
        Where to write.

    Yields
    ------
    None
        While it is written.

    Raises
    ------
    TableError
        If they cannot be made.
    """
    with writing_explained(path.parent):
        made = [folder for folder in path.absolute().parents if not folder.exists()]
    try:
        with writing_explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, before any work is done; it is not made yet.

    Parameters
    ----------
    folder : Path
        Where to write.

    Raises
    ------
    TableError
        If it is a file, or nothing can be written there.
    """
    with writing_explained(folder):
        standing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not standing.is_dir():
            raise TableError(
                f"{str(folder)!r} cannot be used as a folder: {str(standing)!r} is a file.",
                expected="Expected a folder that can be made or written to.",
                why="What is found is kept there.",
                hint="Choose another folder with --out.",
            )
        with folders_for(folder / "probe"), tempfile.TemporaryFile(dir=folder):
            pass  # trying says more than permissions do


@contextmanager
def writing_explained(path: Path) -> Iterator[None]:
    """Turn what the system says when a file cannot be written into one message.

    Parameters
    ----------
    path : Path
        What is written.

    Yields
    ------
    None
        While it is written.

    Raises
    ------
    TableError
        If the place is full, or may not be written to.
    """
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        raise TableError(
            f"{str(path)!r} cannot be written ({_first_line(error)}).",
            expected="Expected a folder with room and the right to write.",
            why="The result would be lost.",
            hint="Make room, or choose another place with --out; what is finished is kept.",
        ) from error
