"""How much one client may ask for: bytes, rows, seconds, requests a second."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from counterpoise.errors import OptionError
from counterpoise.serve.refusals import Refused

__all__ = ["Limits", "Meter", "Rate"]

MOST_CLIENTS = 10_000
"""Clients whose pace is remembered; the one not heard of for longest is forgotten first."""


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds; as many at once.

    Attributes
    ----------
    n : int
        Requests.
    seconds : float
        In which time.
    """

    n: int
    seconds: float

    @classmethod
    def of(cls, text: str) -> Rate:
        """Understand ``100/s``, ``600/min`` or ``5000/h``.

        Parameters
        ----------
        text : str
            The rate in words.

        Returns
        -------
        Rate
            The same.

        Raises
        ------
        OptionError
            If it cannot be understood.
        """
        found = re.fullmatch(r"([1-9]\d{0,8})/(s|min|h)", text.strip())
        if found is None:
            raise OptionError(
                f"The rate {text!r} was given.",
                expected="Expected requests a second, a minute or an hour.",
                why="A client that asks more often is told to wait.",
                hint="For example 100/s, 600/min or 5000/h.",
            )
        return cls(int(found[1]), {"s": 1.0, "min": 60.0, "h": 3600.0}[found[2]])


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Attributes
    ----------
    body_bytes : int, default=64 MiB
        Of a request for predictions or with labels.
    bundle_bytes : int, default=1 GiB
        Of a model that is sent.
    rows : int, default=200_000
        In one request.
    seconds : float, default=60
        Until there is an answer: what SageMaker's clients wait.
    waiting : int, default=1_000
        Requests that wait for their turn; more are sent away with 503.
    rate : Rate or None, default=None
        Of one client: a token, or an address where none is needed.
    """

    body_bytes: int = 64 * 2**20
    bundle_bytes: int = 2**30
    rows: int = 200_000
    seconds: float = 60.0
    waiting: int = 1_000
    rate: Rate | None = None


@dataclass
class Meter:
    """Counts what each client asks: a bucket of `rate.n` requests that fills evenly.

    Attributes
    ----------
    rate : Rate or None
        None: no limit.
    """

    rate: Rate | None
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def count(self, client: str) -> None:
        """Count a request.

        Parameters
        ----------
        client : str
            Who asks.

        Raises
        ------
        Refused
            429, if the client has to wait; says how long.
        """
        if self.rate is None:
            return
        at, pace = time.monotonic(), self.rate.n / self.rate.seconds
        left, last = self._left.pop(client, (float(self.rate.n), at))
        left = min(float(self.rate.n), left + (at - last) * pace)
        self._left[client] = (left - 1 if left >= 1 else left, at)
        if len(self._left) > MOST_CLIENTS:
            del self._left[next(iter(self._left))]
        if left < 1:
            raise Refused(
                f"{self.rate.n} requests in {self.rate.seconds:g} s were asked, and more.",
                status=429,
                expected=f"Expected at most {self.rate.n} in {self.rate.seconds:g} s.",
                why="Other clients would have to wait.",
                hint=f"Ask again in {(1 - left) / pace:.3g} s, or send several rows at once.",
            )
