"""What is compared: every treatment with every learner, by name or as objects of the user's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from sklearn.base import is_classifier

from counterpoise.errors import OptionError, TypeOfInputError
from counterpoise.evaluate.watch import WatchedSampler
from counterpoise.learn import default_learners, make_candidate, make_learner
from counterpoise.learn.catalogue import LEARNERS, check_treatment
from counterpoise.table.table import Table

__all__ = ["DEFAULT_TREATMENTS", "UNTREATED", "Candidate", "build", "candidates_for"]

UNTREATED = "none"
"""The treatment that leaves the table alone; always among the candidates."""

COST_WEIGHT = "cost_weight"
"""The treatment that weighs rows by what the goal says a mistake on them costs."""

_CHEAPEST = "logistic"
"""The untreated learner that joins where only learners that balance by themselves are asked for."""

DEFAULT_TREATMENTS = (UNTREATED, "class_weight", "random_over", "random_under", "smote")
"""What is tried where nothing is asked for; the untreated model first."""

SELF_BALANCING = frozenset({"balanced_bagging", "balanced_forest", "easy_ensemble", "rusboost", "self_paced"})
"""Learners that are a treatment themselves: they are not untreated, and no other treatment is put before them."""


@dataclass(frozen=True)
class Candidate:
    """A learner with a treatment.

    Attributes
    ----------
    treatment, learner : str
        Their names.
    treatment_object, learner_object : object or None
        The user's own sampler or classifier; None for those of the catalogue.
    costs : tuple of float or None
        For ``cost_weight``: what a mistake on a row of each class costs.
    """

    treatment: str
    learner: str
    treatment_object: Any = None
    learner_object: Any = None
    costs: tuple[float, ...] | None = None

    @property
    def name(self) -> str:
        """Learner and treatment in words."""
        return f"{self.learner} + {self.treatment}" if self.treatment != UNTREATED else self.learner

    @property
    def is_self_balancing(self) -> bool:
        """Whether the learner is a treatment itself."""
        return self.learner_object is None and self.learner in SELF_BALANCING

    @property
    def is_untreated(self) -> bool:
        """Whether the imbalance is left alone, by treatment and learner."""
        return self.treatment == UNTREATED and not self.is_self_balancing

    @property
    def key(self) -> str:
        """A file name that stands for the candidate and the parameters of its objects."""
        words = re.sub(r"[^a-z0-9_]+", "-", f"{self.learner}.{self.treatment}".lower()).strip("-")
        parts = (self.learner_object, self.treatment_object, self.costs)
        objects = [repr(thing) for thing in parts if thing is not None]
        if not objects and words == f"{self.learner}.{self.treatment}".replace(".", "-"):
            return words
        return f"{words}-{hashlib.blake2b(chr(31).join([self.name, *objects]).encode(), digest_size=4).hexdigest()}"

    @property
    def cost(self) -> float:
        """Relative time to fit, to try the cheap ones first."""
        known = LEARNERS.get(self.learner)
        return known.relative_cost if known is not None and self.learner_object is None else 1.0


def candidates_for(
    table: Table,
    treatments: Sequence[Any] | Mapping[str, Any] | None = None,
    learners: Sequence[Any] | Mapping[str, Any] | None = None,
    costs: tuple[float, ...] | None = None,
) -> list[Candidate]:
    """Pair every treatment with every learner.

    Parameters
    ----------
    table : Table
        What will be learned from.
    treatments : sequence of str or sampler, mapping of name to sampler, or None
        By default `DEFAULT_TREATMENTS`, none before learners that balance by themselves. The untreated model is
        added where it is not asked for.
    learners : sequence of str or classifier, mapping of name to classifier, or None
        By default those of the catalogue that are installed.
    costs : tuple of float, optional
        What a mistake on a row of each class costs, for ``cost_weight``.

    Returns
    -------
    list of Candidate
        Untreated ones first, cheap ones first.

    Raises
    ------
    OptionError
        If a name is unknown.
    MissingExtra
        If a learner's library is not installed.
    TypeOfInputError
        If an object is neither a sampler nor a classifier.
    """
    named_treatments = dict(
        _named(treatments if treatments is not None else DEFAULT_TREATMENTS, _check_sampler)
    )
    named_learners = dict(_named(learners if learners is not None else default_learners(), _check_classifier))
    named_treatments = {UNTREATED: None, **named_treatments}
    pairs = [
        Candidate(
            treatment, learner, treatment_object, learner_object, costs if treatment == COST_WEIGHT else None
        )
        for treatment, treatment_object in named_treatments.items()
        for learner, learner_object in named_learners.items()
    ]
    if treatments is None:
        pairs = [pair for pair in pairs if pair.treatment == UNTREATED or not pair.is_self_balancing]
    if not any(pair.is_untreated for pair in pairs):
        pairs.append(Candidate(UNTREATED, _CHEAPEST))
    return sorted(pairs, key=lambda pair: (not pair.is_untreated, pair.treatment != UNTREATED, pair.cost))


def _named(things: Iterable[Any] | Mapping[str, Any], check: Any) -> Iterable[tuple[str, Any]]:
    things = [things] if isinstance(things, str) else things
    pairs = things.items() if isinstance(things, Mapping) else [_name_of(thing) for thing in things]
    if not pairs:
        raise OptionError(
            f"{things!r} was given.",
            expected="Expected at least one name or object.",
            why="There would be nothing to compare.",
            hint="Leave it out to try those of the catalogue.",
        )
    seen: set[str] = set()
    for name, thing in pairs:
        check(name, thing)
        if name in seen:
            raise OptionError(
                f"{name!r} was named twice.",
                expected="Expected each name once.",
                why="Results are told apart by name.",
                hint="Give objects of one class different names: {'smote 3': SMOTE(k_neighbors=3), ...}.",
            )
        seen.add(name)
        yield name, thing


def _name_of(thing: Any) -> tuple[str, Any]:
    if isinstance(thing, str):
        return thing, None
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(thing).__name__).lower(), thing


def _check_sampler(name: str, thing: Any) -> None:
    if thing is None:
        check_treatment(name)
    elif isinstance(thing, type) or not (hasattr(thing, "fit_resample") or hasattr(thing, "plan")):
        raise _not_a("sampler with fit_resample", name, thing, "Pass for example SMOTE(k_neighbors=3).")


def _check_classifier(name: str, thing: Any) -> None:
    if thing is None:
        make_learner(name)
    elif isinstance(thing, type) or not hasattr(thing, "fit"):
        raise _not_a("classifier", name, thing, "Pass for example LogisticRegression(C=0.1).")
    elif not (hasattr(thing, "get_params") and hasattr(thing, "__sklearn_tags__")):
        raise _not_a(
            "classifier that can be cloned",
            name,
            thing,
            "Derive it from sklearn.base.ClassifierMixin, BaseEstimator.",
        )
    elif not (
        hasattr(thing, "predict_proba") or (hasattr(thing, "decision_function") and is_classifier(thing))
    ):
        raise _not_a(
            "classifier with predict_proba or decision_function",
            name,
            thing,
            "Take one that scores rows, or wrap it in sklearn.calibration.CalibratedClassifierCV.",
        )


def _not_a(what: str, name: str, thing: Any, hint: str) -> TypeOfInputError:
    kind = f"the class {thing.__name__} itself" if isinstance(thing, type) else f"a {type(thing).__name__}"
    return TypeOfInputError(
        f"{name!r} is {kind}.",
        expected=f"Expected a {what}, as an object, or a name of the catalogue.",
        why="Candidates are cloned, fitted and scored in every fold.",
        hint=hint,
    )


def build(
    candidate: Candidate,
    *,
    random_state: int,
    n_threads: int | None = None,
    judging: pl.DataFrame | None = None,
) -> Any:
    """Make the unfitted classifier of a candidate.

    Parameters
    ----------
    candidate : Candidate
        Which one.
    random_state : int
        Seeds learner and treatment.
    n_threads : int, optional
        Threads it may use.
    judging : polars.DataFrame, optional
        Rows that will judge it: a sampler of the user's own may not give any of them back.

    Returns
    -------
    Treated
        Puts the prior back by the closed form only.
    """
    treatment = candidate.treatment if candidate.treatment_object is None else candidate.treatment_object
    if candidate.treatment_object is not None and not hasattr(treatment, "plan"):
        treatment = WatchedSampler(treatment, judging)
    return make_candidate(
        treatment,
        candidate.learner if candidate.learner_object is None else candidate.learner_object,
        random_state=random_state,
        n_threads=n_threads,
        recalibrate="prior",
        costs=None if candidate.costs is None else dict(enumerate(candidate.costs)),
    )
