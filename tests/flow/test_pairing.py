"""Pairing over a real Bluetooth stack: from a device in the room to the first reading of the person who uses it."""

from __future__ import annotations

import asyncio
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from cli.pair_answers import Wish
from engine.contract.reading import Reading
from gateway import pairing as machine
from gateway import pairing_run, pairing_watch, service
from gateway.devices import Devices, entry
from gateway.lock import HomeLock
from gateway.pairing_model import Again, Chose, ForPeople, Yes
from tests.flow.device_home import device, gateway, home, weights
from tests.flow.pairing_home import HANAKO, TARO, pairing, readings, tally

pytestmark = pytest.mark.flow
HERS = Wish(residents=(HANAKO,), implants="no", yes=True)


@pytest.fixture(autouse=True)
def _no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """One device on the air: nobody else has to be waited for, and virtual devices are quick."""
    monkeypatch.setattr(machine, "SETTLE", 0.1)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.1)
    monkeypatch.setattr(pairing_run, "TICK", 0.05)
    monkeypatch.setattr(service, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(pairing_watch, "QUIET", timedelta(seconds=0.3))


def kilograms(found: list[Reading]) -> list[str]:
    return [value.value for reading in found for value in reading.values if value.kind == "body-weight"]


async def test_a_scale_is_paired_by_weighing_once_and_the_records_of_its_last_owner_are_left_aside(
    tmp_path: Path,
) -> None:
    scale = device("weight-scale", records=weights(3))
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, HERS) as paired:
        await paired.until("proof")
        assert readings_waiting(tmp_path) == 0
        await air.ask("weigh", "it", values={"weight": "62.30"})
        final = await paired.end()
    assert (final.phase, final.aside, final.battery) == ("done", 3, 80)
    (reading,) = readings(tmp_path / "g")
    assert kilograms([reading]) == ["62.30"]
    listed = paired.listed()
    assert reading.device == listed.id
    assert [(binding.slot, binding.resident) for binding in listed.bindings] == [(None, HANAKO)]
    assert listed.proven_at is not None
    assert listed.paired_at is not None
    assert (listed.held_until, listed.waiting) == (None, ())
    assert tally(tmp_path / "g") == {"frame:before-pairing": 3}


def readings_waiting(tmp_path: Path) -> int:
    from gateway.journal_peek import peek

    depth = peek(tmp_path / "g" / "journal.sqlite")
    return depth.waiting if depth else 0


async def test_two_people_get_a_slot_each_under_pins_that_only_the_device_list_knows(tmp_path: Path) -> None:
    scale = device("consent-scale", profile="beurer-consent", local_name="BF720")
    both = Wish(residents=(HANAKO, TARO), implants="no", yes=True)
    async with home(tmp_path / "air", scale) as air:
        async with pairing(tmp_path / "g", air, both) as paired:
            await paired.until("proof")
            values = {"weight": "62.30", "body_fat_percentage": "31.5", "impedance": "512.3"}
            await air.ask("measure", "it", values=values, slot=1)
            assert (await paired.end()).phase == "done"
        listed = paired.listed()
        assert [(binding.slot, binding.resident) for binding in listed.bindings] == [(1, HANAKO), (2, TARO)]
        assert listed.pins.keys() == {1, 2}
        assert listed.bodies[1].height is not None
        assert stat.S_IMODE((tmp_path / "g" / "devices.json").stat().st_mode) == 0o600
        (reading,) = readings(tmp_path / "g")
        assert {value.kind for value in reading.values} == {"body-weight", "body-fat", "impedance"}
        # The next gateway opens both slots with the PINs kept, without a person.
        await air.ask("measure", "it", values={"weight": "81.00", "body_fat_percentage": "24.0"}, slot=2)
        async with gateway(tmp_path / "g", air) as ears:
            found = await ears.count(2)
            assert [item.user_slot for item in found] == [1, 2]


