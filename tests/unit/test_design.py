"""The columns of a linear model: each is what its name says, whichever rows are computed together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.learn import design as module
from counterpoise.learn.design import TableDesign


def mixed(n: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    shops = draw.choice(list("abde"), n, p=[0.6, 0.3, 0.09, 0.01])
    shops[:2] = ["c", "f"]  # too rare for columns of their own
    columns = {
        "x": draw.normal(size=n),
        "few": draw.integers(0, 3, n),
        "shop": shops,
        "is_new": draw.random(n) < 0.2,
    }
    frame = pl.DataFrame({**columns, "same": np.ones(n), "whole": draw.choice(["u", "v"], n)})
    gone = {name: pl.Series((draw.random(n) < 0.1) & (np.arange(n) > 1)) for name in [*columns, "same"]}
    return frame.with_columns(
        pl.when(where).then(None).otherwise(pl.col(name)).alias(name) for name, where in gone.items()
    )


def by_name(design: TableDesign, frame: pl.DataFrame) -> np.ndarray:
    """Work out each column from its name and the table alone."""
    columns = []
    for name in design.names_:
        source = name.split(" ")[0]
        raw = frame[source]
        if " = " in name:
            own = [each.split(" = ")[1] for each in design.names_ if each.startswith(f"{source} = ")]
            level = name.split(" = ")[1]
            found = ~raw.is_in(own) if level == "(other)" else raw == level
            columns.append(found.fill_null(False).cast(float).to_numpy())
        elif name.endswith(" missing"):
            columns.append(raw.is_null().cast(float).to_numpy())
        else:
            j = frame.columns.index(source)
            middle = design.middle_[j]
            value = raw.cast(pl.Float64).fill_null(middle).to_numpy()
            bent = name.endswith(" (bent)")
            value = np.arcsinh((value - middle) / design.spread_[j]) if bent else value
            columns.append((value - design.mean_[j, int(bent)]) / design.scale_[j, int(bent)])
    return np.column_stack(columns)


@pytest.mark.parametrize("rows_at_once", [1, 7, 4096])
def test_each_column_is_what_its_name_says(monkeypatch, rows_at_once):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows_at_once)
    frame = mixed(900, 0)
    design = TableDesign()
    learnt = design.fit_block(frame, None)
    assert {"x (bent)", "x missing", "few missing", "shop = (other)", "is_new", "same missing"} <= set(
        design.names_
    )
    np.testing.assert_array_equal(learnt, by_name(design, frame))
    others = mixed(50, 1).with_columns(whole=pl.lit(None, pl.String))
    np.testing.assert_array_equal(design.block(others), by_name(design, others))
    np.testing.assert_array_equal(design.block(others[:1]), by_name(design, others[:1]))


def test_a_table_that_says_nothing_has_one_column_of_zeros():
    design = TableDesign()
    frame = pl.DataFrame({"same": [1.0] * 20})
    np.testing.assert_array_equal(design.fit_block(frame, None), np.zeros((20, 1)))
