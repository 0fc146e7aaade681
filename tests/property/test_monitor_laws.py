"""Laws of the monitor: evidence keeps its promise at every look, intervals cover, distances are distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import binom, poisson

from counterpoise.monitor import UNKNOWN, Bins, Reference, Rules, Window, cut, joined, look, summarise
from counterpoise.monitor.drift import feature_marks, ks, marks_evidence, psi, psi_by_chance
from counterpoise.monitor.evidence import excess_evidence, fired, over_starts, rate_evidence, start_weights
from counterpoise.monitor.outcomes import expected, outcome_ratios, realised
from counterpoise.monitor.prevalence import balance_ratios, estimate


def window(p, truth=None, line=0.5, at=None, bins=None):
    p = np.asarray(p, dtype=float)
    truth = np.full(len(p), UNKNOWN, dtype=np.int8) if truth is None else np.asarray(truth, dtype=np.int8)
    return Window(np.arange(len(p), dtype=float) if at is None else at, p, p >= line, truth, bins)


# --- evidence ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.02), (0.001, 0.003), (0.3, 0.6), (0.95, 1.0), (0.9, 0.99)])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_evidence_of_a_rate_inside_its_range_has_expectation_at_most_one(low, high, n):
    k = np.arange(n + 1)
    logs = rate_evidence(k, np.full(n + 1, n), low, high)
    for rate in (low, (low + high) / 2, high):
        assert logsumexp(logs + binom.logpmf(k, n, rate)) <= 1e-9
    for rate in (low / 4, high + (1 - high) / 2):
        if n == 300 and not low <= rate <= high and rate * n > 5:
            assert logsumexp(logs + binom.logpmf(k, n, rate)) > 0


def test_evidence_stays_small_at_every_look_though_the_rate_wanders(seed):
    rng = np.random.default_rng(seed)
    ever, looks, days = 0, 400, 25
    for _ in range(looks):
        rates = rng.uniform(0.01, 0.02, days)
        hits, trials = rng.binomial(400, rates), np.full(days, 400)
        most = -np.inf
        for day in range(1, days + 1):
            since = [np.cumsum(each[:day][::-1])[::-1] for each in (hits, trials)]
            most = max(most, float(over_starts(rate_evidence(*since, 0.01, 0.02))[0]))
        ever += most >= np.log(10)
    assert ever <= binom.ppf(0.9999, looks, 0.1)


def test_a_change_is_found_with_the_day_it_began():
    hits, trials = np.array([10] * 12 + [40] * 6), np.full(18, 1000)
    since = [np.cumsum(each[::-1])[::-1] for each in (hits, trials)]
    evidence, start = over_starts(rate_evidence(*since, 0.008, 0.015))
    assert evidence > np.log(1e6)
    assert start == 12


@given(st.integers(0, 5000))
def test_weights_of_starts_and_of_those_to_come_sum_to_one(n):
    assert start_weights(n).sum() + 1 / (n + 1) == pytest.approx(1.0)


def test_no_windows_are_no_evidence():
    evidence, _ = over_starts(np.empty((0, 3)))
    assert evidence.tolist() == [0.0, 0.0, 0.0]


@settings(max_examples=60)
@given(st.lists(st.floats(0, 60), min_size=1, max_size=12), st.floats(0.01, 0.2))
def test_many_streams_fire_only_if_their_mean_does(evidence, alpha):
    logs, weights = np.array(evidence), np.full(len(evidence), 1 / len(evidence))
    raised = fired(logs, weights, alpha)
    if raised.any():
        assert np.exp(logs).mean() >= 1 / alpha * (1 - 1e-9)
        assert logs[raised].min() >= logs[~raised].max(initial=-np.inf)
    if np.exp(logs).max() / len(logs) >= 1 / alpha:
        assert raised.any()


def test_ratios_of_outcomes_and_balance_have_expectation_at_most_one_inside_the_range(seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 20, 30)
    for scale in (1 / 1.5, 1.0, 1.5):
        truth_rate = p * scale / (1 - p + p * scale)
        for one, rate in zip(p, truth_rate, strict=True):
            if_not, if_so = (
                np.exp(outcome_ratios(np.array([one]), np.array([y]), 1 / 1.5, 1.5)) for y in (0, 1)
            )
            assert ((1 - rate) * if_not + rate * if_so <= 1 + 1e-9).all()


def test_balance_ratios_of_rows_at_the_base_rate_have_expectation_at_most_one():
    grid = np.array([0.0005, 0.01, 0.3, 0.9])
    share = np.array([0.9, 0.09, 0.007, 0.003])
    base = float(grid @ share)
    for rate in (base / 1.3, base, base * 1.3):
        weight = share * (rate / base * grid + (1 - rate) / (1 - base) * (1 - grid))
        each = np.array([balance_ratios(np.array([p]), base, base / 1.3, base * 1.3) for p in grid])
        assert np.tensordot(weight, np.exp(each), 1).max() <= 1 + 1e-9


@pytest.mark.parametrize("allowed", [0.5, 20.0, 300.0])
def test_evidence_of_a_pace_within_the_budget_has_expectation_at_most_one(allowed):
    k = np.arange(int(allowed * 20 + 200))
    logs = excess_evidence(k, np.full(len(k), allowed))
    for pace in (allowed / 2, allowed):
        assert logsumexp(logs + poisson.logpmf(k, pace)) <= 1e-9
    assert logsumexp(logs + poisson.logpmf(k, 2 * allowed)) > 0


def budgeted(alerts, *, budget=100.0, hour=0.0, rows=400, batch=False):
    """Look at days with so many alerts each, spread over the day or in one batch, against a budget a day."""
    reference = Reference(base_rate=0.01, n_positive=500, threshold=0.5, alerts_a_day=budget)
    windows = []
    for day, n in enumerate(alerts):
        p = np.where(np.arange(rows) < n, 0.9, 0.001)
        at = 86_400.0 * day + 3600 * hour + (np.zeros(rows) if batch else np.linspace(0, 80_000, rows))
        windows.append(summarise(window(p, at=at), reference))
    found = look(windows, reference)
    return next(check for check in found.checks if check.code == "budget"), windows


def test_more_alerts_than_the_budget_raise_an_alarm_that_says_since_when():
    check, windows = budgeted([95] * 10 + [230] * 3)
    assert check.fired
    assert check.since == windows[10].report.start
    assert check.sentence == "230 alerts a day; 100 are allowed"


@pytest.mark.parametrize("hour", [0.0, 13.0, 23.9])
@pytest.mark.parametrize("batch", [False, True])
def test_alerts_within_the_budget_raise_none_however_they_come(hour, batch, seed):
    alerts = np.random.default_rng(seed).poisson(100, 40)
    for days in (1, 2, 40):
        assert not budgeted(alerts[:days], hour=hour, batch=batch)[0].fired


def test_without_a_budget_none_is_watched():
    reference = Reference(base_rate=0.01, n_positive=500, threshold=0.5)
    found = look([summarise(window(np.full(900, 0.9)), reference)], reference)
    assert "budget" not in {check.code for check in found.checks}


# --- figures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.002, 0.01])
def test_the_share_of_positives_without_labels_covers_the_truth(rate, seed):
    rng = np.random.default_rng([seed, int(rate * 1000)])
    base, hits, n = 0.004, 0, 150
    for _ in range(n):
        y = rng.random(3000) < rate
        z = rng.normal(size=3000) + 2.5 * y
        odds = base / (1 - base) * np.exp(2.5 * z - 2.5**2 / 2)
        found = estimate(odds / (1 + odds), base)
        hits += found.lower <= rate <= found.upper
    assert hits >= binom.ppf(0.0005, n, 0.95)


def test_foretold_figures_hold_the_realised_ones(seed):
    rng = np.random.default_rng(seed)
    hits = {"precision": 0, "recall": 0, "cost": 0}
    costs, n = {"fn": 50.0, "fp": 1.0}, 200
    for _ in range(n):
        p = np.concatenate([rng.beta(0.3, 60, 2000), rng.beta(3, 3, 12)])
        truth = rng.random(len(p)) < p
        foretold, came = expected(window(p), costs), realised(window(p, truth), costs)
        for name in hits:
            value = came[name].value
            hits[name] += value is None or foretold[name].lower - 1e-9 <= value <= foretold[name].upper + 1e-9
    assert min(hits.values()) >= binom.ppf(0.0005, n, 0.95)


@pytest.mark.parametrize("n_positive", [0, 3])
def test_intervals_with_zero_or_three_positives_are_exact_ones(n_positive):
    p = np.r_[np.full(10, 0.8), np.full(500, 0.001)]
    truth = np.zeros(510, dtype=int)
    truth[:n_positive] = 1
    came = realised(window(p, truth))
    assert came["precision"].value == n_positive / 10
    assert 0 <= came["precision"].lower <= n_positive / 10 < came["precision"].upper < 1
    assert came["calibration"].lower <= came["calibration"].value < came["calibration"].upper
    if n_positive == 0:
        assert came["recall"].value is None
        assert came["recall"].note == "no positives"
    else:
        assert came["recall"].lower < came["recall"].value == came["recall"].upper == 1.0


def test_labels_of_alerts_only_leave_recall_open_and_say_so():
    p = np.r_[np.full(20, 0.9), np.full(500, 0.002)]
    truth = np.full(520, UNKNOWN)
    truth[:20] = np.arange(20) < 15
    recall = realised(window(p, truth))["recall"]
    assert (recall.value, recall.lower, recall.upper) == (None, 0.0, 1.0)
    assert "only alerts have labels" in recall.note
    assert "0.938" in recall.note  # 15 / (15 + 500 x 0.002)


def test_a_sample_of_labels_is_weighted_up_within_its_group(seed):
    rng = np.random.default_rng(seed)
    hits, n = 0, 150
    for _ in range(n):
        p = np.r_[np.full(40, 0.7), np.full(4000, 0.01)]
        truth = (rng.random(4040) < p).astype(np.int8)
        true_recall = truth[:40].sum() / truth.sum()
        seen = np.where(rng.random(4040) < np.r_[np.full(40, 0.9), np.full(4000, 0.2)], truth, UNKNOWN)
        recall = realised(window(p, seen))["recall"]
        hits += recall.lower <= true_recall <= recall.upper
        assert "taken as a draw" in recall.note
    assert hits >= binom.ppf(0.0005, n, 0.95)


# --- distances -----------------------------------------------------------------------------------------------

counts = st.lists(st.integers(0, 500), min_size=3, max_size=12).map(np.array).filter(lambda c: c.sum() > 0)


@settings(max_examples=60)
@given(counts)
def test_distances_to_itself_are_zero(c):
    assert psi(c, c) == pytest.approx(0.0)
    assert ks(c, 3 * c) == pytest.approx(0.0)


def test_the_index_by_chance_is_its_quantile(seed):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(15, 20))
    above = 0
    for _ in range(400):
        before, now = rng.multinomial(20_000, p), rng.multinomial(2000, p)
        above += psi(before, now) > psi_by_chance(before, now)
    assert binom.ppf(0.0005, 400, 0.05) <= above <= binom.ppf(0.9995, 400, 0.05)


def test_a_shift_within_what_is_tolerated_is_no_evidence_and_one_beyond_is():
    bins = Bins(edges=[0.0, 1.0], counts=[5000, 3000, 2000, 0])
    marks = feature_marks(bins, Rules(shift=0.05))
    within, beyond = np.array([5300, 2900, 1800, 0]), np.array([6500, 2500, 1000, 0])
    gone = np.array([4500, 2700, 1800, 1000])
    assert marks_evidence(marks, np.array([within] * 20))[0] < 0
    assert marks_evidence(marks, np.array([within] * 5 + [beyond]))[0] > np.log(1e6)
    assert marks_evidence(marks, np.array([within] * 5 + [gone]))[0] > np.log(1e6)


# --- windows and looks ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 10 * 86_400), max_size=60).map(sorted),
    st.sampled_from(["1h", "1d", "7d", 5, "9 rows"]),
)
def test_windows_hold_every_row_once_and_in_order(at, every):
    parts = cut(np.array(at), every)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(len(at)))


def test_order_of_rows_in_a_window_and_joining_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    reference = Reference(base_rate=0.01, n_positive=200, threshold=0.5)
    p, truth = rng.beta(0.2, 20, 400), rng.integers(-1, 2, 400)
    order = rng.permutation(400)
    one, other = (
        summarise(window(p[o], truth[o], at=np.arange(400.0)), reference) for o in (slice(None), order)
    )
    assert np.allclose(one.balance, other.balance)
    assert one.report.prevalence.value == pytest.approx(other.report.prevalence.value, rel=1e-6)
    halves = [window(p[part], truth[part]) for part in (slice(0, 200), slice(200, 400))]
    assert np.allclose(
        sum(summarise(half, reference).balance for half in halves),
        summarise(joined(halves), reference).balance,
    )


def scored(rng, n, scale):
    """A day of scores of another fit than training's."""
    return window(np.clip(rng.beta(0.3, 30, n) * scale, 0, 1), at=np.arange(float(n)))


