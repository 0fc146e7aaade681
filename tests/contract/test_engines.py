"""One protocol for all engines: what a caller may rely on, wherever the work runs."""

from __future__ import annotations

import os
import signal

import pytest

import counterpoise as cp
from counterpoise.datasets import gaussian_blobs
from counterpoise.errors import OptionError
from counterpoise.scale import Job, WorkLost, make_engine

ENGINES = {"inline": ("local", 0), "local": ("local", 2), "dask": ("dask", 2)}


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request):
    if request.param == "dask":
        pytest.importorskip("distributed", reason="Dask is not installed")
    name, workers = ENGINES[request.param]
    with make_engine(name, workers) as running:
        running.start()
        yield running


def collect(engine, n):
    answers = {}
    while len(answers) < n:
        for done in engine.wait(30):
            answers[done.key] = done
    return answers


def test_every_job_is_answered_once_under_its_key(engine):
    for k in range(7):
        engine.submit(Job(("part", k), "json:dumps", {"obj": k}))
    answers = collect(engine, 7)
    assert {key: done.value for key, done in answers.items()} == {("part", k): str(k) for k in range(7)}
    assert engine.pending() == 0
    assert engine.wait(0.01) == []


def test_what_a_job_raises_comes_back_as_it_was(engine):
    engine.submit(Job("bad", "json:loads", {"s": "{"}))
    [done] = collect(engine, 1).values()
    assert isinstance(done.error, ValueError)
    assert done.value is None


def test_errors_of_ours_keep_their_four_parts(engine):
    engine.submit(Job("ours", "counterpoise.scale.choosing:make_engine", {"name": "moon"}))
    [done] = collect(engine, 1).values()
    assert isinstance(done.error, OptionError)
    assert done.error.hint


def test_cancel_forgets_what_waits(engine):
    for k in range(20):
        engine.submit(Job(k, "json:dumps", {"obj": k}))
    engine.cancel()
    assert engine.pending() == 0
    engine.submit(Job("after", "json:dumps", {"obj": 1}))
    assert collect(engine, 1)["after"].value == "1"


def test_files_reach_the_function(engine, tmp_path):
    path = tmp_path / "here.txt"
    path.write_text("x", encoding="utf-8")
    engine.submit(Job("file", "linecache:getline", {"filename": str(path), "lineno": 1}, files=("filename",)))
    assert collect(engine, 1)["file"].value.strip() == "x"


@pytest.mark.parametrize("name", ["local", "dask"])
def test_a_job_that_kills_its_process_is_reported_lost(name):
    if name == "dask":
        pytest.importorskip("distributed", reason="Dask is not installed")
    with make_engine(name, 1) as engine:
        engine.submit(Job("dies", "os:abort"))
        engine.submit(Job("lives", "os:getpid"))
        answers = collect(engine, 2)
    assert isinstance(answers["dies"].error, WorkLost)
    assert answers["lives"].value != os.getpid()


@pytest.mark.parametrize("name", ["moon", "dask://", "dask://host", "dask://host:port", "Dask"])
def test_unknown_engines_are_refused(name):
    with pytest.raises(OptionError, match="local, dask or dask://HOST:PORT"):
        make_engine(name)


def test_an_unreachable_scheduler_is_one_clear_message(monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr("counterpoise.scale.dask_engine._CONNECT_SECONDS", 0.5)
    with pytest.raises(OptionError, match="No Dask scheduler answers"):
        make_engine("dask://127.0.0.1:9").start()


# --- the same answer everywhere ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return cp.read(gaussian_blobs(400, 60, random_state=3), target="label")


def trial_on(table, **where):
    return cp.compare(
        table,
        treatments=["smote", "random_under"],
        learners=["logistic"],
        folds=3,
        seed=1,
        budget=None,
        **where,
    )


COLUMNS = ["candidate", "value", "lower", "upper", "average_precision", "threshold"]


@pytest.fixture(scope="module")
def inline(table):
    return trial_on(table, workers=0).leaderboard()[COLUMNS]


def killing_one_worker(monkeypatch):
    """Have the first worker killed once jobs are under way; gives a list that then holds its process."""
    from counterpoise.scale.dask_engine import DaskEngine

    killed, submit = [], DaskEngine.submit

    def submit_and_kill(self, job):
        submit(self, job)
        if not killed and len(self._futures) > 1:
            killed.append(next(iter(self._client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(DaskEngine, "submit", submit_and_kill)
    return killed


def test_a_trial_on_dask_with_one_worker_killed_is_the_trial_of_one_process(table, inline, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    killed = killing_one_worker(monkeypatch)
    found = trial_on(table, engine="dask", workers=2)
    assert killed
    assert found.leaderboard()[COLUMNS].equals(inline)


def test_the_same_rows_line_and_figures_from_chunks_and_from_a_cluster_with_one_worker_killed(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    from counterpoise.scale import read_thinned
    from counterpoise.table.chunks import chunks_of

    gaussian_blobs(3000, 90, random_state=4).write_parquet(tmp_path / "t.parquet")

    def found(size, engine=None):
        kept = read_thinned(chunks_of(tmp_path / "t.parquet", size), target="label", rows=600, engine=engine)
        trial = cp.compare(kept, treatments=["none"], learners=["logistic"], folds=3, workers=0, budget=None)
        return kept.frame, trial.verdict.champion, trial.champion.threshold, trial.leaderboard()[COLUMNS]

    whole = found(100_000)
    with make_engine("dask", 2, preload=("counterpoise.scale.thinning",)) as engine:
        engine.start()
        os.kill(next(iter(engine.client.run(os.getpid).values())), signal.SIGKILL)
        spread = found(150, engine)
    for other in (found(333), spread):
        assert other[0].equals(whole[0])
        assert other[1:3] == whole[1:3]
        assert other[3].equals(whole[3])


def test_a_trial_on_a_running_cluster_with_one_worker_killed(table, inline, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    from counterpoise.scale.dask_engine import DaskEngine

    with DaskEngine(n_workers=2) as cluster:
        cluster.start()
        address = cluster._client.scheduler.address.removeprefix("tcp://")
        killed = killing_one_worker(monkeypatch)
        found = trial_on(table, engine=f"dask://{address}")
    assert killed
    assert found.leaderboard()[COLUMNS].equals(inline)


def test_a_file_that_the_cluster_has_lost_is_brought_again(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed")
    from counterpoise.scale.dask_engine import DaskEngine

    path = tmp_path / "lines.txt"
    path.write_text("first\nsecond\n")
    line = {"function": "linecache:getline", "files": ("filename",)}
    with DaskEngine(n_workers=1) as cluster:
        address = cluster.client.scheduler.address.removeprefix("tcp://")
        with DaskEngine(address=address) as engine:
            engine.submit(Job("busy", "subprocess:run", {"args": ["sleep", "1"]}))
            engine.submit(Job("file", arguments={"filename": str(path), "lineno": 2}, **line))
            engine.client.cancel(list(engine._brought.values()), force=True)
            answers = {done.key: done.value for _ in range(2) for done in engine.wait(30)}
    assert answers["file"] == "second\n"
