"""A saved model on a table of any size: counts and sums over chunks, at a fixed memory.

What can be added up is added up over all rows, exactly, so that the figures of the whole are those of any chunks:
confusion counts, losses, and the ranking through `counterpoise.scale.ValueCounts`. Intervals come from all positives
and a weighted share of the negatives, chosen by the hash of their content, and are centred on the exact figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model, load
from counterpoise.chance import Streams
from counterpoise.decide.tally import carry, value_of
from counterpoise.errors import ModelError
from counterpoise.evaluate import intervals
from counterpoise.evaluate.again import known_rows
from counterpoise.evaluate.counting import (
    AT_ONCE,
    DRAWS,
    SAMPLE,
    SUMS,
    centred,
    figures_of,
    loaded_once,
    row_sums,
    stays_in_sample,
)
from counterpoise.evaluate.leaderboard import METRICS
from counterpoise.evaluate.records import Estimate
from counterpoise.evaluate.several_in_chunks import evaluate_classes
from counterpoise.scale import Engine, Step, class_sizes, run_pass
from counterpoise.scale.sketch import ValueCounts
from counterpoise.table.chunks import Chunk, Chunks

__all__ = ["count_chunk", "evaluate_chunks"]


@dataclass(frozen=True)
class _Counted:
    """What is known of the rows of some chunks."""

    scores: ValueCounts
    sums: np.ndarray
    sample: pl.DataFrame
    n_known: int


def evaluate_chunks(
    model: str,
    chunks: Chunks,
    target: str,
    *,
    weight: str | None = None,
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
            loaded, model, chunks, target, sizes, weight=weight, engine=engine, on_step=on_step
        )
    positive = _positive(loaded, target, sizes)
    n_rows = sum(sizes.values())
    arguments = {
        "model": model,
        "target": target,
        "positive": positive,
        "weight": weight,
        "share": min(1.0, SAMPLE / max(1, n_rows - sizes[positive])),
    }
    whole = _count(chunks, arguments, engine, on_step)
    return _found(loaded, whole, n_rows, sizes[positive])


def _positive(model: Model, target: str, sizes: Mapping[Any, int]) -> Any:
    found = [label for label in sizes if str(label) == str(model.labels[-1])]
    if not found:
        raise ModelError(
            f"The target {target!r} holds {', '.join(str(label) for label in list(sizes)[:8])}.",
            expected=f"Expected {model.labels[-1]!r} among them, which the model was trained to find.",
            why="Figures of another outcome would mean nothing.",
            hint="Check the column.",
        )
    return found[0]


def _count(
    chunks: Chunks,
    arguments: Mapping[str, Any],
    engine: Engine | None,
    on_step: Callable[[Step], None] | None,
) -> _Counted:
    function, held = "counterpoise.evaluate.streaming:count_chunk", []
    for _, counted in run_pass(chunks, function, arguments, engine=engine, on_step=on_step):
        held.append(counted)
        if len(held) == AT_ONCE:
            held = [_added(held)]
    return _added(held)


def _added(parts: list[_Counted]) -> _Counted:
    return _Counted(
        ValueCounts.merged([part.scores for part in parts]),
        reduce(lambda a, b: carry(a + b), [part.sums for part in parts]),
        pl.concat([part.sample for part in parts]),
        sum(part.n_known for part in parts),
    )


def count_chunk(
    chunk: Chunk, model: str, target: str, positive: Any, weight: str | None, share: float
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
    positive : object
        The positive label.
    weight : str or None
        The column of weights.
    share : float
        Share of the negatives to keep for the intervals.

    Returns
    -------
    _Counted
        Scores by class, sums, and the rows for intervals.
    """
    loaded, rows = loaded_once(model), chunk.read()
    features = loaded.schema.conform(rows)
    y = (rows[target] == positive).to_numpy()
    known = known_rows(loaded, features)
    proba, alerts, n_known = _judged(loaded, features, known)
    weights = None if weight is None else rows[weight].cast(pl.Float64).to_numpy()
    stays = y | stays_in_sample(known["key"].to_numpy(), share)
    sample = pl.DataFrame(
        {
            "y": y,
            "proba": proba,
            "alert": alerts,
            "weight": np.ones(len(y)) if weights is None else weights,
        }
    ).filter(pl.Series(stays))
    return _Counted(ValueCounts.of(proba, y, weights), row_sums(y, proba, alerts, weights), sample, n_known)


