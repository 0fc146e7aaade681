"""Outputs larger than memory: written part by part, whole or not at all, and continued after a kill.

Parts are Parquet files in a hidden folder beside the output, each written under another name and renamed, so each is
whole or absent. A file that says what they belong to stands among them; parts of another input, model or option are
not used. At the end they stream into one file, or the folder itself becomes the output.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl

from counterpoise.errors import TableError
from counterpoise.table.files import check_output, format_of, writing_explained, written_whole

__all__ = ["Parts", "part_path", "write_part"]

_SPEC = "spec.json"

_SINKS: dict[str, Callable[[pl.LazyFrame, Path], object]] = {
    ".parquet": lambda rows, path: rows.sink_parquet(path),
    ".pq": lambda rows, path: rows.sink_parquet(path),
    ".csv": lambda rows, path: rows.sink_csv(path),
    ".tsv": lambda rows, path: rows.sink_csv(path, separator="\t"),
    ".arrow": lambda rows, path: rows.sink_ipc(path),
    ".ipc": lambda rows, path: rows.sink_ipc(path),
    ".feather": lambda rows, path: rows.sink_ipc(path),
    ".jsonl": lambda rows, path: rows.sink_ndjson(path),
    ".ndjson": lambda rows, path: rows.sink_ndjson(path),
}


class Parts:
    """The finished parts of an output.

    Parameters
    ----------
    out : Path
        A file, by its ending; or a folder, without an ending, which then holds one Parquet file a part.
    spec : mapping
        What the parts are made from, as plain values; parts of another spec are removed.

    Raises
    ------
    TableError
        If the output cannot be written, or is a folder that holds something else.
    """

    def __init__(self, out: Path, spec: Mapping[str, Any]) -> None:
        self.out = out
        self.is_folder = not out.suffix
        self._check()
        self.folder = out.with_name(f".{out.name}.parts")
        plain = json.loads(json.dumps(dict(spec)))
        with writing_explained(out):
            if not self._is_of(plain):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir(parents=True)
                (self.folder / _SPEC).write_text(json.dumps(plain), encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not any(self.folder.glob("part-*.parquet")):  # nothing to go on from
            shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self) -> None:
        if not self.is_folder:
            check_output(self.out)
        elif self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise TableError(
                f"The output {str(self.out)!r} exists and is not an empty folder.",
                expected="Expected a new folder, or a file such as rows.parquet.",
                why="Old parts would be taken for new ones.",
                hint="Remove it, or choose another name.",
            )

    def _is_of(self, spec: Mapping[str, Any]) -> bool:
        try:
            return bool(json.loads((self.folder / _SPEC).read_text(encoding="utf-8")) == spec)
        except (OSError, ValueError):
            return False

    def path(self, number: int) -> Path:
        """Say where a part lies.

        Parameters
        ----------
        number : int
            Number of the part, from 0.

        Returns
        -------
        Path
            Absent until the part is finished.
        """
        return part_path(self.folder, number)

    def has(self, number: int) -> bool:
        """Say whether a part is finished.

        Parameters
        ----------
        number : int
            Number of the part.

        Returns
        -------
        bool
            Whether it need not be made again.
        """
        return self.path(number).is_file()

    def finish(self, n_parts: int) -> int:
        """Make the output from its parts, and remove them.

        Parameters
        ----------
        n_parts : int
            Parts 0 to n_parts - 1 are there.

        Returns
        -------
        int
            Rows written.

        Raises
        ------
        TableError
            If the output cannot be written; the parts stay.
        """
        paths = [self.path(number) for number in range(n_parts)]
        n_rows = int(pl.scan_parquet(paths).select(pl.len()).collect().item())
        with writing_explained(self.out):
            if self.is_folder:
                (self.folder / _SPEC).unlink()
                if self.out.exists():
                    self.out.rmdir()
                self.folder.replace(self.out)
                return n_rows
            self._join(paths)
        shutil.rmtree(self.folder)
        return n_rows

    def _join(self, paths: list[Path]) -> None:
        with written_whole(self.out) as partial:
            if len(paths) == 1 and format_of(self.out) in (".parquet", ".pq"):
                paths[0].replace(partial)
            else:
                _SINKS[format_of(self.out)](pl.scan_parquet(paths), partial)


def part_path(folder: Path, number: int) -> Path:
    """Say where a part lies.

    Parameters
    ----------
    folder : Path
        Of the parts.
    number : int
        Number of the part, from 0.

    Returns
    -------
    Path
        Absent until the part is finished.
    """
    return folder / f"part-{number:06d}.parquet"


def write_part(frame: pl.DataFrame, path: Path) -> None:
    """Write a part, whole or not at all.

    Parameters
    ----------
    frame : polars.DataFrame
        Its rows.
    path : Path
        As `Parts.path` gives it.

    Raises
    ------
    TableError
        If it cannot be written, for example for want of room.
    """
    partial = path.with_suffix(".partial")
    try:
        with writing_explained(path):
            frame.write_parquet(partial)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
