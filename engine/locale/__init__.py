"""The words: gettext catalogues ja and en, contexts `resident` (plain Japanese) and `nurse`; keys, not sentences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from string import Formatter
from typing import Final, Literal

Language = Literal["ja", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")
CONTEXTS: Final = ("resident", "nurse")


class UnknownTextError(KeyError):
    """No text of that context and key in that language."""


@cache
def catalogue(language: Language) -> Mapping[tuple[str, str], str]:
    """Every text of `language` by (context, key), fuzzy ones left out; read once from the package's .po file."""
    from babel.messages.pofile import read_po

    raw = files("engine.locale").joinpath(f"{language}.po").read_bytes()
    messages = read_po(BytesIO(raw), locale=language, abort_invalid=True)
    return {
        (str(message.context), str(message.id)): str(message.string)
        for message in messages
        if message.id and message.string and not message.fuzzy
    }


def has_text(language: Language, context: str, key: str) -> bool:
    """Whether `language` has a finished text for `key`."""
    return (context, key) in catalogue(language)


def fields_of(template: str) -> frozenset[str]:
    """The names of the values a text needs."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def text(language: Language, context: str, key: str, **values: object) -> str:
    """The text of `key` with its values filled in; raises UnknownTextError, or KeyError for a missing value."""
    found = catalogue(language).get((context, key))
    if found is None:
        raise UnknownTextError(f"{language} {context} {key}")
    return found.format_map({name: str(value) for name, value in values.items()})
