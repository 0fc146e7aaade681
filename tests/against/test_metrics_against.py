"""Figures against scikit-learn, imbalanced-learn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score, make_index_balanced_accuracy, specificity_score
from sklearn import metrics as sk

from counterpoise.decide import ThresholdCurve
from counterpoise.evaluate import metrics

N = 400


def table(seed: int, ties: bool, weighted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < 0.15).astype(int)
    s = 1 / (1 + np.exp(-(rng.normal(size=N) + y - 1)))
    return y, np.round(s, 1) if ties else s, rng.exponential(size=N) if weighted else None


cases = pytest.mark.parametrize(("ties", "weighted"), [(a, b) for a in (False, True) for b in (False, True)])


@cases
def test_decisions_equal_scikit_learn(ties: bool, weighted: bool, seed: int) -> None:
    y, s, w = table(seed, ties, weighted)
    d = (s > 0.4).astype(int)
    close = {"rel": 1e-12}
    assert metrics.precision(y, d, w) == pytest.approx(sk.precision_score(y, d, sample_weight=w), **close)
    assert metrics.recall(y, d, w) == pytest.approx(sk.recall_score(y, d, sample_weight=w), **close)
    assert metrics.accuracy(y, d, w) == pytest.approx(sk.accuracy_score(y, d, sample_weight=w), **close)
    for beta in (0.5, 1.0, 2.0):
        theirs = sk.fbeta_score(y, d, beta=beta, sample_weight=w)
        assert metrics.f_beta(y, d, w, beta=beta) == pytest.approx(theirs, **close)
    assert metrics.mcc(y, d, w) == pytest.approx(sk.matthews_corrcoef(y, d, sample_weight=w), rel=1e-10)
    theirs = sk.balanced_accuracy_score(y, d, sample_weight=w)
    assert metrics.balanced_accuracy(y, d, w) == pytest.approx(theirs, **close)
    tn, fp, fn, tp = sk.confusion_matrix(y, d, sample_weight=w).ravel()
    assert metrics.confusion(y, d, w) == pytest.approx((tp, fp, fn, tn), **close)


@cases
def test_rankings_equal_scikit_learn(ties: bool, weighted: bool, seed: int) -> None:
    y, s, w = table(seed, ties, weighted)
    theirs = sk.average_precision_score(y, s, sample_weight=w)
    assert metrics.average_precision(y, s, w) == pytest.approx(theirs, rel=1e-10)
    assert metrics.roc_auc(y, s, w) == pytest.approx(sk.roc_auc_score(y, s, sample_weight=w), rel=1e-10)
    for limit in (0.01, 0.1, 0.5, 1.0):
        theirs = sk.roc_auc_score(y, s, sample_weight=w, max_fpr=limit)
        assert metrics.partial_auc(y, s, w, max_fpr=limit) == pytest.approx(theirs, rel=1e-9)
    fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    assert metrics.recall_at_fpr(y, s, w, max_fpr=0.1) == pytest.approx(tpr[fpr <= 0.1].max())


@cases
def test_probabilities_equal_scikit_learn(ties: bool, weighted: bool, seed: int) -> None:
    y, s, w = table(seed, ties, weighted)
    assert metrics.brier(y, s, w) == pytest.approx(sk.brier_score_loss(y, s, sample_weight=w), rel=1e-12)
    assert metrics.log_loss(y, s, w) == pytest.approx(sk.log_loss(y, s, sample_weight=w), rel=1e-12)
    assert metrics.mean_ratio(y, s, w) == pytest.approx(np.average(s, weights=w) / np.average(y, weights=w))


def test_log_loss_of_certain_errors_is_finite_as_in_scikit_learn() -> None:
    assert metrics.log_loss([0, 1], [1.0, 0.5]) == pytest.approx(sk.log_loss([0, 1], [1.0, 0.5]))


def test_decisions_equal_imbalanced_learn(seed: int) -> None:
    y, s, _ = table(seed, False, False)
    d = (s > 0.4).astype(int)
    assert metrics.specificity(y, d) == pytest.approx(specificity_score(y, d))
    assert metrics.g_mean(y, d) == pytest.approx(geometric_mean_score(y, d, average="binary"))
    iba = make_index_balanced_accuracy(alpha=0.1, squared=True)(geometric_mean_score)
    assert metrics.index_balanced_accuracy(y, d) == pytest.approx(iba(y, d, average="binary"))


def test_curve_equals_scikit_learn(seed: int) -> None:
    y, s, w = table(seed, True, True)
    precision, recall, thresholds = sk.precision_recall_curve(y, s, sample_weight=w)
    curve = ThresholdCurve.from_scores(y, s, w)
    assert curve.thresholds[:0:-1] == pytest.approx(thresholds)
    assert curve.precision()[:0:-1] == pytest.approx(precision[:-1])
    assert curve.recall()[::-1] == pytest.approx(recall)


def test_top_of_the_table_by_hand() -> None:
    y, s = [1, 0, 1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert metrics.precision_at_k(y, s, k=2) == 0.5
    assert metrics.recall_at_k(y, s, k=3) == pytest.approx(2 / 3)
    assert metrics.precision_at_k(y, s, k=100) == 0.5
    assert metrics.precision_at_k([1, 0, 0, 0], [0.5, 0.5, 0.5, 0.1], k=1) == pytest.approx(1 / 3)
    days = [1, 1, 1, 2, 2, 2]
    assert metrics.precision_at_k(y, s, k=1, days=days) == 0.5
    assert metrics.recall_at_k(y, s, k=2, days=days) == pytest.approx(2 / 3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30), st.integers(1, 30))
def test_precision_at_k_is_the_mean_over_tie_orders(rows: list[tuple[bool, int]], k: int) -> None:
    y, s = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], float)
    k = min(k, len(rows))
    edge = np.sort(s)[::-1][k - 1]
    sure, tied = s > edge, s == edge
    expected = (y[sure].sum() + (k - sure.sum()) * y[tied].mean()) / k
    assert metrics.precision_at_k(y, s, k=k) == pytest.approx(expected)


def handbook_card_precision(
    y: np.ndarray, s: np.ndarray, days: np.ndarray, cards: np.ndarray, k: int
) -> float:
    """The protocol as the handbook describes it, row by row."""
    caught: set[int] = set()
    shares = []
    for day in sorted(set(days)):
        best: dict[int, float] = {}
        label: dict[int, bool] = {}
        for i in np.flatnonzero(days == day):
            if cards[i] in caught:
                continue
            best[cards[i]] = max(best.get(cards[i], -np.inf), s[i])
            label[cards[i]] = label.get(cards[i], False) or bool(y[i])
        top = sorted(best, key=lambda card: (-best[card], card))[:k]
        found = [card for card in top if label[card]]
        caught.update(found)
        shares.append(len(found) / k)
    return float(np.mean(shares))


def test_card_precision_follows_the_protocol(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, s = rng.random(1000) < 0.1, np.round(rng.random(1000), 2)
    days, cards = rng.integers(0, 7, 1000), rng.integers(0, 60, 1000)
    expected = handbook_card_precision(y, s, days, cards, 10)
    assert metrics.card_precision_at_k(y, s, days=days, cards=cards, k=10) == pytest.approx(expected)


def test_costs_by_hand() -> None:
    y, d = [1, 1, 0, 0], [1, 0, 1, 0]
    assert metrics.realised_cost(y, d, fn=10, fp=1) == pytest.approx(11 / 4)
    assert metrics.realised_cost(y, d, fn=[10, 20, 0, 0], fp=1, tp=-3, total=True) == pytest.approx(18)
    assert metrics.realised_cost(y, d, [1, 2, 0, 1], fn=10, fp=1, total=True) == pytest.approx(20)
    assert metrics.expected_cost([0.1, 0.5], [0, 1], fn=10, fp=1) == pytest.approx((1 + 0.5) / 2)
    assert metrics.savings(y, d, fn=10, fp=1) == pytest.approx(1 - 11 / 20)
    assert metrics.savings(y, [0, 0, 0, 0], fn=10, fp=1) == 0.0
