"""Balanced ensembles beside imbalanced-learn's: time of a fit, quality, and how much a seed changes them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imblearn.ensemble as peers
import numpy as np
import polars as pl
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from bench.linear import shape_a
from counterpoise.learn import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TARGET = 3.0
SEEDS = 3


def tables() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Give shapes A and B."""
    yield "A", *shape_a()
    path = SHARED / "adbench_cover.parquet"
    if path.exists():
        frame = pl.read_parquet(path)
        X = frame.drop("label").to_numpy().astype(float)
        yield "B", (X - X.mean(axis=0)) / X.std(axis=0), frame["label"].to_numpy().astype(int)


def tried(model: Any, parts: list[np.ndarray], seeds: int) -> tuple[float, list[float]]:
    """Give the shortest fit and the average precision of each seed."""
    taken, quality = [], []
    X, other, y, truth = parts
    for seed in range(seeds):
        names = [name for name in model.get_params() if name.split("__")[-1] == "random_state"]
        model.set_params(**dict.fromkeys(names, seed))
        start = time.perf_counter()
        model.fit(X, y)
        taken.append(time.perf_counter() - start)
        quality.append(float(average_precision_score(truth, model.predict_proba(other)[:, 1])))
    return min(taken), quality


def main() -> list[dict[str, object]]:
    """Run and print.

    Returns
    -------
    list of dict
        One row an ensemble and table; the ratio is the peer's time over ours.
    """
    rows: list[dict[str, object]] = []
    for name, X, y in tables():
        parts = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
        for ours, peer in (
            (BalancedBaggingClassifier(n_estimators=50), peers.BalancedBaggingClassifier(n_estimators=50)),
            (EasyEnsembleClassifier(), peers.EasyEnsembleClassifier()),
            (BalancedRandomForestClassifier(), peers.BalancedRandomForestClassifier()),
        ):
            (own, quality), (other, peer_quality) = (tried(model, parts, SEEDS) for model in (ours, peer))
            rows.append(
                {
                    "name": f"{type(ours).__name__}, {name}",
                    "ours seconds": round(own, 3),
                    "peer seconds": round(other, 3),
                    "ratio": round(other / own, 2),
                    "target": f">= {TARGET}",
                    "met": other / own >= TARGET,
                    "ours AP": f"{np.mean(quality):.4f} +- {np.std(quality):.4f}",
                    "peer AP": f"{np.mean(peer_quality):.4f} +- {np.std(peer_quality):.4f}",
                }
            )
            print(rows[-1])
        single = make_pipeline(SMOTE(), DecisionTreeClassifier())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, quality = tried(single, parts, SEEDS)
        rows.append(
            {
                "name": f"one tree on SMOTE, {name}",
                "peer AP": f"{np.mean(quality):.4f} +- {np.std(quality):.4f}",
            }
        )
        print(rows[-1])
    return rows


if __name__ == "__main__":
    main()
