"""A whole simulated home: virtual devices, the production gateway, a broker and the engine, each in its own process."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
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
from gateway.broker import ENGINE, Program, start
from gateway.broker import Broker as EmbeddedBroker
from gateway.devices import Devices, entry
from gateway.journal_peek import peek
from gateway.service import run
from gateway.settings import GatewaySettings, HomeBroker, broker_address
from simulators.children import Child
from simulators.household import Household
from simulators.process import DevicesProcess
from simulators.radio import SimulatedRadio

SAKATA = "062049"
# Simulated homes lose nothing by asking again soon; a real one spares its broker.
RETRY_SECONDS = 1.0


class SimulatedHome:
    """The parts of one home in `root`; the caller adds people, starts the parts and may kill any of them."""

    def __init__(
        self,
        root: Path,
        household: Household,
        rng: Random,
        *,
        gateways: int = 1,
        program: Program | None = None,
        home_broker: HomeBroker | None = None,
    ) -> None:
        self.root = root
        self.household = household
        self.home_broker = home_broker
        self.devices = DevicesProcess(household, root / "devices")
        self.home_id = new_id("h", rng)
        self.gateway_ids = tuple(new_id("g", rng) for _ in range(gateways))
        self.database = f"sqlite:///{root / 'engine.sqlite'}"
        self.store: Engine = open_engine(self.database)
        migrate(self.store)
        now = datetime.now(UTC)
        with write(self.store) as connection:
            repo_places.seed_municipalities(connection)
            home = repo_places.Household(id=self.home_id, municipality_code=SAKATA, zone=household.zone)
            repo_places.add_household(connection, home, now)
            for name in self.gateway_ids:
                ears = repo_places.Gateway(id=name, household_id=self.home_id, label="simulated")
                repo_places.enrol_gateway(connection, ears, now)
        self.broker: EmbeddedBroker = start(root, self.gateway_ids, program=program)
        self.engine = Child("engine", self._engine_role, root / "engine.log")
        self.gateways = [
            Child(f"gateway {name}", partial(self._gateway_role, name), self.root_of(name) / "gateway.log")
            for name in self.gateway_ids
        ]

    @property
    def gateway_id(self) -> str:
        """The id of the first gateway."""
        return self.gateway_ids[0]

    @property
    def gateway(self) -> Child:
        """The first gateway's process."""
        return self.gateways[0]

    def root_of(self, gateway: str) -> Path:
        """The folder of a gateway: the first one shares the home's, as `phr up` has it."""
        folder = self.root if gateway == self.gateway_id else self.root / gateway
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def bind(self, residents: Mapping[str, str]) -> None:
        """List every device with every gateway; `residents` gives the id of each owner named in the household."""
        for gateway in self.gateway_ids:
            list_devices(self.root_of(gateway), self.home_id, self.household, residents)

    def __enter__(self) -> Self:
        """Devices first, so that the gateway finds the air; then the engine and the gateway."""
        self.devices.start()
        self.engine.start()
        for gateway in self.gateways:
            gateway.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for gateway in self.gateways:
            gateway.stop()
        self.engine.stop()
        self.devices.stop()
        self.broker.stop()
        self.store.dispose()

    def waiting(self) -> int:
        """What the gateways' journals still have to hand over; readings and frames not yet decoded."""
        depths = [peek(self.root_of(gateway) / "journal.sqlite") for gateway in self.gateway_ids]
        return sum(depth.frames + depth.waiting for depth in depths if depth)

    def _engine_role(self) -> None:
        stopping: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
        own = self.broker
        broker = Broker(own.url, username=ENGINE, password=own.password(ENGINE), mqtt5=own.mqtt5)
        # A forked connection pool would share its file handles with the parent: the child opens its own.
        Service(open_engine(self.database), Link(broker)).run(lambda: bool(stopping))

    def _gateway_role(self, gateway: str) -> None:
        asyncio.run(self._listen(gateway))

    async def _listen(self, gateway: str) -> None:
        own = self.broker
        address = broker_address(own.url, mqtt5=own.mqtt5, username=gateway, password=own.password(gateway))
        settings = GatewaySettings(
            home=self.root_of(gateway), gateway=gateway, broker=address, zone=self.household.zone, retry=RETRY_SECONDS,
            retry_most=RETRY_SECONDS, household=self.home_id, home_broker=self.home_broker,
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
