"""Several adapters at once, one of them chosen, and passive scans with an active one to fall back on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from firmware_profiles.registry import installed
from gateway.link import RadioFailure
from gateway.radio import BleakRadio
from gateway.radio_adapters import adapters, find_adapters
from gateway.radio_passive import listed_patterns
from simulators.bluez.tree import ADAPTER, DEVICE
from tests.flow.bluez_home import ADDRESS, House, gateway, house
from tests.flow.device_home import device, list_devices, weights

pytestmark = [pytest.mark.flow, pytest.mark.needs_dbus]
FAR_AND_NEAR = ("hci0=35", "hci1")


async def bonded_with(at: House, adapter: str) -> bool:
    path = f"/org/bluez/{adapter}/dev_{ADDRESS.replace(':', '_')}"
    return bool(await at.bluez.look(path, DEVICE, "Bonded"))


async def test_the_adapter_that_hears_a_device_best_calls_it_and_one_switched_off_does_not_deafen_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True, asleep=True)
    async with house(tmp_path, monkeypatch, scale, adapters=FAR_AND_NEAR) as at:
        found = await find_adapters()
        assert [(one.name, one.powered) for one in found] == [("hci0", True), ("hci1", True)]
        assert await asyncio.to_thread(adapters) == [(one.name, one.address, True) for one in found]
        async with gateway(tmp_path / "g", at) as ears:
            await at.air.ask("wake", "it")
            await ears.count(2)
            await at.air.until_delivered(2)
            assert (await bonded_with(at, "hci0"), await bonded_with(at, "hci1")) == (False, True)
            await at.bluez.power("hci1", on=False)
            await asyncio.sleep(0.5)
            await at.air.ask("weigh", "it", values={"weight": "71.25"})
            await ears.count(3)
            assert await bonded_with(at, "hci0")
    assert "radio_failed" not in capsys.readouterr().err


async def test_an_adapter_that_is_named_is_the_only_one_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = device("weight-scale", records=weights(2), secured=True)
    async with (
        house(tmp_path, monkeypatch, scale, adapters=("hci0", "hci1")) as at,
        gateway(tmp_path / "g", at, radio=BleakRadio("hci1")) as ears,
    ):
        await ears.count(2)
        assert await bonded_with(at, "hci1")
        assert not await at.bluez.look("/org/bluez/hci0", ADAPTER, "Discovering")


async def test_adapters_that_are_all_off_stop_the_start_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, device("weight-scale"), adapters=FAR_AND_NEAR) as at:
        for name in ("hci0", "hci1"):
            await at.bluez.power(name, on=False)
        with pytest.raises(RadioFailure) as failure:
            await BleakRadio().start(lambda _: None)
        assert failure.value.code == "bluetooth-off"
        await asyncio.to_thread(at.bluez.kill)
        with pytest.raises(RadioFailure) as failure:
            await find_adapters()
        assert failure.value.code == "no-bluetooth"


@pytest.mark.parametrize("experimental", [True, False])
async def test_a_passive_scan_hears_the_broadcast_scale_and_an_active_one_takes_its_place_where_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], experimental: bool
) -> None:
    async with house(tmp_path, monkeypatch, device("xiaomi-scale"), experimental=experimental) as at:
        list_devices(tmp_path / "g", at.air)
        radio = BleakRadio(wanted=listed_patterns(tmp_path / "g", installed().profiles))
        async with gateway(tmp_path / "g", at, radio=radio) as ears:
            await at.air.ask("weigh", "it", values={"weight": "58.40", "impedance": "512"})
            (reading,) = await ears.count(1)
            # BlueZ calls only an active scan "discovering".
            assert await at.bluez.look("/org/bluez/hci0", ADAPTER, "Discovering") is not experimental
            assert {value.kind: value.value for value in reading.values}["body-weight"] == "58.40"
            await at.bluez.power("hci0", on=False)
            await ears.until_state("alert")
            await at.bluez.power("hci0", on=True)
            await ears.until_state("ready")
            await at.air.ask("weigh", "it", values={"weight": "58.90", "impedance": "512"})
            await ears.count(2)
    assert ("passive_scan_refused" in capsys.readouterr().err) is not experimental
