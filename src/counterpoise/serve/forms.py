"""What goes in and out over HTTP besides rows: endpoints, changes, labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter
from pydantic_core import ErrorDetails, ValidationError

from counterpoise.serve.bodies import media_type, refuse_twice, refuse_twice_in_json
from counterpoise.serve.clock import now, since_1970
from counterpoise.serve.contract import is_id
from counterpoise.serve.ledger import Label
from counterpoise.serve.refusals import Refused

__all__ = [
    "ChangeForm",
    "ChangeWanted",
    "Costs",
    "EndpointForm",
    "EndpointWanted",
    "LabelForm",
    "LabelsForm",
    "NewEndpoint",
    "Problem",
    "read_labels",
    "refused_fields",
]

Share = Annotated[float, Field(ge=0, le=1)]
LabelValue = StrictStr | StrictInt | StrictFloat | StrictBool

MOST_AHEAD = 300_000_000
"""Microseconds that a client's clock may be ahead of ours."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EndpointWanted(_Form):
    """An endpoint to be made: a name, and a model on the server or a bundle that was sent."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"name": "card-fraud", "model": "/srv/models/fraud.model"}]},
    )

    name: str
    model: str | None = Field(default=None, description="A bundle's folder or zip, on the server's machine.")
    bundle: str | None = Field(default=None, description="What POST /bundles gave.")
    note: str = Field(default="", max_length=1000)


class Costs(_Form):
    """Costs of errors, and of right decisions where they are not 0."""

    model_config = ConfigDict(strict=True)

    fn: float
    fp: float
    tp: float = 0.0
    tn: float = 0.0


class ChangeWanted(_Form):
    """One change of an endpoint. Each can be taken back: {"roll_back": true}."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"line": 0.2, "note": "fewer alerts over the holidays"},
                {"model": "/srv/models/fraud-2.model", "share": 0.1},
                {"base_rate": 0.004},
                {"costs": {"fn": 100, "fp": 1}},
                {"promote": True},
                {"roll_back": True},
            ]
        },
    )

    model: str | None = Field(default=None, description="A new version: a bundle on the server's machine.")
    bundle: str | None = Field(default=None, description="A new version: what POST /bundles gave.")
    version: Annotated[int, Field(ge=1, lt=2**31)] | None = Field(
        default=None, description="A version that the endpoint had."
    )
    share: Share | None = Field(
        default=None, description="Makes it the challenger: with this share of the requests; 0: in shadow."
    )
    line: float | None = Field(default=None, description="Positive from this probability on.")
    base_rate: float | None = Field(default=None, description="Share of positives where it is used now.")
    costs: Costs | None = Field(default=None, description="Draw the line for these costs.")
    promote: bool = Field(default=False, description="The challenger becomes the champion.")
    drop_challenger: bool = Field(default=False, description="The champion answers alone.")
    roll_back: bool = Field(default=False, description="Take back the last change; again: the one before.")
    is_other_table: bool = Field(default=False, description="Let a model in that takes other columns.")
    note: str = Field(default="", max_length=1000, description="Why, for the log.")


async def _endpoint_said_once(request: Request, wanted: EndpointWanted) -> EndpointWanted:
    refuse_twice_in_json(await request.body())
    return wanted


async def _change_said_once(request: Request, wanted: ChangeWanted) -> ChangeWanted:
    refuse_twice_in_json(await request.body())
    return wanted


NewEndpoint = Annotated[EndpointWanted, Depends(_endpoint_said_once)]
"""A body that says each thing once: of a key that is there twice, FastAPI hands the last on without a word."""

ChangeForm = Annotated[ChangeWanted, Depends(_change_said_once)]
"""A body that says each thing once, too."""


class Part(BaseModel):
    """A version, and what it rests on."""

    version: int
    model: str
    model_version: str
    threshold: float | None
    goal: str
    base_rate: float | None
    moves: list[dict[str, Any]]
    created_at: datetime


class Happened(BaseModel):
    """A change in the log."""

    at: datetime
    kind: str
    actor: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    note: str


class EndpointForm(BaseModel):
    """An endpoint: who answers."""

    name: str
    status: str
    model: str
    version: int
    champion: Part
    challenger: Part | None
    share: float
    created_at: datetime


class EndpointWhole(EndpointForm):
    """An endpoint: who answers, what it takes, every version and every change."""

    features: list[dict[str, Any]]
    labels: list[Any]
    versions: list[Part]
    events: list[Happened]


class Kept(BaseModel):
    """A bundle that was taken."""

    bundle: str


class Taken(BaseModel):
    """What became of labels."""

    new: int
    changed: int
    repeated: int


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    field: str | None = None
    row: int | None = None
    given: str
    expected: str | None = None
    why: str | None = None
    hint: str | None = None


class Problem(BaseModel):
    """Why a request was refused."""

    message: str
    errors: list[Wrong] = []


# --- labels ---------------------------------------------------------------------------------------------------


