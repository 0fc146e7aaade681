"""More than two classes: judging by rules drawn on other rows, and figures over all classes and of each.

As for two classes, each fold's scores are calibrated, and its rule is found, on the out-of-fold scores of other folds.
Figures over all classes are means over the classes, each against the rest (macro averages), except accuracy, log loss,
cost and the correlation, which look at all at once. Of each class stand its own figures beside them.

Sources: J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", Computational
Biology and Chemistry 28, 2004; J. Opitz, S. Burst, "Macro F1 and macro F1", arXiv 1911.03347 (the mean of the F1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.calibrate import CalibrationMap, fit_map
from counterpoise.decide import ClassGoal, ClassRule, OperatingPoint
from counterpoise.errors import NotApplicable
from counterpoise.evaluate import intervals
from counterpoise.evaluate.counting import centred
from counterpoise.evaluate.figures import Figures, resampling, untreated_of
from counterpoise.evaluate.intervals import Draws
from counterpoise.evaluate.judging import Case
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.evaluate.records import ClassRecord, Estimate
from counterpoise.evaluate.verdict import Contender
from counterpoise.split import Fold, Folds

__all__ = [
    "LEAST_PROBABILITY",
    "ClassFigures",
    "ClassJudged",
    "check_classes",
    "drawn_class_goal",
    "judge_classes",
]

_DRAWS = ((50_000, 1000), (300_000, 500))
"""Resamples up to so many probabilities (rows times classes): each costs as much for every class."""

_FEWEST_DRAWS = 200
_MEANS = ("average_precision", "roc_auc", "precision", "recall")
_CLASS_FIGURES = ("precision", "recall", "f1", "average_precision", "roc_auc", "brier", "mean_ratio")
LEAST_PROBABILITY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class ClassJudged:
    """A candidate's out-of-fold probabilities and decisions among several classes.

    Attributes
    ----------
    proba : ndarray of shape (n, n_classes)
        Calibrated; NaN where the row judges nobody.
    decided : ndarray of shape (n,), int64
        The class that a rule chose in which the row had no part; -1 where the row judges nobody.
    rule : ClassRule
        That of all judged rows together.
    point : OperatingPoint
        What the rule reaches on these rows; its line is NaN.
    calibration : CalibrationMap
        The shifts of all rows that were scored.
    """

    proba: np.ndarray
    decided: np.ndarray
    rule: ClassRule
    point: OperatingPoint
    calibration: CalibrationMap


def check_classes(y: np.ndarray, labels: Sequence[Any], folds: Folds) -> None:
    """Refuse folds in which a class is missing where it is learned or judged.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        Class numbers.
    labels : sequence
        Their labels.
    folds : Folds
        How the rows are split.

    Raises
    ------
    NotApplicable
        If a training part lacks a class, or no row of a class judges.
    """
    judging = np.concatenate([fold.test for fold in folds.folds if fold.lines])
    parts = [(f"the training part of fold {k}", fold.train) for k, fold in enumerate(folds.folds)]
    for where, rows in [*parts, ("the rows that judge", judging)]:
        missing = np.flatnonzero(np.bincount(y[rows], minlength=len(labels)) == 0)
        if len(missing):
            raise NotApplicable(
                f"The class {labels[int(missing[0])]!r} does not occur in {where}.",
                expected="Expected every class where models learn, and where they are judged.",
                why="A class that was never seen cannot be predicted, and one that does not judge has no figures.",
                hint="Join rare classes, ask for fewer folds, or compare one class with the rest (--positive).",
            )


def judge_classes(case: Case, finished: list[FinishedFold]) -> ClassJudged:
    """Calibrate, find rules, and decide, each fold by the others.

    Parameters
    ----------
    case : Case
        What is the same for all candidates; its goal is a `ClassGoal`.
    finished : list of FinishedFold
        One a fold.

    Returns
    -------
    ClassJudged
        Probabilities and decisions.
    """
    fold_of = case.fold_of
    raw = np.full((len(case.y), finished[0].scores.proba.shape[1]), np.nan)
    for fold, done in zip(case.folds.folds, finished, strict=True):
        raw[fold.test] = done.scores.proba
    proba, decided = np.full_like(raw, np.nan), np.full(len(raw), -1, dtype=np.int64)
    for fold, done in zip(case.folds.folds, finished, strict=True):
        if fold.lines:
            known, basis = _basis(raw, fold, done, np.isin(fold_of, fold.lines))
            shift = _fit(case, known, basis)
            rule = _goal(case).rule(_codes(case, known), shift.apply(basis), _weights(case, known))
            proba[fold.test] = shift.apply(raw[fold.test])
            decided[fold.test] = rule.decide(proba[fold.test])
    scored, judging = np.flatnonzero(fold_of >= 0), np.flatnonzero(case.judging)
    rule = _goal(case).rule(_codes(case, judging), proba[judging], _weights(case, judging))
    return ClassJudged(
        proba, decided, rule, _point(case, judging, proba, rule), _fit(case, scored, raw[scored])
    )


def drawn_class_goal(
    case: Case,
    judged: Mapping[str, ClassJudged],
    n_draws: int,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> Draws:
    """Resample the goal's figure of candidates.

    Parameters
    ----------
    case : Case
        What is the same for all; its goal is a `ClassGoal`.
    judged : mapping of str to ClassJudged
        By candidate.
    n_draws : int
        Resamples.
    groups : ndarray of shape (n,), optional
        Rows of one group are resampled together.
    seed : int, default=0
        Seeds the resamples.

    Returns
    -------
    Draws
        With the one figure.
    """
    rows, goal = np.flatnonzero(case.judging), _goal(case)
    y, weights, options = _codes(case, rows), _weights(case, rows), resampling(rows, groups, n_draws, seed)
    values, drawn = {}, {}
    for name, each in judged.items():
        n_classes = each.proba.shape[1]
        whole, sums = intervals.draw_sums(_cells(y, each.decided[rows], n_classes), weights, **options)
        of_draws = [goal.value(column.reshape(n_classes, n_classes)) for column in sums.T]
        values[name] = {goal.metric: float(goal.value(whole.reshape(n_classes, n_classes)))}
        drawn[name] = {goal.metric: np.array(of_draws)}
    n_rarest = float(np.bincount(y, minlength=n_classes).min()) / case.n_repeats
    return Draws(values, drawn, {name: {} for name in judged}, n_rarest)


def _point(case: Case, rows: np.ndarray, proba: np.ndarray, rule: ClassRule) -> OperatingPoint:
    y = _codes(case, rows)
    matrix = _matrix(y, rule.decide(proba[rows]), proba.shape[1], _weights(case, rows))
    n_rarest = int(np.bincount(y, minlength=proba.shape[1]).min())
    return rule.as_point(_goal(case).metric, _goal(case).value(matrix), n_rarest, len(rows))


def _basis(
    raw: np.ndarray, fold: Fold, done: FinishedFold, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the rows, and their scores, that a fold's calibration and rule come from."""
    if done.scores.inner is not None:
        return fold.train, done.scores.inner
    rows = np.flatnonzero(others)
    return rows, raw[rows]


