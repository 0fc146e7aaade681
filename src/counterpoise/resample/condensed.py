"""Condensing: keep what one nearest neighbour needs to tell the classes apart, and drop the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from counterpoise.chance import Seed
from counterpoise.errors import TypeOfInputError
from counterpoise.neighbours import WORKING_MEMORY, Index, Space, condensed, nearer_to, tomek_links
from counterpoise.resample.base import require_integer
from counterpoise.resample.cleaning import CleaningSampler, kept_plan, mode_of, smallest_class
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.spaces import NeighbourSpace
from counterpoise.resample.strategy import SamplingStrategy
from counterpoise.resample.tomek_links import without_links

__all__ = ["CondensedNearestNeighbour", "OneSidedSelection"]


class _Condensing(CleaningSampler):
    """What both samplers share: their parameters, and the seeds."""

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        n_neighbors: Any = None,
        n_seeds_S: int = 1,
        n_jobs: int | None = None,
        neighbour_space: NeighbourSpace = "raw",
        working_memory: int = WORKING_MEMORY,
    ) -> None:
        super().__init__(n_jobs=n_jobs, neighbour_space=neighbour_space, working_memory=working_memory)
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.n_seeds_S = n_seeds_S

    def _check_parameters(self) -> None:
        super()._check_parameters()
        require_integer(
            "n_seeds_S", self.n_seeds_S, 1, meaning="It counts rows that are drawn to begin with."
        )
        _votes(self.n_neighbors)

    def _seeds(self, data: Labelled, code: int) -> np.ndarray:
        """Draw positions among the rows of a class."""
        draw = data.streams.child("seeds", data.label(code)).generator()
        return draw.integers(0, data.counts[code], self.n_seeds_S)

    def _kept_of_each(self, data: Labelled, keep_of: Callable[[int], np.ndarray]) -> np.ndarray:
        keep = np.ones(data.n_rows, dtype=bool)
        for code in data.wanted:
            if code != smallest_class(data.counts):
                keep[data.rows_of(code)] = keep_of(code)
        return keep


def _votes(value: Any) -> int:
    """Say how many neighbours classify a row."""
    if value is None:
        return 1
    if hasattr(value, "kneighbors"):
        if not hasattr(value, "n_neighbors"):
            raise TypeOfInputError(
                f"n_neighbors={value!r} was given.",
                expected="Expected a number, None, or a classifier with n_neighbors.",
                why="It says how many neighbours classify a row.",
            )
        return int(value.n_neighbors)
    return require_integer("n_neighbors", value, 1, meaning="It counts the neighbours that classify a row.")


class CondensedNearestNeighbour(_Condensing):
    """Keep of the larger classes only what nearest neighbours need to tell them from the smallest.

    The store begins with the minority and some rows drawn from the class; then each row of the class, in the order
    of the table, joins the store if the store's nearest rows vote against it (P. Hart, "The condensed nearest
    neighbor rule", IEEE Transactions on Information Theory 14(3), 1968; one pass, as imbalanced-learn). Of equally
    near rows of the store those of the class itself come first, so that a repeated row joins once; of classes with
    equal votes the first in order wins.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that are condensed; ``"auto"``: all but the smallest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    n_neighbors : int, estimator or None, default=None
        Neighbours that classify a row; None means 1. Of an estimator only ``n_neighbors`` is used.
    n_seeds_S : int, default=1
        Rows of the class that the store begins with.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that are condensed.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.
    """

    def _plan(self, data: Labelled) -> Plan:
        space = self._index(data).points
        minority = data.rows_of(smallest_class(data.counts))
        k = _votes(self.n_neighbors)

        def keep_of(code: int) -> np.ndarray:
            rows, seeds = data.rows_of(code), self._seeds(data, code)
            first = code < smallest_class(data.counts)
            return condensed(
                space.take(rows), space.take(minority), seeds, k, own_first=first, n_jobs=self.n_jobs
            )

        return kept_plan(data, self._kept_of_each(data, keep_of))


class OneSidedSelection(_Condensing):
    """Keep of the larger classes what is classified wrongly at first sight, then remove Tomek links.

    The store holds the minority and some rows drawn from the class; rows of the class stay that the store's nearest
    rows vote against, and the drawn ones. Of what is left, linked rows of the cleaned classes go (M. Kubat and S.
    Matwin, "Addressing the curse of imbalanced training sets: one-sided selection", ICML 1997). Of equally near rows
    of the store those of the minority come first: what lies where the minority lies stays, and may be linked.

    Parameters
    ----------
    sampling_strategy : str, list or callable, default="auto"
        Classes that lose rows; ``"auto"``: all but the smallest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    n_neighbors : int, estimator or None, default=None
        Neighbours that classify a row; None means 1. Of an estimator only ``n_neighbors`` is used.
    n_seeds_S : int, default=1
        Rows of the class that the store holds.
    n_jobs : int or None, default=None
        Threads; None means all cores.
    neighbour_space : {"raw", "standardised"}, default="raw"
        Whether numbers are divided by their standard deviation before rows are compared.
    working_memory : int, default=256 MB
        Budget of scratch memory, bytes.

    Attributes
    ----------
    sampling_strategy_ : dict
        The classes that lose rows.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that are kept, ascending.
    plan_ : Plan
        The plan of the last call.
    """

    def _plan(self, data: Labelled) -> Plan:
        space = self._index(data).points
        minority = space.take(data.rows_of(smallest_class(data.counts)))
        keep = self._kept_of_each(data, lambda code: self._misclassified(data, space, minority, code))
        rows = np.flatnonzero(keep)
        index = Index(space.take(rows), working_memory=self.working_memory, n_jobs=self.n_jobs)
        links = tomek_links(index, data.codes[rows])
        keep[rows] = without_links(links, data.codes[rows], list(data.wanted))
        return kept_plan(data, keep)

    def _misclassified(self, data: Labelled, space: Space, minority: Space, code: int) -> np.ndarray:
        rows, seeds = data.rows_of(code), self._seeds(data, code)
        own = space.take(rows)
        k = min(_votes(self.n_neighbors), len(minority) + len(seeds))
        if k == 1:
            wrong = ~nearer_to(own, own.take(seeds), minority, n_jobs=self.n_jobs)
        else:
            wrong = _outvoted(data, own, minority, seeds, code, k, self.n_jobs)
        wrong[seeds] = True
        return wrong


def _outvoted(
    data: Labelled, own: Space, minority: Space, seeds: np.ndarray, code: int, k: int, n_jobs: int | None
) -> np.ndarray:
    """Say which rows of a class the store votes against."""
    store = minority.stacked(own.take(seeds))
    labels = np.repeat([smallest_class(data.counts), code], [len(minority), len(seeds)])
    near = labels[Index(store, n_jobs=n_jobs).nearest(own, k)[1]]
    return np.asarray(mode_of(near, len(data.counts)) != code)
