"""`phr decode` line by line: joined frames, units of the closed list, and lines that are no captures at all."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.decode import answer_lines
from engine.contract.reading import Sample
from firmware_profiles.captures import answer
from firmware_profiles.model import Codec
from firmware_profiles.registry import PROFILES
from firmware_profiles.uuids import WEIGHT_MEASUREMENT


def decode(**fields: Any) -> dict[str, Any]:
    return answer(json.dumps({"id": "x", "transport": "notification"} | fields), PROFILES)


GOOD: dict[str, Any] = {"service_uuid": "0000181d-0000-1000-8000-00805f9b34fb", "characteristic_uuid": "00002a9d-0000-1000-8000-00805f9b34fb",
        "payload_hex": "00b036"}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["", "{", "nonsense", "NaN", '{"id": NaN}', "[" * 100_000, '{"a":' * 50_000, '"\\ud800"', "\udcff", '{"id": "a" "b"}',
     '{"id": 1e999}x', "\x00"],
)  # fmt: skip
def test_what_is_no_json_is_answered_as_such(line: str) -> None:
    told = answer(line, PROFILES)
    assert (told["id"], told["error"]["code"]) == (None, "bad-json")
    json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("[]", None),
        ("null", None),
        ("1" * 5000, None),
        ('"text"', None),
        ("{}", None),
        ('{"id": 7}', None),
        ('{"id": "a"}', "a"),
        ('{"id": "a", "transport": "pigeon", "payload_hex": "00"}', "a"),
        ('{"id": "a", "transport": "notification", "payload_hex": "0g"}', "a"),
        ('{"id": "a", "transport": "notification", "payload_hex": "000"}', "a"),
        ('{"id": "a", "transport": "notification", "payload_hex": 12}', "a"),
        ('{"id": "a", "transport": "advertisement", "payload_hex": "00", "manufacturer_id": 65536}', "a"),
        ('{"id": "a", "transport": "advertisement", "payload_hex": "00", "manufacturer_id": 1e400}', "a"),
        (
            '{"id": "a", "transport": "advertisement", "payload_hex": "00", "other_ad": {"manufacturer_data": {"x": "00"}}}',
            "a",
        ),
        ('{"id": "a", "transport": "notification", "payload_hex": "00", "preceding_payloads_hex": ["zz"]}', "a"),
    ],
)
def test_a_line_without_a_capture_is_answered_with_its_id_if_it_has_one(line: str, name: str | None) -> None:
    told = answer(line, PROFILES)
    assert told["id"] == name
    assert told["error"]["code"] in {"bad-line", "bad-json"}
    assert told["error"]["message"]


@given(
    st.text(max_size=60) | st.recursive(st.none() | st.floats() | st.text() | st.integers(), st.lists).map(json.dumps)
)
def test_no_text_whatsoever_raises(line: str) -> None:
    assert "error" in answer(line, PROFILES)


def test_the_codes_of_a_refused_frame_are_the_decoders_own() -> None:
    assert decode(**(GOOD | {"payload_hex": "00b0"}))["error"]["code"] == "truncated"
    assert decode(**(GOOD | {"payload_hex": "00ffff"}))["error"]["code"] == "unsuccessful"
    assert decode(**(GOOD | {"characteristic_uuid": None}))["error"]["code"] == "no-profile"
    assert (
        decode(transport="advertisement", manufacturer_id=343, payload_hex="ff" * 24)["error"]["code"]
        == "no-measurement"
    )


def test_short_and_upper_case_uuids_are_the_same_characteristic() -> None:
    for service, characteristic in (("181D", "2a9d"), ("0x181d", "00002A9D-0000-1000-8000-00805F9B34FB")):
        told = decode(service_uuid=service, characteristic_uuid=characteristic, payload_hex="00b036")
        assert told["quantities"] == {"weight": {"value": 70, "unit": "kg"}}


def test_pressure_and_temperature_are_told_in_the_units_of_the_closed_list() -> None:
    pressure = decode(service_uuid="1810", characteristic_uuid="2a35", payload_hex="01a5f073f0ff07")
    assert pressure["quantities"]["systolic"] == {"value": 123.761, "unit": "mm[Hg]"}
    fever = decode(service_uuid="1809", characteristic_uuid="2a1c", payload_hex="01da0300ff")
    assert fever["quantities"]["temperature"] == {"value": 37, "unit": "Cel"}


def test_two_parts_of_a_body_composition_are_one_answer() -> None:
    told = decode(
        service_uuid="181b",
        characteristic_uuid="2a9c",
        preceding_payloads_hex=["ff", "0014f1004c31"],
        payload_hex="0012f100e803",
    )
    assert told["quantities"] == {
        "body_fat_percentage": {"value": 24.1, "unit": "%"},
        "weight": {"value": 63.1, "unit": "kg"},
        "impedance": {"value": 100, "unit": "Ohm"},
    }


def test_the_second_advert_of_a_weighing_completes_the_first() -> None:
    weight, full = "0220e607020e10293a00009a38", "0222e607020e10293af4019a38"
    told = decode(
        transport="advertisement", service_uuid="181b", preceding_payloads_hex=[full, weight], payload_hex=weight
    )
    assert told["quantities"]["impedance"] == {"value": 500, "unit": "Ohm"}
    other = decode(
        transport="advertisement", service_uuid="181b", preceding_payloads_hex=[full], payload_hex=weight[:-4] + "9b38"
    )
    assert "impedance" not in other["quantities"]


def test_a_date_of_its_own_is_told_however_old() -> None:
    told = decode(service_uuid="1805", characteristic_uuid="2a08", payload_hex="b2070101000000")
    assert told["quantities"] == {"timestamp": {"value": "1970-01-01T00:00:00", "unit": "local-datetime"}}


def test_a_third_partys_faulty_profile_does_not_stop_the_stream() -> None:
    def fail(_: bytes) -> Sample:
        raise ZeroDivisionError

    faulty = msgspec.structs.replace(PROFILES["sig-weight"], codecs={WEIGHT_MEASUREMENT: Codec(decode=fail)})
    told = answer(json.dumps({"id": "x", "transport": "notification"} | GOOD), {"sig-weight": faulty})
    assert told["error"]["code"] == "profile-failed"


def test_the_stream_answers_every_line_that_is_not_empty() -> None:
    good = json.dumps({"id": "体重", "transport": "notification"} | GOOD).encode()
    sink = io.BytesIO()
    answer_lines(io.BytesIO(b"\n  \n" + good + b"\r\n\xff\xfe\n[1]\n" + good), sink)
    told = [json.loads(line) for line in sink.getvalue().decode().splitlines()]
    assert [line.get("error", {}).get("code") for line in told] == [None, "bad-json", "bad-line", None]
    assert told[0] == told[3]
    assert "体重" in sink.getvalue().decode()
