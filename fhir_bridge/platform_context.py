"""Our own JSON-LD @context: what the names on an NGSI-LD platform mean. Pure."""

from __future__ import annotations

from typing import Any, Final

from fhir_bridge.platform_entities import AXES, CELL, RELEASE

_SPACE: Final = "urn:minato-phr:platform:"


def own_context() -> dict[str, Any]:
    """Our own @context: every name we use as a term; to be served at the address that `platform.context` names."""
    names = [
        CELL, RELEASE, "refRelease", "tableId", "periodStart", "periodEnd", "period", "unit", "municipalities",
        "method", "methodText", "epsilon", "delta", "tables", "cellCount", "contentSha256", "releaseStatus", "issued",
        "licence", "datasetUrl", "contact", "personCount", "status",
        *(name for pair in AXES.values() for name in pair if name),
    ]  # fmt: skip
    terms: dict[str, Any] = {name: f"{_SPACE}{name}" for name in names}
    return {"@context": terms | {"refRelease": {"@id": f"{_SPACE}refRelease", "@type": "@id"}}}
