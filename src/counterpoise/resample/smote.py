"""SMOTE: new rows on the segments between neighbours of a class.

Source: N. Chawla, K. Bowyer, L. Hall, W. Kegelmeyer, "SMOTE: synthetic minority over-sampling technique", Journal of
Artificial Intelligence Research 16, 2002; section 6.1 for numbers with categories (SMOTE-NC), section 6.2 for
categories only (SMOTE-N).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from counterpoise.chance import Seed
from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.neighbours import ValueDifferences
from counterpoise.resample.base import BaseSampler, require_integer
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.mixing import kinds_of
from counterpoise.resample.plan import Plan
from counterpoise.resample.segments import (
    Additions,
    draw_segments,
    has_categories,
    planned,
    reachable_neighbours,
)
from counterpoise.resample.spaces import NeighbourSpace, check_neighbour_space, class_space, neighbours_of
from counterpoise.resample.strategy import SamplingStrategy, resolve_strategy
from counterpoise.table import frames

__all__ = ["SMOTE", "SMOTEN", "SMOTENC", "BaseSMOTE"]


class BaseSMOTE(BaseSampler):
    """What the kinds of SMOTE share: neighbours within a class.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    k_neighbors : int or estimator, default=5
        Neighbours to go to.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether columns are divided by their spread before rows are compared.
    """

    _sampling_type = "over-sampling"

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 5,
        neighbour_space: NeighbourSpace = "standardised",
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.k_neighbors = k_neighbors
        self.neighbour_space = neighbour_space

    def _check_parameters(self) -> None:
        neighbour_count("k_neighbors", self.k_neighbors)
        check_neighbour_space(self.neighbour_space)

    def _categories(self, data: Labelled) -> np.ndarray | None:
        """Give the columns that are categories although their type says number."""
        return None

    def _neighbours_within(self, data: Labelled, rows: np.ndarray, k: int) -> np.ndarray:
        """Find the k nearest rows of the same class, as rows of the table."""
        space = class_space(data, rows, self.neighbour_space, self._categories(data))
        finder = None if isinstance(self.k_neighbors, int | np.integer) else self.nn_k_
        return np.asarray(rows[neighbours_of(space, None, k, finder)])

    def _prepare(self) -> int:
        """Set the fitted neighbour search, and say how many neighbours are asked."""
        k = neighbour_count("k_neighbors", self.k_neighbors)
        self.nn_k_ = neighbour_estimator(self.k_neighbors)
        return k


class SMOTE(BaseSMOTE):
    """Invent rows between the rows of a class and their nearest neighbours in that class.

    A new row is ``x + u (x_neighbour - x)`` with u uniform on [0, 1). Neighbours are found in a standardised space
    and rows interpolated in the original one. Columns of categories and booleans take the most frequent value among
    the neighbours of x; where a number is missing at one end, the nearer end decides whether it is missing.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the largest.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    k_neighbors : int or estimator, default=5
        How many neighbours a row may go to; or an estimator with ``kneighbors`` that finds them. A class with too
        few rows uses all it has, with a warning; a class of one row repeats it.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether each number is divided by its standard deviation within the class before rows are compared.
        ``"raw"`` is what imbalanced-learn does.
    filter : sampler, optional
        A sampler that only leaves rows out, such as `NeighbourFilter`, done first: the rows it leaves out are
        neither kept nor used.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    nn_k_ : estimator
        A neighbour search as asked for, for those who look for it here.
    filter_ : sampler or None
        The filter that was used.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SMOTE
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> y = np.repeat([0, 1], [50, 10])
    >>> X2, y2 = SMOTE(random_state=0).fit_resample(X, y)
    >>> np.bincount(y2).tolist()
    [50, 50]
    >>> plan = SMOTE(random_state=0).plan(X, y)
    >>> bool(np.allclose(X2[60], X[plan.base[0]] + plan.gap[0] * (X[plan.neighbour[0]] - X[plan.base[0]])))
    True
    """

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 5,
        neighbour_space: NeighbourSpace = "standardised",
        filter: BaseSampler | None = None,  # noqa: A002 - the word of the field
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            neighbour_space=neighbour_space,
        )
        self.filter = filter

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.filter is not None and not isinstance(self.filter, BaseSampler):
            raise TypeOfInputError(
                f"filter={self.filter!r} was given.",
                expected="Expected a sampler that leaves rows out, such as NeighbourFilter().",
                why="It decides which rows new ones may start from.",
            )

    def _plan(self, data: Labelled) -> Plan:
        k = self._prepare()
        kept = self._filtered(data)
        parts = [self._additions(data, code, n, k, kept) for code, n in data.wanted.items() if n]
        return planned(data, parts, kept)

    def _filtered(self, data: Labelled) -> np.ndarray | None:
        """Leave rows out first, and count again what is wanted."""
        self.filter_ = None
        if self.filter is None:
            return None
        self.filter_ = clone(self.filter)
        plan = self.filter_.plan(data.X, data.y)
        if plan.invents:
            raise OptionError(
                f"filter={self.filter!r} was given.",
                expected="Expected a sampler that only leaves rows out.",
                why="New rows are made from rows of the table.",
                hint="Chain the two with plan.then instead.",
            )
        kept: np.ndarray = plan.sources
        counts = np.bincount(data.codes[kept], minlength=len(data.classes))
        there = np.flatnonzero(counts).tolist()
        labels = [data.label(code) for code in there]
        asked = resolve_strategy(self.sampling_strategy, labels, counts[there], "over-sampling", data.y)
        data.wanted = {code: asked[data.label(code)] for code in there if data.label(code) in asked}
        self.sampling_strategy_ = asked
        return kept

    def _additions(self, data: Labelled, code: int, n: int, k: int, kept: np.ndarray | None) -> Additions:
        rows = data.rows_of(code) if kept is None else kept[data.codes[kept] == code]
        draw = data.streams.child("smote", data.label(code)).generator()
        k = reachable_neighbours(data.label(code), len(rows), k)
        if not k:
            return Additions.repeating(rows[draw.integers(0, len(rows), n)])
        neighbours = self._neighbours_within(data, rows, k)
        categories = self._categories(data)
        donors = neighbours if has_categories(data, categories) else None
        return _declared(draw_segments(rows, neighbours, n, draw, donors=donors), categories)


class SMOTENC(SMOTE):
    """SMOTE for numbers and categories, with the categories named.

    `SMOTE` already treats columns of categories and booleans as such by their type. This class adds a way to say
    that columns of numbers are categories too. Two different categories add the squared median of the standard
    deviations of the numbers to the squared distance; no column of zeros and ones is ever made.

    Parameters
    ----------
    categorical_features : "auto", or sequence of int, str or bool, default="auto"
        Columns that are categories: by position, by name, or as a mask; ``"auto"`` goes by type.
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    k_neighbors : int, default=5
        How many neighbours a row may go to, and have a vote on categories.
    neighbour_space : {"standardised", "raw"}, default="standardised"
        Whether numbers are divided by their spread within the class before rows are compared.
    filter : sampler, optional
        A sampler that only leaves rows out, done first.

    Attributes
    ----------
    categorical_features_ : ndarray of int64
        Positions of the columns treated as categories.
    continuous_features_ : ndarray of int64
        Positions of the others.
    sampling_strategy_ : dict
        Class to rows to add.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SMOTENC
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([rng.normal(size=60), rng.integers(0, 3, 60)])
    >>> y = np.repeat([0, 1], [50, 10])
    >>> X2, y2 = SMOTENC([1], random_state=0).fit_resample(X, y)
    >>> sorted(set(X2[:, 1].tolist())) == [0.0, 1.0, 2.0]
    True
    """

    _takes_sparse = False

    def __init__(
        self,
        categorical_features: Any = "auto",
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        k_neighbors: Any = 5,
        neighbour_space: NeighbourSpace = "standardised",
        filter: BaseSampler | None = None,  # noqa: A002 - the word of the field
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            random_state=random_state,
            k_neighbors=k_neighbors,
            neighbour_space=neighbour_space,
            filter=filter,
        )
        self.categorical_features = categorical_features

    def _plan(self, data: Labelled) -> Plan:
        named = named_columns(data.X, self.categorical_features)
        kinds = frames.column_kinds(data.X)
        by_type = [j for j, kind in enumerate(kinds) if kind in ("category", "boolean")]
        all_categories = np.union1d(named, by_type).astype(np.int64)
        self._declared_columns = named if len(np.setdiff1d(named, by_type)) else None
        self.categorical_features_ = all_categories
        self.continuous_features_ = np.setdiff1d(np.arange(len(kinds)), all_categories)
        return super()._plan(data)

    def _categories(self, data: Labelled) -> np.ndarray | None:
        return self._declared_columns


class SMOTEN(BaseSMOTE):
    """SMOTE for categories only: new rows by the vote of neighbours.

    Every column is a category, numbers too. Rows are compared by the value difference metric, in which two
    categories are near when they go with the classes alike; a new row has, in each column, the most frequent value
    among a row and its nearest neighbours (ties: the nearest).

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class.
    random_state : int, Generator, RandomState or None, default=None
        Seed; each class has a stream of its own.
    k_neighbors : int, default=5
        How many neighbours vote, beside the row itself.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to add.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SMOTEN
    >>> X = np.array([["a"], ["b"], ["b"], ["c"], ["c"], ["c"]], dtype=object)
    >>> X2, y2 = SMOTEN(k_neighbors=1, random_state=0).fit_resample(X, [0, 0, 1, 1, 1, 1])
    >>> X2.shape
    (8, 1)
    """

    _takes_sparse = False

    def __init__(
        self, *, sampling_strategy: SamplingStrategy = "auto", random_state: Seed = None, k_neighbors: int = 5
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.k_neighbors = k_neighbors

    def _check_parameters(self) -> None:
        require_integer("k_neighbors", self.k_neighbors, 1, meaning="It counts the neighbours that vote.")

    def _plan(self, data: Labelled) -> Plan:
        self.nn_k_ = neighbour_estimator(self.k_neighbors)
        columns = np.arange(frames.n_columns(data.X))
        codes = frames.features(data.X, kinds=kinds_of(data.X, columns)).codes
        metric, kinds = _condensed(ValueDifferences.of(codes, np.asarray(data.codes)), codes)
        parts = [
            _declared(self._additions(data, code, n, kinds, metric), columns)
            for code, n in data.wanted.items()
            if n
        ]
        return planned(data, parts)

    def _additions(
        self, data: Labelled, code: int, n: int, codes: np.ndarray, metric: ValueDifferences
    ) -> Additions:
        rows = data.rows_of(code)
        draw = data.streams.child("smoten", data.label(code)).generator()
        k = reachable_neighbours(data.label(code), len(rows), self.k_neighbors)
        if not k:
            return Additions.repeating(rows[draw.integers(0, len(rows), n)])
        own = np.arange(len(rows))
        near = metric.kneighbors(codes[rows], codes[rows], k, rows=own)[1]
        voters = rows[np.column_stack((own, near))]
        return draw_segments(rows, rows[:, None], n, draw, reach=0.0, donors=voters)


def _condensed(metric: ValueDifferences, codes: np.ndarray) -> tuple[ValueDifferences, np.ndarray]:
    """Give one code to all levels that go with the classes alike: between them the distance is 0."""
    shares, kinds = [], np.full_like(codes, -1)
    for j, share in enumerate(metric.shares):
        distinct, which = np.unique(share[:-1], axis=0, return_inverse=True)
        there = codes[:, j] >= 0
        kinds[there, j] = which.reshape(-1)[codes[there, j]]
        shares.append(np.vstack([distinct, share[-1:]]))
    return ValueDifferences(tuple(shares)), kinds


# --- parameters ----------------------------------------------------------------------------------------------


def neighbour_count(name: str, value: Any) -> int:
    """Say how many neighbours a parameter asks for.

    Parameters
    ----------
    name : str
        The parameter.
    value : int or estimator
        A number, or an estimator with ``kneighbors`` whose ``n_neighbors`` counts the row itself.

    Returns
    -------
    int
        Neighbours beside the row itself.
    """
    if hasattr(value, "kneighbors"):
        return int(value.n_neighbors) - 1
    return require_integer(
        name, value, 1, meaning="It counts neighbours; an estimator with kneighbors also serves."
    )


def neighbour_estimator(value: Any) -> Any:
    """Give the neighbour search that a parameter stands for, unfitted.

    Parameters
    ----------
    value : int or estimator
        A number of neighbours, or an estimator.

    Returns
    -------
    estimator
        A search for one more, since a row is its own nearest neighbour.
    """
    return clone(value) if hasattr(value, "kneighbors") else NearestNeighbors(n_neighbors=int(value) + 1)


def named_columns(X: Any, columns: Any) -> np.ndarray:
    """Find columns by position, name or mask.

    Parameters
    ----------
    X : ndarray or frame
        The table.
    columns : "auto", or sequence of int, str or bool
        Which.

    Returns
    -------
    ndarray, int64
        Positions, ascending; none for ``"auto"``.
    """
    if isinstance(columns, str) and columns in ("auto", "infer"):
        return np.empty(0, dtype=np.int64)
    names, d = frames.column_names(X), frames.n_columns(X)
    given = (
        list(columns) if isinstance(columns, Sequence | np.ndarray) and not isinstance(columns, str) else None
    )
    if given is not None and len(given) == d and all(isinstance(v, bool | np.bool_) for v in given):
        return np.flatnonzero(given)
    found = [_column_position(v, names, d) for v in given] if given is not None else [None]
    if any(j is None for j in found):
        raise OptionError(
            f"categorical_features={columns!r} was given.",
            expected=f"Expected 'auto', positions below {d}, names of columns, or a mask of {d} truth values.",
            why="It says which columns are categories.",
        )
    return np.unique(np.array(found, dtype=np.int64))


def _column_position(value: Any, names: tuple[str, ...] | None, d: int) -> int | None:
    if isinstance(value, str):
        return names.index(value) if names is not None and value in names else None
    is_position = isinstance(value, int | np.integer) and not isinstance(value, bool) and -d <= int(value) < d
    return int(value) % d if is_position else None


def _declared(additions: Additions, categories: np.ndarray | None) -> Additions:
    """Say of invented rows that some columns are categories whatever their type."""
    if categories is None or not len(additions.invention):
        return additions
    return Additions(replace(additions.invention, categories=categories), additions.reach, additions.repeated)
