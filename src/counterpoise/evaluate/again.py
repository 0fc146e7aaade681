"""A saved model on a table with the outcome: rows it was trained on are judged by models that had not seen them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model
from counterpoise.errors import ModelError
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.judging import Case, Judged
from counterpoise.split import Fold, Folds
from counterpoise.table.hashing import row_keys
from counterpoise.table.table import Table

__all__ = ["evaluate_model", "known_rows"]

_KNOWN_SHARE = 0.99
"""From this share of known rows on, a table counts as (part of) the one the model was trained on."""


def known_rows(model: Model, features: pl.DataFrame, before: pl.Series | None = None) -> pl.DataFrame:
    """Look rows up among those that judged the model in its trial.

    Parameters
    ----------
    model : Model
        With its evidence.
    features : polars.DataFrame of n rows
        The model's features, in the types of the training table.
    before : polars.Series of uint64, optional
        Keys of the rows that came before these, where a table is looked up piece by piece.

    Returns
    -------
    polars.DataFrame of n rows
        ``key``; ``fold``, ``probability`` and ``alert`` of each row, null where it is not known. The k-th of
        several equal rows is taken for the k-th in training.
    """
    keys = pl.DataFrame({"key": row_keys(features)}).with_columns(turn=pl.int_range(pl.len()).over("key"))
    if before is not None and len(before):
        counted = pl.DataFrame({"key": before}).group_by("key").agg(earlier=pl.len().cast(pl.Int64))
        keys = keys.join(counted, on="key", how="left", maintain_order="left").select(
            "key", turn=pl.col("turn") + pl.col("earlier").fill_null(0)
        )
    if model.evidence is None:
        nothing = {"fold": pl.Int16, "probability": pl.Float64, "alert": pl.Boolean}
        return keys.select("key", *(pl.lit(None, dtype).alias(name) for name, dtype in nothing.items()))
    evidence = model.evidence.with_columns(turn=pl.int_range(pl.len()).over("key"))
    found = keys.join(evidence, on=["key", "turn"], how="left", maintain_order="left")
    return found.select("key", "fold", "probability", "alert")


def evaluate_model(model: Model, table: Table) -> dict[str, Any]:
    """Say how good a model is on a table.

    Parameters
    ----------
    model : Model
        Two classes.
    table : Table
        With the outcome; the positive label must be the model's.

    Returns
    -------
    dict
        ``basis`` (whose probabilities were judged), ``n_rows``, ``n_positive``, ``confusion``, and ``figures``:
        name to value, lower, upper, why_undefined.

    Raises
    ------
    ModelError
        If the table lacks features, has others of the same name, or another positive label.
    """
    if str(table.positive) != str(model.labels[-1]):
        raise ModelError(
            f"The table's positive label is {table.positive!r}.",
            expected=f"Expected {model.labels[-1]!r}, which the model was trained to find.",
            why="Figures of another outcome would mean nothing.",
            hint=f"Pass --positive {model.labels[-1]}.",
        )
    features = model.schema.conform(table.frame)
    known = known_rows(model, features)
    n_known = int(known["fold"].is_not_null().sum())
    if n_known >= _KNOWN_SHARE * table.n_rows:
        basis = f"{n_known} rows of the training table, each judged by a model that had not seen it"
        rows, proba, alerts, fold = _from_evidence(known)
    else:
        basis = "new rows, judged by the model"
        if n_known:
            basis += f" ({n_known} of them were in its training table, where it flatters itself)"
        proba = model.predict_proba(features)[:, 1]
        rows, alerts, fold = (
            np.arange(table.n_rows),
            proba >= model.threshold,
            np.zeros(table.n_rows, np.int64),
        )
    part = table.take(rows)
    figures, confusion = _figures(model, part, proba, alerts, fold)
    return {
        "basis": basis,
        "n_rows": part.n_rows,
        "n_positive": int(part.y.sum()),
        "goal": str(model.operating_point.goal),
        "threshold": model.threshold,
        "version": model.version,
        "confusion": confusion,
        "figures": figures,
    }


def _from_evidence(known: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows = known["fold"].is_not_null().arg_true().to_numpy()
    found = known[rows]
    return (
        rows,
        found["probability"].to_numpy(),
        found["alert"].to_numpy(),
        found["fold"].to_numpy().astype(np.int64),
    )


def _figures(
    model: Model, table: Table, proba: np.ndarray, alerts: np.ndarray, fold: np.ndarray
) -> tuple[dict[str, Any], dict[str, float]]:
    everything = np.arange(table.n_rows)
    numbers = np.unique(fold, return_inverse=True)[1]
    drawn_elsewhere = (-1,)  # the lines are given, so every fold judges
    folds = tuple(
        Fold(everything[numbers != k], everything[numbers == k], drawn_elsewhere)
        for k in range(int(numbers.max()) + 1)
    )
    goal = model.operating_point.as_goal()
    costs = {c: table.frame[c].cast(pl.Float64).to_numpy() for c in goal.columns if c in table.frame.columns}
    split = Folds(folds, "stratified", len(folds))
    case = Case(table.y, split, goal, table.weights, table.seconds, table.n_days, costs)
    judged = {"model": Judged(proba, alerts, np.array([]), model.operating_point, model.calibration)}
    found = Figures.of(case, judged, groups=table.groups, seed=int(model.facts.get("seed", 0)))
    return {name: each.model_dump() for name, each in found.estimates("model").items()}, found.confusion(
        "model"
    )
