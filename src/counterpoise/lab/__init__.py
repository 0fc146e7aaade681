"""Experiments on imbalance: five questions of the textbooks, put to one's own table or to Gaussian blobs.

Each repeats its runs on fresh splits, so that luck shows; each gives the numbers, a picture and one sentence.
"""

from counterpoise.lab.bagging import bagging
from counterpoise.lab.calibration import calibration
from counterpoise.lab.costs import costs
from counterpoise.lab.experiment import EXPERIMENTS, Experiment, experiment
from counterpoise.lab.imbalance import imbalance
from counterpoise.lab.smote import smote

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "bagging",
    "calibration",
    "costs",
    "experiment",
    "imbalance",
    "smote",
]
