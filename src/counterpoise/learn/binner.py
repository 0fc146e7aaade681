"""Bins placed by both classes, so that trees see the tail where the rare class lives.

Histogram boosting merges the values of a column into at most 255 quantile bins of all rows. At 0.8 % positives
one such bin holds more rows than half of the positives: the very values that tell them apart are merged before
the first split. Here half of the edges are quantiles of the rarer classes and half are quantiles of all rows.

The idea of equal-frequency bins: J. Friedman, "Greedy function approximation", Annals of Statistics 29, 2001;
histograms of them in trees: G. Ke et al., "LightGBM", NeurIPS 2017. That edges should follow the class: U. Fayyad
and K. Irani, "Multi-interval discretization of continuous-valued attributes", IJCAI 1993.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from counterpoise.errors import InputError, OptionError
from counterpoise.learn.encode import TableEncoder, names_out, table_tags
from counterpoise.learn.inputs import check_labels, check_rows, check_weights

__all__ = ["ClassAwareBinner", "class_aware_edges", "weighted_quantile_edges"]

MOST_BINS = 255
"""scikit-learn's histogram boosting tells at most 255 values apart."""


class ClassAwareBinner(TransformerMixin, BaseEstimator):
    """Replace each number by its bin, with edges from the rare classes and from all rows.

    Parameters
    ----------
    max_bins : int, default=255
        Most bins of a column, hence at most `max_bins` - 1 edges; between 2 and 255, the most that histogram
        boosting tells apart.
    rare_share : float, default=0.5
        Share of the edges that are quantiles of the rarer classes; the rest are quantiles of all rows. 0 gives
        the usual bins.

    Attributes
    ----------
    edges_ : list of ndarray
        For each column its edges, rising; a value goes to the bin whose number is the count of edges below it.
        Empty for a column of categories.
    levels_kept_ : list of ndarray of int64
        For each column the category codes that have a bin of their own, in the order of those bins; empty for a
        column of numbers. Where there are more levels than bins, the others share the last bin.
    categorical_ : ndarray of shape (n_columns,), bool
        Which columns hold categories.
    encoder_ : TableEncoder
        Turns a table into numbers and category codes.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn import ClassAwareBinner
    >>> X = np.arange(1000.0)[:, None]
    >>> y = (X[:, 0] >= 990).astype(int)
    >>> bins = ClassAwareBinner(max_bins=16).fit_transform(X, y)
    >>> len(np.unique(bins[y == 1])) > 5
    True
    """

    def __init__(self, max_bins: int = MOST_BINS, rare_share: float = 0.5) -> None:
        self.max_bins = max_bins
        self.rare_share = rare_share

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> ClassAwareBinner:
        """Place the edges.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table; missing values are left out.
        y : array-like of shape (n_rows,), default=None
            Class labels; without them the edges are quantiles of all rows.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights; a row of weight 2 counts as two rows, one of weight 0 as none.

        Returns
        -------
        ClassAwareBinner
            The binner itself.

        Raises
        ------
        OptionError
            If `max_bins` or `rare_share` is out of range.
        """
        self._fit(X, y, sample_weight)
        return self

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Place the edges and bin the same rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,), default=None
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Bin numbers from 0, NaN where missing; stored by columns.
        """
        return self.fit_bins(X, y, sample_weight)

    def fit_bins(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Do as `fit_transform`, always giving an array whatever `set_output` says.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        y : array-like of shape (n_rows,), default=None
            Class labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Bin numbers from 0, NaN where missing; stored by columns. A column in which nothing is present is bin 0
            throughout: no tree can tell rows by it, and scikit-learn's boosting refuses a column of NaN.
        """
        bins = self._bin(self._fit(X, y, sample_weight))
        bins[:, np.isnan(bins).all(axis=0)] = 0.0
        return bins

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> np.ndarray:
        self._check_options()
        encoder = TableEncoder()
        block = encoder.fit_block(X)
        codes = None
        if y is not None:
            codes = check_labels(self, y, least=1)[1]
            check_rows(block, codes)
        weights = check_weights(sample_weight, len(block))
        if weights is not None and not weights.any():
            raise InputError(
                "All weights are zero.",
                expected="Expected some positive weight.",
                why="Rows without weight are as if they were not there.",
                hint="Pass sample_weight=None to count all rows alike.",
            )
        self.encoder_ = encoder
        self.n_features_in_ = encoder.n_features_in_
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.categorical_ = encoder.categorical_
        self._place(block, codes, weights)
        return block

    def _check_options(self) -> None:
        if not 2 <= self.max_bins <= MOST_BINS:
            raise OptionError(
                f"max_bins={self.max_bins!r} was given.",
                expected=f"Expected 2 to {MOST_BINS}.",
                why="Histogram boosting keeps a bin in one byte, with one value for missing.",
                hint=f"Leave it at {MOST_BINS}.",
            )
        if not 0 <= self.rare_share <= 1:
            raise OptionError(
                f"rare_share={self.rare_share!r} was given.",
                expected="Expected a number between 0 and 1.",
                why="It is the share of the edges that the rarer classes place.",
                hint="Leave it at 0.5.",
            )

    def _place(self, block: np.ndarray, codes: np.ndarray | None, weights: np.ndarray | None) -> None:
        nothing = np.empty(0)
        self.edges_, self.levels_kept_ = [], []
        for j, is_category in enumerate(self.categorical_):
            column = block[:, j]
            if is_category:
                self.edges_.append(nothing)
                self.levels_kept_.append(_levels_kept(column, codes, weights, self.max_bins))
            else:
                edges = class_aware_edges(
                    column, codes, weights, n_edges=self.max_bins - 1, rare_share=self.rare_share
                )
                self.edges_.append(edges)
                self.levels_kept_.append(nothing.astype(np.int64))

    def transform(self, X: Any) -> np.ndarray:
        """Give each value its bin.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            A table with the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Bin numbers from 0, NaN where missing and for categories not seen in `fit`; stored by columns.
        """
        check_is_fitted(self)
        return self.bins(X)

    def bins(self, X: Any) -> np.ndarray:
        """Do as `transform`, always giving an array whatever `set_output` says.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            A table with the columns of `fit`.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
            Bin numbers from 0, NaN where missing and for categories not seen in `fit`; stored by columns.
        """
        return self._bin(self.encoder_.block(X))

    def _bin(self, block: np.ndarray) -> np.ndarray:
        """Replace the block's columns by bins, in place."""
        for j, edges in enumerate(self.edges_):
            column = block[:, j]
            missing = np.isnan(column)
            if self.categorical_[j]:
                bins = _category_bins(column, missing, self.levels_kept_[j], self.max_bins)
            else:
                bins = np.searchsorted(edges, column, side="left").astype(np.float64)
            bins[missing] = np.nan
            block[:, j] = bins
        return block

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the binned columns: the input's names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names to use where the table had none.

        Returns
        -------
        ndarray of shape (n_columns,), object
            One name a column.
        """
        check_is_fitted(self)
        return names_out(self, input_features)

    def __sklearn_tags__(self) -> Tags:
        """Say what the binner takes.

        Returns
        -------
        Tags
            scikit-learn's description: missing values, strings and categories are welcome.
        """
        return table_tags(super().__sklearn_tags__())


# --- edges ---------------------------------------------------------------------------------------------------


def class_aware_edges(
    column: np.ndarray,
    codes: np.ndarray | None,
    weights: np.ndarray | None,
    *,
    n_edges: int,
    rare_share: float = 0.5,
) -> np.ndarray:
    """Place the edges of one column.

    Every edge lies half-way between two neighbouring distinct values, so no value lies on an edge. If there are
    no more than `n_edges` + 1 distinct values, each has a bin of its own. Otherwise each class but the largest
    places an equal part of the rare share at its own quantiles; what they leave (few rare rows have few distinct
    values) goes to quantiles of all rows.

    Parameters
    ----------
    column : ndarray of shape (n_rows,), float64
        The values; NaN is left out.
    codes : ndarray of shape (n_rows,), int64, or None
        Class codes.
    weights : ndarray of shape (n_rows,), float64, or None
        Weights of rows.
    n_edges : int
        Most edges.
    rare_share : float, default=0.5
        Share of the edges that the rarer classes may place.

    Returns
    -------
    ndarray of shape (at most n_edges,), float64
        The edges, rising.
    """
    present = ~np.isnan(column)
    if weights is not None:
        present &= weights > 0
    values = column[present]
    order = np.argsort(values, kind="stable") if codes is not None or weights is not None else None
    values = np.sort(values) if order is None else values[order]
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]]) if len(values) else np.empty(0, np.int64)
    distinct = values[starts]
    if len(distinct) <= n_edges + 1:
        return _between(distinct, np.arange(len(distinct) - 1))
    sorted_weights = None if weights is None else weights[present][order]
    sorted_codes = None if codes is None else codes[present][order]
    total = _sums(starts, len(values), sorted_weights)
    places = _rare_places(distinct, starts, sorted_codes, sorted_weights, int(n_edges * rare_share))
    rest = n_edges - len(places)
    if rest > 0:
        places = np.union1d(places, _quantile_places(total, rest))
    return _between(distinct, places)


def weighted_quantile_edges(column: np.ndarray, weights: np.ndarray | None, n_edges: int) -> np.ndarray:
    """Place edges at quantiles of all rows alone.

    Parameters
    ----------
    column : ndarray of shape (n_rows,), float64
        The values; NaN is left out.
    weights : ndarray of shape (n_rows,), float64, or None
        Weights of rows.
    n_edges : int
        Most edges.

    Returns
    -------
    ndarray of shape (at most n_edges,), float64
        The edges, rising.
    """
    return class_aware_edges(column, None, weights, n_edges=n_edges, rare_share=0.0)


def _sums(starts: np.ndarray, n: int, weights: np.ndarray | None) -> np.ndarray:
    """Give the weight of each distinct value."""
    if weights is None:
        return np.asarray(np.diff(np.r_[starts, n]), dtype=np.float64)
    return np.asarray(np.add.reduceat(weights, starts), dtype=np.float64)


def _rare_places(
    distinct: np.ndarray,
    starts: np.ndarray,
    codes: np.ndarray | None,
    weights: np.ndarray | None,
    n_edges: int,
) -> np.ndarray:
    """Give the places that the classes other than the largest choose, at most `n_edges` in all.

    A quantile of a rare class falls between two of its values; the edge goes half-way between them, where the
    margin to both is widest.
    """
    nowhere = np.empty(0, dtype=np.int64)
    if codes is None or n_edges == 0:
        return nowhere
    mass = np.bincount(codes, weights=weights)
    rare = [c for c in np.flatnonzero(mass > 0) if c != int(np.argmax(mass))]
    parts = [nowhere]
    for c in rare:
        of_class = (codes == c).astype(np.float64)
        own = np.add.reduceat(of_class if weights is None else of_class * weights, starts)
        held = np.flatnonzero(own)
        at = _quantile_places(own[held], max(1, n_edges // len(rare)))
        middle = distinct[held[at]] / 2 + distinct[held[at + 1]] / 2
        parts.append(np.clip(np.searchsorted(distinct, middle, side="right") - 1, held[at], held[at + 1] - 1))
    return np.unique(np.concatenate(parts))[:n_edges]


def _quantile_places(mass: np.ndarray, n_edges: int) -> np.ndarray:
    """Give the positions of distinct values after which equal parts of the mass end."""
    cumulated = np.cumsum(mass)
    if cumulated[-1] <= 0:
        return np.empty(0, dtype=np.int64)
    targets = np.arange(1, n_edges + 1) / (n_edges + 1) * cumulated[-1]
    # a hair below, so that rounding in a sum does not push an exact quantile to the next value
    places = np.searchsorted(cumulated, targets * (1 - 1e-12), side="left")
    return np.unique(places[places < len(mass) - 1])


def _between(distinct: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Give the points half-way between the distinct values at `places` and their right neighbours."""
    if len(distinct) < 2:
        return np.empty(0)
    low, high = distinct[places], distinct[places + 1]
    middle = low / 2 + high / 2
    return np.asarray(np.where((middle > low) & (middle < high), middle, low), dtype=np.float64)


