"""A multilayer perceptron for a rare class, with its preprocessing inside."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from sklearn.utils.validation import check_is_fitted

from counterpoise.calibrate.intercept import InterceptMap
from counterpoise.calibrate.maps import map_from_dict
from counterpoise.chance import Seed, Streams
from counterpoise.errors import CounterpoiseWarning, InputError, NotApplicable, OptionError, nearest_names
from counterpoise.learn.classifier import log_odds
from counterpoise.learn.encode import TableEncoder
from counterpoise.learn.inputs import check_table, class_weights
from counterpoise.learn.keras.backend import keras_on_jax
from counterpoise.learn.keras.batches import MOST_STEPS, balanced_plan, epoch_rows
from counterpoise.learn.keras.losses import LossSpec, class_balanced_weights, row_loss, to_probabilities
from counterpoise.learn.keras.network import (
    Engine,
    Layout,
    engine_of,
    initial_weights,
    layers,
    padded,
    whole_model,
)
from counterpoise.learn.keras.scores import figures
from counterpoise.learn.linear_learner import held_out
from counterpoise.learn.validating import Treatment, ValidatingClassifier

__all__ = ["MLPClassifier"]

MONITORS = ("average_precision", "roc_auc", "loss")
"""What early stopping may watch."""

FEWEST_TO_LEVEL = 20
"""Validation rows of the rarest class from which on the level of the probabilities is fitted on them alone."""

PREDICTED_ROWS = 16_384
"""Rows scored at a time."""


@dataclass(frozen=True)
class _Part:
    """Rows of training or validation."""

    inputs: np.ndarray
    codes: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class _Epoch:
    """The batches of an epoch: a table, and row numbers in it."""

    inputs: Any
    codes: Any
    weight: Any
    rows: np.ndarray
    there: np.ndarray


class MLPClassifier(ValidatingClassifier):
    """A network of dense layers, trained an epoch in one execution, with early stopping on untouched rows.

    Scaling, clipping, gaps and categories are layers of the model (`model_`), so that they ship with it. Whatever
    the treatment and the loss, the same seed gives the same initial weights and the same validation rows, so that a
    difference between two treatments is the treatments'; and probabilities are put back to the base rate.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 32)
        Units of each hidden layer.
    dropout : float, default=0.2
        Share of a hidden layer's units that is left out in a step.
    activation : str, default="relu"
        Of the hidden layers, by its name in Keras.
    loss : {"cross_entropy", "focal", "class_balanced", "logit_adjusted"}, default="cross_entropy"
        Loss; outputs are mapped back to probabilities for each.
    gamma : float, default=2.0
        Exponent of the focal loss.
    beta : float, default=0.999
        Of the class-balanced loss.
    tau : float, default=1.0
        Of the logit-adjusted loss.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    batches : {"natural", "balanced"} or sampler, default="natural"
        ``"natural"`` shuffles all rows each epoch; ``"balanced"`` draws as many rows of each class, the common ones
        anew each epoch; a sampler of `counterpoise.resample` plans what is drawn, on the network's inputs.
    steps_per_epoch : int or None, default=None
        Steps of a balanced epoch; None takes at most 20.
    batch_size : int or None, default=None
        Rows of a step; None takes about a 64th of the rows, between 32 and 2,048.
    max_epochs : int, default=200
        Most epochs.
    learning_rate : float, default=0.001
        Of Adam.
    monitor : {"average_precision", "roc_auc", "loss"}, default="average_precision"
        What early stopping watches on the validation rows. The weights of the best epoch are restored.
    patience : int, default=10
        Epochs without improvement after which training stops.
    validation_fraction : float, default=0.2
        Share of each class that is held out to stop on, where `fit` is given no validation rows.
    clip : float, default=5.0
        Standardised numbers are cut at plus and minus this.
    build : callable or None, default=None
        ``build(n_inputs, n_outputs)`` gives a `keras.Model` from inputs to logits in place of the dense layers. What
        its initialisers draw without a seed of their own is drawn again with ours.
    verbose : int, default=0
        1 shows a bar with the time left.
    random_state : int, Generator, RandomState or None, default=None
        Seed of weights, batches, dropout and validation rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    history_ : polars.DataFrame
        One row an epoch: ``epoch, seconds``, then ``loss, roc_auc, average_precision, precision, recall`` in training
        (with dropout, on the rows as drawn) and the same with ``val_`` on validation rows.
    best_epoch_ : int
        Epoch whose weights were kept, from 0.
    model_ : keras.Model
        From numbers and category codes (`encoder_`) to logits, preprocessing included.
    encoder_ : TableEncoder
        Kinds and levels of the table's columns.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn.keras import MLPClassifier
    >>> X, y = make_classification(1000, weights=[0.95], random_state=0)
    >>> model = MLPClassifier(max_epochs=5, random_state=0).fit(X, y)  # doctest: +SKIP
    >>> model.history_.height  # doctest: +SKIP
    5
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (64, 32),
        *,
        dropout: float = 0.2,
        activation: str = "relu",
        loss: str = "cross_entropy",
        gamma: float = 2.0,
        beta: float = 0.999,
        tau: float = 1.0,
        class_weight: Any = None,
        batches: Any = "natural",
        steps_per_epoch: int | None = None,
        batch_size: int | None = None,
        max_epochs: int = 200,
        learning_rate: float = 1e-3,
        monitor: str = "average_precision",
        patience: int = 10,
        validation_fraction: float = 0.2,
        clip: float = 5.0,
        build: Any = None,
        verbose: int = 0,
        random_state: Seed = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.activation = activation
        self.loss = loss
        self.gamma = gamma
        self.beta = beta
        self.tau = tau
        self.class_weight = class_weight
        self.batches = batches
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.monitor = monitor
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.clip = clip
        self.build = build
        self.verbose = verbose
        self.random_state = random_state

    # --- learning ----------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        treat: Treatment | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table; missing values, booleans, dates and categories are welcome.
        y : array-like of shape (n_rows,)
            Class labels, at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows.
        validation_data : tuple of table and labels, default=None
            Rows to stop on, of every class; None holds out `validation_fraction` of the rows.
        treat : callable, default=None
            Treats rows by number, for the part that is learned from; `Treated` passes it.

        Returns
        -------
        MLPClassifier
            The classifier itself.

        Raises
        ------
        MissingExtra
            If Keras or JAX is not installed.
        InputError
            If there is one class only, or the validation rows lack a class.
        """
        keras_on_jax()
        self._validation_data = validation_data
        try:
            return super().fit(X, y, sample_weight, treat=treat)
        finally:
            del self._validation_data

    def _class_weighted(self, codes: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        return weights  # class weights are part of the treatment, whose rates are undone

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        self._check()
        streams = Streams.of(self.random_state).child("mlp")
        train, judged, untreated = self._parts(X, codes, weights, streams)
        by_class = self._class_weights(train)
        n_classes = len(self.classes_)
        n_outputs = 1 if n_classes == 2 else n_classes
        plan = self._plan(train)
        drawn = np.ones(n_classes) if plan is None else plan.share
        mass = np.bincount(train.codes, weights=train.weight, minlength=n_classes) * by_class * drawn
        prior = mass / mass.sum()
        spec = LossSpec(self.loss, float(self.gamma), float(self.tau), tuple(prior.tolist()))
        engine = self._engine(train.inputs.shape[1], n_outputs, spec)
        bias = np.zeros(n_classes) if spec.name == "logit_adjusted" else np.log(prior)
        bias = bias[1:] - bias[:1] if n_classes == 2 else bias - bias.mean()
        weights_0 = initial_weights(engine.core, streams.child("network"), bias, redraw=self.build is None)
        weighed = _Part(train.inputs, train.codes, train.weight * by_class[train.codes])
        ahead = _Part(judged.inputs, judged.codes, judged.weight * by_class[judged.codes])
        best, logits = self._run(engine, spec, weights_0, weighed, ahead, plan, streams)
        self._weights = best
        self._loss: dict[str, Any] = {
            "name": spec.name,
            "gamma": spec.gamma,
            "tau": spec.tau,
            "prior": list(spec.prior),
            "rate": float(self.learning_rate),
        }
        self._rates, self.rates_ = by_class * drawn * self.rates_, np.ones(n_classes)
        self._cache: Any = None
        self._level(untreated, judged, logits)

    def _check(self) -> None:
        if self.monitor not in MONITORS:
            raise OptionError(
                f"monitor={self.monitor!r} was given.",
                expected=f"Expected one of {', '.join(MONITORS)}.",
                hint=nearest_names(str(self.monitor), list(MONITORS)),
            )
        for name in ("max_epochs", "patience"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise OptionError(f"{name}={value!r} was given.", expected="Expected an int of at least 1.")
        for name, low, high in (
            ("dropout", 0.0, 0.99),
            ("validation_fraction", 1e-6, 0.9),
            ("clip", 1e-6, np.inf),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{name}={value!r} was given.", expected=f"Expected {low:g} to {high:g}.")
        if isinstance(self.batches, str) and self.batches not in ("natural", "balanced"):
            raise OptionError(
                f"batches={self.batches!r} was given.",
                expected="Expected 'natural', 'balanced' or a sampler.",
            )

    def _parts(
        self, X: Any, codes: np.ndarray, weights: np.ndarray | None, streams: Streams
    ) -> tuple[_Part, _Part, _Part]:
        """Encode the table, part it, and scale by the training rows alone; the last are those before treatment."""
        self.encoder_ = TableEncoder()
        block = self.encoder_.fit_block(X)
        weight = np.ones(len(codes)) if weights is None else weights
        rows: np.ndarray | None = None
        if self._validation_data is not None:
            ahead, truth = self._given_validation()
            other = _Part(ahead, truth, np.ones(len(truth)))
            untreated = _Part(block, codes, weight)
        else:
            rows, held = self._held(codes, streams)
            other = _Part(block[held], codes[held], weight[held])
            untreated = _Part(block[rows], codes[rows], weight[rows])
        own = untreated if self._treat is None else self._treated_part(X, codes, weights, rows)
        if self._treat is None:
            self.rates_ = np.ones(len(self.classes_))
        layout = Layout.of(own.inputs, own.weight, np.asarray(self.encoder_.categorical_), float(self.clip))
        self._layout = layout.to_dict()
        parts = [_Part(layout.inputs(part.inputs), part.codes, part.weight) for part in (own, other)]
        if own is untreated:
            return parts[0], parts[1], parts[0]
        return parts[0], parts[1], _Part(layout.inputs(untreated.inputs), untreated.codes, untreated.weight)

    def _treated_part(
        self, X: Any, codes: np.ndarray, weights: np.ndarray | None, rows: np.ndarray | None
    ) -> _Part:
        learned, codes, weights = self._learned_from(X, codes, weights, rows)
        weight = np.ones(len(codes)) if weights is None else weights
        return _Part(self.encoder_.block(learned), codes, weight)

    def _given_validation(self) -> tuple[np.ndarray, np.ndarray]:
        table, labels = self._validation_data
        labels = np.asarray(labels)
        codes = np.searchsorted(self.classes_, labels).clip(0, len(self.classes_) - 1)
        missing = np.setdiff1d(self.classes_, labels)
        if not np.array_equal(self.classes_[codes], labels) or len(missing):
            raise InputError(
                f"Validation rows were given without rows of {missing.tolist()}, or with unknown labels.",
                expected=f"Expected rows of each of {self.classes_.tolist()}.",
                why="A validation part without positives cannot say when to stop.",
                hint="Leave validation_data out to hold out a share of each class.",
            )
        return self.encoder_.block(check_table(self, table, reset=False)), codes

    def _held(self, codes: np.ndarray, streams: Streams) -> tuple[np.ndarray, np.ndarray]:
        if np.bincount(codes).min() >= 2:
            return held_out(
                codes, self.classes_, float(self.validation_fraction), streams.child("validation")
            )
        warnings.warn(
            "A class has 1 row, so the validation part would be without it: training stops by the training rows.",
            CounterpoiseWarning,
            stacklevel=2,
        )
        return np.arange(len(codes)), np.arange(len(codes))

    def _class_weights(self, train: _Part) -> np.ndarray:
        weights = class_weights(self.class_weight, self.classes_, train.codes, train.weight)
        if self.loss == "class_balanced":
            counts = np.bincount(train.codes, weights=train.weight, minlength=len(self.classes_))
            weights = weights * class_balanced_weights(counts, self.beta)
        return np.asarray(weights, dtype=np.float64)

    def _size(self, n: int) -> int:
        if self.batch_size is None:
            return int(np.clip(1 << max(0, (n // 64)).bit_length(), 32, 2048))
        if (
            isinstance(self.batch_size, bool)
            or not isinstance(self.batch_size, int | np.integer)
            or self.batch_size < 1
        ):
            raise OptionError(
                f"batch_size={self.batch_size!r} was given.", expected="Expected an int of at least 1."
            )
        return int(self.batch_size)

    def _plan(self, train: _Part) -> Any:
        if isinstance(self.batches, str):
            if self.batches == "natural":
                return None
            return balanced_plan(
                self.classes_[train.codes], self._size(len(train.codes)), self.steps_per_epoch
            )
        if not hasattr(self.batches, "plan"):
            raise OptionError(
                f"batches={self.batches!r} was given.",
                expected="Expected 'natural', 'balanced', or a sampler with plan(X, y).",
            )
        return self.batches.plan(train.inputs, self.classes_[train.codes])

    def _engine(self, n_inputs: int, n_outputs: int, spec: LossSpec) -> Engine:
        self._network: dict[str, Any] = {
            "n_inputs": n_inputs,
            "n_outputs": n_outputs,
            "hidden": [int(units) for units in self.hidden_layer_sizes],
            "dropout": float(self.dropout),
            "activation": str(self.activation),
        }
        if self.build is None:
            return engine_of(self._key(), self._core, spec, float(self.learning_rate))
        core = self.build(n_inputs, n_outputs)
        if core.output_shape[-1] != n_outputs:
            raise InputError(
                f"build gave a model with {core.output_shape[-1]} outputs.",
                expected=f"Expected {n_outputs}: one logit for two classes, else one a class.",
            )
        self._network["config"] = core.to_json()
        return engine_of(None, lambda: core, spec, float(self.learning_rate))

    def _key(self) -> str:
        return json.dumps(self._network, sort_keys=True)

    def _core(self) -> Any:
        """Make the network anew, without its weights."""
        own = self._network
        if "config" in own:
            keras, _ = keras_on_jax()
            return keras.models.model_from_json(own["config"])
        hidden = tuple(own["hidden"])
        return layers(own["n_inputs"], own["n_outputs"], hidden, own["dropout"], own["activation"])

    def _run(
        self,
        engine: Engine,
        spec: LossSpec,
        weights: list[np.ndarray],
        train: _Part,
        ahead: _Part,
        plan: Any,
        streams: Streams,
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Train; give the weights of the best epoch and their validation logits."""
        import time

        _, jax = keras_on_jax()
        of_rows = row_loss(spec, np)
        size = self._size(len(train.codes))
        table = _on_device(train, jax)
        judge = jax.device_put(_lengthened(ahead.inputs, padded(len(ahead.codes))))
        state = _state(engine, weights, jax)
        history: dict[str, list[float]] = {}
        best, best_value, best_logits, since = state, -np.inf, np.empty(0), 0
        with _bar(self.verbose, int(self.max_epochs)) as advance:
            for number in range(int(self.max_epochs)):
                start = time.perf_counter()
                epoch = self._epoch(train, table, plan, size, streams, number, jax)
                state, losses, drawn, seen = engine.epoch(
                    state, epoch.inputs, epoch.codes, epoch.weight, epoch.rows, epoch.there, judge
                )
                logits = np.asarray(seen)[: len(ahead.codes)]
                row = self._figures(epoch, np.asarray(losses), np.asarray(drawn))
                loss = float(
                    np.average(of_rows(logits.astype(np.float64), ahead.codes), weights=ahead.weight)
                )
                row |= {"val_loss": loss}
                row |= {f"val_{k}": v for k, v in figures(logits, ahead.codes, ahead.weight).items()}
                for name, value in {"epoch": number, "seconds": time.perf_counter() - start, **row}.items():
                    history.setdefault(name, []).append(value)
                value = -loss if self.monitor == "loss" else row[f"val_{self.monitor}"]
                advance(f"{self.monitor} {abs(value):.4f}")
                if not np.isfinite(loss):
                    raise _diverged(number)
                since += 1
                if value > best_value:
                    best, best_value, best_logits, since, self.best_epoch_ = state, value, logits, 0, number
                if since >= self.patience:
                    break
        self._history = {name: np.asarray(values) for name, values in history.items()}
        return _weights(engine, best), best_logits

    def _epoch(
        self, train: _Part, table: _Epoch, plan: Any, size: int, streams: Streams, number: int, jax: Any
    ) -> _Epoch:
        """Draw the batches of an epoch."""
        seed, labels = streams.child("batches").seed(), self.classes_[train.codes]
        draws = range(number, number + 1)
        if plan is not None:  # a plan of few rows is drawn several times an epoch
            n = max(1, min(MOST_STEPS, -(-len(labels) // size)) // max(1, -(-plan.n_out // size)))
            draws = range(number * n, (number + 1) * n)
        if plan is not None and plan.invents:
            batches = plan.batches(train.inputs, labels, size=size, seed=seed)
            parts = [part for draw in draws for part in batches.epoch(draw)]
            inputs = np.concatenate([np.asarray(part[0], dtype=np.float32) for part in parts])
            codes = np.searchsorted(self.classes_, np.concatenate([np.asarray(part[1]) for part in parts]))
            part = _Part(inputs, codes, np.ones(len(codes)))
            made = _on_device(part, jax)
            return _Epoch(made.inputs, made.codes, made.weight, *_stacked(np.arange(len(codes)), size))
        if plan is None:
            rows = streams.child("shuffle", number).generator().permutation(len(train.codes))
        else:
            rows = np.concatenate([r for draw in draws for r in epoch_rows(plan, labels, size, seed, draw)])
        return _Epoch(table.inputs, table.codes, table.weight, *_stacked(rows, size))

    def _figures(self, epoch: _Epoch, losses: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        there = epoch.there.ravel() > 0
        rows = epoch.rows.ravel()[there]
        codes, weight = np.asarray(epoch.codes)[rows], np.asarray(epoch.weight)[rows]
        mass = (np.asarray(epoch.weight)[epoch.rows] * epoch.there).sum(axis=1)
        loss = float(np.average(losses, weights=mass)) if mass.sum() > 0 else float("nan")
        return {"loss": loss, **figures(logits.reshape(-1, logits.shape[-1])[there], codes, weight)}

    def _level(self, train: _Part, judged: _Part, logits: np.ndarray) -> None:
        """Fit the last shift of the log-odds, on validation rows where they suffice."""
        part = judged
        if np.bincount(judged.codes, minlength=len(self.classes_)).min() < FEWEST_TO_LEVEL:
            part = _Part(
                np.concatenate([train.inputs, judged.inputs]),
                np.concatenate([train.codes, judged.codes]),
                np.concatenate([train.weight, judged.weight]),
            )
            logits = self._logits(part.inputs)
        proba = to_probabilities(self._spec, self._rates, logits)
        try:
            fitted = InterceptMap.fit(part.codes, proba if proba.shape[1] > 2 else proba[:, 1], part.weight)
            self.calibration_ = fitted.to_dict()
        except NotApplicable:
            self.calibration_ = {"kind": "identity"}

    # --- scoring ------------------------------------------------------------------------------------------------

    @property
    def _spec(self) -> LossSpec:
        own = self._loss
        return LossSpec(own["name"], own["gamma"], own["tau"], tuple(own["prior"]))

    def _restored(self) -> tuple[Engine, tuple[Any, Any, Any]]:
        """Give the compiled network and its weights on the device, made when first asked for."""
        if getattr(self, "_cache", None) is None:
            _, jax = keras_on_jax()
            engine = engine_of(self._key(), self._core, self._spec, float(self._loss["rate"]))
            self._cache = (engine, _state(engine, self._weights, jax))
        return self._cache[0], self._cache[1]

    @property
    def model_(self) -> Any:
        """The Keras model, preprocessing included: from numbers and category codes to logits."""
        check_is_fitted(self, "encoder_")
        core = self._core()
        for variable, value in zip(core.variables, self._weights, strict=True):
            variable.assign(value)
        return whole_model(Layout.from_dict(self._layout), core)

    @property
    def history_(self) -> pl.DataFrame:
        """Figures of each epoch."""
        check_is_fitted(self, "encoder_")
        return pl.DataFrame(self._history).with_columns(pl.col("epoch").cast(pl.Int64))

    def _logits(self, inputs: np.ndarray) -> np.ndarray:
        engine, (trained, other, _) = self._restored()
        parts = []
        for start in range(0, len(inputs), PREDICTED_ROWS):
            part = inputs[start : start + PREDICTED_ROWS]
            found = engine.forward(trained, other, _lengthened(part, padded(len(part))))
            parts.append(np.asarray(found)[: len(part)])
        return np.concatenate(parts)

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
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        inputs = Layout.from_dict(self._layout).inputs(self.encoder_.block(X))
        proba = to_probabilities(self._spec, self._rates, self._logits(inputs))
        return np.asarray(map_from_dict(self.calibration_).apply(proba))

    def _score(self, X: Any) -> np.ndarray:
        return log_odds(self.predict_proba(X))

    def __getstate__(self) -> dict[str, Any]:
        """Give what is saved: arrays, plain values and the network's description, no live Keras object.

        Returns
        -------
        dict
            The state.
        """
        state = dict(super().__getstate__())
        state.pop("_cache", None)
        return state


# --- pure steps -----------------------------------------------------------------------------------------------------


def _stacked(rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay row numbers out as (steps, size); the last step is filled with rows that do not count."""
    steps = -(-len(rows) // size)
    out, there = np.zeros(steps * size, dtype=np.int32), np.zeros(steps * size, dtype=np.float32)
    out[: len(rows)], there[: len(rows)] = rows, 1.0
    return out.reshape(steps, size), there.reshape(steps, size)


def _lengthened(inputs: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros((n, *inputs.shape[1:]), dtype=np.float32)
    out[: len(inputs)] = inputs
    return out


def _on_device(part: _Part, jax: Any) -> _Epoch:
    n = padded(len(part.codes))
    codes, weight = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.float32)
    codes[: len(part.codes)], weight[: len(part.codes)] = part.codes, part.weight
    inputs = jax.device_put(_lengthened(part.inputs, n))
    none = np.empty((0, 0))
    return _Epoch(inputs, jax.device_put(codes), jax.device_put(weight), none, none)


def _state(engine: Engine, weights: list[np.ndarray], jax: Any) -> tuple[Any, Any, Any]:
    place = {id(variable): k for k, variable in enumerate(engine.core.variables)}

    def of(variables: Any) -> list[Any]:
        return [jax.numpy.asarray(weights[place[id(variable)]]) for variable in variables]

    trained = of(engine.core.trainable_variables)
    zeros = [jax.numpy.asarray(np.zeros(value.shape, dtype=np.float32)) for value in trained]
    slots = jax.numpy.asarray(np.float32(0.0)), zeros, list(zeros)
    return trained, of(engine.core.non_trainable_variables), slots


def _weights(engine: Engine, state: tuple[Any, Any, Any]) -> list[np.ndarray]:
    by_id = {}
    for variables, values in zip(
        (engine.core.trainable_variables, engine.core.non_trainable_variables), state[:2], strict=True
    ):
        by_id.update(
            {id(variable): np.asarray(value) for variable, value in zip(variables, values, strict=True)}
        )
    return [by_id[id(variable)] for variable in engine.core.variables]


@contextmanager
def _bar(verbose: int, total: int) -> Iterator[Any]:
    """Show a bar with the time left, or nothing."""
    if not verbose:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch {task.completed}"),
        BarColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=total)
        yield lambda text: progress.update(task, advance=1, description=text)


def _diverged(epoch: int) -> NotApplicable:
    return NotApplicable(
        f"The validation loss was not finite after epoch {epoch}.",
        expected="Expected training to converge.",
        why="The network's weights have become useless.",
        hint="Lower learning_rate.",
    )
