"""What a trial leaves behind: plain records, from which the report, the leaderboard and the model card are made.

A record holds numbers and words only, never an estimator, so that an old `trial.json` still renders. Every field
that a later version adds must have a default; `FORMAT` is raised when a field changes its meaning.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "FORMAT",
    "AdviceRecord",
    "BoundaryRecord",
    "CandidateRecord",
    "ClassRecord",
    "CurveRecord",
    "DayRecord",
    "Estimate",
    "FeatureRecord",
    "FindingRecord",
    "FoldRecord",
    "FoldsRecord",
    "GuardRecord",
    "HistogramRecord",
    "PlaneRecord",
    "TableRecord",
    "TrialRecord",
    "VerdictRecord",
]

FORMAT = 1
"""Version of the trial's file format."""

Status = Literal["run", "dropped", "not run"]
Outcome = Literal["better", "no difference shown", "worse", "refused"]


class Record(BaseModel):
    """Base of all records: frozen, strict about unknown fields on writing, NaN allowed as null."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")


class Estimate(Record):
    """A figure with its interval; None where it is undefined, with the reason."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    why_undefined: str | None = None


class HistogramRecord(Record):
    """Counts of both classes in shared bins; `edges` has one entry more than the counts."""

    edges: list[float]
    negative: list[float]
    positive: list[float]


class CurveRecord(Record):
    """A threshold curve, thinned for the eye: counts at or above each threshold, thresholds descending.

    The first point alerts nobody (threshold above every score), the last alerts everybody. Out-of-fold, calibrated
    probabilities; counts may be weighted sums.
    """

    thresholds: list[float]
    tp: list[float]
    fp: list[float]
    n_positive: float
    n_negative: float


class ClassRecord(Record):
    """One of several classes: how a candidate does on it, against the rest."""

    label: str
    n: float
    """Rows of the class that judged (their weight)."""
    n_decided: float
    """Rows that were decided as this class."""
    metrics: dict[str, Estimate]
    decided_as: list[float]
    """Rows of the class by the class that they were decided as, in the order of the classes."""


class DayRecord(Record):
    """One day of a candidate's decisions, in the fold that judged it."""

    day: str
    fold: int
    n_rows: int
    n_positive: int
    alerts: int
    hits: int
    """Alerts that were positives."""
    precision_100: float
    """Share of positives among the 100 most probable rows of the day."""
    card_precision_100: float | None = None
    """Share of compromised groups among the 100 most probable ones, those caught on earlier days left out."""


class CandidateRecord(Record):
    """One candidate: a learner with a treatment."""

    candidate: str
    treatment: str
    learner: str
    status: Status
    reason: str = ""
    is_champion: bool = False
    is_baseline: bool = False
    metrics: dict[str, Estimate] = Field(default_factory=dict)
    """By name: average_precision, roc_auc, precision, recall, f1, mcc, brier, log_loss, mean_ratio, and the goal's
    own figure under "goal"."""
    difference: Estimate | None = None
    """Paired difference of the goal's figure to the untreated model of the same learner (None for that model)."""
    operating_point: dict[str, Any] | None = None
    """The line drawn on all out-of-fold rows: threshold, value, lower, upper, n_positive, goal, met, tp, fp, fn, tn."""
    confusion: dict[str, float] | None = None
    """tp, fp, fn, tn of the cross-fitted decisions: each fold judged by a line that it had no part in."""
    classes: list[ClassRecord] = Field(default_factory=list)
    """Class by class, where there are more than two. The figures above are then means over the classes, except log
    loss, accuracy, cost and MCC, which look at all at once, Brier score (a sum), and the ratio (the rarest class's)."""
    curve: CurveRecord | None = None
    scores: HistogramRecord | None = None
    """Histogram of the calibrated out-of-fold log-odds (natural logarithm) by class."""
    reliability: dict[str, Any] | None = None
    """`counterpoise.calibrate.Reliability.to_dict()` of the out-of-fold probabilities."""
    fold_values: list[float | None] = Field(default_factory=list)
    """The goal's figure by fold."""
    days: list[DayRecord] = Field(default_factory=list)
    """Day by day, where rows have a time."""
    history: dict[str, list[float | None]] | None = None
    """By epoch, for neural candidates: "epoch", "loss", "auc", "average_precision", "precision", "recall", and each
    again with "val_" in front."""
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    peak_bytes: int | None = None
    predicted_seconds: float | None = None
    """For a candidate that was not run: what it would have taken."""
    predicted_bytes: int | None = None
    """For a candidate that was not run for want of memory: what it would have taken."""
    leader_difference: Estimate | None = None
    """Paired difference of the goal's figure to the leader, whose figure is best (None for the leader)."""
    repeats: int = 1
    """How often the rows were dealt into folds for its figures."""
    repeat_values: list[float | None] = Field(default_factory=list)
    """The goal's figure by repeat, where there are several."""
    led_share: float | None = None
    """Share of the repeats in which no candidate did better, where there are several."""


