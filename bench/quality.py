"""Average precision and tuned F1 of `compare` and of single learners on fourteen public tables, beside fifteen peers.

Protocol of the peers: `train_test_split(test_size=0.4, stratify=y, random_state=seed)` on the rows in order; seeds
0 to 4 below 20,000 rows, 0 and 1 above; the line for F1 is tuned on 5-fold out-of-fold probabilities of the training
part alone. Their figures are read from the table of figures beside the shared tables. `compare` gets the training part,
60 seconds and the first seed, as the AutoML peers did; its champion scores the test part, with the line that it was
shipped with. The rank is that among the fifteen peers, 1 the best, a peer without a figure left out.

python -m bench.quality [NAMES]      with lines for F1, six times as long; such as: blend   or: compare,boosting
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import train_test_split

import counterpoise as cp
from counterpoise.calibrate import out_of_fold
from counterpoise.decide import Goal, ThresholdCurve
from counterpoise.learn import make_learner

SHARED = Path(__file__).resolve().parents[2] / "shared"
COMPARE = "compare"
LEARNERS = ("logistic", "boosting", "forest")
BUDGET_SECONDS = 60.0
NOISE = 0.02
"""Difference of two means over the seeds, on tables with some 100 positives, that says nothing."""


def peers(section: str) -> dict[str, dict[str, float]]:
    """Read the peers' figures: for each table the figure of each peer.

    Parameters
    ----------
    section : str
        Beginning of the heading above the table of figures.

    Returns
    -------
    dict
        Figures by table and peer.
    """
    text = (SHARED / "research" / "PEERS_QUALITY.md").read_text(encoding="utf8")
    lines = text.split(f"## {section}")[1].split("\n## ")[0].strip().splitlines()
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")
    ]
    names = rows[0][2:]
    return {
        row[0]: {
            name: float(cell) for name, cell in zip(names, row[2:], strict=True) if re.match(r"^\d", cell)
        }
        for row in rows[2:]
    }


def _compared(train: pl.DataFrame, test: pl.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Let `compare` choose within the peers' time; give probabilities and labels of the test part."""
    trial = cp.compare(
        cp.read(train, target="label"), goal="f1", budget=BUDGET_SECONDS, seed=seed, allow="all"
    )
    decided = trial.champion.decide(test)
    return trial.champion.predict_proba(test)[:, 1], decided["label"].to_numpy().astype(int)


def _figures(name: str, table: pl.DataFrame, seeds: range, with_line: bool) -> tuple[float, float, float]:
    X, y = table.drop("label"), table["label"].to_numpy().astype(int)
    precisions, lines, seconds = [], [], 0.0
    for seed in seeds:
        train, test = train_test_split(np.arange(len(y)), test_size=0.4, stratify=y, random_state=seed)
        start = time.perf_counter()
        if name == COMPARE:
            score, label = _compared(table[train], X[test], seed)
            seconds += time.perf_counter() - start
            precisions.append(average_precision_score(y[test], score))
            lines.append(f1_score(y[test], label))
            continue
        learner = make_learner(name, random_state=seed)
        learner.fit(X[train], y[train])
        seconds += time.perf_counter() - start
        score = learner.predict_proba(X[test])[:, 1]
        precisions.append(average_precision_score(y[test], score))
        if with_line:
            unseen, _ = out_of_fold(
                make_learner(name, random_state=seed), X[train], y[train], random_state=seed
            )
            line = ThresholdCurve.from_scores(y[train], unseen[:, 1]).best(Goal("f1")).threshold
            lines.append(f1_score(y[test], score >= line))
    return float(np.mean(precisions)), float(np.mean(lines)) if lines else float("nan"), seconds / len(seeds)


def main(learners: tuple[str, ...] = LEARNERS, *, with_line: bool = False) -> list[dict[str, Any]]:
    """Print our learners beside the peers' best, table by table."""
    if not (SHARED / "research" / "PEERS_QUALITY.md").exists():
        print("quality: the shared tables are not beside this checkout")
        return []
    precision, f1 = peers("Average precision"), peers("F1 on the test part")
    rows = []
    for table_name, of_peers in precision.items():
        table = pl.read_parquet(SHARED / "data" / f"{table_name}.parquet")
        seeds = range(5) if len(table) < 20_000 else range(2) if len(table) < 100_000 else range(1)
        for name in learners:
            value, tuned, seconds = _figures(name, table, seeds[:1] if name == COMPARE else seeds, with_line)
            best = max(of_peers.values())
            rows.append(
                {
                    "name": f"{table_name}: {name}",
                    "average_precision": round(value, 3),
                    "best_peer": best,
                    "rank": _rank(value, of_peers),
                    "plain_histgb": of_peers["HistGB"],
                    "f1": None if np.isnan(tuned) else round(tuned, 3),
                    "best_peer_f1": max(f1[table_name].values()),
                    "rank_f1": _rank(tuned, f1[table_name]),
                    "ours_seconds": round(seconds, 2),
                    "target": f">= {best - NOISE:.3f}",
                    "met": value >= best - NOISE,
                }
            )
            print(rows[-1], flush=True)
    rows += [_summary(name, rows, precision) for name in learners]
    print(*rows[-len(learners) :], sep="\n", flush=True)
    return rows


def _rank(value: float, of_peers: dict[str, float]) -> float | None:
    """Place a figure among the peers'; half a place for each that is equal."""
    if np.isnan(value):
        return None
    others = np.array(list(of_peers.values()))
    return 1.0 + float((others > value).sum()) + 0.5 * float((others == value).sum())


def _summary(name: str, rows: list[dict[str, Any]], precision: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Say how often a learner is at or above the best peer, and its mean rank beside the best peer's."""
    own = {row["name"].partition(": ")[0]: row for row in rows if row["name"].endswith(f": {name}")}
    ranks = {
        peer: np.mean(
            [
                _rank(
                    of_peers[peer],
                    {**{p: v for p, v in of_peers.items() if p != peer}, "": own[t]["average_precision"]},
                )
                for t, of_peers in precision.items()
                if peer in of_peers
            ]
        )
        for peer in {peer for of_peers in precision.values() for peer in of_peers}
    }
    best, mean_rank = (
        min(ranks, key=lambda peer: ranks[peer]),
        float(np.mean([row["rank"] for row in own.values()])),
    )
    share = float(np.mean([row["met"] for row in own.values()]))
    ranks_f1 = [row["rank_f1"] for row in own.values() if row["rank_f1"] is not None]
    return {
        "name": f"all tables: {name}",
        "at_or_above_best": round(share, 2),
        "rank": round(mean_rank, 2),
        "best_peer_rank": f"{best}: {ranks[best]:.2f}",
        "rank_f1": round(float(np.mean(ranks_f1)), 2) if ranks_f1 else None,
        "target": ">= 0.9 of tables, best mean rank",
        "met": bool(share >= 0.9 and mean_rank <= ranks[best]),
    }


if __name__ == "__main__":
    main(tuple(sys.argv[1].split(",")) if sys.argv[1:] else LEARNERS, with_line=True)
