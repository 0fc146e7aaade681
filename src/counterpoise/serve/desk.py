"""The server without its addresses: takes requests, knows who answers them, and looks after the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from counterpoise.serve import ledger
from counterpoise.serve.answers import accepted
from counterpoise.serve.clock import now
from counterpoise.serve.contract import is_id
from counterpoise.serve.gate import Gate
from counterpoise.serve.gauges import Gauges
from counterpoise.serve.lanes import Answered, Asked, Lane
from counterpoise.serve.limits import Limits
from counterpoise.serve.log import say
from counterpoise.serve.refusals import Refused
from counterpoise.serve.registry import Live, Registry
from counterpoise.serve.store import Store
from counterpoise.serve.watch import Watch, WatchSettings

__all__ = ["Desk", "Settings"]

BIG_BYTES = 64 * 2**10
"""A body from which on a request goes along the lane of big ones."""

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the store is asked whether another process changed an endpoint."""

SECONDS_BETWEEN_SWEEPS = 3600.0
"""How often what is older than the retention is removed."""


@dataclass(frozen=True)
class Settings:
    """How a server behaves.

    Attributes
    ----------
    needs_token : bool, default=False
        Whether everything needs a token.
    is_lenient : bool, default=False
        Whether unknown columns and levels are taken.
    limits : Limits
        What a request may cost.
    retention_days : float or None, default=None
        Predictions and labels older than this are removed; None: never.
    watch : WatchSettings
        How endpoints are watched.
    """

    needs_token: bool = False
    is_lenient: bool = False
    limits: Limits = field(default_factory=Limits)
    retention_days: float | None = None
    watch: WatchSettings = field(default_factory=WatchSettings)


class Desk:
    """Takes requests and has them answered.

    Parameters
    ----------
    store : Store
        Where everything is kept.
    settings : Settings
        How it behaves.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings, self.limits = store, settings, settings.limits
        self.registry = Registry(store, is_lenient=settings.is_lenient)
        self.gate = Gate(store, needs_token=settings.needs_token, rate=settings.limits.rate)
        self.gauges = Gauges()
        self.watch = Watch(store, settings.watch)
        self._lanes: tuple[Lane, Lane] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Load the endpoints and begin to answer."""
        await asyncio.to_thread(self.registry.refresh)
        loop = asyncio.get_running_loop()
        self._lanes = (
            Lane(self.store, self.limits, loop, "counterpoise-rows"),
            Lane(self.store, self.limits, loop, "counterpoise-batches"),
        )
        self._tasks = [
            asyncio.create_task(self._look()),
            asyncio.create_task(self._sweep()),
            asyncio.create_task(self._watch()),
        ]

    async def close(self) -> None:
        """Answer what waits, then stop."""
        for task in self._tasks:
            task.cancel()
        for lane in self._lanes or ():
            await asyncio.to_thread(lane.close)
        self._lanes = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            await self._guarded("refresh", self.registry.refresh)

    async def _sweep(self) -> None:
        days = self.settings.retention_days
        while days is not None:
            await self._guarded("retention", lambda: self._forget(days))
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)

    async def _watch(self) -> None:
        waits = self.settings.watch.seconds

        def look() -> None:
            """Look, and say when to look again."""
            nonlocal waits
            waits = self.watch.look_at_all()

        while True:
            await asyncio.sleep(waits)
            await self._guarded("watch", look)

    async def _guarded(self, what: str, action: Callable[[], object]) -> None:
        """Say what went wrong, and try again later: what is done in the background must not end without a word."""
        try:
            await asyncio.to_thread(action)
        except Exception as error:  # noqa: BLE001 - said; requests are answered meanwhile
            say(f"{what} failed", level="error", error=f"{type(error).__name__}: {error}")

    def _forget(self, days: float) -> None:
        with self.store.writing() as connection:
            gone = ledger.forget(connection, now() - round(days * 86_400e6))
        if any(gone.values()):
            say("forgotten", requests=gone["requests"], labels=gone["labels"])

    # --- predictions ---------------------------------------------------------------------------------------

    async def predict(self, live: Live, body: bytes, headers: Mapping[str, str]) -> tuple[Asked, Answered]:
        """Have a request for predictions answered.

        Parameters
        ----------
        live : Live
            The endpoint.
        body : bytes
            The rows.
        headers : mapping
            Of the request, by lower-case name.

        Returns
        -------
        asked : Asked
            The request, with its id and variant.
        answered : Answered
            What the client gets.

        Raises
        ------
        Refused
            With the reason, naming the field and the row.
        """
        inference_id = headers.get("x-amzn-sagemaker-inference-id")
        if inference_id is not None and not is_id(inference_id):
            raise _wrong_header("X-Amzn-SageMaker-Inference-Id", inference_id, "1 to 200 letters")
        asked = Asked(
            live=live,
            variant="champion",
            body=body,
            content_type=headers.get("content-type", ""),
            form=accepted(headers.get("accept", "")),
            inference_id=inference_id,
            answer=asyncio.get_running_loop().create_future(),
        )
        asked.variant = _variant(asked, headers.get("x-amzn-sagemaker-target-variant"))
        if self._lanes is None:
            raise Refused("The server is stopping.", status=503, hint="Ask again in a second.")
        self._lanes[len(body) > BIG_BYTES].take(asked)
        try:
            answered = await asyncio.wait_for(asked.answer, self.limits.seconds)
        except TimeoutError as error:
            raise _too_slow(self.limits.seconds) from error
        name = live.endpoint.name
        self.gauges.predicted(name, answered.version, asked.variant, answered.n_rows, answered.n_alerts)
        if asked.shadow_error:
            self.gauges.shadow_failed(name)
            say("shadow failed", level="warning", endpoint=name, error=asked.shadow_error)
        return asked, answered


def _variant(asked: Asked, target: str | None) -> str:
    """Choose who answers: as the client says, or by a number drawn from the request's id."""
    if target is not None:
        known = ["champion"] + ["challenger"] * (asked.live.challenger is not None)
        if target not in known:
            raise _wrong_header("X-Amzn-SageMaker-Target-Variant", target, " or ".join(known))
        return target
    if not asked.live.share:
        return "champion"
    digest = hashlib.sha256((asked.inference_id or asked.uid).encode()).digest()
    return "challenger" if int.from_bytes(digest[:6]) < asked.live.share * 2**48 else "champion"


def _wrong_header(name: str, value: str, expected: str) -> Refused:
    return Refused(f"The header {name} is {value[:80]!r}.", field=name, expected=f"Expected {expected}.")


def _too_slow(seconds: float) -> Refused:
    return Refused(
        f"There was no answer within {seconds:g} s.",
        status=503,
        expected="Expected a request that is answered in that time.",
        hint="Send fewer rows at once.",
    )
