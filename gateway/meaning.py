"""What a do-it-yourself device's numbers mean, as the household's list says (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from engine.contract.kinds import BY_QUANTITY, KINDS
from engine.contract.reading import Quantity, Sample, values_of
from firmware_profiles.bthome_objects import NAMES
from firmware_profiles.model import Profile

PLAIN: Final = "1"
ROOM: Final = frozenset({"room-temperature", "room-humidity", "air-pressure", "co2", "battery"})

# A device that sends two of a kind numbers them: count_1, count_2.
_NUMBERED: Final = re.compile(r"_[0-9]{1,2}")


def parse_reads(words: Iterable[str], profile: Profile) -> dict[str, str]:
    """The meanings typed as `count=steps`, by the name the device sends; a kind's code is taken for its name too.

    ValueError says what cannot be: no such name on either side, a kind the family never reports, a name given twice.
    """
    found: dict[str, str] = {}
    meanings = _meanings(profile)
    for text in words:
        name, _, meaning = (part.strip() for part in text.partition("="))
        if _NUMBERED.sub("", name) not in NAMES | BY_QUANTITY.keys() | profile.kinds.keys():
            raise ValueError(f"no device sends anything called {name!r}; write it like count=steps")
        if meaning not in meanings:
            raise ValueError(f"{profile.id} cannot tell {meaning!r}; it can tell {', '.join(sorted(set(meanings)))}")
        if name in found:
            raise ValueError(f"{name} was given two meanings")
        found[name] = meanings[meaning]
    return found


def _meanings(profile: Profile) -> dict[str, str]:
    """The quantity name behind every word for what the family may report."""
    codes = {name: kind.code for name, kind in BY_QUANTITY.items()} | dict(profile.kinds)
    named = {name: name for name, code in codes.items() if code in profile.provides}
    return {codes[name]: name for name in named} | named


def rename(
    quantities: Mapping[str, Quantity], reads: Mapping[str, str], kinds: Mapping[str, str]
) -> dict[str, Quantity]:
    """`quantities` under the names `reads` gives them; a plain number takes the unit of what it now means.

    `kinds` are the profile's own meanings of names. So a counter that is read as `steps` counts steps.
    """
    named = {reads.get(name, name): quantity for name, quantity in quantities.items()}
    return {
        name: _measured(quantity, kinds.get(name) or (BY_QUANTITY[name].code if name in BY_QUANTITY else None))
        if name in reads.values()
        else quantity
        for name, quantity in named.items()
    }


def kinds_of(sample: Sample, reads: Mapping[str, str], kinds: Mapping[str, str]) -> set[str]:
    """What `sample` measures, once `reads` and the profile's `kinds` have said what its names mean."""
    named = rename(sample.quantities, reads, kinds)
    return {value.kind for value in values_of(msgspec.structs.replace(sample, quantities=named), kinds)}


def _measured(quantity: Quantity, code: str | None) -> Quantity:
    if code is None or quantity.unit != PLAIN:
        return quantity
    return msgspec.structs.replace(quantity, unit=KINDS[code].unit)
