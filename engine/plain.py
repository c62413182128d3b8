"""Whether a text is plain: short sentences, one action each, everyday words. Pure; the words are `plain_words.toml`.

This is about being understood. What may be said at all is `engine.wording`'s matter.
"""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Final

from engine.wording import LONGEST_SENTENCE

_ENDS: Final = {"ja": re.compile(r"(?<=[。！？])|\n"), "en": re.compile(r"(?<=[.!?])\s+|\n")}
_BLANKS: Final = re.compile(r"\s+")


def sentences(language: str, said: str) -> list[str]:
    """The sentences of a text, without blanks around them."""
    return [one.strip() for one in _ENDS[language].split(said) if one and one.strip()]


def plain_faults(language: str, said: str, key: str = "") -> tuple[str, ...]:
    """What keeps a text in `language` (ja, en) from being plain; empty when nothing does.

    Each fault is `code: words`: a sentence too long (40 characters, 90 in English), one that asks for two things, or a
    word to avoid with what to say instead. `key` is the text's name in the catalogue, for the exceptions of the table;
    "*" is of a text whose name is not known, for which all of them hold.
    """
    found = []
    for one in sentences(language, said):
        if len(one) > LONGEST_SENTENCE[language]:
            found.append(f"too long ({len(one)}): {one}")
        if len(_asks(language).findall(_joined(language, one))) > 1:
            found.append(f"asks twice: {one}")
    whole = _joined(language, said)
    for rule, instead in _words(language):
        hit = rule.search(whole)
        if hit and not _allowed(key, hit[0]):
            found.append(f"word: {hit[0]} -> {instead}")
    return tuple(found)


def _joined(language: str, said: str) -> str:
    """Japanese without the blanks that part its words; English in lower case."""
    return _BLANKS.sub("", said) if language == "ja" else said.casefold()


def _allowed(key: str, word: str) -> bool:
    return any(
        word in but["words"] and (key in {"*", but["key"]} or fnmatchcase(key, but["key"])) for but in exceptions()
    )


def exceptions() -> list[dict[str, Any]]:
    """Where a word to avoid is right all the same: `key` (with * for any end), `words` and the `reason`."""
    found: list[dict[str, Any]] = _table()["but"]
    return found


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("engine").joinpath("plain_words.toml").read_text(encoding="utf-8"))


@cache
def _words(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(word), instead) for group in _table()[language].values() for word, instead in group.items()
    )


@cache
def _asks(language: str) -> re.Pattern[str]:
    return re.compile(_table()["asks"][language])
