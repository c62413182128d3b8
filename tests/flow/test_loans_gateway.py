"""A lent scale comes back, seen from the home: the running gateway hands over, gives up the bond, and hears no more."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from engine.loans import Loan
from engine.loans_store import Back, Wish, lend, take_back
from engine.service import Service
from engine.service_link import Broker, Link
from engine.store import repo_devices, repo_loans
from engine.store.database import read, write
from engine.store.repo_facts import By
from engine.store.tables import READING
from gateway import service as gateway_service
from gateway.devices import Devices, entry
from gateway.journal import Journal
from gateway.returning import release
from gateway.service import Gateway
from gateway.settings import GatewaySettings, broker_address
from simulators.bluez.tree import DEVICE as BLUEZ_DEVICE
from simulators.radio import SimulatedRadio
from tests.brokers import mosquitto
from tests.flow.bluez_home import ADDRESS, gateway, house
from tests.flow.device_home import device, home, records, weights
from tests.flow.furnished import engine
from tests.homes import GATEWAY, HANAKO, HOUSEHOLD, OTHER_GATEWAY
from tests.planted import found_in

__all__ = ["engine"]
pytestmark = pytest.mark.flow
WHO = By("s-helpdeskhelpd", "test")
PATH = f"/org/bluez/hci0/dev_{ADDRESS.replace(':', '_')}"


@pytest.mark.needs_dbus
async def test_the_bond_is_gone_once_all_is_handed_over_and_the_next_one_has_to_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale, folder = device("weight-scale", records=weights(3), secured=True), tmp_path / "g"
    async with house(tmp_path, monkeypatch, scale) as at, gateway(folder, at) as ears:
        found = await ears.count(3)
        await at.air.until_delivered(3)
        [lent] = Devices(folder).load()
        assert await at.bluez.look(PATH, BLUEZ_DEVICE, "Bonded")
        assert await asyncio.to_thread(release, lent.id, folder) == (0, 3), "nobody has the readings yet"
        assert await at.bluez.look(PATH, BLUEZ_DEVICE, "Bonded")
        ears.journal.forget([reading.id for reading in found])
        assert await asyncio.to_thread(release, lent.id, folder) == (1, 1)
        bonded = False
        with suppress(Exception):  # a device without a bond may be gone from the tree altogether
            bonded = bool(await at.bluez.look(PATH, BLUEZ_DEVICE, "Bonded"))
        assert not bonded
        await asyncio.sleep(0.5)
        assert (await asyncio.to_thread(release, lent.id, folder))[1] == 0
        await at.air.ask("weigh", "it", values={"weight": "71.25"})
        await asyncio.sleep(1.5)
        assert ears.readings() == []
        assert (await at.air.totals())["delivered"] == 3, "the scale keeps what nobody it knows asked for"


@pytest.mark.needs_mosquitto
async def test_from_the_loan_to_the_wiped_thing_over_a_real_broker(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_service, "LOOK_EVERY", 0.2)
    begun = datetime.now(UTC)
    with write(engine) as connection:
        wish = Wish(asset="KG-001", sort="scale", resident=HANAKO, address="F0:00:00:00:00:21")
        loan = lend(connection, wish, begun - timedelta(days=3), WHO)
    assert isinstance(loan, Loan)
    # The first was measured in another home, before the loan.
    memory = records(2, {"weight": "88.80"}, {"weight": "62.30"}, days=2)
    with mosquitto() as broker:
        async with home(tmp_path / "air", device("weight-scale", records=memory)) as at:
            folder = tmp_path / "g"
            folder.mkdir()
            Devices(folder).add(entry("F0:00:00:00:00:21", "sig-weight", household=HOUSEHOLD, resident=HANAKO))
            over = threading.Event()
            run = asyncio.create_task(asyncio.to_thread(_serve, engine, broker.url, begun, over))
            settings = GatewaySettings(
                home=folder, gateway=GATEWAY, broker=broker_address(broker.url, username=GATEWAY)
            )
            journal, radio, stop = Journal(settings.journal_path), SimulatedRadio(at.air), asyncio.Event()
            running = asyncio.create_task(Gateway(settings, journal, radio, radio.now).live(stop))
            try:
                await _until(lambda: len(_owners(engine)) == 2)
                assert sorted(_owners(engine).values(), key=str) == [None, HANAKO]
                _come_back(engine)
                await run
            finally:
                over.set()
                stop.set()
                async with asyncio.timeout(20):
                    await running
                await radio.close()
                journal.close()
            assert Devices(folder).load() == ()
            assert found_in(folder, [HANAKO, str(loan.device)]) == {"roster.json": {HANAKO}}, "who lives there stays"
    with read(engine) as connection:
        after = repo_loans.newest(connection, "KG-001")
        [lent] = [one for one in repo_devices.devices(connection, HOUSEHOLD) if one.id == loan.device]
    assert after is not None
    states = {one.gateway: one.state for one in after.orders}
    assert states == {GATEWAY: "done", OTHER_GATEWAY: "open"}, "the home's other gateway is off"
    assert (lent.bindings, after.wiped_at, after.state) == ((), None, "wiping")


def _serve(engine: Engine, url: str, begun: datetime, over: threading.Event) -> None:
    """The engine at work, with a clock that runs many times as fast once something came back."""
    clock = [begun]
    service, end = Service(engine, Link(Broker(url)), lambda: clock[0]), time.monotonic() + 45
    while time.monotonic() < end and not over.is_set():
        service.step(0.05)
        service._busy_at = 0.0
        with read(engine) as connection:
            loan = repo_loans.newest(connection, "KG-001")
        if loan is not None and loan.returned_at is not None:
            clock[0] += timedelta(seconds=4)
            if any(one.state == "done" for one in loan.orders):
                break
    service._link.close()


def _come_back(engine: Engine) -> None:
    with write(engine) as connection:
        loan = repo_loans.newest(connection, "KG-001")
        assert loan is not None
        done = take_back(connection, loan, Back(cleared=True), datetime.now(UTC), WHO)
    assert isinstance(done, Loan)


def _owners(engine: Engine) -> dict[str, str | None]:
    with read(engine) as connection:
        return {row.id: row.resident_id for row in connection.execute(select(READING))}


async def _until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(there):  # noqa: ASYNC110 - the store rings no bell
            await asyncio.sleep(0.1)
