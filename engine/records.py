"""What is recorded of a resident as their own page shows it: results by year side by side, and what was told. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from engine.care_entries import SORTS, Entry, Sort
from engine.clinical import Fact, Source, standing
from engine.clinical_values import day_of
from engine.explained import ANSWERED, MEASURED, TOLD, Group, explanations, is_answer, spoken
from engine.locale import Language

# More columns than these fit no page that is read with a magnifier; the rest is on the page of the item.
YEARS: Final = 5
# What was brought in from outside is a document of its day; what people said to us is no document.
_DOCUMENTS: Final[frozenset[Source]] = frozenset({"hospital", "lab", "checkup", "import"})


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One fact in words: `text` a value, or yes, no, unknown where `answer`; the civil day it was true."""

    id: str
    text: str
    unit: str
    answer: bool
    day: date
    source: Source


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One item over the years of its table; a year may hold several values, the newest first, or none."""

    code: str
    name: str
    unit: str
    cells: tuple[tuple[Value, ...], ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The items of one group by year, newest year first."""

    group: Group
    years: tuple[int, ...]
    lines: tuple[Line, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was said last of one thing."""

    code: str
    name: str
    value: Value


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that came in together: from where, on which day, how many, and of which days they tell."""

    source: Source
    recorded: date
    first: date
    last: date
    count: int


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one resident's records that they may see."""

    tables: tuple[Table, ...]
    told: Mapping[Group, tuple[Told, ...]]
    answered: tuple[Told, ...]
    documents: tuple[Document, ...]


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """One thing another house told, in its words: when it began or was written, its end, where from and when it came.

    `over` is whether it has ended; `origin` is the network, or the form of the file, that brought it.
    """

    id: str
    name: str
    detail: str
    over: bool
    day: date | None
    until: date | None
    source: Source
    origin: str
    came: date


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """The things of one sort: what is so now, and what has ended; the newest first."""

    now: tuple[Brought, ...] = ()
    over: tuple[Brought, ...] = ()


def shelves_of(entries: Iterable[Entry], now: datetime) -> Mapping[Sort, Shelf]:
    """What other houses told (as it may be seen, one edition of each thing), by sort; every sort is there."""
    found: dict[Sort, list[Brought]] = {sort: [] for sort in SORTS}
    for entry in entries:
        found[entry.sort].append(brought(entry, now))
    return {
        sort: Shelf(now=tuple(one for one in rows if not one.over), over=tuple(one for one in rows if one.over))
        for sort, rows in found.items()
    }


def brought(entry: Entry, now: datetime) -> Brought:
    """One thing as it is shown."""
    over = entry.status == "past" or (entry.until is not None and entry.until <= now)
    return Brought(
        id=entry.id, name=entry.name, detail=entry.detail, over=over,
        day=None if entry.at is None else day_of(entry.at), until=None if entry.until is None else day_of(entry.until),
        source=entry.source, origin=entry.origin, came=day_of(entry.recorded_at),
    )  # fmt: skip


def records_of(facts: Iterable[Fact], now: datetime, lang: Language) -> Records:
    """The records that `facts` (those the resident may see) make at `now`, in words of `lang`."""
    rows = list(facts)
    known = standing(rows, now)
    told = {group: _told(known, (group,), lang) for group in TOLD}
    years = _years(known)
    return Records(
        tables=tuple(table for group in MEASURED if (table := _table(known, group, years, lang)) is not None),
        told=told, answered=_told(known, ANSWERED, lang), documents=documents_of(rows, now),
    )  # fmt: skip


def values_of(facts: Iterable[Fact], code: str, now: datetime, lang: Language) -> tuple[Value, ...]:
    """Every value of one code that stands at `now`, newest first."""
    return tuple(value_of(fact, lang) for fact in reversed(standing(facts, now).get(code, [])))


def value_of(fact: Fact, lang: Language) -> Value:
    """One fact in words."""
    text, unit = spoken(fact, lang)
    return Value(id=fact.id, text=text, unit=unit, answer=is_answer(fact), day=day_of(fact.at), source=fact.source)


def documents_of(facts: Iterable[Fact], now: datetime) -> tuple[Document, ...]:
    """What came in from outside, by source and day, newest first; what was taken back counts no more."""
    parts: dict[tuple[date, Source], list[Fact]] = {}
    for said in standing(facts, now).values():
        for fact in said:
            if fact.source in _DOCUMENTS:
                parts.setdefault((day_of(fact.recorded_at), fact.source), []).append(fact)
    found = []
    for (recorded, source), rows in sorted(parts.items(), reverse=True):
        days = [day_of(fact.at) for fact in rows]
        document = Document(source=source, recorded=recorded, first=min(days), last=max(days), count=len(rows))
        found.append(document)
    return tuple(found)


def _years(known: Mapping[str, Sequence[Fact]]) -> tuple[int, ...]:
    """The newest years in which anything was measured: the same columns for every group."""
    codes = [code for code, one in explanations().items() if one.group in MEASURED]
    found = {day_of(fact.at).year for code in codes for fact in known.get(code, ())}
    return tuple(sorted(found, reverse=True)[:YEARS])


def _table(known: Mapping[str, Sequence[Fact]], group: Group, years: tuple[int, ...], lang: Language) -> Table | None:
    codes = [code for code, one in explanations().items() if one.group == group and known.get(code)]
    lines = tuple(line for code in codes if any((line := _line(code, known[code], years, lang)).cells))
    return Table(group=group, years=years, lines=lines) if lines else None


def _line(code: str, said: Sequence[Fact], years: Sequence[int], lang: Language) -> Line:
    values = [value_of(fact, lang) for fact in reversed(said)]
    cells = tuple(tuple(value for value in values if value.day.year == year) for year in years)
    return Line(code=code, name=explanations()[code].name(lang), unit=values[0].unit, cells=cells)


def _told(known: Mapping[str, Sequence[Fact]], groups: Sequence[Group], lang: Language) -> tuple[Told, ...]:
    """The last word on each code of these groups, what is there before what is not."""
    found = [
        Told(code=code, name=one.name(lang), value=value_of(known[code][-1], lang))
        for code, one in explanations().items()
        if one.group in groups and known.get(code)
    ]
    return tuple(sorted(found, key=lambda told: told.value.answer and told.value.text != "yes"))
