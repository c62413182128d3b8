"""What other houses told of a resident, as rows at the desk: everything, and which of it the resident sees yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from engine.care_entries import SORTS, Entry, Sort, current
from engine.disclosure import AfterRelease, Later, Policy, sight_of
from engine.locale import Language, has_text, text
from engine.records import brought
from engine.web.desk import fact_rows


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in words; `codes` as the house coded it, `seen` shown, later or waiting, with the day of later."""

    id: str
    name: str
    detail: str
    codes: str
    span: str
    source: str
    came: str
    over: bool
    seen: str
    seen_on: str


def shelves(
    entries: Sequence[Entry], policy: Policy, releases: Mapping[str, datetime], now: datetime, lang: Language
) -> dict[Sort, list[EntryRow]]:
    """The newest edition of each thing by sort, what is so now before what has ended; every sort is there."""
    found: dict[Sort, list[EntryRow]] = {sort: [] for sort in SORTS}
    for entry in current(entries, now):
        found[entry.sort].append(_row(entry, entries, policy, releases, now, lang))
    return {sort: sorted(rows, key=lambda row: row.over) for sort, rows in found.items()}


def _row(
    entry: Entry,
    entries: Sequence[Entry],
    policy: Policy,
    releases: Mapping[str, datetime],
    now: datetime,
    lang: Language,
) -> EntryRow:
    told = brought(entry, now)
    sight = sight_of(entry, entries, policy, releases, now)
    span = " – ".join(fact_rows.day(lang, day) if day else "" for day in (told.day, told.until))
    return EntryRow(
        id=entry.id, name=entry.name, detail=entry.detail, over=told.over, came=fact_rows.day(lang, told.came),
        codes=", ".join(f"{one.code} {one.display}".strip() for one in entry.codes), span=span.strip(" –"),
        source=f"{text(lang, 'nurse', f'desk.source.{entry.source}')} ({_origin(lang, entry.origin)})",
        seen="waiting" if isinstance(sight, AfterRelease) else "later" if isinstance(sight, Later) else "shown",
        seen_on=fact_rows.day(lang, sight.day) if isinstance(sight, Later) else "",
    )  # fmt: skip


def _origin(lang: Language, name: str) -> str:
    key = f"desk.entry.origin.{name}"
    return text(lang, "nurse", key) if has_text(lang, "nurse", key) else name
