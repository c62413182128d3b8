"""The pairing flow: one pure machine behind the terminal, the JSON events and the large-type page.

Four steps, one question each: search, this one?, who uses it, a real measurement as the proof. A device is listed
after a person said yes to it and to who uses it, never before; a measurement is filed after it was believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from gateway.pairing_model import (
    Accept,
    Again,
    Aside,
    Broke,
    Chose,
    Disown,
    Effect,
    Enlist,
    Event,
    ForPeople,
    Found,
    GivePasskey,
    Implants,
    KeyTyped,
    No,
    NotThis,
    PasskeyTyped,
    PasskeyWanted,
    Phase,
    PinTyped,
    Reached,
    Seat,
    Seen,
    Sighted,
    Sighting,
    SlotTyped,
    State,
    Stop,
    Stranger,
    Tick,
    Unnumbered,
    Withdraw,
    Yes,
    number_of,
)
from gateway.pairing_reasons import reason_of

# Others may stand in the same room: look a moment longer before asking.
SETTLE: Final = 2.0
LAST_SLOT, LAST_PIN, LAST_PASSKEY = 254, 9999, 999_999
FLAT: Final = 15
# What a device does whose battery is about to give up.
DRAINED: Final = {"stepped-off", "not-answering", "weak-signal", "unproven"}
# A person does not gain or lose this much between two visits to the scale.
FAR: Final = Decimal("0.12")
_KEY: Final = re.compile(r"[0-9a-f]{24,64}")
Result = tuple[State, tuple[Effect, ...]]
ASKING: Final = {"is-it-now", "is-it-you"}
JOINING: Final = {"join", "passkey", "proof", "is-it-now", "is-it-you"}


def step(state: State, event: Event) -> Result:  # noqa: PLR0911 - one line for each kind of event
    """What `event` makes of `state`, and what is to be done; an event that does not fit the moment changes nothing."""
    match event:
        case Tick(at):
            return _tick(replace(state, at=max(state.at, at)))
        case Seen(found):
            return _see(state, found), ()
        case Stranger(name):
            known = state.strangers
            return (state if name in known else replace(state, strangers=(*known, name))), ()
        case Broke(code):
            return _broke(state, code)
        case Stop():
            return _stop(state)
        case Again():
            return _again(state)
        case Chose() | NotThis() | KeyTyped() | ForPeople() | Implants() | SlotTyped() | Unnumbered() | PinTyped():
            return _answer(state, event)
        case _:
            return _prove(state, event) if state.phase in JOINING else (state, ())


def candidates(state: State) -> tuple[Found, ...]:
    """The devices that may be meant, nearest first."""
    fits = (
        item
        for item in state.found
        if item.address not in state.passed_over
        and state.wanted_address in {None, item.address}
        and state.wanted_family in {None, item.family}
    )
    return tuple(sorted(fits, key=lambda item: (-(item.rssi if item.rssi is not None else -999), item.address)))


def next_seat(state: State) -> str | None:
    """Whose slot is to be asked for now; None when every person has one."""
    seated = {seat.resident for seat in state.seats}
    return next((name for name in state.residents if name not in seated), None)


def _go(state: State, phase: Phase) -> State:
    return replace(state, phase=phase, since=state.at, mistyped=False)


def _fail(state: State, code: str) -> Result:
    """Ends in words, never in silence, and leaves the list as it was: what nobody weighed on may be the neighbour's."""
    known = reason_of(code).code
    if known in {"stepped-off", "not-answering"} and state.chosen is not None and is_weak(state.chosen):
        known = "weak-signal"
    if known in DRAINED and state.battery is not None and state.battery <= FLAT:
        known = "flat-battery"
    effects: tuple[Effect, ...] = (Withdraw(),) if state.enlisted else ()
    if state.phase == "passkey":
        effects = (GivePasskey(None), *effects)
    if state.phase in ASKING and state.sighting:
        # Nobody said that it was theirs.
        effects = (Disown(state.sighting.number), *effects)
    return replace(_go(state, "failed"), code=known, enlisted=False, sighting=None), effects


def _tick(state: State) -> Result:
    waited = state.at - state.since
    if state.phase == "search":
        if candidates(state) and waited >= SETTLE:
            return _go(state, "choose"), ()
        if waited >= state.search_seconds:
            return _fail(state, "not-supported" if state.strangers else "nothing-found")
    elif state.phase == "join" and waited >= state.proof_seconds:
        return _fail(state, "stepped-off")
    elif state.phase == "proof" and waited >= state.proof_seconds:
        silent = "wrong-device" if len(candidates(state)) > 1 else "unproven"
        return _fail(state, "wrong-person" if state.disowned else "only-old-records" if state.aside else silent)
    elif state.phase in JOINING and waited >= state.proof_seconds:
        return _fail(state, {"is-it-you": "wrong-person", "passkey": "wrong-passkey"}.get(state.phase, "unproven"))
    return state, ()


