"""A gateway process's end of the air: a bumble host on an HCI connection, kept alive across a restart of the air."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakError
from bumble.core import BaseBumbleError
from bumble.device import Device
from bumble.hci import Address, HCI_LE_Create_Connection_Cancel_Command
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import StreamPacketSink, StreamPacketSource, Transport

from simulators.address import Place, parse_place
from simulators.clock import decode_offset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RETRY_SECONDS = 0.1
LINK_LOST = 0x08


class _Source(StreamPacketSource):  # type: ignore[misc]  # bumble is untyped here
    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.on_transport_lost()


class _Keyboard(PairingDelegate):  # type: ignore[misc]  # bumble is untyped here
    """Lets a person type the number a device shows."""

    def __init__(self, ask: Callable[[str], Awaitable[int | None]], peer: Address) -> None:
        super().__init__(self.KEYBOARD_INPUT_ONLY)
        self._ask, self._peer = ask, peer.to_string(with_type_qualifier=False)

    async def get_number(self) -> int | None:
        """The number, None when the person gives none."""
        return await self._ask(self._peer)


class Receiver:
    """The simulated Bluetooth adapter of one gateway, on the air at `place`.

    `listeners` get every advertisement. While somebody listens, a lost air is looked for again until it is back.
    Raises BleakBluetoothNotAvailableError when the air cannot be reached at first use.
    """

    def __init__(self, place: Place | str) -> None:
        self.place = parse_place(place) if isinstance(place, str) else place
        self.listeners: list[Callable[[Any], None]] = []
        self.connecting = asyncio.Lock()
        # Bonds outlive a restart of the air, as they do on a real adapter.
        self._keys = MemoryKeyStore()
        self._offset = timedelta()
        self._address = Address.generate_static_address()
        self._opening = asyncio.Lock()
        self._device: Any = None
        self._wire: Any = None
        self._watch: asyncio.Task[None] | None = None
        self._off = False
        # Asks a person for the number a device shows while bonding (BlueZ asks an agent).
        self.passkey: Callable[[str], Awaitable[int | None]] | None = None

    def now(self) -> datetime:
        """The time on the air's calendar: real time unless a replay turned it."""
        return datetime.now(UTC) + self._offset

    async def device(self) -> Any:
        """The powered bumble device, opened at first use."""
        async with self._opening:
            if self._device is None:
                await self._open()
            return self._device

    async def listen(self, listener: Callable[[Any], None]) -> None:
        """Scan, and hand every advertisement to `listener`."""
        device = await self.device()
        self.listeners.append(listener)
        if not device.scanning:
            await device.start_scanning(active=False, filter_duplicates=False)

    async def ignore(self, listener: Callable[[Any], None]) -> None:
        """Stop handing advertisements to `listener`; the last one to go ends the scan."""
        if listener in self.listeners:
            self.listeners.remove(listener)
        if not self.listeners and self._device is not None and self._device.scanning:
            # With a disconnection under way bumble takes its answer for this command's, and asserts that it is not.
            with suppress(BaseBumbleError, RuntimeError, AssertionError):
                await self._device.stop_scanning()

    async def link(self, address: str, patience: float) -> Any:
        """A connection to `address`; raises TimeoutError when it does not answer within `patience` seconds."""
        device = await self.device()
        async with self.connecting:
            try:
                link = await device.connect(Address(address), timeout=patience)
            except asyncio.CancelledError:
                # bumble forgets to call the request back, and the next one would be refused.
                await asyncio.shield(device.host.send_sync_command(HCI_LE_Create_Connection_Cancel_Command()))
                raise
        if device.connections.get(link.handle) is not link:
            # Established and lost in one breath: another gateway was quicker.
            raise BleakError("disconnected")
        return link

    async def close(self) -> None:
        """Leave the air."""
        self.listeners.clear()
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        if self._wire is not None:
            await self._wire.close()
        self._device = self._wire = self._watch = None

    def switch(self, *, on: bool) -> None:
        """Switch the adapter on or off, as rfkill does."""
        self._off = not on
        if self._off:
            self.tear()

    def tear(self) -> None:
        """Lose the HCI connection at once, as a killed process does; the next use opens another."""
        if self._wire is not None:
            self._wire.sink.transport.abort()

    async def _open(self) -> None:
        loop, place = asyncio.get_running_loop(), self.place
        if self._off:
            off = BleakBluetoothNotAvailableReason.POWERED_OFF
            raise BleakBluetoothNotAvailableError("the simulated adapter is off", off)
        try:
            if place.path is not None:
                pipe, source = await loop.create_unix_connection(_Source, place.path)
            else:
                pipe, source = await loop.create_connection(_Source, place.host, place.port)
        except OSError as error:
            message = f"no simulated air at {place}"
            raise BleakBluetoothNotAvailableError(message, BleakBluetoothNotAvailableReason.NO_BLUETOOTH) from error
        self._wire = Transport(source, StreamPacketSink(pipe))
        device = Device.with_hci("gateway", self._address, source, self._wire.sink)
        device.keystore = self._keys
        device.pairing_config_factory = lambda link: PairingConfig(
            sc=True, mitm=False, bonding=True, delegate=self._face(link.peer_address)
        )
        device.on(device.EVENT_ADVERTISEMENT, self._hear)
        device.host.on("vendor_event", self._turn)
        await device.power_on()
        self._device = device
        self._watch = asyncio.create_task(self._survive(source, device))

    def _face(self, peer: Address) -> PairingDelegate:
        return _Keyboard(self.passkey, peer) if self.passkey else PairingDelegate()

    def _turn(self, event: Any) -> None:
        self._offset = decode_offset(bytes(event.data))

    def _hear(self, advertisement: Any) -> None:
        # bumble's controller repeats every advert as a made-up scan response.
        if not advertisement.is_scan_response:
            for listener in tuple(self.listeners):
                listener(advertisement)

    async def _survive(self, source: Any, device: Any) -> None:
        await source.terminated
        self._device = None
        for handle in tuple(device.connections):
            device.on_disconnection(handle, LINK_LOST)
        while self.listeners:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(BleakBluetoothNotAvailableError, BaseBumbleError, OSError):
                again = await self.device()
                await again.start_scanning(active=False, filter_duplicates=False)
                return
