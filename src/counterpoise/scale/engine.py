"""Where work runs: one small protocol, and the engine for this machine.

An engine takes jobs (a function by its address and its arguments) and gives back what they returned, how long they
took and how much memory they needed. It knows nothing of learning, and learning knows nothing of it.

`LocalEngine` keeps a few worker processes warm. A worker imports the libraries once and then forks a child for each
job: a child starts in milliseconds with everything imported, its peak memory is the operating system's own account
of it, and whatever kills it kills nothing else. The caller's script is not imported again, so it needs no
``if __name__ == "__main__"`` guard.
"""

from __future__ import annotations

import importlib
import os
import pickle
import selectors
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import cloudpickle

from counterpoise.errors import CounterpoiseError
from counterpoise.scale.wire import receive, send

__all__ = ["Done", "Engine", "InlineEngine", "Job", "LocalEngine", "WorkLost", "n_cores"]


class WorkLost(CounterpoiseError, RuntimeError):  # noqa: N818 - says what happened
    """A job's process ended without an answer, for example for want of memory."""


@dataclass(frozen=True)
class Job:
    """A function to call somewhere.

    Attributes
    ----------
    key : hashable
        Names the job in its answer.
    function : str
        ``"package.module:function"``.
    arguments : mapping
        Keyword arguments; whatever cloudpickle can carry.
    files : tuple of str
        Names of arguments that are paths of files of this machine, which the function reads. An engine whose workers
        cannot see them brings them there; None as a path stays None.
    """

    key: Hashable
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """The answer to a job.

    Attributes
    ----------
    key : hashable
        The job's key.
    value : object
        What the function returned; None where it failed.
    error : Exception or None
        What it raised; `WorkLost` where its process died.
    seconds : float
        Time it ran.
    peak_bytes : int
        Memory it took beyond what its process started with; 0 where the system does not say.
    """

    key: Hashable
    value: Any
    error: Exception | None
    seconds: float
    peak_bytes: int


class Engine(Protocol):
    """What every engine can do."""

    n_workers: int

    def __enter__(self) -> Self:
        """Give the engine itself."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...

    def start(self) -> None:
        """Get ready while the caller does something else."""
        ...

    def submit(self, job: Job) -> None:
        """Queue a job.

        Parameters
        ----------
        job : Job
            What to call.
        """
        ...

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait for at least one answer; give an empty list where nothing is under way.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.
        """
        ...

    def pending(self) -> int:
        """Count the jobs that have been submitted and not answered."""
        ...

    def cancel(self) -> None:
        """End what runs and forget what waits."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


def n_cores() -> int:
    """Count the processors this process may use.

    Returns
    -------
    int
        At least 1.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


class InlineEngine:
    """Run jobs in this process, one after the other: for small work, debuggers and tests.

    Nothing is isolated: memory is not known, and what kills a job kills the caller.
    """

    n_workers = 1

    def __init__(self) -> None:
        self._queue: deque[Job] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Do nothing: there is nothing to start."""

    def submit(self, job: Job) -> None:
        """Queue a job.

        Parameters
        ----------
        job : Job
            What to call.
        """
        self._queue.append(job)

    def pending(self) -> int:
        """Count the jobs that have no answer yet.

        Returns
        -------
        int
            Queued ones.
        """
        return len(self._queue)

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Run the next job.

        Parameters
        ----------
        timeout : float, optional
            Not used: a job cannot be left half-way.

        Returns
        -------
        list of Done
            One, or none where nothing is pending.
        """
        if not self._queue:
            return []
        job = self._queue.popleft()
        started = time.monotonic()
        value, error = call(job.function, job.arguments)
        return [Done(job.key, value, error, time.monotonic() - started, 0)]

    def cancel(self) -> None:
        """Forget what waits."""
        self._queue.clear()

    def close(self) -> None:
        """Forget what waits."""
        self._queue.clear()


def call(function: str, arguments: Mapping[str, Any]) -> tuple[Any, Exception | None]:
    """Call a function by its address.

    Parameters
    ----------
    function : str
        ``"package.module:function"``.
    arguments : mapping
        Keyword arguments.

    Returns
    -------
    value : object
        What it returned; None where it failed.
    error : Exception or None
        What it raised: the answer of the job, for whoever asked to raise.
    """
    module, _, name = function.partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(importlib.import_module(module), name)(**arguments), None
        except Exception as error:  # noqa: BLE001 - not carried on with: it is the answer
            return None, error


