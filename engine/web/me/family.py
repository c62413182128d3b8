"""The pages of whoever may look at a resident, by the resident's own word or because they act for them by law.

Today, trends and advice, as far as that goes. What is asked for beyond it answers like somebody who never was.
"""

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
from engine.locale import Language
from engine.people import Resident
from engine.situation import gone
from engine.store import repo_acting, repo_emergency, repo_family, repo_life, repo_residents
from engine.store.database import Connection, write
from engine.telling import course_of, courses_of, delivered_of, recorded, today_of
from engine.today import lines_of
from engine.web.context import Desk, Signed, SorryError, TheDesk, note
from engine.web.door import Door
from engine.web.me.family_scope import GROUPS, Grant, acting_grant, both, grants
from engine.web.me.letters import topic
from engine.web.me.mine import day_words, time_words
from engine.web.me.sheet import TheSheet
from engine.web.me.trends import MOST_ROWS, SVG
from engine.web.me.watching import told_me
from engine.web.sessions import Session

door = Door()
_SPAN: Final = SPANS[1]
_NEWEST: Final = 20
# So long family reads at the top that an emergency card was used.
_TOLD: Final = timedelta(days=14)


class Seen(msgspec.Struct, frozen=True):
    """A resident as one person may see them now."""

    person: Resident
    held: Grant


@door.page("/family", "family.see")
def people(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Everybody who lets me look now."""
    now = desk.now()
    with write(desk.engine) as connection:
        found = [
            seen
            for name in _named(connection, session)
            if (seen := seen_by(connection, session, name, now)) is not None
        ]
        note(connection, desk, session, "family-list", now, detail=[one.person.id for one in found] or None)
        watching = told_me(connection, desk, session)
    people = [(one.person, one.held) for one in found]
    return sheet.page("me/family.html", here="/family", people=people, watching=watching)


@door.page("/family/{resident}", "family.see")
def one(resident: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """What this resident lets me see: in full what they are told today, else each kind in a line."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        seen = seen_or_sorry(connection, session, resident, now)
        person = seen.person
        lines = [_line(connection, session, person, course, now) for course in _courses(connection, seen, now)]
        told = today_of(connection, person, now, lang).told if seen.held.everything else None
        items = delivered_of(connection, person, now)[:_NEWEST] if seen.held.everything else []
        carded = [
            {"at": time_words(lang, look.at, connection, person), "who": look.who}
            for look in (repo_emergency.looks(connection, person.id) if seen.held.everything else [])
            if now - look.at < _TOLD
        ]
        write_down(connection, desk, session, seen, now, ["today"])
    letters = [
        {"day": day_words(lang, item.updated_at), "topic": topic(lang, item.topic), "lines": lines_of(item, lang)}
        for item in items
    ]  # fmt: skip
    return sheet.page(
        "me/family_person.html", here=f"/family/{resident}", person=person, held=seen.held, told=told,
        acting=bar_of(seen, lang), letters=letters,
        lines=[line for line in lines if line["newest"]], carded=carded,
        came=day_words(lang, told.at) if told and told.at else "",
        until=day_words(lang, seen.held.until) if seen.held.until else "",
    )  # fmt: skip


@door.page("/family/{resident}/trends/{course}", "family.see")
def trend(resident: str, course: str, desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """One kind over three months: a sentence, the chart, the same numbers as a table."""
    now = desk.now()
    with write(desk.engine) as connection:
        seen, chosen, chart, said = _chart(connection, session, resident, course, now)
        write_down(connection, desk, session, seen, now, [course])
    table = rows(chart)
    return sheet.page(
        "me/family_trend.html", here=f"/family/{resident}/trends/{course}", person=seen.person,
        acting=bar_of(seen, session.lang),
        course=chosen.key, chart=chart, sentence=said, rows=table[:MOST_ROWS],
    )  # fmt: skip


@door.page("/family/{resident}/trends/{course}/chart.svg", "family.see")
def picture(resident: str, course: str, desk: TheDesk, session: Signed, narrow: int = 0) -> Response:
    """The chart of that page."""
    now = desk.now()
    with write(desk.engine) as connection:
        seen, _, chart, _ = _chart(connection, session, resident, course, now)
        write_down(connection, desk, session, seen, now, [course, "chart"])
    return Response(draw(chart, narrow=bool(narrow)), media_type=SVG)


def _chart(
    connection: Connection, session: Session, resident: str, course: str, now: datetime
) -> tuple[Seen, Course, Chart, str]:
    seen = seen_or_sorry(connection, session, resident, now)
    chosen = next((one for one in _courses(connection, seen, now) if one.key == course), None)
    if chosen is None:
        raise SorryError(404, "not-found", back=f"/family/{resident}")
    chart, said = course_of(connection, seen.person, chosen, _SPAN, now, session.lang)
    kept = recorded(connection, seen.person, chosen, now)
    return seen, chosen, chart, sentence(chosen, said, session.lang) if kept else ""


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


def seen_by(connection: Connection, session: Session, resident: str, now: datetime) -> Seen | None:
    """The resident and what this person may see of them; None where that is nothing, for whatever reason."""
    if not is_id(resident, "r"):
        return None
    person = repo_residents.get(connection, resident)
    if person is None or gone(repo_life.situation(connection, resident), now):
        return None
    member = repo_family.get(connection, session.by) if is_id(session.by, "m") else None
    named = member is not None and member.ended_at is None
    events = repo_family.said_of(connection, person.id, now) if named else []
    bases = [one for one, _ in repo_acting.standing(connection, session.by, person.id, now)]
    held = both(grants(events, session.by, now), acting_grant(bases, person.birth_date, now))
    return Seen(person, held) if held.everything or held.groups else None


def seen_or_sorry(connection: Connection, session: Session, resident: str, now: datetime) -> Seen:
    """The same; raises SorryError not-found where there is nothing to see."""
    found = seen_by(connection, session, resident, now)
    if found is None:
        raise SorryError(404, "not-found", back="/family")
    return found


def bar_of(seen: Seen, lang: Language) -> dict[str, Any] | None:
    """What the bar says to whoever acts for somebody: for whom, as what, until when, and where else they may go."""
    basis = seen.held.basis()
    if basis is None:
        return None
    name = f"{seen.person.family_name} {seen.person.given_name}".strip()
    until = day_words(lang, seen.held.until) if seen.held.until else ""
    return {"resident": seen.person.id, "name": name, "basis": basis.basis, "may": seen.held.may, "until": until}


def write_down(
    connection: Connection, desk: Desk, session: Session, seen: Seen, now: datetime, detail: list[Any]
) -> None:  # fmt: skip
    """The audit entry of a look: of family about the resident, of whoever acts under the id of their basis."""
    basis = seen.held.basis()
    action, subject = ("family-view", seen.person.id) if basis is None else ("acting-view", basis.id)
    note(connection, desk, session, action, now, subject=subject, detail=detail)


def _named(connection: Connection, session: Session) -> list[str]:
    """Whom there may be something to see of."""
    acted = {one.resident for one in repo_acting.of_actor(connection, session.by)}
    family = repo_family.looking_at(connection, session.by) if is_id(session.by, "m") else []
    return sorted(acted | set(family))
