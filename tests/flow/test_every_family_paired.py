"""Every family the gateway connects to is paired by the production driver; a wrong key, code or number opens nothing.

The pairings of a group go on side by side, each for a home of its own, in one room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from cli.pair_answers import Wish
from engine.contract.reading import Reading
from firmware_profiles import eufy_talk
from firmware_profiles.model import UserConsent
from firmware_profiles.registry import PROFILES
from gateway import pairing as machine
from gateway import pairing_run, pairing_watch
from gateway.devices import Devices, Entry
from gateway.journal_peek import visit
from gateway.pairing_model import Event, PasskeyTyped, State
from simulators.household import VirtualDevice
from tests.flow.device_home import Home, gateway, home
from tests.flow.every_family import CONNECTING, PIN, ROWS, device_of, enlist, entry_of, heard, told, values_of
from tests.flow.pairing_home import HANAKO, pairing, readings

pytestmark = pytest.mark.flow
GROUPS = tuple(CONNECTING[at::5] for at in range(5))
NUMBER, OTHER_KEY, OTHER_PIN = 123_456, "22" * 16, 2222
PASSKEY = tuple(name for name in CONNECTING if PROFILES[name].pairing.bond == "passkey")
JUST_WORKS = tuple(name for name in CONNECTING if PROFILES[name].pairing.bond == "just-works")
KEYED = tuple(name for name in CONNECTING if PROFILES[name].pairing.key)
CODED = tuple(
    name for name in CONNECTING
    if ROWS[name].slot is not None and any(isinstance(step, UserConsent) for step in PROFILES[name].steps)
)  # fmt: skip


class Paired(msgspec.Struct, frozen=True):
    """How a pairing ended, what is listed and what was filed."""

    state: State
    phases: tuple[str, ...]
    listed: tuple[Entry, ...]
    readings: tuple[Reading, ...]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual devices are quick, and each pairing knows which device it wants."""
    monkeypatch.setattr(machine, "SETTLE", 0.1)
    monkeypatch.setattr(pairing_run, "PAUSE", 0.2)
    monkeypatch.setattr(pairing_run, "TICK", 0.1)
    monkeypatch.setattr(pairing_run, "GOODBYE", 2.0)
    monkeypatch.setattr(pairing_watch, "QUIET", timedelta(seconds=0.5))
    monkeypatch.setattr(eufy_talk, "PAUSE", 0.05)


def newcomer(family: str, number: int, **fields: Any) -> VirtualDevice:
    """The family's device as it is bought: nobody's, in pairing mode."""
    row, profile = ROWS[family], PROFILES[family]
    given: dict[str, Any] = {"records": (), "kind": row.paired_by or row.kind, "asleep": False}
    given |= {"key": OTHER_KEY} if profile.pairing.key else {}
    given |= {"passkey": NUMBER, "secured": True} if family in PASSKEY else {}
    given |= {"pins": {}} if given["kind"] == "consent-scale" else {}
    return device_of(family, number, **(given | fields))


def wish(one: VirtualDevice) -> Wish:
    """What the person says of it: a number and a code where it was given one with its own buttons."""
    slot = ROWS[one.profile].slot if PROFILES[one.profile].pairing.slots or one.pins else None
    return Wish(residents=(HANAKO,), implants="no", yes=True, slot=slot, pin=str(PIN))


async def pair(folder: Path, air: Home, one: VirtualDevice, *, passkey: int = NUMBER) -> Paired:
    """Pair one device, measuring when the person is asked to."""
    answers: dict[str, Event] = {"passkey": PasskeyTyped(str(passkey))}
    seated = bool(one.pins)
    async with pairing(
        folder / one.name, air, wish(one), answers=answers, wanted_address=one.address, numbered=seated
    ) as run:
        measuring = asyncio.create_task(_measure(run.helper.phases, air, one))
        final = await run.end()
        measuring.cancel()
        await asyncio.gather(measuring, return_exceptions=True)
    found = tuple(readings(folder / one.name))
    return Paired(final, tuple(run.helper.phases), Devices(folder / one.name).load(), found)


async def _measure(phases: list[str], air: Home, one: VirtualDevice) -> None:
    """When it is asked for; a device nobody has to bond with is waited for, one that shows a number says it at once."""
    bond = PROFILES[one.profile].pairing.bond
    asked = {"none": {"join", "proof"}, "just-works": {"proof"}, "passkey": {"passkey"}}[bond]
    while not asked & set(phases):  # noqa: ASYNC110 - a screen rings no bell
        await asyncio.sleep(0.05)
    await air.ask("measure", one.name, values=values_of(ROWS[one.profile], 0), slot=ROWS[one.profile].slot)


