"""What a letter or a batch is about, in a word for lists. Pure."""

from __future__ import annotations

from engine.letters import Sort
from engine.locale import Language


def about_words(sort: Sort, about: str, language: Language) -> str:
    """The month of a monthly letter (2026年10月), the day of a batch of others; "" for an advice id."""
    parts = about.split("-")
    if sort == "month" and len(parts) >= 2 and all(part.isdigit() for part in parts[:2]):  # noqa: PLR2004
        return f"{parts[0]}年{int(parts[1])}月" if language == "ja" else f"{int(parts[1])}/{parts[0]}"
    return about if all(part.isdigit() for part in parts) else ""
