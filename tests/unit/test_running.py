"""Candidates through folds: order, budget, failures, interruption, and going on after a kill."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import counterpoise as cp
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.evaluate.budget import Deadline, parse_duration, say_duration
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.ledger import Ledger
from counterpoise.evaluate.running import _together, run_candidates
from counterpoise.evaluate.task import PROGRAMS, WARM_KERAS, FoldScores
from counterpoise.evaluate.trial import _preloaded
from counterpoise.learn.catalogue import LEARNERS as LEARNERS_KNOWN
from counterpoise.scale import Done
from counterpoise.split import make_folds


@dataclass
class Clock:
    """Tells the time that an engine lets pass."""

    now: float = 0.0

    def monotonic(self):
        return self.now


@dataclass
class FakeEngine:
    """Answers at once, in this process, with made-up times; no learner runs."""

    fit_seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    fails: dict[str, Exception] = field(default_factory=dict)
    interrupt_after: int = 10**9
    n_workers: int = 1
    clock: Clock | None = None
    served: dict = field(default_factory=dict)
    jobs: list = field(default_factory=list)
    cancelled: int = 0

    def submit(self, job):
        self.jobs.append(job)

    def pending(self):
        return sum(not hasattr(job, "answered") for job in self.jobs)

    def wait(self, timeout=None):
        if len(self.jobs) > self.interrupt_after:
            raise KeyboardInterrupt
        job = self._next(timeout)
        if job is None:
            return []
        object.__setattr__(job, "answered", True)
        candidate = job.arguments["candidate"]
        if candidate.name in self.fails:
            return [Done(job.key, None, self.fails[candidate.name], 0.0, 0)]
        seconds = self.fit_seconds.get(candidate.name, 0.1)
        scores = FoldScores(np.full(len(job.arguments["test"]), 0.5), seconds, 0.0)
        return [Done(job.key, scores, None, seconds, self.peak_bytes.get(candidate.name, 1000))]

    def _next(self, timeout):
        """Give the first job that is done; on a clock, let time pass for those that run."""
        waiting = [job for job in self.jobs if not hasattr(job, "answered")]
        if self.clock is None:
            return waiting[0]
        self.clock.now += timeout
        for job in waiting[: self.n_workers]:
            self.served[job.key] = self.served.get(job.key, 0.0) + timeout
        of_job = {job.key: self.fit_seconds[job.arguments["candidate"].name] for job in waiting}
        return next((job for job in waiting if self.served.get(job.key, 0.0) >= of_job[job.key]), None)

    def cancel(self):
        self.cancelled += 1
        for job in self.jobs:
            object.__setattr__(job, "answered", True)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return cp.read((rng.normal(size=(200, 2)), np.r_[np.ones(20), np.zeros(180)]))


CANDIDATES = [Candidate("none", "logistic"), Candidate("none", "boosting"), Candidate("smote", "logistic")]


def run(table, engine, tmp_path, budget=None, candidates=CANDIDATES, finished=None, **options):
    folds = make_folds(table, 5)
    ledger = Ledger(tmp_path / "folds", table, folds, 0)
    told = []
    runs = run_candidates(
        candidates, folds, ledger, engine, Deadline(budget), 0, told.append, finished, **options
    )
    return runs, told


def test_every_candidate_goes_through_every_fold(table, tmp_path):
    runs, told = run(table, FakeEngine(), tmp_path)
    assert all(r.is_finished for r in runs)
    assert [p.done for p in told] == list(range(1, 16))
    assert told[-1].total == 15


def test_finished_folds_are_not_run_again(table, tmp_path):
    first = FakeEngine(interrupt_after=7)
    runs, _ = run(table, first, tmp_path)
    assert [r.is_finished for r in runs] == [True, False, False]
    assert runs[1].reason == "interrupted before it was finished"
    second = FakeEngine()
    runs, _ = run(table, second, tmp_path)
    assert all(r.is_finished for r in runs)
    assert len(second.jobs) == 15 - 7


def test_another_table_or_seed_does_not_use_old_folds(table, tmp_path):
    run(table, FakeEngine(), tmp_path)
    engine = FakeEngine()
    run(table.take(np.arange(199, -1, -1)), engine, tmp_path)
    assert len(engine.jobs) == 15


def test_a_half_written_fold_is_as_good_as_none(table, tmp_path):
    run(table, FakeEngine(), tmp_path)
    (tmp_path / "folds" / "logistic-none.fold0.npz").rename(
        tmp_path / "folds" / "logistic-none.fold0.partial"
    )
    engine = FakeEngine()
    run(table, engine, tmp_path)
    assert len(engine.jobs) == 1


def test_what_does_not_fit_the_budget_is_listed_with_its_time(table, tmp_path):
    engine = FakeEngine(fit_seconds={"logistic": 0.001, "boosting": 0.001, "logistic + smote": 0.001})
    slow = [*CANDIDATES, Candidate("smote", "boosting")]
    engine.fit_seconds["boosting"] = 10.0
    runs, _ = run(table, engine, tmp_path, budget=100.0, candidates=slow)
    given_up = runs[3]
    assert not given_up.is_finished
    assert "more than the budget had left" in given_up.reason
    assert given_up.predicted_seconds > 50
    assert not any(job.arguments["candidate"] == slow[3] for job in engine.jobs)


LEARNERS = {"logistic": 1.0, "boosting": 4.0, "forest": 12.0, "mlp": 30.0}
TREATMENTS = {"none": 1.0, "class_weight": 1.0, "random_under": 0.4, "smote": 2.0}
MANY = [Candidate(treatment, learner) for treatment in TREATMENTS for learner in LEARNERS]


@pytest.mark.parametrize("n_blended", [0, 3])
@pytest.mark.parametrize("budget", [60.0, 150.0, 400.0, 900.0])
@pytest.mark.parametrize("judging_seconds", [0.0, 2.0])
def test_the_last_fit_and_the_figures_end_within_the_budget(
    table, tmp_path, monkeypatch, budget, judging_seconds, n_blended
):
    """On a clock that fits and judging let pass: what follows the folds has the time it needs, and not much more."""
    clock = Clock()
    monkeypatch.setattr("counterpoise.evaluate.budget.time", clock)
    monkeypatch.setattr("counterpoise.evaluate.running.time", clock)
    seconds = {each.name: LEARNERS[each.learner] * TREATMENTS[each.treatment] for each in MANY}
    engine = FakeEngine(seconds, n_workers=2, clock=clock)

    def judged(one):
        clock.now += judging_seconds

    runs, _ = run(table, engine, tmp_path, budget, MANY, judged, n_blended=n_blended, figures_cost=1.5)
    done = [each for each in runs if each.is_finished]
    of_all_rows = {each.candidate: 5 / 4 * seconds[each.candidate.name] for each in done}
    untreated = sorted(s for candidate, s in of_all_rows.items() if candidate.is_untreated)
    slowest = max([*of_all_rows.values(), *([sum(untreated[-3:]) / 2] if n_blended else [])])
    assert clock.now + slowest + 1.5 * judging_seconds * len(done) <= budget
    assert clock.now >= min(0.3 * budget, sum(5 * s / 2 for s in seconds.values()))
    for each in runs:
        assert each.is_finished or each.predicted_seconds > 0


@pytest.mark.parametrize(("budget", "is_tried"), [(100.0, False), (400.0, True)])
def test_a_learner_that_is_surely_too_slow_leaves_the_time_to_others(
    table, tmp_path, monkeypatch, budget, is_tried
):
    """Nothing of it was measured, and a fold of it would take all that is left."""
    clock = Clock()
    monkeypatch.setattr("counterpoise.evaluate.budget.time", clock)
    monkeypatch.setattr("counterpoise.evaluate.running.time", clock)
    monkeypatch.setattr("counterpoise.evaluate.running._VALUE_SECONDS", 2.0 / (160 * 2))
    candidates = [Candidate(*each) for each in (("none", "logistic"), ("none", "mlp"), ("smote", "logistic"))]
    seconds = {"logistic": 2.0, "logistic + smote": 3.0, "mlp": 1000.0}
    engine = FakeEngine(seconds, n_workers=1, clock=clock)
    runs, _ = run(table, engine, tmp_path, budget, candidates)
    assert runs[0].is_finished
    assert not runs[1].is_finished
    assert runs[1].predicted_seconds > 100
    assert runs[1].reason
    assert runs[2].is_finished == (not is_tried)
    assert any(job.arguments["candidate"].learner == "mlp" for job in engine.jobs) == is_tried


def on_a_clock(monkeypatch, seconds, **options):
    clock = Clock()
    monkeypatch.setattr("counterpoise.evaluate.budget.time", clock)
    monkeypatch.setattr("counterpoise.evaluate.running.time", clock)
    return FakeEngine(seconds, clock=clock, **options)


def test_folds_of_a_candidate_that_was_given_up_do_not_count_as_all_of_it(table, tmp_path, monkeypatch):
    """While its second fold runs the others are asked whether they fit; there is time for them."""
    candidates = [
        Candidate(*each) for each in (("none", "logistic"), ("none", "forest"), ("smote", "logistic"))
    ]
    seconds = {"logistic": 1.0, "forest": 20.0, "logistic + smote": 2.0}
    runs, _ = run(table, on_a_clock(monkeypatch, seconds, n_workers=2), tmp_path, 60.0, candidates)
    assert [each.is_finished for each in runs] == [True, False, True]


@pytest.mark.parametrize(("budget", "first"), [(60.0, "boosting + smote"), (None, "logistic + smote")])
def test_treatments_of_the_best_learner_come_first_where_time_is_short(
    table, tmp_path, monkeypatch, budget, first
):
    pairs = [(treatment, learner) for treatment in ("none", "smote") for learner in ("logistic", "boosting")]
    seconds = {"logistic": 2.0, "boosting": 2.0, "logistic + smote": 4.0, "boosting + smote": 4.0}
    engine = on_a_clock(monkeypatch, seconds)
    better = {"logistic": 0.3, "boosting": 0.6}
    runs, _ = run(
        table,
        engine,
        tmp_path,
        budget,
        [Candidate(*each) for each in pairs],
        promise=lambda c: better[c.learner],
    )
    tried = [job.arguments["candidate"].name for job in engine.jobs]
    assert tried[10] == first
    assert runs[3].is_finished
    assert runs[2].is_finished == (budget is None)


def test_jobs_take_as_long_together_as_the_fullest_worker():
    assert _together([3.0, 1.0, 2.0], 2) == 3.0
    assert _together([5.0, 1.0, 1.0], 2) == 5.0
    assert _together([], 2) == 0.0


def test_the_baseline_is_run_whatever_the_budget(table, tmp_path):
    runs, _ = run(table, FakeEngine(), tmp_path, budget=1e-9)
    assert runs[0].is_finished
    assert not runs[2].is_finished


def test_a_candidate_that_fails_does_not_stop_the_others(table, tmp_path):
    error = NotApplicable("Too few neighbours.", hint="Use fewer.")
    runs, _ = run(table, FakeEngine(fails={"boosting": error}), tmp_path)
    assert runs[0].is_finished
    assert runs[2].is_finished
    assert runs[1].reason == str(error)
    assert runs[1].error is error


def test_a_learner_has_the_same_seed_whatever_its_treatment(table, tmp_path):
    engine = FakeEngine()
    run(table, engine, tmp_path)
    seeds = {(j.arguments["candidate"].name, j.key[1]): j.arguments["random_state"] for j in engine.jobs}
    assert all(seeds["logistic", k] == seeds["logistic + smote", k] for k in range(5))
    assert len(set(seeds.values())) == 10


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), (2.5, 2.5), ("1.5 h", 5400)]
)
def test_durations_in_words(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5x", "0", "m5"])
def test_other_words_are_no_durations(text):
    with pytest.raises(OptionError, match="duration"):
        parse_duration(text)


def test_durations_are_said_for_people():
    assert [say_duration(s) for s in (0.34, 12.2, 200, 7500)] == ["0.3 s", "12 s", "3 min 20 s", "2 h 5 min"]


# --- networks ----------------------------------------------------------------------------------------------------


def test_workers_are_ready_for_networks_where_memory_is_free():
    network, other = Candidate("none", "mlp"), Candidate("none", "logistic")
    assert WARM_KERAS in _preloaded([other, network], None)
    assert WARM_KERAS not in _preloaded([other], None)
    assert WARM_KERAS not in _preloaded([network], 10**9)
    assert WARM_KERAS not in _preloaded([Candidate("none", "mlp", learner_object=LogisticRegression())], None)


def test_programs_of_another_run_are_not_taken(table, tmp_path):
    folds = make_folds(table, 5)
    programs = tmp_path / "folds" / PROGRAMS
    Ledger(tmp_path / "folds", table, folds, 0)
    (programs / "half").write_bytes(b"\0")
    again = Ledger(tmp_path / "folds", table, folds, 0)
    assert list(programs.iterdir()) == []
    again.close()
    assert not programs.exists()


def test_a_ledger_takes_no_folder_that_holds_something_else(table, tmp_path):
    folds = make_folds(table, 5)
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "spec.json").write_text('{"openapi": "3.1.0"}')
    with pytest.raises(OptionError, match=r"what no trial wrote: spec\.json"):
        Ledger(tmp_path / "folds", table, folds, 0)
    assert (tmp_path / "folds" / "spec.json").read_text() == '{"openapi": "3.1.0"}'


def test_a_ledger_half_cleared_or_half_begun_is_taken_up_again(table, tmp_path):
    folds = make_folds(table, 5)
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "spec.partial").write_text("{")
    Ledger(tmp_path / "folds", table, folds, 0).repeat(1, folds)
    (tmp_path / "folds" / "y.npy").unlink()
    Ledger(tmp_path / "folds", table, folds, 1).close()
    assert [path.name for path in (tmp_path / "folds" / "repeat1").iterdir()] == []


@pytest.mark.skipif(not LEARNERS_KNOWN["mlp"].is_installed, reason="the extra keras is not installed")
def test_a_shared_program_says_what_a_fresh_one_does():
    rng = np.random.default_rng(0)
    y = np.r_[np.ones(30, dtype=int), np.zeros(270, dtype=int)]
    data = cp.read((rng.normal(size=(300, 2)) + y[:, None], y))
    options = {"treatments": ["none"], "learners": ["mlp"], "folds": 3, "repeats": 1, "nested": False}
    here, there = (cp.compare(data, workers=n, **options).leaderboard() for n in (0, 1))
    for name in ("value", "average_precision", "brier"):
        assert here[name].to_list() == pytest.approx(there[name].to_list(), rel=1e-4)
