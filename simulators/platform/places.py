"""Attributes that say where something is: what the broker takes as a place, and that an entity has one at most.

Facts: FIWARE-NGSI v2 "Geospatial properties of entities"; Orion's limit of one place, and its GeoJSON types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.platform.refusals import RefusedError, bad_request

_PAIR = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*", re.ASCII)
# Least and most pairs of the simple formats.
_PAIRS = {"geo:line": (2, None), "geo:box": (2, 2), "geo:polygon": (4, None)}
_SHAPES = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}


def check_place(name: str, kind: str, value: Any) -> None:
    """Refuses (400) the value of an attribute of type `geo:…` that is no place; other types pass."""
    if kind == "geo:point":
        _pair(name, value)
    elif kind in _PAIRS:
        least, most = _PAIRS[kind]
        if not isinstance(value, list) or len(value) < least or (most and len(value) > most):
            raise bad_request(f"{name}: {kind} is a list of at least {least} pairs")
        pairs = [_pair(name, one) for one in value]
        if kind == "geo:polygon" and pairs[0] != pairs[-1]:
            raise bad_request(f"{name}: a polygon ends where it began")
    elif kind == "geo:json":
        shape = value.get("type") if isinstance(value, dict) else None
        if shape not in _SHAPES or not isinstance(value.get("coordinates"), list):
            raise bad_request(f"{name}: geo:json is a GeoJSON geometry")


def check_one_place(attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses (413) an entity with two places."""
    if sum(str(one["type"]).startswith("geo:") for one in attributes.values()) > 1:
        raise RefusedError(413, "NoResourcesAvailable", "an entity has one place at most")


def _pair(name: str, said: Any) -> tuple[float, float]:
    found = _PAIR.fullmatch(said) if isinstance(said, str) else None
    latitude, longitude = (float(found[1]), float(found[2])) if found else (91.0, 181.0)
    if abs(latitude) > 90 or abs(longitude) > 180:  # noqa: PLR2004 - degrees of the globe
        raise bad_request(f"{name}: not a latitude and a longitude")
    return latitude, longitude
