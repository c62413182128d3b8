"""The resident's charts and their tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import Response
from fastapi.responses import HTMLResponse

from engine.charts import draw, rows
from engine.charts_kinds import title_of
from engine.courses import SPANS, Course, sentence
from engine.people import Resident
from engine.store.database import Connection, write
from engine.telling import course_of, courses_of, recorded
from engine.web.context import Signed, SorryError, TheDesk, note
from engine.web.door import Door
from engine.web.me.mine import me_of
from engine.web.me.sheet import TheSheet
from engine.web.sessions import Session

door = Door()
SVG: Final = "image/svg+xml"
# A page for phones does not carry a year of rows twice; all of them are in the export.
MOST_ROWS: Final = 120


@door.page("/me/trends", "mine.see")
def overview(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """Everything that is measured of me, each in a sentence."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        found = [_line(connection, session, person, course, now) for course in courses_of(connection, person, now)]
        note(connection, desk, session, "me-trends-view", now, subject=person.id)
    return sheet.page("me/trends.html", here="/me/trends", lines=[line for line in found if line["newest"]])


@door.page("/me/trends/{course}", "mine.see")
def one(course: str, desk: TheDesk, session: Signed, sheet: TheSheet, days: int = SPANS[0]) -> HTMLResponse:
    """One kind over 30, 90 or 365 days: a sentence, the chart, the same numbers as a table."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        chosen, span = _chosen(connection, person, course, now), _span(days)
        chart, said = course_of(connection, person, chosen, span, now, session.lang)
        kept = recorded(connection, person, chosen, now)
        note(connection, desk, session, "me-trend-view", now, subject=person.id, detail=[course, span])
    table = rows(chart)
    return sheet.page(
        "me/trend.html", here=f"/me/trends/{course}?days={span}", course=course, chart=chart, span=span, spans=SPANS,
        sentence=sentence(chosen, said, session.lang) if kept else "", kept=kept, rows=table[:MOST_ROWS],
        left=max(len(table) - MOST_ROWS, 0),
    )  # fmt: skip


@door.page("/me/trends/{course}/chart.svg", "mine.see")
def picture(course: str, desk: TheDesk, session: Signed, days: int = SPANS[0], narrow: int = 0) -> Response:
    """The chart of that page."""
    now = desk.now()
    with write(desk.engine) as connection:
        person = me_of(connection, session)
        chosen = _chosen(connection, person, course, now)
        chart, _ = course_of(connection, person, chosen, _span(days), now, session.lang)
        note(connection, desk, session, "me-trend-view", now, subject=person.id, detail=[course, _span(days), "chart"])
    return Response(draw(chart, narrow=bool(narrow)), media_type=SVG)


def _line(connection: Connection, session: Session, person: Resident, course: Course, now: datetime) -> dict[str, Any]:
    """One course of the overview: its name, the newest value, the sentence of a month."""
    chart, said = course_of(connection, person, course, SPANS[0], now, session.lang)
    if not chart.dots:
        chart, _ = course_of(connection, person, course, SPANS[-1], now, session.lang)
    newest = next(iter(rows(chart)), None)
    kept = recorded(connection, person, course, now)
    return {
        "key": course.key, "title": title_of(course.kind, session.lang), "newest": newest, "unit": chart.shown,
        "sentence": sentence(course, said, session.lang) if kept else "",
    }  # fmt: skip


def _chosen(connection: Connection, person: Resident, key: str, now: datetime) -> Course:
    found = next((course for course in courses_of(connection, person, now) if course.key == key), None)
    if found is None:
        raise SorryError(404, "not-found", back="/me/trends")
    return found


def _span(days: int) -> int:
    """One of the spans there are."""
    return days if days in SPANS else SPANS[0]
