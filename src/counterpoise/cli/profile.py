"""``counterpoise profile``: what the imbalance looks like, before anything is trained."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import typer

from counterpoise.cli import options as o

if TYPE_CHECKING:
    from counterpoise.table import Table

__all__ = ["action", "register"]


def action(table: Table, *, as_json: bool = False) -> str:
    """Profile a table for the terminal.

    Parameters
    ----------
    table : Table
        What to look at.
    as_json : bool, default=False
        Give JSON instead of text.

    Returns
    -------
    str
        What to print.
    """
    from counterpoise.profile import profile

    found = profile(table)
    return json.dumps(found.to_dict(), indent=1) if as_json else str(found)


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("profile")
    def _profile(
        table: o.TableArgument,
        target: o.Target,
        positive: o.Positive = None,
        time: o.Time = None,
        group: o.Group = None,
        weight: o.Weight = None,
        amount: o.Amount = None,
        id: o.Id = None,  # noqa: A002 - the option's name
        drop: o.Drop = None,
        rows: o.Rows = None,
        thin: o.Thin = None,
        stratify: o.Stratify = None,
        as_json: o.Json = False,
    ) -> None:
        """Say what the imbalance of a table looks like, with advice and its sources."""
        read = o.read_table(
            table,
            target,
            positive,
            drop,
            rows=rows,
            thin=thin,
            stratify=stratify,
            time=time,
            group=group,
            weight=weight,
            amount=amount,
            id=id,
        )
        sys.stdout.write(action(read, as_json=as_json).rstrip() + "\n")
