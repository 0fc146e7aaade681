"""What leaving negatives out costs in average precision, estimated by leaving out half of those that are left.

What fewer negatives cost falls as one over their number where a model is near its best (Ury, Biometrics 31, 1975);
halving them once more then costs what going from all of them to those kept did. It falls as one over the root of their
number at worst, whatever the model (the uniform bound of Vapnik and Chervonenkis, 1971); then halving costs less, and
all the rows left out would add ``1 / (sqrt(2) - 1)`` = 2.4 times as much.

Both halves are fitted on one fold and judged on the rows that judged the fold of all rows kept; differences are paired,
and their mean is taken. A half alone would say little: by chance it lies nearer to the truth than the rows kept, or
farther. What one half gains by that, the other loses, to first order.
"""

from __future__ import annotations

import numpy as np

from counterpoise.chance import Streams
from counterpoise.evaluate.blending import BLEND
from counterpoise.evaluate.candidates import build
from counterpoise.evaluate.intervals import Interval, Judged, paired_difference
from counterpoise.evaluate.records import FindingRecord
from counterpoise.evaluate.running import Run
from counterpoise.split import Fold
from counterpoise.table.hashing import row_keys
from counterpoise.table.table import Table

__all__ = ["SLOWEST", "loss_findings", "loss_of_halving"]

SLOWEST = 1.0 / (2.0**0.5 - 1.0)
"""What all the rows left out would add over what halving costs, where the loss falls as one over the root."""

_DRAWS = 400
_MARGIN = 3.0
"""Both fits, of half of the negatives each, may take this many times as long as that of all, and still be in time."""

_OTHER_KEY = 1
"""Hashes other than those that chose the rows: these would leave the same rows out on every table."""


def loss_of_halving(table: Table, run: Run, fold: Fold, k: int, seed: int) -> Interval:
    """Fit a candidate on each half of the negatives of a fold, and say how much average precision that costs.

    Parameters
    ----------
    table : Table
        Two classes, with weights.
    run : Run
        A candidate that has finished the fold.
    fold : Fold
        The fold.
    k : int
        Its number.
    seed : int
        What seeded the candidate.

    Returns
    -------
    Interval
        Average precision with all rows kept less that with half of the negatives, with its paired 95 % interval.
    """
    random_state = Streams.of(seed).child("learn", run.candidate.learner, k).seed()
    whole = Judged(run.finished()[k].scores.proba)
    judging = None if table.weights is None else table.weights[fold.test]
    y, losses = table.y[fold.test], []
    for rows, weights in _halves(table, fold.train):
        model = build(run.candidate, random_state=random_state)
        model.fit(table.X[rows], table.y[rows], sample_weight=weights)
        half = Judged(model.predict_proba(table.X[fold.test])[:, 1])
        found = paired_difference(y, whole, half, judging, n_draws=_DRAWS, random_state=seed)
        losses.append(found["average_precision"])
    ends = ([each.value for each in losses], [each.lower for each in losses], [each.upper for each in losses])
    return Interval(*(float(np.mean(each)) for each in ends))


def _halves(table: Table, train: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give the positives with the half of the negatives that has the smaller hashes, and with the other, each as heavy
    as all were.
    """
    weights = np.ones(table.n_rows) if table.weights is None else table.weights
    positive, negative = (train[table.y[train] == c] for c in (1, 0))
    order = negative[np.argsort(row_keys(table.X[negative], key=_OTHER_KEY), kind="stable")]
    halves = []
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        rows = np.sort(np.concatenate([positive, half]))
        factor = weights[negative].sum() / weights[half].sum()
        halves.append((rows, np.where(table.y[rows] == 1, weights[rows], weights[rows] * factor)))
    return halves


def loss_findings(
    table: Table, runs: list[Run], folds: tuple[Fold, ...], champion: str | None, seed: int, seconds: float
) -> list[FindingRecord]:
    """Say what thinning costs the champion, where there is time to find out.

    Parameters
    ----------
    table : Table
        What was learned from.
    runs : list of Run
        All candidates.
    folds : tuple of Fold
        How the rows were split.
    champion : str or None
        The candidate that was chosen; for a blend the first finished one stands for it.
    seed : int
        What seeded the candidates.
    seconds : float
        Time that is left.

    Returns
    -------
    list of FindingRecord
        One, or none where every row is there or the time is short.
    """
    if table.thinning is None or table.thinning.rate >= 1.0 or not table.is_binary:
        return []
    finished = [run for run in runs if run.is_finished and run.candidate != BLEND]
    if not finished:
        return []
    run = next((run for run in finished if run.candidate.name == champion), finished[0])
    k = len(folds) - 1
    if run.finished()[k].scores.fit_seconds > seconds / _MARGIN:
        return []
    return [_finding(run.candidate.name, loss_of_halving(table, run, folds[k], k, seed))]


def _finding(name: str, loss: Interval) -> FindingRecord:
    return FindingRecord(
        code="thinning_loss",
        title="What leaving negatives out costs",
        severity="info",
        sentence=f"Half as many negatives change the average precision of {name} by {-loss.value:+.4f} "
        f"({-loss.upper:+.4f} to {-loss.lower:+.4f}, paired). The loss falls as one over their number at best, as one "
        f"over its root at worst: the full table would give about {max(0.0, loss.value):.4f} to "
        f"{max(0.0, SLOWEST * loss.value):.4f} more, and at most about {max(0.0, SLOWEST * loss.upper):.4f}.",
        source="Ury, Biometrics 31, 1975; Vapnik, Chervonenkis, Theory of Probability 16, 1971",
    )
