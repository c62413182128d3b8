"""What a pairing writes into the household's list: entries as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from engine.contract.wire import Binding, DeviceNote, decode
from firmware_profiles.model import Body
from gateway.devices import LAST_PIN, Devices, Entry, Newcomer, entry, with_slot
from gateway.pairing_model import Enlist, Family
from gateway.pairing_watch import Moment

# How long a measurement may wait for a person who has walked away.
HOLD: Final = timedelta(minutes=10)
KEY_BYTES: Final = 16


class Source(Protocol):
    """Where the pieces of an entry come from that no person is asked for."""

    @property
    def household(self) -> str | None:
        """The household's id."""

    @property
    def bodies(self) -> Mapping[str, Body]:
        """What a scale must be told of each resident."""

    @property
    def rng(self) -> Random:
        """Where PINs come from."""

    @property
    def call(self) -> Callable[[Sequence[str], Family | None], str | None]:
        """What a device of these residents and this family is called, None for no name."""


def enlist(
    plan: Enlist, known: Entry | None, source: Source, now: datetime, family: Family | None, *, forgotten: bool = False
) -> Entry:
    """The entry of a device a person said yes to; paired anew it keeps its id, its name and its people.

    `forgotten`: it refused the PINs we had (a battery change), so who had a slot is given one again.
    """
    fresh = {"paired_at": now, "proven_at": None, "held_until": now + HOLD, "disowned_until": None}
    name = known.name if known else None
    if known is not None and plan.again:
        owners = dict.fromkeys([*(seat.resident for seat in known.bindings), *(who.resident for who in known.waiting)])
        seats = {seat.slot: seat.pin for seat in plan.seats if seat.pin is not None}
        name = name or source.call(tuple(owners), family)
        renewed = replace(known, **fresh, name=name, key=plan.key or known.key, pins={**known.pins, **seats})
        return _ask_again(renewed) if forgotten and family and family.pairing.register else renewed
    registers = family is not None and family.pairing.register and not plan.seats
    asks = family is not None and family.pairing.bodies and not registers
    bindings: tuple[Binding, ...] = ()
    if plan.seats:
        bindings = tuple(Binding(seat.slot, seat.resident) for seat in plan.seats)
    elif len(plan.residents) == 1:
        # Until it gives a slot (and if it knows no slots at all) the whole device is theirs.
        bindings = (Binding(None, plan.residents[0]),)
    slots = {seat.slot: seat.resident for seat in plan.seats} or dict(enumerate(plan.residents, 1))
    return replace(
        entry(plan.address, plan.family, household=source.household, name=known.id if known else None),
        **fresh,
        name=name or source.call(plan.residents, family),
        bindings=bindings,
        pins={seat.slot: seat.pin for seat in plan.seats if seat.pin is not None},
        bodies={s: source.bodies[r] for s, r in slots.items() if r in source.bodies} if asks else {},
        waiting=tuple(newcomer(name, source) for name in plan.residents) if registers else (),
        key=plan.key or (source.rng.randbytes(KEY_BYTES).hex() if family and family.pairing.key else None),
        weight_only=plan.weight_only,
    )


def newcomer(resident: str, source: Source) -> Newcomer:
    """A person who waits for a slot, under a PIN nobody chose."""
    return Newcomer(resident=resident, pin=source.rng.randint(0, LAST_PIN), body=source.bodies.get(resident))


def _ask_again(known: Entry) -> Entry:
    lost = {binding.slot: binding.resident for binding in known.bindings if binding.slot in known.pins}
    waiting = tuple(
        Newcomer(resident=who, pin=known.pins[slot], body=known.bodies.get(slot))
        for slot, who in lost.items()
        if slot is not None
    )
    kept = tuple(binding for binding in known.bindings if binding.slot not in lost)
    bodies = {slot: body for slot, body in known.bodies.items() if slot not in lost}
    return replace(known, bindings=kept, pins={}, bodies=bodies, waiting=waiting)


def accept(known: Entry, at: Moment) -> Entry:
    """`known` proven by the measurement of that moment: nothing waits any more."""
    disowned = max((moment for moment in (known.disowned_until, at.woke_until) if moment), default=None)
    return replace(known, proven_at=at.first, held_until=None, disowned_until=disowned, waiting=())


def disown(known: Entry, at: Moment) -> Entry:
    """`known` after a person said that the measurement of that moment, and all before, was not theirs."""
    return replace(known, disowned_until=at.last)


def turn_away(known: Entry, now: datetime) -> Entry:
    """`known` on its way off the list: what was received of it so far is nobody's."""
    return replace(known, held_until=None, waiting=(), disowned_until=now)


def restore(before: Entry, tried: Entry) -> Entry:
    """The entry as it was `before` it was `tried` anew; what a person disowned meanwhile stays nobody's."""
    moments = [at for at in (before.disowned_until, tried.disowned_until) if at is not None]
    return replace(before, disowned_until=max(moments, default=None))


def seat_again(fresh: Entry, earlier: Entry) -> Entry:
    """`fresh` with the slots that the device gave in an `earlier` try: they need not be given a second time."""
    given = {b.resident: b.slot for b in earlier.bindings if b.slot is not None and b.slot in earlier.pins}
    seated = fresh
    for newcomer in fresh.waiting:
        if (slot := given.get(newcomer.resident)) is not None:
            seated = with_slot(seated, replace(newcomer, pin=earlier.pins[slot]), slot)
    return seated


def merge_twin(devices: Devices, fresh: Entry, note: Callable[[str], bytes | None]) -> Entry:
    """Strike the entry of the same device under its former address, found by its serial number, and take its name.

    Its own name is what the household knows it by; a new one was only made up because the old one was taken.
    Who was asked for just now counts; others keep the slots they had.
    """
    serial = _serial(note(fresh.id))
    others = [item for item in devices.load() if item.profile == fresh.profile and item.address != fresh.address]
    twin = next((item for item in others if serial and _serial(note(item.id)) == serial), None)
    if twin is None:
        return fresh
    slots = {None, *(binding.slot for binding in fresh.bindings)}
    kept = tuple(binding for binding in twin.bindings if binding.slot not in slots)
    pins = {b.slot: twin.pins[b.slot] for b in kept if b.slot is not None and b.slot in twin.pins}
    merged = replace(
        fresh,
        name=twin.name or fresh.name,
        bindings=(*fresh.bindings, *kept),
        pins={**pins, **fresh.pins},
        reads=twin.reads,
    )
    devices.forget(twin.id)
    return devices.replace(merged)


def _serial(said: bytes | None) -> str | None:
    try:
        return decode(said, DeviceNote).serial if said else None
    except msgspec.MsgspecError:
        return None
