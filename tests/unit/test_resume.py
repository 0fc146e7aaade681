"""A trial that was killed goes on where it was, and ends in the leaderboard of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

OPTIONS = "--folds 3 --repeats 2 --no-nested --seed 3"
FOLDS_AND_REPEATS = 2 * 3 * 2
TIMES = ("fit_seconds", "predict_seconds", "peak_bytes")
"""What may differ between two runs: all that is measured of time and memory."""


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    y = (rng.random(500) < 0.1).astype(int)
    path = tmp_path_factory.mktemp("resume") / "table.parquet"
    pl.DataFrame({"a": rng.normal(size=500) + 1.2 * y, "b": rng.normal(size=500), "y": y}).write_parquet(path)
    return path


def started(table: Path, out: Path) -> subprocess.Popen:
    command = f"compare {table} --target y --treatments none,smote --learners logistic --out {out} {OPTIONS}"
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from counterpoise.cli.main import run; run()",
            *command.split(),
            "--no-nested",
            "--seed",
            "3",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def board(out: Path) -> pl.DataFrame:
    return pl.read_parquet(out / "leaderboard.parquet").drop(TIMES)


def kept(out: Path) -> int:
    return len(list(out.glob("folds/**/*.npz")))


def killed(run: subprocess.Popen) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


@pytest.fixture(scope="module")
def undisturbed(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert started(table, out).wait() == 0
    assert kept(out) == FOLDS_AND_REPEATS
    return board(out)


@pytest.mark.parametrize("n_folds", [1, FOLDS_AND_REPEATS - 2])
def test_killed_after_some_folds_it_ends_in_the_same_leaderboard(table, undisturbed, tmp_path, n_folds):
    run, deadline = started(table, tmp_path), time.monotonic() + 120
    while kept(tmp_path) < n_folds and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    killed(run)
    done = kept(tmp_path)
    assert done >= n_folds
    assert started(table, tmp_path).wait() == 0
    assert board(tmp_path).equals(undisturbed)


def test_nothing_is_left_running(table, tmp_path):
    """Workers end with the process that started them, however that ends."""
    run, deadline = started(table, tmp_path), time.monotonic() + 120
    while not kept(tmp_path) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = [process for process in Path("/proc").glob("[0-9]*") if _parent(process) == run.pid]
    assert workers
    killed(run)
    while any(map(_is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_alive, workers))


def _is_alive(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
