"""Lines of the queue as a person reads them: who, what about, why here, until when, and who works on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from engine.locale import Language, text
from engine.officehours import left_words
from engine.people import age_on
from engine.queue_search import Search
from engine.rules import load_catalogue
from engine.rules.model import AdviceRule
from engine.store import repo_queue_parts
from engine.store.database import Connection
from engine.store.repo_places import ZONE
from engine.store.repo_queue import Line
from engine.store.repo_staff import names_of
from engine.web.sessions import Session
from engine.web.view import span
from engine.web.view import word as looked_up

# Told in its own place on the row, or anew on every page.
_ELSEWHERE: Final = frozenset({"severity", "overdue", "waiting"})
_MINUTE: Final = timedelta(minutes=1)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row: `due` in words with `late`, `who` works on it, `waits` since it came, `left` of a hold or a sleep."""

    id: str
    href: str
    name: str
    age: str
    topic: str
    severity: str
    severity_word: str
    state: str
    state_word: str
    first_line: str
    chips: tuple[str, ...]
    due: str
    late: bool
    who: str
    given: str
    waits: str
    left: str
    calls: bool
    batchable: bool


def rows_of(
    connection: Connection, session: Session, lines: Sequence[Line], search: Search, now: datetime
) -> list[Row]:
    """The rows of these lines, with two statements for all the names."""
    people = repo_queue_parts.people(connection, {line.resident_id for line in lines})
    staff = names_of(connection, {one for line in lines for one in (line.decided_by, line.assigned_to) if one})
    end = within(search)
    return [_row(session.lang, line, people.get(line.resident_id), staff, end, now) for line in lines]


@cache
def word(lang: Language, kind: str, code: str) -> str:
    """As `view.word`, kept: a page asks for the same few words for every row."""
    return looked_up(lang, kind, code)


@cache
def batchable_rules() -> frozenset[str]:
    """The rules whose items may be approved together."""
    return frozenset(
        rule.id for rule in load_catalogue() if isinstance(rule, AdviceRule) and rule.review == "batchable"
    )


def within(search: Search) -> str:
    """What the address of an item ends with, so that it remembers the search it was found by."""
    return f"?in={quote(search.query, safe='')}" if search.query else ""


def due_words(lang: Language, line: Line, now: datetime) -> tuple[str, bool]:
    """Until when somebody should have looked, in words, and whether that is over."""
    left = left_words(line.due_at, now, line.severity, line.municipality_code)
    return text(lang, "nurse", f"desk.queue.{left.kind}-{left.unit}", n=left.number), left.kind == "over"


def _row(lang: Language, line: Line, person: Any, staff: Mapping[str, str], end: str, now: datetime) -> Row:
    waits = line.state in {"open", "claimed", "escalated"}
    due, late = due_words(lang, line, now) if waits or line.needs_contact else ("", False)
    advice = line.text_ja if lang == "ja" else line.text_en
    sleeps = line.held_until is not None and line.held_until > now and line.state in {"approved", "snoozed"}
    return Row(
        id=line.id, href=f"/advice/{line.id}{end}", name=_name(person) or line.resident_id, age=_age(lang, person, now),
        topic=word(lang, "topic", line.topic), severity=line.severity,
        severity_word=word(lang, "severity", line.severity), state=line.state,
        state_word=word(lang, "state", line.state), first_line=advice.partition("\n")[0], chips=_chips(lang, line),
        due=due, late=late, who=staff.get(line.decided_by or "", "") if _claimed(line, now) else "",
        given=staff.get(line.assigned_to or "", ""), waits=_waits(lang, (now - line.created_at) // _MINUTE),
        left=span(lang, (line.held_until - now) // _MINUTE + 1) if sleeps and line.held_until else "",
        calls=line.needs_contact, batchable=line.rule_id in batchable_rules() and line.state in {"open", "claimed"},
    )  # fmt: skip


def _claimed(line: Line, now: datetime) -> bool:
    """Whether somebody works on it; a claim has an end."""
    return line.state in {"claimed", "escalated"} and line.held_until is not None and line.held_until > now


def _waits(lang: Language, minutes: int) -> str:
    if minutes < 1:
        return text(lang, "nurse", "desk.queue.just-now")
    return text(lang, "nurse", "desk.queue.waits", span=span(lang, minutes))


def _chips(lang: Language, line: Line) -> tuple[str, ...]:
    codes = (reason.partition(":")[0] for reason in line.reasons)
    return tuple(word(lang, "chip", code) for code in codes if code not in _ELSEWHERE)


def _name(person: Any) -> str:
    return f"{person.family_name} {person.given_name}".strip() if person is not None else ""


def _age(lang: Language, person: Any, now: datetime) -> str:
    # The age in years hangs on the day, and every municipality served lies in one zone.
    if person is None:
        return ""
    born, today = date.fromisoformat(person.birth_date), now.astimezone(ZoneInfo(ZONE)).date()
    return text(lang, "nurse", "desk.age", years=age_on(born, today))
