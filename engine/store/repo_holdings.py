"""What the resources made of a resident's data need beside it: when it came, of what it was made, what heard it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from engine.store.audit import Link
from engine.store.instants import from_micros
from engine.store.parts import parts_of
from engine.store.repo_seen_by import about
from engine.store.tables import AUDIT, GATEWAY_STATE, MEASUREMENT, READING, RESIDENT
from engine.store.tables_bridge import FACT_ORIGIN
from engine.store.tables_clinical import FACT

Origin = tuple[str, str]


def arrived(connection: Connection, resident: str) -> dict[str, datetime]:
    """When each accepted reading of a resident became theirs as it is: stored, or filed by somebody since."""
    mine = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    stored = connection.execute(select(READING.c.id, READING.c.stored_at).where(mine))
    found = {row.id: row.stored_at for row in stored}
    filed = select(AUDIT.c.subject, func.max(AUDIT.c.at).label("at")).join(READING, READING.c.id == AUDIT.c.subject)
    for row in connection.execute(filed.where(mine).group_by(AUDIT.c.subject)):
        found[row.subject] = max(found[row.subject], row.at)
    return {name: from_micros(at) for name, at in found.items()}


def changed(connection: Connection, resident: str) -> datetime:
    """When the person's own data (name, height …) were entered or edited last; raises NoResultFound for nobody."""
    edits = select(func.max(AUDIT.c.at)).where(AUDIT.c.subject == resident, AUDIT.c.action == "resident-edit")
    created = connection.execute(select(RESIDENT.c.created_at).where(RESIDENT.c.id == resident)).scalar_one()
    return from_micros(connection.execute(edits).scalar() or created)


def origins(connection: Connection, resident: str) -> dict[str, Origin]:
    """Of what each fact of a resident was made, where it came from another house: where from, and its name there."""
    query = select(FACT_ORIGIN.c.fact_id, FACT_ORIGIN.c.origin, FACT_ORIGIN.c.remote)
    rows = connection.execute(
        query.join(FACT, FACT.c.id == FACT_ORIGIN.c.fact_id).where(FACT.c.resident_id == resident)
    )
    return {row.fact_id: (row.origin, row.remote) for row in rows}


def heard_by(connection: Connection, resident: str) -> tuple[dict[str, set[str]], dict[str, str | None]]:
    """What any accepted reading of a resident came by: devices with the kinds they measured, gateways with versions."""
    mine = (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")
    query = select(READING.c.device_id, READING.c.gateway_id, MEASUREMENT.c.kind)
    joined = query.join(MEASUREMENT, MEASUREMENT.c.reading_id == READING.c.id)
    devices: dict[str, set[str]] = {}
    gateways: set[str] = set()
    for row in connection.execute(joined.where(mine).distinct()):
        devices.setdefault(row.device_id, set()).add(row.kind)
        gateways.add(row.gateway_id)
    told = select(GATEWAY_STATE.c.gateway_id, GATEWAY_STATE.c.health)
    said = connection.execute(told.where(GATEWAY_STATE.c.gateway_id.in_(sorted(gateways))))
    versions = {row.gateway_id: msgspec.json.decode(row.health).get("version") for row in said}
    return devices, {name: versions.get(name) for name in sorted(gateways - {""})}


def kinds_of(connection: Connection, readings: Iterable[str]) -> dict[str, list[tuple[str, datetime]]]:
    """What each of these readings measured, and when; a reading that is not there has no line."""
    wanted, found = sorted(set(readings)), dict[str, list[tuple[str, datetime]]]()
    for some in parts_of(wanted):
        query = select(MEASUREMENT.c.reading_id, MEASUREMENT.c.kind, MEASUREMENT.c.measured_at)
        part = query.where(MEASUREMENT.c.reading_id.in_(some))
        for row in connection.execute(part.order_by(MEASUREMENT.c.reading_id, MEASUREMENT.c.kind)):
            found.setdefault(row.reading_id, []).append((row.kind, from_micros(row.measured_at)))
    return found


def chain_of(connection: Connection, resident: str, limit: int) -> list[Link]:
    """The newest `limit` links of the audit chain that are about a resident or what is theirs, oldest first."""
    query = select(AUDIT).where(about(resident)).order_by(AUDIT.c.seq.desc()).limit(limit)
    return [Link(**row) for row in connection.execute(query).mappings()][::-1]
