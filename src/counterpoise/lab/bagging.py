"""Balanced bagging against one model with SMOTE: how good, and how much it varies from run to run.

Source: S. Hido, H. Kashima and Y. Takahashi, "Roughly balanced bagging", Stat. Anal. Data Min. 2, 2009.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from sklearn.tree import DecisionTreeClassifier

from counterpoise.chance import Seed
from counterpoise.evaluate import metrics
from counterpoise.lab.experiment import Experiment
from counterpoise.lab.runs import blobs, f1_at, judged, of_two_classes, three_parts
from counterpoise.learn import BalancedBaggingClassifier, TableEncoder
from counterpoise.table import Table

__all__ = ["bagging"]

_ONE, _MANY = "one tree with SMOTE", "balanced bagging of trees"
_LEAF = 5  # rows of a leaf: a tree grown to the end gives only 0 and 1


def bagging(
    table: Table | None = None, *, n_estimators: int = 30, repeats: int = 10, random_state: Seed = 0
) -> Experiment:
    """Compare bags of trees on balanced draws with one tree on SMOTE's rows, over runs.

    Parameters
    ----------
    table : Table, optional
        The caller's; blobs of 1,900 and 100 rows where left out.
    n_estimators : int, default=30
        Trees of a bag.
    repeats : int, default=10
        Runs, each on a fresh split: their spread is half of the question.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Experiment
        Average precision and F1 of each run.

    Examples
    --------
    >>> from counterpoise.lab import bagging
    >>> bagging(repeats=2, n_estimators=5).runs.height
    4
    """
    at = blobs(1_900, 100, random_state=random_state) if table is None else of_two_classes(table)
    rows = []
    for k, parts in enumerate(three_parts(at, repeats, random_state)):
        tree = DecisionTreeClassifier(min_samples_leaf=_LEAF, random_state=parts.seed)
        bag = BalancedBaggingClassifier(
            tree, n_estimators, calibrate="prior", n_jobs=1, random_state=parts.seed
        )
        for way, treatment, learner in ((_ONE, "smote", _encoded(tree)), (_MANY, "none", bag)):
            scored = judged(parts, treatment, learner)
            precision = metrics.average_precision(scored.y, scored.p)
            f1 = f1_at(scored.y, scored.p, scored.tuned_line())
            rows.append({"run": k, "way": way, "average_precision": precision, "f1": f1})
    runs = pl.DataFrame(rows)
    return Experiment("bagging", _sentence(runs), runs, runs, _draw)


def _encoded(tree: DecisionTreeClassifier) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TableEncoder(), tree)


def _sentence(runs: pl.DataFrame) -> str:
    wide = runs.pivot("way", index="run", values="average_precision")
    ahead = int((wide[_MANY] > wide[_ONE]).sum())
    mean = {way: float(wide[way].to_numpy().mean()) for way in (_ONE, _MANY)}
    spread = {way: float(wide[way].to_numpy().std()) for way in (_ONE, _MANY)}
    return (
        f"Balanced bagging was ahead in {ahead} of {wide.height} runs: average precision {mean[_MANY]:.3f} "
        f"(standard deviation {spread[_MANY]:.3f}) against {mean[_ONE]:.3f} ({spread[_ONE]:.3f}) of one tree with "
        "SMOTE."
    )


def _draw(runs: pl.DataFrame) -> Any:
    import altair as alt

    long = runs.unpivot(["average_precision", "f1"], index=["run", "way"], variable_name="figure")
    base = alt.Chart(long).encode(
        x=alt.X("value:Q", title=None, scale=alt.Scale(zero=False)), y=alt.Y("way:N", title=None)
    )
    layers = base.mark_tick(thickness=2, color="#0072b2") + base.mark_point(
        color="#d55e00", filled=True, size=80, opacity=1
    ).encode(x="mean(value):Q")
    return layers.properties(width=420, height=90).facet(row=alt.Row("figure:N", title=None))
