"""A blend: non-negative weights over the log-odds that the best few learners give rows they have not seen.

The weights are those of a logistic regression on out-of-fold log-odds, held non-negative, and drawn towards equal
shares by a penalty that matters where positives are few (L. Breiman, "Stacked regressions", Machine Learning 24,
1996, on why non-negative; K. Ting and I. Witten, "Issues in stacked generalization", JAIR 10, 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from counterpoise.calibrate.crossfit import class_probabilities, fold_pairs, out_of_fold
from counterpoise.chance import Streams
from counterpoise.errors import OptionError
from counterpoise.learn.boosting import average_precision
from counterpoise.learn.classifier import log_odds
from counterpoise.learn.validating import TreatedRows, Treatment, ValidatingClassifier
from counterpoise.table.frames import n_rows, take

__all__ = ["BlendClassifier", "blend_weights"]

LEAST_PROBABILITY = 1e-6
"""Out-of-fold probabilities nearer to 0 or 1 are moved there: beyond, a log-odds says more than was seen."""

PENALTY = 1.0
"""Weight, in rows of log-loss, of the squared distance from equal shares."""


class BlendClassifier(ValidatingClassifier):
    """Blend the best few of several learners.

    Parameters
    ----------
    learners : sequence of str or classifier, default=("logistic", "boosting", "forest")
        Names of the catalogue, or classifiers.
    n_best : int, default=3
        How many are blended, by average precision on out-of-fold rows.
    n_folds : int, default=5
        Folds of the out-of-fold rows; fewer where the rarest class has fewer rows.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the folds and of learners given by name.
    n_threads : int or None, default=None
        Most threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    members_ : list of classifier
        The blended learners, fitted on all rows.
    names_ : list of str
        Their names.
    weights_ : ndarray of shape (n_members,), float64
        Their non-negative weights.
    intercept_ : ndarray of shape (1 or n_classes,), float64
        Added to the weighted log-odds.
    out_of_fold_scores_ : list of float
        Average precision of every learner that was tried, in the order of `learners`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn import BlendClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3))
    >>> y = (X[:, 0] + rng.normal(size=400) > 1.5).astype(int)
    >>> model = BlendClassifier(("logistic", "boosting"), n_folds=3, random_state=0).fit(X, y)
    >>> bool((model.weights_ >= 0).all())
    True
    """

    def __init__(
        self,
        learners: Any = ("logistic", "boosting", "forest"),
        n_best: int = 3,
        n_folds: int = 5,
        class_weight: Any = None,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.learners = learners
        self.n_best = n_best
        self.n_folds = n_folds
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_threads = n_threads

    @classmethod
    def of(
        cls, members: Sequence[Any], names: Sequence[str], weights: np.ndarray, intercept: np.ndarray
    ) -> Self:
        """Make a fitted blend from members that are fitted and weights that are known.

        Parameters
        ----------
        members : sequence of classifier
            Fitted on the classes 0, 1, ..., on the same columns.
        names : sequence of str
            What to call them.
        weights : ndarray of shape (n_members,), float64
            Non-negative weights of their log-odds.
        intercept : ndarray of shape (1 or n_classes,), float64
            What is added.

        Returns
        -------
        BlendClassifier
            Fitted.
        """
        blend = cls(learners=tuple(names))
        kept = [k for k, weight in enumerate(weights) if weight > 0]
        blend.members_, blend.names_ = [members[k] for k in kept], [names[k] for k in kept]
        blend.weights_, blend.intercept_ = np.asarray(weights)[kept], np.asarray(intercept)
        blend.classes_ = np.arange(max(2, len(blend.intercept_)))
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(members[0], name):
                setattr(blend, name, getattr(members[0], name))
        return blend

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        streams = Streams.of(self.random_state)
        names, learners = self._made(streams)
        folds = list(fold_pairs(X, codes, self.n_folds, random_state=streams.child("folds").seed()))
        scores = [
            log_odds(self._unseen(learner, X, codes, weights, folds), LEAST_PROBABILITY)
            for learner in learners
        ]
        self.out_of_fold_scores_ = [average_precision(codes, score, weights) for score in scores]
        order = np.argsort(-np.array(self.out_of_fold_scores_), kind="stable")[: self.n_best]
        shares, self.intercept_ = blend_weights(codes, [scores[i] for i in order], weights)
        kept = [(int(i), float(w)) for i, w in zip(order, shares, strict=True) if w > 0]
        self.names_ = [names[i] for i, _ in kept]
        self.weights_ = np.array([w for _, w in kept])
        everything = np.arange(len(codes))
        self.members_ = [self._member(learners[i], X, codes, weights, everything) for i, _ in kept]
        self.rates_ = np.ones(len(self.classes_))  # the weights are fitted on rows at their natural balance

    def _unseen(
        self,
        learner: Any,
        X: Any,
        codes: np.ndarray,
        weights: np.ndarray | None,
        folds: list[tuple[np.ndarray, np.ndarray]],
    ) -> np.ndarray:
        """Give each row probabilities of a member that has not seen it, nor anything made from it."""
        if self._treat is None:
            params = {} if weights is None else {"sample_weight": weights}
            return np.asarray(out_of_fold(learner, X, codes, cv=folds, params=params)[0])
        positions = np.arange(len(self.classes_))
        proba = np.empty((len(codes), len(positions)))
        for train, test in folds:
            member = self._member(learner, X, codes, weights, train)
            proba[test] = class_probabilities(member, take(X, test), positions)
        return proba

    def _member(
        self, learner: Any, X: Any, codes: np.ndarray, weights: np.ndarray | None, rows: np.ndarray
    ) -> Any:
        """Fit a member on some rows, treated; one that keeps rows apart itself treats the others itself."""
        member = clone(learner)
        if self._treat is not None and has_fit_parameter(member, "treat"):
            of_rows = None if weights is None else weights[rows]
            return member.fit(take(X, rows), codes[rows], of_rows, treat=self._among(self._treat, rows))
        X, codes, weights = self._learned_from(X, codes, weights, rows)
        return member.fit(X, codes, **({} if weights is None else {"sample_weight": weights}))

    def _among(self, treat: Treatment, rows: np.ndarray) -> Treatment:
        """Give the treatment for a member that knows only some rows, and the classes as numbers."""

        def treated(some: np.ndarray | None) -> TreatedRows:  # numpydoc ignore=GL08
            part = treat(rows if some is None else rows[some])
            codes = np.searchsorted(self.classes_, part.y)
            return replace(part, y=codes, sample_weight=self._class_weighted(codes, part.sample_weight))

        return treated

    def _made(self, streams: Streams) -> tuple[list[str], list[Any]]:
        from counterpoise.learn.catalogue import make_learner

        if isinstance(self.learners, str) or len(self.learners) == 0 or self.n_best < 1:
            raise OptionError(
                f"learners={self.learners!r} and n_best={self.n_best!r} were given.",
                expected="Expected a sequence of at least one name or classifier, and n_best of at least 1.",
                why="They are what is blended.",
                hint='Pass for example learners=("logistic", "boosting").',
            )
        names, made = [], []
        for learner in self.learners:
            if isinstance(learner, str):
                names.append(learner)
                made.append(make_learner(learner, streams.child(learner).seed(), self.n_threads))
            else:
                names.append(type(learner).__name__)
                made.append(learner)
        return names, made

    def _score(self, X: Any) -> np.ndarray:
        positions = np.arange(len(self.classes_))
        alone = self.intercept_[:1] if len(positions) == 2 else self.intercept_[None, :]
        total = np.repeat(alone, n_rows(X), axis=0)  # no member may be worth a weight
        for member, weight in zip(self.members_, self.weights_, strict=True):
            total = total + weight * log_odds(class_probabilities(member, X, positions), LEAST_PROBABILITY)
        return total


def blend_weights(
    codes: np.ndarray, scores: list[np.ndarray], weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find non-negative weights of log-odds by penalised maximum likelihood.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    scores : list of ndarray of shape (n_rows,) or (n_rows, n_classes)
        Log-odds of each learner, for rows it has not seen.
    weights : ndarray of shape (n_rows,), default=None
        Weights of rows.

    Returns
    -------
    weights : ndarray of shape (n_learners,), float64
        Non-negative.
    intercept : ndarray of shape (1 or n_classes,), float64
        What is added to the weighted sum.
    """
    stacked = np.stack(scores)
    mass = np.ones(len(codes)) if weights is None else weights
    n_members, n_shifts = len(scores), 1 if stacked.ndim == 2 else stacked.shape[2]
    loss = _binary_loss if stacked.ndim == 2 else _multiclass_loss
    equal = np.full(n_members, 1 / n_members)

    def penalised(beta: np.ndarray) -> tuple[float, np.ndarray]:  # numpydoc ignore=GL08
        value, gradient = loss(beta, stacked, codes, mass)
        apart = beta[:n_members] - equal
        gradient[:n_members] += 2 * PENALTY * apart
        return value + PENALTY * float(apart @ apart), gradient

    start = np.r_[equal, np.zeros(n_shifts)]
    bounds = [(0.0, None)] * n_members + [(None, None)] * n_shifts
    found = minimize(penalised, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:n_members], found[n_members:]


def _binary_loss(
    beta: np.ndarray, stacked: np.ndarray, codes: np.ndarray, mass: np.ndarray
) -> tuple[float, np.ndarray]:
    z = beta[:-1] @ stacked + beta[-1]
    error = mass * (expit(z) - codes)
    value = float(mass @ (np.logaddexp(0, z) - codes * z))
    return value, np.r_[stacked @ error, error.sum()]


def _multiclass_loss(
    beta: np.ndarray, stacked: np.ndarray, codes: np.ndarray, mass: np.ndarray
) -> tuple[float, np.ndarray]:
    n_members, n = stacked.shape[:2]
    z = np.tensordot(beta[:n_members], stacked, 1) + beta[n_members:]
    value = -float(mass @ log_softmax(z, axis=1)[np.arange(n), codes])
    error = softmax(z, axis=1)
    error[np.arange(n), codes] -= 1
    error *= mass[:, None]
    return value, np.r_[(stacked * error).sum(axis=(1, 2)), error.sum(axis=0)]
