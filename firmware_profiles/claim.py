"""Whose is it: exactly one profile, none, or a typed answer that two are equally sure.

Order of evidence: service data with its length, company id, local name, service UUID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from firmware_profiles.model import BASE, Advert, Match, Profile

SERVICE_DATA, COMPANY, NAME, SERVICE = 4, 3, 2, 1
NONE: Final = 0


class Ambiguous(msgspec.Struct, frozen=True):
    """Profiles that claim the same advert on equally specific evidence: nobody's until one of them is corrected."""

    ids: tuple[str, ...]


Claim = Profile | Ambiguous | None


def claim(advert: Advert, profiles: Mapping[str, Profile]) -> Claim:
    """The profile with the most specific evidence for `advert`."""
    ranked = [(max((rank(match, advert) for match in p.match), default=NONE), p) for p in profiles.values()]
    ranked = [(level, p) for level, p in ranked if level and not _is_contradicted(p, advert)]
    best = max((level for level, _ in ranked), default=NONE)
    return _single([p for level, p in ranked if level == best])


def claim_frame(service: str, characteristic: str, name: str | None, profiles: Mapping[str, Profile]) -> Claim:
    """The profile that reads `characteristic` of `service` on a device called `name`, None when no one surely does.

    A device claimed by name is read by that profile only. A vendor's own characteristic names its family by itself.
    """
    families = {key: p for key, p in profiles.items() if p.match}
    owner = claim(Advert(address="", name=name, services=(service,)), families)
    if isinstance(owner, Ambiguous) or (owner is not None and characteristic in owner.codecs):
        return owner
    readers = [p for p in profiles.values() if characteristic in p.codecs]
    return _single([p for p in readers if not p.match or not characteristic.endswith(BASE)])


def claim_slug(slug: str | None, characteristic: str, profiles: Mapping[str, Profile]) -> Claim:
    """The profile whose `slug` covers a capture's device slug and which reads `characteristic`; None without one."""
    readers = [p for p in profiles.values() if p.slug is not None and characteristic in p.codecs]
    return _single([p for p in readers if slug is not None and re.fullmatch(p.slug or "", slug)])


def rank(match: Match, advert: Advert) -> int:
    """How specific the evidence is on which `match` holds for `advert`; 0 when it does not hold."""
    if _is_handed_over(match, advert):
        return NONE
    evidence = (
        (SERVICE_DATA, match.service_data is not None, _has_service_data),
        (COMPANY, match.company is not None, _has_company),
        (NAME, match.name is not None, _has_name),
        (SERVICE, match.service is not None, _has_service),
    )
    asked = [(level, test) for level, is_asked, test in evidence if is_asked]
    return asked[0][0] if asked and all(test(match, advert) for _, test in asked) else NONE


def _has_service_data(match: Match, advert: Advert) -> bool:
    data = advert.service_data.get(match.service_data or "")
    return data is not None and (match.company is not None or _fits(match, data))


def _has_company(match: Match, advert: Advert) -> bool:
    mask = match.company_mask
    return any(
        match.company is not None and company & mask == match.company & mask and _fits(match, data)
        for company, data in advert.manufacturer_data.items()
    )


def _fits(match: Match, data: bytes) -> bool:
    return match.length in {None, len(data)} and data[match.at : match.at + len(match.holds)] == match.holds


def _has_name(match: Match, advert: Advert) -> bool:
    return advert.name is not None and re.match(match.name or "", advert.name) is not None


def _has_service(match: Match, advert: Advert) -> bool:
    # Service data under the UUID means a broadcaster with its own layout, not the SIG's GATT service.
    return match.service in advert.services and match.service not in advert.service_data


def _is_handed_over(match: Match, advert: Advert) -> bool:
    named = match.unless_name is not None and advert.name is not None
    if named and re.match(match.unless_name or "", advert.name or ""):
        return True
    return not set(match.unless_services).isdisjoint(advert.services)


def _is_contradicted(profile: Profile, advert: Advert) -> bool:
    """Whether `advert` has service data the profile knows by length, in a length it does not know."""
    known: dict[str, set[int]] = {}
    for match in profile.match:
        if match.service_data is not None and match.length is not None and match.company is None:
            known.setdefault(match.service_data, set()).add(match.length)
    return any(
        len(advert.service_data[uuid]) not in sizes for uuid, sizes in known.items() if uuid in advert.service_data
    )


def _single(found: Iterable[Profile]) -> Claim:
    unique = {profile.id: profile for profile in found}
    if len(unique) > 1:
        return Ambiguous(tuple(sorted(unique)))
    return next(iter(unique.values()), None)
