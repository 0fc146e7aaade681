"""The store: one database that holds all that the endpoints know. SQLite by default, PostgreSQL by URL.

SQLite runs with a write-ahead log: readers never wait, and what is committed outlives a killed process. With
``synchronous=NORMAL`` (the default of this store) the last instants may be lost where the machine itself loses power,
never to a SIGKILL; ``?synchronous=FULL`` in the URL closes that gap for an fsync a commit. Source:
https://www.sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from counterpoise.errors import MissingExtra
from counterpoise.serve.migrations import migrate
from counterpoise.serve.refusals import StoreError

__all__ = ["DEFAULT_URL", "Store"]

DEFAULT_URL = "sqlite:///counterpoise.db"
"""A file in the folder where the command runs."""

BUSY_SECONDS = 30
"""How long a write waits for another process that writes."""

MIGRATION_LOCK = 0xC0DE
"""Number of the lock under which one process at a time migrates a PostgreSQL store."""


class Store:
    """A database with the tables of `counterpoise.serve.tables`, migrated when it is opened.

    Parameters
    ----------
    url : str, default="sqlite:///counterpoise.db"
        SQLAlchemy's URL: ``sqlite:///FILE`` or ``postgresql://USER@HOST/NAME``.

    Raises
    ------
    StoreError
        If the URL cannot be used, the database cannot be reached, or a newer version has been at it.
    MissingExtra
        If the driver of the database is not installed.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(f"sqlite:///{tempfile.mkdtemp()}/store.db")
    >>> with store.reading() as connection:
    ...     connection.dialect.name
    'sqlite'
    >>> store.close()
    """

    def __init__(self, url: str = DEFAULT_URL) -> None:
        self.url, options = _understood(url)
        self._one_writer = threading.Lock()
        try:
            self._engine = _engine(self.url, options)
            with ExitStack() as undo:
                undo.callback(self.close)
                self._migrate()
                undo.pop_all()
        except ModuleNotFoundError as error:
            raise MissingExtra.of(str(error.name), "postgres") from error
        except DBAPIError as error:
            raise StoreError(
                f"The store {self.name!r} cannot be opened: {_first_line(error)}.",
                expected="Expected a database that can be reached and written.",
                why="Predictions are written before they are answered.",
                hint="Check the path or the address, and who may write there.",
            ) from error

    def _migrate(self) -> None:
        with self.writing(checks_references=False) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
            migrate(connection)

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection to read with; it sees one state of the store.

        Yields
        ------
        Connection
            Inside a transaction.
        """
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, checks_references: bool = True) -> Iterator[Connection]:
        """Open a connection to write with: everything is written, or nothing.

        Parameters
        ----------
        checks_references : bool, default=True
            False for changes of SQLite's tables themselves, which it cannot make otherwise.

        Yields
        ------
        Connection
            Inside a transaction, committed at the end.
        """
        with self._one_writer, self._engine.connect() as connection:
            writer = connection.execution_options(is_writing=True)
            if not checks_references:
                _check_references(connection, False)
            try:
                with writer.begin():
                    yield writer
            finally:
                if not checks_references:
                    _check_references(connection, True)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _understood(text_: str) -> tuple[URL, dict[str, str]]:
    """Take a URL apart, with what only SQLite is told."""
    try:
        url = make_url(text_)
    except ArgumentError as error:
        raise _wrong_url(text_, "it is not a URL") from error
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg"), {}
    if url.get_backend_name() == "postgresql":
        return url, {}
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise _wrong_url(url.render_as_string(hide_password=True), "only SQLite and PostgreSQL are tested")
    if not url.database or url.database == ":memory:":
        raise _wrong_url(text_, "it names no file, and a store must outlive the process")
    synchronous = str(url.query.get("synchronous", "NORMAL")).upper()
    if synchronous not in ("NORMAL", "FULL"):
        raise _wrong_url(text_, f"synchronous={synchronous} is neither NORMAL nor FULL")
    return url.difference_update_query(["synchronous"]), {"synchronous": synchronous}


def _wrong_url(url: str, why: str) -> StoreError:
    return StoreError(
        f"The store {url!r} was named: {why}.",
        expected="Expected sqlite:///FILE or postgresql://USER@HOST/NAME.",
        why="Predictions, labels and changes are kept there.",
        hint=f"For example {DEFAULT_URL}",
    )


def _engine(url: URL, options: dict[str, str]) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, pool_pre_ping=True, pool_size=8)
        folder = Path(str(url.database)).resolve().parent
        if not folder.is_dir():
            raise _wrong_url(str(url), f"there is no folder {str(folder)!r}")
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    except NoSuchModuleError as error:
        raise _wrong_url(url.render_as_string(hide_password=True), "its driver is unknown") from error
    event.listen(engine, "connect", lambda raw, _: _set_up(raw, options["synchronous"]))
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(raw: Any, synchronous: str) -> None:
    raw.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")


def _check_references(connection: Connection, does: bool) -> None:
    """Tell SQLite whether to enforce references; it listens outside of transactions only."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA foreign_keys={'ON' if does else 'OFF'}")


def _begin(connection: Connection) -> None:
    """Take the lock of the one writer at once: a reader that turns writer half-way could be refused."""
    writing = connection.get_execution_options().get("is_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or [type(error.orig).__name__])[0].rstrip(".")
