"""One resource of a network, and the finer rules of documents: what a house says is understood or has a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.imports.numbers import exact_json
from engine.observations import IDENTIFIER_SYSTEM
from engine.refusal import Refusal
from fhir_bridge.imports.codes import tables
from fhir_bridge.imports.translate import Told, Translation, translate
from tests.bridge.written_imports import NOW, cda, clins, lab, reasons, understood, values

TOLD = Told(
    resident="r-kenshinkenshi", actor="bridge", now=NOW, origin="choukai-net", remote="Condition/17", version="3"
)
LOINC = "http://loinc.org"


def told(resource: dict[str, Any], **beside: Any) -> Translation:
    made = translate(exact_json(json.dumps(resource).encode()), TOLD, beside)
    assert isinstance(made, Translation), made
    return made


def condition(**more: Any) -> dict[str, Any]:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10", "code": "I50.9", "display": "心不全"}
    return {"resourceType": "Condition", "onsetDateTime": "2024-05-01", "code": {"coding": [coding]}, **more}


def test_one_resource_makes_facts_and_an_entry_under_its_own_name() -> None:
    made = told(condition())
    [entry] = made.entries
    assert [(fact.code, fact.value, fact.source, fact.channel, fact.id) for fact in made.facts] == [
        ("has.heart-failure", "1", "hospital", "bridge.choukai-net", "")]  # fmt: skip
    assert (entry.origin, entry.remote, entry.version, entry.name, entry.status) == (
        "choukai-net", "Condition/17", "3", "心不全", "active")  # fmt: skip
    assert (made.unknown, entry.codes[0].code, entry.recorded_at) == ((), "I50.9", NOW)


@pytest.mark.parametrize(("more", "facts", "status"), [
    ({"verificationStatus": {"coding": [{"code": "entered-in-error"}]}}, 0, "wrong"),
    ({"verificationStatus": {"coding": [{"code": "refuted"}]}}, 0, "wrong"),
    ({"verificationStatus": {"coding": [{"code": "provisional"}]}}, 0, "wrong"),
    ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, 0, "past"),
    ({"abatementDateTime": "2025-01-01"}, 0, "past"),
    ({"meta": {"tag": [{"code": "UNDELIVERED"}]}}, 0, "wrong"),
    ({}, 1, "active"),
])  # fmt: skip
def test_what_is_doubted_over_or_taken_back_says_nothing(more: dict[str, Any], facts: int, status: str) -> None:
    made = told(condition(**more))
    assert (len(made.facts), [one.status for one in made.entries]) == (facts, [status])


@pytest.mark.parametrize(("status", "until", "means", "facts"), [
    ("active", None, "active", 1), ("completed", "2026-12-01", "active", 1), ("completed", None, "past", 1),
    ("stopped", "2026-12-01", "past", 0), ("on-hold", None, "past", 0), ("cancelled", None, "wrong", 0),
    ("entered-in-error", None, "wrong", 0), ("draft", None, "wrong", 0),
])  # fmt: skip
def test_an_order_holds_as_long_as_its_house_says(status: str, until: str | None, means: str, facts: int) -> None:
    period = {"timing": {"repeat": {"boundsPeriod": {"start": "2026-10-30", "end": until}}}} if until else {}
    dose = {"doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "錠"}}], **period}
    made = told({"resourceType": "MedicationRequest", "status": status, "authoredOn": "2026-10-30",
                 "medicationCodeableConcept": {"text": "メトホルミン塩酸塩錠"}, "dosageInstruction": [dose]})  # fmt: skip
    [entry] = made.entries
    assert (entry.status, len(made.facts), entry.detail) == (means, facts, "0.5錠")
    assert entry.until == (datetime(2026, 12, 1, 15, tzinfo=UTC) if until else None), "the whole of the last day"


def test_a_medicine_that_stands_beside_or_inside_is_found() -> None:
    pointing = {"resourceType": "MedicationDispense", "status": "completed", "whenHandedOver": "2026-10-30",
                "medicationReference": {"reference": "#m"}, "daysSupply": {"value": 14, "unit": "日"}}  # fmt: skip
    statin = {"resourceType": "Medication", "id": "m", "code": {"text": "ロスバスタチン錠"}}
    inside = told({**pointing, "contained": [statin]})
    beside = translate(
        {**pointing, "medicationReference": {"reference": "Medication/9"}}, TOLD, {"Medication/9": statin}
    )
    assert isinstance(beside, Translation)
    for made in (inside, beside):
        assert [fact.code for fact in made.facts] == ["med.lipid-lowering"]
        assert (made.entries[0].name, made.entries[0].until) == (
            "ロスバスタチン錠",
            datetime(2026, 11, 12, 15, tzinfo=UTC),
        )


def test_an_allergy_nobody_confirmed_is_kept_and_marked_but_makes_no_answer() -> None:
    unsure = {"verificationStatus": {"coding": [{"code": "unconfirmed"}]}}
    made = told({"resourceType": "AllergyIntolerance", "category": ["food"], "code": {"text": "えび"}, **unsure,
                 "reaction": [{"manifestation": [{"text": "呼吸困難"}], "severity": "severe"}]})  # fmt: skip
    assert (made.facts, made.entries[0].status, made.entries[0].detail) == ((), "active", "（未確認） 呼吸困難 severe")


def test_an_allergy_or_illness_without_a_day_holds_since_its_house_said_so() -> None:
    soba = {"resourceType": "AllergyIntolerance", "category": ["food"], "code": {"text": "そば"}}
    said = {"meta": {"lastUpdated": "2026-11-01T09:00:00+09:00"}}
    ahead = {"meta": {"lastUpdated": (NOW + timedelta(minutes=3)).isoformat()}}
    undated = {name: value for name, value in condition().items() if name != "onsetDateTime"}
    for resource, at in ((soba | said, datetime(2026, 11, 1, tzinfo=UTC)), (soba, NOW), (soba | ahead, NOW)):
        made = told(resource)
        assert [(fact.code, fact.value, fact.at) for fact in made.facts] == [("allergy.to-food", "1", at)]
        assert ([one.at for one in made.entries], made.unknown) == ([None], ())
    assert [fact.at for fact in told(undated | said).facts] == [datetime(2026, 11, 1, tzinfo=UTC)]
    assert reasons_of(told(soba | {"recordedDate": "last week"})) == ["unreadable-date"]


def reasons_of(made: Translation) -> list[str]:
    return [one.reason for one in made.unknown]


def test_reports_and_documents_are_kept_by_their_names() -> None:
    report = told({"resourceType": "DiagnosticReport", "status": "final", "effectiveDateTime": "2026-10-30T09:00:00+09:00",
                   "code": {"text": "胸部単純X線"}, "conclusion": "異常影は認めない"})  # fmt: skip
    listed = told({"resourceType": "DocumentReference", "status": "current", "date": "2026-10-30T00:00:00Z",
                   "type": {"coding": [{"system": LOINC, "code": "18842-5", "display": "退院時サマリー"}]}})  # fmt: skip
    early = told({"resourceType": "DiagnosticReport", "status": "preliminary", "code": {"text": "CT"}})
    assert [(one.sort, one.name, one.detail) for one in report.entries] == [
        ("report", "胸部単純X線", "異常影は認めない")
    ]
    assert [(one.sort, one.name) for one in listed.entries] == [("document", "退院時サマリー")]
    assert [one.status for one in early.entries] == ["wrong"], "it only follows one that was told"
    assert (report.unknown, listed.unknown, early.unknown[0].reason) == ((), (), "not-final")


def test_a_laboratory_and_a_ward_are_told_apart_and_a_weight_there_is_no_check_up() -> None:
    def measured(code: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
        return {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-10-30",
                "code": {"coding": [{"system": LOINC, "code": code}]},
                "valueQuantity": {"value": value, "unit": unit, "code": unit}, **more}  # fmt: skip

    assert [(fact.code, fact.value) for fact in told(measured("2160-0", 0.9, "mg/dL")).facts] == [
        ("lab.creatinine", "0.9")
    ]
    weight = told(measured("29463-7", 63.5, "kg"))
    assert (weight.facts, weight.entries, weight.unknown[0].reason) == ((), (), "no-fact-of-it")
    stated = measured(
        "29463-7", 63.5, "kg", meta={"profile": ["http://jpfhir.jp/fhir/eCheckup/x/JP_Observation_eCheckupGeneral"]}
    )
    assert [(fact.code, fact.source) for fact in told(stated).facts] == [("checkup.weight", "checkup")]
    odd = told(measured("99999-9", 1, "kg"))
    assert [(one.system, one.code, one.reason) for one in odd.unknown] == [(LOINC, "99999-9", "unknown-code")]


def test_what_we_told_a_network_does_not_come_back_as_its_word() -> None:
    ours = {"system": IDENTIFIER_SYSTEM, "value": "abc.blood-pressure"}
    pressure = {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-10-30",
                "code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "identifier": [ours],
                "valueQuantity": {"value": 151, "unit": "mmHg", "code": "mm[Hg]"}}  # fmt: skip
    back = told(pressure)
    assert (back.facts, [one.reason for one in back.unknown]) == ((), ["our-own"])
    assert [fact.value for fact in told(pressure | {"identifier": []}).facts] == ["151"]


def test_a_shared_item_of_jp_clins_is_known_by_its_fixed_name_whatever_its_code() -> None:
    def shared(code: str, name: str, value: float, unit: str) -> dict[str, Any]:
        one = lab(code, name, valueQuantity={"value": value, "unit": unit, "code": unit})
        one["code"]["coding"][0]["system"] = (
            "http://jpfhir.jp/fhir/clins/CodeSystem/JLAC11/JP_CLINS_ObsLabResult_CoreLabo_CS"
        )
        return one

    report = understood(clins(
        shared("C6011000002327101", "LDL-C", 120, "mg/dL"), shared("C4001133700000000", "FBS", 98, "mg/dL"),
        shared("C6011000002327102", "ALB", 4, "g/dL"), shared("C601100000232710", "LDL-C", 130, "mg/dL"),
    ))  # fmt: skip
    assert values(report) == {
        "lab.ldl": ("120", "mg/dL"), "lab.fpg": ("98", "mg/dL"), "lab.hours-since-meal": ("10", "h")}  # fmt: skip
    assert reasons(report) == {"C6011000002327102": "no-fact-of-it", "C601100000232710": "unknown-code"}


@pytest.mark.parametrize(("resource", "place"), [
    ({"resourceType": "Patient"}, "resourceType"), ({}, "resourceType"), ({"resourceType": ["Condition"]}, "resourceType"),
    ({"resourceType": "Condition"}, "Condition.code"), ({"resourceType": "Observation"}, "Observation.status"),
    ({"resourceType": "DiagnosticReport", "status": "final"}, "DiagnosticReport"),
    ({"resourceType": "MedicationRequest", "status": "active"}, "MedicationRequest.medicationCodeableConcept"),
    ({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueInteger": "1"},
     "Observation.valueInteger"),
])  # fmt: skip
def test_a_resource_that_is_none_is_refused_with_the_place(resource: dict[str, Any], place: str) -> None:
    said = translate(resource, TOLD)
    assert isinstance(said, Refusal)
    assert (said.code, said.field) == ("not-fhir", place)


def test_results_grouped_by_a_check_up_file_are_read_one_by_one() -> None:
    plain = ("9N006000000000001", "体重", "kg", "65.5")
    inner = b'<observation classCode="OBS" moodCode="EVN"><code code="9N006000000000001" displayName="\xe4\xbd\x93\xe9\x87\x8d"/>'
    grouped = cda([plain]).replace(inner, (
        b'<observation classCode="OBS" moodCode="EVN"><code nullFlavor="NA"/><entryRelationship typeCode="COMP">' + inner
    )).replace(b"</observation></entry>", b"</observation></entryRelationship></observation></entry>")  # fmt: skip
    report = understood(grouped)
    assert values(report) == {"checkup.weight": ("65.5", "kg")}
    assert [(one.sort, one.name) for one in report.entries] == [("document", "特定健診")]


def test_every_group_of_medicines_is_known_by_a_code_or_a_name_and_says_known_answers() -> None:
    from engine.clinical_codes import catalogue

    read = tables()
    codes = [one.code for one in read.condition] + [one.code for one in read.allergy]
    codes += [code for one in read.medicine for code in one.codes]
    assert set(codes) <= set(catalogue())
    assert all(one.yj or one.names for one in read.medicine)
    assert all(len(start) >= 3 or start == "C" for one in read.condition for start in one.icd10)


def test_digits_survive_as_decimals() -> None:
    resource = {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-10-30",
                "code": {"coding": [{"system": LOINC, "code": "2160-0"}]},
                "valueQuantity": {"value": Decimal("0.90"), "unit": "mg/dL", "code": "mg/dL"}}  # fmt: skip
    made = translate(resource, TOLD)
    assert isinstance(made, Translation)
    assert [(fact.value, fact.raw) for fact in made.facts] == [("0.90", "0.90 mg/dL")]
