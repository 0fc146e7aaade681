"""A worker process of `LocalEngine`: imports once, then forks a child for each job. Not for use by hand."""

from __future__ import annotations

import importlib
import os
import pickle
import signal
import sys
import time
from typing import Any, BinaryIO

import cloudpickle

from counterpoise.scale.engine import call
from counterpoise.scale.wire import receive, send

__all__ = ["main"]


def main(preload: list[str]) -> None:
    """Answer jobs until the orders end.

    Parameters
    ----------
    preload : list of str
        Modules to import first.
    """
    _die_with_parent()
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a job prints goes to standard error, never between the answers
    for module in preload:
        importlib.import_module(module)
    while True:
        try:
            function, arguments = receive(orders)
        except EOFError:
            return
        answer = _in_child(function, arguments) if hasattr(os, "fork") else _here(function, arguments)
        send(answers, pickle.dumps(answer))


def _in_child(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    readable, writable = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_child(readable, writable, function, arguments)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        at_start = int.from_bytes(pipe.read(8), "little")
        body = pipe.read()
    _, status, usage = os.wait4(child, 0)
    peak = max(0, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) - at_start)
    return {
        "body": body,
        "lost": _how_lost(status),
        "seconds": time.monotonic() - started,
        "peak_bytes": peak,
    }


def _be_the_child(readable: int, writable: int, function: str, arguments: dict[str, Any]) -> None:
    _die_with_parent()
    os.close(readable)
    code = 1
    try:
        with os.fdopen(writable, "wb") as pipe:
            pipe.write(_resident_bytes().to_bytes(8, "little"))
            _write(pipe, call(function, arguments))
        code = 0
    finally:
        os._exit(code)  # no clean-up of what belongs to the parent


def _write(pipe: BinaryIO, result: tuple[Any, Exception | None]) -> None:
    try:
        body = cloudpickle.dumps(result)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        body = cloudpickle.dumps((None, RuntimeError(f"the result cannot be sent back: {error}")))
    pipe.write(body)


def _here(function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    body = cloudpickle.dumps(call(function, arguments))
    return {"body": body, "lost": "", "seconds": time.monotonic() - started, "peak_bytes": 0}


def _how_lost(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"its process ended with status {os.WEXITSTATUS(status)}" if os.WEXITSTATUS(status) else ""


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no path, a kernel's page
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _die_with_parent() -> None:
    """Ask Linux to end this process when its parent ends, however that happens."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
