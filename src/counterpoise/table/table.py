"""A table with a rare outcome: rows, the roles of its columns, and their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from counterpoise.table.frames import ColumnKind
from counterpoise.table.hashing import fingerprint

__all__ = ["ROLES", "Roles", "Table", "Thinning"]

ROLES = ("target", "time", "group", "weight", "amount", "id")
"""What a column can be besides a feature. The amount is a feature as well."""


@dataclass(frozen=True)
class Roles:
    """Which column plays which part.

    Attributes
    ----------
    target : str
        The outcome.
    time, group, weight, amount, id : str or None
        When a row happened; what it belongs to (a card, a patient); how much it counts; what is at stake in it;
        what names it.
    """

    target: str
    time: str | None = None
    group: str | None = None
    weight: str | None = None
    amount: str | None = None
    id: str | None = None

    def used(self) -> dict[str, str]:
        """Give the roles that are played.

        Returns
        -------
        dict of str to str
            From the role to the column's name.
        """
        return {role: name for role in ROLES if (name := getattr(self, role)) is not None}


@dataclass(frozen=True)
class Thinning:
    """What was left out of a table that holds every positive and a share of the negatives.

    Attributes
    ----------
    source : str
        The full table, in words.
    n_rows, n_positive : int
        Rows and positives of the full table.
    n_kept : int
        Negatives that are kept.
    by : str or None
        Column that was stratified by.
    told_apart_by : str or None
        Column that named the rows; None where their whole content did.
    n_strata : int
        Number of strata.
    missing : mapping of str to (int, int)
        For each column that lacks values in the full table, how many negatives and positives lack it.
    days : mapping of str to (int, int)
        For each day (ISO 8601) rows and positives of the full table; empty where no date has the time's role.
    """

    source: str
    n_rows: int
    n_positive: int
    n_kept: int
    by: str | None = None
    told_apart_by: str | None = None
    n_strata: int = 1
    missing: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    days: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Share of the negatives that is kept."""
        return self.n_kept / max(1, self.n_rows - self.n_positive)

    @property
    def variance_factor(self) -> float:
        """Variance of fitted coefficients over that from the full table: (1 + 1/m) / (1 + 1/M).

        m and M are the negatives for each positive, kept and in all (Ury, Biometrics 31, 1975).
        """
        kept, full = (
            self.n_positive / max(1, self.n_kept),
            self.n_positive / max(1, self.n_rows - self.n_positive),
        )
        return (1 + kept) / (1 + full)

    @property
    def sentence(self) -> str:
        """What was done and what it costs, in words."""
        if self.rate == 1.0:
            return f"All {self.n_rows:,} rows of {self.source} were kept."
        how = f"the hash of {self.told_apart_by}" if self.told_apart_by else "the hash of their content"
        strata = f", in {self.n_strata:,} strata of {self.by}" if self.by else ""
        return (
            f"Of {self.n_rows:,} rows all {self.n_positive:,} positives and {self.n_kept:,} negatives "
            f"({100 * self.rate:.3g} %) were kept, chosen by {how}{strata}; weights put the full table's rate back, "
            f"so probabilities and lines refer to it. With {self.n_kept / max(1, self.n_positive):.3g} negatives a "
            f"positive, what is fitted varies {100 * (self.variance_factor - 1):.2g} % more than from all rows."
        )


@dataclass(frozen=True)
class Table:
    """Rows, column roles and types; made by `counterpoise.read`.

    Attributes
    ----------
    frame : polars.DataFrame of shape (n_rows, n_columns)
        Every column as read, the target among them.
    roles : Roles
        Which column plays which part.
    labels : tuple
        The target's values; for two classes (negative, positive).
    y : ndarray of shape (n_rows,), int8
        Positions in `labels`: 1 is the positive (rare) class of two.
    features : tuple of str
        The columns a model may see, in order.
    kinds : dict of str to str
        For each feature "number", "boolean", "date" or "category".
    left_out : dict of str to str
        Columns that no model sees, and why.
    source : str
        Where the rows came from, in words.
    thinning : Thinning or None
        What was left out, where the rows are a share of a larger table.
    """

    frame: pl.DataFrame
    roles: Roles
    labels: tuple[Any, ...]
    y: np.ndarray
    features: tuple[str, ...]
    kinds: dict[str, ColumnKind]
    left_out: dict[str, str] = field(default_factory=dict)
    source: str = "a frame"
    thinning: Thinning | None = None

    # --- sizes -------------------------------------------------------------------------------------------------

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def n_positive(self) -> int:
        """Number of rows of the positive class (of all but the commonest, where there are several)."""
        counts = self.class_counts
        return int(counts[1]) if self.is_binary else int(counts.sum() - counts.max())

    @property
    def class_counts(self) -> np.ndarray:
        """Rows of each class, in the order of `labels`."""
        return np.bincount(self.y, minlength=len(self.labels))

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.labels) == 2

    # --- columns -----------------------------------------------------------------------------------------------

    @property
    def target(self) -> str:
        """Name of the target column."""
        return self.roles.target

    @property
    def positive(self) -> Any:
        """The positive label of two (the last of several)."""
        return self.labels[-1]

    @cached_property
    def X(self) -> pl.DataFrame:
        """The features, in order."""
        return self.frame.select(self.features)

    def column(self, role: str) -> np.ndarray | None:
        """Give the column that plays a role.

        Parameters
        ----------
        role : str
            One of `ROLES`.

        Returns
        -------
        ndarray of shape (n_rows,) or None
            None where no column plays it.
        """
        name = getattr(self.roles, role)
        return None if name is None else self.frame[name].to_numpy()

    @property
    def weights(self) -> np.ndarray | None:
        """Weight of each row, float64, or None."""
        values = self.column("weight")
        return None if values is None else values.astype(np.float64)

    @property
    def amounts(self) -> np.ndarray | None:
        """Amount at stake in each row, float64, or None."""
        values = self.column("amount")
        return None if values is None else values.astype(np.float64)

    @property
    def groups(self) -> np.ndarray | None:
        """Group of each row as a code from 0, int64, or None."""
        if self.roles.group is None:
            return None
        return self.frame[self.roles.group].rank("dense").to_numpy().astype(np.int64) - 1

    @property
    def seconds(self) -> np.ndarray | None:
        """Time of each row in seconds, float64, or None."""
        if self.roles.time is None:
            return None
        series = self.frame[self.roles.time]
        if series.dtype.is_numeric():
            return series.cast(pl.Float64).to_numpy()
        return series.cast(pl.Datetime("us")).to_physical().to_numpy() / 1e6

    @property
    def n_days(self) -> float | None:
        """Days that the rows span, counted as calendar days where the time is a date; None without a time."""
        if self.roles.time is None:
            return None
        series = self.frame[self.roles.time]
        if series.dtype.is_numeric():
            seconds = self.seconds
            assert seconds is not None  # the role is there
            return max(1.0, float(seconds.max() - seconds.min()) / 86400)
        days = series.cast(pl.Date)
        return float((days.max() - days.min()).days + 1)  # type: ignore[operator,union-attr]

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that stand for the names and the content."""
        return fingerprint(self.frame)

    def take(self, rows: np.ndarray) -> Table:
        """Take some rows, all columns and roles kept.

        Parameters
        ----------
        rows : ndarray of shape (m,), int64
            Row numbers.

        Returns
        -------
        Table
            With m rows.
        """
        return replace(self, frame=self.frame[rows], y=self.y[rows])
