"""The book of the city's statistics: publishing units fixed once, what each release cost, and releases as their bytes.

Charges and releases are appended, never changed and never given back; where a release is with the platform is the
business of the one who sends it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from engine.refusal import Refusal
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables_statistics import PUBLISHING_UNIT, RELEASE_CHARGE, STATISTICS_RELEASE


class BookUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A publishing unit as it was fixed: the first period of all units, and where the number of people is from."""

    code: str
    municipalities: tuple[str, ...]
    population: int
    source: str
    first: str
    by: str = ""
    at: datetime | None = None


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What one release cost: `period` as 2026H1, `drawn` the local day."""

    unit: str
    period: str
    tables: tuple[str, ...]
    epsilon: Fraction
    drawn: date


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A release as it is stored: its only bytes, their hash, and where it is with the platform.

    `test` releases hold made-up numbers and cost nothing; they are never people's.
    """

    id: str
    unit: str
    period: str
    content: bytes
    sha256: str
    by: str
    prepared_at: datetime
    state: str = "prepared"
    test: bool = False
    complete_at: datetime | None = None
    verified_at: datetime | None = None
    withdrawn_at: datetime | None = None
    reason: str | None = None
    version: int = 1


def release_id(unit: str, period: str) -> str:
    """What a release is called in the store and in the audit."""
    return f"{unit}-{period}"


def open_book(connection: Connection, units: Sequence[BookUnit], by: By, now: datetime) -> Refusal | None:
    """Fixes the units before the first release, with the audit entry; refused as `book-open` the second time."""
    audit.take_turn(connection)
    if book(connection):
        return Refusal("book-open", "the units were fixed and are never changed")
    rows = [
        {
            "code": unit.code, "municipalities": json.dumps(unit.municipalities), "population": unit.population,
            "source": unit.source, "first_period": unit.first, "by": by.actor, "at": to_micros(now),
        }
        for unit in units
    ]  # fmt: skip
    connection.execute(insert(PUBLISHING_UNIT), rows)
    for unit, row in zip(units, rows, strict=True):
        note(connection, "release-units", unit.code, by, now, detail=row)
    return None


def book(connection: Connection) -> tuple[BookUnit, ...]:
    """The publishing units in the order of their codes; none before the book was opened."""
    found = connection.execute(select(PUBLISHING_UNIT).order_by(PUBLISHING_UNIT.c.code)).mappings()
    return tuple(
        BookUnit(
            code=row["code"], municipalities=tuple(json.loads(row["municipalities"])), population=row["population"],
            source=row["source"], first=row["first_period"], by=row["by"], at=from_micros(row["at"]),
        )
        for row in found
    )  # fmt: skip


def charges(connection: Connection) -> tuple[Paid, ...]:
    """Everything ever drawn, in the order in which it was."""
    found = connection.execute(select(RELEASE_CHARGE).order_by(RELEASE_CHARGE.c.seq)).mappings()
    return tuple(
        Paid(
            unit=row["unit"], period=row["period"], tables=tuple(json.loads(row["tables"])),
            epsilon=Fraction(row["epsilon"]), drawn=date.fromisoformat(row["drawn"]),
        )
        for row in found
    )  # fmt: skip


def charge(connection: Connection, paid: Paid) -> None:
    """Writes down what a release costs; one that was charged before is the database's to refuse."""
    row = {
        "unit": paid.unit, "period": paid.period, "tables": json.dumps(paid.tables), "epsilon": str(paid.epsilon),
        "drawn": paid.drawn.isoformat(),
    }  # fmt: skip
    connection.execute(insert(RELEASE_CHARGE), row)


def keep(connection: Connection, kept: Kept) -> None:
    """Stores a release; its unit and period stand in the store once."""
    row = msgspec.structs.asdict(kept) | {"content": kept.content.decode(), "prepared_at": to_micros(kept.prepared_at)}
    for name in ("complete_at", "verified_at", "withdrawn_at"):
        row[name] = None if row[name] is None else to_micros(row[name])
    connection.execute(insert(STATISTICS_RELEASE), row)


def release(connection: Connection, unit: str, period: str) -> Kept | None:
    """The release of a unit's period."""
    wanted = (STATISTICS_RELEASE.c.unit == unit) & (STATISTICS_RELEASE.c.period == period)
    row = connection.execute(select(STATISTICS_RELEASE).where(wanted)).mappings().first()
    return None if row is None else _kept(row)


def releases(connection: Connection) -> tuple[Kept, ...]:
    """Every release, by period and unit."""
    table = STATISTICS_RELEASE.c
    query = select(STATISTICS_RELEASE).order_by(table.period, table.unit)
    return tuple(_kept(row) for row in connection.execute(query).mappings())


def counts(connection: Connection) -> tuple[int, int]:
    """How many charges and how many releases of real people there are: the same number, always."""
    paid = select(func.count()).select_from(RELEASE_CHARGE)
    made = select(func.count()).select_from(STATISTICS_RELEASE).where(STATISTICS_RELEASE.c.test.is_(False))
    return int(connection.execute(paid).scalar_one()), int(connection.execute(made).scalar_one())


def note(connection: Connection, action: str, subject: str, by: By, now: datetime, detail: object = "") -> None:
    """One audit entry of the statistics; `detail` is kept as a hash."""
    audit.note(connection, action, subject, by, now, detail)


def _kept(row: Any) -> Kept:
    moments = {
        name: None if row[name] is None else from_micros(row[name])
        for name in ("complete_at", "verified_at", "withdrawn_at")
    }
    return Kept(
        id=row["id"], unit=row["unit"], period=row["period"], content=row["content"].encode(), sha256=row["sha256"],
        by=row["by"], prepared_at=from_micros(row["prepared_at"]), state=row["state"], test=bool(row["test"]),
        reason=row["reason"], version=row["version"], **moments,
    )  # fmt: skip
