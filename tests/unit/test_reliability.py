"""Reliability: figures that hold by definition, and findings that fire where they should and not elsewhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from counterpoise.calibrate import Reliability, reliability
from counterpoise.errors import InputError, NotApplicable


def rare(seed: int, n: int = 30_000, level: float = -3.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(level, 1.2, n)))
    return rng.random(n) < p, p


def shifted(p: np.ndarray, shift: float, slope: float = 1.0) -> np.ndarray:
    return 1 / (1 + np.exp(-(slope * np.log(p / (1 - p)) + shift)))


@pytest.mark.parametrize("weighted", [False, True])
def test_brier_is_the_sum_of_its_parts(weighted: bool, seed: int) -> None:
    y, p = rare(seed)
    w = np.random.default_rng(seed).exponential(size=y.shape[0]) if weighted else None
    found = reliability(y, p, w)
    parts = found.brier_reliability - found.brier_resolution + found.brier_uncertainty + found.brier_within
    assert found.brier == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert parts == pytest.approx(found.brier)
    assert found.mean_ratio.value == pytest.approx(np.average(p, weights=w) / np.average(y, weights=w))


def test_few_distinct_values_leave_nothing_within_bins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.choice([0.05, 0.2, 0.6], 3000)
    found = reliability(rng.random(3000) < p, p)
    assert len(found.bins) == 3
    assert found.brier_within == pytest.approx(0.0, abs=1e-12)


def test_right_probabilities_pass(seed: int) -> None:
    found = reliability(*rare(seed, n=200_000))
    assert found.finding.code == "calibration.holds"
    assert found.finding.passed
    assert found.slope.lower <= 1 <= found.slope.upper
    assert found.intercept.lower <= 0 <= found.intercept.upper
    assert found.calibration_error.lower <= 2 * found.calibration_error_by_chance


@pytest.mark.parametrize("shift", [-1.0, 1.5])
def test_wrong_level_fires(shift: float, seed: int) -> None:
    y, p = rare(seed)
    found = reliability(y, shifted(p, shift))
    assert (found.finding.code, found.finding.passed) == ("calibration.level", False)
    assert found.intercept.value == pytest.approx(-shift, abs=0.15)
    assert ("high" if shift > 0 else "low") in found.finding.sentence
    assert found.calibration_error.lower > 0


def test_wrong_slope_fires(seed: int) -> None:
    y, p = rare(seed)
    from counterpoise.calibrate import InterceptMap

    bent = shifted(p, 0.0, slope=1.8)
    found = reliability(y, InterceptMap.fit(y, bent).apply(bent))
    assert (found.finding.code, found.finding.passed) == ("calibration.slope", False)
    assert found.slope.value == pytest.approx(1 / 1.8, abs=0.08)


def test_too_few_positives_prove_nothing(seed: int) -> None:
    y, p = rare(seed, n=900)
    assert reliability(y, p).finding.code in ("calibration.unproven", "calibration.level")
    codes = [reliability(*rare(k, n=900)).finding.passed for k in range(40)]
    assert np.mean(codes) > 0.8


def test_intervals_of_the_curve_cover(seed: int) -> None:
    hits = []
    for k in range(30):
        y, p = rare(1000 * seed + k, n=4000)
        hits += [each.lower <= each.mean_probability <= each.upper for each in reliability(y, p).bins]
    assert np.mean(hits) > 0.93


@pytest.mark.parametrize("constant", [False, True])
def test_record_survives_json(constant: bool, seed: int) -> None:
    y, p = rare(seed, n=2000)
    found = reliability(y, np.full(2000, y.mean()) if constant else p)
    again = Reliability.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again.to_dict() == found.to_dict()
    assert again.finding == found.finding


def test_same_seed_same_record(seed: int) -> None:
    y, p = rare(seed, n=2000)
    assert reliability(y, p, random_state=3) == reliability(y, p, random_state=3)


def test_bad_input() -> None:
    with pytest.raises(NotApplicable, match="both classes"):
        reliability([0, 0], [0.1, 0.2])
    with pytest.raises(InputError, match="rows"):
        reliability([0, 1], [0.1])
    with pytest.raises(InputError, match="0, 1"):
        reliability([0, 1], [0.1, 1.1])
