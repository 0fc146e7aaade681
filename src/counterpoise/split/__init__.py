"""Splits: stratified, grouped, time-ordered and prequential folds with enough positives in each."""

from counterpoise.split.folds import MIN_POSITIVES, Fold, Folds, grouped_folds, stratified_folds, time_folds
from counterpoise.split.making import make_folds
from counterpoise.split.prequential import Prequential, prequential_folds

__all__ = [
    "MIN_POSITIVES",
    "Fold",
    "Folds",
    "Prequential",
    "grouped_folds",
    "make_folds",
    "prequential_folds",
    "stratified_folds",
    "time_folds",
]
