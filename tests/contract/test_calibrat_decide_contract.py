"""scikit-learn's own estimator checks for the calibrated classifiers and the Decider."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.calibrate import InterceptCalibrator, IsotonicCalibrator, PlattCalibrator, PriorCorrection
from counterpoise.decide import Decider

ESTIMATORS = [
    InterceptCalibrator(LogisticRegression()),
    PlattCalibrator(LogisticRegression()),
    IsotonicCalibrator(LogisticRegression()),
    PriorCorrection(LogisticRegression(), rates=None),
    Decider(LogisticRegression(), goal="balanced_accuracy"),
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks' tiny tables are too small for isotonic, and say so
        check(estimator)
