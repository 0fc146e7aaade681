"""Monitor: a simulated month at 0.2 % positives, quiet ones and one for each thing that can go wrong.

A model is trained and judged by `compare` on past rows, then answers a month of days. Half-way the base rate triples, a
feature breaks, or a new pattern of fraud appears that the model does not know; labels of all rows come a week late. The
monitor looks once a day. Quiet months count false alarms against the stated share of 5 %.

COUNTERPOISE_BENCH_MONTHS sets the number of quiet months (200 by default).
"""

from __future__ import annotations

import os
import time

import numpy as np
import polars as pl

import counterpoise as cp
from counterpoise.monitor import UNKNOWN, Reference, Rules, Window, look, reference_from, summarise

N_MONTHS = int(os.environ.get("COUNTERPOISE_BENCH_MONTHS", "200"))
RATE, DAYS, ROWS_A_DAY, DELAY, CHANGE = 0.002, 30, 10_000, 7, 15
WEIGHTS = np.array([2.2, -1.6, 1.2, 0.8])
TRAINED_ON = 150_000


def rows(rng: np.random.Generator, n: int, rate: float = RATE) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows: positives are moved along the weights; a category follows, and some values are missing."""
    y = rng.random(n) < rate
    X = rng.normal(size=(n, 5)) + np.outer(y, [*WEIGHTS, 0.0])
    X[rng.random(n) < 0.05, 3] = np.nan
    return X, y.astype(np.int8)


def frame(X: np.ndarray) -> pl.DataFrame:
    """Name the columns."""
    shop = np.array(["web", "shop", "phone"])[np.digitize(X[:, 4], [-0.5, 1.0])]
    return pl.DataFrame({"amount": X[:, 0], "age": X[:, 1], "gap": X[:, 2], "ratio": X[:, 3], "where": shop})


def month(
    model: cp.Model, reference: Reference, rng: np.random.Generator, what: str = "quiet"
) -> list[tuple[Window, np.ndarray]]:
    """Draw a month of days: each a window whose labels are not in yet, and the labels."""
    days = []
    for day in range(DAYS):
        changed = day >= CHANGE
        X, y = rows(rng, ROWS_A_DAY, RATE * 3 if changed and what == "prevalence" else RATE)
        if changed and what == "feature":
            X[:, 2] = 0.0
        if changed and what == "pattern":
            new = rng.random(ROWS_A_DAY) < RATE
            X[new], y[new] = rng.normal(size=(int(new.sum()), 5)), 1
        table = model.schema.conform(frame(X))
        p = model.predict_proba(table)[:, 1]
        codes = model.schema.bins(table)
        bins = np.array([np.bincount(codes[:, j], minlength=256) for j in range(codes.shape[1])])
        at = (day + np.sort(rng.random(ROWS_A_DAY))) * 86_400
        unknown = np.full(ROWS_A_DAY, UNKNOWN, dtype=np.int8)
        days.append((Window(at, p, p >= reference.threshold, unknown, bins), y))
    return days


def watch(days: list[tuple[Window, np.ndarray]], reference: Reference) -> dict[str, int]:
    """Look once a day; give the day of each check's first alarm."""
    first: dict[str, int] = {}
    rules = Rules()
    unlabelled = [summarise(window, reference, rules) for window, _ in days]
    labelled = [
        summarise(Window(w.at, w.probability, w.alert, truth, w.bins), reference, rules) for w, truth in days
    ]
    for day in range(DAYS):
        known = max(0, day + 1 - DELAY)
        for check in look(labelled[:known] + unlabelled[known : day + 1], reference, rules).checks:
            if check.fired:
                first.setdefault(f"{check.code} {check.subject}".strip(), day)
    return first


def trained() -> cp.Model:
    """Train and judge the model on past rows."""
    X, y = rows(np.random.default_rng(0), TRAINED_ON)
    table = cp.read(frame(X).with_columns(label=y), target="label", positive=1)
    return cp.compare(table, "f1", treatments=["none"], learners=["logistic"], workers=0).champion


def reference_of(model: cp.Model) -> Reference:
    """Give what the model said of itself."""
    evidence = model.evidence
    known = (
        {} if evidence is None else {name: evidence[name].to_numpy() for name in ("probability", "outcome")}
    )
    return reference_from(model.schema.model_dump(), model.operating_point.to_dict(), model.base_rate, known)


def main() -> list[dict[str, object]]:
    """Print what was raised, and how often falsely."""
    model = trained()
    reference = reference_of(model)
    found: list[dict[str, object]] = []
    for what, code in (("prevalence", "prevalence"), ("feature", "feature gap"), ("pattern", "missed")):
        first = watch(month(model, reference, np.random.default_rng([1, len(what)]), what), reference)
        late = first.get(code)
        row = {
            "what": f"{what} changes on day {CHANGE}",
            "alarm": code,
            "days": None if late is None else late - CHANGE,
        }
        found.append({**row, "all": first, "met": late is not None and late >= CHANGE})
        print(found[-1])
    start, false = time.perf_counter(), 0
    for k in range(N_MONTHS):
        first = watch(month(model, reference, np.random.default_rng([2, k])), reference)
        false += bool(first)
        if first:
            print(f"quiet month {k}: {first}")
    row = {
        "what": f"{N_MONTHS} quiet months",
        "false": false,
        "share": false / max(N_MONTHS, 1),
        "stated": Rules().alpha,
    }
    found.append({**row, "seconds": time.perf_counter() - start, "met": false <= Rules().alpha * N_MONTHS})
    print(found[-1])
    return found


if __name__ == "__main__":
    main()
