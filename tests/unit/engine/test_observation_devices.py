"""Devices say what they are and who made them, and nothing that leads to a person or a home."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pytest
from fhir.resources.R4B.device import Device as Model

from engine.observation_devices import phd_device, phg_device, software_device
from engine.store.repo_devices import Device

NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
CUFF: Final = Device(
    id="d-q3y5n7vh2kd4s", household_id="h-abcdefghijklm", profile="and-blood-pressure", maker="A&D", model="UA-651BLE",
    serial="5110150123", firmware="1.10", battery=80, experimental=False, first_seen=NOW, last_seen=NOW,
)  # fmt: skip


def sorts(document: dict[str, Any]) -> list[str]:
    return [one["systemType"]["text"] for one in document["specialization"]]


def test_a_sensor_tells_maker_model_and_firmware_and_neither_serial_number_nor_home() -> None:
    text = json.dumps(phd_device(CUFF, ["systolic", "pulse-rate"]))
    assert all(word in text for word in ('"A&D"', '"UA-651BLE"', '"1.10"', "d-q3y5n7vh2kd4s"))
    assert not any(word in text for word in ("5110150123", "h-abcdefghijklm"))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["systolic", "diastolic", "pulse-rate"], ["MDC_DEV_SPEC_PROFILE_BP"]),
        (["spo2", "pulse-rate"], ["MDC_DEV_SPEC_PROFILE_PULS_OXIM"]),
        (["body-weight", "body-fat"], ["MDC_DEV_SPEC_PROFILE_SCALE", "MDC_DEV_SPEC_PROFILE_BCA"]),
        (["steps-total"], ["MDC_DEV_SPEC_PROFILE_HF_CARDIO"]),
        (["battery"], ["MDC_DEV_SPEC_PROFILE_GENERIC"]),
        ([], ["MDC_DEV_SPEC_PROFILE_GENERIC"]),
    ],
)
def test_what_it_measures_tells_what_sort_of_device_it_is(kinds: list[str], expected: list[str]) -> None:
    assert sorts(phd_device(CUFF, kinds)) == expected


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_a_device_never_told_is_absent_with_a_reason_and_not_invented(nothing: str | None) -> None:
    found = phd_device(msgspec.structs.replace(CUFF, maker=nothing, model=nothing, firmware=nothing))
    assert "manufacturer" not in found
    assert found["_modelNumber"]["extension"][0]["valueCode"] == "unknown"
    assert found["version"][0]["value"] == "unknown"


def test_a_device_of_an_unproven_family_is_tagged_as_its_readings_are() -> None:
    assert "tag" not in phd_device(CUFF)["meta"]
    assert phd_device(msgspec.structs.replace(CUFF, experimental=True))["meta"]["tag"][0]["code"] == "experimental"


@pytest.mark.parametrize(
    "document",
    [phd_device(CUFF), phd_device(msgspec.structs.replace(CUFF, maker=None)), phg_device("g-p6t4w2xk5ja7c", None),
     software_device("0.6.0")],
    ids=["sensor", "silent sensor", "gateway", "engine"],
)  # fmt: skip
def test_the_models_accept_every_device_and_give_it_back(document: dict[str, Any]) -> None:
    assert json.loads(Model.model_validate(document).model_dump_json()) == document
