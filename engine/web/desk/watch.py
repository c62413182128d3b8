"""Notes of those who watch over people (民生委員, 地域包括支援センター); nothing of anybody's health."""

from __future__ import annotations

import re
from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.decisions import open_to_nurses
from engine.municipalities import REGION
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import words_of
from engine.situation import gone
from engine.store import repo_life, repo_notes, repo_residents, repo_staff, repo_watch
from engine.store.database import Connection, write
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows, watch_rows
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when

door = Door()
_NUMBER: Final = re.compile(r"[0-9０-９一二三四五六七八九十]+(?:丁目|番|号|[-－‐−ー])?.*$")


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is watched over: the name and where about they live, nothing else."""

    id: str
    name: str
    kana: str
    area: str


@door.page("/watch", "watch.see")
def look(desk: TheDesk, session: Signed) -> Response:
    """Whom I watch over and what I was told; a nurse sees what is to be decided, and what was written down last."""
    now, nurse, decides = desk.now(), session.who.may("person.see"), session.who.may("watch.decide")
    towns, lang = session.who.municipalities, session.lang
    with write(desk.engine) as connection:
        watched = repo_watch.watched(connection, session.by, now)
        lived = repo_life.situations(connection, watched)
        people = [one for one in repo_residents.get_many(connection, watched) if gone(lived[one.id], now) is None]
        told = watch_rows.notes(connection, session.by, watched, lang, now)
        alerts = watch_rows.lines(connection, towns, watch_rows.PEOPLE, lang, now) if decides else []
        quiet = watch_rows.lines(connection, towns, watch_rows.DEVICES, lang, now) if decides else []
        mine = [_watched(person) for person in people if _ours(person, session)]
        notes = repo_watch.recent(connection, towns) if nurse else []
        agreed = open_to_nurses(connection, {one.resident for one in notes}, now)
        shown = [one for one in notes if one.resident in agreed]
        about = {person.id: person for person in repo_residents.get_many(connection, agreed)}
        names = repo_staff.names_of(connection, {one.author for one in shown})
        seen = [one.seq for one in (*alerts, *quiet)]
        note(
            connection, desk, session, "watch-list", now,
            detail=[*(one.id for one in mine), *(n.id for n in shown), *seen],
        )  # fmt: skip
    context: dict[str, Any] = {
        "people": mine, "notes": [(one, people_rows.name(about[one.resident])) for one in shown], "names": names,
        "nurse": nurse, "decides": decides, "told": told, "alerts": alerts, "quiet": quiet,
        "at": lambda instant: when(session.lang, instant, fact_rows.ZONE),
    }  # fmt: skip
    return desk.page("watch/watch.html", session.lang, session, here="/watch", **context)


@door.page("/watch/{resident}", "watch.see")
def person(resident: str, desk: TheDesk, session: Signed) -> Response:
    """The notes about one person, and a form for another."""
    return _show(desk, session, resident, None, "")


@door.form("/watch/{resident}/note", "watch.write")
def write_note(resident: str, desk: TheDesk, session: Trusted, text: Annotated[str, Form()] = "") -> Response:
    """Writes down what was seen."""
    now, kept = desk.now(), words_of(text)
    if isinstance(kept, Refusal):
        return _show(desk, session, resident, kept.code, text)
    with write(desk.engine) as connection:
        found = _whom(connection, session, resident, now)
        repo_notes.add(
            connection, resident=found.id, author=session.by, text=kept, now=now, rng=SystemRandom(),
            os_user=desk.os_user, kind="watch",
        )  # fmt: skip
    return RedirectResponse(f"/watch/{resident}", 303)


def area_of(address: str | None) -> str:
    """Where about somebody lives: the address up to its first number, so that no house is named."""
    return _NUMBER.sub("", address or "").strip()


def _ours(person: Resident, session: Session) -> bool:
    return session.who.within(person.municipality_code)


def _whom(connection: Connection, session: Session, resident: str, now: datetime) -> Resident:
    """The resident, if they let this person watch over them, or let nurses look and this is one; else there is nobody.

    Who may not see a person must not learn that there is one.
    """
    found = scope.known(connection, session.who, resident)
    if found.id in repo_watch.watched(connection, session.by, now):
        return found
    if session.who.may("person.see"):
        return scope.resident_of(connection, session.who, resident, now)
    raise SorryError(404, "not-found")


def _watched(person: Resident) -> Watched:
    town = REGION.get(person.municipality_code, "")
    area = area_of(person.address)
    return Watched(
        id=person.id, name=people_rows.name(person), kana=people_rows.kana(person),
        area=area if area.startswith(town) else f"{town} {area}".strip(),
    )  # fmt: skip


def _show(desk: Desk, session: Session, resident: str, refused: str | None, typed: str) -> Response:
    now = desk.now()
    with write(desk.engine) as connection:
        found = _whom(connection, session, resident, now)
        notes = repo_notes.of_resident(connection, found.id, ("watch",))
        names = repo_staff.names_of(connection, {one.author for one in notes})
        note(connection, desk, session, "watch-view", now, subject=found.id, detail=[one.id for one in notes])
    context: dict[str, Any] = {
        "one": _watched(found), "notes": notes, "names": names, "refused": refused, "typed": typed, "error": refused,
        "at": lambda instant: when(session.lang, instant, fact_rows.ZONE),
    }  # fmt: skip
    here, status = f"/watch/{found.id}", 422 if refused else 200
    return desk.page("watch/person.html", session.lang, session, status=status, here=here, **context)
