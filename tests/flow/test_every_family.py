"""Every family the gateway connects to, over a real Bluetooth stack: memory, a new measurement, a lost link, twins.

All families share one home for each half of the list: forty devices on the air at once, every one with its twin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from engine.contract.reading import Reading
from firmware_profiles import eufy_talk
from firmware_profiles.registry import PROFILES
from simulators.household import VirtualDevice
from tests.flow.device_home import Ears, Home, gateway, home
from tests.flow.every_family import (
    CONNECTING,
    NOTIFIERS,
    ROWS,
    Told,
    device_of,
    enlist,
    entry_of,
    heard,
    told,
    values_of,
)

pytestmark = pytest.mark.flow
# What stays connected takes one of the gateway's few links for as long as it lasts: each a home of its own.
LASTING = tuple(name for name in CONNECTING if ROWS[name].kind in NOTIFIERS)
OTHERS = tuple(name for name in CONNECTING if name not in LASTING)
HOMES = (OTHERS[::2], OTHERS[1::2], *((name,) for name in LASTING))
# The second device of a family counts on from here, so that a value shows whose it is.
TWIN = 20


class Lived(msgspec.Struct, frozen=True):
    """What a family's two devices had told: from their memories, and in the end; links lost by each."""

    devices: tuple[VirtualDevice, VirtualDevice]
    remembered: tuple[tuple[Reading, ...], tuple[Reading, ...]]
    readings: tuple[tuple[Reading, ...], tuple[Reading, ...]]
    lost: tuple[int, int]
    pending: tuple[int, int]


async def _live(folder: Path, families: tuple[str, ...]) -> Mapping[str, Lived]:
    pairs = {
        family: (device_of(family, 2 * at), device_of(family, 2 * at + 1, first=TWIN))
        for at, family in enumerate(families)
    }
    everyone = [one for pair in pairs.values() for one in pair]
    enlist(folder / "g", *everyone)
    async with home(folder / "air", *everyone) as air, gateway(folder / "g", air) as ears:
        await _break_links(air, pairs)
        notifiers = [one for one in everyone if one.kind in NOTIFIERS]
        await asyncio.gather(*(air.ask("wake", one.name) for one in everyone if one.records))
        await asyncio.gather(*(air.ask("measure", one.name, **_measured(one, 0)) for one in notifiers))
        await asyncio.gather(*(air.ask("drop-link", one.name) for one in notifiers[::2]))
        await _return(air, everyone)
        await _settle(ears, sum(ROWS[one.profile].stored for one in everyone))
        remembered = ears.readings()
        new = {one.name: _measured(one, ROWS[one.profile].stored) for one in everyone if _speaks_up(one)}
        await asyncio.gather(*(air.ask("measure", name, **fields) for name, fields in new.items()))
        await _settle(ears, sum(ROWS[one.profile].stored for one in everyone) + len(new))
        stats = await air.ask("stats")
        found = ears.readings()
    return {
        family: Lived(
            pair,
            (_of(pair[0], remembered), _of(pair[1], remembered)),
            (_of(pair[0], found), _of(pair[1], found)),
            (stats["links_lost"][pair[0].name], stats["links_lost"][pair[1].name]),
            (stats["devices"][pair[0].name]["pending"], stats["devices"][pair[1].name]["pending"]),
        )
        for family, pair in pairs.items()
    }


async def _break_links(air: Home, pairs: Mapping[str, tuple[VirtualDevice, VirtualDevice]]) -> None:
    """The first device of each family loses its link: within its memory, or while it shows a measurement."""
    for family, (one, _) in pairs.items():
        if one.kind not in NOTIFIERS:
            await air.ask("drop-link", one.name, after=ROWS[family].cut or 0)


async def _return(air: Home, everyone: list[VirtualDevice]) -> None:
    """Once its link broke a device is stepped on again: some show themselves only then."""
    broken = [one.name for one in everyone[::2] if ROWS[one.profile].cut is not None]
    waiting, end = set(broken), asyncio.get_running_loop().time() + 9
    while waiting and asyncio.get_running_loop().time() < end:
        lost = (await air.ask("stats"))["links_lost"]
        back = {name for name in waiting if lost[name]}
        await asyncio.gather(*(air.ask("wake", name) for name in back))
        waiting -= back
        await asyncio.sleep(0.1)


def _measured(one: VirtualDevice, number: int) -> dict[str, object]:
    row, first = ROWS[one.profile], TWIN if int(one.name[1:]) % 2 else 0
    return {"values": values_of(row, first + number), "slot": row.slot}


def _speaks_up(one: VirtualDevice) -> bool:
    """Whether it measures once more: a twin has said enough when it has told its memory."""
    return not (one.records and int(one.name[1:]) % 2)


def said(lived: Lived, twin: int) -> Told:
    """All that one of the two had to say."""
    one, first = lived.devices[twin], TWIN * twin
    return told(one.profile, range(first, first + ROWS[one.profile].stored + _speaks_up(one)))


def _of(one: VirtualDevice, readings: list[Reading]) -> tuple[Reading, ...]:
    return tuple(reading for reading in readings if reading.device == entry_of(one).id)


async def _settle(ears: Ears, count: int) -> None:
    """Wait for `count` readings, and a moment in which one too many would come; what is missing is told by name."""
    try:
        await ears.until(lambda found: heard(found).total() >= count)
    except TimeoutError:
        return
    await asyncio.sleep(0.6)


def test_every_family_the_gateway_connects_to_has_a_virtual_device() -> None:
    assert ROWS.keys() == {profile.id for profile in PROFILES.values() if profile.connects}


def _wrong(family: str, lived: Lived) -> list[str]:
    """The cells of the family's row that do not hold, by name."""
    (mine, theirs), row = lived.readings, ROWS[family]
    memories = zip(lived.devices, lived.remembered, (0, TWIN), strict=True)
    cells = {
        "stored records": row.kind in NOTIFIERS or all(
            heard(found) == told(family, range(first, first + row.stored)) and (not row.dated or _dated(one, found))
            for one, found, first in memories
        ),
        "live record": heard(mine) - heard(lived.remembered[0]) == told(family, [row.stored]),
        "link lost in the middle": lived.lost == (1, 0) and heard(mine) == said(lived, 0),
        "two at once": (heard(mine), heard(theirs)) == (said(lived, 0), said(lived, 1)),
        "nothing twice": len({one.id for one in (*mine, *theirs)}) == len(mine) + len(theirs),
        "nothing left": lived.pending == (0, 0),
        "its own family": {one.profile for one in (*mine, *theirs)} == {family},
    }  # fmt: skip
    return [cell for cell, holds in cells.items() if not holds]


def _dated(one: VirtualDevice, found: tuple[Reading, ...]) -> bool:
    """Whether the records came with the device's own times."""
    by_device = {reading.time_quality for reading in found} <= {"device"}
    return by_device and {reading.measured_at for reading in found} == {record.at for record in one.records}


@pytest.mark.parametrize("number", range(len(HOMES)))
async def test_every_family_tells_its_memory_and_a_new_measurement_once_though_its_link_broke_beside_its_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(eufy_talk, "PAUSE", 0.05)
    lived = await _live(tmp_path, HOMES[number])
    assert {family: wrong for family, one in lived.items() if (wrong := _wrong(family, one))} == {}


def test_at_least_twenty_different_families_are_on_the_air_at_once_each_with_its_twin() -> None:
    assert max(len(names) for names in HOMES) >= 20
