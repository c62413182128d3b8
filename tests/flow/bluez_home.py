"""A production gateway on bleak's unmodified Linux backend: org.bluez is a stand-in on a private bus, the air is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import service, visits
from gateway.journal import Journal
from gateway.radio import BleakRadio
from gateway.radio_agent import PairingAgent, Passkey
from gateway.service import Gateway
from gateway.settings import GatewaySettings
from simulators.bluez.process import BluezProcess
from simulators.household import VirtualDevice
from tests.flow.device_home import NOWHERE, Home, Made, home, list_devices

ADDRESS = "F0:00:00:00:00:21"
# Real BlueZ repeats an unchanged advert every ten seconds and takes two to hang up: tests need not wait for that.
BRISK = {"quiet": 0.3, "goodbye": 0.1}


class House:
    """Virtual devices, and a machine with BlueZ in the same room."""

    def __init__(self, air: Home, bluez: BluezProcess) -> None:
        self.air, self.bluez = air, bluez

    async def restart(self) -> None:
        """BlueZ dies and comes back; addresses and bonds stay, agents and scans do not."""
        await asyncio.to_thread(self.bluez.kill)
        await asyncio.to_thread(self.bluez.start)


@asynccontextmanager
async def house(
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    *devices: VirtualDevice,
    adapters: Sequence[str] = ("hci0",),
    **options: float | bool,
) -> AsyncIterator[House]:
    """`devices` on the air and BlueZ on a bus of its own, which is the system bus of this process meanwhile."""
    monkeypatch.setattr(service, "LOOK_EVERY", 0.2)
    monkeypatch.setattr(visits, "FIRST_WAIT", 0.3)
    async with home(state / "air", *devices) as air:
        bluez = BluezProcess(air.air, state / "bluez", adapters, **{**BRISK, **options})
        await asyncio.to_thread(bluez.__enter__)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.address)
        try:
            yield House(air, bluez)
        finally:
            await asyncio.to_thread(bluez.__exit__, None, None, None)


class Ears(Made):
    """A running gateway: what it has made, and what it says of itself."""

    def __init__(self, journal: Journal, gateway: Gateway) -> None:
        super().__init__(journal)
        self._gateway = gateway

    async def until_state(self, word: str) -> None:
        """The gateway says `word` (ready or alert)."""
        async with asyncio.timeout(30):
            while self._gateway._uplink.state != word:  # noqa: ASYNC110 - the uplink rings no bell
                await asyncio.sleep(0.05)


@asynccontextmanager
async def gateway(
    folder: Path, at: House, *, radio: BleakRadio | None = None, agent: bool = True, passkey: Passkey | None = None
) -> AsyncIterator[Ears]:
    """The gateway with every device of the house on its list. Its ear is not checked for silence: signals must do."""
    list_devices(folder, at.air)
    settings = GatewaySettings(home=folder, gateway="g-" + "b" * 13, broker=NOWHERE, silence=3600.0)
    async with AsyncExitStack() as stack:
        if agent:
            await stack.enter_async_context(PairingAgent(passkey))
        journal, stop = Journal(settings.journal_path), asyncio.Event()
        running = Gateway(settings, journal, radio or BleakRadio(), lambda: datetime.now(UTC))
        task = asyncio.create_task(running.live(stop))
        try:
            yield Ears(journal, running)
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task
            journal.close()
