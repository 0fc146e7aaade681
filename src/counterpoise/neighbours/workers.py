"""Work split over threads, with the same answer whatever their number.

NumPy lets go of the interpreter inside its loops and products, so plain threads suffice. While they run, each keeps
the linear algebra library to itself on one thread: two pools on the same cores only wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["WORKING_MEMORY", "each", "n_workers", "runs_of"]

WORKING_MEMORY = 256 * 2**20
"""Default budget of scratch memory, bytes: the whole library's 256 MB."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


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


def each(task: Callable[[Item], Answer], items: Iterable[Item], n_jobs: int | None = None) -> list[Answer]:
    """Apply a task to every item, on threads, answers in order.

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
    with _controller().limit(limits=1, user_api="blas"):
        if threads <= 1:
            return [task(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(task, items))


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
