"""Bonds, and what is done when the device has lost its half of one (a new battery, a reset, another phone).

Linux encrypts the link to a bonded device at once and hangs up when the device no longer knows the key: seen from here
it is reached and lost again at once, over and over. A weak signal looks much the same, so it takes two visits to give a
bond up, unless BlueZ says in words that the authentication failed. Then our half is removed, and the next visit bonds
anew if the device is willing: if not, a person must put it into pairing mode.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bleak import BleakClient

from gateway.link import RadioFailure
from gateway.log import log
from gateway.radio_failures import bound

if TYPE_CHECKING:
    from gateway.radio_bus import BluezBus, Flaps

PAIR_TIMEOUT: Final = 60.0
# BlueZ 5.66 sometimes never answers a Pair that succeeded.
ANSWER_GRACE: Final = 2.0
ENOUGH: Final = 3
SURE: Final = 6


class Bond:
    """The bond with one device; outside BlueZ (and in simulations) nothing is known of it and nothing needs healing."""

    async def reach(self, client: BleakClient, seconds: float) -> None:
        """Connect within `seconds`; raises RadioFailure."""
        await bound(client.connect(), seconds)

    async def renew(self, client: BleakClient) -> None:
        """Bond again when the old bond had to be given up; raises RadioFailure `re-pair-needed`."""

    async def make(self, client: BleakClient) -> None:
        """Bond; raises RadioFailure."""
        await bound(client.pair(), PAIR_TIMEOUT)

    async def missing(self) -> bool:
        """Whether it is known that there is none."""
        return False


class Bonds:
    """What is known of all bonds while the gateway runs: doubts about a bond by address, and bonds given up."""

    def __init__(self, bus: BluezBus) -> None:
        self._bus = bus
        self._doubts: dict[str, int] = {}
        self._given_up: set[str] = set()

    def of(self, address: str, path: str) -> BluezBond:
        """The bond with the device at the object path `path`."""
        return BluezBond(self, address, path)

    def doubt(self, address: str, flaps: Flaps) -> bool:
        """Count what speaks against a bond; whether it is surely lost."""
        weight = SURE if flaps.refused else ENOUGH if flaps.vanished else min(flaps.dropped, ENOUGH)
        self._doubts[address] = self._doubts.get(address, 0) + weight
        return self.surely_lost(address)

    def surely_lost(self, address: str) -> bool:
        """Whether the device has certainly lost its half of the bond."""
        return self._doubts.get(address, 0) >= SURE

    def trust(self, address: str) -> None:
        """The device was reached: whatever was wrong, it was not the bond."""
        self._doubts.pop(address, None)

    def made(self, address: str) -> None:
        """There is a new bond."""
        self._given_up.discard(address)

    def given_up(self, address: str) -> bool:
        """Whether a bond had to be given up and no other one was made since."""
        return address in self._given_up

    async def paired(self, path: str) -> bool:
        """Whether BlueZ has a bond."""
        return self._bus.connected and await self._bus.paired(path)

    async def give_up(self, address: str, path: str) -> None:
        """Remove our half of a lost bond; when BlueZ is away just now, the next visit does it."""
        self._doubts[address] = SURE
        with suppress(RadioFailure):
            await self._bus.forget(path)
            self._doubts.pop(address, None)
            self._given_up.add(address)
            log("bond_given_up")

    async def watched(self, address: str, path: str, client: BleakClient, seconds: float) -> None:
        """Connect to a bonded device; raises RadioFailure `bond-lost` once that is certain."""
        async with self._bus.calling(path) as flaps:
            failure = await _call(client, seconds, flaps)
        if failure is None:
            self.trust(address)
        elif self.doubt(address, flaps):
            await self.give_up(address, path)
            raise RadioFailure("bond-lost", str(failure)) from failure
        else:
            raise failure

    async def pair(self, path: str, client: BleakClient) -> None:
        """Bond, taking BlueZ's word for it that there is a bond though its answer does not come."""
        async with self._bus.calling(path) as flaps:
            call = asyncio.ensure_future(bound(client.pair(), PAIR_TIMEOUT))
            seen = asyncio.ensure_future(flaps.paired.wait())
            try:
                await asyncio.wait({call, seen}, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait({call}, timeout=ANSWER_GRACE if seen.done() else None)
                if call.done():
                    await call
            finally:
                for task in (call, seen):
                    task.cancel()
                await asyncio.gather(call, seen, return_exceptions=True)


class BluezBond(Bond):
    """The bond with one device on BlueZ."""

    def __init__(self, bonds: Bonds, address: str, path: str) -> None:
        self._bonds, self._address, self._path = bonds, address, path

    async def reach(self, client: BleakClient, seconds: float) -> None:
        """Connect; raises RadioFailure, `bond-lost` when the device has certainly forgotten us."""
        if not await self._bonds.paired(self._path):
            await super().reach(client, seconds)
        elif self._bonds.surely_lost(self._address):
            await self._bonds.give_up(self._address, self._path)
            raise RadioFailure("bond-lost")
        else:
            await self._bonds.watched(self._address, self._path, client, seconds)

    async def renew(self, client: BleakClient) -> None:
        """Bond again at once after a lost bond: the person with the device in hand is not there for long."""
        if not self._bonds.given_up(self._address):
            return
        try:
            await self._bonds.pair(self._path, client)
        except RadioFailure as failure:
            raise RadioFailure("re-pair-needed", str(failure)) from failure
        self._bonds.made(self._address)

    async def make(self, client: BleakClient) -> None:
        """Bond, unless there is a bond: Linux would have hung up already if the device knew nothing of it."""
        if await self._bonds.paired(self._path):
            return
        await self._bonds.pair(self._path, client)
        self._bonds.made(self._address)

    async def missing(self) -> bool:
        """Whether BlueZ knows the device and has no bond with it."""
        return not await self._bonds.paired(self._path)


async def _call(client: BleakClient, seconds: float, flaps: Flaps) -> RadioFailure | None:
    """What kept the device from being reached; given up as soon as going on would tell nothing more."""
    call = asyncio.ensure_future(bound(client.connect(), seconds))
    doubts = asyncio.ensure_future(_enough(flaps))
    try:
        await asyncio.wait({call, doubts}, return_when=asyncio.FIRST_COMPLETED)
        if not call.done():
            return RadioFailure("unreachable", "reached and lost again at once")
        await call
    except RadioFailure as failure:
        return failure
    finally:
        for task in (call, doubts):
            task.cancel()
        await asyncio.gather(call, doubts, return_exceptions=True)
    return None


async def _enough(flaps: Flaps) -> None:
    """Return when going on would tell nothing more."""
    while not (flaps.refused or flaps.vanished or flaps.dropped >= ENOUGH):
        flaps.noted.clear()
        await flaps.noted.wait()
