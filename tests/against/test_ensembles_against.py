"""Balanced ensembles beside imbalanced-learn's, and boosted stumps beside scikit-learn's."""

from __future__ import annotations

from typing import Any

import imblearn.ensemble as peers
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier
from sklearn.metrics import average_precision_score

from counterpoise.learn import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
)
from counterpoise.learn.ensemble_stumps import StumpBooster


def table(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(
        8000, 10, n_informative=6, n_redundant=0, weights=[0.97], class_sep=0.7, random_state=seed
    )


@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        (BalancedBaggingClassifier(n_estimators=30), peers.BalancedBaggingClassifier(n_estimators=30)),
        (
            BalancedRandomForestClassifier(n_estimators=50),
            peers.BalancedRandomForestClassifier(n_estimators=50),
        ),
        (EasyEnsembleClassifier(), peers.EasyEnsembleClassifier()),
    ],
    ids=["bagging", "forest", "easy"],
)
def test_average_precision_is_that_of_imbalanced_learn(ours: Any, peer: Any) -> None:
    gaps = []
    for seed in range(3):
        X, y = table(seed)
        scores = [
            average_precision_score(
                y[4000:],
                model.set_params(random_state=seed).fit(X[:4000], y[:4000]).predict_proba(X[4000:])[:, 1],
            )
            for model in (ours, peer)
        ]
        gaps.append(scores[0] - scores[1])
    assert np.mean(gaps) > -0.03


def test_boosted_stumps_are_as_good_as_scikit_learns() -> None:
    X, y = make_classification(2000, 8, n_informative=5, random_state=0)
    ours = StumpBooster(50).fit(X[:1000], y[:1000])
    peer = AdaBoostClassifier(n_estimators=50, random_state=0).fit(X[:1000], y[:1000])
    assert (ours.predict(X[1000:]) == y[1000:]).mean() > peer.score(X[1000:], y[1000:]) - 0.02


def test_stumps_looked_up_are_the_sum_of_the_stumps() -> None:
    draw = np.random.default_rng(0)
    X = draw.normal(size=(300, 4)).round(1)
    X[draw.random(X.shape) < 0.1] = np.nan
    y = draw.integers(0, 3, 300)
    model = StumpBooster(30).fit(X, y)
    scores = np.zeros((300, 3))
    for j in range(4):
        cuts, steps = model.cuts_[j], model.steps_[j]
        for i, value in enumerate(X[:, j]):
            passed = sum(1 for cut in cuts if np.isnan(value) or value > cut)
            scores[i] += steps[passed]
    p = np.exp(scores / 2)
    np.testing.assert_allclose(model.predict_proba(X), p / p.sum(axis=1, keepdims=True))
