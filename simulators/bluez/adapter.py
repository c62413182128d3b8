"""One adapter (org.bluez.Adapter1): power, discovery by several clients, and the devices it has heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from bleak.exc import BleakBluetoothNotAvailableError
from bumble.hci import Address
from bumble.keys import JsonKeyStore
from bumble.pairing import PairingConfig
from dbus_fast import Message, Variant

from simulators.address import Place
from simulators.bluez.agents import Agents
from simulators.bluez.device import Device, device_path
from simulators.bluez.monitors import Monitors
from simulators.bluez.tree import ADAPTER, Answer, Refusal, Tree
from simulators.receiver import Receiver

LOOK_EVERY: Final = 0.2
STRENGTH: Final = -50


class Manners(msgspec.Struct, frozen=True, kw_only=True):
    """How BlueZ behaves; the times (seconds) are those measured on 5.66.

    An unchanged advert is told again after `quiet`, a device is forgotten `temporary` after its last advert, hanging up
    takes `goodbye`. `experimental` is bluetoothd's option of that name.
    """

    quiet: float = 10.5
    temporary: float = 30.0
    goodbye: float = 2.0
    experimental: bool = False


class BondedReceiver(Receiver):
    """A radio whose address and bonds outlive its process, as bluetoothd's do."""

    def __init__(self, place: Place | str, memory: Any, name: str) -> None:
        super().__init__(place)
        kept = memory / f"{name}.address"
        if kept.exists():
            self._address = Address(kept.read_text())
        else:
            kept.write_text(self._address.to_string(with_type_qualifier=False))
        self._keys = JsonKeyStore(name, str(memory / f"{name}.keys.json"))
        self.pairing: Callable[[str], PairingConfig] | None = None

    async def _open(self) -> None:
        await super()._open()
        self._device.pairing_config_factory = self._how

    def _how(self, link: Any) -> PairingConfig | None:
        return self.pairing(link.peer_address.to_string(with_type_qualifier=False)) if self.pairing else None

    @property
    def address(self) -> str:
        """The adapter's own address."""
        return str(self._address.to_string(with_type_qualifier=False))

    @property
    def bonds(self) -> Any:
        """The keys, by peer address."""
        return self._keys


