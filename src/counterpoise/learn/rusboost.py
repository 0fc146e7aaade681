"""RUSBoost (C. Seiffert, T. Khoshgoftaar, J. Van Hulse, A. Napolitano, "RUSBoost: a hybrid approach to alleviating
class imbalance", IEEE Trans. SMC A 40(1), 2010).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import clone
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import has_fit_parameter

from counterpoise.chance import Seed, Streams
from counterpoise.errors import TypeOfInputError
from counterpoise.learn.ensemble import BalancedEnsemble, Draws, Rows, sum_votes
from counterpoise.table.frames import take

__all__ = ["RUSBoostClassifier"]

POOL_DRAWS = 20
"""Draws of a round that the part of a common class holds at least, from which all rounds draw."""

POOL_ROWS = 20_000
"""Rows of a common class up to which it is not thinned."""

MOST_SEEN = 0.3
"""Share of a class's rows that may have been drawn for votes on the others to be honest."""

LEAST_VOTE = 1e-3
"""Votes nearer than this to 0 or 1 are moved there: no member is certain."""


class RUSBoostClassifier(BalancedEnsemble):
    """Boosting with a fresh balanced draw of the rows in every round.

    Rounds are confidence-rated (SAMME.R: J. Zhu, H. Zou, S. Rosset, T. Hastie, 2009). The classes begin with the
    same mass, and common rows are drawn in proportion to their weight.

    Parameters
    ----------
    estimator : classifier or None, default=None
        What a member is, its `fit` taking `sample_weight`; None is a stump.
    n_estimators : int, default=50
        Rounds.
    learning_rate : float, default=1.0
        Factor on each member.
    sampling_strategy : str, float, mapping or callable, default="auto"
        Rows that a round keeps of each class; ``"auto"`` cuts all classes to the size of the rarest.
    calibrate : {"platt", "intercept", "isotonic", "prior", "none"}, default="platt"
        How votes become probabilities; the map is fitted on votes of ensembles trained on two thirds of the rows.
    n_jobs : int or None, default=None
        Threads for predicting; rounds follow each other.
    random_state : int, Generator, RandomState or None, default=None
        Seed.

    Attributes
    ----------
    estimators_ : list of classifier
        The members, trained on numbers and class positions.
    estimators_samples_ : list of ndarray of int64
        Rows that each member has seen.
    calibration_ : dict
        The map from votes to probabilities, as plain values.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    n_features_in_ : int
        Number of columns.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from counterpoise.learn import RUSBoostClassifier
    >>> X, y = make_classification(1000, weights=[0.95], random_state=0)
    >>> RUSBoostClassifier(random_state=0).fit(X, y).predict_proba(X).shape
    (1000, 2)
    """

    replacement = True

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        sampling_strategy: Any = "auto",
        calibrate: str = "platt",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.sampling_strategy = sampling_strategy
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _member(self) -> Any:
        return DecisionTreeClassifier(max_depth=1) if self.estimator is None else clone(self.estimator)

    def _smaller(self) -> Any:
        return clone(self)

    def _grow(self, rows: Rows, draws: Draws, stream: Streams, kept: int) -> None:
        member = self._member()
        if not has_fit_parameter(member, "sample_weight"):
            raise TypeOfInputError(
                f"{type(member).__name__} takes no sample_weight.",
                expected="Expected a classifier whose fit takes sample_weight.",
                why="Boosting weighs the rows that earlier rounds got wrong.",
                hint="Choose another estimator, or BalancedBaggingClassifier.",
            )
        rows, draws, origin = pooled(rows, draws, stream.child("pool"))
        start = np.ones(len(rows.codes)) if rows.weight is None else rows.weight
        weight = start / (rows.n_classes * rows.mass)[rows.codes]
        for k in range(self.n_estimators):
            sample, drawn = weighted_draw(draws, weight, stream.child("draw", k))
            own = Rows(take(rows.table, sample), rows.codes[sample], drawn, rows.n_classes, rows.has_missing)
            self.estimators_.append(self._trained(own, np.arange(len(sample)), stream.child("member", k)))
            self.estimators_samples_.append(origin[sample])
            scores = confident(
                self.estimators_[-1:], rows.table, rows.n_classes, self.learning_rate, rows.has_missing
            )
            share = (rows.n_classes - 1) / rows.n_classes
            weight = weight * np.exp(-share * scores[np.arange(len(weight)), rows.codes])
            weight = weight / weight.sum()

    def _out_of_bag(self, rows: Rows, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give votes of all rounds where hardly any row of the class was drawn; no others are honest."""
        drawn = np.zeros(len(rows.codes), dtype=bool)
        drawn[np.concatenate(self.estimators_samples_)] = True
        share = np.bincount(rows.codes, weights=drawn, minlength=rows.n_classes) / np.bincount(rows.codes)
        trusted = (share < MOST_SEEN)[rows.codes[which]] & ~drawn[which]
        return self._votes(take(rows.table, which)), trusted.astype(np.int64)

    def _votes(self, table: Any) -> np.ndarray:
        n_classes = len(self.classes_)
        has_missing = not isinstance(table, np.ndarray) or bool(np.isnan(table.sum()))
        scores = confident(self.estimators_, table, n_classes, self.learning_rate, has_missing)
        return np.asarray(softmax(scores / max(n_classes - 1, 1), axis=1))


def pooled(rows: Rows, draws: Draws, stream: Streams) -> tuple[Rows, Draws, np.ndarray]:
    """Take a part of the classes that are cut, large enough for every round to draw from.

    Parameters
    ----------
    rows : Rows
        All rows.
    draws : Draws
        Rows and sizes of each class.
    stream : Streams
        Chance.

    Returns
    -------
    rows : Rows
        The part.
    draws : Draws
        Of the part.
    origin : ndarray of int64
        Row number of each row of the part.
    """
    parts = []
    for name, own, size in zip(draws.names, draws.rows, draws.sizes, strict=True):
        most = max(POOL_DRAWS * size, POOL_ROWS)
        draw = stream.child(name).generator()
        parts.append(
            own if len(own) <= most else np.sort(draw.choice(own, most, replace=False, shuffle=False))
        )
    origin, ends = np.concatenate(parts), np.cumsum([len(part) for part in parts])
    places = tuple(np.arange(end - len(part), end) for part, end in zip(parts, ends, strict=True))
    return rows.take(origin), dataclasses.replace(draws, rows=places), origin


def weighted_draw(draws: Draws, weight: np.ndarray, stream: Streams) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows of the cut classes in proportion to their weight; each class keeps its mass.

    Parameters
    ----------
    draws : Draws
        Rows and sizes of each class.
    weight : ndarray of shape (n_rows,), float64
        Weights of all rows.
    stream : Streams
        The round's chance.

    Returns
    -------
    sample : ndarray of int64
        Row numbers.
    drawn : ndarray of float64
        Their weights, of mean 1.
    """
    samples, weights = [], []
    for name, rows, size in zip(draws.names, draws.rows, draws.sizes, strict=True):
        own = weight[rows]
        if size == len(rows):
            samples.append(rows)
            weights.append(own)
            continue
        steps = np.cumsum(own)
        # one draw in each of `size` slices of the mass: less spread than independent draws, the same expectation
        points = (np.arange(size) + stream.child(name).generator().random(size)) * (steps[-1] / size)
        samples.append(rows[np.minimum(np.searchsorted(steps, points), len(rows) - 1)])
        weights.append(np.full(size, steps[-1] / size))
    drawn = np.concatenate(weights)
    return np.concatenate(samples), drawn / drawn.mean()


def confident(members: list[Any], table: Any, n_classes: int, rate: float, has_missing: bool) -> np.ndarray:
    """Add up the members' centred log-probabilities.

    Parameters
    ----------
    members : list of classifier
        Trained on class positions.
    table : ndarray or frame of shape (n_rows, n_columns)
        What they take.
    n_classes : int
        Number of classes.
    rate : float
        Factor on each.
    has_missing : bool
        Whether a value may be missing.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        ``rate (K - 1) (log p_k - mean_j log p_j)``, summed over members.
    """
    total = 0.0
    for member in members:
        logs = np.log(np.clip(sum_votes([member], table, n_classes, has_missing), LEAST_VOTE, 1.0))
        total = total + rate * (n_classes - 1) * (logs - logs.mean(axis=1, keepdims=True))
    return np.asarray(total)
