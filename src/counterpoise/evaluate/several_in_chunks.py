"""A saved model of several classes on a table of any size: counts of each class against the rest, over chunks.

Figures are those of `counterpoise.evaluate.several`, from sums and counts of scores that do not depend on how the table
is cut. Intervals are drawn on at most 200,000 rows of each class, chosen by the hash of their content, each with the
weight that puts its class back, and are centred on the exact figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model
from counterpoise.decide.tally import carry, limbs_of, value_of
from counterpoise.evaluate.again import class_judged, goal_of, known_rows, numbers_of_labels
from counterpoise.evaluate.counting import (
    AT_ONCE,
    SAMPLE,
    SUMS,
    figures_of,
    loaded_once,
    row_sums,
    stays_in_sample,
)
from counterpoise.evaluate.judging import Case
from counterpoise.evaluate.several import LEAST_PROBABILITY, ClassFigures
from counterpoise.scale import Engine, Step, run_pass
from counterpoise.scale.sketch import ValueCounts
from counterpoise.split import Fold, Folds
from counterpoise.table.chunks import Chunk, Chunks

__all__ = ["count_classes", "evaluate_classes"]

_NAME = "model"


@dataclass(frozen=True)
class _Counted:
    """What is known of the rows of some chunks, class by class where it is of a class against the rest."""

    scores: tuple[ValueCounts, ...]
    sums: np.ndarray
    matrix: np.ndarray
    sample: pl.DataFrame
    n_known: int

    @classmethod
    def added(cls, parts: Sequence[_Counted]) -> _Counted:
        return cls(
            tuple(ValueCounts.merged(each) for each in zip(*(part.scores for part in parts), strict=True)),
            reduce(lambda a, b: carry(a + b), [part.sums for part in parts]),
            reduce(lambda a, b: carry(a + b), [part.matrix for part in parts]),
            pl.concat([part.sample for part in parts]),
            sum(part.n_known for part in parts),
        )


def evaluate_classes(
    loaded: Model,
    model: str,
    chunks: Chunks,
    target: str,
    sizes: Mapping[Any, int],
    *,
    weight: str | None = None,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> dict[str, Any]:
    """Say how good a model of several classes is on a table of any size.

    Parameters
    ----------
    loaded : Model
        The model.
    model : str
        Where it was loaded from, at a path that the engine's workers see.
    chunks : Chunks
        The table.
    target : str
        The column with the outcome.
    sizes : mapping of label to int
        Rows of each label.
    weight : str, optional
        The column of weights.
    engine : Engine, optional
        Where the pass runs; by default here.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    dict
        As `evaluate_model` gives it, and ``ranking`` by class.

    Raises
    ------
    ModelError
        If the table holds a label that the model does not know, or lacks features.
    """
    numbers = numbers_of_labels(loaded, list(sizes))
    n_rows = dict.fromkeys(range(len(loaded.labels)), 0)
    n_rows.update(zip(numbers, sizes.values(), strict=True))
    arguments = {
        "model": model,
        "target": target,
        "numbers": dict(zip(sizes, numbers, strict=True)),
        "weight": weight,
        "shares": np.array([min(1.0, SAMPLE / max(1, n)) for n in n_rows.values()]),
    }
    function, held = "counterpoise.evaluate.several_in_chunks:count_classes", []
    for _, counted in run_pass(chunks, function, arguments, engine=engine, on_step=on_step):
        held.append(counted)
        if len(held) == AT_ONCE:
            held = [_Counted.added(held)]
    return _found(loaded, _Counted.added(held), sum(sizes.values()))


def count_classes(
    chunk: Chunk,
    model: str,
    target: str,
    numbers: Mapping[Any, int],
    weight: str | None,
    shares: np.ndarray,
) -> _Counted:
    """Score a chunk and count what follows.

    Parameters
    ----------
    chunk : Chunk
        Some rows.
    model : str
        A bundle.
    target : str
        The column with the outcome.
    numbers : mapping of label to int
        The model's number of each label of the table.
    weight : str or None
        The column of weights.
    shares : ndarray of shape (n_classes,)
        Share of the rows of each class to keep for the intervals.

    Returns
    -------
    _Counted
        Scores and sums of each class, truth by decision, and the rows for intervals.
    """
    loaded, rows = loaded_once(model), chunk.read()
    features = loaded.schema.conform(rows)
    y = np.array([numbers[label] for label in rows[target].to_list()], dtype=np.int64)
    known = known_rows(loaded, features)
    proba, decided, n_known = _judged(loaded, features, known)
    weights = None if weight is None else rows[weight].cast(pl.Float64).to_numpy()
    classes = range(proba.shape[1])
    stays = stays_in_sample(known["key"].to_numpy(), shares[y])
    sample = pl.DataFrame(
        {
            "y": y,
            "decided": decided,
            "weight": np.ones(len(y)) if weights is None else weights,
            **{f"proba_{c}": proba[:, c] for c in classes},
        }
    ).filter(pl.Series(stays))
    clipped = np.clip(proba, 0.0, 1.0)
    return _Counted(
        tuple(ValueCounts.of(proba[:, c], y == c, weights) for c in classes),
        np.hstack([row_sums(y == c, clipped[:, c], decided == c, weights) for c in classes]),
        _matrix(y, decided, proba, weights),
        sample,
        n_known,
    )


def _judged(model: Model, features: pl.DataFrame, known: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """Give probabilities and decisions; rows of the training table get those of a model that had not seen them."""
    proba = model.predict_proba(features)
    decided = model.choose(proba)
    found = known["fold"].is_not_null().to_numpy()
    columns = [f"probability_{label}" for label in model.labels]
    proba[found] = known.filter(pl.Series(found)).select(columns).to_numpy()
    decided = np.where(found, known["decided"].fill_null(0).to_numpy(), decided)
    return proba, decided, int(found.sum())


def _matrix(y: np.ndarray, decided: np.ndarray, proba: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Add up rows by truth and decision, and their losses, in integers."""
    n_classes, w = proba.shape[1], np.ones(len(y)) if weights is None else weights
    limbs, cell = limbs_of(w), y * n_classes + decided
    cells = np.zeros((2, n_classes**2), dtype=np.int64)
    for one, out in zip(limbs, cells, strict=True):
        np.add.at(out, cell, one)
    losses = -np.log(np.maximum(proba[np.arange(len(y)), y], LEAST_PROBABILITY))
    return carry(np.concatenate([cells, limbs_of(w * losses).sum(axis=1, keepdims=True)], axis=1))


