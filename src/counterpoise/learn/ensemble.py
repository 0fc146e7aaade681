"""Ensembles whose members each see all rare rows and a fresh draw of the common ones.

What the members share is written here: how rows are drawn, how members are trained side by side, how their votes
become probabilities at the base rate, and what rows that a member has not seen say of it. A member never sees a copy
of the table: it takes its few rows when it is trained.

Members are trained on balanced rows, so their votes are off by the sampling rates. The closed form puts them back
(Elkan, IJCAI 2001), and a slope and a shift of the log-odds, fitted on votes of members that have not seen the row,
put right what the closed form cannot: votes of trees that fit their rows closely are no probabilities at all.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from counterpoise.calibrate.maps import CalibrationMap, MapChain, fit_map, map_from_dict
from counterpoise.calibrate.prior import PriorMap
from counterpoise.chance import Streams
from counterpoise.errors import CounterpoiseWarning, InputError, OptionError, TypeOfInputError, nearest_names
from counterpoise.learn.classifier import TableClassifier, log_odds, threads
from counterpoise.learn.forest import CategoryNumbers
from counterpoise.learn.inputs import check_table
from counterpoise.learn.linear_learner import folds, n_threads
from counterpoise.resample.strategy import resolve_strategy
from counterpoise.table.frames import n_rows, take

__all__ = ["CALIBRATIONS", "BalancedEnsemble", "Draws", "Rows"]

CALIBRATIONS = ("platt", "intercept", "isotonic", "prior", "none")
"""How votes become probabilities."""

CALIBRATION_FOLDS = 3
"""Folds in which votes for calibration are made where members have seen all rare rows."""

CALIBRATION_ROWS = 10_000
"""Most rows of a class that calibration looks at."""

PREDICTED_ROWS = 16_384
"""Rows that are voted on at a time."""

T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """What an ensemble is trained on.

    Attributes
    ----------
    table : ndarray or frame
        Numbers for members that take numbers, the table itself for members that take tables.
    codes : ndarray of shape (n_rows,), int64
        Class codes.
    weight : ndarray of shape (n_rows,), float64, or None
        Sample weights.
    n_classes : int
        Number of classes.
    has_missing : bool
        Whether a number is missing.
    """

    table: Any
    codes: np.ndarray
    weight: np.ndarray | None
    n_classes: int
    has_missing: bool

    def take(self, rows: np.ndarray) -> Rows:
        """Take some rows.

        Parameters
        ----------
        rows : ndarray of int64
            Row numbers.

        Returns
        -------
        Rows
            Those.
        """
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, table=take(self.table, rows), codes=self.codes[rows], weight=weight)

    @property
    def mass(self) -> np.ndarray:
        """Weight of each class."""
        return np.bincount(self.codes, weights=self.weight, minlength=self.n_classes).astype(np.float64)


@dataclass(frozen=True)
class Draws:
    """How many rows of each class a member draws, and how.

    Attributes
    ----------
    rows : tuple of ndarray, int64
        Rows of each class.
    sizes : tuple of int
        Rows drawn of each class.
    again : tuple of bool
        Whether a row may be drawn twice.
    names : tuple
        Labels, which name the streams.
    """

    rows: tuple[np.ndarray, ...]
    sizes: tuple[int, ...]
    again: tuple[bool, ...]
    names: tuple[Any, ...]

    @classmethod
    def of(
        cls, codes: np.ndarray, classes: np.ndarray, strategy: Any, *, replacement: bool, bootstrap: bool
    ) -> Draws:
        """Read the options of an ensemble.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,), int64
            Class codes.
        classes : ndarray of shape (n_classes,)
            Labels.
        strategy : str, float, mapping or callable
            Rows that a member keeps of each class, as for `RandomUnderSampler`.
        replacement : bool
            Draw with replacement from the classes that the strategy cuts.
        bootstrap : bool
            Draw with replacement, as many as there are, from the others; False takes them whole.

        Returns
        -------
        Draws
            The recipe of a member's rows.
        """
        labels = classes.tolist()
        counts = np.bincount(codes, minlength=len(labels))
        cut = resolve_strategy(strategy, labels, counts, "under-sampling", classes[codes])
        rows = tuple(np.flatnonzero(codes == code) for code in range(len(labels)))
        sizes = tuple(int(cut.get(label, count)) for label, count in zip(labels, counts, strict=True))
        again = tuple(replacement if label in cut else bootstrap for label in labels)
        return cls(rows, sizes, again, tuple(labels))

    @property
    def rates(self) -> np.ndarray:
        """Rows drawn over rows there, for each class."""
        return np.array([size / len(rows) for size, rows in zip(self.sizes, self.rows, strict=True)])

    @property
    def leaves_rows_out(self) -> bool:
        """Whether members leave rows of every class out, so that out-of-bag votes exist for all."""
        return all(
            again or size < len(rows)
            for size, rows, again in zip(self.sizes, self.rows, self.again, strict=True)
        )

    def draw(self, stream: Streams) -> np.ndarray:
        """Draw a member's rows.

        Parameters
        ----------
        stream : Streams
            The member's chance.

        Returns
        -------
        ndarray of int64
            Row numbers, class by class.
        """
        parts = []
        for name, rows, size, again in zip(self.names, self.rows, self.sizes, self.again, strict=True):
            if size == len(rows) and not again:
                parts.append(rows)
                continue
            chosen = stream.child(name).generator().choice(len(rows), size, replace=again, shuffle=False)
            parts.append(rows[chosen])
        return np.concatenate(parts)


class BalancedEnsemble(TableClassifier):
    """What ensembles on balanced draws share.

    Attributes
    ----------
    estimators_ : list of classifier
        The members, trained on numbers and class positions.
    estimators_samples_ : list of ndarray of int64
        Rows that each member has seen.
    calibration_ : dict
        The map from mean votes to probabilities, as plain values.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    """

    estimators_: list[Any]
    estimators_samples_: list[np.ndarray]

    # --- what each ensemble says of itself ------------------------------------------------------------------------

    @abstractmethod
    def _member(self) -> Any:
        """Give a new member."""

    def _draws(self, codes: np.ndarray, classes: np.ndarray) -> Draws:
        return Draws.of(
            codes,
            classes,
            self.sampling_strategy,
            replacement=self.replacement,
            bootstrap=getattr(self, "bootstrap", False),
        )

    def _grow(self, rows: Rows, draws: Draws, stream: Streams, kept: int) -> None:
        """Train the members from number `kept` on; they do not depend on each other."""
        names = range(kept, self.n_estimators)
        samples = [draws.draw(stream.child("draw", k)) for k in names]

        def train(k: int) -> Any:
            return self._trained(rows, samples[k - kept], stream.child("member", k))

        self.estimators_ += self._side_by_side(train, names)
        self.estimators_samples_ += samples

    def _votes(self, table: Any) -> np.ndarray:
        """Give the mean probabilities of the members."""
        return self._mean_votes(self.estimators_, table)

    # --- learning ---------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the ensemble.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table; categories and missing values as the members allow (trees, the default, take both).
        y : array-like of shape (n_rows,)
            Class labels, at least two classes.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of rows, passed on to the members; rows are drawn alike whatever their weight.

        Returns
        -------
        object
            The ensemble itself.

        Raises
        ------
        InputError
            If there is one class only, or values are missing that the members do not take.
        TypeOfInputError
            If weights are given and the members take none, or a member gives no probabilities.
        """
        return super().fit(X, y, sample_weight)

    def _learn(self, X: Any, codes: np.ndarray, weights: np.ndarray | None) -> None:
        self._check(weights)
        kept = self._kept()
        rows = self._prepared(X, codes, weights, anew=kept == 0)
        draws, stream = self._draws(codes, self.classes_), Streams.of(self.random_state).child("ensemble")
        if kept == 0:
            self.estimators_, self.estimators_samples_ = [], []
        self._grow(rows, draws, stream, kept)
        with threads(1):  # small products: threads of linear algebra would cost more than they give
            self._calibrate(rows, draws, stream)
        if getattr(self, "oob_score", False):
            self._score_out_of_bag(rows, draws)

    def _check(self, weights: np.ndarray | None) -> None:
        if self.calibrate not in CALIBRATIONS:
            raise OptionError(
                f"calibrate={self.calibrate!r} was given.",
                expected=f"Expected one of {', '.join(CALIBRATIONS)}.",
                why="It says how votes become probabilities.",
                hint=nearest_names(str(self.calibrate), list(CALIBRATIONS)),
            )
        if isinstance(self.n_estimators, bool) or not isinstance(self.n_estimators, int | np.integer):
            raise OptionError(f"n_estimators={self.n_estimators!r} was given.", expected="Expected an int.")
        if self.n_estimators < 1:
            raise OptionError(
                f"n_estimators={self.n_estimators} was given.", expected="Expected at least 1 member."
            )
        member = self._member()
        if not hasattr(member, "predict_proba"):
            raise TypeOfInputError(
                f"{type(member).__name__} gives no probabilities.",
                expected="Expected members with predict_proba.",
                why="Votes are averaged and put back to the base rate.",
                hint="Wrap it in sklearn.calibration.CalibratedClassifierCV.",
            )
        if weights is not None and not has_fit_parameter(member, "sample_weight"):
            raise TypeOfInputError(
                f"sample_weight was given, and {type(member).__name__} takes none.",
                expected="Expected members whose fit takes sample_weight.",
                why="The weights would be lost without a word.",
                hint="Leave sample_weight out, or choose another estimator.",
            )

    def _kept(self) -> int:
        if not getattr(self, "warm_start", False) or not hasattr(self, "estimators_"):
            return 0
        if self.n_estimators < len(self.estimators_):
            raise OptionError(
                f"n_estimators={self.n_estimators} was given with warm_start, and {len(self.estimators_)} are there.",
                expected="Expected at least as many.",
                why="warm_start adds members and takes none away.",
                hint="Raise n_estimators, or set warm_start=False.",
            )
        return len(self.estimators_)

    def _prepared(self, X: Any, codes: np.ndarray, weights: np.ndarray | None, *, anew: bool) -> Rows:
        n_classes = len(self.classes_)
        if self._takes_tables():
            self.numbers_: CategoryNumbers | None = None
            return Rows(X, codes, weights, n_classes, False)
        if anew or self.numbers_ is None:
            self.numbers_ = CategoryNumbers()
            numbers = self.numbers_.fit_block(X, codes, weights)
        else:
            numbers = self.numbers_.block(X)
        has_missing = bool(np.isnan(numbers.sum()))
        if has_missing and not get_tags(self._member()).input_tags.allow_nan:
            raise InputError(
                f"Values are missing (NaN), and {type(self._member()).__name__} takes none.",
                expected="Expected no missing values for these members.",
                why="What fills a gap is part of the model.",
                hint="Put an imputer in front of the estimator with make_pipeline, or leave estimator=None.",
            )
        return Rows(numbers, codes, weights, n_classes, has_missing)

    def _takes_tables(self) -> bool:
        return isinstance(self._member(), TableClassifier)

    def _trained(self, rows: Rows, sample: np.ndarray, stream: Streams) -> Any:
        """Train one member on its rows."""
        member = self._member()
        if isinstance(member, DecisionTreeClassifier):
            member.random_state = stream.seed()
        else:
            seeds = [name for name in member.get_params() if name.split("__")[-1] == "random_state"]
            member.set_params(**{name: stream.child(name).seed() for name in seeds})
        part = rows.take(sample)
        options: dict[str, Any] = {} if part.weight is None else {"sample_weight": part.weight}
        if isinstance(member, DecisionTreeClassifier) and not rows.has_missing:
            options["check_input"] = False  # the rows are checked, float32 and contiguous
        return member.fit(part.table, part.codes, **options)

    def _side_by_side(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        n_jobs = min(n_threads(self.n_jobs), len(items))
        if n_jobs <= 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(n_jobs) as pool:
            return list(pool.map(work, items))

    # --- votes -----------------------------------------------------------------------------------------------------

    def _mean_votes(self, members: Sequence[Any], table: Any) -> np.ndarray:
        def work(part: np.ndarray | None) -> np.ndarray:
            block = table if part is None else take(table, part)
            return sum_votes(members, block, len(self.classes_), has_missing) / len(members)

        n = n_rows(table)
        has_missing = not isinstance(table, np.ndarray) or bool(np.isnan(table.sum()))
        parts: list[np.ndarray | None] = [
            np.arange(start, min(start + PREDICTED_ROWS, n)) for start in range(0, n, PREDICTED_ROWS)
        ]
        return np.concatenate(self._side_by_side(work, parts if n > PREDICTED_ROWS else [None]))

    def _out_of_bag(self, rows: Rows, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean votes of the members that have not seen the row, and how many they are."""
        table = take(rows.table, which)
        place = np.full(len(rows.codes), -1, dtype=np.int64)
        place[which] = np.arange(len(which))

        def work(k: int) -> tuple[np.ndarray, np.ndarray]:
            unseen = np.ones(len(which), dtype=bool)
            seen = place[self.estimators_samples_[k]]
            unseen[seen[seen >= 0]] = False
            votes = sum_votes([self.estimators_[k]], table, rows.n_classes, rows.has_missing)
            votes[~unseen] = 0.0
            return unseen, votes

        votes, counts = np.zeros((len(which), rows.n_classes)), np.zeros(len(which), dtype=np.int64)
        for unseen, own in self._side_by_side(work, range(len(self.estimators_))):
            votes += own
            counts += unseen
        return votes / np.maximum(counts, 1)[:, None], counts

    def _score_out_of_bag(self, rows: Rows, draws: Draws) -> None:
        if not draws.leaves_rows_out:
            raise OptionError(
                "oob_score=True was given with members that see all rows of a class.",
                expected="Expected bootstrap=True, or another sampling_strategy.",
                why="No member could vote on those rows without having seen them.",
                hint="Set bootstrap=True.",
            )
        votes, counts = self._out_of_bag(rows, np.arange(len(rows.codes)))
        self.oob_decision_function_ = np.where(counts[:, None] > 0, self._map.apply(votes), np.nan)
        known = counts > 0
        weight = None if rows.weight is None else rows.weight[known]
        if rows.n_classes == 2:
            scores = self.oob_decision_function_[known, 1]
            self.oob_score_ = float(average_precision_score(rows.codes[known], scores, sample_weight=weight))
        else:
            proba, labels = self.oob_decision_function_[known], list(range(rows.n_classes))
            self.oob_score_ = -float(log_loss(rows.codes[known], proba, sample_weight=weight, labels=labels))

    # --- probabilities ----------------------------------------------------------------------------------------------

    @property
    def _map(self) -> CalibrationMap:
        return map_from_dict(self.calibration_)

    def _calibrate(self, rows: Rows, draws: Draws, stream: Streams) -> None:
        prior = PriorMap.of(self._rates(rows, draws))
        if self.calibrate == "none":
            self.calibration_ = {"kind": "identity"}
            return
        if self.calibrate == "prior":
            self.calibration_ = prior.to_dict()
            return
        honest = self._honest_votes(rows, draws, stream)
        if honest is None:
            warnings.warn(
                "A class has 1 row, so no vote on it is honest: probabilities are put back by the rates alone.",
                CounterpoiseWarning,
                stacklevel=2,
            )
            self.calibration_ = prior.to_dict()
            return
        votes, which, weight = honest
        base = prior.apply(votes)
        fitted = fit_map(
            self.calibrate, rows.codes[which], base if rows.n_classes > 2 else base[:, 1], weight
        )
        self.calibration_ = MapChain((prior, fitted)).to_dict()

    def _rates(self, rows: Rows, draws: Draws) -> np.ndarray:
        return draws.rates

    def _honest_votes(
        self, rows: Rows, draws: Draws, stream: Streams
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Give votes of members that have not seen the row, on some rows of each class, with rows and weights.

        Rows of a class that the members leave out are voted on by the members that have not seen them. On rows of
        a class that all members see, ensembles vote that were trained without them.
        """
        which, weight = some_of_each(rows, draws, stream.child("calibration"))
        votes, counts = self._out_of_bag(rows, which)
        lonely = np.bincount(rows.codes[which[counts > 0]], minlength=rows.n_classes) == 0
        crossed = np.flatnonzero(lonely[rows.codes[which]])
        if len(crossed):
            if min(len(part) for part in draws.rows) < 2:
                return None
            votes[crossed] = self._crossed_votes(rows, draws, stream, which[crossed])
            counts[crossed] = 1
        known = counts > 0
        return votes[known], which[known], reweigh(rows.codes[which], weight, known)[known]

    def _crossed_votes(self, rows: Rows, draws: Draws, stream: Streams, which: np.ndarray) -> np.ndarray:
        """Train the ensemble on folds, to vote on what it has not seen."""
        n = min(CALIBRATION_FOLDS, *(len(part) for part in draws.rows))
        votes = np.empty((len(rows.codes), rows.n_classes))
        asked = np.zeros(len(rows.codes), dtype=bool)
        asked[which] = True
        for k, (train, judged) in enumerate(folds(rows.codes, self.classes_, n, stream.child("folds"))):
            other = self._smaller()
            other.classes_, other.estimators_, other.estimators_samples_ = self.classes_, [], []
            own = rows.take(train)
            other._grow(own, other._draws(own.codes, self.classes_), stream.child("fold", k), 0)
            judged = judged[asked[judged]]
            votes[judged] = other._votes(take(rows.table, judged))
        return np.asarray(votes[which])

    def _smaller(self) -> Any:
        """Give an ensemble like this one to vote on rows that all members of this one have seen."""
        return clone(self).set_params(n_estimators=(self.n_estimators + 1) // 2)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class, at the base rate of the training rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            Each row sums to 1; columns as in `classes_`.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        table = X if self.numbers_ is None else self.numbers_.block(X)
        return np.asarray(self._map.apply(self._votes(table)))

    def _score(self, X: Any) -> np.ndarray:
        return log_odds(self.predict_proba(X))

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean importance of each column over the members, where they have importances."""
        check_is_fitted(self)
        if not hasattr(self.estimators_[0], "feature_importances_"):
            raise AttributeError(f"{type(self.estimators_[0]).__name__} has no feature_importances_.")
        mean = np.mean([member.feature_importances_ for member in self.estimators_], axis=0)
        if self.numbers_ is None:
            return np.asarray(mean)
        return np.bincount(self.numbers_.source_, weights=mean, minlength=self.n_features_in_)


# --- pure steps ----------------------------------------------------------------------------------------------------


def sum_votes(members: Sequence[Any], table: Any, n_classes: int, has_missing: bool) -> np.ndarray:
    """Add up the probabilities that members give.

    Parameters
    ----------
    members : sequence of classifier
        Trained on class positions.
    table : ndarray or frame of shape (n_rows, n_columns)
        What they take.
    n_classes : int
        Number of classes.
    has_missing : bool
        Whether a value may be missing.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        The sums.
    """
    votes = np.zeros((n_rows(table), n_classes))
    if not len(votes):
        return votes
    for member in members:
        is_plain = isinstance(member, DecisionTreeClassifier) and not has_missing
        votes += member.predict_proba(table, check_input=False) if is_plain else member.predict_proba(table)
    return votes


def some_of_each(rows: Rows, draws: Draws, stream: Streams) -> tuple[np.ndarray, np.ndarray]:
    """Take some rows of each class, weighted so that each class keeps its mass.

    Parameters
    ----------
    rows : Rows
        All rows.
    draws : Draws
        Rows of each class.
    stream : Streams
        Chance.

    Returns
    -------
    which : ndarray of int64
        Row numbers, sorted.
    weight : ndarray of float64
        Their weights.
    """
    parts = [
        own
        if len(own) <= CALIBRATION_ROWS
        else stream.child(name).generator().choice(own, CALIBRATION_ROWS, replace=False, shuffle=False)
        for name, own in zip(draws.names, draws.rows, strict=True)
    ]
    which = np.sort(np.concatenate(parts))
    weight = np.ones(len(which)) if rows.weight is None else rows.weight[which]
    drawn = np.bincount(rows.codes[which], weights=weight, minlength=rows.n_classes)
    return which, weight * (rows.mass / drawn)[rows.codes[which]]


def reweigh(codes: np.ndarray, weight: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give the known rows of each class the mass of all its rows.

    Parameters
    ----------
    codes : ndarray of shape (n,), int64
        Class codes.
    weight : ndarray of shape (n,), float64
        Weights.
    known : ndarray of shape (n,), bool
        Which rows are known.

    Returns
    -------
    ndarray of shape (n,), float64
        Weights, 0 where a row is not known.
    """
    n_classes = int(codes.max()) + 1
    kept = np.where(known, weight, 0.0)
    factor = np.bincount(codes, weights=weight, minlength=n_classes) / np.maximum(
        np.bincount(codes, weights=kept, minlength=n_classes), np.finfo(float).tiny
    )
    return np.asarray(kept * factor[codes])