class FoldRecord(Record):
    """One fold: sizes, positives, and times where the folds are ordered in time."""

    n_train: int
    n_train_positive: int
    n_test: int
    n_test_positive: int
    train_from: str | None = None
    train_to: str | None = None
    test_from: str | None = None
    test_to: str | None = None


class FoldsRecord(Record):
    """How the rows were split."""

    kind: str
    requested: int
    reason: str = ""
    folds: list[FoldRecord]


class FeatureRecord(Record):
    """One feature by class: how well it separates alone, and its distribution."""

    name: str
    kind: str
    separation: float | None = None
    """Area under the ROC curve of the feature alone, folded to 0.5 to 1."""
    missing_share: float = 0.0
    histogram: HistogramRecord | None = None
    levels: list[str] | None = None
    """For a category: its levels, one a bin of the histogram."""


class PlaneRecord(Record):
    """Density of two features by class: counts on a grid, row-major over y then x."""

    x: str
    y: str
    x_edges: list[float]
    y_edges: list[float]
    negative: list[list[float]]
    positive: list[list[float]]


class BoundaryRecord(Record):
    """Decision boundary of a candidate in two dimensions, with the rows its treatment kept, dropped and invented."""

    candidate: str
    x: str
    y: str
    x_edges: list[float]
    y_edges: list[float]
    probability: list[list[float]]
    threshold: float
    points: dict[str, list[list[float]]] = Field(default_factory=dict)
    """By kind ("kept_positive", "kept_negative", "dropped", "invented"): [x, y] pairs, a sample where many."""
    note: str = ""


class TableRecord(Record):
    """The table that was judged."""

    source: str
    target: str
    positive: str
    n_rows: int
    n_positive: int
    rate: Estimate
    n_features: int
    roles: dict[str, str] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)
    fingerprint: str
    n_days: float | None = None


class FindingRecord(Record):
    """Something worth knowing, as an object."""

    code: str
    title: str
    severity: Literal["info", "advice", "warning", "fatal"]
    sentence: str
    source: str = ""


class AdviceRecord(Record):
    """What was advised before anything was trained, and whether the trial confirmed it."""

    code: str
    title: str
    sentence: str
    source: str = ""
    outcome: Literal["confirmed", "contradicted", "not shown", "not tested"]
    evidence: str


class GuardRecord(Record):
    """One way in which rows that judge could have been known beforehand, and whether they were."""

    code: str
    title: str
    status: Literal["passed", "noted", "failed", "allowed", "not applicable"]
    """Noted: there, with a count, and harmless. Allowed: failed, and the caller said that it is meant so."""
    sentence: str
    hint: str = ""
    source: str = ""


class VerdictRecord(Record):
    """What the trial found."""

    outcome: Outcome
    champion: str | None = None
    baseline: str | None = None
    difference: Estimate | None = None
    confidence: float = 0.95
    sentence: str
    details: list[str] = Field(default_factory=list)
    positives_needed: int | None = None
    """Where no difference is shown: about how many positives it would take to show `difference_to_show`."""
    difference_to_show: float | None = None

    def _repr_html_(self) -> str:
        from counterpoise.report.notebook import verdict_html

        return verdict_html(self)


class TrialRecord(Record):
    """A whole trial."""

    format: int = FORMAT
    goal: str
    goal_metric: str
    goal_greater_is_better: bool = True
    goal_confidence: float | None = None
    seed: int
    folds: FoldsRecord
    table: TableRecord
    profile: dict[str, Any] | None = None
    """`counterpoise.profile.Profile.to_dict()`."""
    candidates: list[CandidateRecord]
    """Best first; those not run last."""
    verdict: VerdictRecord
    findings: list[FindingRecord] = Field(default_factory=list)
    advice: list[AdviceRecord] = Field(default_factory=list)
    """The profile's claims about treatments and learners, each held against the figures."""
    guard: list[GuardRecord] = Field(default_factory=list)
    """The leakage guard: one a kind of leak."""
    features: list[FeatureRecord] = Field(default_factory=list)
    planes: list[PlaneRecord] = Field(default_factory=list)
    boundaries: list[BoundaryRecord] = Field(default_factory=list)
    command: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    seconds: float = 0.0
    budget_seconds: float | None = None
