"""Rows of a class that its own kind surrounds: a filter before rows are invented."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from counterpoise.errors import CounterpoiseWarning
from counterpoise.neighbours import WORKING_MEMORY
from counterpoise.resample.base import require_real
from counterpoise.resample.cleaning import CleaningSampler, smallest_class
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import neighbour_count, neighbour_estimator
from counterpoise.resample.spaces import NeighbourSpace
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["NeighbourFilter"]


class NeighbourFilter(CleaningSampler):
    """Keep rows of the minority whose neighbours are of the minority; the others count as noise.

    A row's k nearest other rows estimate the probability of its class where it lies, and it stays if their share of
    its own class is above `threshold`. Made to come before over-sampling, so that no rows are invented around
    outliers: ``SMOTE(filter=NeighbourFilter())``, or ``plan.then(SMOTE())``.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are filtered; ``"auto"``: the smallest only (where the other cleaning samplers spare it).
    n_neighbors : int or estimator, default=3
        Neighbours that are looked at; or an estimator with ``kneighbors`` for one more.
    threshold : float, default=0.5
        Share, from 0 to 1, that must be exceeded.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are filtered.
    nn_ : estimator
        What `n_neighbors` stands for, unfitted.
    shares_ : ndarray of shape (n_rows,), float64
        Share of each row's neighbours that are of its class; NaN for classes that are not filtered.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import NeighbourFilter
    >>> X = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [5.0], [5.1], [5.2], [0.25]])
    >>> y = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    >>> NeighbourFilter(n_neighbors=2).fit_resample(X, y)[1].tolist()
    [0, 0, 0, 0, 0, 1, 1, 1]
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        n_neighbors: Any = 3,
        threshold: float = 0.5,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "standardised",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy
        self.n_neighbors = n_neighbors
        self.threshold = threshold

    def _check_parameters(self) -> None:
        super()._check_parameters()
        neighbour_count("n_neighbors", self.n_neighbors)
        require_real("threshold", self.threshold, 0.0, 1.0, meaning="It is a share of neighbours.")

    def _plan(self, data: Labelled) -> Plan:
        self.nn_ = neighbour_estimator(self.n_neighbors)
        classes = list(data.wanted)
        if isinstance(self.sampling_strategy, str) and self.sampling_strategy == "auto":
            classes = [smallest_class(data.counts)]
            self.sampling_strategy_ = {data.label(classes[0]): int(data.counts.min())}
        rows = np.flatnonzero(np.isin(data.codes, classes))
        near = self._nearest(self._index(data), rows, self.n_neighbors)
        self.shares_ = np.full(data.n_rows, np.nan)
        self.shares_[rows] = (data.codes[near] == data.codes[rows][:, None]).mean(axis=1)
        keep = np.ones(data.n_rows, dtype=bool)
        keep[rows] = self.shares_[rows] > self.threshold
        for code in classes:
            _keep_some(data, code, keep, self.shares_)
        return Plan.keep(data.target, np.flatnonzero(keep))


def _keep_some(data: Labelled, code: int, keep: np.ndarray, shares: np.ndarray) -> None:
    """Where no row of a class would stay, keep those with the highest share, and say so."""
    rows = data.rows_of(code)
    if keep[rows].any():
        return
    best = shares[rows].max()
    keep[rows[shares[rows] == best]] = True
    warnings.warn(
        f"No row of class {data.label(code)!r} has a share of neighbours above the threshold; the "
        f"{int(keep[rows].sum())} rows with the highest share, {best:.3g}, are kept.",
        CounterpoiseWarning,
        stacklevel=2,
    )
