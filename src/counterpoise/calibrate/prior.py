r"""Probabilities moved from one class balance to another, in closed form.

A classifier trained on rows of which class :math:`c` was kept at the rate :math:`r_c` (or repeated :math:`r_c`
times, or weighted by :math:`r_c`) estimates :math:`q_c \propto r_c\, p_c`. Hence
:math:`p_c = (q_c / r_c) / \sum_k q_k / r_k`. For two classes this adds a constant to the log-odds.

Sources: G. King and L. Zeng, "Logistic regression in rare events data", Political Analysis 9, 2001; C. Elkan, "The
foundations of cost-sensitive learning", IJCAI 2001, theorem 2; M. Saerens, P. Latinne and C. Decaestecker,
"Adjusting the outputs of a classifier to new a priori probabilities", Neural Computation 14, 2002.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.calibrate.inputs import as_numbers, as_probabilities
from counterpoise.calibrate.odds import shift_odds
from counterpoise.errors import InputError, NotApplicable

__all__ = ["PriorMap", "change_prior", "correct_prior", "estimate_prior"]

_EM_STEPS = 1000
_EM_TOLERANCE = 1e-10


def correct_prior(proba: Any, rates: Any) -> np.ndarray:
    r"""Put the class balance back that sampling or weighting took away.

    Parameters
    ----------
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Probabilities of a model fitted on the treated rows; one column means the second of two classes.
    rates : array-like of shape (n_classes,)
        How often a row of each class counts in the treated rows: rows (or weight) after the treatment over rows
        before. Only their ratios matter.

    Returns
    -------
    ndarray, float64
        Probabilities for the original balance, in the shape given: :math:`q_c / r_c`, divided by their sum.

    Raises
    ------
    InputError
        If the probabilities are none, or the rates are not positive numbers, one a class.

    Examples
    --------
    >>> correct_prior([0.5], rates=[0.01, 1.0]).round(4).tolist()
    [0.0099]
    """
    values = as_probabilities(proba)
    rate = as_rates(rates, 2 if values.ndim == 1 else values.shape[1], "rates")
    if rate.shape[0] == 2:
        moved = shift_odds(values if values.ndim == 1 else values[:, 1], float(np.log(rate[0] / rate[1])))
        return moved if values.ndim == 1 else np.column_stack([1.0 - moved, moved])
    scaled = values / (rate / rate.max())
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def change_prior(proba: Any, old: Any, new: Any) -> np.ndarray:
    """Move probabilities from one class balance to another.

    Parameters
    ----------
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Probabilities that are right for the balance `old`.
    old : float or array-like of shape (n_classes,)
        Share of each class where the probabilities are right; a number is the share of the positive class.
    new : float or array-like of shape (n_classes,)
        Share of each class where they will be used.

    Returns
    -------
    ndarray, float64
        Probabilities for the balance `new`, in the shape given.

    Raises
    ------
    InputError
        If a share is not strictly between 0 and 1, or shares do not fit the classes.

    Examples
    --------
    >>> change_prior([0.5], old=0.5, new=0.01).round(4).tolist()
    [0.01]
    """
    return correct_prior(proba, as_prior(old, "old") / as_prior(new, "new"))


def estimate_prior(proba: Any, prior: Any) -> np.ndarray:
    """Estimate the class balance of unlabelled rows from calibrated probabilities.

    Expectation-maximisation of Saerens et al. 2002 (equation 2.7): the balance under which the probabilities, moved
    to it, have that balance as their mean. Valid where only the balance has changed and not the look of a class.

    Parameters
    ----------
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Probabilities, calibrated for `prior`.
    prior : float or array-like of shape (n_classes,)
        Share of each class where the probabilities are calibrated; a number is the share of the positive class.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        The estimated share of each class.

    Raises
    ------
    InputError
        If the probabilities or the shares are none.
    """
    values = as_probabilities(proba)
    matrix = np.column_stack([1.0 - values, values]) if values.ndim == 1 else values
    start = as_prior(prior, "prior")
    as_rates(start, matrix.shape[1], "prior")
    share = start
    for _ in range(_EM_STEPS):
        scaled = matrix * (share / start)
        moved = (scaled / scaled.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(moved - share).max() < _EM_TOLERANCE:
            return np.asarray(moved)
        share = moved
    return np.asarray(share)


@dataclass(frozen=True)
class PriorMap:
    """The closed-form correction as a map on probabilities.

    Attributes
    ----------
    rates : tuple of float
        How often a row of each class counted in training.
    """

    rates: tuple[float, ...]
    kind = "prior"

    @classmethod
    def of(cls, rates: Any) -> PriorMap:
        """Check the rates and make the map.

        Parameters
        ----------
        rates : array-like of shape (n_classes,)
            Positive numbers, one a class.

        Returns
        -------
        PriorMap
            The map.

        Raises
        ------
        InputError
            If a rate is not a positive number.
        """
        values = as_numbers(rates, "rates")
        return cls(
            tuple(float(rate) for rate in as_rates(values, values.shape[-1] if values.ndim else 0, "rates"))
        )

    def apply(self, proba: Any) -> np.ndarray:
        """Correct probabilities.

        Parameters
        ----------
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities of the model fitted on treated rows.

        Returns
        -------
        ndarray, float64
            Probabilities in the shape given.
        """
        return correct_prior(proba, self.rates)

    def to_dict(self) -> dict[str, Any]:
        """Give the map as plain JSON values.

        Returns
        -------
        dict
            ``kind`` and ``rates``.
        """
        return {"kind": self.kind, "rates": list(self.rates)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> PriorMap:
        """Build the map from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        PriorMap
            The same map.
        """
        return cls.of(record["rates"])


def as_rates(rates: Any, n_classes: int, name: str) -> np.ndarray:
    """Read positive numbers, one a class.

    Parameters
    ----------
    rates : array-like of shape (n_classes,)
        The numbers.
    n_classes : int
        How many classes there are.
    name : str
        What the numbers are, for the message.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        The numbers.

    Raises
    ------
    InputError
        If there is not one positive, finite number a class.
    NotApplicable
        If one is 0.
    """
    values = as_numbers(rates, name)
    if values.shape != (n_classes,) or n_classes < 2:
        raise InputError(
            f"{name} of shape {values.shape} for {n_classes} classes were given.",
            expected="Expected one number for each class, for two classes or more.",
            why="Each class is scaled back by its own rate.",
            hint=f"Pass {name} in the order of the columns of predict_proba.",
        )
    if (values == 0.0).any() and np.isfinite(values).all() and (values >= 0.0).all():
        raise NotApplicable(
            f"{name}={values.tolist()} leave a class out altogether.",
            expected="Expected every class to be kept at some positive rate.",
            why="What a model says of a class it has not seen cannot be scaled back.",
            hint="Keep some rows of every class.",
        )
    if not (np.isfinite(values) & (values > 0.0)).all():
        raise InputError(
            f"{name}={values.tolist()} were given.",
            expected="Expected positive, finite numbers.",
            why="A rate says how often a row of the class counts.",
            hint="A class kept whole has the rate 1; one thinned to a tenth has 0.1.",
        )
    return values


def as_prior(prior: Any, name: str) -> np.ndarray:
    """Read the shares of the classes.

    Parameters
    ----------
    prior : float or array-like of shape (n_classes,)
        Shares; a number is the share of the second of two classes.
    name : str
        What the shares are, for the message.

    Returns
    -------
    ndarray of shape (n_classes,), float64
        Shares strictly between 0 and 1 that sum to 1.

    Raises
    ------
    InputError
        If they are not such numbers.
    """
    values = as_numbers(prior, name)
    shares = np.array([1.0 - float(values), float(values)]) if values.ndim == 0 else values
    if shares.ndim != 1 or not ((shares > 0.0) & (shares < 1.0)).all() or abs(shares.sum() - 1.0) > 1e-6:
        raise InputError(
            f"{name}={np.asarray(prior).tolist()!r} was given.",
            expected="Expected shares of the classes strictly between 0 and 1 that sum to 1.",
            why="A class with the share 0 has no odds to scale.",
            hint="For two classes pass the share of the positive one, for example 0.01.",
        )
    return shares
