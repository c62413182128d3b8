"""A home as intake sees it: who lives there, who lets us record, which devices they have - and when. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from engine.assignment import WEIGHED, is_one_persons
from engine.contract.reading import Reading
from engine.custody import NEVER_LENT, Custody, Heard
from engine.presence import ALWAYS, Presence


class DeviceFacts(msgspec.Struct, frozen=True):
    """A known device of a household: slot (or -1) to resident, and whether its family is unproven.

    `taken_over` says since when a slot is its resident's that was somebody else's before.
    """

    bindings: Mapping[int, str] = {}
    experimental: bool = False
    taken_over: Mapping[int, datetime] = {}


class Household(msgspec.Struct, frozen=True):
    """Who lives here, who lets us record (and which kinds they withhold), and which devices are known.

    `until` is when the first of these consents ends by itself: from then on this value must be made anew. At a public
    `spot` nobody lives, and a reading is a visitor's or goes nowhere. `presence` tells who of them was there when,
    `custody` which devices are on loan.
    """

    id: str
    residents: frozenset[str]
    recording: frozenset[str]
    devices: Mapping[str, DeviceFacts]
    withheld: Mapping[str, frozenset[str]] = {}
    until: datetime | None = None
    spot: bool = False
    presence: Presence = ALWAYS
    custody: Custody = NEVER_LENT

    def at(self, when: datetime) -> Household:
        """The household as it was at `when`: without who was not there, with the slots they held before.

        What they let us record stands, so that of a reading of nobody not a digit is lost by a mistaken death.
        """
        if self.presence == ALWAYS and not self.custody.lent:
            return self
        here = frozenset(name for name in self.residents if self.presence.here(name, when))
        slots = {
            name: self.presence.slots(name, *self.custody.slots(name, one.bindings, one.taken_over, when), when)
            for name, one in self.devices.items()
        }
        devices = {name: msgspec.structs.replace(self.devices[name], **held) for name, held in slots.items()}
        return msgspec.structs.replace(self, residents=here, devices=devices)


def present(household: Household, reading: Reading) -> Household:
    """The household of who was there when `reading` was measured; of an unknown time, of who was there all along."""
    found = household.at(reading.measured_at)
    return found.at(reading.received_at) if reading.time_quality == "unknown" else found


def is_stray(reading: Reading, gateway: str, household: Household) -> bool:
    """Whether a lent device or gateway measured it outside of the loan, or nobody knows when."""
    if household.custody == NEVER_LENT:
        return False
    dated = reading.time_quality != "unknown"
    heard = Heard(reading.device, gateway, reading.measured_at, reading.received_at, dated)
    return household.custody.is_nobodys(heard, household.devices.get(reading.device, DeviceFacts()).bindings)


def was_elsewhere(resident: str, reading: Reading, household: Household) -> bool:
    """Whether it cannot be theirs by the device alone, as they slept elsewhere when it was measured.

    Whoever travels takes along what is wholly theirs, but no scale; it is heard when they are back.
    """
    presence, measured = household.presence, reading.measured_at
    if not presence.away(resident, measured):
        return False
    device = household.devices.get(reading.device, DeviceFacts())
    taken = is_one_persons(device.bindings) and all(value.kind != WEIGHED for value in reading.values)
    return not (taken and presence.brought(resident, measured, reading.received_at))
