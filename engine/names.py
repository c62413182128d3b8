"""Japanese names: kept byte for byte, compared loosely, sorted by their kana.

Nothing here is stored instead of a name: 髙, 﨑 and 𠮷 stay what the register says. Only the search key and the
collation key are normalised, and the kana of a name, whose width carries no meaning.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from engine.names_table import HOMOPHONES, SMALL, VARIANTS, VOWEL_ROWS
from engine.refusal import Refusal

MAX_LENGTH: Final = 60
_SPACES: Final = re.compile(r"[ \u00a0\u3000]+")
_KANA: Final = re.compile(r"[ァ-ヺー・ヽヾ]+(?: [ァ-ヺー・ヽヾ]+)*")
_LOOSE_MARKS: Final = str.maketrans({"゛": "\u3099", "゜": "\u309a"})
_TO_KATAKANA: Final = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_IGNORED: Final = re.compile(r"[\u0300-\u036f\s・･.,'’|‐-―−-]+")
_VOICED: Final = "\u3099"
_HALF_VOICED: Final = "\u309a"
# Where to look, as (what is wrong, category): characters no register prints and no screen shows faithfully.
_FORBIDDEN: Final = {
    "Cc": "control-character", "Cf": "control-character", "Zl": "control-character", "Zp": "control-character",
    "Cs": "broken-character", "Co": "private-character",
}  # fmt: skip


def split_name(text: str, *, single: bool = False) -> tuple[str, str] | Refusal:
    """Family and given name of `text`, each byte for byte, split at the first space of any width.

    `single` True takes a name of one part (given name ""); otherwise such a name is refused as `one-part`.
    """
    parts = _SPACES.split(text.strip(" \u00a0\u3000"), maxsplit=1)
    checked = [keep(part) for part in parts]
    for part in checked:
        if isinstance(part, Refusal):
            return part
    if len(parts) == 1:
        return (parts[0], "") if single else Refusal("one-part", "put a space between family name and given name")
    return parts[0], parts[1]


def keep(text: str) -> str | Refusal:
    """`text` unchanged, or why it cannot be kept: empty, too-long, or a character that is none."""
    if not text.strip():
        return Refusal("empty", "must not be empty")
    if len(text) > MAX_LENGTH:
        return Refusal("too-long", f"must not be longer than {MAX_LENGTH} characters")
    for character in text:
        code = _FORBIDDEN.get(unicodedata.category(character)) or _nothing(character)
        if code:
            return Refusal(code, f"U+{ord(character):04X} cannot be part of a name")
    return text


def kana(text: str) -> str | Refusal:
    """The reading of a name in full-width katakana, from katakana of either width or hiragana; ー, ・ and ヽ stay.

    Refuses what `keep` refuses, and everything else as `not-kana`.
    """
    kept = keep(text)
    if isinstance(kept, Refusal):
        return kept
    plain = _SPACES.sub(" ", _katakana(kept)).strip()
    if not _KANA.fullmatch(plain):
        return Refusal("not-kana", "use katakana or hiragana only")
    return plain


def split_kana(text: str, *, single: bool = False) -> tuple[str, str] | Refusal:
    """Family and given kana of `text` in full-width katakana, split as `split_name` does."""
    parts = split_name(text, single=single)
    if isinstance(parts, Refusal):
        return parts
    family = kana(parts[0])
    given = kana(parts[1]) if parts[1] else ""
    if isinstance(family, Refusal):
        return family
    return given if isinstance(given, Refusal) else (family, given)


def search_key(text: str) -> str:
    """What `text` is compared by: width, case, accents, spaces, script of kana and variant characters do not count.

    For comparison only; two different names may share a key, and a key is never shown.
    """
    plain = _katakana(_SELECTORS.sub("", text)).casefold()
    plain = _IGNORED.sub("", _katakana(plain))
    letters = "".join(_without_accent(character) for character in plain)
    return _unrolled(letters.translate(VARIANTS)).translate(SMALL).translate(HOMOPHONES)


def collation_key(reading: str) -> tuple[str, str]:
    """Sorts kana as a Japanese list does (after JIS X 4061): by plain kana first, then clear < voiced < half-voiced.

    ー counts as the vowel before it and small kana as large; only where all else is equal do they come first.
    """
    base: list[str] = []
    rank: list[str] = []
    for character in _katakana(reading):
        if character in " ・":
            continue
        split = unicodedata.normalize("NFD", character)
        plain = split[0].translate(SMALL)
        if plain == "ー" and base:
            plain, weight = VOWEL_ROWS.get(base[-1], "ー"), "0"
        elif plain in "ヽヾ" and base:
            plain, weight = base[-1], "5" if _VOICED in split else "2"
        elif plain != split[0]:
            weight = "1"
        else:
            weight = "5" if _VOICED in split else "6" if _HALF_VOICED in split else "3"
        base.append(plain)
        rank.append(weight)
    return "".join(base), "".join(rank)


def kana_key(family: str, given: str) -> str:
    """One text that sorts, by code point, as the pair of both readings' `collation_key`s does."""
    # A space is smaller than any kana and any weight, so that what ends earlier comes first.
    return " ".join((*collation_key(family), *collation_key(given)))


def _katakana(text: str) -> str:
    """Full width, kana marks composed, hiragana as katakana."""
    return unicodedata.normalize("NFKC", text.translate(_LOOSE_MARKS)).translate(_TO_KATAKANA)


def _without_accent(character: str) -> str:
    latin = ord(character) < 0x250 or 0x1E00 <= ord(character) <= 0x1EFF  # noqa: PLR2004 - Unicode's Latin blocks
    return unicodedata.normalize("NFD", character)[0] if latin else character


def _unrolled(text: str) -> str:
    """々 and the kana iteration marks written out: 佐々木 is compared as 佐佐木."""
    found: list[str] = []
    for character in text:
        again = bool(found) and character in "々ヽヾ"
        found.append(found[-1] if again else character)
    return "".join(found)


def _nothing(character: str) -> str | None:
    return "broken-character" if ord(character) & 0xFFFE == 0xFFFE or character == "\ufffd" else None  # noqa: PLR2004
