"""Repeats, nested lines and dropping: what is dealt, what is drawn on what, who is given up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

import counterpoise as cp
from counterpoise.decide import Goal
from counterpoise.errors import OptionError
from counterpoise.evaluate import evaluate_model
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.judging import Case, judge
from counterpoise.evaluate.ledger import FinishedFold
from counterpoise.evaluate.nesting import inner_folds, is_nested
from counterpoise.evaluate.racing import Race, on_folds
from counterpoise.evaluate.repeating import Repeat, RepeatRule, repeat_rule, stability, stacked, typical
from counterpoise.evaluate.running import Run
from counterpoise.evaluate.task import FoldScores
from counterpoise.split import make_folds

CANDIDATES = [Candidate("none", "logistic"), Candidate("none", "boosting")]


def payments(n=400, n_positive=40, seed=0, **columns):
    rng = np.random.default_rng(seed)
    y = np.r_[np.ones(n_positive, dtype=int), np.zeros(n - n_positive, dtype=int)]
    frame = pl.DataFrame({"a": rng.normal(size=n) + 1.5 * y, "b": rng.normal(size=n), "y": y})
    return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def table(n=400, n_positive=40, seed=0):
    return cp.read(payments(n, n_positive, seed), target="y")


def quick(data, **options):
    options = {"treatments": ["none", "class_weight"], "learners": ["logistic"], "workers": 0, **options}
    return cp.compare(data, **options)


def case_of(data, number=0, goal="f1"):
    return Case(data.y, make_folds(data, 5, random_state=number), Goal(goal), data.weights)


def finished(case, scores):
    proba = expit(scores - 3.0)
    return [FinishedFold(FoldScores(proba[fold.test], 0.1, 0.1), 0, 0.2) for fold in case.folds.folds]


# --- repeats ---------------------------------------------------------------------------------------------------


def repeats_of(data, times, noise, goal="f1"):
    """The same two models dealt several times: one separates, the other one less."""
    rng, found = np.random.default_rng(1), []
    for number in range(times):
        case = case_of(data, number, goal)
        judged = {}
        for name, separation in (("good", 3.0), ("poor", 1.0)):
            scores = separation * data.y + np.random.default_rng(2).normal(size=len(data.y))
            scores = scores + noise * rng.normal(size=len(data.y))
            judged[name] = judge(case, finished(case, scores))
        found.append(Repeat(case, [], judged))
    return found


def test_repeats_that_say_the_same_change_no_figure_and_no_interval():
    data = table()
    [one] = repeats_of(data, 1, 0.0)
    case, judged, units = stacked([one, one, one])
    alone = Figures.of(one.case, one.judged, groups=np.arange(data.n_rows)).estimates("good")
    together = Figures.of(case, judged, groups=units).estimates("good")
    for name in ("f1", "average_precision", "roc_auc", "recall", "brier", "mean_ratio"):
        assert together[name].value == pytest.approx(alone[name].value)
        assert together[name].lower == pytest.approx(alone[name].lower, abs=1e-5)
    assert Figures.of(case, judged, groups=units).n_positive == data.n_positive
    assert Figures.of(case, judged, groups=units).confusion("good") == pytest.approx(
        Figures.of(one.case, one.judged).confusion("good")
    )


def test_repeats_that_differ_narrow_the_interval():
    data = table()
    many = repeats_of(data, 5, 1.5)
    widths = []
    for part in (many[:1], many):
        case, judged, units = stacked(part, np.arange(data.n_rows))
        found = Figures.of(case, judged, groups=units).estimates("good")["f1"]
        widths.append(found.upper - found.lower)
    assert widths[1] < widths[0]


def test_each_line_of_stacked_repeats_is_drawn_inside_its_own_repeat():
    data = table()
    case, _, _ = stacked(repeats_of(data, 3, 0.5))
    for k, fold in enumerate(case.folds.folds):
        assert {j // 5 for j in fold.lines} == {k // 5}
        assert set(fold.test // data.n_rows) == {k // 5}


def test_the_shipped_line_is_the_middle_one():
    many = repeats_of(table(), 3, 1.0)
    lines = [repeat.judged["good"].point.threshold for repeat in many]
    assert typical(many, "good").judged["good"].point.threshold == np.median(lines)


def test_who_always_leads_has_led_always():
    found = stability(repeats_of(table(), 3, 0.3))
    assert found["good"].led_share == 1.0
    assert found["poor"].led_share == 0.0
    assert len(found["good"].values) == 3
    assert stability(repeats_of(table(), 1, 0.3)) == {}


def test_many_positives_are_dealt_once_and_few_repeatedly():
    many, few = table(2000, 200), table()
    assert repeat_rule("auto", many, make_folds(many), CANDIDATES).most == 1
    assert repeat_rule("auto", few, make_folds(few), CANDIDATES).most > 1
    costly = [Candidate("none", "mlp")] * 20
    assert repeat_rule("auto", few, make_folds(few), costly).most == 1
    assert repeat_rule("3", many, make_folds(many), CANDIDATES) == RepeatRule(3, False)


@pytest.mark.parametrize("asked", [0, -1, "soon", 1.5, True, ""])
def test_what_is_no_number_of_repeats_is_refused(asked):
    data = table()
    with pytest.raises(OptionError, match="repeats"):
        repeat_rule(asked, data, make_folds(data), CANDIDATES)


def test_folds_in_time_cannot_be_repeated():
    data = cp.read(payments(at=np.arange(400.0)[::-1]), target="y", time="at")
    shuffled = data.take(np.random.default_rng(0).permutation(400))
    folds = replace(make_folds(table()), kind="time")
    assert repeat_rule("auto", shuffled, folds, CANDIDATES).most == 1
    with pytest.raises(OptionError, match="one way"):
        repeat_rule(2, shuffled, folds, CANDIDATES)


def test_dealing_stops_when_the_leader_is_known_well_enough_or_no_better():
    vague, widths = repeats_of(table(), 1, 2.0), []
    assert RepeatRule(5, True).why_stop(vague, widths) == ""
    assert "no longer narrows" in RepeatRule(5, True).why_stop(vague * 2, widths)
    sharp = repeats_of(table(6000, 1200), 1, 0.0)
    assert "wide" in RepeatRule(5, True).why_stop(sharp, [])


def test_a_trial_with_repeats_says_how_steady_each_candidate_was(tmp_path):
    data, told = table(), []
    trial = quick(data, repeats=3, nested=False, out=tmp_path)
    board = trial.leaderboard()
    assert board["repeats"].to_list() == [3, 3]
    assert board["led_share"].sum() >= 1.0
    assert (board["repeat_spread"] >= 0).all()
    assert any(finding.code == "repeats" for finding in trial.record.findings)
    assert trial.champion.operating_point.n_positive == data.n_positive
    again = quick(data, repeats=3, nested=False, out=tmp_path, on_progress=told.append)
    assert not told
    assert again.leaderboard().equals(board)


def test_a_repeat_that_the_budget_has_no_room_for_is_left_out(monkeypatch):
    monkeypatch.setattr("counterpoise.evaluate.running._Running._all_fit", lambda _: False)
    trial = quick(table(), repeats=3, nested=False)
    assert set(trial.leaderboard()["repeats"]) == {1}
    assert any("no room for another" in finding.sentence for finding in trial.record.findings)


# --- nested ----------------------------------------------------------------------------------------------------


def test_nested_lines_come_from_inside_the_training_part_alone():
    """What the models of other folds say does not move a fold's line; without nesting it does."""
    case, rng = case_of(table()), np.random.default_rng(0)
    scores = expit(2.0 * case.y + rng.normal(size=len(case.y)) - 3)
    plain = finished(case, 2.0 * case.y + rng.normal(size=len(case.y)))
    nested = [
        replace(done, scores=replace(done.scores, inner=scores[fold.train]))
        for done, fold in zip(plain, case.folds.folds, strict=True)
    ]
    for folds, is_nested_fold in ((nested, True), (plain, False)):
        noise = [
            replace(f, scores=replace(f.scores, proba=rng.random(len(f.scores.proba)))) for f in folds[1:]
        ]
        before, after = judge(case, folds), judge(case, [folds[0], *noise])
        test = case.folds.folds[0].test
        same = before.thresholds[0] == after.thresholds[0] and np.array_equal(
            before.proba[test], after.proba[test]
        )
        assert same == is_nested_fold


