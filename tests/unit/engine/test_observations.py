"""What one Observation says: codes, claims, times, panels, refusals."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.contract.kinds import KINDS
from engine.observation_derived import step_summaries
from engine.observations import Measured, UnbuildableError, build, build_all, fhir_id, identifier_of
from tests.observation_cases import OBSERVED, READING, TOKYO, example

PHD = "http://hl7.org/fhir/uv/phd/StructureDefinition/"


def said(kind: str, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(build(example(kind, **changes), TOKYO))
    return document


def claims(document: dict[str, Any]) -> set[str]:
    return {url.rsplit("/", 1)[1] for url in document.get("meta", {}).get("profile", [])}


@pytest.mark.parametrize("status", [None, "amended"])
@pytest.mark.parametrize("digits", ["62.30", "63.50", "48.0", "60"])
def test_63_50_kilograms_stay_63_50(digits: str, status: str | None) -> None:
    text = build(example("body-weight", value=Decimal(digits)), TOKYO, status=status)
    assert f'"value":{digits},'.encode() in text


def test_a_large_exponent_is_written_in_plain_digits() -> None:
    assert b'"value":6000,' in build(example("basal-metabolism", value=Decimal("6E+3")), TOKYO)


def test_a_weight_claims_vital_signs_jp_core_and_phd_at_once() -> None:
    assert claims(said("body-weight")) == {"bodyweight", "JP_Observation_BodyMeasurement", "PhdNumericObservation"}


def test_a_derived_bmi_names_its_weight_and_claims_no_device_profile() -> None:
    document = said("bmi")
    assert document["derivedFrom"] == [{"reference": f"Observation/{fhir_id(READING + '.body-weight')}"}]
    assert "PhdNumericObservation" not in claims(document)
    assert "device" not in document


@pytest.mark.parametrize("missing", ["device_id", "gateway_id"])
def test_without_device_or_gateway_no_phd_profile_is_claimed(missing: str) -> None:
    document = said("body-weight", **{missing: None})
    assert not any(url.startswith(PHD) for url in document["meta"]["profile"])
    assert "phd" not in json.dumps(document["category"])


@pytest.mark.parametrize("kind", [kind.code for kind in OBSERVED if kind.mdc is None])
def test_a_kind_without_an_ieee_code_claims_no_phd_profile(kind: str) -> None:
    assert "PhdNumericObservation" not in claims(said(kind))


@pytest.mark.parametrize("kind", [kind.code for kind in OBSERVED])
def test_every_category_stands_in_an_entry_of_its_own(kind: str) -> None:
    assert all(len(entry["coding"]) == 1 for entry in said(kind)["category"])


def test_a_kind_without_any_standard_code_carries_our_own() -> None:
    assert said("body-age")["code"]["coding"] == [
        {"system": "urn:minato-phr:kind", "code": "body-age", "display": "body age"}
    ]


def test_a_blood_pressure_is_one_panel_and_its_pulse_another_observation() -> None:
    rows = [
        example("systolic", value=Decimal(131)), example("diastolic", value=Decimal(84)), example("pulse-rate"),
    ]  # fmt: skip
    panel, pulse = sorted(
        (json.loads(item) for item in build_all(rows, TOKYO)), key=lambda item: "component" not in item
    )
    assert [part["valueQuantity"]["value"] for part in panel["component"]] == [131, 84]
    assert panel["identifier"][0]["value"] == f"{READING}.blood-pressure"
    assert "valueQuantity" not in panel
    assert pulse["identifier"][0]["value"] == f"{READING}.pulse-rate"


def test_a_side_the_cuff_did_not_give_is_absent_with_a_reason_because_the_profile_wants_both() -> None:
    (panel,) = (json.loads(item) for item in build_all([example("systolic")], TOKYO))
    assert "valueQuantity" in panel["component"][0]
    assert panel["component"][1]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert len(panel["component"]) == 2  # the mean is said only where there is one


def test_batteries_and_rooms_are_nobodys_body_and_left_out() -> None:
    assert list(build_all([example("battery"), example("room-temperature"), example("steps-total")], TOKYO)) == []


def test_a_moment_carries_the_offset_of_the_household() -> None:
    assert said("heart-rate")["effectiveDateTime"] == "2026-11-21T07:01:03+09:00"


def test_steps_of_an_interval_are_a_period() -> None:
    document = said("steps-interval", period_start=datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
    assert document["effectivePeriod"] == {"start": "2026-11-21T06:00:00+09:00", "end": "2026-11-21T07:01:03+09:00"}


def test_a_vital_sign_over_a_while_is_said_at_its_end_because_r4_wants_a_moment_there() -> None:
    document = said("heart-rate", period_start=datetime(2026, 11, 20, 21, 0, tzinfo=UTC))
    assert document["effectiveDateTime"] == "2026-11-21T07:01:03+09:00"


def test_a_day_summary_covers_the_civil_day_and_is_named_by_resident_kind_and_date() -> None:
    document = said("steps-day", day=date(2026, 11, 21))
    assert document["effectivePeriod"] == {"start": "2026-11-21T00:00:00+09:00", "end": "2026-11-21T23:59:59+09:00"}
    assert document["identifier"][0]["value"] == "r-4jq6kz7w2m5xa.steps-day.2026-11-21"


def test_a_civil_day_with_a_change_of_clocks_is_an_hour_shorter() -> None:
    measured = example("steps-day", day=date(2026, 3, 29))
    period = json.loads(build(measured, ZoneInfo("Europe/Berlin")))["effectivePeriod"]
    assert period == {"start": "2026-03-29T00:00:00+01:00", "end": "2026-03-29T23:59:59+02:00"}


@pytest.mark.parametrize(("quality", "noted"), [("device", 0), ("received", 0), ("sequence", 1), ("unknown", 1)])
def test_a_doubtful_clock_is_said_in_a_note(quality: str, noted: int) -> None:
    assert len(said("body-weight", time_quality=quality).get("note", [])) == noted


@pytest.mark.parametrize(("quality", "faults"), [("device", 0), ("received", 0), ("sequence", 1), ("unknown", 1)])
def test_a_doubtful_clock_is_a_time_fault_that_the_reading_carries_with_it(quality: str, faults: int) -> None:
    document = said("body-weight", time_quality=quality)
    clocks = document.get("contained", [])
    references = [one["valueReference"] for one in document["extension"] if one["url"].endswith("TimeStampReference")]
    assert (len(clocks), references) == (faults, [{"reference": "#clock"}] * faults)
    for clock in clocks:
        assert clock["subject"] == {"reference": "Device/d-q3y5n7vh2kd4s"}
        assert clock["device"] == {"reference": "Device/g-p6t4w2xk5ja7c"}
        assert clock["effectiveDateTime"] == document["effectiveDateTime"]
        assert "valueDateTime" not in clock  # the device's own time is not kept


def test_a_value_written_by_hand_has_no_clock_to_doubt() -> None:
    assert "contained" not in said("body-weight", time_quality="unknown", device_id=None, gateway_id=None)


def test_a_pulse_beside_an_oxygen_saturation_is_the_oximeters_and_one_beside_a_pressure_the_cuffs() -> None:
    def mdc(*kinds: str) -> str:
        (pulse,) = (json.loads(one) for one in build_all([example(kind) for kind in kinds], TOKYO) if b"8867-4" in one)
        codes = {coding["system"]: str(coding["code"]) for coding in pulse["code"]["coding"]}
        return codes["urn:iso:std:iso:11073:10101"]

    assert mdc("spo2", "pulse-rate") == "149530"
    assert mdc("systolic", "diastolic", "pulse-rate") == "149546"
    assert mdc("pulse-rate") == "149546"


def test_a_value_is_told_again_amended_or_in_error_under_any_name_and_about_the_patient_they_know() -> None:
    measured = example("body-weight")
    again = identifier_of(measured, turn=2)
    text = build(measured, TOKYO, status="entered-in-error", identifier=again, patient="Hosp.0001")
    document = json.loads(text)
    assert again == f"{READING}.body-weight.2"
    assert (document["id"], document["identifier"][0]["value"]) == (fhir_id(again), again)
    assert document["status"] == "entered-in-error"
    assert [document["subject"], *document["performer"]] == [{"reference": "Patient/Hosp.0001"}] * 2
    assert b"r-4jq6kz7w2m5xa" not in text


@pytest.mark.parametrize("told", [{"status": "banana"}, {"status": "registered"}, {"status": ""}])
def test_a_status_that_says_nothing_of_a_value_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(UnbuildableError) as refused:
        build(example("body-weight"), TOKYO, **told)
    assert refused.value.code == "status"


@pytest.mark.parametrize("told", [{"identifier": ""}, {"identifier": "a b"}, {"patient": ""}, {"patient": "x" * 65}])
def test_a_name_that_is_no_fhir_id_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(UnbuildableError) as refused:
        build(example("body-weight"), TOKYO, **told)
    assert refused.value.code == "bad-id"


def test_an_unconfirmed_value_is_preliminary() -> None:
    assert said("heart-rate", preliminary=True)["status"] == "preliminary"
    assert said("heart-rate")["status"] == "final"


def test_a_value_of_an_unverified_device_family_is_tagged() -> None:
    assert said("body-weight", experimental=True)["meta"]["tag"][0]["code"] == "experimental"


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("battery", {}, "not-observed"),
        ("systolic", {}, "component"),
        ("body-weight", {"kind": "phlogiston"}, "unknown-kind"),
        ("body-weight", {"unit": "[lb_av]"}, "unit"),
        ("body-weight", {"value": None}, "no-value"),
        ("body-weight", {"components": (("systolic", Decimal(1)),)}, "no-value"),
        ("blood-pressure", {"components": ()}, "no-value"),
        ("blood-pressure", {"components": (), "value": Decimal(120)}, "no-value"),
        ("blood-pressure", {"components": (("systolic", Decimal(1)), ("systolic", Decimal(2)))}, "no-value"),
        ("blood-pressure", {"components": (("body-weight", Decimal(60)),)}, "no-value"),
        ("body-weight", {"value": Decimal("NaN")}, "not-a-number"),
        ("body-weight", {"value": Decimal("Infinity")}, "not-a-number"),
        ("body-weight", {"value": Decimal("0." + "1" * 30)}, "not-a-number"),
        ("body-weight", {"measured_at": datetime(2026, 1, 1)}, "naive-time"),  # noqa: DTZ001
        ("body-weight", {"day": date(2026, 1, 1)}, "no-period"),
        ("body-weight", {"reading_id": None}, "bad-id"),
        ("body-weight", {"resident_id": "酒田"}, "bad-id"),
        ("body-weight", {"device_id": 'd"'}, "bad-id"),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_reason(kind: str, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(UnbuildableError) as refused:
        build(example(kind, **changes), TOKYO)
    assert refused.value.code == code


@pytest.mark.golden
@pytest.mark.parametrize("kind", [kind.code for kind in OBSERVED])
def test_one_observation_of_every_kind_looks_as_it_did(kind: str, golden: Any) -> None:
    text = build(example(kind), TOKYO).decode()
    # Digits pass as text: a float would write 62.3 for 62.30.
    document = json.loads(text, parse_float=lambda digits: f"<{digits}>")
    pretty = json.dumps(document, ensure_ascii=False, indent=2).replace('"<', "").replace('>"', "")
    golden(f"fhir/{kind}.json", pretty + "\n")


def test_the_folder_of_goldens_holds_exactly_the_observed_kinds(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "tests" / "golden" / "fhir"
    assert {path.stem for path in folder.glob("*.json")} == {kind.code for kind in KINDS.values() if kind in OBSERVED}


def test_a_day_filled_from_the_next_total_is_no_better_than_that_total() -> None:
    """A pedometer nobody has proven was read on Monday and on Wednesday: Tuesday's steps are not proven either."""
    monday = datetime(2026, 11, 16, 12, tzinfo=TOKYO)

    def total(days: int, steps: str, **more: Any) -> Measured:
        return Measured(
            reading_id="a" * 26, resident_id="r-4jq6kz7w2m5xa", device_id="d-abcdefghijklm", gateway_id=None,
            kind="steps-total", value=Decimal(steps), unit="{steps}", measured_at=monday + timedelta(days=days), **more,
        )  # fmt: skip

    rows = [total(0, "1000"), total(2, "9000", experimental=True, preliminary=True)]
    found = list(step_summaries(rows, TOKYO, monday + timedelta(days=9)))
    assert [(row.day and row.day.day, row.experimental, row.preliminary) for row in found] == [
        (16, False, False), (17, True, True), (18, True, True),
    ]  # fmt: skip
