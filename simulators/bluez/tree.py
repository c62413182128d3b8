"""The objects of org.bluez on the bus: who is there, what properties they have, which methods they answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
SERVICE: Final = "org.bluez.GattService1"
CHARACTERISTIC: Final = "org.bluez.GattCharacteristic1"
DESCRIPTOR: Final = "org.bluez.GattDescriptor1"
MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
AGENTS: Final = "org.bluez.AgentManager1"
OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
BUS: Final = "org.freedesktop.DBus"
NAME: Final = "org.bluez"

Properties = dict[str, Variant]
Interfaces = dict[str, Properties]


class Refusal(Exception):  # noqa: N818 - BlueZ's answer, not a failure of ours
    """An error reply: `name` after org.bluez.Error., and BlueZ's words."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


class Answer(msgspec.Struct, frozen=True):
    """A reply with content; `files` are handed over to the receiver."""

    signature: str
    body: list[Any]
    files: list[int] = []


Method = Callable[[Message], Awaitable[Answer | None]]


class Tree:
    """The objects, on `bus`. An owner of a path offers methods by (interface, member) and may watch properties set."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.objects: dict[str, Interfaces] = {}
        self._methods: dict[tuple[str, str, str], Method] = {}
        self._setters: dict[tuple[str, str, str], Callable[[Any], Awaitable[None]]] = {}
        self._leavers: list[Callable[[str], None]] = []
        self._work: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._handle)

    async def open(self) -> None:
        """Take the name org.bluez and watch who leaves the bus."""
        rule = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
        await self.bus.call(
            Message(destination=BUS, path="/org/freedesktop/DBus", interface=BUS, member="AddMatch", signature="s",
                    body=[rule])
        )  # fmt: skip
        await self.bus.request_name(NAME)

    def on_leaving(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called with the unique name of every client that goes."""
        self._leavers.append(tell)

    def add(self, path: str, interfaces: Interfaces) -> None:
        """A new object, or further interfaces of one that is there."""
        self.objects.setdefault(path, {}).update(interfaces)
        self._signal("/", OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """The object and everything below it are gone."""
        for one in sorted((p for p in self.objects if p == path or p.startswith(f"{path}/")), reverse=True):
            interfaces = self.objects.pop(one)
            for key in [key for key in self._methods if key[0] == one]:
                del self._methods[key]
            for key in [key for key in self._setters if key[0] == one]:
                del self._setters[key]
            self._signal("/", OBJECTS, "InterfacesRemoved", "oas", [one, list(interfaces)])

    def get(self, path: str, interface: str, name: str) -> Any:
        """A property's value; KeyError when there is none."""
        return self.objects[path][interface][name].value

    def change(self, path: str, interface: str, **properties: Variant) -> None:
        """Set properties and tell everybody; an object that is gone is no matter."""
        if path in self.objects:
            self.objects[path][interface].update(properties)
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, properties, []])

    def offer(self, path: str, interface: str, **methods: Method) -> None:
        """Answer the named methods of an object."""
        for member, method in methods.items():
            self._methods[path, interface, member] = method

    def on_set(self, path: str, interface: str, name: str, setter: Callable[[Any], Awaitable[None]]) -> None:
        """Have `setter` do what setting the property means; the tree keeps and tells the value afterwards."""
        self._setters[path, interface, name] = setter

    def spawn(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Run `work` beside everything else."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        if self.bus.connected:
            self.bus.send(Message.new_signal(path, interface, member, signature, body))

    def _handle(self, message: Message) -> bool | Message | None:
        if message.message_type == MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.body[0].startswith(":") and not message.body[2]:
                for tell in self._leavers:
                    tell(message.body[0])
            return None
        path, interface, member = str(message.path), str(message.interface), str(message.member)
        if message.message_type != MessageType.METHOD_CALL or not path.startswith(("/org/bluez", "/")):
            return None
        if (interface, member) == (OBJECTS, "GetManagedObjects"):
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects])
        method = self._properties if interface == PROPERTIES else self._methods.get((path, interface, member))
        if method is None or (interface == PROPERTIES and path not in self.objects):
            kind = "UnknownMethod" if path in self.objects or path == "/" else "UnknownObject"
            return Message.new_error(message, f"{BUS}.Error.{kind}", f"no {interface}.{member} at {path}")
        self.spawn(self._answer(method, message))
        return True

    async def _answer(self, method: Method, message: Message) -> None:
        try:
            found = await method(message) or Answer("", [])
            reply = Message.new_method_return(message, found.signature, found.body, found.files)
        except Refusal as refusal:
            reply = Message.new_error(message, f"org.bluez.Error.{refusal.name}", str(refusal))
        if self.bus.connected:
            await self.bus.send(reply)

    async def _properties(self, message: Message) -> Answer | None:
        path, interface = str(message.path), message.body[0]
        found = self.objects[path].get(interface, {})
        if message.member == "GetAll":
            return Answer("a{sv}", [found])
        name = message.body[1]
        if name not in found:
            raise Refusal("InvalidArguments", f"no property {name}")
        if message.member == "Get":
            return Answer("v", [found[name]])
        setter = self._setters.get((path, interface, name))
        if setter is not None:
            await setter(message.body[2].value)
        self.change(path, interface, **{name: message.body[2]})
        return None
