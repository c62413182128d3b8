"""The words: gettext catalogues ja and en, contexts `resident` (plain Japanese) and `nurse`; keys, not sentences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
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
    """Every text of `language` by (context, key), fuzzy ones left out; read once from the package's .po files.

    `ja.po` holds the pages and the queue, `ja.<area>.po` the texts of one area. Raises ValueError for a key told twice.
    """
    from babel.messages.pofile import read_po

    found: dict[tuple[str, str], str] = {}
    for path in sorted(po_files(language), key=lambda entry: entry.name):
        for message in read_po(BytesIO(path.read_bytes()), locale=language, abort_invalid=True):
            key = (str(message.context), str(message.id))
            if not message.id or not message.string or message.fuzzy:
                continue
            if key in found:
                raise ValueError(f"{path.name}: {key} is told twice")
            found[key] = str(message.string)
    return found


def po_files(language: Language) -> list[Traversable]:
    """The .po files of `language`."""
    entries = files("engine.locale").iterdir()
    return [entry for entry in entries if entry.name.startswith(f"{language}.") and entry.name.endswith(".po")]


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
