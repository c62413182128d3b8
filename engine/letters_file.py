"""Letters as one PDF for the printer: both sides of A4, an address for the window, a form to cut off.

Typst and not WeasyPrint: measured side by side it needs 4 ms a page and not 63. It keeps half a megabyte a letter until
the file is whole, so a batch is drawn in parts: 5,000 letters then need 0.6 GB and not 2.8.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec
import segno

from engine.charts import Chart, Dot, Mark, draw
from engine.letters import Dots, Said, shown
from engine.letters_parts import joined
from engine.letters_sender import Sender
from engine.letters_window import Envelope, Window, window_of
from engine.locale import Language, text
from engine.refusal import Refusal

FONT: Final = "Noto Sans CJK JP"
PACKAGES: Final = "fonts-noto-cjk"
_COUNT: Final = re.compile(rb"/Count (\d+)")
# Measured: smaller parts cost more time for fonts, larger ones memory.
_PART: Final = 50
_PAGE: Final = Path(__file__).with_name("letters.typ")


def pdf(letters: Sequence[Said], sender: Sender, envelope: Envelope, made: datetime) -> bytes | Refusal:
    """The letters in the order given; the same letters of the same moment are the same bytes.

    Refused as pdf-library, no-font, no-letters, or as the envelope is refused.
    """
    if find_spec("typst") is None or find_spec("pypdfium2") is None:
        return Refusal("pdf-library", "letters need the extra minato-phr[pdf]")
    if not letters:
        return Refusal("no-letters", "there is no letter to print")
    window = window_of(envelope)
    if isinstance(window, Refusal):
        return window
    if FONT not in _fonts().families():
        return Refusal("no-font", f"{FONT} is missing: apt-get install {PACKAGES}")

    parts = [letters[first : first + _PART] for first in range(0, len(letters), _PART)]
    return joined([_drawn(part, sender, window, made) for part in parts])


def pages_of(content: bytes) -> int:
    """How many pages such a PDF has, by the counts in its page tree."""
    return max((int(found) for found in _COUNT.findall(content)), default=0)


def chart_of(dots: Dots, language: Language) -> Chart:
    """The chart that a letter told."""
    return Chart(
        title=dots.title, description=dots.description, unit=dots.unit, shown=dots.shown, language=language,
        first=date.fromisoformat(dots.first), last=date.fromisoformat(dots.last),
        dots=tuple(_dot(*one) for one in dots.dots),
    )  # fmt: skip


def _drawn(letters: Sequence[Said], sender: Sender, window: Window, made: datetime) -> bytes:
    import typst

    data = msgspec.json.encode(_given(letters, window, sender))
    # Its type hints know no files in memory, which its documentation shows.
    files: Any = {"main": _PAGE.read_bytes(), "letters.json": data}
    stamp = int(made.timestamp())
    return bytes(typst.compile(files, format="pdf", font_paths=_fonts(), timestamp=stamp, pdf_tags=False))


@cache
def _fonts() -> Any:
    """The fonts of this machine, looked for once."""
    import typst

    return typst.Fonts()


def _given(letters: Sequence[Said], window: Window, sender: Sender) -> dict[str, Any]:
    first = letters[0]
    return {
        "title": text(first.language, "resident", f"letters.{first.sort}.file"),
        "language": first.language, "fonts": [FONT], "window": window,
        "letters": [_page(one, sender, str(place)) for place, one in enumerate(letters)],
    }  # fmt: skip


def _page(said: Said, sender: Sender, place: str) -> dict[str, Any]:
    lang = said.language

    def tell(key: str, **values: object) -> str:
        return text(lang, "resident", f"letters.{key}", **values)

    return {
        "to": {
            "postcode": f"〒{said.to.postcode}" if said.to.postcode else "",
            "address": said.to.address, "name": tell("honorific", name=said.to.name),
        },
        "sender": [*_office(sender), said.made], "return": [tell("return"), *_office(sender)],
        "title": said.title, "lead": said.lead, "front": said.front, "back": said.back,
        "chart": None if said.chart is None else _picture(said.chart, lang, place),
        "reply": {
            "cut": tell("cut"), "title": tell("reply"), "lead": tell(f"reply.{said.sort}"),
            "asks": [tell(f"ask.{ask}") for ask in said.asks], "words": tell("reply.words"),
            "code": shown(said.code), "qr": _qr(said.code),
        },
    }  # fmt: skip


def _office(sender: Sender) -> list[str]:
    postcode = f"〒{sender.postcode}" if sender.postcode else ""
    return [line for line in (sender.name, sender.section, postcode, sender.address, sender.phone) if line]


def _picture(dots: Dots, language: Language, place: str) -> dict[str, Any]:
    return {
        "title": dots.title, "svg": draw(chart_of(dots, language), paper=True, name=f"c{place}"),
        "alt": dots.description, "lines": dots.description.splitlines()[2:5],
    }  # fmt: skip


def _dot(at: str, value: str, low: str, mark: Mark) -> Dot:
    return Dot(
        at=datetime.fromisoformat(at), value=Decimal(value), low=Decimal(low) if low else None,
        mark=mark,
    )  # fmt: skip


def _qr(code: str) -> str:
    out = io.BytesIO()
    segno.make(code, error="m", micro=False).save(out, kind="svg", border=4, xmldecl=False, nl=False, scale=4)
    return out.getvalue().decode()
