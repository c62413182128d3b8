"""What fhir.resources lets through and our own checks do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fhir.resources.R4B.observation import Observation

from engine.observations import build, check
from tests.observation_cases import TOKYO, example

Spoil = Callable[[dict[str, Any]], object]
LOINC_WEIGHT = {"system": "http://loinc.org", "code": "29463-7"}


def observation(kind: str = "body-weight") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(build(example(kind), TOKYO))
    return document


# Each of these passes fhir.resources (R4B) although R4 or our own rules forbid it.
LET_THROUGH: list[tuple[str, Spoil]] = [
    ("status", lambda d: d.update(status="banana")),
    ("reference-type", lambda d: d.update(subject={"reference": "Medication/1"})),
    ("reference-type", lambda d: d.update(device={"reference": "Patient/1"})),
    ("reference-type", lambda d: d.update(performer=[{"reference": "Device/1"}])),
    ("empty-reference", lambda d: d.update(subject={"display": "somebody"})),
    ("no-subject", lambda d: d.pop("subject")),
    ("id", lambda d: d.update(id="x" * 70)),
    ("empty-concept", lambda d: d.update(code={})),
    ("empty-coding", lambda d: d["code"]["coding"].append({"system": "http://loinc.org"})),
    ("value-and-absent", lambda d: d.update(dataAbsentReason={"text": "none"})),
    ("not-a-number", lambda d: d["valueQuantity"].update(value="63.5")),
    ("no-unit", lambda d: d["valueQuantity"].pop("code")),
    ("unit", lambda d: d["valueQuantity"].update(code="cm")),
    ("no-value", lambda d: d.pop("valueQuantity")),
    ("no-time", lambda d: d.pop("effectiveDateTime")),
    ("no-zone", lambda d: d.update(effectiveDateTime="2026-11-21")),
    ("no-category", lambda d: d.pop("category")),
    ("duplicate", lambda d: d["category"].append(d["category"][0])),
    ("duplicate", lambda d: d["code"]["coding"].append(LOINC_WEIGHT)),
    ("duplicate", lambda d: d["identifier"].append(d["identifier"][0])),
]


@pytest.mark.parametrize(("code", "spoil"), LET_THROUGH, ids=[f"{n}-{code}" for n, (code, _) in enumerate(LET_THROUGH)])
def test_what_the_models_let_through_is_found_here(code: str, spoil: Spoil) -> None:
    document = observation()
    spoil(document)
    Observation.model_validate(document)
    assert [problem.code for problem in check(document)] == [code]


def test_two_values_at_once_are_found_by_the_checks_as_well() -> None:
    assert [found.code for found in check(observation() | {"valueString": "heavy"})] == ["many-values"]


def test_a_weight_in_pounds_is_a_unit_we_can_convert() -> None:
    document = observation()
    document["valueQuantity"]["code"] = "[lb_av]"
    assert check(document) == []


def test_contained_and_logical_references_are_accepted() -> None:
    assert check(observation() | {"device": {"reference": "#scale"}}) == []
    assert check(observation() | {"subject": {"type": "Patient", "identifier": {"value": "1"}}}) == []


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("bp-side", lambda d: d["component"].pop(0)),
        ("bp-side", lambda d: d["component"][0]["code"]["coding"].pop(0)),
        ("bp-unit", lambda d: d["component"][1]["valueQuantity"].update(code="kPa")),
        ("no-value", lambda d: d["component"][1].pop("valueQuantity")),
        ("empty-concept", lambda d: d["component"][2].update(code={})),
    ],
)
def test_a_blood_pressure_needs_each_side_exactly_once_in_millimetres(code: str, spoil: Spoil) -> None:
    document = observation("blood-pressure")
    assert check(document) == []
    spoil(document)
    assert [problem.code for problem in check(document)] == [code]


def test_a_side_said_twice_is_found() -> None:
    document = observation("blood-pressure")
    document["component"].append(document["component"][0])
    assert {problem.code for problem in check(document)} == {"bp-side", "duplicate"}
