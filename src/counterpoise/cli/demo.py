"""``make demo``: the main job on payments that it makes itself, so that it runs without any file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from counterpoise.cli import options as o
from counterpoise.cli.main import guarded

__all__ = ["main"]

_PAYMENTS = 120_000
_GOAL = "alerts<=20/day"


def _demo(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Gets the table, the report and the model.")
    ] = Path("out/demo"),
    rows: Annotated[int, typer.Option("--rows", min=2000, help="Payments to make.")] = _PAYMENTS,
    budget: Annotated[str, typer.Option("--budget", help="Time for the comparison.")] = "2m",
    seed: o.Seed = 0,
) -> None:
    """Make card payments with fraud, compare treatments, score the last week, and say what was found."""
    import polars as pl

    from counterpoise.cli import compare, predict
    from counterpoise.datasets import card_payments
    from counterpoise.table import read

    out.mkdir(parents=True, exist_ok=True)
    payments = card_payments(rows, random_state=seed)
    last_week = pl.col("at") >= payments["at"].max() - pl.duration(days=7)
    past, coming = payments.filter(~last_week), payments.filter(last_week)
    past.write_parquet(out / "past.parquet")
    coming.drop("is_fraud").write_parquet(out / "coming.parquet")
    sys.stdout.write(
        f"{past.height} card payments made, {past['is_fraud'].sum()} of them fraud, "
        f"and {coming.height} of the week after.\n\n"
    )
    table = read(out / "past.parquet", target="is_fraud", positive=1, time="at", group="card", id="tx_id")
    trial = compare.action(
        table, out, goal=_GOAL, budget=budget, seed=seed, command=f"counterpoise demo --seed {seed}"
    )
    sys.stdout.write(compare.summary(trial, out) + "\n\n")
    scored = out / "coming.scored.parquet"
    predict.action(out / "model", [str(out / "coming.parquet")], scored)
    sys.stdout.write(_next_week(pl.read_parquet(scored), coming, scored))


def _next_week(scored: object, coming: object, path: Path) -> str:
    import polars as pl

    assert isinstance(scored, pl.DataFrame)  # narrows the lazily imported types
    assert isinstance(coming, pl.DataFrame)
    alerts = coming.select("tx_id", "is_fraud").join(scored, on="tx_id").filter(pl.col("label") == 1)
    n_fraud, caught = int(coming["is_fraud"].sum()), int(alerts["is_fraud"].sum())
    return (
        f"The week after, which no model saw: {alerts.height} alerts, {caught} of them right; "
        f"{n_fraud - caught} of {n_fraud} frauds missed.\nScores: {path}\n"
    )


def main() -> None:
    """Run the demonstration and exit."""
    guarded(lambda: typer.run(_demo))


if __name__ == "__main__":
    main()
