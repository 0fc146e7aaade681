"""ADASYN: more new rows where a class is harder to learn.

Source: H. He, Y. Bai, E. A. Garcia, S. Li, "ADASYN: adaptive synthetic sampling approach for imbalanced learning",
IJCNN 2008.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.chance import Seed
from counterpoise.errors import NotApplicable
from counterpoise.resample.base import BaseSampler
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.segments import (
    Additions,
    apportion,
    draw_segments,
    has_categories,
    planned,
    reachable_neighbours,
)
from counterpoise.resample.smote import neighbour_count, neighbour_estimator
from counterpoise.resample.spaces import (
    NeighbourSpace,
    WholeTable,
    check_neighbour_space,
    class_space,
    neighbours_of,
)
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["ADASYN"]


class ADASYN(BaseSampler):
    """Invent rows as SMOTE does, more of them from rows whose neighbours are of other classes.

    Row i of a class gets ``n r_i / sum(r)`` new rows, where ``r_i`` is the share of other classes among its nearest
    rows in the whole table; fractions are rounded by the largest remainders, so that their sum is exactly what was
    asked. New rows go to the nearest neighbours within the class.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    n_neighbors : int or estimator, default=5
        Neighbours, for the share and to go to.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread before rows are compared.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    nn_ : estimator
        A neighbour search as asked for.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import ADASYN
    >>> X, y = np.random.default_rng(0).normal(size=(60, 2)), np.repeat([0, 1], [50, 10])
    >>> X2, y2 = ADASYN(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [50, 50]
    """

    _sampling_type = "over-sampling"

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        n_neighbors: Any = 5,
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.n_neighbors = n_neighbors
        self.neighbour_space = neighbour_space

    def _check_parameters(self) -> None:
        neighbour_count("n_neighbors", self.n_neighbors)
        check_neighbour_space(self.neighbour_space)

    def _plan(self, data: Labelled) -> Plan:
        k = neighbour_count("n_neighbors", self.n_neighbors)
        self.nn_ = neighbour_estimator(self.n_neighbors)
        finder = None if isinstance(self.n_neighbors, int | np.integer) else self.nn_
        wanted = {code: n for code, n in data.wanted.items() if n}
        hardness = _hardness(data, list(wanted), k, self.neighbour_space, finder)
        parts = [self._additions(data, code, n, k, hardness[code], finder) for code, n in wanted.items()]
        return planned(data, parts)

    def _additions(
        self, data: Labelled, code: int, n: int, k: int, hardness: np.ndarray, finder: Any
    ) -> Additions:
        rows, label = data.rows_of(code), data.label(code)
        draw = data.streams.child("adasyn", label).generator()
        if not hardness.any():
            raise NotApplicable(
                f"No row of class {label!r} has a row of another class among its {k} nearest.",
                expected="Expected classes that meet somewhere.",
                why="ADASYN makes new rows in proportion to such neighbours.",
                hint="Use SMOTE instead.",
            )
        repeats = apportion(hardness, n)
        k = reachable_neighbours(label, len(rows), k, "n_neighbors")
        if not k:
            return Additions.repeating(np.repeat(rows, repeats))
        near = rows[neighbours_of(class_space(data, rows, self.neighbour_space), None, k, finder)]
        donors = near if has_categories(data, None) else None
        return draw_segments(rows, near, n, draw, repeats=repeats, donors=donors)


def _hardness(
    data: Labelled, codes: list[int], k: int, kind: NeighbourSpace, finder: Any
) -> dict[int, np.ndarray]:
    """Compute, for each row of some classes, the share of other classes among its nearest rows."""
    if not codes:
        return {}
    table = WholeTable(data, kind)
    out = {}
    for code in codes:
        near = table.neighbours(data.rows_of(code), min(k, data.n_rows - 1), finder)
        out[code] = np.asarray((data.codes[near] != code).mean(axis=1))
    return out
