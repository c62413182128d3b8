"""What we hold of a person as FHIR R4: valid as it stands, nothing told twice, nothing told that nobody answers for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any

import msgspec
import pytest

from engine.observations import compose
from fhir_bridge.api_parameters import TABLE, values_at
from fhir_bridge.bundle import Found, Request, batch, collection, document, encode, searchset, urn_of
from fhir_bridge.holdings import NEEDS, Holdings
from fhir_bridge.resources import RESOURCES, STAFF_ONLY, TYPES, Resource, resources_of
from fhir_bridge.resources.entries import name_of
from tests.bridge.held import (
    DAY,
    NOW,
    NURSE,
    entries,
    everything,
    facts,
    has_kidney,
    held,
    name,
    of,
)
from tests.contract.profiles import profile_findings

pytestmark = [pytest.mark.xdist_group("node")]
STAFF_NAMES = ("佐藤",)


@cache
def made() -> tuple[Resource, ...]:
    return tuple(one for type_ in TYPES for one in resources_of(type_, held()))


def page() -> dict[str, Any]:
    """The answer to a search that found nothing more."""
    found = Found(url="https://x/fhir/Patient/1", body=next(iter(of("Patient").values())).body)
    return searchset([found], {"self": "https://x/fhir/Patient"}, 0)


def sent() -> dict[str, Any]:
    """A batch of one request on a condition."""
    return batch(
        [Request(body=next(iter(of("Patient").values())).body, method="PUT", url="Patient/1", if_match='W/"2"')]
    )


def tied() -> Holdings:
    """The same, and the fact of the kidneys was made of a condition that was told whole."""
    entry = next(entry for entry in entries() if entry.sort == "condition")
    return msgspec.structs.replace(held(), origins={has_kidney(): (entry.origin, entry.remote)})


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Where anything stands in a body; of codes and statuses what they are, too: bindings are held by value."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from paths(one, f"{at}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from paths(one, at)
    else:
        told = value if at.endswith((".code", "tatus", ".system", ".type", ".intent", ".severity", ".language")) else ""
        yield f"{at}={told}"


def kind_of(one: Resource) -> tuple[str, str]:
    """Resources of one kind differ in ids, times, texts and numbers only; of Provenance and Task only in those, too."""
    told = one.body if one.type not in {"Provenance", "QuestionnaireResponse"} else _bare(one.body)
    return one.type, repr(sorted(set(paths(told))))


def _bare(body: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in body.items() if key not in {"item", "target", "policy"}}
    return kept | {"target": [one["reference"].split("/")[0] for one in body.get("target", ())]}


def test_every_kind_of_resource_holds_against_r4_and_the_profiles_it_claims() -> None:
    kinds = {kind_of(one): one for one in made()}
    told = {f"{one.type}/{one.id}": one.body for one in kinds.values()} | {"page": page(), "batch": sent()}
    found = profile_findings([encode(body) for body in told.values()])
    assert {name: findings for name, findings in zip(told, found, strict=True) if findings} == {}
    assert {one.type for one in kinds.values()} == set(TYPES)


def test_every_resource_is_one_the_models_of_r4_read() -> None:
    for one in made():
        model = getattr(import_module(f"fhir.resources.R4B.{one.type.lower()}"), one.type)
        read = model.model_validate_json(encode(one.body))
        assert (read.id, read.get_resource_type()) == (one.id, one.type)


def test_one_of_each_type_looks_as_it_did(golden: Callable[[str, str], None]) -> None:
    ordered = sorted(made(), key=lambda one: (one.type, one.id))
    # The program's own Device names its version.
    first = {one.type: one for one in reversed(ordered) if one.id != "minato-engine"}
    shown = [msgspec.json.format(encode(first[type_].body), indent=1).decode() for type_ in sorted(first)]
    golden("bridge/resources.json", "[\n" + ",\n".join(shown) + "\n]\n")


def test_no_two_resources_share_a_type_and_an_id_and_all_know_when_they_changed() -> None:
    assert [key for key, count in Counter((one.type, one.id) for one in made()).items() if count > 1] == []
    assert all(one.last_updated.tzinfo is not None and one.last_updated <= NOW for one in made())


def test_the_same_holdings_make_the_same_resources() -> None:
    again = {(one.type, one.id): encode(one.body) for type_ in TYPES for one in resources_of(type_, everything())}
    assert again == {(one.type, one.id): encode(one.body) for one in made()}


@pytest.mark.parametrize("holdings", [held(), tied(), everything(disclosed=True)], ids=["held", "tied", "disclosed"])
def test_every_reference_leads_to_a_resource_that_is_made(holdings: Holdings) -> None:
    whole = [one for type_ in TYPES for one in resources_of(type_, holdings)]
    # The nurse who holds a claim signed nothing; a specimen is inside of its result.
    known = {f"{one.type}/{one.id}" for one in whole} | {f"Practitioner/{NURSE}", "#specimen"}
    assert {(one.type, at) for one in whole for at in _references(one.body) if at not in known} == set()


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "reference" and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def test_digits_of_a_value_are_told_as_they_were_measured() -> None:
    weight = next(one for one in of("Observation").values() if "63.20" in encode(one.body).decode())
    row = next(row for row in held().measured if row.kind == "body-weight")
    assert weight.body["valueQuantity"]["value"] == Decimal("63.20")
    assert weight.body == json.loads(encode(compose(row, held().zone)), parse_float=Decimal, parse_int=Decimal)
    assert b'"value":63.20,' in encode(weight.body)


def test_two_sides_of_one_office_pressure_are_one_panel_and_a_lone_side_says_that_the_other_is_missing() -> None:
    pressures = [one for one in of("Observation").values() if one.body["code"]["text"] == "健診などの血圧"]
    held_ = {fact.code: fact for fact in facts() if fact.code.startswith("bp.office")}
    # Told by different sources, so they are two measurements.
    assert sorted(one.id for one in pressures) == sorted(fact.id for fact in held_.values())
    lower = msgspec.structs.replace(held_["bp.office.diastolic"], source=held_["bp.office.systolic"].source)
    rows = [fact for fact in facts() if fact.code != "bp.office.diastolic" and fact.retracts is None]
    together = msgspec.structs.replace(held(), facts=(*rows, lower))
    [panel] = [one for one in of("Observation", together).values() if one.body["code"]["text"] == "健診などの血圧"]
    assert [part["valueQuantity"]["value"] for part in panel.body["component"]] == [Decimal(170), Decimal(120)]
    assert all("dataAbsentReason" in one.body["component"][0 if one.id == lower.id else 1] for one in pressures)


def test_a_result_is_coded_by_loinc_where_it_is_the_same_and_by_ours_always() -> None:
    by_code = {fact.code: fact.id for fact in facts() if fact.code.startswith("lab.") and fact.retracts is None}
    ldl, egfr = (of("Observation")[by_code[code]].body["code"] for code in ("lab.ldl", "lab.egfr"))
    assert [one["code"] for one in ldl["coding"]] == ["18262-6", "lab.ldl"]
    assert [one["code"] for one in egfr["coding"]] == ["lab.egfr"]


def test_a_newer_choice_ends_the_goal_chosen_before_it() -> None:
    wishes = [fact for fact in facts() if fact.code == "wish.goal" and fact.retracts is None]
    chosen = msgspec.structs.replace(held(), facts=tuple(wishes))
    told = {fact.at: of("Goal", chosen)[fact.id].body["lifecycleStatus"] for fact in wishes}
    assert [told[at] for at in sorted(told, reverse=True)] == ["active", *["completed"] * (len(wishes) - 1)]


def test_a_yes_is_a_condition_and_a_no_never_is() -> None:
    codes = {fact.id: fact for fact in facts()}
    for type_, start in (("Condition", "has."), ("MedicationStatement", "med."), ("AllergyIntolerance", "allergy.")):
        told = [codes[one] for one in of(type_) if one in codes]
        assert told
        assert {(fact.value, fact.code.startswith(start)) for fact in told} == {("1", True)}
    gone = {fact.retracts for fact in facts()}
    no = next(fact for fact in facts() if fact.code.startswith("has.") and fact.value == "0" and fact.id not in gone)
    said = of("Observation")[no.id].body
    assert said["valueCodeableConcept"]["coding"][0]["code"] == "N"


def test_what_was_taken_back_stays_under_its_id_as_an_error_and_is_news() -> None:
    gone = {fact.retracts for fact in facts() if fact.retracts}
    wrong = {name_of(entry) for entry in entries() if entry.status == "wrong"}
    found = [one for one in made() if one.id in gone | wrong and one.type != "Provenance"]
    assert len(found) > 20
    for one in found:
        told = json.dumps(one.body, ensure_ascii=False, default=str)
        assert "entered-in-error" in told
        assert one.last_updated == NOW - (DAY if one.id in gone else 9 * DAY)
        # It may have been another person's: that it was wrong is told, not what it said.
        assert (
            not {"valueQuantity", "valueCodeableConcept", "note", "conclusion", "dosageInstruction"} & one.body.keys()
        )
        assert "朝食後" not in told
        assert one.type == "Observation" or "取り消された記録" in told


def test_a_fact_of_which_the_thing_itself_was_told_is_not_told_beside_it() -> None:
    entry = next(entry for entry in entries() if entry.sort == "condition")
    fact = has_kidney()
    assert fact in of("Condition")
    assert fact not in of("Condition", tied())
    assert name_of(entry) in of("Condition", tied())
    # What rests on the fact rests on the thing.
    about = [one["reference"] for one in of("Communication", tied())[name("a", 4)].body["about"]]
    assert f"Condition/{name_of(entry)}" in about


def test_a_report_refers_to_the_results_that_came_with_it() -> None:
    entry = next(entry for entry in entries() if entry.sort == "report")
    lab = next(fact for fact in facts() if fact.code == "lab.hba1c")
    tied = msgspec.structs.replace(held(), origins={lab.id: (entry.origin, entry.remote)})
    assert of("DiagnosticReport", tied)[name_of(entry)].body["result"] == [{"reference": f"Observation/{lab.id}"}]


def test_an_edition_that_changed_keeps_the_id_of_its_thing() -> None:
    entry = entries()[0]
    later = msgspec.structs.replace(entry, id=name("e", 77), version="2", detail="1日2回", recorded_at=NOW - DAY)
    before, after = (of("MedicationRequest", msgspec.structs.replace(held(), entries=(one,))) for one in (entry, later))
    assert before.keys() == after.keys()
    [was], [now] = before.values(), after.values()
    assert was.last_updated < now.last_updated
    assert now.body["dosageInstruction"] == [{"text": "1日2回"}]


def test_a_withdrawn_consent_is_inactive_and_names_its_recipient() -> None:
    shares = [one.body for one in of("Consent").values() if '"care-share"' in json.dumps(one.body)]
    told = {
        (one["status"], one["provision"]["type"], "actor" in one["provision"], "code" in one["provision"])
        for one in shares
    }
    # What was said of the recipient last holds for each of its kinds, too.
    assert told == {
        ("active", "permit", False, False), ("inactive", "deny", True, False), ("inactive", "deny", True, True),
    }  # fmt: skip


def test_a_resident_gets_nothing_of_the_desk_and_no_reference_that_leads_there() -> None:
    disclosed = everything(disclosed=True)
    told = [one for type_ in TYPES for one in resources_of(type_, disclosed)]
    assert not {one.type for one in told} & STAFF_ONLY
    assert not {at.split("/")[0] for one in told for at in _references(one.body)} & STAFF_ONLY


def test_no_name_of_staff_is_told_but_the_one_under_the_advice() -> None:
    named = {one.type for one in made() if any(word in encode(one.body).decode() for word in STAFF_NAMES)}
    assert named == {"Practitioner", "Communication", "Provenance"}
    assert not any("s-bbbbbbbbbbbbb" in encode(one.body).decode() for one in made())


def test_the_trail_of_acts_holds_ids_and_hashes_and_no_value() -> None:
    for one in of("AuditEvent").values():
        assert set(one.body) == {
            "resourceType", "id", "type", "subtype", "action", "recorded", "outcome", "agent", "source", "entity",
        }  # fmt: skip
        assert len(one.body["entity"][0]["detail"][0]["valueString"]) == 64


def test_answers_of_one_day_and_source_are_one_response_without_what_was_taken_back() -> None:
    gone = {fact.retracts for fact in facts() if fact.retracts}
    counted = sum(
        len(one.body["item"])
        for one in of("QuestionnaireResponse").values()
        if one.body["status"] != "entered-in-error"
    )
    asked = {
        (fact.code, fact.at, fact.source) for fact in facts() if fact.code.startswith(("standard22", "older75"))
        and fact.id not in gone and fact.retracts is None
    }  # fmt: skip
    assert counted == len(asked)


def test_every_type_has_a_maker_and_says_what_it_needs() -> None:
    assert RESOURCES.keys() == NEEDS.keys()
    with pytest.raises(KeyError):
        resources_of("Immunization", held())


def test_a_document_has_its_composition_first_and_everything_once_under_steady_names() -> None:
    patient = next(iter(of("Patient").values())).body
    head = {"resourceType": "Composition", "id": "c", "subject": {"reference": f"Patient/{patient['id']}"}}
    whole = document(head, [patient, patient], NOW, "summary of somebody")
    assert [one["resource"]["resourceType"] for one in whole["entry"]] == ["Composition", "Patient"]
    assert whole["entry"][0]["resource"]["subject"]["reference"] == urn_of("Patient", patient["id"])
    assert whole == document(head, [patient], NOW, "summary of somebody")
    assert collection([patient], NOW, "x")["type"] == "collection"


def test_a_search_says_its_links_and_a_batch_its_conditions() -> None:
    assert (page()["total"], page()["entry"][0]["search"]) == (0, {"mode": "match"})
    assert sent()["entry"][0]["request"] == {"method": "PUT", "url": "Patient/1", "ifMatch": 'W/"2"'}


def test_what_searches_look_at_is_what_stands_in_the_body() -> None:
    for one in made():
        for asked, known in TABLE.get(one.type, {}).items():
            if asked not in {"_id", "_lastUpdated"}:
                assert list(values_at(one.head, known.paths)) == list(values_at(one.body, known.paths)), (
                    one.type,
                    asked,
                )


def test_a_value_no_observation_can_be_made_of_is_left_out_and_the_others_stay() -> None:
    good = next(row for row in held().measured if row.kind == "pulse-rate")
    changed: list[dict[str, Any]] = [
        {"value": Decimal("NaN")}, {"value": Decimal("1E-30")}, {"unit": "kg"}, {"reading_id": "no id"},
        {"kind": "no-such-kind"}, {"value": Decimal("63.25")},
    ]  # fmt: skip
    rows = [msgspec.structs.replace(good, **({"reading_id": f"reading{n}"} | one)) for n, one in enumerate(changed)]
    told = of("Observation", msgspec.structs.replace(held(), measured=(good, *rows), facts=()))
    assert [one.body["valueQuantity"]["value"] for one in told.values()] == [Decimal(70), Decimal("63.25")]
