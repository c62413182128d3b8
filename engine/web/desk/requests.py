"""What residents asked for: by due date, answered in plain words, closed, or handed to the other desk.

The nurses' desk and the help desk have pages of their own; what was said to one is not read at the other.
"""

from __future__ import annotations

from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.contract.ids import is_id
from engine.decisions import open_to_nurses
from engine.locale import Language, text
from engine.officehours import left_words
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import DeskName, Request, words_of
from engine.store import repo_contacts, repo_notices, repo_requests, repo_residents, repo_staff
from engine.store.database import Connection, write
from engine.store.instants import to_micros
from engine.store.repo_residents import Conflict
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when
from engine.wording import wording_faults

door = Door()
PAGE: Final = 50
ROOTS: Final[dict[DeskName, str]] = {"health": "/requests", "devices": "/devices/requests"}
_ENDS: Final = ("phoned", "settled")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One request of the list: whose, what, how much time is left in words, and whether it is late."""

    id: str
    name: str
    kana: str
    kind: str
    first: str
    left: str
    late: bool
    state: str
    at: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A form that was refused: which one, why in words, and what it held."""

    form: str
    words: tuple[str, ...]
    typed: str


@door.page("/requests", "request.health")
def listed(desk: TheDesk, session: Signed, after: str = "") -> Response:
    """What waits for the nurses, due first."""
    return _list(desk, session, "health", after)


@door.page("/devices/requests", "request.devices")
def listed_devices(desk: TheDesk, session: Signed, after: str = "") -> Response:
    """What waits for the help desk, due first."""
    return _list(desk, session, "devices", after)


@door.page("/requests/{request}", "request.health")
def look(request: str, desk: TheDesk, session: Signed) -> Response:
    """One request, and what may be done about it."""
    return _show(desk, session, "health", request, None)


@door.page("/devices/requests/{request}", "request.devices")
def look_devices(request: str, desk: TheDesk, session: Signed) -> Response:
    """One request to the help desk."""
    return _show(desk, session, "devices", request, None)


@door.form("/requests/{request}/answer", "request.health")
def answer(
    request: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()], text: Annotated[str, Form()] = ""
) -> Response:
    """Answers on the resident's page."""
    return _answer(desk, session, "health", request, version, text)


@door.form("/devices/requests/{request}/answer", "request.devices")
def answer_devices(
    request: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()], text: Annotated[str, Form()] = ""
) -> Response:
    """Answers on the resident's page, from the help desk."""
    return _answer(desk, session, "devices", request, version, text)


@door.form("/requests/{request}/close", "request.health")
def close(
    request: str,
    desk: TheDesk,
    session: Trusted,
    version: Annotated[int, Form()],
    end: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
) -> Response:
    """Closes it: somebody spoke with them, or nothing is left to do."""
    return _close(desk, session, "health", request, version, end, text)


@door.form("/devices/requests/{request}/close", "request.devices")
def close_devices(
    request: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()], end: Annotated[str, Form()] = ""
) -> Response:
    """Closes it at the help desk."""
    return _close(desk, session, "devices", request, version, end, "")


@door.form("/requests/{request}/hand", "request.health")
def hand(
    request: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()], text: Annotated[str, Form()] = ""
) -> Response:
    """Hands it to the help desk in a nurse's own words."""
    now, kept = desk.now(), words_of(text)
    if isinstance(kept, Refusal):
        return _show(desk, session, "health", request, _refused("hand", kept.code, text, session.lang))
    with write(desk.engine) as connection:
        asked, _ = _mine(connection, session, "health", request, desk.now())
        done = repo_requests.hand_on(connection, _at(asked, version), kept, session.by, now)
        _done(connection, desk, session, "request-hand", done, now, asked)
    return RedirectResponse("/requests", 303)


@door.form("/devices/requests/{request}/hand", "request.devices")
def hand_devices(
    request: str, desk: TheDesk, session: Trusted, version: Annotated[int, Form()]
) -> Response:  # fmt: skip
    """Hands it to the nurses as it is."""
    now = desk.now()
    with write(desk.engine) as connection:
        asked, _ = _mine(connection, session, "devices", request, desk.now())
        done = repo_requests.change(connection, msgspec.structs.replace(_at(asked, version), desk="health"))
        _done(connection, desk, session, "request-hand", done, now, asked)
    return RedirectResponse(ROOTS["devices"], 303)


def _answer(desk: Desk, session: Session, at: DeskName, request: str, version: int, typed: str) -> Response:
    now, kept = desk.now(), words_of(typed)
    with write(desk.engine) as connection:
        asked, person = _mine(connection, session, at, request, desk.now())
        faults = (kept.code,) if isinstance(kept, Refusal) else wording_faults(person.language, kept)
        if not faults and isinstance(kept, str):
            after = msgspec.structs.replace(
                _at(asked, version), state="answered", answer=kept, closed_at=now, closed_by=session.by
            )  # fmt: skip
            done = repo_requests.change(connection, after)
            _done(connection, desk, session, "request-answer", done, now, asked)
            repo_notices.owe(connection, person.id, kind="answer", about=asked.id, now=now)
            return RedirectResponse(ROOTS[at], 303)
    words = tuple(_fault(fault, session.lang) for fault in faults)
    return _show(desk, session, at, request, Refused(form="answer", words=words, typed=typed))


