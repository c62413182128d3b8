"""The records of one resident as rows: read for a take-out, and stored again where a take-out is brought in.

What is left out: keys the database makes itself, hashes and seals of this house, words of staff about the person, and
what belongs to the house and not to the record (teams, sessions, codes, sends, measures of support, who acts for whom,
and what a town gives and follows: points, loans, programmes, appointments, letters, watching; `carrying_following`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Boolean, Connection, Float, Integer, insert, or_, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.sql.sqltypes import BigInteger

from engine.names import kana_key
from engine.people import Resident, search_key_of
from engine.store.tables import (
    ADVICE,
    ADVICE_EVENT,
    BINDING,
    CONSENT,
    DEVICE,
    HOUSEHOLD,
    MEASUREMENT,
    READING,
    RESIDENT,
)
from engine.store.tables_bridge import CARE_ENTRY, FACT_ORIGIN
from engine.store.tables_clinical import FACT
from engine.store.tables_desk import ADVICE_RESPONSE, FACT_RELEASE, REQUEST
from engine.store.tables_following import BEFORE_AFTER, REFERRAL
from engine.store.tables_rights import CONSENT_SOURCE

Record = dict[str, Any]
TABLES: Final[Mapping[str, Any]] = {
    "household": HOUSEHOLD, "resident": RESIDENT, "consent": CONSENT, "consent_source": CONSENT_SOURCE,
    "device": DEVICE, "binding": BINDING, "reading": READING, "measurement": MEASUREMENT, "fact": FACT,
    "fact_origin": FACT_ORIGIN, "care_entry": CARE_ENTRY, "fact_release": FACT_RELEASE, "advice": ADVICE,
    "advice_event": ADVICE_EVENT, "advice_response": ADVICE_RESPONSE, "request": REQUEST, "referral": REFERRAL,
    "before_after": BEFORE_AFTER,
}  # fmt: skip
# Made anew where the row is stored: counted by the database, or following from the rest.
_MADE: Final[Mapping[str, frozenset[str]]] = {
    "resident": frozenset({"search_key", "kana_key"}), "consent": frozenset({"seq"}),
    "advice_event": frozenset({"seq"}), "before_after": frozenset({"seq"}),
}  # fmt: skip
# What staff wrote beside the advice is not the resident's; their page does not show it either.
_EMPTIED: Final[Mapping[str, dict[str, Any]]] = {
    # Moving is why a file is taken along: where the person lives is for the house to say that they live in.
    "resident": {"status": "active"},
    "advice": {"reason": None, "assigned_to": None, "escalated_by": None, "needs_contact": False},
    "advice_event": {"reason": None, "os_user": "", "batch": None},
}
_CHUNK: Final = 2_000
_WHOLE: Final = 2**63
_LOW, _HIGH = "\ud800", "\udfff"
_SHOWN: Final = frozenset({"fact", "fact_origin", "care_entry", "fact_release"})


def columns(table: str) -> tuple[Any, ...]:
    """The columns of a record of that table, in their order."""
    return tuple(one for one in TABLES[table].columns if one.name not in _MADE.get(table, ()))


def rows_of(connection: Connection, resident: str, table: str, shown: Collection[str]) -> Iterator[Record]:
    """The records of one table, in an order that storing keeps; of facts and entries those that are `shown` to them."""
    source = TABLES[table]
    query = select(*source.columns).where(_where(table, resident)).order_by(*_order(table))
    emptied = _EMPTIED.get(table, {})
    places = _places(connection, resident) if table == "consent_source" else {}
    with connection.execute(query, execution_options={"yield_per": _CHUNK}) as found:
        for row in found.mappings():
            if table in _SHOWN and _subject(table, row) not in shown:
                continue
            record = {one.name: row[one.name] for one in columns(table)} | emptied
            if table == "consent_source":
                # A consent has no name of its own: the source names it by its place in the history.
                record["seq"] = places[row["seq"]]
            yield record


def fault_of(table: str, record: Record) -> str | None:
    """Why a record cannot be stored as a row of that table: columns, types; None where it can."""
    known = {one.name: one for one in columns(table)}
    if record.keys() != known.keys():
        return "columns"
    for name, column in known.items():
        value = record[name]
        if value is None:
            if not column.nullable:
                return str(name)
        elif not _fits(value, column.type):
            return str(name)
    return None


class ClashError(Exception):
    """Records that the tables do not take: twice the same, or about something that is not there."""


def store(connection: Connection, table: str, records: Iterable[Record], places: list[int]) -> int:
    """Stores records that have no fault, in bulk; how many. `places` gathers the numbers the consents get.

    Raises ClashError; the transaction is of no use afterwards.
    """
    try:
        return _store(connection, table, records, places)
    except (IntegrityError, DataError, msgspec.MsgspecError) as error:
        raise ClashError(type(error).__name__) from error


def _store(connection: Connection, table: str, records: Iterable[Record], places: list[int]) -> int:
    source, count, part = TABLES[table], 0, []
    for record in records:
        row = dict(record)
        if table == "consent":
            places.append(connection.execute(insert(CONSENT).returning(CONSENT.c.seq), row).scalar_one())
            count += 1
            continue
        if table == "consent_source":
            row["seq"] = places[row["seq"]]
        if table == "resident":
            row |= _keys(row)
        part.append(row)
        if len(part) == _CHUNK:
            count += _bulk(connection, source, part)
            part = []
    return count + _bulk(connection, source, part)


def taken(connection: Connection, table: str, records: Iterable[Record]) -> bool:
    """Whether one of these records is here already, by its primary key."""
    source = TABLES[table]
    keys = [one for one in source.primary_key.columns if one.name not in _MADE.get(table, ())]
    if len(keys) != 1 or keys[0].name == "seq":
        return False
    named = (record.get(keys[0].name) for record in records)
    names = [name for name in named if isinstance(name, str)]
    query = select(keys[0])
    parts = (names[start : start + _CHUNK // 4] for start in range(0, len(names), _CHUNK // 4))
    return any(connection.execute(query.where(keys[0].in_(part)).limit(1)).first() is not None for part in parts)


def _bulk(connection: Connection, source: Any, rows: list[Record]) -> int:
    if rows:
        connection.execute(insert(source), rows)
    return len(rows)


def _keys(row: Record) -> Record:
    """The search keys of a person; raises msgspec.ValidationError where the row is no person."""
    person = msgspec.convert({name: row[name] for name in Resident.__struct_fields__}, Resident)
    return {"search_key": search_key_of(person), "kana_key": kana_key(person.family_kana, person.given_kana)}


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, Boolean):
        return isinstance(value, bool)
    if isinstance(kind, Integer | BigInteger):
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE
    if isinstance(kind, Float):
        return isinstance(value, float | int) and not isinstance(value, bool)
    # PostgreSQL stores no NUL, and a lone surrogate is no text.
    return isinstance(value, str) and "\0" not in value and not any(_LOW <= sign <= _HIGH for sign in value)


def _subject(table: str, row: Any) -> str:
    return str(row["id" if "id" in row else "fact_id"]) if table in _SHOWN else ""


def _places(connection: Connection, resident: str) -> dict[int, int]:
    query = select(CONSENT.c.seq).where(CONSENT.c.resident_id == resident).order_by(CONSENT.c.seq)
    return {seq: place for place, seq in enumerate(connection.execute(query).scalars())}


def _readings(resident: str) -> Any:
    return (READING.c.resident_id == resident) & (READING.c.outcome == "accepted")


def _told(resident: str) -> Any:
    return (ADVICE.c.resident_id == resident) & (ADVICE.c.state == "delivered")


def _at_home(resident: str) -> Any:
    """The devices of the home that are the person's or measured them."""
    home = select(RESIDENT.c.household_id).where(RESIDENT.c.id == resident).scalar_subquery()
    heard = select(READING.c.device_id).where(_readings(resident))
    bound = select(BINDING.c.device_id).where(BINDING.c.resident_id == resident)
    return (DEVICE.c.household_id == home) & (DEVICE.c.id.in_(heard) | DEVICE.c.id.in_(bound))


