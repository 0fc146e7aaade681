"""Who may do what: bearer tokens of 256 random bits, kept as their SHA-256.

A slow password hash would add nothing: there is no dictionary of such tokens to try. Scopes: ``read`` sees endpoints,
figures and labels; ``score`` asks for predictions and brings labels; ``admin`` may do all, and change endpoints.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from counterpoise.errors import OptionError, nearest_names
from counterpoise.serve import tables as t
from counterpoise.serve.clock import now

__all__ = ["SCOPES", "Token", "holder", "is_any", "make", "revoke", "tokens"]

SCOPES = ("read", "score", "admin")
"""What a token can be good for."""

PREFIX = "cp_"
"""Lets scanners of leaked secrets recognise one."""


@dataclass(frozen=True)
class Token:
    """What is known of a token; not the token.

    Attributes
    ----------
    name : str
        Who holds it.
    scopes : frozenset of str
        What it is good for.
    at : int
        When it was made, microseconds since 1970.
    expires_at, revoked_at : int or None
        When it ends, and when it was taken back.
    """

    name: str
    scopes: frozenset[str]
    at: int
    expires_at: int | None = None
    revoked_at: int | None = None

    def may(self, scope: str) -> bool:
        """Say whether it is good for something now.

        Parameters
        ----------
        scope : {"read", "score", "admin"}
            What is asked for.

        Returns
        -------
        bool
            True if it holds the scope (or admin), and has neither ended nor been taken back.
        """
        ended = self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now())
        return not ended and bool(self.scopes & {scope, "admin"})


def make(connection: Connection, name: str, scopes: Collection[str], *, expires_at: int | None = None) -> str:
    """Make a token.

    Parameters
    ----------
    connection : Connection
        To write with.
    name : str
        Who will hold it.
    scopes : collection of {"read", "score", "admin"}
        What it is good for.
    expires_at : int, optional
        When it ends, microseconds since 1970.

    Returns
    -------
    str
        The token: it is shown once, and only its hash is kept.

    Raises
    ------
    OptionError
        If a scope is unknown, or the name is taken or unusable.
    """
    for scope in scopes or [""]:
        if scope not in SCOPES:
            raise OptionError(
                f"The scope {scope!r} was given.",
                expected=f"Expected one or more of {', '.join(SCOPES)}.",
                why="A token is good for what it names, and for nothing else.",
                hint=nearest_names(scope, list(SCOPES), 1),
            )
    if (
        not 0 < len(name) <= 120
        or not name.isprintable()
        or any(each.name == name for each in tokens(connection))
    ):
        raise OptionError(
            f"The name {name[:120]!r} was given.",
            expected="Expected a new name of 1 to 120 letters.",
            why="Logs and events name who did what.",
        )
    token = PREFIX + secrets.token_urlsafe(32)
    facts = {"name": name, "scopes": ",".join(sorted(set(scopes))), "at": now(), "expires_at": expires_at}
    connection.execute(insert(t.tokens).values(sha256=_hash(token), **facts))
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def tokens(connection: Connection) -> list[Token]:
    """Give what is known of all tokens.

    Parameters
    ----------
    connection : Connection
        To read with.

    Returns
    -------
    list of Token
        Oldest first.
    """
    c = t.tokens.c
    found = select(c.name, c.scopes, c.at, c.expires_at, c.revoked_at).order_by(c.id)
    return [_token(*row) for row in connection.execute(found)]


def _token(name: str, scopes: str, at: int, expires_at: int | None, revoked_at: int | None) -> Token:
    return Token(name, frozenset(scopes.split(",")), at, expires_at, revoked_at)


def holder(connection: Connection, token: str) -> Token | None:
    """Find whose token it is.

    Parameters
    ----------
    connection : Connection
        To read with.
    token : str
        As the client sent it.

    Returns
    -------
    Token or None
        None where no such token was made. It may have ended: ask `Token.may`.
    """
    c = t.tokens.c
    found = select(c.name, c.scopes, c.at, c.expires_at, c.revoked_at).where(c.sha256 == _hash(token))
    row = connection.execute(found).first()
    return None if row is None else _token(*row)


def is_any(connection: Connection, scope: str) -> bool:
    """Say whether any token is good for something now.

    Parameters
    ----------
    connection : Connection
        To read with.
    scope : {"read", "score", "admin"}
        What.

    Returns
    -------
    bool
        True if one is.
    """
    return any(token.may(scope) for token in tokens(connection))


def revoke(connection: Connection, name: str) -> None:
    """Take a token back; its name stays taken, so that logs stay clear.

    Parameters
    ----------
    connection : Connection
        To write with.
    name : str
        Who holds it.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    c = t.tokens.c
    known = connection.scalar(select(func.count()).select_from(t.tokens).where(c.name == name))
    if not known:
        names = [token.name for token in tokens(connection)]
        raise OptionError(
            f"There is no token {name!r}.",
            expected=f"There are {', '.join(map(repr, names)) or 'none'}.",
            hint=nearest_names(name, names, 1),
        )
    connection.execute(
        update(t.tokens).where(c.name == name, c.revoked_at.is_(None)).values(revoked_at=now())
    )
