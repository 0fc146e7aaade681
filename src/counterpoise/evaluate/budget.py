"""Time: budgets in words, and what is left of one."""

from __future__ import annotations

import re
import time

from counterpoise.errors import OptionError

__all__ = ["Deadline", "parse_duration", "say_duration"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


def parse_duration(text: str | float | None) -> float | None:
    """Turn a duration in words into seconds.

    Parameters
    ----------
    text : str, float or None
        ``"90"``, ``"90s"``, ``"5m"``, ``"1h30m"``, a number of seconds, or None for no limit.

    Returns
    -------
    float or None
        Seconds, more than 0.

    Raises
    ------
    OptionError
        If it is no duration.

    Examples
    --------
    >>> parse_duration("1h30m")
    5400.0
    """
    if text is None:
        return None
    compact = str(text).strip().lower().replace(" ", "")
    parts = _PART.findall(compact)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != compact or not seconds > 0:
        raise OptionError(
            f"The duration {text!r} was given.",
            expected="Expected a number with s, m, h or d, such as 90s, 5m or 1h30m, above 0.",
            why="It says when to stop trying more candidates.",
            hint="For example --budget 5m.",
        )
    return seconds


def say_duration(seconds: float) -> str:
    """Say a duration for people.

    Parameters
    ----------
    seconds : float
        How long.

    Returns
    -------
    str
        Such as "12 s", "3 min 20 s" or "2 h 5 min".
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Deadline:
    """What is left of a budget.

    Parameters
    ----------
    seconds : float or None
        The budget; None never ends.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds, self.started = seconds, time.monotonic()

    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def left(self) -> float:
        """Seconds that are left; infinite without a budget, negative when it is overdrawn."""
        return float("inf") if self.seconds is None else self.seconds - self.spent()
