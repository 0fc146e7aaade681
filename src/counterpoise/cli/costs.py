"""A cost matrix from a file: what each decision costs for each truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from counterpoise.errors import GoalError

if TYPE_CHECKING:
    from counterpoise.decide import CostMatrix

__all__ = ["read_costs"]


def read_costs(path: Path) -> CostMatrix:
    """Read a cost matrix.

    Parameters
    ----------
    path : Path
        A CSV file: a header with the decisions, a row for each truth that begins with its label.

    Returns
    -------
    CostMatrix
        With its classes.

    Raises
    ------
    GoalError
        If the file cannot be read as a square of numbers with the same labels on both sides.
    InputError
        If a wrong decision costs less than the right one.
    """
    import polars as pl

    from counterpoise.decide import CostMatrix

    try:
        frame = pl.read_csv(path, infer_schema=False)
        truths, decisions = frame[:, 0].to_list(), frame.columns[1:]
        if sorted(map(str, truths)) != sorted(decisions):
            raise _wrong(
                path, f"its rows are {', '.join(map(str, truths))}, its columns {', '.join(decisions)}"
            )
        costs = frame.select(pl.col(str(label)).str.strip_chars().cast(pl.Float64) for label in truths)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _wrong(path, str(error).splitlines()[0]) from error
    if costs.null_count().sum_horizontal().item():
        raise _wrong(path, "a cost is missing")
    return CostMatrix(costs.to_numpy(), truths)


def _wrong(path: Path, how: str) -> GoalError:
    return GoalError(
        f"The cost matrix {str(path)!r} cannot be used: {how}.",
        expected="Expected a CSV file with a column for each decision and a row for each truth.",
        why="Each decision is weighed by what it costs for each truth.",
        hint="For example: truth,no,yes / no,0,1 / yes,100,0 (one line each).",
    )
