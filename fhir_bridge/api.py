"""The FHIR R4 read API: what residents let programs read of them, under /fhir, with a token and never by a session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from engine.store.database import Engine, StoreError
from fhir_bridge.api_answers import Reading
from fhir_bridge.api_conformance import capability_statement, open_api, smart_configuration
from fhir_bridge.api_parameters import TABLE
from fhir_bridge.api_words import FHIR_JSON, Ask, RefusedError, Reply, check_format

PREFIX: Final = "/fhir"
_LOOK: Final = ("GET", "HEAD")
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_MOST_FIELDS: Final = 200
_NOT_MODIFIED: Final = 304
_FAULT: Final = 500


def router_of(
    engine: Engine,
    now: Callable[[], datetime],
    *,
    base_url: str | None = None,
    secure: bool = False,
    os_user: str = "unknown",
) -> APIRouter:
    """The routes under /fhir on a migrated store, to be included in an application whose host names are checked.

    Links begin with `base_url`, else with the name the request came to (https if `secure`). Whatever is asked is
    answered by FHIR R4 JSON; errors by an OperationOutcome.
    """
    door = _Door(Reading(engine, now, os_user), base_url, secure=secure)
    router = APIRouter()
    for path in (PREFIX, PREFIX + "/{rest:path}"):
        router.routes.append(Route(path, door, include_in_schema=False))
    return router


def refusal_of(status: int) -> Response:
    """What the guard before all routes refuses (a foreign host, too much, a bug of ours) as an OperationOutcome."""
    code = {400: "invalid", 403: "forbidden", 413: "too-long"}.get(status, "exception")
    reply = RefusedError(status, code, "this request is not taken" if status < _FAULT else "a fault of ours").reply
    return Response(reply.body, status, media_type=reply.media)


class _Door:
    """The ASGI application behind both routes: any method, so that what is not served is refused in FHIR's words."""

    def __init__(self, reading: Reading, base_url: str | None, *, secure: bool) -> None:
        self._reading = reading
        self._base_url = base_url
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        body = await request.body() if request.method == "POST" else b""
        reply = await run_in_threadpool(self._replied, request, body)
        bare = request.method == "HEAD" or reply.status == _NOT_MODIFIED
        answer = Response(b"" if bare else reply.body, reply.status, dict(reply.headers), reply.media)
        if request.method == "HEAD":
            answer.headers["Content-Length"] = str(len(reply.body))
        await answer(scope, receive, send)

    def _replied(self, request: Request, body: bytes) -> Reply:
        name = f"{'https' if self._secure else request.url.scheme}://{request.headers.get('host', '')}"
        origin = (self._base_url or name).rstrip("/")
        try:
            ask = _asked(request, body, origin + PREFIX)
            return _told(ask, origin) or self._record(ask)
        except RefusedError as error:
            return error.reply
        except StoreError as error:
            code = "transient" if error.code == "busy" else "exception"
            return RefusedError(503, code, "the record cannot be read now", {"Retry-After": "5"}).reply

    def _record(self, ask: Ask) -> Reply:
        """What is asked of the record: a kind of resource, or one of them."""
        kind, *rest = ask.path or ("",)
        if kind not in TABLE or len(rest) > 1:
            raise RefusedError(404, "not-found", f"this is not served; see {ask.base}/metadata")
        if rest == ["_search"]:
            _only(ask, "POST")
            return self._reading.many(ask, kind)
        _only(ask, *_LOOK)
        return self._reading.one(ask, kind, rest[0]) if rest else self._reading.many(ask, kind)


def _told(ask: Ask, origin: str) -> Reply | None:
    """What the API says of itself, to everybody; None where something else is asked."""
    made: dict[tuple[str, ...], tuple[str, Callable[[], dict[str, Any]]]] = {
        ("metadata",): (FHIR_JSON, lambda: capability_statement(ask.base, program_version())),
        (".well-known", "smart-configuration"): (_JSON, lambda: smart_configuration(ask.base, origin)),
        ("openapi.json",): (_JSON, lambda: open_api(ask.base)),
    }
    media, make = made.get(ask.path, ("", dict))
    if not media:
        return None
    _only(ask, *_LOOK)
    if media == FHIR_JSON:
        check_format(ask)
    return Reply(body=msgspec.json.encode(make()), media=media)


def program_version() -> str:
    """The version of this program, "unknown" where it runs without being installed."""
    try:
        return version("minato-phr")
    except PackageNotFoundError:
        return "unknown"


def _only(ask: Ask, *methods: str) -> None:
    if ask.method not in methods:
        said = {"Allow": ", ".join(methods)}
        raise RefusedError(405, "not-supported", f"{ask.method[:20]} is not served here: the record is read", said)


def _asked(request: Request, body: bytes, base: str) -> Ask:
    """The request as plain values; raises RefusedError (400, 415) for a body or an address that is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != _FORM:
        raise RefusedError(415, "not-supported", f"a search is sent as {_FORM}")
    sent = [request.scope["query_string"].decode("latin-1"), body.decode("latin-1")]
    try:
        pairs = [pair for text in sent for pair in parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)]
    except ValueError as error:
        raise RefusedError(400, "too-long", f"at most {_MOST_FIELDS} parameters") from error
    path = request.url.path.removeprefix(PREFIX)
    return Ask(
        method=request.method, path=tuple(part for part in path.split("/") if part), query=tuple(pairs),
        headers=dict(request.headers.items()), base=base,
    )  # fmt: skip
