r"""One number added to the log-odds, so that expected and observed positives agree.

The intercept :math:`b` solves :math:`\sum_i w_i\,\sigma(\operatorname{logit} p_i + b) = \sum_i w_i y_i`, which is the
maximum-likelihood "recalibration in the large" (D. Cox, Biometrika 45, 1958; E. Steyerberg, "Clinical Prediction
Models", 2nd ed. 2019, chapter 15). With several classes one number is added to the log-probability of each, and
every class total agrees. The ranking of two-class scores does not change.

One parameter can be fitted with a handful of positives, where two (Platt) or many (isotonic) cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.calibrate.inputs import as_outcome, as_probabilities, as_weights, same_length
from counterpoise.calibrate.odds import inner_ends, pull_in, shift_odds
from counterpoise.errors import InputError, NotApplicable

__all__ = ["InterceptMap", "as_classes", "fit_intercept"]

_STEPS = 200
_TOLERANCE = 1e-12
_CLASS_TOLERANCE = 1e-9


def fit_intercept(y: Any, proba: Any, sample_weight: Any = None) -> float:
    """Find what to add to the log-odds so that the mean probability is the base rate.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Outcome, 0/1 or boolean.
    proba : array-like of shape (n_rows,)
        Probabilities of the positive class.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    float
        The shift on the log-odds.

    Raises
    ------
    NotApplicable
        If all rows (of positive weight) are of one class, or the probabilities are all 0 or 1.

    Examples
    --------
    >>> round(fit_intercept([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5]), 4)
    -1.0986
    """
    outcome = as_outcome(y)
    p = as_probabilities(proba)
    same_length(outcome.shape[0], proba=p)
    return intercept_of(outcome, p, as_weights(sample_weight, outcome.shape[0]))


def intercept_of(outcome: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> float:
    """Solve for the shift on checked arrays.

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
    float
        The shift.

    Raises
    ------
    NotApplicable
        If no finite shift exists.
    """
    w = np.ones(p.shape[0]) if weights is None else weights
    free = (p > 0.0) & (p < 1.0) & (w > 0.0)
    total = float(w[outcome].sum()) - float(w[p >= 1.0].sum())
    odds, w_free = p[free] / (1.0 - p[free]), w[free]
    mass = float(w_free.sum())
    if not 0.0 < total < mass:
        raise _no_intercept(float(w[outcome].sum()), float(w.sum()))
    return _root(odds, w_free, total, mass)


def _root(odds: np.ndarray, weights: np.ndarray, total: float, mass: float) -> float:
    low, high = _bracket(odds, weights, total)
    shift = 0.5 * (low + high)
    for _ in range(_STEPS):
        moved = odds * np.exp(shift)
        share = moved / (1.0 + moved)
        gap = float(weights @ share) - total
        if abs(gap) <= _TOLERANCE * min(total, mass - total):
            break
        low, high = (low, shift) if gap > 0.0 else (shift, high)
        slope = float(weights @ (share * (1.0 - share)))
        newton = shift - gap / slope if slope > 0.0 else np.inf
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        shift = newton if low < newton < high else middle
    return float(shift)


def _bracket(odds: np.ndarray, weights: np.ndarray, total: float) -> tuple[float, float]:
    def expected(shift: float) -> float:
        moved = odds * np.exp(shift)
        return float(weights @ (moved / (1.0 + moved)))

    low, high, step = -1.0, 1.0, 1.0
    while expected(low) > total and low > -700.0:
        low, step = max(low - step, -700.0), step * 2.0
    step = 1.0
    while expected(high) < total and high < 700.0 and np.log(odds.max()) + high < 700.0:
        high, step = high + step, step * 2.0
    return low, high


def _no_intercept(positives: float, mass: float) -> NotApplicable:
    return NotApplicable(
        f"{positives:g} positives in {mass:g} rows were given to calibrate on.",
        expected="Expected rows of both classes, with some probabilities strictly between 0 and 1.",
        why="Without both classes no shift makes expected and observed positives agree.",
        hint="Calibrate on rows that hold both classes.",
    )


def as_classes(y: Any, n_classes: int) -> np.ndarray:
    """Read class numbers for a matrix of probabilities.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Column of `predict_proba` that is the row's class: 0 to n_classes - 1.
    n_classes : int
        How many columns there are.

    Returns
    -------
    ndarray of shape (n_rows,), int64
        Class numbers.

    Raises
    ------
    InputError
        If a value is not such a number.
    """
    codes = np.asarray(y)
    numbers = codes.astype(np.int64) if codes.dtype.kind in "biuf" and np.isfinite(codes).all() else None
    if numbers is None or codes.ndim != 1 or (numbers != codes).any() or not _within(numbers, n_classes):
        raise InputError(
            f"Class numbers of type {codes.dtype} and shape {codes.shape} were given.",
            expected=f"Expected the number of each row's class, 0 to {n_classes - 1}.",
            why="They say which column of the probabilities is the right one.",
            hint="Use np.searchsorted(classifier.classes_, y).",
        )
    return numbers


def _within(numbers: np.ndarray, n_classes: int) -> bool:
    return bool(numbers.size) and int(numbers.min()) >= 0 and int(numbers.max()) < n_classes


@dataclass(frozen=True)
class InterceptMap:
    """A shift of the log-odds (or, with several classes, of each log-probability).

    Attributes
    ----------
    shift : tuple of float
        One number for two classes; one a class, the first 0, for more.
    low : float
        Probabilities below are pulled in (`counterpoise.calibrate.odds.pull_in`); two classes only.
    high : float
        Probabilities above are pulled in.
    """

    shift: tuple[float, ...]
    low: float = 0.0
    high: float = 1.0
    kind = "intercept"

    @classmethod
    def fit(cls, y: Any, proba: Any, sample_weight: Any = None) -> InterceptMap:
        """Fit the shift on rows that the model was not fitted on.

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
        InterceptMap
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
            return cls(class_shifts(codes, p, as_weights(sample_weight, codes.shape[0])))
        outcome = as_outcome(y)
        p = p if p.ndim == 1 else p[:, 1]
        same_length(outcome.shape[0], proba=p)
        low, high = inner_ends(p)
        weights = as_weights(sample_weight, outcome.shape[0])
        return cls((intercept_of(outcome, pull_in(p, low, high), weights),), low, high)

    def apply(self, proba: Any) -> np.ndarray:
        """Shift probabilities.

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
            return softmax_shift(p, 1.0, np.array(self.shift))
        moved = shift_odds(pull_in(p if p.ndim == 1 else p[:, 1], self.low, self.high), self.shift[0])
        return moved if p.ndim == 1 else np.column_stack([1.0 - moved, moved])

    def to_dict(self) -> dict[str, Any]:
        """Give the map as plain JSON values.

        Returns
        -------
        dict
            ``kind``, ``shift``, ``low``, ``high``.
        """
        return {"kind": self.kind, "shift": list(self.shift), "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> InterceptMap:
        """Build the map from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        InterceptMap
            The same map.
        """
        return cls(tuple(float(s) for s in record["shift"]), float(record["low"]), float(record["high"]))


def softmax_shift(p: np.ndarray, slope: float, shifts: np.ndarray) -> np.ndarray:
    """Scale and shift log-probabilities and normalise them again.

    Parameters
    ----------
    p : ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    slope : float
        Factor on the log-probabilities.
    shifts : ndarray of shape (n_classes,), float64
        What is added to each.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    """
    with np.errstate(divide="ignore"):
        z = slope * np.log(p) + shifts
    z -= z.max(axis=1, keepdims=True)
    scaled = np.exp(z)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def class_shifts(codes: np.ndarray, p: np.ndarray, weights: np.ndarray | None) -> tuple[float, ...]:
    """Find the shift of each class with which all class totals agree.

    Classes that no row has keep the shift 0: nothing is known about them.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class numbers.
    p : ndarray of shape (n_rows, n_classes), float64
        Probabilities.
    weights : ndarray of shape (n_rows,), float64, or None
        Weights.

    Returns
    -------
    tuple of float
        One shift a class; that of the most frequent class is 0.

    Raises
    ------
    NotApplicable
        If fewer than two classes are present.
    """
    w = np.ones(codes.shape[0]) if weights is None else weights
    totals = np.bincount(codes, weights=w, minlength=p.shape[1])
    seen = totals > 0.0
    if seen.sum() < 2:
        raise _no_intercept(float(totals.max()), float(totals.sum()))
    known = np.clip(p[:, seen], 1e-300, 1.0)
    known /= known.sum(axis=1, keepdims=True)
    shifts = np.zeros(p.shape[1])
    shifts[seen] = _solve_shifts(known, w, totals[seen])
    return tuple(float(shift) for shift in shifts)


def _solve_shifts(p: np.ndarray, w: np.ndarray, totals: np.ndarray) -> np.ndarray:
    shifts = np.zeros(totals.shape[0])
    for _ in range(_STEPS):
        moved = softmax_shift(p, 1.0, shifts)
        gradient = w @ moved - totals
        if np.abs(gradient / totals).max() < _CLASS_TOLERANCE:
            break
        shifts -= _class_step(moved, w, gradient)
        shifts -= shifts[int(totals.argmax())]
    return shifts


def _class_step(moved: np.ndarray, w: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    hessian = np.diag(w @ moved) - (moved * w[:, None]).T @ moved
    step = np.linalg.lstsq(hessian, gradient, rcond=1e-12)[0]
    return np.asarray(np.clip(step, -2.0, 2.0))
