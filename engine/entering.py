"""Values that somebody says or types, taken in by hand: terminal, desk and the resident's page alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Value
from engine.imports.model import Record, reading_of
from engine.imports.moments import clock, day_span, moment
from engine.imports.spoken import Doubt, unusual
from engine.people import Resident
from engine.refusal import Refusal
from engine.sameness import judged
from engine.store import audit, repo_history
from engine.store.database import Connection
from engine.store.instants import to_micros
from engine.store.readings import Heard, write_batch
from engine.taking import Source, entry

FORMATS: Final = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "iso", "era")
_YEAR: Final = timedelta(days=365)
# A clock of a minute's display, read a little late: later than this is the future.
_SLACK: Final = timedelta(minutes=5)


class Moment(msgspec.Struct, frozen=True):
    """When something was measured, to the minute; `told` is False where nobody said so and now is meant."""

    at: datetime
    told: bool


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody entered of `person`: the values, when they were measured, the zone, and who is answerable."""

    person: Resident
    values: tuple[Value, ...]
    moment: Moment
    zone: ZoneInfo
    actor: str
    os_user: str


def moment_of(at: str | None, day: str | None, zone: ZoneInfo, now: datetime) -> Moment | Refusal:
    """When `at` (a time, or a day with a time) on `day` is; neither is now. Refused: unreadable-date, future."""
    if not at and not day:
        return Moment(now.replace(second=0, microsecond=0), told=False)
    local = now.astimezone(zone)
    # A time alone (7:05, 午後3時5分) is of the named day, else of today.
    alone = bool(at) and clock(at or "") is not None
    text = f"{day or local.date().isoformat()} {at}" if alone else at or day or ""
    found = moment(text, FORMATS, zone)
    if found is None:
        return Refusal("unreadable-date", f"not a time: {text} (write 2026-11-21 7:05)", "at")
    if not at and found > now and found.astimezone(zone).date() == local.date():
        found = now.replace(second=0, microsecond=0)
    if found > now + _SLACK:
        return Refusal("future", f"{text} has not come yet", "at")
    return Moment(found, told=True)


def doubt_of(connection: Connection, person: Resident, values: Sequence[Value], now: datetime) -> Doubt | None:
    """The first value that is far from what `person` last had within a year; what cannot be was refused before."""
    kinds = [value.kind for value in values]
    past = repo_history.history(connection, person.id, kinds, to_micros(now - _YEAR), to_micros(now))
    # What is only probably theirs may be somebody else's, who is not to be shown here.
    sure = {kind: [point for point in points if point.certainty == "sure"] for kind, points in past.items()}
    return unusual(values, {kind: points[-1].value for kind, points in sure.items() if points})


def enter(connection: Connection, said: Entry, now: datetime) -> list[Heard]:
    """Stores what was entered as self-reported, with its audit entry; what became of each reading.

    Raises NoConsentError where the resident does not let us record. Evaluating what follows is the caller's.
    """
    records = records_of(said.values, said.moment.at, said.zone, now)
    readings = [
        msgspec.structs.replace(
            reading_of(record, said.person.id, "manual", now), profile="manual", source="manual",
            provenance="self-reported", time_quality="device" if said.moment.told else "received",
        )
        for record in records
    ]  # fmt: skip
    heard = judged(connection, said.person, list(zip(records, readings, strict=True)), said.zone, now, "manual")
    write_batch(connection, heard, [], now)
    source = Source(said.person, "manual", said.zone, said.actor, said.os_user)
    audit.append(connection, entry(source, "reading-add", now, [reading.id for reading in readings]))
    return heard


def records_of(values: Sequence[Value], at: datetime, zone: ZoneInfo, now: datetime) -> list[Record]:
    """One record of what was measured together, and one of the day's steps, which span that day."""
    start, end = day_span(at.astimezone(zone).date(), zone)
    steps = tuple(value for value in values if value.kind == "steps-day")
    rest = tuple(value for value in values if value.kind != "steps-day")
    found = [Record(line=1, origin="", at=at, values=rest)] if rest else []
    # Today's steps are those until now; a finished day's are that day's, whatever the hour they are told.
    today = end > now
    return found + ([Record(line=1, origin="", at=at if today else end, start=start, values=steps)] if steps else [])
