"""Bleak backends over bumble: the gateway's production radio code scans, pairs and talks GATT on simulated air."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError, BleakGATTProtocolError
from bumble.att import ATT_Error
from bumble.core import AdvertisingData, BaseBumbleError, ProtocolError
from bumble.core import TimeoutError as SilenceError
from bumble.device import Peer

if TYPE_CHECKING:
    from bleak.assigned_numbers import CharacteristicPropertyName
    from bleak.backends.device import BLEDevice

    from simulators.receiver import Receiver

MTU = 185
HANG_UP = 2.0
SHORT = 2
_UUIDS = {
    AdvertisingData.Type.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AdvertisingData.Type.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
    AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
}
_DATA = {AdvertisingData.Type.SERVICE_DATA_16_BIT_UUID: 2, AdvertisingData.Type.SERVICE_DATA_128_BIT_UUID: 16}
_NAMES = (AdvertisingData.Type.SHORTENED_LOCAL_NAME, AdvertisingData.Type.COMPLETE_LOCAL_NAME)
_PROPERTIES: tuple[tuple[int, CharacteristicPropertyName], ...] = (
    (0x02, "read"), (0x04, "write-without-response"), (0x08, "write"), (0x10, "notify"), (0x20, "indicate"),
)  # fmt: skip


def long_uuid(raw: bytes) -> str:
    """The 128-bit lower-case text of a 2- or 16-byte little-endian UUID."""
    if len(raw) == SHORT:
        return f"0000{int.from_bytes(raw, 'little'):04x}-0000-1000-8000-00805f9b34fb"
    return str(uuid.UUID(bytes=bytes(reversed(raw))))


def advertisement_data(structures: list[tuple[int, bytes]], rssi: int) -> AdvertisementData:
    """What bleak reports for the AD structures of one advertisement."""
    name: str | None = None
    uuids: dict[str, None] = {}
    makers: dict[int, bytes] = {}
    data: dict[str, bytes] = {}
    for kind, raw in structures:
        if (size := _UUIDS.get(kind)) is not None:
            uuids |= dict.fromkeys(long_uuid(raw[at : at + size]) for at in range(0, len(raw), size))
        elif (size := _DATA.get(kind)) is not None:
            data[long_uuid(raw[:size])] = bytes(raw[size:])
        elif kind == AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA:
            makers[int.from_bytes(raw[:2], "little")] = bytes(raw[2:])
        elif kind in _NAMES:
            name = raw.decode("utf-8", "replace")
    return AdvertisementData(name, makers, data, list(uuids), None, rssi, ())


def scanner_backend(receiver: Receiver) -> type[BaseBleakScanner]:
    """A class for `BleakScanner(backend=...)` that hears the air of `receiver`."""

    class BumbleScanner(BaseBleakScanner):
        def __init__(
            self, detection_callback: Any = None, service_uuids: list[str] | None = None, *_: Any, **__: Any
        ) -> None:
            super().__init__(detection_callback, service_uuids)

        async def start(self) -> None:
            self.seen_devices = {}
            await receiver.listen(self._on_advertisement)

        async def stop(self) -> None:
            await receiver.ignore(self._on_advertisement)

        def _on_advertisement(self, advertisement: Any) -> None:
            found = advertisement_data(advertisement.data.ad_structures, advertisement.rssi)
            address = advertisement.address.to_string(with_type_qualifier=False)
            device = self.create_or_update_device(address, address, found.local_name, None, found)
            if self.is_allowed_uuid(found.service_uuids):
                self.call_detection_callbacks(device, found)

    return BumbleScanner


@asynccontextmanager
async def _bleak_errors() -> AsyncIterator[None]:
    """Bumble's failures as bleak's: a protocol error with its code, a lost link, a peer that fell silent."""
    try:
        yield
    except ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except (TimeoutError, SilenceError) as error:
        raise TimeoutError(str(error)) from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # bumble cancels the pending request when the link goes; nobody cancelled us.
        raise BleakError("disconnected") from error
    except (ProtocolError, BaseBumbleError) as error:
        raise BleakError(str(error)) from error


class BumbleClient(BaseBleakClient):
    """A bleak client over bumble; `receiver` is bound by `client_backend`."""

    receiver: Receiver

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None = None,
        timeout: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout, **kwargs)
        self._link: Any = None
        self._peer: Any = None
        self._gone = asyncio.Event()

    @property
    def name(self) -> str:
        """The address with dashes: bumble reads no name."""
        return self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        """The negotiated ATT MTU in bytes."""
        return int(self._link.att_mtu) if self._link is not None else 23

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._link is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """Connect, agree on an MTU, pair if asked, discover; raises TimeoutError or BleakError."""
        del kwargs
        async with _bleak_errors():
            self._link = await self.receiver.link(self.address, self._timeout)
            self._gone.clear()
            self._link.on(self._link.EVENT_DISCONNECTION, self._on_disconnection)
            try:
                await self._explore(pair)
            except BaseException:
                await self.disconnect()
                raise

    async def _explore(self, pair: bool) -> None:
        self._peer = Peer(self._link)
        await self._peer.request_mtu(MTU)
        if pair:
            await self._link.pair()
        await self._peer.discover_all()
        self.services = _service_collection(self._peer)

    def _on_disconnection(self, reason: int) -> None:
        del reason
        self._link = self._peer = None
        self._gone.set()
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """Hang up and wait until it is done."""
        link = self._link
        if link is None:
            return
        with suppress(BaseBumbleError, TimeoutError):
            async with asyncio.timeout(HANG_UP):
                await link.disconnect()
                await self._gone.wait()

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        """Bond without questions (just works)."""
        del args, kwargs
        async with _bleak_errors():
            await self._connected().pair()

    async def unpair(self) -> None:
        """Forget the bond."""
        device = await self.receiver.device()
        with suppress(KeyError, BaseBumbleError):
            await device.keystore.delete(self.address)

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **kwargs: Any) -> bytearray:
        """The characteristic's value."""
        del kwargs
        async with _bleak_errors():
            return bytearray(await self._client().read_value(characteristic.handle))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, **kwargs: Any) -> bytearray:
        """The descriptor's value."""
        del kwargs
        async with _bleak_errors():
            return bytearray(await self._client().read_value(descriptor.handle))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: Any, response: bool) -> None:
        """Write, with or without a response."""
        async with _bleak_errors():
            await self._client().write_value(characteristic.handle, bytes(data), with_response=response)

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        """Write with a response."""
        async with _bleak_errors():
            await self._client().write_value(descriptor.handle, bytes(data), with_response=True)

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: Callable[[bytearray], None], **kwargs: Any
    ) -> None:
        """Subscribe; an indication is confirmed only after `callback` returned, and not at all when it raised.

        The order is bumble's: its client calls the subscribers synchronously and then sends the confirmation.
        """
        del kwargs
        gatt = self._client()
        async with _bleak_errors():
            try:
                await characteristic.obj.subscribe(lambda value: callback(bytearray(value)))
            except BaseException:
                # bumble keeps a subscriber that was refused: after the next try everything would come twice.
                for kept in (gatt.notification_subscribers, gatt.indication_subscribers):
                    kept.pop(characteristic.handle, None)
                raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        self._connected()
        async with _bleak_errors():
            await characteristic.obj.unsubscribe(force=True)

    def _connected(self) -> Any:
        if self._link is None:
            raise BleakError("not connected")
        return self._link

    def _client(self) -> Any:
        self._connected()
        return self._peer.gatt_client


def client_backend(receiver: Receiver) -> type[BaseBleakClient]:
    """A class for `BleakClient(backend=...)` that connects through `receiver`."""
    return type("BumbleClient", (BumbleClient,), {"receiver": receiver})


def _service_collection(peer: Any) -> BleakGATTServiceCollection:
    services = BleakGATTServiceCollection()
    for found in peer.services:
        service = BleakGATTService(found, found.handle, _text(found.uuid))
        services.add_service(service)
        for one in found.characteristics:
            names = [name for bit, name in _PROPERTIES if int(one.properties) & bit]
            char = BleakGATTCharacteristic(one, one.handle, _text(one.uuid), names, lambda: MTU - 3, service)
            services.add_characteristic(char)
            for descriptor in one.descriptors:
                services.add_descriptor(
                    BleakGATTDescriptor(descriptor, descriptor.handle, _text(descriptor.type), char)
                )
    return services


def _text(found: Any) -> str:
    return long_uuid(found.uuid_bytes)
