"""``counterpoise simulate``: tables anyone can make."""

from __future__ import annotations

import sys
from pathlib import Path
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
        seed: o.Seed = 0,
    ) -> None:
        """Make a table with a rare outcome: card payments, card defaults, or Gaussian blobs."""
        from counterpoise.datasets import simulate

        frame = simulate(kind, Path(out), n_rows=rows, random_state=seed)
        sys.stdout.write(f"{frame.height} rows x {frame.width} columns written to {out}\n")
