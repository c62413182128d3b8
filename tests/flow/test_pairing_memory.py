"""Pairing a device that is opened by a key: made up here, set while the device takes it, used ever after."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cli.pair_answers import Wish
from gateway import pairing as machine
from gateway import pairing_run, pairing_watch
from tests.flow.device_home import device, gateway, home
from tests.flow.pairing_home import HANAKO, pairing, readings, tally
from tests.flow.test_devices_memory import PRESSURE, pressures

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def _no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """One device on the air: nobody else has to be waited for, and virtual devices are quick."""
    monkeypatch.setattr(machine, "SETTLE", 0.1)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.1)
    monkeypatch.setattr(pairing_run, "TICK", 0.05)
    monkeypatch.setattr(pairing_watch, "QUIET", timedelta(seconds=0.3))


async def test_a_monitor_takes_our_key_while_it_is_paired_and_opens_by_it_from_then_on(tmp_path: Path) -> None:
    one = device(
        "omron-memory", profile="omron-blood-pressure-memory", model="HEM-7155T-EBK", key="22" * 16,
        local_name="BLEsmart_0000026400", records=pressures(3, 2),
    )  # fmt: skip
    hers = Wish(residents=(HANAKO,), slot=2, yes=True)
    async with home(tmp_path / "air", one) as air:
        async with pairing(tmp_path / "g", air, hers) as paired:
            await paired.until("proof")
            await air.ask("measure", "it", values=PRESSURE, slot=2)
            assert (await paired.end()).phase == "done", paired.run.state
        listed = paired.listed()
        assert listed.key not in {None, one.key}
        assert [(binding.slot, binding.resident) for binding in listed.bindings] == [(2, HANAKO)]
        (reading,) = readings(tmp_path / "g")
        assert [value.value for value in reading.values] == ["71", "142", "88"]
        # What the last owner left in the memory is nobody's here.
        assert tally(tmp_path / "g") == {"frame:before-pairing": 3}
        await air.ask("close-pairing", "it")
        await air.ask("measure", "it", values=PRESSURE, slot=2)
        async with gateway(tmp_path / "g", air) as ears:
            assert [reading.user_slot for reading in await ears.count(2)] == [2, 2]
