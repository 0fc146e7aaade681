"""Calibration maps as nodes; see `counterpoise.calibrate` for what they mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.bundle.onnx.graph import LARGEST, SMALLEST, Graph
from counterpoise.calibrate import IdentityMap, InterceptMap, IsotonicMap, MapChain, PlattMap, PriorMap
from counterpoise.errors import NotApplicable

__all__ = ["apply_map", "at_rates"]


def apply_map(graph: Graph, calibration: Any, p: str) -> str:
    """Apply a calibration map.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    calibration : CalibrationMap
        The map.
    p : str
        Probabilities of the second of two classes, of shape (n,); of several classes, of shape (n, n_classes).

    Returns
    -------
    str
        Calibrated probabilities, of the same shape.

    Raises
    ------
    NotApplicable
        If the map is of a kind that has no nodes here.
    """
    if isinstance(calibration, MapChain):
        for each in calibration.maps:
            p = apply_map(graph, each, p)
        return p
    if isinstance(calibration, IdentityMap):
        return p
    if isinstance(calibration, PriorMap):
        return at_rates(graph, p, np.array(calibration.rates))
    if isinstance(calibration, InterceptMap | PlattMap) and len(calibration.shift) > 1:
        slope = getattr(calibration, "slope", 1.0)
        scaled = graph.add("Mul", graph.add("Log", p), float(slope))
        return graph.softmax(graph.add("Add", scaled, np.array(calibration.shift)[None, :]))
    if isinstance(calibration, IsotonicMap) and len(calibration.knots) > 1:
        return _isotonic_classes(graph, calibration, p)
    if isinstance(calibration, InterceptMap):
        return shift_odds(graph, _pull_in(graph, p, calibration.low, calibration.high), calibration.shift[0])
    if isinstance(calibration, PlattMap):
        z = graph.log_odds(_pull_in(graph, p, calibration.low, calibration.high))
        line = graph.add("Add", graph.add("Mul", z, float(calibration.slope)), float(calibration.shift[0]))
        return _probability(graph, line)
    if isinstance(calibration, IsotonicMap):
        return _isotonic(graph, calibration, p, np.array(calibration.knots[0]))
    raise NotApplicable(
        f"A calibration of the kind {type(calibration).__name__} cannot be written as ONNX.",
        expected="Expected identity, prior, intercept, Platt, isotonic, or a chain of them.",
        why="Its probabilities would be other ones.",
        hint="Use the bundle itself, or export --to mlflow.",
    )


def at_rates(graph: Graph, p: str, rates: np.ndarray) -> str:
    """Put the class balance back, as `counterpoise.calibrate.correct_prior`.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    p : str
        Probabilities of the second of two classes, or of each of several.
    rates : ndarray of shape (n_classes,)
        How often a row of each class counted.

    Returns
    -------
    str
        Probabilities for the original balance.
    """
    if len(rates) == 2:
        return shift_odds(graph, p, float(np.log(rates[0] / rates[1])))
    return graph.shares(graph.add("Div", p, (rates / rates.max())[None, :]))


def shift_odds(graph: Graph, p: str, shift: float) -> str:
    """Multiply odds by the exponential of a shift, as `counterpoise.calibrate.odds.shift_odds`.

    Parameters
    ----------
    graph : Graph
        Takes the nodes.
    p : str
        Probabilities; 0 and 1 stay.
    shift : float
        Added to the log-odds.

    Returns
    -------
    str
        The shifted probabilities.
    """
    factor = float(np.exp(np.clip(shift, -700.0, 700.0)))
    odds_against = graph.add("Div", graph.add("Div", graph.add("Sub", 1.0, p), p), factor)
    moved = graph.clipped(graph.add("Div", 1.0, graph.add("Add", 1.0, odds_against)), SMALLEST, LARGEST)
    inside = graph.add("And", graph.add("Greater", p, 0.0), graph.add("Less", p, 1.0))
    return graph.where(inside, moved, p)


def _isotonic(graph: Graph, calibration: IsotonicMap, p: str, knots: np.ndarray) -> str:
    z = graph.log_odds(_pull_in(graph, p, calibration.low, calibration.high))
    return _probability(graph, _interpolated(graph, z, knots))


def _isotonic_classes(graph: Graph, calibration: IsotonicMap, p: str) -> str:
    moved = [
        _isotonic(graph, calibration, graph.flat(graph.columns(p, [k])), np.array(knots))
        for k, knots in enumerate(calibration.knots)
    ]
    return graph.shares(graph.joined([graph.add("Unsqueeze", each, np.array([1])) for each in moved]))


def _probability(graph: Graph, z: str) -> str:
    inside = graph.clipped(graph.sigmoid(z), SMALLEST, LARGEST)
    finite = graph.add("Less", graph.add("Abs", z), float("inf"))
    return graph.where(finite, inside, graph.cast(graph.add("Greater", z, 0.0), np.float64))


def _pull_in(graph: Graph, p: str, low: float, high: float) -> str:
    if low <= 0.0 and high >= 1.0:
        return p
    up = graph.add("Mul", 0.5, graph.add("Add", p, float(low)))
    inside = graph.where(graph.add("Less", p, float(low)), up, p)
    down = graph.add("Mul", 0.5, graph.add("Add", inside, float(high)))
    return graph.where(graph.add("Greater", inside, float(high)), down, inside)


def _interpolated(graph: Graph, z: str, knots: np.ndarray) -> str:
    """Interpolate between knots, with slope 1 beyond the outer ones."""
    x, y = knots[:, 0], knots[:, 1]
    below = graph.add("Min", graph.add("Sub", z, float(x[0])), 0.0)
    above = graph.add("Max", graph.add("Sub", z, float(x[-1])), 0.0)
    if len(x) == 1:
        return graph.total([graph.add("Mul", graph.add("Mul", z, 0.0), 0.0), below, above])
    held = graph.clipped(z, float(x[0]), float(x[-1]))
    passed = graph.cast(
        graph.add("GreaterOrEqual", graph.add("Unsqueeze", held, np.array([1])), x[1:-1]), np.int64
    )
    place = graph.add("ReduceSum", passed, np.array([1]), keepdims=0)
    slope = np.diff(y) / np.diff(x)
    start, level, rise = (graph.add("Gather", each, place) for each in (x[:-1], y[:-1], slope))
    inner = graph.add("Add", level, graph.add("Mul", rise, graph.add("Sub", held, start)))
    return graph.total([inner, below, above])
