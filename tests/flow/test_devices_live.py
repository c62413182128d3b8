"""Devices that keep nothing, through the production gateway over a real Bluetooth stack."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simulators.household import Record
from tests.flow.device_home import TOKYO, device, gateway, home

pytestmark = pytest.mark.flow


async def test_a_mirror_s_heart_rates_arrive_live_each_with_its_own_receive_time(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("heart-rate-mirror")) as air, gateway(tmp_path / "g", air) as ears:
        for rate in ("71", "71", "74"):
            assert (await air.ask("measure", "it", values={"heart_rate": rate}))["heard"]
        found = await ears.count(3)
        assert ears.values("heart-rate") == ["71", "71", "74"]
        assert {reading.time_quality for reading in found} == {"received"}
        assert len({reading.measured_at for reading in found}) == 3
        assert (await air.ask("stats"))["heard"] == 3


async def test_a_mi_scale_s_weight_and_later_impedance_are_one_reading(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("xiaomi-scale")) as air, gateway(tmp_path / "g", air) as ears:
        assert (await air.ask("weigh", "it", values={"weight": "62.30", "impedance": "512"}))["heard"]
        (reading,) = await ears.count(1)
        await asyncio.sleep(0.3)
        assert len(ears.readings()) == 1
    assert [(value.kind, value.value) for value in reading.values] == [("body-weight", "62.30"), ("impedance", "512")]
    assert (reading.time_quality, reading.provenance) == ("device", "broadcast")


async def test_a_band_s_running_total_is_heard_and_an_unchanged_one_is_no_second_reading(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("step-band")) as air, gateway(tmp_path / "g", air) as ears:
        for _ in range(2):
            assert (await air.ask("steps", "it", values={"steps": "1234"}))["heard"]
        await ears.count(1)
        await asyncio.sleep(0.2)
        assert ears.values("steps-total") == ["1234"]


async def test_a_restarted_band_still_shows_its_last_total(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("step-band", aired=0.2)) as air:
        assert not (await air.ask("steps", "it", values={"steps": "4321"}))["heard"]
        await asyncio.to_thread(air.process.kill)
        await asyncio.to_thread(air.process.start)
        async with gateway(tmp_path / "g", air) as ears:
            await ears.count(1)
            assert ears.values("steps-total") == ["4321"]


async def test_replayed_days_are_received_on_their_own_days(tmp_path: Path) -> None:
    today = datetime.now(TOKYO).replace(hour=23, minute=50, second=0, microsecond=0)
    days = tuple(Record(at=today - timedelta(days=6 - at), values={"steps": str(5000 + at)}) for at in range(6))
    band = device("step-band", records=days, heard_after=0.1)
    async with home(tmp_path / "air", band) as air, gateway(tmp_path / "g", air) as ears:
        assert await air.ask("play", "it", count=6) == {"played": 6, "heard": 6, "left": 0}
        found = await ears.count(6)
        assert [reading.received_at.astimezone(TOKYO).date() for reading in found] == [day.at.date() for day in days]
        assert ears.values("steps-total") == [day.values["steps"] for day in days]
        await asyncio.sleep(0.1)
        assert abs(ears.radio.now() - datetime.now(TOKYO)) < timedelta(seconds=5)


async def test_two_gateways_of_a_home_give_one_weighing_the_same_id(tmp_path: Path) -> None:
    async with (
        home(tmp_path / "air", device("xiaomi-scale")) as air,
        gateway(tmp_path / "g1", air, name="b") as one,
        gateway(tmp_path / "g2", air, name="c") as two,
    ):
        assert (await air.ask("weigh", "it", values={"weight": "62.30", "impedance": "512"}))["heard"]
        (mine,), (theirs,) = await one.count(1), await two.count(1)
    assert mine.id == theirs.id


async def test_a_broadcast_nobody_listened_to_is_not_counted_as_heard(tmp_path: Path) -> None:
    async with home(tmp_path / "air", device("step-band", aired=0.3)) as air:
        assert not (await air.ask("steps", "it", values={"steps": "12"}))["heard"]
        assert await air.totals() == {"measured": 1, "heard": 0, "pending": 0, "delivered": 0}
