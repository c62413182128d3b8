"""What the town has lent to whom, and what is left to wipe of what came back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, or_, select, update

from engine.loans import Loan, Order
from engine.store import audit
from engine.store.instants import from_micros, to_micros
from engine.store.repo_facts import By
from engine.store.tables import BINDING, DEVICE, RESIDENT
from engine.store.tables_loans import LOAN, LOAN_SLOT
from engine.store.tallies import note_people_changed

_ORDERS: Final = msgspec.json.Decoder(tuple[Order, ...])
_COLUMNS: Final = {
    "resident": "resident_id", "municipality": "municipality_code", "device": "device_id", "gateway": "gateway_id"
}  # fmt: skip
_INSTANTS: Final = ("lent_at", "returned_at", "tell_at", "wiped_at", "cleared_at")


def add(connection: Connection, loan: Loan, by: By) -> Loan:
    """Stores a new loan with its audit entry; that the thing is free is for the caller to have made sure."""
    row = _row(loan)
    del row["seq"]
    made = connection.execute(insert(LOAN), row).inserted_primary_key
    kept = msgspec.structs.replace(loan, seq=int(made[0]) if made is not None else 0)
    _told(connection, "loan-out", kept, by, kept.lent_at)
    return kept


def change(connection: Connection, loan: Loan, action: str, by: By, now: datetime, **values: Any) -> Loan | None:
    """The loan with other `values`, stored with its audit entry; None where somebody else changed it first."""
    audit.take_turn(connection)
    after = msgspec.structs.replace(loan, **values, version=loan.version + 1)
    mine = (LOAN.c.seq == loan.seq) & (LOAN.c.version == loan.version)
    row = _row(after)
    del row["seq"]
    if connection.execute(update(LOAN).where(mine).values(row)).rowcount != 1:
        return None
    _told(connection, action, after, by, now)
    return after


def newest(connection: Connection, asset: str) -> Loan | None:
    """The last loan of a thing, whether it is over or not."""
    return next(iter(_read(connection, select(LOAN).where(LOAN.c.asset == asset).order_by(*_LAST).limit(1))), None)


def get(connection: Connection, seq: int) -> Loan | None:
    """The loan of that number."""
    return next(iter(_read(connection, select(LOAN).where(LOAN.c.seq == seq))), None)


def unsettled(connection: Connection, towns: Collection[str] | None) -> list[Loan]:
    """What is out or not free again in these towns (None: all), by due day; what was lost counts until it is wiped."""
    newest_of = select(func.max(LOAN.c.seq)).group_by(LOAN.c.asset)
    waits = or_(LOAN.c.wiped_at.is_(None), (LOAN.c.cleared_at.is_(None)) & (LOAN.c.ended == "returned"))
    query = select(LOAN).where(or_(LOAN.c.returned_at.is_(None), waits), LOAN.c.seq.in_(newest_of))
    found = _read(connection, _within(query, towns).order_by(LOAN.c.due_on, LOAN.c.asset))
    return [one for one in found if one.state in {"out", "wiping"}]


def stock(connection: Connection, towns: Collection[str] | None) -> list[Loan]:
    """The newest loan of every thing, by its number: the town's inventory as far as it was ever lent."""
    query = select(LOAN).where(LOAN.c.seq.in_(select(func.max(LOAN.c.seq)).group_by(LOAN.c.asset)))
    return _read(connection, _within(query, towns).order_by(LOAN.c.asset))


def of_resident(connection: Connection, resident: str) -> list[Loan]:
    """What somebody has on loan, the next due first."""
    query = select(LOAN).where(LOAN.c.resident_id == resident, LOAN.c.returned_at.is_(None))
    return _read(connection, query.order_by(LOAN.c.due_on, LOAN.c.asset))


def ever_of(connection: Connection, resident: str) -> list[Loan]:
    """Everything somebody ever had on loan, oldest first."""
    return _read(connection, select(LOAN).where(LOAN.c.resident_id == resident).order_by(LOAN.c.seq))


def due_by(connection: Connection, day: date) -> list[Loan]:
    """Everything that is out and due up to that day."""
    query = select(LOAN).where(LOAN.c.returned_at.is_(None), LOAN.c.due_on <= day.isoformat())
    return _read(connection, query.order_by(LOAN.c.due_on, LOAN.c.seq))


def holding(connection: Connection, device: str) -> Loan | None:
    """The loan by which a device is out."""
    query = select(LOAN).where(LOAN.c.device_id == device, LOAN.c.returned_at.is_(None))
    return next(iter(_read(connection, query.limit(1))), None)


