"""Messages over a pipe: a length of eight bytes, then a pickled body. Only between a process and its own children."""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO, Protocol

__all__ = ["receive", "send"]

_LENGTH = struct.Struct("<Q")


class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


def send(pipe: _Writable, body: bytes) -> None:
    """Write one message.

    Parameters
    ----------
    pipe : binary file
        Where to.
    body : bytes
        A pickle.
    """
    pipe.write(_LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: BinaryIO | Any) -> Any:
    """Read one message.

    Parameters
    ----------
    pipe : binary file
        Where from.

    Returns
    -------
    object
        What was sent.

    Raises
    ------
    EOFError
        If the other end is gone.
    """
    header = _exactly(pipe, _LENGTH.size)
    (length,) = _LENGTH.unpack(header)
    return pickle.loads(_exactly(pipe, length))  # noqa: S301 - from our own parent or child


def _exactly(pipe: BinaryIO, n: int) -> bytes:
    parts: list[bytes] = []
    while n:
        part = pipe.read(n)
        if not part:
            raise EOFError
        parts.append(part)
        n -= len(part)
    return b"".join(parts)
