"""A saved model on a table with the outcome: rows it was trained on are judged by models that had not seen them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model
from counterpoise.decide import ClassGoal, ClassRule, CostMatrix, Goal
from counterpoise.errors import ModelError
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.judging import Case, Judged
from counterpoise.evaluate.repeating import Repeat, stacked
from counterpoise.evaluate.several import ClassFigures, ClassJudged
from counterpoise.split import Fold, Folds
from counterpoise.table.hashing import row_keys
from counterpoise.table.table import Table

__all__ = ["class_judged", "evaluate_model", "goal_of", "known_rows", "numbers_of_labels"]

_NAME = "model"
_REPEAT = re.compile(r"repeat(\d+)_fold")
"""The column by which a repeat of the trial is known, other than the one whose line shipped."""

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
        ``key``; ``fold``, ``probability`` and ``alert`` of each row (several classes: ``probability_<label>`` each, and
        ``decided``, the number of a class), null where it is not known. The k-th of several equal rows is taken for
        the k-th in training.
    """
    return _looked_up(model, pl.Series(row_keys(features)), "", before)


def _looked_up(
    model: Model, of_rows: pl.Series, prefix: str, before: pl.Series | None = None
) -> pl.DataFrame:
    """Look rows up, by their keys, in the columns of the evidence whose names begin with a prefix."""
    keys = pl.DataFrame({"key": of_rows}).with_row_index("row")
    said = _said(model)
    if model.evidence is None:
        return keys.select("key", *(pl.lit(None, dtype).alias(name) for name, dtype in said.items()))
    few = keys.filter(pl.Series(_is_among(keys["key"].to_numpy(), model.evidence_keys)))
    turns = few.with_columns(turn=pl.int_range(pl.len()).over("key"))
    if before is not None and len(before):
        counted = pl.DataFrame({"key": before}).group_by("key").agg(earlier=pl.len().cast(pl.Int64))
        turns = turns.join(counted, on="key", how="left").select(
            "row", "key", turn=pl.col("turn") + pl.col("earlier").fill_null(0)
        )
    evidence = (
        model.evidence.select("key", **{name: pl.col(f"{prefix}{name}") for name in said})
        .join(few.select("key"), on="key", how="semi", maintain_order="left")
        .with_columns(turn=pl.int_range(pl.len()).over("key"))
    )
    found = turns.join(evidence, on=["key", "turn"], how="left").drop("key", "turn")
    return keys.join(found, on="row", how="left", maintain_order="left").select("key", *said)


def _is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Say which keys are among some that are sorted."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)


def _repeats(model: Model, known: pl.DataFrame) -> list[pl.DataFrame]:
    """Give what each repeat of the trial said of rows, in their order; `known` is of the one whose line shipped."""
    columns = [] if model.evidence is None else model.evidence.columns
    numbers = [int(found[1]) for name in columns if (found := _REPEAT.fullmatch(name))]
    shipped = next(number for number in range(len(numbers) + 1) if number not in numbers)
    of_other = {number: _looked_up(model, known["key"], f"repeat{number}_") for number in numbers}
    return [known if number == shipped else of_other[number] for number in sorted([shipped, *numbers])]


def _said(model: Model) -> dict[str, type[pl.DataType]]:
    """Name what evidence says of a row."""
    if len(model.labels) == 2:
        return {"fold": pl.Int16, "probability": pl.Float64, "alert": pl.Boolean}
    return {"fold": pl.Int16, **dict.fromkeys(_columns(model), pl.Float64), "decided": pl.Int16}


def _columns(model: Model) -> list[str]:
    return [f"probability_{label}" for label in model.labels]


def evaluate_model(model: Model, table: Table) -> dict[str, Any]:
    """Say how good a model is on a table.

    Parameters
    ----------
    model : Model
        From a bundle or a trial.
    table : Table
        With the outcome; of two classes the positive label must be the model's, of several every label must be known
        to it.

    Returns
    -------
    dict
        ``basis`` (whose probabilities were judged), ``n_rows``, ``n_positive``, ``confusion``, and ``figures``:
        name to value, lower, upper, why_undefined. Several classes: ``classes``, a record each, instead of positives
        and confusion.

    Raises
    ------
    ModelError
        If the table lacks features, has others of the same name, or other labels.
    """
    several = len(model.labels) > 2
    y = _codes(model, table) if several else _outcome(model, table)
    features = model.schema.conform(table.frame)
    known = known_rows(model, features)
    n_known = int(known["fold"].is_not_null().sum())
    if n_known >= _KNOWN_SHARE * table.n_rows:
        basis = f"{n_known} rows of the training table, each judged by a model that had not seen it"
        rows = known["fold"].is_not_null().arg_true().to_numpy()
        said = [_from_evidence(model, each[rows]) for each in _repeats(model, known)]
        basis += f", {len(said)} times" if len(said) > 1 else ""
    else:
        basis = "new rows, judged by the model"
        if n_known:
            basis += f" ({n_known} of them were in its training table, where it flatters itself)"
        rows, fold = np.arange(table.n_rows), np.zeros(table.n_rows, np.int64)
        said = [(*_from_model(model, features), fold)]
    found = {
        "basis": basis,
        "n_rows": len(rows),
        "goal": str(model.operating_point.goal),
        "version": model.version,
    }
    judge: Any = class_judged if several else _judged
    repeats = [
        Repeat(_case(model, table, y, rows, fold), judged={_NAME: judge(model, proba, decided)})
        for proba, decided, fold in said
    ]
    case, judged, units = stacked(repeats, None if table.groups is None else table.groups[rows])
    return {**found, **(_class_figures if several else _figures)(model, case, judged, units)}