def _judged(model: Model, features: pl.DataFrame, known: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, int]:
    """Give probabilities and decisions; rows of the training table get those of a model that had not seen them."""
    proba = model.predict_proba(features)[:, 1]
    alerts = proba >= model.threshold
    found = known["fold"].is_not_null().to_numpy()
    proba = np.where(found, known["probability"].fill_null(0.0).to_numpy(), proba)
    alerts = np.where(found, known["alert"].fill_null(False).to_numpy(), alerts)
    return proba, alerts, int(found.sum())


# --- from sums to figures --------------------------------------------------------------------------------------


def _found(model: Model, whole: _Counted, n_rows: int, n_positive: int) -> dict[str, Any]:
    sums = dict(zip(SUMS, value_of(whole.sums).tolist(), strict=True))
    ranking = whole.scores.ranking()
    exact = {**figures_of(sums), **{name: found[0] for name, found in ranking.items()}}
    goal = str(model.operating_point.as_goal().metric)
    drawn = _intervals(whole.sample, sums, exact, int(model.facts.get("seed", 0)))
    names = [name for name in dict.fromkeys((*METRICS, goal)) if name in exact]
    figures = {name: _estimate(exact[name], drawn.get(name)).model_dump() for name in names}
    basis = "new rows, judged by the model"
    if whole.n_known:
        basis = (
            f"{whole.n_known} rows of the training table, each judged by a model that had not seen it, "
            f"and {n_rows - whole.n_known} others, judged by the model"
        )
    return {
        "basis": basis,
        "n_rows": n_rows,
        "goal": str(model.operating_point.goal),
        "version": model.version,
        "n_positive": n_positive,
        "threshold": model.threshold,
        "confusion": {name: sums[name] for name in ("tp", "fp", "fn", "tn")},
        "figures": {"goal": figures[goal], **figures} if goal in figures else figures,
        "ranking": {
            "exact": whole.scores.is_exact,
            "relative_width": whole.scores.relative_width,
            **{name: {"lowest": found[1], "highest": found[2]} for name, found in ranking.items()},
        },
    }


def _intervals(
    sample: pl.DataFrame, sums: Mapping[str, float], exact: Mapping[str, float], seed: int
) -> dict[str, intervals.Interval]:
    """Draw intervals on the rows kept, about the figures of all rows."""
    sample = sample.sort("proba", "y", "weight")  # whatever the chunks were
    y, weights = sample["y"].to_numpy(), sample["weight"].to_numpy()
    kept = float(weights[~y].sum())
    factor = (sums["fp"] + sums["tn"]) / kept if kept > 0 else 1.0
    proba, alerts = sample["proba"].to_numpy(), sample["alert"].to_numpy()
    draws = intervals.draw(
        y,
        {"model": intervals.Judged(proba, alerts, proba)},
        np.where(y, weights, weights * factor),
        betas=(1.0, 2.0),
        n_draws=DRAWS,
        random_state=Streams.of(seed).child("figures").seed(),
    )
    return centred(draws, "model", exact).intervals("model")


def _estimate(value: float, interval: intervals.Interval | None) -> Estimate:
    if np.isnan(value):
        return Estimate(value=None, why_undefined="there are no such rows")
    if interval is None or np.isnan(interval.lower):
        return Estimate(value=value)
    return Estimate(value=value, lower=float(interval.lower), upper=float(interval.upper))
