"""Validators nobody here wrote accept what we build, and refuse what is broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest

from engine.contract.kinds import KINDS
from engine.observations import Measured, build
from tests.fhir_validator import ndjson, third_party_findings
from tests.observation_cases import OBSERVED, PRESSURES, TOKYO, example

# One worker installs and runs node; the others do not wait for it.
pytestmark = pytest.mark.xdist_group("node")


def varied(kind: str, rng: Random) -> Measured:
    """A value somewhere in the plausible range with up to four decimals, under varying circumstances."""
    found = KINDS[kind]

    def number(code: str) -> Decimal:
        low, high = KINDS[code].low, KINDS[code].high
        return (low + (high - low) * Decimal(rng.randrange(10_001)) / 10_000).quantize(
            Decimal(1).scaleb(-rng.randrange(5))
        )

    plain = example(kind)
    sides = rng.sample([code for code, _ in PRESSURES], rng.randrange(1, 4))
    panel = kind == "blood-pressure"
    by_device = plain.device_id is not None and rng.random() < 0.7
    return msgspec.structs.replace(
        plain,
        value=None if panel else number(found.code),
        components=tuple((code, number(code)) for code in sides) if panel else (),
        device_id=plain.device_id if by_device else None,
        gateway_id=plain.gateway_id if by_device else None,
        measured_at=plain.measured_at - timedelta(microseconds=rng.randrange(10**14)),
        period_start=plain.measured_at - timedelta(days=2000) if rng.random() < 0.3 else None,
        time_quality=rng.choice(("device", "sequence", "received", "unknown")),
        experimental=rng.random() < 0.3,
        preliminary=rng.random() < 0.3,
    )


def test_every_kind_and_hundreds_of_varied_observations_are_accepted_by_two_other_validators() -> None:
    rng = Random(20261121)
    measured = [example(kind.code) for kind in OBSERVED]
    measured += [varied(kind.code, rng) for kind in OBSERVED for _ in range(12)]
    findings = third_party_findings(build(one, TOKYO) for one in measured)
    assert len(findings) == len(measured) > 500
    assert [(one.kind, found) for one, found in zip(measured, findings, strict=True) if found] == []


# What they do not see (two values, a missing unit, the sides of a blood pressure) fhir.resources or our own checks do.
BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "status outside the value set": lambda d: d.update(status="banana"),
    "no code": lambda d: d.pop("code"),
    "no status": lambda d: d.pop("status"),
    "subject of a wrong type": lambda d: d.update(subject={"reference": "Medication/1"}),
    "device of a wrong type": lambda d: d.update(device={"reference": "Patient/1"}),
    "an element FHIR does not know": lambda d: d.update(weight=62.3),
    "no category where vital signs want one": lambda d: d.pop("category"),
    "no time where vital signs want one": lambda d: d.pop("effectiveDateTime"),
    "a value and a reason for its absence": lambda d: d.update(
        dataAbsentReason={
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]
        }
    ),
}


def test_the_other_validators_do_refuse_what_is_broken() -> None:
    documents = []
    for spoil in BROKEN.values():
        document = json.loads(build(example("body-weight"), TOKYO))
        spoil(document)
        documents.append(document)
    findings = third_party_findings(ndjson(documents))
    assert [name for name, found in zip(BROKEN, findings, strict=True) if not found] == []
