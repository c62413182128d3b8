"""Whose lines go to the mirrors of a home, and when: consent, change, a gateway that is back; and rooms are nobody's."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import Engine, text

from engine.contract import topics, wire
from engine.contract.reading import Reading, Value
from engine.contract.wire import Show, State
from engine.evaluate import evaluate_next
from engine.picture import history_of
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.showing import pay
from engine.signals import signals
from engine.store.database import read, write
from engine.store.inbox import waiting
from engine.store.repo_consents import append
from engine.store.repo_residents import edit, get
from tests.flow.stores import store
from tests.homes import GATEWAY, HANAKO, NOW, OTHER_GATEWAY, TARO, consent, furnish, weighing

__all__ = ["store"]
pytestmark = [pytest.mark.flow]
BOTH = {topics.show(GATEWAY, HANAKO), topics.show(OTHER_GATEWAY, HANAKO)}


@pytest.fixture(autouse=True)
def _furnished(store: Engine) -> None:
    furnish(store)


def tell(engine: Engine, leaf: topics.Up, payload: bytes) -> None:
    with write(engine) as connection:
        handle(connection, Facts(), [Delivery(1, 1, 1, topics.up(GATEWAY, leaf), payload)], NOW)


def settle(engine: Engine) -> dict[str, Show]:
    while evaluate_next(engine, NOW):
        pass
    sent: dict[str, Show] = {}
    pay(engine, NOW, lambda topic, payload: sent.update({topic: wire.decode(payload, Show)}))
    return sent


def agree(engine: Engine, resident: str, *, granted: bool = True, minutes: int = 0) -> None:
    with write(engine) as connection:
        event = msgspec.structs.replace(
            consent(resident, "mirror-display"), granted=granted, at=NOW - timedelta(minutes=30 - minutes)
        )
        append(connection, event, os_user="test")


def test_lines_go_to_the_homes_gateways_for_who_agreed_and_are_taken_back(store: Engine) -> None:
    tell(store, "reading", wire.encode_reading(weighing(1)))
    assert settle(store) == {}  # nobody ever spoke about mirrors
    agree(store, HANAKO)
    found = settle(store)
    assert found.keys() == BOTH
    assert any("62.3" in line for line in found[topics.show(GATEWAY, HANAKO)].en)
    assert settle(store) == {}
    tell(store, "reading", wire.encode_reading(weighing(2, "61.00")))
    assert any("61.0" in line for line in settle(store)[topics.show(GATEWAY, HANAKO)].en)
    agree(store, HANAKO, granted=False, minutes=1)
    gone = settle(store)[topics.show(GATEWAY, HANAKO)]
    assert (gone.ja, gone.en, gone.values) == ((), (), ())


def test_a_weight_that_a_rule_forbids_to_show_is_on_no_mirror_either(store: Engine) -> None:
    tell(store, "reading", wire.encode_reading(weighing(1)))
    agree(store, HANAKO)
    assert any("62.3" in line for line in settle(store)[topics.show(GATEWAY, HANAKO)].en)
    with write(store) as connection:
        person = get(connection, HANAKO)
        assert person is not None
        child = msgspec.structs.replace(person, birth_date=NOW.date().replace(year=2012), version=person.version + 1)
        edit(connection, child, NOW, actor="test", os_user="test")
    tell(store, "reading", wire.encode_reading(weighing(2, "61.00")))
    shown = settle(store)[topics.show(GATEWAY, HANAKO)]
    assert [line for line in (*shown.en, *shown.ja) if "kg" in line] == []
    assert [value for value in shown.values if value.kind == "body-weight"] == []


def test_a_gateway_that_is_back_is_told_again_for_it_remembers_nothing(store: Engine) -> None:
    agree(store, HANAKO)
    settle(store)
    tell(store, "state", wire.encode(State(state="sleeping")))
    assert settle(store) == {}
    tell(store, "state", wire.encode(State(state="ready")))
    assert settle(store).keys() == BOTH


def test_what_is_not_handed_over_stays_owed(store: Engine) -> None:
    def broken(_topic: str, _payload: bytes) -> None:
        raise ConnectionError

    agree(store, HANAKO)
    with pytest.raises(ConnectionError):
        pay(store, NOW, broken)
    assert len(settle(store)) == 2
    assert settle(store) == {}


def room(number: int, *values: Value, **more: object) -> Reading:
    return msgspec.structs.replace(weighing(number, slot=None), profile="bthome-v2", values=values, **more)


def test_a_rooms_values_are_the_households_in_nobodys_record_and_no_question(store: Engine) -> None:
    climate = (Value("room-temperature", "21.5", "Cel"), Value("co2", "640", "[ppm]"))
    tell(store, "reading", wire.encode_reading(room(1, *climate)))
    tell(store, "reading", wire.encode_reading(room(2, Value("battery", "80", "%"), person_hint=TARO)))
    with read(store) as connection:
        rows = connection.execute(
            text("SELECT r.outcome, r.resident_id, m.resident_id AS whose, m.kind FROM reading r "
                 "JOIN measurement m ON m.reading_id=r.id ORDER BY m.kind")
        ).all()  # fmt: skip
    assert [tuple(row) for row in rows] == [
        ("room", None, None, kind) for kind in ("battery", "co2", "room-temperature")
    ]
    with read(store) as connection:
        assert waiting(connection) == []


def test_a_battery_beside_a_weight_stays_with_the_weight(store: Engine) -> None:
    both = (Value("body-weight", "62.30", "kg"), Value("battery", "80", "%"))
    tell(store, "reading", wire.encode_reading(msgspec.structs.replace(weighing(1), values=both)))
    with read(store) as connection:
        rows = connection.execute(text("SELECT outcome, resident_id FROM reading")).all()
    assert [tuple(row) for row in rows] == [("accepted", HANAKO)]


def test_a_cameras_value_is_kept_and_enters_no_signal(store: Engine) -> None:
    estimate = msgspec.structs.replace(weighing(1, "40.00"), source="mqtt", quality=0.99)
    tell(store, "reading", wire.encode_reading(estimate))
    with read(store) as connection:
        history = history_of(connection, HANAKO, NOW)
        person = get(connection, HANAKO)
    assert [item.preliminary for item in history["body-weight"]] == [True]
    assert person is not None
    assert signals(person, history, ZoneInfo("Asia/Tokyo"), NOW).value("weight.level") is None
