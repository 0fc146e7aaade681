"""What a profile holds: numbers and words only, so that it can be kept, sent and shown again later."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Distribution",
    "Duplicates",
    "Feature",
    "Finding",
    "Groups",
    "Minority",
    "Missing",
    "Period",
    "Plane",
    "Rate",
    "Times",
]

Severity = Literal["info", "advice", "warning", "fatal"]


class Frozen(BaseModel):
    """Base of all parts of a profile: frozen, unknown fields refused nowhere, so that old ones still read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers, strings, lists and dicts.

        Returns
        -------
        dict
            Ready for `json.dumps`.
        """
        return self.model_dump(mode="json")


class Rate(Frozen):
    """A share with its exact interval (Clopper and Pearson, Biometrika 26, 1934)."""

    value: float
    lower: float
    upper: float
    confidence: float = 0.95


class Groups(Frozen):
    """How rows and positives spread over the groups."""

    column: str
    n_groups: int
    n_with_positive: int
    largest: int
    median: float
    n_mixed: int
    """Groups that hold rows of both classes."""


class Period(Frozen):
    """Rows and positives of one stretch of time, which begins at `start`."""

    start: str
    n_rows: int
    n_positive: int


class Times(Frozen):
    """How rows and positives spread over time."""

    column: str
    first: str
    last: str
    every: str
    """Length of a period in words, such as "1 week"."""
    periods: tuple[Period, ...]
    drift_p_value: float | None = None
    """Chi-square test of one rate in all periods; None where there are too few positives."""


class Missing(Frozen):
    """Missing values of one feature, by class."""

    column: str
    n: int
    share: float
    share_positive: float
    share_negative: float
    p_value: float
    """Of the test that both classes lack the value equally often (Fisher's, or the z-test where all are many)."""


class Duplicates(Frozen):
    """Rows whose features repeat an earlier row's."""

    n_repeats: int
    n_conflicting: int
    """Rows whose features occur with more than one label."""
    n_positive_repeats: int


class Distribution(Frozen):
    """Rows of both classes in shared bins; `edges` has one entry more than the counts."""

    edges: tuple[float, ...]
    negative: tuple[float, ...]
    positive: tuple[float, ...]


class Feature(Frozen):
    """One feature alone: how well it separates the classes, and its distribution by class."""

    name: str
    kind: str
    separation: float
    """Area under the ROC curve of the feature alone, 0.5 to 1."""
    lower: float
    """Lower end of its 95 % interval, counted on the smaller class alone."""
    average_precision: float
    n_levels: int | None = None
    missing_share: float = 0.0
    levels: tuple[str, ...] | None = None
    """For a category: the levels of its bins."""
    distribution: Distribution | None = None


class Plane(Frozen):
    """Density of two features by class: counts on a grid, row by row from the lowest y."""

    x: str
    y: str
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    negative: tuple[tuple[float, ...], ...]
    positive: tuple[tuple[float, ...], ...]


class Minority(Frozen):
    """What surrounds the positives (Napierala and Stefanowski, J. Intell. Inf. Syst. 46, 2016)."""

    safe: int
    borderline: int
    rare: int
    outlier: int
    n_judged: int
    n_neighbours: int
    note: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """Share of each type among the rows judged."""
        return {
            name: getattr(self, name) / self.n_judged for name in ("safe", "borderline", "rare", "outlier")
        }


class Finding(Frozen):
    """Something worth knowing, as an object, with where it is known from."""

    code: str
    title: str
    severity: Severity
    sentence: str
    source: str = ""


class Counts(Frozen):
    """Classes and their sizes."""

    positive: str
    n_rows: int
    n_positive: int
    rate: Rate
    classes: dict[str, int] = Field(default_factory=dict)
