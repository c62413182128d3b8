"""What is told to the city of its residents: made a line a thing, kept until it is safe in a file, never told twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from engine.store.instants import from_micros, to_micros
from engine.store.parts import parts_of
from engine.store.repo_places import ZONE
from engine.store.tables_desk import CONTACT
from engine.store.tables_exchange import CITY_NUMBER, EXCHANGE_LINE
from engine.store.tables_following import APPOINTMENT, GUIDANCE_CASE

Change = Literal["new", "changed", "removed"]


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a resident in our words: under which number, on which day, what it was and what came of it."""

    number: str
    day: date
    sort: str
    what: str
    came: str


class Thing(msgspec.Struct, frozen=True):
    """What the city may know now: of whom, about what, and what is said."""

    resident: str
    about: str
    cells: Cells


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line for the city; `seq` is its number for ever."""

    seq: int
    resident: str
    about: str
    change: Change
    cells: Cells
    file: str


def things(connection: Connection, town: str, since: datetime, appointments: Collection[str]) -> list[Thing]:
    """Contacts, programmes and kept appointments of these sorts since then, of residents the town knows by a number."""
    return [
        *_contacts(connection, town, since), *_programmes(connection, town, since),
        *_appointments(connection, town, since, appointments),
    ]  # fmt: skip


def told(connection: Connection, town: str) -> dict[str, Line]:
    """The newest line about each thing: what the city knows of it."""
    newest = select(func.max(EXCHANGE_LINE.c.seq)).where(EXCHANGE_LINE.c.municipality_code == town)
    query = select(EXCHANGE_LINE).where(EXCHANGE_LINE.c.seq.in_(newest.group_by(EXCHANGE_LINE.c.about)))
    return {line.about: line for line in _read(connection, query)}


def last(connection: Connection) -> int:
    """The highest number of a line there is, 0 for none."""
    return int(connection.execute(select(func.max(EXCHANGE_LINE.c.seq))).scalar() or 0)


def add(
    connection: Connection, town: str, file: str, made: Iterable[tuple[Thing, Change]], now: datetime
) -> None:  # fmt: skip
    """Stores lines for a file that is not written yet."""
    rows = [
        {"municipality_code": town, "resident_id": thing.resident, "about": thing.about, "change": change,
         "cells": msgspec.json.encode(thing.cells).decode(), "file": file, "at": to_micros(now), "written_at": None}
        for thing, change in made
    ]  # fmt: skip
    if rows:
        connection.execute(insert(EXCHANGE_LINE), rows)


def pending(connection: Connection, town: str) -> dict[str, list[Line]]:
    """The lines of every file that is not known to be safe, by its name, in their order."""
    mine = EXCHANGE_LINE.c.written_at.is_(None) & (EXCHANGE_LINE.c.municipality_code == town)
    found: dict[str, list[Line]] = {}
    for line in _read(connection, select(EXCHANGE_LINE).where(mine).order_by(EXCHANGE_LINE.c.seq)):
        found.setdefault(line.file, []).append(line)
    return found


def drop(connection: Connection, seqs: Iterable[int]) -> None:
    """Takes back lines that were never given out."""
    for part in parts_of(sorted(set(seqs))):
        mine = EXCHANGE_LINE.c.seq.in_(part) & EXCHANGE_LINE.c.written_at.is_(None)
        connection.execute(delete(EXCHANGE_LINE).where(mine))


def written(connection: Connection, seqs: Iterable[int], now: datetime) -> None:
    """Notes that the file of these lines is safe."""
    for part in parts_of(sorted(set(seqs))):
        mine = EXCHANGE_LINE.c.seq.in_(part)
        connection.execute(update(EXCHANGE_LINE).where(mine).values(written_at=to_micros(now)))


def _contacts(connection: Connection, town: str, since: datetime) -> list[Thing]:
    query = select(CONTACT, CITY_NUMBER.c.number).where(CONTACT.c.at >= to_micros(since)).order_by(CONTACT.c.id)
    return [
        Thing(row["resident_id"], f"contact:{row['id']}", Cells(
            number=row["number"], day=_local(row["at"]), sort="contact", what=row["how"], came=row["outcome"],
        ))
        for row in connection.execute(_known(query, CONTACT, town)).mappings()
    ]  # fmt: skip


def _programmes(connection: Connection, town: str, since: datetime) -> list[Thing]:
    case = GUIDANCE_CASE
    lately = (case.c.opened_at >= to_micros(since)) | (case.c.ended_at >= to_micros(since)) | (case.c.state == "open")
    query = select(case, CITY_NUMBER.c.number).where(lately, case.c.municipality_code == town).order_by(case.c.id)
    return [
        Thing(row["resident_id"], f"case:{row['id']}", Cells(
            number=row["number"], day=_local(row["ended_at"] or row["opened_at"]), sort="programme",
            what=row["programme"], came=row["state"] if row["ended_at"] is None else row["reason"] or row["state"],
        ))
        for row in connection.execute(_known(query, case, town)).mappings()
    ]  # fmt: skip


def _appointments(connection: Connection, town: str, since: datetime, sorts: Collection[str]) -> list[Thing]:
    made = APPOINTMENT
    kept = made.c.sort.in_(sorted(sorts)) & (made.c.state == "kept") & (made.c.starts_at >= to_micros(since))
    query = select(made, CITY_NUMBER.c.number).where(kept, made.c.municipality_code == town).order_by(made.c.seq)
    return [
        Thing(row["resident_id"], f"appointment:{row['seq']}", Cells(
            number=row["number"], day=_local(row["starts_at"]), sort="appointment", what=row["sort"], came="kept",
        ))
        for row in connection.execute(_known(query, made, town)).mappings()
    ]  # fmt: skip


def _known(query: Any, table: Any, town: str) -> Any:
    """Only of residents whom the town knows by a number."""
    joined = query.join(CITY_NUMBER, CITY_NUMBER.c.resident_id == table.c.resident_id)
    return joined.where(CITY_NUMBER.c.municipality_code == town)


def _read(connection: Connection, query: Any) -> list[Line]:
    return [
        Line(
            seq=row["seq"], resident=row["resident_id"], about=row["about"], change=row["change"], file=row["file"],
            cells=msgspec.json.decode(row["cells"], type=Cells),
        )
        for row in connection.execute(query).mappings()
    ]  # fmt: skip


def _local(at: int) -> date:
    return from_micros(at).astimezone(ZoneInfo(ZONE)).date()
