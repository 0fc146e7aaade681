"""A trial as Altair charts: they show in notebooks and save as PNG, SVG or JSON, without network.

Every chart has a method of its name on `Plots`, and `Plots.frame` gives the numbers behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl

from counterpoise.errors import NotApplicable, OptionError, nearest_names
from counterpoise.evaluate.records import TrialRecord
from counterpoise.report import numbers

__all__ = ["CHARTS", "Plots"]

POSITIVE, NEGATIVE = "#c8500a", "#3f6f9f"
"""Colours of the classes; orange and blue are told apart with every kind of colour blindness."""

ROLES = {"champion": "#00706b", "baseline": "#a06a00", "other": "#a9adb0"}
"""Colours of the candidates; dashes tell the baseline apart as well."""

CHARTS = (
    "forest",
    "precision_recall",
    "roc",
    "gain",
    "lift",
    "cost",
    "reliability",
    "scores",
    "confusion",
    "folds",
    "features",
    "plane",
    "history",
    "boundaries",
)
"""The charts of a trial, in the order of the report."""

MAX_ROWS = 4_900
"""Rows of one chart: Altair refuses more than 5,000 unless told otherwise, and the eye needs fewer."""

_LEAST = 1e-6  # smallest probability on an axis
_SIZE = {"width": 420, "height": 280}


class Plots:
    """The charts of a trial, from its record alone.

    Parameters
    ----------
    record : TrialRecord
        The trial.
    """

    def __init__(self, record: TrialRecord) -> None:
        self._record = record

    def __dir__(self) -> list[str]:
        return [*CHARTS, "frame", "save"]

    def frame(self, name: str, **options: Any) -> pl.DataFrame:
        """Give the numbers behind a chart.

        Parameters
        ----------
        name : str
            One of `CHARTS`.
        **options : object
            As for the chart.

        Returns
        -------
        polars.DataFrame
            One row a mark.

        Raises
        ------
        OptionError
            If there is no such chart.
        """
        makers: dict[str, Callable[..., pl.DataFrame]] = {
            "forest": numbers.forest_frame,
            **dict.fromkeys(("precision_recall", "roc", "gain", "lift", "cost"), numbers.curve_frame),
            "reliability": numbers.reliability_frame,
            "scores": numbers.score_frame,
            "confusion": numbers.confusion_frame,
            "folds": numbers.fold_frame,
            "features": numbers.feature_frame,
            "plane": numbers.plane_frame,
            "history": numbers.history_frame,
            "boundaries": numbers.boundary_frame,
        }
        if name not in makers:
            raise OptionError(
                f"A chart {name!r} was asked for.",
                expected=f"Expected one of {', '.join(CHARTS)}.",
                why="These are the charts of a trial.",
                hint=nearest_names(name, list(CHARTS)),
            )
        return makers[name](self._record, **options)

    def save(self, folder: str | Path, kind: Literal["png", "svg", "json"] = "png") -> list[Path]:
        """Write every chart that the trial has numbers for.

        Parameters
        ----------
        folder : str or Path
            Where to; made where it is missing.
        kind : {"png", "svg", "json"}, default="png"
            What to write.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        OptionError
            If the kind is not offered.
        """
        if kind not in ("png", "svg", "json"):
            raise OptionError(
                f"Figures of kind {kind!r} were asked for.",
                expected="Expected png, svg or json.",
                why="These are the formats that can be written without network.",
                hint=nearest_names(str(kind), ["png", "svg", "json"]),
            )
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name in CHARTS:
            try:
                chart = getattr(self, name)()
            except NotApplicable:  # the trial has no numbers for this one
                continue
            path = folder / f"{name}.{kind}"
            chart.save(path, **({"scale_factor": 2} if kind == "png" else {}))
            written.append(path)
        return written

    # --- the candidates ---------------------------------------------------------------------------------------

    def forest(self) -> Any:
        """Draw the paired difference of each candidate to the untreated model of its learner.

        Returns
        -------
        altair.LayerChart
            A dot and its interval for each candidate.
        """
        import altair as alt

        base = alt.Chart(self._data("forest")).encode(y=alt.Y("candidate:N", sort=None, title=None))
        dots = base.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("value:Q", title=f"difference in {self._metric}"),
            color=_by_role(alt),
            tooltip=_tips(alt, "forest"),
        )
        ranges = base.mark_rule(strokeWidth=2).encode(x="lower:Q", x2="upper:Q", color=_by_role(alt))
        zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[4, 3]).encode(x="zero:Q")
        return (zero + ranges + dots).properties(title="Paired difference to the untreated model", width=420)

    def precision_recall(self) -> Any:
        """Draw precision over recall.

        Returns
        -------
        altair.LayerChart
            A line for each candidate, the rate of positives dashed.
        """
        rate = self._record.table.n_positive / self._record.table.n_rows
        return self._curves("precision_recall", "recall", "precision", level=rate).properties(
            title="Precision and recall"
        )

    def roc(self, *, log: bool = True) -> Any:
        """Draw recall over the false-positive rate.

        Parameters
        ----------
        log : bool, default=True
            Show the rate on a log scale, where a rare outcome is decided.

        Returns
        -------
        altair.LayerChart
            A line for each candidate.
        """
        return self._curves("roc", "fpr", "recall", x_log=log).properties(title="ROC")

    def gain(self) -> Any:
        """Draw the share of the positives found over the share of the rows alerted.

        Returns
        -------
        altair.LayerChart
            A line for each candidate.
        """
        return self._curves("gain", "alerted", "recall", x_log=True).properties(title="Gain")

    def lift(self) -> Any:
        """Draw how many times more positives are among the alerted rows than among all.

        Returns
        -------
        altair.LayerChart
            A line for each candidate.
        """
        return self._curves("lift", "alerted", "lift", x_log=True, y_percent=False, level=1.0).properties(
            title="Lift"
        )

    def cost(self, *, fn: float = 100.0, fp: float = 1.0) -> Any:
        """Draw the cost per 1,000 rows over the line.

        Parameters
        ----------
        fn, fp : float, default=100 and 1
            What a missed positive and a false alarm cost.

        Returns
        -------
        altair.LayerChart
            A line for each candidate.
        """
        chart = self._curves("cost", "threshold", "cost", x_log=True, y_percent=False, fn=fn, fp=fp)
        return chart.properties(title=f"Cost per 1,000 rows (missed {fn:g}, false alarm {fp:g})")

    def folds(self) -> Any:
        """Draw the goal's figure by fold.

        Returns
        -------
        altair.Chart
            A dot for each fold of each candidate.
        """
        import altair as alt

        return (
            alt.Chart(self._data("folds"))
            .mark_point(filled=True, opacity=0.8)
            .encode(
                x=alt.X("value:Q", title=self._metric, scale=alt.Scale(zero=False)),
                y=alt.Y("candidate:N", sort=None, title=None),
                color=_by_role(alt),
                tooltip=_tips(alt, "folds"),
            )
            .properties(title=f"{self._metric} by fold", width=420)
        )

    def confusion(self) -> Any:
        """Draw the confusion matrix of each candidate at its own line.

        Returns
        -------
        altair.FacetChart
            A panel for each candidate; counts, shaded by the share of the class.
        """
        import altair as alt

        base = alt.Chart().encode(
            x=alt.X("decision:N", title=None, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("actual:N", title=None, sort=["positive", "negative"]),
        )
        cells = base.mark_rect().encode(
            color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
            tooltip=_tips(alt, "confusion"),
        )
        words = base.mark_text().encode(
            text=alt.Text("rows:Q", format=",.0f"),
            color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("black")),
        )
        found = self._data("confusion")
        return (
            alt.layer(cells, words, data=found)
            .properties(width=150, height=90)
            .facet(facet=alt.Facet("candidate:N", sort=_names(found), title=None), columns=4)
            .properties(title="Each candidate at its own line")
        )

    # --- one candidate ------------------------------------------------------------------------------------------

    def reliability(self, candidate: str | None = None) -> Any:
        """Draw the share of positives by probability.

        Parameters
        ----------
        candidate : str, optional
            Its name; the champion where left out.

        Returns
        -------
        altair.LayerChart
            A dot and its interval for each bin, on log scales; right probabilities lie on the dashed line.
        """
        import altair as alt

        name = numbers.candidate_of(self._record, candidate).candidate
        found = self._frame("reliability", candidate=candidate).filter(pl.col("mean_probability") > 0)
        low = max(1e-7, min([*found["mean_probability"], *found["rate"].filter(found["rate"] > 0)]) / 2)
        scale = alt.Scale(type="log", domain=[low, 1.0], clamp=True)
        base = alt.Chart(found).encode(x=alt.X("mean_probability:Q", scale=scale, title="mean probability"))
        share = alt.Y("rate:Q", scale=scale, title="share of positives")
        dots = base.mark_point(filled=True, size=60, color=POSITIVE, opacity=1).encode(
            y=share, tooltip=_tips(alt, "reliability")
        )
        ranges = base.mark_rule(color=POSITIVE).encode(
            y=alt.Y("lower:Q", scale=scale, title=None), y2="upper:Q"
        )
        ends = alt.InlineData(values=[{"p": low}, {"p": 1.0}])
        right = (
            alt.Chart(ends)
            .mark_line(strokeDash=[4, 3], color="gray")
            .encode(x=alt.X("p:Q", scale=scale), y=alt.Y("p:Q", scale=scale))
        )
        return (right + ranges + dots).properties(title=f"Reliability of {name}", width=320, height=320)

    def scores(self, candidate: str | None = None) -> Any:
        """Draw the distribution of a candidate's log-odds by class, counts on a log scale.

        Parameters
        ----------
        candidate : str, optional
            Its name; the champion where left out.

        Returns
        -------
        altair.Chart
            A stepped area for each class.
        """
        import altair as alt

        name = numbers.candidate_of(self._record, candidate).candidate
        found = self._frame("scores", candidate=candidate).filter(pl.col("rows") > 0)
        return (
            alt.Chart(found)
            .mark_bar(opacity=0.55, binSpacing=0)
            .encode(
                x=alt.X("log_odds:Q", title="log-odds", scale=alt.Scale(zero=False)),
                x2="log_odds_to:Q",
                y=alt.Y(
                    "rows:Q", stack=None, scale=alt.Scale(type="log", domainMin=0.7), title="rows (log scale)"
                ),
                y2=alt.Y2Datum(0.7),
                color=_by_class(alt),
                tooltip=_tips(alt, "scores"),
            )
            .properties(title=f"Scores of {name}", **_SIZE)
        )

    # --- the table --------------------------------------------------------------------------------------------

    def features(self, n: int = 6) -> Any:
        """Draw the most telling features by class.

        Parameters
        ----------
        n : int, default=6
            How many.

        Returns
        -------
        altair.FacetChart
            A panel for each feature.
        """
        import altair as alt

        found = self._frame("features", n=n)
        names = found["feature"].unique(maintain_order=True).to_list()
        return (
            alt.Chart(found)
            .mark_area(interpolate="step", opacity=0.5)
            .encode(
                x=alt.X("middle:Q", title=None, scale=alt.Scale(zero=False)),
                y=alt.Y("share:Q", stack=None, title="share of the class", axis=alt.Axis(format="%")),
                color=_by_class(alt),
                tooltip=_tips(alt, "features"),
            )
            .properties(width=220, height=120)
            .facet(facet=alt.Facet("feature:N", sort=names, title=None), columns=2)
            .resolve_scale(x="independent", y="independent")
            .properties(title="Most telling features, by class")
        )

    def plane(self, pair: int = 0) -> Any:
        """Draw the density of two features by class.

        Parameters
        ----------
        pair : int, default=0
            Which pair of the record.

        Returns
        -------
        altair.FacetChart
            A panel for each class, counts on a log scale.
        """
        import altair as alt

        found = self._frame("plane", pair=pair)
        one = self._record.planes[pair]
        return (
            alt.Chart(found)
            .mark_rect()
            .encode(
                x=alt.X("x:Q", title=one.x, scale=alt.Scale(zero=False)),
                x2="x_to:Q",
                y=alt.Y("y:Q", title=one.y, scale=alt.Scale(zero=False)),
                y2="y_to:Q",
                color=alt.Color("rows:Q", scale=alt.Scale(scheme="viridis", type="log"), title="rows"),
                tooltip=_tips(alt, "plane"),
            )
            .properties(width=260, height=260)
            .facet(column=alt.Column("class:N", title=None))
            .resolve_scale(color="independent")
            .properties(title="Two features together")
        )

    def history(self) -> Any:
        """Draw loss and figures by epoch, of neural candidates.

        Returns
        -------
        altair.FacetChart
            A panel for each figure, validation dashed.
        """
        import altair as alt

        return (
            alt.Chart(self._data("history"))
            .mark_line()
            .encode(
                x=alt.X("epoch:Q", title="epoch"),
                y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
                color=alt.Color("candidate:N", title=None),
                strokeDash=alt.StrokeDash("part:N", title=None),
                tooltip=_tips(alt, "history"),
            )
            .properties(width=240, height=150)
            .facet(facet=alt.Facet("metric:N", title=None), columns=2)
            .resolve_scale(y="independent")
            .properties(title="Training")
        )

    def boundaries(self) -> Any:
        """Draw where each candidate alerts, in two dimensions.

        Returns
        -------
        altair.FacetChart
            A panel for each candidate, shaded by the probability.
        """
        import altair as alt

        found = self._frame("boundaries")
        one = self._record.boundaries[0]
        if found.height > MAX_ROWS:  # whole candidates only, the best first
            cells = len(one.probability) * len(one.probability[0])
            found = found.head(max(1, MAX_ROWS // cells) * cells)
        base = alt.Chart().encode(
            x=alt.X("x:Q", title=one.x, scale=alt.Scale(zero=False)),
            x2="x_to:Q",
            y=alt.Y("y:Q", title=one.y, scale=alt.Scale(zero=False)),
            y2="y_to:Q",
        )
        shade = base.mark_rect().encode(
            color=alt.Color("probability:Q", scale=alt.Scale(scheme="oranges")),
            tooltip=_tips(alt, "boundaries"),
        )
        inside = base.mark_rect(color="black", opacity=0.12).transform_filter("datum.alerted")
        return (
            alt.layer(shade, inside, data=found)
            .properties(width=240, height=240)
            .facet(facet=alt.Facet("candidate:N", sort=_names(found), title=None), columns=3)
            .properties(title="Decision boundaries; the darker side is alerted")
        )

    # --- steps --------------------------------------------------------------------------------------------------

    @property
    def _metric(self) -> str:
        return self._record.goal_metric.replace("_", " ")

    def _frame(self, name: str, **options: Any) -> pl.DataFrame:
        found = self.frame(name, **options)
        if not found.height:
            raise NotApplicable(
                f"This trial has no numbers for the chart {name!r}.",
                expected="Expected a record that holds them.",
                why="Charts are drawn from records alone.",
                hint="Run the trial again with candidates that leave them.",
            )
        return found

    def _data(self, name: str, **options: Any) -> pl.DataFrame:
        return self._frame(name, **options)

    def _curves(
        self,
        name: str,
        x: str,
        y: str,
        *,
        x_log: bool = False,
        y_percent: bool = True,
        level: float | None = None,
        **options: Any,
    ) -> Any:
        import altair as alt

        found = _drawn(
            self._frame(name, **options), x, y, least=_LEAST if x == "threshold" else 0.0, x_log=x_log
        )
        percent = alt.Axis(format="~%")
        chart = (
            alt.Chart(found)
            .mark_line(clip=True)
            .encode(
                x=alt.X(
                    f"{x}:Q",
                    title=_AXES[x],
                    scale=alt.Scale(type="log") if x_log else alt.Scale(),
                    axis=alt.Axis(format="~g") if x == "threshold" else percent,
                ),
                y=alt.Y(f"{y}:Q", title=_AXES[y], axis=percent if y_percent else alt.Axis()),
                detail="candidate:N",
                color=_by_role(alt),
                strokeDash=alt.StrokeDash(
                    "role:N", scale=alt.Scale(domain=list(ROLES), range=[[1, 0], [6, 3], [1, 0]]), legend=None
                ),
                strokeWidth=alt.StrokeWidth(
                    "role:N", scale=alt.Scale(domain=list(ROLES), range=[2.6, 2.2, 1.0]), legend=None
                ),
                order=alt.Order("tp:Q"),
                tooltip=_tips(alt, name),
            )
        )
        if level is not None:
            line = alt.Chart(alt.InlineData(values=[{"level": level}])).mark_rule(
                strokeDash=[4, 3], color="gray"
            )
            chart = chart + line.encode(y="level:Q")
        return chart.properties(**_SIZE)


def _drawn(found: pl.DataFrame, x: str, y: str, *, least: float, x_log: bool) -> pl.DataFrame:
    """Choose the points that are drawn: those that have both figures, thinned for the eye, the champion's last."""
    found = found.filter(pl.col(x).is_not_null(), pl.col(y).is_not_null())
    found = found.filter(pl.col(x) > least) if x_log else found
    parts = found.partition_by("candidate", maintain_order=True)
    most = max(50, MAX_ROWS // max(1, len(parts)))
    thin = [part[_spread(part.height, most)] if part.height > most else part for part in parts]
    thin.sort(key=lambda part: ["other", "baseline", "champion"].index(part["role"][0]))
    return pl.concat(thin)


def _spread(n: int, most: int) -> list[int]:
    return sorted({round(i * (n - 1) / (most - 1)) for i in range(most)})


_AXES = {
    "recall": "recall",
    "precision": "precision",
    "fpr": "false-positive rate",
    "alerted": "share of the rows alerted",
    "lift": "times the rate of positives",
    "threshold": "line (probability)",
    "cost": "cost per 1,000 rows",
}

_CURVE_TIPS = ("candidate:N", "threshold:Q", "precision:Q", "recall:Q", "fpr:Q", "tp:Q", "fp:Q")
_TIPS = {
    **dict.fromkeys(("precision_recall", "roc", "gain", "lift", "cost"), _CURVE_TIPS),
    "forest": ("candidate:N", "value:Q", "lower:Q", "upper:Q"),
    "folds": ("candidate:N", "fold:O", "value:Q"),
    "confusion": ("candidate:N", "actual:N", "decision:N", "rows:Q", "share:Q"),
    "reliability": ("mean_probability:Q", "rate:Q", "lower:Q", "upper:Q", "n_rows:Q", "n_positive:Q"),
    "scores": ("class:N", "rows:Q"),
    "features": ("feature:N", "bin:N", "class:N", "rows:Q", "share:Q"),
    "plane": ("class:N", "rows:Q"),
    "history": ("candidate:N", "epoch:Q", "part:N", "metric:N", "value:Q"),
    "boundaries": ("candidate:N", "probability:Q", "alerted:N"),
}


def _tips(alt: Any, name: str) -> list[Any]:
    return [alt.Tooltip(field) for field in _TIPS[name]]


def _names(found: pl.DataFrame) -> list[str]:
    return found["candidate"].unique(maintain_order=True).to_list()


def _by_role(alt: Any) -> Any:
    return alt.Color("role:N", scale=alt.Scale(domain=list(ROLES), range=list(ROLES.values())), title=None)


def _by_class(alt: Any) -> Any:
    return alt.Color(
        "class:N", scale=alt.Scale(domain=["negative", "positive"], range=[NEGATIVE, POSITIVE]), title=None
    )
