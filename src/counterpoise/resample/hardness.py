"""Under-sampling by instance hardness: rows that are hard to get right go first.

Source: M. R. Smith, T. Martinez, C. Giraud-Carrier, "An instance level analysis of data complexity", Machine Learning
95(2), 2014.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, check_cv

from counterpoise.chance import Seed
from counterpoise.errors import NotApplicable, OptionError, TypeOfInputError
from counterpoise.resample.base import BaseSampler, require_integer
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.strategy import SamplingStrategy

__all__ = ["InstanceHardnessThreshold"]

_TREES = 200
"""Trees of the default forest; about 160 of them have not seen a given row."""

_TREE_ROWS = 0.2
"""Share of the rows that each tree of the default forest sees: the ranking of rows is as stable as with all of them
(measured on mammography), at a fifth of the cost."""

_FEWEST_TREE_ROWS = 200
"""Trees of small tables see at least so many draws."""

_FOLDS = 5
"""Folds for an estimator of the caller's own, as in imbalanced-learn."""


class InstanceHardnessThreshold(BaseSampler):
    """Keep the rows of the larger classes that a classifier gets right most surely.

    Hardness of a row is ``1 - P(own class)``, predicted by a classifier that has not seen it: by the trees of one
    forest that did not draw the row (L. Breiman, "Out-of-bag estimation", 1996), or by cross-validation. Exactly as
    many rows as asked are kept (imbalanced-learn keeps all that tie with the last one); ties are broken at random.

    Parameters
    ----------
    estimator : classifier, optional
        One with ``predict_proba``. By default a random forest of 200 trees, each of which sees a fifth of the rows;
        it takes missing values, and categories as codes.
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class; ``"auto"`` brings every class to the size of the smallest.
    random_state : int, Generator, RandomState or None, default=None
        Seed of folds, forest and ties.
    cv : int, splitter or None, default=None
        Folds; an int makes stratified, shuffled ones. None asks the default forest's own unseen rows, and five
        folds for any other estimator.
    n_jobs : int or None, default=None
        Threads of the default forest, None for all cores; the result is the same for any number.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows to keep.
    sample_indices_ : ndarray of shape (n_out,)
        Rows that were kept, in the order of the table.
    estimator_ : classifier
        The classifier that was asked, not fitted.
    hardness_ : ndarray of shape (n_rows,)
        Hardness of each row, between 0 and 1.
    plan_ : Plan
        The plan of the last call.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import InstanceHardnessThreshold
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], [80, 20])
    >>> X2, y2 = InstanceHardnessThreshold(random_state=0).fit_resample(rng.normal(size=(100, 2)) + y[:, None], y)
    >>> np.bincount(y2).tolist()
    [20, 20]
    """

    _sampling_type = "under-sampling"
    _keeps_rows = True

    def __init__(
        self,
        *,
        estimator: Any = None,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        cv: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.cv = cv
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        if self.estimator is not None and not hasattr(self.estimator, "predict_proba"):
            raise TypeOfInputError(
                f"estimator={self.estimator!r} was given.",
                expected="Expected a classifier with predict_proba.",
                why="Hardness is one minus the probability of a row's own class.",
            )
        if isinstance(self.cv, int):
            require_integer("cv", self.cv, 2, meaning="It counts folds.")

    def _plan(self, data: Labelled) -> Plan:
        self.hardness_ = self._hardness(data)
        kept = []
        for code in range(len(data.classes)):
            rows = data.rows_of(code)
            if code in data.wanted:
                tie = data.streams.child("hardness", data.label(code)).generator().random(len(rows))
                rows = rows[np.lexsort((tie, self.hardness_[rows]))[: data.wanted[code]]]
            kept.append(rows)
        return Plan.keep(data.target, np.sort(np.concatenate(kept)))

    def _hardness(self, data: Labelled) -> np.ndarray:
        """Predict each row's own class by a classifier that has not seen the row."""
        self.estimator_ = self._classifier(data)
        numbers, codes = classifier_input(data), np.asarray(data.codes)
        if self.estimator is None and self.cv is None:
            return _unseen_hardness(self.estimator_, numbers, codes)
        hardness = np.ones(data.n_rows)
        for seen, unseen in self._folds(data).split(np.zeros(data.n_rows), codes):
            fitted = clone(self.estimator_).fit(numbers[seen], codes[seen])
            shares = np.zeros((len(unseen), len(data.classes)))
            shares[:, fitted.classes_] = fitted.predict_proba(numbers[unseen])
            hardness[unseen] = 1.0 - shares[np.arange(len(unseen)), codes[unseen]]
        return hardness

    def _classifier(self, data: Labelled) -> Any:
        seed = data.streams.child("hardness", "forest").seed()
        if self.estimator is None:
            return RandomForestClassifier(
                n_estimators=_TREES,
                max_samples=max(_TREE_ROWS, min(1.0, _FEWEST_TREE_ROWS / data.n_rows)),
                random_state=seed,
                n_jobs=-1 if self.n_jobs is None else self.n_jobs,
            )
        made = clone(self.estimator)
        if "random_state" in made.get_params(deep=False) and made.random_state is None:
            made.set_params(random_state=seed)
        return made

    def _folds(self, data: Labelled) -> Any:
        n_folds = _FOLDS if self.cv is None else self.cv
        if not isinstance(n_folds, int):
            return check_cv(n_folds, np.asarray(data.codes), classifier=True)
        fewest = int(data.counts.min())
        if fewest < 2:
            raise NotApplicable(
                f"Class {data.label(int(data.counts.argmin()))!r} has {fewest} row.",
                expected="Expected at least 2 rows of each class.",
                why="A classifier that has not seen a row must still have seen its class.",
                hint="Use RandomUnderSampler.",
            )
        if n_folds > data.n_rows:
            raise OptionError(
                f"cv={n_folds} was given for {data.n_rows} rows.",
                expected="Expected no more folds than rows.",
                why="No fold may be empty.",
            )
        seed = data.streams.child("hardness", "folds").seed()
        return StratifiedKFold(min(n_folds, fewest), shuffle=True, random_state=seed)


def _unseen_hardness(forest: Any, numbers: Any, codes: np.ndarray) -> np.ndarray:
    """Ask, for each row, the trees of a forest that did not draw it."""
    fitted = clone(forest).set_params(oob_score=True).fit(numbers, codes)
    own = fitted.oob_decision_function_[np.arange(len(codes)), codes]
    return np.asarray(1.0 - np.nan_to_num(own))


def classifier_input(data: Labelled) -> Any:
    """Write a table as numbers for a classifier that takes missing values, categories as their codes.

    Parameters
    ----------
    data : Labelled
        The table.

    Returns
    -------
    ndarray or CSR matrix of shape (n_rows, n_columns)
        Numbers, NaN where missing.
    """
    if data.is_sparse:
        return data.X
    seen = data.features
    if not seen.codes.shape[1]:
        return seen.numeric
    codes = np.where(seen.codes < 0, np.nan, seen.codes)
    return np.hstack([seen.numeric, codes])
