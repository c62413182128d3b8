"""The production gateway through bleak's Linux backend: stored and live records, restarts, switches, other scanners."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakDBusError
from dbus_fast import Message
from dbus_fast.aio import MessageBus
from msgspec.structs import replace

from gateway.link import Heard, RadioFailure
from gateway.radio import BleakRadio
from simulators.bluez.tree import ADAPTER
from tests.flow.bluez_home import ADDRESS, gateway, house
from tests.flow.device_home import device, weights

pytestmark = [pytest.mark.flow, pytest.mark.needs_dbus]


async def test_stored_live_and_broadcast_readings_arrive_once_while_others_scan_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(5))
    broadcaster = replace(device("xiaomi-scale"), name="mi", address="F0:00:00:00:00:22")
    async with house(tmp_path, monkeypatch, scale, broadcaster) as at, gateway(tmp_path / "g", at) as ears:
        found = await ears.count(5)
        assert [reading.measured_at for reading in found] == [record.at for record in scale.records]
        assert {(reading.firmware, reading.provenance) for reading in found} == {("1.0.0", "bonded")}
        # Another program may scan at the same time; a second scanner of one program may not, and harms nobody.
        other = await MessageBus(bus_address=at.bluez.address).connect()
        start = Message(destination="org.bluez", path="/org/bluez/hci0", interface=ADAPTER, member="StartDiscovery")
        assert (await other.call(start)).error_name is None
        assert (await other.call(start)).error_name == "org.bluez.Error.InProgress"
        with pytest.raises(BleakDBusError, match="InProgress"):
            await BleakScanner().start()
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await at.air.ask("weigh", "mi", values={"weight": "58.40", "impedance": "512"})
        await ears.count(7)
        await at.air.until_delivered(6)
        other.disconnect()
        assert sorted(ears.values("body-weight")) == ["58.40", *(r.values["weight"] for r in scale.records), "71.25"]
        assert len({reading.id for reading in ears.readings()}) == 7


async def test_an_adapter_switched_off_is_told_and_back_on_is_noticed_without_waiting_for_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(3))
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await ears.count(3)
        await at.bluez.power("hci0", on=False)
        await ears.until_state("alert")
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await at.bluez.power("hci0", on=True)
        await ears.until_state("ready")
        await ears.count(4)
        await at.air.until_delivered(4)
        assert ears.values("body-weight") == [*(r.values["weight"] for r in scale.records), "71.25"]


async def test_a_scale_carried_out_of_range_in_the_middle_of_its_records_sends_the_rest_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(12), asleep=True)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await at.air.ask("drop-link", "it", after=4)
        await at.air.ask("wake", "it")
        await ears.count(4)
        await at.air.ask("sleep", "it")
        await at.air.ask("wake", "it")
        found = await ears.count(12)
        await at.air.until_delivered(12)
        assert ears.values("body-weight") == [record.values["weight"] for record in scale.records]
        assert len({reading.id for reading in found}) == 12


async def test_bluez_started_anew_gets_scan_and_agent_again_and_still_knows_the_bond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = device("weight-scale", records=weights(2), secured=True)
    async with house(tmp_path, monkeypatch, scale) as at, gateway(tmp_path / "g", at) as ears:
        await ears.count(2)
        await at.air.until_delivered(2)
        # Whoever still has the bond need not be willing to make another one.
        await at.air.ask("close-pairing", "it")
        await at.restart()
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await ears.count(3)
        await at.air.until_delivered(3)


async def test_a_scanner_of_the_same_program_keeps_the_radio_out_and_its_end_lets_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, device("weight-scale")):
        other, radio, heard = BleakScanner(), BleakRadio(), asyncio.Event()
        await other.start()
        with pytest.raises(RadioFailure) as failure:
            await radio.start(lambda _: heard.set())
        assert failure.value.code == "scan-failed"
        await other.stop()
        await radio.start(lambda _: heard.set())
        await heard.wait()
        await radio.stop()


async def test_what_bluez_forgot_or_never_heard_is_a_typed_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path, monkeypatch, device("weight-scale"), temporary=0.5) as at:
        radio, heard = BleakRadio(), asyncio.Event()

        def hear(_: Heard) -> None:
            heard.set()

        await radio.start(hear)
        await heard.wait()
        await at.air.ask("sleep", "it")
        await asyncio.sleep(1.0)
        for address in (ADDRESS, "F0:00:00:00:00:99"):
            with pytest.raises(RadioFailure) as failure:
                async with radio.connect(address, lambda: None):
                    pass
            assert failure.value.code == "not-heard"
        await radio.stop()
        with pytest.raises(RadioFailure) as failure:
            await BleakRadio("hci7").start(lambda _: None)
        assert failure.value.code == "no-bluetooth"


async def test_the_stand_in_hands_values_over_a_socket_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scale = device("weight-scale", records=weights(3))
    async with house(tmp_path, monkeypatch, scale) as at:
        found = await BleakScanner.find_device_by_address(ADDRESS)
        assert found is not None
        got: list[bytes] = []
        async with BleakClient(found) as client:
            characteristic = "00002a9d-0000-1000-8000-00805f9b34fb"
            await client.start_notify(
                characteristic, lambda _, data: got.append(bytes(data)), bluez={"use_start_notify": False}
            )
            await at.air.until_delivered(3)
            await asyncio.sleep(0.1)
        assert len(got) == 3
