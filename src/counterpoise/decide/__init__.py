"""Lines drawn for a goal: exact, with the confidence that is asked for, and with what stands behind them."""

from counterpoise.decide.curve import ThresholdCurve
from counterpoise.decide.goal import GRAMMAR, Constraint, Goal
from counterpoise.decide.point import OperatingPoint

__all__ = ["GRAMMAR", "Constraint", "Goal", "OperatingPoint", "ThresholdCurve"]
