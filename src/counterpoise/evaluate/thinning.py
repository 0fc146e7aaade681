"""What leaving negatives out costs in average precision, estimated by leaving out half of those that are left.

What fewer negatives cost falls about as one over their number (Ury, Biometrics 31, 1975), so that halving them once
more costs about as much as going from all of them to those kept. The half is fitted on one fold and judged on the
rows that judged the fold of all rows kept; the difference is paired.
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

__all__ = ["loss_findings", "loss_of_halving"]

_DRAWS = 400
_MARGIN = 3.0
"""A fit may take this many times as long as it did, and still be in time."""

_OTHER_KEY = 1
"""Hashes other than those that chose the rows: these would leave the same rows out on every table."""


def loss_of_halving(table: Table, run: Run, fold: Fold, k: int, seed: int) -> Interval:
    """Fit a candidate on half of the negatives of a fold, and say how much average precision that costs.

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
    rows, weights = _halved(table, fold.train)
    random_state = Streams.of(seed).child("learn", run.candidate.learner, k).seed()
    model = build(run.candidate, random_state=random_state)
    model.fit(table.X[rows], table.y[rows], sample_weight=weights)
    halved = model.predict_proba(table.X[fold.test])[:, 1]
    whole = run.finished()[k].scores.proba
    judging = None if table.weights is None else table.weights[fold.test]
    found = paired_difference(
        table.y[fold.test], Judged(whole), Judged(halved), judging, n_draws=_DRAWS, random_state=seed
    )
    return found["average_precision"]


def _halved(table: Table, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the positives and the half of the negatives with the smaller hashes, twice as heavy."""
    weights = np.ones(table.n_rows) if table.weights is None else table.weights
    negative = train[table.y[train] == 0]
    keys = row_keys(table.X[negative], key=_OTHER_KEY)
    half = negative[np.argsort(keys, kind="stable")[: len(negative) // 2]]
    rows = np.sort(np.concatenate([train[table.y[train] == 1], half]))
    factor = weights[negative].sum() / weights[half].sum()
    return rows, np.where(table.y[rows] == 1, weights[rows], weights[rows] * factor)


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
        f"({-loss.upper:+.4f} to {-loss.lower:+.4f}, paired). As the loss falls about as one over their number, the "
        f"full table would give about {max(0.0, loss.value):.4f} more, and at most about {max(0.0, loss.upper):.4f}.",
        source="Ury, Biometrics 31, 1975",
    )
