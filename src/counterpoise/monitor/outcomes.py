r"""Precision, recall and cost: as the probabilities foretell them, and as labels show them.

Without labels, the positives among rows of probabilities :math:`p_i` are a sum of independent trials; it is more
concentrated than a binomial variable of the same mean (W. Hoeffding, Annals of Mathematical Statistics 27, 1956), whose
quantiles are therefore safe. Intervals of proportions are exact (Clopper and Pearson), hence right with zero or three
positives; a ratio of two counts takes half of the error in each.

Labels come late, for some rows, and often for alerts only. Among the alerts, and among the rows that were passed, the
labelled ones are taken as a draw of all (inverse-probability weights within the two groups). Where no passed row has a
label nothing is known of what was missed: recall then has bounds from the probabilities, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import binom, chi2

from counterpoise.evaluate.intervals import proportion
from counterpoise.monitor.prevalence import STEPS
from counterpoise.monitor.records import Figure
from counterpoise.monitor.windows import UNKNOWN, Window

__all__ = ["expected", "outcome_ratios", "realised"]

COST_CELLS = ("tp", "fp", "fn", "tn")


def expected(
    window: Window, costs: Mapping[str, float] | None = None, confidence: float = 0.95
) -> dict[str, Figure]:
    """Foretell precision, recall and cost from calibrated probabilities.

    Parameters
    ----------
    window : Window
        Rows; labels are not looked at.
    costs : mapping, optional
        Costs of the four cells.
    confidence : float, default=0.95
        That the realised figure will lie in the interval, where the probabilities are right.

    Returns
    -------
    dict of str to Figure
        ``precision``, ``recall`` and, with costs, ``cost`` a row.
    """
    caught, missed = window.probability[window.alert], window.probability[~window.alert]
    both = 1 - (1 - confidence) / 2
    found = {"precision": _share(caught, confidence), "recall": _ratio(caught, missed, both)}
    if costs and len(window):
        found["cost"] = _cost_expected(caught, missed, costs, both)
    return found


def _count(p: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Give the expected number of positives, and a range in which it will lie."""
    total, n = float(p.sum()), len(p)
    if n == 0:
        return 0.0, 0.0, 0.0
    mean, tail = min(total / n, 1.0), (1 - confidence) / 2
    return total, float(max(binom.ppf(tail, n, mean), 0.0)), float(binom.ppf(1 - tail, n, mean))


def _share(p: np.ndarray, confidence: float) -> Figure:
    if len(p) == 0:
        return Figure(note="no alerts")
    value, lower, upper = _count(p, confidence)
    return Figure(value=value / len(p), lower=lower / len(p), upper=upper / len(p))


def _ratio(caught: np.ndarray, missed: np.ndarray, confidence: float) -> Figure:
    a, a_low, a_high = _count(caught, confidence)
    b, b_low, b_high = _count(missed, confidence)
    if a + b <= 0:
        return Figure(note="no rows")
    return Figure(
        value=a / (a + b),
        lower=a_low / (a_low + b_high) if a_low + b_high > 0 else 0.0,
        upper=a_high / (a_high + b_low) if a_high + b_low > 0 else 1.0,
    )


