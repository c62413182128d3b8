"""Life events in words: what each changes, area by area, and how a stay is called beside a name. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from engine.locale import Language, has_text, text
from engine.situation import AREAS, GONE, SORTS, SOURCES, STAYS, TRIPS, Area, Does, LifeEvent, Situation, Sort, effect

_SHOWN = frozenset({*GONE, *STAYS, "pregnancy"})


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What one sort of event does to one area, in words; `source` where it rests on somebody else's."""

    sort: Sort
    area: Area
    does: Does
    name: str
    sentence: str
    source: str | None = None


def sort_name(sort: Sort, lang: Language) -> str:
    """The name of a sort of event."""
    return text(lang, "nurse", f"life.sort.{sort}")


def effects_of(sort: Sort, lang: Language) -> tuple[Effect, ...]:
    """What an event of `sort` changes and what it leaves, in the order of the table."""
    return tuple(_effect(sort, area, lang) for area in AREAS)


def effects(lang: Language) -> tuple[Effect, ...]:
    """The whole table in words."""
    return tuple(one for sort in SORTS for one in effects_of(sort, lang))


def also(sort: Sort, lang: Language) -> str:
    """What else follows from an event of `sort`, and what is left to ask."""
    return text(lang, "nurse", f"life.{sort}.also")


def badges(situation: Situation, now: datetime, zone: ZoneInfo, lang: Language) -> tuple[str, ...]:
    """What stands beside the name at `now`: 入院中（11/3から）; also what is to come."""
    held = [
        text(lang, "nurse", f"life.now.{event.sort}", day=_day(_told(event, zone), lang))
        for event in situation.during(now, _SHOWN)
    ]
    ahead = [
        text(lang, "nurse", "life.soon", what=sort_name(event.sort, lang), day=_day(day_of(event, zone), lang))
        for event in situation.standing
        if event.since > now
    ]
    return (*held, *ahead)


def day_of(event: LifeEvent, zone: ZoneInfo) -> date:
    """The day an event was said to be on.

    A day alone that had come is stored as its end, the midnight after it (engine.life.beginning): shown as that
    midnight's day, somebody would have died a day late.
    """
    since = event.since.astimezone(zone)
    ends_a_day = event.sort != "pregnancy" and since.time() == time() and since <= event.at
    return since.date() - timedelta(days=1) if ends_a_day else since.date()


def _told(event: LifeEvent, zone: ZoneInfo) -> date:
    """The day beside the name: of a trip that of the return, of all else that of the beginning."""
    returns = event.until if event.sort in TRIPS else None
    return day_of(event, zone) if returns is None else returns.astimezone(zone).date()


def span(event: LifeEvent, zone: ZoneInfo) -> str:
    """From when until when, as days."""
    start = day_of(event, zone).isoformat()
    return start if event.until is None else f"{start} - {event.until.astimezone(zone).date().isoformat()}"


def _effect(sort: Sort, area: Area, lang: Language) -> Effect:
    does, key = effect(sort, area), f"life.{sort}.{area}"
    return Effect(
        sort=sort, area=area, does=does, name=text(lang, "nurse", f"life.area.{area}"),
        sentence=text(lang, "nurse", key if has_text(lang, "nurse", key) else "life.same"),
        source=SOURCES.get((sort, area)),
    )  # fmt: skip


def _day(day: date, lang: Language) -> str:
    return f"{day.month}/{day.day}" if lang == "ja" else day.isoformat()
