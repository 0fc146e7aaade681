"""The page in a real browser: the line moves, the figures follow, nothing leaves the page, names stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from browser import Browser, find
from counterpoise.decide import ThresholdCurve
from counterpoise.decide.confusion import f_beta, false_positive_rate, mcc, precision, recall
from counterpoise.evaluate.records import CandidateRecord, TrialRecord
from counterpoise.report import render
from report_cases import HOSTILE, made_up_trial

READ = """Object.fromEntries(
["threshold", "o-precision", "o-recall", "o-fbeta", "o-mcc", "o-fpr", "o-alerts", "o-cost"]
.concat(["o-tp", "o-fp", "o-fn", "o-tn"]).map((id) => [id, document.getElementById(id).textContent]))"""
MARKERS = """["line-pr", "line-roc", "line-cost"].map((id) => {
const c = document.querySelector("#" + id + " .here"); return [c.getAttribute("cx"), c.getAttribute("cy")].join(); })"""
CENTRE = """(() => { const r = document.querySelector("#line-pr svg").getBoundingClientRect();
return [r.left + r.width * 0.5, r.top + r.height * 0.5]; })()"""
ODD = """[...document.querySelectorAll("svg *")].filter((e) => [...e.attributes].some(
(a) => /NaN|undefined|Infinity/.test(a.value))).map((e) => e.outerHTML)"""
EMPTY = """[...document.querySelectorAll(".plot")].filter(
(p) => p.clientWidth && !p.children.length).map((p) => p.id)"""
UNNAMED = """[...document.querySelectorAll("svg[role=img]")].filter((s) => !s.getAttribute("aria-label").trim()).length
+ [...document.querySelectorAll("input, select")].filter((e) => !e.labels.length).length
+ [...document.querySelectorAll("button")].filter((e) => !e.textContent.trim()).length"""
REPEATED = """(() => { const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
return ids.filter((id, i) => ids.indexOf(id) !== i); })()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find()
    if program is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    opened = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


def _write(folder: Path, record: TrialRecord) -> Path:
    page = folder / "report.html"
    page.write_text(render(record), encoding="utf-8")
    return page


def _number(text: str) -> float:
    return float(re.sub(r"[^0-9.eE+-]", "", text.replace("−", "-")))


def _lines(c: CandidateRecord) -> list[tuple[float, float]]:
    """True and false positives at each line the slider can stop at: those of the curve and the goal's own."""
    assert c.curve is not None
    assert c.operating_point is not None
    goal = (c.operating_point["tp"], c.operating_point["fp"])
    return sorted({*zip(c.curve.tp, c.curve.fp, strict=True), goal}, key=sum)


def _expected(
    c: CandidateRecord, line: tuple[float, float], *, beta: float, fn: float, fp: float, days: float
) -> dict[str, float]:
    """What Python says of a line of a candidate."""
    assert c.curve is not None
    p, n = c.curve.n_positive, c.curve.n_negative
    cells = (*line, p - line[0], n - line[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "o-precision": 100 * float(precision(*cells)),
            "o-recall": 100 * float(recall(*cells)),
            "o-fpr": 100 * float(false_positive_rate(*cells)),
            "o-fbeta": float(f_beta(*cells, beta)),
            "o-mcc": float(np.nan_to_num(mcc(*cells))),
            "o-alerts": (cells[0] + cells[1]) / days,
            "o-cost": 1000 * (fn * cells[2] + fp * cells[1]) / (p + n),
            **dict(zip(("o-tp", "o-fp", "o-fn", "o-tn"), cells, strict=True)),
        }


def _agree(shown: dict[str, str], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        if np.isnan(value):
            assert shown[name] == "–", name
        else:
            assert _number(shown[name]) == pytest.approx(value, rel=6e-3, abs=6e-4), name


@pytest.fixture(scope="module")
def trial() -> TrialRecord:
    return made_up_trial(4, 120, 6_000, n_days=30.0)


def test_it_starts_at_the_goals_own_line(browser: Browser, trial: TrialRecord, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, trial))
    shown, point = browser.run(READ), trial.candidates[0].operating_point
    assert point is not None
    assert [_number(shown[f"o-{cell}"]) for cell in ("tp", "fp", "fn", "tn")] == [
        point[cell] for cell in ("tp", "fp", "fn", "tn")
    ]
    assert _number(shown["threshold"]) == pytest.approx(point["threshold"], rel=6e-3)
    assert browser.run("document.getElementById('goal-pin').hidden") is False


@pytest.mark.parametrize("who", [0, 2])
def test_every_figure_follows_the_slider_to_pythons_value(
    browser: Browser, trial: TrialRecord, tmp_path: Path, who: int
) -> None:
    candidate = trial.candidates[who]
    point = candidate.operating_point
    assert candidate.curve is not None
    assert point is not None
    browser.open(_write(tmp_path, trial))
    browser.run(
        f"const s = document.getElementById('line-candidate'); s.value = '{who}'; s.dispatchEvent(new Event('change'))"
    )
    lines = _lines(candidate)
    goal = lines.index((point["tp"], point["fp"]))
    options = {"beta": 1.0, "fn": 50.0, "fp": 1.0, "days": 30.0}
    _agree(browser.run(READ), _expected(candidate, lines[goal], **options))
    browser.run("document.getElementById('slider').focus()")
    seen = [browser.run(READ)]
    for at in (goal + 1, goal + 2, goal + 3):
        browser.press("ArrowLeft")
        seen.append(browser.run(READ))
        _agree(seen[-1], _expected(candidate, lines[at], **options))
    assert len({shown["o-fp"] + shown["o-tp"] for shown in seen}) == 4
    browser.press("ArrowRight", 4)
    _agree(browser.run(READ), _expected(candidate, lines[goal - 1], **options))
    browser.press("Home")
    _agree(browser.run(READ), _expected(candidate, lines[-1], **options))
    browser.press("End")
    _agree(browser.run(READ), _expected(candidate, lines[0], **options))
    assert browser.complaints() == []


def test_markers_move_with_the_line(browser: Browser, trial: TrialRecord, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, trial))
    before = browser.run(MARKERS)
    browser.run(
        "const s = document.getElementById('slider'); s.value = s.max / 4; s.dispatchEvent(new Event('input'))"
    )
    after = browser.run(MARKERS)
    assert all(a != b for a, b in zip(before, after, strict=True))
    browser.run("document.getElementById('to-goal').click()")
    assert browser.run(MARKERS) == before


