"""Families on columns that repeat each other: one-hot categories, copies, constants."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.learn import LinearLearner


def test_collinear_columns_take_few_passes() -> None:
    draw = np.random.default_rng(0)
    levels = {name: draw.choice(list("abcd"), 1200) for name in ("p", "q", "r", "s")}
    frame = pl.DataFrame(levels)
    y = ((levels["p"] == "a") & (levels["q"] != "b") & (draw.random(1200) < 0.5)).astype(int)
    y[:5] = 1
    family = LinearLearner(validation=2).fit(frame, y).family_
    assert family["n_passes"].max() < 40


def test_copies_share_their_coefficient_and_constants_have_none() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(800, 1))
    y = (draw.random(800) < 1 / (1 + np.exp(3 - 2 * x[:, 0]))).astype(int)
    model = LinearLearner(validation=2).fit(np.column_stack([x, x, np.ones(800)]), y)
    np.testing.assert_allclose(model.family_coef_[:, 0], model.family_coef_[:, 1], atol=1e-3)
    np.testing.assert_allclose(model.family_coef_[:, 2], 0.0, atol=1e-9)
