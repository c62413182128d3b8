"""A person's Patient: the name as written and as spoken, and address and telephone only on request."""

from __future__ import annotations

import json
from datetime import date
from typing import Final

import msgspec
import pytest
from fhir.resources.R4B.patient import Patient

from engine.observation_patient import patient_of
from engine.people import Resident

HANAKO: Final = Resident(
    id="r-4jq6kz7w2m5xa", household_id="h-abcdefghijklm", municipality_code="06204", family_name="髙橋",
    given_name="花子", family_kana="タカハシ", given_kana="ハナコ", birth_date=date(1941, 2, 3), sex="female",
    alias="はなちゃん", phone="0234-00-0000", address="山形県酒田市本町1-2-3", insured_number="12345678",
    emergency_contact="長男 090-0000-0000",
)  # fmt: skip


def test_the_name_stands_as_written_and_as_spoken() -> None:
    written, spoken = patient_of(HANAKO)["name"]
    assert [one["extension"][0]["valueCode"] for one in (written, spoken)] == ["IDE", "SYL"]
    assert (written["family"], written["given"], written["text"]) == ("髙橋", ["花子"], "髙橋 花子")
    assert (spoken["family"], spoken["given"]) == ("タカハシ", ["ハナコ"])


def test_no_more_of_a_person_is_told_than_was_asked_for() -> None:
    always = {"12345678", "はなちゃん", "090-0000-0000", "h-abcdefghijklm"}
    reach = {"0234-00-0000", "山形県酒田市本町1-2-3"}
    plain, whole = (json.dumps(patient_of(HANAKO, contact=asked), ensure_ascii=False) for asked in (False, True))
    assert not any(word in plain for word in always | reach)
    assert not any(word in whole for word in always)
    assert all(word in whole for word in reach)


def test_a_person_of_one_name_has_no_empty_given_name() -> None:
    found = patient_of(msgspec.structs.replace(HANAKO, given_name="", given_kana=""))
    assert [("given" in one, one["text"]) for one in found["name"]] == [(False, "髙橋"), (False, "タカハシ")]


def test_only_a_death_is_told_of_what_became_of_somebody() -> None:
    assert patient_of(msgspec.structs.replace(HANAKO, status="deceased"))["deceasedBoolean"] is True
    assert "deceasedBoolean" not in patient_of(msgspec.structs.replace(HANAKO, status="moved"))


@pytest.mark.parametrize("sex", ["male", "female", "other", "unknown"])
def test_the_models_accept_every_patient_and_give_it_back(sex: str) -> None:
    document = patient_of(msgspec.structs.replace(HANAKO, sex=sex), contact=True)
    assert json.loads(Patient.model_validate(document).model_dump_json()) == document
