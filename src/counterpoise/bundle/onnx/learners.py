"""Learners as nodes: each gives the probability of the second of two classes, or those of several.

What a learner computes is read from its fitted attributes; the trees of histogram boosting by
`counterpoise.learn.grown_trees`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from counterpoise.bundle.onnx.graph import Graph
from counterpoise.bundle.onnx.maps import apply_map, at_rates
from counterpoise.bundle.onnx.tables import encoded, hot_levels, numbers_of
from counterpoise.bundle.onnx.trees import add_trees, steps_tree
from counterpoise.calibrate import map_from_dict
from counterpoise.errors import NotApplicable
from counterpoise.learn.blend import LEAST_PROBABILITY
from counterpoise.learn.grown_trees import Tree, boosted_trees
from counterpoise.learn.rusboost import LEAST_VOTE

__all__ = ["add_learner"]

LEAST = 1e-15
"""Forests keep probabilities this far from 0 and 1; see `counterpoise.learn.classifier.log_odds`."""


def add_learner(graph: Graph, learner: Any, names: list[str]) -> str:
    """Write a learner's probabilities.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    learner : classifier
        Fitted.
    names : list of str
        The inputs, in the order of the learner's columns.

    Returns
    -------
    str
        Probability of the second of two classes, double of shape (n,); of several, of shape (n, n_classes).

    Raises
    ------
    NotApplicable
        If the learner has parts that cannot be written.
    """
    kind = type(learner).__name__
    if kind not in _LEARNERS or not type(learner).__module__.startswith("counterpoise."):
        raise cannot(
            f"The learner {type(learner).__module__}.{kind}",
            f"Expected one of {', '.join(sorted(_LEARNERS))}.",
        )
    return _LEARNERS[kind](graph, learner, names)


def cannot(what: str, expected: str) -> NotApplicable:
    """Say that something has no nodes here.

    Parameters
    ----------
    what : str
        What it is.
    expected : str
        What would have some, as a sentence.

    Returns
    -------
    NotApplicable
        To be raised.
    """
    return NotApplicable(
        f"{what} cannot be written as ONNX.",
        expected=expected,
        why="A graph that computes something else would decide otherwise without a word.",
        hint="Use the bundle itself, or export --to mlflow, which runs it as it is.",
    )


# --- linear models -------------------------------------------------------------------------------------------


def _logistic(graph: Graph, learner: Any, names: list[str]) -> str:
    design = learner.design_
    block = encoded(graph, design.encoder_, names)
    return _weighed(graph, block, _design_parts(graph, design, block), learner)


def _design_parts(graph: Graph, design: Any, block: str) -> list[tuple[str, list[int]]]:
    """Give blocks of the design's columns, each with its columns' positions."""
    parts: list[tuple[str, list[int]]] = []
    numbers: list[int] = []
    first, bent, flags, position = [], [], [], 0
    for j, is_category in enumerate(design.encoder_.categorical_):
        if is_category:
            column = graph.columns(block, [j])
            for hot, n in hot_levels(graph, column, design.levels_[j], bool(design.has_other_[j])):
                parts.append((hot, list(range(position, position + n))))
                position += n
        elif design.is_used_[j]:
            numbers.append(j)
            first.append(position)
            position += 1
            if design.has_bent_[j]:
                bent.append((j, position))
                position += 1
        if design.has_flag_[j]:
            flags.append((j, position))
            position += 1
    return parts + _numbers_parts(graph, design, block, numbers, first, bent, flags)


def _numbers_parts(
    graph: Graph,
    design: Any,
    block: str,
    numbers: list[int],
    first: list[int],
    bent: list[tuple[int, int]],
    flags: list[tuple[int, int]],
) -> list[tuple[str, list[int]]]:
    parts = []
    if numbers:
        filled = _filled(graph, graph.columns(block, numbers), design.middle_[numbers])
        parts.append(
            (_standardised(graph, filled, design.mean_[numbers, 0], design.scale_[numbers, 0]), first)
        )
    if bent:
        which = [j for j, _ in bent]
        filled = _filled(graph, graph.columns(block, which), design.middle_[which])
        curved = _arcsinh(graph, _standardised(graph, filled, design.middle_[which], design.spread_[which]))
        parts.append(
            (
                _standardised(graph, curved, design.mean_[which, 1], design.scale_[which, 1]),
                [at for _, at in bent],
            )
        )
    if flags:
        parts.append((_missing(graph, graph.columns(block, [j for j, _ in flags])), [at for _, at in flags]))
    return parts


def _filled(graph: Graph, columns: str, fill: np.ndarray) -> str:
    return graph.where(graph.add("IsNaN", columns), np.asarray(fill, dtype=np.float64)[None, :], columns)


def _missing(graph: Graph, columns: str) -> str:
    return graph.cast(graph.add("IsNaN", columns), np.float64)


def _standardised(graph: Graph, columns: str, mean: np.ndarray, scale: np.ndarray) -> str:
    return graph.add("Div", graph.add("Sub", columns, mean[None, :]), scale[None, :])


def _arcsinh(graph: Graph, x: str) -> str:
    """Write arcsinh with logarithms; where the square would overflow it is log(2 |x|)."""
    size = graph.add("Abs", x)
    held = graph.clipped(size, 0.0, 1e100)
    root = graph.add("Sqrt", graph.add("Add", graph.add("Mul", held, held), 1.0))
    near = graph.add("Log", graph.add("Add", held, root))
    far = graph.add("Add", graph.add("Log", size), float(np.log(2.0)))
    return graph.add("Mul", graph.add("Sign", x), graph.where(graph.add("Greater", size, 1e100), far, near))


def _weighed(graph: Graph, block: str, parts: list[tuple[str, list[int]]], learner: Any) -> str:
    coef = np.asarray(learner.coef_, dtype=np.float64).T
    sums = [graph.add("MatMul", columns, coef[at]) for columns, at in parts]
    intercept = np.asarray(learner.intercept_, dtype=np.float64)[None, :]
    return graph.proba(
        graph.add("Add", graph.total(sums or [graph.zeros(block)]), intercept), intercept.shape[1]
    )


def _linear_learner(graph: Graph, learner: Any, names: list[str]) -> str:
    design = learner._design
    block = encoded(graph, design.encoder_, names)
    parts: list[tuple[str, list[int]]] = []
    position = 0
    numbers: list[tuple[int, int]] = []
    flags: list[tuple[int, int]] = []
    for j, is_category in enumerate(design.encoder_.categorical_):
        if is_category:
            column = graph.columns(block, [j])
            for columns, n in hot_levels(graph, column, design.own_[j], has_other=True):
                parts.append((columns, list(range(position, position + n))))
                position += n
        else:
            numbers.append((j, position))
            position += 1
        if design.flagged_[j]:
            flags.append((j, position))
            position += 1
    if numbers:
        which = [j for j, _ in numbers]
        filled = _filled(graph, graph.columns(block, which), design.fill_[which])
        parts.append((filled, [at for _, at in numbers]))
    if flags:
        parts.append((_missing(graph, graph.columns(block, [j for j, _ in flags])), [at for _, at in flags]))
    return _weighed(graph, block, parts, learner)


# --- boosting ------------------------------------------------------------------------------------------------


def _boosting(graph: Graph, learner: Any, names: list[str]) -> str:
    binner, grown = learner.binner_, boosted_trees(learner)
    block = encoded(graph, binner.encoder_, names)
    parts = []
    for j in range(len(binner.categorical_)):
        column, ordinals = graph.columns(block, [j]), grown.ordinals.get(j)
        parts.append(column if ordinals is None else graph.looked_up(column, ordinals))
    n_scores, sums = len(grown.start), graph.zeros(block)
    if grown.trees:
        turns = [k % n_scores for k in range(len(grown.trees))]
        sums = add_trees(graph, graph.joined(parts), grown.trees, turns)
    return graph.proba(graph.add("Add", sums, grown.start[None, :]), n_scores)


# --- forests and ensembles -----------------------------------------------------------------------------------


def _shares(member: Any) -> np.ndarray:
    """Give the share of each class in each node of a decision tree."""
    counts = member.tree_.value[:, 0, :]
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _decision_tree(member: Any, value: np.ndarray) -> Tree:
    """Read a decision tree, with something in its leaves."""
    tree = member.tree_
    return Tree(
        feature=np.maximum(tree.feature, 0).astype(np.int64),
        threshold=tree.threshold,
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        is_leaf=tree.children_left < 0,
        missing_left=tree.missing_go_to_left.astype(bool),
        value=value,
    )


def _added_up(
    graph: Graph, block: str, members: list[Any], says: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> str:
    """Add up what the leaves of decision trees say of the second of two classes, or of each of several."""
    n_classes = len(members[0].classes_)
    if any(len(member.classes_) != n_classes for member in members):
        raise cannot("An ensemble whose members know other classes", "Expected the same in all of them.")
    told = [1] if n_classes == 2 else range(n_classes)
    trees = [_decision_tree(member, says(_shares(member))[:, c]) for member in members for c in told]
    sums = add_trees(graph, block, trees, [k % len(told) for k in range(len(trees))])
    return graph.flat(sums) if n_classes == 2 else sums


def _forest(graph: Graph, learner: Any, names: list[str]) -> str:
    block = numbers_of(graph, learner.numbers_, names)
    votes = _added_up(graph, block, [tree for forest in learner.forests_ for tree in forest.estimators_])
    base = learner.base_[1] if len(learner.base_) == 2 else np.asarray(learner.base_)[None, :]
    share = graph.add("Div", graph.add("Add", votes, base), float(learner.n_estimators + 1))
    held = graph.clipped(share, LEAST, 1.0 - LEAST)
    return held if len(learner.base_) == 2 else graph.shares(held)


def _ensemble(graph: Graph, learner: Any, names: list[str]) -> str:
    members = learner.estimators_
    kinds = {type(member).__name__ for member in members}
    if learner.numbers_ is None:
        total = graph.total([add_learner(graph, member, names) for member in members])
        votes = graph.add("Div", total, float(len(members)))
    elif kinds == {"DecisionTreeClassifier"}:
        total = _added_up(graph, numbers_of(graph, learner.numbers_, names), members)
        votes = graph.add("Div", total, float(len(members)))
    elif kinds == {"StumpBooster"}:
        votes = _stumps(graph, numbers_of(graph, learner.numbers_, names), members)
    else:
        raise cannot(
            f"An ensemble of {', '.join(sorted(kinds))}", "Expected members that are decision trees."
        )
    return apply_map(graph, map_from_dict(learner.calibration_), votes)


def _stumps(graph: Graph, block: str, members: list[Any]) -> str:
    """Write boosted stumps: each member is a sum of step functions, its vote a sigmoid (softmax) of them."""
    n_classes = len(members[0].classes_)
    told = [None] if n_classes == 2 else range(n_classes)
    trees, targets = [], []
    for k, member in enumerate(members):
        for c in told:
            own = [
                steps_tree(j, cuts, steps[:, 1] - steps[:, 0] if c is None else steps[:, c] / (n_classes - 1))
                for j, (cuts, steps) in enumerate(zip(member.cuts_, member.steps_, strict=True))
                if len(cuts)
            ] or [steps_tree(0, np.empty(0), np.zeros(1))]
            trees += own
            targets += [k * len(told) + (c or 0)] * len(own)
    sums = add_trees(graph, block, trees, targets)
    if n_classes == 2:
        return graph.add("ReduceMean", graph.sigmoid(sums), np.array([1]), keepdims=0)
    by_member = graph.add("Reshape", sums, np.array([-1, len(members), n_classes]))
    return graph.add("ReduceMean", graph.softmax(by_member, axis=2), np.array([1]), keepdims=0)


def _rusboost(graph: Graph, learner: Any, names: list[str]) -> str:
    kinds = {type(member).__name__ for member in learner.estimators_}
    if learner.numbers_ is None or kinds != {"DecisionTreeClassifier"}:
        raise cannot(f"Boosting of {', '.join(sorted(kinds))}", "Expected members that are decision trees.")
    n_classes = len(learner.classes_)

    def confident(shares: np.ndarray) -> np.ndarray:
        """Give the centred log-probabilities of a leaf; of two classes their difference."""
        logs = np.log(np.clip(shares, LEAST_VOTE, 1.0))
        centre = logs[:, ::-1] if n_classes == 2 else logs.mean(axis=1, keepdims=True)
        return np.asarray(float(learner.learning_rate) * (logs - centre))

    block = numbers_of(graph, learner.numbers_, names)
    votes = _added_up(graph, block, learner.estimators_, confident)
    proba = graph.sigmoid(votes) if n_classes == 2 else graph.softmax(votes)
    return apply_map(graph, map_from_dict(learner.calibration_), proba)


def _blend(graph: Graph, learner: Any, names: list[str]) -> str:
    if not learner.members_:
        raise cannot("A blend without members", "Expected at least one.")
    scores = []
    for member, weight in zip(learner.members_, learner.weights_, strict=True):
        p = add_learner(graph, member, names)
        z = graph.add("Log", graph.clipped(p, LEAST_PROBABILITY, 1.0))
        if len(learner.classes_) == 2:
            against = graph.clipped(graph.add("Sub", 1.0, p), LEAST_PROBABILITY, 1.0)
            z = graph.add("Sub", z, graph.add("Log", against))
        scores.append(graph.add("Mul", z, float(weight)))
    if len(learner.classes_) == 2:
        return graph.sigmoid(graph.add("Add", graph.total(scores), float(learner.intercept_[0])))
    return graph.softmax(graph.add("Add", graph.total(scores), np.asarray(learner.intercept_)[None, :]))


# --- networks ------------------------------------------------------------------------------------------------

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "elu": "Elu", "softplus": "Softplus"}


def _network(graph: Graph, learner: Any, names: list[str]) -> str:
    own, activation = learner._network, str(learner._network["activation"])
    if "config" in own:
        raise cannot("A network made by build=", "Expected the layers that hidden_layer_sizes describes.")
    if activation not in _ACTIVATIONS and activation != "linear":
        raise cannot(f"The activation {activation!r}", f"Expected one of {', '.join(sorted(_ACTIVATIONS))}.")
    if learner._loss["name"] in ("focal", "logit_adjusted"):
        raise cannot(f"The loss {learner._loss['name']!r}", "Expected cross-entropy.")
    x = _network_inputs(graph, learner, names)
    weights = [np.asarray(w) for w in learner._weights if np.asarray(w).dtype.kind == "f"]
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    for k, (kernel, bias) in enumerate(layers):
        x = graph.add("Add", graph.add("MatMul", x, kernel.astype(np.float32)), bias.astype(np.float32))
        if k + 1 < len(layers) and activation in _ACTIVATIONS:
            x = graph.add(_ACTIVATIONS[activation], x)
    p = graph.proba(graph.cast(x, np.float64), layers[-1][1].shape[0])
    restored = at_rates(graph, p, np.asarray(learner._rates, dtype=np.float64))
    return apply_map(graph, map_from_dict(learner.calibration_), restored)


def _network_inputs(graph: Graph, learner: Any, names: list[str]) -> str:
    """Write the network's inputs in single precision, as `Layout.inputs` computes them."""
    layout = learner._layout
    block = encoded(graph, learner.encoder_, names)
    levels = {int(j): np.asarray(own) for j, own in layout["levels"].items()}
    numbers = [j for j in range(int(layout["n_columns"])) if j not in levels]
    clip = np.float32(layout["clip"])
    parts = []
    if numbers:
        less = graph.add("Sub", graph.columns(block, numbers), layout["offset"][numbers][None, :])
        mean, scale = (layout[name][numbers].astype(np.float32) for name in ("mean", "scale"))
        z = _standardised(graph, graph.cast(less, np.float32), mean, scale)
        parts.append(graph.add("Clip", graph.where(graph.add("IsNaN", z), np.float32(0), z), -clip, clip))
    if len(layout["flagged"]):
        parts.append(graph.cast(_missing(graph, graph.columns(block, layout["flagged"])), np.float32))
    for j, own in levels.items():
        hot = hot_levels(graph, graph.columns(block, [j]), own, has_other=True)
        parts += [graph.cast(columns, np.float32) for columns, _ in hot]
    return graph.joined(parts)


_LEARNERS: dict[str, Callable[[Graph, Any, list[str]], str]] = {
    "LogisticClassifier": _logistic,
    "LinearLearner": _linear_learner,
    "BoostingClassifier": _boosting,
    "LightGBMClassifier": _boosting,
    "ForestClassifier": _forest,
    "BalancedBaggingClassifier": _ensemble,
    "BalancedRandomForestClassifier": _ensemble,
    "EasyEnsembleClassifier": _ensemble,
    "SelfPacedEnsembleClassifier": _ensemble,
    "RUSBoostClassifier": _rusboost,
    "MLPClassifier": _network,
    "BlendClassifier": _blend,
}
