"""What we send satisfies HL7 vital signs, JP Core and PHD at once; and the checker does find what is broken."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from engine.observations import build
from tests.contract.profiles import JP_CORE, PACKAGES, profile_findings
from tests.fhir_validator import ndjson
from tests.observation_cases import OBSERVED, TOKYO, example

# One worker installs and runs node; the others do not wait for it.
pytestmark = pytest.mark.xdist_group("node")

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
Spoil = Callable[[dict[str, Any]], object]


def test_the_packages_are_the_published_files() -> None:
    told = dict(
        re.findall(r"^\| `([^`]+)` .*\| `([0-9a-f]{64})` \|$", (PACKAGES / "README.md").read_text(), re.MULTILINE)
    )
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in PACKAGES.glob("*.tgz")}


def test_every_kind_satisfies_all_the_profiles_it_claims() -> None:
    observations = [build(example(kind.code), TOKYO) for kind in OBSERVED]
    findings = dict(zip([kind.code for kind in OBSERVED], profile_findings(observations), strict=True))
    assert {code: found for code, found in findings.items() if found} == {}


def test_the_official_examples_of_jp_core_are_accepted() -> None:
    """The other half of a checker that can fail: it refuses nothing that the makers of the profiles call right."""
    with tarfile.open(JP_CORE) as package:
        names = [name for name in package.getnames() if re.fullmatch(r"package/\w+-[\w-]*example[\w-]*\.json", name)]
        documents = [json.load(found) for name in names if (found := package.extractfile(name)) is not None]
    examples = [document for document in documents if document["resourceType"] not in {"ValueSet", "CodeSystem"}]
    assert len(examples) > 40
    findings = profile_findings(ndjson(examples))
    assert [(one["id"], found) for one, found in zip(examples, findings, strict=True) if found] == []


def _merge_categories(document: dict[str, Any]) -> None:
    document["category"] = [{"coding": [coding for entry in document["category"] for coding in entry["coding"]]}]


# (what is broken, the kind, how, the engine and a word of the finding)
BROKEN: list[tuple[str, str, Spoil, str]] = [
    ("a unit of another quantity", "body-weight", lambda d: d["valueQuantity"].update(code="cm"), "bodyweight"),
    ("no unit system", "body-weight", lambda d: d["valueQuantity"].pop("system"), "PhdNumericObservation"),
    ("no device", "body-weight", lambda d: d.pop("device"), "PhdNumericObservation"),
    ("no gateway", "body-weight", lambda d: d.pop("extension"), "PhdNumericObservation"),
    ("no PHD category", "body-weight", lambda d: d["category"].pop(3), "PhdNumericObservation"),
    ("no JP category", "body-weight", lambda d: d["category"].pop(1), "JP_Observation_BodyMeasurement"),
    ("a JP category of another family", "spo2", lambda d: d["category"][1]["coding"][0].update(code="exam"),
     "JP_Observation_VitalSigns"),
    ("codings merged in one category", "body-weight", _merge_categories, "JP_Observation_BodyMeasurement"),
    ("no LOINC code", "spo2", lambda d: d["code"]["coding"].__delitem__(slice(0, 2)), "oxygensat"),
    ("a plain H for high on a PHD value", "heart-rate", lambda d: d.update(
        interpretation=[{"coding": [{"system": INTERPRETATION, "code": "H"}]}]), "PhdNumericObservation"),
    ("no diastolic side", "blood-pressure", lambda d: d["component"].pop(1), "bp"),
    ("one side in kPa", "blood-pressure", lambda d: d["component"][0]["valueQuantity"].update(code="kPa"), "bp"),
    ("a side as a word", "blood-pressure", lambda d: d["component"][0].update(
        valueString=str(d["component"][0].pop("valueQuantity"))), "PhdCompoundNumericObservation"),
    ("no time", "body-temperature", lambda d: d.pop("effectiveDateTime"), "bodytemp"),
    ("a day that is not in the calendar", "body-fat", lambda d: d.update(effectiveDateTime="2026-02-30"), "base"),
    ("a device that is a patient", "body-fat", lambda d: d["device"].update(reference="Patient/1"), "base"),
    ("a performer JP Core does not allow", "body-fat", lambda d: d.update(performer=[{"reference": "Device/1"}]), "base"),
    ("an element nobody knows", "body-fat", lambda d: d["code"].update(texts="x"), "base"),
    ("a status nobody knows", "body-fat", lambda d: d.update(status="banana"), "base"),
    ("an empty list", "body-fat", lambda d: d.update(note=[]), "base"),
    ("a number as text", "body-fat", lambda d: d["valueQuantity"].update(value="20.1"), "base"),
    ("a claim of a profile that does not exist", "body-fat", lambda d: d["meta"]["profile"].append("http://x.test/P"), "P"),
    ("a value and a reason for its absence", "body-fat", lambda d: d.update(dataAbsentReason={"text": "?"}), "base"),
]  # fmt: skip


def test_each_broken_observation_is_found_under_the_profile_it_breaks() -> None:
    documents = []
    for _, kind, spoil, _ in BROKEN:
        documents.append(json.loads(build(example(kind), TOKYO)))
        spoil(documents[-1])
    missed = []
    for (name, _, _, profile), findings in zip(BROKEN, profile_findings(ndjson(documents)), strict=True):
        found = {one.profile.rsplit("/", 1)[-1] for one in findings}
        if profile not in found:
            missed.append((name, found))
    assert missed == []


def test_what_stands_in_a_bundle_or_is_contained_is_held_likewise() -> None:
    good, bad = (json.loads(build(example("body-weight"), TOKYO)) for _ in range(2))
    bad.pop("device")
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": good}, {"resource": bad}]}
    holder = {"resourceType": "List", "status": "current", "mode": "working", "contained": [bad]}
    in_bundle, contained = profile_findings(ndjson([bundle, holder]))
    assert in_bundle
    assert all(one.path.startswith("entry[1] ") for one in in_bundle)
    assert any(one.path.startswith("contained[0] ") for one in contained)
