"""A word about somebody's life, read and checked: an event to be stored, or why it cannot be. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.entering import FORMATS
from engine.imports.moments import clock, moment
from engine.people import Resident, Status
from engine.refusal import Refusal
from engine.situation import GONE, MOVES, SORTS, STAYS, TRIPS, Detail, LifeEvent, Situation, Sort, gone

# What ends by itself or by somebody's word; a death and a move within the region do not.
ENDS: Final[frozenset[Sort]] = frozenset({*STAYS, "pregnancy", "moved-out"})
# What nobody knows before it happened.
_NOT_AHEAD: Final[frozenset[Sort]] = frozenset({"death", "pregnancy"})
FURTHEST: Final = timedelta(days=366)
# A winter with one's children: whoever is away longer says so again, so that nobody is away for ever by one word.
LONGEST_TRIP: Final = timedelta(days=184)
# From the last period to two weeks past the due date; whoever knows better says so.
PREGNANCY: Final = timedelta(weeks=42)
_MIDNIGHT: Final = time()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What `by` typed: `since` and `until` as instants, where to for a move (household None: none); `id` is new."""

    id: str
    by: str
    sort: str
    since: datetime
    until: datetime | None = None
    municipality: str | None = None
    household: str | None = None


def beginning(text: str, sort: str, now: datetime, zone: ZoneInfo) -> datetime | Refusal:
    """The instant from which `sort` counts when it is said to be on the day, or at the time, of `text`.

    On the day itself both lives are possible, so that what was measured on it stays theirs: a day alone means its end
    (of today: now), and of a day to come its beginning. A pregnancy counts from the beginning.
    """
    found = moment(text, FORMATS, zone, _MIDNIGHT)
    if found is None:
        return Refusal("unreadable-date", "write the day as 2026-11-21 or 令和8年11月21日", "since")
    day, today = found.astimezone(zone).date(), now.astimezone(zone).date()
    if _timed(text) or sort == "pregnancy" or day > today:
        return found
    return now if day == today else _start(day + timedelta(days=1), zone)


def ending(text: str, zone: ZoneInfo) -> datetime | Refusal:
    """The instant at which something ends that is said to end on the day, or at the time, of `text`: its beginning."""
    found = moment(text, FORMATS, zone, _MIDNIGHT)
    return found or Refusal("unreadable-date", "write the day as 2026-11-21 or 令和8年11月21日", "until")


def checked(draft: Draft, person: Resident, situation: Situation, now: datetime) -> LifeEvent | Refusal:
    """The event that `draft` makes, or why not.

    Refused: `unknown-sort`, `inactive`, `future`, `past`, `until-past`, `no-end`, `not-possible`, `overlaps`,
    `no-municipality`, `nothing-changes`, `later-event`; of a trip `no-until` or `too-long-away`.
    """
    sort = next((one for one in SORTS if one == draft.sort), None)
    if sort is None:
        return Refusal("unknown-sort", f"sorts are {', '.join(SORTS)}", "sort")
    found = (
        _time_refused(draft, sort, person, now)
        or _person_refused(sort, person, situation, draft)
        or _move_refused(draft, sort, person, situation)
    )
    if found is not None:
        return found
    until = draft.since + PREGNANCY if sort == "pregnancy" and draft.until is None else draft.until
    return LifeEvent(
        id=draft.id, resident=person.id, sort=sort, since=draft.since, until=until, detail=_detail(draft, sort),
        by=draft.by, at=now,
    )  # fmt: skip


def ended(event: LifeEvent, until: datetime, now: datetime) -> LifeEvent | Refusal:
    """`event` with its end; refused as `no-end`, `taken-back`, `already-over`, `until-past`, `future`, `too-long-away`.

    What is over is taken back and recorded anew: what was measured since has been filed by it.
    """
    if event.sort not in ENDS:
        return Refusal("no-end", f"{event.sort} does not end", "until")
    if event.taken_back_at is not None:
        return Refusal("taken-back", f"{event.id} was taken back")
    if event.until is not None and event.until <= now:
        return Refusal("already-over", f"{event.id} is over: take it back and record it anew", "until")
    if until <= event.since:
        return Refusal("until-past", "it would end before it begins", "until")
    too_far = _too_far(event.sort, max(event.since, now), until, now)
    if too_far is not None:
        return too_far
    return msgspec.structs.replace(event, until=until, detail=msgspec.structs.replace(event.detail, over=False))


