"""Learners in the form in which an endpoint asks them: the same probabilities to the last bit, in less time.

A learner scores a table of any size; an endpoint has a row, or a few thousand, and cannot wait for threads to be
started and inputs to be checked again. What has no quicker form is used as it is.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from counterpoise.learn.blend import BlendClassifier
from counterpoise.learn.boosting import BoostingClassifier
from counterpoise.learn.classifier import probabilities
from counterpoise.learn.encode import Encoded
from counterpoise.learn.grown_trees import BoostedTrees, boosted_trees
from counterpoise.learn.lightgbm import LightGBMClassifier
from counterpoise.learn.tree_tables import MOST_LEAVES, TreeTables, table_bytes

__all__ = ["QuickBoosting", "quick_form"]

MOST_BYTES = 256 * 2**20
"""Room that the tables of one learner may take."""


def quick_form(learner: Any) -> Any:
    """Give a learner's quicker form for encoded rows, where it has one.

    Parameters
    ----------
    learner : classifier
        Fitted.

    Returns
    -------
    classifier
        Has ``predict_proba`` of `Encoded`; the learner itself where nothing is quicker.
    """
    if type(learner) is BlendClassifier:
        twin = copy.copy(learner)
        twin.members_ = [quick_form(member) for member in learner.members_]
        return twin
    if type(learner) not in (BoostingClassifier, LightGBMClassifier):
        return learner
    grown = boosted_trees(learner)
    fits = all(tree.is_leaf.sum() <= MOST_LEAVES for tree in grown.trees)
    return (
        QuickBoosting(learner, grown)
        if grown.trees and fits and table_bytes(grown.trees) <= MOST_BYTES
        else learner
    )


class QuickBoosting:
    """Boosted trees that are looked up in tables.

    Parameters
    ----------
    learner : BoostingClassifier or LightGBMClassifier
        Fitted.
    grown : BoostedTrees
        Its trees.
    """

    def __init__(self, learner: BoostingClassifier, grown: BoostedTrees) -> None:
        self.classes_ = learner.classes_
        self._encoder = learner.binner_.encoder_
        self._ordinals = grown.ordinals
        self._tables = TreeTables(grown.trees, grown.start)

    def decision_function(self, X: Encoded) -> np.ndarray:
        """Score rows on the scale of log-odds.

        Parameters
        ----------
        X : Encoded of n rows
            The rows.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes), float64
            Exactly what the learner gives.
        """
        block = self._encoder.block(X)
        for j, ordinals in self._ordinals.items():
            known = np.append(ordinals, np.nan)
            block[:, j] = known[np.where(np.isnan(block[:, j]), len(ordinals), block[:, j]).astype(np.intp)]
        sums = self._tables.sums(block)
        return sums[:, 0] if sums.shape[1] == 1 else sums

    def predict_proba(self, X: Encoded) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : Encoded of n rows
            The rows.

        Returns
        -------
        ndarray of shape (n, n_classes), float64
            Exactly what the learner gives.
        """
        return probabilities(self.decision_function(X))
