"""Outcomes, scores and weights as arrays that the mathematics can trust.

Every function of calibration, decision and evaluation that takes ``(y, scores, weights)`` passes here once, so
that each kind of bad input meets one message with four parts, and what lies behind may assume float64 arrays of
one length.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.errors import InputError, TypeOfInputError

__all__ = ["as_numbers", "as_outcome", "as_probabilities", "as_scores", "as_weights", "same_length"]

_SUM_TOLERANCE = 1e-4
"""How far the probabilities of a row may be from 1 together; float32 networks need about 1e-6 per class."""


def as_numbers(values: Any, name: str) -> np.ndarray:
    """Read numbers as float64, without NaN and infinity left in silence.

    Parameters
    ----------
    values : array-like
        Numbers of any shape; arrays, lists and series of any frame.
    name : str
        What the numbers are, for the message.

    Returns
    -------
    ndarray, float64
        The numbers.

    Raises
    ------
    TypeOfInputError
        If they are not numbers.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeOfInputError(
            f"{name} of type {type(values).__name__} cannot be read as numbers ({error}).",
            expected=f"Expected {name} as an array of numbers.",
            why="They are compared and summed.",
            hint="Pass a list, a NumPy array or a numeric series.",
        ) from error


def as_outcome(y: Any, *, positive: Any = None) -> np.ndarray:
    """Read a two-class outcome as True where the row is positive.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        The outcome: booleans, 0/1, -1/1, or any two labels with `positive` given.
    positive : object, optional
        The label of the positive class; not needed for booleans, 0/1 and -1/1.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        True for positive rows.

    Raises
    ------
    InputError
        If the outcome is empty, has two dimensions, has missing values, more than two labels, or labels that do
        not say which one is positive.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.shape[0] == 0:
        raise InputError(
            f"An outcome of shape {labels.shape} was given.",
            expected="Expected one label a row, for at least one row.",
            why="Each row counts once, as positive or negative.",
            hint="Pass y as a one-dimensional array.",
        )
    if labels.dtype == np.bool_:
        return labels if positive is None or bool(positive) else ~labels
    if positive is not None:
        return _equal_to(labels, positive)
    return _plain_outcome(labels)


def _plain_outcome(labels: np.ndarray) -> np.ndarray:
    numbers = _maybe_numbers(labels)
    if numbers is not None:
        if np.isnan(numbers).any():
            raise _missing_outcome(int(np.isnan(numbers).sum()))
        is_positive = numbers == 1
        if (is_positive | (numbers == 0)).all() or (is_positive | (numbers == -1)).all():
            return np.asarray(is_positive)
    found = sorted({str(label) for label in labels[:10_000].tolist()})[:5]
    raise InputError(
        f"An outcome with the labels {', '.join(found)} was given.",
        expected="Expected booleans, 0/1 or -1/1 where the positive label is not named.",
        why="It must be known which label is the rare event.",
        hint="Name the positive label, or pass y == label.",
    )


def _maybe_numbers(labels: np.ndarray) -> np.ndarray | None:
    if labels.dtype.kind in "iuf":
        return labels.astype(np.float64, copy=False)
    if labels.dtype.kind == "O" and all(
        value is None or isinstance(value, bool | int | float | np.number) for value in labels.tolist()
    ):
        return np.array([np.nan if value is None else float(value) for value in labels.tolist()])
    return None


def _missing_outcome(count: int) -> InputError:
    return InputError(
        f"An outcome with {count} missing value(s) was given.",
        expected="Expected a label for every row.",
        why="A row without a label can be counted neither as positive nor as negative.",
        hint="Leave the rows without a label out.",
    )


def _equal_to(labels: np.ndarray, positive: Any) -> np.ndarray:
    is_positive = np.asarray(labels == positive)
    kinds = np.unique(labels.astype(str) if labels.dtype.kind == "O" else labels)
    if kinds.shape[0] > 2:
        raise InputError(
            f"An outcome with {kinds.shape[0]} labels was given.",
            expected="Expected two classes.",
            why="A line between alert and no alert divides two classes.",
            hint="Pass y == label for one class against the rest, or use the functions for several classes.",
        )
    return is_positive


def as_scores(scores: Any, name: str = "scores") -> np.ndarray:
    """Read one score a row; for two columns of probabilities the second is taken.

    Parameters
    ----------
    scores : array-like of shape (n_rows,) or (n_rows, 2)
        Scores, higher for rows that are more likely positive; infinite scores are allowed.
    name : str, default="scores"
        What they are, for the message.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        The scores.

    Raises
    ------
    InputError
        If the shape does not fit or a score is NaN.
    """
    values = as_numbers(scores, name)
    if values.ndim == 2 and values.shape[1] in (1, 2):
        values = values[:, -1]
    if values.ndim != 1 or values.shape[0] == 0:
        raise InputError(
            f"{name} of shape {values.shape} were given.",
            expected="Expected one score a row, for at least one row.",
            why="Rows are ordered by their score.",
            hint="Pass model.predict_proba(X)[:, 1] or model.decision_function(X).",
        )
    n_missing = int(np.isnan(values).sum())
    if n_missing:
        first = np.flatnonzero(np.isnan(values))[:3].tolist()
        raise InputError(
            f"{name} with {n_missing} NaN value(s) were given (first rows: {first}).",
            expected="Expected a number for every row.",
            why="NaN has no place in an order, so a line could be on either side of it.",
            hint="Find out why the model gives NaN; missing features are the usual cause.",
        )
    return values


def as_probabilities(proba: Any, name: str = "probabilities") -> np.ndarray:
    """Read probabilities: one a row (of the positive class), or one a row and class.

    Parameters
    ----------
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Probabilities between 0 and 1; rows of a matrix sum to 1.
    name : str, default="probabilities"
        What they are, for the message.

    Returns
    -------
    ndarray, float64
        The probabilities, in the shape given.

    Raises
    ------
    InputError
        If a value is NaN or outside [0, 1], if a row does not sum to 1, or if the shape does not fit.
    """
    values = as_numbers(proba, name)
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] < 2):
        raise InputError(
            f"{name} of shape {values.shape} were given.",
            expected="Expected one probability a row, or one a row and class.",
            why="The shape says which class a number belongs to.",
            hint="Pass model.predict_proba(X), or its second column.",
        )
    wrong = ~((values >= 0.0) & (values <= 1.0))
    if wrong.any():
        raise InputError(
            f"{name} with {int(wrong.sum())} value(s) that are not in [0, 1] were given, for example "
            f"{float(values[wrong][0])!r}.",
            expected="Expected probabilities between 0 and 1.",
            why="Odds, costs and calibration have a meaning for probabilities only.",
            hint="Pass predict_proba, not decision_function; check for NaN.",
        )
    if values.ndim == 2 and values.shape[0] and np.abs(values.sum(axis=1) - 1.0).max() > _SUM_TOLERANCE:
        raise InputError(
            f"{name} whose rows sum to {float(values.sum(axis=1).min()):.4g} to "
            f"{float(values.sum(axis=1).max()):.4g} were given.",
            expected="Expected rows that sum to 1.",
            why="The classes exclude each other.",
            hint="Divide each row by its sum, or pass one column for two classes.",
        )
    return values


def as_weights(sample_weight: Any, n_rows: int) -> np.ndarray | None:
    """Read row weights.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or None
        Non-negative weights, at least one of them positive.
    n_rows : int
        How many are expected.

    Returns
    -------
    ndarray of shape (n_rows,), float64, or None
        The weights; None where none were given.

    Raises
    ------
    InputError
        If the length differs, a weight is NaN, infinite or negative, or all are zero.
    """
    if sample_weight is None:
        return None
    weights = as_numbers(sample_weight, "sample_weight")
    same_length(n_rows, sample_weight=weights)
    wrong = ~(np.isfinite(weights) & (weights >= 0.0))
    if wrong.any() or not weights.any():
        found = (
            f"{int(wrong.sum())} negative, NaN or infinite value(s) (first rows: {np.flatnonzero(wrong)[:3]})"
        )
        what = found if wrong.any() else "every weight zero"
        raise InputError(
            f"sample_weight with {what} was given.",
            expected="Expected finite weights of at least 0, not all of them zero.",
            why="A weight says how many rows a row stands for.",
            hint="Leave rows out by giving them the weight 0.",
        )
    return weights


def same_length(n_rows: int, **arrays: np.ndarray) -> None:
    """Refuse arrays that do not have one entry a row.

    Parameters
    ----------
    n_rows : int
        How many entries are expected.
    **arrays : ndarray
        The arrays by name.

    Raises
    ------
    InputError
        If one has another length, or not one dimension where two were not expected.
    """
    for name, array in arrays.items():
        if array.ndim < 1 or array.shape[0] != n_rows:
            raise InputError(
                f"{name} has the shape {array.shape} for {n_rows} rows.",
                expected=f"Expected {n_rows} entries, one for each row.",
                why="Entries are matched to rows by their position.",
                hint="Pass arrays that come from the same rows in the same order.",
            )
