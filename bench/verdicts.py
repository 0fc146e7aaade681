"""How often the verdict says "better" where nothing is, and how often stated 95 % intervals hold the truth.

Trials are simulated where they are judged: scores are drawn, folds dealt, lines drawn on the other folds, figures
resampled and the verdict reached by the product's own functions; no model is fitted. Candidates share most of their
noise, as models of one table do. What the drawn lines would do on new rows is known in closed form: the truth that an
interval should hold. "Better" must come in at most 5 % of trials without a difference; intervals of 95 % must hold the
truth in 93 to 97 % of trials, those of all differences together in at least 93 %. A few whole trials, models and all,
are run on tables whose labels are shuffled.

python -m bench.verdicts [TRIALS [WHOLE]]
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binom, norm

from counterpoise.decide import Goal
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.judging import Case, Judged, judge
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.evaluate.task import FoldScores
from counterpoise.evaluate.verdict import Contender, reach_verdict
from counterpoise.split import stratified_folds

TRIALS, WHOLE_TRIALS = 600, 30
"""Simulated trials a setting, and whole ones: ten minutes on two cores; 5 % is known to within 0.9 %."""

SHARED_NOISE = 0.9
"""Share of the noise's variance that all candidates have in common."""

INTERCEPT, SLOPE = -3.0, 1.4
"""Log-odds of the raw probabilities: a plain function of the score, so that cut-offs can be turned back."""


@dataclass(frozen=True)
class Setting:
    """One kind of trial.

    Attributes
    ----------
    name : str
        What it shows.
    n, n_positive : int
        Rows and positives.
    separation : float
        Distance of the classes' means in standard deviations.
    gains : tuple of float
        What each treatment adds to it; all 0 where nothing is better.
    goal : str
        What the line is for.
    """

    name: str
    n: int
    n_positive: int
    separation: float = 1.8
    gains: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    goal: str = "f1"


SETTINGS = (
    Setting("no difference, 30 positives", 1500, 30),
    Setting("no difference, 100 positives", 2000, 100),
    Setting("no difference, 100 positives, ten treatments", 2000, 100, gains=(0.0,) * 10),
    Setting("no difference, recall>=0.8, 100 positives", 2000, 100, goal="recall>=0.8"),
    Setting("no difference, cost, 100 positives", 2000, 100, goal="cost(fn=20, fp=1)"),
    Setting("no signal at all, 100 positives", 2000, 100, separation=0.0),
    Setting("one treatment is better, 300 positives", 3000, 300, gains=(0.5, 0.0, 0.0, 0.0)),
)


def _names(setting: Setting) -> list[str]:
    return ["model", *(f"model + t{j}" for j in range(len(setting.gains)))]


def simulate(setting: Setting, seed: int) -> dict[str, Any]:
    """Draw one trial, reach its verdict, and hold its intervals against the truth.

    Parameters
    ----------
    setting : Setting
        What kind.
    seed : int
        Of the draw.

    Returns
    -------
    dict
        ``outcome``; ``value_covered`` and ``differences_covered`` (truths).
    """
    rng = np.random.default_rng([seed, setting.n, setting.n_positive])
    y = (rng.random(setting.n) < setting.n_positive / setting.n).astype(np.int8)
    case = Case(y, stratified_folds(y, 5, random_state=int(rng.integers(2**31))), Goal(setting.goal))
    shared = rng.normal(size=setting.n)
    separations = dict(
        zip(_names(setting), setting.separation + np.array((0.0, *setting.gains)), strict=True)
    )
    scores = {
        name: separation * y
        + np.sqrt(SHARED_NOISE) * shared
        + np.sqrt(1 - SHARED_NOISE) * rng.normal(size=len(y))
        for name, separation in separations.items()
    }
    judged = {name: judge(case, _finished(case, score)) for name, score in scores.items()}
    contenders = [
        Contender(name, name.partition(" + ")[2] or "none", "model", 1.0, name == "model") for name in scores
    ]
    figures = Figures.of(case, judged, contenders, seed=int(rng.integers(2**31)))
    rate = setting.n_positive / setting.n
    truth = {n: true_value(case, judged[n], scores[n], separations[n], rate, figures.metric) for n in scores}
    found = reach_verdict(contenders, figures, case.goal)
    differences = figures.simultaneous(list(scores), "model")
    reached = truth
    if case.goal.constraints:  # differences are those at the limit itself
        limit = case.goal.constraints[0].limit
        reached = {name: precision_at_recall(each, rate, limit) for name, each in separations.items()}
    return {
        "outcome": found.outcome,
        "value_covered": _holds(figures.estimates("model")["goal"], truth["model"]),
        "differences_covered": all(_holds(d, reached[n] - reached["model"]) for n, d in differences.items()),
    }


def _finished(case: Case, score: np.ndarray) -> list[FinishedFold]:
    proba = expit(INTERCEPT + SLOPE * score)
    return [FinishedFold(FoldScores(proba[fold.test], 0.0, 0.0), 0) for fold in case.folds.folds]


