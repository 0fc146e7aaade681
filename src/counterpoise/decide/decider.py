"""A classifier whose decisions serve a goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from counterpoise.calibrate.crossfit import class_probabilities, out_of_fold, params_for
from counterpoise.calibrate.inputs import as_weights, same_length
from counterpoise.decide.choice import named_costs, point_at
from counterpoise.decide.classes import class_weights_for, decide_classes
from counterpoise.decide.costs import CostMatrix, decide_rows
from counterpoise.decide.curve import ThresholdCurve
from counterpoise.decide.goal import Goal
from counterpoise.errors import InputError, NotApplicable, OptionError
from counterpoise.table.frames import column_names, n_rows, select

__all__ = ["Decider"]


class Decider(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Draw a classifier's line for a goal, on rows that the classifier has not seen.

    Every line is looked at, not a grid, and a goal with a limit holds with the stated confidence
    (`ThresholdCurve.best`). With more than two classes each class has a weight on its probability, found by exact
    sweeps for a macro figure, or decisions follow a cost matrix.

    Parameters
    ----------
    classifier : classifier, optional
        What gives the probabilities; logistic regression by default.
    goal : str, Goal or CostMatrix, default="f1"
        What good means. More than two classes: ``f<beta>`` (macro), ``balanced_accuracy``, ``gmean``, ``accuracy``
        or a `CostMatrix`.
    confidence : float, optional
        Confidence with which the limits of the goal hold.
    cv : int, splitter, iterable or "prefit", default=5
        Folds; each row's probability comes from a classifier fitted without it, then the classifier is fitted on
        all rows. "prefit" takes the classifier as fitted and draws the line on the rows given.
    threshold : float, optional
        A fixed line for two classes; no line is then looked for.
    positive : object, optional
        Label of the positive class; the second of the sorted labels by default.
    nearest : bool, default=False
        Take the nearest line where the goal cannot be reached, instead of raising.
    steady : bool, default=True
        For a goal without limits take the mean of the best lines of resampled rows, which does better on new rows
        than the best line of these (`ThresholdCurve.best`).
    random_state : int, Generator, RandomState or None, default=0
        Seed of the folds; fixed, so that the same rows give the same line.

    Attributes
    ----------
    classifier_ : classifier
        Fitted on all rows.
    operating_point_ : OperatingPoint
        The line and what stands behind it; two classes only.
    threshold_ : float
        The line; two classes only.
    curve_ : ThresholdCurve
        All lines; two classes only.
    class_weights_ : ndarray of shape (n_classes,)
        Weights of the probabilities; more than two classes and no cost matrix.
    classes_ : ndarray of shape (n_classes,)
        Labels.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : A grid of lines for one metric, two classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 2)); y = (X[:, 0] + rng.normal(size=3000) > 2.5).astype(int)
    >>> model = Decider(LogisticRegression(), goal="recall>=0.8", confidence=0.95).fit(X, y)
    >>> bool((y & model.predict(X)).sum() / y.sum() >= 0.8)
    True
    """

    def __init__(
        self,
        classifier: Any = None,
        goal: str | Goal | CostMatrix = "f1",
        *,
        confidence: float | None = None,
        cv: Any = 5,
        threshold: float | None = None,
        positive: Any = None,
        nearest: bool = False,
        steady: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.classifier = classifier
        self.goal = goal
        self.confidence = confidence
        self.cv = cv
        self.threshold = threshold
        self.positive = positive
        self.nearest = nearest
        self.steady = steady
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        row_costs: Any = None,
        groups: Any = None,
        days: Any = None,
        **params: Any,
    ) -> Self:
        """Fit the classifier and draw the line.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.
        y : array-like of shape (n_rows,)
            Labels.
        sample_weight : array-like of shape (n_rows,), optional
            Weights, for the line, and for the classifier where its fit takes them.
        row_costs : array-like, mapping or frame, optional
            Columns that the goal names as costs; looked for in X where X is a frame.
        groups : array-like of shape (n_rows,), optional
            Rows of one group stay on one side of a fold.
        days : array-like of shape (n_rows,), optional
            Day of each row, for a goal of alerts per day.
        **params : object
            Further arguments of the classifier's fit.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        NotApplicable
            If one class only is present, or the goal cannot be reached.
        InputError
            If an input cannot be used.
        """
        X = X if hasattr(X, "shape") else np.asarray(X)
        labels = self._labels(X, y)
        weights = as_weights(sample_weight, labels.shape[0])
        goal = self._goal()
        proba, rows = self._probabilities(X, labels, groups, params_for(self, self._inner(), weights, params))
        shown, w = labels[rows], None if weights is None else weights[rows]
        if self.classes_.shape[0] == 2:
            costs = _cut_costs(self._costs(goal, X, row_costs), rows)
            n_days = None if days is None else float(np.unique(np.asarray(days)[rows]).shape[0])
            self._draw_line(goal, shown, proba[rows], w, costs, n_days)
        elif self.threshold is not None:
            raise NotApplicable(
                f"threshold={self.threshold} was given for {self.classes_.shape[0]} classes.",
                expected="Expected two classes.",
                why="More classes are divided by more than one line.",
                hint="Leave threshold out, or pass a CostMatrix as the goal.",
            )
        elif not isinstance(goal, CostMatrix):
            codes = np.searchsorted(self.classes_, shown)
            self.class_weights_ = class_weights_for(goal, codes, proba[rows], w)
        return self

    def _labels(self, X: Any, y: Any) -> np.ndarray:
        if y is None:
            raise NotApplicable(
                "No outcome was given (y is None).",
                expected="This estimator requires y to be passed, but the target y is None.",
                why="A line is drawn where outcomes differ.",
                hint="Call fit(X, y).",
            )
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        same_length(n_rows(X), y=labels)
        return np.asarray(labels)

    def _goal(self) -> Goal | CostMatrix:
        return self.goal if isinstance(self.goal, CostMatrix) else Goal.parse(self.goal, self.confidence)

    def _probabilities(
        self, X: Any, labels: np.ndarray, groups: Any, params: dict[str, Any]
    ) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self.cv, str) and self.cv == "prefit":
            check_is_fitted(self.classifier)
            self.classifier_ = self.classifier
            self.classes_ = np.asarray(self.classifier_.classes_)
            proba = class_probabilities(self.classifier_, X, self.classes_)
            return proba, np.ones(labels.shape[0], dtype=bool)
        self.classes_ = np.unique(labels)
        if self.threshold is not None or (
            isinstance(self._goal(), CostMatrix) and self.classes_.shape[0] > 2
        ):
            self.classifier_ = clone(self._inner()).fit(X, labels, **params)
            return class_probabilities(self.classifier_, X, self.classes_), np.ones(
                labels.shape[0], dtype=bool
            )
        proba, rows = out_of_fold(
            self._inner(), X, labels, cv=self.cv, groups=groups, params=params, random_state=self.random_state
        )
        self.classifier_ = clone(self._inner()).fit(X, labels, **params)
        return proba, rows

    def _draw_line(
        self,
        goal: Goal | CostMatrix,
        labels: np.ndarray,
        proba: np.ndarray,
        weights: np.ndarray | None,
        costs: dict[str, np.ndarray],
        n_days: float | None,
    ) -> None:
        outcome, column = labels == self._positive(), self._positive_column()
        if isinstance(goal, CostMatrix):
            goal = _as_goal(goal, column)
        self.curve_ = ThresholdCurve.from_scores(outcome, proba[:, column], weights, columns=costs)
        if self.threshold is not None:
            self.operating_point_ = point_at(self.curve_, float(self.threshold), goal, n_days=n_days)
        else:
            self.operating_point_ = self.curve_.best(
                goal, n_days=n_days, nearest=self.nearest, steady=self.steady
            )
        self.threshold_ = self.operating_point_.threshold

    def _costs(self, goal: Goal | CostMatrix, X: Any, row_costs: Any) -> dict[str, np.ndarray]:
        if isinstance(goal, CostMatrix) or not goal.columns:
            return {}
        if row_costs is None:
            row_costs = _columns_of(X, goal.columns)
        return {
            name: np.asarray(each, dtype=np.float64) for name, each in named_costs(goal, row_costs).items()
        }

    def _positive(self) -> Any:
        if self.positive is None:
            return self.classes_[1]
        if self.positive not in self.classes_.tolist():
            raise OptionError(
                f"positive={np.asarray(self.positive).tolist()!r} was given.",
                expected=f"Expected one of {self.classes_.tolist()}.",
                why="It says which class an alert means.",
                hint="Name a label that occurs in y.",
            )
        return self.positive

    def _positive_column(self) -> int:
        return int(np.flatnonzero(self.classes_ == self._positive())[0])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the classifier's probabilities.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Probabilities, in the order of `classes_`.
        """
        check_is_fitted(self)
        return class_probabilities(self.classifier_, X, self.classes_)

    def predict(self, X: Any, row_costs: Any = None) -> np.ndarray:
        """Decide.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_rows, n_columns)
            Features.
        row_costs : array-like, mapping or frame, optional
            Columns that the goal names as costs: each row is then decided at its own line of least expected cost,
            which presumes calibrated probabilities. Without them all rows are decided at one line.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.

        Raises
        ------
        InputError
            If the row costs cannot be used.
        """
        proba = self.predict_proba(X)
        if self.classes_.shape[0] > 2:
            return np.asarray(self.classes_[self._decide_classes(proba)])
        column = self._positive_column()
        p = proba[:, column]
        alerted = p >= self.threshold_ if row_costs is None else self._decide_rows(p, row_costs)
        return np.asarray(self.classes_[np.where(alerted, column, 1 - column)])

    def _decide_classes(self, proba: np.ndarray) -> np.ndarray:
        goal = self._goal()
        if isinstance(goal, CostMatrix):
            return CostMatrix(goal.costs).decide(proba)
        return decide_classes(proba, self.class_weights_)

    def _decide_rows(self, p: np.ndarray, row_costs: Any) -> np.ndarray:
        goal = self._goal()
        if isinstance(goal, CostMatrix) or not goal.columns:
            raise InputError(
                "Row costs were given for a goal that names no column.",
                expected="Expected a goal such as cost(fn=amount, fp=5).",
                why="It says which cost the rows' numbers are.",
                hint="Leave row_costs out.",
            )
        named = {
            name: np.asarray(each, dtype=np.float64) for name, each in named_costs(goal, row_costs).items()
        }
        costs = {}
        for cell in ("fn", "fp", "tp", "tn"):
            cost = goal.objective.cost(cell)
            costs[cell] = cost.factor * (1.0 if cost.column is None else named[cost.column])
        return decide_rows(p, **costs)

    @property
    def n_features_in_(self) -> int:
        """Number of features of the classifier."""
        return int(self._of_classifier("n_features_in_"))

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features of the classifier."""
        return np.asarray(self._of_classifier("feature_names_in_"))

    def _of_classifier(self, name: str) -> Any:
        if "classifier_" not in self.__dict__ or not hasattr(self.classifier_, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.classifier_, name)

    def _inner(self) -> Any:
        return LogisticRegression() if self.classifier is None else self.classifier

    def get_metadata_routing(self) -> MetadataRouter:
        """Say which arguments of fit and predict go where.

        Returns
        -------
        MetadataRouter
            Routing of scikit-learn.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=type(self).__name__)
            .add_self_request(self)
            .add(estimator=self._inner(), method_mapping=mapping)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._inner())
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.string = inner.input_tags.string
        tags.input_tags.categorical = inner.input_tags.categorical
        tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags


def _columns_of(X: Any, names: tuple[str, ...]) -> Mapping[str, Any]:
    known = column_names(X) or ()
    missing = [name for name in names if name not in known]
    if missing:
        raise InputError(
            f"The goal names the column(s) {', '.join(missing)}, which X does not have.",
            expected="Expected them as row_costs, or as columns of X.",
            why="They say what an error on each row costs.",
            hint="Pass fit(X, y, row_costs=amounts).",
        )
    return {name: np.asarray(select(X, [known.index(name)])).reshape(-1) for name in names}


def _cut_costs(costs: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    for name, each in costs.items():
        same_length(rows.shape[0], **{name: each})
    return {name: each[rows] for name, each in costs.items()}


def _as_goal(matrix: CostMatrix, column: int) -> Goal:
    if matrix.n_classes != 2:
        raise InputError(
            f"A cost matrix of {matrix.n_classes} classes was given for two.",
            expected="Expected two rows and two columns.",
            why="Each decision is weighed by what it costs for each truth.",
            hint="Pass costs[truth, decision].",
        )
    c, other = matrix.costs, 1 - column
    least_missed, least_false = min(c[column, column], 0.0), min(c[other, other], 0.0)
    cells = {"fn": c[column, other], "fp": c[other, column], "tp": c[column, column], "tn": c[other, other]}
    if cells["fn"] < 0.0 or cells["fp"] < 0.0:
        cells["fn"], cells["tp"] = cells["fn"] - least_missed, cells["tp"] - least_missed
        cells["fp"], cells["tn"] = cells["fp"] - least_false, cells["tn"] - least_false
    return Goal(f"cost({', '.join(f'{cell}={float(cost)!r}' for cell, cost in cells.items())})")
