"""One FHIR resource of a network as facts and entries: the same understanding as of whole documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine import care_entries
from engine.clinical import Fact
from engine.refusal import Refusal
from fhir_bridge.imports.dates import fhir_moment
from fhir_bridge.imports.entries import entry_of
from fhir_bridge.imports.facts import Tally, facts_of_items
from fhir_bridge.imports.fhir_items import READ, items_of
from fhir_bridge.imports.json_parts import Json, mapping, word
from fhir_bridge.imports.model import DocumentError, Unknown

_NOTHING: Final[Mapping[str, Json]] = {}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Of whom a resource is, who is answerable for taking it, where it came from and which edition it is.

    `remote` is its name at `origin`, like Condition/17; `channel` is that of the facts, by default the origin's. `came`
    is when this edition came (None: now): what has no day of its own is so since then at the latest, however often it
    is read again.
    """

    resident: str
    actor: str
    now: datetime
    origin: str
    remote: str
    version: str
    zone: ZoneInfo = ZoneInfo("Asia/Tokyo")
    channel: str = ""
    came: datetime | None = None


class Translation(msgspec.Struct, frozen=True):
    """What one resource says: facts and entries to store, and what of it became neither."""

    facts: tuple[Fact, ...]
    entries: tuple[care_entries.Entry, ...]
    unknown: tuple[Unknown, ...]


def translate(resource: Mapping[str, Any], told: Told, beside: Mapping[str, Json] = _NOTHING) -> Translation | Refusal:
    """The facts and entries of one resource, ids "" until they are stored; `beside` holds what it may point to.

    A resource that was entered in error makes no fact and an entry that is wrong. Refused as not-fhir or
    too-many-entries, the place in `field`.
    """
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in READ:
        return Refusal("not-fhir", "a resource of a kind that is not read", "resourceType")
    came = told.came or told.now
    said = fhir_moment(word(mapping(resource, "meta"), "lastUpdated"), told.zone) or came
    draft = Fact(
        resident=told.resident, code="", value="", at=min(said, came), actor=told.actor,
        channel=told.channel or f"bridge.{told.origin}", recorded_at=told.now,
    )  # fmt: skip
    tally = Tally()
    try:
        items = list(items_of(resource, kind, told.zone, beside))
    except DocumentError as error:
        return Refusal(error.code, error.message, error.place)
    facts, _ = facts_of_items(items, "fhir", draft, tally)
    found = (entry_of(item, "fhir", draft, told.origin) for item in items)
    named = tuple(
        msgspec.structs.replace(entry, remote=told.remote, version=told.version) for entry in found if entry is not None
    )
    return Translation(facts, named, tally.all())
