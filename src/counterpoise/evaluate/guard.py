"""The leakage guard: what would make figures too good is found before anything is trained, and ends the run.

Each check looks for one way in which rows that judge are known beforehand. What it finds is a record with a status:
``passed``, ``noted`` (harmless, with a count), ``failed`` or, where the caller said so, ``allowed``.

Sources: Kaufman, Rosset, Perlich, Stitelman, "Leakage in data mining", ACM TKDD 6(4), 2012; Kapoor, Narayanan, "Leakage
and the reproducibility crisis in machine-learning-based science", Patterns 4(9), 2023 (the kinds of leakage).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import has_fit_parameter

from counterpoise.errors import LeakError, OptionError, nearest_names
from counterpoise.evaluate.candidates import Candidate
from counterpoise.evaluate.records import FindingRecord, GuardRecord
from counterpoise.learn.treated import PLAIN_TREATMENTS
from counterpoise.profile import Profile
from counterpoise.profile.counts import is_missing
from counterpoise.split import Folds, equal_rows, is_telling
from counterpoise.table.table import Table

__all__ = ["LEAKS", "check_allowed", "findings_of", "inspect", "refuse", "sets_aside"]

LEAKS = {
    "same-row": "The same row on both sides",
    "same-group": "The same group on both sides",
    "future": "The future before the past",
    "resampled-validation": "Resampled rows that judge",
    "answer": "A column that gives the answer away",
    "outside-fold": "Statistics from outside the fold",
}
"""What is looked for, by the name that allows it."""

MOST_COPIES = 0.01
"""Share of a fold's test rows, or of its positives, that may be copies of training rows: below it a figure moves less
than its interval is wide."""

PERFECT, SURELY = 0.9995, 0.8
"""Area under the ROC curve of a single column that is called the answer, and what its lower bound must reach: with
fewer than 17 positives luck could make one column among many perfect."""

_HISTOGRAM_AUTO = 10_000
"""Rows from which scikit-learn's histogram boosting stops early where it is told ``early_stopping="auto"``."""

_SHARE_OF_LEVELS = 0.99
_NEAR = 1e-6
_LEVELS_ALIKE = np.arange(1, 5)
"""Levels that may share one value, because as many of as many rows are positives."""

_KAPOOR = "Kapoor, Narayanan, Patterns 4(9), 2023"
_KAUFMAN = "Kaufman, Rosset, Perlich, Stitelman, ACM TKDD 6(4), 2012"


@dataclass(frozen=True)
class _Case:
    """What the checks look at."""

    table: Table
    seen: Profile
    folds: Folds
    candidates: Sequence[Candidate]


def inspect(table: Table, seen: Profile, folds: Folds, candidates: Sequence[Candidate]) -> list[GuardRecord]:
    """Look for every kind of leak.

    Parameters
    ----------
    table : Table
        What is learned from.
    seen : Profile
        Its profile.
    folds : Folds
        How it is split.
    candidates : sequence of Candidate
        What will be tried.

    Returns
    -------
    list of GuardRecord
        One a kind of leak, in the order of `LEAKS`.
    """
    case = _Case(table, seen, folds, candidates)
    checks = (_same_row, _same_group, _future, _resampled_validation, _answer, _outside_fold)
    return [check(case) for check in checks]


def check_allowed(allow: str | Collection[str]) -> frozenset[str]:
    """Read which leaks are allowed.

    Parameters
    ----------
    allow : str or collection of str
        Names of `LEAKS`, or ``"all"``.

    Returns
    -------
    frozenset of str
        The names.

    Raises
    ------
    OptionError
        If a name is unknown.
    """
    names = {allow} if isinstance(allow, str) else set(allow)
    if "all" in names:
        return frozenset(LEAKS)
    for name in sorted(names - LEAKS.keys()):
        raise OptionError(
            f"allow={name!r} was given.",
            expected=f"Expected names among {', '.join(LEAKS)}, or 'all'.",
            why="It says which leaks are known and wanted.",
            hint=nearest_names(name, list(LEAKS)),
        )
    return frozenset(names)


