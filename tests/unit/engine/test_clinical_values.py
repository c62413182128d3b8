"""One written value becomes a fact's value or a refusal with its reason; official codes name what they mean."""

from __future__ import annotations

from datetime import date

import pytest

from engine.clinical_codes import catalogue, code_of_jlac10, named
from engine.clinical_values import read_value
from engine.refusal import Refusal

ON = date(2026, 11, 1)


def test_no_two_codes_claim_the_same_jlac10_analyte() -> None:
    starts = [start for code in catalogue().values() for start in code.jlac10]
    assert len(set(starts)) == len(starts)
    assert all(len(start) == 9 for start in starts)
    for jlac10, code in (
        ("3D046000001906202", "lab.hba1c"), ("3D046000001999902", "lab.hba1c"), ("3D010129901926101", "lab.casual-glucose"),
        ("9N716000000000011", "standard22.04"), ("9N937000000000011", "older75.06"), ("9N016160200000001", "waist"),
    ):  # fmt: skip
        found = code_of_jlac10(jlac10)
        assert found is not None
        assert found.code == code
    assert code_of_jlac10("9N391000000000011") is None


@pytest.mark.parametrize(
    ("code", "text", "unit", "value"),
    [
        ("lab.fpg", "5.6", "mmol/L", "101"),
        ("lab.fpg", "１２６", None, "126"),
        ("lab.hdl", "1.0", "mmol/l", "39"),
        ("lab.tg", "1.7", "mmol/L", "151"),
        ("lab.tg", "1,200", None, "1200"),
        ("lab.hba1c", "48", "mmol/mol", "6.5"),
        ("lab.hba1c", "６．５", "%", "6.5"),
        ("lab.hba1c", "6.50", None, "6.50"),
        ("lab.creatinine", "80", "μmol/L", "0.90"),
        ("lab.ast", "51", "IU/L", "51"),
        ("height", "1.525", "m", "152.5"),
        ("waist", "85.0", "cm", "85.0"),
        ("bp.office.systolic", "140", "mmHg", "140"),
        ("lab.urine-protein", "（－）", None, "0"),
        ("lab.urine-protein", "±", None, "1"),
        ("lab.urine-protein", "2+", None, "3"),
        ("has.ckd", "はい", None, "1"),
        ("has.ckd", "不明", None, "unknown"),
        ("checkup.mets", "予備群該当", None, "pre_mets"),
        ("checkup.guidance-level", "なし（情報提供）", None, "info"),
        ("standard22.08", "2", None, "quit"),
    ],
)  # fmt: skip
def test_a_value_is_read_in_the_way_people_write_it(code: str, text: str, unit: str | None, value: str) -> None:
    found = read_value(code, text, unit, ON)
    assert not isinstance(found, Refusal)
    assert found[0] == value


@pytest.mark.parametrize(
    ("code", "text", "unit", "on", "reason"),
    [
        ("lab.fpg", "5.6", None, ON, "implausible"),  # mmol/L written as mg/dL
        ("lab.fpg", "126", "%", ON, "unknown-unit"),
        ("lab.hba1c", "6.1", "JDS", ON, "jds"),
        ("lab.hba1c", "6.1", "%(JDS)", ON, "jds"),
        ("lab.hba1c", "6.1", None, date(2013, 3, 31), "jds"),
        ("lab.hba1c", "65", None, ON, "implausible"),
        ("lab.tg", ">1000", None, ON, "censored"),
        ("lab.egfr", "60以上", None, ON, "censored"),
        ("lab.egfr", "good", None, ON, "not-a-number"),
        ("lab.urine-protein", "1", None, ON, "ambiguous-grade"),
        ("lab.urine-protein", "many", None, ON, "not-a-choice"),
        ("has.ckd", "maybe", None, ON, "not-a-choice"),
        ("checkup.mets", "9", None, ON, "not-a-choice"),
        ("lab.nothing", "1", None, ON, "unknown-code"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    code: str, text: str, unit: str | None, on: date, reason: str
) -> None:
    found = read_value(code, text, unit, on)
    assert isinstance(found, Refusal)
    assert found.code == reason


def test_hba1c_of_before_the_change_is_taken_when_it_says_that_it_is_ngsp() -> None:
    assert read_value("lab.hba1c", "6.1", "NGSP", date(2013, 3, 31)) == ("6.1", "%")
    assert read_value("lab.hba1c", "6.1", None, date(2013, 4, 1)) == ("6.1", "%")


def test_a_code_can_be_named_by_its_end_where_only_one_ends_so() -> None:
    assert [found.code for name in ("HbA1c", "ckd", "waist") if (found := named(name))] == [
        "lab.hba1c", "has.ckd", "waist",
    ]  # fmt: skip
    assert named("08") is None
