"""What leaves for the network: once, in order, of the right person, and only with consent; over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, update

from engine.contract.reading import Value
from engine.contract.wire import Binding, DeviceNote
from engine.store import repo_push, repo_residents
from engine.store.database import write
from engine.store.repo_owing import owe_residents
from engine.store.tables import READING
from engine.store.tables_bridge import CARE_LINK
from fhir_bridge.plan_debts import Scope, backfill, pay
from fhir_bridge.push_claim import claim
from simulators.hospital.abilities import Abilities as Make
from simulators.hospital.faults import Fault
from tests.bridge.push_world import NETWORK, PACE, World, link, measured, share, world
from tests.flow.stores import store
from tests.homes import DEVICE, HANAKO, NOW, TARO, furnish

__all__ = ["store"]
pytestmark = pytest.mark.flow
WRONG = "entered-in-error"
CUFF = "d-cuffcuffcuff2"
PRESSURE = (Value("systolic", "131", "mm[Hg]"), Value("diastolic", "82", "mm[Hg]"), Value("pulse-rate", "64", "/min"))
MAKES = {
    "takes our ids": Make(entries=7),
    "creates if there is none, not atomically": Make(update_create=False, atomic=False, conflict=409, over=400),
    "can only be asked first": Make(update_create=False, conditional_create=False),
    "takes no Bundles": Make(batch=False, transaction=False),
}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def statuses(town: World) -> dict[str, tuple[str, str]]:
    """Status and patient of each Observation over there, by identifier."""
    return {
        name: (body["status"], body["subject"]["reference"].removeprefix("Patient/"))
        for name, body in town.there().items()
    }


def test_every_value_arrives_in_its_own_digits_under_its_person_after_its_devices(town: World) -> None:
    town.heard(DeviceNote(device=CUFF, profile="sig-blood-pressure", bindings=(Binding(2, TARO),)))
    town.heard(measured(1), measured(2, *PRESSURE, device=CUFF, user_slot=2))
    assert town.push()["confirmed"] == 6
    there = {body["code"]["text"]: body for body in town.there().values()}
    assert str(there["体重"]["valueQuantity"]["value"]) == "61.01"
    assert [part["valueQuantity"]["value"] for part in there["血圧"]["component"]] == [131, 82]
    assert {name: body["subject"]["reference"] for name, body in there.items()} == {
        "体重": "Patient/hanako", "血圧": "Patient/taro", "脈拍数": "Patient/taro",
    }  # fmt: skip
    assert sorted(town.there("Device")) == sorted([DEVICE, CUFF, "g-abcdefghijklm"])
    first = town.hospital.ledger.writes()[:3]
    assert all(place.startswith("Device/") for place in first)
    # Who has seen it is told to both of them, once for each request.
    assert sorted(town.audited("export-bridge")) == sorted([HANAKO, TARO])
    assert town.push() == {"sent": 0}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_whatever_is_lost_each_value_is_there_once(tmp_path: Path, make: Make) -> None:
    """Lost answers, refusals after the fact and half answers, one after the other, on every sort of server."""
    written = r"POST|PUT"
    faults = [
        Fault(kind="drop", after=True, where=written), Fault(kind="status", status=503, where=written),
        Fault(kind="cut", after=True, where=written), Fault(kind="status", status=503, after=True, where=written),
        Fault(kind="garbage", after=True, where=written), Fault(kind="drop", where=written),
        Fault(kind="small", limit=1, where=written), Fault(kind="drop", after=True, where=written, times=3),
    ]  # fmt: skip
    with world(tmp_path, make, *faults) as town:
        readings = [measured(number) for number in range(6)]
        town.heard(*readings)
        town.push()
        assert town.hospital.faults.left() == 0
        town.move(readings[1], TARO)
        town.push()
        assert not town.hospital.duplicates("Observation")
        assert not town.hospital.duplicates("Device")
        wanted = {f"{one.id}.body-weight": ("final", "hanako") for one in readings}
        wanted[f"{readings[1].id}.body-weight"] = (WRONG, "hanako")
        wanted[f"{readings[1].id}.body-weight.2"] = ("final", "taro")
        assert {
            name: (said if said != "amended" else "final", who) for name, (said, who) in statuses(town).items()
        } == wanted
        assert {row.state for row in town.rows()} == {"confirmed"}


def test_a_reading_that_was_another_persons_becomes_a_mistake_without_its_value_and_a_new_observation(
    town: World,
) -> None:
    moved, dropped = measured(1), measured(2)
    town.heard(moved, dropped)
    town.push()
    town.move(moved, TARO)
    town.move(dropped, None)
    town.push()
    name = f"{moved.id}.body-weight"
    assert statuses(town) == {
        name: (WRONG, "hanako"), f"{name}.2": ("final", "taro"), f"{dropped.id}.body-weight": (WRONG, "hanako"),
    }  # fmt: skip
    there = town.there()
    assert "valueQuantity" not in there[name]
    assert str(there[f"{name}.2"]["valueQuantity"]["value"]) == "61.01"
    town.move(moved, HANAKO)
    town.push()
    assert statuses(town)[f"{name}.3"] == ("final", "hanako")
    assert statuses(town)[f"{name}.2"] == (WRONG, "taro")


def test_what_is_only_probably_somebodys_waits_until_somebody_says_so(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    with write(town.engine) as connection:
        connection.execute(update(READING).where(READING.c.id == reading.id).values(certainty="assumed"))
    town.push()
    assert town.there() == {}
    town.move(reading, HANAKO)
    town.push()
    assert list(statuses(town).values()) == [("final", "hanako")]


@pytest.mark.parametrize("change", [{"experimental": True}, {"quality": 0.9}])
def test_what_is_no_sound_measurement_is_not_told(town: World, change: dict[str, object]) -> None:
    reading = measured(1)
    town.heard(reading)
    with write(town.engine) as connection:
        connection.execute(update(READING).where(READING.c.id == reading.id).values(change))
    town.push()
    assert town.there() == {}


def test_a_withdrawal_purges_what_waits_and_nothing_leaves_until_there_is_something_new(town: World) -> None:
    town.heard(measured(1))
    town.push()
    requests = len(town.hospital.ledger.received)
    town.heard(measured(2), measured(3, user_slot=2))
    pusher = town.pusher()
    pusher.plan()
    pusher.client.close()
    town.says(HANAKO, "care-share", granted=False)
    town.push()
    bodies = [line.body for line in town.hospital.ledger.received[requests:]]
    assert not any("Patient/hanako" in body for body in bodies)
    assert any("Patient/taro" in body for body in bodies)
    assert [row.state for row in town.rows()] == ["confirmed", "withdrawn", "confirmed"]
    assert town.audited("bridge-withdraw") == [HANAKO]
    with write(town.engine) as connection:
        share(connection, HANAKO, town.clock())
    later = measured(4, measured_at=town.clock(), received_at=town.clock())
    town.heard(later)
    town.push()
    # What was measured while there was no consent stays at home.
    assert [row.state for row in town.rows()] == ["confirmed", "withdrawn", "confirmed", "confirmed"]


def test_one_kind_can_be_kept_back(town: World) -> None:
    town.heard(DeviceNote(device=CUFF, profile="sig-blood-pressure", bindings=(Binding(1, HANAKO),)))
    town.says(HANAKO, "care-share", granted=False, kind="pulse-rate")
    town.heard(measured(2, *PRESSURE, device=CUFF))
    town.push()
    assert [body["code"]["text"] for body in town.there().values()] == ["血圧"]


def test_what_was_measured_before_the_link_is_told_only_on_purpose(town: World) -> None:
    with write(town.engine) as connection:
        connection.execute(CARE_LINK.delete())
    town.heard(measured(1))
    with write(town.engine) as connection:
        link(connection, HANAKO, "hanako", NOW)
    fresh = measured(2, measured_at=NOW + timedelta(minutes=1), received_at=NOW + timedelta(minutes=1))
    town.now = NOW + timedelta(minutes=2)
    town.heard(fresh)
    town.push()
    assert list(statuses(town)) == [f"{fresh.id}.body-weight"]
    with write(town.engine) as connection:
        backfill(connection, Scope(network=NETWORK), [HANAKO], NOW - timedelta(days=30), town.clock())
    town.push()
    assert len(statuses(town)) == 2


def test_the_steps_of_a_day_are_told_when_the_day_is_over_and_amended_when_more_is_heard(town: World) -> None:
    counter = "d-stepsstepsss2"
    town.heard(DeviceNote(device=counter, profile="sig-body-composition", bindings=(Binding(1, HANAKO),)))
    noon = NOW.replace(hour=3)
    for hours, total in ((0, "1000"), (4, "5000")):
        at = noon + timedelta(hours=hours)
        town.now = at + timedelta(minutes=1)
        town.heard(
            measured(hours, Value("steps-total", total, "{steps}"), device=counter, measured_at=at, received_at=at)
        )
        town.push()
    assert town.there() == {}
    town.now = noon + timedelta(days=1)
    town.push()
    [(name, body)] = town.there().items()
    assert (name, body["valueQuantity"]["value"], body["status"]) == (f"{HANAKO}.steps-day.2026-11-21", 4000, "final")
    assert body["effectivePeriod"]["start"] == "2026-11-21T00:00:00+09:00"
    late = noon + timedelta(hours=8)
    town.heard(measured(9, Value("steps-total", "6500", "{steps}"), device=counter, measured_at=late, received_at=late))
    town.push()
    [body] = town.there().values()
    assert (body["valueQuantity"]["value"], body["status"]) == (5500, "amended")


def test_what_the_network_refuses_is_dead_with_its_words_and_holds_nobody_up(town: World) -> None:
    first, second = measured(1), measured(2)
    town.hospital.consents.change("hanako", given=False)
    town.heard(first)
    town.push()
    [dead] = town.rows()
    assert (dead.state, dead.code) == ("dead", "forbidden")
    assert "has not agreed" in (dead.outcome or "")
    town.hospital.consents.change("hanako", given=True)
    town.heard(second)
    town.push()
    assert list(statuses(town)) == [f"{second.id}.body-weight"]
    with write(town.engine) as connection:
        repo_push.change(connection, dead.seq, town.clock(), state="pending", due_at=town.now, attempts=0)
    town.push()
    assert len(statuses(town)) == 2


def test_a_resource_that_was_changed_over_there_is_read_again_and_keeps_what_they_added(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    town.push()
    [body] = town.there().values()
    remark = {"text": "外来で確認"}
    town.hospital.keep(body | {"note": [remark]})
    with write(town.engine) as connection:
        # What it says is corrected here, as a clock that turned out to be wrong would be.
        connection.execute(update(READING).where(READING.c.id == reading.id).values(time_quality="sequence"))
        repo_push.change(connection, 1, town.clock())
    town.move(reading, None)
    town.move(reading, HANAKO)
    town.push()
    [body] = town.there().values()
    assert body["status"] == "amended"
    assert remark in body["note"]
    assert len(body["note"]) == 2


def test_what_somebody_over_there_called_wrong_is_not_undone_without_a_person(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    town.push()
    [body] = town.there().values()
    town.hospital.keep(body | {"status": WRONG})
    with write(town.engine) as connection:
        connection.execute(update(READING).where(READING.c.id == reading.id).values(time_quality="sequence"))
    town.move(reading, None)
    town.move(reading, HANAKO)
    town.push()
    [row] = town.rows()
    assert (row.state, row.code) == ("dead", "withdrawn-there")


def test_nothing_leaves_about_somebody_who_died(town: World) -> None:
    town.heard(measured(1), measured(2, user_slot=2))
    with write(town.engine) as connection:
        person = repo_residents.get(connection, HANAKO)
        assert person is not None
        gone = msgspec.structs.replace(person, status="deceased", version=person.version + 1)
        assert repo_residents.edit(connection, gone, town.clock(), actor="desk", os_user="test") == gone
    town.push()
    assert [who for _, who in statuses(town).values()] == ["taro"]


def test_a_value_whose_answer_was_lost_before_a_refusal_is_taken_back_when_it_is_anothers(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    written = "PUT /fhir/Observation"
    town.hospital.faults.add(
        Fault(kind="drop", after=True, where=written), Fault(kind="status", status=422, where=written)
    )
    town.push()
    assert [(row.state, row.code) for row in town.rows()] == [("dead", "unprocessable")]
    assert list(statuses(town).values()) == [("final", "hanako")]
    town.move(reading, TARO)
    town.push()
    name = f"{reading.id}.body-weight"
    assert statuses(town) == {name: (WRONG, "hanako"), f"{name}.2": ("final", "taro")}


def test_an_id_that_the_server_named_wrongly_is_never_written_over(tmp_path: Path) -> None:
    with world(tmp_path, Make(update_create=False)) as town:
        first, second = measured(1), measured(2)
        town.heard(first, second)
        town.push()
        ids = {name: body["id"] for name, body in town.there().items()}
        with write(town.engine) as connection:
            # As if the answers of a batch had come in another order.
            for row, other in zip(town.rows(), reversed(town.rows()), strict=True):
                repo_push.change(connection, row.seq, town.clock(), remote_id=other.remote_id, version=other.version)
        town.move(first, TARO)
        town.push()
        name = f"{first.id}.body-weight"
        assert statuses(town)[name] == (WRONG, "hanako")
        assert statuses(town)[f"{second.id}.body-weight"] == ("final", "hanako")
        assert town.there()[name]["id"] == ids[name]


def test_an_answer_about_something_else_is_no_word_about_the_value(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    # It leaves once, and its answer is lost; then it is somebody else's, and the network is asked what it has.
    town.hospital.faults.add(Fault(kind="redirect", where="GET /fhir/Observation"))
    pusher = town.pusher()
    with pusher.client:
        pusher.plan()
        pusher.round()
        town.hospital.faults.add(Fault(kind="drop", after=True, where="PUT /fhir/Observation"))
        pusher.round()
    town.move(reading, TARO)
    town.push()
    assert town.hospital.faults.left() == 0
    name = f"{reading.id}.body-weight"
    assert statuses(town) == {name: (WRONG, "hanako"), f"{name}.2": ("final", "taro")}


def test_copies_that_are_over_there_already_are_taken_back_but_for_the_oldest(tmp_path: Path) -> None:
    with world(tmp_path, Make(update_create=False)) as town:
        reading = measured(1)
        town.heard(reading)
        town.push()
        [body] = town.there().values()
        copies = [town.hospital.keep({name: said for name, said in body.items() if name != "id"}) for _ in range(2)]
        with write(town.engine) as connection:
            # As after a crash that came before the answer was written down.
            [row] = town.rows()
            repo_push.change(
                connection, row.seq, NOW, state="sent", says=None, remote_id=None, version=None, due_at=NOW
            )
        town.push()
        [row] = town.rows()
        assert (row.state, row.remote_id) == ("confirmed", body["id"])
        found = {one.id: one.body["status"] for one in town.hospital.records.all("Observation")}
        assert found == {body["id"]: "final", copies[0].id: WRONG, copies[1].id: WRONG}
        assert town.audited("bridge-duplicate") == [HANAKO]


def test_a_device_that_is_refused_holds_its_values_back_until_it_is_taken(town: World) -> None:
    town.hospital.faults.add(Fault(kind="status", status=422, where="POST /fhir$|PUT /fhir/Device", times=3))
    town.heard(measured(1), measured(2))
    pusher = town.pusher()
    with pusher.client:
        pusher.plan()
        for _ in range(4):
            pusher.round()
        # The reading behind it is due, but nothing can leave before the device may be tried again.
        assert (pusher.round().wait or 0) > 500
    assert town.there() == {}
    with write(town.engine) as connection:
        dead = repo_push.dead(connection, NETWORK)
        assert {(row.type, row.code) for row in dead} == {("Device", "unprocessable")}
        for row in dead:
            repo_push.change(connection, row.seq, town.now, state="pending", due_at=town.now, attempts=0)
    town.now += timedelta(minutes=11)
    town.push()
    assert len(town.there()) == 2


def test_a_link_to_a_stranger_takes_everything_back_that_was_told_by_it(town: World) -> None:
    reading = measured(1)
    town.heard(reading)
    town.push()
    with write(town.engine) as connection:
        ended = {"state": "ended", "reason": "wrong-person"}
        connection.execute(update(CARE_LINK).where(CARE_LINK.c.resident_id == HANAKO).values(ended))
        owe_residents(connection, [HANAKO], town.clock())
    town.push()
    assert list(statuses(town).values()) == [(WRONG, "hanako")]


def test_with_test_patients_only_those_are_exchanged(town: World) -> None:
    town.test_patients = frozenset({"taro"})
    town.heard(measured(1), measured(2, user_slot=2))
    town.push()
    assert [who for _, who in statuses(town).values()] == ["taro"]


def test_of_a_device_nothing_leaves_before_its_earlier_reading_arrived(town: World) -> None:
    readings = [measured(number) for number in range(8)]
    town.heard(*reversed(readings))
    # The first Observation is refused again and again; those behind it wait.
    town.hospital.faults.add(Fault(kind="status", status=503, where="POST /fhir$", times=6))
    town.push()
    order = [place.split("/")[1] for place in town.hospital.ledger.writes("Observation")]
    at = {body["id"]: body["effectiveDateTime"] for body in town.there().values()}
    assert [at[one] for one in order] == sorted(at.values())
    assert len(order) == 8


def test_two_bridges_never_claim_the_same(store: Engine) -> None:
    furnish(store)
    town = World(store, "http://127.0.0.1:9/nobody")
    with write(store) as connection:
        for resident, patient in ((HANAKO, "hanako"), (TARO, "taro")):
            link(connection, resident, patient)
            share(connection, resident)
    notes = [
        DeviceNote(device=f"d-{letter * 13}", profile="sig-weight", bindings=(Binding(1, HANAKO),)) for letter in "abcd"
    ]
    town.heard(*notes, *(measured(n, device=note.device) for n, note in enumerate(notes)))
    scope, ways = Scope(network=NETWORK), {"Observation": "put", "Device": "put"}
    with write(store) as connection:
        pay(connection, scope, NOW)
        devices = claim(connection, scope, ways, PACE, NOW)  # type: ignore[arg-type]
        for parcel in devices:
            repo_push.change(connection, parcel.row.seq, NOW, state="confirmed", digest=parcel.digest)
        assert {one.row.type for one in devices} == {"Device"}
    seen: list[int] = []
    slower = msgspec.structs.replace(PACE, entries=2)
    for _ in range(3):
        with write(store) as connection:
            seen += [one.row.seq for one in claim(connection, scope, ways, slower, NOW)]  # type: ignore[arg-type]
    assert len(seen) == len(set(seen)) == 4
    with write(store) as connection:
        # What was on its way when its bridge died is asked again when its time is over.
        later = NOW + timedelta(seconds=PACE.lease)
        assert len(claim(connection, scope, ways, PACE, later)) == 4  # type: ignore[arg-type]
