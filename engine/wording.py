"""What a text for residents never says: a disease as present, a drug or dose, "normal", a cure, forbidden advice.

The words are data (`wording.toml`). A text is compared folded, so that width, blanks and kana hide nothing.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any, Final

LONGEST_SENTENCE: Final = {"ja": 40, "en": 90}
_KANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}
# Blanks and the marks people put between characters to hide a word or to make it pretty; a point may end a sentence.
_BETWEEN: Final = re.compile(r"[\s・·\-‐-―_*~〜'\"「」『』()\[\]【】]+")
_LETTERS: Final = re.compile(r"\b(?:[a-z][ .\-_*]){2,}[a-z]\b")
_SEPARATORS: Final = re.compile(r"[ .\-_*]")
_ENDS: Final = {
    "ja": re.compile(r"[。！？!?](?=[^\s。！？!?」』)）])|[。！？!?]\s+\S"),
    "en": re.compile(r"(?<!\bmin)(?<!\bapprox)(?<!\be\.g)(?<!\bi\.e)(?<!\bNo)(?<!\bDr)(?<!\b[ap]\.m)[.!?]\s+\S"),
}


def wording_faults(language: str, text: str) -> tuple[str, ...]:
    """What is wrong with a resident's text in `language` (ja, en); empty when it may be shown.

    Each fault is `code: words`: a forbidden word of either language, a line too long, empty, with two sentences or
    with a value that was never filled in.
    """
    found: list[str] = []
    for form, rules in _compiled():
        said = folded(form, text)
        found += [f"{code}: {hit[0]}" for code, rule in rules if (hit := rule.search(said))]
    for line in text.split("\n"):
        found += _line_faults(language, line)
    return tuple(dict.fromkeys(found))


def folded(language: str, text: str) -> str:
    """The form in which words are compared: NFKC, lower case, katakana as hiragana, nothing invisible.

    Japanese has no blanks left, English single ones, its lines kept and spelt-out words joined.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_KANA)
    plain = "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) not in {"Cf", "Cc", "Mn", "Co", "Cs"})
    if language == "ja":
        return _BETWEEN.sub("", plain)
    lines = (" ".join(line.split()) for line in plain.replace("’", "'").split("\n"))
    return _LETTERS.sub(lambda found: _SEPARATORS.sub("", found[0]), "\n".join(lines))


def _line_faults(language: str, line: str) -> list[str]:
    found = []
    if len(line) > LONGEST_SENTENCE[language]:
        found.append(f"too long ({len(line)}): {line}")
    if not line.strip():
        found.append("an empty line")
    if _ENDS[language].search(line):
        found.append(f"two sentences: {line}")
    if "{" in line or "}" in line:
        found.append(f"not filled in: {line}")
    return found


@cache
def _compiled() -> tuple[tuple[str, tuple[tuple[str, re.Pattern[str]], ...]], ...]:
    """By language: the code and pattern of every rule, written in the form texts are folded to."""
    words = tomllib.loads(files("engine").joinpath("wording.toml").read_text(encoding="utf-8"))
    return tuple((form, tuple(_rules(form, words[form]))) for form in ("ja", "en"))


def _rules(form: str, words: dict[str, Any]) -> list[tuple[str, re.Pattern[str]]]:
    disease = _disease_ja(words["disease"]) if form == "ja" else _disease_en(words["disease"])
    said = [(code, "|".join(f"(?:{one})" for one in patterns)) for code, patterns in words["words"].items()]
    # In English a word ends where Japanese begins.
    flags = re.ASCII if form == "en" else re.NOFLAG
    return [(code, re.compile(_folded_pattern(form, one), flags)) for code, one in [("disease", disease), *said]]


def _folded_pattern(form: str, pattern: str) -> str:
    """Japanese words folded like the texts; escapes stay as they are because they are lower case Latin already."""
    return pattern.translate(_KANA).replace("COPD", "copd") if form == "ja" else pattern


def _disease_ja(words: dict[str, Any]) -> str:
    joints, after = "|".join(words["joints"]), "|".join(words["allowed_after"])
    return f"(?:{'|'.join(words['names'])})(?!(?:{joints})*(?:{after}))"


def _disease_en(words: dict[str, Any]) -> str:
    before = "".join(f"(?<!\\b{one} )(?<!\\b{one} a )" for one in words["allowed_before"])
    return f"{before}\\b(?:{'|'.join(words['names'])})\\b(?! (?:{'|'.join(words['allowed_after'])})\\b)"
