"""Is this measurement here already? By its id, by its minute, or judged anew by the intake.

The same kind and value in the same minute from any other source is the same measurement: a scale's broadcast, its app's
export and the diary tell of one weighing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.reading import Reading
from engine.household import DeviceFacts, Household
from engine.imports.model import Record
from engine.intake import Accepted, Duplicate, Outcome, Recent, Refused, accept, store_form
from engine.people import Resident
from engine.store import repo_imports
from engine.store.database import Connection
from engine.store.households import person_alone
from engine.store.readings import Heard, recent_of, remember
from engine.store.repo_imports import Held, Minute, Near, minute_of

_DAY: Final = timedelta(days=1)


class NoConsentError(Exception):
    """The resident does not let us record; nothing (more) was taken in."""


def judged(
    connection: Connection,
    person: Resident,
    pairs: Sequence[tuple[Record, Reading]],
    zone: ZoneInfo,
    now: datetime,
    gateway: str,
) -> list[Heard]:
    """What becomes of each reading, in order, each as if those before it were stored already."""
    home = person_alone(connection, person.id, person.household_id, now)
    if person.id not in home.recording:
        raise NoConsentError
    doubtful = {reading.device for record, reading in pairs if record.own and record.own.experimental}
    unproven = {device: DeviceFacts({}, experimental=True) for device in doubtful}
    bench = _Bench(connection, person.id, msgspec.structs.replace(home, devices=unproven), pairs, zone)
    heard = []
    for record, reading in pairs:
        outcome = bench.judge(record, reading, gateway, now)
        remember(bench.recent, gateway, outcome)
        known = bench.recent.digests.get(reading.id) if isinstance(outcome, Accepted) else None
        heard.append(Heard(gateway, home.id, outcome, known))
    return heard


class _Bench:
    """What is known around one batch."""

    def __init__(
        self,
        connection: Connection,
        resident: str,
        home: Household,
        pairs: Sequence[tuple[Record, Reading]],
        zone: ZoneInfo,
    ) -> None:
        readings = [reading for _, reading in pairs]
        self._resident, self._home, self._zone = resident, home, zone
        self.recent: Recent = recent_of(connection, readings)
        self._held = repo_imports.held(connection, [reading.id for reading in readings])
        self._near = repo_imports.same_minutes(connection, resident, {m for r in readings for m in _minutes(r)})
        totals = [record.at for record, _ in pairs if record.own and record.own.summary]
        self._days: dict[str, Decimal] = {}
        if totals:
            span = min(totals) - 2 * _DAY, max(totals) + 2 * _DAY
            days = repo_imports.counted_days(connection, resident, zone, span)
            self._days = {day.isoformat(): steps for day, steps in days.items()}

    def judge(self, record: Record, reading: Reading, gateway: str, now: datetime) -> Outcome:
        """One reading: known by its id, by its minute, or judged by the intake."""
        known = self._held.get(reading.id)
        withheld = self._home.withheld.get(self._resident, frozenset())
        spoken = tuple(value for value in reading.values if value.kind not in withheld)
        if known is not None and spoken:
            told = msgspec.structs.replace(reading, values=spoken)
            return _against(told, known, None if record.own is None else self._resident)
        if record.own and record.own.summary and self._told(reading):
            return Duplicate(reading, reading.id)
        fresh, of = self._fresh(reading)
        if fresh is None:
            return Duplicate(reading, of)
        outcome = accept(fresh, gateway, self._home, self.recent, now)
        if isinstance(outcome, Accepted):
            for value in outcome.values:
                near = Near(value.value, reading.id, reading.device)
                self._near.setdefault(minute_of(value.kind, reading.measured_at), []).append(near)
        return outcome

    def _told(self, reading: Reading) -> bool:
        """Whether a day's total says just what follows from the running totals that are stored."""
        day = reading.measured_at.astimezone(self._zone).date().isoformat()
        return all(v.kind == "steps-day" and self._days.get(day) == Decimal(v.value) for v in reading.values)

    def _fresh(self, reading: Reading) -> tuple[Reading | None, str]:
        """The reading without what another source has already said in that minute, and which reading said it."""
        kept, of = [], ""
        for value in reading.values:
            stored = store_form(value)
            near = self._near.get(minute_of(value.kind, reading.measured_at), [])
            same = [
                one.reading
                for one in near
                if not isinstance(stored, str) and one.device != reading.device and alike(one.value, stored.value)
            ]
            if same:
                of = of or same[0]
            else:
                kept.append(value)
        return (msgspec.structs.replace(reading, values=tuple(kept)), of) if kept else (None, of)


def _against(reading: Reading, known: Held, resident: str | None) -> Outcome:
    """A reading whose id is stored: the same again, or something else under its name.

    An id that a file claims must be `resident`'s; an id made here (None) is theirs, also when people have since said
    that the reading is nobody's or somebody else's.
    """
    if resident is not None and known.resident not in {None, resident}:
        return Refused(reading, "another-person", keep=False)
    for value in reading.values:
        stored = store_form(value)
        if value.kind in known.values and not isinstance(stored, str):
            amount, words = known.values[value.kind]
            if words != value.value and amount != stored.value:
                return Refused(reading, "conflict")
    return Duplicate(reading, reading.id)


def _minutes(reading: Reading) -> set[Minute]:
    return {minute_of(value.kind, reading.measured_at) for value in reading.values}


def alike(one: Decimal, other: Decimal) -> bool:
    """Whether two programs may have written the same measurement: equal in the digits both of them give."""
    digits = min(max(-int(n.as_tuple().exponent), 0) for n in (one, other))
    return abs(one - other) * 2 <= Decimal(1).scaleb(-digits) if digits else one == other
