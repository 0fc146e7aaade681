"""``counterpoise serve``: answer over HTTP with saved models, and keep what was answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["action", "register"]

STORE = "sqlite:///counterpoise.db"
"""Where endpoints are kept, if nothing else is said; the same as `counterpoise.serve.DEFAULT_URL`."""


def action(
    model: Path | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    store: str = STORE,
    is_lenient: bool = False,
    rate: str | None = None,
    body_megabytes: int = 64,
    rows: int = 200_000,
    seconds: float = 60.0,
    retention_days: float | None = None,
    every: str = "1d",
    hook: str | None = None,
) -> None:
    """Serve until told to stop.

    Parameters
    ----------
    model : Path or None
        A bundle, for an endpoint named after it; None: the endpoints in the store only.
    host : str, default="127.0.0.1"
        The address; one that others can reach needs a token in the store.
    port : int, default=8080
        The port.
    store : str, default="sqlite:///counterpoise.db"
        Where endpoints, predictions and labels are kept.
    is_lenient : bool, default=False
        Ignore unknown columns, and let the model take unknown levels as missing.
    rate : str, optional
        Most requests of one client, such as ``100/s``.
    body_megabytes, rows : int
        Most of one request.
    seconds : float, default=60
        Until there is an answer.
    retention_days : float, optional
        Predictions and labels older than this are removed.
    every : str, default="1d"
        How long a window of the monitor is: ``1h``, ``7d``, or a number of rows.
    hook : str, optional
        An address that every alarm is posted to.

    Raises
    ------
    InputError
        If the model, the store or an option cannot be used.
    """
    from counterpoise.serve import (
        Limits,
        Rate,
        Settings,
        Store,
        WatchSettings,
        bring,
        listening,
        refuse_open,
        run,
    )

    limits = Limits(
        body_bytes=body_megabytes * 2**20,
        rows=rows,
        seconds=seconds,
        rate=None if rate is None else Rate.of(rate),
    )
    watch = WatchSettings(every=every, hook=hook)
    settings = Settings(is_lenient=is_lenient, limits=limits, retention_days=retention_days, watch=watch)
    with listening(host, port) as taken:  # first: a server that cannot run must not change who answers
        opened = Store(store)
        refuse_open(opened, host)
        if model is not None:
            bring(opened, model)
        run(opened, settings, host=host, port=port, taken=taken)


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("serve")
    def _serve(
        model: Annotated[
            Path | None,
            typer.Argument(metavar="MODEL", help="A model, for an endpoint named after its folder."),
        ] = None,
        host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="The port.")] = 8080,
        store: Annotated[str, typer.Option(metavar="URL", help="sqlite:///FILE or postgresql://...")] = STORE,
        lenient: Annotated[bool, typer.Option("--lenient", help="Take unknown columns and levels.")] = False,
        rate: Annotated[
            str | None, typer.Option(metavar="N/s", help="Most requests of one client: 100/s, 600/min.")
        ] = None,
        body_megabytes: Annotated[int, typer.Option(min=1, help="Most megabytes of one request.")] = 64,
        rows: Annotated[int, typer.Option(min=1, help="Most rows of one request.")] = 200_000,
        seconds: Annotated[float, typer.Option(min=0.1, help="Longest time until an answer.")] = 60.0,
        retention_days: Annotated[
            float | None, typer.Option(min=0.01, help="Remove predictions and labels older than this.")
        ] = None,
        every: Annotated[
            str, typer.Option(metavar="1d|ROWS", help="How long a window of the monitor is: 1h, 7d, 5000.")
        ] = "1d",
        hook: Annotated[
            str | None, typer.Option(metavar="URL", help="Post every alarm there, as JSON.")
        ] = None,
    ) -> None:
        """Answer over HTTP with saved models; SageMaker's and MLflow's clients work unchanged."""
        action(
            model,
            host=host,
            port=port,
            store=store,
            is_lenient=lenient,
            rate=rate,
            body_megabytes=body_megabytes,
            rows=rows,
            seconds=seconds,
            retention_days=retention_days,
            every=every,
            hook=hook,
        )
