"""What is new in an advertisement: stacks merge old entries into new frames, this takes them apart again (pure)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from firmware_profiles.model import Advert, Profile

CAPACITY: Final = 2048
K = TypeVar("K", bound=Hashable)


class _Known(msgspec.Struct, frozen=True):
    merged_service: Mapping[str, bytes]
    merged_company: Mapping[int, bytes]
    advert: Advert


class Ear:
    """Remembers the last advert of each address, at most `capacity` of them."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._known: dict[str, _Known] = {}

    def hear(
        self,
        address: str,
        name: str | None,
        rssi: int | None,
        services: Sequence[str],
        service_data: Mapping[str, bytes],
        manufacturer_data: Mapping[int, bytes],
    ) -> tuple[Advert, bool]:
        """The advert with stale entries removed, and whether its data differ from the previous one's."""
        last = self._known.pop(address, None)
        fresh = {key.lower(): bytes(value) for key, value in service_data.items()}
        company = {key: bytes(value) for key, value in manufacturer_data.items()}
        advert = Advert(
            address=address,
            name=name,
            rssi=rssi,
            services=tuple(dict.fromkeys(uuid.lower() for uuid in services)),
            service_data=_changed(fresh, last.merged_service, last.advert.service_data) if last else fresh,
            manufacturer_data=_changed(company, last.merged_company, last.advert.manufacturer_data)
            if last
            else company,
        )
        self._known[address] = _Known(fresh, company, advert)
        if len(self._known) > self.capacity:
            self._known.pop(next(iter(self._known)))
        same = last is not None and (fresh, company) == (last.merged_service, last.merged_company)
        return advert, not same


def _changed(now: Mapping[K, bytes], before: Mapping[K, bytes], shown: Mapping[K, bytes]) -> Mapping[K, bytes]:
    """The entries that differ; when none does, what was shown last and is still there."""
    new = {key: value for key, value in now.items() if before.get(key) != value}
    return new or {key: value for key, value in now.items() if key in shown}


def essence(profile: Profile, advert: Advert) -> bytes:
    """The bytes that identify what was broadcast: the entries the family's own match rules name, else all.

    Equal in every gateway of the home, whatever else the radio merged into the frame.
    """
    uuids = {match.service_data for match in profile.match if match.service_data}
    companies = [(match.company, match.company_mask) for match in profile.match if match.company is not None]
    named = {f"s{key}": value for key, value in advert.service_data.items() if key in uuids}
    # A masked company id is a counter: it must not make a new measurement of every frame.
    for key, value in advert.manufacturer_data.items():
        masks = [mask for company, mask in companies if (key ^ company) & mask == 0]
        same = value if profile.steady is None else profile.steady(value)
        named |= {f"m{key & min(masks):04x}": same} if masks else {}
    if not named:
        named = {f"s{key}": value for key, value in advert.service_data.items()}
        named |= {f"m{key:04x}": value for key, value in advert.manufacturer_data.items()}
    return b"".join(key.encode() + b"=" + len(value).to_bytes(2, "big") + value for key, value in sorted(named.items()))
