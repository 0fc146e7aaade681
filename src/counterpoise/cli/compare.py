"""``counterpoise compare``: from a table to an honest verdict, a report and a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from counterpoise.cli import options as o

if TYPE_CHECKING:
    from counterpoise.evaluate import Trial
    from counterpoise.evaluate.records import CandidateRecord

__all__ = ["action", "register", "summary"]

_SAID = ("feasibility", "limit_out_of_reach")
"""Findings that the terminal shows too, where they are more than information."""


def action(
    table: Any,
    out: Path,
    *,
    figures: Literal["png", "svg", "json"] | None = None,
    mlflow: str | None = None,
    **options: Any,
) -> Trial:
    """Compare, and write what was found.

    Parameters
    ----------
    table : Table
        What to learn from.
    out : Path
        Gets ``report.html``, ``leaderboard.parquet``, ``trial.json``, ``model/``, and ``folds/`` with each finished
        fold.
    figures : {"png", "svg", "json"}, optional
        Also write every chart to ``figures/``.
    mlflow : str, optional
        Also log the trial in this MLflow store.
    **options : object
        As `counterpoise.compare` takes them.

    Returns
    -------
    Trial
        What was found.

    Raises
    ------
    InputError
        If an option is wrong, the folder cannot be written, or what is there is not ours to replace.
    """
    from counterpoise.cli.progress import bar
    from counterpoise.evaluate import compare
    from counterpoise.evaluate.tracking import open_experiment

    _check_out(out, figures)
    if mlflow is not None:
        open_experiment(mlflow)  # it had better fail before the work than after it
    with bar("comparing") as tell:
        trial = compare(table, out=out, on_progress=tell, **options)
    trial.save(out)
    if figures is not None:
        trial.plots.save(out / "figures", figures)
    if mlflow is not None:
        trial.log_mlflow(mlflow)
    return trial


def _check_out(out: Path, figures: str | None) -> None:
    """Refuse a folder that cannot be written, or in which something stands that is not ours to replace."""
    from counterpoise.bundle.storage import refuse_other
    from counterpoise.errors import OptionError
    from counterpoise.evaluate.ledger import refuse_others
    from counterpoise.table.files import check_folder

    check_folder(out)
    refuse_others(out / "folds")
    refuse_other(out / "model")
    wrong = [name for name in ("report.html", "leaderboard.parquet", "trial.json") if (out / name).is_dir()]
    if figures is not None and (out / "figures").is_file():
        wrong.append("figures")
    if wrong:
        what = "file" if wrong == ["figures"] else "folder"
        raise OptionError(
            f"--out {out} cannot be used: {str(out / wrong[0])!r} is a {what}.",
            expected="Expected a new folder, or one that an earlier comparison wrote.",
            why="What is found is kept there under that name.",
            hint="Choose another folder.",
        )


def summary(trial: Trial, out: Path) -> str:
    """Say what was found, for the terminal.

    Parameters
    ----------
    trial : Trial
        What was found.
    out : Path
        Where it was written.

    Returns
    -------
    str
        Leaderboard, verdict and places, at most 80 columns wide where no name is longer.
    """
    from counterpoise.cli.board import board

    point = trial.champion.operating_point
    lines = [
        board(trial.leaderboard()),
        "",
        *_wrapped(trial.verdict.sentence),
        *_champion_lines(trial),
    ]
    if not point.met:
        lines += _wrapped(f"The goal is not met: {point.reason}")
    lines += _advice_lines(trial)
    for check in trial.record.guard:
        if check.status == "allowed":
            lines += _wrapped(f"A leak was allowed, and every figure may be too good: {check.sentence}")
    for finding in trial.record.findings:
        if finding.code in _SAID and finding.severity != "info":
            lines += _wrapped(finding.sentence)
    for status in ("dropped", "not run"):
        others = [c for c in trial.record.candidates if c.status == status]
        if others:
            lines += [f"{status.capitalize()} ({len(others)}):"]
            lines += [f"  {c.candidate}: {c.reason}" for c in others]
    return "\n".join([*lines, "", f"Report: {out / 'report.html'}", f"Model:  {out / 'model'}"])


def _advice_lines(trial: Trial) -> list[str]:
    """Say what came of the advice that was given before."""
    tested = [each for each in trial.record.advice if each.outcome != "not tested"]
    if not tested:
        return []
    lines = ["Advice of the profile, held against the trial:"]
    for each in tested:
        lines += _wrapped(f"{each.outcome}: {each.title} [{each.source.partition(';')[0]}]", "  ")
    return lines


def _champion_lines(trial: Trial) -> list[str]:
    """Say how the champion decides: by its line, or among several classes."""
    from counterpoise.cli.evaluate import class_lines

    model, name = trial.champion, trial.verdict.champion
    champion = next(each for each in trial.record.candidates if each.is_champion)
    if len(model.labels) == 2:
        point = model.operating_point
        return [
            f"Champion: {name}; positive from a probability of {point.threshold:.4g} on "
            f"({point.n_positive} positives behind the line).",
            *_daily_lines(champion),
        ]
    return [
        f"Champion: {name}, class by class:",
        *class_lines([each.model_dump() for each in champion.classes]),
    ]


def _daily_lines(champion: CandidateRecord) -> list[str]:
    """Say what the champion does by day, where rows have a time."""
    from counterpoise.evaluate.daily import DAILY_METRICS

    found = [(name, champion.metrics[name]) for name in DAILY_METRICS if name in champion.metrics]
    said = [f"{name.replace('_', ' ')} {each.value:.4g}" for name, each in found if each.value is not None]
    return _wrapped(f"By day: {', '.join(said)}.") if said else []


def _wrapped(text: str, indent: str = "") -> list[str]:
    import textwrap

    return textwrap.wrap(text, 80, initial_indent=indent, subsequent_indent=2 * indent)


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("compare")
    def _compare(
        table: o.TableArgument,
        target: o.Target,
        out: Annotated[
            Path, typer.Option("--out", metavar="DIR", help="Gets the report, the leaderboard, the model.")
        ],
        goal: Annotated[
            str,
            typer.Option(
                "--goal",
                metavar="G",
                help="f1, f2, mcc, 'recall>=0.9', 'cost(fn=100,fp=1)', 'alerts<=100/day'.",
            ),
        ] = "f1",
        cost_matrix: Annotated[
            Path | None,
            typer.Option(
                "--cost-matrix",
                metavar="FILE",
                help="CSV with what each decision costs for each truth; a goal.",
            ),
        ] = None,
        confidence: Annotated[
            float | None,
            typer.Option("--confidence", help="Confidence with which a goal's limits must hold."),
        ] = None,
        positive: o.Positive = None,
        time: o.Time = None,
        group: o.Group = None,
        weight: o.Weight = None,
        amount: o.Amount = None,
        id: o.Id = None,  # noqa: A002 - the option's name
        drop: o.Drop = None,
        rows: o.Rows = None,
        thin: o.Thin = None,
        stratify: o.Stratify = None,
        treatments: Annotated[
            str | None, typer.Option("--treatments", metavar="A,B", help="Such as none,smote.")
        ] = None,
        learners: Annotated[
            str | None, typer.Option("--learners", metavar="A,B", help="Such as logistic,boosting.")
        ] = None,
        folds: Annotated[
            str,
            typer.Option(
                "--folds", help="How many, at most; or windows: 'train=7d, delay=7d, test=7d, folds=4'."
            ),
        ] = "5",
        budget: Annotated[str, typer.Option("--budget", help="Time for everything: 90s, 5m, 1h.")] = "5m",
        seed: o.Seed = 0,
        repeats: Annotated[
            str, typer.Option("--repeats", metavar="N", help="How often rows are dealt into folds, or auto.")
        ] = "auto",
        nested: Annotated[
            bool | None,
            typer.Option("--nested/--no-nested", help="Draw lines on folds inside each training part."),
        ] = None,
        memory: Annotated[
            str | None, typer.Option("--memory", metavar="SIZE", help="What may be held: 4GB, 512MiB.")
        ] = None,
        allow_leaks: Annotated[
            bool, typer.Option("--allow-leaks", help="Go on where what judges is known beforehand.")
        ] = False,
        workers: Annotated[
            int | None, typer.Option("--workers", min=0, help="Processes at the same time; 0: none.")
        ] = None,
        engine: o.Engine = "local",
        figures: Annotated[
            Literal["png", "svg", "json"] | None,
            typer.Option("--figures", help="Also write every chart to DIR/figures."),
        ] = None,
        mlflow: Annotated[
            str | None, typer.Option("--mlflow", metavar="URI", help="Also log every candidate in MLflow.")
        ] = None,
        as_json: o.Json = False,
    ) -> None:
        """Find out what should be done about the imbalance, if anything; leave a report and a model."""
        from counterpoise.cli.costs import read_costs
        from counterpoise.decide import Goal
        from counterpoise.evaluate.budget import parse_duration
        from counterpoise.evaluate.memory import parse_bytes

        parsed, _, _ = Goal(goal, confidence), parse_duration(budget), parse_bytes(memory)
        _check_out(out, figures)  # before the table is read: that may take minutes
        read = o.read_table(
            table,
            target,
            positive,
            drop,
            rows=rows,
            thin=thin,
            stratify=stratify,
            engine=engine,
            time=time,
            group=group,
            weight=weight,
            amount=amount,
            id=id,
        )
        trial = action(
            read,
            out,
            figures=figures,
            mlflow=mlflow,
            goal=parsed if cost_matrix is None else read_costs(cost_matrix),
            treatments=o.names(treatments),
            learners=o.names(learners),
            folds=folds,
            budget=budget,
            seed=seed,
            repeats=repeats,
            nested=nested,
            memory=memory,
            allow="all" if allow_leaks else (),
            workers=workers,
            engine=engine,
            command=_command(),
        )
        text = json.dumps(_as_json(trial, out), indent=1) if as_json else summary(trial, out)
        sys.stdout.write(text + "\n")


def _as_json(trial: Trial, out: Path) -> dict[str, Any]:
    return {
        "verdict": trial.verdict.model_dump(),
        "leaderboard": trial.leaderboard().to_dicts(),
        "report": str(out / "report.html"),
        "model": str(out / "model"),
    }


def _command() -> str:
    import shlex

    return shlex.join(["counterpoise", *sys.argv[1:]])
