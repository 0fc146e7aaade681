"""A whole comparison against the same candidates and folds written with scikit-learn and imbalanced-learn.

The public credit-card table. Ours: `compare` with its default treatments and learners, without a budget, from the
table in memory to the verdict and the fitted champion (profile, leak checks, intervals and blend included). The
peers': the same treatments before the nearest learners of scikit-learn and imbalanced-learn, on the very same folds,
two processes at a time with one thread each, and nothing else: no intervals, no verdict, no report. Twice:

- as it is usually written: `TunedThresholdClassifierCV` around each pipeline, so that its line is honest;
- by hand: every pipeline fitted once a fold, each fold's line drawn on the other folds' scores, as ours are.

By default on all positives and a fifth of the negatives, in three folds: the peers' tuned lines fit every pipeline six
times a fold, which on the whole table takes hours. Both sides get the same rows and folds.

Scores of both are average precision (mean over folds) and F1 at the lines, by the same functions.

python -m bench.trial [SHARE_OF_NEGATIVES [FOLDS [LEARNERS]]]
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import polars as pl
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import counterpoise as cp
from bench.shapes import SHARED
from counterpoise.learn import default_learners
from counterpoise.split import Folds, make_folds

TARGET_RATIO = 5.0
SHARE, N_FOLDS = 0.2, 3
NOISE = 0.01
"""Difference of two average precisions or F1 values with 179 positives that says nothing."""

SAMPLERS: dict[str, Callable[[], Any]] = {
    "random_over": lambda: RandomOverSampler(random_state=0),
    "random_under": lambda: RandomUnderSampler(random_state=0),
    "smote": lambda: SMOTE(random_state=0),
}


class WeightedMLP(MLPClassifier):
    """scikit-learn's network with balanced row weights, which it does not compute by itself."""

    def fit(self, X: Any, y: Any) -> WeightedMLP:
        """Fit with weights that give both classes the same mass."""
        return super().fit(X, y, sample_weight=compute_sample_weight("balanced", y))


def peer(learner: str, treatment: str) -> Any:
    """Make the nearest pipeline to one of our candidates.

    Parameters
    ----------
    learner, treatment : str
        Our names.

    Returns
    -------
    estimator
        Unfitted.
    """
    weight = "balanced" if treatment == "class_weight" else None
    network = WeightedMLP if weight else MLPClassifier
    made = {
        "logistic": lambda: LogisticRegression(max_iter=500, class_weight=weight),
        "linear_learner": lambda: LogisticRegressionCV(
            max_iter=500,
            class_weight=weight,
            scoring="neg_log_loss",
            l1_ratios=(0.0,),
            use_legacy_attributes=False,
        ),
        "boosting": lambda: HistGradientBoostingClassifier(
            max_iter=200,
            learning_rate=0.05,
            max_leaf_nodes=15,
            min_samples_leaf=10,
            l2_regularization=1.0,
            class_weight=weight,
            random_state=0,
        ),
        "forest": lambda: RandomForestClassifier(200, class_weight=weight, random_state=0),
        "mlp": lambda: network(
            (64, 32), early_stopping=True, validation_fraction=0.2, max_iter=200, random_state=0
        ),
        "balanced_bagging": lambda: BalancedBaggingClassifier(n_estimators=50, random_state=0),
    }[learner]()
    steps = [StandardScaler()] if learner in ("logistic", "linear_learner", "mlp") else []
    return make_pipeline(*steps, *([SAMPLERS[treatment]()] if treatment in SAMPLERS else []), made)


