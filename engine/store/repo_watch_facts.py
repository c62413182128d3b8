"""What is known of those who are watched over, as the judge wants it; of who was heard just now only that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, case, func, or_, select, text

from engine.signals_rows import STEP_KINDS
from engine.situation import Situation
from engine.store import repo_custody, repo_history, repo_life, repo_residents, repo_watch_ears
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_contacts import SPOKEN
from engine.store.repo_places import ZONE
from engine.store.tables import AUDIT, BINDING, DEVICE, HOUSEHOLD, MEASUREMENT, READING, RESIDENT, WAITS
from engine.store.tables_desk import CONTACT
from engine.watching import Device, Facts
from engine.watching_rhythm import present, usual
from engine.watching_rules import rules
from engine.watching_signs import midnight, signs, steps_of, unbroken

_ZONE: Final = ZoneInfo(ZONE)
# Most people were heard a few hours ago: of them no more is read.
_LATELY: Final = timedelta(hours=6)
# The baseline's 28 days, the week after it, and the days on which a fall has to last, with gaps.
_STEP_DAYS: Final = timedelta(days=60)
_WORN: Final = ("heart-rate", "pulse-rate")


class Word(msgspec.Struct, frozen=True):
    """One value that is this person's, when it was measured, or received where the device's clock is in doubt."""

    at: datetime
    value: Decimal
    device_id: str
    since: datetime | None


class Box(msgspec.Struct, frozen=True):
    """A device of a home: its battery, when it was heard last, whom it belongs to (nobody: to whoever steps on it)."""

    id: str
    battery: int | None
    heard: datetime | None
    holders: frozenset[str]


def facts_of(connection: Connection, residents: Collection[str], now: datetime) -> list[Facts]:
    """What is known of each of these residents but for their steps, the town's and what was raised before."""
    people = repo_residents.get_many(connection, residents)
    situations = repo_life.situations(connection, residents)
    homes = {person.household_id for person in people if person.household_id is not None}
    gateways = repo_watch_ears.gateways(connection, homes, now)
    boxes, members, zones = _boxes(connection, homes), _members(connection, homes), _zones(connection, homes)
    found = []
    for person in people:
        home = person.household_id or ""
        alone = members.get(home, frozenset()) <= {person.id}
        mine = [box for box in boxes.get(home, ()) if not box.holders or person.id in box.holders]
        base = Facts(
            resident=person.id, situation=situations[person.id], gateways=gateways.get(home, ()),
            zone=zones.get(home, _ZONE),
        )  # fmt: skip
        found.append(_filled(connection, base, mine, now, alone=alone, home=home))
    return found


def steps(connection: Connection, resident: str, zone: ZoneInfo, now: datetime) -> Mapping[date, int]:
    """The days whose steps were really counted, of the weeks that a baseline needs."""
    until, since = to_micros(now) + 1, to_micros(now - _STEP_DAYS)
    history = repo_history.history(connection, resident, STEP_KINDS, since, until)
    if not any(history.values()):
        return {}
    history |= repo_history.history(connection, resident, _WORN, since, until)
    return steps_of(history, zone, now.astimezone(zone).date())


def _filled(
    connection: Connection, base: Facts, boxes: Sequence[Box], now: datetime, *, alone: bool, home: str
) -> Facts:  # fmt: skip
    """`base` with the devices and the signs; the further back, the fewer people it is read of."""
    boxes = _used(connection, base.resident, boxes, now)
    names = {box.id for box in boxes}
    fresh = now - rules().silence.floor
    for span in (_LATELY, rules().silence.floor):
        # From the beginning of a day on: only then is it known whether a day's total grew.
        lately = _told(connection, base, midnight(now - span, base.zone))
        last = {device: told[-1] for device, told in lately.items() if told and told[-1] > fresh}
        if names <= last.keys():
            devices = tuple(_device(box, last[box.id], None, base.resident, alone=alone) for box in boxes)
            return msgspec.structs.replace(base, devices=devices)
    every = _told(connection, base, now - timedelta(days=rules().silence.days))
    start = midnight(now, base.zone)
    devices = tuple(
        msgspec.structs.replace(
            _device(box, told[-1], _usual(told, start, base.situation), base.resident, alone=alone),
            unbroken=_unbroken(connection, box, now),
        )
        for box in boxes
        if (told := every.get(box.id))
    )
    signed = sorted(at for told in every.values() for at in told)
    elsewhere = [told[-1] for device, told in every.items() if told and device not in names]
    sign = max([*elsewhere, *_other_signs(connection, base.resident, now)], default=None)
    return msgspec.structs.replace(
        base, devices=devices, sign=sign, maybe=_maybe(connection, base.resident, home, now),
        present=present(signed, _usual(signed, start, base.situation)),
        unanswered=_unanswered(connection, base.resident),
    )  # fmt: skip


