"""What a do-it-yourself device's numbers mean, as the household's list says (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.contract.kinds import BY_QUANTITY, KINDS
from engine.contract.reading import Quantity, Sample, values_of

PLAIN: Final = "1"
ROOM: Final = frozenset({"room-temperature", "room-humidity", "air-pressure", "co2", "battery"})


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
