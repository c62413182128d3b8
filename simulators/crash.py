"""The crash campaign: SIGKILL gateway, broker or engine at random moments of a replay, then count what is missing."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from engine.consent import Event, say
from engine.contract.ids import new_id
from engine.contract.kinds import BY_QUANTITY
from engine.people import Resident
from engine.store import repo_consents, repo_residents
from engine.store.census import Census, Key, census
from engine.store.database import read, write
from gateway.devices import Devices
from simulators.address import parse_place
from simulators.home import SimulatedHome, wait_until
from simulators.household import Household, VirtualDevice
from simulators.orders import OrderError

ZONE = "Asia/Tokyo"
SETTLE_SECONDS = 90.0
TELL_EVERY = 25
BURST = 4
OWNERS = ("first", "second")
DEVICES = (
    VirtualDevice(name="scale", kind="weight-scale", address="F0:00:00:00:01:01", profile="sig-weight",
                  local_name="Minato Scale", owner="first"),
    VirtualDevice(name="cuff", kind="blood-pressure-monitor", address="F0:00:00:00:01:02", profile="sig-blood-pressure",
                  local_name="Minato BP", owner="second"),
    VirtualDevice(name="composition", kind="body-composition-scale", address="F0:00:00:00:01:04",
                  profile="sig-body-composition", local_name="Minato Body", owners={1: "second"}, pins={1: 1946}),
    VirtualDevice(name="advert-scale", kind="xiaomi-scale", address="F0:00:00:00:01:03", profile="xiaomi-miscale-v2",
                  local_name="MIBFS", owner="first"),
)  # fmt: skip


class Report(msgspec.Struct, frozen=True):
    """What a campaign found (counts of DESIGN section 2); `killed` by role, `unsettled` what was still on its way."""

    kills: int
    seed: int
    killed: dict[str, int]
    heard: int
    stored: int
    lost: int
    duplicated: int
    refused: int
    unassigned: int
    unsettled: int
    seconds: float


def campaign(root: Path, kills: int, seed: int, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Run `kills` kills in an empty folder `root`; the same seed kills the same roles after the same pauses.

    Raises OrderError when the devices die, BrokerError when the broker cannot be started again.
    """
    rng, began = Random(seed), time.monotonic()
    home = SimulatedHome(root, Household(zone=ZONE, devices=DEVICES), rng)
    home.bind(settle_in(home, OWNERS, rng))
    killed: Counter[str] = Counter()
    with home:
        traffic = _Traffic(home, rng)
        for number in range(kills):
            traffic.go_on()
            time.sleep(rng.uniform(0.02, 0.6))
            killed[_kill(home, rng)] += 1
            if (number + 1) % TELL_EVERY == 0:
                tell(f"{number + 1} kills")
        traffic.finish()
        left = _settle(home)
        ledger = _ledger(home)
        found = _count(home, ledger)
    # A measurement of which any value is missing is lost: half a blood pressure is none.
    missing = sum(1 for values in ledger if values - found.measurements)
    return Report(
        kills=kills, seed=seed, killed=dict(killed), heard=len(ledger), stored=found.stored, lost=missing,
        duplicated=found.duplicated, refused=found.refused, unassigned=found.unassigned, unsettled=left,
        seconds=round(time.monotonic() - began, 1),
    )  # fmt: skip


def settle_in(home: SimulatedHome, owners: Iterable[str], rng: Random) -> dict[str, str]:
    """A resident for each owner, who grants recording explicitly; their ids by owner."""
    ids = {owner: new_id("r", rng) for owner in owners}
    now = datetime.now(UTC)
    with write(home.store) as connection:
        for owner, name in ids.items():
            person = Resident(
                id=name, household_id=home.home_id, municipality_code="062049", family_name="山田", given_name=owner,
                family_kana="ヤマダ", given_kana="タロウ", birth_date=date(1960, 4, 1), sex="male",
                height_cm=Decimal("168.0"),
            )  # fmt: skip
            repo_residents.add(connection, person, now, actor="simulator", os_user="simulator")
            yes = say(Event(resident=name, purpose="record", granted=True, at=now, actor="simulator"))
            assert isinstance(yes, Event)
            repo_consents.append(connection, yes, os_user="simulator")
    return ids


