r"""How far the figures of a test could be off: exact intervals, and a bootstrap that is fast enough to be used.

Every figure here is a function of sums over rows. A bootstrap draw gives each row (or each group of rows) a random
weight with mean 1 and variance 1 and takes the same function of the weighted sums. Average precision and ROC AUC
need only the positives one by one; negatives enter as the mass between consecutive positives, so one sparse matrix
product with the weights serves all of them. All candidates see the same draws, so differences are paired.

Sources: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993; J. Praestgaard and J. Wellner,
"Exchangeably weighted bootstraps", Annals of Probability 21, 1993; C. Clopper and E. Pearson, Biometrika 26, 1934;
K. Boyd, K. Eng and C. Page, "Area under the precision-recall curve: point estimates and confidence intervals",
ECML 2013 (logit intervals for average precision).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import beta as beta_distribution
from scipy.stats import norm
from scipy.stats import t as student
from threadpoolctl import threadpool_limits

from counterpoise.chance import Streams
from counterpoise.decide import confusion as cells
from counterpoise.decide.bounds import two_sided
from counterpoise.decide.inputs import as_outcome, as_probabilities, as_scores, as_weights, same_length
from counterpoise.errors import InputError, OptionError
from counterpoise.evaluate.metrics import row_costs, row_log_loss

__all__ = ["Draws", "Interval", "Judged", "bootstrap", "draw", "draw_sums", "paired_difference", "proportion"]

_BLOCK = 16
"""Draws that share a random stream; fixed, so that results do not depend on how many are held at once."""

_CHUNK_BYTES = 8 * 2**20

_SUMS_BYTES, _SUMS_BYTES_A_ROW = 512 * 2**20, 160
"""Candidates are drawn a few at a time, so that the sums behind their figures take no more than this together."""

_WEIGHT_COUNTS = (95, 92, 49, 15, 4, 1)
"""Of 256 values of a random byte, how many give the weight 0, 1, 2, ...: Poisson(1) to the byte, with mean and
variance exactly 1."""

_WEIGHT_OF_BYTE = np.repeat(np.arange(6, dtype=np.uint8), _WEIGHT_COUNTS).tobytes()


@dataclass(frozen=True)
class Interval:
    """A figure with its interval.

    Attributes
    ----------
    value : float
        The figure; NaN where it is undefined.
    lower : float
        Lower end.
    upper : float
        Upper end.
    """

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Judged:
    """What a candidate said of the rows.

    Attributes
    ----------
    scores : ndarray of shape (n_rows,)
        Scores, for ranking figures.
    decisions : ndarray of shape (n_rows,), optional
        1 where the row is alerted, for figures of decisions.
    proba : ndarray of shape (n_rows,), optional
        Probabilities, for Brier score, log loss and mean ratio.
    """

    scores: Any
    decisions: Any = None
    proba: Any = None


def proportion(successes: float, trials: float, confidence: float = 0.95) -> Interval:
    """Give a proportion with its exact interval (Clopper and Pearson).

    Parameters
    ----------
    successes : float
        Successes; with weights an effective number.
    trials : float
        Trials.
    confidence : float, default=0.95
        Two-sided confidence; the coverage is at least that for every true proportion.

    Returns
    -------
    Interval
        NaN without trials.

    Raises
    ------
    InputError
        If the numbers do not fit each other.

    Examples
    --------
    >>> found = proportion(0, 50)
    >>> found.value, round(found.upper, 4)
    (0.0, 0.0711)
    """
    _confidence(confidence)
    if not (np.isfinite(successes) and np.isfinite(trials) and 0 <= successes <= trials):
        raise InputError(
            f"{successes!r} successes in {trials!r} trials were given.",
            expected="Expected 0 <= successes <= trials.",
            why="A proportion lies between 0 and 1.",
            hint="Check the order of the arguments.",
        )
    lower, upper = two_sided(successes, trials, confidence)
    value = successes / trials if trials > 0 else np.nan
    return Interval(float(value), float(lower), float(upper))


# --- the sums behind all figures ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """The rows that all candidates are judged on."""

    outcome: np.ndarray
    weights: np.ndarray
    fold: np.ndarray
    unit: np.ndarray
    n_units: int
    costs: dict[str, Any] | None
    betas: tuple[float, ...]


@dataclass(frozen=True)
class _Sums:
    """Linear maps from weights of units to the sums of one candidate."""

    positive: Any
    negative: Any
    tied: Any
    fold_of_line: np.ndarray
    n_folds: int
    plain: np.ndarray
    names: tuple[str, ...]

    def single(self) -> _Sums:
        """Give the maps in single precision, which is enough for draws and twice as fast."""
        parts = {name: getattr(self, name) for name in ("positive", "negative", "tied", "plain")}
        cast: dict[str, Any] = {
            name: part if part is None else part.astype(np.float32) for name, part in parts.items()
        }
        return replace(self, **cast)


def _sums_of(rows: _Rows, judged: Judged) -> _Sums:
    scores = as_scores(judged.scores)
    same_length(rows.outcome.shape[0], scores=scores)
    line, is_tied, fold_of_line = _lines(rows, scores)
    shape = (fold_of_line.shape[0], rows.n_units)

    def summing(chosen: np.ndarray) -> Any:
        entries = (rows.weights[chosen], (line[chosen], rows.unit[chosen]))
        return sparse.csr_matrix(entries, shape=shape)

    tied = is_tied & ~rows.outcome
    plain = _plain_sums(rows, judged)
    return _Sums(
        positive=summing(rows.outcome),
        negative=summing(~rows.outcome),
        tied=summing(tied) if tied.any() else None,
        fold_of_line=fold_of_line,
        n_folds=int(rows.fold.max()) + 1,
        plain=np.stack([_by_unit(rows, values) for values in plain.values()]),
        names=tuple(plain),
    )


def _lines(rows: _Rows, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number the lines (distinct scores of positives, from the highest, and the rest) fold after fold."""
    line, tied = np.empty(scores.shape[0], dtype=np.int64), np.zeros(scores.shape[0], dtype=bool)
    owners, start = [], 0
    for k in range(int(rows.fold.max()) + 1):
        here = np.flatnonzero(rows.fold == k)
        heights = np.unique(-scores[here[rows.outcome[here]]])
        at = np.searchsorted(heights, -scores[here], side="left")
        line[here] = start + at
        if heights.size:
            tied[here] = heights[np.minimum(at, heights.size - 1)] == -scores[here]
        owners.append(np.full(heights.shape[0] + 1, k))
        start += heights.shape[0] + 1
    return line, tied, np.concatenate(owners)


