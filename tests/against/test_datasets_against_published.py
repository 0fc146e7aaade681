"""The card defaults tell the story that was published about such a table."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import EditedNearestNeighbours
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from counterpoise.datasets import card_defaults


def _judge(X: np.ndarray, y: np.ndarray, Z: np.ndarray, z: np.ndarray) -> tuple[float, float]:
    predicted = LogisticRegression().fit(Z, z).predict(X)
    return float(accuracy_score(y, predicted)), float(f1_score(y, predicted))


@pytest.mark.parametrize("seed", range(6))
def test_only_filtering_before_oversampling_meets_both_goals(seed: int) -> None:
    frame = card_defaults(seed)
    X = StandardScaler().fit_transform(frame.select("age", "balance").to_numpy())
    y = frame["default"].to_numpy()
    neighbours = NearestNeighbors(n_neighbors=4).fit(X).kneighbors(X, return_distance=False)[:, 1:]
    keep = (y == 0) | (y[neighbours].sum(axis=1) >= 2)
    baseline = _judge(X, y, X, y)
    smote = _judge(X, y, *SMOTE(random_state=0).fit_resample(X, y))
    edited = _judge(X, y, *EditedNearestNeighbours().fit_resample(X, y))
    filtered = _judge(X, y, *SMOTE(random_state=0).fit_resample(X[keep], y[keep]))
    assert baseline[0] > 0.9
    assert baseline[1] < 0.2
    assert smote[0] < 0.85
    assert smote[1] < 0.5
    assert edited[1] < 0.5
    assert filtered[0] >= 0.9
    assert filtered[1] >= 0.5
