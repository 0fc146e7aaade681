"""Endpoints, their versions and every change of them, as the store keeps them.

A change never overwrites: it adds a version or names another one, and an event says who answered before and after.
That is why each can be taken back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from counterpoise.serve import tables as t
from counterpoise.serve.clock import now
from counterpoise.serve.refusals import Refused

__all__ = [
    "Deployment",
    "Endpoint",
    "Event",
    "Version",
    "add_version",
    "bundle",
    "create",
    "endpoint",
    "endpoints",
    "events",
    "keep_bundle",
    "mark",
    "remove",
    "roll_back",
    "set_deployment",
    "version",
    "versions",
]

NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")
"""What SageMaker takes as the name of an endpoint."""


@dataclass(frozen=True)
class Deployment:
    """Who answers.

    Attributes
    ----------
    champion : int
        Number of the version that answers.
    challenger : int or None
        Number of a version that answers a share of the requests, or is asked in shadow.
    share : float
        Share of the requests, 0 to 1, that the challenger answers; 0: it is asked, and its answer only kept.
    """

    champion: int
    challenger: int | None = None
    share: float = 0.0


@dataclass(frozen=True)
class Endpoint:
    """A name under which versions answer.

    Attributes
    ----------
    id : int
        Key in the store.
    name : str
        As in the address.
    created_at : int
        Microseconds since 1970.
    deployment : Deployment
        Who answers.
    """

    id: int
    name: str
    created_at: int
    deployment: Deployment


@dataclass(frozen=True)
class Version:
    """A bundle and the moves of its line since it was trained.

    Attributes
    ----------
    endpoint_id : int
        The endpoint.
    number : int
        From 1, in the order in which they were added.
    bundle : str
        Checksum of the bundle.
    source : str
        Where it came from.
    moves : tuple of mapping
        What was done to it: ``{"line": 0.2}``, ``{"base_rate": 0.01}`` or ``{"costs": {"fn": 100, "fp": 1}}``.
    model_version : str
        As the model calls itself.
    threshold, base_rate : float or None
        What the moves come to.
    goal : str
        What the line was drawn for.
    at : int
        Microseconds since 1970.
    """

    endpoint_id: int
    number: int
    bundle: str
    source: str
    moves: tuple[Mapping[str, Any], ...]
    model_version: str
    threshold: float | None
    goal: str
    base_rate: float | None
    at: int


@dataclass(frozen=True)
class Event:
    """A change of an endpoint.

    Attributes
    ----------
    id : int
        Key in the store.
    at : int
        Microseconds since 1970.
    kind : str
        create, update, line, base_rate, costs, challenger, promote, roll_back or delete.
    actor : str
        Name of the token that did it, or ``local``.
    before, after : Deployment or None
        Who answered; None before it was created.
    note : str
        What the caller said about it.
    """

    id: int
    at: int
    kind: str
    actor: str
    before: Deployment | None
    after: Deployment | None
    note: str


# --- bundles --------------------------------------------------------------------------------------------------


def keep_bundle(connection: Connection, sha256: str, content: bytes) -> None:
    """Keep a bundle; the same bundle is kept once.

    Parameters
    ----------
    connection : Connection
        To write with.
    sha256 : str
        Its identity.
    content : bytes
        The bundle as a zip file.
    """
    known = connection.scalar(select(t.bundles.c.at).where(t.bundles.c.sha256 == sha256))
    if known is None:
        connection.execute(insert(t.bundles).values(sha256=sha256, content=content, at=now()))


def bundle(connection: Connection, sha256: str) -> bytes:
    """Give a bundle that was kept.

    Parameters
    ----------
    connection : Connection
        To read with.
    sha256 : str
        Its checksum.

    Returns
    -------
    bytes
        A zip file.

    Raises
    ------
    Refused
        404, if there is none.
    """
    content = connection.scalar(select(t.bundles.c.content).where(t.bundles.c.sha256 == sha256))
    if content is None:
        raise Refused(
            f"There is no bundle {sha256[:80]!r} in the store.",
            status=404,
            field="bundle",
            expected="Expected the checksum that POST /bundles gave.",
        )
    return bytes(content)


# --- endpoints ------------------------------------------------------------------------------------------------


def endpoints(connection: Connection) -> list[Endpoint]:
    """Give all endpoints that live, by name.

    Parameters
    ----------
    connection : Connection
        To read with.

    Returns
    -------
    list of Endpoint
        Sorted by name.
    """
    rows = connection.execute(
        select(t.endpoints).where(t.endpoints.c.deleted_at.is_(None)).order_by(t.endpoints.c.name)
    )
    return [_endpoint(row) for row in rows]


def endpoint(connection: Connection, name: str, *, to_change: bool = False) -> Endpoint:
    """Give an endpoint.

    Parameters
    ----------
    connection : Connection
        To read with.
    name : str
        Its name.
    to_change : bool, default=False
        Keep others from changing it until the transaction ends.

    Returns
    -------
    Endpoint
        As it is now.

    Raises
    ------
    Refused
        404, if there is none of that name.
    """
    found = select(t.endpoints).where(t.endpoints.c.name == name, t.endpoints.c.deleted_at.is_(None))
    row = connection.execute(found.with_for_update() if to_change else found).first()
    if row is None:
        raise unknown_endpoint(name, [each.name for each in endpoints(connection)])
    return _endpoint(row)


def unknown_endpoint(name: str, names: Sequence[str]) -> Refused:
    """Say that there is no endpoint of a name.

    Parameters
    ----------
    name : str
        The name.
    names : sequence of str
        The endpoints there are.

    Returns
    -------
    Refused
        404.
    """
    from counterpoise.errors import nearest_names

    there = f"There are {', '.join(map(repr, names[:10]))}." if names else "There is none yet."
    return Refused(
        f"There is no endpoint {name[:80]!r}.",
        status=404,
        expected=there,
        hint=nearest_names(name[:80], list(names)) or "counterpoise endpoint list",
    )


def _endpoint(row: Row[Any]) -> Endpoint:
    deployment = Deployment(row.champion, row.challenger, row.share)
    return Endpoint(row.id, row.name, row.created_at, deployment)


def create(connection: Connection, name: str) -> Endpoint:
    """Make a name for versions; it answers once `set_deployment` names one.

    Parameters
    ----------
    connection : Connection
        To write with.
    name : str
        Letters, digits and hyphens.

    Returns
    -------
    Endpoint
        Without a version yet.

    Raises
    ------
    Refused
        400, if the name cannot be one; 409, if it is taken.
    """
    check_name(name)
    if any(each.name == name for each in endpoints(connection)):
        raise Refused(
            f"There is an endpoint {name!r} already.",
            status=409,
            field="name",
            expected="Expected a new name.",
            why="Its clients would be answered by another model without a word.",
            hint="Update it, or delete it first.",
        )
    at, nobody = now(), Deployment(0)
    row = insert(t.endpoints).values(name=name, created_at=at, **asdict(nobody))
    key = connection.scalar(row.returning(t.endpoints.c.id))
    return Endpoint(int(key or 0), name, at, nobody)


def check_name(name: str) -> None:
    """Refuse a name that cannot stand in an address.

    Parameters
    ----------
    name : str
        The name.

    Raises
    ------
    Refused
        400.
    """
    if not NAME.fullmatch(name):
        raise Refused(
            f"The name {name[:80]!r} was given.",
            field="name",
            expected="Expected 1 to 63 letters, digits and hyphens, no hyphen first or last.",
            why="It is part of the address, and SageMaker's clients take no other.",
            hint="For example 'card-fraud'.",
        )


def remove(connection: Connection, found: Endpoint, actor: str, *, with_records: bool = False) -> None:
    """Delete an endpoint; what it answered stays until the retention ends, unless it is to go, too.

    Parameters
    ----------
    connection : Connection
        To write with.
    found : Endpoint
        Which.
    actor : str
        Who does it.
    with_records : bool, default=False
        Remove its predictions, labels, versions and events as well.
    """
    if with_records:
        connection.execute(t.endpoints.delete().where(t.endpoints.c.id == found.id))
        return
    connection.execute(update(t.endpoints).where(t.endpoints.c.id == found.id).values(deleted_at=now()))
    _log(connection, found, "delete", actor, None, "")


# --- versions -------------------------------------------------------------------------------------------------


def add_version(connection: Connection, new: Version) -> Version:
    """Add a version under the next number.

    Parameters
    ----------
    connection : Connection
        To write with.
    new : Version
        Its `number` and `at` are set here.

    Returns
    -------
    Version
        With its number.
    """
    last = select(func.max(t.versions.c.number)).where(t.versions.c.endpoint_id == new.endpoint_id)
    facts = asdict(new) | {"number": (connection.scalar(last) or 0) + 1, "at": now()}
    connection.execute(insert(t.versions).values(facts | {"moves": json.dumps(list(new.moves))}))
    return Version(**facts)


def versions(connection: Connection, endpoint_id: int) -> list[Version]:
    """Give all versions of an endpoint, oldest first.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.

    Returns
    -------
    list of Version
        By number.
    """
    found = select(t.versions).where(t.versions.c.endpoint_id == endpoint_id).order_by(t.versions.c.number)
    return [_version(row) for row in connection.execute(found)]


def version(connection: Connection, endpoint_id: int, number: int) -> Version:
    """Give a version of an endpoint.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.
    number : int
        The version's number.

    Returns
    -------
    Version
        As it was added.

    Raises
    ------
    Refused
        404, if there is none of that number.
    """
    c = t.versions.c
    row = connection.execute(
        select(t.versions).where(c.endpoint_id == endpoint_id, c.number == number)
    ).first()
    if row is None:
        numbers = [each.number for each in versions(connection, endpoint_id)]
        raise Refused(
            f"There is no version {number}.",
            status=404,
            field="version",
            expected=f"There are {numbers[0]} to {numbers[-1]}." if numbers else "There is none.",
        )
    return _version(row)


def _version(row: Row[Any]) -> Version:
    facts = {key: value for key, value in row._mapping.items() if key != "id"}
    return Version(**facts | {"moves": tuple(json.loads(facts["moves"]))})


# --- who answers, and every change of it ----------------------------------------------------------------------


def set_deployment(
    connection: Connection, found: Endpoint, after: Deployment, *, kind: str, actor: str, note: str = ""
) -> Endpoint:
    """Say who answers from now on, and write down who did before.

    Parameters
    ----------
    connection : Connection
        To write with.
    found : Endpoint
        Which.
    after : Deployment
        Who is to answer.
    kind : str
        What kind of change it is.
    actor : str
        Who does it.
    note : str, default=""
        Why.

    Returns
    -------
    Endpoint
        As it is now.
    """
    connection.execute(update(t.endpoints).where(t.endpoints.c.id == found.id).values(**asdict(after)))
    _log(connection, found, kind, actor, after, note)
    return Endpoint(found.id, found.name, found.created_at, after)


def _log(
    connection: Connection, found: Endpoint, kind: str, actor: str, after: Deployment | None, note: str
) -> None:
    before = found.deployment if found.deployment.champion else None
    row = {
        "endpoint_id": found.id,
        "at": now(),
        "kind": kind,
        "actor": actor,
        "before": _json(before),
        "after": _json(after),
        "note": note,
    }
    connection.execute(insert(t.events).values(**row))


def _json(deployment: Deployment | None) -> str:
    return json.dumps(None if deployment is None else asdict(deployment))


def _deployment(text: str) -> Deployment | None:
    facts = json.loads(text)
    return None if facts is None else Deployment(**facts)


def events(connection: Connection, endpoint_id: int) -> list[Event]:
    """Give all changes of an endpoint, oldest first.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.

    Returns
    -------
    list of Event
        In the order in which they were made.
    """
    found = select(t.events).where(t.events.c.endpoint_id == endpoint_id).order_by(t.events.c.id)
    return [
        Event(row.id, row.at, row.kind, row.actor, _deployment(row.before), _deployment(row.after), row.note)
        for row in connection.execute(found)
    ]


def mark(connection: Connection) -> tuple[int, int]:
    """Give a mark that differs after any change of any endpoint: another process may have made it.

    Parameters
    ----------
    connection : Connection
        To read with.

    Returns
    -------
    tuple of int
        Key of the last event, and how many endpoints live.
    """
    last = connection.scalar(select(func.max(t.events.c.id)))
    live = connection.scalar(
        select(func.count()).select_from(t.endpoints).where(t.endpoints.c.deleted_at.is_(None))
    )
    return int(last or 0), int(live or 0)


def roll_back(connection: Connection, found: Endpoint, actor: str, note: str = "") -> Endpoint:
    """Take back the last change that was not taken back yet; again: the one before it.

    Parameters
    ----------
    connection : Connection
        To write with.
    found : Endpoint
        Which.
    actor : str
        Who does it.
    note : str, default=""
        Why.

    Returns
    -------
    Endpoint
        As it was before that change.

    Raises
    ------
    Refused
        409, if nothing is left to take back.
    """
    standing: list[Event] = []
    for each in events(connection, found.id):
        if each.kind == "roll_back":
            standing.pop()
        else:
            standing.append(each)
    before = standing[-1].before if standing else None
    if before is None:
        raise Refused(
            f"Endpoint {found.name!r} was to be rolled back.",
            status=409,
            expected="Expected a change since it was created.",
            why="There is nothing before its first version.",
            hint="Update it with another model, or delete it.",
        )
    note = note or f"takes back: {standing[-1].kind}"
    return set_deployment(connection, found, before, kind="roll_back", actor=actor, note=note)
