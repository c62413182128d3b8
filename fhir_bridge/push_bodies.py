"""The bodies of what is owed, made anew from the readings just before they leave: nothing of them is kept here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.kinds import KINDS
from engine.observation_values import Measured, fhir_id, fold
from engine.observations import build, compose
from engine.store import repo_measured
from engine.store.database import Connection
from engine.store.repo_push import WRONG, Owed
from fhir_bridge.plan_debts import ZONE, days_since

_ABSENT: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "error"}]
}  # fmt: skip
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


def zones_of(connection: Connection, residents: Collection[str]) -> dict[str, ZoneInfo]:
    """The zone of each resident's home."""
    return {name: ZoneInfo(repo_measured.zone_of(connection, name) or ZONE) for name in sorted(set(residents))}


def values_of(
    connection: Connection, rows: Iterable[Owed], zones: Mapping[str, ZoneInfo], now: datetime
) -> dict[int, Measured]:
    """What each row says now, by its number; a row is missing when this is not its person's value any more."""
    by_resident: dict[str, list[Owed]] = defaultdict(list)
    for row in rows:
        by_resident[row.resident_id].append(row)
    found: dict[int, Measured] = {}
    for resident, theirs in by_resident.items():
        readings = {row.reading_id for row in theirs if row.reading_id}
        stored = repo_measured.measured_of(connection, resident, readings=readings) if readings else []
        values = {(one.reading_id, one.kind): one for one in fold(stored) if not one.preliminary}
        days = [row for row in theirs if not row.reading_id]
        if days:
            first = min(row.measured_at for row in days)
            over = days_since(connection, resident, first, zones[resident], now)
            by_day = {one.day: one for one in over if not one.preliminary}
            values |= {("", str(day)): one for day, one in by_day.items()}
        for row in theirs:
            key = (row.reading_id, row.kind)
            if not row.reading_id:
                key = ("", str(row.measured_at.astimezone(zones[resident]).date()))
            if key in values:
                found[row.seq] = values[key]
    return found


def id_of(row: Owed) -> str:
    """The logical id we give a resource where the server lets us."""
    return fhir_id(row.identifier) if row.type == "Observation" else row.identifier


def observation(row: Owed, value: Measured, zone: ZoneInfo, devices: Mapping[str, str | None]) -> bytes:
    """The Observation of a row; `devices` are the network's own ids of our devices and gateways."""
    there = msgspec.structs.replace(
        value,
        device_id=devices.get(value.device_id or "", value.device_id),
        gateway_id=devices.get(value.gateway_id or "", value.gateway_id),
    )
    return build(there, zone, status=row.wants, identifier=row.identifier, patient=row.patient)


def mistake(row: Owed, zone: ZoneInfo) -> bytes:
    """That an Observation was told in error: whose record, what and when, without the value, which may be another's."""
    kind = KINDS[row.kind]
    parts = [part for part in KINDS.values() if part.panel == row.kind]
    value = Measured(
        reading_id=row.reading_id or None, resident_id=row.resident_id, device_id=None, gateway_id=None,
        kind=row.kind, value=None if parts else kind.low, unit=kind.unit, measured_at=row.measured_at,
        components=tuple((part.code, part.low) for part in parts),
    )  # fmt: skip
    body = compose(value, zone, status=WRONG, identifier=row.identifier, patient=row.patient)
    for place in (body, *body.get("component", ())):
        if place.pop("valueQuantity", None) is not None:
            place["dataAbsentReason"] = _ABSENT
    return _encode(body)


def merged(body: bytes, there: Mapping[str, Any]) -> bytes:
    """Our resource with what the network added to it: its notes, its security labels and tags."""
    ours = _decode(body)
    notes = [one for one in _listed(there.get("note")) if one not in ours.get("note", [])]
    if notes:
        ours["note"] = [*ours.get("note", []), *notes]
    meta = there.get("meta")
    for name in ("security", "tag"):
        mine = _listed(ours.get("meta", {}).get(name))
        theirs = [one for one in _listed(meta.get(name) if isinstance(meta, dict) else None) if one not in mine]
        if theirs:
            ours["meta"] = ours.get("meta", {}) | {name: [*mine, *theirs]}
    return _encode(ours)


def with_id(body: bytes, id_: str | None) -> bytes:
    """A resource under the id the server gave it; None: without any, as it is created where the server gives them."""
    said = {name: value for name, value in _decode(body).items() if name != "id"}
    return _encode(said if id_ is None else {"resourceType": said["resourceType"], "id": id_, **said})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