def _of_advice(column: Any) -> Callable[[str], Any]:
    return lambda resident: column.in_(select(ADVICE.c.id).where(_told(resident)))


def _of_records(column: Any) -> Callable[[str], Any]:
    return lambda resident: or_(
        *(column.in_(select(one.c.id).where(one.c.resident_id == resident)) for one in (FACT, CARE_ENTRY))
    )


_WHERE: Final[Mapping[str, Callable[[str], Any]]] = {
    "household": lambda resident: (
        HOUSEHOLD.c.id == select(RESIDENT.c.household_id).where(RESIDENT.c.id == resident).scalar_subquery()
    ),
    "resident": lambda resident: RESIDENT.c.id == resident,
    "device": _at_home,
    "binding": lambda resident: (
        (BINDING.c.resident_id == resident) & BINDING.c.device_id.in_(select(DEVICE.c.id).where(_at_home(resident)))
    ),
    "reading": _readings,
    "measurement": lambda resident: MEASUREMENT.c.reading_id.in_(select(READING.c.id).where(_readings(resident))),
    "fact_origin": _of_records(FACT_ORIGIN.c.fact_id),
    "fact_release": _of_records(FACT_RELEASE.c.fact_id),
    "advice": _told,
    "advice_event": _of_advice(ADVICE_EVENT.c.advice_id),
    "advice_response": _of_advice(ADVICE_RESPONSE.c.advice_id),
    "referral": _of_advice(REFERRAL.c.advice_id),
    # A session that was taken back never was.
    "before_after": lambda resident: (BEFORE_AFTER.c.resident_id == resident) & BEFORE_AFTER.c.taken_back_at.is_(None),
}


def _where(table: str, resident: str) -> Any:
    made = _WHERE.get(table)
    return TABLES[table].c.resident_id == resident if made is None else made(resident)


def _order(table: str) -> list[Any]:
    """By what is the same wherever the row is stored; histories in the order in which they were said."""
    source = TABLES[table].c
    if "seq" in source:
        return [source.seq]
    first = [source.measured_at] if table == "reading" else []
    return [*first, *TABLES[table].primary_key.columns]
