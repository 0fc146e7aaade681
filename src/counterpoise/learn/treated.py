"""A learner with a treatment of the imbalance, whose probabilities survive it.

The treatment happens inside `fit`, so that no row that judges the model is ever resampled. Sampling and weighting
change the balance of the classes that the learner sees, and with it every probability. Two steps put it back:

1. the closed form: the odds of class c are divided by its sampling rate (C. Elkan, "The foundations of
   cost-sensitive learning", IJCAI 2001; G. King and L. Zeng, "Logistic regression in rare events data", 2001);
2. a small map fitted on probabilities of rows that the model behind them has not seen, at their natural balance,
   since the closed form alone is wrong for learners that fit their training rows closely (trees). Rows that the
   treatment left out are such rows for the final learner itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from warnings import warn

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from counterpoise.calibrate.crossfit import class_probabilities, fold_pairs, fold_params
from counterpoise.calibrate.maps import CalibrationMap, IdentityMap, MapChain, fit_map
from counterpoise.calibrate.prior import PriorMap
from counterpoise.chance import Streams
from counterpoise.errors import (
    CounterpoiseWarning,
    InputError,
    NotApplicable,
    OptionError,
    TypeOfInputError,
    nearest_names,
)
from counterpoise.learn.inputs import balanced_weights, check_labels, check_rows, check_weights
from counterpoise.learn.validating import TreatedRows, Treatment
from counterpoise.table.frames import n_rows, take

__all__ = ["PLAIN_TREATMENTS", "RECALIBRATIONS", "Treated", "treat", "weights_for"]

PLAIN_TREATMENTS = ("none", "class_weight", "cost_weight")
"""Treatments that need no sampler."""

FEW_ROWS = 200
"""Rows of the rarest class below which ten folds are dealt instead of five."""

RECALIBRATIONS = ("intercept", "platt", "isotonic", "prior")
"""Ways to put the balance back; `prior` is the closed form alone."""


class Treated(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A classifier under a treatment of the imbalance, with probabilities at the natural balance.

    Parameters
    ----------
    learner : classifier, default=None
        Any scikit-learn classifier; None means logistic regression.
    treatment : str, sampler or None, default=None
        ``"none"`` or None; ``"class_weight"`` (each class has the same mass); ``"cost_weight"`` (rows weigh what
        a mistake on them costs: `costs` by class, times `row_cost` of `fit`); the name of a sampler (``"smote"``,
        ``"random_under"``, ...); or anything with ``plan(X, y)`` or ``fit_resample(X, y)``.
    recalibrate : {"intercept", "platt", "isotonic", "prior"} or None, default="intercept"
        How probabilities are put back. ``"prior"`` is the closed form alone and costs one fit; the others add a
        map fitted on out-of-fold probabilities and cost a fit a fold more. Where a sampler keeps under half of the
        rows and the learner's log-odds are then too wide, as of few rows they are, ``"intercept"`` narrows them, too:
        moved alone, a handful of negatives with huge odds would set the level. None leaves the learner's own
        probabilities.
    cv : int, splitter or {"auto"}, default="auto"
        Folds of the out-of-fold probabilities; fewer where the rarest class has fewer rows. ``"auto"`` is 5, and
        10 below 200 rows of the rarest class: there a model without a fifth of them is a visibly poorer one.
    costs : dict of label to float, default=None
        For ``"cost_weight"``: the cost of a mistake on a row of each class.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the treatment and the folds. The learner and a sampler instance keep their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    learner_ : classifier
        The learner, fitted on the treated rows.
    rates_ : ndarray of shape (n_classes,), float64
        Mass of each class after the treatment over its mass before.
    map_ : CalibrationMap
        What is applied to the learner's probabilities.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_columns,), object
        Column names, where the table had names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from counterpoise.learn import Treated
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> y = (X[:, 0] + rng.normal(size=2000) > 2.5).astype(int)
    >>> model = Treated(LogisticRegression(), "class_weight", random_state=0).fit(X, y)
    >>> bool(abs(model.predict_proba(X)[:, 1].mean() / y.mean() - 1) < 0.05)
    True
    """

    def __init__(
        self,
        learner: Any = None,
        treatment: Any = None,
        *,
        recalibrate: str | None = "intercept",
        cv: Any = "auto",
        costs: Any = None,
        random_state: Any = None,
    ) -> None:
        self.learner = learner
        self.treatment = treatment
        self.recalibrate = recalibrate
        self.cv = cv
        self.costs = costs
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        row_cost: Any = None,
        **params: Any,
    ) -> Self:
        """Treat the rows, fit the learner on them, and put its probabilities back.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table, of any kind that the learner (and the sampler) takes.
        y : array-like of shape (n_rows,)
            Labels of at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights; they follow their rows through the treatment.
        groups : array-like of shape (n_rows,), default=None
            Rows of one group stay on one side of each fold.
        row_cost : array-like of shape (n_rows,), default=None
            For ``"cost_weight"``: what a mistake on each row costs.
        **params : object
            Further arguments of the learner's `fit`, only without a sampler.

        Returns
        -------
        Treated
            The classifier itself.

        Raises
        ------
        InputError
            If there is one class only, lengths differ, or an option is unknown.
        NotApplicable
            If the treatment needs weights and the learner takes none.
        """
        self._check_options()
        X = validate_data(self, _with_two_dimensions(X), skip_check_array=True)
        self.classes_, codes = check_labels(self, y)
        check_rows(X, codes, groups, row_cost)
        y = self.classes_[codes]
        weights = check_weights(sample_weight, n_rows(X), codes)
        cost = None if row_cost is None else check_weights(row_cost, n_rows(X))
        streams = Streams.of(self.random_state)
        params = self._learner_params(params)
        self.learner_, self.rates_, used = self._fit_learner(
            self._base(), X, y, weights, cost, params, streams.child("all")
        )
        unseen = None
        if self.recalibrate in ("intercept", "platt", "isotonic") and self._can_map(codes):
            unseen = self._out_of_fold(X, y, weights, cost, groups, params, streams)
        corrections: list[CalibrationMap] = []
        if unseen is not None:
            self._score_left_out(X, used, unseen)
            tested = ~np.isnan(unseen[:, 0])
            of_tested = None if weights is None else weights[tested]
            is_thinned = used is not None and len(np.unique(used)) < len(codes) / 2
            corrections = [self._correction(codes[tested], unseen[tested], of_tested, is_thinned)]
        self.map_ = self._chain(self.rates_, corrections)
        return self

    def _correction(
        self, codes: np.ndarray, proba: np.ndarray, weights: np.ndarray | None, is_thinned: bool
    ) -> CalibrationMap:
        """Fit the map; an intercept is joined by a slope where few rows made the log-odds too wide."""
        if self.recalibrate == "intercept" and is_thinned:
            line = fit_map("platt", codes, proba, weights)
            if getattr(line, "slope", 1.0) < 1.0:
                return line
        return fit_map(str(self.recalibrate), codes, proba, weights)

    def _can_map(self, codes: np.ndarray) -> bool:
        if np.bincount(codes).min() >= 2:
            return True
        warn(
            f"A class has a single row: no map can be fitted, so recalibrate={self.recalibrate!r} falls "
            "back to 'prior'.",
            CounterpoiseWarning,
            stacklevel=3,
        )
        return False

    def _check_options(self) -> None:
        if self.recalibrate is not None and self.recalibrate not in RECALIBRATIONS:
            raise OptionError(
                f"recalibrate={self.recalibrate!r} was given.",
                expected=f"Expected one of {', '.join(RECALIBRATIONS)}, or None.",
                why="It says how probabilities are put back to the natural balance.",
                hint=nearest_names(str(self.recalibrate), list(RECALIBRATIONS)) or "Leave it at 'intercept'.",
            )
        if not hasattr(self._base(), "fit") or isinstance(self._base(), type):
            raise TypeOfInputError(
                f"learner={self.learner!r} was given.",
                expected="Expected a classifier with fit and predict_proba, as an instance.",
                why="It is cloned and fitted on the treated rows.",
                hint="Pass for example learner=BoostingClassifier().",
            )

    def _base(self) -> Any:
        return LogisticRegression() if self.learner is None else self.learner

    def _learner_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Give the further arguments that the learner's fit gets, by scikit-learn's routing where it is on."""
        if params and get_config()["enable_metadata_routing"]:
            return dict(process_routing(self, "fit", **params).learner.fit)
        return params

    def _fit_learner(
        self,
        base: Any,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        cost: np.ndarray | None,
        params: dict[str, Any],
        streams: Streams,
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Treat rows and fit a clone of the learner on them; say which rows it has seen, where not all."""
        learner = clone(base)
        by_weight = weights_for(learner, np.ones(1)) is not None

        def treated(rows: np.ndarray | None) -> TreatedRows:
            some = slice(None) if rows is None else rows
            return treat(
                self.treatment,
                X if rows is None else take(X, rows),
                y[some],
                None if weights is None else weights[some],
                classes=self.classes_,
                by_weight=by_weight,
                costs=self.costs,
                row_cost=None if cost is None else cost[some],
                streams=streams,
            )

        if self._passes_by(learner, weights):
            return self._fit_validating(learner, X, y, weights, params, treated)
        rows = treated(None)
        if rows.rows is not None:
            params = fold_params(params, rows.rows, len(y))
        if rows.sample_weight is not None:
            params = {**params, **self._weight_params(learner, rows.sample_weight)}
        return learner.fit(rows.X, rows.y, **params), rows.rates, rows.rows

    def _passes_by(self, learner: Any, weights: np.ndarray | None) -> bool:
        """Say whether the learner keeps rows apart and can treat the others itself."""
        is_treated = self.treatment is not None and self.treatment != "none"
        return is_treated and has_fit_parameter(learner, "treat") and (weights is None or bool(weights.all()))

    def _fit_validating(
        self,
        learner: Any,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        params: dict[str, Any],
        treated: Treatment,
    ) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Hand the learner the untouched table and the treatment; remember what it was treated to last."""
        seen: list[np.ndarray | None] = [None]

        def remembered(rows: np.ndarray | None) -> TreatedRows:
            part = treated(rows)
            seen[0] = part.rows if rows is None or part.rows is None else _with_rest(rows, part.rows, len(y))
            return part

        learner.fit(X, y, weights, treat=remembered, **params)
        return learner, learner.rates_, seen[0]

    def _weight_params(self, learner: Any, sample_weight: np.ndarray) -> dict[str, Any]:
        found = weights_for(learner, sample_weight)
        if found is None:
            raise NotApplicable(
                f"{type(learner).__name__} takes no sample_weight, but the rows have weights "
                f"(treatment {treatment_name(self.treatment)!r}).",
                expected="Expected a learner whose fit has sample_weight.",
                why="Weights that are silently dropped would change what is learnt.",
                hint="Use a sampler such as 'random_over', or another learner.",
            )
        return found

    def _out_of_fold(
        self,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
        cost: np.ndarray | None,
        groups: Any,
        params: dict[str, Any],
        streams: Streams,
    ) -> np.ndarray:
        """Give each row probabilities of a learner that has not seen it; NaN where no fold tests it.

        The learners of the folds take over what the final one chose (its number of trees, its penalty): left to
        choose for themselves they would be at levels of their own, which is not the level that is to be put right.
        """
        total = np.zeros((len(y), len(self.classes_)))
        count = np.zeros(len(y))
        cv = self.cv
        if isinstance(cv, str) and cv == "auto":
            cv = 10 if np.unique(y, return_counts=True)[1].min() < FEW_ROWS else 5
        folds = fold_pairs(X, y, cv, groups=groups, random_state=streams.child("folds").seed())
        twin = self.learner_.settled() if hasattr(self.learner_, "settled") else self._base()
        for k, (train, test) in enumerate(folds):
            learner, rates, _ = self._fit_learner(
                twin,
                take(X, train),
                y[train],
                None if weights is None else weights[train],
                None if cost is None else cost[train],
                fold_params(params, train, len(y)),
                streams.child("fold", k),
            )
            proba = class_probabilities(learner, take(X, test), self.classes_)
            total[test] += self._chain(rates, []).apply(proba)
            count[test] += 1
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count[:, None])

    def _score_left_out(self, X: Any, used: np.ndarray | None, unseen: np.ndarray) -> None:
        """Replace out-of-fold probabilities by the final learner's own on rows that its treatment left out.

        The final learner has not seen them either, and they say what its own draw of rows has done to its level:
        after under-sampling to a few dozen rows, that differs from one draw to the next.
        """
        if used is None:
            return
        is_out = np.ones(len(unseen), dtype=bool)
        is_out[used] = False
        out = np.flatnonzero(is_out & ~np.isnan(unseen[:, 0]))
        if len(out):
            proba = class_probabilities(self.learner_, take(X, out), self.classes_)
            unseen[out] = self._chain(self.rates_, []).apply(proba)

    def _chain(self, rates: np.ndarray, corrections: list[CalibrationMap]) -> CalibrationMap:
        if self.recalibrate is None:
            return IdentityMap()
        prior: list[CalibrationMap] = [] if np.allclose(rates, rates[0]) else [PriorMap.of(rates)]
        maps = (*prior, *corrections)
        return maps[0] if len(maps) == 1 else MapChain(maps) if maps else IdentityMap()

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class, at the natural balance.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Each row sums to 1; columns as in `classes_`.
        """
        check_is_fitted(self)
        X = validate_data(self, _with_two_dimensions(X), reset=False, skip_check_array=True)
        return self.map_.apply(class_probabilities(self.learner_, X, self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels among `classes_`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which arguments of `fit` go where.

        Returns
        -------
        MetadataRouter
            scikit-learn's routing. Weights always follow the rows into the learner, whatever it requests.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        return router.add(learner=self._base(), method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        """Say what the classifier takes: what its learner takes.

        Returns
        -------
        Tags
            scikit-learn's description.
        """
        tags = super().__sklearn_tags__()
        own = get_tags(self._base())
        tags.input_tags = own.input_tags
        if own.classifier_tags is not None:
            tags.classifier_tags.multi_class = own.classifier_tags.multi_class
        return tags


# --- steps ---------------------------------------------------------------------------------------------------


def weights_for(learner: Any, sample_weight: np.ndarray) -> dict[str, Any] | None:
    """Say how weights are given to a learner's fit.

    Parameters
    ----------
    learner : estimator
        A learner, or a pipeline that ends in one.
    sample_weight : ndarray of shape (n_rows,)
        The weights.

    Returns
    -------
    dict or None
        Arguments of `fit`; None where the learner takes no weights.
    """
    if hasattr(learner, "steps"):
        name, last = learner.steps[-1]
        inner = weights_for(last, sample_weight)
        return None if inner is None else {f"{name}__{key}": value for key, value in inner.items()}
    return {"sample_weight": sample_weight} if has_fit_parameter(learner, "sample_weight") else None


def _with_rest(part: np.ndarray, chosen: np.ndarray, n: int) -> np.ndarray:
    """Give the rows that a learner has seen: those chosen of the treated part, and all that were kept apart."""
    left_out = np.zeros(n, dtype=bool)
    left_out[part] = True
    left_out[part[chosen[chosen >= 0]]] = False
    return np.flatnonzero(~left_out)


def _with_two_dimensions(X: Any) -> Any:
    X = X if hasattr(X, "shape") else np.asarray(X)
    if len(X.shape) != 2:
        raise InputError(
            f"Expected 2D array, got {len(X.shape)}D array instead.",
            expected="Expected rows and columns.",
            why="One dimension may be one row or one column.",
            hint="Reshape your data: X.reshape(-1, 1) for one column, X.reshape(1, -1) for one row.",
        )
    return X


def treatment_name(treatment: Any) -> str:
    """Give a short name of a treatment.

    Parameters
    ----------
    treatment : str, sampler or None
        The treatment.

    Returns
    -------
    str
        Its name, or the name of its class.
    """
    if treatment is None:
        return "none"
    return treatment if isinstance(treatment, str) else type(treatment).__name__


def treat(
    treatment: Any,
    X: Any,
    y: np.ndarray,
    sample_weight: np.ndarray | None,
    *,
    classes: np.ndarray,
    by_weight: bool,
    costs: Mapping[Any, float] | None = None,
    row_cost: np.ndarray | None = None,
    streams: Streams,
) -> TreatedRows:
    """Apply a treatment to rows.

    Parameters
    ----------
    treatment : str, sampler or None
        As for `Treated`.
    X : array-like or frame of shape (n_rows, n_columns)
        The table.
    y : ndarray of shape (n_rows,)
        Labels.
    sample_weight : ndarray of shape (n_rows,), float64, or None
        Weights.
    classes : ndarray of shape (n_classes,)
        All labels, sorted.
    by_weight : bool
        The learner takes weights: repeated rows become weights, and no copy is made.
    costs : dict of label to float, default=None
        For ``"cost_weight"``.
    row_cost : ndarray of shape (n_rows,), float64, default=None
        For ``"cost_weight"``.
    streams : Streams
        Chance of the treatment.

    Returns
    -------
    TreatedRows
        What the learner is to be fitted on.
    """
    codes = np.searchsorted(classes, y)
    before = np.bincount(codes, weights=sample_weight, minlength=len(classes)).astype(np.float64)
    name = treatment if isinstance(treatment, str) else None
    if treatment is None or name == "none":
        return TreatedRows(X, y, sample_weight, None, np.ones(len(classes)))
    if name in ("class_weight", "cost_weight"):
        factors = (
            balanced_weights(codes, sample_weight, len(classes))[codes]
            if name == "class_weight"
            else cost_factors(codes, classes, costs, row_cost, sample_weight)
        )
        weights = factors if sample_weight is None else factors * sample_weight
        after = np.bincount(codes, weights=weights, minlength=len(classes))
        return TreatedRows(X, y, weights, None, after / before)
    sampler = _sampler(treatment, streams)
    made = _planned if hasattr(sampler, "plan") else _resampled
    rows, labels, weights, sources = made(sampler, X, y, sample_weight, by_weight)
    mass = np.bincount(np.searchsorted(classes, labels), weights=weights, minlength=len(classes))
    return TreatedRows(rows, labels, weights, sources, mass / before)


def cost_factors(
    codes: np.ndarray,
    classes: np.ndarray,
    costs: Mapping[Any, float] | None,
    row_cost: np.ndarray | None,
    sample_weight: np.ndarray | None,
) -> np.ndarray:
    """Give each row the cost of a mistake on it, with mean 1.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    classes : ndarray of shape (n_classes,)
        Labels, sorted.
    costs : dict of label to float, or None
        Cost by class; a class that is left out costs 1.
    row_cost : ndarray of shape (n_rows,) or None
        Cost by row; both are multiplied.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights, for the mean.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        The factors.

    Raises
    ------
    NotApplicable
        If no cost is given, or a class costs nothing.
    """
    if costs is None and row_cost is None:
        raise NotApplicable(
            "The treatment 'cost_weight' was asked for without any cost.",
            expected="Expected costs={label: cost}, or row_cost in fit.",
            why="Rows are to weigh what a mistake on them costs.",
            hint="Give the costs, or use 'class_weight'.",
        )
    by_class = np.array([float((costs or {}).get(label, 1.0)) for label in classes.tolist()])
    factors: np.ndarray = by_class[codes] * (1.0 if row_cost is None else row_cost)
    mass = np.bincount(codes, weights=factors, minlength=len(classes))
    if not np.isfinite(mass).all() or (mass <= 0).any() or (by_class < 0).any():
        raise NotApplicable(
            f"The costs give the classes the mass {mass.tolist()}.",
            expected="Expected a positive cost in each class.",
            why="A class on which mistakes are free would not be learnt at all.",
            hint="Give each class a positive cost.",
        )
    return np.asarray(factors / np.average(factors, weights=sample_weight))


def _sampler(treatment: Any, streams: Streams) -> Any:
    if isinstance(treatment, str):
        from counterpoise.resample.catalogue import make_sampler

        return make_sampler(treatment, random_state=streams.child("treatment").seed())
    if isinstance(treatment, type) or not (hasattr(treatment, "plan") or hasattr(treatment, "fit_resample")):
        raise TypeOfInputError(
            f"treatment={treatment!r} was given.",
            expected="Expected a name, a sampler instance with plan or fit_resample, or None.",
            why="It says which rows the learner sees, and how often.",
            hint="Pass for example treatment='smote', or SMOTE(random_state=0).",
        )
    return clone(treatment) if hasattr(treatment, "get_params") else treatment


_Made = tuple[Any, np.ndarray, np.ndarray | None, np.ndarray | None]


def _planned(sampler: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, by_weight: bool) -> _Made:
    """Take rows by a plan; repeats become weights where nothing is invented and the learner takes weights."""
    plan = sampler.plan(X, y)
    if plan.invents or not by_weight:
        rows, labels, weights = plan.rows(X, y, sample_weight)
        return rows, np.asarray(labels), weights, np.asarray(plan.sources)
    counts = plan.weights()
    kept = np.flatnonzero(counts)
    weights = counts[kept] if sample_weight is None else counts[kept] * sample_weight[kept]
    if sample_weight is None and (weights == 1).all():
        weights = None
    if len(kept) == len(y):
        return X, y, weights, None
    return take(X, kept), y[kept], weights, kept


def _resampled(
    sampler: Any, X: Any, y: np.ndarray, sample_weight: np.ndarray | None, by_weight: bool
) -> _Made:
    """Take rows from a sampler of another library, which says nothing about where they come from."""
    if sample_weight is not None:
        raise NotApplicable(
            f"{type(sampler).__name__} has no plan, and the rows have weights.",
            expected="Expected a sampler of counterpoise, whose plan says which row a weight follows.",
            why="The weights of the resampled rows are unknown.",
            hint="Use the sampler of the same name from counterpoise.resample.",
        )
    rows, labels = sampler.fit_resample(X, y)
    return rows, np.asarray(labels), None, None
