"""The scan of one adapter: begun, rested while a device is called, begun anew when it died or heard nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from bleak import BleakScanner
from bleak.args.bluez import BlueZScannerArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from firmware_profiles.model import Advert
from gateway.adverts import Ear
from gateway.link import RadioFailure
from gateway.log import log
from gateway.radio_failures import bound
from gateway.radio_passive import Patterns

CALL_TIMEOUT: Final = 10.0
# An adapter that takes its time to fail is asked less often: the others must not wait for it.
SLOW: Final = 1.0
PATIENCE: Final = 3.0


class Sight:
    """A device as this adapter last heard it."""

    def __init__(self, device: BLEDevice, at: float, rssi: int) -> None:
        self.device, self.at, self.rssi = device, at, rssi

    @property
    def bonded(self) -> bool:
        """Whether this adapter has a bond with it: a bond belongs to the adapter it was made with."""
        details = self.device.details
        return bool(details.get("props", {}).get("Paired")) if isinstance(details, dict) else False


class AdapterEar:
    """The ear of `adapter` (None: the first); `hear` gets every advert and whether it differs from the one before.

    `turn` is held by whoever must have the adapter for himself. `wanted` tells what a passive scan would have to look
    for; empty means an active one. `powered` tells whether an adapter is on.
    """

    def __init__(
        self,
        adapter: str | None,
        hear: Callable[[Advert, bool], None],
        wanted: Callable[[], Patterns],
        powered: Callable[[str | None], Awaitable[bool]],
        backend: type[BaseBleakScanner] | None,
    ) -> None:
        self.adapter, self.turn = adapter, asyncio.Lock()
        self.sights: dict[str, Sight] = {}
        self._hear, self._wanted, self._powered, self._backend = hear, wanted, powered, backend
        self._ear = Ear()
        self._scanner: BleakScanner | None = None
        self._patterns: Patterns = ()
        self._refused_passive = False
        self._heard_at, self._again = 0.0, 0.0
        self._late: tuple[BleakScanner, asyncio.Task[None]] | None = None
        self._failure: RadioFailure | None = None

    @property
    def listens(self) -> bool:
        """Whether there is a scan."""
        return self._scanner is not None

    async def scan(self) -> None:
        """Listen, unless it does; raises RadioFailure. The caller holds `turn`."""
        if self.listens:
            return
        began = asyncio.get_running_loop().time()
        self._patterns = self._wanted()
        try:
            self._scanner = await self._begin()
        except RadioFailure as failure:
            now = asyncio.get_running_loop().time()
            slow = now - began if now - began >= SLOW else 0.0
            self._failure, self._again = failure, now + PATIENCE * slow
            raise
        self._failure, self._heard_at = None, asyncio.get_running_loop().time()

    async def rest(self) -> None:
        """Listen no more; a scan that already died is no failure. The caller holds `turn`."""
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            with suppress(RadioFailure):
                await bound(scanner.stop(), CALL_TIMEOUT)

    async def stir(self) -> None:
        """The adapter was switched or BlueZ started anew: the scan is over, and may be tried again at once."""
        self._again, self._refused_passive = 0.0, False
        self.sights.clear()
        async with self.turn:
            await self.rest()

    async def check(self, silence: float) -> bool:
        """Begin anew without a scan, without a fitting one, or after `silence` seconds of nothing; whether it was."""
        now = asyncio.get_running_loop().time()
        fits = self.listens and self._patterns == self._wanted()
        if self.turn.locked() or (fits and now - self._heard_at < silence):
            return False
        if not self.listens and self._failure is not None and now < self._again:
            raise self._failure
        # A powered-off adapter ends a scan without any exception: only starting anew tells.
        async with self.turn:
            await self.rest()
            await self.scan()
        return True

    def forget(self, address: str) -> None:
        """Know the device no more."""
        self.sights.pop(address, None)

    def _bluez(self) -> BlueZScannerArgs:
        return BlueZScannerArgs(adapter=self.adapter) if self.adapter else BlueZScannerArgs()

    async def _start(self, scanner: BleakScanner) -> BleakScanner:
        """Start it, or go on waiting for the one whose start took too long.

        While a bond is being made BlueZ lets a scan wait. Given up on, it begins all the same, for nobody, and from
        then on this process hears no more than InProgress.
        """
        late, self._late = self._late, None
        scanner, call = late or (scanner, asyncio.ensure_future(scanner.start()))
        await asyncio.wait({call}, timeout=CALL_TIMEOUT)
        if not call.done():
            self._late = scanner, call
            raise RadioFailure("timeout", "BlueZ lets the scan wait")
        await bound(call, CALL_TIMEOUT)
        return scanner

    async def _begin(self) -> BleakScanner:
        if self._patterns and not self._refused_passive:
            if not await self._powered(self.adapter):
                # BlueZ 5.66 takes a monitor while the adapter is off, and that one stays deaf when it is on again.
                raise RadioFailure("bluetooth-off")
            scanner = BleakScanner(
                self._on_advert,
                scanning_mode="passive",
                bluez={**self._bluez(), "or_patterns": list(self._patterns)},
                backend=self._backend,
            )
            try:
                return await self._start(scanner)
            except RadioFailure as failure:
                if failure.code in {"bluetooth-off", "no-bluetooth", "bluetooth-denied", "timeout"}:
                    raise
                self._refused_passive = True
                log("passive_scan_refused", adapter=self.adapter or "", code=failure.code)
        scanner = BleakScanner(self._on_advert, scanning_mode="active", bluez=self._bluez(), backend=self._backend)
        return await self._start(scanner)

    def _on_advert(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        address = device.address.upper()
        self.sights.pop(address, None)
        self.sights[address] = Sight(device, self._heard_at, data.rssi)
        while len(self.sights) > self._ear.capacity:
            self.sights.pop(next(iter(self.sights)))
        self._hear(
            *self._ear.hear(
                address, data.local_name, data.rssi, data.service_uuids, data.service_data, data.manufacturer_data
            )
        )