def test_costs_and_beta_can_be_typed_and_the_cheapest_line_is_pythons(
    browser: Browser, trial: TrialRecord, tmp_path: Path
) -> None:
    browser.open(_write(tmp_path, trial))
    browser.run(
        "for (const [id, v] of [['cost-fn', '7'], ['cost-fp', '2'], ['beta', '2']]) "
        "{ const e = document.getElementById(id); e.value = v; e.dispatchEvent(new Event('input')); } "
        "document.getElementById('to-cheapest').click()"
    )
    curve = trial.candidates[0].curve
    assert curve is not None
    best = min(_lines(trial.candidates[0]), key=lambda line: 7 * (curve.n_positive - line[0]) + 2 * line[1])
    _agree(
        browser.run(READ),
        _expected(trial.candidates[0], best, beta=2.0, fn=7.0, fp=2.0, days=30.0),
    )
    assert browser.run("document.getElementById('o-fbeta-name').textContent") == "F2"


def test_clicking_a_curve_moves_the_line_there(browser: Browser, trial: TrialRecord, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, trial))
    browser.run("document.getElementById('line-pr').scrollIntoView({ block: 'center', behavior: 'instant' })")
    x, y = browser.run(CENTRE)
    before = browser.run(READ)
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    after = browser.run(READ)
    assert after["threshold"] != before["threshold"]
    assert 30 < _number(after["o-recall"]) < 70


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_hostile_names_stay_text_and_nothing_leaves_the_page(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    page = _write(tmp_path, made_up_trial(3, names=HOSTILE))
    browser.open(page, width=width, scheme=scheme)
    assert browser.complaints() == []
    assert {url for url in browser.requests() if not url.startswith("data:")} <= {page.resolve().as_uri()}
    assert browser.run("document.querySelectorAll('main script, main b b, td > b').length") == 0
    assert browser.run("document.scripts.length") == 2
    text = browser.run("document.querySelector('main').textContent")
    for name in HOSTILE[:4]:
        assert name in text
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("n_candidates", "n_positive", "n_rows"), [(2, 6, 148), (20, 300, 20_000), (1, 40, 400)]
)
def test_few_and_many_candidates_and_positives(
    browser: Browser, tmp_path: Path, n_candidates: int, n_positive: int, n_rows: int
) -> None:
    browser.open(
        _write(tmp_path, made_up_trial(n_candidates, n_positive, n_rows, goal="f1", n_days=None)), width=390
    )
    assert browser.complaints() == []
    assert browser.run(EMPTY) == []
    assert browser.run("document.querySelectorAll('#c-pr .curve').length") == n_candidates
    assert browser.run("document.querySelectorAll('svg text').length") > 50
    assert browser.run(ODD) == []


def test_everything_has_a_name_for_those_who_listen(
    browser: Browser, trial: TrialRecord, tmp_path: Path
) -> None:
    browser.open(_write(tmp_path, trial))
    assert browser.run(UNNAMED) == 0
    assert browser.run(REPEATED) == []
    assert "precision" in browser.run("document.getElementById('slider').getAttribute('aria-valuetext')")
    links = browser.run(
        "[...document.querySelectorAll('nav a')].every((a) => document.querySelector(a.getAttribute('href')))"
    )
    assert links is True


def test_light_and_dark_can_be_chosen(browser: Browser, trial: TrialRecord, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, trial), scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = browser.run(paper)
    browser.run("document.getElementById('theme').click()")
    assert browser.run(paper) != dark


def test_it_prints_without_controls_and_with_every_chart(
    browser: Browser, trial: TrialRecord, tmp_path: Path
) -> None:
    browser.open(_write(tmp_path, trial), media="print")
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert browser.run("document.querySelectorAll('.plot svg').length") >= 15
    pdf = browser.call("Page.printToPDF")["data"]
    assert len(pdf) > 10_000


def test_the_curve_of_the_page_is_the_exact_one(trial: TrialRecord) -> None:
    """The points that the slider stops at are points of the exact threshold curve."""
    y, scores = np.array([0, 1, 0, 1, 1, 0]), np.array([0.1, 0.4, 0.35, 0.8, 0.4, 0.2])
    curve = ThresholdCurve.from_scores(y, scores)
    for t, tp, fp in zip(curve.thresholds, curve.tp, curve.fp, strict=True):
        assert tp == ((scores >= t) & (y == 1)).sum()
        assert fp == ((scores >= t) & (y == 0)).sum()


def test_the_same_stands_in_numbers(browser: Browser, trial: TrialRecord, tmp_path: Path) -> None:
    browser.open(_write(tmp_path, trial))
    rows = browser.run(
        "[...document.querySelectorAll('#in-numbers tr')].map((r) => [...r.children].map((c) => c.textContent))"
    )
    assert len(rows) >= 10
    recalls = [_number(row[3]) for row in rows]
    assert recalls == sorted(recalls)
    assert recalls[-1] == 100
    assert sum("goal’s line" in row[0] for row in rows) == 1
