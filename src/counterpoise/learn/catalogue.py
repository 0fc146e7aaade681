"""All learners and treatments by name, as `compare --learners` and `--treatments` say them.

A learner is imported when it is asked for, so that a name costs nothing until then and an optional library may be
absent. To add one, add its `LearnerSpec`: nothing else knows the list.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from counterpoise.errors import MissingExtra, OptionError, nearest_names
from counterpoise.learn.treated import PLAIN_TREATMENTS, Treated
from counterpoise.resample.catalogue import SAMPLERS

__all__ = [
    "LEARNERS",
    "TREATMENTS",
    "LearnerSpec",
    "default_learners",
    "make_candidate",
    "make_learner",
]


@dataclass(frozen=True)
class LearnerSpec:
    """What is known of a learner before it is imported.

    Attributes
    ----------
    name : str
        Its name on the command line.
    summary : str
        One line.
    place : str
        ``"module:Class"``.
    relative_cost : float
        Time of a fit, roughly, in units of logistic regression; seen on nine tables of 900 to 90,000 rows.
    takes_weights : bool
        Whether `fit` takes `sample_weight`.
    is_default : bool
        Whether `compare` tries it when no learners are named.
    library, extra : str or None
        The optional library it needs, and the extra that brings it.
    options : mapping
        Arguments beside the seed and the threads.
    """

    name: str
    summary: str
    place: str
    relative_cost: float
    takes_weights: bool = True
    is_default: bool = False
    library: str | None = None
    extra: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether its library is there."""
        return (self.library is None or find_spec(self.library) is not None) and _is_there(self.place)


def _is_there(place: str) -> bool:
    module = place.partition(":")[0]
    return find_spec(module.rpartition(".")[0]) is not None and find_spec(module) is not None


_SPECS = (
    LearnerSpec(
        "logistic",
        "logistic regression on imputed, scaled and one-hot columns",
        "counterpoise.learn.logistic:LogisticClassifier",
        relative_cost=1,
        is_default=True,
    ),
    LearnerSpec(
        "linear_learner",
        "a family of linear models, trained together and chosen by a criterion",
        "counterpoise.learn.linear_learner:LinearLearner",
        relative_cost=12,
        is_default=True,
    ),
    LearnerSpec(
        "boosting",
        "gradient boosted trees behind class-aware bins",
        "counterpoise.learn.boosting:BoostingClassifier",
        relative_cost=10,
        is_default=True,
    ),
    LearnerSpec(
        "forest",
        "random forest with leaves sized for few positives",
        "counterpoise.learn.forest:ForestClassifier",
        relative_cost=30,
        is_default=True,
    ),
    LearnerSpec(
        "lightgbm",
        "LightGBM, set for few positives",
        "counterpoise.learn.lightgbm:LightGBMClassifier",
        relative_cost=6,
        library="lightgbm",
        extra="lightgbm",
    ),
    LearnerSpec(
        "catboost",
        "CatBoost with native categories",
        "counterpoise.learn.catboost:CatBoostClassifier",
        relative_cost=40,
        library="catboost",
        extra="catboost",
    ),
    LearnerSpec(
        "mlp",
        "a small neural network with its preprocessing inside (Keras on JAX)",
        "counterpoise.learn.keras:MLPClassifier",
        relative_cost=60,
        is_default=True,
        library="keras",
        extra="keras",
    ),
    LearnerSpec(
        "blend",
        "non-negative weights over the out-of-fold log-odds of other learners",
        "counterpoise.learn.blend:BlendClassifier",
        relative_cost=200,
    ),
    LearnerSpec(
        "balanced_bagging",
        "bags of all positives and a fresh draw of negatives",
        "counterpoise.learn.balanced_bagging:BalancedBaggingClassifier",
        relative_cost=6,
        is_default=True,
    ),
    LearnerSpec(
        "balanced_forest",
        "random forest whose trees each see a balanced draw",
        "counterpoise.learn.balanced_forest:BalancedRandomForestClassifier",
        relative_cost=6,
    ),
    LearnerSpec(
        "easy_ensemble",
        "boosted ensembles on balanced draws",
        "counterpoise.learn.easy_ensemble:EasyEnsembleClassifier",
        relative_cost=6,
    ),
    LearnerSpec(
        "rusboost",
        "boosting with a balanced draw in each round",
        "counterpoise.learn.rusboost:RUSBoostClassifier",
        relative_cost=10,
    ),
    LearnerSpec(
        "self_paced",
        "an ensemble whose draws of negatives follow their hardness",
        "counterpoise.learn.self_paced:SelfPacedEnsembleClassifier",
        relative_cost=15,
    ),
)

