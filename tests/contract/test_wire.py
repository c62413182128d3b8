"""What goes over MQTT: strict both ways, and total on whatever a stranger sends."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract import ids, topics, units, wire
from engine.contract.kinds import BY_QUANTITY, KINDS
from engine.contract.reading import Quantity, Reading, Sample, Value, reading_id, values_of
from tests.strategies import readings

EXAMPLE = (
    b'{"v":1,"id":"abcdefghijklmnopqrstuvwxyz","device":"d-abcdefghijklm","profile":"sig-body-composition",'
    b'"firmware":"1.0.3","source":"ble","provenance":"bonded","user_slot":1,"person_hint":null,"sequence":null,'
    b'"quality":null,"measured_at":"2026-11-21T07:01:03+09:00","time_quality":"device","period_start":null,'
    b'"received_at":"2026-11-21T07:01:05+09:00","values":[{"kind":"body-weight","value":"63.25","unit":"kg"},'
    b'{"kind":"body-fat","value":"24.10","unit":"%"}]}'
)


def test_the_reading_of_the_design_survives_the_wire_digit_for_digit() -> None:
    (found,) = wire.decode_readings(EXAMPLE)  # type: ignore[misc]
    assert isinstance(found, Reading)
    assert found.measured_at == datetime(2026, 11, 20, 22, 1, 3, tzinfo=UTC)
    assert wire.encode_reading(found) == EXAMPLE


@given(readings())
def test_every_reading_comes_back_as_it_was_sent(reading: Reading) -> None:
    payload = wire.encode_reading(reading)
    assert wire.decode_readings(payload) == (reading,)
    assert list(wire.decode_readings(wire.encode_batch([payload] * 3))) == [reading] * 3  # type: ignore[arg-type]


@given(st.binary(max_size=400))
def test_any_bytes_get_an_answer(payload: bytes) -> None:
    assert isinstance(wire.decode_readings(payload), wire.Unreadable)


@given(readings(), st.data())
def test_a_changed_byte_never_raises_and_never_changes_an_id_silently(reading: Reading, data: st.DataObject) -> None:
    payload = bytearray(wire.encode_reading(reading))
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    found = wire.decode_readings(bytes(payload))
    if not isinstance(found, wire.Unreadable):
        assert len(found) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b'"v":1', b'"v":2'), "version"),
        ((b'"63.25"', b'"63,25"'), "malformed"),
        ((b'"63.25"', b"63.25"), "malformed"),
        ((b'"unit":"kg"', b'"unit":"kg","extra":1'), "malformed"),
        ((b"+09:00", b""), "malformed"),
        ((b'"1.0.3"', b'"1.0\\u0000"'), "malformed"),
        ((b'"d-abcdefghijklm"', b'"aa:bb:cc:dd:ee:ff"'), "malformed"),
        ((b'"user_slot":1', b'"user_slot":256'), "malformed"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_id_and_a_code(change: tuple[bytes, bytes], code: str) -> None:
    (found,) = wire.decode_readings(EXAMPLE.replace(*change))  # type: ignore[misc]
    assert isinstance(found, wire.Malformed)
    assert (found.id, found.code) == ("abcdefghijklmnopqrstuvwxyz", code)


def test_one_bad_reading_does_not_spoil_its_batch() -> None:
    spoiled = EXAMPLE.replace(b'"63.25"', b'"?"').replace(b'"id":"a', b'"id":"b')
    found = wire.decode_readings(wire.encode_batch([EXAMPLE, spoiled]))
    assert [type(item) for item in found] == [Reading, wire.Malformed]  # type: ignore[union-attr]


def test_a_batch_with_an_unreadable_id_is_bad_as_a_whole_so_that_the_gateway_halves_it() -> None:
    nameless = EXAMPLE.replace(b"abcdefghijklmnopqrstuvwxyz", b"no id", 1)
    assert isinstance(wire.decode_readings(wire.encode_batch([EXAMPLE, nameless])), wire.Unreadable)


def test_oversized_and_overfull_messages_are_refused_by_name() -> None:
    too_large = wire.decode_readings(b" " * (wire.MAX_MESSAGE + 1))
    assert isinstance(too_large, wire.Unreadable)
    assert too_large.code == "too-large"
    small = EXAMPLE.replace(b',{"kind":"body-fat","value":"24.10","unit":"%"}', b"").replace(
        b'"firmware":"1.0.3","source":"ble","provenance":"bonded","user_slot":1,"person_hint":null,"sequence":null,'
        b'"quality":null,',
        b"",
    )
    many = wire.decode_readings(wire.encode_batch([small] * (wire.MAX_BATCH + 1)))
    assert isinstance(many, wire.Unreadable)
    assert many.code == "too-many"


@pytest.mark.parametrize(
    "message",
    [
        wire.Ack(ids=("abcdefghijklmnopqrstuvwxyz",), refused=(wire.RefusedId("abcdefghijklmnopqrstuvwxyz", "past"),)),
        wire.Bad(bad="0" * 64, code="malformed"),
        wire.State(state="lost"),
        wire.Roster(residents=("r-abcdefghijklm",)),
        wire.DeviceNote(device="d-abcdefghijklm", profile="x", bindings=(wire.Binding(1, "r-abcdefghijklm"),)),
        wire.Health(version="0.1.0", at=datetime(2026, 11, 21, tzinfo=UTC), uptime=1.5, journal=0),
    ],
)
def test_other_messages_are_strict_both_ways(message: msgspec.Struct) -> None:
    payload = wire.encode(message)  # type: ignore[arg-type]
    assert wire.decode(payload, type(message)) == message
    assert json.loads(payload)["v"] == 1
    with pytest.raises(msgspec.ValidationError):
        wire.decode(payload[:-1] + b',"extra":1}', type(message))


def test_the_two_answers_of_the_engine_are_told_apart() -> None:
    assert isinstance(wire.decode_answer(b'{"v":1,"ids":[]}'), wire.Ack)
    assert isinstance(wire.decode_answer(b'{"v":1,"bad":"' + b"0" * 64 + b'","code":"x"}'), wire.Bad)


def test_the_schemas_of_every_message_change_only_as_a_reviewed_diff(golden: Callable[[str, str], None]) -> None:
    text = json.dumps(wire.schemas(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    golden("contract/schemas.json", text)


def test_the_reading_id_depends_on_device_slot_anchor_and_bytes_only() -> None:
    base = reading_id("d-abcdefghijklm", 1, "2026-11-21T07:01:03", b"\x02")
    # sha256 of "d-abcdefghijklm\\0" "1\\0" "2026-11-21T07:01:03\\0" and the byte, in base32: the contract, worked out by hand.
    assert base == "lwqjz25dibuogk42qt3imneql3"
    others = {
        reading_id("d-abcdefghijkln", 1, "2026-11-21T07:01:03", b"\x02"),
        reading_id("d-abcdefghijklm", 2, "2026-11-21T07:01:03", b"\x02"),
        reading_id("d-abcdefghijklm", None, "2026-11-21T07:01:03", b"\x02"),
        reading_id("d-abcdefghijklm", 1, "2026-11-21T07:01:04", b"\x02"),
        reading_id("d-abcdefghijklm", 1, "2026-11-21T07:01:03", b"\x03"),
    }
    assert len(others) == 5
    assert base not in others


def test_two_gateways_of_a_home_name_a_device_alike_and_other_homes_do_not() -> None:
    here = ids.device_id("h-abcdefghijklm", "C0:FF:EE:00:00:01")
    assert ids.is_id(here, "d")
    assert here == ids.device_id("h-abcdefghijklm", "c0:ff:ee:00:00:01")
    assert here != ids.device_id("h-abcdefghijkln", "C0:FF:EE:00:00:01")


def test_topics_name_a_gateway_and_nothing_else() -> None:
    gateway = "g-abcdefghijklm"
    assert topics.split_up(topics.up(gateway, "reading")) == (gateway, "reading")
    for foreign in (
        "phr/v1/g-a/down/ack",
        "phr/v2/g-a/up/reading",
        "phr/v1/a/b/up/reading",
        "x",
        "phr/v1/+/up/reading",
    ):
        assert topics.split_up(foreign) is None


def test_every_kind_has_codes_and_labels_that_can_be_used() -> None:
    for code, kind in KINDS.items():
        assert kind.code == code
        assert kind.ja
        assert kind.en
        assert kind.low < kind.high
        assert kind.panel is None or kind.panel in KINDS
        assert (kind.medis is None) == (kind.medis_system is None)
    assert len({kind.quantity for kind in KINDS.values() if kind.quantity}) == len(BY_QUANTITY)


def test_values_of_a_sample_keep_the_digits_and_leave_out_what_is_no_reading() -> None:
    sample = Sample(
        quantities={
            "weight": Quantity(Decimal("63.20"), "kg"),
            "sensor_contact": Quantity(True, "bool"),
            "rr_intervals": Quantity([966], "1/1024 s"),
        }
    )
    assert values_of(sample) == (Value("body-weight", "63.20", "kg"),)


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        ("63.250", "kg", "kg", "63.250"),
        ("157.00", "[lb_av]", "kg", "71.21"),
        ("68.0", "[in_i]", "cm", "172.72"),
        ("98.6", "[degF]", "Cel", "37.00"),
        ("9110", "kJ", "kcal/d", "2177.34"),
        ("16.5", "kPa", "mm[Hg]", "123.76"),
    ],
)
def test_conversion_is_exact_and_rounds_half_up(value: str, unit: str, to: str, expected: str) -> None:
    assert str(units.convert(Decimal(value), unit, to, 2)) == expected


def test_an_unknown_unit_is_an_error_not_a_guess() -> None:
    with pytest.raises(units.UnknownUnitError):
        units.convert(Decimal(1), "stone", "kg", 2)


def test_an_offset_is_kept_as_it_was_said() -> None:
    offset = timezone(timedelta(hours=9))
    (found,) = wire.decode_readings(EXAMPLE)  # type: ignore[misc]
    assert isinstance(found, Reading)
    assert found.measured_at.utcoffset() == offset.utcoffset(None)