class _Traffic:
    """Measurements that go on while roles die: a burst of stored records a turn, and always one broadcast."""

    def __init__(self, home: SimulatedHome, rng: Random) -> None:
        self._home, self._rng = home, rng
        self._at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
        self._broadcast: socket.socket | None = None

    def go_on(self) -> None:
        for _ in range(BURST):
            self._at += timedelta(minutes=1)
            device = self._rng.choice(("scale", "cuff", "composition"))
            kg, systolic = f"{self._rng.uniform(55, 80):.2f}", self._rng.randint(110, 150)
            if device == "scale":
                self._order(device, {"weight": kg})
            elif device == "cuff":
                self._order(device, {"systolic": str(systolic), "diastolic": str(systolic - 45), "pulse_rate": "66"})
            else:
                self._order(device, {"weight": kg, "body_fat_percentage": "24.1", "impedance": "512.0"}, slot=1)
        if self._broadcast is None or self._over(0.0):
            # With its impedance a weighing is complete at once; without, the gateway holds it open for a while.
            self._shout({"weight": f"{self._rng.randrange(1100, 1600) / 20:.2f}", "impedance": "512"})

    def finish(self) -> None:
        if self._broadcast is not None:
            self._over(60.0)

    def _order(self, device: str, values: dict[str, str], slot: int | None = None) -> None:
        self._home.devices.ask("measure", device, at=self._at.isoformat(), values=values, slot=slot)

    def _shout(self, values: dict[str, str]) -> None:
        """Order a broadcast without waiting: the answer comes once a gateway had time to hear it."""
        place = parse_place(self._home.devices.orders)
        wire = socket.socket(socket.AF_UNIX if place.path else socket.AF_INET, socket.SOCK_STREAM)
        wire.connect(place.path or (place.host, place.port))
        order = {"do": "measure", "device": "advert-scale", "at": self._at.isoformat(), "values": values}
        wire.sendall(json.dumps(order).encode() + b"\n")
        self._broadcast = wire

    def _over(self, seconds: float) -> bool:
        """Whether the broadcast was answered, waiting up to `seconds`."""
        wire = self._broadcast
        assert wire is not None
        wire.settimeout(seconds)
        try:
            answer = wire.recv(4096)
        except (BlockingIOError, TimeoutError):
            return False
        wire.close()
        self._broadcast = None
        if b'"error"' in answer:
            raise OrderError("gone", answer.decode(errors="replace"))
        return True


def _kill(home: SimulatedHome, rng: Random) -> str:
    """Kill one role and start it again at once; a child that died by itself is started too and counted as a fault."""
    victim = rng.choice(("gateway", "broker", "engine"))
    if victim == "broker":
        assert home.broker.process is not None
        home.broker.process.kill()
        home.broker.process.wait()
        home.broker.restart()
        return victim
    child = home.gateway if victim == "gateway" else home.engine
    if not child.alive():
        raise RuntimeError(f"the {victim} died by itself; see {victim}.log")
    child.kill()
    child.start()
    return victim


def _settle(home: SimulatedHome) -> int:
    """Wait until devices and journal are empty; what is left when patience ends."""

    def left() -> int:
        stats: dict[str, Any] = home.devices.ask("stats")["devices"]
        return sum(int(device["pending"]) for device in stats.values()) + home.waiting()

    wait_until(lambda: left() == 0, SETTLE_SECONDS)
    return left()


def _ledger(home: SimulatedHome) -> list[Counter[Key]]:
    """Every measurement a gateway could hear, each as its values: (device name, instant to the second, kind, value)."""
    found = []
    for device in home.household.devices:
        for item in home.devices.ask("ledger", device.name)["heard"]:
            at = datetime.fromisoformat(item["at"]).astimezone(UTC).replace(microsecond=0)
            values = {BY_QUANTITY[name].code: Decimal(value) for name, value in item["values"].items()}
            found.append(Counter((device.name, at, kind, value.normalize()) for kind, value in values.items()))
    return found


def _count(home: SimulatedHome, ledger: list[Counter[Key]]) -> Census:
    names = {device.address: device.name for device in home.household.devices}
    listed = {entry.id: names[entry.address] for entry in Devices(home.root).load()}
    with read(home.store) as connection:
        return census(connection, listed, {key[2] for values in ledger for key in values})
