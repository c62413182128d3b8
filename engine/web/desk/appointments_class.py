"""A class at the desk: made, filled, moved, cancelled; and one sheet on which is ticked who came."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine import appointments_classes as acts
from engine.appointments import GroupClass, read_number
from engine.contract.ids import is_id
from engine.refusal import Refusal
from engine.store import repo_appointments, repo_caseload
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.store.repo_places import municipalities
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import appointments_rows as rows
from engine.web.desk import people_rows
from engine.web.desk.appointments import FIELDS, PAGE, RIGHT, as_seen, show_week, staff_of, when_typed
from engine.web.desk.forms import Typed, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
_FOUND: Final = 30


@door.form(f"{PAGE}/class", RIGHT)
def make(desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """A new class in one of my towns."""
    typed = {name: said(form, name, 100) for name in (*FIELDS, "title", "capacity", "town")}
    with write(desk.engine) as connection:
        town = typed["town"]
        if town not in municipalities(connection) or not session.who.within(town):
            raise SorryError(404, "not-found", back=PAGE)
        when = when_typed(connection, session, typed)
        capacity = read_number(typed["capacity"]) or 0
        made = when if isinstance(when, Refusal) else acts.make(
            connection, town, typed["title"], when, capacity, By(session.by, desk.os_user), desk.now()
        )  # fmt: skip
    if isinstance(made, Refusal):
        return show_week(desk, session, refused=made, typed=typed)
    return RedirectResponse(f"{PAGE}/class/{made.seq}", 303)


@door.page(f"{PAGE}/class/{{group}}", RIGHT)
def look(group: str, desk: TheDesk, session: Signed, q: str = "") -> Response:
    """Who is booked, who came; and a search for whoever wants to come, too."""
    return _show(desk, session, group, None, q=q)


@door.form(f"{PAGE}/class/{{group}}/join", RIGHT)
def join(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Books one more."""
    name = said(form, "resident", 40)
    with write(desk.engine) as connection:
        one = known_class(connection, session, group)
        person = scope.resident_of(connection, session.who, name if is_id(name, "r") else "", desk.now())
        done = acts.join(connection, one.seq, person, By(session.by, desk.os_user), desk.now())
    return _after(desk, session, one, done)


@door.form(f"{PAGE}/class/{{group}}/attend", RIGHT)
def attend(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The sheet: who came and who did not; who is not ticked stays open."""
    marks: dict[int, Literal["kept", "missed"]] = {}
    for name in form:
        number, state = read_number(name.removeprefix("a-")), said(form, name, 10)
        if name.startswith("a-") and number is not None and state in {"kept", "missed"}:
            marks[number] = "kept" if state == "kept" else "missed"
    with write(desk.engine) as connection:
        one = known_class(connection, session, group)
        done = acts.attend(connection, one, marks, By(session.by, desk.os_user), desk.now())
    return _after(desk, session, one, done)


@door.form(f"{PAGE}/class/{{group}}/move", RIGHT)
def move(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The whole class at another time or place."""
    typed = {name: said(form, name, 100) for name in FIELDS}
    with write(desk.engine) as connection:
        one = known_class(connection, session, group)
        when = when_typed(connection, session, typed, one.staff)
        by = By(session.by, desk.os_user)
        done = when if isinstance(when, Refusal) else as_seen(one, form) or acts.move(
            connection, one, when, by, desk.now()
        )  # fmt: skip
    return _after(desk, session, one, done, typed)


@door.form(f"{PAGE}/class/{{group}}/cancel", RIGHT)
def cancel(group: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """The whole class does not take place."""
    with write(desk.engine) as connection:
        one = known_class(connection, session, group)
        by = By(session.by, desk.os_user)
        done = as_seen(one, form) or acts.call_off(connection, one, by, desk.now())
    return _after(desk, session, one, done)


def known_class(connection: Connection, session: Session, number: str) -> GroupClass:
    """The class of that number in one of this person's towns; SorryError not-found otherwise."""
    wanted = read_number(number)
    one = None if wanted is None else repo_appointments.class_of(connection, wanted)
    if one is None or not session.who.within(one.municipality):
        raise SorryError(404, "not-found", back=PAGE)
    return one


def _after(
    desk: Desk, session: Session, one: GroupClass, done: object, typed: dict[str, str] | None = None
) -> Response:  # fmt: skip
    if isinstance(done, Refusal):
        return _show(desk, session, f"{one.seq}", done, typed=typed)
    return RedirectResponse(f"{PAGE}/class/{one.seq}", 303)


def _show(
    desk: Desk, session: Session, number: str, refused: Refusal | None, *, q: str = "",
    typed: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        one = known_class(connection, session, number)
        [line] = rows.classes(connection, lang, [one])
        there = repo_appointments.of_class(connection, one.seq)
        people = rows.lines(connection, session, there, now)
        towns = {one.municipality}
        found = repo_caseload.search(connection, towns, q[:60], limit=_FOUND) if q.strip() else []
        booked = {each.resident for each in there if each.state != "cancelled"}
        staff = staff_of(connection, session, one.staff)
        seen = [each.resident for each in there] + [each.id for each in found]
        note(connection, desk, session, "appointments-view", now, detail=[one.seq, seen])
    context: dict[str, Any] = {
        "one": line, "day": rows.day(lang, one.starts_at, long=True), "begun": one.starts_at <= now,
        "people": [each for each in people if each.state != "cancelled"],
        "off": [each for each in people if each.state == "cancelled"], "staff": staff,
        "found": [(each.id, people_rows.name(each), people_rows.kana(each)) for each in found
                  if each.id not in booked], "q": q[:60],
        "typed": typed or rows.typed_of(one), "refused": rows.refused_key(refused) if refused else "",
        "error": refused,
    }  # fmt: skip
    here, status = f"{PAGE}/class/{one.seq}", 422 if refused else 200
    return desk.page("appointments/class.html", lang, session, status=status, here=here, **context)
