"""The tables that anyone can make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.chance import Streams
from counterpoise.datasets import card_defaults, card_payments, gaussian_blobs, payments, simulate
from counterpoise.errors import OptionError


@pytest.fixture(scope="module")
def some() -> pl.DataFrame:
    return card_payments(40_000, days=90, scenario=True)


def test_payments_have_the_asked_size_and_order(some: pl.DataFrame) -> None:
    assert some.height == 40_000
    assert some["tx_id"].to_list() == list(range(40_000))
    assert some["at"].is_sorted()
    assert some.null_count().sum_horizontal().item() == 0
    assert (some["amount"] > 0).all()


def test_about_one_payment_in_a_hundred_and_twenty_is_fraud() -> None:
    rates = [card_payments(50_000, random_state=s)["is_fraud"].mean() for s in range(4)]
    assert 0.006 < np.mean(rates) < 0.011


def test_scenarios_are_what_they_say(some: pl.DataFrame) -> None:
    assert set(some["scenario"].unique()) == {0, 1, 2, 3}
    assert (some["is_fraud"] == (some["scenario"] > 0)).all()
    assert some.filter(pl.col("scenario") == 1)["amount"].min() > 220
    assert some.filter(pl.col("scenario") == 0)["amount"].max() <= 220
    stolen = some.filter(pl.col("scenario") == 3)["amount"].mean()
    assert stolen > 3 * some.filter(pl.col("scenario") == 0)["amount"].mean()


def test_a_compromised_terminal_takes_only_fraud_for_four_weeks(some: pl.DataFrame) -> None:
    days = some.with_columns(day=pl.col("at").dt.date())
    bad = days.filter(pl.col("scenario") == 2).select("terminal", "day").unique()
    there = days.join(bad, on=["terminal", "day"], how="semi")
    assert (there["is_fraud"] == 1).all()
    span = bad.group_by("terminal").agg(
        (pl.col("day").max() - pl.col("day").min()).dt.total_days().alias("d")
    )
    assert span["d"].max() < 2 * 28  # two spells may touch, one is at most 28 days


def test_the_scenario_is_left_out_unless_asked_for() -> None:
    assert "scenario" not in card_payments(100).columns


def test_equal_seeds_give_equal_tables_and_other_seeds_others() -> None:
    assert card_payments(500, random_state=3).equals(card_payments(500, random_state=3))
    assert not card_payments(500, random_state=3).equals(card_payments(500, random_state=4))


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_any_size_can_be_made(n: int) -> None:
    assert card_payments(n, days=3).height == n


@pytest.mark.parametrize(("n", "days"), [(0, 10), (10, 0), (-1, 5)])
def test_a_table_without_rows_or_days_is_refused(n: int, days: int) -> None:
    with pytest.raises(OptionError, match="at least 1"):
        card_payments(n, days=days)


def test_days_made_alone_equal_the_same_days_of_the_whole() -> None:
    world = payments._world(20_000, 80, Streams.of(1).child("payments"))
    whole = payments._table_of_days(world, 0, 80, with_scenario=True)
    part = payments._table_of_days(world, 50, 60, with_scenario=True)
    first = int(world.payments[:50].sum())
    assert part.equals(whole.slice(first, part.height))


def test_windows_are_those_of_a_naive_count(some: pl.DataFrame) -> None:
    rows = np.random.default_rng(0).choice(some.height, 60, replace=False)
    at, day = some["at"], pl.duration(days=1)
    for row in rows.tolist():
        one = some.row(row, named=True)
        for window in (1, 7, 30):
            own = some.filter(
                pl.col("card") == one["card"],
                pl.col("tx_id") <= row,
                pl.col("at") > pl.lit(at[row]) - window * day,
            )
            assert own.height == one[f"card_count_{window}d"]
            assert own["amount"].mean() == pytest.approx(one[f"card_mean_amount_{window}d"])
            there = some.filter(
                pl.col("terminal") == one["terminal"],
                pl.col("at") <= pl.lit(at[row]) - 7 * day,
                pl.col("at") > pl.lit(at[row]) - (7 + window) * day,
            )
            assert there.height == one[f"terminal_count_{window}d"]
            risk = there["is_fraud"].mean() if there.height else 0.0
            assert risk == pytest.approx(one[f"terminal_risk_{window}d"])


def test_nights_and_weekends(some: pl.DataFrame) -> None:
    assert (some["is_weekend"] == (some["at"].dt.weekday() >= 6).cast(pl.Int8)).all()
    assert (some["is_night"] == (some["at"].dt.hour() < 6).cast(pl.Int8)).all()


def test_blobs_have_the_asked_sizes_and_lie_where_asked() -> None:
    frame = gaussian_blobs(4_000, 2_000, distance=3.0, spread=0.5, random_state=1)
    minority, majority = frame.filter(pl.col("label") == 1), frame.filter(pl.col("label") == 0)
    assert (majority.height, minority.height) == (4_000, 2_000)
    assert minority["x1"].mean() == pytest.approx(3.0, abs=0.06)
    assert minority["x2"].std() == pytest.approx(0.5, abs=0.04)
    assert majority["x1"].std() == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("bad", [{"n_majority": 0}, {"n_minority": 0}, {"spread": 0.0}])
def test_blobs_without_rows_or_extent_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="positive spread"):
        gaussian_blobs(**bad)  # type: ignore[arg-type]


def test_defaults_are_374_cards_with_24_defaults() -> None:
    frame = card_defaults()
    assert frame.columns == ["age", "balance", "default"]
    assert (frame.height, frame["default"].sum()) == (374, 24)
    assert frame.equals(card_defaults(0))
    assert not frame.equals(card_defaults(1))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "tsv", "arrow", "jsonl"])
def test_simulate_writes_by_the_ending(tmp_path: Path, suffix: str) -> None:
    out = simulate("blobs", tmp_path / "new" / f"b.{suffix}", rows=200, random_state=5)
    readers = {
        "parquet": pl.read_parquet,
        "csv": pl.read_csv,
        "tsv": lambda p: pl.read_csv(p, separator="\t"),
        "arrow": pl.read_ipc,
        "jsonl": pl.read_ndjson,
    }
    back = readers[suffix](out)
    assert back.height == 200
    assert back["label"].sum() == 10


def test_simulate_makes_each_kind(tmp_path: Path) -> None:
    assert pl.read_parquet(simulate("cards", tmp_path / "c.parquet", rows=50, days=4)).height == 50
    assert pl.read_parquet(simulate("defaults", tmp_path / "d.parquet")).height == 374


@pytest.mark.parametrize(
    ("kind", "name", "rows", "match"),
    [
        ("card", "x.csv", None, "Did you mean 'cards'"),
        ("cards", "x.xlsx", None, "format"),
        ("blobs", "x", None, "format"),
        ("defaults", "x.csv", 100, "374"),
        ("blobs", "x.csv", 1, "at least one row"),
    ],
)
def test_simulate_refuses_what_it_cannot_make(
    tmp_path: Path, kind: str, name: str, rows: int | None, match: str
) -> None:
    with pytest.raises(OptionError, match=match):
        simulate(kind, tmp_path / name, rows=rows)
    assert not (tmp_path / name).exists()


def test_simulate_says_when_the_place_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="cannot be written"):
        simulate("blobs", tmp_path / "file" / "x.csv")
