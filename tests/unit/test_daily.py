"""Figures by day, by hand and by the published definition."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.evaluate import metrics
from counterpoise.evaluate.daily import DAILY_METRICS, Days, daily_figures
from counterpoise.report import render
from counterpoise.report.words import figure

DAY = 86400.0


def test_by_hand():
    y = np.array([1, 0, 0, 1, 0, 0, 0, 1])
    seconds = DAY * np.array([0.1, 0.2, 0.9, 1.0, 1.5, 7.0, 7.1, 7.2])
    fold = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    alerts = np.array([True, True, False, False, True, False, False, True])
    proba = np.array([0.9, 0.8, 0.1, 0.2, 0.7, 0.1, 0.2, 0.6])
    figures, days = daily_figures(Days(y, seconds, fold), proba, alerts)
    assert [(d.fold, d.n_rows, d.n_positive, d.alerts, d.hits) for d in days] == [
        (0, 3, 1, 2, 1),
        (0, 2, 1, 1, 0),
        (1, 3, 1, 1, 1),
    ]
    assert figures["alerts_per_day"].value == pytest.approx(4 / 3)  # days weigh alike, in folds of any length
    assert figures["daily_recall"].value == pytest.approx(2 / 3)
    assert "card_precision_100" not in figures
    assert figures["daily_precision_100"].value == pytest.approx((1 / 3 + 1 / 2 + 1 / 3) / 3)


def test_alerts_a_day_times_days_are_the_alerts(seed):
    rng = np.random.default_rng(seed)
    n = 3000
    seconds, alerts = DAY * rng.uniform(10, 99, n), rng.random(n) < 0.02
    for fold in (np.digitize(seconds, [20 * DAY, 30.5 * DAY]), rng.integers(0, 5, n)):
        estimate = daily_figures(Days(alerts * 0, seconds, fold), rng.random(n), alerts)[0]["alerts_per_day"]
        assert estimate.value * 89 == pytest.approx(alerts.sum())
        assert estimate.lower < estimate.value < estimate.upper


def test_days_without_positives_are_left_out_of_recall():
    y, seconds = np.array([0, 0, 1]), DAY * np.array([0.0, 1.0, 2.0])
    figures, _ = daily_figures(
        Days(y, seconds, np.zeros(3, int)), np.full(3, 0.5), np.array([True, False, True])
    )
    assert figures["daily_recall"].value == 1.0
    nothing, _ = daily_figures(Days(y * 0, seconds, np.zeros(3, int)), np.full(3, 0.5), np.zeros(3, bool))
    assert nothing["daily_recall"].value is None
    assert "positive" in nothing["daily_recall"].why_undefined


def test_card_precision_is_the_published_figure_in_folds_of_equally_many_days(seed):
    rng = np.random.default_rng(seed)
    n = 4000
    y, proba = (rng.random(n) < 0.05).astype(int), rng.random(n)
    cards, seconds = rng.integers(0, 300, n), DAY * rng.uniform(10, 24, n)
    fold = (seconds >= 17 * DAY).astype(int)
    figures, _ = daily_figures(Days(y, seconds, fold, cards), proba, proba > 0.9)
    expected = [
        metrics.card_precision_at_k(
            y[fold == k], proba[fold == k], days=np.floor(seconds[fold == k] / DAY), cards=cards[fold == k]
        )
        for k in (0, 1)
    ]
    estimate = figures["card_precision_100"]
    assert estimate.value == pytest.approx(np.mean(expected))
    assert estimate.lower < estimate.value < estimate.upper


def test_columns_of_the_leaderboard():
    rng = np.random.default_rng(0)
    n = 1500
    y = (rng.random(n) < 0.1).astype(int)
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=n) + y,
            "card": rng.integers(0, 80, n),
            "at": pl.from_epoch(pl.Series(1_700_000_000 + np.sort(rng.integers(0, 40 * 86400, n)))),
            "y": y,
        }
    )
    chosen = {"treatments": ["none"], "learners": ["logistic"], "workers": 0}
    trial = cp.compare(cp.read(frame, target="y", time="at", group="card"), folds=3, **chosen)
    board = trial.leaderboard()
    for name in DAILY_METRICS:
        assert board[name][0] is not None
    champion = next(c for c in trial.record.candidates if c.is_champion)
    assert sum(day.n_rows for day in champion.days) == sum(champion.confusion.values())
    assert sum(day.alerts for day in champion.days) == champion.confusion["tp"] + champion.confusion["fp"]
    a_day = figure(champion.metrics["alerts_per_day"].value)
    assert re.findall(r"([\d.,]+) alerts a day", render(trial.record)) == [a_day]
    assert all(a.day < b.day or a.fold < b.fold for a, b in pairwise(champion.days))
    by_time = cp.compare(cp.read(frame, target="y", time="at", drop=["card"]), folds=3, **chosen)
    assert "daily_recall" in by_time.leaderboard().columns
    assert "card_precision_100" not in by_time.leaderboard().columns
    plain = cp.compare(cp.read(frame, target="y", drop=["card", "at"]), folds=3, **chosen)
    assert not set(DAILY_METRICS) & set(plain.leaderboard().columns)
