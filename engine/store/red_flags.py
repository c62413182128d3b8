"""How every red flag of a household ended, as it stands in the store: nothing red is without its line here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select

from engine.consent import permits
from engine.contract.reading import Reading
from engine.intake import Refused
from engine.safety import red_flags
from engine.situation import gone
from engine.store import repo_consents, repo_life, repo_places, repo_residents
from engine.store.instants import from_micros, to_micros
from engine.store.tables import GATEWAY, MEASUREMENT, READING, REFUSAL
from engine.urgent import Ending, Kept, Owner, ending, ending_of, topic_of


def ends(connection: Connection, household: str, since: datetime, now: datetime) -> dict[str, Ending]:
    """The end of each red flag the household's readings held that came in from `since` on, by reading id.

    What was refused for want of consent is not among them: of that not even the values are kept.
    """
    stored = {name: end for name, kept in _kept(connection, household, since) if (end := _end(connection, kept, now))}
    return {**dict(_refused(connection, household, since, now)), **stored}


def _kept(connection: Connection, household: str, since: datetime) -> Iterator[tuple[str, Kept]]:
    here = (READING.c.household_id == household) & (READING.c.received_at >= to_micros(since))
    rows = {row.id: row for row in connection.execute(select(READING).where(here))}
    said: dict[str, list[tuple[str, Decimal]]] = {}
    values = select(MEASUREMENT).join(READING, READING.c.id == MEASUREMENT.c.reading_id).where(here)
    for value in connection.execute(values):
        said.setdefault(value.reading_id, []).append((value.kind, Decimal(value.value)))
    for name, pairs in sorted(said.items()):
        if red_flags(pairs):
            yield name, _as_kept(rows[name], tuple(pairs))


def _as_kept(row: Any, values: tuple[tuple[str, Decimal], ...]) -> Kept:
    return Kept(
        values=values, measured_at=from_micros(row.measured_at), resident=row.resident_id, certainty=row.certainty,
        experimental=row.experimental, preliminary=row.quality is not None, discarded=row.outcome == "discarded",
    )  # fmt: skip


def _end(connection: Connection, kept: Kept, now: datetime) -> Ending | None:
    if kept.resident is None:
        return ending_of(kept, now)
    person = repo_residents.get(connection, kept.resident)
    said = repo_consents.events_of(connection, [kept.resident], "advice").get(kept.resident, [])
    topic = topic_of(red_flags(kept.values))
    active = person is not None and gone(repo_life.situation(connection, kept.resident), now) is None
    home = (
        None
        if person is None or person.household_id is None
        else repo_places.household(connection, person.household_id)
    )
    zone = ZoneInfo(home.zone if home else repo_places.ZONE)
    return ending_of(kept, now, Owner(active, permits(said, "advice", None, topic, now).granted, zone))


def _refused(connection: Connection, household: str, since: datetime, now: datetime) -> Iterator[tuple[str, Ending]]:
    here = select(GATEWAY.c.id).where(GATEWAY.c.household_id == household)
    mine = REFUSAL.c.gateway_id.in_(here) & (REFUSAL.c.at >= to_micros(since)) & REFUSAL.c.content.is_not(None)
    for row in connection.execute(select(REFUSAL).where(mine).order_by(REFUSAL.c.seq)):
        try:
            reading = msgspec.json.decode(row.content, type=Reading)
        except msgspec.MsgspecError:
            continue  # what cannot be read says nothing red; it is counted and kept as it came
        end = ending(Refused(reading, row.code), now)
        if end is not None:
            yield row.reading_id, end
