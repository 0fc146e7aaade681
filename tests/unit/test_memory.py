"""Memory: sizes in words, what is held, what is predicted, and a limit that is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import counterpoise as cp
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.memory import (
    Memory,
    affordable_workers,
    parse_bytes,
    predicted_bytes,
    resident_bytes,
    say_bytes,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4e9), ("4 gb", 4e9), ("1.5g", 1.5e9), ("512MiB", 512 * 2**20), ("2k", 2000), (123456, 123456)],
)
def test_sizes_in_words(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-4GB", "0", "4 apples", "GB"])
def test_other_words_are_no_sizes(text):
    with pytest.raises(OptionError, match="memory"):
        parse_bytes(text)


def test_no_limit_is_no_limit():
    assert parse_bytes(None) is None
    assert Memory().room([1e12]) == float("inf")
    assert affordable_workers(None, None, 8) is None


def test_sizes_are_said_for_people():
    assert [say_bytes(s) for s in (400, 64e6, 3.14e9)] == ["400 bytes", "64 MB", "3.1 GB"]


def test_what_this_process_holds_grows_with_what_it_makes():
    before = resident_bytes(os.getpid())
    ballast = np.ones(40_000_000)
    assert resident_bytes(os.getpid()) - before > 0.8 * ballast.nbytes


def test_what_was_measured_is_believed_before_what_is_known_in_general():
    plain, smote = Candidate("none", "boosting"), Candidate("smote", "boosting")
    guessed = predicted_bytes(plain, 1e9, {})
    measured = predicted_bytes(plain, 1e9, {plain: (1e8, 1e9)})
    assert measured > 9e9 > guessed
    assert predicted_bytes(smote, 1e9, {plain: (1e8, 1e9)}) > measured


def test_fewer_workers_where_memory_is_short():
    assert affordable_workers(10**12, None, 4) == 4
    assert affordable_workers(10**12, 2, 4) == 2
    assert affordable_workers(1, None, 4) == 1
    assert affordable_workers(1, 0, 4) == 0


def table():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.1).astype(int)
    return cp.read(
        pl.DataFrame({"a": rng.normal(size=600) + y, "b": rng.normal(size=600), "y": y}), target="y"
    )


def test_a_trial_without_room_says_so_before_anything_runs():
    with pytest.raises(NotApplicable, match="memory"):
        cp.compare(table(), treatments=["none"], learners=["logistic"], workers=1, memory="1MB")


def test_what_does_not_fit_is_listed_with_its_bytes():
    """The network needs more than the logistic regression: a limit between them leaves one of them out."""
    limit = resident_bytes() + 500 * 10**6
    trial = cp.compare(
        table(),
        treatments=["none"],
        learners=["logistic", "mlp"],
        workers=1,
        memory=limit,
        repeats=1,
        nested=False,
    )
    rows = {row["candidate"]: row for row in trial.leaderboard().iter_rows(named=True)}
    assert rows["logistic"]["status"] == "run"
    assert rows["mlp"]["status"] == "not run"
    assert rows["mlp"]["predicted_bytes"] > 4e8
    assert str(rows["mlp"]["predicted_bytes"]) in rows["mlp"]["reason"]
    [account] = [each.sentence for each in trial.record.findings if each.code == "memory"]
    assert account.startswith("At most ")
    assert say_bytes(limit) in account


SHARING = """
import os
import numpy as np
from counterpoise.evaluate.memory import resident_bytes

ballast, (readable, writable) = np.ones(30_000_000), os.pipe()
before = resident_bytes()
child = os.fork()
if child == 0:
    os.read(readable, 1)
    os._exit(0)
print(ballast.nbytes, resident_bytes() - before)
os.write(writable, b".")
os.waitpid(child, 0)
"""
"""A process of its own that forks: others may have threads, which do not survive a fork."""


@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="the system does not say what is shared"
)
def test_what_a_child_shares_is_counted_once():
    done = subprocess.run(
        [sys.executable, "-c", SHARING], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    ballast, more = map(int, done.stdout.split())
    assert more < 0.5 * ballast
