"""Tables larger than memory: files as a row of chunks that anybody can read alone.

Chunks are the same whenever the files are: of at most a given number of rows, never across files, in the order of
the files. What does not depend on rows beside each other can therefore be done chunk by chunk, anywhere, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from counterpoise.errors import RoleError, nearest_names
from counterpoise.table.files import (
    Source,
    expand,
    explained,
    format_of,
    refuse_cut,
    refuse_other,
    scan,
    unclear_dates,
    with_folder_columns,
)

__all__ = ["ROWS_AT_ONCE", "Chunk", "Chunks", "chunks_of"]

ROWS_AT_ONCE = 200_000
"""Rows of a chunk: at 30 columns of 8 bytes, 48 MB."""

_ANYWHERE = frozenset({".parquet", ".pq", ".arrow", ".ipc", ".feather"})
"""Formats of which any range of rows can be read alone; of the others a chunk carries its rows."""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows of a file.

    Attributes
    ----------
    number : int
        Counts all chunks of the table, from 0.
    file : str
        Where the rows are.
    start : int
        Number of the first row within the whole table.
    offset : int
        Number of the first row within its file.
    n_rows : int
        How many.
    schema : dict of str to polars.DataType
        Columns and types of the whole table.
    frame : polars.DataFrame or None
        The rows, where they have been read already: the format cannot be entered in the middle, or chunks are read
        one after the other.
    """

    number: int
    file: str
    start: int
    offset: int
    n_rows: int
    schema: dict[str, pl.DataType]
    frame: pl.DataFrame | None = None

    def read(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Read the rows.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns, in that order; all by default.

        Returns
        -------
        polars.DataFrame of n_rows rows
            In the types of the whole table.

        Raises
        ------
        TableError
            If the file is damaged.
        """
        names = list(self.schema) if columns is None else list(columns)
        if self.frame is not None:
            return self.frame.select(names)
        with explained(self.file):
            read = _of_file(self.file, names, self.schema).slice(self.offset, self.n_rows).collect()
        return _conformed(with_folder_columns(read, self.file), names, self.schema)


def _of_file(file: str, names: Sequence[str], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Take the columns that a file has itself: at least one, which says how many rows there are."""
    rows = scan(file, [name for name in names if schema.get(name) == pl.String])
    here = rows.collect_schema().names()
    wanted = set(names).intersection(here) or here[:1]
    return rows.select([name for name in here if name in wanted])


def _conformed(frame: pl.DataFrame, names: Sequence[str], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    if all(frame.schema.get(name) == schema[name] for name in names):
        return frame.select(names)
    return frame.select(pl.col(name).cast(schema[name]) for name in names)


@dataclass(frozen=True)
class Chunks:
    """A table as a row of chunks.

    Attributes
    ----------
    files : tuple of str
        Where the rows are, in order.
    schema : dict of str to polars.DataType
        Columns and types.
    sizes : tuple of int or None
        Rows of each file, where its format says so without being read.
    rows_at_once : int
        Most rows of a chunk.
    """

    files: tuple[str, ...]
    schema: dict[str, pl.DataType]
    sizes: tuple[int | None, ...]
    rows_at_once: int = ROWS_AT_ONCE

    @property
    def n_rows(self) -> int | None:
        """Rows of all files; None where only reading them would tell."""
        known = [size for size in self.sizes if size is not None]
        return sum(known) if len(known) == len(self.sizes) else None

    @property
    def words(self) -> str:
        """The files, in words."""
        first, last = self.files[0], self.files[-1]
        return first if len(self.files) == 1 else f"{len(self.files)} files, {first} to {last}"

    def __iter__(self) -> Iterator[Chunk]:
        return self._each(None)

    def in_turn(self, columns: Sequence[str] | None = None) -> Iterator[Chunk]:
        """Read the chunks one after the other in this process, the next while the last is worked on.

        Parameters
        ----------
        columns : sequence of str, optional
            The only ones that will be asked for; all by default.

        Returns
        -------
        iterator of Chunk
            The same chunks as from iterating, with their rows.

        Raises
        ------
        TableError
            If a file is damaged.
        """
        return self._each(list(self.schema) if columns is None else list(columns))

    def _each(self, columns: Sequence[str] | None) -> Iterator[Chunk]:
        number = start = 0
        for file, size in zip(self.files, self.sizes, strict=True):
            is_entered = size is not None and columns is None
            cut = self._cut(size or 0) if is_entered else self._streamed(file, columns or list(self.schema))
            for offset, n_rows, frame in cut:
                yield Chunk(number, file, start, offset, n_rows, self.schema, frame)
                number, start = number + 1, start + n_rows

    def _cut(self, size: int) -> Iterator[tuple[int, int, None]]:
        for offset in range(0, size, self.rows_at_once):
            yield offset, min(self.rows_at_once, size - offset), None

    def _streamed(self, file: str, columns: Sequence[str]) -> Iterator[tuple[int, int, pl.DataFrame]]:
        offset = 0
        for frame in _pieces(file, columns, self.schema, self.rows_at_once):
            whole = _conformed(with_folder_columns(frame, file), columns, self.schema)
            yield offset, frame.height, whole
            offset += frame.height

    def require(self, columns: Sequence[str]) -> None:
        """Refuse a table that lacks columns.

        Parameters
        ----------
        columns : sequence of str
            What is needed.

        Raises
        ------
        RoleError
            If one is not there.
        """
        for name in columns:
            if name not in self.schema:
                known = list(self.schema)
                raise RoleError(
                    f"There is no column {name!r}.",
                    expected=f"Expected one of {', '.join(map(repr, known[:12]))}{', ...' if known[12:] else ''}.",
                    why="It was asked for.",
                    hint=nearest_names(name, known) or "Check the spelling.",
                )

    def identity(self) -> list[list[str | int]]:
        """Say which files these are, so that a later run can tell whether they are the same.

        Returns
        -------
        list of [str, int, int]
            Name, size in bytes and time of the last change, in nanoseconds; -1 for what is elsewhere.
        """
        stats = [Path(file).stat() if Path(file).exists() else None for file in self.files]
        return [
            [file, stat.st_size, stat.st_mtime_ns] if stat is not None else [file, -1, -1]
            for file, stat in zip(self.files, stats, strict=True)
        ]


def chunks_of(source: Source, rows_at_once: int = ROWS_AT_ONCE) -> Chunks:
    """Cut files into chunks, after a look at every header.

    Parameters
    ----------
    source : str, Path or sequence of them
        Files, patterns, folders or addresses.
    rows_at_once : int, default=200_000
        Most rows of a chunk.

    Returns
    -------
    Chunks
        Files without rows add none.

    Raises
    ------
    TableError
        If a file is absent, damaged, of an unknown format, or has other columns or types than the first.
    """
    files = expand(source)
    schemas = [_schema_of(file) for file in files]
    for file, schema in zip(files[1:], schemas[1:], strict=True):
        refuse_other(file, schema, files[0], schemas[0])
    for file in files:
        refuse_cut(file)
    common = _common(schemas)
    texts = unclear_dates(files, pl.Schema(common), lambda asked: _asked(files, asked))
    types = common | dict.fromkeys(texts, pl.String())
    return Chunks(tuple(files), types, tuple(_size_of(file) for file in files), rows_at_once)


def _schema_of(file: str) -> pl.Schema:
    rows = scan(file)
    with explained(file):
        return with_folder_columns(pl.DataFrame(schema=rows.collect_schema()), file).schema


def _asked(files: Sequence[str], questions: Sequence[pl.Expr]) -> pl.DataFrame:
    """Answer questions about the rows of all files, a row of answers for each."""
    names = [question.meta.output_name() for question in questions]
    answers = []
    for file in files:
        with explained(file):
            answers.append(_of_file(file, names, {}).select(questions).collect())
    return pl.concat(answers, how="vertical_relaxed")


def _common(schemas: Sequence[pl.Schema]) -> dict[str, pl.DataType]:
    """Find the types that hold the values of all files."""
    empty = [pl.DataFrame(schema=schema) for schema in schemas]
    return dict(pl.concat(empty, how="vertical_relaxed").schema)


def _size_of(file: str) -> int | None:
    if format_of(file) not in _ANYWHERE:
        return None
    rows = scan(file)
    with explained(file):
        return int(rows.select(pl.len()).collect().item())


def _pieces(
    file: str, columns: Sequence[str], schema: Mapping[str, pl.DataType], rows_at_once: int
) -> Iterator[pl.DataFrame]:
    """Read a file from its beginning, in frames of exactly so many rows but the last."""
    with explained(file):
        pieces = _of_file(file, columns, schema).collect_batches(chunk_size=rows_at_once, maintain_order=True)
    held = pl.DataFrame()
    while True:
        with explained(file):
            piece = next(pieces, None)
        if piece is None:
            break
        held = piece if held.is_empty() else pl.concat([held, piece])
        while held.height >= rows_at_once:
            yield held[:rows_at_once]
            held = held[rows_at_once:]
    if held.height:
        yield held
