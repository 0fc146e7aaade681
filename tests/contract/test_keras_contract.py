"""scikit-learn's own checks of MLPClassifier."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from counterpoise.learn.keras import MLPClassifier

os.environ.setdefault("KERAS_BACKEND", "jax")
pytest.importorskip("jax", reason="the extra keras is not installed")
pytest.importorskip("keras", reason="the extra keras is not installed")

EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": "validation rows and batches are drawn by row, not by weight",
    "check_class_weight_classifiers": "class weights steer training; probabilities, and labels by them, are put back",
}


@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
@parametrize_with_checks(
    [MLPClassifier((32,), dropout=0.0, max_epochs=80, learning_rate=0.02, batch_size=64)],
    expected_failed_checks=lambda _: EXPECTED_TO_FAIL,
    xfail_strict=True,
)
def test_mlp_is_a_scikit_learn_classifier(estimator: Any, check: Any) -> None:
    check(estimator)