def _outcome(model: Model, table: Table) -> np.ndarray:
    if str(table.positive) != str(model.labels[-1]):
        raise ModelError(
            f"The table's positive label is {table.positive!r}.",
            expected=f"Expected {model.labels[-1]!r}, which the model was trained to find.",
            why="Figures of another outcome would mean nothing.",
            hint=f"Pass --positive {model.labels[-1]}.",
        )
    return np.asarray(table.y)


def _codes(model: Model, table: Table) -> np.ndarray:
    """Number the table's labels as the model does."""
    return np.asarray(np.array(numbers_of_labels(model, table.labels), dtype=np.int64)[table.y])


def numbers_of_labels(model: Model, labels: Sequence[Any]) -> list[int]:
    """Give a table's labels the numbers that a model of several classes has for them.

    Parameters
    ----------
    model : Model
        Of several classes.
    labels : sequence
        Of a table.

    Returns
    -------
    list of int
        Places in the model's labels.

    Raises
    ------
    ModelError
        If the model does not know one.
    """
    names = [str(label) for label in model.labels]
    unknown = [str(label) for label in labels if str(label) not in names]
    if unknown:
        raise ModelError(
            f"The table has the labels {', '.join(unknown)}.",
            expected=f"Expected labels among {', '.join(names)}, which the model was trained to tell apart.",
            why="A class that the model does not know cannot be decided rightly.",
            hint="Leave these rows out, or compare again with them.",
        )
    return [names.index(str(label)) for label in labels]


def _from_evidence(model: Model, found: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fold = found["fold"].to_numpy().astype(np.int64)
    if len(model.labels) == 2:
        return np.asarray(found["probability"]), np.asarray(found["alert"]), fold
    return found.select(_columns(model)).to_numpy(), found["decided"].to_numpy().astype(np.int64), fold


def _from_model(model: Model, features: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    proba = model.predict_proba(features)
    if len(model.labels) == 2:
        return proba[:, 1], proba[:, 1] >= model.threshold
    return proba, model.choose(proba)


def _case(model: Model, table: Table, y: np.ndarray, rows: np.ndarray, fold: np.ndarray) -> Case:
    """Lay out rows whose lines, or rules, are given, so that every fold judges."""
    part, everything = table.take(rows), np.arange(len(rows))
    numbers = np.unique(fold, return_inverse=True)[1]
    drawn_elsewhere = (-1,)
    folds = tuple(
        Fold(everything[numbers != k], everything[numbers == k], drawn_elsewhere)
        for k in range(int(numbers.max()) + 1)
    )
    goal, costs = goal_of(model), {}
    if isinstance(goal, Goal):
        costs = {
            c: part.frame[c].cast(pl.Float64).to_numpy() for c in goal.columns if c in part.frame.columns
        }
    split = Folds(folds, "stratified", len(folds))
    return Case(y[rows], split, goal, part.weights, part.seconds, part.n_days, costs)


def goal_of(model: Model) -> Any:
    """Give the goal that a model's line, or rule, was drawn for.

    Parameters
    ----------
    model : Model
        Of two classes or several.

    Returns
    -------
    Goal or ClassGoal
        As it can be held against decisions.
    """
    if len(model.labels) == 2:
        return model.operating_point.as_goal()
    if model.rule is not None and model.rule.costs is not None:
        return ClassGoal(matrix=CostMatrix(model.rule.costs, model.labels))
    return ClassGoal.parse(model.operating_point.goal, model.labels)


def _judged(model: Model, proba: np.ndarray, alerts: np.ndarray) -> Judged:
    return Judged(proba, alerts, np.array([]), model.operating_point, model.calibration)


def class_judged(model: Model, proba: np.ndarray, decided: np.ndarray) -> ClassJudged:
    """Lay out what a model of several classes said.

    Parameters
    ----------
    model : Model
        Of several classes.
    proba : ndarray of shape (n, n_classes), float64
        Probabilities.
    decided : ndarray of shape (n,), int64
        Numbers of the classes chosen.

    Returns
    -------
    ClassJudged
        As its trial has it.
    """
    rule = model.rule or ClassRule(model.operating_point.goal, (1.0,) * len(model.labels))
    return ClassJudged(proba, decided, rule, model.operating_point, model.calibration)


def _figures(model: Model, case: Case, judged: Mapping[str, Any], units: np.ndarray | None) -> dict[str, Any]:
    found = Figures.of(case, judged, groups=units, seed=_seed(model))
    return {
        "n_positive": int(case.y.sum()) // case.n_repeats,
        "threshold": model.threshold,
        "confusion": found.confusion(_NAME),
        "figures": _plain(found),
    }


def _class_figures(
    model: Model, case: Case, judged: Mapping[str, Any], units: np.ndarray | None
) -> dict[str, Any]:
    found = ClassFigures.of_classes(case, judged, model.labels, groups=units, seed=_seed(model))
    return {
        "classes": [each.model_dump() for each in found.class_records(_NAME)],
        "figures": _plain(found),
    }


def _seed(model: Model) -> int:
    return int(model.facts.get("seed", 0))


def _plain(found: Figures) -> dict[str, Any]:
    return {name: each.model_dump() for name, each in found.estimates(_NAME).items()}
