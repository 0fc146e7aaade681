"""The contest: all candidates through the folds, once or repeatedly, the weak dropped and the best blended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from counterpoise.errors import NotApplicable
from counterpoise.evaluate.blending import MOST_MEMBERS, blend_run, blendable
from counterpoise.evaluate.budget import Deadline
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.judging import Case, judge
from counterpoise.evaluate.ledger import FinishedFold, Ledger
from counterpoise.evaluate.memory import Memory, say_bytes
from counterpoise.evaluate.nesting import INNER_FOLDS, Inner, inner_folds, is_nested
from counterpoise.evaluate.racing import Race
from counterpoise.evaluate.records import FindingRecord
from counterpoise.evaluate.repeating import Repeat, RepeatRule, dealt_again, repeat_rule
from counterpoise.evaluate.running import Progress, Run, run_candidates
from counterpoise.scale import Engine
from counterpoise.split import Folds, make_folds
from counterpoise.table.table import Table

__all__ = ["Contest"]

_FIGURES_COST = 1.5
"""Time to blend and to draw intervals over the time to judge all candidates, for two classes."""

_CLASS_FIGURES_COST, _CLASS_FIGURES_ROWS, _MOST_CLASS_FIGURES_COST = 0.5, 20_000, 10.0
"""The same for several: judging searches weights on some thousand rows, intervals resample all, so their ratio rises
by 1 each 20,000 rows; seen on tables of 3,000 to 200,000 rows."""


@dataclass
class Contest:
    """Everything that all candidates are run under.

    Attributes
    ----------
    table : Table
        What is learned from.
    case : Case
        What is the same for all candidates, with the first deal of the rows.
    candidates : list of Candidate
        In the order in which they are tried.
    engine : Engine
        Where the work runs.
    deadline : Deadline
        The budget of the whole trial.
    folds : object
        How the folds were asked for, to deal them again.
    seed : int
        Seeds every draw.
    nested : bool or None
        As asked for.
    repeats : int or str
        As asked for.
    memory : Memory
        What may be used.
    blends : bool
        Whether the best untreated learners are blended.
    out : Path or None
        Where finished folds are kept.
    on_progress : callable or None
        Called with each `Progress`.
    judge : callable
        Takes the case and the finished folds of a candidate, and gives what it said.
    """

    table: Table
    case: Case
    candidates: list[Candidate]
    engine: Engine
    deadline: Deadline
    folds: Any = 5
    seed: int = 0
    nested: bool | None = None
    repeats: int | str = "auto"
    memory: Memory = field(default_factory=Memory)
    blends: bool = False
    out: Path | None = None
    on_progress: Callable[[Progress], None] | None = None
    judge: Callable[[Case, list[FinishedFold]], Any] = judge

    def __post_init__(self) -> None:
        split = self.case.folds
        self.is_nested = is_nested(self.nested, self.table, split, self.candidates)
        self.rule: RepeatRule = repeat_rule(
            self.repeats,
            self.table,
            split,
            self.candidates,
            n_fits=1 + INNER_FOLDS if self.is_nested else 1,
        )
        self.why_stopped = ""
        self.ledger: Ledger | None = None

    @property
    def inputs(self) -> dict[str, Any]:
        """What the champion's fit needs to open the table; there once the contest was held, until it is closed."""
        return {} if self.ledger is None else self.ledger.inputs()

    def close(self) -> None:
        """Remove the table's copy, and the finished folds where they were not to be kept."""
        if self.ledger is not None:
            self.ledger.close()

    def hold(self) -> list[Repeat]:
        """Run it.

        Returns
        -------
        list of Repeat
            At least one; those after it hold the candidates that finished the first.

        Raises
        ------
        NotApplicable
            If no untreated model could be finished for want of memory.
        Exception
            What an untreated model raised, where none could be finished.
        """
        ledger = self.ledger = Ledger(
            self.out, self.table, self.case.folds, self.seed, is_nested=self.is_nested
        )
        repeats = [self._first(ledger)]
        widths: list[float] = []
        while not (why := self.rule.why_stop(repeats, widths, self.table.groups)):
            another = self._another(len(repeats), repeats[0], ledger)
            if another is None:
                why = "the budget had no room for another"
                break
            repeats.append(another)
        self.why_stopped = why
        return repeats

    def _first(self, ledger: Ledger) -> Repeat:
        repeat = Repeat(self.case)
        race = Race(self.case, self.table.groups, self.seed) if self.table.is_binary else None

        def finished(run: Run) -> None:
            repeat.judged[run.candidate.name] = self.judge(self.case, run.finished())
            if race is not None:
                race.finished(run, repeat.judged[run.candidate.name])

        told = {} if race is None else {"weakness": race.weakness, "promise": race.promise}
        repeat.runs = self._run(self.candidates, ledger, self.case.folds, finished, **told)
        if not any(run.is_finished and run.candidate.is_untreated for run in repeat.runs):
            raise _why_no_baseline(repeat.runs)
        self._blend(repeat)
        return repeat

    def _another(self, number: int, first: Repeat, ledger: Ledger) -> Repeat | None:
        """Deal anew and run those who finished the first time; give nothing where not all of them finish."""
        folds = make_folds(self.table, self.folds, random_state=dealt_again(self.seed, number))
        repeat = Repeat(replace(self.case, folds=folds))
        known = [run for run in first.runs if run.is_finished and run.candidate in self.candidates]

        def finished(run: Run) -> None:
            repeat.judged[run.candidate.name] = self.judge(repeat.case, run.finished())

        repeat.runs = self._run(
            [run.candidate for run in known],
            ledger.repeat(number, folds),
            folds,
            finished,
            repeat=number,
            known=known,
        )
        if not all(run.is_finished for run in repeat.runs):
            return None
        self._blend(repeat)
        return repeat

    def _run(
        self,
        candidates: list[Candidate],
        ledger: Ledger,
        folds: Folds,
        finished: Callable[[Run], None],
        **options: Any,
    ) -> list[Run]:
        return run_candidates(
            candidates,
            folds,
            ledger,
            self.engine,
            self.deadline,
            self.seed,
            self.on_progress,
            finished,
            inner=self._inner(folds, options.get("repeat", 0)),
            memory=self.memory,
            n_blended=MOST_MEMBERS if self.blends else 0,
            figures_cost=self._figures_cost(),
            **options,
        )

    def _figures_cost(self) -> float:
        if self.table.is_binary:
            return _FIGURES_COST
        rising = _CLASS_FIGURES_COST + self.table.n_rows / _CLASS_FIGURES_ROWS
        return min(rising, _MOST_CLASS_FIGURES_COST)

    def _inner(self, folds: Folds, number: int) -> list[Inner]:
        if not self.is_nested:
            return []
        seed = dealt_again(self.seed, number)
        return [inner_folds(self.table, fold, seed=seed, number=k) for k, fold in enumerate(folds.folds)]

    def _blend(self, repeat: Repeat) -> None:
        repeat.members = blendable(repeat.runs) if self.blends else []
        if repeat.members:
            repeat.runs.append(blend_run(repeat.case, repeat.members))
            blended = repeat.runs[-1]
            repeat.judged[blended.candidate.name] = self.judge(repeat.case, blended.finished())

    def findings(self, repeats: list[Repeat]) -> list[FindingRecord]:
        """Say how lines were drawn and rows dealt, where it is not the plain way, and what a limited memory held.

        Parameters
        ----------
        repeats : list of Repeat
            As `hold` gave them.

        Returns
        -------
        list of FindingRecord
            None to three.
        """
        found = []
        if self.is_nested:
            sentence = (
                "Lines and calibration are strictly nested: drawn on folds inside each training part, so that no row "
                "has a part in anything that judges it."
            )
            found.append(
                ("nested", "Nested lines", sentence, "Varma and Simon, BMC Bioinformatics 7:91, 2006")
            )
        if len(repeats) > 1 or self.rule.most > 1:
            times = "once" if len(repeats) == 1 else f"{len(repeats)} times"
            sentence = f"The rows were dealt into folds {times}: {self.why_stopped}."
            found.append(("repeats", "Repeated folds", sentence, "Kim, Computational Statistics 53, 2009"))
        if account := self.memory.account():
            found.append(("memory", "Memory", account, ""))
        return [
            FindingRecord(code=code, title=title, severity="info", sentence=sentence, source=source)
            for code, title, sentence, source in found
        ]


def _why_no_baseline(runs: list[Run]) -> BaseException:
    """Say why there is no baseline: by the error of the first untreated candidate, its memory, or the interruption."""
    untreated = [run for run in runs if run.candidate.is_untreated]
    for run in untreated:
        if run.error is not None:
            return run.error
    needed = [run.predicted_bytes for run in untreated if run.predicted_bytes is not None]
    if needed:
        return NotApplicable(
            f"There is no memory for an untreated model: {untreated[0].reason}.",
            expected=f"Expected room for about {say_bytes(min(needed))}.",
            why="Without an untreated model there is nothing to compare with.",
            hint="Allow more with --memory, or use fewer --workers or fewer rows.",
        )
    return KeyboardInterrupt()
