"""A model as Altair charts, from the out-of-fold probabilities that it carries with it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoise.calibrate import Reliability, odds_histogram, reliability
from counterpoise.decide import ThresholdCurve
from counterpoise.errors import NotApplicable, OptionError, nearest_names

if TYPE_CHECKING:
    from counterpoise.bundle.model import Model

__all__ = ["ModelPlots"]

CHARTS = ("precision_recall", "roc", "lines", "cost", "reliability", "scores")
"""Charts of a model."""

NEGATIVE, POSITIVE = "#0072b2", "#d55e00"
"""Colours of the classes (Okabe and Ito, 2008)."""

_SIZE = {"width": 420, "height": 300}


class ModelPlots:
    """Charts of a model: how its probabilities did on rows that it had not seen, and where its line lies.

    Parameters
    ----------
    model : Model
        With the evidence of the trial it comes from.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def __dir__(self) -> list[str]:
        return [*CHARTS, "curve", "frame"]

    def frame(self, name: str) -> pl.DataFrame:
        """Give the numbers behind a chart.

        Parameters
        ----------
        name : str
            ``precision_recall``, ``roc``, ``lines``, ``cost``, ``reliability`` or ``scores``.

        Returns
        -------
        polars.DataFrame
            One row a mark.

        Raises
        ------
        OptionError
            If there is no such chart.
        """
        if name not in CHARTS:
            raise OptionError(
                f"A chart {name!r} was asked for.",
                expected=f"Expected one of {', '.join(CHARTS)}.",
                why="These are the charts of a model.",
                hint=nearest_names(name, list(CHARTS)),
            )
        if name == "reliability":
            return pl.DataFrame(self._reliability.to_dict()["bins"])
        return self._scores() if name == "scores" else self.curve.frame(600)

    @cached_property
    def curve(self) -> ThresholdCurve:
        """The threshold curve of the out-of-fold probabilities."""
        return ThresholdCurve.from_scores(*self._judged())

    def precision_recall(self) -> Any:
        """Draw precision over recall, the model's line marked.

        Returns
        -------
        altair.LayerChart
            The chart.
        """
        return self.curve.plot("precision_recall", point=self._model.operating_point)

    def roc(self) -> Any:
        """Draw recall over the false-positive rate, the model's line marked.

        Returns
        -------
        altair.LayerChart
            The chart.
        """
        return self.curve.plot("roc", point=self._model.operating_point)

    def lines(self) -> Any:
        """Draw precision, recall and F1 over the line.

        Returns
        -------
        altair.LayerChart
            The chart.
        """
        return self.curve.plot("lines", point=self._model.operating_point)

    def cost(self, *, fn: float = 100.0, fp: float = 1.0) -> Any:
        """Draw the cost per 1,000 rows over the line.

        Parameters
        ----------
        fn, fp : float, default=100 and 1
            What a missed positive and a false alert cost.

        Returns
        -------
        altair.LayerChart
            The chart.
        """
        return self.curve.plot("cost", point=self._model.operating_point, fn=fn, fp=fp)

    def reliability(self) -> Any:
        """Draw the share of positives by probability, on log scales.

        Returns
        -------
        altair.LayerChart
            A dot and its interval for each bin; right probabilities lie on the dashed line.
        """
        import altair as alt

        found = self.frame("reliability").filter(pl.col("mean_probability") > 0)
        rates = found["rate"].filter(found["rate"] > 0)
        low = max(1e-7, min([*found["mean_probability"], *rates]) / 2)
        scale = alt.Scale(type="log", domain=[low, 1.0], clamp=True)
        base = alt.Chart(found).encode(x=alt.X("mean_probability:Q", scale=scale, title="mean probability"))
        tips = ["mean_probability:Q", "rate:Q", "lower:Q", "upper:Q", "n_rows:Q", "n_positive:Q"]
        dots = base.mark_point(filled=True, size=60, color=POSITIVE, opacity=1).encode(
            y=alt.Y("rate:Q", scale=scale, title="share of positives"), tooltip=tips
        )
        ranges = base.mark_rule(color=POSITIVE).encode(y=alt.Y("lower:Q", scale=scale), y2="upper:Q")
        ends = alt.Chart(pl.DataFrame({"p": [low, 1.0]}))
        right = ends.mark_line(strokeDash=[4, 3], color="gray").encode(
            x=alt.X("p:Q", scale=scale), y=alt.Y("p:Q", scale=scale)
        )
        return (right + ranges + dots).properties(title="Reliability", width=320, height=320)

    def scores(self) -> Any:
        """Draw the distribution of the log-odds by class, counts on a log scale.

        Returns
        -------
        altair.Chart
            A stepped area for each class.
        """
        import altair as alt

        return (
            alt.Chart(self._scores().filter(pl.col("rows") > 0))
            .mark_bar(opacity=0.55, binSpacing=0)
            .encode(
                x=alt.X("log_odds:Q", title="log-odds", scale=alt.Scale(zero=False)),
                x2="log_odds_to:Q",
                y=alt.Y(
                    "rows:Q", stack=None, scale=alt.Scale(type="log", domainMin=0.7), title="rows (log scale)"
                ),
                y2=alt.Y2Datum(0.7),
                color=alt.Color(
                    "class:N",
                    title=None,
                    scale=alt.Scale(domain=["negative", "positive"], range=[NEGATIVE, POSITIVE]),
                ),
                tooltip=["class:N", "rows:Q"],
            )
            .properties(title="Scores by class", **_SIZE)
        )

    # --- steps -----------------------------------------------------------------------------------------------

    @cached_property
    def _reliability(self) -> Reliability:
        return reliability(*self._judged())

    def _judged(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Give outcome, probability and weight of the rows that the model has not seen."""
        evidence = self._model.evidence
        if evidence is None or not {"outcome", "probability"} <= set(evidence.columns):
            raise NotApplicable(
                "This model carries no out-of-fold probabilities with their outcomes.",
                expected="Expected the champion of a trial of two classes.",
                why="Charts of rows that the model was trained on would flatter it.",
                hint="Draw ThresholdCurve.from_scores(y, model.predict_proba(X)[:, 1]).plot() on labelled rows "
                "that it has not seen.",
            )
        weights = evidence["weight"].to_numpy() if "weight" in evidence.columns else None
        return evidence["outcome"].to_numpy(), evidence["probability"].to_numpy(), weights

    def _scores(self) -> pl.DataFrame:
        edges, *counts = odds_histogram(*self._judged())
        parts = [
            pl.DataFrame(
                {
                    "class": name,
                    "log_odds": edges[:-1],
                    "log_odds_to": edges[1:],
                    "rows": rows,
                }
            )
            for name, rows in zip(("negative", "positive"), counts, strict=True)
        ]
        return pl.concat(parts)
