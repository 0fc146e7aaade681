"""A saved model on a table with the outcome: rows it was trained on are judged by models that had not seen them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
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

__all__ = [
    "check_costs",
    "class_judged",
    "class_words",
    "described",
    "evaluate_model",
    "figures_on",
    "goal_of",
    "is_among",
    "is_same_label",
    "known_keys",
    "known_rows",
    "n_repeats",
    "no_rows_left",
    "numbers_of_labels",
    "own_words",
    "positive_among",
    "said_of",
    "words_of",
]

_NAME = "model"
_REPEAT = re.compile(r"repeat(\d+)_fold")
"""The column by which a repeat of the trial is known, other than the one whose line shipped."""

_NEW_FOLD = -1
"""The fold of rows that were in none."""


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
        ``decided``, the number of a class), null where it is not known; ``only_trained``, whether the row was trained
        on and no model judged it that had not seen it. The k-th of several equal rows is taken for the k-th in
        training, those that judged before those that only trained.
    """
    return known_keys(model, row_keys(features), before)


def known_keys(model: Model, keys: np.ndarray, before: pl.Series | None = None) -> pl.DataFrame:
    """Look rows up by their keys, as `known_rows` does by their features.

    Parameters
    ----------
    model : Model
        With its evidence.
    keys : ndarray of shape (n,), uint64
        Of the rows' features, as `counterpoise.table.hashing.row_keys` gives them.
    before : polars.Series of uint64, optional
        Keys of the rows that came before these.

    Returns
    -------
    polars.DataFrame of n rows
        As `known_rows` gives it.
    """
    found = _looked_up(model, pl.Series(keys), "", before)
    return found.with_columns(only_trained=pl.Series(_only_trained(model, found["key"], before)))


def _only_trained(model: Model, of_rows: pl.Series, before: pl.Series | None) -> np.ndarray:
    """Say which rows, beyond those equal ones that judged, were trained on."""
    keys = of_rows.to_numpy()
    found, possible = np.zeros(len(keys), dtype=bool), is_among(keys, model.only_trained_keys)
    rows = pl.DataFrame({"row": np.flatnonzero(possible).astype(np.uint32), "key": keys[possible]})
    turns = _turns(rows, before).sort("row")
    of_turn = turns["key"].to_numpy()
    n_judged = _times_among(of_turn, model.evidence_keys)
    turn = turns["turn"].to_numpy()
    found[possible] = (n_judged <= turn) & (turn < n_judged + _times_among(of_turn, model.only_trained_keys))
    return found


def _times_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Count how often each key is among some that are sorted."""
    return np.searchsorted(known, keys, side="right") - np.searchsorted(known, keys, side="left")


def _turns(rows: pl.DataFrame, before: pl.Series | None) -> pl.DataFrame:
    """Number equal rows, from 0, after those of the same key that came before."""
    turns = rows.with_columns(turn=pl.int_range(pl.len()).over("key"))
    if before is None or not len(before):
        return turns
    counted = pl.DataFrame({"key": before}).group_by("key").agg(earlier=pl.len().cast(pl.Int64))
    return turns.join(counted, on="key", how="left").select(
        "row", "key", turn=pl.col("turn") + pl.col("earlier").fill_null(0)
    )


def _looked_up(
    model: Model, of_rows: pl.Series, prefix: str, before: pl.Series | None = None
) -> pl.DataFrame:
    """Look rows up, by their keys, in the columns of the evidence whose names begin with a prefix."""
    keys = pl.DataFrame({"key": of_rows}).with_row_index("row")
    said = _said(model)
    if model.evidence is None:
        return keys.select("key", *(pl.lit(None, dtype).alias(name) for name, dtype in said.items()))
    few = keys.filter(pl.Series(is_among(keys["key"].to_numpy(), model.evidence_keys)))
    turns = _turns(few, before)
    evidence = (
        model.evidence.select("key", **{name: pl.col(f"{prefix}{name}") for name in said})
        .join(few.select("key"), on="key", how="semi", maintain_order="left")
        .with_columns(turn=pl.int_range(pl.len()).over("key"))
    )
    found = turns.join(evidence, on=["key", "turn"], how="left").drop("key", "turn")
    return keys.join(found, on="row", how="left", maintain_order="left").select("key", *said)


def is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Say which keys are among some that are sorted.

    Parameters
    ----------
    keys : ndarray of shape (n,), uint64
        What is looked for.
    known : ndarray of shape (m,), uint64
        Sorted.

    Returns
    -------
    ndarray of shape (n,), bool
        Which are there.
    """
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)


