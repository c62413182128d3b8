"""Taking in facts: consent first, one transaction a batch, nothing twice, and nothing lost to a bad row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from random import Random
from typing import Final

import msgspec

from engine.clinical import Fact
from engine.clinical_checkups import Directory, Fault, facts_of
from engine.imports.checkups import Row, Sheet
from engine.imports.model import FileError
from engine.people import Resident
from engine.refusal import Refusal
from engine.store import repo_facts
from engine.store.database import Connection, Engine, read, write
from engine.store.repo_facts import Added, By
from engine.store.repo_residents import listed
from engine.taking import may_record

BATCH: Final = 200
PROBLEMS: Final = 50


class Report(msgspec.Struct, kw_only=True):
    """What became of a file of check-ups: rows, facts stored or there already, refusals counted by their code."""

    rows: int = 0
    people: int = 0
    stored: int = 0
    already: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[Fault] = []
    ignored: tuple[str, ...] = ()
    damage: Fault | None = None

    def note(self, fault: Fault) -> None:
        """Counts a fault; the first of them are kept for the report."""
        self.refused[fault.code] += 1
        if len(self.problems) < PROBLEMS:
            self.problems.append(fault)


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """Who brings facts in, when, and whose file it is if all of it is one person's."""

    by: By
    channel: str
    now: datetime
    rng: Random
    only: Resident | None = None


def may_take(connection: Connection, person: Resident, now: datetime) -> Refusal | None:
    """Why nothing may be recorded of `person`: inactive or no-consent; None when it may."""
    if person.status != "active":
        return Refusal("inactive", f"{person.id} is {person.status}: nothing is recorded any more")
    if not may_record(connection, person, now):
        return Refusal("no-consent", f"{person.id} has not agreed to be recorded")
    return None


def add(connection: Connection, person: Resident, facts: Sequence[Fact], how: Taking) -> Added | Refusal:
    """Stores facts of one person in the caller's transaction, if they may be recorded."""
    refusal = may_take(connection, person, how.now)
    return refusal or repo_facts.append(connection, facts, how.by, how.now, how.rng)


def take(engine: Engine, sheet: Sheet, how: Taking, *, dry_run: bool = False) -> Report:
    """Stores the check-ups of a file in batches; a dry run does the same work and undoes it.

    A file that breaks off leaves what stood before the break, and says so in `damage`.
    """
    report = Report(ignored=sheet.ignored)
    with read(engine) as connection:
        directory = Directory([how.only] if how.only else listed(connection), how.now.date())
    seen: set[str] = set()
    if dry_run:
        with suppress(_UndoneError), write(engine) as connection:
            for batch in _batches(sheet, report):
                _store(connection, batch, directory, how, report, seen)
            raise _UndoneError
        return report
    for batch in _batches(sheet, report):
        with write(engine) as connection:
            _store(connection, batch, directory, how, report, seen)
    return report


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


def _batches(sheet: Sheet, report: Report) -> Iterator[list[Row]]:
    while True:
        batch: list[Row] = []
        try:
            for row in islice(sheet.rows, BATCH):
                batch.append(row)  # noqa: PERF402 - extend would lose what came before an error
        except FileError as error:
            report.damage = Fault(error.line, error.code, "", error.message)
        if batch:
            yield batch
        if report.damage or len(batch) < BATCH:
            return


def _store(
    connection: Connection, batch: Sequence[Row], directory: Directory, how: Taking, report: Report, seen: set[str]
) -> None:
    facts: list[Fact] = []
    allowed: dict[str, Refusal | None] = {}
    for row in batch:
        report.rows += 1
        person = directory.find(row.who, how.only)
        if isinstance(person, Refusal):
            report.note(Fault(row.line, person.code, "", person.message))
            continue
        if person.id not in allowed:
            allowed[person.id] = may_take(connection, person, how.now)
        refusal = allowed[person.id]
        if refusal is not None:
            report.note(Fault(row.line, refusal.code, "", refusal.message))
            continue
        read_, faults = facts_of(row, person.id, how.now, actor=how.by.actor, channel=how.channel)
        facts.extend(read_)
        for fault in faults:
            report.note(fault)
        if read_:
            seen.add(person.id)
    added = repo_facts.append(connection, facts, how.by, how.now, how.rng)
    report.stored += len(added.stored)
    report.already += len(added.already)
    report.people = len(seen)
