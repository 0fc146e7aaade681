"""The model that ships: a learner without its sampler, a calibration, a line, and what it expects of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from counterpoise.bundle.histogram import Histogram
from counterpoise.bundle.plots import ModelPlots
from counterpoise.bundle.schema import Schema
from counterpoise.calibrate import CalibrationMap, IdentityMap, MapChain, PriorMap, change_prior
from counterpoise.calibrate.crossfit import scores_of
from counterpoise.decide import ClassRule, OperatingPoint, ThresholdCurve, with_costs, with_prior
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.learn.encode import Encoded
from counterpoise.learn.quick import quick_form

__all__ = ["Model"]

WORTH_TABLES = 10_000
"""Rows from which boosted trees are looked up in tables, which take a twentieth of a second to make."""

ONLY_TRAINED = "only_trained"
"""The column of the evidence with the keys of rows that were trained on and judged nobody, in lists of any lengths."""


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
        For each training row its key, fold, out-of-fold probability, outcome (and weight), so that the trial's
        figures can be had again and the line drawn anew. Where folds were dealt repeatedly, these are of the deal
        whose line ships, and ``repeat<number>_<name>`` of each other. Where some rows trained and never judged, as the
        first of folds in time do, ``only_trained`` lists their keys.
    version : str
        Names the model; a change of base rate, costs or line adds to it.
    rule : ClassRule or None
        How one of several classes is chosen; None for two, and where the most probable one is.

    Notes
    -----
    The schema gets a histogram of the evidence's probabilities, with an edge at the line, where it has none.

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
    rule: ClassRule | None = None

    def __post_init__(self) -> None:
        """Count the scores of the evidence."""
        if self.schema.scores is None and len(self.labels) == 2 and self._has("probability"):
            counted = Histogram.of_scores(self._known("probability"), self.threshold, self._weights)
            object.__setattr__(self, "schema", self.schema.model_copy(update={"scores": counted}))

    def _has(self, name: str) -> bool:
        return self.evidence is not None and name in self.evidence.columns and self.evidence.height > 0

    def _known(self, name: str) -> np.ndarray:
        return np.asarray(self.evidence[name]) if self.evidence is not None else np.empty(0)

    @property
    def _weights(self) -> np.ndarray | None:
        return self._known("weight") if self._has("weight") else None

    @property
    def threshold(self) -> float:
        """The line: a row with a probability of at least this is called positive."""
        return float(self.operating_point.threshold)

    @property
    def classes_(self) -> np.ndarray:
        """The labels, as scikit-learn names them."""
        return np.asarray(self.labels)

    @cached_property
    def evidence_keys(self) -> np.ndarray:
        """Keys of the rows that judged it in its trial, sorted."""
        return np.sort(self._known("key").astype(np.uint64))

    @cached_property
    def only_trained_keys(self) -> np.ndarray:
        """Keys of the rows that it was trained on and that no model judged which had not seen them, sorted."""
        if self.evidence is None or not self._has(ONLY_TRAINED):
            return np.empty(0, dtype=np.uint64)
        return np.sort(self.evidence[ONLY_TRAINED].explode().drop_nulls().to_numpy().astype(np.uint64))

    @property
    def knows_its_rows(self) -> bool:
        """Whether the keys of all rows that it was trained on are kept; older bundles hold those that judged."""
        n_known = len(self.evidence_keys) + len(self.only_trained_keys)
        return 0 < n_known == self.facts.get("n_rows")

    @cached_property
    def plots(self) -> ModelPlots:
        """Charts of how its probabilities did on rows that it had not seen, for notebooks and files."""
        return ModelPlots(self)

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
        features = self.schema.conform(frame)
        is_quick = features.height >= WORTH_TABLES or "_quick" in self.__dict__
        return self._probabilities(self._quick if is_quick else self.learner, features)

    def predict_proba_encoded(self, values: np.ndarray, levels: Mapping[int, Sequence[str]]) -> np.ndarray:
        """Give calibrated probabilities of rows that were read as numbers, without making a frame of them.

        Parameters
        ----------
        values : ndarray of shape (n, n_features), float64
            As `counterpoise.learn.encode.Encoded` holds them.
        levels : mapping of int to sequence of str
            By column, what the codes of its categories stand for.

        Returns
        -------
        ndarray of shape (n, n_labels), float64
            As `predict_proba` gives them.

        Raises
        ------
        TypeError, ModelError
            If the learner takes frames only.
        """
        return self._probabilities(self._quick, Encoded(values, self._kinds, levels))

    @cached_property
    def _quick(self) -> Any:
        return quick_form(self.learner)

    @cached_property
    def _kinds(self) -> tuple[str, ...]:
        return tuple(feature.kind for feature in self.schema.features)

    def _probabilities(self, learner: Any, features: pl.DataFrame | Encoded) -> np.ndarray:
        if features.shape[0] == 0:
            return np.empty((0, len(self.labels)))
        raw = scores_of(learner, features)
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
        return np.asarray(self.classes_[self.choose(proba)])

    def choose(self, proba: np.ndarray) -> np.ndarray:
        """Choose a class for each row: by the line of two classes, by the rule of several.

        Parameters
        ----------
        proba : ndarray of shape (n, n_labels), float64
            As `predict_proba` gives them.

        Returns
        -------
        ndarray of shape (n,), int64
            Places in `labels`.
        """
        if len(self.labels) == 2:
            return np.asarray(proba[:, 1] >= self.threshold).astype(np.int64)
        return np.asarray(proba.argmax(axis=1)) if self.rule is None else self.rule.decide(proba)

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
            line = [pl.lit(str(self.operating_point.goal)).alias("goal")]
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
        self._need_two_classes("The line")
        words = f"line={threshold:.6g}"
        return self._moved(self.operating_point.moved(float(threshold), words), words)

    def with_prior(self, rate: float) -> Model:
        """Use the model where the base rate is another one.

        Probabilities move in closed form (`counterpoise.calibrate.change_prior`), and the line is drawn anew for its
        goal on the trial's out-of-fold rows, weighted to the new rate.

        Parameters
        ----------
        rate : float
            Share of positives where the model is used, strictly between 0 and 1.

        Returns
        -------
        Model
            The same learner; calibration, line and version say what was changed.

        Raises
        ------
        InputError
            If the rate is outside its range.
        NotApplicable
            If there are several classes, or the goal's line cannot be moved without evidence.
        """
        self._need_two_classes("The base rate")
        old = self.base_rate
        point = with_prior(
            self.operating_point, old, rate, curve=self._curve(), n_days=self.facts.get("n_days")
        )
        shares = np.array([(1 - old) / (1 - rate), old / rate])
        moved = MapChain((self.calibration, PriorMap.of(shares)))
        model = replace(self, calibration=moved, base_rate=float(rate), evidence=self._evidence_at(rate))
        return model._moved(point, f"prior={rate:.6g}")

    def _evidence_at(self, rate: float) -> pl.DataFrame | None:
        """Give the evidence as it would be at another base rate: moved probabilities, rows weighted by class."""
        if self.evidence is None or not self._has("probability"):
            return self.evidence
        probability = self._known("probability")
        is_positive = self._known("outcome") if self._has("outcome") else probability
        factor = is_positive * (rate / self.base_rate) + (1 - is_positive) * (
            (1 - rate) / (1 - self.base_rate)
        )
        return self.evidence.with_columns(
            pl.Series("probability", change_prior(probability, self.base_rate, rate)),
            pl.Series("weight", factor if self._weights is None else factor * self._weights),
        )

    def with_costs(self, fn: float, fp: float, *, tp: float = 0.0, tn: float = 0.0) -> Model:
        """Draw the line for other costs of errors.

        Parameters
        ----------
        fn : float
            Cost of a missed positive.
        fp : float
            Cost of a false alert.
        tp : float, default=0.0
            Cost of a caught positive; negative for a gain.
        tn : float, default=0.0
            Cost of a negative left alone.

        Returns
        -------
        Model
            The same learner and calibration; the line is the cheapest on the trial's out-of-fold rows, or Elkan's
            line on the probability where they are not known.

        Raises
        ------
        InputError
            If an error costs less than the right decision.
        NotApplicable
            If there are several classes.
        """
        self._need_two_classes("Costs of errors")
        point = with_costs(self.operating_point, fn, fp, tp=tp, tn=tn, curve=self._curve())
        gains = f",tp={tp:g},tn={tn:g}" if tp or tn else ""
        return self._moved(point, f"costs(fn={fn:g},fp={fp:g}{gains})")

    def _curve(self) -> ThresholdCurve | None:
        if not (self._has("probability") and self._has("outcome")):
            return None
        return ThresholdCurve.from_scores(self._known("outcome"), self._known("probability"), self._weights)

    def _moved(self, point: OperatingPoint, words: str) -> Model:
        """Take another line; rows of the evidence are alerted by it from now on.

        Repeats of the trial are left behind: their lines were others.
        """
        evidence = None if self.evidence is None else self.evidence.select(pl.exclude(r"^repeat\d+_.*$"))
        if evidence is not None and self._has("alert"):
            evidence = evidence.with_columns(alert=pl.col("probability") >= float(point.threshold))
        schema = self.schema.model_copy(update={"scores": None})  # counted anew, from the evidence
        version = f"{self.version}+{words}"
        return replace(self, operating_point=point, evidence=evidence, schema=schema, version=version)

    def _need_two_classes(self, what: str) -> None:
        if len(self.labels) != 2:
            raise NotApplicable(
                f"{what} of a model of {len(self.labels)} classes was to be changed.",
                expected="Expected two classes.",
                why="There is no single line between them to move.",
                hint="Train on one class against the rest: --positive LABEL.",
            )

    def save(self, path: str | Path) -> Path:
        """Write the model as a folder, or one ``.zip``, without pickle, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The folder, or a file that ends in ``.zip``; a bundle that stands there is replaced, anything else is not.

        Returns
        -------
        Path
            The folder or file.

        Raises
        ------
        ModelError
            If the path holds something that is not a bundle.
        """
        from counterpoise.bundle.storage import save

        return save(self, Path(path))
