"""LinearLearner: a family of linear models trained together, judged by a goal, with its line drawn for it.

Amazon's LinearLearner ("Linear Learner Algorithm", Amazon SageMaker Developer Guide) trains up to 32 models in one
go and keeps the one that serves a criterion best on validation rows. This one keeps its names and its idea and
differs where a rare class asks for it: the members are exact minima and not the end of so many epochs of stochastic
gradients, the validation rows are stratified, and probabilities are put back to the base rate whatever the weight of
the positive rows.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from scipy.special import expit, logsumexp, softmax
from sklearn.utils.validation import check_is_fitted

from counterpoise.calibrate.intercept import class_shifts, intercept_of
from counterpoise.calibrate.platt import fit_line
from counterpoise.chance import Seed, Streams
from counterpoise.errors import CounterpoiseWarning, InputError, NotApplicable, OptionError, nearest_names
from counterpoise.learn.classifier import probabilities
from counterpoise.learn.inputs import balanced_weights, check_labels, check_rows, check_table, check_weights
from counterpoise.learn.linear_family import NEWTON_WIDTH, BinaryRows, Members, Watch, binary_rows, fit_binary
from counterpoise.learn.linear_family_grid import choices, grid, strongest_l1
from counterpoise.learn.linear_family_stream import FamilyStream
from counterpoise.learn.linear_family_wide import fit_softmax, softmax_rows
from counterpoise.learn.linear_learner_criteria import Criterion, best_line, counts_at_lines, cross_entropy
from counterpoise.learn.linear_learner_design import LinearDesign
from counterpoise.learn.validating import ValidatingClassifier
from counterpoise.table.frames import n_rows
from counterpoise.table.large import refuse_too_large

__all__ = ["LinearLearner"]

CROSS_VALIDATED_ROWS = 20_000
"""Up to this many rows ``validation="auto"`` judges on five folds; above, on a fifth of the rows."""

FOLDS = 5
"""Folds of ``validation="auto"``."""

HELD_OUT = 0.2
"""Share of the rows that ``validation="auto"`` holds out of a large table."""

SOFTMAX_MODELS = 8
"""Most members of a family over several classes where the grid is chosen for you."""

LOSSES = ("logistic", "hinge")
"""Losses on offer."""

PREDICTOR_TYPES = ("auto", "binary", "multiclass")
"""What can be predicted."""


_ONE_ROW = (
    "A class has 1 row, so no row of it can be held out: the members are judged on the rows they were trained on. "
    "The most flexible one will look best; gather more rows of that class, or set l1 and wd yourself."
)


@dataclass(frozen=True)
class _Checked:
    """The options, read once."""

    criterion: Criterion
    l1: list[float] | None
    wd: list[float] | None
    n_models: int
    n_jobs: int


@dataclass(frozen=True)
class _Task:
    """What a family is trained on: standardised columns, outcome, weights and the scales of the penalties."""

    Z: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    l2_scale: np.ndarray
    l1_scale: np.ndarray

    def with_ones(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        Z = self.Z[rows]
        return np.column_stack([Z, np.ones(len(Z))])

    def take(self, rows: np.ndarray) -> _Task:
        return replace(self, Z=self.Z[rows], codes=self.codes[rows], weight=self.weight[rows])


_Learned = Callable[[np.ndarray], _Task]
"""Gives some rows as they are learned from."""


class LinearLearner(ValidatingClassifier):
    r"""A family of linear models that share every pass over the data; the best by a criterion is kept.

    Member m minimises the weighted mean loss plus ``wd / 2 ||w||^2 + l1 ||w||_1``, the intercept free. With the
    logistic loss it is scikit-learn's ``LogisticRegression(C=1 / ((wd + l1) S), l1_ratio=l1 / (l1 + wd))`` on
    standardised columns, with S the total weight and the member's weight on positive rows; `family_` gives those.

    Parameters
    ----------
    predictor_type : {"auto", "binary", "multiclass"}, default="auto"
        ``"auto"`` goes by the labels; the others refuse labels that do not fit.
    binary_classifier_model_selection_criteria : str, default="cross_entropy_loss"
        ``accuracy``, ``f_beta``, ``precision_at_target_recall``, ``recall_at_target_precision`` or
        ``cross_entropy_loss``. The member that serves it best on validation rows is kept, and the line of `predict`
        is drawn there to serve it best; with ``cross_entropy_loss`` at one half. The default is the only one that
        does not depend on a line: with a rare class accuracy cannot tell a model from a constant.
    target_recall, target_precision : float, default=0.8
        Targets of the criteria that have one.
    f_beta_score : float, default=1.0
        Weight of recall in ``f_beta``.
    positive_example_weight_mult : float, "balanced" or "auto", default=1.0
        How often a positive row counts; ``"balanced"`` gives both classes the same mass; ``"auto"`` tries 1 and
        balanced. Probabilities are corrected for it.
    balance_multiclass_weights : bool, default=False
        Give all of several classes the same mass in training; corrected in the probabilities.
    num_models : int, default=32
        Most members. Over several classes at most 8 unless `l1` or `wd` are given.
    l1, wd : float, sequence of float or "auto", default="auto"
        Penalties per mean loss. ``"auto"``: half of the members with l2 alone from C = 0.001 to 100, half with
        95 % l1 and 5 % l2 from half of the least that leaves no column to a thousandth of it.
    loss : {"logistic", "hinge"}, default="logistic"
        The hinge is rounded by a parabola within half a unit of its corner; its probabilities are Platt's.
    normalize_data : bool, default=True
        Penalise coefficients of standardised columns; False penalises those of the columns as they are. The fit
        is done on standardised columns either way.
    early_stopping_patience : int or None, default=None
        Stop a member whose validation loss has not fallen for so many passes. None trains to the minimum, which
        takes some ten passes. Has an effect only where rows are held out and the columns are at most 160.
    num_calibration_samples : int or None, default=None
        Draw lines on at most so many validation rows; None takes all.
    init_bias : float or None, default=None
        Intercept to start from; None starts from the log-odds of the classes. The minimum does not depend on it.
    validation : "auto", int or float, default="auto"
        How members are judged: an int gives that many folds (each member is then trained on all rows, and judged on
        models that have not seen the row), a float the share of rows that is held out (the chosen member is trained
        once more on all rows). ``"auto"``: five folds up to 20,000 rows, a fifth held out above.
    random_state : int, Generator, RandomState or None, default=0
        Seed of the validation rows.
    n_jobs : int or None, default=None
        Threads; None and -1 use all. The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_design) or (n_classes, n_design)
        Coefficients of the columns in `design_names_`, in the input's units; log-odds with `intercept_`.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts of the calibrated log-odds.
    threshold_ : float or None
        Probability from which on `predict` says the second class; None for several classes.
    family_ : polars.DataFrame
        One row a member: ``model, l1, wd, positive_weight, C, l1_ratio, criterion, value, threshold, n_passes,
        chosen``.
    family_coef_ : ndarray of shape (n_members, n_design) or (n_members, n_classes, n_design)
        Coefficients of each member, before calibration, in the input's units.
    family_intercept_ : ndarray of shape (n_members,) or (n_members, n_classes)
        Their intercepts.
    design_names_ : list of str
        Names of the columns that are weighed.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Their names, where the table had names.

    See Also
    --------
    counterpoise.decide.ThresholdCurve : Lines with finite-sample guarantees.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn import LinearLearner
    >>> X, y = make_classification(2000, weights=[0.95], random_state=0)
    >>> model = LinearLearner(
    ...     binary_classifier_model_selection_criteria="precision_at_target_recall", target_recall=0.8
    ... ).fit(X, y)
    >>> model.family_.height
    32
    >>> bool(model.predict(X)[y == 1].mean() > 0.7)
    True
    """

    def __init__(
        self,
        *,
        predictor_type: str = "auto",
        binary_classifier_model_selection_criteria: str = "cross_entropy_loss",
        target_recall: float = 0.8,
        target_precision: float = 0.8,
        f_beta_score: float = 1.0,
        positive_example_weight_mult: float | str = 1.0,
        balance_multiclass_weights: bool = False,
        num_models: int = 32,
        l1: Any = "auto",
        wd: Any = "auto",
        loss: str = "logistic",
        normalize_data: bool = True,
        early_stopping_patience: int | None = None,
        num_calibration_samples: int | None = None,
        init_bias: float | None = None,
        validation: str | float = "auto",
        random_state: Seed = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.predictor_type = predictor_type
        self.binary_classifier_model_selection_criteria = binary_classifier_model_selection_criteria
        self.target_recall = target_recall
        self.target_precision = target_precision
        self.f_beta_score = f_beta_score
        self.positive_example_weight_mult = positive_example_weight_mult
        self.balance_multiclass_weights = balance_multiclass_weights
        self.num_models = num_models
        self.l1 = l1
        self.wd = wd
        self.loss = loss
        self.normalize_data = normalize_data
        self.early_stopping_patience = early_stopping_patience
        self.num_calibration_samples = num_calibration_samples
        self.init_bias = init_bias
        self.validation = validation
        self.random_state = random_state
        self.n_jobs = n_jobs

    # --- learning ----------------------------------------------------------------------------------------------

    def settled(self) -> Self:
        """Give an unfitted copy whose family is the chosen member alone.

        Returns
        -------
        LinearLearner
            The copy.
        """
        own = self._family
        l1, wd, weight = (float(own[name][own["chosen"]][0]) for name in ("l1", "wd", "positive_weight"))
        twin = super().settled()
        twin.set_params(num_models=1, l1=l1, wd=wd, positive_example_weight_mult=weight)
        return twin

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        refuse_too_large(X)
        options = self._checked(len(self.classes_))
        weight = np.ones(len(codes)) if weights is None else weights
        self._design = LinearDesign()
        Z = self._design.fit_block(X, weight)
        self.design_names_ = list(self._design.names_)
        self._stream: FamilyStream | None = None
        task = self._standardised(Z, codes, weight)

        def learned(rows: np.ndarray | None) -> _Task:
            return self._learned_task(task, X, rows)

        whole = learned(None)
        tilt = np.log(self.rates_)
        if len(self.classes_) == 2:
            self._learn_binary(task, options, whole, learned, float(tilt[1] - tilt[0]))
        else:
            self._learn_softmax(task, options, whole, learned, tilt)
        self.rates_ = np.ones(len(self.classes_))

    def _learned_task(self, task: _Task, X: Any, rows: np.ndarray | None) -> _Task:
        """Give some rows, or all, as they are learned from: treated, where there is a treatment."""
        if self._treat is None:
            self.rates_ = np.ones(len(self.classes_))
            return task if rows is None else task.take(rows)
        X, codes, weights = self._learned_from(X, task.codes, task.weight, rows)
        weight = np.ones(len(codes)) if weights is None else weights
        Z = np.ascontiguousarray((self._design.block(X) - self._mean) / self._scale)
        return replace(task, Z=Z, codes=codes, weight=weight)

    def _checked(self, n_classes: int) -> _Checked:
        for name, value, offered in (
            ("predictor_type", self.predictor_type, PREDICTOR_TYPES),
            ("loss", self.loss, LOSSES),
        ):
            if value not in offered:
                raise OptionError(
                    f"{name}={value!r} was given.",
                    expected=f"Expected one of {', '.join(offered)}.",
                    hint=nearest_names(str(value), list(offered)),
                )
        if self.predictor_type == "binary" and n_classes != 2:
            raise InputError(
                f'predictor_type="binary" was given with {n_classes} classes.',
                expected="Expected two classes.",
                why="A line is drawn between two classes.",
                hint='Pass predictor_type="multiclass", or mark one class against the rest.',
            )
        if n_classes > 2 and self.loss == "hinge":
            raise NotApplicable(
                f'loss="hinge" was given with {n_classes} classes.',
                expected="Expected two classes, or the logistic loss.",
                why="The hinge is a loss of two classes here.",
                hint='Pass loss="logistic".',
            )
        for name, number in (
            ("num_models", self.num_models),
            ("early_stopping_patience", self.early_stopping_patience),
        ):
            if number is not None and (not isinstance(number, int | np.integer) or number < 1):
                raise OptionError(f"{name}={number!r} was given.", expected="Expected an int of at least 1.")
        criterion = Criterion(
            self.binary_classifier_model_selection_criteria,
            self.target_recall,
            self.target_precision,
            self.f_beta_score,
        )
        l1, wd = choices("l1", self.l1), choices("wd", self.wd)
        return _Checked(criterion, l1, wd, int(self.num_models), n_threads(self.n_jobs))

    def _standardised(self, Z: np.ndarray, codes: np.ndarray, weight: np.ndarray) -> _Task:
        total = weight.sum()
        self._mean = weight @ Z / total
        Z = np.subtract(Z, self._mean, order="C")
        self._scale = np.sqrt(np.einsum("i,ij,ij->j", weight, Z, Z) / total)
        self._scale[self._scale <= 1e-12 * np.maximum(1.0, np.abs(self._mean))] = 1.0
        Z /= self._scale
        ones = np.ones(Z.shape[1])
        raw = ones if self.normalize_data else 1.0 / self._scale
        return _Task(Z, codes, weight, raw**2, raw)

    def _validation(self, codes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Give (training rows, validation rows) of each fold, or of the one part that is held out."""
        choice = self.validation
        least = int(np.bincount(codes).min())
        if isinstance(choice, str) and choice == "auto":
            if least < 2:
                warnings.warn(_ONE_ROW, CounterpoiseWarning, stacklevel=2)
                return [(np.arange(len(codes)), np.arange(len(codes)))]
            choice = FOLDS if len(codes) <= CROSS_VALIDATED_ROWS else HELD_OUT
        if least < 2:
            raise InputError(
                f"A class with 1 row was given with validation={choice!r}.",
                expected="Expected at least 2 rows of each class.",
                why="The validation part or the training part would be without that class.",
                hint="Gather more rows of that class, or drop it.",
            )
        stream = Streams.of(self.random_state).child("linear_learner", "validation")
        if isinstance(choice, int | np.integer) and choice >= 2:
            return folds(codes, self.classes_, min(int(choice), least), stream)
        if isinstance(choice, float) and 0 < choice < 1:
            return [held_out(codes, self.classes_, choice, stream)]
        raise OptionError(
            f"validation={self.validation!r} was given.",
            expected='Expected "auto", an int of at least 2, or a share between 0 and 1.',
            why="The members are judged on rows they have not seen.",
            hint='Pass validation="auto".',
        )

    # --- two classes -------------------------------------------------------------------------------------------

    def _learn_binary(
        self, task: _Task, options: _Checked, whole: _Task, learned: _Learned, tilt: float
    ) -> None:
        parts, members = self._validation(task.codes), self._members(whole, options)
        margins, judged, W, n_passes = self._trained(task, members, options, parts, whole, learned)
        outcome, weight = task.codes[judged] == 1, task.weight[judged]
        slope, shift = self._to_log_odds(outcome, margins, weight, members, tilt)
        kept = self._calibration_rows(task.codes[judged])
        value, lines = _judge(options.criterion, outcome, margins * slope + shift, weight, kept)
        best = int(np.argmin(value) if options.criterion.is_loss else np.argmax(value))
        chosen, final = members.take(np.array([best])), W[:, [best]]
        if len(parts) == 1:
            final, _ = fit_binary(self._rows(whole, options), chosen, start=final)
        if not options.criterion.is_loss:
            lines[best] += _level(outcome, margins[:, best] * slope[best] + shift[best], weight)
        coef, intercept = self._in_units(final[:, 0])
        scores = slope[best] * (task.Z @ final[:-1, 0] + final[-1, 0]) + shift[best]
        level = shift[best] + _level(task.codes == 1, scores, task.weight)
        self.coef_ = (slope[best] * coef)[None, :]
        self.intercept_ = np.array([slope[best] * intercept + level])
        self._line = float(lines[best])
        self.threshold_: float | None = float(expit(self._line))
        self.family_coef_, self.family_intercept_ = self._in_units(W)
        self._keep_family(members, whole, options, value, expit(lines), n_passes, best)

    def _keep_family(
        self,
        members: Members,
        task: _Task,
        options: _Checked,
        value: np.ndarray,
        thresholds: np.ndarray | None,
        n_passes: np.ndarray,
        best: int,
    ) -> None:
        mass = np.bincount(task.codes, weights=task.weight)
        total = mass[0] + mass[1:].sum() * members.positive_weight
        penalty = members.l1 + members.wd
        safe = np.where(penalty > 0, penalty, 1.0)
        self._family: dict[str, np.ndarray] = {
            "model": np.arange(len(members)),
            "l1": members.l1,
            "wd": members.wd,
            "positive_weight": members.positive_weight,
            "C": np.where(penalty > 0, 1.0 / (safe * total), np.inf),
            "l1_ratio": members.l1 / safe,
            "criterion": np.full(len(members), options.criterion.name),
            "value": value,
            "threshold": np.full(len(members), np.nan) if thresholds is None else thresholds,
            "n_passes": n_passes,
            "chosen": np.arange(len(members)) == best,
        }

    def _members(self, task: _Task, options: _Checked) -> Members:
        is_positive = task.codes == 1
        masses = task.weight[~is_positive].sum(), task.weight[is_positive].sum()
        weights = self._positive_weights(masses[0] / masses[1])
        totals = np.array([masses[0] + weight * masses[1] for weight in weights])
        strongest = [
            strongest_l1(task.Z, is_positive, task.weight, weight, task.l1_scale) for weight in weights
        ]
        narrow = task.Z.shape[1] < NEWTON_WIDTH
        return grid(options.n_models, weights, options.l1, options.wd, totals, strongest, with_l1=narrow)

    def _positive_weights(self, ratio: float) -> list[float]:
        asked = self.positive_example_weight_mult
        if asked == "balanced":
            return [ratio]
        if asked == "auto":
            return [1.0, ratio]
        if isinstance(asked, int | float | np.number) and np.isfinite(asked) and asked > 0:
            return [float(asked)]
        raise OptionError(
            f"positive_example_weight_mult={asked!r} was given.",
            expected='Expected a number above 0, "balanced" or "auto".',
            why="It says how often a positive row counts.",
            hint='Pass "balanced" to give both classes the same mass.',
        )

    def _rows(self, task: _Task, options: _Checked) -> BinaryRows:
        return binary_rows(
            task.Z,
            task.codes == 1,
            task.weight,
            loss="hinge" if self.loss == "hinge" else "logistic",
            l2_scale=task.l2_scale,
            l1_scale=task.l1_scale,
            n_jobs=options.n_jobs,
        )

    def _trained(
        self,
        task: _Task,
        members: Members,
        options: _Checked,
        parts: list[tuple[np.ndarray, np.ndarray]],
        whole: _Task,
        learned: _Learned,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Train the family; give margins of the judged rows, those rows, coefficients and passes."""
        seed = Streams.of(0).child("curvature").generator()
        if len(parts) == 1:
            train, judged = parts[0]
            rows = self._rows(learned(train), options)
            ahead = task.with_ones(judged)
            watch = self._watch(ahead, task.codes[judged] == 1, task.weight[judged], members)
            W, n_passes = fit_binary(rows, members, init_bias=self.init_bias, seed=seed, watch=watch)
            return ahead @ W, judged, W, n_passes
        rows = self._rows(whole, options)
        W, n_passes = fit_binary(rows, members, init_bias=self.init_bias, seed=seed)
        margins = np.empty((len(task.codes), len(members)))
        for train, judged in parts:
            rows = self._rows(learned(train), options)
            part, _ = fit_binary(rows, members, start=W, seed=seed)
            margins[judged] = task.with_ones(judged) @ part
        return margins, np.arange(len(task.codes)), W, n_passes

    def _watch(
        self, Z: np.ndarray, is_positive: np.ndarray, weight: np.ndarray, members: Members
    ) -> Watch | None:
        patience = self.early_stopping_patience
        if patience is None:
            return None
        best, since = np.full(len(members), np.inf), np.zeros(len(members), dtype=np.int64)
        correction = np.log(members.positive_weight)

        def watch(W: np.ndarray, active: np.ndarray) -> np.ndarray:
            scores = Z @ W - correction[active]
            loss = np.array([cross_entropy(is_positive, column, weight) for column in scores.T])
            better = loss < best[active]
            since[active] = np.where(better, 0, since[active] + 1)
            best[active] = np.minimum(best[active], loss)
            return np.asarray(since[active] >= patience)

        return watch

    def _to_log_odds(
        self,
        outcome: np.ndarray,
        margins: np.ndarray,
        weight: np.ndarray,
        members: Members,
        tilt: float = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give slope and shift that turn each member's margins into log-odds; a treatment has moved them by `tilt`."""
        if self.loss == "hinge":
            lines = np.array([fit_line(outcome, expit(column), weight) for column in margins.T])
            return lines[:, 0], lines[:, 1]
        return np.ones(len(members)), -np.log(members.positive_weight) - tilt

    def _calibration_rows(self, codes: np.ndarray) -> np.ndarray | slice:
        n = self.num_calibration_samples
        if n is None or n >= len(codes):
            return slice(None)
        if not isinstance(n, int | np.integer) or n < 2:
            raise OptionError(
                f"num_calibration_samples={n!r} was given.", expected="Expected an int of at least 2."
            )
        stream = Streams.of(self.random_state).child("linear_learner", "calibration")
        return held_out(codes, self.classes_, int(n) / len(codes), stream)[1]

    def _in_units(self, W: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn standardised coefficients, the intercept last, into the columns' own units, a member first."""
        coef = W[:-1].T / self._scale
        return coef, W[-1].T - coef @ self._mean

    # --- several classes -----------------------------------------------------------------------------------------

    def _learn_softmax(
        self, task: _Task, options: _Checked, whole: _Task, learned: _Learned, tilt: np.ndarray
    ) -> None:
        n_classes, parts = len(self.classes_), self._validation(task.codes)
        by_class = np.ones(n_classes)
        if self.balance_multiclass_weights:
            by_class = balanced_weights(whole.codes, whole.weight, n_classes)
        members = self._softmax_members(options, float((whole.weight * by_class[whole.codes]).sum()))

        def train(rows: _Task, some: Members, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
            prepared = softmax_rows(
                rows.Z,
                rows.codes,
                rows.weight * by_class[rows.codes],
                n_classes,
                l2_scale=rows.l2_scale,
                l1_scale=rows.l1_scale,
            )
            return fit_softmax(prepared, some, start=start)

        moved = np.log(by_class) + tilt
        W, n_passes = train(learned(parts[0][0]) if len(parts) == 1 else whole, members, None)
        values = np.zeros((len(parts), len(members)))
        for row, (rows, judged) in enumerate(parts):
            part = W if len(parts) == 1 else train(learned(rows), members, W)[0]
            margins = np.tensordot(task.with_ones(judged), part, axes=1) - moved[:, None]
            values[row] = _judge_classes(options.criterion, task.codes[judged], margins, task.weight[judged])
        value = values.mean(axis=0)
        best = int(np.argmin(value) if options.criterion.is_loss else np.argmax(value))
        final = W[..., [best]]
        if len(parts) == 1:
            final, _ = train(whole, members.take(np.array([best])), final)
        self._keep_softmax(task, final[..., 0], moved)
        self.family_coef_ = np.moveaxis(W[:-1], (0, 1, 2), (2, 1, 0)) / self._scale
        self.family_intercept_ = W[-1].T - self.family_coef_ @ self._mean
        self._keep_family(members, whole, options, value, None, n_passes, best)

    def _softmax_members(self, options: _Checked, total: float) -> Members:
        chosen_for_you = options.l1 is None and options.wd is None
        n = min(options.n_models, SOFTMAX_MODELS) if chosen_for_you else options.n_models
        l1 = options.l1 if options.l1 is not None else [0.0]
        return grid(n, [1.0], l1, options.wd, np.array([total]), [1.0])

    def _keep_softmax(self, task: _Task, W: np.ndarray, moved: np.ndarray) -> None:
        margins = task.with_ones() @ W - moved
        proba = np.asarray(softmax(margins, axis=1))
        level = np.array(class_shifts(task.codes, proba, task.weight))
        self.coef_ = W[:-1].T / self._scale
        self.intercept_ = W[-1] - moved + level - self.coef_ @ self._mean
        self._line = 0.0
        self.threshold_ = None

    # --- pieces ------------------------------------------------------------------------------------------------

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one more piece of the data.

        Rows of earlier pieces are remembered as a quadratic of each member (its sum of second derivatives where the
        piece ended), not as rows; a fifth of each piece is held out, and at most `num_calibration_samples` (20,000
        by default) of the held out rows are kept to judge members and to draw the line. Columns, levels, scales and
        penalties are those of the first piece. Two classes only.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The piece.
        y : array-like of shape (n_rows,)
            Its labels. The first piece must hold both classes, at least two rows of each.
        classes : array-like of shape (2,), default=None
            The classes, where a piece may hold one only.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.

        Returns
        -------
        LinearLearner
            The classifier itself.

        Raises
        ------
        InputError
            If the first piece lacks a class, a later one holds another class, or a number is beyond 1e150.
        NotApplicable
            If there are more than two classes or more than 160 columns.
        """
        begins = getattr(self, "_stream", None) is None
        X = check_table(self, X, reset=begins)
        refuse_too_large(X)
        if begins:
            self.classes_, codes = check_labels(self, y)
            _check_two(self.classes_, classes)
        else:
            codes = _codes_among(y, self.classes_)
        check_rows(X, codes)
        weight = check_weights(sample_weight, n_rows(X))
        weight = np.ones(len(codes)) if weight is None else weight
        options = self._checked(2)
        if begins:
            self._begin_stream(X, codes, weight, options)
        else:
            self._feed(self._design.block(X), codes, weight, options)
        return self

    def _begin_stream(self, X: Any, codes: np.ndarray, weight: np.ndarray, options: _Checked) -> None:
        self._design = LinearDesign()
        Z = self._design.fit_block(X, weight)
        self.design_names_ = list(self._design.names_)
        task = self._standardised(Z, codes, weight)
        if task.Z.shape[1] >= NEWTON_WIDTH:
            raise NotApplicable(
                f"{task.Z.shape[1]} columns were given in pieces.",
                expected=f"Expected fewer than {NEWTON_WIDTH}.",
                why="Each member remembers the second derivatives of every pair of columns.",
                hint="Call fit on all rows, or select columns.",
            )
        capacity = self.num_calibration_samples or CROSS_VALIDATED_ROWS
        self._stream = FamilyStream(self._members(task, options), task.Z.shape[1], int(capacity))
        self._feed(Z, codes, weight, options)

    def _feed(self, Z: np.ndarray, codes: np.ndarray, weight: np.ndarray, options: _Checked) -> None:
        stream = self._stream
        if stream is None:
            raise NotApplicable("There is no stream.", hint="Call partial_fit with the first piece.")
        raw = np.ones(Z.shape[1]) if self.normalize_data else 1.0 / self._scale
        task = _Task((Z - self._mean) / self._scale, codes, weight, raw**2, raw)
        chance = Streams.of(self.random_state if isinstance(self.random_state, int) else 0)
        chance = chance.child("linear_learner", "piece", stream.n_pieces)
        train, held = held_out(codes, self.classes_, HELD_OUT, chance)
        stream.learn(self._rows(task.take(train), options))
        stream.hold(task.with_ones(held), codes[held] == 1, weight[held], chance.child("keys").generator())
        self._judge_stream(stream, task, options)

    def _judge_stream(self, stream: FamilyStream, task: _Task, options: _Checked) -> None:
        ahead, outcome, weight = stream.held()
        margins = ahead @ stream.W
        slope, shift = self._to_log_odds(outcome, margins, weight, stream.members)
        value, lines = _judge(options.criterion, outcome, margins * slope + shift, weight, slice(None))
        best = int(np.argmin(value) if options.criterion.is_loss else np.argmax(value))
        level = _level(outcome, margins[:, best] * slope[best] + shift[best], weight)
        if not options.criterion.is_loss:
            lines[best] += level
        coef, intercept = self._in_units(stream.W[:, best])
        self.coef_ = (slope[best] * coef)[None, :]
        self.intercept_ = np.array([slope[best] * intercept + shift[best] + level])
        self._line = float(lines[best])
        self.threshold_ = float(expit(self._line))
        self.family_coef_, self.family_intercept_ = self._in_units(stream.W)
        self._keep_family(stream.members, task, options, value, expit(lines), stream.n_passes, best)

    # --- scoring -----------------------------------------------------------------------------------------------

    @property
    def family_(self) -> pl.DataFrame:
        """One row a member: its choices, the criterion's value on validation rows, and which was chosen."""
        check_is_fitted(self, "coef_")
        return pl.DataFrame(self._family)

    def _score(self, X: Any) -> np.ndarray:
        scores = self._design.block(X) @ self.coef_.T + self.intercept_
        return np.asarray(scores[:, 0] - self._line if len(self.classes_) == 2 else scores)

    def decision_function(self, X: Any) -> np.ndarray:
        """Score rows; with two classes the log-odds less those of the line, so that `predict` goes by its sign.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            Above 0 where the second of two classes is predicted; one score a class for several.
        """
        return super().decision_function(X)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class, at the base rate of the training rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Each row sums to 1; columns as in `classes_`.
        """
        scores = self.decision_function(X)
        return probabilities(scores + self._line if scores.ndim == 1 else scores)

    def predict(self, X: Any) -> np.ndarray:
        """Say the class of each row: by the line for two classes, the most probable of several.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels among `classes_`.
        """
        scores = self.decision_function(X)
        codes = (scores > 0).astype(np.int64) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def score_label(self, X: Any) -> pl.DataFrame:
        """Give score and label of each row, as Amazon's endpoint answers.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        polars.DataFrame
            ``score``, the probability of the second of two classes, or a list with one of each class, and
            ``predicted_label``.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            score, codes = pl.Series("score", expit(scores + self._line)), (scores > 0).astype(np.int64)
        else:
            score = pl.Series("score", probabilities(scores).tolist(), dtype=pl.List(pl.Float64))
            codes = scores.argmax(axis=1)
        return pl.DataFrame([score, pl.Series("predicted_label", self.classes_[codes])])


# --- pure steps --------------------------------------------------------------------------------------------------


def _check_two(found: np.ndarray, classes: Any) -> None:
    if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), found):
        raise InputError(
            f"The first piece holds the classes {found.tolist()}.",
            expected=f"Expected {np.unique(np.asarray(classes)).tolist()}.",
            why="Scales and penalties are set on the first piece.",
            hint="Begin with a piece that holds every class.",
        )
    if len(found) > 2:
        raise NotApplicable(
            f"{len(found)} classes were given in pieces.",
            expected="Expected two.",
            why="What is remembered of earlier rows is kept for two classes only.",
            hint="Call fit on all rows.",
        )


def _codes_among(y: Any, classes: np.ndarray) -> np.ndarray:
    labels = np.asarray(y)
    codes = np.searchsorted(classes, labels).clip(0, len(classes) - 1)
    if not np.array_equal(classes[codes], labels):
        raise InputError(
            f"Labels other than {classes.tolist()} were given.",
            expected="Expected the classes of the first piece.",
            why="A class that was not there at first has no place in the model.",
            hint="Begin with a piece that holds every class.",
        )
    return np.asarray(codes, dtype=np.int64)


def n_threads(n_jobs: int | None) -> int:
    """Say how many threads an `n_jobs` asks for.

    Parameters
    ----------
    n_jobs : int or None
        None and negative numbers ask for all.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    OptionError
        If it is 0 or not an int.
    """
    if n_jobs is not None and (
        isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs == 0
    ):
        raise OptionError(f"n_jobs={n_jobs!r} was given.", expected="Expected an int other than 0, or None.")
    if n_jobs is not None and n_jobs > 0:
        return int(n_jobs)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return available or 1


def folds(
    codes: np.ndarray, classes: np.ndarray, n: int, stream: Streams
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Deal the rows of each class into folds.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    classes : ndarray of shape (n_classes,)
        Labels, which name the streams.
    n : int
        Number of folds, at least 2.
    stream : Streams
        Chance.

    Returns
    -------
    list of (ndarray, ndarray)
        Rows to train on and rows to judge, sorted.
    """
    fold = np.empty(len(codes), dtype=np.int64)
    for code, label in enumerate(classes.tolist()):
        rows = np.flatnonzero(codes == code)
        # the larger classes begin where the smaller ones ended, so that folds are of one size
        fold[stream.child(label).generator().permutation(rows)] = (np.arange(len(rows)) + code) % n
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n)]


def held_out(
    codes: np.ndarray, classes: np.ndarray, share: float, stream: Streams
) -> tuple[np.ndarray, np.ndarray]:
    """Hold a share of each class out, at least one row where there are two, and never all.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    classes : ndarray of shape (n_classes,)
        Labels, which name the streams.
    share : float
        Between 0 and 1.
    stream : Streams
        Chance.

    Returns
    -------
    train, held : ndarray of int64
        Row numbers, sorted.
    """
    is_held = np.zeros(len(codes), dtype=bool)
    for code, label in enumerate(classes.tolist()):
        rows = np.flatnonzero(codes == code)
        n = min(max(round(share * len(rows)), 1), max(len(rows) - 1, 0))
        is_held[stream.child(label).generator().choice(rows, size=n, replace=False)] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _judge(
    criterion: Criterion,
    outcome: np.ndarray,
    scores: np.ndarray,
    weight: np.ndarray,
    kept: np.ndarray | slice,
) -> tuple[np.ndarray, np.ndarray]:
    """Give each member's value of the criterion and its line, on columns of log-odds."""
    if criterion.is_loss:
        loss = [cross_entropy(outcome, np.ascontiguousarray(column), weight) for column in scores.T]
        return np.array(loss), np.zeros(len(loss))
    found = [
        best_line(criterion, counts_at_lines(outcome[kept], np.ascontiguousarray(column), weight[kept]))
        for column in scores[kept].T
    ]
    return np.array([value for value, _ in found]), np.array([line for _, line in found])


def _judge_classes(
    criterion: Criterion, codes: np.ndarray, margins: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Give each member's accuracy, or else its mean log loss; margins are (rows, classes, members)."""
    rows = np.arange(len(codes))
    if criterion.name == "accuracy":
        return np.asarray(weight @ (margins.argmax(axis=1) == codes[:, None]) / weight.sum())
    return np.asarray(weight @ (logsumexp(margins, axis=1) - margins[rows, codes]) / weight.sum())


def _level(outcome: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """Give the shift at which the mean probability is the base rate; 0 where the scores leave nothing to shift."""
    p = expit(scores)
    inside = (p > 0) & (p < 1)
    if not inside.any() or not 0 < weight[outcome].sum() - weight[p >= 1].sum() < weight[inside].sum():
        return 0.0
    return intercept_of(outcome, p, weight)