async def _pair_all(folder: Path, families: tuple[str, ...]) -> Mapping[str, Paired]:
    everyone = [newcomer(family, at) for at, family in enumerate(families)]
    async with home(folder / "air", *everyone) as air:
        found = await asyncio.gather(*(pair(folder, air, one) for one in everyone))
    return dict(zip(families, found, strict=True))


@pytest.mark.parametrize("group", range(len(GROUPS)))
async def test_every_family_is_paired_by_measuring_once(tmp_path: Path, group: int) -> None:
    found = await _pair_all(tmp_path, GROUPS[group])
    assert {family: wrong for family, one in found.items() if (wrong := _wrong(family, one))} == {}


def _wrong(family: str, paired: Paired) -> list[str]:
    """What of the pairing is not as it must be, by name."""
    (entry,) = paired.listed or (None,)
    cells = {
        f"paired ({paired.state.code})": paired.state.phase == "done",
        "the proof is filed": heard(paired.readings) == told(family, [0]),
        "listed": entry is not None and entry.profile == family and (entry.held_until, entry.waiting) == (None, ()),
        "theirs": entry is not None and [binding.resident for binding in entry.bindings] == [HANAKO],
        "proven": entry is not None and entry.proven_at is not None,
        "asked for the number": ("passkey" in paired.phases) == (family in PASSKEY),
        "a key of ours": entry is not None and (family not in KEYED or entry.key not in {None, OTHER_KEY}),
    }
    return [cell for cell, holds in cells.items() if not holds]


# -- what must not open


async def _refused(folder: Path, devices: Mapping[str, VirtualDevice], **fields: Any) -> Mapping[str, tuple[str, int]]:
    """How the visits of a gateway ended that knows the devices wrongly: the last word and the readings, by family."""
    everyone = tuple(devices.values())
    enlist(folder / "g", *everyone, **fields)
    async with home(folder / "air", *everyone) as air, gateway(folder / "g", air) as ears:
        await asyncio.gather(*(air.ask("wake", one.name) for one in everyone))
        said: dict[str, str] = {}
        async with asyncio.timeout(30):
            while len(said) < len(everyone):
                await asyncio.sleep(0.1)
                ended = (
                    (name, visit(folder / "g" / "journal.sqlite", entry_of(one).id)) for name, one in devices.items()
                )
                said = {name: word[0] for name, word in ended if word}
        found = ears.readings()
        left = (await air.ask("stats"))["devices"]
    assert all(left[one.name]["pending"] == len(one.records) for one in everyone)
    return {name: (said[name], sum(reading.profile == name for reading in found)) for name in devices}


async def test_a_wrong_key_opens_no_memory_and_the_visit_says_so(tmp_path: Path) -> None:
    devices = {family: device_of(family, at) for at, family in enumerate(KEYED)}
    assert await _refused(tmp_path, devices, key=OTHER_KEY) == dict.fromkeys(KEYED, ("key-refused", 0))


async def test_a_wrong_code_opens_no_slot_and_the_visit_says_so(tmp_path: Path) -> None:
    devices = {family: device_of(family, at) for at, family in enumerate(CODED)}
    wrong = {ROWS[family].slot: OTHER_PIN for family in CODED}
    assert await _refused(tmp_path, devices, pins=wrong) == dict.fromkeys(CODED, ("slot-refused", 0))


async def test_who_lets_no_new_partner_in_keeps_its_records_and_the_visit_says_so(tmp_path: Path) -> None:
    guarded = {family: device_of(family, at, pairable=False) for at, family in enumerate((*JUST_WORKS, *PASSKEY))}
    devices = {family: replace(one, secured=True) for family, one in guarded.items()}
    assert await _refused(tmp_path, devices) == dict.fromkeys(devices, ("not-paired", 0))


@pytest.mark.parametrize("family", PASSKEY)
async def test_a_wrong_number_bonds_with_nobody(tmp_path: Path, family: str) -> None:
    one = newcomer(family, 0)
    async with home(tmp_path / "air", one) as air:
        found = await pair(tmp_path, air, one, passkey=NUMBER + 1)
    assert (found.state.phase, found.state.code) == ("stopped", "wrong-passkey")
    assert (found.listed, found.readings) == ((), ())