def _tuned(
    estimator: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[Any, Any]:
    _be_one_thread()
    model = TunedThresholdClassifierCV(estimator, scoring="f1", cv=5, random_state=0).fit(X[train], y[train])
    return model.predict_proba(X[test])[:, 1], model.predict(X[test])


def _once(
    estimator: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[Any, Any]:
    _be_one_thread()
    return estimator.fit(X[train], y[train]).predict_proba(X[test])[:, 1], None


def _be_one_thread() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    warnings.simplefilter("ignore")


def peers_trial(
    X: np.ndarray, y: np.ndarray, folds: Folds, candidates: list[tuple[str, str]], fit: Callable[..., Any]
) -> dict[str, dict[str, float]]:
    """Put all pipelines through all folds.

    Parameters
    ----------
    X, y : ndarray
        The table.
    folds : Folds
        Ours.
    candidates : list of (str, str)
        Learners and treatments.
    fit : callable
        Gives probabilities and decisions of a fold's test part.

    Returns
    -------
    dict
        ``average_precision`` and ``f1`` by candidate.
    """
    jobs = [(each, fold) for each in candidates for fold in folds.folds]
    answers = joblib.Parallel(n_jobs=2)(
        joblib.delayed(fit)(peer(*each), X, y, fold.train, fold.test) for each, fold in jobs
    )
    found = {}
    for number, (learner, treatment) in enumerate(candidates):
        part = answers[number * len(folds) : (number + 1) * len(folds)]
        name = learner if treatment == "none" else f"{learner} + {treatment}"
        found[name] = _scores(y, folds, [p for p, _ in part], [d for _, d in part])
    return found


def _scores(y: np.ndarray, folds: Folds, proba: list[np.ndarray], decided: list[Any]) -> dict[str, float]:
    """Score a candidate; where it has not decided, each fold by the best line of the others."""
    tests = [fold.test for fold in folds.folds]
    whole, alerts = np.zeros(len(y)), np.zeros(len(y), dtype=bool)
    for k, test in enumerate(tests):
        whole[test] = proba[k]
        if decided[k] is not None:
            alerts[test] = decided[k] == 1
            continue
        others = np.concatenate([tests[j] for j in range(len(tests)) if j != k])
        scores = np.concatenate([proba[j] for j in range(len(tests)) if j != k])
        precision, recall, lines = precision_recall_curve(y[others], scores)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        alerts[test] = proba[k] >= lines[int(f1[:-1].argmax())]
    of_folds = [average_precision_score(y[test], whole[test]) for test in tests]
    return {
        "average_precision": float(np.average(of_folds, weights=[y[t].sum() for t in tests])),
        "f1": f1_score(y, alerts),
    }


def main(
    share: float = SHARE, n_folds: int = N_FOLDS, learners: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Run both, and print times and scores side by side."""
    path = SHARED / "ulb_creditcard_40pct_truncated.parquet"
    if not path.exists():
        print("trial: the shared tables are not beside this checkout")
        return []
    frame = pl.read_parquet(path)
    if share < 1.0:  # of the negatives; the positives are few enough
        chosen = np.random.default_rng(0).random(len(frame)) < share
        frame = frame.filter((pl.col("label") == 1) | pl.Series(chosen))
    table = cp.read(frame, target="label")
    started = time.perf_counter()
    asked = list(learners) if learners else None
    trial = cp.compare(table, folds=n_folds, budget=None, seed=0, repeats=1, learners=asked, allow="all")
    ours_seconds = time.perf_counter() - started
    board = {
        row["candidate"]: row for row in trial.leaderboard().iter_rows(named=True) if row["status"] == "run"
    }
    candidates = [
        (row["learner"], row["treatment"])
        for row in board.values()
        if row["learner"] in (learners or default_learners())
    ]
    X, y = frame.drop("label").to_numpy().astype(np.float64), frame["label"].to_numpy()
    folds = make_folds(table, n_folds, random_state=0)
    rows, found = [], {}
    for name, fit in (("tuned lines", _tuned), ("fitted once a fold by hand", _once)):
        started = time.perf_counter()
        found = peers_trial(X, y, folds, candidates, fit)
        rows.append(
            _race_row(name, len(candidates), ours_seconds, time.perf_counter() - started, found, board)
        )
        print(rows[-1], flush=True)
    rows += [_score_row(name, board[name], found[name]) for name in found]
    print(*rows[2:], sep="\n", flush=True)
    return rows


def _race_row(
    name: str, n: int, ours: float, theirs: float, found: dict[str, dict[str, float]], board: dict[str, Any]
) -> dict[str, Any]:
    best = {metric: max(each[metric] for each in found.values()) for metric in ("average_precision", "f1")}
    champion = {m: max(row[m] for row in board.values() if row[m] is not None) for m in best}
    is_race = name == "tuned lines"
    as_good = all(champion[m] >= best[m] - NOISE for m in best)
    return {
        "name": f"{n} candidates, peers with {name}",
        "ours_seconds": round(ours, 1),
        "peer_seconds": round(theirs, 1),
        "ratio": round(theirs / ours, 2),
        "best_average_precision": round(champion["average_precision"], 3),
        "peer_average_precision": round(best["average_precision"], 3),
        "best_f1": round(champion["f1"], 3),
        "peer_f1": round(best["f1"], 3),
        "target": f">= {TARGET_RATIO:.0f}x, scores as good" if is_race else "scores as good",
        "met": as_good and (theirs / ours >= TARGET_RATIO or not is_race),
    }


def _score_row(name: str, ours: dict[str, Any], theirs: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "ours_average_precision": round(ours["average_precision"], 3),
        "peer_average_precision": round(theirs["average_precision"], 3),
        "ours_f1": round(ours["f1"], 3),
        "peer_f1": round(theirs["f1"], 3),
    }


if __name__ == "__main__":
    words = sys.argv[1:]
    main(
        float(words[0]) if words else SHARE,
        int(words[1]) if len(words) > 1 else N_FOLDS,
        tuple(words[2].split(",")) if len(words) > 2 else (),
    )
