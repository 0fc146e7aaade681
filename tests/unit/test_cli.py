"""The command line: each verb on small files, and one clear message for each wrong input."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from counterpoise.cli.main import run


def rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.12).astype(int)
    return pl.DataFrame(
        {
            "uid": [f"u{k}" for k in range(n)],
            "a": rng.normal(size=n) + 2 * y,
            "b": rng.normal(size=n),
            "label": y,
        }
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "rows.csv"
    rows().write_csv(path)
    return path


@pytest.fixture(scope="module")
def compared(table):
    out = table.parent / "out"
    command("compare", table, "--target", "label", "--id", "uid", "--treatments", "none,random_over",
            "--learners", "logistic", "--workers", "0", "--repeats", "1", "--out", out)  # fmt: skip
    return out


def command(*words):
    """Run a command; give its exit status."""
    with pytest.raises(SystemExit) as ended:
        run([str(word) for word in words])
    return ended.value.code or 0


def test_compare_leaves_report_leaderboard_record_and_model(compared):
    assert {"report.html", "leaderboard.parquet", "trial.json", "model", "folds"} <= {
        p.name for p in compared.iterdir()
    }
    board = pl.read_parquet(compared / "leaderboard.parquet")
    assert board["status"].to_list() == ["run", "run"]
    assert json.loads((compared / "trial.json").read_text())["verdict"]["sentence"]


def test_compare_says_what_it_found_in_eighty_columns(table, capsys, tmp_path):
    code = command("compare", table, "--target", "label", "--drop", "uid", "--treatments", "none",
                   "--learners", "logistic", "--workers", "0", "--out", tmp_path / "o")  # fmt: skip
    said = capsys.readouterr().out
    assert code == 0
    assert "Treat nothing" in said
    assert str(tmp_path / "o" / "report.html") in said
    assert (
        max(len(line) for line in said.splitlines() if str(tmp_path) not in line and "Champion" not in line)
        <= 80
    )


def test_compare_as_json(table, capsys, tmp_path):
    command("compare", table, "--target", "label", "--drop", "uid", "--treatments", "none", "--learners", "logistic",
            "--workers", "0", "--out", tmp_path / "o", "--json")  # fmt: skip
    said = json.loads(capsys.readouterr().out)
    assert said["leaderboard"][0]["candidate"] == "logistic"


def test_predict_writes_id_probability_label(compared, table, tmp_path):
    assert command("predict", compared / "model", table, "--out", tmp_path / "p.parquet") == 0
    scored = pl.read_parquet(tmp_path / "p.parquet")
    assert scored.columns == ["uid", "probability", "label"]
    assert scored["uid"].to_list() == rows()["uid"].to_list()
    assert scored["probability"].is_between(0, 1).all()


def test_predict_without_an_id_numbers_the_rows_through_all_pieces(compared, table, tmp_path):
    from counterpoise.cli import predict

    rows().drop("uid").write_parquet(tmp_path / "rows.parquet")
    predict.action(compared / "model", [str(tmp_path / "rows.parquet")], tmp_path / "p.csv", rows_at_once=37)
    assert pl.read_csv(tmp_path / "p.csv")["row"].to_list() == list(range(400))


def test_predict_out_of_fold_gives_what_the_trial_judged(compared, table, tmp_path):
    command("predict", compared / "model", table, "--out", tmp_path / "p.parquet", "--out-of-fold")
    scored = pl.read_parquet(tmp_path / "p.parquet")
    evidence = pl.read_parquet(compared / "model" / "evidence.parquet")
    assert scored["out_of_fold"].all()
    assert scored["probability"].to_list() == evidence["probability"].to_list()


def test_evaluate_gives_the_leaderboards_figures(compared, table, capsys):
    command("evaluate", compared / "model", table, "--target", "label", "--json")
    found = json.loads(capsys.readouterr().out)
    champion = pl.read_parquet(compared / "leaderboard.parquet").filter("is_champion").row(0, named=True)
    assert found["figures"]["average_precision"]["value"] == pytest.approx(champion["average_precision"])
    assert found["figures"]["goal"]["value"] == pytest.approx(champion["value"])


def test_profile_prints(table, capsys):
    assert command("profile", table, "--target", "label", "--id", "uid") == 0
    assert "label" in capsys.readouterr().out
    command("profile", table, "--target", "label", "--json")
    assert json.loads(capsys.readouterr().out)["n_rows"] == 400


def test_resample_writes_rows_with_their_provenance(table, tmp_path, capsys):
    assert (
        command("resample", table, "--target", "label", "--with", "smote", "--out", tmp_path / "r.csv") == 0
    )
    treated = pl.read_csv(tmp_path / "r.csv")
    assert treated["label"].mean() == pytest.approx(0.5)
    assert treated.columns[:4] == ["uid", "a", "b", "label"]
    assert any(name.startswith("provenance_") for name in treated.columns)


@pytest.mark.parametrize("kind", ["cards", "defaults", "blobs"])
def test_simulate_writes_a_table_that_reads(kind, tmp_path):
    import counterpoise as cp

    size = [] if kind == "defaults" else ["--rows", "600"]
    assert command("simulate", kind, *size, "--out", tmp_path / "t.parquet") == 0
    frame = pl.read_parquet(tmp_path / "t.parquet")
    target = next(name for name in ("is_fraud", "default", "label") if name in frame.columns)
    assert cp.read(frame, target=target).n_positive > 0


AT_X = ("--store", "sqlite:///{d}/x.db?synchronous=FULL")

WRONG = {
    "missing file": ("compare", "{d}/no.csv", "--target", "label", "--out", "{d}/x"),
    "wrong target": ("compare", "{t}", "--target", "lable", "--out", "{d}/x"),
    "wrong goal": ("compare", "{t}", "--target", "label", "--goal", "recal>=0.9", "--out", "{d}/x"),
    "wrong budget": ("compare", "{t}", "--target", "label", "--budget", "soon", "--out", "{d}/x"),
    "wrong repeats": ("compare", "{t}", "--target", "label", "--repeats", "0", "--out", "{d}/x"),
    "wrong memory": ("compare", "{t}", "--target", "label", "--memory", "lots", "--out", "{d}/x"),
    "wrong treatment": ("compare", "{t}", "--target", "label", "--treatments", "smoot", "--out", "{d}/x"),
    "wrong learner": ("compare", "{t}", "--target", "label", "--learners", "boostin", "--out", "{d}/x"),
    "wrong folds": ("compare", "{t}", "--target", "label", "--folds", "weekly", "--out", "{d}/x"),
    "wrong positive": ("compare", "{t}", "--target", "label", "--positive", "7", "--out", "{d}/x"),
    "out is a file": ("compare", "{t}", "--target", "label", "--out", "{t}"),
    "no model": ("predict", "{d}/none", "{t}", "--out", "{d}/p.csv"),
    "wrong output": ("predict", "{m}", "{t}", "--out", "{d}/p.xls"),
    "table without the features": ("predict", "{m}", "{other}", "--out", "{d}/p.csv"),
    "wrong sampler": ("resample", "{t}", "--target", "label", "--with", "smoot", "--out", "{d}/r.csv"),
    "wrong kind": ("simulate", "carts", "--out", "{d}/s.csv"),
    "another outcome": ("evaluate", "{m}", "{t}", "--target", "uid"),
    "wrong form": ("export", "{m}", "--to", "onx", "--out", "{d}/x"),
    "zip of another ending": ("export", "{m}", "--to", "zip", "--out", "{d}/x"),
    "zip where nothing can be written": ("export", "{m}", "--to", "zip", "--out", "{other}/deep/x.zip"),
    "endless token": ("endpoint", "token", "create", "x", "--scope", "read", "--days", "inf", *AT_X),
    "token of ages": ("endpoint", "token", "create", "x", "--scope", "read", "--days", "4000000", *AT_X),
    "tokens of no store": ("endpoint", "token", "list", *AT_X),
    "token of no store": ("endpoint", "token", "revoke", "x", *AT_X),
    "endpoints of no store": ("endpoint", "list", *AT_X),
    "endpoints of no store, by its driver": ("endpoint", "list", "--store", "sqlite+pysqlite:///{d}/x.db"),
    "endpoint of no store": ("endpoint", "describe", "x", *AT_X),
    "change in no store": ("endpoint", "update", "x", "--line", "0.5", *AT_X),
    "model for no store": ("endpoint", "update", "x", "--model", "{m}", *AT_X),
    "step back in no store": ("endpoint", "update", "x", "--rollback", *AT_X),
    "end in no store": ("endpoint", "delete", "x", *AT_X),
    "monitor of no store": ("monitor", "x", *AT_X),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_input_gets_one_message_and_status_two(name, table, compared, tmp_path, capsys):
    pl.DataFrame({"z": [1, 2, 3]}).write_csv(tmp_path / "other.csv")
    places = {"t": table, "m": compared / "model", "d": tmp_path, "other": tmp_path / "other.csv"}
    assert command(*[word.format(**places) for word in WRONG[name]]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert len(said.splitlines()) >= 3
    assert "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


def test_what_makes_a_store_makes_it_and_the_rest_finds_it(compared, tmp_path, capsys):
    at = ("--store", f"sqlite:///{tmp_path}/made.db")
    assert command("endpoint", "token", "create", "x", "--scope", "read", "--days", "30", *at) == 0
    assert command("endpoint", "token", "list", *at) == 0
    assert "x  read  good" in capsys.readouterr().out
    assert command("endpoint", "describe", "risk", *at) == 2
    assert "There is no endpoint 'risk'" in capsys.readouterr().err
    other = ("--store", f"sqlite:///{tmp_path}/other.db")
    assert command("endpoint", "create", "risk", "--model", compared / "model", *other) == 0
    assert command("endpoint", "list", *other) == 0
    assert "risk" in capsys.readouterr().out


def test_a_word_that_is_no_verb_is_refused(capsys):
    assert command("compair") == 2


def test_a_fault_of_ours_is_not_dressed_up_as_the_users(monkeypatch, table, tmp_path):
    from counterpoise.cli import profile

    monkeypatch.setattr(profile, "action", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # the interpreter prints it and ends with status 1
        run(["profile", str(table), "--target", "label"])


# --- outputs: what is there stays, what is refused leaves nothing -----------------------------------------------


def test_an_output_that_is_an_input_is_refused_and_the_input_stays(compared, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    rows().write_csv(path)
    (tmp_path / "link.csv").symlink_to(path)
    before = path.read_bytes()
    for out in (path, tmp_path / "sub" / ".." / "rows.csv", tmp_path / "link.csv"):
        (tmp_path / "sub").mkdir(exist_ok=True)
        assert command("predict", compared / "model", path, "--out", out) == 2
        assert "is an input" in capsys.readouterr().err
        assert command("resample", path, "--target", "label", "--with", "smote", "--out", out) == 2
        assert "is an input" in capsys.readouterr().err
    assert command("predict", compared / "model", f"{tmp_path}/row*.csv", "--out", path) == 2
    assert path.read_bytes() == before
    assert (tmp_path / "link.csv").is_symlink()


def test_a_refused_prediction_leaves_no_folder(compared, tmp_path, capsys):
    pl.DataFrame({"z": [1, 2, 3]}).write_csv(tmp_path / "other.csv")
    out = tmp_path / "new" / "deep" / "p.csv"
    assert command("predict", compared / "model", tmp_path / "other.csv", "--out", out) == 2
    assert "lacks" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz"])
def test_a_resampling_that_cannot_be_written_leaves_nothing(ending, table, tmp_path, capsys):
    (tmp_path / "file").touch()
    words = ("resample", table, "--target", "label", "--with", "random_under", "--out")
    for out in (tmp_path / "file" / f"x.{ending}", tmp_path / "new" / f"{'x' * 300}.{ending}"):
        assert command(*words, out) == 2
        assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["p.csv.gz", "p.parquet.gz", "p.CSV.GZ"])
def test_no_table_is_written_under_the_name_of_a_compressed_one(name, compared, table, tmp_path, capsys):
    assert command("predict", compared / "model", table, "--out", tmp_path / name) == 2
    assert "p.parquet" in capsys.readouterr().err
    assert (
        command("resample", table, "--target", "label", "--with", "tomek", "--out", tmp_path / "x.csv.gz")
        == 2
    )
    assert list(tmp_path.iterdir()) == []


def test_what_was_resampled_is_resampled_again_and_its_provenance_kept(table, tmp_path, capsys):
    words = ("--target", "label", "--id", "uid", "--with")
    places = [tmp_path / f"{k}.csv" for k in range(4)]
    rows().write_csv(places[0])
    for source, out, sampler in zip(places, places[1:], ["smote", "tomek", "random_over"], strict=False):
        assert command("resample", source, *words, sampler, "--out", out) == 0
    said = capsys.readouterr().err
    assert "earlier_earlier_provenance_kind" in said
    once, twice, thrice = (pl.read_csv(path) for path in places[1:])
    assert {"provenance_kind", "earlier_provenance_kind"} <= set(twice.columns)
    assert {"earlier_provenance_kind", "earlier_earlier_provenance_kind"} <= set(thrice.columns)
    met = once["provenance_kind"].gather(twice["provenance_base"])
    assert twice["earlier_provenance_kind"].to_list() == met.to_list()


def test_no_sampler_looks_at_an_earlier_provenance(table, tmp_path):
    words = ("--target", "label", "--id", "uid", "--with")
    assert command("resample", table, *words, "smote", "--out", tmp_path / "once.csv") == 0
    plain = pl.read_csv(tmp_path / "once.csv").select("uid", "a", "b", "label")
    plain.write_csv(tmp_path / "plain.csv")
    for name in ("once", "plain"):
        assert (
            command("resample", tmp_path / f"{name}.csv", *words, "enn", "--out", tmp_path / f"{name}2.csv")
            == 0
        )
    kept = [pl.read_csv(tmp_path / f"{name}2.csv").select(plain.columns) for name in ("once", "plain")]
    assert kept[0].equals(kept[1])


def test_a_column_of_the_users_named_like_provenance_is_refused(tmp_path, capsys):
    rows().with_columns(provenance_kind=pl.col("a")).write_csv(tmp_path / "r.csv")
    words = ("--target", "label", "--id", "uid", "--with", "smote")
    assert command("resample", tmp_path / "r.csv", *words, "--out", tmp_path / "o.csv") == 2
    assert "Rename them" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model", "folds", "report.html", "trial.json"])
def test_compare_refuses_what_it_could_not_replace_before_the_work(
    name, table, tmp_path, capsys, monkeypatch
):
    mine = tmp_path / "k" / name
    mine.mkdir(parents=True)
    (mine / "x").write_text("mine")
    monkeypatch.setattr("counterpoise.cli.options.read_table", lambda *a, **k: pytest.fail("it started"))
    assert command("compare", table, "--target", "label", "--out", tmp_path / "k") == 2
    assert str(mine) in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "k").rglob("*")] == [name, "x"]


def test_an_interrupt_with_nothing_to_show_says_so(monkeypatch, table, capsys):
    from counterpoise.cli import profile

    def interrupted(*words, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(profile, "action", interrupted)
    assert command("profile", table, "--target", "label") == 130
    assert capsys.readouterr().err == "Interrupted.\n"
