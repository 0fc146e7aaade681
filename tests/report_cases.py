"""Trials made up for the report's tests: records with known numbers, of any size, with friendly or hostile names."""

from __future__ import annotations

import numpy as np

from counterpoise.calibrate import reliability
from counterpoise.decide import ThresholdCurve
from counterpoise.evaluate.records import (
    BoundaryRecord,
    CandidateRecord,
    CurveRecord,
    Estimate,
    FeatureRecord,
    FindingRecord,
    FoldRecord,
    FoldsRecord,
    HistogramRecord,
    PlaneRecord,
    TableRecord,
    TrialRecord,
    VerdictRecord,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "a\"b'c</script><b>",
    "x" * 300,
    "\u202eעברית😀",
    "{{ 7 * 7 }}",
    "-->",
]

_METRICS = (
    "average_precision",
    "roc_auc",
    "precision",
    "recall",
    "f1",
    "mcc",
    "brier",
    "log_loss",
    "mean_ratio",
    "goal",
)


def made_up_trial(
    n_candidates: int = 4,
    n_positive: int = 120,
    n_rows: int = 6_000,
    *,
    names: list[str] | None = None,
    goal: str = "cost(fn=50, fp=1)",
    n_days: float | None = 30.0,
    seed: int = 0,
) -> TrialRecord:
    """Make up a trial of candidates whose scores separate the classes more and less well."""
    rng = np.random.default_rng(seed)
    y = np.zeros(n_rows, dtype=np.int8)
    y[:n_positive] = 1
    words = names or ["amount", "age", "risk", "level"]
    candidates = [_candidate(i, y, goal, rng) for i in range(n_candidates)]
    candidates.append(
        CandidateRecord(
            candidate="slow one + boosting",
            treatment="slow one",
            learner="boosting",
            status="not run",
            reason="would have gone over the budget",
            predicted_seconds=420.0,
        )
    )
    return TrialRecord(
        goal=goal,
        goal_metric="cost" if goal.startswith("cost") else "precision",
        goal_greater_is_better=not goal.startswith("cost"),
        seed=7,
        folds=FoldsRecord(
            kind="stratified",
            requested=5,
            folds=[
                FoldRecord(
                    n_train=n_rows * 4 // 5,
                    n_train_positive=n_positive * 4 // 5,
                    n_test=n_rows // 5,
                    n_test_positive=n_positive // 5,
                )
            ]
            * 5,
        ),
        table=TableRecord(
            source=f"{words[0]}.csv",
            target=words[1],
            positive=words[2],
            n_rows=n_rows,
            n_positive=n_positive,
            rate=Estimate(
                value=n_positive / n_rows, lower=0.9 * n_positive / n_rows, upper=1.1 * n_positive / n_rows
            ),
            n_features=len(words),
            roles={"target": words[1]},
            left_out={words[3]: "constant"},
            fingerprint="0" * 32,
            n_days=n_days,
        ),
        profile=_profile(words, n_positive),
        candidates=candidates,
        verdict=VerdictRecord(
            outcome="no difference shown",
            champion=candidates[0].candidate,
            baseline=candidates[0].candidate,
            difference=Estimate(value=0.004, lower=-0.01, upper=0.02),
            sentence="Treat nothing: no treatment is shown to be better than none + boosting with its own line.",
            details=["Differences are paired.", f"{n_positive} positives judged."],
        ),
        findings=[
            FindingRecord(code="a", title=words[0], severity="warning", sentence=words[1], source=words[2]),
            FindingRecord(code="b", title="Advice", severity="advice", sentence="Do this."),
        ],
        features=[_feature(name, y, rng) for name in words] + [_category(words)],
        planes=[_plane(words, y, rng)],
        boundaries=[_boundary(c.candidate, words, rng) for c in candidates[:2]],
        command=f"counterpoise compare {words[0]} --target {words[1]}",
        versions={"counterpoise": "0.1.0", "python": "3.11"},
        seconds=12.3,
        budget_seconds=60.0,
    )