async def test_with_an_unknown_implant_a_broadcasting_scale_tells_its_weight_only_and_not_who_woke_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "SETTLE", 1.5)
    scale = device("xiaomi-scale", aired=1.5)
    careful = Wish(residents=(HANAKO,), implants="unknown", yes=True)
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, careful) as paired:
        # The helper steps on to wake it.
        helper = asyncio.create_task(air.ask("weigh", "it", values={"weight": "75.00"}))
        await paired.until("join")
        await helper
        await air.ask("measure", "it", values={"weight": "62.30", "impedance": "500"})
        final = await paired.end()
    assert (final.phase, final.implants) == ("done", "unknown")
    assert paired.listed().weight_only
    found = readings(tmp_path / "g")
    assert kilograms(found) == ["62.30"]
    assert {value.kind for reading in found for value in reading.values} == {"body-weight"}


@pytest.mark.parametrize(("pin", "phase", "code"), [("2222", "stopped", "slot-refused"), ("1111", "done", "")])
async def test_a_number_made_on_the_scale_is_opened_by_its_code_and_by_no_other(
    tmp_path: Path, pin: str, phase: str, code: str
) -> None:
    scale = device("body-composition-scale", pins={1: 1111}, asleep=True)
    seated = Wish(residents=(HANAKO,), implants="no", yes=True, slot=1, pin=pin)
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, seated, numbered=True) as paired:
        await air.ask("measure", "it", values={"weight": "62.30", "body_fat_percentage": "31.5"}, slot=1)
        final = await paired.end()
    assert (final.phase, final.code) == (phase, code)
    assert len(readings(tmp_path / "g")) == (phase == "done")
    assert [entry.pins for entry in Devices(tmp_path / "g").load()] == ([{1: 1111}] if phase == "done" else [])


async def test_a_value_far_from_the_person_is_nobody_s_and_with_nobody_to_ask_the_pairing_ends(tmp_path: Path) -> None:
    scale = device("weight-scale")
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, HERS) as paired:
        await paired.until("proof")
        await air.ask("weigh", "it", values={"weight": "95.00"})
        final = await paired.end()
    assert (final.phase, final.code) == ("stopped", "wrong-person")
    assert "is-it-you" in paired.helper.phases
    assert readings(tmp_path / "g") == []
    assert tally(tmp_path / "g") == {"frame:before-pairing": 1}


async def test_a_person_who_says_that_it_is_them_is_believed(tmp_path: Path) -> None:
    scale = device("weight-scale")
    async with (
        home(tmp_path / "air", scale) as air,
        pairing(tmp_path / "g", air, HERS, answers={"is-it-you": Yes()}) as paired,
    ):
        await paired.until("proof")
        await air.ask("weigh", "it", values={"weight": "95.00"})
        assert (await paired.end()).phase == "done"
    assert kilograms(readings(tmp_path / "g")) == ["95.00"]


async def test_a_scale_without_a_clock_is_proven_by_what_it_shows_now(tmp_path: Path) -> None:
    scale = device("weight-scale", stuck=True, records=weights(2))
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, HERS, answers={}) as paired:
        # Its old records have no date either: the first no is the person's, who sees another number on the scale.
        paired.helper.wish = Wish(residents=(HANAKO,), implants="no")
        paired.helper.answers |= {"choose": Chose(scale.address)}
        await paired.until("is-it-now")
        final = await paired.end()
        assert paired.helper.missing == "--yes"
    assert final.phase == "stopped"
    assert readings(tmp_path / "g") == []
    # With a person's yes to the number the scale shows, that one is theirs, and those before it are not.
    async with home(tmp_path / "air2", scale) as air, pairing(tmp_path / "g2", air, HERS) as paired:
        assert (await paired.end()).phase == "done"
    assert kilograms(readings(tmp_path / "g2")) == ["60.1"] or kilograms(readings(tmp_path / "g2")) == ["60.10"]


