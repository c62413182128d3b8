"""Where things stand in a chart: the box of the values, the room its words need, and words that stay XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal
from xml.sax.saxutils import escape as _escape

import msgspec

from engine.charts_scale import Scale, room_of

# What XML 1.0 cannot hold, even escaped.
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INK: Final = "#1b2126"
Size = Literal["wide", "narrow", "paper"]
# Width, where the box of the values ends, and the type: on paper 500 units are the 174 mm between A4's margins.
_SIZES: Final[dict[Size, tuple[float, float, int]]] = {
    "wide": (720.0, 300.0, 17), "narrow": (360.0, 230.0, 14), "paper": (500.0, 215.0, 15),
}  # fmt: skip


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The box `left`..`left + width`, `top`..`foot` inside a picture of `whole` x `height`, type of `em` units.

    `legend` holds the words below the box with the place where each begins.
    """

    whole: float
    height: float
    em: int
    left: float
    width: float
    top: float
    foot: float
    legend: tuple[tuple[float, float, str], ...]

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of the box."""
        return self.left + self.width / 2, (self.top + self.foot) / 2

    def y(self, scale: Scale, value: float) -> float:
        """Where a value stands; never outside the box."""
        return self.foot - min(max(scale.share(value), 0.0), 1.0) * (self.foot - self.top)

    def beside(self, top: float, foot: float) -> tuple[float, float]:
        """Where the name of a zone stands: in its upper right corner, or above it where it is too flat."""
        right = self.left + self.width - 6
        if foot - top >= self.em * 1.3:
            return right, top + self.em * 1.1
        above = top - self.em * 0.3
        return right, above if above > self.top + self.em else foot + self.em * 1.1

    def kept(self, x: float, said: str) -> float:
        """A middle for words around `x` that leaves them inside the picture."""
        half = room_of(said) * self.em / 2 + 2
        return min(max(x, half), self.whole - half)


def frame(scale: Scale, legend: Sequence[str], size: Size) -> Frame:
    """The places of a chart with that scale and legend, in one of the sizes."""
    whole, high, em = _SIZES[size]
    left = max(room_of(said) for _, said in scale.ticks()) * em + 14
    top, foot = em * 2.1, high
    below = foot + em * 3.2
    places: list[tuple[float, float, str]] = []
    x = left
    for said in legend:
        wide = room_of(said) * em + 40
        if places and x + wide > whole:
            x, below = left, below + em * 1.6
        places.append((x, below, said))
        x += wide
    height = below + em * 0.7 if legend else foot + em * 2.0
    return Frame(
        whole=whole, height=round(height, 1), em=em, left=round(left, 1), width=round(whole - left - 14, 1),
        top=round(top, 1), foot=foot, legend=tuple(places),
    )  # fmt: skip


def number(value: float) -> str:
    """A coordinate with at most one decimal and nothing to spare."""
    short = f"{value:.1f}"
    return short.removesuffix(".0")


def escape(said: str) -> str:
    """Words as XML can hold them."""
    return _escape(_NO_XML.sub("", said))


def words_at(place: tuple[float, float], said: str, *, anchor: str = "start", ink: str = _INK) -> str:
    """Words that begin, end or have their middle at a place."""
    turned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{number(place[0])}" y="{number(place[1])}" fill="{ink}"{turned}>{escape(said)}</text>'
