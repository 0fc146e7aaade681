"""One candidate, one fold: fit on the training part, score the test part; and the fit on all rows.

Runs anywhere, knows no engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from counterpoise.calibrate import CalibrationMap
from counterpoise.evaluate.candidates import Candidate, build
from counterpoise.evaluate.nesting import Inner
from counterpoise.evaluate.watch import check_scores, without_samplers
from counterpoise.table.frames import take

__all__ = ["PROGRAMS", "WARM_KERAS", "Fitted", "FoldScores", "fit_all_rows", "run_fold"]

WARM_KERAS = "counterpoise.evaluate.warm_keras"
"""What workers preload that are to fit networks."""

PROGRAMS = "programs"
"""The folder, beside the table, in which they keep what they compile."""


@dataclass(frozen=True)
class FoldScores:
    """What a candidate said about the test part of a fold.

    Attributes
    ----------
    proba : ndarray of shape (n_test,) or (n_test, n_classes), float64
        Probabilities with the prior put back by the closed form, before calibration. One column, of the positive
        class, for two classes.
    fit_seconds, predict_seconds : float
        Time of each.
    history : mapping or None
        By epoch, where the learner keeps one.
    inner : ndarray of shape (n_train,) or (n_train, n_classes), float64, or None
        The same of the training part, each row by a model of the training part that had not seen it; None where
        lines are not nested.
    """

    proba: np.ndarray
    fit_seconds: float
    predict_seconds: float
    history: Mapping[str, list[float | None]] | None = None
    inner: np.ndarray | None = None


@dataclass(frozen=True)
class Fitted:
    """A candidate that was fitted on all rows.

    Attributes
    ----------
    learner : estimator
        Fitted; knows nothing of samplers.
    calibration : CalibrationMap
        Puts the prior back by the closed form.
    """

    learner: Any
    calibration: CalibrationMap


def run_fold(
    table: str,
    features: list[str],
    y: str,
    weights: str | None,
    train: np.ndarray,
    test: np.ndarray,
    candidate: Candidate,
    random_state: int,
    n_threads: int | None = 1,
    inner: Inner = (),
) -> FoldScores:
    """Fit a candidate on one part of a table and score another.

    Parameters
    ----------
    table : str
        Arrow IPC file with the features.
    features : list of str
        The columns to use.
    y : str
        ``.npy`` file with the classes.
    weights : str or None
        ``.npy`` file with the weights.
    train, test : ndarray, int64
        Row numbers.
    candidate : Candidate
        What to fit.
    random_state : int
        Seeds learner and treatment.
    n_threads : int or None, default=1
        Threads to use.
    inner : tuple of pairs of ndarray, default=()
        Inner training and test rows, as positions in the training part, for nested lines.

    Returns
    -------
    FoldScores
        Probabilities and times.
    """
    _share_programs(table)
    part, rest = _rows(table, features, train), test
    labels = np.asarray(np.load(y, mmap_mode="r")[train])
    weight = None if weights is None else np.asarray(np.load(weights, mmap_mode="r")[train])
    nested = _nested(part, labels, weight, candidate, random_state, n_threads, inner) if inner else None
    started = time.perf_counter()
    judging = None if candidate.treatment_object is None else _rows(table, features, rest)
    model = build(candidate, random_state=random_state, n_threads=n_threads, judging=judging)
    model.fit(part, labels, sample_weight=weight)
    fitted = time.perf_counter()
    del part
    proba = _positive(model.predict_proba(_rows(table, features, rest)))
    ended = time.perf_counter()
    check_scores(proba, len(rest), candidate.learner)
    return FoldScores(proba, fitted - started, ended - fitted, _history(model), nested)


def fit_all_rows(
    table: str,
    features: list[str],
    y: str,
    weights: str | None,
    candidate: Candidate,
    random_state: int,
    n_threads: int | None = 1,
) -> Fitted:
    """Fit a candidate on a whole table.

    Parameters
    ----------
    table : str
        Arrow IPC file with the features.
    features : list of str
        The columns to use.
    y : str
        ``.npy`` file with the classes.
    weights : str or None
        ``.npy`` file with the weights.
    candidate : Candidate
        What to fit.
    random_state : int
        Seeds learner and treatment.
    n_threads : int or None, default=1
        Threads to use.

    Returns
    -------
    Fitted
        The learner and what puts the prior back.
    """
    _share_programs(table)
    model = build(candidate, random_state=random_state, n_threads=n_threads)
    model.fit(
        pl.read_ipc(table, columns=features),
        np.load(y),
        sample_weight=None if weights is None else np.load(weights),
    )
    return Fitted(without_samplers(model.learner_), model.map_)


def _share_programs(table: str) -> None:
    """Share what networks compile with other folds, in a worker that has Keras ready, where there is a place for it."""
    folder, warm = Path(table).parent / PROGRAMS, sys.modules.get(WARM_KERAS)
    if warm is not None and folder.is_dir():
        warm.share_programs(folder)


def _rows(table: str, features: list[str], rows: np.ndarray) -> pl.DataFrame:
    """Read some rows of an Arrow file, column by column, so that never more than one whole column is in memory."""
    parts: list[pl.DataFrame] = [take(pl.read_ipc(table, columns=[name]), rows) for name in features]
    return pl.concat(parts, how="horizontal")


def _nested(
    X: pl.DataFrame,
    y: np.ndarray,
    weight: np.ndarray | None,
    candidate: Candidate,
    random_state: int,
    n_threads: int | None,
    inner: Inner,
) -> np.ndarray:
    """Score each row of the training part by a model of the training part that had not seen it."""
    found: np.ndarray | None = None
    for train, test in inner:
        model = build(candidate, random_state=random_state, n_threads=n_threads)
        model.fit(take(X, train), y[train], sample_weight=None if weight is None else weight[train])
        scores = _positive(model.predict_proba(take(X, test)))
        found = np.full((X.height, *scores.shape[1:]), np.nan) if found is None else found
        found[test] = scores
    assert found is not None  # there are at least two inner folds
    return found


def _positive(proba: np.ndarray) -> np.ndarray:
    """Keep the positive class's column of two."""
    return np.ascontiguousarray(proba[:, 1] if proba.shape[1] == 2 else proba)


def _history(model: Any) -> dict[str, list[float | None]] | None:
    history = getattr(getattr(model, "learner_", model), "history_", None)
    if not isinstance(history, pl.DataFrame):
        return None
    return {
        name: [None if v is None else float(v) for v in history[name].to_list()] for name in history.columns
    }
