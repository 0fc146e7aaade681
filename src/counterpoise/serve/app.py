"""The addresses: what SageMaker's and MLflow's clients call, the endpoints' whole life, health and figures."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import counterpoise
from counterpoise.errors import CounterpoiseError
from counterpoise.serve import changes, deployments, ledger, page, views
from counterpoise.serve import forms as f
from counterpoise.serve.changes import Change
from counterpoise.serve.clock import as_datetime, now
from counterpoise.serve.deployments import Endpoint
from counterpoise.serve.desk import Desk, Settings
from counterpoise.serve.examples import DESCRIPTION, LABELS, PREDICTIONS, ROWS
from counterpoise.serve.log import say
from counterpoise.serve.models import packed_bundle
from counterpoise.serve.refusals import Refused
from counterpoise.serve.registry import Live
from counterpoise.serve.store import Store

__all__ = ["create_app"]

MOST_PREDICTIONS = 10_000
"""Rows of one answer of GET /endpoints/{name}/predictions."""


def create_app(store: Store, settings: Settings | None = None) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    store : Store
        Where everything is kept.
    settings : Settings, optional
        How it behaves.

    Returns
    -------
    FastAPI
        An ASGI application; it begins to answer when its lifespan begins.
    """
    desk = Desk(store, settings or Settings())

    app = FastAPI(
        title="counterpoise",
        version=counterpoise.__version__,
        summary="Models that decide about rare outcomes.",
        description=DESCRIPTION,
        lifespan=_lifespan,
    )
    app.state.desk = desk
    app.include_router(router)
    app.add_exception_handler(CounterpoiseError, _refused)
    app.add_exception_handler(RequestValidationError, _refused_form)
    app.add_exception_handler(HTTPException, _refused_address)
    app.add_exception_handler(Exception, _fault)
    app.add_middleware(Witness, desk=desk)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    desk: Desk = app.state.desk
    await desk.open()
    yield
    await desk.close()


# --- what is said no to ---------------------------------------------------------------------------------------


async def _refused(request: Request, error: Exception) -> Response:
    refused = error if isinstance(error, Refused) else _as_refused(error)
    headers = {"x-amzn-errortype": "ValidationError" if refused.status < 500 else "ServiceUnavailable"}
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refused.status in (429, 503):
        headers["retry-after"] = "1"
    return JSONResponse(refused.body(), refused.status, headers)


def _as_refused(error: Exception) -> Refused:
    if not isinstance(error, CounterpoiseError):
        return Refused(str(error))
    return Refused(error.given, expected=error.expected, why=error.why, hint=error.hint)


async def _refused_form(request: Request, error: Exception) -> Response:
    return await _refused(
        request, f.refused_fields(error.errors() if isinstance(error, RequestValidationError) else [])
    )


async def _refused_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = dict(getattr(error, "headers", None) or {})
    refused = Refused(
        f"{request.method} {request.url.path[:200]} is no address.", status=status, hint="GET /docs"
    )
    return JSONResponse(refused.body(), status, headers)


async def _fault(request: Request, error: Exception) -> Response:
    """Say that the fault is ours; what it is stands in the log, under the request's id."""
    uid = request.scope.get("counterpoise.request", "")
    say("fault", level="error", request=uid, error=type(error).__name__)
    return JSONResponse(
        {"message": f"A fault of the server's; its log knows more under {uid}.", "errors": []}, 500
    )


