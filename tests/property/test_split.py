"""Folds: what must hold for every table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.errors import NotApplicable, OptionError
from counterpoise.split import (
    MIN_POSITIVES,
    Prequential,
    grouped_folds,
    make_folds,
    prequential_folds,
    stratified_folds,
    time_folds,
)


def outcomes(n, n_positive, seed):
    y = np.zeros(n, dtype=np.int8)
    y[np.random.default_rng(seed).choice(n, n_positive, replace=False)] = 1
    return y


def check(folds, y):
    for fold in folds.folds:
        assert not np.intersect1d(fold.train, fold.test).size
        assert y[fold.test].sum() >= MIN_POSITIVES
        assert y[fold.train].sum() >= MIN_POSITIVES


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 300), st.integers(4, 20), st.integers(2, 8), st.integers(0, 99))
def test_stratified_folds_share_each_class_evenly(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    folds = stratified_folds(y, n_folds, random_state=seed)
    check(folds, y)
    assert np.array_equal(np.sort(np.concatenate([f.test for f in folds.folds])), np.arange(n))
    for label in (0, 1):
        sizes = [int((y[f.test] == label).sum()) for f in folds.folds]
        assert max(sizes) - min(sizes) <= 1
    assert (len(folds) < n_folds) == bool(folds.reason)


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 300), st.integers(8, 30), st.integers(2, 6), st.integers(0, 99))
def test_groups_stay_whole(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    groups = np.unique(np.random.default_rng(seed + 1).integers(0, n // 3, n), return_inverse=True)[1]
    folds = grouped_folds(y, groups, n_folds, random_state=seed)
    check(folds, y)
    for fold in folds.folds:
        assert not np.intersect1d(groups[fold.train], groups[fold.test]).size


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 300), st.integers(10, 30), st.integers(2, 6), st.integers(0, 99))
def test_the_past_judges_by_the_future(n, n_positive, n_folds, seed):
    y = outcomes(n, n_positive, seed)
    seconds = np.random.default_rng(seed + 1).integers(0, n, n).astype(float)  # with ties
    try:
        folds = time_folds(y, seconds, n_folds)
    except NotApplicable:
        return
    check(folds, y)
    for fold in folds.folds:
        assert seconds[fold.train].max() < seconds[fold.test].min()
    for earlier, later in zip(folds.folds, folds.folds[1:], strict=False):
        assert set(earlier.train) | set(earlier.test) == set(later.train)


def daily(n_days=120, a_day=40, seed=0):
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(n_days), a_day)
    return (rng.random(len(day)) < 0.08).astype(np.int8), day, rng.integers(0, 200, len(day))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 20), st.integers(0, 15), st.integers(2, 15), st.integers(1, 6))
def test_windows_lie_where_they_must(train, delay, test, n_folds):
    y, day, _ = daily()
    try:
        folds = prequential_folds(y, day * 86400.0 + 5, Prequential(train, delay, test, n_folds))
    except NotApplicable:
        assert train + delay + 2 * test > 60
        return
    for fold in folds.folds:
        first = day[fold.train].min()
        assert day[fold.train].max() == first + train - 1
        assert day[fold.test].min() == first + train + delay
        assert day[fold.test].max() == first + train + delay + test - 1
        for j in fold.lines:  # its labels had arrived when this fold's test began
            assert day[folds.folds[j].test].max() < day[fold.test].min() - delay
    assert sum(bool(fold.lines) for fold in folds.folds) <= n_folds
    assert day[folds.folds[-1].test].max() == day.max()


def test_groups_with_a_known_positive_are_left_out_of_the_test_part():
    y, day, cards = daily()
    windows = Prequential(7, 7, 7, 3)
    kept = prequential_folds(y, day * 86400.0, windows)
    dropped = prequential_folds(y, day * 86400.0, Prequential(7, 7, 7, 3, drop_known=True), cards)
    for whole, part in zip(kept.folds, dropped.folds, strict=True):
        start = day[part.train].min()
        for row in whole.test:
            known = (y == 1) & (cards == cards[row]) & (day >= start) & (day < day[row] - 7)
            assert (row in part.test) == (not known.any())


@pytest.mark.parametrize(
    "text",
    [
        "train=7d",
        "train=7d,test=0d",
        "train=x,test=7d",
        "train=7d,test=7d,known=maybe",
        "weeks=3",
        "start=2018",
    ],
)
def test_windows_in_wrong_words_show_the_grammar(text):
    with pytest.raises(OptionError, match="train=7d, delay=7d"):
        Prequential.parse(text)


def test_windows_in_words():
    found = Prequential.parse("train=1w, delay=7d, test=7d, folds=4, start=2018-08-15, known=drop")
    assert (found.train, found.delay, found.test, found.folds, found.drop_known) == (7, 7, 7, 4, True)
    assert str(found.start) == "2018-08-15"


def test_the_published_protocol_on_the_shared_payments(shared_table):
    """Rows and frauds of the four test folds as the handbook's protocol gives them."""
    frame = shared_table("card_transactions")
    import counterpoise as cp

    table = cp.read(
        frame.select("TX_DATETIME", "CUSTOMER_ID", "TX_AMOUNT", "TX_FRAUD"),
        target="TX_FRAUD", time="TX_DATETIME", group="CUSTOMER_ID",
    )  # fmt: skip
    folds = make_folds(table, "train=7d, delay=7d, test=7d, folds=4, start=2018-08-15, known=drop")
    sizes = [
        (len(f.train), int(table.y[f.train].sum()), len(f.test), int(table.y[f.test].sum()))
        for f in folds.folds
        if f.lines
    ]
    assert sizes == [
        (67240, 598, 58264, 385), (66975, 626, 57937, 387), (67080, 568, 58337, 408), (67049, 594, 57604, 422)
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_folds_and_another_others(seed):
    y = outcomes(200, 20, seed)
    first, again, other = (stratified_folds(y, 5, random_state=s) for s in (seed, seed, seed + 1))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first.folds, again.folds, strict=True))
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(first.folds, other.folds, strict=True))


def test_six_positives_give_three_folds_and_the_reason(seed):
    folds = stratified_folds(outcomes(150, 6, seed), 5, random_state=seed)
    assert len(folds) == 3
    assert "6 rows of the rarest class allow 3 folds" in folds.reason


def test_three_positives_are_refused_with_the_reason(seed):
    with pytest.raises(NotApplicable, match="Collect more rows"):
        stratified_folds(outcomes(150, 3, seed), 5)
    with pytest.raises(NotApplicable):
        grouped_folds(outcomes(150, 30, seed), outcomes(150, 30, seed).astype(np.int64), 5)


def test_one_fold_is_refused():
    import counterpoise as cp

    with pytest.raises(OptionError, match="2 or more"):
        make_folds(cp.read((np.arange(8.0).reshape(-1, 1) ** 2, [0, 0, 0, 0, 1, 1, 1, 1])), 1)
