"""Who lives behind a gateway and lets us record: the facts intake needs, and a token that says when they changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select

from engine.consent import Event, permits
from engine.contract.kinds import KINDS
from engine.custody import NEVER_LENT
from engine.household import DeviceFacts, Household
from engine.presence import ALWAYS, Former, Presence, Span, absences, stays, trips
from engine.situation import GONE, Situation, gone
from engine.store import repo_custody, repo_life, repo_protection
from engine.store.instants import from_micros
from engine.store.repo_consents import events_of
from engine.store.tables import BINDING, DEVICE, GATEWAY, RESIDENT, TALLY
from engine.store.tables_spots import SPOT

_CHANGE = ("change", "people")


def change_token(connection: Connection) -> int:
    """A number that grows with every `tallies.note_people_changed`."""
    row = connection.execute(
        select(TALLY.c.count).where(TALLY.c.outcome == _CHANGE[0], TALLY.c.code == _CHANGE[1])
    ).scalar()
    return int(row or 0)


def households_of(connection: Connection, gateways: Iterable[str], now: datetime) -> dict[str, Household]:
    """The household of each enrolled gateway, with consent to record as of `now`; unknown gateways are left out."""
    query = select(GATEWAY.c.id, GATEWAY.c.household_id, SPOT.c.household_id.label("spot"))
    query = query.join(SPOT, SPOT.c.household_id == GATEWAY.c.household_id, isouter=True)
    rows = connection.execute(query.where(GATEWAY.c.id.in_(set(gateways)))).all()
    built = _built(connection, {row.household_id for row in rows}, now)
    return {
        row.id: msgspec.structs.replace(built[row.household_id], spot=True) if row.spot else built[row.household_id]
        for row in rows
    }


def household_of(connection: Connection, home: str, now: datetime) -> Household:
    """One household with consent to record as of `now`."""
    return _built(connection, {home}, now)[home]


def person_alone(connection: Connection, resident: str, home: str | None, now: datetime) -> Household:
    """A household of this one resident, for what they or a file said of them alone; id "" where they have no home."""
    events = events_of(connection, [resident], "record")
    return _household(home or "", [resident], {}, events, now)


def _built(connection: Connection, homes: set[str], now: datetime) -> dict[str, Household]:
    people, devices = _residents(connection, homes, now), _devices(connection, homes)
    events = events_of(connection, [name for known in people.values() for name in known], "record")
    lent = repo_custody.of_homes(connection, homes)
    return {
        home: msgspec.structs.replace(
            _household(home, people.get(home, {}), devices.get(home, {}), events, now),
            presence=_presence(home, people.get(home, {})),
            custody=lent.get(home, NEVER_LENT),
        )
        for home in homes
    }


def _residents(connection: Connection, homes: set[str], now: datetime) -> dict[str, dict[str, Situation]]:
    """Who lives in these homes or lately did, with what happened to them.

    Of whom only the registered status tells that they are gone nobody knows since when: they are in no home.
    """
    found: dict[str, dict[str, Situation]] = defaultdict(dict)
    here = connection.execute(select(RESIDENT.c.id).where(RESIDENT.c.household_id.in_(homes))).scalars().all()
    left = repo_life.moved_from(connection, homes, now)
    known = repo_life.situations(connection, [*here, *(event.resident for event in left)])
    hidden = repo_protection.shielded(connection, known, now)
    for name, situation in known.items():
        refusal = gone(situation, now)
        if refusal is not None and not situation.during(now, GONE):
            continue
        before = {event.detail.before.household for event in left if event.resident == name and event.detail.before}
        # A home somebody is hidden from does not know that they ever lived there.
        lived = {situation.household} if name in hidden else {situation.household, *before}
        for home in lived & homes:
            found[str(home)][name] = situation
    return found


def _presence(home: str, people: Mapping[str, Situation]) -> Presence:
    """When each of these people was there, and which slots they held until they were not."""
    absent: dict[str, tuple[Span, ...]] = {
        name: spans for name, one in people.items() if (spans := absences(one, home))
    }
    away = {name: spans for name, one in people.items() if (spans := stays(one))}
    former: dict[str, list[Former]] = defaultdict(list)
    for name, one in people.items():
        for event in one.standing:
            for device, slot, since in event.detail.before.bindings if event.detail.before else ():
                former[device].append(Former(name, slot, from_micros(since) if since else None, event.since))
    if not absent and not away:
        return ALWAYS
    travels = {name: spans for name, one in people.items() if (spans := trips(one))}
    return Presence(absent, away, {device: tuple(held) for device, held in former.items()}, travels)


def _devices(connection: Connection, homes: set[str]) -> dict[str, dict[str, DeviceFacts]]:
    query = select(DEVICE.c.id, DEVICE.c.household_id, DEVICE.c.experimental, BINDING.c.slot, BINDING.c.resident_id)
    query = query.add_columns(BINDING.c.since)
    query = query.join(BINDING, BINDING.c.device_id == DEVICE.c.id, isouter=True)
    slots: dict[tuple[str, str, bool], dict[int, str]] = defaultdict(dict)
    taken_over: dict[str, dict[int, datetime]] = defaultdict(dict)
    for row in connection.execute(query.where(DEVICE.c.household_id.in_(homes))):
        bound = slots[row.household_id, row.id, bool(row.experimental)]
        if row.resident_id is not None:
            bound[row.slot] = row.resident_id
            if row.since:
                taken_over[row.id][row.slot] = from_micros(row.since)
    found: dict[str, dict[str, DeviceFacts]] = defaultdict(dict)
    for (home, device, experimental), bound in slots.items():
        found[home][device] = DeviceFacts(bound, experimental, taken_over.get(device, {}))
    return found


def _household(
    home: str,
    people: Iterable[str],
    devices: Mapping[str, DeviceFacts],
    events: Mapping[str, list[Event]],
    now: datetime,
) -> Household:
    names = frozenset(people)
    withheld = {name: _withheld(events.get(name, []), now) for name in names}
    recording = frozenset(name for name in names if len(withheld[name]) < len(KINDS))
    ends = [event.until for name in names for event in events.get(name, []) if event.until and event.until > now]
    kept_back = {name: kinds for name, kinds in withheld.items() if kinds}
    return Household(home, names, recording, devices, kept_back, min(ends, default=None))


def _withheld(events: list[Event], now: datetime) -> frozenset[str]:
    if not events:
        return frozenset(KINDS)
    if all(event.kind is None for event in events):
        return frozenset() if permits(events, "record", None, None, now).granted else frozenset(KINDS)
    return frozenset(kind for kind in KINDS if not permits(events, "record", None, kind, now).granted)