LEARNERS: Mapping[str, LearnerSpec] = {spec.name: spec for spec in _SPECS}
"""Every learner by name, in the order of DESIGN: simple ones first."""

TREATMENTS: tuple[str, ...] = (*PLAIN_TREATMENTS, *SAMPLERS)
"""Every treatment by name: those without a sampler, then every sampler in snake case."""


def default_learners(*, installed_only: bool = True) -> tuple[str, ...]:
    """Give the names of the learners that are tried when none are named.

    Parameters
    ----------
    installed_only : bool, default=True
        Leave out learners whose optional library is not installed.

    Returns
    -------
    tuple of str
        The names, cheapest first.
    """
    chosen = [
        spec for spec in LEARNERS.values() if spec.is_default and (spec.is_installed or not installed_only)
    ]
    return tuple(spec.name for spec in sorted(chosen, key=lambda spec: spec.relative_cost))


def make_learner(name: str, random_state: Any = None, n_threads: int | None = None) -> Any:
    """Make a learner by name.

    Parameters
    ----------
    name : str
        One of `LEARNERS`.
    random_state : int, Generator, RandomState or None, default=None
        Seed, where the learner draws.
    n_threads : int or None, default=None
        Most threads, where the learner can be told.

    Returns
    -------
    classifier
        Not fitted.

    Raises
    ------
    OptionError
        If there is no learner of that name.
    MissingExtra
        If its optional library is not installed.

    Examples
    --------
    >>> make_learner("boosting", random_state=0)
    BoostingClassifier(random_state=0)
    """
    spec = LEARNERS.get(name)
    if spec is None:
        raise OptionError(
            f"There is no learner {name!r}.",
            expected=f"Expected one of {', '.join(LEARNERS)}.",
            why="A learner is asked for by name.",
            hint=nearest_names(str(name), list(LEARNERS)),
        )
    if spec.library is not None and find_spec(spec.library) is None:
        raise MissingExtra.of(spec.library, spec.extra or spec.library)
    module, _, attribute = spec.place.partition(":")
    kind = getattr(import_module(module), attribute)
    known = inspect.signature(kind).parameters
    options = dict(spec.options)
    if random_state is not None and "random_state" in known:
        options["random_state"] = random_state
    if n_threads is not None:
        options.update({key: n_threads for key in ("n_threads", "n_jobs") if key in known})
    return kind(**options)


def make_candidate(
    treatment: Any,
    learner: Any,
    random_state: Any = None,
    *,
    recalibrate: str | None = "intercept",
    costs: Any = None,
    n_threads: int | None = None,
) -> Treated:
    """Make a learner under a treatment, both by name.

    Parameters
    ----------
    treatment : str, sampler or None
        One of `TREATMENTS`, or a sampler.
    learner : str or classifier
        One of `LEARNERS`, or a classifier.
    random_state : int, Generator, RandomState or None, default=None
        Seed of both.
    recalibrate : {"intercept", "platt", "isotonic", "prior"} or None, default="intercept"
        How probabilities are put back; see `Treated`.
    costs : dict of label to float, default=None
        For the treatment ``"cost_weight"``.
    n_threads : int or None, default=None
        Most threads of the learner.

    Returns
    -------
    Treated
        Not fitted.

    Raises
    ------
    OptionError
        If a name is unknown.
    MissingExtra
        If the learner's optional library is not installed.
    """
    if isinstance(treatment, str):
        check_treatment(treatment)
    if isinstance(learner, str):
        learner = make_learner(learner, random_state, n_threads)
    return Treated(learner, treatment, recalibrate=recalibrate, costs=costs, random_state=random_state)


def check_treatment(name: str) -> None:
    """Refuse a name that is no treatment.

    Parameters
    ----------
    name : str
        The name.

    Raises
    ------
    OptionError
        If there is no treatment of that name.
    """
    if name not in PLAIN_TREATMENTS and name not in SAMPLERS:
        raise OptionError(
            f"There is no treatment {name!r}.",
            expected=f"Expected one of {', '.join(TREATMENTS)}.",
            why="A treatment is asked for by name.",
            hint=nearest_names(name, list(TREATMENTS)),
        )
