"""What a treatment does to a decision boundary, in two dimensions: an illustration, made on a sample of the rows.

Where a table has two numbers only, they are the dimensions; else the first two principal components of its
standardised numbers are. The champion's learner is fitted anew in these two dimensions with each treatment.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoise.chance import Streams
from counterpoise.decide import ClassGoal, Goal, ThresholdCurve
from counterpoise.errors import NotApplicable
from counterpoise.evaluate.candidates import UNTREATED, Candidate, build
from counterpoise.evaluate.records import BoundaryRecord
from counterpoise.resample import make_sampler
from counterpoise.resample.catalogue import SAMPLERS
from counterpoise.table.frames import features
from counterpoise.table.table import Table

__all__ = ["draw_boundaries"]

_MOST_POSITIVES, _MOST_NEGATIVES = 400, 1600
_MOST_POINTS = 300
_MOST_TREATMENTS = 6
_GRID = 40
_SLOW = frozenset({"mlp", "blend", "catboost"})
"""Learners that would take too long for an illustration; logistic regression stands in for them."""


def draw_boundaries(
    table: Table, chosen: Candidate, treatments: Sequence[str], goal: Goal | ClassGoal, seed: int
) -> list[BoundaryRecord]:
    """Fit the champion's learner in two dimensions with each treatment.

    Parameters
    ----------
    table : Table
        Of several classes the rarest is drawn against the others.
    chosen : Candidate
        The champion.
    treatments : sequence of str
        Names of treatments of the catalogue; six at most are drawn.
    goal : Goal or ClassGoal
        What the line is drawn for; of several classes, the F1 of the one that is drawn.
    seed : int
        Seeds sample and fits.

    Returns
    -------
    list of BoundaryRecord
        One a treatment, the untreated one first; none where there are fewer than two numbers.
    """
    seen = features(table.X)
    if seen.numeric.shape[1] < 2:
        return []
    streams = Streams.of(seed).child("boundaries")
    focus = 1 if table.is_binary else int(table.class_counts.argmin())
    rows = _sample(table.y == focus, streams.generator())
    plane, names, note = _plane(
        seen.numeric[rows].astype(np.float64), [seen.names[j] for j in seen.numeric_columns]
    )
    if not table.is_binary:
        note = f"{table.labels[focus]}, the rarest class, against all others. {note}".strip()
    y = table.y[rows].astype(np.int64)
    learner = "logistic" if chosen.learner in _SLOW or chosen.learner_object is not None else chosen.learner
    drawn: list[BoundaryRecord] = []
    for treatment in list(dict.fromkeys([UNTREATED, *treatments]))[:_MOST_TREATMENTS]:
        try:
            candidate = Candidate(treatment, learner)
            drawn.append(_draw(candidate, plane, y, focus, names, note, _line_goal(goal), streams.seed()))
        except NotApplicable:  # too few rows for this treatment in the sample: there is nothing to draw
            continue
    return drawn


def _line_goal(goal: Goal | ClassGoal) -> Goal:
    """Give what a line can be drawn for in two dimensions, where neither days nor columns of costs are known."""
    is_drawable = isinstance(goal, Goal) and not goal.columns and not goal.needs_days
    return goal if isinstance(goal, Goal) and is_drawable else Goal("f1")


def _sample(is_positive: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    parts = []
    for label, most in ((True, _MOST_POSITIVES), (False, _MOST_NEGATIVES)):
        rows = np.flatnonzero(is_positive == label)
        parts.append(rows if len(rows) <= most else chance.choice(rows, most, replace=False))
    return np.sort(np.concatenate(parts))


def _plane(numeric: np.ndarray, names: list[str]) -> tuple[np.ndarray, tuple[str, str], str]:
    """Give two columns, their names, and what they are."""
    middle = np.nanmedian(numeric, axis=0)
    filled = np.where(np.isnan(numeric), middle, numeric)
    if filled.shape[1] == 2:
        return filled, (names[0], names[1]), ""
    spread = filled.std(axis=0)
    scaled = (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    left, values, axes = np.linalg.svd(scaled, full_matrices=False)
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])
    share = float((values[:2] ** 2).sum() / (values**2).sum())
    note = f"The first two principal components of {len(names)} standardised numbers ({share:.0%} of their variance)."
    return left[:, :2] * values[:2] * signs, ("first component", "second component"), note


def _draw(
    candidate: Candidate,
    plane: np.ndarray,
    y: np.ndarray,
    focus: int,
    names: tuple[str, str],
    note: str,
    goal: Goal,
    seed: int,
) -> BoundaryRecord:
    model = build(candidate, random_state=seed).fit(plane, y)
    edges = [_edges(plane[:, j]) for j in (0, 1)]
    centres = [(e[1:] + e[:-1]) / 2 for e in edges]
    grid = np.stack(np.meshgrid(*centres), axis=-1).reshape(-1, 2)
    column = int(np.searchsorted(model.classes_, focus))
    scores = model.predict_proba(plane)[:, column]
    line = ThresholdCurve.from_scores(y == focus, scores).best(goal, nearest=True)
    return BoundaryRecord(
        candidate=candidate.name,
        x=names[0],
        y=names[1],
        x_edges=edges[0].tolist(),
        y_edges=edges[1].tolist(),
        probability=np.round(model.predict_proba(grid)[:, column], 5).reshape(_GRID, _GRID).tolist(),
        threshold=min(float(line.threshold), 1.0),
        points=_points(candidate.treatment, plane, y, focus, seed),
        note=f"{note} A sample of {len(y)} rows; an illustration, not the judged model.".strip(),
    )


def _edges(values: np.ndarray) -> np.ndarray:
    lower, upper = np.quantile(values, [0.005, 0.995])
    margin = 0.05 * (upper - lower) or 0.5
    return np.linspace(lower - margin, upper + margin, _GRID + 1)


def _points(
    treatment: str, plane: np.ndarray, y: np.ndarray, focus: int, seed: int
) -> dict[str, list[list[float]]]:
    kept, invented = np.ones(len(y), dtype=bool), plane[:0]
    if treatment in SAMPLERS:
        plan = make_sampler(treatment, random_state=seed).plan(plane, y)
        came = plan.provenance["kind"].to_numpy()
        invented = plan.rows(plane, y)[0][came == "invented"]
        kept = np.isin(np.arange(len(y)), plan.kept)
    groups = {
        "kept_positive": plane[kept & (y == focus)],
        "kept_negative": plane[kept & (y != focus)],
        "dropped": plane[~kept],
        "invented": invented,
    }
    return {name: _few(points) for name, points in groups.items()}


def _few(points: np.ndarray) -> list[list[float]]:
    step = max(1, -(-len(points) // _MOST_POINTS))
    return [[float(x), float(y)] for x, y in np.round(points[::step], 5)]
