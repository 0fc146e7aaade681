"""Gradient boosted trees that see the tail of a rare class.

`ClassAwareBinner` places the bins, scikit-learn's histogram boosting grows the trees on the bin numbers, with
missing values and categories as its own. A leaf of m rows that holds positives only takes a step of about
m / (m p + penalty) log-odds at a base rate p: without a penalty, the usual default, that is 600 at 0.16 %, and the
model collapses on the first few leaves. The penalty here bounds that step whatever the base rate.

Source: J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29, 2001.
Permutation importances: L. Breiman, "Random forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedShuffleSplit

from counterpoise.chance import Streams
from counterpoise.errors import OptionError
from counterpoise.learn.binner import MOST_BINS, ClassAwareBinner
from counterpoise.learn.validating import ValidatingClassifier
from counterpoise.table.frames import take

__all__ = [
    "BoostingClassifier",
    "Growth",
    "average_precision",
    "best_length",
    "growth_for",
    "permutation_importances",
]

LEAST_POSITIVES = 400
"""Rows of the rarest class from which a validation part says more about the length than a fixed setting."""

LARGEST_STEP = 35.0
"""Log-odds, before the learning rate, that the penalty allows a leaf of positives only."""

STEP = 5
"""Trees between two looks at the validation part."""

FORGONE = 1.0
"""Validation positives whose worth of average precision is given up for fewer trees: one positive that changes its
place moves it by about 1 / n, so less than that is noise, and fewer trees cost less and age better."""


@dataclass(frozen=True)
class Growth:
    """How trees grow.

    Attributes
    ----------
    learning_rate : float
        Step of each tree.
    max_iter : int
        Most trees.
    max_leaf_nodes : int
        Most leaves of a tree.
    min_samples_leaf : int
        Fewest rows of a leaf.
    l2_regularization : float
        Penalty on leaf values, in units of the hessian.
    """

    learning_rate: float
    max_iter: int
    max_leaf_nodes: int
    min_samples_leaf: int
    l2_regularization: float


def growth_for(n_rarest: int, n_rows: int) -> Growth:
    """Choose how trees grow from the number of rare rows.

    Measured on two dozen public tables: with many positives small, slow, penalised trees whose number is chosen
    are best; with few, that number cannot be chosen, and a short run of larger steps is.

    Parameters
    ----------
    n_rarest : int
        Rows (or weight) of the rarest class.
    n_rows : int
        Rows (or weight) of all.

    Returns
    -------
    Growth
        The setting.
    """
    if n_rarest >= LEAST_POSITIVES:
        penalty = float(np.clip(0.06 * n_rows / n_rarest, 1.0, 7.0))
        return Growth(0.05, 300, 15, 40, penalty)
    least = 20
    penalty = max(0.0, least * (1 / LARGEST_STEP - n_rarest / n_rows))
    return Growth(0.1, 100, 31, least, penalty)


class BoostingClassifier(ValidatingClassifier):
    """Histogram gradient boosting behind class-aware bins.

    Parameters
    ----------
    learning_rate : float or {"auto"}, default="auto"
        Step of each tree. This and the next four follow from the number of rare rows (`growth_for`) unless given:
        0.05, 300, 15, 40 and 1 to 7 (the rarer, the more) from 400 rare rows; below that 0.1, 100, 31, 20 and a
        penalty that bounds the step of a leaf of positives only.
    max_iter : int or {"auto"}, default="auto"
        Most trees (for several classes: for each class).
    max_leaf_nodes : int or {"auto"}, default="auto"
        Most leaves of a tree.
    min_samples_leaf : int or {"auto"}, default="auto"
        Fewest rows of a leaf.
    l2_regularization : float or {"auto"}, default="auto"
        Penalty on leaf values, in units of the hessian.
    max_features : float, default=1.0
        Share of the columns that each split may choose from.
    early_stopping : bool or {"auto"}, default="auto"
        Choose the number of trees by average precision on rows kept apart, then grow them on all rows.
        ``"auto"`` does so from 400 rows of the rarest class: with fewer the choice is noise.
    validation_fraction : float, default=0.15
        Share of the rows kept apart, stratified.
    class_weight : {"balanced"}, dict of label to float, or None, default=None
        Weights of the classes.
    monotonic_constraints : dict of str or int to {-1, 0, 1}, or array-like of int, default=None
        Columns (by name or position) in which the score may only rise (1) or fall (-1). Not for categories, and
        for two classes only.
    rare_share : float, default=0.5
        Share of the bin edges placed by the rarer classes; 0 gives the usual bins.
    random_state : int, Generator, RandomState or None, default=None
        Seed.
    n_threads : int or None, default=None
        Most threads.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    binner_ : ClassAwareBinner
        The bins.
    booster_ : HistGradientBoostingClassifier
        The trees, on bin numbers and class positions.
    growth_ : Growth
        How the trees grew.
    n_iter_ : int
        Number of trees grown (for several classes: for each class).
    validation_scores_ : ndarray of shape (n_looks,)
        Average precision (mean over the classes) on the rows kept apart after 5, 10, ... trees; empty without
        early stopping.
    feature_importances_ : ndarray of shape (n_columns,)
        Loss of average precision when a column is shuffled: on the rows kept apart where there are some, on
        training rows otherwise. Can be slightly negative by chance.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.learn import BoostingClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3))
    >>> y = (X[:, 0] + rng.normal(size=2000) > 2.5).astype(int)
    >>> model = BoostingClassifier(random_state=0).fit(X, y)
    >>> int(model.feature_importances_.argmax())
    0
    """

    def __init__(
        self,
        learning_rate: float | str = "auto",
        max_iter: int | str = "auto",
        max_leaf_nodes: int | str = "auto",
        min_samples_leaf: int | str = "auto",
        l2_regularization: float | str = "auto",
        max_features: float = 1.0,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.15,
        class_weight: Any = None,
        monotonic_constraints: Any = None,
        rare_share: float = 0.5,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_features = max_features
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.monotonic_constraints = monotonic_constraints
        self.rare_share = rare_share
        self.random_state = random_state
        self.n_threads = n_threads

    def settled(self) -> Self:
        """Give an unfitted copy that grows as many trees as this one.

        Returns
        -------
        BoostingClassifier
            The copy.
        """
        twin = super().settled()
        twin.set_params(max_iter=self.n_iter_, early_stopping=False)
        return twin

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        streams = Streams.of(self.random_state)
        self.validation_scores_ = np.empty(0)
        self.growth_ = self._growth(codes)
        n_iter = self.growth_.max_iter
        stops = self._stops_early(codes)
        if stops:
            n_iter = self._choose_length(X, codes, weights, streams)
        X, codes, weights = self._learned_from(X, codes, weights)
        self.binner_, bins = self._bin(X, codes, weights)
        seed = streams.child("trees").seed()
        self.booster_ = self._grow(self.binner_, bins, codes, weights, n_iter, seed)
        self.n_iter_ = int(self.booster_.n_iter_)
        if not stops:
            draw = streams.child("importances").generator()
            self.feature_importances_ = permutation_importances(self.booster_, bins, codes, weights, draw)

    def _growth(self, codes: np.ndarray) -> Growth:
        """Fill in what was left to the number of rare rows."""
        chosen = asdict(growth_for(int(np.bincount(codes).min()), len(codes)))
        given = {name: getattr(self, name) for name in chosen}
        for name, value in given.items():
            if isinstance(value, str) and value != "auto":
                raise OptionError(
                    f"{name}={value!r} was given.",
                    expected='Expected a number, or "auto".',
                    why="It says how trees grow.",
                    hint='Leave it at "auto".',
                )
        return Growth(**{name: chosen[name] if value == "auto" else value for name, value in given.items()})

    def _stops_early(self, codes: np.ndarray) -> bool:
        rarest = int(np.bincount(codes).min())
        if self.early_stopping == "auto":
            return rarest >= LEAST_POSITIVES
        if not isinstance(self.early_stopping, bool | np.bool_):
            raise OptionError(
                f"early_stopping={self.early_stopping!r} was given.",
                expected='Expected True, False or "auto".',
                why="It says whether rows are kept apart to choose the number of trees.",
                hint='Leave it at "auto".',
            )
        if self.early_stopping and min(self.validation_fraction, 1 - self.validation_fraction) * rarest < 1:
            raise OptionError(
                f"early_stopping=True was given, but the rarest class has {rarest} rows.",
                expected=f"Expected some of them in a validation part of {self.validation_fraction:.0%}.",
                why="A validation part without positives cannot choose anything.",
                hint='Pass early_stopping="auto" or False.',
            )
        return bool(self.early_stopping)

    def _choose_length(self, X: Any, codes: np.ndarray, weights: np.ndarray | None, streams: Streams) -> int:
        """Grow on one part, look at the other: how many trees are best on rows that no tree has seen."""
        split = StratifiedShuffleSplit(
            1, test_size=self.validation_fraction, random_state=streams.child("validation").seed()
        )
        kept, apart = (np.sort(rows) for rows in next(split.split(np.zeros(len(codes)), codes)))
        learned, classes, part = self._learned_from(X, codes, weights, kept)
        binner, bins = self._bin(learned, classes, part)
        seed = streams.child("trees").seed()
        booster = self._grow(binner, bins, classes, part, self.growth_.max_iter, seed)
        unseen = binner.bins(take(X, apart))
        of_unseen = None if weights is None else weights[apart]
        looks = [
            average_precision(codes[apart], scores, of_unseen)
            for i, scores in enumerate(booster.staged_decision_function(unseen), start=1)
            if i % STEP == 0
        ]
        self.validation_scores_ = np.array(looks)
        draw = streams.child("importances").generator()
        self.feature_importances_ = permutation_importances(booster, unseen, codes[apart], of_unseen, draw)
        if not looks:
            return self.growth_.max_iter
        tolerance = min(FORGONE / np.bincount(codes[apart]).min(), 0.1)
        return best_length(self.validation_scores_, STEP, tolerance=tolerance)

    def _bin(
        self, X: Any, codes: np.ndarray, weights: np.ndarray | None
    ) -> tuple[ClassAwareBinner, np.ndarray]:
        binner = ClassAwareBinner(max_bins=MOST_BINS, rare_share=self.rare_share)
        return binner, binner.fit_bins(X, codes, weights)

    def _grow(
        self,
        binner: ClassAwareBinner,
        bins: np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray | None,
        n_iter: int,
        seed: int,
    ) -> Any:
        categorical = binner.categorical_
        booster = HistGradientBoostingClassifier(
            learning_rate=self.growth_.learning_rate,
            max_iter=n_iter,
            max_leaf_nodes=self.growth_.max_leaf_nodes,
            min_samples_leaf=self.growth_.min_samples_leaf,
            l2_regularization=self.growth_.l2_regularization,
            max_features=self.max_features,
            categorical_features=categorical if categorical.any() else None,
            monotonic_cst=self._monotonic(categorical),
            early_stopping=False,
            random_state=seed,
        )
        return booster.fit(bins, codes, sample_weight=weights)

    def _monotonic(self, categorical: np.ndarray) -> np.ndarray | None:
        """Give the constraint of each column by position."""
        asked = self.monotonic_constraints
        if asked is None:
            return None
        names = [str(name) for name in getattr(self, "feature_names_in_", range(self.n_features_in_))]
        if not isinstance(asked, Mapping):
            asked = dict(enumerate(np.asarray(asked).tolist()))
        signs = np.zeros(len(names), dtype=np.int8)
        for column, sign in asked.items():
            position = names.index(str(column)) if str(column) in names else column
            if sign not in (-1, 0, 1) or not isinstance(position, int) or not 0 <= position < len(names):
                raise _wrong_constraint(f"{column!r}: {sign!r}", names)
            if sign and categorical[position]:
                raise _wrong_constraint(f"{column!r}, a column of categories", names)
            signs[position] = sign
        if signs.any() and len(self.classes_) > 2:
            raise _wrong_constraint(f"{asked!r} with {len(self.classes_)} classes", names)
        return signs

    def _score(self, X: Any) -> np.ndarray:
        scores: np.ndarray = self.booster_.decision_function(self.binner_.bins(X))
        return scores


def _wrong_constraint(given: str, names: list[str]) -> OptionError:
    return OptionError(
        f"monotonic_constraints holds {given}.",
        expected=f"Expected -1, 0 or 1 for columns of numbers among {names[:8]}, with two classes.",
        why="A score can rise or fall only along numbers, towards one class.",
        hint="Name the columns as they are in the table.",
    )


# --- steps ---------------------------------------------------------------------------------------------------


def average_precision(codes: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Give the average precision of scores; the mean over the classes where there are several.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Scores of the second of two classes, or one score a class.
    weights : ndarray of shape (n_rows,), default=None
        Weights of rows.

    Returns
    -------
    float
        Between 0 and 1.
    """
    if scores.ndim == 1 or scores.shape[1] == 1:
        return float(average_precision_score(codes == 1, scores.ravel(), sample_weight=weights))
    each = [
        average_precision_score(codes == c, scores[:, c], sample_weight=weights)
        for c in range(scores.shape[1])
        if (codes == c).any()
    ]
    return float(np.mean(each))


