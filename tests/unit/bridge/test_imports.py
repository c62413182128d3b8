"""Clinical documents: what is said becomes facts, the rest is counted with its reason, damage refuses the whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.refusal import Refusal
from fhir_bridge.imports import jlac10
from fhir_bridge.imports.dates import fhir_moment, hl7_moment
from fhir_bridge.imports.model import MOST_BYTES
from fhir_bridge.imports.reading import read_document
from tests.bridge.written_imports import (
    KENSHIN,
    SAMPLE,
    cda,
    clins,
    entering,
    lab,
    labs,
    message,
    prescription,
    reasons,
    refused,
    understood,
    values,
)

WEIGHT = ("9N006000000000001", "体重", "kg", "65.5")
CREATININE = ("NM", "3C015000002327101", "クレアチニン", "0.92", "mg/dL")


TABLET: dict[str, Any] = {
    "resourceType": "MedicationRequest", "status": "completed", "authoredOn": "2026-10-30T09:00:00+09:00",
    "medicationCodeableConcept": {"text": "グリメピリド錠1mg", "coding": [
        {"system": "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code", "code": "3961008F1020", "display": "x"}]},
    "dosageInstruction": [{"text": "1回1錠 1日1回 朝食後"}],
    "dispenseRequest": {"expectedSupplyDuration": {"value": 28, "unit": "日", "code": "d"}},
}  # fmt: skip


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": unit, "code": unit}}


def test_the_official_sample_has_nothing_unexplained() -> None:
    bundle = json.loads(SAMPLE.read_bytes())
    observed = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Observation"]
    items = len(observed) + sum(len(one.get("component", [])) for one in observed)
    report = understood(SAMPLE.read_bytes())
    assert (report.form, items, report.read) == ("echeckup", 46, 40)
    assert report.read + sum(one.count for one in report.unknown) == items
    assert [(one.sort, one.name, one.status, one.detail) for one in report.entries] == [
        ("document", "健康診断結果のお知らせ", "active", "")]  # fmt: skip
    # What is left are findings in words, which are no facts: each named, none of an unknown code or unreadable.
    assert {one.reason for one in report.unknown} == {"no-fact-of-it"}
    assert [one.name for one in report.unknown] == [
        "既往歴", "具体的な既往歴", "自覚症状", "自覚症状所見", "他覚症状", "医師の診断（判定）"]  # fmt: skip
    papers = 2  # the Composition is an entry, the Patient whose they are
    assert sum(count for _, count in report.others) + len(observed) + papers == len(bundle["entry"])


def test_the_official_sample_says_what_it_says() -> None:
    report = understood(SAMPLE.read_bytes())
    told = values(report)
    assert {code: told[code] for code in ("height", "checkup.weight", "waist", "bp.office.systolic", "lab.hba1c",
                                          "lab.urine-protein", "lab.hours-since-meal", "checkup.guidance-level",
                                          "has.stroke", "answer.smoker", "standard22.18")} == {
        "height": ("162.3", "cm"), "checkup.weight": ("65.5", "kg"), "waist": ("70", "cm"),
        "bp.office.systolic": ("149", "mm[Hg]"), "lab.hba1c": ("7", "%"), "lab.urine-protein": ("0", "1"),
        "lab.hours-since-meal": ("10", "h"), "checkup.guidance-level": ("info", None), "has.stroke": ("0", None),
        "answer.smoker": ("0", None), "standard22.18": ("1-2-a-week", None)}  # fmt: skip
    assert {fact.at for fact in report.understood} == {datetime(2020, 4, 3, 15, tzinfo=UTC)}, "the civil day in Japan"
    assert {fact.source for fact in report.understood} == {"checkup"}


def test_a_checkup_file_in_cda_says_the_same_as_in_fhir() -> None:
    results = [
        WEIGHT, ("9A751000000000001", "収縮期1", "mm[Hg]", "149"), ("9A755000000000001", "収縮期平均", "mm[Hg]", "141"),
        ("3D010000001926101", "空腹時血糖", "mg/dL", "98"), ("9N141000000000011", "採血時間", "CD:2202", "2"),
        ("1A010000000191111", "尿蛋白", "CD:2102", "3"), ("9N736000000000011", "喫煙", "CD:24060", "2"),
        ("9N511000000000049", "医師の診断", "ST", "様子を見る"), ("3F077000002327101", "LDL", "NI", ""),
    ]  # fmt: skip
    report = understood(cda(results))
    told = values(report)
    assert told["checkup.weight"] == ("65.5", "kg")
    assert told["bp.office.systolic"] == ("141", "mm[Hg]"), "the mean goes before the first measurement"
    assert (told["lab.fpg"], told["lab.urine-protein"]) == (("98", "mg/dL"), ("2", "1"))
    assert (told["standard22.08"], told["lab.hours-since-meal"]) == (("quit", None), ("10", "h"))
    assert reasons(report) == {"9A751000000000001": "measured-again", "9N511000000000049": "no-fact-of-it",
                               "3F077000002327101": "not-done"}  # fmt: skip
    assert report.read + sum(one.count for one in report.unknown) == len(results)
    assert (report.source_id, report.form) == ("10|20261001|1311234567", "tokutei-kenshin")


def test_glucose_and_fat_are_of_the_hour_the_file_tells() -> None:
    taken = [("3D010000001926101", "空腹時血糖", "mg/dL", "120"), ("9N141000000000011", "採血時間", "CD:2202", "4")]
    report = understood(cda(taken))
    assert values(report)["lab.casual-glucose"] == ("120", "mg/dL")
    assert report.read == 2
    # A hospital's glucose is of any hour until somebody says so.
    plain = understood(labs(("NM", "3D010000002227101", "グルコース", "120", "mg/dL")))
    named = understood(labs(("NM", "3D010000002227101", "空腹時血糖", "120", "mg/dL")))
    assert (set(values(plain)), set(values(named))) == (
        {"lab.casual-glucose"}, {"lab.fpg", "lab.hours-since-meal"})  # fmt: skip


@pytest.mark.parametrize(("code", "means"), [
    ("3C015000002327101", "lab.creatinine"), ("3C015000000127101", None), ("3C015161602399911", None),
    ("3D046000001906202", "lab.hba1c"), ("3D046000001999902", "lab.hba1c"), ("1A010000000191111", "lab.urine-protein"),
    ("1A010000000406126", None), ("３Ｃ０１５０００００２３２７１０１", "lab.creatinine"), ("3C01500000232710", None),
    ("9N016160100000001", "waist"), ("9N016160100000049", None), ("8A065000002391901", "lab.egfr"),
])  # fmt: skip
def test_jlac10_means_an_analyte_of_the_right_material_and_result(code: str, means: str | None) -> None:
    found = jlac10.match(code)
    assert (found.code if found else None) == means


def test_units_are_converted_exactly_and_strange_ones_counted() -> None:
    report = understood(clins(
        lab("3C015000002327101", "Cre", **quantity(88.4, "umol/L")), lab("3F077000002327101", "LDL-C", **quantity(3, "g")),
    ))  # fmt: skip
    [fact] = report.understood
    expected = (Decimal("88.4") * Decimal("0.011312")).quantize(Decimal("0.01"))
    assert (Decimal(fact.value), fact.unit, fact.raw) == (expected, "mg/dL", "88.4 umol/L")
    assert reasons(report) == {"3F077000002327101": "unknown-unit"}


def test_a_limit_is_no_value_and_an_unfinished_result_is_left() -> None:
    limit = lab("3C015000002327101", "Cre", valueQuantity={"value": 0.1, "comparator": "<", "unit": "mg/dL"})
    early = lab("3B035000002327201", "AST", **quantity(20, "U/L")) | {"status": "preliminary"}
    report = understood(clins(limit, early))
    assert (report.understood, reasons(report)) == (
        (), {"3C015000002327101": "censored", "3B035000002327201": "not-final"})  # fmt: skip


def test_clins_illnesses_medicines_and_allergies_become_answers_but_only_what_is_certain() -> None:
    def condition(icd: str, name: str, **more: Any) -> dict[str, Any]:
        system = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full"
        return {"resourceType": "Condition", "recordedDate": "2026-10-30", "subject": {"reference": "Patient/p1"},
                "code": {"coding": [{"system": system, "code": icd, "display": name}]}, **more}  # fmt: skip

    doubtful = {"verificationStatus": {"coding": [{"code": "unconfirmed"}]}}
    over = {"clinicalStatus": {"coding": [{"code": "resolved"}]}}
    report = understood(clins(
        condition("I48.9", "心房細動"), condition("E119", "2型糖尿病", **doubtful), condition("C169", "胃癌", **over),
        condition("I639", "脳梗塞", **over), condition("J00", "感冒"),
        TABLET, {"resourceType": "AllergyIntolerance", "recordedDate": "2026-10-30", "category": ["food"],
                 "code": {"text": "そば"}, "reaction": [{"manifestation": [{"text": "じんましん"}]}]},
    ))  # fmt: skip
    assert {(fact.code, fact.value, fact.source) for fact in report.understood} == {
        ("has.atrial-fibrillation", "1", "hospital"), ("has.stroke", "1", "hospital"),
        ("med.sulfonylurea", "1", "hospital"), ("med.glucose-lowering", "1", "hospital"),
        ("allergy.to-food", "1", "hospital"),
    }  # fmt: skip
    assert reasons(report) == {"E119": "doubtful"}
    # What makes no answer is kept as it was told; only what is not certain is not.
    assert [(one.sort, one.name, one.status, one.detail) for one in report.entries] == [
        ("condition", "心房細動", "active", ""), ("condition", "2型糖尿病", "wrong", ""), ("condition", "胃癌", "past", ""),
        ("condition", "脳梗塞", "past", ""), ("condition", "感冒", "active", ""),
        ("medication", "グリメピリド錠1mg", "active", "1回1錠 1日1回 朝食後"), ("allergy", "そば", "active", "じんましん"),
    ]  # fmt: skip
    tablet = report.entries[5]
    assert (tablet.at, tablet.until) == (
        datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)), "28 days of supply"  # fmt: skip


def test_what_the_person_was_not_told_of_is_not_told_by_us() -> None:
    tag = {
        "meta": {
            "tag": [{"system": "http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication", "code": "UNINFORMED"}]
        }
    }
    report = understood(
        clins(
            {
                "resourceType": "Condition",
                "recordedDate": "2026-10-30",
                **tag,
                "code": {
                    "coding": [
                        {
                            "system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full",
                            "code": "C169",
                            "display": "胃癌",
                        }
                    ]
                },
            }
        )
    )
    assert (report.understood, [one.status for one in report.entries]) == ((), ["wrong"])
    assert [(one.code, one.name, one.reason) for one in report.unknown] == [("", "", "withheld")]
    assert "癌" not in msgspec.json.encode(report).decode()
    assert (report.form, report.edition) == ("clins", datetime(2026, 11, 1, tzinfo=UTC))


def test_a_digit_that_no_list_has_is_no_number() -> None:
    report = understood(
        cda([("9N141000000000011", "採血時間", "CD:2202", "1"), ("1A010000000191111", "蛋白", "CD:2102", "9")])
    )
    assert (report.understood, reasons(report)) == (
        (), {"9N141000000000011": "not-a-choice", "1A010000000191111": "ambiguous-grade"})  # fmt: skip


def test_a_medicine_is_known_by_its_name_in_any_width_and_no_other_by_a_part_of_it() -> None:
    others = [("2", "イミペネム・シラスタチン", "99X"), ("3", "テデュグルチド", "99X"), ("4", "オランザピン", "99X")]
    taken = understood(prescription(("1", "ｸﾞﾘﾒﾋﾟﾘﾄﾞ錠1mg", "99X"), *others))
    assert [fact.code for fact in taken.understood] == ["med.sulfonylurea", "med.glucose-lowering"]
    pointed = {"resourceType": "MedicationRequest", "status": "active", "authoredOn": "2026-10-30",
               "medicationReference": {"reference": "Medication/1", "display": "湿布"}}  # fmt: skip
    assert reasons(understood(clins(pointed))) == {"Medication/1": "unknown-code"}
    along = {"resourceType": "Medication", "id": "1", "code": {"text": "リラグルチド皮下注"}}
    assert [fact.code for fact in understood(clins(pointed, along)).understood] == ["med.glucose-lowering"]


@pytest.mark.parametrize(("data", "code", "place"), [
    (b"hello", "unknown-form", "doc"),
    (b'{"resourceType": "Bundle", ', "damaged-json", None),
    (b'{"resourceType": "Patient"}', "not-fhir", "Bundle.type"),
    (clins({"resourceType": "Observation", "code": {"text": "x"}}), "not-fhir", "Bundle.entry[1].resource.status"),
    (clins(lab("3C015000002327101", "Cre", valueQuantity={"value": "1"})), "not-fhir",
     "Bundle.entry[1].resource.valueQuantity"),
    (clins(lab("3C015000002327101", "Cre") | {"subject": {"reference": "Patient/other"}}), "other-person",
     "Bundle.entry[1].resource.subject"),
    (clins({"resourceType": "Patient", "id": "p2"}), "several-people", "Bundle.entry[1].resource"),
    (cda([WEIGHT])[:-40], "damaged-xml", "line 15"),
    (cda([WEIGHT], head='<!DOCTYPE x [<!ENTITY a "b">]>'), "unsafe-xml", "line 1"),
    (cda([("9N006000000000001", "体重", "kg", "")]), "not-cda", "line 13"),
    (cda([WEIGHT], day="2026"), "no-date", "line 9"),
    (b"<html/>", "not-cda", "line 1"),
    (message("OUL^R22", "OBX|1|NM|||5")[:-1] + b"\x1b$B0", "bad-encoding", None),
    (message("OUL^R22", "OBX|1|NM|||5"), "not-hl7", "doc OBX 1 (line 3) field 3"),
    (message("OUL^R22", "nonsense"), "not-hl7", "doc line 3"),
    (message("OUL^R22", "PID|2||9"), "several-people", "doc MSH 1 (line 1)"),
])  # fmt: skip
def test_a_malformed_document_is_refused_whole_with_the_place(data: bytes, code: str, place: str | None) -> None:
    said, where = refused(data)
    assert said == code
    assert where is not None
    assert place is None or where == place


def test_nothing_is_fetched_and_nothing_expands() -> None:
    bomb = "<!DOCTYPE b [" + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9)) + "]>"
    outside = '<!DOCTYPE b SYSTEM "file:///etc/hostname">'
    deep = b"<a>" * 200 + b"</a>" * 200
    assert [refused(cda([WEIGHT], head=head))[0] for head in (bomb, outside)] == ["unsafe-xml", "unsafe-xml"]
    assert refused(deep)[0] == "too-large"
    assert refused(b"{" + b" " * MOST_BYTES)[0] == "too-large"
    assert refused(clins(lab("3C015000002327101", "Cre", **quantity(1, "mg/dL"))).replace(b'"value": 1,', b'"value": 1e999999999,'))[0] == "not-fhir"  # fmt: skip


@pytest.mark.parametrize("data", [
    cda([WEIGHT], birth="19500505"), cda([WEIGHT], name="ケンシン　ハナコ"), cda([WEIGHT], sex="2"),
    labs(CREATININE, birth="19510504"), labs(CREATININE, person="健診^太郎^^^^^L^I~ケンシン^ジロウ^^^^^L^P"),
    labs(CREATININE, sex="F"),
])  # fmt: skip
def test_another_persons_document_is_refused_without_telling_who(data: bytes) -> None:
    said = read_document(data, entering(), "doc")
    assert isinstance(said, Refusal)
    assert said.code == "other-person"
    assert not any(part in said.message for part in ("1950", "ケンシン", "健診", "ジロウ", "ハナコ"))


def test_a_document_that_names_nobody_is_nobodys() -> None:
    assert refused(cda([WEIGHT], name=""))[0] == "no-person"
    assert refused(cda([WEIGHT], birth=""))[0] == "no-person"
    half = understood(cda([WEIGHT], name="ｹﾝｼﾝ ﾀﾛｳ"))
    written = understood(cda([WEIGHT], name="健診　太郎"), msgspec.structs.replace(KENSHIN, sex="unknown"))
    assert (len(half.understood), len(written.understood)) == (1, 1)


def test_moments_have_a_zone() -> None:
    zone = entering().zone
    assert fhir_moment("2026-11-01", zone) == datetime(2026, 10, 31, 15, tzinfo=UTC)
    assert fhir_moment("2026-11-01T09:00:00Z", zone) == datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert [fhir_moment(text, zone) for text in ("2026", "2026-11", "0001-01-01", "x")] == [None] * 4
    assert hl7_moment("202611010915", zone) == datetime(2026, 11, 1, 0, 15, tzinfo=UTC)
    assert hl7_moment("20261101091530.0000+0000", zone) == datetime(2026, 11, 1, 9, 15, 30, tzinfo=UTC)
    assert [hl7_moment(text, zone) for text in ("2026", "20261301", "2026110125", "")] == [None] * 4
