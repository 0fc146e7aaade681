"""Ids that callers give to rows: an id with the same row is that row, sent again; with another row it is a mistake.

A client that got no answer asks again, and must not be counted twice. So a row whose id is known is answered, but not
kept a second time: the first answer stands. An id that comes back with other values is refused, for a label could not
say which of the two it means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, insert, select

from counterpoise.serve import tables as t
from counterpoise.serve.ledger import ROWS_A_STATEMENT
from counterpoise.serve.refusals import Refused

__all__ = ["claim"]


def claim(
    connection: Connection, endpoint_id: int, names: Sequence[str], contents: Sequence[bytes], at: int
) -> np.ndarray:
    """Keep the ids of rows, and say which are new.

    Parameters
    ----------
    connection : Connection
        To write with.
    endpoint_id : int
        The endpoint.
    names : sequence of str
        One id a row, none of them twice.
    contents : sequence of bytes
        A digest of each row.
    at : int
        Microseconds since 1970.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        False for rows that came before under the same id.

    Raises
    ------
    Refused
        409, naming the id and the row, if another row came under an id; then none is kept.
    """
    known = _known(connection, endpoint_id, names)
    pairs = enumerate(zip(names, contents, strict=True))
    row = next((k for k, (name, content) in pairs if known.get(name) not in (None, content)), None)
    if row is not None:
        raise _other_row(row, names[row])
    is_new = np.array([name not in known for name in names], dtype=bool)
    fresh = [
        {"endpoint_id": endpoint_id, "name": names[k], "content": contents[k], "at": at}
        for k in np.flatnonzero(is_new).tolist()
    ]
    if fresh:
        connection.execute(insert(t.names), fresh)
    return is_new


def _known(connection: Connection, endpoint_id: int, names: Sequence[str]) -> dict[str, bytes]:
    c, found = t.names.c, dict[str, bytes]()
    for start in range(0, len(names), ROWS_A_STATEMENT):
        some = names[start : start + ROWS_A_STATEMENT]
        rows = connection.execute(
            select(c.name, c.content).where(c.endpoint_id == endpoint_id, c.name.in_(some))
        )
        found.update((name, bytes(content)) for name, content in rows)
    return found


def _other_row(row: int, name: str) -> Refused:
    return Refused(
        f"The id {name!r} of row {row} was given to another row before.",
        status=409,
        field="ids",
        row=row,
        expected="Expected a new id, or the row that came under it.",
        why="A label could not say which of the two it means.",
        hint="Give every row an id of its own; the same row may be sent again under its id.",
    )
