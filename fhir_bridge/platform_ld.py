"""The same entities in NGSI-LD, for platforms that speak it: properties and relationships with our own @context. Pure.

Facts: ETSI GS CIM 009 (NGSI-LD API), sections 4.5 and 5.6: no value is null, so a suppressed cell has no count.
"""

from __future__ import annotations

from typing import Any, Final

CORE: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
UPSERT: Final = "/ngsi-ld/v1/entityOperations/upsert"
ENTITIES: Final = "/ngsi-ld/v1/entities"
MEDIA: Final = "application/ld+json"
_COUNT: Final = "personCount"


def linked(entity: dict[str, Any], context: str) -> dict[str, Any]:
    """An NGSIv2 entity of ours as NGSI-LD."""
    end = entity["periodEnd"]["value"]
    told: dict[str, Any] = {"id": entity["id"], "type": entity["type"]}
    for name, attribute in entity.items():
        if name in {"id", "type"} or attribute["value"] is None:
            continue
        told[name] = _attribute(attribute)
        if name == _COUNT:
            told[name] |= {"observedAt": end, "unitCode": attribute["metadata"]["unitCode"]["value"]}
    return told | {"@context": [context, CORE]}


def plain_value(attribute: Any) -> Any:
    """What an attribute of NGSI-LD says: a property's value, or whom a relationship names."""
    if not isinstance(attribute, dict):
        return attribute
    if attribute.get("type") == "Relationship":
        return attribute.get("object")
    value = attribute.get("value")
    return value.get("@value") if isinstance(value, dict) and "@value" in value else value


def _attribute(attribute: dict[str, Any]) -> dict[str, Any]:
    kind, value = attribute["type"], attribute["value"]
    if kind == "Relationship":
        return {"type": "Relationship", "object": value}
    if kind == "DateTime":
        return {"type": "Property", "value": {"@type": "DateTime", "@value": value}}
    return {"type": "Property", "value": value}
