"""What every experiment does: split a table three ways, fit, and judge rows that nothing was chosen on.

One part trains, one draws the line, one judges. A line drawn on the rows that judge it looks better than it is
(C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, on choosing lines by validation).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.chance import Seed, Streams
from counterpoise.datasets import gaussian_blobs
from counterpoise.decide import ThresholdCurve
from counterpoise.errors import NotApplicable, OptionError
from counterpoise.learn import make_candidate
from counterpoise.split import make_folds
from counterpoise.table import Table, read

__all__ = [
    "MAX_ROWS",
    "Judged",
    "Parts",
    "blobs",
    "f1_at",
    "judged",
    "of_two_classes",
    "thinned",
    "three_parts",
]

MAX_ROWS = 20_000
"""Rows that an experiment works on at most; a larger table is sampled, each class by the same share."""

_FOLDS = 4


@dataclass(frozen=True)
class Parts:
    """Three parts of a table.

    Parameters
    ----------
    train, line, judge : Table
        What trains, what draws the line, and what judges.
    seed : int
        For what is fitted on them.
    """

    train: Table
    line: Table
    judge: Table
    seed: int


@dataclass(frozen=True)
class Judged:
    """What a model says of the part that draws the line and of the part that judges.

    Parameters
    ----------
    line_y, y : ndarray of int8
        Outcomes of both parts.
    line_p, p : ndarray of float64
        Probabilities of the positive class.
    """

    line_y: np.ndarray
    line_p: np.ndarray
    y: np.ndarray
    p: np.ndarray

    def tuned_line(self) -> float:
        """Draw the line of the best F1.

        Returns
        -------
        float
            The threshold; of the part that does not judge.
        """
        return ThresholdCurve.from_scores(self.line_y, self.line_p).best("f1", steady=True).threshold


def blobs(n_majority: int, n_minority: int, *, distance: float = 2.5, random_state: Seed = 0) -> Table:
    """Make a table of two Gaussian blobs.

    Parameters
    ----------
    n_majority, n_minority : int
        Rows of each class.
    distance : float, default=2.5
        Coordinates of the minority's centre.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Table
        Features ``x1`` and ``x2``.
    """
    frame = gaussian_blobs(n_majority, n_minority, distance=distance, random_state=random_state)
    return read(frame, target="label", positive=1)


def of_two_classes(table: Table) -> Table:
    """Refuse a table of several classes, and sample one that is larger than an experiment needs.

    Parameters
    ----------
    table : Table
        The caller's.

    Returns
    -------
    Table
        At most `MAX_ROWS` rows.

    Raises
    ------
    NotApplicable
        If it has more than two classes.
    """
    if not table.is_binary:
        raise NotApplicable(
            f"The table has {len(table.labels)} classes.",
            expected="Expected two.",
            why="The experiments ask about one rare class.",
            hint="Name it with positive=..., or --positive on the command line: all others become negative.",
        )
    share = min(1.0, MAX_ROWS / table.n_rows)
    return thinned(table, share, share, Streams.of(0).child("lab")) if share < 1 else table


def thinned(table: Table, of_negatives: float, of_positives: float, chance: Streams) -> Table:
    """Keep a share of each class, drawn at random, in the order of the table.

    Parameters
    ----------
    table : Table
        Of two classes.
    of_negatives, of_positives : float
        Shares, from 0 to 1.
    chance : Streams
        Seed.

    Returns
    -------
    Table
        The rows kept.
    """
    kept = []
    for code, share in ((0, of_negatives), (1, of_positives)):
        rows = np.flatnonzero(table.y == code)
        n = round(share * len(rows))
        kept.append(chance.child(code).generator().choice(rows, n, replace=False))
    return table.take(np.sort(np.concatenate(kept)))


def three_parts(table: Table, repeats: int, random_state: Seed) -> Iterator[Parts]:
    """Split a table three ways, as its roles demand, several times.

    Parameters
    ----------
    table : Table
        With a group, groups stay whole; with a time, later rows judge.
    repeats : int
        How often.
    random_state : int, Generator, RandomState or None
        Seed.

    Yields
    ------
    Parts
        Half of the rows train, a quarter draws the line, a quarter judges (in time: of the last windows).

    Raises
    ------
    OptionError
        If there is no run.
    NotApplicable
        If the rare class is too small to be split.
    """
    if repeats < 1:
        raise OptionError(
            f"repeats={repeats} was given.",
            expected="Expected at least 1.",
            why="Without a run there is no figure.",
            hint="For example repeats=5.",
        )
    for k in range(repeats):
        chance = Streams.of(random_state).child("run", k)
        folds = make_folds(table, _FOLDS, random_state=chance.child("folds").seed()).folds
        line, judge = folds[-2], folds[-1]
        train = np.setdiff1d(line.train, judge.test)
        yield Parts(
            table.take(train), table.take(line.test), table.take(judge.test), chance.child("fit").seed()
        )


def judged(
    parts: Parts, treatment: Any, learner: Any = "logistic", *, recalibrate: str | None = None
) -> Judged:
    """Fit a learner under a treatment and score the other two parts.

    Parameters
    ----------
    parts : Parts
        A split.
    treatment : str or sampler
        What is done about the imbalance.
    learner : str or classifier, default="logistic"
        What learns.
    recalibrate : str or None, default=None
        How probabilities are put back; None leaves them as the treatment made them.

    Returns
    -------
    Judged
        Outcomes and probabilities.
    """
    model = make_candidate(treatment, learner, parts.seed, recalibrate=recalibrate)
    model.fit(parts.train.X, parts.train.y)
    line_p, p = (model.predict_proba(part.X)[:, 1] for part in (parts.line, parts.judge))
    return Judged(parts.line.y, line_p, parts.judge.y, p)


def f1_at(y: np.ndarray, p: np.ndarray, line: float) -> float:
    """Give F1 of a line, 0 where nothing is found.

    Parameters
    ----------
    y : ndarray
        Outcomes.
    p : ndarray
        Probabilities.
    line : float
        Alerts from here on.

    Returns
    -------
    float
        ``2 tp / (2 tp + fp + fn)``.
    """
    alert = p >= line
    return float(2 * (alert & (y == 1)).sum() / max(1, alert.sum() + (y == 1).sum()))
