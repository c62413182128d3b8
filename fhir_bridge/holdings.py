"""Everything of one resident that resources are made of, read once; what a caller does not need is not read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from engine.approvals import Approval, approval_of
from engine.care_entries import Entry
from engine.clinical import Fact
from engine.consent import Event as Consent
from engine.disclosure import shown_since
from engine.evaluate import still_said
from engine.observation_values import Measured
from engine.officehours import due_at
from engine.people import Resident
from engine.picture import zone_of
from engine.review_model import Event, Item
from engine.store import (
    repo_advice,
    repo_consents,
    repo_devices,
    repo_disclosure,
    repo_entries,
    repo_facts,
    repo_holdings,
    repo_measured,
    repo_releases,
)
from engine.store.audit import Link
from engine.store.database import Connection
from engine.store.repo_devices import Device
from engine.store.repo_holdings import Origin

Part = Literal["measured", "facts", "entries", "advice", "consents", "devices", "chain"]
# What each type of resource is made of, beside the person.
NEEDS: Final[Mapping[str, frozenset[Part]]] = {
    "Patient": frozenset(),
    "Observation": frozenset({"measured", "facts"}),
    "DiagnosticReport": frozenset({"entries", "facts"}),
    "Condition": frozenset({"entries", "facts"}),
    "MedicationRequest": frozenset({"entries"}),
    "MedicationStatement": frozenset({"entries", "facts"}),
    "AllergyIntolerance": frozenset({"entries", "facts"}),
    "DocumentReference": frozenset({"entries"}),
    "Device": frozenset({"devices"}),
    "Goal": frozenset({"advice", "facts"}),
    "CarePlan": frozenset({"advice"}),
    "Communication": frozenset({"advice", "entries", "facts"}),
    "CommunicationRequest": frozenset({"advice", "entries", "facts"}),
    "Task": frozenset({"advice"}),
    "DetectedIssue": frozenset({"advice", "entries", "facts"}),
    "QuestionnaireResponse": frozenset({"facts"}),
    "Consent": frozenset({"consents"}),
    "Provenance": frozenset({"advice", "entries", "facts", "measured"}),
    "AuditEvent": frozenset({"chain"}),
    "Practitioner": frozenset({"advice"}),
}
TYPES: Final = tuple(NEEDS)
_ALL_ADVICE: Final = 10_000
# A page of a log: who wants the whole chain has `phr audit`.
_LINKS: Final = 10_000


class Advised(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of advice with its history, who answers for it (None: nobody yet), and until when it waits for a look."""

    item: Item
    events: tuple[Event, ...]
    approval: Approval | None
    due: datetime


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one resident at `now`; `disclosed`: only what their own page shows.

    `changed` is when the person's own data were last edited, `arrived` when each reading became theirs, `since` when
    each fact and entry came to be seen, by their ids; `entries` are the newest editions, those told in error among
    them; `inputs` is what the readings that advice rests on measured, and when; `devices` come with the kinds they
    measured of this person, `gateways` with their versions. Parts nobody asked for are empty.
    """

    person: Resident
    zone: ZoneInfo
    now: datetime
    disclosed: bool
    changed: datetime
    measured: tuple[Measured, ...] = ()
    arrived: Mapping[str, datetime] = {}
    facts: tuple[Fact, ...] = ()
    since: Mapping[str, datetime] = {}
    origins: Mapping[str, Origin] = {}
    entries: tuple[Entry, ...] = ()
    advice: tuple[Advised, ...] = ()
    inputs: Mapping[str, Sequence[tuple[str, datetime]]] = {}
    consents: tuple[Consent, ...] = ()
    devices: tuple[tuple[Device, frozenset[str]], ...] = ()
    gateways: Mapping[str, str | None] = {}
    chain: tuple[Link, ...] = ()


def holdings_of(
    connection: Connection, person: Resident, now: datetime, *, disclosed: bool, types: Collection[str] = TYPES
) -> Holdings:
    """What resources of `types` are made of, read in the caller's transaction; KeyError for a type that is not made."""
    parts = frozenset[Part]().union(*(NEEDS[name] for name in types))
    changed = repo_holdings.changed(connection, person.id)
    found = Holdings(
        person=person, zone=zone_of(connection, person), now=now, disclosed=disclosed, changed=changed
    )  # fmt: skip
    if "measured" in parts:
        rows = tuple(repo_measured.measured_of(connection, person.id))
        found = msgspec.structs.replace(found, measured=rows, arrived=repo_holdings.arrived(connection, person.id))
    if "facts" in parts:
        found = _with_facts(connection, found)
    if "entries" in parts:
        found = _with_entries(connection, found)
    if "advice" in parts:
        advice = _advice(connection, found)
        inputs = repo_holdings.kinds_of(connection, (name for one in advice for name in inputs_of(one.item)))
        found = msgspec.structs.replace(found, advice=advice, inputs=inputs)
    if "consents" in parts:
        found = msgspec.structs.replace(found, consents=tuple(repo_consents.history(connection, person.id)))
    if "devices" in parts:
        found = _with_devices(connection, found)
    if "chain" in parts:
        links = tuple(repo_holdings.chain_of(connection, person.id, _LINKS))
        found = msgspec.structs.replace(found, chain=links)
    return found


