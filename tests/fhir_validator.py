"""Runs validators in Node over FHIR resources, first of all two that nobody here wrote (npm `fhir`, `@medplum/core`)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tests.node_packages import FOLDER, NODE, install

# @medplum/core 4.5 finds no component of a slice that is told apart by `code.coding.code`: it says 0 of the official HL7
# blood-pressure example too. `engine.observations.check` holds that rule instead (`bp-side`, `bp-unit`).
_BLIND = tuple(
    f"Incorrect number of values provided for slice '{side}': expected 1..1, but found 0"
    for side in ("SystolicBP", "DiastolicBP")
)


class Finding(msgspec.Struct, frozen=True):
    """What one engine found wrong with one resource."""

    engine: str
    profile: str
    path: str
    message: str


class _Line(msgspec.Struct, frozen=True):
    line: int
    findings: list[Finding]


def third_party_findings(resources: Iterable[bytes]) -> list[list[Finding]]:
    """The findings of each resource, in order; empty lists for what both validators accept."""
    return [[one for one in findings if not _is_blind(one)] for findings in checked("validate.mjs", resources)]


def checked(script: str, resources: Iterable[bytes], arguments: Sequence[Path] = ()) -> list[list[Finding]]:
    """What a script of tests/npm finds on each resource, in order; RuntimeError with its words where it breaks off."""
    install()
    sent = list(resources)
    found = subprocess.run(
        [NODE, script, *arguments], cwd=FOLDER, input=b"\n".join(sent), capture_output=True, check=False
    )
    lines = [msgspec.json.decode(line, type=_Line) for line in found.stdout.splitlines()]
    if found.returncode != 0 or len(lines) != len(sent):
        raise RuntimeError(found.stderr.decode() or f"{len(lines)} answers to {len(sent)} resources")
    return [line.findings for line in lines]


def _is_blind(finding: Finding) -> bool:
    return (finding.engine, finding.profile) == ("medplum", "bp") and finding.message.startswith(_BLIND)


def ndjson(resources: Iterable[object]) -> list[bytes]:
    """Each resource as one line of JSON."""
    return [json.dumps(resource, ensure_ascii=False).encode() for resource in resources]
