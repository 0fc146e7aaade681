"""A table of any kind becomes the same block of numbers."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from counterpoise.errors import InputError, ModelError, TypeOfInputError
from counterpoise.learn import TableEncoder


@pytest.fixture
def table() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "amount": [1.5, None, -2.0],
            "count": [3, 4, None],
            "shop": ["b", None, "a"],
            "is_new": [True, None, False],
            "at": [dt.datetime(1970, 1, 1, 0, 1), None, dt.datetime(1970, 1, 2)],
        }
    )


def test_numbers_stay_dates_are_seconds_and_categories_are_positions(table: pl.DataFrame) -> None:
    block = TableEncoder().fit_transform(table)
    np.testing.assert_array_equal(
        block,
        np.array([[1.5, 3, 1, 1, 60], [np.nan, 4, np.nan, np.nan, np.nan], [-2, np.nan, 0, 0, 86400]]),
    )


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_a_frame_of_another_library_gives_the_same_block(table: pl.DataFrame, kind: str) -> None:
    encoder = TableEncoder().fit(table)
    other = table.to_pandas() if kind == "pandas" else table.to_arrow()
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(table))
    np.testing.assert_array_equal(TableEncoder().fit_transform(other), encoder.transform(table))


def test_an_unknown_category_is_missing(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    changed = table.with_columns(shop=pl.lit("never seen"))
    assert np.isnan(encoder.transform(changed)[:, 2]).all()


def test_a_column_without_any_value_is_missing_whatever_its_type(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    empty = table.with_columns(pl.lit(None).alias("at"), pl.lit(None).cast(pl.String).alias("amount"))
    block = encoder.transform(empty)
    assert np.isnan(block[:, [0, 4]]).all()
    np.testing.assert_array_equal(block[:, 1], encoder.transform(table)[:, 1])


def test_booleans_and_zero_one_numbers_are_interchangeable(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    as_numbers = table.with_columns(pl.col("is_new").cast(pl.Int8))
    np.testing.assert_array_equal(encoder.transform(as_numbers), encoder.transform(table))
    reverse = TableEncoder().fit(as_numbers)
    np.testing.assert_array_equal(reverse.transform(table)[:, 3], [1, np.nan, 0])


def test_a_changed_type_is_refused_by_name(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    with pytest.raises(ModelError, match=r"'amount' \(number in fit, category now\)"):
        encoder.transform(table.with_columns(amount=pl.lit("a lot")))


def test_infinite_numbers_are_refused_by_name_and_count(table: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="'amount' contains infinity in 2 rows"):
        TableEncoder().fit(table.with_columns(amount=pl.Series([np.inf, 1.0, -np.inf])))


def test_missing_columns_and_lazy_frames_are_refused(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    with pytest.raises(ValueError, match="missing:\n- shop"):
        encoder.transform(table.drop("shop"))
    with pytest.raises(TypeOfInputError, match=r"collect\(\)"):
        encoder.transform(table.lazy())


def test_names_are_kept(table: pl.DataFrame) -> None:
    encoder = TableEncoder().fit(table)
    assert encoder.get_feature_names_out().tolist() == table.columns
    assert encoder.n_features_in_ == 5
