"""The only door to Bluetooth (bleak): one long-lived active scan per adapter, connections with a timeout on every call.

`scanner_backend` and `client_backend` are handed to bleak as `backend=`; None means the platform's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from gateway.adverts import Ear
from gateway.link import Heard, Link, RadioFailure, Receive

# BlueZ forgets a device half a minute after its last advert.
FORGOTTEN: Final = 25.0
CONNECT_TIMEOUT: Final = 20.0
CALL_TIMEOUT: Final = 10.0
PAIR_TIMEOUT: Final = 60.0
T = TypeVar("T")
_ADAPTER: Final = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: "no-bluetooth",
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: "no-bluetooth",
    BleakBluetoothNotAvailableReason.POWERED_OFF: "bluetooth-off",
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: "bluetooth-denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: "bluetooth-denied",
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: "bluetooth-denied",
}
_INSUFFICIENT: Final = {0x05: "not-paired", 0x0C: "not-paired", 0x0F: "not-paired", 0x08: "not-authorized"}


class BleakRadio:
    """One adapter through bleak."""

    def __init__(
        self,
        adapter: str | None = None,
        scanner_backend: type[BaseBleakScanner] | None = None,
        client_backend: type[BaseBleakClient] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bluez: dict[str, Any] = {"bluez": {"adapter": adapter}} if adapter else {}
        self._scanner_backend = scanner_backend
        self._client_backend = client_backend
        self._now = now
        self._ear = Ear()
        self._devices: dict[str, tuple[BLEDevice, float]] = {}
        self._scanner: BleakScanner | None = None
        self._listen: Callable[[Heard], None] | None = None
        self._turn = asyncio.Lock()
        self._heard_at = 0.0

    async def start(self, listen: Callable[[Heard], None]) -> None:
        """Scan until `stop`; raises RadioFailure when there is no usable adapter."""
        self._listen = listen
        async with self._turn:
            await self._scan()

    async def stop(self) -> None:
        """Stop scanning; a scan that already died is no failure."""
        self._listen = None
        async with self._turn:
            await self._rest()

    async def check(self, silence: float) -> bool:
        """Start the scan anew when it is missing or heard nothing at all for `silence` seconds; whether it was."""
        quiet = asyncio.get_running_loop().time() - self._heard_at >= silence
        if self._turn.locked() or not (quiet or self._scanner is None):
            return False
        # A powered-off adapter ends a scan without any exception: only starting anew tells.
        async with self._turn:
            await self._rest()
            await self._scan()
        return True

    @asynccontextmanager
    async def connect(self, address: str, gone: Callable[[], None]) -> AsyncIterator[Link]:
        """A connection to a device heard lately; `gone` is called when it hangs up."""
        loop = asyncio.get_running_loop()
        device, heard = self._devices.get(address.upper(), (None, 0.0))
        if device is None or loop.time() - heard > FORGOTTEN:
            raise RadioFailure("not-heard")
        client = BleakClient(
            device,
            disconnected_callback=lambda _: gone(),
            timeout=CONNECT_TIMEOUT,
            backend=self._client_backend,
            **self._bluez,
        )
        try:
            async with self._turn:
                # Connecting while scanning takes ten times as long on BlueZ, and weak adapters cannot do both.
                await self._rest()
                try:
                    await bound(client.connect(), CONNECT_TIMEOUT + CALL_TIMEOUT)
                finally:
                    if self._listen:
                        # A link is not given up because the ear does not come back: `check` looks after that.
                        with suppress(RadioFailure):
                            await self._scan()
            yield BleakLink(client)
        finally:
            with suppress(RadioFailure):
                await bound(client.disconnect(), CALL_TIMEOUT)

    async def _scan(self) -> None:
        if self._scanner is not None:
            return
        scanner = BleakScanner(self._hear, scanning_mode="active", backend=self._scanner_backend, **self._bluez)
        await bound(scanner.start(), CALL_TIMEOUT)
        self._scanner, self._heard_at = scanner, asyncio.get_running_loop().time()

    async def _rest(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            with suppress(RadioFailure):
                await bound(scanner.stop(), CALL_TIMEOUT)

    def _hear(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        address = device.address.upper()
        self._devices.pop(address, None)
        self._devices[address] = (device, self._heard_at)
        while len(self._devices) > self._ear.capacity:
            self._devices.pop(next(iter(self._devices)))
        advert, changed = self._ear.hear(
            address, data.local_name, data.rssi, data.service_uuids, data.service_data, data.manufacturer_data
        )
        if self._listen:
            self._listen(Heard(advert, self._now(), changed))


class BleakLink:
    """An open bleak connection."""

    def __init__(self, client: BleakClient) -> None:
        self._client = client

    @property
    def connected(self) -> bool:
        """Whether the device is still there."""
        return self._client.is_connected

    def has(self, characteristic: str, service: str | None = None) -> bool:
        """Whether the device offers the characteristic (inside `service`)."""
        return self._find(characteristic, service) is not None

    async def read(self, characteristic: str) -> bytes:
        """The characteristic's value."""
        return bytes(await bound(self._client.read_gatt_char(self._require(characteristic, None)), CALL_TIMEOUT))

    async def write(
        self, characteristic: str, data: bytes, service: str | None = None, *, response: bool = True
    ) -> None:
        """Write, with the device's confirmation unless `response` is false."""
        target = self._require(characteristic, service)
        await bound(self._client.write_gatt_char(target, data, response=response), CALL_TIMEOUT)

    async def subscribe(self, characteristic: str, receive: Receive) -> None:
        """Enable notifications or indications; `receive` is called inside the radio's own callback."""
        target = self._require(characteristic, None)
        await bound(self._client.start_notify(target, lambda _, data: receive(bytes(data))), CALL_TIMEOUT)

    async def pair(self) -> None:
        """Bond with the device; the agent answers for the person."""
        await bound(self._client.pair(), PAIR_TIMEOUT)

    def _find(self, characteristic: str, service: str | None) -> BleakGATTCharacteristic | None:
        try:
            services = list(self._client.services)
        except BleakError:
            return None
        for item in services:
            for found in item.characteristics:
                if found.uuid == characteristic and service in (None, item.uuid):
                    return found
        return None

    def _require(self, characteristic: str, service: str | None) -> BleakGATTCharacteristic:
        found = self._find(characteristic, service)
        if found is None:
            raise RadioFailure("no-characteristic" if self.connected else "lost", characteristic)
        return found


