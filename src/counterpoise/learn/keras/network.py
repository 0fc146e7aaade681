"""The network: preprocessing that ships with it, layers, and an epoch as one compiled program.

A Keras model's own `fit` returns to Python after every step; with a table of a few dozen columns that costs more
than the step. Here an epoch is one execution: the table lies on the device, and a scan over row numbers takes the
rows, takes a step of Adam, and scores the validation rows at the end. Keras's stateless calls make it possible for
any Keras model.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.chance import Streams
from counterpoise.learn.keras.backend import keras_on_jax
from counterpoise.learn.keras.losses import LossSpec, row_loss

__all__ = ["Engine", "Layout", "engine_of", "initial_weights", "layers", "padded", "whole_model"]

MAX_LEVELS = 64
"""Levels of a category with an input of their own, most frequent first; the rest share one."""

ENGINES = 8
"""Compiled networks that are kept, so that folds and treatments of one shape compile once."""


@dataclass(frozen=True)
class Layout:
    """How a block of numbers and category codes becomes the network's inputs.

    Attributes
    ----------
    offset : ndarray of shape (n_columns,), float64
        Taken off in float64 before anything else, where a column's values are large beside their spread.
    mean, scale : ndarray of shape (n_columns,), float64
        Of what is left; used for numbers.
    clip : float
        Standardised numbers are cut at plus and minus this.
    flagged : ndarray of int64
        Number columns with a second input that says "missing".
    levels : dict of int to ndarray
        For each category column the codes with an input of their own.
    n_columns : int
        Columns of the block.
    """

    offset: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    clip: float
    flagged: np.ndarray
    levels: dict[int, np.ndarray]
    n_columns: int

    @classmethod
    def of(cls, block: np.ndarray, weight: np.ndarray, is_category: np.ndarray, clip: float) -> Layout:
        """Learn the layout from training rows.

        Parameters
        ----------
        block : ndarray of shape (n_rows, n_columns), float64
            Numbers and category codes, NaN where missing.
        weight : ndarray of shape (n_rows,), float64
            Weights.
        is_category : ndarray of shape (n_columns,), bool
            Which columns hold codes.
        clip : float
            Cut of standardised numbers.

        Returns
        -------
        Layout
            The layout.
        """
        d = block.shape[1]
        mean, scale = np.zeros(d), np.ones(d)
        levels: dict[int, np.ndarray] = {}
        for j in range(d):
            known = ~np.isnan(block[:, j])
            if not known.any() or weight[known].sum() <= 0:
                if is_category[j]:
                    levels[j] = np.empty(0, dtype=np.int64)
                continue
            values, mass = block[known, j], weight[known]
            if is_category[j]:
                counts = np.bincount(values.astype(np.int64), weights=mass)
                levels[j] = np.sort(np.argsort(-counts, kind="stable")[:MAX_LEVELS])
                continue
            mean[j] = (values * mass).sum() / mass.sum()
            spread = float(np.sqrt(((values - mean[j]) ** 2 * mass).sum() / mass.sum()))
            scale[j] = spread if spread > 1e-12 * max(1.0, abs(mean[j])) else 1.0
        large = ~is_category & (np.abs(mean) > 1e3 * scale)
        flagged = np.flatnonzero(np.isnan(block).any(axis=0) & ~is_category)
        offset = np.where(large, mean, 0.0)
        return cls(offset, mean - offset, scale, clip, flagged, levels, d)

    @property
    def n_inputs(self) -> int:
        """Inputs of the network."""
        return (
            self.n_columns
            - len(self.levels)
            + len(self.flagged)
            + sum(len(own) + 1 for own in self.levels.values())
        )

    def shifted(self, block: np.ndarray) -> np.ndarray:
        """Give the block as the model takes it.

        Parameters
        ----------
        block : ndarray of shape (n_rows, n_columns), float64
            Numbers and codes.

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float32
            Less the offsets.
        """
        return np.ascontiguousarray((block - self.offset).astype(np.float32))

    def inputs(self, block: np.ndarray) -> np.ndarray:
        """Give the network's inputs, as `preprocessing` gives them, without Keras.

        Parameters
        ----------
        block : ndarray of shape (n_rows, n_columns), float64
            Numbers and codes.

        Returns
        -------
        ndarray of shape (n_rows, n_inputs), float32
            Scaled and clipped numbers, flags, then a column for each level and one for other levels.
        """
        out = np.empty(
            (self.n_inputs, len(block)), dtype=np.float32
        )  # a row an input: columns are read in order
        numbers = self.numbers
        for k, j in enumerate(numbers):
            z = (block[:, j] - self.offset[j]).astype(np.float32)
            z -= np.float32(self.mean[j])
            z /= np.float32(self.scale[j])
            z[np.isnan(z)] = 0.0
            np.clip(z, -self.clip, self.clip, out=out[k])
        k = len(numbers)
        for j in self.flagged:
            out[k] = np.isnan(block[:, j])
            k += 1
        for j, own in self.levels.items():
            hot = own[:, None] == block[:, j]
            out[k : k + len(own)] = hot
            out[k + len(own)] = ~np.isnan(block[:, j]) & ~hot.any(axis=0)
            k += len(own) + 1
        return np.ascontiguousarray(out.T)

    @property
    def numbers(self) -> np.ndarray:
        """Columns that hold numbers."""
        return np.array([j for j in range(self.n_columns) if j not in self.levels], dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Give the layout as arrays and plain values.

        Returns
        -------
        dict
            For `from_dict`.
        """
        names = [str(j) for j in self.levels]
        return {
            "offset": self.offset,
            "mean": self.mean,
            "scale": self.scale,
            "clip": float(self.clip),
            "flagged": self.flagged,
            "levels": dict(zip(names, self.levels.values(), strict=True)),
            "n_columns": int(self.n_columns),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Layout:
        """Build the layout from `to_dict`.

        Parameters
        ----------
        record : dict
            What `to_dict` gave.

        Returns
        -------
        Layout
            The same layout.
        """
        levels = {int(name): np.asarray(own) for name, own in record["levels"].items()}
        return cls(**{**record, "levels": levels})


def preprocessing(layout: Layout) -> Any:
    """Make the part of the model that scales, clips, fills and encodes.

    Parameters
    ----------
    layout : Layout
        How.

    Returns
    -------
    keras.Model
        From (n, n_columns) to (n, n_inputs).
    """
    keras, _ = keras_on_jax()
    ops = keras.ops
    block = keras.Input((layout.n_columns,), name="table")
    numbers = layout.numbers
    parts = []
    if len(numbers):
        chosen = ops.take(block, numbers, axis=1)
        z = (chosen - layout.mean[numbers].astype(np.float32)) / layout.scale[numbers].astype(np.float32)
        z = ops.where(ops.isnan(z), ops.zeros_like(z), z)
        parts.append(ops.clip(z, -layout.clip, layout.clip))
    if len(layout.flagged):
        parts.append(ops.cast(ops.isnan(ops.take(block, layout.flagged, axis=1)), "float32"))
    for j, own in layout.levels.items():
        column = ops.take(block, np.array([j]), axis=1)
        hot = ops.cast(ops.equal(column, own.astype(np.float32)[None, :]), "float32") if len(own) else None
        known = 1.0 - ops.cast(ops.isnan(column), "float32")
        parts += [known] if hot is None else [hot, known - ops.sum(hot, axis=1, keepdims=True)]
    return keras.Model(
        block, parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1), name="preprocessing"
    )


