"""Every change of an endpoint: checked before it is written, logged, and able to be taken back.

The server and the command line make them by the same functions; a running server sees what the command line wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from counterpoise.bundle import Model
from counterpoise.errors import InputError
from counterpoise.serve import deployments as d
from counterpoise.serve.deployments import Deployment, Endpoint, Version
from counterpoise.serve.models import Move, moved, unpacked_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store

__all__ = ["Change", "create", "delete", "keep", "update"]


@dataclass(frozen=True)
class Change:
    """One change of an endpoint; exactly one of the first nine is set.

    Attributes
    ----------
    bundle : str, optional
        Checksum of a bundle in the store: a new version.
    version : int, optional
        A version that the endpoint had.
    line : float, optional
        Another line for the champion.
    base_rate : float, optional
        Another base rate for the champion.
    costs : mapping, optional
        Other costs of errors for the champion: ``fn``, ``fp``, and ``tp``, ``tn`` where they are not 0.
    share : float, optional
        Share of the requests for the challenger there is; 0: in shadow. Beside `bundle` or `version`: these become the
        challenger instead of the champion.
    promote : bool, default=False
        Let the challenger become the champion.
    drop_challenger : bool, default=False
        Let the champion answer alone.
    roll_back : bool, default=False
        Take back the last change that was not taken back yet.
    source : str, default=""
        Where the bundle came from.
    note : str, default=""
        Why, for the log.
    is_other_table : bool, default=False
        Let a model come in that takes other columns; other labels need another endpoint.
    """

    bundle: str | None = None
    version: int | None = None
    line: float | None = None
    base_rate: float | None = None
    costs: Mapping[str, float] | None = None
    share: float | None = None
    promote: bool = False
    drop_challenger: bool = False
    roll_back: bool = False
    source: str = ""
    note: str = ""
    is_other_table: bool = False

    @property
    def kind(self) -> str:
        """What is changed.

        Raises
        ------
        Refused
            If it is nothing, or more than one thing.
        """
        names = ("bundle", "version", "line", "base_rate", "costs", "promote", "drop_challenger", "roll_back")
        found = [
            name for name in names if getattr(self, name) is not None and getattr(self, name) is not False
        ]
        if not found and self.share is not None:
            return "share"
        if len(found) != 1 or (self.share is not None and found[0] not in ("bundle", "version")):
            given = ", ".join(found + (["share"] if self.share is not None else [])) or "nothing"
            raise Refused(
                f"{given} was to be changed.",
                expected=f"Expected one of {', '.join(names)}, share; share also beside bundle or version.",
                why="One change at a time can be taken back one at a time.",
            )
        return found[0]


def keep(store: Store, sha256: str, content: bytes) -> str:
    """Keep a bundle in the store.

    Parameters
    ----------
    store : Store
        Where.
    sha256 : str
        Its identity, as `packed_bundle` gives it.
    content : bytes
        A zip.

    Returns
    -------
    str
        The same checksum.
    """
    with store.writing() as connection:
        d.keep_bundle(connection, sha256, content)
    return sha256


def create(store: Store, name: str, sha256: str, *, source: str, actor: str, note: str = "") -> Endpoint:
    """Make an endpoint.

    Parameters
    ----------
    store : Store
        Where.
    name : str
        Its name.
    sha256 : str
        A bundle in the store.
    source : str
        Where the bundle came from.
    actor : str
        Who does it.
    note : str, default=""
        Why.

    Returns
    -------
    Endpoint
        It answers with version 1.

    Raises
    ------
    Refused
        400, if the name cannot be one; 404, if there is no such bundle; 409, if the name is taken.
    """
    d.check_name(name)
    with store.reading() as connection:
        content = d.bundle(connection, sha256)
    new = described(unpacked_bundle(content), sha256, source, ())
    with store.writing() as connection:
        found = d.create(connection, name)
        version = d.add_version(connection, replace(new, endpoint_id=found.id))
        after = Deployment(version.number)
        return d.set_deployment(connection, found, after, kind="create", actor=actor, note=note)


def update(store: Store, name: str, change: Change, *, actor: str) -> Endpoint:
    """Change an endpoint.

    Parameters
    ----------
    store : Store
        Where.
    name : str
        Which.
    change : Change
        What.
    actor : str
        Who does it.

    Returns
    -------
    Endpoint
        As it is now.

    Raises
    ------
    Refused
        400, naming the field, if a number is outside its range; 404 or 409, with the reason.
    NotApplicable
        If the model's line cannot be moved so.
    """
    kind = change.kind
    with store.reading() as connection:
        seen = d.endpoint(connection, name)
        new = None if kind == "roll_back" else _new_version(connection, seen, change, kind)
    with store.writing() as connection:
        found = d.endpoint(connection, name, to_change=True)
        if found != seen:
            raise _changed_meanwhile(name)
        if kind == "roll_back":
            return d.roll_back(connection, found, actor, change.note)
        number = None if new is None else d.add_version(connection, new).number
        after = _after(connection, found, change, kind, number)
        what = "challenger" if kind in ("bundle", "version") and change.share is not None else kind
        what = "update" if what == "bundle" else what
        return d.set_deployment(connection, found, after, kind=what, actor=actor, note=change.note)


def _changed_meanwhile(name: str) -> Refused:
    return Refused(
        f"Endpoint {name!r} was changed by somebody else at the same time.",
        status=409,
        expected="Expected one change at a time.",
        hint="Look at it again (counterpoise endpoint describe), then repeat the change.",
    )


def _after(
    connection: Connection, found: Endpoint, change: Change, kind: str, number: int | None
) -> Deployment:
    now = found.deployment
    if kind == "version":
        number = d.version(connection, found.id, change.version or 0).number
    if number is not None and kind in ("bundle", "version") and change.share is not None:
        return Deployment(now.champion, number, checked_share(change.share))
    if number is not None:
        return replace(now, champion=number)
    if now.challenger is None:
        raise Refused(
            f"Endpoint {found.name!r} has no challenger.",
            status=409,
            expected="Expected a challenger.",
            hint="Bring one: a bundle (or version) together with a share.",
        )
    if kind == "share":
        return replace(now, share=checked_share(change.share or 0.0))
    return Deployment(now.challenger if kind == "promote" else now.champion)


def checked_share(share: float) -> float:
    """Refuse what is no share.

    Parameters
    ----------
    share : float
        0 to 1.

    Returns
    -------
    float
        The share.

    Raises
    ------
    Refused
        400.
    """
    if not 0 <= share <= 1:
        raise Refused(f"share={share!r} was given.", field="share", expected="Expected 0 (in shadow) to 1.")
    return float(share)


def _new_version(connection: Connection, found: Endpoint, change: Change, kind: str) -> Version | None:
    """Load and check what is to answer; a model takes a while, so nothing is locked yet."""
    champion = d.version(connection, found.id, found.deployment.champion)
    if kind in ("line", "base_rate", "costs"):
        moves = (*champion.moves, {kind: getattr(change, kind)})
        try:
            model = moved(_bundled(connection, champion.bundle), moves)
        except InputError as error:
            raise Refused(
                f"{kind} was to be {getattr(change, kind)!r}: {error.given}",
                field=kind,
                expected=error.expected,
                why=error.why,
                hint=error.hint,
            ) from error
        return described(model, champion.bundle, champion.source, moves, found.id)
    if kind == "version":
        known = d.version(connection, found.id, change.version or 0)
        _refuse_other_table(_bundled(connection, champion.bundle), _bundled(connection, known.bundle), change)
    if change.bundle is None:
        return None
    if champion.bundle == change.bundle and not champion.moves and change.share is None:
        raise Refused(
            f"Endpoint {found.name!r} answers with this model already.",
            status=409,
            expected="Expected another model.",
            hint="To undo a move of its line, roll back.",
        )
    model = _bundled(connection, change.bundle)
    _refuse_other_table(_bundled(connection, champion.bundle), model, change)
    return described(model, change.bundle, change.source, (), found.id)


def model_of(connection: Connection, version: Version) -> Model:
    """Load the model of a version.

    Parameters
    ----------
    connection : Connection
        To read with.
    version : Version
        Which.

    Returns
    -------
    Model
        With its line where it was moved to.
    """
    return moved(_bundled(connection, version.bundle), version.moves)


def _bundled(connection: Connection, sha256: str) -> Model:
    return unpacked_bundle(d.bundle(connection, sha256))


def _refuse_other_table(old: Model, new: Model, change: Change) -> None:
    if old.classes_.tolist() != new.classes_.tolist():
        raise Refused(
            f"The new model knows the labels {', '.join(map(repr, new.classes_.tolist()))}.",
            status=409,
            field="model",
            expected=f"Expected those of the model that answers now: "
            f"{', '.join(map(repr, old.classes_.tolist()))}.",
            why="Labels that still come for earlier answers would be taken for others.",
            hint="Create another endpoint.",
        )
    same = [(f.name, f.kind) for f in old.schema.features] == [(f.name, f.kind) for f in new.schema.features]
    if same or change.is_other_table:
        return
    raise Refused(
        "The new model has other columns, or in another order.",
        status=409,
        field="model",
        expected="Expected the columns of the model that answers now.",
        why="Clients that send values without names would be answered wrongly without a word.",
        hint="Create another endpoint, or say is_other_table (--other-table).",
    )


def described(
    model: Model, sha256: str, source: str, moves: tuple[Move, ...], endpoint_id: int = 0
) -> Version:
    """Say of a model what the store keeps of a version.

    Parameters
    ----------
    model : Model
        With its line where it was moved to.
    sha256 : str
        Its bundle.
    source : str
        Where the bundle came from.
    moves : tuple of Move
        What was done to it.
    endpoint_id : int, default=0
        The endpoint, where there is one already.

    Returns
    -------
    Version
        Without its number.
    """
    is_binary = len(model.classes_) == 2
    return Version(
        endpoint_id=endpoint_id,
        number=0,
        bundle=sha256,
        source=source,
        moves=moves,
        model_version=model.version,
        threshold=model.threshold if is_binary else None,
        goal=str(model.operating_point.goal),
        base_rate=model.base_rate if is_binary and model.base_rate == model.base_rate else None,
        at=0,
    )


def delete(store: Store, name: str, *, actor: str, with_records: bool = False) -> None:
    """Delete an endpoint.

    Parameters
    ----------
    store : Store
        Where.
    name : str
        Which.
    actor : str
        Who does it.
    with_records : bool, default=False
        Remove what it answered, too.

    Raises
    ------
    Refused
        404, if there is none of that name.
    """
    with store.writing() as connection:
        found = d.endpoint(connection, name, to_change=True)
        d.remove(connection, found, actor, with_records=with_records)
