"""What a model expects of a table: columns, kinds, levels and ranges; and making a frame conform to it."""

from __future__ import annotations

import time
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from counterpoise.bundle.histogram import NO_BIN, Histogram
from counterpoise.errors import ModelError, nearest_names
from counterpoise.table.frames import ColumnKind, is_frame
from counterpoise.table.table import Table

__all__ = ["FeatureSchema", "Schema"]

_MOST_LEVELS = 1000
"""More levels than this are counted, not listed."""

_FEW_ROWS = 32
"""Rows up to which values are looked up one by one."""

DATE_LEVELS = ("before training", "from training on", "far ahead")
"""Bins of a date: earlier than any of training; up to now, and as far ahead as training's dates lie apart; later."""

LEAST_SPAN = 86_400.0
"""Seconds ahead of the clock that a date may always be: zones differ by as much."""

_DTYPES: dict[str, type[pl.DataType]] = {"number": pl.Float64, "boolean": pl.Boolean, "category": pl.String}


class FeatureSchema(BaseModel):
    """One feature: its kind, its type when trained, and the values it took.

    Dates move on by themselves, so of them only three shares are counted: of those before training, of those far ahead
    of the clock, and of missing ones. A unit or a default that changed upstream shows in them. The range of dates is
    in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: ColumnKind
    dtype: str
    missing: float = 0.0
    lower: float | None = None
    upper: float | None = None
    levels: list[str] | None = None
    n_levels: int | None = None
    histogram: Histogram | None = None

    def date_codes(self, seconds: np.ndarray, at: float) -> np.ndarray:
        """Say in which bin each date falls.

        Parameters
        ----------
        seconds : ndarray of shape (n_rows,), float64
            Since 1970; NaN where missing.
        at : float
            What the clock says, in seconds since 1970.

        Returns
        -------
        ndarray of shape (n_rows,), uint8
            Positions in the histogram's counts.
        """
        first, last = self.lower or 0.0, self.upper or 0.0
        ahead = max(at, last) + max(last - first, LEAST_SPAN)
        codes = np.searchsorted([np.nextafter(first, -np.inf), ahead, np.inf], seconds)  # NaN is sorted last
        return np.where(codes == len(DATE_LEVELS), len(DATE_LEVELS) + 1, codes).astype(np.uint8)


class Schema(BaseModel):
    """All features of a model in order, and the columns with a role."""

    model_config = ConfigDict(frozen=True)

    features: list[FeatureSchema]
    roles: dict[str, str]
    scores: Histogram | None = None
    """Probabilities of rows by models that had not seen them."""

    @property
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    @classmethod
    def of(cls, table: Table) -> Schema:
        """Take the schema of a training table.

        Parameters
        ----------
        table : Table
            What the model was trained on.

        Returns
        -------
        Schema
            Its features with ranges and levels.
        """
        weights = table.weights
        described = [_describe(table.frame[name], table.kinds[name], weights) for name in table.features]
        return cls(features=described, roles=table.roles.used())

    def conform(self, frame: Any) -> pl.DataFrame:
        """Take the features out of a frame, in order and in the types the model knows.

        Parameters
        ----------
        frame : polars, pandas or pyarrow frame, or ndarray of shape (n_rows, n_features)
            Rows to score. More columns than needed are ignored; an array must have the features in order.

        Returns
        -------
        polars.DataFrame of shape (n_rows, n_features)
            The features.

        Raises
        ------
        ModelError
            If features are missing or of another type; all of them are named.
        """
        frame = _as_polars(frame, self.names)
        self._refuse_missing(frame)
        columns, wrong = [], []
        for feature in self.features:
            converted = _convert(frame[feature.name], feature.kind)
            if isinstance(converted, str):
                wrong.append(f"{feature.name!r} is {converted}, not {feature.kind}")
            else:
                columns.append(converted)
        if wrong:
            raise ModelError(
                f"Columns of other types: {'; '.join(wrong)}.",
                expected="Expected the types that the model was trained on.",
                why="A value of another type would be read as something else.",
                hint="Convert these columns.",
            )
        return pl.DataFrame(columns)

    def bins(self, features: pl.DataFrame) -> np.ndarray:
        """Say in which bin of its feature's histogram each value falls.

        Parameters
        ----------
        features : polars.DataFrame of shape (n_rows, n_features)
            As `conform` gives them.

        Returns
        -------
        ndarray of shape (n_rows, n_features), uint8
            Positions in the histogram's counts; 255 for a feature that has none.
        """
        dated = any(each.kind == "date" and each.histogram is not None for each in self.features)
        if features.height <= _FEW_ROWS and not dated:
            known = [each.histogram for each in self.features]
            rows = features.select(self.names).rows()
            found = [
                [NO_BIN if h is None else h.code(v) for h, v in zip(known, row, strict=True)] for row in rows
            ]
            return np.array(found, dtype=np.uint8).reshape(len(rows), len(known))
        codes = np.full((features.height, len(self.features)), NO_BIN, dtype=np.uint8)
        for j, feature in enumerate(self.features):
            if feature.histogram is not None:
                codes[:, j] = _codes(feature, feature.histogram, features[feature.name])
        return codes

    def _refuse_missing(self, frame: pl.DataFrame) -> None:
        missing = [name for name in self.names if name not in frame.columns]
        if not missing:
            return
        others = [name for name in frame.columns if name not in self.names]
        near = [hint for name in missing[:3] if (hint := nearest_names(name, others, 1))]
        raise ModelError(
            f"The table lacks {len(missing)} of the model's {len(self.names)} columns: "
            f"{', '.join(map(repr, missing[:20]))}{', ...' if len(missing) > 20 else ''}.",
            expected="Expected every feature that the model was trained on.",
            why="A score without them would mean nothing.",
            hint=" ".join(near) or "Add the columns, or rename them to the names the model knows.",
        )


def _describe(series: pl.Series, kind: ColumnKind, weights: np.ndarray | None) -> FeatureSchema:
    plain: dict[str, Any] = {"name": series.name, "kind": kind, "dtype": str(series.dtype)}
    if series.dtype.is_float():
        series = series.fill_nan(None)
    plain["missing"] = series.null_count() / max(1, len(series))
    if kind == "number":
        counted = Histogram.of_numbers(_as_floats(series), weights)
        lower, upper = _number(series.min()), _number(series.max())
        return FeatureSchema(**plain, lower=lower, upper=upper, histogram=counted)
    if kind == "category":
        levels = series.cast(pl.String).drop_nulls().unique().sort().to_list()
        listed = levels if len(levels) <= _MOST_LEVELS else None
        counted = Histogram.of_levels(series, weights)
        return FeatureSchema(**plain, levels=listed, n_levels=len(levels), histogram=counted)
    if kind == "boolean":
        return FeatureSchema(**plain, histogram=Histogram.of_levels(series, weights))
    if series.dtype in (pl.Date, pl.Datetime):
        return _describe_dates(_seconds(series), plain, weights)
    return FeatureSchema(**plain)


def _describe_dates(seconds: np.ndarray, plain: dict[str, Any], weights: np.ndarray | None) -> FeatureSchema:
    missing = np.isnan(seconds)
    if missing.all():
        return FeatureSchema(**plain)
    mass = np.ones(len(seconds)) if weights is None else weights * (len(weights) / weights.sum())
    counts = [0.0, float(mass[~missing].sum()), 0.0, 0.0, float(mass[missing].sum())]
    counted = Histogram(levels=list(DATE_LEVELS), counts=counts)
    lower, upper = float(np.nanmin(seconds)), float(np.nanmax(seconds))
    return FeatureSchema(**plain, lower=lower, upper=upper, histogram=counted)


def _codes(feature: FeatureSchema, histogram: Histogram, column: pl.Series) -> np.ndarray:
    if feature.kind == "date":
        return feature.date_codes(_seconds(column), time.time())
    return histogram.codes(_as_floats(column) if feature.kind == "number" else column)


def _seconds(series: pl.Series) -> np.ndarray:
    return np.asarray(series.dt.epoch("us").cast(pl.Float64).fill_null(float("nan")).to_numpy() / 1e6)


def _as_floats(series: pl.Series) -> np.ndarray:
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _as_polars(frame: Any, names: list[str]) -> pl.DataFrame:
    if isinstance(frame, pl.DataFrame):
        return frame
    if is_frame(frame):
        return pl.DataFrame(nw.from_native(frame, eager_only=True).to_polars())
    values = np.asarray(frame)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ModelError(
            f"An array of shape {values.shape} was given.",
            expected=f"Expected a frame, or an array of {len(names)} columns in the model's order.",
            why="Without names, only the order says which column is which.",
            hint=f"Pass a frame with the columns {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}.",
        )
    columns = [values[:, j].tolist() if values.dtype == object else values[:, j] for j in range(len(names))]
    return pl.DataFrame(dict(zip(names, columns, strict=True)), strict=False)


def _convert(series: pl.Series, kind: ColumnKind) -> pl.Series | str:
    """Give the series in the kind's type, or a word for the type it has where that cannot be done."""
    dtype = series.dtype
    if dtype == pl.Null:
        return series.cast(_DTYPES.get(kind, pl.Datetime("us")))
    if kind == "number":
        return series if dtype.is_numeric() else series.cast(pl.Int8) if dtype == pl.Boolean else str(dtype)
    if kind == "boolean":
        return _as_boolean(series)
    if kind == "date":
        return series if dtype.is_temporal() else _as_date(series)
    return series if dtype in (pl.String, pl.Categorical, pl.Enum) else _as_text(series)


def _as_boolean(series: pl.Series) -> pl.Series | str:
    if series.dtype == pl.Boolean:
        return series
    if series.dtype.is_numeric() and series.drop_nulls().is_in([0, 1]).all():
        return series.cast(pl.Boolean)
    return str(series.dtype)


def _as_date(series: pl.Series) -> pl.Series | str:
    if series.dtype != pl.String:
        return str(series.dtype)
    parsed = series.str.to_datetime(strict=False)
    return parsed if parsed.null_count() == series.null_count() else str(series.dtype)


def _as_text(series: pl.Series) -> pl.Series | str:
    return (
        str(series.dtype) if series.dtype.is_float() or series.dtype.is_nested() else series.cast(pl.String)
    )
