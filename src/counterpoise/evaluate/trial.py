"""The trial: every candidate on the same folds, judged alike, and what follows from it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model
from counterpoise.calibrate import reliability
from counterpoise.decide import ClassGoal, CostMatrix, Goal
from counterpoise.decide.rule import class_costs, in_order
from counterpoise.errors import GoalError, OptionError, TypeOfInputError
from counterpoise.evaluate.advising import confirm_advice
from counterpoise.evaluate.boundaries import draw_boundaries
from counterpoise.evaluate.budget import Deadline, parse_duration
from counterpoise.evaluate.candidates import Candidate, candidates_for
from counterpoise.evaluate.champion import make_champion, positive_rows
from counterpoise.evaluate.contest import Contest
from counterpoise.evaluate.describe import describe_features
from counterpoise.evaluate.feasibility import feasibility, independent_positives, limit_findings
from counterpoise.evaluate.figures import Figures, curve_record, score_histogram
from counterpoise.evaluate.guard import check_allowed, findings_of, inspect, refuse
from counterpoise.evaluate.judging import Case, Judged, judge
from counterpoise.evaluate.leaderboard import leaderboard
from counterpoise.evaluate.ledger import refuse_others
from counterpoise.evaluate.memory import Memory, affordable_workers, parse_bytes
from counterpoise.evaluate.records import (
    BoundaryRecord,
    CandidateRecord,
    Estimate,
    FindingRecord,
    FoldRecord,
    FoldsRecord,
    GuardRecord,
    PlaneRecord,
    TableRecord,
    TrialRecord,
    VerdictRecord,
)
from counterpoise.evaluate.repeating import Repeat, Stability, stability, stacked, typical
from counterpoise.evaluate.running import Progress, Run
from counterpoise.evaluate.several import ClassFigures, ClassJudged, check_classes, judge_classes
from counterpoise.evaluate.task import WARM_KERAS
from counterpoise.evaluate.thinning import loss_findings
from counterpoise.evaluate.verdict import Contender, reach_verdict
from counterpoise.profile import profile
from counterpoise.scale import make_engine, n_cores
from counterpoise.split import Folds, make_folds
from counterpoise.table.files import check_folder, write_frame, writing_explained, written_whole
from counterpoise.table.table import Table

if TYPE_CHECKING:
    from counterpoise.report import Plots

__all__ = ["Trial", "compare"]

_PICTURES_SECONDS = 10.0
"""With less than this left of the budget, boundaries are not drawn."""

_PRELOAD = ("counterpoise.evaluate.task",)
_LIBRARIES = ("counterpoise", "numpy", "scipy", "scikit-learn", "polars")


@dataclass(frozen=True)
class Trial:
    """A finished comparison.

    Attributes
    ----------
    record : TrialRecord
        Everything that was found, as plain numbers and words.
    champion : Model
        The candidate the verdict chose, fitted on all rows, with its calibration and its line.
    """

    record: TrialRecord
    champion: Model = field(repr=False)

    @property
    def verdict(self) -> VerdictRecord:
        """What the trial found: champion, baseline, paired difference with its interval, and a sentence."""
        return self.record.verdict

    @property
    def plots(self) -> Plots:
        """Charts of the trial, each with the numbers behind it as a frame."""
        from counterpoise.report import Plots

        return Plots(self.record)

    def _repr_html_(self) -> str:
        from counterpoise.report import trial_html

        return trial_html(self.record)

    def leaderboard(self) -> pl.DataFrame:
        """Give one row a candidate, best first; those that were not run last.

        Returns
        -------
        polars.DataFrame
            Figures with intervals (``_lower``, ``_upper``), the paired difference to the untreated model of the same
            learner, the line, and time and memory.
        """
        return leaderboard(self.record)

    def report(self, path: str | Path) -> Path:
        """Write the report: one HTML file that needs no network.

        Parameters
        ----------
        path : str or Path
            Where to write.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        TypeOfInputError
            If it is no path.
        OptionError
            If it is a folder.
        TableError
            If it cannot be written; nothing is left there.
        """
        from counterpoise.report import render

        path = _path(path, "path")
        with writing_explained(path):
            is_folder = path.is_dir()
        if is_folder:
            raise OptionError(
                f"path={str(path)!r} is a folder.",
                expected="Expected the name of a file.",
                why="The report is one HTML file.",
                hint=f"Use {str(path / 'report.html')!r}.",
            )
        return _write(path, render(self.record))

    def log_mlflow(self, uri: str | None = None, experiment: str = "counterpoise") -> str:
        """Log the trial in MLflow: a run for it, and one beneath it for each candidate.

        Parameters
        ----------
        uri : str, optional
            The store, such as ``"sqlite:///mlflow.db"``; by default what MLflow is set to.
        experiment : str, default="counterpoise"
            Where the runs go; made where it is not there.

        Returns
        -------
        str
            Id of the trial's run.

        Raises
        ------
        MissingExtra
            If the extra ``mlflow`` is not installed.
        OptionError
            If the store cannot be used.
        """
        from counterpoise.evaluate.tracking import log_trial

        return log_trial(self, uri, experiment)

    def save(self, folder: str | Path) -> Path:
        """Write report, leaderboard, record and model.

        Parameters
        ----------
        folder : str or Path
            Gets ``report.html``, ``leaderboard.parquet``, ``trial.json`` and ``model/``.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ModelError
            If ``model`` is there and is not a bundle, or the champion cannot be bundled; all else is written.
        TableError
            If the folder cannot be written.
        """
        folder = _path(folder, "folder")
        write_frame(self.leaderboard(), folder / "leaderboard.parquet")
        _write(folder / "trial.json", self.record.model_dump_json(indent=1))
        self.report(folder / "report.html")
        self.champion.save(folder / "model")
        return folder


def _write(path: Path, text: str) -> Path:
    """Write a text, whole or not at all."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _path(given: Any, name: str) -> Path:
    if not isinstance(given, str | PathLike):
        raise TypeOfInputError(
            f"{name}={given!r} was given.",
            expected="Expected a path, as text or as a pathlib.Path.",
            why="It says where to write.",
            hint=f"For example {name}='out'.",
        )
    return Path(given)