def candidates(connection: Connection, loan: Loan) -> list[str]:
    """The devices that came into the borrower's home since the loan began and are on no other loan."""
    taken = select(LOAN.c.device_id).where(LOAN.c.device_id.is_not(None), LOAN.c.returned_at.is_(None))
    query = select(DEVICE.c.id).join(RESIDENT, RESIDENT.c.household_id == DEVICE.c.household_id)
    query = query.where(RESIDENT.c.id == loan.resident, DEVICE.c.first_seen >= to_micros(loan.lent_at))
    return list(connection.execute(query.where(DEVICE.c.id.not_in(taken)).order_by(DEVICE.c.first_seen)).scalars())


def slots(connection: Connection, device: str) -> list[int]:
    """The slots of a device that are somebody's."""
    query = select(BINDING.c.slot).where(BINDING.c.device_id == device).order_by(BINDING.c.slot)
    return list(connection.execute(query).scalars())


def keep_slots(connection: Connection, loan: Loan, device: str) -> None:
    """Notes whose slots the device had, for what is still to come from before."""
    held = connection.execute(select(BINDING).where(BINDING.c.device_id == device).order_by(BINDING.c.slot)).all()
    rows = [
        {"loan": loan.seq, "slot": row.slot, "resident_id": row.resident_id, "since": row.since} for row in held
    ]  # fmt: skip
    if rows:
        connection.execute(insert(LOAN_SLOT), rows)
    note_people_changed(connection)


def waits(connection: Connection, now: datetime) -> bool:
    """Whether any gateway is to be told to give something up; holds nothing."""
    return connection.execute(select(LOAN.c.seq).where(LOAN.c.tell_at <= to_micros(now)).limit(1)).first() is not None


def to_tell(connection: Connection, now: datetime, limit: int = 50) -> list[Loan]:
    """The loans whose gateways are to be told now."""
    query = select(LOAN).where(LOAN.c.tell_at <= to_micros(now)).order_by(LOAN.c.tell_at, LOAN.c.seq).limit(limit)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    return _read(connection, query)


def told(connection: Connection, of: Iterable[str]) -> list[Loan]:
    """The loans that came back and of which one of these gateways has something to give up."""
    names = set(of)
    found = _read(connection, select(LOAN).where(LOAN.c.tell_at.is_not(None)).with_for_update())
    return [one for one in found if any(order.gateway in names for order in one.orders)]


def put_off(connection: Connection, loan: Loan, at: datetime | None) -> None:
    """Its gateways are told again at `at`, or not any more."""
    when = None if at is None else to_micros(at)
    connection.execute(update(LOAN).where(LOAN.c.seq == loan.seq).values(tell_at=when))


def let_be(connection: Connection, asset: str) -> None:
    """What is said of earlier loans of a thing ends: it goes out again, and is to be given up by nobody."""
    connection.execute(update(LOAN).where(LOAN.c.asset == asset, LOAN.c.returned_at.is_not(None)).values(tell_at=None))


def leaving(connection: Connection, gateways: Iterable[str]) -> frozenset[str]:
    """Those of these gateways that were given back and are not wiped yet."""
    query = select(LOAN.c.gateway_id).where(LOAN.c.gateway_id.in_(sorted(set(gateways))))
    query = query.where(LOAN.c.returned_at.is_not(None), LOAN.c.wiped_at.is_(None))
    return frozenset(connection.execute(query).scalars())


# An asset has one loan at a time, so that the last one stored is the last one lent.
_LAST: Final = (LOAN.c.seq.desc(),)


def _told(connection: Connection, action: str, loan: Loan, by: By, now: datetime) -> None:
    note_people_changed(connection)
    detail = [loan.asset, loan.sort, loan.due_on.isoformat(), loan.device, loan.gateway, loan.ended]
    audit.note(connection, action, loan.resident, by, now, detail)


def _within(query: Any, towns: Collection[str] | None) -> Any:
    return query if towns is None else query.where(LOAN.c.municipality_code.in_(sorted(towns)))


def _row(loan: Loan) -> dict[str, Any]:
    row = {_COLUMNS.get(name, name): getattr(loan, name) for name in Loan.__struct_fields__}
    row |= {name: None if row[name] is None else to_micros(row[name]) for name in _INSTANTS}
    return row | {"due_on": loan.due_on.isoformat(), "orders": msgspec.json.encode(loan.orders).decode()}


def _read(connection: Connection, query: Any) -> list[Loan]:
    return [_loan(row) for row in connection.execute(query).mappings()]


def _loan(row: Any) -> Loan:
    fields = {name: row[_COLUMNS.get(name, name)] for name in Loan.__struct_fields__}
    fields |= {name: None if fields[name] is None else from_micros(fields[name]) for name in _INSTANTS}
    due, orders = date.fromisoformat(row["due_on"]), _ORDERS.decode(row["orders"])
    return Loan(**fields | {"due_on": due, "orders": orders})
