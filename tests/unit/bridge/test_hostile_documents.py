"""What stands in a record and is not so: of another body, denied, planned, called off, or under another's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.imports.numbers import exact_json
from fhir_bridge.imports.reading import read_document
from fhir_bridge.imports.translate import Translation, translate
from tests.bridge.written_imports import NOW, cda, clins, entering, labs, message, prescription, refused, understood
from tests.unit.bridge.test_imports_translate import LOINC, TOLD, condition

GLIMEPIRIDE = {"medicationCodeableConcept": {"text": "グリメピリド錠1mg"}}
ICD = "http://hl7.org/fhir/sid/icd-10"


def told(resource: dict[str, Any]) -> Translation:
    made = translate(exact_json(json.dumps(resource).encode()), TOLD)
    assert isinstance(made, Translation), made
    return made


def hba1c(name: str = "HbA1c", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "effectiveDateTime": "2026-10-01",
            "code": {"coding": [{"system": LOINC, "code": "4548-4", "display": name}]},
            "valueQuantity": {"value": 9.5, "unit": "%", "code": "%"}, **more}  # fmt: skip


def allergy(name: str, *kinds: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "AllergyIntolerance", "recordedDate": "2025-01-01", "category": list(kinds),
            "code": {"text": name}, **more}  # fmt: skip


@pytest.mark.parametrize(("more", "why"), [
    ({"focus": [{"reference": "RelatedPerson/unborn"}]}, "of-another-body"),
    ({"modifierExtension": [{"url": "urn:example:turned-around", "valueBoolean": True}]}, "not-understood"),
    ({"implicitRules": "urn:example:rules"}, "not-understood"),
    ({"dataAbsentReason": {"coding": [{"code": "error"}]}}, "not-done"),
    ({"status": "preliminary"}, "not-final"), ({"status": "entered-in-error"}, "withdrawn"),
])  # fmt: skip
def test_a_result_that_is_not_this_persons_or_not_so_is_no_fact(more: dict[str, Any], why: str) -> None:
    assert [fact.value for fact in told(hba1c()).facts] == ["9.5"]
    made = told(hba1c(**more))
    assert (made.facts, made.entries, [one.reason for one in made.unknown]) == ((), (), [why])


def test_hba1c_on_the_scale_given_up_in_2014_is_not_taken_for_todays() -> None:
    assert told(hba1c("HbA1c(JDS値)")).facts == ()


@pytest.mark.parametrize("name", [
    "なし", "特になし", "該当なし", "アレルギーなし", "薬剤アレルギー歴なし", "ラテックスアレルギーは無し", "No known drug allergy",
    "NKDA", "none", "母のペニシリンアレルギー（家族歴）",
])  # fmt: skip
def test_an_allergy_that_is_denied_is_never_told_as_one(name: str) -> None:
    made = told(allergy(name, "medication"))
    assert (made.facts, [one.status for one in made.entries]) == ((), ["wrong"]), "it only takes back what was told"
    assert [one.reason for one in made.unknown] == ["denied"]


@pytest.mark.parametrize(("system", "code"), [
    ("http://snomed.info/sct", "716186003"), ("http://snomed.info/sct", "409137002"),
    ("http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips", "no-allergy-info"),
])  # fmt: skip
def test_the_codes_of_no_known_allergy_deny_one_whatever_they_are_called(system: str, code: str) -> None:
    made = told(allergy("x", "food", code={"coding": [{"system": system, "code": code, "display": "-"}]}))
    assert (made.facts, [one.status for one in made.entries]) == ((), ["wrong"])


@pytest.mark.parametrize(("name", "kind", "detail"), [
    ("なし", "food", "（未確認）"), ("卵白のみ、卵黄なし", "food", "（未確認）"), ("ペニシリン(皮内反応陰性)", "medication", "（未確認）"),
])  # fmt: skip
def test_an_allergy_nobody_can_read_for_sure_stays_and_is_marked(name: str, kind: str, detail: str) -> None:
    [entry] = told(allergy(name, kind)).entries
    assert (entry.status, entry.detail, told(allergy(name, kind)).facts) == ("active", detail, ())


@pytest.mark.parametrize("name", ["そば（食べられない）", "無水カフェイン", "ナシ科の花粉", "Novocain", "Noni"])
def test_an_allergy_with_a_no_in_its_name_is_one(name: str) -> None:
    made = told(allergy(name, "medication"))
    assert ([one.code for one in made.facts], made.entries[0].status, made.entries[0].detail) == (
        ["allergy.to-medicine"], "active", "")  # fmt: skip


def test_an_allergy_of_two_kinds_answers_for_both() -> None:
    made = told(allergy("ゼラチン", "food", "medication"))
    assert {one.code for one in made.facts} == {"allergy.to-food", "allergy.to-medicine"}


def test_a_relatives_illness_is_not_the_persons_but_one_without_complications_is() -> None:
    relative = {"coding": [{"system": ICD, "code": "E11", "display": "糖尿病の家族歴"}]}
    plain = {"coding": [{"system": ICD, "code": "E11.9", "display": "２型糖尿病・糖尿病性合併症なし"}]}
    assert told(condition(code=relative)).facts == ()
    assert [one.code for one in told(condition(code=plain)).facts] == ["has.diabetes"]
    assert told(condition(modifierExtension=[{"url": "urn:example:x"}])).facts == ()


@pytest.mark.parametrize(("intent", "facts"), [
    ("order", 2), ("instance-order", 2), ("proposal", 0), ("plan", 0), ("option", 0),
])  # fmt: skip
def test_a_medicine_somebody_thought_of_is_not_taken(intent: str, facts: int) -> None:
    made = told({"resourceType": "MedicationRequest", "status": "active", "intent": intent,
                 "authoredOn": "2026-10-30", **GLIMEPIRIDE})  # fmt: skip
    assert (len(made.facts), made.entries[0].status) == (facts, "active" if facts else "wrong")


@pytest.mark.parametrize("control", ["CA", "OC", "CR", "DC", "OD", "DR", "UA", "DE", "HD", "OH", "HR"])
def test_an_order_that_was_called_off_or_held_is_not_taken(control: str) -> None:
    report = understood(prescription(("x", "グリメピリド錠", "99"), control=control))
    assert report.understood == ()
    assert {one.status for one in report.entries} <= {"wrong", "past"}


@pytest.mark.parametrize(("status", "facts", "means"), [
    ("C", 1, "active"), ("", 1, "active"), ("E", 0, "wrong"), ("D", 0, "active"), ("P", 0, "active"), ("I", 0, "past"),
])  # fmt: skip
def test_an_hl7_allergy_counts_as_its_clinical_status_says(status: str, facts: int, means: str) -> None:
    line = f"IAM|1|DA^薬剤^HL70127|YJ01^ペニシリン^99XYZ|SV|発疹|AD|||||||||||{status}"
    report = understood(message("ADT^A60^ADT_A60", line))
    assert (len(report.understood), [one.status for one in report.entries]) == (facts, [means])


def test_hl7_lines_that_deny_an_allergy_make_none() -> None:
    for line in ("IAM|1|DA^薬剤^HL70127|N^なし^99XYZ", "AL1|1|DA|0^アレルギーなし^99XYZ"):
        assert understood(message("ADT^A60^ADT_A60", line)).understood == ()


@pytest.mark.parametrize(("before", "after"), [
    ('moodCode="EVN"', 'moodCode="EVN" negationInd="1"'), ('moodCode="EVN"', 'moodCode="GOL"'),
    ('displayName="HbA1c"/>', 'displayName="HbA1c"/><statusCode code="cancelled"/>'),
    ('displayName="HbA1c"/>', 'displayName="HbA1c"/><subject><relatedSubject><code code="MTH"/></relatedSubject></subject>'),
])  # fmt: skip
def test_a_cda_result_that_is_no_result_of_this_person_is_no_fact(before: str, after: str) -> None:
    plain = cda([("3D046000001906202", "HbA1c", "%", "6.5")])
    changed = plain.decode().replace(before, after)
    assert changed != plain.decode()
    assert len(understood(plain).understood) == 1
    assert understood(changed.encode()).understood == ()


OTHER = {"resourceType": "Patient", "id": "c", "name": [{"text": "別人 次郎"}]}
SAME = {"resourceType": "Patient", "id": "c", "name": [{"text": "健診　太郎"}], "birthDate": "1950-05-04"}


@pytest.mark.parametrize("parts", [
    [hba1c(subject={"identifier": {"system": "urn:oid:1.2", "value": "999"}})],
    [hba1c(subject=[{"reference": "Patient/p1"}])],
    [hba1c(subject={"reference": "Patient/p1"}, patient={"reference": "Patient/p2"})],
    [hba1c(subject={"reference": "#c"}, contained=[OTHER])],
    [hba1c(subject={"reference": "#c"}, contained=[SAME]), hba1c(subject={"reference": "#c"}, contained=[OTHER])],
    [hba1c(subject={"reference": "#c"}, contained=[SAME]), hba1c(subject={"reference": "#c"})],
], ids=["number", "list", "two", "inside", "same-name-inside", "nowhere"])  # fmt: skip
def test_a_part_that_is_another_persons_by_any_means_refuses_the_document(parts: list[dict[str, Any]]) -> None:
    code, place = refused(clins(*parts))
    assert (code, place) == ("other-person", f"Bundle.entry[{len(parts)}].resource.subject")


def test_a_patient_written_into_a_part_under_the_same_name_is_the_same() -> None:
    report = understood(clins(hba1c(subject={"reference": "#c"}, contained=[SAME])))
    assert [fact.value for fact in report.understood] == ["9.5"]


_ODD: tuple[Any, ...] = (None, 1, "x", [], [1], {}, [None], {"coding": None}, {"coding": [None]}, True, [{"code": 5}])


@pytest.mark.parametrize("name", [
    "status", "code", "effectiveDateTime", "valueQuantity", "component", "identifier", "meta", "contained", "focus",
    "modifierExtension", "subject",
])  # fmt: skip
def test_no_shape_of_any_part_falls_over(name: str) -> None:
    for odd in _ODD:
        for kind in ("Observation", "Condition", "AllergyIntolerance", "MedicationRequest", "DiagnosticReport"):
            read_document(clins(hba1c(resourceType=kind, **{name: odd})), entering(), "doc")


def test_a_message_cut_anywhere_is_refused_or_read_without_falling() -> None:
    whole = labs(("NM", "3D046000001906202", "HbA1c", "6.5", "%"))
    for length in range(0, len(whole), 7):
        read_document(whole[:length], entering(), "doc")
    assert understood(whole).understood[0].recorded_at == NOW


@pytest.mark.parametrize(("day", "since"), [
    ("2015", "2014-12-31T15:00:00+00:00"), ("2015-05", "2015-04-30T15:00:00+00:00"), ("2015-13", None), ("0001", None),
    ("long ago", None),
])  # fmt: skip
def test_an_illness_since_a_year_nobody_knows_the_day_of_is_not_overlooked(day: str, since: str | None) -> None:
    made = told(condition(onsetDateTime=day))
    assert [fact.at.isoformat() for fact in made.facts] == ([since] if since else [])
    assert (made.entries[0].status, made.entries[0].at) == ("active", None), "no day is made up for the eye"


@pytest.mark.parametrize(("name", "code"), [
    ("血糖(空腹時)", "lab.fpg"), ("空腹時血糖", "lab.fpg"), ("血糖", "lab.casual-glucose"),
    ("血糖（空腹時以外）", "lab.casual-glucose"), ("非空腹時血糖", "lab.casual-glucose"), ("随時血糖", "lab.casual-glucose"),
])  # fmt: skip
def test_a_glucose_is_fasting_only_where_its_name_says_so(name: str, code: str) -> None:
    coding = {"system": "urn:oid:1.2.392.200119.4.504", "code": "3D010000002327101", "display": name}
    sugar = hba1c(code={"coding": [coding]}, valueQuantity={"value": 130, "unit": "mg/dL", "code": "mg/dL"})
    assert {fact.code for fact in told(sugar).facts} - {"lab.hours-since-meal"} == {code}


@pytest.mark.parametrize("odd", [None, 1, [], ["document"], {}, True])
def test_a_bundle_of_no_type_is_refused(odd: Any) -> None:
    bundle = json.loads(clins(hba1c()))
    assert refused(json.dumps(bundle | {"type": odd}).encode()) == ("not-fhir", "Bundle.type")