def is_weak(found: Found) -> bool:
    """Whether the device is too far away for comfort."""
    return found.rssi is not None and found.rssi < -80  # noqa: PLR2004 - dBm; below, links begin to break


def _see(state: State, found: Found) -> State:
    others = tuple(item for item in state.found if item.address != found.address)
    chosen = found if state.chosen and state.chosen.address == found.address else state.chosen
    if chosen is found and state.chosen is not None:
        # What it was when the person said yes is what it stays: only the signal changes.
        chosen = replace(state.chosen, rssi=found.rssi)
    return replace(state, found=(*others, found), chosen=chosen)


def _stop(state: State) -> Result:
    if state.over:
        return state, ()
    if state.phase == "failed":
        return _go(state, "stopped"), ()
    failed, effects = _fail(state, "stopped")
    return _go(failed, "stopped"), effects


def _broke(state: State, code: str) -> Result:
    if state.phase in {"failed", "done", "stopped"}:
        return state, ()
    family = state.family
    if code == "not-paired" and (state.passkey_given or state.phase == "passkey"):
        # Also when nobody typed it in time: the device waits half a minute.
        return _fail(state, "wrong-passkey")
    if code == "no-slot" and family and not family.pairing.register and state.residents and not state.seats:
        return replace(_go(state, "slot"), seats=(), enlisted=False), (Withdraw(),)
    return _fail(state, code)


def _again(state: State) -> Result:
    """The next action of a failure; everything already answered stays answered."""
    if state.phase != "failed":
        return state, ()
    retry = reason_of(state.code).retry
    fresh = replace(state, code="", aside=0, sighting=None, reached=False, passkey_given=False)
    if retry == "slot" and not (state.residents and (state.seats or state.code == "no-slot")):
        retry = "join"  # nobody typed that code: the device is asked for a new slot
    begun: dict[str | None, Callable[[], Result]] = {
        "search": lambda: (_go(replace(fresh, found=(), chosen=None, passed_over=frozenset()), "search"), ()),
        "anew": lambda: _ask_next(replace(fresh, again=True)),
        "people": lambda: (_go(replace(fresh, residents=()), "people"), ()),
        "key": lambda: (_go(replace(fresh, key=None), "key"), ()),
        "slot": lambda: (_go(replace(fresh, seats=()), "slot"), ()),
        "join": lambda: _ask_next(fresh),
    }
    return begun.get(retry, lambda: (state, ()))()


def _answer(state: State, event: Event) -> Result:  # noqa: PLR0911 - one line for each question
    match state.phase, event:
        case (("search" | "choose"), Chose(address)):
            return _choose(state, address)
        case "choose", NotThis():
            gone = state.passed_over | {item.address for item in candidates(state)}
            return _go(replace(state, passed_over=gone), "search"), ()
        case "key", KeyTyped(text):
            key = re.sub(r"[\s:-]", "", text).lower()
            return _ask_next(replace(state, key=key)) if _KEY.fullmatch(key) else _mistyped(state)
        case "people", ForPeople(residents):
            return _for_people(state, residents)
        case "implants", Implants(answer):
            return _ask_next(replace(state, implants=answer))
        case "slot", (SlotTyped() | Unnumbered()):
            return _take_slot(state, event)
        case "pin", PinTyped(text):
            pin = number_of(text, LAST_PIN)
            return _mistyped(state) if pin is None else _ask_next(_seated(state, state.slot or 0, pin))
        case _:
            return state, ()


def _take_slot(state: State, event: SlotTyped | Unnumbered) -> Result:
    if isinstance(event, Unnumbered):
        return (state, ()) if state.seats else _ask_next(replace(state, unnumbered=True))
    slot = number_of(event.text, LAST_SLOT)
    if slot is None or slot in {seat.slot for seat in state.seats}:
        return _mistyped(state)
    pins = state.family is not None and state.family.pins
    return (_go(replace(state, slot=slot), "pin"), ()) if pins else _ask_next(_seated(state, slot, None))


def _mistyped(state: State) -> Result:
    return replace(state, mistyped=True), ()


