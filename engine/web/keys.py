"""The keys of the desk: a table that the pages print and the script obeys."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from engine.web.sessions import Session

FILE: Final = Path(__file__).parent / "keys.toml"


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is pressed (one letter or sign, or two one after the other) to do what `do` names."""

    do: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+\Z")]
    press: Annotated[str, msgspec.Meta(pattern=r"^[a-z!/?]( [a-z])?\Z")]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: tuple[Key, ...]


@cache
def table() -> tuple[Key, ...]:
    """Every key in the order it is shown; raises ValueError when the file breaks a law."""
    found = msgspec.convert(tomllib.loads(FILE.read_text("utf-8")), _Table).key
    pressed = [one.press for one in found]
    starts = {press.partition(" ")[0] for press in pressed if " " in press}
    if len(set(pressed)) < len(pressed) or len({one.do for one in found}) < len(found) or starts & set(pressed):
        raise ValueError(f"{FILE.name}: a key does two things")
    return found


def shown(session: Session) -> dict[str, Key]:
    """The keys of this person by what they do; none for whoever switched single keys off (WCAG 2.1.4)."""
    return {one.do: one for one in table()} if session.who.single_keys else {}
