"""Clinical facts of a resident: written down, taken back by a row of their own, released to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from random import SystemRandom
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine import clinical_taking
from engine.clinical import SOURCES, Fact, record
from engine.clinical_codes import catalogue
from engine.entering import FORMATS
from engine.evaluate import attempt
from engine.imports.moments import moment
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_facts, repo_releases, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.desk.forms import Typed, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
FIELDS: Final = ("code", "value", "unit", "on", "source")
# What staff may name as the source of what they write down.
TOLD_BY: Final = ("nurse", "hospital", "lab", "checkup", "resident", "family")
_CHANNEL: Final = "desk"


@door.page("/residents/{resident}/facts", "person.enter")
def look(resident: str, desk: TheDesk, session: Signed) -> Response:
    """Everything that stands, and a form for more."""
    return _show(desk, session, resident, dict.fromkeys(FIELDS, "") | {"source": TOLD_BY[0]}, None)


@door.form("/residents/{resident}/facts", "person.enter")
def add(resident: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Writes one fact down."""
    typed = {name: said(form, name, 64) for name in FIELDS}
    return _add(desk, session, resident, typed)


@door.form("/residents/{resident}/facts/{fact}/retract", "person.enter")
def retract(resident: str, fact: str, desk: TheDesk, session: Trusted) -> Response:
    """Takes one back: it stays in the record and counts no more."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = _whose(connection, session, resident, fact, now)
        by = By(session.by, desk.os_user)
        back = repo_facts.retract(connection, fact, by, _CHANNEL, now, SystemRandom())
        if isinstance(back, Refusal):
            raise SorryError(409, "conflict", back=f"/residents/{person.id}/facts")
        attempt(connection, person.id, now)
    return RedirectResponse(f"/residents/{resident}/facts", 303)


@door.form("/residents/{resident}/facts/{fact}/release", "release")
def release(resident: str, fact: str, desk: TheDesk, session: Trusted) -> Response:
    """Lets the resident see one that waits for a doctor's or nurse's word."""
    now = desk.now()
    with write(desk.engine) as connection:
        _whose(connection, session, resident, fact, now)
        repo_releases.release(connection, fact, By(session.by, desk.os_user), now)
    return RedirectResponse(f"/residents/{resident}/facts#{fact}", 303)


def _whose(connection: Connection, session: Session, resident: str, fact: str, now: datetime) -> Resident:
    """The resident, if this person may act for them and the fact is theirs."""
    person = scope.resident_of(connection, session.who, resident, now)
    if all(one.id != fact or one.retracts is not None for one in repo_facts.of_one(connection, person.id)):
        raise SorryError(404, "not-found", back=f"/residents/{person.id}/facts")
    return person


def _add(desk: Desk, session: Session, resident: str, typed: Mapping[str, str]) -> Response:
    now = desk.now()
    fact = _read(resident, session.by, typed, now)
    if isinstance(fact, Refusal):
        return _show(desk, session, resident, typed, fact)
    how = clinical_taking.Taking(
        by=By(session.by, desk.os_user), channel=_CHANNEL, now=now, rng=SystemRandom()
    )  # fmt: skip
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        added = clinical_taking.add(connection, person, [fact], how)
        if not isinstance(added, Refusal) and added.stored:
            attempt(connection, person.id, now)
    if isinstance(added, Refusal):
        key = "no-record" if added.code == "no-consent" else "inactive"
        raise SorryError(403 if added.code == "no-consent" else 409, key, back=f"/residents/{resident}")
    if added.already:
        return _show(desk, session, resident, typed, Refusal("already", "", "value"))
    return RedirectResponse(f"/residents/{resident}/facts", 303)


def _read(resident: str, by: str, typed: Mapping[str, str], now: datetime) -> Fact | Refusal:
    """The fact that the form says, or why it cannot be written down."""
    if typed["code"] not in catalogue():
        return Refusal("unknown-code", "", "code")
    source = next((one for one in SOURCES if one == typed["source"] and one in TOLD_BY), None)
    if source is None:
        return Refusal("unknown-source", "", "source")
    at = moment(typed["on"], FORMATS, fact_rows.ZONE, time()) if typed["on"] else now
    if at is None:
        return Refusal("unreadable-date", "", "on")
    draft = Fact(
        resident=resident, code=typed["code"], value="", at=at, source=source, actor=by, channel=_CHANNEL,
        recorded_at=now,
    )  # fmt: skip
    found = record(draft, typed["value"], typed["unit"] or None)
    fields = {"at": "on", "code": "code"}
    return found if isinstance(found, Fact) else Refusal(found.code, "", fields.get(found.field or "", "value"))


def _show(
    desk: Desk, session: Session, resident: str, typed: Mapping[str, str], refused: Refusal | None
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        facts = repo_facts.of_one(connection, person.id)
        rows = fact_rows.every(facts, now, lang)
        names = repo_staff.names_of(connection, {row.by for row in rows})
        released = repo_releases.released_to(connection, person.id)
        note(connection, desk, session, "record-facts", now, subject=person.id, detail=[row.id for row in rows])
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "rows": rows, "names": names,
        "released": {name: fact_rows.day(lang, at) for name, at in released.items()}, "typed": typed,
        "choices": fact_rows.choices(lang), "sources": TOLD_BY, "refused": refused, "error": refused,
    }  # fmt: skip
    here, status = f"/residents/{person.id}/facts", 422 if refused else 200
    return desk.page("record/facts.html", lang, session, status=status, here=here, **context)