def n_repeats(model: Model) -> int:
    """Say how often the trial dealt the rows of the evidence.

    Parameters
    ----------
    model : Model
        With or without evidence.

    Returns
    -------
    int
        At least 1.
    """
    columns = [] if model.evidence is None else model.evidence.columns
    return 1 + sum(bool(_REPEAT.fullmatch(name)) for name in columns)


def _repeats(model: Model, known: pl.DataFrame, before: pl.Series | None = None) -> list[pl.DataFrame]:
    """Give what each repeat of the trial said of rows, in their order; `known` is of the one whose line shipped."""
    columns = [] if model.evidence is None else model.evidence.columns
    numbers = [int(found[1]) for name in columns if (found := _REPEAT.fullmatch(name))]
    shipped = next(number for number in range(len(numbers) + 1) if number not in numbers)
    of_other = {number: _looked_up(model, known["key"], f"repeat{number}_", before) for number in numbers}
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
        ``basis`` (whose probabilities were judged), ``notes`` (what else must be known), ``n_rows`` (that judged),
        ``n_left_out`` (trained on and never judged by a model that had not seen them), ``n_positive``, ``confusion``,
        and ``figures``: name to value, lower, upper, why_undefined. Several classes: ``classes``, a record each, and no
        positives and confusion.

    Raises
    ------
    ModelError
        If the table lacks features, has others of the same name, or other labels, or every row was only trained on.
    """
    several = len(model.labels) > 2
    y = _codes(model, table) if several else _outcome(model, table)
    check_costs(model, table.frame.columns)
    features = model.schema.conform(table.frame)
    known = known_rows(model, features)
    rows = np.flatnonzero(~known["only_trained"].to_numpy())
    if not len(rows):
        raise no_rows_left(table.n_rows)
    known, part = known[rows], table.take(rows)
    is_new = known["fold"].is_null().to_numpy()
    proba, decided = _of_new_rows(model, features[rows], is_new)
    said = said_of(model, known, proba, decided)
    found: Any = figures_on(
        model,
        said,
        y[rows],
        weights=part.weights,
        groups=part.groups,
        costs=_costs_of(model, part),
        seconds=part.seconds,
        n_days=part.n_days,
    )
    words = class_words(found) if several else words_of(model, found)
    return {
        **described(model, int((~is_new).sum()), int(is_new.sum()), table.n_rows - len(rows), len(said)),
        "n_rows": len(rows),
        "goal": str(model.operating_point.goal),
        "version": model.version,
        **words,
    }


def figures_on(
    model: Model,
    said: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    y: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    costs: Mapping[str, np.ndarray] | None = None,
    seconds: np.ndarray | None = None,
    n_days: float | None = None,
) -> Figures:
    """Draw the figures of what was said of rows.

    Parameters
    ----------
    model : Model
        The model.
    said : sequence of tuple of ndarray
        As `said_of` gives it.
    y : ndarray of shape (n,)
        Outcomes, as the model numbers them.
    weights, groups : ndarray of shape (n,), optional
        Weights, and what is resampled together.
    costs : mapping of str to ndarray of shape (n,), optional
        Columns that the goal names as costs.
    seconds : ndarray of shape (n,), optional
        Times.
    n_days : float, optional
        Days that the rows span.

    Returns
    -------
    Figures
        Of the candidate "model"; `ClassFigures` where there are several classes.
    """
    several, goal = len(model.labels) > 2, goal_of(model)
    judge: Any = class_judged if several else _judged
    repeats = [
        Repeat(
            Case(y, _given_folds(fold), goal, weights, seconds, n_days, costs or {}),
            judged={_NAME: judge(model, proba, decided)},
        )
        for proba, decided, fold in said
    ]
    case, judged, units = stacked(repeats, groups)
    seed = int(model.facts.get("seed", 0))
    if several:
        return ClassFigures.of_classes(case, judged, model.labels, groups=units, seed=seed)
    return Figures.of(case, judged, groups=units, seed=seed)


def check_costs(model: Model, columns: Collection[str]) -> None:
    """Refuse a table without the columns that the model's goal names as costs.

    Parameters
    ----------
    model : Model
        The model.
    columns : collection of str
        Of the table.

    Raises
    ------
    ModelError
        If one is absent.
    """
    goal = goal_of(model)
    absent = [name for name in goal.columns if name not in columns] if isinstance(goal, Goal) else []
    if absent:
        raise ModelError(
            f"The table has no column {', '.join(map(repr, absent))}.",
            expected=f"Expected the columns that the goal {goal.name!r} takes costs from.",
            why="Without them the goal has no figure.",
            hint="Add them to the table.",
        )


def _costs_of(model: Model, part: Table) -> dict[str, np.ndarray]:
    goal = goal_of(model)
    names = goal.columns if isinstance(goal, Goal) else ()
    return {name: part.frame[name].cast(pl.Float64).to_numpy() for name in names}


def _of_new_rows(model: Model, features: pl.DataFrame, is_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the model's own probabilities and decisions of rows that it has not seen; of the others nothing yet."""
    several, n = len(model.labels) > 2, len(is_new)
    proba = np.full((n, len(model.labels)) if several else n, np.nan)
    decided = np.zeros(n, dtype=np.int64 if several else bool)
    if is_new.any():
        proba[is_new], decided[is_new] = own_words(model, features.filter(pl.Series(is_new)))
    return proba, decided


