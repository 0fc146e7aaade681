"""Samplers: what to keep, what to repeat, what to invent.

Every sampler has imbalanced-learn's ``fit_resample(X, y)`` and, beside it, ``plan(X, y)``: the same decision as row
numbers only (`Plan`). Arrays, sparse matrices, pandas and polars frames go in, and the same kind comes out.
"""

from __future__ import annotations

from counterpoise.resample.adasyn import ADASYN
from counterpoise.resample.borderline import SVMSMOTE, BorderlineSMOTE
from counterpoise.resample.centroids import ClusterCentroids
from counterpoise.resample.hardness import InstanceHardnessThreshold
from counterpoise.resample.kmeans_smote import KMeansSMOTE
from counterpoise.resample.plan import Plan
from counterpoise.resample.random import RandomOverSampler, RandomUnderSampler
from counterpoise.resample.smote import SMOTE, SMOTEN, SMOTENC

__all__ = [
    "ADASYN",
    "SMOTE",
    "SMOTEN",
    "SMOTENC",
    "SVMSMOTE",
    "BorderlineSMOTE",
    "ClusterCentroids",
    "InstanceHardnessThreshold",
    "KMeansSMOTE",
    "Plan",
    "RandomOverSampler",
    "RandomUnderSampler",
]
