"""A measure of support in the home that was left: mirrors, scales, gateways, spots and messages know nobody any more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from engine import protection
from engine.contract import topics, wire
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding, DeviceNote, Known, Show, Who
from engine.life_store import record
from engine.life_typed import Ready, Typed
from engine.life_typed import read as read_typed
from engine.notify.sending import FAMILY, reach_of
from engine.protection import Protection
from engine.sealing import seal_of
from engine.service import Facts, handle
from engine.service_link import Delivery
from engine.showing import pay
from engine.store import (
    audit,
    protecting,
    repo_consents,
    repo_devices,
    repo_family,
    repo_notices,
    repo_residents,
    repo_spots,
)
from engine.store.database import read, write
from engine.store.filing import By
from engine.store.inbox import waiting
from engine.store.repo_facts import By as Signed
from engine.store.tables import READING
from engine.store.tables_rights import FORGET_ORDER
from tests.flow.furnished import store
from tests.homes import DEVICE, GATEWAY, HANAKO, HOUSEHOLD, NOW, OTHER_GATEWAY, TARO, consent, weighing
from tests.stores import furnished_file
from tests.web.desks import item, put

__all__ = ["store"]
pytestmark = pytest.mark.flow
BY = By("s-nursenursenur", "test")
LATER = NOW + timedelta(minutes=1)
SHARED = "d-sharedshared2"
MIRRORS = {topics.show(GATEWAY, HANAKO), topics.show(OTHER_GATEWAY, HANAKO)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Engine]:
    engine = furnished_file(tmp_path / "engine.sqlite")
    yield engine
    engine.dispose()


def hide(engine: Engine, *, leave_home: bool = True) -> Protection:
    made = protection.drafted(
        id="l-aaaaaaaaaaaaa", resident=HANAKO, seen="申出書 第1号", until=None, by=BY.actor, now=NOW
    )
    assert isinstance(made, Protection)
    with write(engine) as connection:
        protecting.begin(connection, made, BY, NOW, leave_home=leave_home)
    return made


def hear(engine: Engine, *readings: Reading) -> None:
    with write(engine) as connection:
        topic = topics.up(GATEWAY, "reading")
        heard = [Delivery(1, n, 1, topic, wire.encode_reading(one)) for n, one in enumerate(readings)]
        handle(connection, Facts(), heard, LATER)


def shows(engine: Engine) -> dict[str, Show]:
    sent: dict[str, Show] = {}
    pay(engine, LATER, lambda topic, payload: sent.update({topic: wire.decode(payload, Show)}))
    return sent


def agree(engine: Engine, purpose: str, **more: Any) -> None:
    with write(engine) as connection:
        repo_consents.append(connection, msgspec.structs.replace(consent(HANAKO, purpose), **more), os_user="test")


def owners(engine: Engine) -> dict[str, str | None]:
    with read(engine) as connection:
        return {row.id: row.resident_id for row in connection.execute(select(READING.c.id, READING.c.resident_id))}


@pytest.mark.parametrize("leave_home", [True, False])
def test_every_mirror_of_the_home_is_emptied_at_once_as_for_somebody_who_never_agreed(
    store: Engine, leave_home: bool
) -> None:
    hear(store, weighing(1))
    agree(store, "mirror-display")
    assert any("62.3" in line for line in shows(store)[topics.show(GATEWAY, HANAKO)].ja)
    hide(store, leave_home=leave_home)
    sent = shows(store)
    assert sent.keys() == MIRRORS
    assert {(one.ja, one.en, one.values) for one in sent.values()} == {((), (), ())}
    never = Show(resident=HANAKO, until=LATER + timedelta(hours=36))
    assert set(sent.values()) == {never}
    # What comes in later changes nothing, and what was said under the measure neither.
    agree(store, "mirror-display", at=LATER)
    assert {(one.ja, one.values) for one in shows(store).values()} <= {((), ())}


def anonymous(number: int, kg: str) -> Reading:
    at = NOW - timedelta(hours=1) + timedelta(minutes=number)
    return Reading(
        id=reading_id(SHARED, None, str(at), kg.encode()), device=SHARED, profile="xiaomi-scale-v1", measured_at=at,
        time_quality="device", received_at=at, values=(Value("body-weight", kg, "kg"),),
    )  # fmt: skip


def settled(engine: Engine) -> None:
    """Twenty mornings by which the shared scale of the home knows both by their weight."""
    found = []
    for day in range(20):
        for slot, kg in ((1, 52.0), (2, 66.0)):
            at = NOW - timedelta(days=25 - day, minutes=-slot)
            text = f"{kg + 0.3 * math.sin(day * 1.7):.2f}"
            said = weighing(day, text, slot, measured_at=at, received_at=at)
            found.append(msgspec.structs.replace(said, id=reading_id(DEVICE, slot, f"{day}", text.encode())))
    hear(engine, *found)
    with write(engine) as connection:
        repo_devices.note(connection, HOUSEHOLD, DeviceNote(device=SHARED, profile="xiaomi-scale-v1"), NOW)


def test_no_scale_of_the_home_is_ever_filed_under_them_again_by_slot_by_hint_or_by_weight(home: Engine) -> None:
    settled(home)
    before = anonymous(0, "52.10")
    hear(home, before)
    assert owners(home)[before.id] == HANAKO
    hide(home)
    by_slot = weighing(900, "52.10", 1, measured_at=NOW, received_at=NOW)
    by_hint = weighing(901, "52.20", None, measured_at=NOW, received_at=NOW, person_hint=HANAKO)
    by_weight = anonymous(1, "52.15")
    hear(home, by_slot, by_hint, by_weight)
    found = owners(home)
    assert HANAKO not in {found[one.id] for one in (by_slot, by_hint, by_weight)}
    with read(home) as connection:
        asked = waiting(connection, HOUSEHOLD)
    assert HANAKO not in {one.resident for one in asked}


@pytest.mark.parametrize("hidden", [False, True])
def test_what_a_home_tells_late_of_somebody_who_left_it_is_theirs_unless_they_hide_from_it(
    home: Engine, hidden: bool
) -> None:
    with write(home) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        typed = Typed(sort="left-household", since="2026-11-20T09:00", household="none")
        ready = read_typed(connection, person, typed, BY.actor, NOW, Random(1))
        assert isinstance(ready, Ready), ready
        record(connection, person, ready, Signed("s-nursenursenur", "test"), NOW, Random(1))
    if hidden:
        hide(home)
    late = weighing(0, "52.10", 1, measured_at=NOW - timedelta(days=3), received_at=NOW - timedelta(days=3))
    hear(home, late)
    assert owners(home)[late.id] == (None if hidden else HANAKO)


def test_a_slot_of_the_home_can_be_given_to_those_alone_who_live_there(home: Engine) -> None:
    hide(home)
    with write(home) as connection:
        refused = repo_devices.bind(connection, HOUSEHOLD, DEVICE, [Binding(1, HANAKO)], NOW)
        assert [refusal.code for _, refusal in refused] != []
        assert repo_devices.bind(connection, HOUSEHOLD, DEVICE, [Binding(1, TARO)], NOW) == ()
        [device] = repo_devices.devices(connection, HOUSEHOLD)
        assert {binding.resident for binding in device.bindings} == {TARO}
        # Whoever pairs a device is offered the people of the home.
        people = [one.id for one in repo_residents.listed(connection, household=HOUSEHOLD, status="active")]
    assert people == [TARO]


def test_the_gateways_of_the_home_are_told_to_forget_them_and_nobody_else(store: Engine) -> None:
    hide(store)
    with read(store) as connection:
        orders = connection.execute(select(FORGET_ORDER)).all()
    assert {(one.gateway_id, one.resident_id, one.state) for one in orders} == {
        (GATEWAY, HANAKO, "open"), (OTHER_GATEWAY, HANAKO, "open"),
    }  # fmt: skip


def test_a_safe_home_keeps_its_scale_and_shows_nothing_of_it(home: Engine) -> None:
    hide(home, leave_home=False)
    one = weighing(7, "52.10", 1)
    hear(home, one)
    assert owners(home)[one.id] == HANAKO
    with read(home) as connection:
        assert connection.execute(select(FORGET_ORDER)).all() == []


def test_number_and_birth_date_open_a_spot_for_nobody_who_hides(home: Engine) -> None:
    spot = repo_spots.Spot(
        gateway="g-spotspotspot2", household="h-spotspotspot2", municipality="062049", label="公民館"
    )
    with write(home) as connection:
        assert repo_spots.add(connection, spot, NOW, BY) is None
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        numbered = msgspec.structs.replace(person, insured_number="1234-5678", version=person.version + 1)
        repo_residents.edit(connection, numbered, NOW, actor="test", os_user="test")

    def ask(number: str, visit: str) -> Known:
        who = Who(visit=visit, at=LATER, number=number, birth=date(1951, 5, 5))
        with write(home) as connection:
            heard = [Delivery(1, 1, 1, topics.up(spot.gateway, "who"), wire.encode(who))]
            [answer] = handle(connection, Facts(), heard, LATER).answers
        assert answer.known is not None
        return answer.known

    assert ask("12345678", "v-aaaaaaaaaaaaa").resident == HANAKO
    hide(home)
    hidden, stranger = ask("12345678", "v-bbbbbbbbbbbbb"), ask("99999999", "v-bbbbbbbbbbbbb")
    assert hidden == stranger


def test_no_message_about_them_reaches_the_family_not_one_that_was_owed_before(home: Engine, tmp_path: Path) -> None:
    seal = seal_of(tmp_path)
    put(home, item("told", "urgent", resident_id=HANAKO, state="delivered"))
    with write(home) as connection:
        member = repo_family.add(connection, "山田 次郎", "child", "ja", NOW, Random(3))
    agree(home, "family-view", recipient=member.id)
    with write(home) as connection:
        repo_notices.owe(connection, member.id, FAMILY, item("told").id, NOW, urgent=True)
        [owed] = repo_notices.of(connection, member.id, 10)
        assert reach_of(connection, seal, owed, LATER).needless is None
    hide(home)
    with read(home) as connection:
        assert reach_of(connection, seal, owed, LATER).needless == "no-consent"
        assert not repo_family.may_look(connection, member.id, HANAKO, None, LATER)


def test_the_trail_names_the_measure_and_never_whom_it_hides(home: Engine) -> None:
    made = hide(home)
    with read(home) as connection:
        assert audit.verify(connection) is None
        every = audit.entries(connection, limit=1000)
    assert [one.subject for one in every if one.action.startswith("protect-")] == [made.id]


def test_of_two_who_renew_at_once_one_is_told(store: Engine) -> None:
    made = hide(store)
    longer = protection.renewed(made, "申出書 第2号", None, LATER)
    assert isinstance(longer, Protection)
    with write(store) as connection:
        assert protecting.change(connection, longer, "protect-renew", BY, LATER) == longer
        late = protecting.change(connection, longer, "protect-renew", BY, LATER)
    assert not isinstance(late, Protection)
    assert late.code == "conflict"
