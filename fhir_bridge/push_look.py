"""Asks a network what it has of a resource before more is said of it: after a conflict, a doubt, or a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from engine.observation_templates import IDENTIFIER_SYSTEM
from engine.store.repo_push import DEVICE, WRONG, Owed
from fhir_bridge.abilities import Strategy
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Failure
from fhir_bridge.push_bodies import id_of, merged
from fhir_bridge.push_claim import Parcel
from fhir_bridge.push_devices import criteria_of as device_criteria

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Looking was enough: in which state the row goes on, and why."""

    state: str
    code: str


class There(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as the network has it."""

    id: str
    version: str | None
    body: dict[str, Any]
    updated: str = ""


def look(client: Client, parcel: Parcel, strategy: Strategy) -> Parcel | Verdict | Failure:
    """The parcel as it can be sent after looking, or why it is not."""
    row = parcel.row
    found = _read(client, row) if row.remote_id or strategy == "put" else _search(client, row)
    if isinstance(found, list) and found and strategy != "put" and not _bears(found[0].body, row):
        # What the server once named is somebody else's: the identifier decides.
        found = _search(client, row)
    if isinstance(found, Failure):
        return found
    if not found:
        if row.wants == WRONG:
            return Verdict(state="withdrawn", code="never-arrived")
        return msgspec.structs.replace(parcel, row=msgspec.structs.replace(row, remote_id=None, version=None))
    oldest, *others = found
    verdict = _judge(row, oldest.body)
    if verdict is not None:
        return verdict
    copies = _take_back(client, row, others)
    if isinstance(copies, Failure):
        return copies
    known = msgspec.structs.replace(row, remote_id=oldest.id, version=oldest.version)
    return msgspec.structs.replace(parcel, row=known, body=merged(parcel.body, oldest.body), copies=copies)


def _judge(row: Owed, there: dict[str, Any]) -> Verdict | None:
    if not _bears(there, row):
        return Verdict(state="dead", code="other-resource")
    if row.type == DEVICE:
        return None
    if _subject(there) != f"Patient/{row.patient}":
        return Verdict(state="dead", code="other-subject")
    if there.get("status") != WRONG:
        return None
    if row.wants == WRONG:
        return Verdict(state="confirmed", code="already-wrong")
    # Somebody over there called it wrong: that is not undone without a person here.
    return Verdict(state="dead", code="withdrawn-there")


def criteria_of(row: Owed) -> dict[str, str]:
    """The search that finds a row's resource by its identifier."""
    if row.type == DEVICE:
        return device_criteria(row.identifier)
    return {"identifier": f"{IDENTIFIER_SYSTEM}|{row.identifier}"}


def _read(client: Client, row: Owed) -> list[There] | Failure:
    name = row.remote_id or id_of(row)
    told = client.read(row.type, name)
    if isinstance(told, Failure):
        return [] if told.code == "not-found" else told
    if (told.kind, told.id) != (row.type, name):
        # A way round by another address ended at something else: nothing is known of it yet.
        return Failure(kind="retry", code="garbage", status=told.status, request=told.request)
    return [There(id=name, version=told.version, body=told.body or {})]


def _search(client: Client, row: Owed) -> list[There] | Failure:
    """All with the identifier, the oldest that still counts first."""
    told = client.search(row.type, criteria_of(row), most=50)
    if isinstance(told, Failure):
        return told
    found = [
        There(id=one.id, version=one.version, body=one.body, updated=one.last_updated or "")
        for one in told
        if one.kind == row.type and one.mode == "match"
    ]
    return sorted(found, key=lambda one: (one.body.get("status") == WRONG, one.updated, len(one.id), one.id))


def _take_back(client: Client, row: Owed, others: Sequence[There]) -> int | Failure:
    """Marks the younger copies of ours as told in error; how many."""
    if row.type == DEVICE:
        return 0
    count = 0
    ours = [one for one in others if _subject(one.body) == f"Patient/{row.patient}"]
    for one in (one for one in ours if one.body.get("status") != WRONG):
        told = client.put(row.type, one.id, _encode(one.body | {"status": WRONG}), if_match=one.version)
        if isinstance(told, Failure):
            return told
        count += 1
    return count


def _bears(body: dict[str, Any], row: Owed) -> bool:
    """Whether a resource has the identifier we gave it."""
    system, _, value = criteria_of(row)["identifier"].partition("|")
    said = body.get("identifier")
    listed = said if isinstance(said, list) else []
    return any(isinstance(one, dict) and (one.get("system"), one.get("value")) == (system, value) for one in listed)


def _subject(body: dict[str, Any]) -> str:
    said = body.get("subject")
    reference = said.get("reference") if isinstance(said, dict) else None
    return "/".join(str(reference or "").split("/")[-2:])
