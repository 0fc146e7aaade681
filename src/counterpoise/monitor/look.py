"""One look at an endpoint: figures of every window, distances to training, and which checks raise an alarm.

A look is a function of sums over windows. What is summed of a window does not change once its labels are in, so sums
can be kept between looks (`summarise`), and a look costs the same however many rows there were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from counterpoise.evaluate.intervals import proportion
from counterpoise.monitor import drift, outcomes, prevalence
from counterpoise.monitor.evidence import excess_evidence, fired, mean_evidence, over_starts, rate_evidence
from counterpoise.monitor.records import (
    Bins,
    Check,
    Figure,
    Reference,
    Report,
    Rules,
    WindowReport,
    say_share,
)
from counterpoise.monitor.windows import UNKNOWN, Window, when

__all__ = ["Summary", "look", "summarise"]

LEAST_SECONDS = 60.0
"""Alerts a day are not foretold from less than a minute."""

DAY_SECONDS = 86_400.0

FIRST_ROWS = 5000
"""Rows of a version against which its later scores are held."""


@dataclass(frozen=True)
class Summary:
    """What is kept of a window.

    Attributes
    ----------
    report : WindowReport
        Its figures.
    scores : ndarray of shape (n_score_bins,), or None
        Rows in each bin of the training scores.
    features : ndarray of shape (n_features, n_bins), or None
        Values in each bin of the training histograms.
    balance : ndarray of shape (2, n_steps)
        Log-likelihood ratios of other shares of positives.
    called, passed : ndarray of shape (2, n_steps)
        Log-likelihood ratios of outcomes, of labelled alerts and of other labelled rows.
    n_positive, n_missed : int
        Labelled positives, and those that were not called.
    foretold : tuple of float
        Positives that the probabilities foretell among labelled alerts, and among other labelled rows.
    """

    report: WindowReport
    scores: np.ndarray | None
    features: np.ndarray | None
    balance: np.ndarray
    called: np.ndarray
    passed: np.ndarray
    n_positive: int
    n_missed: int
    foretold: tuple[float, float] = (0.0, 0.0)


def summarise(window: Window, reference: Reference, rules: Rules | None = None) -> Summary:
    """Sum a window up.

    Parameters
    ----------
    window : Window
        At least one row.
    reference : Reference
        What the model said of itself.
    rules : Rules, optional
        What is tolerated.

    Returns
    -------
    Summary
        All that later looks need.
    """
    rules = rules or Rules()
    known = window.truth != UNKNOWN
    low, high = prevalence.shift_range(reference, rules)
    scores = None if reference.scores is None else _binned(window.probability, reference.scores)

    def outcome(which: np.ndarray, own: tuple[float, float]) -> np.ndarray:  # numpydoc ignore=PR01,RT01
        """Sum the ratios of labelled rows."""
        rows = known & which
        return outcomes.outcome_ratios(
            window.probability[rows], window.truth[rows], own[0] / rules.factor, own[1] * rules.factor
        )

    return Summary(
        report=_window_report(window, reference, rules, scores),
        scores=scores,
        features=window.bins,
        balance=prevalence.balance_ratios(window.probability, reference.base_rate, low, high),
        called=outcome(window.alert, reference.called),
        passed=outcome(~window.alert, reference.passed),
        n_positive=int((window.truth == 1).sum()),
        n_missed=int(((window.truth == 1) & ~window.alert).sum()),
        foretold=(
            float(window.probability[known & window.alert].sum()),
            float(window.probability[known & ~window.alert].sum()),
        ),
    )


def _binned(values: np.ndarray, bins: Bins) -> np.ndarray:
    places = np.searchsorted(np.asarray(bins.edges), values, side="left")
    return np.bincount(places, minlength=len(bins.counts))


def _window_report(
    window: Window, reference: Reference, rules: Rules, scores: np.ndarray | None
) -> WindowReport:
    n, n_alerts = len(window), int(window.alert.sum())
    start, end = float(window.at.min()), float(window.at.max())
    long_enough = end - start >= LEAST_SECONDS
    share = proportion(n_alerts, n, rules.confidence)
    distances: dict[str, Any] = {}
    if reference.scores is not None and scores is not None:
        before = np.asarray(reference.scores.counts)
        distances = {
            "psi": drift.psi(before, scores),
            "ks": drift.ks(before, scores),
            "psi_by_chance": drift.psi_by_chance(before, scores),
        }
    return WindowReport(
        start=when(start),
        end=when(end),
        n_rows=n,
        n_alerts=n_alerts,
        alerts_a_day=n_alerts * DAY_SECONDS / (end - start) if long_enough else None,
        budget=reference.alerts_a_day,
        alert_rate=Figure(value=share.value, lower=share.lower, upper=share.upper),
        mean_probability=float(window.probability.mean()),
        prevalence=prevalence.estimate(window.probability, reference.base_rate, rules.confidence),
        expected=outcomes.expected(window, reference.costs, rules.confidence),
        realised=outcomes.realised(window, reference.costs, rules.confidence),
        n_labelled=int((window.truth != UNKNOWN).sum()),
        n_labelled_alerts=int((window.truth[window.alert] != UNKNOWN).sum()),
        n_positive=int((window.truth == 1).sum()),
        **distances,
    )


# --- looking -------------------------------------------------------------------------------------------------


def look(
    summaries: Sequence[Summary],
    reference: Reference,
    rules: Rules | None = None,
    *,
    whole: WindowReport | None = None,
    classes: Mapping[str, tuple[Sequence[Summary], Reference]] | None = None,
    **named: Any,
) -> Report:
    """Look at an endpoint.

    Parameters
    ----------
    summaries : sequence of Summary
        Its windows, in order of time, from the day the version began to answer.
    reference : Reference
        What the model said of itself.
    rules : Rules, optional
        What is tolerated, and how sure an alarm must be.
    whole : WindowReport, optional
        Figures of all windows together.
    classes : mapping of str to tuple, optional
        Of several classes, by name: the same windows summed up for this class against all others, and what the model
        said of it.
    **named : object
        ``endpoint``, ``version`` and ``variant``, for the report.

    Returns
    -------
    Report
        Figures, distances, checks, and whether anything raises an alarm.

    Examples
    --------
    >>> import numpy as np
    >>> from counterpoise.monitor import Reference, Window, look, summarise
    >>> rng = np.random.default_rng(0)
    >>> reference = Reference(base_rate=0.01, n_positive=500, threshold=0.5)
    >>> p = rng.beta(0.1, 9.9, 5000)
    >>> unknown = np.full(5000, -1, dtype=np.int8)
    >>> window = Window(np.arange(5000.0), p, p >= 0.5, unknown)
    >>> look([summarise(window, reference)], reference).state
    'quiet'
    """
    rules = rules or Rules()
    reports = [each.report for each in summaries]
    if not summaries:
        return Report(rules=rules, **named)
    watched = _checks(summaries, reference, rules)
    for name, own in (classes or {}).items():
        watched += _class_checks(name, *own, rules)
    checks = _judged(watched, reports, rules)
    return Report(
        rules=rules,
        windows=reports,
        whole=whole,
        features=_features(summaries, reference),
        checks=checks,
        notes=_notes(summaries, reference),
        training=_training(reference),
        state="alarm" if any(check.fired for check in checks) else "quiet",
        **named,
    )


@dataclass(frozen=True)
class _Watched:
    """A check before it is judged: its evidence, where it begins, its share of the tolerated error."""

    code: str
    subject: str
    evidence: float
    start: int
    sentence: str


def _checks(summaries: Sequence[Summary], reference: Reference, rules: Rules) -> list[_Watched]:
    found = [
        *_alert_check(summaries, reference, rules),
        *_budget_check(summaries, reference),
        *_score_check(summaries, reference, rules),
        _balance_check(summaries, reference),
        *_feature_checks(summaries, reference, rules),
        _called_check(summaries),
        _passed_check(summaries),
    ]
    return [*found, *_recall_check(summaries, reference, rules)]


def _class_checks(
    name: str, summaries: Sequence[Summary], reference: Reference, rules: Rules
) -> list[_Watched]:
    """Watch one of several classes: how often it is chosen, its share, how well its probabilities hold, its recall."""
    found = [
        *_alert_check(summaries, reference, rules),
        _balance_check(summaries, reference),
        _called_check(summaries),
        _passed_check(summaries),
        *_recall_check(summaries, reference, rules),
    ]
    return [replace(each, subject=name, sentence=f"{name!r}: {each.sentence}") for each in found]


def _alert_check(summaries: Sequence[Summary], reference: Reference, rules: Rules) -> list[_Watched]:
    rate = reference.alert_rate
    if rate is None or reference.scores is None:
        return []
    rows = sum(reference.scores.counts) if reference.calls is None else reference.calls[1]
    own = proportion(min(rate * rows, rows), rows, drift.REFERENCE_CONFIDENCE)
    hits, trials = (
        np.cumsum([getattr(each.report, name) for each in summaries][::-1])[::-1]
        for name in ("n_alerts", "n_rows")
    )
    evidence, start = over_starts(
        rate_evidence(hits, trials, own.lower / rules.factor, own.upper * rules.factor)
    )
    at = int(start)
    sentence = (
        f"{say_share(hits[at] / trials[at])} of the rows are called; {say_share(rate)} were in training"
    )
    return [_Watched("alerts", "", float(evidence), at, sentence)]


def _budget_check(summaries: Sequence[Summary], reference: Reference) -> list[_Watched]:
    """Hold alerts against the goal's budget: a budget is of calendar days (UTC), and of as many as have begun.

    So neither a batch a day nor the hours since midnight are taken for a faster pace than they are.
    """
    if reference.alerts_a_day is None:
        return []
    last = summaries[-1].report.end.timestamp() // DAY_SECONDS
    firsts = np.array([each.report.start.timestamp() for each in summaries]) // DAY_SECONDS
    days = last - firsts + 1
    alerts = np.cumsum([each.report.n_alerts for each in summaries][::-1])[::-1]
    evidence, start = over_starts(excess_evidence(alerts, days * reference.alerts_a_day))
    at = int(start)
    sentence = f"{alerts[at] / days[at]:.4g} alerts a day; {reference.alerts_a_day:g} are allowed"
    return [_Watched("budget", "", float(evidence), at, sentence)]


def _score_check(summaries: Sequence[Summary], reference: Reference, rules: Rules) -> list[_Watched]:
    """Hold scores against those of the version's first rows.

    Not against training: scores of training are those of other fits, on fewer rows, and those of boosted trees lie
    otherwise from fit to fit though nothing has changed.
    """
    if reference.scores is None or any(each.scores is None for each in summaries):
        return []
    counts = np.array([each.scores for each in summaries])
    rows = np.cumsum(counts.sum(axis=1))
    n = int(np.searchsorted(rows, FIRST_ROWS)) + 1
    if n >= len(counts):
        return [_Watched("scores", "", 0.0, 0, f"watched from {FIRST_ROWS} rows on")]
    before = counts[:n].sum(axis=0)
    marks = drift.score_marks(reference, before, rules)
    evidence, start = (0.0, 0) if marks is None else drift.marks_evidence(marks, counts[n:])
    moved = drift.psi(before, counts[n + start :].sum(axis=0))
    sentence = f"scores against those of the first {rows[n - 1]} rows: PSI {moved:.3g}"
    return [_Watched("scores", "", evidence, n + start, sentence)]


def _balance_check(summaries: Sequence[Summary], reference: Reference) -> _Watched:
    evidence, start = _mixed([each.balance for each in summaries])
    shares = [(each.report.prevalence.value or 0.0, each.report.n_rows) for each in summaries[start:]]
    now = sum(share * n for share, n in shares) / max(sum(n for _, n in shares), 1)
    before = f"{say_share(reference.base_rate)} were in training"
    sentence = f"about {say_share(now)} of the rows are positive, by their probabilities; {before}"
    return _Watched("prevalence", "", evidence, start, sentence)


def _mixed(ratios: list[np.ndarray]) -> tuple[float, int]:
    """Mix ratios over sides and steps, and over the windows where a change may have begun."""
    since = np.cumsum(np.array(ratios)[::-1], axis=0)[::-1]
    evidence, start = over_starts(mean_evidence(since.reshape(len(since), -1)))
    return float(evidence), int(start)


def _feature_checks(summaries: Sequence[Summary], reference: Reference, rules: Rules) -> list[_Watched]:
    if any(each.features is None for each in summaries):
        return []
    counts = np.array([each.features for each in summaries])
    found = []
    for j, (name, bins) in enumerate(reference.features.items()):
        if bins is None:
            continue
        own = counts[:, j, : len(bins.counts)]
        evidence, start = drift.marks_evidence(drift.feature_marks(bins, rules), own)
        seen = drift.feature_report(name, bins, own[start:].sum(axis=0))
        found.append(_Watched("feature", name, evidence, start, f"{name!r}, {seen.largest}"))
    return found


def _called_check(summaries: Sequence[Summary]) -> _Watched:
    evidence, start = _mixed([each.called for each in summaries])
    since = summaries[start:]
    hits, told = (
        sum(each.n_positive - each.n_missed for each in since),
        sum(each.foretold[0] for each in since),
    )
    sentence = f"{hits} of the labelled alerts are positive; {told:.1f} were foretold"
    return _Watched("precision", "", evidence, start, sentence)


def _passed_check(summaries: Sequence[Summary]) -> _Watched:
    evidence, start = _mixed([each.passed for each in summaries])
    since = summaries[start:]
    hits, told = sum(each.n_missed for each in since), sum(each.foretold[1] for each in since)
    sentence = f"{hits} of the labelled rows that were passed are positive; {told:.1f} were foretold"
    return _Watched("missed", "", evidence, start, sentence)


def _recall_check(summaries: Sequence[Summary], reference: Reference, rules: Rules) -> list[_Watched]:
    if reference.recall is None or not 0 < reference.recall <= 1:
        return []
    own = proportion(
        reference.recall * reference.n_positive, reference.n_positive, drift.REFERENCE_CONFIDENCE
    )
    missed, hits = (
        np.cumsum([getattr(each, name) for each in summaries][::-1])[::-1]
        for name in ("n_missed", "n_positive")
    )
    most = min((1 - own.lower) * rules.factor, 1 - own.lower / rules.factor)
    evidence, start = over_starts(rate_evidence(missed, hits, 0.0, most))
    at = int(start)
    seen = (
        f"{1 - missed[at] / hits[at]:.1%} of the known positives were called"
        if hits[at]
        else "no positive is known"
    )
    sentence = f"{seen}; {reference.recall:.1%} were called in training"
    return [_Watched("recall", "", float(evidence), at, sentence)]


def _judged(watched: list[_Watched], reports: list[WindowReport], rules: Rules) -> list[Check]:
    """Spread the tolerated error evenly over the kinds of checks, then over the features."""
    kinds = {each.code for each in watched}
    sizes = {kind: sum(each.code == kind for each in watched) for kind in kinds}
    weights = np.array([1.0 / (len(kinds) * sizes[each.code]) for each in watched])
    evidence = np.array([each.evidence for each in watched])
    raised = fired(evidence, weights, rules.alpha)
    needed = -(np.log(rules.alpha) + np.log(weights)) / np.log(10)
    return [
        Check(
            code=each.code,
            subject=each.subject,
            evidence=each.evidence / np.log(10),
            needed=float(need),
            fired=bool(does),
            since=reports[each.start].start,
            sentence=each.sentence,
        )
        for each, need, does in zip(watched, needed, raised, strict=True)
    ]


def _features(summaries: Sequence[Summary], reference: Reference) -> list[Any]:
    known = [each.features for each in summaries if each.features is not None]
    if not known:
        return []
    recent = np.sum(known[-7:], axis=0)
    found = [
        drift.feature_report(name, bins, recent[j, : len(bins.counts)])
        for j, (name, bins) in enumerate(reference.features.items())
        if bins is not None and recent[j].any()
    ]
    return sorted(found, key=lambda each: -each.psi)


def _training(reference: Reference) -> dict[str, float]:
    figures = {
        "alert_rate": reference.alert_rate,
        "prevalence": reference.base_rate,
        "precision": reference.precision,
        "recall": reference.recall,
    }
    return {name: value for name, value in figures.items() if value is not None}


def _notes(summaries: Sequence[Summary], reference: Reference) -> list[str]:
    reports = [each.report for each in summaries]
    labelled, called = sum(r.n_labelled for r in reports), sum(r.n_labelled_alerts for r in reports)
    positive = sum(r.n_positive for r in reports)
    notes = []
    if not labelled:
        notes.append(
            "No labels have come: precision, recall and cost are foretold from the probabilities alone."
        )
    elif labelled == called:
        notes.append("Only alerts have labels: what was missed cannot be seen.")
    elif labelled < sum(r.n_rows for r in reports):
        notes.append(f"{labelled} rows have labels so far, {called} of them alerts; others may still come.")
    if labelled >= 20 and positive == labelled:
        notes.append(
            "Every label that came is positive: if only those are sent, precision and calibration mean nothing."
        )
    if reference.scores is None:
        notes.append("The bundle has no histogram of scores: alerts and scores are not watched.")
    return notes
