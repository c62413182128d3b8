"""A report into the store: consent first, a transaction a document, nothing twice, nothing left that it unsays."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from random import Random
from typing import Any

import msgspec

from engine import care_entries
from engine.clinical import Fact
from engine.clinical_taking import may_take
from engine.evaluate import attempt
from engine.refusal import Refusal
from engine.store import audit, repo_entries, repo_facts, repo_residents
from engine.store.database import Connection, Engine, write
from engine.store.instants import to_micros
from engine.store.repo_facts import By
from fhir_bridge.imports.entries import of_channel, version_of
from fhir_bridge.imports.model import Report
from fhir_bridge.imports.originals import Originals, stamp


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """Who files documents, when, and where the originals are kept."""

    by: By
    now: datetime
    rng: Random
    originals: Originals


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a document: facts stored now, there already, and taken back because it says them no more.

    `entries` are the medicines, conditions, allergies, reports and documents kept now; `kept` says that it is new.
    """

    stored: tuple[Fact, ...] = ()
    already: int = 0
    taken_back: int = 0
    entries: tuple[care_entries.Entry, ...] = ()
    kept: bool = False


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


def file_document(
    engine: Engine, report: Report, data: bytes, resident: str, how: Filing, *, dry_run: bool = False
) -> Outcome | Refusal:
    """Stores what was understood of `data` and keeps it; a dry run does the same work and undoes it.

    Refused as unknown-resident, inactive, no-consent or older-edition (a newer one was taken before). Raises OSError
    where the original cannot be kept: then nothing is stored.
    """
    outcome: Outcome | Refusal = Outcome()
    with suppress(_UndoneError), write(engine) as connection:
        outcome = _filed(connection, report, data, resident, how)
        if dry_run or isinstance(outcome, Refusal):
            raise _UndoneError
        _keep(connection, outcome, report, data, resident, how)
        attempt(connection, resident, how.now)
    return outcome


def file_in(connection: Connection, report: Report, data: bytes, resident: str, how: Filing) -> Outcome | Refusal:
    """As `file_document` inside a transaction of the caller's, who evaluates the rules afterwards."""
    outcome = _filed(connection, report, data, resident, how)
    if isinstance(outcome, Outcome):
        _keep(connection, outcome, report, data, resident, how)
    return outcome


def document_name(report: Report) -> tuple[str, str, str]:
    """Of what edition of what the facts of a document are made: origin, name there and edition."""
    return report.form, f"Document/{report.channel}", stamp(report.edition)


def _keep(connection: Connection, outcome: Outcome, report: Report, data: bytes, resident: str, how: Filing) -> None:
    new = how.originals.keep(resident, report.channel, report.edition, data)
    if new or outcome.stored or outcome.entries:
        _audit(connection, report, data, resident, how)


def _filed(connection: Connection, report: Report, data: bytes, resident: str, how: Filing) -> Outcome | Refusal:
    person = repo_residents.get(connection, resident)
    if person is None:
        return Refusal("unknown-resident", f"there is no resident {resident!r}")
    refusal = may_take(connection, person, how.now)
    if refusal is not None:
        return refusal
    newest = how.originals.newest(resident, report.channel)
    if newest > stamp(report.edition):
        return Refusal("older-edition", "a newer edition of this document was taken before")
    known = how.originals.has(resident, report.channel, report.edition, data)
    rows = repo_facts.of_one(connection, resident)
    gone = [] if known else _unsaid(rows, report)
    for fact in gone:
        repo_facts.retract(connection, fact.id, how.by, report.channel, how.now, how.rng)
    added = repo_facts.append(connection, report.understood, how.by, how.now, how.rng, again=True)
    repo_entries.tie(connection, [fact.id for fact in added.stored], *document_name(report))
    told = repo_entries.append(connection, _news(connection, report, resident, how.now), how.by, how.now, how.rng)
    return Outcome(
        stored=added.stored, already=len(added.already), taken_back=len(gone), entries=tuple(told), kept=not known
    )


def _news(connection: Connection, report: Report, resident: str, now: datetime) -> list[care_entries.Entry]:
    """The entries that say something new: not older than what is known, and nothing wrong that was never told."""
    newest: dict[str, care_entries.Entry] = {}
    for entry in repo_entries.of(connection, resident):
        if entry.origin == report.form:
            newest[entry.remote] = entry
    said = {entry.remote: entry for entry in report.entries}
    gone = [
        _wrong(entry, report, now)
        for entry in newest.values()
        if of_channel(entry.version) == report.channel and entry.remote not in said and entry.status != "wrong"
    ]
    return [entry for entry in [*report.entries, *gone] if _is_news(entry, newest.get(entry.remote))]


def _is_news(entry: care_entries.Entry, known: care_entries.Entry | None) -> bool:
    if known is None:
        return entry.status != "wrong"
    edition, before = entry.version.split("-", 1)[0], known.version.split("-", 1)[0]
    return edition >= before and entry.version != known.version and (entry.status, known.status) != ("wrong", "wrong")


def _wrong(entry: care_entries.Entry, report: Report, now: datetime) -> care_entries.Entry:
    back = msgspec.structs.replace(entry, id="", status="wrong", recorded_at=now)
    return msgspec.structs.replace(back, version=version_of(back, report.channel, report.edition))


def _unsaid(rows: list[Fact], report: Report) -> list[Fact]:
    """The facts of an earlier edition of this document that this one does not say."""
    back = {row.retracts for row in rows if row.retracts is not None}
    said = {_sameness(fact) for fact in report.understood}
    return [
        row
        for row in rows
        if row.channel == report.channel and row.retracts is None and row.id not in back and _sameness(row) not in said
    ]


def _sameness(fact: Fact) -> tuple[Any, ...]:
    return fact.code, fact.value, fact.unit, fact.at, fact.source


def _audit(connection: Connection, report: Report, data: bytes, resident: str, how: Filing) -> None:
    detail = [report.channel, hashlib.sha256(data).hexdigest()]
    entry = audit.Entry(
        at=to_micros(how.now), actor=how.by.actor, os_user=how.by.os_user, action="import-document", subject=resident,
        detail_hash=audit.detail_hash(detail),
    )  # fmt: skip
    audit.append(connection, entry)
