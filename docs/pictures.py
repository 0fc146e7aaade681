"""Draw the pictures of the concepts.

python docs/pictures.py
"""

from __future__ import annotations

from pathlib import Path

import altair as alt
import numpy as np
import polars as pl

import counterpoise as cp
from counterpoise.datasets import gaussian_blobs
from counterpoise.decide import ThresholdCurve
from counterpoise.lab import calibration
from counterpoise.learn import LogisticClassifier
from counterpoise.resample import SMOTE

HERE = Path(__file__).resolve().parent / "pictures"


def plan() -> alt.Chart:
    """Rows as they are, and rows that SMOTE invents between neighbours."""
    frame = gaussian_blobs(60, 8, random_state=2)
    X, y = frame.select("x1", "x2").to_numpy(), frame["label"].to_numpy()
    made = np.asarray(SMOTE(k_neighbors=3, random_state=0).plan(X, y).rows(X, y)[0])
    kinds = np.r_[
        np.where(y == 1, "minority, kept", "majority, kept"), np.repeat("invented", len(made) - len(y))
    ]
    rows = pl.DataFrame(made, schema=["x1", "x2"]).with_columns(kind=pl.Series(kinds))
    shown = alt.Scale(range=["#9ecae1", "#d55e00", "#009e73"])
    return (
        alt.Chart(rows)
        .mark_point(filled=True, opacity=0.8)
        .encode(x="x1:Q", y="x2:Q", color=alt.Color("kind:N", title=None, sort=None, scale=shown))
        .properties(width=420, height=280)
    )


def line() -> alt.Chart:
    """Precision, recall and F1 over the line, with the best line for F1."""
    frame, fresh = (gaussian_blobs(4_750, 250, distance=1.5, random_state=seed) for seed in (0, 1))
    model = LogisticClassifier().fit(frame.select("x1", "x2"), frame["label"].to_numpy())
    p = model.predict_proba(fresh.select("x1", "x2"))[:, 1]
    curve = ThresholdCurve.from_scores(fresh["label"].to_numpy(), p)
    return curve.plot("lines", point=curve.best("f1"))


def trial() -> alt.Chart:
    """Paired differences to the untreated model."""
    table = cp.read(gaussian_blobs(950, 50, distance=2.0), target="label", positive=1)
    treatments = ["none", "class_weight", "random_under", "smote"]
    done = cp.compare(table, goal="f1", treatments=treatments, learners=["logistic"], workers=0)
    return done.plots.forest()


def main() -> None:
    """Draw all of them."""
    HERE.mkdir(exist_ok=True)
    for draw in (plan, line, trial):
        draw().save(HERE / f"{draw.__name__}.svg")
    calibration(repeats=1).save(HERE / "calibration.svg")


if __name__ == "__main__":
    main()
