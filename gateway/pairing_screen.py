"""What the person sees at each moment of a pairing, without a word of any language: keys, choices, values (pure).

Every screen has something to do: a body action to wait for, a question to answer, or the one next action of a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

import msgspec

from gateway.pairing import candidates, is_weak, next_seat
from gateway.pairing_model import (
    Again,
    Chose,
    Event,
    ForPeople,
    Found,
    Implants,
    KeyTyped,
    No,
    NotThis,
    PasskeyTyped,
    Phase,
    PinTyped,
    SlotTyped,
    State,
    Stop,
    Unnumbered,
    Yes,
)
from gateway.pairing_reasons import Reason, reason_of

Ask = Literal["key", "slot", "pin", "passkey"]
_TYPED: Final[Mapping[Ask, Callable[[str], Event]]] = {
    "key": KeyTyped,
    "slot": SlotTyped,
    "pin": PinTyped,
    "passkey": PasskeyTyped,
}
_STEPS: Final[Mapping[Phase, int]] = {
    "search": 1, "choose": 2, "key": 2, "people": 3, "implants": 3, "slot": 3, "pin": 3,
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """A sentence by its key, with what is put into it."""

    key: str
    values: Mapping[str, str] = {}


class Choice(msgspec.Struct, frozen=True):
    """A button: its words by key, and what pressing it means."""

    key: str
    event: Event
    values: Mapping[str, str] = {}


class Row(msgspec.Struct, frozen=True):
    """A device on the air, in a person's words: how well it is heard, and the name it already has here."""

    address: str
    label: str
    signal: Literal["strong", "weak"]
    listed: str | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four steps. `seconds` runs while something is awaited, `ask` wants something typed."""

    step: int
    phase: Phase
    say: tuple[Line, ...]
    choices: tuple[Choice, ...] = ()
    ask: Ask | None = None
    found: tuple[Row, ...] = ()
    seconds: int | None = None
    reason: Reason | None = None


class Skin(Protocol):
    """How a person sees the pairing; it answers through the `send` of the run."""

    def show(self, state: State) -> None:
        """Show this moment; called when anything of it changed."""
        ...


def typed(ask: Ask, text: str) -> Event:
    """What typing `text` into a screen that asks means."""
    return _TYPED[ask](text)


def screen(state: State) -> Screen:
    """The screen of this moment."""
    builders = {
        "search": _search, "choose": _choose, "key": _key, "people": _people, "implants": _implants, "slot": _slot,
        "pin": _pin, "join": _join, "passkey": _passkey, "proof": _proof, "is-it-now": _now, "is-it-you": _you,
        "done": _done, "failed": _failed, "stopped": _failed,
    }  # fmt: skip
    say, choices, ask = builders[state.phase](state)
    if state.mistyped:
        say = (*say, Line("mistyped"))
    awaiting = state.phase in {"search", "join", "proof"}
    return Screen(
        step=_STEPS.get(state.phase) or (4 if state.chosen and (state.residents or state.again) else 2),
        phase=state.phase,
        say=say,
        choices=choices if state.over else (*choices, Choice("stop", Stop())),
        ask=ask,
        found=tuple(row_of(state, item) for item in candidates(state)) if state.phase in {"search", "choose"} else (),
        seconds=int(state.at - state.since) if awaiting else None,
        reason=reason_of(state.code) if state.phase in {"failed", "stopped"} else None,
    )


def row_of(state: State, found: Found) -> Row:
    """`found` as it is shown."""
    family = state.families.get(found.family)
    label = family.label if family else found.family
    own = found.name if found.name and found.name.casefold() not in label.casefold() else None
    return Row(
        found.address, f"{label} ({own})" if own else label, "weak" if is_weak(found) else "strong", found.listed
    )


_Parts = tuple[tuple[Line, ...], tuple[Choice, ...], Ask | None]


def _search(state: State) -> _Parts:
    family = state.families.get(state.wanted_family or "")
    found = candidates(state)
    say = [Line(f"wake.{family.pairing.wake}" if family else "wake.any")]
    say += [Line("wake.button")] if family and family.pairing.button else []
    say += [Line("come-nearer")] if found and all(map(is_weak, found)) else []
    return tuple(say), (), None


def _choose(state: State) -> _Parts:
    rows = [row_of(state, item) for item in candidates(state)]
    if len(rows) == 1:
        yes = Choice("yes", Chose(rows[0].address))
        near = (Line("come-nearer"),) if rows[0].signal == "weak" else ()
        return (Line("is-it-this", {"device": rows[0].label}), *near), (yes, Choice("not-this", NotThis())), None
    each = tuple(Choice("device", Chose(row.address), {"device": row.label}) for row in rows)
    return (Line("which-one"),), (*each, Choice("none-of-these", NotThis())), None


def _key(state: State) -> _Parts:
    del state
    return (Line("key.needed"), Line("key.where")), (), "key"


def _people(state: State) -> _Parts:
    willing = tuple(person.id for person in state.people if person.consents)
    each = tuple(Choice("person", ForPeople((person.id,)), {"name": person.name}) for person in state.people)
    everybody = (Choice("everybody" if len(willing) > 2 else "both", ForPeople(willing)),) if len(willing) > 1 else ()  # noqa: PLR2004
    evicts = (Line("evicts"),) if state.family and state.family.pairing.evicts else ()
    return (Line("who"), Line("what-happens"), *evicts), (*each, *everybody), None


def _implants(state: State) -> _Parts:
    del state
    choices = (Choice("implants.no", Implants("no")), Choice("implants.yes", Implants("yes")))
    return (Line("implants"),), (*choices, Choice("implants.unknown", Implants("unknown"))), None


def _slot(state: State) -> _Parts:
    person = state.person(next_seat(state) or "")
    taken = {seat.slot for seat in state.seats}
    count = state.family.pairing.slots if state.family else 0
    numbers = (number for number in range(1, count + 1) if number not in taken)
    choices = tuple(Choice("slot", SlotTyped(str(number)), {"slot": str(number)}) for number in numbers)
    if not state.seats:
        # Models for one person stand in one family with models for two: "1" would be a guess.
        alone = len(state.residents) == 1
        choices += (Choice("slot.alone" if alone else "slot.none", Unnumbered()),)
    return (Line("slot.which", {"name": person.name if person else ""}),), choices, "slot"


def _pin(state: State) -> _Parts:
    return (Line("pin.which", {"slot": str(state.slot)}),), (), "pin"


def _join(state: State) -> _Parts:
    pairing = state.family.pairing if state.family else None
    say = [Line(f"again.{pairing.wake if pairing else 'none'}")]
    say += [Line("wake.button")] if pairing and pairing.button else []
    return (*_warnings(state), *say), (), None


def _passkey(state: State) -> _Parts:
    del state
    return (Line("passkey.which"),), (), "passkey"


def _proof(state: State) -> _Parts:
    pairing = state.family.pairing if state.family else None
    say = [Line(f"again.{pairing.wake if pairing else 'none'}")]
    say += [Line("aside", {"count": str(state.aside)})] if state.aside else []
    say += [Line("not-theirs")] if state.disowned else []
    return (*_warnings(state), *say), (), None


def _warnings(state: State) -> tuple[Line, ...]:
    low = state.battery is not None and state.battery <= 15  # noqa: PLR2004 - percent
    current = state.family is not None and state.family.current and state.implants in {"yes", "unknown"}
    battery = (Line("battery-low", {"percent": str(state.battery)}),) if low else ()
    return (*((Line("weight-only"),) if current else ()), *battery)


def _now(state: State) -> _Parts:
    return (Line("is-it-now", {"value": value_text(state)}),), (Choice("yes", Yes()), Choice("no", No())), None


def _you(state: State) -> _Parts:
    names = "、".join(person.name for person in state.people if person.id in state.residents)
    say = Line("is-it-you", {"value": value_text(state), "name": names})
    return (say,), (Choice("yes", Yes()), Choice("no", No())), None


def _done(state: State) -> _Parts:
    arrived = Line("arrived", {"value": value_text(state)}) if state.sighting else Line("listed")
    aside = (Line("aside", {"count": str(state.aside)}),) if state.aside else ()
    return (*_warnings(state), arrived, *aside, Line("done"), Line("next")), (), None


def _failed(state: State) -> _Parts:
    reason = reason_of(state.code)
    say = (Line(f"what.{reason.code}"), Line(f"do.{reason.code}"), Line(f"call.{reason.call}"))
    again = (Choice(f"retry.{reason.retry}", Again()),) if reason.retry and state.phase == "failed" else ()
    return say, again, None


def value_text(state: State) -> str:
    """The proof as the device showed it: 62.3 kg, 128/76 mmHg."""
    values = {value.kind: value for value in (state.sighting.values if state.sighting else ())}
    if "systolic" in values and "diastolic" in values:
        return f"{values['systolic'].value}/{values['diastolic'].value} mmHg"
    first = values.get("body-weight") or next(iter(values.values()), None)
    if first is None:
        return ""
    number = first.value.rstrip("0").rstrip(".") if "." in first.value else first.value
    return f"{number} {_SHOWN.get(first.unit, first.unit)}"


_SHOWN: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "{steps}": "steps", "[lb_av]": "lb"}
