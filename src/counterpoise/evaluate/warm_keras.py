"""Keras on JAX, for workers: imported once before they fork, and what one fold compiles kept for the next.

A network's fit on a few thousand rows takes a third of a second, importing Keras and compiling the epoch three. Workers
that are to fit networks preload this module, so that importing falls away, and folds of the same size share one
compiled program. Nothing else imports it: it sets JAX for the process that it is in.
"""

from __future__ import annotations

from pathlib import Path

from counterpoise.learn.keras.backend import keras_on_jax

__all__ = ["share_programs"]

_, _JAX = keras_on_jax()


def share_programs(folder: Path) -> None:
    """Keep compiled programs in a folder, and take them from it.

    Parameters
    ----------
    folder : Path
        Of this trial alone, which removes it.
    """
    _JAX.config.update("jax_compilation_cache_dir", str(folder))
    _JAX.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    _JAX.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
