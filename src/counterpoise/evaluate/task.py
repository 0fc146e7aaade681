"""One candidate, one fold: fit on the training part, score the test part. Runs anywhere, knows no engine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from counterpoise.evaluate.candidates import Candidate, build
from counterpoise.table.frames import take

__all__ = ["FoldScores", "run_fold"]


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
    """

    proba: np.ndarray
    fit_seconds: float
    predict_seconds: float
    history: Mapping[str, list[float | None]] | None = None


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

    Returns
    -------
    FoldScores
        Probabilities and times.
    """
    X = pl.read_ipc(table, columns=features)
    labels = np.load(y, mmap_mode="r")
    weight = None if weights is None else np.load(weights, mmap_mode="r")[train]
    part, rest = take(X, train), take(X, test)
    del X
    model = build(candidate, random_state=random_state, n_threads=n_threads)
    started = time.perf_counter()
    model.fit(part, np.asarray(labels[train]), sample_weight=weight)
    fitted = time.perf_counter()
    del part
    proba = model.predict_proba(rest)
    ended = time.perf_counter()
    scores = proba[:, 1] if proba.shape[1] == 2 else proba
    return FoldScores(np.ascontiguousarray(scores), fitted - started, ended - fitted, _history(model))


def _history(model: Any) -> dict[str, list[float | None]] | None:
    history = getattr(getattr(model, "learner_", model), "history_", None)
    if not isinstance(history, pl.DataFrame):
        return None
    return {
        name: [None if v is None else float(v) for v in history[name].to_list()] for name in history.columns
    }
