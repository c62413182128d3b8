"""A file with FHIR Consents, taken in: each one whole or not at all, and the same content never twice."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from engine.consent import Event
from engine.people import Resident
from engine.picture import zone_of
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import audit, repo_closing, repo_consent_sources, repo_consents, repo_links
from engine.store.database import Connection
from engine.store.filing import By
from fhir_bridge.imports.fhir_consents import Document, consents_in, said_in, standing_still

CHANNEL: Final = "fhir"


class Left(msgspec.Struct, frozen=True):
    """A Consent of the file that was not taken in: which one by its place (from 1), and why."""

    place: int
    code: str
    message: str
    field: str | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file: words written down, consents taken in before, consents refused, other resources."""

    written: tuple[Event, ...] = ()
    known: int = 0
    refused: tuple[Left, ...] = ()
    others: int = 0


def take_in(
    connection: Connection, person: Resident, data: bytes, now: datetime, by: By, seal: Seal
) -> Taken | Refusal:
    """Files what the Consents in `data` say of `person`; refused whole as `consents_in` refuses.

    Words are written in the order in which they were said, the wider of one instant first, so that the narrower one
    holds as it does where they come from.
    """
    found = consents_in(data)
    if isinstance(found, Refusal):
        return found
    consents, others = found
    # Whoever takes in the same file at the same moment comes after us and finds it known.
    audit.take_turn(connection)
    patients = {
        f"Patient/{one.remote_id}" for one in repo_links.of_resident(connection, person.id) if one.state == "linked"
    }
    zone, known = zone_of(connection, person), 0
    refused: list[Left] = []
    documents: dict[str, Document] = {}
    for place, consent in enumerate(consents, 1):
        told = said_in(consent, person.id, patients, now, zone)
        if not isinstance(told, Refusal):
            stands = (repo_closing.stands_against(connection, event) for event in told.events)
            told = next(filter(None, stands), told)
        if isinstance(told, Refusal):
            refused.append(Left(place, told.code, told.message, told.field))
        elif told.sha256 in documents or _held(connection, person.id, told):
            known += 1
        else:
            documents[told.sha256] = told
    written = _write(connection, person.id, documents, now, by, seal)
    return Taken(written=written, known=known, refused=tuple(refused), others=others)


def _held(connection: Connection, resident: str, told: Document) -> bool:
    return repo_consent_sources.taken(connection, resident, repo_consent_sources.FHIR, told.sha256)


def _write(
    connection: Connection, resident: str, documents: dict[str, Document], now: datetime, by: By, seal: Seal
) -> tuple[Event, ...]:
    before = repo_consents.history(connection, resident)
    told = [(event, document) for document in documents.values() for event in document.events]
    written = []
    for event, document in sorted(told, key=lambda one: order(one[0])):
        said = msgspec.structs.replace(standing_still(before, event, now), actor=by.actor, channel=CHANNEL)
        stored = repo_consents.append(connection, said, os_user=by.os_user, seal=seal, now=now)
        source = (repo_consent_sources.FHIR, document.reference, document.sha256)
        repo_consent_sources.note(connection, [stored], source, now)
        written.append(stored)
    return tuple(written)


def order(event: Event) -> tuple[datetime, int, bool]:
    """By when it was said, wide before narrow, and of two that could be either a yes before a no."""
    return event.at, (event.recipient is not None) + (event.kind is not None), not event.granted
