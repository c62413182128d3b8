"""Sessions in the words and the picture of whoever reads them; nothing here says why anything changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from engine.before_after import FELT, Book, Difference, Paired
from engine.before_after_score import Score
from engine.charts_frame import escape
from engine.charts_kinds import unit_words
from engine.contract.kinds import KINDS
from engine.locale import Language, text

MINUS: Final = "−"
_ROW: Final = 26
_LEFT, _RIGHT, _WIDE = 76, 396, 420
_INK: Final = "#0a4f86"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of one session as a row: numbers with their unit, and a sentence."""

    kind: str
    before: str
    after: str
    change: str
    unit: str
    sentence: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What several sessions say of one kind, one sentence each."""

    kind: str
    sentences: tuple[str, ...]


def kind_name(kind: str, lang: Language) -> str:
    """How a kind is called here."""
    return text(lang, "resident", f"me.session.kind.{kind}")


def line(found: Difference, lang: Language) -> Line:
    """A difference as people read it: what is shown as different is what the shown numbers differ by."""
    before, after = _number(found.before, found.kind), _number(found.after, found.kind)
    return Line(
        kind=kind_name(found.kind, lang), before=before, after=after,
        change=signed(Decimal(after) - Decimal(before), found.kind), unit=_unit(found.kind, lang),
        sentence=text(lang, "resident", f"me.session.way.{found.way}"),
    )  # fmt: skip


def told(rules: Book, found: Score, lang: Language) -> Told:
    """What may be said of a mean difference: nothing where its interval covers none."""
    name, count = kind_name(found.kind, lang), found.sessions
    said: tuple[str, ...]
    if found.mean is None:
        said = (text(lang, "resident", "me.session.score.few", n=count, need=rules.claim.fewest),)
    elif found.says is None or found.low is None or found.high is None:
        said = (text(lang, "resident", "me.session.score.nothing", n=count),)
    else:
        by = _with_unit(_number(abs(Decimal(str(found.mean))), found.kind), found.kind, lang)
        low, high = (_number(Decimal(str(end)), found.kind) for end in sorted((abs(found.low), abs(found.high))))
        said = (
            text(lang, "resident", f"me.session.score.{found.says}", n=count, by=by),
            text(lang, "resident", "me.session.score.span", low=low, high=_with_unit(high, found.kind, lang)),
        )
    return Told(kind=name, sentences=said)


def signed(value: Decimal, kind: str) -> str:
    """A difference with its sign; a difference of nothing has none."""
    number = _number(abs(value), kind)
    if Decimal(number) == 0:
        return number
    return f"{MINUS if value < 0 else '+'}{number}"


def draw(found: Sequence[Paired], days: Sequence[str], kind: str, title: str) -> str:
    """A picture of one kind, a row a session: from an open circle before it to a full one after it; "" for none.

    `days` are the words at the left of each row; `title` is what a reader who cannot see it hears.
    """
    rows = [(day, one) for day, each in zip(days, found, strict=True) if (one := each.of(kind)) is not None]
    if not rows:
        return ""
    values = [value for _, one in rows for value in (one.before, one.after)]
    low, high = min(values), max(values)
    wide = max(high - low, Decimal(1))
    height = _ROW * len(rows) + 8
    size = f'viewBox="0 0 {_WIDE} {height}" width="{_WIDE}" height="{height}"'
    voice = f'role="img" aria-label="{escape(title)}" font-family="sans-serif" font-size="13"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {voice}>']
    for number, (day, one) in enumerate(rows):
        y = _ROW * number + _ROW // 2 + 4
        first, last = (_at(value, low, wide) for value in (one.before, one.after))
        parts += [
            f'<text x="0" y="{y + 5}" fill="#1b2126">{escape(day)}</text>',
            f'<path d="M{first} {y}H{last}" stroke="{_INK}" stroke-width="2"/>',
            f'<circle cx="{first}" cy="{y}" r="6" fill="#fff" stroke="{_INK}" stroke-width="2"/>',
            f'<circle cx="{last}" cy="{y}" r="6" fill="{_INK}"/>',
        ]
    return "".join([*parts, "</svg>"])


def _at(value: Decimal, low: Decimal, wide: Decimal) -> int:
    return round(_LEFT + 12 + (value - low) / wide * (_RIGHT - _LEFT - 24))


def _number(value: Decimal, kind: str) -> str:
    digits = 0 if kind in FELT else KINDS[kind].decimals
    return str(value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _unit(kind: str, lang: Language) -> str:
    return "" if kind in FELT else unit_words(KINDS[kind].unit, lang)


def _with_unit(number: str, kind: str, lang: Language) -> str:
    return f"{number} {_unit(kind, lang)}".strip()
