"""The page behind the QR code of an emergency card: who asks and why first, then the record, for an hour.

A secret of 130 bits is not guessed; what is limited is how often one card opens, and how much tries at nothing write.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.emergency import (
    MOST_A_DAY,
    MOST_REFUSED,
    OPEN_FOR,
    REFUSED_WITHIN,
    Asked,
    Card,
    Look,
    asked,
    read_secret,
)
from engine.locale import Language
from engine.notify.sending import FAMILY_EMERGENCY
from engine.officehours import ZONE
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_emergency, repo_family, repo_notices, repo_residents
from engine.store.database import Connection, read, write
from engine.store.filing import By
from engine.summary_page import words
from engine.summary_store import note_summary, stored_summary
from engine.web.context import Desk, TheDesk, wished
from engine.web.door import OPEN, Door

door = Door()
NOTICE: Final = "emergency"
_DAY: Final = timedelta(days=1)
# What a search engine was never told of it cannot list; a link somebody posts stays unlisted too.
_HEADERS: Final = {"X-Robots-Tag": "noindex, nofollow, noarchive"}


@door.page("/e/{secret}", OPEN)
def show(request: Request, desk: TheDesk, secret: str) -> Response:
    """The record where it was opened in this browser within the hour, else the questions; one answer for no card."""
    lang, now = wished(request) or "ja", desk.now()
    with read(desk.engine) as connection:
        card = _card(connection, secret, now)
        look = None if card is None else _look(request, connection, desk, card, now)
    if card is None:
        return _nothing(desk, lang, secret, now)
    if look is None:
        return _page(desk, lang, secret, "emergency/ask.html", given=None)
    return _record(desk, lang, secret, look, now)


@door.form("/e/{secret}", OPEN)
def enter(
    request: Request,
    desk: TheDesk,
    secret: str,
    name: Annotated[str, Form()] = "",
    place: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    lang: Annotated[str, Form()] = "",
) -> Response:
    """Opens the record for an hour, tells the desk, the auditor, the person and their family."""
    tongue: Language = "en" if lang == "en" else wished(request) or "ja"
    now, said = desk.now(), asked(name, place, reason)
    with write(desk.engine) as connection:
        card = _card(connection, secret, now)
        look: Look | int = 404
        if card is not None and isinstance(said, Asked):
            seldom = repo_emergency.looks_by(connection, card.id, now - _DAY) < MOST_A_DAY
            look = _open(connection, desk, card, said, now) if seldom else 429
    if card is None:
        return _nothing(desk, tongue, secret, now)
    if isinstance(said, Refusal):
        given = {"name": name, "place": place, "reason": reason}
        return _page(desk, tongue, secret, "emergency/ask.html", status=422, given=given, wrong=said)
    if isinstance(look, int):
        return _page(desk, tongue, secret, "emergency/none.html", status=look, why="slow")
    answer = RedirectResponse(f"/e/{secret}?lang={tongue}", 303, headers=_HEADERS)
    answer.set_cookie(
        _cookie(desk), seal_of(desk.home).seal(look.id, _about(look.card)), max_age=int(OPEN_FOR.total_seconds()),
        path="/e", httponly=True, samesite="strict", secure=desk.secure,
    )  # fmt: skip
    return answer


@door.form("/e/{secret}/close", OPEN)
def close(request: Request, desk: TheDesk, secret: str) -> Response:
    """Closes the record in this browser."""
    answer = _page(desk, wished(request) or "ja", secret, "emergency/none.html", status=200, why="closed")
    answer.delete_cookie(_cookie(desk), path="/e", httponly=True, samesite="strict", secure=desk.secure)
    return answer


def _card(connection: Connection, secret: str, now: datetime) -> Card | None:
    """The good card of an active person with that secret."""
    plain = read_secret(secret)
    card = None if plain is None else repo_emergency.by_secret(connection, plain)
    if card is None or not card.good(now):
        return None
    person = repo_residents.get(connection, card.resident)
    return card if person is not None and person.status == "active" else None


def _look(request: Request, connection: Connection, desk: Desk, card: Card, now: datetime) -> Look | None:
    """The look this browser opened by this very card, while it is open."""
    cookie = request.cookies.get(_cookie(desk), "")
    name = seal_of(desk.home).open(cookie, _about(card.id)) if cookie else None
    look = repo_emergency.get(connection, name) if name else None
    return look if look is not None and now < look.until else None


def _open(connection: Connection, desk: Desk, card: Card, said: Asked, now: datetime) -> Look:
    made = repo_emergency.look(connection, card, said, now, SystemRandom(), desk.os_user)
    repo_notices.owe(connection, card.resident, NOTICE, made.id, now, urgent=True)
    for member in repo_family.named_by(connection, card.resident):
        if repo_family.may_look(connection, member.id, card.resident, None, now):
            repo_notices.owe(connection, member.id, FAMILY_EMERGENCY, made.id, now, urgent=True)
    return made


def _record(desk: Desk, lang: Language, secret: str, look: Look, now: datetime) -> Response:
    with write(desk.engine) as connection:
        person = repo_residents.get(connection, look.resident)
        assert person is not None  # the card was looked at with its person
        summary = stored_summary(connection, person, now, lang=lang, whole=True)
        note_summary(connection, summary, "emergency-view", By(look.id, desk.os_user), now, look.card)
    until = f"{look.until.astimezone(ZONE):%H:%M}"
    shown = {name: one for name, one in words(summary, lang).items() if name != "lang"}
    return _page(desk, lang, secret, "emergency/record.html", until=until, who=look.who, **shown)


def _nothing(desk: Desk, lang: Language, secret: str, now: datetime) -> Response:
    """The same for an unknown, an expired and a revoked card; after too many of them only the answer, no entry."""
    with write(desk.engine) as connection:
        flooded = repo_emergency.refused_since(connection, now - REFUSED_WITHIN) >= MOST_REFUSED
        if not flooded:
            repo_emergency.note_refused(connection, now, desk.os_user)
    return _page(desk, lang, secret, "emergency/none.html", status=429 if flooded else 404, why="none")


def _page(desk: Desk, lang: Language, secret: str, template: str, *, status: int = 200, **more: Any) -> Response:
    # The address as it was asked for never comes back into the page unless it can be a secret.
    here = f"/e/{secret}" if read_secret(secret) else "/e/none"
    answer = desk.page(template, lang, None, status=status, here=here, **({"wrong": None} | more))
    answer.headers.update(_HEADERS)
    return answer


def _cookie(desk: Desk) -> str:
    return "__Secure-phr_emergency" if desk.secure else "phr_emergency"


def _about(card: str) -> str:
    return f"emergency look {card}"
