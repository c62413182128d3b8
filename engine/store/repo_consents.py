"""What residents said about each purpose: appended, never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from engine.consent import Event
from engine.store import audit, repo_outbox
from engine.store.instants import from_micros, to_micros
from engine.store.repo_owing import owe_residents
from engine.store.tables import CONSENT
from engine.store.tallies import note_people_changed

# Below the number of parameters either database takes in one statement.
_CHUNK = 500


def append(connection: Connection, event: Event, *, os_user: str) -> Event:
    """Stores `event` with its audit entry and returns it with its sequence number."""
    row = {
        "resident_id": event.resident, "purpose": event.purpose, "recipient": event.recipient, "kind": event.kind,
        "granted": event.granted, "at": to_micros(event.at), "until": to_micros(event.until) if event.until else None,
        "actor": event.actor, "channel": event.channel, "text_hash": event.text_hash,
    }  # fmt: skip
    seq = connection.execute(insert(CONSENT).returning(CONSENT.c.seq), row).scalar_one()
    action = "consent-grant" if event.granted else "consent-withdraw"
    entry = audit.Entry(
        at=to_micros(event.at), actor=event.actor, os_user=os_user, action=action, subject=event.resident,
        detail_hash=audit.detail_hash(row),
    )  # fmt: skip
    audit.append(connection, entry)
    note_people_changed(connection)
    owed = {"mirror-display": "show", "advice": "evaluate"}.get(event.purpose)
    if owed is not None:
        repo_outbox.put(connection, owed, [event.resident], event.at)
    if event.purpose in {"care-share", "record"}:
        owe_residents(connection, [event.resident], event.at)
    return _event(row | {"seq": seq})


def events_of(connection: Connection, residents: Iterable[str], purpose: str | None = None) -> dict[str, list[Event]]:
    """Every event of these residents, oldest first, by resident; of one purpose if named."""
    found: dict[str, list[Event]] = defaultdict(list)
    for part in _parts(sorted(set(residents))):
        query = select(CONSENT).where(CONSENT.c.resident_id.in_(part)).order_by(CONSENT.c.seq)
        if purpose is not None:
            query = query.where(CONSENT.c.purpose == purpose)
        for row in connection.execute(query).mappings():
            found[row["resident_id"]].append(_event(row))
    return dict(found)


def history(connection: Connection, resident: str) -> list[Event]:
    """Everything `resident` ever said, oldest first."""
    return events_of(connection, [resident]).get(resident, [])


def _event(row: Any) -> Event:
    until = row["until"]
    return Event(
        seq=row["seq"], resident=row["resident_id"], purpose=row["purpose"], recipient=row["recipient"],
        kind=row["kind"], granted=row["granted"], at=from_micros(row["at"]),
        until=None if until is None else from_micros(until), actor=row["actor"], channel=row["channel"],
        text_hash=row["text_hash"],
    )  # fmt: skip


def _parts(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))
