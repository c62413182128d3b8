"""An open connection through bleak: every call within its time, every failure with a code."""

from __future__ import annotations

from typing import Final

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError

from gateway.link import RadioFailure, Receive
from gateway.radio_bonds import Bond
from gateway.radio_failures import bound

CALL_TIMEOUT: Final = 10.0


class BleakLink:
    """An open bleak connection; `bond` is what the machine knows of the device."""

    def __init__(self, client: BleakClient, bond: Bond) -> None:
        self._client, self._bond = client, bond

    @property
    def connected(self) -> bool:
        """Whether the device is still there."""
        return self._client.is_connected

    def has(self, characteristic: str, service: str | None = None) -> bool:
        """Whether the device offers the characteristic (inside `service`)."""
        return self._find(characteristic, service) is not None

    def tellers(self) -> list[tuple[str, str]]:
        """(service, characteristic) of everything that notifies or indicates."""
        return [
            (item.uuid, found.uuid)
            for item in self._client.services
            for found in item.characteristics
            if {"notify", "indicate"} & set(found.properties)
        ]

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
        try:
            await bound(self._client.start_notify(target, lambda _, data: receive(bytes(data))), CALL_TIMEOUT)
        except RadioFailure as failure:
            # BlueZ bonds on its own when a subscription needs it, and says no more than 0x0E when that was refused.
            if failure.code == "refused" and not self.connected and await self._bond.missing():
                raise RadioFailure("not-paired", str(failure)) from failure
            raise

    async def pair(self) -> None:
        """Bond with the device; the agent answers for the person."""
        if not self.connected:
            # BlueZ would call the device back in the middle of whatever it does now.
            raise RadioFailure("not-paired", "the device hung up")
        await self._bond.make(self._client)

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
