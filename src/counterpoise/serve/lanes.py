"""The way of a request: read, scored, written, answered - in that order, in groups.

A lane is a thread that takes all requests that wait, scores each, writes all of them in one transaction, and only
then lets the answers go: what was answered is in the store. One commit for many requests keeps the disk from being the
limit. A request of many rows goes along a lane of its own, so that single rows do not wait behind it.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from counterpoise.serve import answers, ledger
from counterpoise.serve.clock import now
from counterpoise.serve.contract import Rows, refuse_other_names
from counterpoise.serve.ledger import Answer
from counterpoise.serve.limits import Limits
from counterpoise.serve.log import say
from counterpoise.serve.models import Served
from counterpoise.serve.names import claim
from counterpoise.serve.refusals import Refused
from counterpoise.serve.registry import Live
from counterpoise.serve.store import Store

__all__ = ["Answered", "Asked", "Lane"]

MOST_AT_ONCE = 64
"""Requests of one transaction."""


@dataclass(frozen=True)
class Answered:
    """What a client gets.

    Attributes
    ----------
    body : bytes
        JSON or JSON lines.
    n_rows : int
        Predictions.
    n_alerts : int
        Rows at or above the line.
    version : int
        The version that answered.
    """

    body: bytes
    n_rows: int
    n_alerts: int
    version: int


@dataclass(eq=False)
class Asked:
    """A request for predictions.

    Attributes
    ----------
    live : Live
        The endpoint as it was when the request came.
    variant : {"champion", "challenger"}
        Who answers.
    body : bytes
        What was sent.
    content_type : str
        What it is.
    form : str
        Media type of the answer.
    inference_id : str or None
        The client's name for the request.
    answer : asyncio.Future
        Done with `Answered`, or with an error.
    """

    live: Live
    variant: str
    body: bytes
    content_type: str
    form: str
    inference_id: str | None
    answer: asyncio.Future[Answered]
    uid: str = field(default_factory=lambda: secrets.token_hex(10))
    shadow_error: str = ""

    @property
    def served(self) -> Served:
        """The version that answers."""
        chosen = self.live.challenger if self.variant == "challenger" else self.live.champion
        return chosen or self.live.champion


@dataclass(frozen=True)
class _Scored:
    asked: Asked
    rows: Rows
    kept: list[tuple[Served, Answer]]

    @property
    def answer(self) -> Answer:
        """What the client gets."""
        return self.kept[0][1]

    def news(self, connection: Connection) -> list[Answer]:
        """Give what is to be written: rows that came before under the same id are not written again."""
        answers, names = [answer for _, answer in self.kept], self.answer.ids
        if names is None:
            return answers
        first = answers[0]
        is_new = claim(connection, first.endpoint_id, names, self.rows.contents, first.at)
        if is_new.all() or not is_new.any():
            return answers if is_new.any() else []
        some = self.rows.take(is_new)
        fresh = list(compress(names, is_new))
        return [
            replace(answer, probability=answer.probability[is_new], ids=fresh, bins=served.bins(some))
            for served, answer in self.kept
        ]


class Lane:
    """A thread that answers requests, a group at a time.

    Parameters
    ----------
    store : Store
        Where answers are written.
    limits : Limits
        Most rows, most requests that wait.
    loop : asyncio.AbstractEventLoop
        Where the futures live.
    name : str
        Of the thread.
    """

    def __init__(self, store: Store, limits: Limits, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._store, self._limits, self._loop = store, limits, loop
        self._waiting: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def take(self, asked: Asked) -> None:
        """Take a request.

        Parameters
        ----------
        asked : Asked
            Its future is done later.

        Raises
        ------
        Refused
            503, if too many wait.
        """
        if self._waiting.qsize() >= self._limits.waiting:
            raise Refused(
                f"{self._limits.waiting} requests wait.",
                status=503,
                expected="Expected fewer at a time.",
                hint="Ask again in a second, or send several rows at once.",
            )
        self._waiting.put(asked)

    def close(self) -> None:
        """Answer what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group = [self._waiting.get()]
            while len(group) < MOST_AT_ONCE and not self._waiting.empty():
                group.append(self._waiting.get())
            is_open = None not in group
            self._answer([asked for asked in group if asked is not None and not asked.answer.cancelled()])

    def _answer(self, group: list[Asked]) -> None:
        done: list[Callable[[], None]] = []
        scored: list[_Scored] = []
        for asked in group:
            try:
                scored.append(_score(asked, self._limits))
            except BaseException as error:  # noqa: BLE001 - raised again where the request is awaited
                done.append(_failing(asked, error))
        try:
            done += self._written(scored) if scored else []
        except DBAPIError as error:
            say("store failed", level="error", error=type(error.orig).__name__)
            done += [_failing(each.asked, _not_kept()) for each in scored]
        self._loop.call_soon_threadsafe(_all, done)

    def _written(self, scored: list[_Scored]) -> list[Callable[[], None]]:
        """Write all answers in one transaction; a request whose ids are refused leaves the others as they are."""
        refused: dict[str, Refused] = {}
        fresh: list[Answer] = []
        with self._store.writing() as connection:
            for each in scored:
                try:
                    fresh += each.news(connection)
                except Refused as error:
                    refused[each.asked.uid] = error
            if fresh:
                ledger.record(connection, fresh)
        return [
            _failing(each.asked, refused[each.asked.uid]) if each.asked.uid in refused else _succeeding(each)
            for each in scored
        ]


