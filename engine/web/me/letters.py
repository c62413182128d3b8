"""Advice as its reader sees it: the words, when it came, on what it rests, and whom to call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine.clinical_values import day_of
from engine.contacts import MOST, numbers_at
from engine.locale import Language, has_text, text
from engine.people import Resident, age_on
from engine.review import Item, hurries
from engine.store import repo_responses, repo_seen
from engine.store.database import Connection
from engine.today import lines_of
from engine.web.context import Desk
from engine.web.me.mine import day_words


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of delivered advice; `said` is what the reader answered, `unread` until they opened it."""

    id: str
    day: str
    topic: str
    lines: tuple[str, ...]
    severity: str
    urgent: bool
    unread: bool
    said: str | None


def letters(connection: Connection, items: Sequence[Item], reader: str, lang: Language) -> list[Letter]:
    """Delivered advice in words, in the order given; `reader` is who has it before them."""
    names = [item.id for item in items]
    seen, answers = repo_seen.at(connection, names, reader), repo_responses.of(connection, names)
    return [
        Letter(
            id=item.id,
            day=day_words(lang, item.updated_at),
            topic=topic(lang, item.topic),
            lines=lines_of(item, lang),
            severity=item.severity,
            urgent=hurries(item.severity),
            unread=item.id not in seen,
            said=answers.get(item.id),
        )
        for item in items
    ]


def topic(lang: Language, code: str) -> str:
    """What advice is about, in a word."""
    key = f"me.topic.{code}"
    return text(lang, "resident", key if has_text(lang, "resident", key) else "me.topic.other")


def opened(connection: Connection, items: Sequence[Item], reader: Resident, now: datetime) -> None:
    """Notes that its owner has this advice before them, every word of it."""
    for item in items:
        repo_seen.mark(connection, item.id, reader.id, item.version, now)


def numbers(desk: Desk, person: Resident, now: datetime, lang: Language) -> list[dict[str, str]]:
    """Whom `person` can call at `now`: 119 first, then who answers at this hour."""
    found = numbers_at(person.municipality_code, now, desk.home, age=age_on(person.birth_date, day_of(now)))[:MOST]
    return [
        {
            "name": getattr(one.name, lang), "about": getattr(one.about, lang), "shown": one.number,
            "digits": one.number.replace("-", "").replace("#", "%23"),
        }
        for one in found
    ]  # fmt: skip


def rests_on(item: Item) -> list[dict[str, Any]]:
    """The published sources of the rule, each once."""
    found = {(source["title"], source["edition"]): source for source in item.evidence.get("sources", ())}
    return list(found.values())
