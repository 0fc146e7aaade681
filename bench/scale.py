"""Tables that outgrow memory: made, thinned, compared, scored and evaluated, each step in a process of its own.

Run `python -m bench.scale ROWS [ROWS ...] [--memory GB]`, for example ``1e6 5e6 20e6 50e6``. For each size the time
and the peak of the resident memory of each step, with all processes that it starts, are printed beside those of a bare
Polars read of the same files; `docs/scale-growth.svg` shows how they grow.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from counterpoise.evaluate.memory import resident_bytes

DAYS = 730
KEPT = 100_000
"""Rows that a table is thinned to; more where the positives alone are half of them."""

MEMORY_GB = 4.0
SPEED_OF_READING = 0.6
PLOT = Path(__file__).resolve().parents[1] / "docs" / "scale-growth.svg"

BARE = """
import sys, polars as pl
rows = 0
for piece in pl.scan_parquet(sys.argv[1]).collect_batches(chunk_size=200_000, maintain_order=True):
    rows += piece.height
"""
VERB = "import sys; from counterpoise.cli.main import run; run(sys.argv[1:])"
THIN = """
import sys
from counterpoise.scale import thin
from counterpoise.table.chunks import chunks_of
kept = thin(chunks_of(sys.argv[1]), "is_fraud", rows=int(sys.argv[2]), id="tx_id", time="at")
kept.frame.write_parquet(sys.argv[3])
"""


def measured(code: str, *arguments: object) -> tuple[float, float]:
    """Run Python code in a process of its own: seconds, and peak resident bytes with all it starts."""
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while process.poll() is None:
        peak = max(peak, resident_bytes(process.pid))
        time.sleep(0.05)
    assert process.stderr is not None
    if process.returncode:
        raise RuntimeError(process.stderr.read().decode()[-2000:])
    return time.perf_counter() - started, float(peak)


def steps(n_rows: int, folder: Path) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Name the steps for a size, with their code and arguments."""
    table, kept, out = folder / "table", folder / "kept.parquet", folder / "trial"
    rows = max(KEPT, n_rows // 40)
    roles = ("--time", "at", "--group", "card", "--id", "tx_id")
    asked = ("--treatments", "none,class_weight", "--learners", "logistic,boosting", "--folds", "3")
    return [
        ("simulate", VERB, ("simulate", "cards", "--rows", n_rows, "--days", DAYS, "--wide", "--out", table)),
        ("bare read", BARE, (table,)),
        ("thin", THIN, (table, rows, kept)),
        (
            "compare",
            VERB,
            (
                "compare",
                table,
                "--target",
                "is_fraud",
                *roles,
                *asked,
                "--rows",
                rows,
                "--out",
                out,
                "--budget",
                "5m",
            ),
        ),
        ("predict", VERB, ("predict", out / "model", table, "--out", folder / "scores.parquet")),
        ("evaluate", VERB, ("evaluate", out / "model", table, "--target", "is_fraud", "--chunks")),
    ]


def at_size(n_rows: int, memory_gb: float) -> list[dict[str, Any]]:
    """Measure every step at one size."""
    found = []
    with tempfile.TemporaryDirectory(prefix="counterpoise-bench-") as name:
        folder, bare = Path(name), float("nan")
        free = shutil.disk_usage(folder).free
        assert free > 250 * n_rows, f"{n_rows} rows need some {250 * n_rows / 1e9:.0f} GB of disk"
        for step, code, arguments in steps(n_rows, folder):
            seconds, peak = measured(code, *arguments)
            bare = seconds if step == "bare read" else bare
            row = {
                "name": f"{step} {n_rows:,}",
                "step": step,
                "rows": n_rows,
                "ours": round(seconds, 2),
                "peer": round(bare, 2),
                "ratio": round(bare / seconds, 2),
                "gigabytes": round(peak / 1e9, 2),
                "rows_a_second": round(n_rows / seconds),
                "target": f"<= {memory_gb:g} GB"
                + (f", >= {SPEED_OF_READING}x" if step in ("thin", "predict") else ""),
            }
            fast = step not in ("thin", "predict") or row["ratio"] >= SPEED_OF_READING
            row["met"] = bool(peak <= memory_gb * 1e9 and fast)
            print(row, flush=True)
            found.append(row)
    return found


def plot(found: list[dict[str, Any]], path: Path) -> None:
    """Draw how time and memory grow with the rows, both axes logarithmic for time."""
    import altair as alt

    rows = [{k: row[k] for k in ("step", "rows", "ours", "gigabytes")} for row in found]
    base = alt.Chart(alt.Data(values=rows)).mark_line(point=True).properties(width=300, height=240)
    scale = alt.Scale(type="log")
    across = alt.X("rows:Q", scale=scale, title="rows x 30 columns", axis=alt.Axis(format="~s"))
    colour = alt.Color("step:N", title=None)
    seconds = base.encode(across, alt.Y("ours:Q", scale=scale, title="seconds"), colour)
    memory = base.encode(across, alt.Y("gigabytes:Q", title="peak memory, GB"), colour)
    (seconds | memory).save(str(path))


def main(sizes: tuple[int, ...] = (200_000,), memory_gb: float = MEMORY_GB) -> list[dict[str, Any]]:
    """Measure every step at every size, and draw the growth where there are several."""
    found = [row for n_rows in sizes for row in at_size(n_rows, memory_gb)]
    if len(sizes) > 1:
        plot(found, PLOT)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=float, nargs="+")
    parser.add_argument("--memory", type=float, default=MEMORY_GB, help="GB that no step may exceed")
    given = parser.parse_args()
    main(tuple(int(n) for n in given.rows), given.memory)
