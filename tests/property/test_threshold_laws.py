"""Laws of the threshold curve: parts and whole, order, ties, weights, monotone lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.decide import CostMatrix, ThresholdCurve, cost_threshold
from counterpoise.errors import NotApplicable

rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 8), st.floats(0, 100, allow_subnormal=False), st.integers(0, 2)),
    min_size=3,
    max_size=60,
).filter(lambda found: sum(weight for _, _, weight, _ in found) > 0)


def curve_of(part: np.ndarray, weighted: bool = True) -> ThresholdCurve:
    y, s, w = part[:, 0] > 0, part[:, 1] / 8, part[:, 2] + 0.125
    return ThresholdCurve.from_scores(y, s, w if weighted else None, columns={"amount": w})


def same(a: ThresholdCurve, b: ThresholdCurve) -> bool:
    arrays = ("thresholds", "tp", "fp", "fn", "tn")
    return (
        all((getattr(a, name) == getattr(b, name)).all() for name in arrays)
        and a.fingerprint == b.fingerprint
    )


@settings(max_examples=60, deadline=None)
@given(rows, st.booleans())
def test_whole_is_merged_parts_in_any_order(
    found: list[tuple[bool, int, float, int]], weighted: bool
) -> None:
    table = np.array(found, dtype=float)
    whole = curve_of(table, weighted)
    parts = [curve_of(table[table[:, 3] == k], weighted) for k in range(3) if (table[:, 3] == k).any()]
    left = parts[0]
    for part in parts[1:]:
        left = left.merge(part)
    right = parts[-1]
    for part in parts[-2::-1]:
        right = part.merge(right)
    assert same(left, whole)
    assert same(right, whole)
    assert (left.column_sums("amount", True) == whole.column_sums("amount", True)).all()


@settings(max_examples=40, deadline=None)
@given(rows)
def test_counts_and_weights_of_one_are_the_same(found: list[tuple[bool, int, float, int]]) -> None:
    table = np.array(found, dtype=float)
    y, s = table[:, 0] > 0, table[:, 1] / 8
    counted, weighted = (
        ThresholdCurve.from_scores(y, s),
        ThresholdCurve.from_scores(y, s, np.ones(y.shape[0])),
    )
    half = y.shape[0] // 2
    merged = ThresholdCurve.from_scores(y[:half], s[:half]).merge(
        ThresholdCurve.from_scores(y[half:], s[half:])
    )
    assert counted.fingerprint == weighted.fingerprint == merged.fingerprint
    assert same(counted, weighted)
    assert same(counted, merged)
    lines = np.arange(counted.thresholds.shape[0])
    fresh = ThresholdCurve.from_scores(y, s)
    for one, other in zip(
        fresh.cells_at(lines), (counted.tp, counted.fp, counted.fn, counted.tn), strict=True
    ):
        assert (one == other).all()
    assert (fresh.corners == weighted.corners).all()


@settings(max_examples=40, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(found: list[tuple[bool, int, float, int]], random: object) -> None:
    shuffled = found.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert same(curve_of(np.array(found, float)), curve_of(np.array(shuffled, float)))


@settings(max_examples=40, deadline=None)
@given(rows)
def test_counts_equal_brute_force(found: list[tuple[bool, int, float, int]]) -> None:
    table = np.array(found, dtype=float)
    y, s, w = table[:, 0] > 0, table[:, 1] / 8, table[:, 2] + 0.125
    curve = curve_of(table)
    for k, line in enumerate(curve.thresholds):
        alerted = s >= line
        assert curve.tp[k] == pytest.approx(w[alerted & y].sum())
        assert curve.fp[k] == pytest.approx(w[alerted & ~y].sum())
        assert curve.tn[k] == pytest.approx(w[~alerted & ~y].sum(), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_integer_weights_are_repeated_rows(found: list[tuple[bool, int, float, int]]) -> None:
    table = np.array(found, dtype=float)
    y, s, w = table[:, 0] > 0, table[:, 1] / 8, (table[:, 3] + 1).astype(int)
    weighted = ThresholdCurve.from_scores(y, s, w)
    repeated = ThresholdCurve.from_scores(np.repeat(y, w), np.repeat(s, w))
    assert (weighted.tp == repeated.tp).all()
    assert (weighted.fp == repeated.fp).all()
    if y.any() and not y.all():
        assert weighted.best("f1").threshold == repeated.best("f1").threshold


@settings(max_examples=40, deadline=None)
@given(rows, st.floats(0.1, 50), st.floats(1.01, 20))
def test_line_falls_as_missing_gets_dearer(
    found: list[tuple[bool, int, float, int]], fn: float, more: float
) -> None:
    table = np.array(found, dtype=float)
    y, s = table[:, 0] > 0, table[:, 1] / 8
    if y.all() or not y.any():
        return
    curve = ThresholdCurve.from_scores(y, s)
    cheap, dear = (curve.best(f"cost(fn={cost:.6f}, fp=1)") for cost in (fn, fn * more))
    assert dear.threshold <= cheap.threshold
    assert dear.recall >= cheap.recall


@settings(max_examples=40, deadline=None)
@given(rows, st.floats(0.05, 0.95))
def test_more_confidence_never_raises_the_recall_line(
    found: list[tuple[bool, int, float, int]], target: float
) -> None:
    table = np.array(found, dtype=float)
    y, s = table[:, 0] > 0, table[:, 1] / 8
    if y.all() or not y.any():
        return
    curve, recalls = ThresholdCurve.from_scores(y, s), []
    for confidence in (None, 0.6, 0.9, 0.99):
        try:
            point = curve.best(f"recall>={target:.4f}", confidence=confidence)
        except NotApplicable:
            break
        recalls.append(point.constraints[0].value)
        assert point.constraints[0].bound >= float(f"{target:.4f}") - 1e-9


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 1000), st.floats(0.01, 1000), st.floats(-100, 0), st.floats(-100, 0), st.floats(0, 1))
def test_two_class_cost_matrix_is_the_closed_form(
    fn: float, fp: float, tp: float, tn: float, p: float
) -> None:
    matrix = CostMatrix.binary(fn=fn, fp=fp, tp=tp, tn=tn)
    assert matrix.threshold == cost_threshold(fn, fp, tp, tn)
    decision = int(matrix.decide([[1 - p, p]])[0])
    cost = matrix.expected([[1 - p, p]])[0]
    assert cost[decision] <= cost[1 - decision] + 1e-9 * (1 + np.abs(cost).max())
