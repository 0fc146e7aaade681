"""Learners made for a rare class, and the treatment that wraps any of them."""

from __future__ import annotations

from counterpoise.learn.balanced_bagging import BalancedBaggingClassifier
from counterpoise.learn.balanced_forest import BalancedRandomForestClassifier
from counterpoise.learn.binner import ClassAwareBinner
from counterpoise.learn.blend import BlendClassifier
from counterpoise.learn.boosting import BoostingClassifier
from counterpoise.learn.catalogue import (
    LEARNERS,
    TREATMENTS,
    LearnerSpec,
    default_learners,
    make_candidate,
    make_learner,
)
from counterpoise.learn.catboost import CatBoostClassifier
from counterpoise.learn.easy_ensemble import EasyEnsembleClassifier
from counterpoise.learn.encode import TableEncoder
from counterpoise.learn.forest import ForestClassifier
from counterpoise.learn.lightgbm import LightGBMClassifier
from counterpoise.learn.linear_learner import LinearLearner
from counterpoise.learn.logistic import LogisticClassifier
from counterpoise.learn.rusboost import RUSBoostClassifier
from counterpoise.learn.self_paced import SelfPacedEnsembleClassifier
from counterpoise.learn.treated import Treated

__all__ = [
    "LEARNERS",
    "TREATMENTS",
    "BalancedBaggingClassifier",
    "BalancedRandomForestClassifier",
    "BlendClassifier",
    "BoostingClassifier",
    "CatBoostClassifier",
    "ClassAwareBinner",
    "EasyEnsembleClassifier",
    "ForestClassifier",
    "LearnerSpec",
    "LightGBMClassifier",
    "LinearLearner",
    "LogisticClassifier",
    "RUSBoostClassifier",
    "SelfPacedEnsembleClassifier",
    "TableEncoder",
    "Treated",
    "default_learners",
    "make_candidate",
    "make_learner",
]
