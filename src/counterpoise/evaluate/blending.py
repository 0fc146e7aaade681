"""A blend of the best untreated learners, from scores that are there already: no model is fitted for it.

For each fold the three learners that rank the other folds best are weighted by penalised maximum likelihood on the
other folds' out-of-fold log-odds, and the weights are applied to the fold's own scores. The blend is then judged like
any other candidate.

Source: D. Wolpert, "Stacked generalization", Neural Networks 5, 1992; L. Breiman, "Stacked regressions", Machine
Learning 24, 1996 (non-negative weights).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from counterpoise.calibrate import log_odds
from counterpoise.evaluate.candidates import UNTREATED, Candidate
from counterpoise.evaluate.judging import Case
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.evaluate.metrics import average_precision
from counterpoise.evaluate.running import Run
from counterpoise.evaluate.task import FoldScores
from counterpoise.learn.blend import BlendClassifier, blend_weights

__all__ = ["BLEND", "blend_of_champions", "blend_run", "blendable"]

BLEND = Candidate(UNTREATED, "blend")
"""The candidate that a blend of others is."""

_MOST_MEMBERS = 3


def blendable(runs: Sequence[Run]) -> list[Run]:
    """Give the runs that a blend can be made of.

    Parameters
    ----------
    runs : sequence of Run
        All of a trial.

    Returns
    -------
    list of Run
        Finished, untreated, by learners of the catalogue; none where there are fewer than two, or a blend is there.
    """
    found = [
        r for r in runs if r.is_finished and r.candidate.is_untreated and r.candidate.learner_object is None
    ]
    has_blend = any(run.candidate.learner == BLEND.learner for run in runs)
    return [] if has_blend or len(found) < 2 else found


def blend_run(case: Case, members: Sequence[Run]) -> Run:
    """Blend the scores of finished runs, fold by fold.

    Parameters
    ----------
    case : Case
        What is the same for all candidates.
    members : sequence of Run
        As `blendable` gives them.

    Returns
    -------
    Run
        Finished; its times and memory are those of its members together.
    """
    odds, fold_of = _odds(case, members), case.fold_of
    folds: list[FinishedFold | None] = []
    for k, fold in enumerate(case.folds.folds):
        known = np.isin(fold_of, fold.lines)
        chosen, weights, shift = _weigh(case, odds, known) if fold.lines else _equal(len(odds))
        mixed = weights @ np.stack([odds[j][fold.test] for j in chosen]) + shift
        folds.append(_folded(expit(mixed), [members[j].finished()[k] for j in chosen]))
    return Run(BLEND, folds)


def _odds(case: Case, members: Sequence[Run]) -> list[np.ndarray]:
    found = []
    for run in members:
        scores = np.full(len(case.y), np.nan)
        for fold, done in zip(case.folds.folds, run.finished(), strict=True):
            scores[fold.test] = log_odds(done.scores.proba)
        found.append(scores)
    return found


def _weigh(case: Case, odds: list[np.ndarray], rows: np.ndarray) -> tuple[list[int], np.ndarray, float]:
    """Choose the members that rank some rows best, and weigh them on these rows."""
    mass = None if case.weights is None else case.weights[rows]
    ranks = [average_precision(case.y[rows], scores[rows], mass) for scores in odds]
    chosen = [int(j) for j in np.argsort(ranks)[::-1][:_MOST_MEMBERS]]
    weights, shift = blend_weights(case.y[rows].astype(np.int64), [odds[j][rows] for j in chosen], mass)
    return chosen, weights, float(shift[0])


def _equal(n_members: int) -> tuple[list[int], np.ndarray, float]:
    """Weigh all alike: what a fold does whose line nothing is known for."""
    return list(range(n_members)), np.full(n_members, 1 / n_members), 0.0


def _folded(proba: np.ndarray, parts: list[FinishedFold]) -> FinishedFold:
    scores = FoldScores(
        proba,
        sum(part.scores.fit_seconds for part in parts),
        sum(part.scores.predict_seconds for part in parts),
    )
    return FinishedFold(scores, max(part.peak_bytes for part in parts))


def blend_of_champions(case: Case, members: Sequence[Run], fit: Any) -> BlendClassifier:
    """Fit the members on all rows and blend them with the weights of all out-of-fold scores.

    Parameters
    ----------
    case : Case
        What is the same for all candidates.
    members : sequence of Run
        As `blendable` gives them.
    fit : callable
        Takes a `Candidate`, gives its learner fitted on all rows.

    Returns
    -------
    BlendClassifier
        Fitted.
    """
    chosen, weights, shift = _weigh(case, _odds(case, members), case.fold_of >= 0)
    learners = [fit(members[j].candidate) for j in chosen]
    return BlendClassifier.of(
        learners, [members[j].candidate.learner for j in chosen], weights, np.array([shift])
    )