def said_of(
    model: Model,
    known: pl.DataFrame,
    proba: np.ndarray,
    decided: np.ndarray,
    before: pl.Series | None = None,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Say what is to be judged of rows: of known ones what the trial said, of others what the model says.

    Parameters
    ----------
    model : Model
        With its evidence.
    known : polars.DataFrame of n rows
        As `known_keys` gives it.
    proba, decided : ndarray of shape (n,) or (n, n_classes), ndarray of shape (n,)
        The model's own; they need not be those of known rows.
    before : polars.Series of uint64, optional
        Keys of the rows that came before these.

    Returns
    -------
    list of tuple of ndarray
        Probabilities, decisions and fold (-1 where in none) of all rows, for each time that the trial dealt them; once
        where none is known.
    """
    is_known = known["fold"].is_not_null()
    if not is_known.any():
        return [(proba, decided, np.full(len(proba), _NEW_FOLD))]
    found, rows = [], is_known.to_numpy()
    for each in _repeats(model, known, before):
        of_trial = _from_evidence(model, each.filter(is_known))
        said = (proba.copy(), decided.copy(), np.full(len(proba), _NEW_FOLD))
        for whole, part in zip(said, of_trial, strict=True):
            whole[rows] = part
        found.append(said)
    return found


def described(model: Model, n_known: int, n_new: int, n_left_out: int, n_repeats: int) -> dict[str, Any]:
    """Say in words whose probabilities are judged.

    Parameters
    ----------
    model : Model
        The model.
    n_known, n_new, n_left_out : int
        Rows that judged in the trial, that are new, and that were trained on and never judged.
    n_repeats : int
        How often the trial dealt its rows.

    Returns
    -------
    dict
        ``basis``; ``n_left_out``; ``notes``, a list of sentences.
    """
    times = f", {n_repeats} times" if n_repeats > 1 else ""
    basis = f"{n_known} rows of the training table, each judged by a model that had not seen it{times}"
    if not n_known:
        basis = "new rows, judged by the model"
    elif n_new:
        basis += f", and {n_new} others, judged by the model"
    notes = []
    if n_left_out:
        notes.append(
            f"{n_left_out} rows were trained on and never judged by a model that had not seen them: left out of the "
            "figures."
        )
    if n_new and not model.knows_its_rows:
        notes.append(
            "The bundle does not hold the keys of all rows that the model was trained on, only of those that judged it "
            "in its trial: rows that only trained count as new here, and flatter it. Compare again for a bundle that "
            "tells them apart."
        )
    if n_known:
        notes.append(
            "Average precision and ROC AUC are taken within each fold of the trial and averaged with their positives "
            "as weights, as on the leaderboard"
            + ("; new rows count as one more fold." if n_new else ".")
            + " Scores of different models need not be comparable: pooled over folds the figures would differ."
        )
    return {"basis": basis, "n_left_out": n_left_out, "notes": notes}


def no_rows_left(n_rows: int) -> ModelError:
    """Say that no row is left to judge by.

    Parameters
    ----------
    n_rows : int
        Of the table.

    Returns
    -------
    ModelError
        To be raised.
    """
    return ModelError(
        f"All {n_rows} rows were trained on and never judged by a model that had not seen them.",
        expected="Expected rows that are new to the model, or that judged in its trial.",
        why="A model flatters itself on rows that it was trained on.",
        hint="Evaluate later rows, or the whole training table.",
    )


def _outcome(model: Model, table: Table) -> np.ndarray:
    if not is_same_label(table.positive, model.labels[-1]):
        raise ModelError(
            f"The table's positive label is {table.positive!r}.",
            expected=f"Expected {model.labels[-1]!r}, which the model was trained to find.",
            why="Figures of another outcome would mean nothing.",
            hint=f"Read the table with positive={model.labels[-1]!r}, or write its labels as the training table did.",
        )
    return np.asarray(table.y)


def is_same_label(one: Any, other: Any) -> bool:
    """Say whether two labels are one, written differently: 1 and 1.0, or a number and its text.

    Parameters
    ----------
    one, other : object
        Labels; pandas writes 1.0 for 1 as soon as a value was missing.

    Returns
    -------
    bool
        Whether their texts, or their numbers, are equal; a truth value is no number.
    """
    numbers = (int, float)
    are_numbers = isinstance(one, numbers) and isinstance(other, numbers)
    are_truths = isinstance(one, bool) or isinstance(other, bool)
    return str(one) == str(other) or (are_numbers and not are_truths and one == other)


def positive_among(model: Model, target: str, labels: Collection[Any]) -> Any:
    """Find the label that a model of two classes was trained to find.

    Parameters
    ----------
    model : Model
        Of two classes.
    target : str
        The column with the outcome.
    labels : collection
        What it holds.

    Returns
    -------
    object
        One of the labels.

    Raises
    ------
    ModelError
        If it is not among them.
    """
    found = [label for label in labels if is_same_label(label, model.labels[-1])]
    if not found:
        raise ModelError(
            f"The target {target!r} holds {', '.join(sorted(str(label) for label in labels)[:8])}.",
            expected=f"Expected {model.labels[-1]!r} among them, which the model was trained to find.",
            why="Figures of another outcome would mean nothing.",
            hint=f"Check the column, or write its labels as the training table did: {model.labels[0]!r} and "
            f"{model.labels[-1]!r}.",
        )
    return found[0]


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
    places = [
        next((k for k, known in enumerate(model.labels) if is_same_label(label, known)), None)
        for label in labels
    ]
    unknown = [str(label) for label, place in zip(labels, places, strict=True) if place is None]
    if unknown:
        known = ", ".join(map(str, model.labels))
        raise ModelError(
            f"The table has the labels {', '.join(unknown)}.",
            expected=f"Expected labels among {known}, which the model was trained to tell apart.",
            why="A class that the model does not know cannot be decided rightly.",
            hint="Leave these rows out, or compare again with them.",
        )
    return [place for place in places if place is not None]


def _from_evidence(model: Model, found: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fold = found["fold"].to_numpy().astype(np.int64)
    if len(model.labels) == 2:
        return np.asarray(found["probability"]), np.asarray(found["alert"]), fold
    return found.select(_columns(model)).to_numpy(), found["decided"].to_numpy().astype(np.int64), fold


def own_words(model: Model, features: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Give the model's own probabilities and decisions.

    Parameters
    ----------
    model : Model
        The model.
    features : polars.DataFrame of n rows
        Its features.

    Returns
    -------
    proba : ndarray of shape (n,) or (n, n_classes), float64
        Of the positive class, or of all of several.
    decided : ndarray of shape (n,)
        Whether alerted, or the number of the class.
    """
    proba = model.predict_proba(features)
    if len(model.labels) == 2:
        return proba[:, 1], proba[:, 1] >= model.threshold
    return proba, model.choose(proba)


def _given_folds(fold: np.ndarray) -> Folds:
    """Give folds whose lines were drawn elsewhere."""
    numbers, everything = np.unique(fold, return_inverse=True)[1], np.arange(len(fold))
    drawn_elsewhere = (-1,)
    folds = tuple(
        Fold(everything[numbers != k], everything[numbers == k], drawn_elsewhere)
        for k in range(int(numbers.max()) + 1)
    )
    return Folds(folds, "stratified", len(folds))


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


def words_of(model: Model, found: Figures) -> dict[str, Any]:
    """Lay figures of two classes out as plain values.

    Parameters
    ----------
    model : Model
        The model.
    found : Figures
        Of the candidate "model".

    Returns
    -------
    dict
        ``n_positive``, ``threshold``, ``confusion`` and ``figures``.
    """
    return {
        "n_positive": found.n_positive,
        "threshold": model.threshold,
        "confusion": found.confusion(_NAME),
        "figures": {name: each.model_dump() for name, each in found.estimates(_NAME).items()},
    }


def class_words(found: ClassFigures) -> dict[str, Any]:
    """Lay figures of several classes out as plain values.

    Parameters
    ----------
    found : ClassFigures
        Of the candidate "model".

    Returns
    -------
    dict
        ``classes`` and ``figures``.
    """
    return {
        "classes": [each.model_dump() for each in found.class_records(_NAME)],
        "figures": {name: each.model_dump() for name, each in found.estimates(_NAME).items()},
    }
