"""Preparing a release: whom it counts, what it costs and its bytes, all in the caller's one transaction or not at all.

What was drawn but not committed nobody has seen; what was committed is never drawn again. Between the two lies one
commit of the database.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final, get_args
from zoneinfo import ZoneInfo

import msgspec

from engine.interests import codes
from engine.refusal import Refusal
from engine.sealing import Seal
from engine.store import audit, repo_consents, repo_counted, repo_statistics
from engine.store.database import Connection
from engine.store.repo_facts import By
from engine.store.repo_statistics import BookUnit, Kept, Paid
from fhir_bridge.aggregate import tallied
from fhir_bridge.aggregate_join import KEY_BYTES, Row, Withheld
from fhir_bridge.privacy import Noise, mechanism_for
from fhir_bridge.privacy_ledger import Charge, Ledger, charged
from fhir_bridge.privacy_release import Prepared, Release, planned, prepare, read
from fhir_bridge.privacy_tables import Codes, TableId
from fhir_bridge.privacy_units import Partition, Period, Unit, partition
from fhir_bridge.releasing_rows import Asked, rows_of
from fhir_bridge.releasing_tastes import Tastes

ZONE: Final = ZoneInfo("Asia/Tokyo")
# Less than any release costs.
_LEAST: Final = Fraction(1, 1_000)
# What a release owes the platform, written in the same transaction: its id, itself and its hash; or why it cannot be.
Owe = Callable[[Connection, str, Release, str, datetime], Refusal | None]


@dataclass(frozen=True, slots=True)
class Job:
    """One release that is asked for; `services` are the public codes of table T4, `tastes` what the city handed in."""

    unit: str
    period: Period
    by: By
    services: tuple[str, ...] = ()
    seal: Seal | None = None
    tastes: Tastes | None = None
    # What is known outside of the store to have been drawn: a store from a backup may have forgotten it.
    before: tuple[Paid, ...] = ()


class Ahead(Withheld):
    """People counted in a view of the store that keeps nobody waiting, and the stamp under which they were."""

    __slots__ = ("rows", "stamp")

    def __init__(self, rows: tuple[Row, ...] | Refusal, stamp: tuple[int, ...]) -> None:
        self.rows, self.stamp = rows, stamp


class Made(msgspec.Struct, frozen=True):
    """A stored release, and whether it was drawn now or is the one that was drawn before."""

    kept: Kept
    drawn: bool


def opened(
    connection: Connection, units: Partition, first: Period, source: str, by: By, now: datetime,
    before: Sequence[Paid] = (),
) -> Refusal | None:  # fmt: skip
    """Opens the book: these units and this first period, for ever.

    Refused as `book-open`, `no-source`, `older-store` where something was drawn `before` under a book that is not
    here, or `unit-too-small` for a unit that could never publish.
    """
    if before and not repo_statistics.book(connection):
        return Refusal("older-store", "releases were drawn under a book this store does not hold: bring it back")
    small = next((why for unit in units.units if isinstance(why := mechanism_for(unit.population), Refusal)), None)
    if small is not None:
        return small
    if not source.strip() and not repo_statistics.book(connection):
        return Refusal("no-source", "say where the number of inhabitants is from")
    rows = [
        BookUnit(
            code=unit.code, municipalities=unit.municipalities, population=unit.population, source=source.strip(),
            first=str(first),
        )
        for unit in units.units
    ]  # fmt: skip
    return repo_statistics.open_book(connection, rows, by, now)


def ledger_of(connection: Connection, before: Sequence[Paid] = ()) -> Ledger | Refusal:
    """The book as the method reads it, with the draws in `before` that it has forgotten.

    Refused as `no-units` before it was opened, or by what `partition` refuses.
    """
    rows = repo_statistics.book(connection)
    if not rows:
        return Refusal("no-units", "fix the publishing units first: phr release units --population …")
    units = partition(tuple(Unit(code=r.code, municipalities=r.municipalities, population=r.population) for r in rows))
    first = Period.read(rows[0].first)
    if isinstance(units, Refusal) or isinstance(first, Refusal):
        return next(part for part in (units, first) if isinstance(part, Refusal))
    charges, kept = [], repo_statistics.charges(connection)
    for paid in sorted({(one.unit, one.period): one for one in (*before, *kept)}.values(), key=lambda one: one.drawn):
        period = Period.read(paid.period)
        if isinstance(period, Refusal):
            return period
        charges.append(Charge(paid.unit, period, paid.tables, paid.epsilon, paid.drawn))
    return Ledger(units, first, tuple(charges))


def counted_ahead(connection: Connection, job: Job, now: datetime) -> Ahead | None:
    """Everybody a release would count; None where it was drawn before or the book refuses it anyway."""
    known = repo_statistics.release(connection, job.unit, str(job.period))
    ledger = _open_for(connection, job, now)
    if known is not None or isinstance(ledger, Refusal):
        return None
    return Ahead(_rows(connection, ledger, job, now), repo_counted.stamp(connection))


def prepared(
    connection: Connection, job: Job, noise: Noise, now: datetime, owe: Owe | None = None, ahead: Ahead | None = None
) -> Made | Refusal:
    """The release of a unit's period: drawn, charged and stored, or the one that was drawn before, byte for byte.

    The caller's transaction writes, and must be rolled back when this raises. Whom `ahead` counted is counted anew
    where anything was said since. A refusal changes nothing but the audit; its codes are those of `ledger_of`,
    `planned`, `tallied`, `prepare`, `read` and of `owe`.
    """
    audit.take_turn(connection)
    subject = repo_statistics.release_id(job.unit, str(job.period))
    known = repo_statistics.release(connection, job.unit, str(job.period))
    if known is not None and known.test:
        return Refusal("test-release", "made-up numbers stand in this unit's period")
    if known is not None:
        repo_statistics.note(connection, "release-already-drawn", subject, job.by, now, known.sha256)
        return Made(known, drawn=False)
    found = _drawn(connection, job, noise, now, ahead)
    refusal = found if isinstance(found, Refusal) else owe and owe(connection, subject, *found[1:], now)
    if isinstance(found, Refusal) or refusal is not None:
        assert refusal is not None  # it is `found`, or what `owe` answered
        repo_statistics.note(connection, f"release-refused:{refusal.code}", subject, job.by, now, refusal.code)
        return refusal
    kept = _stored(connection, job, found[0], now)
    repo_statistics.note(connection, "release-prepare", subject, job.by, now, kept.sha256)
    return Made(kept, drawn=True)


def _open_for(connection: Connection, job: Job, now: datetime) -> Ledger | Refusal:
    """The book, if it would take this release at all: asked before anybody is counted."""
    ledger = ledger_of(connection, job.before)
    if isinstance(ledger, Refusal):
        return ledger
    if repo_statistics.release(connection, job.unit, str(job.period)) is None and any(
        (charge.unit, charge.period) == (job.unit, job.period) for charge in ledger.charges
    ):
        return Refusal("older-store", f"{job.period} was drawn; this store is older and never draws it again")
    day = now.astimezone(ZONE).date()
    early = charged(ledger, Charge(job.unit, job.period, get_args(TableId)[:1], _LEAST, day))
    return early if isinstance(early, Refusal) else ledger


def _rows(connection: Connection, ledger: Ledger, job: Job, now: datetime) -> tuple[Row, ...] | Refusal:
    asked = Asked(job.unit, ledger.partition, job.period, ZONE, job.seal, job.tastes, now)
    return rows_of(connection, asked, secrets.token_bytes(KEY_BYTES))


def _drawn(
    connection: Connection, job: Job, noise: Noise, now: datetime, ahead: Ahead | None
) -> tuple[Prepared, Release, str] | Refusal:
    """What was drawn, the release made of it as a reader of its bytes sees it, and their hash."""
    ledger = _open_for(connection, job, now)
    if isinstance(ledger, Refusal):
        return ledger
    holds = ahead is not None and ahead.stamp == repo_counted.stamp(connection)
    rows = ahead.rows if ahead is not None and holds else _rows(connection, ledger, job, now)
    if job.seal is not None:
        # A link that was agreed to until a day which has passed is gone for good.
        repo_consents.drop_lapsed_interests(connection, job.seal, now)
    made = _sealed(ledger, rows, job, noise, now.astimezone(ZONE).date())
    if isinstance(made, Refusal):
        return made
    # The last look before it is stored: at the bytes alone, as everybody else will read them.
    release = read(made.content, made.sha256)
    return release if isinstance(release, Refusal) else (made, release, made.sha256)


def _sealed(ledger: Ledger, rows: tuple[Row, ...] | Refusal, job: Job, noise: Noise, day: date) -> Prepared | Refusal:
    if isinstance(rows, Refusal):
        return rows
    plan = planned(ledger, job.unit, job.period, len(rows), Codes(interests=codes(), services=job.services))
    if isinstance(plan, Refusal):
        return plan
    tally = tallied(plan, rows)
    return tally if isinstance(tally, Refusal) else prepare(ledger, tally, noise, day)


def _stored(connection: Connection, job: Job, made: Prepared, now: datetime) -> Kept:
    """The charge and the release, in the transaction that the caller commits."""
    last = made.ledger.charges[-1]
    paid = Paid(unit=last.unit, period=str(last.period), tables=last.tables, epsilon=last.epsilon, drawn=last.drawn)
    repo_statistics.charge(connection, paid)
    kept = Kept(
        id=repo_statistics.release_id(job.unit, str(job.period)), unit=job.unit, period=str(job.period),
        content=made.content, sha256=made.sha256, by=job.by.actor, prepared_at=now,
    )  # fmt: skip
    repo_statistics.keep(connection, kept)
    return kept
