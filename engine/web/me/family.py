"""The pages of family whom a resident lets look: today, trends and advice, as far as the resident said so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from fastapi import Response
from fastapi.responses import HTMLResponse

from engine.charts import Chart, draw, rows
from engine.charts_kinds import title_of
from engine.contract.ids import is_id
from engine.courses import SPANS, Course, sentence
from engine.people import Resident
from engine.store import repo_consents, repo_emergency, repo_family, repo_residents
from engine.store.database import Connection, write
from engine.telling import course_of, courses_of, delivered_of, recorded, today_of
from engine.today import lines_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, note
from engine.web.door import Door
from engine.web.me.family_scope import GROUPS, Grant, grants
from engine.web.me.letters import topic
from engine.web.me.mine import day_words, time_words
from engine.web.me.sheet import TheSheet
from engine.web.me.trends import MOST_ROWS, SVG
from engine.web.sessions import Session

door = Door()
_SPAN: Final = SPANS[1]
_NEWEST: Final = 20
# So long family reads at the top that an emergency card was used.
_TOLD: Final = timedelta(days=14)


class Seen(msgspec.Struct, frozen=True):
    """A resident as one family member may see them now."""

    person: Resident
    held: Grant


@door.page("/family", "family.see")
def people(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Everybody who lets me look now."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = [
            seen
            for name in repo_family.looking_at(connection, session.by)
            if (seen := _seen(connection, session, name, now)) is not None
        ]
        note(connection, desk, session, "family-list", now, detail=[one.person.id for one in found] or None)
    return sheet.page("me/family.html", here="/family", people=[(one.person, one.held) for one in found])


@door.page("/family/{resident}", "family.see")
def one(resident: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What this resident lets me see: in full what they are told today, else each kind in a line."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        seen = _seen_or_sorry(connection, session, resident, now)
        person = seen.person
        lines = [_line(connection, session, person, course, now) for course in _courses(connection, seen, now)]
        told = today_of(connection, person, now, lang).told if seen.held.everything else None
        items = delivered_of(connection, person, now)[:_NEWEST] if seen.held.everything else []
        carded = [
            {"at": time_words(lang, look.at, connection, person), "who": look.who}
            for look in (repo_emergency.looks(connection, person.id) if seen.held.everything else [])
            if now - look.at < _TOLD
        ]
        _note(connection, desk, session, person, now, ["today"])
    letters = [
        {"day": day_words(lang, item.updated_at), "topic": topic(lang, item.topic), "lines": lines_of(item, lang)}
        for item in items
    ]  # fmt: skip
    return sheet.page(
        "me/family_person.html", here=f"/family/{resident}", person=person, held=seen.held, told=told, letters=letters,
        lines=[line for line in lines if line["newest"]], carded=carded,
        came=day_words(lang, told.at) if told and told.at else "",
        until=day_words(lang, seen.held.until) if seen.held.until else "",
    )  # fmt: skip


@door.page("/family/{resident}/trends/{course}", "family.see")
def trend(resident: str, course: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """One kind over three months: a sentence, the chart, the same numbers as a table."""
    now = desk.now()
    with write(desk.engine) as connection:
        person, chosen, chart, said = _chart(connection, session, resident, course, now)
        _note(connection, desk, session, person, now, [course])
    table = rows(chart)
    return sheet.page(
        "me/family_trend.html", here=f"/family/{resident}/trends/{course}", person=person, course=chosen.key,
        chart=chart, sentence=said, rows=table[:MOST_ROWS],
    )  # fmt: skip


@door.page("/family/{resident}/trends/{course}/chart.svg", "family.see")
def picture(resident: str, course: str, desk: TheDesk, session: Signed, narrow: int = 0) -> Response:
    """The chart of that page."""
    now = desk.now()
    with write(desk.engine) as connection:
        person, _, chart, _ = _chart(connection, session, resident, course, now)
        _note(connection, desk, session, person, now, [course, "chart"])
    return Response(draw(chart, narrow=bool(narrow)), media_type=SVG)


def _chart(
    connection: Connection, session: Session, resident: str, course: str, now: datetime
) -> tuple[Resident, Course, Chart, str]:
    seen = _seen_or_sorry(connection, session, resident, now)
    chosen = next((one for one in _courses(connection, seen, now) if one.key == course), None)
    if chosen is None:
        raise SorryError(404, "not-found", back=f"/family/{resident}")
    chart, said = course_of(connection, seen.person, chosen, _SPAN, now, session.lang)
    kept = recorded(connection, seen.person, chosen, now)
    return seen.person, chosen, chart, sentence(chosen, said, session.lang) if kept else ""


def _line(connection: Connection, session: Session, person: Resident, course: Course, now: datetime) -> dict[str, Any]:
    chart, said = course_of(connection, person, course, _SPAN, now, session.lang)
    kept = recorded(connection, person, course, now)
    return {
        "key": course.key, "title": title_of(course.kind, session.lang), "newest": next(iter(rows(chart)), None),
        "unit": chart.shown,
        "sentence": sentence(course, said, session.lang) if kept else "",
    }  # fmt: skip


def _courses(connection: Connection, seen: Seen, now: datetime) -> list[Course]:
    """What may be shown to the resident, and of that what they show to this member."""
    every = courses_of(connection, seen.person, now)
    return [one for one in every if seen.held.everything or (one.key in GROUPS and one.key in seen.held.groups)]


def _seen(connection: Connection, session: Session, resident: str, now: datetime) -> Seen | None:
    """The resident and what this member may see of them; None where that is nothing, for whatever reason."""
    if not (is_id(session.by, "m") and is_id(resident, "r")):
        return None
    member, person = repo_family.get(connection, session.by), repo_residents.get(connection, resident)
    if member is None or member.ended_at is not None or person is None or person.status != "active":
        return None
    events = repo_consents.events_of(connection, [person.id], "family-view").get(person.id, [])
    held = grants(events, member.id, now)
    return Seen(person, held) if held.everything or held.groups else None


def _seen_or_sorry(connection: Connection, session: Session, resident: str, now: datetime) -> Seen:
    found = _seen(connection, session, resident, now)
    if found is None:
        raise SorryError(404, "not-found", back="/family")
    return found


def _note(
    connection: Connection, desk: Desk, session: Session, person: Resident, now: datetime, detail: list[Any]
) -> None:
    note(connection, desk, session, "family-view", now, subject=person.id, detail=detail)
