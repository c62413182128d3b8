"""What goes beside Observations satisfies its profiles: devices, gateways, the person, trends, provenance, clocks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from engine.contract.kinds import KINDS
from engine.observation_derived import with_bmi
from engine.observation_devices import phd_device, phg_device, software_device
from engine.observation_patient import patient_of
from engine.observation_provenance import policy_of, provenance_of
from engine.observation_trends import WEIGHT_TREND, weight_trend_of
from engine.observations import TELLABLE, Measured, build
from engine.people import Resident
from engine.store.repo_devices import Device
from tests.contract.profiles import profile_findings
from tests.fhir_validator import ndjson
from tests.observation_cases import OBSERVED, TOKYO, example

# One worker installs and runs node; the others do not wait for it.
pytestmark = pytest.mark.xdist_group("node")

NOW: Final = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
HANAKO: Final = Resident(
    id="r-4jq6kz7w2m5xa", household_id=None, municipality_code="06204", family_name="髙橋", given_name="花子",
    family_kana="タカハシ", given_kana="ハナコ", birth_date=date(1941, 2, 3), sex="female", phone="0234-00-0000",
    address="山形県酒田市本町1-2-3",
)  # fmt: skip
ONE_NAME: Final = msgspec.structs.replace(HANAKO, given_name="", given_kana="", sex="unknown", status="deceased")
SCALE: Final = Device(
    id="d-q3y5n7vh2kd4s", household_id="h-abcdefghijklm", profile="sig-weight", maker="A&D", model="UC-352BLE",
    serial="5110150123", firmware="1.10", battery=80, experimental=False, first_seen=NOW, last_seen=NOW,
)  # fmt: skip
SILENT: Final = msgspec.structs.replace(SCALE, maker=None, model=" ", firmware=None, experimental=True)
WEIGHTS: Final = [
    example(
        "body-weight", reading_id="abcdefghijklmnopqrstuvwx" + "abcdefgh"[n // 8] + "ijklmnop"[n % 8],
        value=Decimal("62.00") - n * Decimal("0.05"), measured_at=NOW - timedelta(days=30 - n),
    )
    for n in range(28)
]  # fmt: skip


def bmi_after_height() -> Measured:
    height = example("body-height", reading_id="b" * 26, value=Decimal("152.5"), measured_at=NOW - timedelta(days=90))
    return next(row for row in with_bmi([height, *WEIGHTS[:1]], Decimal("152.5")) if row.kind == "bmi")


def everything() -> dict[str, Mapping[str, Any]]:
    trend = weight_trend_of(WEIGHTS, TOKYO, NOW)
    assert trend is not None
    bmi = json.loads(build(bmi_after_height(), TOKYO), parse_float=Decimal)
    devices = {f"a sensor of {kind.code}": phd_device(SCALE, [kind.code]) for kind in KINDS.values()}
    found: dict[str, Any] = {
        "a sensor that tells nothing": phd_device(SILENT), "a gateway": phg_device("g-p6t4w2xk5ja7c", "0.6.0"),
        "a gateway that never told": phg_device("g-p6t4w2xk5ja7c", None), "the engine": software_device("0.6.0"),
        "a person": patient_of(HANAKO), "how to reach her": patient_of(HANAKO, contact=True),
        "a person of one name": patient_of(ONE_NAME), "a trend": trend, "a BMI": bmi,
    }  # fmt: skip
    for name, rule in (("a trend", WEIGHT_TREND), ("a BMI", "bmi")):
        sources = [one["reference"] for one in found[name]["derivedFrom"]]
        target = f"Observation/{found[name]['id']}"
        found[f"whose {name}"] = provenance_of(target, sources, NOW, policy_of(rule))
    return found | devices


def encoded(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.Encoder(decimal_format="number").encode(document)


def test_devices_person_trend_and_provenance_satisfy_their_profiles() -> None:
    every = everything()
    findings = zip(every, profile_findings(encoded(one) for one in every.values()), strict=True)
    assert {name: found for name, found in findings if found} == {}


def test_every_kind_told_in_every_way_with_every_clock_satisfies_the_profiles() -> None:
    told = [
        (example(kind.code, time_quality=quality, experimental=quality == "unknown"), status)
        for kind in OBSERVED
        for quality, status in zip(
            ("unknown", "sequence", "received", "device"), sorted(TELLABLE - {"final"}), strict=True
        )
    ]
    told.append((example("pulse-rate", sensor="oximeter"), "final"))
    findings = profile_findings(build(one, TOKYO, status=status, patient="Hosp.0001") for one, status in told)
    assert [(one.kind, status, found) for (one, status), found in zip(told, findings, strict=True) if found] == []


@pytest.mark.parametrize("name", ["a sensor", "a gateway", "a person", "a trend", "whose a trend", "a clock"])
def test_what_goes_beside_looks_as_it_did(name: str, golden: Callable[[str, str], None]) -> None:
    every = everything() | {
        "a sensor": phd_device(SCALE, ["body-weight", "body-fat"]),
        "a clock": json.loads(build(example("body-weight", time_quality="unknown"), TOKYO))["contained"][0],
    }
    text = json.dumps(json.loads(encoded(every[name])), ensure_ascii=False, indent=2)
    golden(f"fhir-beside/{name.replace(' ', '-')}.json", text + "\n")


Spoil = Callable[[dict[str, Any]], object]
BROKEN: Final[list[tuple[str, str, Spoil, str]]] = [
    ("a sensor", "no specialization", lambda d: d.pop("specialization"), "PhdDevice"),
    ("a sensor", "a specialization outside the list", lambda d: d["specialization"][0]["systemType"]["coding"][0].update(
        code="528000"), "PhdDevice"),
    ("a sensor", "no model", lambda d: d.pop("modelNumber"), "PhdDevice"),
    ("a sensor", "the type of a gateway", lambda d: d["type"]["coding"][0].update(code="531981"), "PhdDevice"),
    ("a sensor", "no version", lambda d: d.pop("version"), "PhdDevice"),
    ("a gateway", "the type of a sensor", lambda d: d["type"]["coding"][0].update(code="65573"), "PhgDevice"),
    ("a gateway", "no identifier", lambda d: d.pop("identifier"), "PhgDevice"),
    ("a person", "no identifier", lambda d: d.pop("identifier"), "JP_Patient"),
    ("a person", "a sex in Japanese", lambda d: d.update(gender="女"), "base"),
    ("a person", "a birth date as people write it", lambda d: d.update(birthDate="1941/02/03"), "base"),
    ("a clock", "a fault that is not final", lambda d: d["contained"][0].update(status="preliminary"),
     "PhdCoincidentTimeStampObservation"),
    ("a clock", "a clock nobody knows", lambda d: d["contained"][0]["code"]["coding"][0].update(code="188736"),
     "PhdCoincidentTimeStampObservation"),
    ("a clock", "a clock without its gateway", lambda d: d["contained"][0].pop("device"),
     "PhdCoincidentTimeStampObservation"),
    ("a clock", "a reference to a clock that is not there", lambda d: d.pop("contained"), "base"),
    ("a clock", "a clock nothing refers to", lambda d: d["extension"].pop(1), "base"),
    ("a trend", "no status", lambda d: d.pop("status"), "base"),
    ("a provenance", "no agent", lambda d: d.pop("agent"), "base"),
    ("a provenance", "a day for an instant", lambda d: d.update(recorded="2026-11-22"), "base"),
]  # fmt: skip


def test_each_broken_neighbour_is_found_under_the_profile_it_breaks() -> None:
    every = everything() | {"a clock": json.loads(build(example("body-weight", time_quality="unknown"), TOKYO))}
    whole = every | {"a sensor": phd_device(SCALE, ["body-weight"]), "a provenance": every["whose a trend"]}
    documents = []
    for name, _, spoil, _ in BROKEN:
        documents.append(json.loads(encoded(whole[name])))
        spoil(documents[-1])
    missed = []
    for (name, fault, _, profile), findings in zip(BROKEN, profile_findings(ndjson(documents)), strict=True):
        found = {one.profile.rsplit("/", 1)[-1] for one in findings}
        if profile not in found:
            missed.append((name, fault, found))
    assert missed == []
