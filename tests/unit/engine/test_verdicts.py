"""Ours beside a check-up's own verdict: the same, or listed with the one thing that would explain the difference."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine.clinical import Fact
from engine.clinical_checkups import facts_of
from engine.imports.checkups import sheet
from engine.people import Resident
from engine.rules import load_catalogue
from engine.verdicts import REASONS, Verdict, verdicts
from tests.homes import HANAKO, resident

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
MAN = msgspec.structs.replace(resident(HANAKO, "太郎", date(1970, 5, 4)), sex="male")
WOMAN = resident(HANAKO, "花子", date(1990, 5, 4))
# A man of 56: waist and fasting glucose over their cuts, nothing else: one risk, one item of two - none of glucose (110).
PLAIN = {
    "身長": "170.0", "体重": "70.0", "腹囲": "86.0", "収縮期血圧": "120", "拡張期血圧": "70", "空腹時血糖": "104",
    "HbA1c": "5.4", "中性脂肪": "100", "HDLコレステロール": "60", "採血時間(食後)": "2", "服薬1(血圧)": "2", "服薬2(血糖)": "2",
    "服薬3(脂質)": "2", "喫煙": "2",
}  # fmt: skip


def facts(day: str = "2026-06-01", person: Resident = MAN, **changes: str | None) -> list[Fact]:
    cells = {**PLAIN, **changes}
    kept = {name: value for name, value in cells.items() if value is not None}
    text = f"健診日,{','.join(kept)}\n{day},{','.join(kept.values())}\n"
    [row] = sheet(BytesIO(text.encode()), ZoneInfo("Asia/Tokyo")).rows
    assert row.at is not None
    found, faults = facts_of(row, person.id, NOW, actor="desk")
    assert faults == []
    return [msgspec.structs.replace(fact, id=f"f-{fact.code}") for fact in found]


def compared(person: Resident = MAN, day: str = "2026-06-01", **changes: str | None) -> Verdict:
    [one] = verdicts(facts(day, person, **changes), person, load_catalogue(), NOW)
    return one


def level(word: str, **changes: Any) -> Verdict:
    return compared(**{"保健指導レベル": word, **changes})


def mets(word: str, **changes: Any) -> Verdict:
    return compared(**{"メタボ判定": word, **changes})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "動機付け支援"),
        ({"喫煙": "1"}, "積極的支援"),
        ({"腹囲": "84.9"}, "情報提供"),
        ({"服薬1(血圧)": "1"}, "情報提供"),
        ({"腹囲": None}, "判定不能"),
    ],
)
def test_the_same_level_from_the_same_values(changes: dict[str, str | None], word: str) -> None:
    found = level(word, **changes)
    assert (found.outcome, found.reason, found.agrees) == ("agrees", "", True)


@pytest.mark.parametrize(
    ("changes", "word"), [({}, "非該当"), ({"空腹時血糖": "110"}, "予備群該当"), ({"空腹時血糖": "110", "服薬3(脂質)": "1"}, "基準該当")]
)  # fmt: skip
def test_the_same_syndrome_from_the_same_values(changes: dict[str, str | None], word: str) -> None:
    assert mets(word, **changes).agrees


BORN_1_APRIL = msgspec.structs.replace(MAN, birth_date=date(1961, 4, 1))
LATE = {"中性脂肪": "160", "採血時間(食後)": "3"}
OVER = {"腹囲": "80.0", "体重": "72.1"}


@pytest.mark.parametrize(
    ("reason", "word", "ours", "changes"),
    [
        # 72.1 kg, 170 cm is 24.948: 24.9 half-up, 25.0 where it is rounded up, and then one risk is motivational.
        ("bmi-rounding", "動機付け支援", "info", OVER),
        ("bmi-stated", "動機付け支援", "info", {"腹囲": "80.0", "体重": "70.0", "BMI": "25.6"}),
        ("edition", "積極的支援", "motivational", {"day": "2023-06-01", "HbA1c": None, **LATE}),
        ("casual-blood", "積極的支援", "motivational", {"HbA1c": None, **LATE}),
        ("glucose-order", "情報提供", "motivational", {}),
        ("visceral-fat", "動機付け支援", "info", {"内臓脂肪面積": "99"}),
        ("age", "動機付け支援", "active", {"person": BORN_1_APRIL, "day": "2026-03-30", "喫煙": "1"}),
        ("medicine", "情報提供", "active", {"喫煙": "1", "HbA1c": "5.8", "収縮期血圧": "135"}),
        ("smoking", "積極的支援", "motivational", {}),
        ("smoking", "動機付け支援", "active", {"喫煙": "1"}),
        ("rule", "積極的支援", "info", {"腹囲": "75.0", "体重": "60.0", "空腹時血糖": "90"}),
    ],
)  # fmt: skip
def test_a_difference_is_listed_with_what_explains_it(
    reason: str, word: str, ours: str, changes: dict[str, Any]
) -> None:
    found = level(word, **changes)
    assert (found.outcome, found.reason, found.ours) == ("differs", reason, ours), found


def test_the_syndrome_counts_casual_blood_as_some_check_ups_do_not() -> None:
    found = mets("予備群該当", **LATE)
    assert (found.ours, found.reason) == ("no", "casual-blood")
    assert mets("非該当", 空腹時血糖=None, HbA1c="6.1").reason == "rule"


def test_a_pregnancy_nobody_told_of_explains_information_only() -> None:
    asked = [msgspec.structs.replace(fact, value="0", code="answer.pregnant", id="f-p") for fact in facts()[:1]]
    woman = {"腹囲": "92.0", "身長": "160.0", "保健指導レベル": "情報提供", "HbA1c": "5.7"}
    older = msgspec.structs.replace(WOMAN, birth_date=date(1984, 5, 4))
    [found] = verdicts([*facts(person=older, **woman), *asked], older, load_catalogue(), NOW)
    assert (found.ours, found.reason) == ("motivational", "pregnancy")
    assert "medicine" in found.also


@pytest.mark.parametrize(
    ("word", "changes", "reason", "missing"),
    [
        ("積極的支援", {"腹囲": None, "体重": "72.9", "喫煙": "1"}, "missing", "waist"),
        ("情報提供", {"腹囲": None, "体重": "60.0"}, "waist-left-out", "waist"),
        ("動機付け支援", {"空腹時血糖": None, "HbA1c": None}, "missing", "lab.fpg"),
        ("積極的支援", {"服薬1(血圧)": None}, "missing", "med.antihypertensive"),
        ("判定不能", {}, "undecided", None),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_names_what_is_missing(
    word: str, changes: dict[str, Any], reason: str, missing: str | None
) -> None:
    found = level(word, **changes)
    assert (found.outcome, found.reason) == ("cannot-tell", reason), found
    assert missing is None or missing in found.missing


def test_every_reason_has_an_order_and_words_in_both_languages() -> None:
    from cli.clinical_words import WORDS

    assert len(set(REASONS)) == len(REASONS)
    assert all(all(WORDS[f"verdict-{reason}"]) for reason in REASONS)


def test_each_check_up_is_judged_by_its_own_values_and_the_answers_of_its_time() -> None:
    first = facts("2025-06-01", 保健指導レベル="動機付け支援")
    second = facts("2026-06-01", 保健指導レベル="情報提供", 腹囲="80.0")
    later = [msgspec.structs.replace(fact, id=f"{fact.id}-2") for fact in second]
    found = verdicts([*first, *later], MAN, load_catalogue(), NOW)
    assert [(one.at.year, one.ours, one.agrees) for one in found] == [
        (2025, "motivational", True),
        (2026, "info", True),
    ]


def test_the_fourth_term_begins_on_the_first_of_april_2024() -> None:
    late: dict[str, Any] = {"HbA1c": None, **LATE}
    assert level("積極的支援", day="2024-03-31", **late).reason == "edition"
    assert level("積極的支援", day="2024-04-01", **late).reason == "casual-blood"


@pytest.mark.parametrize(("bmi", "reason"), [("21.9", "waist-left-out"), ("22.0", "missing")])
def test_a_waist_may_be_left_out_below_22_and_the_stated_bmi_counts_without_a_weight(bmi: str, reason: str) -> None:
    found = level("情報提供", 腹囲=None, 体重=None, BMI=bmi)
    assert (found.outcome, found.reason) == ("cannot-tell", reason)


def test_a_woman_whom_nobody_asked_about_a_pregnancy_is_compared_all_the_same() -> None:
    woman = msgspec.structs.replace(WOMAN, birth_date=date(1980, 5, 4))
    assert level("情報提供", person=woman).agrees
    assert level("動機付け支援", person=woman, 腹囲="90.0", HbA1c="5.6").agrees


def test_a_stated_bmi_a_tenth_away_is_rounding_and_no_contradiction() -> None:
    found = level("動機付け支援", 腹囲="80.0", 体重="72.1", BMI="25.0")
    assert (found.reason, "bmi-stated" in found.also) == ("bmi-rounding", False)