# --- from sums to figures --------------------------------------------------------------------------------------


def _found(model: Model, whole: _Counted, n_rows: int) -> dict[str, Any]:
    basis = "new rows, judged by the model"
    if whole.n_known:
        basis = (
            f"{whole.n_known} rows of the training table, each judged by a model that had not seen it, "
            f"and {n_rows - whole.n_known} others, judged by the model"
        )
    ranking = [scores.ranking() for scores in whole.scores]
    goal = goal_of(model)
    exact = [
        figures_of(dict(zip(SUMS, value_of(sums).tolist(), strict=True)), sorted({1.0, goal.beta}))
        | {name: found[0] for name, found in of_class.items()}
        for sums, of_class in zip(np.hsplit(whole.sums, len(ranking)), ranking, strict=True)
    ]
    figures = _drawn(model, whole, goal).centred_on(_NAME, exact, value_of(whole.matrix), goal)
    return {
        "basis": basis,
        "n_rows": n_rows,
        "goal": str(model.operating_point.goal),
        "version": model.version,
        "classes": [each.model_dump() for each in figures.class_records(_NAME)],
        "figures": {name: each.model_dump() for name, each in figures.estimates(_NAME).items()},
        "ranking": {
            str(label): {
                "exact": scores.is_exact,
                "relative_width": scores.relative_width,
                **{name: {"lowest": found[1], "highest": found[2]} for name, found in of_class.items()},
            }
            for label, scores, of_class in zip(model.labels, whole.scores, ranking, strict=True)
        },
    }


def _drawn(model: Model, whole: _Counted, goal: Any) -> ClassFigures:
    """Draw intervals on the rows kept, each with the weight that puts the total of its class back."""
    sample, n_classes = whole.sample, len(model.labels)
    y, weights = sample["y"].to_numpy(), sample["weight"].to_numpy()
    kept = np.bincount(y, weights, n_classes)
    total = value_of(whole.matrix)[:-1].reshape(n_classes, n_classes).sum(axis=1)
    factors = np.divide(total, kept, out=np.ones(n_classes), where=kept > 0)
    weights = weights * np.where(np.isclose(factors, 1.0, rtol=1e-12), 1.0, factors)[y]
    everything = np.arange(len(y))
    fold = Fold(everything[:0], everything, (-1,))  # its line was drawn elsewhere
    case = Case(
        y, Folds((fold,), "stratified", 1), goal, None if (weights == 1.0).all() else weights, None, None, {}
    )
    proba = sample.select(f"proba_{c}" for c in range(n_classes)).to_numpy()
    judged = class_judged(model, proba, sample["decided"].to_numpy())
    return ClassFigures.of_classes(case, {_NAME: judged}, model.labels, seed=int(model.facts.get("seed", 0)))
