"""The line that was drawn, with all that is needed to judge it and to draw it again."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

from counterpoise.decide.goal import Goal
from counterpoise.errors import ModelError

__all__ = ["ConstraintFigure", "OperatingPoint"]


@dataclass(frozen=True)
class ConstraintFigure:
    """A limit of the goal, and where the line stands to it.

    Attributes
    ----------
    constraint : str
        The limit in the goal's words.
    value : float
        The figure on the data.
    bound : float
        The figure that was held against the limit: a confidence bound, or the value where no confidence is asked.
    met : bool
        Whether the bound keeps the limit.
    """

    constraint: str
    value: float
    bound: float
    met: bool


@dataclass(frozen=True)
class OperatingPoint:
    """A line between alert and no alert: a row is alerted when its score is at least `threshold`.

    Attributes
    ----------
    threshold : float
        The line; infinity alerts nobody.
    value : float
        The goal's objective on the data the line was drawn on (`metric` says which): with constraints, the
        objective under them. It is a little optimistic, because the line was chosen on the same rows.
    lower : float
        Lower end of the interval of `value`.
    upper : float
        Upper end.
    n_positive : int
        Positive rows behind it.
    n_rows : int
        Rows behind it.
    goal : str
        The goal in words.
    confidence : float or None
        Confidence with which the constraints hold; None where they were taken at face value.
    metric : str
        What `value` is.
    tp, fp, fn, tn : float
        Weighted confusion counts at the line.
    constraints : tuple of ConstraintFigure
        Where the line stands to each limit.
    met : bool
        Whether all limits are kept; False only for a nearest point.
    reason : str
        Why the goal is not met, and what would be needed; empty where it is.
    fingerprint : str
        Hash of the outcomes, scores and weights that the line was drawn on.
    version : int
        How often the line has been moved since, by a change of prior or costs.
    history : tuple of str
        What moved it.
    """

    threshold: float
    value: float
    lower: float
    upper: float
    n_positive: int
    n_rows: int
    goal: str
    confidence: float | None
    metric: str
    tp: float
    fp: float
    fn: float
    tn: float
    constraints: tuple[ConstraintFigure, ...] = ()
    met: bool = True
    reason: str = ""
    fingerprint: str = ""
    version: int = 0
    history: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        """Share of the positives that are alerted; NaN without positives."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn > 0 else math.nan

    @property
    def precision(self) -> float:
        """Share of the alerts that are positive; NaN without alerts."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp > 0 else math.nan

    @property
    def alert_rate(self) -> float:
        """Share of the rows that are alerted."""
        return (self.tp + self.fp) / (self.tp + self.fp + self.fn + self.tn)

    def _repr_html_(self) -> str:
        limits = "".join(
            f"<li>{escape(limit.constraint)}: {limit.value:.4g} (held against the limit: {limit.bound:.4g}), "
            f"{'kept' if limit.met else 'missed'}</li>"
            for limit in self.constraints
        )
        missed = f"<p>{escape(self.reason)}</p>" if self.reason else ""
        cells = (
            f"<tr><th></th><th>alerted</th><th>left alone</th></tr>"
            f"<tr><th>positive</th><td>{self.tp:,.0f}</td><td>{self.fn:,.0f}</td></tr>"
            f"<tr><th>negative</th><td>{self.fp:,.0f}</td><td>{self.tn:,.0f}</td></tr>"
        )
        return (
            f"<div><p><b>Alert where the score is at least {self.threshold:.6g}</b>, drawn for {escape(self.goal)} "
            f"on {self.n_positive:,} positives in {self.n_rows:,} rows.</p>"
            f"<p>{escape(self.metric)} {self.value:.4g} ({self.lower:.4g} to {self.upper:.4g}), recall "
            f"{self.recall:.4g}, precision {self.precision:.4g}, alerts on {self.alert_rate:.3%} of the rows.</p>"
            f"{missed}{f'<ul>{limits}</ul>' if limits else ''}<table>{cells}</table></div>"
        )

    def as_goal(self) -> Goal:
        """Give the goal behind the line.

        Returns
        -------
        Goal
            The goal, with its confidence.
        """
        return Goal(self.goal, self.confidence)

    def moved(self, threshold: float, why: str) -> OperatingPoint:
        """Give the point with another line, and remember why.

        Parameters
        ----------
        threshold : float
            The new line.
        why : str
            What moved it, as a sentence.

        Returns
        -------
        OperatingPoint
            The next version.
        """
        return replace(
            self, threshold=float(threshold), version=self.version + 1, history=(*self.history, why)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the point as plain JSON values.

        Returns
        -------
        dict
            All attributes; NaN as None, infinity as ``"inf"``.
        """
        record: dict[str, Any] = _plain(asdict(self))
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> OperatingPoint:
        """Build the point from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        OperatingPoint
            The same point.

        Raises
        ------
        ModelError
            If a part is missing or unknown.
        """
        try:
            parts = {key: _number(key, value) for key, value in record.items()}
            limits = tuple(
                ConstraintFigure(**{key: _number(key, value) for key, value in each.items()})
                for each in parts.pop("constraints", ())
            )
            history = tuple(parts.pop("history", ()))
            return cls(**parts, constraints=limits, history=history)
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(
                f"An operating point could not be read ({error}).",
                expected="Expected the record that OperatingPoint.to_dict gives.",
                why="Without its line a model cannot decide.",
                hint="Load the model from a complete copy, or draw the line again.",
            ) from error


_NUMBERS = {"threshold", "value", "lower", "upper", "tp", "fp", "fn", "tn", "bound"}


def _number(key: str, value: Any) -> Any:
    return math.nan if value is None and key in _NUMBERS else float(value) if key in _NUMBERS else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, float) and math.isinf(value) else value
