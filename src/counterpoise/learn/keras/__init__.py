"""Neural networks for a rare class, in Keras 3 on JAX; neither is imported before it is needed."""

from __future__ import annotations

from counterpoise.learn.keras.batches import balanced_batches
from counterpoise.learn.keras.mlp import MLPClassifier

__all__ = ["MLPClassifier", "balanced_batches"]
