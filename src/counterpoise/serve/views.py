"""Endpoints as plain values, for HTTP and for the command line."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from counterpoise.bundle import Model
from counterpoise.serve import deployments
from counterpoise.serve.clock import as_datetime
from counterpoise.serve.deployments import Endpoint, Event, Version
from counterpoise.serve.forms import EndpointForm, EndpointWhole, Happened, Part

__all__ = ["IN_SERVICE", "STORED", "UPDATING", "summary", "whole"]

IN_SERVICE, UPDATING, STORED = "in service", "updating", "stored"
"""Whether a server answers so: yes, soon, or nobody has asked one."""


def summary(endpoint: Endpoint, versions: Sequence[Version], *, status: str = STORED) -> EndpointForm:
    """Say who answers.

    Parameters
    ----------
    endpoint : Endpoint
        As the store has it.
    versions : sequence of Version
        All of its versions.
    status : {"in service", "updating", "stored"}, default="stored"
        Whether a server answers so already.

    Returns
    -------
    EndpointForm
        Plain values.
    """
    parts = {version.number: _part(version) for version in versions}
    champion = parts[endpoint.deployment.champion]
    return EndpointForm(
        name=endpoint.name,
        status=status,
        model=champion.model,
        version=champion.version,
        champion=champion,
        challenger=parts.get(endpoint.deployment.challenger or 0),
        share=endpoint.deployment.share,
        created_at=as_datetime(endpoint.created_at),
    )


def _part(version: Version) -> Part:
    return Part(
        version=version.number,
        model=version.source,
        model_version=version.model_version,
        threshold=version.threshold,
        goal=version.goal,
        base_rate=version.base_rate,
        moves=[dict(move) for move in version.moves],
        created_at=as_datetime(version.at),
    )


def whole(
    connection: Connection, endpoint: Endpoint, champion: Model, *, status: str = STORED
) -> EndpointWhole:
    """Say who answers, what is taken, and all that was changed.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint : Endpoint
        Which.
    champion : Model
        The model that answers.
    status : {"in service", "updating", "stored"}, default="stored"
        Whether a server answers so already.

    Returns
    -------
    EndpointWhole
        Plain values.
    """
    versions = deployments.versions(connection, endpoint.id)
    taken = [
        feature.model_dump(exclude={"histogram", "dtype"}, exclude_none=True)
        for feature in champion.schema.features
    ]
    return EndpointWhole(
        **dict(summary(endpoint, versions, status=status)),
        features=taken,
        labels=champion.classes_.tolist(),
        versions=[_part(version) for version in versions],
        events=[_happened(event) for event in deployments.events(connection, endpoint.id)],
    )


def _happened(event: Event) -> Happened:
    before, after = (None if chosen is None else vars(chosen) for chosen in (event.before, event.after))
    return Happened(
        at=as_datetime(event.at),
        kind=event.kind,
        actor=event.actor,
        before=before,
        after=after,
        note=event.note,
    )