class Adapter:
    """The adapter `name` (hci0, hci1, ...), hearing everything `loss` dB weaker than it was sent."""

    def __init__(
        self, tree: Tree, agents: Agents, name: str, receiver: BondedReceiver, manners: Manners, loss: int
    ) -> None:
        self.tree, self.agents, self.receiver, self.manners = tree, agents, receiver, manners
        self.path = f"/org/bluez/{name}"
        self._name, self._loss = name, loss
        self._clients: set[str] = set()
        self._devices: dict[str, Device] = {}
        self._told: dict[str, tuple[bytes, float]] = {}
        self._turn = asyncio.Lock()
        self._listening = False
        self.unbusy = asyncio.Event()
        self.unbusy.set()
        receiver.pairing = lambda address: agents.pairing(device_path(self.path, address))
        self.monitors = Monitors(tree, self.path, self._retune) if manners.experimental else None

    async def open(self) -> None:
        """Be on the bus, and listen to the air as soon as somebody wants to know."""
        text = Variant("s", self._name)
        properties = {
            "Address": Variant("s", self.receiver.address), "AddressType": Variant("s", "random"), "Name": text,
            "Alias": text, "Powered": Variant("b", True), "Discovering": Variant("b", False),
            "UUIDs": Variant("as", []), "Roles": Variant("as", ["central", "peripheral"]),
        }  # fmt: skip
        self.tree.add(self.path, {ADAPTER: properties})
        self.tree.offer(
            self.path,
            ADAPTER,
            SetDiscoveryFilter=self._set_filter,
            StartDiscovery=self._start,
            StopDiscovery=self._stop,
            RemoveDevice=self._remove,
        )
        self.tree.on_set(self.path, ADAPTER, "Powered", self._power)
        self.tree.on_leaving(self._leave)
        if self.monitors is not None:
            self.monitors.open()
        for address in [address for address, _ in await self.receiver.bonds.get_all()]:
            self._device(Address(address).to_string(with_type_qualifier=False)).appear({}, bonded=True)
        self.tree.spawn(self._forgetting())

    @property
    def powered(self) -> bool:
        """Whether the adapter is on."""
        return bool(self.tree.get(self.path, ADAPTER, "Powered"))

    # -- methods

    async def _set_filter(self, message: Message) -> Answer | None:
        del message  # every client here wants LE and all of it
        return None

    async def _start(self, message: Message) -> Answer | None:
        # The kernel begins no scan while a bond is being made; who asked and went away is scanning afterwards.
        await self.unbusy.wait()
        if not self.powered:
            raise Refusal("NotReady", "Resource Not Ready")
        if message.sender in self._clients:
            raise Refusal("InProgress", "Operation already in progress")
        self._clients.add(str(message.sender))
        self._told.clear()
        await self._retune()
        return None

    async def _stop(self, message: Message) -> Answer | None:
        if not self.powered:
            raise Refusal("NotReady", "Resource Not Ready")
        if message.sender not in self._clients:
            raise Refusal("Failed", "No discovery started")
        self._leave(str(message.sender))
        await self._retune()
        return None

    async def _remove(self, message: Message) -> Answer | None:
        device = next((one for one in self._devices.values() if one.path == message.body[0]), None)
        if device is None or device.path not in self.tree.objects:
            raise Refusal("DoesNotExist", "Does Not Exist")
        await device.hang_up()
        await device.forget_bond()
        self.drop(device)
        return None

    async def _power(self, on: Any) -> None:
        """Off ends every scan without a word to whoever scans, and every link; on begins none of them again."""
        if not on:
            self._clients.clear()
            for device in tuple(self._devices.values()):
                await device.hang_up()
        await self._retune(powered=bool(on))

    def _leave(self, client: str) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self.tree.spawn(self._retune())

    async def _retune(self, *, powered: bool | None = None) -> None:
        """Listen to the air exactly while somebody wants to know."""
        async with self._turn:
            on = self.powered if powered is None else powered
            wanted = on and bool(self._clients or (self.monitors is not None and self.monitors.active))
            if wanted != self._listening:
                try:
                    await (self.receiver.listen if wanted else self.receiver.ignore)(self._hear)
                except BleakBluetoothNotAvailableError as error:
                    raise Refusal("NotReady", str(error)) from error
                self._listening = wanted
            if self.tree.get(self.path, ADAPTER, "Discovering") != bool(self._clients):
                self.tree.change(self.path, ADAPTER, Discovering=Variant("b", bool(self._clients)))

    # -- hearing

    def _hear(self, advertisement: Any) -> None:
        address = advertisement.address.to_string(with_type_qualifier=False)
        structures, at = advertisement.data.ad_structures, asyncio.get_running_loop().time()
        device = self._device(address)
        device.heard_at = at
        if not self._clients and not (self.monitors and self.monitors.matches(structures)):
            return
        data = repr(structures).encode()
        last, told_at = self._told.get(address, (b"", 0.0))
        # A passive scan reports changes only; an active one repeats what stays the same now and then.
        if data == last and (not self._clients or at - told_at < self.manners.quiet):
            return
        self._told[address] = data, at
        device.appear(device.merged(structures, STRENGTH - self._loss))

    def _device(self, address: str) -> Device:
        path = device_path(self.path, address)
        if path not in self._devices:
            self._devices[path] = Device(self, address, path)
        return self._devices[path]

    def drop(self, device: Device) -> None:
        """Forget a device altogether."""
        self._devices.pop(device.path, None)
        self._told.pop(device.address, None)
        self.tree.remove(device.path)

    async def _forgetting(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = asyncio.get_running_loop().time()
            for device in tuple(self._devices.values()):
                if now - device.heard_at > self.manners.temporary and not device.kept:
                    self.drop(device)