def refuse(found: Sequence[GuardRecord], allowed: Collection[str]) -> list[GuardRecord]:
    """End the run where a leak was found that is not allowed.

    Parameters
    ----------
    found : sequence of GuardRecord
        As `inspect` gives it.
    allowed : collection of str
        Names of leaks that the caller knows of.

    Returns
    -------
    list of GuardRecord
        The same, with allowed failures marked as such.

    Raises
    ------
    LeakError
        If a check failed that is not allowed; the message names all of them.
    """
    failed = [each for each in found if each.status == "failed" and each.code not in allowed]
    if failed:
        raise LeakError(
            " ".join(each.sentence for each in failed),
            expected="Expected rows that judge to be unknown to the model they judge.",
            why="Every figure would be better than what the model will do in use.",
            hint=f"{' '.join(dict.fromkeys(each.hint for each in failed))} Where it is meant so, allow it: "
            f"--allow-leaks, or allow={[each.code for each in failed]!r} in Python.",
        )
    return [
        each.model_copy(update={"status": "allowed"}) if each.status == "failed" else each for each in found
    ]


def findings_of(found: Sequence[GuardRecord]) -> list[FindingRecord]:
    """Give what the guard has to say as findings of the trial.

    Parameters
    ----------
    found : sequence of GuardRecord
        As `inspect` or `refuse` gives it.

    Returns
    -------
    list of FindingRecord
        Leaks as fatal, allowed ones as warnings, harmless ones as information.
    """
    severity = {"failed": "fatal", "allowed": "warning", "noted": "info"}
    return [
        FindingRecord(
            code=f"leak-{each.code}",
            title=each.title,
            severity=severity[each.status],  # type: ignore[arg-type]  # one of the three words above
            sentence=f"{each.sentence} Allowed by the caller." if each.status == "allowed" else each.sentence,
            source=each.source,
        )
        for each in found
        if each.status in severity
    ]


def _record(code: str, status: str, sentence: str, hint: str = "", source: str = "") -> GuardRecord:
    return GuardRecord.model_validate(
        {
            "code": code,
            "title": LEAKS[code],
            "status": status,
            "sentence": sentence,
            "hint": hint,
            "source": source,
        }
    )


# --- rows and folds --------------------------------------------------------------------------------------------


def _same_row(case: _Case) -> GuardRecord:
    """Look for row numbers, and for equal features with the same outcome, on both sides of a fold."""
    hint = "Split so that copies stay together (name what they share with --group), or drop the copies."
    twice = max(len(np.intersect1d(fold.train, fold.test)) for fold in case.folds.folds)
    if twice:
        sentence = f"{twice:,} rows are in the training and in the test part of one fold."
        return _record("same-row", "failed", sentence, "Give each fold disjoint parts.", _KAPOOR)
    equal = equal_rows(case.table.X)
    copies = np.where(equal >= 0, equal * len(case.table.labels) + case.table.y, -1)
    known = [_known_in_training(fold.train, fold.test, copies) for fold in case.folds.folds]
    n = sum(int(each.sum()) for each in known)
    if not n:
        return _record("same-row", "passed", "No row that judges equals a training row of the same outcome.")
    telling = is_telling(case.table.X, equal)
    shares = [
        _worst_share(fold.test, each & telling[fold.test], case.table.y)
        for fold, each in zip(case.folds.folds, known, strict=True)
    ]
    words = f"{n:,} rows that judge equal a training row in all features and the outcome"
    if case.folds.kind == "stratified" or max(shares) <= MOST_COPIES:
        why = (
            "a row that is common in its class" if case.folds.kind == "stratified" else "most by coincidence"
        )
        return _record(
            "same-row", "noted", f"{words} ({why}); copies are kept on one side where that can be."
        )
    sentence = (
        f"{words}; of a fold's test rows or positives up to {max(shares):.1%} are copies, not coincidences."
    )
    return _record("same-row", "failed", sentence, hint, _KAPOOR)


