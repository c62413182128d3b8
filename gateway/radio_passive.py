"""When a passive scan is enough, and what it must look for.

Passive scanning asks devices for nothing: it spares their batteries and the air. But it never sees a scan response, and
there most names are; so it serves households whose devices are all known by their service data or company id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType

from firmware_profiles.model import BASE, Match, Profile
from gateway.devices import DeviceError, Devices

Scan = Literal["auto", "active", "passive"]
Patterns = tuple[OrPattern, ...]
# What nearly every advert begins with: for those who want a passive scan whatever the household has.
ANYTHING: Final[Patterns] = tuple(
    OrPattern(0, AdvertisementDataType.FLAGS, bytes((flags,))) for flags in (0x02, 0x04, 0x05, 0x06, 0x18, 0x1A)
)
_WHOLE: Final = 0xFFFF
_LOW: Final = 0x00FF


def patterns_of(profiles: Iterable[Profile]) -> Patterns:
    """What every advert of these families contains; empty when one of them needs an active scan, or there is none."""
    found: dict[OrPattern, None] = {}
    for profile in profiles:
        patterns = [_pattern(match) for match in profile.match]
        if not patterns or None in patterns:
            return ()
        found |= dict.fromkeys(pattern for pattern in patterns if pattern is not None)
    return tuple(found)


def wanted_patterns(scan: Scan, home: Path, profiles: Mapping[str, Profile]) -> Callable[[], Patterns]:
    """What a passive scan must look for, asked at any moment; an empty answer means an active scan.

    `auto` scans passively exactly while every listed device can be heard so, `passive` always, `active` never.
    """
    if scan == "active":
        return tuple
    listed = listed_patterns(home, profiles)
    return listed if scan == "auto" else lambda: (*listed(), *ANYTHING)


def listed_patterns(home: Path, profiles: Mapping[str, Profile]) -> Callable[[], Patterns]:
    """A callable that tells `patterns_of` the devices listed in `home` just then; reads the list when it changed."""
    devices = Devices(home)
    seen: tuple[tuple[int, int], Patterns] | None = None

    def current() -> Patterns:
        nonlocal seen
        stamp = devices.stamp()
        if seen is None or seen[0] != stamp:
            seen = stamp, _of_list(devices, profiles)
        return seen[1]

    return current


def _of_list(devices: Devices, profiles: Mapping[str, Profile]) -> Patterns:
    try:
        names = {entry.profile for entry in devices.load()}
    except DeviceError:
        return ()  # the gateway says what is wrong with the list; the radio goes on listening to everything
    return () if names - profiles.keys() else patterns_of(profiles[name] for name in sorted(names))


def _pattern(match: Match) -> OrPattern | None:
    """The bytes an advert that satisfies `match` must contain; None when only a name or a service tells."""
    if match.name is not None:
        return None
    if match.service_data is not None and match.service_data.endswith(BASE):
        uuid = int(match.service_data[:8], 16).to_bytes(4, "little")[:2]
        return OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, uuid)
    if match.company is not None and match.company_mask in {_WHOLE, _LOW}:
        size = 2 if match.company_mask == _WHOLE else 1
        return OrPattern(
            0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, match.company.to_bytes(2, "little")[:size]
        )
    return None
