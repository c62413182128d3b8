"""FHIR back to readings: codes and units to kinds, one person a file, and our own ids."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contract.kinds import KINDS
from engine.contract.reading import reading_id
from engine.imports import fhir
from engine.imports.model import Fault, FileError, Item, Record
from engine.observation_values import Measured
from engine.observations import build, observable

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = datetime(2026, 11, 19, 22, 5, tzinfo=UTC)
ME, DEVICE = "r-hanakohanako2", "d-abcdefghijklm"
LOINC = "http://loinc.org"


def read(*resources: Any, subject: str | None = None, lines: bool = True) -> list[Item]:
    if lines:
        text = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in resources)
    else:
        text = json.dumps({"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}, indent=1)
    return list(fhir.records(io.BytesIO(text.encode()), TOKYO, NOW, Counter(), ME, subject))


def observation(**more: Any) -> dict[str, Any]:
    base = {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": LOINC, "code": "29463-7"}]},
        "subject": {"reference": "Patient/7"}, "effectiveDateTime": "2026-11-20T07:05:00+09:00",
        "valueQuantity": {"value": 62.3, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }  # fmt: skip
    return {name: value for name, value in (base | more).items() if value is not None}


def values(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(v.kind, v.value, v.unit) for item in items if isinstance(item, Record) for v in item.values]


MEASURABLE = sorted(code for code in KINDS if observable(code) and code != "blood-pressure")


@given(st.sampled_from(MEASURABLE), st.data())
def test_whatever_this_program_writes_it_reads_back_digit_for_digit(kind: str, data: st.DataObject) -> None:
    known = KINDS[kind]
    places = st.integers(0, 2)
    amount = data.draw(st.decimals(known.low, known.high, places=data.draw(places), allow_nan=False))
    name = reading_id(DEVICE, None, str(amount), kind.encode())
    made = Measured(
        reading_id=name, resident_id=ME, device_id=DEVICE, gateway_id="g-abcdefghijklm", kind=kind, value=amount,
        unit=known.unit, measured_at=AT, experimental=data.draw(st.booleans()), preliminary=data.draw(st.booleans()),
        time_quality=data.draw(st.sampled_from(["device", "sequence", "unknown"])),
    )  # fmt: skip
    (item,) = read(build(made, TOKYO).decode())
    assert isinstance(item, Record)
    assert item.own is not None
    assert values([item]) == [(kind, format(amount or amount.copy_abs(), "f"), known.unit)]
    assert (item.at, item.own.id, item.own.device, item.own.time_quality) == (AT, name, DEVICE, made.time_quality)
    assert (item.own.experimental, item.own.preliminary) == (made.experimental, made.preliminary)


def test_the_parts_of_one_reading_come_back_as_one() -> None:
    name = reading_id(DEVICE, 1, "x", b"")
    rows = [("body-weight", "62.30"), ("body-fat", "24.1")]
    made = [
        Measured(
            reading_id=name, resident_id=ME, device_id=DEVICE, gateway_id=None, kind=kind, value=Decimal(value),
            unit=KINDS[kind].unit, measured_at=AT,
        )
        for kind, value in rows
    ]  # fmt: skip
    (item,) = read(*(build(row, TOKYO).decode() for row in made))
    assert values([item]) == [("body-weight", "62.30", "kg"), ("body-fat", "24.1", "%")]


def test_a_bundle_and_lines_say_the_same() -> None:
    resources = [
        observation(),
        observation(valueQuantity={"value": 137.4, "code": "[lb_av]"}),
        {"resourceType": "Patient"},
    ]
    assert read(*resources) == read(*resources, lines=False)
    assert values(read(*resources)) == [("body-weight", "62.3", "kg"), ("body-weight", "137.4", "[lb_av]")]


@pytest.mark.parametrize(
    ("code", "unit", "kind"),
    [("8867-4", "/min", "heart-rate"), ("59408-5", "%", "spo2"), ("8280-0", "cm", "waist"), ("55423-8", "{steps}", "steps-day")],
)  # fmt: skip
def test_loinc_and_ucum_name_the_kind(code: str, unit: str, kind: str) -> None:
    coded = {"coding": [{"system": LOINC, "code": code}]}
    (found,) = values(read(observation(code=coded, valueQuantity={"value": 62, "code": unit})))
    assert found[0] == kind


def test_a_blood_pressure_panel_is_one_record_also_with_a_side_missing() -> None:
    part = {"8480-6": 128, "8462-4": 76}
    components = [
        {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in part.items()
    ]
    panel = observation(
        code={"coding": [{"system": LOINC, "code": "85354-9"}]}, valueQuantity=None, component=components
    )
    absent = [components[0], {"code": components[1]["code"], "dataAbsentReason": {"text": "unknown"}}]
    (item,) = read(panel)
    assert values([item]) == [("systolic", "128", "mm[Hg]"), ("diastolic", "76", "mm[Hg]")]
    assert values(read(panel | {"component": absent})) == [("systolic", "128", "mm[Hg]")]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"status": "entered-in-error"}, "status"),
        ({"effectiveDateTime": None}, "unreadable-date"),
        ({"code": {"coding": [{"system": LOINC, "code": "2345-7"}]}}, "unknown-code"),
        ({"valueQuantity": {"value": 62, "code": "[foz_us]"}}, "unknown-unit"),
        ({"valueQuantity": {"value": 62, "comparator": "<", "code": "kg"}}, "comparator"),
        ({"valueQuantity": None, "valueString": "heavy"}, "no-value"),
        ({"code": 7}, "not-an-observation"),
        ({"identifier": [7]}, "not-an-observation"),
    ],
)
def test_what_is_no_measurement_is_a_fault_with_a_code(changed: dict[str, Any], code: str) -> None:
    (item,) = read(observation(**changed))
    assert isinstance(item, Fault)
    assert item.code == code


def test_the_steps_of_several_foreign_counters_are_one_total_a_day() -> None:
    def steps(amount: int, minute: int, device: str) -> dict[str, Any]:
        period = {"start": f"2026-11-20T09:{minute:02}:00+09:00", "end": f"2026-11-20T09:{minute + 5:02}:00+09:00"}
        return observation(
            code={"coding": [{"system": LOINC, "code": "55423-8"}]}, effectiveDateTime=None, effectivePeriod=period,
            valueQuantity={"value": amount, "code": "{steps}"}, device={"display": device},
        )  # fmt: skip

    found = read(steps(300, 0, "watch"), steps(400, 10, "watch"), steps(650, 0, "phone"))
    assert values(found) == [("steps-day", "700", "{steps}")]


def test_a_number_written_to_fill_the_memory_is_a_fault() -> None:
    (item,) = read(json.dumps(observation()).replace("62.3", "1e999999999"))
    assert isinstance(item, Fault)
    assert item.code == "not-a-number"


def test_the_second_person_of_a_file_is_refused() -> None:
    _, other = read(observation(), observation(subject={"reference": "Patient/8"}))
    assert other == Fault(2, "another-person")


def test_the_export_of_another_resident_needs_a_person_to_say_whose_it_is() -> None:
    theirs = observation(subject={"reference": "Patient/r-tarotarotaro3"})
    assert read(theirs) == [Fault(1, "another-person")]
    assert len(values(read(theirs, subject="Patient/r-tarotarotaro3"))) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "damaged-json"), ('{"a":1e99999999999999999999}', "damaged-json"), ("[1]", "not-fhir"), ('{"resourceType":"Bun', "damaged-json"), ("[" * 100_000, "damaged-json"),
     ("7", "not-fhir")],
)  # fmt: skip
def test_what_is_no_fhir_is_refused(text: str, code: str) -> None:
    with pytest.raises(FileError) as caught:
        read(text)
    assert caught.value.code == code


def test_a_broken_line_costs_only_itself() -> None:
    first, second, third = read(observation(), '{"resourceType":', observation())
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert isinstance(second, Fault)
    assert second.code == "damaged-json"
