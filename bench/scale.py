"""Tables that outgrow memory: made, thinned, compared, scored and evaluated, each step in a process of its own.

`python -m bench.scale 1e6 5e6 20e6 50e6 [--memory GB]` prints for each size the time and the peak memory of each step
beside those of a bare Polars read of the same files, and draws `docs/scale-growth.svg`. The same, kept in
`bench/RESULTS.md`: ``BENCH_SCALE_ROWS="1e6 5e6 20e6 50e6" python -m bench.run scale``.

Seconds leave out the start of the process; that it imports and loads a model counts where it does so on the way, and
is why speed is held against its target from five million rows on. Files are in the cache of the system: they have just
been written. Memory is the resident set: the sum
over the process and all that it starts, looked at twenty times a second (pages that several share count for each), or
the peak that the system notes for the process itself, if that is more. Files lie in a temporary folder, which is
removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from counterpoise.evaluate.memory import resident_bytes

DAYS = 730
KEPT, KEPT_SHARE = 100_000, 50
"""Rows that a table is thinned to: so many, or one in 50 where that is more; a little over twice its positives."""

MEMORY_GB = 4.0
SPEED_OF_READING = 0.6
LEAST_ROWS_FOR_SPEED = 5_000_000
DISK_BYTES_A_ROW = 120
PLOT = Path(__file__).resolve().parents[1] / "docs" / "scale-growth.svg"

BARE = """
import sys, time, polars as pl
started, rows = time.perf_counter(), 0
for piece in pl.scan_parquet(sys.argv[1]).collect_batches(chunk_size=200_000, maintain_order=True):
    rows += piece.height
print(time.perf_counter() - started)
"""
VERB = """
import sys, time
from counterpoise.cli.main import run
started = time.perf_counter()
try:
    run(sys.argv[1:])
finally:
    print(time.perf_counter() - started)