def compare(
    table: Table,
    goal: str | Goal | CostMatrix = "f1",
    *,
    treatments: Sequence[Any] | Mapping[str, Any] | None = None,
    learners: Sequence[Any] | Mapping[str, Any] | None = None,
    folds: Any = 5,
    budget: str | float | None = "5m",
    seed: int = 0,
    repeats: int | str = "auto",
    nested: bool | None = None,
    memory: str | float | None = None,
    allow: str | Collection[str] = (),
    workers: int | None = None,
    engine: str = "local",
    out: str | Path | None = None,
    command: str = "",
    on_progress: Callable[[Progress], None] | None = None,
) -> Trial:
    """Find out what should be done about the imbalance of a table, if anything.

    Every treatment goes with every learner through the same folds; the untreated model with its own tuned line is
    always among them. Probabilities are calibrated and lines drawn on rows other than those that judge.

    Parameters
    ----------
    table : Table
        From `counterpoise.read`.
    goal : str, Goal or CostMatrix, default="f1"
        What the line is for, such as ``"recall>=0.9"``, ``"cost(fn=100, fp=1)"`` or ``"alerts<=100/day"``. More than
        two classes: ``f<beta>`` (the mean over classes), ``balanced_accuracy``, ``gmean``, ``accuracy``, or a
        `CostMatrix`.
    treatments : sequence of str or sampler, or mapping of name to sampler, optional
        By default none, class_weight, random_over, random_under and smote.
    learners : sequence of str or classifier, or mapping of name to classifier, optional
        By default those of the catalogue that are installed.
    folds : int, str, Prequential, splitter or iterable of (train, test), default=5
        How many folds, at most; fewer with few positives. With a time also windows, such as
        ``"train=7d, delay=7d, test=7d, folds=4, known=drop"``. Or the caller's own split.
    budget : str, float or None, default="5m"
        Time for everything, in words or seconds; enough of it is kept back for the intervals and for the champion's
        fit on all rows. Cheap candidates come first; where time is short, those clearly behind the leader are dropped;
        what does not fit is listed with the time it would take. The untreated baseline is always run.
    seed : int, default=0
        Seeds every draw.
    repeats : int or str, default="auto"
        How often the rows are dealt into folds. ``"auto"``: once; where positives, or rows of the rarest class, are few
        (below 100) and it is cheap, up to five times, until the leader's interval is narrow enough or no longer
        narrows.
    nested : bool, optional
        Draw lines and calibration on folds inside each training part, for three more fits a fold, so that no row has
        any part in what judges it. By default on small tables with few positives and cheap candidates. Folds in time
        need none.
    memory : str or float, optional
        What this process and its workers may hold, such as ``"4GB"``. A candidate that would need more is not run,
        with the predicted bytes as the reason; fewer run at the same time.
    allow : str or collection of str, default=()
        Leaks that the caller knows of and that shall not end the run: names of `counterpoise.evaluate.guard.LEAKS`,
        or ``"all"``.
    workers : int, optional
        Processes at the same time; by default one a processor. 0 runs everything in this process. The result does
        not depend on it.
    engine : str, default="local"
        Where the folds run: ``"local"``, ``"dask"`` (a cluster of this machine) or ``"dask://HOST:PORT"``. The result
        does not depend on it.
    out : str or Path, optional
        A folder in which each finished fold is kept (``OUT/folds``), so that a killed run goes on where it was.
    command : str, default=""
        How the trial was asked for, for the record.
    on_progress : callable, optional
        Called with a `Progress` whenever a fold is finished.

    Returns
    -------
    Trial
        Leaderboard, verdict, report and champion.

    Raises
    ------
    OptionError
        If a name, the number of folds, repeats or workers, or the budget is wrong, or `out` holds ``folds`` that no
        trial wrote.
    TypeOfInputError
        If the table is not from `counterpoise.read`, or `out` is no path.
    TableError
        If `out` cannot be written.
    GoalError
        If the goal cannot be read, or names columns or days that the table does not have.
    LeakError
        If what judges would be known beforehand, and the caller does not allow it.
    NotApplicable
        If there are too few positives for an honest answer, or the goal is none of several classes.

    Examples
    --------
    >>> import counterpoise as cp
    >>> from counterpoise.datasets import gaussian_blobs
    >>> table = cp.read(gaussian_blobs(random_state=0), target="label")
    >>> trial = cp.compare(table, treatments=["none"], learners=["logistic"], workers=0)
    >>> trial.verdict.outcome
    'no difference shown'
    """
    deadline, limit = Deadline(parse_duration(budget)), parse_bytes(memory)
    started = time.monotonic()
    _check_table(table)
    _check_workers(workers, engine)
    kept = _folds_folder(out)
    parsed: Any = _goal_of(goal, table)
    candidates = candidates_for(table, treatments, learners, class_costs(parsed))
    split, allowed = make_folds(table, folds, random_state=seed), check_allowed(allow)
    case = _case(table, parsed, split)
    workers = affordable_workers(limit, workers, n_cores())
    with (
        make_engine(engine, workers, preload=_preloaded(candidates, limit)) as running,
        closing(
            Contest(
                table,
                case,
                candidates,
                running,
                deadline,
                folds=folds,
                seed=seed,
                nested=nested,
                repeats=repeats,
                memory=Memory(limit),
                blends=learners is None,
                out=kept,
                on_progress=on_progress,
                judge=judge if table.is_binary else judge_classes,
            )
        ) as contest,
    ):
        running.start()
        seen = profile(table)
        guarded = inspect(table, seen, split, candidates)
        if kept and any(each.status == "failed" and each.code not in allowed for each in guarded):
            _write_refused(kept.parent, table, parsed, split, seen.to_dict(), guarded, seed, command)
        guarded = refuse(guarded, allowed)
        described = describe_features(table, seed=seed)
        held = contest.hold()
        runs, (whole, judged, units) = held[0].runs, stacked(held, table.groups)
        contenders = _contenders(runs, judged)
        figures = _figures(table, whole, judged, contenders, units, seed)
        verdict = reach_verdict(contenders, figures, case.goal)
        chosen = next(run for run in runs if run.candidate.name == verdict.champion)
        records = _candidate_records(held, figures, verdict)
        record = TrialRecord(
            goal=parsed.name,
            goal_metric=parsed.metric,
            goal_greater_is_better=parsed.greater_is_better,
            goal_confidence=parsed.confidence,
            seed=seed,
            folds=_folds_record(table, split),
            table=_table_record(table, seen.to_dict()),
            profile=seen.to_dict(),
            candidates=records,
            verdict=verdict,
            findings=[
                *findings_of(guarded),
                *_findings(seen.to_dict(), runs, split),
                *contest.findings(held),
                *_feasibility(table, case, contenders),
                *loss_findings(table, runs, split.folds, verdict.champion, seed, deadline.left()),
            ],
            advice=confirm_advice(
                seen.findings,
                records,
                figures,
                verdict,
                greater_is_better=parsed.greater_is_better,
                rate=seen.rarest_share,
            ),
            guard=guarded,
            features=described,
            planes=[PlaneRecord(**plane.model_dump()) for plane in seen.planes],
            command=command,
            versions=_versions(),
            budget_seconds=deadline.seconds,
        )
        model = make_champion(table, held, chosen, record, running, contest.inputs)
    after = {
        "boundaries": _boundaries(table, chosen.candidate, runs, parsed, deadline, seed),
        "seconds": time.monotonic() - started,
    }
    return Trial(record.model_copy(update=after), model)


