"""Separation and minority types against scikit-learn and a plain count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import counterpoise as cp
from counterpoise.profile.minority import types_of
from counterpoise.profile.separation import rank_auc, separation_of_codes, separation_of_numbers


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60))
def test_rank_auc_is_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    y = np.array([label for _, label in rows])
    if y.all() or not y.any():
        return
    values = np.array([value for value, _ in rows], dtype=float)
    assert rank_auc(values, y) == pytest.approx(roc_auc_score(y, values))


def _halves(n: int) -> np.ndarray:
    return np.random.default_rng(1).permutation(n) % 2 == 0


def test_a_column_without_information_earns_nothing_even_with_a_level_a_row() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(2_000) < 0.1
    unique = separation_of_codes(np.arange(2_000), y, _halves(2_000))
    noise = separation_of_codes(rng.integers(0, 50, 2_000), y, _halves(2_000))
    assert unique.auc == pytest.approx(0.5, abs=0.02)
    assert noise.auc < 0.58


def test_what_is_not_monotone_is_seen() -> None:
    values = np.linspace(-3, 3, 3_000)
    y = np.abs(values) < 0.3
    found = separation_of_numbers(values, y, _halves(3_000))
    assert found.auc > 0.98
    assert found.average_precision > 0.8


def test_direction_and_gaps_do_not_hide_separation() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(1_000) < 100
    falling = separation_of_numbers(0.01 * rng.normal(size=1_000) - 1.0 * y, y, _halves(1_000))
    gaps = separation_of_numbers(np.where(y, np.nan, 1.0), y, _halves(1_000))
    assert falling.auc == gaps.auc == 1.0


def test_a_perfect_column_is_not_believed_on_few_positives() -> None:
    lower = [
        separation_of_numbers(np.arange(n * 20.0), np.arange(n * 20) < n, _halves(n * 20)).lower
        for n in (6, 200)
    ]
    assert lower[0] < 0.6
    assert lower[1] > 0.97


def test_a_planted_leak_is_named_and_the_rest_is_not() -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(2_000) % 20 == 0).astype(int)
    frame = pl.DataFrame(
        {
            "honest": rng.normal(size=2_000) + y,
            "number": y * 5 + rng.normal(size=2_000) * 0.1,
            "level": np.where(y == 1, "closed", rng.choice(["open", "new"], 2_000)),
            "y": y,
        }
    )
    found = cp.profile(cp.read(frame, target="y"))
    assert {f.name for f in found.suspects} == {"number", "level"}
    assert "leak-suspected" in {f.code for f in found.findings}


@pytest.mark.parametrize("seed", range(3))
def test_types_are_those_of_a_plain_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(500) < 60
    X = rng.normal(size=(500, 3)) * [1, 10, 0.1] + np.outer(y, [1, 10, 0.1])
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    near = NearestNeighbors(n_neighbors=6).fit(Z).kneighbors(Z[y], return_distance=False)[:, 1:]
    expected = np.bincount(types_of(y[near].sum(axis=1)), minlength=4)
    found = cp.profile(cp.read((X, y.astype(int)))).minority
    assert found is not None
    assert [found.safe, found.borderline, found.rare, found.outlier] == expected.tolist()


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "repeats"),
    [
        ("uci_hypothyroid", 78),
        ("ulb_creditcard_40pct_truncated", 22_933),
        ("keel_car_good", 0),
        ("keel_flare_F", 779),
    ],
)
def test_repeats_of_real_tables(shared_table: Callable[[str], pl.DataFrame], name: str, repeats: int) -> None:
    found = cp.profile(cp.read(shared_table(name), target="label"))
    assert found.duplicates.n_repeats == repeats
