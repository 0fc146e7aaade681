"""The whole model as one ONNX file: from the table's columns to probability and label."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle.model import Model
from counterpoise.bundle.onnx.graph import IR, ML_OPSET, OPSET, Graph
from counterpoise.bundle.onnx.learners import add_learner
from counterpoise.bundle.onnx.maps import apply_map
from counterpoise.bundle.onnx.tables import feeds, inputs_of
from counterpoise.bundle.schema import FeatureSchema
from counterpoise.chance import Streams
from counterpoise.errors import MissingExtra, ModelError

__all__ = ["export_onnx", "graph_of", "score_with"]

TOLERANCE = 1e-5
"""Largest difference of a probability that is taken for rounding: networks compute in single precision."""

TRIED_ROWS = 256


def export_onnx(model: Model, path: str | Path) -> Path:
    """Write preprocessing, learner, calibration and line as one ONNX graph.

    One input a feature, of shape (rows, 1): strings for categories (empty where missing), double for all others (NaN
    where missing; booleans as 0 and 1, dates as seconds since 1970). Outputs ``probability``, of shape (rows,) or, of
    several classes, (rows, classes), and ``label`` of shape (rows,). Before it is written the graph is compared with
    the model on rows around every edge the schema knows.

    Parameters
    ----------
    model : Model
        The model.
    path : str or Path
        The file; one that stands there is replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    NotApplicable
        If a part of the model cannot be written, with the reason.
    MissingExtra
        If the extra ``onnx`` is not installed.
    ModelError
        If the path is a folder, or the graph does not give the model's probabilities.
    """
    for library in ("onnx", "onnxruntime"):
        if find_spec(library) is None:
            raise MissingExtra.of(library, "onnx")
    path = Path(path)
    if path.is_dir():
        raise ModelError(
            f"{str(path)!r} is a folder.",
            expected="Expected the name of a file, new or to be replaced.",
            why="A graph is one file, and a folder is not replaced by it.",
            hint=f"For example {str(path / 'model.onnx')!r}.",
        )
    content = graph_of(model).SerializeToString()
    _compare(model, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(content, path)
    return path


def _write(content: bytes, path: Path) -> None:
    """Write a file, whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def graph_of(model: Model) -> Any:
    """Build the graph of a model.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    onnx.ModelProto
        Checked.

    Raises
    ------
    NotApplicable
        If a part of the model cannot be written.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    graph = Graph()
    names = model.schema.names
    proba = apply_map(graph, model.calibration, add_learner(graph, model.learner, names))
    graph.nodes.append(helper.make_node("Identity", [proba], ["probability"]))
    values, kind = _labels(model.labels)
    shape = ["rows"] if len(model.labels) == 2 else ["rows", len(model.labels)]
    chosen = _chosen(graph, model)
    graph.nodes.append(helper.make_node("Gather", [graph.constant(values), chosen], ["label"]))
    built = helper.make_graph(
        graph.nodes,
        "counterpoise",
        inputs_of(model.schema),
        [
            helper.make_tensor_value_info("probability", TensorProto.DOUBLE, shape),
            helper.make_tensor_value_info("label", kind, ["rows"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    whole = helper.make_model(built, producer_name="counterpoise", opset_imports=opsets, ir_version=IR)
    helper.set_model_props(whole, _properties(model))
    checker.check_model(whole)
    return whole


def _chosen(graph: Graph, model: Model) -> str:
    """Choose a class for each row, as `Model.choose`."""
    if len(model.labels) == 2:
        return graph.cast(graph.add("GreaterOrEqual", "probability", model.threshold), np.int64)
    if model.rule is None:
        return graph.add("ArgMax", "probability", axis=1, keepdims=0)
    if model.rule.costs is None:
        weighed = graph.add("Mul", "probability", np.array(model.rule.weights)[None, :])
        return graph.add("ArgMax", weighed, axis=1, keepdims=0)
    expected = graph.add("MatMul", "probability", np.array(model.rule.costs))
    return graph.add("ArgMin", expected, axis=1, keepdims=0)


def _labels(labels: tuple[Any, ...]) -> tuple[np.ndarray, int]:
    from onnx import TensorProto

    if all(isinstance(label, int | np.integer) for label in labels):
        return np.array([int(label) for label in labels], dtype=np.int64), TensorProto.INT64
    return np.array([str(label) for label in labels], dtype=object), TensorProto.STRING


def _properties(model: Model) -> dict[str, str]:
    if len(model.labels) == 2:
        line = {
            "threshold": repr(model.threshold),
            "base_rate": repr(model.base_rate),
            "positive": str(model.labels[-1]),
        }
    else:
        line = {"classes": json.dumps([str(label) for label in model.labels])}
    return {
        "version": str(model.version),
        "goal": str(model.operating_point.goal),
        **line,
        "target": str(model.schema.roles.get("target", "")),
        "missing": "NaN in numbers, an empty string in categories; booleans are 0 and 1, dates seconds since 1970",
    }


def score_with(content: bytes, model: Model, features: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Run a graph on rows.

    Parameters
    ----------
    content : bytes
        The graph.
    model : Model
        Whose schema says how columns are passed.
    features : polars.DataFrame
        As `Schema.conform` gives them.

    Returns
    -------
    probability : ndarray of shape (n_rows,) or (n_rows, n_classes), float64
        Of the positive class, or of each of several.
    label : ndarray of shape (n_rows,)
        By the line, or the rule of several classes.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    proba, label = session.run(["probability", "label"], feeds(model.schema, features))
    return np.asarray(proba), np.asarray(label)


# --- comparing -----------------------------------------------------------------------------------------------


def _compare(model: Model, content: bytes) -> None:
    rows = _tried_rows(model.schema.features)
    own = model.predict_proba(rows)
    own = own[:, 1] if len(model.labels) == 2 else own
    written = score_with(content, model, model.schema.conform(rows))[0]
    worst = float(np.abs(own - written).max())
    if not worst <= TOLERANCE:
        raise ModelError(
            f"The graph's probabilities differ from the model's by up to {worst:.3g}.",
            expected=f"Expected at most {TOLERANCE:g}.",
            why="It would decide otherwise.",
            hint="Please report this model; meanwhile use the bundle itself.",
        )


def _tried_rows(features: list[FeatureSchema]) -> pl.DataFrame:
    """Draw rows from what the schema knows: values at and beside edges, outside, missing, and unknown levels."""
    stream = Streams.of(0).child("onnx")
    return pl.DataFrame([_tried(each, stream.child(each.name).generator()) for each in features])


def _tried(feature: FeatureSchema, draw: np.random.Generator) -> pl.Series:
    n, name = TRIED_ROWS, feature.name
    if feature.kind == "category":
        levels = [
            *(feature.levels or (feature.histogram.levels if feature.histogram else [])),
            "?unknown?",
            None,
        ]
        return pl.Series(name, [levels[k] for k in draw.integers(0, len(levels), n)], dtype=pl.String)
    if feature.kind == "boolean":
        return pl.Series(name, [(False, True, None)[k] for k in draw.integers(0, 3, n)], dtype=pl.Boolean)
    if feature.kind == "date":
        return pl.Series(name, draw.integers(0, 2**31, n) * 1_000_000).cast(pl.Datetime("us"))
    low = feature.lower if feature.lower is not None else 0.0
    high = feature.upper if feature.upper is not None else 1.0
    edges = np.array(
        feature.histogram.edges if feature.histogram and feature.histogram.edges else [low, high]
    )
    near = edges[draw.integers(0, len(edges), n)]
    candidates = np.stack([draw.uniform(low, high, n), near, np.nextafter(near, np.inf), np.full(n, np.nan)])
    return pl.Series(name, candidates[draw.integers(0, 4, n), np.arange(n)])
