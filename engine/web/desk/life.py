"""What happens in a resident's life, on the desk: shown in plain words before it is saved, ended, taken back."""

from __future__ import annotations

from random import SystemRandom
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine import life, life_words
from engine.evaluate import attempt
from engine.life_store import Done, end, record, take_back
from engine.life_typed import NEW, NONE, SAME, Typed, read
from engine.locale import text
from engine.municipalities import REGION
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.situation import SORTS, LifeEvent
from engine.store import repo_life, repo_staff
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import people_rows
from engine.web.desk.forms import Typed as Form
from engine.web.desk.forms import said
from engine.web.door import Door
from engine.web.scope import known
from engine.web.sessions import Session

door = Door()
FIELDS: Final = ("sort", "since", "until", "municipality", "household")
HOMES: Final = (NONE, NEW, SAME)


@door.page("/residents/{resident}/life", "life.write")
def look(resident: str, desk: TheDesk, session: Signed) -> Response:
    """What was recorded, and a form for more."""
    return _show(desk, session, resident, Typed(since=""), None)


@door.form("/residents/{resident}/life", "life.write")
def write_down(resident: str, desk: TheDesk, session: Trusted, form: Form) -> Response:
    """Shows what an event would change; only a second word, on that page, records it."""
    typed = Typed(**{name: said(form, name, 64) for name in FIELDS})
    if said(form, "stage") != "save":
        return _show(desk, session, resident, typed, None, ask=True)
    now, rng, by = desk.now(), SystemRandom(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        ready = read(connection, person, typed, session.by, now, rng)
        done = ready if isinstance(ready, Refusal) else record(connection, person, ready, by, now, rng)
        if not isinstance(done, Refusal):
            attempt(connection, person.id, now)
    return _after(desk, session, resident, done, typed)


@door.form("/residents/{resident}/life/{event}/end", "life.write")
def close(resident: str, event: str, desk: TheDesk, session: Trusted, form: Form) -> Response:
    """The day a stay, a pregnancy or a time elsewhere ended."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        found = _event_of(connection, person, event)
        until = life.ending(said(form, "until", 64), zone_of(connection, person))
        done = until if isinstance(until, Refusal) else end(connection, found, until, by, now, SystemRandom())
        if not isinstance(done, Refusal):
            attempt(connection, person.id, now)
    return _after(desk, session, resident, done, Typed())


@door.form("/residents/{resident}/life/{event}/take-back", "life.write")
def undo(resident: str, event: str, desk: TheDesk, session: Trusted, form: Form) -> Response:
    """A mistake: everything is as before, where nobody used it since."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        found = _event_of(connection, person, event)
        done = take_back(connection, found, said(form, "reason", 200), by, now, SystemRandom())
        if not isinstance(done, Refusal):
            attempt(connection, person.id, now)
    return _after(desk, session, resident, done, Typed())


def _event_of(connection: Connection, person: Resident, name: str) -> LifeEvent:
    found = repo_life.get(connection, name)
    if found is None or found.resident != person.id:
        raise SorryError(404, "not-found", back=f"/residents/{person.id}/life")
    return found


def _after(desk: Desk, session: Session, resident: str, done: Done | Refusal, typed: Typed) -> Response:
    if isinstance(done, Refusal):
        return _show(desk, session, resident, typed, done)
    with write(desk.engine) as connection:
        town = repo_life.situation(connection, resident).municipality
    # Whoever moved to another municipality is its nurses' from now on.
    back = f"/residents/{resident}/life" if session.who.within(town) else "/caseload"
    return RedirectResponse(back, 303)


def _show(
    desk: Desk, session: Session, resident: str, typed: Typed, refused: Refusal | None, *, ask: bool = False
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident, now)
        events = repo_life.of(connection, person.id)
        ready = read(connection, person, typed, session.by, now, SystemRandom()) if ask else None
        refused = ready if isinstance(ready, Refusal) else refused
        zone = zone_of(connection, person)
        names = repo_staff.names_of(connection, {one.by for one in events}) | {
            person.id: text(lang, "nurse", "desk.life.resident")
        }
        note(connection, desk, session, "life-view", now, subject=person.id, detail=[one.id for one in events])
    sort = next((one for one in SORTS if one == typed.sort), None) if ask and refused is None else None
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "typed": typed, "refused": refused,
        "error": refused, "names": names, "towns": REGION, "homes": HOMES, "ends": life.ENDS,
        "sorts": [(one, life_words.sort_name(one, lang)) for one in SORTS],
        "events": [(one, life_words.sort_name(one.sort, lang), life_words.span(one, zone)) for one in events],
        "changes": () if sort is None else life_words.effects_of(sort, lang),
        "also": "" if sort is None else life_words.also(sort, lang),
        "chosen": "" if sort is None else life_words.sort_name(sort, lang),
    }  # fmt: skip
    here, status = f"/residents/{person.id}/life", 422 if refused else 200
    return desk.page("record/life.html", lang, session, status=status, here=here, **context)
