"""Cost matrices 1:10, 1:100, 1:1000: the line that each asks for, and what it gives up.

With calibrated probabilities the line of least expected cost is C_fp / (C_fp + C_fn), whatever the model
(C. Elkan, "The foundations of cost-sensitive learning", IJCAI 2001).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl

from counterpoise.chance import Seed
from counterpoise.decide import ThresholdCurve, cost_threshold
from counterpoise.decide.confusion import precision, recall
from counterpoise.lab.experiment import Experiment
from counterpoise.lab.runs import Judged, blobs, judged, of_two_classes, three_parts
from counterpoise.table import Table

__all__ = ["MISSED", "costs"]

MISSED = (10, 100, 1000)
"""What a missed positive costs, where a false alert costs 1."""


def costs(
    table: Table | None = None, *, learner: Any = "logistic", repeats: int = 5, random_state: Seed = 0
) -> Experiment:
    """Draw the line for three cost matrices, and show precision, recall and cost there.

    Parameters
    ----------
    table : Table, optional
        The caller's; blobs of 3,800 and 200 rows where left out.
    learner : str or classifier, default="logistic"
        What learns.
    repeats : int, default=5
        Runs, each on a fresh split.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Experiment
        Figures at the line of each matrix and at 0.5; the picture shows them on the precision-recall curve of the
        first run.

    Examples
    --------
    >>> from counterpoise.lab import costs
    >>> costs(repeats=1).runs["line"].round(4).to_list()
    [0.0909, 0.0099, 0.001]
    """
    at = blobs(3_800, 200, random_state=random_state) if table is None else of_two_classes(table)
    scored = [judged(parts, "none", learner) for parts in three_parts(at, repeats, random_state)]
    runs = pl.DataFrame([_figures(each, fn) | {"run": k} for k, each in enumerate(scored) for fn in MISSED])
    curve = (
        ThresholdCurve.from_scores(scored[0].y, scored[0].p).frame(400).drop_nulls(["precision", "recall"])
    )
    return Experiment("costs", _sentence(runs), runs, runs.filter(run=0), partial(_draw, curve=curve))


def _figures(scored: Judged, fn: float) -> dict[str, Any]:
    curve = ThresholdCurve.from_scores(scored.y, scored.p)
    line = float(cost_threshold(fn=fn, fp=1))
    cells = {at: curve.at(at) for at in (line, 0.5)}
    per_thousand = {at: 1000 * (fn * c["fn"] + c["fp"]) / len(scored.y) for at, c in cells.items()}
    return {
        "matrix": f"1:{fn}",
        "line": line,
        "precision": precision(**cells[line]),
        "recall": recall(**cells[line]),
        "cost": per_thousand[line],
        "cost_at_half": per_thousand[0.5],
    }


def _sentence(runs: pl.DataFrame) -> str:
    means = runs.group_by("matrix", maintain_order=True).mean()
    parts = [
        f"at {row['matrix']} the line {row['line']:.2g} finds {row['recall']:.0%} with precision "
        f"{row['precision']:.0%} and costs {row['cost']:,.0f} per 1,000 rows (at 0.5: {row['cost_at_half']:,.0f})"
        for row in means.iter_rows(named=True)
    ]
    return "The dearer a miss, the lower the line: " + "; ".join(parts) + "."


def _draw(points: pl.DataFrame, *, curve: pl.DataFrame) -> Any:
    import altair as alt

    percent = alt.Axis(format="~%")
    places = {
        "x": alt.X("recall:Q", axis=percent, scale=alt.Scale(domain=[0, 1])),
        "y": alt.Y("precision:Q", axis=percent, scale=alt.Scale(domain=[0, 1])),
    }
    line = alt.Chart(curve).mark_line(color="#0072b2").encode(**places, order="tp:Q")
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(
            **places,
            color=alt.Color("matrix:N", title="false alert : miss", sort=None),
            tooltip=["line:Q", "cost:Q"],
        )
    )
    return (line + dots).properties(width=420, height=300)
