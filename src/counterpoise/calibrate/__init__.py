"""Probabilities that mean what they say, after any treatment of the imbalance."""

from counterpoise.calibrate.calibrators import (
    InterceptCalibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    PriorCorrection,
)
from counterpoise.calibrate.crossfit import out_of_fold
from counterpoise.calibrate.intercept import InterceptMap, fit_intercept
from counterpoise.calibrate.isotonic import IsotonicMap
from counterpoise.calibrate.losses import focal_to_probability, logit_adjusted_to_probability
from counterpoise.calibrate.maps import CalibrationMap, IdentityMap, MapChain, fit_map, map_from_dict
from counterpoise.calibrate.odds import log_odds, odds_histogram
from counterpoise.calibrate.platt import PlattMap
from counterpoise.calibrate.prior import PriorMap, change_prior, correct_prior, estimate_prior
from counterpoise.calibrate.reliability import Reliability, reliability

__all__ = [
    "CalibrationMap",
    "IdentityMap",
    "InterceptCalibrator",
    "InterceptMap",
    "IsotonicCalibrator",
    "IsotonicMap",
    "MapChain",
    "PlattCalibrator",
    "PlattMap",
    "PriorCorrection",
    "PriorMap",
    "Reliability",
    "change_prior",
    "correct_prior",
    "estimate_prior",
    "fit_intercept",
    "fit_map",
    "focal_to_probability",
    "log_odds",
    "logit_adjusted_to_probability",
    "map_from_dict",
    "odds_histogram",
    "out_of_fold",
    "reliability",
]
