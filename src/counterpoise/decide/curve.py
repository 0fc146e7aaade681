"""Every line that scores allow, with what each would catch and miss.

One sort gives all of them: each distinct score is a line (rows with that score or more are alerted), and above them
all stands the line that alerts nobody. Ties stay together, weights are added exactly, and curves of parts merge to
the curve of the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from counterpoise.calibrate.inputs import as_numbers, as_outcome, as_scores, as_weights, same_length
from counterpoise.decide.bounds import effective
from counterpoise.decide.confusion import f_beta, figure
from counterpoise.decide.goal import Goal
from counterpoise.decide.point import OperatingPoint
from counterpoise.decide.tally import HIGH_BITS, carry, check_sum, limbs_of, value_of, widen
from counterpoise.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ThresholdCurve"]

_WORDS = 2**64
_FINITE = float(np.finfo(np.float64).max)
_BLOCK = 1 << 15
"""Rows whose weights are added at a time: they stay in a core's cache."""


class ThresholdCurve:  # numpydoc ignore=PR01
    """The exact confusion counts at every line.

    Make one with `from_scores`. The arrays run from the strictest line (alert nobody, threshold infinity) to the
    loosest (alert every row).

    Attributes
    ----------
    thresholds : ndarray of shape (n_lines,), float64
        Infinity, then every distinct score from the highest; a row is alerted when its score is at least that.
    tp, fp, fn, tn : ndarray of shape (n_lines,), float64
        Weighted confusion counts at each line.
    n_rows : int
        Rows behind the curve.
    n_positive : int
        Positive rows behind it, unweighted.

    Examples
    --------
    >>> curve = ThresholdCurve.from_scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.thresholds.tolist(), curve.tp.tolist(), curve.fp.tolist()
    ([inf, 0.8, 0.4, 0.35, 0.1], [0.0, 1.0, 1.0, 2.0, 2.0], [0.0, 0.0, 1.0, 1.0, 2.0])
    >>> round(curve.best("f1").threshold, 4)
    0.225
    """

    def __init__(
        self,
        scores: np.ndarray,
        masses: dict[str, np.ndarray],
        n_rows: int,
        n_positive: int,
        rows: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None = None,
        counts: _Counts | None = None,
    ) -> None:
        self._scores = scores
        self._masses = masses
        self._counts = counts
        self.n_rows = n_rows
        self.n_positive = n_positive
        self._rows = rows

    @classmethod
    def from_scores(
        cls,
        y_true: Any,
        scores: Any,
        sample_weight: Any = None,
        *,
        columns: Mapping[str, Any] | None = None,
        positive: Any = None,
    ) -> ThresholdCurve:
        """Count what every line catches and misses.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            Outcome: 0/1, -1/1, boolean, or any two labels with `positive` given.
        scores : array-like of shape (n_rows,)
            Probabilities or any scores, higher for likelier positives.
        sample_weight : array-like of shape (n_rows,), optional
            Non-negative weights.
        columns : mapping of str to array-like of shape (n_rows,), optional
            Columns that a goal names as costs of rows, for example ``{"amount": amounts}``; non-negative.
        positive : object, optional
            Label of the positive class.

        Returns
        -------
        ThresholdCurve
            The curve.

        Raises
        ------
        InputError
            If lengths differ, a score is NaN, a weight or an amount is negative, or the outcome has not two classes
            at most.
        """
        outcome, values = as_outcome(y_true, positive=positive), as_scores(scores)
        same_length(outcome.shape[0], scores=values)
        weights = as_weights(sample_weight, outcome.shape[0])
        if np.isinf(values).any():
            values = np.clip(values, -_FINITE, _FINITE)
        amounts = {name: _as_amounts(name, each, outcome.shape[0]) for name, each in (columns or {}).items()}
        rows = (outcome, values, weights)
        n_rows, n_positive = int(outcome.shape[0]), int(outcome.sum())
        if weights is None and not amounts:
            distinct, counts = _count_rows(outcome, values, n_positive)
            return cls(distinct, {}, n_rows, n_positive, rows, counts)
        return cls(*_count(outcome, values, weights, amounts), n_rows, n_positive, rows)

    # --- the arrays ----------------------------------------------------------------------------------------

    @cached_property
    def thresholds(self) -> np.ndarray:
        """Every line, from the strictest."""
        return np.concatenate([[np.inf], self._scores[::-1]])

    @cached_property
    def tp(self) -> np.ndarray:
        """Weighted positives at or above each line."""
        return self._above("positive")

    @cached_property
    def fp(self) -> np.ndarray:
        """Weighted negatives at or above each line."""
        return self._above("negative")

    @cached_property
    def fn(self) -> np.ndarray:
        """Weighted positives below each line."""
        return np.asarray(self.tp[-1] - self.tp)

    @cached_property
    def tn(self) -> np.ndarray:
        """Weighted negatives below each line."""
        return np.asarray(self.fp[-1] - self.fp)

    @cached_property
    def corners(self) -> np.ndarray:
        """Lines right below a positive, and line 0, which alerts nobody."""
        if self._counts is not None and self._counts.rarer_is_positive:
            has_positive = self._counts.at
        else:
            has_positive = np.flatnonzero(self._mass("positive").any(axis=0))
        return np.concatenate([[0], self._scores.shape[0] - has_positive[::-1]])

    def cells_at(self, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Give the confusion counts of some lines.

        Parameters
        ----------
        lines : ndarray of int64
            Positions in `thresholds`.

        Returns
        -------
        tuple of ndarray
            ``tp, fp, fn, tn``.
        """
        if self._counts is None:
            return self.tp[lines], self.fp[lines], self.fn[lines], self.tn[lines]
        tp, fp = self._counts.above(self._scores.shape[0] - lines)
        n_positive, n_negative = float(self.n_positive), float(self.n_rows - self.n_positive)
        return tp, fp, n_positive - tp, n_negative - fp

    def between(self, line: int) -> float:
        """Give a threshold that draws a line with some room for rounding.

        Parameters
        ----------
        line : int
            Position in `thresholds`.

        Returns
        -------
        float
            Half-way from its lowest alerted score to the next one below; the score itself where there is no float
            between or nothing below; infinity for line 0.
        """
        if line == 0:
            return float("inf")
        at = self._scores.shape[0] - line
        score = float(self._scores[at])
        below = float(self._scores[at - 1]) if at else score
        middle = below + 0.5 * (score - below) if np.isfinite(score - below) else score
        return middle if below < middle < score else score

    def _above(self, name: str) -> np.ndarray:
        sums = np.cumsum(self._mass(name)[:, ::-1], axis=1)
        return np.concatenate([[0.0], value_of(sums)])

    def _mass(self, name: str) -> np.ndarray:
        if self._counts is not None and not self._masses:
            self._masses.update(self._counts.masses(self._scores.shape[0]))
        return self._masses[name]

    @property
    def is_weighted(self) -> bool:
        """Whether rows have weights."""
        return self._counts is None and bool(self._mass("positive").shape[0] == 2)

    def column_sums(self, name: str, positive: bool) -> np.ndarray:
        """Give the weighted sum of a column over the positives (negatives) at or above each line.

        Parameters
        ----------
        name : str
            A column given to `from_scores`.
        positive : bool
            Over positives, or over negatives.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            The sums.

        Raises
        ------
        InputError
            If the curve has no such column.
        """
        key = f"{'positive' if positive else 'negative'}:{name}"
        if key not in self._masses:
            raise InputError(
                f"The goal names the column {name!r}, which the curve was not given.",
                expected="Expected the cost of each row.",
                why="Without it the cost of a line is not known.",
                hint=f"Pass row_costs={{{name!r}: values}}, or columns to ThresholdCurve.from_scores.",
            )
        return self._above(key)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the curve has sums of."""
        return tuple(sorted(key.partition(":")[2] for key in self._masses if key.startswith("positive:")))

    @cached_property
    def n_effective_positive(self) -> float:
        """Kish's effective number of positives; their count without weights."""
        return self._n_effective("positive")

    @cached_property
    def n_effective_negative(self) -> float:
        """Kish's effective number of negatives; their count without weights."""
        return self._n_effective("negative")

    def _n_effective(self, name: str) -> float:
        if not self.is_weighted:
            return float(self.n_positive if name == "positive" else self.n_rows - self.n_positive)
        totals = [
            float(value_of(carry(self._mass(key).sum(axis=1, keepdims=True)))[0])
            for key in (name, f"{name}^2")
        ]
        return float(effective(totals[0], totals[1]))

    def n_effective_alerts_at(self, lines: np.ndarray) -> np.ndarray:
        """Give Kish's effective number of alerts at some lines.

        Parameters
        ----------
        lines : ndarray of int64
            Positions in `thresholds`.

        Returns
        -------
        ndarray, float64
            The numbers; counts without weights.
        """
        if self.is_weighted:
            return np.asarray(self.n_effective_alerts()[lines])
        cells = self.cells_at(lines)
        return np.asarray(cells[0] + cells[1])

    def n_effective_alerts(self) -> np.ndarray:
        """Give Kish's effective number of alerts at each line.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            The numbers; counts without weights.
        """
        alerts = np.asarray(self.tp + self.fp)
        if not self.is_weighted:
            return alerts
        return np.asarray(effective(alerts, self._above("positive^2") + self._above("negative^2")))

    # --- figures -------------------------------------------------------------------------------------------

    def metric(self, name: str) -> np.ndarray:
        """Give a figure at every line.

        Parameters
        ----------
        name : str
            ``precision``, ``recall``, ``specificity``, ``fpr``, ``f1``, ``f<beta>``, ``mcc``, ``gmean``,
            ``balanced_accuracy``, ``index_balanced_accuracy``, ``accuracy``, ``lift`` or ``alert_rate``.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            The figure; NaN where it is undefined.

        Raises
        ------
        OptionError
            If there is no such figure.
        """
        return np.asarray(figure(name)(self.tp, self.fp, self.fn, self.tn))

    def precision(self) -> np.ndarray:
        """Give the precision at every line.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            NaN at the line that alerts nobody.
        """
        return self.metric("precision")

    def recall(self) -> np.ndarray:
        """Give the recall at every line.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            NaN without positives.
        """
        return self.metric("recall")

    def f_beta(self, beta: float = 1.0) -> np.ndarray:
        """Give the F-beta figure at every line.

        Parameters
        ----------
        beta : float, default=1.0
            How many times as important recall is as precision.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            The figure.
        """
        return np.asarray(f_beta(self.tp, self.fp, self.fn, self.tn, beta))

    def mcc(self) -> np.ndarray:
        """Give Matthews' correlation coefficient at every line.

        Returns
        -------
        ndarray of shape (n_lines,), float64
            NaN where everybody or nobody is alerted.
        """
        return self.metric("mcc")

    def at(self, threshold: float) -> dict[str, float]:
        """Give the confusion counts of any line.

        Parameters
        ----------
        threshold : float
            Rows with at least this score are alerted.

        Returns
        -------
        dict
            ``tp``, ``fp``, ``fn``, ``tn``.
        """
        line = self._scores.shape[0] - int(np.searchsorted(self._scores, threshold, side="left"))
        return {name: float(getattr(self, name)[line]) for name in ("tp", "fp", "fn", "tn")}

    # --- parts and whole -----------------------------------------------------------------------------------

    def merge(self, other: ThresholdCurve) -> ThresholdCurve:
        """Give the curve of the rows of both.

        Exact and associative: merging the curves of parts, in any order, gives the curve of the whole.

        Parameters
        ----------
        other : ThresholdCurve
            Curve of other rows.

        Returns
        -------
        ThresholdCurve
            The curve of all rows.

        Raises
        ------
        InputError
            If one has columns that the other has not.
        """
        if self.columns != other.columns:
            raise InputError(
                f"Curves with the columns {self.columns} and {other.columns} were given.",
                expected="Expected the same columns in both.",
                why="Sums over all rows need the column for all rows.",
                hint="Pass the same columns to ThresholdCurve.from_scores for each part.",
            )
        scores = np.union1d(self._scores, other._scores)
        weighted = self.is_weighted or other.is_weighted
        mine, theirs = self._all_masses(weighted), other._all_masses(weighted)
        masses = {}
        for name, own in mine.items():
            total = np.zeros((own.shape[0], scores.shape[0]), dtype=np.int64)
            total[:, np.searchsorted(scores, self._scores)] += own
            total[:, np.searchsorted(scores, other._scores)] += theirs[name]
            masses[name] = carry(total)
        return ThresholdCurve(scores, masses, self.n_rows + other.n_rows, self.n_positive + other.n_positive)

    def _all_masses(self, weighted: bool) -> dict[str, np.ndarray]:
        self._mass("positive")
        masses = dict(self._masses)
        if not weighted or self.is_weighted:
            return masses
        squares = {f"{name}^2": masses[name] for name in ("positive", "negative")}
        return {name: widen(mass) for name, mass in {**masses, **squares}.items()}

    def scaled(self, positive: float, negative: float) -> ThresholdCurve:
        """Give the curve with the weight of each class multiplied.

        Parameters
        ----------
        positive : float
            Factor of the positives, above 0.
        negative : float
            Factor of the negatives, above 0.

        Returns
        -------
        ThresholdCurve
            A weighted curve of the same rows.
        """
        masses = {}
        for name, mass in self._all_masses(weighted=True).items():
            factor = positive if name.startswith("positive") else negative
            amounts = value_of(mass) * (factor * factor if name.endswith("^2") else factor)
            masses[name] = limbs_of(amounts)
        return ThresholdCurve(self._scores, masses, self.n_rows, self.n_positive)

    def with_columns(self, columns: Mapping[str, Any]) -> ThresholdCurve:
        """Give the same curve with sums of columns that a goal names as costs.

        Parameters
        ----------
        columns : mapping of str to array-like of shape (n_rows,)
            Non-negative amounts, in the order of the rows given to `from_scores`.

        Returns
        -------
        ThresholdCurve
            The curve with sums.

        Raises
        ------
        InputError
            If the curve was merged from parts, or the amounts do not fit.
        """
        if self._rows is None:
            raise InputError(
                f"The columns {sorted(columns)} were given for a curve that was merged from parts.",
                expected="Expected them when the parts were counted.",
                why="A merged curve does not know its rows.",
                hint="Pass columns to ThresholdCurve.from_scores for each part.",
            )
        outcome, scores, weights = self._rows
        return ThresholdCurve.from_scores(outcome, scores, weights, columns=columns)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of outcomes, scores and weights, the same for whole and merged parts."""
        noise = _hash(self._scores)
        if self._counts is not None:
            sums = self._counts.hash_sums(noise)
        else:
            sums = [_hash_sums(noise, self._mass(name)) for name in ("positive", "negative")]
        record = np.array([self.n_rows, self.n_positive, *sums], dtype=np.uint64)
        return hashlib.blake2b(record.tobytes(), digest_size=16).hexdigest()

    # --- pictures --------------------------------------------------------------------------------------------

    def frame(self, n: int | None = None) -> pl.DataFrame:
        """Give the counts and figures at every line.

        Parameters
        ----------
        n : int, optional
            About how many lines, spread so that an eye misses none; all where left out.

        Returns
        -------
        polars.DataFrame
            ``threshold, tp, fp, fn, tn, precision, recall, fpr, f1, mcc, alert_rate, cost``, thresholds descending.
        """
        from counterpoise.decide.plots import curve_frame

        return curve_frame(self, n=n)

    def plot(
        self,
        kind: str = "precision_recall",
        *,
        point: OperatingPoint | None = None,
        fn: float = 100.0,
        fp: float = 1.0,
    ) -> Any:
        """Draw the curve.

        Parameters
        ----------
        kind : {"precision_recall", "roc", "lines", "cost"}, default="precision_recall"
            Precision over recall; recall over the false-positive rate; figures over the line; cost over the line.
        point : OperatingPoint, optional
            A line, marked.
        fn, fp : float, default=100 and 1
            What a missed positive and a false alert cost, for ``"cost"``.

        Returns
        -------
        altair.LayerChart
            Shows in a notebook; ``save`` writes PNG, SVG, JSON or HTML.

        Raises
        ------
        OptionError
            If there is no such chart.
        """
        from counterpoise.decide.plots import curve_chart

        return curve_chart(self, kind, point=point, fn=fn, fp=fp)

    # --- the line ------------------------------------------------------------------------------------------

    def best(
        self,
        goal: str | Goal,
        *,
        confidence: float | None = None,
        n_days: float | None = None,
        row_costs: Any = None,
        nearest: bool = False,
        steady: bool = False,
        interval: float = 0.95,
    ) -> OperatingPoint:
        """Draw the line that serves a goal best.

        All lines are looked at. The threshold lies half-way between the lowest score that is alerted and the next
        one below, so that rounding in the last digit of a score does not flip a decision; nothing else changes on
        these rows. Between lines that serve equally well the one with fewer alerts is taken (with precision as the
        objective, the one with higher recall).

        Parameters
        ----------
        goal : str or Goal
            What good means.
        confidence : float, optional
            Overrides the goal's confidence.
        n_days : float, optional
            Days that the rows span, for alerts per day.
        row_costs : array-like or mapping of str to array-like, optional
            Columns that the goal names as costs; an array where it names one.
        nearest : bool, default=False
            Give the nearest line, flagged ``met=False``, where the goal cannot be reached, instead of raising.
        steady : bool, default=False
            For a goal without limits and costs of rows: not the best line of these rows, but the mean of the best
            lines of 100 resamples of them, which does better on new rows (it closes a third to a half of the gap
            to the best line there is; nothing changes beyond 20,000 positives).
        interval : float, default=0.95
            Confidence of the interval of `value`.

        Returns
        -------
        OperatingPoint
            The line, its figures, and the goal.

        Raises
        ------
        NotApplicable
            If the goal cannot be reached; says how near one can come and with how many positives it could be.
        GoalError
            If the goal cannot be read.
        InputError
            If it needs days or columns that were not given.
        """
        from counterpoise.decide.choice import best_line, named_costs

        parsed = Goal.parse(goal, confidence)
        curve = self if row_costs is None else self.with_columns(named_costs(parsed, row_costs))
        return best_line(curve, parsed, n_days=n_days, nearest=nearest, interval=interval, steady=steady)


def _as_amounts(name: str, values: Any, n_rows: int) -> np.ndarray:
    amounts = as_numbers(values, name)
    same_length(n_rows, **{name: amounts})
    wrong = ~(np.isfinite(amounts) & (amounts >= 0.0))
    if wrong.any():
        raise InputError(
            f"The column {name!r} has {int(wrong.sum())} negative, missing or infinite value(s), for example "
            f"{float(amounts[wrong][0])!r} in row {int(np.flatnonzero(wrong)[0])}.",
            expected="Expected costs of at least 0.",
            why="A negative cost would make an error pay.",
            hint="Clip the column at 0, or leave such rows out.",
        )
    return amounts


@dataclass(frozen=True)
class _Counts:
    """Unweighted counts, held as the few lines of the rarer class and where each distinct score starts."""

    n_rows: int
    starts: np.ndarray | None
    at: np.ndarray
    count: np.ndarray
    rarer_is_positive: bool

    def above(self, lowest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give positives and negatives from a distinct score (by position) upwards."""
        before = np.append(self.starts, self.n_rows)[lowest] if self.starts is not None else lowest
        alerts = (self.n_rows - before).astype(np.float64)
        running = np.concatenate([[0], np.cumsum(self.count)])
        rarer = (running[-1] - running[np.searchsorted(self.at, lowest)]).astype(np.float64)
        return (rarer, alerts - rarer) if self.rarer_is_positive else (alerts - rarer, rarer)

    def hash_sums(self, noise: np.ndarray) -> list[int]:
        """Give what `_hash_sums` gives for positives and negatives, without their arrays."""
        if self.starts is None:
            whole = int(noise.sum())
        else:
            whole = int(np.dot(noise, np.diff(self.starts, append=self.n_rows).astype(np.uint64)))
        rarer = int(np.dot(noise[self.at], self.count.astype(np.uint64)))
        pair = (rarer, whole - rarer) if self.rarer_is_positive else (whole - rarer, rarer)
        return [(each << HIGH_BITS) % _WORDS for each in pair]

    def masses(self, n_lines: int) -> dict[str, np.ndarray]:
        """Give the counts of every distinct score."""
        rarer = np.zeros(n_lines, dtype=np.int64)
        rarer[self.at] = self.count
        each = (
            np.ones(n_lines, dtype=np.int64)
            if self.starts is None
            else np.diff(self.starts, append=self.n_rows)
        )
        pair = (rarer, each - rarer) if self.rarer_is_positive else (each - rarer, rarer)
        return {"positive": pair[0][None, :], "negative": pair[1][None, :]}


def _count_rows(outcome: np.ndarray, scores: np.ndarray, n_positive: int) -> tuple[np.ndarray, _Counts]:
    """Count without weights: one sort of the values, and one of the rarer class's."""
    ranked = np.sort(scores)
    is_first = ranked[1:] != ranked[:-1]
    starts = None if is_first.all() else np.flatnonzero(np.concatenate([[True], is_first]))
    distinct = ranked if starts is None else ranked[starts]
    rarer_is_positive = 2 * n_positive <= outcome.shape[0]
    rarer = np.sort(scores[outcome if rarer_is_positive else ~outcome])
    at, count = np.unique(np.searchsorted(distinct, rarer), return_counts=True)
    return distinct, _Counts(int(outcome.shape[0]), starts, at, count, rarer_is_positive)


def _count(
    outcome: np.ndarray, scores: np.ndarray, weights: np.ndarray | None, amounts: dict[str, np.ndarray]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Count with weights or amounts: one sort, then block by block of rows that fit a core's cache."""
    w = np.ones(len(scores)) if weights is None else weights
    check_sum(float(w @ w), "sample_weight")
    for name, each in amounts.items():
        check_sum(float(w @ each), name)
    order = np.argsort(scores)
    ranked = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    names = ["", *([] if weights is None else ["^2"]), *(f":{name}" for name in amounts)]
    masses = {
        f"{side}{name}": np.empty((1 if name == "" and weights is None else 2, len(starts)), dtype=np.int64)
        for name in names
        for side in ("positive", "negative")
    }
    for groups in _blocks_of(starts, len(ranked)):
        first = int(starts[groups.start])
        stop = int(starts[groups.stop]) if groups.stop < len(starts) else len(ranked)
        rows, inner = order[first:stop], starts[groups] - first
        is_positive = outcome[rows]
        for name, limbs in _limbs_of_rows(rows, weights, amounts):
            of_positive = limbs * is_positive
            masses[f"positive{name}"][:, groups] = _group(of_positive, inner)
            masses[f"negative{name}"][:, groups] = _group(limbs - of_positive, inner)
    return ranked[starts], masses


def _blocks_of(starts: np.ndarray, n_rows: int) -> list[slice]:
    """Cut the distinct scores into runs of about `_BLOCK` rows."""
    cuts = np.unique(np.searchsorted(starts, np.arange(0, n_rows, _BLOCK)))
    ends = np.append(cuts[1:], len(starts))
    return [slice(int(one), int(end)) for one, end in zip(cuts, ends, strict=True) if one < end]


def _limbs_of_rows(
    rows: np.ndarray, weights: np.ndarray | None, amounts: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Give what is summed of some rows: weights, their squares, weighted amounts."""
    if weights is None:
        w = np.ones(len(rows))
        yield "", np.ones((1, len(rows)), dtype=np.int64)
    else:
        w = weights[rows]
        yield "", limbs_of(w)
        yield "^2", limbs_of(w * w)
    for name, each in amounts.items():
        yield f":{name}", limbs_of(w * each[rows], name)


def _group(limbs: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return limbs if starts.shape[0] == limbs.shape[1] else carry(np.add.reduceat(limbs, starts, axis=1))


def _hash(scores: np.ndarray) -> np.ndarray:
    """Mix the bits of each score (the finaliser of splitmix64)."""
    bits = (scores + 0.0).view(np.uint64)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    return bits


def _hash_sums(noise: np.ndarray, mass: np.ndarray) -> int:
    """Sum the hashes of scores as often as they count; the same for counts and for weights of 1."""
    limbs = widen(mass).astype(np.uint64)
    return (int(np.dot(noise, limbs[0])) + int(np.dot(noise >> np.uint64(17), limbs[1]))) % _WORDS
