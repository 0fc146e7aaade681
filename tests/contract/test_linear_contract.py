"""scikit-learn's own checks of LinearLearner."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.learn import LinearLearner

PIECES = "pieces are for two classes; the check uses three"
EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "validation folds are drawn by row, not by weight",
    "check_fit_score_takes_y": PIECES,
    "check_n_features_in_after_fitting": PIECES,
    "check_estimators_partial_fit_n_features": PIECES,
}


@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
@parametrize_with_checks(
    [LinearLearner(num_models=4)], expected_failed_checks=lambda _: EXPECTED_TO_FAIL, xfail_strict=True
)
def test_linear_learner_is_a_scikit_learn_classifier(estimator: Any, check: Any) -> None:
    check(estimator)
