"""Every broadcasting family of the registry at once, through the production gateway over a real Bluetooth stack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.contract.kinds import KINDS
from engine.contract.reading import Reading
from firmware_profiles.model import Profile
from firmware_profiles.registry import PROFILES
from gateway.devices import Devices, entry
from simulators.household import VirtualDevice
from tests.flow.device_home import HOUSEHOLD, Ears, gateway, home

pytestmark = pytest.mark.flow
KEY, OTHER_KEY = "231d39c1d7cc1ab1aee224cd096db932", "00" * 16
FAMILIES = [profile for profile in PROFILES.values() if profile.advert is not None and not profile.connects]
USUAL = {
    "body-weight": "61.5", "heart-rate": "71", "impedance": "512", "impedance-50khz": "512.3",
    "impedance-250khz": "470.1", "battery": "81", "steps-total": "4321", "room-temperature": "25.5",
    "room-humidity": "47",
}  # fmt: skip
# What a family says otherwise than by the usual names, and what a reading of it must hold.
SAID: dict[str, dict[str, str]] = {
    "xiaomi-body-thermometer": {"temperature_1": "35.26", "temperature_2": "34.27", "battery": "81"},
    "bthome-v2": {"temperature": "25.06", "humidity": "50.55", "battery": "93"},
    "bthome-v1": {"temperature": "23.97", "humidity": "63.27", "co2": "1250"},
    "eufy-p2": {"weight": "61.5", "heart_rate": "71"},
}
HEARD = {
    "xiaomi-body-thermometer": {"body-temperature": "36.872", "battery": "81"},
    "bthome-v2": {"room-temperature": "25.06", "room-humidity": "50.55", "battery": "93"},
    "bthome-v1": {"room-temperature": "23.97", "room-humidity": "63.27", "co2": "1250"},
    "eufy-p2": {"body-weight": "61.5", "heart-rate": "71"},
}


def usual(profile: Profile) -> dict[str, str]:
    """The usual value of every kind the family has, in the order of the table of kinds."""
    return {kind: USUAL[kind] for kind in KINDS if kind in profile.provides}


def words(profile: Profile, values: Mapping[str, str]) -> dict[str, str]:
    """`values` by the quantity names the family uses for the kinds."""
    names = {kind: name for name, kind in profile.kinds.items()}
    return {names.get(kind) or str(KINDS[kind].quantity): value for kind, value in values.items()}


def broadcaster(at: int, profile: Profile) -> VirtualDevice:
    key = KEY if profile.decrypt else None
    return VirtualDevice(
        name=profile.id, kind="profile-broadcast", address=f"F0:00:00:00:01:{at:02X}", profile=profile.id, key=key,
        heard_after=0.3, aired=10.0, rest=0.1, interval=0.05,
    )  # fmt: skip


DEVICES = tuple(broadcaster(at, profile) for at, profile in enumerate(FAMILIES))
SEALED = tuple(device for device in DEVICES if device.key)


def listed(folder: Path, devices: Iterable[VirtualDevice], key: str | None) -> Path:
    """A gateway's folder with `devices` on its list, those that encrypt with `key`."""
    folder.mkdir()
    for device in devices:
        found = entry(device.address, device.profile, household=HOUSEHOLD)
        Devices(folder).add(msgspec.structs.replace(found, key=key if device.key else None))
    return folder


def plain(reading: Reading) -> dict[str, str]:
    return {value.kind: format(Decimal(value.value).normalize(), "f") for value in reading.values}


def filed(ears: Ears) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for reading in ears.readings():
        found.setdefault(reading.profile, []).append(plain(reading))
    return found


async def test_every_family_is_heard_once_with_its_key_and_never_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {p.id: [HEARD.get(p.id) or usual(p)] for p in FAMILIES}
    async with (
        home(tmp_path / "air", *DEVICES) as air,
        gateway(listed(tmp_path / "right", DEVICES, KEY), air, name="b") as right,
        gateway(listed(tmp_path / "keyless", SEALED, None), air, name="c") as keyless,
        gateway(listed(tmp_path / "wrong", SEALED, OTHER_KEY), air, name="d") as wrong,
    ):
        said = {p.id: SAID.get(p.id) or words(p, usual(p)) for p in FAMILIES}
        answers = await asyncio.gather(*(air.ask("measure", name, values=values) for name, values in said.items()))
        assert all(answer["heard"] for answer in answers)
        await right.count(len(FAMILIES))
        await asyncio.sleep(0.3)
        assert filed(right) == expected
        assert keyless.readings() == wrong.readings() == []
        assert keyless.journal.fresh() == wrong.journal.fresh() == []
    assert len(FAMILIES) >= 20
    said_why = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "key_refused" in line]
    codes = sorted((line["device"], line["code"]) for line in said_why)
    devices = [entry(device.address, device.profile, household=HOUSEHOLD).id for device in SEALED]
    assert codes == sorted((name, code) for name in devices for code in ("bindkey-needed", "bindkey-wrong"))
