"""Where an address stands on an A4 sheet folded in three, so that a window shows it whole and nothing else. Pure.

The sheet lies loose in its envelope. An address is right where it stays in the window however the sheet slides, and
whatever any slide brings into the window must be blank. Sizes in millimetres: 長形3号 is 120 x 235 (JIS S 5502), used
lying, with the window at the left; Japan Post wants windows of 45 x 80 or more for addresses and that the address
cannot slide out of sight. Where a maker cuts the window is measured, and written into letters.toml; what is assumed
until then stands in letters_envelope.toml.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from engine.refusal import Refusal

SHEET: Final = (210.0, 297.0)
FOLD: Final = SHEET[1] / 3
# What an address of three lines and a name need.
LEAST: Final = (60.0, 22.0)


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An envelope lying with its window towards the reader; `left` and `top` are the window's distance from its edges.

    `verified` is that somebody held a printed sheet in it against the light.
    """

    width: float
    height: float
    left: float
    top: float
    window_width: float
    window_height: float
    verified: bool = False
    source: str = ""


class Place(msgspec.Struct, frozen=True):
    """A rectangle of the sheet: its left upper corner and its size."""

    left: float
    top: float
    width: float
    height: float


class Window(msgspec.Struct, frozen=True):
    """Where the address stands, and the part of the sheet that no other word may touch."""

    address: Place
    blank: Place


@cache
def assumed() -> Envelope:
    """The envelope that is assumed where the town has not measured its own."""
    text = files("engine").joinpath("letters_envelope.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=Envelope)


def window_of(envelope: Envelope) -> Window | Refusal:
    """Both places for this envelope; refused as too-small-envelope or too-small-window."""
    slide_x, slide_y = envelope.width - SHEET[0], envelope.height - FOLD
    if slide_x < 0 or slide_y < 0:
        return Refusal("too-small-envelope", "a third of an A4 sheet does not fit into it", "envelope")
    address = Place(envelope.left, envelope.top, envelope.window_width - slide_x, envelope.window_height - slide_y)
    if address.width < LEAST[0] or address.height < LEAST[1]:
        wanted = f"{LEAST[0] + slide_x:g} x {LEAST[1] + slide_y:g}"
        return Refusal("too-small-window", f"the window must be {wanted} mm: the sheet slides in it", "envelope")
    left, top = max(0.0, envelope.left - slide_x), max(0.0, envelope.top - slide_y)
    right, foot = envelope.left + envelope.window_width, envelope.top + envelope.window_height
    if right > SHEET[0] - LEAST[0] or foot > FOLD:
        return Refusal("too-far-window", "the window must be in the left upper part of the folded sheet", "envelope")
    return Window(address, Place(left, top, right - left, foot - top))
