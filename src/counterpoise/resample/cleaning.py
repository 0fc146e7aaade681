"""What the cleaning samplers share: the space they look in, and how many neighbours there can be."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from counterpoise.errors import CounterpoiseWarning, NotApplicable
from counterpoise.neighbours import WORKING_MEMORY, Index, Segments
from counterpoise.resample.base import BaseSampler, require_integer
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import neighbour_count
from counterpoise.resample.spaces import (
    NeighbourSpace,
    check_neighbour_space,
    neighbours_of,
    whole_space,
)
from counterpoise.resample.strategy import SamplingKind

__all__ = [
    "CleaningSampler",
    "kept_plan",
    "mode_of",
    "neighbours_there_are",
    "segments_of",
    "smallest_class",
]


class CleaningSampler(BaseSampler):
    """Base of samplers that remove rows by looking at their neighbours.

    Parameters
    ----------
    n_jobs : int or None, default=None
        Threads; None means all cores. The rows kept are the same for any number.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are compared in their own units, as imbalanced-learn does, or divided by their standard
        deviation first.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes. The rows kept are the same for any.
    """

    _sampling_type: ClassVar[SamplingKind] = "clean-sampling"
    _keeps_rows = True

    def __init__(
        self,
        *,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        self.n_jobs = n_jobs
        self.neighbour_space = neighbour_space
        self.working_memory = working_memory

    def _check_parameters(self) -> None:
        check_neighbour_space(self.neighbour_space)
        require_integer("working_memory", self.working_memory, 1, meaning="It is a number of bytes.")

    def kept_rows(self, data: Labelled, segments: Segments | None = None) -> np.ndarray:
        """Say which rows stay, where they follow from neighbours alone.

        Parameters
        ----------
        data : Labelled
            The table.
        segments : Segments, optional
            What is known of rows that were invented; it saves time and changes nothing.

        Returns
        -------
        ndarray of shape (n_rows,), bool
            True for rows that stay.
        """
        raise NotImplementedError

    def plan_invented(self, X: Any, y: Any, segments: Segments | None) -> Plan:
        """Plan the cleaning of a table of which some rows were invented on known segments.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,)
            Labels.
        segments : Segments or None
            Where invented rows lie, as `segments_of` gives it.

        Returns
        -------
        Plan
            The same as `plan` gives, sooner.
        """
        data = self._read(X, y)
        return kept_plan(data, self.kept_rows(data, segments)).remember(X, y)

    def _index(self, data: Labelled) -> Index:
        """See the table as points."""
        space = whole_space(data, self.neighbour_space)
        return Index(space, working_memory=self.working_memory, n_jobs=self.n_jobs)

    def _nearest(self, index: Index, rows: np.ndarray, n_neighbors: Any) -> np.ndarray:
        """Find neighbours of some rows, by the user's own search where one was given."""
        k = neighbours_there_are("n_neighbors", n_neighbors, len(index.points))
        if hasattr(n_neighbors, "kneighbors"):
            return neighbours_of(index.points, rows, k, n_neighbors)
        return index.nearest_rows(rows, k)[1] if len(rows) else np.empty((0, k), dtype=np.int64)


def neighbours_there_are(name: str, value: Any, n_rows: int) -> int:
    """Say how many neighbours a row can have, with a warning where that is fewer than asked.

    Parameters
    ----------
    name : str
        The parameter.
    value : int or estimator
        How many are asked.
    n_rows : int
        Rows of the table.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    NotApplicable
        If there is one row only.
    """
    asked = neighbour_count(name, value)
    if n_rows < 2:
        raise NotApplicable(
            f"The table has {n_rows} row.",
            expected="Expected at least two rows.",
            why="A row alone has no neighbour that could disagree with it.",
        )
    if asked >= n_rows:
        warnings.warn(
            f"The table has {n_rows} rows, too few for {name}={asked}. {n_rows - 1} are used instead.",
            CounterpoiseWarning,
            stacklevel=2,
        )
    return min(asked, n_rows - 1)


def smallest_class(counts: np.ndarray) -> int:
    """Say which class is the minority.

    Parameters
    ----------
    counts : ndarray of shape (n_classes,), int64
        Rows of each class.

    Returns
    -------
    int
        Code of the smallest class; of equally small ones the first.
    """
    return int(np.argmin(counts))


def mode_of(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Take the most frequent label of each row.

    Parameters
    ----------
    labels : ndarray of shape (m, k), int64
        Class codes.
    n_classes : int
        How many classes there are.

    Returns
    -------
    ndarray of shape (m,), int64
        Of labels equally frequent, the one with the smallest code.
    """
    votes = np.stack([(labels == code).sum(axis=1) for code in range(n_classes)], axis=1)
    return np.asarray(votes.argmax(axis=1))


def kept_plan(data: Labelled, keep: np.ndarray) -> Plan:
    """Plan to keep some rows in the order of the table, with a warning where a class is gone.

    Parameters
    ----------
    data : Labelled
        The table.
    keep : ndarray of shape (n_rows,), bool
        Which.

    Returns
    -------
    Plan
        Row numbers, ascending.
    """
    rows = np.flatnonzero(keep)
    left = np.bincount(data.codes[rows], minlength=len(data.counts))
    for code in np.flatnonzero((left == 0) & (data.counts > 0)).tolist():
        warnings.warn(
            f"No row of class {data.label(code)!r} is left: each of its {data.counts[code]} rows was removed.",
            CounterpoiseWarning,
            stacklevel=2,
        )
    return Plan.keep(data.target, rows)


def segments_of(plan: Plan) -> Segments | None:
    """Say between which rows of a plan's output its invented rows lie.

    Parameters
    ----------
    plan : Plan
        What made the rows that are to be cleaned.

    Returns
    -------
    Segments or None
        In row numbers of the output; None where nothing was invented, or with noise. Rows that are means of groups,
        or whose ends are not in the output, are left out.
    """
    if not len(plan.base) or plan.noise is not None:
        return None
    place = np.full(plan.n_rows + len(plan.base), -1, dtype=np.int64)
    place[plan.numbers] = np.arange(plan.n_out)
    rows, base, neighbour = place[plan.n_rows :], place[plan.base], place[plan.neighbour]
    sound = (rows >= 0) & (base >= 0) & (neighbour >= 0)
    if plan.groups is not None:
        sound &= np.diff(plan.groups.starts) == 0
    return Segments(rows[sound], base[sound], neighbour[sound], plan.gap[sound])
