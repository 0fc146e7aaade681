"""Bring one file here: resumed where it was cut short, whole or not at all, and never an unverified one.

A download grows beside its place as ``<file>.part`` and takes the place in one step once its checksum is right. It is
resumed only where the server names the version (an ETag or a date), so that two versions never mix. A file without a
published checksum is recorded in ``<file>.sha256`` when it first arrives, and must stay what it was.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from counterpoise.errors import TableError

__all__ = ["OnBytes", "checksum", "download", "verify"]

OnBytes = Callable[[int, int | None], None]
"""Takes the bytes that are here, and the bytes of the whole file where the server says so."""

_BLOCK = 1 << 18
_ATTEMPTS = 3
_SECONDS = 30.0


class _CutShort(Exception):  # noqa: N818 - leads to another attempt
    """The connection ended before the file did."""


def checksum(path: Path) -> str:
    """Give a file's SHA-256.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path, expected: str | None) -> None:
    """Check a file against the published checksum, or against the one recorded when it first came.

    Parameters
    ----------
    path : Path
        The file.
    expected : str or None
        The published checksum, where there is one.

    Raises
    ------
    TableError
        If it differs.
    """
    found, record = checksum(path), path.with_name(path.name + ".sha256")
    known = expected or (record.read_text(encoding="utf-8").split()[0] if record.exists() else None)
    if known is not None and found != known:
        whose = "the published one" if expected else f"recorded in {record.name} when the file first came"
        raise _wrong_checksum(path, found, known, whose)
    if not record.exists():
        record.write_text(f"{found}  {path.name}\n", encoding="utf-8")


def download(address: str, path: Path, *, expected: str | None, on_bytes: OnBytes) -> None:
    """Bring a file to its place.

    Parameters
    ----------
    address : str
        Where it is.
    path : Path
        Its place; the folder is made.
    expected : str or None
        The published checksum, where there is one.
    on_bytes : callable
        Told how far it is.

    Raises
    ------
    TableError
        If it cannot be reached, ends too early every time, or is not the file that was published. What came so far
        stays for the next call, except where it is known to be wrong.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for attempt in range(_ATTEMPTS):
        try:
            _bring(address, part, on_bytes)
            break
        except urllib.error.HTTPError as error:
            error.close()
            raise _unreachable(address, path, f"the server answers {error.code}") from error
        except _CutShort as error:
            if attempt == _ATTEMPTS - 1:
                raise _unreachable(address, path, str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(address, path, str(error) or type(error).__name__) from error
    _settle(part, path, expected)


def _settle(part: Path, path: Path, expected: str | None) -> None:
    found = checksum(part)
    _version_of(part).unlink(missing_ok=True)
    if expected is not None and found != expected:
        part.unlink()
        raise _wrong_checksum(path, found, expected, "the published one")
    part.replace(path)
    path.with_name(path.name + ".sha256").write_text(f"{found}  {path.name}\n", encoding="utf-8")


def _bring(address: str, part: Path, on_bytes: OnBytes) -> None:
    with urllib.request.urlopen(_request(address, part), timeout=_SECONDS) as answer:
        goes_on = answer.status == 206
        here = part.stat().st_size if goes_on else 0
        left = answer.headers.get("Content-Length")
        total = None if left is None else here + int(left)
        _remember_version(part, answer.headers)
        with part.open("ab" if goes_on else "wb") as file:
            here += _copy(answer, file, lambda done: on_bytes(here + done, total))
    if total is not None and here < total:
        raise _CutShort(f"the connection ended after {here:,} of {total:,} bytes")


def _copy(answer: Any, file: IO[bytes], tell: Callable[[int], None]) -> int:
    done = 0
    try:
        while block := answer.read(_BLOCK):
            file.write(block)
            done += len(block)
            tell(done)
    except http.client.IncompleteRead as error:
        file.write(error.partial)
        done += len(error.partial)
    except (ConnectionResetError, TimeoutError) as error:
        raise _CutShort(f"the connection ended: {error}") from error
    return done


def _request(address: str, part: Path) -> urllib.request.Request:
    headers, version = {"User-Agent": "counterpoise"}, _version_of(part)
    if part.exists() and part.stat().st_size and version.exists():
        headers |= {"Range": f"bytes={part.stat().st_size}-", "If-Range": version.read_text(encoding="utf-8")}
    return urllib.request.Request(address, headers=headers)


def _remember_version(part: Path, headers: Any) -> None:
    version = headers.get("ETag") or headers.get("Last-Modified")
    if version and not version.startswith("W/"):
        _version_of(part).write_text(version, encoding="utf-8")
    else:
        _version_of(part).unlink(missing_ok=True)


def _version_of(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _unreachable(address: str, path: Path, reason: str) -> TableError:
    return TableError(
        f"{address} cannot be fetched: {reason}.",
        expected="Expected the whole file from its public address.",
        why="This machine may have no network, or the file may have moved.",
        hint=f"Try again (what came is kept), or get the file elsewhere and place it by hand at {path}",
    )


def _wrong_checksum(path: Path, found: str, expected: str, whose: str) -> TableError:
    return TableError(
        f"{path.name} has the SHA-256 {found}.",
        expected=f"Expected {expected}, {whose}.",
        why="It is another file, or a damaged one, and figures from it would compare with nothing.",
        hint=f"Delete {path} if it is there, and fetch again; if the source has changed for good, pass "
        "sha256='...' with the new checksum once you trust it.",
    )
