"""What a profile counts, and how it shows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

import counterpoise as cp
from counterpoise.datasets import gaussian_blobs
from counterpoise.errors import InputError, OptionError, TypeOfInputError
from counterpoise.profile import Profile
from counterpoise.profile.counts import binomial_interval

HOSTILE = ["<script>alert(1)</script>", "a\"b'c", "x" * 300, "\u202eעברית😀"]


def _table(n: int = 400, n_positive: int = 40, **columns: object) -> cp.Table:
    rng = np.random.default_rng(0)
    y = np.zeros(n, dtype=np.int8)
    y[:n_positive] = 1
    frame = pl.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n) + y, "y": y, **columns})
    return cp.read(frame, target="y")


@pytest.fixture(scope="module")
def blobs() -> Profile:
    return cp.profile(cp.read(gaussian_blobs(random_state=1), target="label"))


def test_the_room_itself_can_be_called() -> None:
    table = _table()
    assert cp.profile(table) == cp.profile.profile(table)  # type: ignore[attr-defined]


def test_counts_ratio_and_rate(blobs: Profile) -> None:
    assert (blobs.n_rows, blobs.n_positive, blobs.ratio) == (1000, 50, 19.0)
    assert blobs.rate.value == 0.05
    exact = stats.binomtest(50, 1000).proportion_ci(0.95, "exact")
    assert (blobs.rate.lower, blobs.rate.upper) == pytest.approx((exact.low, exact.high))
    assert blobs.classes == {"0": 950, "1": 50}


@pytest.mark.parametrize(("k", "n"), [(0, 5), (5, 5), (1, 1), (3, 7), (500, 100_000)])
def test_interval_is_the_exact_one(k: int, n: int) -> None:
    exact = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    assert binomial_interval(k, n) == pytest.approx((exact.low, exact.high))


def test_other_things_than_a_table_are_refused() -> None:
    with pytest.raises(TypeOfInputError, match=r"counterpoise\.read"):
        cp.profile(pl.DataFrame({"a": [1]}))


def test_groups() -> None:
    table = cp.read(
        pl.DataFrame({"a": range(6), "g": list("aabbbc"), "y": [0, 1, 0, 0, 0, 1]}).with_columns(
            pl.col("a") ** 2
        ),
        target="y",
        positive=1,
        group="g",
    )
    groups = cp.profile(table).groups
    assert groups is not None
    assert (groups.n_groups, groups.n_with_positive, groups.largest, groups.n_mixed) == (3, 2, 3, 1)


@pytest.mark.parametrize(
    ("days", "every"), [(1, "1 hour"), (10, "6 hours"), (50, "1 day"), (300, "1 week"), (1_500, "1 month")]
)
def test_periods_fit_the_span_and_hold_every_row(days: int, every: str) -> None:
    n = 300
    at = [datetime(2025, 1, 1) + timedelta(days=days * i / n) for i in range(n)]
    frame = pl.DataFrame({"a": np.arange(n) ** 2.0, "at": at, "y": [int(i % 10 == 0) for i in range(n)]})
    times = cp.profile(cp.read(frame, target="y", time="at")).times
    assert times is not None
    assert times.every == every
    assert sum(p.n_rows for p in times.periods) == n
    assert sum(p.n_positive for p in times.periods) == 30
    assert len(times.periods) <= 62
    assert [p.start for p in times.periods] == sorted(p.start for p in times.periods)


def test_periods_of_a_time_that_is_a_number() -> None:
    n = 200
    frame = pl.DataFrame({"a": np.arange(n) ** 2.0, "t": np.arange(n) * 3.5, "y": [0, 0, 0, 1] * (n // 4)})
    times = cp.profile(cp.read(frame, target="y", time="t")).times
    assert times is not None
    assert len(times.periods) == 20
    assert sum(p.n_rows for p in times.periods) == n


def test_missing_values_by_class() -> None:
    y = np.array([1] * 10 + [0] * 90)
    a = np.where(np.arange(100) % 10 == 0, np.nan, np.arange(100) * 1.0)  # one positive, nine negatives
    table = cp.read(pl.DataFrame({"a": a, "b": np.arange(100) ** 2, "y": y}), target="y")
    (missing,) = cp.profile(table).missing
    assert (missing.column, missing.n) == ("a", 10)
    assert (missing.share_positive, missing.share_negative) == (0.1, 0.1)
    assert missing.p_value == pytest.approx(1.0)


def test_null_and_nan_are_both_missing() -> None:
    frame = pl.DataFrame(
        {"a": [1.0, None, float("nan"), 4.0, 5.0], "b": [1, 4, 9, 16, 26], "y": [0, 0, 0, 1, 1]}
    )
    (missing,) = cp.profile(cp.read(frame, target="y")).missing
    assert missing.n == 2


def test_repeated_rows_and_conflicting_labels() -> None:
    frame = pl.DataFrame({"a": [1.0, 1, 1, 2, 2, 3, 4], "b": list("xxxyyzz"), "y": [0, 0, 1, 0, 0, 1, 0]})
    duplicates = cp.profile(cp.read(frame, target="y")).duplicates
    assert (duplicates.n_repeats, duplicates.n_conflicting) == (3, 3)


def test_a_far_blob_is_safe_and_scattered_positives_are_outliers() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.zeros(300, dtype=int)
    y[:30] = 1
    X[:30] += 50
    safe = cp.profile(cp.read((X, y))).minority
    assert safe is not None
    assert safe.safe == safe.n_judged == 30
    lone = rng.normal(size=(300, 2))
    lone[:3] = [[30, 0], [-30, 0], [0, 30]]
    outliers = cp.profile(cp.read((lone, (np.arange(300) < 3).astype(int)))).minority
    assert outliers is not None
    assert outliers.outlier == 3


def test_large_tables_are_judged_on_a_stated_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoise.profile import minority

    monkeypatch.setattr(minority, "N_PRODUCTS", 1.0)
    frame = gaussian_blobs(2_000, 400)
    found = cp.profile(cp.read(frame, target="label")).minority
    assert found is not None
    assert found.n_judged == 200
    assert "200 of 400" in found.note


def test_sampled_negatives_keep_counts_in_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoise.profile import measure

    table = cp.read(gaussian_blobs(4_000, 200), target="label")
    whole = cp.profile(table)
    monkeypatch.setattr(measure, "MOST_NEGATIVES", 1_000)
    part = cp.profile(table)
    by_name = {f.name: f for f in whole.features}
    for f in part.features:
        assert f.distribution is not None
        assert sum(f.distribution.negative) == pytest.approx(4_000)
        assert sum(f.distribution.positive) == 200
        assert f.separation == pytest.approx(by_name[f.name].separation, abs=0.03)
        assert f.average_precision == pytest.approx(by_name[f.name].average_precision, abs=0.12)


def test_it_travels_as_json_and_comes_back_equal(blobs: Profile) -> None:
    assert Profile.from_dict(json.loads(json.dumps(blobs.to_dict()))) == blobs


def test_equal_seeds_give_equal_profiles() -> None:
    table = _table(c=list("abcd") * 100)
    assert cp.profile(table, random_state=1) == cp.profile(table, random_state=1)


def test_it_prints_in_80_columns_and_says_the_essentials(blobs: Profile) -> None:
    text = str(blobs)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    for words in ("50, one for 19 negatives", "5.000%", "safe", "x1", "Findings"):
        assert words in text


def test_it_prints_to_a_rich_console(blobs: Profile) -> None:
    import io

    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=80, force_terminal=True).print(blobs)
    assert "What surrounds the positives" in out.getvalue()


def test_hostile_names_stay_text() -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.normal(size=60) for name in HOSTILE} | {"y": [0, 0, 1] * 20})
    found = cp.profile(cp.read(frame, target="y"))
    html = found._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert max(map(len, str(found).splitlines())) <= 80


def test_several_classes_are_commonest_against_the_rest() -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=100), "y": ["c"] * 80 + ["a"] * 15 + ["b"] * 5})
    found = cp.profile(cp.read(frame, target="y"))
    assert found.n_positive == 20
    assert found.classes == {"a": 15, "b": 5, "c": 80}
    assert "not c" in str(found)


@pytest.mark.parametrize("kind", ["categories only", "booleans and dates", "two columns missing mostly"])
def test_tables_of_every_kind(kind: str) -> None:
    y = [0, 0, 0, 1] * 20
    frames = {
        "categories only": {"c": list("abcde") * 16, "d": list("xy") * 40},
        "booleans and dates": {
            "b": [True, False, None, True] * 20,
            "d": [datetime(2025, 1, 1) + timedelta(hours=i * i) for i in range(80)],
        },
        "two columns missing mostly": {"m": [None] * 78 + [1.0, 2.0], "n": [None, "a", None, None] * 20},
    }
    found = cp.profile(cp.read(pl.DataFrame(frames[kind] | {"y": y}), target="y"))
    assert json.dumps(found.to_dict())
    assert str(found)


def test_charts_and_the_numbers_behind_them(blobs: Profile) -> None:
    for name in ("classes", "features", "minority", "plane"):
        assert blobs.plots.frame(name).height
        assert getattr(blobs.plots, name)().to_dict()
    assert blobs.plots.frame("plane")["rows"].sum() == pytest.approx(1000)
    assert blobs.plots.frame("minority")["positives"].sum() == 50
    assert blobs.plots.frame("over_time").height == 0


def test_charts_that_do_not_exist_are_refused(blobs: Profile) -> None:
    with pytest.raises(OptionError, match="Did you mean 'plane'"):
        blobs.plots.frame("plan")
    with pytest.raises(OptionError, match="x1, x2"):
        blobs.plots.plane("x1", "zz")


def test_numbers_that_cannot_be_squared_are_refused() -> None:
    column = np.arange(400.0) ** 2
    cp.profile(_table(large=column * 1e140))
    with pytest.raises(InputError, match=r"Column 'large' holds 1\.592e\+305 in row 399"):
        cp.profile(_table(large=np.where(column == column.max(), column * 1e300, column)))
