"""The endpoint beside `mlflow models serve`: one model, one machine, a bounded load over loopback.

The peer serves the same model, exported as an MLflow model. Name the interpreter of an environment with MLflow and
counterpoise in COUNTERPOISE_MLFLOW_PYTHON; without it the peer runs in this one (mlflow-skinny is enough). Ours writes
every answer to its store before it leaves; the peer keeps nothing. Both look boosted trees up in tables: ours for any
number of rows, the peer, which runs the bundle as `Model.decide` does, for ten thousand and more.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

import counterpoise as cp
from counterpoise.bundle import Model, Schema
from counterpoise.datasets import card_payments
from counterpoise.decide import ThresholdCurve
from counterpoise.learn import BoostingClassifier, LogisticClassifier

VARIABLE = "COUNTERPOISE_MLFLOW_PYTHON"
SINGLES, BATCHES, BATCH_ROWS = 400, 8, 10_000
CLIENTS = 16
TARGET_LATENCY, TARGET_ROWS = 1 / 3, 5.0
KILLS = 10


def trained(kind: str, n_rows: int) -> tuple[Model, Any]:
    """Train a model on card payments, and give rows to ask with."""
    table = cp.read(
        card_payments(n_rows, random_state=0), target="is_fraud", time="at", group="card", id="tx_id"
    )
    learner = {"logistic": LogisticClassifier(), "boosting": BoostingClassifier(random_state=0)}[kind]
    fitted = learner.fit(table.X, table.y)
    proba = fitted.predict_proba(table.X)[:, 1]
    point = ThresholdCurve.from_scores(table.y, proba).best("f1")
    return Model(fitted, table.labels, Schema.of(table), point, base_rate=float(table.y.mean())), table.X


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block."""
    with (folder / f"{port}.log").open("wb") as log:
        path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # MLflow starts uvicorn by name
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PATH": path},
        )
    try:
        until = time.monotonic() + 120
        while not answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / f"{port}.log").read_text()[-2000:])
            time.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    """Say whether a server answers."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ours(model: Path, port: int, folder: Path) -> list[str]:
    """Give the command that serves with counterpoise."""
    command = Path(sys.executable).with_name("counterpoise")
    store = f"sqlite:///{folder}/store.db"
    return [str(command), "serve", str(model), "--port", str(port), "--store", store]


def theirs(model: Path, port: int) -> list[str]:
    """Give the command that serves with MLflow."""
    python = os.environ.get(VARIABLE, sys.executable)
    return [
        python,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        str(model),
        "-p",
        str(port),
        "--env-manager",
        "local",
    ]


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, body: bytes, media: str = "application/json") -> bytes:
        """Ask for predictions; anything but 200 is an error."""
        self._connection.request("POST", "/invocations", body, {"Content-Type": media})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:300]!r}")
        return content


def seconds_each(action: Callable[[], object], n: int) -> np.ndarray:
    """Time an action, after a few that are not counted."""
    for _ in range(min(20, n)):
        action()
    taken = []
    for _ in range(n):
        begun = time.perf_counter()
        action()
        taken.append(time.perf_counter() - begun)
    return np.array(taken)


def measured(port: int, one: bytes, many: bytes, table: bytes) -> dict[str, float]:
    """Measure one server."""
    client = Client(port)
    single = seconds_each(lambda: client.ask(one), SINGLES)
    batch = seconds_each(lambda: client.ask(many), BATCHES)
    csv = seconds_each(lambda: client.ask(table, "text/csv"), BATCHES)
    return {
        "p50": float(np.quantile(single, 0.5)),
        "p99": float(np.quantile(single, 0.99)),
        "batch, JSON": statistics.median(batch.tolist()),
        "batch, CSV": statistics.median(csv.tolist()),
    }


def bodies(frame: Any) -> tuple[bytes, bytes]:
    """Write one row and a batch as both servers take them."""
    plain = frame.head(BATCH_ROWS)
    rows = json.loads(plain.write_json())
    names = list(rows[0])

    def split(some: list[dict[str, Any]]) -> bytes:
        return json.dumps(
            {"dataframe_split": {"columns": names, "data": [list(r.values()) for r in some]}}
        ).encode()

    return split(rows[:1]), split(rows)


def beside_mlflow(kind: str, folder: Path) -> list[dict[str, Any]]:
    """Measure both servers in turn."""
    from counterpoise.bundle.mlflow_model import export_mlflow

    model, frame = trained(kind, 40_000)
    bundle, peer = model.save(folder / "model"), folder / "mlflow"
    export_mlflow(model, peer)
    one, many = bodies(frame)
    found = {}
    for name, command in (("ours", ours), ("peer", theirs)):
        port = free_port()
        words = ours(bundle, port, folder) if command is ours else theirs(peer, port)
        with running(words, port, folder):
            found[name] = measured(port, one, many, frame.head(BATCH_ROWS).write_csv().encode())
    return [row(kind, what, found["ours"][what], found["peer"][what]) for what in found["ours"]]


def row(kind: str, what: str, mine: float, other: float) -> dict[str, Any]:
    """Say how the two compare."""
    is_batch = what.startswith("batch")
    ratio = other / mine if is_batch else mine / other
    return {
        "name": f"{kind}, {f'{BATCH_ROWS:,} rows, {what[-4:].strip()} (rows/s)' if is_batch else f'one row, {what}'}",
        "ours_seconds": round(mine, 5),
        "peer_seconds": round(other, 5),
        "ratio": round(ratio, 3),
        "target": f">= {TARGET_ROWS:g}" if is_batch else "<= 0.333",
        "met": ratio >= TARGET_ROWS if is_batch else ratio <= TARGET_LATENCY,
    }


def under_load(folder: Path, seconds: float) -> dict[str, Any]:
    """Ask with 16 clients at once, and count errors."""
    model, frame = trained("logistic", 20_000)
    one, _ = bodies(frame.head(1))
    port, errors, taken = free_port(), [0], list[float]()
    with running(ours(model.save(folder / "load"), port, folder), port, folder):
        until = time.monotonic() + seconds

        def ask() -> None:
            client = Client(port)
            while time.monotonic() < until:
                begun = time.perf_counter()
                try:
                    client.ask(one)
                except (RuntimeError, OSError, http.client.HTTPException):
                    errors[0] += 1
                    client = Client(port)
                taken.append(time.perf_counter() - begun)

        in_threads(ask)
    return {
        "name": f"{CLIENTS} clients for {seconds:g} s: errors",
        "ours_seconds": round(float(np.quantile(taken, 0.5)), 5),
        "p99_seconds": round(float(np.quantile(taken, 0.99)), 5),
        "requests_per_second": round(len(taken) / seconds),
        "ratio": errors[0],
        "target": "0",
        "met": errors[0] == 0,
    }


def killed(folder: Path, times: int) -> dict[str, Any]:
    """Kill the server under load, again and again; what it answered must be in the store."""
    from counterpoise.serve import Store, ledger

    model, frame = trained("logistic", 20_000)
    one, _ = bodies(frame.head(1))
    bundle, acknowledged = model.save(folder / "killed"), list[str]()
    for _ in range(times):
        port = free_port()
        with running(ours(bundle, port, folder), port, folder) as process:
            threading.Timer(1.0, lambda process=process: os.killpg(process.pid, signal.SIGKILL)).start()

            def ask(port: int = port) -> None:
                try:
                    client = Client(port)
                    while True:
                        acknowledged.extend(p["id"] for p in json.loads(client.ask(one))["predictions"])
                except (OSError, http.client.HTTPException):
                    return

            in_threads(ask)
    store = Store(f"sqlite:///{folder}/store.db")
    with store.reading() as connection:
        kept = set(ledger.predictions(ledger.requests(connection, 1))["prediction"])
    store.close()
    lost = len(set(acknowledged) - kept)
    return {
        "name": f"killed {times} times under load: {len(acknowledged)} answers, lost",
        "ratio": lost,
        "target": "0",
        "met": lost == 0,
    }


def in_threads(action: Callable[[], None]) -> None:
    """Run an action by all clients, and wait for them."""
    threads = [threading.Thread(target=action) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(seconds: float = 60.0, kills: int = KILLS) -> list[dict[str, Any]]:
    """Measure everything, each in a folder of its own."""
    rows: list[dict[str, Any]] = []
    for kind in ("logistic", "boosting"):
        with tempfile.TemporaryDirectory() as folder:
            rows += beside_mlflow(kind, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        rows.append(under_load(Path(folder), seconds))
    with tempfile.TemporaryDirectory() as folder:
        rows.append(killed(Path(folder), kills))
    return rows


if __name__ == "__main__":
    for each in main():
        print(each)
