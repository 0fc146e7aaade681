"""A trial killed with SIGKILL at random moments, ten times, and resumed: the leaderboard of one that was not killed.

What is measured of time and memory may differ; everything else must be the same.

python -m bench.resume [KILLS]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

OPTIONS = (
    "--treatments none,class_weight,smote --learners logistic,boosting --folds 3 --repeats 2 --no-nested"
)
N_ROWS, N_FEATURES = 8_000, 12
"""So that folds, not imports, are most of the time: a kill finds something to lose."""

MEASURED = ("fit_seconds", "predict_seconds", "peak_bytes")


def started(table: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own."""
    words = f"compare {table} --target y --out {out} --seed 3 {OPTIONS}".split()
    return subprocess.Popen(
        [sys.executable, "-c", "from counterpoise.cli.main import run; run()", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def finished(table: Path, out: Path) -> pl.DataFrame:
    """Run to the end and give the leaderboard without what was measured."""
    if started(table, out).wait() != 0:
        raise RuntimeError(f"compare failed on {table}")
    return pl.read_parquet(out / "leaderboard.parquet").drop(MEASURED)


def main(kills: int = 10) -> list[dict[str, Any]]:
    """Kill and resume, and compare with a run that was left alone."""
    rng = np.random.default_rng()
    y = (rng.random(N_ROWS) < 0.1).astype(int)
    columns = {f"x{j}": rng.normal(size=N_ROWS) + (1.2 if j == 0 else 0.0) * y for j in range(N_FEATURES)}
    frame = pl.DataFrame({**columns, "y": y})
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.parquet"
        frame.write_parquet(table)
        start = time.perf_counter()
        alone = finished(table, Path(folder) / "alone")
        seconds, moments, kept = time.perf_counter() - start, [], []
        for _ in range(kills):
            run, moment = started(table, Path(folder) / "killed"), float(rng.uniform(0.4, 0.95)) * seconds
            time.sleep(moment)
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            moments.append(round(moment, 2))
            kept.append(len(list((Path(folder) / "killed").glob("folds/**/*.npz"))))
        same = finished(table, Path(folder) / "killed").equals(alone)
    row = {
        "name": f"killed {kills} times, then resumed",
        "seconds_undisturbed": round(seconds, 1),
        "killed_after_seconds": str(moments),
        "folds_kept": str(kept),
        "target": "identical leaderboard",
        "met": same,
    }
    print(row, flush=True)
    return [row]


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]))
