"""Our own ear on the message bus that BlueZ is on: which adapters there are, who is bonded, what just happened.

bleak tells none of this: an adapter that is switched off ends a scan in silence, and a device that lost its bond looks
like one that is out of reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
from dbus_fast import BusType, DBusError, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import AuthError, InvalidAddressError

from gateway.link import RadioFailure
from gateway.radio_failures import code_of_dbus

BLUEZ: Final = "org.bluez"
BUS: Final = "org.freedesktop.DBus"
ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
OWNER_CHANGED: Final = f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'"
# Adapters only: what devices say is ten times as much, and bleak listens to that already.
_RULES: Final = (
    OWNER_CHANGED,
    f"type='signal',sender='{BLUEZ}',interface='{PROPERTIES}',member='PropertiesChanged',arg0='{ADAPTER}'",
    f"type='signal',sender='{BLUEZ}',interface='{OBJECTS}',path='/'",
)
ANSWER_TIMEOUT: Final = 3.0
_DEPTH: Final = 3  # /org/bluez/hci0


class Adapter(msgspec.Struct, frozen=True):
    """A Bluetooth adapter of this machine: `name` such as hci0."""

    name: str
    address: str
    powered: bool


async def dial(address: str | None = None) -> MessageBus:
    """A connection to the system bus (or the one at `address`); raises RadioFailure when there is none."""
    bus: MessageBus | None = None
    try:
        bus = MessageBus(bus_address=address, bus_type=BusType.SYSTEM)
        return await bus.connect()
    except (OSError, EOFError, AuthError, InvalidAddressError) as error:
        if bus is not None:
            bus.disconnect()  # a connection that failed keeps its socket otherwise
        raise RadioFailure("no-bluetooth", str(error)) from error


async def ask(
    bus: MessageBus, path: str, interface: str, member: str, signature: str = "", *body: Any, to: str = BLUEZ
) -> list[Any]:
    """The answer of BlueZ (or of `to`) to a method call; raises RadioFailure with a stable code."""
    message = Message(
        destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            reply = await bus.call(message)
    except (DBusError, OSError, EOFError) as error:
        raise RadioFailure("no-bluetooth", str(error)) from error
    if reply.message_type == MessageType.ERROR:
        raise RadioFailure(code_of_dbus(str(reply.error_name)), str(reply.error_name))
    return list(reply.body)


class Flaps:
    """What a device did while it was being called; `noted` is set whenever something speaks against its bond.

    `paired` is set when BlueZ has a bond with it. `dropped` counts links that broke before the device was explored,
    `refused` is BlueZ's own word that the authentication failed (5.82 and later), `vanished` that BlueZ died of it
    (5.66 does).
    """

    def __init__(self) -> None:
        self.noted, self.paired = asyncio.Event(), asyncio.Event()
        self.dropped, self.refused, self.vanished = 0, False, False
        self._up, self._explored = False, False

    def hear(self, message: Message) -> None:
        """Take in a signal about the device."""
        if message.member == "Disconnected":
            self.refused = self.refused or "Authentication" in str(message.body[0])
        elif message.member == "PropertiesChanged":
            changed = {name: variant.value for name, variant in message.body[1].items()}
            self._explored = self._explored or bool(changed.get("ServicesResolved"))
            if changed.get("Paired"):
                self.paired.set()
            if changed.get("Connected"):
                self._up = True
            elif changed.get("Connected") is False and self._up:
                self._up = False
                self.dropped += not self._explored
        if self.refused or self.dropped:
            self.noted.set()

    def lose_bluez(self) -> None:
        """BlueZ left the bus."""
        if self._up and not self._explored:
            self.vanished = True
            self.noted.set()


class BluezBus:
    """A lasting connection. `stirred(adapter)` is called when an adapter changed; None means BlueZ came or went."""

    def __init__(self, stirred: Callable[[str | None], None], address: str | None = None) -> None:
        self._stirred, self._address = stirred, address
        self._bus: MessageBus | None = None
        self._calls: dict[str, Flaps] = {}

    async def open(self) -> None:
        """Connect and listen; raises RadioFailure when there is no bus. BlueZ itself may still be missing."""
        bus = await dial(self._address)
        try:
            bus.add_message_handler(self._handle)
            for rule in _RULES:
                await self._match("AddMatch", rule, bus)
        except BaseException:
            bus.disconnect()
            raise
        self._bus = bus

    @property
    def connected(self) -> bool:
        """Whether the bus is there."""
        return self._bus is not None and bool(self._bus.connected)

    def close(self) -> None:
        """Leave the bus."""
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None

    async def adapters(self) -> list[Adapter]:
        """Every adapter, by name; raises RadioFailure `no-bluetooth` without BlueZ."""
        (objects,) = await ask(self._open(), "/", OBJECTS, "GetManagedObjects")
        found = [
            Adapter(_name(path), str(one["Address"].value), bool(one["Powered"].value))
            for path, interfaces in objects.items()
            if (one := interfaces.get(ADAPTER)) is not None
        ]
        return sorted(found, key=lambda one: one.name)

    async def paired(self, device: str) -> bool:
        """Whether BlueZ holds a bond with the device at the object path `device`."""
        try:
            (found,) = await ask(self._open(), device, PROPERTIES, "Get", "ss", DEVICE, "Paired")
        except RadioFailure:
            return False
        return bool(found.value)

    async def forget(self, device: str) -> None:
        """Have BlueZ remove the device at the object path `device`, bond and all; raises RadioFailure."""
        await ask(self._open(), device.rsplit("/", 1)[0], ADAPTER, "RemoveDevice", "o", device)

    @asynccontextmanager
    async def calling(self, device: str) -> AsyncIterator[Flaps]:
        """What becomes of the device at the object path `device` while it is being called."""
        rule = f"type='signal',sender='{BLUEZ}',path='{device}'"
        flaps = self._calls[device] = Flaps()
        await self._match("AddMatch", rule)
        try:
            yield flaps
        finally:
            self._calls.pop(device, None)
            with suppress(RadioFailure):
                await self._match("RemoveMatch", rule)

    async def _match(self, member: str, rule: str, bus: MessageBus | None = None) -> None:
        await ask(bus or self._open(), "/org/freedesktop/DBus", BUS, member, "s", rule, to=BUS)

    def _open(self) -> MessageBus:
        if self._bus is None or not self._bus.connected:
            raise RadioFailure("no-bluetooth", "the message bus is gone")
        return self._bus

    def _handle(self, message: Message) -> None:
        if message.message_type != MessageType.SIGNAL:
            return
        path = str(message.path)
        if message.member == "NameOwnerChanged" and message.body[0] == BLUEZ:
            if not message.body[2]:
                for flaps in self._calls.values():
                    flaps.lose_bluez()
            self._stirred(None)
        elif message.member in {"InterfacesAdded", "InterfacesRemoved"} and message.interface == OBJECTS:
            if str(message.body[0]).count("/") == _DEPTH and ADAPTER in message.body[1]:
                self._stirred(_name(message.body[0]))
        elif path in self._calls:
            self._calls[path].hear(message)
        elif message.member == "PropertiesChanged" and message.body[0] == ADAPTER and "Powered" in message.body[1]:
            self._stirred(_name(path))


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