def _preloaded(candidates: Sequence[Candidate], limit: int | None) -> tuple[str, ...]:
    """Name what workers import before they fork; under a limit of memory only what every fit needs."""
    has_networks = any(each.learner == "mlp" and each.learner_object is None for each in candidates)
    return (*_PRELOAD, WARM_KERAS) if has_networks and limit is None else _PRELOAD


# --- what is asked -------------------------------------------------------------------------------------------


def _check_table(table: Any) -> None:
    if not isinstance(table, Table):
        raise TypeOfInputError(
            f"The table is a {type(table).__name__}.",
            expected="Expected what counterpoise.read gives.",
            why="A table knows its target and the roles of its columns.",
            hint="Use counterpoise.compare(counterpoise.read(data, target='...')).",
        )


def _check_workers(workers: Any, engine: Any) -> None:
    if not isinstance(engine, str):
        raise OptionError(
            f"engine={engine!r} was given.",
            expected="Expected local, dask or dask://HOST:PORT.",
            why="It says where the work is done.",
            hint="Use engine='local'.",
        )
    if workers is not None and (
        isinstance(workers, bool) or not isinstance(workers, Integral) or int(workers) < 0
    ):
        raise OptionError(
            f"workers={workers!r} was given.",
            expected="Expected a whole number from 0, or None.",
            why="It says how many processes run at the same time; 0 runs everything in this one.",
            hint="Leave it out for one a processor.",
        )


