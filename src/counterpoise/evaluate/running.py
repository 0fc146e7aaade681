"""Candidates through folds: cheap ones first, within the budget, each finished fold kept at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from threadpoolctl import threadpool_limits

from counterpoise.chance import Streams
from counterpoise.errors import CounterpoiseError
from counterpoise.evaluate.budget import Deadline, say_duration
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.ledger import INPUT_FILES, FinishedFold, Ledger
from counterpoise.evaluate.memory import Memory, predicted_bytes, say_bytes
from counterpoise.evaluate.nesting import Inner
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

_VALUE_SECONDS = 3e-7
"""Time of logistic regression for each value of the table, seen on nine tables of 900 to 90,000 rows."""

_GUESS_MARGIN = 3.0
"""By so much guesses from the catalogue may be off."""

_REFIT_RESERVE = 1.3
"""The champion is fitted once more on all rows; its predicted time, with this margin, is kept back."""

_WRITING_SHARE = 0.03
"""Share of the budget kept back for writing what was found."""

_PATIENCE_SECONDS = 0.5


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
    predicted_bytes : float or None
        What it was predicted to take, where it was not run for want of memory.
    error : Exception or None
        What a fold raised.
    is_dropped : bool
        Whether it was given up because it was clearly behind.
    """

    candidate: Candidate
    folds: list[FinishedFold | None]
    reason: str = ""
    predicted_seconds: float | None = None
    predicted_bytes: float | None = None
    error: Exception | None = None
    is_dropped: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether every fold is there."""
        return all(fold is not None for fold in self.folds)

    @property
    def is_given_up(self) -> bool:
        """Whether it will not be finished."""
        return bool(self.reason)

    @property
    def status(self) -> Literal["run", "dropped", "not run"]:
        """What became of it, in the leaderboard's words."""
        return "run" if self.is_finished else "dropped" if self.is_dropped else "not run"

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
    candidates: Sequence[Candidate],
    folds: Folds,
    ledger: Ledger,
    engine: Engine,
    deadline: Deadline,
    seed: int,
    on_progress: Callable[[Progress], None] | None = None,
    on_finished: Callable[[Run], None] | None = None,
    *,
    inner: Sequence[Inner] = (),
    memory: Memory | None = None,
    weakness: Callable[[Run], str] | None = None,
    promise: Callable[[Candidate], float] | None = None,
    repeat: int = 0,
    known: Sequence[Run] = (),
    n_blended: int = 0,
    figures_cost: float = 1.5,
) -> list[Run]:
    """Put every candidate through every fold, as far as the budget goes.

    Parameters
    ----------
    candidates : sequence of Candidate
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
    inner : sequence of Inner, default=()
        Folds inside the training part of each fold, for nested lines.
    memory : Memory, optional
        What may be used; a candidate that would need more is not run, and fewer run at the same time.
    weakness : callable, optional
        Called with a `Run` that has some folds, when time is too short for everything that is left; gives why the
        candidate is to be dropped, or an empty string.
    promise : callable, optional
        Called with treated candidates, when time is too short for everything that is left; the one for which it gives
        most is tried first.
    repeat : int, default=0
        Which repeat this is. One after the first is begun only where all of it fits into the budget.
    known : sequence of Run, default=()
        Runs of an earlier repeat, which say how long each candidate takes.
    n_blended : int, default=0
        How many untreated candidates may have to be fitted once more, as members of a blend.
    figures_cost : float, default=1.5
        Time to draw a candidate's intervals over the time to judge it, which is measured.

    Returns
    -------
    list of Run
        In the order of the candidates. On Ctrl-C: what is finished by then.
    """
    running = _Running(
        candidates=candidates,
        folds=folds,
        ledger=ledger,
        engine=engine,
        deadline=deadline,
        seed=seed,
        on_progress=on_progress,
        on_finished=on_finished,
        inner=inner,
        memory=memory or Memory(),
        weakness=weakness,
        promise=promise,
        repeat=repeat,
        known={run.candidate: run for run in known},
        n_blended=n_blended,
        figures_cost=figures_cost,
    )
    try:
        running.go()
    except KeyboardInterrupt:
        running.stop("interrupted before it was finished")
    return running.runs


