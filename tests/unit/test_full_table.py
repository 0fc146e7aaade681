"""Training on every row of a table that does not fit: from chunks, as from the whole."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from counterpoise.evaluate.full_table import balanced_batches_of, fit_boosting, fit_linear, full_binner
from counterpoise.learn import ClassAwareBinner, LinearLearner
from counterpoise.scale import read_thinned
from counterpoise.table.chunks import chunks_of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    draw = np.random.default_rng(0)
    n = 6000
    y = (draw.random(n) < 0.05).astype(np.int8)
    frame = pl.DataFrame(
        {
            "a": np.where(draw.random(n) < 0.03, np.nan, draw.normal(size=n) + 1.5 * y),
            "b": np.round(draw.normal(size=n), 1),
            "c": draw.normal(size=n) - y,
            "y": y,
        }
    )
    path = tmp_path_factory.mktemp("full") / "rows.parquet"
    frame.write_parquet(path)
    return path


@pytest.fixture(scope="module")
def thinned(place):
    return read_thinned(chunks_of(place), target="y", rows=1500)


@pytest.mark.parametrize("size", [700, 100_000])
def test_edges_of_bins_from_chunks_are_those_of_all_rows(place, thinned, size):
    sample = ClassAwareBinner(max_bins=64).fit(thinned.X, thinned.y, sample_weight=thinned.weights)
    found = full_binner(chunks_of(place, size), thinned, sample)
    frame = pl.read_parquet(place)
    whole = ClassAwareBinner(max_bins=64).fit(frame.select(thinned.features), frame["y"].to_numpy())
    for mine, theirs in zip(found.edges_, whole.edges_, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert not np.array_equal(sample.edges_[0], whole.edges_[0])


def test_a_linear_family_from_pieces_ranks_like_one_from_all_rows(place, thinned):
    frame = pl.read_parquet(place).drop_nulls()
    X, y = frame.select(thinned.features), frame["y"].to_numpy()
    pieces = fit_linear(chunks_of(place, 900), thinned, LinearLearner(num_models=4, random_state=0))
    whole = LinearLearner(num_models=4, random_state=0).fit(X, y)
    areas = [average_precision_score(y, each.predict_proba(X)[:, 1]) for each in (pieces, whole)]
    assert areas[0] == pytest.approx(areas[1], abs=0.02)
    assert pieces.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.15)


def test_a_first_chunk_without_positives_waits_for_the_next(tmp_path):
    draw = np.random.default_rng(1)
    y = np.repeat([0, 1], [300, 60]).astype(np.int8)
    frame = pl.DataFrame({"a": draw.normal(size=360) + y, "b": draw.normal(size=360), "y": y})
    frame.write_parquet(tmp_path / "t.parquet")
    thinned = read_thinned(chunks_of(tmp_path / "t.parquet"), target="y", rows=200)
    fitted = fit_linear(
        chunks_of(tmp_path / "t.parquet", 100), thinned, LinearLearner(num_models=2, random_state=0)
    )
    assert fitted.predict_proba(frame.select("a", "b")).shape == (360, 2)


def test_batches_are_balanced_show_every_negative_once_and_positives_evenly(place, thinned):
    chunks = chunks_of(place, 1100)
    batches = list(balanced_batches_of(chunks, thinned, size=128, random_state=3))
    assert all(y.mean() == 0.5 for _, y in batches)
    frame = pl.read_parquet(place)
    shown = np.concatenate([X[y == 0] for X, y in batches])
    negative = frame.filter(pl.col("y") == 0).select(thinned.features).cast(pl.Float32).to_numpy()
    order = [np.lexsort(np.nan_to_num(rows, nan=-99).T) for rows in (shown, negative)]
    np.testing.assert_array_equal(shown[order[0]], negative[order[1]])
    positives = np.concatenate([X[y == 1] for X, y in batches])
    counts = np.unique(positives[:, 2], return_counts=True)[1]
    assert len(counts) == frame["y"].sum()
    assert counts.max() - counts.min() <= 1
    other = next(balanced_batches_of(chunks, thinned, size=128, random_state=3, epoch=1))[0]
    assert not np.array_equal(other, batches[0][0], equal_nan=True)


def test_trees_on_a_cluster_learn_from_every_row(place, thinned):
    pytest.importorskip("lightgbm", reason="LightGBM is not installed")
    pytest.importorskip("distributed", reason="Dask is not installed")
    from counterpoise.scale.dask_engine import DaskEngine

    with DaskEngine(n_workers=2) as engine:
        fitted = fit_boosting(chunks_of(place, 1500), thinned, engine.client, random_state=0)
    frame = pl.read_parquet(place)
    proba = fitted.predict_proba(frame.select(thinned.features))[:, 1]
    assert average_precision_score(frame["y"], proba) > 0.4
    assert proba.mean() == pytest.approx(frame["y"].mean(), rel=0.2)
