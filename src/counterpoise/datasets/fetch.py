"""Public tables with a rare outcome, fetched once, verified always, and read with the target set."""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from counterpoise.datasets.fetch_catalogue import PUBLIC, PublicTable
from counterpoise.datasets.fetch_download import OnBytes, download, verify
from counterpoise.errors import OptionError, TableError, nearest_names
from counterpoise.table import Table, read

__all__ = ["cache_folder", "fetch"]

LABEL = "label"
"""Column of the outcome in every fetched table: 1 is the rare class."""

_MISSING = ["", "?", "NA", "NaN"]


def fetch(
    name: str,
    *,
    cache: str | Path | None = None,
    mirror: str | None = None,
    sha256: str | None = None,
    on_bytes: OnBytes | None = None,
) -> Table:
    """Fetch a public table with a rare outcome, or read it from the cache.

    A file is verified every time it is read: against its published checksum where there is one, else against the one
    recorded when it first came; and always against the rows and positives that its source states.

    Parameters
    ----------
    name : str
        One of `counterpoise.datasets.PUBLIC`, such as ``"creditcard"`` or ``"machine_failure"``.
    cache : str or Path, optional
        Where files are kept; by default `cache_folder`.
    mirror : str, optional
        An address under which the files lie by their names in the cache; by default each comes from its own.
    sha256 : str, optional
        The checksum to expect instead of the published one.
    on_bytes : callable, optional
        Told the bytes that are here and, where known, the bytes of the whole; by default a bar on a terminal.

    Returns
    -------
    Table
        The source's columns, without those that name a row or leak the outcome; target ``label``, 1 for the rare
        class; for ``"creditcard"`` also time and amount.

    Raises
    ------
    OptionError
        If no public table has this name.
    TableError
        If the file cannot be reached (the message says where to place it by hand), has another checksum, or holds
        other numbers of rows or positives than its source states.

    Examples
    --------
    >>> from counterpoise.datasets import PUBLIC, fetch
    >>> PUBLIC["creditcard"].n_positive
    492
    >>> table = fetch("creditcard")    # doctest: +SKIP
    """
    table = _known(name)
    path = (Path(cache) if cache is not None else cache_folder()) / table.file
    expected = sha256 or table.sha256
    if not path.exists():
        address = f"{mirror.rstrip('/')}/{table.file}" if mirror else table.address
        with _told(name, on_bytes) as tell:
            download(address, path, expected=expected, on_bytes=tell)
    verify(path, expected)
    frame = _with_label(_frame(path, table), table)
    _check_content(frame, table, path)
    return read(frame, target=LABEL, positive=1, **table.roles)


def cache_folder() -> Path:
    """Say where fetched files are kept.

    Returns
    -------
    Path
        ``COUNTERPOISE_CACHE`` where that is set, else ``counterpoise`` in the platform's folder for caches.
    """
    if given := os.environ.get("COUNTERPOISE_CACHE"):
        return Path(given).expanduser()
    if sys.platform == "win32":  # pragma: no cover
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":  # pragma: no cover
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "counterpoise"


def _known(name: str) -> PublicTable:
    if name in PUBLIC:
        return PUBLIC[name]
    raise OptionError(
        f"There is no public table {name!r}.",
        expected=f"Expected one of {', '.join(sorted(PUBLIC))}.",
        why="Only tables whose address and content are known can be fetched.",
        hint=nearest_names(str(name), list(PUBLIC)) or "Read any other file with counterpoise.read.",
    )


@contextmanager
def _told(name: str, on_bytes: OnBytes | None) -> Iterator[OnBytes]:
    """Give what is told of progress: the caller's own, or a bar on a terminal."""
    if on_bytes is not None:
        yield on_bytes
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(f"fetching {name}", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


# --- reading -------------------------------------------------------------------------------------------------


def _frame(path: Path, table: PublicTable) -> pl.DataFrame:
    try:
        text = _text(path, table)
        columns, text = _parted(text, table)
        separator = "," if table.form == "blanks" else table.separator
        return pl.read_csv(
            io.StringIO(text),
            separator=separator,
            has_header=not columns,
            new_columns=list(columns) or None,
            null_values=_MISSING,
            infer_schema_length=None,
            quote_char=None if columns else '"',
        )
    except (
        OSError,
        EOFError,
        UnicodeDecodeError,
        KeyError,
        zipfile.BadZipFile,
        pl.exceptions.PolarsError,
    ) as error:
        raise _unlike(table, path, f"cannot be read ({str(error).splitlines()[0]})") from error


def _text(path: Path, table: PublicTable) -> str:
    if table.member:
        with zipfile.ZipFile(path) as archive:
            raw = archive.read(table.member)
    else:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _parted(text: str, table: PublicTable) -> tuple[tuple[str, ...], str]:
    """Give the names of the columns where the file has no header, and the values with a separator between."""
    if table.form == "blanks":
        return table.columns, re.sub(r"[ \t]+", ",", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text))
    if table.form == "arff":
        head, values = re.split(r"(?im)^@data\s*$\n?", text, maxsplit=1)
        return tuple(re.findall(r"(?im)^@attribute\s+(\S+)", head)), values
    return table.columns, text


def _with_label(frame: pl.DataFrame, table: PublicTable) -> pl.DataFrame:
    if table.target not in frame.columns:
        return frame.with_columns(pl.lit(0, pl.Int8).alias(LABEL))
    is_positive = pl.col(table.target).cast(pl.String).is_in(table.positive).cast(pl.Int8)
    return frame.with_columns(is_positive.alias(LABEL)).drop(table.target, *table.drop, strict=False)


def _check_content(frame: pl.DataFrame, table: PublicTable, path: Path) -> None:
    found = (frame.height, int(frame[LABEL].sum()))
    if found != (table.n_rows, table.n_positive):
        raise _unlike(table, path, f"holds {found[0]:,} rows with {found[1]:,} positives")


def _unlike(table: PublicTable, path: Path, what: str) -> TableError:
    return TableError(
        f"{path} {what}.",
        expected=f"Expected {table.n_rows:,} rows with {table.n_positive:,} positives, as its source states.",
        why="Figures on another table compare with nothing published.",
        hint=f"Delete it and fetch again, or place the right file there; its source: {table.source}",
    )
