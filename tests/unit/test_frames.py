"""One vocabulary for every kind of table: what goes in comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from counterpoise.errors import TypeOfInputError
from counterpoise.table import frames

FRAME = pl.DataFrame(
    {
        "x": [1.5, None, 2.5, 4.0],
        "n": pl.Series([3, 1, None, 2], dtype=pl.Int8),
        "b": [True, None, False, True],
        "w": ["b", "a", None, "b"],
        "d": pl.Series([10, 20, None, 40], dtype=pl.Int32).cast(pl.Date),
    }
)


def kinds_of_frames() -> list[Any]:
    return [FRAME, FRAME.to_pandas().convert_dtypes(), FRAME.to_arrow()]


@pytest.mark.parametrize("table", kinds_of_frames(), ids=lambda t: type(t).__module__.split(".")[0])
def test_frames_of_all_kinds_read_alike(table: Any) -> None:
    seen = frames.features(table)
    assert seen.kinds == ("number", "number", "boolean", "category", "date")
    assert np.array_equal(seen.numeric[:, 0], [1.5, np.nan, 2.5, 4.0], equal_nan=True)
    assert np.array_equal(seen.numeric[:, 1], [3, 1, np.nan, 2], equal_nan=True)
    assert np.array_equal(seen.numeric[:, 2] / 86_400, [10, 20, np.nan, 40], equal_nan=True)
    assert seen.codes.tolist() == [[1, 1], [-1, 0], [0, -1], [1, 1]]
    assert seen.levels == (("False", "True"), ("a", "b"))


@pytest.mark.parametrize("table", kinds_of_frames()[:2], ids=["polars", "pandas"])
def test_rows_are_rebuilt_in_the_types_of_their_columns(table: Any) -> None:
    rows = np.array([0, 3, 3])
    numbers = {
        0: np.array([9.25, np.nan, 1.0]),
        1: np.array([2.6, np.nan, 1.0]),
        4: np.array([1, 2, 3]) * 86_400.0,
    }
    made = frames.rebuild(table, rows, numbers, {2: np.array([2, 1, 0]), 3: np.array([1, 2, 0])})
    assert list(map(str, made.dtypes)) == list(map(str, table.dtypes))
    read = frames.features(made)
    assert np.array_equal(read.numeric[:, 0], [9.25, np.nan, 1.0], equal_nan=True)
    assert np.array_equal(read.numeric[:, 1], [3, np.nan, 1], equal_nan=True)
    assert (read.numeric[:, 2] / 86_400).tolist() == [1, 2, 3]
    assert read.codes.tolist() == [[0, 0], [-1, -1], [1, 1]]


def test_rows_of_an_object_array_keep_whole_numbers_whole() -> None:
    table = np.array([[1, "a", 0.5], [2, None, 1.5], [None, "b", 2.5]], dtype=object)
    made = frames.rebuild(
        table, np.array([0, 1]), {0: np.array([1.4, np.nan]), 2: np.array([7.0, 8.0])}, {1: np.array([2, 1])}
    )
    assert made.tolist() == [[1, "b", 7.0], [None, None, 8.0]]


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64, pl.Int8])
def test_numbers_asked_as_categories_read_the_same_in_every_type(dtype: Any) -> None:
    column = pl.DataFrame({"a": pl.Series([2, 10, None, 2], dtype=dtype)})
    seen = frames.features(column, kinds=("category",))
    assert seen.levels == (("10", "2"),)
    assert seen.codes[:, 0].tolist() == [1, 0, frames.MISSING, 1]
    again = frames.features(np.array([[2.0], [3.0], [np.nan]]), kinds=("category",), levels=seen.levels)
    assert again.codes[:, 0].tolist() == [1, frames.UNKNOWN, frames.MISSING]


def test_large_integers_with_gaps_stay_apart() -> None:
    big = 2**60
    column = pl.DataFrame({"a": pl.Series([big, big + 1, None], dtype=pl.Int64)})
    assert frames.features(column, kinds=("category",)).codes[:, 0].tolist() == [0, 1, frames.MISSING]


def test_bounds_are_those_of_integral_columns_only() -> None:
    assert frames.integer_bounds(FRAME, 1) == (1.0, 3.0)
    assert frames.integer_bounds(FRAME, 0) is None
    assert frames.integer_bounds(np.array([[3], [-4]]), 0) == (-4.0, 3.0)
    assert frames.integer_bounds(np.array([[0.5]]), 0) is None
    assert frames.integer_bounds(np.array([[3], [None]], dtype=object), 0) == (3.0, 3.0)
    assert frames.integer_bounds(pl.DataFrame({"a": pl.Series([None], dtype=pl.Int8)}), 0) is None


def test_a_row_takes_as_many_bytes_as_it_does() -> None:
    assert frames.row_bytes(np.zeros((4, 3))) == 24
    assert frames.row_bytes(pl.DataFrame({"a": np.zeros(10)})) == 8
    assert frames.row_bytes(sparse.eye(10, format="csr")) > 12


def test_a_column_is_of_the_kind_of_its_table() -> None:
    assert isinstance(frames.column(FRAME, 1), pl.Series)
    assert isinstance(frames.column(FRAME.to_pandas(), 1), pd.Series)
    assert isinstance(frames.column(pa.table({"a": [1]}), 0), pa.ChunkedArray)
    assert frames.column(sparse.csr_matrix([[0, 5.0], [1.0, 0]]), 1).tolist() == [5.0, 0.0]
    assert frames.column(np.array([[1, 2]]), 1).tolist() == [2]


def test_floats_are_given_as_arrays() -> None:
    columns = frames.float_columns(FRAME)
    assert len(columns) == 1
    assert np.array_equal(columns[0], [1.5, np.nan, 2.5, 4.0], equal_nan=True)


def test_lists_in_cells_are_refused() -> None:
    with pytest.raises(TypeOfInputError, match="List"):
        frames.column_kinds(pl.DataFrame({"a": [[1, 2]]}))


@pytest.mark.parametrize(
    "table",
    [FRAME, FRAME.to_pandas(), FRAME.to_arrow(), np.arange(8).reshape(4, 2)],
    ids=lambda t: type(t).__module__,
)
def test_taking_and_stacking_gives_all_rows(table: Any) -> None:
    both = frames.concat([frames.take(table, np.array([2, 0])), frames.take(table, np.array([3]))])
    assert type(both) is type(table)
    assert frames.n_rows(both) == 3
