"""Signing in and out, unlocking an idle session, and one's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.access import Identity
from engine.locale import LANGUAGES, Language
from engine.refusal import Refusal
from engine.store.database import write
from engine.web.context import COOKIE, Desk, Signed, SorryError, TheDesk, Trusted, note, wished
from engine.web.door import OPEN, Door
from engine.web.links import name_of
from engine.web.navigation import home_of
from engine.web.sessions import Session

door = Door()
# Who enters by the link of this machine's operator works as a nurse of every town and keeps the accounts.
LOCAL_ROLES = frozenset({"nurse", "helpdesk", "admin", "auditor", "watcher"})


@door.page("/", "self")
def first(session: Signed) -> Response:
    """To the first page of whoever is signed in."""
    return RedirectResponse(home_of(session), 303)


@door.page("/signin", OPEN)
def offer(request: Request, desk: TheDesk, token: str = "") -> Response:
    """The page behind a link: only its button uses the link up, so a preview of it does no harm."""
    lang = wished(request) or "ja"
    if not desk.links.good(token, desk.now()):
        raise SorryError(403, "link-spent")
    return _form(desk, token, lang)


@door.form("/signin", OPEN)
def enter(
    desk: TheDesk, token: Annotated[str, Form()], name: Annotated[str, Form()] = "", lang: Annotated[str, Form()] = "ja"
) -> Response:
    """Use the link up and start a session in the name given; the audit says so."""
    tongue: Language = next((one for one in LANGUAGES if one == lang), "ja")
    now, by = desk.now(), name_of(name)
    if not desk.links.good(token, now):
        raise SorryError(403, "link-spent")
    if isinstance(by, Refusal):
        return _form(desk, token, tongue, name=name, error="name", status=422)
    if not desk.links.take(token, now):
        raise SorryError(403, "link-spent")
    who = Identity(id=by, name=by, roles=LOCAL_ROLES, municipalities=None)
    cookie, session = desk.sessions.start(who, tongue, now)
    _note(desk, session, "sign-in", now)
    answer = RedirectResponse("/", 303)
    life = int((session.ends - now).total_seconds())
    answer.set_cookie(COOKIE, cookie, max_age=life, path="/", httponly=True, samesite="strict", secure=desk.secure)
    return answer


@door.form("/signout", "self")
def leave(request: Request, desk: TheDesk, session: Trusted) -> Response:
    """End the session."""
    _note(desk, session, "sign-out", desk.now())
    desk.sessions.end(request.cookies.get(COOKIE))
    answer = desk.page("signout.html", session.lang, None, here="/")
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=desk.secure)
    return answer


def _form(
    desk: Desk, token: str, lang: Language, *, name: str = "", error: str | None = None, status: int = 200
) -> Response:
    more = {"token": token, "name": name, "error": error, "query": urlencode({"token": token})}
    return desk.page("signin.html", lang, None, status=status, here="/signin", **more)


def _note(desk: Desk, session: Session, action: str, now: datetime) -> None:
    with write(desk.engine) as connection:
        note(connection, desk, session, action, now)
