"""One device an adapter has heard (org.bluez.Device1): adverts merged as BlueZ merges them, links, bonds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bleak.exc import BleakError
from bumble.att import ATT_Error, ErrorCode
from bumble.core import BaseBumbleError
from bumble.device import Peer
from dbus_fast import Message, Variant

from simulators.backend import MTU, advertisement_data
from simulators.bluez.gatt import Table
from simulators.bluez.tree import DEVICE, Answer, Properties, Refusal

if TYPE_CHECKING:
    from simulators.bluez.adapter import Adapter

PATIENCE: Final = 20.0
HANG_UP: Final = 2.0
INSUFFICIENT: Final = {
    ErrorCode.INSUFFICIENT_AUTHENTICATION,
    ErrorCode.INSUFFICIENT_ENCRYPTION,
    ErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
}
# What BlueZ answers when the link breaks, or is broken by a failed pairing, in the middle of a request.
BROKEN: Final = Refusal("Failed", "Operation failed with ATT error: 0x0e (Unlikely Error)")
ABORTED: Final = Refusal("Failed", "le-connection-abort-by-local")
TROUBLE: Final = (BaseBumbleError, BleakError, TimeoutError, asyncio.CancelledError)
T = TypeVar("T")


def device_path(adapter: str, address: str) -> str:
    """The object path of a device."""
    return f"{adapter}/dev_{address.replace(':', '_')}"


class Device:
    """A device of `adapter`; on the bus once it `appear`ed."""

    def __init__(self, adapter: Adapter, address: str, path: str) -> None:
        self.adapter, self.address, self.path = adapter, address, path
        self.tree = adapter.tree
        self.heard_at = 0.0
        self.gone = asyncio.Event()
        self._link: Any = None
        self._table: Table | None = None
        self._reaching: asyncio.Task[None] | None = None

    @property
    def kept(self) -> bool:
        """Whether BlueZ remembers it though it falls silent."""
        return self._link is not None or self._reaching is not None or self._is("Paired")

    def merged(self, structures: Sequence[tuple[int, bytes]], rssi: int) -> Properties:
        """The properties after an advert: entries of earlier ones stay, as in BlueZ."""
        found = advertisement_data(list(structures), rssi)
        old = self.tree.objects.get(self.path, {}).get(DEVICE, {})
        uuids = [*(old["UUIDs"].value if "UUIDs" in old else []), *found.service_uuids]
        told = {"RSSI": Variant("n", rssi), "UUIDs": Variant("as", list(dict.fromkeys(uuids)))}
        if found.local_name:
            told |= {"Name": Variant("s", found.local_name), "Alias": Variant("s", found.local_name)}
        kinds = (("ServiceData", "a{sv}", found.service_data), ("ManufacturerData", "a{qv}", found.manufacturer_data))
        for name, signature, data in kinds:
            if data:
                before = old[name].value if name in old else {}
                told[name] = Variant(signature, {**before, **{key: Variant("ay", raw) for key, raw in data.items()}})
        return told

    def appear(self, told: Properties, *, bonded: bool = False) -> None:
        """Be on the bus with what the last advert told."""
        if self.path in self.tree.objects:
            self.tree.change(self.path, DEVICE, **told)
            return
        no = Variant("b", False)
        first = {
            "Address": Variant("s", self.address), "AddressType": Variant("s", "random"),
            "Alias": Variant("s", self.address.replace(":", "-")), "Paired": Variant("b", bonded),
            "Bonded": Variant("b", bonded), "Trusted": no, "Blocked": no, "LegacyPairing": no, "Connected": no,
            "ServicesResolved": no, "Adapter": Variant("o", self.adapter.path), "UUIDs": Variant("as", []),
        }  # fmt: skip
        self.tree.add(self.path, {DEVICE: {**first, **told}})
        self.tree.offer(
            self.path,
            DEVICE,
            Connect=self._connect,
            Disconnect=self._disconnect,
            Pair=self._pair,
            CancelPairing=self._cancel_pairing,
        )

    # -- methods

    async def _connect(self, message: Message) -> Answer | None:
        del message
        await self._reach()
        return None

    async def _disconnect(self, message: Message) -> Answer | None:
        del message
        if self._reaching is not None:
            self._reaching.cancel()
            return None
        if self._link is None:
            raise Refusal("NotConnected", "Not Connected")
        with suppress(TimeoutError):
            async with asyncio.timeout(self.adapter.manners.goodbye):
                await self.gone.wait()
        await self.hang_up()
        return None

    async def _pair(self, message: Message) -> Answer | None:
        del message
        if self._is("Paired"):
            raise Refusal("AlreadyExists", "Already Exists")
        if self.adapter.agents.default is None:
            raise Refusal("AuthenticationFailed", "Authentication Failed")
        await self._reach()
        if not await self._bond():
            raise Refusal("AuthenticationFailed", "Authentication Failed")
        return None

    async def _cancel_pairing(self, message: Message) -> Answer | None:
        del message
        await self.hang_up()
        return None

    # -- links and bonds

    async def secured(self, ask: Callable[[], Awaitable[T]], *, patient: bool = False) -> T:
        """The answer of `ask`, after bonding when the device wants that; without an agent a subscription never ends."""
        try:
            return await ask()
        except ATT_Error as error:
            if error.error_code not in INSUFFICIENT:
                raise
        if self._is("Paired") or (self.adapter.agents.default is None and not patient):
            raise Refusal("NotPermitted", "Not paired")
        if self.adapter.agents.default is None:
            await self.gone.wait()
            raise BROKEN
        if not await self._bond():
            raise BROKEN
        return await ask()

    async def hang_up(self) -> None:
        """End the link, at once."""
        if self._reaching is not None:
            self._reaching.cancel()
        link = self._link
        if link is not None:
            with suppress(BaseBumbleError, TimeoutError):
                async with asyncio.timeout(HANG_UP):
                    await link.disconnect()
                    await self.gone.wait()

    async def forget_bond(self) -> None:
        """Lose our half of the bond."""
        for peer, _ in await self.adapter.receiver.bonds.get_all():
            if peer.startswith(self.address):
                await self.adapter.receiver.bonds.delete(peer)

    async def _reach(self) -> None:
        if not self.adapter.powered:
            raise Refusal("NotReady", "Resource Not Ready")
        if self._reaching is not None:
            raise Refusal("InProgress", "In Progress")
        if self._link is not None:
            return
        self._reaching = asyncio.ensure_future(self._call())
        try:
            await self._reaching
        except TROUBLE as error:
            await self.hang_up()
            raise ABORTED from error
        finally:
            self._reaching = None

    async def _call(self) -> None:
        link = await self.adapter.receiver.link(self.address, PATIENCE)
        self._link = link
        self.gone.clear()
        link.on(link.EVENT_DISCONNECTION, self._lost)
        self.tree.change(self.path, DEVICE, Connected=Variant("b", True))
        if self._is("Paired"):
            # The kernel raises the security of a bonded device at once, and hangs up when the device has lost its key.
            await link.encrypt()
        self.tree.spawn(self._explore(link))

    async def _explore(self, link: Any) -> None:
        peer = Peer(link)
        try:
            await peer.request_mtu(MTU)
            await peer.discover_all()
        except TROUBLE:
            return
        if self._link is link:
            self._table = Table(self, peer)
            uuids = self._table.export()
            known = self.tree.get(self.path, DEVICE, "UUIDs")
            self.tree.change(
                self.path,
                DEVICE,
                UUIDs=Variant("as", list(dict.fromkeys([*known, *uuids]))),
                ServicesResolved=Variant("b", True),
            )

    async def _bond(self) -> bool:
        link = self._link
        self.adapter.unbusy.clear()
        try:
            await link.pair()
        except TROUBLE:
            # The kernel hangs up after a failed pairing.
            await self.hang_up()
            return False
        finally:
            self.adapter.unbusy.set()
        yes = Variant("b", True)
        self.tree.change(self.path, DEVICE, Paired=yes, Bonded=yes)
        return True

    def _lost(self, reason: int) -> None:
        del reason
        self._link = None
        self.heard_at = asyncio.get_running_loop().time()
        if self._table is not None:
            self._table.withdraw()
            self._table = None
        no = Variant("b", False)
        self.tree.change(self.path, DEVICE, ServicesResolved=no, Connected=no)
        self.gone.set()

    def _is(self, name: str) -> bool:
        return self.path in self.tree.objects and bool(self.tree.get(self.path, DEVICE, name))
