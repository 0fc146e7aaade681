"""Advice held against the trial: by intervals that are given, and in a trial."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.evaluate.advising import CLAIMS, confirm_advice
from counterpoise.evaluate.records import CandidateRecord, Estimate, VerdictRecord
from counterpoise.profile import Finding
from counterpoise.profile.advice import CHECKS, customary_treatments
from counterpoise.report import render

BETTER, SAME, WORSE = (0.02, 0.2), (-0.1, 0.1), (-0.2, -0.02)


def ends(interval):
    return (
        None if interval is None else Estimate(value=sum(interval) / 2, lower=interval[0], upper=interval[1])
    )


def candidate(treatment, interval=None, learner="logistic", seconds=1.0):
    return CandidateRecord(
        candidate=learner if treatment == "none" else f"{learner} + {treatment}",
        treatment=treatment,
        learner=learner,
        status="run",
        difference=ends(interval),
        fit_seconds=seconds,
    )


def outcome(
    code, candidates, *, between=SAME, verdict="no difference shown", gap=SAME, greater=True, rate=0.1
):
    figures = SimpleNamespace(simultaneous=lambda names, other: {name: ends(between) for name in names})
    finding = Finding(code=code, title="T", severity="advice", sentence="S.", source="someone")
    record = VerdictRecord(outcome=verdict, champion="c", baseline="b", difference=ends(gap), sentence=".")
    (found,) = confirm_advice([finding], candidates, figures, record, greater_is_better=greater, rate=rate)
    assert found.source == "someone"
    assert found.evidence.endswith(".")
    return found.outcome


def test_every_claim_belongs_to_a_check():
    codes = set()
    for check in CHECKS:
        codes |= {word for word in check.__code__.co_consts if isinstance(word, str) and word in CLAIMS}
    assert codes == set(CLAIMS)


def test_the_line_before_the_treatment():
    tried = [candidate("none"), candidate("smote", SAME)]
    for code in ("line-before-treatment", "mild-imbalance"):
        assert outcome(code, tried) == "confirmed"
        assert outcome(code, tried, verdict="better", gap=BETTER) == "contradicted"
        assert outcome(code, [candidate("none")], gap=None) == "not tested"


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([SAME, BETTER], "confirmed"),
        ([WORSE, WORSE], "contradicted"),
        ([SAME, WORSE], "not shown"),
        ([], "not tested"),
    ],
)
def test_what_is_customary(intervals, expected):
    tried = [candidate(t, i) for t, i in zip(("smote", "class_weight"), intervals, strict=False)]
    assert outcome("textbook-treatment", [candidate("none"), *tried]) == expected


def test_costs_are_better_where_they_are_smaller():
    tried = [candidate("none"), candidate("smote", WORSE), candidate("class_weight", SAME)]
    assert outcome("textbook-treatment", tried, greater=False) == "confirmed"


@pytest.mark.parametrize(
    ("interval", "expected"), [(SAME, "confirmed"), (BETTER, "confirmed"), (WORSE, "contradicted")]
)
def test_thin_negatives(interval, expected):
    assert outcome("thin-negatives", [candidate("none"), candidate("random_under", interval)]) == expected
    assert outcome("thin-negatives", [candidate("none")]) == "not tested"


@pytest.mark.parametrize(
    ("between", "expected"), [(BETTER, "confirmed"), (WORSE, "contradicted"), (SAME, "not shown")]
)
def test_hard_minority(between, expected):
    tried = [candidate("smote", SAME), candidate("class_weight", SAME)]
    assert outcome("hard-minority", tried, between=between) == expected
    assert outcome("hard-minority", tried[:1]) == "not tested"


@pytest.mark.parametrize(("between", "expected"), [(SAME, "confirmed"), (WORSE, "contradicted")])
def test_safe_minority(between, expected):
    tried = [candidate("none", learner="forest", seconds=9.0), candidate("none", seconds=0.1)]
    assert outcome("safe-minority", tried, between=between) == expected
    assert outcome("safe-minority", tried[::-1], between=between) == "confirmed"
    assert outcome("safe-minority", tried[:1]) == "not tested"


def test_few_positives():
    tried = [candidate("none"), candidate("smote", SAME)]
    assert outcome("few-positives", tried) == "confirmed"
    assert outcome("few-positives", tried, verdict="worse", gap=WORSE) == "contradicted"


def test_customary_treatments():
    assert [customary_treatments(rate)[0] for rate in (0.4, 0.1, 0.01)] == [
        "class_weight",
        "smote",
        "class_weight",
    ]


def test_in_a_trial():
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.1).astype(int)
    frame = pl.DataFrame({"a": rng.normal(size=400) + 1.5 * y, "b": rng.normal(size=400), "y": y})
    trial = cp.compare(
        cp.read(frame, target="y"),
        treatments=["none", "smote"],
        learners=["logistic"],
        workers=0,
        repeats=1,
        nested=False,
    )
    found = {each.code: each for each in trial.record.advice}
    assert {"few-positives", "line-before-treatment", "textbook-treatment"} <= set(found)
    profiled = {each["code"]: each for each in trial.record.profile["findings"]}
    assert all(each.source == profiled[code]["source"] for code, each in found.items())
    page = render(trial.record)
    assert found["line-before-treatment"].evidence.split(";")[0] in page


def test_of_several_classes_the_rarest_counts():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 2000, p=[0.5, 0.48, 0.02])
    profile = cp.profile(cp.read(pl.DataFrame({"x": rng.normal(size=2000), "y": y}), target="y"))
    found = {finding.code: finding for finding in profile.findings}
    n = int((y == "c").sum())
    assert profile.rarest == ("rows of c", n)
    assert found["few-positives"].title == f"Only {n} rows of c"
    assert "line-before-treatment" in found
    assert "mild-imbalance" not in found
    assert "accuracy-misleads" not in found