def inputs_of(item: Item) -> Iterator[str]:
    """The readings and facts that advice rests on, as far as its evidence names them."""
    for signal in item.evidence.get("signals", {}).values():
        yield from signal.get("inputs", ())


def _with_facts(connection: Connection, found: Holdings) -> Holdings:
    person, origins = found.person, repo_holdings.origins(connection, found.person.id)
    if not found.disclosed:
        facts = tuple(repo_facts.of_one(connection, person.id))
        return msgspec.structs.replace(found, facts=facts, origins=origins)
    shown = repo_disclosure.seen_by(connection, person, found.now).shown
    policy = repo_disclosure.policy_for(connection, person.municipality_code)
    releases = repo_releases.released_to(connection, person.id)
    since = {fact.id: at for fact in shown if (at := shown_since(fact, policy, releases)) is not None}
    return msgspec.structs.replace(found, facts=shown, origins=origins, since={**found.since, **since})


def _with_entries(connection: Connection, found: Holdings) -> Holdings:
    if found.disclosed:
        seen = repo_disclosure.entries_seen_by(connection, found.person, found.now)
        entries, since = (*seen.shown, *seen.gone), seen.since
        return msgspec.structs.replace(found, entries=entries, since={**found.since, **since})
    newest: dict[tuple[str, str], Entry] = {}
    for entry in repo_entries.of(connection, found.person.id):
        if entry.recorded_at <= found.now:
            newest[entry.origin, entry.remote] = entry
    return msgspec.structs.replace(found, entries=tuple(newest.values()))


def _advice(connection: Connection, found: Holdings) -> tuple[Advised, ...]:
    """Every piece, or of what reached the resident all that may still be said."""
    states = {"delivered"} if found.disclosed else None
    items = repo_advice.listed(connection, resident=found.person.id, states=states, limit=_ALL_ADVICE)
    told = still_said(connection, found.person, items, found.now) if found.disclosed else items
    return tuple(_advised(connection, item, found.person.municipality_code) for item in told)


def _advised(connection: Connection, item: Item, town: str) -> Advised:
    return Advised(
        item=item, events=tuple(repo_advice.events(connection, item.id)), approval=approval_of(connection, item),
        due=due_at(item.created_at, item.severity, town),
    )  # fmt: skip


def _with_devices(connection: Connection, found: Holdings) -> Holdings:
    """The devices this person is bound to, and those (and the gateways) that their readings came by."""
    person = found.person
    heard, gateways = repo_holdings.heard_by(connection, person.id)
    home = repo_devices.devices(connection, person.household_id) if person.household_id else []
    mine = [one for one in home if one.id in heard or any(bound.resident == person.id for bound in one.bindings)]
    devices = tuple((one, frozenset(heard.get(one.id, ()))) for one in mine)
    return msgspec.structs.replace(found, devices=devices, gateways=gateways)
