"""Who comes in: tokens, scopes, addresses, pace."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping

from counterpoise.serve import tokens
from counterpoise.serve.limits import Meter, Rate
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store
from counterpoise.serve.tokens import Token

__all__ = ["LOCAL", "Gate", "is_loopback"]

LOCAL = "local"
"""Who comes without a token, from the same machine."""

SECONDS_KNOWN = 2.0
"""How long a token that was looked up is believed: a token that was taken back is good for so long at most."""

MOST_KNOWN = 1000


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from the same machine only.

    Parameters
    ----------
    host : str
        A name or an address, perhaps in brackets.

    Returns
    -------
    bool
        True for localhost, 127.x.x.x and ::1.
    """
    name = host.strip("[]").rstrip(".").lower()
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Gate:
    """Lets requests in, or says why not.

    Parameters
    ----------
    store : Store
        Where tokens are kept.
    needs_token : bool
        Whether everything needs a token; otherwise requests to a loopback name need none, except to change endpoints
        once there is an admin's token.
    rate : Rate or None
        Of one client.
    """

    def __init__(self, store: Store, *, needs_token: bool, rate: Rate | None = None) -> None:
        self._store, self._needs_token, self._meter = store, needs_token, Meter(rate)
        self._known: dict[str, tuple[Token | None, float]] = {}

    def enter(self, headers: Mapping[str, str], client: str, scope: str) -> str:
        """Let a request in.

        Parameters
        ----------
        headers : mapping
            Of the request, by lower-case name.
        client : str
            Its address.
        scope : {"read", "score", "admin"}
            What it asks for.

        Returns
        -------
        str
            Who it is: the name of the token, or ``local``.

        Raises
        ------
        Refused
            401 without a token that is good, 403 with one that is not good for this, 429 if the client has to wait.
        """
        kind, _, given = headers.get("authorization", "").partition(" ")
        is_signed_by_aws = kind.startswith("AWS4-")  # boto3 signs with whatever keys it has; that is no token
        if kind and not is_signed_by_aws:
            name = self._named(kind, given.strip(), scope)
        else:
            name = self._unnamed(headers.get("host", ""), scope)
        self._meter.count(name if name != LOCAL else client)
        return name

    def _named(self, kind: str, given: str, scope: str) -> str:
        token = self._holder(given) if kind.lower() == "bearer" else None
        if token is None or not (token.may("read") or token.may("score")):
            raise _unauthorised("The token is unknown, has ended or was taken back.")
        if not token.may(scope):
            raise Refused(
                f"The token {token.name!r} is good for {', '.join(sorted(token.scopes))}.",
                status=403,
                expected=f"Expected one that is good for {scope}.",
            )
        return token.name

    def _unnamed(self, host: str, scope: str) -> str:
        if self._needs_token:
            raise _unauthorised("No token was sent.")
        if not is_loopback(host.rsplit(":", 1)[0] if not host.endswith("]") else host):
            raise Refused(
                f"The request names the host {host[:80]!r}.",
                status=403,
                field="Host",
                expected="Expected localhost or 127.0.0.1 without a token.",
                why="A page of another site could otherwise ask in the name of this machine's user.",
                hint="Send a token, or call the server by a loopback name.",
            )
        if scope == "admin" and self._has_admin():
            raise _unauthorised("No token was sent, and there is an admin's.")
        return LOCAL

    def _holder(self, given: str) -> Token | None:
        found, until = self._known.get(given, (None, 0.0))
        if until < time.monotonic():
            with self._store.reading() as connection:
                found = tokens.holder(connection, given)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            if found is not None:
                self._known[given] = (found, time.monotonic() + SECONDS_KNOWN)
        return found

    def _has_admin(self) -> bool:
        with self._store.reading() as connection:
            return tokens.is_any(connection, "admin")


def _unauthorised(given: str) -> Refused:
    return Refused(
        given,
        status=401,
        field="Authorization",
        expected="Expected the header: Authorization: Bearer TOKEN.",
        hint="counterpoise endpoint token create NAME --scope score",
    )
