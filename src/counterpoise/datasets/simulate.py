"""Write a made table to a file: the action behind `counterpoise simulate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from counterpoise.chance import Seed
from counterpoise.datasets.blobs import gaussian_blobs
from counterpoise.datasets.defaults import card_defaults
from counterpoise.datasets.payments import card_payments
from counterpoise.errors import OptionError, nearest_names

__all__ = ["KINDS", "simulate"]

KINDS = ("blobs", "cards", "defaults")
"""What `simulate` can make."""

_WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".pq": lambda frame, path: frame.write_parquet(path),
    ".arrow": lambda frame, path: frame.write_ipc(path),
    ".feather": lambda frame, path: frame.write_ipc(path),
    ".ipc": lambda frame, path: frame.write_ipc(path),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
    ".ndjson": lambda frame, path: frame.write_ndjson(path),
}


def simulate(
    kind: str,
    out: str | Path,
    *,
    rows: int | None = None,
    days: int = 120,
    scenario: bool = False,
    random_state: Seed = 0,
) -> Path:
    """Make a table and write it.

    Parameters
    ----------
    kind : {"cards", "defaults", "blobs"}
        Which table: `card_payments`, `card_defaults` or `gaussian_blobs`.
    out : str or Path
        Where to; the ending says how: .parquet, .csv, .tsv, .arrow or .jsonl. Missing folders are made.
    rows : int, optional
        Number of rows: 100,000 payments, 1,000 blob rows (one in twenty of the minority) where left out. Card
        defaults always are 374.
    days : int, default=120
        Length of the record of payments, in days.
    scenario : bool, default=False
        Also write the scenario of each payment, which gives the label away.
    random_state : int, Generator, RandomState or None, default=0
        Seed.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    OptionError
        If the kind, the ending or the number of rows is not offered, or the place cannot be written to.
    """
    path = Path(out)
    write = _writer(path)
    frame = _make(kind, rows, days, scenario, random_state)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(frame, path)
    except OSError as error:
        raise OptionError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            expected="Expected a place for a file that can be written.",
            why="The table is left there.",
            hint="Choose another file, or make room for it.",
        ) from error
    return path


def _writer(path: Path) -> Callable[[pl.DataFrame, Path], None]:
    if path.suffix.lower() in _WRITERS:
        return _WRITERS[path.suffix.lower()]
    raise OptionError(
        f"The file {path.name!r} ends in {path.suffix or 'nothing'!r}.",
        expected=f"Expected one of {', '.join(sorted(_WRITERS))}.",
        why="The ending says in which format to write.",
        hint="For example payments.parquet.",
    )


def _make(kind: str, rows: int | None, days: int, scenario: bool, random_state: Seed) -> pl.DataFrame:
    if kind == "cards":
        return card_payments(
            100_000 if rows is None else rows, days=days, scenario=scenario, random_state=random_state
        )
    if kind == "defaults":
        _only_374(rows)
        return card_defaults(random_state)
    if kind == "blobs":
        n = 1_000 if rows is None else rows
        n_minority = max(1, n // 20)
        return gaussian_blobs(n - n_minority, n_minority, random_state=random_state)
    raise OptionError(
        f"kind={kind!r} was given.",
        expected=f"Expected one of {', '.join(KINDS)}.",
        why="These are the tables that can be made.",
        hint=nearest_names(kind, list(KINDS)),
    )


def _only_374(rows: int | None) -> None:
    if rows not in (None, 374):
        raise OptionError(
            f"rows={rows} was given for the card defaults.",
            expected="Expected 374 or nothing.",
            why="That table has one size: 350 honest cards and 24 defaults.",
            hint="Use kind 'cards' or 'blobs' for tables of any size.",
        )
