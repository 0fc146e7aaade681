"""The neighbourhood cleaning rule: remove what disturbs the minority, not only what is disturbed."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from counterpoise.errors import TypeOfInputError
from counterpoise.neighbours import WORKING_MEMORY, Index
from counterpoise.resample.base import require_real
from counterpoise.resample.cleaning import CleaningSampler, kept_plan, mode_of, smallest_class
from counterpoise.resample.edited_neighbours import EditedNearestNeighbours, edited
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import neighbour_count, neighbour_estimator
from counterpoise.resample.spaces import NeighbourSpace
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["NeighbourhoodCleaningRule"]


class NeighbourhoodCleaningRule(CleaningSampler):
    """Remove rows that most neighbours vote against, and those that outvote a row of the minority.

    First rows of the cleaned classes go whose k nearest are mostly of other classes. Then, where a row of the
    minority is outvoted among itself and its k - 1 nearest, those of its k nearest go that belong to a cleaned class
    with more than ``threshold_cleaning`` times the minority's rows (J. Laurikkala, "Improving identification of
    difficult small classes by balancing class distribution", AIME 2001).

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are cleaned; ``"auto"``: all but the smallest.
    edited_nearest_neighbours : sampler or None, default=None
        What does the first step; by default `EditedNearestNeighbours` with ``kind_sel="mode"``.
    n_neighbors : int or estimator, default=3
        Neighbours that vote; or an estimator with ``kneighbors`` for one more than vote.
    threshold_cleaning : float, default=0.5
        Size of a class, over that of the minority, above which the second step takes rows of it.
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
    edited_nearest_neighbours_ : sampler
        What did the first step.
    nn_ : estimator
        What `n_neighbors` stands for, unfitted.
    classes_to_clean_ : list
        Classes that the second step took rows of.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        edited_nearest_neighbours: Any = None,
        n_neighbors: Any = 3,
        threshold_cleaning: float = 0.5,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy
        self.edited_nearest_neighbours = edited_nearest_neighbours
        self.n_neighbors = n_neighbors
        self.threshold_cleaning = threshold_cleaning

    def _check_parameters(self) -> None:
        super()._check_parameters()
        neighbour_count("n_neighbors", self.n_neighbors)
        require_real(
            "threshold_cleaning",
            self.threshold_cleaning,
            0.0,
            open_low=True,
            meaning="It compares the size of a class with the minority's.",
        )
        first = self.edited_nearest_neighbours
        if first is not None and not hasattr(first, "fit_resample"):
            raise TypeOfInputError(
                f"edited_nearest_neighbours={first!r} was given.",
                expected="Expected a sampler with sample_indices_, or None.",
                why="It removes the first rows.",
            )

    def _plan(self, data: Labelled) -> Plan:
        self.nn_ = neighbour_estimator(self.n_neighbors)
        index = self._index(data)
        keep = self._first_step(data, index)
        large = data.counts > data.counts.min() * self.threshold_cleaning
        codes = [code for code in data.wanted if large[code]]
        self.classes_to_clean_ = [data.label(code) for code in codes]
        outvoting = self._outvoting(data, index)
        keep[outvoting[np.isin(data.codes[outvoting], codes)]] = False
        return kept_plan(data, keep)

    def _first_step(self, data: Labelled, index: Index) -> np.ndarray:
        if self.edited_nearest_neighbours is None:
            self.edited_nearest_neighbours_ = EditedNearestNeighbours(
                sampling_strategy=self.sampling_strategy,
                n_neighbors=self.n_neighbors,
                kind_sel="mode",
                n_jobs=self.n_jobs,
                neighbour_space=self.neighbour_space,
                working_memory=self.working_memory,
            )
            return edited(index, data.codes, list(data.wanted), self.n_neighbors, "mode")
        self.edited_nearest_neighbours_ = clone(self.edited_nearest_neighbours)
        self.edited_nearest_neighbours_.fit_resample(data.X, data.y)
        keep = np.zeros(data.n_rows, dtype=bool)
        keep[self.edited_nearest_neighbours_.sample_indices_] = True
        return keep

    def _outvoting(self, data: Labelled, index: Index) -> np.ndarray:
        """Give the neighbours of those rows of the minority that are outvoted."""
        minority = smallest_class(data.counts)
        rows = data.rows_of(minority)
        near = self._nearest(index, rows, self.n_neighbors)
        voters = np.column_stack([data.codes[rows], data.codes[near[:, :-1]]])
        outvoted = mode_of(voters, len(data.counts)) != minority
        return np.unique(near[outvoted])
