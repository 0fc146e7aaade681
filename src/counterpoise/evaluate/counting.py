"""What can be added up over rows: confusion, losses and masses, exactly, and the figures that follow.

Sums are integers (`counterpoise.decide.tally`), so that those of the whole are those of any chunks in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from counterpoise.bundle import Model, load
from counterpoise.decide import confusion as cells
from counterpoise.decide.tally import carry, limbs_of
from counterpoise.evaluate import intervals
from counterpoise.evaluate.metrics import row_log_loss

__all__ = [
    "AT_ONCE",
    "SAMPLE",
    "SUMS",
    "centred",
    "figures_of",
    "loaded_once",
    "row_sums",
    "stays_in_sample",
]

SUMS = ("tp", "fp", "fn", "tn", "brier", "log_loss", "expected", "positives", "rows", "paid", "gained")
"""What `row_sums` adds up, in its order; what was gained is a cost below zero."""

SAMPLE = 200_000
"""Rows of a class that intervals are drawn on; of two classes every positive is."""

AT_ONCE = 16
"""Chunks whose counts are held before they are added up."""

_WORDS = 2.0**64
_LARGEST_SHARE = _WORDS - 2048
"""The largest whole number below two to the 64 that a float can hold."""


@lru_cache(maxsize=1)
def loaded_once(path: str) -> Model:
    """Load a bundle, or give it again where it was the last.

    Parameters
    ----------
    path : str
        A bundle.

    Returns
    -------
    Model
        As `counterpoise.bundle.load` gives it.
    """
    return load(path)


def stays_in_sample(keys: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """Say which rows intervals are drawn on, by the hash of their content.

    Parameters
    ----------
    keys : ndarray of shape (n,), uint64
        As `counterpoise.table.hashing.row_keys` gives them.
    share : float or ndarray of shape (n,)
        Of the rows like this one, how many; all from 1 on.

    Returns
    -------
    ndarray of shape (n,), bool
        Which stay.
    """
    limit = np.minimum(np.asarray(share) * _WORDS, _LARGEST_SHARE).astype(np.uint64)
    return np.asarray((np.asarray(share) >= 1.0) | (keys < limit))


def row_sums(
    y: np.ndarray,
    proba: np.ndarray,
    alerts: np.ndarray,
    weights: np.ndarray | None,
    costs: np.ndarray | None = None,
) -> np.ndarray:
    """Add up rows, in integers, so that the order of chunks makes no difference.

    Parameters
    ----------
    y : ndarray of shape (n,), bool
        Which rows are positive.
    proba : ndarray of shape (n,), float64
        Their probabilities.
    alerts : ndarray of shape (n,), bool
        Which were called positive.
    weights : ndarray of shape (n,), optional
        Weights.
    costs : ndarray of shape (n,), optional
        What each decision has cost; below zero where it gained.

    Returns
    -------
    ndarray of shape (2, 11), int64
        Sums as `SUMS` names them.
    """
    costs = np.zeros(len(y)) if costs is None else costs
    w = np.ones(len(y)) if weights is None else weights
    each = (
        y & alerts,
        ~y & alerts,
        y & ~alerts,
        ~y & ~alerts,
        (proba - y) ** 2,
        row_log_loss(y, proba),
        proba,
        y,
        np.ones(len(y)),
        np.maximum(costs, 0.0),
        np.maximum(-costs, 0.0),
    )
    return np.concatenate([carry(limbs_of(w * one).sum(axis=1, keepdims=True)) for one in each], axis=1)


def figures_of(sums: Mapping[str, float], betas: Sequence[float] = (1.0, 2.0)) -> dict[str, float]:
    """Give the figures that follow from sums.

    Parameters
    ----------
    sums : mapping of str to float
        By the names of `SUMS`.
    betas : sequence of float, default=(1, 2)
        Which F-beta to give.

    Returns
    -------
    dict of str to float
        NaN where a figure is undefined.
    """
    tp, fp, fn, tn = (np.array([sums[name]]) for name in ("tp", "fp", "fn", "tn"))
    found = {name: float(np.asarray(of_cells(tp, fp, fn, tn))[0]) for name, of_cells in cells.FIGURES.items()}
    for beta in betas:
        found[f"f{beta:g}"] = float(np.asarray(cells.f_beta(tp, fp, fn, tn, beta))[0])
    ratio = sums["expected"] / sums["positives"] if sums["positives"] else np.nan
    return {
        **found,
        "brier": sums["brier"] / sums["rows"],
        "log_loss": sums["log_loss"] / sums["rows"],
        "mean_ratio": ratio,
        "cost": (sums["paid"] - sums["gained"]) / sums["rows"],
    }


def centred(draws: intervals.Draws, candidate: str, exact: Mapping[str, float]) -> intervals.Draws:
    """Put what was drawn on a sample about figures that are known exactly.

    Parameters
    ----------
    draws : Draws
        On the sample.
    candidate : str
        The only one.
    exact : mapping of str to float
        Figures of all rows.

    Returns
    -------
    Draws
        With the exact values.
    """
    values = {name: exact.get(name, value) for name, value in draws.values[candidate].items()}
    trials = {
        name: (values[name] * n, n)
        for name, (_, n) in draws.trials[candidate].items()
        if not np.isnan(values[name])
    }
    return intervals.Draws(
        {candidate: values}, draws.drawn, {candidate: trials}, draws.n_positive, draws.costs
    )
