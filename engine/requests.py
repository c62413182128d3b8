"""What a resident may ask for, which desk hears it, and within how many office days it is answered. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from engine.contract.ids import is_id
from engine.officehours import after_days
from engine.refusal import Refusal

Kind = Literal["call", "ask", "wrong", "device"]
DeskName = Literal["health", "devices"]
State = Literal["open", "answered", "closed", "handed"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Product policy: office days within which somebody answers.
OFFICE_DAYS: Final[Mapping[Kind, int]] = {"call": 1, "wrong": 2, "ask": 3, "device": 3}
MOST: Final = 500
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request: `about` the advice, reading or device it is about, `due_at` what the resident was promised.

    `handed` is closed here because the other desk has one of its own for it.
    """

    id: str
    resident_id: str
    municipality_code: str
    kind: Kind
    about: str | None
    text: str
    desk: DeskName
    due_at: datetime
    state: State
    created_at: datetime
    closed_at: datetime | None = None
    closed_by: str | None = None
    answer: str | None = None
    version: int = 1


def desk_of(kind: Kind, about: str | None) -> DeskName:
    """The desk that hears of it: what is about a device goes to the help desk, all else to the nurses."""
    return "devices" if kind == "device" or (about is not None and is_id(about, "d")) else "health"


def due_of(kind: Kind, municipality: str, now: datetime) -> datetime:
    """By when whoever asks at `now` in that municipality is answered."""
    return after_days(now, OFFICE_DAYS[kind], municipality)


def words_of(text: str, *, needed: bool = True) -> str | Refusal:
    """`text` with its lines kept and blanks at the ends gone; refused as empty, too-long or control-character."""
    lines = [" ".join(line.split(" ")).strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    whole = "\n".join(lines).strip()
    if needed and not whole:
        return Refusal("empty", "write a few words", "text")
    if len(whole) > MOST:
        return Refusal("too-long", f"must not be longer than {MOST} characters", "text")
    if any(unicodedata.category(character) in _INVISIBLE for character in whole if character != "\n"):
        return Refusal("control-character", "there is a character in it that cannot be shown", "text")
    return whole
