"""The log: one JSON object a line, to standard error; never a feature value, a body or a token."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from counterpoise.serve.clock import as_datetime, now

__all__ = ["LOGGER", "say", "to_standard_error"]

LOGGER = logging.getLogger("counterpoise.serve")
"""Where lines go; without a handler nothing is written."""
LOGGER.addHandler(logging.NullHandler())


def say(event: str, *, level: str = "info", **facts: Any) -> None:
    """Write a line.

    Parameters
    ----------
    event : str
        What happened.
    level : {"info", "warning", "error"}, default="info"
        How bad it is.
    **facts : object
        Plain JSON values.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    if LOGGER.isEnabledFor(number):
        line = {"at": as_datetime(now()).isoformat(), "level": level, "event": event, **facts}
        LOGGER.log(number, json.dumps(line))


def to_standard_error(level: str = "info") -> None:
    """Let lines go to standard error.

    Parameters
    ----------
    level : {"info", "warning", "error"}, default="info"
        From which on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.handlers = [handler]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