def _plain_sums(rows: _Rows, judged: Judged) -> dict[str, np.ndarray]:
    y = rows.outcome
    sums = {"rows": np.ones(y.shape[0])}
    if judged.decisions is not None:
        alerted = as_outcome(judged.decisions)
        same_length(y.shape[0], decisions=alerted)
        sums |= {"tp": y & alerted, "fp": ~y & alerted, "fn": y & ~alerted, "tn": ~y & ~alerted}
        if rows.costs is not None:
            sums["cost"] = row_costs(y, alerted, **rows.costs)
    if judged.proba is not None:
        p = as_probabilities(judged.proba)
        p = p if p.ndim == 1 else p[:, -1]
        same_length(y.shape[0], proba=p)
        sums |= {"brier": (p - y) ** 2, "log_loss": row_log_loss(y, p), "expected": p, "positives": y}
    return sums


def _by_unit(rows: _Rows, values: np.ndarray) -> np.ndarray:
    return np.bincount(rows.unit, weights=rows.weights * values, minlength=rows.n_units)


# --- figures from sums -------------------------------------------------------------------------------------


def _figures(rows: _Rows, sums: _Sums, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Give every figure for each column of weights, shape (n_units, n_columns)."""
    found = dict(zip(("average_precision", "roc_auc"), _ranking(sums, weights), strict=True))
    plain = dict(zip(sums.names, sums.plain @ weights, strict=True))
    plain = {name: values.astype(np.float64) for name, values in plain.items()}
    if "tp" in plain:
        found |= _decision_figures(plain, rows.betas)
    with np.errstate(divide="ignore", invalid="ignore"):
        if "cost" in plain:
            found["cost"] = plain["cost"] / plain["rows"]
        if "brier" in plain:
            found["brier"] = plain["brier"] / plain["rows"]
            found["log_loss"] = plain["log_loss"] / plain["rows"]
            found["mean_ratio"] = np.where(
                plain["positives"] > 0, plain["expected"] / plain["positives"], np.nan
            )
    return found


def _decision_figures(plain: dict[str, np.ndarray], betas: tuple[float, ...]) -> dict[str, np.ndarray]:
    tp, fp, fn, tn = (plain[cell] for cell in ("tp", "fp", "fn", "tn"))
    found = {name: np.asarray(figure(tp, fp, fn, tn)) for name, figure in cells.FIGURES.items()}
    return found | {f"f{beta:g}": np.asarray(cells.f_beta(tp, fp, fn, tn, beta)) for beta in betas}


def _ranking(sums: _Sums, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give average precision and ROC AUC, within folds, averaged with the folds' positives as weights."""
    positive, negative = sums.positive @ weights, sums.negative @ weights
    starts = np.flatnonzero(np.diff(sums.fold_of_line, prepend=-1))
    ends = np.append(starts[1:], sums.fold_of_line.shape[0]) - 1
    above = _within(np.cumsum(negative, axis=0, dtype=np.float64), starts, ends)
    caught = _within(np.cumsum(positive, axis=0, dtype=np.float64), starts, ends)
    total = positive.sum(axis=0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = caught / np.maximum(caught + above, 1e-300)
        area = (positive * precision).sum(axis=0) / total
        lower = np.repeat(above[ends], np.diff(np.append(starts, sums.fold_of_line.shape[0])), axis=0)
        beaten = lower - above + (0.0 if sums.tied is None else 0.5 * (sums.tied @ weights))
        both = np.where(lower > 0, positive, 0.0)
        auc = (both * (beaten / np.maximum(lower, 1e-300))).sum(axis=0) / both.sum(axis=0)
    return area, auc


def _within(running: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Start a running sum anew at each fold."""
    before = np.concatenate([np.zeros((1, running.shape[1])), running[ends[:-1]]])
    return np.asarray(running - np.repeat(before, ends - starts + 1, axis=0))


# --- drawing -----------------------------------------------------------------------------------------------


class Draws:
    """Figures of candidates under the same random weights of the rows.

    Made by `draw`.

    Parameters
    ----------
    values : dict
        Candidate to figure to value on the rows as they are.
    drawn : dict
        Candidate to figure to its values under each draw.
    trials : dict
        Candidate to figure to (successes, trials), for figures that are proportions of independent rows.
    n_positive : float
        Effective number of positives (or of groups with positives), which sets the degrees of freedom.
    costs : dict, optional
        Candidate to what each row (or group) costs, a sparse row: few rows may carry most of a cost, or of a
        difference of two, and the degrees of freedom are theirs.
    """

    def __init__(
        self,
        values: dict[str, dict[str, float]],
        drawn: dict[str, dict[str, np.ndarray]],
        trials: dict[str, dict[str, tuple[float, float]]],
        n_positive: float,
        costs: Mapping[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.drawn = drawn
        self.trials = trials
        self.n_positive = n_positive
        self.costs = costs or {}

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(self.values)

    def metrics(self, candidate: str) -> tuple[str, ...]:
        """Give the names of a candidate's figures.

        Parameters
        ----------
        candidate : str
            A name.

        Returns
        -------
        tuple of str
            Names.
        """
        return tuple(self._known(candidate))

    def interval(self, candidate: str, metric: str, confidence: float = 0.95) -> Interval:
        """Give a figure with its interval.

        Exact for proportions of independent rows; else from the bootstrap's standard error, on the scale on which
        the figure covers best: a binomial interval of the rows that would have that error for average precision,
        F-beta, G-mean and balanced accuracy; log-odds with half a positive added for ROC AUC; Fisher's z for the
        correlation; logarithm for ratios and losses; square root for costs. Balanced accuracy of independent rows
        joins the intervals of its two rates.

        Parameters
        ----------
        candidate : str
            A name.
        metric : str
            One of its figures.
        confidence : float, default=0.95
            Confidence.

        Returns
        -------
        Interval
            NaN ends where the figure is undefined.

        Raises
        ------
        OptionError
            If there is no such candidate or figure.
        """
        _confidence(confidence)
        value, drawn = self._known(candidate, metric)[metric], self.drawn[candidate][metric]
        exact = self.trials[candidate].get(metric)
        if exact is not None:
            ends = two_sided(*exact, confidence)
            return Interval(value, float(ends[0]), float(ends[1]))
        if metric == "balanced_accuracy" and {"recall", "specificity"} <= self.trials[candidate].keys():
            rates = [self.trials[candidate][name] for name in ("recall", "specificity")]
            return Interval(value, *_mean_rate_ends(rates, confidence))
        reach = self._reach(confidence, metric, candidate)
        return Interval(value, *_ends(metric, value, drawn, confidence, reach, self.n_positive))

    def intervals(self, candidate: str, confidence: float = 0.95) -> dict[str, Interval]:
        """Give all figures of a candidate with their intervals.

        Parameters
        ----------
        candidate : str
            A name.
        confidence : float, default=0.95
            Confidence.

        Returns
        -------
        dict of str to Interval
            By figure.
        """
        return {metric: self.interval(candidate, metric, confidence) for metric in self.metrics(candidate)}

    def standard_error(self, candidate: str, metric: str) -> float:
        """Give the standard deviation of a figure over the draws.

        Parameters
        ----------
        candidate : str
            A name.
        metric : str
            One of its figures.

        Returns
        -------
        float
            The standard error.
        """
        self._known(candidate, metric)
        return float(np.nanstd(self.drawn[candidate][metric], ddof=1))

    def difference(self, candidate: str, other: str, metric: str, confidence: float = 0.95) -> Interval:
        """Give the paired difference of two candidates, the first less the second.

        Parameters
        ----------
        candidate : str
            A name.
        other : str
            The name that is subtracted.
        metric : str
            A figure of both.
        confidence : float, default=0.95
            Confidence.

        Returns
        -------
        Interval
            The difference, with a t-interval from the differences of the draws.

        Raises
        ------
        OptionError
            If there is no such candidate or figure.
        """
        _confidence(confidence)
        value, drawn = self._paired(candidate, other, metric)
        reach = _spread(drawn) * self._reach(confidence, metric, candidate, other)
        return Interval(value, value - reach, value + reach)

    def differences(self, baseline: str, metric: str, confidence: float = 0.95) -> dict[str, Interval]:
        """Give the differences of all candidates to one, with intervals that hold all at once.

        The largest of the standardised differences over the draws sets the reach (max-t, P. Westfall and S. Young,
        1993), so the chance that any of the intervals misses its truth is at most one minus the confidence.

        Parameters
        ----------
        baseline : str
            The candidate that is subtracted.
        metric : str
            A figure of all.
        confidence : float, default=0.95
            Confidence for all together.

        Returns
        -------
        dict of str to Interval
            By candidate, without the baseline.

        Raises
        ------
        OptionError
            If there is no such candidate or figure.
        """
        others = {name: baseline for name in self.candidates if name != baseline}
        return self.joint_differences(others, metric, confidence)

    def joint_differences(
        self, others: Mapping[str, str], metric: str, confidence: float = 0.95
    ) -> dict[str, Interval]:
        """Give the differences of candidates, each to another one, with intervals that hold all at once.

        Parameters
        ----------
        others : mapping of str to str
            From a candidate to the one that is subtracted from it.
        metric : str
            A figure of all.
        confidence : float, default=0.95
            Confidence for all together.

        Returns
        -------
        dict of str to Interval
            By candidate.

        Raises
        ------
        OptionError
            If there is no such candidate or figure.
        """
        _confidence(confidence)
        pairs = {name: self._paired(name, other, metric) for name, other in others.items()}
        errors = {name: _spread(drawn) for name, (_, drawn) in pairs.items()}
        centred = [
            np.abs(drawn - np.nanmean(drawn)) / errors[name]
            for name, (_, drawn) in pairs.items()
            if errors[name] > 0
        ]
        single = float(norm.ppf(0.5 + confidence / 2.0))
        largest = float(np.nanquantile(np.max(centred, axis=0), confidence)) if centred else single
        reaches = {
            name: errors[name] * largest * self._reach(confidence, metric, name, other) / single
            for name, other in others.items()
        }
        return {
            name: Interval(value, value - reaches[name], value + reaches[name])
            for name, (value, _) in pairs.items()
        }

    def _reach(self, confidence: float, metric: str, candidate: str, other: str | None = None) -> float:
        """Give the quantile of Student's t for a figure, or a difference, by the rows that it hangs on."""
        n = self.n_positive
        if metric == "cost" and candidate in self.costs:
            paid = self.costs[candidate] - (0.0 if other is None else self.costs[other])
            n = _n_carrying(paid)
        return float(student.ppf(0.5 + confidence / 2.0, max(n - 1.0, 1.0)))

    def _paired(self, candidate: str, other: str, metric: str) -> tuple[float, np.ndarray]:
        value = self._known(candidate, metric)[metric] - self._known(other, metric)[metric]
        return value, self.drawn[candidate][metric] - self.drawn[other][metric]

    def _known(self, candidate: str, metric: str | None = None) -> dict[str, float]:
        if candidate not in self.values or (metric is not None and metric not in self.values[candidate]):
            raise OptionError(
                f"The figure {metric!r} of {candidate!r} was asked for.",
                expected=f"Expected a candidate among {list(self.values)} and a figure among "
                f"{list(next(iter(self.values.values())))}.",
                why="Only these were drawn.",
                hint="Decisions, probabilities and costs must be given for figures that need them.",
            )
        return self.values[candidate]


def draw(
    y_true: Any,
    candidates: Mapping[str, Judged],
    sample_weight: Any = None,
    *,
    fold: Any = None,
    groups: Any = None,
    costs: Mapping[str, Any] | None = None,
    betas: tuple[float, ...] = (1.0, 2.0),
    n_draws: int = 2000,
    random_state: Any = 0,
) -> Draws:
    """Draw the figures of candidates under random weights of the rows, the same weights for all.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    candidates : mapping of str to Judged
        What each said of these rows.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    fold : array-like of shape (n_rows,), optional
        Fold that each row was tested in: ranking figures are taken within folds, whose scores need not be
        comparable, and averaged with the folds' positives as weights; counts and losses are pooled.
    groups : array-like of shape (n_rows,), optional
        Rows of one group are drawn together; also for rows that were tested repeatedly.
    costs : mapping of str to float or array, optional
        ``fn`` and ``fp`` (and ``tp``, ``tn``), numbers or one a row, for the figure ``cost`` (a row).
    betas : tuple of float, default=(1.0, 2.0)
        For which F-beta figures are given.
    n_draws : int, default=2000
        Draws.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Draws
        Values, draws, intervals and differences.

    Raises
    ------
    InputError
        If an input cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = rng.random(3000) < 0.05
    >>> good, poor = y + rng.normal(size=3000), rng.normal(size=3000)
    >>> draws = draw(y, {"good": Judged(good), "poor": Judged(poor)}, n_draws=500)
    >>> draws.difference("good", "poor", "roc_auc").lower > 0
    True
    """
    rows = _rows_of(y_true, sample_weight, fold, groups, costs, betas)
    if not isinstance(n_draws, int | np.integer) or n_draws < 2:
        raise InputError(
            f"n_draws={n_draws!r} was given.",
            expected="Expected an int of at least 2.",
            why="A spread needs two draws.",
            hint="2,000 draws are usual.",
        )
    values: dict[str, dict[str, float]] = {}
    drawn: dict[str, dict[str, np.ndarray]] = {}
    trials: dict[str, dict[str, tuple[float, float]]] = {}
    paid: dict[str, Any] = {}
    ones, chance = np.ones((rows.n_units, 1)), Streams.of(random_state).child("bootstrap")
    names = list(candidates)
    width = max(1, _SUMS_BYTES // (_SUMS_BYTES_A_ROW * len(rows.outcome)))
    for start in range(0, len(names), width):
        sums = {name: _sums_of(rows, candidates[name]) for name in names[start : start + width]}
        for name, each in sums.items():
            values[name] = {metric: float(found[0]) for metric, found in _figures(rows, each, ones).items()}
            trials[name] = _trials(rows, each, values[name], groups is not None)
            if "cost" in each.names:
                paid[name] = sparse.csr_matrix(each.plain[each.names.index("cost")])
        drawn |= _draw_all(rows, sums, int(n_draws), chance)
    return Draws(values, drawn, trials, _n_effective_positive(rows), paid)


def _rows_of(
    y_true: Any, sample_weight: Any, fold: Any, groups: Any, costs: Any, betas: tuple[float, ...]
) -> _Rows:
    outcome = as_outcome(y_true)
    n = outcome.shape[0]
    weights = as_weights(sample_weight, n)
    codes = (
        np.zeros(n, dtype=np.int64) if fold is None else np.unique(np.asarray(fold), return_inverse=True)[1]
    )
    unit = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    same_length(n, fold=codes, groups=unit)
    return _Rows(
        outcome,
        np.ones(n) if weights is None else weights,
        codes,
        unit,
        int(unit.max()) + 1,
        None if costs is None else dict(costs),
        tuple(betas),
    )


def _draw_all(
    rows: _Rows, sums: dict[str, _Sums], n_draws: int, chance: Streams
) -> dict[str, dict[str, np.ndarray]]:
    width = max(1, int(_CHUNK_BYTES / (4 * _BLOCK * max(rows.n_units, 1)))) * _BLOCK
    parts: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in sums}
    sums = {name: each.single() for name, each in sums.items()}
    with threadpool_limits(1):  # the products are small; waking threads for each costs more than it saves
        for start in range(0, n_draws, width):
            weights = _draw_weights(rows.n_units, start, min(start + width, n_draws), chance)
            for name, each in sums.items():
                parts[name].append(_figures(rows, each, weights))
    return {
        name: {metric: np.concatenate([part[metric] for part in found]) for metric in found[0]}
        for name, found in parts.items()
    }


def draw_sums(
    columns: Any,
    sample_weight: Any = None,
    *,
    groups: Any = None,
    n_draws: int = 2000,
    random_state: Any = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Sum columns under the random weights that `draw` gives the rows: for figures of one's own.

    Parameters
    ----------
    columns : array-like or sparse matrix of shape (n_rows, n_columns)
        What is summed.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    groups : array-like of shape (n_rows,), optional
        Rows of one group are drawn together.
    n_draws : int, default=2000
        Draws.
    random_state : int, Generator, RandomState or None, default=0
        Seed; the same rows, groups and seed get the same weights as in `draw`.

    Returns
    -------
    tuple of ndarray
        The sums as the rows are, shape (n_columns,), and under each draw, shape (n_columns, n_draws).
    """
    summed = sparse.csr_matrix(columns)
    n = summed.shape[0]
    weights = as_weights(sample_weight, n)
    unit = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    n_units = int(unit.max()) + 1
    mass = np.ones(n) if weights is None else weights
    by_unit = (summed.T @ sparse.csr_matrix((mass, (np.arange(n), unit)), shape=(n, n_units))).tocsr()
    chance, single = Streams.of(random_state).child("bootstrap"), by_unit.astype(np.float32)
    width = max(1, int(_CHUNK_BYTES / (4 * _BLOCK * max(n_units, 1)))) * _BLOCK
    parts = [
        single @ _draw_weights(n_units, start, min(start + width, n_draws), chance)
        for start in range(0, n_draws, width)
    ]
    return np.asarray(by_unit.sum(axis=1)).ravel(), np.concatenate(parts, axis=1).astype(np.float64)


def _draw_weights(n_units: int, start: int, stop: int, chance: Streams) -> np.ndarray:
    weights = np.empty((n_units, stop - start), dtype=np.float32)
    for first in range(start, stop, _BLOCK):
        width = min(_BLOCK, stop - first)
        noise = chance.child(first // _BLOCK).generator().bytes(n_units * _BLOCK).translate(_WEIGHT_OF_BYTE)
        block = np.frombuffer(noise, dtype=np.uint8).reshape(n_units, _BLOCK)
        weights[:, first - start : first - start + width] = block[:, :width]
    return weights


def _n_effective_positive(rows: _Rows) -> float:
    mass = np.bincount(rows.unit, weights=rows.weights * rows.outcome, minlength=rows.n_units)
    squares = float(mass @ mass)
    return float(mass.sum()) ** 2 / squares if squares > 0 else 0.0


def _trials(
    rows: _Rows, sums: _Sums, values: dict[str, float], grouped: bool
) -> dict[str, tuple[float, float]]:
    """Say which figures are proportions of independent rows, with Kish's effective numbers for weighted ones."""
    if grouped or "tp" not in sums.names:
        return {}
    of = {
        "recall": rows.outcome,
        "specificity": ~rows.outcome,
        "fpr": ~rows.outcome,
        "accuracy": np.ones(rows.outcome.shape[0], dtype=bool),
        "alert_rate": np.ones(rows.outcome.shape[0], dtype=bool),
    }
    alerts = sums.plain[sums.names.index("tp")] + sums.plain[sums.names.index("fp")] > 0
    of["precision"] = alerts[rows.unit]
    return {
        name: (values[name] * _kish(rows.weights[chosen]), _kish(rows.weights[chosen]))
        for name, chosen in of.items()
        if not np.isnan(values[name])
    }


def _kish(weights: np.ndarray) -> float:
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


# --- intervals from draws ----------------------------------------------------------------------------------


_LOSSES = ("mean_ratio", "lift", "log_loss", "brier")
_PSEUDO_POSITIVES = 0.5


def _spread(drawn: np.ndarray) -> float:
    finite = drawn[np.isfinite(drawn)]
    return float(finite.std(ddof=1)) if finite.shape[0] > 1 else np.nan


def _n_carrying(paid: Any) -> float:
    """Give the number of rows that carry a mean: as many alike would have its spread and kurtosis.

    Under random weights with variance 1 and excess kurtosis 1 the mean's excess kurtosis is the sum of the fourth
    powers of the rows' deviations over the squared sum of squares; one over it is this number. Where two candidates
    disagree about ten positives that cost much and a hundred negatives that cost little, it is about ten.
    """
    n, data = paid.shape[1], paid.data.astype(np.float64)
    mean = data.sum() / n
    first, second, third, fourth = (float((data**power).sum()) for power in (1, 2, 3, 4))
    squares = second - mean * first
    fourths = fourth - 4.0 * mean * third + 6.0 * mean**2 * second - 3.0 * n * mean**4
    return squares**2 / fourths if fourths > 0 else 1.0


def _ends(
    metric: str, value: float, drawn: np.ndarray, confidence: float, quantile: float, n_positive: float
) -> tuple[float, float]:
    """Choose the interval that covers best for the kind of figure (measured by `bench/intervals.py`)."""
    if np.isnan(value):
        return np.nan, np.nan
    error = _spread(drawn)
    if metric == "roc_auc":
        ends = _auc_ends(value, error, quantile, n_positive)
    elif metric in _LOSSES:
        ends = _transformed(value, drawn, quantile, np.log, np.exp)
    elif metric == "mcc":
        ends = _transformed(value, drawn, quantile, np.arctanh, np.tanh)
    elif metric == "cost":
        ends = _cost_ends(value, drawn, quantile)
    else:
        ends = _share_ends(value, error, confidence, n_positive, exact=metric == "average_precision")
    return min(ends[0], value), max(ends[1], value)


def _auc_ends(value: float, error: float, quantile: float, n_positive: float) -> tuple[float, float]:
    """Give a logit interval with half a positive of AUC 1/2 added.

    Near 1 the spread that a handful of positives show is too small as often as their mean is too high; the added
    half positive mends both, as two successes and two failures mend Wald's interval (A. Agresti and B. Coull, 1998).
    """
    mass = n_positive + _PSEUDO_POSITIVES
    centre = (value * n_positive + 0.5 * _PSEUDO_POSITIVES) / mass
    added = _PSEUDO_POSITIVES * (0.5 - centre) ** 2 / mass**2
    spread = np.sqrt((error * n_positive / mass) ** 2 + added) / (centre * (1.0 - centre))
    logit = np.log(centre / (1.0 - centre))
    lower, upper = (1.0 / (1.0 + np.exp(-(logit + sign * quantile * spread))) for sign in (-1.0, 1.0))
    return float(lower), float(upper)


def _share_ends(
    value: float, error: float, confidence: float, n_positive: float, *, exact: bool
) -> tuple[float, float]:
    """Give the binomial interval for the number of rows that would have the same spread.

    Clopper and Pearson's for average precision, whose draws are skewed, Jeffreys' for the others.
    """
    n = value * (1.0 - value) / error**2 if error > 0 and 0.0 < value < 1.0 else max(n_positive, 1.0)
    hits, half = value * n, 0.5 - confidence / 2.0
    if exact:
        ends = two_sided(hits, n, confidence)
        return float(ends[0]), float(ends[1])
    lower, upper = beta_distribution.ppf([half, 1.0 - half], hits + 0.5, n - hits + 0.5)
    return float(lower), float(upper)


def _mean_rate_ends(rates: list[tuple[float, float]], confidence: float) -> tuple[float, float]:
    """Join Jeffreys' intervals of independent rates to one of their mean (G. Zou and A. Donner, 2008)."""
    half, below, above = 0.5 - confidence / 2.0, 0.0, 0.0
    for hits, trials in rates:
        lower, upper = beta_distribution.ppf([half, 1.0 - half], hits + 0.5, trials - hits + 0.5)
        below += max(hits / trials - float(lower), 0.0) ** 2
        above += max(float(upper) - hits / trials, 0.0) ** 2
    mean = float(np.mean([hits / trials for hits, trials in rates]))
    return mean - float(np.sqrt(below)) / len(rates), mean + float(np.sqrt(above)) / len(rates)


def _cost_ends(value: float, drawn: np.ndarray, quantile: float) -> tuple[float, float]:
    """Give a t-interval, of the square root where nothing is gained: counts of errors are skewed."""
    if value < 0.0 or (drawn < 0.0).any():
        reach = quantile * _spread(drawn)
        return value - reach, value + reach
    root, reach = float(np.sqrt(value)), quantile * _spread(np.sqrt(drawn))
    return max(root - reach, 0.0) ** 2, (root + reach) ** 2


def _transformed(
    value: float, drawn: np.ndarray, quantile: float, forth: Any, back: Any
) -> tuple[float, float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, moved = float(forth(value)), np.asarray(forth(drawn))
    if not np.isfinite(centre):
        return value, float(np.nanmax(drawn)) if value == 0.0 else value
    reach = quantile * _spread(moved)
    return float(back(centre - reach)), float(back(centre + reach))


# --- for one or two candidates -----------------------------------------------------------------------------


def bootstrap(
    y_true: Any,
    scores: Any,
    decisions: Any = None,
    sample_weight: Any = None,
    *,
    proba: Any = None,
    confidence: float = 0.95,
    **options: Any,
) -> dict[str, Interval]:
    """Give every figure of one candidate with its interval.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    scores : array-like of shape (n_rows,)
        Scores.
    decisions : array-like of shape (n_rows,), optional
        1 where the row is alerted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    proba : array-like of shape (n_rows,), optional
        Probabilities.
    confidence : float, default=0.95
        Confidence.
    **options : object
        ``fold``, ``groups``, ``costs``, ``betas``, ``n_draws``, ``random_state`` of `draw`.

    Returns
    -------
    dict of str to Interval
        By figure.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    judged = Judged(scores, decisions, proba)
    return draw(y_true, {"it": judged}, sample_weight, **options).intervals("it", confidence)


def paired_difference(
    y_true: Any,
    first: Judged,
    second: Judged,
    sample_weight: Any = None,
    *,
    confidence: float = 0.95,
    **options: Any,
) -> dict[str, Interval]:
    """Give the differences of all figures of two candidates on the same rows, the first less the second.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Outcome.
    first : Judged
        A candidate.
    second : Judged
        The candidate that is subtracted.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    confidence : float, default=0.95
        Confidence.
    **options : object
        ``fold``, ``groups``, ``costs``, ``betas``, ``n_draws``, ``random_state`` of `draw`.

    Returns
    -------
    dict of str to Interval
        By figure that both have.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    draws = draw(y_true, {"first": first, "second": second}, sample_weight, **options)
    shared = [metric for metric in draws.metrics("first") if metric in draws.values["second"]]
    return {metric: draws.difference("first", "second", metric, confidence) for metric in shared}


def _confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise InputError(
            f"confidence={confidence!r} was given.",
            expected="Expected a number strictly between 0 and 1.",
            why="It says how often the interval covers the truth.",
            hint="Pass 0.95 for 95 %.",
        )
