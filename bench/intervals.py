"""Intervals: coverage on simulated truth, and the time of the bootstrap.

Scores are binormal, so that the true average precision, ROC AUC, cost and all figures of a fixed line are known.
COUNTERPOISE_BENCH_DRAWS sets the simulated tables a setting (1,000 by default). Figures that are proportions have
exact intervals, which cover at least as often as stated; the target of 93 to 97 % is for the others.
"""

from __future__ import annotations

import os
import time

import numpy as np
from scipy.stats import norm

from counterpoise.decide import confusion
from counterpoise.evaluate.intervals import Judged, bootstrap, draw

N_TABLES = int(os.environ.get("COUNTERPOISE_BENCH_DRAWS", "1000"))
LINE = 1.8
COSTS = {"fn": 50.0, "fp": 1.0}
SETTINGS = ((20, 1500, 2.2), (30, 2000, 2.2), (50, 2000, 2.2), (20, 1500, 1.2), (50, 2000, 3.0))
EXACT = ("recall", "precision", "specificity")


def truth(rate: float, distance: float) -> dict[str, float]:
    """Give the true figures."""
    z = np.linspace(12, -9, 200_001)
    tpr, fpr = norm.sf(z - distance), norm.sf(z)
    found, false = norm.sf(LINE - distance), norm.sf(LINE)
    cells = rate * found, (1 - rate) * false, rate * (1 - found), (1 - rate) * (1 - false)
    names = (*EXACT, "mcc", "gmean", "balanced_accuracy")
    return {
        "average_precision": float(np.trapezoid(rate * tpr / (rate * tpr + (1 - rate) * fpr), tpr)),
        "roc_auc": float(norm.cdf(distance / np.sqrt(2))),
        "cost": COSTS["fn"] * cells[2] + COSTS["fp"] * cells[1],
        "f1": float(confusion.f_beta(*cells)),
        "f2": float(confusion.f_beta(*cells, 2.0)),
        **{name: float(confusion.FIGURES[name](*cells)) for name in names},
    }


def coverage(n_positive: int, n_rows: int, distance: float) -> list[dict[str, object]]:
    """Measure how often intervals hold the truth."""
    rng = np.random.default_rng([n_positive, n_rows])
    rate = n_positive / n_rows
    expected = truth(rate, distance)
    hits = dict.fromkeys(expected, 0)
    paired = 0
    for _ in range(N_TABLES):
        y = rng.random(n_rows) < rate
        s, t = rng.normal(size=n_rows) + distance * y, rng.normal(size=n_rows) + distance * y
        draws = draw(y, {"a": Judged(s, s >= LINE), "b": Judged(t)}, costs=COSTS, n_draws=400)
        for name, value in expected.items():
            interval = draws.interval("a", name)
            hits[name] += interval.lower <= value <= interval.upper
        difference = draws.difference("a", "b", "average_precision")
        paired += difference.lower <= 0.0 <= difference.upper
    rows = []
    for name, count in {**hits, "difference of average_precision": paired}.items():
        covered, noise = count / N_TABLES, 2 * np.sqrt(0.05 * 0.95 / N_TABLES)
        most = 1.0 if name in EXACT else 0.97 + noise
        rows.append(
            {
                "name": f"coverage of {name}, {n_positive} positives in {n_rows}, distance {distance}",
                "ours": round(float(covered), 4),
                "target": "0.93 to 0.97" if name not in EXACT else ">= 0.93 (exact)",
                "met": bool(0.93 - noise <= covered <= most),
            }
        )
        print(rows[-1])
    return rows


def speed() -> list[dict[str, object]]:
    """Time all figures of 100,000 rows under 2,000 draws."""
    rng = np.random.default_rng(0)
    y = rng.random(100_000) < 0.01
    s = rng.normal(size=y.shape[0]) + 2.2 * y
    p = 1 / (1 + np.exp(-(2.2 * s - 2.42 - 4.6)))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        bootstrap(y, s, s > LINE, proba=p, costs=COSTS, n_draws=2000)
        times.append(time.perf_counter() - start)
    row = {
        "name": "all figures, 100,000 rows, 2,000 draws",
        "ours": round(min(times), 2),
        "peer": None,
        "ratio": None,
        "target": "< 3 s",
        "met": min(times) < 3.0,
    }
    print(row)
    return [row]


def main() -> list[dict[str, object]]:
    """Run all parts."""
    return [*speed(), *(row for setting in SETTINGS for row in coverage(*setting))]


if __name__ == "__main__":
    main()