class LocalEngine:
    """Run jobs in child processes of this machine.

    Parameters
    ----------
    n_workers : int, optional
        Jobs at the same time; by default one for each processor.
    n_threads : int, default=1
        Threads each job may use.
    preload : tuple of str, default=()
        Modules that each worker imports once, before it forks.
    retries : int, default=0
        How often work whose process died is done again before it is reported lost.

    Examples
    --------
    >>> with LocalEngine(1) as engine:
    ...     engine.submit(Job("a", "math:sqrt", {}))
    ...     [done] = engine.wait()
    >>> type(done.error).__name__
    'TypeError'
    """

    def __init__(
        self,
        n_workers: int | None = None,
        *,
        n_threads: int = 1,
        preload: tuple[str, ...] = (),
        retries: int = 0,
    ) -> None:
        self.n_workers = n_workers or n_cores()
        self.n_threads, self.preload, self.retries = n_threads, preload, retries
        self._losses: Counter[Hashable] = Counter()
        self._queue: deque[Job] = deque()
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the workers now, so that they import while the caller does something else."""
        while len(self._workers) < self.n_workers:
            self._add_worker()

    def submit(self, job: Job) -> None:
        """Queue a job.

        Parameters
        ----------
        job : Job
            What to call.
        """
        self._queue.append(job)
        self._feed()

    def pending(self) -> int:
        """Count the jobs that have no answer yet.

        Returns
        -------
        int
            Queued and running ones.
        """
        return len(self._queue) + sum(worker.job is not None for worker in self._workers)

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait for answers.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        list of Done
            At least one, unless the time ran out or nothing is pending.
        """
        if not self.pending():
            return []
        answers: list[Done] = []
        while not answers and self.pending():
            ready = self._selector.select(timeout)
            answers = [done for key, _ in ready if (done := self._answer(key.data)) is not None]
            self._feed()
            if not ready:
                break
        return answers

    def cancel(self) -> None:
        """End what runs and forget what waits."""
        self._queue.clear()
        self._losses.clear()
        for worker in [worker for worker in self._workers if worker.job is not None]:
            self._remove(worker)

    def close(self) -> None:
        """End all workers."""
        self._queue.clear()
        for worker in list(self._workers):
            self._remove(worker)
        self._selector.close()

    # --- workers ---------------------------------------------------------------------------------------------

    def _feed(self) -> None:
        for worker in self._workers:
            if self._queue and worker.job is None:
                worker.give(self._queue.popleft())
        while self._queue and len(self._workers) < self.n_workers:
            self._add_worker().give(self._queue.popleft())

    def _add_worker(self) -> _Worker:
        worker = _Worker(self.n_threads, self.preload)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)
        return worker

    def _remove(self, worker: _Worker) -> None:
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        worker.end()

    def _answer(self, worker: _Worker) -> Done | None:
        job = worker.job
        try:
            done = receive(worker.answers)
        except EOFError:
            self._remove(worker)
            return None if job is None else self._again_or(job, lost(job, "its worker ended"))
        worker.job = None
        if job is None or done is None:
            return None
        return self._again_or(job, _unpacked(job, done))

    def _again_or(self, job: Job, done: Done) -> Done | None:
        """Queue lost work again, first in the row, as often as it may be; give any other answer."""
        if not isinstance(done.error, WorkLost) or self._losses[job.key] >= self.retries:
            return done
        self._losses[job.key] += 1
        self._queue.appendleft(job)
        return None


class _Worker:
    """One worker process and the job it has."""

    def __init__(self, n_threads: int, preload: tuple[str, ...]) -> None:
        threads = {name: str(n_threads) for name in _THREAD_VARIABLES}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "counterpoise.scale.worker", *preload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            start_new_session=True,  # Ctrl-C in the terminal is for the caller to handle
        )
        assert self.process.stdin is not None  # both are pipes
        assert self.process.stdout is not None
        self.orders, self.answers = self.process.stdin, self.process.stdout
        self.job: Job | None = None
        self.started = 0.0

    def give(self, job: Job) -> None:
        self.job, self.started = job, time.monotonic()
        try:
            send(self.orders, cloudpickle.dumps((job.function, dict(job.arguments))))
        except BrokenPipeError:
            return  # the worker is gone; its answers end, and the job is reported lost

    def end(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()
        self.process.wait()
        self.answers.close()
        try:
            self.orders.close()
        except BrokenPipeError:
            return


_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
)


def _unpacked(job: Job, answer: dict[str, Any]) -> Done:
    if answer["lost"]:
        return lost(job, answer["lost"], answer["seconds"], answer["peak_bytes"])
    value, error = pickle.loads(answer["body"])  # noqa: S301 - our own child's answer, over a pipe
    return Done(job.key, value, error, answer["seconds"], answer["peak_bytes"])


def lost(job: Job, how: str, seconds: float = 0.0, peak_bytes: int = 0) -> Done:
    """Say that a job has no answer.

    Parameters
    ----------
    job : Job
        Which one.
    how : str
        What happened, as the end of a sentence.
    seconds : float, default=0.0
        Time it ran.
    peak_bytes : int, default=0
        Memory it took.

    Returns
    -------
    Done
        With a `WorkLost`.
    """
    error = WorkLost(
        f"The work {job.key!r} was lost: {how}.",
        expected="Expected an answer.",
        why="Without it this part is not known.",
        hint="If memory ran out, use fewer workers or fewer rows.",
    )
    return Done(job.key, None, error, seconds, peak_bytes)
