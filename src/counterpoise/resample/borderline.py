"""SMOTE at the border: new rows start only where the classes meet.

Sources: H. Han, W.-Y. Wang, B.-H. Mao, "Borderline-SMOTE: a new over-sampling method in imbalanced data sets
learning", ICIC 2005. H. M. Nguyen, E. W. Cooper, K. Kamei, "Borderline over-sampling for imbalanced data
classification", International Journal of Knowledge Engineering and Soft Data Paradigms 3(1), 2011.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.svm import SVC

from counterpoise.chance import Seed
from counterpoise.errors import CounterpoiseWarning, NotApplicable, TypeOfInputError
from counterpoise.resample.base import require_choice, require_integer, require_real
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.segments import (
    Additions,
    draw_segments,
    has_categories,
    planned,
    reachable_neighbours,
)
from counterpoise.resample.smote import BaseSMOTE, neighbour_count, neighbour_estimator
from counterpoise.resample.spaces import NeighbourSpace, WholeTable, design_matrix
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["SVMSMOTE", "BorderlineSMOTE"]

_OTHER_CLASS_REACH = 0.5
"""Towards a row of another class a new row goes at most half-way (Han et al. 2005, section 3)."""


@dataclass(frozen=True, slots=True)
class _Border:
    """The whole table as points, and how many of a row's m neighbours are of another class."""

    table: WholeTable
    m: int
    finder: Any

    def others(self, data: Labelled, rows: np.ndarray, code: int) -> np.ndarray:
        near = self.table.neighbours(rows, self.m, self.finder)
        return np.asarray((data.codes[near] != code).sum(axis=1))


class BorderlineSMOTE(BaseSMOTE):
    """Invent rows from those of a class that are in danger.

    A row is in danger where at least half, but not all, of its m nearest rows are of another class. New rows start
    from these and go to their nearest neighbours in their class (``"borderline-1"``), or in the whole table, then at
    most half-way to a row of another class (``"borderline-2"``).

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    k_neighbors : int or estimator, default=5
        How many neighbours a row may go to.
    m_neighbors : int or estimator, default=10
        How many neighbours decide whether a row is in danger.
    kind : {"borderline-1", "borderline-2"}, default="borderline-1"
        Where new rows go.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread before rows are compared.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add. A class without a row in danger gets none, with a warning.
    in_danger_indices_ : dict
        Class to the rows in danger; ``in_danger_indices`` is the same.
    nn_k_, nn_m_ : estimator
        Neighbour searches as asked for.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import BorderlineSMOTE
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 2)), np.repeat([0, 1], [170, 30])
    >>> X2, y2 = BorderlineSMOTE(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [170, 170]
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 5,
        m_neighbors: Any = 10,
        kind: Literal["borderline-1", "borderline-2"] = "borderline-1",
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            neighbour_space=neighbour_space,
        )
        self.m_neighbors = m_neighbors
        self.kind = kind

    @property
    def in_danger_indices(self) -> dict[Any, np.ndarray]:
        """Class to the rows in danger, under imbalanced-learn's name."""
        return self.in_danger_indices_

    def _check_parameters(self) -> None:
        super()._check_parameters()
        neighbour_count("m_neighbors", self.m_neighbors)
        require_choice(
            "kind", self.kind, ("borderline-1", "borderline-2"), meaning="It says where new rows may go."
        )

    def _plan(self, data: Labelled) -> Plan:
        k = self._prepare()
        border = _border(self, data)
        self.in_danger_indices_: dict[Any, np.ndarray] = {}
        parts = [self._additions(data, code, n, k, border) for code, n in data.wanted.items() if n]
        return planned(data, parts)

    def _additions(self, data: Labelled, code: int, n: int, k: int, border: _Border) -> Additions:
        rows, label = data.rows_of(code), data.label(code)
        others = border.others(data, rows, code)
        danger = rows[(others >= border.m / 2) & (others < border.m)]
        draw = data.streams.child("borderline", label).generator()
        if not len(danger):
            warnings.warn(
                f"No row of class {label!r} is in danger: none has another class as at least half, but not all, of "
                f"its {border.m} neighbours. Nothing is added to it.",
                CounterpoiseWarning,
                stacklevel=2,
            )
            return Additions.none()
        self.in_danger_indices_[label] = danger
        if self.kind == "borderline-1":
            k = reachable_neighbours(label, len(rows), k)
            if not k:
                return Additions.repeating(danger[draw.integers(0, len(danger), n)])
            near = self._neighbours_within(data, rows, k)[np.isin(rows, danger)]
            reach: float | np.ndarray = 1.0
        else:
            finder = None if isinstance(self.k_neighbors, int | np.integer) else self.nn_k_
            near = border.table.neighbours(danger, min(k, data.n_rows - 1), finder)
            reach = np.where(data.codes[near] == code, 1.0, _OTHER_CLASS_REACH)
        donors = near if has_categories(data, None) else None
        return draw_segments(danger, near, n, draw, reach=reach, donors=donors)