@dataclass
class _Running:
    candidates: Sequence[Candidate]
    folds: Folds
    ledger: Ledger
    engine: Engine
    deadline: Deadline
    seed: int
    on_progress: Callable[[Progress], None] | None
    on_finished: Callable[[Run], None] | None
    inner: Sequence[Inner]
    memory: Memory
    weakness: Callable[[Run], str] | None
    promise: Callable[[Candidate], float] | None
    repeat: int
    known: dict[Candidate, Run]
    n_blended: int
    figures_cost: float
    runs: list[Run] = field(default_factory=list)
    judging_seconds: float = 0.0
    under_way: dict[tuple[int, int], float] = field(default_factory=dict)
    """Predicted bytes of the folds that run."""
    waiting: deque[tuple[Run, int]] = field(default_factory=deque)
    """Folds that are to be run before any others."""
    is_alone: bool = False
    """Whether folds run one at a time, because together they took more memory than was predicted."""

    def __post_init__(self) -> None:
        n = len(self.folds)
        self.runs = [Run(c, [self.ledger.get(c, k) for k in range(n)]) for c in self.candidates]
        self.sizes = np.array([len(fold.train) for fold in self.folds.folds], dtype=float)
        self.inputs = self.ledger.inputs()

    def go(self) -> None:
        for run in self.runs:
            if run.is_finished:  # by an earlier session
                self._finish(run)
        if self.repeat and not self._all_fit():
            self.stop("the budget had no room for another repeat")
            return
        self.memory.measure(self.engine.n_workers)
        tasks = self._tasks()
        while True:
            self._feed(tasks)
            if not self.engine.pending():
                break
            for done in self.engine.wait(_PATIENCE_SECONDS):
                self._record(done)
            if self.memory.is_exceeded():
                self._relieve()
            if self.deadline.left() < self._reserve() and self._has_baseline():
                self.stop("the budget ended before it was finished")
                break

    def _tasks(self) -> Iterator[tuple[Run, int]]:
        """Give what to do next; what no longer fits the budget, or the memory, is given up, with what it would take."""
        left = list(self.runs)
        while left:
            run = self._next(left)
            left.remove(run)
            for k, fold in enumerate(run.folds):
                if fold is not None or run.is_given_up:
                    continue
                if not (self._fits_memory(run, k) and self._fits(run)):
                    break
                yield run, k

    def _next(self, left: list[Run]) -> Run:
        """Choose whom to try: in their order, unless there is time for a few treatments only."""
        promise = self.promise
        if promise is None or left[0].candidate.is_untreated or self._all_fit():
            return left[0]
        return max(left, key=lambda run: promise(run.candidate))

    def _feed(self, tasks: Iterator[tuple[Run, int]]) -> None:
        """Start what may be started."""
        while self.engine.pending() < self.engine.n_workers:
            task = self.waiting.popleft() if self.waiting else next(tasks, None)
            if task is None:
                return
            if task[0].is_given_up:
                continue
            if not self._has_room(*task):
                self.waiting.appendleft(task)
                return
            self._submit(*task)

    def _has_room(self, run: Run, k: int) -> bool:
        """Say whether the memory holds a fold beside those that run; alone it always may try."""
        others = list(self.under_way.values())
        return not others or (not self.is_alone and self._bytes(run, k) <= self.memory.room(others))

    def _relieve(self) -> None:
        """End what runs, where more is held than is allowed: try it again one by one, or give the one up that did."""
        ended = [(self.runs[index], k) for index, k in self.under_way]
        self.engine.cancel()
        self.under_way.clear()
        if len(ended) > 1:
            self.is_alone = True
            self.waiting.extendleft(reversed(ended))
            return
        for run, k in ended:
            run.predicted_bytes = self._bytes(run, k)
            run.reason = f"took more memory than there was: {self.memory.said}"

    def _submit(self, run: Run, k: int) -> None:
        job = self._job(run, k)
        self.under_way[cast(tuple[int, int], job.key)] = self._bytes(run, k)
        self.engine.submit(job)

    def _job(self, run: Run, k: int) -> Job:
        fold = self.folds.folds[k]
        again = ("repeat", self.repeat) if self.repeat else ()
        streams = Streams.of(self.seed).child("learn", run.candidate.learner, k, *again)
        arguments = {
            **self.inputs,
            "train": fold.train,
            "test": fold.test,
            "candidate": run.candidate,
            "random_state": streams.seed(),
            "inner": self.inner[k] if self.inner else (),
        }
        return Job(
            (self.runs.index(run), k), "counterpoise.evaluate.task:run_fold", arguments, files=INPUT_FILES
        )

    def _record(self, done: Done) -> None:
        index, k = cast(tuple[int, int], done.key)  # the keys that _job gave
        self.under_way.pop((index, k), None)
        run = self.runs[index]
        if done.error is not None:
            run.error = done.error
            run.reason = run.reason or _why(done.error)
        else:
            finished = FinishedFold(done.value, done.peak_bytes, done.seconds)
            run.folds[k] = finished
            self.ledger.put(run.candidate, k, finished)
            if run.is_finished:
                run.reason = ""  # it was given up while its last folds were under way
                self._finish(run)
            else:
                self._drop_if_weak(run)
        self._tell(run)

    def _drop_if_weak(self, run: Run) -> None:
        """Give a candidate up that is clearly behind, where there is no time for everything that is left."""
        if self.weakness is None or run.is_given_up or run.candidate.is_untreated or self._all_fit():
            return
        reason = self.weakness(run)
        if reason:
            run.reason, run.is_dropped = reason, True

    def _finish(self, run: Run) -> None:
        started = time.monotonic()
        if self.on_finished is not None:
            # The workers have the processors; threads that wait for one take it from them.
            with threadpool_limits(1):
                self.on_finished(run)
        self.judging_seconds += time.monotonic() - started

    def stop(self, reason: str) -> None:
        """End what runs; what is not finished gets the reason."""
        self.engine.cancel()
        for run in self.runs:
            if not run.is_finished and not run.is_given_up:
                run.reason = reason
                run.predicted_seconds = (self._predicted(run) or self._guessed(run)) / self.engine.n_workers

    # --- time --------------------------------------------------------------------------------------------------

    def _has_baseline(self) -> bool:
        return any(run.is_finished and run.candidate.is_untreated for run in self.runs)

    def _fits(self, run: Run) -> bool:
        """Say whether a candidate can be finished; the first untreated one always may try.

        A learner of which nothing is measured need not fit by the catalogue's guess, but must not be far from it: one
        fold of it could take all that is left for others.
        """
        seconds, margin = self._predicted(run), 1.0
        if not self._has_baseline():
            return True
        if seconds is None:
            seconds, margin = self._guessed(run), _GUESS_MARGIN
        available = (self.deadline.left() - self._reserve(run)) * self.engine.n_workers
        if seconds <= margin * (available - self._promised(run)):
            return True
        run.predicted_seconds = seconds / self.engine.n_workers
        run.reason = f"would take about {say_duration(run.predicted_seconds)}, more than the budget had left"
        return False

    def _promised(self, but: Run) -> float:
        """Give the seconds of work that other candidates under way still need; those given up, for a fold that runs."""
        seconds = 0.0
        for index in {index for index, _ in self.under_way}:
            run = self.runs[index]
            if run.is_given_up:
                mine = [k for other, k in self.under_way if other == index]
                seconds += (self._rate(run) or 0.0) * float(self.sizes[mine].sum())
            elif run is not but:
                seconds += self._predicted(run) or 0.0
        return seconds

    def _all_fit(self) -> bool:
        """Say whether everything that is left can be finished."""
        left = [r for r in self.runs if not r.is_finished and not r.is_given_up]
        seconds = sum(self._predicted(run) or self._guessed(run) for run in left)
        return seconds <= (self.deadline.left() - self._reserve()) * self.engine.n_workers

    def _predicted(self, run: Run) -> float | None:
        """Predict the seconds of work that a candidate still needs, from itself or its learner's other treatments."""
        rate = self._rate(run) or self._siblings_rate(run)
        return None if rate is None else self._seconds_at(rate, run)

    def _siblings_rate(self, run: Run) -> float | None:
        """Take the seconds for each training row from another treatment of the same learner."""
        siblings = [(r, self._rate(r)) for r in self.runs if r.candidate.learner == run.candidate.learner]
        return next((known / _cost(r) * _cost(run) for r, known in siblings if known is not None), None)

    def _guessed(self, run: Run) -> float:
        """Guess the same from the size of the table and what the catalogue says of the learner."""
        rate = _VALUE_SECONDS * len(self.inputs["features"]) * run.candidate.cost * _cost(run)
        return self._seconds_at(rate, run)

    def _seconds_at(self, rate: float, run: Run) -> float:
        missing = [k for k, fold in enumerate(run.folds) if fold is None]
        return float(rate * self.sizes[missing].sum())

    def _rate(self, run: Run) -> float | None:
        """Seconds for each training row, measured."""
        folds = run.folds
        if all(fold is None for fold in folds) and run.candidate in self.known:
            folds = self.known[run.candidate].folds
        done = [(f.seconds, size) for f, size in zip(folds, self.sizes, strict=False) if f is not None]
        if not done:
            return None
        return float(sum(seconds for seconds, _ in done) / sum(size for _, size in done))

    def _reserve(self, another: Run | None = None) -> float:
        """Seconds to keep back for judging and for the champion's last fit, should another candidate finish too."""
        if self.deadline.seconds is None:
            return 0.0
        runs = [run for run in self.runs if self.repeat or run.is_finished or run is another]
        untreated = sorted(self._refit_seconds(run) for run in runs if run.candidate.is_untreated)
        slowest = max((self._refit_seconds(run) for run in runs), default=0.0)
        blended = _together(untreated[-self.n_blended :], self.engine.n_workers) if self.n_blended else 0.0
        n_finished = sum(run.is_finished for run in self.runs)
        judging = self.judging_seconds / max(n_finished, 1) * len(runs)
        figures = self.figures_cost * judging + judging - self.judging_seconds
        return _REFIT_RESERVE * max(slowest, blended) + figures + _WRITING_SHARE * self.deadline.seconds

    def _refit_seconds(self, run: Run) -> float:
        """Predict the time to fit a candidate on all rows from its fits so far, or those of its learner."""
        n_rows = max(len(fold.train) + len(fold.test) for fold in self.folds.folds)
        measured = [(f.scores.fit_seconds, size) for f, size in zip(run.folds, self.sizes, strict=True) if f]
        if measured:
            seconds, sizes = np.sum(measured, axis=0)
            return float(seconds / sizes * n_rows)
        return float((self._rate(run) or self._siblings_rate(run) or 0.0) * n_rows)

    # --- memory ------------------------------------------------------------------------------------------------

    def _fits_memory(self, run: Run, k: int) -> bool:
        needed, room = self._bytes(run, k), self.memory.room()
        if needed <= room:
            return True
        run.reason = (
            f"would take about {say_bytes(needed)} of memory ({needed:.0f} bytes); {self.memory.said}"
        )
        run.predicted_bytes = needed
        return False

    def _bytes(self, run: Run, k: int) -> float:
        """Predict what a fold of a candidate takes."""
        if self.memory.limit is None:
            return 0.0
        row_bytes = 8.0 * len(self.inputs["features"])
        measured = {}
        for other in [*self.known.values(), *self.runs]:
            done = [
                (size * row_bytes, float(f.peak_bytes))
                for f, size in zip(other.folds, self.sizes, strict=False)
                if f
            ]
            if done and done[-1][1] > 0:
                measured[other.candidate] = max(done, key=lambda pair: pair[1])
        return predicted_bytes(run.candidate, self.sizes[k] * row_bytes, measured)

    def _tell(self, run: Run) -> None:
        if self.on_progress is None:
            return
        done = sum(len(r.finished()) if not r.is_given_up else len(r.folds) for r in self.runs)
        needed = [self._predicted(r) for r in self.runs if not r.is_finished and not r.is_given_up]
        left = sum(s for s in needed if s is not None) / self.engine.n_workers
        left = min(left, self.deadline.left())
        self.on_progress(Progress(done, len(self.runs) * len(self.folds), run.candidate.name, left))


def _together(seconds: Sequence[float], n_workers: int) -> float:
    """Say how long some jobs take together, the longest first."""
    ends = [0.0] * n_workers
    for each in sorted(seconds, reverse=True):
        ends[ends.index(min(ends))] += each
    return max(ends)


def _cost(run: Run) -> float:
    return _TREATMENT_COST.get(run.candidate.treatment, _OTHER_TREATMENT_COST)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, CounterpoiseError) else f"{type(error).__name__}: {error}"
