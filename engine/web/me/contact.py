"""Call me, a question, this is wrong: what a resident asks of the desk, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from engine.contract.ids import is_id
from engine.locale import Language
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import KINDS, Kind, due_of, words_of
from engine.requests import Request as Asked
from engine.store import repo_advice, repo_devices, repo_disclosure, repo_readings_of, repo_requests
from engine.store.database import Connection, write
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.me.mine import MOST_FIELDS, day_words, last, me_of
from engine.web.me.sheet import TheSheet

door = Door()
_PAGE: Final = "/me/contact"
# One desk answers one person at a time: whoever has this many open asks by telephone.
MOST_OPEN: Final = 10


@door.page(_PAGE, "mine.say")
def show(desk: TheDesk, session: Signed, sheet: TheSheet, kind: str = "", about: str = "") -> HTMLResponse:
    """The three ways to tell the desk something, and what became of what I asked for."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        values = _values(connection, person, session.lang, now, about)
        note(connection, desk, session, "requests-view", now, subject=person.id)
    return sheet.page("me/contact.html", here=_PAGE, kind=_kind(kind), typed="", wrong=None, **values)


@door.form(_PAGE, "mine.say")
async def send(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Stores what is asked for; who asks to be called need not write anything."""
    sent = await request.form(max_fields=MOST_FIELDS)
    kind, about, typed = _kind(last(sent, "kind")), last(sent, "about"), last(sent, "text")
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        open_ = [one for one in repo_requests.of(connection, person.id) if one.state == "open"]
        text: str | Refusal = words_of(typed, needed=kind != "call")
        if kind is None:
            text = Refusal("no-kind", "choose one", "kind")
        elif len(open_) >= MOST_OPEN:
            text = Refusal("too-many", "wait for an answer first", "text")
        if isinstance(text, Refusal) or kind is None:
            values = _values(connection, person, session.lang, now, about)
        else:
            matter = _mine(connection, person, about, now)
            made = repo_requests.add(connection, person, kind, text, matter, now)
            note(connection, desk, session, "request-add", now, subject=made.id)
            return RedirectResponse(f"{_PAGE}#{made.id}", 303)
    wrong = text.code if isinstance(text, Refusal) else "no-kind"
    return sheet.page("me/contact.html", here=_PAGE, status=422, kind=kind, typed=typed, wrong=wrong, **values)


def _kind(text: str) -> Kind | None:
    return next((one for one in KINDS if one == text), None)


def _values(connection: Connection, person: Resident, lang: Language, now: datetime, about: str) -> dict[str, Any]:
    asked = [_line(one, lang) for one in repo_requests.of(connection, person.id)]
    matter = _mine(connection, person, about, now)
    by = {kind: day_words(lang, due_of(kind, person.municipality_code, now)) for kind in KINDS}
    return {"asked": asked, "about": matter or "", "matter": _matter(matter), "by": by}


def _mine(connection: Connection, person: Resident, about: str, now: datetime) -> str | None:
    """The id a request is about, if it is this person's own: advice, a fact they may see, a device, a reading."""
    if is_id(about, "a"):
        item = repo_advice.get(connection, about)
        return about if item is not None and item.resident_id == person.id else None
    if is_id(about, "d"):
        devices = repo_devices.devices(connection, person.household_id) if person.household_id else []
        return next((one.id for one in devices if one.id == about), None)
    if about.startswith("f-"):
        seen = repo_disclosure.seen_by(connection, person, now).shown
        return next((fact.id for fact in seen if fact.id == about), None)
    return about if about and repo_readings_of.is_theirs(connection, about, person.id) else None


def _matter(about: str | None) -> str | None:
    """Which word says what it is about."""
    if about is None:
        return None
    return {"a-": "advice", "d-": "device", "f-": "fact"}.get(about[:2], "reading")


def _line(one: Asked, lang: Language) -> dict[str, Any]:
    return {
        "id": one.id, "kind": one.kind, "text": one.text, "state": one.state, "answer": one.answer,
        "due": day_words(lang, one.due_at), "asked": day_words(lang, one.created_at),
        "closed": day_words(lang, one.closed_at) if one.closed_at else "",
    }  # fmt: skip
