"""From neighbours to invented rows: the part that all kinds of SMOTE share."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counterpoise.errors import CounterpoiseWarning
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.mixing import Invention, join, kinds_of
from counterpoise.resample.plan import Plan

__all__ = ["Additions", "apportion", "draw_segments", "has_categories", "planned", "reachable_neighbours"]


@dataclass(slots=True, eq=False)
class Additions:
    """Rows that a class gains.

    Attributes
    ----------
    invention : Invention
        Rows that are invented.
    reach : ndarray of shape (s,), float64
        What each gap was drawn up to.
    repeated : ndarray, int64
        Rows that are repeated instead, where nothing could be invented.
    """

    invention: Invention
    reach: np.ndarray
    repeated: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @classmethod
    def none(cls) -> Additions:
        """Give no rows at all."""
        return cls.repeating(np.empty(0, dtype=np.int64))

    @classmethod
    def repeating(cls, rows: np.ndarray) -> Additions:
        """Repeat rows.

        Parameters
        ----------
        rows : ndarray, int64
            Which, as often as they stand there.

        Returns
        -------
        Additions
            Nothing invented.
        """
        empty = np.empty(0, dtype=np.int64)
        return cls(Invention(empty, empty, np.empty(0)), np.empty(0), rows)


def planned(data: Labelled, parts: list[Additions], kept: np.ndarray | None = None) -> Plan:
    """Put the additions of all classes behind the rows that are kept.

    Parameters
    ----------
    data : Labelled
        The table.
    parts : list of Additions
        One a class, or more.
    kept : ndarray, int64, optional
        Rows that are kept; all by default.

    Returns
    -------
    Plan
        Kept rows, then repeated ones, then invented ones.
    """
    everything = Additions.none()
    for part in parts:
        everything = Additions(
            join(everything.invention, part.invention),
            np.concatenate((everything.reach, part.reach)),
            np.concatenate((everything.repeated, part.repeated)),
        )
    rows = np.arange(data.n_rows) if kept is None else kept
    if len(everything.repeated):
        rows = np.concatenate((rows, everything.repeated))
    reach = None if bool((everything.reach == 1.0).all()) else everything.reach
    return Plan.invent(data.target, rows, everything.invention, reach=reach)


def draw_segments(
    bases: np.ndarray,
    neighbours: np.ndarray,
    n: int,
    draw: np.random.Generator,
    *,
    reach: float | np.ndarray = 1.0,
    repeats: np.ndarray | None = None,
    donors: np.ndarray | None = None,
) -> Additions:
    """Draw new rows on segments from bases to their neighbours.

    Parameters
    ----------
    bases : ndarray of shape (m,), int64
        Rows of the table to start from.
    neighbours : ndarray of shape (m, k), int64
        Rows of the table that each may go to.
    n : int
        New rows.
    draw : numpy.random.Generator
        Source of chance.
    reach : float or ndarray of shape (m, k), default=1.0
        How far along each segment.
    repeats : ndarray of shape (m,), int64, optional
        New rows for each base, in all `n`; drawn at random by default.
    donors : ndarray of shape (m, k2), int64, optional
        Rows of the table that vote on the categories of what starts at each base.

    Returns
    -------
    Additions
        The new rows.
    """
    m, k = neighbours.shape
    if repeats is None:
        pair = draw.integers(0, m * k, n)
        start, to = np.divmod(pair, k)
    else:
        start, to = np.repeat(np.arange(m), repeats), draw.integers(0, k, n)
        pair = start * k + to
    far = reach.ravel()[pair] if isinstance(reach, np.ndarray) else np.full(n, reach)
    gap = draw.random(n)
    gap *= far
    invention = Invention(
        bases[start],
        neighbours.ravel()[pair],
        gap,
        donors,
        None if donors is None else start.astype(np.int32),
    )
    return Additions(invention, far)


def reachable_neighbours(label: Any, n_rows: int, k: int, name: str = "k_neighbors") -> int:
    """Say how many neighbours within a class there can be, with a warning where they are fewer than asked.

    Parameters
    ----------
    label : object
        The class.
    n_rows : int
        Its rows.
    k : int
        Neighbours asked.
    name : str, default="k_neighbors"
        The parameter that asks.

    Returns
    -------
    int
        From 0 to k.
    """
    if n_rows > k:
        return k
    if n_rows <= 1:
        done = "Its row is repeated as it is: there is no segment to put new rows on."
    else:
        done = f"{n_rows - 1} neighbour{'s are' if n_rows > 2 else ' is'} used instead."
    warnings.warn(
        f"Class {label!r} has {n_rows} row{'s' if n_rows != 1 else ''}, too few for {name}={k}. {done}",
        CounterpoiseWarning,
        stacklevel=2,
    )
    return max(0, n_rows - 1)


def apportion(shares: np.ndarray, n: int) -> np.ndarray:
    """Divide n rows in proportion to shares, by the largest remainders.

    Parameters
    ----------
    shares : ndarray of shape (m,), float64
        Not negative, not all zero.
    n : int
        Rows.

    Returns
    -------
    ndarray of shape (m,), int64
        Whole numbers that sum to n.
    """
    exact = shares / shares.sum() * n
    whole: np.ndarray = np.floor(exact).astype(np.int64)
    most = np.argsort(whole - exact, kind="stable")[: n - int(whole.sum())]
    whole[most] += 1
    return whole


def has_categories(data: Labelled, categories: np.ndarray | None) -> bool:
    """Say whether some columns cannot be interpolated.

    Parameters
    ----------
    data : Labelled
        The table.
    categories : ndarray of int64, or None
        Columns that are declared to be categories.

    Returns
    -------
    bool
        True where categories or booleans are among them.
    """
    if data.is_sparse or (
        isinstance(data.X, np.ndarray) and data.X.dtype.kind in "fiu" and categories is None
    ):
        return False
    return any(kind in ("category", "boolean") for kind in kinds_of(data.X, categories))
