"""Running the application: an address, a store, and a stop that leaves nobody without an answer."""

from __future__ import annotations

import ctypes
import gc
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn

from counterpoise.errors import OptionError
from counterpoise.serve import changes, deployments, tokens
from counterpoise.serve.app import create_app
from counterpoise.serve.changes import Change
from counterpoise.serve.desk import Settings
from counterpoise.serve.gate import LOCAL, is_loopback
from counterpoise.serve.log import say, to_standard_error
from counterpoise.serve.models import packed_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.store import Store

__all__ = ["bring", "endpoint_name", "listening", "refuse_open", "run"]

SECONDS_TO_STOP = 25
"""How long a stop waits for requests under way: SageMaker kills after 30."""

SWITCH_SECONDS = 0.0005
"""How long one thread may keep another waiting for the interpreter."""

GARBAGE_OBJECTS = 50_000
"""New objects between two searches for garbage: a batch makes so many, and what is loaded is never searched again."""

BACKLOG = 2048
"""Clients that may wait to be let in."""

MALLOPT = {-1: 2**28, -3: 2**25}
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD (at most 32 MiB) of glibc, in bytes."""


def listening(host: str, port: int) -> socket.socket:
    """Take an address, before anything in a store is changed for the sake of a server there.

    Parameters
    ----------
    host : str
        The address.
    port : int
        The port; 0: one that is free.

    Returns
    -------
    socket
        Bound; nobody else can listen there.

    Raises
    ------
    OptionError
        If it cannot be had.
    """
    bare = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind)
        if sys.platform != "win32":
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
            taken.listen(BACKLOG)  # bound alone, another that does the same could have it too
        except OSError:
            taken.close()
            raise
    except OSError as error:
        raise OptionError(
            f"The address {host!r}, port {port}, was given: {(error.strerror or str(error)).lower()}.",
            expected="Expected an address of this machine, and a port that nobody listens at.",
            why="The server could not be reached there.",
            hint="Choose another --port, or stop the server that listens there.",
        ) from error
    return taken


def run(
    store: Store, settings: Settings, *, host: str, port: int, taken: socket.socket | None = None
) -> None:
    """Serve until told to stop.

    Parameters
    ----------
    store : Store
        Where everything is kept.
    settings : Settings
        How the server behaves; an address that others can reach always needs tokens.
    host : str
        The address.
    port : int
        The port.
    taken : socket, optional
        What `listening` gave for this address; by default it is taken here.

    Raises
    ------
    OptionError
        If others can reach the address and there is no token, or the address cannot be had.
    """
    if not is_loopback(host):
        refuse_open(store, host)
        settings = replace(settings, needs_token=True)
    taken = taken or listening(host, port)
    to_standard_error()
    _keep_room()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GARBAGE_OBJECTS)
    gc.freeze()
    say("serving", host=host, port=taken.getsockname()[1], store=store.name, tokens=settings.needs_token)
    config = uvicorn.Config(
        create_app(store, settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_STOP,
    )
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # uvicorn hands the signal back once all are answered
    try:
        uvicorn.Server(config).run(sockets=[taken])
    finally:
        taken.close()
        store.close()
        say("stopped")


def _keep_room() -> None:
    """Have glibc keep the room of large buffers for the next request, where it would give it back after each.

    Otherwise every batch asks the system for several MB anew, a page at a time. See ``man 3 mallopt``.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for what, value in MALLOPT.items():
            mallopt(what, value)


def refuse_open(store: Store, host: str) -> None:
    """Refuse an address that others can reach while there is no token.

    Parameters
    ----------
    store : Store
        Where tokens are kept.
    host : str
        The address.

    Raises
    ------
    OptionError
        With what to do.
    """
    if is_loopback(host):
        return
    with store.reading() as connection:
        if any(tokens.is_any(connection, scope) for scope in tokens.SCOPES):
            return
    raise OptionError(
        f"The address {host!r} was given, and there is no token.",
        expected="Expected a token in the store, or a loopback address (127.0.0.1).",
        why="Anybody who reaches this address could ask, and change what is answered.",
        hint=f"counterpoise endpoint token create NAME --scope score --store {store.name}",
    )


def bring(store: Store, model: Path) -> str:
    """Make or update the endpoint that is named after a model's folder.

    Parameters
    ----------
    store : Store
        Where.
    model : Path
        A bundle.

    Returns
    -------
    str
        The endpoint's name.

    Raises
    ------
    ModelError
        If there is no bundle.
    Refused
        If the endpoint has another model that takes other columns.
    """
    name = endpoint_name(model)
    sha256, content = packed_bundle(model)
    changes.keep(store, sha256, content)
    with store.reading() as connection:
        found = next((each for each in deployments.endpoints(connection) if each.name == name), None)
        known = found and deployments.version(connection, found.id, found.deployment.champion).bundle
    if found is None:
        changes.create(store, name, sha256, source=str(model), actor=LOCAL)
    elif known != sha256:
        changes.update(store, name, Change(bundle=sha256, source=str(model)), actor=LOCAL)
    return name


def endpoint_name(model: Path) -> str:
    """Name an endpoint after a model's folder.

    Parameters
    ----------
    model : Path
        The folder or zip.

    Returns
    -------
    str
        Letters, digits and hyphens.

    Raises
    ------
    Refused
        If nothing of the name can be used.
    """
    stem = model.resolve().name.removesuffix(".zip").removesuffix(".model")
    name = "-".join(filter(None, "".join(c if c.isascii() and c.isalnum() else "-" for c in stem).split("-")))
    if not name:
        raise Refused(
            f"The model {str(model)!r} gives no name.", hint="counterpoise endpoint create NAME --model ..."
        )
    return name[:63]
