"""What does not depend on how a table is cut: thinning, counts by value, chunks, figures."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.decide import ThresholdCurve
from counterpoise.evaluate.metrics import average_precision, roc_auc
from counterpoise.scale import InlineEngine, LocalEngine, ValueCounts, thin
from counterpoise.table.chunks import chunks_of

SIZES = (1, 7, 64, 333, 100_000)


def rows(n=900, seed=0):
    draw = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "id": draw.permutation(10 * n)[:n],
            "x": np.where(draw.random(n) < 0.05, np.nan, draw.normal(size=n)),
            "word": [("a", "b", None)[k] for k in draw.integers(0, 3, n)],
            "day": pl.Series(draw.integers(0, 40, n), dtype=pl.Int32).cast(pl.Date),
            "w": draw.integers(1, 5, n) / 4,
            "y": (draw.random(n) < 0.06).astype(np.int8),
        }
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    rows().write_parquet(folder / "whole.parquet")
    rows().sample(fraction=1.0, shuffle=True, seed=5).write_parquet(folder / "shuffled.parquet")
    parts = folder / "parts"
    parts.mkdir()
    for k, part in enumerate(rows().iter_slices(170)):
        part.write_parquet(parts / f"part-{k}.parquet")
    rows()[:0].write_parquet(parts / "part-2b.parquet")
    return folder


OPTIONS = [
    {"rows": 300},
    {"rows": 300, "id": "id"},
    {"rate": 0.2, "id": "id"},
    {"rows": 300, "by": "day"},
    {"rate": 0.1, "by": "word", "weight": "w", "id": "id"},
    {"rows": 250, "weight": "w"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_rows_with_the_same_weights_in_any_chunks_and_order(place, options):
    whole = thin(chunks_of(place / "whole.parquet"), "y", time="day", **options)
    by_id = whole.frame.sort("id")
    for size in SIZES[1:]:
        cut = thin(chunks_of(place / "parts", size), "y", time="day", **options)
        assert cut.frame.equals(whole.frame)
        assert (cut.facts.missing, cut.facts.days) == (whole.facts.missing, whole.facts.days)
        other = thin(chunks_of(place / "shuffled.parquet", size), "y", time="day", **options)
        assert other.frame.sort("id").equals(by_id)


def test_the_same_rows_from_processes(place):
    here = thin(chunks_of(place / "parts", 100), "y", rows=300, engine=InlineEngine())
    with LocalEngine(2, preload=("counterpoise.scale.thinning",)) as engine:
        assert thin(chunks_of(place / "parts", 100), "y", rows=300, engine=engine).frame.equals(here.frame)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_positive_is_kept_and_totals_are_put_back(place, options):
    full = rows()
    kept = thin(chunks_of(place / "whole.parquet", 200), "y", **options)
    assert kept.frame.filter(pl.col("y") == 1).height == full["y"].sum()
    old = pl.col(options.get("weight") or "one")
    full = full.with_columns(one=pl.lit(1.0))
    by = options.get("by") or "one"
    kept_frame = kept.frame.with_columns(one=pl.lit(1.0))

    def totals(frame, weight):
        grouped = frame.filter(pl.col("y") == 0).group_by(by).agg(weight.sum().alias("total")).sort(by)
        return grouped["total"].to_numpy()

    np.testing.assert_allclose(totals(kept_frame, pl.col(kept.weight)), totals(full, old), rtol=1e-12)
    positive = kept_frame.filter(pl.col("y") == 1)
    np.testing.assert_allclose(positive[kept.weight], positive.select(old).to_series())


def test_a_lower_rate_keeps_a_part_of_what_a_higher_one_keeps(place):
    chunks = chunks_of(place / "whole.parquet")
    few, many = (set(thin(chunks, "y", rate=rate, id="id").frame["id"]) for rate in (0.1, 0.3))
    assert few < many
    other = set(thin(chunks, "y", rate=0.3, id="id", key=1).frame["id"])
    assert other != many


def test_counts_of_the_full_table_are_exact(place):
    full = rows().with_columns(pl.col("x").fill_nan(None))
    facts = thin(chunks_of(place / "parts", 77), "y", rows=300, time="day").facts
    assert (facts.n_rows, facts.n_positive) == (full.height, full["y"].sum())
    assert facts.missing == {
        name: tuple(full.filter(pl.col("y") == c)[name].null_count() for c in (0, 1))
        for name in ("x", "word")
    }
    assert sum(n for n, _ in facts.days.values()) == full.height
    assert sum(p for _, p in facts.days.values()) == full["y"].sum()


# --- counts by value -----------------------------------------------------------------------------------------

scores = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=120
)


@settings(max_examples=60, deadline=None)
@given(scores, st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans(), st.sampled_from([5, 40, 1000]))
def test_counts_of_chunks_in_any_order_are_those_of_the_whole(values, seed, n_parts, weighted, most):
    draw = np.random.default_rng(seed)
    v = np.array(values)
    y = draw.random(len(v)) < 0.4
    w = draw.integers(0, 9, len(v)) / 4 if weighted else None
    whole = ValueCounts.of(v, y, w, most=most)
    parts = [part for part in np.array_split(draw.permutation(len(v)), n_parts) if len(part)]
    merged = ValueCounts.merged(
        [ValueCounts.of(v[p], y[p], None if w is None else w[p], most=most) for p in parts]
    )
    assert np.array_equal(merged.keys, whole.keys)
    assert merged.dropped == whole.dropped
    assert all(np.array_equal(merged.masses[name], whole.masses[name]) for name in whole.masses)
    assert len(whole.keys) <= most


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 300), st.booleans())
def test_exact_counts_give_the_exact_curve_and_ranking(seed, n, weighted):
    draw = np.random.default_rng(seed)
    v, y = np.round(draw.random(n), 2), draw.random(n) < 0.3
    y[:2] = [True, False]
    w = draw.integers(1, 9, n) / 4 if weighted else None
    found, curve = ValueCounts.of(v, y, w), ThresholdCurve.from_scores(y, v, w)
    assert found.curve().fingerprint == curve.fingerprint
    for name, figure in (("average_precision", average_precision), ("roc_auc", roc_auc)):
        value, lowest, highest = found.ranking()[name]
        assert value == pytest.approx(figure(y, v, w), abs=1e-12)
        assert lowest == value == highest


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(50, 400), st.integers(3, 30))
def test_a_sketch_is_exact_at_its_lines_and_bounds_the_ranking(seed, n, most):
    draw = np.random.default_rng(seed)
    y = draw.random(n) < 0.2
    y[:2] = [True, False]
    v = draw.beta(1, 9, n) + 0.1 * y
    found = ValueCounts.of(v, y, most=most)
    curve = found.curve()
    for line, tp, fp in zip(curve.thresholds[1:], curve.tp[1:], curve.fp[1:], strict=True):
        assert tp == (y & (v >= line)).sum()
        assert fp == (~y & (v >= line)).sum()
    for name, figure in (("average_precision", average_precision), ("roc_auc", roc_auc)):
        _, lowest, highest = found.ranking()[name]
        assert lowest - 1e-12 <= figure(y, v) <= highest + 1e-12
