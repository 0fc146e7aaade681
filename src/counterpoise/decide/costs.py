r"""Decisions of least expected cost.

Given calibrated probabilities :math:`p_i` and the cost :math:`C_{ij}` of deciding :math:`j` where the truth is
:math:`i`, the best decision is :math:`\arg\min_j \sum_i p_i C_{ij}`. For two classes that is a line,

.. math:: t = \frac{C_{01} - C_{00}}{(C_{01} - C_{00}) + (C_{10} - C_{11})},

the same for every row, or one for each row where costs differ between rows.

Source: C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.calibrate.inputs import as_numbers, as_probabilities, same_length
from counterpoise.decide.goal import Goal
from counterpoise.errors import InputError, NotApplicable

__all__ = ["CostMatrix", "cost_threshold", "decide_rows"]


def cost_threshold(fn: Any, fp: Any, tp: Any = 0.0, tn: Any = 0.0) -> Any:
    """Give the probability from which alerting costs least, for all rows or for each.

    Parameters
    ----------
    fn : float or array-like
        Cost of a missed positive.
    fp : float or array-like
        Cost of a false alert.
    tp : float or array-like, default=0.0
        Cost of a caught positive; negative for a gain.
    tn : float or array-like, default=0.0
        Cost of a negative left alone.

    Returns
    -------
    float or ndarray
        The line, between 0 and 1; alert from this probability on.

    Raises
    ------
    InputError
        If a right decision costs more than a wrong one, or nothing depends on the decision.

    Examples
    --------
    >>> round(cost_threshold(fn=100, fp=1), 6)
    0.009901
    """
    missed = as_numbers(fn, "fn") - as_numbers(tp, "tp")
    false = as_numbers(fp, "fp") - as_numbers(tn, "tn")
    if not (np.isfinite(missed) & np.isfinite(false) & (missed >= 0) & (false >= 0)).all():
        raise InputError(
            f"Costs with fn - tp down to {np.min(missed):g} and fp - tn down to {np.min(false):g} were given.",
            expected="Expected finite costs, an error never cheaper than the right decision.",
            why="Else it would pay to decide against what is known.",
            hint="Write costs as positive numbers, gains as negative tp or tn.",
        )
    if (missed + false <= 0).any():
        raise InputError(
            "Costs that do not depend on the decision were given.",
            expected="Expected an error to cost more than a right decision for every row.",
            why="Without it every line is as good as any other.",
            hint="Name the cost of a missed positive and of a false alert.",
        )
    line = false / (missed + false)
    return np.asarray(line) if line.ndim else float(line)


def decide_rows(proba: Any, *, fn: Any, fp: Any, tp: Any = 0.0, tn: Any = 0.0) -> np.ndarray:
    """Decide every row by its own costs.

    Parameters
    ----------
    proba : array-like of shape (n_rows,)
        Calibrated probabilities of the positive class.
    fn, fp : float or array-like of shape (n_rows,)
        Cost of errors.
    tp, tn : float or array-like of shape (n_rows,), default=0.0
        Cost of right decisions; negative for gains.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        True where alerting costs at most as much as not alerting.

    Raises
    ------
    InputError
        If the costs cannot be used or have another length.

    Examples
    --------
    >>> decide_rows([0.1, 0.1], fn=[10.0, 1000.0], fp=5.0).tolist()
    [False, True]
    """
    p = as_probabilities(proba)
    p = p if p.ndim == 1 else p[:, -1]
    costs = {name: as_numbers(each, name) for name, each in (("fn", fn), ("fp", fp), ("tp", tp), ("tn", tn))}
    same_length(p.shape[0], **{name: each for name, each in costs.items() if each.ndim})
    missed, false = costs["fn"] - costs["tp"], costs["fp"] - costs["tn"]
    if not (np.isfinite(missed) & np.isfinite(false) & (missed >= 0) & (false >= 0)).all():
        cost_threshold(**costs)
    return np.asarray((p * missed >= (1.0 - p) * false) & (missed > 0.0))


@dataclass(frozen=True, eq=False)
class CostMatrix:
    """What each decision costs for each truth.

    Parameters
    ----------
    costs : array-like of shape (n_classes, n_classes)
        ``costs[i, j]`` is the cost of deciding class j where the truth is class i; negative for a gain.
    classes : sequence, optional
        Labels of the classes, in the order of the rows.

    Raises
    ------
    InputError
        If the matrix is not square, a cost is not finite, or a wrong decision costs less than the right one.

    Examples
    --------
    >>> matrix = CostMatrix.binary(fn=100, fp=1)
    >>> round(matrix.threshold, 6)
    0.009901
    >>> matrix.decide([[0.999, 0.001], [0.95, 0.05]]).tolist()
    [0, 1]
    """

    costs: Any
    classes: Any = None

    def __post_init__(self) -> None:
        matrix = as_numbers(self.costs, "costs")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            raise _wrong_matrix(
                f"A cost matrix of shape {matrix.shape} was given.", "a square matrix, one row a class"
            )
        if self.classes is not None and len(self.classes) != matrix.shape[0]:
            raise _wrong_matrix(
                f"A cost matrix of shape {matrix.shape} for {len(self.classes)} classes was given.",
                "one row and one column for each class",
            )
        if not np.isfinite(matrix).all():
            raise _wrong_matrix("A cost matrix with NaN or infinity was given.", "finite costs")
        right = np.diag(matrix)[:, None]
        if (matrix < right).any() or not (matrix > right).any(axis=1).all():
            i, j = np.argwhere((matrix < right) | (matrix <= right).all(axis=1, keepdims=True))[0]
            raise _wrong_matrix(
                f"Deciding class {int(j)} where the truth is {int(i)} costs {matrix[i, j]:g}, deciding rightly "
                f"{matrix[i, i]:g}.",
                "right decisions that cost no more than any wrong one, and less than some",
            )
        object.__setattr__(self, "costs", matrix)
        object.__setattr__(self, "classes", None if self.classes is None else tuple(self.classes))

    @classmethod
    def binary(cls, fn: float, fp: float, tp: float = 0.0, tn: float = 0.0) -> CostMatrix:
        """Make the matrix of two classes, the second the positive one.

        Parameters
        ----------
        fn : float
            Cost of a missed positive.
        fp : float
            Cost of a false alert.
        tp : float, default=0.0
            Cost of a caught positive; negative for a gain.
        tn : float, default=0.0
            Cost of a negative left alone.

        Returns
        -------
        CostMatrix
            The matrix.

        Raises
        ------
        InputError
            If an error costs less than the right decision.
        """
        return cls(np.array([[tn, fp], [fn, tp]], dtype=np.float64))

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.costs.shape[0])

    @property
    def threshold(self) -> float:
        """The line on the probability of the second of two classes."""
        if self.n_classes != 2:
            raise NotApplicable(
                f"The threshold of a cost matrix of {self.n_classes} classes was asked for.",
                expected="Expected two classes.",
                why="More classes are divided by more than one line.",
                hint="Use decide(proba).",
            )
        c = self.costs
        return float(cost_threshold(fn=c[1, 0], fp=c[0, 1], tp=c[1, 1], tn=c[0, 0]))

    def expected(self, proba: Any) -> np.ndarray:
        """Give the expected cost of every decision.

        Parameters
        ----------
        proba : array-like of shape (n_rows, n_classes), or (n_rows,) for two classes
            Calibrated probabilities.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Cost of deciding each class.

        Raises
        ------
        InputError
            If the probabilities are none, or have other classes.
        """
        p = as_probabilities(proba)
        p = np.column_stack([1.0 - p, p]) if p.ndim == 1 else p
        if p.shape[1] != self.n_classes:
            raise _wrong_matrix(
                f"A cost matrix of {self.n_classes} classes was given for probabilities of {p.shape[1]}.",
                "as many classes in both",
            )
        return np.asarray(p @ self.costs)

    def decide(self, proba: Any) -> np.ndarray:
        """Decide for the class of least expected cost.

        Parameters
        ----------
        proba : array-like of shape (n_rows, n_classes), or (n_rows,) for two classes
            Calibrated probabilities.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels, or class numbers where the matrix has none. Of two classes at equal cost the second is chosen,
            as with `threshold`.

        Raises
        ------
        InputError
            If the probabilities are none, or have other classes.
        """
        cost = self.expected(proba)
        if self.n_classes == 2:
            p = as_probabilities(proba)
            chosen = ((p if p.ndim == 1 else p[:, 1]) >= self.threshold).astype(np.int64)
        else:
            chosen = cost.argmin(axis=1)
        return chosen if self.classes is None else np.asarray(self.classes)[chosen]

    def realised(self, truth: Any, decision: Any, sample_weight: Any = None) -> float:
        """Give the mean cost of decisions that were made.

        Parameters
        ----------
        truth : array-like of shape (n_rows,)
            Class numbers (or labels, where the matrix has them).
        decision : array-like of shape (n_rows,)
            What was decided.
        sample_weight : array-like of shape (n_rows,), optional
            Weights.

        Returns
        -------
        float
            Mean cost a row.

        Raises
        ------
        InputError
            If a label is unknown.
        """
        found = self.costs[self._number(truth), self._number(decision)]
        return float(np.average(found, weights=sample_weight))

    def _number(self, labels: Any) -> np.ndarray:
        names = np.arange(self.n_classes) if self.classes is None else np.asarray(self.classes)
        order = np.argsort(names)
        values = np.asarray(labels)
        at = order[np.clip(np.searchsorted(names[order], values), 0, self.n_classes - 1)]
        if (names[at] != values).any():
            raise _wrong_matrix(
                f"The label {values[names[at] != values].tolist()[0]!r} was given.",
                f"one of {names.tolist()}",
            )
        return np.asarray(at)

    def to_dict(self) -> dict[str, Any]:
        """Give the matrix as plain JSON values.

        Returns
        -------
        dict
            ``costs`` and ``classes``.
        """
        return {"costs": self.costs.tolist(), "classes": None if self.classes is None else list(self.classes)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> CostMatrix:
        """Build the matrix from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        CostMatrix
            The same matrix.
        """
        return cls(record["costs"], record.get("classes"))

    @classmethod
    def of_goal(cls, goal: str | Goal) -> CostMatrix:
        """Make the matrix of a goal ``cost(fn=.., fp=..)`` with numbers.

        Parameters
        ----------
        goal : str or Goal
            The goal.

        Returns
        -------
        CostMatrix
            The matrix.

        Raises
        ------
        NotApplicable
            If the goal is no cost, or names columns.
        """
        objective = Goal.parse(goal).objective
        if objective.name != "cost" or Goal.parse(goal).columns:
            raise NotApplicable(
                f"The goal {Goal.parse(goal).name!r} was given.",
                expected="Expected a goal such as cost(fn=100, fp=1).",
                why="A cost matrix holds numbers.",
                hint="Use decide_rows for costs that differ between rows.",
            )
        return cls.binary(**{cell: objective.cost(cell).factor for cell in ("fn", "fp", "tp", "tn")})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CostMatrix) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.costs.tobytes())


def _wrong_matrix(given: str, expected: str) -> InputError:
    return InputError(
        given,
        expected=f"Expected {expected}.",
        why="Each decision is weighed by what it costs for each truth.",
        hint="Pass costs[truth, decision], for two classes [[0, fp], [fn, 0]].",
    )