def _used(connection: Connection, resident: str, boxes: Sequence[Box], now: datetime) -> list[Box]:
    """The devices that this person has used lately: of a scale of the home that they never step on nothing is asked."""
    since = now - timedelta(days=rules().silence.days)
    mine = select(READING.c.id).where(READING.c.resident_id == resident, READING.c.measured_at >= to_micros(since))
    return [
        box
        for box in boxes
        if box.heard is not None
        and box.heard >= since
        and connection.execute(mine.where(READING.c.device_id == box.id).limit(1)).first() is not None
    ]


def _usual(told: Iterable[datetime], start: datetime, situation: Situation) -> timedelta | None:
    return usual([at for at in told if at <= start], start, situation)


def _device(box: Box, sign: datetime, limit: timedelta | None, resident: str, *, alone: bool) -> Device:
    own = alone or box.holders == {resident}
    return Device(id=box.id, own=own, battery=box.battery, sign=sign, usual=limit, heard=box.heard)


def _unbroken(connection: Connection, box: Box, now: datetime) -> datetime | None:
    """From when the device is heard without a gap; asked only of one that is heard now."""
    if box.heard is None or now - box.heard > rules().witness.alive:
        return None
    since = to_micros(now - timedelta(days=rules().silence.longest_days))
    query = select(READING.c.measured_at, READING.c.received_at).where(
        READING.c.device_id == box.id, READING.c.measured_at >= since
    )  # fmt: skip
    return unbroken(sorted(from_micros(min(row.measured_at, row.received_at)) for row in connection.execute(query)))


