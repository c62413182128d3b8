"""What the gateways of simulated homes send, and what people tell of lives: the same lives as messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec
import numpy as np

from engine.contract.ids import LENGTH, base32
from engine.contract.reading import Reading, Value, reading_id
from engine.contract.wire import Binding
from simulators.lives.fates import HOURS, Span
from simulators.lives.homes import Heard, Home, shared_scale
from simulators.lives.known import SORTS, instant
from simulators.lives.people import CUFF, PEDOMETER, Device
from simulators.lives.town import Town

_PROFILES: Final = ("huami-band", "sig-weight", "sig-blood-pressure")
_DIASTOLIC: Final = "80"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A home under its names in a store: its household, its gateway, and of each person the resident."""

    home: Home
    household: str
    gateway: str
    residents: tuple[str, ...]


class Owned(msgspec.Struct, frozen=True, kw_only=True):
    """A device of one person of a home under its name, in the slot that is theirs."""

    id: str
    device: Device
    slot: Binding
    heard: Heard

    @property
    def profile(self) -> str:
        """How its messages are read."""
        return _PROFILES[self.device.kind]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A reading that the engine gets at hour `at`."""

    at: float
    gateway: str
    reading: Reading


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody told at hour `at` what happened to a resident, or that it is over (`end`)."""

    at: float
    resident: str
    span: Span
    end: bool


def named(role: str, *parts: object) -> str:
    """An id of that role, always the same for the same parts."""
    return f"{role}-{base32(hashlib.sha256(repr(parts).encode()).digest(), LENGTH)}"


def place_of(home: Home) -> Place:
    """A home under its names."""
    return Place(
        home=home, household=named("h", home.number), gateway=named("g", home.number),
        residents=tuple(named("r", home.number, person) for person in range(len(home.people))),
    )  # fmt: skip


def owned(place: Place) -> Iterator[Owned]:
    """Every device of a home, once for each person who uses it; a shared one has a slot for each of them."""
    shared = shared_scale(place.home)
    for who, (person, heard) in enumerate(zip(place.home.people, place.home.heard, strict=True)):
        for number, (device, line) in enumerate(zip(person.devices, heard, strict=True)):
            both = shared is not None and number == shared[who]
            yield Owned(
                id=named("d", place.home.number, 0 if both else who, shared[0] if both and shared else number),
                device=device, slot=Binding(who + 1 if both else None, place.residents[who]), heard=line,
            )  # fmt: skip


def messages(town: Town, place: Place) -> Iterator[Message]:
    """Every reading of a home that ever comes to the engine."""
    for one in owned(place):
        for at, heard, value in zip(one.heard.at, one.heard.heard, one.heard.value, strict=True):
            if np.isfinite(heard) and heard < town.hours:
                yield Message(
                    at=float(heard), gateway=place.gateway, reading=_reading(town, one, float(at), float(value))
                )


def _reading(town: Town, one: Owned, at: float, value: float) -> Reading:
    when = instant(town, at)
    steps = one.device.kind == PEDOMETER
    midnight = instant(town, at // HOURS * HOURS)
    return Reading(
        id=reading_id(one.id, one.slot.slot, when.isoformat(), repr(value).encode()), device=one.id,
        profile=one.profile, provenance="bonded", user_slot=one.slot.slot, measured_at=when, time_quality="device",
        period_start=midnight if steps else None, received_at=when, values=_values(one.device.kind, value),
    )  # fmt: skip


def _values(kind: int, value: float) -> tuple[Value, ...]:
    if kind == PEDOMETER:
        return (Value("steps-day", str(int(value)), "{steps}/d"),)
    if kind == CUFF:
        return (Value("systolic", str(round(value)), "mm[Hg]"), Value("diastolic", _DIASTOLIC, "mm[Hg]"))
    return (Value("body-weight", f"{value:.2f}", "kg"),)


def told(town: Town, place: Place) -> Iterator[Said]:
    """What is told of the life of the watched person: of a trip at once until when, of hospital when they are back."""
    for span in place.home.people[0].spans:
        if span.sort not in SORTS or span.known is None or span.known >= town.hours:
            continue
        yield Said(at=span.known, resident=place.residents[0], span=span, end=False)
        if span.sort == "hospital" and span.known < span.end < town.hours:
            yield Said(at=span.end, resident=place.residents[0], span=span, end=True)


def until(town: Town, said: Said) -> timedelta | None:
    """How long it lasts, as far as that is told with it."""
    if said.span.sort == "gone" or (said.span.sort == "hospital" and said.at < said.span.end):
        return None
    return instant(town, said.span.end) - instant(town, said.span.start)
