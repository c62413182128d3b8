"""Whose reading is this: what the home has said about slots and owners, and only then what the numbers say.

A device's slot bound at pairing, a device bound as a whole to one person, or a person named with the reading is sure.
An un-slotted weighing goes to the member it fits at 0.99, is merely assumed to be theirs from 0.9, and below waits in
the inbox until a person says so, with its time and values kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from engine.contract.reading import Reading

Certainty = Literal["sure", "assumed"]
WHOLE = -1
# The weighing that proves a pairing is a little older than the note that tells of it.
PROOF: Final = timedelta(minutes=10)
UNKNOWN_SLOT = 0xFF
ASK_BELOW: Final = 0.9
SURE_FROM: Final = 0.99
WEIGHED: Final = "body-weight"


_NEVER: Final[Mapping[int, datetime]] = MappingProxyType({})


class Owner(msgspec.Struct, frozen=True):
    """The resident a reading belongs to and how certain that is; `posterior` only where the numbers said so."""

    resident: str
    certainty: Certainty
    posterior: float | None = None


def owner_of(
    reading: Reading,
    bindings: Mapping[int, str],
    residents: frozenset[str],
    taken_over: Mapping[int, datetime] = _NEVER,
) -> Owner | None:
    """Whose `reading` is, by its device's `bindings` (slot, or -1 for the whole device) within the household.

    A person hint (a mirror that identified somebody, manual entry) counts when it names one of the household's
    `residents`; a slot that is bound to nobody is never given to the owner of the whole device. What was measured or
    heard before its slot was `taken_over` is the former owner's, and nobody knows any more who that was.
    """
    if reading.person_hint is not None:
        return Owner(reading.person_hint, "sure") if reading.person_hint in residents else None
    resident = holder_of(reading.user_slot, bindings)
    slot = WHOLE if reading.user_slot is None or reading.user_slot not in bindings else reading.user_slot
    if slot in taken_over and min(reading.measured_at, reading.received_at) < taken_over[slot] - PROOF:
        return None
    return Owner(resident, "sure") if resident in residents else None


def holder_of(user_slot: int | None, bindings: Mapping[int, str]) -> str | None:
    """The resident a device's `bindings` name for `user_slot` (None or 255: the device told no slot).

    A device that several people share is nobody's as a whole, whatever was said of it before it was shared.
    """
    slotted = any(number != WHOLE for number in bindings)
    if slotted and user_slot is not None and user_slot != UNKNOWN_SLOT:
        return bindings.get(user_slot)
    return bindings.get(WHOLE) if is_one_persons(bindings) else None


def is_one_persons(bindings: Mapping[int, str]) -> bool:
    """Whether a device is wholly one person's, whatever slot it tells."""
    return WHOLE in bindings and len(set(bindings.values())) == 1


def left_to_numbers(reading: Reading, bindings: Mapping[int, str]) -> bool:
    """Whether nothing but the numbers can tell whose this weighing is.

    A slot or a name that we cannot place is somebody's all the same, and a record of unknown time fits nobody's course.
    """
    told = reading.person_hint is not None or reading.user_slot not in {None, UNKNOWN_SLOT} or is_one_persons(bindings)
    return not told and reading.time_quality != "unknown" and any(value.kind == WEIGHED for value in reading.values)


def doubted(owner: Owner) -> Owner:
    """The same owner, merely assumed: the device itself said that it did not know the person (slot 255)."""
    return msgspec.structs.replace(owner, certainty="assumed")


def likeliest(shares: Mapping[str | None, float]) -> tuple[str | None, float]:
    """The member with the largest share, the first by id where two are equal; (None, 0) without members."""
    found = [(-share, name) for name, share in shares.items() if name is not None]
    if not found:
        return None, 0.0
    share, name = min(found)
    return name, min(-share, 1.0)


def owner_by_numbers(shares: Mapping[str | None, float]) -> Owner | None:
    """The owner when one member's share is large enough to file the reading, else None: somebody is to be asked."""
    name, share = likeliest(shares)
    if name is None or share < ASK_BELOW:
        return None
    return Owner(name, "sure" if share >= SURE_FROM else "assumed", share)
