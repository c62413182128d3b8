"""Devices that keep their records, through the production gateway over a real Bluetooth stack."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from simulators.household import Record
from tests.flow.device_home import TOKYO, device, gateway, home, records, weights

pytestmark = pytest.mark.flow
PINS = {1: 1111, 2: 2222}


def fat(count: int, slot: int) -> tuple[Record, ...]:
    values = (
        {"weight": f"{60 + at}.05", "body_fat_percentage": f"{20 + at}.5", "impedance": "512.3"} for at in range(count)
    )
    return records(count, *values, slot=slot)


async def test_stored_weights_arrive_oldest_first_with_the_device_s_own_times_and_the_scale_hangs_up(
    tmp_path: Path,
) -> None:
    scale = device("weight-scale", records=weights(30))
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        found = await ears.count(30)
        assert [reading.measured_at for reading in found] == [record.at for record in scale.records]
        assert ears.values("body-weight") == [record.values["weight"] for record in scale.records]
        assert {(r.profile, r.firmware, r.time_quality, r.provenance) for r in found} == {
            ("sig-weight", "1.0.0", "device", "bonded")
        }
        await air.until_delivered(30)
        assert (await air.ask("ledger", "it"))["clock_writes"] >= 1


async def test_a_link_lost_in_the_middle_of_a_burst_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(20), asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("drop-link", "it", after=7)
        await air.ask("wake", "it")
        found = await ears.count(20)
        await air.until_delivered(20)
        assert ears.values("body-weight") == [record.values["weight"] for record in scale.records]
        assert len({reading.id for reading in found}) == 20


async def test_killed_devices_come_back_with_every_record_that_was_not_confirmed(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(15), asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await air.ask("weigh", "it", values={"weight": "71.25"})
        await ears.count(3)
        await asyncio.to_thread(air.process.kill)
        await asyncio.to_thread(air.process.start)
        await air.ask("wake", "it")
        await ears.count(16)
        await air.until_delivered(16)
        assert sorted(ears.values("body-weight")) == sorted([*(r.values["weight"] for r in scale.records), "71.25"])


async def test_a_killed_gateway_finds_the_rest_of_the_records_when_it_is_back(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(40), asleep=True)
    async with home(tmp_path / "air", scale) as air:
        async with gateway(tmp_path / "g", air) as ears:
            await air.ask("wake", "it")
            await ears.count(5)
            # What a SIGKILL does to the radio: the HCI connection is gone in the middle of a packet.
            ears.radio.receiver.tear()
        assert (await air.totals())["delivered"] < 40
        async with gateway(tmp_path / "g", air) as ears:
            found = await ears.count(40)
            await air.until_delivered(40)
            assert len({reading.id for reading in found}) == 40
            assert ears.values("body-weight") == [record.values["weight"] for record in scale.records]


async def test_body_composition_in_two_packets_becomes_one_reading_in_its_user_slot(tmp_path: Path) -> None:
    scale = device("body-composition-scale", pins=PINS, records=(*fat(3, 1), *fat(2, 2)))
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        found = await ears.count(5)
        await air.until_delivered(5)
    assert sorted(str(reading.user_slot) for reading in found) == ["1", "1", "1", "2", "2"]
    for reading in found:
        assert {value.kind for value in reading.values} == {"body-weight", "body-fat", "impedance"}
        assert reading.profile == "sig-body-composition"


async def test_a_wrong_pin_opens_no_slot_says_why_and_does_not_hold_up_the_other_slot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device("body-composition-scale", pins=PINS, records=(*fat(2, 1), *fat(2, 2)))
    async with home(tmp_path / "air", scale) as air:
        async with gateway(tmp_path / "g", air, pins={1: 1111, 2: 9999}) as ears:
            found = await ears.count(2)
            await air.until_delivered(2)
            await asyncio.sleep(0.6)
            assert {reading.user_slot for reading in found} == {1}
            assert len(ears.readings()) == 2
        assert (await air.totals())["pending"] == 2
    log = capsys.readouterr().err
    assert '"slot_refused"' in log
    assert '"not-authorized"' in log
    assert "9999" not in log


async def test_blood_pressure_records_keep_systolic_diastolic_and_pulse_together(tmp_path: Path) -> None:
    values = {"systolic": "142", "diastolic": "88", "pulse_rate": "71"}
    cuff = device("blood-pressure-monitor", records=records(4, values))
    async with home(tmp_path / "air", cuff) as air, gateway(tmp_path / "g", air) as ears:
        for reading in await ears.count(4):
            assert {(v.kind, v.value, v.unit) for v in reading.values} == {
                ("systolic", "142", "mm[Hg]"), ("diastolic", "88", "mm[Hg]"), ("pulse-rate", "71", "/min")
            }  # fmt: skip


async def test_a_guarded_device_is_bonded_with_when_it_answers_error_15(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(3), secured=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        await ears.count(3)
        await air.until_delivered(3)


async def test_with_the_clock_stuck_two_real_weighings_stay_two_and_a_re_sent_one_stays_one(tmp_path: Path) -> None:
    scale = device("weight-scale", stuck=True, asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        # The link goes after the first weighing was journalled and before it was confirmed: the scale sends it again.
        await air.ask("drop-link", "it", after=0)
        await air.ask("weigh", "it", values={"weight": "62.30"})
        await air.until_delivered(1)
        assert ears.values("body-weight") == ["62.30"]
        await air.ask("weigh", "it", values={"weight": "62.35"})
        await air.until_delivered(2)
        found = await ears.count(2)
        assert ears.values("body-weight") == ["62.30", "62.35"]
        assert {reading.time_quality for reading in found} == {"unknown"}


async def test_two_gateways_racing_for_one_scale_get_each_record_once_between_them(tmp_path: Path) -> None:
    scale = device("weight-scale", records=weights(12), asleep=True)
    async with (
        home(tmp_path / "air", scale) as air,
        gateway(tmp_path / "g1", air, name="b") as one,
        gateway(tmp_path / "g2", air, name="c") as two,
    ):
        await air.ask("wake", "it")
        await air.until_delivered(12)
        async with asyncio.timeout(20):
            while len(ids := {r.id for r in (*one.readings(), *two.readings())}) < 12:  # noqa: ASYNC110 - two journals
                await asyncio.sleep(0.05)
        assert len(ids) == 12


async def test_a_new_weighing_wakes_a_sleeping_scale_and_is_stamped_with_local_wall_time(tmp_path: Path) -> None:
    scale = replace(device("weight-scale"), asleep=True)
    async with home(tmp_path / "air", scale) as air, gateway(tmp_path / "g", air) as ears:
        before = datetime.now(TOKYO).replace(microsecond=0)
        await air.ask("weigh", "it", values={"weight": "62.30"})
        (reading,) = await ears.count(1)
        assert reading.values[0].value == "62.30"
        assert before <= reading.measured_at <= datetime.now(TOKYO)
