"""From 50/50 to 99/1: what the balance does to F1, what SMOTE does about it, and what the line alone would do."""

from __future__ import annotations

from typing import Any

import polars as pl

from counterpoise.chance import Seed, Streams
from counterpoise.errors import NotApplicable
from counterpoise.lab.experiment import Experiment
from counterpoise.lab.runs import Parts, blobs, f1_at, judged, of_two_classes, thinned, three_parts
from counterpoise.table import Table

__all__ = ["SHARES", "imbalance"]

SHARES = (0.5, 0.3, 0.1, 0.05, 0.01)
"""Shares of the positive class: 50/50, 70/30, 90/10, 95/5, 99/1."""

_BLOB_ROWS = 4_000
_APART = 1.5  # the classes overlap: where they do not, nothing matters
_LEAST_POSITIVES = 20  # below, each of the three parts holds a handful and F1 is luck
_MATTERS = 0.02  # a difference of F1 that anyone would act on
_NOTHING, _SMOTE, _LINE = "untreated, line at 0.5", "SMOTE, line at 0.5", "untreated, its own line"


def imbalance(
    table: Table | None = None, *, learner: Any = "logistic", repeats: int = 5, random_state: Seed = 0
) -> Experiment:
    """Measure F1 from balanced to very rare, with SMOTE, without it, and without it but with a line of its own.

    Parameters
    ----------
    table : Table, optional
        Thinned to each balance, by its negatives or its positives; Gaussian blobs where left out.
    learner : str or classifier, default="logistic"
        What learns.
    repeats : int, default=5
        Runs, each on a fresh split.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Experiment
        F1 by balance; the sentence says from where SMOTE beats the untreated model at 0.5, and where it beats the
        untreated model with its own line.

    Raises
    ------
    NotApplicable
        If the table has too few positives for any balance.

    Examples
    --------
    >>> from counterpoise.lab import imbalance
    >>> found = imbalance(repeats=1)
    >>> found.runs["share"].n_unique()
    5
    """
    chance, rows = Streams.of(random_state), []
    for share in SHARES:
        at = _at_balance(table, share, chance)
        if at is None:
            continue
        for k, parts in enumerate(three_parts(at, repeats, chance.child(share).seed())):
            rows += [{"share": share, "run": k, "way": way, "f1": f1} for way, f1 in _figures(parts, learner)]
    if not rows:
        raise NotApplicable(
            f"The table has {0 if table is None else table.n_positive} positives.",
            expected=f"Expected {_LEAST_POSITIVES} or more at one balance at least.",
            why="With fewer, F1 is luck.",
            hint="Use a larger table, or leave the table out to see the experiment on Gaussian blobs.",
        )
    runs = pl.DataFrame(rows)
    means = runs.group_by("share", "way", maintain_order=True).agg(
        pl.col("f1").mean(), low=pl.col("f1").min(), high=pl.col("f1").max()
    )
    return Experiment("imbalance", _sentence(means), runs, means, _draw)


def _at_balance(table: Table | None, share: float, chance: Streams) -> Table | None:
    """Give a table of this balance, or None where it would hold too few positives."""
    if table is None:
        n_positive = round(share * _BLOB_ROWS)
        seed = chance.child("blobs", share).seed()
        return blobs(_BLOB_ROWS - n_positive, n_positive, distance=_APART, random_state=seed)
    table = of_two_classes(table)
    odds = share / (1 - share)
    n_positive, n_negative = table.n_positive, table.n_rows - table.n_positive
    positives, negatives = min(n_positive, odds * n_negative), min(n_negative, n_positive / odds)
    if positives < _LEAST_POSITIVES:
        return None
    return thinned(table, negatives / n_negative, positives / n_positive, chance.child("thin", share))


def _figures(parts: Parts, learner: Any) -> list[tuple[str, float]]:
    plain, treated = judged(parts, "none", learner), judged(parts, "smote", learner)
    return [
        (_NOTHING, f1_at(plain.y, plain.p, 0.5)),
        (_SMOTE, f1_at(treated.y, treated.p, 0.5)),
        (_LINE, f1_at(plain.y, plain.p, plain.tuned_line())),
    ]


def _sentence(means: pl.DataFrame) -> str:
    f1 = means.pivot("way", index="share", values="f1")
    helps = f1.filter(pl.col(_SMOTE) - pl.col(_NOTHING) >= _MATTERS)["share"].to_list()
    beats_line = f1.filter(pl.col(_SMOTE) - pl.col(_LINE) >= _MATTERS)["share"].to_list()
    tested = f"from {_ratio(f1['share'].max())} to {_ratio(f1['share'].min())}"
    first = (
        f"SMOTE begins to help a line at 0.5 at {_ratio(max(helps))}"
        if helps
        else f"SMOTE does not help a line at 0.5 at any balance {tested}"
    )
    second = (
        f"it beats the untreated model with its own line at {', '.join(map(_ratio, beats_line))}"
        if beats_line
        else "it never beats the untreated model with its own line"
    )
    rarest = f1.sort("share").row(0, named=True)
    return (
        f"{first}; {second} (by {_MATTERS} of F1 or more). At {_ratio(rarest['share'])}: F1 "
        f"{rarest[_NOTHING]:.2f} untreated, {rarest[_SMOTE]:.2f} with SMOTE, {rarest[_LINE]:.2f} with its own line."
    )


def _ratio(share: Any) -> str:
    return f"{100 * (1 - share):.0f}/{100 * share:.0f}"


def _draw(means: pl.DataFrame) -> Any:
    import altair as alt

    drawn = means.with_columns(balance=pl.col("share").map_elements(_ratio, return_dtype=pl.String))
    base = alt.Chart(drawn).encode(
        x=alt.X("balance:N", sort=None, title="negatives / positives"),
        color=alt.Color("way:N", title=None, sort=None),
    )
    lines = base.mark_line(point=True).encode(y=alt.Y("f1:Q", title="F1 (mean and range of runs)"))
    return (lines + base.mark_rule(opacity=0.4).encode(y="low:Q", y2="high:Q")).properties(
        width=420, height=280
    )
