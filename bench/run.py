"""Run the benchmarks, each in a process of its own, and write what was measured to bench/RESULTS.md.

python -m bench.run                    all
python -m bench.run resampling linear  some; the figures of the others stay as they were
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
STORE, PAGE = HERE / "results.json", HERE / "RESULTS.md"
NOT_TOPICS = {"__init__", "run", "shapes"}
LIBRARIES = ("numpy", "scipy", "scikit-learn", "imbalanced-learn", "polars", "lightgbm", "numba", "jax", "keras",
             "tensorflow")  # fmt: skip


def topics() -> list[str]:
    """Name every benchmark: one module each."""
    return sorted(
        p.stem for p in HERE.glob("*.py") if p.stem not in NOT_TOPICS and not p.stem.startswith("_")
    )


def run(topic: str) -> dict:
    """Run one benchmark in its own process and give its rows with the time it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        code = (
            f"import json, bench.{topic} as m; rows = m.main(); "
            f"open({str(out)!r}, 'w').write(json.dumps(rows, default=float))"
        )
        started = time.time()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE.parent)
        about = __import__(f"bench.{topic}", fromlist=["x"]).__doc__ or ""
        return {
            "about": about.strip(),
            "rows": json.loads(out.read_text()),
            "seconds": round(time.time() - started),
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "versions": versions(),
        }


def machine() -> str:
    """Say what ran it, without naming it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {memory:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


def versions() -> str:
    """Say which libraries were there."""
    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def page(store: dict) -> str:
    """Lay all results out as Markdown."""
    parts = [
        "# Results",
        "",
        "Written by `make bench`; each table is one run, ours and the peer's side by side in it. Seconds are those of "
        "the machine named; ratios are what compares. Targets are the project's own.",
    ]
    for topic in sorted(store):
        result = store[topic]
        parts += ["", f"## {topic}", "", result["about"], "", *table(result["rows"]), ""]
        parts.append(
            f"*{result['date']}, {result['machine']}; {result['versions']}; {result['seconds']} s in all.*"
        )
    return "\n".join(parts) + "\n"


def table(rows: list[dict]) -> list[str]:
    """Lay rows out as a Markdown table, with a column for every key in the order of first use."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(say(row.get(key)) for key in keys) + " |" for row in rows]
    return lines


def say(value: object) -> str:
    """Say a cell for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
    return str(value).replace("|", "\\|")


def main(asked: list[str]) -> None:
    """Run what was asked for, or everything."""
    for topic in asked or topics():
        if topic not in topics():
            sys.exit(f"There is no benchmark {topic!r}; there are: {', '.join(topics())}")
        print(f"== {topic}", flush=True)
        result = run(topic)
        store = (
            json.loads(STORE.read_text()) if STORE.exists() else {}
        )  # another topic may have ended meanwhile
        store[topic] = result
        STORE.write_text(json.dumps(store, indent=1) + "\n")
        PAGE.write_text(page(store))
    print(f"written to {PAGE}")


if __name__ == "__main__":
    main(sys.argv[1:])