def _folds_folder(out: Any) -> Path | None:
    """Say where finished folds are kept, once it is sure that they can be."""
    if out is None or out == "":
        return None
    folder = _path(out, "out")
    check_folder(folder)
    refuse_others(folder / "folds")
    return folder / "folds"


def _goal_of(goal: str | Goal | CostMatrix, table: Table) -> Goal | ClassGoal:
    if not table.is_binary:
        return ClassGoal.parse(goal, table.labels)
    if isinstance(goal, CostMatrix):
        (tn, fp), (fn, tp) = in_order(goal, table.labels).costs.tolist()
        goal = f"cost(fn={fn!r}, fp={fp!r}, tp={tp!r}, tn={tn!r})"
    return _check_goal(Goal.parse(goal), table)


def _check_goal(goal: Goal, table: Table) -> Goal:
    if goal.needs_days and table.roles.time is None:
        raise GoalError(
            f"The goal {goal.name!r} counts alerts per day, and the table has no time.",
            expected="Expected a time column.",
            why="Without it the number of days is not known.",
            hint="Name it with --time, or use alerts<=N for the whole table.",
        )
    for column in goal.columns:
        if column not in table.frame.columns or not table.frame.schema[column].is_numeric():
            raise GoalError(
                f"The goal {goal.name!r} names the column {column!r}.",
                expected="Expected a column of numbers in the table.",
                why="It holds the cost of each row.",
                hint=f"Columns are: {', '.join(table.frame.columns[:12])}.",
            )
    return goal


def _case(table: Table, goal: Any, folds: Folds) -> Case:
    if not table.is_binary:
        check_classes(table.y, table.labels, folds)
        return Case(table.y, folds, goal, table.weights, table.seconds, table.n_days)
    costs = {name: table.frame[name].cast(pl.Float64).to_numpy() for name in goal.columns}
    return Case(table.y, folds, goal, table.weights, table.seconds, table.n_days, costs)


