"""A home: who lives there, what its gateway hears and when the engine gets to know it."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from simulators.lives.fates import ABSENT, Fault, any_covers, home_faults, starts
from simulators.lives.people import SCALE, Device, Flags, Person, Uses, draw_person
from simulators.lives.town import Floats, Town

# Share of the trips that two people who live together make together.
_BOTH: Final = 0.5
_DEAD: Final = frozenset({"broken", "flat"})
_SHUT: Final = frozenset({"cut", "unplugged"})
_UNHEARD: Final = _SHUT | {"deaf"}


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a device told in the order it was measured; `heard` is when the engine got to know it, NaN for never.

    `meant` are those with which the person did something; somebody else's that was taken for theirs is not.
    """

    at: Floats
    heard: Floats
    value: Floats
    meant: Flags


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """The watched person of a home first, perhaps somebody else, and the gateway between them and the engine."""

    number: int
    people: tuple[Person, ...]
    heard: tuple[tuple[Heard, ...], ...]
    faults: tuple[Fault, ...]
    neighbours: bool

    def unseen(self) -> tuple[tuple[float, float], ...]:
        """When the engine hears nothing of the gateway, oldest first."""
        return tuple((one.start, one.end) for one in self.faults if one.sort in _SHUT | {"router"})

    def deaf(self) -> tuple[tuple[float, float], ...]:
        """When the gateway lives and hears nothing."""
        return tuple((one.start, one.end) for one in self.faults if one.sort == "deaf")

    def audible(self, at: Floats) -> Flags:
        """Whether a gateway that hears at all would hear some device at these instants, used or not."""
        found = np.full(at.shape, self.neighbours)
        for person in self.people:
            for device in person.devices:
                if device.speaks_alone:
                    found |= ~any_covers(device.faults, _DEAD, at) & ~_taken_along(person, at)
        return np.asarray(found & ~any_covers(self.faults, _UNHEARD, at), dtype=bool)


def draw_home(town: Town, number: int, seed: int) -> Home:
    """Home `number` of the town of `seed`, always the same."""
    rng = np.random.default_rng([seed, number])
    alone = bool(rng.random() < town.fixed.people.alone)
    faults = home_faults(town.fixed, rng, town.hours, town.storms)
    people = [draw_person(town, rng, alone=alone)]
    if not alone:
        trips = tuple(one for one in people[0].spans if one.sort == "trip" and rng.random() < _BOTH)
        people.append(_sharing(people[0], draw_person(town, rng, alone=False, spans=trips)))
    neighbours = bool(rng.random() < town.fixed.home.neighbours)
    heard = tuple(
        tuple(
            _hear(device, _visited(town, rng, device, uses), faults)
            for device, uses in zip(person.devices, person.uses, strict=True)
        )
        for person in people
    )
    return Home(number=number, people=tuple(people), heard=heard, faults=faults, neighbours=neighbours)


def shared_scale(home: Home) -> tuple[int, int] | None:
    """Where the one scale of a home stands among the first person's devices, and among the second's."""
    if len(home.people) == 1:
        return None
    places = [[one.kind for one in person.devices] for person in home.people]
    return (places[0].index(SCALE), places[1].index(SCALE)) if all(SCALE in kinds for kinds in places) else None


def _sharing(first: Person, second: Person) -> Person:
    """The second with the scale of the first, where both would have one."""
    scale = next((one for one in first.devices if one.kind == SCALE), None)
    if scale is None:
        return second
    devices = tuple(scale if one.kind == SCALE else one for one in second.devices)
    return msgspec.structs.replace(second, devices=devices)


def _taken_along(person: Person, at: Floats) -> Flags:
    found = np.zeros(at.shape, dtype=bool)
    for one in person.spans:
        if one.sort in ABSENT and one.pedometer:
            found |= (at >= one.start) & (at < one.end)
    return found


def _visited(town: Town, rng: np.random.Generator, device: Device, uses: Uses) -> Uses:
    """With the times somebody else stood on the scale and was taken for the resident."""
    if device.kind != SCALE:
        return uses
    home = town.fixed.home
    extra = np.array(starts(rng, home.visitors * home.visitor_taken, 0.0, town.hours))
    at = np.concatenate([uses.at, extra])
    order = np.argsort(at, kind="stable")
    value = np.concatenate([uses.value, np.full(len(extra), 61.0)])
    meant = np.concatenate([uses.meant, np.zeros(len(extra), dtype=bool)])
    return Uses(at[order], value[order], meant[order])


def _hear(device: Device, uses: Uses, faults: tuple[Fault, ...]) -> Heard:
    """When the engine gets to know each use: at once, when the way out is back, at the next use, or never."""
    at = uses.at
    works = ~any_covers(device.faults, _DEAD, at)
    near = works & ~any_covers(faults, _UNHEARD, at)
    got = np.where(near, at, np.nan)
    if device.keeps and near.any():
        # What it kept it tells when it is next heard.
        following = np.searchsorted(at[near], at, side="left")
        later = following < near.sum()
        kept = works & ~near & later
        got[kept] = at[near][following[kept]]
    for one in faults:
        if one.sort == "router":
            got = np.where((got >= one.start) & (got < one.end), one.end, got)
    return Heard(at=at, heard=got, value=uses.value, meant=uses.meant)
