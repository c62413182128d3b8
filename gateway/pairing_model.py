"""Pairing as values: what the person and the device can do, what is to be done, what is known so far (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from engine.contract.reading import Value
from firmware_profiles.model import Pairing, Profile, UserConsent
from gateway.sorting import WEIGHT_ONLY

Answer = Literal["yes", "no", "unknown"]
Phase = Literal[
    "search", "choose", "key", "people", "implants", "slot", "pin", "join", "passkey", "proof", "is-it-now",
    "is-it-you", "done", "failed", "stopped",
]  # fmt: skip


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the household; `weight` (kg) as last known, `consents` whether their readings may be recorded."""

    id: str
    name: str
    consents: bool = True
    weight: Decimal | None = None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must know of a device family to pair it."""

    id: str
    label: str
    pairing: Pairing = Pairing()
    current: bool = False
    pins: bool = False
    connects: bool = False


def family_of(profile: Profile) -> Family:
    """The pairing facts of `profile`; `current`: it sends a current through the body to measure more than weight."""
    beyond = profile.provides - WEIGHT_ONLY - {"bmi"}
    return Family(
        id=profile.id,
        label=f"{profile.maker} {profile.model}",
        pairing=profile.pairing,
        current="body-weight" in profile.provides and bool(beyond),
        pins=any(isinstance(step, UserConsent) for step in profile.steps),
        connects=profile.connects,
    )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A device of a known family on the air; `listed` is its name when the household has it already."""

    address: str
    family: str
    name: str | None = None
    rssi: int | None = None
    listed: str | None = None
    needs_key: bool = False


class Seat(msgspec.Struct, frozen=True):
    """The user slot a person has on the device, and the PIN that unlocks it."""

    resident: str
    slot: int
    pin: int | None = None


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement that waits for the person's yes; `number` orders the frames, `dated` False: nobody knows when."""

    number: int
    values: tuple[Value, ...]
    slot: int | None = None
    dated: bool = True


# -- what happens


class Tick(msgspec.Struct, frozen=True):
    """Time passes: seconds since the pairing began."""

    at: float


class Seen(msgspec.Struct, frozen=True):
    """A device was heard."""

    found: Found


class Stranger(msgspec.Struct, frozen=True):
    """A device of a maker whose devices tell nobody but their own app was heard."""

    name: str


class Chose(msgspec.Struct, frozen=True):
    """Yes, this device."""

    address: str


class NotThis(msgspec.Struct, frozen=True):
    """None of those shown."""


class ForPeople(msgspec.Struct, frozen=True):
    """Who uses it; several share it."""

    residents: tuple[str, ...]


class Implants(msgspec.Struct, frozen=True):
    """Whether any of them has a pacemaker or another implant."""

    answer: Answer


class KeyTyped(msgspec.Struct, frozen=True):
    """The device's key, hexadecimal."""

    text: str


class SlotTyped(msgspec.Struct, frozen=True):
    """The number the person has on the device."""

    text: str


class Unnumbered(msgspec.Struct, frozen=True):
    """Nobody has a number on this device: it is one person's, or it cannot tell people apart."""


class PinTyped(msgspec.Struct, frozen=True):
    """The code that unlocks the slot."""

    text: str


class PasskeyWanted(msgspec.Struct, frozen=True):
    """The device shows a number and wants to hear it."""


class PasskeyTyped(msgspec.Struct, frozen=True):
    """The number the device shows."""

    text: str


class Yes(msgspec.Struct, frozen=True):
    """Yes to the question on the screen."""


class No(msgspec.Struct, frozen=True):
    """No to the question on the screen."""


class Again(msgspec.Struct, frozen=True):
    """Do the one thing the failure asks for, then try again."""


class Stop(msgspec.Struct, frozen=True):
    """Leave it."""


class Reached(msgspec.Struct, frozen=True):
    """The device was connected (or heard with its key); battery in percent if it tells."""

    battery: int | None = None


class Sighted(msgspec.Struct, frozen=True):
    """A measurement came."""

    sighting: Sighting


class Aside(msgspec.Struct, frozen=True):
    """So many records from before this pairing have been left aside so far."""

    count: int


class Broke(msgspec.Struct, frozen=True):
    """It cannot go on: a reason code of the radio, the device or this machine."""

    code: str


Event = (
    Tick | Seen | Stranger | Chose | NotThis | ForPeople | Implants | KeyTyped | SlotTyped | Unnumbered | PinTyped
    | PasskeyWanted | PasskeyTyped | Yes | No | Again | Stop | Reached | Sighted | Aside | Broke
)  # fmt: skip


# -- what is to be done


class Enlist(msgspec.Struct, frozen=True, kw_only=True):
    """Put the device on the household's list as the person said, and connect to it."""

    address: str
    family: str
    residents: tuple[str, ...]
    seats: tuple[Seat, ...] = ()
    weight_only: bool = False
    key: str | None = None
    again: bool = False


class Withdraw(msgspec.Struct, frozen=True):
    """Leave the list as it was before the pairing."""


class Accept(msgspec.Struct, frozen=True):
    """The measurement with this number is the proof: file it."""

    number: int


class Disown(msgspec.Struct, frozen=True):
    """The measurement with this number, and all before it, are not these people's."""

    number: int


class GivePasskey(msgspec.Struct, frozen=True):
    """Tell the device the number; None refuses."""

    number: int | None


Effect = Enlist | Withdraw | Accept | Disown | GivePasskey


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the pairing has come; seconds since it began. `wanted` restricts the search to a family or an address.

    `numbered`: a person said beforehand that they have a number on the device, also where it could give them a new one;
    `unnumbered` that there are no numbers, also where the family's other models have some.
    """

    families: Mapping[str, Family]
    people: tuple[Person, ...] = ()
    wanted_family: str | None = None
    wanted_address: str | None = None
    numbered: bool = False
    unnumbered: bool = False
    search_seconds: float = 60.0
    proof_seconds: float = 120.0
    phase: Phase = "search"
    at: float = 0.0
    since: float = 0.0
    found: tuple[Found, ...] = ()
    passed_over: frozenset[str] = frozenset()
    strangers: tuple[str, ...] = ()
    chosen: Found | None = None
    again: bool = False
    key: str | None = None
    residents: tuple[str, ...] = ()
    implants: Answer | None = None
    seats: tuple[Seat, ...] = ()
    slot: int | None = None
    enlisted: bool = False
    reached: bool = False
    battery: int | None = None
    aside: int = 0
    sighting: Sighting | None = None
    disowned: int = 0
    mistyped: bool = False
    passkey_given: bool = False
    code: str = ""

    @property
    def family(self) -> Family | None:
        """The chosen device's family."""
        return self.families.get(self.chosen.family) if self.chosen else None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do or to ask."""
        return self.phase in {"done", "stopped"}

    def person(self, resident: str) -> Person | None:
        """The person with that id."""
        return next((person for person in self.people if person.id == resident), None)


def number_of(text: str, last: int) -> int | None:
    """The whole number from 0 to `last` that was typed, None for anything else."""
    plain = text.strip()
    number = int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 8 else -1  # noqa: PLR2004
    return number if 0 <= number <= last else None
