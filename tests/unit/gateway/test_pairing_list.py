"""What a pairing writes down: slots, PINs, bodies, the former self of a device, and who owns the home meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import MappingProxyType

import msgspec
import pytest
from msgspec.structs import replace

from engine.contract.wire import Binding, DeviceNote, encode
from firmware_profiles.model import Body, Pairing
from gateway.devices import DeviceError, Devices, Newcomer, entry, prove, with_slot
from gateway.lock import HomeLock, HomeTaken
from gateway.pairing_list import HOLD, accept, disown, enlist, merge_twin, restore, seat_again, turn_away
from gateway.pairing_model import Enlist, Family, Seat
from gateway.pairing_watch import Moment

HOUSE, HANAKO, TARO = "h-aaaaaaaaaaaaa", "r-hanakohanako2", "r-tarotarotaro3"
OLD, NEW = "C0:26:DF:01:E2:3A", "C0:26:DF:01:E2:3B"
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
SIMPLE = Family(id="sig-weight", label="A")
REGISTERS = Family(id="beurer-consent", label="B", pairing=Pairing(slots=8, register=True), pins=True)
KEYED = Family(id="omron-hbf-memory", label="C", pairing=Pairing(slots=4, key=True))
BODY = Body(height=Decimal("152.5"), sex="female")


class Source(msgspec.Struct):
    household: str | None = HOUSE
    bodies: Mapping[str, Body] = MappingProxyType({HANAKO: BODY})
    rng: Random = msgspec.field(default_factory=lambda: Random(3))
    call: Callable[[Sequence[str], Family | None], str | None] = lambda owners, _: "+".join(owners) or None


def plan(*residents: str, family: Family = SIMPLE, **more: object) -> Enlist:
    return msgspec.structs.replace(Enlist(address=OLD, family=family.id, residents=residents), **more)


def test_one_person_s_device_is_wholly_theirs_and_a_shared_one_without_slots_is_nobody_s_by_name() -> None:
    alone = enlist(plan(HANAKO), None, Source(), NOW, SIMPLE)
    assert (alone.bindings, alone.bodies) == ((Binding(None, HANAKO),), {})
    assert (alone.paired_at, alone.proven_at, alone.held_until) == (NOW, None, NOW + HOLD)
    assert enlist(plan(HANAKO, TARO), None, Source(), NOW, SIMPLE).bindings == ()


def test_who_waits_for_a_slot_has_a_pin_and_becomes_its_owner_when_the_device_gives_it() -> None:
    waiting = enlist(plan(HANAKO, TARO, family=REGISTERS), None, Source(), NOW, REGISTERS)
    assert [newcomer.resident for newcomer in waiting.waiting] == [HANAKO, TARO]
    assert len({newcomer.pin for newcomer in waiting.waiting}) == 2
    first, second = waiting.waiting
    given = with_slot(with_slot(waiting, first, 3), second, 4)
    assert given.bindings == (Binding(3, HANAKO), Binding(4, TARO))
    assert given.pins == {3: first.pin, 4: second.pin}
    assert (given.bodies, given.waiting) == ({3: BODY}, ())


def test_a_single_person_keeps_the_whole_device_until_it_gives_them_a_slot() -> None:
    waiting = enlist(plan(HANAKO, family=REGISTERS), None, Source(), NOW, REGISTERS)
    assert waiting.bindings == (Binding(None, HANAKO),)
    assert with_slot(waiting, waiting.waiting[0], 2).bindings == (Binding(2, HANAKO),)


def test_numbers_people_have_on_the_device_are_taken_as_typed() -> None:
    seats = (Seat(HANAKO, 1, 42), Seat(TARO, 2, None))
    listed = enlist(plan(HANAKO, TARO, seats=seats), None, Source(), NOW, SIMPLE)
    assert listed.bindings == (Binding(1, HANAKO), Binding(2, TARO))
    assert (listed.pins, listed.bodies, listed.waiting) == ({1: 42}, {}, ())


def test_a_body_is_kept_beside_a_device_only_when_its_dialogue_needs_it() -> None:
    needs = msgspec.structs.replace(SIMPLE, pairing=Pairing(bodies=True))
    assert enlist(plan(HANAKO), None, Source(), NOW, needs).bodies == {1: BODY}


def test_a_device_whose_key_we_make_up_gets_a_random_one_and_keeps_it_when_paired_anew() -> None:
    listed = enlist(plan(HANAKO, family=KEYED), None, Source(), NOW, KEYED)
    assert listed.key is not None
    assert len(bytes.fromhex(listed.key)) == 16
    again = enlist(plan(family=KEYED, again=True), listed, Source(), NOW + HOLD, KEYED)
    assert (again.key, again.id, again.bindings) == (listed.key, listed.id, listed.bindings)
    assert again.paired_at == NOW + HOLD


def test_a_scale_that_forgot_its_users_is_asked_for_new_slots_under_the_old_pins() -> None:
    known = replace(
        entry(OLD, REGISTERS.id, household=HOUSE), bindings=(Binding(1, HANAKO),), pins={1: 42}, bodies={1: BODY}
    )
    renewed = enlist(plan(family=REGISTERS, again=True), known, Source(), NOW, REGISTERS, forgotten=True)
    assert renewed.waiting == (Newcomer(resident=HANAKO, pin=42, body=BODY),)
    assert (renewed.bindings, renewed.pins) == ((), {})


def test_a_yes_proves_and_frees_a_no_disowns_and_an_end_without_either_is_nobody_s() -> None:
    held = enlist(plan(HANAKO), None, Source(), NOW, SIMPLE)
    first, last = NOW + timedelta(seconds=9), NOW + timedelta(seconds=10)
    yes = accept(held, Moment(first, last, NOW + timedelta(seconds=3)))
    assert (yes.proven_at, yes.held_until, yes.disowned_until) == (first, None, NOW + timedelta(seconds=3))
    assert disown(held, Moment(first, last)).disowned_until == last
    away = turn_away(held, last)
    assert (away.proven_at, away.held_until, away.disowned_until) == (None, None, last)
    # Paired anew in vain: as it was, but what somebody said no to stays nobody's.
    assert restore(yes, disown(held, Moment(first, last))) == replace(yes, disowned_until=last)
    assert restore(yes, held) == yes
    assert prove(yes, last).proven_at == first


def test_a_slot_given_in_an_earlier_try_is_not_given_twice() -> None:
    first = with_slot(
        enlist(plan(HANAKO, TARO, family=REGISTERS), None, Source(), NOW, REGISTERS),
        Newcomer(resident=HANAKO, pin=42),
        3,
    )
    second = seat_again(enlist(plan(HANAKO, TARO, family=REGISTERS), None, Source(), NOW, REGISTERS), first)
    assert (second.bindings, second.pins) == ((Binding(3, HANAKO),), {3: 42})
    assert [newcomer.resident for newcomer in second.waiting] == [TARO]
    # Another person is not seated on somebody else's slot.
    assert seat_again(enlist(plan(TARO, family=REGISTERS), None, Source(), NOW, REGISTERS), first).pins == {}


def test_the_same_serial_number_at_a_new_address_is_the_same_device_with_a_new_battery(tmp_path: Path) -> None:
    devices = Devices(tmp_path)
    twin = replace(
        entry(OLD, "sig-weight", household=HOUSE, resident=TARO, slot=2, pin=7), name="体重計", reads={"count": "steps"}
    )
    devices.add(twin)
    other = devices.add(entry("C0:26:DF:01:E2:3C", "sig-weight", household=HOUSE))
    fresh = devices.add(entry(NEW, "sig-weight", household=HOUSE, resident=HANAKO))
    notes = {
        one.id: encode(DeviceNote(device=one.id, profile="sig-weight", serial=serial))
        for one, serial in ((twin, "123"), (fresh, "123"), (other, "999"))
    }
    merged = merge_twin(devices, fresh, notes.get)
    assert {item.address for item in devices.load()} == {NEW, other.address}
    assert (merged.name, merged.reads, merged.pins) == ("体重計", {"count": "steps"}, {2: 7})
    assert merged.bindings == (Binding(None, HANAKO), Binding(2, TARO))
    assert merge_twin(devices, merged, lambda _: b"nonsense") == merged


def test_a_device_is_called_after_its_people_once_and_keeps_its_name_when_paired_anew() -> None:
    fresh = enlist(plan(HANAKO), None, Source(), NOW, SIMPLE)
    assert fresh.name == HANAKO
    assert enlist(plan(HANAKO, TARO), None, Source(), NOW, SIMPLE).name == f"{HANAKO}+{TARO}"
    assert enlist(plan(again=True), replace(fresh, name="風呂場"), Source(), NOW, SIMPLE).name == "風呂場"
    assert enlist(plan(again=True), replace(fresh, name=None), Source(), NOW, SIMPLE).name == HANAKO


def test_a_device_known_again_by_its_serial_number_keeps_the_name_the_household_knows(tmp_path: Path) -> None:
    devices = Devices(tmp_path)
    devices.add(replace(entry(OLD, "sig-weight", household=HOUSE), name="花子の体重計"))
    fresh = devices.add(replace(entry(NEW, "sig-weight", household=HOUSE), name="花子の体重計2"))
    serial = encode(DeviceNote(device=fresh.id, profile="sig-weight", serial="123"))
    assert merge_twin(devices, fresh, lambda _: serial).name == "花子の体重計"


def test_a_name_is_one_short_line_that_no_other_device_has(tmp_path: Path) -> None:
    devices = Devices(tmp_path)
    one, two = devices.add(entry(OLD, "sig-weight")), devices.add(entry(NEW, "sig-weight"))
    renamed = devices.rename(one.id, "花子の体重計")
    assert renamed is not None
    assert devices.find("花子の体重計") == renamed
    for name, code in (("花子の体重計", "name-taken"), ("", "bad-name"), ("x" * 41, "bad-name"), ("a\x7f", "bad-name")):
        with pytest.raises(DeviceError) as failure:
            devices.rename(two.id, name)
        assert failure.value.code == code
    assert devices.rename("nothing", "x") is None


def test_forgetting_a_person_also_forgets_that_they_wait_for_a_slot(tmp_path: Path) -> None:
    devices = Devices(tmp_path)
    devices.add(enlist(plan(HANAKO, TARO, family=REGISTERS), None, Source(), NOW, REGISTERS))
    assert devices.forget_resident(HANAKO) == 1
    assert [newcomer.resident for newcomer in devices.load()[0].waiting] == [TARO]


def test_a_home_has_one_owner_at_a_time_and_is_free_when_that_one_ends(tmp_path: Path) -> None:
    with HomeLock(tmp_path).take("gateway"):
        with pytest.raises(HomeTaken) as taken:
            HomeLock(tmp_path).take("pairing")
        assert (taken.value.code, taken.value.owner) == ("gateway-running", "gateway")
    with HomeLock(tmp_path).take("pairing"), pytest.raises(HomeTaken) as taken:
        HomeLock(tmp_path).take("gateway")
    assert taken.value.code == "pairing-now"
