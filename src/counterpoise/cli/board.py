"""The leaderboard as text that fits a terminal."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

__all__ = ["board"]

_NAME_WIDTH = 30


def board(leaderboard: pl.DataFrame) -> str:
    """Lay the candidates that were run out in 80 columns.

    Parameters
    ----------
    leaderboard : polars.DataFrame
        As `Trial.leaderboard` gives it.

    Returns
    -------
    str
        A header and a line a candidate; the champion has a star.
    """
    run = leaderboard.filter(pl.col("status") == "run")
    goal = str(leaderboard["goal"][0])
    header = (
        f"  {'candidate':<{_NAME_WIDTH}} {'goal':>6} {'interval':>15}  {'AP':>5}  {'AUC':>5} {'seconds':>7}"
    )
    rows = [_line(row) for row in run.iter_rows(named=True)]
    return "\n".join([f"Goal: {goal}", header, *rows])


def _line(row: dict[str, Any]) -> str:
    name = row["candidate"]
    name = name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "\N{HORIZONTAL ELLIPSIS}"
    star = "*" if row["is_champion"] else " "
    interval = f"{_say(row['lower'])} to {_say(row['upper'])}"
    seconds = row["fit_seconds"]
    return (
        f"{star} {name:<{_NAME_WIDTH}} {_say(row['value']):>6} {interval:>15}  "
        f"{_say(row['average_precision']):>5}  {_say(row['roc_auc']):>5} {seconds:>7.2f}"
    )


def _say(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
