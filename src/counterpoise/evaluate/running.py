"""Candidates through folds: cheap ones first, within the budget, each finished fold kept at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from counterpoise.chance import Streams
from counterpoise.errors import CounterpoiseError
from counterpoise.evaluate.budget import Deadline, say_duration
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.ledger import FinishedFold, Ledger
from counterpoise.scale import Done, Engine, Job
from counterpoise.split import Folds

__all__ = ["Progress", "Run", "run_candidates"]

_TREATMENT_COST = {
    "none": 1.0,
    "class_weight": 1.0,
    "cost_weight": 1.0,
    "random_under": 0.4,
    "random_over": 1.2,
}
"""Time to fit with a treatment over the time without, until one has been measured."""

_OTHER_TREATMENT_COST = 2.0

_REFIT_RESERVE = 1.3
"""The champion is fitted once more on all rows; its predicted time, with this margin, is kept back."""

_MOST_REFITS = 3
"""A blend has three members to be fitted once more."""

_FIGURES_COST = 1.5
"""Time to draw a candidate's intervals over the time to judge it, which is measured."""

_WRITING_SHARE = 0.03
"""Share of the budget kept back for writing what was found."""

_PATIENCE_SECONDS = 0.5

_FILES = ("table", "y", "weights")
"""Arguments of `run_fold` that are paths."""


@dataclass
class Run:
    """What became of one candidate.

    Attributes
    ----------
    candidate : Candidate
        Which one.
    folds : list of FinishedFold or None
        One entry a fold.
    reason : str
        Why it was not run, or an empty string.
    predicted_seconds : float or None
        What it was predicted to take, where it was not run for want of time.
    error : Exception or None
        What a fold raised.
    """

    candidate: Candidate
    folds: list[FinishedFold | None]
    reason: str = ""
    predicted_seconds: float | None = None
    error: Exception | None = None

    @property
    def is_finished(self) -> bool:
        """Whether every fold is there."""
        return all(fold is not None for fold in self.folds)

    @property
    def is_given_up(self) -> bool:
        """Whether it will not be finished."""
        return bool(self.reason)

    def finished(self) -> list[FinishedFold]:
        """Give the folds that are there."""
        return [fold for fold in self.folds if fold is not None]


@dataclass(frozen=True)
class Progress:
    """How far the trial is.

    Attributes
    ----------
    done, total : int
        Folds of candidates.
    candidate : str
        The one that moved last.
    seconds_left : float or None
        Predicted, None before anything was measured.
    """

    done: int
    total: int
    candidate: str
    seconds_left: float | None


def run_candidates(
    candidates: list[Candidate],
    folds: Folds,
    ledger: Ledger,
    engine: Engine,
    deadline: Deadline,
    seed: int,
    on_progress: Callable[[Progress], None] | None = None,
    on_finished: Callable[[Run], None] | None = None,
) -> list[Run]:
    """Put every candidate through every fold, as far as the budget goes.

    Parameters
    ----------
    candidates : list of Candidate
        In the order in which they are to be tried.
    folds : Folds
        The same for all.
    ledger : Ledger
        Finished folds are taken from it and put into it.
    engine : Engine
        Where the work runs.
    deadline : Deadline
        The whole trial's budget; part of it is kept back for the champion's last fit.
    seed : int
        Seeds learners and treatments, the same for a learner whatever its treatment.
    on_progress : callable, optional
        Called with a `Progress` whenever a fold is finished.
    on_finished : callable, optional
        Called with each `Run` whose last fold is finished, while others still run; what it takes is measured, and
        time for what follows from it is kept back.

    Returns
    -------
    list of Run
        In the order of the candidates. On Ctrl-C: what is finished by then.
    """
    running = _Running(candidates, folds, ledger, engine, deadline, seed, on_progress, on_finished)
    try:
        running.go()
    except KeyboardInterrupt:
        running.stop("interrupted before it was finished")
    return running.runs


