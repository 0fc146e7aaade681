"""Card payments with fraud, drawn from a seed, at any size.

Cards and terminals are points of a plane; a card pays at the terminals near it, at its own pace and with its own
amounts. Fraud comes in three scenarios:

1. every payment over a limit;
2. a terminal is compromised: all payments at it are fraud for four weeks;
3. a card is stolen: for two weeks every third payment of it is fraud, of five times the amount.

Each payment carries what a bank would know when it happens: the card's own number of payments and mean amount over
the last 1, 7 and 30 days, and the terminal's number of payments and share of fraud over windows of 1, 7 and 30 days
that end 7 days earlier, because nobody knows today's frauds today.

The scenarios and their rates follow the simulator of Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible machine
learning for credit card fraud detection", Université libre de Bruxelles, 2022, chapter 3. Drawn here day by day, each
day from its own random stream, so that any range of days can be made alone: windows reach back `HISTORY_DAYS`.
The total is fixed by drawing multinomial instead of Poisson counts, which is the same law given the total.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from scipy import spatial, special

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError

__all__ = ["HISTORY_DAYS", "card_payments"]

DAY = 86_400
"""Seconds of a day."""

WINDOWS = (1, 7, 30)
"""Lengths of the rolling windows, in days."""

LABEL_DELAY = 7
"""Days until a fraud is known."""

HISTORY_DAYS = max(WINDOWS) + LABEL_DELAY
"""Days before a payment that its windows can reach."""

PAYMENTS_A_CARD = 2.0
"""Mean payments of a card a day."""

TERMINALS_A_CARD = 2.0
"""Terminals for each card."""

REACH = 78.5
"""Terminals within reach of a card, on average."""

LIMIT_CENTS = 22_000
"""Payments above it are fraud (scenario 1)."""

COMPROMISED_A_DAY, COMPROMISED_DAYS = 2e-4, 28
"""Share of the terminals newly compromised each day, and for how long (scenario 2)."""

STOLEN_A_DAY, STOLEN_DAYS = 6e-4, 14
"""Share of the cards newly stolen each day, and for how long (scenario 3)."""

STOLEN_SHARE, STOLEN_FACTOR = 1 / 3, 5
"""Share of a stolen card's payments that are fraud, and by how much their amounts grow."""

NIGHT_ENDS = 6
"""Hour at which the night, which begins at midnight, ends."""

_NOON, _SPREAD = DAY / 2, 20_000.0
_START = datetime(2025, 1, 6)  # a Monday


@dataclass(frozen=True)
class _World:
    """What stays the same from day to day."""

    streams: Streams
    payments: np.ndarray  # (days,) payments of each day
    mean: np.ndarray  # (cards,) mean amount
    share: np.ndarray  # (cards,) cumulative share of all payments
    reach: np.ndarray  # terminals within reach, card after card
    starts: np.ndarray  # (cards + 1,) where a card's terminals begin in reach
    compromised: np.ndarray  # sorted codes of terminal and first day
    stolen: np.ndarray  # sorted codes of card and first day


@dataclass(frozen=True)
class _Payments:
    """Payments of consecutive days, in the order of time."""

    second: np.ndarray
    card: np.ndarray
    terminal: np.ndarray
    cents: np.ndarray
    scenario: np.ndarray


def card_payments(
    n_payments: int = 100_000,
    *,
    days: int = 120,
    random_state: Seed = 0,
    scenario: bool = False,
) -> pl.DataFrame:
    """Draw card payments, about 0.8 % of them fraud.

    Parameters
    ----------
    n_payments : int, default=100_000
        Rows, at least 1. The number of cards and terminals follows from it: two payments a card a day.
    days : int, default=120
        Length of the record in days, from Monday 2025-01-06. Long enough for 30-day windows behind a 7-day delay.
    random_state : int, Generator, RandomState or None, default=0
        Seed; equal seeds give equal tables.
    scenario : bool, default=False
        Also give ``scenario`` (0 for honest payments, 1 to 3). It gives the label away, so it is for looking, not
        for learning.

    Returns
    -------
    polars.DataFrame
        One row a payment, in the order of time: ``tx_id``, ``at``, ``card``, ``terminal``, ``amount``,
        ``is_weekend``, ``is_night`` (midnight to six), ``card_count_1d`` and ``card_mean_amount_1d`` (this payment
        included; also ``7d`` and ``30d``), ``terminal_count_1d`` and ``terminal_risk_1d`` (number of payments, and
        share of fraud among them, in the day that ended 7 days earlier; also ``7d`` and ``30d``), ``is_fraud``.

    Raises
    ------
    OptionError
        If `n_payments` or `days` is not positive.

    Examples
    --------
    >>> from counterpoise.datasets import card_payments
    >>> card_payments(1000).shape
    (1000, 20)
    """
    if n_payments < 1 or days < 1:
        raise OptionError(
            f"n_payments={n_payments}, days={days} were given.",
            expected="Expected at least 1 of each.",
            why="There is nothing to draw otherwise.",
            hint="For example card_payments(100_000, days=120).",
        )
    world = _world(n_payments, days, Streams.of(random_state).child("payments"))
    return _table_of_days(world, 0, days, with_scenario=scenario)


