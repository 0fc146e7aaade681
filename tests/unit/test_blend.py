"""A blend behind a treatment: what its members are judged by was never treated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from counterpoise.learn import BlendClassifier, BoostingClassifier, Treated
from counterpoise.resample import SMOTE, RandomUnderSampler


class Recorded(ClassifierMixin, BaseEstimator):
    """Logistic regression that notes what it was fitted on and asked for."""

    fitted: ClassVar[list[np.ndarray]] = []
    asked: ClassVar[list[np.ndarray]] = []

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        self.fitted.append(np.asarray(X))
        self.model_ = LogisticRegression().fit(X, y, sample_weight)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.asked.append(np.asarray(X))
        return self.model_.predict_proba(X)


def table() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(600, 3))
    return X, np.where(X[:, 0] + draw.normal(size=600) > 2.0, "yes", "no")


def rows_of(X: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in np.ascontiguousarray(X)}


def test_members_learn_from_treated_rows_and_are_judged_by_rows_of_the_table() -> None:
    X, y = table()
    Recorded.fitted.clear()
    Recorded.asked.clear()
    blend = BlendClassifier((Recorded(), LogisticRegression()), n_folds=3, random_state=0)
    Treated(blend, SMOTE(random_state=0), recalibrate=None).fit(X, y)
    whole = rows_of(X)
    assert all(len(rows_of(rows) - whole) for rows in Recorded.fitted)
    assert len(Recorded.asked) == 3
    assert all(rows_of(rows) <= whole for rows in Recorded.asked)
    for seen, judged in zip(Recorded.fitted, Recorded.asked, strict=False):
        assert not rows_of(seen) & rows_of(judged)


@pytest.mark.parametrize(
    "treatment", ["class_weight", SMOTE(random_state=0), RandomUnderSampler(random_state=0)]
)
def test_a_treated_blend_speaks_at_the_natural_balance(treatment: Any) -> None:
    X, y = table()
    blend = BlendClassifier(
        (LogisticRegression(), BoostingClassifier(max_iter=20)), n_folds=3, random_state=0
    )
    model = Treated(blend, treatment, recalibrate="prior", random_state=0).fit(X, y)
    assert abs(model.predict_proba(X)[:, 1].mean() / (y == "yes").mean() - 1) < 0.25
    assert np.array_equal(model.learner_.rates_, [1.0, 1.0])
