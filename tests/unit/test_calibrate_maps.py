"""Calibration maps: levels, ranking, few positives, records, and what they refuse."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from counterpoise.calibrate import (
    IdentityMap,
    InterceptMap,
    IsotonicMap,
    MapChain,
    PlattMap,
    PriorMap,
    change_prior,
    correct_prior,
    estimate_prior,
    fit_intercept,
    fit_map,
    focal_to_probability,
    log_odds,
    logit_adjusted_to_probability,
    map_from_dict,
)
from counterpoise.errors import CounterpoiseWarning, InputError, ModelError, NotApplicable, OptionError

KINDS = ("intercept", "platt", "isotonic")


def rare(seed: int, n: int = 20_000, level: float = -4.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, their true probabilities, and what a treated model says of them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(level, 1.5, n)
    p = 1 / (1 + np.exp(-z))
    return (rng.random(n) < p).astype(int), p, 1 / (1 + np.exp(-(1.2 * z + 4)))


@pytest.mark.parametrize("kind", KINDS)
def test_mean_is_the_base_rate_and_ranking_stays(kind: str, seed: int) -> None:
    y, _, said = rare(seed)
    fitted = fit_map(kind, y, said)
    found = fitted.apply(said)
    assert found.mean() == pytest.approx(y.mean(), rel=1e-3)
    assert roc_auc_score(y, found) == roc_auc_score(y, said)
    assert average_precision_score(y, found) == pytest.approx(average_precision_score(y, said), rel=1e-12)


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_shape_is_mended(kind: str, seed: int) -> None:
    y, _, said = rare(seed)
    new_y, new_p, new_said = rare(seed + 1)
    found = fit_map(kind, y, said).apply(new_said)
    best = log_loss(new_y, new_p)
    assert log_loss(new_y, found) < best + 0.1 * (log_loss(new_y, new_said) - best)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_count_as_repeated_rows(kind: str, seed: int) -> None:
    y, _, said = rare(seed, n=4000, level=-2.0)
    w = np.random.default_rng(seed).integers(0, 4, 4000)
    weighted = fit_map(kind, y, said, w).apply(said)
    repeated = fit_map(kind, np.repeat(y, w), np.repeat(said, w)).apply(said)
    assert weighted == pytest.approx(repeated, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("several", [False, True])
def test_map_survives_json(kind: str, several: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    if several:
        proba = rng.dirichlet([5, 2, 2], 3000)
        y = np.array([rng.choice(3, p=row) for row in proba])
    else:
        y, _, proba = rare(seed)
    fitted = fit_map(kind, y, proba)
    again = map_from_dict(json.loads(json.dumps(fitted.to_dict(), allow_nan=False)))
    assert (again.apply(proba) == fitted.apply(proba)).all()
    assert again == fitted


def test_chain_applies_in_order(seed: int) -> None:
    y, _, said = rare(seed)
    prior = PriorMap.of([0.1, 1.0])
    chain = MapChain((IdentityMap(), prior, InterceptMap.fit(y, prior.apply(said))))
    assert chain.apply(said).mean() == pytest.approx(y.mean(), rel=1e-6)
    assert map_from_dict(chain.to_dict()) == chain


@pytest.mark.parametrize("kind", KINDS)
def test_several_classes_agree_in_total(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.dirichlet([8, 1.5, 1.5], 6000)
    y = np.array([rng.choice(3, p=row) for row in true])
    said = correct_prior(true, [0.1, 1.0, 2.0])
    found = fit_map(kind, y, said).apply(said)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert found.mean(axis=0) == pytest.approx(np.bincount(y) / 6000, rel=2e-3)
    if kind != "isotonic":
        assert found == pytest.approx(true, abs=0.06)


def test_two_columns_are_the_one(seed: int) -> None:
    y, _, said = rare(seed)
    for kind in KINDS:
        fitted = fit_map(kind, y, np.column_stack([1 - said, said]))
        assert (fitted.apply(np.column_stack([1 - said, said]))[:, 1] == fitted.apply(said)).all()


# --- closed forms ------------------------------------------------------------------------------------------


def test_prior_correction_undoes_the_sampling(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([3, 1, 1], 500)
    rates = np.array([0.05, 1.0, 4.0])
    sampled = p * rates / (p * rates).sum(axis=1, keepdims=True)
    assert correct_prior(sampled, rates) == pytest.approx(p)
    assert correct_prior(sampled, rates * 7) == pytest.approx(p)
    assert PriorMap.of(rates).apply(sampled) == pytest.approx(p)


def test_two_classes_shift_the_log_odds() -> None:
    p = np.array([0.001, 0.2, 0.5, 0.999])
    moved = correct_prior(p, [0.01, 1.0])
    assert log_odds(moved) - log_odds(p) == pytest.approx(np.log(0.01))
    assert change_prior(change_prior(p, 0.5, 0.01), 0.01, 0.5) == pytest.approx(p)


def test_changed_balance_is_found_without_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(40_000) < 0.2
    s = rng.normal(size=40_000) + 2 * y
    at_half = 1 / (1 + np.exp(-(2 * s - 2)))
    assert estimate_prior(at_half, 0.5)[1] == pytest.approx(0.2, abs=0.01)


def test_intercept_of_a_constant_is_exact() -> None:
    assert fit_intercept([0] * 99 + [1], np.full(100, 0.5)) == pytest.approx(np.log(1 / 99))
    weighted = fit_intercept([0, 1], [0.5, 0.5], [99, 1])
    assert weighted == pytest.approx(np.log(1 / 99))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_outputs_are_mapped_back(gamma: float) -> None:
    from scipy.optimize import minimize_scalar

    for p in (0.02, 0.3, 0.9):

        def risk(v: float, p: float = p) -> float:
            return float(-p * (1 - v) ** gamma * np.log(v) - 2 * (1 - p) * v**gamma * np.log(1 - v))

        best = minimize_scalar(risk, bounds=(1e-9, 1 - 1e-9), method="bounded", options={"xatol": 1e-12}).x
        assert focal_to_probability([best], gamma, alpha=[2.0, 1.0])[0] == pytest.approx(p, abs=1e-5)


def test_focal_ends_stay_ends() -> None:
    found = focal_to_probability([0.0, 1e-12, 0.5, 1 - 1e-12, 1.0], 2.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert found[[0, 2, 4]] == pytest.approx([0, 0.5, 1])


def test_logit_adjusted_outputs_are_mapped_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, prior, tau = rng.dirichlet([2, 1, 1], 50), np.array([0.9, 0.08, 0.02]), 1.3
    bare = np.log(p) - tau * np.log(prior) + 3.0
    assert logit_adjusted_to_probability(bare, prior, tau) == pytest.approx(p)
    assert logit_adjusted_to_probability([0.0], prior=0.01)[0] == pytest.approx(0.01)


# --- few positives, ends -----------------------------------------------------------------------------------


def test_separated_classes_do_not_send_platt_to_infinity() -> None:
    y = np.r_[np.zeros(200, int), np.ones(5, int)]
    p = np.r_[np.linspace(0.01, 0.4, 200), np.linspace(0.6, 0.9, 5)]
    fitted = PlattMap.fit(y, p)
    assert 0 < fitted.slope < 20
    assert fitted.apply(p).mean() == pytest.approx(y.mean(), rel=1e-6)


def test_platt_never_turns_the_ranking_round(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.random(400)
    y = (rng.random(400) < 0.3 * (1 - p)).astype(int)
    fitted = PlattMap.fit(y, p)
    assert fitted.slope > 0
    assert (np.argsort(fitted.apply(p)) == np.argsort(p)).all()


def test_isotonic_steps_back_with_its_reason(seed: int) -> None:
    y, _, said = rare(seed, n=800)
    with pytest.warns(CounterpoiseWarning, match="rows of the rarer class; it needs 100"):
        assert isinstance(IsotonicMap.fit(y, said), PlattMap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(IsotonicMap.fit(*rare(seed)[::2]), IsotonicMap)


@pytest.mark.parametrize("kind", KINDS)
def test_exact_zeros_and_ones_keep_their_places(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    votes = rng.binomial(10, 0.08, 6000) / 10
    y = (rng.random(6000) < 0.01 + 0.3 * votes).astype(int)
    fitted = fit_map(kind, y, votes)
    found = fitted.apply(votes)
    assert found.mean() == pytest.approx(y.mean(), rel=1e-3)
    assert np.isfinite(log_odds(found)).all()
    grid = np.array([0.0, 1e-9, 0.05, 0.1, 0.5, 0.9, 1.0])
    assert (np.diff(fitted.apply(grid)) > 0).all()


def test_neighbouring_floats_are_never_reversed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = np.r_[rng.random(200), 10.0 ** rng.uniform(-300, -1, 200), 1 - 10.0 ** rng.uniform(-15, -1, 200)]
    p = np.unique(np.concatenate([starts, np.nextafter(starts, 0), np.nextafter(starts, 1)]))
    p = p[(p > 0) & (p < 1)]
    for shift in (-9.0, -0.1, 0.1, 9.0):
        found = InterceptMap((shift,)).apply(p)
        assert (np.diff(found) >= 0).all()
        assert ((found > 0) & (found < 1)).all()


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("y", "p", "w", "match"),
    [
        ([0, 1], [0.1, 1.2], None, "[0, 1]"),
        ([0, 1], [0.1, np.nan], None, "[0, 1]"),
        ([0, 1], [0.1, 0.2, 0.3], None, "rows"),
        ([0, 2], [0.1, 0.2], None, "labels"),
        ([0, 1], [0.1, 0.2], [1, -1], "negative"),
        ([0, 1], [[0.5, 0.6], [0.5, 0.5]], None, "sum"),
        ([0, 1], [[[0.5]]], None, "shape"),
    ],
)
def test_bad_input_is_refused(kind: str, y: object, p: object, w: object, match: str) -> None:
    with pytest.raises(InputError) as caught:
        fit_map(kind, y, p, w)
    assert match in str(caught.value)
    assert all((caught.value.given, caught.value.expected, caught.value.why, caught.value.hint))


@pytest.mark.parametrize("kind", ["intercept", "platt"])
@pytest.mark.parametrize("y", [[0, 0, 0], [1, 1, 1]])
def test_one_class_cannot_be_calibrated_on(kind: str, y: list[int]) -> None:
    with pytest.raises(NotApplicable, match="both classes"):
        fit_map(kind, y, [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    "rates", [[1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf], [1.0, 2.0, 3.0], ["a", "b"]]
)
def test_rates_that_are_none(rates: list[object]) -> None:
    with pytest.raises(InputError):
        correct_prior([0.1, 0.2], rates)


def test_class_left_out_altogether() -> None:
    with pytest.raises(NotApplicable, match="leave a class out"):
        correct_prior([0.1, 0.2], [0.0, 1.0])


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, np.nan, [0.5, 0.6], [0.0, 1.0]])
def test_prior_outside_its_range(prior: object) -> None:
    with pytest.raises(InputError):
        change_prior([0.1], 0.5, prior)


def test_unknown_names_and_broken_records() -> None:
    with pytest.raises(OptionError, match="platt"):
        fit_map("plat", [0, 1], [0.1, 0.9])
    for record in ({}, {"kind": "nothing"}, {"kind": "platt", "slope": 1}, {"kind": "prior", "rates": [0.5]}):
        with pytest.raises(ModelError, match="calibration map"):
            map_from_dict(record)
    with pytest.raises(InputError, match="gamma"):
        focal_to_probability([0.5], -1)
    with pytest.raises(InputError, match="NaN"):
        logit_adjusted_to_probability([np.nan], 0.1)
