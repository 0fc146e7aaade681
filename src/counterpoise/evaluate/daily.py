"""Figures by day, for those who can look at so many alerts a day: from the time and the group of each row.

Days are units: a figure is the mean over all days that judge, each of which counts alike however many days its fold
has, and its interval is Student's for that mean. So alerts a day times days are the alerts. Where folds are of equally
many days, these are the figures of the Fraud Detection Handbook, which averages within folds and then over them.

Source: Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible machine learning for credit card fraud detection",
Université libre de Bruxelles, 2022, chapter 4 (card precision top-k).
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from scipy.stats import t as student

from counterpoise.evaluate.metrics import daily_card_precision, precision_at_k
from counterpoise.evaluate.records import DayRecord, Estimate

__all__ = ["DAILY_METRICS", "LOOKED_AT", "Days", "daily_figures", "mean_of_days"]

LOOKED_AT = 100
"""Rows, or cards, that can be looked at in a day."""

DAILY_METRICS = ("card_precision_100", "daily_precision_100", "daily_recall", "alerts_per_day")
"""Figures by day, in the order of the leaderboard's columns; the first needs groups."""

_DAY = 86400.0
_EPOCH = date(1970, 1, 1)
_FIRST_DATE = 3650
"""Times of fewer days since 1970 than that are taken as seconds since some start of their own."""


class Days:
    """The days of the rows that judge.

    Parameters
    ----------
    y : ndarray of shape (n,), int
        1 is positive.
    seconds : ndarray of shape (n,), float64
        When each row happened; days begin at midnight.
    fold_of : ndarray of shape (n,), int64
        Fold that judges each row.
    groups : ndarray of shape (n,), optional
        Card (customer, machine) of each row.
    """

    def __init__(
        self, y: np.ndarray, seconds: np.ndarray, fold_of: np.ndarray, groups: np.ndarray | None = None
    ) -> None:
        self.y, self.groups = y == 1, groups
        day = np.floor(seconds / _DAY).astype(np.int64)
        both = np.stack([fold_of, day], axis=1)
        found, self.of = np.unique(both, axis=0, return_inverse=True)
        self.fold, self.day = found[:, 0], found[:, 1]

    def __len__(self) -> int:
        return len(self.day)

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Count rows day by day.

        Parameters
        ----------
        values : ndarray of shape (n,), bool
            Which rows.

        Returns
        -------
        ndarray of shape (n_days,), int64
            One a day and fold.
        """
        return np.bincount(self.of, weights=values, minlength=len(self)).astype(np.int64)

    def precision_at(self, proba: np.ndarray, k: int) -> np.ndarray:
        """Give the share of positives among the `k` most probable rows of each day.

        Parameters
        ----------
        proba : ndarray of shape (n,)
            Probabilities.
        k : int
            Rows that can be looked at in a day.

        Returns
        -------
        ndarray of shape (n_days,), float64
            One a day and fold.
        """
        order = np.argsort(self.of, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(self.of[order])) + 1)
        return np.array([precision_at_k(self.y[rows], proba[rows], k=k) for rows in parts])

    def card_precision_at(self, proba: np.ndarray, k: int) -> np.ndarray:
        """Give the share of compromised cards among the `k` most probable ones of each day.

        Within a fold, a compromised card that was caught does not count on later days.

        Parameters
        ----------
        proba : ndarray of shape (n,)
            Probabilities.
        k : int
            Cards that can be looked at in a day.

        Returns
        -------
        ndarray of shape (n_days,), float64
            One a day and fold.
        """
        assert self.groups is not None  # asked by the caller
        found = np.empty(len(self))
        for fold in np.unique(self.fold):
            here = np.isin(self.of, np.flatnonzero(self.fold == fold))
            found[self.fold == fold] = daily_card_precision(
                self.y[here], proba[here], days=self.of[here], cards=self.groups[here], k=k
            )
        return found

    def of_calendar(self, counts: np.ndarray) -> np.ndarray:
        """Add up what several folds count on the same day.

        Parameters
        ----------
        counts : ndarray of shape (n_days,), int64
            One a day and fold.

        Returns
        -------
        ndarray of shape (n_calendar_days,), int64
            One a day.
        """
        _, place = np.unique(self.day, return_inverse=True)
        return np.bincount(place, weights=counts).astype(np.int64)


def mean_of_days(values: np.ndarray, confidence: float = 0.95, *, is_share: bool = True) -> Estimate:
    """Average a figure over days.

    Parameters
    ----------
    values : ndarray of shape (n_days,), float64
        One a day; NaN where it is undefined.
    confidence : float, default=0.95
        Of the interval, in which days are taken as independent.
    is_share : bool, default=True
        Whether the figure lies between 0 and 1.

    Returns
    -------
    Estimate
        The mean with its interval.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Estimate(value=None, why_undefined="no day had a positive")
    value = float(known.mean())
    if len(known) < 2:
        return Estimate(value=value)
    reach = float(student.ppf(0.5 + confidence / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    return Estimate(
        value=value,
        lower=max(value - reach, 0.0),
        upper=min(value + reach, 1.0) if is_share else value + reach,
    )


def daily_figures(
    days: Days, proba: np.ndarray, alerts: np.ndarray
) -> tuple[dict[str, Estimate], list[DayRecord]]:
    """Give the figures of a candidate by day.

    Parameters
    ----------
    days : Days
        Of the rows that judge.
    proba : ndarray of shape (n,)
        Its probabilities of these rows.
    alerts : ndarray of shape (n,), bool
        Its decisions.

    Returns
    -------
    tuple of dict and list
        The figures of `DAILY_METRICS` (card precision where there are groups), and a record a day.
    """
    rows, positives = days.counts(np.ones(len(proba))), days.counts(days.y)
    alerted, hits = days.counts(alerts), days.counts(alerts & days.y)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(positives > 0, hits / positives, np.nan)
    top = days.precision_at(proba, LOOKED_AT)
    cards = days.card_precision_at(proba, LOOKED_AT) if days.groups is not None else None
    figures = {} if cards is None else {"card_precision_100": mean_of_days(cards)}
    figures |= {
        "daily_precision_100": mean_of_days(top),
        "daily_recall": mean_of_days(recall),
        "alerts_per_day": mean_of_days(days.of_calendar(alerted).astype(np.float64), is_share=False),
    }
    records = [
        DayRecord(
            day=_name(int(days.day[j])),
            fold=int(days.fold[j]),
            n_rows=int(rows[j]),
            n_positive=int(positives[j]),
            alerts=int(alerted[j]),
            hits=int(hits[j]),
            precision_100=float(top[j]),
            card_precision_100=None if cards is None else float(cards[j]),
        )
        for j in range(len(days))
    ]
    return figures, records


def _name(day: int) -> str:
    return str(_EPOCH + timedelta(days=day)) if day >= _FIRST_DATE else f"day {day}"
