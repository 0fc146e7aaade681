"""A saved model of several classes on a table of any size: counts of each class against the rest, over chunks.

Figures are those of `counterpoise.evaluate.several`, from sums and counts of scores that do not depend on how the table
is cut. Intervals are drawn on at most 200,000 rows of each class, chosen by the hash of their content, each with the
weight that puts its class back, and are centred on the exact figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from counterpoise.bundle import Model
from counterpoise.evaluate.again import class_words, goal_of, numbers_of_labels
from counterpoise.evaluate.chunk_counts import Counted, count_table, described_in_chunks
from counterpoise.evaluate.counting import SAMPLE, SUMS, figures_of
from counterpoise.scale import Engine, Step
from counterpoise.table.chunks import Chunks

__all__ = ["evaluate_classes"]

_NAME = "model"


def evaluate_classes(
    loaded: Model,
    model: str,
    chunks: Chunks,
    target: str,
    sizes: Mapping[Any, int],
    *,
    weight: str | None = None,
    group: str | None = None,
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
    group : str, optional
        The column of what is resampled together.
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
    whole = count_table(
        chunks,
        loaded,
        model,
        target,
        dict(zip(sizes, numbers, strict=True)),
        np.array([min(1.0, SAMPLE / max(1, n)) for n in n_rows.values()]),
        weight=weight,
        group=group,
        engine=engine,
        on_step=on_step,
    )
    return _found(loaded, whole, chunks)


def _found(model: Model, whole: Counted, chunks: Chunks) -> dict[str, Any]:
    """Turn sums into figures."""
    n_classes, goal, ranking = len(model.labels), goal_of(model), whole.rankings()
    *of_class, matrix = np.split(whole.sums(), len(SUMS) * np.arange(1, n_classes + 1))
    exact = [
        figures_of(dict(zip(SUMS, sums.tolist(), strict=True)), sorted({1.0, goal.beta}))
        | {name: found[0] for name, found in ranks.items()}
        for sums, ranks in zip(of_class, ranking, strict=True)
    ]
    drawn: Any = whole.figures(model, matrix[:-1].reshape(n_classes, n_classes).sum(axis=1))
    return {
        **described_in_chunks(model, whole, chunks),
        **class_words(drawn.centred_on(_NAME, exact, matrix, goal)),
        "ranking": {
            str(label): {
                **whole.precision_of_ranks(c),
                **{name: {"lowest": found[1], "highest": found[2]} for name, found in ranking[c].items()},
            }
            for c, label in enumerate(model.labels)
        },
    }
