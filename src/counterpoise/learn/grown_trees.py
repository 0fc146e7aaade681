"""Trees that were grown by scikit-learn or LightGBM, as plain arrays over the values of a table.

Histogram boosting keeps its trees under private names of scikit-learn, LightGBM in a text; both on bin numbers. This
module reads them, so that no other has to know how they lie there. LightGBM's text: https://github.com/microsoft/
LightGBM, ``src/io/tree.cpp`` writes it, ``include/LightGBM/tree.h`` says how a node decides.
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
    """What `counterpoise.learn.BoostingClassifier`, or LightGBM in its place, adds up.

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


def boosted_trees(learner: Any) -> BoostedTrees:
    """Read the trees of boosting behind class-aware bins.

    Parameters
    ----------
    learner : BoostingClassifier or LightGBMClassifier
        Fitted.

    Returns
    -------
    BoostedTrees
        Trees on values, where the learner's are on bins.
    """
    if hasattr(learner.booster_, "text"):
        return _of_text(learner.booster_.text, learner.binner_, len(learner.classes_))
    return _of_histograms(learner.binner_, learner.booster_)


def _of_histograms(binner: Any, booster: Any) -> BoostedTrees:
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
    number = {float(bin_): float(k) for k, bin_ in enumerate(categories) if not np.isnan(bin_)}
    return np.array([number.get(bin_, np.nan) for bin_ in _category_bins(binner, j)])


def _category_bins(binner: Any, j: int) -> list[float]:
    """Give the bin of each code of a category."""
    coded = [i for i, kind in enumerate(binner.encoder_.kinds_) if kind in ("boolean", "category")]
    codes = range(len(binner.encoder_.levels_[coded.index(j)]))
    kept = binner.levels_kept_[j]
    shared = float(len(kept)) if len(kept) == binner.max_bins - 1 else np.nan
    places = {int(level): float(k) for k, level in enumerate(kept)}
    return [places.get(code, shared) for code in codes]


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
            sets[int(k)] = _members(bits)
        else:
            threshold[k] = _edge(edges[feature[k]], nodes["num_threshold"][k])
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


def _edge(edges: np.ndarray, last: float) -> float:
    """Give the value up to which bins of at most a number reach."""
    if last < 0:
        return -np.inf
    return float(edges[int(np.floor(last))]) if last < len(edges) else np.inf


def _members(bits: np.ndarray) -> np.ndarray:
    """Give the codes whose bits are set in words of 32."""
    return np.flatnonzero([(int(word) >> k) & 1 for word in bits for k in range(32)])


# --- LightGBM ------------------------------------------------------------------------------------------------

_IS_CATEGORY, _DEFAULT_LEFT, _MISSING_IS_NAN = 1, 2, 8
"""Bits of a node's ``decision_type``."""


def _of_text(text: str, binner: Any, n_classes: int) -> BoostedTrees:
    parts = text.split("\nTree=")[1:]
    columns = np.flatnonzero(binner.categorical_).tolist()
    return BoostedTrees(
        start=np.zeros(1 if n_classes == 2 else n_classes),
        trees=[_tree_of_text(part, binner.edges_) for part in parts],
        ordinals={j: np.array(_category_bins(binner, j), dtype=np.float64) for j in columns},
    )


def _tree_of_text(part: str, edges: list[np.ndarray]) -> Tree:
    """Read one tree; its leaves are numbered behind its splits, -1 being the first leaf."""
    lines = dict(line.split("=", 1) for line in part.splitlines() if "=" in line)

    def row(name: str) -> np.ndarray:  # numpydoc ignore=PR01,RT01
        """Give the numbers of a line."""
        return np.array(lines.get(name, "").split(), dtype=np.float64)

    feature, decision = row("split_feature").astype(np.int64), row("decision_type").astype(np.int64)
    cuts, leaves, n_splits = row("threshold"), row("leaf_value"), len(row("split_feature"))
    starts, words = row("cat_boundaries").astype(np.int64), row("cat_threshold").astype(np.int64)
    is_category = (decision & _IS_CATEGORY) > 0
    sets = {
        int(k): _members(words[starts[int(cuts[k])] : starts[int(cuts[k]) + 1]])
        for k in np.flatnonzero(is_category)
    }
    # a missing value is read as 0, the lowest bin, where training had none
    missing_left = np.where((decision & _MISSING_IS_NAN) > 0, (decision & _DEFAULT_LEFT) > 0, cuts >= 0)
    pairs = zip(feature, cuts, is_category, strict=True)
    threshold = [np.inf if category else _edge(edges[j], cut) for j, cut, category in pairs]
    nothing = np.zeros(len(leaves))
    children = [
        np.where(own < 0, n_splits + ~own, own)
        for own in (row(f"{side}_child").astype(np.int64) for side in ("left", "right"))
    ]
    return Tree(
        feature=np.append(feature, nothing).astype(np.int64),
        threshold=np.append(threshold, nothing),
        left=np.append(children[0], nothing).astype(np.int64),
        right=np.append(children[1], nothing).astype(np.int64),
        is_leaf=np.arange(n_splits + len(leaves)) >= n_splits,
        missing_left=np.append(missing_left & ~is_category, nothing).astype(bool),
        value=np.append(np.zeros(n_splits), leaves),
        sets=sets,
    )
