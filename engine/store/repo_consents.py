"""What residents said about each purpose: appended, never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from engine.consent import PURPOSES, Event, permits, standing
from engine.consent_texts import text_hash
from engine.interests import OWN
from engine.sealing import Seal
from engine.store import audit, repo_interests, repo_outbox
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_owing import owe_residents
from engine.store.tables import CONSENT, RESIDENT
from engine.store.tallies import note_people_changed


def append(
    connection: Connection, event: Event, *, os_user: str, seal: Seal | None = None, now: datetime | None = None
) -> Event:
    """Stores `event` with its audit entry and returns it with its sequence number.

    `now` is when it is written down, where that is later than when it was said.

    A no to `interest-link` deletes, here and now, what the resident chose; raises ValueError when that one comes
    without the seal of PHR_HOME, by which alone it is found.
    """
    row = {
        "resident_id": event.resident, "purpose": event.purpose, "recipient": event.recipient, "kind": event.kind,
        "granted": event.granted, "at": to_micros(event.at), "until": to_micros(event.until) if event.until else None,
        "actor": event.actor, "channel": event.channel, "text_hash": event.text_hash,
    }  # fmt: skip
    seq = connection.execute(insert(CONSENT).returning(CONSENT.c.seq), row).scalar_one()
    action = "consent-grant" if event.granted else "consent-withdraw"
    written = now or event.at
    entry = audit.Entry(
        at=to_micros(written), actor=event.actor, os_user=os_user, action=action, subject=event.resident,
        detail_hash=audit.detail_hash(row),
    )  # fmt: skip
    audit.append(connection, entry)
    note_people_changed(connection)
    owed = {"mirror-display": "show", "advice": "evaluate"}.get(event.purpose)
    if owed is not None:
        repo_outbox.put(connection, owed, [event.resident], written)
    if event.purpose in {"care-share", "record"}:
        owe_residents(connection, [event.resident], written)
    if event.purpose == "interest-link" and not event.granted and event.recipient in {None, OWN}:
        _unlink(connection, event, seal)
    return _event(row | {"seq": seq})


def outdated(connection: Connection, when: datetime, towns: Iterable[str] | None = None) -> dict[str, list[str]]:
    """The purposes of each resident that hold at `when` under other words than today's; `towns` None is every town."""
    today = [text_hash(purpose) for purpose in PURPOSES]
    asked = select(CONSENT.c.resident_id).where(CONSENT.c.granted, CONSENT.c.text_hash.not_in(today)).distinct()
    if towns is not None:
        asked = asked.join(RESIDENT, RESIDENT.c.id == CONSENT.c.resident_id)
        asked = asked.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    said = events_of(connection, connection.execute(asked).scalars())
    found = {
        who: [one.purpose for one in standing(events, when) if one.granted and not one.text_current]
        for who, events in sorted(said.items())
    }
    return {who: list(dict.fromkeys(old)) for who, old in found.items() if old}


def drop_lapsed_interests(connection: Connection, seal: Seal, when: datetime) -> int:
    """Deletes what residents chose whose yes to `interest-link` has ended by itself, and returns of how many."""
    asked = select(CONSENT.c.resident_id).where(CONSENT.c.purpose == "interest-link", CONSENT.c.until.is_not(None))
    said = events_of(connection, connection.execute(asked.distinct()).scalars(), "interest-link")
    lapsed = [who for who, events in said.items() if not permits(events, "interest-link", OWN, None, when).granted]
    return sum(repo_interests.drop(connection, repo_interests.pseudonym(seal, who)) > 0 for who in lapsed)


def events_of(connection: Connection, residents: Iterable[str], purpose: str | None = None) -> dict[str, list[Event]]:
    """Every event of these residents, oldest first, by resident; of one purpose if named."""
    found: dict[str, list[Event]] = defaultdict(list)
    for part in parts_of(sorted(set(residents))):
        query = select(CONSENT).where(CONSENT.c.resident_id.in_(part)).order_by(CONSENT.c.seq)
        if purpose is not None:
            query = query.where(CONSENT.c.purpose == purpose)
        for row in connection.execute(query).mappings():
            found[row["resident_id"]].append(_event(row))
    return dict(found)


def history(connection: Connection, resident: str) -> list[Event]:
    """Everything `resident` ever said, oldest first."""
    return events_of(connection, [resident]).get(resident, [])


def _unlink(connection: Connection, event: Event, seal: Seal | None) -> None:
    said = events_of(connection, [event.resident], "interest-link")[event.resident]
    newest = max(one.at for one in said)
    if permits(said, "interest-link", OWN, None, newest).granted:
        return  # a word from before, written down after a later yes
    if seal is None:
        raise ValueError("a no to interest-link deletes what was chosen: it needs the seal")
    repo_interests.drop(connection, repo_interests.pseudonym(seal, event.resident))


def _event(row: Any) -> Event:
    until = row["until"]
    return Event(
        seq=row["seq"], resident=row["resident_id"], purpose=row["purpose"], recipient=row["recipient"],
        kind=row["kind"], granted=row["granted"], at=from_micros(row["at"]),
        until=None if until is None else from_micros(until), actor=row["actor"], channel=row["channel"],
        text_hash=row["text_hash"],
    )  # fmt: skip