# --- categories -------------------------------------------------------------------------------------------------


def _levels_kept(
    column: np.ndarray, codes: np.ndarray | None, weights: np.ndarray | None, max_bins: int
) -> np.ndarray:
    """Choose the levels with a bin of their own: all, or those with most of any class's rows."""
    present = ~np.isnan(column)
    levels = column[present].astype(np.int64)
    mass = np.ones(len(levels)) if weights is None else weights[present]
    seen = np.unique(levels)
    if len(seen) <= max_bins:
        return seen
    of = np.zeros(len(levels), dtype=np.int64) if codes is None else codes[present]
    share = np.zeros(int(seen[-1]) + 1)
    for c in np.unique(of):
        counts = np.bincount(levels[of == c], weights=mass[of == c], minlength=len(share))
        share += counts / max(counts.sum(), 1e-300)
    ranked = seen[np.lexsort((seen, -share[seen]))]
    return np.sort(ranked[: max_bins - 1])


def _category_bins(column: np.ndarray, missing: np.ndarray, kept: np.ndarray, max_bins: int) -> np.ndarray:
    """Give each level its bin; a level without one goes to the last bin where bins ran out, else to missing."""
    levels = np.where(missing, -1, column).astype(np.int64)
    place = np.searchsorted(kept, levels)
    is_own = (
        (place < len(kept)) & (kept[np.minimum(place, len(kept) - 1)] == levels) if len(kept) else levels < -1
    )
    is_full = len(kept) == max_bins - 1
    return np.asarray(np.where(is_own, place, float(len(kept)) if is_full else np.nan))
