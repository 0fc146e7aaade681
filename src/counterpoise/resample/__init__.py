"""Samplers: what to keep, what to repeat, what to invent.

Every sampler has imbalanced-learn's ``fit_resample(X, y)`` and, beside it, ``plan(X, y)``: the same decision as row
numbers only (`Plan`). Arrays, sparse matrices, pandas and polars frames go in, and the same kind comes out.
"""

from __future__ import annotations

from counterpoise.resample.adasyn import ADASYN
from counterpoise.resample.borderline import SVMSMOTE, BorderlineSMOTE
from counterpoise.resample.catalogue import SAMPLERS, make_sampler
from counterpoise.resample.centroids import ClusterCentroids
from counterpoise.resample.combine import SMOTEENN, SMOTETomek
from counterpoise.resample.condensed import CondensedNearestNeighbour, OneSidedSelection
from counterpoise.resample.edited_neighbours import (
    AllKNN,
    EditedNearestNeighbours,
    RepeatedEditedNearestNeighbours,
)
from counterpoise.resample.hardness import InstanceHardnessThreshold
from counterpoise.resample.kmeans_smote import KMeansSMOTE
from counterpoise.resample.near_miss import NearMiss
from counterpoise.resample.neighbour_filter import NeighbourFilter
from counterpoise.resample.neighbourhood_cleaning import NeighbourhoodCleaningRule
from counterpoise.resample.plan import Plan
from counterpoise.resample.random import RandomOverSampler, RandomUnderSampler
from counterpoise.resample.smote import SMOTE, SMOTEN, SMOTENC
from counterpoise.resample.tomek_links import TomekLinks

__all__ = [  # noqa: RUF022 - by the alphabet, as a reader looks names up
    "ADASYN",
    "AllKNN",
    "BorderlineSMOTE",
    "ClusterCentroids",
    "CondensedNearestNeighbour",
    "EditedNearestNeighbours",
    "InstanceHardnessThreshold",
    "KMeansSMOTE",
    "NearMiss",
    "NeighbourFilter",
    "NeighbourhoodCleaningRule",
    "OneSidedSelection",
    "Plan",
    "RandomOverSampler",
    "RandomUnderSampler",
    "RepeatedEditedNearestNeighbours",
    "SAMPLERS",
    "SMOTE",
    "SMOTEENN",
    "SMOTEN",
    "SMOTENC",
    "SMOTETomek",
    "SVMSMOTE",
    "TomekLinks",
    "make_sampler",
]
