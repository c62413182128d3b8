"""One resident as staff see them: who they are, what was measured and told, what was advised and what came of it."""

from __future__ import annotations

from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Query, Response
from fastapi.responses import RedirectResponse

from engine import asking, consent
from engine.care_entries import Sort
from engine.charts import draw, rows
from engine.clinical import picture_of
from engine.consent_texts import TEXTS
from engine.decisions import open_to_nurses
from engine.life_words import badges
from engine.locale import Language
from engine.people import Resident
from engine.refusal import Refusal
from engine.requests import words_of
from engine.situation import refuses
from engine.store import (
    repo_acting,
    repo_caseload,
    repo_consents,
    repo_contacts,
    repo_devices,
    repo_disclosure,
    repo_entries,
    repo_facts,
    repo_life,
    repo_notes,
    repo_record,
    repo_releases,
    repo_requests,
    repo_residents,
    repo_staff,
    repo_teams,
)
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import entry_rows, fact_rows, people_rows, phone
from engine.web.desk.record_charts import COURSES, SPANS, Course, course, courses
from engine.web.door import Door
from engine.web.sessions import Session
from engine.web.view import when

door = Door()
_ALL: Final = 99
_DAYS: Final = 90
_SVG: Final = "image/svg+xml"


@door.page("/residents/{resident}", "person.see")
def look(resident: str, desk: TheDesk, session: Signed, days: int = _DAYS) -> Response:
    """The record; without consent only behind a broken glass."""
    return show(desk, session, resident, days if days in SPANS else _DAYS)


@door.page("/residents/{resident}/chart/{course}.svg", "person.see")
def picture(
    resident: str, course: str, desk: TheDesk, session: Signed, days: int = _DAYS, lang: Annotated[str, Query()] = ""
) -> Response:
    """One course as a picture; the page it stands in has written the audit entry."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now, to=scope.LOOK)
        spoken: Language = "en" if (lang or session.lang) == "en" else "ja"
        found = None if course not in COURSES else _one(connection, person, course, spoken, now, days)
        note(connection, desk, session, "record-chart", now, subject=person.id, detail=[course, days])
    if found is None:
        raise SorryError(404, "not-found", back=f"/residents/{resident}")
    return Response(draw(found.chart), media_type=_SVG, headers={"Cache-Control": "no-store"})


@door.form("/residents/{resident}/note", "person.enter")
def write_note(resident: str, desk: TheDesk, session: Trusted, text: Annotated[str, Form()] = "") -> Response:
    """A note beside the record."""
    now, kept = desk.now(), words_of(text)
    if isinstance(kept, Refusal):
        return show(desk, session, resident, _DAYS, refused=(f"note.{kept.code}", text))
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        repo_notes.add(
            connection, resident=person.id, author=session.by, text=kept, now=now, rng=SystemRandom(),
            os_user=desk.os_user,
        )  # fmt: skip
    return RedirectResponse(f"/residents/{resident}#notes", 303)


@door.form("/residents/{resident}/contact", "person.enter")
def write_contact(
    resident: str,
    desk: TheDesk,
    session: Trusted,
    how: Annotated[str, Form()] = "",
    outcome: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
) -> Response:
    """That somebody was reached, or was not at home."""
    now, kept = desk.now(), words_of(text, needed=False)
    ways = {way: way for way in repo_contacts.HOWS}
    ends = {end: end for end in repo_contacts.OUTCOMES}
    if isinstance(kept, Refusal) or how not in ways or outcome not in ends:
        code = kept.code if isinstance(kept, Refusal) else "choose"
        return show(desk, session, resident, _DAYS, refused=(f"contact.{code}", text))
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        repo_contacts.add(
            connection, resident=person.id, by=session.by, how=ways[how], outcome=ends[outcome], text=kept, now=now,
            rng=SystemRandom(), os_user=desk.os_user,
        )  # fmt: skip
    return RedirectResponse(f"/residents/{resident}#contacts", 303)


@door.form("/residents/{resident}/entries/{entry}/release", "release")
def release_entry(resident: str, entry: str, desk: TheDesk, session: Trusted) -> Response:
    """Lets the resident see something another house told that waits for a doctor's or nurse's word."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        found = repo_entries.get(connection, entry)
        if found is None or found.resident != person.id:
            raise SorryError(404, "not-found", back=f"/residents/{person.id}")
        repo_releases.release(connection, found.id, By(session.by, desk.os_user), now)
    return RedirectResponse(f"/residents/{resident}#{entry}", 303)


