"""What a table would take in memory, and what there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from counterpoise.errors import OptionError
from counterpoise.table.addresses import is_address
from counterpoise.table.chunks import Chunks, chunks_of
from counterpoise.table.files import Source, expand, format_of

__all__ = ["COPIES", "available_bytes", "chunks_to_thin", "row_bytes", "rows_that_fit"]

COPIES = 6.0
"""Memory of a comparison over the size of its table: the frame, what a learner makes of it, and that of each worker."""

_TEXT_BYTES = 24.0
"""A text of usual length with its place in the column."""

_TEXT_FILE_GROWTH = 1.5
"""Size of a table in memory over that of its CSV or JSON-lines files."""

_LARGE_TEXT_FILES = 2**28
"""Text files below this are read without counting their rows first."""


def available_bytes() -> int:
    """Say how much memory this process may still take.

    Returns
    -------
    int
        The least of what the system and the control group leave; 0 where neither says.
    """
    left = [n for n in (_system_left(), _group_left()) if n is not None]
    return min(left) if left else 0


def _system_left() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _group_left() -> int | None:
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, int(most) - used) if most.isdigit() else None


def row_bytes(schema: Mapping[str, pl.DataType]) -> float:
    """Estimate the size of a row in memory, its numbers as a learner holds them.

    Parameters
    ----------
    schema : mapping of str to polars.DataType
        Columns and types.

    Returns
    -------
    float
        Bytes.
    """
    return sum(8.0 if dtype.is_numeric() or dtype.is_temporal() else _TEXT_BYTES for dtype in schema.values())


def rows_that_fit(source: Source, memory: int | None = None) -> tuple[Chunks, int] | None:
    """Say how many rows of a table can be compared in memory, where not all can.

    Parameters
    ----------
    source : str, Path or sequence of them
        Files, patterns, folders or addresses.
    memory : int, optional
        Bytes to stay within; by default what is available.

    Returns
    -------
    chunks : Chunks
        The table.
    rows : int
        Rows that fit. Or None instead of both, where the whole table fits.

    Raises
    ------
    TableError
        If a file is absent, damaged, or does not go with the others.
    """
    budget = memory or available_bytes()
    if not budget or _surely_fits(source, budget):
        return None
    chunks = chunks_of(source)
    n_rows = _n_rows(chunks)
    fitting = int(budget / (COPIES * row_bytes(chunks.schema)))
    return None if n_rows <= fitting else (chunks, fitting)


def chunks_to_thin(
    source: Source, *, rows: int | None = None, rate: float | None = None, memory: int | None = None
) -> tuple[Chunks, dict[str, Any]] | None:
    """Say whether a table is to be thinned, and how.

    Parameters
    ----------
    source : str, Path or sequence of them
        Files, patterns, folders or addresses.
    rows : int, optional
        Rows to keep at most.
    rate : float, optional
        Share of the negatives to keep.
    memory : int, optional
        Bytes to stay within, where neither is given; by default what is available.

    Returns
    -------
    chunks : Chunks
        The table.
    share : dict
        ``rows`` or ``rate``, as `read_thinned` takes them. Or None instead of both, where nothing is to be left out.

    Raises
    ------
    OptionError
        If `rows` and `rate` are both given.
    TableError
        If a file is absent, damaged, or does not go with the others.
    """
    if rows is not None and rate is not None:
        raise OptionError(
            f"rows={rows} and rate={rate} were given.",
            expected="Expected one of them.",
            why="Either says how many negatives stay.",
            hint="Use --rows, or --thin.",
        )
    if rate is not None:
        return chunks_of(source), {"rate": rate}
    if rows is not None:
        chunks = chunks_of(source)
        return None if _n_rows(chunks) <= rows else (chunks, {"rows": rows})
    fitting = rows_that_fit(source, memory)
    return None if fitting is None else (fitting[0], {"rows": fitting[1]})


def _n_rows(chunks: Chunks) -> int:
    return chunks.n_rows if chunks.n_rows is not None else sum(chunk.n_rows for chunk in chunks)


def _surely_fits(source: Source, budget: int) -> bool:
    """Look at the sizes of text files only: counting their rows would be a pass of its own."""
    files = expand(source)
    if any(
        is_address(file) or format_of(file) in (".parquet", ".pq", ".feather", ".arrow", ".ipc")
        for file in files
    ):
        return False
    if any(file.endswith(".gz") for file in files):
        return False
    size = sum(Path(file).stat().st_size for file in files)
    return size < _LARGE_TEXT_FILES and COPIES * _TEXT_FILE_GROWTH * size < budget
