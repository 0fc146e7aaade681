"""Splits: stratified, grouped, time-ordered and prequential folds with enough positives in each."""

from counterpoise.split.copies import equal_rows, is_telling
from counterpoise.split.folds import MIN_POSITIVES, Fold, Folds, grouped_folds, stratified_folds, time_folds
from counterpoise.split.given import given_folds
from counterpoise.split.making import make_folds
from counterpoise.split.prequential import Prequential, prequential_folds

__all__ = [
    "MIN_POSITIVES",
    "Fold",
    "Folds",
    "Prequential",
    "equal_rows",
    "given_folds",
    "grouped_folds",
    "is_telling",
    "make_folds",
    "prequential_folds",
    "stratified_folds",
    "time_folds",
]
