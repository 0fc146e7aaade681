"""The table "Resampling": every sampler beside imbalanced-learn, in one run.

Shape A has 182,276 rows, 29 columns and 320 positives; B is forest cover (286,048 x 10, 2,747 positives), C is
mammography (11,183 x 6, 260 positives). Ours is the best of three runs, the peer's is one. Memory is what a process
of its own takes at most beyond the input, by its resident set (Linux). "Same rows" compares what is kept.

    python -m bench.resampling                     everything
    python -m bench.resampling --quick             without what takes the peer more than a minute and a half
    python -m bench.resampling --only TomekLinks   rows whose name contains the word
    python -m bench.resampling --ours              without the peer
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.shapes import shape_a, shape_b, shape_c

MEGABYTE = 1 << 20
SHAPES: dict[str, Callable[[], tuple[np.ndarray, np.ndarray] | None]] = {
    "A": shape_a,
    "B": shape_b,
    "C": shape_c,
}


@dataclass(frozen=True)
class Row:
    """One row of the table: a sampler, a shape, and how many times as fast as the peer it is to be."""

    sampler: str
    shape: str
    target: float
    peer_seconds: float
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the row is called."""
        extra = "".join(f" {key}={value}" for key, value in self.given.items() if key != "random_state")
        return f"{self.sampler} {self.shape}{extra}"


ROWS = (
    Row("TomekLinks", "A", 300, 51),
    Row("TomekLinks", "B", 20, 5),
    Row("EditedNearestNeighbours", "A", 100, 51),
    Row("EditedNearestNeighbours", "B", 10, 8),
    Row("NeighbourhoodCleaningRule", "A", 100, 99),
    Row("OneSidedSelection", "A", 100, 54, {"random_state": 0}),
    Row("CondensedNearestNeighbour", "C", 50, 7, {"random_state": 0}),
    Row("NearMiss", "A", 2, 1),
    Row("SMOTEENN", "A", 30, 338, {"random_state": 0}),
    Row("SMOTETomek", "A", 20, 200, {"random_state": 0}),
)


def seconds_of(room: str, row: Row, X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray | None, int]:
    """Run once; give seconds, rows kept where there are such, and the size of the result."""
    sampler = _sampler(room, row)
    start = time.perf_counter()
    made, _ = sampler.fit_resample(X, y)
    taken = time.perf_counter() - start
    kept = getattr(sampler, "sample_indices_", None)
    return taken, None if kept is None else np.sort(kept), len(made)


def _sampler(room: str, row: Row) -> Any:
    if room == "ours":
        import counterpoise.resample as module
    elif row.sampler.startswith("SMOTE"):
        import imblearn.combine as module
    else:
        import imblearn.under_sampling as module
    return getattr(module, row.sampler)(**row.given)


def peak_megabytes(room: str, row: Row, X: np.ndarray, y: np.ndarray) -> float:
    """Measure, in a process of its own, how much more is resident at most than before the call."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "table.npz", X=X, y=y)
        queue = context.Queue()
        process = context.Process(target=_measure, args=(room, row, Path(folder) / "table.npz", queue))
        process.start()
        found: float = queue.get()
        process.join()
    return found


def _measure(room: str, row: Row, path: Path, queue: Any) -> None:
    warnings.filterwarnings("ignore")
    with np.load(path) as table:
        X, y = table["X"], table["y"]
    _sampler(room, row).fit_resample(X[:2000], np.arange(2000) % 7 == 0)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _peak()
    _sampler(room, row).fit_resample(X, y)
    queue.put(_peak() - before)


def _peak() -> float:
    """Read this process's peak resident set, in megabytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / MEGABYTE


def measured(row: Row, *, with_peer: bool, with_memory: bool) -> dict[str, Any] | None:
    """Run one row of the table; None where its shape is absent."""
    made = SHAPES[row.shape]()
    if made is None:
        return None
    X, y = made
    _sampler("ours", row).fit_resample(X[:2000], np.arange(2000) % 7 == 0)
    runs = [seconds_of("ours", row, X, y) for _ in range(3)]
    ours, kept, size = min(run[0] for run in runs), runs[0][1], runs[0][2]
    out: dict[str, Any] = {"name": row.name, "ours_seconds": round(ours, 3), "target": f">= {row.target:g}x"}
    if with_memory:
        out["ours_megabytes"] = round(peak_megabytes("ours", row, X, y))
    if with_peer:
        peer, theirs, peer_size = seconds_of("peer", row, X, y)
        out |= {
            "peer_seconds": round(peer, 2),
            "ratio": round(peer / ours, 1),
            "met": peer / ours >= row.target,
        }
        if row.given.get("random_state") is not None or kept is None:
            out["rows"] = f"{size} / {peer_size}"
        else:
            out["rows"] = "same" if np.array_equal(kept, theirs) else "differ"
        if with_memory and row.peer_seconds < 90:
            out["peer_megabytes"] = round(peak_megabytes("peer", row, X, y))
    return out


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """Print the table.

    Parameters
    ----------
    arguments : list of str, optional
        Options; none by default.

    Returns
    -------
    list of dict
        One row a sampler and shape.
    """
    parser = argparse.ArgumentParser(prog="bench.resampling")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args(arguments or [])
    warnings.filterwarnings("ignore")
    out = []
    for row in ROWS:
        if options.only not in row.name or (options.quick and row.peer_seconds > 90):
            continue
        result = measured(row, with_peer=not options.ours, with_memory=not options.no_memory)
        if result is not None:
            print("  ".join(f"{key}: {value}" for key, value in result.items()), flush=True)
            out.append(result)
    return out


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
