"""Residents, homes, gateways, devices and consents in the store, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine

from engine.consent import permits
from engine.contract.wire import Binding, DeviceNote, Health, State
from engine.refusal import Refusal
from engine.store import audit, repo_consents, repo_devices, repo_gateways, repo_places, repo_residents
from engine.store.database import read, write
from engine.store.households import change_token, households_of
from tests.flow.store_rows import YES
from tests.flow.stores import ELSEWHERE, HANAKO, HOME, LATER, NOW, TARO, home, store

__all__ = ["home", "store"]
pytestmark = pytest.mark.flow
SCALE = "d-aaaaaaaaaaaaa"
NOTE = DeviceNote(device=SCALE, profile="sig-body-composition", maker="A&D", serial="1", battery=80)


def test_a_resident_comes_back_exactly_as_stored(home: Engine) -> None:
    full = msgspec.structs.replace(
        HANAKO, id="r-ccccccccccccc", family_name="邊󠄂", height_cm=Decimal("152.50"), height_on=date(2026, 1, 2),
        address="酒田市本町", phone="0234-22-1234", insured_number="01234567", emergency_contact="太郎", channel="letter",
    )  # fmt: skip
    with write(home) as connection:
        repo_residents.add(connection, full, NOW, actor="desk", os_user="tester")
    with read(home) as connection:
        assert repo_residents.get(connection, full.id) == full
        assert str(full.height_cm) == str(repo_residents.get(connection, full.id).height_cm) == "152.50"  # type: ignore[union-attr]
        assert repo_residents.get(connection, "r-none") is None


def test_an_edit_needs_the_version_it_was_made_from(home: Engine) -> None:
    changed = msgspec.structs.replace(HANAKO, alias="Hana", version=2)
    with write(home) as connection:
        assert repo_residents.edit(connection, changed, LATER, actor="desk", os_user="tester") == changed
    with write(home) as connection:
        late = repo_residents.edit(connection, changed, LATER, actor="desk", os_user="tester")
        nobody = msgspec.structs.replace(changed, id="r-none")
        gone = repo_residents.edit(connection, nobody, LATER, actor="desk", os_user="tester")
    assert late == repo_residents.Conflict(HANAKO.id, 1, 2)
    assert gone == repo_residents.Conflict("r-none", 1, None)


@pytest.mark.parametrize("typed", ["高橋", "髙橋花子", "たかはし", "ﾀｶﾊｼ ﾊﾅｺ", "はな"])
def test_a_person_is_found_however_the_name_is_typed(home: Engine, typed: str) -> None:
    with read(home) as connection:
        assert repo_residents.search(connection, typed) == [HANAKO]


@pytest.mark.parametrize("typed", ["吉田太", "taro", "ＴＡＲＯ"])
def test_variants_and_aliases_are_found(home: Engine, typed: str) -> None:
    with read(home) as connection:
        assert repo_residents.search(connection, typed) == [TARO]


@pytest.mark.parametrize("typed", ["%", "_", "", " ", "子|タ", "\\"])
def test_nobody_is_found_by_characters_that_mean_something_to_the_database(home: Engine, typed: str) -> None:
    with read(home) as connection:
        assert repo_residents.search(connection, typed) == []


def test_people_are_listed_in_the_order_of_their_kana(home: Engine) -> None:
    first = msgspec.structs.replace(HANAKO, id="r-ccccccccccccc", family_kana="アベ")
    with write(home) as connection:
        repo_residents.add(connection, first, NOW, actor="desk", os_user="tester")
    with read(home) as connection:
        assert repo_residents.listed(connection) == [first, HANAKO, TARO]
        assert repo_residents.listed(connection, household=ELSEWHERE) == [TARO]
        assert repo_residents.listed(connection, status="moved") == []


def test_a_gateway_stays_in_its_household(home: Engine) -> None:
    moved = repo_places.Gateway(id="g-aaaaaaaaaaaaa", household_id=ELSEWHERE)
    nowhere = repo_places.Gateway(id="g-bbbbbbbbbbbbb", household_id="h-none")
    labelled = repo_places.Gateway(id="g-aaaaaaaaaaaaa", household_id=HOME, label="居間")
    with write(home) as connection:
        codes = [repo_places.enrol_gateway(connection, gateway, NOW) for gateway in (moved, nowhere, labelled)]
    with read(home) as connection:
        assert repo_places.gateways(connection, HOME) == [labelled]
    assert [code and code.code for code in codes] == ["elsewhere", "unknown-household", None]


def test_a_household_needs_a_known_municipality_and_a_new_id(home: Engine) -> None:
    with write(home) as connection:
        unknown = repo_places.Household(id="h-ccccccccccccc", municipality_code="131016")
        again = repo_places.Household(id=HOME, municipality_code="062049")
        refusals = [repo_places.add_household(connection, household, NOW) for household in (unknown, again)]
    assert [refusal and refusal.code for refusal in refusals] == ["unknown-municipality", "exists"]


def test_a_device_keeps_what_a_later_note_leaves_out(home: Engine) -> None:
    with write(home) as connection:
        assert repo_devices.note(connection, HOME, NOTE, NOW) == repo_devices.Noted(True)
        told = DeviceNote(device=SCALE, profile="sig-body-composition", firmware="1.0.3", battery=70)
        assert repo_devices.note(connection, HOME, told, LATER) == repo_devices.Noted(False)
    with read(home) as connection:
        (found,) = repo_devices.devices(connection, HOME)
    assert (found.maker, found.serial, found.firmware, found.battery) == ("A&D", "1", "1.0.3", 70)
    assert (found.first_seen, found.last_seen) == (NOW, LATER)


def test_a_text_that_the_device_padded_with_nul_is_stored_without(home: Engine) -> None:
    with write(home) as connection:
        repo_devices.note(connection, HOME, msgspec.structs.replace(NOTE, model="UC-352\0\0"), NOW)
    with read(home) as connection:
        assert repo_devices.devices(connection)[0].model == "UC-352"


def test_a_slot_is_given_only_to_who_lives_there(home: Engine) -> None:
    bindings = (Binding(1, HANAKO.id), Binding(2, TARO.id), Binding(3, "r-none"), Binding(None, HANAKO.id))
    with write(home) as connection:
        noted = repo_devices.note(connection, HOME, msgspec.structs.replace(NOTE, bindings=bindings), NOW)
    assert isinstance(noted, repo_devices.Noted)
    assert [(item.slot, reason.code) for item, reason in noted.refused] == [
        (2, "not-in-household"),
        (3, "unknown-resident"),
    ]
    with read(home) as connection:
        (found,) = repo_devices.devices(connection)
    assert found.bindings == (Binding(None, HANAKO.id), Binding(1, HANAKO.id))


def test_a_device_of_another_household_is_not_taken_over(home: Engine) -> None:
    with write(home) as connection:
        repo_devices.note(connection, ELSEWHERE, NOTE, NOW)
        refused = repo_devices.note(connection, HOME, NOTE, NOW)
    assert isinstance(refused, Refusal)
    assert refused.code == "elsewhere"


@pytest.mark.parametrize("change", [{"household_id": ELSEWHERE}, {"household_id": None}, {"status": "moved"}])
def test_who_moves_out_gives_up_the_slots_left_behind(home: Engine, change: dict[str, str | None]) -> None:
    bound = msgspec.structs.replace(NOTE, bindings=(Binding(1, HANAKO.id),))
    with write(home) as connection:
        repo_devices.note(connection, HOME, bound, NOW)
        gone = msgspec.structs.replace(HANAKO, version=2, **change)
        repo_residents.edit(connection, gone, LATER, actor="desk", os_user="tester")
        again = repo_devices.note(connection, HOME, bound, LATER)
    assert isinstance(again, repo_devices.Noted)
    assert [reason.code for _, reason in again.refused] == ["not-in-household"]
    with read(home) as connection:
        assert repo_devices.devices(connection)[0].bindings == ()


def test_what_a_gateway_said_last_is_kept_state_and_health_apart(home: Engine) -> None:
    health = Health(version="0.1.0", at=NOW, uptime=5.0, journal=3)
    with write(home) as connection:
        repo_gateways.note(connection, "g-aaaaaaaaaaaaa", State(state="ready"), NOW)
        repo_gateways.note(connection, "g-aaaaaaaaaaaaa", health, LATER)
        repo_gateways.note(connection, "g-bbbbbbbbbbbbb", health, LATER)
        repo_gateways.note(connection, "g-bbbbbbbbbbbbb", State(state="lost"), LATER)
    with read(home) as connection:
        told = repo_gateways.told(connection)
    assert [item.state for item in told.values()] == ["ready", "lost"]
    assert {item.health["journal"] for item in told.values()} == {3}
    assert {item.at for item in told.values()} == {LATER}


def test_consent_is_appended_numbered_and_read_back(home: Engine) -> None:
    no = msgspec.structs.replace(YES, granted=False, until=None, at=LATER)
    with write(home) as connection:
        first = repo_consents.append(connection, YES, os_user="tester")
        second = repo_consents.append(connection, no, os_user="tester")
    with read(home) as connection:
        events = repo_consents.history(connection, HANAKO.id)
        assert repo_consents.events_of(connection, [TARO.id, HANAKO.id], "advice") == {}
    assert events == [first, second] == [msgspec.structs.replace(e, seq=n) for n, e in ((1, YES), (2, no))]
    assert permits(events, "record", None, "body-weight", NOW).granted
    assert permits(events, "record", None, "body-weight", LATER).code == "withdrawn"


def test_every_change_of_people_moves_the_token_and_what_intake_knows(home: Engine) -> None:
    with write(home) as connection:
        tokens = [change_token(connection)]
        repo_consents.append(connection, YES, os_user="tester")
        tokens.append(change_token(connection))
        repo_devices.note(connection, HOME, msgspec.structs.replace(NOTE, bindings=(Binding(1, HANAKO.id),)), NOW)
        tokens.append(change_token(connection))
        repo_devices.note(connection, HOME, NOTE, LATER)
        tokens.append(change_token(connection))
        known = households_of(connection, ["g-aaaaaaaaaaaaa", "g-none"], NOW + timedelta(hours=2))
    assert tokens[0] < tokens[1] < tokens[2] == tokens[3]
    assert set(known) == {"g-aaaaaaaaaaaaa"}
    assert known["g-aaaaaaaaaaaaa"].id == HOME


def test_the_audit_of_people_holds_ids_and_no_names(home: Engine) -> None:
    with write(home) as connection:
        repo_consents.append(connection, YES, os_user="tester")
    with read(home) as connection:
        links = audit.entries(connection)
        assert audit.verify(connection) is None
    assert [(link.action, link.subject) for link in links] == [
        ("resident-add", HANAKO.id),
        ("resident-add", TARO.id),
        ("consent-grant", HANAKO.id),
    ]
    words = str([msgspec.structs.asdict(link) for link in links])
    assert not any(name in words for name in ("髙橋", "花子", "タカハシ", "1946", "body-weight"))