class LabelForm(_Form):
    """What turned out for one prediction."""

    id: str | StrictInt = Field(
        description="The prediction's id, as it was answered or as the client named it."
    )
    label: LabelValue = Field(description="One of the model's labels.")
    at: datetime | None = Field(
        default=None, description="When it was known; the latest holds. Default: now."
    )


class LabelsForm(_Form):
    """What turned out for predictions, in any order; said again it changes nothing."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"labels": [{"id": "5f0c1d2e3a4b5c6d7e8f-0", "label": 1}]}]}
    )

    labels: list[LabelForm]


_LIST = TypeAdapter(list[LabelForm])


def read_labels(body: bytes, content_type: str, known: Sequence[Any]) -> list[Label]:
    """Read labels: JSON, JSON lines, or CSV with the columns id, label and (perhaps) at.

    A label dated a little ahead, by another clock, counts as of its arrival, so that a later correction holds.

    Parameters
    ----------
    body : bytes
        What was sent.
    content_type : str
        What it is.
    known : sequence
        The model's labels, in order.

    Returns
    -------
    list of Label
        At least one.

    Raises
    ------
    Refused
        Naming the field and the row.
    """
    media, _ = media_type(content_type)
    try:
        found = _labels_of(body, media)
    except ValidationError as error:
        raise refused_fields(error.errors(include_url=False, include_context=False)) from error
    if not found:
        raise Refused("There is no label in the body.", expected="Expected at least one.", field="labels")
    positions = {_plain(label): position for position, label in enumerate(known)}
    if media == "text/csv":
        positions = {str(label): position for label, position in positions.items()}
    return [_label(row, form, positions) for row, form in enumerate(found)]


def _labels_of(body: bytes, media: str) -> list[LabelForm]:
    if media == "text/csv":
        return _LIST.validate_python(_csv_records(body))
    if media == "application/jsonlines":
        lines = [line for line in body.splitlines() if line.strip()]
        body = b"[" + b",".join(lines) + b"]"
    is_list = body.lstrip()[:1] == b"["
    found = _LIST.validate_json(body) if is_list else LabelsForm.model_validate_json(body).labels
    refuse_twice_in_json(body)  # pydantic keeps the last of two
    return found


def _csv_records(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(
            f"The body is not CSV in UTF-8: {error}.", expected="Expected id,label[,at]."
        ) from error
    names = ["id", "label", "at"]
    if rows and {"id", "label"} <= set(rows[0]):
        names, rows = rows[0], rows[1:]
        refuse_twice(names)
    for number, row in enumerate(rows):
        if not 2 <= len(row) <= len(names):
            raise Refused(
                f"Row {number} has {len(row)} values.", row=number, expected=f"Expected {', '.join(names)}."
            )
    return [{name: cell for name, cell in zip(names, row, strict=False) if cell} for row in rows]


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _label(row: int, form: LabelForm, positions: dict[Any, int]) -> Label:
    name = str(form.id)
    if not is_id(name):
        raise Refused(
            f"The id of row {row} is {name[:60]!r}.",
            field="id",
            row=row,
            expected="Expected the id of a prediction, 1 to 200 letters that can be printed.",
        )
    position = positions.get(form.label)
    if position is None:
        raise Refused(
            f"The label of row {row} is {str(form.label)[:60]!r}.",
            field="label",
            row=row,
            expected=f"Expected one of {', '.join(map(repr, positions))}.",
            why="These are the labels that the model knows.",
        )
    return Label(name, position, None if form.at is None else _past(row, form.at))


def _past(row: int, at: datetime) -> int | None:
    """Give the time; None, which stands for the arrival, where another clock is a little ahead."""
    arrived = now()
    try:
        found = since_1970(at)
    except (OverflowError, ValueError):
        found = -1
    if not 0 <= found <= arrived + MOST_AHEAD:
        raise Refused(
            f"'at' of row {row} is {at.isoformat()}.",
            field="at",
            row=row,
            expected="Expected a time since 1970 that is not to come.",
            why="The label with the latest time holds.",
        )
    return found if found <= arrived else None


def refused_fields(errors: Sequence[ErrorDetails]) -> Refused:
    """Say what pydantic found, as the endpoint says everything.

    Parameters
    ----------
    errors : sequence of ErrorDetails
        What it found.

    Returns
    -------
    Refused
        400, naming fields and rows.
    """
    found = [_refused_field(error) for error in errors[:20]]
    found[0].more = found[1:]
    return found[0]


def _refused_field(error: ErrorDetails) -> Refused:
    where = [part for part in error["loc"] if part not in ("body", "path", "query", "labels")]
    row = next((part for part in where if isinstance(part, int)), None)
    names = [str(part) for part in where if isinstance(part, str)]
    field = names[0][:80] if names else None
    place = f"{field!r}{'' if row is None else f' of row {row}'}" if field else "The body"
    return Refused(
        f"{place}: {error['msg']}.", field=field, row=row, expected="Expected the form of the API's docs."
    )
