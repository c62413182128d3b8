"""A whole simulated home: virtual devices, the production gateway, a broker and the engine, each in its own process."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from engine.contract.ids import new_id
from engine.service import Service
from engine.service_link import Broker, Link
from engine.store import repo_places
from engine.store.database import migrate, open_engine, write
from gateway.broker import ENGINE, start
from gateway.broker import Broker as EmbeddedBroker
from gateway.devices import Devices, entry
from gateway.journal_peek import peek
from gateway.service import run
from gateway.settings import GatewaySettings, broker_address
from simulators.children import Child
from simulators.household import Household
from simulators.process import DevicesProcess
from simulators.radio import SimulatedRadio

SAKATA = "062049"
# Simulated homes lose nothing by asking again soon; a real one spares its broker.
RETRY_SECONDS = 1.0


class SimulatedHome:
    """The parts of one home in `root`; the caller adds people, starts the parts and may kill any of them."""

    def __init__(self, root: Path, household: Household, rng: Random) -> None:
        self.root = root
        self.household = household
        self.devices = DevicesProcess(household, root / "devices")
        self.home_id, self.gateway_id = new_id("h", rng), new_id("g", rng)
        self.database = f"sqlite:///{root / 'engine.sqlite'}"
        self.store: Engine = open_engine(self.database)
        migrate(self.store)
        now = datetime.now(UTC)
        with write(self.store) as connection:
            repo_places.seed_municipalities(connection)
            home = repo_places.Household(id=self.home_id, municipality_code=SAKATA, zone=household.zone)
            repo_places.add_household(connection, home, now)
            ears = repo_places.Gateway(id=self.gateway_id, household_id=self.home_id, label="simulated")
            repo_places.enrol_gateway(connection, ears, now)
        self.broker: EmbeddedBroker = start(root, [self.gateway_id])
        self.engine = Child("engine", self._engine_role, root / "engine.log")
        self.gateway = Child("gateway", self._gateway_role, root / "gateway.log")

    def bind(self, residents: Mapping[str, str]) -> None:
        """List every device with the gateway; `residents` gives the id of each owner named in the household."""
        list_devices(self.root, self.home_id, self.household, residents)

    def __enter__(self) -> Self:
        """Devices first, so that the gateway finds the air; then the engine and the gateway."""
        self.devices.start()
        self.engine.start()
        self.gateway.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.stop()
        self.engine.stop()
        self.devices.stop()
        self.broker.stop()
        self.store.dispose()

    def waiting(self) -> int:
        """What the gateway's journal still has to hand over; readings and frames not yet decoded."""
        depth = peek(self.root / "journal.sqlite")
        return depth.frames + depth.waiting if depth else 0

    def _engine_role(self) -> None:
        stopping: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
        broker = Broker(self.broker.url, username=ENGINE, password=self.broker.password(ENGINE))
        # A forked connection pool would share its file handles with the parent: the child opens its own.
        Service(open_engine(self.database), Link(broker)).run(lambda: bool(stopping))

    def _gateway_role(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        address = broker_address(
            self.broker.url, username=self.gateway_id, password=self.broker.password(self.gateway_id)
        )
        settings = GatewaySettings(
            home=self.root, gateway=self.gateway_id, broker=address, zone=self.household.zone, retry=RETRY_SECONDS,
            retry_most=RETRY_SECONDS,
        )  # fmt: skip
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        radio = SimulatedRadio(self.devices.air)
        try:
            await run(settings, stop, radio=radio, now=radio.now)
        finally:
            await radio.close()


def list_devices(root: Path, home_id: str, household: Household, residents: Mapping[str, str]) -> None:
    """Put the virtual devices on the gateway's list in `root`, their slots bound to the `residents` who own them."""
    listed = Devices(root)
    for device in household.devices:
        owners: list[tuple[int | None, str | None]] = [*device.owners.items()] or [(None, device.owner)]
        for slot, owner in owners:
            pin = device.pins.get(slot) if slot is not None else None
            resident = residents[owner] if owner else None
            listed.add(entry(device.address, device.profile, household=home_id, resident=resident, slot=slot, pin=pin))


def wait_until(done: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
    """Whether the callable `done` became true within `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(every)
    return done()
