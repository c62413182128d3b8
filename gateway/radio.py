"""The only door to Bluetooth (bleak): every adapter listens, the one that hears a device best calls it.

`scanner_backend` and `client_backend` are handed to bleak as `backend=`; None means the platform's own. On Linux that
is BlueZ, and then the radio also follows on the message bus what bleak does not tell (`gateway.radio_bus`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from bleak import BleakClient
from bleak.args.bluez import BlueZClientArgs
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner

from firmware_profiles.model import Advert
from gateway.link import Heard, RadioFailure
from gateway.log import log
from gateway.radio_bonds import Bond, Bonds
from gateway.radio_ear import CALL_TIMEOUT, AdapterEar, Sight
from gateway.radio_failures import bound
from gateway.radio_link import BleakLink
from gateway.radio_passive import Patterns

if TYPE_CHECKING:
    from gateway.radio_bus import Adapter, BluezBus

# BlueZ forgets a device half a minute after its last advert.
FORGOTTEN: Final = 25.0
CONNECT_TIMEOUT: Final = 20.0
# Two adapters hear a device the same within this many dB.
ALIKE: Final = 3
# The adapters of one machine hear the same advert within this time.
HEARD_OUT: Final = 0.3


class BleakRadio:
    """All adapters of the machine, or the ones named in `adapter` (such as `hci1` or `hci0,hci1`).

    `wanted` tells at any moment what a passive scan would have to look for (see `radio_passive`); without it, or while
    it tells nothing, scans are active.
    """

    def __init__(
        self,
        adapter: str | None = None,
        scanner_backend: type[BaseBleakScanner] | None = None,
        client_backend: type[BaseBleakClient] | None = None,
        *,
        wanted: Callable[[], Patterns] = lambda: (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._named = tuple(name.strip() for name in adapter.split(",") if name.strip()) if adapter else ()
        self._scanner_backend = scanner_backend
        self._client_backend = client_backend
        self._wanted, self._now = wanted, now
        self._bluez = scanner_backend is None and client_backend is None and sys.platform == "linux"
        self._ears: dict[str | None, AdapterEar] = {}
        self._bus: BluezBus | None = None
        self._bonds: Bonds | None = None
        self._listen: Callable[[Heard], None] | None = None
        self._stale = True
        self._failing: dict[str | None, str] = {}
        self._stirring: set[asyncio.Task[None]] = set()
        self._open: set[Callable[[], None]] = set()

    async def start(self, listen: Callable[[Heard], None]) -> None:
        """Scan until `stop`; raises RadioFailure when there is no usable adapter."""
        self._listen = listen
        await self._gather()
        failures = [failure for ear in self._ears.values() if (failure := await _tried(ear))]
        if len(failures) == len(self._ears):
            await self.stop()
            raise failures[0]

    async def stop(self) -> None:
        """Stop scanning; a scan that already died is no failure."""
        self._listen = None
        for ear in self._ears.values():
            async with ear.turn:
                await ear.rest()
        if self._bus is not None:
            self._bus.close()

    async def check(self, silence: float) -> bool:
        """Start every scan anew that is missing or heard nothing at all for `silence` seconds; whether one was.

        Raises RadioFailure when no adapter hears: one that fails does not deafen the others.
        """
        await self._gather()
        restarted, failures = False, []
        for ear in tuple(self._ears.values()):
            try:
                restarted = await ear.check(silence) or restarted
                self._tell(ear, "")
            except RadioFailure as failure:
                failures.append(failure)
                self._tell(ear, failure.code)
        if failures and len(failures) == len(self._ears):
            raise failures[0]
        return restarted

    @asynccontextmanager
    async def connect(self, address: str, gone: Callable[[], None]) -> AsyncIterator[BleakLink]:
        """A connection to a device heard lately; `gone` is called when it hangs up."""
        address = address.upper()
        ear, device = await self._find(address)
        bond = self._bond(address, device)
        client = BleakClient(
            device,
            disconnected_callback=lambda _: gone(),
            timeout=CONNECT_TIMEOUT,
            backend=self._client_backend,
            bluez=BlueZClientArgs(adapter=ear.adapter) if ear.adapter else BlueZClientArgs(),
        )
        try:
            async with ear.turn:
                # Connecting while scanning takes ten times as long on BlueZ, and weak adapters cannot do both.
                await ear.rest()
                try:
                    await bond.reach(client, CONNECT_TIMEOUT + CALL_TIMEOUT)
                finally:
                    if self._listen:
                        # A link is not given up because the ear does not come back: `check` looks after that.
                        with suppress(RadioFailure):
                            await ear.scan()
            await bond.renew(client)
            self._open.add(gone)
            yield BleakLink(client, bond)
        except RadioFailure as failure:
            if failure.code == "bond-lost":
                ear.forget(address)
            raise
        finally:
            self._open.discard(gone)
            with suppress(RadioFailure):
                await bound(client.disconnect(), CALL_TIMEOUT)

    def _tell(self, ear: AdapterEar, code: str) -> None:
        """Log what ails an adapter when that changes: while another one hears, nobody else says so."""
        if self._failing.get(ear.adapter, "") != code:
            self._failing[ear.adapter] = code
            log("adapter_failed" if code else "adapter_hears", adapter=ear.adapter or "", code=code)

    # -- adapters

    async def _gather(self) -> None:
        """An ear for each adapter that is there, and none for one that is gone."""
        if not self._bluez:
            self._ears = self._ears or {None: self._ear(self._named[0] if self._named else None)}
            return
        if not self._stale and self._ears and self._bus is not None and self._bus.connected:
            return
        there = [one.name for one in await self._present()]
        names = self._named or tuple(there) or (None,)
        for name in [name for name in self._ears if name not in names]:
            await self._ears.pop(name).stir()
        for name in names:
            if name not in self._ears:
                self._ears[name] = self._ear(name)

    async def _present(self) -> list[Adapter]:
        """The adapters BlueZ knows; none while there is no BlueZ (bleak then says why)."""
        from gateway.radio_bus import BluezBus

        try:
            if self._bus is None or not self._bus.connected:
                self._bus = BluezBus(self._on_stir)
                await self._bus.open()
                self._bonds = Bonds(self._bus)
            # What changes from now on is seen again.
            self._stale = False
            return await self._bus.adapters()
        except RadioFailure:
            self._stale = True
            return []

    def _ear(self, name: str | None) -> AdapterEar:
        return AdapterEar(name, self._hear, self._wanted, self._powered, self._scanner_backend)

    async def _powered(self, name: str | None) -> bool:
        """Whether an adapter is on as far as BlueZ tells; bleak itself looks for one that is when none is named."""
        if self._bus is None or name is None:
            return True
        return any(one.powered for one in await self._bus.adapters() if one.name == name)

    def _on_stir(self, adapter: str | None) -> None:
        """An adapter was switched, came or went; None: BlueZ itself. The next `check` starts the scans that died."""
        self._stale = True
        if adapter is None:
            # bleak believes in links that died with BlueZ.
            for gone in tuple(self._open):
                gone()
        for name, ear in self._ears.items():
            if adapter is None or name in {adapter, None}:
                log("adapter_changed", adapter=name or "")
                task = asyncio.ensure_future(ear.stir())
                self._stirring.add(task)
                task.add_done_callback(self._stirring.discard)

    async def _find(self, address: str) -> tuple[AdapterEar, BLEDevice]:
        """The adapter to call a device with: one that has a bond with it, else the one that hears it best."""
        heard = self._sights(address)
        if not heard:
            raise RadioFailure("not-heard")
        if len(heard) < sum(ear.listens for ear in self._ears.values()):
            await asyncio.sleep(HEARD_OUT)
            heard = self._sights(address) or heard
        ear, sight = max(heard, key=lambda one: (one[1].bonded, one[1].rssi // ALIKE, one[1].at))
        return ear, sight.device

    def _sights(self, address: str) -> list[tuple[AdapterEar, Sight]]:
        """Who heard a device lately."""
        oldest = asyncio.get_running_loop().time() - FORGOTTEN
        heard = [(ear, ear.sights[address]) for ear in self._ears.values() if address in ear.sights]
        return [(ear, sight) for ear, sight in heard if sight.at >= oldest]

    def _bond(self, address: str, device: BLEDevice) -> Bond:
        if self._bonds is None or not isinstance(device.details, dict):
            return Bond()
        return self._bonds.of(address, device.details["path"])

    def _hear(self, advert: Advert, changed: bool) -> None:
        if self._listen:
            self._listen(Heard(advert, self._now(), changed))


async def _tried(ear: AdapterEar) -> RadioFailure | None:
    """What kept an adapter from listening."""
    try:
        async with ear.turn:
            await ear.scan()
    except RadioFailure as failure:
        return failure
    return None
