"""A saved model on a table of any size: counts and sums over chunks, at a fixed memory.

What can be added up is added up over all rows, exactly, so that the figures of the whole are those of any chunks:
confusion counts, losses, and the ranking through `counterpoise.scale.ValueCounts`. Intervals come from all positives
and a weighted share of the negatives, chosen by the hash of their content, and are centred on the exact figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from counterpoise.bundle import Model, load
from counterpoise.evaluate.again import positive_among, words_of
from counterpoise.evaluate.chunk_counts import Counted, count_table, described_in_chunks
from counterpoise.evaluate.counting import SAMPLE, SUMS, centred, figures_of
from counterpoise.evaluate.several_in_chunks import evaluate_classes
from counterpoise.scale import Engine, Step, class_sizes
from counterpoise.table.chunks import Chunks

__all__ = ["evaluate_chunks"]


_NAME = "model"


def evaluate_chunks(
    model: str,
    chunks: Chunks,
    target: str,
    *,
    weight: str | None = None,
    group: str | None = None,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> dict[str, Any]:
    """Say how good a model is on a table of any size.

    Parameters
    ----------
    model : str
        A bundle, at a path that the engine's workers see.
    chunks : Chunks
        The table.
    target : str
        The column with the outcome.
    weight : str, optional
        The column of weights.
    group : str, optional
        The column of what is resampled together.
    engine : Engine, optional
        Where the passes run; by default here.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    dict
        As `evaluate_model` gives it; and ``ranking``, what is known of the precision of the figures of ranking (of
        several classes one each).

    Raises
    ------
    ModelError
        If the table lacks features, or the positive label; or holds a label that the model does not know.
    """
    loaded = load(model)
    sizes = class_sizes(chunks, target, engine=engine)
    if len(loaded.labels) > 2:
        return evaluate_classes(
            loaded, model, chunks, target, sizes, weight=weight, group=group, engine=engine, on_step=on_step
        )
    positive, n_rows = positive_among(loaded, target, sizes), sum(sizes.values())
    shares = np.array([min(1.0, SAMPLE / max(1, n_rows - sizes[positive])), 1.0])
    numbers = {label: int(label == positive) for label in sizes}
    whole = count_table(
        chunks,
        loaded,
        model,
        target,
        numbers,
        shares,
        weight=weight,
        group=group,
        engine=engine,
        on_step=on_step,
    )
    return _found(loaded, whole, chunks)


def _found(model: Model, whole: Counted, chunks: Chunks) -> dict[str, Any]:
    """Turn sums into figures."""
    sums = dict(zip(SUMS, whole.sums().tolist(), strict=True))
    [ranking] = whole.rankings()
    goal = model.operating_point.as_goal()
    exact = figures_of(sums, sorted({1.0, 2.0, goal.objective.beta}))
    exact |= {name: found[0] for name, found in ranking.items()}
    drawn = whole.figures(model, np.array([sums["fp"] + sums["tn"], sums["tp"] + sums["fn"]]))
    figures = replace(
        drawn,
        draws=centred(drawn.draws, _NAME, exact),
        counts={_NAME: {name: sums[name] for name in ("tp", "fp", "fn", "tn")}},
    )
    return {
        **described_in_chunks(model, whole, chunks),
        **words_of(model, figures),
        "ranking": {
            **whole.precision_of_ranks(),
            **{name: {"lowest": found[1], "highest": found[2]} for name, found in ranking.items()},
        },
    }