def _cost_expected(
    caught: np.ndarray, missed: np.ndarray, costs: Mapping[str, float], confidence: float
) -> Figure:
    tp, tp_low, tp_high = _count(caught, confidence)
    fn, fn_low, fn_high = _count(missed, confidence)
    n = len(caught) + len(missed)

    def cost(hits: float, misses: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give the cost a row."""
        return _priced(costs, hits, len(caught) - hits, misses, len(missed) - misses) / n

    ends = [cost(hits, misses) for hits in (tp_low, tp_high) for misses in (fn_low, fn_high)]
    return Figure(value=cost(tp, fn), lower=min(ends), upper=max(ends))


def _priced(costs: Mapping[str, float], tp: float, fp: float, fn: float, tn: float) -> float:
    return sum(costs.get(cell, 0.0) * n for cell, n in zip(COST_CELLS, (tp, fp, fn, tn), strict=True))


# --- with labels ---------------------------------------------------------------------------------------------


def realised(
    window: Window, costs: Mapping[str, float] | None = None, confidence: float = 0.95
) -> dict[str, Figure]:
    """Give precision, recall, cost and calibration as labels show them.

    Parameters
    ----------
    window : Window
        Rows with the labels that have come.
    costs : mapping, optional
        Costs of the four cells.
    confidence : float, default=0.95
        Of the intervals.

    Returns
    -------
    dict of str to Figure
        ``precision``, ``recall``, ``calibration`` (observed over expected positives of labelled rows) and, with
        costs, ``cost`` a row; each with a note where labels are partial. Empty without labels.
    """
    known = window.truth != UNKNOWN
    if not known.any():
        return {}
    alerts, passed = (_group(window, called) for called in (window.alert, ~window.alert))
    both = 1 - (1 - confidence) / 2
    found = {
        "precision": alerts.share(confidence),
        "recall": _recall(alerts, passed, both),
        "calibration": _observed_over_expected(window, known, confidence),
    }
    if costs:
        found["cost"] = _cost_realised(alerts, passed, costs, both)
    return found


class _group:  # noqa: N801 - a step of this module
    """The alerts, or the rows that were passed, with the labels among them."""

    def __init__(self, window: Window, which: np.ndarray) -> None:
        truth = window.truth[which]
        self.n = len(truth)
        self.n_labelled = int((truth != UNKNOWN).sum())
        self.n_positive = int((truth == 1).sum())
        unlabelled = truth == UNKNOWN
        self.foretold = float(window.probability[which][unlabelled].sum())

    def positives(self, confidence: float) -> tuple[float, float, float]:
        """Give the number of positives among all rows of the group, with a range."""
        if self.n_labelled == self.n:
            return float(self.n_positive), float(self.n_positive), float(self.n_positive)
        share = proportion(self.n_positive, self.n_labelled, confidence)
        rest = self.n - self.n_labelled
        low, high = (self.n_positive + end * rest for end in (share.lower, share.upper))
        return self.n_positive + share.value * rest, low, high

    def share(self, confidence: float) -> Figure:
        """Give the share of positives."""
        if self.n_labelled == 0:
            return Figure(note="no alert has a label" if self.n else "no alerts")
        share = proportion(self.n_positive, self.n_labelled, confidence)
        return Figure(value=share.value, lower=share.lower, upper=share.upper, note=self.note("alerts"))

    def note(self, name: str) -> str:
        """Say how many have a label."""
        return "" if self.n_labelled == self.n else f"{self.n_labelled} of {self.n} {name} have a label"


def _recall(alerts: _group, passed: _group, confidence: float) -> Figure:
    if alerts.n and not alerts.n_labelled:
        return Figure(note="no alert has a label")
    caught, caught_low, caught_high = alerts.positives(confidence)
    if passed.n and not passed.n_labelled:
        foretold = passed.foretold
        bound = caught / (caught + foretold) if caught + foretold > 0 else None
        return Figure(
            lower=0.0,
            upper=1.0,
            note="only alerts have labels, so what was missed is not known"
            + ("" if bound is None else f"; {bound:.3g} if the probabilities of the others are right"),
        )
    if alerts.n_labelled == alerts.n and passed.n_labelled == passed.n:
        whole = proportion(caught, caught + passed.n_positive, 1 - 2 * (1 - confidence))
        if caught + passed.n_positive == 0:
            return Figure(note="no positives")
        return Figure(value=whole.value, lower=whole.lower, upper=whole.upper)
    missed, missed_low, missed_high = passed.positives(confidence)
    if caught + missed <= 0:
        return Figure(lower=0.0, upper=1.0, note="no positives among the labelled rows")
    notes = [note for note in (alerts.note("alerts"), passed.note("other rows")) if note]
    return Figure(
        value=caught / (caught + missed),
        lower=caught_low / (caught_low + missed_high) if caught_low + missed_high > 0 else 0.0,
        upper=caught_high / (caught_high + missed_low) if caught_high + missed_low > 0 else 1.0,
        note="; ".join(notes) + "; they are taken as a draw of all",
    )


def _observed_over_expected(window: Window, known: np.ndarray, confidence: float) -> Figure:
    """Give observed over expected positives; the interval is Poisson's, exact for rare outcomes."""
    hits, foretold = int((window.truth == 1).sum()), float(window.probability[known].sum())
    if foretold <= 0:
        return Figure(note="no positives are expected")
    tail = (1 - confidence) / 2
    lower = chi2.ppf(tail, 2 * hits) / 2 if hits else 0.0
    upper = chi2.ppf(1 - tail, 2 * hits + 2) / 2
    return Figure(value=hits / foretold, lower=float(lower / foretold), upper=float(upper / foretold))


def _cost_realised(alerts: _group, passed: _group, costs: Mapping[str, float], confidence: float) -> Figure:
    if (alerts.n and not alerts.n_labelled) or (passed.n and not passed.n_labelled):
        return Figure(note="labels of alerts and of other rows are needed")
    n = alerts.n + passed.n
    hits, misses = alerts.positives(confidence), passed.positives(confidence)

    def cost(tp: float, fn: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give the cost a row."""
        return _priced(costs, tp, alerts.n - tp, fn, passed.n - fn) / n

    ends = [cost(tp, fn) for tp in hits[1:] for fn in misses[1:]]
    notes = [note for note in (alerts.note("alerts"), passed.note("other rows")) if note]
    return Figure(value=cost(hits[0], misses[0]), lower=min(ends), upper=max(ends), note="; ".join(notes))


def outcome_ratios(p: np.ndarray, truth: np.ndarray, low: float, high: float) -> np.ndarray:
    """Give the log-likelihood ratios of outcomes being more, or less, likely than is tolerated.

    Parameters
    ----------
    p : ndarray of shape (n,), float64
        What the model said.
    truth : ndarray of shape (n,)
        What turned out, 0 or 1.
    low, high : float
        Between which factors the odds may differ.

    Returns
    -------
    ndarray of shape (2, len(STEPS)), float64
        Sums over the rows, above the range and below it. Each is the logarithm of a supermartingale while every
        row's chance, given what came before, lies in its range.
    """
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    odds, hits = inside / (1 - inside), truth == 1

    def likelihood(scale: float) -> float:  # numpydoc ignore=PR01,RT01
        """Give the log-likelihood where all odds are scaled."""
        scaled = odds * scale
        return float(np.log(scaled[hits]).sum() - np.log1p(scaled).sum())

    sums = []
    for end, steps in ((high, STEPS), (low, 1 / STEPS)):
        at_end = likelihood(end)
        sums.append([likelihood(end * float(step)) - at_end for step in steps])
    return np.array(sums)
