"""``counterpoise simulate``: tables anyone can make."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from counterpoise.cli import options as o

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """

    @app.command("simulate")
    def _simulate(
        kind: Annotated[str, typer.Argument(metavar="cards|defaults|blobs", help="What to make.")],
        out: o.Out,
        rows: Annotated[int | None, typer.Option("--rows", min=1, help="About how many rows.")] = None,
        days: Annotated[int, typer.Option("--days", min=1, help="Days of the record of payments.")] = 120,
        scenario: Annotated[
            bool, typer.Option("--scenario", help="Also write each fraud's scenario, which leaks.")
        ] = False,
        wide: Annotated[bool, typer.Option("--wide", help="Thirty columns of payments, not twenty.")] = False,
        seed: o.Seed = 0,
    ) -> None:
        """Make a table with a rare outcome: card payments, card defaults, or Gaussian blobs."""
        from counterpoise.cli.progress import rows_bar
        from counterpoise.datasets import simulate
        from counterpoise.scale import Step

        with rows_bar(f"making {kind}") as tell:
            written = simulate(
                kind,
                out,
                rows=rows,
                days=days,
                scenario=scenario,
                wide=wide,
                random_state=seed,
                on_rows=lambda done, total: tell(Step(done, total)),
            )
        sys.stdout.write(f"written to {written}\n")
