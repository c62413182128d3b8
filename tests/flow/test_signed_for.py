"""Nothing reaches a resident that nobody signed for: the corners where a signature, a person and a text could part."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from alembic import command
from sqlalchemy import Engine, select, update

import engine.service
import engine.store.database
from engine import automatic as signing
from engine.contract import wire
from engine.contract.topics import up
from engine.decisions import carry_out
from engine.evaluate import evaluate, look_after
from engine.notify.sending import FAMILY, reach_of
from engine.officehours import due_at
from engine.people import Resident
from engine.requests import Kind
from engine.review import LOCAL, Command, Item
from engine.sealing import Seal
from engine.service import Facts, Service, handle
from engine.service_link import Broker, Delivery, Link
from engine.store import (
    audit,
    repo_advice,
    repo_consents,
    repo_family,
    repo_notices,
    repo_requests,
    repo_residents,
)
from engine.store.database import Connection, _config, migrate, open_engine, read, write
from engine.store.instants import from_micros, to_micros
from engine.store.tables import ADVICE, READING
from engine.store.tables_desk import NOTICE, REQUEST
from tests.brokers import mosquitto
from tests.flow.furnished import store
from tests.flow.test_evaluate import hear, pressure
from tests.flow.test_standing import MINUTE, NURSE, ON, RULES, approval, delivered, drafted, heavy, sign, signed, urgent
from tests.homes import GATEWAY, HANAKO, NOW, TARO, consent
from tests.stores import furnished_file
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
SAKATA, YUZA = "062049", "064611"
SEAL = Seal(b"k" * 32)


def amend(connection: Connection, name: str, **fields: Any) -> Resident:
    person = repo_residents.get(connection, name)
    assert person is not None
    changed = msgspec.structs.replace(person, version=person.version + 1, **fields)
    stored = repo_residents.edit(connection, changed, NOW, actor="desk", os_user="test")
    assert isinstance(stored, Resident)
    return stored


def test_who_moves_to_another_town_takes_what_waits_along_and_leaves_what_is_done(store: Engine) -> None:
    put(store, item("waits", "urgent"), item("told", state="delivered", decided_by=NURSE))
    kind: Kind = "call"
    with write(store) as connection:
        person = repo_residents.get(connection, TARO)
        assert person is not None
        asked = repo_requests.add(connection, person, kind, "", None, NOW, Random(1))
        amend(connection, TARO, municipality_code=YUZA, household_id=None)
        rows = connection.execute(select(ADVICE.c.id, ADVICE.c.municipality_code)).all()
        towns = {row.id: row.municipality_code for row in rows}
        there = connection.execute(select(REQUEST.c.municipality_code).where(REQUEST.c.id == asked.id)).scalar()
    assert towns == {"a-waitsaaaaaaaa": YUZA, "a-toldaaaaaaaaa": SAKATA}
    assert there == YUZA


def test_an_approval_of_one_town_does_not_speak_in_another_even_when_the_rule_fell_silent(store: Engine) -> None:
    heavy(store)
    sign(store, approval())
    held = drafted(store)
    assert held.state == "approved"
    with write(store) as connection:
        moved = amend(connection, TARO, municipality_code=YUZA, household_id=None)
        items = repo_advice.listed(connection, resident=TARO, states=None)
        known = signing.Known(connection, moved, items, RULES, NOW + MINUTE)
        signing.after_merge(known, {}, set(), ON)
        after = repo_advice.get(connection, held.id)
    assert after is not None
    assert (after.state, after.decided_by) == ("open", None)


def test_words_that_were_changed_after_drafting_are_not_what_the_physician_signed(store: Engine) -> None:
    signed(store)
    first = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95))
    with write(store) as connection:
        # As an earlier version of the program wrote it: its catalogue had other words under the same number.
        connection.execute(update(ADVICE).where(ADVICE.c.id == first.id).values(text_ja="きのうの ことば。"))
    assert urgent(store, pressure(NOW - MINUTE, 187, 95)).state == "open"


@pytest.mark.parametrize("apart", [2, 30])
def test_one_measurement_that_a_cuff_without_a_clock_tells_twice_confirms_nothing(store: Engine, apart: int) -> None:
    signed(store)
    told = [
        msgspec.structs.replace(pressure(NOW - ago * MINUTE, 186, 95), time_quality="received")
        for ago in (apart + 1, 1)
    ]
    assert urgent(store, *told).state == "open"


def test_two_measurements_of_the_same_height_that_the_cuff_numbered_confirm_one_another(store: Engine) -> None:
    signed(store)
    told = [
        msgspec.structs.replace(pressure(NOW - ago * MINUTE, 186, 95), time_quality="received", sequence=ago)
        for ago in (3, 1)
    ]
    assert urgent(store, *told).state == "delivered"


def child_of(connection: Connection, resident: str) -> str:
    child = repo_family.add(connection, "山田 次郎", "child", "ja", NOW, Random(1))
    said = msgspec.structs.replace(consent(resident, "family-view"), recipient=child.id)
    repo_consents.append(connection, said, os_user="test")
    return child.id


def test_a_family_is_told_nothing_of_an_unread_message_to_somebody_who_died(store: Engine) -> None:
    signed(store)
    with write(store) as connection:
        child = child_of(connection, HANAKO)
    found = urgent(store, pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96))
    with write(store) as connection:
        repo_notices.owe(connection, child, FAMILY, found.id, NOW, urgent=True)
        [waiting] = repo_notices.of(connection, child)
        amend(connection, HANAKO, status="deceased")
        assert reach_of(connection, SEAL, waiting, NOW).needless == "inactive"
        connection.execute(NOTICE.delete())
    look_after(store, NOW + 61 * MINUTE)
    with read(store) as connection:
        assert repo_notices.of(connection, child) == []


def test_whoever_withdrew_from_advice_before_the_morning_is_not_told_of_any(store: Engine) -> None:
    told = item("told", state="delivered", decided_by=NURSE, resident_id=HANAKO)
    put(store, told)
    with write(store) as connection:
        repo_notices.owe(connection, HANAKO, "advice", told.id, NOW)
        [waiting] = repo_notices.of(connection, HANAKO)
        assert reach_of(connection, SEAL, waiting, NOW).needless != "no-consent"
        taken_back = msgspec.structs.replace(consent(HANAKO, "advice", granted=False), at=NOW)
        repo_consents.append(connection, taken_back, os_user="test")
        assert reach_of(connection, SEAL, waiting, NOW + MINUTE).needless == "no-consent"


def test_of_advice_that_rests_on_somebody_else_s_reading_nobody_is_told(store: Engine) -> None:
    hear(store, [pressure(NOW - MINUTE, 142, 84)])
    with read(store) as connection:
        [reading] = connection.execute(select(READING.c.id)).scalars()
    evidence = {"signals": {"bp.home.systolic_mean": {"value": "142", "inputs": [reading], "inputs_total": 1}}}
    told = item("told", state="delivered", decided_by=NURSE, resident_id=HANAKO, evidence=evidence)
    put(store, told)
    with write(store) as connection:
        repo_notices.owe(connection, HANAKO, "advice", told.id, NOW)
        [waiting] = repo_notices.of(connection, HANAKO)
        assert reach_of(connection, SEAL, waiting, NOW).needless != "withdrawn"
        connection.execute(update(READING).values(resident_id=TARO))
        assert reach_of(connection, SEAL, waiting, NOW).needless == "withdrawn"


def test_two_who_evaluate_one_person_at_once_draft_and_send_once(store: Engine) -> None:
    signed(store)
    hear(store, [pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96)])
    start, failures = threading.Barrier(2), []

    def work() -> None:
        try:
            start.wait(10)
            with write(store) as connection:
                evaluate(connection, HANAKO, NOW, automatic=ON)
        except Exception as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)

    both = [threading.Thread(target=work) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert failures == []
    with read(store) as connection:
        made = [one for one in repo_advice.listed(connection, resident=HANAKO, states=None) if one.severity == "urgent"]
        assert audit.verify(connection) is None
    assert [one.state for one in made] == ["delivered"]


def test_what_was_urgent_before_the_desk_came_stands_before_the_nurses_until_somebody_is_reached(
    tmp_path: Path,
) -> None:
    old = open_engine(f"sqlite:///{tmp_path / 'old.sqlite'}")
    friday = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    person = ("r-aaaaaaaaaaaaa", SAKATA, "1946-01-23", "female", "ja", "page", "active", *("-",) * 5, 0, 1)
    with write(old) as connection:
        command.upgrade(_config(connection), "0005")
        connection.exec_driver_sql(f"INSERT INTO municipality VALUES ('{SAKATA}', 'Sakata', 'Asia/Tokyo')")
        connection.exec_driver_sql(
            "INSERT INTO resident (id, municipality_code, birth_date, sex, language, channel, status, family_name, "
            "given_name, family_kana, given_kana, search_key, created_at, version) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            person,
        )
        for severity, state in (
            ("urgent", "approved"),
            ("emergency", "open"),
            ("urgent", "delivered"),
            ("soon", "open"),
        ):
            connection.exec_driver_sql(
                "INSERT INTO advice VALUES (?, 'r-aaaaaaaaaaaaa', 't', 'r', 1, 1, ?, 1, ?, '-', '-', '-', '{}', '-', "
                "?, 0, NULL, NULL, NULL, NULL)",
                (f"{severity} {state}", state, severity, to_micros(friday)),
            )
    migrate(old)
    with read(old) as connection:
        rows = {row["id"]: row for row in connection.execute(select(ADVICE)).mappings()}
    old.dispose()
    lies = {name: (row["shelf"], bool(row["needs_contact"])) for name, row in rows.items()}
    assert lies == {
        "urgent approved": ("open", True), "emergency open": ("open", True), "urgent delivered": ("done", False),
        "soon open": ("open", False),
    }  # fmt: skip
    for name in ("emergency open", "soon open"):
        row = rows[name]
        assert from_micros(row["due_at"]) == due_at(friday, row["severity"], SAKATA), "in office hours from now on"


@pytest.mark.needs_mosquitto
def test_what_a_nurse_sends_on_at_once_goes_out_though_the_engine_is_never_idle(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.service, "QUIET_SECONDS", 1e9)
    monkeypatch.setattr(engine.service, "TURN_SECONDS", 0.2)
    found = urgent(store, pressure(NOW - MINUTE, 186, 95))
    with write(store) as connection:
        wish = Command(verb="approve", by=NURSE, version=found.version, rights=LOCAL, asked=found.ask)
        held = carry_out(connection, found, wish, NOW, os_user="test")
        assert isinstance(held, Item)
        wish = Command(verb="send-now", by=NURSE, version=held.version, rights=LOCAL)
        assert isinstance(carry_out(connection, held, wish, NOW, os_user="test"), Item)
    stopping = threading.Event()
    with mosquitto() as broker:
        service = Service(store, Link(Broker(broker.url)), lambda: NOW)
        thread = threading.Thread(target=service.run, args=(stopping.is_set,))
        thread.start()
        try:
            until = time.monotonic() + 20
            while not delivered(store) and time.monotonic() < until:
                time.sleep(0.05)
            assert delivered(store)
        finally:
            stopping.set()
            thread.join(20)


@pytest.mark.needs_mosquitto
def test_a_red_value_that_met_a_busy_database_is_looked_at_again_before_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.service, "QUIET_SECONDS", 1e9)
    monkeypatch.setattr(engine.service, "TURN_SECONDS", 1e9)
    monkeypatch.setattr(engine.store.database, "BUSY_MS", 50)
    made = furnished_file(tmp_path / "engine.sqlite")
    signed(made)
    red = [pressure(NOW - 9 * MINUTE, 186, 95), pressure(NOW - MINUTE, 184, 96)]
    payload = wire.encode_batch([wire.encode_reading(one) for one in red])
    with write(made) as connection:
        done = handle(connection, Facts(), [Delivery(1, 1, 1, up(GATEWAY, "reading"), payload)], NOW)
    stopping = threading.Event()
    with mosquitto() as broker:
        service = Service(made, Link(Broker(broker.url)), lambda: NOW, automatic=ON)
        with write(made):
            service._hurry(done.heard)
        assert not delivered(made), "somebody else was writing"
        thread = threading.Thread(target=service.run, args=(stopping.is_set,))
        thread.start()
        try:
            until = time.monotonic() + 20
            while not delivered(made) and time.monotonic() < until:
                time.sleep(0.05)
            assert delivered(made)
        finally:
            stopping.set()
            thread.join(20)
            made.dispose()
