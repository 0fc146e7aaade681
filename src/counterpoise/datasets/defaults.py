"""Card defaults: a small table on which most treatments of the imbalance make things worse.

374 cards, 24 of which default: a pocket of ten young holders with a high balance, and fourteen scattered among the
honest. A linear model of the untreated rows predicts no default at all; oversampling every default drags its line
through the crowd; oversampling only the defaults that have defaults around them finds the pocket.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import special

from counterpoise.chance import Seed, Streams

__all__ = ["card_defaults"]

HONEST, POCKET, SCATTERED = 350, 10, 14
"""Rows that do not default, defaults in the pocket, defaults scattered."""

_YOUNGEST, _AGES = 20.0, 55.0
_HIGHEST = 8_000.0
_DRIFT = 0.5  # how much more of the limit the old use than the young
_POCKET_AGE, _POCKET_BALANCE = (25.0, 1.5), (5_200.0, 250.0)  # mean and standard deviation


def card_defaults(random_state: Seed = 0) -> pl.DataFrame:
    """Draw the 374 cards.

    Parameters
    ----------
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    polars.DataFrame
        Columns ``age`` (years), ``balance`` (currency units) and ``default`` (int8; 24 ones), in random order.

    Examples
    --------
    >>> from counterpoise.datasets import card_defaults
    >>> frame = card_defaults()
    >>> frame.height, frame["default"].sum()
    (374, 24)
    """
    streams = Streams.of(random_state).child("defaults")
    pocket = streams.child("pocket").generator()
    rows = np.concatenate(
        [
            _crowd(streams.child("honest").generator(), HONEST),
            np.column_stack([pocket.normal(*_POCKET_AGE, POCKET), pocket.normal(*_POCKET_BALANCE, POCKET)]),
            _crowd(streams.child("scattered").generator(), SCATTERED),
        ]
    )
    default = np.repeat(np.array([0, 1], dtype=np.int8), [HONEST, POCKET + SCATTERED])
    order = streams.child("order").generator().permutation(len(rows))
    age, balance = rows[order].T
    return pl.DataFrame({"age": age.round(1), "balance": balance.round(2), "default": default[order]})


def _crowd(draw: np.random.Generator, n: int) -> np.ndarray:
    """Draw ages and balances of the crowd: balances grow with age, so that the pocket stands nearly alone.

    Each marginal takes one draw from each of n equal shares of its law (Latin hypercube), so that every seed tells
    the same story.
    """
    age, use = special.betaincinv(1.8, 2.2, _shares(draw, n)), special.betaincinv(1.6, 3.2, _shares(draw, n))
    return np.column_stack(
        [_YOUNGEST + _AGES * age, _HIGHEST * np.clip(use * (1 - _DRIFT + 2 * _DRIFT * age), 0, 1)]
    )


def _shares(draw: np.random.Generator, n: int) -> np.ndarray:
    shares: np.ndarray = (draw.permutation(n) + draw.random(n)) / n
    return shares
