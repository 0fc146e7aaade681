"""Bundles: what was saved comes back; what was tampered with is refused before anything is built."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import skops.io
from old_bundles import write_format_1
from sklearn.linear_model import LogisticRegression

import counterpoise as cp
from counterpoise.bundle import Model, Schema, storage
from counterpoise.calibrate import fit_map
from counterpoise.decide import ThresholdCurve
from counterpoise.errors import InputError, ModelError, NotApplicable, OptionError, TypeOfInputError


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
        evidence=pl.DataFrame(
            {
                "key": pl.Series(range(len(proba)), dtype=pl.UInt64),
                "fold": np.zeros(len(proba), dtype=np.int16),
                "probability": proba,
                "alert": proba >= 0.5,
                "outcome": table.y.astype(np.int8),
            }
        ),
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
    assert loaded.schema.scores is not None


def test_one_zip_holds_the_same(model, tmp_path):
    path = model.save(tmp_path / "model.zip")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.zip"]
    rows = frame(50, seed=1)
    assert cp.load(path).decide(rows).equals(model.decide(rows))
    model.with_threshold(0.25).save(path)
    assert cp.load(path).threshold == 0.25


def test_a_zip_of_the_folder_made_by_hand_is_read(model, bundle, tmp_path):
    with zipfile.ZipFile(tmp_path / "by_hand.zip", "w") as archive:
        for file in bundle.iterdir():
            archive.write(file, f"fraud/{file.name}")
    assert cp.load(tmp_path / "by_hand.zip").threshold == model.threshold


def test_a_bundle_holds_no_pickle(bundle):
    for file in bundle.iterdir():
        content = file.read_bytes()
        assert not content.startswith(b"\x80"), file.name
    with zipfile.ZipFile(bundle / "learner.skops") as archive:
        assert not any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())


@pytest.mark.parametrize("name", ["learner.skops", "decision.json", "schema.json", "facts.json", "card.md"])
def test_a_changed_file_is_refused_by_name(bundle, name, monkeypatch):
    monkeypatch.setattr(skops.io, "loads", _explode)
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
    monkeypatch.setattr(storage, "_refuse_what_cannot_come_back", lambda learner: None)
    bundle = replace(model, learner=Stranger()).save(tmp_path / "model")
    monkeypatch.setattr(skops.io, "loads", _explode)
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


# --- zips ----------------------------------------------------------------------------------------------------


@pytest.fixture
def zipped(model, tmp_path):
    return model.save(tmp_path / "model.zip")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_zip_that_was_cut_short_is_refused(zipped, share):
    whole = zipped.read_bytes()
    zipped.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ModelError, match="cut short"):
        cp.load(zipped)


def test_no_changed_byte_of_a_zip_changes_a_decision(model, zipped, monkeypatch):
    monkeypatch.setattr(skops.io, "loads", _explode)
    whole = zipped.read_bytes()
    for place in range(5, len(whole), len(whole) // 60):
        content = bytearray(whole)
        content[place] ^= 0xFF
        zipped.write_bytes(content)
        with pytest.raises((ModelError, AssertionError)) as raised:
            cp.load(zipped)
        if raised.type is AssertionError:  # a byte that says when or how, not what: all contents are as saved
            with zipfile.ZipFile(zipped) as archive:
                assert all(_content(zipped, whole, n) == archive.read(n) for n in archive.namelist())


def _content(path, whole, name):
    import io

    return zipfile.ZipFile(io.BytesIO(whole)).read(name)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps({"format": 2, "files": {"zeros": {}}}))
        archive.writestr("zeros", bytes(200 * 2**20))
    with pytest.raises(ModelError, match="unpack"):
        cp.load(tmp_path / "bomb.zip")


def test_a_zip_with_a_file_twice_is_refused(zipped):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("decision.json", "{}")
    with pytest.raises(ModelError, match="twice"):
        cp.load(zipped)


def test_a_zip_of_something_else_is_no_model_and_is_not_replaced(model, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("holiday.jpg", b"precious")
    with pytest.raises(ModelError, match="is not a model"):
        cp.load(tmp_path / "photos.zip")
    with pytest.raises(ModelError, match="is not a bundle"):
        model.save(tmp_path / "photos.zip")
    (tmp_path / "note.zip").write_text("no zip at all")
    with pytest.raises(ModelError, match="no zip"):
        cp.load(tmp_path / "note.zip")


# --- half-written, forged and old -----------------------------------------------------------------------------


def test_a_half_written_folder_says_so(bundle):
    (bundle / "manifest.json").unlink()
    with pytest.raises(ModelError, match="written by half"):
        cp.load(bundle)


def forge(bundle, name, content):
    """Change a file and its checksum, as someone who knows the format would."""
    (bundle / name).write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = storage._fingerprint(content)
    (bundle / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("decision.json", b"{}"),
        ("decision.json", b"[]"),
        ("schema.json", b'{"features": 3}'),
        ("schema.json", b"[" * 100_000),
        ("facts.json", b"no json"),
        ("evidence.parquet", b"PAR1"),
        ("learner.skops", b"PK"),
    ],
)
def test_forged_contents_are_refused_and_raise_nothing_else(bundle, name, content):
    forge(bundle, name, content)
    with pytest.raises(ModelError, match=r"cannot be used|could not be read"):
        cp.load(bundle)


@pytest.mark.parametrize("listed", [None, [], 3, {"bytes": "many"}])
def test_a_manifest_with_odd_entries_is_refused(bundle, listed):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["decision.json"] = listed
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="not what was saved"):
        cp.load(bundle)


def test_format_1_is_still_read(model, tmp_path):
    old = cp.load(write_format_1(model, tmp_path / "old"))
    rows = frame(50, seed=1)
    assert old.decide(rows).equals(model.decide(rows))
    assert old.schema.features[0].histogram is None
    assert old.schema.bins(old.schema.conform(rows)).tolist() == [[255, 255]] * 50
    assert old.schema.scores == model.schema.scores  # counted from the evidence
    again = cp.load(old.save(tmp_path / "new"))
    assert again.decide(rows).equals(model.decide(rows))


def test_without_outcomes_a_line_for_f1_cannot_be_moved_to_another_prior(model, tmp_path):
    old = cp.load(write_format_1(model, tmp_path / "old"))
    with pytest.raises(NotApplicable, match="curve"):
        old.with_prior(0.2)
    assert old.with_costs(9, 1).with_prior(0.2).threshold == 0.1  # Elkan's line stays


# --- moved without training -----------------------------------------------------------------------------------


def test_another_prior_moves_probabilities_line_scores_and_version(model, tmp_path):
    rows = frame(2000, seed=4)
    moved = model.with_prior(0.3)
    odds = model.predict_proba(rows)[:, 1] / (1 - model.predict_proba(rows)[:, 1])
    factor = (0.3 / 0.7) / (model.base_rate / (1 - model.base_rate))
    expected = odds * factor / (1 + odds * factor)
    assert np.allclose(moved.predict_proba(rows)[:, 1], expected)
    assert moved.base_rate == 0.3
    assert moved.version == "1+prior=0.3"
    assert "prior" in moved.operating_point.history[-1]
    assert cp.load(moved.save(tmp_path / "moved")).decide(rows).equals(moved.decide(rows))
    back = moved.with_prior(model.base_rate)
    assert np.allclose(back.predict_proba(rows), model.predict_proba(rows))
    assert back.threshold == pytest.approx(model.threshold, rel=1e-3)
    assert np.average(moved.evidence["outcome"], weights=moved.evidence["weight"]) == pytest.approx(0.3)


def test_other_costs_move_the_line_and_say_so(model):
    cheap, dear = model.with_costs(fn=2, fp=1), model.with_costs(fn=50, fp=1)
    assert dear.threshold < cheap.threshold
    assert dear.version == "1+costs(fn=50,fp=1)"
    assert dear.evidence["alert"].sum() == sum(dear.schema.scores.counts) - sum(
        c
        for c, e in zip(dear.schema.scores.counts, dear.schema.scores.edges, strict=False)
        if e < dear.threshold
    )
    with pytest.raises(InputError):
        model.with_prior(1.5)


# --- what a monitor needs -------------------------------------------------------------------------------------


def test_histograms_count_what_was_trained_on_at_a_bounded_size():
    n = 5000
    rng = np.random.default_rng(0)
    data = pl.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "few": rng.integers(0, 3, n),
            "shop": [f"s{k}" for k in rng.integers(0, 5000, n)],
            "flag": rng.random(n) < 0.2,
            "constant": np.ones(n),
            "nothing": pl.Series([None] * n, dtype=pl.Float64),
            "label": (rng.random(n) < 0.05).astype(int),
        }
    )
    table = cp.read(data, target="label", drop=["constant"])
    schema = Schema.of(table)
    codes = schema.bins(schema.conform(data))
    for j, feature in enumerate(schema.features):
        histogram = feature.histogram
        assert len(histogram.counts) <= 22
        assert len(histogram.names) == len(histogram.counts)
        assert np.bincount(codes[:, j], minlength=len(histogram.counts)).tolist() == histogram.counts
        assert sum(histogram.counts) == n
    by_name = {feature.name: feature.histogram for feature in schema.features}
    assert by_name["number"].counts[-1] == data["number"].is_nan().sum()
    assert len(by_name["few"].edges) == 2
    assert by_name["flag"].levels == ["false", "true"]
    rows = schema.conform(data.head(60).with_columns(shop=pl.lit("new"), flag=pl.lit(None, pl.Boolean)))
    one_by_one = np.concatenate([schema.bins(rows[k : k + 1]) for k in range(60)])
    assert one_by_one.tolist() == schema.bins(rows).tolist()
    one_by_one = np.concatenate([schema.bins(schema.conform(data[k : k + 7])) for k in range(0, 70, 7)])
    assert one_by_one.tolist() == codes[:70].tolist()
    assert schema.bins(rows[:0]).shape == (0, len(schema.features))


class Foreign(LogisticRegression):
    """A class of the caller's own."""


def test_a_learner_that_could_not_be_loaded_is_refused_before_anything_is_written(model, tmp_path):
    learner = Foreign().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(ModelError, match="Foreign"):
        replace(model, learner=learner).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_what_reads_bundles_is_loaded_when_one_is_read():
    """skops brings scikit-learn's other array libraries along, Dask among them: a second of every start."""
    words = "import sys, counterpoise.bundle; print(sorted({'skops', 'dask'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_bundle_that_cannot_be_written_leaves_nothing(model, tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "x.zip", tmp_path / "new" / f"{'x' * 300}.zip"):
        with pytest.raises(ModelError, match="cannot be written"):
            model.save(out)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_what_is_no_path_is_no_model():
    with pytest.raises(TypeOfInputError, match="path=None"):
        cp.load(None)
