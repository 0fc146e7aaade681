"""What a good line is, in words that Python and the command line share.

A goal has one objective and any number of constraints::

    goal        =  objective [ "|" constraints ]  |  constraints
    objective   =  f<beta> | mcc | gmean | balanced_accuracy | accuracy | precision | recall | specificity
                   | cost(fn=.., fp=.., [tp=..], [tn=..]) | worst_cost(...)
    constraints =  constraint { ("," | "and") constraint }
    constraint  =  recall>=r | precision>=p | specificity>=s | fpr<=a | alerts<=n | alerts<=n/day | alerts<=x%

Costs are numbers, columns of the table, or a number times a column: ``cost(fn=amount, fp=5)``,
``cost(fn=0.8*amount, fp=5)``. A constraint alone has its natural counterpart as objective: precision for
``recall>=r``, recall for ``precision>=p``, ``fpr<=a``, ``specificity>=s`` and ``alerts<=n``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from counterpoise.errors import GoalError, nearest_names

__all__ = ["GRAMMAR", "Constraint", "Cost", "Goal", "Objective"]

GRAMMAR = (
    "f1, f2, f0.5, ..., mcc, gmean, balanced_accuracy, accuracy, recall>=0.9, precision>=0.8, specificity>=0.99, "
    "fpr<=0.01, alerts<=100, alerts<=100/day, alerts<=1%, cost(fn=100, fp=1), cost(fn=amount, fp=5), "
    "worst_cost(fn=100, fp=1), or an objective with constraints: precision | recall>=0.9, alerts<=50/day"
)

_ALIASES = {
    "sensitivity": "recall",
    "tpr": "recall",
    "ppv": "precision",
    "tnr": "specificity",
    "g_mean": "gmean",
    "g-mean": "gmean",
    "balanced-accuracy": "balanced_accuracy",
    "matthews": "mcc",
    "alarms": "alerts",
}
_OBJECTIVES = ("mcc", "gmean", "balanced_accuracy", "accuracy", "precision", "recall", "specificity")
_LIMITS = {"recall": ">=", "precision": ">=", "specificity": ">=", "fpr": "<=", "alerts": "<="}
_COUNTERPART = {
    "recall": "precision",
    "precision": "recall",
    "specificity": "recall",
    "fpr": "recall",
    "alerts": "recall",
}
_F_BETA = re.compile(r"f_?(\d+(?:\.\d+)?|\.\d+)")
_COST = re.compile(r"(worst_)?cost\s*\((.*)\)", re.DOTALL)
_CONSTRAINT = re.compile(r"([a-z_\-]+)\s*(>=|<=|=>|=<|>|<|==|=)\s*(\S+)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Cost:
    """What one cell of the confusion matrix costs a row: ``factor``, or ``factor * column``.

    Attributes
    ----------
    factor : float
        The amount, or the factor of the column.
    column : str or None
        Column of the table with an amount for each row.
    """

    factor: float
    column: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return _plain(self.factor)
        return self.column if self.factor == 1.0 else f"{_plain(self.factor)}*{self.column}"


@dataclass(frozen=True)
class Objective:
    """What is made as large (or, for costs, as small) as possible.

    Attributes
    ----------
    name : str
        ``f_beta``, ``mcc``, ``gmean``, ``balanced_accuracy``, ``accuracy``, ``precision``, ``recall``,
        ``specificity``, ``cost`` or ``worst_cost``.
    beta : float
        For ``f_beta``.
    costs : tuple of (str, Cost)
        For costs: what ``fn``, ``fp``, ``tp`` and ``tn`` cost a row.
    """

    name: str
    beta: float = 1.0
    costs: tuple[tuple[str, Cost], ...] = ()

    @property
    def greater_is_better(self) -> bool:
        """False for costs."""
        return self.name not in ("cost", "worst_cost")

    def cost(self, cell: str) -> Cost:
        """Give what a cell of the confusion matrix costs.

        Parameters
        ----------
        cell : {"tp", "fp", "fn", "tn"}
            The cell.

        Returns
        -------
        Cost
            Nothing where the goal does not name the cell.
        """
        return dict(self.costs).get(cell, Cost(0.0))

    def __str__(self) -> str:
        if self.name == "f_beta":
            return f"f{_plain(self.beta)}"
        if self.costs:
            return f"{self.name}({', '.join(f'{cell}={cost}' for cell, cost in self.costs)})"
        return self.name


@dataclass(frozen=True)
class Constraint:
    """A limit that the line must keep.

    Attributes
    ----------
    metric : {"recall", "precision", "specificity", "fpr", "alerts"}
        What is limited.
    sign : {">=", "<="}
        From which side.
    limit : float
        The limit; a share for proportions and for ``per="row"``.
    per : {"table", "day", "row"}
        For alerts: of the whole table, on the average day, or as a share of the rows.
    """

    metric: str
    sign: Literal[">=", "<="]
    limit: float
    per: Literal["table", "day", "row"] = "table"

    def __str__(self) -> str:
        number = f"{_plain(100.0 * self.limit)}%" if self.per == "row" else _plain(self.limit)
        return f"{self.metric}{self.sign}{number}{'/day' if self.per == 'day' else ''}"


class Goal:
    """What good means: an objective, limits, and the confidence with which the limits must hold.

    Parameters
    ----------
    text : str or Goal
        The goal in words; see the module's grammar.
    confidence : float, optional
        Confidence, strictly between 0 and 1, that limits on recall, precision, specificity and the false-positive
        rate hold on new rows (exact, for the number of positives at hand). None takes the figures of the sample
        at face value, which misses the target in about half of all cases.

    Attributes
    ----------
    objective : Objective
        What is optimised.
    constraints : tuple of Constraint
        What must hold.
    confidence : float or None
        As given.

    Raises
    ------
    GoalError
        If the text does not follow the grammar or a number is outside its range.

    Examples
    --------
    >>> goal = Goal("recall >= 0.8", confidence=0.95)
    >>> goal.name, goal.metric, goal.greater_is_better
    ('recall>=0.8', 'precision', True)
    >>> Goal("cost(fn=amount, fp=5)").columns
    ('amount',)
    """

    objective: Objective
    constraints: tuple[Constraint, ...]
    confidence: float | None

    def __init__(self, text: str | Goal, confidence: float | None = None) -> None:
        if isinstance(text, Goal):
            self.objective, self.constraints = text.objective, text.constraints
            confidence = text.confidence if confidence is None else confidence
        else:
            self.objective, self.constraints = _parse(text)
        self.confidence = _checked_confidence(confidence)

    @classmethod
    def parse(cls, goal: str | Goal, confidence: float | None = None) -> Goal:
        """Read a goal that may already be one.

        Parameters
        ----------
        goal : str or Goal
            The goal.
        confidence : float, optional
            Overrides the goal's own confidence.

        Returns
        -------
        Goal
            The goal.

        Raises
        ------
        GoalError
            If it cannot be read.
        """
        return goal if isinstance(goal, Goal) and confidence is None else cls(goal, confidence)

    @property
    def name(self) -> str:
        """The goal in its canonical words, without the confidence."""
        limits = ", ".join(str(constraint) for constraint in self.constraints)
        if not self.constraints:
            return str(self.objective)
        return limits if self._is_natural else f"{self.objective} | {limits}"

    @property
    def _is_natural(self) -> bool:
        return self.objective == Objective(_COUNTERPART[self.constraints[0].metric])

    @property
    def metric(self) -> str:
        """Name of the objective, which is what an operating point's `value` reports."""
        if self.objective.name == "f_beta":
            return str(self.objective)
        return self.objective.name

    @property
    def greater_is_better(self) -> bool:
        """Whether a larger value of the objective is better; False for costs."""
        return self.objective.greater_is_better

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table that hold costs of rows, each named once."""
        named = (cost.column for _, cost in self.objective.costs)
        return tuple(dict.fromkeys(column for column in named if column is not None))

    @property
    def needs_days(self) -> bool:
        """Whether the number of days must be known."""
        return any(constraint.per == "day" for constraint in self.constraints)

    def with_confidence(self, confidence: float | None) -> Goal:
        """Give the same goal at another confidence.

        Parameters
        ----------
        confidence : float or None
            The confidence.

        Returns
        -------
        Goal
            A new goal.

        Raises
        ------
        GoalError
            If the confidence is not strictly between 0 and 1.
        """
        goal = Goal(self)
        goal.confidence = _checked_confidence(confidence)
        return goal

    def to_dict(self) -> dict[str, Any]:
        """Give the goal as plain JSON values.

        Returns
        -------
        dict
            ``goal`` and ``confidence``.
        """
        return {"goal": self.name, "confidence": self.confidence}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Goal:
        """Build the goal from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        Goal
            The same goal.
        """
        return cls(record["goal"], record.get("confidence"))

    def __str__(self) -> str:
        return (
            self.name if self.confidence is None else f"{self.name} at {100 * self.confidence:g} % confidence"
        )

    def __repr__(self) -> str:
        suffix = "" if self.confidence is None else f", confidence={self.confidence!r}"
        return f"Goal({self.name!r}{suffix})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Goal) and (self.name, self.confidence) == (other.name, other.confidence)

    def __hash__(self) -> int:
        return hash((self.name, self.confidence))


# --- reading -----------------------------------------------------------------------------------------------


def _parse(text: Any) -> tuple[Objective, tuple[Constraint, ...]]:
    if not isinstance(text, str) or not text.strip():
        raise _wrong(f"The goal {text!r} was given.", "")
    clean = text.replace("≥", ">=").replace("≤", "<=").strip()
    head, bar, tail = clean.partition("|")
    if bar:
        if not head.strip() or not tail.strip():
            raise _wrong(f"The goal {text!r} has nothing on one side of '|'.", "")
        objective = _objective(head.strip())
        if objective is None:
            raise _unknown(head.strip())
        return objective, _constraints(tail)
    objective = _objective(clean)
    if objective is not None:
        return objective, ()
    constraints = _constraints(clean)
    return Objective(_COUNTERPART[constraints[0].metric]), constraints


def _objective(text: str) -> Objective | None:
    cost = _COST.fullmatch(text)
    if cost:
        return _cost_objective("worst_cost" if cost[1] else "cost", _costs(cost[2], text), text)
    name = _canonical(text)
    beta = _F_BETA.fullmatch(name)
    if beta:
        if not 0.0 < float(beta[1]) < math.inf:
            raise _wrong(f"The goal {text!r} has beta {beta[1]}.", "Beta must be above 0.")
        return Objective("f_beta", beta=float(beta[1]))
    return Objective(name) if name in _OBJECTIVES else None


def _cost_objective(name: str, costs: tuple[tuple[str, Cost], ...], text: str) -> Objective:
    plain = all(cell in ("fn", "fp") and cost.column is None for cell, cost in costs)
    if name == "worst_cost" and not plain:
        raise _wrong(f"The goal {text!r} is no worst case.", "A worst case takes two numbers: fn and fp.")
    return Objective(name, costs=costs)


def _canonical(text: str) -> str:
    name = text.strip().lower()
    return _ALIASES.get(name, name)


def _constraints(text: str) -> tuple[Constraint, ...]:
    parts = [part.strip() for part in re.split(r",|\band\b", text)]
    constraints = tuple(_constraint(part) for part in parts)
    names = [(constraint.metric, constraint.per) for constraint in constraints]
    if len(set(names)) < len(names):
        raise _wrong(f"The goal {text!r} limits the same thing twice.", "Keep the stricter limit.")
    return constraints


def _constraint(text: str) -> Constraint:
    match = _CONSTRAINT.fullmatch(re.sub(r"\s*(>=|<=|=>|=<|>|<|==|=)\s*", r"\1", text.strip().lower()))
    if not match:
        raise _unknown(text)
    metric = _canonical(match[1])
    if metric not in _LIMITS:
        raise _unknown(text)
    if match[2] != _LIMITS[metric]:
        raise _wrong(
            f"The goal {text!r} limits {metric} with {match[2]!r}.",
            f"Write {metric}{_LIMITS[metric]}{match[3]}.",
        )
    return _alerts(match[3], text) if metric == "alerts" else _proportion(metric, match[3], text)


def _proportion(metric: str, number: str, text: str) -> Constraint:
    limit = _number(number.removesuffix("%"), text) / (100.0 if number.endswith("%") else 1.0)
    is_upper = _LIMITS[metric] == "<="
    if not (0.0 <= limit < 1.0 if is_upper else 0.0 < limit <= 1.0):
        raise _wrong(
            f"The goal {text!r} has the limit {_plain(limit)}.",
            f"{metric} is a share: "
            + ("0 or more and below 1." if is_upper else "above 0 and at most 1; 0.9 means 90 %."),
        )
    return Constraint(metric, "<=" if is_upper else ">=", limit)


def _alerts(number: str, text: str) -> Constraint:
    amount, slash, unit = number.partition("/")
    if slash and unit not in ("day", "d"):
        raise _wrong(
            f"The goal {text!r} counts alerts per {unit!r}.", "Write alerts<=100/day, or alerts<=100."
        )
    is_share = amount.endswith("%")
    limit = _number(amount.removesuffix("%"), text)
    if (
        limit <= 0.0
        or (is_share and (limit >= 100.0 or bool(slash)))
        or (not is_share and not slash and limit < 1.0)
    ):
        raise _wrong(
            f"The goal {text!r} allows {number} alerts.",
            "Allow at least one alert, or a share such as alerts<=1%.",
        )
    if is_share:
        return Constraint("alerts", "<=", limit / 100.0, "row")
    return Constraint("alerts", "<=", limit, "day" if slash else "table")


def _costs(inside: str, text: str) -> tuple[tuple[str, Cost], ...]:
    costs: dict[str, Cost] = {}
    for part in inside.split(","):
        cell, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or cell.lower() not in ("fn", "fp", "tp", "tn") or not value:
            raise _wrong(f"The goal {text!r} has the part {part.strip()!r}.", "Write cost(fn=100, fp=1).")
        if cell.lower() in costs:
            raise _wrong(f"The goal {text!r} names {cell} twice.", "Name each cell once.")
        costs[cell.lower()] = _cost(value, cell.lower(), text)
    if not {"fn", "fp"} <= costs.keys() or not (costs["fn"].factor or costs["fp"].factor):
        raise _wrong(
            f"The goal {text!r} does not say what both errors cost.",
            "Name fn and fp; without both the best line is to alert everybody or nobody.",
        )
    return tuple((cell, costs[cell]) for cell in ("fn", "fp", "tp", "tn") if cell in costs)


def _cost(value: str, cell: str, text: str) -> Cost:
    if _NUMBER.fullmatch(value):
        cost = Cost(_number(value, text))
    else:
        factor, star, column = value.rpartition("*")
        if not star and column.startswith("-"):
            factor, column = "-1", column[1:]
        if not re.fullmatch(r"[^\W\d][\w.\- ]*", column.strip()) or (
            factor and not _NUMBER.fullmatch(factor.strip())
        ):
            raise _wrong(
                f"The goal {text!r} has the cost {value!r}.",
                "A cost is a number, a column, or a number times a column: fn=0.8*amount.",
            )
        if column.strip().lower() in ("inf", "infinity", "nan"):
            raise _wrong(f"The goal {text!r} has the cost {value!r}.", "A cost is finite.")
        cost = Cost(_number(factor, text) if factor else 1.0, column.strip())
    if cell in ("fn", "fp") and cost.factor < 0.0:
        raise _wrong(
            f"The goal {text!r} gives {cell} the negative cost {value}.",
            "Errors cost 0 or more; write a gain of a right decision as a negative tp or tn.",
        )
    return cost


def _number(text: str, goal: str) -> float:
    if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(float(text)):
        raise _wrong(f"The goal {goal!r} has {text!r} where a number belongs.", "")
    return float(text)


def _checked_confidence(confidence: Any) -> float | None:
    if confidence is None:
        return None
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0.0 < confidence < 1.0:
        given = (
            float(confidence) if isinstance(confidence, float) else confidence
        )  # NumPy writes its type, too
        raise GoalError(
            f"The confidence {given!r} was given.",
            expected="Expected a number strictly between 0 and 1.",
            why="No finite number of rows makes a limit certain.",
            hint="Pass confidence=0.95 for 95 %.",
        )
    return float(confidence)


def _plain(number: float) -> str:
    return (
        repr(int(number))
        if float(number).is_integer() and abs(number) < 1e15
        else repr(float(f"{number:.12g}"))
    )


def _unknown(text: str) -> GoalError:
    word = re.split(r"[><=(\s]", text.strip().lower())[0]
    names = ["f1", "f2", *_OBJECTIVES, *_LIMITS, "cost", "worst_cost"]
    return _wrong(f"The goal {text!r} is not known.", nearest_names(word, names))


def _wrong(given: str, hint: str) -> GoalError:
    return GoalError(
        given,
        expected=f"Expected a goal such as: {GRAMMAR}.",
        why="The goal decides where the line is drawn.",
        hint=hint or "Write one of these, with your numbers.",
    )
