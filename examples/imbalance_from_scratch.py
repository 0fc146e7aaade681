"""Imbalance from scratch: why accuracy misleads, each metric by hand, five treatments, and what decides.

    python examples/imbalance_from_scratch.py [--out FOLDER]

950 and 50 rows in two Gaussian blobs; nothing is downloaded. Fresh rows judge, since here they cost nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl

import counterpoise as cp
from counterpoise.datasets import gaussian_blobs
from counterpoise.decide import ThresholdCurve
from counterpoise.evaluate import metrics
from counterpoise.lab import EXPERIMENTS, experiment
from counterpoise.learn import Treated
from counterpoise.resample import SMOTE

TREATMENTS = ("none", "random_over", "random_under", "smote", "class_weight")


def metrics_by_hand(y: np.ndarray, alert: np.ndarray) -> dict[str, float]:
    """Count the four cells, and make every figure of them."""
    tp, fp = int((alert & (y == 1)).sum()), int((alert & (y == 0)).sum())
    fn, tn = int((~alert & (y == 1)).sum()), int((~alert & (y == 0)).sum())
    precision = tp / (tp + fp) if tp + fp else float("nan")
    recall = tp / (tp + fn)
    root = float((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    return {
        "accuracy": (tp + tn) / len(y),
        "precision": precision,
        "recall": recall,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "f2": 5 * tp / (5 * tp + 4 * fn + fp),
        "mcc": (tp * tn - fp * fn) / root if root else float("nan"),
    }


def metrics_by_library(y: np.ndarray, alert: np.ndarray) -> dict[str, float]:
    """Ask the library for the same figures."""
    called = alert.astype(int)
    return {
        "accuracy": metrics.accuracy(y, called),
        "precision": metrics.precision(y, called),
        "recall": metrics.recall(y, called),
        "f1": metrics.f_beta(y, called),
        "f2": metrics.f_beta(y, called, beta=2.0),
        "mcc": metrics.mcc(y, called),
    }


def say(figures: dict[str, float]) -> str:
    """Write figures in a line; what is undefined is a dash."""
    return ", ".join(f"{k} {'-' if np.isnan(v) else format(v, '.3f')}" for k, v in figures.items())


def descend(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, steps: int = 4000, rate: float = 0.3
) -> np.ndarray:
    """Fit a logistic regression by gradient descent on the weighted log-loss."""
    design = np.column_stack([np.ones(len(X)), X])
    theta, share = np.zeros(design.shape[1]), weight / weight.sum()
    for _ in range(steps):
        p = 1 / (1 + np.exp(-design @ theta))
        theta -= rate * design.T @ (share * (p - y))
    return theta


def smote_by_hand(rows: np.ndarray, n_new: int, rng: np.random.Generator, k: int = 5) -> np.ndarray:
    """Invent rows between a row and one of its k nearest of the same class: x + u (neighbour - x)."""
    distance = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    nearest = distance.argsort(axis=1)[:, 1 : k + 1]
    base = rng.integers(0, len(rows), n_new)
    neighbour = nearest[base, rng.integers(0, k, n_new)]
    return rows[base] + rng.random((n_new, 1)) * (rows[neighbour] - rows[base])


def compare_treatments(train: cp.Table, valid: cp.Table, fresh: cp.Table) -> pl.DataFrame:
    """Judge each treatment on fresh rows: at one half, and at a line drawn on the validation rows."""
    rows = []
    for treatment in TREATMENTS:
        model = Treated(None, treatment, recalibrate=None, random_state=0).fit(train.X.to_numpy(), train.y)
        valid_p, p = (model.predict_proba(part.X.to_numpy())[:, 1] for part in (valid, fresh))
        line = ThresholdCurve.from_scores(valid.y, valid_p).best("f1").threshold
        for way, at in (("0.5", 0.5), ("tuned", line)):
            rows.append(
                {"treatment": treatment, "drawn": way, "line": at, **metrics_by_hand(fresh.y, p >= at)}
            )
    return pl.DataFrame(rows)


def main() -> None:
    """Tell the whole story, and end with a decision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/examples/imbalance_from_scratch"))
    parser.add_argument("--repeats", type=int, default=5, help="runs of each experiment")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    print("1. Why accuracy misleads: 'always negative' on 990 to 10")
    y = np.repeat([0, 1], [990, 10])
    print("   " + say(metrics_by_hand(y, np.zeros(1000, dtype=bool))))
    print(
        "   A dash is undefined: nothing was alerted. (Where a library prints 0 instead, it has decided for you.)"
    )

    print("\n2. Each metric by hand and by library, on the same alerts")
    rng = np.random.default_rng(0)
    alert = rng.random(1000) < np.where(y == 1, 0.7, 0.02)
    print("   by hand:    " + say(metrics_by_hand(y, alert)))
    print("   by library: " + say(metrics_by_library(y, alert)))

    print("\n3. Two blobs, 950 and 50: a weight and a copy do the same")
    blobs = cp.read(gaussian_blobs(random_state=1), target="label", positive=1)
    X, labels = blobs.X.to_numpy(), blobs.y
    balanced = np.where(labels == 1, 1000 / (2 * 50), 1000 / (2 * 950))
    weighted = descend(X, labels, balanced)
    copied = np.r_[np.flatnonzero(labels == 0), np.repeat(np.flatnonzero(labels == 1), 19)]
    oversampled = descend(X[copied], labels[copied], np.ones(len(copied)))
    print(f"   a positive weighs {balanced.max() / balanced.min():.0f} times a negative")
    print(f"   gradient descent, weighted:    intercept and slopes {weighted.round(3).tolist()}")
    print(f"   gradient descent, oversampled: intercept and slopes {oversampled.round(3).tolist()}")

    print("\n4. SMOTE by hand and by library")
    minority = X[labels == 1]
    by_hand = smote_by_hand(minority, 900, rng)
    made = SMOTE(random_state=0).plan(X, labels).rows(X, labels)[0][1000:]
    for name, rows in (("rows", minority), ("by hand", by_hand), ("by library", np.asarray(made))):
        print(
            f"   {name:<11}{len(rows):>4}: mean {rows.mean(axis=0).round(2).tolist()}, "
            f"spread {rows.std(axis=0).round(2).tolist()}"
        )

    print(
        "\n5. Five treatments, at one half and at a line drawn on validation rows; 100,000 fresh rows judge"
    )
    train = blobs
    valid, fresh = (
        cp.read(gaussian_blobs(19 * n, n, random_state=seed), target="label", positive=1)
        for n, seed in ((50, 2), (5_000, 3))
    )
    table = compare_treatments(train, valid, fresh)
    for row in table.iter_rows(named=True):
        print(
            f"   {row['treatment']:<13} {row['drawn']:<6} line {row['line']:.3f}  precision {row['precision']:.3f}  "
            f"recall {row['recall']:.3f}  F1 {row['f1']:.3f}"
        )
    bars = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("f1:Q", title="F1 on fresh rows"),
            y=alt.Y("treatment:N", sort=None, title=None),
            yOffset="drawn:N",
            color=alt.Color("drawn:N", title="line"),
        )
    )
    bars.properties(width=420).save(options.out / "treatments.svg")

    print("\n6. What the ratio and the size suggest, by the textbook and by evidence")
    for finding in cp.profile(blobs).findings:
        print(f"   {finding.sentence}")

    print("\n7. Five experiments")
    for name in EXPERIMENTS:
        found = experiment(name, repeats=options.repeats)
        found.save(options.out / f"{name}.svg")
        print(f"   {name}: {found.sentence}")

    print("\n8. The decision")
    trial = cp.compare(blobs, goal="f1", treatments=TREATMENTS, learners=["logistic"], workers=0)
    print(f"   {trial.verdict.sentence}")


if __name__ == "__main__":
    main()
