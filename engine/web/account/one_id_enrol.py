"""Enrolment at the desk, also without card or phone: the form, a warning of doubles, and the first code on paper."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import SystemRandom
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from engine.access import Identity
from engine.cards import text_of
from engine.contract.ids import is_id, new_id
from engine.municipalities import REGION
from engine.onetime import shown
from engine.people import Form as Said
from engine.people import Resident, register
from engine.refusal import Refusal
from engine.sealing import seal_of
from engine.store import repo_codes, repo_residents
from engine.store.database import Connection, write
from engine.store.filing import By
from engine.store.repo_codes import Issued, Kind
from engine.store.repo_places import ZONE
from engine.web.account.codes import Holder
from engine.web.account.enrol import drawn
from engine.web.account.staff import base_of
from engine.web.account.times import spoken_day
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
SEXES: Final = ("female", "male", "other", "unknown")
# A name half the town bears warns of nobody: then the birth date must fit, too.
_MOST: Final = 200
Line = Annotated[str, Form(max_length=200)]


@door.page("/enrolment", "enrol")
def form(desk: TheDesk, session: Signed) -> Response:
    """The empty form."""
    return _page(desk, session, {})


@door.form("/enrolment", "enrol")
def enrol(
    request: Request,
    desk: TheDesk,
    session: Trusted,
    name: Line = "",
    kana: Line = "",
    birth: Line = "",
    sex: Line = "",
    town: Line = "",
    address: Line = "",
    phone: Line = "",
    language: Line = "ja",
    kind: Annotated[Literal["code", "card"], Form()] = "code",
    another: Line = "",
    made: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    """Registers somebody in a town of this desk and prints their first code; the same form sent twice makes one."""
    given = {
        "name": name, "kana": kana, "birth": birth, "sex": sex, "town": town, "address": address, "phone": phone,
        "language": language, "kind": kind,
    }  # fmt: skip
    if town not in _towns(session.who):
        raise SorryError(403, "forbidden", back="/enrolment")
    id_, now = seal_of(desk.home).open(made, _about(session)), desk.now()
    if id_ is None or not is_id(id_, "r"):
        return _page(desk, session, given, status=422)
    said = Said(
        name=name, kana=kana, birth=birth, sex=sex, address=address or None, phone=phone or None, language=language
    )
    person = register(said, id=id_, household=None, municipality=town, today=now.astimezone(ZoneInfo(ZONE)).date())
    if isinstance(person, Refusal):
        return _page(desk, session, given, error=person.field or "name", status=422)
    with write(desk.engine) as connection:
        if repo_residents.get(connection, id_) is not None:
            return RedirectResponse(f"/residents/{id_}/one-id", 303)
        alike = [] if another == "yes" else similar(connection, session.who, person)
        if alike:
            # Whoever types a name and a birthday learns who lives here: that is a look, and stands where looks stand.
            for one in alike:
                note(connection, desk, session, "enrolment-view", now, subject=one.id)
        else:
            issued = _registered(connection, desk, session, person, kind, now)
            return _handout(request, desk, session, person, issued, kind)
    return _page(desk, session, given, alike=alike, status=409)


def similar(connection: Connection, who: Identity, person: Resident) -> list[Resident]:
    """Residents of this desk's towns who may be the same person: born the same day, or named and read the same."""
    by_kana = repo_residents.search(connection, person.family_kana + person.given_kana, limit=_MOST)
    by_name = repo_residents.search(connection, person.family_name + person.given_name, limit=_MOST)
    both = {one.id for one in by_kana} & {one.id for one in by_name}
    found = {one.id: one for one in (*by_kana, *by_name)}
    return [
        one
        for one in found.values()
        if who.within(one.municipality_code) and (one.birth_date == person.birth_date or one.id in both)
    ]


def _registered(
    connection: Connection, desk: Desk, session: Session, person: Resident, kind: Kind, now: datetime
) -> Issued:
    """The new resident, stored with the code or card that they get."""
    repo_residents.add(connection, person, now, actor=session.by, os_user=desk.os_user)
    note(connection, desk, session, "enrol", now, subject=person.id)
    return repo_codes.issue(connection, person.id, kind, now, By(session.by, desk.os_user), SystemRandom())


def _handout(request: Request, desk: Desk, session: Session, person: Resident, made: Issued, kind: Kind) -> Response:
    """What is printed for them, this once."""
    base, card = base_of(request, desk), text_of(made.secret)
    holder = Holder(id=person.id, name=f"{person.family_name} {person.given_name}".strip(), relation="", codes=())
    more: dict[str, Any] = {
        "person": person, "holder": holder, "kind": kind, "made": made, "base": base,
        "day": spoken_day(made.until, session.lang), "code": shown(made.secret) if kind == "code" else card,
        "qr": drawn(f"{base}/signin?{urlencode({'card': card})}") if kind == "card" else None,
        "back": f"/residents/{person.id}/one-id",
    }  # fmt: skip
    return desk.page("account/handout.html", session.lang, session, here="/enrolment", **more)


def _page(
    desk: Desk,
    session: Session,
    given: Mapping[str, str],
    *,
    error: str | None = None,
    alike: list[Resident] | None = None,
    status: int = 200,
) -> Response:
    # The id is drawn before the form is filled in: sent twice, it is the same person's.
    made = seal_of(desk.home).seal(new_id("r", SystemRandom()), _about(session))
    towns = _towns(session.who)
    more: dict[str, Any] = {
        "given": given, "error": error, "alike": alike or [], "made": made, "towns": towns, "sexes": SEXES,
    }  # fmt: skip
    return desk.page("account/one_id_enrol.html", session.lang, session, status=status, here="/enrolment", **more)


def _towns(who: Identity) -> dict[str, str]:
    """The towns this person works for, by their code."""
    return {code: name for code, name in REGION.items() if who.within(code)}


def _about(session: Session) -> str:
    return f"enrolment {session.id}"
