"""The experiments: what they find on tables whose answer is known, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from counterpoise.chance import Streams
from counterpoise.cli.main import app
from counterpoise.datasets import gaussian_blobs
from counterpoise.errors import InputError, NotApplicable, OptionError
from counterpoise.lab import EXPERIMENTS, bagging, calibration, costs, experiment, imbalance, smote
from counterpoise.lab.runs import blobs, f1_at, of_two_classes, thinned, three_parts
from counterpoise.table import Table, read


@pytest.fixture(scope="module")
def mixed() -> Table:
    """A table with a category and missing values."""
    rng = np.random.default_rng(0)
    frame = gaussian_blobs(900, 100, distance=1.5).with_columns(
        shop=pl.Series(rng.choice(["a", "b"], 1_000)),
        x2=pl.when(pl.Series(rng.random(1_000) < 0.1)).then(None).otherwise(pl.col("x2")),
    )
    return read(frame, target="label", positive=1)


def test_the_three_parts_share_no_row_and_lose_none() -> None:
    table = blobs(300, 60)
    marked = read(table.frame.with_row_index("n"), target="label", positive=1)
    for parts in three_parts(marked, 2, 0):
        seen = [set(part.frame["n"].to_list()) for part in (parts.train, parts.line, parts.judge)]
        assert sum(map(len, seen)) == len(set.union(*seen)) == 360
        assert len(seen[0]) == pytest.approx(180, abs=4)


def test_in_time_the_last_rows_judge() -> None:
    frame = blobs(400, 80).frame.with_columns(at=pl.int_range(480).cast(pl.Float64))
    (parts,) = three_parts(read(frame, target="label", positive=1, time="at"), 1, 0)
    ends = [(p.frame["at"].min(), p.frame["at"].max()) for p in (parts.train, parts.line, parts.judge)]
    assert ends[0][1] < ends[1][0] <= ends[1][1] < ends[2][0]


def test_thinning_keeps_the_share_of_each_class() -> None:
    kept = thinned(blobs(500, 100), 0.5, 0.2, Streams.of(0))
    assert kept.class_counts.tolist() == [250, 20]


def test_f1_of_a_line_is_what_it_says() -> None:
    y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1])
    assert f1_at(y, p, 0.5) == 0.5
    assert f1_at(y, p, 0.95) == 0.0


def test_imbalance_on_blobs_finds_that_the_line_does_what_smote_does() -> None:
    found = imbalance(repeats=2)
    assert found.runs["share"].unique(maintain_order=True).to_list() == [0.5, 0.3, 0.1, 0.05, 0.01]
    f1 = found.drawn.pivot("way", index="share", values="f1").filter(share=0.05)
    assert f1["untreated, its own line"][0] > f1["untreated, line at 0.5"][0]
    assert "its own line" in found.sentence


def test_imbalance_of_a_table_with_few_positives_leaves_balances_out() -> None:
    found = imbalance(blobs(400, 40), repeats=1)
    assert 0.01 not in found.runs["share"].to_list()
    with pytest.raises(NotApplicable, match="positives"):
        imbalance(blobs(400, 12), repeats=1)


def test_smote_compares_three_treatments_on_the_same_splits(mixed: Table) -> None:
    found = smote(mixed, repeats=2)
    assert found.runs["treatment"].to_list() == ["none", "smote", "borderline_smote"] * 2
    assert " of 2 runs" in found.sentence


def test_dearer_misses_lower_the_line_and_raise_recall() -> None:
    found = costs(repeats=2)
    for run in range(2):
        rows = found.runs.filter(run=run)
        assert rows["line"].is_sorted(descending=True)
        assert rows["recall"].is_sorted()
        assert (rows["cost"] <= rows["cost_at_half"]).all()


def test_platt_scaling_keeps_the_ranking_and_restores_the_level(mixed: Table) -> None:
    found = calibration(mixed, repeats=2)
    before, after = found.runs.partition_by("way", maintain_order=True)
    assert np.allclose(before["average_precision"], after["average_precision"])
    assert before["mean_ratio"].min() > 1.5
    assert after["mean_ratio"].to_numpy() == pytest.approx(1, abs=0.4)


def test_bagging_runs_on_categories_and_says_its_spread(mixed: Table) -> None:
    found = bagging(mixed, repeats=3, n_estimators=8)
    assert found.runs.height == 6
    assert "standard deviation" in found.sentence


def test_equal_seeds_give_equal_figures() -> None:
    assert smote(repeats=1, random_state=4).runs.equals(smote(repeats=1, random_state=4).runs)


@pytest.mark.parametrize("ending", ["svg", "png", "html", "json"])
def test_a_picture_is_written_in_each_format(ending: str, tmp_path: Path) -> None:
    path = costs(repeats=1).save(tmp_path / "new" / f"costs.{ending}")
    assert path.stat().st_size > 1_000


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"\.png, \.svg"):
        costs(repeats=1).save(tmp_path / "costs.gif")


def test_a_picture_that_cannot_be_written_is_refused_before_the_runs(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.svg").mkdir()
    found = costs(repeats=1)
    for out in (tmp_path / "file" / "costs.svg", tmp_path / "folder.svg", tmp_path / f"{'x' * 300}.svg"):
        with pytest.raises(InputError, match=r"costs|folder|written"):
            found.save(out)
        with monkeypatch.context() as patched:
            patched.setattr("counterpoise.lab.experiment", lambda *a, **k: pytest.fail("it ran"))
            done = CliRunner().invoke(app, ["lab", "costs", "--repeats", "1", "--out", str(out)])
        assert isinstance(done.exception, InputError)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.svg"]


def test_a_picture_is_whole_or_absent(tmp_path: Path) -> None:
    class FullDisk:
        def save(self, path: Path, **_: object) -> None:
            path.write_text("<svg")
            raise OSError(28, "No space left on device")

    found = replace(costs(repeats=1), draw=lambda drawn: FullDisk())
    with pytest.raises(InputError, match="No space left"):
        found.save(tmp_path / "new" / "costs.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_a_picture_and_a_sentence(name: str) -> None:
    found = experiment(name, repeats=1)
    assert found.chart().to_dict()["width" if name != "bagging" else "spec"]
    assert found.sentence.endswith(".")


def test_nonsense_is_refused(mixed: Table) -> None:
    with pytest.raises(OptionError, match="Did you mean 'smote'"):
        experiment("smot")
    with pytest.raises(OptionError, match="at least 1"):
        costs(mixed, repeats=0)
    several = read(pl.DataFrame({"x": range(30), "y": ["a", "b", "c"] * 10, "z": [1, 5, 2] * 10}), target="y")
    with pytest.raises(NotApplicable, match="3 classes"):
        of_two_classes(several)


def test_the_command_writes_the_picture_and_says_the_finding(tmp_path: Path) -> None:
    table = tmp_path / "blobs.csv"
    gaussian_blobs(400, 60).write_csv(table)
    out = tmp_path / "costs.svg"
    done = CliRunner().invoke(
        app, ["lab", "costs", str(table), "--target", "label", "--repeats", "1", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "The dearer a miss" in done.output
    assert out.read_text().startswith("<svg")
    found = CliRunner().invoke(app, ["lab", "costs", "--repeats", "1", "--json", "--out", str(out)])
    assert len(json.loads(found.stdout)["runs"]) == 3


def test_a_table_without_its_target_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["lab", "costs", "some.csv"])
    assert "--target" in str(done.exception)
