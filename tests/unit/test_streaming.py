"""Files to files at a fixed memory: whole or absent, gone on with after a kill; wrong input named with its file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.cli import evaluate, predict
from counterpoise.cli.options import read_table
from counterpoise.datasets import card_payments, gaussian_blobs, simulate
from counterpoise.errors import MissingExtra, ModelError, NotApplicable, OptionError, RoleError, TableError
from counterpoise.evaluate import evaluate_model
from counterpoise.scale import class_sizes, thin
from counterpoise.table import writing
from counterpoise.table.chunks import chunks_of


@pytest.fixture(scope="module")
def table():
    blobs = gaussian_blobs(900, 60, random_state=1)
    return blobs.with_columns(uid=pl.int_range(pl.len()) * 3)


@pytest.fixture(scope="module")
def model(table, tmp_path_factory):
    read = cp.read(table, target="label", id="uid")
    trial = cp.compare(read, treatments=["none"], learners=["logistic"], folds=3, workers=0, budget=None)
    return trial.champion.save(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def parts(table, tmp_path):
    folder = tmp_path / "table"
    folder.mkdir()
    for k, part in enumerate(table.iter_slices(200)):
        part.write_parquet(folder / f"part-{k}.parquet")
    return folder


# --- predict -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "jsonl"])
def test_scores_are_the_same_in_any_chunks_and_formats(model, table, parts, tmp_path, ending):
    expected = cp.load(model).decide(table).select("uid", "probability", "label")
    out = tmp_path / f"scores.{ending}"
    assert predict.action(model, [str(parts)], out, rows_at_once=130) == table.height
    readers = {"parquet": pl.read_parquet, "csv": pl.read_csv, "arrow": pl.read_ipc, "jsonl": pl.read_ndjson}
    found = readers[ending](out)
    assert found["uid"].equals(expected["uid"])
    np.testing.assert_allclose(found["probability"], expected["probability"], rtol=1e-12)
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name, "table"]


def test_a_folder_as_output_holds_one_file_a_chunk(model, table, parts, tmp_path):
    predict.action(model, [str(parts)], tmp_path / "scores", rows_at_once=100)
    assert len(list((tmp_path / "scores").glob("*.parquet"))) == 10
    assert pl.read_parquet(tmp_path / "scores").height == table.height
    with pytest.raises(TableError, match="not an empty folder"):
        predict.action(model, [str(parts)], tmp_path / "scores")


def test_processes_write_what_one_process_writes(model, parts, tmp_path):
    predict.action(model, [str(parts)], tmp_path / "one.parquet", rows_at_once=150)
    predict.action(model, [str(parts)], tmp_path / "two.parquet", rows_at_once=150, workers=2)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
from counterpoise.cli import predict
from counterpoise.table import writing
write, n = writing.write_part, []
def dying(frame, path):
    n.append(1)
    if len(n) == 4:
        path.with_suffix(".partial").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    write(frame, path)
writing.write_part = dying
predict.action(sys.argv[1], [sys.argv[2]], Path(sys.argv[3]), rows_at_once=100)
"""


