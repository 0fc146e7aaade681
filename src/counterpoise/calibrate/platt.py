r"""A slope and an intercept on the log-odds (Platt scaling).

:math:`p' = \sigma(a \operatorname{logit} p + b)`. The targets are Platt's: :math:`(n_+ + 1)/(n_+ + 2)` for positives
and :math:`1/(n_- + 2)` for negatives, so that a few separable positives do not send the slope to infinity, and the
slope is drawn towards 1 by the weight of one row. The slope stays positive: a calibration must not turn a ranking
round, whatever twenty positives say.

Sources: J. Platt, "Probabilistic outputs for support vector machines", 1999; H.-T. Lin, C.-J. Lin and R. Weng, "A
note on Platt's probabilistic outputs", Machine Learning 68, 2007; for several classes C. Guo et al., "On
calibration of modern neural networks", ICML 2017 (one temperature, one bias a class).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from counterpoise.calibrate.inputs import as_outcome, as_probabilities, as_weights, same_length
from counterpoise.calibrate.intercept import as_classes, class_shifts, intercept_of, softmax_shift
from counterpoise.calibrate.odds import inner_ends, log_odds, probability, pull_in

__all__ = ["PlattMap"]

MIN_SLOPE = 1e-3
"""The least slope: below it the scores say nothing, and all probabilities are nearly the base rate."""

SLOPE_WEIGHT = 1.0
"""Weight of the pull of the slope towards 1, in rows."""

_STEPS = 100


@dataclass(frozen=True)
class PlattMap:
    """A positive slope and a shift on the log-odds.

    Attributes
    ----------
    slope : float
        Factor on the log-odds (two classes) or on the log-probabilities (more).
    shift : tuple of float
        One number for two classes; one a class for more.
    low : float
        Probabilities below are pulled in (`counterpoise.calibrate.odds.pull_in`); two classes only.
    high : float
        Probabilities above are pulled in.
    """

    slope: float
    shift: tuple[float, ...]
    low: float = 0.0
    high: float = 1.0
    kind = "platt"

    @classmethod
    def fit(cls, y: Any, proba: Any, sample_weight: Any = None) -> PlattMap:
        """Fit slope and shift on rows that the model was not fitted on.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Outcome (two classes) or class numbers (a matrix of more than two columns).
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities.
        sample_weight : array-like of shape (n_rows,), optional
            Non-negative weights.

        Returns
        -------
        PlattMap
            The fitted map.

        Raises
        ------
        NotApplicable
            If one class only is present.
        InputError
            If an input cannot be used.
        """
        p = as_probabilities(proba)
        if p.ndim == 2 and p.shape[1] > 2:
            codes = as_classes(y, p.shape[1])
            same_length(codes.shape[0], proba=p)
            return cls(*_fit_classes(codes, p, as_weights(sample_weight, codes.shape[0])))
        outcome = as_outcome(y)
        p = p if p.ndim == 1 else p[:, 1]
        same_length(outcome.shape[0], proba=p)
        low, high = inner_ends(p)
        slope, shift = fit_line(outcome, pull_in(p, low, high), as_weights(sample_weight, outcome.shape[0]))
        return cls(slope, (shift,), low, high)

    def apply(self, proba: Any) -> np.ndarray:
        """Scale and shift probabilities.

        Parameters
        ----------
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities of the model.

        Returns
        -------
        ndarray, float64
            Probabilities in the shape given.
        """
        p = as_probabilities(proba)
        if len(self.shift) > 1:
            return softmax_shift(p, self.slope, np.array(self.shift))
        inside = pull_in(p if p.ndim == 1 else p[:, 1], self.low, self.high)
        moved = probability(self.slope * log_odds(inside) + self.shift[0])
        return moved if p.ndim == 1 else np.column_stack([1.0 - moved, moved])

    def to_dict(self) -> dict[str, Any]:
        """Give the map as plain JSON values.

        Returns
        -------
        dict
            ``kind``, ``slope``, ``shift``, ``low``, ``high``.
        """
        return {
            "kind": self.kind,
            "slope": self.slope,
            "shift": list(self.shift),
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> PlattMap:
        """Build the map from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        PlattMap
            The same map.
        """
        shift = tuple(float(s) for s in record["shift"])
        return cls(float(record["slope"]), shift, float(record["low"]), float(record["high"]))


def fit_line(outcome: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """Fit slope and shift by Newton's method, starting from the intercept alone.

    Parameters
    ----------
    outcome : ndarray of shape (n_rows,), bool
        True for positive rows.
    p : ndarray of shape (n_rows,), float64
        Probabilities.
    weights : ndarray of shape (n_rows,), float64, or None
        Weights.

    Returns
    -------
    slope : float
        At least `MIN_SLOPE`.
    shift : float
        With it the mean probability is the base rate.

    Raises
    ------
    NotApplicable
        If one class only is present.
    """
    w = np.ones(p.shape[0]) if weights is None else weights
    start = intercept_of(outcome, p, w)
    inside = (p > 0.0) & (p < 1.0)
    z, w_in, target = log_odds(p[inside]), w[inside], _targets(outcome, w)[inside]
    slope = max(_newton(z, w_in, target, start), MIN_SLOPE)
    shift = intercept_of(outcome[inside], probability(slope * z), w_in)
    return float(slope), float(shift)


def _targets(outcome: np.ndarray, w: np.ndarray) -> np.ndarray:
    n_positive, n_negative = float(w[outcome].sum()), float(w[~outcome].sum())
    return np.where(outcome, (n_positive + 1.0) / (n_positive + 2.0), 1.0 / (n_negative + 2.0))


def _newton(z: np.ndarray, w: np.ndarray, target: np.ndarray, start: float) -> float:
    beta, loss = np.array([1.0, start]), np.inf
    step = np.zeros(2)
    for _ in range(_STEPS):
        trial = beta - step
        trial_loss = _loss(z, w, target, trial)
        if trial_loss > loss + 1e-12 * abs(loss):
            step = step / 2.0
            if np.abs(step).max() < 1e-12:
                break
            continue
        done = loss - trial_loss <= 1e-12 * max(abs(trial_loss), 1e-12)
        beta, loss = trial, trial_loss
        if done:
            break
        step = _newton_step(z, w, target, beta)
    return float(beta[0])


def _loss(z: np.ndarray, w: np.ndarray, target: np.ndarray, beta: np.ndarray) -> float:
    eta = beta[0] * z + beta[1]
    fit = float(w @ (np.logaddexp(0.0, eta) - target * eta))
    return fit + 0.5 * SLOPE_WEIGHT * float(beta[0] - 1.0) ** 2


def _newton_step(z: np.ndarray, w: np.ndarray, target: np.ndarray, beta: np.ndarray) -> np.ndarray:
    share = probability(beta[0] * z + beta[1])
    gap, spread = w * (share - target), w * share * (1.0 - share)
    gradient = np.array([gap @ z + SLOPE_WEIGHT * (beta[0] - 1.0), gap.sum()])
    hessian = np.array([[spread @ (z * z) + SLOPE_WEIGHT, spread @ z], [spread @ z, spread.sum()]])
    hessian[np.diag_indices(2)] += 1e-12 * (1.0 + np.trace(hessian))
    return np.asarray(np.linalg.solve(hessian, gradient))


def _fit_classes(
    codes: np.ndarray, p: np.ndarray, weights: np.ndarray | None
) -> tuple[float, tuple[float, ...]]:
    w = np.ones(codes.shape[0]) if weights is None else weights
    start = class_shifts(codes, p, w)
    n_classes = p.shape[1]
    totals = np.bincount(codes, weights=w, minlength=n_classes)
    smooth = np.repeat((1.0 / (totals[codes] + n_classes))[:, None], n_classes, axis=1)
    smooth[np.arange(codes.shape[0]), codes] = (totals[codes] + 1.0) / (totals[codes] + n_classes)
    z = np.log(np.clip(p, 1e-15, 1.0))

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        moved = softmax_shift(np.exp(z), float(beta[0]), beta[1:])
        gap = w[:, None] * (moved - smooth)
        value = -float((w[:, None] * smooth * np.log(np.clip(moved, 1e-300, 1.0))).sum())
        value += 0.5 * SLOPE_WEIGHT * (beta[0] - 1.0) ** 2
        slope_gradient = float((gap * z).sum()) + SLOPE_WEIGHT * (beta[0] - 1.0)
        return value, np.r_[slope_gradient, gap.sum(axis=0)]

    bounds = [(MIN_SLOPE, None)] + [(None, None)] * n_classes
    found = minimize(loss, np.r_[1.0, start], jac=True, method="L-BFGS-B", bounds=bounds)
    slope = float(found.x[0])
    tempered = softmax_shift(np.exp(z), slope, np.zeros(n_classes))
    return slope, class_shifts(codes, tempered, w)