# --- what was found ------------------------------------------------------------------------------------------


def _contenders(runs: list[Run], judged: Mapping[str, Judged]) -> list[Contender]:
    return [
        Contender(c.name, c.treatment, c.learner, c.cost, c.is_untreated)
        for c in (run.candidate for run in runs)
        if c.name in judged
    ]


def _figures(
    table: Table,
    case: Case,
    judged: Mapping[str, Any],
    contenders: list[Contender],
    units: np.ndarray | None,
    seed: int,
) -> Figures:
    if table.is_binary:
        return Figures.of(case, judged, contenders, groups=units, seed=seed)
    return ClassFigures.of_classes(case, judged, table.labels, contenders, groups=units, seed=seed)


def _feasibility(table: Table, case: Case, contenders: list[Contender]) -> list[FindingRecord]:
    """Say what so many positives can and cannot show."""
    if not table.is_binary:
        return []
    rows = case.judging
    n = independent_positives(table.y[rows], None if table.groups is None else table.groups[rows])
    treated = sum(not contender.is_untreated for contender in contenders)
    return [feasibility(n, treated).finding(), *limit_findings(case.goal, n)]


def _candidate_records(held: list[Repeat], figures: Figures, verdict: VerdictRecord) -> list[CandidateRecord]:
    steadiness, names = stability(held), list(figures.draws.values)
    sign = -1.0 if held[0].case.goal.greater_is_better else 1.0
    leader = min(names, key=lambda name: _place(sign, figures.value(name)))
    behind = figures.simultaneous(names, leader)
    done = [
        _run_record(typical(held, name), run, figures, verdict).model_copy(
            update={
                "leader_difference": behind.get(name),
                "repeats": len(held),
                **_steadiness(steadiness.get(name)),
            }
        )
        for run in held[0].runs
        if (name := run.candidate.name) in names
    ]
    done.sort(key=lambda record: _place(sign, record.metrics["goal"].value))
    return done + [_other_record(run) for run in held[0].runs if not run.is_finished]


def _place(sign: float, value: float | None) -> float:
    """Rank a candidate; one whose figure is undefined comes last."""
    return float("inf") if value is None or np.isnan(value) else sign * value


def _steadiness(found: Stability | None) -> dict[str, Any]:
    if found is None:
        return {}
    values = [None if np.isnan(value) else value for value in found.values]
    return {"repeat_values": values, "led_share": found.led_share}


def _run_record(shown: Repeat, run: Run, figures: Figures, verdict: VerdictRecord) -> CandidateRecord:
    candidate, finished = run.candidate, run.finished()
    case, judged = shown.case, shown.judged[candidate.name]
    return CandidateRecord(
        candidate=candidate.name,
        treatment=candidate.treatment,
        learner=candidate.learner,
        status="run",
        is_champion=candidate.name == verdict.champion,
        is_baseline=candidate.name == verdict.baseline,
        metrics=figures.estimates(candidate.name),
        difference=figures.difference_to_untreated(candidate.name),
        fold_values=figures.fold_values(candidate.name),
        days=figures.days_of(candidate.name),
        **_decisions(case, candidate.name, judged, figures),
        history=finished[-1].scores.history,  # type: ignore[arg-type]  # a mapping is a dict here
        fit_seconds=float(np.mean([f.scores.fit_seconds for f in finished])),
        predict_seconds=float(np.mean([f.scores.predict_seconds for f in finished])),
        peak_bytes=max(f.peak_bytes for f in finished),
    )


def _decisions(case: Case, name: str, judged: Judged | ClassJudged, figures: Figures) -> dict[str, Any]:
    """Say how a candidate decides: by a line and its curve, or among several classes."""
    if isinstance(judged, ClassJudged):
        assert isinstance(figures, ClassFigures)  # both come from a table of several classes
        point = {**judged.point.to_dict(), "rule": judged.rule.to_dict()}
        return {"operating_point": point, "classes": figures.class_records(name)}
    rows = case.judging
    y, weight = case.y[rows], None if case.weights is None else case.weights[rows]
    return {
        "operating_point": judged.point.to_dict(),
        "confusion": figures.confusion(name),
        "curve": curve_record(y, judged.proba[rows], weight),
        "scores": score_histogram(y, judged.proba[rows], weight),
        "reliability": reliability(y, judged.proba[rows], weight).to_dict(),
    }