"""
THIN = """
import sys, time
from counterpoise.scale import thin
from counterpoise.table.chunks import chunks_of
started = time.perf_counter()
kept = thin(chunks_of(sys.argv[1]), "is_fraud", rows=int(sys.argv[2]), id="tx_id", time="at")
print(time.perf_counter() - started)
kept.frame.write_parquet(sys.argv[3])
"""
PREDICT = """
import sys, time
from pathlib import Path
import counterpoise.bundle
from counterpoise.cli.predict import action
started = time.perf_counter()
action(sys.argv[1], [sys.argv[2]], Path(sys.argv[3]))
print(time.perf_counter() - started)
"""
LINEAR = """
import sys, time, counterpoise as cp
kept = cp.read(sys.argv[1], target="is_fraud", time="at", group="card", id="tx_id", weight="thinning_weight")
few = dict(treatments=["none"], learners=["logistic"], folds=2, repeats=1, workers=0)
started = time.perf_counter()
cp.compare(kept, **few).champion.save(sys.argv[2])
print(time.perf_counter() - started)
"""


def measured(code: str, *arguments: object) -> tuple[float, float]:
    """Run Python code in a process of its own: the seconds that it says, and peak resident bytes with all it starts."""
    peak = 0
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)], stdout=said, stderr=errors
        )
        while process.poll() is None:
            time.sleep(0.05)  # at first it is still a copy of this one
            peak = max(peak, resident_bytes(process.pid), noted_peak(process.pid))
        said.seek(0)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(errors.read().decode()[-2000:])
        return float(said.read().split()[-1]), float(peak)


def noted_peak(process: int) -> int:
    """Read the most that a process has ever held at the same time, in bytes, as Linux notes it."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:  # it has just ended
        return 0
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def steps(n_rows: int, folder: Path) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Name the steps for a size, with their code and arguments."""
    table, kept, out, linear = (folder / name for name in ("table", "kept.parquet", "trial", "linear"))
    rows = max(KEPT, n_rows // KEPT_SHARE)
    target = (table, "--target", "is_fraud")
    roles = ("--time", "at", "--group", "card", "--id", "tx_id")
    asked = ("--treatments", "none,class_weight", "--learners", "logistic,boosting", "--folds", "3")
    bounds = ("--repeats", "1", "--budget", "4m", "--rows", rows)
    return [
        ("simulate", VERB, ("simulate", "cards", "--rows", n_rows, "--days", DAYS, "--wide", "--out", table)),
        ("bare read", BARE, (table,)),
        ("thin", THIN, (table, rows, kept)),
        ("compare", VERB, ("compare", *target, *roles, *asked, *bounds, "--out", out)),
        ("predict, champion", PREDICT, (out / "model", table, folder / "scores.parquet")),
        ("evaluate, champion", VERB, ("evaluate", out / "model", *target, "--chunks")),
        ("fit linear", LINEAR, (kept, linear)),
        ("predict, linear", PREDICT, (linear, table, folder / "linear.parquet")),
    ]


SPEEDY = ("thin", "predict, linear")
"""Passes that are to keep up with reading; the trees of a champion cost more than reading ever does."""


def at_size(n_rows: int, memory_gb: float) -> list[dict[str, Any]]:
    """Measure every step at one size."""
    found = []
    with tempfile.TemporaryDirectory(prefix="counterpoise-bench-") as name:
        folder, bare = Path(name), float("nan")
        if shutil.disk_usage(folder).free < DISK_BYTES_A_ROW * n_rows:
            sys.exit(f"{n_rows:,} rows need some {DISK_BYTES_A_ROW * n_rows / 1e9:.0f} GB in {folder}")
        for step, code, arguments in steps(n_rows, folder):
            seconds, peak = measured(code, *arguments)
            bare = seconds if step == "bare read" else bare
            found.append(row_of(step, n_rows, seconds, bare, peak, memory_gb))
            print(found[-1], flush=True)
    return found


def row_of(
    step: str, n_rows: int, seconds: float, bare: float, peak: float, memory_gb: float
) -> dict[str, Any]:
    """Hold what was measured against what is wanted."""
    is_fast = step in SPEEDY and n_rows >= LEAST_ROWS_FOR_SPEED
    ratio = bare / seconds
    return {
        "name": f"{step}, {n_rows:,} rows",
        "step": step,
        "rows": n_rows,
        "ours": round(seconds, 2),
        "peer": None if step == "simulate" else round(bare, 2),
        "ratio": None if step == "simulate" else round(ratio, 3),
        "gigabytes": round(peak / 1e9, 2),
        "rows_a_second": round(n_rows / seconds),
        "target": f"<= {memory_gb:g} GB" + (f", >= {SPEED_OF_READING}x" if is_fast else ""),
        "met": bool(peak <= memory_gb * 1e9 and (not is_fast or ratio >= SPEED_OF_READING)),
    }


def plot(found: list[dict[str, Any]], path: Path) -> None:
    """Draw how time and memory grow with the rows, both axes logarithmic for time."""
    import altair as alt

    rows = [{k: row[k] for k in ("step", "rows", "ours", "gigabytes")} for row in found]
    base = alt.Chart(alt.Data(values=rows)).mark_line(point=True).properties(width=300, height=240)
    scale, sizes = alt.Scale(type="log", nice=False), sorted({row["rows"] for row in rows})
    axis = alt.Axis(format="~s", values=sizes)
    across = alt.X("rows:Q", scale=scale, title="rows x 30 columns", axis=axis)
    colour = alt.Color("step:N", title=None, sort=list(dict.fromkeys(row["step"] for row in rows)))
    seconds = base.encode(across, alt.Y("ours:Q", scale=scale, title="seconds"), colour)
    memory = base.encode(across, alt.Y("gigabytes:Q", title="peak memory, GB"), colour)
    (seconds | memory).save(str(path))


def main(sizes: tuple[int, ...] = (), memory_gb: float = MEMORY_GB) -> list[dict[str, Any]]:
    """Measure every step at every size, and draw the growth where there are several."""
    asked = sizes or tuple(int(float(n)) for n in os.environ.get("BENCH_SCALE_ROWS", "1e6").split())
    found = [row for n_rows in asked for row in at_size(n_rows, memory_gb)]
    if len(asked) > 1:
        plot(found, PLOT)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=float, nargs="+")
    parser.add_argument("--memory", type=float, default=MEMORY_GB, help="GB that no step may exceed")
    given = parser.parse_args()
    main(tuple(int(n) for n in given.rows), given.memory)