def _close(
    desk: Desk, session: Session, at: DeskName, request: str, version: int, end: str, typed: str
) -> Response:  # fmt: skip
    now, kept = desk.now(), words_of(typed, needed=False)
    if isinstance(kept, Refusal) or end not in _ENDS:
        code = kept.code if isinstance(kept, Refusal) else "choose"
        return _show(desk, session, at, request, _refused("close", code, typed, session.lang))
    with write(desk.engine) as connection:
        asked, person = _mine(connection, session, at, request, desk.now())
        after = msgspec.structs.replace(_at(asked, version), state="closed", closed_at=now, closed_by=session.by)
        _done(connection, desk, session, f"request-{end}", repo_requests.change(connection, after), now, asked)
        if at == "health" and end == "phoned":
            repo_contacts.add(
                connection, resident=person.id, by=session.by, how="phone", outcome="reached", text=kept, now=now,
                rng=SystemRandom(), os_user=desk.os_user,
            )  # fmt: skip
    return RedirectResponse(ROOTS[at], 303)


def _at(asked: Request, version: int) -> Request:
    """The request as the form saw it: an older version is refused by the store."""
    return msgspec.structs.replace(asked, version=version)


def _mine(
    connection: Connection, session: Session, at: DeskName, name: str, now: datetime
) -> tuple[Request, Resident]:  # fmt: skip
    """The request, if it waits at this desk for a resident of my towns; else it does not exist."""
    asked = repo_requests.get(connection, name) if is_id(name, "q") else None
    if asked is None or asked.desk != at:
        # The very answer that `scope.known` gives: what lies in another town must not be told from what never was.
        raise SorryError(404, "not-found")
    return asked, scope.known(connection, session.who, asked.resident_id, now)


def _done(
    connection: Connection, desk: Desk, session: Session, action: str, done: Request | Conflict, now: datetime,
    asked: Request,
) -> None:  # fmt: skip
    """The audit entry of what was done; raises SorryError conflict where somebody else was first."""
    if isinstance(done, Conflict) or asked.state != "open":
        raise SorryError(409, "conflict", back=ROOTS[asked.desk])
    note(connection, desk, session, action, now, subject=asked.id, detail=[asked.version, done.id])


def _refused(form: str, code: str, typed: str, lang: Language) -> Refused:
    return Refused(form=form, words=(text(lang, "nurse", f"desk.care.refused.{code}"),), typed=typed)


def _fault(fault: str, lang: Language) -> str:
    """Why an answer would not be plain to its reader."""
    if fault in {"empty", "too-long", "control-character"}:
        return text(lang, "nurse", f"desk.care.refused.{fault}")
    return text(lang, "nurse", "desk.request.fault", fault=fault)


def _list(desk: Desk, session: Session, at: DeskName, after: str) -> Response:
    now, towns = desk.now(), session.who.municipalities
    with write(desk.engine) as connection:
        last = repo_requests.get(connection, after) if is_id(after, "q") else None
        mine = last is not None and last.desk == at and session.who.within(last.municipality_code)
        place = (to_micros(last.due_at), last.id) if last is not None and mine else None
        waits = repo_requests.waiting(connection, at, towns, after=place, limit=PAGE + 1)
        done = [] if place else repo_requests.finished(connection, at, towns)
        counts = repo_requests.count(connection, at, towns, now)
        people = _people(connection, [*waits, *done])
        names = repo_staff.names_of(connection, [one.closed_by for one in done if one.closed_by])
        note(connection, desk, session, "requests-view", now, detail=[one.id for one in waits])
    context: dict[str, Any] = {
        "lines": [_line(one, people, session.lang, now) for one in waits[:PAGE]],
        "done": [(_line(one, people, session.lang, now), names.get(one.closed_by or "", "")) for one in done],
        "count": counts[0], "late": counts[1], "root": ROOTS[at], "at_desk": at,
        "next": waits[PAGE - 1].id if len(waits) > PAGE else "",
    }  # fmt: skip
    return desk.page("requests/requests.html", session.lang, session, here=ROOTS[at], **context)


def _people(connection: Connection, asked: list[Request]) -> dict[str, Resident]:
    found = repo_residents.get_many(connection, {one.resident_id for one in asked})
    return {person.id: person for person in found}


def _line(one: Request, people: dict[str, Resident], lang: Language, now: datetime) -> Line:
    person = people.get(one.resident_id)
    left = left_words(one.due_at, now, "routine", one.municipality_code)
    words = text(lang, "nurse", f"desk.request.{left.kind}.{left.unit}", n=left.number)
    return Line(
        id=one.id, name=people_rows.name(person) if person else one.resident_id,
        kana=people_rows.kana(person) if person else "", kind=one.kind, first=one.text.split("\n")[0], left=words,
        late=left.kind == "over", state=one.state, at=when(lang, one.closed_at or one.created_at, fact_rows.ZONE),
    )  # fmt: skip


def _show(desk: Desk, session: Session, at: DeskName, request: str, refused: Refused | None) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        asked, person = _mine(connection, session, at, request, desk.now())
        agreed = at == "health" and bool(open_to_nurses(connection, [person.id], now))
        names = repo_staff.names_of(connection, [asked.closed_by] if asked.closed_by else [])
        note(connection, desk, session, "request-view", now, subject=asked.id, detail=[asked.version])
    context: dict[str, Any] = {
        "asked": asked, "line": _line(asked, {person.id: person}, lang, now),
        "who": people_rows.who(person, lang, now), "root": ROOTS[at], "at_desk": at, "agreed": agreed,
        "refused": refused, "ends": _ENDS, "names": names, "error": refused,
        "created": when(lang, asked.created_at, fact_rows.ZONE), "due": when(lang, asked.due_at, fact_rows.ZONE),
    }  # fmt: skip
    here, status = f"{ROOTS[at]}/{asked.id}", 422 if refused else 200
    return desk.page("requests/request.html", lang, session, status=status, here=here, **context)
