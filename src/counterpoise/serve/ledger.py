"""What was answered and what turned out: written before the answer leaves, read by the monitor.

Packing is described in `counterpoise.serve.tables`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection, delete, func, insert, select, text

from counterpoise.serve import tables as t
from counterpoise.serve.clock import now

__all__ = [
    "Answer",
    "Label",
    "LabelsTaken",
    "add_labels",
    "forget",
    "predictions",
    "record",
    "requests",
    "truths",
    "with_truth",
]

RECORD_LOCK = 7_236_002
"""Which of PostgreSQL's advisory locks orders those who write answers: SQLite has one writer anyway."""

ROWS_A_STATEMENT = 500
"""Values in one IN list: SQLite and PostgreSQL take more, but not without end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one version answered to one request.

    Attributes
    ----------
    uid : str
        Names the request.
    endpoint_id : int
        The endpoint.
    version : int
        The version's number.
    variant : {"champion", "challenger", "shadow"}
        In which part.
    at : int
        Microseconds since 1970.
    threshold : float or None
        The line; None where there are several classes.
    probability : ndarray of shape (n_rows,) or (n_rows, n_classes), float64
        What was answered.
    ids : sequence of str, optional
        The rows' ids where the caller named them.
    bins : bytes, optional
        Bins of the features, packed.
    """

    uid: str
    endpoint_id: int
    version: int
    variant: str
    at: int
    threshold: float | None
    probability: np.ndarray
    ids: Sequence[str] | None = None
    bins: bytes | None = None

    def packed(self) -> dict[str, Any]:
        """Give the row of the table."""
        return {
            "uid": self.uid,
            "endpoint_id": self.endpoint_id,
            "version": self.version,
            "variant": self.variant,
            "at": self.at,
            "n_rows": len(self.probability),
            "threshold": self.threshold,
            "probability": np.ascontiguousarray(self.probability, dtype="<f8").tobytes(),
            "ids": None if self.ids is None else json.dumps(list(self.ids)).encode(),
            "bins": self.bins,
        }


def record(connection: Connection, answers: Iterable[Answer]) -> None:
    """Write answers; they are kept when the connection's transaction is committed.

    Parameters
    ----------
    connection : Connection
        To write with.
    answers : iterable of Answer
        One or more.
    """
    if (
        connection.dialect.name == "postgresql"
    ):  # numbers rise as they are committed, so that no reader passes one over
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": RECORD_LOCK})
    connection.execute(insert(t.predictions), [answer.packed() for answer in answers])


