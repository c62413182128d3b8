"""The commands' words are complete in both languages."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from cli.words import DEMO_JA, WORDS
from simulators.series import DESCRIPTION


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(WORDS))
def test_both_languages_say_something_and_never_name_what_the_other_does_not_know(key: str) -> None:
    japanese, english = WORDS[key]
    assert japanese
    assert english
    assert fields(japanese) == fields(english)


def test_where_the_demo_s_data_come_from_is_told_with_the_same_facts_in_both_languages() -> None:
    def facts(lines: tuple[str, ...]) -> list[str]:
        return sorted(re.findall(r"\d{2,}|CC BY|PLoS ONE|Zenodo|Krone|Furberg|P\d+", " ".join(lines)))

    assert set(facts(DEMO_JA)) == set(facts(DESCRIPTION))
