"""Measures of support (支援措置) at the desk: set, renewed, ended; only by who has the right to it."""

from __future__ import annotations

from datetime import date, datetime
from random import SystemRandom
from typing import Annotated, Any

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine import protection
from engine.contract.ids import new_id
from engine.dates import read_day
from engine.locale import Language
from engine.people import Resident
from engine.protection import Protection
from engine.refusal import Refusal
from engine.store import protecting, repo_acting, repo_protection, repo_residents, repo_staff
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.scope import known
from engine.web.sessions import Session

door = Door()


@door.page("/protections", "protect")
def listed(desk: TheDesk, session: Signed) -> Response:
    """Every measure that holds in my towns, the first to end first."""
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found = repo_protection.standing(connection, session.who.municipalities, now)
        note(connection, desk, session, "protect-list", now, detail=[one.id for one, _ in found] or None)
    rows = [
        {"id": person.id, "name": people_rows.name(person), "until": _last(lang, one), "soon": _soon(one, now)}
        for one, person in found
    ]
    return desk.page("protect/list.html", lang, session, here="/protections", rows=rows)


@door.page("/residents/{resident}/protect", "protect")
def look(resident: str, desk: TheDesk, session: Signed) -> Response:
    """Whether a measure holds for this resident, the earlier ones, and what it does."""
    return _show(desk, session, resident, None, "")


@door.form("/residents/{resident}/protect", "protect")
def begin(
    resident: str, desk: TheDesk, session: Trusted, seen: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "", home: Annotated[str, Form()] = "", contacts: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Hides them from the next request on, or renews the measure that holds; `home` safe keeps them in their home."""
    now, day = desk.now(), read_day(until, "until")
    if isinstance(day, Refusal):
        return _show(desk, session, resident, day, seen)
    by = By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        held = _held(connection, person, now)
        done = _set(connection, person, held, (seen, day, contacts), by, now, leave_home=home != "safe")
    if isinstance(done, Refusal):
        return _show(desk, session, resident, done, seen)
    return RedirectResponse(f"/residents/{person.id}/protect", 303)


@door.form("/residents/{resident}/protect/end", "protect")
def end(resident: str, desk: TheDesk, session: Trusted) -> Response:
    """Ends it; nothing that was ended by its beginning comes back."""
    now, by = desk.now(), By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        held = _held(connection, person, now)
        if held is None:
            raise SorryError(409, "conflict", back=f"/residents/{person.id}/protect")
        after = protection.ended(held, by.actor, now)
        done = after if isinstance(after, Refusal) else protecting.change(connection, after, "protect-end", by, now)
        if isinstance(done, Refusal):
            raise SorryError(409, "conflict", back=f"/residents/{person.id}/protect")
    return RedirectResponse(f"/residents/{person.id}/protect", 303)


def _set(
    connection: Connection, person: Resident, held: Protection | None, said: tuple[str, date | None, str], by: By,
    now: datetime, *, leave_home: bool,
) -> Protection | Refusal:  # fmt: skip
    seen, until, contacts = said
    if held is not None:
        longer = protection.renewed(held, seen, until, now)
        if isinstance(longer, Refusal):
            return longer
        return protecting.change(connection, longer, "protect-renew", by, now)
    made = protection.drafted(
        id=new_id("l", SystemRandom()), resident=person.id, seen=seen, until=until, by=by.actor, now=now
    )
    ways = protecting.decided(contacts, protecting.reaching(connection, person))
    if isinstance(made, Refusal):
        return made
    if isinstance(ways, Refusal):
        return ways
    protecting.begin(connection, made, by, now, leave_home=leave_home, ways=ways)
    return made


def _held(connection: Connection, person: Resident, now: datetime) -> Protection | None:
    return next((one for one in repo_protection.of(connection, person.id) if protection.holds(one, now)), None)


def _last(lang: Language, measure: Protection) -> str:
    """The last day it holds."""
    return fact_rows.day(lang, protection.last_day(measure))


def _soon(measure: Protection, now: datetime) -> bool:
    return protection.expiring(measure, now)


def _near(connection: Connection, session: Session, person: Resident, now: datetime) -> list[dict[str, Any]]:
    """Who lives with them, for whom they act, who may be the same person: through each the other party may learn."""
    acted = [one.resident for one in repo_acting.of_actor(connection, person.id) if one.ended_at is None]
    found = {one.id: one for one in repo_residents.get_many(connection, acted)}
    twice = repo_residents.search(connection, person.family_kana + person.given_kana)
    found |= {one.id: one for one in twice if one.birth_date == person.birth_date}
    if person.household_id is not None:
        found |= {one.id: one for one in repo_residents.listed(connection, household=person.household_id)}
    shown = [one for one in found.values() if one.id != person.id and session.who.within(one.municipality_code)]
    hidden = repo_protection.shielded(connection, [one.id for one in shown], now)
    return [
        {"id": one.id, "name": people_rows.name(one), "hidden": one.id in hidden,
         "acting": len(repo_acting.live(connection, one, now))}
        for one in shown
    ]  # fmt: skip


def _show(desk: Desk, session: Session, resident: str, refused: Refusal | None, seen: str) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = known(connection, session.who, resident)
        every = repo_protection.of(connection, person.id)
        names = repo_staff.names_of(connection, {one.by for one in every})
        # The entry names the newest measure, or nobody: whom the desk thinks about protecting is told nowhere.
        subject = every[-1].id if every else None
        note(connection, desk, session, "protect-view", now, subject=subject)
        reaching, near = protecting.reaching(connection, person), _near(connection, session, person, now)
    held = next((one for one in every if protection.holds(one, now)), None)
    rows = [
        {"since": fact_rows.day(lang, one.since), "until": _last(lang, one), "seen": one.seen,
         "by": names.get(one.by, one.by), "held": one is held}
        for one in reversed(every)
    ]  # fmt: skip
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "rows": rows, "held": held is not None,
        "soon": held is not None and _soon(held, now), "refused": refused, "error": refused, "typed": seen[:200],
        "until": _last(lang, held) if held else "", "alone": person.household_id is None,
        "said": {"address": person.address, "phone": person.phone, "emergency": person.emergency_contact},
        "reaching": reaching, "near": near, "choices": protecting.WAYS,
    }  # fmt: skip
    here, status = f"/residents/{person.id}/protect", 422 if refused else 200
    return desk.page("protect/protect.html", lang, session, status=status, here=here, **context)