async def test_a_running_gateway_does_the_visiting_and_files_the_proof_after_the_yes(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(2), asleep=True)
    folder = tmp_path / "g"
    async with home(tmp_path / "air", scale) as air:
        folder.mkdir()
        # A list that is not empty keeps the harness from listing the scale itself.
        Devices(folder).add(entry("F0:00:00:00:00:99", "sig-weight"))
        with HomeLock(folder).take("gateway"):
            async with gateway(folder, air) as ears, pairing(folder, air, HERS) as paired:
                await air.ask("wake", "it")
                await paired.until("proof")
                assert ears.readings() == []
                await air.ask("weigh", "it", values={"weight": "62.30"})
                assert (await paired.end()).phase == "done"
                assert kilograms(await ears.count(1)) == ["62.30"]
                assert ears.journal.tally()["frame:before-pairing"] == 2


async def test_paired_anew_after_a_battery_change_it_keeps_its_name_and_its_people(tmp_path: Path) -> None:
    scale = device("weight-scale", secured=True)
    async with home(tmp_path / "air", scale) as air:
        async with pairing(tmp_path / "g", air, HERS) as paired:
            await paired.until("proof")
            await air.ask("weigh", "it", values={"weight": "62.30"})
            await paired.end()
        Devices(tmp_path / "g").rename(paired.listed().id, "花子の体重計")
        before = paired.listed()
        async with pairing(tmp_path / "g", air, HERS) as refused:
            await air.ask("wake", "it")
            assert ((await refused.end()).code, refused.listed()) == ("already-paired", before)
        async with pairing(tmp_path / "g", air, Wish(yes=True, again=True), answers={"failed": Again()}) as renewed:
            await air.ask("wake", "it")
            await renewed.until("join")
            await air.ask("weigh", "it", values={"weight": "62.50"})
            assert (await renewed.end()).phase == "done"
    after = renewed.listed()
    assert (after.id, after.name, after.bindings) == (before.id, "花子の体重計", before.bindings)
    assert after.paired_at is not None
    assert before.paired_at is not None
    assert after.paired_at > before.paired_at
    assert kilograms(readings(tmp_path / "g")) == ["62.30", "62.50"]


async def test_a_scale_that_lets_no_new_partner_in_says_so_and_nothing_is_listed(tmp_path: Path) -> None:
    scale = device("weight-scale", secured=True, pairable=False)
    async with home(tmp_path / "air", scale) as air, pairing(tmp_path / "g", air, HERS) as paired:
        final = await paired.end()
    assert (final.phase, final.code) == ("stopped", "phone-holds-bond")
    assert Devices(tmp_path / "g").load() == ()


async def test_a_device_that_goes_silent_after_the_yes_is_not_listed(tmp_path: Path) -> None:
    scale = device("xiaomi-scale", aired=0.5)
    async with (
        home(tmp_path / "air", scale) as air,
        pairing(tmp_path / "g", air, HERS, proof_seconds=1.5) as paired,
    ):
        await air.ask("weigh", "it", values={"weight": "62.30"})
        final = await paired.end()
    assert (final.code, Devices(tmp_path / "g").load()) == ("stepped-off", ())


async def test_without_an_air_there_is_no_bluetooth_and_somebody_else_pairing_is_waited_for(tmp_path: Path) -> None:
    scale = device("weight-scale", asleep=True)
    async with home(tmp_path / "air", scale) as air:
        (tmp_path / "g").mkdir()
        with HomeLock(tmp_path / "g").take("pairing"):
            async with pairing(tmp_path / "g", air, HERS) as second:
                assert (await second.end()).code == "pairing-now"
        async with pairing(tmp_path / "g", air, HERS, search_seconds=0.5) as nothing:
            assert (await nothing.end()).code == "nothing-found"
    async with pairing(tmp_path / "h", air, HERS) as none:
        final = await none.end()
    assert (final.phase, final.code) == ("stopped", "no-bluetooth")


async def test_nobody_who_did_not_agree_is_listed_for(tmp_path: Path) -> None:
    scale = device("weight-scale")
    async with (
        home(tmp_path / "air", scale) as air,
        pairing(tmp_path / "g", air, HERS, people=(), answers={"people": ForPeople((HANAKO,))}) as paired,
    ):
        final = await paired.end()
    assert (final.code, Devices(tmp_path / "g").load()) == ("nobody-here", ())
