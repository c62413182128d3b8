"""Cases as the desk's pages show them: a line of the call list, one case with its due days, its events in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from engine import cases_words
from engine.cases import Case, Event, evaluated, evaluation_days, total
from engine.cases_book import book
from engine.cases_calls import Call
from engine.cases_list import CallList, Invited
from engine.life_words import badges
from engine.locale import Language
from engine.people import Resident
from engine.store import repo_contacts, repo_life, repo_protection, repo_staff
from engine.store.database import Connection
from engine.web.desk import people_rows
from engine.web.desk.fact_rows import ZONE

# Later than this is said in the head of the page: our own aim is ten office days.
LATE: Final = 10


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list in words; `hidden` is that a measure of support keeps the telephone back."""

    case: str
    resident: str
    name: str
    kana: str
    age: str
    life: tuple[str, ...]
    programme: str
    why: tuple[str, ...]
    due: str
    late: str
    days: int
    phone: str
    hidden: bool
    last: str
    tries: int
    staff: str
    ending: bool


def rows(
    connection: Connection, found: CallList, calls: Sequence[Call], lang: Language, now: datetime, *, protects: bool
) -> list[Row]:
    """These lines of the list; a telephone that is hidden is shown to who may decide about that alone (`protects`)."""
    names = {call.case.resident for call in calls}
    hidden = frozenset() if protects else repo_protection.shielded(connection, names, now)
    lived = repo_life.situations(connection, names)
    last = repo_contacts.newest(connection, names)
    staff = repo_staff.names_of(connection, [call.case.staff for call in calls if call.case.staff])
    made = []
    for call in calls:
        person = found.people[call.case.resident]
        who = people_rows.who(person, lang, now)
        if person.id in found.unseen:
            made.append(_bare(call, who, lang))
            continue
        contact = last.get(person.id)
        told = "" if contact is None else f"{_word(lang, contact)} {people_rows.ago(lang, contact.at, now)}"
        made.append(
            Row(
                case=call.case.id, resident=person.id, name=who.name, kana=who.kana, age=who.age,
                life=badges(lived[person.id], now, ZONE, lang),
                programme=cases_words.said(lang, f"programme.{call.case.programme}"),
                why=tuple(cases_words.why(lang, call)), due=cases_words.day(lang, call.due),
                late=cases_words.late(lang, call), days=call.days, phone="" if person.id in hidden else who.phone,
                hidden=person.id in hidden, last=told, tries=call.tries,
                staff=staff.get(call.case.staff or "", ""), ending=call.ending is not None,
            )
        )  # fmt: skip
    return made


def _bare(call: Call, who: people_rows.Who, lang: Language) -> Row:
    """Who withdrew and is gone: the name, and that their case is to be ended."""
    return Row(
        case=call.case.id, resident=who.id, name=who.name, kana=who.kana, age="", life=(), programme="",
        why=tuple(cases_words.why(lang, call)), due=cases_words.day(lang, call.due), late=cases_words.late(lang, call),
        days=call.days, phone="", hidden=False, last="", tries=0, staff="", ending=True,
    )  # fmt: skip


def plain(
    cases: Iterable[Case], people: dict[str, Resident], lang: Language, shown: Collection[str] | None = None
) -> list[dict[str, str]]:
    """Cases as name, programme and next day; of whom is not in `shown` (None: everybody) the name alone."""
    return [
        {
            "case": one.id, "name": people_rows.name(people[one.resident]),
            "programme": "" if shown is not None and one.resident not in shown else cases_words.said(
                lang, f"programme.{one.programme}"),
            "next": cases_words.day(lang, one.next_on),
            "reason": cases_words.said(lang, f"reason.{one.reason}") if one.reason else "",
            "ended": cases_words.day(lang, one.ended_at.astimezone(ZONE).date()) if one.ended_at else "",
        }
        for one in cases if one.resident in people
    ]  # fmt: skip


def invited(found: Sequence[Invited], lang: Language, now: datetime) -> list[dict[str, str]]:
    """Whom to invite, in words."""
    return [
        {
            "resident": one.person.id, "name": people_rows.name(one.person), "kana": people_rows.kana(one.person),
            "age": people_rows.who(one.person, lang, now).age, "level": cases_words.said(lang, f"level.{one.level}"),
            "day": cases_words.day(lang, one.checked_on),
        }
        for one in found
    ]  # fmt: skip


def due_days(case: Case, events: Sequence[Event], lang: Language) -> list[tuple[str, str]]:
    """Each evaluation with the day from which it may be made, or on which it was."""
    done = evaluated(events)
    return [
        (
            cases_words.stage(lang, stage),
            cases_words.said(lang, "one.done", day=cases_words.day(lang, done[stage].day))
            if stage in done
            else cases_words.said(lang, "one.from", day=cases_words.day(lang, day)),
        )
        for stage, day in evaluation_days(case, book()).items()
    ]


def history(connection: Connection, case: Case, events: Sequence[Event], lang: Language) -> list[dict[str, Any]]:
    """What was done, newest first, with the words of the contacts."""
    names = repo_staff.names_of(
        connection, {event.by for event in events} | {event.detail.staff for event in events if event.detail.staff}
    )
    written = {one.id: one.text for one in repo_contacts.of_resident(connection, case.resident, 500)}
    return [
        {
            "day": cases_words.day(lang, event.day), "what": cases_words.event(lang, event, names),
            "text": written.get(event.detail.contact or "", ""), "by": names.get(event.by, event.by),
            "points": event.points,
        }
        for event in reversed(events)
    ]  # fmt: skip


def points(case: Case, events: Sequence[Event], lang: Language) -> str:
    """How many points of how many."""
    return cases_words.points(lang, case, total(events), book())


def _word(lang: Language, contact: repo_contacts.Contact) -> str:
    how, outcome = (
        cases_words.word(lang, sort, code) for sort, code in (("how", contact.how), ("outcome", contact.outcome))
    )
    return f"{how} {outcome}"
