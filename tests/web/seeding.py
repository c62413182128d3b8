"""Two residents with four weeks of readings, evaluated by the real rules."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.evaluate import evaluate
from engine.review import HOLD
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store.database import write
from tests.homes import DEVICE, GATEWAY, HANAKO, TARO, furnish

DAY = timedelta(days=1)


def seed(engine: Engine, now: datetime) -> None:
    """Two residents with four weeks of readings, evaluated by the real rules."""
    furnish(engine)
    readings = [
        *[_reading(2, now - HOLD - ago * DAY, body_weight=(f"{84 + ago * 0.1:.2f}", "kg")) for ago in range(28)],
        *[_reading(1, now - HOLD - ago * DAY, body_weight=(f"{60 + ago * 0.05:.2f}", "kg")) for ago in range(28)],
        *[_reading(1, now - HOLD - ago * DAY, systolic=("152", "mm[Hg]"), diastolic=("93", "mm[Hg]")) for ago in range(7)],
        *[_reading(2, now - HOLD - ago * DAY, steps_day=("3120", "{steps}")) for ago in range(1, 9)],
    ]  # fmt: skip
    payload = wire.encode_batch([wire.encode_reading(one) for one in readings])
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], now)
        for person in (HANAKO, TARO):
            evaluate(connection, person, now)


def _reading(slot: int, at: datetime, **values: tuple[str, str]) -> Reading:
    parts = tuple(Value(kind.replace("_", "-"), number, unit) for kind, (number, unit) in values.items())
    name = reading_id(DEVICE, slot, at.isoformat(), repr(values).encode())
    return Reading(
        id=name, device=DEVICE, profile="sig-weight", provenance="bonded", user_slot=slot, measured_at=at,
        time_quality="device", received_at=at, values=parts,
    )  # fmt: skip
