"""Lines drawn for a goal: exact, with the confidence that is asked for, and with what stands behind them."""

from counterpoise.decide.choice import point_at
from counterpoise.decide.costs import CostMatrix, cost_threshold, decide_rows
from counterpoise.decide.curve import ThresholdCurve
from counterpoise.decide.decider import Decider
from counterpoise.decide.goal import GRAMMAR, Constraint, Goal
from counterpoise.decide.moves import reweighted, with_costs, with_prior
from counterpoise.decide.point import ConstraintFigure, OperatingPoint
from counterpoise.decide.rule import ClassGoal, ClassRule

__all__ = [
    "GRAMMAR",
    "ClassGoal",
    "ClassRule",
    "Constraint",
    "ConstraintFigure",
    "CostMatrix",
    "Decider",
    "Goal",
    "OperatingPoint",
    "ThresholdCurve",
    "cost_threshold",
    "decide_rows",
    "point_at",
    "reweighted",
    "with_costs",
    "with_prior",
]
