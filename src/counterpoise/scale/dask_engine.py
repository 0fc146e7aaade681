"""The engine for many machines: jobs on a Dask cluster, or on one of this machine.

A Dask worker does not run a job in its own threads: it hands it to a warm process of `LocalEngine`, so that a job is
isolated, measured and computed in exactly the same way as on one machine. Work of a worker that is lost is done again
by another (Rocklin, "Dask: parallel computation with blocked algorithms and task scheduling", SciPy 2015).
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Hashable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from counterpoise.errors import MissingExtra, OptionError
from counterpoise.scale.engine import Done, Job, LocalEngine, lost, n_cores

__all__ = ["DaskEngine"]

_CONNECT_SECONDS = 15.0
_MOST_LOSSES = 5
"""Workers that a job may lose before it is given up: beyond that the job itself is what kills them."""


class DaskEngine:
    """Run jobs on a Dask cluster.

    Parameters
    ----------
    address : str, optional
        Of a running scheduler, such as ``"tcp://10.0.0.5:8786"``; by default a cluster of this machine is started,
        and ended by `close`.
    n_workers : int, optional
        Workers of the cluster that is started; by default one for each processor. A running cluster keeps its own.
    preload : tuple of str, default=()
        Modules that each worker imports once.

    Raises
    ------
    MissingExtra
        If Dask is not installed.
    OptionError
        If the scheduler cannot be reached, has no workers, or has workers without this version of counterpoise.
    """

    def __init__(
        self, address: str | None = None, n_workers: int | None = None, *, preload: tuple[str, ...] = ()
    ) -> None:
        if find_spec("distributed") is None:
            raise MissingExtra.of("dask", "dask")
        self.address, self.preload = address, preload
        self.n_workers = n_workers or n_cores()
        self._cluster: Any = None
        self._client: Any = None
        self._futures: dict[Any, Job] = {}
        self._finished: SimpleQueue[Any] = SimpleQueue()
        self._brought: dict[str, Any] = {}
        self._had: dict[Hashable, list[Any]] = {}
        self._losses: Counter[Hashable] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Connect, or start the cluster of this machine."""
        if self._client is not None:
            return
        if self.address is None:
            self._start_here()
        else:
            self._client = _connected(self.address)
            self.n_workers = _n_threads(self._client, self.address)

    @property
    def client(self) -> Any:
        """Dask's own client of the cluster, for libraries that ask for one."""
        self.start()
        return self._client

    def _start_here(self) -> None:
        import dask
        from distributed import Client
        from distributed.deploy.subprocess import SubprocessCluster

        with dask.config.set({"distributed.scheduler.allowed-failures": _MOST_LOSSES}):
            self._cluster = SubprocessCluster(
                n_workers=self.n_workers,
                threads_per_worker=1,
                dashboard_address=None,
                worker_kwargs={"memory_limit": 0, "dashboard": False},
            )
        self._client = Client(self._cluster)
        self._client.wait_for_workers(1)

    def submit(self, job: Job) -> None:
        """Queue a job.

        Parameters
        ----------
        job : Job
            What to call.
        """
        self.start()
        brought = self._bring(job) if self.address is not None else {}
        self._had[job.key] = list(brought.values())
        future = self._client.submit(
            answer,
            job.key,
            job.function,
            dict(job.arguments),
            brought,
            self.preload,
            pure=False,
            retries=0,
        )
        self._futures[future] = job
        future.add_done_callback(self._finished.put)

    def _bring(self, job: Job) -> dict[str, Any]:
        """Put the files that a job reads onto the cluster, each once."""
        paths = {name: job.arguments[name] for name in job.files if job.arguments[name] is not None}
        for path in paths.values():
            if path not in self._brought:
                content = Path(path).read_bytes()
                self._brought[path] = self._client.scatter(content, broadcast=True, hash=False)
        return {name: self._brought[path] for name, path in paths.items()}

    def pending(self) -> int:
        """Count the jobs that have no answer yet.

        Returns
        -------
        int
            Queued and running ones.
        """
        return len(self._futures)

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait for an answer.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        list of Done
            One, unless the time ran out or nothing is pending.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        while self._futures:
            try:
                left = None if ends is None else max(0.0, ends - time.monotonic())
                future = self._finished.get(timeout=left)
            except Empty:
                return []
            job = self._futures.pop(future, None)
            if job is None:  # it was cancelled
                continue
            if not future.cancelled() or self._losses[job.key] >= _MOST_LOSSES:
                return [_done(job, future)]
            self._losses[job.key] += 1
            self._again(job)
        return []

    def _again(self, job: Job) -> None:
        """Queue a job that the scheduler forgot: a lost worker held, alone, a file that was brought for it."""
        had = self._had[job.key]
        self._brought = {path: held for path, held in self._brought.items() if held not in had}
        self.submit(job)

    def cancel(self) -> None:
        """End what runs and forget what waits."""
        if self._futures:
            self._client.cancel(list(self._futures), force=True)
        self._futures.clear()

    def close(self) -> None:
        """Leave the cluster; end it where it was started here."""
        self.cancel()
        self._brought.clear()
        if self._client is not None:
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._client = self._cluster = None


