"""The values that parts of the stand-in hand to each other, and JSON that keeps every digit (63.50 stays 63.50)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from simulators.hospital.outcomes import RefusedError

Resource = dict[str, Any]
Query = tuple[tuple[str, str], ...]

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction: `parts` of the path below the base, headers in lower case, the resource that came along."""

    method: str
    parts: tuple[str, ...]
    query: Query = ()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    resource: Resource | None = None
    scopes: tuple[str, ...] = ("system/*.cruds",)
    # The most entries a Bundle may have this time (0: as the abilities say).
    most: int = 0
    # A transaction sets ids aside, and looks at references and consent when everything is in its place.
    set_aside: str = ""
    within: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: `stored` names the versions written (`Observation/x/_history/1`)."""

    status: int
    resource: Resource | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    stored: tuple[str, ...] = ()


def write_json(value: Any) -> bytes:
    """JSON of a resource; decimals as they were written."""
    return _encode(value)


def split_target(target: str) -> SplitResult:
    """Path and query of a target; raises RefusedError (400) when it is no address."""
    try:
        return urlsplit(target)
    except ValueError as error:
        raise RefusedError(400, f"not an address: {error}") from None


def read_json(raw: bytes) -> Resource:
    """The object in `raw`; raises RefusedError (400) when it is none."""
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(400, "the body is not a JSON object")
    return value
