"""The stand-in as seen from a harness: a private bus and BlueZ on it, which may be killed and come back."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from simulators.bluez.bus import BusError, PrivateBus
from simulators.bluez.tree import ADAPTER, NAME, PROPERTIES
from simulators.started import end_child

START_SECONDS = 60.0


class BluezProcess:
    """BlueZ in its own process over the devices' `air`; `address` goes into DBUS_SYSTEM_BUS_ADDRESS of its clients.

    `adapters` as `name` or `name=loss in dB`; `options` are those of `python -m simulators.bluez`, by name.
    """

    def __init__(self, air: str, state: Path, adapters: Sequence[str] = ("hci0",), **options: float | bool) -> None:
        self._bus = PrivateBus()
        self._air, self._state, self._adapters, self._options = air, state, adapters, options
        self._child: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where the bus is."""
        return self._bus.address

    def __enter__(self) -> Self:
        """Start bus and BlueZ; raises BusError."""
        self._bus.__enter__()
        try:
            self.start()
        except BusError:
            self._bus.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGINT)
        self._bus.__exit__(None, None, None)

    def start(self) -> None:
        """Start BlueZ, with the bonds of an earlier run; raises BusError."""
        self._state.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "simulators.bluez", "--bus", self.address, "--air", self._air]
        command += ["--state", str(self._state), *(part for name in self._adapters for part in ("--adapter", name))]
        for name, value in self._options.items():
            if value is not False:
                command += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        with (self._state / "bluez.log").open("a") as log:
            self._child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        pipe = self._child.stdout
        if pipe is None or not select.select([pipe], [], [], START_SECONDS)[0] or pipe.readline() != "ready\n":
            self._end(signal.SIGKILL)
            raise BusError((self._state / "bluez.log").read_text()[-2000:] or "the stand-in said nothing")

    def kill(self) -> None:
        """SIGKILL, as a crash of bluetoothd."""
        self._end(signal.SIGKILL)

    async def power(self, adapter: str, *, on: bool) -> None:
        """Switch an adapter on or off."""
        body = [ADAPTER, "Powered", Variant("b", on)]
        await self._call(f"/org/bluez/{adapter}", PROPERTIES, "Set", "ssv", body)

    async def look(self, path: str, interface: str, name: str) -> Any:
        """A property of an object; raises BusError when there is none."""
        return (await self._call(path, PROPERTIES, "Get", "ss", [interface, name])).body[0].value

    async def _call(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> Message:
        bus = await MessageBus(bus_address=self.address).connect()
        try:
            reply = await bus.call(
                Message(destination=NAME, path=path, interface=interface, member=member, signature=signature, body=body)
            )
        finally:
            bus.disconnect()
        if reply.message_type == MessageType.ERROR:
            raise BusError(f"{member}: {reply.error_name}")
        return reply

    def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        end_child(child, how)
