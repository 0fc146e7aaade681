"""A threshold curve as Altair charts, for notebooks and files, and the numbers behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from counterpoise.decide.confusion import figure
from counterpoise.errors import OptionError, nearest_names

if TYPE_CHECKING:
    from counterpoise.decide.curve import ThresholdCurve
    from counterpoise.decide.point import OperatingPoint

__all__ = ["KINDS", "curve_chart", "curve_frame", "spread_lines"]

KINDS = ("precision_recall", "roc", "lines", "cost")
"""Charts of a curve."""

FIGURES = ("precision", "recall", "fpr", "f1", "mcc", "alert_rate")
"""Figures that the frame holds beside the counts."""

POSITIVE, MARK = "#0072b2", "#d55e00"
"""Colours of the curve and of the line that was drawn (Okabe and Ito, 2008)."""

_LINES = ("precision", "recall", "f1")
_LEAST = 1e-6  # probabilities below are one place on a log scale
_SIZE = {"width": 420, "height": 300}


def spread_lines(curve: ThresholdCurve, n: int) -> np.ndarray:
    """Choose lines that an eye needs to see the curve.

    Parameters
    ----------
    curve : ThresholdCurve
        The curve.
    n : int
        About how many.

    Returns
    -------
    ndarray of int64
        Positions in `thresholds`, from the line that alerts nobody to the one that alerts everybody: spread over
        recall, over the false-positive rate and over its logarithm.
    """
    tp, fp = curve.tp, curve.fp
    scales = (tp, fp, np.log10(np.maximum(fp, 0.5)))
    picked = [np.searchsorted(scale, np.linspace(scale[0], scale[-1], max(2, n // 3))) for scale in scales]
    last = len(tp) - 1
    return np.unique(np.clip(np.concatenate([*picked, [0, last]]), 0, last))


def curve_frame(
    curve: ThresholdCurve, *, n: int | None = None, fn: float = 100.0, fp: float = 1.0
) -> pl.DataFrame:
    """Give the counts and figures at every line.

    Parameters
    ----------
    curve : ThresholdCurve
        The curve.
    n : int, optional
        About how many lines; all where left out.
    fn, fp : float, default=100 and 1
        What a missed positive and a false alert cost.

    Returns
    -------
    polars.DataFrame
        ``threshold, tp, fp, fn, tn, precision, recall, fpr, f1, mcc, alert_rate, cost`` (of 1,000 rows), thresholds
        descending; undefined figures are null.
    """
    lines = np.arange(len(curve.thresholds)) if n is None else spread_lines(curve, n)
    figures = {name: curve.metric(name)[lines] for name in FIGURES}
    counts = {name: getattr(curve, name)[lines] for name in ("tp", "fp", "fn", "tn")}
    rows = curve.tp[-1] + curve.fp[-1]
    cost = 1000 * (fn * counts["fn"] + fp * counts["fp"]) / rows
    columns = {"threshold": curve.thresholds[lines], **counts, **figures, "cost": cost}
    return pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))


def curve_chart(
    curve: ThresholdCurve,
    kind: str = "precision_recall",
    *,
    point: OperatingPoint | None = None,
    n: int = 600,
    fn: float = 100.0,
    fp: float = 1.0,
) -> Any:
    """Draw a curve, and the line that was drawn on it.

    Parameters
    ----------
    curve : ThresholdCurve
        The curve.
    kind : {"precision_recall", "roc", "lines", "cost"}, default="precision_recall"
        Precision over recall; recall over the false-positive rate on a log scale; precision, recall and F1 over the
        line; cost per 1,000 rows over the line.
    point : OperatingPoint, optional
        Marked.
    n : int, default=600
        About how many lines are drawn.
    fn, fp : float, default=100 and 1
        Costs, for ``"cost"``.

    Returns
    -------
    altair.LayerChart
        The chart.

    Raises
    ------
    OptionError
        If there is no such chart.
    """
    if kind not in KINDS:
        raise OptionError(
            f"A chart {kind!r} was asked for.",
            expected=f"Expected one of {', '.join(KINDS)}.",
            why="These are the charts of a threshold curve.",
            hint=nearest_names(str(kind), list(KINDS)),
        )
    found = curve_frame(curve, n=n, fn=fn, fp=fp)
    marked = pl.DataFrame() if point is None else _at(curve, point.threshold, fn=fn, fp=fp)
    if kind in ("lines", "cost"):
        return _over_lines(found, marked, _LINES if kind == "lines" else ("cost",))
    x, y = ("recall", "precision") if kind == "precision_recall" else ("fpr", "recall")
    return _against_each_other(found, marked, x, y, x_log=kind == "roc")


def _at(curve: ThresholdCurve, threshold: float, *, fn: float, fp: float) -> pl.DataFrame:
    """Give the figures of one line, as a frame of one row."""
    cells = {name: np.array([count]) for name, count in curve.at(threshold).items()}
    figures = {name: figure(name)(cells["tp"], cells["fp"], cells["fn"], cells["tn"]) for name in FIGURES}
    rows = sum(count[0] for count in cells.values())
    cost = 1000 * (fn * cells["fn"] + fp * cells["fp"]) / rows
    return pl.DataFrame({"threshold": [threshold], **cells, **figures, "cost": cost})


def _against_each_other(found: pl.DataFrame, marked: pl.DataFrame, x: str, y: str, *, x_log: bool) -> Any:
    import altair as alt

    percent = alt.Axis(format="~%")
    scale = alt.Scale(type="log") if x_log else alt.Scale(domain=[0, 1])
    encoding = {
        "x": alt.X(f"{x}:Q", title=_TITLES[x], scale=scale, axis=percent),
        "y": alt.Y(f"{y}:Q", title=_TITLES[y], scale=alt.Scale(domain=[0, 1]), axis=percent),
        "tooltip": _TIPS,
    }
    drawn = found.drop_nulls([x, y])
    drawn = drawn.filter(pl.col(x) > 0) if x_log else drawn
    lines = alt.Chart(drawn).mark_line(color=POSITIVE).encode(**encoding, order=alt.Order("tp:Q"))
    title = "ROC" if x_log else "Precision and recall"
    marked = marked.filter(pl.col(x) > 0) if x_log and marked.height else marked
    if marked.height:
        dot = alt.Chart(marked).mark_point(color=MARK, filled=True, size=90, opacity=1).encode(**encoding)
        return (lines + dot).properties(title=title, **_SIZE)
    return alt.layer(lines).properties(title=title, **_SIZE)


def _over_lines(found: pl.DataFrame, marked: pl.DataFrame, names: tuple[str, ...]) -> Any:
    import altair as alt

    is_cost = names == ("cost",)
    scores = found["threshold"].to_numpy()
    scores = scores[np.isfinite(scores)]
    are_probabilities = bool(((scores >= 0.0) & (scores <= 1.0)).all())
    least = _LEAST if are_probabilities else float("-inf")
    long = (
        found.filter(pl.col("threshold").is_finite(), pl.col("threshold") >= least)
        .unpivot(names, index="threshold", variable_name="figure")
        .drop_nulls()
    )
    scale = alt.Scale(type="log") if are_probabilities else alt.Scale(zero=False)
    lines = (
        alt.Chart(long)
        .mark_line(interpolate="step")
        .encode(
            x=alt.X("threshold:Q", title="line (score)", scale=scale, axis=alt.Axis(format="~g")),
            y=alt.Y(
                "value:Q",
                title="cost per 1,000 rows" if is_cost else None,
                axis=alt.Axis() if is_cost else alt.Axis(format="~%"),
            ),
            color=alt.Color(
                "figure:N", title=None, sort=list(names), legend=None if is_cost else alt.Legend()
            ),
            tooltip=["threshold:Q", "figure:N", "value:Q"],
        )
    )
    title = "Cost over the line" if is_cost else "Figures over the line"
    drawn = marked.filter(pl.col("threshold").is_finite()) if marked.height else marked
    if drawn.height:
        rule = (
            alt.Chart(drawn).mark_rule(color=MARK, strokeDash=[4, 3]).encode(x="threshold:Q", tooltip=_TIPS)
        )
        return (lines + rule).properties(title=title, **_SIZE)
    return alt.layer(lines).properties(title=title, **_SIZE)


_TITLES = {"recall": "recall", "precision": "precision", "fpr": "false-positive rate (log scale)"}
_TIPS = ["threshold:Q", "precision:Q", "recall:Q", "fpr:Q", "f1:Q", "tp:Q", "fp:Q", "fn:Q", "tn:Q"]
