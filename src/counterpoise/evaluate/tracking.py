"""A trial in MLflow: one run for the trial, one beneath it for each candidate.

Figures are metrics, each with its interval as ``_lower`` and ``_upper``; what was chosen are parameters; the verdict is
a tag. The report, the record, the leaderboard and the charts are artifacts of the trial's run; the bundle is the model
of the champion's.
"""

from __future__ import annotations

import re
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoise.errors import MissingExtra, OptionError
from counterpoise.evaluate.records import CandidateRecord, Estimate, TrialRecord

if TYPE_CHECKING:
    from counterpoise.evaluate.trial import Trial

__all__ = ["EXPERIMENT", "log_trial", "open_experiment"]

EXPERIMENT = "counterpoise"
"""Experiment where none is named."""

_MOST_CHARACTERS = 500
"""Of a parameter; every store takes that many."""

_MOST_AT_ONCE = 500
"""Metrics in one request; MLflow takes a thousand entries."""

_STATUS = {"run": "FINISHED", "dropped": "KILLED", "not run": "KILLED"}
_PARENT, _NOTE = "mlflow.parentRunId", "mlflow.note.content"


def open_experiment(uri: str | None = None, experiment: str = EXPERIMENT) -> tuple[Any, str]:
    """Open an MLflow store, and make the experiment where there is none.

    Parameters
    ----------
    uri : str, optional
        The store, such as ``"sqlite:///mlflow.db"`` or ``"http://host:5000"``; by default what MLflow is set to.
    experiment : str, default="counterpoise"
        Its name.

    Returns
    -------
    tuple of MlflowClient and str
        The client, and the experiment's id.

    Raises
    ------
    MissingExtra
        If MLflow is not installed.
    OptionError
        If the store cannot be used.
    """
    if find_spec("mlflow") is None:
        raise MissingExtra.of("mlflow", "mlflow")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        client = MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        return client, str(client.create_experiment(experiment) if found is None else found.experiment_id)
    except (MlflowException, OSError) as error:
        raise OptionError(
            f"The MLflow store {uri or 'that MLflow is set to'!r} cannot be used: {str(error).splitlines()[0]}",
            expected="Expected a store that can be reached.",
            why="The trial is to be logged there.",
            hint="For example --mlflow sqlite:///mlflow.db, or http://HOST:5000.",
        ) from error


def log_trial(trial: Trial, uri: str | None = None, experiment: str = EXPERIMENT) -> str:
    """Log a trial.

    Parameters
    ----------
    trial : Trial
        Finished.
    uri : str, optional
        The store; by default what MLflow is set to.
    experiment : str, default="counterpoise"
        Its name.

    Returns
    -------
    str
        Id of the trial's run.

    Raises
    ------
    MissingExtra
        If MLflow is not installed.
    OptionError
        If the store cannot be used.
    """
    client, number = open_experiment(uri, experiment)
    record = trial.record
    started = int(1000 * (time.time() - record.seconds))
    parent = _start(
        client, number, f"{record.table.target} for {record.goal}", {_NOTE: record.verdict.sentence}, started
    )
    champion = next(each for each in record.candidates if each.is_champion)
    _log(
        client,
        parent,
        _trial_params(record),
        _metrics(champion) | {"seconds": record.seconds},
        _trial_tags(record),
    )
    for candidate in record.candidates:
        child = _start(client, number, candidate.candidate, {_PARENT: parent}, started)
        _log(
            client,
            child,
            _candidate_params(record, candidate),
            _metrics(candidate),
            _candidate_tags(candidate),
        )
        if candidate.is_champion:
            _log_model(client, child, trial)
            client.set_tag(parent, "counterpoise.champion_run", child)
        client.set_terminated(child, _STATUS[candidate.status])
    with tempfile.TemporaryDirectory() as folder:
        client.log_artifacts(parent, str(_write(trial, Path(folder))))
    client.set_terminated(parent)
    return parent


def _start(client: Any, experiment: str, name: str, tags: Mapping[str, str], started: int) -> str:
    run = client.create_run(experiment, start_time=started, tags=dict(tags), run_name=name)
    return str(run.info.run_id)


