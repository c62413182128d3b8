"""From the store into the tree: of each resident what may be told, what has to be corrected, and what is taken away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.kinds import KINDS
from engine.observation_derived import STEP_TOTALS, step_summaries
from engine.observation_values import Measured, fold, identifier_of
from engine.observations import observable
from engine.people import Resident
from engine.store import audit, repo_links, repo_measured, repo_push, repo_residents
from engine.store.database import Connection, Engine, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from fhir_bridge.gate import Door, doors
from fhir_bridge.outbound.message import GONE, Letterhead, Said, Status
from fhir_bridge.outbound.planning import Remembered, Standing, key_of, writings
from fhir_bridge.outbound.tree import Outbox, fits

# While only test patients are exchanged, what was written of the others stays as it is.
_TESTING: Final = "not-a-test-patient"


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """How files are written for one network: by whom, when, since when on purpose, and for which test patients only."""

    head: Letterhead
    by: By
    now: datetime
    since: datetime | None = None
    test_patients: frozenset[str] = frozenset()


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one resident: messages by status, those removed, and why nothing may be told, if so."""

    resident: str
    written: tuple[Said, ...] = ()
    purged: int = 0
    reason: str = ""
    left_out: dict[str, int] = {}


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    written: list[Said]
    purged: list[Remembered]
    reason: str
    left_out: dict[str, int]


def concerned(connection: Connection, outbox: Outbox, network: str) -> list[str]:
    """Everybody who is linked to the network, and everybody of whom something was written before."""
    linked = {link.resident for link in repo_links.linked(connection, network)}
    return sorted(linked | {one.resident for one in outbox.known.values()})


def send(engine: Engine, outbox: Outbox, residents: Collection[str], how: Sending, *, dry_run: bool) -> Iterator[Sent]:
    """Writes what is to be told of each resident; the gate is asked and the audit kept right before, one by one.

    Raises OutboxError and OSError as the outbox does; what was written until then is remembered.
    """
    for resident in residents:
        with write(engine) as connection:
            plan = _planned(connection, outbox, resident, how)
            if not dry_run and (plan.written or plan.purged):
                _note(connection, plan, resident, how)
        if not dry_run:
            for one in plan.purged:
                outbox.purge(one, how.now)
            for said in plan.written:
                outbox.put(said, resident, how.head, how.now)
        yield Sent(
            resident=resident, written=tuple(plan.written), purged=len(plan.purged), reason=plan.reason,
            left_out=plan.left_out,
        )  # fmt: skip


def standing_of(
    connection: Connection, person: Resident, door: Door, how: Sending, left_out: Counter[str] | None = None
) -> list[Standing]:
    """Every value of a resident that is surely theirs and may be told now, day summaries of days that are over too."""
    link = door.link
    if link is None or not door.linked or not fits(link.value):
        return []
    found = []
    for value in _values(connection, person.id, how, left_out):
        refusal = door.refuses(value.kind, how.now)
        if refusal is not None:
            if left_out is not None:
                left_out[refusal.code] += 1
            continue
        name = identifier_of(value)
        said = Said(key=key_of(name, link.value), identifier=name, patient=link.value, person=person, value=value,
                    test=bool(how.test_patients))  # fmt: skip
        floor = door.open_since(value.kind, how.now)
        since = floor if floor is None or how.since is None else min(floor, how.since)
        begins = value.period_start if value.day is not None and value.period_start else value.measured_at
        found.append(Standing(said=said, resident=person.id, open=since is not None and begins >= since))
    return found


def _planned(connection: Connection, outbox: Outbox, resident: str, how: Sending) -> _Plan:
    door = doors(connection, [resident], how.head.network, test_patients=how.test_patients)[resident]
    before = [one for one in outbox.known.values() if one.resident == resident and not one.purged]
    person = repo_residents.get(connection, resident)
    left_out: Counter[str] = Counter()
    standing = [] if person is None else standing_of(connection, person, door, how, left_out)
    here = {one.said.key for one in standing}
    left = [one for one in before if one.key not in here]
    owners = repo_push.owners_of(connection, {_reading(one) for one in left})
    gone, purged = [], []
    for one in left:
        refusal = door.refuses_taking_back(one.kind, how.now)
        if refusal is not None and refusal.code == _TESTING:
            continue
        if refusal is not None or person is None:
            purged.append(one)
        elif one.status not in GONE:
            gone.append(_taken_back(one, person, door, owners.get(_reading(one))))
    refused = door.refuses_record(how.now) if not standing else None
    reason = "unknown-resident" if person is None else refused.code if refused is not None else ""
    # Those that were removed count too: what is said once more is another message.
    known = {one.key: one for one in outbox.known.values() if one.resident == resident}
    return _Plan(written=writings(standing, known, gone), purged=purged, reason=reason, left_out=dict(left_out))


def _reading(one: Remembered) -> str:
    return one.identifier.split(".", 1)[0]


def _taken_back(one: Remembered, person: Resident, door: Door, owner: str | None) -> Said:
    """That a thing is no more: sent for the wrong patient where it is another's or the link was, deleted elsewhere."""
    wrong = door.mistaken or owner not in {None, person.id} or (door.link and one.patient != door.link.value)
    status: Status = "W" if wrong else "D"
    value = Measured(
        reading_id=None, resident_id=person.id, device_id=None, gateway_id=None, kind=one.kind, value=None,
        unit=KINDS[one.kind].unit, measured_at=one.measured_at, day=one.day,
    )  # fmt: skip
    return Said(key=one.key, identifier=one.identifier, patient=one.patient, person=person, value=value, status=status)


def _values(connection: Connection, resident: str, how: Sending, left_out: Counter[str] | None) -> Iterator[Measured]:
    zone = ZoneInfo(repo_measured.zone_of(connection, resident) or how.head.zone.key)
    stored = repo_measured.measured_of(connection, resident)
    others = [row for row in stored if row.kind not in STEP_TOTALS]
    for value in [*fold(others), *step_summaries(stored, zone, how.now)]:
        if not observable(value.kind):
            continue
        code = "preliminary" if value.preliminary else "experimental" if value.experimental else ""
        if value.day is not None and value.day >= _today(how, zone):
            code = code or "day-not-over"
        if not code:
            yield value
        elif left_out is not None:
            left_out[code] += 1


def _today(how: Sending, zone: ZoneInfo) -> date:
    return how.now.astimezone(zone).date()


def _note(connection: Connection, plan: _Plan, resident: str, how: Sending) -> None:
    """Who let the data out is on record before anything leaves: ids and states, no values."""
    told = [[said.identifier, said.status] for said in plan.written]
    actions = (("export-oru", told), ("bridge-withdraw", [one.identifier for one in plan.purged]))
    for action, detail in actions:
        if detail:
            entry = audit.Entry(
                at=to_micros(how.now), actor=how.by.actor, os_user=how.by.os_user, action=action, subject=resident,
                detail_hash=audit.detail_hash([how.head.network, *detail]),
            )  # fmt: skip
            audit.append(connection, entry)
