"""Residents whose name is on the city's list too and who have no double: looked at and ticked one by one."""

from __future__ import annotations

from random import SystemRandom
from typing import Annotated, Any, Final

from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.exchange_deciding import Decision, alike, decide
from engine.locale import Language, text
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_exchange, repo_protection, repo_residents
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_exchange import Proposal
from engine.web.context import Desk, Signed, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
RIGHT: Final = "enrol"
MOST: Final = 50


@door.page("/exchange/links", RIGHT)
def shown(desk: TheDesk, session: Signed, late: int = 0) -> Response:
    """Up to fifty of them with both addresses; nobody is ticked beforehand."""
    with write(desk.engine) as connection:
        found = _found(connection, desk, session)
        detail = sorted(person.id for _, person in found) or None
        note(connection, desk, session, "exchange-view", desk.now(), detail=detail)
    rows = [_row(one, person, session.lang) for one, person in found]
    context: dict[str, Any] = {"rows": rows, "most": MOST, "late": max(0, min(late, MOST))}
    return desk.page("exchange/links.html", session.lang, session, here="/exchange/links", **context)


@door.form("/exchange/links", RIGHT)
def linked(desk: TheDesk, session: Trusted, pick: Annotated[list[str] | None, Form()] = None) -> Response:
    """Links those who were ticked; what changed meanwhile stays a question."""
    late, by = 0, By(session.by, desk.os_user)
    with write(desk.engine) as connection:
        known = {f"{held.seq}:{held.version}": held for held, _ in _found(connection, desk, session)}
        for one in dict.fromkeys((pick or [])[:MOST]):
            if one not in known:
                late += 1
                continue
            decision = Decision(seq=known[one].seq, version=known[one].version, answer="accept", by=by)
            late += isinstance(decide(connection, decision, desk.now(), SystemRandom()), Refusal)
    return RedirectResponse(f"/exchange/links?late={late}" if late else "/exchange/links", 303)


def _found(connection: Connection, desk: Desk, session: Session) -> list[tuple[Proposal, Resident]]:
    """Whom this person may see and decide about; nobody who hides: their address cannot be compared."""
    waits = repo_exchange.lone(connection, session.who.municipalities)
    listed = repo_residents.get_many(connection, {one.resident for one in waits})
    people = {person.id: person for person in listed}
    hidden = repo_protection.shielded(connection, people, desk.now())
    found = [(one, people[one.resident]) for one in alike(waits, people) if one.resident not in hidden]
    return [(one, person) for one, person in found if session.who.within(person.municipality_code)][:MOST]


def _row(one: Proposal, person: Resident, lang: Language) -> dict[str, Any]:
    address = None if one.said is None or one.said.shielded else one.said.address
    return {
        "pick": f"{one.seq}:{one.version}", "name": people_rows.name(person), "kana": people_rows.kana(person),
        "birth": fact_rows.day(lang, person.birth_date), "sex": text(lang, "nurse", f"desk.sex.{person.sex}"),
        "here": person.address or "", "there": address or "", "number": one.number,
    }  # fmt: skip
