"""The local engine: answers, failures, lost work, cancelling."""

from __future__ import annotations

import os
import signal
import time

import pytest

from counterpoise.scale import Job, LocalEngine, WorkLost


@pytest.fixture(scope="module")
def engine():
    with LocalEngine(2) as running:
        yield running


def collect(engine, n):
    answers = {}
    while len(answers) < n:
        for done in engine.wait(30):
            answers[done.key] = done
    return answers


def test_every_job_is_answered_once_under_its_key(engine):
    for k in range(7):
        engine.submit(Job(k, "json:dumps", {"obj": k}))
    answers = collect(engine, 7)
    assert {key: done.value for key, done in answers.items()} == {k: str(k) for k in range(7)}
    assert engine.pending() == 0


def test_what_a_job_raises_comes_back_as_it_was(engine):
    engine.submit(Job("bad", "json:loads", {"s": "{"}))
    assert isinstance(collect(engine, 1)["bad"].error, ValueError)


def test_a_job_that_dies_is_reported_and_the_engine_goes_on(engine):
    engine.submit(Job("dies", "os:abort"))
    engine.submit(Job("lives", "os:getpid"))
    answers = collect(engine, 2)
    assert isinstance(answers["dies"].error, WorkLost)
    assert "SIGABRT" in str(answers["dies"].error)
    assert answers["lives"].value != os.getpid()


def test_a_worker_that_dies_loses_only_its_job():
    with LocalEngine(1) as engine:
        engine.submit(Job("first", "signal:pause"))
        engine.submit(Job("second", "os:getpid"))
        os.kill(engine._workers[0].process.pid, signal.SIGKILL)
        answers = collect(engine, 2)
    assert isinstance(answers["first"].error, WorkLost)
    assert answers["second"].error is None


def test_work_that_is_lost_is_done_again_as_often_as_asked(tmp_path):
    path = tmp_path / "tried"
    with LocalEngine(1, retries=1) as engine:
        engine.submit(Job("mends", f"{__name__}:dies_once", {"path": str(path)}))
        engine.submit(Job("never", "os:abort"))
        answers = collect(engine, 2)
    assert answers["mends"].value == "done"
    assert isinstance(answers["never"].error, WorkLost)


def dies_once(path):
    if os.path.exists(path):  # noqa: PTH110
        return "done"
    with open(path, "w"):  # noqa: PTH123
        os.abort()


def test_cancel_ends_what_runs(engine):
    engine.submit(Job("endless", "signal:pause"))
    started = time.monotonic()
    engine.cancel()
    assert engine.pending() == 0
    assert time.monotonic() - started < 10


def test_memory_of_a_job_is_its_own(engine):
    engine.submit(Job("small", "os:getpid"))
    engine.submit(Job("large", "numpy:ones", {"shape": 8_000_000}))
    answers = collect(engine, 2)
    assert answers["large"].peak_bytes > 60e6
    assert answers["small"].peak_bytes < answers["large"].peak_bytes / 2
