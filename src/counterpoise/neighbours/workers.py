"""Work split over threads, with the same answer whatever their number.

NumPy lets go of the interpreter inside its loops and products, so plain threads suffice. While they run, each keeps
the linear algebra library to itself on one thread: two pools on the same cores only wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = [
    "WORKING_MEMORY",
    "each",
    "heard_by",
    "n_workers",
    "one_thread_products",
    "runs_of",
    "shared",
    "writers",
]

WORKING_MEMORY = 256 * 2**20
"""Default budget of scratch memory, bytes: the whole library's 256 MB."""

_SHARED_WRITE = 16 * 2**20

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_LISTENER: ContextVar[Callable[[int, int], None] | None] = ContextVar("listener", default=None)


def n_workers(n_jobs: int | None) -> int:
    """Say how many threads to use.

    Parameters
    ----------
    n_jobs : int or None
        None or -1 means every core this process may use; -2 all but one, and so on.

    Returns
    -------
    int
        At least 1.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    if n_jobs is None:
        return cores
    return max(1, cores + 1 + n_jobs) if n_jobs < 0 else max(1, int(n_jobs))


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


class _Limit:
    """The process-wide limit: set by the first who asks, lifted by the last who is done."""

    def __init__(self) -> None:
        self._lock, self._holders = Lock(), 0
        self._limiter: Any = None

    def hold(self) -> None:
        with self._lock:
            if not self._holders:
                self._limiter = _controller().limit(limits=1, user_api="blas")
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._limiter.restore_original_limits()


_LIMIT = _Limit()


@contextmanager
def one_thread_products() -> Iterator[None]:
    """Keep the linear algebra library on one thread meanwhile; nested and concurrent holders share one limit.

    Yields
    ------
    None
        Setting and lifting the limit takes about a millisecond: hold it around several calls of `each`.
    """
    _LIMIT.hold()
    try:
        yield
    finally:
        _LIMIT.release()


def each(task: Callable[[Item], Answer], items: Iterable[Item], n_jobs: int | None = None) -> list[Answer]:
    """Apply a task with products to every item, on threads, answers in order.

    Parameters
    ----------
    task : callable
        Pure, or writing to places of its own.
    items : iterable
        What it is applied to.
    n_jobs : int or None
        See `n_workers`.

    Returns
    -------
    list
        ``[task(item) for item in items]``.
    """
    with one_thread_products():
        return shared(task, items, n_jobs)


def shared(task: Callable[[Item], Answer], items: Iterable[Item], n_jobs: int | None = None) -> list[Answer]:
    """Apply a task without products to every item, on threads, answers in order.

    Parameters
    ----------
    task : callable
        Pure, or writing to places of its own.
    items : iterable
        What it is applied to.
    n_jobs : int or None
        See `n_workers`.

    Returns
    -------
    list
        ``[task(item) for item in items]``.
    """
    items = list(items)
    threads = min(n_workers(n_jobs), len(items))
    if threads <= 1:
        return _counted(map(task, items), len(items))
    with ThreadPoolExecutor(threads) as pool:
        return _counted(pool.map(task, items), len(items))


def _counted(answers: Iterable[Answer], n: int) -> list[Answer]:
    """Gather answers as they come, and tell who listens how many there are."""
    listener = _LISTENER.get()
    if listener is None:
        return list(answers)
    out = []
    for done, answer in enumerate(answers, start=1):
        out.append(answer)
        listener(done, n)
    return out


@contextmanager
def heard_by(listener: Callable[[int, int], None]) -> Iterator[None]:
    """Tell a listener how far each pass is, in this thread, meanwhile.

    Parameters
    ----------
    listener : callable
        Takes the parts that are done and all parts of the pass that runs; a search makes several passes.

    Yields
    ------
    None
        While passes are told.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def writers(n_bytes: int) -> int | None:
    """Say how many threads should share the writing of some bytes.

    Parameters
    ----------
    n_bytes : int
        What is written.

    Returns
    -------
    int or None
        As `each` takes it: all cores from 16 MB on, where fresh pages set the time; else one.
    """
    return None if n_bytes >= _SHARED_WRITE else 1


def runs_of(items: np.ndarray, n_jobs: int | None = None) -> list[np.ndarray]:
    """Cut items into a few runs for each thread: enough to even out, few enough to keep scratch memory warm.

    Parameters
    ----------
    items : ndarray of shape (n,)
        What is worked on.
    n_jobs : int or None
        See `n_workers`.

    Returns
    -------
    list of ndarray
        Runs in order; none is empty unless all are.
    """
    n_runs = min(len(items), 8 * n_workers(n_jobs))
    return np.array_split(items, max(1, n_runs))