def true_value(
    case: Case, judged: Judged, score: np.ndarray, separation: float, rate: float, metric: str
) -> float:
    """Give the goal's figure that the drawn lines would reach on new rows.

    Parameters
    ----------
    case : Case
        With the folds.
    judged : Judged
        With the lines, in calibrated probabilities.
    score : ndarray of shape (n,)
        The scores behind them.
    separation : float
        Distance of the classes' means.
    rate : float
        Share of positives among all rows that there could be.
    metric : str
        ``f1``, ``cost`` or ``precision``.

    Returns
    -------
    float
        From the shares of both classes beyond each fold's cut-off, which are normal tails.
    """
    hits = false = positives = negatives = 0.0
    for k, fold in enumerate(case.folds.folds):
        row = fold.test[0]
        shift = logit(judged.proba[row]) - (INTERCEPT + SLOPE * score[row])
        with np.errstate(divide="ignore"):
            cut = (logit(np.clip(judged.thresholds[k], 0.0, 1.0)) - shift - INTERCEPT) / SLOPE
        n_positive = rate * len(fold.test)
        hits += n_positive * norm.sf(cut - separation)
        false += (len(fold.test) - n_positive) * norm.sf(cut)
        positives, negatives = positives + n_positive, negatives + len(fold.test) - n_positive
    if metric == "cost":
        costs = {cell: cost.factor for cell, cost in case.goal.objective.costs}
        return (costs["fn"] * (positives - hits) + costs["fp"] * false) / len(case.y)
    if metric == "precision":
        return hits / (hits + false)
    return 2 * hits / (hits + false + positives)


def precision_at_recall(separation: float, rate: float, recall: float) -> float:
    """Give the precision of the line that finds a share of the positives, on new rows.

    Parameters
    ----------
    separation : float
        Distance of the classes' means.
    rate : float
        Share of positives.
    recall : float
        Share of them that is found.

    Returns
    -------
    float
        From the normal tails.
    """
    false = (1 - rate) * norm.sf(separation + norm.isf(recall))
    return float(rate * recall / (rate * recall + false))


def _holds(estimate: Any, truth: float) -> bool:
    if estimate.lower is None or estimate.upper is None:
        return False
    return bool(estimate.lower <= truth <= estimate.upper)


def _sweep(task: tuple[Setting, range]) -> list[dict[str, Any]]:
    return [simulate(task[0], seed) for seed in task[1]]


def whole_trial(seed: int) -> str:
    """Run one whole trial on a table without any signal.

    Parameters
    ----------
    seed : int
        Of the table.

    Returns
    -------
    str
        Its outcome.
    """
    import counterpoise as cp

    rng = np.random.default_rng(seed)
    y = (rng.random(1200) < 0.06).astype(int)
    table = cp.read((rng.normal(size=(1200, 6)), y))
    trial = cp.compare(
        table,
        treatments=["none", "class_weight", "random_over", "random_under", "smote"],
        learners=["logistic", "boosting"],
        workers=0,
        repeats=1,
        nested=False,
        seed=seed,
    )
    return trial.verdict.outcome


def main(trials: int = TRIALS, whole: int = WHOLE_TRIALS) -> list[dict[str, Any]]:
    """Print how often the verdict errs and intervals miss, setting by setting."""
    rows = []
    with ProcessPoolExecutor() as pool:
        for setting in SETTINGS:
            start = time.perf_counter()
            parts = [(setting, range(first, min(first + 25, trials))) for first in range(0, trials, 25)]
            found = [one for part in pool.map(_sweep, parts) for one in part]
            rows += _rows(setting, found, time.perf_counter() - start)
            print(*rows[-3:], sep="\n", flush=True)
        start = time.perf_counter()
        outcomes = list(pool.map(whole_trial, range(whole)))
        seconds = time.perf_counter() - start
        rows.append(
            _share_row("whole trials on noise: better", [o == "better" for o in outcomes], 0.0, 0.05, seconds)
        )
        print(rows[-1], flush=True)
    return rows


def _rows(setting: Setting, found: list[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    better = [one["outcome"] == "better" for one in found]
    is_null = not any(setting.gains)
    return [
        _share_row(f"{setting.name}: better", better, *((0.0, 0.05) if is_null else (0.5, 1.0)), seconds),
        _share_row(
            f"{setting.name}: interval holds", [one["value_covered"] for one in found], 0.93, 0.97, seconds
        ),
        _share_row(
            f"{setting.name}: all differences' intervals hold",
            [one["differences_covered"] for one in found],
            0.93,
            1.0,
            seconds,
        ),
    ]


def _share_row(name: str, happened: list[bool], least: float, most: float, seconds: float) -> dict[str, Any]:
    """Lay a share out; it misses its target where luck alone would not explain it (one in a hundred)."""
    n, k = max(len(happened), 1), int(np.sum(happened))
    too_few = k < n * least and binom.cdf(k, n, least) < 0.01
    too_many = k > n * most and binom.sf(k - 1, n, most) < 0.01
    return {
        "name": name,
        "trials": n,
        "share": round(k / n, 4),
        "target": f"{least:.2f} to {most:.2f}",
        "ours_seconds": round(seconds, 1),
        "met": not (too_few or too_many),
    }


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
