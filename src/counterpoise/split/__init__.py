"""Splits: stratified, grouped and time-ordered folds with enough positives in each."""

from counterpoise.split.folds import (
    MIN_POSITIVES,
    Fold,
    Folds,
    grouped_folds,
    make_folds,
    stratified_folds,
    time_folds,
)

__all__ = ["MIN_POSITIVES", "Fold", "Folds", "grouped_folds", "make_folds", "stratified_folds", "time_folds"]