def _told(connection: Connection, base: Facts, since: datetime) -> dict[str, list[datetime]]:
    """The signs that are surely this person's since then, by device."""
    query = (
        select(
            READING.c.device_id, READING.c.measured_at, READING.c.received_at, READING.c.period_start,
            READING.c.time_quality, MEASUREMENT.c.kind, MEASUREMENT.c.value,
        )
        .join(MEASUREMENT, MEASUREMENT.c.reading_id == READING.c.id)
        .where(READING.c.resident_id == base.resident, READING.c.measured_at >= to_micros(since))
        .where(READING.c.certainty == "sure")
        .order_by(READING.c.measured_at)
    )  # fmt: skip
    found: dict[str, dict[str, list[Word]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(query):
        at = row.received_at if row.time_quality == "unknown" else min(row.measured_at, row.received_at)
        begun = None if row.period_start is None else from_micros(row.period_start)
        word = Word(from_micros(at), Decimal(row.value), row.device_id, begun)
        found[row.device_id][row.kind].append(word)
    return {device: signs(history, base.zone) for device, history in found.items()}


def _boxes(connection: Connection, homes: Collection[str]) -> dict[str, list[Box]]:
    """The devices of each home; the last word of each by the index, however long its history is.

    What was lent and given back, is lost or broken is silent for a reason that everybody knows.
    """
    newest = (
        select(READING.c.measured_at).where(READING.c.device_id == DEVICE.c.id)
        .order_by(READING.c.measured_at.desc()).limit(1).scalar_subquery()
    )  # fmt: skip
    came = (
        select(READING.c.received_at).where(READING.c.device_id == DEVICE.c.id)
        .order_by(READING.c.measured_at.desc()).limit(1).scalar_subquery()
    )  # fmt: skip
    query = select(DEVICE.c.id, DEVICE.c.household_id, DEVICE.c.battery, newest.label("at"), came.label("came"))
    found: dict[str, list[Box]] = defaultdict(list)
    for part in parts_of(sorted(set(homes))):
        holders: dict[str, set[str]] = defaultdict(set)
        held = select(BINDING.c.device_id, BINDING.c.resident_id).join(DEVICE, DEVICE.c.id == BINDING.c.device_id)
        for binding in connection.execute(held.where(DEVICE.c.household_id.in_(part))):
            holders[binding.device_id].add(binding.resident_id)
        back = repo_custody.given_back(connection, part) - holders.keys()
        here = query.where(DEVICE.c.household_id.in_(part)).order_by(DEVICE.c.id)
        for row in (one for one in connection.execute(here) if one.id not in back):
            heard = None if row.at is None else from_micros(min(row.at, row.came))
            box = Box(row.id, row.battery, heard, frozenset(holders.get(row.id, ())))
            found[row.household_id].append(box)
    return found


def _members(connection: Connection, homes: Collection[str]) -> dict[str, frozenset[str]]:
    """Who is registered in each home."""
    found: dict[str, set[str]] = defaultdict(set)
    query = select(RESIDENT.c.household_id, RESIDENT.c.id).where(RESIDENT.c.status == "active")
    for part in parts_of(sorted(set(homes))):
        for row in connection.execute(query.where(RESIDENT.c.household_id.in_(part))):
            found[row.household_id].add(row.id)
    return {home: frozenset(names) for home, names in found.items()}


def _zones(connection: Connection, homes: Collection[str]) -> dict[str, ZoneInfo]:
    """In which zone the days of each home are cut."""
    found: dict[str, ZoneInfo] = {}
    for part in parts_of(sorted(set(homes))):
        for row in connection.execute(select(HOUSEHOLD.c.id, HOUSEHOLD.c.zone).where(HOUSEHOLD.c.id.in_(part))):
            found[row.id] = ZoneInfo(row.zone)
    return found


def _other_signs(connection: Connection, resident: str, now: datetime) -> Iterable[datetime]:
    """What else says that somebody is well: their own page, a talk."""
    own = select(AUDIT.c.at).where(AUDIT.c.subject == resident, AUDIT.c.actor == resident)
    spoken = select(CONTACT.c.at).where(CONTACT.c.resident_id == resident, CONTACT.c.outcome.in_(_TALKED))
    for query in (own.order_by(AUDIT.c.seq.desc()), spoken.order_by(CONTACT.c.at.desc())):
        last: Any = connection.execute(query.limit(1)).scalar()
        if last is not None:
            yield min(from_micros(last), now)


def _maybe(connection: Connection, resident: str, home: str, now: datetime) -> datetime | None:
    """When something was last measured at home that may be theirs; a clock that runs ahead makes nothing newer."""
    at = case((READING.c.measured_at < READING.c.received_at, READING.c.measured_at), else_=READING.c.received_at)
    since = to_micros(now - timedelta(days=rules().silence.days))
    query = select(func.max(at)).where(
        READING.c.household_id == home, text(f"({WAITS})"), READING.c.measured_at >= since,
        or_(READING.c.resident_id.is_(None), READING.c.resident_id == resident),
    )  # fmt: skip
    last: Any = connection.execute(query).scalar()
    return None if last is None else from_micros(last)


# Family tells how somebody is, but is not that somebody.
_TALKED: Final = sorted(SPOKEN - {"family"})


def _unanswered(connection: Connection, resident: str) -> datetime | None:
    """The last attempt of staff to speak with them that nobody took."""
    query = select(CONTACT.c.at).where(CONTACT.c.resident_id == resident, CONTACT.c.outcome.in_(("absent", "message")))
    last = connection.execute(query.order_by(CONTACT.c.at.desc()).limit(1)).scalar()
    return None if last is None else from_micros(last)