def test_a_killed_run_leaves_no_output_and_is_gone_on_with(model, parts, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    done = subprocess.run([sys.executable, "-c", KILLED, str(model), str(parts), str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not out.exists()
    scored, score = [], predict._scored
    monkeypatch.setattr(predict, "_scored", lambda *given: scored.append(given) or score(*given))
    predict.action(model, [str(parts)], out, rows_at_once=100)
    assert len(scored) == 10 - 3
    predict.action(model, [str(parts)], tmp_path / "again.parquet", rows_at_once=100)
    assert out.read_bytes() == (tmp_path / "again.parquet").read_bytes()


def test_parts_of_another_input_are_not_used(model, parts, tmp_path, monkeypatch):
    out, write = tmp_path / "scores.parquet", writing.write_part
    calls = []

    def failing(frame, path):
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(frame, path)

    monkeypatch.setattr(writing, "write_part", failing)
    with pytest.raises(KeyboardInterrupt):
        predict.action(model, [str(parts)], out, rows_at_once=100)
    monkeypatch.setattr(writing, "write_part", write)
    pl.read_parquet(parts / "part-0.parquet").with_columns(pl.col("uid") + 1).write_parquet(
        parts / "part-0.parquet"
    )
    predict.action(model, [str(parts)], out, rows_at_once=100)
    assert pl.read_parquet(out)["uid"][0] == 1


def test_no_room_for_the_output_is_one_clear_message(model, parts, tmp_path, monkeypatch):
    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(TableError, match=r"cannot be written .*No space left"):
        predict.action(model, [str(parts)], tmp_path / "scores.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_the_systems_own_word_for_no_room_is_understood(table):
    with pytest.raises(TableError, match="No space left"), writing.writing_explained(Path("/dev/full")):
        table.write_parquet("/dev/full")


def test_a_table_without_rows_gives_an_output_without_rows(model, table, tmp_path):
    table[:0].write_parquet(tmp_path / "none.parquet")
    assert predict.action(model, [str(tmp_path / "none.parquet")], tmp_path / "scores.csv") == 0
    assert pl.read_csv(tmp_path / "scores.csv").columns == ["uid", "probability", "label"]


def test_the_training_table_out_of_fold_is_the_same_in_any_chunks(model, table, parts, tmp_path):
    for size in (90, 10_000):
        predict.action(model, [str(parts)], tmp_path / f"{size}.parquet", out_of_fold=True, rows_at_once=size)
    found = pl.read_parquet(tmp_path / "90.parquet")
    assert found.equals(pl.read_parquet(tmp_path / "10000.parquet"))
    assert found["out_of_fold"].all()


# --- evaluate ------------------------------------------------------------------------------------------------


def test_figures_of_chunks_are_those_of_the_whole(model, tmp_path):
    new = gaussian_blobs(1500, 90, random_state=9).with_columns(uid=pl.int_range(pl.len()))
    new.write_parquet(tmp_path / "new.parquet")
    whole = evaluate.action(str(model), [str(tmp_path / "new.parquet")], "label", in_chunks=False)
    chunked = [
        evaluate.evaluate_files(str(model), str(tmp_path / "new.parquet"), "label", rows_at_once=size)
        for size in (100, 777, 10_000)
    ]
    assert chunked[0] == chunked[1] == chunked[2]
    assert chunked[0]["confusion"] == whole["confusion"]
    assert chunked[0]["ranking"]["exact"]
    for name, figure in whole["figures"].items():
        assert chunked[0]["figures"][name]["value"] == pytest.approx(figure["value"], rel=1e-9), name
        assert chunked[0]["figures"][name]["lower"] == pytest.approx(figure["lower"], abs=0.05), name


@pytest.fixture(scope="module")
def of_three(tmp_path_factory):
    draw = np.random.default_rng(4)
    y = draw.choice(["common", "some", "rare"], size=1600, p=[0.8, 0.14, 0.06])
    shift = np.select([y == "some", y == "rare"], [1.2, -1.6], 0.0)
    rows = pl.DataFrame({f"x{j}": draw.normal(size=1600) + shift * (j < 2) for j in range(3)}).with_columns(
        y=pl.Series(y), w=pl.Series(draw.integers(1, 5, 1600) / 4)
    )
    folder = tmp_path_factory.mktemp("three")
    rows[:900].write_parquet(folder / "seen.parquet")
    rows[900:].write_parquet(folder / "new.parquet")
    rows[800:1000].write_parquet(folder / "both.parquet")
    trial = cp.compare(
        cp.read(folder / "seen.parquet", target="y", weight="w"),
        treatments=["none"],
        learners=["logistic"],
        folds=3,
        repeats=1,
        workers=0,
        budget=None,
    )
    trial.champion.save(folder / "model")
    return folder


def same(found, expected):
    """Say whether two estimates agree, values and intervals; words and what is undefined as they are."""
    numbers = {name for name, value in expected.items() if isinstance(value, float)}
    assert {k: v for k, v in found.items() if k not in numbers} == {
        k: v for k, v in expected.items() if k not in numbers
    }
    return all(found[name] == pytest.approx(expected[name], rel=1e-9) for name in numbers)


@pytest.mark.parametrize("weight", [None, "w"])
def test_figures_of_several_classes_are_those_of_the_whole(of_three, weight):
    model, new = str(of_three / "model"), of_three / "new.parquet"
    chunked = [
        evaluate.evaluate_files(model, str(new), "y", weight, rows_at_once=size) for size in (90, 333, 10_000)
    ]
    assert chunked[0] == chunked[1] == chunked[2]
    read = cp.read(new, target="y", weight=weight, drop=[] if weight else ["w"])
    whole = evaluate_model(cp.load(model), read)
    for name, figure in whole["figures"].items():
        assert same(chunked[0]["figures"][name], figure), name
    assert [each["label"] for each in chunked[0]["classes"]] == [each["label"] for each in whole["classes"]]
    for found, expected in zip(chunked[0]["classes"], whole["classes"], strict=True):
        assert found["decided_as"] == expected["decided_as"]
        for name, figure in expected["metrics"].items():
            assert same(found["metrics"][name], figure), name
    assert all(each["exact"] for each in chunked[0]["ranking"].values())


def test_several_classes_are_said_on_the_terminal_and_known_rows_are_judged_by_others(of_three):
    found = evaluate.evaluate_files(str(of_three / "model"), str(of_three / "both.parquet"), "y")
    assert found["basis"].startswith("100 rows of the training table")
    assert "rare" in evaluate.say(found)


def test_a_sample_of_several_classes_keeps_the_figures_and_widens_the_intervals(of_three, monkeypatch):
    model, new = str(of_three / "model"), str(of_three / "new.parquet")
    every = evaluate.evaluate_files(model, new, "y")
    monkeypatch.setattr("counterpoise.evaluate.several_in_chunks.SAMPLE", 60)
    some = evaluate.evaluate_files(model, new, "y")
    for name, figure in every["figures"].items():
        assert some["figures"][name]["value"] == pytest.approx(figure["value"], rel=1e-9), name
    recall = [each["figures"]["recall"] for each in (every, some)]
    widths = [each["upper"] - each["lower"] for each in recall]
    assert widths[0] < widths[1] < 4 * widths[0]


def test_a_class_that_the_model_does_not_know_is_refused(of_three, tmp_path):
    rows = pl.read_parquet(of_three / "new.parquet")
    rows.with_columns(y=pl.when(pl.col("x0") > 1).then(pl.lit("other")).otherwise("y")).write_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(ModelError, match="has the labels other"):
        evaluate.evaluate_files(str(of_three / "model"), str(tmp_path / "t.parquet"), "y")


def test_another_outcome_is_refused(model, table, tmp_path):
    table.with_columns(label=pl.lit(7)).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ModelError, match="holds 7"):
        evaluate.evaluate_files(str(model), str(tmp_path / "other.parquet"), "label")


# --- what is wrong with files --------------------------------------------------------------------------------


def test_a_partition_with_other_columns_is_named(parts, table):
    table.drop("uid").write_parquet(parts / "part-1.parquet")
    with pytest.raises(TableError, match=r"part-1\.parquet' has the columns not uid"):
        chunks_of(parts)


def test_a_partition_with_other_types_is_named(parts, table):
    table.with_columns(pl.col("uid").cast(pl.String)).write_parquet(parts / "part-3.parquet")
    with pytest.raises(TableError, match=r"part-3\.parquet' has 'uid' as String"):
        chunks_of(parts)
    with pytest.raises(TableError, match=r"part-3\.parquet' has 'uid' as String"):
        cp.read(parts, target="label")


def test_numbers_of_other_widths_go_together(parts, table):
    table.with_columns(pl.col("uid").cast(pl.Int16)).write_parquet(parts / "part-3.parquet")
    assert chunks_of(parts).schema["uid"] == pl.Int64
    assert {chunk.read().schema["uid"] for chunk in chunks_of(parts, 50)} == {pl.Int64()}


def test_an_empty_partition_adds_nothing_and_an_empty_file_is_named(parts, table):
    table[:0].write_parquet(parts / "part-7.parquet")
    assert chunks_of(parts).n_rows == table.height
    (parts / "part-8.parquet").write_bytes(b"")
    with pytest.raises(TableError, match=r"part-8\.parquet is empty"):
        chunks_of(parts)


def test_a_file_that_is_damaged_in_the_middle_is_named_and_leaves_no_output(model, parts, tmp_path):
    path = parts / "part-2.parquet"
    content = bytearray(path.read_bytes())
    content[40 : len(content) // 2] = os.urandom(len(content) // 2 - 40)
    path.write_bytes(bytes(content))
    with pytest.raises(TableError, match=r"part-2\.parquet' cannot be read"):
        predict.action(model, [str(parts)], tmp_path / "scores.csv", rows_at_once=100)
    assert not (tmp_path / "scores.csv").exists()


def test_a_file_that_is_cut_short_is_named_before_any_work(parts):
    path = parts / "part-2.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TableError, match=r"part-2\.parquet' cannot be read"):
        chunks_of(parts)


def test_folders_named_for_a_column_add_it(table, tmp_path):
    for k, part in enumerate(table.iter_slices(500)):
        folder = tmp_path / f"year={2020 + k}" / "region=north"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "rows.parquet")
    found = pl.concat(chunk.read() for chunk in chunks_of(tmp_path, 200))
    assert found["year"].unique().sort().to_list() == [2020, 2021]
    assert found["region"].unique().to_list() == ["north"]
    assert cp.read(tmp_path, target="label").frame.equals(found)


def test_the_outcome_may_be_what_folders_are_named_for(table, tmp_path):
    for label in (0, 1):
        folder = tmp_path / "t" / f"label={label}"
        folder.mkdir(parents=True)
        table.filter(pl.col("label") == label).drop("label").write_parquet(folder / "part-0.parquet")
    chunks = chunks_of(tmp_path / "t", 70)
    assert class_sizes(chunks, "label") == {0: 900, 1: 60}
    assert thin(chunks, "label", rows=300, id="uid").frame["label"].sum() == 60
    assert [chunk.n_rows for chunk in chunks.in_turn(["label"])] == [chunk.n_rows for chunk in chunks]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_chunks_read_in_turn_are_the_chunks_read_alone(table, tmp_path, ending):
    folder = tmp_path / "t"
    folder.mkdir()
    for k, part in enumerate(table.iter_slices(250)):
        getattr(part, f"write_{ending}")(folder / f"part-{k}.{ending}")
    for size in (7, 99, 250, 10_000):
        chunks = chunks_of(folder, size)
        alone, turned = list(chunks), list(chunks.in_turn(["uid", "label"]))
        places = [(c.number, c.file, c.start, c.offset, c.n_rows) for c in alone]
        assert places == [(c.number, c.file, c.start, c.offset, c.n_rows) for c in turned]
        assert [c.start for c in alone] == [sum(c.n_rows for c in alone[:k]) for k in range(len(alone))]
        columns = [pl.concat(c.read(["label", "uid"]) for c in each) for each in (alone, turned)]
        assert columns[0].equals(columns[1])
        assert columns[0].equals(table.select("label", "uid"))


def test_parts_are_in_the_order_of_their_numbers(tmp_path):
    for k in range(12):
        pl.DataFrame({"a": [k]}).write_csv(tmp_path / f"part-{k}.csv")
    assert [chunk.read()["a"][0] for chunk in chunks_of(tmp_path)] == list(range(12))


def test_addresses_are_read_through_fsspec(table):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = fsspec.filesystem("memory")
    for k, part in enumerate(table.iter_slices(500)):
        with memory.open(f"/lake/t/part-{k}.parquet", "wb") as out:
            part.write_parquet(out)
    for source in ("memory://lake/t", "memory://lake/t/*.parquet"):
        chunks = chunks_of(source, 300)
        assert pl.concat(chunk.read() for chunk in chunks).equals(table)
        assert cp.read(source, target="label").n_rows == table.height
    with pytest.raises(TableError, match="nothing at"):
        chunks_of("memory://lake/none")
    with pytest.raises(TableError, match="cannot be reached"):
        chunks_of("nowhere://lake/none")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_folder_elsewhere_is_here_one_file_at_a_time(table, ending, monkeypatch):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory, most = fsspec.filesystem("memory"), []
    for k, part in enumerate(table.iter_slices(200)):
        with memory.open(f"/lake/{ending}/day={k}/part-{k}.{ending}", "wb") as out:
            getattr(part, f"write_{ending}")(out)
    brought = type(memory).get_file

    def get_file(self, path, place, **given):
        brought(self, path, place, **given)
        most.append(len(list(Path(place).parent.iterdir())))

    monkeypatch.setattr(type(memory), "get_file", get_file)
    chunks = chunks_of(f"memory://lake/{ending}", 130)
    n_headers = len(most)
    kept = thin(chunks, "label", rows=300, id="uid").frame
    assert set(most) == {1}
    assert (
        len(most) <= n_headers + 2 * 5
    )  # a pass for the classes, a pass for the rows: each file once in each
    assert kept["day"].unique().sort().to_list() == [0, 1, 2, 3, 4]


def test_addresses_of_files(table, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    for k, part in enumerate(table.iter_slices(500)):
        part.write_parquet(tmp_path / f"part-{k}.parquet")
    assert cp.read(f"file://{tmp_path}", target="label").n_rows == table.height
    assert chunks_of(f"file://{tmp_path}/part-1*").n_rows == table.height - 500


@pytest.mark.parametrize("step", ["made", "listed", "brought"])
def test_storage_that_wants_credentials_is_one_clear_message(step):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    memory = type(fsspec.filesystem("memory"))

    class NoCredentialsError(Exception):
        """What a library of storage may raise: no OSError."""

    def refuse(*given, **options):
        raise NoCredentialsError("no credentials were found")

    name = {"made": "__init__", "listed": "isdir", "brought": "get_file"}[step]
    there = {"isdir": lambda self, path: False, "exists": lambda self, path: True}
    locked = type("Locked", (memory,), {"protocol": "locked", "cachable": False, **there, name: refuse})
    fsspec.register_implementation("locked", locked, clobber=True)
    with pytest.raises(TableError, match="no credentials were found") as found:
        chunks_of("locked://t.parquet")
    assert "credentials" in found.value.hint


def test_an_address_whose_library_is_missing_names_it():
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    if find_spec("adlfs") is not None:
        pytest.skip("adlfs is installed")
    with pytest.raises(MissingExtra, match="needs a library") as found:
        chunks_of("abfs://lake/t.parquet")
    assert "adlfs" in found.value.expected


def test_addresses_over_http(table, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    table[:500].write_parquet(tmp_path / "part-0.parquet")
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        assert chunks_of(f"{here}/part-0.parquet").n_rows == 500
        with pytest.raises(TableError, match="nothing at"):
            chunks_of(f"{here}/part-9.parquet")
        server.shutdown()
    with pytest.raises(TableError, match=r"cannot be reached|nothing at"):
        chunks_of(f"{here}/part-0.parquet")


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *words):
        """Say nothing."""


# --- thinning from the command line --------------------------------------------------------------------------


def test_ids_that_repeat_are_named(table, tmp_path):
    table.with_columns(uid=pl.col("uid") // 6).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(RoleError, match=r"'uid' repeats: .* about .* in the whole table"):
        thin(chunks_of(tmp_path / "t.parquet"), "label", rate=0.3, id="uid")


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"rows": 100}, NotApplicable, "60 are positive"),
        ({"rate": 0.0}, OptionError, "above 0"),
        ({"rate": 1.5}, OptionError, "at most 1"),
        ({}, OptionError, "one of them"),
        ({"rows": 200, "rate": 0.1}, OptionError, "one of them"),
        ({"rows": 200, "id": "nid"}, RoleError, "Did you mean 'uid'"),
        ({"rows": 200, "weight": "word"}, RoleError, "number in every row"),
        ({"rows": 200, "positive": 9}, RoleError, "'label'"),
    ],
)
def test_thinning_refuses_what_it_cannot_do(table, tmp_path, given, error, match):
    table.with_columns(word=pl.lit("x")).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(error, match=match):
        thin(chunks_of(tmp_path / "t.parquet"), "label", **given)


def test_a_table_that_is_thinned_says_so_and_keeps_the_rate(tmp_path):
    card_payments(6_000, random_state=2).write_parquet(tmp_path / "cards.parquet")
    roles = {"time": "at", "group": "card", "id": "tx_id"}
    full = cp.read(tmp_path / "cards.parquet", target="is_fraud", **roles)
    kept = read_table([str(tmp_path / "cards.parquet")], "is_fraud", rows=1000, **roles)
    assert kept.n_rows == 1000
    assert kept.features == full.features
    assert kept.weights.sum() == pytest.approx(full.n_rows)
    found, whole = cp.profile(kept), cp.profile(full)
    assert (found.rate, found.classes) == (whole.rate, whole.classes)
    assert found.times.periods == whole.times.periods
    assert found.findings[0].code == "thinned"
    assert all(finding.code != "thinned" for finding in whole.findings)
    same = read_table([str(tmp_path / "cards.parquet")], "is_fraud", rows=100_000, **roles)
    assert same.thinning is None
    trial = cp.compare(kept, treatments=["none"], learners=["logistic"], folds=3, workers=0, budget=None)
    assert {"thinned", "thinning_loss"} <= {finding.code for finding in trial.record.findings}
    assert trial.champion.base_rate == pytest.approx(full.y.mean())


def test_what_thinning_costs_is_asked_of_both_halves_of_the_negatives(table):
    from counterpoise.evaluate.thinning import _halves

    read = cp.read(table.with_columns(w=pl.Series(np.arange(960) % 5 + 0.5)), target="label", weight="w")
    train = np.arange(0, 960, 2)
    (one, heavy), (other, _) = _halves(read, train)
    negative, positive = (train[read.y[train] == c] for c in (0, 1))
    assert np.intersect1d(one, other).tolist() == positive.tolist()
    assert np.union1d(one, other).tolist() == train.tolist()
    assert heavy[read.y[one] == 0].sum() == pytest.approx(read.weights[negative].sum())
    assert heavy[read.y[one] == 1].tolist() == read.weights[positive].tolist()


def test_a_table_larger_than_the_memory_is_thinned_by_itself(table, tmp_path):
    table.write_parquet(tmp_path / "t.parquet")
    kept = read_table([str(tmp_path / "t.parquet")], "label", memory=6 * 8 * 4 * 300)
    assert kept.thinning is not None
    assert kept.n_rows == pytest.approx(300, abs=80)


# --- simulate ------------------------------------------------------------------------------------------------


def test_payments_in_chunks_are_the_payments_of_the_whole(tmp_path):
    told = []
    simulate(
        "cards",
        tmp_path / "p",
        rows=8_000,
        days=60,
        wide=True,
        rows_at_once=900,
        on_rows=lambda done, total: told.append((done, total)),
    )
    found = pl.concat(chunk.read() for chunk in chunks_of(tmp_path / "p"))
    assert found.equals(card_payments(8_000, days=60, wide=True))
    assert found.width == 30
    assert told[-1] == (8_000, 8_000)
    assert len(told) == len(list((tmp_path / "p").iterdir())) == 10
