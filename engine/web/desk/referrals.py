"""Did the people who were told to see a doctor go? Whom to telephone, and what they said."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from random import SystemRandom
from typing import Annotated, Any, Final

import msgspec
from fastapi import Form, Response
from fastapi.responses import RedirectResponse

from engine.dates import read_day
from engine.locale import Language
from engine.referrals import SAYS, Answer
from engine.referrals_store import ToCall, call_list, not_reached, told_by_phone
from engine.refusal import Refusal
from engine.store.database import Connection, write
from engine.store.repo_facts import By
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import fact_rows, people_rows
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
PAGE: Final = "/referrals"
MOST: Final = 50
# From which pages an answer is written down.
_BACK: Final = (PAGE, "/cases")
_SHOWN: Final = ("future-date", "past-date", "too-far", "no-day", "ended")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A referral on the list, in words."""

    advice: str
    resident: str
    name: str
    kana: str
    phone: str
    topic: str
    severity: str
    sent: str
    why: str
    asked: int
    hint: str


def rows(
    connection: Connection, towns: Collection[str] | None, now: datetime, lang: Language, limit: int | None = MOST
) -> list[Row]:
    """Up to `limit` referrals of these towns (None: all) as the list shows them, the gravest first."""
    return [_row(one, lang) for one in call_list(connection, towns, now, limit)]


@door.page(PAGE, "case")
def show(desk: TheDesk, session: Signed) -> Response:
    """Whom to telephone about a visit to the doctor."""
    return _show(desk, session, None, "")


@door.form(PAGE + "/{advice}/answer", "case")
def answer(
    advice: str, desk: TheDesk, session: Trusted, said: Annotated[str, Form()] = "",
    day: Annotated[str, Form()] = "", back: Annotated[str, Form()] = PAGE,
) -> Response:  # fmt: skip
    """Writes down what somebody told a nurse on the telephone."""
    now, chosen = desk.now(), next((one for one in SAYS if one == said), None)
    if chosen is None:
        raise SorryError(400, "bad-request", back=PAGE)
    read = read_day(day, "day")
    if isinstance(read, Refusal):
        return _show(desk, session, read, advice)
    with write(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now)
        heard = Answer(said=chosen, by=session.by, day=read)
        done = told_by_phone(connection, item.id, heard, now, By(session.by, desk.os_user), SystemRandom())
    return _back(desk, session, done, advice, back)


@door.form(PAGE + "/{advice}/missed", "case")
def missed(advice: str, desk: TheDesk, session: Trusted, back: Annotated[str, Form()] = PAGE) -> Response:
    """Nobody answered the telephone."""
    now = desk.now()
    with write(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now)
        done = not_reached(connection, item.id, now, By(session.by, desk.os_user), SystemRandom())
    return _back(desk, session, done, advice, back)


def _back(desk: Desk, session: Session, done: list[str] | date | Refusal, advice: str, back: str) -> Response:
    if isinstance(done, Refusal):
        return _show(desk, session, done, advice)
    return RedirectResponse(back if back in _BACK else PAGE, 303)


def _show(desk: Desk, session: Session, refused: Refusal | None, about: str) -> Response:
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        found = rows(connection, session.who.municipalities, now, lang, MOST + 1)
        note(connection, desk, session, "referrals-view", now, detail=[one.advice for one in found] or None)
    values: dict[str, Any] = {"referrals": found[:MOST], "more": len(found) > MOST, "wrong": None, "about": about}
    if refused is not None:
        values["wrong"] = refused.code if refused.code in _SHOWN else "other"
    status = 200 if refused is None else 422
    return desk.page("cases/referrals.html", lang, session, status=status, here=PAGE, error=refused, **values)


def _row(one: ToCall, lang: Language) -> Row:
    found = one.referral
    return Row(
        advice=found.advice, resident=found.resident, name=people_rows.name(one.person),
        kana=people_rows.kana(one.person), phone=one.person.phone or "", topic=found.topic, severity=found.severity,
        sent=fact_rows.day(lang, found.delivered_at), why=one.why, asked=found.asked,
        hint=fact_rows.day(lang, one.hint) if one.hint else "",
    )  # fmt: skip