def test_inner_folds_split_the_training_part_alone():
    data = table()
    fold = make_folds(data, 5).folds[0]
    inner = inner_folds(data, fold, seed=0, number=0)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in inner])), np.arange(len(fold.train)))
    assert all(len(np.intersect1d(train, test)) == 0 for train, test in inner)
    assert all(data.y[fold.train][test].sum() >= 2 for _, test in inner)


def test_inner_folds_keep_groups_whole():
    data = cp.read(payments(card=np.arange(400) // 4), target="y", group="card")
    fold = make_folds(data, 4).folds[0]
    groups = data.groups[fold.train]
    for train, test in inner_folds(data, fold, seed=0, number=0):
        assert not set(groups[train]) & set(groups[test])


def test_where_an_inner_split_is_impossible_the_line_comes_from_the_other_folds():
    data = table(100, 5)
    fold = make_folds(data, 2).folds[0]
    positive = fold.train[data.y[fold.train] == 1]
    few = replace(fold, train=np.setdiff1d(fold.train, positive[1:]))
    assert inner_folds(data, few, seed=0, number=0) == ()


def test_small_tables_with_cheap_candidates_are_nested_unasked():
    small, large = table(), table(5000, 50)
    folds = make_folds(small)
    assert is_nested(None, small, folds, CANDIDATES)
    assert not is_nested(None, large, make_folds(large), CANDIDATES)
    assert not is_nested(None, small, folds, [Candidate("none", "mlp")] * 5)
    assert is_nested(True, large, make_folds(large), CANDIDATES)
    assert not is_nested(False, small, folds, CANDIDATES)
    assert not is_nested(True, small, replace(folds, kind="time"), CANDIDATES)
    with pytest.raises(OptionError, match="nested"):
        is_nested("yes", small, folds, CANDIDATES)


def test_a_nested_trial_says_so_and_does_not_use_folds_that_are_not(tmp_path):
    told = []
    plain = quick(table(), repeats=1, nested=False, out=tmp_path)
    nested = quick(table(), repeats=1, nested=True, out=tmp_path, on_progress=told.append)
    assert len(told) == 10
    assert any(finding.code == "nested" for finding in nested.record.findings)
    assert not any(finding.code == "nested" for finding in plain.record.findings)
    same = ["average_precision", "roc_auc"]  # the models are the same, only lines and calibration are not
    assert (
        nested.leaderboard()
        .sort("candidate")
        .select(same)
        .equals(plain.leaderboard().sort("candidate").select(same))
    )


# --- dropping --------------------------------------------------------------------------------------------------


def started(case, candidate, scores, n_folds):
    folds = finished(case, scores)
    return Run(candidate, [*folds[:n_folds], *[None] * (len(folds) - n_folds)])


@pytest.fixture
def race():
    data = table(3000, 300)
    case = case_of(data)
    good = 3.0 * data.y + np.random.default_rng(3).normal(size=data.n_rows)
    found = Race(case)
    leader = started(case, CANDIDATES[0], good, 5)
    found.finished(leader, judge(case, leader.finished()))
    return found, good


def test_a_candidate_clearly_behind_the_leader_is_dropped_with_the_reason(race):
    found, good = race
    poor = good - 2.5 * found.case.y
    reason = found.weakness(started(found.case, CANDIDATES[1], poor, 2))
    assert "after 2 of 5 folds" in reason
    assert "behind that of logistic by" in reason


def test_a_candidate_as_good_as_the_leader_is_kept(race):
    found, good = race
    equal = good + 0.1 * np.random.default_rng(5).normal(size=len(good))
    for n_folds in (1, 2, 3, 4):
        assert found.weakness(started(found.case, CANDIDATES[1], equal, n_folds)) == ""


def test_one_fold_is_too_little_to_drop_anyone(race):
    found, good = race
    assert found.weakness(started(found.case, CANDIDATES[1], -good, 1)) == ""


def test_lines_of_a_part_are_drawn_on_that_part():
    part = on_folds(case_of(table()), [1, 3, 4])
    assert [fold.lines for fold in part.folds.folds] == [(1, 2), (0, 2), (0, 1)]


def test_without_time_for_all_the_weak_are_dropped_and_the_leaderboard_says_so(monkeypatch):
    monkeypatch.setattr("counterpoise.evaluate.running._Running._all_fit", lambda _: False)
    monkeypatch.setattr(Race, "weakness", lambda self, run: "after 1 of 5 folds it was behind")
    trial = quick(table(), repeats=1, nested=False)
    rows = {row["candidate"]: row for row in trial.leaderboard().iter_rows(named=True)}
    assert rows["logistic"]["status"] == "run"
    assert rows["logistic + class_weight"]["status"] == "dropped"
    assert rows["logistic + class_weight"]["reason"] == "after 1 of 5 folds it was behind"


def test_with_time_for_all_nobody_is_dropped(monkeypatch):
    monkeypatch.setattr(Race, "weakness", lambda self, run: "never asked")
    board = quick(table(), repeats=1, nested=False).leaderboard()
    assert set(board["status"]) == {"run"}


# --- evidence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", ["f1", "recall>=0.8", "cost(fn=20, fp=1)"])
def test_the_evidence_of_all_repeats_gives_the_leaderboards_figures_exactly(tmp_path, goal):
    data = table(300, 30)
    trial = quick(data, goal=goal, repeats=3, nested=False)
    board = trial.leaderboard().filter("is_champion").row(0, named=True)
    model = cp.load(trial.champion.save(tmp_path / "model"))
    found = evaluate_model(model, data)
    assert found["basis"].endswith("3 times")
    assert found["n_positive"] == 30
    for name in ("average_precision", "roc_auc", "precision", "recall", "f1", "mcc", "brier", "mean_ratio"):
        for end, column in (("value", name), ("lower", f"{name}_lower"), ("upper", f"{name}_upper")):
            assert found["figures"][name][end] == board[column]
    assert found["figures"]["goal"]["value"] == board["value"]


def test_another_line_leaves_the_repeats_behind():
    trial = quick(table(300, 30), repeats=2, nested=False)
    moved = trial.champion.with_costs(fn=10, fp=1)
    assert not [name for name in moved.evidence.columns if name.startswith("repeat")]
    assert "times" not in evaluate_model(moved, table(300, 30))["basis"]


# --- several classes -----------------------------------------------------------------------------------------------


def three_classes(n=360, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat(["common", "seldom", "rare"], [n * 6 // 9, n * 2 // 9, n // 9])
    shift = np.select([y == "seldom", y == "rare"], [1.0, 2.0], 0.0)
    columns = {name: rng.normal(size=n) + shift for name in ("a", "b")}
    return cp.read(pl.DataFrame({**columns, "y": y}), target="y")


@pytest.fixture(scope="module")
def repeated_classes():
    return quick(three_classes(), repeats=3, nested=False)


def test_several_classes_are_dealt_again(repeated_classes):
    [first, *_] = repeated_classes.record.candidates
    assert first.repeats == 3
    assert len(first.repeat_values) == 3
    assert first.metrics["goal"].value == pytest.approx(np.mean(first.repeat_values), abs=0.03)
    assert sum(each.n for each in first.classes) == pytest.approx(360)


def test_the_evidence_of_several_classes_gives_the_leaderboards_figures(repeated_classes, tmp_path):
    model = cp.load(repeated_classes.champion.save(tmp_path / "model"))
    found = evaluate_model(model, three_classes())
    board = repeated_classes.leaderboard().filter("is_champion").row(0, named=True)
    assert found["figures"]["goal"]["value"] == board["value"]
    for name in ("average_precision", "precision", "recall", "f1", "mcc", "brier"):
        assert found["figures"][name]["value"] == board[name]
        assert found["figures"][name]["lower"] == board[f"{name}_lower"]


def test_repeats_of_several_classes_are_made_unasked_where_a_class_is_rare():
    data = three_classes()
    folds = make_folds(data, 5)
    assert repeat_rule("auto", data, folds, CANDIDATES).most > 1
    assert repeat_rule("auto", three_classes(3600), make_folds(three_classes(3600), 5), CANDIDATES).most == 1


def test_the_width_of_several_classes_narrows(repeated_classes):
    sentences = [
        f.sentence for f in quick(three_classes(), nested=False).record.findings if f.code == "repeats"
    ]
    assert "times" in sentences[0] or "interval" in sentences[0]


def test_boundaries_of_several_classes_show_the_rarest(repeated_classes):
    drawn = repeated_classes.record.boundaries
    assert [each.candidate for each in drawn] == ["logistic", "logistic + class_weight"]
    assert drawn[0].note.startswith("rare, the rarest class")
    assert len(drawn[0].points["kept_positive"]) == 40
    assert len(drawn[0].points["kept_negative"]) > 100
