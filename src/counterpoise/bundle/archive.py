"""The files of a bundle, from a folder or from one zip: listed first, each read whole, nothing unpacked to disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterpoise.errors import ModelError

__all__ = ["Files", "opened", "write_zip"]

MOST_GROWTH = 100
"""A zip may unpack to so many times its size (and a little): more is a bomb."""

ALWAYS_FINE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Files:
    """Files that can be read by name.

    Attributes
    ----------
    where : str
        The folder or the zip.
    names : frozenset of str
        Files that are there.
    read : callable
        Gives the content of one.
    """

    where: str
    names: frozenset[str]
    read: Callable[[str], bytes]

    def damaged(self, how: str) -> ModelError:
        """Say that the bundle cannot be used.

        Parameters
        ----------
        how : str
            What is wrong.

        Returns
        -------
        ModelError
            To be raised.
        """
        return ModelError(
            f"The bundle {self.where!r} cannot be used: {how}.",
            expected="Expected every file as it was saved.",
            why="A bundle that was changed, cut short or half-written would decide differently without a word.",
            hint="Copy it again from where it was saved, or save the model again.",
        )


@contextmanager
def opened(path: Path, marker: str) -> Iterator[Files]:
    """Open a folder or a zip.

    Parameters
    ----------
    path : Path
        Where it is.
    marker : str
        The file that every bundle has; in a zip it may lie in one folder with all others.

    Yields
    ------
    Files
        What is there.
    """
    unread = Files(str(path), frozenset(), lambda name: b"")
    if path.is_dir():
        try:
            names = frozenset(p.name for p in path.iterdir() if p.is_file() and not p.is_symlink())
            yield Files(str(path), names, lambda name: (path / name).read_bytes())
        except OSError as error:
            raise unread.damaged(str(error)) from error
        return
    if not path.is_file():
        raise ModelError(
            f"There is no model {str(path)!r}.",
            expected="Expected a folder or a zip, as compare writes to DIR/model.",
            why="There is nothing to predict with.",
            hint="Check the path, or run: counterpoise compare TABLE --target COL --out DIR",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            yield _zip_files(archive, path, marker)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise unread.damaged(f"it is no zip, or was cut short ({error})") from error


def _zip_files(archive: zipfile.ZipFile, path: Path, marker: str) -> Files:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    folder = next(
        (e.filename[: -len(marker)] for e in entries if e.filename.rpartition("/")[2] == marker), ""
    )
    named = {entry.filename.removeprefix(folder): entry for entry in entries}
    files = Files(str(path), frozenset(named), lambda name: archive.read(named[name]))
    if len(named) != len(entries):
        raise files.damaged("a file is in it twice")
    if sum(entry.file_size for entry in entries) > MOST_GROWTH * path.stat().st_size + ALWAYS_FINE_BYTES:
        raise files.damaged(f"it would unpack to more than {MOST_GROWTH} times its size")
    return files


def write_zip(folder: Path, path: Path) -> Path:
    """Put the files of a folder into one zip.

    Parameters
    ----------
    folder : Path
        Holds files only.
    path : Path
        The zip.

    Returns
    -------
    Path
        The zip.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path
