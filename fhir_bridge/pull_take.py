"""One resource a network answered with: whose it is, whether it is ours, and whether it can be read. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from fhir.resources.R4B import get_fhir_model_class

from engine.care_links import Link
from engine.store.repo_pulled import Kept
from fhir_bridge.client_answers import Found
from fhir_bridge.imports.json_parts import listed, mapping, word
from fhir_bridge.matching import patient_id

Json = Mapping[str, Any]
MOST_BYTES: Final = 1 << 20
DEEPEST: Final = 40
# Why nothing at all is kept of it.
LEFT: Final = frozenset({"other-type", "other-patient", "ours", "bad-id"})
_OURS: Final = "urn:minato-phr:"
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LINE_ENDS: Final = frozenset("\t\r\n")
_DIGEST_BYTES: Final = 15


def why_left(found: Found, kind: str, link: Link, base: str) -> str | None:
    """Why a resource is not kept: other-type, bad-id, ours (we told it ourselves) or other-patient; None to keep it."""
    if found.kind != kind:
        return "other-type"
    if not is_name(found.id):
        return "bad-id"
    if any(word(mark, "system").startswith(_OURS) for mark in listed(found.body, "identifier")):
        return "ours"
    return None if _is_of(found.body, link, base) else "other-patient"


def is_name(id_: str) -> bool:
    """Whether a resource can be called so."""
    return _ID.fullmatch(id_) is not None


def why_unused(found: Found) -> str | None:
    """Why a resource that is kept makes nothing: too-large, too-deep, bad-text or not-fhir."""
    if len(found.raw) > MOST_BYTES:
        return "too-large"
    try:
        reason = _shape(found.body) or _shape_of_text(found.raw)
    except UnicodeDecodeError:
        return "bad-text"
    return reason or (None if _is_fhir(found) else "not-fhir")


def edition_of(found: Found, link: Link, state: str | None, now: datetime) -> Kept:
    """A resource as it is kept; without a version of its server the hash of its bytes is one."""
    version = found.version if found.version and _ID.fullmatch(found.version) else f"sha-{_digest(found.raw)}"
    kept = state not in {"too-large", "bad-text"}
    return Kept(
        network=link.network, type=found.kind, id=found.id, version=version, resident=link.resident,
        last_updated=instant(found.last_updated), raw=found.raw.decode() if kept else "", received_at=now, state=state,
    )  # fmt: skip


def instant(text: str | None) -> datetime | None:
    """A FHIR instant, None for anything else."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    # An offset can lead out of the years there are.
    try:
        return None if at is None or at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return None


def _is_of(body: Json, link: Link, base: str) -> bool:
    """Whether every person a resource names as its subject is the linked patient, and it names one."""
    named = [mapping(body, name) for name in ("subject", "patient") if name in body]
    return bool(named) and all(_points_to(one, link, base) for one in named)


def _points_to(reference: Json, link: Link, base: str) -> bool:
    text = word(reference, "reference")
    if text:
        return patient_id(text, base) == link.remote_id
    number = mapping(reference, "identifier")
    return (word(number, "system"), word(number, "value")) == (link.system, link.value)


def _shape(body: Any) -> str | None:
    """Depth and characters, without going deeper than allowed: the model would, and fall."""
    left: list[tuple[Any, int]] = [(body, 0)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            return "too-deep"
        if isinstance(value, str) and _is_bad(value):
            return "bad-text"
        if isinstance(value, dict):
            left += [(inner, depth + 1) for inner in (*value.keys(), *value.values())]
        elif isinstance(value, list):
            left += [(inner, depth + 1) for inner in value]
    return None


def _shape_of_text(raw: bytes) -> str | None:
    return "bad-text" if "\x00" in raw.decode() else None


def _is_bad(text: str) -> bool:
    """Characters FHIR does not allow, which no database of ours keeps either."""
    return any(
        unicodedata.category(letter) in {"Cc", "Cs"} and letter not in _LINE_ENDS
        for letter in text
        if not letter.isprintable()
    )


def _is_fhir(found: Found) -> bool:
    try:
        get_fhir_model_class(found.kind).model_validate(found.body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ArithmeticError):
        # A type nobody knows inside a resource ends in a KeyError of the models' own table.
        return False
    return True


def _digest(raw: bytes) -> str:
    try:
        # The same resource with its fields in another order is the same edition.
        plain = msgspec.json.encode(msgspec.json.decode(raw), order="deterministic")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plain = raw
    return base64.b32encode(hashlib.sha256(plain).digest()[:_DIGEST_BYTES]).decode().lower()
