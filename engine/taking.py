"""Taking in what a file or a person said: the same intake as for devices, one transaction a batch, nothing twice.

Twice is: the same record imported again, or the same kind and value in the same minute from any other source, a device
of ours included. What is stored never changes by an import; a file that breaks off leaves what stood before the break.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.contract.wire import Malformed
from engine.imports.model import Fault, FileError, Item, Record, reading_of
from engine.intake import Accepted, Duplicate, Outcome, Refused
from engine.people import Resident
from engine.sameness import judged
from engine.store import audit, tallies
from engine.store.database import Connection, Engine, write
from engine.store.households import person_alone
from engine.store.instants import to_micros
from engine.store.readings import write_batch

BATCH: Final = 500
PROBLEMS: Final = 20


class Problem(msgspec.Struct, frozen=True):
    """One line that was not taken, for the report."""

    line: int
    code: str
    text: str = ""


class Report(msgspec.Struct, kw_only=True):
    """What became of everything in a file."""

    accepted: int = 0
    duplicate: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    dropped: Counter[str] = msgspec.field(default_factory=Counter)
    kinds: Counter[str] = msgspec.field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    problems: list[Problem] = []
    damage: Problem | None = None

    def note(self, line: int, code: str, text: str = "") -> None:
        """Keep the first problems with their lines."""
        if len(self.problems) < PROBLEMS:
            self.problems.append(Problem(line, code, text))

    def count(self, record: Record, outcome: Outcome) -> None:
        """Add what became of one record."""
        match outcome:
            case Accepted(values=values, dropped=dropped):
                self.accepted += 1
                self.kinds.update(value.kind for value in values)
                self.first = min(self.first or record.at, record.at)
                self.last = max(self.last or record.at, record.at)
                self.dropped.update(dropped)
                if dropped:
                    self.note(record.line, "implausible", ", ".join(dropped))
            case Duplicate():
                self.duplicate += 1
            case Refused(code=code):
                self.refused[code] += 1
                told = "" if code == "no-consent" else ", ".join(f"{v.kind} {v.value} {v.unit}" for v in record.values)
                self.note(record.line, code, told)
            case _:  # a person is always named here, so nobody's readings and rooms do not occur
                self.refused["unassigned"] += 1


class Source(msgspec.Struct, frozen=True):
    """Whose data it is, the file's format, the zone of naive times, and who brought it."""

    person: Resident
    form: str
    zone: ZoneInfo
    actor: str
    os_user: str


def may_record(connection: Connection, person: Resident, now: datetime) -> bool:
    """Whether `person` lets us record anything at all."""
    return person.id in person_alone(connection, person.id, person.household_id, now).recording


def take(
    engine: Engine,
    source: Source,
    items: Iterable[Item],
    now: datetime,
    *,
    dry_run: bool = False,
    told: Callable[[], None] = lambda: None,
) -> Report:
    """Take `items` into the store in batches; `told` is called after each. A dry run undoes everything at its end.

    Raises NoConsentError as soon as the resident has not (or no longer) agreed; FileError only when nothing was read.
    """
    report = Report()
    batches = _batches(items, report)
    first = True
    if dry_run:
        # The very same work, undone: what it says is what would happen.
        with suppress(_UndoneError), write(engine) as connection:
            for batch in batches:
                _store(connection, source, batch, report, now, begin=first)
                first = False
                told()
            raise _UndoneError
        return report
    for batch in batches:
        with write(engine) as connection:
            _store(connection, source, batch, report, now, begin=first)
        first = False
        told()
    return report


class _UndoneError(Exception):
    """Ends the transaction of a dry run."""


def _batches(items: Iterable[Item], report: Report) -> Iterator[list[Item]]:
    """Lists of items; damage of the file ends them and is noted, unless nothing came before it."""
    stream, some = iter(items), False
    while True:
        batch: list[Item] = []
        try:
            _fill(batch, stream)
        except FileError as error:
            if not some and not batch:
                raise
            report.damage = Problem(error.line, error.code, error.message)
        some = some or bool(batch)
        if batch:
            yield batch
        if report.damage or len(batch) < BATCH:
            return


def _fill(batch: list[Item], stream: Iterator[Item]) -> None:
    """Up to a batch of items; those before an error stay in `batch`."""
    for item in islice(stream, BATCH):
        batch.append(item)  # noqa: PERF402 - extend would lose what came before an error


def _store(
    connection: Connection, source: Source, batch: Sequence[Item], report: Report, now: datetime, *, begin: bool
) -> None:
    faults = Counter(item.code for item in batch if isinstance(item, Fault))
    records = [item for item in batch if isinstance(item, Record)]
    for item in batch:
        if isinstance(item, Fault):
            report.note(item.line, item.code, item.text)
    report.faults.update(faults)
    readings = [reading_of(record, source.person.id, source.form, now) for record in records]
    heard = judged(connection, source.person, list(zip(records, readings, strict=True)), source.zone, now, "import")
    for record, found in zip(records, heard, strict=True):
        if not isinstance(found.outcome, Malformed):
            report.count(record, found.outcome)
    write_batch(connection, heard, [], now)
    tallies.add(connection, {("import-fault", code): count for code, count in faults.items()})
    if begin:
        audit.append(connection, entry(source, f"import-{source.form}", now))


def entry(source: Source, action: str, now: datetime, detail: object = "") -> audit.Entry:
    """The audit entry of bringing something in."""
    return audit.Entry(
        at=to_micros(now), actor=source.actor, os_user=source.os_user, action=action, subject=source.person.id,
        detail_hash=audit.detail_hash([source.form, detail]),
    )  # fmt: skip
