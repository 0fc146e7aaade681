"""The table as inputs of a graph, and the blocks that learners make of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.bundle.onnx.graph import Graph
from counterpoise.bundle.schema import FeatureSchema, Schema

__all__ = ["encoded", "feeds", "hot_levels", "inputs_of", "numbers_of"]


def inputs_of(schema: Schema) -> list[Any]:
    """Describe one input a feature.

    Parameters
    ----------
    schema : Schema
        The model's features.

    Returns
    -------
    list of onnx.ValueInfoProto
        Of shape (rows, 1): strings for categories, double for all others.
    """
    from onnx import TensorProto, helper

    return [
        helper.make_tensor_value_info(
            each.name, TensorProto.STRING if each.kind == "category" else TensorProto.DOUBLE, ["rows", 1]
        )
        for each in schema.features
    ]


def feeds(schema: Schema, features: Any) -> dict[str, np.ndarray]:
    """Give a frame's columns as a graph takes them.

    Parameters
    ----------
    schema : Schema
        The model's features.
    features : polars.DataFrame
        As `Schema.conform` gives them.

    Returns
    -------
    dict of str to ndarray of shape (n_rows, 1)
        Text (empty where missing) for categories; numbers, dates in seconds since 1970 and booleans as 0 and 1 in
        double, NaN where missing.
    """
    return {each.name: _fed(features[each.name], each) for each in schema.features}


def _fed(series: Any, feature: FeatureSchema) -> np.ndarray:
    import polars as pl

    if feature.kind == "category":
        texts = series.cast(pl.String).fill_null("").to_list()
        return np.array(texts, dtype=object)[:, None]
    if feature.kind == "date":
        microseconds = series.cast(pl.Datetime("us")).cast(pl.Int64)
        return np.asarray((microseconds / 1e6).fill_null(np.nan).to_numpy())[:, None]
    return np.asarray(series.cast(pl.Float64).fill_null(np.nan).to_numpy())[:, None]


def encoded(graph: Graph, encoder: Any, names: list[str]) -> str:
    """Turn the inputs into a block of numbers and category codes.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    encoder : TableEncoder
        Fitted.
    names : list of str
        The inputs.

    Returns
    -------
    str
        Double of shape (n, n_columns), as `TableEncoder.block` gives it.
    """
    levels = iter(encoder.levels_)
    columns = []
    for name, kind in zip(names, encoder.kinds_, strict=True):
        own = next(levels) if kind in ("boolean", "category") else []
        columns.append(_codes(graph, name, own) if kind == "category" else name)
    return graph.joined(columns)


def _codes(graph: Graph, name: str, levels: list[str]) -> str:
    from onnx import numpy_helper

    if not levels:
        levels = ["\0"]  # a column that was all missing: whatever comes is unknown
    return graph.add(
        "LabelEncoder",
        name,
        domain="ai.onnx.ml",
        keys_strings=levels,
        values_tensor=numpy_helper.from_array(np.arange(len(levels), dtype=np.float64)),
        default_tensor=numpy_helper.from_array(np.array([np.nan])),
    )


def hot_levels(graph: Graph, column: str, own: np.ndarray, has_other: bool) -> list[tuple[str, int]]:
    """Give a column for each level, and one for known others.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    column : str
        Codes of shape (n, 1), NaN where missing.
    own : ndarray of int64
        Codes with a column of their own.
    has_other : bool
        Whether all other codes share a column.

    Returns
    -------
    list of tuple of str and int
        Blocks of 0 and 1 in double, and how many columns they have.
    """
    known = graph.cast(graph.add("Not", graph.add("IsNaN", column)), np.float64)
    if not len(own):
        return [(known, 1)] if has_other else []
    hot = graph.cast(graph.add("Equal", column, np.asarray(own, dtype=np.float64)[None, :]), np.float64)
    if not has_other:
        return [(hot, len(own))]
    any_own = graph.add("ReduceSum", hot, np.array([1]), keepdims=1)
    return [(hot, len(own)), (graph.add("Sub", known, any_own), 1)]


def numbers_of(graph: Graph, numbers: Any, names: list[str]) -> str:
    """Turn the inputs into numbers that trees can split, as `CategoryNumbers.block`.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    numbers : CategoryNumbers
        Fitted.
    names : list of str
        The inputs.

    Returns
    -------
    str
        Single-precision values in double, of shape (n, n_numbers).
    """
    block = encoded(graph, numbers.encoder_, names)
    width = np.bincount(numbers.source_, minlength=len(numbers.ranks_))
    parts = []
    for j, ranks in enumerate(numbers.ranks_):
        column = graph.columns(block, [j])
        if not numbers.encoder_.categorical_[j]:
            parts.append(_single(graph, column))
            continue
        parts.append(graph.looked_up(column, ranks))
        if width[j] > 1:
            hot = hot_levels(graph, column, np.arange(len(ranks)), has_other=False)[0][0]
            parts.append(graph.where(graph.add("IsNaN", column), float("nan"), hot))
    return graph.joined(parts)


def _single(graph: Graph, column: str) -> str:
    limit = float(np.finfo(np.float32).max)
    return graph.cast(graph.cast(graph.clipped(column, -limit, limit), np.float32), np.float64)
