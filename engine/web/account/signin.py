"""Signing in and out, and opening a screen that locked itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.access import Identity
from engine.contract.ids import is_id
from engine.locale import LANGUAGES, Language
from engine.one_id import way_out
from engine.refusal import Refusal
from engine.store import repo_one_id_ways, repo_staff
from engine.store.database import read, write
from engine.web.account import resume
from engine.web.account.staff import base_of
from engine.web.account.ways_in import (
    CARD_WAY,
    LINK_WAY,
    card_page,
    link_page,
    locked_page,
    proofs,
    sign_in_page,
    staff_proof,
    token_of,
)
from engine.web.context import Desk, Signed, SorryError, TheDesk, note, visitor, wished
from engine.web.door import OPEN, Door
from engine.web.navigation import home_of
from engine.web.sessions import Session, cookie_name, hash_of

door = Door()
_STATUS: Final = {"slow-down": 429, "link-spent": 403}
_SAID: Final = frozenset({"name", "wrong", "slow-down", "link-spent"})


@door.page("/", "self")
def first(session: Signed) -> Response:
    """To the first page of whoever is signed in."""
    return RedirectResponse(home_of(session), 303)


@door.page("/signin", OPEN)
def offer(request: Request, desk: TheDesk, token: str = "", card: str = "", next: str = "/") -> Response:  # noqa: A002
    """The ways in; a link or a card shows its own. Looking uses nothing up, so a preview does no harm."""
    lang = wished(request) or "ja"
    if token:
        if desk.city or not desk.links.good(token, desk.now()):
            raise SorryError(403, "link-spent")
        return link_page(desk, lang, token)
    if card:
        return card_page(desk, lang, card)
    session = visitor(request, desk)
    if session is not None:
        return RedirectResponse(resume.own_path(next), 303)
    return sign_in_page(desk, lang, next_=resume.own_path(next))


@door.form("/signin", OPEN)
def enter(
    request: Request,
    desk: TheDesk,
    way: Annotated[str, Form()] = LINK_WAY,
    token: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    totp: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    card: Annotated[str, Form()] = "",
    month: Annotated[str, Form()] = "",
    day: Annotated[str, Form()] = "",
    kept: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
    lang: Annotated[str, Form()] = "ja",
) -> Response:
    """Starts a session for whoever proves themselves; what they typed before is there again."""
    tongue: Language = next_language(lang)
    given = {
        "token": token_of(token), "name": name, "login": login, "password": password, "totp": totp, "code": code,
        "card": card, "month": month, "day": day,
    }  # fmt: skip
    now, proof = desk.now(), proofs(desk).get(way)
    who = proof.prove(given, now) if proof else Refusal("link-spent", "no such way in")
    if isinstance(who, Refusal):
        return _refused(desk, tongue, way, given, who.code, kept=kept, next_=resume.own_path(next))
    before = request.cookies.get(cookie_name(desk.secure))
    if before:
        desk.sessions.end(before, now)
    return _begin(desk, who, _tongue_of(desk, who, tongue), now, kept=kept, next_=resume.own_path(next))


@door.page("/unlock", OPEN)
def ask_again(request: Request, desk: TheDesk, next: str = "/") -> Response:  # noqa: A002
    """The lock of a screen that was left alone."""
    session = visitor(request, desk)
    if session is None or not session.locked:
        return RedirectResponse(resume.own_path(next) if session else resume.SIGN_IN, 303)
    return locked_page(desk, session, next_=resume.own_path(next))


@door.form("/unlock", OPEN)
def unlock(
    request: Request,
    desk: TheDesk,
    csrf: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    token: Annotated[str, Form()] = "",
    kept: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Opens a locked screen for the one who left it; nobody else's password or name helps."""
    session, now, way = visitor(request, desk), desk.now(), resume.own_path(next)
    if session is None:
        return sign_in_page(desk, "ja", kept=kept, next_=way, status=403)
    if not session.accepts(csrf):
        raise SorryError(403, "csrf")
    if session.locked:
        who = _proved(desk, session, password, token, now)
        if isinstance(who, Refusal):
            return locked_page(desk, session, kept=kept, next_=way, error=who.code, status=_STATUS.get(who.code, 422))
        desk.sessions.unlock(request.cookies[cookie_name(desk.secure)], now)
        _note(desk, session, "unlock", now)
    opened = visitor(request, desk)
    assert opened is not None  # it was there, and has just been unlocked
    typed = resume.opened(desk, session.who.id, kept, now)
    return resume.show(desk, opened, typed) if typed else RedirectResponse(way, 303)


