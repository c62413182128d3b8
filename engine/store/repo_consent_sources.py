"""What a consent that was not said on the page rests on: a signed paper or a FHIR Consent, by its sha256. Appended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, insert, select

from engine.consent import Event
from engine.store.instants import from_micros, to_micros
from engine.store.tables_rights import CONSENT_SOURCE

Sort = Literal["paper", "fhir"]
PAPER: Final[Sort] = "paper"
FHIR: Final[Sort] = "fhir"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """That one word (`seq`) rests on one paper or resource: how that is called, and the sha256 of its content."""

    seq: int
    resident: str
    sort: Sort
    reference: str
    sha256: str
    by: str
    at: datetime


def note(connection: Connection, events: Iterable[Event], source: tuple[Sort, str, str], now: datetime) -> None:
    """Writes down that these stored words rest on a source: its sort, how it is called and its sha256."""
    sort, reference, sha256 = source
    rows = [
        {
            "seq": one.seq, "resident_id": one.resident, "sort": sort, "reference": reference, "sha256": sha256,
            "by": one.actor, "at": to_micros(now),
        }
        for one in events
    ]  # fmt: skip
    if rows:
        connection.execute(insert(CONSENT_SOURCE), rows)


def taken(connection: Connection, resident: str, sort: Sort, sha256: str) -> bool:
    """Whether this very content was taken in for the resident before."""
    table = CONSENT_SOURCE.c
    query = select(table.seq).where(table.resident_id == resident, table.sort == sort, table.sha256 == sha256)
    return connection.execute(query.limit(1)).first() is not None


def filed(connection: Connection, resident: str, number: str) -> bool:
    """Whether a paper of that number was typed in for the resident before."""
    table = CONSENT_SOURCE.c
    query = select(table.seq).where(
        table.resident_id == resident, table.sort == PAPER, table.reference.like(f"{number} %")
    )
    return connection.execute(query.limit(1)).first() is not None


def of(connection: Connection, resident: str) -> Mapping[int, Source]:
    """What the resident's words rest on, by the number of the word."""
    query = select(CONSENT_SOURCE).where(CONSENT_SOURCE.c.resident_id == resident).order_by(CONSENT_SOURCE.c.seq)
    return {row["seq"]: _source(row) for row in connection.execute(query).mappings()}


def _source(row: Any) -> Source:
    return Source(
        seq=row["seq"], resident=row["resident_id"], sort=row["sort"], reference=row["reference"],
        sha256=row["sha256"], by=row["by"], at=from_micros(row["at"]),
    )  # fmt: skip