class Witness:
    """Counts and logs every answer, and gives each request an id.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    desk : Desk
        Whose figures they are.
    """

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    def _most(self, scope: Scope) -> int:
        limits = self._desk.limits
        return (
            max(limits.bundle_bytes, limits.body_bytes) if scope["path"] == "/bundles" else limits.body_bytes
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note its answer.

        Parameters
        ----------
        scope : Scope
            The request.
        receive, send : callable
            Its channels.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, uid, status = time.perf_counter(), secrets.token_hex(10), 500
        scope["counterpoise.request"] = uid

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", uid.encode())]
            await send(message)

        try:
            await self._app(scope, _bounded_receive(receive, self._most(scope)), noted)
        finally:
            seconds = time.perf_counter() - begun
            route = getattr(scope.get("route"), "path", "(none)")
            self._desk.gauges.answered(route, status, seconds)
            facts = scope.get("counterpoise.facts", {})
            say(
                "answered",
                request=uid,
                method=scope["method"],
                route=route,
                status=status,
                seconds=round(seconds, 6),
                **facts,
            )


def _bounded_receive(receive: Receive, most: int) -> Receive:
    """Stop reading a body that is longer than any may be, also where it is read before the gate is asked."""
    n = 0

    async def bounded() -> Message:
        nonlocal n
        message = await receive()
        n += len(message.get("body", b""))
        if n > most:
            raise _too_big(most)
        return message

    return bounded


# --- who and how much -----------------------------------------------------------------------------------------


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _enter(request: Request, scope: str) -> str:
    client = request.client.host if request.client else ""
    name = _desk(request).gate.enter(request.headers, client, scope)
    request.scope["counterpoise.facts"] = {"by": name}
    return name


def _reader(request: Request) -> str:
    return _enter(request, "read")


def _admin(request: Request) -> str:
    return _enter(request, "admin")


def _note(request: Request, **facts: Any) -> None:
    request.scope.setdefault("counterpoise.facts", {}).update(facts)


async def _body(request: Request, most: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise _too_big(most)
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise Refused(f"Content-Encoding {encoding[:40]!r} was sent.", status=415, expected="Expected none.")
    try:
        async with asyncio.timeout(_desk(request).limits.seconds):
            return await _read(request, most)
    except TimeoutError as error:
        raise Refused(
            "The body did not arrive in time.", status=408, hint="Send it without a pause."
        ) from error


async def _read(request: Request, most: int) -> bytes:
    parts, n = [], 0
    async for part in request.stream():
        n += len(part)
        if n > most:
            raise _too_big(most)
        parts.append(part)
    return b"".join(parts)


def _too_big(most: int) -> Refused:
    return Refused(
        f"The body is longer than {most} bytes.",
        status=413,
        expected=f"Expected at most {most} bytes.",
        hint="Send fewer rows at once.",
    )


# --- predictions ----------------------------------------------------------------------------------------------

router = APIRouter(
    responses={400: {"model": f.Problem, "description": "What is wrong, with its field and row."}}
)

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": f.Problem, "description": text}
    for status, text in {
        401: "A token is needed, or not good.",
        403: "The token is not good for this.",
        404: "There is no such endpoint.",
        406: "The form asked for is not offered.",
        408: "The body did not arrive in time.",
        409: "It does not fit what there is.",
        413: "Too many bytes or rows.",
        415: "An unknown format.",
        429: "Too many requests: wait.",
        503: "Not now: ask again.",
    }.items()
}


def _may_refuse(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _REFUSALS[status] for status in (401, 403, *statuses, 429)}


async def _predict(request: Request, find: Callable[[], Live]) -> Response:
    desk = _desk(request)
    _enter(request, "score")
    live = find()
    body = await _body(request, desk.limits.body_bytes)
    asked, answered = await desk.predict(live, body, request.headers)
    _note(
        request,
        endpoint=live.endpoint.name,
        version=answered.version,
        variant=asked.variant,
        rows=answered.n_rows,
        prediction=asked.uid,
    )
    headers = {"x-amzn-invoked-production-variant": asked.variant}
    return Response(answered.body, media_type=asked.form, headers=headers)


_SCORING: dict[str, Any] = {
    "openapi_extra": {"requestBody": ROWS},
    "response_class": Response,
    "responses": {200: PREDICTIONS, **_may_refuse(404, 406, 408, 409, 413, 415, 503)},
    "tags": ["predictions"],
}


@router.post("/invocations", summary="Score rows with the one endpoint there is", **_SCORING)
async def _invoke_only(request: Request) -> Response:
    return await _predict(request, _desk(request).registry.only)


@router.post("/endpoints/{name}/invocations", summary="Score rows", **_SCORING)
async def _invoke(request: Request, name: str) -> Response:
    return await _predict(request, lambda: _desk(request).registry.get(name))


@router.post(
    "/endpoints/{name}/labels",
    summary="Bring the truth",
    response_model=f.Taken,
    openapi_extra={"requestBody": LABELS},
    responses=_may_refuse(404, 408, 413, 415, 503),
    tags=["predictions"],
)
async def _label(request: Request, name: str) -> f.Taken:
    desk = _desk(request)
    _enter(request, "score")
    live = desk.registry.get(name)
    body = await _body(request, desk.limits.body_bytes)

    def keep() -> ledger.LabelsTaken:
        given = f.read_labels(body, request.headers.get("content-type", ""), live.champion.labels)
        with desk.store.writing() as connection:
            return ledger.add_labels(connection, live.endpoint.id, given)

    taken = await asyncio.to_thread(keep)
    counts = {"new": taken.new, "changed": taken.changed, "repeated": taken.repeated}
    desk.gauges.labelled(name, **counts)
    _note(request, endpoint=name, **counts)
    return f.Taken(**counts)


@router.get(
    "/endpoints/{name}/predictions",
    summary="What was answered, newest last",
    responses=_may_refuse(404),
    tags=["predictions"],
    dependencies=[Depends(_reader)],
)
def _predictions(
    request: Request,
    name: str,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the answer before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_PREDICTIONS, description="Most requests to give.")] = 1000,
) -> dict[str, Any]:
    desk = _desk(request)
    with desk.store.reading() as connection:
        key = deployments.endpoint(connection, name).id
        read = ledger.requests(connection, key, after=after, limit=limit)
        rows = ledger.with_truth(connection, key, ledger.predictions(read))
    return {"predictions": rows.to_dicts(), "next": read["id"].max() or after}


