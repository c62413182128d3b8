"""Answers a person gave as flags: which question each of them answers, and which flag is missing (pure)."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.pairing import candidates
from gateway.pairing_model import (
    Again,
    Broke,
    Chose,
    Event,
    ForPeople,
    Implants,
    KeyTyped,
    No,
    PinTyped,
    SlotTyped,
    State,
    Stop,
    Unnumbered,
    Yes,
)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What was said beforehand."""

    residents: tuple[str, ...] = ()
    slot: int | None = None
    unnumbered: bool = False
    pin: str | None = None
    key: str | None = None
    implants: Literal["yes", "no", "unknown"] | None = None
    again: bool = False
    yes: bool = False


class Missing(msgspec.Struct, frozen=True):
    """A question nobody answered, by the flag that would have."""

    flag: str


def answer(state: State, wish: Wish, *, alone: bool) -> Event | Missing | None:
    """What the flags say to this moment, None when it is nothing; `alone`: no person is there to be asked."""
    if state.mistyped and alone:
        return Missing({"key": "--key-file", "slot": "--slot", "pin": "--pin-file"}.get(state.phase, "--for"))
    if state.mistyped:
        return None
    said = _said(state, wish)
    return said if said is not None or not alone else _nobody(state)


def _said(state: State, wish: Wish) -> Event | None:
    found = candidates(state)
    sure = len(found) == 1 and (wish.yes or state.wanted_address is not None)
    event: Event | None = None
    match state.phase:
        case "choose" if sure:
            event = Chose(found[0].address)
        case "failed" if state.code == "already-paired" and wish.again:
            event = Again()
        case "key" if wish.key is not None:
            event = KeyTyped(wish.key)
        case "people" if wish.residents:
            event = ForPeople(wish.residents)
        case "implants" if wish.implants or wish.yes:
            # Nobody said no: the careful answer.
            event = Implants(wish.implants or "unknown")
        case "slot" if wish.slot is not None:
            event = SlotTyped(str(wish.slot))
        case "slot" if wish.unnumbered:
            event = Unnumbered()
        case "pin" if wish.pin is not None:
            event = PinTyped(wish.pin)
        case "is-it-now" if wish.yes:
            event = Yes()
    return event


def _nobody(state: State) -> Event | Missing | None:
    flags = {
        "choose": "--address" if len(candidates(state)) > 1 else "--yes", "key": "--key-file", "people": "--for",
        "implants": "--implants", "slot": "--slot", "pin": "--pin-file", "passkey": "a terminal", "is-it-now": "--yes",
    }  # fmt: skip
    if state.phase == "is-it-you":
        return No()
    if state.phase == "proof" and state.disowned:
        # Nobody is there to fetch the right person.
        return Broke("wrong-person")
    if state.phase == "failed":
        return Stop()
    return Missing(flags[state.phase]) if state.phase in flags else None
