"""Trees that were grown by scikit-learn, as plain arrays over the values of a table.

Histogram boosting keeps its trees under private names of scikit-learn and on bin numbers; this module reads them, so
that no other has to know how they lie there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["BoostedTrees", "Tree", "boosted_trees"]


@dataclass(frozen=True)
class Tree:
    """One tree; node 0 is its root.

    Attributes
    ----------
    feature : ndarray of int64
        Column that each node looks at.
    threshold : ndarray of float64
        Values of at most this go left.
    left, right : ndarray of int64
        The children; of no meaning in a leaf.
    is_leaf : ndarray of bool
        Which nodes are leaves.
    missing_left : ndarray of bool
        Whether what is missing goes left.
    value : ndarray of float64
        What a leaf adds.
    sets : dict of int to ndarray
        For a node that splits categories the codes that go left.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    is_leaf: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    sets: dict[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class BoostedTrees:
    """What `counterpoise.learn.BoostingClassifier` adds up.

    Attributes
    ----------
    start : ndarray of shape (n_scores,), float64
        Log-odds before the first tree: one for two classes, else one a class.
    trees : list of Tree
        In the order in which they are added; of several classes one a class and round.
    ordinals : dict of int to ndarray
        By column of categories, the number that each level's code has in the trees' sets; NaN where they take it as
        missing.
    """

    start: np.ndarray
    trees: list[Tree]
    ordinals: dict[int, np.ndarray]


def boosted_trees(binner: Any, booster: Any) -> BoostedTrees:
    """Read the trees of histogram boosting behind class-aware bins.

    Parameters
    ----------
    binner : ClassAwareBinner
        Fitted.
    booster : HistGradientBoostingClassifier
        Fitted on the binner's bins.

    Returns
    -------
    BoostedTrees
        Trees on values, where the booster's are on bins.
    """
    is_category = np.asarray(binner.categorical_, dtype=bool)
    order = np.concatenate([np.flatnonzero(is_category), np.flatnonzero(~is_category)])
    columns = np.flatnonzero(is_category).tolist()
    known = booster._preprocessor.named_transformers_["encoder"].categories_ if columns else []
    return BoostedTrees(
        start=np.ravel(booster._baseline_prediction).astype(np.float64),
        trees=[_tree(each, order, binner.edges_) for round_ in booster._predictors for each in round_],
        ordinals={j: _ordinals(binner, j, own) for j, own in zip(columns, known, strict=True)},
    )


def _ordinals(binner: Any, j: int, categories: np.ndarray) -> np.ndarray:
    """Say for each code of a category what number the trees know it by; NaN where they take it as missing."""
    coded = [i for i, kind in enumerate(binner.encoder_.kinds_) if kind in ("boolean", "category")]
    codes = range(len(binner.encoder_.levels_[coded.index(j)]))
    kept = binner.levels_kept_[j]
    shared = float(len(kept)) if len(kept) == binner.max_bins - 1 else np.nan
    places = {int(level): float(k) for k, level in enumerate(kept)}
    number = {float(bin_): float(k) for k, bin_ in enumerate(categories) if not np.isnan(bin_)}
    return np.array([number.get(places.get(code, shared), np.nan) for code in codes])


def _tree(predictor: Any, order: np.ndarray, edges: list[np.ndarray]) -> Tree:
    """Read a tree on bins as one on values: a value is in a bin up to k where it is at most edge k."""
    nodes = predictor.nodes
    feature = order[nodes["feature_idx"].astype(np.int64)]
    is_split = nodes["is_leaf"] == 0
    threshold = np.full(len(nodes), np.inf)
    sets: dict[int, np.ndarray] = {}
    for k in np.flatnonzero(is_split):
        if nodes["is_categorical"][k]:
            bits = predictor.raw_left_cat_bitsets[int(nodes["bitset_idx"][k])]
            sets[int(k)] = np.flatnonzero([(int(bits[c // 32]) >> (c % 32)) & 1 for c in range(256)])
        else:
            own, last = edges[feature[k]], nodes["num_threshold"][k]
            if last < len(own):
                threshold[k] = own[int(np.floor(last))]
    return Tree(
        feature=feature,
        threshold=threshold,
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        is_leaf=~is_split,
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"],
        sets=sets,
    )
