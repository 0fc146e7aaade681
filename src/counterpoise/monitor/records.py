"""What the monitor takes and gives: plain records that cross processes."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Alarm",
    "Bins",
    "Check",
    "FeatureReport",
    "Figure",
    "Reference",
    "Report",
    "Rules",
    "WindowReport",
    "say_share",
]


def say_share(value: float | None) -> str:
    """Write a share with as many digits as tell it apart.

    Parameters
    ----------
    value : float or None
        Between 0 and 1; None or not finite where it is unknown.

    Returns
    -------
    str
        In percent, or a dash.

    Examples
    --------
    >>> say_share(0.2887), say_share(0.05), say_share(0.00123), say_share(None)
    ('28.9%', '5.00%', '0.123%', '–')
    """
    if value is None or not np.isfinite(value):
        return "–"
    return (
        f"{value:.1%}" if value >= 0.1 or value == 0 else f"{value:.2%}" if value >= 0.005 else f"{value:.3%}"
    )


class Record(BaseModel):
    """A frozen record."""

    model_config = ConfigDict(frozen=True)


class Bins(Record):
    """A training histogram: what a bundle's schema keeps of a feature or of the scores.

    Attributes
    ----------
    edges : list of float
        Rising; empty where the bins are levels.
    levels : list of str
        Levels with a bin of their own.
    counts : list of float
        Training rows in each bin: one more than edges or levels, then the missing ones.
    """

    edges: list[float] = Field(default_factory=list)
    levels: list[str] = Field(default_factory=list)
    counts: list[float]

    @property
    def names(self) -> list[str]:
        """What each bin holds; the last is of missing values."""
        if self.levels:
            return [*self.levels, "other", "missing"]
        if not self.edges:
            return ["any", "missing"]
        ends = [f"{edge:.4g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(ends)]
        return [f"up to {ends[0]}", *between, f"above {ends[-1]}", "missing"]


class Reference(Record):
    """What a model said of itself when it was trained.

    Attributes
    ----------
    base_rate : float
        Share of positives that the probabilities refer to.
    n_positive : float
        Positives behind it.
    threshold : float
        The line.
    goal : str
        What it was drawn for.
    scores : Bins or None
        Out-of-fold probabilities, with an edge at the line.
    features : dict of str to Bins or None
        In the order of the model's columns; None where a feature has no histogram.
    recall, precision : float or None
        Of the line, on the rows it was drawn on.
    costs : dict of str to float or None
        Costs of ``fn``, ``fp``, ``tp``, ``tn``, where the goal names them.
    alerts_a_day : float or None
        The budget, where the goal names one.
    called, passed : tuple of float
        By what factors the odds of alerts, and of other rows, may have been off in training already.
    calls : tuple of float or None
        Rows of training that were called and all of them, where no line on the scores says so: for one of several
        classes.
    """

    base_rate: float
    n_positive: float
    threshold: float
    goal: str = ""
    scores: Bins | None = None
    features: dict[str, Bins | None] = Field(default_factory=dict)
    recall: float | None = None
    precision: float | None = None
    costs: dict[str, float] | None = None
    alerts_a_day: float | None = None
    called: tuple[float, float] = (1.0, 1.0)
    passed: tuple[float, float] = (1.0, 1.0)
    calls: tuple[float, float] | None = None

    @property
    def alert_rate(self) -> float | None:
        """Share of training rows that are called, None where scores are not known."""
        if self.calls is not None:
            return self.calls[0] / max(self.calls[1], 1.0)
        if self.scores is None or not self.scores.edges:
            return None
        counts = np.asarray(self.scores.counts)
        above = np.searchsorted(np.asarray(self.scores.edges), self.threshold, side="left")
        return float(counts[above:-1].sum() / max(counts.sum(), 1.0))


class Rules(Record):
    """What is tolerated, and how sure an alarm must be.

    Attributes
    ----------
    alpha : float
        Chance that an endpoint that stays as it was ever raises a false alarm, however often one looks.
    shift : float
        Share of a feature's rows that may move to other bins.
    factor : float
        By what factor alerts, prevalence and outcomes may differ from what the model says.
    confidence : float
        Of intervals.
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    shift: float = Field(default=0.05, gt=0, lt=1)
    factor: float = Field(default=1.3, gt=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Figure(Record):
    """A figure with its interval, or the reason why there is none."""

    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    note: str = ""


class WindowReport(Record):
    """What happened in a window.

    Attributes
    ----------
    start, end : datetime
        First and last row.
    n_rows, n_alerts : int
        Traffic, and what was called.
    alerts_a_day : float or None
        None for a window of less than a minute.
    budget : float or None
        Alerts that the goal allows a day.
    alert_rate, mean_probability : Figure or float
        Share that was called, with its exact interval; mean of the probabilities.
    prevalence : Figure
        Share of positives, estimated without labels.
    expected : dict of str to Figure
        Precision, recall and cost a row, as the probabilities foretell them.
    realised : dict of str to Figure
        The same once labels have come, and ``calibration``: observed over expected positives.
    n_labelled, n_labelled_alerts, n_positive : int
        Rows with a label; alerts among them; positives among them.
    psi, ks : float or None
        Distance of the scores from those of training, and
    psi_by_chance : float or None
        what so few rows give when nothing has changed (its 95 % quantile).
    """

    start: datetime
    end: datetime
    n_rows: int
    n_alerts: int
    alerts_a_day: float | None = None
    budget: float | None = None
    alert_rate: Figure
    mean_probability: float
    prevalence: Figure
    expected: dict[str, Figure] = Field(default_factory=dict)
    realised: dict[str, Figure] = Field(default_factory=dict)
    n_labelled: int = 0
    n_labelled_alerts: int = 0
    n_positive: int = 0
    psi: float | None = None
    ks: float | None = None
    psi_by_chance: float | None = None


class FeatureReport(Record):
    """How far a feature is from training, over the last windows."""

    name: str
    psi: float
    ks: float
    psi_by_chance: float
    missing: float
    missing_in_training: float
    largest: str
    """The bin whose share moved most, in words."""


class Check(Record):
    """One thing that is watched.

    Attributes
    ----------
    code : str
        ``alerts``, ``budget``, ``scores``, ``prevalence``, ``feature``, ``precision``, ``missed`` or ``recall``.
    subject : str
        Which feature, for a feature; which of several classes.
    evidence : float
        Logarithm to the base 10 of the e-value.
    needed : float
        What it needs to raise an alarm alone.
    fired : bool
        Whether it raises one.
    since : datetime or None
        When what it sees began, most likely.
    sentence : str
        What was seen.
    """

    code: str
    subject: str = ""
    evidence: float = 0.0
    needed: float = 0.0
    fired: bool = False
    since: datetime | None = None
    sentence: str = ""


class Alarm(Record):
    """An alarm that was raised."""

    at: datetime
    version: int | None = None
    code: str
    subject: str = ""
    sentence: str
    details: dict[str, Any] = Field(default_factory=dict)
    delivered: bool = False


class Report(Record):
    """What the monitor sees of one version of an endpoint."""

    endpoint: str = ""
    version: int | None = None
    variant: str = "champion"
    rules: Rules = Field(default_factory=Rules)
    windows: list[WindowReport] = Field(default_factory=list)
    whole: WindowReport | None = None
    features: list[FeatureReport] = Field(default_factory=list)
    checks: list[Check] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    training: dict[str, float] = Field(default_factory=dict)
    """``alert_rate``, ``prevalence``, ``precision`` and ``recall`` in training, as far as they are known."""
    state: Literal["quiet", "alarm", "no traffic"] = "no traffic"
