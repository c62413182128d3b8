"""The ledger of points, and the deeds as the store holds them; a ledger only grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select

from engine.contract.kinds import KINDS
from engine.points import REDEEMED, Entry
from engine.store import audit
from engine.store.database import insert_new
from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_facts import By
from engine.store.tables import AUDIT, MEASUREMENT, READING, RESIDENT
from engine.store.tables_points import POINT_ENTRY

# What a band tells by being worn; the rest somebody sat or stood down for.
_WORN: Final = frozenset(
    {"heart-rate", "resting-heart-rate", "pulse-rate", "pulse-amplitude-index", "spo2", "skin-temperature",
     "respiratory-rate"}
)  # fmt: skip
_MEASURED: Final = tuple(
    sorted(kind.code for kind in KINDS.values() if kind.category in {"vital-signs", "exam"} and kind.code not in _WORN)
)
# What is written down when a resident opens their advice or their record; the same for whoever has none.
_READ: Final = ("me-advice-list", "me-trends-view", "records-view")


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher as the city's counter knows it: nothing of whose it was."""

    code: str
    municipality: str
    on: date
    points: int


def of(connection: Connection, resident: str) -> list[Entry]:
    """The ledger of one resident, in the order in which it was written."""
    return ledgers(connection, [resident])[resident]


def ledgers(connection: Connection, residents: Iterable[str]) -> dict[str, list[Entry]]:
    """The ledgers of these residents, each in the order in which it was written."""
    names = sorted(set(residents))
    found: dict[str, list[Entry]] = {name: [] for name in names}
    for some in parts_of(names):
        part = POINT_ENTRY.c.resident_id.in_(some)
        for row in connection.execute(select(POINT_ENTRY).where(part).order_by(POINT_ENTRY.c.seq)).mappings():
            found[row["resident_id"]].append(_entry(row))
    return found


def add(connection: Connection, resident: str, entries: Sequence[Entry], now: datetime) -> int:
    """Writes what is not there yet; how many. Of two that settle at once the second adds nothing."""
    rows = [_row(resident, entry, now) for entry in entries]
    return insert_new(connection, POINT_ENTRY, rows)


def hand_in(connection: Connection, resident: str, entry: Entry, by: By, now: datetime) -> None:
    """Writes a voucher with its audit entry; that there are so many points is for the caller to have made sure."""
    insert_new(connection, POINT_ENTRY, [_row(resident, entry, now)])
    note(connection, "points-redeem", resident, by, now, [entry.about, -entry.points])


def issued(connection: Connection, towns: Iterable[str] | None, since: date, until: date) -> list[Issued]:
    """The vouchers handed out in these municipalities (None: all) from `since` to `until`, oldest first."""
    query = (
        select(POINT_ENTRY.c.about, POINT_ENTRY.c.on, POINT_ENTRY.c.points, RESIDENT.c.municipality_code)
        .join(RESIDENT, RESIDENT.c.id == POINT_ENTRY.c.resident_id)
        .where(POINT_ENTRY.c.sort == REDEEMED, POINT_ENTRY.c.on >= since.isoformat(),
               POINT_ENTRY.c.on <= until.isoformat())
    )  # fmt: skip
    if towns is not None:
        query = query.where(RESIDENT.c.municipality_code.in_(sorted(towns)))
    # By code, not by when: two vouchers of one visit do not stand together.
    rows = connection.execute(query.order_by(POINT_ENTRY.c.on, POINT_ENTRY.c.about))
    return [
        Issued(code=row.about, municipality=row.municipality_code, on=date.fromisoformat(row.on), points=-row.points)
        for row in rows
    ]


def note(
    connection: Connection, action: str, subject: str, by: By, now: datetime, detail: list[Any] | None = None
) -> None:
    """Writes an act about points into the audit chain; of `detail` only a hash."""
    audit.note(connection, action, subject, by, now, detail or None)


def measured_days(
    connection: Connection, resident: str, since: datetime, until: datetime, zone: ZoneInfo
) -> frozenset[date]:
    """The local days on which something was measured that is surely this resident's; not what a worn band tells."""
    query = (
        select(MEASUREMENT.c.measured_at)
        .join(READING, READING.c.id == MEASUREMENT.c.reading_id)
        .where(MEASUREMENT.c.resident_id == resident, MEASUREMENT.c.kind.in_(_MEASURED))
        .where(MEASUREMENT.c.measured_at >= to_micros(since), MEASUREMENT.c.measured_at < to_micros(until))
        .where(READING.c.outcome == "accepted", READING.c.certainty == "sure", READING.c.experimental.is_(False))
        .where(READING.c.quality.is_(None), READING.c.time_quality != "unknown")
        .distinct()
    )
    return frozenset(from_micros(at).astimezone(zone).date() for at in connection.execute(query).scalars())


def read_days(
    connection: Connection, resident: str, since: datetime, until: datetime, zone: ZoneInfo
) -> frozenset[date]:
    """The local days on which the resident opened their own advice or record, whatever stood on it."""
    query = select(AUDIT.c.at).where(
        AUDIT.c.subject == resident, AUDIT.c.actor == resident, AUDIT.c.action.in_(_READ),
        AUDIT.c.at >= to_micros(since), AUDIT.c.at < to_micros(until),
    )  # fmt: skip
    return frozenset(from_micros(at).astimezone(zone).date() for at in connection.execute(query).scalars())


def _row(resident: str, entry: Entry, now: datetime) -> dict[str, Any]:
    return {
        "resident_id": resident, "rule_id": entry.rule, "rule_version": entry.version, "sort": entry.sort,
        "about": entry.about, "turn": entry.turn, "on": entry.on.isoformat(), "points": entry.points,
        "at": to_micros(now),
    }  # fmt: skip


def _entry(row: Any) -> Entry:
    return Entry(
        rule=row["rule_id"], version=row["rule_version"], sort=row["sort"], about=row["about"], turn=row["turn"],
        on=date.fromisoformat(row["on"]), points=row["points"],
    )  # fmt: skip