def _log(
    client: Any, run: str, params: Mapping[str, Any], metrics: Mapping[str, float], tags: Mapping[str, str]
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = int(1000 * time.time())
    logged = [Metric(name, float(value), now, 0) for name, value in metrics.items()]
    client.log_batch(
        run,
        params=[Param(name, str(value)[:_MOST_CHARACTERS]) for name, value in params.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    for first in range(0, len(logged), _MOST_AT_ONCE):
        client.log_batch(run, metrics=logged[first : first + _MOST_AT_ONCE])


# --- what is logged --------------------------------------------------------------------------------------------


def _trial_params(record: TrialRecord) -> dict[str, Any]:
    table, folds = record.table, record.folds
    return {
        "goal": record.goal,
        "target": table.target,
        "positive": table.positive,
        "source": table.source,
        "fingerprint": table.fingerprint,
        "n_rows": table.n_rows,
        "n_positive": table.n_positive,
        "n_features": table.n_features,
        "folds": f"{len(folds.folds)} {folds.kind}",
        "seed": record.seed,
        "budget_seconds": record.budget_seconds,
    }


def _trial_tags(record: TrialRecord) -> dict[str, str]:
    return {
        "counterpoise.version": record.versions.get("counterpoise", ""),
        "counterpoise.outcome": record.verdict.outcome,
        "counterpoise.verdict": record.verdict.sentence,
        "counterpoise.champion": record.verdict.champion or "",
        "counterpoise.baseline": record.verdict.baseline or "",
        "counterpoise.command": record.command,
    }


def _candidate_params(record: TrialRecord, candidate: CandidateRecord) -> dict[str, Any]:
    params = {
        "learner": candidate.learner,
        "treatment": candidate.treatment,
        "goal": record.goal,
        "seed": record.seed,
    }
    threshold = (candidate.operating_point or {}).get("threshold")
    return params if threshold is None else {**params, "threshold": threshold}


def _candidate_tags(candidate: CandidateRecord) -> dict[str, str]:
    tags = {
        "counterpoise.status": candidate.status,
        "counterpoise.is_champion": str(candidate.is_champion).lower(),
        "counterpoise.is_baseline": str(candidate.is_baseline).lower(),
    }
    return {**tags, "counterpoise.reason": candidate.reason} if candidate.reason else tags


def _metrics(candidate: CandidateRecord) -> dict[str, float]:
    found = dict(_with_ends(candidate.metrics))
    if candidate.difference is not None:
        found |= dict(_with_ends({"difference": candidate.difference}))
    for each in candidate.classes:
        found |= dict(
            _with_ends({f"class/{_plain(each.label)}/{name}": e for name, e in each.metrics.items()})
        )
    costs = {name: getattr(candidate, name) for name in ("fit_seconds", "predict_seconds", "peak_bytes")}
    return found | {name: value for name, value in costs.items() if value is not None}


def _with_ends(estimates: Mapping[str, Estimate]) -> Iterator[tuple[str, float]]:
    for name, estimate in estimates.items():
        ends = (("", estimate.value), ("_lower", estimate.lower), ("_upper", estimate.upper))
        yield from ((f"{name}{end}", value) for end, value in ends if value is not None)


def _plain(label: str) -> str:
    """Write a label in letters that MLflow takes."""
    return re.sub(r"[^\w\-. ]", "_", label)


def _log_model(client: Any, run: str, trial: Trial) -> None:
    """Log the bundle as an MLflow model, for ``mlflow.pyfunc.load_model("runs:/RUN/model")``."""
    from counterpoise.bundle.mlflow_model import export_mlflow

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*input example")  # rows of the table stay where they are
        client.log_artifacts(run, str(export_mlflow(trial.champion, Path(folder) / "model")), "model")


def _write(trial: Trial, folder: Path) -> Path:
    trial.report(folder / "report.html")
    (folder / "trial.json").write_text(trial.record.model_dump_json(indent=1), encoding="utf-8")
    trial.leaderboard().write_csv(folder / "leaderboard.csv")
    trial.plots.save(folder / "figures", "svg")
    return folder
