"""Patched bytes are what fhir.resources builds, whatever the value; ids are valid and distinct; checks are total."""

from __future__ import annotations

import base64
import hashlib
import json
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest
from fhir.resources.R4B.observation import Observation
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.kinds import Kind
from engine.observation_values import FHIR_ID
from engine.observations import UnbuildableError, build, check, compose, fhir_id, identifier_of
from tests.observation_cases import OBSERVED, TOKYO, example, measurements, numbers, tellings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
ELEMENTS = st.sampled_from([
    "resourceType", "id", "status", "category", "code", "subject", "device", "performer", "identifier", "component",
    "valueQuantity", "valueString", "dataAbsentReason", "effectiveDateTime", "effectivePeriod", "hasMember", "derivedFrom",
])  # fmt: skip
IDS: Final = ("reading_id", "resident_id", "device_id", "gateway_id", "identifier", "patient", "status")


def exact(text: bytes | str) -> Any:
    """JSON with every number as the Decimal of its own digits."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@given(measurements(), tellings())
def test_what_is_patched_is_what_fhir_resources_builds_from_the_whole(measured: Any, told: dict[str, Any]) -> None:
    patched, whole = exact(build(measured, TOKYO, **told)), compose(measured, TOKYO, **told)
    assert str(patched) == str(whole)  # str tells 62.3 from 62.30
    modelled = exact(Observation.model_validate(whole).model_dump_json())
    # The model's numbers went through a float; only their digits may differ.
    assert _floats(modelled) == _floats(patched)


def _floats(value: Any) -> Any:
    match value:
        case dict():
            return {name: _floats(item) for name, item in value.items()}
        case list():
            return [_floats(item) for item in value]
        case Decimal():
            return float(value)
        case str() if value[10:11] == "T":
            return value.replace(".000000", "")
    return value


@pytest.mark.parametrize("kind", OBSERVED, ids=lambda kind: kind.code)
@given(data=st.data())
def test_every_kind_keeps_the_digits_it_was_given(kind: Kind, data: st.DataObject) -> None:
    measured = data.draw(measurements([kind]))
    said = exact(build(measured, TOKYO))
    given_numbers: list[Any] = [value for _, value in sorted(measured.components)] or [measured.value]
    parts = sorted(said.get("component", []), key=lambda part: _order(part["code"]["text"]))
    found = [part["valueQuantity"]["value"] for part in parts or [said] if "valueQuantity" in part]
    assert [format(value, "f") for value in given_numbers] == [format(value, "f") for value in found]


def _order(text: str) -> str:
    return {"収縮期血圧": "systolic", "拡張期血圧": "diastolic", "平均血圧": "mean-arterial-pressure"}[text]


@given(numbers(OBSERVED[0]))
def test_any_plausible_weight_arrives_with_its_trailing_zeros(value: Decimal) -> None:
    text = f'"valueQuantity":{{"value":{value:f},'.encode()
    assert text in build(example("body-weight", value=value), TOKYO)


@given(measurements(), tellings())
def test_our_own_checks_find_nothing_in_what_we_build(measured: Any, told: dict[str, Any]) -> None:
    assert check(json.loads(build(measured, TOKYO, **told))) == []


@given(measurements(), tellings())
def test_how_a_value_is_told_changes_its_names_and_status_and_nothing_that_was_measured(
    measured: Any, told: dict[str, Any]
) -> None:
    plain, otherwise = exact(build(measured, TOKYO)), exact(build(measured, TOKYO, **told))
    person = f"Patient/{told.get('patient', measured.resident_id)}"
    assert [otherwise["subject"], *otherwise["performer"]] == [{"reference": person}] * 2
    assert otherwise["status"] == told.get("status", plain["status"])
    name = told.get("identifier", plain["identifier"][0]["value"])
    assert (otherwise["id"], otherwise["identifier"][0]["value"]) == (fhir_id(name), name)
    changed = {"id", "identifier", "status", "subject", "performer"}
    assert str({k: v for k, v in otherwise.items() if k not in changed}) == str(
        {k: v for k, v in plain.items() if k not in changed}
    )


@given(st.lists(measurements(), min_size=2, max_size=6))
def test_ids_are_valid_fhir_ids_and_as_distinct_as_identifiers(many: list[Any]) -> None:
    names = {identifier_of(one) for one in many}
    ids = {json.loads(build(one, TOKYO))["id"] for one in many}
    assert len(ids) == len(names)
    assert all(FHIR_ID.fullmatch(one) and len(one) <= 52 for one in ids)
    assert all(len(name) <= 64 for name in names)  # servers exist that compare no more than 128 characters


@given(st.text())
def test_an_id_is_the_lower_case_base32_of_the_sha256_of_its_identifier(identifier: str) -> None:
    digest = hashlib.sha256(identifier.encode(errors="surrogatepass")).digest()
    assert fhir_id(identifier) == base64.b32encode(digest).decode().rstrip("=").lower()


@given(measurements(), st.text(max_size=70), st.sampled_from(IDS))
def test_no_id_whatever_it_holds_breaks_out_of_the_json(measured: Any, text: str, field: str) -> None:
    told: dict[str, Any] = {field: text} if field in {"identifier", "patient", "status"} else {}
    odd = measured if told else msgspec.structs.replace(measured, **{field: text})
    try:
        said = json.loads(build(odd, TOKYO, **told))
    except UnbuildableError as error:
        assert error.code == ("status" if field == "status" else "bad-id")  # noqa: PT017
    else:
        assert check(said) == []


@given(st.dictionaries(ELEMENTS, JSON, max_size=6))
def test_checks_are_total_on_any_json_object(document: dict[str, Any]) -> None:
    assert check(document)  # nothing random is a whole Observation