def _fit(case: Case, rows: np.ndarray, scores: np.ndarray) -> CalibrationMap:
    return fit_map("intercept", _codes(case, rows), scores, _weights(case, rows))


def _goal(case: Case) -> ClassGoal:
    goal: Any = case.goal
    assert isinstance(goal, ClassGoal)  # what compare gives a table of several classes
    return goal


def _codes(case: Case, rows: np.ndarray) -> np.ndarray:
    return np.asarray(case.y[rows], dtype=np.int64)


def _weights(case: Case, rows: np.ndarray) -> np.ndarray | None:
    return None if case.weights is None else case.weights[rows]


# --- figures ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassFigures(Figures):
    """Figures over all classes and of each, with intervals, all from the same random weights of the rows.

    Attributes
    ----------
    labels : tuple
        The classes.
    rarest : int
        Number of the class with the fewest rows that judge.
    by_class : tuple of Draws
        Figures of each class against the rest.
    matrices : mapping of str to ndarray
        Weighted counts of truth (rows) and decision (columns), by candidate.
    """

    labels: tuple[Any, ...] = ()
    rarest: int = 0
    by_class: tuple[Draws, ...] = ()
    matrices: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of_classes(
        cls,
        case: Case,
        judged: Mapping[str, ClassJudged],
        labels: Sequence[Any],
        contenders: Sequence[Contender] = (),
        *,
        groups: np.ndarray | None = None,
        seed: int = 0,
    ) -> ClassFigures:
        """Resample once for all candidates and classes.

        Parameters
        ----------
        case : Case
            What is the same for all.
        judged : mapping of str to ClassJudged
            By candidate.
        labels : sequence
            The classes.
        contenders : sequence of Contender, default=()
            Says which candidates share a learner.
        groups : ndarray of shape (n,), optional
            Rows of one group are resampled together.
        seed : int, default=0
            Seeds the resamples.

        Returns
        -------
        ClassFigures
            Values, intervals and differences.
        """
        rows = np.flatnonzero(case.judging)
        options = resampling(rows, groups, _n_draws(len(rows) * len(labels)), seed)
        y, weights, goal = _codes(case, rows), _weights(case, rows), _goal(case)
        by_class = tuple(
            intervals.draw(
                y == c,
                {name: _against_rest(each, rows, c) for name, each in judged.items()},
                weights,
                fold=case.fold_of[rows],
                betas=tuple({1.0, goal.beta}),
                **options,
            )
            for c in range(len(labels))
        )
        at_once = {name: _at_once(y, each, rows, weights, goal, options) for name, each in judged.items()}
        counts = np.bincount(y, minlength=len(labels))
        rarest = int(counts.argmin())
        values = {
            name: _means(by_class, name, goal, rarest, drawn=False) | at_once[name][0] for name in judged
        }
        drawn = {name: _means(by_class, name, goal, rarest, drawn=True) | at_once[name][1] for name in judged}
        return cls(
            draws=Draws(
                values,
                drawn,
                {name: {} for name in judged},
                min(each.n_positive for each in by_class),
                {
                    name: _paid(y, each.decided[rows], weights, goal, options["groups"])
                    for name, each in judged.items()
                },
            ),
            metric=goal.metric,
            untreated_of=untreated_of(contenders),
            counts={},
            by_fold={name: _by_fold(case, each, goal) for name, each in judged.items()},
            n_positive=int(counts[rarest]) // case.n_repeats,
            n_draws=options["n_draws"],
            labels=tuple(labels),
            rarest=rarest,
            by_class=by_class,
            matrices={
                name: _matrix(y, each.decided[rows], len(labels), weights) for name, each in judged.items()
            },
        )

    def centred_on(
        self, candidate: str, of_class: Sequence[Mapping[str, float]], sums: np.ndarray, goal: ClassGoal
    ) -> ClassFigures:
        """Put what was drawn on a sample about figures that are known exactly.

        Parameters
        ----------
        candidate : str
            The only one.
        of_class : sequence of mapping of str to float
            Figures of each class against the rest.
        sums : ndarray of shape (n_classes ** 2 + 1,), float64
            Rows by truth and decision, and the sum of their losses.
        goal : ClassGoal
            What the rule was drawn for.

        Returns
        -------
        ClassFigures
            With the exact values.
        """
        n_classes = len(self.labels)
        by_class = tuple(
            centred(draws, candidate, exact) for draws, exact in zip(self.by_class, of_class, strict=True)
        )
        matrix = sums[:-1].reshape(n_classes, n_classes)
        rarest = int(matrix.sum(axis=1).argmin())
        at_once = {name: float(value[0]) for name, value in _of_sums(sums[:, None], n_classes, goal).items()}
        means = _means(by_class, candidate, goal, rarest, drawn=False)
        return replace(
            self,
            draws=centred(self.draws, candidate, means | at_once),
            rarest=rarest,
            by_class=by_class,
            matrices={candidate: matrix},
        )

    @property
    def counted(self) -> str:
        """What limits how much can be shown."""
        return f"rows of {self.labels[self.rarest]}, the rarest class,"

    def class_records(self, candidate: str) -> list[ClassRecord]:
        """Give the figures of each class.

        Parameters
        ----------
        candidate : str
            Its name.

        Returns
        -------
        list of ClassRecord
            In the order of the labels.
        """
        matrix = self.matrices[candidate]
        return [
            ClassRecord(
                label=str(label),
                n=float(matrix[c].sum()),
                n_decided=float(matrix[:, c].sum()),
                metrics={name: self._class_estimate(c, candidate, name) for name in _CLASS_FIGURES},
                decided_as=[float(count) for count in matrix[c]],
            )
            for c, label in enumerate(self.labels)
        ]

    def _class_estimate(self, c: int, candidate: str, metric: str) -> Estimate:
        found = self.by_class[c].interval(candidate, metric, self.confidence)
        if np.isnan(found.value):
            return Estimate(value=None, why_undefined="no row was decided as this class")
        lower, upper = (None if np.isnan(end) else float(end) for end in (found.lower, found.upper))
        return Estimate(value=float(found.value), lower=lower, upper=upper)

    def _why_undefined(self, candidate: str, metric: str) -> str:
        decided = self.matrices[candidate].sum(axis=0)
        never = [str(label) for label, n in zip(self.labels, decided, strict=True) if not n]
        return (
            f"no row was decided as {', '.join(never)}"
            if never
            else "the figure does not exist for these decisions"
        )


