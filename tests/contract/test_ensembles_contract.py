"""scikit-learn's own checks of the balanced ensembles."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.learn import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
    SelfPacedEnsembleClassifier,
)

EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "rows are drawn by number, not by weight",
}

MODELS = [
    BalancedBaggingClassifier(n_estimators=5, n_jobs=1),
    BalancedRandomForestClassifier(n_estimators=5, n_jobs=1),
    EasyEnsembleClassifier(n_estimators=3, n_jobs=1),
    RUSBoostClassifier(n_estimators=5, n_jobs=1),
    SelfPacedEnsembleClassifier(n_estimators=4, n_jobs=1),
]


@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
@parametrize_with_checks(MODELS, expected_failed_checks=lambda _: EXPECTED_TO_FAIL, xfail_strict=True)
def test_ensembles_are_scikit_learn_classifiers(estimator: Any, check: Any) -> None:
    check(estimator)
