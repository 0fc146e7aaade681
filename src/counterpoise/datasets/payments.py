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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from scipy import spatial, special

from counterpoise.chance import Seed, Streams
from counterpoise.errors import OptionError

__all__ = ["HISTORY_DAYS", "card_payments", "payment_chunks"]

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

_CARDS_AT_ONCE = 20_000
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
    places: np.ndarray  # (cards, 2) where each card lives
    terminals: np.ndarray  # (terminals, 2) where each terminal stands
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
    wide: bool = False,
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
    wide : bool, default=False
        Also give ten more columns, thirty in all: ``hour``, ``weekday``, ``distance`` (from card to terminal),
        ``card_gap_hours`` (since the card's last payment, null after 30 days), ``amount_over_mean_1d`` and
        ``terminal_mean_amount_1d`` (in the same windows as the terminal's risk; null without payments), also ``7d``
        and ``30d``.

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
    chunks = payment_chunks(
        n_payments,
        days=days,
        random_state=random_state,
        scenario=scenario,
        wide=wide,
        rows_at_once=n_payments,
    )
    return pl.concat(make() for make in chunks)


def payment_chunks(
    n_payments: int,
    *,
    days: int = 120,
    random_state: Seed = 0,
    scenario: bool = False,
    wide: bool = False,
    rows_at_once: int = 1_000_000,
) -> list[Callable[[], pl.DataFrame]]:
    """Draw the same card payments some days at a time, at a memory that does not grow with their number.

    Parameters
    ----------
    n_payments : int
        Rows in all.
    days : int, default=120
        Length of the record in days. The longer, the less of each chunk is history that its windows reach back to.
    random_state : int, Generator, RandomState or None, default=0
        Seed.
    scenario, wide : bool, default=False
        More columns, as in `card_payments`.
    rows_at_once : int, default=1_000_000
        Rows of a chunk, about: whole days.

    Returns
    -------
    list of callable
        Each gives its days as a frame; stacked they are the table of `card_payments`. Any may be left out.

    Raises
    ------
    OptionError
        If `n_payments` or `days` is not positive.
    """
    if n_payments < 1 or days < 1:
        raise OptionError(
            f"n_payments={n_payments}, days={days} were given.",
            expected="Expected at least 1 of each.",
            why="There is nothing to draw otherwise.",
            hint="For example card_payments(100_000, days=120).",
        )
    world = _world(n_payments, days, Streams.of(random_state).child("payments"))
    step = max(1, min(days, rows_at_once * days // n_payments))
    drawn = _Drawn(world)

    def _chunk(first: int) -> Callable[[], pl.DataFrame]:
        stop = min(first + step, days)
        return lambda: _table_of_days(world, first, stop, with_scenario=scenario, wide=wide, drawn=drawn)

    return [_chunk(first) for first in range(0, days, step)]


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
        places=places,
        terminals=terminals,
        compromised=_spells(
            streams.child("compromised"), n_terminals, days, COMPROMISED_A_DAY, COMPROMISED_DAYS
        ),
        stolen=_spells(streams.child("stolen"), n_cards, days, STOLEN_A_DAY, STOLEN_DAYS),
    )


def _within_reach(places: np.ndarray, terminals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List the terminals near each card; a card with none near has its nearest one."""
    radius = float(np.sqrt(REACH / (np.pi * len(terminals))))
    tree = spatial.cKDTree(terminals)
    nearest = tree.query(places)[1]
    reach, sizes = [], [0]
    for first in range(0, len(places), _CARDS_AT_ONCE):
        near = tree.query_ball_point(places[first : first + _CARDS_AT_ONCE], radius, return_sorted=True)
        lists = [found or [int(nearest[first + i])] for i, found in enumerate(near)]
        sizes += [len(found) for found in lists]
        reach.append(np.concatenate(lists).astype(np.int32))
    return np.concatenate(reach), np.cumsum(sizes, dtype=np.int64)


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


class _Drawn:
    """The days drawn last, which the windows of the next chunk reach back to."""

    def __init__(self, world: _World) -> None:
        self.world = world
        self._days: dict[int, _Payments] = {}

    def days(self, first: int, stop: int) -> list[_Payments]:
        """Give some days, drawing those that are not there and forgetting earlier ones."""
        self._days = {day: each for day, each in self._days.items() if day >= first}
        for day in range(first, stop):
            if day not in self._days:
                self._days[day] = _day(self.world, day)
        return [self._days[day] for day in range(first, stop)]


def _table_of_days(
    world: _World,
    first: int,
    stop: int,
    *,
    with_scenario: bool,
    wide: bool = False,
    drawn: _Drawn | None = None,
) -> pl.DataFrame:
    """Make the payments of a range of days, windows included, from those days and the history they reach."""
    reached = max(0, first - HISTORY_DAYS)
    days = (drawn or _Drawn(world)).days(reached, stop)
    parts = {name: np.concatenate([getattr(day, name) for day in days]) for name in vars(days[0])}
    skipped = int(world.payments[reached:first].sum())
    before = int(world.payments[:first].sum())
    frame = pl.DataFrame(_columns(world, _Payments(**parts), skipped, with_scenario, wide), nan_to_null=True)
    tx_id = pl.Series("tx_id", np.arange(before, before + frame.height, dtype=np.int64))
    at = pl.lit(_START).cast(pl.Datetime("us")) + pl.duration(seconds=pl.col("second"))
    return frame.select(tx_id, at.alias("at"), pl.exclude("second"))


def _columns(
    world: _World, p: _Payments, skipped: int, with_scenario: bool, wide: bool
) -> dict[str, np.ndarray]:
    """Make the columns of the payments after the first `skipped`, which are history."""
    is_fraud = (p.scenario > 0).astype(np.int8)
    now = _Payments(**{name: values[skipped:] for name, values in vars(p).items()})
    day, hour = now.second // DAY, now.second % DAY // 3600
    by_card, by_terminal = _sorted(p.card, p.second, skipped), _sorted(p.terminal, p.second, skipped)
    columns = {
        "second": now.second,
        "card": now.card,
        "terminal": now.terminal,
        "amount": now.cents / 100,
        "is_weekend": (day % 7 >= 5).astype(np.int8),
        "is_night": (hour < NIGHT_ENDS).astype(np.int8),
        **_card_windows(by_card, p.cents),
        **_terminal_windows(by_terminal, is_fraud),
        "is_fraud": is_fraud[skipped:],
    }
    if wide:
        columns = {**columns, **_more_columns(world, now, columns, by_card, by_terminal, p.cents)}
        columns["is_fraud"] = columns.pop("is_fraud")  # stays the last
    return {**columns, "scenario": now.scenario} if with_scenario else columns


@dataclass(frozen=True)
class _Order:
    """Payments sorted by who and when, and which of them are asked about."""

    order: np.ndarray  # positions in the order of time
    code: np.ndarray  # who and when, sorted
    asked: np.ndarray  # positions in the sorted order
    place: np.ndarray  # where the answer for each of those belongs

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Give running sums in the sorted order, with a zero first."""
        return np.concatenate([[0], np.cumsum(values[self.order], dtype=np.int64)])

    def put(self, values: np.ndarray) -> np.ndarray:
        """Put answers into the order of time."""
        out = np.empty_like(values)
        out[self.place] = values
        return out


def _card_windows(by_card: _Order, cents: np.ndarray) -> dict[str, np.ndarray]:
    """Count and average each card's payments in (t - window, t], up to and including the payment itself."""
    code, sums, end = by_card.code[by_card.asked], by_card.sums(cents), by_card.asked + 1
    out = {}
    for window in WINDOWS:
        begin = np.searchsorted(by_card.code, code - window * DAY, side="right")
        out[f"card_count_{window}d"] = by_card.put((end - begin).astype(np.int32))
        out[f"card_mean_amount_{window}d"] = by_card.put((sums[end] - sums[begin]) / (100 * (end - begin)))
    return out


def _terminal_windows(by_terminal: _Order, is_fraud: np.ndarray) -> dict[str, np.ndarray]:
    """Count each terminal's payments, and their share of fraud, in (t - delay - window, t - delay]."""
    sums = by_terminal.sums(is_fraud)
    out = {}
    for window, begin, end in _delayed(by_terminal):
        count, frauds = end - begin, sums[end] - sums[begin]
        out[f"terminal_count_{window}d"] = by_terminal.put(count.astype(np.int32))
        out[f"terminal_risk_{window}d"] = by_terminal.put(frauds / np.maximum(count, 1))
    return out


def _delayed(by_terminal: _Order) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Give each window that ends when labels were known, with its first and last payment in the sorted order."""
    code = by_terminal.code[by_terminal.asked]
    end = np.searchsorted(by_terminal.code, code - LABEL_DELAY * DAY, side="right")
    for window in WINDOWS:
        yield (
            window,
            np.searchsorted(by_terminal.code, code - (LABEL_DELAY + window) * DAY, side="right"),
            end,
        )


def _more_columns(
    world: _World,
    now: _Payments,
    columns: dict[str, np.ndarray],
    by_card: _Order,
    by_terminal: _Order,
    cents: np.ndarray,
) -> dict[str, np.ndarray]:
    """Make the ten columns of wide tables."""
    place, other = world.places[now.card], world.terminals[now.terminal]
    out = {
        "hour": (now.second % DAY // 3600).astype(np.int8),
        "weekday": (now.second // DAY % 7 + 1).astype(np.int8),
        "distance": np.hypot(*(place - other).T),
        "card_gap_hours": _gap_hours(by_card),
    }
    for window in WINDOWS:
        out[f"amount_over_mean_{window}d"] = columns["amount"] / columns[f"card_mean_amount_{window}d"]
    sums = by_terminal.sums(cents)
    for window, begin, end in _delayed(by_terminal):
        count = (end - begin).astype(np.float64)
        count[count == 0] = np.nan
        out[f"terminal_mean_amount_{window}d"] = by_terminal.put((sums[end] - sums[begin]) / (100 * count))
    return out


def _gap_hours(by_card: _Order) -> np.ndarray:
    """Give the hours since the payment before, NaN where it is longer ago than the longest window."""
    before = np.maximum(by_card.asked - 1, 0)
    gap = (by_card.code[by_card.asked] - by_card.code[before]).astype(np.float64)
    gap[(by_card.asked == 0) | (gap >= max(WINDOWS) * DAY)] = np.nan
    return by_card.put(gap / 3600)


def _sorted(who: np.ndarray, second: np.ndarray, skipped: int) -> _Order:
    """Sort payments by who and when, and find those after the first `skipped`.

    The stride between two codes of `who` exceeds every time plus every look back, so that a window never reaches
    into the neighbour's payments.
    """
    stride = int(second.max(initial=0)) + (HISTORY_DAYS + 1) * DAY
    code = who.astype(np.int64) * stride + second
    order = np.argsort(code, kind="stable")
    asked = np.flatnonzero(order >= skipped)
    return _Order(order, code[order], asked, order[asked] - skipped)