def show(
    desk: Desk, session: Session, resident: str, days: int, refused: tuple[str, str] | None = None
) -> Response:  # fmt: skip
    """The page of a record, perhaps with what a refused form held."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now, to=scope.LOOK)
        note(connection, desk, session, repo_caseload.VIEW, now, subject=person.id, detail=[person.version, days])
        context = _context(connection, person, session, now, days)
    code, typed = refused or (None, "")
    status = 422 if refused else 200
    return desk.page(
        "record/record.html", session.lang, session, status=status, here=f"/residents/{person.id}",
        refused=code, typed=typed, error=code, **context,
    )  # fmt: skip


def _context(connection: Connection, person: Resident, session: Session, now: datetime, days: int) -> dict[str, Any]:
    lang = session.lang
    known = repo_facts.of_one(connection, person.id)
    open_ = asking.next_questions(picture_of(known, person, now), facts=known, as_of=now, most=_ALL)
    areas = {area: fact_rows.newest(known, now, lang, area) for area in fact_rows.AREAS}
    return _who(connection, person, session, now) | {
        "person": person, "days": days, "spans": SPANS, "areas": areas,
        "courses": [_shown(one) for one in courses(connection, person, lang, now, days)],
        "shelves": _shelves(connection, person, now, lang),
        "years": fact_rows.by_year(known, now, lang), "urgent": phone.urgent_lines(known, lang, now),
        "acting": bool(open_to_nurses(connection, [person.id], now)),
        "questions": [(item.item.ja if lang == "ja" else item.item.en, item.why) for item in open_],
    } | _history(connection, person, session, now)  # fmt: skip


def _shelves(
    connection: Connection, person: Resident, now: datetime, lang: Language
) -> dict[Sort, list[entry_rows.EntryRow]]:
    entries = repo_entries.of(connection, person.id)
    policy = repo_disclosure.policy_for(connection, person.municipality_code)
    return entry_rows.shelves(entries, policy, repo_releases.released_to(connection, person.id), now, lang)


def _who(connection: Connection, person: Resident, session: Session, now: datetime) -> dict[str, Any]:
    lang = session.lang
    said = consent.standing(repo_consents.history(connection, person.id), now)
    home = repo_residents.listed(connection, household=person.household_id) if person.household_id else []
    keeper = repo_teams.keepers(connection, [person.id]).get(person.id)
    names = repo_staff.names_of(connection, [keeper.staff] if keeper and keeper.staff else [])
    here = {person.municipality_code}
    lived = repo_life.situation(connection, person.id)
    teams = repo_teams.listed(connection, here)
    acts = repo_acting.live(connection, person, now)
    called = repo_acting.names_of(connection, [one.actor for one in acts])
    return {
        "acts": [(called.get(one.actor, one.actor), one.basis) for one in acts],
        "who": people_rows.who(person, lang, now), "life": badges(lived, now, fact_rows.ZONE, lang),
        "household": [people_rows.who(one, lang, now) for one in home if one.id != person.id],
        "consents": [
            (getattr(TEXTS[one.purpose], f"label_{lang}"), one.granted, one.recipient, fact_rows.day(lang, one.since))
            for one in said
        ],
        "keeper": keeper, "keeper_name": names.get(keeper.staff, "") if keeper and keeper.staff else "",
        "teams": teams, "team_name": next((team.name for team in teams if keeper and keeper.team == team.id), ""),
        "staff": people_rows.nurses(connection, person.municipality_code),
    }  # fmt: skip


def _history(connection: Connection, person: Resident, session: Session, now: datetime) -> dict[str, Any]:
    lang = session.lang
    told = repo_record.told(connection, person.id)
    notes = repo_notes.of_resident(connection, person.id, ("note", "watch"))
    contacts = repo_contacts.of_resident(connection, person.id)
    asked = repo_requests.of(connection, person.id)
    devices = [
        one
        for one in (repo_devices.devices(connection, person.household_id) if person.household_id else [])
        if any(binding.resident == person.id for binding in one.bindings)
    ]
    away = refuses(repo_life.situation(connection, person.id), "watching", now) is not None
    ids = {one.decided_by for one in told} | {one.author for one in notes} | {one.by for one in contacts}
    return {
        "told": told, "notes": notes, "contacts": contacts, "asked": asked,
        "devices": [people_rows.device(one, lang, now, away=away) for one in devices],
        "names": repo_staff.names_of(connection, [name for name in ids if name]),
        "at": lambda instant: when(lang, instant, fact_rows.ZONE),
        "hows": repo_contacts.HOWS, "outcomes": repo_contacts.OUTCOMES,
    }  # fmt: skip


def _shown(one: Course) -> dict[str, Any]:
    return {"name": one.name, "title": one.chart.title, "told": one.chart.description, "rows": rows(one.chart)[:60],
            "total": one.total}  # fmt: skip


def _one(
    connection: Connection, person: Resident, name: str, lang: Language, now: datetime, days: int
) -> Course | None:  # fmt: skip
    return course(connection, person, name, lang, now, days if days in SPANS else _DAYS)
