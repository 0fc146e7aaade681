"""BorderlineSMOTE against SMOTE where classes overlap: whether to invent rows at the border only.

Source: H. Han, W. Wang and B. Mao, "Borderline-SMOTE", ICIC 2005; N. Chawla et al., "SMOTE", JAIR 16, 2002.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from counterpoise.chance import Seed, Streams
from counterpoise.evaluate import metrics
from counterpoise.lab.experiment import Experiment
from counterpoise.lab.runs import Parts, blobs, f1_at, judged, of_two_classes, three_parts
from counterpoise.table import Table

__all__ = ["DISTANCES", "smote"]

DISTANCES = (1.0, 1.5, 2.0, 2.5)
"""Coordinates of the small blob's centre: the smaller, the more the classes overlap."""

TREATMENTS = ("none", "smote", "borderline_smote")


def smote(
    table: Table | None = None, *, learner: Any = "logistic", repeats: int = 5, random_state: Seed = 0
) -> Experiment:
    """Compare BorderlineSMOTE, SMOTE and nothing, each with a line of its own.

    Parameters
    ----------
    table : Table, optional
        The caller's; where left out, blobs of 950 and 50 rows at several distances.
    learner : str or classifier, default="logistic"
        What learns.
    repeats : int, default=5
        Runs, each on a fresh split.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Experiment
        Average precision and F1 by treatment (and distance); the sentence says in how many runs BorderlineSMOTE
        was ahead of SMOTE.

    Examples
    --------
    >>> from counterpoise.lab import smote
    >>> smote(repeats=1).runs.columns
    ['overlap', 'run', 'treatment', 'average_precision', 'f1']
    """
    chance, rows = Streams.of(random_state), []
    for overlap, at in _tables(table, chance):
        for k, parts in enumerate(three_parts(at, repeats, chance.child(overlap).seed())):
            rows += [{"overlap": overlap, "run": k, **figures} for figures in _figures(parts, learner)]
    runs = pl.DataFrame(rows)
    means = runs.group_by("overlap", "treatment", maintain_order=True).agg(
        pl.col("f1").mean(), low=pl.col("f1").min(), high=pl.col("f1").max()
    )
    return Experiment("smote", _sentence(runs), runs, means, _draw)


def _tables(table: Table | None, chance: Streams) -> list[tuple[str, Table]]:
    if table is not None:
        return [("this table", of_two_classes(table))]
    return [
        (f"{d:g} apart", blobs(950, 50, distance=d, random_state=chance.child("blobs", d).seed()))
        for d in DISTANCES
    ]


def _figures(parts: Parts, learner: Any) -> list[dict[str, Any]]:
    found = []
    for treatment in TREATMENTS:
        scored = judged(parts, treatment, learner)
        precision = metrics.average_precision(scored.y, scored.p)
        f1 = f1_at(scored.y, scored.p, scored.tuned_line())
        found.append({"treatment": treatment, "average_precision": precision, "f1": f1})
    return found


def _sentence(runs: pl.DataFrame) -> str:
    wide = runs.pivot("treatment", index=["overlap", "run"], values="f1")
    ahead = int((wide["borderline_smote"] > wide["smote"]).sum())
    better = int((wide[["smote", "borderline_smote"]].max_horizontal() > wide["none"]).sum())
    f1 = {name: float(wide[name].to_numpy().mean()) for name in TREATMENTS}
    return (
        f"BorderlineSMOTE was ahead of SMOTE in {ahead} of {wide.height} runs (mean F1 {f1['borderline_smote']:.3f} "
        f"against {f1['smote']:.3f}); the better of the two was ahead of no treatment with its own line "
        f"(F1 {f1['none']:.3f}) in {better}."
    )


def _draw(means: pl.DataFrame) -> Any:
    import altair as alt

    base = alt.Chart(means).encode(
        x=alt.X("overlap:N", sort=None, title="overlap of the classes"),
        xOffset=alt.XOffset("treatment:N", sort=list(TREATMENTS)),
        color=alt.Color("treatment:N", title=None, sort=list(TREATMENTS)),
    )
    bars = base.mark_bar().encode(y=alt.Y("f1:Q", title="F1 with its own line (mean and range of runs)"))
    return (
        bars + base.mark_rule(color="black").encode(y="low:Q", y2="high:Q", color=alt.value("black"))
    ).properties(width=420, height=280)
