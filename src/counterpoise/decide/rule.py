"""Goals of more than two classes, and the rule by which one of them is chosen.

A rule is a weight on each probability (the class of the largest weighted one is chosen), or a cost matrix (the class of
least expected cost is). It is to several classes what an operating point is to two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from counterpoise.chance import Streams
from counterpoise.decide.classes import class_weights_for, decide_classes, macro_figure
from counterpoise.decide.costs import CostMatrix
from counterpoise.decide.goal import Constraint, Goal
from counterpoise.decide.point import OperatingPoint
from counterpoise.errors import GoalError, ModelError

__all__ = ["ClassGoal", "ClassRule", "class_costs", "in_order"]

MOST_ROWS = 3_000
"""Rows that weights are looked for on: of larger tables the rarer classes are kept, the others thinned and weighed."""

RESAMPLES = {3: 10, 4: 8, 5: 5, 6: 4}
"""Resamples by the number of classes; more classes take too long, and get the best weights of the rows as they are."""


@dataclass(frozen=True)
class ClassRule:
    """How one of several classes is chosen.

    Attributes
    ----------
    goal : str
        What it serves.
    weights : tuple of float
        Weight of each class's probability.
    costs : tuple of tuple of float, or None
        Cost of each decision (columns) for each truth (rows); where there is one, it decides instead of the weights.
    """

    goal: str
    weights: tuple[float, ...]
    costs: tuple[tuple[float, ...], ...] | None = None

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Choose a class for each row.

        Parameters
        ----------
        proba : ndarray of shape (n_rows, n_classes), float64
            Calibrated probabilities.

        Returns
        -------
        ndarray of shape (n_rows,), int64
            Class numbers.
        """
        if self.costs is not None:
            return np.asarray(CostMatrix(self.costs).decide(proba))
        return decide_classes(proba, np.asarray(self.weights))

    def as_point(self, metric: str, value: float, n_rarest: int, n_rows: int) -> OperatingPoint:
        """Give what a model of two classes says of its line: for several classes there is none.

        Parameters
        ----------
        metric : str
            What is judged.
        value : float
            What the rule reaches on the rows that it was found on.
        n_rarest : int
            Rows of the rarest class behind it.
        n_rows : int
            Rows behind it.

        Returns
        -------
        OperatingPoint
            Its threshold and counts are NaN.
        """
        unknown = math.nan
        return OperatingPoint(
            threshold=unknown,
            value=value,
            lower=unknown,
            upper=unknown,
            n_positive=n_rarest,
            n_rows=n_rows,
            goal=self.goal,
            confidence=None,
            metric=metric,
            tp=unknown,
            fp=unknown,
            fn=unknown,
            tn=unknown,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values.

        Returns
        -------
        dict
            What `from_dict` reads.
        """
        return {"kind": "classes", **asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> ClassRule:
        """Build a rule from what `to_dict` gave.

        Parameters
        ----------
        record : dict
            Plain JSON values.

        Returns
        -------
        ClassRule
            The rule.

        Raises
        ------
        ModelError
            If a part is missing or is no number.
        """
        try:
            costs = record["costs"]
            return cls(
                str(record["goal"]),
                tuple(float(weight) for weight in record["weights"]),
                None if costs is None else tuple(tuple(float(cost) for cost in row) for row in costs),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"A rule for several classes could not be read ({type(error).__name__}: {error}).",
                expected="Expected goal, weights and costs.",
                why="Decisions would be wrong without it.",
                hint="Load the model from a complete copy, or save it again.",
            ) from error


def in_order(matrix: CostMatrix, labels: Sequence[Any]) -> CostMatrix:
    """Bring a cost matrix into the order of a table's labels.

    Parameters
    ----------
    matrix : CostMatrix
        Without classes it is in that order already.
    labels : sequence
        The labels.

    Returns
    -------
    CostMatrix
        With the labels as its classes.

    Raises
    ------
    GoalError
        If it is of other classes.
    """
    names = [str(label) for label in labels]
    given = names if matrix.classes is None else [str(label) for label in matrix.classes]
    if matrix.n_classes != len(names) or sorted(given) != sorted(names):
        raise GoalError(
            f"A cost matrix for the classes {', '.join(given) if matrix.classes else matrix.n_classes} was given.",
            expected=f"Expected {', '.join(names)}.",
            why="Each decision is weighed by what it costs for each truth.",
            hint="Pass CostMatrix(costs, classes=[...]) with every class of the table.",
        )
    place = [given.index(name) for name in names]
    return CostMatrix(matrix.costs[np.ix_(place, place)], tuple(labels))


def class_costs(goal: Goal | ClassGoal) -> tuple[float, ...] | None:
    """Say what a mistake on a row of each class costs.

    Parameters
    ----------
    goal : Goal or ClassGoal
        Of two or of several classes.

    Returns
    -------
    tuple of float or None
        None where the goal names no costs, or columns that hold them.
    """
    if isinstance(goal, ClassGoal):
        return goal.class_costs
    if not goal.objective.costs or goal.columns:
        return None
    fn, fp, tp, tn = (goal.objective.cost(cell).factor for cell in ("fn", "fp", "tp", "tn"))
    return fp - tn, fn - tp


@dataclass(frozen=True)
class ClassGoal:
    """What good means for more than two classes.

    Attributes
    ----------
    figure : Goal or None
        ``f<beta>`` (mean over classes), ``balanced_accuracy``, ``gmean`` or ``accuracy``.
    matrix : CostMatrix or None
        In the order of the table's labels; then the mean cost of a row is what counts.
    """

    figure: Goal | None = None
    matrix: CostMatrix | None = None

    @classmethod
    def parse(cls, goal: str | Goal | CostMatrix, labels: Sequence[Any]) -> ClassGoal:
        """Read a goal.

        Parameters
        ----------
        goal : str, Goal or CostMatrix
            As `compare` takes it.
        labels : sequence
            The labels of the classes.

        Returns
        -------
        ClassGoal
            The goal.

        Raises
        ------
        GoalError
            If the goal cannot be read, or the matrix has other classes.
        NotApplicable
            If the goal has no meaning for more than two classes.
        """
        if isinstance(goal, CostMatrix):
            return cls(matrix=in_order(goal, labels))
        parsed = Goal.parse(goal)
        macro_figure(parsed)
        return cls(figure=parsed)

    @property
    def name(self) -> str:
        """The goal as it was asked for."""
        return "cost matrix" if self.figure is None else self.figure.name

    @property
    def beta(self) -> float:
        """Of F-beta; 1 for other goals."""
        return 1.0 if self.figure is None else self.figure.objective.beta

    @property
    def metric(self) -> str:
        """The figure that it is judged by."""
        if self.figure is None:
            return "cost"
        name = self.figure.metric
        return f"macro_{name}" if self.figure.objective.name == "f_beta" else name

    @property
    def greater_is_better(self) -> bool:
        """False for costs."""
        return self.figure is not None

    @property
    def confidence(self) -> None:
        """None: a goal of several classes has no limits that could hold with confidence."""
        return

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """None: recall, precision and alerts are meant for one positive class."""
        return ()

    @property
    def class_costs(self) -> tuple[float, ...] | None:
        """Mean cost of a mistake on a row of each class; None where the goal names no costs."""
        if self.matrix is None:
            return None
        gaps = self.matrix.costs - np.diag(self.matrix.costs)[:, None]
        return tuple(float(gap) for gap in gaps.sum(axis=1) / (len(gaps) - 1))

    def value(self, matrix: np.ndarray) -> float:
        """Give the figure that decisions reach.

        Parameters
        ----------
        matrix : ndarray of shape (n_classes, n_classes), float64
            Counts of truth (rows) and decision (columns).

        Returns
        -------
        float
            NaN where a class that the figure needs has no row.
        """
        if self.matrix is not None:
            return float((matrix * self.matrix.costs).sum() / matrix.sum())
        assert self.figure is not None  # one of both is there
        true = matrix.sum(axis=1)
        if not true.all() and self.figure.objective.name != "accuracy":
            return float("nan")
        return float(macro_figure(self.figure)(np.diag(matrix), true, matrix.sum(axis=0)))

    def rule(
        self, codes: np.ndarray, proba: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> ClassRule:
        """Find the rule that serves the goal on rows like some.

        The geometric mean of the best weights of resampled rows, as a line for two classes is the mean of the best
        lines: it does better on new rows than the best weights of these rows (bagging, Breiman, 1996).

        Parameters
        ----------
        codes : ndarray of shape (n_rows,), int64
            True class numbers.
        proba : ndarray of shape (n_rows, n_classes), float64
            Calibrated probabilities.
        sample_weight : ndarray of shape (n_rows,), float64, optional
            Weights of the rows.

        Returns
        -------
        ClassRule
            The rule; a cost matrix needs no rows.
        """
        if self.matrix is not None:
            costs = tuple(tuple(float(cost) for cost in row) for row in self.matrix.costs)
            return ClassRule(self.name, (1.0,) * proba.shape[1], costs)
        assert self.figure is not None  # one of both is there
        rows, weights = _thinned(codes, sample_weight, proba.shape[1])
        found = _steady_weights(self.figure, codes[rows], proba[rows], weights)
        return ClassRule(self.name, tuple(float(weight) for weight in found))


def _steady_weights(
    goal: Goal, codes: np.ndarray, proba: np.ndarray, sample_weight: np.ndarray | None
) -> np.ndarray:
    n_draws, chance = RESAMPLES.get(proba.shape[1], 0), Streams.of(0).child("rule").generator()
    mass = np.ones(len(codes)) if sample_weight is None else sample_weight
    found = []
    for _ in range(n_draws):
        times = chance.poisson(1.0, len(codes))
        drawn = np.flatnonzero(times)
        if len(np.unique(codes[drawn])) == proba.shape[1]:
            found.append(class_weights_for(goal, codes[drawn], proba[drawn], times[drawn] * mass[drawn]))
    if not found:
        return class_weights_for(goal, codes, proba, sample_weight)
    return np.asarray(np.exp(np.log(found).mean(axis=0)))


def _thinned(
    codes: np.ndarray, sample_weight: np.ndarray | None, n_classes: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Take every row of the rarer classes and every k-th of the others; weigh those for the rows they stand for."""
    if len(codes) <= MOST_ROWS:
        return np.arange(len(codes)), sample_weight
    chosen = [np.flatnonzero(codes == c) for c in range(n_classes)]
    steps = [max(1, -(-len(rows) * n_classes // MOST_ROWS)) for rows in chosen]
    rows = np.concatenate([each[::step] for each, step in zip(chosen, steps, strict=True)])
    share = np.concatenate(
        [
            np.full(len(each[::step]), len(each) / max(1, len(each[::step])))
            for each, step in zip(chosen, steps, strict=True)
        ]
    )
    return rows, share if sample_weight is None else share * sample_weight[rows]
