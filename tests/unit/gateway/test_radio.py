"""The Bluetooth door over a bleak backend of ours: one scan, typed failures, a watchdog, timeouts."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from firmware_profiles.model import uuid16
from gateway import radio_link as door
from gateway.link import Heard, RadioFailure
from gateway.radio import BleakRadio
from gateway.radio_failures import code_of

ADDRESS = "C0:26:DF:01:E2:3A"
WEIGHT, INFO = uuid16(0x2A9D), uuid16(0x2A24)


class World:
    """What the backends share: the event log and what goes wrong."""

    log: ClassVar[list[str]] = []
    scanners: ClassVar[list["Scanner"]] = []
    broken: ClassVar[Exception | None] = None
    unreachable: ClassVar[bool] = False


@pytest.fixture(autouse=True)
def _world() -> None:
    World.log, World.scanners, World.broken, World.unreachable = [], [], None, False


class Scanner(BaseBleakScanner):
    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: str, **more: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self.mode = scanning_mode

    async def start(self) -> None:
        if World.broken:
            raise World.broken
        World.log.append(f"scan {self.mode}")
        World.scanners.append(self)

    async def stop(self) -> None:
        World.log.append("rest")

    def send(self, address: str = ADDRESS, company: dict[int, bytes] | None = None) -> None:
        adv = AdvertisementData("scale", company or {}, {}, [], None, -60, ())
        device = self.create_or_update_device(address, address, "scale", None, adv)
        self.call_detection_callbacks(device, adv)


class Peer(BaseBleakClient):
    def __init__(
        self, address_or_ble_device: BLEDevice | str, *, disconnected_callback: Any, timeout: float, **more: Any
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._up = False
        self._hung_up: Callable[[], None] | None = disconnected_callback

    @property
    def mtu_size(self) -> int:
        return 23

    @property
    def is_connected(self) -> bool:
        return self._up

    async def connect(self, pair: bool, **more: Any) -> None:
        World.log.append("connect")
        if World.unreachable:
            raise TimeoutError
        self._up = True
        service = BleakGATTService(None, 1, uuid16(0x181D))
        self.services = BleakGATTServiceCollection()
        self.services.add_service(service)
        for handle, uuid in ((2, WEIGHT), (4, INFO)):
            found = BleakGATTCharacteristic(None, handle, uuid, ["read", "indicate"], lambda: 20, service)
            self.services.add_characteristic(found)

    async def disconnect(self) -> None:
        World.log.append("disconnect")
        self._up = False

    async def pair(self, *args: Any, **more: Any) -> None:
        raise BleakDBusError("org.bluez.Error.AuthenticationFailed", [])

    async def unpair(self) -> None:
        return None

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **more: Any) -> bytearray:
        if characteristic.uuid == WEIGHT:
            await asyncio.Event().wait()
        return bytearray(b"UC-352")

    async def read_gatt_descriptor(self, *args: Any, **more: Any) -> bytearray:
        return bytearray()

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: Any, response: bool) -> None:
        raise BleakGATTProtocolError(0x80)

    async def write_gatt_descriptor(self, *args: Any, **more: Any) -> None:
        return None

    async def start_notify(self, characteristic: BleakGATTCharacteristic, callback: Any, **more: Any) -> None:
        callback(bytearray(b"first"))  # indications may come before the call returns

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        return None


def radio() -> BleakRadio:
    return BleakRadio(scanner_backend=Scanner, client_backend=Peer)


async def test_one_active_scan_rests_while_connecting_and_goes_on_after() -> None:
    heard: list[Heard] = []
    ear = radio()
    await ear.start(heard.append)
    World.scanners[-1].send()
    assert [item.advert.address for item in heard] == [ADDRESS]
    values: list[bytes] = []
    async with ear.connect(ADDRESS, lambda: None) as link:
        assert World.log == ["scan active", "rest", "connect", "scan active"]
        assert link.has(WEIGHT, uuid16(0x181D))
        assert not link.has(WEIGHT, uuid16(0x1810))
        assert await link.read(INFO) == b"UC-352"
        await link.subscribe(WEIGHT, values.append)
    assert values == [b"first"]
    await ear.stop()
    assert World.log[-2:] == ["disconnect", "rest"]


async def test_a_device_not_heard_lately_is_not_tried() -> None:
    ear = radio()
    await ear.start(lambda _: None)
    with pytest.raises(RadioFailure) as failure:
        async with ear.connect(ADDRESS, lambda: None):
            pass
    assert failure.value.code == "not-heard"
    await ear.stop()


async def test_scanning_goes_on_after_a_device_that_could_not_be_reached() -> None:
    ear = radio()
    await ear.start(lambda _: None)
    World.scanners[-1].send()
    World.unreachable = True
    with pytest.raises(RadioFailure) as failure:
        async with ear.connect(ADDRESS, lambda: None):
            pass
    assert failure.value.code == "timeout"
    assert World.log == ["scan active", "rest", "connect", "scan active", "disconnect"]
    await ear.stop()


async def test_every_call_ends_and_every_failure_has_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CALL_TIMEOUT", 0.05)
    ear = radio()
    await ear.start(lambda _: None)
    World.scanners[-1].send()
    codes = []
    async with ear.connect(ADDRESS, lambda: None) as link:
        for call in (link.read(WEIGHT), link.write(WEIGHT, b""), link.pair(), link.read(uuid16(0x2A19))):
            with pytest.raises(RadioFailure) as failure:
                await call
            codes.append(failure.value.code)
    assert codes == ["timeout", "refused", "not-paired", "no-characteristic"]
    await ear.stop()


async def test_silence_restarts_the_scan_and_a_dead_adapter_is_told() -> None:
    ear = radio()
    await ear.start(lambda _: None)
    assert not await ear.check(3600)
    assert World.log == ["scan active"]
    assert await ear.check(0)
    assert World.log == ["scan active", "rest", "scan active"]
    World.broken = BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF)
    with pytest.raises(RadioFailure) as failure:
        await ear.check(0)
    assert failure.value.code == "bluetooth-off"
    World.broken = None
    assert await ear.check(0), "the adapter is back"
    await ear.stop()


async def test_a_link_outlives_a_scan_that_cannot_go_on_and_the_next_check_starts_it() -> None:
    ear = radio()
    await ear.start(lambda _: None)
    World.scanners[-1].send()
    World.broken = BleakError("busy")
    async with ear.connect(ADDRESS, lambda: None) as link:
        assert link.connected
        with pytest.raises(RadioFailure):
            await ear.check(3600)
        World.broken = None
        assert await ear.check(3600), "a missing scan is not waited for"
        assert link.connected
    assert not await ear.check(3600)
    await ear.stop()


async def test_the_ear_is_not_checked_while_a_device_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    calling, answer = asyncio.Event(), asyncio.Event()
    connect = Peer.connect

    async def slowly(peer: Peer, pair: bool, **more: Any) -> None:
        calling.set()
        await answer.wait()
        await connect(peer, pair, **more)

    monkeypatch.setattr(Peer, "connect", slowly)
    ear = radio()
    await ear.start(lambda _: None)
    World.scanners[-1].send()

    async def visit() -> None:
        async with ear.connect(ADDRESS, lambda: None):
            pass

    visiting = asyncio.create_task(visit())
    await calling.wait()
    assert not await ear.check(0)
    answer.set()
    await visiting
    assert World.log == ["scan active", "rest", "connect", "scan active", "disconnect"]
    await ear.stop()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.NO_BLUETOOTH), "no-bluetooth"),
        (BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM), "bluetooth-denied"),
        (BleakDeviceNotFoundError(ADDRESS), "not-heard"),
        (BleakCharacteristicNotFoundError(WEIGHT), "no-characteristic"),
        (BleakGATTProtocolError(0x05), "not-paired"),
        (BleakGATTProtocolError(0x0F), "not-paired"),
        (BleakGATTProtocolError(0x80), "refused"),
        (BleakDBusError("org.bluez.Error.AuthenticationFailed", []), "not-paired"),
        (BleakDBusError("org.freedesktop.DBus.Error.AccessDenied", []), "bluetooth-denied"),
        (BleakDBusError("org.bluez.Error.NotReady", []), "bluetooth-off"),
        (BleakDBusError("org.freedesktop.DBus.Error.ServiceUnknown", []), "no-bluetooth"),
        (BleakDBusError("org.freedesktop.DBus.Error.NameHasNoOwner", []), "no-bluetooth"),
        (BleakDBusError("org.freedesktop.DBus.Error.Spawn.ChildExited", []), "no-bluetooth"),
        (BleakDBusError("org.bluez.Error.Strange", []), "refused"),
        (BleakError("Not connected"), "lost"),
        (BleakError("device 'dev_C0' not found"), "not-heard"),
        (BleakError("adapter 'hci1' not found"), "no-bluetooth"),
        (FileNotFoundError("no bus"), "no-bluetooth"),
        (TimeoutError(), "timeout"),
    ],
)
def test_what_bleak_raises_has_a_stable_code(error: Exception, code: str) -> None:
    assert code_of(error) == code
