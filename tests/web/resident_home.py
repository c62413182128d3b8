"""A resident at home: readings as a gateway sends them, advice as it was delivered, answers as a nurse wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Engine

from engine.clinical import Fact
from engine.contract import wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.topics import up
from engine.review import Decision, Event, Item, rank
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.store import repo_advice, repo_facts
from engine.store.database import write
from engine.store.repo_facts import By
from engine.store.tables import READING
from tests.homes import DEVICE, GATEWAY, HANAKO
from tests.web.desks import NOW, Desk, Page, item

DAY = timedelta(days=1)
UNITS = {
    "body_weight": "kg",
    "systolic": "mm[Hg]",
    "diastolic": "mm[Hg]",
    "steps_day": "{steps}/d",
    "pulse_rate": "/min",
}


def reading(slot: int, ago: float, **values: str) -> Reading:
    """What somebody in `slot` measured `ago` days before NOW."""
    at = NOW - ago * DAY
    parts = tuple(Value(kind.replace("_", "-"), value, UNITS[kind]) for kind, value in values.items())
    return Reading(
        id=reading_id(DEVICE, slot, at.isoformat(), repr(values).encode()), device=DEVICE, profile="sig-weight",
        provenance="bonded", user_slot=slot, measured_at=at, time_quality="device", received_at=at, values=parts,
    )  # fmt: skip


def hear(engine: Engine, *readings: Reading) -> None:
    """The readings in the store, each with its owner."""
    sent = [wire.encode_batch([wire.encode_reading(one) for one in part]) for part in batched(readings)]
    with write(engine) as connection:
        heard = [Delivery(1, number, 1, up(GATEWAY, "reading"), payload) for number, payload in enumerate(sent)]
        handle(connection, Facts(), heard, NOW)


def batched(readings: Sequence[Reading]) -> list[Sequence[Reading]]:
    """As many at a time as a gateway sends."""
    return [readings[start : start + 50] for start in range(0, len(readings), 50)]


def doubt(engine: Engine, one: Reading) -> None:
    """Makes a reading only probably its owner's."""
    with write(engine) as connection:
        connection.execute(READING.update().where(READING.c.id == one.id).values(certainty="assumed", posterior=0.9))


def delivered(
    engine: Engine, name: str, severity: str = "routine", *, by: str = "s-nursenursenur", **more: Any
) -> Item:
    """A piece of advice that `by` approved yesterday and that came this morning."""
    fields: dict[str, Any] = {
        "resident_id": HANAKO, "rule_id": "home-bp-high", "topic": "blood-pressure", "state": "delivered",
        "decided_by": by, "created_at": NOW - DAY, "updated_at": NOW - DAY / 4,
        "text_ja": f"家の 血圧の {name}です。\nもう一度 はかってください。",
        "text_en": f"This is {name}.\nPlease measure again.",
    }  # fmt: skip
    one = item(name, severity, **(fields | more))
    with write(engine) as connection:
        repo_advice.add(
            connection, msgspec.structs.replace(one, state="open"), rank(one, NOW), actor="engine", os_user="t"
        )
        verb = {"p": "approve-standing", "u": "deliver-urgent"}.get(by[0] if by[1:2] == "-" else "", "approve")
        told = msgspec.structs.replace(one, version=one.version + 1)
        event = Event(
            advice_id=one.id, at=NOW - DAY, actor=by, command=verb, from_state="open", to_state=told.state,
            version=told.version, reason=None,
        )  # fmt: skip
        assert isinstance(repo_advice.decide(connection, Decision(told, event), rank(told, NOW), os_user="t"), Item)
    return told


def answer(engine: Engine, resident: str, at: datetime, **facts: str) -> None:
    """What a nurse wrote down of a resident: code (with _ for .) and value."""
    told = [
        Fact(resident=resident, code=code.replace("_", "."), value=value, at=at, recorded_at=at, source="nurse", actor="t",
             channel="page")
        for code, value in facts.items()
    ]  # fmt: skip
    with write(engine) as connection:
        repo_facts.append(connection, told, By("t", "t"), at, Random(1))


async def push(desk: Desk, page: str, form: str, **fields: str) -> Any:
    """Open a page and send one of its forms."""
    shown = await desk.browser.get(page)
    return await desk.browser.post(form, data=Page(shown.text).forms[form] | fields)