def layers(n_inputs: int, n_outputs: int, hidden: tuple[int, ...], dropout: float, activation: str) -> Any:
    """Make the network proper.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Its ends; the outputs are logits.
    hidden : tuple of int
        Units of each hidden layer.
    dropout : float
        Share of a hidden layer's units that is left out in a step.
    activation : str
        Of the hidden layers.

    Returns
    -------
    keras.Model
        With weights yet to be set; see `initial_weights`.
    """
    keras, _ = keras_on_jax()
    x = inputs = keras.Input((n_inputs,), name="inputs")
    for k, units in enumerate(hidden):
        x = keras.layers.Dense(units, activation=activation, kernel_initializer=_zeros, name=f"hidden_{k}")(x)
        if dropout > 0:
            x = keras.layers.Dropout(dropout, seed=k, name=f"dropout_{k}")(x)
    outputs = keras.layers.Dense(n_outputs, kernel_initializer=_zeros, name="logits")(x)
    return keras.Model(inputs, outputs, name="network")


def _zeros(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
    """Give zeros without compiling a program for each shape; the weights are set afterwards."""
    return np.zeros(shape, dtype=dtype or "float32")


def initial_weights(model: Any, stream: Streams, bias: np.ndarray, *, redraw: bool) -> list[np.ndarray]:
    """Give weights to start from: the same for the same seed, whatever the treatment.

    Parameters
    ----------
    model : keras.Model
        The network.
    stream : Streams
        Chance.
    bias : ndarray of shape (n_outputs,)
        Bias of the output.
    redraw : bool
        Draw the kernels (Glorot & Bengio, AISTATS 2010); False draws only those whose own initialiser has no seed,
        with that initialiser.

    Returns
    -------
    list of ndarray
        In the order of ``model.variables``.
    """
    weights, seeded = [], {} if redraw else _seeded(model, stream)
    for k, variable in enumerate(model.variables):
        value = seeded.get(id(variable), np.array(variable.value))
        draw = stream.child("weights", k).generator()
        if variable.path.endswith("seed_generator_state"):
            value = np.array([draw.integers(2**31), 0], dtype=value.dtype)
        elif redraw and value.ndim == 2:
            limit = np.sqrt(6.0 / sum(value.shape))
            value = draw.uniform(-limit, limit, value.shape).astype(value.dtype)
        elif redraw and value.ndim == 1:
            value = np.zeros_like(value)
        weights.append(value)
    own = getattr(model.layers[-1], "bias", None)
    for k, variable in enumerate(model.variables):
        if variable is own and weights[k].shape == bias.shape:
            weights[k] = bias.astype(weights[k].dtype)
    return weights


def _seeded(model: Any, stream: Streams) -> dict[int, np.ndarray]:
    """Draw what the model's layers drew without a seed again, with one."""
    keras, _ = keras_on_jax()
    drawn: dict[int, np.ndarray] = {}
    for k, layer in enumerate(model.layers):
        if hasattr(layer, "layers"):
            drawn |= _seeded(layer, stream.child("layer", k))
        for name in ("kernel", "recurrent_kernel", "embeddings"):
            variable, own = getattr(layer, name, None), getattr(layer, f"{name}_initializer", None)
            if not isinstance(own, keras.initializers.Initializer) or variable is None:
                continue
            options = own.get_config()
            if "seed" in options and options["seed"] is None:
                fresh = type(own).from_config({**options, "seed": stream.child("layer", k, name).seed()})
                drawn[id(variable)] = np.array(fresh(variable.shape, dtype=variable.dtype))
    return drawn


def whole_model(layout: Layout, core: Any) -> Any:
    """Put preprocessing and network together.

    Parameters
    ----------
    layout : Layout
        How the table becomes inputs.
    core : keras.Model
        The network.

    Returns
    -------
    keras.Model
        From the block of numbers and codes to logits.
    """
    keras, _ = keras_on_jax()
    before = preprocessing(layout)
    return keras.Model(before.input, core(before.output), name="model")


def padded(n: int) -> int:
    """Round a number of rows up, so that tables of about one size share a compiled program.

    Parameters
    ----------
    n : int
        Rows.

    Returns
    -------
    int
        A power of two up to 4,096, a multiple of 4,096 above.
    """
    return 1 << max(5, (n - 1).bit_length()) if n <= 4096 else -(-n // 4096) * 4096


@dataclass(frozen=True)
class Engine:
    """A network's compiled programs; they hold no weights.

    Attributes
    ----------
    core : keras.Model
        The network.
    epoch : callable
        One epoch in one execution.
    forward : callable
        Logits of rows.
    """

    core: Any
    epoch: Callable[..., Any]
    forward: Callable[..., Any]


ADAM_FIRST, ADAM_SECOND, ADAM_LEAST = 0.9, 0.999, 1e-7
"""Adam's decay rates (D. Kingma, J. Ba, ICLR 2015) and Keras's epsilon."""

_ENGINES: OrderedDict[str, Engine] = OrderedDict()


def engine_of(core_key: str | None, make: Callable[[], Any], loss: LossSpec, rate: float) -> Engine:
    """Compile a network, or find it among those compiled before.

    Parameters
    ----------
    core_key : str or None
        What the network is; None never finds it again.
    make : callable
        Makes the network.
    loss : LossSpec
        Loss of its outputs.
    rate : float
        Learning rate of Adam.

    Returns
    -------
    Engine
        Ready to run.
    """
    key = (
        None
        if core_key is None
        else json.dumps([core_key, loss.name, loss.gamma, loss.tau, loss.prior, rate])
    )
    if key is not None and key in _ENGINES:
        _ENGINES.move_to_end(key)
        return _ENGINES[key]
    engine = _compiled(make(), loss, rate)
    if key is not None:
        _ENGINES[key] = engine
        while len(_ENGINES) > ENGINES:
            _ENGINES.popitem(last=False)
    return engine


def _compiled(core: Any, spec: LossSpec, rate: float) -> Engine:
    _, jax = keras_on_jax()
    jnp = jax.numpy
    of_rows = row_loss(spec, jnp)

    def objective(trained: Any, other: Any, X: Any, codes: Any, weight: Any) -> tuple[Any, Any]:
        logits, other = core.stateless_call(trained, other, X, training=True)
        mass = jnp.maximum(weight.sum(), 1e-12)
        return (of_rows(logits, codes) * weight).sum() / mass, (logits, other)

    gradient = jax.value_and_grad(objective, has_aux=True)

    def forward(trained: Any, other: Any, X: Any) -> Any:
        return core.stateless_call(trained, other, X, training=False)[0]

    def epoch(
        state: Any, X: Any, codes: Any, weight: Any, rows: Any, there: Any, ahead: Any
    ) -> tuple[Any, ...]:
        def step(state: Any, batch: Any) -> tuple[Any, Any]:
            trained, other, slots = state
            own, present = batch
            (loss, (logits, other)), slope = gradient(
                trained, other, X[own], codes[own], weight[own] * present
            )
            trained, slots = _adam(jnp, rate, trained, slope, slots)
            return (trained, other, slots), (loss, logits)

        state, (losses, logits) = jax.lax.scan(step, state, (rows, there))
        return state, losses, logits, forward(state[0], state[1], ahead)

    return Engine(core, jax.jit(epoch), jax.jit(forward))


def _adam(jnp: Any, rate: float, trained: Any, slope: Any, slots: Any) -> tuple[Any, Any]:
    """Take a step of Adam; slots are the count of steps and the two running means of each weight."""
    count, first, second = slots
    count = count + 1.0
    first = [ADAM_FIRST * m + (1 - ADAM_FIRST) * g for m, g in zip(first, slope, strict=True)]
    second = [ADAM_SECOND * v + (1 - ADAM_SECOND) * g**2 for v, g in zip(second, slope, strict=True)]
    step = rate * jnp.sqrt(1 - ADAM_SECOND**count) / (1 - ADAM_FIRST**count)
    moved = [
        w - step * m / (jnp.sqrt(v) + ADAM_LEAST) for w, m, v in zip(trained, first, second, strict=True)
    ]
    return moved, (count, first, second)
