"""The emergency card for a wallet and the sheet for the refrigerator as pages to print. Pure.

Both hold what the person may see themselves; what does not fit on a card is counted on it, never dropped unsaid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec
import segno
from markupsafe import Markup

from engine.charts_scale import room_of
from engine.emergency import Card
from engine.locale import Language
from engine.officehours import ZONE
from engine.summary import Line, Part, Summary
from engine.summary_page import day_words, rows_of, templates, words

_STATIC: Final = Path(__file__).parent / "web" / "static"
# Ems of type that a field of the wallet card holds.
_ROOM: Final = {"allergies": 84.0, "cautions": 56.0, "medicines": 104.0, "conditions": 64.0, "contact": 44.0}
# The sheet as `engine.summary_page` counts: ems in a line over its whole width, rows.
_SETS: Final = (("roomy", 39.0, 37), ("tight", 45.0, 46), ("tightest", 52.0, 57))


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the card: its words, whether it warns, and how many things did not fit."""

    key: str
    said: str
    warns: bool = False
    more: int = 0


def html(summary: Summary, card: Card, address: str, lang: Language) -> str:
    """The card or sheet as one file for A4 that asks for no other; `address` is what its QR code says.

    It is in Japanese, which crews here read; for who reads English it is there in English as well. Raises ValueError
    for a summary that shows more than its person may see: this paper is theirs.
    """
    if summary.whole:
        raise ValueError("only what is disclosed to the person is printed for them")
    languages: tuple[Language, ...] = ("ja",) if lang == "ja" else ("ja", "en")
    parts = [_part_of(summary, card, address, one) for one in languages]
    styles = [(_STATIC / name).read_text(encoding="utf-8") for name in ("summary.css", "emergency-print.css")]
    page: str = templates().get_template("emergency/paper.html").render(
        lang=lang, person=summary.person, parts=parts, style=Markup("\n".join(styles))  # noqa: S704 - our own files
    )  # fmt: skip
    return page


def _part_of(summary: Summary, card: Card, address: str, lang: Language) -> Markup:
    """The card or sheet in one language."""
    shared = words(summary, lang)
    fields = {one.key: one for one in fields_of(summary, lang, shared["tell"])}
    part = templates().get_template(f"emergency/{card.sort}.html").render(
        **shared, card=card, fields=fields, qr=drawn(address), density=_density(summary, lang),
        printed=day_words(card.issued_at.astimezone(ZONE).date()), until=day_words(card.until.astimezone(ZONE).date()),
    )  # fmt: skip
    return Markup(part)  # noqa: S704 - escaped by its own template


def drawn(address: str) -> Markup:
    """The QR code as a picture inside the page, readable when a corner is worn."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - made of squares


def fields_of(summary: Summary, lang: Language, tell: Callable[..., str]) -> tuple[Field, ...]:
    """The fields of the wallet card, each cut to its room at the end of a name."""
    contact, held = summary.person.emergency_contact, summary.hidden.count > 0
    return (
        _part("allergies", summary.allergies, lang, tell, held, warns=bool(summary.allergies.lines)),
        _list("cautions", summary.cautions, lang, tell, warns=bool(summary.cautions)),
        _part("medicines", summary.medicines, lang, tell, held),
        _part("conditions", summary.conditions, lang, tell, held),
        Field(key="contact", said=_cut(contact or "", _ROOM["contact"]) if contact else tell("silent")),
    )


def _part(
    key: str, part: Part, lang: Language, tell: Callable[..., str], held: bool, *, warns: bool = False
) -> Field:  # fmt: skip
    """One section; where something is `held` back nobody can tell what was not asked from what may not stand here."""
    if part.state == "some":
        return _list(key, part.lines, lang, tell, warns=warns)
    if part.state == "partly":
        denied = tell("comma").join(line.name(lang) for line in part.denied)
        said = f"{tell('denied')} {denied}"
        unasked = "" if held else tell("comma").join(line.name(lang) for line in part.unasked)
        return Field(key=key, said=f"{said} / {tell('unasked')} {unasked}" if unasked else said)
    silent = "withheld" if held else "silent"
    return Field(key=key, said=tell(f"{key}.none" if part.state == "none" else silent))


def _list(key: str, lines: Iterable[Line], lang: Language, tell: Callable[..., str], *, warns: bool = False) -> Field:
    names = [_named(key, line, lang, tell) for line in lines]
    room, kept = _ROOM[key], list[str]()
    for name in names:
        used = room_of(tell("comma").join([*kept, name]))
        if kept and used > room:
            break
        kept.append(_cut(name, room))
    return Field(key=key, said=tell("comma").join(kept), warns=warns, more=len(names) - len(kept))


def _density(summary: Summary, lang: Language) -> str:
    parts = (summary.allergies, summary.conditions, summary.medicines)
    for name, room, most in _SETS:
        if 15 + len(summary.cautions) + sum(rows_of(part, lang, room) for part in parts) <= most:
            return name
    return _SETS[-1][0]


def _named(key: str, line: Line, lang: Language, tell: Callable[..., str]) -> str:
    """The name, of an allergy also what it did; how a medicine is taken changes, its name and strength do less."""
    detail = f" {line.detail}" if line.detail and key == "allergies" else ""
    doubt = f" {tell(f'doubt.{line.doubt}')}" if line.doubt else ""
    return f"{line.name(lang)}{detail}{doubt}"


def _cut(said: str, room: float) -> str:
    """As much of one line as there is room for, with a mark where it was cut."""
    if room_of(said) <= room:
        return said
    kept = ""
    for character in said:
        if room_of(kept + character) > room - 1:
            break
        kept += character
    return f"{kept}…"
