"""The page as text, and the words and numbers on it, without a browser."""

from __future__ import annotations

import itertools
import json
import math
import re
from html import unescape

import pytest

from counterpoise.evaluate.records import Estimate, TrialRecord, VerdictRecord
from counterpoise.report import render, trial_html, verdict_html
from counterpoise.report.forest import forest_of
from counterpoise.report.view import MAX_POINTS, page_data, thinned
from counterpoise.report.words import bytes_in_words, figure, interval, seconds_in_words, share, signed
from report_cases import HOSTILE, made_up_trial


@pytest.fixture(scope="module")
def trial() -> TrialRecord:
    return made_up_trial(3)


@pytest.fixture(scope="module")
def page(trial: TrialRecord) -> str:
    return render(trial)


def _embedded(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found.group(1)))


def test_it_asks_for_nothing_from_elsewhere(page: str) -> None:
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=\s*[\"']?https?:", page)
    assert not re.search(r"@import|url\(\s*[\"']?https?:", page)
    assert "default-src 'none'" in unescape(page)
    assert 'type="range"' in page


def test_it_is_small(page: str) -> None:
    assert len(page.encode()) < 1_000_000
    assert len(render(made_up_trial(20, 400, 20_000)).encode()) < 5_000_000


def test_a_record_read_back_from_json_gives_the_same_page(trial: TrialRecord, page: str) -> None:
    assert render(TrialRecord.model_validate_json(trial.model_dump_json())) == page


@pytest.mark.parametrize("names", [HOSTILE[:4], HOSTILE[2:]])
def test_hostile_names_are_escaped_everywhere(names: list[str]) -> None:
    page = render(made_up_trial(2, names=names))
    assert "<script>alert(1)" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert "{{ 7 * 7 }}" not in names or "{{ 7 * 7 }}" in page
    assert _embedded(page)["target"] == names[1]


def test_a_refusal_without_candidates_still_is_a_page(trial: TrialRecord) -> None:
    verdict = VerdictRecord(outcome="refused", sentence="Too few positives for an honest answer.")
    bare = trial.model_copy(
        update={
            "candidates": [c for c in trial.candidates if c.status != "run"],
            "verdict": verdict,
            "profile": None,
            "features": [],
            "planes": [],
            "boundaries": [],
            "findings": [],
        }
    )
    page = render(bare)
    assert "Too few positives" in page
    assert "would have gone over the budget" in page
    assert 'id="slider"' not in page


def test_what_a_candidate_lacks_is_left_out(trial: TrialRecord) -> None:
    poor = trial.candidates[0].model_copy(
        update={
            "curve": None,
            "scores": None,
            "reliability": None,
            "operating_point": None,
            "confusion": None,
            "metrics": {"goal": Estimate(value=None, why_undefined="no alerts")},
            "peak_bytes": None,
        }
    )
    page = render(trial.model_copy(update={"candidates": [poor]}))
    assert "no alerts" in page
    assert 'id="slider"' not in page


def test_the_verdict_comes_first_and_says_what_it_means(page: str) -> None:
    order = [
        page.index(f'<section id="{name}"') for name in ("verdict", "line", "leaderboard", "curves", "table")
    ]
    assert order == sorted(order)
    assert "Treat nothing" in page
    assert "Of 1,000 alerts, about" in page
    assert "would have gone over the budget" in page


def test_everything_needed_to_run_it_again_is_there(trial: TrialRecord, page: str) -> None:
    for words in (trial.command, trial.table.fingerprint, "0.1.0", ">7<"):
        assert words in page


def test_the_goals_own_line_is_a_point_of_the_curve(trial: TrialRecord) -> None:
    for shown, candidate in zip(page_data(trial)["candidates"], trial.candidates, strict=False):
        curve, point = shown["curve"], candidate.operating_point
        assert point is not None
        at = curve["goal"]
        assert (curve["tp"][at], curve["fp"][at]) == (point["tp"], point["fp"])
        assert curve["t"][at] == pytest.approx(point["threshold"], rel=1e-8)
        assert curve["t"][0] is None
        finite = curve["t"][1:]
        assert finite == sorted(finite, reverse=True)


