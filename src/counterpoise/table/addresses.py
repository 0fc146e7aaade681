"""Files elsewhere: any address that fsspec understands (s3://, gs://, abfs://, https://, memory://, ...).

A file is brought to this machine when it is first opened, one at a time, so that a folder of any size passes through
a disk of the size of its largest file.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from counterpoise.errors import MissingExtra, TableError

__all__ = ["is_address", "listed", "opened"]

_HERE = tempfile.TemporaryDirectory(prefix="counterpoise-", ignore_cleanup_errors=True)
_BROUGHT: dict[str, Path] = {}


def is_address(name: str) -> bool:
    """Say whether a name is an address, not a path.

    Parameters
    ----------
    name : str
        What was given.

    Returns
    -------
    bool
        True with a scheme, such as ``s3://``.
    """
    return "://" in name


def listed(address: str) -> list[str]:
    """Find the files that an address, a pattern or a folder at an address names.

    Parameters
    ----------
    address : str
        With its scheme.

    Returns
    -------
    list of str
        Addresses of files, sorted.

    Raises
    ------
    MissingExtra
        If fsspec, or the library for this kind of address, is not installed.
    TableError
        If the address cannot be reached or names nothing.
    """
    system, path = _system(address)
    with _explained(address):
        if any(mark in path for mark in "*?["):
            found = sorted(system.glob(path))
        elif system.isdir(path):
            found = sorted(system.find(path))
        else:
            found = [path] if system.exists(path) else []
    if not found:
        raise TableError(
            f"There is nothing at {address!r}.",
            expected="Expected a file, a folder or a pattern that matches files.",
            why="There is nothing to read.",
            hint="Check the address, and that you may list it.",
        )
    return [str(system.unstrip_protocol(each)) for each in found]


def opened(name: str) -> Path:
    """Give a path on this machine for a file, bringing it here where it is elsewhere.

    Parameters
    ----------
    name : str
        A path or an address.

    Returns
    -------
    Path
        What is brought stays until another file is.

    Raises
    ------
    TableError
        If it cannot be brought.
    """
    if not is_address(name):
        return Path(name)
    if name not in _BROUGHT:
        _BROUGHT.clear()
        folder = Path(_HERE.name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        system, path = _system(name)
        with _explained(name):
            system.get_file(path, str(folder / Path(path).name))
        _BROUGHT[name] = folder / Path(path).name
    return _BROUGHT[name]


def _system(address: str) -> tuple[Any, str]:
    if find_spec("fsspec") is None:
        raise MissingExtra.of("fsspec", "dask")
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(
            f"The address {address!r} needs a library that is not installed.",
            expected=str(error),
            why="Each kind of storage has its own.",
            hint="Install it, or copy the files here.",
        ) from error
    except Exception as error:
        raise _unreachable(address, error) from error
    return system, path


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turn what storage says into one message; each library has exceptions of its own for rights and networks."""
    try:
        yield
    except Exception as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> TableError:
    return TableError(
        f"{address!r} cannot be reached ({str(error) or type(error).__name__}).",
        expected="Expected an address that can be read from here.",
        why="The rows are there.",
        hint="Check scheme and name, and that credentials for it are set as its library wants them.",
    )
