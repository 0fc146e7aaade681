"""The checks of outcomes, scores and weights, for those who may know decisions but not calibration."""

from counterpoise.calibrate.inputs import (
    as_numbers,
    as_outcome,
    as_probabilities,
    as_scores,
    as_weights,
    same_length,
)

__all__ = ["as_numbers", "as_outcome", "as_probabilities", "as_scores", "as_weights", "same_length"]
