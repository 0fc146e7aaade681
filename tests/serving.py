"""A small model of every kind of column, and servers in a thread or a process, for the tests of the endpoint."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
import uvicorn

import counterpoise as cp
from counterpoise.bundle import Model, Schema
from counterpoise.decide import ThresholdCurve
from counterpoise.learn import LogisticClassifier
from counterpoise.serve import Settings, Store, create_app

FEATURES = ["amount", "channel", "is_new", "hour"]
ROW = {"amount": 12.5, "channel": "web", "is_new": True, "hour": 3}
POSTGRES = max(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name), default=None
)
"""Where Debian keeps the programs of the newest PostgreSQL; they are not on the path."""


def payments(n=600, seed=0, target=True):
    """Payments, a few of them fraud: large ones on the web."""
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(3, 1, n).round(2)
    channel = rng.choice(["web", "shop", "phone"], n)
    is_new = rng.random(n) < 0.2
    y = (np.log(amount) + (channel == "web") + is_new + rng.normal(0, 0.7, n) > 5.6).astype(int)
    frame = pl.DataFrame(
        {
            "tx": [f"t{k}" for k in range(n)],
            "amount": [None if k % 50 == 7 else a for k, a in enumerate(amount.tolist())],
            "channel": channel,
            "is_new": is_new,
            "hour": rng.integers(0, 24, n),
            "fraud": y,
        }
    )
    return frame if target else frame.drop("fraud")


def model(seed=0, goal="f1"):
    """A model of those payments."""
    table = cp.read(payments(seed=seed), target="fraud", id="tx")
    learner = LogisticClassifier().fit(table.X, table.y)
    proba = learner.predict_proba(table.X)[:, 1]
    evidence = pl.DataFrame(
        {
            "key": pl.Series(range(len(proba)), dtype=pl.UInt64),
            "fold": np.zeros(len(proba), dtype=np.int16),
            "probability": proba,
            "outcome": table.y.astype(np.int8),
        }
    )
    return Model(
        learner=learner,
        labels=table.labels,
        schema=Schema.of(table),
        operating_point=ThresholdCurve.from_scores(table.y, proba).best(goal),
        base_rate=float(table.y.mean()),
        evidence=evidence,
        version=f"seed{seed}",
    )


@contextmanager
def in_thread(store: Store, settings: Settings | None = None) -> Iterator[httpx.Client]:
    """Serve a store in this process, and give a client of it."""
    config = uvicorn.Config(create_app(store, settings), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Process:
    """``counterpoise serve`` in a process of its own."""

    def __init__(self, *arguments: str, folder: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"serve-{self.port}.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("counterpoise")),
                    "serve",
                    *arguments,
                    "--port",
                    str(self.port),
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
            )

    def wait(self, seconds: float = 60.0) -> Process:
        """Wait until it answers."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log.read_text()
            try:
                if httpx.get(self.url + "/ping", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"no answer in {seconds} s: {self.log.read_text()}")

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a machine that is out of memory does."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> int:
        """Ask it to stop, and give its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(40)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server of its own in a folder, and give its URL; skip where it is not installed."""
    if POSTGRES is None:
        pytest.skip("PostgreSQL is not installed under /usr/lib/postgresql")
    pytest.importorskip("psycopg")
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    data, port = folder / "pg", free_port()
    data.mkdir()
    if as_user:
        shutil.chown(data, "postgres", "postgres")
        for parent in (data, *data.parents)[: len(data.parts) - 2]:
            parent.chmod(parent.stat().st_mode | 0o011)
    run(*as_user, str(POSTGRES / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync")
    control = [*as_user, str(POSTGRES / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off"
    run(*control, "-o", options, "-l", str(data / "log"), "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run(*control, "-m", "immediate", "stop")


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
