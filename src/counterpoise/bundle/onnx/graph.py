"""A graph under construction: every method adds nodes and gives the name of what they compute.

Everything is computed in double precision, as the learners do it, so that a value beside an edge falls on the same
side of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Graph"]

OPSET, ML_OPSET, IR = 21, 5, 10
"""Trees with double thresholds need version 5 of the machine-learning operators."""

SMALLEST, LARGEST = float(np.finfo(np.float64).tiny), float(np.nextafter(1.0, 0.0))
"""Probabilities that are neither 0 nor 1 stay between these, as in `counterpoise.calibrate.odds`."""


@dataclass
class Graph:
    """Nodes and constants of an ONNX graph.

    Attributes
    ----------
    nodes : list
        In the order in which they are computed.
    constants : dict of str to ndarray
        By name.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, op: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output.

        Parameters
        ----------
        op : str
            The operator.
        *inputs : str, float or ndarray
            Names of tensors, or constants.
        domain : str, default=""
            ``"ai.onnx.ml"`` for machine-learning operators.
        **attributes : object
            Attributes of the node.

        Returns
        -------
        str
            Name of the output.
        """
        from onnx import helper

        name = f"t{len(self.nodes)}"
        given = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.nodes.append(helper.make_node(op, given, [name], domain=domain, **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Give a constant its name.

        Parameters
        ----------
        value : float or ndarray
            Of the type that the tensor gets.

        Returns
        -------
        str
            Name of the tensor.
        """
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    # --- arithmetic --------------------------------------------------------------------------------------------

    def cast(self, tensor: str, dtype: Any) -> str:
        """Change the type of a tensor.

        Parameters
        ----------
        tensor : str
            The tensor.
        dtype : numpy dtype
            The new type.

        Returns
        -------
        str
            Name of the result.
        """
        from onnx import helper

        return self.add("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def where(self, condition: str, yes: Any, no: Any) -> str:
        """Choose by a condition.

        Parameters
        ----------
        condition : str
            Booleans.
        yes, no : str, float or ndarray
            What to take.

        Returns
        -------
        str
            Name of the result.
        """
        return self.add("Where", condition, yes, no)

    def columns(self, block: str, which: Any) -> str:
        """Take columns of a block.

        Parameters
        ----------
        block : str
            Of shape (n, d).
        which : sequence of int
            Positions.

        Returns
        -------
        str
            Of shape (n, len(which)).
        """
        return self.add("Gather", block, np.asarray(which, dtype=np.int64), axis=1)

    def joined(self, parts: list[str]) -> str:
        """Put blocks side by side.

        Parameters
        ----------
        parts : list of str
            Of shape (n, d) each.

        Returns
        -------
        str
            Of shape (n, sum of d).
        """
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def flat(self, column: str) -> str:
        """Make one column a vector.

        Parameters
        ----------
        column : str
            Of shape (n, 1).

        Returns
        -------
        str
            Of shape (n,).
        """
        return self.add("Reshape", column, np.array([-1], dtype=np.int64))

    def zeros(self, block: str) -> str:
        """Give as many zeros as there are rows.

        Parameters
        ----------
        block : str
            Of shape (n, d).

        Returns
        -------
        str
            Of shape (n, 1), double.
        """
        gaps = self.cast(self.add("IsNaN", self.columns(block, [0])), np.float64)
        return self.add("Mul", gaps, 0.0)

    def looked_up(self, codes: str, values: np.ndarray) -> str:
        """Replace codes by values; what is missing stays missing.

        Parameters
        ----------
        codes : str
            Double of shape (n, 1): 0, 1, ..., or NaN.
        values : ndarray of shape (n_codes,), float64
            One a code.

        Returns
        -------
        str
            Double of shape (n, 1).
        """
        table = np.append(np.asarray(values, dtype=np.float64), np.nan)
        place = self.where(self.add("IsNaN", codes), float(len(values)), codes)
        return self.add("Gather", table, self.cast(place, np.int64), axis=0)

    def clipped(self, tensor: str, low: float, high: float) -> str:
        """Keep values between two ends.

        Parameters
        ----------
        tensor : str
            Double; NaN stays.
        low, high : float
            The ends.

        Returns
        -------
        str
            Name of the result.
        """
        return self.add("Clip", tensor, np.float64(low), np.float64(high))

    # --- probabilities -----------------------------------------------------------------------------------------

    def sigmoid(self, z: str) -> str:
        """Turn log-odds into probabilities.

        Parameters
        ----------
        z : str
            Log-odds.

        Returns
        -------
        str
            ``1 / (1 + exp(-z))``.
        """
        return self.add("Div", 1.0, self.add("Add", 1.0, self.add("Exp", self.add("Neg", z))))

    def softmax(self, scores: str, axis: int = 1) -> str:
        """Turn one score a class into probabilities.

        Parameters
        ----------
        scores : str
            Of shape (n, n_classes), or with the classes along another axis.
        axis : int, default=1
            That axis.

        Returns
        -------
        str
            Probabilities, of the same shape.
        """
        return self.add("Softmax", scores, axis=axis)

    def proba(self, scores: str, n_scores: int) -> str:
        """Turn a learner's scores into probabilities.

        Parameters
        ----------
        scores : str
            Of shape (n, n_scores).
        n_scores : int
            1 for the log-odds of the second of two classes, else one a class.

        Returns
        -------
        str
            Of shape (n,) for two classes, of shape (n, n_classes) for more.
        """
        return self.sigmoid(self.flat(scores)) if n_scores == 1 else self.softmax(scores)

    def shares(self, positive: str) -> str:
        """Divide each row by its sum.

        Parameters
        ----------
        positive : str
            Of shape (n, n_classes).

        Returns
        -------
        str
            Of the same shape.
        """
        return self.add("Div", positive, self.add("ReduceSum", positive, np.array([1]), keepdims=1))

    def log_odds(self, p: str) -> str:
        """Turn probabilities into log-odds.

        Parameters
        ----------
        p : str
            Probabilities; 0 gives minus infinity.

        Returns
        -------
        str
            ``log p - log(1 - p)``.
        """
        return self.add("Sub", self.add("Log", p), self.add("Log", self.add("Sub", 1.0, p)))

    def total(self, parts: list[str]) -> str:
        """Add tensors up.

        Parameters
        ----------
        parts : list of str
            At least one, of one shape.

        Returns
        -------
        str
            Their sum.
        """
        whole = parts[0]
        for part in parts[1:]:
            whole = self.add("Add", whole, part)
        return whole