def test_scores_are_held_against_the_versions_own_first_rows(seed):
    rng = np.random.default_rng(seed)
    edges = [0.001, 0.003, 0.01, 0.03, 0.1, 0.5]
    reference = Reference(
        base_rate=0.01,
        n_positive=200,
        threshold=0.5,
        scores=Bins(edges=edges, counts=[100, 100, 100, 19_000, 500, 190, 10, 0]),
    )

    def evidence(scales):
        sums = [summarise(scored(rng, 2000, scale), reference) for scale in scales]
        return next(check for check in look(sums, reference).checks if check.code == "scores")

    assert evidence([1.0] * 2).sentence == "watched from 5000 rows on"
    assert evidence([1.0] * 12).evidence < 0
    assert evidence([1.0] * 8 + [2.5] * 4).evidence > 3


def test_an_empty_look_and_a_single_row_have_an_answer():
    reference = Reference(base_rate=0.01, n_positive=3, threshold=0.5, recall=0.5)
    assert look([], reference).state == "no traffic"
    report = look([summarise(window([0.7]), reference)], reference)
    assert report.state == "quiet"
    assert report.windows[0].alerts_a_day is None
    assert "No labels" in report.notes[0]


def test_dates_that_move_on_are_no_drift_and_dates_of_another_unit_are():
    bins = Bins(levels=["before training", "from training on", "far ahead"], counts=[0, 4000, 0, 0, 20])
    reference = Reference(base_rate=0.01, n_positive=500, threshold=0.5, features={"at": bins})

    def seen(counts):
        windows = [
            summarise(window(np.full(400, 0.01), bins=np.array([row + [0] * 251])), reference)
            for row in counts
        ]
        return next(check for check in look(windows, reference).checks if check.code == "feature")

    assert not seen([[0, 398, 0, 0, 2]] * 20).fired
    found = seen([[0, 398, 0, 0, 2]] * 10 + [[150, 248, 0, 0, 2]] * 3)
    assert found.fired
    assert found.subject == "at"
    assert "from training on: 99.5% in training, 62.0% now" in found.sentence
