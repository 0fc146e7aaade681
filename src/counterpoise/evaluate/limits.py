"""Comparisons under a goal with limits: each candidate at the line that just keeps them, drawn anew in every resample.

Where the goal is precision at a recall of 0.9, each candidate's line lands a little beside 0.9 on rows that it was not
drawn on, and whoever lands below gains precision by it. Such a difference is real and shown to be so, but it is luck
of the line, no merit of the treatment; and where many negatives lie between two positives, even at the same recall the
figure hangs on a single positive. So candidates are compared by the goal's figure at the best line within the limits on
all rows that judge, and that line is found again under each resample's weights: its luck is part of the interval.
Without this one trial in three finds a treatment "better" where nothing is (`bench/verdicts.py`).

The best line lies at a positive (or alerts nobody), so masses between consecutive positives are all that is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from counterpoise.decide import Constraint, Goal
from counterpoise.decide import confusion as cells
from counterpoise.evaluate import intervals
from counterpoise.evaluate.intervals import Draws
from counterpoise.evaluate.judging import Case, Judged
from counterpoise.evaluate.metrics import row_costs

__all__ = ["best_within_limits", "drawn_within_limits"]

_MOST_LINES = 2000
"""Lines that are tried at most, at evenly spread positives."""


def drawn_within_limits(
    case: Case,
    judged: Mapping[str, Judged],
    metric: str,
    *,
    costs: Mapping[str, Any] | None,
    n_positive: float,
    groups: np.ndarray | None,
    n_draws: int,
    random_state: int,
) -> Draws:
    """Resample the goal's figure at the best line within its limits.

    Parameters
    ----------
    case : Case
        With a goal that has limits.
    judged : mapping of str to Judged
        By candidate.
    metric : str
        The goal's own figure.
    costs : mapping or None
        ``fn``, ``fp`` ... of the rows that judge, where the figure is a cost.
    n_positive : float
        Effective number of positives, for the degrees of freedom.
    groups : ndarray of shape (n_judging,), optional
        Rows of one group are resampled together.
    n_draws : int
        Resamples.
    random_state : int
        Seed.

    Returns
    -------
    Draws
        With the one figure.
    """
    rows = np.flatnonzero(case.judging)
    y = case.y[rows] == 1
    weights = None if case.weights is None else case.weights[rows]
    per = {"table": 1.0, "day": case.days_of(case.judging) or 1.0}
    values, drawn = {}, {}
    for name, each in judged.items():
        line, n_lines = _lines(each.proba[rows], y)
        whole, resampled = intervals.draw_sums(
            _columns(y, line, n_lines, costs),
            weights,
            groups=groups,
            n_draws=n_draws,
            random_state=random_state,
        )
        values[name] = {metric: float(best_within_limits(whole[:, None], n_lines, case.goal, metric, per)[0])}
        drawn[name] = {metric: best_within_limits(resampled, n_lines, case.goal, metric, per)}
    return Draws(values, drawn, {name: {} for name in judged}, n_positive)


def _lines(proba: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the first line, from the highest, that alerts each row; rows that none alerts get the number after."""
    heights = np.unique(-proba[y])
    if len(heights) > _MOST_LINES:
        heights = heights[np.unique(np.linspace(0, len(heights) - 1, _MOST_LINES).astype(int))]
    return np.searchsorted(heights, -proba, side="left"), len(heights)


def _columns(y: np.ndarray, line: np.ndarray, n_lines: int, costs: Mapping[str, Any] | None) -> Any:
    """Lay out what is summed: positives and negatives between lines, then what alerting costs there and at all."""
    n, each = len(y), np.arange(len(y))
    place = line + np.where(y, 0, n_lines + 1)
    columns = [sparse.csr_matrix((np.ones(n), (each, place)), shape=(n, 2 * (n_lines + 1)))]
    if costs is not None:
        without, with_all = (row_costs(y, np.full(n, alerted), **costs) for alerted in (False, True))
        columns.append(sparse.csr_matrix((with_all - without, (each, line)), shape=(n, n_lines + 1)))
        columns.append(sparse.csr_matrix(without[:, None]))
    return sparse.hstack(columns)


def best_within_limits(
    sums: np.ndarray, n_lines: int, goal: Goal, metric: str, per: Mapping[str, float]
) -> np.ndarray:
    """Give the best value of a goal's figure among the lines that keep its limits.

    Parameters
    ----------
    sums : ndarray of shape (n_columns, n_draws)
        Masses of positives and of negatives that each line alerts first, those that none alerts last; where the
        figure is a cost, what alerting changes there, and the cost of alerting nobody.
    n_lines : int
        Lines.
    goal : Goal
        With its limits.
    metric : str
        Its figure.
    per : mapping of str to float
        By what limits on alerts of the table, and of the day, are multiplied.

    Returns
    -------
    ndarray of shape (n_draws,)
        Where no line keeps the limits: the figure of the line that alerts every positive.
    """
    n = n_lines + 1
    positive, negative = sums[:n], sums[n : 2 * n]
    tp, fp = (np.concatenate([np.zeros_like(m[:1]), np.cumsum(m, axis=0)]) for m in (positive, negative))
    fn, tn = tp[-1] - tp, fp[-1] - fp
    if metric == "cost":
        change = np.concatenate([np.zeros_like(sums[:1]), np.cumsum(sums[2 * n : 3 * n], axis=0)])
        values = -(sums[3 * n] + change) / (tp[-1] + fp[-1])
    else:
        values = np.asarray(cells.figure(metric)(tp, fp, fn, tn), dtype=np.float64)
    kept = np.all([_keeps(limit, tp, fp, fn, tn, per) for limit in goal.constraints], axis=0)
    with np.errstate(invalid="ignore"):
        best = np.max(np.where(kept & ~np.isnan(values), values, -np.inf), axis=0)
    found = np.where(np.isfinite(best), best, values[-1])
    return np.asarray(-found if metric == "cost" else found)


def _keeps(limit: Constraint, tp: Any, fp: Any, fn: Any, tn: Any, per: Mapping[str, float]) -> np.ndarray:
    """Say of each line whether it keeps a limit; a line that alerts nobody has no false alert."""
    if limit.metric == "alerts":
        scale = tp[-1] + fp[-1] if limit.per == "row" else per[limit.per]
        return np.asarray(tp + fp <= limit.limit * scale * (1.0 + 1e-9))
    reached = np.nan_to_num(
        np.asarray(cells.FIGURES[limit.metric](tp, fp, fn, tn), dtype=np.float64), nan=1.0
    )
    return np.asarray(reached >= limit.limit - 1e-9 if limit.sign == ">=" else reached <= limit.limit + 1e-9)
