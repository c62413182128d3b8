"""Values that a resident types in: weight, pressure, pulse, steps, temperature; asked again when one surprises."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from engine.charts_kinds import title_of, unit_words
from engine.contract.kinds import KINDS
from engine.contract.reading import Value
from engine.entering import Entry, Moment, doubt_of, enter, moment_of
from engine.evaluate import attempt
from engine.imports.spoken import Doubt, parse
from engine.intake import Accepted, Duplicate, Stored, store_form
from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.safety import red_flags
from engine.sameness import NoConsentError
from engine.store.database import Connection, read, write
from engine.store.readings import Heard
from engine.taking import may_record
from engine.web.context import Desk, Signed, TheDesk, Trusted
from engine.web.door import Door
from engine.web.me.mine import MOST_FIELDS, last, me_of, time_words
from engine.web.me.sheet import Sheet, TheSheet
from engine.web.sessions import Session

door = Door()
_PAGE: Final = "/me/entry"
# The boxes of the form by what the parser calls them; the pressure has two boxes of its own.
BOXES: Final = ("weight", "pulse", "steps", "temperature", "waist")
_KNOWN: Final = frozenset(
    {
        "nothing", "unreadable-date", "future", "not-a-number", "unknown-unit", "not-a-pressure", "implausible",
        "crossed", "twice", "inactive", "no-consent",
    }
)  # fmt: skip


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """The boxes as they were filled in; `sure` names the surprising value that was said to be right."""

    boxes: dict[str, str] = {}
    upper: str = ""
    lower: str = ""
    day: str = ""
    at: str = ""
    sure: str = ""

    @property
    def words(self) -> list[str]:
        """What the parser of typed values reads."""
        found = [word for name in BOXES if self.boxes.get(name) for word in (name, self.boxes[name])]
        if self.upper or self.lower:
            found += ["bp", f"{self.upper}/{self.lower}"]
        return found


@door.page(_PAGE, "mine.say")
def ask(desk: TheDesk, session: Signed, sheet: TheSheet) -> HTMLResponse:
    """The form; it shows nothing that was measured before."""
    with read(desk.engine) as connection:
        person = me_of(connection, session)
        allowed = may_record(connection, person, desk.now())
    return blank(sheet, Typed(), None if allowed else Refusal("no-consent", "the resident has not agreed"), _PAGE)


@door.form(_PAGE, "mine.say")
async def take(request: Request, desk: TheDesk, session: Trusted, sheet: TheSheet) -> Response:
    """Stores what was typed, or says what is wrong with it and keeps it."""
    typed = typed_of(await request.form(max_fields=MOST_FIELDS))
    with write(desk.engine) as connection:
        return keep(connection, sheet, me_of(connection, session), typed, _PAGE)


def typed_of(sent: Any) -> Typed:
    """The boxes of a form that was sent."""
    return Typed(
        boxes={name: last(sent, name) for name in BOXES}, upper=last(sent, "upper"), lower=last(sent, "lower"),
        day=last(sent, "day"), at=last(sent, "at"), sure=last(sent, "sure"),
    )  # fmt: skip


def keep(
    connection: Connection, sheet: Sheet, person: Resident, typed: Typed, page: str, **more: Any
) -> HTMLResponse:  # fmt: skip
    """Stores what was typed of `person` by whoever is signed in, and the page that says so or what is wrong."""
    desk, session = sheet.desk, sheet.session
    found = _read(connection, person, typed, desk.now())
    if isinstance(found, Refusal | Doubt):
        return blank(sheet, typed, found, page, **more)
    values, moment = found
    try:
        heard = _store(connection, desk, session, person, values, moment)
    except NoConsentError:
        return blank(sheet, typed, Refusal("no-consent", "the resident has not agreed"), page, **more)
    at = time_words(session.lang, moment.at, connection, person)
    return sheet.page(
        "me/entry_done.html", here=page, shown=[_shown(value, session.lang) for value in values], at=at,
        red=bool(red_flags(_stored(values))), fate=_fate(heard), **more,
    )  # fmt: skip


def _read(
    connection: Connection, person: Resident, typed: Typed, now: datetime
) -> tuple[tuple[Value, ...], Moment] | Refusal | Doubt:
    """The values and their time, the first doubt that was not answered, or what is wrong."""
    if person.status != "active":
        return Refusal("inactive", "nothing is recorded any more")
    if not typed.words:
        return Refusal("nothing", "fill in at least one box", "weight")
    values = parse(typed.words)
    if isinstance(values, Refusal):
        return values
    moment = moment_of(typed.at or None, typed.day or None, zone_of(connection, person), now)
    if isinstance(moment, Refusal):
        return moment
    doubt = doubt_of(connection, person, values, now)
    return doubt if doubt is not None and typed.sure != sure_of(doubt) else (values, moment)


def sure_of(doubt: Doubt) -> str:
    """What the button "it is right" sends: it holds for this very value and no other."""
    return f"{doubt.kind}={doubt.now}"


def _store(
    connection: Connection, desk: Desk, session: Session, person: Resident, values: tuple[Value, ...], moment: Moment
) -> list[Heard]:
    said = Entry(
        person=person, values=values, moment=moment, zone=zone_of(connection, person), actor=session.by,
        os_user=desk.os_user,
    )  # fmt: skip
    heard = enter(connection, said, desk.now())
    attempt(connection, person.id, desk.now())
    return heard


def _fate(heard: list[Heard]) -> str:
    """What became of it, as one word: new, already, or refused."""
    outcomes = [one.outcome for one in heard]
    if any(isinstance(one, Accepted) for one in outcomes):
        return "new"
    return "already" if all(isinstance(one, Duplicate) for one in outcomes) else "refused"


def _stored(values: tuple[Value, ...]) -> list[tuple[str, Any]]:
    forms = (store_form(value) for value in values)
    return [(form.kind, form.value) for form in forms if isinstance(form, Stored)]


def _shown(value: Value, lang: Language) -> tuple[str, str]:
    return title_of(value.kind, lang), f"{value.value} {unit_words(KINDS[value.kind].unit, lang)}"


def blank(sheet: Sheet, typed: Typed, wrong: Refusal | Doubt | None, page: str, **more: Any) -> HTMLResponse:
    """The form at `page` with what was typed, and what is wrong with it or surprises."""
    lang = sheet.session.lang
    doubt, refusal = (wrong, None) if isinstance(wrong, Doubt) else (None, wrong)
    surprise = None
    if doubt is not None:
        surprise = {
            "name": title_of(doubt.kind, lang), "before": doubt.before, "now": doubt.now,
            "unit": unit_words(KINDS[doubt.kind].unit, lang), "sure": sure_of(doubt),
        }  # fmt: skip
    key = None
    if refusal is not None:
        key = refusal.code if refusal.code in _KNOWN else "other"
    return sheet.page(
        "me/entry.html", here=page, status=200 if wrong is None or key == "no-consent" else 422, typed=typed,
        surprise=surprise, wrong=key, meant=refusal.message if key in {"implausible", "crossed"} and refusal else "",
        boxes=BOXES, **more,
    )  # fmt: skip