def _candidate(i: int, y: np.ndarray, goal: str, rng: np.random.Generator) -> CandidateRecord:
    separation = 2.6 - 0.12 * i
    z = rng.normal(size=len(y)) + separation * y
    odds = separation * z - separation**2 / 2 + np.log(y.mean() / (1 - y.mean()))
    proba = 1 / (1 + np.exp(-odds))
    curve = ThresholdCurve.from_scores(y, proba)
    point = curve.best(goal)
    edges = np.linspace(odds.min(), odds.max(), 41)
    counts = [np.histogram(odds[y == c], edges)[0].astype(float).tolist() for c in (0, 1)]
    treatment = ("none", "class_weight", "random_over", "random_under", "smote")[i % 5]
    learner = ("boosting", "logistic", "forest", "lightgbm")[i // 5 % 4]
    middle = dict.fromkeys(_METRICS, 0.6 - 0.01 * i)
    order = np.argsort(-curve.thresholds)
    order = order[np.unique(np.linspace(0, len(order) - 1, 900).astype(int) ** 2 // (len(order) - 1))]
    thresholds = curve.thresholds[order]
    return CandidateRecord(
        candidate=f"{treatment} + {learner}",
        treatment=treatment,
        learner=learner,
        status="run",
        is_champion=i == 0,
        is_baseline=i == 0,
        metrics={m: Estimate(value=v, lower=v - 0.05, upper=v + 0.04) for m, v in middle.items()},
        difference=None
        if treatment == "none"
        else Estimate(value=-0.01 * i, lower=-0.01 * i - 0.02, upper=0.015 - 0.006 * i),
        operating_point=point.to_dict(),
        confusion={"tp": point.tp, "fp": point.fp, "fn": point.fn, "tn": point.tn},
        curve=CurveRecord(
            thresholds=np.where(np.isfinite(thresholds), thresholds, 1.0 + 1e-9).tolist(),
            tp=curve.tp[order].tolist(),
            fp=curve.fp[order].tolist(),
            n_positive=float(y.sum()),
            n_negative=float((1 - y).sum()),
        ),
        scores=HistogramRecord(edges=edges.tolist(), negative=counts[0], positive=counts[1]),
        reliability=reliability(y, proba).to_dict(),
        history=_history(rng) if i == 1 else None,
        fit_seconds=0.4 + i,
        predict_seconds=0.03,
        peak_bytes=120_000_000 + i,
    )


def _history(rng: np.random.Generator) -> dict[str, list[float | None]]:
    epochs = np.arange(1, 31)
    falling = 0.3 * np.exp(-epochs / 6) + 0.01
    out: dict[str, list[float | None]] = {"epoch": epochs.astype(float).tolist()}
    for prefix in ("", "val_"):
        noise = 0.005 * rng.random(30)
        out[prefix + "loss"] = (falling * (1.2 if prefix else 1.0) + noise).tolist()
        for name in ("auc", "average_precision", "precision", "recall"):
            out[prefix + name] = (0.95 - falling - noise).tolist()
    out["precision"][0] = None
    return out


def _feature(name: str, y: np.ndarray, rng: np.random.Generator) -> FeatureRecord:
    values = rng.normal(size=len(y)) * 40 + 60 * y
    edges = np.linspace(values.min(), values.max(), 31)
    counts = [np.histogram(values[y == c], edges)[0].astype(float).tolist() for c in (0, 1)]
    return FeatureRecord(
        name=name,
        kind="number",
        separation=0.83,
        missing_share=0.02,
        histogram=HistogramRecord(edges=edges.tolist(), negative=counts[0], positive=counts[1]),
    )


def _category(words: list[str]) -> FeatureRecord:
    levels = [*words, "(2 others)"]
    n = len(levels)
    return FeatureRecord(
        name="kind of place",
        kind="category",
        separation=0.71,
        histogram=HistogramRecord(
            edges=[float(i) for i in range(n + 1)],
            negative=[float(100 * (n - i)) for i in range(n)],
            positive=[float(3 * (i + 1)) for i in range(n)],
        ),
        levels=levels,
    )


def _plane(words: list[str], y: np.ndarray, rng: np.random.Generator) -> PlaneRecord:
    x = rng.normal(size=(len(y), 2)) + 1.5 * y[:, None]
    edges = np.linspace(-4, 5, 33)
    grids = [np.histogram2d(x[y == c, 1], x[y == c, 0], (edges, edges))[0].tolist() for c in (0, 1)]
    return PlaneRecord(
        x=words[0],
        y=words[1],
        x_edges=edges.tolist(),
        y_edges=edges.tolist(),
        negative=grids[0],
        positive=grids[1],
    )


def _boundary(candidate: str, words: list[str], rng: np.random.Generator) -> BoundaryRecord:
    edges = np.linspace(-3, 5, 41)
    middle = (edges[1:] + edges[:-1]) / 2
    probability = 1 / (1 + np.exp(3 - middle[None, :] - middle[:, None] + 0.15 * middle[None, :] ** 2))
    points = {
        "kept_negative": rng.normal(size=(200, 2)).tolist(),
        "kept_positive": (2.5 + 0.8 * rng.normal(size=(20, 2))).tolist(),
        "dropped": rng.normal(size=(15, 2)).tolist(),
        "invented": (2.5 + 0.6 * rng.normal(size=(60, 2))).tolist(),
    }
    return BoundaryRecord(
        candidate=candidate,
        x=words[0],
        y=words[1],
        x_edges=edges.tolist(),
        y_edges=edges.tolist(),
        probability=probability.tolist(),
        threshold=0.4,
        points=points,
        note="first two principal components",
    )


def _profile(words: list[str], n_positive: int) -> dict[str, object]:
    return {
        "duplicates": {"n_repeats": 12, "n_conflicting": 2, "n_positive_repeats": 1},
        "minority": {
            "safe": n_positive // 2,
            "borderline": n_positive // 4,
            "rare": n_positive // 8,
            "outlier": n_positive - n_positive // 2 - n_positive // 4 - n_positive // 8,
            "n_judged": n_positive,
            "n_neighbours": 5,
            "note": "",
        },
        "missing": [
            {
                "column": name,
                "n": 5,
                "share": 0.1,
                "share_positive": 0.2,
                "share_negative": 0.09,
                "p_value": 0.5,
            }
            for name in words
        ],
        "times": {
            "column": words[0],
            "first": "2025-01-01",
            "last": "2025-02-01",
            "every": "1 day",
            "periods": [
                {"start": f"2025-01-{d:02d}", "n_rows": 200 + d, "n_positive": d % 7} for d in range(1, 31)
            ],
            "drift_p_value": 0.2,
        },
        "groups": None,
    }
