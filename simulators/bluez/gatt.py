"""The attributes of a connected device: org.bluez.GattService1, GattCharacteristic1 and GattDescriptor1."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bumble.att import ATT_Error, ErrorCode
from bumble.core import BaseBumbleError
from dbus_fast import Message, Variant

from simulators.backend import MTU, long_uuid
from simulators.bluez.tree import CHARACTERISTIC, DESCRIPTOR, SERVICE, Answer, Refusal

if TYPE_CHECKING:
    from simulators.bluez.device import Device

# BlueZ keeps the GAP service to itself.
HIDDEN: Final = long_uuid(b"\x00\x18")
FLAGS: Final = ((0x02, "read"), (0x04, "write-without-response"), (0x08, "write"), (0x10, "notify"), (0x20, "indicate"))
REFUSALS: Final = {
    ErrorCode.READ_NOT_PERMITTED: Refusal("NotPermitted", "Read not permitted"),
    ErrorCode.WRITE_NOT_PERMITTED: Refusal("NotPermitted", "Write not permitted"),
    ErrorCode.INSUFFICIENT_AUTHENTICATION: Refusal("NotPermitted", "Not paired"),
    ErrorCode.INSUFFICIENT_ENCRYPTION: Refusal("NotPermitted", "Not paired"),
    ErrorCode.INSUFFICIENT_AUTHORIZATION: Refusal("NotAuthorized", "Operation Not Authorized"),
    ErrorCode.REQUEST_NOT_SUPPORTED: Refusal("NotSupported", "Operation is not supported"),
    ErrorCode.INVALID_ATTRIBUTE_LENGTH: Refusal("InvalidArguments", "Invalid Length"),
}
LOST: Final = Refusal("Failed", "Operation failed with ATT error: 0x0e (Unlikely Error)")
T = TypeVar("T")


class Table:
    """What `peer` (bumble's view of the device) offers, as objects below the device."""

    def __init__(self, device: Device, peer: Any) -> None:
        self._device, self._peer, self._tree = device, peer, device.tree
        self._roots: list[str] = []

    def export(self) -> list[str]:
        """Put every attribute on the bus; the UUIDs of the services."""
        found = []
        for service in self._peer.services:
            uuid = long_uuid(service.uuid.uuid_bytes)
            if uuid == HIDDEN:
                continue
            found.append(uuid)
            path = f"{self._device.path}/service{service.handle:04x}"
            self._roots.append(path)
            told = {"UUID": Variant("s", uuid), "Primary": Variant("b", True), "Includes": Variant("ao", [])}
            self._tree.add(path, {SERVICE: {**told, "Device": Variant("o", self._device.path)}})
            for one in service.characteristics:
                Attribute(self._device, self._peer, one, path).export()
        return found

    def withdraw(self) -> None:
        """The link is gone, and the attributes with it."""
        for root in self._roots:
            self._tree.remove(root)


class Attribute:
    """One characteristic with its descriptors; several clients may listen to it."""

    def __init__(self, device: Device, peer: Any, found: Any, service: str) -> None:
        self._device, self._found, self._tree = device, found, device.tree
        self._client = peer.gatt_client
        self._service = service
        self._path = f"{service}/char{found.handle - 1:04x}"
        self._listeners: set[str] = set()

    def export(self) -> None:
        """Be on the bus."""
        flags = [name for bit, name in FLAGS if int(self._found.properties) & bit]
        told = {
            "UUID": Variant("s", long_uuid(self._found.uuid.uuid_bytes)), "Service": Variant("o", self._service),
            "Value": Variant("ay", b""), "Flags": Variant("as", flags), "Notifying": Variant("b", False),
            "MTU": Variant("q", MTU),
        }  # fmt: skip
        if {"notify", "indicate"} & set(flags):
            told["NotifyAcquired"] = Variant("b", False)
        self._tree.add(self._path, {CHARACTERISTIC: told})
        self._tree.offer(
            self._path,
            CHARACTERISTIC,
            ReadValue=self._read,
            WriteValue=self._write,
            StartNotify=self._start_notify,
            StopNotify=self._stop_notify,
            AcquireNotify=self._acquire_notify,
        )
        for one in self._found.descriptors:
            path = f"{self._path}/desc{one.handle:04x}"
            uuid = Variant("s", long_uuid(one.type.uuid_bytes))
            about = {"UUID": uuid, "Characteristic": Variant("o", self._path), "Value": Variant("ay", b"")}
            self._tree.add(path, {DESCRIPTOR: about})

    async def _read(self, message: Message) -> Answer | None:
        del message
        value = bytes(await self._ask(lambda: self._client.read_value(self._found.handle)))
        return Answer("ay", [value])

    async def _write(self, message: Message) -> Answer | None:
        data, options = bytes(message.body[0]), message.body[1]
        asked = "type" not in options or options["type"].value != "command"
        await self._ask(lambda: self._client.write_value(self._found.handle, data, with_response=asked))
        return None

    async def _start_notify(self, message: Message) -> Answer | None:
        if message.sender in self._listeners:
            raise Refusal("InProgress", "In Progress")
        # The value goes on the bus, and the radio confirms it: whoever listens has no say in that.
        await self._subscribe(lambda value: self._tree.change(self._path, CHARACTERISTIC, Value=Variant("ay", value)))
        self._listeners.add(str(message.sender))
        self._tree.change(self._path, CHARACTERISTIC, Notifying=Variant("b", True))
        return None

    async def _stop_notify(self, message: Message) -> Answer | None:
        if message.sender not in self._listeners:
            raise Refusal("Failed", "No notify session started")
        self._listeners.discard(str(message.sender))
        if not self._listeners:
            await self._ask(lambda: self._found.unsubscribe(force=True))
            self._tree.change(self._path, CHARACTERISTIC, Notifying=Variant("b", False))
        return None

    async def _acquire_notify(self, message: Message) -> Answer | None:
        del message
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            await self._subscribe(lambda value: _send(ours, value))
        except Refusal:
            ours.close()
            theirs.close()
            raise
        self._tree.change(self._path, CHARACTERISTIC, NotifyAcquired=Variant("b", True))
        self._tree.spawn(self._close_with_link(ours))
        return Answer("hq", [0, MTU], [theirs.detach()])

    async def _close_with_link(self, pipe: socket.socket) -> None:
        await self._device.gone.wait()
        pipe.close()

    async def _subscribe(self, tell: Callable[[bytes], None]) -> None:
        def take(value: Any) -> None:
            tell(bytes(value))

        # Asked twice when the device wants a bond first: the same listener is added once.
        await self._ask(lambda: self._found.subscribe(take), patient=True)

    async def _ask(self, ask: Callable[[], Awaitable[T]], *, patient: bool = False) -> T:
        """The device's answer, or BlueZ's words for what went wrong."""
        try:
            return await self._device.secured(ask, patient=patient)
        except ATT_Error as error:
            words = f"Operation failed with ATT error: 0x{error.error_code:02x}"
            raise REFUSALS.get(error.error_code, Refusal("Failed", words)) from error
        except (BaseBumbleError, TimeoutError, asyncio.CancelledError) as error:
            raise LOST from error


def _send(pipe: socket.socket, value: bytes) -> None:
    pipe.send(value)
