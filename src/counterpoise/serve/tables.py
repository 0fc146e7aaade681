"""The tables of the store.

Times are whole microseconds since 1970 in UTC. A version is a bundle and the moves of its line, base rate or costs
since it was trained; a change of any of them is a new version, so that every change can be taken back.

Predictions are kept a request at a time, not a row at a time: the probabilities of a request are one packed column.
A batch of 10,000 rows is written in a tenth of a millisecond instead of fifty, and nothing is lost: the store unpacks
them. Feature values are not kept; of each feature only the bin of the training histogram that a value fell into is
counted.

Numbers of rows are given once (AUTOINCREMENT; PostgreSQL's sequences do it anyway): who read up to a number reads on
after it, and what is remembered of an endpoint is not taken for another's, though rows are deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "alarms",
    "bundles",
    "endpoints",
    "events",
    "labels",
    "metadata",
    "names",
    "predictions",
    "steps",
    "tokens",
    "versions",
    "watches",
]

metadata = MetaData()

Key = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is called INTEGER."""


def _key() -> Column[int]:
    return Column("id", Key, primary_key=True, autoincrement=True)


def _at(name: str = "at", *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _endpoint() -> Column[int]:
    return Column("endpoint_id", ForeignKey("endpoints.id", ondelete="CASCADE"), nullable=False)


steps = Table(
    "schema_steps",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    _at(),
)
"""Which migrations the store has been through."""

bundles = Table(
    "bundles",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _at(),
)
"""Models as zip files, by their checksum: the store needs no other file."""

endpoints = Table(
    "endpoints",
    metadata,
    _key(),
    Column("name", String(63), nullable=False),
    _at("created_at"),
    _at("deleted_at", nullable=True),
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer),
    Column("share", Float, nullable=False, default=0.0),
    Index(
        "one_live_endpoint_a_name",
        "name",
        unique=True,
        sqlite_where=text("deleted_at IS NULL"),
        postgresql_where=text("deleted_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)
"""Who answers: the champion's version number, and the challenger's with its share of the traffic (0: in shadow)."""

versions = Table(
    "versions",
    metadata,
    _key(),
    _endpoint(),
    Column("number", Integer, nullable=False),
    Column("bundle", ForeignKey("bundles.sha256"), nullable=False),
    Column("source", Text, nullable=False),
    Column("moves", Text, nullable=False, default="[]"),
    Column("model_version", Text, nullable=False),
    Column("threshold", Float),
    Column("goal", Text, nullable=False),
    Column("base_rate", Float),
    _at(),
    UniqueConstraint("endpoint_id", "number"),
    sqlite_autoincrement=True,
)
"""What can answer: a bundle and the moves of its line (JSON), with what they come to."""

events = Table(
    "events",
    metadata,
    _key(),
    _endpoint(),
    _at(),
    Column("kind", String(32), nullable=False),
    Column("actor", String(120), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Index("events_of_endpoint", "endpoint_id", "id"),
    sqlite_autoincrement=True,
)
"""Every change of an endpoint: by whom, and who answered before and after (JSON)."""

predictions = Table(
    "predictions",
    metadata,
    _key(),
    Column("uid", String(64), nullable=False),
    _endpoint(),
    Column("version", Integer, nullable=False),
    Column("variant", String(12), nullable=False),
    _at(),
    Column("n_rows", Integer, nullable=False),
    Column("threshold", Float),
    Column("probability", LargeBinary, nullable=False),
    Column("ids", LargeBinary),
    Column("bins", LargeBinary),
    Index("predictions_of_endpoint", "endpoint_id", "at"),
    sqlite_autoincrement=True,
)
"""One answered request (and one more for a challenger in shadow).

`variant` is champion, challenger or shadow. `probability` holds little-endian float64, row by row (several classes:
all of a row together). `ids` is the JSON list of the rows' ids where the caller named them; without it a row's id is
``<uid>-<row>``. `bins` is what `counterpoise.serve.bins` packs.
"""

names = Table(
    "names",
    metadata,
    _endpoint(),
    Column("name", String(200), nullable=False),
    Column("content", LargeBinary, nullable=False),
    _at(),
    PrimaryKeyConstraint("endpoint_id", "name"),
    Index("names_by_age", "at"),
)
"""Ids that callers gave to rows, each with a digest of the row: what was sent again is known by them."""

labels = Table(
    "labels",
    metadata,
    _key(),
    _endpoint(),
    Column("prediction", String(200), nullable=False),
    Column("truth", Integer, nullable=False),
    _at("as_of"),
    _at(),
    Index("labels_of_prediction", "endpoint_id", "prediction", "as_of"),
    Index("labels_by_arrival", "endpoint_id", "at"),
    sqlite_autoincrement=True,
)
"""What turned out, appended and never changed: of several for one prediction the one with the latest `as_of` holds.

`truth` is the position of the label among the model's labels (1: positive).
"""

alarms = Table(
    "alarms",
    metadata,
    _key(),
    _endpoint(),
    Column("version", Integer),
    _at(),
    Column("kind", String(64), nullable=False),
    Column("subject", Text, nullable=False, default=""),
    Column("message", Text, nullable=False),
    Column("details", Text, nullable=False, default="{}"),
    Column("delivered", Boolean, nullable=False, default=False),
    Index("alarms_of_endpoint", "endpoint_id", "at"),
    sqlite_autoincrement=True,
)
"""What the monitor raised: which watch, about what, in words and in numbers (JSON), and whether the hook took it."""

watches = Table(
    "watches",
    metadata,
    _endpoint(),
    Column("name", String(120), nullable=False),
    Column("state", Text, nullable=False),
    _at(),
    UniqueConstraint("endpoint_id", "name"),
)
"""What a watch of the monitor remembers between two looks (JSON)."""

tokens = Table(
    "tokens",
    metadata,
    _key(),
    Column("name", String(120), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("scopes", String(60), nullable=False),
    _at(),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
    sqlite_autoincrement=True,
)
"""Who may do what: only the hash of a token is kept."""
