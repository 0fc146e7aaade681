"""Every sampler passes scikit-learn's estimator checks and imbalanced-learn's sampler checks."""

from __future__ import annotations

from typing import Any

import pytest
from imblearn.utils import estimator_checks as imblearn_checks
from sklearn.cluster import KMeans
from sklearn.utils import estimator_checks as sklearn_checks

import counterpoise.resample as resample

_SETTINGS: dict[str, dict[str, Any]] = {
    "ClusterCentroids": {"voting": "soft", "estimator": KMeans(random_state=0, n_init=1)},
    "KMeansSMOTE": {"kmeans_estimator": 12},
}


def _instances() -> list[Any]:
    made = []
    for name in resample.__all__:
        kind = getattr(resample, name)
        if not hasattr(kind, "fit_resample"):
            continue
        sampler = kind(**_SETTINGS.get(name, {}))
        if "random_state" in sampler.get_params(deep=False):
            sampler.set_params(random_state=0)
        made.append(sampler)
    return made


_EXCEPTIONS = {
    ("SMOTEENN", "check_samplers_string"): "cleaning removes every row of one category of pure noise",
    ("SMOTEENN", "check_samplers_nan"): "cleaning removes every row with a gap from pure noise",
}
"""Checks of imbalanced-learn that do not apply, with the reason; its own SMOTEENN refuses such tables instead."""


def _name(check: Any) -> str:
    inner = getattr(check, "func", check)
    return str(getattr(inner, "__name__", inner))


def _ids(pairs: list[tuple[Any, Any]]) -> list[str]:
    return [f"{type(sampler).__name__}-{_name(check)}" for sampler, check in pairs]


_IMBLEARN = [
    (sampler, check)
    for s in _instances()
    for sampler, check in imblearn_checks.estimator_checks_generator(s)
    if (type(s).__name__, _name(check)) not in _EXCEPTIONS
]
_SKLEARN = [pair for s in _instances() for pair in sklearn_checks.estimator_checks_generator(s)]


@pytest.mark.filterwarnings("ignore::counterpoise.errors.CounterpoiseWarning")
@pytest.mark.parametrize(("sampler", "check"), _IMBLEARN, ids=_ids(_IMBLEARN))
def test_imbalanced_learn_checks(sampler: Any, check: Any) -> None:
    check(sampler)


@pytest.mark.parametrize(("sampler", "check"), _SKLEARN, ids=_ids(_SKLEARN))
def test_scikit_learn_checks(sampler: Any, check: Any) -> None:
    check(sampler)
