"""FHIR R4 Observations, a Bundle or NDJSON, back to readings; our own export comes back under its own ids.

Codes are read by the table of kinds: our own code system, MDC, MEDIS, then LOINC; the unit decides between kinds that
share a code. A file is about one person: a second subject is refused line by line, never filed under the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.ids import is_id
from engine.imports.daily import DayTally
from engine.imports.fhir_observation import Json, identity_of, record_of
from engine.imports.model import FileError, Item, Record, fault
from engine.imports.numbers import exact_json

_LARGEST: Final = 256 << 20
_LINE: Final = 1 << 20


class Subject:
    """Whose data a file holds: the first subject it names, or the one a person confirmed."""

    def __init__(self, resident: str, confirmed: str | None) -> None:
        self._resident = resident
        self._reference = confirmed

    def refusal(self, observation: Json) -> str | None:
        """Why this Observation is not the resident's, None when it may be."""
        subject = observation.get("subject")
        reference = str(subject.get("reference", "")) if isinstance(subject, dict) else ""
        if self._reference is None:
            known = reference.rsplit("/", 1)[-1]
            # Ids of ours name one person for ever: somebody else's export is not taken on a first glance.
            if is_id(known, "r") and known != self._resident:
                return "another-person"
            self._reference = reference
        return None if reference == self._reference else "another-person"


def records(
    stream: IO[bytes], zone: ZoneInfo, now: datetime, skipped: Counter[str], resident: str, subject: str | None = None
) -> Iterator[Item]:
    """The Observations of a file as records; other resources are counted in `skipped`.

    `subject` is the reference of the person the file is about, where a person has confirmed that this is `resident`.
    Raises FileError: not-fhir, damaged-json, too-large.
    """
    person, tally = Subject(resident, subject), DayTally(zone, now)
    waiting: Record | None = None
    for line, resource in _resources(stream):
        item = _item(resource, line, zone, now, person, skipped)
        if item is None or (isinstance(item, Record) and _counted(item, tally)):
            continue
        joined = _joined(waiting, item)
        if joined is None and waiting is not None:
            yield waiting
        waiting = joined or (item if isinstance(item, Record) and item.own else None)
        if waiting is None:
            yield item
    if waiting is not None:
        yield waiting
    yield from tally.records()
    skipped.update({"today": tally.unfinished} if tally.unfinished else {})


def _item(
    resource: Any, line: int, zone: ZoneInfo, now: datetime, person: Subject, skipped: Counter[str]
) -> Item | None:
    if isinstance(resource, str):
        return fault(line, "damaged-json", resource)
    if resource.get("resourceType") != "Observation":
        skipped[str(resource.get("resourceType"))[:40]] += 1
        return None
    return _observation(resource, line, zone, now, person, skipped)


def _counted(record: Record, tally: DayTally) -> bool:
    """Whether these were somebody else's steps: parts and totals of a day from any number of sources make one total."""
    if record.own is not None or record.values[0].kind not in {"steps-interval", "steps-day"}:
        return False
    span = (record.start or record.at, record.at)
    tally.add("steps-day", record.origin, span, Decimal(record.values[0].value), record.line)
    return True


def _joined(first: Record | None, second: Item) -> Record | None:
    """Two Observations of one reading of ours as that reading; None when they are not."""
    if first is None or first.own is None or not isinstance(second, Record) or second.own is None:
        return None
    if first.own.id != second.own.id or first.at != second.at:
        return None
    return msgspec.structs.replace(first, values=first.values + second.values)


def _resources(stream: IO[bytes]) -> Iterator[tuple[int, Any]]:
    first = stream.readline(_LINE)
    whole = _parsed(first)
    if isinstance(whole, dict) and whole.get("resourceType") != "Bundle":
        yield 1, whole
        line = 1
        while text := stream.readline(_LINE):
            line += 1
            if text.strip():
                found = _parsed(text)
                yield line, found if isinstance(found, dict) else text[:80].decode("utf-8", "replace")
        return
    if whole is None:
        rest = stream.read(_LARGEST)
        if len(rest) == _LARGEST:
            raise FileError("too-large", "a Bundle of more than 256 MiB: export NDJSON instead")
        whole = _parsed(first + rest)
    if not isinstance(whole, dict):
        raise FileError(
            "not-fhir" if whole is not None else "damaged-json", "neither a Bundle nor Observations by line"
        )
    entries = whole.get("entry", []) if whole.get("resourceType") == "Bundle" else [{"resource": whole}]
    for number, entry in enumerate(entries if isinstance(entries, list) else [], 1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        yield number, resource if isinstance(resource, dict) else "an entry without a resource"


def _parsed(text: bytes) -> Any:
    try:
        return exact_json(text.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return None


def _observation(
    found: Json, line: int, zone: ZoneInfo, now: datetime, person: Subject, skipped: Counter[str]
) -> Item | None:
    try:
        identity = identity_of(found)
        if identity and found.get("derivedFrom"):
            skipped["derived"] += 1  # computed from what stands beside it, and computed again wherever that is stored
            return None
        item = record_of(found, line, zone, identity, person.refusal(found))
        if isinstance(item, Record) and item.values[0].kind == "steps-day" and item.at > now:
            skipped["today"] += 1
            return None
    except (AttributeError, TypeError, KeyError, IndexError, ValueError):
        return fault(line, "not-an-observation")
    return item