@door.form("/signout", OPEN)
def leave(request: Request, desk: TheDesk, csrf: Annotated[str, Form()] = "") -> Response:
    """Ends the session, also a locked one."""
    session, leave_there = visitor(request, desk), None
    if session is not None:
        if not session.accepts(csrf):
            raise SorryError(403, "csrf")
        leave_there = _way_out(request, desk)
        _note(desk, session, "sign-out", desk.now())
        desk.sessions.end(request.cookies.get(cookie_name(desk.secure)), desk.now())
    lang = session.lang if session else wished(request) or "ja"
    mine = session is not None and not session.who.is_staff
    answer = desk.page("signout.html", lang, None, here="/signin", mine=mine, leave=leave_there)
    answer.delete_cookie(cookie_name(desk.secure), path="/", httponly=True, samesite="strict", secure=desk.secure)
    return answer


def _way_out(request: Request, desk: Desk) -> str | None:
    """Where somebody whom the city's ID signed in signs out of that, too; None for everybody else."""
    if desk.one_id is None:
        return None
    with read(desk.engine) as connection:
        came = repo_one_id_ways.came(connection, hash_of(request.cookies.get(cookie_name(desk.secure), "")))
    # Nobody waits for the provider to sign out here.
    provider = desk.one_id.said
    if came is None or provider is None:
        return None
    return way_out(provider, desk.one_id.client, f"{base_of(request, desk)}/signin")


def next_language(lang: str) -> Language:
    """The language of that name, else Japanese."""
    return next((one for one in LANGUAGES if one == lang), "ja")


def _begin(desk: Desk, who: Identity, lang: Language, now: datetime, *, kept: str, next_: str) -> Response:
    cookie, session = desk.sessions.start(who, lang, now)
    _note(desk, session, "sign-in", now)
    typed = resume.opened(desk, who.id, kept, now)
    answer = resume.show(desk, session, typed) if typed else RedirectResponse(next_, 303)
    life = int((session.ends - now).total_seconds())
    answer.set_cookie(
        cookie_name(desk.secure), cookie, max_age=life, path="/", httponly=True, samesite="strict", secure=desk.secure
    )
    return answer


def _refused(
    desk: Desk, lang: Language, way: str, given: Mapping[str, str], code: str, *, kept: str, next_: str
) -> Response:
    """The page that was filled in, with what was typed in it except secrets, and why it is not enough."""
    error, status = code if code in _SAID else "wrong", _STATUS.get(code, 422)
    shown = {field: given[field] for field in ("name", "login", "month", "day")}
    if way == LINK_WAY and not kept:
        if code == "link-spent":
            raise SorryError(403, "link-spent")
        return link_page(desk, lang, given["token"], name=given["name"], error=error, status=status)
    if way == CARD_WAY:
        return card_page(desk, lang, given["card"], given=shown, error=error, status=status)
    return sign_in_page(desk, lang, way=way, given=shown, error=error, kept=kept, next_=next_, status=status)


def _proved(desk: Desk, session: Session, password: str, token: str, now: datetime) -> Identity | Refusal:
    if is_id(session.who.id, "s"):
        return staff_proof(desk).unlock(session.who.id, password, now)
    proof = proofs(desk).get(LINK_WAY)
    if proof is None:
        return Refusal("link-spent", "no link opens anything here")
    return proof.prove({"token": token_of(token), "name": session.who.name}, now)


def _tongue_of(desk: Desk, who: Identity, asked: Language) -> Language:
    """The language somebody keeps in their account; for residents the one the page was in."""
    if not is_id(who.id, "s"):
        return asked
    with read(desk.engine) as connection:
        member = repo_staff.get(connection, who.id)
    return member.language if member else asked


def _note(desk: Desk, session: Session, action: str, now: datetime) -> None:
    with write(desk.engine) as connection:
        note(connection, desk, session, action, now)
