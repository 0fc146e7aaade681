"""Charts of curves, lines and models: the numbers drawn are the numbers computed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.bundle import Model
from counterpoise.bundle.schema import Schema
from counterpoise.decide import OperatingPoint, ThresholdCurve
from counterpoise.errors import NotApplicable, OptionError

KINDS = ("precision_recall", "roc", "lines", "cost")


@pytest.fixture(scope="module")
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = (rng.random(5000) < 0.02).astype(np.int8)
    return y, 1 / (1 + np.exp(-(rng.normal(size=5000) + 2.5 * y - 4)))


@pytest.fixture(scope="module")
def curve(scores: tuple[np.ndarray, np.ndarray]) -> ThresholdCurve:
    return ThresholdCurve.from_scores(*scores)


def test_the_frame_holds_every_line_with_the_curves_own_figures(curve: ThresholdCurve):
    found = curve.frame()
    assert found.height == len(curve.thresholds)
    np.testing.assert_array_equal(found["tp"].to_numpy(), curve.tp)
    np.testing.assert_allclose(found["f1"].to_numpy()[1:], curve.metric("f1")[1:])
    assert found["precision"][0] is None  # nobody is alerted: undefined, not zero
    expected = 1000 * (100 * curve.fn + curve.fp) / 5000
    np.testing.assert_allclose(found["cost"].to_numpy(), expected)


def test_thinning_keeps_both_ends_and_leaves_no_gap_that_an_eye_could_see(curve: ThresholdCurve):
    thin = curve.frame(300)
    assert thin.height < 350
    assert thin["tp"][0] == 0
    assert thin["tn"][-1] == 0
    assert np.diff(thin["recall"].to_numpy()).max() <= 0.02
    assert np.diff(thin["fpr"].to_numpy()).max() <= 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [0.0, -3.0])
def test_each_chart_draws_with_and_without_a_line(
    scores: tuple[np.ndarray, np.ndarray], kind: str, shift: float
):
    y, p = scores
    curve = ThresholdCurve.from_scores(y, p + shift)
    point = curve.best("recall>=0.8")
    assert "vega" in curve.plot(kind).to_json()
    drawn = curve.plot(kind, point=point).to_json()
    assert f"{point.threshold:.6f}"[:6] in drawn


def test_an_unknown_chart_is_named_with_what_there_is(curve: ThresholdCurve):
    with pytest.raises(OptionError, match="precision_recall"):
        curve.plot("rock")


def test_a_line_shows_itself_in_a_notebook_with_hostile_words_as_text(curve: ThresholdCurve):
    point = curve.best("precision | recall>=0.8")
    shown = point._repr_html_()
    assert f"{point.threshold:.6g}" in shown
    assert "recall&gt;=0.8" in shown
    assert "<script" not in OperatingPoint(**{**vars(point), "goal": "<script>"})._repr_html_()


def model(curve: ThresholdCurve, evidence: pl.DataFrame | None) -> Model:
    return Model(None, (0, 1), Schema(features=[], roles={}), curve.best("f1"), evidence=evidence)


def test_a_models_charts_come_from_the_rows_it_had_not_seen(
    scores: tuple[np.ndarray, np.ndarray], curve: ThresholdCurve
):
    y, p = scores
    plots = model(curve, pl.DataFrame({"outcome": y, "probability": p})).plots
    assert plots.curve.fingerprint == curve.fingerprint
    assert plots.frame("reliability")["n_rows"].sum() == 5000
    counts = plots.frame("scores").group_by("class").agg(pl.col("rows").sum())
    assert dict(counts.iter_rows()) == {"positive": y.sum(), "negative": 5000 - y.sum()}
    for name in (*KINDS, "reliability", "scores"):
        assert "vega" in getattr(plots, name)().to_json()
    with pytest.raises(OptionError, match="reliability"):
        plots.frame("reliabilty")


def test_a_model_without_evidence_says_what_to_draw_instead(curve: ThresholdCurve):
    with pytest.raises(NotApplicable, match="ThresholdCurve"):
        model(curve, None).plots.roc()


def test_weights_of_the_evidence_count_in_every_chart(
    scores: tuple[np.ndarray, np.ndarray], curve: ThresholdCurve
):
    y, p = scores
    w = np.where(y == 1, 1.0, 4.0)
    plots = model(curve, pl.DataFrame({"outcome": y, "probability": p, "weight": w})).plots
    assert plots.curve.fingerprint == ThresholdCurve.from_scores(y, p, w).fingerprint
    counts = plots.frame("scores").group_by("class").agg(pl.col("rows").sum())
    assert dict(counts.iter_rows()) == {"positive": y.sum(), "negative": 4 * (5000 - y.sum())}
