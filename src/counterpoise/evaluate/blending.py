"""A blend of the best untreated learners, from scores that are there already: no model is fitted for it.

For each fold the three learners that rank the other folds best are weighted by penalised maximum likelihood on the
other folds' out-of-fold log-odds, and the weights are applied to the fold's own scores. The blend is then judged like
any other candidate.

Source: D. Wolpert, "Stacked generalization", Neural Networks 5, 1992; L. Breiman, "Stacked regressions", Machine
Learning 24, 1996 (non-negative weights).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from counterpoise.evaluate.candidates import UNTREATED, Candidate
from counterpoise.evaluate.judging import Case
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.evaluate.metrics import average_precision
from counterpoise.evaluate.running import Run
from counterpoise.evaluate.task import FoldScores
from counterpoise.learn.blend import LEAST_PROBABILITY, BlendClassifier, blend_weights
from counterpoise.learn.classifier import log_odds

__all__ = ["BLEND", "MOST_MEMBERS", "blend_of_champions", "blend_run", "blendable"]

BLEND = Candidate(UNTREATED, "blend")
"""The candidate that a blend of others is."""

MOST_MEMBERS = 3
"""Members of a blend, at most."""


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
        nested = _inner_odds(case, members, k)
        basis, known = nested or odds, _is_known(nested[0]) if nested else np.isin(fold_of, fold.lines)
        recipe = _weigh(case, basis, known) if known.any() else _equal(len(odds))
        inner = _mixed(nested, fold.train, *recipe) if nested else None
        parts = [members[j].finished()[k] for j in recipe[0]]
        folds.append(_folded(_mixed(odds, fold.test, *recipe), inner, parts))
    return Run(BLEND, folds)


def _mixed(
    odds: list[np.ndarray], rows: np.ndarray, chosen: list[int], weights: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    mixed = np.tensordot(weights, np.stack([odds[j][rows] for j in chosen]), 1) + shift
    return np.asarray(expit(mixed) if mixed.ndim == 1 else softmax(mixed, axis=1))


def _odds(case: Case, members: Sequence[Run]) -> list[np.ndarray]:
    found = []
    for run in members:
        scores = _nowhere(case, run.finished()[0].scores.proba)
        for fold, done in zip(case.folds.folds, run.finished(), strict=True):
            scores[fold.test] = _finite_odds(done.scores.proba)
        found.append(scores)
    return found


def _inner_odds(case: Case, members: Sequence[Run], number: int) -> list[np.ndarray]:
    """Give the nested scores of a fold's training part; nothing where a member has none."""
    train, found = case.folds.folds[number].train, []
    for run in members:
        inner = run.finished()[number].scores.inner
        if inner is None:
            return []
        scores = _nowhere(case, inner)
        scores[train] = _finite_odds(inner)
        found.append(scores)
    return found


def _is_known(scores: np.ndarray) -> np.ndarray:
    return np.asarray(~np.isnan(scores.reshape(len(scores), -1)[:, 0]))


def _nowhere(case: Case, like: np.ndarray) -> np.ndarray:
    """Give NaN for every row of the table, in as many columns as scores have."""
    return np.full((len(case.y), *like.shape[1:]), np.nan)


def _finite_odds(proba: np.ndarray) -> np.ndarray:
    """Give log-odds, of certainties those that `BlendClassifier` takes them for."""
    return log_odds(np.column_stack([1.0 - proba, proba]) if proba.ndim == 1 else proba, LEAST_PROBABILITY)


def _weigh(case: Case, odds: list[np.ndarray], rows: np.ndarray) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Choose the members that rank some rows best, and weigh them on these rows."""
    mass = None if case.weights is None else case.weights[rows]
    ranks = [_ranking(case.y[rows], scores[rows], mass) for scores in odds]
    chosen = [int(j) for j in np.argsort(ranks)[::-1][:MOST_MEMBERS]]
    weights, shift = blend_weights(case.y[rows].astype(np.int64), [odds[j][rows] for j in chosen], mass)
    return chosen, weights, shift


def _ranking(y: np.ndarray, scores: np.ndarray, mass: np.ndarray | None) -> float:
    """Give average precision; of several classes the mean, each by its probability against the rest."""
    if scores.ndim == 1:
        return average_precision(y, scores, mass)
    against = [average_precision(y == c, scores[:, c], mass) for c in range(scores.shape[1])]
    return float(np.mean(against))


def _equal(n_members: int) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Weigh all alike: what a fold does whose line nothing is known for."""
    return list(range(n_members)), np.full(n_members, 1 / n_members), np.zeros(1)


def _folded(proba: np.ndarray, inner: np.ndarray | None, parts: list[FinishedFold]) -> FinishedFold:
    scores = FoldScores(
        proba,
        sum(part.scores.fit_seconds for part in parts),
        sum(part.scores.predict_seconds for part in parts),
        inner=inner,
    )
    return FinishedFold(scores, max(part.peak_bytes for part in parts))


def blend_of_champions(
    case: Case, members: Sequence[Run], fit: Callable[[list[Candidate]], list[Any]]
) -> BlendClassifier:
    """Fit the members on all rows and blend them with the weights of all out-of-fold scores.

    Parameters
    ----------
    case : Case
        What is the same for all candidates.
    members : sequence of Run
        As `blendable` gives them.
    fit : callable
        Takes candidates, gives their learners fitted on all rows.

    Returns
    -------
    BlendClassifier
        Fitted.
    """
    chosen, weights, shift = _weigh(case, _odds(case, members), case.fold_of >= 0)
    learners = fit([members[j].candidate for j in chosen])
    return BlendClassifier.of(learners, [members[j].candidate.learner for j in chosen], weights, shift)