# --- endpoints ------------------------------------------------------------------------------------------------


@router.get(
    "/endpoints",
    summary="All endpoints",
    responses=_may_refuse(),
    tags=["endpoints"],
    dependencies=[Depends(_reader)],
)
def _endpoints(request: Request) -> list[f.EndpointForm]:
    desk = _desk(request)
    with desk.store.reading() as connection:
        return [
            views.summary(each, deployments.versions(connection, each.id), status=_status(desk, each))
            for each in deployments.endpoints(connection)
        ]


def _status(desk: Desk, endpoint: Endpoint) -> str:
    answers = any(each.endpoint == endpoint for each in desk.registry.all())
    return views.IN_SERVICE if answers else views.UPDATING


def _whole(desk: Desk, name: str) -> f.EndpointWhole:
    live = desk.registry.get(name)
    with desk.store.reading() as connection:
        endpoint = deployments.endpoint(connection, name)
        return views.whole(connection, endpoint, live.champion.model, status=_status(desk, endpoint))


@router.post(
    "/endpoints",
    summary="Make an endpoint",
    status_code=201,
    responses=_may_refuse(404, 409),
    tags=["endpoints"],
)
def _create(
    request: Request, actor: Annotated[str, Depends(_admin)], wanted: f.NewEndpoint
) -> f.EndpointWhole:
    desk = _desk(request)
    sha256, source = _bundle(desk, wanted.model, wanted.bundle)
    changes.create(desk.store, wanted.name, sha256, source=source, actor=actor, note=wanted.note)
    desk.registry.refresh()
    return _whole(desk, wanted.name)


def _bundle(desk: Desk, model: str | None, bundle: str | None) -> tuple[str, str]:
    """Give the checksum of the bundle that is meant, and where it came from."""
    if (model is None) == (bundle is None):
        raise Refused(
            "Both model and bundle were named." if model else "Neither model nor bundle was named.",
            field="model",
            expected="Expected one: a path on the server's machine, or what POST /bundles gave.",
        )
    if bundle is not None:
        return bundle, f"bundle {bundle[:12]}"
    sha256, content = packed_bundle(Path(str(model)))
    return changes.keep(desk.store, sha256, content), str(model)