# --- the world -----------------------------------------------------------------------------------------------


def _world(n_payments: int, days: int, streams: Streams) -> _World:
    n_cards = max(1, round(n_payments / (PAYMENTS_A_CARD * days)))
    n_terminals = max(2, round(TERMINALS_A_CARD * n_cards))
    cards = streams.child("cards").generator()
    places, terminals = (
        cards.random((n_cards, 2)),
        streams.child("terminals").generator().random((n_terminals, 2)),
    )
    reach, starts = _within_reach(places, terminals)
    pace = cards.uniform(0, 2 * PAYMENTS_A_CARD, n_cards)
    return _World(
        streams=streams,
        payments=streams.child("days").generator().multinomial(n_payments, np.full(days, 1 / days)),
        mean=cards.uniform(5, 100, n_cards),
        share=np.cumsum(pace) / pace.sum(),
        reach=reach,
        starts=starts,
        compromised=_spells(
            streams.child("compromised"), n_terminals, days, COMPROMISED_A_DAY, COMPROMISED_DAYS
        ),
        stolen=_spells(streams.child("stolen"), n_cards, days, STOLEN_A_DAY, STOLEN_DAYS),
    )


def _within_reach(places: np.ndarray, terminals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List the terminals near each card; a card with none near has its nearest one."""
    radius = float(np.sqrt(REACH / (np.pi * len(terminals))))
    tree = spatial.cKDTree(terminals)
    near = tree.query_ball_point(places, radius, return_sorted=True)
    nearest = tree.query(places)[1]
    lists = [found or [int(nearest[i])] for i, found in enumerate(near)]
    starts = np.concatenate([[0], np.cumsum([len(found) for found in lists])])
    return np.concatenate(lists).astype(np.int32), starts.astype(np.int64)


def _spells(streams: Streams, n: int, days: int, rate: float, length: int) -> np.ndarray:
    """Draw which of n things go bad and when, as sorted codes; some already were on the first day."""
    draw, span = streams.generator(), days + length - 1
    n_spells = max(1, round(n * rate * span))
    first = draw.integers(0, span, n_spells)  # counted from length - 1 days before the record
    return np.sort(draw.integers(0, n, n_spells) * (span + length) + first)


def _in_spell(world: _World, codes: np.ndarray, who: np.ndarray, day: int, length: int) -> np.ndarray:
    """Say for each of `who` whether a spell of it that began within `length` days covers the day."""
    last = who.astype(np.int64) * (len(world.payments) + 2 * length - 1) + day + length - 1
    until = np.searchsorted(codes, last, side="right")
    since = np.searchsorted(codes, last - length, side="right")
    covered: np.ndarray = until > since
    return covered


# --- one day, from its own stream ------------------------------------------------------------------------------


def _day(world: _World, day: int) -> _Payments:
    draw, n = world.streams.child("day", day).generator(), int(world.payments[day])
    second = np.sort(_seconds_of_day(draw.random(n))) + day * DAY
    card = np.minimum(np.searchsorted(world.share, draw.random(n), side="right"), len(world.mean) - 1)
    width = world.starts[card + 1] - world.starts[card]
    terminal = world.reach[world.starts[card] + (draw.random(n) * width).astype(np.int64)]
    cents, scenario = _amounts(world, day, card, terminal, draw)
    return _Payments(second, card.astype(np.int32), terminal, cents, scenario)


def _seconds_of_day(u: np.ndarray) -> np.ndarray:
    """Turn uniform numbers into seconds: normal about noon, cut at midnight on both sides."""
    low, high = special.ndtr(-_NOON / _SPREAD), special.ndtr(_NOON / _SPREAD)
    seconds = _NOON + _SPREAD * special.ndtri(low + u * (high - low))
    inside: np.ndarray = np.clip(seconds.astype(np.int64), 0, DAY - 1)
    return inside


def _amounts(
    world: _World, day: int, card: np.ndarray, terminal: np.ndarray, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Give each payment its cents and its scenario; where several apply, the card's theft names it."""
    mean = world.mean[card]
    amount = mean * (1 + draw.standard_normal(len(card)) / 2)
    amount = np.where(amount < 0, 2 * mean * draw.random(len(card)), amount)
    over = np.rint(100 * amount) > LIMIT_CENTS
    bad_terminal = _in_spell(world, world.compromised, terminal, day, COMPROMISED_DAYS)
    stolen = _in_spell(world, world.stolen, card, day, STOLEN_DAYS)
    stolen &= draw.random(len(card)) < STOLEN_SHARE
    scenario = np.select([stolen, bad_terminal, over], [3, 2, 1], 0).astype(np.int8)
    cents = np.rint(100 * np.where(stolen, STOLEN_FACTOR * amount, amount)).astype(np.int64)
    return np.maximum(cents, 1), scenario


# --- rolling windows and the table ------------------------------------------------------------------------------


def _table_of_days(world: _World, first: int, stop: int, *, with_scenario: bool) -> pl.DataFrame:
    """Make the payments of a range of days, windows included, from those days and the history they reach."""
    reached = max(0, first - HISTORY_DAYS)
    days = [_day(world, day) for day in range(reached, stop)]
    parts = {name: np.concatenate([getattr(day, name) for day in days]) for name in vars(days[0])}
    skipped = int(world.payments[reached:first].sum())
    before = int(world.payments[:first].sum())
    columns = _columns(_Payments(**parts), with_scenario)
    frame = pl.DataFrame({name: values[skipped:] for name, values in columns.items()})
    tx_id = pl.Series("tx_id", np.arange(before, before + frame.height, dtype=np.int64))
    at = pl.lit(_START).cast(pl.Datetime("us")) + pl.duration(seconds=pl.col("second"))
    return frame.select(tx_id, at.alias("at"), pl.exclude("second"))


def _columns(p: _Payments, with_scenario: bool) -> dict[str, np.ndarray]:
    is_fraud = (p.scenario > 0).astype(np.int8)
    day, hour = p.second // DAY, p.second % DAY // 3600
    columns = {
        "second": p.second,
        "card": p.card,
        "terminal": p.terminal,
        "amount": p.cents / 100,
        "is_weekend": (day % 7 >= 5).astype(np.int8),
        "is_night": (hour < NIGHT_ENDS).astype(np.int8),
        **_card_windows(p.card, p.second, p.cents),
        **_terminal_windows(p.terminal, p.second, is_fraud),
        "is_fraud": is_fraud,
    }
    return {**columns, "scenario": p.scenario} if with_scenario else columns


def _card_windows(card: np.ndarray, second: np.ndarray, cents: np.ndarray) -> dict[str, np.ndarray]:
    """Count and average each card's payments in (t - window, t], up to and including the payment itself."""
    order, code, sums = _sorted(card, second, cents)
    end = np.arange(1, len(order) + 1)
    out = {}
    for window in WINDOWS:
        begin = np.searchsorted(code, code - window * DAY, side="right")
        out[f"card_count_{window}d"] = _put_back(order, (end - begin).astype(np.int32))
        mean = (sums[end] - sums[begin]) / (100 * (end - begin))
        out[f"card_mean_amount_{window}d"] = _put_back(order, mean)
    return out


def _terminal_windows(
    terminal: np.ndarray, second: np.ndarray, is_fraud: np.ndarray
) -> dict[str, np.ndarray]:
    """Count each terminal's payments, and their share of fraud, in (t - delay - window, t - delay]."""
    order, code, sums = _sorted(terminal, second, is_fraud)
    end = np.searchsorted(code, code - LABEL_DELAY * DAY, side="right")
    out = {}
    for window in WINDOWS:
        begin = np.searchsorted(code, code - (LABEL_DELAY + window) * DAY, side="right")
        count, frauds = end - begin, sums[end] - sums[begin]
        out[f"terminal_count_{window}d"] = _put_back(order, count.astype(np.int32))
        out[f"terminal_risk_{window}d"] = _put_back(order, frauds / np.maximum(count, 1))
    return out


def _sorted(
    who: np.ndarray, second: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort payments by who and when: the order, the sorted codes, and the cumulative values with a zero first.

    The stride between two codes of `who` exceeds every time plus every look back, so that a window never reaches
    into the neighbour's payments.
    """
    stride = int(second.max(initial=0)) + (HISTORY_DAYS + 1) * DAY
    code = who.astype(np.int64) * stride + second
    order = np.argsort(code, kind="stable")
    sums = np.concatenate([[0], np.cumsum(value[order], dtype=np.int64)])
    return order, code[order], sums


def _put_back(order: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.empty_like(values)
    out[order] = values
    return out
