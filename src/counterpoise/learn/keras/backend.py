"""The one place that imports Keras and JAX."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from counterpoise.errors import MissingExtra, OptionError

__all__ = ["keras_on_jax"]


def keras_on_jax() -> tuple[Any, Any]:
    """Import Keras with JAX beneath it.

    Keras chooses its backend once, when it is first imported, by the variable KERAS_BACKEND; where nobody has
    chosen yet, JAX is chosen here.

    Returns
    -------
    keras, jax : module
        The two libraries.

    Raises
    ------
    MissingExtra
        If one of them is not installed.
    OptionError
        If Keras is already running on another backend.
    """
    for library in ("keras", "jax"):
        if find_spec(library) is None:
            raise MissingExtra.of("Keras on JAX", "keras")
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "jax")
    import jax
    import keras

    if keras.config.backend() != "jax":
        raise OptionError(
            f"Keras runs on {keras.config.backend()}.",
            expected="Expected Keras on JAX.",
            why="An epoch is one compiled program here, which needs JAX.",
            hint="Set KERAS_BACKEND=jax before Keras is first imported.",
        )
    return keras, jax
