r"""Whether probabilities mean what they say: curve, figures with intervals, and a finding.

A rare outcome sits in the top few percent of the scores, where bins of equal width or of equal numbers of rows see
little. The bins here cut rows and expected positives half and half. Intervals are exact binomial ones (with weights:
for Kish's effective number of rows).

Sources: A. Murphy, "A new vector partition of the probability score", 1973, with the within-bin terms of D.
Stephenson, C. Coelho and I. Jolliffe, "Two extra components in the Brier score decomposition", Weather and
Forecasting 23, 2008; B. Van Calster et al., "Calibration: the Achilles heel of predictive analytics", BMC Medicine
17, 2019 (calibration in the large, slope); M. Naeini et al., AAAI 2015 (expected calibration error).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from counterpoise.calibrate.inputs import as_outcome, as_probabilities, as_weights, same_length
from counterpoise.calibrate.intercept import intercept_of
from counterpoise.calibrate.odds import inner_ends, log_odds, probability, pull_in
from counterpoise.chance import Streams
from counterpoise.errors import NotApplicable

__all__ = ["Bin", "CalibrationFinding", "Figure", "Reliability", "reliability"]

RATIO_TOLERANCE = 0.05
"""Mean probability within 5 % of the base rate counts as right."""

SLOPE_RANGE = (0.8, 1.25)
"""A slope of the log-odds between these counts as right."""

_N_DRAWS = 2000


@dataclass(frozen=True)
class Figure:
    """A number with its interval.

    Attributes
    ----------
    value : float
        The number; NaN where it is undefined.
    lower : float
        Lower end of the interval.
    upper : float
        Upper end of the interval.
    """

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Bin:
    """One point of the reliability curve.

    Attributes
    ----------
    low : float
        Smallest probability in the bin.
    high : float
        Largest probability in the bin.
    n_rows : int
        Rows in the bin.
    n_positive : int
        Positive rows in the bin.
    mean_probability : float
        Weighted mean of the probabilities.
    rate : float
        Weighted share of positives.
    lower : float
        Lower end of the exact interval of the rate.
    upper : float
        Upper end of the exact interval of the rate.
    """

    low: float
    high: float
    n_rows: int
    n_positive: int
    mean_probability: float
    rate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class CalibrationFinding:
    """The outcome of the check, for a bundle or a report to carry.

    Attributes
    ----------
    code : str
        ``calibration.holds``, ``calibration.unproven`` (too few positives to tell), ``calibration.level`` (mean
        probability off) or ``calibration.slope`` (too sure or not sure enough).
    passed : bool
        False for ``calibration.level`` and ``calibration.slope``.
    sentence : str
        What was found, in words.
    """

    code: str
    passed: bool
    sentence: str


@dataclass(frozen=True)
class Reliability:
    """What `reliability` found.

    Attributes
    ----------
    n_rows : int
        Rows.
    n_positive : int
        Positive rows.
    base_rate : float
        Weighted share of positives.
    mean_probability : float
        Weighted mean of the probabilities.
    mean_ratio : Figure
        Mean probability over base rate.
    intercept : Figure
        Calibration in the large: what would have to be added to the log-odds (0 is right).
    slope : Figure
        Slope of the log-odds (1 is right; less: too sure).
    calibration_error : Figure
        Expected calibration error over the bins, less its bias, with a bootstrap interval.
    calibration_error_by_chance : float
        What the binned error would be on these rows by chance alone, if the probabilities were right.
    brier : float
        Weighted mean squared difference of probability and outcome.
    brier_reliability : float
        Part of the Brier score that miscalibration costs (Murphy; less is better).
    brier_resolution : float
        Part that telling rows apart gains (more is better).
    brier_uncertainty : float
        Brier score of the base rate.
    brier_within : float
        What is left within bins; ``brier = reliability - resolution + uncertainty + within`` exactly.
    bins : tuple of Bin
        The curve.
    confidence : float
        Confidence of all intervals.
    finding : CalibrationFinding
        Pass or fail, in words.
    """

    n_rows: int
    n_positive: int
    base_rate: float
    mean_probability: float
    mean_ratio: Figure
    intercept: Figure
    slope: Figure
    calibration_error: Figure
    calibration_error_by_chance: float
    brier: float
    brier_reliability: float
    brier_resolution: float
    brier_uncertainty: float
    brier_within: float
    bins: tuple[Bin, ...]
    confidence: float
    finding: CalibrationFinding

    def to_dict(self) -> dict[str, Any]:
        """Give the record as plain JSON values.

        Returns
        -------
        dict
            All attributes; NaN as None.
        """
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Reliability:
        """Build the record from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        Reliability
            The same record.
        """
        figures = ("mean_ratio", "intercept", "slope", "calibration_error")
        parts: dict[str, Any] = {name: Figure(**_with_nan(record[name])) for name in figures}
        parts["bins"] = tuple(Bin(**_with_nan(each)) for each in record["bins"])
        parts["finding"] = CalibrationFinding(**record["finding"])
        return cls(**{**_with_nan(record), **parts})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _with_nan(record: dict[str, Any]) -> dict[str, Any]:
    return {key: (np.nan if value is None else value) for key, value in record.items()}


def reliability(
    y: Any,
    proba: Any,
    sample_weight: Any = None,
    *,
    n_bins: int = 10,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> Reliability:
    """Check probabilities of a two-class outcome against what happened.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Outcome, 0/1 or boolean.
    proba : array-like of shape (n_rows,) or (n_rows, 2)
        Probabilities of the positive class, from a model that has not seen these rows.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.
    n_bins : int, default=10
        Bins of the curve; fewer where probabilities repeat.
    confidence : float, default=0.95
        Confidence of the intervals.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the bootstrap of the calibration error.

    Returns
    -------
    Reliability
        Curve, figures and finding; plain numbers, so that it can be written as JSON.

    Raises
    ------
    NotApplicable
        If one class only is present.
    InputError
        If an input cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.repeat([0.1, 0.3], 1000); y = np.tile(np.arange(10), 200) < p * 10
    >>> found = reliability(y, p)
    >>> found.finding.code, round(found.mean_ratio.value, 3)
    ('calibration.holds', 1.0)
    """
    outcome, p = as_outcome(y), as_probabilities(proba)
    p = p if p.ndim == 1 else p[:, -1]
    same_length(outcome.shape[0], proba=p)
    weights = as_weights(sample_weight, outcome.shape[0])
    w = np.ones(p.shape[0]) if weights is None else weights
    if not w[outcome].any() or not w[~outcome].any():
        raise NotApplicable(
            f"{int(outcome.sum())} positives in {outcome.shape[0]} rows were given.",
            expected="Expected rows of both classes.",
            why="Without both nothing can be said about whether probabilities are right.",
            hint="Check on more rows.",
        )
    return _check(outcome, p, w, n_bins, confidence, Streams.of(random_state).child("reliability"))


def _check(
    outcome: np.ndarray, p: np.ndarray, w: np.ndarray, n_bins: int, confidence: float, chance: Streams
) -> Reliability:
    mass, n_effective = float(w.sum()), float(w.sum() ** 2 / (w @ w))
    base, mean = float(w[outcome].sum()) / mass, float(w @ p) / mass
    low, high = exact_interval(base * n_effective, n_effective, confidence)
    ratio = Figure(mean / base, mean / high, mean / low if low > 0 else np.inf)
    intercept, slope = _line(outcome, p, w, confidence)
    edges = _bin_of(p, w, n_bins)
    bins, totals = _bins(outcome, p, w, edges, confidence)
    error, by_chance = _calibration_error(totals, confidence, chance)
    brier = float(w @ (p - outcome) ** 2) / mass
    parts = _murphy(totals, base)
    return Reliability(
        n_rows=int(outcome.shape[0]),
        n_positive=int(outcome.sum()),
        base_rate=base,
        mean_probability=mean,
        mean_ratio=ratio,
        intercept=intercept,
        slope=slope,
        calibration_error=error,
        calibration_error_by_chance=by_chance,
        brier=brier,
        brier_reliability=parts[0],
        brier_resolution=parts[1],
        brier_uncertainty=base * (1.0 - base),
        brier_within=brier - (parts[0] - parts[1] + base * (1.0 - base)),
        bins=bins,
        confidence=confidence,
        finding=_finding(ratio, slope, int(outcome.sum())),
    )


def exact_interval(successes: Any, trials: Any, confidence: float) -> tuple[Any, Any]:
    r"""Give Clopper and Pearson's interval of a proportion.

    Parameters
    ----------
    successes : float or ndarray
        Successes; with weights an effective number.
    trials : float or ndarray
        Trials.
    confidence : float
        Two-sided confidence.

    Returns
    -------
    lower : float or ndarray
        Quantile :math:`\alpha/2` of Beta(k, n - k + 1); 0 without successes.
    upper : float or ndarray
        Quantile :math:`1 - \alpha/2` of Beta(k + 1, n - k); 1 without failures.
    """
    k, n, half = np.asarray(successes, float), np.asarray(trials, float), (1.0 - confidence) / 2.0
    with np.errstate(invalid="ignore"):
        lower = beta_distribution.ppf(half, k, n - k + 1.0)
        upper = beta_distribution.ppf(1.0 - half, k + 1.0, n - k)
    lower = np.where(k <= 0.0, 0.0, lower)
    upper = np.where(k >= n, 1.0, upper)
    return (lower, upper) if lower.ndim else (float(lower), float(upper))


def _line(outcome: np.ndarray, p: np.ndarray, w: np.ndarray, confidence: float) -> tuple[Figure, Figure]:
    inside = pull_in(p, *inner_ends(p))
    z, half = log_odds(inside), float(norm.ppf(0.5 + confidence / 2.0))
    shift = intercept_of(outcome, inside, w)
    share = probability(z + shift)
    error = float(_sandwich(np.ones((z.shape[0], 1)), outcome, share, w)[0])
    intercept = Figure(shift, shift - half * error, shift + half * error)
    slope, at_slope = _slope(z, outcome, w, shift)
    if not np.isfinite(slope):
        return intercept, Figure(np.nan, np.nan, np.nan)
    error = float(_sandwich(np.column_stack([np.ones_like(z), z]), outcome, at_slope, w)[1])
    return intercept, Figure(slope, slope - half * error, slope + half * error)


def _slope(z: np.ndarray, outcome: np.ndarray, w: np.ndarray, shift: float) -> tuple[float, np.ndarray]:
    beta, design = np.array([shift, 1.0]), np.column_stack([np.ones_like(z), z])
    if np.ptp(z) < 1e-9:
        return np.nan, z
    for _ in range(100):
        share = probability(design @ beta)
        spread = w * share * (1.0 - share)
        hessian = design.T @ (design * spread[:, None]) + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, design.T @ (w * (share - outcome))), -2.0, 2.0)
        beta = beta - step
        if np.abs(step).max() < 1e-9:
            return float(beta[1]), probability(design @ beta)
    return np.nan, z


def _sandwich(design: np.ndarray, outcome: np.ndarray, share: np.ndarray, w: np.ndarray) -> np.ndarray:
    bread = np.linalg.pinv(design.T @ (design * (w * share * (1.0 - share))[:, None]))
    scores = design * (w * (outcome - share))[:, None]
    return np.asarray(np.sqrt(np.maximum(np.diag(bread @ (scores.T @ scores) @ bread), 0.0)))


def _bin_of(p: np.ndarray, w: np.ndarray, n_bins: int) -> np.ndarray:
    order = np.argsort(p, kind="stable")
    by_rows, by_positives = np.cumsum(w[order]), np.cumsum(w[order] * p[order])
    mixed = 0.5 * by_rows / by_rows[-1] + 0.5 * by_positives / max(by_positives[-1], 1e-300)
    at = np.searchsorted(mixed, np.arange(1, n_bins) / n_bins)
    edges = np.unique(p[order][np.minimum(at, p.shape[0] - 1)])
    return np.searchsorted(edges, p, side="left")


def _bins(
    outcome: np.ndarray, p: np.ndarray, w: np.ndarray, of: np.ndarray, confidence: float
) -> tuple[tuple[Bin, ...], np.ndarray]:
    names, of = np.unique(of, return_inverse=True)
    k = names.shape[0]
    mass, squares = np.bincount(of, w, k), np.bincount(of, w * w, k)
    keep = mass > 0
    total = np.where(keep, mass, 1.0)
    mean, rate = np.bincount(of, w * p, k) / total, np.bincount(of, w * outcome, k) / total
    n_effective = np.where(keep, mass**2 / np.where(keep, squares, 1.0), 0.0)
    lower, upper = exact_interval(rate * n_effective, n_effective, confidence)
    low, high = np.full(k, np.inf), np.full(k, -np.inf)
    np.minimum.at(low, of, p)
    np.maximum.at(high, of, p)
    n, positives = np.bincount(of, minlength=k), np.bincount(of, outcome, k)
    bins = tuple(
        Bin(
            float(low[j]),
            float(high[j]),
            int(n[j]),
            int(positives[j]),
            float(mean[j]),
            float(rate[j]),
            float(lower[j]),
            float(upper[j]),
        )
        for j in np.flatnonzero(keep)
    )
    return bins, np.column_stack([mass, mean, rate, n_effective])[keep]


def _calibration_error(totals: np.ndarray, confidence: float, chance: Streams) -> tuple[Figure, float]:
    mass, mean, rate, n_effective = totals.T
    share, trials = mass / mass.sum(), np.maximum(np.round(n_effective), 1).astype(np.int64)
    generator = chance.generator()
    raw = float(share @ np.abs(rate - mean))
    drawn = np.abs(generator.binomial(trials, rate, (_N_DRAWS, rate.size)) / trials - mean) @ share
    null = (
        np.abs(generator.binomial(trials, np.clip(mean, 0, 1), (_N_DRAWS, rate.size)) / trials - mean) @ share
    )
    bias = float(drawn.mean()) - raw
    ends = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]) - 2.0 * bias
    value = max(raw - bias, 0.0)
    return Figure(value, min(max(float(ends[0]), 0.0), value), max(float(ends[1]), value)), float(null.mean())


def _murphy(totals: np.ndarray, base: float) -> tuple[float, float]:
    mass, mean, rate, _ = totals.T
    share = mass / mass.sum()
    return float(share @ (mean - rate) ** 2), float(share @ (rate - base) ** 2)


def _finding(ratio: Figure, slope: Figure, n_positive: int) -> CalibrationFinding:
    off = abs(ratio.value - 1.0) > RATIO_TOLERANCE and not ratio.lower <= 1.0 <= ratio.upper
    if off:
        return CalibrationFinding("calibration.level", False, _level_sentence(ratio, n_positive))
    bent = not SLOPE_RANGE[0] <= slope.value <= SLOPE_RANGE[1] and not slope.lower <= 1.0 <= slope.upper
    if np.isfinite(slope.value) and bent:
        return CalibrationFinding("calibration.slope", False, _slope_sentence(slope, n_positive))
    proven = ratio.lower >= 1.0 - 2 * RATIO_TOLERANCE and ratio.upper <= 1.0 + 2 * RATIO_TOLERANCE
    if proven:
        return CalibrationFinding(
            "calibration.holds",
            True,
            f"Probabilities are right on {n_positive} positives: their mean is {ratio.value:.2f} times the base "
            f"rate ({ratio.lower:.2f} to {ratio.upper:.2f}).",
        )
    return CalibrationFinding(
        "calibration.unproven",
        True,
        f"Nothing speaks against the probabilities, but {n_positive} positives are too few to prove them: their "
        f"mean is {ratio.value:.2f} times the base rate ({ratio.lower:.2f} to {ratio.upper:.2f}).",
    )


def _level_sentence(ratio: Figure, n_positive: int) -> str:
    word = "high" if ratio.value > 1.0 else "low"
    return (
        f"Probabilities are too {word}: their mean is {ratio.value:.2f} times the base rate ({ratio.lower:.2f} to "
        f"{ratio.upper:.2f}, {n_positive} positives). Recalibrate, for example with InterceptCalibrator."
    )


def _slope_sentence(slope: Figure, n_positive: int) -> str:
    word = "too sure" if slope.value < 1.0 else "not sure enough"
    return (
        f"Probabilities are {word}: the slope of their log-odds is {slope.value:.2f} ({slope.lower:.2f} to "
        f"{slope.upper:.2f}, {n_positive} positives; 1 is right). Recalibrate, for example with PlattCalibrator."
    )
