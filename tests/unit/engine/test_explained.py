"""Every thing that can be recorded of a resident is explained to them, in words that judge nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from engine.clinical import Fact
from engine.clinical_codes import catalogue
from engine.explained import ANSWERED, MEASURED, TOLD, explanations, is_answer, sources, spoken
from engine.locale import LANGUAGES
from engine.plain import plain_faults
from engine.wording import wording_faults
from tests.homes import HANAKO

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
# A record of an illness or a medicine must be called by its name; nothing else may sound like it.
NAMED = ("med.", "has.", "allergy.", "standard22.", "symptom.", "answer.")


def fact(code: str, value: str, unit: str | None = None) -> Fact:
    return Fact(resident=HANAKO, code=code, value=value, unit=unit, at=NOW, recorded_at=NOW)


def test_every_code_that_can_be_recorded_is_explained_and_nothing_else() -> None:
    assert set(explanations()) == set(catalogue())


def test_every_explanation_names_a_source_that_is_there_and_every_source_is_used() -> None:
    assert {one.source for one in explanations().values()} == set(sources())


def test_every_group_is_shown_somewhere() -> None:
    assert {one.group for one in explanations().values()} == {*MEASURED, *TOLD, *ANSWERED}


def test_a_published_value_has_a_publisher() -> None:
    for code, one in explanations().items():
        assert bool(one.cut_ja) == bool(one.cut_en), code
        assert not one.cut_ja or one.source != "minato", code


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_explanation_judges_advises_on_drugs_or_is_too_long(lang: str) -> None:
    faults = {}
    for code, one in explanations().items():
        for text in (getattr(one, f"about_{lang}"), getattr(one, f"cut_{lang}")):
            found = [fault for fault in wording_faults(lang, text) if text]
            if code.startswith(NAMED):
                found = [fault for fault in found if not fault.startswith(("drug", "disease"))]
            if found:
                faults[code] = found
    assert faults == {}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_word_of_an_explanation_is_plain(lang: str) -> None:
    faults = {}
    for code, one in explanations().items():
        said = [getattr(one, f"{field}_{lang}") for field in ("name", "about", "cut")]
        words = [*said, *(pair[lang == "en"] for pair in one.values.values())]
        found = [fault for text in words for line in text.split("\n") for fault in plain_faults(lang, line)]
        if found:
            faults[code] = found
    assert faults == {}


def test_what_a_resident_reads_of_every_item_is_as_it_was_read_and_agreed(golden: Callable[[str, str], None]) -> None:
    lines = []
    for code, one in sorted(explanations().items()):
        lines += [f"{code} ({one.group}, {one.source})"]
        for lang in LANGUAGES:
            said = " / ".join(one.about(lang))
            cut = " / ".join(one.cut(lang))
            lines += [f"  {lang} {one.name(lang)}: {said}{' | ' if cut else ''}{cut}"]
    golden("explained.txt", "\n".join(lines) + "\n")


def test_every_choice_has_words_in_both_languages() -> None:
    for code, spec in catalogue().items():
        if spec.sort == "choice":
            assert set(spec.words.values()) <= set(explanations()[code].values), code
            assert all(ja and en for ja, en in explanations()[code].values.values())


def test_values_are_told_as_people_write_them() -> None:
    assert spoken(fact("bp.office.systolic", "128", "mm[Hg]"), "ja") == ("128", "mmHg")
    assert spoken(fact("lab.urine-protein", "2", "1"), "ja") == ("(1+)", "")
    assert spoken(fact("lab.urine-protein", "0", "1"), "en") == ("(−)", "")
    assert spoken(fact("checkup.mets", "pre_mets"), "en") == ("just before it", "")
    assert spoken(fact("lab.hours-since-meal", "3.5", "h"), "ja") == ("3.5", "時間")
    assert spoken(fact("has.ckd", "unknown"), "ja") == ("unknown", "")
    assert is_answer(fact("has.ckd", "1"))
    assert not is_answer(fact("lab.hb", "13.1"))
