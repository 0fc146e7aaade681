"""The columns of a linear model: each is what its name says, whichever rows are computed together."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.sparse import issparse

from counterpoise.learn import LogisticClassifier
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


def plain(columns):
    return columns.toarray() if issparse(columns) else columns


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("rows_at_once", [1, 7, 4096])
def test_each_column_is_what_its_name_says(monkeypatch, rows_at_once, is_sparse):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(module, "SPARSE_FROM", 1e-9 if is_sparse else 1e9)
    frame = mixed(900, 0)
    design = TableDesign()
    learnt = design.fit_block(frame, None)
    assert {"x (bent)", "x missing", "few missing", "shop = (other)", "is_new", "same missing"} <= set(
        design.names_
    )
    assert issparse(learnt) == is_sparse
    np.testing.assert_array_equal(plain(learnt), by_name(design, frame))
    others = mixed(50, 1).with_columns(whole=pl.lit(None, pl.String))
    np.testing.assert_array_equal(plain(design.block(others)), by_name(design, others))
    np.testing.assert_array_equal(plain(design.block(others[:1])), by_name(design, others[:1]))


def test_many_levels_give_sparse_columns_and_the_same_model(monkeypatch):
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 60, 4000)
    frame = pl.DataFrame({"x": draw.normal(size=4000), "shop": [f"s{code}" for code in codes]})
    y = draw.random(4000) < 1 / (1 + np.exp(3 - codes / 20 - frame["x"].to_numpy()))
    sparse = LogisticClassifier().fit(frame, y)
    assert issparse(sparse.design_.block(frame))
    monkeypatch.setattr(module, "SPARSE_FROM", 1e9)
    dense = LogisticClassifier().fit(frame, y)
    assert not issparse(dense.design_.block(frame))
    np.testing.assert_allclose(sparse.coef_, dense.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(sparse.predict_proba(frame), dense.predict_proba(frame), rtol=1e-6)


def test_a_table_that_says_nothing_has_one_column_of_zeros():
    design = TableDesign()
    frame = pl.DataFrame({"same": [1.0] * 20})
    np.testing.assert_array_equal(design.fit_block(frame, None), np.zeros((20, 1)))