@dataclass
class _Running:
    candidates: list[Candidate]
    folds: Folds
    ledger: Ledger
    engine: Engine
    deadline: Deadline
    seed: int
    on_progress: Callable[[Progress], None] | None
    on_finished: Callable[[Run], None] | None
    runs: list[Run] = field(default_factory=list)
    judging_seconds: float = 0.0

    def __post_init__(self) -> None:
        n = len(self.folds)
        self.runs = [Run(c, [self.ledger.get(c, k) for k in range(n)]) for c in self.candidates]
        self.sizes = np.array([len(fold.train) for fold in self.folds.folds], dtype=float)
        self.inputs = self.ledger.inputs()

    def go(self) -> None:
        for run in self.runs:
            if run.is_finished:  # by an earlier session
                self._finish(run)
        tasks = self._tasks()
        exhausted = False
        while True:
            while not exhausted and self.engine.pending() < self.engine.n_workers:
                task = next(tasks, None)
                if task is None:
                    exhausted = True
                else:
                    self.engine.submit(self._job(*task))
            if not self.engine.pending():
                break
            for done in self.engine.wait(_PATIENCE_SECONDS):
                self._record(done)
            if self.deadline.left() < self._reserve() and self._has_baseline():
                self.stop("the budget ended before it was finished")
                break

    def _tasks(self) -> Iterator[tuple[Run, int]]:
        """Give what to do next; a candidate that no longer fits the budget is given up, with its predicted time."""
        for run in self.runs:
            for k, fold in enumerate(run.folds):
                if fold is not None or run.is_given_up:
                    continue
                if not self._fits(run):
                    break
                yield run, k

    def _job(self, run: Run, k: int) -> Job:
        fold = self.folds.folds[k]
        streams = Streams.of(self.seed).child("learn", run.candidate.learner, k)
        arguments = {
            **self.inputs,
            "train": fold.train,
            "test": fold.test,
            "candidate": run.candidate,
            "random_state": streams.seed(),
        }
        return Job((self.runs.index(run), k), "counterpoise.evaluate.task:run_fold", arguments, files=_FILES)

    def _record(self, done: Done) -> None:
        index, k = cast(tuple[int, int], done.key)  # the keys that _job gave
        run = self.runs[index]
        if done.error is not None:
            run.error = done.error
            run.reason = run.reason or _why(done.error)
        else:
            run.folds[k] = FinishedFold(done.value, done.peak_bytes)
            self.ledger.put(run.candidate, k, run.folds[k])  # type: ignore[arg-type]  # just set
            if run.is_finished:
                self._finish(run)
        self._tell(run)

    def _finish(self, run: Run) -> None:
        started = time.monotonic()
        if self.on_finished is not None:
            self.on_finished(run)
        self.judging_seconds += time.monotonic() - started

    def stop(self, reason: str) -> None:
        """End what runs; what is not finished gets the reason."""
        self.engine.cancel()
        for run in self.runs:
            if not run.is_finished and not run.is_given_up:
                run.reason = reason
                seconds = self._predicted(run)
                run.predicted_seconds = None if seconds is None else seconds / self.engine.n_workers

    # --- time --------------------------------------------------------------------------------------------------

    def _has_baseline(self) -> bool:
        return any(run.is_finished and run.candidate.is_untreated for run in self.runs)

    def _fits(self, run: Run) -> bool:
        """Say whether a candidate can be finished; the first untreated one always may try."""
        seconds = self._predicted(run)
        available = (self.deadline.left() - self._reserve()) * self.engine.n_workers
        if seconds is None or seconds <= available or not self._has_baseline():
            return True
        run.reason = (
            f"would take about {say_duration(seconds / self.engine.n_workers)}, more than the budget had left"
        )
        run.predicted_seconds = seconds / self.engine.n_workers
        return False

    def _predicted(self, run: Run) -> float | None:
        """Predict the seconds of work that a candidate still needs."""
        missing = [k for k, fold in enumerate(run.folds) if fold is None]
        rate = self._rate(run)
        if rate is None:
            siblings = [(r, self._rate(r)) for r in self.runs if r.candidate.learner == run.candidate.learner]
            rate = next((known / _cost(r) for r, known in siblings if known is not None), None)
            if rate is None:
                return None
            rate *= _cost(run)
        return float(rate * self.sizes[missing].sum())

    def _rate(self, run: Run) -> float | None:
        """Seconds for each training row, measured."""
        known = [(f, self.sizes[k]) for k, f in enumerate(run.folds) if f is not None]
        if not known:
            return None
        seconds = sum(f.scores.fit_seconds + f.scores.predict_seconds for f, _ in known)
        return float(seconds / sum(size for _, size in known))

    def _reserve(self) -> float:
        """Seconds to keep back for the champion's last fit and for judging."""
        if self.deadline.seconds is None:
            return 0.0
        n_rows = max(len(f.train) + len(f.test) for f in self.folds.folds)
        rates = [rate for run in self.runs if run.is_finished and (rate := self._rate(run)) is not None]
        slowest = sum(sorted(rates)[-_MOST_REFITS:])
        refit = _REFIT_RESERVE * n_rows * slowest / self.engine.n_workers
        figures = _FIGURES_COST * self.judging_seconds
        return refit + figures + _WRITING_SHARE * self.deadline.seconds

    def _tell(self, run: Run) -> None:
        if self.on_progress is None:
            return
        done = sum(len(r.finished()) if not r.is_given_up else len(r.folds) for r in self.runs)
        needed = [self._predicted(r) for r in self.runs if not r.is_finished and not r.is_given_up]
        left = sum(s for s in needed if s is not None) / self.engine.n_workers
        left = min(left, self.deadline.left())
        self.on_progress(Progress(done, len(self.runs) * len(self.folds), run.candidate.name, left))


def _cost(run: Run) -> float:
    return _TREATMENT_COST.get(run.candidate.treatment, _OTHER_TREATMENT_COST)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, CounterpoiseError) else f"{type(error).__name__}: {error}"