async def bound(call: Awaitable[T], seconds: float) -> T:
    """The result of a Bluetooth call within `seconds`, its failure as RadioFailure with a stable code."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (BleakError, TimeoutError, OSError, EOFError) as error:
        raise RadioFailure(code_of(error), str(error)) from error


def code_of(error: Exception) -> str:
    """The stable reason code of what bleak raised."""
    match error:
        case BleakBluetoothNotAvailableError():
            code = _ADAPTER.get(error.reason, "no-bluetooth")
        case TimeoutError():
            code = "timeout"
        case BleakDeviceNotFoundError():
            code = "not-heard"
        case BleakCharacteristicNotFoundError():
            code = "no-characteristic"
        case BleakGATTProtocolError():
            code = _INSUFFICIENT.get(int(error.args[0]), "refused")
        case BleakDBusError():
            code = _dbus_code(error.dbus_error)
        case _:
            code = _by_words(str(error), "no-bluetooth" if isinstance(error, OSError | EOFError) else "refused")
    return code


def _dbus_code(name: str) -> str:
    if ".Spawn." in name:
        return "no-bluetooth"  # the bus could not start BlueZ again after it died
    last = name.rsplit(".", 1)[-1]
    codes = {
        "AuthenticationFailed": "not-paired",
        "AuthenticationCanceled": "not-paired",
        "AuthenticationRejected": "not-paired",
        "AuthenticationTimeout": "not-paired",
        "NotPermitted": "not-authorized",
        "NotAuthorized": "not-authorized",
        "AccessDenied": "bluetooth-denied",
        "ServiceUnknown": "no-bluetooth",
        "NameHasNoOwner": "no-bluetooth",
        "NotReady": "bluetooth-off",
        "NotConnected": "lost",
        "InProgress": "scan-failed",
    }
    return codes.get(last, "refused")


def _by_words(text: str, otherwise: str) -> str:
    """BleakError often has no type of its own: the words are all there is."""
    low = text.lower()
    words = {
        "not connected": "lost",
        "disconnected": "lost",
        "adapter '": "no-bluetooth",
        "not found": "not-heard",
        "no bluetooth adapters": "no-bluetooth",
        "turned off": "bluetooth-off",
    }
    return next((code for word, code in words.items() if word in low), otherwise)