def _connected(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise OptionError(
            f"No Dask scheduler answers at {address}.",
            expected=f"Expected one within {_CONNECT_SECONDS:g} seconds.",
            why="Its workers are to do the work.",
            hint="Start it (dask scheduler), check host, port and firewall, or use --engine local.",
        ) from error


def _n_threads(client: Any, address: str) -> int:
    """Count what the workers can do at the same time, and refuse workers that would not do the same work."""
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError as error:
        client.close()
        raise OptionError(
            f"The Dask scheduler at {address} has no workers.",
            expected=f"Expected at least one within {_CONNECT_SECONDS:g} seconds.",
            why="They are to do the work.",
            hint=f"Start some: dask worker {address}",
        ) from error
    found = client.run(_version_here)
    others = sorted({str(each) for each in found.values() if each != version("counterpoise")})
    if others:
        client.close()
        raise OptionError(
            f"Workers at {address} have counterpoise {', '.join(others)}.",
            expected=f"Expected {version('counterpoise')}, as here, on every worker.",
            why="Another version would give other results.",
            hint="Install the same version on the workers.",
        )
    return sum(client.nthreads().values())


def _version_here() -> str:
    return version("counterpoise")


def _done(job: Job, future: Any) -> Done:
    from distributed import CancelledError, KilledWorker

    try:
        done: Done = future.result()
    except (KilledWorker, CancelledError) as error:
        return lost(job, f"the cluster gave it up ({error})")
    return done


# --- on a worker -----------------------------------------------------------------------------------------------

_OF_THREAD = threading.local()


def answer(
    key: Hashable,
    function: str,
    arguments: Mapping[str, Any],
    files: Mapping[str, bytes],
    preload: tuple[str, ...],
) -> Done:
    """Answer a job on a worker, in the process that this thread of the worker keeps warm.

    Parameters
    ----------
    key : hashable
        Names the job.
    function : str
        ``"package.module:function"``.
    arguments : mapping
        Keyword arguments.
    files : mapping of str to bytes
        Content of the files that are brought along, by the argument that names them.
    preload : tuple of str
        Modules that the process imports first.

    Returns
    -------
    Done
        With what it returned or raised.
    """
    places = {name: str(_placed(content)) for name, content in files.items()}
    engine = _engine_of_thread(preload)
    engine.submit(Job(key, function, {**arguments, **places}))
    [done] = engine.wait()
    return done


def _engine_of_thread(preload: tuple[str, ...]) -> LocalEngine:
    engines: dict[tuple[str, ...], LocalEngine] = _OF_THREAD.__dict__.setdefault("engines", {})
    if preload not in engines:
        engines[preload] = LocalEngine(1, preload=preload, retries=1)
    return engines[preload]


def _placed(content: bytes) -> Path:
    """Write a file once on this machine, under the name of its content."""
    folder = Path(tempfile.gettempdir()) / "counterpoise-brought"
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / hashlib.blake2b(content, digest_size=16).hexdigest()
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as partial:
            partial.write(content)
        Path(partial.name).replace(path)
    return path
