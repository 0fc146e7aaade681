"""Bringing a store to the tables that this version knows, step by step.

The checklist for a change of the tables: change `tables`, add a step that makes an older store the same, and add the
older store to the tests. A store that a newer version has been at is refused, not guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, inspect, select
from sqlalchemy.schema import CreateTable

from counterpoise.serve import tables as t
from counterpoise.serve.clock import now
from counterpoise.serve.refusals import StoreError

__all__ = ["STEPS", "Step", "migrate"]


@dataclass(frozen=True)
class Step:
    """One change of the tables.

    Attributes
    ----------
    number : int
        From 1, without gaps.
    name : str
        What it does.
    run : callable
        Does it, on a connection inside a transaction.
    """

    number: int
    name: str
    run: Callable[[Connection], None]


def _numbers_for_good(connection: Connection) -> None:
    """Make SQLite's tables anew, so that a number that was given is not given again; PostgreSQL never does.

    The order is that of https://sqlite.org/lang_altertable.html, 7: new table, rows, drop, rename; meanwhile references
    are not enforced (`Store` sees to that), so that dropping a table takes no rows of others with it.
    """
    if connection.dialect.name != "sqlite":
        return
    for table in t.metadata.sorted_tables:
        if not table.dialect_options["sqlite"]["autoincrement"]:
            continue
        name = table.name
        made = str(CreateTable(table).compile(dialect=connection.dialect))
        connection.exec_driver_sql(made.replace(f"CREATE TABLE {name} ", f"CREATE TABLE new_{name} ", 1))
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        connection.exec_driver_sql(f"INSERT INTO new_{name} ({columns}) SELECT {columns} FROM {name}")
        connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql(f"ALTER TABLE new_{name} RENAME TO {name}")
        for index in table.indexes:
            index.create(connection)


STEPS: tuple[Step, ...] = (
    Step(1, "endpoints, versions, events, predictions, labels, alarms, tokens", t.metadata.create_all),
    Step(2, "names of rows", lambda connection: t.names.create(connection, checkfirst=True)),
    Step(3, "numbers are given once", _numbers_for_good),
)


def migrate(connection: Connection, steps: tuple[Step, ...] = STEPS) -> list[int]:
    """Run the steps that the store has not been through.

    Parameters
    ----------
    connection : Connection
        Inside a transaction that no other process shares.
    steps : tuple of Step, default=STEPS
        All steps that this version knows.

    Returns
    -------
    list of int
        Numbers of the steps that were run.

    Raises
    ------
    StoreError
        If a newer version has been at the store.
    """
    t.steps.create(connection, checkfirst=True)
    done = set(connection.scalars(select(t.steps.c.number)))
    known = {step.number for step in steps}
    if done - known:
        raise StoreError(
            f"The store has been through step {max(done)}.",
            expected=f"Expected steps up to {max(known)}.",
            why="A newer counterpoise changed its tables, and reading them by guesswork could lose rows.",
            hint="Upgrade: pip install --upgrade counterpoise",
        )
    fresh = not done and not inspect(connection).has_table(t.endpoints.name)
    todo = [step for step in steps if step.number not in done]
    if fresh:
        t.metadata.create_all(connection)
    for step in todo:
        if not fresh:
            step.run(connection)
        connection.execute(insert(t.steps).values(number=step.number, name=step.name, at=now()))
    return [step.number for step in todo]
