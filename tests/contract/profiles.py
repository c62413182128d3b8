"""Holds FHIR resources against the unmodified profile packages of JP Core 1.1.2 and HL7 PHD 2.0.0."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.fhir_validator import Finding, checked

PACKAGES: Final = Path(__file__).parent / "packages"
JP_CORE: Final = PACKAGES / "jp-core.r4-1.1.2-snap.tgz"
PHD: Final = PACKAGES / "hl7.fhir.uv.phd-2.0.0-sushi-snap.tgz"


def profile_findings(resources: Iterable[bytes], *more_packages: Path) -> list[list[Finding]]:
    """The findings on each resource, in order: base R4, what it claims in `meta.profile`, what R4 imposes on vital signs.

    Entries of Bundles and contained resources are held likewise. One Node process a call (about two seconds); each
    resource is one line of JSON. A claimed profile that no package holds is a finding.
    """
    return checked("profiles.mjs", resources, [JP_CORE, PHD, *more_packages])