def _all(done: list[Callable[[], None]]) -> None:
    for each in done:
        each()


def _succeeding(scored: _Scored) -> Callable[[], None]:
    asked, probability = scored.asked, scored.answer.probability
    served, ids = asked.served, scored.answer.ids or asked.uid
    if asked.form == "application/jsonlines":
        body = answers.as_json_lines(served, probability, ids)
    elif asked.form.startswith("text/csv"):
        body = answers.as_csv(served, probability, ids, has_header=asked.form != "text/csv")
    else:
        body = answers.as_json(served, asked.live.endpoint.name, asked.variant, probability, ids)
    n_alerts = 0 if served.threshold is None else int((probability >= served.threshold).sum())
    answered = Answered(body, len(probability), n_alerts, served.number)
    return lambda: None if asked.answer.done() else asked.answer.set_result(answered)


def _failing(asked: Asked, error: BaseException) -> Callable[[], None]:
    return lambda: None if asked.answer.done() else asked.answer.set_exception(error)


def _not_kept() -> Refused:
    return Refused(
        "The prediction could not be written to the store.",
        status=503,
        expected="Expected a store that takes writes.",
        why="What is answered must be known later.",
        hint="Ask again; the operator finds the reason in the log.",
    )


def _score(asked: Asked, limits: Limits) -> _Scored:
    served, at = asked.served, now()
    rows = served.contract.rows(asked.body, asked.content_type)
    n_rows = rows.n_rows
    if n_rows > limits.rows:
        raise Refused(
            f"{n_rows} rows were sent.",
            status=413,
            expected=f"Expected at most {limits.rows} in one request.",
            hint="Send them in several requests.",
        )
    ids = _ids(asked.inference_id, rows)
    kept = [(served, _answer(asked, served, rows, asked.variant, at, ids))]
    shadow = asked.live.shadow
    if shadow is not None:
        try:
            kept.append((shadow, _answer(asked, shadow, rows, "shadow", at, ids)))
        except BaseException as error:  # noqa: BLE001 - counted and logged; the champion's answer stands
            asked.shadow_error = type(error).__name__
    return _Scored(asked, rows, kept)


def _ids(inference_id: str | None, rows: Rows) -> list[str] | None:
    if inference_id is None:
        return rows.ids
    n_rows = rows.n_rows
    names = [inference_id] if n_rows == 1 else [f"{inference_id}-{row}" for row in range(n_rows)]
    if rows.ids is not None:
        refuse_other_names(rows.ids, "the body", names, "the header X-Amzn-SageMaker-Inference-Id")
    return names


def _answer(
    asked: Asked, served: Served, rows: Rows, variant: str, at: int, ids: Sequence[str] | None
) -> Answer:
    return Answer(
        uid=asked.uid,
        endpoint_id=asked.live.endpoint.id,
        version=served.number,
        variant=variant,
        at=at,
        threshold=served.threshold,
        probability=served.probability(rows),
        ids=ids,
        bins=served.bins(rows),
    )
