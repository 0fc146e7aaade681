"""Calibration maps by name: fit one, chain several, read them back from JSON.

A map is small and frozen: `apply` takes probabilities to probabilities, `to_dict` gives plain JSON values that a
bundle carries, `map_from_dict` builds it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from counterpoise.calibrate.inputs import as_probabilities
from counterpoise.calibrate.intercept import InterceptMap
from counterpoise.calibrate.isotonic import IsotonicMap
from counterpoise.calibrate.platt import PlattMap
from counterpoise.calibrate.prior import PriorMap
from counterpoise.errors import ModelError, OptionError, nearest_names

__all__ = ["CalibrationMap", "IdentityMap", "MapChain", "fit_map", "map_from_dict"]


class CalibrationMap(Protocol):
    """What every map can do."""

    @property
    def kind(self) -> str:
        """Name of the kind of map."""

    def apply(self, proba: Any) -> np.ndarray:
        """Take probabilities to probabilities of the same shape.

        Parameters
        ----------
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities.

        Returns
        -------
        ndarray, float64
            Probabilities.
        """

    def to_dict(self) -> dict[str, Any]:
        """Give the map as plain JSON values.

        Returns
        -------
        dict
            ``kind`` and what the kind needs.
        """


@dataclass(frozen=True)
class IdentityMap:
    """Leaves probabilities as they are."""

    kind = "identity"

    def apply(self, proba: Any) -> np.ndarray:
        """Give the probabilities back.

        Parameters
        ----------
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities.

        Returns
        -------
        ndarray, float64
            The same values.
        """
        return as_probabilities(proba)

    def to_dict(self) -> dict[str, Any]:
        """Give the map as plain JSON values.

        Returns
        -------
        dict
            ``kind`` only.
        """
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> IdentityMap:
        """Build the map from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        IdentityMap
            The map.
        """
        return cls()


@dataclass(frozen=True)
class MapChain:
    """Maps applied one after the other.

    Attributes
    ----------
    maps : tuple of CalibrationMap
        In the order in which they are applied.
    """

    maps: tuple[CalibrationMap, ...]
    kind = "chain"

    def apply(self, proba: Any) -> np.ndarray:
        """Apply every map in turn.

        Parameters
        ----------
        proba : array-like of shape (n_rows,) or (n_rows, n_classes)
            Probabilities.

        Returns
        -------
        ndarray, float64
            Probabilities in the shape given.
        """
        values = as_probabilities(proba)
        for each in self.maps:
            values = each.apply(values)
        return values

    def to_dict(self) -> dict[str, Any]:
        """Give the chain as plain JSON values.

        Returns
        -------
        dict
            ``kind`` and ``maps``.
        """
        return {"kind": self.kind, "maps": [each.to_dict() for each in self.maps]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> MapChain:
        """Build the chain from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        MapChain
            The same chain.
        """
        return cls(tuple(map_from_dict(each) for each in record["maps"]))


_FITTED: dict[str, Callable[[Any, Any, Any], CalibrationMap]] = {
    "intercept": InterceptMap.fit,
    "platt": PlattMap.fit,
    "isotonic": IsotonicMap.fit,
}

_KINDS: dict[str, Callable[[dict[str, Any]], CalibrationMap]] = {
    "identity": IdentityMap.from_dict,
    "prior": PriorMap.from_dict,
    "intercept": InterceptMap.from_dict,
    "platt": PlattMap.from_dict,
    "isotonic": IsotonicMap.from_dict,
    "chain": MapChain.from_dict,
}


def fit_map(kind: str, y: Any, proba: Any, sample_weight: Any = None) -> CalibrationMap:
    """Fit a map by its name.

    Parameters
    ----------
    kind : {"intercept", "platt", "isotonic"}
        Which map.
    y : array-like of shape (n_rows,)
        Outcome (two classes), or class numbers in the order of the columns (more classes).
    proba : array-like of shape (n_rows,) or (n_rows, n_classes)
        Probabilities that a model gave for rows it was not fitted on.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    CalibrationMap
        The fitted map.

    Raises
    ------
    OptionError
        If there is no map of that name.
    NotApplicable
        If one class only is present.
    InputError
        If an input cannot be used.

    Examples
    --------
    >>> fitted = fit_map("intercept", [0, 0, 0, 1], [0.4, 0.5, 0.5, 0.6])
    >>> round(float(fitted.apply([0.4, 0.5, 0.5, 0.6]).mean()), 6)
    0.25
    """
    if kind not in _FITTED:
        raise OptionError(
            f"The calibration {kind!r} was asked for.",
            expected=f"Expected one of {', '.join(sorted(_FITTED))}.",
            why="Each is a different map on the log-odds.",
            hint=nearest_names(str(kind), list(_FITTED)) or "'intercept' needs the fewest positives.",
        )
    fitted = _FITTED[kind](y, proba, sample_weight)
    if fitted.kind != "isotonic" or np.asarray(proba).ndim == 1 or np.asarray(proba).shape[1] == 2:
        return fitted
    return MapChain((fitted, InterceptMap.fit(y, fitted.apply(proba), sample_weight)))


def map_from_dict(record: dict[str, Any]) -> CalibrationMap:
    """Build a map from what its `to_dict` gave.

    Parameters
    ----------
    record : dict
        Plain JSON values with ``kind``.

    Returns
    -------
    CalibrationMap
        The map.

    Raises
    ------
    ModelError
        If the kind is unknown or a part is missing.
    """
    try:
        return _KINDS[record["kind"]](record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"A calibration map could not be read ({type(error).__name__}: {error}).",
            expected=f"Expected a record with kind, one of {', '.join(sorted(_KINDS))}, and its numbers.",
            why="Probabilities would be wrong without it.",
            hint="Load the model from a complete copy, or save it again.",
        ) from error
