"""The time, as the store keeps it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

__all__ = ["as_datetime", "now", "since_1970"]


def now() -> int:
    """Give the time: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def as_datetime(at: int) -> datetime:
    """Give a stored time as a date with its zone.

    Parameters
    ----------
    at : int
        Microseconds since 1970.

    Returns
    -------
    datetime
        In UTC.
    """
    return datetime.fromtimestamp(at / 1e6, tz=UTC)


def since_1970(at: datetime) -> int:
    """Give a date as the store keeps it.

    Parameters
    ----------
    at : datetime
        A date; without a zone it is taken as UTC.

    Returns
    -------
    int
        Microseconds since 1970.
    """
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1e6)
