"""A random forest whose leaves fit few positives, and whose cost does not grow with the negatives.

Leaves of one row are right where positives are few and far between; where they are many and the classes overlap,
leaves of one row are noise. So the leaf grows with the number of positives. On large tables every group of trees
sees all rows of the rare classes and a fresh draw of the common one, weighted back to its share: more negatives
than that change a tree's splits hardly at all, and its time a lot.

L. Breiman, "Random forests", Machine Learning 45, 2001; P. Geurts, D. Ernst, L. Wehenkel, "Extremely randomized
trees", Machine Learning 63, 2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from counterpoise.chance import Streams
from counterpoise.errors import OptionError
from counterpoise.learn.classifier import TableClassifier, log_odds
from counterpoise.learn.encode import TableEncoder

__all__ = ["CategoryNumbers", "ForestClassifier", "leaf_size", "thinned_rows"]

POSITIVES_PER_LEAF_ROW = 200
"""One more row a leaf for each so many rows of the rarest class."""

LARGEST_LEAF = 20
"""Rows of a leaf at most."""

MOST_HOT = 12
"""Levels up to which a category also has a column for each level."""

PRIOR_ROWS = 5.0
"""Rows of the base rate that are added to a level before its rate ranks it."""


class ForestClassifier(TableClassifier):
    """Random forest, or extremely randomised trees, for a rare class.

    Parameters
    ----------
    n_estimators : int, default=200
        Number of trees.
    kind : {"forest", "extra_trees"}, default="forest"
        Best splits on bootstrap samples, or random splits on all rows.
    min_samples_leaf : int or {"auto"}, default="auto"
        Fewest rows of a leaf. ``"auto"``: one for each 200 rows of the rarest class, between 1 and 20.
    max_features : float or {"sqrt"}, default="sqrt"
        Columns that each split may choose from.
    max_rows : int, default=50_000
        Most rows a tree is drawn from. Rare classes are kept whole where they fit; what is left out of a common
        class differs from one group of trees to the next.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    n_threads : int or None, default=None
        Most threads; None uses all processors.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    forests_ : list of RandomForestClassifier or ExtraTreesClassifier
        The groups of trees, on numbers and class positions.
    numbers_ : CategoryNumbers
        Turns a table into the numbers that the trees split.
    min_samples_leaf_ : int
        Rows of a leaf.
    feature_importances_ : ndarray of shape (n_columns,)
        Share of the impurity that splits on each column remove.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn import ForestClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> y = (X[:, 0] > 1.5).astype(int)
    >>> model = ForestClassifier(n_estimators=20, random_state=0, n_threads=1).fit(X, y)
    >>> int(model.feature_importances_.argmax())
    0
    """

    def __init__(
        self,
        n_estimators: int = 200,
        kind: str = "forest",
        min_samples_leaf: int | str = "auto",
        max_features: float | str = "sqrt",
        max_rows: int = 50_000,
        class_weight: Any = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.kind = kind
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_rows = max_rows
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_threads = n_threads

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        streams = Streams.of(self.random_state)
        self.min_samples_leaf_ = self._leaf(codes)
        self.numbers_ = CategoryNumbers()
        numbers = self.numbers_.fit_block(X, codes, weights)
        share = np.bincount(codes, weights=weights)
        self.base_ = share / share.sum()
        n_groups = int(np.clip(np.ceil(len(codes) / self.max_rows), 1, min(10, self.n_estimators)))
        sizes = np.diff(np.linspace(0, self.n_estimators, n_groups + 1).round().astype(int))
        self.forests_ = [
            self._group(numbers, codes, weights, int(size), streams.child("group", k))
            for k, size in enumerate(sizes)
        ]
        importances = sum(f.feature_importances_ * f.n_estimators for f in self.forests_) / self.n_estimators
        self.feature_importances_ = np.bincount(
            self.numbers_.source_, weights=importances, minlength=self.n_features_in_
        )

    def _leaf(self, codes: np.ndarray) -> int:
        if self.min_samples_leaf == "auto":
            return leaf_size(int(np.bincount(codes).min()))
        return int(self.min_samples_leaf)

    def _group(
        self, numbers: np.ndarray, codes: np.ndarray, weights: np.ndarray | None, size: int, streams: Streams
    ) -> Any:
        """Grow some trees on one draw of rows."""
        rows, factor = thinned_rows(codes, self.max_rows, streams.child("rows").generator())
        if rows is not None:
            weights = factor if weights is None else factor * weights[rows]
            numbers, codes = numbers[rows], codes[rows]
        kinds = {"forest": RandomForestClassifier, "extra_trees": ExtraTreesClassifier}
        if self.kind not in kinds:
            raise OptionError(
                f"kind={self.kind!r} was given.",
                expected="Expected 'forest' or 'extra_trees'.",
                why="It says how the trees split.",
                hint="Leave it at 'forest'.",
            )
        forest = kinds[self.kind](
            size,
            min_samples_leaf=self.min_samples_leaf_,
            max_features=self.max_features,
            random_state=streams.child("trees").seed(),
            n_jobs=-1 if self.n_threads is None else self.n_threads,
        )
        return forest.fit(numbers, codes, sample_weight=weights)

    def _score(self, X: Any) -> np.ndarray:
        numbers = self.numbers_.block(X)
        votes = sum(f.predict_proba(numbers) * f.n_estimators for f in self.forests_)
        # one more tree that votes for the base rate: no probability is 0, and the ranking stays
        return log_odds((votes + self.base_) / (self.n_estimators + 1))


def leaf_size(n_rarest: int) -> int:
    """Give the fewest rows of a leaf.

    Parameters
    ----------
    n_rarest : int
        Rows of the rarest class.

    Returns
    -------
    int
        ``n_rarest / 200``, between 1 and 20.
    """
    return int(np.clip(n_rarest // POSITIVES_PER_LEAF_ROW, 1, LARGEST_LEAF))


def thinned_rows(
    codes: np.ndarray, max_rows: int, draw: np.random.Generator
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Draw rows so that rare classes stay whole, with the weights that undo it.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    max_rows : int
        Most rows.
    draw : numpy.random.Generator
        For the draws.

    Returns
    -------
    rows : ndarray of int64 or None
        The rows, rising; None where all fit.
    weights : ndarray of float64 or None
        For each, rows of its class over rows drawn of its class.
    """
    counts = np.bincount(codes)
    if len(codes) <= max_rows:
        return None, None
    left, quota = max_rows, counts.copy()
    for place, c in enumerate(np.argsort(counts, kind="stable")):
        quota[c] = min(counts[c], max(1, left // (len(counts) - place)))
        left -= quota[c]
    parts = [
        draw.choice(np.flatnonzero(codes == c), int(quota[c]), replace=False) for c in range(len(counts))
    ]
    rows = np.sort(np.concatenate(parts))
    return rows, (counts / np.maximum(quota, 1))[codes[rows]]


class CategoryNumbers:
    """Numbers that trees can split, from a table with categories.

    A category becomes the rank of its rate of the rarest class (W. Fisher, "On grouping for maximum homogeneity",
    JASA 53, 1958: for two classes the best split of levels is a cut of that order), and up to 12 levels also have
    a column each. Missing values stay NaN, which trees send where it helps.

    Attributes
    ----------
    encoder_ : TableEncoder
        Kinds and levels of the table's columns.
    ranks_ : list of ndarray
        For each column of categories the rank of each level.
    source_ : ndarray of shape (n_numbers,), int64
        For each number the table's column it comes from.
    """

    def fit_block(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Learn the ranks of the levels and give the numbers.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.
        codes : ndarray of shape (n_rows,), int64
            Class codes.
        weights : ndarray of shape (n_rows,) or None
            Weights of rows.

        Returns
        -------
        ndarray of shape (n_rows, n_numbers), float32
            The numbers.
        """
        self.encoder_ = TableEncoder()
        block = self.encoder_.fit_block(X)
        mass = np.ones(len(codes)) if weights is None else weights
        is_rare = (codes == int(np.argmin(np.bincount(codes, weights=mass)))).astype(np.float64)
        self.ranks_: list[np.ndarray] = []
        source: list[int] = []
        for j in range(block.shape[1]):
            ranks = np.empty(0)
            if self.encoder_.categorical_[j]:
                ranks = _rate_ranks(block[:, j], is_rare, mass)
            self.ranks_.append(ranks)
            source += [j] * (1 + (len(ranks) if 2 < len(ranks) <= MOST_HOT else 0))
        self.source_ = np.array(source, dtype=np.int64)
        return self._numbers(block)

    def block(self, X: Any) -> np.ndarray:
        """Give the numbers of a table.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            A table with the columns of `fit_block`.

        Returns
        -------
        ndarray of shape (n_rows, n_numbers), float32
            The numbers.
        """
        return self._numbers(self.encoder_.block(X))

    def _numbers(self, block: np.ndarray) -> np.ndarray:
        out = np.empty((len(block), len(self.source_)), dtype=np.float32)
        limit = float(np.finfo(np.float32).max)
        k = 0
        for j, ranks in enumerate(self.ranks_):
            column = block[:, j]
            if not self.encoder_.categorical_[j]:
                out[:, k] = np.clip(column, -limit, limit)
                k += 1
                continue
            missing = np.isnan(column)
            levels = np.where(missing, 0, column).astype(np.int64)
            out[:, k] = np.where(missing, np.nan, ranks[levels] if len(ranks) else np.nan)
            k += 1
            if 2 < len(ranks) <= MOST_HOT:
                for level in range(len(ranks)):
                    out[:, k] = np.where(missing, np.nan, levels == level)
                    k += 1
        return out


def _rate_ranks(column: np.ndarray, is_rare: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Rank levels by their rate of the rare class, drawn towards the base rate where they have few rows."""
    present = ~np.isnan(column)
    if not present.any():
        return np.empty(0)
    levels = column[present].astype(np.int64)
    base = float(np.average(is_rare, weights=mass))
    rows = np.bincount(levels, weights=mass[present])
    rare = np.bincount(levels, weights=(mass * is_rare)[present])
    rates = (rare + PRIOR_ROWS * base) / (rows + PRIOR_ROWS)
    return np.argsort(np.argsort(rates, kind="stable"), kind="stable").astype(np.float64)
