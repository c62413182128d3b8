"""What waits for a person's word: readings of nobody yet, and those the numbers filed under somebody probable."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Float, cast, exists, false, func, or_, select, text, true

from engine.safety import LOW_RED_FLAGS, RED_FLAGS, SEATED
from engine.safety import red_flags as flags_of
from engine.store.instants import from_micros, to_micros
from engine.store.tables import MEASUREMENT, READING, WAITS


class Waiting(msgspec.Struct, frozen=True):
    """A reading that waits for a word; `values` are (kind, value, unit).

    `resident` and `posterior` name whose it probably is. With `red_flag` a value asks for a physician, and it has to be
    measured again by somebody who says who they are; who shows it at home shows no value.
    """

    id: str
    household: str
    device: str
    slot: int | None
    measured_at: datetime
    values: tuple[tuple[str, str, str], ...]
    resident: str | None = None
    posterior: float | None = None
    red_flag: bool = False


def waiting(connection: Connection, household: str | None = None, limit: int = 200) -> list[Waiting]:
    """Up to `limit` readings of one household or of all: red flags first, then the newest."""
    query = (
        select(READING)
        .where(text(f"({WAITS})"))
        .order_by(_flagged().desc(), READING.c.measured_at.desc(), READING.c.id)
    )
    if household is not None:
        query = query.where(READING.c.household_id == household)
    return _listed(connection, query.limit(limit))


def assumed_of(connection: Connection, resident: str, since: datetime) -> list[Waiting]:
    """What the numbers filed under `resident` since then and nobody has confirmed, newest first."""
    theirs = (READING.c.resident_id == resident) & (READING.c.measured_at >= to_micros(since))
    assumed = (READING.c.outcome == "accepted") & (READING.c.certainty == "assumed")
    return _listed(connection, select(READING).where(theirs, assumed).order_by(READING.c.measured_at.desc()))


def _listed(connection: Connection, query: Any) -> list[Waiting]:
    rows = connection.execute(query).all()
    said: dict[str, list[tuple[str, str, str]]] = {}
    for row in connection.execute(select(MEASUREMENT).where(MEASUREMENT.c.reading_id.in_([row.id for row in rows]))):
        said.setdefault(row.reading_id, []).append((row.kind, row.value, row.unit))
    return [_waiting(row, tuple(said.get(row.id, ()))) for row in rows]


def red_flags(connection: Connection, since: datetime, household: str | None = None) -> dict[str, datetime]:
    """Households where a red flag that is not surely somebody's waits for a word, with the instant of the newest.

    None that was measured before `since`; of one household or of all.
    """
    query = select(READING.c.household_id, func.max(READING.c.measured_at).label("at")).group_by(READING.c.household_id)
    if household is not None:
        query = query.where(READING.c.household_id == household)
    # By the index over what waits, so that a page of the desk never reads every reading of a town.
    rows = connection.execute(query.where(text(f"({WAITS})"), READING.c.measured_at >= to_micros(since), _flagged()))
    return {row.household_id: from_micros(row.at) for row in rows}


def _red() -> Any:
    """The same as `engine.safety.red_flags`, asked of the database of one measurement."""
    pulse, beside, as_kind = SEATED
    other = MEASUREMENT.alias("beside")
    seated = exists().where(other.c.reading_id == MEASUREMENT.c.reading_id, other.c.kind == beside)
    kinds = [(kind, kind, true()) for kind in sorted({*RED_FLAGS, *LOW_RED_FLAGS})] + [(pulse, as_kind, seated)]
    return or_(*((MEASUREMENT.c.kind == kind) & _beyond(limit) & more for kind, limit, more in kinds))


def _beyond(kind: str) -> Any:
    value = cast(MEASUREMENT.c.value, Float)
    high, low = RED_FLAGS.get(kind), LOW_RED_FLAGS.get(kind)
    return or_(false() if high is None else value >= high, false() if low is None else value <= low)


def _proven() -> Any:
    """A camera's estimates and unproven devices alarm nobody."""
    return READING.c.quality.is_(None) & READING.c.experimental.is_(False)


@cache
def _flagged() -> Any:
    """The same as `_is_flagged`, asked of the database, so that no red flag hides behind the limit; built once."""
    return _proven() & exists().where(MEASUREMENT.c.reading_id == READING.c.id, _red())


def _is_flagged(row: Any, values: tuple[tuple[str, str, str], ...]) -> bool:
    proven = row.quality is None and not row.experimental
    return proven and bool(flags_of((kind, Decimal(value)) for kind, value, _ in values))


def _waiting(row: Any, values: tuple[tuple[str, str, str], ...]) -> Waiting:
    return Waiting(
        row.id, row.household_id, row.device_id, row.user_slot, from_micros(row.measured_at), values,
        row.resident_id, row.posterior, _is_flagged(row, values),
    )  # fmt: skip
