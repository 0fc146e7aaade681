"""The profile itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from counterpoise.profile.records import (
    Duplicates,
    Feature,
    Finding,
    Frozen,
    Groups,
    Minority,
    Missing,
    Plane,
    Rate,
    Times,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from counterpoise.profile.plots import Plots

__all__ = ["Profile"]


class Profile(Frozen):
    """What the imbalance of a table looks like; made by `counterpoise.profile`.

    Prints well on a terminal of 80 columns and in a notebook; `to_dict` gives it as plain JSON, `from_dict` reads that.
    """

    source: str
    target: str
    positive: str
    n_rows: int
    n_positive: int
    rate: Rate
    classes: dict[str, int]
    n_features: int
    kinds: dict[str, str]
    n_levels: dict[str, int] = Field(default_factory=dict)
    roles: dict[str, str] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)
    fingerprint: str = ""
    groups: Groups | None = None
    times: Times | None = None
    missing: tuple[Missing, ...] = ()
    duplicates: Duplicates
    minority: Minority | None = None
    features: tuple[Feature, ...] = ()
    """Most telling first."""
    planes: tuple[Plane, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ratio(self) -> float:
        """Negatives for each positive."""
        return (self.n_rows - self.n_positive) / self.n_positive

    @property
    def rarest(self) -> tuple[str, int]:
        """What limits what can be shown, and its rows: the positives, or the rarest of several classes."""
        if len(self.classes) <= 2:
            return "positives", self.n_positive
        label, n = min(self.classes.items(), key=lambda pair: pair[1])
        return f"rows of {label}", n

    @property
    def rarest_share(self) -> float:
        """Share of the rows that `rarest` counts."""
        return self.rarest[1] / self.n_rows

    @property
    def suspects(self) -> tuple[Feature, ...]:
        """Features that separate the classes alone, so that a leak is suspected."""
        from counterpoise.profile.advice import SUSPICIOUS, SUSPICIOUS_LOWER

        return tuple(f for f in self.features if f.separation >= SUSPICIOUS and f.lower >= SUSPICIOUS_LOWER)

    @property
    def plots(self) -> Plots:
        """The profile as Altair charts."""
        from counterpoise.profile.plots import Plots

        return Plots(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Profile:
        """Read a profile back from what `to_dict` gave.

        Parameters
        ----------
        values : dict
            As read from JSON.

        Returns
        -------
        Profile
            Equal to the one that was written.
        """
        return cls.model_validate(values)

    def __str__(self) -> str:
        from counterpoise.profile.text import as_text

        return as_text(self)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from counterpoise.profile.text import rendered

        yield from rendered(self)

    def _repr_html_(self) -> str:
        from counterpoise.profile.page import as_html

        return as_html(self)