def _paid(
    y: np.ndarray, decided: np.ndarray, weights: np.ndarray | None, goal: ClassGoal, groups: np.ndarray | None
) -> Any:
    """Give what each row, or group, costs, as a sparse row; nothing where the goal names no costs."""
    costs = np.zeros(len(y)) if goal.matrix is None else goal.matrix.costs[y, decided]
    unit = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    return sparse.csr_matrix(np.bincount(unit, costs if weights is None else costs * weights))


def _n_draws(n_probabilities: int) -> int:
    return next((draws for most, draws in _DRAWS if n_probabilities <= most), _FEWEST_DRAWS)


def _against_rest(judged: ClassJudged, rows: np.ndarray, c: int) -> intervals.Judged:
    proba = judged.proba[rows, c]
    return intervals.Judged(proba, judged.decided[rows] == c, np.clip(proba, 0.0, 1.0))


def _means(
    by_class: Sequence[Draws], name: str, goal: ClassGoal, rarest: int, *, drawn: bool
) -> dict[str, Any]:
    """Average what each class has against the rest."""
    each: list[Any] = [(draws.drawn if drawn else draws.values)[name] for draws in by_class]
    recalls = np.array([one["recall"] for one in each])
    with np.errstate(divide="ignore"):
        found = {
            **{metric: np.mean([one[metric] for one in each], axis=0) for metric in (*_MEANS, "f1")},
            "macro_f1": np.mean([one["f1"] for one in each], axis=0),
            f"macro_f{goal.beta:g}": np.mean([one[f"f{goal.beta:g}"] for one in each], axis=0),
            "balanced_accuracy": recalls.mean(axis=0),
            "gmean": np.exp(np.log(recalls).mean(axis=0)),
            "brier": np.sum([one["brier"] for one in each], axis=0),
            "mean_ratio": each[rarest]["mean_ratio"],
        }
    return found if drawn else {metric: float(value) for metric, value in found.items()}


