"""Devices that are asked for their records - OMRON's memory, the A&D tracker, activity monitors - over a real stack."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.contract.reading import Reading
from firmware_profiles.registry import PROFILES
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.link import Heard
from gateway.session import Outcome, Session
from simulators.household import Record, VirtualDevice
from simulators.radio import SimulatedRadio
from tests.flow.device_home import HOUSEHOLD, TOKYO, Ears, Home, device, gateway, home, records

pytestmark = pytest.mark.flow
KEY, OTHER = "11" * 16, "22" * 16
PRESSURE = {"systolic": "142", "diastolic": "88", "pulse_rate": "71"}


def cuff(**fields: Any) -> VirtualDevice:
    """An upper-arm monitor for two people that wants a key."""
    given = {"profile": "omron-blood-pressure-memory", "model": "HEM-7155T-EBK", "local_name": "BLESmart_0000026400"}
    return device("omron-memory", **(given | {"key": KEY} | fields))


def pressures(count: int, slot: int | None = None, start: int = 110) -> tuple[Record, ...]:
    values = ({"systolic": str(start + at), "diastolic": "80", "pulse_rate": "70"} for at in range(count))
    return records(count, *values, slot=slot)


def listed(folder: Path, *devices: VirtualDevice, key: str | None = KEY) -> None:
    """The household's list, with the key of each device."""
    folder.mkdir(exist_ok=True)
    for one in devices:
        Devices(folder).add(replace(entry(one.address, one.profile, household=HOUSEHOLD), key=key))


async def pair(folder: Path, at: Home, one: VirtualDevice) -> Outcome:
    """What pairing does with the device once it was found: one session in which a key may be set."""
    (known,) = Devices(folder).load()
    journal, radio, heard = Journal(folder / "pairing.db"), SimulatedRadio(at.air), asyncio.Event()

    def hear(sight: Heard) -> None:
        if sight.advert.address == one.address:
            heard.set()

    await radio.start(hear)
    try:
        async with asyncio.timeout(10):
            await heard.wait()
        session = Session(
            known, PROFILES[one.profile], journal, zone=TOKYO, now=radio.now, kept=lambda: None, pairing=True
        )
        async with radio.connect(one.address, session.hang_up) as link:
            outcome = await session.run(link)
        session.close()
        return outcome
    finally:
        await radio.close()
        journal.close()


def systolics(ears: Ears, slot: int | None) -> list[str]:
    return [v.value for r in ears.readings() if r.user_slot == slot for v in r.values if v.kind == "systolic"]


async def test_two_people_s_records_arrive_once_each_in_their_slots_and_a_new_one_alone_at_the_next_visit(
    tmp_path: Path,
) -> None:
    one = cuff(records=(*pressures(5, 1), *pressures(3, 2, start=130)))
    listed(tmp_path / "g", one)
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        found = await ears.count(8)
        await air.until_delivered(8)
        assert systolics(ears, 1) == ["110", "111", "112", "113", "114"]
        assert systolics(ears, 2) == ["130", "131", "132"]
        assert {(r.profile, r.time_quality, r.provenance) for r in found} == {(one.profile, "device", "bonded")}
        assert [r.measured_at for r in found if r.user_slot == 2] == [r.at for r in one.records if r.slot == 2]
        await air.ask("measure", "it", values=PRESSURE, slot=2)
        await ears.count(9)
        await air.until_delivered(9)
        assert systolics(ears, 2)[-1] == "142"
        await asyncio.sleep(0.3)
        assert len(ears.readings()) == len({r.id for r in ears.readings()}) == 9


async def test_a_link_lost_in_the_middle_of_the_memory_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    one = cuff(records=pressures(30, 1), asleep=True)
    listed(tmp_path / "g", one)
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=11)
        await air.ask("wake", "it")
        await ears.count(30)
        await air.until_delivered(30)
        assert systolics(ears, 1) == [str(110 + at) for at in range(30)]


async def test_a_ring_that_went_round_is_read_from_its_oldest_record(tmp_path: Path) -> None:
    one = cuff(model="HEM-7142T2-AP", key=None, local_name="BLESmart_0000059A00", records=pressures(20))
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        found = await ears.count(14)
        assert systolics(ears, 1) == [str(110 + at) for at in range(6, 20)]
        assert [r.sequence for r in found] == list(range(7, 21))


@pytest.mark.parametrize(("key", "code"), [(OTHER, "key-refused"), (None, "key-needed")])
async def test_without_the_right_key_nothing_is_read_and_the_log_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str | None, code: str
) -> None:
    one = cuff(records=pressures(2, 1))
    listed(tmp_path / "g", one, key=key)
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        async with asyncio.timeout(15):
            while f'"{code}"' not in capsys.readouterr().err:  # noqa: ASYNC110 - the log rings no bell
                await asyncio.sleep(0.1)
        assert ears.readings() == []
        assert (await air.totals())["pending"] == 2


async def test_pairing_sets_our_key_while_the_device_takes_it_and_says_so_when_it_does_not(tmp_path: Path) -> None:
    one = cuff(key=OTHER, pairable=False, records=pressures(2, 1))
    listed(tmp_path / "g", one)
    async with home(tmp_path / "air", one) as air:
        assert (await pair(tmp_path / "g", air, one)).code != "done"
        await air.ask("open-pairing", "it")
        assert (await pair(tmp_path / "g", air, one)).code == "done"
        await air.ask("close-pairing", "it")
        await air.ask("measure", "it", values=PRESSURE, slot=1)
        async with gateway(tmp_path / "g", air) as ears:
            await ears.count(3)
            assert systolics(ears, 1) == ["110", "111", "142"]


