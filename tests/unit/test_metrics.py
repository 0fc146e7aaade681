"""What is undefined is NaN with its reason; what cannot be used is refused."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.errors import InputError, OptionError
from counterpoise.evaluate import metrics

Y = [0, 1, 0, 1]
NONE, ALL = [0, 0, 0, 0], [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "y", "d", "reason"),
    [
        ("precision", Y, NONE, "no row is alerted"),
        ("recall", NONE, Y, "no positive rows"),
        ("specificity", ALL, Y, "no negative rows"),
        ("fpr", ALL, Y, "no negative rows"),
        ("mcc", Y, NONE, "no row is alerted"),
        ("mcc", Y, ALL, "every row is alerted"),
        ("gmean", NONE, Y, "no positive rows"),
        ("balanced_accuracy", ALL, Y, "no negative rows"),
        ("f1", NONE, NONE, "no positive rows"),
        ("lift", Y, NONE, "no row is alerted"),
        ("average_precision", NONE, Y, "no positive rows"),
        ("roc_auc", ALL, Y, "no negative rows"),
        ("partial_auc", NONE, Y, "no positive rows"),
        ("mean_ratio", NONE, [0.1] * 4, "no positive rows"),
    ],
)
def test_undefined_is_nan_with_its_reason(name: str, y: list[int], d: list[int], reason: str) -> None:
    found = {"f1": metrics.f_beta, "fpr": metrics.false_positive_rate, "gmean": metrics.g_mean}.get(name)
    assert np.isnan((found or getattr(metrics, name))(y, d))
    assert reason in metrics.why_undefined(name, y, d)


@pytest.mark.parametrize("name", ["precision", "f2", "roc_auc", "brier", "recall"])
def test_defined_has_no_reason(name: str) -> None:
    assert metrics.why_undefined(name, Y, [0, 1, 1, 0]) == ""


def test_unknown_figure_gets_the_nearest() -> None:
    with pytest.raises(OptionError, match="precision"):
        metrics.why_undefined("precison", Y, Y)


def test_savings_of_nothing_is_undefined() -> None:
    assert np.isnan(metrics.savings(NONE, NONE, fn=1, fp=1))


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: metrics.precision(Y, [0, 1]), "4 rows"),
        (lambda: metrics.precision(Y, [0, 2, 1, 0]), "labels"),
        (lambda: metrics.precision([0, 1, 2, 1], Y), "labels"),
        (lambda: metrics.precision([0, np.nan, 1, 1], Y), "missing"),
        (lambda: metrics.precision([], []), "shape"),
        (lambda: metrics.precision(Y, Y, [1, 1, -1, 1]), "negative"),
        (lambda: metrics.precision(Y, Y, [0, 0, 0, 0]), "weight"),
        (lambda: metrics.precision(Y, Y, [1, 1]), "4 rows"),
        (lambda: metrics.roc_auc(Y, [0.1, np.nan, 0.2, 0.3]), "NaN"),
        (lambda: metrics.roc_auc(Y, ["a", "b", "c", "d"]), "numbers"),
        (lambda: metrics.roc_auc(Y, np.zeros((4, 3))), "shape"),
        (lambda: metrics.brier(Y, [0.1, 1.2, 0.2, 0.3]), "[0, 1]"),
        (lambda: metrics.log_loss(Y, [-0.1, 0.2, 0.2, 0.3]), "[0, 1]"),
        (lambda: metrics.brier(Y, [0.1, np.nan, 0.2, 0.3]), "[0, 1]"),
        (lambda: metrics.partial_auc(Y, Y, max_fpr=0), "max_fpr"),
        (lambda: metrics.recall_at_fpr(Y, Y, max_fpr=1.5), "max_fpr"),
        (lambda: metrics.precision_at_k(Y, Y, k=0), "k=0"),
        (lambda: metrics.card_precision_at_k(Y, Y, days=Y, cards=[1], k=1), "4 rows"),
        (lambda: metrics.realised_cost(Y, Y, fn=-1, fp=1), "fn"),
        (lambda: metrics.realised_cost(Y, Y, fn=[1, 2], fp=1), "4 rows"),
        (lambda: metrics.realised_cost(Y, Y, fn=np.nan, fp=1), "fn"),
    ],
)
def test_bad_input_is_refused_in_four_parts(call: object, match: str) -> None:
    with pytest.raises(InputError) as caught:
        call()  # type: ignore[operator]
    assert match in str(caught.value)
    assert all((caught.value.given, caught.value.expected, caught.value.why, caught.value.hint))


def test_labels_of_every_usual_kind_mean_the_same() -> None:
    d = np.array([0, 1, 1, 0])
    base = metrics.confusion(Y, d)
    for y in (np.array(Y, bool), np.array(Y) * 2 - 1, np.array(Y, float), np.array(Y, object)):
        assert metrics.confusion(y, d) == base