class SVMSMOTE(BaseSMOTE):
    """Invent rows from the support vectors of a class.

    A support vector whose m nearest rows are all of other classes is noise and left alone. Where at least half of
    them are of other classes, new rows go towards neighbours of the class; elsewhere the class may expand, and new
    rows go away from them, at most `out_step` of the distance.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    k_neighbors : int or estimator, default=5
        How many neighbours a row may go to.
    m_neighbors : int or estimator, default=10
        How many neighbours say whether a support vector is noise or in danger.
    svm_estimator : estimator, optional
        A classifier with ``support_`` after fit; ``SVC(gamma="scale")`` by default.
    out_step : float, default=0.5
        How far beyond a row the class may expand.
    svm_rows : int, default=20000
        The most rows that the machine is fitted on, since its time grows with their square: rows of the class that
        is over-sampled first, then its nearest rows of other classes, then a random draw of the rest.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread before rows are compared.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    svm_estimator_ : estimator
        The machine fitted last.
    nn_k_, nn_m_ : estimator
        Neighbour searches as asked for.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SVMSMOTE
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 2)), np.repeat([0, 1], [170, 30])
    >>> X2, y2 = SVMSMOTE(random_state=0).fit_resample(X + 1.5 * y[:, None], y)
    >>> np.bincount(y2).tolist()
    [170, 170]
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 5,
        m_neighbors: Any = 10,
        svm_estimator: Any = None,
        out_step: float = 0.5,
        svm_rows: int = 20_000,
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            neighbour_space=neighbour_space,
        )
        self.m_neighbors = m_neighbors
        self.svm_estimator = svm_estimator
        self.out_step = out_step
        self.svm_rows = svm_rows

    def _check_parameters(self) -> None:
        super()._check_parameters()
        neighbour_count("m_neighbors", self.m_neighbors)
        require_real(
            "out_step", self.out_step, 0.0, 1.0, meaning="It says how far beyond a row the class may expand."
        )
        require_integer(
            "svm_rows", self.svm_rows, 2, meaning="It bounds the time of the support vector machine."
        )

    def _plan(self, data: Labelled) -> Plan:
        k = self._prepare()
        border = _border(self, data)
        parts = [self._additions(data, code, n, k, border) for code, n in data.wanted.items() if n]
        return planned(data, parts)

    def _additions(self, data: Labelled, code: int, n: int, k: int, border: _Border) -> Additions:
        rows, label = data.rows_of(code), data.label(code)
        draw = data.streams.child("svm_smote", label).generator()
        k = reachable_neighbours(label, len(rows), k)
        if not k:
            return Additions.repeating(rows[draw.integers(0, len(rows), n)])
        vectors = self._support(data, code, border, draw)
        others = border.others(data, vectors, code)
        vectors, others = vectors[others < border.m], others[others < border.m]
        if not len(vectors):
            raise NotApplicable(
                f"All support vectors of class {label!r} have neighbours of other classes only.",
                expected="Expected some that are not noise.",
                why="SVM-SMOTE starts new rows from support vectors.",
                hint="Use SMOTE or RandomOverSampler for this table.",
            )
        near = self._neighbours_within(data, rows, k)[np.searchsorted(rows, vectors)]
        return self._both_ways(data, vectors, near, others >= border.m / 2, n, draw)

    def _support(self, data: Labelled, code: int, border: _Border, draw: np.random.Generator) -> np.ndarray:
        """Find the rows of a class that are support vectors."""
        seen = _svm_rows(data, code, border, int(self.svm_rows), draw)
        if self.svm_estimator is None:
            machine = SVC(gamma="scale", random_state=data.streams.child("svm").seed())
        else:
            machine = clone(self.svm_estimator)
        machine.fit(design_matrix(border.table.space.take(seen)), data.codes[seen])
        self.svm_estimator_ = machine
        if not hasattr(machine, "support_"):
            raise TypeOfInputError(
                f"svm_estimator={self.svm_estimator!r} was given.",
                expected="Expected a classifier with support_ after fit, such as SVC.",
                why="New rows start from support vectors.",
            )
        vectors = seen[machine.support_]
        return np.sort(vectors[data.codes[vectors] == code])

    def _both_ways(
        self,
        data: Labelled,
        vectors: np.ndarray,
        near: np.ndarray,
        in_danger: np.ndarray,
        n: int,
        draw: np.random.Generator,
    ) -> Additions:
        """Draw rows between vectors in danger and their class, and beyond the others."""
        donors = near if has_categories(data, None) else None
        ways = np.where(in_danger[:, None], 1.0, -float(self.out_step)) * np.ones(near.shape)
        return draw_segments(vectors, near, n, draw, reach=ways, donors=donors)


def _border(sampler: Any, data: Labelled) -> _Border:
    m = min(neighbour_count("m_neighbors", sampler.m_neighbors), data.n_rows - 1)
    sampler.nn_m_ = neighbour_estimator(sampler.m_neighbors)
    finder = None if isinstance(sampler.m_neighbors, int | np.integer) else sampler.nn_m_
    return _Border(WholeTable(data, sampler.neighbour_space), m, finder)


def _svm_rows(data: Labelled, code: int, border: _Border, most: int, draw: np.random.Generator) -> np.ndarray:
    """Choose the rows for the machine: the class, its neighbours, and a draw of the rest."""
    if data.n_rows <= most:
        return np.arange(data.n_rows)
    rows = data.rows_of(code)
    if len(rows) > most // 2:
        rows = np.sort(draw.choice(rows, most // 2, replace=False))
    near = np.unique(border.table.neighbours(rows, border.m))
    near = np.setdiff1d(near, rows)[: most - len(rows)]
    chosen = np.concatenate((rows, near))
    rest = np.setdiff1d(np.arange(data.n_rows), chosen)
    filling = draw.choice(rest, min(len(rest), most - len(chosen)), replace=False)
    return np.sort(np.concatenate((chosen, filling)))
