"""The tables of a resident's own archive, read from the store: nothing in it that their pages do not show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine.approvals import approval_of
from engine.carrying import Rows, records, told, values
from engine.carrying_following import HEADS as FOLLOWING
from engine.carrying_following import following_of
from engine.clinical_values import day_of
from engine.consent_texts import TEXTS
from engine.locale import Language
from engine.people import Resident
from engine.picture import zone_of
from engine.seen import did
from engine.store import (
    repo_consents,
    repo_disclosure,
    repo_emergency,
    repo_glass,
    repo_grants,
    repo_measured,
    repo_requests,
    repo_seen_by,
    repo_staff,
)
from engine.store.database import Connection
from engine.telling import delivered_of

# The chain keeps looks by person, act and day: more than these are no list a person reads.
_MOST_LOOKS: Final = 10_000
HEADS: Final[dict[str, tuple[str, ...]]] = {
    "values": ("measured_at", "code", "name", "value", "unit", "device", "assumed", "reading"),
    "records": ("day", "code", "name", "value", "stored", "unit", "source", "recorded_at", "id", "takes_back"),
    "told": (
        "sort",
        "kind",
        "name",
        "detail",
        "codes",
        "ended",
        "day",
        "until",
        "source",
        "origin",
        "came",
        "id",
    ),
    "advice": ("day", "text", "approved_by", "rule", "id"),
    "consents": ("at", "purpose", "name", "yes", "recipient", "kind", "until", "actor", "channel"),
    "requests": ("at", "kind", "text", "state", "due", "answer"),
    "seen": ("day", "who", "what", "times"),
    "exceptional": ("at", "who", "reason"),
    **FOLLOWING,
}


def tables_of(
    connection: Connection, person: Resident, now: datetime, lang: Language
) -> Iterator[tuple[str, Sequence[str], Rows]]:
    """Each table with its head; the rows are read when they are asked for, in the caller's transaction."""
    zone = zone_of(connection, person)
    facts = repo_disclosure.seen_by(connection, person, now).shown
    found: dict[str, Rows] = {
        "values": values(repo_measured.measured_of(connection, person.id), zone, lang),
        "records": records(facts, lang),
        "told": told(repo_disclosure.entries_seen_by(connection, person, now).shown, now, lang),
        "advice": _advice(connection, person, now, lang),
        "consents": _consents(connection, person, zone),
        "requests": _requests(connection, person, zone),
        "seen": _seen(connection, person),
        "exceptional": _exceptional(connection, person, zone),
        **following_of(connection, person, now, lang),
    }
    for name, rows in found.items():
        yield name, HEADS[name], rows


def _advice(connection: Connection, person: Resident, now: datetime, lang: Language) -> Iterator[tuple[str, ...]]:
    for item in delivered_of(connection, person, now):
        signed = approval_of(connection, item)
        text = item.text_ja if lang == "ja" else item.text_en
        yield day_of(item.updated_at).isoformat(), text, signed.name if signed else "", item.rule_id, item.id


def _consents(connection: Connection, person: Resident, zone: ZoneInfo) -> Iterator[tuple[str, ...]]:
    for event in repo_consents.history(connection, person.id):
        yield (
            _clock(event.at, zone), event.purpose, TEXTS[event.purpose].label_ja, "1" if event.granted else "0",
            event.recipient or "", event.kind or "", _clock(event.until, zone) if event.until else "", event.actor,
            event.channel,
        )  # fmt: skip


def _requests(connection: Connection, person: Resident, zone: ZoneInfo) -> Iterator[tuple[str, ...]]:
    for one in repo_requests.of(connection, person.id, limit=_MOST_LOOKS):
        yield _clock(one.created_at, zone), one.kind, one.text, one.state, _clock(one.due_at, zone), one.answer or ""


def _seen(connection: Connection, person: Resident) -> Iterator[tuple[str, ...]]:
    looks = repo_seen_by.looks(connection, person.id, limit=_MOST_LOOKS)
    actors = {one.actor for one in looks}
    names = repo_staff.names_of(connection, actors) | repo_grants.names_of(connection, actors)
    names |= repo_emergency.names_of(connection, actors)
    for one in looks:
        yield one.day.isoformat(), names[one.actor], did(one.action), str(one.times)


def _exceptional(connection: Connection, person: Resident, zone: ZoneInfo) -> Iterator[tuple[str, ...]]:
    glasses = repo_glass.of(connection, person.id)
    names = repo_staff.names_of(connection, {one.staff for one in glasses})
    for one in glasses:
        yield _clock(one.at, zone), names[one.staff], one.reason
    for look in repo_emergency.looks(connection, person.id):
        yield _clock(look.at, zone), look.who, look.reason


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat(timespec="seconds")
