"""Everything the bridge stores in a network satisfies JP Core 1.1.2, HL7 vital signs and HL7 PHD 2.0.0."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.contract.reading import Value
from engine.contract.wire import Binding, DeviceNote
from simulators.hospital.abilities import Abilities as Make
from tests.bridge.push_world import measured, world
from tests.contract.profiles import profile_findings
from tests.homes import HANAKO, NOW, TARO

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("node")]
CUFF, COUNTER = "d-cuffcuffcuff2", "d-stepsstepsss2"
PRESSURE = (Value("systolic", "131", "mm[Hg]"), Value("diastolic", "82", "mm[Hg]"), Value("pulse-rate", "64", "/min"))
OTHERS = (Value("body-fat", "24.1", "%"), Value("spo2", "97", "%"), Value("body-temperature", "36.6", "Cel"))


def test_every_resource_that_arrives_is_without_a_finding(tmp_path: Path) -> None:
    stored = [body for own_ids in (True, False) for body in arrived(tmp_path, own_ids=own_ids)]
    findings = profile_findings([json.dumps(body, default=_number).encode() for body in stored])
    assert [(body["id"], said) for body, said in zip(stored, findings, strict=True) if said] == []


def arrived(folder: Path, *, own_ids: bool) -> list[dict[str, Any]]:
    """What a network has after values, doubtful clocks, steps, mistakes and new turns."""
    with world(folder, Make(update_create=own_ids)) as town:
        slots = (Binding(1, HANAKO), Binding(2, TARO))
        for device in (CUFF, COUNTER):
            town.heard(DeviceNote(device=device, profile="sig-blood-pressure", maker="A&D", bindings=slots))
        weighing, pressure = measured(1), measured(2, *PRESSURE, device=CUFF)
        town.heard(weighing, pressure, measured(3, *OTHERS, time_quality="unknown"))
        for hours, steps in ((30, "1000"), (26, "5000")):
            at = NOW - timedelta(hours=hours)
            total = Value("steps-total", steps, "{steps}")
            town.heard(measured(hours, total, device=COUNTER, measured_at=at, received_at=at))
        town.push()
        for reading in (weighing, pressure):
            town.move(reading, TARO)
        town.push()
        found = [version.body for kind in ("Observation", "Device") for version in town.hospital.records.all(kind)]
    status = Counter(body["status"] for body in found if body["resourceType"] == "Observation")
    assert status == {"final": 7, "entered-in-error": 3}
    return found


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