def requests(
    connection: Connection,
    endpoint_id: int,
    *,
    after: int = 0,
    since: int | None = None,
    until: int | None = None,
    version: int | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Read answered requests, in the order in which they were written.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.
    after : int, default=0
        Only what was written after the request of this `id`: where an earlier reading ended.
    since, until : int, optional
        Microseconds since 1970: from the first on, and before the second.
    version : int, optional
        Only what this version answered.
    limit : int, optional
        Most requests to read.

    Returns
    -------
    polars.DataFrame
        A row for each request: `id`, `uid`, `version`, `variant`, `at`, `n_rows`, `threshold` and, packed,
        `probability`, `ids`, `bins`.
    """
    p = t.predictions.c
    found = select(
        p.id, p.uid, p.version, p.variant, p.at, p.n_rows, p.threshold, p.probability, p.ids, p.bins
    )
    found = found.where(p.endpoint_id == endpoint_id, p.id > after).order_by(p.id).limit(limit)
    if since is not None:
        found = found.where(p.at >= since)
    if until is not None:
        found = found.where(p.at < until)
    if version is not None:
        found = found.where(p.version == version)
    rows = connection.execute(found).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=_REQUEST, orient="row")


_REQUEST: dict[str, Any] = {
    "id": pl.Int64,
    "uid": pl.String,
    "version": pl.Int32,
    "variant": pl.String,
    "at": pl.Int64,
    "n_rows": pl.Int32,
    "threshold": pl.Float64,
    "probability": pl.Binary,
    "ids": pl.Binary,
    "bins": pl.Binary,
}


def predictions(read: pl.DataFrame) -> pl.DataFrame:
    """Unpack requests to their rows.

    Parameters
    ----------
    read : polars.DataFrame
        What `requests` gave.

    Returns
    -------
    polars.DataFrame
        A row for each prediction: `prediction` (its id), `version`, `variant`, `at` (date in UTC), `probability`
        (several classes: a list of them, in all rows where some are of such versions), `threshold`, `alert`.
    """
    n = read["n_rows"].to_numpy()
    values = np.frombuffer(b"".join(read["probability"]), dtype="<f8")
    which = np.repeat(np.arange(len(n)), n)
    several = len(values) > len(which) > 0
    widths = np.array([len(each) // 8 for each in read["probability"]], dtype=np.int64) // np.maximum(n, 1)
    names = [
        name
        for uid, k, ids in read.select("uid", "n_rows", "ids").iter_rows()
        for name in row_ids(uid, k, ids)
    ]
    rows = read.select(
        "version", "variant", pl.from_epoch("at", "us").dt.replace_time_zone("UTC"), "threshold"
    )
    shaped = _by_row(values, np.repeat(widths, n)) if several else values
    return (
        rows[which]
        .with_columns(pl.Series("prediction", names, dtype=pl.String), pl.Series("probability", shaped))
        .with_columns(
            alert=pl.lit(None, pl.Boolean) if several else pl.col("probability") >= pl.col("threshold")
        )
        .select("prediction", "version", "variant", "at", "probability", "threshold", "alert")
    )


def _by_row(values: np.ndarray, widths: np.ndarray) -> np.ndarray | list[list[float]]:
    """Deal numbers out to rows, of which each takes so many."""
    if (widths == widths[0]).all():
        return values.reshape(len(widths), -1)
    return [each.tolist() for each in np.split(values, np.cumsum(widths)[:-1])]


def row_ids(uid: str, n_rows: int, ids: bytes | None) -> list[str]:
    """Give the ids of a request's rows.

    Parameters
    ----------
    uid : str
        Names the request.
    n_rows : int
        How many rows it has.
    ids : bytes or None
        The caller's names, packed.

    Returns
    -------
    list of str
        One id a row.
    """
    return [f"{uid}-{k}" for k in range(n_rows)] if ids is None else list(json.loads(ids))


# --- the truth ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Label:
    """What turned out for one prediction.

    Attributes
    ----------
    prediction : str
        The prediction's id.
    truth : int
        Position of the true label among the model's labels.
    as_of : int or None
        When it was known (microseconds since 1970); None: now. The latest holds.
    """

    prediction: str
    truth: int
    as_of: int | None = None


@dataclass(frozen=True, slots=True)
class LabelsTaken:
    """What became of labels.

    Attributes
    ----------
    new : int
        For predictions that had none.
    changed : int
        For predictions that had another; the latest holds, the others stay in the store.
    repeated : int
        Said before; nothing was written.
    """

    new: int = 0
    changed: int = 0
    repeated: int = 0


def add_labels(connection: Connection, endpoint_id: int, given: Sequence[Label]) -> LabelsTaken:
    """Write labels; what was said before is not written again.

    Parameters
    ----------
    connection : Connection
        To write with.
    endpoint_id : int
        The endpoint.
    given : sequence of Label
        In any order; the prediction may not have been made yet.

    Returns
    -------
    LabelsTaken
        How many were new, changed something, or said nothing new.
    """
    known = _known(connection, endpoint_id, sorted({label.prediction for label in given}))
    at, rows, counts = now(), [], {"new": 0, "changed": 0, "repeated": 0}
    for label in given:
        said = known.setdefault(label.prediction, [])
        kind = _news(said, label)
        counts[kind] += 1
        if kind == "repeated":
            continue
        as_of = at if label.as_of is None else label.as_of
        said.append((as_of, label.truth))
        said.sort(key=lambda each: each[0])
        rows.append(
            {
                "endpoint_id": endpoint_id,
                "prediction": label.prediction,
                "truth": label.truth,
                "as_of": as_of,
                "at": at,
            }
        )
    if rows:
        connection.execute(insert(t.labels), rows)
    return LabelsTaken(**counts)


def _news(said: list[tuple[int, int]], label: Label) -> str:
    """Say whether a label is new: without a date it is compared with what holds, with one with what was said then."""
    if not said:
        return "new"
    repeated = said[-1][1] == label.truth if label.as_of is None else (label.as_of, label.truth) in said
    return "repeated" if repeated else "changed"


def _known(
    connection: Connection, endpoint_id: int, names: Sequence[str]
) -> dict[str, list[tuple[int, int]]]:
    column, known = t.labels.c, dict[str, list[tuple[int, int]]]()
    for start in range(0, len(names), ROWS_A_STATEMENT):
        some = names[start : start + ROWS_A_STATEMENT]
        found = (
            select(column.prediction, column.as_of, column.truth)
            .where(column.endpoint_id == endpoint_id, column.prediction.in_(some))
            .order_by(column.as_of, column.id)
        )
        for name, as_of, truth in connection.execute(found):
            known.setdefault(name, []).append((as_of, truth))
    return known


def truths(connection: Connection, endpoint_id: int, *, since: int | None = None) -> pl.DataFrame:
    """Read what holds of each prediction that has a label.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.
    since : int, optional
        Only predictions with a label that arrived at this time (microseconds since 1970) or later.

    Returns
    -------
    polars.DataFrame
        `prediction`, `truth` (position among the model's labels), `known_at` (when the label that holds arrived,
        date in UTC).
    """
    column = t.labels.c
    found = select(column.prediction, column.truth, column.at).where(column.endpoint_id == endpoint_id)
    if since is not None:
        late = select(column.prediction).where(column.endpoint_id == endpoint_id, column.at >= since)
        found = found.where(column.prediction.in_(late))
    rows = connection.execute(found.order_by(column.as_of, column.id)).all()
    schema: dict[str, Any] = {"prediction": pl.String, "truth": pl.Int32, "known_at": pl.Int64}
    return (
        pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
        .unique("prediction", keep="last", maintain_order=True)
        .with_columns(pl.from_epoch("known_at", "us").dt.replace_time_zone("UTC"))
    )


def with_truth(connection: Connection, endpoint_id: int, made: pl.DataFrame) -> pl.DataFrame:
    """Set beside predictions what turned out.

    Parameters
    ----------
    connection : Connection
        To read with.
    endpoint_id : int
        The endpoint.
    made : polars.DataFrame
        What `predictions` gave.

    Returns
    -------
    polars.DataFrame
        With `truth` and `known_at`, null where nothing is known yet.
    """
    names = made["prediction"].unique().to_list()
    known = _known(connection, endpoint_id, names)
    held = [(name, *said[-1]) for name, said in known.items()]
    schema: dict[str, Any] = {"prediction": pl.String, "known_at": pl.Int64, "truth": pl.Int32}
    truth = pl.DataFrame(held, schema=schema, orient="row").with_columns(
        pl.from_epoch("known_at", "us").dt.replace_time_zone("UTC")
    )
    return made.join(truth, on="prediction", how="left", maintain_order="left")


def forget(connection: Connection, before: int) -> dict[str, int]:
    """Remove what is older than the retention: predictions by when they were made, labels by when they came.

    Parameters
    ----------
    connection : Connection
        To write with.
    before : int
        Microseconds since 1970: what is older goes.

    Returns
    -------
    dict
        Requests, labels and names of rows that were removed.
    """
    gone = {}
    for name, table in (("requests", t.predictions), ("labels", t.labels), ("names", t.names)):
        old = select(func.count()).select_from(table).where(table.c.at < before)
        gone[name] = int(connection.scalar(old) or 0)
        connection.execute(delete(table).where(table.c.at < before))
    return gone
