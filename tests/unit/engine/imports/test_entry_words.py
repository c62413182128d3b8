"""What `phr add` and `phr import` say is complete in both languages, and short enough for a resident to read."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from cli.entry_words import REASONS, WORDS, reason

LONGEST = 40


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_both_languages_say_the_same_and_no_japanese_sentence_is_long(key: str) -> None:
    japanese, english = WORDS[key]
    assert fields(japanese) == fields(english)
    for sentence in re.split(r"(?<=。)|(?<=\?)|、", re.sub(r"\{\w+\}", "", japanese)):
        assert len(sentence) <= LONGEST, sentence


CODES = re.compile(
    r"""(?:fault\(\w+, |Refused\(reading, |return )"([a-z]+(?:-[a-z]+)+|status|comparator|past|future)\""""
)


def test_every_code_a_line_can_be_refused_with_has_words() -> None:
    root = Path(__file__).parents[4]
    files = [*(root / "engine/imports").glob("*.py"), root / "engine/intake.py", root / "engine/sameness.py"]
    # What only whole files or typed words are refused with is told by its own message.
    codes = {code for file in files for code in CODES.findall(file.read_text(encoding="utf-8"))}
    assert len(codes) > 10
    assert codes <= REASONS.keys()


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert reason("ja", "brand-new") == "brand-new"
    assert reason("ja", "future") != reason("en", "future")
