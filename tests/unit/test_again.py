"""A saved model judged again: rows that it was trained on, rows that only trained, new rows, and any mixture."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.cli import evaluate
from counterpoise.datasets import gaussian_blobs
from counterpoise.errors import ModelError, OptionError, RoleError
from counterpoise.evaluate import evaluate_model
from counterpoise.evaluate.again import is_same_label, known_rows

ROLES = {"target": "label", "time": "at"}
QUICK = {"treatments": ["none"], "learners": ["logistic"], "folds": 4, "workers": 0, "budget": None}


def in_time(seed=3):
    rows = gaussian_blobs(1100, 100, random_state=seed).sample(fraction=1.0, shuffle=True, seed=seed)
    start = datetime(2024, 1, 1)
    return rows.with_columns(at=pl.Series([start + timedelta(hours=k) for k in range(rows.height)]))


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    trial = cp.compare(cp.read(in_time(), **ROLES), **QUICK)
    folder = tmp_path_factory.mktemp("timed")
    in_time().write_parquet(folder / "table.parquet")
    trial.champion.save(folder / "model")
    return trial, folder


# --- rows that only trained --------------------------------------------------------------------------------------


def test_rows_that_only_trained_are_left_out_and_said(timed):
    trial, folder = timed
    model = cp.load(folder / "model")
    judged = model.evidence.height
    assert 0 < judged < 1200
    assert model.knows_its_rows
    found = evaluate_model(model, cp.read(in_time(), **ROLES))
    board = trial.leaderboard().filter("is_champion").row(0, named=True)
    assert found["n_rows"] == judged
    assert found["n_left_out"] == 1200 - judged
    assert found["notes"][0].startswith(f"{1200 - judged} rows were trained on and never judged")
    assert found["figures"]["average_precision"]["value"] == board["average_precision"]
    assert found["notes"][0] in evaluate.say(found)


def test_a_table_of_rows_that_only_trained_has_no_figures(timed):
    model = cp.load(timed[1] / "model")
    only = in_time()[: 1200 - model.evidence.height]
    with pytest.raises(ModelError, match=f"All {only.height} rows were trained on"):
        evaluate_model(model, cp.read(only, **ROLES))


def test_more_rows_like_one_that_trained_than_there_were_are_new(timed):
    model = cp.load(timed[1] / "model")
    first = model.schema.conform(pl.concat([in_time()[:1]] * 3))
    assert known_rows(model, first)["only_trained"].to_list() == [True, False, False]
    before = known_rows(model, first[:1])["key"]
    assert known_rows(model, first[:1], before)["only_trained"].to_list() == [False]


def test_rows_like_one_that_judged_and_one_that_only_trained_count_once_each(tmp_path):
    rows = in_time().with_columns(pl.selectors.float().round(0))
    model = cp.compare(cp.read(rows, **ROLES), **QUICK).champion
    both = set(model.evidence_keys.tolist()) & set(model.only_trained_keys.tolist())
    assert len(both) > 10
    found = evaluate_model(model, cp.read(rows, **ROLES))
    assert (found["n_rows"], found["n_left_out"]) == (model.evidence.height, len(model.only_trained_keys))
    agree(tmp_path, rows, model)


def test_an_older_bundle_says_that_it_knows_only_the_rows_that_judged(timed):
    from dataclasses import replace

    model = cp.load(timed[1] / "model")
    older = replace(model, evidence=model.evidence.drop("only_trained"))
    assert not older.knows_its_rows
    found = evaluate_model(older, cp.read(in_time(), **ROLES))
    assert found["n_rows"] == 1200
    assert "does not hold the keys of all rows" in found["notes"][0]
    assert "trained only" in (timed[1] / "model" / "card.md").read_text()


# --- mixed tables ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dealt():
    rows = gaussian_blobs(540, 60, random_state=5)
    return rows, cp.compare(cp.read(rows, target="label"), repeats=1, **QUICK).champion


@pytest.mark.parametrize("n_new", [4, 60, 600])
def test_rows_are_judged_one_by_one_whatever_stands_beside_them(dealt, n_new):
    rows, model = dealt
    new = gaussian_blobs(1000, 100, random_state=8).sample(n_new, seed=1, shuffle=True)
    found = evaluate_model(model, cp.read(pl.concat([rows, new]), target="label"))
    assert found["n_rows"] == 600 + n_new
    assert found["basis"].startswith("600 rows of the training table, each judged")
    assert found["basis"].endswith(f"and {n_new} others, judged by the model")
    alerts = model.predict_proba(new)[:, 1] >= model.threshold
    truth, known = new["label"].to_numpy() == 1, model.evidence
    caught = int((known["alert"] & (known["outcome"] == 1)).sum()) + int(np.sum(alerts & truth))
    assert found["confusion"]["tp"] == caught


# --- whole and in chunks -----------------------------------------------------------------------------------------


def agree(folder, table, model, target="label", sizes=(70, 333, 10_000)):
    """Hold figures over chunks of several sizes against each other and against those of the whole table."""
    table.write_parquet(folder / "both.parquet")
    model.save(folder / "model")
    given = str(folder / "model"), [str(folder / "both.parquet")], target
    whole = evaluate.action(*given, in_chunks=False)
    roles = {role: model.schema.roles.get(role) for role in ("weight", "group")}
    [first, *others] = [
        evaluate.evaluate_files(given[0], given[1][0], target, **roles, rows_at_once=size) for size in sizes
    ]
    assert all(other == first for other in others)
    for name in ("basis", "n_rows", "n_left_out", "goal", "n_positive"):
        assert first.get(name) == whole.get(name), name
    by_day = {"card_precision_100", "daily_precision_100", "daily_recall", "alerts_per_day"}
    assert set(whole["figures"]) - set(first["figures"]) <= by_day
    for name, figure in first["figures"].items():
        for end in ("value", "lower", "upper"):
            assert figure[end] == pytest.approx(whole["figures"][name][end], rel=1e-6), (name, end)
    if "confusion" in whole:
        assert first["confusion"] == pytest.approx(whole["confusion"])
    return whole, first


@pytest.mark.parametrize("repeats", [1, 3])
def test_known_and_new_rows_have_the_same_figures_whole_and_in_chunks(tmp_path, repeats):
    rows = gaussian_blobs(270, 30, random_state=5)
    model = cp.compare(cp.read(rows, target="label"), repeats=repeats, nested=False, **QUICK).champion
    new = gaussian_blobs(80, 20, random_state=8)
    for table in (rows, pl.concat([rows, new]), pl.concat([new, rows[100:], new])):
        agree(tmp_path, table, model)


def test_equal_rows_are_taken_in_their_order_in_any_chunks(tmp_path):
    rows = gaussian_blobs(540, 60, random_state=5).with_columns(pl.selectors.float().round(0))
    model = cp.compare(cp.read(rows, target="label"), repeats=1, **QUICK).champion
    assert model.evidence["key"].n_unique() < 500
    _, found = agree(tmp_path, pl.concat([rows, rows[:50]]), model)
    assert found["basis"].startswith("600 rows")


def test_costs_groups_and_weights_are_counted_over_chunks(tmp_path):
    draw = np.random.default_rng(0)
    rows = in_time().with_columns(
        amount=pl.Series(draw.gamma(2.0, 30.0, 1200)),
        card=pl.Series(draw.integers(0, 150, 1200)),
        w=pl.Series(draw.integers(1, 5, 1200) / 4),
    )
    roles = {**ROLES, "group": "card", "weight": "w", "amount": "amount"}
    goal = "cost(fn=amount, fp=20, tp=-5)"
    model = cp.compare(cp.read(rows, **roles), goal, **QUICK).champion
    whole, found = agree(tmp_path, rows, model)
    assert found["figures"]["goal"]["value"] == pytest.approx(whole["figures"]["cost"]["value"])
    assert found["n_left_out"] > 0
    assert "Figures by day are not counted over chunks." in found["notes"]
    with pytest.raises(ModelError, match="no column 'amount'"):
        evaluate_model(model, cp.read(rows.rename({"amount": "value"}), target="label"))


def test_rows_that_only_trained_are_refused_in_chunks_as_well(timed, tmp_path):
    model = timed[1] / "model"
    in_time()[: 1200 - cp.load(model).evidence.height].write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ModelError, match="rows were trained on"):
        evaluate.evaluate_files(str(model), str(tmp_path / "t.parquet"), "label", rows_at_once=100)


def test_three_classes_dealt_repeatedly_agree_whole_and_in_chunks(tmp_path):
    draw = np.random.default_rng(4)
    y = draw.choice(["common", "some", "rare"], size=500, p=[0.7, 0.2, 0.1])
    shift = np.select([y == "some", y == "rare"], [1.2, -1.6], 0.0)
    rows = pl.DataFrame({f"x{j}": draw.normal(size=500) + shift for j in range(2)}).with_columns(
        y=pl.Series(y)
    )
    model = cp.compare(cp.read(rows[:400], target="y"), repeats=2, nested=False, **QUICK).champion
    whole, found = agree(tmp_path, rows, model, target="y")
    for each, other in zip(found["classes"], whole["classes"], strict=True):
        assert each["n"] == pytest.approx(other["n"])
        for name, figure in each["metrics"].items():
            assert figure["value"] == pytest.approx(other["metrics"][name]["value"]), name


# --- labels and columns as they come -----------------------------------------------------------------------------


@pytest.mark.parametrize("in_chunks", [False, True])
def test_labels_written_with_a_point_are_the_same_labels(timed, tmp_path, in_chunks):
    model, plain = str(timed[1] / "model"), str(timed[1] / "table.parquet")
    pointed = str(tmp_path / "pointed.parquet")
    in_time().with_columns(pl.col("label").cast(pl.Float64)).write_parquet(pointed)
    expected = evaluate.action(model, [plain], "label", in_chunks=in_chunks)
    assert evaluate.action(model, [pointed], "label", in_chunks=in_chunks) == expected


@pytest.mark.parametrize("in_chunks", [False, True])
def test_other_labels_are_refused_with_advice_that_can_be_taken(timed, tmp_path, in_chunks):
    other = in_time().with_columns(
        label=pl.when(pl.col("label") == 1).then(pl.lit("bad")).otherwise(pl.lit("ok"))
    )
    other.write_parquet(tmp_path / "other.parquet")
    with pytest.raises(ModelError, match="holds bad, ok") as refused:
        evaluate.action(
            str(timed[1] / "model"), [str(tmp_path / "other.parquet")], "label", in_chunks=in_chunks
        )
    assert "write its labels as the training table did" in str(refused.value)
    assert "--positive" not in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), ("1", 1, True), (0, 1, False), (True, 1, False), ("a", "b", False)],
)
def test_labels_are_the_same_by_text_or_by_number(one, other, same):
    assert is_same_label(one, other) is same


def test_several_labels_written_with_a_point_are_known(tmp_path):
    draw = np.random.default_rng(1)
    rows = pl.DataFrame({"a": draw.normal(size=300), "y": np.repeat([0, 1, 2], 100)}).with_columns(
        a=pl.col("a") + pl.col("y")
    )
    model = cp.compare(cp.read(rows, target="y"), repeats=1, **QUICK).champion
    pointed = rows.with_columns(pl.col("y").cast(pl.Float64))
    agree(tmp_path, pointed, model, target="y")
    found = evaluate_model(model, cp.read(pointed, target="y"))
    assert found == evaluate_model(model, cp.read(rows, target="y"))


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_feature_of_the_model_cannot_be_dropped_and_a_role_can(timed, in_chunks):
    given = str(timed[1] / "model"), [str(timed[1] / "table.parquet")], "label"
    feature = cp.load(given[0]).schema.features[0].name
    with pytest.raises(OptionError, match=f"--drop {feature} was given"):
        evaluate.action(*given, drop=[feature], in_chunks=in_chunks)
    with pytest.raises(RoleError, match="nowhere"):
        evaluate.action(*given, drop=["nowhere"], in_chunks=in_chunks)
    assert "daily_recall" not in evaluate.action(*given, drop=["at"], in_chunks=in_chunks)["figures"]


def test_a_missing_group_is_refused_in_chunks(timed, tmp_path):
    in_time().with_columns(g=pl.Series([None, *["a", "b"] * 599, "a"])).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(RoleError, match="group column 'g' has 1 missing values"):
        evaluate.evaluate_files(
            str(timed[1] / "model"), str(tmp_path / "t.parquet"), "label", group="g", rows_at_once=500
        )
