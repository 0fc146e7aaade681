"""Answered rows, cut into windows of time or of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from counterpoise.errors import OptionError

__all__ = ["UNKNOWN", "Window", "cut", "joined", "parse_every", "when"]

UNKNOWN = -1
"""Truth of a row without a label."""

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


@dataclass(frozen=True)
class Window:
    """Rows that were answered, and what has turned out of them.

    Attributes
    ----------
    at : ndarray of shape (n,), float64
        When, in seconds since 1970.
    probability : ndarray of shape (n,), float64
        Of the positive class.
    alert : ndarray of shape (n,), bool
        Which rows were called.
    truth : ndarray of shape (n,), int8
        1 positive, 0 negative, -1 not known (yet).
    bins : ndarray of shape (n_features, n_bins), int64, or None
        How many values fell into each bin of the training histograms.
    """

    at: np.ndarray
    probability: np.ndarray
    alert: np.ndarray
    truth: np.ndarray
    bins: np.ndarray | None = None

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.at)

    def take(self, rows: np.ndarray | slice) -> Window:
        """Take rows, without the bins: those are counted for all of them together.

        Parameters
        ----------
        rows : ndarray or slice
            Which.

        Returns
        -------
        Window
            Those rows.
        """
        return Window(self.at[rows], self.probability[rows], self.alert[rows], self.truth[rows])


def parse_every(every: str | int) -> tuple[str, float]:
    """Read how long a window is.

    Parameters
    ----------
    every : str or int
        ``"1h"``, ``"1d"``, ``"7d"``: time; ``5000`` or ``"5000 rows"``: rows.

    Returns
    -------
    kind : str
        ``"time"`` or ``"rows"``.
    length : float
        Seconds, or rows.

    Raises
    ------
    OptionError
        If it is neither.
    """
    text = str(every).strip().lower().removesuffix("rows").removesuffix("row").strip()
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    is_whole = bool(unit) or value == int(value) if np.isfinite(value) else False
    if not (np.isfinite(value) and value > 0 and is_whole):
        raise OptionError(
            f"Windows of {every!r} were asked for.",
            expected="Expected a time such as 1h, 1d or 7d, or a number of rows such as 5000.",
            why="Figures are given a window.",
            hint="For example --every 1d.",
        )
    return ("time", value * _UNITS[unit]) if unit else ("rows", value)


def cut(at: np.ndarray, every: str | int = "1d", rows: np.ndarray | None = None) -> list[slice]:
    """Cut what happened, in order of time, into windows.

    Parameters
    ----------
    at : ndarray of shape (n,), float64
        Seconds since 1970, rising.
    every : str or int, default="1d"
        See `parse_every`; windows of time begin at whole multiples of their length, UTC.
    rows : ndarray of shape (n,), optional
        How many rows each entry stands for; an entry stays whole. By default one.

    Returns
    -------
    list of slice
        One a window that has entries, in order.
    """
    kind, length = parse_every(every)
    if len(at) == 0:
        return []
    before = np.arange(len(at)) if rows is None else np.cumsum(rows) - rows
    number = np.floor(at / length) if kind == "time" else np.floor(before / length)
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    return [slice(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(at)], strict=True)]


def joined(windows: Sequence[Window]) -> Window:
    """Put windows together.

    Parameters
    ----------
    windows : sequence of Window
        At least one.

    Returns
    -------
    Window
        All rows; bins added up where all have them.
    """
    parts = [each.bins for each in windows]
    known = [part for part in parts if part is not None]
    return Window(
        at=np.concatenate([each.at for each in windows]),
        probability=np.concatenate([each.probability for each in windows]),
        alert=np.concatenate([each.alert for each in windows]),
        truth=np.concatenate([each.truth for each in windows]),
        bins=np.sum(known, axis=0) if known and len(known) == len(parts) else None,
    )


def when(seconds: float) -> datetime:
    """Give a time as a date.

    Parameters
    ----------
    seconds : float
        Since 1970.

    Returns
    -------
    datetime
        In UTC.
    """
    return datetime.fromtimestamp(float(seconds), tz=UTC)
