"""Cleaning by the vote of neighbours: Wilson's rule once, repeated, and for growing neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from counterpoise.neighbours import WORKING_MEMORY, Agreement, Index, Segments, agreeing
from counterpoise.resample.base import require_choice, require_integer
from counterpoise.resample.cleaning import (
    CleaningSampler,
    kept_plan,
    mode_of,
    neighbours_there_are,
    smallest_class,
)
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import neighbour_count, neighbour_estimator
from counterpoise.resample.spaces import NeighbourSpace, neighbours_of
from counterpoise.resample.strategy import SamplingStrategy, resolve_strategy

__all__ = ["AllKNN", "EditedNearestNeighbours", "RepeatedEditedNearestNeighbours", "edited"]


class _Editing(CleaningSampler):
    """What the three samplers share: their parameters, and one round of editing."""

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        n_neighbors: Any = 3,
        kind_sel: Agreement = "all",
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy
        self.n_neighbors = n_neighbors
        self.kind_sel = kind_sel

    def _check_parameters(self) -> None:
        super()._check_parameters()
        neighbour_count("n_neighbors", self.n_neighbors)
        require_choice("kind_sel", self.kind_sel, ("all", "mode"), meaning="It says how neighbours vote.")

    def _rounds(self, data: Labelled, sizes: Iterator[Any], may_shrink: bool) -> np.ndarray:
        """Edit again and again, each time among the rows that are left; give those that are left at the end.

        Stops when a round removes nothing of what `sizes` still offers, a class falls below the minority's size
        (unless it may), or a class is gone.
        """
        rows, index = np.arange(data.n_rows), self._index(data)
        left, least = data.counts, int(data.counts.min())
        minority = smallest_class(data.counts)
        self.n_iter_ = 0
        for size in sizes:
            part = Index(index.points.take(rows), working_memory=self.working_memory, n_jobs=self.n_jobs)
            keep = edited(part, data.codes[rows], self._classes(data, left), size, self.kind_sel)
            rows = rows[keep]
            self.n_iter_ += 1
            left = np.bincount(data.codes[rows], minlength=len(data.counts))
            shrunk = np.delete(left, minority) < least
            if (shrunk.any() and not may_shrink) or (left == 0).any() or self._is_settled(keep):
                break
        return rows

    def _classes(self, data: Labelled, left: np.ndarray) -> list[int]:
        """Say which classes a round cleans: a word such as "auto" speaks of the classes as they are by then."""
        if not isinstance(self.sampling_strategy, str):
            return list(data.wanted)
        asked = resolve_strategy(self.sampling_strategy, data.target.labels, left, "clean-sampling")
        return [code for code, label in enumerate(data.target.labels) if label in asked]

    def _is_settled(self, keep: np.ndarray) -> bool:
        return False

    def _kept(self, data: Labelled, rows: np.ndarray) -> Plan:
        keep = np.zeros(data.n_rows, dtype=bool)
        keep[rows] = True
        return kept_plan(data, keep)


def edited(
    index: Index,
    codes: np.ndarray,
    classes: list[int],
    n_neighbors: Any,
    kind: Agreement,
    segments: Segments | None = None,
) -> np.ndarray:
    """Say which rows stay when rows of some classes go that their neighbours vote against.

    Parameters
    ----------
    index : Index
        All rows, as points.
    codes : ndarray of shape (n,), int64
        Class of each row.
    classes : list of int
        Classes that lose rows.
    n_neighbors : int or estimator
        Neighbours that vote, or a search of the user's own for one more.
    kind : {"all", "mode"}
        How they vote.
    segments : Segments, optional
        What is known of rows that were invented.

    Returns
    -------
    ndarray of shape (n,), bool
        True for rows that stay.
    """
    k = neighbours_there_are("n_neighbors", n_neighbors, len(codes))
    if not hasattr(n_neighbors, "kneighbors"):
        return agreeing(index, codes, classes, k, kind, segments)
    keep = np.ones(len(codes), dtype=bool)
    rows = np.flatnonzero(np.isin(codes, classes))
    near = codes[neighbours_of(index.points, rows, k, n_neighbors)]
    own = codes[rows]
    if kind == "all":
        keep[rows] = (near == own[:, None]).all(axis=1)
    else:
        keep[rows] = mode_of(near, int(codes.max()) + 1) == own
    return keep


class EditedNearestNeighbours(_Editing):
    """Remove rows whose nearest neighbours are of another class.

    A row of a cleaned class stays if all (or most) of its k nearest other rows are of its class (D. Wilson,
    "Asymptotic properties of nearest neighbor rules using edited data", IEEE Transactions on Systems, Man, and
    Cybernetics 2(3), 1972). Neighbours are exact; of equally near rows the one with the smaller number comes first.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are cleaned; ``"auto"``: all but the smallest.
    n_neighbors : int or estimator, default=3
        Neighbours that vote; or an estimator with ``kneighbors`` for one more than vote.
    kind_sel : {"all", "mode"}, default="all"
        ``"all"``: one neighbour of another class removes the row. ``"mode"``: the most frequent class among the
        neighbours must be its own; of classes equally frequent the first counts.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are cleaned.
    nn_ : estimator
        What `n_neighbors` stands for, unfitted.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import EditedNearestNeighbours
    >>> X, y = np.array([[0.0], [1.0], [1.9], [2.1], [2.2]]), np.array([0, 0, 0, 1, 1])
    >>> EditedNearestNeighbours(n_neighbors=1).fit_resample(X, y)[0].ravel().tolist()
    [0.0, 1.0, 2.1, 2.2]
    """

    def _plan(self, data: Labelled) -> Plan:
        return kept_plan(data, self.kept_rows(data))

    def kept_rows(self, data: Labelled, segments: Segments | None = None) -> np.ndarray:
        """Say which rows stay.

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
        self.nn_ = neighbour_estimator(self.n_neighbors)
        index, classes = self._index(data), list(data.wanted)
        return edited(index, data.codes, classes, self.n_neighbors, self.kind_sel, segments)