@router.post(
    "/bundles",
    summary="Send a model",
    status_code=201,
    response_model=f.Kept,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses=_may_refuse(408, 413, 415),
    tags=["endpoints"],
)
async def _take_bundle(request: Request, actor: Annotated[str, Depends(_admin)]) -> f.Kept:
    desk = _desk(request)
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media != "application/zip":
        raise Refused(
            f"Content-Type {media[:80]!r} was sent.", status=415, expected="Expected application/zip."
        )
    content = await _body(request, desk.limits.bundle_bytes)

    def keep() -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bundle.zip"
            path.write_bytes(content)
            return changes.keep(desk.store, *packed_bundle(path))

    return f.Kept(bundle=await asyncio.to_thread(keep))


@router.get(
    "/endpoints/{name}",
    summary="One endpoint",
    responses=_may_refuse(404),
    tags=["endpoints"],
    dependencies=[Depends(_reader)],
)
def _describe(request: Request, name: str) -> f.EndpointWhole:
    return _whole(_desk(request), name)


@router.patch(
    "/endpoints/{name}",
    summary="Change an endpoint without dropping a request",
    responses=_may_refuse(404, 409),
    tags=["endpoints"],
)
def _change(
    request: Request, name: str, actor: Annotated[str, Depends(_admin)], wanted: f.ChangeForm
) -> f.EndpointWhole:
    desk = _desk(request)
    desk.registry.get(name)
    sha256, source = None, ""
    if wanted.model is not None or wanted.bundle is not None:
        sha256, source = _bundle(desk, wanted.model, wanted.bundle)
    facts = wanted.model_dump(exclude={"model", "bundle"})
    changes.update(desk.store, name, Change(bundle=sha256, source=source, **facts), actor=actor)
    desk.registry.refresh()
    return _whole(desk, name)


@router.delete(
    "/endpoints/{name}",
    summary="Delete an endpoint",
    status_code=204,
    responses=_may_refuse(404),
    tags=["endpoints"],
)
def _delete(
    request: Request,
    name: str,
    actor: Annotated[str, Depends(_admin)],
    with_records: Annotated[bool, Query(description="Remove what it answered, too.")] = False,
) -> None:
    desk = _desk(request)
    changes.delete(desk.store, name, actor=actor, with_records=with_records)
    desk.registry.refresh()


# --- the server -----------------------------------------------------------------------------------------------


@router.get(
    "/ping", summary="SageMaker's question whether it answers", response_class=Response, tags=["server"]
)
async def _ping() -> Response:
    return Response(media_type="application/json")


@router.get("/health", summary="Whether all is well", responses={503: _REFUSALS[503]}, tags=["server"])
def _health(request: Request) -> dict[str, Any]:
    desk = _desk(request)
    with desk.store.reading() as connection:
        n = len(deployments.endpoints(connection))
    return {
        "status": "ok",
        "version": counterpoise.__version__,
        "endpoints": n,
        "in_service": len(desk.registry.all()),
    }


@router.get(
    "/endpoints/{name}/monitor",
    summary="What the monitor sees",
    responses=_may_refuse(404),
    tags=["endpoints"],
    dependencies=[Depends(_reader)],
)
def _monitor(request: Request, name: str) -> dict[str, Any]:
    return _desk(request).watch.seen(name).to_dict()


@router.get("/", include_in_schema=False, dependencies=[Depends(_reader)])
def _page(request: Request, endpoint: str | None = None) -> HTMLResponse:
    desk = _desk(request)
    with desk.store.reading() as connection:
        names = sorted(each.name for each in deployments.endpoints(connection))
    at = as_datetime(now())
    if not names and endpoint is None:
        return HTMLResponse(page.render_empty(at), headers=page.HEADERS)
    seen = desk.watch.seen(names[0] if endpoint is None else endpoint)
    return HTMLResponse(page.render(seen, names, at), headers=page.HEADERS)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_may_refuse()},
    tags=["server"],
    dependencies=[Depends(_reader)],
)
def _metrics(request: Request) -> Response:
    desk = _desk(request)
    return Response(
        desk.gauges.text(len(desk.registry.all())), media_type="text/plain; version=0.0.4; charset=utf-8"
    )
