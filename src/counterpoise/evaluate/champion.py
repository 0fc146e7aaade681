"""The champion: the candidate that the verdict chose, fitted on all rows, with its calibration, line and evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import polars as pl

from counterpoise.bundle import Model, Schema
from counterpoise.bundle.model import ONLY_TRAINED
from counterpoise.calibrate import CalibrationMap, MapChain
from counterpoise.chance import Streams
from counterpoise.evaluate.blending import BLEND, blend_of_champions
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.ledger import INPUT_FILES
from counterpoise.evaluate.records import TrialRecord
from counterpoise.evaluate.repeating import Repeat, typical
from counterpoise.evaluate.running import Run
from counterpoise.evaluate.several import ClassJudged
from counterpoise.evaluate.task import Fitted, fit_all_rows
from counterpoise.scale import Engine, Job
from counterpoise.table.hashing import row_keys
from counterpoise.table.table import Table

__all__ = ["make_champion", "positive_rows"]


def make_champion(
    table: Table,
    held: Sequence[Repeat],
    run: Run,
    record: TrialRecord,
    engine: Engine,
    inputs: Mapping[str, Any],
) -> Model:
    """Fit the chosen candidate on all rows; intercept and line come from the out-of-fold scores.

    Parameters
    ----------
    table : Table
        What is learned from.
    held : sequence of Repeat
        What the contest gave.
    run : Run
        The chosen candidate's.
    record : TrialRecord
        What the trial found.
    engine : Engine
        Where candidates of the catalogue are fitted, as in the folds: as fast as was measured there, and several
        members of a blend at the same time. Estimators of the user's own need not travel, and are fitted here.
    inputs : mapping
        What `counterpoise.evaluate.task.fit_all_rows` needs to open the table.

    Returns
    -------
    Model
        What ships.
    """
    candidate, shown = run.candidate, typical(held, run.candidate.name)
    judged: Any = shown.judged[candidate.name]

    fit = partial(_fit_all, engine=engine, inputs=inputs, seed=record.seed)
    learner: Any
    calibration: CalibrationMap = judged.calibration
    if candidate is BLEND:
        learner = blend_of_champions(
            shown.case, shown.members, lambda chosen: [fitted.learner for fitted in fit(chosen)]
        )
    else:
        [fitted] = fit([candidate])
        learner, calibration = fitted.learner, MapChain((fitted.calibration, judged.calibration))
    weights = np.ones(table.n_rows) if table.weights is None else table.weights
    return Model(
        learner=learner,
        labels=table.labels,
        schema=Schema.of(table),
        operating_point=judged.point,
        calibration=calibration,
        base_rate=float(np.average(positive_rows(table), weights=weights)),
        facts=_facts(table, candidate, record),
        evidence=_evidence(table, held, candidate.name),
        version=f"1.{_short(_identity(table, candidate, record))}",
        rule=None if table.is_binary else judged.rule,
    )


def positive_rows(table: Table) -> np.ndarray:
    """Give 1 for the positive class of two, and for all but the commonest of several.

    Parameters
    ----------
    table : Table
        With its outcome.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of bool.
    """
    return np.asarray(table.y == 1 if table.is_binary else table.y != table.class_counts.argmax())


def _fit_all(
    candidates: Sequence[Candidate], engine: Engine, inputs: Mapping[str, Any], seed: int
) -> list[Fitted]:
    """Fit candidates on all rows, those of the catalogue by the engine's workers."""
    found: dict[int, Fitted] = {}
    arguments = [
        {
            **inputs,
            "candidate": each,
            "random_state": Streams.of(seed).child("learn", each.learner, "all").seed(),
        }
        for each in candidates
    ]
    for number, candidate in enumerate(candidates):
        if candidate.learner_object is None:
            job = Job(number, "counterpoise.evaluate.task:fit_all_rows", arguments[number], files=INPUT_FILES)
            engine.submit(job)
    for number, candidate in enumerate(candidates):
        if candidate.learner_object is not None:
            found[number] = fit_all_rows(**arguments[number])
    while engine.pending():
        for done in engine.wait():
            if done.error is not None:
                engine.cancel()
                raise done.error
            found[cast(int, done.key)] = done.value
    return [found[number] for number in range(len(candidates))]


def _facts(table: Table, candidate: Candidate, record: TrialRecord) -> dict[str, Any]:
    of_champion = next(each for each in record.candidates if each.candidate == candidate.name)
    return {
        "candidate": candidate.name,
        "treatment": candidate.treatment,
        "learner": candidate.learner,
        "seed": record.seed,
        "source": table.source,
        "fingerprint": table.fingerprint,
        "n_rows": table.n_rows,
        "n_positive": table.n_positive,
        "n_days": table.n_days,
        "left_out": dict(table.left_out),
        "folds": record.folds.kind,
        "goal": record.goal,
        "figures": {name: estimate.model_dump() for name, estimate in of_champion.metrics.items()},
        "reliability": of_champion.reliability,
        "verdict": record.verdict.model_dump(),
        "findings": [finding.model_dump() for finding in record.findings],
        "versions": record.versions,
    }


def _identity(table: Table, candidate: Candidate, record: TrialRecord) -> str:
    parts = [table.fingerprint, candidate.key, record.seed, record.goal, record.versions]
    return json.dumps(parts, sort_keys=True)


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def _evidence(table: Table, held: Sequence[Repeat], candidate: str) -> pl.DataFrame:
    """What the trial knew of each row that judged: enough to have its figures again.

    The repeat whose line ships stands first; what the others said of the same rows stands in columns of their own,
    whose names begin with the number of the repeat. Rows that trained and never judged, such as the first of folds in
    time, leave their keys, all of them with the first row: no row of theirs may count as one that judged.
    """
    shown = typical(held, candidate)
    case, rows = shown.case, np.flatnonzero(shown.case.judging)
    others = {
        f"repeat{number}_{name}": column
        for number, repeat in enumerate(held)
        if repeat is not shown
        for name, column in _said(repeat, candidate, table, rows).items()
    }
    weight = {} if case.weights is None else {"weight": case.weights[rows]}
    keys, only_trained = row_keys(table.X), ~case.judging
    unjudged = [keys[only_trained].tolist(), *([] for _ in rows[1:])]
    told_apart = {ONLY_TRAINED: pl.Series(unjudged, dtype=pl.List(pl.UInt64))} if only_trained.any() else {}
    return pl.DataFrame(
        {
            "key": keys[rows],
            "outcome": case.y[rows].astype(np.int8),
            **_said(shown, candidate, table, rows),
            **weight,
            **others,
            **told_apart,
        }
    )


def _said(repeat: Repeat, candidate: str, table: Table, rows: np.ndarray) -> dict[str, np.ndarray]:
    judged: Any = repeat.judged[candidate]
    fold = {"fold": repeat.case.fold_of[rows].astype(np.int16)}
    if isinstance(judged, ClassJudged):
        probabilities = {
            f"probability_{label}": judged.proba[rows, c] for c, label in enumerate(table.labels)
        }
        return {**fold, **probabilities, "decided": judged.decided[rows].astype(np.int16)}
    return {**fold, "probability": judged.proba[rows], "alert": judged.alerts[rows]}
