"""Values a nurse enters for a resident: what cannot be is refused with a guess, what surprises is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from fastapi import Response
from fastapi.responses import RedirectResponse

from engine.contract.kinds import KINDS
from engine.entering import Entry, Moment, doubt_of, enter, moment_of
from engine.evaluate import attempt
from engine.imports.spoken import Doubt, parse
from engine.intake import Accepted, Refused
from engine.locale import Language, text
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.store.database import Connection, write
from engine.store.readings import Heard
from engine.taking import may_record
from engine.web import scope
from engine.web.context import Desk, Signed, SorryError, TheDesk, Trusted, note
from engine.web.desk import people_rows
from engine.web.desk.forms import Typed, said
from engine.web.door import Door
from engine.web.sessions import Session

door = Door()
# The fields of the form, in order, with the unit that is shown and the kind that names them.
FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "weight": ("kg", "body-weight"), "bp": ("mmHg", "systolic"), "pulse": ("/min", "pulse-rate"),
    "waist": ("cm", "waist"), "temperature": ("℃", "body-temperature"), "steps": ("", "steps-day"),
    "height": ("cm", "body-height"), "fat": ("%", "body-fat"),
}  # fmt: skip
OUTCOMES: Final = ("new", "already", "refused")
_TIMES: Final = ("date", "time")


@door.page("/residents/{resident}/entry", "person.enter")
def blank(resident: str, desk: TheDesk, session: Signed, kept: str = "") -> Response:
    """The empty form; `kept` tells what became of the last one."""
    return _show(desk, session, resident, {}, None, None, kept if kept in OUTCOMES else None)


@door.form("/residents/{resident}/entry", "person.enter")
def fill(resident: str, desk: TheDesk, session: Trusted, form: Typed) -> Response:
    """Keeps what was entered, or shows it again with what is wrong or surprising."""
    typed = {name: said(form, name, 40) for name in (*FIELDS, *_TIMES)}
    return _keep(desk, session, resident, typed, sure=said(form, "sure") == "1")


def refusal_words(refusal: Refusal, lang: Language) -> str:
    """Why a value was not taken, with what could have been meant."""
    code = refusal.code
    kind = KINDS.get((refusal.field or "").split(" ", maxsplit=1)[0])
    if code == "implausible" and kind is not None:
        told = text(lang, "nurse", "desk.entry.refused.implausible", what=getattr(kind, lang), low=kind.low,
                    high=kind.high, unit=kind.unit.replace("mm[Hg]", "mmHg"))  # fmt: skip
    else:
        known = code if code in {"crossed", "future", "unreadable-date", "not-a-number", "not-a-pressure"} else "unread"
        told = text(lang, "nurse", f"desk.entry.refused.{known}")
    guess = refusal.message if code in {"implausible", "crossed"} else ""
    return told + (" " + text(lang, "nurse", "desk.entry.meant", guess=guess) if guess else "")


def _keep(desk: Desk, session: Session, resident: str, typed: Mapping[str, str], *, sure: bool) -> Response:
    now = desk.now()
    words = [part for name in FIELDS if typed[name] for part in (name, typed[name])]
    values = parse(words) if words else Refusal("nothing", "", "weight")
    if isinstance(values, Refusal):
        return _show(desk, session, resident, typed, values, None)
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        _must_record(connection, person, now)
        zone = zone_of(connection, person)
        moment = moment_of(typed["time"] or None, typed["date"] or None, zone, now)
        doubt = None if sure or isinstance(moment, Refusal) else doubt_of(connection, person, values, now)
        if isinstance(moment, Moment) and doubt is None:
            wanted = Entry(
                person=person, values=values, moment=moment, zone=zone, actor=session.by, os_user=desk.os_user
            )  # fmt: skip
            outcome = _outcome(enter(connection, wanted, now))
            attempt(connection, person.id, now)
            return RedirectResponse(f"/residents/{resident}/entry?kept={outcome}", 303)
    return _show(desk, session, resident, typed, moment if isinstance(moment, Refusal) else None, doubt)


def _outcome(heard: list[Heard]) -> str:
    """What became of an entry as a whole: new, already there, or refused for a kind that is withheld."""
    if any(isinstance(one.outcome, Accepted) for one in heard):
        return "new"
    return "refused" if any(isinstance(one.outcome, Refused) for one in heard) else "already"


def _must_record(connection: Connection, person: Resident, now: datetime) -> None:
    if person.status != "active":
        raise SorryError(409, "inactive", back=f"/residents/{person.id}")
    if not may_record(connection, person, now):
        raise SorryError(403, "no-record", back=f"/residents/{person.id}")


def _show(
    desk: Desk, session: Session, resident: str, typed: Mapping[str, str], refused: Refusal | None,
    doubt: Doubt | None, kept: str | None = None,
) -> Response:  # fmt: skip
    now, lang = desk.now(), session.lang
    with write(desk.engine) as connection:
        person = scope.resident_of(connection, session.who, resident, now)
        _must_record(connection, person, now)
        note(connection, desk, session, "record-entry", now, subject=person.id)
    context: dict[str, Any] = {
        "person": person, "who": people_rows.who(person, lang, now), "typed": typed, "fields": FIELDS, "kept": kept,
        "refused": None if refused is None else _told(refused, lang),
        "wrong": None if refused is None else _field(refused, typed),
        "doubt": None if doubt is None else _asked(doubt, lang),
    }  # fmt: skip
    status = 422 if refused or doubt else 200
    here = f"/residents/{person.id}/entry"
    return desk.page("record/entry.html", lang, session, status=status, here=here, error=refused, **context)


def _told(refused: Refusal, lang: Language) -> str:
    if refused.code == "nothing":
        return text(lang, "nurse", "desk.entry.refused.nothing")
    return refusal_words(refused, lang)


def _field(refused: Refusal, typed: Mapping[str, str]) -> str:
    """The field of the form that a refusal speaks of."""
    about = refused.field or ""
    if refused.code in {"future", "unreadable-date"}:
        return "date"
    kind = about.split(" ", maxsplit=1)[0]
    pair = {"systolic": "bp", "diastolic": "bp"}
    named = next((name for name, (_, one) in FIELDS.items() if one == kind), pair.get(kind, ""))
    return named or next((name for name in FIELDS if typed.get(name) == about), "")


def _asked(doubt: Doubt, lang: Language) -> str:
    kind = KINDS[doubt.kind]
    before, new = (f"{Decimal(value):f} {kind.unit}" for value in (doubt.before, doubt.now))
    return text(lang, "nurse", "desk.entry.doubt", what=getattr(kind, lang), before=before, now=new)
