"""Whose reading is this: what the home has said about slots and owners; never a guess from the numbers alone.

A device's slot bound at pairing, or a device bound as a whole to one person, is sure. Everything else is nobody's
until a person says so: it waits in the inbox, with its time and values kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.contract.reading import Reading

Certainty = Literal["sure", "assumed"]
WHOLE = -1
UNKNOWN_SLOT = 0xFF


class Owner(msgspec.Struct, frozen=True):
    """The resident a reading belongs to and how certain that is."""

    resident: str
    certainty: Certainty


def owner_of(reading: Reading, bindings: Mapping[int, str], residents: frozenset[str]) -> Owner | None:
    """Whose `reading` is, by its device's `bindings` (slot, or -1 for the whole device) within the household.

    A person hint (a mirror that identified somebody, manual entry) counts when it names one of the household's
    `residents`; a slot that is bound to nobody is never given to the owner of the whole device.
    """
    if reading.person_hint is not None:
        return Owner(reading.person_hint, "sure") if reading.person_hint in residents else None
    resident = holder_of(reading.user_slot, bindings)
    return Owner(resident, "sure") if resident in residents else None


def holder_of(user_slot: int | None, bindings: Mapping[int, str]) -> str | None:
    """The resident a device's `bindings` name for `user_slot` (None or 255: the device told no slot)."""
    slot = None if user_slot == UNKNOWN_SLOT else user_slot
    slotted = any(number != WHOLE for number in bindings)
    return bindings.get(WHOLE) if slot is None or not slotted else bindings.get(slot)
