"""A profile as Altair charts, for notebooks and files; the numbers behind each as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from counterpoise.errors import OptionError, nearest_names

if TYPE_CHECKING:
    from counterpoise.profile.card import Profile

__all__ = ["Plots"]

POSITIVE, NEGATIVE = "#d55e00", "#0072b2"
"""Colours of the classes, told apart with every kind of colour blindness (Okabe and Ito, 2008)."""

_TYPES = ("safe", "borderline", "rare", "outlier")


class Plots:
    """Charts of a profile.

    Each chart has a method of its name, and `frame` gives the numbers behind it.

    Parameters
    ----------
    profile : Profile
        The profile.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def __dir__(self) -> list[str]:
        return ["classes", "features", "frame", "minority", "over_time", "plane"]

    def frame(self, name: str, **options: Any) -> pl.DataFrame:
        """Give the numbers behind a chart.

        Parameters
        ----------
        name : {"classes", "features", "minority", "over_time", "plane"}
            The chart.
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
        makers = {
            "classes": self._classes,
            "features": self._features,
            "minority": self._minority,
            "over_time": self._over_time,
            "plane": self._plane,
        }
        if name not in makers:
            raise OptionError(
                f"A chart {name!r} was asked for.",
                expected=f"Expected one of {', '.join(makers)}.",
                why="These are the charts of a profile.",
                hint=nearest_names(name, list(makers)),
            )
        return makers[name](**options)

    def classes(self) -> Any:
        """Draw the rows of each class.

        Returns
        -------
        altair.Chart
            Bars on a logarithmic axis.
        """
        import altair as alt

        return (
            alt.Chart(self._classes())
            .mark_bar()
            .encode(
                x=alt.X("rows:Q", scale=alt.Scale(type="log", domainMin=1), title="rows (log scale)"),
                y=alt.Y("class:N", title=None, sort=None),
                tooltip=["class", "rows", "share"],
            )
            .properties(title="Rows of each class", width=420)
        )

    def features(self, n: int = 6) -> Any:
        """Draw the most telling features by class.

        Parameters
        ----------
        n : int, default=6
            How many, at most twelve.

        Returns
        -------
        altair.Chart
            One panel a feature, the share of each class in each bin.
        """
        import altair as alt

        names = self._features(n)["feature"].unique(maintain_order=True).to_list()
        return (
            alt.Chart(self._features(n))
            .mark_area(interpolate="step", opacity=0.5)
            .encode(
                x=alt.X("middle:Q", title=None),
                y=alt.Y("share:Q", stack=None, title="share of the class", axis=alt.Axis(format="%")),
                color=_class_colour(alt),
                tooltip=["feature", "bin", "class", "rows", "share"],
            )
            .properties(width=220, height=120)
            .facet(facet=alt.Facet("feature:N", sort=names, title=None), columns=2)
            .resolve_scale(x="independent", y="independent")
            .properties(title="Most telling features, by class")
        )

    def minority(self) -> Any:
        """Draw what surrounds the positives.

        Returns
        -------
        altair.Chart
            Bars: safe, borderline, rare, outlier.
        """
        import altair as alt

        return (
            alt.Chart(self._minority())
            .mark_bar(color=POSITIVE)
            .encode(
                x=alt.X("share:Q", axis=alt.Axis(format="%"), title="share of the positives"),
                y=alt.Y("type:N", sort=list(_TYPES), title=None),
                tooltip=["type", "positives", "share"],
            )
            .properties(title="What surrounds the positives", width=420)
        )

    def over_time(self) -> Any:
        """Draw rows and the share of positives by period.

        Returns
        -------
        altair.Chart
            Two panels above each other.
        """
        import altair as alt

        base = alt.Chart(self._over_time()).encode(x=alt.X("start:N", title=None, sort=None))
        rows = base.mark_bar(color=NEGATIVE).encode(y="rows:Q", tooltip=["start", "rows", "positives"])
        rate = base.mark_line(color=POSITIVE, point=True).encode(
            y=alt.Y("rate:Q", axis=alt.Axis(format="%")), tooltip=["start", "rate"]
        )
        panels = [part.properties(width=520, height=120) for part in (rows, rate)]
        return alt.vconcat(*panels).properties(title="Rows and rate of positives over time")

    def plane(self, x: str | None = None, y: str | None = None) -> Any:
        """Draw the density of two features for each class.

        Parameters
        ----------
        x, y : str, optional
            Two of the four most telling numbers; the first two where left out.

        Returns
        -------
        altair.Chart
            Two panels beside each other.
        """
        import altair as alt

        frame = self._plane(x, y)
        one = self._profile.planes[self._plane_at(x, y)]
        return (
            alt.Chart(frame)
            .mark_rect()
            .encode(
                x=alt.X("x:Q", title=one.x, scale=alt.Scale(zero=False)),
                x2="x2:Q",
                y=alt.Y("y:Q", title=one.y, scale=alt.Scale(zero=False)),
                y2="y2:Q",
                color=alt.Color("share:Q", scale=alt.Scale(scheme="viridis", type="log"), legend=None),
                tooltip=["class", "rows"],
            )
            .properties(width=220, height=220)
            .facet(column=alt.Column("class:N", title=None))
            .properties(title="Density of two features by class")
        )

    # --- the numbers -------------------------------------------------------------------------------------------

    def _classes(self) -> pl.DataFrame:
        p = self._profile
        return pl.DataFrame(
            {
                "class": list(p.classes),
                "rows": list(p.classes.values()),
                "share": [n / p.n_rows for n in p.classes.values()],
            }
        )

    def _features(self, n: int = 6) -> pl.DataFrame:
        rows = []
        for f in [f for f in self._profile.features if f.distribution is not None][:n]:
            d = f.distribution
            assert d is not None  # selected above
            for label, counts in (("negative", d.negative), ("positive", d.positive)):
                total = sum(counts) or 1.0
                for i, count in enumerate(counts):
                    low, high = d.edges[i], d.edges[i + 1]
                    words = f.levels[i] if f.levels else f"{low:.4g} to {high:.4g}"
                    rows.append((f.name, words, (low + high) / 2, label, count, count / total))
        return pl.DataFrame(rows, ["feature", "bin", "middle", "class", "rows", "share"], orient="row")

    def _minority(self) -> pl.DataFrame:
        m = self._profile.minority
        shares = {} if m is None else m.shares
        return pl.DataFrame(
            {
                "type": list(shares),
                "positives": [getattr(m, t) for t in shares],
                "share": list(shares.values()),
            },
            schema={"type": pl.String, "positives": pl.Int64, "share": pl.Float64},
        )

    def _over_time(self) -> pl.DataFrame:
        periods = () if self._profile.times is None else self._profile.times.periods
        rows = [(p.start, p.n_rows, p.n_positive, p.n_positive / max(1, p.n_rows)) for p in periods]
        schema = {"start": pl.String, "rows": pl.Int64, "positives": pl.Int64, "rate": pl.Float64}
        return pl.DataFrame(rows, schema, orient="row")

    def _plane(self, x: str | None = None, y: str | None = None) -> pl.DataFrame:
        one = self._profile.planes[self._plane_at(x, y)]
        rows = [
            (label, one.x_edges[j], one.x_edges[j + 1], one.y_edges[i], one.y_edges[i + 1], n, n / total)
            for label, grid in (("negative", one.negative), ("positive", one.positive))
            for total in [sum(map(sum, grid)) or 1.0]
            for i, line in enumerate(grid)
            for j, n in enumerate(line)
            if n
        ]
        return pl.DataFrame(rows, ["class", "x", "x2", "y", "y2", "rows", "share"], orient="row")

    def _plane_at(self, x: str | None, y: str | None) -> int:
        planes = self._profile.planes
        for place, one in enumerate(planes):
            if {x or one.x, y or one.y} <= {one.x, one.y} and (x != y or x is None):
                return place
        known = sorted({name for one in planes for name in (one.x, one.y)})
        raise OptionError(
            f"x={x!r}, y={y!r} were given.",
            expected=f"Expected two of {', '.join(known) or 'none: the table has fewer than two numbers'}.",
            why="Densities are kept for the most telling numbers only.",
            hint="Leave both out for the first two.",
        )


def _class_colour(alt: Any) -> Any:
    return alt.Color(
        "class:N",
        scale=alt.Scale(domain=["negative", "positive"], range=[NEGATIVE, POSITIVE]),
        title=None,
    )
