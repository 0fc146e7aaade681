"""Samplers by name, as the command line and `compare` call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from counterpoise.chance import Seed
from counterpoise.errors import OptionError, nearest_names
from counterpoise.resample.adasyn import ADASYN
from counterpoise.resample.base import BaseSampler
from counterpoise.resample.borderline import SVMSMOTE, BorderlineSMOTE
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
from counterpoise.resample.random import RandomOverSampler, RandomUnderSampler
from counterpoise.resample.smote import SMOTE, SMOTEN, SMOTENC
from counterpoise.resample.tomek_links import TomekLinks

__all__ = ["SAMPLERS", "make_sampler"]


def _neighbour_filter_smote(**parameters: Any) -> BaseSampler:
    return SMOTE(filter=NeighbourFilter(), **parameters)


SAMPLERS: Mapping[str, Callable[..., BaseSampler]] = MappingProxyType(
    {
        "adasyn": ADASYN,
        "all_knn": AllKNN,
        "borderline_smote": BorderlineSMOTE,
        "cluster_centroids": ClusterCentroids,
        "cnn": CondensedNearestNeighbour,
        "enn": EditedNearestNeighbours,
        "instance_hardness_threshold": InstanceHardnessThreshold,
        "kmeans_smote": KMeansSMOTE,
        "ncr": NeighbourhoodCleaningRule,
        "near_miss": NearMiss,
        "neighbour_filter": NeighbourFilter,
        "neighbour_filter_smote": _neighbour_filter_smote,
        "oss": OneSidedSelection,
        "random_over": RandomOverSampler,
        "random_under": RandomUnderSampler,
        "renn": RepeatedEditedNearestNeighbours,
        "smote": SMOTE,
        "smote_enn": SMOTEENN,
        "smote_tomek": SMOTETomek,
        "smoten": SMOTEN,
        "smotenc": SMOTENC,
        "svm_smote": SVMSMOTE,
        "tomek": TomekLinks,
    }
)
"""Samplers by their names in snake case, sorted: a class, or a function that makes one."""

_ALIASES = {
    "condensed_nearest_neighbour": "cnn",
    "edited_nearest_neighbours": "enn",
    "iht": "instance_hardness_threshold",
    "neighbourhood_cleaning_rule": "ncr",
    "nearmiss": "near_miss",
    "one_sided_selection": "oss",
    "random_over_sampler": "random_over",
    "random_under_sampler": "random_under",
    "repeated_edited_nearest_neighbours": "renn",
    "repeated_enn": "renn",
    "tomek_links": "tomek",
}


def make_sampler(name: str, random_state: Seed = None, **parameters: Any) -> BaseSampler:
    """Make a sampler by its name.

    Parameters
    ----------
    name : str
        A name of `SAMPLERS`, for example ``"smote"``; longer spellings such as ``"tomek_links"`` also serve.
    random_state : int, Generator, RandomState or None, default=None
        Seed, for samplers that draw.
    **parameters : object
        Further parameters of the sampler.

    Returns
    -------
    BaseSampler
        The sampler.

    Raises
    ------
    OptionError
        If there is no sampler of that name, with those that are near.

    Examples
    --------
    >>> from counterpoise.resample import make_sampler
    >>> make_sampler("random_over", random_state=0)
    RandomOverSampler(random_state=0)
    """
    known = _ALIASES.get(name, name)
    if known not in SAMPLERS:
        raise OptionError(
            f"{name!r} was given as a sampler.",
            expected=f"Expected one of {', '.join(SAMPLERS)}.",
            why="Samplers are called by name.",
            hint=nearest_names(name, list(SAMPLERS)),
        )
    sampler = SAMPLERS[known](**parameters)
    if "random_state" in sampler.get_params(deep=False):
        sampler.set_params(random_state=random_state)
    return sampler
