"""Judging a candidate: probabilities calibrated and lines drawn on rows other than those that judge them.

Each fold's scores are calibrated by an intercept, and its line is drawn, on the out-of-fold scores of the other
folds (of those whose labels were known, where folds are ordered in time). So no row has a part in the line that
judges it, and no model is fitted twice. Nested, they are the out-of-fold scores of folds inside the training part, and
the row has no part in the models behind them either. The model that ships gets the intercept and the line of all folds
together.

Source: cross-fitting of a nuisance parameter, Chernozhukov et al., "Double/debiased machine learning", Econometrics
Journal 21, 2018; here the nuisance parameters are one intercept and one threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from counterpoise.calibrate import CalibrationMap, fit_map
from counterpoise.decide import Goal, OperatingPoint, ThresholdCurve
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.split import Fold, Folds

__all__ = ["Case", "Judged", "judge"]


@dataclass(frozen=True)
class Case:
    """What is the same for all candidates: outcomes, folds, weights, days, costs, and the goal.

    Attributes
    ----------
    y : ndarray of shape (n,), int8
        1 is positive.
    folds : Folds
        How the rows were split.
    goal : Goal
        What the line is drawn for.
    weights : ndarray of shape (n,) or None
        Weight of each row.
    seconds : ndarray of shape (n,) or None
        Time of each row.
    n_days : float or None
        Days that all rows span.
    row_costs : mapping of str to ndarray of shape (n,)
        Columns that the goal names as costs.
    n_repeats : int
        How often each row of the table is among the n, where repeats are laid under each other.
    """

    y: np.ndarray
    folds: Folds
    goal: Goal
    weights: np.ndarray | None = None
    seconds: np.ndarray | None = None
    n_days: float | None = None
    row_costs: Mapping[str, np.ndarray] = field(default_factory=dict)
    n_repeats: int = 1

    @property
    def fold_of(self) -> np.ndarray:
        """Number of the fold in whose test part each row is; -1 where in none."""
        fold_of = np.full(len(self.y), -1, dtype=np.int64)
        for k, fold in enumerate(self.folds.folds):
            fold_of[fold.test] = k
        return fold_of

    @property
    def judging(self) -> np.ndarray:
        """Whether each row judges: it is in the test part of a fold whose line can be drawn on other folds."""
        return np.isin(self.fold_of, [k for k, fold in enumerate(self.folds.folds) if fold.lines])

    def days_of(self, rows: np.ndarray) -> float | None:
        """Say how many days some rows stand for.

        Parameters
        ----------
        rows : ndarray of shape (n,), bool
            Which ones.

        Returns
        -------
        float or None
            Their own span where folds are ordered in time; else their share of all days. None without a time.
        """
        if self.n_days is None or self.seconds is None:
            return self.n_days
        if self.folds.kind == "time":
            chosen = self.seconds[rows]
            return max(1.0, float(chosen.max() - chosen.min()) / 86400)
        return self.n_days * float(rows.mean())

    def line(self, proba: np.ndarray, rows: np.ndarray) -> OperatingPoint:
        """Draw the line on some rows.

        Parameters
        ----------
        proba : ndarray of shape (n,)
            Probabilities.
        rows : ndarray of shape (n,), bool
            Which ones.

        Returns
        -------
        OperatingPoint
            The best, or, where the goal cannot be reached, the nearest, marked as such.
        """
        weight = None if self.weights is None else self.weights[rows]
        costs = {name: column[rows] for name, column in self.row_costs.items()}
        curve = ThresholdCurve.from_scores(self.y[rows], proba[rows], weight, columns=costs or None)
        return curve.best(self.goal, n_days=self.days_of(rows), nearest=True, steady=True)


@dataclass(frozen=True)
class Judged:
    """A candidate's out-of-fold probabilities and decisions.

    Attributes
    ----------
    proba : ndarray of shape (n,)
        Calibrated; NaN where the row judges nobody.
    alerts : ndarray of shape (n,), bool
        Called positive by a line that the row had no part in.
    thresholds : ndarray of shape (n_folds,)
        Each fold's line, in its calibrated probabilities; NaN where a fold judges nobody.
    point : OperatingPoint
        The line of all judged rows together.
    calibration : CalibrationMap
        The intercept of all rows that were scored.
    """

    proba: np.ndarray
    alerts: np.ndarray
    thresholds: np.ndarray
    point: OperatingPoint
    calibration: CalibrationMap


def judge(case: Case, finished: list[FinishedFold]) -> Judged:
    """Calibrate, draw lines, and decide, each fold by the others.

    Parameters
    ----------
    case : Case
        What is the same for all candidates.
    finished : list of FinishedFold
        One a fold.

    Returns
    -------
    Judged
        Probabilities and decisions.
    """
    fold_of = case.fold_of
    raw = np.full(len(case.y), np.nan)
    for fold, done in zip(case.folds.folds, finished, strict=True):
        raw[fold.test] = done.scores.proba
    proba, alerts = np.full(len(raw), np.nan), np.zeros(len(raw), dtype=bool)
    thresholds = np.full(len(case.folds), np.nan)
    for k, (fold, done) in enumerate(zip(case.folds.folds, finished, strict=True)):
        if not fold.lines:
            continue
        known, basis = _basis(case, raw, fold, done, np.isin(fold_of, fold.lines))
        shift = _fit(case, basis, known)
        calibrated = np.full(len(raw), np.nan)
        calibrated[known] = shift.apply(basis[known])
        thresholds[k] = case.line(calibrated, known).threshold
        proba[fold.test] = shift.apply(raw[fold.test])
        alerts[fold.test] = proba[fold.test] >= thresholds[k]
    calibration = _fit(case, raw, fold_of >= 0)
    return Judged(proba, alerts, thresholds, case.line(proba, case.judging), calibration)


def _basis(
    case: Case, raw: np.ndarray, fold: Fold, done: FinishedFold, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the rows, and their scores, that a fold's calibration and line are drawn on.

    Nested: its training part, scored by models inside it. Else the other folds' test parts.
    """
    if done.scores.inner is None:
        return others, raw
    basis, known = np.full(len(case.y), np.nan), np.zeros(len(case.y), dtype=bool)
    basis[fold.train], known[fold.train] = done.scores.inner, True
    return known, basis


def _fit(case: Case, raw: np.ndarray, rows: np.ndarray) -> CalibrationMap:
    weight = None if case.weights is None else case.weights[rows]
    return fit_map("intercept", case.y[rows], raw[rows], weight)
