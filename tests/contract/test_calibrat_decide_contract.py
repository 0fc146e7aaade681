"""scikit-learn's own estimator checks for the calibrated classifiers and the Decider."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.calibrate import InterceptCalibrator, PlattCalibrator, PriorCorrection
from counterpoise.decide import Decider

ESTIMATORS = [
    InterceptCalibrator(GaussianNB(), cv=2),
    PlattCalibrator(GaussianNB(), cv=2),
    PriorCorrection(GaussianNB()),
    Decider(GaussianNB(), goal="balanced_accuracy", cv=2),
]


def moves_the_line(estimator: Any) -> dict[str, str]:
    """A Decider decides at its own line, so its decision need not be the more probable class."""
    if not isinstance(estimator, Decider):
        return {}
    return {"check_classifiers_train": "the check wants predict to be the argmax of predict_proba"}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=moves_the_line)
def test_estimator_check(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some checks warn on purpose
        check(estimator)
