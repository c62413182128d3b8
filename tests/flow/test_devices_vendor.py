"""Scales that must be spoken to, through the production gateway over a real Bluetooth stack."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from firmware_profiles import eufy_talk
from firmware_profiles.model import Body
from gateway.devices import Devices, Newcomer, entry
from simulators.household import Kind, Record, VirtualDevice
from tests.flow.device_home import HOUSEHOLD, TOKYO, Ears, Home, device, gateway, home, records

pytestmark = pytest.mark.flow
PINS = {1: 1111, 2: 2222}
WHOLE = {"weight": "71.25", "impedance": "498"}


def fat(count: int, slot: int) -> tuple[Record, ...]:
    values = ({"weight": f"{60 + at}.05", "body_fat_percentage": f"{20 + at}.5"} for at in range(count))
    return records(count, *values, slot=slot)


def family(count: int, *slots: int, **fields: Any) -> VirtualDevice:
    """A Sanitas scale with `count` records for each person in `slots`."""
    stored = tuple(record for slot in slots for record in composed(count, slot))
    given: dict[str, Any] = {"profile": "sanitas-ffe1", "local_name": "SANITAS SBF70", "asleep": True}
    return device("ffe1-scale", owners=dict.fromkeys(slots, "r"), records=stored, **(given | fields))


def composed(count: int, slot: int) -> tuple[Record, ...]:
    values = (
        {"weight": f"{60 + 10 * slot + at}.05", "impedance": str(400 + at), "body_fat_percentage": "22.3"}
        for at in range(count)
    )
    return records(count, *values, slot=slot)


def listed(folder: Path, one: VirtualDevice, **fields: Any) -> None:
    folder.mkdir(exist_ok=True)
    Devices(folder).add(replace(entry(one.address, one.profile, household=HOUSEHOLD), **fields))


async def settle(ears: Ears, count: int) -> list[Any]:
    """`count` readings, and a while in which no more come."""
    await ears.count(count)
    await asyncio.sleep(0.5)
    found = ears.readings()
    assert len(found) == count
    return found


# -- the SIG's consent


async def test_each_person_s_code_opens_that_person_s_records_and_a_wrong_one_none_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device(
        "consent-scale", profile="beurer-consent", local_name="BF720", secured=True, pins={**PINS, 3: 3333},
        records=(*fat(2, 1), *fat(2, 2), *fat(3, 3)),
    )  # fmt: skip
    async with home(tmp_path / "air", scale) as air:
        async with gateway(tmp_path / "g", air, pins={1: 1111, 2: 9999, 3: 3333}) as ears:
            await settle(ears, 5)
            # It calls again for what is left, and is visited again.
            await asyncio.sleep(2.2)
            found = await settle(ears, 5)
        assert sorted(str(reading.user_slot) for reading in found) == ["1", "1", "3", "3", "3"]
        assert {reading.profile for reading in found} == {"beurer-consent"}
        assert (await air.totals())["pending"] == 2
    log = capsys.readouterr().err
    assert log.count('"visit_ended"') > log.count('"slot_refused"') == 1
    assert "9999" not in log


async def test_a_link_lost_between_two_records_of_a_person_loses_and_doubles_nothing(tmp_path: Path) -> None:
    scale = device(
        "consent-scale", profile="beurer-consent", local_name="BF720", pins=PINS, records=fat(8, 1), asleep=True
    )
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=3)
        await air.ask("wake", "it")
        await air.until_delivered(8)
        await ears.count(8)
        assert ears.values("body-weight") == [record.values["weight"] for record in scale.records]


async def test_who_waits_for_a_slot_is_given_a_free_one_under_a_code_of_our_choice_and_what_it_stores_is_theirs(
    tmp_path: Path,
) -> None:
    scale = device("consent-scale", profile="beurer-consent", local_name="BF720", secured=True, pins={1: 1111})
    resident, now = "r-" + "c" * 13, datetime.now(TOKYO)
    body = Body(height=Decimal(152), birth=date(1950, 4, 1), sex="female")
    waiting = (Newcomer(resident=resident, pin=4321, body=body),)
    async with home(tmp_path / "air", scale) as air:
        held = now + timedelta(seconds=60)
        listed(tmp_path / "g", scale, waiting=waiting, held_until=held, paired_at=now - timedelta(minutes=1))
        async with gateway(tmp_path / "g", air) as ears:
            async with asyncio.timeout(10):
                while (known := Devices(tmp_path / "g").load()[0]).waiting:  # noqa: ASYNC110 - a file rings no bell
                    await asyncio.sleep(0.05)
            assert known.pins == {2: 4321}
            assert [(binding.slot, binding.resident) for binding in known.bindings] == [(2, resident)]
            Devices(tmp_path / "g").replace(replace(known, held_until=None))
            await air.ask("weigh", "it", values={"weight": "52.30", "body_fat_percentage": "28.1"}, slot=2)
            (reading,) = await settle(ears, 1)
            assert reading.user_slot == 2


# -- FFE1


async def test_a_family_s_memories_are_fetched_kept_and_only_then_emptied(tmp_path: Path) -> None:
    scale = family(3, 1, 2)
    async with home(tmp_path / "air", scale) as air:
        listed(tmp_path / "g", scale, bodies={1: Body(), 2: Body()})
        async with gateway(tmp_path / "g", air) as ears:
            await air.ask("wake", "it")
            found = await settle(ears, 6)
            await air.until_delivered(6)
        assert {(reading.user_slot, reading.time_quality) for reading in found} == {(1, "device"), (2, "device")}
        assert sorted(r.measured_at for r in found) == sorted(record.at for record in scale.records)
        assert {value.kind for reading in found for value in reading.values} == {"body-weight", "impedance", "body-fat"}
        assert (await air.ask("ledger", "it"))["clock_writes"] >= 1


async def test_a_memory_of_nobody_here_stays_in_the_scale_and_is_told_once_however_often_it_is_read(
    tmp_path: Path,
) -> None:
    scale = family(2, 1)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=0)
        await air.ask("wake", "it")
        await ears.count(1)
        await asyncio.sleep(0.5)
        await air.ask("wake", "it")
        found = await settle(ears, 2)
        assert len({reading.id for reading in found}) == 2
        assert (await air.totals())["pending"] == 2


@pytest.mark.parametrize("name", ["SANITAS SBF70", "Beurer BF800-W"])
async def test_a_weighing_is_told_whole_for_who_is_known_and_as_weight_for_who_is_not(
    tmp_path: Path, name: str
) -> None:
    scale = family(0, 1, local_name=name, quiet=1.5)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        before = datetime.now(TOKYO) - timedelta(seconds=2)
        await air.ask("weigh", "it", values={"weight": "83.55", "impedance": "437"}, slot=1)
        (known,) = await settle(ears, 1)
        await air.ask("weigh", "it", values={"weight": "64.10"})
        found = await settle(ears, 2)
    assert {value.kind: value.value for value in known.values} == {"body-weight": "83.55", "impedance": "437"}
    assert known.user_slot == 1
    stranger = next(reading for reading in found if reading.id != known.id)
    assert {value.kind: value.value for value in stranger.values} == {"body-weight": "64.10"}
    assert (stranger.user_slot, stranger.time_quality) == (None, "received")
    assert all(reading.measured_at >= before for reading in found)


# -- QN


@pytest.mark.parametrize("model", ["tenths", "hundredths"])
async def test_the_decimals_a_scale_announces_decide_what_its_numbers_mean(tmp_path: Path, model: str) -> None:
    scale = device("qn-scale", profile="qn-scale", local_name="QN-Scale", model=model, asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("weigh", "it", values={"weight": "7.5" if model == "tenths" else "19.35", "impedance": "509"})
        (reading,) = await settle(ears, 1)
    values = {value.kind: value.value for value in reading.values}
    assert values == {"body-weight": "7.5" if model == "tenths" else "19.35", "impedance": "509"}


async def test_the_memory_of_a_scale_that_forgets_nothing_comes_once_and_a_live_weighing_not_again_as_memory(
    tmp_path: Path,
) -> None:
    stored = records(3, {"weight": "60.25"}, {"weight": "61.30"}, {"weight": "62.45"})
    scale = device("qn-scale", profile="qn-scale", local_name="QN-Scale", records=stored, asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("weigh", "it", values=WHOLE)
        found = await settle(ears, 4)
        await air.ask("weigh", "it", values={"weight": "80.15", "impedance": "455"})
        found = await settle(ears, 5)
    dated = [reading for reading in found if reading.time_quality == "device"]
    assert sorted(reading.measured_at for reading in dated) == [record.at for record in stored]
    assert sum(reading.time_quality == "received" for reading in found) == 2


# -- the small ones


SMALL: Mapping[str, tuple[Kind, str, str, Mapping[str, str]]] = {
    "lefu-tenths": ("lefu-scale", "SWAN", "F0:00:00:00:00:31", {"weight": "84.1", "impedance": "518"}),
    "lefu-hundredths": ("lefu-scale", "Dr Trust Smart 505", "F0:00:00:00:00:32", {"weight": "99.10", "impedance": "600"}),
    "koogeek-s1": ("koogeek-scale", "Koogeek-S1", "F0:00:00:00:00:33", {"weight": "78.3", "impedance": "470"}),
    "vitafit-vt701": ("vitafit-scale", "Vitafit Body Fat", "F0:00:00:00:00:34", {"weight": "85.00", "impedance": "393"}),
    "robi-s9": ("robi-scale", "Robi S9", "F0:00:00:00:00:35", {"weight": "77.250"}),
    "keep-s3": ("keep-scale", "Keep_S3", "F0:00:00:00:00:36", {"weight": "85.10", "impedance": "301", "heart_rate": "107"}),
    "eufy-p2-connected": ("eufy-scale", "eufy T9149", "F0:00:00:00:00:38", {"weight": "88.00", "impedance": "470.0"}),
    "renpho-r-msc04": ("msc04-scale", "R-MSC04", "F0:00:00:00:00:37", {"weight": "95.55"}),
}  # fmt: skip
KINDS = {"weight": "body-weight", "impedance": "impedance", "heart_rate": "heart-rate"}


def small(profile: str) -> VirtualDevice:
    kind, name, address, _ = SMALL[profile]
    return replace(device(kind, profile=profile, local_name=name, address=address, asleep=True), name=profile)


async def weigh(air: Home, profile: str) -> None:
    await air.ask("weigh", profile, values=dict(SMALL[profile][3]))


async def test_eight_vendors_scales_in_one_home_each_tell_their_weighing_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eufy_talk, "PAUSE", 0.05)
    async with home(tmp_path / "air", *map(small, SMALL)) as air, gateway(tmp_path / "g", air) as ears:
        await asyncio.gather(*(weigh(air, profile) for profile in SMALL))
        found = await settle(ears, len(SMALL))
    told = {reading.profile: {value.kind: float(value.value) for value in reading.values} for reading in found}
    wanted = {profile: {KINDS[name]: float(value) for name, value in row[3].items()} for profile, row in SMALL.items()}
    assert told == wanted
    assert {reading.time_quality for reading in found} == {"received"}


async def test_a_weighing_whose_link_breaks_before_it_settled_is_told_after_the_scale_came_back(tmp_path: Path) -> None:
    scale = small("vitafit-vt701")
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", scale.name, after=0)
        await weigh(air, scale.name)
        (reading,) = await settle(ears, 1)
        assert {value.kind: value.value for value in reading.values} == {"body-weight": "85.00", "impedance": "393"}


async def test_a_scale_that_does_not_believe_who_we_are_says_nothing_and_the_visit_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(eufy_talk, "PAUSE", 0.05)
    scale = replace(small("eufy-p2-connected"), pairable=False, quiet=2.0)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await weigh(air, scale.name)
        async with asyncio.timeout(10):
            while "visit_ended" not in (log := capsys.readouterr().err):  # noqa: ASYNC110 - a log rings no bell
                await asyncio.sleep(0.1)
        assert ears.readings() == []
    assert '"not-authorized", "frames": 0' in log


async def test_a_scale_of_unknown_decimals_is_refused_by_name_and_its_impedance_is_not(tmp_path: Path) -> None:
    scale = device("lefu-scale", profile="lefu-ffb0", local_name="SWAN", asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("weigh", "it", values={"weight": "84.10", "impedance": "518"})
        (reading,) = await settle(ears, 1)
        assert [(value.kind, value.value) for value in reading.values] == [("impedance", "518")]
        assert ears.journal.tally().get("frame:ambiguous-scale")


async def test_a_profile_without_a_dialogue_is_served_by_the_general_device(tmp_path: Path) -> None:
    stored = records(3, {"weight": "71.5", "impedance_50khz": "413"}, slot=2)
    scale = device("profile-service", profile="soehnle-shape", local_name="Shape200", records=stored)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        found = await settle(ears, 3)
        await air.until_delivered(3)
    assert [reading.measured_at for reading in found] == [record.at for record in stored]
    assert {reading.user_slot for reading in found} == {2}


async def test_the_look_alike_monitor_keeps_its_two_people_apart(tmp_path: Path) -> None:
    values = {"systolic": "142", "diastolic": "88", "pulse_rate": "71"}
    cuff = device(
        "profile-service", profile="beurer-bm85", local_name="BM85", records=(*records(2, values, slot=0),
        *records(1, values, slot=1)),
    )  # fmt: skip
    async with home(tmp_path / "air", cuff) as air, gateway(tmp_path / "g", air) as ears:
        found = await settle(ears, 3)
    assert sorted(str(reading.user_slot) for reading in found) == ["0", "0", "1"]
    for reading in found:
        assert {value.kind: value.value for value in reading.values} == {
            "systolic": "142", "diastolic": "88", "pulse-rate": "71"
        }  # fmt: skip