def _at_once(
    y: np.ndarray,
    judged: ClassJudged,
    rows: np.ndarray,
    weights: np.ndarray | None,
    goal: ClassGoal,
    options: Mapping[str, Any],
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Give the figures that look at all classes at once, as the rows are and under each draw."""
    n_classes = judged.proba.shape[1]
    cells = _cells(y, judged.decided[rows], n_classes)
    losses = -np.log(np.maximum(judged.proba[rows, y], LEAST_PROBABILITY))
    sums, drawn = intervals.draw_sums(
        sparse.hstack([cells, sparse.csr_matrix(losses[:, None])]), weights, **options
    )
    values = _of_sums(sums[:, None], n_classes, goal)
    return {name: float(value[0]) for name, value in values.items()}, _of_sums(drawn, n_classes, goal)


def _cells(y: np.ndarray, decided: np.ndarray, n_classes: int) -> Any:
    """Mark each row's cell of truth and decision."""
    n = len(y)
    return sparse.csr_matrix((np.ones(n), (np.arange(n), y * n_classes + decided)), (n, n_classes**2))


def _of_sums(sums: np.ndarray, n_classes: int, goal: ClassGoal) -> dict[str, np.ndarray]:
    matrix = sums[:-1].reshape(n_classes, n_classes, -1)
    total = matrix.sum(axis=(0, 1))
    found = {
        "accuracy": np.trace(matrix) / total,
        "mcc": _correlation(matrix),
        "log_loss": sums[-1] / total,
    }
    if goal.matrix is not None:
        found["cost"] = np.einsum("ijk,ij->k", matrix, goal.matrix.costs) / total
    return found


def _correlation(matrix: np.ndarray) -> np.ndarray:
    """Give Gorodkin's correlation of truth and decision; NaN where all rows are decided alike."""
    true, decided = matrix.sum(axis=1), matrix.sum(axis=0)
    total = true.sum(axis=0)
    shared = np.trace(matrix) * total - (true * decided).sum(axis=0)
    spread = (total**2 - (true**2).sum(axis=0)) * (total**2 - (decided**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spread > 0, shared / np.sqrt(spread), np.nan))


def _matrix(y: np.ndarray, decided: np.ndarray, n_classes: int, weights: np.ndarray | None) -> np.ndarray:
    return np.bincount(y * n_classes + decided, weights, n_classes**2).reshape(n_classes, n_classes)


def _by_fold(case: Case, judged: ClassJudged, goal: ClassGoal) -> list[float | None]:
    """Give the goal's figure in each fold that judges."""
    fold_of, found, n_classes = case.fold_of, [], judged.proba.shape[1]
    for k in np.unique(fold_of[case.judging]):
        rows = np.flatnonzero(case.judging & (fold_of == k))
        matrix = _matrix(_codes(case, rows), judged.decided[rows], n_classes, _weights(case, rows))
        value = goal.value(matrix)
        found.append(None if np.isnan(value) else value)
    return found