OLD = {"profile": "omron-blood-pressure-memory-old", "model": "HEM-7600T-E", "local_name": "BLESmart_0000021F00"}
WRIST = {"profile": "omron-wrist-memory", "model": "RS7 Intelli IT", "local_name": "BLESmart_0000024400"}
HN = {"profile": "omron-hn-300t2-memory", "model": "HN-300T2", "local_name": "BLESmart_0001041200", "key": None}
HBF = {"profile": "omron-hbf-702t-memory", "model": "HBF-702T", "local_name": "BLESmart_0001000C00"}
HBF_32 = {"profile": "omron-hbf-memory", "model": "HBF-228T", "local_name": "BLESmart_0001000B00"}
WEIGHT = {"weight": "62.30"}
FAT = {"weight": "62.30", "body_fat_percentage": "23.5"}


async def test_five_more_models_at_once_are_read_by_their_own_maps_stored_and_live(tmp_path: Path) -> None:
    models: list[tuple[dict[str, Any], dict[str, str], int | None]] = [
        (OLD, PRESSURE, 1), (WRIST, PRESSURE, 2), (HN, WEIGHT, None), (HBF, FAT, 4), (HBF_32, FAT, 1),
    ]  # fmt: skip
    devices = [
        replace(cuff(**fields, records=records(2, values, slot=slot)), name=f"d{at}", address=f"F0:00:00:00:01:0{at}")
        for at, (fields, values, slot) in enumerate(models)
    ]
    listed(tmp_path / "g", *devices)
    async with home(tmp_path / "air", *devices) as air, gateway(tmp_path / "g", air) as ears:
        await ears.count(10)
        for one, (_, values, slot) in zip(devices, models, strict=True):
            await air.ask("measure", one.name, values=values, slot=slot)
        found = await ears.count(15)
        for one, (_, values, slot) in zip(devices, models, strict=True):
            mine = [reading for reading in found if reading.profile == one.profile]
            assert len(mine) == 3
            assert {reading.user_slot for reading in mine} == {slot}
            assert {len(reading.values) for reading in mine} == {len(values)}
            assert {v.value for r in mine for v in r.values} == set(values.values())


def walked(*steps: int) -> tuple[Record, ...]:
    start = datetime.now(TOKYO).replace(second=0, microsecond=0) - timedelta(minutes=len(steps) + 60)
    return tuple(Record(at=start + timedelta(minutes=n), values={"steps": str(s)}) for n, s in enumerate(steps))


def steps_of(found: list[Reading]) -> list[tuple[str, str]]:
    return [(value.kind, value.value) for reading in found for value in reading.values]


async def test_a_tracker_s_minutes_arrive_once_each_though_the_link_was_lost_in_a_sector(tmp_path: Path) -> None:
    minutes = walked(*range(1, 46))
    one = device("and-tracker", profile="and-uw302", local_name="A&D_UW-302BLE_01", records=minutes, asleep=True)
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=24)
        await air.ask("wake", "it")
        found = await ears.count(45)
        await air.until_delivered(45)
        assert sorted(steps_of(found), key=lambda item: int(item[1])) == [
            ("steps-interval", str(number)) for number in range(1, 46)
        ]
        assert {r.measured_at for r in found} == {record.at for record in minutes}
        assert (await air.ask("ledger", "it"))["clock_writes"] >= 1
        await air.ask("steps", "it", values={"steps": "88"})
        await ears.count(46)
        await asyncio.sleep(0.3)
        assert len({r.id for r in ears.readings()}) == len(ears.readings()) == 46


async def test_sessions_that_are_over_arrive_once_each_put_together_from_segments(tmp_path: Path) -> None:
    sessions = walked(1200, 800, 3456)
    one = device("activity-monitor", profile="sig-physical-activity", records=sessions, asleep=True)
    async with home(tmp_path / "air", one) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=1)
        await air.ask("wake", "it")
        found = await ears.count(3)
        assert steps_of(found) == [("steps-interval", "1200"), ("steps-interval", "800"), ("steps-interval", "3456")]
        await air.ask("steps", "it", values={"steps": "99"})
        assert steps_of(await ears.count(4))[-1] == ("steps-interval", "99")
        await air.until_delivered(4)


def sig(at: int, kind: Any, profile: str, name: str, values: dict[str, str], **more: Any) -> VirtualDevice:
    one = device(kind, profile=profile, local_name=name, records=records(2, values), secured=True, **more)
    return replace(one, name=f"d{at}", address=f"F0:00:00:00:02:0{at}")


async def test_bonded_devices_with_the_sig_s_layouts_are_read_under_their_own_families(tmp_path: Path) -> None:
    devices = [
        sig(0, "weight-scale", "and-scale", "A&D_UC-352BLE_A", WEIGHT),
        sig(5, "and-first-scale", "and-scale-first", "A&D_UC-352BLE_B", WEIGHT),
        sig(1, "and-cuff", "and-blood-pressure", "A&D_UA-651BLE_A", PRESSURE),
        sig(6, "blood-pressure-monitor", "and-blood-pressure", "A&D_UA-1200BLE_A", PRESSURE),
        sig(2, "weight-scale", "omron-scale", "BLESmart_00010105", WEIGHT),
        sig(3, "blood-pressure-monitor", "omron-blood-pressure", "BLESmart_00000199", PRESSURE),
        sig(4, "body-composition-scale", "and-body-composition", "UC-421BLE_A", FAT),
    ]
    async with home(tmp_path / "air", *devices) as air, gateway(tmp_path / "g", air) as ears:
        found = await ears.count(14)
        for name in ("d1", "d5"):
            assert (await air.ask("ledger", name))["clock_writes"] >= 1
    families = Counter(one.profile for one in devices)
    assert Counter(reading.profile for reading in found) == {family: 2 * count for family, count in families.items()}
