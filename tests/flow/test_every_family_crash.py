"""More than twenty families at once, their links breaking and the gateway killed twice: the engine has all, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from engine.contract.kinds import BY_QUANTITY
from engine.store.census import Key, census
from engine.store.database import read
from firmware_profiles.registry import PROFILES
from gateway.devices import Devices
from simulators.crash import settle_in
from simulators.home import SimulatedHome, wait_until
from simulators.household import Household, VirtualDevice
from tests.flow.every_family import NOTIFIERS, ROWS, device_of, entry_of

pytestmark = pytest.mark.flow
OWNER, MANY = "first", 20
# Those that show themselves until their memory is empty, with the time of each record.
KEEPING = tuple(
    name for name, row in ROWS.items()
    if row.stored and row.dated and row.cut is not None and row.kind not in NOTIFIERS | {"ffe1-scale"}
)  # fmt: skip


def owned(family: str, number: int) -> VirtualDevice:
    one, slot = device_of(family, number), ROWS[family].slot
    return replace(one, owner=OWNER) if slot is None else replace(one, owners={slot: OWNER})


def measured(devices: Iterable[VirtualDevice]) -> Counter[Key]:
    """Every value the devices hold."""
    found: Counter[Key] = Counter()
    for one in devices:
        kinds = PROFILES[one.profile].kinds
        for record in one.records:
            for name, value in record.values.items():
                kind = kinds.get(name) or BY_QUANTITY[name].code
                if kind in PROFILES[one.profile].provides:
                    found[one.name, record.at.astimezone(UTC), kind, Decimal(value).normalize()] += 1
    return found


@pytest.mark.xdist_group("home")
def test_with_lost_links_and_a_killed_gateway_twenty_families_records_are_in_the_engine_once_each(
    tmp_path: Path,
) -> None:
    assert len(KEEPING) >= MANY
    devices, rng = tuple(owned(family, at) for at, family in enumerate(KEEPING)), Random(3)
    home = SimulatedHome(tmp_path, Household(zone="Asia/Tokyo", devices=devices), rng)
    home.bind(settle_in(home, (OWNER,), rng))
    listed = Devices(home.root)
    for entry in listed.load():
        one = next(device for device in devices if device.address == entry.address)
        listed.replace(replace(entry, key=one.key, bodies=entry_of(one).bodies))

    def delivered() -> int:
        return sum(device["delivered"] for device in home.devices.ask("stats")["devices"].values())

    with home:
        for one in devices:
            home.devices.ask("drop-link", one.name, after=ROWS[one.profile].cut)
            home.devices.ask("wake", one.name)
        whole = sum(len(one.records) for one in devices)
        for part in (4, 2):
            assert wait_until(lambda part=part: delivered() >= whole // part, 60)  # type: ignore[misc]
            home.gateway.kill()
            home.gateway.start()
        assert wait_until(lambda: delivered() == whole and home.waiting() == 0, 90)
        # A kill may take a link before its device could lose it.
        assert sum(home.devices.ask("stats")["links_lost"].values()) >= MANY
        wanted = measured(devices)
        names = {entry.id: one.name for entry in listed.load() for one in devices if one.address == entry.address}
        with read(home.store) as connection:
            found = census(connection, names, {key[2] for key in wanted})
    assert found.measurements == wanted
    assert (found.duplicated, found.refused, found.unassigned) == (0, 0, 0)
