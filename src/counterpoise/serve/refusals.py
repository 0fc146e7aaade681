"""What the endpoint says no to, each with the HTTP status that says so.

InputError
├── Refused (status)       a request that cannot be answered; names the field and the row
└── StoreError             a store that cannot be used
"""

from __future__ import annotations

from typing import Any

from counterpoise.errors import InputError

__all__ = ["Refused", "StoreError"]


class StoreError(InputError):
    """A store cannot be used."""


class Refused(InputError):  # noqa: N818 - an answer with a status
    """A request cannot be answered as it is.

    Parameters
    ----------
    given : str
        What was given, as a sentence.
    status : int, default=400
        HTTP status of the answer, 400 to 499, or 503 where the server cannot take it now.
    field : str, optional
        The field that is wrong.
    row : int, optional
        The row that is wrong, counted from 0.
    expected, why, hint : str, default=""
        The other parts of the message.
    more : list of Refused, optional
        Other fields of the same request that are wrong, too.
    """

    def __init__(
        self,
        given: str,
        *,
        status: int = 400,
        field: str | None = None,
        row: int | None = None,
        expected: str = "",
        why: str = "",
        hint: str = "",
        more: list[Refused] | None = None,
    ) -> None:
        super().__init__(given, expected=expected, why=why, hint=hint)
        self.status, self.field, self.row, self.more = status, field, row, more or []

    def __reduce__(self) -> tuple[object, ...]:
        return (
            _rebuild,
            (self.given, self.status, self.field, self.row, self.expected, self.why, self.hint, self.more),
        )

    def finding(self) -> dict[str, Any]:
        """Give the parts as plain JSON values."""
        parts = {"given": self.given, "expected": self.expected, "why": self.why, "hint": self.hint}
        where = {"field": self.field, "row": self.row}
        return {key: value for key, value in (where | parts).items() if value not in (None, "")}

    def body(self) -> dict[str, Any]:
        """Give the answer: the message, and each thing that is wrong."""
        return {"message": str(self), "errors": [each.finding() for each in (self, *self.more)]}


def _rebuild(
    given: str,
    status: int,
    field: str | None,
    row: int | None,
    expected: str,
    why: str,
    hint: str,
    more: list[Refused],
) -> Refused:
    return Refused(
        given, status=status, field=field, row=row, expected=expected, why=why, hint=hint, more=more
    )