def best_length(scores: np.ndarray, step: int, window: int = 5, tolerance: float = 0.01) -> int:
    """Choose a number of trees from a noisy curve.

    The curve is averaged over a moving window first, since the highest of many noisy points is too early or too
    late as often as not. Then the shortest run that comes within the tolerance of the best is taken.

    Parameters
    ----------
    scores : ndarray of shape (n_looks,)
        Score after `step`, 2 `step`, ... trees; more is better.
    step : int
        Trees between two looks.
    window : int, default=5
        Looks that are averaged.
    tolerance : float, default=0.01
        Share of the best score that may be missing.

    Returns
    -------
    int
        Number of trees.
    """
    half = min(window, len(scores)) // 2
    padded = np.pad(scores, half, mode="edge")
    smooth = np.convolve(padded, np.ones(2 * half + 1) / (2 * half + 1), mode="valid")
    return int(np.argmax(smooth >= smooth.max() * (1 - tolerance)) + 1) * step


def permutation_importances(
    booster: Any,
    bins: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray | None,
    draw: np.random.Generator,
    *,
    rows_per_class: int = 300,
) -> np.ndarray:
    """Measure how much average precision is lost when a column is shuffled.

    A few hundred rows of each class stand for all, weighted back to their shares; every column is shuffled among
    them once, and all shuffled copies are scored in one pass.

    Parameters
    ----------
    booster : estimator
        Fitted on bin numbers; has `decision_function`.
    bins : ndarray of shape (n_rows, n_columns)
        Bin numbers.
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    weights : ndarray of shape (n_rows,) or None
        Weights of rows.
    draw : numpy.random.Generator
        For the choice of rows and the shuffles.
    rows_per_class : int, default=300
        Most rows of each class.

    Returns
    -------
    ndarray of shape (n_columns,), float64
        The losses.
    """
    mass = np.ones(len(codes)) if weights is None else weights
    chosen, stands_for = [], []
    for c in np.unique(codes):
        own = np.flatnonzero(codes == c)
        rows = np.sort(draw.choice(own, min(rows_per_class, len(own)), replace=False))
        chosen.append(rows)
        stands_for.append(mass[rows] * (mass[own].sum() / mass[rows].sum()))
    rows, weight = np.concatenate(chosen), np.concatenate(stands_for)
    sample, truth = bins[rows], codes[rows]
    base = average_precision(truth, booster.decision_function(sample), weight)
    losses = [
        base - average_precision(truth, scores, weight) for scores in _shuffled_scores(booster, sample, draw)
    ]
    return np.array(losses)


def _shuffled_scores(booster: Any, sample: np.ndarray, draw: np.random.Generator) -> list[np.ndarray]:
    """Score the sample once for each column, with that column shuffled; many columns in one call."""
    n, p = sample.shape
    at_once = max(1, 100_000 // n)
    scores: list[np.ndarray] = []
    for first in range(0, p, at_once):
        columns = range(first, min(first + at_once, p))
        copies = np.tile(sample, (len(columns), 1))
        for k, j in enumerate(columns):
            copies[k * n : (k + 1) * n, j] = draw.permutation(sample[:, j])
        scores.extend(np.split(booster.decision_function(copies), len(columns)))
    return scores