def _choose(state: State, address: str) -> Result:
    found = next((item for item in candidates(state) if item.address == address), None)
    if found is None:
        return state, ()
    chosen = replace(state, chosen=found)
    return _fail(chosen, "already-paired") if found.listed and not state.again else _ask_next(chosen)


def _for_people(state: State, residents: tuple[str, ...]) -> Result:
    known = [state.person(name) for name in dict.fromkeys(residents)]
    if not known or None in known:
        return _mistyped(state)
    if any(person is not None and not person.consents for person in known):
        return _fail(state, "no-consent")
    return _ask_next(replace(state, residents=tuple(dict.fromkeys(residents))))


def _seated(state: State, slot: int, pin: int | None) -> State:
    owner = next_seat(state)
    return replace(state, seats=(*state.seats, Seat(owner, slot, pin)), slot=None) if owner else state


def _ask_next(state: State) -> Result:
    """The next question that is still open; without one, list the device and join it."""
    found, family = state.chosen, state.family
    if found is None or family is None:
        return _go(state, "search"), ()
    renewed = bool(found.listed) and state.again
    if not (renewed or state.people):
        return _fail(state, "nobody-here")
    numbered = state.numbered or (family.pairing.slots > 0 and not (family.pairing.register or state.unnumbered))
    questions: tuple[tuple[Phase, bool], ...] = (
        ("key", found.needs_key and state.key is None),
        ("people", not renewed and not state.residents),
        ("implants", not renewed and family.current and state.implants is None),
        ("slot", next_seat(state) is not None and (bool(state.seats) or (numbered and not renewed))),
    )
    for phase, is_open in questions:
        if is_open:
            return _go(state, phase), ()
    plan = Enlist(
        address=found.address,
        family=found.family,
        residents=state.residents,
        seats=state.seats,
        weight_only=family.current and not renewed and state.implants != "no",
        key=state.key,
        again=renewed,
    )
    return replace(_go(state, "join"), enlisted=True), (plan,)


# -- the proof


def _prove(state: State, event: Event) -> Result:  # noqa: PLR0911 - one line for each thing that can happen
    match state.phase, event:
        case _, Reached(battery):
            reached = replace(state, reached=True, battery=battery if battery is not None else state.battery)
            return (_go(reached, "proof") if state.phase in {"join", "passkey"} else reached), ()
        case _, Aside(count):
            return replace(state, aside=max(count, state.aside)), ()
        case (("join" | "proof"), PasskeyWanted()):
            return _go(state, "passkey"), ()
        case "passkey", PasskeyTyped(text):
            number = number_of(text, LAST_PASSKEY)
            return _mistyped(state) if number is None else _passed(state, number)
        case _, Sighted(sighting):
            asked = state.phase in ASKING
            return _supersede(state, sighting) if asked else _sight(replace(state, reached=True), sighting)
        case (("is-it-now" | "is-it-you"), No()) if state.sighting:
            number = state.sighting.number
            return replace(_go(state, "proof"), sighting=None, disowned=number), (Disown(number),)
        case "is-it-now", Yes() if state.sighting:
            return _sight(replace(state, phase="proof"), replace(state.sighting, dated=True))
        case "is-it-you", Yes():
            return _accept(state)
        case _:
            return state, ()


def _passed(state: State, number: int) -> Result:
    return replace(_go(state, "join"), passkey_given=True), (GivePasskey(number),)


def _sight(state: State, sighting: Sighting) -> Result:
    if sighting.number <= state.disowned:
        return state, ()
    seen = replace(state, sighting=sighting)
    if not sighting.dated:
        return _go(seen, "is-it-now"), ()
    return (_go(seen, "is-it-you"), ()) if is_far(seen) else _accept(seen)


def _supersede(state: State, newer: Sighting) -> Result:
    """Somebody measured again before answering: that one counts, the one nobody answered for is nobody's."""
    older = state.sighting.number if state.sighting else 0
    if newer.number <= older:
        return state, ()
    after, effects = _sight(replace(state, phase="proof", disowned=older), newer)
    return after, (Disown(older), *effects)


def is_far(state: State) -> bool:
    """Whether the weight cannot well be that of whoever the device is for."""
    sighting = state.sighting
    weight = next((value for value in (sighting.values if sighting else ()) if value.kind == "body-weight"), None)
    usual = [person.weight for person in state.people if person.id in state.residents and person.weight is not None]
    if weight is None or weight.unit != "kg" or not usual or len(usual) < len(state.residents):
        return False
    return all(abs(Decimal(weight.value) - one) > one * FAR for one in usual)


def _accept(state: State) -> Result:
    return _go(state, "done"), (Accept(state.sighting.number),) if state.sighting else ()
