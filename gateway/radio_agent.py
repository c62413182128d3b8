"""Answers BlueZ when a device wants to bond (org.bluez.Agent1): without an agent not even "just works" succeeds.

Registered as NoInputNoOutput, or as KeyboardDisplay when somebody is there to read a passkey off the device; again
whenever BlueZ was started anew, because it remembers no agents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from gateway.link import RadioFailure
from gateway.log import log
from gateway.radio_bus import BLUEZ, BUS, OWNER_CHANGED, ask, dial

PATH: Final = "/phr/agent"
AGENT: Final = "org.bluez.Agent1"
MANAGER: Final = "org.bluez.AgentManager1"
LAST_PASSKEY: Final = 999_999
RETRY_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
_AGREED: Final = {
    "Release",
    "Cancel",
    "RequestAuthorization",
    "AuthorizeService",
    "DisplayPasskey",
    "DisplayPinCode",
}
Passkey = Callable[[str], Awaitable[int | None]]


class PairingAgent:
    """The default agent while the context lasts. `passkey(device path)` asks a person, None refuses."""

    def __init__(self, passkey: Passkey | None = None, *, address: str | None = None) -> None:
        self._passkey, self._address = passkey, address
        self._bus: MessageBus | None = None
        self._pending: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        """Register; raises RadioFailure when there is no BlueZ."""
        self._bus = await dial(self._address)
        self._bus.add_message_handler(self._handle)
        try:
            await ask(self._bus, "/org/freedesktop/DBus", BUS, "AddMatch", "s", OWNER_CHANGED, to=BUS)
            await self._register()
        except RadioFailure:
            self._bus.disconnect()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unregister; BlueZ forgets an agent whose connection ends all the same."""
        for task in tuple(self._pending):
            task.cancel()
        if self._bus is not None and self._bus.connected:
            try:
                await self._call("UnregisterAgent", "o", PATH)
            except RadioFailure:
                pass
            finally:
                self._bus.disconnect()

    async def _register(self) -> None:
        capability = "KeyboardDisplay" if self._passkey else "NoInputNoOutput"
        try:
            await self._call("RegisterAgent", "os", PATH, capability)
        except RadioFailure as failure:
            # A registration whose answer came too late counts all the same.
            if "AlreadyExists" not in str(failure):
                raise
        await self._call("RequestDefaultAgent", "o", PATH)

    async def _return(self) -> None:
        """Register with a BlueZ that has just come: it may not listen yet, and without us nothing pairs."""
        for pause in RETRY_PAUSES:
            try:
                await self._register()
            except RadioFailure as failure:
                log("agent_missing", code=failure.code)
                await asyncio.sleep(pause)
            else:
                return

    async def _call(self, member: str, signature: str, *body: str) -> None:
        assert self._bus is not None
        try:
            await ask(self._bus, "/org/bluez", MANAGER, member, signature, *body)
        except RadioFailure as failure:
            # A bus without an agent manager is a bus without a working BlueZ.
            raise (
                failure if failure.code == "bluetooth-denied" else RadioFailure("no-bluetooth", str(failure))
            ) from failure

    def _handle(self, message: Message) -> bool | None:
        if message.member == "NameOwnerChanged" and message.sender == BUS:
            name, _, owner = message.body
            if name == BLUEZ and owner:
                self._begin(self._return())
            return None
        if message.message_type != MessageType.METHOD_CALL or message.path != PATH or message.interface != AGENT:
            return None
        self._begin(self._reply(message))
        return True

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _reply(self, message: Message) -> None:
        """Only devices on the household's list are ever visited, so a bond without a number is what was asked for."""
        assert self._bus is not None
        if message.member in _AGREED:
            answer = Message.new_method_return(message)
        elif message.member == "RequestPasskey" and (number := await self._ask(message)) is not None:
            answer = Message.new_method_return(message, "u", [number])
        elif message.member == "RequestConfirmation" and await self._ask(message) == message.body[1]:
            answer = Message.new_method_return(message)
        else:
            answer = Message.new_error(message, "org.bluez.Error.Rejected", "nobody is here to confirm")
        await self._bus.send(answer)

    async def _ask(self, message: Message) -> int | None:
        number = await self._passkey(str(message.body[0])) if self._passkey else None
        return number if number is not None and 0 <= number <= LAST_PASSKEY else None