def taken_back(event: LifeEvent, situation: Situation, reason: str, now: datetime) -> LifeEvent | Refusal:
    """`event` as a mistake; refused as `taken-back`, or `later-event` where a later move started from its place."""
    if event.taken_back_at is not None:
        return Refusal("taken-back", f"{event.id} was taken back before")
    later = [one for one in situation.standing if one.sort in MOVES and one.detail.begun and _after(one, event)]
    if event.sort in MOVES and event.detail.begun and later:
        return Refusal("later-event", f"take back {later[-1].id} first")
    return msgspec.structs.replace(event, taken_back_at=now, reason=reason or None)


def _after(one: LifeEvent, other: LifeEvent) -> bool:
    return (one.at, one.id) > (other.at, other.id)


def _detail(draft: Draft, sort: Sort) -> Detail:
    if sort == "moved-within":
        return Detail(municipality=draft.municipality, household=draft.household)
    return Detail(household=draft.household) if sort == "left-household" else Detail()


def base_of(situation: Situation) -> Status:
    """The status that would be registered if nothing had ever happened: what no event tells of."""
    told = any(GONE.get(event.sort) == situation.status for event in situation.standing)
    return "active" if told else situation.status


def _time_refused(draft: Draft, sort: Sort, person: Resident, now: datetime) -> Refusal | None:
    if draft.since > now + (timedelta(0) if sort in _NOT_AHEAD else FURTHEST):
        return Refusal("future", "this has not come yet", "since")
    if draft.since.date() < person.birth_date:
        return Refusal("past", "this is before the person was born", "since")
    if draft.until is None:
        return Refusal("no-until", "say when they are back", "until") if sort in TRIPS else None
    if sort not in ENDS:
        return Refusal("no-end", f"{sort} does not end", "until")
    if draft.until <= draft.since:
        return Refusal("until-past", "it would end before it begins", "until")
    return _too_far(sort, draft.since, draft.until, now)


def _too_far(sort: Sort, since: datetime, until: datetime, now: datetime) -> Refusal | None:
    if sort in TRIPS and until > since + LONGEST_TRIP:
        return Refusal("too-long-away", f"at most {LONGEST_TRIP.days} days at a time", "until")
    return Refusal("future", "this is too far ahead", "until") if until > now + FURTHEST else None


def _person_refused(sort: Sort, person: Resident, situation: Situation, draft: Draft) -> Refusal | None:
    left = gone(situation, draft.since)
    dead = any(event.sort == "death" for event in situation.standing) or situation.status == "deceased"
    if dead or (left is not None and sort != "death"):
        return Refusal("inactive", f"{person.id} takes part no more", "sort")
    if sort == "pregnancy" and person.sex == "male":
        return Refusal("not-possible", "men are not pregnant", "sort")
    end = draft.until
    for other in situation.standing:
        apart = (other.until is not None and other.until <= draft.since) or (end is not None and end <= other.since)
        if other.sort == sort and sort in ENDS and not apart:
            return Refusal("overlaps", f"{other.id} is of the same time: end it or take it back", "since")
    return None


def _move_refused(draft: Draft, sort: Sort, person: Resident, situation: Situation) -> Refusal | None:
    if sort not in MOVES:
        return None
    if any(event.sort in MOVES and event.since >= draft.since for event in situation.standing):
        return Refusal("later-event", "a later move is recorded: take it back first", "since")
    if sort == "moved-within" and draft.municipality is None:
        return Refusal("no-municipality", "say where to", "municipality")
    same_home = draft.household == person.household_id
    if sort == "left-household" and person.household_id is None:
        return Refusal("nothing-changes", "this person has no household", "sort")
    if same_home and draft.municipality in {None, person.municipality_code}:
        return Refusal("nothing-changes", "this is where the person lives", "household")
    return None


def _timed(text: str) -> bool:
    return clock(text) is not None or any(mark in text for mark in ":：時")


def _start(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, _MIDNIGHT, zone)
