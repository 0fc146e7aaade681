"""One pass of a saved model over chunks: what can be added up of its rows, and the rows that intervals are drawn on.

Rows of the training table are told apart by their keys on whichever worker reads them, and settled here, in their
order: the k-th of several equal rows is the k-th in training, wherever the table is cut. Ranks are counted within each
fold of the trial, as its own figures are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle import Model
from counterpoise.decide import Goal
from counterpoise.decide.tally import carry, limbs_of, value_of
from counterpoise.errors import RoleError
from counterpoise.evaluate.again import (
    check_costs,
    described,
    figures_on,
    goal_of,
    is_among,
    known_keys,
    n_repeats,
    no_rows_left,
    own_words,
    said_of,
)
from counterpoise.evaluate.counting import AT_ONCE, loaded_once, row_sums, stays_in_sample
from counterpoise.evaluate.figures import Figures
from counterpoise.evaluate.metrics import row_costs
from counterpoise.evaluate.several import LEAST_PROBABILITY
from counterpoise.scale import Engine, Step, run_pass
from counterpoise.scale.sketch import ValueCounts
from counterpoise.table.chunks import Chunk, Chunks
from counterpoise.table.hashing import row_keys

__all__ = ["Counted", "count_chunk", "count_table", "described_in_chunks"]

Said = Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]

_NEW = (0, -1)
_COST = "cost of "


@dataclass(frozen=True)
class Counted:
    """What is known of the rows of some chunks.

    Attributes
    ----------
    scores : mapping of (int, int) to tuple of ValueCounts
        By repeat and fold, those of the positive class or of each of several; new rows are fold -1 of the first repeat.
    new_sums, known_sums : ndarray of shape (2, n_sums), int64
        What is added up of new rows, and of known ones over all repeats.
    sample : polars.DataFrame
        Rows for intervals: what each repeat said of them stands in columns of its own.
    n_new, n_known, n_left_out : int
        Rows.
    times : int
        How often the trial dealt its rows.
    """

    new_sums: np.ndarray
    known_sums: np.ndarray
    sample: pl.DataFrame
    times: int
    n_new: int = 0
    n_known: int = 0
    n_left_out: int = 0
    scores: Mapping[tuple[int, int], tuple[ValueCounts, ...]] = field(default_factory=dict)

    @classmethod
    def added(cls, parts: Sequence[Counted]) -> Counted:
        """Add up.

        Parameters
        ----------
        parts : sequence of Counted
            At least one.

        Returns
        -------
        Counted
            Of all rows.
        """
        names = sorted({name for part in parts for name in part.scores})
        held = {name: [part.scores[name] for part in parts if name in part.scores] for name in names}
        return cls(
            reduce(lambda a, b: carry(a + b), [part.new_sums for part in parts]),
            reduce(lambda a, b: carry(a + b), [part.known_sums for part in parts]),
            pl.concat([part.sample for part in parts]),
            parts[0].times,
            sum(part.n_new for part in parts),
            sum(part.n_known for part in parts),
            sum(part.n_left_out for part in parts),
            {name: tuple(map(ValueCounts.merged, zip(*each, strict=True))) for name, each in held.items()},
        )

    @property
    def repeats(self) -> int:
        """How often rows are judged: new ones alone once."""
        return self.times if self.n_known else 1

    def sums(self) -> np.ndarray:
        """Give the sums of all rows, those of a known row as the mean over the repeats.

        Returns
        -------
        ndarray of shape (n_sums,), float64
            In the order in which they were counted.
        """
        return np.asarray(value_of(self.new_sums) + value_of(self.known_sums) / self.times)

    def rankings(self) -> list[dict[str, tuple[float, float, float]]]:
        """Give the figures of ranking, each with its bounds, within folds, averaged with their positives as weights.

        Returns
        -------
        list of dict of str to (value, lowest, highest)
            Of the positive class, or of each of several.
        """
        factors = {name: float(self.repeats if name == _NEW else 1.0) for name in self.scores}
        n_classes = len(next(iter(self.scores.values())))
        return [
            _mean_ranking([(self.scores[name][c], factor) for name, factor in factors.items()])
            for c in range(n_classes)
        ]

    def precision_of_ranks(self, c: int = 0) -> dict[str, Any]:
        """Say whether every score of a class was kept, and else how wide the bins are.

        Parameters
        ----------
        c : int, default=0
            Number of the class.

        Returns
        -------
        dict
            ``exact`` and ``relative_width``.
        """
        held = [each[c] for each in self.scores.values()]
        return {
            "exact": all(each.is_exact for each in held),
            "relative_width": max(each.relative_width for each in held),
        }

    def figures(self, model: Model, totals: np.ndarray) -> Figures:
        """Draw intervals on the rows kept, each with the weight that puts the total of its class back.

        Parameters
        ----------
        model : Model
            The model.
        totals : ndarray of shape (n_classes,)
            Weight of each class in all rows.

        Returns
        -------
        Figures
            Of the candidate "model", on the sample.
        """
        sample = self.sample.sort("row")
        y, weights = sample["y"].to_numpy(), sample["weight"].to_numpy()
        kept = np.bincount(y, weights, len(totals))
        factors = np.divide(totals, kept, out=np.ones(len(totals)), where=kept > 0)
        weights = weights * np.where(np.isclose(factors, 1.0, rtol=1e-12), 1.0, factors)[y]
        groups = None
        if "group" in sample.columns:
            groups = sample["group"].rank("dense").to_numpy().astype(np.int64) - 1
        return figures_on(
            model,
            [_said_in(sample, r, len(model.labels)) for r in range(self.repeats)],
            y,
            weights=None if (weights == 1.0).all() else weights,
            groups=groups,
            costs={
                name.removeprefix(_COST): sample[name].to_numpy()
                for name in sample.columns
                if name.startswith(_COST)
            },
        )


def described_in_chunks(model: Model, whole: Counted, chunks: Chunks) -> dict[str, Any]:
    """Say in words what was judged, and what is not known over chunks.

    Parameters
    ----------
    model : Model
        The model.
    whole : Counted
        Of all rows.
    chunks : Chunks
        The table.

    Returns
    -------
    dict
        What `evaluate_model` says beside the figures.
    """
    words = described(model, whole.n_known, whole.n_new, whole.n_left_out, whole.repeats)
    n_rows, time = whole.n_known + whole.n_new, model.schema.roles.get("time")
    if whole.sample.height < n_rows:
        words["notes"].append(
            f"Intervals are drawn on {whole.sample.height:,} of {n_rows:,} rows and centred on the figures of all."
        )
    if time in chunks.schema and len(model.labels) == 2:
        words["notes"].append("Figures by day are not counted over chunks.")
    return {
        **words,
        "n_rows": n_rows,
        "goal": str(model.operating_point.goal),
        "version": model.version,
    }


def _mean_ranking(parts: Sequence[tuple[ValueCounts, float]]) -> dict[str, tuple[float, float, float]]:
    mass = np.array([factor * counts.mass("positive").sum() for counts, factor in parts])
    has_negatives = np.array([counts.mass("negative").sum() > 0 for counts, _ in parts])
    found = [counts.ranking() for counts, _ in parts]
    area = np.array([each["average_precision"] for each in found])
    area[~has_negatives] = 1.0  # with nothing to be put before them, positives come first
    auc = np.array([each["roc_auc"] for each in found])
    return {
        name: _weighted(values, mass * counted)
        for name, values, counted in (
            ("average_precision", area, np.ones(len(mass))),
            ("roc_auc", auc, has_negatives),
        )
    }


def _weighted(values: np.ndarray, mass: np.ndarray) -> tuple[float, float, float]:
    some = mass > 0
    if not some.any():
        return (np.nan, np.nan, np.nan)
    value, lowest, highest = np.average(values[some], axis=0, weights=mass[some]).tolist()
    return value, lowest, highest


def count_table(
    chunks: Chunks,
    loaded: Model,
    model: str,
    target: str,
    numbers: Mapping[Any, int],
    shares: np.ndarray,
    *,
    weight: str | None = None,
    group: str | None = None,
    engine: Engine | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Counted:
    """Score all chunks and count what follows.

    Parameters
    ----------
    chunks : Chunks
        The table.
    loaded : Model
        The model.
    model : str
        Where it was loaded from, at a path that the engine's workers see.
    target : str
        The column with the outcome.
    numbers : mapping of label to int
        The model's number of each label of the table.
    shares : ndarray of shape (n_classes,)
        Share of the rows of each class to keep for the intervals.
    weight, group : str, optional
        Columns of weights, and of what is resampled together.
    engine : Engine, optional
        Where the pass runs; by default here.
    on_step : callable, optional
        Called with a `Step` after each chunk.

    Returns
    -------
    Counted
        Of all rows, the same in any chunks.

    Raises
    ------
    ModelError
        If the table lacks features or columns of costs, or every row was only trained on.
    """
    check_costs(loaded, chunks.schema)
    arguments = {
        "model": model,
        "target": target,
        "numbers": dict(numbers),
        "shares": shares,
        "weight": weight,
        "group": group,
    }
    function, held = "counterpoise.evaluate.chunk_counts:count_chunk", []
    before = pl.Series("key", [], dtype=pl.UInt64)
    for _, (counted, possible) in run_pass(chunks, function, arguments, engine=engine, on_step=on_step):
        held.append(counted)
        if possible.height:
            held.append(_settled(loaded, possible, before, shares))
            before = _remembered(loaded, pl.concat([before, possible["key"]]))
        if len(held) >= AT_ONCE:
            held = [Counted.added(held)]
    whole = Counted.added(held)
    if not whole.scores:
        raise no_rows_left(whole.n_left_out)
    return whole


def count_chunk(
    chunk: Chunk,
    model: str,
    target: str,
    numbers: Mapping[Any, int],
    shares: np.ndarray,
    weight: str | None,
    group: str | None,
) -> tuple[Counted, pl.DataFrame]:
    """Score a chunk and count the rows that are surely new.

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
    shares : ndarray of shape (n_classes,)
        Share of the rows of each class to keep for the intervals.
    weight, group : str or None
        Columns of weights, and of what is resampled together.

    Returns
    -------
    counted : Counted
        Of new rows.
    possible : polars.DataFrame
        The rows that are like some of the training table, scored.

    Raises
    ------
    RoleError
        If a weight or a group is missing.
    """
    loaded, rows = loaded_once(model), chunk.read()
    for role, name in (("weight", weight), ("group", group)):
        if name is not None and rows[name].null_count():
            raise _missing_in(role, name, rows[name].null_count(), chunk.file)
    features = loaded.schema.conform(rows)
    keys = row_keys(features)
    proba, decided = own_words(loaded, features)
    goal: Any = goal_of(loaded)
    costs = goal.columns if isinstance(goal, Goal) else ()
    scored = pl.DataFrame(
        {
            "row": chunk.start + np.arange(rows.height),
            "key": keys,
            "y": np.array([numbers[label] for label in rows[target].to_list()], dtype=np.int64),
            "weight": pl.Series(np.ones(rows.height)) if weight is None else rows[weight].cast(pl.Float64),
            "is_weighted": np.full(rows.height, weight is not None),
            **({} if group is None else {"group": rows[group]}),
            **{f"{_COST}{name}": rows[name].cast(pl.Float64) for name in costs},
            **_columns(proba, decided, np.full(rows.height, -1), 0),
        }
    )
    possible = pl.Series(is_among(keys, loaded.evidence_keys) | is_among(keys, loaded.only_trained_keys))
    new = scored.filter(~possible)
    said = [_said_in(new, 0, len(loaded.labels))]
    return _counted(loaded, new, said, shares), scored.filter(possible)


def _missing_in(role: str, name: str, n_missing: int, file: str) -> RoleError:
    return RoleError(
        f"The {role} column {name!r} has {n_missing} missing values in a chunk of {file!r}.",
        expected="Expected a value in every row.",
        why=f"A row without its {role} cannot be used, and dropping it in silence would bias the figures.",
        hint="Fill the values in, or remove those rows.",
    )


def _remembered(model: Model, keys: pl.Series) -> pl.Series:
    """Keep each key as often as rows of it were trained on at most: more of them say nothing more."""
    rows = pl.DataFrame({"key": keys}).with_columns(turn=pl.int_range(pl.len()).over("key"))
    of_row, times = keys.to_numpy(), np.zeros(len(keys), dtype=np.int64)
    for known in (model.evidence_keys, model.only_trained_keys):
        times += np.searchsorted(known, of_row, side="right") - np.searchsorted(known, of_row, side="left")
    return rows.filter(pl.Series(rows["turn"].to_numpy() < times))["key"]


def _settled(model: Model, possible: pl.DataFrame, before: pl.Series, shares: np.ndarray) -> Counted:
    """Count rows that are like some of the training table, after those that came before."""
    known = known_keys(model, possible["key"].to_numpy(), before)
    stays = ~known["only_trained"]
    rows, known = possible.filter(stays), known.filter(stays)
    proba, decided, _ = _said_in(rows, 0, len(model.labels))
    return _counted(model, rows, said_of(model, known, proba, decided, before), shares, int((~stays).sum()))


def _counted(
    model: Model, rows: pl.DataFrame, said: Said, shares: np.ndarray, n_left_out: int = 0
) -> Counted:
    times, is_new = n_repeats(model), said[0][2] < 0
    said = [*said] * times if len(said) < times else said
    y = rows["y"].to_numpy()
    weights = rows["weight"].to_numpy() if rows["is_weighted"].any() else None
    scores, known_sums = {}, _sums(model, rows, said[0], ~is_new & is_new)
    if is_new.any():
        scores[_NEW] = _values(model, y, said[0][0], weights, is_new)
    for r, each in enumerate(said):
        known_sums = carry(known_sums + _sums(model, rows, each, ~is_new))
        for k in np.unique(each[2][~is_new]).tolist():
            scores[r, k] = _values(model, y, each[0], weights, each[2] == k)
    sample = pl.DataFrame(
        {
            **{name: rows[name] for name in rows.columns if name in ("row", "y", "weight", "group")},
            **{name: rows[name] for name in rows.columns if name.startswith(_COST)},
            **{name: of for r, each in enumerate(said) for name, of in _columns(*each, r).items()},
        }
    ).filter(pl.Series(stays_in_sample(rows["key"].to_numpy(), shares[y])))
    return Counted(
        _sums(model, rows, said[0], is_new),
        known_sums,
        sample,
        times,
        int(is_new.sum()),
        int((~is_new).sum()),
        n_left_out,
        scores,
    )


def _columns(proba: np.ndarray, decided: np.ndarray, fold: np.ndarray, r: int) -> dict[str, np.ndarray]:
    """Lay out what a repeat said of rows."""
    by_class = proba[:, None] if proba.ndim == 1 else proba
    scores = {f"proba{r}_{c}": np.ascontiguousarray(by_class[:, c]) for c in range(by_class.shape[1])}
    return {f"fold{r}": fold.astype(np.int64), f"decided{r}": decided.astype(np.int64), **scores}


def _said_in(rows: pl.DataFrame, r: int, n_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    decided, fold = rows[f"decided{r}"].to_numpy(), rows[f"fold{r}"].to_numpy()
    if n_classes == 2:
        return rows[f"proba{r}_0"].to_numpy(), decided == 1, fold
    return rows.select(f"proba{r}_{c}" for c in range(n_classes)).to_numpy(), decided, fold


def _values(
    model: Model, y: np.ndarray, proba: np.ndarray, weights: np.ndarray | None, rows: np.ndarray
) -> tuple[ValueCounts, ...]:
    of_rows = None if weights is None else weights[rows]
    if len(model.labels) == 2:
        return (ValueCounts.of(proba[rows], y[rows] == 1, of_rows),)
    return tuple(ValueCounts.of(proba[rows, c], y[rows] == c, of_rows) for c in range(proba.shape[1]))


def _sums(
    model: Model, rows: pl.DataFrame, said: tuple[np.ndarray, np.ndarray, np.ndarray], chosen: np.ndarray
) -> np.ndarray:
    """Add up some rows: of several classes each against the rest, then truth by decision, and the losses."""
    y, weights = rows["y"].to_numpy()[chosen], rows["weight"].to_numpy()[chosen]
    proba, decided = said[0][chosen], said[1][chosen]
    goal: Any = goal_of(model)
    if len(model.labels) == 2:
        paid = None
        if goal.objective.costs:
            of_rows = {name: rows[f"{_COST}{name}"].to_numpy()[chosen] for name in goal.columns}
            paid = row_costs(y == 1, decided, **_costs_by_cell(goal, of_rows))
        return row_sums(y == 1, proba, decided, weights, paid)
    clipped = np.clip(proba, 0.0, 1.0)
    classes = range(proba.shape[1])
    return np.hstack(
        [
            *(row_sums(y == c, clipped[:, c], decided == c, weights) for c in classes),
            _matrix(y, decided, proba, weights),
        ]
    )


def _costs_by_cell(goal: Goal, of_rows: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        cell: cost.factor if cost.column is None else cost.factor * of_rows[cost.column]
        for cell, cost in goal.objective.costs
    }


def _matrix(y: np.ndarray, decided: np.ndarray, proba: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Add up rows by truth and decision, and their losses, in integers."""
    n_classes = proba.shape[1]
    limbs, cell = limbs_of(weights), y * n_classes + decided
    cells = np.zeros((2, n_classes**2), dtype=np.int64)
    for one, out in zip(limbs, cells, strict=True):
        np.add.at(out, cell, one)
    losses = -np.log(np.maximum(proba[np.arange(len(y)), y], LEAST_PROBABILITY))
    return carry(np.concatenate([cells, limbs_of(weights * losses).sum(axis=1, keepdims=True)], axis=1))
