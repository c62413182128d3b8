"""The screen of a public spot as lines of text: one large value, one thing to do, no name and no history (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cli.words_spot import TITLES, word
from engine.contract.kinds import KINDS
from engine.contract.reading import Value
from engine.intake import Stored, store_form
from engine.safety import red_flags
from gateway.spot import State

# Shown large, the first that was measured; everything else goes to the person's record unseen.
PRIMARY: Final = ("body-weight", "systolic", "body-temperature", "heart-rate")
_UNITS: Final = {"mm[Hg]": "mmHg", "Cel": "°C", "{steps}": "", "[lb_av]": "lb"}
# Seven rows of five columns would not fit beside each other on a small terminal: five rows of four do.
_DIGITS: Final = {
    "0": ("████", "█  █", "█  █", "█  █", "████"),
    "1": ("  █ ", " ██ ", "  █ ", "  █ ", " ███"),
    "2": ("████", "   █", "████", "█   ", "████"),
    "3": ("████", "   █", " ███", "   █", "████"),
    "4": ("█  █", "█  █", "████", "   █", "   █"),
    "5": ("████", "█   ", "████", "   █", "████"),
    "6": ("████", "█   ", "████", "█  █", "████"),
    "7": ("████", "   █", "  █ ", " █  ", " █  "),
    "8": ("████", "█  █", "████", "█  █", "████"),
    "9": ("████", "█  █", "████", "   █", "████"),
    ".": ("  ", "  ", "  ", "  ", "██"),
    "/": ("    █", "   █ ", "  █  ", " █   ", "█    "),
    "-": ("    ", "    ", "████", "    ", "    "),
}


class Place(msgspec.Struct, frozen=True):
    """What stands at the spot: how each device is woken, and whether one sends a current through the body."""

    wakes: tuple[str, ...] = ()
    current: bool = False


class Typing(msgspec.Struct, frozen=True):
    """What is being typed: how many characters stand there, and whether the date of birth is wanted."""

    length: int = 0
    birth: bool = False


def lines(state: State, place: Place, typing: Typing, lang: str) -> list[str]:
    """The screen of this moment; a name and a value stand there only while that person's visit is open."""
    said = [word(lang, "title"), ""]
    if typing.birth and state.phase in {"idle", "sorry"}:
        said += [word(lang, "birth"), word(lang, "birth-example")]
    elif state.phase == "sorry":
        said += [word(lang, f"sorry.{state.code}")]
    elif state.phase == "asking":
        said += [word(lang, "asking")]
    elif state.visit is not None:
        # Whoever chose to be called はなちゃん is not はなちゃん さん.
        called = "titled" if state.visit.call.endswith(TITLES) else "name"
        said += [word(lang, called, call=state.visit.call), ""]
        said += _values(state, lang) if state.phase == "shown" else _bidding(place, lang)
    else:
        said += [word(lang, "card"), word(lang, "number")]
    # Neither a number nor the secret of a card is for the eyes of others.
    return said + (["", "●" * min(typing.length, 20)] if typing.length else [])


def _bidding(place: Place, lang: str) -> list[str]:
    known = [wake for wake in place.wakes if wake in {"step-on", "cuff"}]
    warning = [word(lang, "current")] if place.current else []
    bids = [word(lang, f"wake.{wake}") for wake in dict.fromkeys(known or ["any"])]
    return [*warning, *bids, "", word(lang, "other")]


def _values(state: State, lang: str) -> list[str]:
    found = {value.kind: value for value in state.values}
    first = next((found[kind] for kind in PRIMARY if kind in found), next(iter(state.values), None))
    said = [] if first is None else _value(first, found, lang)
    forms = [store_form(value) for value in state.values]
    red = "implausible" in forms or red_flags((form.kind, form.value) for form in forms if isinstance(form, Stored))
    # Over a frightening number, and over one nobody can have, nobody is told that all is done.
    said += [word(lang, "red-flag" if red else "measured")]
    return [*said, "", word(lang, "more"), word(lang, "again")]


def _value(value: Value, found: dict[str, Value], lang: str) -> list[str]:
    text, unit = plain(value), _UNITS.get(value.unit, value.unit)
    if value.kind == "systolic" and "diastolic" in found:
        text += f"/{plain(found['diastolic'])}"
        label = {"ja": "血圧", "en": "blood pressure"}[lang]
    else:
        kind = KINDS.get(value.kind)
        label = value.kind if kind is None else kind.ja if lang == "ja" else kind.en
    return [f"{label} ({unit})" if unit else label, "", *large(text), ""]


def plain(value: Value) -> str:
    """A number without the zeros its device's format adds: 62.30 kg is 62.3, 62.00 kg is 62.0, 128.0 mmHg is 128."""
    whole, dot, rest = value.value.partition(".")
    kind, rest = KINDS.get(value.kind), rest.rstrip("0")
    wanted = rest or ("0" if dot and (kind is None or kind.decimals) else "")
    return f"{whole}.{wanted}" if wanted else whole


def large(text: str) -> list[str]:
    """`text` of digits, point, slash and minus, five lines high."""
    return ["  ".join(_DIGITS[character][row] for character in text) for row in range(5)]


def event(state: State) -> dict[str, Any]:
    """The same moment for programs: no resident, no history."""
    told: dict[str, Any] = {"event": state.phase}
    if state.visit is not None:
        told |= {"call": state.visit.call}
    if state.phase == "shown":
        told |= {"values": [msgspec.to_builtins(value) for value in state.values]}
    return told | ({"code": state.code} if state.code else {})


class Keyboard:
    """Characters to lines: a scanner types like a person, only faster; nothing typed is ever echoed."""

    def __init__(self) -> None:
        self._line: list[str] = []

    @property
    def length(self) -> int:
        """How many characters of the next line are there."""
        return len(self._line)

    def feed(self, text: str) -> Sequence[str]:
        """The lines that `text` completes."""
        done: list[str] = []
        for character in text:
            if character in "\r\n":
                done.append("".join(self._line))
                self._line.clear()
            elif character in "\x7f\b":
                del self._line[-1:]
            elif character.isprintable() and len(self._line) < 200:  # noqa: PLR2004 - no card or number is longer
                self._line.append(character)
        return done
