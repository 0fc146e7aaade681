"""NearMiss: under-sampling that keeps the rows near the minority, in three versions."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from counterpoise.errors import CounterpoiseWarning, OptionError
from counterpoise.neighbours import WORKING_MEMORY, Index, Space, nearest_bounds
from counterpoise.neighbours.distances import product, rounding, squared_norms
from counterpoise.resample.base import require_integer
from counterpoise.resample.cleaning import CleaningSampler, smallest_class
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import neighbour_count
from counterpoise.resample.spaces import NeighbourSpace
from counterpoise.resample.strategy import SamplingKind, SamplingStrategy

__all__ = ["NearMiss"]

_VERSIONS = 3
_FIRST = 4  # rows looked at exactly, over rows wanted, to find how small a sum has to be
_LEAST_FIRST = 1024
_SLACK = 1e-9  # relative, far above the rounding of a sum of square roots


class NearMiss(CleaningSampler):
    """Keep the rows of the larger classes that are near the smallest one.

    * Version 1: the least mean distance to their k nearest rows of the minority.
    * Version 2: the least mean distance to their k farthest rows of the minority.
    * Version 3: among the nearest rows of each row of the minority, the greatest mean distance to their k nearest
      rows of the minority.

    Of rows with equal means those with the smaller numbers are kept. Source: I. Mani and I. Zhang, "kNN approach to
    unbalanced data distributions: a case study involving information extraction", ICML workshop, 2003.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the smallest.
    version : {1, 2, 3}, default=1
        Which of the three.
    n_neighbors : int or estimator, default=3
        Rows of the minority that the mean is over; of an estimator only ``n_neighbors`` is used.
    n_neighbors_ver3 : int or estimator, default=3
        Rows near each row of the minority that version 3 chooses among.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to keep.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import NearMiss
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0], [3.5]]), np.array([0, 0, 0, 1, 1])
    >>> NearMiss(n_neighbors=1).fit_resample(X, y)[0].ravel().tolist()
    [1.0, 2.0, 3.0, 3.5]
    """

    _sampling_type: ClassVar[SamplingKind] = "under-sampling"

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        version: int = 1,
        n_neighbors: Any = 3,
        n_neighbors_ver3: Any = 3,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy
        self.version = version
        self.n_neighbors = n_neighbors
        self.n_neighbors_ver3 = n_neighbors_ver3

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if require_integer("version", self.version, 1, meaning="It is one of three rules.") > _VERSIONS:
            raise OptionError(
                f"version={self.version!r} was given.",
                expected="Expected 1, 2 or 3.",
                why="It is one of three rules.",
            )
        for name in ("n_neighbors", "n_neighbors_ver3"):
            neighbour_count(name, getattr(self, name))

    def _plan(self, data: Labelled) -> Plan:
        space = self._index(data).points
        minority = data.rows_of(smallest_class(data.counts))
        keep = np.ones(data.n_rows, dtype=bool)
        for code, n in data.wanted.items():
            rows = data.rows_of(code)
            keep[rows] = False
            keep[rows[self._chosen(data, space, rows, minority, n, code)]] = True
        return Plan.keep(data.target, np.flatnonzero(keep))

    def _chosen(
        self, data: Labelled, space: Space, rows: np.ndarray, minority: np.ndarray, n: int, code: int
    ) -> np.ndarray:
        k = _at_most("n_neighbors", self.n_neighbors, len(minority), "the smallest class")
        few = Index(space.take(minority), working_memory=self.working_memory, n_jobs=self.n_jobs)
        if self.version == 1:
            return _least_sums(space.take(rows), few, k, n)
        if self.version == 2:
            return _greatest_first(space.take(rows), few, k, n)
        return self._near_then_far(data, space, rows, few, k, n, code)

    def _near_then_far(
        self, data: Labelled, space: Space, rows: np.ndarray, few: Index, k: int, n: int, code: int
    ) -> np.ndarray:
        label = data.label(code)
        reach = _at_most("n_neighbors_ver3", self.n_neighbors_ver3, len(rows), f"class {label!r}")
        many = Index(space.take(rows), working_memory=self.working_memory, n_jobs=self.n_jobs)
        near = np.unique(many.nearest(few.points, reach)[1])
        if len(near) < n:
            warnings.warn(
                f"{n} rows of class {label!r} were asked, and {len(near)} are near the smallest class. All of "
                "those are kept; raise n_neighbors_ver3 for more.",
                CounterpoiseWarning,
                stacklevel=2,
            )
        return np.asarray(near[_first(-_sums(many.points.take(near), few, k), n)])


def _at_most(name: str, value: Any, available: int, of: str) -> int:
    asked = neighbour_count(name, value) + (1 if hasattr(value, "kneighbors") else 0)
    if asked > available:
        warnings.warn(
            f"{name}={asked} was given, and {of} has {available} rows. {available} are used instead.",
            CounterpoiseWarning,
            stacklevel=2,
        )
    return min(asked, available)


def _first(values: np.ndarray, n: int) -> np.ndarray:
    """Give the positions of the n least values; of equal ones the first."""
    return np.argsort(values, kind="stable")[:n]


def _sums(queries: Space, few: Index, k: int) -> np.ndarray:
    """Sum the distances from each query to its k nearest points."""
    return np.asarray(np.sqrt(few.nearest(queries, k)[0]).sum(axis=1))


def _least_sums(queries: Space, few: Index, k: int, n: int) -> np.ndarray:
    """Find the n rows with the least sums: k times the least distance bounds a sum from below."""
    low, high = nearest_bounds(queries, few.points, n_jobs=few.n_jobs)
    least = k * np.sqrt(low)
    size = min(len(queries), max(_FIRST * n, _LEAST_FIRST))
    if size == len(queries):
        return _first(_sums(queries, few, k), n)
    first = np.argpartition(high, size - 1)[:size]
    enough = np.partition(_sums(queries.take(first), few, k), n - 1)[n - 1] if n else 0.0
    rows = np.flatnonzero(least <= enough * (1 + _SLACK))
    return np.asarray(rows[_first(_sums(queries.take(rows), few, k), n)])


def _greatest_first(queries: Space, few: Index, k: int, n: int) -> np.ndarray:
    """Find the n rows with the least sums of distances to their k farthest points."""
    if not queries.is_plain or n >= len(queries):
        return _first(_farthest_sums(queries, few, k), n)
    rough, error = _rough_farthest_sums(queries, few, k)
    enough = np.partition(rough + error, n - 1)[n - 1] if n else 0.0
    rows = np.flatnonzero(rough - error <= enough)
    return np.asarray(rows[_first(_farthest_sums(queries.take(rows), few, k), n)])


def _rough_farthest_sums(queries: Space, few: Index, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Estimate those sums by products in float64, with a bound on the error of each."""
    centre = few.points.numbers.mean(axis=0, dtype=np.float64)
    right = few.points.numbers - centre
    weights, bound = squared_norms(right), rounding(right.shape[1] + 1, np.float64)
    rough, error = np.empty(len(queries)), np.empty(len(queries))
    step = max(16, few.working_memory // (64 * len(right)))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        left = queries.numbers[part] - centre
        norms = squared_norms(left)
        squared = product(right, weights, left)
        squared += norms
        farthest = np.partition(squared, len(right) - k, axis=0)[len(right) - k :]
        rough[part] = np.sqrt(np.maximum(farthest, 0)).sum(axis=0)
        error[part] = 2 * k * np.sqrt(bound * (norms + weights.max()))
    return rough, error


def _farthest_sums(queries: Space, few: Index, k: int) -> np.ndarray:
    """Sum the distances from each query to its k farthest points."""
    m = len(few.points)
    step = max(1, few.working_memory // (64 * m))
    sums = np.empty(len(queries))
    for start in range(0, len(queries), step):
        part = queries.take(slice(start, start + step))
        everything = np.sqrt(few.nearest(part, m)[0])
        sums[start : start + step] = everything[:, m - k :].sum(axis=1)
    return sums
