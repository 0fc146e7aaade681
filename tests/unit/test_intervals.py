"""Intervals: exact ones, the bootstrap's values, pairing, folds, groups, and coverage in small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import binom, norm
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score

from counterpoise.errors import InputError, OptionError
from counterpoise.evaluate import metrics
from counterpoise.evaluate.intervals import (
    Judged,
    _n_carrying,
    bootstrap,
    draw,
    paired_difference,
    proportion,
)


def table(seed: int, n: int = 1500, rate: float = 0.05, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.random(n) < rate
    s = norm.cdf(rng.normal(size=n) + 1.5 * y - 1)
    return y, np.round(s, 2) if ties else s


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
def test_exact_proportion_covers_at_least_as_stated(p: float) -> None:
    counts = np.arange(41)
    found = [proportion(k, 40) for k in counts]
    covered = [each.lower <= p <= each.upper for each in found]
    assert binom.pmf(counts, 40, p)[covered].sum() >= 0.95


def test_proportion_without_trials() -> None:
    assert np.isnan(proportion(0, 0).value)
    with pytest.raises(InputError, match="successes"):
        proportion(3, 2)
    with pytest.raises(InputError, match="confidence"):
        proportion(1, 2, confidence=95)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_values_are_the_figures(ties: bool, weighted: bool, seed: int) -> None:
    y, s = table(seed, ties=ties)
    w = np.random.default_rng(seed).exponential(size=y.shape[0]) if weighted else None
    d = s > 0.5
    found = bootstrap(y, s, d, w, proba=s, costs={"fn": 50.0, "fp": s * 3}, n_draws=64)
    expected = {
        "average_precision": metrics.average_precision(y, s, w),
        "roc_auc": metrics.roc_auc(y, s, w),
        "precision": metrics.precision(y, d, w),
        "recall": metrics.recall(y, d, w),
        "mcc": metrics.mcc(y, d, w),
        "f1": metrics.f_beta(y, d, w),
        "f2": metrics.f_beta(y, d, w, beta=2),
        "brier": metrics.brier(y, s, w),
        "log_loss": metrics.log_loss(y, s, w),
        "mean_ratio": metrics.mean_ratio(y, s, w),
        "cost": metrics.realised_cost(y, d, w, fn=50.0, fp=s * 3),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-9), name
        assert found[name].lower <= found[name].value <= found[name].upper, name


def test_draws_are_the_figures_of_weighted_rows(seed: int) -> None:
    """Each draw must be what the plain figures give for some weights: check it with the weights themselves."""
    from counterpoise.chance import Streams
    from counterpoise.evaluate.intervals import _draw_weights

    y, s = table(seed, n=300, rate=0.2, ties=True)
    draws = draw(y, {"a": Judged(s, s > 0.5, s)}, n_draws=20, random_state=seed)
    weights = _draw_weights(300, 0, 20, Streams.of(seed).child("bootstrap"))
    for k in range(20):
        w = weights[:, k]
        assert draws.drawn["a"]["average_precision"][k] == pytest.approx(
            average_precision_score(y, s, sample_weight=w), rel=1e-5
        )
        assert draws.drawn["a"]["roc_auc"][k] == pytest.approx(roc_auc_score(y, s, sample_weight=w), rel=1e-5)
        assert draws.drawn["a"]["f1"][k] == pytest.approx(metrics.f_beta(y, s > 0.5, w), rel=1e-5)
        assert draws.drawn["a"]["brier"][k] == pytest.approx(metrics.brier(y, s, w), rel=1e-4)


def test_weights_have_mean_and_variance_one() -> None:
    from counterpoise.evaluate.intervals import _WEIGHT_OF_BYTE

    values = np.frombuffer(_WEIGHT_OF_BYTE, dtype=np.uint8).astype(float)
    assert (values.shape[0], values.mean(), values.var()) == (256, 1.0, 1.0)


def test_rankings_are_taken_within_folds(seed: int) -> None:
    y, s = table(seed, rate=0.1)
    fold = np.random.default_rng(seed).integers(0, 4, y.shape[0])
    shifted = s + fold  # scores of folds that cannot be compared
    found = bootstrap(y, shifted, fold=fold, n_draws=32)
    weights = [y[fold == k].sum() for k in range(4)]
    parts = [average_precision_score(y[fold == k], s[fold == k]) for k in range(4)]
    assert found["average_precision"].value == pytest.approx(np.average(parts, weights=weights))
    parts = [roc_auc_score(y[fold == k], s[fold == k]) for k in range(4)]
    assert found["roc_auc"].value == pytest.approx(np.average(parts, weights=weights))


def test_fold_without_positives_counts_nothing(seed: int) -> None:
    y, s = table(seed, n=400, rate=0.1)
    fold = np.where(y, 0, np.arange(400) % 2)
    found = bootstrap(y, s, fold=fold, n_draws=32)
    assert found["roc_auc"].value == pytest.approx(roc_auc_score(y[fold == 0], s[fold == 0]))


def test_result_does_not_depend_on_how_many_draws_are_held(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from counterpoise.evaluate import intervals

    y, s = table(seed, n=500)
    whole = draw(y, {"a": Judged(s)}, n_draws=70).drawn["a"]["average_precision"]
    monkeypatch.setattr(intervals, "_CHUNK_BYTES", 1)
    parts = draw(y, {"a": Judged(s)}, n_draws=70).drawn["a"]["average_precision"]
    assert whole == pytest.approx(parts, rel=1e-6)
    assert draw(y, {"a": Judged(s)}, n_draws=20).drawn["a"]["roc_auc"].shape == (20,)


def test_groups_widen_the_interval(seed: int) -> None:
    y, s = table(seed, n=400, rate=0.2)
    rows = np.repeat(np.arange(400), 5)
    alone = bootstrap(y[rows], s[rows], s[rows] > 0.5, n_draws=300)["f1"]
    grouped = bootstrap(y[rows], s[rows], s[rows] > 0.5, groups=rows, n_draws=300)["f1"]
    single = bootstrap(y, s, s > 0.5, n_draws=300)["f1"]
    assert grouped.upper - grouped.lower > 1.6 * (alone.upper - alone.lower)
    assert grouped.upper - grouped.lower == pytest.approx(single.upper - single.lower, rel=0.25)


def test_differences_are_paired(seed: int) -> None:
    y, s = table(seed)
    near = s + np.random.default_rng(seed).normal(scale=0.005, size=s.shape[0])
    found = paired_difference(y, Judged(s), Judged(near), n_draws=300)["roc_auc"]
    alone = bootstrap(y, s, n_draws=300)["roc_auc"]
    assert found.upper - found.lower < 0.5 * (alone.upper - alone.lower)
    same = paired_difference(y, Judged(s), Judged(s), n_draws=50)["average_precision"]
    assert (same.value, same.lower, same.upper) == (0.0, 0.0, 0.0)


def test_many_differences_hold_together(seed: int) -> None:
    y, s = table(seed)
    rng = np.random.default_rng(seed)
    judged = {"base": Judged(s)} | {
        f"c{k}": Judged(s + rng.normal(scale=0.3, size=s.shape[0])) for k in range(5)
    }
    draws = draw(y, judged, n_draws=400)
    together = draws.differences("base", "average_precision")
    assert set(together) == {f"c{k}" for k in range(5)}
    for name, each in together.items():
        alone = draws.difference(name, "base", "average_precision")
        assert each.upper - each.lower > alone.upper - alone.lower


def test_no_false_difference_too_often(seed: int) -> None:
    rng, found = np.random.default_rng(seed), 0
    for _ in range(120):
        y = rng.random(800) < 0.05
        a, b = rng.normal(size=(2, 800)) + y
        each = paired_difference(y, Judged(a), Judged(b), n_draws=150)["average_precision"]
        found += not each.lower <= 0 <= each.upper
    assert found <= binom.ppf(0.9999, 120, 0.06)


@pytest.mark.parametrize("n_positive", [20, 50])
def test_coverage_in_small(n_positive: int, seed: int) -> None:
    rng, n, draws = np.random.default_rng(seed + n_positive), 1200, 150
    rate = n_positive / n
    z = np.linspace(12, -9, 100_001)
    tpr, fpr = norm.sf(z - 2), norm.sf(z)
    truth = {
        "average_precision": np.trapezoid(rate * tpr / (rate * tpr + (1 - rate) * fpr), tpr),
        "roc_auc": norm.cdf(np.sqrt(2)),
        "cost": 50 * rate * norm.cdf(1.6 - 2) + (1 - rate) * norm.sf(1.6),
    }
    hits = dict.fromkeys(truth, 0)
    for _ in range(draws):
        y = rng.random(n) < rate
        s = rng.normal(size=n) + 2 * y
        found = bootstrap(y, s, s >= 1.6, costs={"fn": 50, "fp": 1}, n_draws=200)
        for name, value in truth.items():
            hits[name] += found[name].lower <= value <= found[name].upper
    for name, count in hits.items():
        assert count >= binom.ppf(0.0005, draws, 0.95), name


def test_what_was_not_given_is_not_drawn(seed: int) -> None:
    y, s = table(seed, n=200)
    draws = draw(y, {"a": Judged(s)}, n_draws=16)
    assert draws.metrics("a") == ("average_precision", "roc_auc")
    with pytest.raises(OptionError, match="brier"):
        draws.interval("a", "brier")
    with pytest.raises(OptionError, match="'b'"):
        draws.interval("b", "roc_auc")


def test_undefined_figures_have_no_interval() -> None:
    found = bootstrap([0, 1, 0, 1, 0, 0], [0.1, 0.9, 0.3, 0.4, 0.2, 0.1], [0] * 6, n_draws=16)
    assert np.isnan([found["precision"].value, found["precision"].lower, found["mcc"].upper]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"n_draws": 1},
        {"groups": [1, 2]},
        {"fold": [1]},
        {"sample_weight": [-1] * 6},
        {"costs": {"fn": -1, "fp": 1}},
    ],
)
def test_bad_input(options: dict[str, object]) -> None:
    y, s = [0, 1, 0, 1, 0, 0], [0.1, 0.9, 0.3, 0.4, 0.2, 0.1]
    with pytest.raises(InputError):
        bootstrap(y, s, [0, 1, 0, 1, 0, 0], **options)  # type: ignore[arg-type]


def test_candidates_drawn_a_few_at_a_time_give_the_same(monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.2
    candidates = {f"c{k}": Judged(y + rng.normal(size=400), rng.random(400) < 0.3) for k in range(3)}
    together = draw(y, candidates, n_draws=50)
    monkeypatch.setattr("counterpoise.evaluate.intervals._SUMS_BYTES", 1)
    alone = draw(y, candidates, n_draws=50)
    assert alone.values == together.values
    assert all(np.array_equal(alone.drawn[c]["f1"], together.drawn[c]["f1"]) for c in candidates)


@pytest.mark.parametrize("n_alike", [1, 5, 40])
def test_the_rows_that_carry_a_cost_are_counted(n_alike: int) -> None:
    paid = np.zeros(100_000)
    paid[:n_alike] = 7.0
    assert _n_carrying(sparse.csr_matrix(paid)) == pytest.approx(n_alike, rel=0.01)
    assert _n_carrying(sparse.csr_matrix(100.0 * paid)) == pytest.approx(n_alike, rel=0.01)
    paid[n_alike : 2 * n_alike] = 0.01
    assert _n_carrying(sparse.csr_matrix(paid)) == pytest.approx(n_alike, rel=0.01)
    paid += 3.0  # what every row costs says nothing of the spread
    assert _n_carrying(sparse.csr_matrix(paid)) == pytest.approx(n_alike, rel=0.01)
    assert _n_carrying(sparse.csr_matrix(np.zeros(10))) == 1.0


def test_a_difference_that_few_rows_carry_has_fewer_degrees_of_freedom(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(4000) < 0.05
    alerts = rng.random(4000) < np.where(y, 0.7, 0.1)
    other = alerts.copy()
    other[np.flatnonzero(y)[:6]] ^= True
    judged = {"a": Judged(alerts.astype(float), alerts), "b": Judged(other.astype(float), other)}
    draws = draw(y, judged, costs={"fn": 20.0, "fp": 1.0}, n_draws=200)
    found, reach = draws.difference("a", "b", "cost"), draws.drawn["a"]["cost"] - draws.drawn["b"]["cost"]
    assert (found.upper - found.value) / reach.std(ddof=1) == pytest.approx(student.ppf(0.975, 5), rel=0.02)
    joint = draws.differences("b", "cost")["a"]
    assert joint.upper - joint.value > 1.2 * (found.upper - found.value) * 1.96 / student.ppf(0.975, 5)
