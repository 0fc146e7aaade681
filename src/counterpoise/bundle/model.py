"""The model that ships: a learner without its sampler, a calibration, a line, and what it expects of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoise.bundle.schema import Schema
from counterpoise.calibrate import CalibrationMap, IdentityMap
from counterpoise.errors import OptionError

if TYPE_CHECKING:
    from counterpoise.decide import OperatingPoint

__all__ = ["Model"]


@dataclass(frozen=True)
class Model:
    """A decision about a rare outcome, ready to be used.

    Attributes
    ----------
    learner : object
        Fitted classifier with ``predict_proba``; knows nothing of samplers.
    labels : tuple
        (negative, positive), or all labels where there are several.
    schema : Schema
        Features in order, their kinds, ranges and levels.
    operating_point : OperatingPoint
        The line, the goal it was drawn for, and what is behind it.
    calibration : CalibrationMap
        Takes the learner's probabilities to calibrated ones.
    base_rate : float
        Share of positives in the table that the probabilities refer to.
    facts : mapping
        Where it comes from: candidate, treatment, learner, seed, fingerprint, figures with intervals, findings.
    evidence : polars.DataFrame or None
        For each training row its key, fold, outcome and out-of-fold probability, so that the trial's figures can be
        had again.
    version : str
        Names the model; a change of base rate, costs or line adds to it.

    Examples
    --------
    >>> import counterpoise as cp
    >>> model = cp.load("fraud.model")          # doctest: +SKIP
    >>> model.decide(frame)                     # doctest: +SKIP
    """

    learner: Any
    labels: tuple[Any, ...]
    schema: Schema
    operating_point: OperatingPoint
    calibration: CalibrationMap = field(default_factory=IdentityMap)
    base_rate: float = float("nan")
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: pl.DataFrame | None = None
    version: str = "1"

    @property
    def threshold(self) -> float:
        """The line: a row with a probability of at least this is called positive."""
        return float(self.operating_point.threshold)

    @property
    def classes_(self) -> np.ndarray:
        """The labels, as scikit-learn names them."""
        return np.asarray(self.labels)

    def predict_proba(self, frame: Any) -> np.ndarray:
        """Give calibrated probabilities.

        Parameters
        ----------
        frame : frame or ndarray of n rows
            Has at least the model's features.

        Returns
        -------
        ndarray of shape (n, n_labels), float64
            In the order of `labels`; rows sum to 1.

        Raises
        ------
        ModelError
            If features are missing or of another type; all of them are named.
        """
        return self._probabilities(self.schema.conform(frame))

    def _probabilities(self, features: pl.DataFrame) -> np.ndarray:
        if features.height == 0:
            return np.empty((0, len(self.labels)))
        raw = self.learner.predict_proba(features)
        if len(self.labels) > 2:
            return np.asarray(self.calibration.apply(raw))
        positive = np.asarray(self.calibration.apply(raw[:, 1]))
        return np.column_stack([1 - positive, positive])

    def predict(self, frame: Any) -> np.ndarray:
        """Give labels by the model's line.

        Parameters
        ----------
        frame : frame or ndarray of n rows
            Has at least the model's features.

        Returns
        -------
        ndarray of shape (n,)
            Among `labels`.

        Raises
        ------
        ModelError
            If features are missing or of another type.
        """
        return self._label(self.predict_proba(frame))

    def _label(self, proba: np.ndarray) -> np.ndarray:
        several = len(self.labels) > 2
        chosen = proba.argmax(axis=1) if several else (proba[:, 1] >= self.threshold).astype(int)
        return np.asarray(self.classes_[chosen])

    def decide(self, frame: Any) -> pl.DataFrame:
        """Give probability and decision for each row, with what they rest on.

        Parameters
        ----------
        frame : frame or ndarray of n rows
            Has at least the model's features; a column that played the id in training is carried through.

        Returns
        -------
        polars.DataFrame of n rows
            The id (or ``row``), ``probability`` (several classes: ``probability_<label>`` each), ``label``,
            ``threshold``, ``goal``, ``version``.

        Raises
        ------
        ModelError
            If features are missing or of another type.
        """
        proba = self.predict_proba(frame)
        key = self._key(frame, len(proba))
        decided = [pl.Series("label", self._label(proba).tolist())]
        if len(self.labels) == 2:
            scores = [pl.Series("probability", proba[:, 1])]
            line = [
                pl.lit(self.threshold).alias("threshold"),
                pl.lit(str(self.operating_point.goal)).alias("goal"),
            ]
        else:
            scores = [pl.Series(f"probability_{label}", proba[:, k]) for k, label in enumerate(self.labels)]
            line = []
        return pl.DataFrame([key, *scores, *decided]).with_columns(
            *line, pl.lit(self.version).alias("version")
        )

    def _key(self, frame: Any, n: int) -> pl.Series:
        name = self.schema.roles.get("id")
        if name is not None and isinstance(frame, pl.DataFrame) and name in frame.columns:
            return frame[name]
        return pl.Series("row", np.arange(n))

    # --- moving the line without training ----------------------------------------------------------------------

    def with_threshold(self, threshold: float) -> Model:
        """Draw another line.

        Parameters
        ----------
        threshold : float
            Between 0 and 1.

        Returns
        -------
        Model
            The same learner and calibration; the version says that the line was moved.

        Raises
        ------
        OptionError
            If the threshold is outside 0 to 1.
        """
        if not 0 <= threshold <= 1:
            raise OptionError(
                f"threshold={threshold!r} was given.",
                expected="Expected a probability, 0 to 1.",
                why="A row is called positive when its probability is at least the threshold.",
                hint="For example 0.05.",
            )
        point = self.operating_point.moved(float(threshold), f"line={threshold:.6g}")
        return replace(self, operating_point=point, version=f"{self.version}+line={threshold:.6g}")

    def save(self, path: str | Path) -> Path:
        """Write the model as a folder without pickle, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The folder; a bundle that stands there is replaced, anything else is not.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ModelError
            If the path holds something that is not a bundle.
        """
        from counterpoise.bundle.storage import save

        return save(self, Path(path))
