"""The form of consent as one page to print: every purpose in its exact words, large, with room for an answer. Pure."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from markupsafe import Markup

from engine.consent import PURPOSES
from engine.consent_paper import words_code
from engine.consent_texts import TEXTS
from engine.emergency_sheets import drawn
from engine.locale import Language, text
from engine.people import Resident
from engine.summary_page import templates

_STYLE: Final = Path(__file__).parent / "web" / "static" / "consent-paper.css"
# These are given to somebody by name, so the paper has a line for the name.
NAMED: Final = frozenset({"care-share", "family-view", "watch-over"})


def html(person: Resident, number: str, lang: Language) -> str:
    """The form of one person as one file for A4 that asks for no other; the same number gives the same bytes.

    The QR code holds the number alone: whoever finds the paper learns from it no more than from reading it.
    """

    def tell(key: str, **values: object) -> str:
        return text(lang, "resident", f"paper.{key}", **values)

    rows = [(TEXTS[one].label(lang), TEXTS[one].lines(lang), one in NAMED) for one in PURPOSES]
    style = Markup(_STYLE.read_text(encoding="utf-8"))  # noqa: S704 - our own file
    page: str = templates().get_template("enrol/paper.html").render(
        lang=lang, tell=tell, person=person, number=number, rows=rows, words=words_code(), style=style,
        qr=drawn(number),
    )  # fmt: skip
    return page