@pytest.mark.parametrize(
    ("goal", "fn", "fp", "beta"),
    [
        ("cost(fn=20, fp=0.5)", 20.0, 0.5, 1.0),
        ("cost(fn=amount, fp=5)", 100.0, 5.0, 1.0),
        ("f2", 100.0, 1.0, 2.0),
        ("f0.5", 100.0, 1.0, 0.5),
        ("recall>=0.9", 100.0, 1.0, 1.0),
    ],
)
def test_costs_and_beta_come_from_the_goal(
    trial: TrialRecord, goal: str, fn: float, fp: float, beta: float
) -> None:
    data = page_data(trial.model_copy(update={"goal": goal}))
    assert (data["costs"]["fn"], data["costs"]["fp"], data["beta"]) == (fn, fp, beta)


def test_thinning_keeps_the_ends_and_what_can_be_seen() -> None:
    n = 200_000
    points = [(1 - i / n, float(min(i, 1_000)), float(max(0, i - 1_000))) for i in range(n)]
    kept = thinned(points, 1_000.0, n - 1_000.0)
    assert kept[0] == 0
    assert kept[-1] == n - 1
    assert len(kept) <= MAX_POINTS
    recalls = [points[i][1] / 1_000 for i in kept]
    assert max(b - a for a, b in itertools.pairwise(recalls)) < 0.01


def test_few_points_are_all_kept() -> None:
    assert thinned([(0.5, 1.0, 0.0), (0.4, 1.0, 1.0)], 1.0, 1.0) == [0, 1]


def test_the_forest_puts_zero_and_all_intervals_on_one_scale(trial: TrialRecord) -> None:
    run = [c for c in trial.candidates if c.status == "run"]
    forest = forest_of(run, greater_is_better=True)
    for mark, candidate in zip(forest.marks, run, strict=True):
        if candidate.difference is None:
            assert not mark.shown
            continue
        assert 0 <= mark.lower <= mark.value <= mark.upper <= 240
        assert candidate.difference.upper is not None
        assert (mark.upper < forest.zero) == (candidate.difference.upper < 0)
    flipped = forest_of(run, greater_is_better=False)
    kinds = {(a.kind, b.kind) for a, b in zip(forest.marks, flipped.marks, strict=True)}
    assert kinds <= {("", ""), ("is-worse", "is-better"), ("is-better", "is-worse")}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (0.0, "0.000"),
        (0.12345, "0.123"),
        (-0.5, "−0.500"),
        (-0.0, "0.000"),
        (12.34, "12.3"),
        (123456.7, "123,457"),
        (0.00001234, "1.2e-05"),
    ],
)
def test_figures_in_words(value: float | None, words: str) -> None:
    assert figure(value) == words


def test_other_words() -> None:
    assert signed(0.25) == "+0.250"
    assert signed(-0.25) == "−0.250"
    assert interval(Estimate(value=1.0, lower=0.5, upper=2.0)) == "0.500 to 2.000"
    assert interval(Estimate(value=1.0)) == ""
    assert interval(None) == ""
    assert share(0.00157).startswith("0.157")
    assert share(0.99966).startswith("99.97")
    assert share(1.0).startswith("100")
    assert [seconds_in_words(s).split()[-1] for s in (0.01, 5.0, 600.0, 20_000.0)] == ["ms", "s", "min", "h"]
    assert bytes_in_words(None) == "–"
    assert [bytes_in_words(n).split()[-1] for n in (5_000, 5_000_000, 5_000_000_000)] == ["kB", "MB", "GB"]


def test_a_notebook_shows_verdict_and_candidates_with_names_as_text(trial: TrialRecord) -> None:
    hostile = trial.candidates[0].model_copy(update={"candidate": HOSTILE[0]})
    shown = trial_html(trial.model_copy(update={"candidates": [hostile, *trial.candidates[1:]] * 6}))
    assert trial.verdict.sentence in shown
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "and 8 more" in shown
    assert trial.verdict.details[1] in verdict_html(trial.verdict)
