"""Bundles: what was saved comes back; what was tampered with is refused before anything is built."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import counterpoise as cp
from counterpoise.bundle import Model, Schema, storage
from counterpoise.calibrate import fit_map
from counterpoise.decide import ThresholdCurve
from counterpoise.errors import ModelError, OptionError


def frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    y = (x[:, 0] + rng.normal(size=n) > 1.8).astype(int)
    return pl.DataFrame({"uid": [f"r{k}" for k in range(n)], "a": x[:, 0], "b": x[:, 1], "label": y})


@pytest.fixture(scope="module")
def model():
    table = cp.read(frame(), target="label", id="uid")
    learner = LogisticRegression().fit(table.X, table.y)
    proba = learner.predict_proba(table.X)[:, 1]
    return Model(
        learner=learner,
        labels=table.labels,
        schema=Schema.of(table),
        operating_point=ThresholdCurve.from_scores(table.y, proba).best("f1"),
        calibration=fit_map("intercept", table.y, proba),
        base_rate=float(table.y.mean()),
        facts={
            "candidate": "<b>logistic</b> *bold*",
            "figures": {"f1": {"value": 0.5, "lower": 0.4, "upper": 0.6}},
        },
        evidence=pl.DataFrame({"key": pl.Series([1], dtype=pl.UInt64)}),
    )


@pytest.fixture
def bundle(model, tmp_path):
    return model.save(tmp_path / "model")


def test_what_was_saved_comes_back(model, bundle):
    loaded = cp.load(bundle)
    rows = frame(50, seed=1)
    assert np.array_equal(loaded.predict_proba(rows), model.predict_proba(rows))
    assert loaded.decide(rows).equals(model.decide(rows))
    assert loaded.schema == model.schema
    assert loaded.operating_point == model.operating_point
    assert loaded.evidence.equals(model.evidence)


def test_a_bundle_holds_no_pickle(bundle):
    for file in bundle.iterdir():
        content = file.read_bytes()
        assert not content.startswith(b"\x80"), file.name
    with zipfile.ZipFile(bundle / "learner.skops") as archive:
        assert not any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())


@pytest.mark.parametrize("name", ["learner.skops", "decision.json", "schema.json", "facts.json", "card.md"])
def test_a_changed_file_is_refused_by_name(bundle, name, monkeypatch):
    monkeypatch.setattr(skops.io, "load", _explode)
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is not what was saved"):
        cp.load(bundle)


@pytest.mark.parametrize("name", ["learner.skops", "decision.json", "schema.json", "facts.json"])
def test_an_absent_or_cut_file_is_refused_by_name(bundle, name):
    whole = (bundle / name).read_bytes()
    (bundle / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=name):
        cp.load(bundle)
    (bundle / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is absent"):
        cp.load(bundle)


def test_a_manifest_that_leaves_the_learner_out_is_refused(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["files"]["learner.skops"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"learner\.skops is not in the manifest"):
        cp.load(bundle)


def test_a_manifest_that_points_outside_is_refused(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["../../etc/passwd"] = {"bytes": 1, "sha256": ""}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError):
        cp.load(bundle)


def test_a_newer_format_is_refused_with_the_way_out(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["format"] = 99
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"format 99.*Upgrade"):
        cp.load(bundle)


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000, '{"format": "1", "files": {}}'])
def test_a_broken_manifest_is_refused(bundle, content):
    (bundle / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match="cannot be used"):
        cp.load(bundle)


def test_what_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(ModelError, match="There is no model"):
        cp.load(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match="is not a model"):
        cp.load(tmp_path / "folder")


class Stranger:
    """A type that no bundle may hold."""


def test_a_learner_of_an_unknown_type_is_refused_before_it_is_built(model, tmp_path, monkeypatch):
    from dataclasses import replace

    bundle = replace(model, learner=Stranger()).save(tmp_path / "model")
    monkeypatch.setattr(skops.io, "load", _explode)
    with pytest.raises(ModelError, match="Stranger"):
        cp.load(bundle)


def test_functions_of_our_own_are_no_types(model, tmp_path):
    assert storage._ALLOWED.fullmatch("counterpoise.learn.boosting.BoostingClassifier")
    assert not storage._ALLOWED.fullmatch("counterpoise.scale.worker.main")
    assert not storage._ALLOWED.fullmatch("counterpoise.learn.catalogue.make_learner")


def _explode(*arguments, **options):
    raise AssertionError("built before it was audited")


def test_saving_replaces_a_bundle_and_nothing_else(model, bundle, tmp_path):
    model.with_threshold(0.25).save(bundle)
    assert cp.load(bundle).threshold == 0.25
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("precious")
    with pytest.raises(ModelError, match="is not a bundle"):
        model.save(tmp_path / "mine")
    assert (tmp_path / "mine" / "work.txt").read_text() == "precious"


def test_a_save_that_fails_leaves_the_old_bundle_and_no_scraps(model, bundle, monkeypatch):
    before = {file.name: file.read_bytes() for file in bundle.iterdir()}
    monkeypatch.setattr(storage, "model_card", _explode)
    with pytest.raises(AssertionError):
        model.with_threshold(0.9).save(bundle)
    assert {file.name: file.read_bytes() for file in bundle.iterdir()} == before
    assert [entry.name for entry in bundle.parent.iterdir()] == ["model"]


def test_columns_that_are_absent_or_of_another_type_are_named(model):
    with pytest.raises(ModelError, match=r"lacks 2 of the model's 2 columns: 'a', 'b'.*Did you mean 'A'"):
        model.predict(pl.DataFrame({"A": [1.0], "c": [1.0]}))
    with pytest.raises(ModelError, match="'b' is String, not number"):
        model.predict(pl.DataFrame({"a": [1.0], "b": ["x"]}))
    with pytest.raises(ModelError, match="array of shape"):
        model.predict(np.ones((3, 5)))


def test_other_frames_orders_and_extra_columns_do_not_matter(model):
    rows = frame(20, seed=2)
    expected = model.predict_proba(rows)
    assert np.array_equal(model.predict_proba(rows.select("label", "b", "a")), expected)
    assert np.array_equal(model.predict_proba(rows.to_pandas()), expected)
    assert np.array_equal(model.predict_proba(rows.select("a", "b").to_numpy()), expected)
    assert model.predict_proba(rows[:0]).shape == (0, 2)


def test_ids_are_carried_and_the_line_decides(model):
    decided = model.decide(frame(100, seed=3))
    assert decided["uid"].to_list() == [f"r{k}" for k in range(100)]
    assert (decided["label"].to_numpy() == (decided["probability"].to_numpy() >= model.threshold)).all()


def test_a_moved_line_says_so(model):
    moved = model.with_threshold(0.5)
    assert moved.version != model.version
    with pytest.raises(OptionError):
        model.with_threshold(1.5)


def test_the_card_shows_hostile_text_as_text(bundle):
    card = (bundle / "card.md").read_text()
    assert "<b>" not in card.replace("\\<b\\>", "")
    assert "| f1 | 0.5 | 0.4 to 0.6 |" in card


def test_a_link_in_a_bundle_is_refused(bundle, tmp_path):
    shutil.move(bundle / "card.md", tmp_path / "card.md")
    (bundle / "card.md").symlink_to(tmp_path / "card.md")
    with pytest.raises(ModelError, match=r"card\.md"):
        cp.load(bundle)
