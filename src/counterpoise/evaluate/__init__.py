"""Evaluation: metrics, intervals, the trial of treatments and learners, its verdict and records."""

from counterpoise.evaluate import metrics
from counterpoise.evaluate.again import evaluate_model, known_rows
from counterpoise.evaluate.running import Progress
from counterpoise.evaluate.trial import Trial, compare

__all__ = ["Progress", "Trial", "compare", "evaluate_model", "known_rows", "metrics"]