class RepeatedEditedNearestNeighbours(_Editing):
    """Remove rows whose nearest neighbours are of another class, until nothing changes.

    Stops when a round removes nothing, when a class has fewer rows than the smallest had at first, when a class is
    gone, or after `max_iter` rounds; what the last round removed stays removed (I. Tomek, "An experiment with the
    edited nearest-neighbor rule", IEEE Transactions on Systems, Man, and Cybernetics 6(6), 1976).

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are cleaned; ``"auto"``: all but the smallest.
    n_neighbors : int or estimator, default=3
        Neighbours that vote; or an estimator with ``kneighbors`` for one more than vote.
    max_iter : int, default=100
        Rounds at most.
    kind_sel : {"all", "mode"}, default="all"
        Whether all neighbours must be of the row's class, or the most frequent class.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are cleaned.
    nn_ : estimator
        What `n_neighbors` stands for, unfitted.
    n_iter_ : int
        Rounds that were run.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        n_neighbors: Any = 3,
        max_iter: int = 100,
        kind_sel: Agreement = "all",
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            n_neighbors=n_neighbors,
            kind_sel=kind_sel,
            n_jobs=n_jobs,
            neighbour_space=neighbour_space,
            working_memory=working_memory,
        )
        self.max_iter = max_iter

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require_integer("max_iter", self.max_iter, 1, meaning="It counts rounds.")

    def _is_settled(self, keep: np.ndarray) -> bool:
        return bool(keep.all())

    def _plan(self, data: Labelled) -> Plan:
        self.nn_ = neighbour_estimator(self.n_neighbors)
        sizes = iter([self.n_neighbors] * self.max_iter)
        return self._kept(data, self._rounds(data, sizes, may_shrink=False))


class AllKNN(_Editing):
    """Remove rows whose neighbours are of another class, for one neighbour, then two, up to `n_neighbors`.

    Each round works on what the one before left, and ``"auto"`` means all but the class that is smallest by then. Stops
    early when a class has fewer rows than the smallest had at
    first (unless `allow_minority`) or is gone (I. Tomek, "An experiment with the edited nearest-neighbor rule", IEEE
    Transactions on Systems, Man, and Cybernetics 6(6), 1976).

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are cleaned; ``"auto"``: all but the smallest.
    n_neighbors : int or estimator, default=3
        Neighbours of the last round; an estimator with ``kneighbors`` counts the row itself too.
    kind_sel : {"all", "mode"}, default="all"
        Whether all neighbours must be of the row's class, or the most frequent class.
    allow_minority : bool, default=False
        Whether a class may become smaller than the smallest was.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are cleaned.
    nn_ : estimator
        What `n_neighbors` stands for, unfitted.
    n_iter_ : int
        Rounds that were run.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        n_neighbors: Any = 3,
        kind_sel: Agreement = "all",
        allow_minority: bool = False,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            n_neighbors=n_neighbors,
            kind_sel=kind_sel,
            n_jobs=n_jobs,
            neighbour_space=neighbour_space,
            working_memory=working_memory,
        )
        self.allow_minority = allow_minority

    def _plan(self, data: Labelled) -> Plan:
        self.nn_ = neighbour_estimator(self.n_neighbors)
        sizes = iter(range(1, neighbour_count("n_neighbors", self.n_neighbors) + 1))
        return self._kept(data, self._rounds(data, sizes, may_shrink=self.allow_minority))
