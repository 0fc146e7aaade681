"""Trees as one node, with double thresholds, sets of categories, and a way for missing values."""

from __future__ import annotations

import numpy as np

from counterpoise.bundle.onnx.graph import Graph
from counterpoise.learn.grown_trees import Tree

__all__ = ["add_trees", "steps_tree"]

AT_MOST, AMONG = 0, 6
"""Modes of a node: the value is at most the threshold; the value is in a set."""


def add_trees(graph: Graph, block: str, trees: list[Tree], targets: list[int] | None = None) -> str:
    """Add up what trees say.

    Parameters
    ----------
    graph : Graph
        Takes the node.
    block : str
        Double of shape (n, d).
    trees : list of Tree
        At least one.
    targets : list of int, optional
        The column that each tree adds to; by default there is one.

    Returns
    -------
    str
        Double of shape (n, n_targets).
    """
    from onnx import numpy_helper

    targets = targets or [0] * len(trees)
    parts: dict[str, list[np.ndarray]] = {}
    roots, n_nodes, n_leaves = [], 0, 0
    for tree, target in zip(trees, targets, strict=True):
        roots.append(n_nodes)
        for name, values in _laid_out(tree, target, n_nodes, n_leaves).items():
            parts.setdefault(name, []).append(values)
        n_nodes += max(1, int((~tree.is_leaf).sum()))
        n_leaves += int(tree.is_leaf.sum())
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    tensors = {
        "nodes_modes": whole.pop("modes").astype(np.uint8),
        "nodes_splits": whole.pop("splits").astype(np.float64),
        "leaf_weights": whole.pop("weights").astype(np.float64),
    }
    members = whole.pop("members").astype(np.float64)
    if len(members):
        tensors["membership_values"] = members
    return graph.add(
        "TreeEnsemble",
        block,
        domain="ai.onnx.ml",
        n_targets=max(targets) + 1,
        aggregate_function=1,
        post_transform=0,
        tree_roots=roots,
        **{name: values.astype(np.int64).tolist() for name, values in whole.items()},
        **{name: numpy_helper.from_array(values, name) for name, values in tensors.items()},
    )


def _laid_out(tree: Tree, target: int, n_nodes: int, n_leaves: int) -> dict[str, np.ndarray]:
    """Number nodes and leaves apart, as the operator wants them."""
    own = np.flatnonzero(~tree.is_leaf)
    number = np.where(
        tree.is_leaf, np.cumsum(tree.is_leaf) - 1 + n_leaves, np.cumsum(~tree.is_leaf) - 1 + n_nodes
    )
    leaves = {
        "leaf_targetids": np.full(int(tree.is_leaf.sum()), target),
        "weights": tree.value[tree.is_leaf],
    }
    if not len(own):  # a tree of one leaf: both ways lead there
        one, nothing = np.ones(1), np.zeros(1)
        return {
            **leaves, "modes": nothing, "splits": nothing, "members": np.empty(0), "nodes_featureids": nothing,
            "nodes_truenodeids": number, "nodes_falsenodeids": number, "nodes_trueleafs": one,
            "nodes_falseleafs": one, "nodes_missing_value_tracks_true": nothing,
        }  # fmt: skip
    left, right = tree.left[own], tree.right[own]
    # a set ends with NaN; an empty one, where only what is missing goes left, holds a code that nothing has
    members = [np.append(codes if len(codes) else -1.0, np.nan) for _, codes in sorted(tree.sets.items())]
    return {
        **leaves,
        "modes": np.where(np.isin(own, list(tree.sets)), AMONG, AT_MOST),
        "splits": np.where(np.isin(own, list(tree.sets)), 0.0, tree.threshold[own]),
        "members": np.concatenate(members) if members else np.empty(0),
        "nodes_featureids": tree.feature[own],
        "nodes_truenodeids": number[left],
        "nodes_falsenodeids": number[right],
        "nodes_trueleafs": tree.is_leaf[left],
        "nodes_falseleafs": tree.is_leaf[right],
        "nodes_missing_value_tracks_true": tree.missing_left[own],
    }


def steps_tree(column: int, cuts: np.ndarray, steps: np.ndarray) -> Tree:
    """Write a step function of one column as a balanced tree.

    Parameters
    ----------
    column : int
        The column.
    cuts : ndarray of shape (n,)
        Rising; a value goes left of the cuts above it or equal to it, a missing one right of all.
    steps : ndarray of shape (n + 1,)
        The values between the cuts.

    Returns
    -------
    Tree
        With n nodes and n + 1 leaves.
    """
    rows: list[list[float]] = []  # threshold, left, right, is_leaf, value

    def grow(low: int, high: int) -> int:  # numpydoc ignore=PR01
        """Give the node of the cuts from low up to high."""
        here = len(rows)
        if low == high:
            rows.append([0.0, 0, 0, 1, steps[low]])
            return here
        middle = (low + high) // 2
        rows.append([cuts[middle], 0, 0, 0, 0.0])
        rows[here][1] = grow(low, middle)
        rows[here][2] = grow(middle + 1, high)
        return here

    grow(0, len(cuts))
    table = np.array(rows)
    nowhere = np.zeros(len(table), dtype=bool)
    return Tree(
        feature=np.full(len(table), column),
        threshold=table[:, 0],
        left=table[:, 1].astype(np.int64),
        right=table[:, 2].astype(np.int64),
        is_leaf=table[:, 3] > 0,
        missing_left=nowhere,
        value=table[:, 4],
    )