def _known_in_training(train: np.ndarray, test: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Say of each test row whether a copy of it is in the training part."""
    is_there = np.zeros(int(copies.max(initial=-1)) + 2, dtype=bool)
    is_there[copies[train]] = True
    is_there[-1] = False  # where rows without a copy point
    return np.asarray(is_there[copies[test]])


def _worst_share(test: np.ndarray, known: np.ndarray, y: np.ndarray) -> float:
    """Give the share of the test rows, or of its rarer rows, that are known; two rows at least count."""
    rare = y[test] != np.bincount(y).argmax()
    parts = [known, known[rare]]
    return max(float(part.mean()) if part.sum() >= 2 else 0.0 for part in parts)


def _same_group(case: _Case) -> GuardRecord:
    groups, name = case.table.groups, case.table.roles.group
    if groups is None:
        return _record("same-group", "not applicable", "No column names a group.")
    shares = [float(np.isin(groups[fold.test], groups[fold.train]).mean()) for fold in case.folds.folds]
    if not max(shares):
        return _record("same-group", "passed", f"No {name} is on both sides of a fold.")
    words = (
        f"up to {max(shares):.1%} of a fold's test rows belong to a {name} that is also in its training part"
    )
    if case.folds.kind == "time":
        sentence = f"Folds follow time: {words}. Figures hold for known and new ones in that mixture."
        return _record("same-group", "noted", sentence)
    sentence = f"Groups are split: {words}."
    hint = "Leave the split to --group, or use GroupKFold."
    return _record("same-group", "failed", sentence, hint, "Roberts et al., Ecography 40(8), 2017")


def _future(case: _Case) -> GuardRecord:
    seconds = case.table.seconds
    if seconds is None:
        return _without_time(case.table)
    late = [int((seconds[fold.train] > seconds[fold.test].min()).sum()) for fold in case.folds.folds]
    if not max(late):
        return _record(
            "future", "passed", "Every training row is no later than the rows that it helps to judge."
        )
    sentence = f"{max(late):,} training rows of a fold are later than the first row that they help to judge."
    return _record(
        "future", "failed", sentence, "Leave the split to --time, or use TimeSeriesSplit.", _KAUFMAN
    )


def _without_time(table: Table) -> GuardRecord:
    dates = [name for name in table.features if table.kinds[name] == "date"]
    if not dates:
        return _record("future", "not applicable", "No column says when a row happened.")
    sentence = (
        f"The rows have a date ({dates[0]}) and folds do not follow it: if later rows are to be predicted from earlier "
        f"ones, name it with --time {dates[0]}."
    )
    return _record("future", "noted", sentence)


# --- candidates ------------------------------------------------------------------------------------------------


def _resampled_validation(case: _Case) -> GuardRecord:
    n_rows = max(len(fold.train) for fold in case.folds.folds)
    found = {words: None for each in case.candidates for words in _set_aside_after_sampling(each, n_rows)}
    if not found:
        sentence = "Treatments touch only rows that are learned from; none judges, stops or calibrates."
        return _record("resampled-validation", "passed", sentence)
    sentence = f"Rows that a treatment has changed would judge: {'; '.join(found)}."
    hint = "Let the learner set no rows aside (early_stopping=False, no cv), or put the treatment inside it."
    return _record("resampled-validation", "failed", sentence, hint, "Santos et al., IEEE CIM 13(4), 2018")


def _set_aside_after_sampling(candidate: Candidate, n_rows: int) -> Iterator[str]:
    learner = candidate.learner_object
    if learner is None:
        return
    how = sets_aside(learner, n_rows)
    if how and candidate.treatment not in PLAIN_TREATMENTS:
        yield f"{candidate.learner} sets rows aside ({how}) after {candidate.treatment}"
    for pipeline in (part for part in _parts(learner) if hasattr(part, "steps")):
        steps = [step for _, step in pipeline.steps]
        samplers = [j for j, step in enumerate(steps) if hasattr(step, "fit_resample")]
        for step in steps[samplers[0] + 1 :] if samplers else []:
            if inner := sets_aside(step, n_rows):
                yield (
                    f"in {candidate.learner}, {type(step).__name__} sets rows aside ({inner}) after "
                    f"{type(steps[samplers[0]]).__name__}"
                )


def sets_aside(learner: Any, n_rows: int) -> str:
    """Say how a learner sets part of the rows that it is given aside, to stop, choose or calibrate by them.

    Parameters
    ----------
    learner : estimator
        A learner, or a pipeline that ends in one.
    n_rows : int
        Rows that it is given.

    Returns
    -------
    str
        The parameter that says so, or an empty string.
    """
    if hasattr(learner, "steps"):
        return sets_aside(learner.steps[-1][1], n_rows)
    if has_fit_parameter(learner, "treat"):  # ours keep rows apart before they are treated
        return ""
    params = learner.get_params(deep=False) if hasattr(learner, "get_params") else {}
    stopping = params.get("early_stopping")
    if stopping is True or (stopping == "auto" and n_rows > _HISTOGRAM_AUTO):
        return f"early_stopping={stopping!r}"
    if params.get("n_iter_no_change") is not None and "validation_fraction" in params and stopping is None:
        return f"n_iter_no_change={params['n_iter_no_change']!r}"
    if "cv" in params and params["cv"] != "prefit" and params.get("recalibrate", "") not in (None, "prior"):
        return f"cv={params['cv']!r}"
    return ""


def _parts(thing: Any) -> Iterator[Any]:
    """Give an estimator and all that it is made of."""
    yield thing
    if hasattr(thing, "get_params"):
        for value in thing.get_params(deep=True).values():
            if hasattr(value, "fit"):
                yield value


# --- columns ---------------------------------------------------------------------------------------------------


def _answer(case: _Case) -> GuardRecord:
    table, seen = case.table, case.seen
    names = {f.name: None for f in seen.features if f.separation >= PERFECT and f.lower >= SURELY}
    names |= {
        name: None for name in table.features if _is_copy(table.frame[name], table.y, len(table.labels))
    }
    if not names:
        return _record("answer", "passed", "No column alone tells the classes apart without a mistake.")
    listed = ", ".join(repr(name) for name in list(names)[:5]) + (
        f" and {len(names) - 5} more" if len(names) > 5 else ""
    )
    one = len(names) == 1
    sentence = (
        f"{listed} alone {'tells' if one else 'tell'} the classes of {table.target!r} apart without a mistake: the "
        "outcome under another name, or what is only known after it."
    )
    hint = f"Leave {'it' if one else 'them'} out: {' '.join(f'--drop {name!r}' for name in list(names)[:5])}."
    return _record("answer", "failed", sentence, hint, _KAUFMAN)


def _is_copy(column: pl.Series, y: np.ndarray, n_labels: int) -> bool:
    """Say whether a column's values, or that it has none, stand for the classes one to one."""
    gone = is_missing(column)
    if gone.any() and n_labels == 2 and (np.array_equal(gone, y == 1) or np.array_equal(gone, y == 0)):
        return True
    if gone.any() or column.n_unique() != n_labels:
        return False
    return pl.DataFrame({"value": column, "y": y}).unique().height == n_labels


def _outside_fold(case: _Case) -> GuardRecord:
    table = case.table
    encoded = [name for name in table.features if _is_share_of_outcome(table.frame[name], table.y)]
    fitted = {
        f"{each.learner if thing is each.learner_object else each.treatment} is fitted already": None
        for each in case.candidates
        for thing in (each.learner_object, each.treatment_object)
        if thing is not None and _is_fitted_for_good(thing)
    }
    if not encoded and not fitted:
        sentence = (
            "No column holds the share of positives of its own value; no candidate is fitted beforehand."
        )
        return _record("outside-fold", "passed", sentence)
    parts = [
        f"{name!r} is the share of positives among the rows with its value, test rows among them"
        for name in encoded
    ]
    hint = "Encode inside a pipeline (sklearn.preprocessing.TargetEncoder), and pass candidates unfitted."
    return _record("outside-fold", "failed", f"{'; '.join([*parts, *fitted])}.", hint, _KAPOOR)


def _is_share_of_outcome(column: pl.Series, y: np.ndarray) -> bool:
    """Say whether each value of a column is the share of positives among the rows that have it (Micci-Barreca, 2001).

    With m rows of the overall rate added to each level, where that fits all levels (an m-estimate).
    """
    if not column.dtype.is_float() or column.null_count() or not column.is_between(0, 1).all():
        return False
    positive = y != np.bincount(y).argmax()
    levels = (
        pl.DataFrame({"value": column, "y": positive})
        .group_by("value")
        .agg(n=pl.len(), hits=pl.col("y").sum())
        .filter(pl.col("n") > 1)
    )
    value, n, hits = (levels[name].cast(pl.Float64).to_numpy() for name in ("value", "n", "hits"))
    if n.sum() < _SHARE_OF_LEVELS * len(y) or len(np.unique(np.round(hits / n, 9))) < 3:
        return False
    rate = float(positive.mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        added = np.nanmedian((hits - value * n) / (value - rate))
    for m in (0.0, max(float(added), 0.0) if np.isfinite(added) else 0.0):
        alike = [np.abs(value - (hits / k + m * rate) / (n / k + m)) < _NEAR for k in _LEVELS_ALIKE]
        if n[np.any(alike, axis=0)].sum() >= _SHARE_OF_LEVELS * n.sum():
            return True
    return False


def _is_fitted_for_good(thing: Any) -> bool:
    """Say whether a part of a candidate keeps what it was fitted on: cloning does not undo it."""
    for part in _parts(thing):
        if isinstance(part, FrozenEstimator):
            return True
        if hasattr(part, "get_params") and part.get_params(deep=False).get("cv") == "prefit":
            return True
    return not hasattr(thing, "get_params") and any(
        name.endswith("_") and not name.startswith("_") for name in getattr(thing, "__dict__", {})
    )
