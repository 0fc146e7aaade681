"""Over-sampling followed by cleaning.

Source: G. Batista, R. Prati, M. Monard, "A study of the behavior of several methods for balancing machine learning
training data", ACM SIGKDD Explorations 6(1), 2004.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import clone

from counterpoise.chance import Seed
from counterpoise.errors import TypeOfInputError
from counterpoise.resample.base import BaseSampler
from counterpoise.resample.cleaning import segments_of
from counterpoise.resample.edited_neighbours import EditedNearestNeighbours
from counterpoise.resample.labelled import Labelled
from counterpoise.resample.plan import Plan
from counterpoise.resample.smote import SMOTE
from counterpoise.resample.strategy import SamplingStrategy
from counterpoise.resample.tomek_links import TomekLinks

__all__ = ["SMOTEENN", "SMOTETomek"]


class _OverThenClean(BaseSampler):
    """What the two share: a plan of SMOTE, followed by a plan of the cleaning sampler."""

    _sampling_type = "over-sampling"
    _cleaner: ClassVar[str]
    _cleaner_class: ClassVar[type[BaseSampler]]

    def _check_parameters(self) -> None:
        kinds: dict[str, type[BaseSampler]] = {"smote": SMOTE, self._cleaner: self._cleaner_class}
        for name, kind in kinds.items():
            given = getattr(self, name)
            if given is not None and not isinstance(given, kind):
                raise TypeOfInputError(
                    f"{name}={given!r} was given.",
                    expected=f"Expected {kind.__name__}(...) or None.",
                    why="It does one of the two steps.",
                )

    def _steps(self) -> tuple[BaseSampler, BaseSampler]:
        """Make the two samplers of this call, and show them as fitted attributes."""
        params = self.get_params(deep=False)
        smote, cleaner = params["smote"], params[self._cleaner]
        over = clone(smote) if smote is not None else SMOTE(sampling_strategy=self.sampling_strategy)
        if smote is None:
            over.set_params(random_state=params["random_state"])
        clean = clone(cleaner) if cleaner is not None else self._cleaner_class(sampling_strategy="all")
        if cleaner is None:
            clean.set_params(n_jobs=params["n_jobs"])
        self.smote_ = over
        setattr(self, f"{self._cleaner}_", clean)
        return over, clean

    def _plan(self, data: Labelled) -> Plan:
        over, clean = self._steps()
        first = over.plan(data.X, data.y)
        X, y = first.rows(data.X, data.y)
        return first.then(_cleaned(clean, first, X, y))


def _cleaned(clean: BaseSampler, first: Plan, X: Any, y: Any) -> Plan:
    """Plan the cleaning of the rows that a first plan gave, using what it knows of where they lie."""
    if isinstance(clean, TomekLinks | EditedNearestNeighbours):
        return clean.plan_invented(X, y, segments_of(first))
    return clean.plan(X, y)


class SMOTEENN(_OverThenClean):
    """SMOTE, then remove every row whose nearest neighbours are of another class.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class SMOTE brings, where `smote` is not given.
    random_state : int, Generator, RandomState or None, default=None
        Seed, where `smote` is not given.
    smote : SMOTE, optional
        The over-sampler.
    enn : EditedNearestNeighbours, optional
        The cleaner; by default one that cleans all classes.
    n_jobs : int or None, default=None
        Threads, where `enn` is not given.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows that SMOTE adds.
    smote_, enn_ : sampler
        The samplers used.
    plan_ : Plan
        The plan of the last call, for the table that was given.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SMOTEENN
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], [80, 20])
    >>> X2, y2 = SMOTEENN(random_state=0).fit_resample(rng.normal(size=(100, 2)) + 4 * y[:, None], y)
    >>> bool(len(X2) <= 160)
    True
    """

    _cleaner = "enn"
    _cleaner_class = EditedNearestNeighbours

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        smote: SMOTE | None = None,
        enn: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.smote = smote
        self.enn = enn
        self.n_jobs = n_jobs


class SMOTETomek(_OverThenClean):
    """SMOTE, then remove both rows of every Tomek link.

    A link is a pair of rows of different classes that are each other's nearest.

    Parameters
    ----------
    sampling_strategy : str, float, mapping or callable, default="auto"
        How many rows of each class SMOTE brings, where `smote` is not given.
    random_state : int, Generator, RandomState or None, default=None
        Seed, where `smote` is not given.
    smote : SMOTE, optional
        The over-sampler.
    tomek : TomekLinks, optional
        The cleaner; by default one that cleans all classes.
    n_jobs : int or None, default=None
        Threads, where `tomek` is not given.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class to rows that SMOTE adds.
    smote_, tomek_ : sampler
        The samplers used.
    plan_ : Plan
        The plan of the last call, for the table that was given.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.resample import SMOTETomek
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], [80, 20])
    >>> X2, y2 = SMOTETomek(random_state=0).fit_resample(rng.normal(size=(100, 2)) + y[:, None], y)
    >>> counts = np.bincount(y2)
    >>> bool(counts[0] == counts[1])
    True
    """

    _cleaner = "tomek"
    _cleaner_class = TomekLinks

    def __init__(
        self,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        random_state: Seed = None,
        smote: SMOTE | None = None,
        tomek: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state
        self.smote = smote
        self.tomek = tomek
        self.n_jobs = n_jobs
