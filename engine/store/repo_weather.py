"""The weather of municipalities by civil day: written once, the same when written twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from engine.store import audit
from engine.store.database import upsert
from engine.store.instants import to_micros
from engine.store.tables_clinical import WEATHER
from engine.weather import STALE_AFTER, Day


class Written(msgspec.Struct, frozen=True):
    """How many days were new, said something else than before, or were there already."""

    added: int
    changed: int
    same: int


def record(
    connection: Connection, days: Sequence[Day], now: datetime, *, source: str, actor: str, os_user: str
) -> Written:
    """Stores the days of one municipality with one audit entry if anything changed; a day may be there only once.

    What a day does not say leaves what is stored: heat and snow may come from two files.
    """
    pairs = _pairs(connection, days)
    fresh = [after for before, after in pairs if before != after]
    upsert(connection, WEATHER, [_row(one, source, now) for one in fresh])
    if fresh:
        entry = audit.Entry(
            at=to_micros(now), actor=actor, os_user=os_user, action="env-import", subject=fresh[0].municipality,
            detail_hash=audit.detail_hash([_said(one) for one in fresh]),
        )  # fmt: skip
        audit.append(connection, entry)
    return _written(pairs)


def compare(connection: Connection, days: Sequence[Day]) -> Written:
    """What `record` would do."""
    return _written(_pairs(connection, days))


def _pairs(connection: Connection, days: Sequence[Day]) -> list[tuple[Day | None, Day]]:
    """Each day as it is stored, if it is, and as it will be."""
    if not days:
        return []
    dates = [one.day for one in days]
    known = {row.day: row for row in between(connection, days[0].municipality, min(dates), max(dates))}
    return [(known.get(one.day), _merged(known.get(one.day), one)) for one in days]


def _written(pairs: Sequence[tuple[Day | None, Day]]) -> Written:
    added = sum(1 for before, _ in pairs if before is None)
    same = sum(1 for before, after in pairs if before == after)
    return Written(added, len(pairs) - added - same, same)


def around(connection: Connection, municipality: str, day: date) -> list[Day]:
    """The rows that say something about `day`: its own, and the one before."""
    return between(connection, municipality, day - STALE_AFTER, day)


def between(connection: Connection, municipality: str, first: date, last: date) -> list[Day]:
    """The stored days of a municipality from `first` to `last`, both included, oldest first."""
    query = (
        select(WEATHER)
        .where(WEATHER.c.municipality_code == municipality)
        .where(WEATHER.c.day >= first.isoformat(), WEATHER.c.day <= last.isoformat())
        .order_by(WEATHER.c.day)
    )
    return [
        Day(
            municipality=row["municipality_code"], day=date.fromisoformat(row["day"]), wbgt=_number(row["wbgt_max"]),
            snow=_number(row["snow_cm"]),
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip


def _merged(before: Day | None, one: Day) -> Day:
    if before is None:
        return one
    return msgspec.structs.replace(
        before,
        wbgt=before.wbgt if one.wbgt is None else one.wbgt,
        snow=before.snow if one.snow is None else one.snow,
    )


def _row(one: Day, source: str, now: datetime) -> dict[str, Any]:
    return {
        "municipality_code": one.municipality, "day": one.day.isoformat(), "wbgt_max": _text(one.wbgt),
        "snow_cm": _text(one.snow), "source": source, "recorded_at": to_micros(now),
    }  # fmt: skip


def _said(one: Day) -> list[str | None]:
    return [one.day.isoformat(), _text(one.wbgt), _text(one.snow)]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
