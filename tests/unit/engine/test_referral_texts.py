"""What a resident reads when the engine refers: plain, within the linter's limits, and as hurried as the rule says."""

from __future__ import annotations

from typing import Final

import pytest

from engine.locale import Language, catalogue, fields_of
from engine.rules import FlagRule, load_catalogue
from engine.rules.model import FlagCase
from engine.wording import wording_faults

FLAGS: Final = tuple(rule for rule in load_catalogue() if isinstance(rule, FlagRule))
CASES: Final = [(rule, case) for rule in FLAGS for case in rule.case]
# The figures a referral may show, at their longest.
FIGURES: Final = {"value": "-123.4", "systolic": "299", "diastolic": "199", "days": "7", "test": "HbA1c (NGSP)"}
NURSE_FIGURES: Final = {*FIGURES, "unit", "systolic_max", "diastolic_max"}
HURRY: Final = {
    "ja": {"emergency": "いますぐ 119", "urgent": "今日", "prompt": "2週間", "soon": "1か月"},
    "en": {"emergency": "Call 119 now", "urgent": "today", "prompt": "two weeks", "soon": "month"},
}
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")


def texts() -> list[tuple[Language, str]]:
    return [(language, key) for language in LANGUAGES for key in sorted({case.message for _, case in CASES})]


@pytest.mark.parametrize(("language", "key"), texts())
def test_a_referral_is_plain_and_shows_only_its_own_figures(language: Language, key: str) -> None:
    template = catalogue(language)["resident", key]
    assert fields_of(template) <= FIGURES.keys()
    assert wording_faults(language, template.format_map(FIGURES)) == ()


def hurried(words: dict[str, str], text: str) -> list[str]:
    return [severity for severity, word in words.items() if word in text]


@pytest.mark.parametrize(("rule", "case"), CASES, ids=[f"{rule.id}-{case.name}" for rule, case in CASES])
def test_a_referral_hurries_as_much_as_its_rule(rule: FlagRule, case: FlagCase) -> None:
    for language in LANGUAGES:
        found = hurried(HURRY[language], catalogue(language)["resident", case.message])
        if case.severity == "routine":
            assert set(found) <= {"soon"}, f"{rule.id} {language}"
        else:
            assert found == [case.severity], f"{rule.id} {language}"


def test_whoever_is_referred_today_is_told_when_to_call_119() -> None:
    for rule, case in CASES:
        if case.severity in {"urgent", "emergency"}:
            assert all("119" in catalogue(language)["resident", case.message] for language in LANGUAGES), rule.id


def test_a_nurse_reads_which_rule_it_is_and_only_known_figures() -> None:
    for rule in FLAGS:
        for language in LANGUAGES:
            template = catalogue(language)["nurse", rule.nurse_note]
            assert fields_of(template) <= NURSE_FIGURES
            assert rule.id == "home-bp-high" or "R-" in template or "BMI" in template, rule.id
