"""Plans made in passes are the plans of the whole table."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.errors import NotApplicable, OptionError
from counterpoise.resample import Plan, make_sampler
from counterpoise.resample.in_chunks import IN_CHUNKS, plan_in_chunks
from counterpoise.table.chunks import chunks_of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    draw = np.random.default_rng(0)
    y = (draw.random(800) < 0.07).astype(np.int8)
    X = draw.normal(size=(800, 3)) + y[:, None]
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "word": "x", "y": y})
    path = tmp_path_factory.mktemp("chunks") / "rows.parquet"
    frame.write_parquet(path)
    return path


@pytest.mark.parametrize("size", [90, 10_000])
@pytest.mark.parametrize("name", IN_CHUNKS)
def test_the_plan_of_chunks_is_the_plan_of_the_whole(place, name, size, tmp_path):
    frame = pl.read_parquet(place)
    X, y = frame.select("a", "b", "c").to_numpy(), frame["y"].to_numpy()
    whole = make_sampler(name, random_state=3).plan(X, y)
    found = plan_in_chunks(
        name, chunks_of(place, size), "y", positive=1, features=["a", "b", "c"], random_state=3
    )
    found.save(tmp_path / "plan.npz")
    for plan in (found, Plan.load(tmp_path / "plan.npz")):
        for one, other in zip(plan.rows(X, y), whole.rows(X, y), strict=True):
            assert np.array_equal(one, other)
    assert found.rates == whole.rates


def test_what_cannot_be_done_in_passes_is_refused(place):
    chunks = chunks_of(place)
    with pytest.raises(OptionError, match="enn, random_over"):
        plan_in_chunks("adasyn", chunks, "y", positive=1, features=["a"])
    with pytest.raises(NotApplicable, match="'word' is of type String"):
        plan_in_chunks("tomek", chunks, "y", positive=1, features=["a", "word"])
    with pytest.raises(NotApplicable, match="fewer positives"):
        plan_in_chunks("tomek", chunks, "y", positive=0, features=["a"])
