"""The nurses' desk as one application: no script, nothing from elsewhere, nothing for who is not signed in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from engine.store.database import Engine, StoreError
from engine.web.desk import Desk, SorryError, desk_of, visitor, wished
from engine.web.guard import Guard
from engine.web.pages import router
from engine.web.signin import Links

_KEYS = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "bad-request", 413: "too-large"}


def create_app(
    engine: Engine,
    tokens: Links,
    now: Callable[[], datetime],
    *,
    hosts: Collection[str] = (),
    os_user: str = "unknown",
    home: Path | None = None,
) -> FastAPI:
    """The desk on a migrated store; `tokens` are its sign-in links, `hosts` more names it may be called by.

    `home` is the PHR_HOME with the model of the queue's order, if one was trained.
    """
    app = FastAPI(title="Minato PHR", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(engine=engine, links=tokens, now=now, os_user=os_user, home=home)
    app.state.desk = desk
    app.include_router(router)
    app.add_middleware(Guard, hosts=hosts, sorry=lambda status: desk.sorry("ja", None, status, _key(status)))
    app.add_exception_handler(SorryError, _sorry)
    app.add_exception_handler(HTTPException, _sorry)
    app.add_exception_handler(RequestValidationError, _sorry)
    app.add_exception_handler(StoreError, _sorry)
    return app


def _key(status: int) -> str:
    return _KEYS.get(status, "broken")


def _sorry(request: Request, error: Exception) -> Response:
    """A refusal as a page in the visitor's language."""
    desk = desk_of(request)
    status, key, back = 400, "bad-request", "/"
    if isinstance(error, SorryError):
        status, key, back = error.status, error.key, error.back
    elif isinstance(error, HTTPException):
        status, key = error.status_code, _key(error.status_code)
    elif isinstance(error, StoreError):
        status, key = 503, "store"
    session = visitor(request, desk)
    lang = session.lang if session else wished(request) or "ja"
    return HTMLResponse(desk.sorry(lang, session, status, key, back), status)