def _other_record(run: Run) -> CandidateRecord:
    return CandidateRecord(
        candidate=run.candidate.name,
        treatment=run.candidate.treatment,
        learner=run.candidate.learner,
        status=run.status,
        reason=run.reason,
        predicted_seconds=run.predicted_seconds,
        predicted_bytes=None if run.predicted_bytes is None else int(run.predicted_bytes),
    )


def _folds_record(table: Table, folds: Folds) -> FoldsRecord:
    positive = positive_rows(table)
    return FoldsRecord(
        kind=folds.kind,
        requested=folds.requested,
        reason=folds.reason,
        folds=[
            FoldRecord(
                n_train=len(fold.train),
                n_train_positive=int(positive[fold.train].sum()),
                n_test=len(fold.test),
                n_test_positive=int(positive[fold.test].sum()),
                **_span(table, fold.train, "train"),
                **_span(table, fold.test, "test"),
            )
            for fold in folds.folds
        ],
    )


def _span(table: Table, rows: np.ndarray, part: str) -> dict[str, str]:
    if table.roles.time is None:
        return {}
    times = table.frame[table.roles.time][rows]
    return {f"{part}_from": str(times.min()), f"{part}_to": str(times.max())}


def _table_record(table: Table, seen: Mapping[str, Any]) -> TableRecord:
    rate = seen["rate"]
    return TableRecord(
        source=table.source,
        target=table.target,
        positive=str(seen["positive"]),
        n_rows=table.n_rows,
        n_positive=table.n_positive,
        rate=Estimate(value=rate["value"], lower=rate["lower"], upper=rate["upper"]),
        n_features=len(table.features),
        roles=table.roles.used(),
        left_out=table.left_out,
        fingerprint=table.fingerprint,
        n_days=table.n_days,
    )


def _findings(seen: Mapping[str, Any], runs: list[Run], folds: Folds) -> list[FindingRecord]:
    found = [FindingRecord.model_validate(finding) for finding in seen.get("findings", [])]
    if folds.reason:
        found.append(
            FindingRecord(
                code="fewer_folds", title="Fewer folds", severity="info", sentence=f"{folds.reason}."
            )
        )
    for run in runs:
        if run.error is not None:
            sentence = f"{run.candidate.name}: {run.reason}"
            found.append(
                FindingRecord(
                    code="not_run", title="A candidate failed", severity="warning", sentence=sentence
                )
            )
    return found


def _boundaries(
    table: Table, chosen: Candidate, runs: list[Run], goal: Goal | ClassGoal, deadline: Deadline, seed: int
) -> list[BoundaryRecord]:
    """Draw boundaries of the treatments that were judged, while there is time for pictures."""
    if deadline.left() < _PICTURES_SECONDS:
        return []
    judged = [run.candidate for run in runs if run.is_finished and run.candidate.treatment_object is None]
    return draw_boundaries(table, chosen, [candidate.treatment for candidate in judged], goal, seed)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that is not installed
            found[name] = "not installed"
    return found


def _write_refused(
    out: Path,
    table: Table,
    goal: Goal,
    folds: Folds,
    seen: Mapping[str, Any],
    guarded: list[GuardRecord],
    seed: int,
    command: str,
) -> None:
    """Leave the record and the report of a run that the guard ended."""
    from counterpoise.report import render

    failed = [each.sentence for each in guarded if each.status == "failed"]
    record = TrialRecord(
        goal=goal.name,
        goal_metric=goal.metric,
        goal_greater_is_better=goal.greater_is_better,
        goal_confidence=goal.confidence,
        seed=seed,
        folds=_folds_record(table, folds),
        table=_table_record(table, seen),
        profile=dict(seen),
        candidates=[],
        verdict=VerdictRecord(outcome="refused", sentence=f"Nothing was trained. {' '.join(failed)}"),
        findings=[*findings_of(guarded), *_findings(seen, [], folds)],
        guard=guarded,
        command=command,
        versions=_versions(),
    )
    _write(out / "trial.json", record.model_dump_json(indent=1))
    _write(out / "report.html", render(record))
